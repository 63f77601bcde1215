import Base

/// Writes a text, compressed as its name says, to a file that appears only when it is complete.
///
/// The same content gives the same bytes, whatever the pieces in which it was written.
public final class TextWriter {
  /// How the text is compressed on its way to the file.
  public enum Compression: Sendable, Equatable {
    case plain
    /// gzip, with a level of 1 to 9.
    case gzip(level: Int)
    /// zstd, with a level of 1 to 19.
    case zstd(level: Int)

    /// What the name of a file asks for: `.zst`, `.zstd` and `.gz`; anything else is plain.
    public init(path: String) {
      self =
        if path.hasSuffix(".zst") || path.hasSuffix(".zstd") {
          .zstd(level: 3)
        } else if path.hasSuffix(".gz") {
          .gzip(level: 6)
        } else {
          .plain
        }
    }
  }

  /// Bytes of text written so far, before compression.
  public private(set) var count = 0

  private static let bufferSize = 1 << 17
  private let file: OutputFile
  private let compressor: (any Compressor)?
  private var buffer: [UInt8] = []
  private var compressed: [UInt8] = []

  /// Creates the file under a temporary name; `-` is standard output, which is plain unless `compression` is given.
  ///
  /// - Parameter compression: what to do regardless of the file's name; nil to go by the name.
  /// - Throws: `Failure` naming the path, if it cannot be written.
  public init(path: String, compression: Compression? = nil) throws(Failure) {
    file = try path == "-" ? OutputFile.standardOutput() : OutputFile(path: path)
    compressor =
      switch compression ?? Compression(path: path) {
      case .plain: nil
      case .gzip(let level): try GzipCompressor(level: Int32(level), name: path)
      case .zstd(let level): try ZstdCompressor(level: Int32(level), name: path)
      }
    buffer.reserveCapacity(Self.bufferSize)
  }

  /// Appends bytes as they are.
  public func write(_ bytes: Span<UInt8>) throws(Failure) {
    count += bytes.count
    var position = 0
    while position < bytes.count {
      let end = min(bytes.count, position + Self.bufferSize - buffer.count)
      append(bytes.extracting(position..<end), to: &buffer)
      position = end
      if buffer.count == Self.bufferSize { try flush(last: false) }
    }
  }

  /// Appends a text as UTF-8.
  public func write(_ text: String) throws(Failure) {
    let bytes = Array(text.utf8)
    try write(bytes.span)
  }

  /// Appends one byte: a tab between columns, a newline.
  public func write(_ byte: UInt8) throws(Failure) {
    count += 1
    buffer.append(byte)
    if buffer.count == Self.bufferSize { try flush(last: false) }
  }

  /// Appends bytes, then a newline.
  public func writeLine(_ bytes: Span<UInt8>) throws(Failure) {
    try write(bytes)
    try write(UInt8(ascii: "\n"))
  }

  /// Appends a text, then a newline.
  public func writeLine(_ text: String) throws(Failure) {
    try write(text)
    try write(UInt8(ascii: "\n"))
  }

  /// Ends the compressed stream, makes the file durable and gives it its name. Without it there is no file.
  public func commit() throws(Failure) {
    try flush(last: true)
    try file.commit()
  }

  private func flush(last: Bool) throws(Failure) {
    if let compressor {
      compressed.removeAll(keepingCapacity: true)
      try compressor.compress(&buffer, last: last, into: &compressed)
      let bytes = compressed
      try unsafe file.write(bytes.span.bytes)
    } else {
      let bytes = buffer
      try unsafe file.write(bytes.span.bytes)
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
