import CKernels

/// A matrix packed for the right-hand side of a product: panels of columns, each contiguous over the rows.
///
/// Packing costs one pass over the matrix. The encoder packs its weights once; training packs them every step.
public struct PackedMatrix: Sendable {
  /// Shape [K, N] of the matrix that was packed (or will be).
  public let rows: Int, columns: Int
  let storage: Storage
  fileprivate let panelWidth: Int
  fileprivate let precision: Compute.Precision

  /// Room for a packed [rows, columns] matrix.
  public init(rows: Int, columns: Int, on compute: Compute) {
    self.init(rows: rows, columns: columns, storage: Storage(count: ems_packed_size(rows, columns)), on: compute)
  }

  private init(rows: Int, columns: Int, storage: Storage, on compute: Compute) {
    self.rows = rows
    self.columns = columns
    self.storage = storage
    panelWidth = compute.panelWidth
    precision = compute.precision
  }

  /// The same room used for a smaller matrix.
  public func resized(rows: Int, columns: Int, on compute: Compute) -> PackedMatrix {
    precondition(ems_packed_size(rows, columns) <= storage.count)
    return PackedMatrix(rows: rows, columns: columns, storage: storage, on: compute)
  }

  var panels: Int { (columns + panelWidth - 1) / panelWidth }
}

extension Compute {
  /// Packs `matrix` [K, N].
  public func pack(_ matrix: Tensor, into packed: PackedMatrix) {
    precondition(matrix.rows == packed.rows && matrix.columns == packed.columns)
    pack(matrix, rowStride: matrix.columns, columnStride: 1, into: packed)
  }

  /// Packs the transpose of `matrix` [N, K]: a linear layer's weight as it is stored, ready for y = x Wᵀ.
  public func pack(transposing matrix: Tensor, into packed: PackedMatrix) {
    precondition(matrix.columns == packed.rows && matrix.rows == packed.columns)
    pack(matrix, rowStride: 1, columnStride: matrix.columns, into: packed)
  }

  private func pack(_ matrix: Tensor, rowStride: Int, columnStride: Int, into packed: PackedMatrix) {
    precondition(packed.panelWidth == panelWidth && packed.precision == precision)
    unsafe parallelRows(packed.panels, grain: 4) { panels, _ in
      let pack = unsafe precision == .bfloat16 ? kernels.pointee.pack_bf16 : kernels.pointee.pack
      unsafe pack?(
        packed.rows, packed.columns, matrix.pointer, rowStride, columnStride, packed.storage.base,
        panels.lowerBound, panels.upperBound)
    }
  }

  /// C[m, n] = A B (+ bias or + C) with B packed, at this compute's precision; strides as in CKernels.h.
  func multiply(
    rows m: Int, _ a: UnsafePointer<Float>, _ aRow: Int, _ aColumn: Int, _ b: PackedMatrix,
    _ c: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>?, accumulating: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    precondition(b.panelWidth == panelWidth && b.precision == precision)
    let gemm = unsafe precision == .bfloat16 ? kernels.pointee.gemm_bf16 : kernels.pointee.gemm
    unsafe gemm?(
      m, b.columns, b.rows, a, aRow, aColumn, b.storage.base, c, b.columns, bias, accumulating ? 1 : 0, scratch)
  }

  // MARK: forward

  /// y = x Wᵀ + b.
  ///
  /// - Parameters:
  ///   - x: [N, K]
  ///   - weight: packed [K, M]
  ///   - bias: [1, M] or nil
  ///   - y: [N, M]; with `accumulating` the product is added to what it holds (then without a bias).
  public func linear(
    _ x: Tensor, _ weight: PackedMatrix, bias: Tensor? = nil, into y: Tensor, accumulating: Bool = false
  ) {
    precondition(x.columns == weight.rows && y.columns == weight.columns && x.rows == y.rows)
    precondition(bias.map { $0.count == weight.columns && !accumulating } ?? true)
    unsafe parallelRows(x.rows, grain: 96, scratchFloats: ems_gemm_scratch()) { range, scratch in
      unsafe multiply(
        rows: range.count, x.pointer + range.lowerBound * x.columns, x.columns, 1, weight,
        y.pointer + range.lowerBound * y.columns, bias: bias?.pointer, accumulating: accumulating, scratch: scratch)
    }
  }

  // MARK: backward

  /// dW += dyᵀ x and db += Σ dy, for y = x Wᵀ + b. (dx += dy W is `linear` with W packed as it is.)
  ///
  /// - Parameters:
  ///   - dy: [N, M]
  ///   - x: [N, K]
  ///   - dWeight: [M, K]
  ///   - dBias: [1, M] or nil
  ///   - workspace: room for a packed [N, K]
  public func linearBackward(_ dy: Tensor, _ x: Tensor, dWeight: Tensor, dBias: Tensor?, workspace: PackedMatrix) {
    precondition(dy.rows == x.rows && dWeight.rows == dy.columns && dWeight.columns == x.columns)
    let packed = workspace.resized(rows: x.rows, columns: x.columns, on: self)
    pack(x, into: packed)
    let m = dy.columns
    // 96 rows of dW a part; small matrices are cut finer so that two threads have work.
    let grain = m >= 768 ? 96 : 48
    unsafe parallelRows(m, grain: grain, scratchFloats: ems_gemm_scratch()) { range, scratch in
      unsafe multiply(
        rows: range.count, dy.pointer + range.lowerBound, 1, m, packed, dWeight.pointer + range.lowerBound * x.columns,
        bias: nil, accumulating: true, scratch: scratch)
    }
    if let dBias { addColumnSums(of: dy, to: dBias) }
  }

  /// sums [1, M] += the sum of the rows of x [N, M], in row order.
  public func addColumnSums(of x: Tensor, to sums: Tensor) {
    precondition(sums.count == x.columns)
    unsafe parallelRows(x.columns, grain: 64) { range, _ in
      for i in 0..<x.rows {
        unsafe kernels.pointee.axpy(
          range.count, 1, x.pointer + i * x.columns + range.lowerBound, sums.pointer + range.lowerBound)
      }
    }
  }
}
