import Base
import Kernels

extension Teachers {
  /// Rows that the directions are found from; more would not change them by anything that matters.
  private static let sample = 1 << 16

  /// Fills a head's weight [T, d] with the d principal directions of the teacher's rows, as columns of length 1.
  ///
  /// Not centred: what is kept are the rows' inner products. From at most 65,536 rows, evenly spaced over all files.
  /// - Throws: `Failure` when there are fewer directions than d.
  func principalDirections(into weight: Tensor) throws(Failure) {
    let (width, d) = (weight.rows, weight.columns)
    let second = Tensor(rows: width, columns: width)
    let all = files.values.sorted { $0.path < $1.path }
    let total = all.reduce(0) { $0 + $1.rows.rows }
    let stride = max(1, total / Self.sample)
    for file in all {
      let index = Swift.stride(from: 0, to: file.rows.rows, by: stride).map { Int32($0) }
      var start = 0
      while start < index.count {
        let block = Array(index[start..<min(index.count, start + 4096)])
        let x = Tensor(rows: block.count, columns: width)
        compute.gather(file.rows, block, unit: true, into: x)
        let exact = Compute(threads: compute.threads, simd: compute.simd) ?? compute
        exact.linearBackward(
          x, x, dWeight: second, dBias: nil, workspace: PackedMatrix(rows: block.count, columns: width, on: exact))
        start += block.count
      }
    }
    var matrix = second.array.map(Double.init)
    let (values, vectors) = symmetricEigen(&matrix, width)
    let order = values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }
    guard let last = order.dropFirst(d - 1).first, values[last] > values[order[0]] * 1e-9 else {
      throw Failure(
        .badData, all.first?.path ?? "the teacher's rows",
        "lie in fewer than \(d) dimensions, the student's hidden_size",
        remedy: "use head: linear, a smaller hidden_size, or rows of more sentences")
    }
    weight.withMutableElements { elements in
      for k in 0..<d {
        // The sign is free: the largest element is positive.
        let column = (0..<width).map { vectors[order[k] * width + $0] }
        let largest = column.max { abs($0) < abs($1) } ?? 1
        for t in 0..<width { elements[t * d + k] = Float(largest < 0 ? -column[t] : column[t]) }
      }
    }
  }
}

/// Eigenvalues and vectors (row i for value i) of a symmetric matrix, by cyclic Jacobi rotations (Golub and Van Loan, Matrix
/// Computations, 8.5). Our own and not LAPACK's, because a run must start with the same bits on every machine.
///
/// - Parameter a: n x n; destroyed.
func symmetricEigen(_ a: inout [Double], _ n: Int) -> (values: [Double], vectors: [Double]) {
  var v = [Double](repeating: 0, count: n * n)
  for i in 0..<n { v[i * n + i] = 1 }
  unsafe a.withUnsafeMutableBufferPointer { a in
    unsafe v.withUnsafeMutableBufferPointer { v in
      for _ in 0..<30 {
        var off = 0.0, diagonal = 0.0
        for i in 0..<n {
          unsafe diagonal += a[i * n + i] * a[i * n + i]
          for j in 0..<i { unsafe off += a[i * n + j] * a[i * n + j] }
        }
        if off <= 1e-24 * diagonal { break }
        for p in 0..<n {
          for q in p + 1..<max(n, p + 1) {
            let apq = unsafe a[p * n + q]
            if abs(apq) <= 1e-300 { continue }
            let theta = unsafe (a[q * n + q] - a[p * n + p]) / (2 * apq)
            let t = (theta >= 0 ? 1.0 : -1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
            let c = 1 / (t * t + 1).squareRoot(), s = t * c
            // Rows p and q, then columns p and q, which by symmetry are copies of the rows.
            for k in 0..<n {
              let (x, y) = unsafe (a[p * n + k], a[q * n + k])
              unsafe a[p * n + k] = c * x - s * y
              unsafe a[q * n + k] = s * x + c * y
            }
            let (pp, pq) = unsafe (a[p * n + p], a[p * n + q])
            let (qp, qq) = unsafe (a[q * n + p], a[q * n + q])
            unsafe a[p * n + p] = c * pp - s * pq
            unsafe a[q * n + q] = s * qp + c * qq
            unsafe a[p * n + q] = 0
            unsafe a[q * n + p] = 0
            for k in 0..<n where k != p && k != q {
              unsafe a[k * n + p] = a[p * n + k]
              unsafe a[k * n + q] = a[q * n + k]
            }
            for k in 0..<n {
              let (x, y) = unsafe (v[p * n + k], v[q * n + k])
              unsafe v[p * n + k] = c * x - s * y
              unsafe v[q * n + k] = s * x + c * y
            }
          }
        }
      }
    }
  }
  return ((0..<n).map { a[$0 * n + $0] }, v)
}
