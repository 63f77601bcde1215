import Foundation
import TestSupport
import Testing

/// What a command refuses or warns of before it runs.
@Suite struct GuardRailTests {
  let workshop: Workshop

  init() throws { workshop = try Workshop() }

  func file(_ name: String) -> String { workshop.folder.file(name) }

  /// Runs a command whose output is an input, and sees that nothing has changed.
  func expectRefusal(
    _ arguments: [String], keeping input: String, location: SourceLocation = #_sourceLocation
  ) throws {
    let before = try Data(contentsOf: URL(filePath: input))
    let outcome = try Running(arguments).wait()
    #expect(outcome.status == 64, "\(arguments): \(outcome.error)", sourceLocation: location)
    #expect(outcome.error.contains("input"), "\(outcome.error)", sourceLocation: location)
    #expect(try Data(contentsOf: URL(filePath: input)) == before, sourceLocation: location)
  }

  @Test func noOutputIsAnInput() throws {
    let text = try workshop.text(60)
    let other = try workshop.text(60, name: "other")
    #expect(try workshop.encode(text).status == 0)
    let rows = file("x.npy")
    try FileManager.default.linkItem(atPath: text, toPath: file("hard"))
    try FileManager.default.createSymbolicLink(atPath: file("soft"), withDestinationPath: text)
    let languages = ["--source-language", "de", "--target-language", "en"]
    for output in [text, file("hard"), file("soft"), "\(workshop.folder.path)/./text"] {
      try expectRefusal(
        ["encode", text, "--model", workshop.model, "--language", "de", "--output", output], keeping: text)
      try expectRefusal(
        ["mine", other, text, "--model", workshop.model, "--output", output] + languages, keeping: text)
      try expectRefusal(
        ["score", text, other, "--model", workshop.model, "--output", output] + languages, keeping: text)
      try expectRefusal(
        ["tokenizer", "encode", text, "--model", workshop.model, "--language", "de", "--output", output], keeping: text)
    }
    try FileManager.default.linkItem(atPath: file("hard"), toPath: file("p.tsv.json"))
    try expectRefusal(
      ["mine", text, other, "--model", workshop.model, "--output", file("p.tsv")] + languages, keeping: text)
    try expectRefusal(
      ["encode", text, "--model", workshop.model, "--language", "de", "--output", "\(workshop.model)/config.json"],
      keeping: "\(workshop.model)/config.json")
    for command in ["build", "train"] {
      try expectRefusal(["index", command, rows, "--factory", "Flat", "--output", rows], keeping: rows)
    }
    #expect(try ems("index", "build", rows, "--factory", "Flat", "--output", file("i.faiss")).status == 0)
    try expectRefusal(["index", "merge", file("i.faiss"), "--output", file("i.faiss")], keeping: file("i.faiss"))
    try expectRefusal(["index", "search", file("i.faiss"), rows, "--output", rows], keeping: rows)
    try expectRefusal(
      ["mine", "--source-embeddings", rows, "--target-embeddings", rows, "--output", rows], keeping: rows)
    let mined = try workshop.folder.write("m.tsv", "1.5\t0.9\tein Satz\ta sentence\t\n")
    try expectRefusal(["pairs", "select", mined, "--threshold", "1", "--output", mined], keeping: mined)
    let selected = try workshop.folder.write("c.tsv", "1.5\tein Satz\ta sentence\n")
    for (removed, output) in [(selected, file("o")), (file("o"), selected), (file("o"), file("o"))] {
      let outcome = try ems(
        "pairs", "decontaminate", selected, "--against", text, "--removed", removed, "--output", output)
      #expect(outcome.status == 64, "\(outcome.error)")
    }
    try expectRefusal(
      ["evaluate", "retrieval", text, other, "--model", workshop.model, "--report", text], keeping: text)
    for report in [text, file("hard")] {
      try expectRefusal(
        ["mine", text, other, "--model", workshop.model, "--output", file("p2.tsv"), "--report", report] + languages,
        keeping: text)
    }
    for command in [["export"], ["quantize"]] {
      for output in [workshop.model, "\(workshop.model)/.", workshop.folder.path] {
        try expectRefusal(
          ["model"] + command + [workshop.model, "--output", output, "--replace"],
          keeping: "\(workshop.model)/model.safetensors")
      }
    }
    try FileManager.default.createDirectory(atPath: file("t"), withIntermediateDirectories: true)
    let tokens = try workshop.folder.write("t/sentencepiece.model", "some words of a text\n")
    try expectRefusal(
      ["tokenizer", "train", tokens, "--vocab-size", "40", "--output", file("t")], keeping: tokens)
  }

  @Test(arguments: [
    ("[\n  {\"a\": 1},\n  {\"b\": 2}\n]\n", "JSON"),
    ("<?xml version=\"1.0\"?>\n<text>\nEin Satz.\n</text>\n", "XML"),
    ("<doc id=\"1\">\n<seg id=\"1\">Ein Satz.</seg>\n<seg id=\"2\">Noch einer.</seg>\n</doc>\n", "XML"),
  ])
  func markupIsNoText(content: String, name: String) throws {
    let text = try workshop.text(30)
    let markup = try workshop.folder.write("markup", content)
    let languages = ["--source-language", "de", "--target-language", "en", "--model", workshop.model]
    let encoded = try workshop.encode(markup)
    #expect(encoded.status == 65 && encoded.error.contains(name), "\(encoded.error)")
    for arguments in [["mine", text, markup], ["score", markup, text], ["score", markup]] {
      let outcome = try Running(arguments + languages + ["--output", file("o.tsv")]).wait()
      #expect(outcome.status == 65 && outcome.error.contains(name), "\(outcome.error)")
    }
    #expect(try workshop.others("text", "markup", "o.tsv.work").isEmpty)
  }

  @Test func whatMayBeMeantIsSaid() throws {
    let german = (1...40).map {
      "Am Abend saßen wir lange auf der Terrasse und erzählten uns \($0) Geschichten aus der Schulzeit."
    }
    let english = (1...40).map {
      "In the evening we sat on the terrace for hours and told each other \($0) stories from school."
    }
    func write(_ name: String, _ lines: [String]) throws -> String {
      try workshop.folder.write(name, lines.joined(separator: "\n") + "\n")
    }
    let (de, en) = (try write("de", german), try write("en", english))
    func mine(_ source: String, _ target: String, _ more: String...) throws -> String {
      try Running(
        [
          "mine", source, target, "--model", workshop.model, "--source-language", "de", "--target-language", "en",
          "--all", "--quiet", "--output", file("o.tsv"), "--work", file("w"),
        ] + more
      ).wait().error
    }
    #expect(try mine(de, en) == "")
    #expect(try mine(en, de).contains("swapped"))
    #expect(try mine(en, en).contains("en: most lines seem to be in English (en), not in German"))
    let ids = try write("ids", german.enumerated().map { "de-\($0)\t\($1)" })
    #expect(try mine(ids, en).contains("--ids"))
    let columns = try write("columns", german.map { "0.5\t\($0)\tx y" })
    #expect(try mine(columns, en).contains("--column"))
    #expect(try mine(columns, en, "--column", "2").contains("column 2 is asked for"))
    let latin = german.joined(separator: "\n").unicodeScalars.map { UInt8($0.value) }
    _ = try workshop.folder.write("latin", latin)
    #expect(try mine(file("latin"), en).contains("iconv -f WINDOWS-1252 -t UTF-8"))
  }

  @Test func mistypedCommandsHaveSuggestions() throws {
    expect(try ems("mien", "a", "b"), failsWith: 64, says: "\"mien\" is no command", "did you mean mine?")
    expect(try ems("evaluate", "tatoba", "x"), failsWith: 64, says: "ems evaluate", "tatoeba")
    expect(try ems("tokeniser"), failsWith: 64, says: "tokenizer")
    expect(try ems("qqqqqq"), failsWith: 64, says: "the commands are", "encode")
    for arguments in [["--help"], ["help", "mine"], ["mine", "--help"], ["--version"]] {
      #expect(try Running(arguments).wait().status == 0)
    }
  }

  @Test func aRecipeToBeginWith() throws {
    let recipe = file("recipe.yaml")
    #expect(try ems("train", "--init", recipe).status == 0)
    let text = String(decoding: try workshop.folder.read("recipe.yaml"), as: UTF8.self)
    #expect(text.contains("tokenizer: tokenizer") && text.contains("learning_rate"))
    expect(try ems("train", "--init", recipe), failsWith: 64, says: "recipe.yaml", "exists")
    // Every key in it is one that is read: what is missing is the files alone.
    expect(try ems("train", recipe), failsWith: 66, says: "tokenizer", "no such file")
  }

  @Test func minedPairsAndTokenizerFoldersAreTakenAsTheyAre() throws {
    let lines = Workshop.lines(120).enumerated().map { "\($0) \($1) satz" }
    _ = try workshop.folder.write("plain.txt", lines.joined(separator: "\n") + "\n")
    #expect(
      try ems("tokenizer", "train", file("plain.txt"), "--vocab-size", "70", "--output", file("tok")).status == 0)
    let scored = lines.enumerated().map { "\(Double(900 - $0) / 500 + 0.0001)\t\($1)\t\($1) dazu" }
    _ = try workshop.folder.write("mined.tsv", scored.joined(separator: "\n") + "\n")
    _ = try workshop.folder.write("bare.tsv", lines.map { "\($0)\t\($0) dazu\n" }.joined())
    func losses(_ corpus: String) throws -> String {
      _ = try workshop.folder.write(
        "r-\(corpus).yaml",
        """
        output: run-\(corpus)
        tokenizer: tok
        model: {num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2, intermediate_size: 16}
        data: [{path: \(corpus), source_language: de, target_language: en}]
        steps: 2
        batch_pairs: 8
        validation: {pairs: 5, every: 2}
        """)
      let outcome = try ems("train", file("r-\(corpus).yaml"), "--json", "--threads", "1")
      #expect(outcome.status == 0, "\(outcome.error)")
      return "\(outcome.json()["loss"] ?? "")"
    }
    #expect(try losses("mined.tsv") == losses("bare.tsv"))
  }

  @Test func aRunEndsWithWhatItLeft() throws {
    let text = try workshop.text(40)
    let outcome = try ems(
      "mine", text, text, "--model", workshop.model, "--source-language", "de", "--target-language", "en", "--all",
      "--output", file("p.tsv"))
    let last = outcome.error.split(separator: "\n").suffix(3)
    #expect(last.count == 3 && last.joined().contains("p.tsv.json") && last.joined().contains("p.tsv.work"))
  }
}
