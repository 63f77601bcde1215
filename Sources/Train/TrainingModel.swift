import Base
import Encoder
import Kernels

/// B pairs of tokenised sentences, or B sentences alone.
public struct TrainingBatch: Sendable {
  /// 2B sentences: the B sources, then the B targets; or B sentences.
  public var tokens: TokenBatch
  /// 2 for pairs, 1 for sentences alone.
  public var sides: Int
  /// Row i of 2B: the language of sentence i's partner, as a row of the language table. Empty for sentences alone.
  public var partnerLanguages: [Int32]
  /// Row i of B: equal numbers mark pairs whose sources (targets) are the same text; empty when not wanted.
  public var sourceGroups: [Int32] = [], targetGroups: [Int32] = []
  /// What the batch takes part in.
  public var objectives = Set(Objective.allCases)
  /// [B, T]: the teacher's rows of the targets (of sentences alone, their own), those of the whole batch in a part of it.
  public var teacher: Tensor?
  /// Which pairs of a larger batch these are, when they are a part of one.
  var part: Part?

  /// Where a part lies in its whole batch.
  struct Part: Sendable {
    /// The part's pairs, of `pairs`.
    let range: Range<Int>, pairs: Int
    /// The whole batch's sentences.
    let whole: Segments
    let sides: Int

    // Where rows lie of which every sentence has one, every token has one, or every attention probability has one. The
    // targets' rows follow the sources'; sentences alone have no second half.
    func sentences() -> Dropout.Place { place { $0 } }

    func tokens() -> Dropout.Place { place { whole.starts[$0] } }

    func probabilities(heads: Int) -> Dropout.Place {
      place { AttentionState.size(whole, 0..<$0, heads: heads) }
    }

    /// - Parameter before: the number of elements that belong to the first sentences of the whole
    private func place(_ before: (Int) -> Int) -> Dropout.Place {
      let own = before(range.upperBound) - before(range.lowerBound)
      let second = sides == 1 ? before(range.lowerBound) : before(pairs + range.lowerBound) - own
      return Dropout.Place(boundary: own, first: before(range.lowerBound), second: second)
    }
  }

  /// Some of the pairs, which know where they were; duplicates are still told among all.
  func part(_ range: Range<Int>) -> TrainingBatch {
    let starts = tokens.segments.starts
    let sentences = (0..<sides).flatMap { side in range.map { side * count + $0 } }
    var copy = self
    copy.tokens = TokenBatch(sentences.map { Array(tokens.ids[starts[$0]..<starts[$0 + 1]]) })
    if !partnerLanguages.isEmpty { copy.partnerLanguages = sentences.map { partnerLanguages[$0] } }
    copy.part = Part(range: range, pairs: count, whole: tokens.segments, sides: sides)
    return copy
  }

  /// The same without some tokens.
  ///
  /// - Parameters:
  ///   - probability: of a token's being left out; a sentence keeps one at least
  ///   - key: what is left out derives from
  func dropping(_ probability: Float, key: UInt64) -> TrainingBatch {
    if probability == 0 { return self }
    var random = SplitMix64(seed: SplitMix64.mix(key ^ 0x70ce), skipping: 1)
    let starts = tokens.segments.starts
    let sentences = (0..<tokens.segments.count).map { i in
      let sentence = tokens.ids[starts[i]..<starts[i + 1]]
      let kept = sentence.filter { _ in random.unit() >= Double(probability) }
      return kept.isEmpty ? [sentence[starts[i] + random.next(below: sentence.count)]] : Array(kept)
    }
    var copy = self
    copy.tokens = TokenBatch(sentences)
    return copy
  }

  /// Number of pairs, or of sentences alone, B.
  public var count: Int { tokens.segments.count / sides }

  /// Where these pairs lie in the whole batch.
  var place: BatchPlace {
    part.map { BatchPlace(first: $0.range.lowerBound, pairs: $0.pairs) } ?? BatchPlace(first: 0, pairs: count)
  }

  /// - Parameters:
  ///   - sources, targets: token ids; equally many, none empty
  ///   - sourceLanguages, targetLanguages: rows of the language table
  public init(sources: [[Int32]], targets: [[Int32]], sourceLanguages: [Int32], targetLanguages: [Int32]) {
    precondition(sources.count == targets.count)
    tokens = TokenBatch(sources + targets)
    sides = 2
    partnerLanguages = targetLanguages + sourceLanguages
  }

  /// Sentences alone, for a teacher's rows.
  ///
  /// - Parameter sentences: token ids, none empty
  public init(sentences: [[Int32]]) {
    tokens = TokenBatch(sentences)
    sides = 1
    partnerLanguages = []
    objectives = [.distillation]
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
    if sides == 1 { return { sources[$0] == sources[$1] } }
    return { sources[$0] == sources[$1] || targets[$0] == targets[$1] }
  }
}

/// The dropout probabilities of training.
public struct DropoutSettings: Sendable, Equatable {
  /// After the embedding's normalisation, on attention probabilities, and on each sub-layer's output; each in [0, 1).
  public var embedding: Float = 0.1, attention: Float = 0.1, subLayer: Float = 0.1
  /// Of whole tokens, which are left out of their sentences before anything is computed (word dropout: Iyyer et al. 2015,
  /// "Deep Unordered Composition Rivals Syntactic Methods for Text Classification"); in [0, 1). One always stays.
  public var token: Float = 0

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
  public init(_ configuration: Configuration, heads: TrainingHeads = .ems, on compute: Compute) {
    parameters = Parameters(configuration, heads: heads)
    gradients = Parameters(configuration, heads: heads)
    self.compute = compute
    pass = TrainingPass(parameters, on: compute)
    objectives = Objectives(parameters, on: compute)
  }

  /// Sets all gradients to zero.
  public func clearGradients() { compute.clear(gradients.trained) }

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
    let u = u.prefix(batch.tokens.segments.count), du = du.prefix(batch.tokens.segments.count)
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
      u, batch, among: peers, settings: settings,
      languageNoise: noise.dropout(settings.languageDropout, layer: -1, site: 4, at: languagePlace), scale: scale,
      du: du, gradients: gradients)
    pass.backward(du, batch.tokens, noise: noise, into: gradients)
    return losses
  }

  /// The losses without dropout and without gradients.
  public func evaluate(_ batch: TrainingBatch, objectives settings: ObjectiveSettings) throws(Failure) -> Losses {
    reserve(batch)
    let u = u.prefix(batch.tokens.segments.count)
    pass.forward(batch.tokens, noise: .init(), into: u)
    return try objectives.evaluate(
      u, batch, among: Peers(Alone()), settings: settings, languageNoise: .none, scale: 1, du: nil, gradients: nil)
  }

  /// The embeddings of the batch's sentences, [2B, D], without dropout; of a model with a projection, in the teacher's
  /// space. Valid until the next call on this model.
  public func embed(_ batch: TrainingBatch) -> Tensor {
    reserve(batch)
    let u = u.prefix(batch.tokens.segments.count)
    pass.forward(batch.tokens, noise: .init(), into: u)
    guard parameters.configuration.projectionSize != nil, let projection = parameters.projection else { return u }
    let answer = Tensor(rows: u.rows, columns: projection.weight.rows)
    let (packed, _) = compute.rooms(projection.weight)
    compute.pack(transposing: projection.weight, into: packed)
    compute.linear(u, packed, bias: projection.bias, into: answer)
    return answer
  }

  private func reserve(_ batch: TrainingBatch) {
    if u.rows >= batch.tokens.segments.count { return }
    u = Tensor(rows: batch.tokens.segments.count, columns: parameters.configuration.hiddenSize)
    du = Tensor(rows: batch.tokens.segments.count, columns: parameters.configuration.hiddenSize)
  }
}
