import Foundation
import Report
import Testing

struct ReportTests {
  private func page(_ sections: [ReportSection]) -> ReportPage {
    ReportPage(title: "t", heading: "h", facts: [("a <b>", "c & d")], parts: [ReportPart("part|1", sections)])
  }

  @Test(
    arguments: [
      (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]), (0, 7, ["0", "2", "4", "6"]),
      (1.013, 1.187, ["1.050", "1.100", "1.150"]), (0, 1234, ["0", "250", "500", "750", "1000"]),
      (-3, 3, ["-2", "0", "2"]), (5, 5.0000004, ["5.0000000", "5.0000001", "5.0000002", "5.0000003", "5.0000004"]),
    ] as [(Double, Double, [String])])
  func ticksAreRound(low: Double, high: Double, expected: [String]) {
    let (values, decimals) = ReportPage.ticks(low, high)
    let texts = values.map { value in
      var text = "\((abs(value) * 1e7).rounded() / 1e7)"
      if decimals == 0 { text = "\(Int(abs(value).rounded()))" }
      return (value < -1e-12 ? "-" : "") + text
    }
    #expect(texts.count == expected.count, "\(texts) \(decimals)")
    for (value, text) in zip(values, expected) { #expect(abs(value - (Double(text) ?? .nan)) < 1e-9, "\(values)") }
  }

  @Test func scoresAreCountedInBins() throws {
    #expect(ScoreBins(right: [1, 1], wrong: []) == nil)
    #expect(ScoreBins(right: [.nan], wrong: [.infinity]) == nil)
    let bins = try #require(ScoreBins(right: [0, 0.5, 1], wrong: [0, .infinity]))
    #expect(bins.low == 0 && bins.high == 1)
    #expect(bins.right.reduce(0, +) == 3 && bins.wrong.reduce(0, +) == 1)
    #expect(bins.right[0] == 1 && bins.right[24] == 1 && bins.right[47] == 1)
  }

  @Test func outliersDoNotSqueezeTheRest() throws {
    let bins = try #require(ScoreBins(right: (0..<2000).map { Double($0) } + [1e9], wrong: []))
    #expect(bins.high < 2001 && bins.right.reduce(0, +) == 2001)
  }

  @Test func tablesComeAsMarkdownAndAsValues() {
    var table = ReportTable("sizes, \"all\"", [("name", .text), ("share", .percent), ("n", .count)])
    table.rows = [[.text("a|b"), .value(0.5), .value(3)], [.text("x,y"), .value(nil), .value(1)]]
    let page = page([.table(table), .note("said")])
    #expect(page.markdown.contains("| a\\|b | 50.00 | 3 |"))
    #expect(page.markdown.contains("|---|---:|---:|"))
    #expect(
      page.csv
        == "part,table,name,share,n\npart|1,\"sizes, \"\"all\"\"\",a|b,0.5,3.0\npart|1,\"sizes, \"\"all\"\"\",\"x,y\",,1.0\n"
    )
  }

  @Test func everyChartIsWellFormedWhateverItHolds() {
    let series: [ReportSeries] = [
      ReportSeries("<i>", [(1, .nan), (2, 3), (4, 3)]), ReportSeries("none", []), ReportSeries("one", [(2, 1)]),
    ]
    let html = page([
      .lines(title: "l", series: series), .lines(title: "empty", series: []),
      .histogram(
        title: "<h>", ScoreBins(low: 0, high: 1, right: [1, 2], wrong: [0, 0], isEstimated: true), threshold: 0.01),
      .pairs(title: "p", [ReportPair(score: 1.5, source: "<script>\u{1b}[31m", target: "b")]),
      .curve(title: "c", points: [], best: nil), .bars(title: "b", bars: [("<x>", 2, true)]),
    ]).html
    #expect(!html.contains("<script>") && !html.contains("\u{1b}") && !html.contains("<i>") && !html.contains("nan"))
    #expect(html.contains("right by estimate (3)"))
    for tag in ["svg", "div", "section", "dl"] {
      #expect(
        html.components(separatedBy: "<\(tag)").count == html.components(separatedBy: "</\(tag)>").count, "\(tag)")
    }
  }
}
