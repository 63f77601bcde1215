import Foundation
import TestSupport
import Testing

/// What a run says and does about lines that are not what they seem.
@Suite struct TrustTests {
  let workshop: Workshop

  init() throws { workshop = try Workshop() }

  @Test func severalModelsStandSideBySide() throws {
    let text = try workshop.folder.write("a.txt", (0..<40).map { "Satz \($0) und mehr\n" }.joined())
    let other = workshop.folder.file("second/model")
    try FileManager.default.createDirectory(
      atPath: workshop.folder.file("second"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: workshop.model, toPath: other)
    let retrieval = ["evaluate", "retrieval", text, text, "--model", workshop.model, "--model", other]
    for name in ["e.html", "e.md", "e.csv"] {
      let outcome = try Running(retrieval + ["--report", workshop.folder.file(name)]).wait()
      #expect(outcome.status == 0, "\(outcome.error)")
      let page = try String(contentsOfFile: workshop.folder.file(name), encoding: .utf8)
      #expect(page.contains(other) && page.contains("accuracy"), "\(page)")
      #expect(page.contains("<html") == (name == "e.html"))
    }
    let models = try Running(retrieval + ["--json"]).wait().json()["models"] as? [[String: Any]]
    #expect(models?.map { $0["model"] as? String } == [workshop.model, other])
    #expect((models?.first?["result"] as? [String: Any])?["n"] as? Int == 40)
    let old = try workshop.folder.write("old.json", "{}")
    #expect(try Running(retrieval + ["--compare", old]).wait().status == 64)
  }

  func run(_ command: String, _ inputs: [String], _ more: [String] = [], output: String = "out.tsv") throws -> Outcome {
    try Running(
      [command] + inputs + [
        "--model", workshop.model, "--source-language", "de", "--target-language", "en", "--output",
        workshop.folder.file(output),
      ] + more
    ).wait()
  }

  func table(_ name: String = "out.tsv") throws -> [[String]] {
    String(decoding: try workshop.folder.read(name), as: UTF8.self).split(separator: "\n").map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
  }

  @Test func noCharacterThatEndsLinesGetsOut() throws {
    let text = try workshop.folder.write(
      "t", "plain line here\nvertical\u{B}tab\u{C}feed\rreturn\nseparator\u{2028}x\u{85}y\r\r\nlast one of them\n")
    let outcome = try run("mine", [text, text], ["--all", "--json"])
    #expect(outcome.status == 0, "\(outcome.error)")
    let output = String(decoding: try workshop.folder.read("out.tsv"), as: UTF8.self)
    for scalar in output.unicodeScalars { #expect(!"\r\u{B}\u{C}\u{85}\u{2028}".unicodeScalars.contains(scalar)) }
    #expect((outcome.json()["source"] as? [String: Any])?["carriage_returns"] as? Int == 1)
    let mac = try workshop.folder.write("mac", "eins\rzwei\rdrei")
    expect(try workshop.encode(mac), failsWith: 65, says: "mac", "carriage returns", "tr '\\r' '\\n'")
  }

  @Test func sentencesThatTheModelCutsAreCounted() throws {
    let long = Array(repeating: "abc xyz", count: 40).joined(separator: " ")
    let text = try workshop.folder.write("t", "short\n\(long) one\n\(long) two\nalso short\n")
    let encoded = try workshop.encode(text, "--json")
    #expect(encoded.json()["truncated_lines"] as? Int == 2)
    #expect(encoded.json()["cut_lines"] as? Int == 0)
    #expect(encoded.error.contains("2 lines truncated at the 24 tokens"))
    let mined = try run("mine", [text, text], ["--all", "--json"])
    #expect((mined.json()["target"] as? [String: Any])?["truncated_lines"] as? Int == 2)
    #expect(mined.error.contains("truncated"))
    let scored = try run("score", [text, text], ["--json"], output: "s.tsv")
    #expect(scored.json()["source_truncated_lines"] as? Int == 2)
  }

  @Test func unwantedPairsAreDropped() throws {
    let lines = Workshop.lines(60).enumerated().map { "\($0 % 9) \($1) satz" }
    let copies = ["genau derselbe text", "noch eine kopie hier", "===", "siehe http://a.de/1"]
    let source = try workshop.folder.write("s", (lines + copies).joined(separator: "\n") + "\n")
    let target = try workshop.folder.write("t", (lines.map { $0 + " dazu" } + copies).joined(separator: "\n") + "\n")
    let all = try run("mine", [source, target], ["--all", "--json", "--fields", "source,target,flags"])
    #expect(all.status == 0, "\(all.error)")
    let flagged = try table().filter { $0[0] == $0[1] }
    #expect(flagged.count >= 4 && flagged.allSatisfy { $0[2].split(separator: ",").contains("same") })
    let dropped = try run("mine", [source, target], ["--all", "--json", "--drop", "same,symbols"], output: "d.tsv")
    #expect(dropped.status == 0, "\(dropped.error)")
    #expect(try table("d.tsv").allSatisfy { $0[1] != $0[2] })
    let counts = try #require(dropped.json()["dropped_pairs"] as? [String: Int])
    #expect((counts["same"] ?? 0) >= 4)
    #expect(dropped.json()["pairs"] as? Int == (all.json()["pairs"] as? Int ?? 0) - counts.values.reduce(0, +))
    let scored = try run("score", [source, target], ["--json", "--drop", "same"], output: "s2.tsv")
    #expect(scored.json()["written"] as? Int == 60, "\(scored.error)")
    #expect((scored.json()["dropped_lines"] as? [String: Int]) == ["same": 4])
    expect(try run("mine", [source, target], ["--drop", "smae"]), failsWith: 64, says: "--drop", "smae", "symbols")
  }

  @Test func entitiesAreReplacedOnRequest() throws {
    let plain = try workshop.folder.write("p", "\"Tom & Jerry\" | part [3]\nit's a <test>\n")
    let escaped = try workshop.folder.write(
      "e", "&quot;Tom &amp; Jerry&quot; &#124; part &#91;3&#93;\nit&apos;s a &lt;test&gt;\n")
    #expect(try workshop.encode(plain).status == 0)
    #expect(try workshop.encode(escaped, "--unescape", output: "y.npy").status == 0)
    #expect(try workshop.folder.read("x.npy") == workshop.folder.read("y.npy"))
    #expect(try run("score", [escaped, escaped], ["--unescape"]).status == 0)
    #expect(try table().map { $0[1] } == ["\"Tom & Jerry\" | part [3]", "it's a <test>"])
  }

  @Test func countriesAreNoLanguages() throws {
    let text = try workshop.text(5)
    for (code, hint) in [("cz", "cs (Czech)"), ("ua", "uk (Ukrainian)"), ("CN", "zh (Chinese)"), ("se_SE", "")] {
      let outcome = try ems(
        "encode", text, "--model", workshop.model, "--language", code, "--output", workshop.folder.file("o.npy"))
      if !hint.isEmpty { expect(outcome, failsWith: 64, says: "did you mean \(hint)") }
    }
  }

  @Test func tokenizersSayWhatTheySkip() throws {
    let short = Workshop.lines(300).joined(separator: "\n")
    let long = Array(repeating: "ein sehr langer Satz", count: 300).joined(separator: " ")
    let mixed = try workshop.folder.write("m", short + "\n" + long + "\n" + long + "\n")
    let trained = try ems(
      "tokenizer", "train", mixed, "--vocab-size", "80", "--output", workshop.folder.file("t"), "--json")
    #expect(trained.status == 0, "\(trained.error)")
    #expect(trained.json()["skipped_lines"] as? Int == 2 && trained.json()["vocab_size"] as? Int == 80)
    #expect(trained.error.contains("longer than 4192 bytes"))
    let only = try workshop.folder.write("l", long + "\n")
    expect(
      try ems("tokenizer", "train", only, "--vocab-size", "80", "--output", workshop.folder.file("u")), failsWith: 65,
      says: "4192 bytes", "one sentence a line")
    let pairs = try workshop.folder.write("p.tsv", "ein Satz\ta sentence\nnoch einer\tanother\n")
    expect(
      try ems("tokenizer", "train", pairs, "--vocab-size", "80", "--output", workshop.folder.file("u")), failsWith: 64,
      says: "p.tsv", "2 tab-separated columns", "--columns 1,2")
  }
}
