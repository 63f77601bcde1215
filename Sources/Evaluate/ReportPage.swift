import Base
import Foundation

/// One self-contained page with the results of one or more protocols: no scripts, no other files, readable on a phone and
/// in the dark.
public enum ReportPage {
  /// The page as HTML.
  ///
  /// - Parameters:
  ///   - facts: names and values that say what was measured with what: model, version, seed.
  public static func html(_ result: any EvaluationResult, facts: [(name: String, value: String)]) -> String {
    let results = result.parts
    var body = ""
    for result in results {
      body += "<section><h2>\(escape(result.title))</h2>\n"
      for section in result.sections { body += html(section) }
      body += "</section>\n"
    }
    let title = results.count == 1 ? results[0].title : "Evaluation"
    let list = facts.map { "<dt>\(escape($0.name))</dt><dd>\(escape($0.value))</dd>" }.joined()
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(escape(title))</title>
      <style>\(style)</style></head>
      <body><h1>\(results.count == 1 ? "ems evaluate" : "Evaluation")</h1><dl>\(list)</dl>
      \(body)</body></html>

      """
  }

  /// Writes the page; it appears when it is complete.
  public static func write(
    _ result: any EvaluationResult, facts: [(name: String, value: String)], to path: String
  ) throws(Failure) {
    let file = try OutputFile(path: path)
    try file.write(html(result, facts: facts))
    try file.commit()
  }

  private static let style = """
    :root{--ink:#1c2430;--dim:#5d6877;--paper:#fff;--line:#d9dee5;--right:#1f6fb2;--wrong:#d1603d;--soft:#a9c6e0;--good:#e3f1e5;\
    --bad:#fbe7e0;color-scheme:light dark}
    @media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--dim:#9aa5b4;--paper:#14181e;--line:#333b46;--right:#5aa5e0;\
    --wrong:#e88a67;--soft:#3b5a75;--good:#1d3324;--bad:#3a241c}}
    *{box-sizing:border-box}
    body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:68rem;margin:0 auto;padding:1rem}
    h1{font-size:1.15rem;margin:0 0 .3rem;color:var(--dim);font-weight:600}
    h2{font-size:1.35rem;margin:1.6rem 0 .6rem;overflow-wrap:anywhere}
    h3{font-size:.95rem;margin:1.3rem 0 .4rem;color:var(--dim);font-weight:600}
    dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .8rem;margin:0;font-size:.85rem;color:var(--dim)}
    dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}
    .wide{overflow-x:auto;max-width:100%}
    table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.85rem}
    th,td{padding:.18rem .55rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
    th{color:var(--dim);font-weight:600}
    .w{text-align:left}
    th:first-child,td:first-child{position:sticky;left:0;background:var(--paper);box-shadow:inset 0 -1px var(--line)}
    tr.best td{background:var(--good)}tr.worst td{background:var(--bad)}
    tfoot tr:first-child td{border-top:2px solid var(--dim)}tfoot td{font-weight:600}
    svg{width:100%;height:auto;max-width:46rem;display:block}
    svg text{fill:var(--dim);font:13px system-ui,sans-serif}
    @media(max-width:32rem){svg text{font-size:19px}.long :is(td,th):first-child{position:static}}
    .bars{display:grid;grid-template-columns:max-content 1fr max-content;gap:.1rem .5rem;align-items:center;max-width:46rem;\
    font-size:.8rem;font-variant-numeric:tabular-nums}
    .bars i{display:block;height:.75rem;background:var(--soft);min-width:1px;border-radius:0 2px 2px 0}
    .bars i.k{background:var(--right)}
    .key span{display:inline-block;margin-right:1rem;font-size:.8rem;color:var(--dim)}
    .key b{display:inline-block;width:.8rem;height:.8rem;margin-right:.35rem;vertical-align:-.1rem}
    """

  static func escape(_ text: String) -> String {
    Printable.text(text, keepingLines: true).replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(
      of: "<", with: "&lt;"
    )
    .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
  }

  private static func html(_ section: ReportSection) -> String {
    switch section {
    case .note(let text): return "<p>\(escape(text))</p>\n"
    case .table(let table): return table.html
    case .bars(let title, let bars):
      var text = "<h3>\(escape(title))</h3><div class=\"bars\">"
      for bar in bars {
        let width = decimal(100 * min(max(bar.share, 0), 1), 2)
        text += "<span>\(escape(bar.label))</span><i\(bar.group ? " class=\"k\"" : "") style=\"width:\(width)%\"></i>"
        text += "<span>\(width)</span>\n"
      }
      return text + "</div>\n"
    case .histogram(let title, let right, let wrong, let threshold):
      return histogram(title, right: right, wrong: wrong, threshold: threshold)
    case .curve(let title, let points, let best): return curve(title, points, best)
    }
  }

  // Charts are 640 x 280 units with a margin for the axes.
  private static let (left, top, right, bottom) = (62.0, 26.0, 628.0, 236.0)

  private static func x(_ share: Double) -> String { decimal(left + (right - left) * share, 1) }
  private static func y(_ share: Double) -> String { decimal(bottom - (bottom - top) * share, 1) }

  private static func frame(_ title: String, _ content: String) -> String {
    """
    <h3>\(escape(title))</h3><svg viewBox="0 0 640 280" role="img" aria-label="\(escape(title))">
    \(content)</svg>

    """
  }

  private static func label(_ text: String, _ x: String, _ y: String, _ anchor: String) -> String {
    "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor)\">\(escape(text))</text>\n"
  }

  private static func line(_ x1: String, _ y1: String, _ x2: String, _ y2: String, _ style: String) -> String {
    "<line x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\" style=\"\(style)\"/>\n"
  }

  private static func histogram(
    _ title: String, right: [Double], wrong: [Double], threshold: Double?
  ) -> String {
    // Outliers would squeeze everything else: the outermost thousandth goes into the outer bars.
    let all = (right + wrong).filter(\.isFinite).sorted()
    guard let first = all.first, let last = all.last, first < last else { return "" }
    let low = all[all.count / 1000]
    let high = all[all.count - 1 - all.count / 1000]
    guard low < high else { return "" }
    let bins = 48
    func counts(_ values: [Double]) -> [Int] {
      var counts = [Int](repeating: 0, count: bins)
      for value in values where value.isFinite {
        counts[min(bins - 1, max(0, Int((value - low) / (high - low) * Double(bins))))] += 1
      }
      return counts
    }
    let (good, bad) = (counts(right), counts(wrong))
    let most = Double(max(good.max() ?? 1, bad.max() ?? 1, 1))
    var content = ""
    for part in 0...4 {
      let share = Double(part) / 4
      content += line(x(0), y(share), x(1), y(share), "stroke:var(--line)")
      content += label(String(Int((most * share).rounded())), "55", y(share - 0.02), "end")
      content += label(decimal(low + (high - low) * share, 3), x(share), "258", part == 4 ? "end" : "middle")
    }
    func steps(_ counts: [Int], _ color: String) -> String {
      var path = "M\(x(0)) \(y(0))"
      for (i, count) in counts.enumerated() {
        let height = y(Double(count) / most)
        path += "L\(x(Double(i) / Double(bins))) \(height)L\(x(Double(i + 1) / Double(bins))) \(height)"
      }
      return
        "<path d=\"\(path)L\(x(1)) \(y(0))Z\" style=\"fill:\(color);fill-opacity:.35;stroke:\(color);stroke-width:1.5\"/>\n"
    }
    content += steps(bad, "var(--wrong)") + steps(good, "var(--right)")
    if let threshold, threshold >= low, threshold <= high {
      let place = x((threshold - low) / (high - low))
      content += line(place, y(0), place, y(1), "stroke:var(--ink);stroke-dasharray:4 3")
      content += label("threshold \(decimal(threshold, 4))", place, "18", "middle")
    }
    return """
      \(frame(title, content))<p class="key"><span><b style="background:var(--right)"></b>right (\(right.count))</span>\
      <span><b style="background:var(--wrong)"></b>wrong (\(wrong.count))</span></p>

      """
  }

  private static func curve(
    _ title: String, _ points: [(recall: Double, precision: Double)], _ best: (recall: Double, precision: Double)?
  ) -> String {
    var content = ""
    for part in 0...4 {
      let share = Double(part) / 4
      content += line(x(0), y(share), x(1), y(share), "stroke:var(--line)")
      content += label("\(25 * part)", "55", y(share - 0.02), "end")
      content += label("\(25 * part)%", x(share), "258", part == 4 ? "end" : "middle")
    }
    content += label("recall", x(0.5), "276", "middle")
    let path = points.map { "\(x($0.recall)),\(y($0.precision))" }.joined(separator: " ")
    content += "<polyline points=\"\(path)\" style=\"fill:none;stroke:var(--right);stroke-width:2\"/>\n"
    if let best {
      content += "<circle cx=\"\(x(best.recall))\" cy=\"\(y(best.precision))\" r=\"5\" style=\"fill:var(--wrong)\"/>\n"
      // Under the curve, where there is nothing, on the side that has room.
      let room = best.recall > 0.5
      content += label(
        "best F1: precision \(decimal(100 * best.precision, 1)), recall \(decimal(100 * best.recall, 1))",
        x(best.recall + (room ? -0.02 : 0.02)), y(max(best.precision - 0.1, 0.03)), room ? "end" : "start")
    }
    return frame(title + " (precision upward, percent)", content)
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
