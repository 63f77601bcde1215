import Base
import Formats
import Glibc

/// Makes a model folder of an encoder that others published: a Hugging Face or sentence-transformers folder, or LASER2's
/// checkpoint. Nothing is fetched, and no code of the source is run.
public struct ModelImport: Sendable {
  /// What a source does not say itself.
  public struct Options: Sendable {
    /// `.float32` or `.float16`, the type written.
    public var type = ElementType.float32
    /// How tokens become a sentence, in place of what the folder says; nil for that.
    public var pooling: EncoderLayout.TokenPooling?
    /// Keys of the source's configuration that change no number, although they are not known here.
    public var ignoredKeys: Set<String> = []
    /// Whether a model folder of the output's name is replaced.
    public var replace = false

    /// The usual.
    public init() {}
  }

  /// What an import did.
  public struct Report: Sendable, Equatable {
    /// The model's configuration.
    public var configuration: Configuration
    /// What was decided without the source saying so.
    public var notes: [String]
    /// Tensors of the source that were left out.
    public var ignored: [String]
  }

  /// The source.
  let source: String
  /// What it is.
  let encoder: ImportedEncoder
  let notes: [String]
  private let tokenizerFolder: String
  /// The files of the recipes, the encoder's first: each layer behind the pooling has its own.
  private let weights: WeightFiles
  private let dense: [WeightFiles]

  /// The configuration of the model.
  public var configuration: Configuration { encoder.configuration }

  /// Understands a source: reads its descriptions, and of its weights names and shapes.
  ///
  /// - Throws: `Failure` naming what is not supported, missing, or does not fit.
  public init(_ source: String, _ options: Options = Options()) throws(Failure) {
    var source = source
    while source.count > 1, source.hasSuffix("/") { source.removeLast() }
    self.source = source
    if let checkpoint = try Self.laserCheckpoint(source) {
      weights = WeightFiles(.checkpoint(try Checkpoint(plainStateDict: checkpoint, under: "model")))
      encoder = try LaserImport.encoder(weights)
      dense = []
      notes = []
      tokenizerFolder = checkpoint.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
        separator: "/")
      return
    }
    let modules = try HubModules(source, pooling: options.pooling, ignoring: options.ignoredKeys)
    let path = "\(modules.transformer)/config.json"
    guard FileSystem.access(path, F_OK) == 0 else {
      throw Failure(
        .missingInput, source, "has no config.json, so it is no model of Hugging Face's",
        remedy: "name a folder with config.json and its weights, or LASER2's laser2.pt")
    }
    let config = try JSONObject.read(path)
    var found: WeightFiles?
    var encoder = try TransformerFamilies.encoder(
      config,
      weights: { () throws(Failure) in
        let files = try WeightFiles(folder: modules.transformer)
        found = files
        return files
      }, longest: modules.longest, ignoring: options.ignoredKeys)
    guard let found else { throw Failure(.software, source, "has weights that were not opened") }
    encoder.configuration.lowercase = modules.lowercase
    encoder.configuration.layout.poolings = modules.poolings
    encoder.configuration.layout.unitLength = modules.unitLength
    encoder.configuration.layout.prompts = modules.prompts
    encoder.configuration.layout.defaultPrompt = modules.defaultPrompt
    encoder.configuration.layout.licence = try Self.licence(source)
    var dense: [WeightFiles] = []
    var inputs = encoder.configuration.pooledSize
    for (i, module) in modules.dense.enumerated() {
      guard module.inputs == inputs else {
        throw Failure(
          .badData, "\(module.folder)/config.json", at: "in_features",
          "is \(module.inputs), but what comes before gives \(inputs)")
      }
      let files = try WeightFiles(folder: module.folder)
      encoder.configuration.layout.dense.append(module.layer)
      encoder.recipes["\(ModelName.dense(i)).weight"] = .stored("linear.weight")
      try files.check("linear.weight", [module.layer.size, inputs])
      if module.layer.bias {
        encoder.recipes["\(ModelName.dense(i)).bias"] = .stored("linear.bias")
        try files.check("linear.bias", [module.layer.size])
      }
      dense.append(files)
      inputs = module.layer.size
    }
    try encoder.configuration.check(file: path)
    self.dense = dense
    weights = found
    self.encoder = encoder
    notes = modules.notes
    tokenizerFolder = modules.transformer
  }

  /// LASER's checkpoint among the files of a source, or the source itself; nil for a source of another kind.
  private static func laserCheckpoint(_ source: String) throws(Failure) -> String? {
    var status = stat()
    guard FileSystem.stat(source, &status) == 0 else { throw .system("cannot open", source, errno: errno) }
    if status.st_mode & S_IFMT != S_IFDIR { return source }
    let inside = "\(source)/laser2.pt"
    return FileSystem.access(inside, F_OK) == 0 && FileSystem.access("\(source)/config.json", F_OK) != 0 ? inside : nil
  }

  /// The licence that a card's first lines name, as the Hub writes them: `license: mit`.
  private static func licence(_ folder: String) throws(Failure) -> String? {
    let path = "\(folder)/README.md"
    guard FileSystem.access(path, F_OK) == 0 else { return nil }
    let file = try MappedFile(path: path)
    let head = file.bytes.extracting(0..<min(file.count, 1 << 16))
    let text = unsafe head.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.first == "---" else { return nil }
    for line in lines.dropFirst() {
      if line == "---" { return nil }
      guard line.hasPrefix("license:") else { continue }
      var value = line.dropFirst("license:".count).drop { $0 == " " }
      while let last = value.last, last == " " || last == "\r" { value.removeLast() }
      return value.isEmpty || value.utf8.count > 100 ? nil : String(value)
    }
    return nil
  }

  /// Writes the model folder, which appears under its name only when it is complete.
  ///
  /// - Parameter output: the folder; its parent exists.
  /// - Throws: `Failure` when the name is taken, the tokenizer is not supported or another model's, a weight is not finite,
  ///   or writing fails. Nothing is left behind then.
  @discardableResult
  public func write(to output: String, _ options: Options = Options()) throws(Failure) -> Report {
    try ModelFolder.write(
      to: output, configuration: configuration, tokenizer: importedTokenizer(from: tokenizerFolder), card: card,
      type: options.type, replace: options.replace
    ) { (shape, writer) throws(Failure) in try write(shape, to: writer) }
    return Report(configuration: configuration, notes: notes, ignored: ignoredTensors())
  }

  private var card: String {
    let c = configuration
    let layout = c.layout
    let name = source.split(separator: "/").last.map(String.init) ?? source
    var behind = layout.dense.map { "a layer to \($0.size) (\($0.activation.rawValue))" }
    if layout.unitLength { behind.append("length 1") }
    return """
      # \(name)

      Imported by `ems model import`.

      - Family: \(layout.family.rawValue), \(c.numHiddenLayers) layers, hidden size \(c.hiddenSize)\
      \(layout.lstmInputSize == nil ? ", \(c.numAttentionHeads) heads, feed-forward size \(c.intermediateSize)" : "")
      - Sentence: \(layout.poolings.map(\.rawValue).joined(separator: " + "))\(behind.map { ", \($0)" }.joined())
      - Longest input: \(c.maxPositionEmbeddings) tokens
      - Parameters: \(c.parameterCount)
      - Licence: \(layout.licence ?? "not named by the source")

      """
  }

  /// Writes the model's tensors alone.
  package func writeWeights(to path: String, type: ElementType = .float32) throws(Failure) {
    let shapes = configuration.tensorShapes()
    let writer = try SafeTensorsWriter(path: path, tensors: shapes, type: type, metadata: ["format": "pt"])
    for shape in shapes { try write(shape, to: writer) }
    try writer.commit()
  }

  /// Makes one tensor of the model.
  func write(_ shape: TensorShape, to writer: SafeTensorsWriter) throws(Failure) {
    guard let recipe = encoder.recipes[shape.name] else {
      throw Failure(.software, source, "there is no recipe for the tensor \(shape.name)")
    }
    var files = weights
    for i in dense.indices where shape.name.hasPrefix("\(ModelName.dense(i)).") { files = dense[i] }
    try recipe.write(shape, from: files, to: writer)
  }

  /// Tensors of the source that the model has no use for.
  func ignoredTensors() -> [String] {
    var used = Set<String>()
    for tensor in encoder.configuration.schema() where !tensor.name.hasPrefix("dense.") {
      for source in encoder.recipes[tensor.name]?.sources(for: tensor.shape.shape) ?? [] { used.insert(source.name) }
    }
    return weights.names.filter { !used.contains($0) }
  }
}
