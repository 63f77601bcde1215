import CKernels

/// What the factors of matrix products are rounded to. Everything but products is always in float32.
public enum Arithmetic: String, Sendable, Codable, CaseIterable {
  /// Factors and sums in float32.
  case float32
  /// Factors rounded to bfloat16, sums in float32: twice as fast where the processor has instructions for it.
  case bfloat16
  /// Factors rounded to whole numbers from -127 to 127, with a factor for each row of the left side and each column of the
  /// right; the sums are exact. Up to four times as fast as float32. Not for training.
  case int8
}

/// A matrix packed for the right-hand side of a product: panels of columns, each contiguous over the rows.
///
/// Packing costs one pass over the matrix. The encoder packs its weights once; training packs them every step.
public struct PackedMatrix: Sendable {
  /// Shape [K, N] of the matrix that was packed (or will be).
  public let rows: Int, columns: Int
  /// What its elements, and those of what it is multiplied with, are rounded to.
  public let arithmetic: Arithmetic
  let storage: Storage
  fileprivate let panelWidth: Int

  /// Room for a packed [rows, columns] matrix.
  ///
  /// - Parameter arithmetic: nil for that of the compute's precision.
  public init(rows: Int, columns: Int, arithmetic: Arithmetic? = nil, on compute: Compute) {
    let arithmetic = arithmetic ?? compute.precision.arithmetic
    let size = Self.size(rows, columns, arithmetic)
    self.init(rows: rows, columns: columns, storage: Storage(count: size), arithmetic, on: compute)
  }

  private init(rows: Int, columns: Int, storage: Storage, _ arithmetic: Arithmetic, on compute: Compute) {
    precondition(compute.supports(arithmetic), "this processor has no products in \(arithmetic)")
    self.rows = rows
    self.columns = columns
    self.storage = storage
    self.arithmetic = arithmetic
    panelWidth = compute.panelWidth(arithmetic)
  }

  private static func size(_ rows: Int, _ columns: Int, _ arithmetic: Arithmetic) -> Int {
    arithmetic == .int8 ? ems_int8_packed_size(rows, columns) : ems_packed_size(rows, columns)
  }

  /// The same room used for a smaller matrix.
  public func resized(rows: Int, columns: Int, on compute: Compute) -> PackedMatrix {
    precondition(Self.size(rows, columns, arithmetic) <= storage.count)
    return PackedMatrix(rows: rows, columns: columns, storage: storage, arithmetic, on: compute)
  }

  var panels: Int { (columns + panelWidth - 1) / panelWidth }

  /// Of bytes: the columns' factors, and the panels behind them.
  fileprivate var scales: UnsafeMutablePointer<Float> { unsafe storage.base }
  fileprivate var bytes: UnsafeMutablePointer<UInt8> {
    unsafe UnsafeMutableRawPointer(storage.base + ems_int8_columns(columns)).assumingMemoryBound(to: UInt8.self)
  }

  /// Floats of scratch memory for a product with this matrix of `count` rows on the left.
  func scratchFloats(rows count: Int) -> Int {
    if arithmetic == .int8 { return count * (ems_int8_ld(rows) / 4 + 2) }
    return ems_gemm_scratch()
  }
}

extension Compute {
  /// Whether the processor has products of that kind.
  public func supports(_ arithmetic: Arithmetic) -> Bool {
    unsafe arithmetic != .bfloat16 || kernels.pointee.gemm_bf16 != nil
  }

  func panelWidth(_ arithmetic: Arithmetic) -> Int {
    unsafe arithmetic == .int8 ? kernels.pointee.int8.pointee.panel_width : panelWidth
  }

  /// Packs `matrix` [K, N]; not in whole numbers.
  public func pack(_ matrix: Tensor, into packed: PackedMatrix) {
    precondition(matrix.rows == packed.rows && matrix.columns == packed.columns)
    pack(matrix, rowStride: matrix.columns, columnStride: 1, into: packed)
  }

  /// Packs the transpose of `matrix` [N, K]: a linear layer's weight as it is stored, ready for y = x Wᵀ.
  public func pack(transposing matrix: Tensor, into packed: PackedMatrix) {
    if packed.arithmetic == .int8 { return pack(transposing: quantize(matrix), into: packed) }
    precondition(matrix.columns == packed.rows && matrix.rows == packed.columns)
    pack(matrix, rowStride: 1, columnStride: matrix.columns, into: packed)
  }

  /// Packs the transpose of `matrix` [N, K] in whole numbers.
  public func pack(transposing matrix: Int8Rows, into packed: PackedMatrix) {
    precondition(matrix.columns == packed.rows && matrix.rows == packed.columns && packed.arithmetic == .int8)
    precondition(packed.panelWidth == panelWidth(.int8))
    let room = unsafe UnsafeMutableBufferPointer(start: packed.scales, count: ems_int8_columns(packed.columns))
    unsafe room.update(repeating: 0)
    unsafe packed.scales.update(from: matrix.scales.pointer, count: matrix.rows)
    unsafe parallelRows(packed.panels, grain: 4) { panels, _ in
      unsafe kernels.pointee.int8.pointee.pack(
        packed.rows, packed.columns, matrix.pointer(0), matrix.stride, packed.bytes, panels.lowerBound,
        panels.upperBound)
    }
  }

  private func pack(_ matrix: Tensor, rowStride: Int, columnStride: Int, into packed: PackedMatrix) {
    precondition(packed.panelWidth == panelWidth && packed.arithmetic != .int8)
    unsafe parallelRows(packed.panels, grain: 4) { panels, _ in
      let pack = unsafe packed.arithmetic == .bfloat16 ? kernels.pointee.pack_bf16 : kernels.pointee.pack
      unsafe pack?(
        packed.rows, packed.columns, matrix.pointer, rowStride, columnStride, packed.storage.base,
        panels.lowerBound, panels.upperBound)
    }
  }

  /// C[m, n] = A B (+ bias or + C) with B packed, in B's arithmetic; strides as in CKernels.h.
  ///
  /// - Parameter scratch: as many floats as B's `scratchFloats(rows:)` says.
  func multiply(
    rows m: Int, _ a: UnsafePointer<Float>, _ aRow: Int, _ aColumn: Int, _ b: PackedMatrix,
    _ c: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>?, accumulating: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    precondition(b.panelWidth == panelWidth(b.arithmetic))
    if b.arithmetic == .int8 {
      precondition(aColumn == 1 && !accumulating)
      let ld = ems_int8_ld(b.rows)
      let scales = unsafe scratch
      let sums = unsafe UnsafeMutableRawPointer(scratch + m).assumingMemoryBound(to: Int32.self)
      let bytes = unsafe UnsafeMutableRawPointer(scratch + 2 * m).assumingMemoryBound(to: Int8.self)
      unsafe kernels.pointee.quantize(m, b.rows, a, aRow, bytes, ld, scales, sums)
      unsafe kernels.pointee.int8.pointee.gemm(
        m, b.columns, b.rows, bytes, ld, scales, sums, b.bytes, b.scales, bias, c, b.columns)
      return
    }
    let gemm = unsafe b.arithmetic == .bfloat16 ? kernels.pointee.gemm_bf16 : kernels.pointee.gemm
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
    unsafe parallelRows(x.rows, grain: 96, scratchFloats: weight.scratchFloats(rows: 96)) { range, scratch in
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
