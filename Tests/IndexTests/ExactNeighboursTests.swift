import Base
import Formats
import Kernels
import Synchronization
import TestSupport
import Testing

import Index

/// Rows whose cosines are exact in single precision: 16 elements of +-1 have length 4, so a cosine is a multiple of 1/8
/// and equal cosines are plentiful. Now and then a row of zeros, or the row before once more.
func exactRows(_ count: Int, seed: UInt64) -> Tensor {
  var random = SplitMix(seed: seed)
  var values: [Float] = []
  for row in 0..<count {
    switch Int.random(in: 0..<12, using: &random) {
    case 0: values += Array(repeating: 0, count: 16)
    case 1 where row > 0: values += values.suffix(16)
    default: values += (0..<16).map { _ in Bool.random(using: &random) ? 1 : -1 }
    }
  }
  return Tensor(values, rows: count, columns: 16)
}

@Suite struct ExactNeighboursTests {
  let folder = TemporaryFolder()
  let compute = Compute(threads: 2)

  func search(_ x: Tensor, _ y: Tensor, k: Int, on compute: Compute) throws -> ExactNeighbours {
    try ExactNeighbours(
      source: EmbeddingSide(x, name: "x", on: compute), target: EmbeddingSide(y, name: "y", on: compute), k: k)
  }

  /// Lists by definition: all cosines in double precision, sorted.
  func bruteForce(_ x: Tensor, _ y: Tensor, k: Int) -> (cosines: [[Double]], ids: [[Int32]]) {
    func unit(_ t: Tensor, _ i: Int) -> [Double] {
      let row = (0..<t.columns).map { Double(t[i, $0]) }
      let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return norm == 0 ? row : row.map { $0 / norm }
    }
    let targets = (0..<y.rows).map { unit(y, $0) }
    var cosines: [[Double]] = []
    var ids: [[Int32]] = []
    for i in 0..<x.rows {
      let row = unit(x, i)
      let all = targets.map { zip(row, $0).reduce(0) { $0 + $1.0 * $1.1 } }
      let order = all.indices.sorted { all[$0] != all[$1] ? all[$0] > all[$1] : $0 < $1 }.prefix(k)
      cosines.append(order.map { all[$0] })
      ids.append(order.map { Int32($0) })
    }
    return (cosines, ids)
  }

  @Test(arguments: [(1, 1), (1, 9), (9, 1), (5, 3), (64, 65), (97, 130), (200, 67)], [1, 2, 4, 7])
  func tiesAndCornersAreExactlyThoseOfBruteForce(size: (Int, Int), k: Int) throws {
    let (x, y) = (exactRows(size.0, seed: UInt64(k)), exactRows(size.1, seed: 99))
    let found = try #require(try search(x, y, k: k, on: compute).search(on: compute))
    let forward = bruteForce(x, y, k: k)
    let backward = bruteForce(y, x, k: k)
    #expect(found.forward.k == min(k, size.1) && found.backward.k == min(k, size.0))
    #expect(found.forward.ids == forward.ids.flatMap { $0 })
    #expect(found.forward.scores.map(Double.init) == forward.cosines.flatMap { $0 })
    #expect(found.backward.ids == backward.ids.flatMap { $0 })
    #expect(found.backward.scores.map(Double.init) == backward.cosines.flatMap { $0 })
  }

  @Test func randomRowsAreWithinRounding() throws {
    var random = SplitMix(seed: 5)
    func rows(_ n: Int) -> Tensor {
      Tensor((0..<n * 600).map { _ in .random(in: -1...1, using: &random) }, rows: n, columns: 600)
    }
    let (x, y) = (rows(150), rows(90))
    let found = try #require(try search(x, y, k: 5, on: compute).search(on: compute))
    for (lists, expected) in [(found.forward, bruteForce(x, y, k: 5)), (found.backward, bruteForce(y, x, k: 5))] {
      #expect(lists.ids == expected.ids.flatMap { $0 })
      for (a, b) in zip(lists.scores, expected.cosines.flatMap { $0 }) { #expect(abs(Double(a) - b) < 1e-6) }
    }
  }

  @Test func threadsAndBlocksDoNotMatter() throws {
    let (x, y) = (randomRows(301, 40, seed: 1), randomRows(215, 40, seed: 2))
    let expected = try search(x, y, k: 4, on: compute).search(on: compute)
    for threads in 1...3 {
      let compute = Compute(threads: threads)
      for (targets, scores, sources) in [(1, 1, 1), (64, 64, 6), (70, 33, 7), (128, 64, 96), (4096, 512, 1000)] {
        let blocks = SearchBlocks(targets: targets, scores: scores, sources: sources)
        let found = try search(x, y, k: 4, on: compute).search(on: compute, blocks: blocks)
        #expect(found == expected, "\(threads) threads, \(blocks)")
      }
    }
  }

  @Test(arguments: [1, 2, 7], [3, 60])
  func shardsAreMergedToTheSameBytes(shards: Int, k: Int) throws {
    let sides = [
      (exactRows(101, seed: 3), exactRows(55, seed: 4)), (randomRows(64, 9, seed: 3), randomRows(71, 9, seed: 4)),
    ]
    for (x, y) in sides {
      let whole = try search(x, y, k: k, on: compute)
      var parts: [TwoWayNeighbours] = []
      func cut(_ rows: Int) -> [Range<Int>] { (0..<shards).map { $0 * rows / shards..<($0 + 1) * rows / shards } }
      for sources in cut(x.rows) {
        for targets in cut(y.rows) {
          parts.append(try #require(whole.search(sources: sources, targets: targets, on: compute)))
        }
      }
      let expected = try #require(whole.search(on: compute))
      #expect(try whole.merge(parts) == expected)
      #expect(try whole.merge(parts.reversed()) == expected)
      #expect(throws: Failure.self) { _ = try whole.merge(Array(parts.dropFirst())) }
      #expect(throws: Failure.self) { _ = try whole.merge(parts + [parts[0]]) }
    }
  }

  @Test func theGenericKernelsFindTheSame() throws {
    let (x, y) = (exactRows(120, seed: 8), exactRows(77, seed: 9))
    let expected = try search(x, y, k: 4, on: compute).search(on: compute)
    for simd in ["generic", "avx2", "avx512", "amx"] {
      guard let other = Compute(threads: 2, simd: simd) else { continue }
      #expect(try search(x, y, k: 4, on: other).search(on: other) == expected, "\(simd)")
    }
  }

  @Test func filesOfBothTypesGiveWhatTheirValuesGive() throws {
    let x = randomRows(50, 24, seed: 6)
    for type in EmbeddingType.allCases {
      let writer = try EmbeddingFileWriter(path: folder.file("x.npy"), columns: 24, type: type)
      try writer.append(x.array.span)
      try writer.commit()
      let file = try EmbeddingFile(path: folder.file("x.npy"))
      let side = try EmbeddingSide(file, on: compute)
      let values = Tensor(file.floats(rows: 0..<50), rows: 50, columns: 24)
      let fromFile = try ExactNeighbours(source: side, target: side, k: 3).search(on: compute)
      #expect(try search(values, values, k: 3, on: compute).search(on: compute) == fromFile)
      // Every row is nearest to itself.
      #expect(fromFile?.forward == fromFile?.backward)
      #expect((0..<50).allSatisfy { fromFile?.forward.ids[$0 * 3] == Int32($0) })
    }
  }

  @Test func lengthsAtTheEndsOfTheRangeAreScaled() throws {
    let x = Tensor([3e38, 0, 0x1p-147, 0, 0, 0x1p-147, -3e38, 3e38], rows: 4, columns: 2)
    let lists = try #require(try search(x, x, k: 1, on: compute).search(on: compute)).forward
    #expect(lists.ids == [0, 0, 2, 3])
    #expect(lists.scores.allSatisfy { abs($0 - 1) < 1e-6 })
  }

  @Test func badRowsAreNamed() throws {
    for bad in [Float.nan, .infinity, -.infinity] {
      let x = Tensor([1, 2, 3, bad, 5, 6], rows: 3, columns: 2)
      let failure = #expect(throws: Failure.self) { _ = try EmbeddingSide(x, name: "x.npy", on: compute) }
      #expect(failure?.subject == "x.npy" && failure?.place == "row 1" && failure?.kind == .badData)
    }
    let x = Tensor([1, 2, 0, 0], rows: 2, columns: 2)
    #expect(try EmbeddingSide(x, name: "x", on: compute).zeroRows == 1)
    #expect(throws: Failure.self) { try search(x, Tensor(rows: 2, columns: 3), k: 1, on: compute) }
    #expect(throws: Failure.self) { try search(x, Tensor(rows: 0, columns: 2), k: 1, on: compute) }
  }

  @Test func aSearchCanBeStopped() throws {
    let x = randomRows(40, 8, seed: 1)
    #expect(try search(x, x, k: 2, on: compute).search(on: compute, job: Job(stopped: { true })) == nil)
    let shares = Mutex<[Double?]>([])
    let blocks = SearchBlocks(targets: 10, scores: 64, sources: 8)
    let job = Job(progress: { _, share in shares.withLock { $0.append(share) } })
    _ = try search(x, x, k: 2, on: compute).search(on: compute, blocks: blocks, job: job)
    #expect(shares.withLock { $0 } == [0.25, 0.5, 0.75, 1])
  }

  func randomRows(_ n: Int, _ d: Int, seed: UInt64) -> Tensor {
    var random = SplitMix(seed: seed)
    return Tensor((0..<n * d).map { _ in .random(in: -1...1, using: &random) }, rows: n, columns: d)
  }
}
