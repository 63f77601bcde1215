import Base
import Encoder
import Foundation
import TestSupport
import Testing

@Suite struct TokenizerTests {
  let folder = TemporaryFolder()

  struct Case {
    var lowercase: Bool
    var text: [UInt8]
    var ids: [Int32]
  }

  /// What Python's sentencepiece gives on stripped (and lower-cased) text.
  static func cases() throws -> [Case] {
    String(decoding: try Fixture.bytes("tokens.tsv"), as: UTF8.self).split(separator: "\n").map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      let digits = Array(fields[1])
      let text = stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16) ?? 0 }
      return Case(
        lowercase: fields[0] == "1", text: text, ids: fields[2].split(separator: " ").compactMap { Int32($0) })
    }
  }

  @Test func idsAreThoseOfPython() throws {
    let tokenizer = try Fixture.tokenizer()
    let cases = try Self.cases()
    #expect(cases.count > 100)
    for example in cases {
      for limit in [1, 5, 10_000] {
        // What was in the buffer stays.
        var ids: [Int32] = [77]
        let count = try unsafe tokenizer.encode(
          example.text.span.bytes, lowercase: example.lowercase, limit: limit, into: &ids)
        let expected = Array(example.ids.prefix(limit))
        #expect(ids == [77] + expected, "\(String(decoding: example.text, as: UTF8.self))")
        #expect(count == expected.count)
      }
    }
  }

  @Test func vocabularyAndLanguages() throws {
    let tokenizer = try Fixture.tokenizer()
    #expect(tokenizer.vocabSize == 300)
    #expect(tokenizer.kind == .bpe)
    #expect(tokenizer.languages == ["en", "de", "el", "ru", "ja"])
    #expect(tokenizer.piece(0) == "<pad>" && tokenizer.piece(1) == "<unk>" && tokenizer.piece(3) == "<2en>")
    #expect(tokenizer.piece(-1) == nil && tokenizer.piece(300) == nil)
    #expect(tokenizer.id("<2de>") == 4 && tokenizer.id("no such piece") == nil && tokenizer.id("<unk>") == 1)
    #expect(tokenizer.isControl(2) && !tokenizer.isControl(1) && !tokenizer.isControl(300))
  }

  @Test func bytesThatAreNotUTF8AreReplaced() throws {
    let tokenizer = try Fixture.tokenizer()
    for bytes in [
      [0xFF], [0x61, 0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80], [0x41, 0xCE, 0xA3, 0xCE],
    ] as [[UInt8]] {
      for lowercase in [false, true] {
        var ids: [Int32] = []
        #expect(try unsafe tokenizer.encode(bytes.span.bytes, lowercase: lowercase, limit: 10, into: &ids) > 0)
        #expect(ids.allSatisfy { (0..<300).contains($0) })
      }
      let lowered = unsafe lowercased(bytes.span.bytes)
      #expect(String(validating: lowered, as: UTF8.self) != nil)
    }
  }

  @Test func lowerCasingIsUnicodes() {
    func lower(_ text: String) -> String {
      let bytes = Array(text.utf8)
      return String(decoding: unsafe lowercased(bytes.span.bytes), as: UTF8.self)
    }
    #expect(lower("ΟΔΟΣ") == "οδος")
    #expect(lower("ΟΔΟΣ ΣΑΣ. Σ ΑΣ'Α ΑΣ'") == "οδος σας. σ ασ'α ας'")
    #expect(Array(lower("İ").unicodeScalars) == ["i", "\u{307}"])
    #expect(lower("ẞȺⱯꙀᲐᎠ") == "ßⱥɐꙁა\u{AB70}")
    // Every character alone. The fast ranges must not leave out a capital.
    for value in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let expected = scalar.properties.lowercaseMapping
      if lower(String(scalar)).unicodeScalars.elementsEqual(expected.unicodeScalars) { continue }
      Issue.record("U+\(String(value, radix: 16)) became \(lower(String(scalar)))")
    }
  }

  @Test func severalThreadsUseOneTokenizer() async throws {
    let tokenizer = try Fixture.tokenizer()
    let cases = try Self.cases()
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          var same = true
          for example in cases {
            var ids: [Int32] = []
            try unsafe tokenizer.encode(
              example.text.span.bytes, lowercase: example.lowercase, limit: 10_000, into: &ids)
            same = same && ids == example.ids
          }
          return same
        }
      }
      for try await same in group { #expect(same) }
    }
  }

  @Test func filesThatAreNoTokenizer() throws {
    func problem(_ bytes: [UInt8]) -> Failure? { failure { _ = try Tokenizer(model: bytes, name: "x.model") } }
    expect(problem([]), says: "x.model", "not a SentencePiece model")
    expect(problem(Array("version: 1".utf8)), says: "not a SentencePiece model")
    expect(problem(try Fixture.bytes("mini.pt")), says: "not a SentencePiece model")
    expect(failure { _ = try Tokenizer(path: folder.file("none.model")) }, says: "none.model")
    let whole = try Fixture.bytes("tiny.model")
    for count in stride(from: 0, to: whole.count, by: 997) {
      expect(problem(Array(whole.prefix(count))), says: "x.model")
    }
  }

  static let text = """
    the tide comes in and the boats go out
    a small boat waits for the morning tide
    der Wind dreht sich und das Boot wartet
    Das Meer ist ruhig, und die Möwen schlafen
    """.split(separator: "\n").map { Array($0.utf8) }

  func train(_ options: Tokenizer.TrainingOptions, _ lines: [[UInt8]] = text) throws -> Tokenizer {
    var rest = lines[...]
    return try Tokenizer.train(options) { () throws(Failure) -> [UInt8]? in rest.popFirst() }
  }

  @Test(arguments: [Tokenizer.Kind.bpe, .unigram])
  func aTrainedTokenizerHasTheReleasedLayout(kind: Tokenizer.Kind) throws {
    // As many pieces as the small text has by either method.
    let size = kind == .bpe ? 60 : 40
    var options = Tokenizer.TrainingOptions(vocabSize: size)
    options.kind = kind
    options.languages = ["en", "de"]
    options.characterCoverage = 1
    let tokenizer = try train(options)
    #expect((0..<5).map { tokenizer.piece($0) } == ["<pad>", "<unk>", "<MASK>", "<2en>", "<2de>"])
    #expect(tokenizer.languages == ["en", "de"])
    #expect(tokenizer.kind == kind)
    #expect(tokenizer.vocabSize == size)
    // Trained on lower-cased text: it knows no capital.
    #expect(try !tokenizer.encode("das meer", lowercase: false).contains(1))
    #expect(try tokenizer.encode("DAS", lowercase: false).contains(1))
    #expect(try train(options).model == tokenizer.model)
    try tokenizer.write(to: folder.file("t.model"))
    #expect(try Tokenizer(path: folder.file("t.model")).model == tokenizer.model)
    _ = try folder.write("text", Array(Self.text.joined(separator: [0x0A])))
    #expect(try Tokenizer.train(files: [folder.file("text")], options).model == tokenizer.model)
  }

  @Test func impossibleTrainings() throws {
    for kind in [Tokenizer.Kind.bpe, .unigram] {
      var options = Tokenizer.TrainingOptions(vocabSize: 5000)
      options.kind = kind
      expect(failure { _ = try train(options) }, says: "vocabulary size", "5000", "smaller vocabulary")
      options.vocabSize = 10
      expect(failure { _ = try train(options) }, says: "tokenizer", "vocabulary")
      options.vocabSize = 60
      expect(failure { _ = try train(options, []) }, says: "no text")
      expect(failure { _ = try train(options, [[], [0x20]]) }, says: "tokenizer")
    }
    var options = Tokenizer.TrainingOptions(vocabSize: 3)
    expect(failure { _ = try train(options) }, says: "reserved")
    options.vocabSize = 60
    options.languages = ["en", "en"]
    expect(failure { _ = try train(options) }, says: "twice")
    options.languages = ["e,n"]
    expect(failure { _ = try train(options) }, says: "language code")
    options.languages = []
    options.characterCoverage = 0
    expect(failure { _ = try train(options) }, says: "coverage")
    options.characterCoverage = 1
    // A failure of the source comes out as it is.
    expect(
      failure {
        _ = try Tokenizer.train(options) { () throws(Failure) -> [UInt8]? in throw Failure(.io, "source", "broke") }
      }, says: "source: broke")
    _ = try folder.write("t.zst", [0x28, 0xB5, 0x2F, 0xFD, 0])
    expect(failure { _ = try Tokenizer.train(files: [folder.file("t.zst")], options) }, says: "t.zst", "compressed")
  }

  /// EMS_PYTHON names a Python with sentencepiece, EMS_SHARED the folder with data/released and data/test.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["EMS_PYTHON"] != nil))
  func theReleasedModelGivesPythonsIdsOnTheTestSets() throws {
    let shared = ProcessInfo.processInfo.environment["EMS_SHARED"] ?? "../shared"
    let model = "\(shared)/data/released/ems-62languages-bpe-60000.model"
    let tokenizer = try Tokenizer(path: model)
    #expect(tokenizer.languages.count == 62)
    for folder in ["tatoeba", "ntrex"] {
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(shared)/data/test/\(folder)")
      let texts = names.sorted().filter { !$0.hasSuffix(".md") && !$0.hasSuffix(".tsv") }
      try compare(texts.map { "\(shared)/data/test/\(folder)/\($0)" }, tokenizer, model: model, name: folder)
    }
  }

  /// Compares every line's ids with Python's, and prints how fast ours were made on one thread.
  func compare(_ files: [String], _ tokenizer: Tokenizer, model: String, name: String) throws {
    var (lineCount, tokenCount, different) = (0, 0, 0)
    var duration = Duration.zero
    var expected = try runPython([Fixture.path("../Oracles/token_ids.py"), model] + files).split(separator: "\n")[...]
    for path in files {
      var lines = try readBytes(path).split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
      if lines.last == [] { lines.removeLast() }
      var ids: [[Int32]] = []
      duration += try ContinuousClock().measure {
        for line in lines {
          var buffer: [Int32] = []
          try unsafe tokenizer.encode(line.span.bytes, lowercase: true, limit: 120, into: &buffer)
          ids.append(buffer)
        }
      }
      for (line, ids) in zip(lines, ids) {
        let text = expected.popFirst() ?? ""
        lineCount += 1
        tokenCount += ids.count
        if ids.map(String.init).joined(separator: " ") == text { continue }
        different += 1
        if different > 5 { continue }
        Issue.record("\(path): \(String(decoding: line, as: UTF8.self)): \(ids), Python \(text)")
      }
    }
    #expect(expected.isEmpty)
    #expect(different == 0)
    let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    print(
      "tokenizer on \(name): \(lineCount) lines, \(tokenCount) tokens, \(different) different, "
        + "\(Int(Double(lineCount) / seconds)) lines/s, \(Int(Double(tokenCount) / seconds)) tokens/s")
  }
}
