import Base
import Kernels
import TestSupport
import Testing

import Index

/// Searches that round first, and searches by cells, against those that do neither.
@Suite struct ListNeighboursTests {
  let compute = Compute(threads: 2)

  func sides(_ x: Tensor, _ y: Tensor, k: Int = 4) throws -> ExactNeighbours {
    try ExactNeighbours(
      source: EmbeddingSide(x, name: "x", on: compute), target: EmbeddingSide(y, name: "y", on: compute), k: k)
  }

  func noise(_ rows: Int, _ columns: Int, seed: UInt64) -> Tensor {
    var random = SplitMix(seed: seed)
    let values = (0..<rows * columns).map { _ in Float.random(in: -1...1, using: &random) }
    return Tensor(values, rows: rows, columns: columns)
  }

  /// Rows around some centres; the other side has rows near the same.
  func clouds(_ rows: Int, _ columns: Int, seed: UInt64, centres: Int = 20) -> Tensor {
    var random = SplitMix(seed: 77)
    let middles = (0..<centres * columns).map { _ in Float.random(in: -1...1, using: &random) }
    random = SplitMix(seed: seed)
    var values: [Float] = []
    for _ in 0..<rows {
      let centre = Int.random(in: 0..<centres, using: &random)
      for j in 0..<columns {
        values.append(middles[centre * columns + j] + Float.random(in: -0.4...0.4, using: &random))
      }
    }
    return Tensor(values, rows: rows, columns: columns)
  }

  @Test(arguments: ["generic", "avx2", "avx512", "amx"]) func roundingFirstChangesNoBit(simd: String) throws {
    guard let one = Compute(threads: 1, simd: simd), let three = Compute(threads: 3, simd: simd) else { return }
    // Ties and zeros; random rows; rows that are nearly all the same; one number that outweighs the others; long rows.
    var spiked = noise(300, 24, seed: 5).array
    for i in stride(from: 0, to: spiked.count, by: 24) { spiked[i] = 40 }
    let first: [Float] = noise(1, 33, seed: 6).array
    var same: [Float] = first
    for i in 1..<280 {
      let shift = Float(i) * 1e-6
      same.append(contentsOf: first.map { $0 + shift })
    }
    let near = Tensor(same, rows: 280, columns: 33)
    var cases: [(Tensor, Tensor)] = [(exactRows(900, seed: 1), exactRows(700, seed: 2))]
    cases.append((noise(1000, 40, seed: 1), noise(1300, 40, seed: 2)))
    cases.append((clouds(700, 65, seed: 1), clouds(900, 65, seed: 2)))
    cases.append((Tensor(spiked, rows: 300, columns: 24), noise(400, 24, seed: 7)))
    cases.append((near, near))
    cases.append((noise(130, 1100, seed: 3), noise(200, 1100, seed: 4)))
    cases.append((noise(5, 1, seed: 3), noise(7, 1, seed: 4)))
    for (number, (x, y)) in cases.enumerated() {
      for k in [1, 4, 9] {
        let search = try sides(x, y, k: k)
        let expected = search.search(on: one, blocks: SearchBlocks(roundsFirst: false))
        #expect(expected != nil)
        for (targets, scores, sources) in [(2048, 512, 96), (128, 64, 13), (70, 33, 7)] {
          let blocks = SearchBlocks(targets: targets, scores: scores, sources: sources, roundsFirst: true)
          #expect(search.search(on: one, blocks: blocks) == expected, "case \(number), k \(k), \(blocks)")
          #expect(search.search(on: three, blocks: blocks) == expected, "case \(number), k \(k), \(blocks), 3 threads")
        }
      }
    }
  }

  @Test func allCellsGiveWhatExactSearchGives() throws {
    for (x, y) in [
      (exactRows(300, seed: 1), exactRows(411, seed: 2)), (noise(333, 20, seed: 1), noise(120, 20, seed: 2)),
      (exactRows(1, seed: 3), exactRows(9, seed: 4)),
    ] {
      let search = try sides(x, y)
      let expected = search.search(on: compute)
      for cells in [1, 2, 16] where cells <= x.rows + y.rows {
        let found = try ListNeighbours(search, cells: cells, probes: cells).search(on: compute)
        #expect(found?.neighbours == expected, "\(cells) cells")
        // Pairs of one cell once, the others at most twice.
        #expect(found.map { $0.products >= x.rows * y.rows && $0.products < 2 * x.rows * y.rows + 1 } == true)
      }
    }
  }

  @Test func theRecallIsWhatWasAskedFor() throws {
    let search = try sides(clouds(3000, 32, seed: 1, centres: 200), clouds(4000, 32, seed: 2, centres: 200))
    let exact = try #require(search.search(on: compute))
    var last = 0
    for recall in [0.7, 0.95, 0.99] {
      let lists = ListNeighbours(search, recall: recall)
      let found = try #require(try lists.search(on: compute))
      #expect(lists.cells == 128)
      #expect(found.probes >= last)
      last = found.probes
      for (mine, all) in [(found.neighbours.forward, exact.forward), (found.neighbours.backward, exact.backward)] {
        var met = 0
        for row in 0..<mine.rows {
          let ids = mine.ids[row * 4..<row * 4 + 4]
          met += all.ids[row * 4..<row * 4 + 4].count { ids.contains($0) }
          // Whatever was met is in order, and no row twice.
          #expect(Set(ids.filter { $0 >= 0 }).count == ids.count { $0 >= 0 })
        }
        #expect(Double(met) / Double(all.ids.count) > recall - 0.02, "\(recall): \(met) of \(all.ids.count)")
      }
    }
    #expect(last < 128)
  }

  @Test func threadsAndShardsDoNotMatter() throws {
    let (x, y) = (clouds(900, 24, seed: 1), clouds(700, 24, seed: 2))
    let search = try sides(x, y)
    let expected = try #require(try ListNeighbours(search, cells: 32, probes: 5).search(on: Compute(threads: 1)))
    for threads in [2, 5] {
      let found = try #require(try ListNeighbours(search, cells: 32, probes: 5).search(on: Compute(threads: threads)))
      #expect(found.neighbours == expected.neighbours)
    }
    let (a, b) = (search.source.unitRows, search.target.unitRows)
    let centres = try #require(compute.cluster(x, cells: 32, rounds: 3))
    let whole = try #require(compute.nearestByCells(a, b, centres, probes: 5, k: 4))
    for shardRows in [899, 300, 7] {
      let parts = try #require(
        compute.nearestByCells(
          a, b, centres, probes: 5, k: 4, shardRows: shardRows,
          blocks: SearchBlocks(targets: 20, scores: 64, sources: 9)))
      #expect(parts.forward == whole.forward && parts.backward == whole.backward && parts.products == whole.products)
    }
  }

  @Test func cellsAreThoseOfTheClouds() throws {
    let rows = clouds(2000, 16, seed: 3, centres: 8)
    let centres = try #require(compute.cluster(rows, cells: 8, rounds: 10))
    #expect(centres.rows == 8)
    for i in 0..<8 {
      let length = (0..<16).reduce(0) { $0 + centres[i, $1] * centres[i, $1] }
      #expect(abs(length - 1) < 1e-5)
    }
    // More cells than there are different rows: some stay without any.
    let few = Tensor(Array(repeating: [1, 2, 3], count: 40).flatMap { $0 }, rows: 40, columns: 3)
    let same = try #require(compute.cluster(few, cells: 10, rounds: 3))
    #expect(same.array.allSatisfy { $0.isFinite })
  }

  @Test func aCancelledSearchGivesNothing() throws {
    let job = Job()
    job.cancel()
    let search = try sides(noise(200, 8, seed: 1), noise(200, 8, seed: 2))
    #expect(try ListNeighbours(search).search(on: compute, job: job) == nil)
  }

  @Test func theNumberOfCellsFollowsTheSize() {
    #expect(ListNeighbours.defaultCells(sources: 1, targets: 1) == 1)
    #expect(ListNeighbours.defaultCells(sources: 200_000, targets: 200_000) == 1024)
    #expect(ListNeighbours.defaultCells(sources: 1_000_000, targets: 1_000_000) == 2048)
    #expect(ListNeighbours.defaultCells(sources: .max / 4, targets: 1_000_000_000) == 65_536)
  }
}
