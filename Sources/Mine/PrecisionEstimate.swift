import Foundation
import Index

/// How many of a run's pairs are right at each threshold, estimated without any known pair.
///
/// Bests that do not choose back are wrong, and show how wrong scores are spread in these very dumps; `ScoreMixture` tells from
/// that how many of the pairs that do choose back are wrong, too. docs/mining.md says what it was measured against.
public struct PrecisionEstimate: Sendable, Codable, Equatable {
  /// What a threshold gives.
  public struct Point: Sendable, Codable, Equatable {
    /// The lowest score that is kept.
    public var threshold: Double
    /// Pairs that reach it.
    public var pairs: Int
    /// The share of them that is right, from 0 to 1: the estimate, and the ends of its 95 % interval.
    public var precision: Double, low: Double, high: Double
  }

  /// Points by rising threshold. With the ratio margin from 1 to 1.3 in steps of 0.02.
  public var thresholds: [Point]
  /// Whether the scores show that the dumps share sentences at all. Where they do not, every precision is 0.
  public var related: Bool
  /// Right pairs among all that were mined.
  public var right: Int
  /// The precision that was asked for, and the lowest threshold that reaches it (with three decimals); nil where none does.
  public var goal: Double?, chosen: Double?

  /// Pairs that choose each other below which nothing is estimated.
  public static let fewest = 60

  /// The interval is wider than counting alone makes it by this factor: with it, it holds what gold says on the sets that
  /// docs/mining.md names.
  private static let caution = 1.25

  /// So many standard deviations more wrong pairs may there be at the threshold that is chosen for a precision.
  private static let safety = 1.25

  /// Estimates from neighbours.
  ///
  /// - Parameters:
  ///   - options: margin and strategy; the threshold is not used.
  ///   - goal: a precision to choose a threshold for. To be on the safe side it has to be reached with 1.25 standard
  ///     deviations more wrong pairs.
  /// - Returns: nil where there are too few pairs, or only one neighbour for each row, so that nothing can be said.
  public init?(_ miner: PairMiner, options: MiningOptions, goal: Double? = nil) {
    guard let histogram = miner.scoreHistogram(options.margin),
      histogram.mutual.reduce(0, +) >= Double(Self.fewest)
    else { return nil }
    var all = options
    all.threshold = nil
    self.init(histogram, ScoredPairs(miner.pairs(all).pairs), margin: options.margin, goal: goal)
  }

  init(_ histogram: ScoreHistogram, _ pairs: ScoredPairs, margin: Margin, goal: Double?) {
    let fit = ScoreMixture(histogram, withRight: true)
    let without = ScoreMixture(histogram, withRight: false, near: fit)
    let tail = fit.tail(histogram)
    let mutual = histogram.mutual.reduce(0, +)
    // Dumps that share nothing give a gain up to 9, since no curve is quite true; 50 pairs among 20,000 sentences give 80.
    // Where nearly every row of the larger side is chosen back (two texts that are aligned), there is little that curves could be
    // fitted to; but of wrong bests at most about three in four are.
    let most = 3 * (histogram.rows - histogram.chosen)
    let related =
      without.objective - fit.objective > min(15, 4 + mutual / 200) || 4 * histogram.chosen > 3 * histogram.rows
    let all = tail.allWrong
    let share = all > 0 ? min(1, most / all) : 1

    /// Wrong pairs that reach a threshold: those known to be wrong, those that the curves tell, and the deviation of the
    /// logarithm of the latter so far as the curves may be other ones.
    func wrong(_ threshold: Double) -> (known: Double, told: Double, spread: Double) {
      let (count, deviation) = fit.wrong(above: max(threshold, histogram.origin), tail, histogram)
      let told = count * share
      var known = pairs.oneSided(from: max(threshold, histogram.origin))
      // The curves begin at the origin; what is below is wrong.
      if threshold < histogram.origin { known += pairs.count(from: threshold) - pairs.count(from: histogram.origin) }
      return (Double(known), told, min(Self.caution * deviation, 2))
    }
    func point(_ threshold: Double) -> Point {
      let count = pairs.count(from: threshold)
      guard count > 0 else { return Point(threshold: threshold, pairs: 0, precision: 0, low: 0, high: 0) }
      let (known, told, spread) = wrong(threshold)
      func precision(_ deviations: Double) -> Double {
        min(max(1 - (known + Self.count(told, spread, deviations)) / Double(count), 0), 1)
      }
      return Point(
        threshold: threshold, pairs: count, precision: related ? precision(0) : 0, low: related ? precision(1.96) : 0,
        high: precision(-1.96))
    }

    self.related = related
    right = related ? Int((share < 1 ? mutual - all * share : tail.right).rounded()) : 0
    thresholds = Self.grid(margin, histogram).map(point)
    self.goal = goal
    if let goal, related, let highest = pairs.highest {
      let (top, bottom) = (Int(min(highest, 1e6) * 1000), Int((histogram.origin * 1000).rounded(.up)))
      for step in stride(from: bottom, through: top, by: 1) {
        let threshold = Double(step) / 1000
        let (known, told, spread) = wrong(threshold)
        let count = Double(pairs.count(from: threshold))
        if count > 0, known + Self.count(told, spread, Self.safety) <= (1 - goal) * count {
          chosen = threshold
          break
        }
      }
    }
  }

  /// A count so many deviations away: those of the curves, as factors, and that of counting.
  private static func count(_ told: Double, _ spread: Double, _ deviations: Double) -> Double {
    let curves = told * (exp(deviations * spread) - 1)
    let away = (curves * curves + deviations * deviations * told).squareRoot()
    return max(0, deviations < 0 ? told - away : told + away)
  }

  /// The precision at any threshold: along straight lines between those of the table, whose ends stand for what is beyond.
  func precision(at threshold: Double) -> Double {
    guard let next = thresholds.firstIndex(where: { $0.threshold >= threshold && $0.pairs > 0 }) else {
      return thresholds.last { $0.pairs > 0 }?.precision ?? 0
    }
    guard next > 0 else { return thresholds[0].precision }
    let (a, b) = (thresholds[next - 1], thresholds[next])
    return a.precision + (b.precision - a.precision) * (threshold - a.threshold) / (b.threshold - a.threshold)
  }

  /// The thresholds of the table.
  private static func grid(_ margin: Margin, _ histogram: ScoreHistogram) -> [Double] {
    if margin == .ratio { return (50...65).map { Double($0) / 50 } }
    // Of other margins 20 from where wrong pairs are usual to where there are none.
    return (0..<20).map { ((histogram.origin + 0.4 * Double($0) * histogram.unit) * 1000).rounded() / 1000 }
  }
}

/// The scores of a run's pairs, to be counted.
struct ScoredPairs {
  /// Falling scores of all pairs, and of those of which one side prefers another sentence.
  private let all: [Double], alone: [Double]

  /// - Parameter pairs: by falling score.
  init(_ pairs: [MinedPair]) {
    all = pairs.map(\.score)
    alone = pairs.filter { $0.direction != .both }.map(\.score)
  }

  /// The highest score.
  var highest: Double? { all.first }

  /// Pairs that reach a threshold.
  func count(from threshold: Double) -> Int { Self.count(all, threshold) }
  /// Pairs that reach a threshold, but one of their sides has a better one.
  func oneSided(from threshold: Double) -> Int { Self.count(alone, threshold) }

  private static func count(_ scores: [Double], _ threshold: Double) -> Int {
    var (low, high) = (0, scores.count)
    while low < high {
      let middle = (low + high) / 2
      if scores[middle] >= threshold { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension PairMiner {
  /// The scores of both sides' bests, counted; nil where rows have only one neighbour, or where all scores are the same.
  func scoreHistogram(_ margin: Margin) -> ScoreHistogram? {
    let (forward, backward) = (neighbours.forward, neighbours.backward)
    let sources = bests(forward, sourceMeans, targetMeans, margin)
    let targets = bests(backward, targetMeans, sourceMeans, margin)
    var second = runnersUp(forward, sourceMeans, targetMeans, sources, margin)
    second += runnersUp(backward, targetMeans, sourceMeans, targets, margin)
    guard !second.isEmpty else { return nil }
    second.sort()
    let (origin, high) = (second[second.count / 2], second[second.count * 9 / 10])
    guard high > origin, (high - origin).isFinite else { return nil }
    var highest = origin
    for best in sources where best.score.isFinite { highest = max(highest, best.score) }
    for best in targets where best.score.isFinite { highest = max(highest, best.score) }
    var histogram = ScoreHistogram(origin: origin, unit: high - origin, highest: highest)
    histogram.rows = Double(max(forward.rows, backward.rows))
    for (row, best) in sources.enumerated() {
      let target = Int(forward.ids[best.place])
      guard target >= 0 else { continue }
      let mutual = backward.ids[targets[target].place] == Int32(row)
      if mutual { histogram.chosen += 1 }
      guard let bin = histogram.bin(best.score) else { continue }
      if mutual {
        histogram.mutual[bin] += 1
      } else {
        histogram.forward[bin] += 1
      }
    }
    for (row, best) in targets.enumerated() {
      let source = Int(backward.ids[best.place])
      guard source >= 0, let bin = histogram.bin(best.score) else { continue }
      if forward.ids[sources[source].place] != Int32(row) { histogram.backward[bin] += 1 }
    }
    return histogram
  }

  /// The scores that rows would have without their best candidates: of at most 100,000 rows, at even distances.
  private func runnersUp(
    _ lists: NeighbourLists, _ means: [Double], _ otherMeans: [Double], _ bests: [(score: Double, place: Int)],
    _ margin: Margin
  ) -> [Double] {
    let k = lists.k
    var scores: [Double] = []
    for row in stride(from: 0, to: lists.rows, by: max(1, lists.rows / 100_000)) {
      let places = (row * k..<(row + 1) * k).filter { lists.ids[$0] >= 0 && $0 != bests[row].place }
      guard !places.isEmpty else { continue }
      let mean = places.reduce(0.0) { $0 + Double(lists.scores[$1]) } / Double(places.count)
      let best = places.map {
        margin.score(cosine: lists.scores[$0], sourceMean: mean, targetMean: otherMeans[Int(lists.ids[$0])])
      }.max()
      if let best, best.isFinite { scores.append(best) }
    }
    return scores
  }
}

/// What is said of an estimate and a cut beside the counts of a run: the keys `thresholds`, `related`, `right`, `threshold`,
/// `threshold_reason` and `precision_goal`, in OUTPUT.json and with --json.
struct EstimateRecord: Encodable {
  var thresholds: [PrecisionEstimate.Point]?
  /// Nil where nothing is known.
  var related: Bool?
  var right: Int?
  var threshold: Double?
  var reason: Cut.Reason?
  var goal: Double?

  enum CodingKeys: String, CodingKey {
    case thresholds, related, threshold
    case right = "estimated_right"
    case reason = "threshold_reason"
    case goal = "precision_goal"
  }

  init(_ estimate: PrecisionEstimate?, _ cut: Cut?) {
    thresholds = estimate?.thresholds ?? []
    related = estimate?.related
    right = estimate?.right
    threshold = cut?.threshold
    reason = cut?.reason
    goal = cut?.goal
  }

  /// Writes what is not known as null, so that the keys are always there.
  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(thresholds, forKey: .thresholds)
    try values.encode(related, forKey: .related)
    try values.encode(right, forKey: .right)
    try values.encode(threshold, forKey: .threshold)
    try values.encode(reason, forKey: .reason)
    try values.encode(goal, forKey: .goal)
  }
}
