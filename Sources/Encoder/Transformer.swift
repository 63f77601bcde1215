import Kernels

/// Tokens of several sentences side by side, without padding.
public struct TokenBatch: Sendable {
  /// N token ids.
  public var ids: [Int32]
  /// Which of them belong to which sentence.
  public var segments: Segments

  /// - Precondition: the segments cover the ids; no sentence is empty.
  public init(ids: [Int32], segments: Segments) {
    precondition(ids.count == segments.tokens)
    self.ids = ids
    self.segments = segments
  }

  /// One sentence an element.
  public init(_ sentences: [[Int32]]) {
    self.init(ids: Array(sentences.joined()), segments: Segments(lengths: sentences.map(\.count)))
  }
}

/// The weights of one layer packed for products from the right: W as Wᵀ for y = x Wᵀ.
package struct PackedLayer: Sendable {
  package let queryKeyValue: PackedMatrix, attentionOutput: PackedMatrix, up: PackedMatrix, down: PackedMatrix

  init(queryKeyValue: PackedMatrix, attentionOutput: PackedMatrix, up: PackedMatrix, down: PackedMatrix) {
    self.queryKeyValue = queryKeyValue
    self.attentionOutput = attentionOutput
    self.up = up
    self.down = down
  }

  package init(_ layer: LayerParameters, on compute: Compute) {
    func room(_ p: LinearParameters) -> PackedMatrix {
      PackedMatrix(rows: p.weight.columns, columns: p.weight.rows, on: compute)
    }
    queryKeyValue = room(layer.queryKeyValue)
    attentionOutput = room(layer.attentionOutput)
    up = room(layer.up)
    down = room(layer.down)
    pack(layer, on: compute)
  }

  package func pack(_ layer: LayerParameters, on compute: Compute) {
    compute.pack(transposing: layer.queryKeyValue.weight, into: queryKeyValue)
    compute.pack(transposing: layer.attentionOutput.weight, into: attentionOutput)
    compute.pack(transposing: layer.up.weight, into: up)
    compute.pack(transposing: layer.down.weight, into: down)
  }
}
