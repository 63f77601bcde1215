import Formats
import Foundation
import Index
import TestSupport
import Testing

/// `ems mine`, `score` and `plan` as a user meets them.
@Suite struct MineCommandTests {
  let workshop: Workshop

  init() throws { workshop = try Workshop() }

  /// Two texts of different sentences; each has `count` lines.
  func texts(_ count: Int = 300) throws -> (String, String) {
    let lines = Workshop.lines(count).enumerated().map {
      $1.trimmingCharacters(in: .whitespaces).isEmpty ? $1 : "\($0) \($1)"
    }
    return (
      try workshop.folder.write("a.txt", lines.joined(separator: "\n") + "\n"),
      try workshop.folder.write("b.txt", lines.reversed().map { $0 + " x" }.joined(separator: "\n") + "\n")
    )
  }

  func arguments(_ source: String, _ target: String, _ more: [String] = [], output: String = "pairs.tsv") -> [String] {
    [
      "mine", source, target, "--model", workshop.model, "--source-language", "de", "--target-language", "en",
      "--output", workshop.folder.file(output),
    ] + more
  }

  func mine(_ source: String, _ target: String, _ more: String..., output: String = "pairs.tsv") throws -> Outcome {
    try Running(arguments(source, target, more, output: output)).wait()
  }

  @Test func aRunSaysWhatItDidAndIsNotDoneTwice() throws {
    let (a, b) = try texts()
    let first = try mine(a, b, "--all", "--json")
    #expect(first.status == 0, "\(first.error)")
    let json = first.json()
    let source = try #require(json["source"] as? [String: Any])
    #expect(source["lines"] as? Int == 300 && (source["empty"] as? Int ?? 0) > 0)
    #expect((json["pairs"] as? Int ?? 0) > 100)
    for word in ["unique, encoded", "candidates", "search-0-0", "index                   exact"] {
      #expect(first.error.contains(word), "\(first.error)")
    }
    let pairs = try workshop.folder.read("pairs.tsv")
    #expect(pairs.count { $0 == UInt8(ascii: "\n") } == json["pairs"] as? Int)
    let record = try workshop.folder.read("pairs.tsv.json")
    let again = try mine(a, b, "--all", "--json", "--threads", "1")
    let stages = try #require(again.json()["stages"] as? [[String: Any]])
    #expect(stages.count == 8 && stages.allSatisfy { $0["skipped"] as? Bool == true })
    #expect(try workshop.folder.read("pairs.tsv") == pairs)
    #expect(try workshop.folder.read("pairs.tsv.json") == record)
  }

  @Test func aPageSaysWhatARunDid() throws {
    let (a, b) = try texts()
    _ = try workshop.folder.write(
      "hostile.txt",
      "<script>alert(1)</script> \u{1b}[31mred & \"quoted\"\n" + String(contentsOfFile: a, encoding: .utf8))
    let page = workshop.folder.file("run.html")
    let outcome = try mine(workshop.folder.file("hostile.txt"), b, "--all", "--report", page, "--drop", "same")
    #expect(outcome.status == 0 && outcome.error.contains("run.html"), "\(outcome.error)")
    let html = try String(contentsOfFile: page, encoding: .utf8)
    for part in [
      "What was read", "Precision by threshold", "Scores of all candidates", "Examples", "Hubs", "Lengths", "Languages",
      "read-source",
    ] {
      #expect(html.contains(part), "\(part)")
    }
    #expect(!html.contains("<script") && !html.contains("\u{1b}") && html.hasSuffix("</html>\n"))
    // The same run gives the same examples.
    let again = workshop.folder.file("again.html")
    #expect(try mine(workshop.folder.file("hostile.txt"), b, "--all", "--report", again, "--drop", "same").status == 0)
    let pairs = { (text: String) in
      text.components(separatedBy: "<div class=\"pair\">").dropFirst().map { $0.prefix(40) }
    }
    #expect(pairs(html) == pairs(try String(contentsOfFile: again, encoding: .utf8)))

    #expect(try mine(a, b, "--report", page, "--only", "read-source").status == 64)
    let nowhere = try mine(a, b, "--all", "--report", workshop.folder.file("no/such/run.html"))
    #expect(nowhere.status == 74 && nowhere.error.contains("run.html"), "\(nowhere.status) \(nowhere.error)")
  }

  @Test func nearDuplicatesGoOnRequest() throws {
    let lines = (0..<60).map { line in
      (0..<12).map { "word\((line * 12 + $0) * 7919 % 10_007)" }.joined(separator: " ")
    }
    let a = try workshop.folder.write("a.txt", (lines + lines.map { $0 + "!" } + lines).joined(separator: "\n") + "\n")
    let b = try workshop.folder.write("b.txt", lines.joined(separator: "\n") + "\n")
    let plain = try mine(a, b, "--all", "--json").json()["source"] as? [String: Any]
    #expect(plain?["unique"] as? Int == 120)
    let less =
      try mine(a, b, "--all", "--json", "--drop-near-duplicates", output: "less.tsv").json()["source"] as? [String: Any]
    let dropped = (less?["dropped"] as? [String: Int])?["near-duplicate"] ?? 0
    #expect(dropped >= 55 && less?["unique"] as? Int == 120 - dropped, "\(dropped)")
  }

  @Test func aPageOfRowsAlone() throws {
    let text = try workshop.text(200)
    #expect(try workshop.encode(text).status == 0)
    let rows = workshop.folder.file("x.npy")
    let page = workshop.folder.file("rows.html")
    let outcome = try ems(
      "mine", "--source-embeddings", rows, "--target-embeddings", rows, "--all", "--output",
      workshop.folder.file("r.tsv"),
      "--report", page)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try String(contentsOfFile: page, encoding: .utf8).contains("row "))
  }

  @Test func sidesThatLeaveLittleToMine() throws {
    let (a, _) = try texts()
    let same = try mine(a, a, "--json", output: "same.tsv")
    #expect(same.status == 0, "\(same.error)")
    // All but sentences that the small model cannot tell from others.
    let unique = try #require((same.json()["source"] as? [String: Any])?["unique"] as? Int)
    #expect((unique - 3...unique).contains(same.json()["pairs"] as? Int ?? 0))
    let one = try workshop.folder.write("one", "Nur ein Satz.")
    let single = try mine(one, a, output: "one.tsv")
    #expect(single.status == 0, "\(single.error)")
    #expect(try workshop.folder.read("one.tsv").count { $0 == UInt8(ascii: "\n") } == 1)
    let copies = try workshop.folder.write("copies", String(repeating: "Immer dasselbe.\n", count: 50))
    let duplicates = try mine(copies, copies, "--fields", "source,source-count", output: "copies.tsv")
    #expect(duplicates.status == 0, "\(duplicates.error)")
    #expect(try String(decoding: workshop.folder.read("copies.tsv"), as: UTF8.self) == "Immer dasselbe.\t50\n")
    let empty = try workshop.folder.write("empty", "")
    expect(try mine(empty, a, output: "x.tsv"), failsWith: 65, says: "empty", "has no lines")
    let blank = try workshop.folder.write("blank", "\n\n\n")
    expect(try mine(a, blank, output: "y.tsv"), failsWith: 65, says: "blank", "3 empty")
    #expect(try workshop.folder.list().filter { $0 == "x.tsv" || $0 == "y.tsv" } == [])
  }

  /// The dumps of `demo-data` and the shipped model: 180 true pairs among 430 lines a side.
  @Test func theCutIsSaidFirstAndCanBeChosen() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    func run(_ more: String..., output: String = "demo.tsv") throws -> Outcome {
      try Running(
        [
          "mine", "\(root)/demo-data/de.txt", "\(root)/demo-data/en.txt", "--model", "\(root)/models/ems-mini",
          "--source-language", "de", "--target-language", "en", "--work", workshop.folder.file("demo.work"), "--output",
          workshop.folder.file(output), "--json",
        ] + more
      ).wait()
    }
    func pairs() throws -> Int { try workshop.folder.read("demo.tsv").count { $0 == UInt8(ascii: "\n") } }
    let standard = try run()
    #expect(standard.status == 0, "\(standard.error)")
    let json = standard.json()
    let threshold = try #require(json["threshold"] as? Double)
    #expect(json["threshold_reason"] as? String == "precision" && json["precision_goal"] as? Double == 0.9)
    #expect(json["related"] as? Bool == true && (130...210).contains(json["estimated_right"] as? Int ?? 0))
    #expect(standard.error.contains("pairs with a score of at least \(threshold), 90 % of them right by estimate"))
    #expect((130...230).contains(try pairs()))
    let table = try #require(json["thresholds"] as? [[String: Any]])
    #expect(table.count == 16 && table[1]["threshold"] as? Double == 1.02)
    for point in table {
      let values = try ["low", "precision", "high"].map { try #require(point[$0] as? Double) }
      #expect(values == values.sorted() && values.allSatisfy { (0...1).contains($0) })
    }
    // OUTPUT.json has the same.
    let record = try JSONSerialization.jsonObject(with: Data(workshop.folder.read("demo.tsv.json"))) as? [String: Any]
    #expect(record?["threshold"] as? Double == threshold && (record?["thresholds"] as? [Any])?.count == 16)

    #expect(try run("--precision", "0.6").json()["threshold"] as? Double ?? 9 < threshold)
    let all = try run("--all")
    #expect(all.json()["threshold"] is NSNull && all.error.contains("all of them"))
    #expect(try pairs() > 300)
    let given = try run("--threshold", "1.5")
    #expect(
      given.json()["threshold_reason"] as? String == "threshold" && given.error.contains("at least 1.5, as asked for"))
    for wrong in [
      ["--precision", "0"], ["--precision", "1"], ["--precision", "0.9", "--all"], ["--all", "--threshold", "1"],
    ] {
      let outcome = try run(wrong[0], wrong[1], wrong.count > 2 ? wrong[2] : "--quiet")
      #expect(outcome.status == 64, "\(wrong)")
    }
  }

  @Test func dumpsThatShareNothingAreWarnedOf() throws {
    // Rows at random: nobody's partner is there.
    var random = SplitMix(seed: 3)
    for name in ["x.npy", "y.npy"] {
      let writer = try EmbeddingFileWriter(path: workshop.folder.file(name), columns: 32, type: .float32)
      for _ in 0..<500 {
        let row = (0..<32).map { _ in Float.random(in: -1...1, using: &random) + 0.3 }
        try writer.append(row.span)
      }
      try writer.commit()
    }
    func run(_ more: String...) throws -> Outcome {
      try Running(
        [
          "mine", "--source-embeddings", workshop.folder.file("x.npy"), "--target-embeddings",
          workshop.folder.file("y.npy"),
          "--output", workshop.folder.file("p.tsv"), "--json",
        ] + more
      ).wait()
    }
    let outcome = try run()
    #expect(outcome.status == 0 && outcome.error.contains("warning: the two sides seem to have no sentences in common"))
    #expect(outcome.json()["pairs"] as? Int == 0 && outcome.json()["related"] as? Bool == false)
    #expect(try run("--all").json()["pairs"] as? Int ?? 0 > 100)
    // Too few to estimate from: everything is kept, and a precision cannot be asked for.
    let few = try EmbeddingFileWriter(path: workshop.folder.file("y.npy"), columns: 32, type: .float32)
    for i in 0..<20 {
      let row = (0..<32).map { Float(($0 * i) % 7) + 1 }
      try few.append(row.span)
    }
    try few.commit()
    let kept = try run()
    #expect(
      kept.status == 0 && kept.json()["threshold_reason"] as? String == "unknown" && kept.json()["related"] is NSNull)
    #expect(kept.json()["pairs"] as? Int ?? 0 > 0 && kept.error.contains("too few to estimate"))
    expect(try run("--precision", "0.9"), failsWith: 65, says: "p.tsv", "cannot be estimated", "--all")
  }

  @Test func linesThatTheModelCannotTellApartAreOne() throws {
    let (a, b) = try texts()
    let lines = String(decoding: try workshop.folder.read("a.txt"), as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: true)
    let copies = [
      "  Ein  Satz\u{A0}.", "ein satz .", "EIN SATZ .", "ｅｉｎ　ｓａｔｚ　.", "\u{FEFF}Ein Sa\u{AD}tz .\u{200B}",
      "\u{3000}\u{200B} ",
    ]
    let text = try workshop.folder.write("c.txt", (copies + lines.map(String.init)).joined(separator: "\n") + "\n")
    let outcome = try mine(
      text, b, "--all", "--retrieval", "forward", "--json", "--fields", "source,source-count", output: "c.tsv")
    #expect(outcome.status == 0, "\(outcome.error)")
    let source = try #require(outcome.json()["source"] as? [String: Any])
    #expect(source["lines"] as? Int == lines.count + 6 && (source["empty"] as? Int ?? 0) >= 1)
    let output = String(decoding: try workshop.folder.read("c.tsv"), as: UTF8.self)
    #expect(
      output.contains("  Ein  Satz\u{A0}.\t5\n"),
      "\(output.split(separator: "\n").filter { $0.lowercased().contains("sa") })")
    _ = a

    // From embeddings: by text, and by the numbers.
    func rows(_ name: String, _ values: [[Float]]) throws {
      let writer = try EmbeddingFileWriter(path: workshop.folder.file(name), columns: 2, type: .float32)
      for row in values { try writer.append(row.span) }
      try writer.commit()
    }
    try rows("x.npy", [[1, 0], [0.9, 0.1], [0, 1], [0, 1]])
    try rows("y.npy", [[1, 0.1], [0.1, 1]])
    let x = try workshop.folder.write("x.txt", "one\n one \ntwo\nthree\n")
    let y = try workshop.folder.write("y.txt", "eins\nzwei\n")
    func embedded(_ more: String...) throws -> Outcome {
      try Running(
        [
          "mine", "--source-embeddings", workshop.folder.file("x.npy"), "--target-embeddings",
          workshop.folder.file("y.npy"),
          "--output", workshop.folder.file("e.tsv"), "--json", "--fields", "source,target,source-row,source-count",
        ] + more
      ).wait()
    }
    let named = try embedded("--source-text", x, "--target-text", y)
    #expect(named.status == 0 && named.json()["source_unique"] as? Int == 2, "\(named.error)")
    #expect(
      try Set(String(decoding: workshop.folder.read("e.tsv"), as: UTF8.self).split(separator: "\n"))
        == ["one\teins\t0\t2", "two\tzwei\t2\t2"])
    let numbered = try embedded()
    #expect(numbered.json()["source_unique"] as? Int == 3 && numbered.json()["source_rows"] as? Int == 4)
  }

  @Test func embeddingsAtFaultAreNamed() throws {
    func rows(_ name: String, _ values: [Float], columns: Int) throws -> String {
      let writer = try EmbeddingFileWriter(path: workshop.folder.file(name), columns: columns, type: .float32)
      try writer.append(values.span)
      try writer.commit()
      return workshop.folder.file(name)
    }
    let good = try rows("good.npy", [1, 2, 3, 4, 0, 0], columns: 2)
    func run(_ other: String, _ more: String...) throws -> Outcome {
      try Running(
        ["mine", "--source-embeddings", good, "--target-embeddings", other, "--output", workshop.folder.file("p.tsv")]
          + more
      ).wait()
    }
    let nan = try rows("nan.npy", [1, 1, .nan, 1], columns: 2)
    expect(try run(nan), failsWith: 65, says: "nan.npy", "row 1", "NaN")
    let wide = try rows("wide.npy", [1, 1, 1], columns: 3)
    expect(try run(wide), failsWith: 65, says: "wide.npy", "3 elements", "good.npy")
    let few = try run(good, "--index", "IVF64,Flat")
    expect(few, failsWith: 65, says: "3 rows", "64 cells", "choose fewer cells")
    expect(try run(good, "--index", "NONSENSE"), failsWith: 64, says: "NONSENSE")
    #expect(try workshop.folder.list().contains("p.tsv") == false)
    // Zeros have a cosine of 0 with everything, which is said.
    let zeros = try run(good)
    #expect(zeros.status == 0 && zeros.error.contains("1 rows of zeros"), "\(zeros.error)")
  }

  @Test func anIndexOverEmbeddingsReportsItsRecall() throws {
    let (a, b) = try texts()
    for (text, name) in [(a, "a.npy"), (b, "b.npy")] {
      #expect(try workshop.encode(text, output: name).status == 0)
    }
    func run(_ more: String...) throws -> Outcome {
      try Running(
        [
          "mine", "--source-embeddings", workshop.folder.file("a.npy"), "--target-embeddings",
          workshop.folder.file("b.npy"), "--output", workshop.folder.file("p.tsv"), "--json",
        ] + more
      ).wait()
    }
    #expect(try run().status == 0)
    let exact = try workshop.folder.read("p.tsv")
    let outcome = try run("--index", "IVF4,Flat", "--nprobe", "4")
    // Ties between sentences of one embedding may fall otherwise.
    #expect((outcome.json()["source_recall"] as? Double ?? 0) > 0.99, "\(outcome.error)")
    #expect(outcome.error.contains("recall@4"))
    #expect(try workshop.folder.read("p.tsv") == exact)
  }

  @Test func aRunThatIsKilledEndsTheSame() throws {
    let (a, b) = try texts(2000)
    #expect(try mine(a, b, "--shards", "3x2", "--threads", "1").status == 0)
    let pairs = try workshop.folder.read("pairs.tsv")
    var random = SplitMix(seed: 5)
    for _ in 0..<6 {
      let run = try Running(arguments(a, b, ["--shards", "3x2", "--threads", "1"], output: "killed.tsv"))
      usleep(UInt32.random(in: 5_000...250_000, using: &random))
      kill(run.process.processIdentifier, SIGKILL)
      _ = try run.wait()
    }
    #expect(try mine(a, b, "--shards", "3x2", output: "killed.tsv").status == 0)
    #expect(try workshop.folder.read("killed.tsv") == pairs)
    #expect(try workshop.folder.list("killed.tsv.work").filter { $0.hasSuffix(".tmp") } == [])
  }

  @Test func aSignalStopsARunBetweenTasks() throws {
    let (a, b) = try texts(6000)
    let run = try Running(arguments(a, b, ["--threads", "1"], output: "stopped.tsv"))
    // The signal is looked for before the work folder is made.
    let work = workshop.folder.file("stopped.tsv.work")
    while run.process.isRunning, !FileManager.default.fileExists(atPath: work) { usleep(1000) }
    kill(run.process.processIdentifier, SIGTERM)
    let outcome = try run.wait()
    if outcome.status != 0 {
      #expect(outcome.status == 130, "\(outcome.error)")
      #expect(try !workshop.folder.list().contains("stopped.tsv"))
    }
    #expect(try mine(a, b, output: "stopped.tsv").status == 0)
  }

  @Test func aFullDiskLeavesNothingUnderTheName() throws {
    let (a, b) = try texts(2000)
    let script = "ulimit -f 100; exec $ems \"$@\""
    let outcome = try Running(
      ["-c", script, "bash"] + arguments(a, b), executable: "/bin/bash", environment: ["ems": binary]
    ).wait()
    expect(outcome, failsWith: 74, says: "cannot write")
    #expect(try !workshop.folder.list().contains("pairs.tsv"))
    #expect(try mine(a, b).status == 0)
    let nowhere = try Running(
      [
        "mine", a, b, "--model", workshop.model, "--source-language", "de", "--target-language", "en", "--output",
        "/proc/none/pairs.tsv",
      ]
    ).wait()
    expect(nowhere, failsWith: 74, says: "/proc/none/pairs.tsv.work")
  }

  @Test func stagesFromTheCommandLine() throws {
    let (a, b) = try texts()
    let more = ["--shards", "2x1", "--index", "exact"]
    #expect(try Running(arguments(a, b, more)).wait().status == 0)
    let list = try Running(arguments(a, b, more + ["--list-stages"], output: "s.tsv")).wait()
    let names = list.output.split(separator: "\n").map(String.init)
    #expect(names.first == "read-source" && names.last == "pairs" && names.contains("search-1-0"))
    let graph = try Running(arguments(a, b, more + ["--list-stages", "--json"], output: "s.tsv")).wait()
    let stages =
      try #require(
        JSONSerialization.jsonObject(with: Data(graph.output.utf8)) as? [String: [[String: Any]]])["stages"] ?? []
    #expect(stages.map { $0["name"] as? String } == names)
    let search = stages.first { $0["name"] as? String == "search-1-0" }
    #expect((search?["needs"] as? [String])?.contains("encode-source-1") == true)
    #expect((search?["outputs"] as? [String])?.contains("search.1.0.forward.ids.npy") == true)
    #expect(try !workshop.folder.list().contains("s.tsv.work"))
    for name in names {
      let outcome = try Running(arguments(a, b, more + ["--only", name], output: "s.tsv")).wait()
      #expect(outcome.status == 0, "\(name): \(outcome.error)")
    }
    #expect(try workshop.folder.read("s.tsv") == workshop.folder.read("pairs.tsv"))
    let unknown = try Running(arguments(a, b, more + ["--only", "nothing"], output: "s.tsv")).wait()
    expect(unknown, failsWith: 64, says: "nothing", "encode-source-0")
  }

  @Test func scoresOfATableAndOfTwoTextsAreTheSame() throws {
    let (a, b) = try texts(40)
    let (left, right) = (try workshop.folder.read("a.txt"), try workshop.folder.read("b.txt"))
    func lines(_ bytes: [UInt8]) -> [String] {
      String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(
        String.init)
    }
    let table = try workshop.folder.write(
      "t.tsv", zip(lines(left), lines(right)).map { "\($0)\t\($1)\n" }.joined())
    let common = ["--model", workshop.model, "--source-language", "de", "--target-language", "en", "--output"]
    let one = try Running(["score", table] + common + [workshop.folder.file("one.tsv")]).wait()
    let two = try Running(["score", a, b] + common + [workshop.folder.file("two.tsv"), "--json"]).wait()
    #expect(one.status == 0 && two.status == 0, "\(one.error)\(two.error)")
    #expect(try workshop.folder.read("one.tsv") == workshop.folder.read("two.tsv"))
    #expect(two.json()["lines"] as? Int == 40 && two.json()["written"] as? Int == 40)
    let ids = try Running(["score", a, b] + common + ["x.tsv", "--fields", "source-id"]).wait()
    #expect(ids.status == 64 && ids.error.contains("source-id"))
  }

  @Test func aPlanIsMadeFromTextsOrFromNumbers() throws {
    let (a, b) = try texts()
    let texts = try ems("plan", a, b, "--model", workshop.model, "--save-rates", workshop.folder.file("rates.json"))
    #expect(texts.status == 0, "\(texts.error)")
    for word in ["sentences  300 + 300", "exact", "encode", "pairs", "in all"] {
      #expect(texts.output.contains(word), "\(texts.output)")
    }
    let numbers = try ems(
      "plan", "--source-lines", "2M", "--target-lines", "3M", "--model", workshop.model, "--rates",
      workshop.folder.file("rates.json"), "--machines", "4", "--json")
    let plan = try #require(numbers.json()["plan"] as? [String: Any])
    #expect(plan["sentences"] as? [Int] == [2_000_000, 3_000_000])
    #expect(plan["shards"] as? [Int] == [4, 6])
    #expect((numbers.json()["seconds"] as? Double ?? 0) > 0)
    let large = try ems(
      "plan", "--source-lines", "2B", "--target-lines", "2B", "--model", workshop.model, "--rates",
      workshop.folder.file("rates.json"))
    #expect(large.status == 74 && large.error.contains("--work"), "\(large.error)")
    #expect(large.output.contains("With --index exact"), "\(large.output)")
    let huge = try ems(
      "plan", "--source-lines", "10B", "--target-lines", "1M", "--model", workshop.model, "--rates",
      workshop.folder.file("rates.json"))
    #expect(huge.status == 65 && huge.error.contains("several"), "\(huge.error)")
  }
}
