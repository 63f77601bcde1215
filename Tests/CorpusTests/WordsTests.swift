import Base
import Corpus
import Foundation
import TestSupport
import Testing

/// Text cut into words as the Python programs do that the released EMS model's text went through. The fixtures are made by
/// Tests/Oracles/make_words.py.
@Suite struct WordsTests {
  let folder = TemporaryFolder()
  let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures").path

  private func lines(_ name: String) throws -> [[String]] {
    String(decoding: try readBytes("\(fixtures)/\(name)"), as: UTF8.self).split(separator: "\n").map { line in
      line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
  }

  private func cut(_ splitter: WordSplitter, _ text: String) throws -> String {
    let bytes = Array(text.utf8)
    return String(decoding: try splitter.split(bytes.span), as: UTF8.self)
  }

  // MARK: Moses

  @Test func tokensAreThoseOfSacremoses() throws {
    let splitters = WordSplitters()
    let all = try lines("words.tsv")
    #expect(all.count > 500)
    for fields in all {
      #expect(fields.count == 3)
      let found = try cut(splitters.splitter(for: fields[0]), fields[1])
      #expect(found == fields[2], "\(fields[0]): \(fields[1])")
    }
  }

  @Test func everythingHoldsWithoutLowerCasing() throws {
    // Abbreviations are capitals mostly, so that lower-casing first, as EMS does, leaves few of them.
    let splitters = WordSplitters()
    #expect(try cut(splitters.splitter(for: "en"), "Mr. X met Dr. No. No. 7 he.") == "Mr. X met Dr. No . No. 7 he .")
    #expect(try cut(splitters.splitter(for: "de"), "Dr. X ging.") == "Dr. X ging .")
    // The word that stands for dots within sacremoses.
    #expect(try cut(splitters.splitter(for: "en"), "xDOTMULTIy DOTDOTMULTI DOT MULTI M") == "x.y .. DOT MULTI M")
  }

  @Test func anUnknownLanguageHasEnglishAbbreviationsAlone() throws {
    let splitters = WordSplitters()
    #expect(try cut(splitters.splitter(for: "xyz"), "Mr. it's") == "Mr. it ' s")
    #expect(try cut(splitters.splitter(for: "sr-Latn"), "it's") == "it ' s")
    #expect(try splitters.splitter(for: Language(parsing: "sr-Latn")).name == "moses sr")
    #expect(splitters.missing == [])
  }

  @Test func invalidBytesAndLongRunsAreNoTrouble() throws {
    let splitter = try WordSplitters().splitter(for: "en")
    let bytes: [UInt8] = [0x61, 0xC3, 0x28, 0xFF]
    #expect(String(decoding: try splitter.split(bytes.span), as: UTF8.self) == "a \u{FFFD} ( \u{FFFD}")
    for unit in [".", ",", "'", "a'", "a.", " ", "DOT", "5,", "\u{301}"] {
      let text = String(repeating: unit, count: 100_000)
      #expect(try cut(splitter, text).utf8.count >= text.utf8.count / 2 || unit == " ")
    }
    #expect(try cut(splitter, "") == "")
  }

  // MARK: jieba

  @Test func chineseWordsAreThoseOfJieba() throws {
    for (dictionary, name, missing) in [("jieba", "words.tsv", false), ("jieba/dict.txt", "words-plain.tsv", true)] {
      let splitter = try WordSplitters(dictionary: "\(fixtures)/\(dictionary)").splitter(for: "zh-Hant")
      #expect((splitter.missing != nil) == missing)
      for fields in try lines("jieba/\(name)") { #expect(try cut(splitter, fields[0]) == fields[1]) }
      // What was written gives the same words.
      let copy = folder.file("copy")
      try JiebaDictionary(path: "\(fixtures)/\(dictionary)").write(to: copy)
      let again = try JiebaDictionary(path: copy)
      #expect(again.hasModel == !missing)
      for fields in try lines("jieba/\(name)") {
        let text = Array(fields[0].utf8)
        #expect(String(decoding: again.tokenize(text.span), as: UTF8.self) == fields[1])
      }
      let first = try folder.read("copy")
      try again.write(to: folder.file("again"))
      #expect(try folder.read("again") == first)
    }
  }

  @Test func withoutADictionaryChineseStaysWholeAndThatIsSaid() throws {
    let splitters = WordSplitters()
    for code in ["zh", "yue", "wuu"] { #expect(try cut(splitters.splitter(for: code), "图书馆, a") == "图书馆, a") }
    #expect(splitters.missing.count == 1 && splitters.missing[0].contains("--jieba"))
  }

  @Test(arguments: [
    ("", "has no words"), ("字\n", "line 1"), ("字 x\n", "line 1"), ("字 1\n 5 n\n", "line 2"), ("字 1\n\n字 1\n", "line 2"),
    ("字 99999999999999999999\n", "line 1"), ("字 0\n", "has no words"), ("ems-jieba 1 2 0\n字 1\n", "1 of 2"),
    ("ems-jieba 1 x 0\n字 1\n", "header"), ("ems-jieba 1 1 1\nstart 0 0 0 0\n字 1\n", "line 3"),
    ("ems-jieba 1 1 99999999999\nstart 0 0 0 0\nB 0 0 0 0\nE 0 0 0 0\nM 0 0 0 0\nS 0 0 0 0\nx 0 0 0 0\n", "line 7"),
    ("ems-jieba 1 1 1\nstart 0 0 0 nan\n", "line 2"),
  ])
  func aDamagedDictionaryIsRefused(text: String, says: String) throws {
    let path = try folder.write("d", text)
    let found = failure { _ = try JiebaDictionary(path: path) }
    expect(found, says: path, says)
    #expect(found?.kind == .badData)
  }

  @Test func invalidUTF8AndMissingFilesAreRefused() throws {
    let path = try folder.write("d", [0xE5, 0xAD, 0x20, 0x31, 0x0A])
    expect(failure { _ = try JiebaDictionary(path: path) }, says: "line 1")
    #expect(failure { _ = try JiebaDictionary(path: folder.file("none")) }?.kind == .missingInput)
    expect(failure { _ = try JiebaDictionary(path: folder.path) }, says: "dict.txt")
  }

  @Test(arguments: [
    ("prob_start.py", "x = 1", "P={"), ("prob_start.py", "P={'B': 1,", "line 1"),
    ("prob_start.py", "P={'B': 0.5}", "state E"),
    ("prob_trans.py", "P={'B': 1}", "`{`"), ("prob_emit.py", "P={'B':\n {'\\u4e0': 1}}", "line 2"),
    ("prob_emit.py", "P={'B':{'ab': 1},'E':{},'M':{},'S':{}}", "several characters"),
    ("prob_emit.py", "P={'B':{'\\u4e00': 1e999}}", "number"), ("prob_emit.py", "P={B: 1}", "quotes"),
  ])
  func damagedTablesAreRefused(name: String, text: String, says: String) throws {
    try FileManager.default.copyItem(atPath: "\(fixtures)/jieba", toPath: folder.file("jieba"))
    _ = try folder.write("jieba/finalseg/\(name)", text)
    let found = failure { _ = try JiebaDictionary(path: folder.file("jieba")) }
    expect(found, says: name, says)
    #expect(found?.kind == .badData)
  }

  // MARK: Juman++

  /// A program that answers as Juman++ does, one word for each character, and misbehaves for some lines.
  private func program(_ body: String) throws -> Jumanpp {
    let path = try folder.write("jumanpp", "#!/bin/bash\nexport LC_ALL=C.UTF-8\n" + body)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    return Jumanpp(program: path)
  }

  private static let answers = #"""
    while IFS= read -r line; do
      [ "$line" = die ] && exit 3
      for ((i = 0; i < ${#line}; i++)); do
        c=${line:i:1}
        if [ "$c" = " " ]; then
          echo '\  \  \  特殊 1 空白 6 * 0 * 0 "代表表記:S/*"'
        else
          echo "$c $c $c 名詞 6 普通名詞 1 * 0 * 0 \"x\""
          [ "$c" = "@" ] || echo "@ $c other $c 名詞 6 普通名詞 1 * 0 * 0 \"x\""
        fi
      done
      echo EOS
    done
    """#

  private func cut(_ program: Jumanpp, _ text: String) throws -> String {
    let bytes = Array(text.utf8)
    return String(decoding: try program.tokenize(bytes.span), as: UTF8.self)
  }

  @Test func japaneseWordsAreTheProgramsFirstFields() throws {
    let program = try program(Self.answers)
    #expect(try cut(program, "東京の人") == "東 京 の 人")
    #expect(try cut(program, "") == "")
    // As pyknp gives them: a space is an escaped one, a comment sign vanishes, quotes and at signs are words.
    #expect(try cut(program, "半 \"a@#b") == #"半 \  " a @ b"#)
    #expect(try cut(program, "# 東") == "東")
    for _ in 0..<200 { #expect(try cut(program, "人人") == "人 人") }
  }

  @Test func aProgramThatDiesIsStartedAgainOnce() throws {
    let program = try program(Self.answers)
    #expect(try cut(program, "人") == "人")
    let found = failure { _ = try cut(program, "die") }
    expect(found, says: "jumanpp", "ended, twice", "die")
    #expect(found?.kind == .io)
    #expect(try cut(program, "東京") == "東 京")
    // One that dies while it waits is not noticed.
    let mortal = try self.program("for i in 1 2; do IFS= read -r line; echo \"$line x\"; echo EOS; done\n")
    for word in ["a", "b", "c", "d", "e"] { #expect(try cut(mortal, word) == word) }
    #expect(failure { _ = try cut(Jumanpp(program: folder.file("none")), "a") } != nil)
  }

  @Test func severalThreadsAsk() throws {
    let program = try program(Self.answers)
    let right = try concurrentMap(8, threads: 4) { (i: Int) throws(Failure) -> Bool in
      let text = Array(String(repeating: "東", count: i + 1).utf8)
      let expected = Array(repeating: "東", count: i + 1).joined(separator: " ")
      for _ in 0..<20 where try program.tokenize(text.span) != Array(expected.utf8) { return false }
      return true
    }
    #expect(right.allSatisfy { $0 })
  }
}
