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
