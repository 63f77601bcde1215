import Base

/// Where a line begins in a plain text: so that reading can begin there, and not with the first line.
public struct LinePlace: Sendable, Equatable {
  /// The number of the line, from 0.
  public private(set) var line = 0
  /// The offset of its first byte.
  public private(set) var byte = 0

  /// The beginning of a text.
  public init() {}

  /// Goes on to a later line.
  ///
  /// - Parameters:
  ///   - target: its number, from 0; not before this line.
  ///   - text: uncompressed, each of its lines with a newline at its end.
  /// - Throws: `Failure` naming the text if it has no such line.
  public mutating func advance(to target: Int, in text: MappedFile) throws(Failure) {
    precondition(target >= line)
    let bytes = text.bytes
    let span = Span<UInt8>(_bytes: bytes)
    while line < target {
      guard let end = firstIndex(of: UInt8(ascii: "\n"), in: span, from: byte, to: span.count) else {
        throw Failure(
          .badData, text.path, "has \(line) lines, but line \(target) is to be read from it",
          remedy: "the file is cut short: write it again")
      }
      line += 1
      byte = end + 1
    }
  }
}
