import Base
import Formats
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

    init(_ layer: LayerParameters, on compute: Compute) {
      queryKeyValueBias = layer.queryKeyValue.bias
      attentionOutputBias = layer.attentionOutput.bias
      upBias = layer.up.bias
      downBias = layer.down.bias
      attentionNorm = layer.attentionNorm
      outputNorm = layer.outputNorm
      packed = PackedLayer(layer, on: compute)
    }
  }

  /// The linear layer after pooling.
  struct Projection: Sendable {
    let packed: PackedMatrix, bias: Tensor

    init(_ layer: LinearParameters, on compute: Compute) {
      packed = PackedMatrix(rows: layer.weight.columns, columns: layer.weight.rows, on: compute)
      compute.pack(transposing: layer.weight, into: packed)
      bias = layer.bias
    }
  }

  let configuration: Configuration
  let words: Tensor, positions: Tensor
  let embeddingNorm: NormParameters
  let layers: [Layer]
  let poolingWeight: Tensor?
  let projection: Projection?

  /// Packs the matrices of `parameters`, which may be dropped afterwards but for the tables and vectors.
  public init(_ parameters: Parameters, on compute: Compute) {
    configuration = parameters.configuration
    words = parameters.words
    positions = parameters.positions
    embeddingNorm = parameters.embeddingNorm
    layers = parameters.layers.map { Layer($0, on: compute) }
    poolingWeight = parameters.poolingWeight
    projection =
      parameters.configuration.projectionSize == nil ? nil : parameters.projection.map { Projection($0, on: compute) }
  }

  /// Reads a model's weights, layer after layer: beside what is kept, one layer at a time is in memory.
  ///
  /// Of a float32 file the word table stays where it is, in the mapped file, so that only the rows of words that occur
  /// take memory; of another type it is converted.
  ///
  /// - Throws: `Failure` when a tensor is missing.
  public init(_ model: ModelFolder, on compute: Compute) throws(Failure) {
    let file = ModelFile(model)
    configuration = model.configuration
    words = try file.tensor(ModelName.words)
    positions = try file.copy(ModelName.positions)
    embeddingNorm = try file.norm(ModelName.embeddingNorm)
    var layers: [Layer] = []
    for i in 0..<model.configuration.numHiddenLayers {
      layers.append(Layer(try file.layer(i), on: compute))
      // The file's pages that were just packed are not needed again.
      model.weights.dropFromMemory()
    }
    self.layers = layers
    poolingWeight = model.configuration.pooling == .weighted ? try file.tensor(ModelName.poolingWeight) : nil
    projection =
      model.configuration.projectionSize == nil ? nil : Projection(try file.linear(ModelName.projection), on: compute)
  }
}

/// The tensors of a model folder.
private struct ModelFile: TensorSource {
  private let weights: SafeTensors
  private let slots: [String: [ModelTensor]]

  init(_ model: ModelFolder) {
    weights = model.weights
    slots = Dictionary(grouping: model.configuration.schema(), by: \.slot)
  }

  /// A slot of one matrix is a view of the mapped file where that holds float32; vectors and what is stacked are copied.
  func tensor(_ slot: String) throws(Failure) -> Tensor {
    let inside = slots[slot] ?? []
    if let only = inside.first, inside.count == 1 {
      return only.shape.shape.count == 1 ? try copy(slot) : try weights.tensor(only.name)
    }
    return try copy(slot)
  }

  func copy(_ slot: String) throws(Failure) -> Tensor {
    let inside = slots[slot] ?? []
    guard let first = inside.first else {
      throw Failure(.software, weights.path, "the schema has no slot \(slot)")
    }
    let isVector = first.shape.shape.count == 1
    let count = inside.reduce(0) { $0 + $1.shape.count }
    let columns = isVector ? count : first.shape.shape[1]
    let all = Tensor(rows: columns == 0 ? 0 : count / columns, columns: columns)
    var offset = 0
    for entry in inside {
      try weights.copy(entry.name, into: all.slice(from: offset, rows: 1, columns: entry.shape.count))
      offset += entry.shape.count
    }
    return all
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
  // [N]: every token's share of its sentence. [capacity, D]: sentences before the projection.
  private let shares: Tensor, pooled: Tensor

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
    shares = Tensor(rows: 1, columns: weights.poolingWeight == nil ? 0 : capacity)
    pooled = Tensor(rows: weights.projection == nil ? 0 : capacity, columns: d)
  }

  /// u_i = the embedding of sentence i of the batch (design: section "Encoder").
  ///
  /// - Parameters:
  ///   - batch: at most `capacity` tokens; sentences of at most P tokens
  ///   - u: [B, D], or [B, T] for a model with a projection
  public func encode(_ batch: TokenBatch, into u: Tensor) {
    let configuration = weights.configuration
    let (d, f) = (configuration.hiddenSize, configuration.intermediateSize)
    let eps = Float(configuration.layerNormEps)
    let n = batch.segments.tokens
    precondition(n <= capacity && u.rows == batch.segments.count && u.columns == configuration.embeddingSize)
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
    let sentences = weights.projection == nil ? u : pooled.prefix(u.rows)
    if let poolingWeight = weights.poolingWeight {
      compute.weightedPool(
        x, batch.segments, ids: batch.ids, logWeights: poolingWeight, shares: shares, into: sentences)
    } else {
      compute.meanPool(x, batch.segments, into: sentences)
    }
    if let projection = weights.projection {
      compute.linear(sentences, projection.packed, bias: projection.bias, into: u)
    }
  }
}
