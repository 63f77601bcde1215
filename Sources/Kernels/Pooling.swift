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

  /// u_i = the largest of sentence i's rows of x, element by element; x [N, D], u [B, D].
  public func maxPool(_ x: Tensor, _ segments: Segments, into u: Tensor) {
    let d = x.columns
    precondition(u.rows == segments.count && u.columns == d && x.rows == segments.tokens)
    unsafe parallelRows(segments.count, grain: 16) { sentences, _ in
      for i in sentences {
        unsafe kernels.pointee.max_rows(
          segments.length(i), d, x.pointer + segments.starts[i] * d, d, u.pointer + i * d)
      }
    }
  }

  /// u_i = the sum of sentence i's rows of x over the square root of their number; x [N, D], u [B, D].
  public func rootMeanPool(_ x: Tensor, _ segments: Segments, into u: Tensor) {
    meanPool(x, segments, into: u)
    for i in 0..<segments.count {
      scale(u.rows(i..<i + 1), by: Float(segments.length(i)).squareRoot())
    }
  }

  /// u_i = Σ t x_t / Σ t, t = 1, 2, ... the place of a token in its sentence; x [N, D], u [B, D].
  public func placePool(_ x: Tensor, _ segments: Segments, into u: Tensor) {
    let d = x.columns
    precondition(u.rows == segments.count && u.columns == d && x.rows == segments.tokens)
    unsafe parallelRows(segments.count, grain: 16) { sentences, _ in
      for i in sentences {
        let n = segments.length(i)
        let row = unsafe u.pointer + i * d
        unsafe row.update(repeating: 0, count: d)
        let whole = Float(n * (n + 1) / 2)
        for t in 0..<n {
          unsafe kernels.pointee.axpy(d, Float(t + 1) / whole, x.pointer + (segments.starts[i] + t) * d, row)
        }
      }
    }
  }

  /// u_i = the first or the last of sentence i's rows of x; x [N, D], u [B, D].
  public func endPool(_ x: Tensor, _ segments: Segments, last: Bool, into u: Tensor) {
    precondition(u.rows == segments.count && u.columns == x.columns && x.rows == segments.tokens)
    for i in 0..<segments.count {
      let token = last ? segments.starts[i + 1] - 1 : segments.starts[i]
      u.rows(i..<i + 1).copy(from: x.rows(token..<token + 1))
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
