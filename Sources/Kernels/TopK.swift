import CKernels
import Dispatch
import Synchronization

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

  /// - Precondition: all at least 1.
  public init(targets: Int = 2048, scores: Int = 512, sources: Int = 96) {
    precondition(targets >= 1 && scores >= 1 && sources >= 1)
    self.targets = targets
    self.scores = scores
    self.sources = sources
  }
}

extension Compute {
  /// The k rows of the other side with the highest dot product, for every row of both sides, from one pass over the
  /// products.
  ///
  /// Each product is one chain of multiply-adds over the columns in order, so it is the same bits wherever a row stands.
  /// Memory: the lists, (targets of a block) * (columns * 8 + threads * k * 8) bytes, and a little a thread.
  ///
  /// - Precondition: the precision is float32.
  /// - Parameters:
  ///   - source, target: measured rows of the same number of columns, all finite.
  ///   - sources, targets: the rows to compare; ids are rows of the whole.
  ///   - k: the length of the lists, at least 1; a side's lists are shorter if the other side has fewer rows.
  ///   - progress: called on the caller's thread with the share that is done.
  ///   - shouldStop: asked often and from several threads; once it says true the result is nil.
  /// - Returns: the lists of `sources` and of `targets`, or nil if stopped.
  public func nearest(
    _ source: UnitRows, _ sources: Range<Int>, _ target: UnitRows, _ targets: Range<Int>, k: Int,
    blocks: SearchBlocks = SearchBlocks(), progress: (Double) -> Void = { _ in },
    shouldStop: @escaping @Sendable () -> Bool = { false }
  ) -> (forward: TopK, backward: TopK)? {
    precondition(source.columns == target.columns && k >= 1 && precision == .float32)
    precondition(sources.lowerBound >= 0 && sources.upperBound <= min(source.rows, Int(Int32.max)))
    precondition(targets.lowerBound >= 0 && targets.upperBound <= min(target.rows, Int(Int32.max)))
    var forward = TopK(rows: sources.count, k: min(k, targets.count))
    var backward = TopK(rows: targets.count, k: min(k, sources.count))
    if sources.isEmpty || targets.isEmpty { return (forward, backward) }

    let d = source.columns
    let width = panelWidth
    let blockTargets = min(blocks.targets, targets.count)
    let blockSources = min(blocks.sources, sources.count)
    let packed = PackedMatrix(rows: d, columns: blockTargets, on: self)
    let unpacked = Tensor(rows: blockTargets, columns: d)
    let scoreColumns = (min(blocks.scores, blockTargets) + width - 1) / width * width
    // A distance between rows that is no power of two keeps the rows of a tile out of each other's cache sets.
    let stride = (d + 15) / 16 * 16 + 16
    let chunks = (sources.count + blockSources - 1) / blockSources
    let workers = (0..<min(threads, chunks)).map { _ in
      SearchWorker(
        rows: Tensor(rows: blockSources, columns: stride), scores: Tensor(rows: blockSources, columns: scoreColumns))
    }
    let stopped = Atomic<Bool>(false)

    for first in Swift.stride(from: targets.lowerBound, to: targets.upperBound, by: blockTargets) {
      let block = first..<min(first + blockTargets, targets.upperBound)
      let matrix = unpacked.prefix(block.count)
      unsafe parallelRows(block.count, grain: 64) { range, _ in
        for i in range { unsafe target.unit(block.lowerBound + i, into: matrix.pointer + i * d, kernels) }
      }
      let panels = packed.resized(rows: d, columns: block.count, on: self)
      pack(transposing: matrix, into: panels)

      for worker in workers { worker.begin(rows: block.count, k: backward.k) }
      let next = Atomic<Int>(0)
      let (forwardK, backwardK) = (forward.k, backward.k)
      unsafe forward.scores.withUnsafeMutableBufferPointer { scoreBuffer in
        unsafe forward.ids.withUnsafeMutableBufferPointer { idBuffer in
          let scores = unsafe SharedPointer(scoreBuffer.baseAddress)
          let ids = unsafe SharedPointer(idBuffer.baseAddress)
          // A worker owns the lists of the sources of its chunk, and has lists of its own for the targets.
          DispatchQueue.concurrentPerform(iterations: workers.count) { number in
            let worker = workers[number]
            while !stopped.load(ordering: .relaxed) {
              let chunk = next.wrappingAdd(1, ordering: .relaxed).oldValue
              if chunk >= chunks { break }
              if shouldStop() { stopped.store(true, ordering: .relaxed) }
              let low = chunk * blockSources
              let rows = low..<min(low + blockSources, sources.count)
              for (i, row) in rows.enumerated() {
                unsafe source.unit(sources.lowerBound + row, into: worker.rows.pointer + i * stride, kernels)
              }
              for j in Swift.stride(from: 0, to: block.count, by: scoreColumns) {
                let columns = min(scoreColumns, block.count - j)
                unsafe kernels.pointee.gemm(
                  rows.count, columns, d, worker.rows.pointer, stride, 1, panels.storage.base + j * d,
                  worker.scores.pointer, scoreColumns, nil, 0, nil)
                unsafe worker.listScores.withUnsafeMutableBufferPointer { own in
                  unsafe worker.listIDs.withUnsafeMutableBufferPointer { ownIds in
                    unsafe kernels.pointee.top_k(
                      rows.count, columns, worker.scores.pointer, scoreColumns, Int32(sources.lowerBound + low),
                      Int32(block.lowerBound + j), forwardK, scores + low * forwardK, ids + low * forwardK,
                      backwardK, own.baseAddress! + j * backwardK, ownIds.baseAddress! + j * backwardK,
                      worker.last.pointer + j)
                  }
                }
              }
            }
          }
        }
      }
      if stopped.load(ordering: .relaxed) { return nil }
      for worker in workers {
        let lists = TopK(rows: block.count, k: backward.k, scores: worker.listScores, ids: worker.listIDs)
        backward.merge(lists, at: block.lowerBound - targets.lowerBound)
      }
      progress(Double(block.upperBound - targets.lowerBound) / Double(targets.count))
    }
    return (forward, backward)
  }
}

/// What one thread of a search writes to.
private final class SearchWorker: @unchecked Sendable {
  // Sendable because one thread uses it during a block, and the caller's between blocks.
  let rows: Tensor, scores: Tensor
  /// The lists of the block's targets, of the sources that this worker met.
  var listScores: [Float] = [], listIDs: [Int32] = []
  /// The last score of each of these lists.
  private(set) var last = Tensor(rows: 0, columns: 0)

  init(rows: Tensor, scores: Tensor) {
    self.rows = rows
    self.scores = scores
  }

  func begin(rows: Int, k: Int) {
    listScores = Array(repeating: -.infinity, count: rows * k)
    listIDs = Array(repeating: -1, count: rows * k)
    if last.count < rows { last = Tensor(rows: 1, columns: rows) }
    last.fill(-.infinity)
  }
}
