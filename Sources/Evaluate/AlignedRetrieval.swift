import Base
import Index
import Mine

/// Accuracies of finding the partner of each line of two aligned texts. All are shares, 0 to 1.
public struct AlignedScores: Sendable, Equatable, Encodable {
  /// Accuracies in both directions.
  public struct Directions: Sendable, Equatable {
    /// From the first text to the second.
    public var forward: Double
    /// From the second text to the first.
    public var backward: Double
    /// The mean of both.
    public var mean: Double { (forward + backward) / 2 }
  }

  /// The number of lines.
  public var n: Int
  /// By cosine; right is the line of the same number. Of equal cosines the lower row counts as the nearest, as with
  /// NumPy's argmax.
  public var cosine: Directions
  /// By cosine; right is any line of the same text as the partner's (LASER's option). nil without texts.
  public var cosineText: Directions?
  /// By margin: of the k nearest the one with the highest margin; right is the line of the same number.
  public var margin: Directions
  /// By margin, right is any line of the same text. nil without texts.
  public var marginText: Directions?
  /// What MTEB's bitext mining shows for such a set: forward by cosine, precision and recall of every target averaged.
  public var mtebF1: Double
  /// The answers, line by line; nil for means over several sets.
  public var outcomes: Outcomes?

  /// xsim's error rate: the share of first-text lines whose partner is not found by margin.
  public var xsimError: Double { 1 - margin.forward }

  /// The unweighted mean over several test sets; `n` becomes their sum. A figure that one of them lacks is nil.
  static func mean(_ all: [AlignedScores]) -> AlignedScores? {
    if all.isEmpty { return nil }
    func average(_ values: [Directions]) -> Directions? {
      if values.count < all.count { return nil }
      let count = Double(values.count)
      return Directions(
        forward: values.reduce(0) { $0 + $1.forward } / count, backward: values.reduce(0) { $0 + $1.backward } / count)
    }
    guard let cosine = average(all.map(\.cosine)), let margin = average(all.map(\.margin)) else { return nil }
    return AlignedScores(
      n: all.reduce(0) { $0 + $1.n }, cosine: cosine, cosineText: average(all.compactMap(\.cosineText)), margin: margin,
      marginText: average(all.compactMap(\.marginText)),
      mtebF1: all.reduce(0) { $0 + $1.mtebF1 } / Double(all.count))
  }

  /// The variants, each with what its keys in JSON end in.
  private var variants: [(suffix: String, directions: Directions?)] {
    [("", cosine), ("_text", cosineText), ("_margin", margin), ("_margin_text", marginText)]
  }

  /// The key of a variant's mean over both directions, which is not stored for single lines.
  static func meanName(_ suffix: String) -> String { String((suffix + "_mean").dropFirst()) }

  /// Writes one flat object: `forward` and `backward` are by cosine and index, the others have the variant in the name.
  public func encode(to encoder: any Encoder) throws {
    for (suffix, directions) in variants {
      guard let directions else { continue }
      try encoder.add([
        "forward" + suffix: directions.forward, "backward" + suffix: directions.backward,
        Self.meanName(suffix): directions.mean,
      ])
    }
    try encoder.add([
      "n": n, "mteb_f1": mtebF1, "xsim_error": xsimError, "xsim_error_backward": 1 - margin.backward,
      "xsim_error_text": marginText.map { 1 - $0.forward },
      "xsim_error_backward_text": marginText.map { 1 - $0.backward }, "outcomes": outcomes,
    ])
  }
}

/// What comparing two aligned texts gave.
public struct AlignedOutcome: Sendable {
  /// The accuracies.
  public var scores: AlignedScores
  /// For every line of the first text the line found by margin, its score, and whether it is the right one.
  public var found: [(row: Int, score: Double, right: Bool)]
}

/// How the margin of aligned retrieval is computed.
public struct MarginOptions: Sendable, Equatable {
  /// Neighbours for the means and candidates for the choice.
  public var k: Int
  /// The margin.
  public var margin: Margin

  /// xsim's defaults: ratio with 4 neighbours.
  public init(k: Int = 4, margin: Margin = .ratio) {
    self.k = k
    self.margin = margin
  }
}

extension Evaluator {
  /// Accuracies of two aligned texts, both directions, from one search.
  ///
  /// - Parameters:
  ///   - sourceText, targetText: for the figures by text; nil if only embeddings are known.
  /// - Throws: `Failure` when the sides differ in rows or columns.
  public func aligned(
    _ source: EmbeddingSide, _ target: EmbeddingSide, sourceText: EvaluationText? = nil,
    targetText: EvaluationText? = nil, _ options: MarginOptions = MarginOptions()
  ) throws(Failure) -> AlignedOutcome {
    guard source.rows == target.rows else {
      throw Failure(
        .badData, target.name, "has \(target.rows) rows, but \(source.name) has \(source.rows)",
        remedy: "aligned files have the same number of lines")
    }
    let n = source.rows
    let neighbours = try neighbours(source, target, k: options.k)
    let nearestTarget = (0..<n).map { Int(neighbours.forward.ids[$0 * neighbours.forward.k]) }
    let nearestSource = (0..<n).map { Int(neighbours.backward.ids[$0 * neighbours.backward.k]) }

    let miner = PairMiner(neighbours)
    var mining = MiningOptions()
    mining.margin = options.margin
    mining.retrieval = .forward
    var found = [(row: Int, score: Double, right: Bool)](repeating: (0, 0, false), count: n)
    for pair in miner.pairs(mining).pairs {
      found[Int(pair.source)] = (Int(pair.target), pair.score, pair.source == pair.target)
    }
    mining.retrieval = .backward
    var foundSource = [Int](repeating: 0, count: n)
    for pair in miner.pairs(mining).pairs { foundSource[Int(pair.target)] = Int(pair.source) }

    var outcomes = Outcomes(unit: "lines", n: n)
    /// For each line whether what was found is of the same class as the line itself; noted under a name.
    func accuracy(_ found: [Int], _ classes: [Int], _ name: String) -> Double {
      let hits = zip(found, 0..<n).map { classes[$0] == classes[$1] }
      outcomes.hits[name] = [hits]
      return Double(hits.count { $0 }) / Double(n)
    }
    func both(
      _ forward: [Int], _ backward: [Int], _ source: [Int], _ target: [Int], _ suffix: String
    ) -> AlignedScores.Directions {
      AlignedScores.Directions(
        forward: accuracy(forward, target, "forward" + suffix),
        backward: accuracy(backward, source, "backward" + suffix))
    }
    let byIndex = Array(0..<n)
    let foundTarget = found.map(\.row)
    var scores = AlignedScores(
      n: n, cosine: both(nearestTarget, nearestSource, byIndex, byIndex, ""),
      margin: both(foundTarget, foundSource, byIndex, byIndex, "_margin"),
      mtebF1: MtebScores(answers: nearestTarget, labels: byIndex).f1)
    if let sourceText, let targetText {
      let (source, target) = (try sourceText.unified().group, try targetText.unified().group)
      scores.cosineText = both(nearestTarget, nearestSource, source, target, "_text")
      scores.marginText = both(foundTarget, foundSource, source, target, "_margin_text")
      var fingerprint = Fingerprint()
      fingerprint.add(sourceText)
      fingerprint.add(targetText)
      outcomes.data = fingerprint.text
    }
    scores.outcomes = outcomes
    return AlignedOutcome(scores: scores, found: found)
  }
}
