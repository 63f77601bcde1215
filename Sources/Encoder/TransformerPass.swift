import Base
import Kernels

/// The weights of a Transformer behind its word table.
struct TransformerWeights: Sendable {
  /// One layer: what is added and normalised with as it is, the matrices packed.
  struct Layer: Sendable {
    let queryKeyValueBias: Tensor, attentionOutputBias: Tensor, upBias: Tensor, downBias: Tensor
    let attentionNorm: NormParameters, outputNorm: NormParameters
    let packed: PackedLayer

    init(_ layer: LayerParameters, on compute: Compute) {
      queryKeyValueBias = layer.queryKeyValue.bias
      attentionOutputBias = layer.attentionOutput.bias
      upBias = layer.up.bias
      downBias = layer.down.bias
      attentionNorm = layer.attentionNorm
      outputNorm = layer.outputNorm
      packed = PackedLayer(layer, on: compute)
    }

    init(_ file: ModelFile, _ i: Int) throws(Failure) {
      let prefix = ModelName.layer(i)
      func bias(_ name: String) throws(Failure) -> Tensor { try file.tensor("\(prefix)\(name).bias") }
      func packed(_ name: String) throws(Failure) -> PackedMatrix { try file.packed("\(prefix)\(name).weight") }
      queryKeyValueBias = try bias(ModelName.queryKeyValue)
      attentionOutputBias = try bias(ModelName.attentionOutput)
      upBias = try bias(ModelName.up)
      downBias = try bias(ModelName.down)
      attentionNorm = try file.norm(prefix + ModelName.attentionNorm)
      outputNorm = try file.norm(prefix + ModelName.outputNorm)
      self.packed = PackedLayer(
        queryKeyValue: try packed(ModelName.queryKeyValue), attentionOutput: try packed(ModelName.attentionOutput),
        up: try packed(ModelName.up), down: try packed(ModelName.down))
    }
  }

  let positions: Tensor
  let embeddingNorm: NormParameters?
  let layers: [Layer]
  let finalNorm: NormParameters?
}

/// One worker's buffers for a Transformer's rows of tokens.
final class TransformerPass {
  private let configuration: Configuration, words: WordTable, weights: TransformerWeights
  private let compute: Compute
  private let x: Tensor, wide: Tensor, a: Tensor, p: Tensor

  init(
    _ configuration: Configuration, words: WordTable, _ weights: TransformerWeights, capacity: Int, on compute: Compute
  ) {
    let (d, f) = (configuration.hiddenSize, configuration.intermediateSize)
    self.configuration = configuration
    self.words = words
    self.weights = weights
    self.compute = compute
    x = Tensor(rows: capacity, columns: d)
    a = Tensor(rows: capacity, columns: d)
    p = Tensor(rows: capacity, columns: d)
    wide = Tensor(rows: 1, columns: capacity * max(3 * d, f))
  }

  /// The rows of a batch's tokens, [N, D]; they stay until the next batch.
  func encode(_ batch: TokenBatch) -> Tensor {
    let (d, f) = (configuration.hiddenSize, configuration.intermediateSize)
    let eps = Float(configuration.layerNormEps)
    let n = batch.segments.tokens
    let (x, a, p) = (x.prefix(n), a.prefix(n), p.prefix(n))
    let qkv = wide.slice(from: 0, rows: n, columns: 3 * d)
    let z = wide.slice(from: 0, rows: n, columns: f)
    let (heads, activation) = (configuration.numAttentionHeads, configuration.layout.activation)
    func norm(_ x: Tensor, adding branch: Tensor? = nil, _ norm: NormParameters, into y: Tensor) {
      compute.layerNorm(x, adding: branch, gain: norm.gain, bias: norm.bias, eps: eps, into: y)
    }

    compute.embed(batch.ids, batch.segments, words: words, positions: weights.positions, into: x)
    if let first = weights.embeddingNorm { norm(x, first, into: x) }
    for layer in weights.layers {
      let packed = layer.packed
      // What is normalised before or after, in the order of the six steps of a layer; TrainingPass has those of a layer
      // that normalises after, and counts them down again.
      let first = configuration.layout.normalisesFirst
      if first { norm(x, layer.attentionNorm, into: p) }
      // 1 q, k, v = linear(x)
      compute.linear(first ? p : x, packed.queryKeyValue, bias: layer.queryKeyValueBias, into: qkv)
      // 2 a = attention(q, k, v)
      compute.attention(qkv, batch.segments, heads: heads, into: a)
      // 3 p = linear(a)
      compute.linear(a, packed.attentionOutput, bias: layer.attentionOutputBias, into: p)
      // 4 h = layerNorm(x + p)
      if first {
        compute.add(p, to: x)
        norm(x, layer.outputNorm, into: a)
      } else {
        norm(x, adding: p, layer.attentionNorm, into: x)
      }
      // 5 f = W2 activation(W1 h)
      compute.linear(first ? a : x, packed.up, bias: layer.upBias, activation, into: z)
      compute.linear(z, packed.down, bias: layer.downBias, into: p)
      // 6 y = layerNorm(h + f)
      if first { compute.add(p, to: x) } else { norm(x, adding: p, layer.outputNorm, into: x) }
    }
    if let last = weights.finalNorm { norm(x, last, into: x) }
    return x
  }
}
