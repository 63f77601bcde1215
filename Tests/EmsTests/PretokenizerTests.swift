import Base
import Encoder
import Foundation
import TestSupport
import Testing

/// Models whose text is cut into words first, run as a user does.
@Suite struct PretokenizerTests {
  let folder = TemporaryFolder()
  let dictionary = "\(repository)/Tests/CorpusTests/Fixtures/jieba"

  private func convert(_ options: String..., output: String = "m") throws -> Outcome {
    try Running(
      [
        "model", "convert", "\(repository)/Tests/EncoderTests/Fixtures/bare.pt", "--spm", tinyTokenizer, "--heads", "2",
        "--output", folder.file(output),
      ] + options
    ).wait()
  }

  @Test func theModelSaysHowItsTextIsCut() throws {
    #expect(try convert().status == 0)
    #expect(try ModelFolder(path: folder.file("m")).configuration.pretokenizer == .none)
    #expect(try ems("model", "info", folder.file("m")).output.contains("pretokenizer      none"))
    #expect(!String(decoding: try folder.read("m/config.json"), as: UTF8.self).contains("pretokenizer"))
    #expect(try convert("--pretokenizer", "moses", "--jieba", dictionary, "--replace").status == 0)
    #expect(try ems("model", "info", folder.file("m")).output.contains("moses, jieba dictionary included"))
    #expect(try ems("model", "verify", folder.file("m")).status == 0)
    let info = try ems("model", "info", folder.file("m"), "--json").json()
    #expect((info["configuration"] as? [String: Any])?["pretokenizer"] as? String == "moses")
    // A copy keeps both.
    #expect(try ems("model", "export", folder.file("m"), "--output", folder.file("n")).status == 0)
    #expect(try folder.read("n/jieba.txt") == folder.read("m/jieba.txt"))
    #expect(try folder.read("n/config.json") == folder.read("m/config.json"))
  }

  @Test func uselessOptionsAreRefused() throws {
    expect(try convert("--jieba", dictionary), failsWith: 64, says: "--pretokenizer moses")
    expect(try convert("--pretokenizer", "moses", "--jieba", folder.file("none")), failsWith: 66, says: "none")
    let damaged = try folder.write("dict", "字\n")
    expect(try convert("--pretokenizer", "moses", "--jieba", damaged), failsWith: 65, says: "line 1")
    #expect(try folder.list() == ["dict"])
    #expect(try convert("--pretokenizer", "mozes").status == 64)
  }

  @Test func wordsComeFirstWhateverTheCommand() throws {
    #expect(try convert(output: "plain").status == 0)
    #expect(try convert("--pretokenizer", "moses", output: "moses").status == 0)
    let text = try folder.write("text", "It's 5,300 euros, e.g. (so).\n\nL'ÉTÉ \n")
    let words = try folder.write("words", "it 's 5,300 euros , e.g. ( so ) .\n\nl 'été\n")
    func run(_ arguments: String...) throws -> [UInt8] {
      let outcome = try Running(arguments + ["--language", "en", "--output", folder.file("out")]).wait()
      #expect(outcome.status == 0, "\(outcome.error)")
      return try folder.read("out")
    }
    let (moses, plain) = (folder.file("moses"), folder.file("plain"))
    #expect(try run("tokenizer", "encode", text, "--model", moses, "--words") == readBytes(words))
    #expect(
      try run("tokenizer", "encode", text, "--model", moses) == run("tokenizer", "encode", words, "--model", plain))
    let rows = try run("encode", text, "--model", moses)
    #expect(try rows == run("encode", words, "--model", plain))
    #expect(try rows != run("encode", text, "--model", plain))
    #expect(try rows == run("encode", text, "--model", moses, "--threads", "3", "--batch-tokens", "1"))

    // Texts in memory go the same way; who does not say the language is told to.
    let lines = try folder.write("a", "It's one.\nIt's two, e.g. 3.\nFour!\nFive?\nIt's six (6).\n")
    expect(
      try ems("evaluate", "retrieval", lines, lines, "--model", moses), failsWith: 64, says: "--source-language", lines)
    expect(
      try ems("evaluate", "retrieval", lines, lines, "--model", moses, "--source-language", "xx-unknown"),
      failsWith: 64,
      says: "xx-unknown")
    #expect(
      try ems(
        "evaluate", "retrieval", lines, lines, "--model", moses, "--source-language", "en", "--target-language", "eng",
        "--k", "1", "--json"
      ).status == 0)
    #expect(try ems("evaluate", "retrieval", lines, lines, "--model", plain, "--k", "1").status == 0)

    // Mining encodes, and plants, the same.
    let cut = try folder.write("b", "it 's one .\nit 's two , e.g. 3 .\nfour !\nfive ?\nit 's six ( 6 ) .\n")
    func mine(_ text: String, _ model: String) throws -> [UInt8] {
      let output = folder.file("pairs-\(model.hasSuffix("moses")).tsv")
      let outcome = try ems(
        "mine", text, text, "--source-language", "en", "--target-language", "en", "--model", model, "--output", output,
        "--fields", "score,source-row,target-row")
      #expect(outcome.status == 0, "\(outcome.error)")
      return try readBytes(output)
    }
    #expect(try mine(lines, moses) == mine(cut, plain))
  }

  @Test func whatIsMissingIsSaidOnce() throws {
    #expect(try convert("--pretokenizer", "moses").status == 0)
    let text = try folder.write("t", "图书馆\n日本\n")
    for (language, part) in [("zh", "jieba dictionary"), ("ja", "jumanpp")] {
      let outcome = try ems(
        "encode", text, "--model", folder.file("m"), "--language", language, "--output", folder.file("x.npy"),
        environment: ["PATH": folder.path])
      #expect(outcome.status == 0)
      #expect(outcome.error.split(separator: "\n").count { $0.contains(part) } == 1, "\(outcome.error)")
    }
    let program = try folder.write("jumanpp", "#!/bin/bash\nwhile read -r l; do echo \"$l x\"; echo EOS; done\n")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
    let outcome = try ems(
      "encode", text, "--model", folder.file("m"), "--language", "ja", "--output", folder.file("x.npy"),
      environment: ["PATH": folder.path])
    #expect(outcome.status == 0 && !outcome.error.contains("jumanpp"), "\(outcome.error)")
  }
}
