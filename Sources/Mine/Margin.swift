import Base
import Index

/// How a pair's cosine is set against the cosines of its neighbourhood (Artetxe and Schwenk 2019).
///
/// With a the pair's cosine and b the average of the two neighbour means, (m(x) + m(y)) / 2.
public enum Margin: String, Sendable, Codable, CaseIterable {
  /// a / b, where b is at least a millionth from 0; a where both are negative: a neighbourhood of negative cosines would turn
  /// the order round, and the worst pair would be outstanding.
  case ratio
  /// a - b
  case distance
  /// a
  case absolute

  /// The score of a pair, in double precision. Symmetric in the two means.
  @inlinable
  public func score(cosine: Float, sourceMean: Double, targetMean: Double) -> Double {
    let a = Double(cosine)
    switch self {
    case .ratio:
      let b = (sourceMean + targetMean) / 2
      return b > 0 ? a / max(b, 1e-6) : a < 0 ? a : a / min(b, -1e-6)
    case .distance: return a - (sourceMean + targetMean) / 2
    case .absolute: return a
    }
  }
}

/// Which of the candidates become pairs. The forward best of a source is the one of its neighbours with the highest
/// score; the backward best of a target likewise.
public enum Retrieval: String, Sendable, Codable, CaseIterable {
  /// All forward and backward bests together, best first, taken as long as neither side has been used.
  case max
  /// Pairs that are each other's bests.
  case intersect
  /// The forward best of every source.
  case forward
  /// The backward best of every target.
  case backward
}

/// How pairs are made from neighbours.
public struct MiningOptions: Sendable, Equatable, Codable {
  /// The score.
  public var margin = Margin.ratio
  /// The choice among candidates.
  public var retrieval = Retrieval.max
  /// The lowest score that is kept; nil keeps all.
  public var threshold: Double?
  /// For `forward` retrieval the most pairs that a target may be in, for `backward` a source: the best are kept.
  public var limit: Int?

  /// Ratio margin, `max` retrieval, no threshold.
  public init() {}
}

/// Two rows that may be translations of each other.
public struct MinedPair: Sendable, Equatable {
  /// In which direction a pair is the best one.
  public enum Direction: String, Sendable {
    case forward, backward, both
  }

  /// The margin score.
  public var score: Double
  /// The cosine of the two rows.
  public var cosine: Float
  /// The row numbers, from 0.
  public var source: Int32, target: Int32
  /// Whether it is the source's best, the target's, or both.
  public var direction: Direction

  /// The order of every list of pairs: higher score, then higher cosine, then lower source row, then lower target row.
  static func precedes(_ a: MinedPair, _ b: MinedPair) -> Bool {
    if a.score != b.score { return a.score > b.score }
    if a.cosine != b.cosine { return a.cosine > b.cosine }
    if a.source != b.source { return a.source < b.source }
    return a.target < b.target
  }
}

/// Turns the neighbours of both sides into scored pairs.
public struct PairMiner: Sendable {
  /// The neighbours, of all rows.
  public let neighbours: TwoWayNeighbours
  /// For every source the mean cosine of its neighbours among the targets.
  public let sourceMeans: [Double]
  /// For every target the mean cosine of its neighbours among the sources.
  public let targetMeans: [Double]

  /// - Precondition: the neighbours are those of all rows, not a shard's: means over a shard would depend on the cut.
  public init(_ neighbours: TwoWayNeighbours) {
    precondition(neighbours.sources.lowerBound == 0 && neighbours.targets.lowerBound == 0)
    self.neighbours = neighbours
    sourceMeans = Self.means(neighbours.forward)
    targetMeans = Self.means(neighbours.backward)
  }

  /// Means over the neighbours that there are: an approximate index may have found fewer than k, which ends a list.
  private static func means(_ lists: NeighbourLists) -> [Double] {
    let (scores, ids) = (lists.scores.span, lists.ids.span)
    return (0..<lists.rows).map { row in
      var (sum, count) = (0.0, 0.0)
      for p in row * lists.k..<(row + 1) * lists.k where ids[p] >= 0 {
        sum += Double(scores[p])
        count += 1
      }
      return count > 0 ? sum / count : 0
    }
  }

  /// The best candidate of each row: its score and its place in the row's list; of a row without candidates the score
  /// is -infinity and the id at the place is -1.
  func bests(
    _ lists: NeighbourLists, _ means: [Double], _ otherMeans: [Double], _ margin: Margin
  ) -> [(score: Double, place: Int)] {
    let (scores, ids, otherMeans) = (lists.scores.span, lists.ids.span, otherMeans.span)
    return (0..<lists.rows).map { row in
      var best = (score: -Double.infinity, place: row * lists.k)
      for p in row * lists.k..<(row + 1) * lists.k where ids[p] >= 0 {
        let score = margin.score(cosine: scores[p], sourceMean: means[row], targetMean: otherMeans[Int(ids[p])])
        // The list is sorted by cosine and row, so that of equal scores the first one stays.
        if score > best.score { best = (score, p) }
      }
      return best
    }
  }

  /// The pairs that the options ask for, in the order of `MinedPair.precedes`.
  ///
  /// - Returns: the pairs, and the number of candidates: different pairs that are the best one of a side.
  public func pairs(_ options: MiningOptions = MiningOptions()) -> (pairs: [MinedPair], candidates: Int) {
    let (forward, backward) = (neighbours.forward, neighbours.backward)
    let sourceBests = bests(forward, sourceMeans, targetMeans, options.margin)
    let targetBests = bests(backward, targetMeans, sourceMeans, options.margin)
    let threshold = options.threshold ?? -.infinity
    var candidates = 0
    var found: [MinedPair] = []
    found.reserveCapacity(options.retrieval == .max ? forward.rows + backward.rows : max(forward.rows, backward.rows))

    for (row, best) in sourceBests.enumerated() {
      let target = forward.ids[best.place]
      if target < 0 { continue }
      let mutual = backward.ids[targetBests[Int(target)].place] == Int32(row)
      candidates += 1
      let wanted =
        switch options.retrieval {
        case .max, .forward: true
        case .intersect, .backward: mutual
        }
      if wanted, best.score >= threshold {
        found.append(
          MinedPair(
            score: best.score, cosine: forward.scores[best.place], source: Int32(row), target: target,
            direction: mutual ? .both : .forward))
      }
    }
    for (row, best) in targetBests.enumerated() {
      let source = backward.ids[best.place]
      if source < 0 { continue }
      // Pairs that are each other's bests were met above.
      if forward.ids[sourceBests[Int(source)].place] == Int32(row) { continue }
      candidates += 1
      if options.retrieval == .max || options.retrieval == .backward, best.score >= threshold {
        found.append(
          MinedPair(
            score: best.score, cosine: backward.scores[best.place], source: source, target: Int32(row),
            direction: .backward))
      }
    }
    found.sort(by: MinedPair.precedes)
    return (choose(found, options), candidates)
  }

  private func choose(_ sorted: [MinedPair], _ options: MiningOptions) -> [MinedPair] {
    switch options.retrieval {
    case .intersect: return sorted
    case .max:
      var sourceUsed = [Bool](repeating: false, count: neighbours.forward.rows)
      var targetUsed = [Bool](repeating: false, count: neighbours.backward.rows)
      return sorted.filter { pair in
        if sourceUsed[Int(pair.source)] || targetUsed[Int(pair.target)] { return false }
        sourceUsed[Int(pair.source)] = true
        targetUsed[Int(pair.target)] = true
        return true
      }
    case .forward, .backward:
      guard let limit = options.limit else { return sorted }
      let forward = options.retrieval == .forward
      var uses = [Int](repeating: 0, count: forward ? neighbours.backward.rows : neighbours.forward.rows)
      return sorted.filter { pair in
        let row = Int(forward ? pair.target : pair.source)
        uses[row] += 1
        return uses[row] <= limit
      }
    }
  }
}
