import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct AttentionTests {
  /// One head of one sentence in double: its output, and what da gives for q, k and v. All [T, d], q unscaled.
  func reference(_ q: [Double], _ k: [Double], _ v: [Double], _ da: [Double], t: Int, d: Int)
    -> (a: [Double], dq: [Double], dk: [Double], dv: [Double])
  {
    let scale = 1 / Double(d).squareRoot()
    var a = [Double](repeating: 0, count: t * d)
    var (dq, dk, dv) = (a, a, a)
    var p = [Double](repeating: 0, count: t), dp = p
    for i in 0..<t {
      for j in 0..<t {
        var (s, g) = (0.0, 0.0)
        for e in 0..<d {
          s += q[i * d + e] * k[j * d + e]
          g += da[i * d + e] * v[j * d + e]
        }
        p[j] = s * scale
        dp[j] = g
      }
      let largest = p.max() ?? 0
      for j in 0..<t { p[j] = exp(p[j] - largest) }
      let sum = p.reduce(0, +)
      var along = 0.0
      for j in 0..<t {
        p[j] /= sum
        along += p[j] * dp[j]
      }
      for j in 0..<t {
        let ds = p[j] * (dp[j] - along) * scale
        for e in 0..<d {
          a[i * d + e] += p[j] * v[j * d + e]
          dv[j * d + e] += p[j] * da[i * d + e]
          dq[i * d + e] += ds * k[j * d + e]
          dk[j * d + e] += ds * q[i * d + e]
        }
      }
    }
    return (a, dq, dk, dv)
  }

  /// Part `part` of head `head` of the rows of a [N, parts · H · d] matrix.
  func head(_ x: Tensor, _ rows: Range<Int>, part: Int, _ head: Int, heads: Int, d: Int) -> [Double] {
    let (all, start) = (x.array, part * heads * d + head * d)
    return rows.flatMap { i in all[i * x.columns + start..<i * x.columns + start + d].map(Double.init) }
  }

  static let headSizes = [1, 3, 8, 16, 33, 64]
  static let lengths = [1, 2, 7, 8, 9, 15, 16, 17, 33, 64, 65, 120]

  @Test(arguments: Machine.all, headSizes) func againstDouble(machine: Machine, d: Int) {
    let compute = machine.compute
    // All lengths are one batch, in which no sentence may see another; three threads share its parts.
    let segments = Segments(lengths: d > 16 ? [1, 17, 120, 9, 2, 33, 8, 64, 7] : Self.lengths)
    let (n, heads) = (segments.tokens, 2)
    let qkv = randomTensor(n, 3 * heads * d, seed: 1, bound: 2), da = randomTensor(n, heads * d, seed: 2)
    let a = constant(n, heads * d, .nan), dqkv = constant(n, 3 * heads * d, .nan)
    let state = AttentionState(
      segments, heads: heads, in: constant(1, AttentionState.size(segments, heads: heads) + 3, .nan))
    compute.attention(qkv, segments, heads: heads, into: a, state: state)
    compute.attentionBackward(da, qkv, segments, heads: heads, dropout: .none, state: state, into: dqkv)
    for s in 0..<segments.count {
      let rows = segments.starts[s]..<segments.starts[s + 1]
      for h in 0..<heads {
        let expected = reference(
          head(qkv, rows, part: 0, h, heads: heads, d: d), head(qkv, rows, part: 1, h, heads: heads, d: d),
          head(qkv, rows, part: 2, h, heads: heads, d: d), head(da, rows, part: 0, h, heads: heads, d: d),
          t: rows.count, d: d)
        func check(_ what: String, _ x: Tensor, _ part: Int, _ expected: [Double]) {
          let found = head(x, rows, part: part, h, heads: heads, d: d).map { Float($0) }
          #expect(distance(found, expected, floor: 1e-2) < 2e-5, "\(what), T \(rows.count), head \(h)")
        }
        check("a", a, 0, expected.a)
        check("dq", dqkv, 0, expected.dq)
        check("dk", dqkv, 1, expected.dk)
        check("dv", dqkv, 2, expected.dv)
      }
    }
    // Without a state, the same bits.
    let again = constant(n, heads * d, .nan)
    compute.attention(qkv, segments, heads: heads, into: again)
    #expect(again.bits == a.bits)
  }

  /// With values of all ones the output is the sum of the probabilities.
  @Test(arguments: Machine.one) func probabilitiesSumToOne(machine: Machine) {
    for bound in [0, 1, 1e3, 1e15] as [Float] {
      let segments = Segments(lengths: Self.lengths)
      let (n, d) = (segments.tokens, 8)
      let qkv = randomTensor(n, 3 * d, seed: 3, bound: bound)
      for i in 0..<n { for j in 2 * d..<3 * d { qkv[i, j] = 1 } }
      let a = Tensor(rows: n, columns: d), da = randomTensor(n, d, seed: 4), dqkv = Tensor(rows: n, columns: 3 * d)
      let state = AttentionState(
        segments, heads: 1, in: Tensor(rows: 1, columns: AttentionState.size(segments, heads: 1)))
      machine.compute.attention(qkv, segments, heads: 1, into: a, state: state)
      #expect(a.array.allSatisfy { abs($0 - 1) < 2e-6 }, "\(bound)")
      machine.compute.attentionBackward(da, qkv, segments, heads: 1, dropout: .none, state: state, into: dqkv)
      #expect(dqkv.isFinite, "\(bound)")
    }
  }

  @Test(arguments: Machine.all) func gradientsWithDropout(machine: Machine) {
    let compute = machine.compute
    for (d, heads) in [(1, 3), (3, 2), (8, 2), (17, 1)] {
      let segments = Segments(lengths: [1, 7, 17, 2, 9, 3, 3, 3, 5, 4])
      let (n, width) = (segments.tokens, d * heads)
      let qkv = randomTensor(n, 3 * width, seed: 5), da = randomTensor(n, width, seed: 6)
      let a = Tensor(rows: n, columns: width), dqkv = Tensor(rows: n, columns: 3 * width)
      let state = AttentionState(
        segments, heads: heads, in: Tensor(rows: 1, columns: AttentionState.size(segments, heads: heads)))
      for noise in [Dropout.none, Dropout(probability: 0.3, key: 8)] {
        func loss() -> Double {
          compute.attention(qkv, segments, heads: heads, dropout: noise, into: a, state: state)
          return weighted(a, da.doubles)
        }
        _ = loss()
        compute.attentionBackward(da, qkv, segments, heads: heads, dropout: noise, state: state, into: dqkv)
        var check = GradientCheck()
        check.entries = 40
        expectGradient("dqkv, heads \(heads) of \(d)", of: qkv, is: dqkv, check, loss: loss)
      }
    }
  }
}
