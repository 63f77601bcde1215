import Base
import Formats
import Kernels

/// A model of another layout, understood but not read: what it is here, and how every tensor is made.
struct ImportedEncoder {
  var configuration: Configuration
  /// By the name that the tensor has here.
  var recipes: [String: TensorRecipe] = [:]
}

/// Hugging Face's `config.json` of the families that are known, and where their tensors are.
enum TransformerFamilies {
  /// Keys that say how a model was trained, saved or used for generating, which changes no embedding.
  private static let harmless: Set<String> = [
    "architectures", "model_type", "_name_or_path", "name_or_path", "transformers_version", "torch_dtype", "dtype",
    "attention_probs_dropout_prob", "hidden_dropout_prob", "attention_dropout", "activation_dropout", "dropout",
    "classifier_dropout", "classif_dropout", "seq_classif_dropout", "qa_dropout", "encoder_layerdrop", "layerdrop",
    "initializer_range", "init_std", "use_cache", "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id",
    "unk_token_id", "mask_token_id", "pad_token_id", "gradient_checkpointing", "directionality", "pooler_fc_size",
    "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type", "output_past",
    "output_attentions", "output_hidden_states", "return_dict", "id2label", "label2id", "num_labels", "problem_type",
    "finetuning_task", "task_specific_params", "tokenizer_class", "chunk_size_feed_forward", "tie_weights_",
    "tie_word_embeddings", "sinusoidal_pos_embds", "is_encoder_decoder", "num_hidden_layers", "max_length",
    "min_length", "num_beams", "num_return_sequences", "do_sample", "early_stopping", "length_penalty",
    "no_repeat_ngram_size", "temperature", "top_k", "top_p", "repetition_penalty", "forced_eos_token_id",
    "forced_bos_token_id", "diversity_penalty", "num_beam_groups", "typical_p", "prefix", "use_bfloat16",
    "torchscript", "sentence_transformers", "attn_implementation", "_attn_implementation_autoset",
    "emb_layer_norm_before",
  ]

  /// Understands a `config.json`.
  ///
  /// - Parameters:
  ///   - config: the file.
  ///   - weights: looked into for names and shapes only.
  ///   - longest: the longest input that the folder asks for, nil where it leaves that to the position table.
  ///   - ignoring: keys that the user says change nothing.
  /// - Throws: `Failure` naming the key and value that are not supported, or the tensor that does not fit.
  static func encoder(
    _ config: JSONObject, weights: () throws(Failure) -> WeightFiles, longest: Int?, ignoring: Set<String>
  ) throws(Failure) -> ImportedEncoder {
    let type = try config.string("model_type")
    let layout: Layout
    switch type {
    case "bert": layout = try bert(config, .bert)
    case "xlm-roberta": layout = try bert(config, .xlmRoberta)
    case "roberta", "camembert": layout = try bert(config, .roberta)
    case "distilbert": layout = try distilbert(config)
    case "m2m_100": layout = try m2m(config)
    case nil:
      throw Failure(
        .badData, config.path, at: "model_type", "the key is missing, so that the family is not known",
        remedy: "the families are bert, xlm-roberta, roberta, distilbert, m2m_100")
    case let other?:
      throw Failure(
        .badData, config.path, at: "model_type", "is \"\(other)\", which is not supported",
        remedy: "the families are bert, xlm-roberta, roberta, distilbert, m2m_100")
    }
    try config.expect("emb_layer_norm_before", [.bool(false)])
    try config.finish(harmless: harmless, prefixes: ["decoder_"], ignoring: ignoring)
    var encoder = layout.encoder
    encoder.configuration.maxPositionEmbeddings = min(layout.positions, longest ?? layout.positions)
    try encoder.configuration.check(file: config.path)
    let files = try weights()
    try addRecipes(to: &encoder, layout, files)
    return encoder
  }

  /// A family's own names and what its positions are.
  private struct Layout {
    var encoder: ImportedEncoder
    /// The longest input that the table of positions has room for.
    var positions: Int
    var table: Table
    var names: Names

    enum Table {
      /// Learned, with the rows of the stored table, the first that a token has, and the number of token types.
      case learned(rows: Int, first: Int, types: Int)
      /// Computed, from this angle on; what words are multiplied by.
      case sinusoids(first: Int, scale: Float)
    }
    struct Names {
      /// What word tables may be called, behind a prefix.
      var words: [String]
      var positions = "", types = "", embeddingNorm = ""
      var finalNorm: String?
      /// Before a layer's number.
      var layers: String
      var query: String, key: String, value: String, attentionOutput: String, attentionNorm: String
      var up: String, down: String, outputNorm: String
    }
  }

  private static func activation(_ config: JSONObject, _ key: String, default name: String) throws(Failure)
    -> Activation
  {
    let found = try config.string(key)
    switch found ?? name {
    case "gelu", "gelu_python": return .gelu
    case "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate": return .geluTanh
    case "relu": return .relu
    case "silu", "swish": return .swish
    default:
      throw config.unsupported(
        key, .string(found ?? name), remedy: "the activations are gelu, gelu_new, relu and silu")
    }
  }

  private static func configuration(
    _ family: EncoderLayout.Family, layers: Int, hidden: Int, heads: Int, feedForward: Int, vocabulary: Int,
    eps: Double,
    _ activation: Activation
  ) -> Configuration {
    var result = Configuration(
      numHiddenLayers: layers, hiddenSize: hidden, numAttentionHeads: heads, intermediateSize: feedForward,
      vocabSize: vocabulary, layerNormEps: eps, lowercase: false)
    result.layout = EncoderLayout(family: family)
    result.layout.activation = activation
    return result
  }

  /// BERT and what keeps its names: RoBERTa and XLM-R count positions from behind the padding's id.
  private static func bert(_ config: JSONObject, _ family: EncoderLayout.Family) throws(Failure) -> Layout {
    try config.expect("position_embedding_type", [.string("absolute")])
    try config.expect("is_decoder", [.bool(false)])
    let hidden = try config.requiredInt("hidden_size")
    if let size = try config.int("embedding_size"), size != hidden {
      throw config.unsupported("embedding_size", .int(size))
    }
    let made = configuration(
      family, layers: try config.requiredInt("num_hidden_layers"), hidden: hidden,
      heads: try config.requiredInt("num_attention_heads"), feedForward: try config.requiredInt("intermediate_size"),
      vocabulary: try config.requiredInt("vocab_size"), eps: try config.double("layer_norm_eps") ?? 1e-12,
      try activation(config, "hidden_act", default: "gelu"))
    let rows = try config.requiredInt("max_position_embeddings")
    var first = 0
    if family != .bert {
      let padding = try config.int("pad_token_id") ?? 1
      guard (0..<1 << 20).contains(padding) else { throw config.unsupported("pad_token_id", .int(padding)) }
      first = padding + 1
    }
    guard (1...1 << 20).contains(rows), rows > first else {
      throw config.unsupported("max_position_embeddings", .int(rows))
    }
    let types = try config.int("type_vocab_size") ?? 2
    guard (1...1 << 20).contains(types) else { throw config.unsupported("type_vocab_size", .int(types)) }
    return Layout(
      encoder: ImportedEncoder(configuration: made), positions: rows - first,
      table: .learned(rows: rows, first: first, types: types),
      names: Layout.Names(
        words: ["embeddings.word_embeddings.weight"], positions: "embeddings.position_embeddings.weight",
        types: "embeddings.token_type_embeddings.weight", embeddingNorm: "embeddings.LayerNorm",
        layers: "encoder.layer.", query: "attention.self.query", key: "attention.self.key",
        value: "attention.self.value", attentionOutput: "attention.output.dense",
        attentionNorm: "attention.output.LayerNorm", up: "intermediate.dense", down: "output.dense",
        outputNorm: "output.LayerNorm"))
  }

  private static func distilbert(_ config: JSONObject) throws(Failure) -> Layout {
    let made = configuration(
      .distilbert, layers: try config.requiredInt("n_layers"), hidden: try config.requiredInt("dim"),
      heads: try config.requiredInt("n_heads"), feedForward: try config.requiredInt("hidden_dim"),
      vocabulary: try config.requiredInt("vocab_size"), eps: 1e-12,
      try activation(config, "activation", default: "gelu"))
    let rows = try config.requiredInt("max_position_embeddings")
    guard (1...1 << 20).contains(rows) else { throw config.unsupported("max_position_embeddings", .int(rows)) }
    return Layout(
      encoder: ImportedEncoder(configuration: made), positions: rows,
      table: .learned(rows: rows, first: 0, types: 0),
      names: Layout.Names(
        words: ["embeddings.word_embeddings.weight"], positions: "embeddings.position_embeddings.weight",
        embeddingNorm: "embeddings.LayerNorm", layers: "transformer.layer.", query: "attention.q_lin",
        key: "attention.k_lin", value: "attention.v_lin", attentionOutput: "attention.out_lin",
        attentionNorm: "sa_layer_norm", up: "ffn.lin1", down: "ffn.lin2", outputNorm: "output_layer_norm"))
  }

  /// The encoder of M2M-100: normalises first, positions are sines and cosines, words are multiplied by the root of the
  /// width.
  private static func m2m(_ config: JSONObject) throws(Failure) -> Layout {
    let hidden = try config.requiredInt("d_model")
    var made = configuration(
      .m2m100, layers: try config.requiredInt("encoder_layers"), hidden: hidden,
      heads: try config.requiredInt("encoder_attention_heads"), feedForward: try config.requiredInt("encoder_ffn_dim"),
      vocabulary: try config.requiredInt("vocab_size"), eps: 1e-5,
      try activation(config, "activation_function", default: "relu"))
    made.layout.normalisesFirst = true
    made.layout.embeddingNorm = false
    made.layout.finalNorm = true
    guard hidden.isMultiple(of: 2) else { throw config.unsupported("d_model", .int(hidden)) }
    let padding = try config.int("pad_token_id") ?? 1
    guard (0..<1 << 20).contains(padding) else { throw config.unsupported("pad_token_id", .int(padding)) }
    let rows = try config.requiredInt("max_position_embeddings")
    guard (1...1 << 20).contains(rows) else { throw config.unsupported("max_position_embeddings", .int(rows)) }
    let scaled = try config.bool("scale_embedding") ?? true
    return Layout(
      encoder: ImportedEncoder(configuration: made), positions: rows,
      table: .sinusoids(first: padding + 1, scale: scaled ? Float(hidden).squareRoot() : 1),
      names: Layout.Names(
        words: ["embed_tokens.weight"], finalNorm: "layer_norm", layers: "layers.", query: "self_attn.q_proj",
        key: "self_attn.k_proj", value: "self_attn.v_proj", attentionOutput: "self_attn.out_proj",
        attentionNorm: "self_attn_layer_norm", up: "fc1", down: "fc2", outputNorm: "final_layer_norm"))
  }

  // MARK: Tensors

  /// What may stand before the names: the module that a model was part of when it was saved.
  private static let prefixes = [
    "", "bert.", "roberta.", "distilbert.", "model.", "encoder.", "model.encoder.", "0.auto_model.", "auto_model.",
    "0.auto_model.encoder.", "module.", "0.model.",
  ]

  private static func addRecipes(
    to encoder: inout ImportedEncoder, _ layout: Layout, _ weights: WeightFiles
  ) throws(Failure) {
    let names = layout.names
    // A layer's name tells the encoder from a decoder, which has word tables too.
    let marks = encoder.configuration.numHiddenLayers > 0 ? ["\(names.layers)0.\(names.query).weight"] : names.words
    let found = prefixes.filter { prefix in marks.contains { weights.description(of: prefix + $0) != nil } }
    guard let prefix = found.first, found.count == 1 else {
      let family = encoder.configuration.layout.family.rawValue
      throw Failure(
        .badData, weights.path,
        found.isEmpty
          ? "holds no tensor \(marks[0]), as a model of the family \(family) has"
          : "holds several models, under \(found.map { "\"\($0)\"" }.joined(separator: ", "))",
        remedy: found.isEmpty
          ? "its first tensors are \(weights.names.prefix(3).joined(separator: ", ")): check that the weights go with "
            + "config.json" : "save the one to import by itself")
    }
    // The table may belong to encoder and decoder together.
    let words = (names.words.map { prefix + $0 } + ["shared.weight", "model.shared.weight"]).first {
      weights.description(of: $0) != nil
    }
    let schema = encoder.configuration.schema()
    var recipes: [String: TensorRecipe] = [:]
    let canonical = TensorNames.canonical

    func norm(_ mine: String, _ theirs: String) {
      // Checkpoints that come from TensorFlow call them gamma and beta.
      let old = weights.description(of: "\(theirs).gamma") != nil
      recipes["\(mine).weight"] = .stored(old ? "\(theirs).gamma" : "\(theirs).weight")
      recipes["\(mine).bias"] = .stored(old ? "\(theirs).beta" : "\(theirs).bias")
    }
    func linear(_ mine: String, _ theirs: String) {
      recipes["\(mine).weight"] = .stored("\(theirs).weight")
      recipes["\(mine).bias"] = .stored("\(theirs).bias")
    }
    let table = words ?? prefix + names.words[0]
    switch layout.table {
    case .learned(let rows, let first, let types):
      recipes[canonical.words] = .stored(table)
      recipes[canonical.positions] = .positions(
        table: prefix + names.positions, tableRows: rows, first: first, types: types == 0 ? nil : prefix + names.types,
        typeRows: types)
    case .sinusoids(let first, let scale):
      recipes[canonical.words] = scale == 1 ? .stored(table) : .scaled(table, scale)
      recipes[canonical.positions] = .sinusoids(first: first)
    }
    if encoder.configuration.layout.embeddingNorm { norm(canonical.embeddingNorm, prefix + names.embeddingNorm) }
    if let last = names.finalNorm { norm(ModelName.finalNorm, prefix + last) }
    for i in 0..<encoder.configuration.numHiddenLayers {
      let (mine, theirs) = ("\(canonical.layers)\(i).", "\(prefix)\(names.layers)\(i).")
      linear("\(mine)\(canonical.attention).query", theirs + names.query)
      linear("\(mine)\(canonical.attention).key", theirs + names.key)
      linear("\(mine)\(canonical.attention).value", theirs + names.value)
      linear(mine + canonical.attentionOutput, theirs + names.attentionOutput)
      norm(mine + canonical.attentionNorm, theirs + names.attentionNorm)
      linear(mine + canonical.up, theirs + names.up)
      linear(mine + canonical.down, theirs + names.down)
      norm(mine + canonical.outputNorm, theirs + names.outputNorm)
    }
    encoder.recipes = recipes
    for tensor in schema {
      for source in recipes[tensor.name]?.sources(for: tensor.shape.shape) ?? [] {
        try weights.check(source.name, source.shape)
      }
    }
    // A model with more layers than its configuration says would lose them in silence.
    let more = "\(prefix)\(names.layers)\(encoder.configuration.numHiddenLayers).\(names.query).weight"
    if weights.description(of: more) != nil {
      throw Failure(
        .badData, weights.path, at: "tensor \(more)",
        "belongs to a layer that config.json does not know: it says \(encoder.configuration.numHiddenLayers) layers",
        remedy: "the weights and config.json belong to different models")
    }
  }
}
