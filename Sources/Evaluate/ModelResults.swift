import Report

/// The results of one protocol with several models.
public struct ModelResults: EvaluationResult {
  /// By the models' names, in their order.
  public var results: [(model: String, result: any EvaluationResult)]

  /// Results; models whose folders have the same name are told apart by the folder above.
  ///
  /// - Parameter results: by the models' paths.
  public init(_ results: [(model: String, result: any EvaluationResult)]) {
    func name(_ path: String, _ count: Int) -> String {
      path.split(separator: "/").suffix(count).joined(separator: "/")
    }
    let isEnough = Set(results.map { name($0.model, 1) }).count == results.count
    self.results = results.map { (isEnough ? name($0.model, 1) : $0.model, $0.result) }
  }

  /// One object with the key `models`: a list of {model, result}.
  public func encode(to encoder: any Encoder) throws {
    var top = encoder.container(keyedBy: FieldName.self)
    var list = top.nestedUnkeyedContainer(forKey: FieldName("models"))
    for (model, result) in results {
      var one = list.nestedContainer(keyedBy: FieldName.self)
      try one.encode(model, forKey: FieldName("model"))
      try result.encode(to: one.superEncoder(forKey: FieldName("result")))
    }
  }

  /// The heading.
  public var title: String { "\(results.count) models" }

  /// The figures side by side, then each model's own tables.
  public var sections: [ReportSection] {
    summary + results.flatMap { model, result in [.note("\(model): \(result.title)")] + result.sections }
  }

  /// The figures side by side, and each model's results under its name.
  public var parts: [any EvaluationResult] {
    [TitledSections(title: title, sections: summary)]
      + results.flatMap { model, result in
        result.parts.map { TitledSections(title: "\(model): \($0.title)", sections: $0.sections) }
      }
  }

  private var summary: [ReportSection] {
    let names = results.first?.result.headlines.map(\.name) ?? []
    var table = ReportTable("In percent", [("model", .text)] + names.map { ($0, .percent) })
    for (model, result) in results {
      let figures = Dictionary(result.headlines.map { ($0.name, $0.value) }) { first, _ in first }
      table.rows.append([.text(model)] + names.map { .value(figures[$0]) })
    }
    return names.isEmpty ? [] : [.table(table)]
  }
}

/// Sections with a heading, to be shown.
struct TitledSections: EvaluationResult {
  let title: String
  let sections: [ReportSection]

  func encode(to encoder: any Encoder) throws {}
}
