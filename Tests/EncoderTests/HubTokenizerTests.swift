import Base
import Corpus
import Encoder
import Foundation
import TestSupport
import Testing

/// Tokenizers that others published: the fixtures of Tests/Oracles/make_tokenizers.py, with the ids that the reference gives.
///
/// EMS_TOKENIZERS names another folder that the script made, such as one over whole test sets.
@Suite struct HubTokenizerTests {
  let folder = TemporaryFolder()

  static let root = ProcessInfo.processInfo.environment["EMS_TOKENIZERS"] ?? Fixture.path("tokenizers")
  static let names =
    ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).filter {
      FileManager.default.fileExists(atPath: "\(root)/\($0)/ids.txt")
    }.sorted()

  static func lines(_ path: String) throws -> [ArraySlice<UInt8>] {
    Array(try readBytes(path).split(separator: 10, omittingEmptySubsequences: false).dropLast())
  }

  static func texts(_ lines: some Sequence<ArraySlice<UInt8>>) -> SentenceTexts {
    var texts = SentenceTexts()
    for line in lines {
      let bytes = Array(line)
      let span = bytes.span
      texts.append(unsafe span.bytes)
    }
    return texts
  }

  static func ids(
    _ tokenizer: any TextTokenizer, _ texts: SentenceTexts, lowercase: Bool = false, limit: Int = 1 << 30
  ) throws -> [[Int32]] {
    var found = TokenizedText()
    try tokenizer.encode(texts, lowercase: lowercase, limit: limit, into: &found)
    return (0..<found.count).map { Array(found.ids[found.starts[$0]..<found.starts[$0 + 1]]) }
  }

  static func ids(_ tokenizer: any TextTokenizer, _ text: String) throws -> [Int32] {
    try ids(tokenizer, texts([Array(text.utf8)[...]]))[0]
  }

  @Test func theFixturesAreThere() { #expect(Self.names.count >= 18) }

  @Test(arguments: names) func idsAreThoseOfTheReference(_ name: String) throws {
    let path = "\(Self.root)/\(name)"
    let tokenizer = try importedTokenizer(from: path)
    let lines = try Self.lines("\(Self.root)/texts.txt")
    let expected = try Self.lines("\(path)/ids.txt").map {
      String(decoding: $0, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
    }
    let texts = Self.texts(lines)
    let found = try Self.ids(tokenizer, texts)
    try #require(found.count == expected.count)
    withKnownIssue("differs on a few hard strings", { compare() }, when: { ["parts-3"].contains(name) })
    func compare() {
      var wrong = 0
      for (i, line) in lines.enumerated() where found[i] != expected[i] {
        // A text without any id becomes one, so that every line has a row.
        if expected[i].isEmpty, found[i].count == 1 { continue }
        wrong += 1
        if wrong <= 5 {
          Issue.record("\(String(decoding: line, as: UTF8.self).debugDescription): \(found[i]), not \(expected[i])")
        }
      }
      #expect(wrong == 0, "of \(lines.count)")
    }
    #expect(found.allSatisfy { $0.allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabSize } })

    // What a model folder keeps gives the same.
    let kept = folder.file("kept")
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
    try tokenizer.write(into: kept)
    let again = try openTokenizer(in: kept)
    #expect(again.vocabSize == tokenizer.vocabSize)
    #expect(again.kind == tokenizer.kind)
    #expect(try Self.ids(again, texts) == found)
  }

  @Test(arguments: names) func longTextsLoseTheirEndButNoSpecialTokens(_ name: String) throws {
    let tokenizer = try importedTokenizer(from: "\(Self.root)/\(name)")
    let texts = Self.texts(try Self.lines("\(Self.root)/texts.txt").prefix(40))
    let empty = try Self.ids(tokenizer, "")
    let whole = try Self.ids(tokenizer, texts)
    for limit in [1, 2, 3, 7, 20] {
      let cut = try Self.ids(tokenizer, texts, limit: limit)
      for (short, long) in zip(cut, whole) {
        #expect(short.count == min(limit, long.count))
        if limit >= 3, empty.count == 2 { #expect(short.first == long.first && short.last == long.last) }
      }
    }
  }

  @Test func aTextGetsTheTagOfItsLanguage() throws {
    let tokenizer = try importedTokenizer(from: Fixture.path("tokenizers/nllb-files"))
    #expect(tokenizer.hasLanguageTags)
    let french = try Self.ids(tokenizer, "the river")
    func input(_ code: String) throws -> LanguageInput {
      LanguageInput(words: nil, tag: try tokenizer.tag(of: Language(parsing: code)))
    }
    func ids(_ input: LanguageInput) throws -> [Int32] {
      var texts = SentenceTexts()
      let line = Array("the river".utf8)
      texts.append(unsafe line.span.bytes)
      texts.append(unsafe line.span.bytes, input: input)
      var found = TokenizedText()
      try tokenizer.encode(texts, lowercase: false, limit: 100, into: &found)
      // The sentence before has the tag of the folder still.
      #expect(Array(found.ids[..<found.starts[1]]) == french)
      return Array(found.ids[found.starts[1]...])
    }
    let english = try ids(input("English"))
    #expect(english.dropFirst() == french.dropFirst() && english[0] != french[0])
    #expect(try english[0] == input("eng_Latn").tag && french[0] == input("fr").tag)
    let failure = #expect(throws: Failure.self) { try tokenizer.tag(of: Language(parsing: "de")) }
    #expect(failure?.description.contains("no tag for German (deu_Latn)") == true)
    // Families without tags take any language.
    let plain = try importedTokenizer(from: Fixture.path("tokenizers/unigram"))
    #expect(try !plain.hasLanguageTags && plain.tag(of: Language(parsing: "de")) == nil)
  }

  @Test func textThatIsNotUTF8IsRepaired() throws {
    let tokenizer = try importedTokenizer(from: Fixture.path("tokenizers/unigram"))
    let broken = try Self.ids(tokenizer, Self.texts([[0x61, 0xFF, 0x62]]))[0]
    #expect(try broken == Self.ids(tokenizer, "a\u{FFFD}b"))
    let lowered = try Self.ids(tokenizer, Self.texts([Array("THE RIVER".utf8)[...]]), lowercase: true)[0]
    #expect(try lowered == Self.ids(tokenizer, "the river"))
  }

  // MARK: What is refused

  /// A small tokenizer.json with parts of one's own.
  static func json(_ parts: String = "", model: String? = nil) -> String {
    let plain = """
      {"type": "BPE", "unk_token": "u", "vocab": {"u": 0, "a": 1, "b": 2, "ab": 3}, "merges": ["a b"]}
      """
    return "{\"version\": \"1.0\", \(parts)\(parts.isEmpty ? "" : ", ")\"model\": \(model ?? plain)}"
  }

  func tokenizer(_ json: String) throws -> any TextTokenizer {
    let path = folder.file("t")
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    _ = try folder.write("t/tokenizer.json", json)
    return try openTokenizer(in: path)
  }

  @Test func whatIsNotSupportedIsRefusedByNameAndPlace() throws {
    #expect(try Self.ids(tokenizer(Self.json()), "abba") == [3, 2, 1])
    func normal(_ inside: String) -> String { Self.json("\"normalizer\": {\(inside)}") }
    func before(_ inside: String) -> String { Self.json("\"pre_tokenizer\": {\(inside)}") }
    func after(_ inside: String) -> String { Self.json("\"post_processor\": {\(inside)}") }
    let deep = String(repeating: "{\"type\": \"Sequence\", \"normalizers\": [", count: 20)
    let cases: [(String, [String])] = [
      (Self.json("\"more\": 5"), ["more", "5"]),
      (normal("\"type\": \"Odd\""), ["normalizer.type", "\"Odd\""]),
      (normal("\"type\": 5"), ["normalizer.type", "string is expected"]),
      (normal("\"type\": \"NFC\", \"odd\": true"), ["normalizer.odd", "true"]),
      (normal("\"type\": \"Sequence\", \"normalizers\": {}"), ["normalizers", "list is expected"]),
      (
        normal("\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"X\"}]"),
        ["normalizer.normalizers[0].type", "\"X\""]
      ),
      (normal("\"type\": \"Precompiled\", \"precompiled_charsmap\": \"????\""), ["precompiled_charsmap", "base64"]),
      (
        normal("\"type\": \"Precompiled\", \"precompiled_charsmap\": \"\""),
        ["precompiled_charsmap", "no character map"]
      ),
      (normal("\"type\": \"Precompiled\", \"precompiled_charsmap\": \"/////w==\""), ["precompiled_charsmap", "bytes"]),
      (
        normal("\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(\"}, \"content\": \"\""),
        ["normalizer.pattern.Regex", "regular expression"]
      ),
      (
        normal("\"type\": \"Replace\", \"pattern\": {\"Regex\": \"\\\\h\"}, \"content\": \"\""),
        ["normalizer.pattern.Regex", "\\h"]
      ),
      (before("\"type\": \"Odd\""), ["pre_tokenizer.type", "\"Odd\""]),
      (before("\"type\": \"Metaspace\", \"prepend_scheme\": \"odd\""), ["prepend_scheme", "\"odd\""]),
      (before("\"type\": \"Metaspace\", \"replacement\": \"ab\""), ["replacement", "one character"]),
      (before("\"type\": \"Punctuation\", \"behavior\": \"Odd\""), ["behavior", "\"Odd\""]),
      (after("\"type\": \"Odd\""), ["post_processor.type", "\"Odd\""]),
      (after("\"type\": \"BertProcessing\", \"cls\": [\"a\", 1], \"sep\": [\"b\", 99]"), ["sep", "99", "4 pieces"]),
      (after("\"type\": \"TemplateProcessing\", \"single\": []"), ["single", "0 times"]),
      (
        after("\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"x\", \"type_id\": 0}}]"),
        ["single[0].SpecialToken.id", "\"x\""]
      ),
      (Self.json(model: "{\"type\": \"WordLevel\", \"vocab\": {}}"), ["model.type", "WordLevel"]),
      (Self.json(model: "[]"), ["model", "object is expected"]),
      (
        Self.json(model: "{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}"),
        ["vocab", "id 0 twice"]
      ),
      (Self.json(model: "{\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}"), ["vocab", "id -1"]),
      (Self.json(model: "{\"type\": \"BPE\", \"vocab\": {\"a\": 1e30}, \"merges\": []}"), ["vocab"]),
      (Self.json(model: "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}"), ["merges[0]", "\"b\""]),
      (
        Self.json(model: "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"aa\"]}"),
        ["merges[0]", "two pieces"]
      ),
      (
        Self.json(model: "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [[\"a\", 5]]}"),
        ["merges[0]", "two pieces"]
      ),
      (
        Self.json(model: "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"byte_fallback\": true}"),
        ["byte_fallback", "bytes"]
      ),
      (
        Self.json(model: "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"dropout\": 0.1}"),
        ["dropout", "0.1"]
      ),
      (
        Self.json(model: "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"unk_token\": \"u\"}"),
        ["unk_token", "\"u\""]
      ),
      (Self.json(model: "{\"type\": \"Unigram\", \"vocab\": []}"), ["vocab", "0 pieces"]),
      (Self.json(model: "{\"type\": \"Unigram\", \"vocab\": [[\"a\"]]}"), ["vocab[0]", "score"]),
      (Self.json(model: "{\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": 1}"), ["unk_id", "is 1"]),
      (Self.json(model: "{\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}}"), ["unk_token", "[UNK]"]),
      (Self.json("\"added_tokens\": [{\"id\": 2, \"content\": \"a\"}]"), ["added_tokens[0].id", "is 2", "id 1"]),
      (Self.json("\"truncation\": {\"direction\": \"Up\"}"), ["truncation.direction", "\"Up\""]),
      (normal("\"type\": \"Sequence\", \"normalizers\": [" + deep), ["JSON"]),
      ("{\"version\": \"1.0\"}", ["model", "missing"]), ("[]", ["object is expected"]), ("", ["JSON", "ends early"]),
      (String(repeating: "[", count: 100_000), ["JSON", "levels"]), (Self.json() + "x", ["JSON", "follows"]),
      ("{\"a\": \"\\ud800\"}", ["JSON"]), ("{\"a\": 01x}", ["JSON"]), ("{\"a\": 1e999}", ["JSON"]),
    ]
    for (json, parts) in cases {
      let found = failure { _ = try tokenizer(json) }
      #expect(found?.kind == .badData, "\(json.prefix(300))")
      for part in parts {
        #expect(found?.description.contains(part) == true, "\(part): \(found?.description ?? "nothing")")
      }
    }
  }

  @Test func damagedFilesAreRefusedOrRead() throws {
    for name in ["wordpiece-cased", "fallback-bpe"] {
      let whole = try Fixture.bytes("tokenizers/\(name)/tokenizer.json")
      damagedCopies(of: whole, prefixes: 499, flips: 40) { damaged in
        toleratingBadData {
          let read = try tokenizer(String(decoding: damaged, as: UTF8.self))
          _ = try Self.ids(read, "The river, über 12 桥 \u{1F44D} e\u{301}")
        }
      }
    }
    let files = folder.file("s")
    try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: false)
    let model = try Fixture.bytes("tokenizers/xlmr-files/sentencepiece.bpe.model")
    try damagedCopies(of: model, prefixes: 199, flips: 60) { damaged in
      _ = try folder.write("s/sentencepiece.bpe.model", damaged)
      toleratingBadData { _ = try Self.ids(importedTokenizer(from: files), "The river e\u{301}") }
    }
  }

  @Test func aHugeFileIsRefusedBySize() throws {
    let path = try folder.write("tokenizer.json", "{")
    let isCut = unsafe truncate(path, 500 << 20) == 0
    #expect(isCut)
    let found = failure { _ = try openTokenizer(in: folder.path) }
    #expect(found?.description.contains("at most") == true)
  }

  @Test func aHostileExpressionEndsWithAMessage() throws {
    for pattern in ["(a+)+$", "(a|aa)+$", "(.*.*.*.*.*)*x"] {
      let json = Self.json(
        "\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"\(pattern)\"}, \"behavior\": \"Isolated\"}"
      )
      let hostile = try tokenizer(json)
      let found = failure { _ = try Self.ids(hostile, String(repeating: "a", count: 4000) + "b") }
      expect(found, says: "pre_tokenizer.pattern", "too long")
    }
  }

  @Test func mergesThatRepeatOrLeadNowhereEnd() throws {
    let model = """
      {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "": 3, "aba": 4}, "merges": ["a b", "a b", ["a", ""], ["ab", "a"], "a b"]}
      """
    #expect(try Self.ids(tokenizer(Self.json(model: model)), "ababab") == [4, 1, 2])
  }

  @Test func sourcesThatDoNotFitAreNamed() throws {
    func refusal(_ files: [String: String]) throws -> String {
      let path = folder.file("source")
      try? FileManager.default.removeItem(atPath: path)
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      for (name, text) in files { _ = try folder.write("source/\(name)", text) }
      return failure { _ = try importedTokenizer(from: path) }?.description ?? "nothing"
    }
    #expect(try refusal([:]).contains("no tokenizer"))
    #expect(try refusal(["vocab.txt": "a\nb\n"]).contains("[UNK]"))
    #expect(try refusal(["vocab.json": "{}", "merges.txt": ""]).contains("begin and end"))
    #expect(try refusal(["laser2.spm": "x"]).contains("laser2.cvocab"))
    #expect(try refusal(["laser2.spm": "x", "laser2.cvocab": "a 1\n"]).contains("not a SentencePiece model"))
    #expect(try refusal(["laser2.spm": "x", "laser2.cvocab": "a\n"]).contains("line 1"))
    #expect(try refusal(["sentencepiece.bpe.model": "x"]).contains("not a SentencePiece model"))
    #expect(
      try refusal(["sentencepiece.bpe.model": "x", "tokenizer_config.json": "{\"tokenizer_class\": \"T5Tokenizer\"}"])
        .contains("T5Tokenizer"))
    let bert = Self.json("\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": true}")
    #expect(
      try refusal(["tokenizer.json": bert, "tokenizer_config.json": "{\"do_lower_case\": false}"])
        .contains("do_lower_case"))
  }
}
