import Kernels
import TestSupport
import Testing

/// Same bits for any number of threads, and for a row whatever stands beside it.
@Suite struct IdentityTests {
  static let n = 301, d = 65, m = 130

  /// Everything that is computed from rows, on one batch.
  func everything(_ compute: Compute) -> [[UInt32]] {
    let (n, d, m) = (Self.n, Self.d, Self.m)
    let x = randomTensor(n, d, seed: 1, bound: 2), w = randomTensor(m, d, seed: 2), b = randomTensor(1, m, seed: 3)
    let dy = randomTensor(n, m, seed: 4), gain = randomTensor(1, d, seed: 5), bias = randomTensor(1, d, seed: 6)
    let segments = Segments(lengths: (0..<43).map { $0 == 42 ? 49 : 6 })
    var results: [[UInt32]] = []

    results.append(linear(x, w, bias: b, on: compute).bits)
    let (dw, db) = (constant(m, d, 1), constant(1, m, 1))
    compute.linearBackward(dy, x, dWeight: dw, dBias: db, workspace: PackedMatrix(rows: n, columns: d, on: compute))
    results += [dw.bits, db.bits]

    let noise = Dropout(probability: 0.2, key: 3)
    let (y, state) = (Tensor(rows: n, columns: d), NormState(rows: n, columns: d))
    compute.layerNorm(
      x, adding: randomTensor(n, d, seed: 7), dropout: noise, gain: gain, bias: bias, eps: 1e-12, into: y, state: state)
    let (ds, dGain, dBias) = (Tensor(rows: n, columns: d), constant(1, d, 0), constant(1, d, 0))
    compute.layerNormBackward(
      x, gain: gain, state: state, ds: ds, dGain: dGain, dBias: dBias, workspace: Tensor(rows: 10, columns: d))
    results += [y.bits, ds.bits, dGain.bits, dBias.bits]

    let (qkv, da) = (randomTensor(n, 3 * d, seed: 8), randomTensor(n, d, seed: 9))
    let (a, dqkv) = (Tensor(rows: n, columns: d), Tensor(rows: n, columns: 3 * d))
    let kept = AttentionState(segments, heads: 5, in: Tensor(rows: 1, columns: AttentionState.size(segments, heads: 5)))
    compute.attention(qkv, segments, heads: 5, dropout: noise, into: a, state: kept)
    compute.attentionBackward(da, qkv, segments, heads: 5, dropout: noise, state: kept, into: dqkv)
    results += [a.bits, dqkv.bits]

    let (u, dx) = (Tensor(rows: 43, columns: d), Tensor(rows: n, columns: d))
    compute.meanPool(x, segments, into: u)
    compute.meanPoolBackward(u, segments, into: dx)
    results += [u.bits, dx.bits]

    let ids = (0..<n).map { Int32($0 * $0 % 50) }
    let (dWords, dPositions) = (Tensor(rows: 50, columns: d), Tensor(rows: 50, columns: d))
    compute.embedBackward(x, ids, segments, dWords: dWords, dPositions: dPositions)
    results += [dWords.bits, dPositions.bits]

    var bags = TokenBags()
    for i in 0..<n { bags.append([Int32(i % m), Int32(i * 7 % m), 5]) }
    let losses = Tensor(rows: n, columns: 1), logits = Tensor(rows: n, columns: m)
    logits.copy(from: dy)
    compute.bagCrossEntropy(logits, bags, first: 0, scale: 1, losses: losses)
    results += [logits.bits, losses.bits]
    let scores = randomTensor(m, m, seed: 10, bound: 5)
    let pairs = pairLoss(compute, scores, excluded: { $0 + $1 == 9 }, scale: 1, parts: 1)
    results += pairs.gradients.map(\.bits) + [[Float(pairs.loss).bitPattern]]

    let large = randomTensor(1, 200_003, seed: 11, bound: 5), swished = Tensor(rows: 1, columns: 200_003)
    compute.swish(large, into: swished)
    var adam = Adam(count: 200_003, weightDecay: 0.1, decoupled: true)
    compute.step(&adam, weights: large, gradients: swished, learningRate: 0.1)
    results += [swished.bits, large.bits, adam.square.bits]
    let sum = compute.sumOfSquares(swished)
    results.append([UInt32(truncatingIfNeeded: sum.bitPattern), UInt32(sum.bitPattern >> 32)])
    return results
  }

  @Test(arguments: sets) func threadsChangeNothing(simd: String) throws {
    let expected = everything(Machine(simd, 1).compute)
    for threads in [2, 3, 7] {
      let found = everything(Machine(simd, threads).compute)
      for (i, (a, b)) in zip(found, expected).enumerated() { #expect(a == b, "result \(i), \(threads) threads") }
    }
    // And nothing depends on what ran before on the same machine.
    let used = Machine(simd, 3).compute
    _ = everything(used)
    #expect(everything(used) == expected)
  }

  @Test(arguments: Machine.all) func rowsAreAlone(machine: Machine) {
    let compute = machine.compute
    for (d, m) in [(7, 9), (16, 17), (33, 65), (65, 130)] {
      let n = 203
      let x = randomTensor(n, d, seed: 12, bound: 2), w = randomTensor(m, d, seed: 13), b = randomTensor(1, m, seed: 14)
      let (gain, bias) = (randomTensor(1, d, seed: 15), randomTensor(1, d, seed: 16))
      let packed = PackedMatrix(rows: d, columns: m, on: compute)
      compute.pack(transposing: w, into: packed)
      func run(_ x: Tensor) -> [Tensor] {
        let (y, z) = (Tensor(rows: x.rows, columns: m), Tensor(rows: x.rows, columns: m))
        let (v, s) = (Tensor(rows: x.rows, columns: d), Tensor(rows: x.rows, columns: d))
        compute.linear(x, packed, bias: b, into: y)
        compute.linear(x, packed, bias: b, .swish, into: z)
        compute.layerNorm(x, gain: gain, bias: bias, eps: 1e-12, into: v)
        compute.swish(x, into: s)
        return [y, z, v, s]
      }
      let whole = run(x)
      // Rows in calls of every small size, at every offset to the tiles.
      var start = 0, size = 1
      while start < n {
        let range = start..<min(n, start + size)
        for (i, (part, all)) in zip(run(x.rows(range)), whole).enumerated() {
          #expect(part.bits == all.rows(range).bits, "op \(i), rows \(range), \(d) x \(m)")
        }
        (start, size) = (range.upperBound, size % 13 + 1)
      }
    }
  }

  @Test(arguments: Machine.all) func sentencesAreAlone(machine: Machine) {
    let compute = machine.compute
    for (d, heads) in [(6, 2), (34, 2), (64, 4), (33, 1)] {
      let segments = Segments(lengths: AttentionTests.lengths + [3, 3, 3, 3, 3, 120, 1])
      let qkv = randomTensor(segments.tokens, 3 * d, seed: 17)
      func run(_ qkv: Tensor, _ segments: Segments) -> (Tensor, Tensor) {
        let a = Tensor(rows: qkv.rows, columns: d), u = Tensor(rows: segments.count, columns: d)
        compute.attention(qkv, segments, heads: heads, into: a)
        compute.meanPool(a, segments, into: u)
        return (a, u)
      }
      let (a, u) = run(qkv, segments)
      for i in 0..<segments.count {
        let rows = segments.starts[i]..<segments.starts[i + 1]
        let (alone, mean) = run(qkv.rows(rows), Segments(lengths: [rows.count]))
        #expect(alone.bits == a.rows(rows).bits, "T \(rows.count), \(d)")
        #expect(mean.bits == u.rows(i..<i + 1).bits, "T \(rows.count), \(d)")
      }
    }
  }
}
