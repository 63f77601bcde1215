import Base
import Encoder
import Kernels

/// Contrastive alignment (Mao et al. 2024, section III-C): the head's forward and backward.
final class Alignment {
  private let heads: AlignmentParameters
  private let hiddenSize: Int
  private let compute: Compute
  private var capacity = 0, columnCapacity = 0
  // One row a sentence: [2B, .]
  private var hidden = Tensor(rows: 0, columns: 0), dHidden = Tensor(rows: 0, columns: 0)
  private var projected = Tensor(rows: 0, columns: 0), dProjected = Tensor(rows: 0, columns: 0)
  private var lengths = Tensor(rows: 0, columns: 0)
  // A source's scores with all targets, and a target's with all sources: [b, M] each, and of each row two numbers.
  private var scores = [Tensor(rows: 0, columns: 0), Tensor(rows: 0, columns: 0)]
  private var statistics = [Tensor(rows: 0, columns: 0), Tensor(rows: 0, columns: 0)]
  // Of all ranks: the unit vectors of sources and targets, [M, .] each, and what belongs to the scores.
  private var everyone = [Tensor(rows: 0, columns: 0), Tensor(rows: 0, columns: 0)]
  private var everyStatistics = [Tensor(rows: 0, columns: 0), Tensor(rows: 0, columns: 0)]
  private var columnStatistics = Tensor(rows: 0, columns: 0)
  private var packedRows: PackedMatrix
  private let project1: PackedMatrix, dProject1: PackedMatrix, project2: PackedMatrix, dProject2: PackedMatrix

  /// Nil for parameters without this head.
  init?(_ parameters: Parameters, on compute: Compute) {
    guard let heads = parameters.alignment else { return nil }
    self.heads = heads
    self.compute = compute
    hiddenSize = parameters.configuration.hiddenSize
    (project1, dProject1) = compute.rooms(heads.project1.weight)
    (project2, dProject2) = compute.rooms(heads.project2.weight)
    packedRows = PackedMatrix(rows: 0, columns: 0, on: compute)
  }

  /// - Parameters:
  ///   - rows: sentences here, 2b
  ///   - columns: pairs whose scores are computed, M
  private func reserve(_ rows: Int, columns: Int) {
    if rows <= capacity, columns <= columnCapacity { return }
    let rows = max(rows, capacity), columns = max(columns, columnCapacity)
    (capacity, columnCapacity) = (rows, columns)
    func matrix(_ columns: Int) -> Tensor { Tensor(rows: rows, columns: columns) }
    (hidden, dHidden) = (matrix(hiddenSize), matrix(hiddenSize))
    (projected, dProjected) = (matrix(Configuration.alignmentSize), matrix(Configuration.alignmentSize))
    lengths = matrix(1)
    let pairs = (rows + 1) / 2
    scores = (0..<2).map { _ in Tensor(rows: pairs, columns: columns) }
    statistics = (0..<2).map { _ in Tensor(rows: pairs, columns: 2) }
    everyone = (0..<2).map { _ in Tensor(rows: columns, columns: Configuration.alignmentSize) }
    everyStatistics = (0..<2).map { _ in Tensor(rows: columns, columns: 2) }
    columnStatistics = Tensor(rows: 2, columns: columns)
    packedRows = PackedMatrix(
      rows: max(rows, columns, Configuration.alignmentSize),
      columns: max(hiddenSize, columns, Configuration.alignmentSize),
      on: compute)
  }

  /// The loss of 2b sentences, the mean of both directions over the pairs, and its gradients.
  ///
  /// - Parameters:
  ///   - u: [2b, D]
  ///   - peers: who has the other pairs; nil when this part's pairs are to be alone
  ///   - duplicates: of two pairs of the whole batch
  ///   - scale: factor of the gradients
  ///   - du: [2b, D], added to; nil for evaluation
  func evaluate(
    _ u: Tensor, _ place: BatchPlace, among peers: Peers?, temperature: Float,
    duplicates: (@Sendable (Int, Int) -> Bool)?, scale: Float, du: Tensor?, gradients: Parameters?
  ) throws(Failure) -> Double {
    let peers = peers.flatMap { $0.size > 1 ? $0 : nil }
    let rows = u.rows, pairs = rows / 2
    reserve(rows, columns: peers == nil ? pairs : place.pairs)
    let (hidden, dHidden) = (hidden.prefix(rows), dHidden.prefix(rows))
    let (n, dn, lengths) = (projected.prefix(rows), dProjected.prefix(rows), lengths.prefix(rows))
    let width = n.columns
    // b of the M pairs are here; in the matrices they begin at column `first`, in the batch `shift` further on.
    let columns = peers == nil ? pairs : place.pairs
    let first = peers == nil ? 0 : place.first, shift = place.first - first
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
    if let du, let g = gradients?.alignment {
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
          factor: scale / temperature / Float(2 * place.pairs))
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
    return total / Double(2 * place.pairs)
  }
}
