import Base
import Corpus
import Encoder
import Index
import Kernels

/// Known pairs that are hidden among two dumps.
///
/// The planted sentences are rows behind the dumps' own, and lists between them and everything else are added to the lists
/// of the dumps. So the pairs mined from the dumps stay what they are without planting.
package struct PlantedPairs {
  /// The sentences; source i and target i are translations of each other.
  package private(set) var sources: [String] = [], targets: [String] = []

  /// How many pairs there are.
  package var count: Int { sources.count }

  /// Draws pairs from a bitext: each sentence once, and none that a dump has.
  ///
  /// - Parameter absentFrom: the sentences of the source dump, and of the target dump, and how these files are read.
  /// - Throws: `Failure` when the bitext has too few pairs.
  package init(
    _ options: CalibrationOptions, absentFrom dumps: [(path: String, text: TextOptions)], job: Job
  ) throws(Failure) {
    var pairs: [(source: String, target: String)] = []
    // For each side what must not be planted: first sentences seen before, then those of the dump.
    var known: [Set<Hash128>] = [[], []]
    let reader = try PairReader(path: options.bitext)
    var batch = PairBatch()
    while try reader.readBatch(into: &batch) {
      for i in 0..<batch.count {
        let hashes = (Hash128(batch.source(i)), Hash128(batch.target(i)))
        if known[0].contains(hashes.0) || known[1].contains(hashes.1) { continue }
        known[0].insert(hashes.0)
        known[1].insert(hashes.1)
        pairs.append((batch.sourceText(i), batch.targetText(i)))
      }
    }
    let all = pairs.count
    for (side, dump) in dumps.enumerated() {
      let reader = try LineReader(path: dump.path, options: dump.text)
      var batch = LineBatch()
      var there: Set<Hash128> = []
      while try reader.readBatch(into: &batch) {
        for i in 0..<batch.count {
          let hash = Hash128(batch[i])
          if known[side].contains(hash) { there.insert(hash) }
        }
        try job.check(dump.path)
      }
      pairs.removeAll { there.contains(Hash128(Array((side == 0 ? $0.source : $0.target).utf8).span)) }
    }
    guard pairs.count >= options.pairs else {
      throw Failure(
        .badData, options.bitext,
        "has \(pairs.count) pairs to plant, \(options.pairs) were asked for (\(all) different ones, the rest is in the dumps)",
        remedy: "name a larger bitext, or plant fewer")
    }
    var random = SplitMix64(seed: options.seed)
    random.shuffle(&pairs)
    for pair in pairs.prefix(options.pairs) {
      sources.append(pair.source)
      targets.append(pair.target)
    }
  }

  /// The neighbours in the dumps with the planted rows behind them.
  ///
  /// - Parameters:
  ///   - found: the neighbours in the dumps.
  ///   - source, target: the dumps' embeddings.
  ///   - inputs: what the model does with text of either side's language.
  package func neighbours(
    among found: TwoWayNeighbours, source: EmbeddingSide, target: EmbeddingSide, k: Int, encoder: SentenceEncoder,
    inputs: [LanguageInput] = [.plain, .plain], on compute: Compute, job: Job
  ) throws(Failure) -> TwoWayNeighbours {
    let plantedSource = try EmbeddingSide(
      encoder.encode(sources, input: inputs[0], job: job, subject: "planted source sentences"),
      name: "planted source sentences",
      on: compute)
    let plantedTarget = try EmbeddingSide(
      encoder.encode(targets, input: inputs[1], job: job, subject: "planted target sentences"),
      name: "planted target sentences",
      on: compute)
    return try Self.extend(
      found, source: source, target: target, plantedSource: plantedSource, plantedTarget: plantedTarget, k: k,
      on: compute, job: job)
  }

  /// Lists of rows and rows behind them, from the lists of the first.
  package static func extend(
    _ found: TwoWayNeighbours, source: EmbeddingSide, target: EmbeddingSide, plantedSource: EmbeddingSide,
    plantedTarget: EmbeddingSide, k: Int, on compute: Compute, job: Job = Job()
  ) throws(Failure) -> TwoWayNeighbours {
    let (n, m) = (source.rows, target.rows)
    let (sources, targets) = (n + plantedSource.rows, m + plantedTarget.rows)
    var forward = NeighbourLists(rows: sources, k: min(k, targets))
    var backward = NeighbourLists(rows: targets, k: min(k, sources))
    forward.merge(found.forward)
    backward.merge(found.backward)
    for (x, firstSource) in [(source, 0), (plantedSource, n)] {
      for (y, firstTarget) in [(target, 0), (plantedTarget, m)] where firstSource > 0 || firstTarget > 0 {
        let search = try ExactNeighbours(source: x, target: y, k: k)
        guard let part = search.search(on: compute, job: job, subject: "search for planted pairs") else {
          throw Interruption.failure("calibration")
        }
        forward.merge(part.forward.shifted(by: firstTarget), at: firstSource)
        backward.merge(part.backward.shifted(by: firstSource), at: firstTarget)
      }
    }
    return TwoWayNeighbours(sources: 0..<sources, targets: 0..<targets, forward: forward, backward: backward)
  }
}

/// What thresholds find of planted pairs.
///
/// Recall is the share of the planted pairs that is found. Precision is that of the dumps' own pairs as `PrecisionEstimate`
/// has it: every planted sentence has a partner, most sentences of a dump have none, so that planted pairs look far more
/// precise than the dumps are.
public struct Calibration: Sendable, Codable, Equatable {
  /// What a threshold gives.
  public struct Point: Sendable, Codable, Equatable {
    /// The lowest score that is kept.
    public var threshold: Double
    /// Planted pairs found, and other pairs with a planted sentence.
    public var found: Int, wrong: Int
    /// Pairs of the dumps alone.
    public var mined: Int
    /// The estimate for the dumps (where there is none, found / (found + wrong)), found / planted, and their harmonic mean.
    public var precision: Double, recall: Double, f1: Double
  }

  /// Planted pairs.
  public var planted: Int
  /// Points of the curve, by falling threshold: at every twentieth of the recall that can be reached.
  public var points: [Point]
  /// The point with the highest F1.
  public var best: Point
  /// The knee: where the curve of recall against precision is farthest beyond the straight line between its ends. Behind
  /// it, each further planted pair costs more wrong ones than before.
  public var knee: Point

  /// Judges the pairs that are mined from dumps with planted rows behind them.
  ///
  /// - Parameters:
  ///   - miner: over the neighbours that `PlantedPairs` gives.
  ///   - planted: how many rows of each side are planted, at least 1.
  ///   - options: margin and strategy; the threshold is not used.
  ///   - estimate: of the dumps alone.
  package init(_ miner: PairMiner, planted: Int, options: MiningOptions, estimate: PrecisionEstimate? = nil) {
    var options = options
    options.threshold = nil
    let sources = miner.neighbours.forward.rows - planted
    let targets = miner.neighbours.backward.rows - planted
    var (found, wrong, mined) = (0, 0, 0)
    var curve: [Point] = []
    for pair in miner.pairs(options).pairs {
      let (x, y) = (Int(pair.source) - sources, Int(pair.target) - targets)
      let score = min(max(pair.score, -.greatestFiniteMagnitude), .greatestFiniteMagnitude)
      if x < 0, y < 0 {
        mined += 1
        if curve.last?.threshold == score { curve[curve.count - 1].mined = mined }
        continue
      }
      if x == y { found += 1 } else { wrong += 1 }
      let precision = estimate?.precision(at: score) ?? Double(found) / Double(found + wrong)
      let recall = Double(found) / Double(planted)
      let f1 = precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
      let point = Point(
        threshold: score, found: found, wrong: wrong, mined: mined, precision: precision, recall: recall, f1: f1)
      // Pairs of one score stand or fall together.
      if curve.last?.threshold == score { curve.removeLast() }
      curve.append(point)
    }
    let none = Point(threshold: .greatestFiniteMagnitude, found: 0, wrong: 0, mined: 0, precision: 1, recall: 0, f1: 0)
    self.planted = planted
    best = curve.max { $0.f1 < $1.f1 } ?? none
    knee = Self.knee(of: curve) ?? none
    points = []
    for step in 1...20 {
      let goal = Double(step) / 20 * (curve.last?.recall ?? 0)
      if let point = curve.first(where: { $0.found > 0 && $0.recall >= goal }), points.last != point {
        points.append(point)
      }
    }
  }

  /// The point of a curve that is farthest on the good side of the line through its first and its last point.
  static func knee(of curve: [Point]) -> Point? {
    guard let first = curve.first(where: { $0.found > 0 }), let last = curve.last else { return nil }
    let (dx, dy) = (last.recall - first.recall, last.precision - first.precision)
    func height(_ p: Point) -> Double { dx * (p.precision - first.precision) - dy * (p.recall - first.recall) }
    return curve.filter { $0.found > 0 }.max { height($0) < height($1) }
  }
}

extension NeighbourLists {
  /// The same lists with ids that are larger by a number.
  fileprivate func shifted(by offset: Int) -> NeighbourLists {
    NeighbourLists(rows: rows, k: k, scores: scores, ids: ids.map { $0 < 0 ? $0 : $0 + Int32(offset) })
  }
}
