import Base
import Encoder
import Kernels

/// B pairs of tokenised sentences.
public struct TrainingBatch: Sendable {
  /// 2B sentences: the B sources, then the B targets.
  public var tokens: TokenBatch
  /// Row i of 2B: the language of sentence i's partner, as a row of the language table.
  public var partnerLanguages: [Int32]
  /// Row i of B: equal numbers mark pairs whose sources (targets) are the same text; empty when not wanted.
  public var sourceGroups: [Int32] = [], targetGroups: [Int32] = []
  /// Which pairs of a larger batch these are, when they are a part of one.
  var part: Part?

  /// Where a part lies in its whole batch.
  struct Part: Sendable {
    /// The part's pairs, of `pairs`.
    let range: Range<Int>, pairs: Int
    /// The whole batch's 2B sentences.
    let whole: Segments

    /// Where rows lie of which every sentence has one, every token has one, or every attention probability has one.
    func sentences() -> Dropout.Place {
      Dropout.Place(boundary: range.count, first: range.lowerBound, second: pairs + range.lowerBound - range.count)
    }

    func tokens() -> Dropout.Place {
      let starts = whole.starts
      let own = starts[range.upperBound] - starts[range.lowerBound]
      return Dropout.Place(
        boundary: own, first: starts[range.lowerBound], second: starts[pairs + range.lowerBound] - own)
    }

    func probabilities(heads: Int) -> Dropout.Place {
      let own = AttentionState.size(whole, range, heads: heads)
      return Dropout.Place(
        boundary: own, first: AttentionState.size(whole, 0..<range.lowerBound, heads: heads),
        second: AttentionState.size(whole, 0..<pairs + range.lowerBound, heads: heads) - own)
    }
  }

  /// Some of the pairs, which know where they were; duplicates are still told among all.
  func part(_ range: Range<Int>) -> TrainingBatch {
    let starts = tokens.segments.starts
    let sentences = Array(range) + range.map { count + $0 }
    var copy = self
    copy.tokens = TokenBatch(sentences.map { Array(tokens.ids[starts[$0]..<starts[$0 + 1]]) })
    copy.partnerLanguages = sentences.map { partnerLanguages[$0] }
    copy.part = Part(range: range, pairs: count, whole: tokens.segments)
    return copy
  }

  /// Number of pairs, B.
  public var count: Int { tokens.segments.count / 2 }

  /// - Parameters:
  ///   - sources, targets: token ids; equally many, none empty
  ///   - sourceLanguages, targetLanguages: rows of the language table
  public init(sources: [[Int32]], targets: [[Int32]], sourceLanguages: [Int32], targetLanguages: [Int32]) {
    precondition(sources.count == targets.count)
    tokens = TokenBatch(sources + targets)
    partnerLanguages = targetLanguages + sourceLanguages
  }

  /// What every sentence must reconstruct: the bag of its partner's tokens.
  func bags() -> TokenBags {
    var bags = TokenBags()
    let starts = tokens.segments.starts
    for i in 0..<2 * count {
      let partner = (i + count) % (2 * count)
      bags.append(tokens.ids[starts[partner]..<starts[partner + 1]])
    }
    return bags
  }

  /// Says of pairs i and j (of the whole batch) whether j is a duplicate of i on either side.
  func duplicates() -> (@Sendable (Int, Int) -> Bool)? {
    if sourceGroups.isEmpty { return nil }
    let (sources, targets) = (sourceGroups, targetGroups)
    return { sources[$0] == sources[$1] || targets[$0] == targets[$1] }
  }
}

/// The dropout probabilities of training.
public struct DropoutSettings: Sendable, Equatable {
  /// After the embedding's normalisation, on attention probabilities, and on each sub-layer's output; each in [0, 1).
  public var embedding: Float = 0.1, attention: Float = 0.1, subLayer: Float = 0.1

  /// The released recipe: 0.1 everywhere.
  public init() {}

  /// The same probability everywhere.
  public init(all probability: Float) {
    embedding = probability
    attention = probability
    subLayer = probability
  }
}

/// A model in training: parameters, their gradients, and one step's forward and backward passes.
public final class TrainingModel {
  /// The model, heads included.
  public let parameters: Parameters
  /// The gradient of every parameter, added to by `accumulate`.
  public let gradients: Parameters
  private let compute: Compute
  private let pass: TrainingPass
  private let objectives: Objectives
  private var u = Tensor(rows: 0, columns: 0), du = Tensor(rows: 0, columns: 0)

  /// Parameters all zero: fill them with `initialize` or from a model or a checkpoint.
  public init(_ configuration: Configuration, on compute: Compute) {
    parameters = Parameters(configuration, heads: true)
    gradients = Parameters(configuration, heads: true)
    self.compute = compute
    pass = TrainingPass(parameters, on: compute)
    objectives = Objectives(parameters, on: compute)
  }

  /// Sets all gradients to zero.
  public func clearGradients() { compute.clear(gradients.block) }

  /// The losses of a batch with dropout, and their gradients added to `gradients`.
  ///
  /// - Parameters:
  ///   - key: what the dropout masks derive from; different for every batch
  ///   - scale: factor of the gradients, for accumulation over several batches
  public func accumulate(
    _ batch: TrainingBatch, objectives settings: ObjectiveSettings, dropout: DropoutSettings, key: UInt64,
    scale: Float = 1
  ) throws(Failure) -> Losses {
    try accumulate(batch, among: Peers(Alone()), objectives: settings, dropout: dropout, key: key, scale: scale)
  }

  /// The same with a part of the batch on every rank: the losses' and the gradients' sums over the ranks are the batch's.
  package func accumulate(
    _ batch: TrainingBatch, among peers: Peers, objectives settings: ObjectiveSettings, dropout: DropoutSettings,
    key: UInt64, scale: Float = 1
  ) throws(Failure) -> Losses {
    let batch = peers.size == 1 ? batch : batch.part(peers.share(of: batch.count))
    reserve(batch)
    let u = u.prefix(2 * batch.count), du = du.prefix(2 * batch.count)
    let c = parameters.configuration
    var noise = TrainingPass.Noise(
      embedding: dropout.embedding, attention: dropout.attention, subLayer: dropout.subLayer, key: key)
    var languagePlace = Dropout.Place.whole
    if let part = batch.part {
      noise.rows = part.tokens().scaled(by: c.hiddenSize)
      noise.probabilities = part.probabilities(heads: c.numAttentionHeads)
      languagePlace = part.sentences().scaled(by: c.languageSize)
    }
    pass.forward(batch.tokens, noise: noise, into: u)
    du.fill(0)
    let losses = try objectives.evaluate(
      u, bags: batch.bags(), languages: batch.partnerLanguages,
      duplicates: settings.maskDuplicates ? batch.duplicates() : nil,
      part: batch.part.map { ($0.range.lowerBound, $0.pairs) } ?? (0, batch.count), among: peers, settings: settings,
      languageNoise: noise.dropout(settings.languageDropout, layer: -1, site: 4, at: languagePlace), scale: scale,
      du: du, gradients: gradients)
    pass.backward(du, batch.tokens, noise: noise, into: gradients)
    return losses
  }

  /// The losses without dropout and without gradients.
  public func evaluate(_ batch: TrainingBatch, objectives settings: ObjectiveSettings) throws(Failure) -> Losses {
    reserve(batch)
    let u = embed(batch)
    return try objectives.evaluate(
      u, bags: batch.bags(), languages: batch.partnerLanguages,
      duplicates: settings.maskDuplicates ? batch.duplicates() : nil, part: (0, batch.count), among: Peers(Alone()),
      settings: settings, languageNoise: .none, scale: 1, du: nil, gradients: nil)
  }

  /// The embeddings of the batch's 2B sentences, [2B, D], without dropout. Valid until the next call on this model.
  public func embed(_ batch: TrainingBatch) -> Tensor {
    reserve(batch)
    let u = u.prefix(2 * batch.count)
    pass.forward(batch.tokens, noise: .init(), into: u)
    return u
  }

  private func reserve(_ batch: TrainingBatch) {
    if u.rows >= 2 * batch.count { return }
    u = Tensor(rows: 2 * batch.count, columns: parameters.configuration.hiddenSize)
    du = Tensor(rows: 2 * batch.count, columns: parameters.configuration.hiddenSize)
  }
}
