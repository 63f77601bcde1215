import Base
import Formats

/// LASER2's checkpoint: an LSTM in both directions over a word table, pooled by the largest of every element.
enum LaserImport {
  /// The longest sentence: as many tokens as LASER's own program takes into a batch.
  static let longest = 12000

  /// Understands a checkpoint by its tensors' names and shapes.
  ///
  /// - Throws: `Failure` for another kind of model, or tensors that do not go together.
  static func encoder(_ weights: WeightFiles) throws(Failure) -> ImportedEncoder {
    func matrix(_ name: String) throws(Failure) -> (rows: Int, columns: Int) {
      guard let found = weights.description(of: name) else {
        throw Failure(
          .badData, weights.path, at: "tensor \(name)", "is missing",
          remedy: "only LASER2's LSTM is supported; its checkpoint is laser2.pt")
      }
      guard found.shape.count == 2, found.shape[0] > 0, found.shape[1] > 0 else {
        throw Failure(.badData, weights.path, at: "tensor \(name)", "has the shape \(found.shape), which is no matrix")
      }
      return (found.shape[0], found.shape[1])
    }
    let words = try matrix("embed_tokens.weight")
    let half = try matrix("lstm.weight_hh_l0").columns
    var layers = 0
    // A checkpoint has finitely many tensors, so this ends.
    while weights.description(of: "lstm.weight_ih_l\(layers)") != nil { layers += 1 }
    var configuration = Configuration(
      numHiddenLayers: layers, hiddenSize: min(2 * half, 1 << 20), numAttentionHeads: 1, intermediateSize: 1,
      vocabSize: words.rows, maxPositionEmbeddings: longest, lowercase: false)
    configuration.layout = EncoderLayout(family: .laser2)
    configuration.layout.lstmInputSize = words.columns
    configuration.layout.embeddingNorm = false
    configuration.layout.poolings = [.max]
    configuration.layout.licence = "bsd-3-clause"
    try configuration.check(file: weights.path)
    var encoder = ImportedEncoder(configuration: configuration)
    encoder.recipes[TensorNames.canonical.words] = .stored("embed_tokens.weight")
    for i in 0..<layers {
      for (direction, ending) in [(LSTMDirection.forward, ""), (.backward, "_reverse")] {
        let name = ModelName.lstm(i, direction)
        encoder.recipes["\(name).input.weight"] = .stored("lstm.weight_ih_l\(i)\(ending)")
        encoder.recipes["\(name).recurrent.weight"] = .stored("lstm.weight_hh_l\(i)\(ending)")
        encoder.recipes["\(name).bias"] = .sum("lstm.bias_ih_l\(i)\(ending)", "lstm.bias_hh_l\(i)\(ending)")
      }
    }
    for tensor in configuration.schema() {
      for source in encoder.recipes[tensor.name]?.sources(for: tensor.shape.shape) ?? [] {
        try weights.check(source.name, source.shape)
      }
    }
    return encoder
  }
}
