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

/// What a `.npy` header says. The header is a Python literal; exactly the dictionary that NumPy writes is accepted.
struct NpyHeader {
  var rows: Int
  var columns: Int
  var type: EmbeddingType
  var dataOffset: Int

  private static let sizeLimit = 1 << 20

  init(_ bytes: RawSpan, path: String) throws(Failure) {
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    let present = min(bytes.byteCount, magic.count)
    guard (0..<present).allSatisfy({ bytes.number(at: $0, as: UInt8.self) == magic[$0] }) else {
      throw Failure(
        .badData, path, at: "offset 0", "is not a .npy file",
        remedy: "a headerless file of floats is converted with numpy: "
          + "np.save('x.npy', np.fromfile('x.raw', np.float32).reshape(-1, 1024))")
    }
    let cut = Failure(.badData, path, "ends inside its header", remedy: "the file is cut short: write it again")
    guard bytes.byteCount >= 10 else { throw cut }
    let version = (bytes.number(at: 6, as: UInt8.self), bytes.number(at: 7, as: UInt8.self))
    guard (1...3).contains(version.0), version.1 == 0 else {
      throw Failure(
        .badData, path, at: "offset 6", "is of .npy version \(version.0).\(version.1); known are 1.0, 2.0 and 3.0")
    }
    let start = version.0 == 1 ? 10 : 12
    guard bytes.byteCount >= start else { throw cut }
    let size = version.0 == 1 ? Int(bytes.number(at: 8, as: UInt16.self)) : Int(bytes.number(at: 8, as: UInt32.self))
    guard size <= Self.sizeLimit else {
      throw Failure(.badData, path, at: "offset 8", "claims a header of \(size) bytes; at most 1 MiB is allowed")
    }
    guard size <= bytes.byteCount - start else { throw cut }
    dataOffset = start + size
    let text = (start..<dataOffset).map { bytes.number(at: $0, as: UInt8.self) }
    var literal = HeaderLiteral(text: text, start: start, path: path)
    let fields = try literal.parse()

    switch fields.descriptor {
    case "<f4": type = .float32
    case "<f2": type = .float16
    default:
      throw Failure(
        .badData, path, "holds elements of the type '\(fields.descriptor)'; embeddings are '<f4' or '<f2'",
        remedy: "convert it with numpy: np.save('x.npy', np.load('\(path)').astype('<f4'))")
    }
    guard !fields.fortranOrder else {
      throw Failure(
        .badData, path, "is stored column by column (fortran_order)",
        remedy: "convert it with numpy: np.save('x.npy', np.ascontiguousarray(np.load('\(path)')))")
    }
    guard fields.shape.count == 2, fields.shape[1] >= 1 else {
      let shape = fields.shape.map(String.init).joined(separator: ", ")
      throw Failure(.badData, path, "has the shape (\(shape)); embeddings have two sizes, rows and columns")
    }
    rows = fields.shape[0]
    columns = fields.shape[1]
  }
}

/// A parser for `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
private struct HeaderLiteral {
  struct Fields {
    var descriptor: String
    var fortranOrder: Bool
    var shape: [Int]
  }

  let text: [UInt8]
  /// The file offset of the first byte, for failures.
  let start: Int
  let path: String
  private var index = 0

  init(text: [UInt8], start: Int, path: String) {
    self.text = text
    self.start = start
    self.path = path
  }

  mutating func parse() throws(Failure) -> Fields {
    var descriptor: String?
    var fortranOrder: Bool?
    var shape: [Int]?
    try expect("{")
    while !take("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr" where descriptor == nil: descriptor = try string()
      case "fortran_order" where fortranOrder == nil: fortranOrder = try boolean()
      case "shape" where shape == nil: shape = try tuple()
      default: throw bad("'\(key)' is not a key NumPy writes, or comes twice")
      }
      if !take(",") {
        try expect("}")
        break
      }
    }
    skipSpaces()
    guard index == text.count else { throw bad("something follows the dictionary") }
    guard let descriptor, let fortranOrder, let shape else {
      throw bad("one of the keys descr, fortran_order and shape is missing")
    }
    return Fields(descriptor: descriptor, fortranOrder: fortranOrder, shape: shape)
  }

  private mutating func skipSpaces() {
    while index < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[index]) { index += 1 }
  }

  private mutating func take(_ token: String) -> Bool {
    skipSpaces()
    guard text[index...].starts(with: token.utf8) else { return false }
    index += token.utf8.count
    return true
  }

  private mutating func expect(_ token: String) throws(Failure) {
    guard take(token) else { throw bad("'\(token)' is expected") }
  }

  private mutating func string() throws(Failure) -> String {
    skipSpaces()
    guard index < text.count, text[index] == UInt8(ascii: "'") || text[index] == UInt8(ascii: "\"") else {
      throw bad("a string is expected")
    }
    guard let end = text[(index + 1)...].firstIndex(of: text[index]), end - index <= 64 else {
      throw bad("a string does not end")
    }
    let content = text[index + 1..<end]
    guard content.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else {
      throw bad("a string holds a character that NumPy does not write")
    }
    index = end + 1
    return String(decoding: content, as: UTF8.self)
  }

  private mutating func boolean() throws(Failure) -> Bool {
    if take("True") { return true }
    if take("False") { return false }
    throw bad("True or False is expected")
  }

  private mutating func tuple() throws(Failure) -> [Int] {
    try expect("(")
    var sizes: [Int] = []
    while !take(")") {
      sizes.append(try integer())
      guard sizes.count <= 32 else { throw bad("the shape has more than 32 sizes") }
      if !take(",") {
        // (3) is a number in Python, not a tuple.
        guard sizes.count > 1 else { throw bad("',' is expected") }
        try expect(")")
        break
      }
    }
    return sizes
  }

  private mutating func integer() throws(Failure) -> Int {
    skipSpaces()
    let digits = text[index...].prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    guard let value = Int(String(decoding: digits, as: UTF8.self)) else {
      throw bad("a size that fits 63 bits is expected")
    }
    index += digits.count
    return value
  }

  private func bad(_ problem: String) -> Failure {
    Failure(
      .badData, path, at: "offset \(start + index)", "the .npy header is not what NumPy writes: \(problem)",
      remedy: "write the file again")
  }
}
