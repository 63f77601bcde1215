import Kernels
import TestSupport
import Testing

@Suite struct LayerNormTests {
  static let eps: Float = 1e-12

  func reference(_ s: [Double], _ d: Int, _ gain: [Double], _ bias: [Double], eps: Double = 1e-12) -> [Double] {
    stride(from: 0, to: s.count, by: d).flatMap { start in
      let row = s[start..<start + d]
      let mean = row.reduce(0, +) / Double(d)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(d)
      return row.enumerated().map { j, x in (x - mean) / (variance + eps).squareRoot() * gain[j] + bias[j] }
    }
  }

  @Test(arguments: Machine.all) func forward(machine: Machine) {
    // A row of one element is its bias whatever the gain: eps decides nothing there.
    for d in sizes where d > 1 {
      for n in [1, 3, 65, 130] {
        let (x, r) = (randomTensor(n, d, seed: 1, bound: 3), randomTensor(n, d, seed: 2))
        let (gain, bias) = (randomTensor(1, d, seed: 3), randomTensor(1, d, seed: 4))
        let y = Tensor(rows: n, columns: d)
        machine.compute.layerNorm(x, gain: gain, bias: bias, eps: Self.eps, into: y)
        #expect(distance(y.array, reference(x.doubles, d, gain.doubles, bias.doubles)) < 1e-5, "\(n) x \(d)")
        let state = NormState(rows: n, columns: d)
        machine.compute.layerNorm(x, adding: r, gain: gain, bias: bias, eps: Self.eps, into: y, state: state)
        let sum = zip(x.doubles, r.doubles).map(+)
        #expect(distance(y.array, reference(sum, d, gain.doubles, bias.doubles)) < 1e-5, "\(n) x \(d)")
        let ones = Array(repeating: 1.0, count: d), zeros = Array(repeating: 0.0, count: d)
        #expect(distance(state.normalised.array, reference(sum, d, ones, zeros)) < 1e-5)
        // With and without the state, and in place, the same bits.
        let copy = Tensor(x.array, rows: n, columns: d)
        machine.compute.layerNorm(copy, adding: r, gain: gain, bias: bias, eps: Self.eps, into: copy)
        #expect(copy.bits == y.bits)

        // The branch is dropped out as `dropout` does it.
        let noise = Dropout(probability: 0.4, key: 9)
        let dropped = Tensor(rows: n, columns: d)
        for branch in [r, nil] {
          machine.compute.dropout(branch ?? x, noise, into: dropped)
          machine.compute.layerNorm(
            x, adding: branch, dropout: noise, gain: gain, bias: bias, eps: 1e-5, into: y)
          let s = branch == nil ? dropped.doubles : zip(x.doubles, dropped.doubles).map(+)
          #expect(distance(y.array, reference(s, d, gain.doubles, bias.doubles, eps: 1e-5)) < 1e-4, "\(n) x \(d)")
        }
      }
    }
  }

  @Test(arguments: Machine.all) func gradients(machine: Machine) {
    let compute = machine.compute
    for (n, d) in sizes.filter({ $0 > 2 }).map({ (3, $0) }) + [(70, 9), (130, 17)] {
      for probability in [0, 0.3] as [Float] {
        let (x, r) = (randomTensor(n, d, seed: 5, bound: 2), randomTensor(n, d, seed: 6))
        let (gain, bias, dy) = (
          randomTensor(1, d, seed: 7), randomTensor(1, d, seed: 8), randomTensor(n, d, seed: 9)
        )
        let noise = Dropout(probability: probability, key: 31)
        let (y, state) = (Tensor(rows: n, columns: d), NormState(rows: n, columns: d))
        func loss() -> Double {
          compute.layerNorm(x, adding: r, dropout: noise, gain: gain, bias: bias, eps: 1e-5, into: y, state: state)
          return weighted(y, dy.doubles)
        }
        _ = loss()
        let (ds, dr) = (Tensor(rows: n, columns: d), Tensor(rows: n, columns: d))
        let (dGain, dBias) = (constant(1, d, 2), constant(1, d, 2))
        let workspace = constant(2 * ((n + 63) / 64), d, .nan)
        compute.layerNormBackward(
          dy, gain: gain, state: state, ds: ds, dGain: dGain, dBias: dBias, workspace: workspace)
        compute.dropout(ds, noise, into: dr)
        // They are added to what was there.
        compute.add(constant(1, d, -2), to: dGain)
        compute.add(constant(1, d, -2), to: dBias)
        var check = GradientCheck()
        check.entries = 12
        expectGradient("dx of \(n) x \(d)", of: x, is: ds, check, loss: loss)
        expectGradient("dr of \(n) x \(d)", of: r, is: dr, check, loss: loss)
        expectGradient("dGain of \(n) x \(d)", of: gain, is: dGain, check, loss: loss)
        expectGradient("dBias of \(n) x \(d)", of: bias, is: dBias, check, loss: loss)
        _ = loss()
        compute.layerNormBackward(
          dy, gain: gain, state: state, ds: dy, dGain: dGain, dBias: dBias, workspace: workspace)
        #expect(dy.bits == ds.bits)
      }
    }
  }

  @Test(arguments: Machine.one) func constantAndHugeRowsAreFinite(machine: Machine) {
    for d in sizes {
      // 0.1 · d is not a float: the mean of a constant row is only nearly the constant.
      for value in [0, 1, 1024, -3] as [Float] {
        let x = constant(2, d, value), (gain, bias) = (constant(1, d, 2), constant(1, d, 0.5))
        let (y, state) = (Tensor(rows: 2, columns: d), NormState(rows: 2, columns: d))
        machine.compute.layerNorm(x, gain: gain, bias: bias, eps: Self.eps, into: y, state: state)
        #expect(y.array == bias.array + bias.array, "\(value), \(d)")
        let ds = Tensor(rows: 2, columns: d), sums = constant(2, d, 0)
        machine.compute.layerNormBackward(
          randomTensor(2, d, seed: 1), gain: gain, state: state, ds: ds, dGain: sums.rows(0..<1),
          dBias: sums.rows(1..<2), workspace: Tensor(rows: 2, columns: d))
        #expect(ds.isFinite && sums.isFinite)
      }
      for value in [0.1, 1e15, 1e-30] as [Float] {
        let x = randomTensor(2, d, seed: 2, bound: value), y = Tensor(rows: 2, columns: d)
        machine.compute.layerNorm(x, gain: constant(1, d, 1), bias: constant(1, d, 0), eps: Self.eps, into: y)
        #expect(y.isFinite, "\(value), \(d)")
      }
    }
  }
}
