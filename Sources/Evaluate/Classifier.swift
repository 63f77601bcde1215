import Base
import Glibc
import Kernels

/// The classifier of LASER's transfer experiments (Schwenk and Li 2018): a small perceptron on frozen embeddings.
public struct ClassifierOptions: Sendable, Equatable, Encodable {
  /// Sizes of the hidden layers, each followed by tanh.
  public var hidden = [10, 8]
  /// The share of inputs, and of outputs of each hidden layer, that is zeroed in training.
  public var dropout = 0.2
  /// Adam's learning rate; its other settings are the usual ones, without weight decay.
  public var learningRate: Float = 1e-3
  /// Documents of a step.
  public var batch = 12
  /// Passes over the training documents.
  public var epochs = 100

  private enum CodingKeys: String, CodingKey {
    case hidden, dropout, batch, epochs
    case learningRate = "learning_rate"
  }

  /// The protocol's own.
  public init() {}
}

/// A perceptron with its gradients. Everything random comes from one SplitMix64 in a fixed order: weights and biases layer
/// by layer, uniform in ±1/sqrt(inputs); then in each epoch a shuffle of 0..<n, and in each step a number for every element
/// that dropout may zero, layer by layer.
final class Classifier {
  private let sizes: [Int]
  private let options: ClassifierOptions
  private let compute = Compute(threads: 1)
  private let parameters: Tensor, gradients: Tensor
  private var adam: Adam
  private var random: SplitMix64

  init(inputs: Int, classes: Int, options: ClassifierOptions, seed: UInt64) {
    sizes = [inputs] + options.hidden + [classes]
    self.options = options
    let count = zip(sizes, sizes.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 + $1.1 }
    parameters = Tensor(rows: 1, columns: count)
    gradients = Tensor(rows: 1, columns: count)
    adam = Adam(count: count, weightDecay: 0, decoupled: false)
    random = SplitMix64(seed: seed)
    var generator = random
    for layer in 0..<sizes.count - 1 {
      let bound = 1 / Double(sizes[layer]).squareRoot()
      for tensor in [weight(layer, parameters), bias(layer, parameters)] {
        tensor.withMutableElements { values in
          for i in values.indices { values[i] = Float((2 * generator.unit() - 1) * bound) }
        }
      }
    }
    random = generator
  }

  private func start(_ layer: Int) -> Int {
    (0..<layer).reduce(0) { $0 + sizes[$1] * sizes[$1 + 1] + sizes[$1 + 1] }
  }
  private func weight(_ layer: Int, _ block: Tensor) -> Tensor {
    block.slice(from: start(layer), rows: sizes[layer + 1], columns: sizes[layer])
  }
  private func bias(_ layer: Int, _ block: Tensor) -> Tensor {
    block.slice(from: start(layer) + sizes[layer] * sizes[layer + 1], rows: 1, columns: sizes[layer + 1])
  }

  /// The weights, to be kept or put back.
  var weights: [Float] {
    get { parameters.array }
    set { parameters.copy(from: Tensor(newValue, rows: 1, columns: newValue.count)) }
  }

  /// y = x Wᵀ + b of a layer.
  private func linear(_ layer: Int, _ x: Tensor) -> Tensor {
    let packed = PackedMatrix(rows: sizes[layer], columns: sizes[layer + 1], on: compute)
    compute.pack(transposing: weight(layer, parameters), into: packed)
    let y = Tensor(rows: x.rows, columns: sizes[layer + 1])
    compute.linear(x, packed, bias: bias(layer, parameters), into: y)
    return y
  }

  /// The class with the highest output for each row of x [N, inputs]; of equal ones the first.
  func classify(_ x: Tensor) -> [Int] {
    var h = x
    for layer in 0..<sizes.count - 1 {
      h = linear(layer, h)
      if layer < sizes.count - 2 { tanhInPlace(h) }
    }
    let classes = h.columns
    return h.withElements { values in
      (0..<h.rows).map { row in
        var best = 0
        for c in 1..<max(classes, 1) where values[row * classes + c] > values[row * classes + best] { best = c }
        return best
      }
    }
  }

  /// One epoch over all rows.
  func train(_ x: Tensor, _ labels: [Int]) {
    var order = Array(labels.indices)
    random.shuffle(&order)
    for first in stride(from: 0, to: order.count, by: options.batch) {
      step(x, labels, Array(order[first..<min(first + options.batch, order.count)]))
    }
  }

  private func step(_ x: Tensor, _ labels: [Int], _ rows: [Int]) {
    let n = rows.count
    let layers = sizes.count - 1
    var input = Tensor(rows: n, columns: sizes[0])
    for (i, row) in rows.enumerated() { input.rows(i..<i + 1).copy(from: x.rows(row..<row + 1)) }
    // inputs[l] is what layer l sees, after dropout; outputs[l] is tanh's result before it.
    var inputs: [Tensor] = [], masks: [[Float]] = [], outputs: [Tensor] = []
    for layer in 0..<layers {
      masks.append(dropout(input))
      inputs.append(input)
      let y = linear(layer, input)
      outputs.append(y)
      if layer < layers - 1 {
        tanhInPlace(y)
        input = Tensor(y.array, rows: n, columns: y.columns)
      }
    }
    var dy = outputs[layers - 1]
    softmaxMinusLabels(dy, rows.map { labels[$0] })
    compute.clear(gradients)
    for layer in (0..<layers).reversed() {
      let workspace = PackedMatrix(rows: n, columns: sizes[layer], on: compute)
      compute.linearBackward(
        dy, inputs[layer], dWeight: weight(layer, gradients), dBias: bias(layer, gradients), workspace: workspace)
      if layer == 0 { break }
      let packed = PackedMatrix(rows: sizes[layer + 1], columns: sizes[layer], on: compute)
      compute.pack(weight(layer, parameters), into: packed)
      let dx = Tensor(rows: n, columns: sizes[layer])
      compute.linear(dy, packed, into: dx)
      let (mask, y) = (masks[layer], outputs[layer - 1])
      dx.withMutableElements { d in
        y.withElements { y in for i in d.indices { d[i] *= mask[i] * (1 - y[i] * y[i]) } }
      }
      dy = dx
    }
    // The kernels' Adam keeps the largest second moment (AMSGrad); the protocol's does not, so it forgets it here.
    adam.largest.fill(0)
    compute.step(&adam, weights: parameters, gradients: gradients, learningRate: options.learningRate)
  }

  /// Zeroes elements and scales the others up; gives the factors.
  private func dropout(_ x: Tensor) -> [Float] {
    let keep = Float(1 / (1 - options.dropout))
    var generator = random
    let mask = (0..<x.count).map { _ in generator.unit() < options.dropout ? 0 : keep }
    random = generator
    x.withMutableElements { values in for i in values.indices { values[i] *= mask[i] } }
    return mask
  }

  private func tanhInPlace(_ x: Tensor) {
    x.withMutableElements { values in for i in values.indices { values[i] = tanhf(values[i]) } }
  }

  /// The gradient of the mean cross-entropy in place of the outputs.
  private func softmaxMinusLabels(_ y: Tensor, _ labels: [Int]) {
    let (n, classes) = (y.rows, y.columns)
    y.withMutableElements { values in
      for i in 0..<n {
        let row = i * classes..<(i + 1) * classes
        var largest = -Float.infinity
        for j in row { largest = max(largest, values[j]) }
        var sum: Float = 0
        for j in row {
          values[j] = expf(values[j] - largest)
          sum += values[j]
        }
        for j in row { values[j] = (values[j] / sum - (j - row.lowerBound == labels[i] ? 1 : 0)) / Float(n) }
      }
    }
  }
}
