import Foundation
import TestSupport
import Testing

/// `ems filter`, `ems mine --filter` and `ems sample` as a user meets them.
@Suite struct FilterCommandTests {
  let workshop: Workshop

  init() throws { workshop = try Workshop() }

  func file(_ name: String) -> String { workshop.folder.file(name) }

  /// Two texts of which a part of the lines are translations (here: the same words and one more); the right pairs.
  func texts() throws -> (String, String, String) {
    var random = SplitMix(seed: 11)
    let words = ["haus", "baum", "мир", "東京", "running", "x1", "übung", "wolke", "nacht", "tag", "berg", "see"]
    func line() -> String { (0..<8).map { _ in words.randomElement(using: &random) ?? "" }.joined(separator: " ") }
    let shared = (0..<200).map { _ in line() }
    let a = shared + (0..<300).map { _ in line() }
    let b = shared.map { $0 + " dazu" } + (0..<300).map { _ in line() }
    return (
      try workshop.folder.write("a", a.joined(separator: "\n") + "\n"),
      try workshop.folder.write("b", b.joined(separator: "\n") + "\n"),
      try workshop.folder.write("known", shared.map { "\($0)\t\($0) dazu\n" }.joined())
    )
  }

  func mine(_ a: String, _ b: String, _ more: [String], output: String) throws -> Outcome {
    try Running(
      [
        "mine", a, b, "--model", workshop.model, "--source-language", "de", "--target-language", "en", "--work",
        file("work"), "--output", file(output),
      ] + more
    ).wait()
  }

  @Test func aFilterIsTrainedAndUsed() throws {
    let (a, b, known) = try texts()
    let table = try mine(a, b, ["--all", "--fields", "score,source,target,features"], output: "t.tsv")
    #expect(table.status == 0, "\(table.error)")
    let trained = try ems("filter", "train", file("t.tsv"), "--known", known, "--output", file("f.json"), "--json")
    #expect(trained.status == 0, "\(trained.error)")
    #expect((trained.json()["right"] as? Int ?? 0) > 100)
    let bytes = try workshop.folder.read("f.json")
    #expect(
      try ems("filter", "train", file("t.tsv"), "--known", known, "--output", file("f.json"), "--threads", "3").status
        == 0)
    #expect(try workshop.folder.read("f.json") == bytes)
    let applied = try ems(
      "filter", "apply", file("f.json"), file("t.tsv"), "--threshold", "0.5", "--output", file("k.tsv"))
    #expect(applied.status == 0, "\(applied.error)")
    let kept = String(decoding: try workshop.folder.read("k.tsv"), as: UTF8.self).split(separator: "\n").map {
      $0.split(separator: "\t").map(String.init)
    }
    #expect(kept.allSatisfy { $0.count == 4 && (Double($0[0]) ?? 0) >= 0.5 })
    let filtered = try mine(
      a, b, ["--filter", file("f.json"), "--fields", "probability,score,source,target", "--json"], output: "m.tsv")
    #expect(filtered.status == 0, "\(filtered.error)")
    #expect(filtered.error.contains("\(kept.count) pairs that the filter"), "\(filtered.error)")
    #expect(filtered.json()["threshold_reason"] as? String == "filter")
    #expect((filtered.json()["dropped_pairs"] as? [String: Int])?["filter"] ?? 0 > 0)
    #expect(try workshop.folder.read("m.tsv") == workshop.folder.read("k.tsv"))
    let precise = try mine(a, b, ["--filter", file("f.json"), "--precision", "0.99", "--json"], output: "p.tsv")
    #expect(precise.status == 0 && (precise.json()["pairs"] as? Int ?? 0) > 0, "\(precise.error)")
  }

  @Test func whatIsNoFilterIsRefused() throws {
    let (a, b, known) = try texts()
    let bad = try workshop.folder.write("bad.json", "{\"trees\": []}")
    let refused = try mine(a, b, ["--filter", bad], output: "o.tsv")
    #expect(refused.status == 65 && refused.error.contains("bad.json"))
    #expect(try mine(a, b, ["--filter", file("none.json")], output: "o.tsv").status == 66)
    #expect(try mine(a, b, ["--filter", bad, "--all"], output: "o.tsv").status == 64)
    #expect(try mine(a, b, ["--fields", "probability"], output: "o.tsv").status == 64)
    #expect(try mine(a, b, ["--all"], output: "plain.tsv").status == 0)
    expect(
      try ems("filter", "train", file("plain.tsv"), "--known", known, "--output", file("f")), failsWith: 65,
      says: "no column features", "--fields")
    #expect(try ems("filter", "train", file("plain.tsv"), "--output", file("f")).status == 64)
    #expect(!FileManager.default.fileExists(atPath: file("f")))
  }

  @Test func aSampleIsJudgedByKeys() throws {
    let lines = (0..<60).map { "\(1.5 - Double($0) / 100)\tSatz \($0)\tsentence \($0)\n" }
    let pairs = try workshop.folder.write("p.tsv", lines.joined())
    let first = try shell("printf 'r\\nx\\nw\\np' | $ems sample $1 --count 10 --bands 2", pairs)
    #expect(first.status == 0, "\(first.error)")
    func verdicts() throws -> [String] {
      String(decoding: try workshop.folder.read("p.tsv.verdicts.tsv"), as: UTF8.self).split(separator: "\n").map {
        String($0.prefix { $0 != "\t" })
      }
    }
    #expect(try verdicts() == ["right", "wrong", "partly"])
    let second = try shell("yes r | $ems sample $1 --count 10 --bands 2 --json", pairs)
    #expect(second.status == 0, "\(second.error)")
    #expect(try verdicts().count == 10)
    let thresholds = try #require(second.json()["thresholds"] as? [[String: Any]])
    #expect(thresholds.count == 2 && thresholds[1]["judged"] as? Int == 10 && thresholds[1]["pairs"] as? Int == 60)
    let report = try ems("sample", pairs, "--count", "10", "--bands", "2", "--report-only")
    #expect(report.output.split(separator: "\n").count == 2 && report.output.contains("% right"))
    let bad = try workshop.folder.write("bad.tsv", "no score\there\n")
    expect(try ems("sample", bad, "--report-only"), failsWith: 65, says: "bad.tsv", "line 1")
    expect(try ems("sample", pairs, "--verdicts", pairs), failsWith: 64, says: "input")
  }
}
