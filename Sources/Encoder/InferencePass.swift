import Kernels

/// One worker's buffers for the forward pass, for batches of up to a number of tokens. Nothing is allocated per batch
/// but the tensors' handles.
public final class InferencePass {
  private enum Body {
    case transformer(TransformerPass)
    case lstm(LSTMPass)
  }

  private let weights: InferenceWeights
  private let compute: Compute
  private let capacity: Int
  private let body: Body
  /// [N]: every token's share of its sentence.
  private let shares: Tensor
  /// Sentences between the pooling and the last layer, twice, [capacity, the widest]; what is pooled one way of several,
  /// [capacity, D]; and their lengths.
  private let sentences: [Tensor], one: Tensor, lengths: Tensor

  /// - Parameter capacity: the most tokens a batch may have.
  public init(_ weights: InferenceWeights, capacity: Int, on compute: Compute) {
    let configuration = weights.configuration
    self.weights = weights
    self.compute = compute
    self.capacity = capacity
    switch weights.body {
    case .transformer(let body):
      self.body = .transformer(
        TransformerPass(configuration, words: weights.words, body, capacity: capacity, on: compute))
    case .lstm(let layers):
      body = .lstm(LSTMPass(configuration, words: weights.words, layers, capacity: capacity, on: compute))
    }
    shares = Tensor(rows: 1, columns: weights.poolingWeight == nil ? 0 : capacity)
    let widths = [configuration.pooledSize] + weights.dense.dropLast().map(\.packed.columns)
    let widest = weights.dense.isEmpty ? 0 : widths.reduce(0, max)
    sentences = (0..<min(2, weights.dense.count)).map { _ in Tensor(rows: 1, columns: capacity * widest) }
    one = Tensor(rows: configuration.layout.poolings.count > 1 ? capacity : 0, columns: configuration.hiddenSize)
    lengths = Tensor(rows: configuration.layout.unitLength ? capacity : 0, columns: 1)
  }

  /// u_i = the embedding of sentence i of the batch (design: section "Encoder").
  ///
  /// - Parameters:
  ///   - batch: at most `capacity` tokens; sentences of at most P tokens
  ///   - u: [B, E], E the model's `embeddingSize`
  public func encode(_ batch: TokenBatch, into u: Tensor) {
    let configuration = weights.configuration
    let count = batch.segments.count
    precondition(batch.segments.tokens <= capacity && u.rows == count && u.columns == configuration.embeddingSize)
    let x: Tensor
    switch body {
    case .transformer(let pass): x = pass.encode(batch)
    case .lstm(let pass): x = pass.encode(batch)
    }
    var pooled = u
    if !weights.dense.isEmpty {
      pooled = sentences[0].slice(from: 0, rows: count, columns: configuration.pooledSize)
    }
    pool(x, batch, into: pooled)
    for (i, layer) in weights.dense.enumerated() {
      var next = u
      if i + 1 < weights.dense.count {
        next = sentences[(i + 1) % 2].slice(from: 0, rows: count, columns: layer.packed.columns)
      }
      compute.linear(pooled, layer.packed, bias: layer.bias, layer.activation, into: next)
      pooled = next
    }
    if configuration.layout.unitLength { compute.normalizeRows(u, into: u, lengths: lengths.prefix(count)) }
  }

  private func pool(_ x: Tensor, _ batch: TokenBatch, into pooled: Tensor) {
    if let poolingWeight = weights.poolingWeight {
      return compute.weightedPool(
        x, batch.segments, ids: batch.ids, logWeights: poolingWeight, shares: shares, into: pooled)
    }
    let poolings = weights.configuration.layout.poolings
    if poolings.count == 1 { return pool(x, batch.segments, poolings[0], into: pooled) }
    let d = x.columns
    for (i, pooling) in poolings.enumerated() {
      let part = one.prefix(pooled.rows)
      pool(x, batch.segments, pooling, into: part)
      compute.copyColumns(of: part, into: pooled, at: i * d)
    }
  }

  private func pool(
    _ x: Tensor, _ segments: Segments, _ pooling: EncoderLayout.TokenPooling, into u: Tensor
  ) {
    switch pooling {
    case .mean: compute.meanPool(x, segments, into: u)
    case .max: compute.maxPool(x, segments, into: u)
    case .cls: compute.endPool(x, segments, last: false, into: u)
    case .last: compute.endPool(x, segments, last: true, into: u)
    case .meanSqrtLength: compute.rootMeanPool(x, segments, into: u)
    case .weightedMean: compute.placePool(x, segments, into: u)
    }
  }
}
