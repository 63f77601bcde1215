import Base
import Corpus
import FoundationEssentials
import Kernels

/// What a model is: the content of its `config.json`.
///
/// Letters used for the sizes: L layers, d hidden size, h heads, f feed-forward size, V vocabulary size, P the longest
/// sentence in tokens, n languages, l language embedding size.
public struct Configuration: Codable, Sendable, Equatable {
  /// L, 0...96; without layers a sentence is the bag of its tokens.
  public var numHiddenLayers: Int
  /// d, 1...16384; a multiple of the number of heads.
  public var hiddenSize: Int
  /// h, 1...1024.
  public var numAttentionHeads: Int
  /// f, 1...65536.
  public var intermediateSize: Int
  /// V, 2...2^24: the tokenizer's number of pieces.
  public var vocabSize: Int
  /// P, 1...65536 tokens; the position table has one row more, row 0 being that of padding.
  public var maxPositionEmbeddings: Int
  /// Added to the variance before the square root in every layer normalisation; 0 < eps < 1.
  public var layerNormEps: Double
  /// Whether text is lower-cased before it is cut into tokens.
  public var lowercase: Bool
  /// How text is cut into words between lower-casing and the vocabulary's pieces.
  public var pretokenizer = Pretokenizer.none
  /// n, 0...65536: the rows of the language embedding, which only training uses.
  public var numLanguages: Int
  /// l, 1...16384.
  public var languageSize: Int
  /// How a sentence's tokens become one row in a model of the EMS family.
  public var pooling: Pooling
  /// T, 1...65536: what a last linear layer makes of the d elements (the width of a teacher in whose space the model
  /// answers); nil for none.
  public var projectionSize: Int?
  /// The codes of the languages; a code's index is its row in the language embedding. Either n of them or none at all.
  public var languages: [String]
  /// What an encoder that was imported from another family does differently; `.ems` for those trained here.
  public var layout = EncoderLayout.ems

  /// What the large weights are stored as; nil for floats.
  public var quantization: Quantization?

  /// The activation of the EMS family: x * sigmoid(x).
  public static let hiddenAct = "swish"
  /// The key under which `config.json` has the layout.
  static let layoutKey = CodingKeys.layout.rawValue
  /// What large weights are stored as where that is no type of floats.
  public enum Quantization: String, Sendable, Codable, CaseIterable {
    /// Whole numbers of 8 bits: the layers' matrices with a factor for each output, the word table with one for each word.
    case int8
  }
  /// How tokens become a sentence.
  public enum Pooling: String, Sendable, Codable, CaseIterable {
    /// The mean over a sentence's own tokens.
    case mean
    /// The mean weighted by a number that every piece of the vocabulary has, its logarithm learned in training.
    case weighted
  }
  /// The width of the contrastive head's output, the same in every model.
  public static let alignmentSize = 128
  /// The number of elements of an embedding.
  public var embeddingSize: Int { projectionSize ?? layout.dense.last?.size ?? pooledSize }
  /// The number of elements of a sentence before the layers behind the pooling.
  var pooledSize: Int { hiddenSize * layout.poolings.count }
  /// Id of padding.
  public static let padID: Int32 = 0
  /// Id of what the vocabulary does not hold.
  public static let unknownID: Int32 = 1

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case numHiddenLayers = "num_hidden_layers"
    case hiddenSize = "hidden_size"
    case numAttentionHeads = "num_attention_heads"
    case intermediateSize = "intermediate_size"
    case vocabSize = "vocab_size"
    case maxPositionEmbeddings = "max_position_embeddings"
    case hiddenAct = "hidden_act"
    case layerNormEps = "layer_norm_eps"
    case pooling
    case projectionSize = "projection_size"
    case lowercase, pretokenizer, quantization
    case numLanguages = "num_languages"
    case languageSize = "language_size"
    case languages
    case layout = "encoder"
  }

  /// A configuration from its numbers; `check(file:)` says whether they go together.
  public init(
    numHiddenLayers: Int, hiddenSize: Int, numAttentionHeads: Int, intermediateSize: Int, vocabSize: Int,
    maxPositionEmbeddings: Int = 120, layerNormEps: Double = 1e-12, lowercase: Bool = true, numLanguages: Int? = nil,
    languageSize: Int = 128, languages: [String] = [], pooling: Pooling = .mean, projectionSize: Int? = nil
  ) {
    self.numHiddenLayers = numHiddenLayers
    self.hiddenSize = hiddenSize
    self.numAttentionHeads = numAttentionHeads
    self.intermediateSize = intermediateSize
    self.vocabSize = vocabSize
    self.maxPositionEmbeddings = maxPositionEmbeddings
    self.layerNormEps = layerNormEps
    self.lowercase = lowercase
    self.numLanguages = numLanguages ?? languages.count
    self.languageSize = languageSize
    self.languages = languages
    self.pooling = pooling
    self.projectionSize = projectionSize
  }

  /// Reads the keys of `config.json`; unknown keys are passed over, and keys with one sensible value may be missing.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    if let other = try values.decodeIfPresent(EncoderLayout.self, forKey: .layout) {
      guard other.family != .ems else {
        throw Failure(
          .badData, "configuration", at: "\(Self.layoutKey).family", "is \"ems\", which has no layout of its own",
          remedy: "leave the key \(Self.layoutKey) out")
      }
      layout = other
    }
    let isEMS = layout.family == .ems
    numHiddenLayers = try Self.integer(values, .numHiddenLayers)
    hiddenSize = try Self.integer(values, .hiddenSize)
    numAttentionHeads = try Self.integer(values, .numAttentionHeads)
    intermediateSize = try Self.integer(values, .intermediateSize)
    vocabSize = try Self.integer(values, .vocabSize)
    maxPositionEmbeddings =
      values.contains(.maxPositionEmbeddings) ? try Self.integer(values, .maxPositionEmbeddings) : 120
    layerNormEps = try values.decodeIfPresent(Double.self, forKey: .layerNormEps) ?? 1e-12
    lowercase = try values.decodeIfPresent(Bool.self, forKey: .lowercase) ?? isEMS
    languages = try values.decodeIfPresent([String].self, forKey: .languages) ?? []
    numLanguages = values.contains(.numLanguages) ? try Self.integer(values, .numLanguages) : languages.count
    languageSize = values.contains(.languageSize) ? try Self.integer(values, .languageSize) : 128
    let activation = try values.decodeIfPresent(String.self, forKey: .hiddenAct) ?? Self.hiddenAct
    guard let known = Activation(rawValue: activation), !isEMS || activation == Self.hiddenAct else {
      throw Failure(
        .badData, "configuration", at: CodingKeys.hiddenAct.rawValue,
        "is \"\(activation)\"; only \"\(Self.hiddenAct)\" is supported",
        remedy: isEMS ? "a model of another family becomes a model folder with `ems model import`" : nil)
    }
    layout.activation = known
    let name = try values.decodeIfPresent(String.self, forKey: .pooling) ?? Pooling.mean.rawValue
    guard let knownPooling = Pooling(rawValue: name) else {
      throw Failure(
        .badData, "configuration", at: CodingKeys.pooling.rawValue,
        "is \"\(name)\"; only \"mean\" and \"weighted\" are supported")
    }
    pooling = knownPooling
    let words = try values.decodeIfPresent(String.self, forKey: .pretokenizer) ?? Pretokenizer.none.rawValue
    guard let pretokenizer = Pretokenizer(rawValue: words) else {
      throw Failure(
        .badData, "configuration", at: CodingKeys.pretokenizer.rawValue,
        "is \"\(words)\"; only \"none\" and \"moses\" are supported")
    }
    self.pretokenizer = pretokenizer
    projectionSize = values.contains(.projectionSize) ? try Self.integer(values, .projectionSize) : nil
    if let name = try values.decodeIfPresent(String.self, forKey: .quantization) {
      guard let known = Quantization(rawValue: name) else {
        throw Failure(
          .badData, "configuration", at: CodingKeys.quantization.rawValue, "is \"\(name)\"; only \"int8\" is supported")
      }
      quantization = known
    }
  }

  /// An integer. A number that is none makes the JSON decoder fail without the key, so that is looked into here.
  private static func integer(_ values: KeyedDecodingContainer<CodingKeys>, _ key: CodingKeys) throws -> Int {
    do {
      return try values.decode(Int.self, forKey: key)
    } catch {
      if error is DecodingError { throw error }
      guard let number = try? values.decode(Double.self, forKey: key) else { throw error }
      throw Failure(.badData, "configuration", at: key.rawValue, "is \(number); must be an integer of at most 64 bits")
    }
  }

  /// Writes every key, those with one possible value included (`pretokenizer` and `projection_size` only where there is one);
  /// of another family those that say something about it.
  public func encode(to encoder: any Swift.Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(numHiddenLayers, forKey: .numHiddenLayers)
    try values.encode(hiddenSize, forKey: .hiddenSize)
    try values.encode(numAttentionHeads, forKey: .numAttentionHeads)
    try values.encode(intermediateSize, forKey: .intermediateSize)
    try values.encode(vocabSize, forKey: .vocabSize)
    try values.encode(maxPositionEmbeddings, forKey: .maxPositionEmbeddings)
    try values.encode(layout.activation, forKey: .hiddenAct)
    try values.encode(layerNormEps, forKey: .layerNormEps)
    try values.encodeIfPresent(quantization, forKey: .quantization)
    if layout.family != .ems {
      try values.encode(lowercase, forKey: .lowercase)
      return try values.encode(layout, forKey: .layout)
    }
    try values.encode(pooling, forKey: .pooling)
    try values.encodeIfPresent(projectionSize, forKey: .projectionSize)
    try values.encode(lowercase, forKey: .lowercase)
    if pretokenizer != .none { try values.encode(pretokenizer, forKey: .pretokenizer) }
    try values.encode(numLanguages, forKey: .numLanguages)
    try values.encode(languageSize, forKey: .languageSize)
    try values.encode(languages, forKey: .languages)
  }

  /// Reads and checks a `config.json`.
  ///
  /// - Throws: `Failure` naming the file and the key.
  public init(path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    guard file.count <= 1 << 24 else {
      throw Failure(.badData, path, "is \(file.count) bytes long; a configuration has at most 16 MiB")
    }
    self = try Self.decoded(unsafe file.bytes.withUnsafeBytes { unsafe Data($0) }, file: path)
    try check(file: path)
  }

  private static func decoded(_ json: Data, file: String) throws(Failure) -> Configuration {
    do {
      return try JSONDecoder().decode(Configuration.self, from: json)
    } catch let failure as Failure {
      throw Failure(failure.kind, file, at: failure.place, failure.problem, remedy: failure.remedy)
    } catch DecodingError.keyNotFound(let key, _) {
      throw Failure(.badData, file, at: key.stringValue, "the key is missing")
    } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
      let place = context.codingPath.map(\.stringValue).joined(separator: ".")
      throw Failure(.badData, file, at: place.isEmpty ? nil : place, "the value is of the wrong type")
    } catch DecodingError.dataCorrupted(let context) {
      let place = context.codingPath.map(\.stringValue).joined(separator: ".")
      throw Failure(
        .badData, file, at: place.isEmpty ? nil : place,
        place.isEmpty ? "is not JSON" : "the value cannot be used: \(context.debugDescription)")
    } catch {
      throw Failure(.badData, file, "cannot be read as a configuration: \(error)")
    }
  }

  /// The `config.json`: every key, sorted, two spaces of indentation, a line feed at the end; equal values give equal
  /// bytes.
  public func json() throws(Failure) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      throw Failure(.software, "config.json", "a number in the configuration is not finite")
    }
    return String(decoding: data, as: UTF8.self) + "\n"
  }

  /// Checks every number and how they go together.
  ///
  /// Within these ranges no product of sizes that the program forms overflows.
  ///
  /// - Parameter file: the name failures carry.
  /// - Throws: `Failure` naming the file and the key, with the value found and the values allowed.
  public func check(file: String = "configuration") throws(Failure) {
    func within(_ key: CodingKeys, _ value: Int, _ range: ClosedRange<Int>) throws(Failure) {
      guard range.contains(value) else {
        throw Failure(
          .badData, file, at: key.rawValue, "is \(value); must be from \(range.lowerBound) to \(range.upperBound)")
      }
    }
    try within(.numHiddenLayers, numHiddenLayers, 0...96)
    try within(.hiddenSize, hiddenSize, 1...16384)
    try within(.numAttentionHeads, numAttentionHeads, 1...1024)
    try within(.intermediateSize, intermediateSize, 1...65536)
    try within(.vocabSize, vocabSize, 2...1 << 24)
    try within(.maxPositionEmbeddings, maxPositionEmbeddings, 1...65536)
    try within(.numLanguages, numLanguages, 0...65536)
    try within(.languageSize, languageSize, 1...16384)
    if let projectionSize { try within(.projectionSize, projectionSize, 1...65536) }
    guard hiddenSize.isMultiple(of: numAttentionHeads) else {
      throw Failure(
        .badData, file, at: CodingKeys.numAttentionHeads.rawValue,
        "is \(numAttentionHeads), which does not divide hidden_size \(hiddenSize)")
    }
    guard layerNormEps > 0, layerNormEps < 1 else {
      throw Failure(
        .badData, file, at: CodingKeys.layerNormEps.rawValue, "is \(layerNormEps); must be between 0 and 1")
    }
    try layout.check(self, file: file)
    guard languages.isEmpty || languages.count == numLanguages else {
      throw Failure(
        .badData, file, at: CodingKeys.languages.rawValue,
        "lists \(languages.count) languages, but num_languages is \(numLanguages)")
    }
    var seen = Set<String>()
    for (index, code) in languages.enumerated() {
      let place = "\(CodingKeys.languages.rawValue)[\(index)]"
      let plain = code.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }
      guard (1...32).contains(code.utf8.count), plain else {
        throw Failure(.badData, file, at: place, "\"\(code)\" is not a language code")
      }
      guard seen.insert(code).inserted else {
        throw Failure(.badData, file, at: place, "\"\(code)\" is listed twice")
      }
    }
  }
}
