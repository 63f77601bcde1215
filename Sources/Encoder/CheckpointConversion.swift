import Base
import Corpus
import Formats

extension Checkpoint {
  /// What a checkpoint does not say itself.
  public struct ConversionOptions: Sendable {
    /// Attention heads; nil for one per 64 of the hidden size, as in the released model.
    public var heads: Int?
    /// The languages in the order of their embedding's rows; nil to take those of the tokenizer's `<2xx>` pieces.
    public var languages: [String]?
    /// `.float32` or `.float16`, the type written.
    public var type = ElementType.float32
    /// Whether text is to be lower-cased before encoding, as for the released model.
    public var lowercase = true
    /// How text is cut into words before encoding; nil for `.moses` if the tokenizer is the released model's, with its 62
    /// languages, and for `.none` otherwise.
    public var pretokenizer: Pretokenizer?
    /// The path of a jieba dictionary that goes with the model, for Chinese; needs `.moses`. nil for none.
    public var dictionary: String?
    /// Whether a model folder of the output's name is replaced.
    public var replace = false

    /// The released model's options.
    public init() {}
  }

  /// What a conversion did.
  public struct Conversion: Sendable, Equatable {
    /// The model's configuration.
    public var configuration: Configuration
    /// Whether the training tensors were in the checkpoint and were written.
    public var hasTrainingTensors: Bool
    /// Tensors of the checkpoint that were left out.
    public var ignored: [String]
  }

  /// Turns a checkpoint and its tokenizer into a model folder.
  ///
  /// - Parameters:
  ///   - path: the checkpoint.
  ///   - tokenizer: the path of its SentencePiece model.
  ///   - output: the model folder, which must not exist.
  /// - Throws: `Failure` when a tensor is missing, has a shape that does not fit the others, or holds a value that is not
  ///   finite; when the tokenizer is another model's; when the languages or heads cannot be found out.
  @discardableResult
  public static func convert(
    path: String, tokenizer: String, output: String, _ options: ConversionOptions = ConversionOptions()
  ) throws(Failure) -> Conversion {
    let checkpoint = try Checkpoint(path: path)
    let tokenizer = try Tokenizer(path: tokenizer)
    let configuration = try checkpoint.configuration(tokenizer: tokenizer, options)
    let needed = configuration.tensorShapes()
    let all = configuration.tensorShapes(.ems)
    for shape in needed { try checkpoint.check(shape) }
    let heads = all.dropFirst(needed.count)
    let training = heads.allSatisfy { checkpoint[$0.name] != nil }
    if training { for shape in heads { try checkpoint.check(shape) } }
    let written = Set((training ? all : needed).map(\.name))
    try ModelFolder.write(
      to: output, configuration: configuration, tokenizer: tokenizer,
      card: card(configuration, source: path, training: training), type: options.type, dictionary: options.dictionary,
      heads: training ? .ems : .none,
      replace: options.replace
    ) { (shape, writer) throws(Failure) in
      guard let tensor = checkpoint[shape.name] else { throw checkpoint.missing(shape.name) }
      var done = 0
      try checkpoint.forEachPiece(of: tensor) { (piece) throws(Failure) in
        if let index = firstNonFiniteIndex(piece) {
          throw Failure(
            .badData, path, at: "tensor \(shape.name)", "element \(done + index) is not a finite number",
            remedy: "the training diverged or the file is damaged: use another checkpoint")
        }
        try writer.append(piece)
        done += piece.count
      }
    }
    return Conversion(
      configuration: configuration, hasTrainingTensors: training,
      ignored: checkpoint.tensors.map(\.name).filter { !written.contains($0) })
  }

  private func missing(_ name: String) -> Failure {
    Failure(.badData, path, at: "tensor \(name)", "is missing", remedy: "check that this is an EMS checkpoint")
  }

  private func check(_ expected: TensorShape) throws(Failure) {
    guard let found = self[expected.name] else { throw missing(expected.name) }
    guard found.shape == expected.shape else {
      throw Failure(
        .badData, path, at: "tensor \(expected.name)",
        "has the shape \(found.shape); with the sizes of the other tensors it should be \(expected.shape)")
    }
    guard found.type.isFloat else {
      throw Failure(.badData, path, at: "tensor \(expected.name)", "is of the integer type \(found.type.rawValue)")
    }
  }

  private func matrix(_ name: String) throws(Failure) -> (rows: Int, columns: Int) {
    guard let tensor = self[name] else { throw missing(name) }
    guard tensor.shape.count == 2 else {
      throw Failure(.badData, path, at: "tensor \(name)", "has the shape \(tensor.shape); a matrix is expected")
    }
    return (tensor.shape[0], tensor.shape[1])
  }

  /// The sizes, from the tensors' shapes.
  private func configuration(tokenizer: Tokenizer, _ options: ConversionOptions) throws(Failure) -> Configuration {
    let words = try matrix(ModelName.words)
    let positions = try matrix(ModelName.positions)
    let hidden = words.columns
    var layers = 0
    // A checkpoint has finitely many tensors, so this ends.
    while self["\(ModelName.layer(layers))\(ModelName.up).weight"] != nil { layers += 1 }
    guard layers > 0 else { throw missing("\(ModelName.layer(0))\(ModelName.up).weight") }
    let feedForward = try matrix("\(ModelName.layer(0))\(ModelName.up).weight").rows
    guard tokenizer.vocabSize == words.rows else {
      throw Failure(
        .badData, tokenizer.name, "has \(tokenizer.vocabSize) pieces, but \(path) has embeddings for \(words.rows)",
        remedy: "use the tokenizer that the model was trained with")
    }
    let heads: Int
    if let given = options.heads {
      heads = given
    } else if hidden >= 64, hidden.isMultiple(of: 64) {
      heads = hidden / 64
    } else {
      throw Failure(
        .usage, path, "does not say how many attention heads its hidden size \(hidden) is cut into",
        remedy: "give the number of heads")
    }
    let embedding =
      self[ModelName.languages] == nil ? nil : try matrix(ModelName.languages)
    var languages = options.languages ?? tokenizer.languages
    if let embedding, languages.count != embedding.rows {
      // Without a training head's table, a language's number means nothing, so a list is needed only with one.
      let source =
        options.languages == nil ? "the tokenizer has \(languages.count) pieces <2xx>" : "\(languages.count) are given"
      throw Failure(
        .usage, path, "has embeddings for \(embedding.rows) languages, but \(source)",
        remedy: "give the codes of the \(embedding.rows) languages in the order of training")
    }
    if languages.count > 65536 { languages = [] }
    var configuration = Configuration(
      numHiddenLayers: layers, hiddenSize: hidden, numAttentionHeads: heads, intermediateSize: feedForward,
      vocabSize: words.rows, maxPositionEmbeddings: positions.rows - 1, lowercase: options.lowercase,
      numLanguages: embedding?.rows ?? languages.count, languageSize: embedding?.columns ?? 128, languages: languages)
    configuration.pretokenizer = options.pretokenizer ?? (tokenizer.isReleased ? .moses : .none)
    if let dictionary = options.dictionary, configuration.pretokenizer == .none {
      throw Failure(
        .usage, dictionary, "is of no use to a model whose text is not cut into words",
        remedy: "add --pretokenizer moses")
    }
    try configuration.check(file: path)
    return configuration
  }

  private static func card(_ configuration: Configuration, source: String, training: Bool) -> String {
    let file = source.split(separator: "/").last.map(String.init) ?? source
    let languages = configuration.languages.isEmpty ? "not recorded" : configuration.languages.joined(separator: ", ")
    return """
      # EMS sentence encoder

      Converted from the PyTorch checkpoint `\(file)` by `ems model convert`.

      - Architecture: \(configuration.numHiddenLayers) layers, hidden size \(configuration.hiddenSize), \
      \(configuration.numAttentionHeads) heads, feed-forward size \(configuration.intermediateSize), vocabulary of \
      \(configuration.vocabSize) pieces, sentences of up to \(configuration.maxPositionEmbeddings) tokens
      - Parameters: \(configuration.parameterCount) for encoding\
      \(training ? ", \(configuration.parameterCount(.ems)) with the training heads, which are included" : "")
      - Text: \(configuration.lowercase ? "lower-cased" : "case kept")\(configuration.pretokenizer == .moses ? ", cut into words (Moses, jieba, Juman++)" : "")
      - Languages: \(languages)

      Method: Mao, Chu, Kurohashi, "EMS: Efficient and Effective Massively Multilingual Sentence Embedding Learning",
      arXiv 2205.15744. Licence and training data: those of the checkpoint that was converted.

      """
  }
}

extension Tokenizer {
  /// Whether this is the tokenizer of the released EMS model, which was trained on text cut into words: 60,000 pieces, and
  /// control pieces of 62 languages in an order that no sorting gives.
  var isReleased: Bool {
    vocabSize == 60_000 && languages.count == 62 && languages.starts(with: ["en", "af", "ar"])
      && languages.suffix(2) == ["yo", "zh"]
  }
}
