import Base
import Kernels

/// The weights of one layer of an LSTM in both directions.
struct LSTMWeights: Sendable {
  struct Direction: Sendable {
    /// [K, 4H] and [H, 4H], packed; [1, 4H].
    let input: PackedMatrix, recurrent: PackedMatrix, bias: Tensor
  }
  let forward: Direction, backward: Direction

  init(_ file: ModelFile, layer: Int) throws(Failure) {
    func direction(_ direction: LSTMDirection) throws(Failure) -> Direction {
      let name = ModelName.lstm(layer, direction)
      return Direction(
        input: try file.packed("\(name).input.weight"), recurrent: try file.packed("\(name).recurrent.weight"),
        bias: try file.tensor("\(name).bias"))
    }
    forward = try direction(.forward)
    backward = try direction(.backward)
  }
}

/// One worker's buffers for an LSTM's rows of tokens.
final class LSTMPass {
  private let configuration: Configuration, words: WordTable, layers: [LSTMWeights]
  private let compute: Compute
  private let embedded: Tensor, gates: Tensor
  /// A layer reads one and writes the other.
  private let rows: [Tensor]
  /// [B, 6H], grown when a batch has more sentences.
  private var state = Tensor(rows: 0, columns: 0)

  init(_ configuration: Configuration, words: WordTable, _ layers: [LSTMWeights], capacity: Int, on compute: Compute) {
    let d = configuration.hiddenSize
    self.configuration = configuration
    self.words = words
    self.layers = layers
    self.compute = compute
    embedded = Tensor(rows: capacity, columns: words.columns)
    gates = Tensor(rows: capacity, columns: 2 * d)
    rows = (0..<2).map { _ in Tensor(rows: capacity, columns: d) }
  }

  /// The rows of a batch's tokens, [N, D]: the forward direction's output, then the backward's. They stay until the next
  /// batch.
  func encode(_ batch: TokenBatch) -> Tensor {
    let segments = batch.segments
    let n = segments.tokens
    let half = configuration.hiddenSize / 2
    if state.count < segments.count * 6 * half { state = Tensor(rows: segments.count, columns: 6 * half) }
    let order = (0..<segments.count).sorted {
      let (a, b) = (segments.starts[$0 + 1] - segments.starts[$0], segments.starts[$1 + 1] - segments.starts[$1])
      return a == b ? $0 < $1 : a > b
    }
    var x = embedded.prefix(n)
    compute.embed(batch.ids, segments, words: words, positions: nil, into: x)
    for (i, layer) in layers.enumerated() {
      let y = rows[i % 2].prefix(n)
      for (direction, column) in [(layer.forward, 0), (layer.backward, half)] {
        let inputs = gates.prefix(n)
        compute.linear(x, direction.input, bias: direction.bias, into: inputs)
        compute.lstm(
          inputs, segments, recurrent: direction.recurrent, order: order, reversed: column > 0, state: state, into: y,
          column: column)
      }
      x = y
    }
    return x
  }
}
