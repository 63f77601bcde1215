/// For every row of one side its k best partners on the other side, best first.
///
/// The order is total: descending score, and of equal scores the lower id first. So the lists do not depend on the order
/// in which candidates were met, and lists of parts can be merged.
public struct TopK: Sendable, Equatable {
  /// The number of lists.
  public let rows: Int
  /// The length of each list.
  public let k: Int
  /// [rows, k] scores, each row descending.
  public internal(set) var scores: [Float]
  /// [rows, k] row numbers of the partners.
  public internal(set) var ids: [Int32]

  /// Lists without entries: scores of -infinity, ids of -1.
  public init(rows: Int, k: Int) {
    precondition(rows >= 0 && k >= 0)
    self.rows = rows
    self.k = k
    scores = Array(repeating: -.infinity, count: rows * k)
    ids = Array(repeating: -1, count: rows * k)
  }

  /// Lists made elsewhere, read back from a file.
  ///
  /// - Precondition: `rows * k` scores and ids, in the order that the type promises.
  public init(rows: Int, k: Int, scores: [Float], ids: [Int32]) {
    precondition(scores.count == rows * k && ids.count == rows * k)
    self.rows = rows
    self.k = k
    self.scores = scores
    self.ids = ids
  }

  /// Merges lists of other candidates for consecutive rows into this one's. Entries without a partner are skipped.
  ///
  /// - Parameters:
  ///   - other: lists for `other.rows` rows; of any length.
  ///   - row: the row that the first of them belongs to.
  public mutating func merge(_ other: TopK, at row: Int = 0) {
    precondition(row >= 0 && row + other.rows <= rows)
    var scores = [Float](repeating: 0, count: k)
    var ids = [Int32](repeating: 0, count: k)
    for i in 0..<other.rows {
      var (a, b) = ((row + i) * k, i * other.k)
      let (first, endB) = (a, b + other.k)
      for p in 0..<k {
        // `a` cannot run out: it moves at most p steps.
        let takeOther =
          b < endB && other.ids[b] >= 0
          && (self.ids[a] < 0 || other.scores[b] > self.scores[a]
            || (other.scores[b] == self.scores[a] && other.ids[b] < self.ids[a]))
        if takeOther {
          (scores[p], ids[p]) = (other.scores[b], other.ids[b])
          b += 1
        } else {
          (scores[p], ids[p]) = (self.scores[a], self.ids[a])
          a += 1
        }
      }
      for p in 0..<k { (self.scores[first + p], self.ids[first + p]) = (scores[p], ids[p]) }
    }
  }
}

/// How a search is cut up: chosen for speed, without influence on results.
public struct SearchBlocks: Sendable {
  /// Targets that are packed together and stay in the shared cache while all sources pass.
  public var targets: Int
  /// Targets of one product, whose scores are still in the core's own cache when they are looked at.
  public var scores: Int
  /// Sources of one product.
  public var sources: Int
  /// Whether whole numbers are compared first (see `BlockSearch`); nil where the processor is faster with them.
  public var roundsFirst: Bool?
  /// Whether the products of the rounded rows are the scores: near the true ones, and the same bits for every set of kernels.
  package var staysRounded = false

  /// - Precondition: all at least 1; scores and sources at most 65,536.
  public init(targets: Int = 2048, scores: Int = 512, sources: Int = 96, roundsFirst: Bool? = nil) {
    precondition(targets >= 1 && scores >= 1 && sources >= 1 && sources <= 65_536 && scores <= 65_536)
    self.targets = targets
    self.scores = scores
    self.sources = sources
    self.roundsFirst = roundsFirst
  }

  package init(targets: Int = 2048, scores: Int = 512, sources: Int = 96, roundsFirst: Bool? = nil, staysRounded: Bool)
  {
    self.init(targets: targets, scores: scores, sources: sources, roundsFirst: roundsFirst)
    self.staysRounded = staysRounded
  }
}

extension Compute {
  /// The k rows of the other side with the highest dot product, for every row of both sides, from one pass over the
  /// products.
  ///
  /// Each product is one chain of multiply-adds over the columns in order, so it is the same bits wherever a row stands.
  /// Memory: the lists, (targets of a block) * (columns * 10 + threads * k * 8) bytes, and a little a thread.
  ///
  /// - Precondition: the precision is float32.
  /// - Parameters:
  ///   - source, target: measured rows of the same number of columns, all finite.
  ///   - sources, targets: the rows to compare; ids are rows of the whole.
  ///   - k: the length of the lists, at least 1; a side's lists are shorter if the other side has fewer rows.
  ///   - forwardK, backwardK: other lengths for the lists of the sources or the targets; 0 where nobody wants them, which is
  ///     faster.
  ///   - progress: called on the caller's thread with the share that is done.
  ///   - shouldStop: asked often and from several threads; once it says true the result is nil.
  /// - Returns: the lists of `sources` and of `targets`, or nil if stopped.
  public func nearest(
    _ source: UnitRows, _ sources: Range<Int>, _ target: UnitRows, _ targets: Range<Int>, k: Int, forwardK: Int? = nil,
    backwardK: Int? = nil,
    blocks: SearchBlocks = SearchBlocks(), progress: (Double) -> Void = { _ in },
    shouldStop: @escaping @Sendable () -> Bool = { false }
  ) -> (forward: TopK, backward: TopK)? {
    precondition(source.columns == target.columns && k >= 1 && precision == .float32)
    precondition(sources.lowerBound >= 0 && sources.upperBound <= min(source.rows, Int(Int32.max)))
    precondition(targets.lowerBound >= 0 && targets.upperBound <= min(target.rows, Int(Int32.max)))
    var forward = TopK(rows: sources.count, k: min(forwardK ?? k, targets.count))
    var backward = TopK(rows: targets.count, k: min(backwardK ?? k, sources.count))
    if sources.isEmpty || targets.isEmpty { return (forward, backward) }

    let all = Array(Int32(sources.lowerBound)..<Int32(sources.upperBound))
    let blockTargets = min(blocks.targets, targets.count)
    let search = BlockSearch(
      rows: source, columns: target, rowK: forward.k, columnK: backward.k,
      blocks: SearchBlocks(
        targets: blockTargets, scores: blocks.scores, sources: min(blocks.sources, sources.count),
        roundsFirst: blocks.roundsFirst, staysRounded: blocks.staysRounded), on: self)
    for first in Swift.stride(from: targets.lowerBound, to: targets.upperBound, by: blockTargets) {
      let block = first..<min(first + blockTargets, targets.upperBound)
      var lists = TopK(rows: block.count, k: backward.k)
      let isDone = forward.withLists { scores, ids in
        search.search(
          Array(Int32(block.lowerBound)..<Int32(block.upperBound)), all, 0..<all.count, scores: scores, ids: ids,
          first: sources.lowerBound, columnLists: &lists, shouldStop: shouldStop)
      }
      if !isDone { return nil }
      backward.merge(lists, at: block.lowerBound - targets.lowerBound)
      progress(Double(block.upperBound - targets.lowerBound) / Double(targets.count))
    }
    return (forward, backward)
  }
}
