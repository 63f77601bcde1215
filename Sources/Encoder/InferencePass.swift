import Base
import Kernels

/// The encoder's weights, ready for inference: the tables it looks up in, and its matrices packed for the kernels.
///
/// Shared by all workers; never changes.
public struct InferenceWeights: Sendable {
  /// One layer: what is added and normalised with as it is, the matrices packed.
  struct Layer: Sendable {
    let queryKeyValueBias: Tensor, attentionOutputBias: Tensor, upBias: Tensor, downBias: Tensor
    let attentionNorm: NormParameters, outputNorm: NormParameters
    let packed: PackedLayer
  }

  let configuration: Configuration
  let words: Tensor, positions: Tensor
  let embeddingNorm: NormParameters
  let layers: [Layer]

  /// Packs the matrices of `parameters`, which may be dropped afterwards but for the tables and vectors.
  public init(_ parameters: Parameters, on compute: Compute) {
    configuration = parameters.configuration
    words = parameters.words
    positions = parameters.positions
    embeddingNorm = parameters.embeddingNorm
    layers = parameters.layers.map { layer in
      Layer(
        queryKeyValueBias: layer.queryKeyValue.bias, attentionOutputBias: layer.attentionOutput.bias,
        upBias: layer.up.bias, downBias: layer.down.bias, attentionNorm: layer.attentionNorm,
        outputNorm: layer.outputNorm, packed: PackedLayer(layer, on: compute))
    }
  }

  /// Reads a model's weights, matrix after matrix: beside what is kept, one matrix at a time is in memory.
  ///
  /// Of a float32 file the word table stays where it is, in the mapped file, so that only the rows of words that occur
  /// take memory; of another type it is converted.
  ///
  /// - Throws: `Failure` when a tensor is missing.
  public init(_ model: ModelFolder, on compute: Compute) throws(Failure) {
    let configuration = model.configuration, weights = model.weights
    let d = configuration.hiddenSize
    self.configuration = configuration
    words = try weights.tensor(Configuration.wordEmbeddingName)
    positions = try weights.copy(Configuration.positionEmbeddingName)
    func norm(_ name: String) throws(Failure) -> NormParameters {
      NormParameters(gain: try weights.copy(name + ".weight"), bias: try weights.copy(name + ".bias"))
    }
    func pack(_ matrix: Tensor) -> PackedMatrix {
      let packed = PackedMatrix(rows: matrix.columns, columns: matrix.rows, on: compute)
      compute.pack(transposing: matrix, into: packed)
      return packed
    }
    /// The three projections of the attention as one: their rows, or their biases, one after the other.
    func queryKeyValue(_ prefix: String, _ part: String, rows: Int) throws(Failure) -> Tensor {
      let all = Tensor(rows: 3 * rows, columns: d)
      for (i, name) in ["query", "key", "value"].enumerated() {
        try weights.copy("\(prefix)attention.self_attention.\(name).\(part)", into: all.rows(i * rows..<(i + 1) * rows))
      }
      return part == "bias" ? all.slice(from: 0, rows: 1, columns: 3 * d) : all
    }
    embeddingNorm = try norm("model.bert.embedding.layer_norm")
    var layers: [Layer] = []
    for i in 0..<configuration.numHiddenLayers {
      let prefix = "\(Configuration.layerPrefix)\(i)."
      let packed = PackedLayer(
        queryKeyValue: pack(try queryKeyValue(prefix, "weight", rows: d)),
        attentionOutput: pack(try weights.tensor(prefix + "attention.output.dense.weight")),
        up: pack(try weights.tensor(prefix + "intermediate.dense.weight")),
        down: pack(try weights.tensor(prefix + "output.dense.weight")))
      layers.append(
        Layer(
          queryKeyValueBias: try queryKeyValue(prefix, "bias", rows: 1),
          attentionOutputBias: try weights.copy(prefix + "attention.output.dense.bias"),
          upBias: try weights.copy(prefix + "intermediate.dense.bias"),
          downBias: try weights.copy(prefix + "output.dense.bias"),
          attentionNorm: try norm(prefix + "attention.output.LayerNorm"),
          outputNorm: try norm(prefix + "output.LayerNorm"), packed: packed))
      // The file's pages that were just packed are not needed again.
      weights.dropFromMemory()
    }
    self.layers = layers
  }
}

extension SafeTensors {
  /// A float tensor as a matrix (vectors as one row): a view of the mapped file if it holds float32, else a copy.
  fileprivate func tensor(_ name: String) throws(Failure) -> Tensor {
    let entry = try entry(name)
    guard entry.type == .float32, isAligned(entry) else { return try copy(name) }
    let columns = entry.shape.last ?? 1
    return unsafe Tensor(
      viewing: pointer(of: entry), rows: columns == 0 ? 0 : entry.count / columns, columns: columns, owner: self)
  }

  /// A float tensor converted to single precision in memory of its own.
  fileprivate func copy(_ name: String) throws(Failure) -> Tensor {
    let entry = try entry(name)
    let columns = entry.shape.last ?? 1
    let tensor = Tensor(rows: columns == 0 ? 0 : entry.count / columns, columns: columns)
    try copy(name, into: tensor)
    return tensor
  }

  fileprivate func copy(_ name: String, into tensor: Tensor) throws(Failure) {
    var failure: Failure?
    tensor.withMutableElements { elements in
      do throws(Failure) { try copyFloats(name, into: &elements) } catch { failure = error }
    }
    if let failure { throw failure }
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
    for layer in weights.layers {
      let packed = layer.packed
      // The six steps of a layer; TrainingPass has the same, and counts them down again.
      // 1 q, k, v = linear(x)
      compute.linear(x, packed.queryKeyValue, bias: layer.queryKeyValueBias, into: qkv)
      // 2 a = attention(q, k, v)
      compute.attention(qkv, batch.segments, heads: configuration.numAttentionHeads, into: a)
      // 3 p = linear(a)
      compute.linear(a, packed.attentionOutput, bias: layer.attentionOutputBias, into: p)
      // 4 h = layerNorm(x + p)
      compute.layerNorm(
        x, adding: p, gain: layer.attentionNorm.gain, bias: layer.attentionNorm.bias, eps: eps, into: x)
      // 5 f = W2 swish(W1 h)
      compute.linearSwish(x, packed.up, bias: layer.upBias, into: z)
      compute.linear(z, packed.down, bias: layer.downBias, into: p)
      // 6 y = layerNorm(h + f)
      compute.layerNorm(x, adding: p, gain: layer.outputNorm.gain, bias: layer.outputNorm.bias, eps: eps, into: x)
    }
    compute.meanPool(x, batch.segments, into: u)
  }
}
