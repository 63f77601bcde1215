import Base

/// Chooses which mined pairs go into a training: by score, flags, lengths, novelty and number.
public struct PairSelection: Sendable {
  /// A corpus whose pairs are not new: a table of `source TAB target [TAB origin]`.
  public struct KnownCorpus: Sendable {
    /// The table.
    public var path: String
    /// Whether its first column is in the target language.
    public var turned: Bool
    /// Lines with one of these in the third column are left out.
    public var excludedOrigins: Set<String>

    /// A corpus by its parts.
    public init(path: String, turned: Bool = false, excludedOrigins: Set<String> = []) {
      self.path = path
      self.turned = turned
      self.excludedOrigins = excludedOrigins
    }
  }

  /// What was kept and why the rest was not.
  public struct Report: Sendable, Encodable {
    /// Pairs that were read.
    public var mined = 0
    /// By reason, how many went for it; a pair goes for the first reason that holds.
    public var dropped: [String: Int] = [:]
    /// The reasons in the order in which they are looked at.
    public var reasons: [String] = []
    /// Pairs that were written.
    public var kept = 0
    /// The median of target's over source's characters.
    public var usualLengthRatio = 1.0
    /// The scores at the ends of what was kept.
    public var lowestScore = 0.0, highestScore = 0.0

    private enum CodingKeys: String, CodingKey {
      case mined, dropped, reasons, kept
      case usualLengthRatio = "usual_length_ratio"
      case lowestScore = "lowest_score"
      case highestScore = "highest_score"
    }
  }

  /// The lowest score that is kept.
  public var threshold: Double
  /// Flags of `ems mine` whose pairs are left out.
  public var droppedFlags: [String] = ["number", "url", "hub"]
  /// How many characters each side may have.
  public var characters: ClosedRange<Int> = 3...400
  /// How far a pair's ratio of lengths may be from the median, as a factor over 1.
  public var lengthRatio = 2.2
  /// The most pairs, best first; 0 for all.
  public var limit = 0
  /// Corpora whose pairs are not new.
  public var known: [KnownCorpus] = []

  /// A selection with this threshold.
  public init(threshold: Double) { self.threshold = threshold }

  /// The columns that are read.
  public static let columns = ["score", "cosine", "source", "target", "flags"]

  private struct Pair {
    var score: Double
    var scoreText: String, source: String, target: String
    var flags: Set<Substring>
    var ratio: Double {
      Double(target.unicodeScalars.count) / Double(max(1, source.unicodeScalars.count))
    }
  }

  /// Writes `score TAB source TAB target` for the pairs that are kept, in the order of the input, which is best first.
  ///
  /// - Throws: `Failure` for a table with other columns, a score that is no number, and when no pair is kept.
  public func select(from path: String, to output: String) throws(Failure) -> Report {
    let file = try OutputFile(path: output)
    var report = Report()
    var above: [Pair] = []
    try PairTable.forEachLine(of: path) { (number, columns) throws(Failure) in
      guard columns.count == Self.columns.count else {
        throw Failure(
          .badData, path, at: "line \(number)",
          "has \(columns.count) columns; \(Self.columns.joined(separator: ", ")) are expected",
          remedy: "mine with --fields \(Self.columns.joined(separator: ","))")
      }
      guard let score = Double(columns[0]), score.isFinite else {
        throw Failure(.badData, path, at: "line \(number)", "\"\(columns[0])\" is no score")
      }
      report.mined += 1
      if score < threshold { return }
      above.append(
        Pair(
          score: score, scoreText: String(columns[0]), source: String(columns[2]), target: String(columns[3]),
          flags: Set(columns[4].split(separator: ","))))
    }
    // Scripts differ in how many characters they need: a pair's ratio is set against the usual one.
    report.usualLengthRatio = Self.median(above.map(\.ratio)) ?? 1
    let belowReason = "below the threshold"
    report.reasons =
      [belowReason] + droppedFlags.map { "flag: \($0)" }
      + ["length", "length ratio", "the same text on both sides", "in the old data already", "over the limit"]
    for reason in report.reasons { report.dropped[reason] = 0 }
    report.dropped[belowReason] = report.mined - above.count
    var normalizer = Normalizer()
    let old = try knownPairs(&normalizer)
    for pair in above {
      if let reason = reason(pair, report, old, &normalizer) {
        report.dropped[reason, default: 0] += 1
        continue
      }
      if report.kept == 0 { report.highestScore = pair.score }
      report.lowestScore = pair.score
      report.kept += 1
      try file.write("\(pair.scoreText)\t\(pair.source)\t\(pair.target)\n")
    }
    guard report.kept > 0 else {
      let reasons = report.reasons.filter { report.dropped[$0] ?? 0 > 0 }.map { "\($0) \(report.dropped[$0] ?? 0)" }
      throw Failure(
        .badData, path, "none of its \(report.mined) pairs is kept (\(reasons.joined(separator: ", ")))",
        remedy: "lower the threshold, or mine more")
    }
    try file.commit()
    return report
  }

  private func reason(
    _ pair: Pair, _ report: Report, _ old: Set<PairKey>, _ normalizer: inout Normalizer
  ) -> String? {
    if let flag = droppedFlags.first(where: { pair.flags.contains(Substring($0)) }) { return "flag: \(flag)" }
    for text in [pair.source, pair.target] where !characters.contains(text.unicodeScalars.count) { return "length" }
    let ratio = pair.ratio / report.usualLengthRatio
    if max(ratio, 1 / ratio) > lengthRatio { return "length ratio" }
    let key = PairKey(pair.source, pair.target, &normalizer)
    if key.source == key.target { return "the same text on both sides" }
    if old.contains(key) { return "in the old data already" }
    return limit > 0 && report.kept >= limit ? "over the limit" : nil
  }

  private func knownPairs(_ normalizer: inout Normalizer) throws(Failure) -> Set<PairKey> {
    var result: Set<PairKey> = []
    for corpus in known {
      var own = normalizer
      try PairTable.forEachLine(of: corpus.path) { (_, columns) throws(Failure) in
        guard columns.count >= 2 else { return }
        if columns.count > 2, corpus.excludedOrigins.contains(String(columns[2])) { return }
        let key = PairKey(columns[0], columns[1], &own)
        result.insert(corpus.turned ? key.turned : key)
      }
      normalizer = own
    }
    return result
  }

  private static func median(_ values: [Double]) -> Double? {
    if values.isEmpty { return nil }
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
