import CKernels

/// A table of words' rows, [V, D].
public enum WordTable: Sendable {
  /// Singles, taken as they are.
  case float(Tensor)
  /// Singles, each row rounded to whole numbers when it is looked up: what `int8` of the same table gives.
  case rounded(Tensor)
  /// Whole numbers with a factor a row.
  case int8(Int8Rows)

  /// D.
  public var columns: Int {
    switch self {
    case .float(let table), .rounded(let table): table.columns
    case .int8(let table): table.columns
    }
  }

  /// V.
  public var rows: Int {
    switch self {
    case .float(let table), .rounded(let table): table.rows
    case .int8(let table): table.rows
    }
  }
}

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
    embed(ids, segments, words: .float(words), positions: positions, into: x)
  }

  /// The same from a table of any kind.
  public func embed(_ ids: [Int32], _ segments: Segments, words: WordTable, positions: Tensor?, into x: Tensor) {
    let d = x.columns
    precondition(words.columns == d && positions?.columns ?? d == d)
    precondition(ids.count == segments.tokens && x.rows == ids.count)
    precondition(positions.map { segments.longest < $0.rows } ?? true)
    let size = words.rows
    unsafe parallelRows(segments.count, grain: 16, scratchFloats: ems_int8_ld(d) / 4) { sentences, scratch in
      for i in sentences {
        for t in segments.starts[i]..<segments.starts[i + 1] {
          let id = Int(ids[t])
          precondition(id >= 0 && id < size, "token id outside the vocabulary")
          let row = unsafe x.pointer + t * d
          switch words {
          case .float(let table): unsafe row.update(from: table.pointer + id * d, count: d)
          case .rounded(let table):
            let bytes = unsafe UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: Int8.self)
            var scale: Float = 0
            unsafe kernels.pointee.quantize(1, d, table.pointer + id * d, d, bytes, ems_int8_ld(d), &scale, nil)
            unsafe kernels.pointee.from_int8(d, scale, bytes, row)
          case .int8(let table): unsafe kernels.pointee.from_int8(d, table.scales.pointer[id], table.pointer(id), row)
          }
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
