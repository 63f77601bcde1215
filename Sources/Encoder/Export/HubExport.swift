import Base
import Formats
import Glibc

extension ModelFolder {
  /// What an export for sentence-transformers wrote.
  public struct HubExport: Codable, Sendable, Equatable {
    /// The folder.
    public var path: String
    /// The modules that a text goes through, in their order.
    public var modules: [String]
    /// The number of elements of an embedding.
    public var width: Int
    /// The longest sentence in tokens.
    public var longest: Int
    /// The size of the weights' file in bytes.
    public var weightBytes: Int

    private enum CodingKeys: String, CodingKey {
      case path, modules, width, longest
      case weightBytes = "weight_bytes"
    }
  }

  private static let hubFiles: Set<String> = [
    File.configuration, File.weights, File.card, "modules.json", "sentence_bert_config.json",
    "config_sentence_transformers.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "1_Pooling/config.json", "1_WordWeights/config.json", "2_Pooling/config.json", "2_Dense/config.json",
    "2_Dense/model.safetensors", "3_Dense/config.json", "3_Dense/model.safetensors",
  ]

  /// Writes this model as a folder that Python's sentence-transformers opens without code of ours, with the same tokens and
  /// the same rows up to rounding: a BertModel, its tokenizer, the pooling as modules, and a card with the Hub's metadata.
  ///
  /// Training heads are left out. Computing is in single precision there, whatever type the weights are stored in.
  ///
  /// - Parameters:
  ///   - path: the new folder; its parent exists.
  ///   - type: `.float32` or `.float16`, of the Transformer's weights; what comes after it is float32.
  ///   - replace: whether a folder of that name and kind is replaced.
  /// - Throws: `Failure` naming the key of what the format cannot express, before anything is written; when a weight is not
  ///   finite or does not fit half precision; when the name is taken or writing fails. Nothing is left behind then.
  @discardableResult
  public func exportForSentenceTransformers(
    to path: String, type: ElementType = .float32, replace: Bool = false
  ) throws(Failure) -> HubExport {
    try checkIsFloat("exported")
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    let tokenizer = try HubTokenizerExport(expressibleTokenizer(), lowercase: configuration.lowercase)
    let wordWeights = try wordWeights(tokenizer.names)
    let text = HubCard.text(try cardText(), configuration)
    try StagedFolder.checkFree(path, files: Self.hubFiles, replace: replace)
    let folder = try StagedFolder(for: path, files: Self.hubFiles)
    func write(_ text: String, to name: String) throws(Failure) {
      let output = try OutputFile(path: "\(folder.temporary)/\(name)")
      try output.write(text)
      try output.commit()
    }

    try writeBert(to: "\(folder.temporary)/\(File.weights)", type: type)
    try write(bertConfiguration.text(), to: File.configuration)
    try write(tokenizer.json.text(levels: 4), to: "tokenizer.json")
    let special: KeyValuePairs<String, JSONText> = [
      "pad_token": .string(tokenizer.names[Int(Configuration.padID)]),
      "unk_token": .string(tokenizer.names[Int(Configuration.unknownID)]),
    ]
    try write(JSONText.members(special).text(), to: "special_tokens_map.json")
    // A text that spells a special token is cut into pieces like any other.
    let settings: [(name: String, value: JSONText)] =
      special.map { ($0.key, $0.value) } + [
        ("tokenizer_class", "PreTrainedTokenizerFast"), ("model_max_length", .int(configuration.maxPositionEmbeddings)),
        ("split_special_tokens", true), ("clean_up_tokenization_spaces", false), ("padding_side", "right"),
        ("truncation_side", "right"), ("model_input_names", .array(["input_ids", "attention_mask"])),
      ]
    try write(JSONText.object(settings).text(), to: "tokenizer_config.json")
    let longest = JSONText.members([
      "max_seq_length": .int(configuration.maxPositionEmbeddings), "do_lower_case": false,
    ])
    try write(longest.text(), to: "sentence_bert_config.json")
    // Queries and documents have prompts of their own, which a program may ask for by these names.
    let start = JSONText.string(HubTokenizerExport.start)
    let prompts = JSONText.members([
      "prompts": .members(["text": start, "query": start, "document": start]), "default_prompt_name": "text",
      "similarity_fn_name": "cosine",
    ])
    try write(prompts.text(), to: "config_sentence_transformers.json")

    var modules: [(folder: String, kind: String)] = [("", "Transformer")]
    func add(_ kind: String, _ config: JSONText) throws(Failure) -> String {
      let name = "\(modules.count)_\(kind)"
      modules.append((name, kind))
      try folder.makeFolder(name)
      try write(config.text(), to: "\(name)/config.json")
      return "\(folder.temporary)/\(name)"
    }
    if let wordWeights { _ = try add("WordWeights", wordWeights) }
    let pooling = JSONText.members([
      "word_embedding_dimension": .int(configuration.hiddenSize), "pooling_mode_cls_token": false,
      "pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": false, "pooling_mode_mean_sqrt_len_tokens": false,
      "pooling_mode_weightedmean_tokens": false, "pooling_mode_lasttoken": false, "include_prompt": true,
    ])
    _ = try add("Pooling", pooling)
    if let size = configuration.projectionSize {
      let dense = JSONText.members([
        "in_features": .int(configuration.hiddenSize), "out_features": .int(size), "bias": true,
        "activation_function": "torch.nn.modules.linear.Identity",
      ])
      let inside = try add("Dense", dense)
      let names = ["weight", "bias"].map { (from: "\(ModelName.projection).\($0)", to: "linear.\($0)") }
      try copy(names, to: "\(inside)/\(File.weights)", type: .float32)
    }
    let list = modules.enumerated().map { i, module in
      JSONText.members([
        "idx": .int(i), "name": .string("\(i)"), "path": .string(module.folder),
        "type": .string("sentence_transformers.models.\(module.kind)"),
      ])
    }
    try write(JSONText.array(list).text(), to: "modules.json")
    try write(text, to: File.card)
    try folder.commit(replace: replace)
    let written = try SafeTensors(path: "\(path)/\(File.weights)")
    return HubExport(
      path: path, modules: modules.map(\.kind), width: configuration.embeddingSize,
      longest: configuration.maxPositionEmbeddings, weightBytes: written.entries.reduce(0) { $0 + $1.byteCount })
  }

  /// The tokenizer of a model that the format can express.
  private func expressibleTokenizer() throws(Failure) -> Tokenizer {
    let family = configuration.layout.family
    guard family == .ems, let tokenizer = sentencePiece else {
      throw Failure(
        .badData, "\(path)/\(File.configuration)", at: "\(Configuration.layoutKey).family",
        "is \"\(family.rawValue)\"; only models of the EMS family are exported for sentence-transformers",
        remedy: "use the folder that the model was imported from")
    }
    guard configuration.pretokenizer == .none else {
      throw Failure(
        .badData, "\(path)/\(File.configuration)", at: "pretokenizer",
        "is \"\(configuration.pretokenizer.rawValue)\"; a Hugging Face tokenizer cannot cut text into words as it does",
        remedy: "use this folder with ems, which does")
    }
    return tokenizer
  }

  /// The card as it is; empty if there is none.
  func cardText() throws(Failure) -> String {
    guard FileSystem.access("\(path)/\(File.card)", F_OK) == 0 else { return "" }
    let file = try MappedFile(path: "\(path)/\(File.card)")
    return unsafe file.bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  // MARK: Weights

  private var bertConfiguration: JSONText {
    .members([
      "architectures": .array(["BertModel"]), "model_type": "bert", "vocab_size": .int(configuration.vocabSize),
      "hidden_size": .int(configuration.hiddenSize), "num_hidden_layers": .int(configuration.numHiddenLayers),
      "num_attention_heads": .int(configuration.numAttentionHeads),
      "intermediate_size": .int(configuration.intermediateSize), "hidden_act": "silu",
      "max_position_embeddings": .int(configuration.maxPositionEmbeddings), "type_vocab_size": 1,
      "layer_norm_eps": .double(configuration.layerNormEps), "pad_token_id": .int(Int(Configuration.padID)),
      "position_embedding_type": "absolute", "hidden_dropout_prob": .double(0.1),
      "attention_probs_dropout_prob": .double(0.1), "initializer_range": .double(0.02), "use_cache": false,
      // What is computed in; without it, new versions would take the type that the weights are stored in.
      "dtype": "float32",
    ])
  }

  /// The Transformer under BERT's names. Its token types are all zero; so is the pooler, which sentence-transformers does not
  /// use but would report as missing.
  private func writeBert(to path: String, type: ElementType) throws(Failure) {
    let names = TensorNames.released
    var tensors: [(from: String?, shape: TensorShape, skipping: Int)] = []
    func add(_ name: String, from source: String?, _ shape: [Int], skipping: Int = 0) {
      tensors.append((source, TensorShape(name: name, shape: shape), skipping))
    }
    let (d, f) = (configuration.hiddenSize, configuration.intermediateSize)
    func linear(_ name: String, from source: String, _ outputs: Int, _ inputs: Int) {
      add("\(name).weight", from: "\(source).weight", [outputs, inputs])
      add("\(name).bias", from: "\(source).bias", [outputs])
    }
    func norm(_ name: String, from source: String) {
      for part in ["weight", "bias"] { add("\(name).\(part)", from: "\(source).\(part)", [d]) }
    }
    add("embeddings.word_embeddings.weight", from: names.words, [configuration.vocabSize, d])
    // Positions count from 1 here; row 0 is that of padding.
    add(
      "embeddings.position_embeddings.weight", from: names.positions, [configuration.maxPositionEmbeddings, d],
      skipping: d)
    add("embeddings.token_type_embeddings.weight", from: nil, [1, d])
    norm("embeddings.LayerNorm", from: names.embeddingNorm)
    for i in 0..<configuration.numHiddenLayers {
      let (to, from) = ("encoder.layer.\(i).", "\(names.layers)\(i).")
      for part in ["query", "key", "value"] {
        linear("\(to)attention.self.\(part)", from: "\(from)\(names.attention).\(part)", d, d)
      }
      linear("\(to)attention.output.dense", from: from + names.attentionOutput, d, d)
      norm("\(to)attention.output.LayerNorm", from: from + names.attentionNorm)
      linear("\(to)intermediate.dense", from: from + names.up, f, d)
      linear("\(to)output.dense", from: from + names.down, d, f)
      norm("\(to)output.LayerNorm", from: from + names.outputNorm)
    }
    add("pooler.dense.weight", from: nil, [d, d])
    add("pooler.dense.bias", from: nil, [d])
    let writer = try SafeTensorsWriter(
      path: path, tensors: tensors.map(\.shape), type: type, metadata: ["format": "pt"])
    for tensor in tensors {
      guard let source = tensor.from else {
        let zeros = [Float](repeating: 0, count: d)
        for _ in 0..<tensor.shape.count / d { try writer.append(zeros.span) }
        continue
      }
      try copy(source, skipping: tensor.skipping, to: writer)
    }
    try writer.commit()
  }

  private func copy(_ names: [(from: String, to: String)], to path: String, type: ElementType) throws(Failure) {
    var shapes: [TensorShape] = []
    for name in names { shapes.append(TensorShape(name: name.to, shape: try weights.entry(name.from).shape)) }
    let writer = try SafeTensorsWriter(path: path, tensors: shapes, type: type, metadata: ["format": "pt"])
    for name in names { try copy(name.from, to: writer) }
    try writer.commit()
  }

  /// Appends a tensor without its first elements.
  private func copy(_ name: String, skipping: Int = 0, to writer: SafeTensorsWriter) throws(Failure) {
    var done = 0
    try weights.forEachPiece(of: name) { (piece) throws(Failure) in
      if let index = firstNonFiniteIndex(piece) {
        throw Failure(
          .badData, weights.path, at: "tensor \(name)", "element \(done + index) is not a finite number",
          remedy: "the training diverged or the file is damaged: use another checkpoint")
      }
      let start = min(max(skipping - done, 0), piece.count)
      done += piece.count
      try writer.append(piece.extracting(start..<piece.count))
    }
  }

  /// The numbers by which `WordWeights` multiplies tokens before their mean; nil for the plain mean.
  ///
  /// The mean is over their sum, so that a common factor does not count. It is chosen for numbers that single precision holds
  /// well, and above 10^-9, to which sentence-transformers raises a smaller sum.
  private func wordWeights(_ names: [String]) throws(Failure) -> JSONText? {
    guard configuration.pooling == .weighted else { return nil }
    let logarithms = try weights.floats(ModelName.poolingWeight)
    let place = "tensor \(ModelName.poolingWeight)"
    if let index = firstNonFiniteIndex(logarithms.span) {
      throw Failure(.badData, weights.path, at: place, "element \(index) is not a finite number")
    }
    let (least, most) = (logarithms.min() ?? 0, logarithms.max() ?? 0)
    guard most - least <= 60 else {
      throw Failure(
        .badData, weights.path, at: place,
        "reaches from \(least) to \(most), which sentence-transformers cannot express in single precision",
        remedy: "the format ems keeps this model")
    }
    let shift = least < -15 || most > 40 ? Double(least) : 0
    let factors = logarithms.map { JSONText.double(exp(Double($0) - shift)) }
    return .members([
      "vocab": .array(names.map { .string($0) }), "word_weights": .object(Array(zip(names, factors).map { ($0, $1) })),
      "unknown_word_weight": 1,
    ])
  }
}
