import CKernels
import Dispatch
import Synchronization

/// Offers the products of rows of one side with a block of rows of the other, the columns, to the best-lists of both.
///
/// Where the processor multiplies whole numbers faster than floats, rows and columns are rounded to whole numbers first. The
/// product of the rounded rows is within a known distance of the product itself: with x = x' + e and y = y' + f, |e| and |f|
/// measured, |xy - x'y'| = |x'f + ey| <= |x'||f| + |e||y|, and rows have length 1. What could not reach a list by that is done
/// with; the rest is computed in floats, in the order of every other product here, so that the lists are the same bits as
/// without.
@safe final class BlockSearch: @unchecked Sendable {
  // Sendable because workers own their memory during a block, and the rest is written between blocks only.
  private let compute: Compute
  private let rows: UnitRows, columns: UnitRows
  private let blocks: SearchBlocks
  private let rowK: Int, columnK: Int
  private let isRounded: Bool
  private let d: Int, stride: Int, ld: Int

  // The block's columns: lengths of 1, packed; in whole numbers; their factors and errors.
  private var unpacked = Tensor(rows: 0, columns: 0)
  private var packed: PackedMatrix
  private var whole = Tensor(rows: 0, columns: 0)
  private var bytes = Int8Storage(count: 0)
  private var scales = Tensor(rows: 0, columns: 0), errors = Tensor(rows: 0, columns: 0)
  private var capacity = 0
  private let scoreColumns: Int
  private var workers: [Worker] = []

  /// What a thread works in.
  private final class Worker {
    let rows: Tensor, scores: Tensor, scales: Tensor, errors: Tensor
    let bytes: Int8Storage
    /// Whole numbers in the memory of floats: the sums of the rows, products, places of products.
    let rowSums: Tensor, sums: Tensor, near: Tensor
    /// The lists of the block's columns, of the rows that this worker met.
    var listScores: [Float] = [], listIDs: [Int32] = []
    /// What a score must reach for each column.
    var last = Tensor(rows: 0, columns: 0)
    /// Chunks that are not rounded because it was of no use, and how many of them are to come.
    var skipped = 0, left = 0

    init(rows count: Int, stride: Int, ld: Int, scoreColumns: Int) {
      rows = Tensor(rows: count, columns: stride)
      scores = Tensor(rows: count, columns: scoreColumns)
      scales = Tensor(rows: 1, columns: count)
      errors = Tensor(rows: 1, columns: count)
      bytes = Int8Storage(count: count * ld)
      rowSums = Tensor(rows: 1, columns: count)
      sums = Tensor(rows: count, columns: scoreColumns)
      near = Tensor(rows: count, columns: (scoreColumns + 15) / 16)
    }

    func begin(_ lists: TopK, columns: Int) {
      let k = lists.k
      listScores = Array(repeating: -.infinity, count: columns * k)
      listIDs = Array(repeating: -1, count: columns * k)
      let padded = (columns + 63) / 64 * 64
      if last.count < padded { last = Tensor(rows: 1, columns: padded) }
      last.fill(.infinity)
      last.withMutableElements { last in
        if k > 0 { for j in 0..<columns { last[j] = lists.scores[(j + 1) * k - 1] } }
      }
    }
  }

  /// - Parameters:
  ///   - rowK, columnK: the lengths of the lists.
  init(
    rows: UnitRows, columns: UnitRows, rowK: Int, columnK: Int, blocks: SearchBlocks, on compute: Compute
  ) {
    precondition(rows.columns == columns.columns)
    self.compute = compute
    self.rows = rows
    self.columns = columns
    self.blocks = blocks
    self.rowK = rowK
    self.columnK = columnK
    d = rows.columns
    // A distance between rows that is no power of two keeps the rows of a tile out of each other's cache sets.
    stride = (d + 15) / 16 * 16 + 16
    ld = ems_int8_ld(d)
    isRounded = unsafe blocks.staysRounded || blocks.roundsFirst ?? (compute.kernels.pointee.int8.pointee.is_fast != 0)
    scoreColumns = (min(blocks.scores, max(blocks.targets, 1)) + 63) / 64 * 64
    packed = PackedMatrix(rows: d, columns: 0, on: compute)
  }

  /// Half of the bound on the distance: of one side, for a row whose rounding changed it by `length`.
  ///
  /// The product of both errors is at most half of the sum of their squares. What is behind that is for rounding: d products
  /// in single precision are off by at most d units of 2^-24 each for product and sum, lengths by less than one in a million.
  private func bound(_ length: Double) -> Float {
    Float((length + length * length / 2) * 1.000_01 + Double(d) * 7e-8 + 4e-6).nextUp
  }

  /// Compares a block of columns with rows.
  ///
  /// - Parameters:
  ///   - block: the columns' ids, in any order.
  ///   - rowIDs, range: the rows' ids, and which of them; each once.
  ///   - scores, ids: the rows' lists, those of the id `first` and on.
  ///   - columnLists: what the columns' lists hold; gets what was found.
  /// - Returns: false if stopped.
  func search(
    _ block: [Int32], _ rowIDs: [Int32], _ range: Range<Int>, scores: SharedPointer<Float>, ids: SharedPointer<Int32>,
    first: Int, columnLists: inout TopK, shouldStop: @escaping @Sendable () -> Bool
  ) -> Bool {
    if block.isEmpty || range.isEmpty { return true }
    let count = block.count
    prepare(block)
    let panels = packed.resized(rows: d, columns: count, on: compute)
    if !blocks.staysRounded { compute.pack(transposing: unpacked.prefix(count), into: panels) }
    let chunk = blocks.sources
    let chunks = (range.count + chunk - 1) / chunk
    let active = min(compute.threads, chunks)
    while workers.count < active {
      workers.append(Worker(rows: chunk, stride: stride, ld: ld, scoreColumns: scoreColumns))
    }
    for worker in workers[0..<active] { worker.begin(columnLists, columns: count) }
    let stopped = Atomic<Bool>(false)
    let next = Atomic<Int>(0)
    unsafe rowIDs.withUnsafeBufferPointer { rowBuffer in
      unsafe block.withUnsafeBufferPointer { blockBuffer in
        let (rowBase, columnBase) = unsafe (ReadPointer(rowBuffer.baseAddress), ReadPointer(blockBuffer.baseAddress))
        // A worker owns the lists of the rows of its chunk, and has lists of its own for the columns.
        DispatchQueue.concurrentPerform(iterations: active) { number in
          let worker = workers[number]
          while !stopped.load(ordering: .relaxed) {
            let part = next.wrappingAdd(1, ordering: .relaxed).oldValue
            if part >= chunks { break }
            if shouldStop() { stopped.store(true, ordering: .relaxed) }
            let low = range.lowerBound + part * chunk
            unsafe compare(
              rowBase.base + low, min(chunk, range.upperBound - low), columnBase.base, count, panels, worker,
              scores: scores + 0, ids: ids + 0, first: first)
          }
        }
      }
    }
    if stopped.load(ordering: .relaxed) { return false }
    for worker in workers[0..<active] {
      columnLists.mergeOverlapping(TopK(rows: count, k: columnK, scores: worker.listScores, ids: worker.listIDs))
    }
    return true
  }

  /// Brings the columns to length 1, and rounds them.
  private func prepare(_ block: [Int32]) {
    let count = block.count
    if count > capacity {
      capacity = max(count, min(blocks.targets, columns.rows))
      unpacked = Tensor(rows: capacity, columns: d)
      packed = PackedMatrix(rows: d, columns: capacity, on: compute)
      if isRounded {
        whole = Tensor(rows: 1, columns: ems_int8_packed_size(d, capacity))
        bytes = Int8Storage(count: capacity * ld)
        scales = Tensor(rows: 1, columns: (capacity + 63) / 64 * 64)
        errors = Tensor(rows: 1, columns: (capacity + 63) / 64 * 64)
      }
    }
    unsafe compute.parallelRows(count, grain: 64) { range, _ in
      for i in range {
        let row = unsafe unpacked.pointer + i * d
        unsafe columns.unit(Int(block[i]), into: row, compute.kernels)
        if isRounded {
          unsafe round(row, into: bytes.base + i * ld, scales.pointer + i, errors.pointer + i, nil)
        }
      }
    }
    if !isRounded { return }
    for i in count..<(count + 63) / 64 * 64 { (scales[0, i], errors[0, i]) = (0, 0) }
    let int8 = unsafe compute.kernels.pointee.int8.pointee
    let width = int8.panel_width
    unsafe compute.parallelRows((count + width - 1) / width, grain: 4) { panels, _ in
      unsafe int8.pack(d, count, bytes.base, ld, wholeBytes, panels.lowerBound, panels.upperBound)
    }
  }

  private var wholeBytes: UnsafeMutablePointer<UInt8> {
    unsafe UnsafeMutableRawPointer(whole.pointer).assumingMemoryBound(to: UInt8.self)
  }

  private func round(
    _ row: UnsafePointer<Float>, into bytes: UnsafeMutablePointer<Int8>, _ scale: UnsafeMutablePointer<Float>,
    _ error: UnsafeMutablePointer<Float>, _ sum: UnsafeMutablePointer<Int32>?
  ) {
    unsafe compute.kernels.pointee.quantize(1, d, row, d, bytes, ld, scale, sum)
    unsafe error.pointee = bound(compute.kernels.pointee.int8_error(d, row, scale.pointee, bytes))
  }

  private func compare(
    _ rowIDs: UnsafePointer<Int32>, _ m: Int, _ columnIDs: UnsafePointer<Int32>, _ count: Int, _ panels: PackedMatrix,
    _ worker: Worker, scores: UnsafeMutablePointer<Float>, ids: UnsafeMutablePointer<Int32>, first: Int
  ) {
    let kernels = unsafe compute.kernels
    let step = unsafe kernels.pointee.int8.pointee.row_step
    let columnBytes = (d + step - 1) / step * step
    let rounds = isRounded && worker.left == 0
    worker.left = max(0, worker.left - 1)
    let sums = unsafe UnsafeMutableRawPointer(worker.rowSums.pointer).assumingMemoryBound(to: Int32.self)
    for i in 0..<m {
      let row = unsafe worker.rows.pointer + i * stride
      unsafe rows.unit(Int(rowIDs[i]), into: row, kernels)
      if rounds {
        unsafe round(
          row, into: worker.bytes.base + i * ld, worker.scales.pointer + i, worker.errors.pointer + i, sums + i)
      }
    }
    let products = unsafe UnsafeMutableRawPointer(worker.sums.pointer).assumingMemoryBound(to: Int32.self)
    let near = unsafe UnsafeMutableRawPointer(worker.near.pointer).assumingMemoryBound(to: UInt32.self)
    var useful = 0
    var useless = 0
    unsafe worker.listScores.withUnsafeMutableBufferPointer { own in
      unsafe worker.listIDs.withUnsafeMutableBufferPointer { ownIDs in
        for j in Swift.stride(from: 0, to: count, by: scoreColumns) {
          let n = min(scoreColumns, count - j)
          var lists = unsafe ems_lists(
            row_ids: rowIDs, column_ids: columnIDs + j, row_first: first, row_k: rowK, column_k: columnK,
            row_scores: scores, row_lists: ids, column_scores: own.baseAddress! + j * columnK,
            column_lists: ownIDs.baseAddress! + j * columnK, column_last: worker.last.pointer + j)
          if blocks.staysRounded {
            unsafe kernels.pointee.int8.pointee.gemm(
              m, n, d, worker.bytes.base, ld, worker.scales.pointer, sums, wholeBytes + j * columnBytes,
              scales.pointer + j, nil, worker.scores.pointer, scoreColumns)
            unsafe kernels.pointee.offer_all(m, n, worker.scores.pointer, scoreColumns, &lists)
            continue
          }
          if rounds {
            unsafe kernels.pointee.int8.pointee.sums(
              m, n, d, worker.bytes.base, ld, sums, wholeBytes + j * columnBytes, products, scoreColumns)
            // Half of the products of floats is about what finding them one by one costs.
            let room = m * ((n + 15) / 16) / 4
            let done = unsafe kernels.pointee.offer_near(
              m, n, d, products, scoreColumns, worker.scales.pointer, worker.errors.pointer, scales.pointer + j,
              errors.pointer + j, worker.rows.pointer, stride, panels.storage.base + j * d, &lists, near, room)
            if done != 0 {
              useful += 1
              continue
            }
            useless += 1
          }
          unsafe kernels.pointee.gemm(
            m, n, d, worker.rows.pointer, stride, 1, panels.storage.base + j * d, worker.scores.pointer, scoreColumns,
            nil, 0, nil)
          unsafe kernels.pointee.offer_all(m, n, worker.scores.pointer, scoreColumns, &lists)
        }
      }
    }
    if !rounds || blocks.staysRounded { return }
    // Rows that are all near each other: rounding tells nothing for now.
    worker.skipped = useless > useful ? min(64, max(1, 2 * worker.skipped)) : 0
    worker.left = worker.skipped
  }
}

/// Memory that several threads read.
@safe private struct ReadPointer<Element>: @unchecked Sendable {
  // Sendable because it is only read, and used only while its owner waits.
  let base: UnsafePointer<Element>
  init(_ base: UnsafePointer<Element>?) { unsafe self.base = base! }
}

extension TopK {
  /// Merges lists of as many rows, which may have candidates in common with these.
  mutating func mergeOverlapping(_ other: TopK) {
    precondition(other.rows == rows && other.k == k)
    for i in 0..<rows {
      let range = i * k..<(i + 1) * k
      for p in range where other.ids[p] >= 0 {
        let (score, id) = (other.scores[p], other.ids[p])
        let last = range.upperBound - 1
        func isBehind(_ q: Int) -> Bool {
          ids[q] < 0 || score > scores[q] || (score == scores[q] && id < ids[q])
        }
        guard isBehind(last) else { break }
        if ids[range].contains(id) { continue }
        var q = last
        while q > range.lowerBound, isBehind(q - 1) {
          (scores[q], ids[q]) = (scores[q - 1], ids[q - 1])
          q -= 1
        }
        (scores[q], ids[q]) = (score, id)
      }
    }
  }
}
