import Base
import Formats
import Kernels

/// The encoder's weights, ready for inference: the tables it looks up in, and its matrices packed for the kernels.
///
/// Shared by all workers; never changes.
public struct InferenceWeights: Sendable {
  /// A linear layer behind the pooling.
  struct Dense: Sendable {
    let packed: PackedMatrix, bias: Tensor?, activation: Activation

    init(weight: Tensor, bias: Tensor?, _ activation: Activation, on compute: Compute) {
      packed = PackedMatrix(rows: weight.columns, columns: weight.rows, on: compute)
      compute.pack(transposing: weight, into: packed)
      self.bias = bias
      self.activation = activation
    }
  }

  /// What makes rows of tokens out of words.
  enum Body: Sendable {
    case transformer(TransformerWeights)
    case lstm([LSTMWeights])
  }

  let configuration: Configuration
  let words: WordTable
  let body: Body
  let poolingWeight: Tensor?
  let dense: [Dense]

  /// Packs the matrices of `parameters`, which may be dropped afterwards but for the tables and vectors.
  public init(_ parameters: Parameters, on compute: Compute) {
    configuration = parameters.configuration
    words = .float(parameters.words)
    body = .transformer(
      TransformerWeights(
        positions: parameters.positions, embeddingNorm: parameters.embeddingNorm,
        layers: parameters.layers.map { TransformerWeights.Layer($0, on: compute) }, finalNorm: nil))
    poolingWeight = parameters.poolingWeight
    dense =
      parameters.configuration.projectionSize == nil
      ? []
      : parameters.projection.map { [Dense(weight: $0.weight, bias: $0.bias, .identity, on: compute)] } ?? []
  }

  /// Reads a model's weights, layer after layer: beside what is kept, one layer at a time is in memory.
  ///
  /// Of a float32 file the word table stays where it is, in the mapped file, so that only the rows of words that occur
  /// take memory, as does one of whole numbers; of another type it is converted.
  ///
  /// - Parameter arithmetic: of the layers' products. Layers behind the pooling are always computed in float32.
  /// - Throws: `Failure` when a tensor is missing.
  public init(_ model: ModelFolder, arithmetic: Arithmetic = .float32, on compute: Compute) throws(Failure) {
    try self.init(model.configuration, model.weights, arithmetic: arithmetic, on: compute)
  }

  /// Reads the weights of a configuration.
  ///
  /// - Parameter weights: holds every tensor of `configuration.schema()`.
  /// - Throws: `Failure` when a tensor is missing.
  package init(
    _ configuration: Configuration, _ weights: SafeTensors, arithmetic: Arithmetic = .float32, on compute: Compute
  ) throws(Failure) {
    let file = ModelFile(configuration, weights, arithmetic, on: compute)
    let layout = configuration.layout
    self.configuration = configuration
    words = try file.words()
    if layout.lstmInputSize != nil {
      var layers: [LSTMWeights] = []
      for i in 0..<configuration.numHiddenLayers {
        layers.append(try LSTMWeights(file, layer: i))
        weights.dropFromMemory()
      }
      body = .lstm(layers)
    } else {
      let positions = try file.copy(ModelName.positions)
      let embeddingNorm = layout.embeddingNorm ? try file.norm(ModelName.embeddingNorm) : nil
      var layers: [TransformerWeights.Layer] = []
      for i in 0..<configuration.numHiddenLayers {
        layers.append(try TransformerWeights.Layer(file, i))
        // The file's pages that were just packed are not needed again.
        weights.dropFromMemory()
      }
      let finalNorm = layout.finalNorm ? try file.norm(ModelName.finalNorm) : nil
      body = .transformer(
        TransformerWeights(positions: positions, embeddingNorm: embeddingNorm, layers: layers, finalNorm: finalNorm))
    }
    poolingWeight = configuration.pooling == .weighted ? try file.tensor(ModelName.poolingWeight) : nil
    var dense: [Dense] = []
    for (i, layer) in layout.dense.enumerated() {
      let name = ModelName.dense(i)
      let weight = try file.tensor("\(name).weight")
      let bias = layer.bias ? try file.tensor("\(name).bias") : nil
      dense.append(Dense(weight: weight, bias: bias, layer.activation, on: compute))
    }
    if configuration.projectionSize != nil {
      let projection = try file.linear(ModelName.projection)
      dense.append(Dense(weight: projection.weight, bias: projection.bias, .identity, on: compute))
    }
    self.dense = dense
  }
}

/// The tensors of a model folder.
struct ModelFile: TensorSource {
  private let weights: SafeTensors
  private let slots: [String: [ModelTensor]]
  private let arithmetic: Arithmetic
  private let compute: Compute

  init(_ configuration: Configuration, _ weights: SafeTensors, _ arithmetic: Arithmetic, on compute: Compute) {
    self.weights = weights
    self.arithmetic = arithmetic
    self.compute = compute
    slots = Dictionary(grouping: configuration.schema(), by: \.slot)
  }

  /// A slot of one matrix is a view of the mapped file where that holds float32; vectors and what is stacked are copied.
  func tensor(_ slot: String) throws(Failure) -> Tensor {
    let inside = slots[slot] ?? []
    if let only = inside.first, inside.count == 1 {
      return only.shape.shape.count == 1 ? try copy(slot) : try weights.tensor(only.name)
    }
    return try copy(slot)
  }

  /// The matrix of a slot, packed for the layers' products.
  func packed(_ slot: String) throws(Failure) -> PackedMatrix {
    if let rows = try int8Rows(slot) {
      let packed = PackedMatrix(rows: rows.columns, columns: rows.rows, arithmetic: arithmetic, on: compute)
      if arithmetic == .int8 {
        compute.pack(transposing: rows, into: packed)
      } else {
        compute.pack(transposing: compute.dequantize(rows), into: packed)
      }
      return packed
    }
    let matrix = try tensor(slot)
    let packed = PackedMatrix(rows: matrix.columns, columns: matrix.rows, arithmetic: arithmetic, on: compute)
    compute.pack(transposing: matrix, into: packed)
    return packed
  }

  /// The word table. In whole numbers a float one is rounded row by row, so that rows are those of the quantised model.
  func words() throws(Failure) -> WordTable {
    if let rows = try int8Rows(ModelName.words) { return .int8(rows) }
    let table = try tensor(ModelName.words)
    return arithmetic == .int8 ? .rounded(table) : .float(table)
  }

  /// The whole numbers of a slot, in the mapped file if they are one tensor; nil if it holds floats.
  private func int8Rows(_ slot: String) throws(Failure) -> Int8Rows? {
    var parts: [Int8Rows] = []
    for tensor in slots[slot] ?? [] {
      let entry = try weights.entry(tensor.name)
      if entry.type != .int8 { return nil }
      parts.append(
        unsafe Int8Rows(
          viewing: weights.pointer(of: entry), rows: entry.shape[0], columns: entry.shape[1],
          scales: try weights.copy(tensor.scale.name), owner: weights))
    }
    return parts.count == 1 ? parts[0] : Int8Rows(joining: parts)
  }

  func copy(_ slot: String) throws(Failure) -> Tensor {
    let inside = slots[slot] ?? []
    guard let first = inside.first else {
      throw Failure(.software, weights.path, "the schema has no slot \(slot)")
    }
    let isVector = first.shape.shape.count == 1
    let count = inside.reduce(0) { $0 + $1.shape.count }
    let columns = isVector ? count : first.shape.shape[1]
    let all = Tensor(rows: columns == 0 ? 0 : count / columns, columns: columns)
    var offset = 0
    for entry in inside {
      try weights.copy(entry.name, into: all.slice(from: offset, rows: 1, columns: entry.shape.count))
      offset += entry.shape.count
    }
    return all
  }
}

extension SafeTensors {
  /// A float tensor as a matrix (vectors as one row): a view of the mapped file if it holds float32, else a copy.
  fileprivate func tensor(_ name: String) throws(Failure) -> Tensor {
    let entry = try entry(name)
    guard entry.type == .float32, isAligned(entry) else { return try copy(name) }
    let columns = entry.shape.last ?? 1
    return unsafe Tensor(
      viewing: pointer(of: entry), rows: columns == 0 ? 0 : entry.count / columns, columns: columns, owner: self)
  }

  /// A float tensor as a matrix, in the mapped file where that holds float32.
  func matrix(_ name: String) throws(Failure) -> Tensor { try tensor(name) }

  /// The first element of a tensor of bytes that is not in a range; nil if all are.
  func firstOutside(_ entry: Entry, _ range: ClosedRange<Int8>) -> Int? {
    let bytes = bytes(of: entry)
    return (0..<entry.count).first { !range.contains(bytes.number(at: $0, as: Int8.self)) }
  }

  /// A float tensor converted to single precision in memory of its own.
  fileprivate func copy(_ name: String) throws(Failure) -> Tensor {
    let entry = try entry(name)
    let columns = entry.shape.last ?? 1
    let tensor = Tensor(rows: columns == 0 ? 0 : entry.count / columns, columns: columns)
    try copy(name, into: tensor)
    return tensor
  }

  fileprivate func copy(_ name: String, into tensor: Tensor) throws(Failure) {
    var failure: Failure?
    tensor.withMutableElements { elements in
      do throws(Failure) { try copyFloats(name, into: &elements) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
