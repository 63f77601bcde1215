import Report

/// A result with its comparison to an earlier one.
public struct ComparedResult: EvaluationResult {
  /// The new result.
  public var result: any EvaluationResult
  /// How it differs.
  public var comparison: Comparison

  /// Both.
  public init(_ result: any EvaluationResult, _ comparison: Comparison) {
    self.result = result
    self.comparison = comparison
  }

  /// The result's object with the key `comparison` beside its own.
  public func encode(to encoder: any Encoder) throws {
    try result.encode(to: encoder)
    try encoder.add(["comparison": comparison])
  }

  /// The result's heading.
  public var title: String { result.title }
  /// The result's sections, then the comparison's.
  public var sections: [ReportSection] { result.sections + comparison.sections }
  /// The result's parts, then the comparison.
  public var parts: [any EvaluationResult] { result.parts + [comparison] }
}
