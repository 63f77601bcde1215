import Base
import Encoder
import Formats
import Foundation
import Index
import TestSupport
import Testing

/// `ems encode` run as a user does.
@Suite struct EncodeTests {
  @Test func rowsAreTheSameBitsHoweverTheyAreComputed() throws {
    let workshop = try Workshop()
    let folder = workshop.folder
    let text = try workshop.text(1500)
    try #expect(workshop.encode(text, "--threads", "1").status == 0)
    let expected = try folder.read("x.npy")
    #expect(try EmbeddingFile(path: folder.file("x.npy")).rows == 1500)

    for options in [
      ["--threads", "2"], ["--threads", "5"], ["--threads", "2", "--batch-tokens", "1"],
      ["--threads", "1", "--batch-tokens", "31"], ["--threads", "2", "--batch-tokens", "300"],
      ["--threads", "2", "--batch-tokens", "100000"],
    ] {
      let outcome = try Running(
        ["encode", text, "--model", workshop.model, "--language", "de", "--output", folder.file("y.npy")] + options
      ).wait()
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(try folder.read("y.npy") == expected, "\(options)")
    }
    // Compression, standard input, a missing line feed at the end.
    try shell("gzip -k $1 && zstd -q -k $1 && { cat $1.zst; } > $1.other", text)
    for file in ["text.gz", "text.zst", "text.other"] where FileManager.default.fileExists(atPath: folder.file(file)) {
      #expect(try workshop.encode(folder.file(file), output: "y.npy").status == 0)
      #expect(try folder.read("y.npy") == expected, "\(file)")
    }
    #expect(try workshop.encode("-", input: FileHandle(forReadingAtPath: text), output: "y.npy").status == 0)
    #expect(try folder.read("y.npy") == expected)
    let piped = try shell(
      "cat $1 | $ems encode - --model $2 --language de --output $3", text, workshop.model, folder.file("y.npy"))
    #expect(piped.status == 0)
    #expect(try folder.read("y.npy") == expected)
  }

  @Test func aRowDoesNotDependOnItsNeighbours() throws {
    let workshop = try Workshop()
    let lines = Workshop.lines(200)
    try #expect(workshop.encode(workshop.text(200)).status == 0)
    let all = try EmbeddingFile(path: workshop.folder.file("x.npy"))
    for i in [0, 5, 7, 10, 63, 199] {
      _ = try workshop.folder.write("one", lines[i] + "\n")
      #expect(try workshop.encode(workshop.folder.file("one"), output: "one.npy").status == 0)
      #expect(
        try EmbeddingFile(path: workshop.folder.file("one.npy")).floats(rows: 0..<1) == all.floats(rows: i..<i + 1))
    }
  }

  @Test func theLibraryGivesTheSameRows() throws {
    let workshop = try Workshop()
    try #expect(workshop.encode(workshop.text(300)).status == 0)
    let file = try EmbeddingFile(path: workshop.folder.file("x.npy"))
    let encoder = try SentenceEncoder(ModelFolder(path: workshop.model), threads: 2)
    #expect(try encoder.encode(Workshop.lines(300)).array == file.floats(rows: 0..<300))
  }

  @Test func everyLineHasARow() throws {
    let workshop = try Workshop()
    let folder = workshop.folder
    for (text, rows) in [("\n", 1), ("a", 1), ("a\n\n", 2), ("\n\n\n", 3), ("a\r\nb\r\n", 2), ("\u{FEFF}a\n \n", 2)] {
      let outcome = try workshop.encode(folder.write("t", text), "--json")
      #expect(outcome.status == 0)
      #expect(outcome.json()["rows"] as? Int == rows, "\(text.debugDescription)")
      let file = try EmbeddingFile(path: folder.file("x.npy"))
      #expect(file.rows == rows)
      let finite = file.floats(rows: 0..<rows).allSatisfy { $0.isFinite }
      #expect(finite)
    }
    // More lines than a window holds.
    let many = try folder.write("many", String(repeating: "a b\n", count: 20_001))
    #expect(try workshop.encode(many).status == 0)
    #expect(try EmbeddingFile(path: folder.file("x.npy")).rows == 20_001)
  }

  @Test func halfPrecisionRoundsTheRows() throws {
    let workshop = try Workshop()
    let text = try workshop.text(100)
    #expect(try workshop.encode(text).status == 0)
    #expect(try workshop.encode(text, "--dtype", "float16", output: "h.npy").status == 0)
    let single = try EmbeddingFile(path: workshop.folder.file("x.npy"))
    let half = try EmbeddingFile(path: workshop.folder.file("h.npy"))
    #expect(half.type == .float16 && half.rows == 100 && half.columns == single.columns)
    for (x, y) in zip(single.floats(rows: 0..<100), half.floats(rows: 0..<100)) {
      #expect(abs(x - y) <= max(abs(x) / 2048, 1e-7))
    }
    // The header is what NumPy asks for: a multiple of 64 bytes.
    #expect(half.dataOffset == 128)
  }

  @Test func aHalfPrecisionModelGivesCloseRows() throws {
    let workshop = try Workshop(training: true)
    let text = try workshop.text(100)
    let half = workshop.folder.file("half")
    #expect(try ems("model", "export", workshop.model, "--output", half, "--dtype", "float16").status == 0)
    #expect(try workshop.encode(text).status == 0)
    let outcome = try ems(
      "encode", text, "--model", half, "--language", "de", "--output", workshop.folder.file("h.npy"))
    #expect(outcome.status == 0, "\(outcome.error)")
    let a = try EmbeddingFile(path: workshop.folder.file("x.npy")).floats(rows: 0..<100)
    let b = try EmbeddingFile(path: workshop.folder.file("h.npy")).floats(rows: 0..<100)
    #expect(a != b)
    for (x, y) in zip(a, b) { #expect(abs(x - y) < 0.02) }
  }

  @Test func theReportIsComplete() throws {
    let workshop = try Workshop()
    let bytes = Array("a\tb\n\nlong line here\n".utf8) + [0xFF, 0x0A]
    let text = try workshop.folder.write("t", bytes)
    let outcome = try workshop.encode(text, "--json", "--max-line-bytes", "8", "--threads", "2")
    #expect(outcome.status == 0)
    let json = outcome.json()
    for (key, value) in [
      "rows": 4, "repaired_lines": 1, "cut_lines": 1, "tabs_replaced": 1, "empty_lines": 1, "threads": 2,
    ] {
      #expect(json[key] as? Int == value, "\(key)")
    }
    for key in ["tokens", "seconds", "sentences_per_second", "tokens_per_second", "gflops"] {
      #expect((json[key] as? Double ?? 0) > 0, "\(key)")
    }
    #expect(json["simd"] is String)
    #expect(outcome.error.contains("repaired"))
    let quiet = try workshop.encode(text, "--quiet")
    #expect(quiet.error == "" && quiet.output == "" && quiet.status == 0)
  }

  @Test func columnsAndIds() throws {
    let workshop = try Workshop()
    let folder = workshop.folder
    #expect(try workshop.encode(folder.write("plain", "das Haus\nein Baum\n")).status == 0)
    let expected = try folder.read("x.npy")
    #expect(
      try workshop.encode(folder.write("t", "id-1\tdas Haus\nid-2\tein Baum\n"), "--ids", output: "y.npy").status == 0)
    #expect(try folder.read("y.npy") == expected)
    let columns = try folder.write("c", "x\ty\tdas Haus\tz\nx\ty\tein Baum\n")
    #expect(try workshop.encode(columns, "--column", "3", output: "y.npy").status == 0)
    #expect(try folder.read("y.npy") == expected)
    expect(
      try workshop.encode(columns, "--column", "4", output: "z.npy"), failsWith: 65, says: columns, "line 2", "column 4"
    )
    expect(try workshop.encode(columns, "--column", "2", "--ids", output: "z.npy"), failsWith: 64, says: "not both")
    #expect(!FileManager.default.fileExists(atPath: folder.file("z.npy")))
  }

  @Test func aLanguageOfAnotherModelIsAWarning() throws {
    let workshop = try Workshop()
    let text = try workshop.text(10)
    func run(_ language: String) throws -> Outcome {
      try ems(
        "encode", text, "--model", workshop.model, "--language", language, "--output", workshop.folder.file("x.npy"))
    }
    #expect(try !run("deu_Latn").error.contains("warning"))
    let outcome = try run("sw")
    #expect(outcome.status == 0 && outcome.error.contains("warning") && outcome.error.contains("Swahili"))
  }

  @Test func allKernelsGiveCloseRows() throws {
    let workshop = try Workshop()
    let text = try workshop.text(100)
    #expect(try workshop.encode(text).status == 0)
    let expected = try EmbeddingFile(path: workshop.folder.file("x.npy")).floats(rows: 0..<100)
    for simd in ["generic", "avx2"] {
      let outcome = try ems(
        "encode", text, "--model", workshop.model, "--language", "de", "--output", workshop.folder.file("y.npy"),
        "--json",
        environment: ["EMS_SIMD": simd])
      guard outcome.json()["simd"] as? String == simd else { continue }
      let rows = try EmbeddingFile(path: workshop.folder.file("y.npy")).floats(rows: 0..<100)
      for (x, y) in zip(expected, rows) { #expect(abs(x - y) < 2e-5) }
    }
  }
}
