import Base
import CFaiss
import Kernels

/// How an index is searched.
public enum SearchEngine: String, Sendable, CaseIterable {
  /// List by list: the queries of a cell and the rows in it are one matrix product of our own. An index of whole vectors without
  /// cells counts as one cell.
  case lists
  /// Query by query, by Faiss.
  case faiss
}

/// Searching an index for many queries at once, cell by cell.
///
/// Every query is put to the cells that it looks into; then the cells pass one after another, in the order of the file. The rows
/// of a cell are decoded and packed, and multiplied with the queries that look into it; every product is offered to the best-list
/// of its query. What Faiss decides (cells, codes, rotations) is taken from the index as it is; what it computes is computed
/// here. A product is one chain of multiply-adds over the columns in order, and a list has a total order, so that lists
/// depend neither on threads nor on blocks nor on which queries come together.
extension FaissIndex {
  /// Bytes that the queries of one pass take: their vectors, their cells and their lists.
  private static let passBytes = 256 << 20

  /// Whether `lists` can search this kind of index; others are left to Faiss.
  var canBeSearchedByLists: Bool { unsafe ems_faiss_cells(handle) > 0 }

  /// Queries of one pass over the index.
  func passRows(k: Int) -> Int {
    let inner = unsafe Int(ems_faiss_inner_dimension(handle))
    let probes = min(self.probes, cells ?? 1)
    return max(1024, Self.passBytes / (4 * (dimension + inner) + 20 * probes + 16 * k))
  }

  /// The k best rows of each query by their codes, best first, ties by the lower id; ids are -1 where a query met fewer.
  ///
  /// - Parameters:
  ///   - queries: unit vectors, [n, dimension], no more than `passRows` if memory shall be bounded.
  ///   - ids: for each vector of the index the id that it has in the lists, -1 to leave it out; nil for those of the index.
  ///   - tileRows: rows of a cell that are multiplied at once; of no influence on the result.
  ///   - progress: called with the share of the cells that is done.
  /// - Precondition: `canBeSearchedByLists`.
  /// - Throws: `Failure` naming the index when an id in it is none of its vectors'; of the kind `interrupted` when the job is
  ///   cancelled.
  package func nearestByLists(
    _ queries: Tensor, k: Int, ids: [Int32]? = nil, tileRows: Int = 512, on compute: Compute, job: Job = Job(),
    progress: (Double) -> Void = { _ in }
  ) throws(Failure) -> NeighbourLists {
    let queries = try transformed(queries, on: compute)
    let all = unsafe Int(ems_faiss_cells(handle))
    let lookups = try queriesByCell(queries, cells: all, on: compute, job: job)
    let scan = ListScan(queries: queries, k: k, tileRows: tileRows, on: compute)
    let decoded = Tensor(rows: tileRows, columns: queries.columns)
    var found = [Int64](repeating: 0, count: tileRows)
    let known = count
    var done = 0
    for cell in 0..<all {
      let wanted = lookups.queries(of: cell)
      let size = wanted.isEmpty ? 0 : unsafe ems_faiss_cell_size(handle, cell)
      for first in stride(from: 0, to: size, by: tileRows) {
        try job.check("index \(name)")
        let rows = min(tileRows, size - first)
        let code = unsafe ems_faiss_decode(handle, cell, first, rows, &found, decoded.pointer)
        guard code == 0 else {
          throw Self.failure(code, .badData, "index \(name)", "cannot be searched", remedy: nil)
        }
        var tile: [Int32] = []
        tile.reserveCapacity(rows)
        for i in 0..<rows {
          // Faiss hands on what stands in the file, and rows are looked up by it.
          guard found[i] >= 0, found[i] < known else {
            throw Failure(
              .badData, name, "has the id \(found[i]), but only \(known) vectors",
              remedy: "build it again with ems index build")
          }
          let id = ids.map { $0[Int(found[i])] } ?? Int32(found[i])
          if id < 0 { continue }
          if tile.count < i { decoded.rows(tile.count..<tile.count + 1).copy(from: decoded.rows(i..<i + 1)) }
          tile.append(id)
        }
        if !tile.isEmpty { scan.offer(decoded.prefix(tile.count), tile, to: wanted) }
      }
      done += 1
      if done.isMultiple(of: 64) { progress(Double(done) / Double(all)) }
    }
    return scan.lists
  }

  /// Queries behind the index's transforms.
  private func transformed(_ queries: Tensor, on compute: Compute) throws(Failure) -> Tensor {
    var rows = queries
    let transforms = unsafe Int(ems_faiss_transforms(handle))
    for number in 0..<transforms {
      let width = unsafe Int(ems_faiss_transform_width(handle, number))
      let result = Tensor(rows: rows.rows, columns: width)
      let (matrix, bias) = (Tensor(rows: width, columns: rows.columns), Tensor(rows: 1, columns: width))
      if unsafe ems_faiss_linear(handle, number, matrix.pointer, bias.pointer) != 0 {
        let packed = PackedMatrix(rows: rows.columns, columns: width, on: compute)
        compute.pack(transposing: matrix, into: packed)
        compute.linear(rows, packed, bias: bias, into: result)
      } else {
        let code = unsafe ems_faiss_transform(handle, number, Int64(rows.rows), rows.pointer, result.pointer)
        guard code == 0 else {
          throw Self.failure(code, .badData, "index \(name)", "cannot be searched", remedy: nil)
        }
      }
      rows = result
    }
    return rows
  }

  /// Which queries look into which cells.
  private func queriesByCell(
    _ queries: Tensor, cells: Int, on compute: Compute, job: Job
  ) throws(Failure) -> QueriesByCell {
    let probes = min(self.probes, cells)
    if self.cells == nil || probes == cells { return QueriesByCell(all: queries.rows, cells: cells) }
    let centres = Tensor(rows: cells, columns: queries.columns)
    let code = unsafe ems_faiss_centres(handle, centres.pointer)
    guard code == 0 else {
      throw Self.failure(code, .badData, "index \(name)", "cannot be searched", remedy: nil)
    }
    let measured = compute.unitRows(UnitRows(centres))
    var numbers: [Int32] = []
    numbers.reserveCapacity(queries.rows * probes)
    let block = 1 << 14
    // Cells of length 1, as Faiss trains them for this metric, are nearest by cosine; others by the product itself.
    let areUnit = measured.factors.allSatisfy { abs($0 - 1) < 1e-5 }
    for first in stride(from: 0, to: queries.rows, by: block) {
      let part = first..<min(first + block, queries.rows)
      if areUnit {
        let rows = compute.unitRows(UnitRows(queries.rows(part)))
        let found = compute.nearest(
          rows, 0..<part.count, measured, 0..<cells, k: probes, backwardK: 0, shouldStop: { job.isCancelled })
        guard let found else { throw Interruption.failure("index \(name)") }
        numbers += found.forward.ids
      } else {
        try job.check("index \(name)")
        let scan = ListScan(queries: queries.rows(part), k: probes, tileRows: 512, on: compute)
        let whole = Array(Int32(0)..<Int32(part.count))
        for start in stride(from: 0, to: cells, by: 512) {
          let tile = start..<min(start + 512, cells)
          scan.offer(centres.rows(tile), tile.map { Int32($0) }, to: whole[...])
        }
        numbers += scan.lists.ids
      }
    }
    return QueriesByCell(numbers, probes: probes, cells: cells)
  }
}

/// For each cell the queries that look into it, rising.
private struct QueriesByCell {
  private var starts: [Int] = []
  private var order: [Int32]

  /// Every query in every cell.
  init(all queries: Int, cells: Int) { order = Array(0..<Int32(queries)) }

  /// - Parameter numbers: [queries, probes] cells; -1 for none.
  init(_ numbers: [Int32], probes: Int, cells: Int) {
    starts = Array(repeating: 0, count: cells + 1)
    for cell in numbers where cell >= 0 { starts[Int(cell) + 1] += 1 }
    for cell in 0..<cells { starts[cell + 1] += starts[cell] }
    order = Array(repeating: 0, count: starts[cells])
    var next = starts
    for (place, cell) in numbers.enumerated() where cell >= 0 {
      order[next[Int(cell)]] = Int32(place / probes)
      next[Int(cell)] += 1
    }
  }

  func queries(of cell: Int) -> ArraySlice<Int32> {
    starts.isEmpty ? order[...] : order[starts[cell]..<starts[cell + 1]]
  }
}

/// Offers the products of queries and rows to the queries' lists.
private final class ListScan {
  private let queries: Tensor
  private let k: Int
  /// [queries, k] scores, and ids whose bits are kept as floats: threads write rows of their own.
  private let scores: Tensor, places: Tensor
  private let compute: Compute
  private let packed: PackedMatrix
  private let workers: [Worker]
  /// Queries of one product.
  private static let part = 96

  /// What a thread works in.
  private final class Worker: @unchecked Sendable {
    // Sendable because a worker is one thread's at a time: of the part of `offer` that has its number.
    let compute = Compute(threads: 1)
    let rows: Tensor, products: Tensor

    init(columns: Int, tileRows: Int) {
      rows = Tensor(rows: ListScan.part, columns: columns)
      products = Tensor(rows: ListScan.part, columns: tileRows)
    }
  }

  init(queries: Tensor, k: Int, tileRows: Int, on compute: Compute) {
    self.queries = queries
    self.k = k
    self.compute = compute
    scores = Tensor(rows: queries.rows, columns: k)
    scores.fill(-.infinity)
    places = Tensor(rows: queries.rows, columns: k)
    places.fill(Self.bits(-1))
    packed = PackedMatrix(rows: queries.columns, columns: tileRows, on: compute)
    let count = max(1, min(compute.threads, (queries.rows + Self.part - 1) / Self.part))
    workers = (0..<count).map { _ in Worker(columns: queries.columns, tileRows: tileRows) }
  }

  private static func bits(_ id: Int32) -> Float { Float(bitPattern: UInt32(bitPattern: id)) }
  private static func id(_ bits: Float) -> Int32 { Int32(bitPattern: bits.bitPattern) }

  /// The lists so far.
  var lists: NeighbourLists {
    NeighbourLists(rows: queries.rows, k: k, scores: scores.array, ids: places.array.map { Self.id($0) })
  }

  /// - Parameters:
  ///   - rows: at most as many as a tile has, [n, columns].
  ///   - ids: theirs.
  ///   - wanted: numbers of queries, each once.
  func offer(_ rows: Tensor, _ ids: [Int32], to wanted: ArraySlice<Int32>) {
    let panels = packed.resized(rows: rows.columns, columns: rows.rows, on: compute)
    compute.pack(transposing: rows, into: panels)
    let parts = (wanted.count + Self.part - 1) / Self.part
    let active = min(workers.count, parts)
    let (queries, scores, places, workers, k) = (queries, scores, places, workers, k)
    // A worker takes every so many parts: all are of one size.
    let work: @Sendable (Int) -> Void = { number in
      let worker = workers[number]
      for part in stride(from: number, to: parts, by: active) {
        let first = wanted.startIndex + part * Self.part
        let numbers = Array(wanted[first..<min(first + Self.part, wanted.endIndex)])
        let block = worker.rows.prefix(numbers.count)
        worker.compute.gather(queries, numbers, into: block)
        let products = worker.products.slice(from: 0, rows: numbers.count, columns: ids.count)
        worker.compute.linear(block, panels, into: products)
        Self.offer(products, ids, numbers, scores, places, k)
      }
    }
    // Nothing in it throws.
    _ = try? concurrentMap(active, threads: active) { work($0) }
  }

  private static func offer(
    _ products: Tensor, _ ids: [Int32], _ queries: [Int32], _ scores: Tensor, _ places: Tensor, _ k: Int
  ) {
    let n = ids.count
    products.withElements { products in
      scores.withMutableElements { scores in
        places.withMutableElements { places in
          for (i, query) in queries.enumerated() {
            let first = Int(query) * k
            var last = scores[first + k - 1]
            for j in 0..<n {
              let score = products[i * n + j]
              // False for a NaN, which a damaged row may give.
              guard score >= last else { continue }
              let id = ids[j]
              // Behind the entries that are better: descending score, of equal scores the lower id first.
              var p = k
              while p > 0 {
                let other = Self.id(places[first + p - 1])
                if other >= 0, score < scores[first + p - 1] || (score == scores[first + p - 1] && id > other) { break }
                p -= 1
              }
              if p == k { continue }
              for q in stride(from: k - 1, to: p, by: -1) {
                scores[first + q] = scores[first + q - 1]
                places[first + q] = places[first + q - 1]
              }
              scores[first + p] = score
              places[first + p] = Self.bits(id)
              last = scores[first + k - 1]
            }
          }
        }
      }
    }
  }
}
