import Base
import Encoder
import Kernels

/// Cross-lingual token-level reconstruction (XTR; Mao et al. 2024, section III-B): the head's forward and backward.
final class Reconstruction {
  private let heads: ReconstructionParameters
  private let configuration: Configuration
  private let compute: Compute
  private var capacity = 0
  // One row a sentence: [2B, .]
  private var language = Tensor(rows: 0, columns: 0)
  private var z = Tensor(rows: 0, columns: 0), q = Tensor(rows: 0, columns: 0), s = Tensor(rows: 0, columns: 0)
  private var t = Tensor(rows: 0, columns: 0), dt = Tensor(rows: 0, columns: 0)
  private var tNorm = NormState(rows: 0, columns: 0)
  private var losses = Tensor(rows: 0, columns: 0)
  private var workspace = Tensor(rows: 0, columns: 0)
  private var logits: Tensor
  private var packedRows: PackedMatrix
  // Transposed for the forward pass, as it is for the backward.
  private let transform: PackedMatrix, dTransform: PackedMatrix
  private let decoder: PackedMatrix, dDecoder: PackedMatrix
  private let languageTable: Tensor, languageNorm: NormState

  /// Rows of logits at a time: enough for the products to be efficient, few enough for 64k-piece vocabularies.
  private static let logitRows = 256

  /// Nil for parameters without this head.
  init?(_ parameters: Parameters, on compute: Compute) {
    guard let heads = parameters.reconstruction else { return nil }
    self.heads = heads
    self.compute = compute
    configuration = parameters.configuration
    (transform, dTransform) = compute.rooms(heads.transform.weight)
    (decoder, dDecoder) = compute.rooms(heads.decoder)
    languageTable = Tensor(rows: heads.languages.rows, columns: heads.languages.columns)
    languageNorm = NormState(rows: heads.languages.rows, columns: heads.languages.columns)
    logits = Tensor(rows: Self.logitRows, columns: heads.decoder.rows)
    packedRows = PackedMatrix(rows: 0, columns: 0, on: compute)
  }

  private func reserve(_ rows: Int) {
    if rows <= capacity { return }
    capacity = rows
    let w = configuration.hiddenSize + configuration.languageSize
    func matrix(_ columns: Int) -> Tensor { Tensor(rows: rows, columns: columns) }
    language = matrix(configuration.languageSize)
    (z, q, s, t, dt) = (matrix(w), matrix(w), matrix(w), matrix(w), matrix(w))
    tNorm = NormState(rows: rows, columns: w)
    losses = matrix(1)
    workspace = Tensor(rows: 2 * ((rows + configuration.numLanguages + 63) / 64 + 1), columns: w)
    packedRows = PackedMatrix(rows: rows, columns: w, on: compute)
  }

  /// The loss of 2B sentences, both directions added and averaged over the pairs, and its gradients.
  ///
  /// - Parameters:
  ///   - u: [2B, D]
  ///   - bags: row i is what u_i must reconstruct: the tokens of its partner
  ///   - languages: row i is the language of u_i's partner
  ///   - pairs: of the whole batch
  ///   - scale: factor of the gradients
  ///   - du: [2B, D], added to; nil for evaluation
  func evaluate(
    _ u: Tensor, _ bags: TokenBags, _ languages: [Int32], of pairs: Int, noise: Dropout, scale: Float, du: Tensor?,
    gradients: Parameters?
  ) -> Double {
    precondition(bags.count == u.rows && languages.count == u.rows)
    reserve(u.rows)
    let eps = Float(configuration.layerNormEps)
    let rows = u.rows
    let (z, q, s, t, dt) = (z.prefix(rows), q.prefix(rows), s.prefix(rows), t.prefix(rows), dt.prefix(rows))
    let tNorm = tNorm.prefix(rows)

    // forward
    // 1 e = dropout(layerNorm(language table)); the mask is drawn a sentence, so rows are normalised once and gathered
    compute.layerNorm(
      heads.languages, gain: heads.languageNorm.gain, bias: heads.languageNorm.bias, eps: eps, into: languageTable,
      state: languageNorm)
    let e = language.prefix(rows)
    compute.gather(languageTable, languages, into: e)
    compute.dropout(e, noise, into: e)
    // 2 z = [e ; u]
    compute.concatenate(e, u, into: z)
    // 3 t = layerNorm(swish(W z + b))
    compute.pack(transposing: heads.transform.weight, into: transform)
    compute.linear(z, transform, bias: heads.transform.bias, into: q)
    compute.swish(q, into: s)
    compute.layerNorm(
      s, gain: heads.transformNorm.gain, bias: heads.transformNorm.bias, eps: eps, into: t, state: tNorm)
    // 4 logits = W_out t, a block of rows at a time, and the loss; the gradient takes the logits' place
    compute.pack(transposing: heads.decoder, into: decoder)
    if du != nil { compute.pack(heads.decoder, into: dDecoder) }
    var total = 0.0
    for start in stride(from: 0, to: rows, by: Self.logitRows) {
      let block = start..<min(rows, start + Self.logitRows)
      let logits = logits.prefix(block.count), losses = losses.prefix(block.count)
      compute.linear(t.rows(block), decoder, into: logits)
      compute.bagCrossEntropy(logits, bags, first: start, scale: scale / Float(pairs), losses: losses)
      losses.withElements { values in for i in values.indices { total += Double(values[i]) } }
      guard du != nil, let g = gradients?.reconstruction else { continue }
      compute.linear(logits, dDecoder, into: dt.rows(block))
      compute.linearBackward(logits, t.rows(block), dWeight: g.decoder, dBias: nil, workspace: packedRows)
    }

    // backward
    if let du, let g = gradients?.reconstruction {
      // 3 t = layerNorm(swish(W z + b))
      compute.layerNormBackward(
        dt, gain: heads.transformNorm.gain, state: tNorm, ds: dt, dGain: g.transformNorm.gain,
        dBias: g.transformNorm.bias, workspace: workspace)
      compute.swishBackward(q, dt, into: dt)
      compute.linearBackward(
        dt, z, dWeight: g.transform.weight, dBias: g.transform.bias, workspace: packedRows)
      compute.pack(heads.transform.weight, into: dTransform)
      let dz = s
      compute.linear(dt, dTransform, into: dz)
      // 2 z = [e ; u]
      let de = e
      compute.concatenateBackward(dz, de: de, du: du)
      // 1 e = dropout(layerNorm(language table))
      compute.dropout(de, noise, into: de)
      let dTable = languageTable
      dTable.fill(0)
      compute.scatter(de, languages, into: dTable)
      compute.layerNormBackward(
        dTable, gain: heads.languageNorm.gain, state: languageNorm, ds: dTable, dGain: g.languageNorm.gain,
        dBias: g.languageNorm.bias, workspace: workspace)
      compute.add(dTable, to: g.languages)
    }
    return total / Double(pairs)
  }
}

extension Compute {
  /// Room for a weight [M, K] packed for y = x Wᵀ, and for dx = dy W.
  func rooms(_ weight: Tensor) -> (forward: PackedMatrix, backward: PackedMatrix) {
    (
      PackedMatrix(rows: weight.columns, columns: weight.rows, on: self),
      PackedMatrix(rows: weight.rows, columns: weight.columns, on: self)
    )
  }
}
