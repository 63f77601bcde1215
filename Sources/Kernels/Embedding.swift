import CKernels

extension Compute {
  // MARK: forward

  /// x_t = words[id_t] + positions[1 + index of t in its sentence], or the word alone.
  ///
  /// - Parameters:
  ///   - ids: N token ids in 0 ..< V
  ///   - words: [V, D]
  ///   - positions: [P+1, D]; row 0 is padding; nil for none
  ///   - x: [N, D]
  public func embed(_ ids: [Int32], _ segments: Segments, words: Tensor, positions: Tensor?, into x: Tensor) {
    let d = x.columns
    precondition(words.columns == d && positions?.columns ?? d == d)
    precondition(ids.count == segments.tokens && x.rows == ids.count)
    precondition(positions.map { segments.longest < $0.rows } ?? true)
    unsafe parallelRows(segments.count, grain: 16) { sentences, _ in
      for i in sentences {
        for t in segments.starts[i]..<segments.starts[i + 1] {
          let id = Int(ids[t])
          precondition(id >= 0 && id < words.rows, "token id outside the vocabulary")
          let row = unsafe x.pointer + t * d
          unsafe row.update(from: words.pointer + id * d, count: d)
          if let positions {
            unsafe kernels.pointee.axpy(d, 1, positions.pointer + (t - segments.starts[i] + 1) * d, row)
          }
        }
      }
    }
  }

  // MARK: backward

  /// dWords[id_t] += dx_t and dPositions[...] += dx_t, in token order.
  public func embedBackward(
    _ dx: Tensor, _ ids: [Int32], _ segments: Segments, dWords: Tensor, dPositions: Tensor
  ) {
    let d = dx.columns
    precondition(dWords.columns == d && dPositions.columns == d && ids.count == dx.rows)
    // Cut by columns: every element is then added to by one thread, in token order.
    unsafe parallelRows(d, grain: 64) { columns, _ in
      for i in 0..<segments.count {
        for t in segments.starts[i]..<segments.starts[i + 1] {
          let row = unsafe dx.pointer + t * d + columns.lowerBound
          unsafe kernels.pointee.axpy(
            columns.count, 1, row, dWords.pointer + Int(ids[t]) * d + columns.lowerBound)
          unsafe kernels.pointee.axpy(
            columns.count, 1, row, dPositions.pointer + (t - segments.starts[i] + 1) * d + columns.lowerBound)
        }
      }
    }
  }
}
