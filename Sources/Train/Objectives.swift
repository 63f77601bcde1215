import Base
import Encoder
import Kernels

/// What is minimised: xtrWeight · XTR + alignmentWeight · alignment (Mao et al. 2024, sections III-B and III-C)
/// + distillationWeight · distillation.
///
/// The defaults are the released recipe.
public struct ObjectiveSettings: Sendable, Equatable {
  /// Weight of the reconstruction loss, at least 0.
  public var xtrWeight: Float = 1
  /// XTR is computed in every n-th step, with n times the weight: its vocabulary product is the larger part of a small
  /// model's work, and its gradient is as well estimated by fewer batches.
  public var xtrEvery = 1
  /// Weight of the contrastive loss, at least 0.
  public var alignmentWeight: Float = 2
  /// T in s_ij = cos(p(u_i), p(v_j)) / T; above 0.
  public var temperature: Float = 0.1
  /// Whether pairs with the same source or the same target as i's are left out of i's negatives.
  public var maskDuplicates = false
  /// Dropout after the language embedding's normalisation, in [0, 1).
  public var languageDropout: Float = 0.1
  /// Whose pairs are negatives when several processes train together.
  public var negatives = Negatives.global
  /// Following a teacher; nil for not at all.
  public var distillation: DistillationSettings?

  /// Which pairs of a batch are negatives of a pair.
  public enum Negatives: String, Sendable, CaseIterable {
    /// All others of the batch: the numbers are those of one process.
    case global
    /// The others of the same process's part of the batch: less to exchange, and fewer negatives.
    case local
  }

  /// The released recipe.
  public init() {}

  /// The same for a batch that takes part in some of the objectives only.
  func only(_ members: Set<Objective>) -> ObjectiveSettings {
    var copy = self
    if !members.contains(.xtr) { copy.xtrWeight = 0 }
    if !members.contains(.alignment) { copy.alignmentWeight = 0 }
    if !members.contains(.distillation) { copy.distillation = nil }
    return copy
  }

  /// The training heads that these objectives need.
  ///
  /// - Parameter teacherWidth: elements of the teacher's rows; nil without a teacher
  func heads(teacherWidth: Int?) -> TrainingHeads {
    TrainingHeads(
      reconstruction: xtrWeight != 0, alignment: alignmentWeight != 0,
      teacherWidth: distillation == nil ? nil : teacherWidth,
      teacherIsFrozen: distillation?.head == .principal)
  }
}

/// What a corpus can take part in.
public enum Objective: String, Sendable, CaseIterable { case xtr, alignment, distillation }

/// How a student follows its teacher (Reimers and Gurevych 2020, "Making Monolingual Sentence Embeddings Multilingual
/// using Knowledge Distillation": both sides of a pair are led to where the teacher puts the target).
public struct DistillationSettings: Sendable, Equatable {
  /// Weight of the whole, above 0.
  public var weight: Float = 1
  /// How far a student's row is from the teacher's.
  public var loss = Loss.cosine
  /// Which sides of a pair are led to the teacher's row of the target.
  public var sides = Sides.both
  /// Weight, 0...1, of telling the teacher's row of one's own target from those of the batch: the cross entropy of the
  /// sources' cosines with all of them, divided by `temperature`.
  public var ranking: Float = 0
  /// Of the ranking; above 0.
  public var temperature: Float = 0.05
  /// What leads from the student's width to the teacher's.
  public var head = Head.linear
  /// Whether the model keeps the head and answers in the teacher's space.
  public var keepsProjection = false

  /// A distance.
  public enum Loss: String, Sendable, CaseIterable {
    /// 1 - the cosine.
    case cosine
    /// The mean square of the difference, element by element.
    case mse
  }

  /// Sides of a pair.
  public enum Sides: String, Sendable, CaseIterable { case both, source, target }

  /// A layer from the student's width d to the teacher's.
  public enum Head: String, Sendable, CaseIterable {
    /// Trained like everything else.
    case linear
    /// The d principal directions of the teacher's rows, which stay as they are: the student's own cosines are then the
    /// teacher's, as far as d elements can hold them. d is at most the teacher's width.
    case principal
  }

  /// Cosine of both sides, without ranking.
  public init() {}
}

/// The losses of a batch, each averaged over its pairs.
public struct Losses: Sendable, Equatable {
  /// What is minimised: the weighted sum.
  public var total: Double = 0
  /// Token reconstruction, both directions added.
  public var xtr: Double = 0
  /// Contrastive alignment, the mean of both directions.
  public var alignment: Double = 0
  /// Distillation: both sides added, and the ranking.
  public var distillation: Double = 0

  /// As numbers in a fixed order, to be summed and exchanged.
  var values: [Double] {
    get { [total, xtr, alignment, distillation] }
    set { (total, xtr, alignment, distillation) = (newValue[0], newValue[1], newValue[2], newValue[3]) }
  }

  /// The losses of the objectives that have a weight, by name.
  func named(for settings: ObjectiveSettings) -> [(name: String, value: Double)] {
    var all: [(String, Double)] = []
    if settings.xtrWeight != 0 { all.append(("xtr", xtr)) }
    if settings.alignmentWeight != 0 { all.append(("alignment", alignment)) }
    if settings.distillation != nil { all.append(("distillation", distillation)) }
    return all
  }

  mutating func add(_ other: Losses, times factor: Double = 1) {
    values = zip(values, other.values).map { $0 + $1 * factor }
  }
}

/// Where the pairs of a rank lie in the whole batch.
struct BatchPlace {
  /// The number of the first pair, and how many the whole batch has; losses are averaged over these, so that the sum over
  /// the ranks is the whole batch's.
  var first: Int, pairs: Int
}

/// The training heads: forward and backward of all objectives from the sentence embeddings.
final class Objectives {
  private let reconstruction: Reconstruction?
  private let alignment: Alignment?
  private let distillation: Distillation?

  init(_ parameters: Parameters, on compute: Compute) {
    reconstruction = Reconstruction(parameters, on: compute)
    alignment = Alignment(parameters, on: compute)
    distillation = Distillation(parameters, on: compute)
  }

  /// The losses of a batch and their gradients.
  ///
  /// - Parameters:
  ///   - u: [2b, D], the b sources' embeddings, then the b targets'; [b, D] for a batch of sources alone
  ///   - du: as u, added to; nil for evaluation
  ///   - peers: who has the other parts
  ///   - scale: factor of all gradients
  func evaluate(
    _ u: Tensor, _ batch: TrainingBatch, among peers: Peers, settings all: ObjectiveSettings, languageNoise: Dropout,
    scale: Float, du: Tensor?, gradients: Parameters?
  ) throws(Failure) -> Losses {
    let settings = all.only(batch.objectives)
    let place = batch.place
    let duplicates = settings.maskDuplicates ? batch.duplicates() : nil
    var result = Losses()
    if settings.xtrWeight != 0, let reconstruction {
      result.xtr = reconstruction.evaluate(
        u, batch.bags(), batch.partnerLanguages, of: place.pairs, noise: languageNoise,
        scale: scale * settings.xtrWeight, du: du, gradients: gradients)
    }
    if settings.alignmentWeight != 0, let alignment {
      result.alignment = try alignment.evaluate(
        u, place, among: settings.negatives == .global ? peers : nil, temperature: settings.temperature,
        duplicates: duplicates, scale: scale * settings.alignmentWeight, du: du, gradients: gradients)
    }
    if let following = settings.distillation, let distillation, let teacher = batch.teacher {
      result.distillation = distillation.evaluate(
        u, teacher, sides: batch.sides, place, settings: following, duplicates: duplicates,
        scale: scale * following.weight, du: du, gradients: gradients)
    }
    result.total =
      Double(settings.xtrWeight) * result.xtr + Double(settings.alignmentWeight) * result.alignment
      + Double(settings.distillation?.weight ?? 0) * result.distillation
    return result
  }
}
