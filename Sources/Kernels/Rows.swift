import CKernels

/// Small ops on the rows of matrices with one row a sentence.
extension Compute {
  // MARK: gather

  /// y_i = table[index_i]; table [L, E], y [B, E].
  public func gather(_ table: Tensor, _ index: [Int32], into y: Tensor) {
    let e = table.columns
    precondition(y.rows == index.count && y.columns == e)
    for (i, row) in index.enumerated() {
      precondition(row >= 0 && Int(row) < table.rows, "index outside the table")
      unsafe (y.pointer + i * e).update(from: table.pointer + Int(row) * e, count: e)
    }
  }

  /// dTable[index_i] += dy_i, in row order.
  public func scatter(_ dy: Tensor, _ index: [Int32], into dTable: Tensor) {
    let e = dTable.columns
    precondition(dy.rows == index.count && dy.columns == e)
    for (i, row) in index.enumerated() {
      precondition(row >= 0 && Int(row) < dTable.rows, "index outside the table")
      unsafe kernels.pointee.axpy(e, 1, dy.pointer + i * e, dTable.pointer + Int(row) * e)
    }
  }

  // MARK: concatenation

  /// z_i = [e_i ; u_i]: e [B, E], u [B, D], z [B, E+D].
  public func concatenate(_ e: Tensor, _ u: Tensor, into z: Tensor) {
    let (left, right) = (e.columns, u.columns)
    precondition(z.columns == left + right && z.rows == u.rows && e.rows == u.rows)
    for i in 0..<u.rows {
      let row = unsafe z.pointer + i * (left + right)
      unsafe row.update(from: e.pointer + i * left, count: left)
      unsafe (row + left).update(from: u.pointer + i * right, count: right)
    }
  }

  /// Columns from `column` on of z_i = u_i: u [B, D], z [B, at least column + D].
  public func copyColumns(of u: Tensor, into z: Tensor, at column: Int) {
    precondition(z.rows == u.rows && column >= 0 && column + u.columns <= z.columns)
    for i in 0..<u.rows {
      unsafe (z.pointer + i * z.columns + column).update(from: u.pointer + i * u.columns, count: u.columns)
    }
  }

  /// de_i = the first E of dz_i; du_i += the last D.
  public func concatenateBackward(_ dz: Tensor, de: Tensor, du: Tensor) {
    let (left, right) = (de.columns, du.columns)
    precondition(dz.columns == left + right && dz.rows == du.rows && de.rows == du.rows)
    for i in 0..<dz.rows {
      let row = unsafe dz.pointer + i * (left + right)
      unsafe (de.pointer + i * left).update(from: row, count: left)
      unsafe kernels.pointee.axpy(right, 1, row + left, du.pointer + i * right)
    }
  }

  // MARK: relu

  /// y = max(x, 0); y may be x.
  public func relu(_ x: Tensor, into y: Tensor) {
    precondition(x.count == y.count)
    unsafe parallelRows(x.count, grain: 1 << 15) { range, _ in
      for i in range { unsafe y.pointer[i] = max(x.pointer[i], 0) }
    }
  }

  /// dx = dy where the output y is positive, else 0; dx may be dy.
  public func reluBackward(_ y: Tensor, _ dy: Tensor, into dx: Tensor) {
    precondition(y.count == dy.count && y.count == dx.count)
    unsafe parallelRows(y.count, grain: 1 << 15) { range, _ in
      for i in range { unsafe dx.pointer[i] = y.pointer[i] > 0 ? dy.pointer[i] : 0 }
    }
  }

  // MARK: unit length

  /// y_i = x_i / max(|x_i|, 1e-8), as in PyTorch's cosine similarity; lengths [B, 1] keeps the divisors. y may be x.
  public func normalizeRows(_ x: Tensor, into y: Tensor, lengths: Tensor) {
    let d = x.columns
    precondition(y.rows == x.rows && y.columns == d && lengths.count == x.rows)
    unsafe parallelRows(x.rows, grain: 64) { rows, _ in
      for i in rows {
        let row = unsafe x.pointer + i * d
        let length = unsafe max(Float(kernels.pointee.sum_squares(d, row).squareRoot()), 1e-8)
        unsafe lengths.pointer[i] = length
        for j in 0..<d { unsafe y.pointer[i * d + j] = row[j] / length }
      }
    }
  }

  /// dx_i = (dy_i - y_i (y_i · dy_i)) / |x_i|; dx may be dy.
  public func normalizeRowsBackward(_ y: Tensor, _ dy: Tensor, lengths: Tensor, into dx: Tensor) {
    let d = y.columns
    precondition(dy.rows == y.rows && dx.rows == y.rows && dx.columns == d && dy.columns == d)
    unsafe parallelRows(y.rows, grain: 64) { rows, _ in
      for i in rows {
        let (yi, di, xi) = unsafe (y.pointer + i * d, dy.pointer + i * d, dx.pointer + i * d)
        let along = unsafe kernels.pointee.dot(d, yi, di)
        let inverse = unsafe 1 / lengths.pointer[i]
        for j in 0..<d { unsafe xi[j] = (di[j] - yi[j] * along) * inverse }
      }
    }
  }

  /// y_i = a_i · b_i; a and b [B, D], y [B, 1].
  public func rowProducts(_ a: Tensor, _ b: Tensor, into y: Tensor) {
    let d = a.columns
    precondition(a.rows == b.rows && b.columns == d && y.count == a.rows)
    unsafe parallelRows(a.rows, grain: 64) { rows, _ in
      for i in rows { unsafe y.pointer[i] = kernels.pointee.dot(d, a.pointer + i * d, b.pointer + i * d) }
    }
  }

  // MARK: sums

  /// x *= a.
  public func scale(_ x: Tensor, by a: Float) {
    unsafe parallelRows(x.count, grain: 1 << 15) { range, _ in
      for i in range { unsafe x.pointer[i] *= a }
    }
  }

  /// y += a x, element by element.
  public func add(_ x: Tensor, times a: Float = 1, to y: Tensor) {
    precondition(x.count == y.count)
    unsafe parallelRows(x.count, grain: 1 << 15) { range, _ in
      unsafe kernels.pointee.axpy(range.count, a, x.pointer + range.lowerBound, y.pointer + range.lowerBound)
    }
  }

  /// x = 0, on all threads: for blocks of many megabytes.
  public func clear(_ x: Tensor) {
    unsafe parallelRows(x.count, grain: 1 << 18) { range, _ in
      unsafe (x.pointer + range.lowerBound).update(repeating: 0, count: range.count)
    }
  }

  /// Σ x², accumulated in double in a fixed order.
  public func sumOfSquares(_ x: Tensor) -> Double {
    let grain = 1 << 16
    let parts = (x.count + grain - 1) / grain
    let partial = Storage(count: 2 * max(parts, 1))
    unsafe parallelRows(x.count, grain: grain) { range, _ in
      let sum = unsafe kernels.pointee.sum_squares(range.count, x.pointer + range.lowerBound)
      unsafe UnsafeMutableRawPointer(partial.base).storeBytes(
        of: sum, toByteOffset: range.lowerBound / grain * 8, as: Double.self)
    }
    var total = 0.0
    for part in 0..<parts {
      total += unsafe UnsafeRawPointer(partial.base).load(fromByteOffset: part * 8, as: Double.self)
    }
    return total
  }
}
