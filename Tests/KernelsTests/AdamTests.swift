import Foundation
import Kernels
import TestSupport
import Testing

/// Against AMSGrad written down in double (Reddi et al. 2018, with PyTorch's bias correction).
@Suite struct AdamTests {
  struct Reference {
    var w: Double, m = 0.0, v = 0.0, largest = 0.0, t = 0

    mutating func step(_ gradient: Double, rate: Double, decay: Double, decoupled: Bool, scale: Double, _ adam: Adam) {
      let (b1, b2, eps) = (Double(adam.betas.0), Double(adam.betas.1), Double(adam.epsilon))
      t += 1
      let g = gradient * scale + (decoupled ? 0 : decay * w)
      if decoupled { w -= rate * decay * w }
      m = b1 * m + (1 - b1) * g
      v = b2 * v + (1 - b2) * g * g
      largest = max(largest, v)
      w -= rate * (m / (1 - pow(b1, Double(t)))) / ((largest / (1 - pow(b2, Double(t)))).squareRoot() + eps)
    }
  }

  @Test(arguments: Machine.all, [false, true]) func severalSteps(machine: Machine, decoupled: Bool) {
    for n in sizes + [66_000] {
      let decay: Float = 0.01
      var adam = Adam(count: n, weightDecay: decay, decoupled: decoupled)
      let w = randomTensor(1, n, seed: 1)
      var expected = w.doubles.map { Reference(w: $0) }
      for t in 0..<6 {
        // The gradient shrinks, so that the largest second moment is not the latest.
        let g = randomTensor(1, n, seed: UInt64(10 + t), bound: t < 3 ? 1 : 0.01)
        if n > 7 { g[0, 3] = 0 }
        let rate: Float = 0.01 / Float(t + 1), scale: Float = t == 2 ? 0.25 : 1
        machine.compute.step(&adam, weights: w, gradients: g, learningRate: rate, gradientScale: scale)
        let values = g.doubles
        for i in 0..<n {
          expected[i].step(
            values[i], rate: Double(rate), decay: Double(decay), decoupled: decoupled, scale: Double(scale), adam)
        }
      }
      #expect(adam.step == 6)
      #expect(distance(w.array, expected.map(\.w)) < 1e-6)
      #expect(distance(adam.mean.array, expected.map(\.m)) < 1e-6)
      #expect(distance(adam.square.array, expected.map(\.v)) < 1e-6)
      #expect(distance(adam.largest.array, expected.map(\.largest)) < 1e-6)
    }
  }

  @Test(arguments: Machine.one) func nothingMovesWithoutGradient(machine: Machine) {
    var adam = Adam(count: 17, weightDecay: 0, decoupled: false)
    let w = randomTensor(1, 17, seed: 2), before = w.bits
    machine.compute.step(&adam, weights: w, gradients: constant(1, 17, 0), learningRate: 1)
    #expect(w.bits == before)
    // Huge and tiny gradients move by about the learning rate, not by their size.
    let g = constant(1, 17, 1e-12)
    g[0, 3] = 1e15
    var other = Adam(count: 17, weightDecay: 0, decoupled: false)
    machine.compute.step(&other, weights: w, gradients: g, learningRate: 0.5)
    #expect(w.isFinite && other.square.isFinite)
    #expect(abs(abs(w[0, 3] - Float(bitPattern: before[3])) - 0.5) < 1e-4)
  }
}
