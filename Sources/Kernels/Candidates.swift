import CKernels

extension Compute {
  /// Rows brought to length 1, in the order of `indices`, [n, columns].
  package func unit(_ rows: UnitRows, _ indices: [Int]) -> Tensor {
    let result = Tensor(rows: indices.count, columns: rows.columns)
    unsafe parallelRows(indices.count, grain: 64) { range, _ in
      for i in range { unsafe rows.unit(indices[i], into: result.pointer + i * rows.columns, kernels) }
    }
    return result
  }

  /// The k best of given candidates for each query, by the same products as `nearest` between whole sides: the same bits,
  /// and the same order.
  ///
  /// - Precondition: the precision is float32.
  /// - Parameters:
  ///   - queries, vectors: finite rows of the same number of columns.
  ///   - rows: the queries.
  ///   - candidates: `rows.count * n` rows of `vectors`, no row twice for one query; -1 stands for none.
  /// - Returns: lists of length k; where there were fewer candidates, the rest has scores of -infinity and ids of -1.
  package func nearest(
    _ queries: UnitRows, _ rows: [Int], among candidates: [Int64], _ n: Int, of vectors: UnitRows, k: Int
  ) -> TopK {
    precondition(queries.columns == vectors.columns && candidates.count == rows.count * n && precision == .float32)
    var lists = TopK(rows: rows.count, k: k)
    let d = queries.columns
    let width = panelWidth
    let candidates = candidates.span
    unsafe lists.scores.withUnsafeMutableBufferPointer { scoreBuffer in
      unsafe lists.ids.withUnsafeMutableBufferPointer { idBuffer in
        let allScores = unsafe SharedPointer(scoreBuffer.baseAddress)
        let allIDs = unsafe SharedPointer(idBuffer.baseAddress)
        let candidates = SharedSpan(candidates)
        unsafe parallelRows(rows.count, grain: 64, scratchFloats: 2 * d + d * width + width) { range, scratch in
          let (query, vector, panel, products) = unsafe (
            scratch, scratch + d, scratch + 2 * d, scratch + 2 * d + d * width
          )
          for i in range {
            unsafe queries.unit(rows[i], into: query, kernels)
            let (scores, ids) = unsafe (allScores + i * k, allIDs + i * k)
            var column = 0
            var pending: [Int32] = []
            pending.reserveCapacity(width)
            func flush() {
              unsafe kernels.pointee.gemm(1, column, d, query, d, 1, panel, products, width, nil, 0, nil)
              for c in 0..<column { unsafe insert(products[c], pending[c], scores, ids, k) }
              pending.removeAll(keepingCapacity: true)
              column = 0
            }
            for p in i * n..<(i + 1) * n where candidates[p] >= 0 {
              if column == 0 { unsafe panel.update(repeating: 0, count: d * width) }
              unsafe vectors.unit(Int(candidates[p]), into: vector, kernels)
              for j in 0..<d { unsafe panel[j * width + column] = vector[j] }
              pending.append(Int32(candidates[p]))
              column += 1
              if column == width { flush() }
            }
            if column > 0 { flush() }
          }
        }
      }
    }
    return lists
  }
}

/// Puts a candidate where it belongs in a list of k: descending score, of equal scores the lower id first.
private func insert(
  _ score: Float, _ id: Int32, _ scores: UnsafeMutablePointer<Float>, _ ids: UnsafeMutablePointer<Int32>, _ k: Int
) {
  func isBehind(_ p: Int) -> Bool {
    unsafe ids[p] < 0 || score > scores[p] || (score == scores[p] && id < ids[p])
  }
  guard isBehind(k - 1) else { return }
  var p = k - 1
  while p > 0, isBehind(p - 1) {
    unsafe (scores[p], ids[p]) = (scores[p - 1], ids[p - 1])
    p -= 1
  }
  unsafe (scores[p], ids[p]) = (score, id)
}

/// A span that several threads read.
@safe private struct SharedSpan<Element>: @unchecked Sendable {
  // Sendable because it is only read, and used only while the span's owner waits.
  private let base: UnsafePointer<Element>?
  init(_ span: Span<Element>) { unsafe base = span.withUnsafeBufferPointer { $0.baseAddress } }
  subscript(i: Int) -> Element { unsafe base![i] }
}
