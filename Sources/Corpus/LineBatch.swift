/// Many lines in one block of bytes.
///
/// Reuse one batch for all calls: its memory is kept. A line is a span into the batch, so no line has an allocation of
/// its own.
public struct LineBatch: Sendable {
  struct Record {
    /// Where the id begins; equal to `text` in formats without ids.
    var start: UInt32
    var text: UInt32
    var end: UInt32
  }

  var bytes: [UInt8] = []
  var records: [Record] = []

  /// The number, counted from 1, that the first line of the batch has in its file.
  public internal(set) var firstLineNumber = 1

  /// An empty batch.
  public init() {}

  /// How many lines there are.
  public var count: Int { records.count }
  /// Bytes held, which is what `maxBytes` limits: the lines and what stood between them.
  public var byteCount: Int { bytes.count }

  /// The sentence of line `i` of the batch (0 ..< count): well-formed UTF-8 without a line end.
  public subscript(i: Int) -> Span<UInt8> {
    @_lifetime(borrow self)
    get { bytes.span.extracting(range(i)) }
  }

  /// The id of line `i`, empty in formats that have none.
  @_lifetime(borrow self)
  public func id(_ i: Int) -> Span<UInt8> { bytes.span.extracting(idRange(i)) }

  /// The sentence of line `i` as a String: for messages and for the few places that need Unicode rules.
  public func text(_ i: Int) -> String { String(decoding: bytes[range(i)], as: UTF8.self) }

  /// The id of line `i` as a String.
  public func idText(_ i: Int) -> String { String(decoding: bytes[idRange(i)], as: UTF8.self) }

  func range(_ i: Int) -> Range<Int> {
    let record = records[i]
    return Int(record.text)..<Int(record.end)
  }

  private func idRange(_ i: Int) -> Range<Int> {
    let record = records[i]
    return Int(record.start)..<max(Int(record.start), Int(record.text) - 1)
  }

  mutating func clear(firstLineNumber number: Int) {
    bytes.removeAll(keepingCapacity: true)
    records.removeAll(keepingCapacity: true)
    firstLineNumber = number
  }
}
