import CKernels

extension Compute {
  /// y = x · sigmoid(x), element by element; y may be x.
  public func swish(_ x: Tensor, into y: Tensor) {
    precondition(x.count == y.count)
    unsafe parallelRows(x.count, grain: 1 << 15) { range, _ in
      unsafe kernels.pointee.swish(range.count, x.pointer + range.lowerBound, y.pointer + range.lowerBound)
    }
  }

  /// dx = dy · swish′(x); dx may be dy.
  public func swishBackward(_ x: Tensor, _ dy: Tensor, into dx: Tensor) {
    precondition(x.count == dy.count && x.count == dx.count)
    unsafe parallelRows(x.count, grain: 1 << 15) { range, _ in
      unsafe kernels.pointee.swish_backward(
        range.count, x.pointer + range.lowerBound, dy.pointer + range.lowerBound, dx.pointer + range.lowerBound)
    }
  }

  /// y = swish(x Wᵀ + b) with each block of rows activated while it is in cache; x [N, K], y [N, M].
  public func linearSwish(_ x: Tensor, _ weight: PackedMatrix, bias: Tensor, into y: Tensor) {
    precondition(x.columns == weight.rows && y.columns == weight.columns && x.rows == y.rows)
    precondition(bias.count == weight.columns)
    unsafe parallelRows(x.rows, grain: 96, scratchFloats: ems_gemm_scratch()) { range, scratch in
      let block = unsafe y.pointer + range.lowerBound * y.columns
      unsafe multiply(
        rows: range.count, x.pointer + range.lowerBound * x.columns, x.columns, 1, weight, block, bias: bias.pointer,
        accumulating: false, scratch: scratch)
      unsafe kernels.pointee.swish(range.count * y.columns, block, block)
    }
  }
}
