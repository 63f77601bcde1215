import Base
import Encoder
import Kernels

/// What is minimised: xtrWeight · XTR + alignmentWeight · alignment (Mao et al. 2024, sections III-B and III-C).
///
/// The defaults are the released recipe.
public struct ObjectiveSettings: Sendable, Equatable {
  /// Weight of the reconstruction loss, at least 0.
  public var xtrWeight: Float = 1
  /// XTR is computed in every n-th step, with n times the weight: its vocabulary product is the larger part of a small
  /// model's work, and its gradient is as well estimated by fewer batches.
  public var xtrEvery = 1
  /// Weight of the contrastive loss, at least 0.
  public var alignmentWeight: Float = 2
  /// T in s_ij = cos(p(u_i), p(v_j)) / T; above 0.
  public var temperature: Float = 0.1
  /// Whether pairs with the same source or the same target as i's are left out of i's negatives.
  public var maskDuplicates = false
  /// Dropout after the language embedding's normalisation, in [0, 1).
  public var languageDropout: Float = 0.1
  /// Whose pairs are negatives when several processes train together.
  public var negatives = Negatives.global

  /// Which pairs of a batch are negatives of a pair.
  public enum Negatives: String, Sendable {
    /// All others of the batch: the numbers are those of one process.
    case global
    /// The others of the same process's part of the batch: less to exchange, and fewer negatives.
    case local
  }

  /// The released recipe.
  public init() {}
}

/// The losses of a batch, each averaged over its pairs; both directions of XTR are added.
public struct Losses: Sendable, Equatable {
  /// What is minimised: the weighted sum of the two.
  public var total: Double = 0
  /// Token reconstruction, both directions added.
  public var xtr: Double = 0
  /// Contrastive alignment, the mean of both directions.
  public var alignment: Double = 0
}

/// The training heads: forward and backward of both objectives from the sentence embeddings.
final class Objectives {
  private let parameters: Parameters
  private let compute: Compute
  private var capacity = 0, columnCapacity = 0
  // One row a sentence: [2B, .]
  private var language = Tensor(rows: 0, columns: 0)
  private var z = Tensor(rows: 0, columns: 0), q = Tensor(rows: 0, columns: 0), s = Tensor(rows: 0, columns: 0)
  private var t = Tensor(rows: 0, columns: 0), dt = Tensor(rows: 0, columns: 0)
  private var tNorm = NormState(rows: 0, columns: 0)
  private var hidden = Tensor(rows: 0, columns: 0), dHidden = Tensor(rows: 0, columns: 0)
  private var projected = Tensor(rows: 0, columns: 0), dProjected = Tensor(rows: 0, columns: 0)
  private var lengths = Tensor(rows: 0, columns: 0), losses = Tensor(rows: 0, columns: 0)
  // A source's scores with all targets, and a target's with all sources: [b, M] each, and of each row two numbers.
  private var scores = [Tensor(rows: 0, columns: 0), Tensor(rows: 0, columns: 0)]
  private var statistics = [Tensor(rows: 0, columns: 0), Tensor(rows: 0, columns: 0)]
  // Of all ranks: the unit vectors of sources and targets, [M, .] each, and what belongs to the scores.
  private var everyone = [Tensor(rows: 0, columns: 0), Tensor(rows: 0, columns: 0)]
  private var everyStatistics = [Tensor(rows: 0, columns: 0), Tensor(rows: 0, columns: 0)]
  private var columnStatistics = Tensor(rows: 0, columns: 0)
  private var workspace = Tensor(rows: 0, columns: 0)
  private var logits: Tensor
  private var packedRows: PackedMatrix
  // Transposed for the forward pass, as it is for the backward.
  private let transform: PackedMatrix, dTransform: PackedMatrix
  private let decoder: PackedMatrix, dDecoder: PackedMatrix
  private let project1: PackedMatrix, dProject1: PackedMatrix, project2: PackedMatrix, dProject2: PackedMatrix
  private let languageTable: Tensor, languageNorm: NormState

  /// Rows of logits at a time: enough for the products to be efficient, few enough for 64k-piece vocabularies.
  private static let logitRows = 256

  init(_ parameters: Parameters, on compute: Compute) {
    guard let heads = parameters.heads else { preconditionFailure("training needs parameters with heads") }
    self.parameters = parameters
    self.compute = compute
    func room(_ w: Tensor) -> PackedMatrix { PackedMatrix(rows: w.rows, columns: w.columns, on: compute) }
    func transposedRoom(_ w: Tensor) -> PackedMatrix { PackedMatrix(rows: w.columns, columns: w.rows, on: compute) }
    transform = transposedRoom(heads.transform.weight)
    dTransform = room(heads.transform.weight)
    decoder = transposedRoom(heads.decoder)
    dDecoder = room(heads.decoder)
    project1 = transposedRoom(heads.project1.weight)
    dProject1 = room(heads.project1.weight)
    project2 = transposedRoom(heads.project2.weight)
    dProject2 = room(heads.project2.weight)
    languageTable = Tensor(rows: heads.languages.rows, columns: heads.languages.columns)
    languageNorm = NormState(rows: heads.languages.rows, columns: heads.languages.columns)
    logits = Tensor(rows: Self.logitRows, columns: heads.decoder.rows)
    packedRows = PackedMatrix(rows: 0, columns: 0, on: compute)
  }

  /// - Parameters:
  ///   - rows: sentences here, 2b
  ///   - columns: pairs whose scores are computed, M
  private func reserve(_ rows: Int, columns: Int) {
    if rows <= capacity, columns <= columnCapacity { return }
    let rows = max(rows, capacity), columns = max(columns, columnCapacity)
    (capacity, columnCapacity) = (rows, columns)
    let d = parameters.configuration.hiddenSize
    let w = d + parameters.configuration.languageSize
    func matrix(_ columns: Int) -> Tensor { Tensor(rows: rows, columns: columns) }
    language = matrix(parameters.configuration.languageSize)
    (z, q, s, t, dt) = (matrix(w), matrix(w), matrix(w), matrix(w), matrix(w))
    tNorm = NormState(rows: rows, columns: w)
    (hidden, dHidden) = (matrix(d), matrix(d))
    (projected, dProjected) = (matrix(Configuration.alignmentSize), matrix(Configuration.alignmentSize))
    (lengths, losses) = (matrix(1), matrix(1))
    let pairs = (rows + 1) / 2
    scores = (0..<2).map { _ in Tensor(rows: pairs, columns: columns) }
    statistics = (0..<2).map { _ in Tensor(rows: pairs, columns: 2) }
    everyone = (0..<2).map { _ in Tensor(rows: columns, columns: Configuration.alignmentSize) }
    everyStatistics = (0..<2).map { _ in Tensor(rows: columns, columns: 2) }
    columnStatistics = Tensor(rows: 2, columns: columns)
    workspace = Tensor(rows: 2 * ((rows + parameters.configuration.numLanguages + 63) / 64 + 1), columns: w)
    packedRows = PackedMatrix(
      rows: max(rows, columns, Configuration.alignmentSize), columns: max(w, d, columns), on: compute)
  }

  /// The losses of a batch of B pairs and their gradients.
  ///
  /// - Parameters:
  ///   - u: [2B, D], the B sources' embeddings, then the B targets'
  ///   - du: [2B, D], added to; nil for evaluation
  ///   - bags: row i is what u_i must reconstruct: the tokens of its partner
  ///   - languages: row i is the language of u_i's partner
  ///   - duplicates: of two pairs of the whole batch
  ///   - part: the number of the first pair in the whole batch, and how many that has; losses are averaged over these, so
  ///     that the sum over the ranks is the whole batch's
  ///   - peers: who has the other parts
  ///   - scale: factor of all gradients
  func evaluate(
    _ u: Tensor, bags: TokenBags, languages: [Int32], duplicates: (@Sendable (Int, Int) -> Bool)?,
    part: (first: Int, pairs: Int), among peers: Peers, settings: ObjectiveSettings, languageNoise: Dropout,
    scale: Float, du: Tensor?, gradients: Parameters?
  ) throws(Failure) -> Losses {
    precondition(u.rows % 2 == 0 && bags.count == u.rows && languages.count == u.rows)
    let shared = peers.size > 1 && settings.negatives == .global
    reserve(u.rows, columns: shared ? part.pairs : u.rows / 2)
    var result = Losses()
    if settings.xtrWeight != 0 {
      result.xtr = reconstruction(
        u, bags, languages, of: part.pairs, noise: languageNoise, scale: scale * settings.xtrWeight, du: du,
        gradients: gradients)
    }
    if settings.alignmentWeight != 0 {
      result.alignment = try alignment(
        u, part: part, among: shared ? peers : nil, temperature: settings.temperature, duplicates: duplicates,
        scale: scale * settings.alignmentWeight, du: du, gradients: gradients)
    }
    result.total =
      Double(settings.xtrWeight) * result.xtr + Double(settings.alignmentWeight) * result.alignment
    return result
  }

  // MARK: cross-lingual token-level reconstruction

  private func reconstruction(
    _ u: Tensor, _ bags: TokenBags, _ languages: [Int32], of pairs: Int, noise: Dropout, scale: Float, du: Tensor?,
    gradients: Parameters?
  ) -> Double {
    guard let heads = parameters.heads else { return 0 }
    let eps = Float(parameters.configuration.layerNormEps)
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
      guard du != nil, let g = gradients?.heads else { continue }
      compute.linear(logits, dDecoder, into: dt.rows(block))
      compute.linearBackward(logits, t.rows(block), dWeight: g.decoder, dBias: nil, workspace: packedRows)
    }

    // backward
    if let du, let g = gradients?.heads {
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

  // MARK: contrastive alignment

  /// - Parameter peers: who has the other pairs; nil when this part's pairs are to be alone
  private func alignment(
    _ u: Tensor, part: (first: Int, pairs: Int), among peers: Peers?, temperature: Float,
    duplicates: (@Sendable (Int, Int) -> Bool)?, scale: Float, du: Tensor?, gradients: Parameters?
  ) throws(Failure) -> Double {
    guard let heads = parameters.heads else { return 0 }
    let rows = u.rows, pairs = rows / 2
    let (hidden, dHidden) = (hidden.prefix(rows), dHidden.prefix(rows))
    let (n, dn, lengths) = (projected.prefix(rows), dProjected.prefix(rows), lengths.prefix(rows))
    let width = n.columns
    // b of the M pairs are here; in the matrices they begin at column `first`, in the batch `shift` further on.
    let columns = peers == nil ? pairs : part.pairs
    let first = peers == nil ? 0 : part.first, shift = part.first - first
    let halves = [n.rows(0..<pairs), n.rows(pairs..<rows)]
    let scores = scores.map { $0.slice(from: 0, rows: pairs, columns: columns) }
    let statistics = statistics.map { $0.prefix(pairs) }

    // forward
    // 1 p(u) = W2 relu(W1 u + b1) + b2, for both sides at once; n its unit vector
    compute.pack(transposing: heads.project1.weight, into: project1)
    compute.linear(u, project1, bias: heads.project1.bias, into: hidden)
    compute.relu(hidden, into: hidden)
    compute.pack(transposing: heads.project2.weight, into: project2)
    compute.linear(hidden, project2, bias: heads.project2.bias, into: n)
    compute.normalizeRows(n, into: n, lengths: lengths)
    // 2 s = n_u n_vᵀ / T: side 0 has a row for every source here, side 1 for every target here
    var all = halves
    if let peers {
      all = everyone.map { $0.prefix(columns) }
      for side in 0..<2 { try peers.gather(halves[side], into: all[side]) }
    }
    let packed = packedRows.resized(rows: width, columns: columns, on: compute)
    for side in 0..<2 {
      compute.pack(transposing: all[1 - side], into: packed)
      compute.linear(halves[side], packed, into: scores[side])
      compute.scale(scores[side], by: 1 / temperature)
    }
    // 3 the loss: the softmax of the rows, and of the columns, which are rows of the other side
    var excluded: (@Sendable (Int, Int) -> Bool)?
    if let duplicates { excluded = { row, column in duplicates(shift + first + row, shift + column) } }
    var total = 0.0
    for side in 0..<2 {
      total += compute.pairStatistics(scores[side], first: first, excluded: excluded, into: statistics[side])
    }

    // backward
    if let du, let g = gradients?.heads {
      // 3 the gradient takes the scores' place
      var known = statistics
      if let peers {
        known = everyStatistics.map { $0.prefix(columns) }
        for side in 0..<2 { try peers.gather(statistics[side], into: known[side]) }
      }
      let others = columnStatistics.slice(from: 0, rows: 2, columns: columns)
      for side in 0..<2 {
        compute.transpose(known[1 - side], into: others)
        compute.pairGradient(
          scores[side], first: first, statistics: statistics[side], columnStatistics: others,
          factor: scale / temperature / Float(2 * part.pairs))
      }
      // 2 s = n_u n_vᵀ / T (the 1/T is in the factor)
      let packed = packedRows.resized(rows: columns, columns: width, on: compute)
      for side in 0..<2 {
        compute.pack(all[1 - side], into: packed)
        compute.linear(scores[side], packed, into: dn.rows(side * pairs..<(side + 1) * pairs))
      }
      // 1 p(u)
      compute.normalizeRowsBackward(n, dn, lengths: lengths, into: dn)
      compute.linearBackward(
        dn, hidden, dWeight: g.project2.weight, dBias: g.project2.bias, workspace: packedRows)
      compute.pack(heads.project2.weight, into: dProject2)
      compute.linear(dn, dProject2, into: dHidden)
      compute.reluBackward(hidden, dHidden, into: dHidden)
      compute.linearBackward(
        dHidden, u, dWeight: g.project1.weight, dBias: g.project1.bias, workspace: packedRows)
      compute.pack(heads.project1.weight, into: dProject1)
      compute.linear(dHidden, dProject1, into: du, accumulating: true)
    }
    return total / Double(2 * part.pairs)
  }
}
