import Foundation
import Kernels
import TestSupport
import Testing

/// Ops that encoders of other families need: activations, poolings, LSTM, attention by blocks.
@Suite struct EncoderOpsTests {
  func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  func reference(_ activation: Activation, _ x: Double) -> Double {
    switch activation {
    case .identity: x
    case .swish: x * sigmoid(x)
    case .gelu: 0.5 * x * erfc(-x / 2.0.squareRoot())
    case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .relu: max(x, 0)
    case .tanh: tanh(x)
    }
  }

  @Test(arguments: Machine.all) func activations(machine: Machine) {
    for activation in Activation.allCases {
      for n in sizes + [70_001] {
        let x = randomTensor(1, n, seed: 21, bound: 9), y = Tensor(rows: 1, columns: n)
        machine.compute.activate(x, activation, into: y)
        for i in 0..<n {
          let expected = reference(activation, Double(x[0, i]))
          #expect(abs(Double(y[0, i]) - expected) < 7e-7 * max(1, abs(Double(x[0, i]))), "\(activation) of \(x[0, i])")
          if abs(Double(y[0, i]) - expected) >= 7e-7 * max(1, abs(Double(x[0, i]))) { return }
        }
        let copy = Tensor(x.array, rows: 1, columns: n)
        machine.compute.activate(copy, activation, into: copy)
        #expect(copy.bits == y.bits, "\(activation) in place")
      }
    }
  }

  @Test(arguments: Machine.one) func activationsOfExtremes(machine: Machine) {
    let values: [Float] = [
      0, 1e-38, 5.4, 5.44, 5.45, 6, 20, 100, 1e4, 1e12, -5.4, -5.44, -5.45, -6, -20, -100, -1e4, -1e12,
    ]
    let x = Tensor(values, rows: 1, columns: values.count), y = Tensor(rows: 1, columns: values.count)
    for activation in Activation.allCases {
      machine.compute.activate(x, activation, into: y)
      for (i, value) in values.enumerated() {
        let expected = reference(activation, Double(value))
        #expect(
          abs(Double(y[0, i]) - expected) <= 1e-6 * max(abs(expected), 1), "\(activation) of \(value) is \(y[0, i])")
      }
    }
  }

  @Test(arguments: Machine.all) func poolings(machine: Machine) {
    let lengths = [1, 2, 7, 16, 33]
    let segments = Segments(lengths: lengths)
    for d in sizes {
      let x = randomTensor(segments.tokens, d, seed: 22), u = Tensor(rows: lengths.count, columns: d)
      func check(_ what: String, _ expected: (_ rows: [Double]) -> Double) {
        for i in lengths.indices {
          for j in 0..<d {
            let rows = (segments.starts[i]..<segments.starts[i + 1]).map { Double(x[$0, j]) }
            #expect(abs(Double(u[i, j]) - expected(rows)) < 1e-6 * Double(lengths.count), "\(what)")
          }
        }
      }
      machine.compute.maxPool(x, segments, into: u)
      check("max") { $0.max() ?? 0 }
      machine.compute.rootMeanPool(x, segments, into: u)
      check("root") { $0.reduce(0, +) / Double($0.count).squareRoot() }
      machine.compute.placePool(x, segments, into: u)
      check("place") { rows in
        let sum = rows.enumerated().reduce(0) { $0 + Double($1.offset + 1) * $1.element }
        return sum / Double(rows.count * (rows.count + 1) / 2)
      }
      machine.compute.endPool(x, segments, last: false, into: u)
      check("first") { $0.first ?? 0 }
      machine.compute.endPool(x, segments, last: true, into: u)
      check("last") { $0.last ?? 0 }
    }
  }

  /// Without a state to keep, attention goes by blocks of queries; its bits are those of the whole.
  @Test(arguments: Machine.all) func attentionByBlocksIsTheSame(machine: Machine) {
    for (heads, width) in [(1, 1), (2, 5), (3, 12), (2, 32), (1, 64), (1, 96)] {
      let segments = Segments(lengths: [1, 47, 48, 49, 97, 15, 130])
      let d = heads * width
      let qkv = randomTensor(segments.tokens, 3 * d, seed: 23, bound: 2)
      let whole = Tensor(rows: segments.tokens, columns: d), blocks = Tensor(rows: segments.tokens, columns: d)
      let memory = Tensor(rows: 1, columns: AttentionState.size(segments, heads: heads))
      machine.compute.attention(
        qkv, segments, heads: heads, into: whole, state: AttentionState(segments, heads: heads, in: memory))
      machine.compute.attention(qkv, segments, heads: heads, into: blocks)
      #expect(whole.bits == blocks.bits, "\(heads) heads of \(width)")
    }
  }

  @Test(arguments: Machine.all) func lstm(machine: Machine) {
    let lengths = [3, 1, 9, 3, 20]
    let segments = Segments(lengths: lengths)
    for h in [1, 5, 16, 33] {
      let inputs = randomTensor(segments.tokens, 4 * h, seed: 24, bound: 2)
      let weight = randomTensor(4 * h, h, seed: 25)
      let compute = machine.compute
      let packed = PackedMatrix(rows: h, columns: 4 * h, on: compute)
      compute.pack(transposing: weight, into: packed)
      let order = lengths.indices.sorted { (-lengths[$0], $0) < (-lengths[$1], $1) }
      for reversed in [false, true] {
        let y = constant(segments.tokens, h + 3, .nan)
        compute.lstm(
          inputs, segments, recurrent: packed, order: order, reversed: reversed,
          state: Tensor(rows: lengths.count, columns: 6 * h), into: y, column: 2)
        for i in lengths.indices {
          var (output, cell) = (Array(repeating: 0.0, count: h), Array(repeating: 0.0, count: h))
          let tokens = segments.starts[i]..<segments.starts[i + 1]
          for token in reversed ? Array(tokens.reversed()) : Array(tokens) {
            let gates = (0..<4 * h).map { g in
              Double(inputs[token, g]) + (0..<h).reduce(0) { $0 + Double(weight[g, $1]) * output[$1] }
            }
            for j in 0..<h {
              cell[j] = sigmoid(gates[h + j]) * cell[j] + sigmoid(gates[j]) * tanh(gates[2 * h + j])
              output[j] = sigmoid(gates[3 * h + j]) * tanh(cell[j])
            }
            #expect((0..<h).allSatisfy { abs(Double(y[token, 2 + $0]) - output[$0]) < 2e-6 })
            #expect(y[token, 0].isNaN && y[token, h + 2].isNaN)
          }
        }
      }
    }
  }
}
