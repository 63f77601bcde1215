import Base
import Corpus
import Formats
import Glibc
import Kernels

/// A model on disk: a folder with `config.json`, `model.safetensors`, `sentencepiece.model` and a card, `README.md`; where
/// text is cut into words first, it may have a dictionary of Chinese, `jieba.txt`.
///
/// Opening checks that the parts belong together: every tensor of the encoder is there with its shape, and the
/// tokenizer has the vocabulary's size. `verify()` reads the weights too.
public final class ModelFolder: Sendable {
  /// The folder.
  public let path: String
  /// The sizes and settings.
  public let configuration: Configuration
  /// The tensors.
  public let weights: SafeTensors
  /// The tokenizer.
  public let tokenizer: any TextTokenizer
  /// The tokenizer as a SentencePiece model of EMS's conventions, nil for one of another kind.
  public var sentencePiece: Tokenizer? { tokenizer as? Tokenizer }
  /// What cuts text into words first; nil for a model that takes text as it is.
  public let words: WordSplitters?
  /// The training heads that are there as a whole.
  public let heads: TrainingHeads

  /// The names of the files in the folder.
  public enum File {
    /// The configuration.
    public static let configuration = "config.json"
    /// The weights.
    public static let weights = "model.safetensors"
    /// The tokenizer.
    public static let tokenizer = "sentencepiece.model"
    /// The card.
    public static let card = "README.md"
    /// A tokenizer of another kind, in the form of Hugging Face's tokenizers library.
    public static let hubTokenizer = "tokenizer.json"
    /// LASER2's numbers of the pieces in its SentencePiece model.
    public static let dictionary = "dictionary.txt"
    /// A jieba dictionary, as `JiebaDictionary` writes it; only a model with a pretokenizer has a use for it.
    public static let jieba = "jieba.txt"
    static let tokenizers = [tokenizer, hubTokenizer, dictionary]
    static let all = [configuration, weights, card, jieba, ModelDigests.file] + tokenizers
  }

  /// The names of the files in a folder that decide what embeddings are: not the card.
  public static func decidingFiles(in folder: String) -> [String] {
    func present(_ names: [String]) -> [String] { names.filter { FileSystem.access("\(folder)/\($0)", F_OK) == 0 } }
    let tokenizers = present(File.tokenizers)
    return [File.configuration, File.weights] + (tokenizers.isEmpty ? [File.tokenizer] : tokenizers)
      + present([File.jieba])
  }

  /// What `ems model info` shows.
  public struct Info: Codable, Sendable, Equatable {
    /// The folder.
    public var path: String
    /// The sizes and settings.
    public var configuration: Configuration
    /// The number of parameters that encoding uses.
    public var parameters: Int
    /// The number of parameters of the training heads; 0 if they were left out.
    public var trainingParameters: Int
    /// The element types of the weights.
    public var elementTypes: [ElementType]
    /// The size of the weights' file in bytes.
    public var weightBytes: Int
    /// How the tokenizer's pieces were found.
    public var tokenizerKind: Tokenizer.Kind
    /// Whether a dictionary of Chinese is there, for a model that cuts text into words.
    public var hasJieba: Bool
    /// Tensors that are no part of a model of this kind.
    public var unknownTensors: [String]

    private enum CodingKeys: String, CodingKey {
      case path, configuration, parameters
      case trainingParameters = "training_parameters"
      case elementTypes = "element_types"
      case weightBytes = "weight_bytes"
      case hasJieba = "has_jieba"
      case tokenizerKind = "tokenizer_kind"
      case unknownTensors = "unknown_tensors"
    }
  }

  /// Opens a model folder and checks that its parts fit together.
  ///
  /// - Throws: `Failure` naming the file, the tensor, what was found and what is expected.
  public init(path: String) throws(Failure) {
    self.path = path
    var status = stat()
    guard FileSystem.stat(path, &status) == 0 else {
      throw .system("cannot open the model", path, errno: errno)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw Failure(
        .badData, path, "is not a folder",
        remedy: "name a model folder; a PyTorch checkpoint becomes one with `ems model convert`")
    }
    let hasTokenizer = File.tokenizers.contains { FileSystem.access("\(path)/\($0)", F_OK) == 0 }
    for name in [File.configuration, File.weights] + (hasTokenizer ? [] : [File.tokenizer])
    where FileSystem.access("\(path)/\(name)", F_OK) != 0 {
      throw Failure(
        .missingInput, path, "has no \(name), so it is not a model folder",
        remedy: "a PyTorch checkpoint becomes one with `ems model convert`")
    }
    configuration = try Configuration(path: "\(path)/\(File.configuration)")
    weights = try SafeTensors(path: "\(path)/\(File.weights)")
    tokenizer = try openTokenizer(in: path)
    guard Self.fits(tokenizer, configuration) else {
      throw Failure(
        .badData, tokenizer.name,
        "has \(tokenizer.vocabSize) pieces, but \(File.configuration) says vocab_size \(configuration.vocabSize)",
        remedy: "the tokenizer belongs to another model: use the one it was trained with")
    }
    let dictionary = Self.dictionary(in: path)
    words = configuration.pretokenizer == .none ? nil : WordSplitters(dictionary: dictionary)
    try Self.check(configuration.storedTensors(), in: weights, required: true)
    // Last, so that what is wrong is said as exactly as can be. The weights would take long.
    try ModelDigests.check(Self.decidingFiles(in: path).filter { $0 != File.weights }, in: path)
    if configuration.layout.family != .ems {
      heads = .none
      return
    }
    let possible = Self.possibleHeads(configuration, weights)
    let extra = configuration.schema(possible).filter { $0.part != .encoder }
    try Self.check(extra.map { ($0.shape, nil) }, in: weights, required: false)
    let missing = Set(extra.filter { [weights] in weights[$0.name] == nil }.map(\.part))
    heads = TrainingHeads(
      reconstruction: !missing.contains(.reconstruction), alignment: !missing.contains(.alignment),
      teacherWidth: missing.contains(.distillation) ? nil : possible.teacherWidth)
  }

  /// The path of a model folder's dictionary of Chinese, nil if it has none.
  public static func dictionary(in folder: String) -> String? {
    let path = "\(folder)/\(File.jieba)"
    return FileSystem.access(path, F_OK) == 0 ? path : nil
  }

  /// What is done with the text of a language: it is cut into words, or gets the language's tag. A model of others that has
  /// tags takes text of a language that nobody named as its folder says (`src_lang`), as its own library does.
  ///
  /// - Parameter code: the language's code, nil where nobody said which it is.
  /// - Throws: `Failure(.usage)` when the model must know the language and nobody said it, or has no tag for it; when a
  ///   dictionary cannot be read.
  public func input(for code: String?) throws(Failure) -> LanguageInput {
    guard let code else {
      if words != nil { throw needsLanguage }
      return .plain
    }
    return LanguageInput(
      words: try words?.splitter(for: code),
      tag: configuration.layout.family == .ems ? nil : try tokenizer.tag(of: Language(parsing: code)))
  }

  /// Whether the same sentence in two languages has two embeddings.
  public var readsLanguages: Bool { words != nil || configuration.layout.family != .ems && tokenizer.hasLanguageTags }

  /// Why text without a language is refused.
  var needsLanguage: Failure {
    Failure(
      .usage, path,
      "cuts text into words by the rules of its language (pretokenizer \(configuration.pretokenizer)), and "
        + "nobody said which it is", remedy: "name the language of every text")
  }

  /// Models of others often have more rows than pieces, rounded up or left over.
  private static func fits(_ tokenizer: any TextTokenizer, _ configuration: Configuration) -> Bool {
    configuration.layout.family == .ems
      ? tokenizer.vocabSize == configuration.vocabSize : tokenizer.vocabSize <= configuration.vocabSize
  }

  /// Every head that a file may have; the teacher's width is the file's.
  private static func possibleHeads(_ configuration: Configuration, _ weights: SafeTensors) -> TrainingHeads {
    if configuration.layout.family != .ems { return .none }
    var heads = TrainingHeads.ems
    if configuration.projectionSize == nil, let width = weights["\(ModelName.projection).weight"]?.shape.first,
      (1...65536).contains(width)
    {
      heads.teacherWidth = width
    }
    return heads
  }

  /// The text of a prompt.
  ///
  /// - Parameter name: nil for the model's default.
  /// - Throws: `Failure` when the model has none of the name.
  public func prompt(_ name: String?) throws(Failure) -> String {
    let layout = configuration.layout
    guard let wanted = name ?? layout.defaultPrompt else { return "" }
    guard let text = layout.prompts[wanted] else {
      let known = layout.prompts.keys.sorted().joined(separator: ", ")
      throw Failure(
        .usage, path, "has no prompt \"\(wanted)\"",
        remedy: known.isEmpty ? "it has none: leave --prompt out" : "its prompts are \(known)")
    }
    return text
  }

  private static func check(
    _ tensors: [(shape: TensorShape, type: ElementType?)], in weights: SafeTensors, required: Bool
  ) throws(Failure) {
    for (expected, type) in tensors {
      let place = "tensor \(expected.name)"
      guard let found = weights[expected.name] else {
        if !required { continue }
        throw Failure(
          .badData, weights.path, at: place, "is missing",
          remedy: "the weights and \(File.configuration) belong to different models, or the file is incomplete")
      }
      guard found.shape == expected.shape else {
        throw Failure(
          .badData, weights.path, at: place,
          "has the shape \(found.shape); \(File.configuration) asks for \(expected.shape)",
          remedy: "the weights and \(File.configuration) belong to different models")
      }
      if let type {
        guard found.type == type else {
          throw Failure(
            .badData, weights.path, at: place,
            "is of the type \(found.type.rawValue); a model that \(File.configuration) calls quantised has \(type.rawValue)",
            remedy: "the weights and \(File.configuration) belong to different models")
        }
        continue
      }
      guard found.type.isFloat else {
        throw Failure(.badData, weights.path, at: place, "is of the integer type \(found.type.rawValue)")
      }
    }
  }

  /// A summary; reads no weights.
  public func info() -> Info {
    let known = Set(
      configuration.tensorShapes(Self.possibleHeads(configuration, weights)).map(\.name)
        + configuration.storedTensors().map(\.shape.name))
    let unknown = weights.entries.map(\.name).filter { !known.contains($0) }
    let types = Set(weights.entries.map(\.type))
    return Info(
      path: path, configuration: configuration, parameters: configuration.parameterCount,
      trainingParameters: configuration.parameterCount(heads) - configuration.parameterCount,
      elementTypes: ElementType.allCases.filter(types.contains),
      weightBytes: weights.entries.reduce(0) { $0 + $1.byteCount }, tokenizerKind: tokenizer.kind,
      hasJieba: words?.dictionaryPath != nil, unknownTensors: unknown)
  }

  /// Reads everything: the files are those of `SHA256SUMS`, if the folder has it, no tensor is unknown, a training head's tensors
  /// are all there or none is, and every weight is finite.
  ///
  /// - Throws: `Failure` naming the tensor and the element.
  public func verify() throws(Failure) {
    if let unknown = info().unknownTensors.first {
      throw Failure(
        .badData, weights.path, at: "tensor \(unknown)", "is no part of this model",
        remedy: "the weights and \(File.configuration) belong to different models")
    }
    let extra = configuration.schema(Self.possibleHeads(configuration, weights)).filter { $0.part != .encoder }
    for missing in extra where weights[missing.name] == nil {
      guard let found = extra.first(where: { $0.part == missing.part && weights[$0.name] != nil }) else { continue }
      throw Failure(
        .badData, weights.path, at: "tensor \(missing.name)", "is missing, though \(found.name) is there",
        remedy: "leave out all tensors of a training head or none")
    }
    for entry in weights.entries {
      if entry.type == .int8 {
        if let index = weights.firstOutside(entry, -127...127) {
          throw Failure(
            .badData, weights.path, at: "tensor \(entry.name)",
            "element \(index) is -128; whole numbers are from -127 to 127",
            remedy: "quantise the model again")
        }
        continue
      }
      if let index = try weights.firstNonFinite(entry.name) {
        throw Failure(
          .badData, weights.path, at: "tensor \(entry.name)", "element \(index) is not a finite number",
          remedy: "the training diverged or the file is damaged: use another checkpoint")
      }
    }
    let codes = tokenizer.languages
    if !codes.isEmpty, !configuration.languages.isEmpty, codes != configuration.languages {
      throw Failure(
        .badData, "\(path)/\(File.configuration)", at: "languages",
        "are not those of the tokenizer's <2xx> pieces, or in another order",
        remedy: "the tokenizer belongs to another model, or the list was edited")
    }
    // Last: what can be said more exactly has been said by now.
    try ModelDigests.check(Self.decidingFiles(in: path), in: path)
  }

  /// Writes a copy of this model, as other element type or without the training tensors; the card is kept. So is the layer
  /// to a teacher's width, which is small, and without which the model could not go on following that teacher.
  ///
  /// - Parameters:
  ///   - path: the new folder; its parent exists.
  ///   - type: `.float32` or `.float16`.
  ///   - training: whether the training tensors are written too; the model must have them then.
  ///   - replace: whether a model folder of that name is replaced.
  /// - Throws: `Failure` when training tensors are asked for that are not there, a weight does not fit half precision, or
  ///   writing fails. Nothing is left behind then.
  public func export(to path: String, type: ElementType, training: Bool, replace: Bool = false) throws(Failure) {
    try checkIsFloat("exported")
    if training, heads == .none {
      throw Failure(
        .badData, self.path, "has no training tensors, so that they cannot be exported",
        remedy: "leave out --with-heads")
    }
    let card = try cardText()
    let weights = weights
    try Self.write(
      to: path, configuration: configuration, tokenizer: tokenizer, card: card, type: type,
      dictionary: words?.dictionaryPath, heads: training ? heads : TrainingHeads(teacherWidth: heads.teacherWidth),
      replace: replace
    ) { (shape, writer) throws(Failure) in
      try weights.forEachPiece(of: shape.name) { (piece) throws(Failure) in try writer.append(piece) }
    }
  }

  /// Checks that the weights are floats.
  ///
  /// - Throws: `Failure(.usage)` for a quantised model.
  public func checkIsFloat(_ purpose: String) throws(Failure) {
    guard let quantization = configuration.quantization else { return }
    throw Failure(
      .usage, path, "is quantised (\(quantization.rawValue)) and cannot be \(purpose)",
      remedy: "take the model that it was made from")
  }

  /// Writes this model in whole numbers of 8 bits, without what only training uses: about a quarter of the size of float32.
  /// The card is kept, with a section behind it.
  ///
  /// - Parameters:
  ///   - path: the new folder; its parent exists.
  ///   - replace: whether a model folder of that name is replaced.
  /// - Throws: `Failure` when the model is quantised already, a weight is not finite, or writing fails. Nothing is left behind
  ///   then.
  public func quantize(to path: String, replace: Bool = false, on compute: Compute) throws(Failure) {
    try checkIsFloat("quantised again")
    var quantized = configuration
    quantized.quantization = .int8
    let stored = quantized.storedTensors()
    let card =
      try cardText() + """

        ## Quantised

        Stored in whole numbers of 8 bits by `ems model quantize`: the layers' matrices with a factor for each output, the word
        table with one for each word. Activations are rounded a token at a time when it encodes; attention, normalisation and
        what is behind the pooling are computed in float32. Figures above are those of the float model.

        """
    let weights = weights
    try Self.write(
      to: path, configuration: quantized, tokenizer: tokenizer, card: card, dictionary: words?.dictionaryPath,
      replace: replace
    ) { (file) throws(Failure) in
      let writer = try SafeTensorsWriter(
        path: file, tensors: stored.map(\.shape), types: stored.map { $0.type ?? .float32 }, metadata: ["format": "pt"])
      // The factors come before the numbers, which are made again when it is their turn: a matrix at a time is in memory.
      func rows(_ name: String) throws(Failure) -> Int8Rows { compute.quantize(try finite(name)) }
      let quantizable = Dictionary(uniqueKeysWithValues: configuration.schema().map { ($0.scale.name, $0.name) })
      for (shape, type) in stored {
        if type == .int8 {
          let values = try rows(shape.name)
          for i in 0..<values.rows {
            try values.withRow(i) { (row) throws(Failure) in try writer.append(row) }
          }
        } else if type != nil, let matrix = quantizable[shape.name] {
          let scales = try rows(matrix).scales.array
          try writer.append(scales.span)
        } else {
          try weights.forEachPiece(of: shape.name) { (piece) throws(Failure) in try writer.append(piece) }
        }
        weights.dropFromMemory()
      }
      try writer.commit()
    }
  }

  /// A matrix of finite floats.
  private func finite(_ name: String) throws(Failure) -> Tensor {
    if let index = try weights.firstNonFinite(name) {
      throw Failure(
        .badData, weights.path, at: "tensor \(name)", "element \(index) is not a finite number",
        remedy: "the training diverged or the file is damaged: use another checkpoint")
    }
    return try weights.matrix(name)
  }

  /// Writes a model folder, which appears under its name only when it is complete.
  ///
  /// - Parameters:
  ///   - path: the folder; its parent exists.
  ///   - type: `.float32` or `.float16`.
  ///   - dictionary: the path of a jieba dictionary that is written too; nil for none.
  ///   - heads: the training heads that are written too.
  ///   - card: the text of `README.md`.
  ///   - replace: whether a model folder of that name is replaced; the two change places in one step.
  ///   - fill: appends the elements of one tensor to the writer; called for every tensor in the order of
  ///     `Configuration.schema(_:)`.
  /// - Throws: `Failure` when the name is taken, the configuration or tokenizer do not fit, `fill` throws, or writing
  ///   fails. Nothing is left behind then.
  public static func write(
    to path: String, configuration: Configuration, tokenizer: any TextTokenizer, card: String,
    type: ElementType = .float32, dictionary: String? = nil, heads: TrainingHeads = .none, replace: Bool = false,
    fill: (TensorShape, SafeTensorsWriter) throws(Failure) -> Void
  ) throws(Failure) {
    let shapes = configuration.tensorShapes(heads)
    try write(
      to: path, configuration: configuration, tokenizer: tokenizer, card: card, dictionary: dictionary, replace: replace
    ) { (file) throws(Failure) in
      let writer = try SafeTensorsWriter(path: file, tensors: shapes, type: type, metadata: ["format": "pt"])
      for shape in shapes { try fill(shape, writer) }
      try writer.commit()
    }
  }

  /// - Parameter weights: writes the file of the weights under a path.
  private static func write(
    to path: String, configuration: Configuration, tokenizer: any TextTokenizer, card: String, dictionary: String?,
    replace: Bool, weights: (String) throws(Failure) -> Void
  ) throws(Failure) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    try configuration.check(file: "\(path)/\(File.configuration)")
    guard fits(tokenizer, configuration) else {
      throw Failure(
        .badData, tokenizer.name,
        "has \(tokenizer.vocabSize) pieces, but the model has a vocabulary of \(configuration.vocabSize)",
        remedy: "use the tokenizer that the model was trained with")
    }
    // Read before anything is written: it may be wrong.
    let words = try dictionary.map { path throws(Failure) in try JiebaDictionary(path: path) }
    try StagedFolder.checkFree(path, files: Set(File.all), replace: replace)
    let folder = try StagedFolder(for: path, files: Set(File.all))
    try weights("\(folder.temporary)/\(File.weights)")
    try tokenizer.write(into: folder.temporary)
    try words?.write(to: "\(folder.temporary)/\(File.jieba)")
    for (name, text) in [(File.configuration, try configuration.json()), (File.card, card)] {
      let output = try OutputFile(path: "\(folder.temporary)/\(name)")
      try output.write(text)
      try output.commit()
    }
    try ModelDigests.write(decidingFiles(in: folder.temporary), in: folder.temporary)
    try folder.commit(replace: replace)
  }
}
