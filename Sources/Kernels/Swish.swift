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
}
