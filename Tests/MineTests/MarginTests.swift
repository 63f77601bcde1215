import Base
import Index
import Kernels
import TestSupport
import Testing

import Mine

/// Margin mining written down as it is defined, in double precision and without any regard to speed.
struct MarginReference {
  let cosines: [[Double]]
  let k: Int

  init(_ x: [[Double]], _ y: [[Double]], k: Int) {
    func unit(_ row: [Double]) -> [Double] {
      let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return norm == 0 ? row : row.map { $0 / norm }
    }
    let (x, y) = (x.map(unit), y.map(unit))
    cosines = x.map { a in y.map { b in zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } } }
    self.k = k
  }

  func pairs(_ margin: Margin, _ retrieval: Retrieval, threshold: Double?) -> [(Double, Int, Int)] {
    let (n, m) = (cosines.count, cosines[0].count)
    let columns = (0..<m).map { j in (0..<n).map { cosines[$0][j] } }
    func neighbours(_ row: [Double]) -> [Int] {
      Array(row.indices.sorted { row[$0] != row[$1] ? row[$0] > row[$1] : $0 < $1 }.prefix(k))
    }
    func mean(_ row: [Double]) -> Double {
      let list = neighbours(row)
      return list.reduce(0) { $0 + row[$1] } / Double(list.count)
    }
    let (means, otherMeans) = (cosines.map(mean), columns.map(mean))
    func score(_ i: Int, _ j: Int) -> Double {
      let (a, b) = (cosines[i][j], (means[i] + otherMeans[j]) / 2)
      switch margin {
      case .ratio: return b > 0 ? a / max(b, 1e-6) : a < 0 ? a : a / min(b, -1e-6)
      case .distance: return a - b
      case .absolute: return a
      }
    }
    typealias Candidate = (score: Double, cosine: Double, i: Int, j: Int)
    func before(_ a: Candidate, _ b: Candidate) -> Bool {
      a.score != b.score
        ? a.score > b.score : a.cosine != b.cosine ? a.cosine > b.cosine : a.i != b.i ? a.i < b.i : a.j < b.j
    }
    func candidate(_ i: Int, _ j: Int) -> Candidate { (score(i, j), cosines[i][j], i, j) }
    let forward = (0..<n).map { i in neighbours(cosines[i]).map { candidate(i, $0) }.min(by: before)! }
    let backward = (0..<m).map { j in neighbours(columns[j]).map { candidate($0, j) }.min(by: before)! }
    var chosen: [Candidate] = []
    switch retrieval {
    case .forward: chosen = forward.sorted(by: before)
    case .backward: chosen = backward.sorted(by: before)
    case .intersect: chosen = forward.filter { backward[$0.j].i == $0.i }.sorted(by: before)
    case .max:
      var (left, right) = (Set<Int>(), Set<Int>())
      for pair in (forward + backward).sorted(by: before) where !left.contains(pair.i) && !right.contains(pair.j) {
        left.insert(pair.i)
        right.insert(pair.j)
        chosen.append(pair)
      }
    }
    return chosen.filter { $0.score >= threshold ?? -.infinity }.map { ($0.score, $0.i, $0.j) }
  }
}

func matrix(_ rows: [[Double]]) -> Tensor {
  Tensor(rows.flatMap { $0.map { Float($0) } }, rows: rows.count, columns: rows[0].count)
}

/// Rows of +-1 (their cosines are exact), zeros now and then, repeated rows, and rows near those of `other`.
func signRows(_ count: Int, seed: UInt64, near other: [[Double]] = []) -> [[Double]] {
  var random = SplitMix(seed: seed)
  var rows: [[Double]] = []
  for _ in 0..<count {
    switch Int.random(in: 0..<10, using: &random) {
    case 0: rows.append(Array(repeating: 0, count: 16))
    case 1 where !rows.isEmpty: rows.append(rows.randomElement(using: &random)!)
    case 2...6 where !other.isEmpty:
      var row = other.randomElement(using: &random)!
      row[Int.random(in: 0..<16, using: &random)] *= -1
      rows.append(row)
    default: rows.append((0..<16).map { _ in Bool.random(using: &random) ? 1 : -1 })
    }
  }
  return rows
}

func neighbours(_ x: Tensor, _ y: Tensor, k: Int) throws -> TwoWayNeighbours {
  let compute = Compute(threads: 2)
  let search = try ExactNeighbours(
    source: EmbeddingSide(x, name: "x", on: compute), target: EmbeddingSide(y, name: "y", on: compute), k: k)
  return try #require(search.search(on: compute))
}

@Suite struct MarginTests {
  @Test(arguments: Margin.allCases, Retrieval.allCases)
  func everyMarginAndStrategyIsThatOfTheReference(margin: Margin, retrieval: Retrieval) throws {
    var options = MiningOptions()
    options.margin = margin
    options.retrieval = retrieval
    for (n, m) in [(1, 1), (1, 8), (8, 1), (3, 40), (40, 40), (70, 50)] {
      for k in [1, 3, 4, 9] {
        let x = signRows(n, seed: UInt64(n + k))
        let y = signRows(m, seed: UInt64(100 + m), near: x)
        let miner = PairMiner(try neighbours(matrix(x), matrix(y), k: k))
        let reference = MarginReference(x, y, k: k)
        for threshold in [nil, 0.9, 1.05] {
          options.threshold = threshold
          let found = miner.pairs(options).pairs
          let expected = reference.pairs(margin, retrieval, threshold: threshold)
          let place: Comment = "\(n) x \(m), k \(k), threshold \(threshold ?? 0)"
          #expect(found.map(\.source) == expected.map { Int32($0.1) }, place)
          #expect(found.map(\.target) == expected.map { Int32($0.2) }, place)
          #expect(found.map(\.score) == expected.map(\.0), place)
        }
      }
    }
  }

  @Test(arguments: Margin.allCases, Retrieval.allCases)
  func randomRowsAreWithinRounding(margin: Margin, retrieval: Retrieval) throws {
    var random = SplitMix(seed: 11)
    let x = (0..<120).map { _ in (0..<50).map { _ in Double(Float.random(in: -1...1, using: &random)) } }
    let y = (0..<90).map { j in x[j].map { Double(Float($0) + Float.random(in: -0.8...0.8, using: &random)) } }
    var options = MiningOptions()
    options.margin = margin
    options.retrieval = retrieval
    let found = PairMiner(try neighbours(matrix(x), matrix(y), k: 4)).pairs(options).pairs
    let expected = MarginReference(x, y, k: 4).pairs(margin, retrieval, threshold: nil)
    #expect(found.map(\.source) == expected.map { Int32($0.1) })
    #expect(found.map(\.target) == expected.map { Int32($0.2) })
    for (a, b) in zip(found, expected) { #expect(abs(a.score - b.0) < 1e-5) }
  }

  @Test func identicalSidesPairEveryRowWithItself() throws {
    var random = SplitMix(seed: 2)
    let x = Tensor((0..<60 * 20).map { _ in .random(in: -1...1, using: &random) }, rows: 60, columns: 20)
    for retrieval in Retrieval.allCases {
      var options = MiningOptions()
      options.retrieval = retrieval
      let (pairs, candidates) = PairMiner(try neighbours(x, x, k: 4)).pairs(options)
      #expect(candidates == 60 && pairs.count == 60)
      #expect(pairs.allSatisfy { $0.source == $0.target && $0.direction == .both })
    }
  }

  @Test func zerosAreNeverNotANumber() throws {
    let zeros = Tensor(rows: 3, columns: 4)
    for margin in Margin.allCases {
      var options = MiningOptions()
      options.margin = margin
      let pairs = PairMiner(try neighbours(zeros, zeros, k: 2)).pairs(options).pairs
      #expect(pairs.map(\.score).allSatisfy { $0 == 0 } && !pairs.isEmpty)
    }
  }

  @Test func theLimitKeepsTheBestOfATarget() throws {
    let x = matrix([[1, 0], [1, 0.1], [1, 0.2], [0, 1]])
    let y = matrix([[1, 0], [0, 1]])
    var options = MiningOptions()
    options.retrieval = .forward
    options.margin = .absolute
    options.limit = 2
    let pairs = PairMiner(try neighbours(x, y, k: 1)).pairs(options).pairs
    #expect(pairs.map(\.source) == [0, 3, 1])
    #expect(pairs.map(\.target) == [0, 1, 0])
  }
}
