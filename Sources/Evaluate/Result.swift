import Report

/// What a protocol gave: figures for programs, and tables and charts for people.
public protocol EvaluationResult: Encodable, Sendable {
  /// The protocol's name and what it ran on.
  var title: String { get }
  /// What to show, in order.
  var sections: [ReportSection] { get }
  /// What has a heading of its own in a page: the result itself, if it is not made of several.
  var parts: [any EvaluationResult] { get }
  /// The few figures, shares from 0 to 1, by which models are told apart.
  var headlines: [(name: String, value: Double)] { get }
}

extension EvaluationResult {
  /// This alone.
  public var parts: [any EvaluationResult] { [self] }
}

extension EvaluationResult {
  /// None.
  public var headlines: [(name: String, value: Double)] { [] }

  /// The result as a page.
  ///
  /// - Parameter facts: names and values that say what was measured with what: model, version, seed.
  public func page(facts: [(name: String, value: String)]) -> ReportPage {
    let parts = parts
    return ReportPage(
      title: parts.count == 1 ? parts[0].title : "Evaluation",
      heading: parts.count == 1 ? "ems evaluate" : "Evaluation",
      facts: facts, parts: parts.map { ReportPart($0.title, $0.sections) })
  }
}

/// The names of two files for a heading: without folders, but for the last one where the names are the same.
func headingNames(_ a: String, _ b: String) -> String {
  func last(_ path: String, _ count: Int) -> String { path.split(separator: "/").suffix(count).joined(separator: "/") }
  let count = last(a, 1) == last(b, 1) && a != b ? 2 : 1
  return "\(last(a, count)) and \(last(b, count))"
}
