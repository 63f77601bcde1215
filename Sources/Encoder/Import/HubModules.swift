import Base
import Formats
import Glibc
import Kernels

/// What a sentence-transformers folder does with the rows of tokens, and with texts before.
struct HubModules {
  /// The folder of the Transformer itself.
  var transformer: String
  var poolings: [EncoderLayout.TokenPooling] = [.mean]
  /// Layers behind the pooling, with the folder of each one's weights.
  var dense: [(layer: EncoderLayout.DenseLayer, inputs: Int, folder: String)] = []
  var unitLength = false
  var lowercase = false
  /// The longest input that the folder asks for, in tokens.
  var longest: Int?
  var prompts: [String: String] = [:]
  var defaultPrompt: String?
  /// What was decided without the folder saying so.
  var notes: [String] = []

  /// Reads the descriptions in a folder; no weights.
  ///
  /// - Parameters:
  ///   - pooling: what takes the place of the folder's; nil for what it says, which is the mean if it says nothing.
  /// - Throws: `Failure` naming the module, key and value that are not supported.
  init(_ folder: String, pooling: EncoderLayout.TokenPooling?, ignoring: Set<String>) throws(Failure) {
    transformer = folder
    let modules = "\(folder)/modules.json"
    if Self.exists(modules) {
      try readModules(modules, folder, ignoring)
    } else {
      notes.append("\(folder) has no modules.json, so that it does not say how tokens become a sentence")
      if pooling == nil { notes.append("the mean of the tokens is taken; --pooling names another") }
    }
    if let pooling {
      poolings = [pooling]
    }
    try readLongest(ignoring)
    let settings = "\(folder)/config_sentence_transformers.json"
    if Self.exists(settings) { try readSettings(settings, ignoring) }
  }

  private static func exists(_ path: String) -> Bool { FileSystem.access(path, F_OK) == 0 }

  private mutating func readModules(_ path: String, _ folder: String, _ ignoring: Set<String>) throws(Failure) {
    guard case .array(let items) = try JSONObject.value(path) else {
      throw Failure(.badData, path, "is not a JSON list")
    }
    guard items.count <= 64 else { throw Failure(.badData, path, "lists \(items.count) modules; at most 64 are read") }
    var pooled = false
    for (i, item) in items.enumerated() {
      guard case .object(let values) = item else { throw Failure(.badData, path, at: "[\(i)]", "is not an object") }
      let module = JSONObject(values, path: "\(path): [\(i)]")
      let type = try module.string("type") ?? ""
      let place = try module.string("path") ?? ""
      guard !place.hasPrefix("/"), !place.split(separator: "/").contains("..") else {
        throw Failure(.badData, path, at: "[\(i)].path", "is \"\(place)\", which is outside the folder")
      }
      let inside = place.isEmpty ? folder : "\(folder)/\(place)"
      let kind = type.split(separator: ".").last.map(String.init) ?? ""
      guard !unitLength || kind == "Dropout" else {
        throw Failure(.badData, path, at: "[\(i)].type", "is \"\(type)\" behind a Normalize, which is not supported")
      }
      let isFirst = i == 0
      switch kind {
      case "Transformer" where isFirst: transformer = inside
      case "Pooling" where !pooled && !isFirst && dense.isEmpty:
        try readPooling("\(inside)/config.json", ignoring)
        pooled = true
      case "Dense" where pooled: try readDense(inside, ignoring)
      case "Normalize" where pooled: unitLength = true
      // Does nothing outside training.
      case "Dropout" where pooled: break
      default:
        throw Failure(
          .badData, path, at: "[\(i)].type", "is \"\(type)\", which is not supported at this place",
          remedy: "supported are a Transformer, a Pooling, then Dense layers and a Normalize")
      }
    }
    guard pooled else { throw Failure(.badData, path, "has no Pooling, so that it gives no row a sentence") }
  }

  private mutating func readPooling(_ path: String, _ ignoring: Set<String>) throws(Failure) {
    let config = try JSONObject.read(path)
    // Older folders have a switch for each way, newer ones a name or a list of names.
    let switches: [(String, EncoderLayout.TokenPooling)] = [
      ("pooling_mode_cls_token", .cls), ("pooling_mode_max_tokens", .max), ("pooling_mode_mean_tokens", .mean),
      ("pooling_mode_mean_sqrt_len_tokens", .meanSqrtLength), ("pooling_mode_weightedmean_tokens", .weightedMean),
      ("pooling_mode_lasttoken", .last),
    ]
    var ways: [EncoderLayout.TokenPooling] = []
    for (key, way) in switches {
      let on = try config.bool(key)
      if on == true { ways.append(way) }
    }
    let names: [String: EncoderLayout.TokenPooling] = [
      "cls": .cls, "max": .max, "mean": .mean, "mean_sqrt_len_tokens": .meanSqrtLength,
      "weightedmean": .weightedMean, "lasttoken": .last,
    ]
    if let value = config.value("pooling_mode") {
      var listed: [JSONValue] = [value]
      if case .array(let several) = value { listed = several }
      ways = []
      for name in listed {
        guard case .string(let text) = name, let way = names[text] else {
          throw config.unsupported("pooling_mode", name)
        }
        ways.append(way)
      }
    }
    guard !ways.isEmpty else { throw Failure(.badData, path, "names no way of pooling") }
    poolings = ways
    try config.expect("include_prompt", [.bool(true)])
    _ = config.value("word_embedding_dimension")
    _ = config.value("embedding_dimension")
    try config.finish(ignoring: ignoring)
  }

  private mutating func readDense(_ folder: String, _ ignoring: Set<String>) throws(Failure) {
    let config = try JSONObject.read("\(folder)/config.json")
    let inputs = try config.requiredInt("in_features")
    let outputs = try config.requiredInt("out_features")
    let bias = try config.bool("bias") ?? true
    let name = try config.string("activation_function") ?? "torch.nn.modules.activation.Tanh"
    let activation: Activation
    switch name.split(separator: ".").last {
    case "Tanh": activation = .tanh
    case "Identity": activation = .identity
    case "ReLU": activation = .relu
    case "GELU": activation = .gelu
    case "SiLU": activation = .swish
    default: throw config.unsupported("activation_function", .string(name))
    }
    try config.expect("module_input_name", [.string("sentence_embedding")])
    try config.expect("module_output_name", [.string("sentence_embedding")])
    try config.finish(ignoring: ignoring)
    guard (1...65536).contains(outputs) else { throw config.unsupported("out_features", .int(outputs)) }
    dense.append((EncoderLayout.DenseLayer(size: outputs, activation: activation, bias: bias), inputs, folder))
  }

  /// The longest input, and whether text is lower-cased first.
  private mutating func readLongest(_ ignoring: Set<String>) throws(Failure) {
    let kinds = ["bert", "roberta", "distilbert", "camembert", "xlm-roberta"]
    for kind in kinds {
      let path = "\(transformer)/sentence_\(kind)_config.json"
      guard Self.exists(path) else { continue }
      let config = try JSONObject.read(path)
      longest = try config.int("max_seq_length")
      if let length = longest, !(1...1 << 20).contains(length) {
        throw config.unsupported("max_seq_length", .int(length))
      }
      lowercase = try config.bool("do_lower_case") ?? false
      try config.expect("transformer_task", [.string("feature-extraction")])
      try config.expect(
        "modality_config",
        [
          .object(["text": .object(["method": .string("forward"), "method_output_name": .string("last_hidden_state")])])
        ])
      try config.expect("module_output_name", [.string("token_embeddings")])
      try config.finish(harmless: ["unpad_inputs"], ignoring: ignoring)
      break
    }
    // The tokenizer may allow less; without a limit Python writes 10^30.
    let path = "\(transformer)/tokenizer_config.json"
    if Self.exists(path) {
      let config = try JSONObject.read(path)
      if case .int(let length)? = config.value("model_max_length"), length >= 1 {
        longest = min(longest ?? length, length)
      }
    }
  }

  private mutating func readSettings(_ path: String, _ ignoring: Set<String>) throws(Failure) {
    let config = try JSONObject.read(path)
    if let texts = try config.object("prompts") {
      guard texts.values.count <= 1000 else { throw Failure(.badData, path, at: "prompts", "holds more than 1000") }
      for name in texts.values.keys.sorted() {
        if let text = try texts.string(name) { prompts[name] = text }
      }
    }
    defaultPrompt = try config.string("default_prompt_name")
    try config.expect("model_type", [.string("SentenceTransformer")])
    try config.expect("truncate_dim", [])
    try config.finish(harmless: ["__version__", "similarity_fn_name"], ignoring: ignoring)
  }
}
