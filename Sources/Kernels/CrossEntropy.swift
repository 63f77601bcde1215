import CKernels
import Glibc

/// Bags of token ids: the targets of token-level reconstruction. Row i has the distinct ids `ids[starts[i] ..< starts[i+1]]`,
/// each with the probability `share[i]`.
public struct TokenBags: Sendable {
  /// The distinct ids of all rows, row after row, ascending within a row.
  public var ids: [Int32] = []
  /// Where each row's ids begin, and at last the end.
  public var starts: [Int] = [0]
  /// The probability of each id of a row.
  public var share: [Float] = []

  /// No rows.
  public init() {}

  /// Appends a row: 1/n for each distinct id of a sentence of n tokens. A repeated id counts once, so such a row sums to
  /// less than 1 (as in the reference).
  public mutating func append(_ sentence: some Sequence<Int32>) {
    let start = ids.count
    ids.append(contentsOf: sentence)
    let n = ids.count - start
    ids[start...].sort()
    var end = start
    for i in start..<ids.count where i == start || ids[i] != ids[end - 1] {
      ids[end] = ids[i]
      end += 1
    }
    ids.removeLast(ids.count - end)
    starts.append(ids.count)
    share.append(1 / Float(n))
  }

  /// Number of rows.
  public var count: Int { share.count }
}

extension Compute {
  /// The reconstruction loss KL(bag || softmax(logits)) of each row, and its gradient in place of the logits.
  ///
  /// - Parameters:
  ///   - logits: [R, V]; overwritten by scale · d loss / d logits
  ///   - bags: the rows' targets are bags[first ..< first + R]
  ///   - scale: factor of the gradient
  ///   - losses: [R, 1] gets each row's loss, unscaled
  public func bagCrossEntropy(
    _ logits: Tensor, _ bags: TokenBags, first: Int, scale: Float, losses: Tensor
  ) {
    let v = logits.columns
    precondition(first + logits.rows <= bags.count && losses.count == logits.rows)
    unsafe parallelRows(logits.rows, grain: 4) { rows, _ in
      for i in rows {
        let row = unsafe logits.pointer + i * v
        let share = bags.share[first + i]
        let ids = bags.starts[first + i]..<bags.starts[first + i + 1]
        var picked: Double = 0
        for q in ids {
          precondition(bags.ids[q] >= 0 && Int(bags.ids[q]) < v, "token id outside the vocabulary")
          unsafe picked += Double(row[Int(bags.ids[q])])
        }
        let logSum = unsafe kernels.pointee.softmax(v, row)
        let mass = Double(ids.count) * Double(share)
        unsafe losses.pointer[i] = Float(
          mass * Glibc.log(Double(share)) - Double(share) * picked + mass * Double(logSum))
        let factor = scale * Float(mass)
        unsafe kernels.pointee.axpy(v, factor - 1, row, row)
        for q in ids { unsafe row[Int(bags.ids[q])] -= scale * share }
      }
    }
  }

  /// The symmetric in-batch loss (CE(rows, diagonal) + CE(columns, diagonal)) / 2 and its gradient in place of the scores.
  ///
  /// - Parameters:
  ///   - scores: [B, B], s_ij = cos(p(u_i), p(v_j)) / T; overwritten by scale · d loss / d s
  ///   - excluded: says of i ≠ j whether the pair is no negative (a duplicate of i's own partner)
  ///   - transposed: [B, B] workspace
  ///   - losses: [B, 1] workspace
  /// - Returns: the loss, unscaled.
  public func pairCrossEntropy(
    _ scores: Tensor, excluded: (@Sendable (Int, Int) -> Bool)?, scale: Float, transposed: Tensor, losses: Tensor
  ) -> Double {
    let b = scores.rows
    precondition(scores.columns == b && transposed.rows == b && transposed.columns == b && losses.count == b)
    if let excluded {
      unsafe parallelRows(b, grain: 16) { rows, _ in
        for i in rows { for j in 0..<b where i != j && excluded(i, j) { unsafe scores.pointer[i * b + j] = -1e9 } }
      }
    }
    transpose(scores, into: transposed)
    var total: Double = 0
    for side in [scores, transposed] {
      unsafe parallelRows(b, grain: 16) { rows, _ in
        for i in rows {
          let row = unsafe side.pointer + i * b
          let own = unsafe row[i]
          let logSum = unsafe kernels.pointee.softmax(b, row)
          unsafe losses.pointer[i] = logSum - own
          unsafe row[i] -= 1
        }
      }
      losses.withElements { values in for i in values.indices { total += Double(values[i]) } }
    }
    let factor = scale / Float(2 * b)
    unsafe parallelRows(b, grain: 16) { rows, _ in
      for i in rows {
        for j in 0..<b {
          unsafe scores.pointer[i * b + j] = factor * (scores.pointer[i * b + j] + transposed.pointer[j * b + i])
        }
      }
    }
    return total / Double(2 * b)
  }

  /// y = xᵀ.
  public func transpose(_ x: Tensor, into y: Tensor) {
    precondition(x.rows == y.columns && x.columns == y.rows)
    unsafe parallelRows(x.rows, grain: 32) { rows, _ in
      for j in 0..<x.columns {
        for i in rows { unsafe y.pointer[j * x.rows + i] = x.pointer[i * x.columns + j] }
      }
    }
  }
}
