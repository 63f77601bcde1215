import Base

/// The element type of an embedding file.
public enum EmbeddingType: String, Sendable, Codable, CaseIterable {
  /// Single precision.
  case float32
  /// Half precision: half the disk and memory, with a relative error of at most 2^-11 an element.
  case float16

  /// The size of an element in bytes.
  public var size: Int { self == .float32 ? 4 : 2 }

  /// The type's name in a `.npy` header.
  var descriptor: String { self == .float32 ? "<f4" : "<f2" }
}

/// Writes a `.npy` file row after row.
///
/// The header is 128 bytes, so the rows start aligned to 64 bytes, and it has room for any number of rows: the number is
/// filled in at the end. It may be given ahead, which is needed where the output is a pipe.
public final class EmbeddingFileWriter {
  /// Where the file appears.
  public var path: String { output.path }
  /// The number of elements of a row.
  public let columns: Int
  /// The type of the elements.
  public let type: EmbeddingType
  /// The rows written so far.
  public private(set) var rows = 0

  private let output: OutputFile
  private let expectedRows: Int?

  /// Opens the output and writes the header.
  ///
  /// - Parameters:
  ///   - columns: the number of elements of a row, at least 1.
  ///   - expectedRows: how many rows will come, where that is known; `commit()` then checks it.
  public init(path: String, columns: Int, type: EmbeddingType, expectedRows: Int? = nil) throws(Failure) {
    precondition(columns >= 1 && (expectedRows ?? 0) >= 0)
    self.columns = columns
    self.type = type
    self.expectedRows = expectedRows
    output = try OutputFile(path: path)
    let header = Self.header(rows: expectedRows ?? 0, columns: columns, type: type)
    try unsafe output.write(header.span.bytes)
  }

  /// Appends one or more rows.
  ///
  /// - Parameter values: whole rows, one after the other.
  /// - Throws: `Failure` when a value does not fit half precision, or the disk is full.
  public func append(_ values: Span<Float>) throws(Failure) {
    precondition(values.count.isMultiple(of: columns), "rows are written whole")
    switch type {
    case .float32: try unsafe output.write(values.bytes)
    case .float16:
      var halves: [UInt16] = []
      if let index = FloatFormat.narrow(values, to: &halves) {
        throw Failure(
          .badData, path, at: "row \(rows + index / columns)", "holds \(values[index]), too large for float16",
          remedy: "write float32")
      }
      try unsafe output.write(halves.span.bytes)
    }
    rows += values.count / columns
  }

  /// Fills in the number of rows and makes the file durable under its name.
  ///
  /// - Throws: `Failure` when the number of rows is not the one announced, or writing fails.
  public func commit() throws(Failure) {
    if let expectedRows {
      guard rows == expectedRows else {
        throw Failure(.software, path, "\(rows) rows were written, but \(expectedRows) were announced")
      }
    } else if rows > 0 {
      let header = Self.header(rows: rows, columns: columns, type: type)
      try unsafe output.overwrite(at: 0, header.span.bytes)
    }
    try output.commit()
  }

  private static func header(rows: Int, columns: Int, type: EmbeddingType) -> [UInt8] {
    Npy.header(shape: [rows, columns], descriptor: type.descriptor)
  }
}

/// A `.npy` file of embeddings, mapped into memory: one row per sentence.
///
/// The header is checked against the file's size on opening; rows are read from the page cache when they are touched.
public final class EmbeddingFile: Sendable {
  /// The file.
  public let path: String
  /// The number of rows; may be 0.
  public let rows: Int
  /// The number of elements of a row, at least 1.
  public let columns: Int
  /// The type of the elements.
  public let type: EmbeddingType
  /// Where the rows start in the file.
  public let dataOffset: Int
  private let file: MappedFile

  /// The most elements that a row may have.
  static let widest = 65_536

  /// Maps a file and checks its header.
  ///
  /// - Throws: `Failure` naming the file, what was found, and for a file of another layout how to convert it.
  public init(path: String) throws(Failure) {
    self.path = path
    let file = try MappedFile(path: path)
    self.file = file
    let header = try NpyHeader(file.bytes, path: path)
    rows = header.rows
    columns = header.columns
    type = header.type
    dataOffset = header.dataOffset
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    let (size, sizeOverflow) = count.multipliedReportingOverflow(by: type.size)
    let found = file.count - dataOffset
    guard !overflow, !sizeOverflow, size == found else {
      let needed = overflow || sizeOverflow ? "more bytes than any file has" : "\(size) bytes"
      throw Failure(
        .badData, path, "\(rows) rows of \(columns) \(type.rawValue) take \(needed), but \(found) follow the header",
        remedy: "the file is cut short or damaged: write it again")
    }
  }

  /// The size of a row in bytes.
  public var rowSize: Int { columns * type.size }

  /// The bytes of consecutive rows, borrowed from the mapping.
  ///
  /// - Precondition: the rows exist.
  @_lifetime(borrow self)
  public func bytes(rows range: Range<Int>) -> RawSpan {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows)
    let file = file
    let start = dataOffset + range.lowerBound * rowSize
    let span = file.bytes.extracting(start..<start + range.count * rowSize)
    // The mapping lives as long as `self` does.
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The first row's first byte, for the modules that own raw memory; valid as long as this object is referenced.
  package var pointer: UnsafeRawPointer { unsafe file.pointer + dataOffset }

  /// Whether the rows are aligned to their elements, so that a pointer to them may be used as one to numbers.
  public var isAligned: Bool { dataOffset.isMultiple(of: type.size) }

  /// Converts consecutive rows to single precision.
  ///
  /// - Parameters:
  ///   - range: rows that exist.
  ///   - output: exactly `range.count * columns` elements.
  public func copyFloats(rows range: Range<Int>, into output: inout MutableSpan<Float>) {
    precondition(output.count == range.count * columns)
    switch type {
    case .float32: FloatFormat.copySingles(bytes(rows: range), to: &output, count: output.count)
    case .float16: FloatFormat.copyHalves(bytes(rows: range), to: &output, count: output.count)
    }
  }

  /// Consecutive rows in single precision.
  public func floats(rows range: Range<Int>) -> [Float] {
    var values = [Float](repeating: 0, count: range.count * columns)
    var span = values.mutableSpan
    copyFloats(rows: range, into: &span)
    return values
  }

  /// Tells the system that the pages are not needed for now.
  public func dropFromMemory() { file.dropFromMemory() }
}
