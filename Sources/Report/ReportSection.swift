import Base

/// A part of a report.
public enum ReportSection: Sendable {
  /// A sentence or two.
  case note(String)
  /// A table.
  case table(ReportTable)
  /// A bar for each row; `share` is 0 to 1.
  case bars(title: String, bars: [(label: String, share: Double, group: Bool)])
  /// How scores of right and wrong pairs are spread.
  case histogram(title: String, ScoreBins, threshold: Double?)
  /// Precision over recall.
  case curve(title: String, points: [(recall: Double, precision: Double)], best: (recall: Double, precision: Double)?)
  /// Values over steps, a line for each series.
  case lines(title: String, series: [ReportSeries])
  /// Pairs of sentences.
  case pairs(title: String, [ReportPair])
}

/// Scores of right and wrong pairs, counted in bins of equal width.
public struct ScoreBins: Sendable, Equatable {
  /// The scores where the first bin begins and the last one ends; what is outside is counted in the outer bins.
  public var low: Double, high: Double
  /// How many right and wrong pairs are in each bin; both of the same length.
  public var right: [Double], wrong: [Double]
  /// Whether right and wrong are known, or estimated.
  public var isEstimated = false

  /// Bins that have been counted.
  public init(low: Double, high: Double, right: [Double], wrong: [Double], isEstimated: Bool) {
    precondition(right.count == wrong.count && !right.isEmpty && low < high)
    (self.low, self.high, self.right, self.wrong, self.isEstimated) = (low, high, right, wrong, isEstimated)
  }

  /// Counts scores whose truth is known; what is not finite does not count.
  ///
  /// - Returns: nil if the scores are all the same.
  public init?(right: [Double], wrong: [Double]) {
    guard let (low, high) = Self.range(right + wrong) else { return nil }
    (self.low, self.high) = (low, high)
    self.right = Self.counts(right, low, high)
    self.wrong = Self.counts(wrong, low, high)
  }

  /// The number of bins that scores are counted in.
  public static let count = 48

  /// Where most scores are: the outermost thousandth, which would squeeze everything else, is left to the outer bins.
  ///
  /// - Returns: nil if the scores are all the same.
  public static func range(_ scores: [Double]) -> (low: Double, high: Double)? {
    let all = scores.filter(\.isFinite).sorted()
    guard !all.isEmpty else { return nil }
    let (low, high) = (all[all.count / 1000], all[all.count - 1 - all.count / 1000])
    return low < high ? (low, high) : nil
  }

  private static func counts(_ scores: [Double], _ low: Double, _ high: Double) -> [Double] {
    var counts = [Double](repeating: 0, count: count)
    for score in scores where score.isFinite {
      let place = (score - low) / (high - low) * Double(count)
      counts[place < 0 ? 0 : Int(min(place, Double(count - 1)))] += 1
    }
    return counts
  }
}

/// Values over steps.
public struct ReportSeries: Sendable {
  /// What the values are.
  public var name: String
  /// Steps, rising, and values.
  public var points: [(x: Double, y: Double)]

  /// A series.
  public init(_ name: String, _ points: [(x: Double, y: Double)]) {
    self.name = name
    self.points = points
  }
}

/// A pair of sentences in a report.
public struct ReportPair: Sendable {
  /// Its score.
  public var score: Double
  /// The sentences.
  public var source: String, target: String

  /// A pair.
  public init(score: Double, source: String, target: String) {
    (self.score, self.source, self.target) = (score, source, target)
  }
}
