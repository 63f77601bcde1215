import Report

// Of a comparison: what people see.

extension Comparison {
  /// The heading.
  public var title: String { "Compared with \(path)" }

  /// What differs, and how sure that is.
  public var sections: [ReportSection] {
    var sections: [ReportSection] = notes.map { .note($0) }
    if figures.isEmpty {
      sections.append(.note("No figure differs."))
    } else {
      var table = ReportTable(
        "Figures, in percent", [("", .text), ("old", .percent), ("new", .percent), ("difference", .percent)])
      for f in figures { table.rows.append([.text(f.name), .value(f.old), .value(f.new), .value(f.difference)]) }
      sections.append(.table(table))
    }
    let columns: [(String, ReportTable.Kind)] = [
      ("n", .count), ("better", .count), ("worse", .count), ("difference", .percent), ("from", .percent),
      ("to", .percent), ("p", .number), ("sign test", .number),
    ]
    func mark(_ t: PairedTest) -> String { t.matters ? "*" : "" }
    func cells(_ t: PairedTest) -> [ReportTable.Cell] {
      [t.n, t.better, t.worse].map { .value(Double($0)) }
        + [t.difference, t.low, t.high, t.bootstrap].map { .value($0) }
        + [.value(t.signTest)]
    }
    // Where no answer changed there is nothing to show.
    let (single, many) = (
      tests.filter { $0.language == nil && $0.better + $0.worse > 0 }, tests.filter { $0.language != nil }
    )
    let note = "95% interval and p by paired bootstrap, 10,000 resamples; * both p below 0.05"
    if !single.isEmpty {
      var table = ReportTable("Differences in percent; \(note)", [("", .text), ("", .text), ("over", .text)] + columns)
      for t in single { table.rows.append([.text(t.name), .text(mark(t)), .text(t.unit)] + cells(t)) }
      sections.append(.table(table))
    }
    // By margin they are in the JSON.
    let shown = many.filter { !$0.name.hasSuffix(".margin_mean") }
    let sets = Dictionary(grouping: shown) { $0.name.split(separator: ".").dropLast(2).joined(separator: ".") }
    for (set, tests) in sets.sorted(by: { $0.key < $1.key }) {
      var table = ReportTable(
        "\(set), over \(tests[0].unit), in percent; \(note)", [("", .text), ("", .text)] + columns)
      table.marked = (5, true)
      for t in tests.sorted(by: { ($1.difference, $0.name) < ($0.difference, $1.name) }) {
        table.rows.append([.text(t.language ?? ""), .text(mark(t))] + cells(t))
      }
      sections.append(.table(table))
      sections.append(
        .note(
          "\(tests.count { $0.matters }) of \(tests.count) languages are marked; by chance alone it would be up to about "
            + "\(Int((Double(tests.count) / 20).rounded(.up)))."))
    }
    return sections
  }
}
