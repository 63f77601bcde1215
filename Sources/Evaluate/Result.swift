import Base

/// What a protocol gave: figures for programs, and tables and charts for people.
public protocol EvaluationResult: Encodable, Sendable {
  /// The protocol's name and what it ran on.
  var title: String { get }
  /// What to show, in order.
  var sections: [ReportSection] { get }
  /// What has a heading of its own in a page: the result itself, if it is not made of several.
  var parts: [any EvaluationResult] { get }
}

extension EvaluationResult {
  /// This alone.
  public var parts: [any EvaluationResult] { [self] }
}

/// A part of a report.
public enum ReportSection: Sendable {
  /// A sentence or two.
  case note(String)
  /// A table.
  case table(ReportTable)
  /// A bar for each row; `share` is 0 to 1.
  case bars(title: String, bars: [(label: String, share: Double, group: Bool)])
  /// How scores of right and wrong pairs are spread.
  case histogram(title: String, right: [Double], wrong: [Double], threshold: Double?)
  /// Precision over recall.
  case curve(title: String, points: [(recall: Double, precision: Double)], best: (recall: Double, precision: Double)?)
}

/// A table for people: aligned text for terminals, HTML for the report.
public struct ReportTable: Sendable {
  /// How a column's cells are written.
  public enum Kind: Sendable {
    /// Words, to the left.
    case text
    /// A count.
    case count
    /// A share of 0 to 1, written in percent with two decimals.
    case percent
    /// A number with four decimals.
    case number
  }

  /// A cell.
  public enum Cell: Sendable {
    case text(String)
    case value(Double?)
  }

  /// The heading.
  public var title: String
  /// The columns' names and kinds.
  public var columns: [(name: String, kind: Kind)]
  /// The rows, best first where there is a best.
  public var rows: [[Cell]] = []
  /// Rows below a line: means.
  public var footer: [[Cell]] = []
  /// The column whose best and worst rows are marked, and whether more is better there.
  public var marked: (column: Int, higherIsBetter: Bool)?

  /// A table without rows.
  public init(_ title: String, _ columns: [(name: String, kind: Kind)]) {
    self.title = title
    self.columns = columns
  }

  /// The rows with the best and the worst value of the marked column; none if all are equal.
  var extremes: (best: Int, worst: Int)? {
    guard let marked, rows.count > 1 else { return nil }
    let values = rows.map { row -> Double? in if case .value(let value) = row[marked.column] { value } else { nil } }
    let known = values.enumerated().compactMap { i, value in value.map { (i, $0) } }
    guard let low = known.min(by: { $0.1 < $1.1 }), let high = known.max(by: { $0.1 < $1.1 }), low.1 < high.1 else {
      return nil
    }
    return marked.higherIsBetter ? (high.0, low.0) : (low.0, high.0)
  }

  func format(_ cell: Cell, _ kind: Kind) -> String {
    switch cell {
    case .text(let text): return text
    case .value(nil): return "-"
    case .value(let value?):
      switch kind {
      case .text, .count: return String(Int(value))
      case .percent: return decimal(100 * value, 2)
      case .number: return decimal(value, 4)
      }
    }
  }

  /// The table with aligned columns, its lines ending in newlines.
  public var text: String {
    let extremes = extremes
    var lines = [columns.map(\.name) + [""]]
    for (i, row) in rows.enumerated() {
      let mark = extremes.map { i == $0.best ? "best" : i == $0.worst ? "worst" : "" } ?? ""
      lines.append(zip(row, columns).map { format($0, $1.kind) } + [mark])
    }
    let rule = lines.count
    for row in footer { lines.append(zip(row, columns).map { format($0, $1.kind) } + [""]) }
    let widths = (0...columns.count).map { column in lines.map { $0[column].count }.max() ?? 0 }
    var result = title.isEmpty ? "" : title + "\n"
    for (number, line) in lines.enumerated() {
      if number == rule, rule > 1 {
        result += String(repeating: "-", count: widths.dropLast().reduce(-2) { $0 + $1 + 2 }) + "\n"
      }
      var text = ""
      for (column, cell) in line.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        let left = column == columns.count || columns[column].kind == .text
        text += (column > 0 ? "  " : "") + (left ? cell + padding : padding + cell)
      }
      while text.last == " " { text.removeLast() }
      result += text + "\n"
    }
    return result
  }
}
