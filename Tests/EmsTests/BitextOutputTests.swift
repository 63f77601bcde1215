import Foundation
import TestSupport
import Testing

@Suite struct BitextOutputTests {
  @Test func scoreWritesEveryFormatAtOnce() throws {
    let workshop = try Workshop()
    let lines = (0..<5).map { "Haus \($0) \"x\" \\ <a> & b\thouse \($0) & so" }
    let table = try workshop.folder.write("t.tsv", lines.map { $0 + "\n" }.joined())
    let names = ["o.tsv", "o.jsonl", "o.tmx", "o.%s.txt"]
    let run = try Running(
      ["score", table, "--model", workshop.model, "--source-language", "de", "--target-language", "en", "--quiet"]
        + names.flatMap { ["--output", workshop.folder.file($0)] }
    ).wait()
    #expect(run.status == 0, "\(run.error)")
    func text(_ name: String) throws -> String { String(decoding: try workshop.folder.read(name), as: UTF8.self) }
    #expect(try text("o.tsv").split(separator: "\n").count == 5)
    #expect(try text("o.de.txt").split(separator: "\n")[1] == "Haus 1 \"x\" \\ <a> & b")
    #expect(try text("o.en.txt").split(separator: "\n")[4] == "house 4 & so")
    let objects = try text("o.jsonl").split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
    #expect(objects.count == 5 && objects[2]?["source"] as? String == "Haus 2 \"x\" \\ <a> & b")
    #expect(objects[2]?["source_row"] as? Int == 2 && objects[2]?["target_language"] as? String == "en")
    let tmx = try text("o.tmx")
    #expect(tmx.contains("<tuv xml:lang=\"de\"><seg>Haus 3 &quot;x&quot; \\ &lt;a&gt; &amp; b</seg></tuv>"))
    #expect(XMLCheck.isWellFormed(tmx))
    // What is written is read again.
    let back = try ems(
      "score", workshop.folder.file("o.tmx"), "--model", workshop.model, "--source-language", "de", "--target-language",
      "en", "--quiet", "--output", workshop.folder.file("b.tsv"), "--fields", "source,target")
    #expect(back.status == 0, "\(back.error)")
    #expect(try text("b.tsv") == lines.map { $0 + "\n" }.joined())
  }

  /// What OmegaT's reader of TMX holds a file to: one header whose source language is that of a segment of each unit, `xml:lang` on
  /// each, one segment in each, XML's signs escaped, no characters that XML has no place for.
  @Test func tmxByOmegaTsRules() throws {
    let workshop = try Workshop()
    let table = try workshop.folder.write(
      "t.tsv", "Ein \u{B} und \u{1F}\u{7F} & <b>\u{FFFE}\t]]> \"q\" 'a' \u{1} 𝄞\nمرحبا\tשלום\n")
    let run = try ems(
      "score", table, "--model", workshop.model, "--source-language", "de", "--target-language", "en", "--quiet",
      "--output", workshop.folder.file("o.tmx"))
    #expect(run.status == 0, "\(run.error)")
    let bytes = try workshop.folder.read("o.tmx")
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0A } && !text.contains("\u{FFFE}"))
    #expect(
      text.hasPrefix(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE tmx SYSTEM \"tmx14.dtd\">\n<tmx version=\"1.4\">"))
    let header = text.split(separator: "<header ").last?.split(separator: "/>").first ?? ""
    for attribute in [
      "creationtool=\"ems\"", "creationtoolversion=", "segtype=\"sentence\"", "o-tmf=", "adminlang=", "srclang=\"de\"",
      "datatype=\"plaintext\"",
    ] {
      #expect(header.contains(attribute), "\(header)")
    }
    let units = text.split(separator: "<tu ").dropFirst()
    #expect(units.count == 2)
    for unit in units {
      #expect(unit.split(separator: "<tuv xml:lang=\"de\"><seg>").count == 2)
      #expect(unit.split(separator: "<tuv xml:lang=\"en\"><seg>").count == 2)
      #expect(unit.split(separator: "</seg></tuv>").count == 3)
    }
    #expect(
      text.contains("<seg>Ein   und    &amp; &lt;b&gt;</seg>")
        && text.contains("<seg>]]&gt; &quot;q&quot; 'a'   𝄞</seg>"))
    #expect(XMLCheck.isWellFormed(text))
    expect(
      try ems("score", table, "--model", workshop.model, "--quiet", "--output", workshop.folder.file("p.tmx")),
      failsWith: 64, says: "--source-language")
  }

  /// A long document is aligned around a coarse path: a few thousand sentences stay in little memory.
  @Test func longDocuments() throws {
    let workshop = try Workshop()
    let words = ["das", "Haus", "mir", "東京", "a", "running", "x1", "мир", "ist", "the"]
    var random = SplitMix(seed: 11)
    let lines = (0..<3000).map { i in
      "\(i) "
        + (0..<Int.random(in: 3...9, using: &random)).map { _ in words.randomElement(using: &random) ?? "" }.joined(
          separator: " ")
    }
    let a = try workshop.folder.write("a", lines.map { $0 + "\n" }.joined())
    // Every hundredth sentence is missing, and every two hundredth joined with the next.
    var target: [String] = []
    for (i, line) in lines.enumerated() where i % 100 != 50 {
      if i % 200 == 121 { target[target.count - 1] += " " + line } else { target.append(line) }
    }
    let b = try workshop.folder.write("b", target.map { $0 + "\n" }.joined())
    let run = try ems(
      "align", a, b, "--model", workshop.model, "--source-language", "de", "--target-language", "de", "--quiet",
      "--output", workshop.folder.file("o.align"), "--json")
    #expect(run.status == 0, "\(run.error)")
    let rows = String(decoding: try workshop.folder.read("o.align"), as: UTF8.self).split(separator: "\n")
    #expect(rows.last?.hasPrefix("[2999]:[\(target.count - 1)]:") == true, "\(rows.last ?? "")")
    // Sentences side by side, each once.
    #expect(rows.count(where: { $0.hasPrefix("[") && !$0.contains("[]") }) > 2800)
    #expect(run.json()["source_alone"] as? Int ?? 1000 < 100)
  }

  @Test func mineSaysWhereASentenceComesFrom() throws {
    let workshop = try Workshop()
    let documents = try workshop.folder.write(
      "d.jsonl", "{\"id\":\"k1\",\"text\":\"Das Haus. Der Mond.\"}\n{\"id\":\"k2\",\"text\":\"Ein Wort.\"}\n")
    let plain = try workshop.folder.write("p.txt", "the house\nthe moon\na word\n")
    let run = try ems(
      "mine", documents, plain, "--model", workshop.model, "--source-language", "de", "--target-language", "en",
      "--all",
      "--quiet", "--output", workshop.folder.file("o.jsonl"))
    #expect(run.status == 0, "\(run.error)")
    let lines = String(decoding: try workshop.folder.read("o.jsonl"), as: UTF8.self).split(separator: "\n")
    #expect(!lines.isEmpty)
    for line in lines {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
      let text = object["source_document"] as? String == "k1" ? "Das Haus. Der Mond." : "Ein Wort."
      let (begin, end) = (object["source_begin"] as? Int ?? 0, object["source_end"] as? Int ?? 0)
      #expect(String(decoding: Array(text.utf8)[begin..<end], as: UTF8.self) == object["source"] as? String)
      #expect(object["target_row"] is Int)
    }
    expect(
      try ems(
        "mine", plain, plain, "--model", workshop.model, "--source-language", "de", "--target-language", "en",
        "--output",
        workshop.folder.file("x.tsv"), "--fields", "source-document"),
      failsWith: 64, says: "source-document", "--ids")
  }

  @Test func alignedDocuments() throws {
    let workshop = try Workshop()
    // A document and itself, with a sentence left out of the target.
    let lines = Workshop.lines(60).filter { $0.contains { $0 != " " } }.map { String($0.prefix(40)) }
    let a = try workshop.folder.write("a", lines.map { $0 + "\n" }.joined())
    let b = try workshop.folder.write(
      "b", lines.enumerated().filter { $0.offset != 7 }.map { $0.element + "\n" }.joined())
    func align(_ output: String, _ more: String...) throws -> Outcome {
      try Running(
        [
          "align", a, b, "--model", workshop.model, "--source-language", "de", "--target-language", "de", "--quiet",
          "--output", workshop.folder.file(output),
        ] + more
      ).wait()
    }
    let run = try align("o.align", "--output", workshop.folder.file("o.tsv"))
    #expect(run.status == 0, "\(run.error)")
    let rows = String(decoding: try workshop.folder.read("o.align"), as: UTF8.self).split(separator: "\n")
    let pairs = rows.filter { !$0.contains("[]") }
    #expect(
      rows.first?.hasPrefix("[0]:[0]:") == true
        && rows.last?.hasPrefix("[\(lines.count - 1)]:[\(lines.count - 2)]:") == true)
    #expect(pairs.count >= lines.count - 3)
    let table = String(decoding: try workshop.folder.read("o.tsv"), as: UTF8.self).split(separator: "\n")
    #expect(table.count == pairs.count)
    let one = try align("one.align", "--threads", "1")
    #expect(one.status == 0)
    #expect(try workshop.folder.read("one.align") == workshop.folder.read("o.align"))
    // Documents by their ids.
    let x = try workshop.folder.write("x.tsv", "d:0\tDas Haus\nd:1\tDer Mond\ne:0\tein Wort\n")
    let y = try workshop.folder.write("y.tsv", "e:0\tein Wort\nd:0\tDas Haus\nd:1\tDer Mond\n")
    let byID = try ems(
      "align", x, y, "--ids", "--model", workshop.model, "--source-language", "de", "--target-language", "de",
      "--quiet",
      "--output", workshop.folder.file("ids.align"))
    #expect(byID.status == 0, "\(byID.error)")
    let found = String(decoding: try workshop.folder.read("ids.align"), as: UTF8.self)
    #expect(found.contains("[2]:[0]:"), "\(found)")
    // No id in common: documents are found by what is in them.
    let sentences = lines.filter { $0.utf8.count > 12 }
    func documents(_ name: String, _ order: [Int]) throws -> String {
      try workshop.folder.write(
        name,
        order.map { d in
          (0..<3).map { "\(name)\(d):\($0)\t\(sentences[3 * d + $0])\n" }.joined()
        }.joined())
    }
    let (here, there) = (try documents("p", [0, 1, 2, 3, 4]), try documents("q", [3, 1, 4, 0]))
    let byContent = try ems(
      "align", here, there, "--ids", "--model", workshop.model, "--source-language", "de", "--target-language", "de",
      "--output", workshop.folder.file("found.align"), "--json")
    #expect(byContent.status == 0, "\(byContent.error)")
    #expect(byContent.json()["paired_by"] as? String == "found" && byContent.json()["documents"] as? Int == 4)
    #expect(byContent.error.contains("4 pairs of documents found among 5 and 4"), "\(byContent.error)")
    let aligned = String(decoding: try workshop.folder.read("found.align"), as: UTF8.self)
    for row in ["[0]:[9]:", "[4]:[4]:", "[9]:[0]:"] { #expect(aligned.contains(row), "\(aligned)") }
    expect(
      try ems(
        "align", here, there, "--ids", "--document-pairs", "ids", "--model", workshop.model, "--source-language", "de",
        "--target-language", "de", "--output", workshop.folder.file("no")),
      failsWith: 65, says: "has no document with an id", "--document-pairs found")
    expect(
      try ems(
        "align", x, y, "--ids", "--document-pairs", workshop.folder.write("p", "d\tz\n"), "--model", workshop.model,
        "--source-language", "de", "--target-language", "de", "--output", workshop.folder.file("no")),
      failsWith: 65, says: "line 1", "no document z")
  }
}

private enum XMLCheck {
  /// Every tag that opens closes, in order; enough for what is written here.
  static func isWellFormed(_ text: String) -> Bool {
    var open: [Substring] = []
    for piece in text.split(separator: "<").dropFirst() {
      guard let tag = piece.split(separator: ">", omittingEmptySubsequences: false).first, let first = tag.first else {
        return false
      }
      if first == "?" || first == "!" || tag.hasSuffix("/") { continue }
      let name = tag.prefix { !$0.isWhitespace }
      if first == "/" {
        guard open.popLast() == name.dropFirst() else { return false }
      } else {
        open.append(name)
      }
    }
    return open.isEmpty
  }
}
