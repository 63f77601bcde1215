import Base
import Encoder
import Kernels

/// How the parameters of a new run start: at random by their roles, from another model, and the head to the teacher from
/// the teacher's rows.
struct Initialization {
  let configuration: TrainingConfiguration
  let tokenizer: Tokenizer
  let observer: any TrainingObserver

  /// Fills the parameters.
  ///
  /// - Throws: `Failure` when the initial model does not fit.
  func fill(_ parameters: Parameters, teachers: Teachers, on compute: Compute) throws(Failure) {
    let start = try configuration.initial.map { path throws(Failure) in try ModelFolder(path: path) }
    if let start {
      try start.checkIsFloat("trained further")
      try check(start, parameters.configuration)
    }
    var random = SplitMix64(seed: SplitMix64.mix(configuration.seed ^ 0x1417), skipping: 1)
    var fresh: [String] = []
    var frozenIsFresh = false
    for (description, tensor) in parameters.named {
      if let start, fits(start, description, parameters.configuration) {
        try copy(start.weights, description.name, into: tensor)
        continue
      }
      frozenIsFresh = frozenIsFresh || description.isFrozen
      // What stays as it is does not start at random.
      if start != nil, !description.isFrozen { fresh.append(description.name) }
      // A layer that the initial model does not have begins by passing everything on.
      let isAdded = start != nil && description.part == .encoder
      fill(tensor, description, isAdded: isAdded, &random)
    }
    if let start, !fresh.isEmpty {
      observer.say("\(start.path) has no fitting \(fresh.joined(separator: ", ")); they start at random")
    }
    // A student that goes on goes on in the directions that it has: others of the same rows would be another space.
    if let projection = parameters.projection, frozenIsFresh {
      try teachers.principalDirections(into: projection.weight)
    }
  }

  private func fill(_ tensor: Tensor, _ description: ModelTensor, isAdded: Bool, _ random: inout SplitMix64) {
    let bound = 1 / Float(description.shape.shape.last ?? 1).squareRoot()
    tensor.withMutableElements { elements in
      switch description.role {
      case .gain: for i in elements.indices { elements[i] = 1 }
      case .shift: for i in elements.indices { elements[i] = 0 }
      case .table(let padding):
        for i in elements.indices { elements[i] = configuration.initializerRange * Float(random.normal()) }
        if padding { for i in 0..<tensor.columns { elements[i] = 0 } }
      case .matrix(let residual):
        for i in elements.indices { elements[i] = bound * Float(2 * random.unit() - 1) }
        if residual, isAdded { for i in elements.indices { elements[i] = 0 } }
      }
    }
  }

  /// Whether a tensor is there and means the same: heads may be missing or of another size, and a row of the language table
  /// is no other language's.
  private func fits(_ start: ModelFolder, _ description: ModelTensor, _ model: Configuration) -> Bool {
    guard start.weights[description.name]?.shape == description.shape.shape else { return false }
    let isLanguages = description.part == .reconstruction && description.role == .table(padding: false)
    return !isLanguages || start.configuration.languages == model.languages
  }

  private func check(_ start: ModelFolder, _ m: Configuration) throws(Failure) {
    let c = start.configuration
    guard c.layout == m.layout else {
      throw Failure(
        .badData, start.path, "is of the family \(c.layout.family.rawValue), which cannot be trained on",
        remedy: "begin with a model of the EMS family; this one can be a teacher")
    }
    var sizes = [
      ("hidden_size", c.hiddenSize, m.hiddenSize), ("vocab_size", c.vocabSize, m.vocabSize),
      ("max_position_embeddings", c.maxPositionEmbeddings, m.maxPositionEmbeddings),
    ]
    if c.numHiddenLayers > 0 {
      sizes.append(("num_attention_heads", c.numAttentionHeads, m.numAttentionHeads))
      sizes.append(("intermediate_size", c.intermediateSize, m.intermediateSize))
    }
    // Layers may be added on top, not taken away.
    if c.numHiddenLayers > m.numHiddenLayers {
      sizes.insert(("num_hidden_layers", c.numHiddenLayers, m.numHiddenLayers), at: 0)
    }
    if let (name, has, wanted) = sizes.first(where: { $0.1 != $0.2 }) {
      throw Failure(
        .badData, start.path,
        "is a model of other sizes than the configuration's: its \(name) is \(has), not \(wanted)",
        remedy: "make the sizes agree")
    }
    guard start.sentencePiece?.model == tokenizer.model else {
      throw Failure(
        .badData, start.path, "has another tokenizer", remedy: "name \(start.path)/sentencepiece.model as tokenizer")
    }
  }
}
