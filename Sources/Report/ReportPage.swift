import Base
import Foundation

/// What has a heading of its own in a page.
public struct ReportPart: Sendable {
  /// The heading.
  public var title: String
  /// What is under it.
  public var sections: [ReportSection]

  /// A part.
  public init(_ title: String, _ sections: [ReportSection]) {
    self.title = title
    self.sections = sections
  }
}

/// One self-contained page about a run: no scripts, no other files, readable on a phone and in the dark.
public struct ReportPage: Sendable {
  /// What stands in the window's bar, and above everything else.
  public var title: String, heading: String
  /// Names and values that say what was done with what: model, version, seed.
  public var facts: [(name: String, value: String)]
  /// What the page says.
  public var parts: [ReportPart]

  /// A page.
  public init(title: String, heading: String, facts: [(name: String, value: String)], parts: [ReportPart]) {
    self.title = title
    self.heading = heading
    self.facts = facts
    self.parts = parts
  }

  /// The page as HTML.
  public var html: String {
    var body = ""
    for part in parts {
      body += "<section><h2>\(Self.escape(part.title))</h2>\n"
      for section in part.sections { body += Self.html(section) }
      body += "</section>\n"
    }
    let list = facts.map { "<dt>\(Self.escape($0.name))</dt><dd>\(Self.escape($0.value))</dd>" }.joined()
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(Self.escape(title))</title>
      <style>\(Self.style)</style></head>
      <body><h1>\(Self.escape(heading))</h1><dl>\(list)</dl>
      \(body)</body></html>

      """
  }

  /// The page's tables and notes as Markdown.
  public var markdown: String {
    var text =
      "# \(Printable.text(heading))\n\n" + facts.map { "- \($0.name): \(Printable.text($0.value))\n" }.joined() + "\n"
    for part in parts {
      text += "## \(Printable.text(part.title))\n\n"
      for section in part.sections {
        switch section {
        case .note(let note): text += Printable.text(note) + "\n\n"
        case .table(let table): text += table.markdown
        case .bars, .histogram, .curve, .lines, .pairs: continue
        }
      }
    }
    return text
  }

  /// The page's tables as comma-separated values, one below the other: each with a line of column names, and part and table in
  /// the first two columns.
  public var csv: String {
    var text = ""
    for part in parts {
      for case .table(let table) in part.sections {
        text += ReportTable.record(["part", "table"] + table.columns.map(\.name))
        text += table.csv([part.title, table.title])
      }
    }
    return text
  }

  /// Writes the page; it appears when it is complete.
  ///
  /// - Parameter path: a name that ends in `.md` or `.csv` gets its tables alone in that form, any other HTML.
  public func write(to path: String) throws(Failure) {
    let file = try OutputFile(path: path)
    try file.write(path.hasSuffix(".md") ? markdown : path.hasSuffix(".csv") ? csv : html)
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
    @media(max-width:32rem){svg text{font-size:19px}.long :is(td,th):first-child{position:static}\
    body{padding:.6rem}table{font-size:.7rem}th,td{padding:.15rem .22rem}th,td.w{white-space:normal;overflow-wrap:anywhere}th{vertical-align:bottom}}
    .bars{display:grid;grid-template-columns:max-content 1fr max-content;gap:.1rem .5rem;align-items:center;max-width:46rem;\
    font-size:.8rem;font-variant-numeric:tabular-nums}
    .bars i{display:block;height:.75rem;background:var(--soft);min-width:1px;border-radius:0 2px 2px 0}
    .bars i.k{background:var(--right)}
    .pair{margin:.35rem 0;padding:.3rem .6rem;border-left:3px solid var(--soft);font-size:.85rem;overflow-wrap:anywhere}
    .pair b{float:right;font-weight:400;color:var(--dim);margin-left:.6rem;font-variant-numeric:tabular-nums}
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
    case .histogram(let title, let bins, let threshold): return histogram(title, bins, threshold: threshold)
    case .lines(let title, let series): return lines(title, series)
    case .pairs(let title, let pairs):
      return "<h3>\(escape(title))</h3>"
        + pairs.map {
          "<div class=\"pair\"><b>\(decimal($0.score, 4))</b>\(escape($0.source))<br>\(escape($0.target))</div>\n"
        }.joined()
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

  /// Round numbers from `low` to `high`, about five of them, and the decimals that they need.
  package static func ticks(_ low: Double, _ high: Double) -> (values: [Double], decimals: Int) {
    guard low < high, (high - low).isFinite else { return ([low], 3) }
    let raw = (high - low) / 5
    let power = pow(10, floor(log10(raw)))
    let step = [1, 2, 2.5, 5, 10].map { $0 * power }.first { $0 >= raw * 0.999 } ?? 10 * power
    let decimals = max(0, Int(-floor(log10(step) + 1e-9)) + (step / power == 2.5 ? 1 : 0))
    let values = stride(from: (low / step - 1e-9).rounded(.up), through: high / step + 1e-9, by: 1).map { $0 * step }
    return (values, decimals)
  }

  private static func histogram(_ title: String, _ bins: ScoreBins, threshold: Double?) -> String {
    let most = max(bins.right.max() ?? 0, bins.wrong.max() ?? 0, 1)
    let (low, high) = (bins.low, bins.high)
    func place(_ score: Double) -> Double { (score - low) / (high - low) }
    var content = ""
    let heights = ticks(0, most)
    for value in heights.values {
      content += line(x(0), y(value / most), x(1), y(value / most), "stroke:var(--line)")
      content += label(decimal(value, heights.decimals), "55", y(value / most - 0.02), "end")
    }
    let scores = ticks(low, high)
    for value in scores.values {
      content += label(decimal(value, scores.decimals), x(place(value)), "258", place(value) > 0.97 ? "end" : "middle")
    }
    func steps(_ counts: [Double], _ color: String) -> String {
      var path = "M\(x(0)) \(y(0))"
      for (i, count) in counts.enumerated() {
        let height = y(count / most)
        path += "L\(x(Double(i) / Double(counts.count))) \(height)L\(x(Double(i + 1) / Double(counts.count))) \(height)"
      }
      return
        "<path d=\"\(path)L\(x(1)) \(y(0))Z\" style=\"fill:\(color);fill-opacity:.35;stroke:\(color);stroke-width:1.5\"/>\n"
    }
    content += steps(bins.wrong, "var(--wrong)") + steps(bins.right, "var(--right)")
    if let threshold, threshold >= low, threshold <= high {
      let at = x(place(threshold))
      content += line(at, y(0), at, y(1), "stroke:var(--ink);stroke-dasharray:4 3")
      let share = place(threshold)
      content += label(
        "threshold \(decimal(threshold, 4))", at, "18", share < 0.15 ? "start" : share > 0.85 ? "end" : "middle")
    }
    let estimated = bins.isEstimated ? " by estimate" : ""
    func key(_ color: String, _ name: String, _ counts: [Double]) -> String {
      "<span><b style=\"background:var(--\(color))\"></b>\(name)\(estimated) (\(decimal(counts.reduce(0, +), 0)))</span>"
    }
    return
      "\(frame(title, content))<p class=\"key\">\(key("right", "right", bins.right))\(key("wrong", "wrong", bins.wrong))</p>\n"
  }

  private static let colors = ["right", "wrong", "dim", "ink"]

  private static func lines(_ title: String, _ series: [ReportSeries]) -> String {
    let points = series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
    guard let left = points.map(\.x).min(), let right = points.map(\.x).max(), let low = points.map(\.y).min(),
      let high = points.map(\.y).max(), left < right
    else { return "" }
    let top = low < high ? high : low + 1
    func place(_ value: Double) -> Double { (value - low) / (top - low) }
    var content = ""
    let heights = ticks(low, top)
    for value in heights.values {
      content += line(x(0), y(place(value)), x(1), y(place(value)), "stroke:var(--line)")
      content += label(decimal(value, heights.decimals), "55", y(place(value) - 0.02), "end")
    }
    let steps = ticks(left, right)
    for value in steps.values {
      let at = (value - left) / (right - left)
      content += label(decimal(value, steps.decimals), x(at), "258", at > 0.97 ? "end" : "middle")
    }
    content += label("step", x(0.5), "276", "middle")
    for (one, color) in zip(series, colors) {
      let path = one.points.filter { $0.x.isFinite && $0.y.isFinite }.map {
        "\(x(($0.x - left) / (right - left))),\(y(place($0.y)))"
      }
      content +=
        "<polyline points=\"\(path.joined(separator: " "))\" style=\"fill:none;stroke:var(--\(color));stroke-width:1.5\"/>\n"
    }
    let key = zip(series, colors).map { "<span><b style=\"background:var(--\($1))\"></b>\(escape($0.name))</span>" }
    return "\(frame(title, content))<p class=\"key\">\(key.joined())</p>\n"
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
