import Base
import Foundation
import Index
import Kernels
import TestSupport
import Testing

import Mine

/// Two made-up dumps: sentences are a topic and something of their own, translations are sentences with noise.
struct MadeDumps {
  let neighbours: TwoWayNeighbours
  /// Source i and target i are translations of each other for i below it.
  let shared: Int

  init(sources: Int, targets: Int, shared: Int, topics: Int = 120, noise: Double = 0.75, k: Int = 4, seed: UInt64 = 1)
    throws
  {
    let columns = 48
    var random = SplitMix64(seed: seed)
    func normal() -> Double {
      // The sum of twelve uniform numbers is near enough to a normal one.
      (0..<12).reduce(-6.0) { sum, _ in sum + random.unit() }
    }
    func vector(_ scale: Double) -> [Double] { (0..<columns).map { _ in scale * normal() } }
    let centres = (0..<topics).map { _ in vector(1) }
    func sentence() -> [Double] {
      let topic = centres[random.next(below: topics)]
      return zip(topic, vector(1)).map { $0 + $1 }
    }
    func translated(_ x: [Double]) -> [Double] { zip(x, vector(noise)).map { $0 + $1 } }
    var x: [Float] = []
    var y: [Float] = []
    for _ in 0..<shared {
      let meaning = sentence()
      x += translated(meaning).map(Float.init)
      y += translated(meaning).map(Float.init)
    }
    for _ in shared..<sources { x += translated(sentence()).map(Float.init) }
    for _ in shared..<targets { y += translated(sentence()).map(Float.init) }
    let compute = Compute(threads: 2)
    func side(_ values: [Float]) throws -> EmbeddingSide {
      try EmbeddingSide(Tensor(values, rows: values.count / columns, columns: columns), name: "rows", on: compute)
    }
    let search = try ExactNeighbours(source: side(x), target: side(y), k: k)
    neighbours = try #require(search.search(on: compute))
    self.shared = shared
  }

  /// Right pairs and all that reach a threshold.
  func truth(_ pairs: [MinedPair], _ threshold: Double) -> Double {
    let kept = pairs.filter { $0.score >= threshold }
    return Double(kept.count { $0.source == $0.target && $0.source < shared }) / Double(max(1, kept.count))
  }
}

@Suite struct PrecisionEstimateTests {
  @Test(arguments: [(1500, 2500, 150), (1500, 2500, 600), (2500, 1200, 500), (400, 500, 200), (900, 900, 900)])
  func theEstimateIsNearTheTruth(sources: Int, targets: Int, shared: Int) throws {
    let dumps = try MadeDumps(sources: sources, targets: targets, shared: shared)
    for margin in Margin.allCases {
      for retrieval in [Retrieval.max, .intersect, .forward] where margin == .ratio || retrieval == .max {
        var options = MiningOptions()
        (options.margin, options.retrieval) = (margin, retrieval)
        let miner = PairMiner(dumps.neighbours)
        let pairs = miner.pairs(options).pairs
        let estimate = try #require(PrecisionEstimate(miner, options: options, goal: 0.9))
        #expect(estimate.related)
        for point in estimate.thresholds where point.pairs >= 50 {
          let truth = dumps.truth(pairs, point.threshold)
          #expect(point.pairs == pairs.count { $0.score >= point.threshold })
          #expect(
            abs(point.precision - truth) < (sources < 1000 ? 0.12 : 0.08),
            "\(margin) \(retrieval) \(point), truth \(truth)")
          #expect(point.low <= point.precision && point.precision <= point.high)
        }
        let chosen = try #require(estimate.chosen)
        let kept = dumps.truth(pairs, chosen)
        #expect(kept > 0.84, "\(margin) \(retrieval): \(kept) at \(chosen)")
        #expect((chosen * 1000).rounded() == chosen * 1000 || abs((chosen * 1000).rounded() - chosen * 1000) < 1e-9)
      }
    }
  }

  @Test(arguments: [(500, 500), (2500, 2500), (300, 3000)])
  func dumpsThatShareNothingAreTold(sources: Int, targets: Int) throws {
    let dumps = try MadeDumps(sources: sources, targets: targets, shared: 0)
    let estimate = try #require(
      PrecisionEstimate(PairMiner(dumps.neighbours), options: MiningOptions(), goal: 0.9))
    #expect(!estimate.related && estimate.right == 0 && estimate.chosen == nil)
    #expect(estimate.thresholds.allSatisfy { $0.precision == 0 && $0.low == 0 })
  }

  @Test func aFewSharedSentencesAreFound() throws {
    let dumps = try MadeDumps(sources: 2500, targets: 2500, shared: 60)
    let miner = PairMiner(dumps.neighbours)
    let estimate = try #require(PrecisionEstimate(miner, options: MiningOptions(), goal: 0.8))
    #expect(estimate.related)
    let chosen = try #require(estimate.chosen)
    #expect(dumps.truth(miner.pairs().pairs, chosen) > 0.65)
  }

  @Test func littleToGoByGivesNoEstimate() throws {
    let few = try MadeDumps(sources: 40, targets: 50, shared: 20)
    #expect(PrecisionEstimate(PairMiner(few.neighbours), options: MiningOptions()) == nil)
    let one = try MadeDumps(sources: 400, targets: 500, shared: 200, k: 1)
    #expect(PrecisionEstimate(PairMiner(one.neighbours), options: MiningOptions()) == nil)
    // Rows that are all the same have one score.
    let compute = Compute(threads: 1)
    let same = try EmbeddingSide(
      Tensor([Float](repeating: 1, count: 800), rows: 200, columns: 4), name: "r", on: compute)
    let search = try ExactNeighbours(source: same, target: same, k: 4)
    let found = try #require(search.search(on: compute))
    #expect(PrecisionEstimate(PairMiner(found), options: MiningOptions()) == nil)
  }

  @Test func theCutSaysWhy() throws {
    let dumps = try MadeDumps(sources: 400, targets: 500, shared: 200)
    let estimate = PrecisionEstimate(PairMiner(dumps.neighbours), options: MiningOptions(), goal: 0.9)
    func cut(_ threshold: Double?, _ goal: PrecisionGoal?, _ estimate: PrecisionEstimate?) throws -> Cut {
      try Cut(threshold: threshold, goal: goal, estimate: estimate, subject: "out.tsv")
    }
    #expect(try cut(nil, nil, estimate).reason == .all)
    #expect(try cut(1.5, .standard, estimate) == cut(1.5, nil, nil))
    #expect(try cut(1.5, nil, nil).reason == .threshold)
    let chosen = try cut(nil, .standard, estimate)
    #expect(chosen.reason == .precision && chosen.threshold == estimate?.chosen && chosen.goal == 0.9)
    #expect(try cut(nil, .standard, nil).reason == .unknown)
    #expect(try cut(nil, .standard, nil).applied(to: MiningOptions()).threshold == nil)
    let failure = #expect(throws: Failure.self) { _ = try cut(nil, PrecisionGoal(0.9), nil) }
    #expect(failure?.kind == .badData && failure?.subject == "out.tsv" && failure?.remedy?.contains("--all") == true)
    let unrelated = try MadeDumps(sources: 500, targets: 500, shared: 0)
    let nothing = try cut(
      nil, .standard, PrecisionEstimate(PairMiner(unrelated.neighbours), options: MiningOptions(), goal: 0.9))
    #expect(nothing.reason == .nothing && nothing.threshold == nil)
    #expect(nothing.applied(to: MiningOptions()).threshold == .infinity)
  }

  /// What the curves are fitted to has known parameters.
  @Test func curvesAreFoundAgain() {
    var histogram = ScoreHistogram(origin: 0, unit: 1, highest: 8)
    for bin in histogram.mutual.indices {
      let z = (Double(bin) + 0.5) * ScoreHistogram.width
      let wrong = 2000 * exp(-2.2 * z)
      let chance = 0.95 / (1 + exp(-(z - 1) * 2))
      let right = 900 * 0.1 / (2 * Double.pi).squareRoot() * exp(-(z - 4) * (z - 4) / 2)
      histogram.mutual[bin] = (wrong + right).rounded()
      histogram.forward[bin] = (wrong * (1 - chance) / chance).rounded()
      histogram.backward[bin] = histogram.forward[bin]
    }
    histogram.rows = 20_000
    let fit = ScoreMixture(histogram, withRight: true)
    let tail = fit.tail(histogram)
    #expect(abs(tail.right - 900) < 40, "\(tail.right)")
    for z in [1.0, 2, 3] {
      // The sum of the bins above z.
      let expected = 2000 * exp(-2.2 * (z + 0.05)) / (1 - exp(-0.22))
      let (count, deviation) = fit.wrong(above: z, tail, histogram)
      #expect(abs(count / expected - 1) < 0.2, "\(z): \(count), \(expected)")
      #expect(deviation > 0 && deviation < 0.5)
    }
    let without = ScoreMixture(histogram, withRight: false, near: fit)
    #expect(without.objective - fit.objective > 50)
  }
}
