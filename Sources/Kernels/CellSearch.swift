import CKernels

/// For rows of a side the cells that they look into, nearest first; the first is the one where a row lies.
private struct CellProbes {
  /// The rows, and how many cells each has.
  let range: Range<Int>, probes: Int
  /// [rows, probes] numbers of cells.
  var numbers: [UInt16] = []

  /// The rows that have a cell among those of the given places, cell by cell, rising.
  func rowsByCell(_ cells: Int, places: Range<Int>) -> RowsByCell {
    var starts = [Int](repeating: 0, count: cells + 1)
    for row in 0..<range.count { for p in places { starts[Int(numbers[row * probes + p]) + 1] += 1 } }
    for cell in 0..<cells { starts[cell + 1] += starts[cell] }
    var next = starts
    var rows = [Int32](repeating: 0, count: range.count * places.count)
    for row in 0..<range.count {
      for p in places {
        let cell = Int(numbers[row * probes + p])
        rows[next[cell]] = Int32(range.lowerBound + row)
        next[cell] += 1
      }
    }
    return RowsByCell(starts: starts, rows: rows)
  }
}

private struct RowsByCell {
  let starts: [Int], rows: [Int32]
  func range(_ cell: Int) -> Range<Int> { starts[cell]..<starts[cell + 1] }
}

extension Compute {
  /// Centres of cells, [cells, columns], of length 1: k-means by cosine on rows of length 1.
  ///
  /// The same for any number of threads. A cell that no row is nearest to starts again at the row that fits its own worst.
  ///
  /// - Parameters:
  ///   - rows: what is clustered, at least as many as cells.
  ///   - rounds: how often rows are assigned and centres moved.
  /// - Returns: nil if stopped.
  package func cluster(
    _ rows: Tensor, cells: Int, rounds: Int, shouldStop: @escaping @Sendable () -> Bool = { false }
  ) -> Tensor? {
    precondition(cells >= 1 && rows.rows >= cells && cells <= 1 << 16)
    let d = rows.columns
    let vectors = unitRows(UnitRows(rows))
    var centres = unit(vectors, (0..<cells).map { $0 * rows.rows / cells })
    for _ in 0..<rounds {
      let found = nearest(
        vectors, 0..<rows.rows, UnitRows(centres), 0..<cells, k: 1, backwardK: 0,
        blocks: SearchBlocks(staysRounded: true),
        shouldStop: shouldStop)
      guard let assigned = found?.forward else { return nil }
      let sums = Tensor(rows: cells, columns: d)
      var counts = [Int](repeating: 0, count: cells)
      for cell in assigned.ids { counts[Int(cell)] += 1 }
      // A thread adds up columns of its own, in the order of the rows.
      unsafe parallelRows(d, grain: 64) { columns, _ in
        for row in 0..<rows.rows {
          unsafe kernels.pointee.axpy(
            columns.count, 1, rows.pointer + row * d + columns.lowerBound,
            sums.pointer + Int(assigned.ids[row]) * d + columns.lowerBound)
        }
      }
      var worst = (0..<rows.rows).sorted {
        (assigned.scores[$0], $0) < (assigned.scores[$1], $1)
      }.makeIterator()
      for cell in 0..<cells where counts[cell] == 0 {
        if let row = worst.next() { sums.rows(cell..<cell + 1).copy(from: rows.rows(row..<row + 1)) }
      }
      centres = unit(UnitRows(sums), Array(0..<cells))
    }
    return centres
  }

  /// The nearest cells of rows; nil if stopped.
  private func probe(
    _ rows: UnitRows, _ range: Range<Int>, _ centres: UnitRows, probes: Int, progress: (Double) -> Void,
    shouldStop: @escaping @Sendable () -> Bool
  ) -> CellProbes? {
    var result = CellProbes(range: range, probes: probes)
    result.numbers.reserveCapacity(range.count * probes)
    // A block's lists are dropped before the next one's are made.
    let block = 1 << 15
    for first in stride(from: range.lowerBound, to: range.upperBound, by: block) {
      let part = first..<min(first + block, range.upperBound)
      // Which cells are near need not be known to the last bit.
      let found = nearest(
        rows, part, centres, 0..<centres.rows, k: probes, backwardK: 0, blocks: SearchBlocks(staysRounded: true),
        shouldStop: shouldStop)
      guard let found else { return nil }
      for id in found.forward.ids { result.numbers.append(UInt16(truncatingIfNeeded: id)) }
      progress(Double(part.upperBound - range.lowerBound) / Double(range.count))
    }
    return result
  }

  /// The k nearest rows of the other side for every row of both sides, among the pairs of which one looks into the cell where
  /// the other lies. Both directions use every product.
  ///
  /// Cell by cell: the rows of one side that lie in it with the rows of the other that look into it. The lists depend on the
  /// rows, the centres and the number of probes alone. Memory: 8 bytes for each probe of a million rows a side, 4 bytes a row,
  /// and the lists.
  ///
  /// - Parameters:
  ///   - source, target: measured, finite.
  ///   - centres: of cells, at most 65,536.
  ///   - probes: cells that a row looks into, at most all.
  ///   - shardRows: rows whose cells are held at a time; of no influence on the result.
  ///   - progress: called on the caller's thread with what is being done and the share of it.
  ///   - shouldStop: asked often and from several threads; once it says true the result is nil.
  package func nearestByCells(
    _ source: UnitRows, _ target: UnitRows, _ centres: Tensor, probes: Int, k: Int, shardRows: Int = 1 << 20,
    blocks: SearchBlocks = SearchBlocks(), progress: (String, Double) -> Void = { _, _ in },
    shouldStop: @escaping @Sendable () -> Bool = { false }
  ) -> (forward: TopK, backward: TopK, products: Int)? {
    let cells = centres.rows
    precondition(probes >= 1 && probes <= cells && cells <= 1 << 16)
    let sides = [source, target]
    let places = UnitRows(centres)
    var kept: [CellProbes?] = [nil, nil]
    var homes: [RowsByCell] = []
    for (i, side) in sides.enumerated() {
      let isWhole = side.rows <= shardRows
      let found = probe(
        side, 0..<side.rows, places, probes: isWhole ? probes : 1,
        progress: { progress("assigning", ($0 + Double(i)) / 2) }, shouldStop: shouldStop)
      guard let found else { return nil }
      homes.append(found.rowsByCell(cells, places: 0..<1))
      if isWhole { kept[i] = found }
    }
    var lists = [TopK(rows: source.rows, k: min(k, target.rows)), TopK(rows: target.rows, k: min(k, source.rows))]
    var products = 0
    for i in 0...1 {
      let (side, other) = (sides[i], sides[1 - i])
      let search = BlockSearch(
        rows: side, columns: other, rowK: lists[i].k, columnK: lists[1 - i].k, blocks: blocks, on: self)
      for first in stride(from: 0, to: side.rows, by: shardRows) {
        let range = first..<min(first + shardRows, side.rows)
        var found = kept[i]
        kept[i] = nil
        if found == nil {
          found = probe(side, range, places, probes: probes, progress: { _ in }, shouldStop: shouldStop)
        }
        // Pairs of one cell have met when it is the other side's turn.
        guard let queries = found?.rowsByCell(cells, places: i..<probes) else { return nil }
        found = nil
        for cell in 0..<cells {
          let there = homes[1 - i].rows[homes[1 - i].range(cell)]
          products += there.count * queries.range(cell).count
          // Taken out of the array, so that each is written where it is.
          var (rowLists, columnLists) = (TopK(rows: 0, k: 0), TopK(rows: 0, k: 0))
          swap(&rowLists, &lists[i])
          swap(&columnLists, &lists[1 - i])
          let isDone = search.search(
            homes: there, queries.rows, queries.range(cell), rowLists: &rowLists, columnLists: &columnLists,
            width: blocks.targets, shouldStop: shouldStop)
          swap(&rowLists, &lists[i])
          swap(&columnLists, &lists[1 - i])
          if !isDone { return nil }
          let part = (Double(first) + Double(range.count) * Double(cell + 1) / Double(cells)) / Double(side.rows)
          progress("searching", (part + Double(i)) / 2)
        }
      }
    }
    return (lists[0], lists[1], products)
  }
}

extension BlockSearch {
  /// Compares the rows that lie in a cell with those that look into it.
  fileprivate func search(
    homes: ArraySlice<Int32>, _ queries: [Int32], _ range: Range<Int>, rowLists: inout TopK, columnLists: inout TopK,
    width: Int, shouldStop: @escaping @Sendable () -> Bool
  ) -> Bool {
    let k = columnLists.k
    for first in stride(from: homes.startIndex, to: homes.endIndex, by: width) {
      let block = Array(homes[first..<min(first + width, homes.endIndex)])
      var lists = TopK(rows: block.count, k: k)
      lists.copy(block, from: columnLists)
      let isDone = rowLists.withLists { scores, ids in
        search(
          block, queries, range, scores: scores, ids: ids, first: 0, columnLists: &lists, shouldStop: shouldStop)
      }
      if !isDone { return false }
      columnLists.put(lists, at: block)
    }
    return true
  }
}

extension TopK {
  /// Lists of some rows.
  fileprivate mutating func copy(_ rows: [Int32], from other: TopK) {
    for (i, row) in rows.enumerated() {
      for p in 0..<k {
        scores[i * k + p] = other.scores[Int(row) * k + p]
        ids[i * k + p] = other.ids[Int(row) * k + p]
      }
    }
  }

  fileprivate mutating func put(_ other: TopK, at rows: [Int32]) {
    for (i, row) in rows.enumerated() {
      for p in 0..<k {
        scores[Int(row) * k + p] = other.scores[i * k + p]
        ids[Int(row) * k + p] = other.ids[i * k + p]
      }
    }
  }

  /// The lists for writing from several threads, each of which has rows of its own.
  mutating func withLists<Result>(_ body: (SharedPointer<Float>, SharedPointer<Int32>) -> Result) -> Result {
    unsafe scores.withUnsafeMutableBufferPointer { scores in
      unsafe ids.withUnsafeMutableBufferPointer { ids in
        unsafe body(SharedPointer(scores.baseAddress), SharedPointer(ids.baseAddress))
      }
    }
  }
}
