import Base
import Foundation

/// How sure the difference of two results on the same test set is: a paired bootstrap (Efron 1979), and an exact sign test
/// (McNemar's, where outcomes are right or wrong).
public struct PairedTest: Sendable, Encodable {
  /// Resamples of a bootstrap.
  static let resamples = 10_000

  /// Where the figure stands in the JSON, with dots between.
  public var name: String
  /// The language, for a figure of one of many.
  public var language: String?
  /// What was drawn anew, in the plural: lines, queries, documents, source lines, languages.
  public var unit: String
  /// How many there are; of them those that the new result does better, and worse.
  public var n: Int, better: Int, worse: Int
  /// New less old.
  public var difference: Double
  /// The middle 95 percent of the bootstrap's differences.
  public var low: Double, high: Double
  /// Twice the share of resamples in which the difference is nought or has the other sign, at most 1. With 10,000 resamples
  /// it is never below 0.0002.
  public var bootstrap: Double
  /// The probability of so uneven a split into better and worse, or a more uneven one, if both were equally good; nil where
  /// the figure is no mean over units.
  public var signTest: Double?

  /// Whether such a difference would come about by chance in less than one case of twenty: by both tests, for the bootstrap
  /// is too sure of itself where there are few units.
  var matters: Bool { bootstrap < 0.05 && (signTest ?? 0) < 0.05 }

  /// One object.
  public func encode(to encoder: any Encoder) throws {
    try encoder.add([
      "name": name, "language": language, "unit": unit, "n": n, "better": better, "worse": worse,
      "difference": difference, "low": low, "high": high, "bootstrap_p": bootstrap, "sign_test_p": signTest,
    ])
  }

  /// - Parameter differences: of the resamples, in any order.
  init(
    _ name: String, language: String? = nil, unit: String, n: Int, better: Int, worse: Int, difference: Double,
    resampled differences: [Double], signTest: Bool
  ) {
    (self.name, self.language, self.unit, self.n) = (name, language, unit, n)
    (self.better, self.worse, self.difference) = (better, worse, difference)
    let sorted = differences.sorted()
    let count = sorted.count
    (low, high) = (sorted[count / 40 - 1], sorted[count - count / 40 - 1])
    // Sums that differ by rounding only are nought.
    let tails = (sorted.count { $0 < 1e-12 }, sorted.count { $0 > -1e-12 })
    bootstrap = min(1, 2 * Double(min(tails.0, tails.1) + 1) / Double(count + 1))
    self.signTest = signTest ? Self.signTest(better, worse) : nil
  }

  /// The two-sided exact sign test.
  package static func signTest(_ a: Int, _ b: Int) -> Double {
    let n = a + b
    var tail = 0.0
    for i in 0...min(a, b) { tail += exp(logBinomial(n, i) - Double(n) * log(2)) }
    return min(1, 2 * tail)
  }

  /// The differences of means in resamples of units.
  ///
  /// Units with the same difference are of one kind, and a resample is how many of each kind it drew: the same as drawing
  /// them one by one, in time that grows with the kinds.
  static func resampleMeans(_ differences: [Double], _ random: inout SplitMix64) -> [Double] {
    var kinds: [Double: Int] = [:]
    for value in differences { kinds[value, default: 0] += 1 }
    let values = kinds.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
    return resample(values.map(\.value), &random) { drawn in
      zip(drawn, values).reduce(0) { $0 + Double($1.0) * $1.1.key } / Double(differences.count)
    }
  }

  /// Draws as often as there are units, with replacement; gives the statistic of how many of each kind were drawn.
  static func resample(
    _ counts: [Int], _ random: inout SplitMix64, _ statistic: ([Int]) -> Double
  ) -> [Double] {
    let total = counts.reduce(0, +)
    var drawn = [Int](repeating: 0, count: counts.count)
    return (0..<resamples).map { _ in
      var (draws, left) = (total, total)
      for (kind, count) in counts.enumerated() {
        drawn[kind] = count == left ? draws : random.binomial(draws, Double(count) / Double(left))
        draws -= drawn[kind]
        left -= count
      }
      return statistic(drawn)
    }
  }
}

/// The logarithm of n over k.
private func logBinomial(_ n: Int, _ k: Int) -> Double {
  lgamma(Double(n + 1)) - lgamma(Double(k + 1)) - lgamma(Double(n - k + 1))
}

extension SplitMix64 {
  /// How often an event of probability p comes in n trials: one uniform number, looked up from the mode outwards.
  mutating func binomial(_ n: Int, _ p: Double) -> Int {
    if n == 0 || p <= 0 { return 0 }
    if p >= 1 { return n }
    let mode = min(n, Int(Double(n + 1) * p))
    let odds = p / (1 - p)
    var (low, high) = (mode, mode)
    var lowShare = exp(logBinomial(n, mode) + Double(mode) * log(p) + Double(n - mode) * log1p(-p))
    var highShare = lowShare
    var left = unit() - lowShare
    // What is left beyond the last share is rounding.
    while left >= 0, lowShare > 0 || highShare > 0 {
      highShare *= odds * Double(n - high) / Double(high + 1)
      high += 1
      left -= highShare
      if left < 0 { return high }
      lowShare *= Double(low) / (odds * Double(n - low + 1))
      low -= 1
      left -= lowShare
      if left < 0 { return low }
    }
    return mode
  }
}
