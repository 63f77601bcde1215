import Base
import Encoder
import Kernels

/// Following a teacher (Reimers and Gurevych 2020): the linear head to the teacher's width, forward and backward.
final class Distillation {
  private let head: LinearParameters
  private let isFrozen: Bool
  private let compute: Compute
  private var capacity = 0, columnCapacity = 0
  // One row a sentence: [2B, T].
  private var p = Tensor(rows: 0, columns: 0), n = Tensor(rows: 0, columns: 0), dn = Tensor(rows: 0, columns: 0)
  private var lengths = Tensor(rows: 0, columns: 0), losses = Tensor(rows: 0, columns: 0)
  // The sources' scores with all targets of the batch, [b, M].
  private var scores = Tensor(rows: 0, columns: 0)
  private var packedRows: PackedMatrix
  private let forward: PackedMatrix, backward: PackedMatrix

  /// Nil for parameters without this head.
  init?(_ parameters: Parameters, on compute: Compute) {
    guard let head = parameters.projection, parameters.heads.teacherWidth != nil else { return nil }
    self.head = head
    isFrozen = parameters.heads.teacherIsFrozen
    self.compute = compute
    (forward, backward) = compute.rooms(head.weight)
    packedRows = PackedMatrix(rows: 0, columns: 0, on: compute)
  }

  private func reserve(_ rows: Int, columns: Int) {
    if rows <= capacity, columns <= columnCapacity { return }
    let rows = max(rows, capacity), columns = max(columns, columnCapacity)
    (capacity, columnCapacity) = (rows, columns)
    let t = head.weight.rows, d = head.weight.columns
    (p, n, dn) = (
      Tensor(rows: rows, columns: t), Tensor(rows: rows, columns: t), Tensor(rows: rows, columns: t)
    )
    (lengths, losses) = (Tensor(rows: rows, columns: 1), Tensor(rows: rows, columns: 1))
    scores = Tensor(rows: rows, columns: columns)
    packedRows = PackedMatrix(rows: max(rows, columns, t), columns: max(t, d, columns), on: compute)
  }

  /// The loss and its gradients: the distances of the rows that are led, summed over the sides and averaged over the
  /// pairs, and the ranking's cross entropy.
  ///
  /// - Parameters:
  ///   - u: [sides · b, D]
  ///   - teacher: [M, T], the teacher's rows of the whole batch's targets; of length 1 for the cosine
  ///   - sides: 2 for pairs, 1 for sentences alone
  ///   - duplicates: of two pairs of the whole batch: those are no negatives of each other
  ///   - scale: factor of the gradients
  ///   - du: as u, added to; nil for evaluation
  func evaluate(
    _ u: Tensor, _ teacher: Tensor, sides: Int, _ place: BatchPlace, settings: DistillationSettings,
    duplicates: (@Sendable (Int, Int) -> Bool)?, scale: Float, du: Tensor?, gradients: Parameters?
  ) -> Double {
    let b = u.rows / sides, columns = teacher.rows
    precondition(columns == place.pairs && teacher.columns == head.weight.rows)
    reserve(u.rows, columns: columns)
    // The sides that are led; a sentence alone always is.
    let led = sides == 1 || settings.sides == .source ? 0..<1 : settings.sides == .target ? 1..<2 : 0..<2
    let ranks = settings.ranking > 0
    // The sources are needed for the ranking, whichever side is led.
    let used = (ranks ? 0 : led.lowerBound * b)..<led.upperBound * b
    let own = teacher.rows(place.first..<place.first + b)
    let (p, n, dn) = (p.prefix(used.count), n.prefix(used.count), dn.prefix(used.count))
    let lengths = lengths.prefix(used.count), losses = losses.prefix(used.count)
    func rows(_ tensor: Tensor, _ side: Int) -> Tensor {
      tensor.rows(side * b - used.lowerBound..<(side + 1) * b - used.lowerBound)
    }

    // forward
    // 1 p = W u + b, and n its unit vector
    compute.pack(transposing: head.weight, into: forward)
    compute.linear(u.rows(used), forward, bias: head.bias, into: p)
    compute.normalizeRows(p, into: n, lengths: lengths)
    // 2 the distance of every led row from its teacher's
    var total = 0.0
    for side in led {
      switch settings.loss {
      case .cosine:
        compute.rowProducts(rows(n, side), own, into: rows(losses, side))
        rows(losses, side).withElements { for i in $0.indices { total += 1 - Double($0[i]) } }
      case .mse:
        let difference = rows(dn, side)
        difference.copy(from: rows(p, side))
        compute.add(own, times: -1, to: difference)
        total += compute.sumOfSquares(difference) / Double(own.columns)
      }
    }
    // The cosines are with unit vectors, whatever the distance takes.
    var units = teacher
    if ranks, settings.loss == .mse {
      units = Tensor(rows: columns, columns: teacher.columns)
      compute.normalizeRows(teacher, into: units, lengths: Tensor(rows: columns, columns: 1))
    }
    // 3 the ranking: s = n tᵀ / temperature for the sources, and the cross entropy of each with its own target
    let s = scores.slice(from: 0, rows: b, columns: columns)
    if ranks {
      let packed = packedRows.resized(rows: teacher.columns, columns: columns, on: compute)
      compute.pack(transposing: units, into: packed)
      compute.linear(rows(n, 0), packed, into: s)
      compute.scale(s, by: 1 / settings.temperature)
      var excluded: (@Sendable (Int, Int) -> Bool)?
      let first = place.first
      if let duplicates { excluded = { row, column in duplicates(first + row, column) } }
      let factor = scale * settings.ranking / settings.temperature / Float(place.pairs)
      compute.crossEntropy(s, first: first, excluded: excluded, scale: factor, losses: losses.prefix(b))
      losses.prefix(b).withElements { for i in $0.indices { total += Double(settings.ranking) * Double($0[i]) } }
    }

    // backward
    if let du, let g = gradients?.projection {
      // 2, 3 with respect to n
      let factor = scale / Float(place.pairs)
      var differences: [(side: Int, rows: Tensor)] = []
      if settings.loss == .mse {
        // They were kept in dn, which is needed now.
        for side in led {
          let copy = Tensor(rows: b, columns: own.columns)
          copy.copy(from: rows(dn, side))
          differences.append((side, copy))
        }
      }
      dn.fill(0)
      if ranks {
        let packed = packedRows.resized(rows: columns, columns: teacher.columns, on: compute)
        compute.pack(units, into: packed)
        compute.linear(s, packed, into: rows(dn, 0))
      }
      if settings.loss == .cosine {
        for side in led { compute.add(own, times: -factor, to: rows(dn, side)) }
      }
      compute.normalizeRowsBackward(n, dn, lengths: lengths, into: dn)
      for (side, difference) in differences {
        compute.add(difference, times: 2 * factor / Float(own.columns), to: rows(dn, side))
      }
      // 1 p = W u + b
      if !isFrozen {
        compute.linearBackward(dn, u.rows(used), dWeight: g.weight, dBias: g.bias, workspace: packedRows)
      }
      compute.pack(head.weight, into: backward)
      compute.linear(dn, backward, into: du.rows(used), accumulating: true)
    }
    return total / Double(place.pairs)
  }
}
