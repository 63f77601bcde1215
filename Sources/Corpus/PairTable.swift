import Base

/// Lines of tab-separated columns, read whole: mined pairs are few enough to be held.
struct PairTable {
  /// Calls `body` with each line's number, from 1, and its columns.
  static func forEachLine(
    of path: String, _ body: (_ number: Int, _ columns: [Substring]) throws(Failure) -> Void
  ) throws(Failure) {
    let reader = try LineReader(path: path, options: TextOptions(format: .raw))
    var batch = LineBatch()
    while try reader.readBatch(into: &batch) {
      for i in 0..<batch.count {
        let text = batch.text(i)
        try body(batch.firstLineNumber + i, text.split(separator: "\t", omittingEmptySubsequences: false))
      }
    }
  }
}

/// The two sides of a pair without what makes no difference (`Normalizer`).
struct PairKey: Hashable {
  var source: Hash128
  var target: Hash128

  init(_ source: some StringProtocol, _ target: some StringProtocol, _ normalizer: inout Normalizer) {
    self.source = Self.hash(source, &normalizer)
    self.target = Self.hash(target, &normalizer)
  }

  /// The other way round.
  var turned: PairKey {
    var result = self
    swap(&result.source, &result.target)
    return result
  }

  static func hash(_ text: some StringProtocol, _ normalizer: inout Normalizer) -> Hash128 {
    let key = normalizer.key(of: String(text))
    return Hash128(key.span)
  }
}
