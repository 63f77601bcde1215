import Foundation
import TestSupport
import Testing

/// `ems pairs`, and `ems evaluate compare`, run as a user runs them.
@Suite struct PairsTests {
  let folder = TemporaryFolder()

  private func select(_ options: String...) throws -> Outcome {
    try Running(
      ["pairs", "select", folder.file("pairs.tsv"), "--output", folder.file("out.tsv"), "--json"] + options
    ).wait()
  }

  private func table(_ rows: [[String]], _ name: String = "pairs.tsv") throws -> String {
    try folder.write(name, rows.map { $0.joined(separator: "\t") + "\n" }.joined())
  }

  @Test func selectionNamesTheFirstReason() throws {
    _ = try table([
      ["1.9", "0.5", "ein Haus", "one house", ""], ["1.8", "0.5", "zwei 2", "three 3!", "number,url"],
      ["1.7", "0.5", "hub mir", "hub them", "hub"], ["1.6", "0.5", "ja", "yes", ""],
      ["1.5", "0.5", "kurz hier", "very, very long it is", ""], ["1.4", "0.5", "Gleich!", "gleich", ""],
      ["1.3", "0.5", "schon da", "known one", ""], ["1.2", "0.5", "zu viel", "too many", ""],
      ["0.9", "0.5", "schlecht", "wrong one", ""],
    ])
    let old = try table([["Known ONE!", "schon da", "x"], ["one house", "ein Haus", "crawl"]], "old.tsv")
    let outcome = try select(
      "--threshold", "1", "--drop-flags", "number,url", "--max-characters", "40", "--length-ratio", "2", "--limit", "2",
      "--known-turned", old, "--except", "\(old)=crawl")
    #expect(outcome.status == 0, "\(outcome.error)")
    let report = outcome.json()
    let dropped = (report["dropped"] as? [String: Int] ?? [:]).filter { $0.value > 0 }
    #expect(
      dropped == [
        "below the threshold": 1, "flag: number": 1, "length": 1, "length ratio": 1, "the same text on both sides": 1,
        "in the old data already": 1, "over the limit": 1,
      ])
    #expect(abs((report["usual_length_ratio"] as? Double ?? 0) - 8.0 / 7) < 1e-12)
    #expect(report["kept"] as? Int == 2 && report["highest_score"] as? Double == 1.9)
    #expect((report["reasons"] as? [String])?.count == 8)
    #expect(
      try String(decoding: folder.read("out.tsv"), as: UTF8.self)
        == "1.9\tein Haus\tone house\n1.7\thub mir\thub them\n")
  }

  @Test func selectionRefusesWhatIsNotMined() throws {
    _ = try table([["1.9", "ein Haus", "one house"]])
    expect(try select("--threshold", "1"), failsWith: 65, says: "pairs.tsv: line 1", "has 3 columns")
    _ = try table([["1.9", "0.5", "ein Haus", "one house", ""], ["high", "0.5", "a", "b", ""]])
    expect(try select("--threshold", "1"), failsWith: 65, says: "line 2", "is no score")
    _ = try table([["1.9", "0.5", "ein Haus", "one house", ""]])
    expect(try select("--threshold", "2"), failsWith: 65, says: "none of its 1 pairs is kept", "below the threshold 1")
    #expect(try select("--threshold", "1", "--except", "x=y").status == 64)
    #expect(try select("--threshold", "1", "--length-ratio", "1").status == 64)
    #expect(try folder.list() == ["pairs.tsv"])
  }

  @Test func testSentencesAreTakenOutAndNamed() throws {
    let deep = folder.file("tests/deep")
    try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
    _ = try folder.write("tests/deep/test.tsv", "id-1\tEin Test.\n--\n")
    let pairs = try table([
      ["1.9", "ein Haus", "a house"], ["1.8", "EIN TEST", "a test"], ["1.7", "Baum", "tree"], ["1.6", "x", "ID 1"],
    ])
    let truth = try table([["Ein Haus!", "A house."], ["weg", "gone"]], "truth.tsv")
    func run(_ options: String...) throws -> Outcome {
      try Running(
        [
          "pairs", "decontaminate", pairs, "--output", folder.file("clean.tsv"), "--removed",
          folder.file("removed.tsv"),
          "--json",
        ] + options
      ).wait()
    }
    let outcome = try run("--against", folder.file("tests"), "--truth", truth)
    let report = outcome.json()
    #expect(outcome.status == 0 && report["removed"] as? Int == 2 && report["kept"] as? Int == 2, "\(outcome.error)")
    #expect(report["sentences"] as? Int == 2 && report["files"] as? Int == 1)
    let known = report["truth"] as? [String: Double]
    #expect(known == ["right": 1, "known": 2, "precision": 0.5, "recall": 0.5])
    #expect((report["samples"] as? [[String: Any]])?.map { $0["source"] as? String } == ["ein Haus", "Baum"])
    #expect(
      try String(decoding: folder.read("clean.tsv"), as: UTF8.self) == "ein Haus\ta house\tmined\nBaum\ttree\tmined\n")
    let removed = try String(decoding: folder.read("removed.tsv"), as: UTF8.self)
    #expect(removed == "\(deep)/test.tsv\tEIN TEST\ta test\n\(deep)/test.tsv\tx\tID 1\n")
    expect(try run("--against", folder.file("none")), failsWith: 66, says: "no such file or folder")
    expect(try run("--against", pairs), failsWith: 65, says: "none of its pairs is left")
  }

  /// A result of `ems evaluate retrieval` of 8 lines whose bits are these in both directions.
  private func result(_ name: String, _ bits: UInt8, data: String = "aa") throws -> String {
    let text = Data([bits]).base64EncodedString()
    return try folder.write(
      name,
      """
      {"results":{"demo":{"n":8,"outcomes":{"unit":"lines","n":8,"data":"\(data)",
      "hits":{"forward":["\(text)"],"backward":["\(text)"]}}}}}
      """)
  }

  @Test func runsAreComparedLineByLine() throws {
    let old = try result("old.json", 0), new = try result("new.json", 0xFF), half = try result("half.json", 0xF0)
    let clear = try ems(
      "evaluate", "compare", "--old", old, "--old", old, "--new", new, "--new", half, "--json", "--report",
      folder.file("page.html")
    ).json()
    #expect(clear["answer"] as? String == "better")
    let tests = clear["tests"] as? [[String: Any]] ?? []
    #expect(tests.map { $0["name"] as? String } == ["demo", "all tests"])
    #expect(tests[0]["better"] as? Int == 8 && tests[0]["old"] as? Double == 0 && tests[0]["new"] as? Double == 0.75)
    #expect(tests[0]["by_run"] as? [Double] == [1, 0.5])
    #expect(abs((tests[0]["sign_test_p"] as? Double ?? 0) - 2.0 / 256) < 1e-12)
    #expect(try String(decoding: folder.read("page.html"), as: UTF8.self).contains("all tests"))
    // The second run says the opposite of the first.
    let split = try ems(
      "evaluate", "compare", "--old", old, "--old", new, "--new", new, "--new", old, "--json"
    ).json()
    #expect(split["answer"] as? String == "open")
    let worse = try ems("evaluate", "compare", "--old", new, "--new", old)
    #expect(worse.status == 0 && worse.error.contains("The new model is worse") && worse.output.contains("-100.00"))
    let other = try result("other.json", 0, data: "bb")
    expect(
      try ems("evaluate", "compare", "--old", old, "--new", other), failsWith: 65, says: "other.json: demo",
      "is not the test that")
    let none = try folder.write("none.json", "{}")
    expect(try ems("evaluate", "compare", "--old", none, "--new", old), failsWith: 65, says: "holds no outcomes")
  }
}
