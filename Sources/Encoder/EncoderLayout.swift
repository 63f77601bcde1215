import Base
import Kernels

/// What encoders do differently from each other beside their sizes. Families are brought into this one form when they are
/// imported, so that there is one forward pass; EMS, the family that is trained here, is one value of it.
///
/// Folded into the tables at import, and therefore not here: token types, offsets of positions, sinusoids, scaled
/// embeddings.
public struct EncoderLayout: Sendable, Equatable {
  /// Where a model comes from.
  public enum Family: String, Sendable, Codable, CaseIterable {
    /// Trained here, or a released EMS checkpoint.
    case ems
    /// BERT: LaBSE, MiniLM, multilingual-E5-small.
    case bert
    /// RoBERTa.
    case roberta
    /// XLM-R: multilingual E5 base and large, BGE-M3, multilingual MPNet.
    case xlmRoberta = "xlm-roberta"
    /// DistilBERT: distiluse.
    case distilbert
    /// The encoder of M2M-100 and NLLB: SONAR.
    case m2m100 = "m2m_100"
    /// LASER2: an LSTM in both directions.
    case laser2
  }

  /// How a sentence's tokens become one row.
  public enum TokenPooling: String, Sendable, Codable, CaseIterable {
    /// The first token's.
    case cls
    /// The largest of every element.
    case max
    /// The mean.
    case mean
    /// The sum over the square root of the number of tokens.
    case meanSqrtLength = "mean_sqrt_len"
    /// The mean weighted by the tokens' places, 1, 2, ...
    case weightedMean = "weightedmean"
    /// The last token's.
    case last = "lasttoken"
  }

  /// A linear layer behind the pooling.
  public struct DenseLayer: Sendable, Codable, Equatable {
    /// Outputs, 1...65536.
    public var size: Int
    /// What is done to every output.
    public var activation: Activation
    /// Whether something is added before that.
    public var bias: Bool

    /// A layer; its inputs are what comes before it.
    public init(size: Int, activation: Activation, bias: Bool = true) {
      self.size = size
      self.activation = activation
      self.bias = bias
    }
  }

  /// Where the model comes from; nothing is computed by it.
  public var family: Family
  /// Between the two matrices of a layer's feed-forward part.
  public var activation = Activation.swish
  /// Whether a layer normalises what its two parts are given; else the sum of that and what they give.
  public var normalisesFirst = false
  /// Whether the sum of word and position is normalised.
  public var embeddingNorm = true
  /// Whether the last layer's output is normalised once more.
  public var finalNorm = false
  /// The width of the word table of an LSTM, 1...16384; nil for a Transformer. An LSTM has no positions, and half of
  /// `hidden_size` belongs to each direction.
  public var lstmInputSize: Int?
  /// What is put side by side, 1...6 different ones.
  public var poolings: [TokenPooling] = [.mean]
  /// Behind the pooling, at most 8.
  public var dense: [DenseLayer] = []
  /// Whether rows are brought to length 1.
  public var unitLength = false
  /// Texts that go before a sentence, by name.
  public var prompts: [String: String] = [:]
  /// The prompt that is used where none is asked for.
  public var defaultPrompt: String?
  /// The licence that the source names.
  public var licence: String?

  /// The layout of models trained here.
  public static let ems = EncoderLayout(family: .ems)

  /// EMS's layout with another name.
  public init(family: Family) { self.family = family }

  /// Checks what `Configuration.check` cannot know.
  func check(_ configuration: Configuration, file: String) throws(Failure) {
    func bad(_ key: String, _ problem: String) -> Failure {
      Failure(.badData, file, at: "\(Configuration.layoutKey).\(key)", problem)
    }
    if let lstmInputSize {
      guard (1...16384).contains(lstmInputSize) else {
        throw bad("lstm_input_size", "is \(lstmInputSize); must be from 1 to 16384")
      }
      guard configuration.hiddenSize.isMultiple(of: 2), configuration.numHiddenLayers >= 1 else {
        throw bad("lstm_input_size", "is given, but an LSTM has at least one layer, and an even hidden_size")
      }
    }
    guard !poolings.isEmpty, Set(poolings).count == poolings.count else {
      throw bad("pooling", "must name different ways of pooling, at least one")
    }
    guard dense.count <= 8 else { throw bad("dense", "has \(dense.count) layers; at most 8 are allowed") }
    for layer in dense where !(1...65536).contains(layer.size) {
      throw bad("dense", "has a layer of size \(layer.size); must be from 1 to 65536")
    }
    if let defaultPrompt, prompts[defaultPrompt] == nil {
      throw bad("default_prompt", "is \"\(defaultPrompt)\", which prompts does not hold")
    }
    guard prompts.values.allSatisfy({ $0.utf8.count <= 1 << 16 }) else {
      throw bad("prompts", "holds a text of more than 64 KiB")
    }
  }
}

extension EncoderLayout: Codable {
  private enum CodingKeys: String, CodingKey {
    case family, pooling, dense, prompts, licence
    case normalisesFirst = "norm_first"
    case embeddingNorm = "embedding_norm"
    case finalNorm = "final_norm"
    case lstmInputSize = "lstm_input_size"
    case unitLength = "unit_length"
    case defaultPrompt = "default_prompt"
  }

  /// All but the activation, which stands as `hidden_act` in the configuration.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    family = try values.decode(Family.self, forKey: .family)
    poolings = try values.decode([TokenPooling].self, forKey: .pooling)
    dense = try values.decodeIfPresent([DenseLayer].self, forKey: .dense) ?? []
    normalisesFirst = try values.decodeIfPresent(Bool.self, forKey: .normalisesFirst) ?? false
    embeddingNorm = try values.decodeIfPresent(Bool.self, forKey: .embeddingNorm) ?? true
    finalNorm = try values.decodeIfPresent(Bool.self, forKey: .finalNorm) ?? false
    lstmInputSize = try values.decodeIfPresent(Int.self, forKey: .lstmInputSize)
    unitLength = try values.decodeIfPresent(Bool.self, forKey: .unitLength) ?? false
    prompts = try values.decodeIfPresent([String: String].self, forKey: .prompts) ?? [:]
    defaultPrompt = try values.decodeIfPresent(String.self, forKey: .defaultPrompt)
    licence = try values.decodeIfPresent(String.self, forKey: .licence)
  }

  /// Every key but those that have no value.
  public func encode(to encoder: any Swift.Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(family, forKey: .family)
    try values.encode(poolings, forKey: .pooling)
    try values.encode(dense, forKey: .dense)
    try values.encode(normalisesFirst, forKey: .normalisesFirst)
    try values.encode(embeddingNorm, forKey: .embeddingNorm)
    try values.encode(finalNorm, forKey: .finalNorm)
    try values.encodeIfPresent(lstmInputSize, forKey: .lstmInputSize)
    try values.encode(unitLength, forKey: .unitLength)
    try values.encode(prompts, forKey: .prompts)
    try values.encodeIfPresent(defaultPrompt, forKey: .defaultPrompt)
    try values.encodeIfPresent(licence, forKey: .licence)
  }
}
