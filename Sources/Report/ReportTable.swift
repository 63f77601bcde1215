import Base
import Foundation

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

extension ReportTable {
  /// The table as HTML, in a box of its own that scrolls sideways.
  var html: String {
    let extremes = extremes
    func line(_ cells: [(String, Kind)], _ tag: String) -> String {
      cells.map { cell, kind in
        "<\(tag)\(kind == .text ? " class=\"w\"" : "")>\(ReportPage.escape(cell))</\(tag)>"
      }.joined()
    }
    func row(_ cells: [Cell]) -> String { line(zip(cells, columns).map { (format($0, $1.kind), $1.kind) }, "td") }
    // A first column that would fill a phone's width does not stay in view there.
    let long = rows.contains { $0.first.map { format($0, .text).count > 16 } ?? false }
    var text = title.isEmpty ? "" : "<h3>\(ReportPage.escape(title))</h3>"
    text +=
      "<div class=\"wide\"><table\(long ? " class=\"long\"" : "")><thead><tr>\(line(columns.map { ($0.name, $0.kind) }, "th"))</tr></thead><tbody>\n"
    for (i, cells) in rows.enumerated() {
      let mark = extremes.map { i == $0.best ? " class=\"best\"" : i == $0.worst ? " class=\"worst\"" : "" } ?? ""
      text += "<tr\(mark)>\(row(cells))</tr>\n"
    }
    text += "</tbody>"
    if !footer.isEmpty { text += "<tfoot>" + footer.map { "<tr>\(row($0))</tr>\n" }.joined() + "</tfoot>" }
    return text + "</table></div>\n"
  }
}

extension ReportTable {
  /// The table as Markdown.
  var markdown: String {
    func row(_ cells: [String]) -> String {
      "| " + cells.map { Printable.text($0).replacingOccurrences(of: "|", with: "\\|") }.joined(separator: " | ")
        + " |\n"
    }
    var text = title.isEmpty ? "" : "### \(Printable.text(title))\n\n"
    text += row(columns.map(\.name)) + "|" + columns.map { $0.kind == .text ? "---|" : "---:|" }.joined() + "\n"
    for cells in rows + footer { text += row(zip(cells, columns).map { format($0, $1.kind) }) }
    return text + "\n"
  }

  /// The table as comma-separated values (RFC 4180), shares as shares, after `first` columns that are the same in every row.
  func csv(_ first: [String]) -> String {
    func value(_ cell: Cell) -> String {
      switch cell {
      case .text(let text): text
      case .value(let value): value.map { "\($0)" } ?? ""
      }
    }
    return (rows + footer).map { Self.record(first + $0.map(value)) }.joined()
  }

  /// A line of comma-separated values.
  static func record(_ fields: [String]) -> String {
    fields.map { text in
      text.contains { ",\"\n\r".contains($0) } ? "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : text
    }.joined(separator: ",") + "\n"
  }
}
