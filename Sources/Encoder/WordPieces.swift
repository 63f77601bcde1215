import Base
import Corpus

extension Tokenizer {
  /// Appends the ids of a sentence that is cut into words first, in the order of EMS's public inference code: stripped and
  /// lower-cased, cut into words, then into pieces.
  ///
  /// - Parameter words: nil for text as it is; the rest is as without it.
  /// - Returns: the number of ids appended, 1...limit.
  /// - Throws: `Failure` when SentencePiece or Juman++ fails.
  @discardableResult
  public func encode(
    _ text: RawSpan, words: WordSplitter?, lowercase: Bool, limit: Int, into ids: inout [Int32]
  ) throws(Failure) -> Int {
    guard words != nil else { return try encode(text, lowercase: lowercase, limit: limit, into: &ids) }
    let cut = try self.words(bounded(text, tokens: limit), words: words, lowercase: lowercase)
    return try encode(unsafe cut.span.bytes, lowercase: false, limit: limit, into: &ids)
  }

  /// A sentence as it is before it is cut into pieces: stripped, lower-cased, and its words with a space between two of them.
  ///
  /// - Parameters:
  ///   - text: UTF-8.
  ///   - words: nil for text as it is.
  ///   - lowercase: whether to lower-case first.
  /// - Throws: `Failure` when Juman++ fails.
  public func words(_ text: RawSpan, words: WordSplitter?, lowercase: Bool) throws(Failure) -> [UInt8] {
    let trimmed = trimmingWhiteSpace(text)
    var plain: [UInt8]
    if lowercase {
      plain = lowercased(trimmed)
    } else {
      plain = []
      plain.reserveCapacity(trimmed.byteCount)
      for i in trimmed.byteOffsets { plain.append(trimmed.number(at: i, as: UInt8.self)) }
    }
    guard let words else { return plain }
    return try words.split(plain.span)
  }
}
