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

// The mean of a sentence's tokens, each weighted by what its piece of the vocabulary weighs:
// share_t = exp(w[id_t]) / Σ exp(w[id_s]) over the sentence, u_i = Σ share_t x_t.
extension Compute {
  /// - Parameters:
  ///   - x: [N, D]
  ///   - ids: N pieces
  ///   - logWeights: w, [1, V]
  ///   - shares: at least N floats; the first N get share_t, which the backward pass needs
  ///   - u: [B, D]
  public func weightedPool(
    _ x: Tensor, _ segments: Segments, ids: [Int32], logWeights: Tensor, shares: Tensor, into u: Tensor
  ) {
    let d = x.columns
    precondition(u.rows == segments.count && u.columns == d && x.rows == segments.tokens)
    precondition(ids.count == x.rows && shares.count >= x.rows)
    unsafe parallelRows(segments.count, grain: 16) { sentences, _ in
      for i in sentences {
        let tokens = segments.starts[i]..<segments.starts[i + 1]
        for t in tokens {
          precondition(ids[t] >= 0 && Int(ids[t]) < logWeights.count, "token id outside the vocabulary")
          unsafe shares.pointer[t] = logWeights.pointer[Int(ids[t])]
        }
        _ = unsafe kernels.pointee.softmax(tokens.count, shares.pointer + tokens.lowerBound)
        let row = unsafe u.pointer + i * d
        unsafe row.update(repeating: 0, count: d)
        for t in tokens { unsafe kernels.pointee.axpy(d, shares.pointer[t], x.pointer + t * d, row) }
      }
    }
  }

  /// dx_t = share_t du_i, and dw[id_t] += share_t (x_t - u_i) · du_i, in token order.
  ///
  /// - Parameters:
  ///   - x, u, shares: of the forward pass
  ///   - dx: [N, D], not x
  ///   - dLogWeights: [1, V]
  public func weightedPoolBackward(
    _ du: Tensor, x: Tensor, u: Tensor, _ segments: Segments, ids: [Int32], shares: Tensor, into dx: Tensor,
    dLogWeights: Tensor
  ) {
    let d = du.columns
    precondition(du.rows == segments.count && dx.rows == segments.tokens && dx.columns == d && x.columns == d)
    let perToken = Storage(count: segments.tokens)
    unsafe parallelRows(segments.count, grain: 16) { sentences, _ in
      for i in sentences {
        let row = unsafe du.pointer + i * d
        let mean = unsafe kernels.pointee.dot(d, u.pointer + i * d, row)
        for t in segments.starts[i]..<segments.starts[i + 1] {
          let share = unsafe shares.pointer[t]
          unsafe perToken.base[t] = share * (kernels.pointee.dot(d, x.pointer + t * d, row) - mean)
          let out = unsafe dx.pointer + t * d
          for j in 0..<d { unsafe out[j] = share * row[j] }
        }
      }
    }
    for t in 0..<segments.tokens { unsafe dLogWeights.pointer[Int(ids[t])] += perToken.base[t] }
  }
}
