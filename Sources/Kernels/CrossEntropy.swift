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

  // The symmetric in-batch loss (CE(rows, diagonal) + CE(columns, diagonal)) / 2 of the scores s_ij = cos(p(u_i), p(v_j)) / T
  // of M pairs, in two steps, for a block of b rows of the scores: those of the sources, or transposed, those of the
  // targets. What the blocks need of each other is two numbers a row, so they may lie in different processes.

  /// How the softmax of each row is to be had, and the rows' share of the loss.
  ///
  /// - Parameters:
  ///   - scores: [b, M]; those left out become -1e9
  ///   - first: the column of row 0's own pair; row i's is `first + i`
  ///   - excluded: says of row i and column j, j not the row's own, whether the pair is no negative (a duplicate)
  ///   - statistics: [b, 2] gets of every row the largest score m and 1 / Σ exp(s - m)
  /// - Returns: the sum over the rows of -log softmax at the row's own column.
  public func pairStatistics(
    _ scores: Tensor, first: Int, excluded: (@Sendable (Int, Int) -> Bool)?, into statistics: Tensor
  ) -> Double {
    let columns = scores.columns
    precondition(first >= 0 && first + scores.rows <= columns)
    precondition(statistics.rows == scores.rows && statistics.columns == 2)
    unsafe parallelRows(scores.rows, grain: 16) { rows, _ in
      for i in rows {
        let row = unsafe scores.pointer + i * columns
        if let excluded { for j in 0..<columns where j != first + i && excluded(i, j) { unsafe row[j] = -1e9 } }
        unsafe kernels.pointee.softmax_sum(
          columns, row, statistics.pointer + 2 * i, statistics.pointer + 2 * i + 1)
      }
    }
    var total = 0.0
    for i in 0..<scores.rows {
      total += Double(statistics[i, 0]) - Glibc.log(Double(statistics[i, 1])) - Double(scores[i, first + i])
    }
    return total
  }

  /// The gradient of the loss in place of the scores.
  ///
  /// - Parameters:
  ///   - scores: [b, M], as `pairStatistics` left them
  ///   - first: the column of row 0's own pair
  ///   - statistics: [b, 2], of the rows
  ///   - columnStatistics: [2, M], of the columns: of the transposed block's rows, transposed
  ///   - factor: of the gradient; 1 / (2 pairs) for the loss averaged over pairs
  public func pairGradient(
    _ scores: Tensor, first: Int, statistics: Tensor, columnStatistics: Tensor, factor: Float
  ) {
    let columns = scores.columns
    precondition(first >= 0 && first + scores.rows <= columns)
    precondition(statistics.rows == scores.rows && statistics.columns == 2)
    precondition(columnStatistics.rows == 2 && columnStatistics.columns == columns)
    unsafe parallelRows(scores.rows, grain: 16) { rows, _ in
      for i in rows {
        let row = unsafe scores.pointer + i * columns
        unsafe kernels.pointee.pair_gradient(
          columns, row, statistics.pointer[2 * i], statistics.pointer[2 * i + 1], columnStatistics.pointer,
          columnStatistics.pointer + columns, factor)
        unsafe row[first + i] -= 2 * factor
      }
    }
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

extension Compute {
  /// The cross entropy -log softmax(scores)_own of each row, and its gradient in place of the scores.
  ///
  /// - Parameters:
  ///   - scores: [b, M]; overwritten by scale · (softmax - one at the row's own column)
  ///   - first: the column of row 0's own; row i's is `first + i`
  ///   - excluded: says of row i and column j, j not the row's own, whether j is left out
  ///   - losses: [b, 1]
  public func crossEntropy(
    _ scores: Tensor, first: Int, excluded: (@Sendable (Int, Int) -> Bool)?, scale: Float, losses: Tensor
  ) {
    let columns = scores.columns
    precondition(first >= 0 && first + scores.rows <= columns && losses.count == scores.rows)
    unsafe parallelRows(scores.rows, grain: 16) { rows, _ in
      for i in rows {
        let row = unsafe scores.pointer + i * columns
        if let excluded { for j in 0..<columns where j != first + i && excluded(i, j) { unsafe row[j] = -1e9 } }
        let own = unsafe row[first + i]
        let logSum = unsafe kernels.pointee.softmax(columns, row)
        unsafe losses.pointer[i] = logSum - own
        unsafe kernels.pointee.axpy(columns, scale - 1, row, row)
        unsafe row[first + i] -= scale
      }
    }
  }
}
