import Kernels

/// The encoder's weights, ready for inference: the tables it looks up in, and its matrices packed for the kernels.
///
/// Shared by all workers; never changes.
public struct InferenceWeights: Sendable {
  let configuration: Configuration
  let words: Tensor, positions: Tensor
  let embeddingNorm: NormParameters
  let layers: [(small: LayerParameters, packed: PackedLayer)]

  /// Packs the matrices of `parameters`, which may be dropped afterwards but for the tables and vectors.
  public init(_ parameters: Parameters, on compute: Compute) {
    configuration = parameters.configuration
    words = parameters.words
    positions = parameters.positions
    embeddingNorm = parameters.embeddingNorm
    layers = parameters.layers.map { ($0, PackedLayer($0, on: compute)) }
  }
}

/// One worker's buffers for the forward pass, for batches of up to a number of tokens. Nothing is allocated per batch
/// but the tensors' handles.
public final class InferencePass {
  private let weights: InferenceWeights
  private let compute: Compute
  private let capacity: Int
  private let x: Tensor, wide: Tensor, a: Tensor, p: Tensor

  /// - Parameter capacity: the most tokens a batch may have.
  public init(_ weights: InferenceWeights, capacity: Int, on compute: Compute) {
    let (d, f) = (weights.configuration.hiddenSize, weights.configuration.intermediateSize)
    self.weights = weights
    self.compute = compute
    self.capacity = capacity
    x = Tensor(rows: capacity, columns: d)
    a = Tensor(rows: capacity, columns: d)
    p = Tensor(rows: capacity, columns: d)
    wide = Tensor(rows: 1, columns: capacity * max(3 * d, f))
  }

  /// u_i = the embedding of sentence i of the batch (design: section "Encoder").
  ///
  /// - Parameters:
  ///   - batch: at most `capacity` tokens; sentences of at most P tokens
  ///   - u: [B, D]
  public func encode(_ batch: TokenBatch, into u: Tensor) {
    let configuration = weights.configuration
    let (d, f) = (configuration.hiddenSize, configuration.intermediateSize)
    let eps = Float(configuration.layerNormEps)
    let n = batch.segments.tokens
    precondition(n <= capacity && u.rows == batch.segments.count && u.columns == d)
    let (x, a, p) = (x.prefix(n), a.prefix(n), p.prefix(n))
    let qkv = wide.slice(from: 0, rows: n, columns: 3 * d)
    let z = wide.slice(from: 0, rows: n, columns: f)

    compute.embed(batch.ids, batch.segments, words: weights.words, positions: weights.positions, into: x)
    compute.layerNorm(x, gain: weights.embeddingNorm.gain, bias: weights.embeddingNorm.bias, eps: eps, into: x)
    for (layer, packed) in weights.layers {
      // The six steps of a layer; TrainingPass has the same, and counts them down again.
      // 1 q, k, v = linear(x)
      compute.linear(x, packed.queryKeyValue, bias: layer.queryKeyValue.bias, into: qkv)
      // 2 a = attention(q, k, v)
      compute.attention(qkv, batch.segments, heads: configuration.numAttentionHeads, into: a)
      // 3 p = linear(a)
      compute.linear(a, packed.attentionOutput, bias: layer.attentionOutput.bias, into: p)
      // 4 h = layerNorm(x + p)
      compute.layerNorm(
        x, adding: p, gain: layer.attentionNorm.gain, bias: layer.attentionNorm.bias, eps: eps, into: x)
      // 5 f = W2 swish(W1 h)
      compute.linearSwish(x, packed.up, bias: layer.up.bias, into: z)
      compute.linear(z, packed.down, bias: layer.down.bias, into: p)
      // 6 y = layerNorm(h + f)
      compute.layerNorm(x, adding: p, gain: layer.outputNorm.gain, bias: layer.outputNorm.bias, eps: eps, into: x)
    }
    compute.meanPool(x, batch.segments, into: u)
  }
}
