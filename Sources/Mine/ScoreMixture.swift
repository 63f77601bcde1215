import Foundation

/// Counts of scores in bins of one width, of three kinds of candidates.
///
/// Scores are brought to a scale of their own, z: 0 is the median of the scores that rows have without their best candidate,
/// 1 their ninth decile. So it does not matter how an encoder or a margin spreads its scores.
package struct ScoreHistogram: Sendable, Equatable {
  /// The width of a bin, in z.
  package static let width = 0.1
  /// Where the last bin begins, at most: what is beyond is counted in it.
  static let last = 12.0

  /// The score at z = 0, and the scores that make one unit of z.
  package var origin: Double, unit: Double
  /// Pairs that are each other's bests.
  package var mutual: [Double]
  /// Bests of a source that has not that source as its own best; and of a target.
  package var forward: [Double], backward: [Double]

  /// Rows of the larger side, and those whose best chooses back, whatever the score.
  package var rows = 0.0, chosen = 0.0

  /// Empty bins up to a score.
  package init(origin: Double, unit: Double, highest: Double) {
    self.origin = origin
    self.unit = unit
    let bins = Int(min(max((highest - origin) / unit, 1), Self.last) / Self.width) + 2
    mutual = [Double](repeating: 0, count: bins)
    forward = mutual
    backward = mutual
  }

  /// The bin of a score; nil below z = 0.
  func bin(_ score: Double) -> Int? {
    let z = (score - origin) / unit
    guard z >= 0 else { return nil }
    return min(Int(min(z, 1000) / Self.width), mutual.count - 1)
  }

  /// For each bin the share of it that is above a score.
  func shares(above score: Double) -> [Double] {
    let z = (score - origin) / unit
    return mutual.indices.map { min(max(Double($0 + 1) - z / Self.width, 0), 1) }
  }
}

/// Right and wrong pairs told apart by the shapes of three histograms.
///
/// The bests of a side that do not choose back are wrong; what chooses back is right or wrong. How many wrong ones there are
/// is seen where right ones are rare, and from those that do not choose back everywhere: the wrong ones of a score choose
/// back with a chance that rises with the score. In z, with x = z - bend:
///
///     wrong(z) = exp(height - fall (√(x² + width²) + x) / 2 - rise (√(x² + width²) - x) / 2)     (a hyperbola in logarithms)
///     chance(z) = ceiling · logistic(base + slope (z - 1)), for each side
///     right(z) = amount · a normal density with another deviation below its mode than above
///
/// Bins are counts with a variance of μ + μ² / 60, since no such curve is true to better than an eighth; priors keep what a
/// small dump says nothing of near what dumps look like. The fit is the highest posterior density, found by Newton steps.
package struct ScoreMixture: Sendable, Equatable {
  /// The parameters, in the order of `Name`.
  private(set) var values: [Double]
  /// The negative logarithm of the posterior density, up to a constant of the data.
  package private(set) var objective = Double.infinity
  /// The inverse of the curvature there: the covariance of the parameters.
  private(set) var covariance: [[Double]] = []

  private enum Name: Int, CaseIterable {
    case height, rise, fall, bend, width
    case forwardBase, forwardSlope, forwardCeiling
    case backwardBase, backwardSlope, backwardCeiling
    case amount, distance, below, above
  }

  /// What is free without right pairs.
  private static let wrongParameters = Name.amount.rawValue

  /// Means and deviations of the priors; positive parameters stand as logarithms, ceilings as logits. They are wide, but for the
  /// shape of the right pairs: their mode is e^1.1 = 3 units behind the bend.
  private static let priorMeans: [Double] = [
    0, log(2), log(2.2), 1, 0, 0.5, 0.3, 3.5, 0.5, 0.3, 3.5, 0, log(3), log(1.2), log(1.3),
  ]
  private static let priorDeviations: [Double] = [99, 1, 1, 1, 0.7, 1.5, 1, 0.9, 1.5, 1, 0.9, 99, 0.4, 0.35, 0.35]

  /// The pseudo-count behind the extra variance of a bin.
  private static let dispersion = 60.0

  /// Fits the curves.
  ///
  /// - Parameter withRight: whether there may be right pairs at all.
  package init(_ histogram: ScoreHistogram, withRight: Bool, near other: ScoreMixture? = nil) {
    var best: ScoreMixture?
    func offer(_ start: [Double]) {
      var fit = ScoreMixture(start)
      fit.climb(histogram, free: withRight ? Name.allCases.count : Self.wrongParameters)
      if fit.objective < best?.objective ?? .infinity { best = fit }
    }
    let peak = histogram.mutual.prefix(25).max() ?? 0
    for mode in withRight ? [2.5, 4, 6] : [4] {
      var start = Self.priorMeans
      start[Name.height.rawValue] = log(peak + 1) + 1
      let first = min(Int((mode - 1) / ScoreHistogram.width), histogram.mutual.count)
      start[Name.amount.rawValue] = log(histogram.mutual[first...].reduce(0, +) + 1)
      start[Name.distance.rawValue] = log(mode - 1)
      offer(start)
    }
    if let other { offer(other.values) }
    self = best ?? ScoreMixture(Self.priorMeans)
  }

  private init(_ values: [Double]) { self.values = values }

  private subscript(_ name: Name) -> Double { values[name.rawValue] }

  /// Expected counts of a bin: mutual pairs that are wrong, those that are right, and the bests that do not choose back; with
  /// their derivatives by the parameters.
  private struct Expected {
    var wrong = 0.0, right = 0.0
    var counts = [0.0, 0.0, 0.0]
    /// By parameter, of the wrong ones and of the three counts.
    var wrongSlopes = [Double](repeating: 0, count: Name.allCases.count)
    var slopes = [[Double]](repeating: [Double](repeating: 0, count: Name.allCases.count), count: 3)
  }

  private func expected(_ z: Double, withRight: Bool) -> Expected {
    var result = Expected()
    let (rise, fall, width) = (exp(self[.rise]), exp(self[.fall]), exp(self[.width]))
    let x = z - self[.bend]
    let q = (x * x + width * width).squareRoot()
    let wrong = exp(min(max(self[.height] - fall * (q + x) / 2 - rise * (q - x) / 2, -40), 25))
    result.wrong = wrong
    result.wrongSlopes[Name.height.rawValue] = wrong
    result.wrongSlopes[Name.rise.rawValue] = -wrong * rise * (q - x) / 2
    result.wrongSlopes[Name.fall.rawValue] = -wrong * fall * (q + x) / 2
    result.wrongSlopes[Name.bend.rawValue] = wrong * (fall * (x / q + 1) / 2 + rise * (x / q - 1) / 2)
    result.wrongSlopes[Name.width.rawValue] = -wrong * (fall + rise) / 2 * width * width / q
    result.slopes[0] = result.wrongSlopes
    if withRight {
      let (distance, below, above) = (exp(self[.distance]), exp(self[.below]), exp(self[.above]))
      let mode = self[.bend] + distance
      let deviation = z < mode ? below : above
      let t = (z - mode) / deviation
      let right =
        exp(self[.amount]) * ScoreHistogram.width / ((2 * Double.pi).squareRoot() * (below + above) / 2)
        * exp(-t * t / 2)
      result.right = right
      result.slopes[0][Name.amount.rawValue] = right
      result.slopes[0][Name.bend.rawValue] += right * t / deviation
      result.slopes[0][Name.distance.rawValue] = right * t / deviation * distance
      result.slopes[0][Name.below.rawValue] = right * ((z < mode ? t * t : 0) - below / (below + above))
      result.slopes[0][Name.above.rawValue] = right * ((z < mode ? 0 : t * t) - above / (below + above))
    }
    // A floor keeps logarithms finite.
    result.counts[0] = wrong + result.right + 1e-6
    for (side, base) in [(1, Name.forwardBase.rawValue), (2, Name.backwardBase.rawValue)] {
      let slope = exp(values[base + 1])
      let (a, b) = (
        exp(-min(max(values[base] + slope * (z - 1), -40), 40)), exp(-min(max(values[base + 2], -40), 40))
      )
      // (1 - chance) / chance
      let odds = (1 + a) * (1 + b) - 1
      result.counts[side] = wrong * odds + 1e-6
      for i in 0..<Self.wrongParameters { result.slopes[side][i] = result.wrongSlopes[i] * odds }
      result.slopes[side][base] = -wrong * a * (1 + b)
      result.slopes[side][base + 1] = -wrong * a * (1 + b) * slope * (z - 1)
      result.slopes[side][base + 2] = -wrong * b * (1 + a)
    }
    return result
  }

  private static func z(_ bin: Int) -> Double { (Double(bin) + 0.5) * ScoreHistogram.width }

  private func badness(_ histogram: ScoreHistogram, free: Int) -> Double {
    var sum = 0.0
    for bin in histogram.mutual.indices {
      let expected = expected(Self.z(bin), withRight: free > Self.wrongParameters)
      for (count, mean) in zip(
        [histogram.mutual[bin], histogram.forward[bin], histogram.backward[bin]], expected.counts)
      {
        sum += (count + Self.dispersion) * log1p(mean / Self.dispersion) - count * log(mean)
      }
    }
    for i in 0..<free {
      let t = (values[i] - Self.priorMeans[i]) / Self.priorDeviations[i]
      sum += t * t / 2
    }
    return sum
  }

  /// Newton steps with the expected curvature, damped until each makes it better (Levenberg and Marquardt).
  private mutating func climb(_ histogram: ScoreHistogram, free: Int) {
    objective = badness(histogram, free: free)
    var damping = 1e-2
    var curvature: [[Double]] = []
    for _ in 0..<300 {
      var gradient = [Double](repeating: 0, count: free)
      (curvature, gradient) = slopes(histogram, free: free)
      var better = false
      for _ in 0..<12 {
        var damped = curvature
        for i in 0..<free { damped[i][i] *= 1 + damping }
        var next = self
        if let step = Self.solve(damped, gradient) {
          for i in 0..<free { next.values[i] += min(max(step[i], -1), 1) }
          next.objective = next.badness(histogram, free: free)
        }
        if next.objective < objective {
          better = objective - next.objective > 1e-6
          self = next
          break
        }
        damping *= 4
      }
      damping = max(damping / 5, 1e-9)
      if !better { break }
    }
    (curvature, _) = slopes(histogram, free: free)
    covariance = (0..<free).map { i in
      Self.solve(curvature, (0..<free).map { $0 == i ? 1 : 0 }) ?? [Double](repeating: 0, count: free)
    }
  }

  private func slopes(_ histogram: ScoreHistogram, free: Int) -> (curvature: [[Double]], gradient: [Double]) {
    var curvature = [[Double]](repeating: [Double](repeating: 0, count: free), count: free)
    var gradient = [Double](repeating: 0, count: free)
    for bin in histogram.mutual.indices {
      let expected = expected(Self.z(bin), withRight: free > Self.wrongParameters)
      let counts = [histogram.mutual[bin], histogram.forward[bin], histogram.backward[bin]]
      for kind in 0..<3 {
        let mean = expected.counts[kind]
        let variance = mean * (1 + mean / Self.dispersion)
        let slopes = expected.slopes[kind]
        for i in 0..<free where slopes[i] != 0 {
          gradient[i] += slopes[i] * (counts[kind] - mean) / variance
          for j in 0...i { curvature[i][j] += slopes[i] * slopes[j] / variance }
        }
      }
    }
    for i in 0..<free {
      let precision = 1 / (Self.priorDeviations[i] * Self.priorDeviations[i])
      gradient[i] -= (values[i] - Self.priorMeans[i]) * precision
      curvature[i][i] += precision
      for j in 0..<i { curvature[j][i] = curvature[i][j] }
    }
    return (curvature, gradient)
  }

  /// Solves a symmetric positive definite system by Cholesky's method; nil if it is not one.
  private static func solve(_ matrix: [[Double]], _ right: [Double]) -> [Double]? {
    let n = right.count
    var l = matrix
    for i in 0..<n {
      for j in 0...i {
        var sum = matrix[i][j]
        for k in 0..<j { sum -= l[i][k] * l[j][k] }
        if i == j {
          guard sum > 0, sum.isFinite else { return nil }
          l[i][i] = sum.squareRoot()
        } else {
          l[i][j] = sum / l[j][j]
        }
      }
    }
    var x = right
    for i in 0..<n {
      for k in 0..<i { x[i] -= l[i][k] * x[k] }
      x[i] /= l[i][i]
    }
    for i in (0..<n).reversed() {
      for k in i + 1..<n { x[i] -= l[k][i] * x[k] }
      x[i] /= l[i][i]
    }
    return x
  }

  /// The wrong mutual pairs above scores: bin by bin what there is, with the parameters' derivatives, summed from the top.
  package struct Tail: Sendable {
    fileprivate var wrong: [Double] = []
    fileprivate var slopes: [[Double]] = []
    /// Right pairs in all.
    package var right = 0.0

    /// Wrong mutual pairs in all.
    package var allWrong: Double { wrong.reduce(0, +) }
  }

  /// What the curves say, bin by bin.
  package func tail(_ histogram: ScoreHistogram) -> Tail {
    let withRight = covariance.count > Self.wrongParameters
    var tail = Tail()
    for bin in histogram.mutual.indices {
      let expected = expected(Self.z(bin), withRight: withRight)
      tail.wrong.append(expected.wrong)
      tail.slopes.append(expected.wrongSlopes)
      tail.right += expected.right
    }
    return tail
  }

  /// Wrong mutual pairs above a score, and the standard deviation of the logarithm of that number.
  package func wrong(above score: Double, _ tail: Tail, _ histogram: ScoreHistogram) -> (
    count: Double, deviation: Double
  ) {
    var count = 0.0
    var slopes = [Double](repeating: 0, count: covariance.count)
    for (bin, share) in histogram.shares(above: score).enumerated() where share > 0 {
      count += share * tail.wrong[bin]
      for i in slopes.indices { slopes[i] += share * tail.slopes[bin][i] }
    }
    guard count > 0 else { return (0, 0) }
    var variance = 0.0
    for i in slopes.indices { for j in slopes.indices { variance += slopes[i] * covariance[i][j] * slopes[j] } }
    return (count, max(0, variance).squareRoot() / count)
  }
}
