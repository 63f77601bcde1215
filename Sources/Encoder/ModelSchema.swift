import Base
import Formats
import Kernels

/// Which heads a model has beside its encoder. They are dropped at inference.
public struct TrainingHeads: Sendable, Equatable {
  /// Cross-lingual token reconstruction: the language table, the transform and the decoder.
  public var reconstruction = false
  /// Contrastive alignment: the projection p(u).
  public var alignment = false
  /// Distillation: the width of the teacher's rows, to which a linear layer leads. Nil for none.
  public var teacherWidth: Int?
  /// Whether the layer to the teacher's width stays as it was made.
  public var teacherIsFrozen = false

  /// None.
  public static let none = TrainingHeads()
  /// The heads of the paper: reconstruction and alignment.
  public static let ems = TrainingHeads(reconstruction: true, alignment: true)

  /// Any combination.
  public init(
    reconstruction: Bool = false, alignment: Bool = false, teacherWidth: Int? = nil, teacherIsFrozen: Bool = false
  ) {
    self.reconstruction = reconstruction
    self.alignment = alignment
    self.teacherWidth = teacherWidth
    self.teacherIsFrozen = teacherIsFrozen
  }
}

/// One tensor of a model: what files call it, its shape, and what it is for.
public struct ModelTensor: Sendable, Equatable {
  /// What a tensor does, which decides how it starts in training.
  public enum Role: Sendable, Equatable {
    /// Rows that are looked up; starts normal with the recipe's `initializer_range`. With `padding`, row 0 is no token's
    /// and starts as zeros.
    case table(padding: Bool)
    /// The weight [M, K] of a linear layer; starts uniform in ±1/sqrt(K). A `residual` one's output is added to what the
    /// layer was given, so that zeros in it make the layer pass everything on.
    case matrix(residual: Bool)
    /// What is multiplied after a normalisation; starts as ones.
    case gain
    /// What is added, and logarithms of weights; start as zeros.
    case shift
  }

  /// The part of the model that a tensor belongs to.
  public enum Part: Sendable, Equatable { case encoder, reconstruction, alignment, distillation }

  /// The name on disk (the released checkpoint's, where that has the tensor) and the sizes.
  public var shape: TensorShape
  /// What it is for.
  public var role: Role
  /// Where it belongs.
  public var part: Part
  /// Tensors of one slot lie one after the other in memory and are used as one matrix; most have a slot of their own.
  public var slot: String
  /// Whether training leaves it as it is.
  public var isFrozen = false

  /// The name on disk.
  public var name: String { shape.name }

  /// Whether a quantised model has it as whole numbers: the layers' matrices and the word table. What comes once a sentence
  /// stays as it is.
  var isQuantizable: Bool {
    guard part == .encoder else { return false }
    switch role {
    case .table: return slot == ModelName.words
    case .matrix: return !slot.hasPrefix("dense.") && !slot.hasPrefix("\(ModelName.projection).")
    case .gain, .shift: return false
    }
  }

  /// The factors of its rows in a quantised model.
  var scale: TensorShape { TensorShape(name: name + "_scale", shape: [shape.shape[0]]) }
}

extension Configuration {
  /// Every tensor of the model, in the order in which files hold them: the one list that loading, checking, counting,
  /// initialising and writing read.
  ///
  /// - Parameter heads: which heads follow the encoder's tensors.
  /// - Precondition: the configuration passes `check(file:)`.
  public func schema(_ heads: TrainingHeads = .none) -> [ModelTensor] {
    let (d, f, e) = (hiddenSize, intermediateSize, languageSize)
    var tensors: [ModelTensor] = []
    var part = ModelTensor.Part.encoder
    func add(_ name: String, _ shape: [Int], _ role: ModelTensor.Role, slot: String? = nil) {
      tensors.append(
        ModelTensor(shape: TensorShape(name: name, shape: shape), role: role, part: part, slot: slot ?? name))
    }
    func linear(
      _ name: String, _ outputs: Int, _ inputs: Int, bias: Bool = true, residual: Bool = false, slot: String? = nil
    ) {
      let slot = slot ?? name
      add("\(name).weight", [outputs, inputs], .matrix(residual: residual), slot: "\(slot).weight")
      if bias { add("\(name).bias", [outputs], .shift, slot: "\(slot).bias") }
    }
    func norm(_ name: String, _ width: Int) {
      add("\(name).weight", [width], .gain)
      add("\(name).bias", [width], .shift)
    }

    let names = layout.family == .ems ? TensorNames.released : TensorNames.canonical
    func norm(_ slot: String, named name: String) {
      add("\(name).weight", [d], .gain, slot: "\(slot).weight")
      add("\(name).bias", [d], .shift, slot: "\(slot).bias")
    }
    add(names.words, [vocabSize, layout.lstmInputSize ?? d], .table(padding: true), slot: ModelName.words)
    if let inputs = layout.lstmInputSize {
      for layer in 0..<numHiddenLayers {
        for direction in LSTMDirection.allCases {
          let name = ModelName.lstm(layer, direction)
          add("\(name).input.weight", [2 * d, layer == 0 ? inputs : d], .matrix(residual: false))
          add("\(name).recurrent.weight", [2 * d, d / 2], .matrix(residual: false))
          add("\(name).bias", [2 * d], .shift)
        }
      }
    } else {
      add(names.positions, [maxPositionEmbeddings + 1, d], .table(padding: true), slot: ModelName.positions)
      if layout.embeddingNorm { norm(ModelName.embeddingNorm, named: names.embeddingNorm) }
      for layer in 0..<numHiddenLayers {
        let slot = ModelName.layer(layer), prefix = names.layers + "\(layer)."
        func inside(_ part: String, _ name: String, _ outputs: Int, _ inputs: Int, residual: Bool = false) {
          linear(prefix + name, outputs, inputs, residual: residual, slot: slot + part)
        }
        for name in ["query", "key", "value"] {
          inside(ModelName.queryKeyValue, "\(names.attention).\(name)", d, d)
        }
        inside(ModelName.attentionOutput, names.attentionOutput, d, d, residual: true)
        norm(slot + ModelName.attentionNorm, named: prefix + names.attentionNorm)
        inside(ModelName.up, names.up, f, d)
        inside(ModelName.down, names.down, d, f, residual: true)
        norm(slot + ModelName.outputNorm, named: prefix + names.outputNorm)
      }
      if layout.finalNorm { norm(ModelName.finalNorm, d) }
    }
    var inputs = pooledSize
    for (i, layer) in layout.dense.enumerated() {
      linear(ModelName.dense(i), layer.size, inputs, bias: layer.bias)
      inputs = layer.size
    }
    if pooling == .weighted { add(ModelName.poolingWeight, [vocabSize], .shift) }
    if let projectionSize { linear(ModelName.projection, projectionSize, d) }

    if heads.reconstruction {
      part = .reconstruction
      add(ModelName.languages, [numLanguages, e], .table(padding: false))
      norm(ModelName.languageNorm, e)
      linear(ModelName.transform, d + e, d + e)
      norm(ModelName.transformNorm, d + e)
      linear(ModelName.decoder, vocabSize, d + e, bias: false)
    }
    if heads.alignment {
      part = .alignment
      linear(ModelName.project1, d, d)
      linear(ModelName.project2, Self.alignmentSize, d)
    }
    if let width = heads.teacherWidth {
      part = .distillation
      // A model that answers in the teacher's space has this layer already.
      if projectionSize == nil { linear(ModelName.projection, width, d) }
      if heads.teacherIsFrozen {
        for i in tensors.indices where tensors[i].name.hasPrefix("\(ModelName.projection).") {
          tensors[i].isFrozen = true
        }
      }
    }
    return tensors
  }

  /// Every tensor that a file of the encoder holds, with its type: of a quantised model those of whole numbers last, so that
  /// the others are aligned, and nil for floats of any size.
  func storedTensors() -> [(shape: TensorShape, type: ElementType?)] {
    let schema = schema()
    guard quantization == .int8 else { return schema.map { ($0.shape, nil) } }
    var floats: [(TensorShape, ElementType?)] = []
    var whole: [(TensorShape, ElementType?)] = []
    for tensor in schema {
      if tensor.isQuantizable {
        floats.append((tensor.scale, .float32))
        whole.append((tensor.shape, .int8))
      } else {
        floats.append((tensor.shape, nil))
      }
    }
    return floats + whole
  }

  /// The names and shapes of `schema`.
  public func tensorShapes(_ heads: TrainingHeads = .none) -> [TensorShape] { schema(heads).map(\.shape) }

  /// The number of parameters needed for encoding.
  public var parameterCount: Int { parameterCount(.none) }

  /// The number of parameters with heads.
  public func parameterCount(_ heads: TrainingHeads) -> Int { schema(heads).reduce(0) { $0 + $1.shape.count } }
}

/// The two directions of an LSTM.
enum LSTMDirection: String, CaseIterable { case forward, backward }

/// What files call the tensors of a Transformer: the released checkpoint's names for EMS, plain ones for other families.
struct TensorNames: Sendable {
  let words: String, positions: String, embeddingNorm: String
  /// What the tensors of a layer begin with, before its number.
  let layers: String
  // In a layer.
  let attention: String, attentionOutput: String, attentionNorm: String, up: String, down: String, outputNorm: String

  static let released = TensorNames(
    words: ModelName.words, positions: ModelName.positions, embeddingNorm: ModelName.embeddingNorm,
    layers: "model.bert.encoder.layer.", attention: ModelName.queryKeyValue,
    attentionOutput: ModelName.attentionOutput, attentionNorm: ModelName.attentionNorm, up: ModelName.up,
    down: ModelName.down, outputNorm: ModelName.outputNorm)
  static let canonical = TensorNames(
    words: "embeddings.words.weight", positions: "embeddings.positions.weight", embeddingNorm: "embeddings.norm",
    layers: "layers.", attention: "attention", attentionOutput: "attention.output", attentionNorm: "attention.norm",
    up: "feed_forward.up", down: "feed_forward.down", outputNorm: "feed_forward.norm")
}

/// The names of slots, or what their `.weight` and `.bias` begin with. They are those of the released checkpoint, where that
/// has the tensor.
enum ModelName {
  static let words = "model.bert.embedding.word_embedding.embedding.weight"
  static let positions = "model.bert.embedding.position_embedding.position_embeddings.weight"
  static let embeddingNorm = "model.bert.embedding.layer_norm"
  static func layer(_ i: Int) -> String { "model.bert.encoder.layer.\(i)." }
  // In a layer.
  static let queryKeyValue = "attention.self_attention"
  static let attentionOutput = "attention.output.dense"
  static let attentionNorm = "attention.output.LayerNorm"
  static let up = "intermediate.dense"
  static let down = "output.dense"
  static let outputNorm = "output.LayerNorm"
  // After the layers.
  static let finalNorm = "final_norm"
  static func dense(_ i: Int) -> String { "dense.\(i)" }
  static func lstm(_ layer: Int, _ direction: LSTMDirection) -> String { "layers.\(layer).\(direction.rawValue)" }
  static let poolingWeight = "model.pooling.weight"
  static let projection = "projection"
  // Heads.
  static let languages = "model.la_tag_linear.embedding.weight"
  static let languageNorm = "model.la_tag_linear.layer_norm"
  static let transform = "model.transform.dense"
  static let transformNorm = "model.transform.LayerNorm"
  static let decoder = "model.decoder.decoder"
  static let project1 = "alignproj.0"
  static let project2 = "alignproj.3"
}

/// Where a model's tensors come from: a block in memory, or a file.
protocol TensorSource {
  associatedtype Trouble: Error
  /// What lies in a slot of the schema, as a matrix (vectors as one row).
  func tensor(_ slot: String) throws(Trouble) -> Tensor
}

extension TensorSource {
  func linear(_ name: String) throws(Trouble) -> LinearParameters {
    LinearParameters(weight: try tensor("\(name).weight"), bias: try tensor("\(name).bias"))
  }

  func norm(_ name: String) throws(Trouble) -> NormParameters {
    NormParameters(gain: try tensor("\(name).weight"), bias: try tensor("\(name).bias"))
  }

  func layer(_ i: Int) throws(Trouble) -> LayerParameters {
    let prefix = ModelName.layer(i)
    return LayerParameters(
      queryKeyValue: try linear(prefix + ModelName.queryKeyValue),
      attentionOutput: try linear(prefix + ModelName.attentionOutput),
      attentionNorm: try norm(prefix + ModelName.attentionNorm), up: try linear(prefix + ModelName.up),
      down: try linear(prefix + ModelName.down), outputNorm: try norm(prefix + ModelName.outputNorm))
  }
}
