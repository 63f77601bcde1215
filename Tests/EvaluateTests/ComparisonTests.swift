import Base
import Evaluate
import Foundation
import TestSupport
import Testing

/// Comparisons of results whose tests can be worked out on paper.
@Suite struct ComparisonTests {
  let folder = TemporaryFolder()

  private func compare(_ old: String, _ new: String) throws -> Comparison {
    try Comparison(old: EarlierResult(path: try folder.write("old.json", old)), new: Data(new.utf8))
  }

  /// A result of one figure with its outcomes, a character a line: 1 for right.
  private func result(_ hits: String..., name: String = "accuracy", data: String = "aa") -> String {
    let lists = hits.map { "\"\(Outcomes.pack($0.map { $0 == "1" }))\"" }.joined(separator: ",")
    let n = hits[0].count
    let share = Double(hits.joined().count { $0 == "1" }) / Double(n * hits.count)
    return """
      {"n":\(n),"\(name)":\(share),"outcomes":{"unit":"lines","n":\(n),"data":"\(data)","hits":{"\(name)":[\(lists)]}}}
      """
  }

  @Test func bitsAreThoseOfPackbits() {
    // 1010 0000 1000 0000
    let bits = [true, false, true, false, false, false, false, false, true]
    #expect(Outcomes.pack(bits) == "oIA=")
    #expect(Outcomes.unpack("oIA=", count: 9) == bits)
    #expect(Outcomes.unpack("oIA=", count: 17) == nil && Outcomes.unpack("?", count: 1) == nil)
  }

  @Test func linesAreTested() throws {
    // Better in 7 lines, worse in 1: the sign test is 2 (1 + 8) / 2^8.
    let comparison = try compare(result("0000000100"), result("1111111000"))
    let test = try #require(comparison.tests.first)
    #expect(comparison.tests.count == 1 && test.name == "accuracy" && test.unit == "lines")
    #expect(test.n == 10 && test.better == 7 && test.worse == 1)
    #expect(abs(test.difference - 0.6) < 1e-12)
    #expect(abs((test.signTest ?? 0) - 18.0 / 256) < 1e-12)
    #expect(comparison.notes.isEmpty)
  }

  @Test func theBootstrapFollowsTheBinomialDistribution() throws {
    // One of four lines is better: a resample's sum is binomial, with P(0) = 0.75^4 = 0.3164, P(up to 2) = 0.9492 and
    // P(up to 3) = 0.9961. So p is 2 P(0), and the interval ends at 0 and 3 of 4.
    let one = try #require(try compare(result("0011"), result("1011")).tests.first)
    #expect(one.low == 0 && one.high == 0.75)
    #expect(abs(one.bootstrap - 0.6328) < 0.03)
    // Every line is better: so is every resample.
    let all = try #require(try compare(result("00000000"), result("11111111")).tests.first)
    #expect(all.low == 1 && all.high == 1 && all.bootstrap == 2.0 / 10_001)
    #expect(abs((all.signTest ?? 0) - 2.0 / 256) < 1e-12)
    // 300 of 1000 lines better, 200 worse: the standard deviation is sqrt((0.5 - 0.01) / 1000) = 0.02214.
    let old = String(repeating: "0", count: 300) + String(repeating: "1", count: 700)
    let new =
      String(repeating: "1", count: 300) + String(repeating: "0", count: 200) + String(repeating: "1", count: 500)
    let many = try #require(try compare(result(old), result(new)).tests.first)
    #expect(abs(many.low - (0.1 - 1.96 * 0.02214)) < 0.003 && abs(many.high - (0.1 + 1.96 * 0.02214)) < 0.003)
    // Nothing differs.
    let same = try #require(try compare(result("0110"), result("0110")).tests.first)
    #expect(same.bootstrap == 1 && same.signTest == 1 && same.difference == 0)
  }

  @Test func theSeedDecides() throws {
    let old = try EarlierResult(path: try folder.write("old.json", result("0011010011")))
    func interval(_ seed: UInt64) throws -> [Double] {
      let test = try Comparison(old: old, new: Data(result("1111000011").utf8), seed: seed).tests[0]
      return [test.low, test.high, test.bootstrap]
    }
    #expect(try interval(5) == interval(5))
    #expect(try interval(5) != interval(6))
  }

  @Test func seedsOfADocumentAreItsMean() throws {
    // Two seeds: the first document goes from 0 to 1, the second from 1/2 to 0.
    let test = try #require(try compare(result("01", "00"), result("10", "10")).tests.first)
    #expect(test.better == 1 && test.worse == 1 && abs(test.difference - 0.25) < 1e-12)
  }

  @Test func miningIsTestedBySourceLines() throws {
    // Gold lines 0 and 1. Before, lines 0 and 2 were taken, 0 rightly; now 0 and 1, both rightly.
    func bucc(_ f1: Double, _ extracted: [Int], _ correct: [Bool]) -> String {
      """
      {"f1":\(f1),"outcomes":{"unit":"source lines","n":4,"data":"aa","gold":[0,1],"extracted":\(extracted),\
      "correct":"\(Outcomes.pack(correct))"}}
      """
    }
    let comparison = try compare(bucc(0.5, [0, 2], [true, false]), bucc(1, [0, 1], [true, true]))
    #expect(comparison.tests.map(\.name) == ["f1", "precision", "recall"])
    #expect(comparison.tests.map(\.difference) == [0.5, 0.5, 0.5])
    #expect(comparison.tests.allSatisfy { $0.better == 1 && $0.worse == 0 && $0.n == 4 })
    #expect(comparison.tests.map(\.signTest) == [nil, nil, 1])
    // F1 cannot fall; it stays where lines 1 and 2 are not drawn, (1/2)^4, or no gold line is taken rightly either time.
    #expect(comparison.tests[0].low == 0 && comparison.tests[0].high == 1)
    // Recall stays where line 1 is not drawn: 0.75^4, doubled.
    #expect(abs(comparison.tests[2].bootstrap - 0.6328) < 0.03)
  }

  @Test func meansAreTestedOverLanguagesAndLines() throws {
    func tatoeba(_ german: String, _ french: String) -> String {
      """
      {"mean":0.5,"languages":{"de":\(result(german, name: "accuracy")),"fr":\(result(french, name: "accuracy"))}}
      """
    }
    let comparison = try compare(tatoeba("0011", "0000"), tatoeba("1111", "0001"))
    let names = comparison.tests.map { "\($0.name) \($0.unit)" }
    #expect(
      names == [
        "languages.de.accuracy lines", "languages.fr.accuracy lines", "mean languages", "mean lines of 2 languages",
      ])
    #expect(comparison.tests[0].language == "de" && comparison.tests[2].language == nil)
    // (2/4 + 1/4) / 2
    for test in comparison.tests[2...] { #expect(abs(test.difference - 0.375) < 1e-12) }
    #expect(comparison.tests[2].better == 2 && comparison.tests[2].signTest == 0.5)
    #expect(comparison.tests[3].n == 8 && comparison.tests[3].better == 3 && comparison.tests[3].signTest == nil)
  }

  @Test func oldResultsWithoutOutcomesAreSaidToBe() throws {
    let old = #"{"mean":0.5,"n":3,"languages":{"de":{"mean":0.4},"fr":{"mean":0.5},"ja":{"mean":0.6}}}"#
    let new = """
      {"mean":0.6,"n":4,"languages":{"de":{"mean":0.5,"outcomes":{}},"fr":{"mean":0.6,"outcomes":{}},"ja":{"mean":0.7}}}
      """
    let comparison = try compare(old, new)
    #expect(comparison.figures.map(\.name) == ["mean"])
    #expect(comparison.tests.map(\.unit) == ["languages"])
    // All three higher: 2 (1/2)^3.
    #expect(abs((comparison.tests[0].signTest ?? 0) - 0.25) < 1e-12)
    #expect(abs(comparison.tests[0].low - 0.1) < 1e-9)
    #expect(comparison.notes.contains { $0.contains("no outcomes") && $0.contains("languages") })
    #expect(comparison.notes.contains("n was 3, now it is 4."))
  }

  @Test func meansOverOtherLanguagesAreNotCompared() throws {
    let entry = #"{"mean":0.4,"outcomes":{}}"#
    let tatoeba = try compare(
      #"{"mean":0.4,"mteb_f1":0.3,"languages":{"de":\#(entry)}}"#,
      #"{"mean":0.5,"mteb_f1":0.4,"languages":{"de":\#(entry),"fr":\#(entry)}}"#)
    #expect(tatoeba.figures.isEmpty && tatoeba.tests.isEmpty)
    #expect(tatoeba.notes.contains("Over other languages than before: mean, mteb_f1."))
    let matrix = try compare(
      #"{"mean":0.4,"languages":["de","fr"],"accuracy":[[null,0.3],[0.5,null]]}"#,
      #"{"mean":0.5,"languages":["de","ja"],"accuracy":[[null,0.4],[0.6,null]]}"#)
    #expect(matrix.figures.isEmpty && matrix.tests.isEmpty && matrix.notes.count == 1)
    // Of the same languages each one's mean over row and column is a unit: both are 0.1 higher.
    let same = try compare(
      #"{"mean":0.4,"languages":["de","fr"],"accuracy":[[null,0.3],[0.5,null]]}"#,
      #"{"mean":0.5,"languages":["de","fr"],"accuracy":[[null,0.4],[0.6,null]]}"#)
    #expect(same.tests.map(\.name) == ["mean"] && same.tests[0].n == 2 && same.tests[0].better == 2)
    #expect(abs(same.tests[0].low - 0.1) < 1e-9 && abs(same.tests[0].high - 0.1) < 1e-9)
  }

  @Test func otherTextsAreNotPaired() throws {
    let other = try compare(result("0011", data: "aa"), result("1011", data: "bb"))
    #expect(other.tests.isEmpty && other.notes.count == 1 && other.figures.count == 1)
    let longer = try compare(result("0011"), result("10110"))
    #expect(longer.tests.isEmpty && longer.notes.contains { $0.contains("no test") })
  }

  @Test func whatIsNoEarlierResultIsNamed() throws {
    #expect(failure { _ = try EarlierResult(path: folder.file("none")) }?.kind == .missingInput)
    let list = try folder.write("list.json", "[1]")
    #expect(at(failure { _ = try EarlierResult(path: list) }, list, nil))
    let nothing = failure { _ = try compare(#"{"f1":0.5}"#, #"{"mean":0.5}"#) }
    #expect(nothing?.kind == .badData && nothing?.problem.contains("no figure in common") == true)
  }

  @Test func resultsKeepWhatTheirComparisonNeeds() throws {
    // The second target is found by the first source in the old embeddings, by its own in the new ones.
    let evaluator = Evaluator.withoutModel
    let x = try folder.write("x.npy", rows: [(1, 0), (0, 1)])
    let bad = try folder.write("bad.npy", rows: [(1, 0), (1, 0.1)])
    let text = try folder.write("text", ["a", "b"])
    func json(_ target: String) throws -> String {
      let result = try evaluator.retrieval(source: text, target: text, sourceEmbeddings: x, targetEmbeddings: target)
      return String(decoding: try JSONEncoder().encode(result), as: UTF8.self)
    }
    let comparison = try compare(json(bad), json(x))
    let backward = try #require(comparison.tests.first { $0.name == "backward" })
    #expect(backward.n == 2 && backward.better == 1 && backward.worse == 0 && backward.difference == 0.5)
    let mean = try #require(comparison.tests.first { $0.name == "mean" })
    #expect(mean.difference == 0.25 && mean.better == 1)
    #expect(comparison.figures.first { $0.name == "backward" }?.old == 0.5)
  }
}
