import Foundation
import TestSupport
import Testing

@Suite struct SplitTests {
  private let folder = TemporaryFolder()

  @Test func documentsBecomeSentences() throws {
    let text = try folder.write(
      "d.jsonl", "{\"id\":\"a\",\"text\":\"Hallo Dr. Maier. Wie geht es?\\nGut.\"}\n{\"text\":\"\"}\nkaputt\n")
    let run = try ems("split", text, "--language", "de", "--output", folder.file("s.tsv"), "--json")
    #expect(run.status == 0, "\(run.error)")
    let written = String(decoding: try folder.read("s.tsv"), as: UTF8.self)
    #expect(written == "a:0\tHallo Dr. Maier.\na:1\tWie geht es?\na:2\tGut.\n")
    let documents = run.json()["documents"] as? [String: Any]
    #expect(documents?["documents"] as? Int == 1)
    #expect(documents?["dropped"] as? [String: Int] == ["invalid-json": 1, "no-text": 1])
    expect(
      try ems("split", text, "--language", "de", "--strict", "--output", folder.file("t.tsv")), failsWith: 65,
      says: "d.jsonl", "line 3", "invalid JSON")
    #expect(!FileManager.default.fileExists(atPath: folder.file("t.tsv")))
    expect(
      try ems("split", text, "--json-field", "body", "--output", folder.file("t.tsv")), failsWith: 65,
      says: "no field \"body\"", "id, text", "--json-field")
  }

  @Test func pipesEncodingsAndPlainText() throws {
    let plain = try shell(
      "printf 'Eins. Zwei.\\n\\nDrei.\\n' | $ems split - --no-ids --quiet")
    #expect(plain.output == "Eins.\nZwei.\nDrei.\n", "\(plain.error)")
    let latin = try shell("printf '\\xdcbung. Ja.\\n' | $ems split - --encoding latin1 --offsets --quiet")
    #expect(latin.output == "0:0\t0-7\tÜbung.\n0:1\t8-11\tJa.\n", "\(latin.error)")
    expect(try ems("split", folder.file("none"), "--output", folder.file("o")), failsWith: 66, says: "none")
    expect(try ems("split", folder.file("none"), "--clean", "nonsense"), failsWith: 64, says: "near-duplicates")
  }

  /// Each example of docs/documents.md prints what stands below it.
  @Test func examplesOfTheDocumentation() throws {
    let page = try String(contentsOfFile: "\(repository)/docs/documents.md", encoding: .utf8)
    var blocks: [[Substring]] = [[]]
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("    ") { blocks[blocks.count - 1].append(line.dropFirst(4)) } else { blocks.append([]) }
    }
    let examples = blocks.filter { $0.first?.contains("| ems split") == true }
    #expect(examples.count >= 9)
    for example in examples {
      let run = try shell(String(example[0]).replacing("| ems split", with: "| $ems split --quiet"))
      #expect(run.output == example.dropFirst().map { $0 + "\n" }.joined(), "\(example[0])\n\(run.error)")
    }
  }

  @Test func mojibakeIsTold() throws {
    let lines = (0..<5).map { "{\"id\":\"d\($0)\",\"text\":\"Das CafÃ© Nummer \($0). Und mehr.\"}\n" }
    let text = try folder.write("m.jsonl", lines.joined())
    let run = try ems("split", text, "--language", "de", "--output", folder.file("m.tsv"), "--json")
    #expect(run.status == 0 && run.json()["mojibake_lines"] as? Int == 5, "\(run.error)")
    #expect(
      run.error.contains("with mojibake: 5") && run.error.contains("5 of 5 lines look like UTF-8"), "\(run.error)")
    expect(
      try ems("split", text, "--text-column", "3", "--output", folder.file("o")), failsWith: 64, says: "--format tsv")
  }

  @Test func miningReadsDocumentsAndPipes() throws {
    let workshop = try Workshop()
    let lines = Workshop.lines(40).filter { $0.contains { $0 != " " } }
    let documents = lines.map { line in
      let data = try! JSONSerialization.data(withJSONObject: ["id": "d\(line.count)", "text": line])
      return String(decoding: data, as: UTF8.self) + "\n"
    }.joined()
    let jsonl = try workshop.folder.write("d.jsonl", documents)
    let plain = try workshop.folder.write("p.txt", lines.map { $0 + "\n" }.joined())
    func mine(_ source: String, _ output: String, _ more: String..., shell script: String = "") throws -> Outcome {
      let arguments =
        [
          "mine", source, plain, "--model", workshop.model, "--source-language", "de", "--target-language", "en",
          "--all", "--quiet", "--output", workshop.folder.file(output), "--no-split",
        ] + more
      return script.isEmpty
        ? try Running(arguments).wait()
        : try Running(
          ["-c", "cat '\(plain)' | \"$ems\" \"$@\"", "bash"] + arguments, executable: "/bin/bash",
          environment: ["ems": binary]
        ).wait()
    }
    #expect(try mine(plain, "a.tsv").status == 0)
    let found = try mine(jsonl, "b.tsv")
    #expect(found.status == 0, "\(found.error)")
    #expect(try workshop.folder.read("a.tsv") == workshop.folder.read("b.tsv"))
    let piped = try mine("-", "c.tsv", shell: "pipe")
    #expect(piped.status == 0, "\(piped.error)")
    #expect(try workshop.folder.read("a.tsv") == workshop.folder.read("c.tsv"))
    let ids = try mine(jsonl, "e.tsv", "--fields", "source-id,source-row")
    #expect(ids.status == 0, "\(ids.error)")
    let first = String(decoding: try workshop.folder.read("e.tsv"), as: UTF8.self).split(separator: "\n").first ?? ""
    #expect(first.hasPrefix("d") && first.contains(":0\t"), "\(first)")
  }

  @Test func scoreReadsTMX() throws {
    let workshop = try Workshop()
    let units = (0..<6).map {
      "<tu><tuv xml:lang=\"de\"><seg>Haus \($0)</seg></tuv><tuv xml:lang=\"en\"><seg>house \($0) &amp; so</seg></tuv></tu>\n"
    }.joined()
    let tmx = try workshop.folder.write(
      "m.tmx", "<?xml version=\"1.0\"?>\n<tmx version=\"1.4\"><header srclang=\"de\"/><body>\n\(units)</body></tmx>\n")
    let run = try ems(
      "score", tmx, "--model", workshop.model, "--source-language", "de", "--target-language", "en", "--output",
      workshop.folder.file("s.tsv"), "--fields", "source,target")
    #expect(run.status == 0, "\(run.error)")
    let lines = String(decoding: try workshop.folder.read("s.tsv"), as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 6 && lines[0] == "Haus 0\thouse 0 & so")
    expect(
      try ems(
        "encode", tmx, "--model", workshop.model, "--language", "de", "--format", "lines", "--output",
        workshop.folder.file("x.npy")),
      failsWith: 65, says: "TMX", "--format tmx")
  }
}
