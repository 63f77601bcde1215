import Base

/// A precision that the pairs of a run shall have.
public struct PrecisionGoal: Sendable, Equatable, Codable {
  /// The share of right pairs, above 0 and below 1.
  public var value: Double
  /// Whether a run fails where nothing can be estimated; else it keeps everything.
  public var isRequired: Bool

  /// What `ems mine` aims at when nothing else is asked for.
  public static let standard = PrecisionGoal(0.9, isRequired: false)

  /// A goal.
  public init(_ value: Double, isRequired: Bool = true) {
    self.value = value
    self.isRequired = isRequired
  }
}

/// Where a run cuts its list of pairs, and why there.
public struct Cut: Sendable, Equatable, Codable {
  /// What decides.
  public enum Reason: String, Sendable, Codable {
    /// Nothing was to be cut.
    case all
    /// A threshold was given.
    case threshold
    /// The estimated precision.
    case precision
    /// A precision was wanted, but there are too few pairs to estimate it; nothing is cut.
    case unknown
    /// A pair filter decides, pair by pair.
    case filter
    /// No threshold has the precision that is wanted; nothing is kept.
    case nothing
  }

  /// The lowest score that is kept; nil where nothing is cut, or nothing is kept.
  public var threshold: Double?
  /// Why it is that.
  public var reason: Reason
  /// The precision that was wanted.
  public var goal: Double?

  /// A filter's.
  package init(filterWith goal: Double?) {
    threshold = nil
    reason = .filter
    self.goal = goal
  }

  /// What options and the estimate say.
  ///
  /// - Parameters:
  ///   - threshold: as given; it goes before the goal.
  ///   - subject: the output, for messages.
  /// - Throws: `Failure` where a precision is required and cannot be estimated.
  package init(
    threshold: Double?, goal: PrecisionGoal?, estimate: PrecisionEstimate?, subject: String
  ) throws(Failure) {
    self.threshold = threshold
    self.goal = nil
    guard threshold == nil, let goal else {
      reason = threshold == nil ? .all : .threshold
      return
    }
    self.goal = goal.value
    guard let estimate else {
      if goal.isRequired {
        throw Failure(
          .badData, subject,
          "the precision cannot be estimated: that takes \(PrecisionEstimate.fewest) pairs of sentences that choose each other, "
            + "and 2 neighbours for each", remedy: "give a --threshold, or --all")
      }
      reason = .unknown
      return
    }
    self.threshold = estimate.chosen
    reason = estimate.chosen == nil ? .nothing : .precision
  }

  /// The options with the cut made.
  package func applied(to options: MiningOptions) -> MiningOptions {
    var options = options
    options.threshold = reason == .nothing ? .infinity : threshold
    return options
  }
}
