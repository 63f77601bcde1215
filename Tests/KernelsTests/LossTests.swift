import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct LossTests {
  func logSoftmax(_ x: [Double]) -> [Double] {
    let largest = x.max() ?? 0
    let sum = largest + log(x.reduce(0) { $0 + exp($1 - largest) })
    return x.map { $0 - sum }
  }

  // MARK: token reconstruction

  @Test func bags() {
    var bags = TokenBags()
    bags.append([5, 2, 5, 5] as [Int32])
    bags.append([7] as [Int32])
    #expect(bags.ids == [2, 5, 7])
    #expect(bags.starts == [0, 2, 3])
    #expect(bags.share == [0.25, 1])
    #expect(bags.count == 2)
  }

  /// Sentences with and without repeated tokens.
  func sentences(_ count: Int, vocabulary: Int) -> [[Int32]] {
    var random = TestSupport.SplitMix(seed: UInt64(vocabulary))
    return (0..<count).map { i in
      (0..<1 + i % 7).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &random) }
    } + [[0, 0, 0], [Int32(vocabulary - 1)]]
  }

  func reference(_ logits: [Double], _ sentence: [Int32]) -> (loss: Double, gradient: [Double]) {
    let logs = logSoftmax(logits), share = 1 / Double(sentence.count), ids = Set(sentence)
    let loss = ids.reduce(0) { $0 + share * (log(share) - logs[Int($1)]) }
    let mass = share * Double(ids.count)
    return (loss, logs.enumerated().map { j, l in mass * exp(l) - (ids.contains(Int32(j)) ? share : 0) })
  }

  @Test(arguments: Machine.all) func bagCrossEntropy(machine: Machine) {
    for v in sizes + [2, 1000] {
      for bound in [1, 20, 500] as [Float] {
        let texts = sentences(9, vocabulary: v)
        var bags = TokenBags()
        bags.append([0] as [Int32])
        for text in texts { bags.append(text) }
        let logits = randomTensor(texts.count, v, seed: 1, bound: bound)
        let given = logits.doubles, losses = constant(texts.count, 1, .nan)
        machine.compute.bagCrossEntropy(logits, bags, first: 1, scale: 3, losses: losses)
        for (i, text) in texts.enumerated() {
          let expected = reference(Array(given[i * v..<(i + 1) * v]), text)
          #expect(distance([losses[i, 0]], [expected.loss], floor: Double(bound)) < 1e-6, "\(v), \(bound)")
          #expect(
            distance(logits.rows(i..<i + 1).array, expected.gradient.map { 3 * $0 }, floor: 1) < 3e-6, "\(v), \(bound)")
        }
      }
    }
  }

  @Test(arguments: Machine.one) func bagGradient(machine: Machine) {
    let texts = sentences(3, vocabulary: 33)
    var bags = TokenBags()
    for text in texts { bags.append(text) }
    let n = texts.count
    let logits = randomTensor(n, 33, seed: 2), gradient = Tensor(rows: n, columns: 33)
    let losses = Tensor(rows: n, columns: 1), work = Tensor(rows: n, columns: 33)
    gradient.copy(from: logits)
    machine.compute.bagCrossEntropy(gradient, bags, first: 0, scale: 1, losses: losses)
    expectGradient("logits", of: logits, is: gradient) {
      work.copy(from: logits)
      machine.compute.bagCrossEntropy(work, bags, first: 0, scale: 0, losses: losses)
      return losses.doubles.reduce(0, +)
    }
  }

  @Test(arguments: Machine.one) func extremeLogitsAreFinite(machine: Machine) {
    for v in sizes {
      for (high, low) in [(1e30, -1e30), (88, -104), (-1e9, -1e9), (3e38, 3e38), (0, -3e38)] as [(Float, Float)] {
        let logits = constant(1, v, low)
        logits[0, v / 2] = high
        var bags = TokenBags()
        bags.append([Int32(v / 2)])
        let losses = Tensor(rows: 1, columns: 1)
        machine.compute.bagCrossEntropy(logits, bags, first: 0, scale: 1, losses: losses)
        let expected = high == low ? log(Double(v)) : 0
        // The loss is a difference of two numbers of the logits' size.
        #expect(losses[0, 0].isFinite && abs(Double(losses[0, 0]) - expected) <= 1e-6 + 2e-7 * Double(abs(high)))
        #expect(logits.isFinite && logits.array.allSatisfy { abs($0) <= 1 }, "\(high), \(low), \(v)")
      }
    }
  }

  // MARK: alignment

  func pairReference(_ s: [Double], _ b: Int, _ excluded: (Int, Int) -> Bool) -> (loss: Double, gradient: [Double]) {
    var loss = 0.0, gradient = [Double](repeating: 0, count: b * b)
    for transposed in [false, true] {
      for i in 0..<b {
        let columns = (0..<b).filter { $0 == i || !(transposed ? excluded($0, i) : excluded(i, $0)) }
        func at(_ j: Int) -> Int { transposed ? j * b + i : i * b + j }
        let logs = logSoftmax(columns.map { s[at($0)] })
        for (j, l) in zip(columns, logs) {
          gradient[at(j)] += (exp(l) - (i == j ? 1 : 0)) / Double(2 * b)
          if i == j { loss -= l / Double(2 * b) }
        }
      }
    }
    return (loss, gradient)
  }

  @Test(arguments: Machine.all) func pairCrossEntropy(machine: Machine) {
    for b in sizes + [152] {
      for bound in [1, 10, 300] as [Float] {
        let scores = randomTensor(b, b, seed: 3, bound: bound)
        let given = scores.doubles
        for exclusion in [nil, { @Sendable (i: Int, j: Int) in (i + j) % 5 == 0 }] {
          let expected = pairReference(given, b) { exclusion?($0, $1) ?? false }
          var whole: [[UInt32]] = []
          // As one block, and as the blocks that several processes have: the same bits.
          for parts in [1, 2, 3] where parts <= b {
            let found = pairLoss(machine.compute, scores, excluded: exclusion, scale: 2, parts: parts)
            #expect(abs(found.loss - expected.loss) < 1e-6 * Double(bound), "\(b), \(bound)")
            for (side, gradient) in found.gradients.enumerated() {
              let wanted = (0..<b * b).map {
                side == 0 ? expected.gradient[$0] : expected.gradient[$0 % b * b + $0 / b]
              }
              #expect(distance(gradient.array, wanted.map { 2 * $0 }, floor: 1 / Double(b)) < 5e-6, "\(b)")
            }
            let bits = found.gradients.map(\.bits)
            if parts == 1 { whole = bits } else { #expect(bits == whole, "\(b), \(parts) parts") }
          }
        }
      }
    }
  }

  @Test(arguments: Machine.one) func pairGradient(machine: Machine) {
    for exclusion in [nil, { @Sendable (i: Int, j: Int) in abs(i - j) == 2 }] {
      let b = 9
      let scores = randomTensor(b, b, seed: 4, bound: 2)
      let gradient = pairLoss(machine.compute, scores, excluded: exclusion, scale: 1, parts: 2).gradients[0]
      var check = GradientCheck()
      check.entries = b * b
      expectGradient("scores", of: scores, is: gradient, check) {
        pairLoss(machine.compute, scores, excluded: exclusion, scale: 1, parts: 1).loss
      }
    }
  }
}

/// The loss of square scores and its gradients by the scores and by their transpose, with the rows of both cut into parts.
func pairLoss(
  _ compute: Compute, _ scores: Tensor, excluded: (@Sendable (Int, Int) -> Bool)?, scale: Float, parts: Int
) -> (loss: Double, gradients: [Tensor]) {
  let b = scores.rows
  let sides = (0..<2).map { _ in Tensor(rows: b, columns: b) }
  let statistics = (0..<2).map { _ in constant(b, 2, .nan) }, columns = constant(2, b, .nan)
  sides[0].copy(from: scores)
  compute.transpose(scores, into: sides[1])
  let ranges = (0..<parts).map { b * $0 / parts..<b * ($0 + 1) / parts }
  var loss = 0.0
  for side in 0..<2 {
    for range in ranges {
      loss += compute.pairStatistics(
        sides[side].rows(range), first: range.lowerBound,
        excluded: excluded.map { excluded in { @Sendable (i: Int, j: Int) in excluded(range.lowerBound + i, j) } },
        into: statistics[side].rows(range))
    }
  }
  for side in 0..<2 {
    compute.transpose(statistics[1 - side], into: columns)
    for range in ranges {
      compute.pairGradient(
        sides[side].rows(range), first: range.lowerBound, statistics: statistics[side].rows(range),
        columnStatistics: columns, factor: scale / Float(2 * b))
    }
  }
  return (loss / Double(2 * b), sides)
}
