import CKernels

extension Compute {
  /// One direction of an LSTM layer over every sentence of a batch, each from a state of zeros.
  ///
  /// What the tokens give to the gates is a product over all tokens at once; what the step before gives is one product a
  /// step over all sentences that are that long. A sentence's rows depend on that sentence alone.
  ///
  /// - Parameters:
  ///   - inputs: [N, 4H], W x + b of every token, gates side by side in the order input, forget, cell, output
  ///   - recurrent: packed [H, 4H], the transpose of the weight of the step before
  ///   - order: the sentences, longest first
  ///   - reversed: whether it runs from the last token to the first
  ///   - state: [B, 6H] at least, for the steps
  ///   - y: [N, W]; columns from `column` on, H of them, are written
  public func lstm(
    _ inputs: Tensor, _ segments: Segments, recurrent: PackedMatrix, order: [Int], reversed: Bool, state: Tensor,
    into y: Tensor, column: Int
  ) {
    let h = recurrent.rows
    let sentences = segments.count
    precondition(inputs.columns == 4 * h && recurrent.columns == 4 * h && inputs.rows == segments.tokens)
    precondition(y.rows == segments.tokens && column >= 0 && column + h <= y.columns)
    precondition(order.count == sentences && state.count >= sentences * 6 * h)
    let output = state.slice(from: 0, rows: sentences, columns: h)
    let cell = state.slice(from: sentences * h, rows: sentences, columns: h)
    let gates = state.slice(from: 2 * sentences * h, rows: sentences, columns: 4 * h)
    output.fill(0)
    cell.fill(0)
    var active = sentences
    for step in 0..<segments.longest {
      while active > 0, segments.length(order[active - 1]) <= step { active -= 1 }
      let now = active
      linear(output.prefix(now), recurrent, into: gates.prefix(now))
      unsafe parallelRows(now, grain: 16) { rows, _ in
        for i in rows {
          let sentence = order[i]
          let token =
            segments.starts[sentence] + (reversed ? segments.length(sentence) - 1 - step : step)
          unsafe kernels.pointee.lstm_cell(
            h, inputs.pointer + token * 4 * h, gates.pointer + i * 4 * h, cell.pointer + i * h,
            output.pointer + i * h, y.pointer + token * y.columns + column)
        }
      }
    }
  }
}
