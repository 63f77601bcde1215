import Base
import Encoder
import Foundation
import Glibc
import TestSupport
import Testing

/// Whatever is wrong: a clear message, a status, and no file under the output's name or a temporary one.
@Suite struct BadInputTests {
  let workshop: Workshop
  let text: String

  init() throws {
    workshop = try Workshop()
    text = try workshop.text(400)
  }

  /// Encodes an input that is at fault.
  func expectFailure(
    of input: String, _ options: String..., status: Int32, says parts: String...,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let before = try workshop.folder.list()
    let outcome = try Running(
      ["encode", input, "--model", workshop.model, "--language", "de", "--output", workshop.folder.file("x.npy")]
        + options
    ).wait()
    #expect(outcome.status == status, "\(outcome.error)", sourceLocation: location)
    for part in parts { #expect(outcome.error.contains(part), "\(outcome.error)", sourceLocation: location) }
    #expect(outcome.output == "", sourceLocation: location)
    #expect(try workshop.folder.list() == before, sourceLocation: location)
  }

  @Test func inputsThatAreNotThere() throws {
    try expectFailure(
      of: workshop.folder.file("none.txt"), status: 66, says: "none.txt", "No such file", "check the path")
    try expectFailure(of: workshop.folder.path, status: 66, says: "is a folder")
  }

  @Test func inputsWithoutLines() throws {
    try expectFailure(of: workshop.folder.write("empty", ""), status: 65, says: "empty", "has no lines")
    try shell("gzip -k $1; zstd -q -k $1", workshop.folder.file("empty"))
    try expectFailure(of: workshop.folder.file("empty.gz"), status: 65, says: "empty.gz", "has no lines")
    try expectFailure(of: workshop.folder.file("empty.zst"), status: 65, says: "empty.zst", "has no lines")
    let outcome = try workshop.encode("-", input: FileHandle.nullDevice)
    expect(outcome, failsWith: 65, says: "standard input", "has no lines")
  }

  @Test func damagedCompression() throws {
    try shell("gzip -k $1; zstd -q -k $1", text)
    for suffix in ["gz", "zst"] {
      let whole = try workshop.folder.read("text.\(suffix)")
      for share in [0.3, 0.9, 0.99] {
        let cut = try workshop.folder.write("cut.\(suffix)", Array(whole.prefix(Int(Double(whole.count) * share))))
        try expectFailure(of: cut, status: 65, says: "cut.\(suffix)", "offset")
      }
      var flipped = whole
      for i in stride(from: whole.count / 2, to: whole.count / 2 + 40, by: 3) { flipped[i] ^= 0x5A }
      try expectFailure(
        of: workshop.folder.write("bad.\(suffix)", flipped), status: 65, says: "bad.\(suffix)", "offset")
    }
    let xz = try workshop.folder.write("t.xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 0, 0, 0, 0, 0, 0])
    try expectFailure(of: xz, status: 65, says: "t.xz", "xz stream")
  }

  @Test func binaryInputs() throws {
    try expectFailure(of: binary, status: 65, says: "looks binary", "offset")
    let utf16 = try workshop.folder.write("u", [0xFF, 0xFE, 0x61, 0, 0x0A, 0])
    try expectFailure(of: utf16, status: 65, says: "UTF-16", "iconv")
    let latin = try workshop.folder.write("latin", Array("ok\n".utf8) + [0x66, 0xFC, 0x72, 0x0A])
    try expectFailure(of: latin, "--strict", status: 65, says: "latin", "line 2", "not valid UTF-8")
  }

  @Test func anEndlessLineIsCut() throws {
    let script = """
      { head -c 40000000 /dev/zero | tr '\\0' a; echo; echo b; } |
        $ems encode - --model $1 --language de --output $2 --json --max-line-bytes 65536
      """
    let outcome = try shell(script, workshop.model, workshop.folder.file("x.npy"))
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.json()["rows"] as? Int == 2)
    #expect(outcome.json()["cut_lines"] as? Int == 1)
  }

  @Test func unknownLanguages() throws {
    let output = workshop.folder.file("x.npy")
    expect(
      try ems("encode", text, "--model", workshop.model, "--language", "germn", "--output", output), failsWith: 64,
      says: "germn", "did you mean", "de (German)")
    expect(
      try ems("encode", text, "--model", workshop.model, "--language", "deu_Xxxx", "--output", output), failsWith: 64,
      says: "no script")
    #expect(try workshop.others("text") == [])
  }

  @Test func wrongUsage() throws {
    #expect(try ems("encode", text).status == 64)
    #expect(try ems("encode").status == 64)
    #expect(try ems("nonsense").status == 64)
    for options in [
      ["--threads", "0"], ["--threads", "x"], ["--dtype", "int8"], ["--batch-tokens", "0"], ["--column", "0"],
      ["--max-line-bytes", "1"], ["--nonsense"],
    ] {
      let outcome = try Running(
        ["encode", text, "--model", workshop.model, "--language", "de", "--output", workshop.folder.file("x.npy")]
          + options
      ).wait()
      #expect(outcome.status == 64, "\(options)")
    }
    #expect(try workshop.others("text") == [])
  }

  @Test func outputsThatCannotBeWritten() throws {
    for (output, part) in [("no/such/folder/x.npy", "No such file"), ("model", "is a folder")] {
      expect(try workshop.encode(text, output: output), failsWith: 74, says: output, "cannot write", part)
    }
    let readOnly = try ems(
      "encode", text, "--model", workshop.model, "--language", "de", "--output", "/proc/x.npy")
    #expect(readOnly.status == 74)
    #expect(readOnly.error.contains("/proc/x.npy"))
    #expect(try workshop.others("text") == [])
  }

  @Test func aFullDisk() throws {
    // 400 rows of 36 floats are 57 kB; files may have 8 blocks of 1 kB.
    let script = "ulimit -f 8; exec $ems encode $1 --model $2 --language de --output $3"
    let outcome = try shell(script, text, workshop.model, workshop.folder.file("x.npy"))
    expect(outcome, failsWith: 74, says: "x.npy", "File too large", "ulimit")
    #expect(try workshop.others("text") == [])
    let full = try ems("encode", text, "--model", workshop.model, "--language", "de", "--output", "/dev/full")
    expect(full, failsWith: 74, says: "/dev/full", "No space left")
  }

  @Test func aFormerOutputSurvivesAFailure() throws {
    _ = try workshop.folder.write("x.npy", "old")
    try expectFailure(of: workshop.folder.write("empty", ""), status: 65)
    #expect(try workshop.folder.read("x.npy") == Array("old".utf8))
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func signalsStop(signal: Int32) throws {
    let pipe = Pipe()
    let running = try Running(
      ["encode", "-", "--model", workshop.model, "--language", "de", "--output", workshop.folder.file("x.npy")],
      input: pipe)
    pipe.fileHandleForWriting.write(Data("a line, and another\n".utf8))
    // The temporary output is there once the work has begun.
    for _ in 0..<500 where try workshop.others("text").isEmpty { usleep(10_000) }
    #expect(try workshop.others("text").count == 1)
    kill(running.process.processIdentifier, signal)
    let outcome = try running.wait()
    expect(outcome, failsWith: 130, says: "stopped by a signal")
    #expect(try workshop.others("text") == [])
    try pipe.fileHandleForWriting.close()
  }

  // MARK: models

  func expectModelFailure(status: Int32 = 65, says parts: String..., location: SourceLocation = #_sourceLocation) throws
  {
    let outcome = try workshop.encode(text)
    #expect(outcome.status == status, "\(outcome.error)", sourceLocation: location)
    for part in parts { #expect(outcome.error.contains(part), "\(outcome.error)", sourceLocation: location) }
    #expect(try workshop.others("text") == [], sourceLocation: location)
    #expect(try ems("model", "info", workshop.model).status == status, sourceLocation: location)
    #expect(try ems("model", "verify", workshop.model).status == status, sourceLocation: location)
  }

  @Test func truncatedModels() throws {
    for name in ["model.safetensors", "sentencepiece.model", "config.json"] {
      let whole = try workshop.folder.read("model/\(name)")
      for share in [0, 0.01, 0.5, 0.98] {
        _ = try workshop.folder.write("model/\(name)", Array(whole.prefix(Int(Double(whole.count) * share))))
        try expectModelFailure(says: name)
      }
      try FileManager.default.removeItem(atPath: workshop.folder.file("model/\(name)"))
      try expectModelFailure(status: 66, says: "has no \(name)")
      _ = try workshop.folder.write("model/\(name)", whole)
    }
    #expect(try workshop.encode(text).status == 0)
  }

  @Test func modelsOfWrongShapes() throws {
    let original = try workshop.folder.read("model/config.json")
    var configuration = Workshop.configuration
    for (change, says) in [
      ({ $0.hiddenSize = 72 }, "asks for"), ({ $0.numHiddenLayers = 3 }, "is missing"),
      ({ $0.intermediateSize = 51 }, "asks for"), ({ $0.maxPositionEmbeddings = 30 }, "asks for"),
      ({ $0.vocabSize = 299 }, "300 pieces"), ({ $0.numAttentionHeads = 5 }, "does not divide"),
      ({ $0.hiddenSize = 1 << 40 }, "hidden_size"), ({ $0.numHiddenLayers = Int.max }, "num_hidden_layers"),
    ] as [((inout Configuration) -> Void, String)] {
      configuration = Workshop.configuration
      change(&configuration)
      _ = try workshop.folder.write("model/config.json", configuration.json())
      try expectModelFailure(says: says)
    }
    _ = try workshop.folder.write("model/config.json", "{}")
    try expectModelFailure(says: "config.json", "num_hidden_layers")
    _ = try workshop.folder.write("model/config.json", original)
  }

  @Test func modelsWithLengthsThatOverflow() throws {
    let whole = try workshop.folder.read("model/model.safetensors")
    var bytes = whole
    for i in 0..<8 { bytes[i] = 0xFF }
    _ = try workshop.folder.write("model/model.safetensors", bytes)
    try expectModelFailure(says: "model.safetensors", "claims a header")
    let header =
      #"{"model.bert.embedding.word_embedding.embedding.weight":"#
      + #"{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#
    bytes = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) } + Array(header.utf8)
    _ = try workshop.folder.write("model/model.safetensors", bytes)
    try expectModelFailure(says: "model.safetensors", "no file can hold")
  }

  @Test func aTokenizerOfAnotherModel() throws {
    guard let other = otherTokenizer() else { return }
    _ = try workshop.folder.write("model/sentencepiece.model", other)
    try expectModelFailure(says: "sentencepiece.model", "vocab_size 300", "another model")
  }

  /// The tiny tokenizer with one piece less: its last field is cut off. Nil should its layout change.
  func otherTokenizer() -> [UInt8]? {
    guard
      let text = try? shell(
        "$ems tokenizer train $1 --vocab-size 60 --output $2 --quiet", text, workshop.folder.file("t")),
      text.status == 0
    else { return nil }
    defer { try? FileManager.default.removeItem(atPath: workshop.folder.file("t")) }
    return try? workshop.folder.read("t/sentencepiece.model")
  }

  @Test func foldersThatAreNoModels() throws {
    let output = workshop.folder.file("x.npy")
    expect(
      try ems("encode", text, "--model", workshop.folder.file("none"), "--language", "de", "--output", output),
      failsWith: 66, says: "none")
    expect(
      try ems("encode", text, "--model", text, "--language", "de", "--output", output), failsWith: 65,
      says: "not a folder")
  }
}
