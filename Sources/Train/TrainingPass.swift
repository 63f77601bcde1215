import Base
import Encoder
import Kernels

/// The encoder's forward pass with everything kept that the backward pass needs, and the backward pass.
///
/// Names: x the input of a layer, a, p, h, f, y as in the numbered steps; d+name the gradient. Buffers grow to the largest
/// batch seen and are used again.
final class TrainingPass {
  /// Probabilities of dropout, and the key of the batch that masks are derived from.
  struct Noise {
    var embedding: Float = 0, attention: Float = 0, subLayer: Float = 0
    var key: UInt64 = 0
    /// Where a part's elements lie in its batch: those of [N, D], and the attention's probabilities.
    var rows = Dropout.Place.whole, probabilities = Dropout.Place.whole

    /// Sites of one layer; `site` tells apart what would share a mask.
    func dropout(_ probability: Float, layer: Int, site: Int, at place: Dropout.Place? = nil) -> Dropout {
      Dropout(
        probability: probability, key: SplitMix64.mix(key &+ UInt64(layer + 1) &* 16 &+ UInt64(site)),
        place: place ?? rows)
    }
  }

  private struct Layer {
    // [N, 3D], [.], [N, D], [N, D], [N, F], [N, F], [N, D]
    let qkv: Tensor, probabilities: Tensor, a: Tensor, h: Tensor, z: Tensor, f: Tensor, y: Tensor
    let attentionNorm: NormState, outputNorm: NormState
    let forward: PackedLayer
    // W as it is, for dx = dy W.
    let dQueryKeyValue: PackedMatrix, dAttentionOutput: PackedMatrix, dUp: PackedMatrix, dDown: PackedMatrix
  }

  private let parameters: Parameters
  private let compute: Compute
  private var layers: [Layer] = []
  private var x0 = Tensor(rows: 0, columns: 0), p = Tensor(rows: 0, columns: 0)
  private var embeddingNorm = NormState(rows: 0, columns: 0)
  private var dy = Tensor(rows: 0, columns: 0), dp = Tensor(rows: 0, columns: 0)
  private var dWide = Tensor(rows: 0, columns: 0), normWorkspace = Tensor(rows: 0, columns: 0)
  private var packedX: PackedMatrix
  // Of weighted pooling: every token's share, and the u that the last pass gave.
  private var shares = Tensor(rows: 0, columns: 0), pooled = Tensor(rows: 0, columns: 0)
  private var tokenCapacity = 0, attentionCapacity = 0

  /// - Parameter parameters: read in every pass; packed anew by `packWeights()` when they have changed.
  init(_ parameters: Parameters, on compute: Compute) {
    self.parameters = parameters
    self.compute = compute
    packedX = PackedMatrix(rows: 0, columns: 0, on: compute)
  }

  private var configuration: Configuration { parameters.configuration }

  /// Bytes of activations and workspaces for batches of `tokens` tokens.
  static func memory(_ configuration: Configuration, tokens: Int) -> Int {
    let (d, f) = (configuration.hiddenSize, configuration.intermediateSize)
    let perLayer = 3 * d + 4 * d + 2 * f + 2 * d
    let shared = 4 * d + max(3 * d, f) + max(3 * d, f)
    return tokens * (perLayer * configuration.numHiddenLayers + shared) * 4
  }

  private func reserve(_ segments: Segments) {
    let (d, f) = (configuration.hiddenSize, configuration.intermediateSize)
    let attention = AttentionState.size(segments, heads: configuration.numAttentionHeads)
    if segments.tokens <= tokenCapacity, attention <= attentionCapacity { return }
    // A little more than asked, so that slightly larger batches do not allocate again.
    tokenCapacity = max(tokenCapacity, segments.tokens + segments.tokens / 8)
    attentionCapacity = max(attentionCapacity, attention + attention / 8)
    let n = tokenCapacity
    func matrix(_ columns: Int) -> Tensor { Tensor(rows: n, columns: columns) }
    let old = layers
    layers = []
    for (i, layer) in parameters.layers.enumerated() {
      func room(_ p: LinearParameters) -> PackedMatrix {
        PackedMatrix(rows: p.weight.rows, columns: p.weight.columns, on: compute)
      }
      let kept = i < old.count ? old[i] : nil
      layers.append(
        Layer(
          qkv: matrix(3 * d), probabilities: Tensor(rows: 1, columns: attentionCapacity), a: matrix(d), h: matrix(d),
          z: matrix(f), f: matrix(f), y: matrix(d), attentionNorm: NormState(rows: n, columns: d),
          outputNorm: NormState(rows: n, columns: d), forward: kept?.forward ?? PackedLayer(layer, on: compute),
          dQueryKeyValue: kept?.dQueryKeyValue ?? room(layer.queryKeyValue),
          dAttentionOutput: kept?.dAttentionOutput ?? room(layer.attentionOutput), dUp: kept?.dUp ?? room(layer.up),
          dDown: kept?.dDown ?? room(layer.down)))
    }
    x0 = matrix(d)
    p = matrix(d)
    embeddingNorm = NormState(rows: n, columns: d)
    dy = matrix(d)
    dp = matrix(d)
    dWide = Tensor(rows: 1, columns: n * max(3 * d, f))
    shares = Tensor(rows: 1, columns: n)
    normWorkspace = Tensor(rows: 2 * ((n + 63) / 64), columns: d)
    packedX = PackedMatrix(rows: n, columns: max(d, f), on: compute)
  }

  // MARK: forward

  /// u_i = the embedding of sentence i; u [B, D].
  func forward(_ batch: TokenBatch, noise: Noise, into u: Tensor) {
    reserve(batch.segments)
    let eps = Float(configuration.layerNormEps)
    let n = batch.segments.tokens
    let x0 = x0.prefix(n), p = p.prefix(n)
    compute.embed(batch.ids, batch.segments, words: parameters.words, positions: parameters.positions, into: x0)
    compute.layerNorm(
      x0, gain: parameters.embeddingNorm.gain, bias: parameters.embeddingNorm.bias, eps: eps, into: x0,
      state: embeddingNorm.prefix(n))
    compute.dropout(x0, noise.dropout(noise.embedding, layer: -1, site: 0), into: x0)
    var x = x0
    for (i, (weights, layer)) in zip(parameters.layers, layers).enumerated() {
      layer.forward.pack(weights, on: compute)
      let (qkv, a, h, z, f, y) = (
        layer.qkv.prefix(n), layer.a.prefix(n), layer.h.prefix(n), layer.z.prefix(n), layer.f.prefix(n),
        layer.y.prefix(n)
      )
      // 1 q, k, v = linear(x)
      compute.linear(x, layer.forward.queryKeyValue, bias: weights.queryKeyValue.bias, into: qkv)
      // 2 a = attention(q, k, v)
      compute.attention(
        qkv, batch.segments, heads: configuration.numAttentionHeads,
        dropout: noise.dropout(noise.attention, layer: i, site: 1, at: noise.probabilities), into: a,
        state: attentionState(layer, batch))
      // 3 p = linear(a)
      compute.linear(a, layer.forward.attentionOutput, bias: weights.attentionOutput.bias, into: p)
      // 4 h = layerNorm(x + p)
      compute.layerNorm(
        x, adding: p, dropout: noise.dropout(noise.subLayer, layer: i, site: 2), gain: weights.attentionNorm.gain,
        bias: weights.attentionNorm.bias, eps: eps, into: h, state: layer.attentionNorm.prefix(n))
      // 5 f = W2 swish(W1 h)
      compute.linear(h, layer.forward.up, bias: weights.up.bias, into: z)
      compute.swish(z, into: f)
      compute.linear(f, layer.forward.down, bias: weights.down.bias, into: p)
      // 6 y = layerNorm(h + f)
      compute.layerNorm(
        h, adding: p, dropout: noise.dropout(noise.subLayer, layer: i, site: 3), gain: weights.outputNorm.gain,
        bias: weights.outputNorm.bias, eps: eps, into: y, state: layer.outputNorm.prefix(n))
      x = y
    }
    if let poolingWeight = parameters.poolingWeight {
      compute.weightedPool(
        x, batch.segments, ids: batch.ids, logWeights: poolingWeight, shares: shares, into: u)
      pooled = u
    } else {
      compute.meanPool(x, batch.segments, into: u)
    }
  }

  private func attentionState(_ layer: Layer, _ batch: TokenBatch) -> AttentionState {
    AttentionState(batch.segments, heads: configuration.numAttentionHeads, in: layer.probabilities)
  }

  // MARK: backward

  /// Adds to every encoder gradient what du [B, D] gives, for the batch and noise of the last `forward`.
  func backward(_ du: Tensor, _ batch: TokenBatch, noise: Noise, into gradients: Parameters) {
    let (d, f) = (configuration.hiddenSize, configuration.intermediateSize)
    let n = batch.segments.tokens
    let dy = dy.prefix(n), dp = dp.prefix(n)
    let dz = dWide.slice(from: 0, rows: n, columns: f), dqkv = dWide.slice(from: 0, rows: n, columns: 3 * d)
    if let dPoolingWeight = gradients.poolingWeight {
      compute.weightedPoolBackward(
        du, x: (layers.last?.y ?? x0).prefix(n), u: pooled.prefix(du.rows), batch.segments, ids: batch.ids,
        shares: shares, into: dy, dLogWeights: dPoolingWeight)
    } else {
      compute.meanPoolBackward(du, batch.segments, into: dy)
    }
    for i in layers.indices.reversed() {
      let (layer, weights, g) = (layers[i], parameters.layers[i], gradients.layers[i])
      let x = i == 0 ? x0.prefix(n) : layers[i - 1].y.prefix(n)
      let (a, h, z) = (layer.a.prefix(n), layer.h.prefix(n), layer.z.prefix(n))
      // 6 y = layerNorm(h + f): dy becomes dh, df its dropped-out copy
      compute.layerNormBackward(
        dy, gain: weights.outputNorm.gain, state: layer.outputNorm.prefix(n), ds: dy, dGain: g.outputNorm.gain,
        dBias: g.outputNorm.bias, workspace: normWorkspace)
      compute.dropout(dy, noise.dropout(noise.subLayer, layer: i, site: 3), into: dp)
      // 5 f = W2 swish(W1 h)
      compute.linearBackward(
        dp, layer.f.prefix(n), dWeight: g.down.weight, dBias: g.down.bias, workspace: packedX)
      compute.pack(weights.down.weight, into: layer.dDown)
      compute.linear(dp, layer.dDown, into: dz)
      compute.swishBackward(z, dz, into: dz)
      compute.linearBackward(dz, h, dWeight: g.up.weight, dBias: g.up.bias, workspace: packedX)
      compute.pack(weights.up.weight, into: layer.dUp)
      compute.linear(dz, layer.dUp, into: dy, accumulating: true)
      // 4 h = layerNorm(x + p): dy becomes dx, dp its dropped-out copy
      compute.layerNormBackward(
        dy, gain: weights.attentionNorm.gain, state: layer.attentionNorm.prefix(n), ds: dy,
        dGain: g.attentionNorm.gain, dBias: g.attentionNorm.bias, workspace: normWorkspace)
      compute.dropout(dy, noise.dropout(noise.subLayer, layer: i, site: 2), into: dp)
      // 3 p = linear(a); da overwrites dp's buffer only after dp was used
      compute.linearBackward(
        dp, a, dWeight: g.attentionOutput.weight, dBias: g.attentionOutput.bias, workspace: packedX)
      compute.pack(weights.attentionOutput.weight, into: layer.dAttentionOutput)
      let da = p.prefix(n)
      compute.linear(dp, layer.dAttentionOutput, into: da)
      // 2 a = attention(q, k, v)
      compute.attentionBackward(
        da, layer.qkv.prefix(n), batch.segments, heads: configuration.numAttentionHeads,
        dropout: noise.dropout(noise.attention, layer: i, site: 1, at: noise.probabilities),
        state: attentionState(layer, batch), into: dqkv)
      // 1 q, k, v = linear(x)
      compute.linearBackward(
        dqkv, x, dWeight: g.queryKeyValue.weight, dBias: g.queryKeyValue.bias, workspace: packedX)
      compute.pack(weights.queryKeyValue.weight, into: layer.dQueryKeyValue)
      compute.linear(dqkv, layer.dQueryKeyValue, into: dy, accumulating: true)
    }
    compute.dropout(dy, noise.dropout(noise.embedding, layer: -1, site: 0), into: dy)
    compute.layerNormBackward(
      dy, gain: parameters.embeddingNorm.gain, state: embeddingNorm.prefix(n), ds: dy,
      dGain: gradients.embeddingNorm.gain, dBias: gradients.embeddingNorm.bias, workspace: normWorkspace)
    compute.embedBackward(
      dy, batch.ids, batch.segments, dWords: gradients.words, dPositions: gradients.positions)
  }
}
