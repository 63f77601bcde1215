import CKernels

extension Compute {
  // MARK: forward

  /// u_i = the mean of sentence i's rows of x; x [N, D], u [B, D].
  public func meanPool(_ x: Tensor, _ segments: Segments, into u: Tensor) {
    let d = x.columns
    precondition(u.rows == segments.count && u.columns == d && x.rows == segments.tokens)
    unsafe parallelRows(segments.count, grain: 16) { sentences, _ in
      for i in sentences {
        unsafe kernels.pointee.mean_rows(
          segments.length(i), d, x.pointer + segments.starts[i] * d, d, u.pointer + i * d)
      }
    }
  }

  // MARK: backward

  /// dx_t = du_i / T for every token t of sentence i.
  public func meanPoolBackward(_ du: Tensor, _ segments: Segments, into dx: Tensor) {
    let d = du.columns
    precondition(du.rows == segments.count && dx.rows == segments.tokens && dx.columns == d)
    dx.fill(0)
    unsafe parallelRows(segments.count, grain: 16) { sentences, _ in
      for i in sentences {
        let share = 1 / Float(segments.length(i))
        for t in segments.starts[i]..<segments.starts[i + 1] {
          unsafe kernels.pointee.axpy(d, share, du.pointer + i * d, dx.pointer + t * d)
        }
      }
    }
  }
}
