import Base
import Corpus
import Foundation
import TestSupport
import Testing

@Suite struct LineReaderTests {
  // MARK: Lines

  @Test(arguments: [
    ("", []), ("\n", [""]), ("a", ["a"]), ("a\n", ["a"]), ("a\nb", ["a", "b"]), ("\n\na\n\n", ["", "", "a", ""]),
    ("a\r\nb\r\n", ["a", "b"]), ("a\r", ["a"]), ("\r\n\r", ["", ""]), ("a\rb\n", ["a\rb"]), ("a\r\r\n", ["a\r"]),
    ("\u{FEFF}a\nb\n", ["a", "b"]), ("\u{FEFF}", []), ("a\n\u{FEFF}b\n", ["a", "\u{FEFF}b"]),
    ("über\n中文\n😀", ["über", "中文", "😀"]), (" a \n", [" a "]), ("a\u{2028}b\u{85}c\n", ["a\u{2028}b\u{85}c"]),
  ])
  func cutsLines(text: String, expected: [String]) throws {
    // Compared as bytes: String equality would take canonically equivalent texts for the same.
    #expect(try lines(of: text).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    for size in 1...3 {
      let read = try lines(of: Array(text.utf8), TextOptions(), sizes: [size])
      #expect(read.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    }
  }

  /// A text read from each of its lines on gives what is left of it after those before: also where a line begins with what
  /// would be a byte order mark, or with the first bytes of a compressed file, at the beginning of a text.
  @Test func aTextIsReadFromALineOn() throws {
    let folder = TemporaryFolder()
    let all = [
      "eins", "", "\u{FEFF}zwei", "BZh91AY&SY", "P*M\u{18}", "PK\u{3}\u{4}", "drei\tvier", "😀", "fünf \r", "sechs", "",
    ]
    let path = try folder.write("t.txt", all.joined(separator: "\n") + "\n")
    let options = TextOptions(format: .raw)
    func bytes(_ reader: LineReader, from line: Int = 0) throws -> [[UInt8]] {
      try lines(reader, from: line).map { Array($0.utf8) }
    }
    let whole = try bytes(LineReader(path: path, options: options))
    #expect(whole.count == all.count)
    let text = try MappedFile(path: path)
    var place = LinePlace()
    for line in 0...all.count {
      try place.advance(to: line, in: text)
      var direct = LinePlace()
      try direct.advance(to: line, in: text)
      #expect(direct == place && place.line == line)
      #expect(
        try bytes(LineReader(path: path, options: options, from: place), from: line) == Array(whole[line...]), "\(line)"
      )
    }
    #expect(place.byte == text.count)
    let beyond = #expect(throws: Failure.self) { try place.advance(to: all.count + 1, in: text) }
    #expect(beyond?.subject == path && beyond?.problem.contains("has 11 lines") == true)
    // Messages count as they do from the beginning.
    let bad = try folder.write("bad.txt", Array("one\ntwo\nth\u{0}ree\n".utf8))
    var second = LinePlace()
    try second.advance(to: 1, in: MappedFile(path: bad))
    let binary = #expect(throws: Failure.self) {
      _ = try lines(LineReader(path: bad, options: options, from: second), from: 1)
    }
    #expect(binary?.place == "offset 10")
    let columns = TextOptions(format: .column(2))
    let missing = #expect(throws: Failure.self) {
      _ = try lines(LineReader(path: path, options: columns, from: direct(1)), from: 1)
    }
    #expect(missing?.place == "line 2")
    func direct(_ line: Int) throws -> LinePlace {
      var place = LinePlace()
      try place.advance(to: line, in: text)
      return place
    }
  }

  @Test func countsWhatItReads() throws {
    let text = "one\r\n\ntwo\tthree\tx\nfour\r\n\r\nfive"
    let reader = try LineReader(source: ScriptedSource(Array(text.utf8)), name: "test")
    #expect(try lines(reader) == ["one", "", "two three x", "four", "", "five"])
    var expected = ReadReport()
    expected.lines = 6
    expected.bytes = text.utf8.count
    expected.tabsReplaced = 2
    expected.emptyLines = 2
    expected.crlf = 3
    #expect(reader.report == expected)
  }

  @Test func randomTextsAndChunksGiveTheSameLines() throws {
    var random = SeededGenerator(state: 1)
    let pieces = ["a", "word ", "\n", "\n", "\r\n", "\t", "ü", "中", "😀", String(repeating: "x", count: 40)]
    for _ in 0..<150 {
      let text = (0..<Int.random(in: 0...200, using: &random)).map { _ in pieces.randomElement(using: &random)! }
        .joined()
      // The rule, on bytes, written another way.
      var expected = text.utf8.split(separator: 10, omittingEmptySubsequences: false).map { line in
        let content = line.last == 13 ? line.dropLast() : line
        return String(decoding: content.map { $0 == 9 ? 32 : $0 }, as: UTF8.self)
      }
      if text.isEmpty || text.utf8.last == 10 { expected.removeLast() }
      let sizes = (0..<5).map { _ in Int.random(in: 1...60, using: &random) }
      let source = ScriptedSource(Array(text.utf8), sizes: sizes)
      let maxLines = Int.random(in: 1...9, using: &random)
      let read = try lines(
        LineReader(source: source, name: "test"), maxLines: maxLines, maxBytes: Int.random(in: 1...99))
      #expect(read == expected)
    }
  }

  @Test func batchesKeepTheirLimits() throws {
    let text = String(repeating: "0123456789\n", count: 100)
    let reader = try LineReader(source: ScriptedSource(Array(text.utf8)), name: "test")
    var batch = LineBatch()
    #expect(try reader.readBatch(into: &batch, maxLines: 3) && batch.count == 3)
    #expect(try reader.readBatch(into: &batch, maxLines: 1000, maxBytes: 25) && batch.count == 3)
    #expect(batch.firstLineNumber == 4)
    #expect(try reader.readBatch(into: &batch, maxLines: 1000, maxBytes: 1) && batch.count == 1)
    #expect(try reader.readBatch(into: &batch) && batch.count == 93)
    #expect(try !reader.readBatch(into: &batch) && batch.count == 0)
    #expect(try !reader.readBatch(into: &batch))
  }

  // MARK: Formats

  @Test func idAndText() throws {
    let text = "id-1\tone\n\ttwo\nid-3\t\nid-4\ta\tb\tc\nid-5\tü\r\n"
    let options = TextOptions(format: .idAndText)
    // With the carriage return every line is mended, without it most are copied.
    for text in [text, text.replacing("\r", with: "")] {
      let reader = try LineReader(source: ScriptedSource(Array(text.utf8)), name: "test", options: options)
      var batch = LineBatch()
      #expect(try reader.readBatch(into: &batch))
      #expect((0..<batch.count).map { batch.text($0) } == ["one", "two", "", "a b c", "ü"])
      #expect((0..<batch.count).map { batch.idText($0) } == ["id-1", "", "id-3", "id-4", "id-5"])
      let lengths = (0..<batch.count).map { batch.id($0).count }
      #expect(lengths == [4, 0, 4, 4, 4])
      #expect(reader.report.tabsReplaced == 2 && reader.report.emptyLines == 1)
    }
  }

  @Test func columns() throws {
    let text = "a\tb\tc\n\t\t\nd\te\tf\tg"
    for text in [text, text.replacing("\n", with: "\r\n")] {
      #expect(try lines(of: text, TextOptions(format: .column(1))) == ["a", "", "d"])
      #expect(try lines(of: text, TextOptions(format: .column(2))) == ["b", "", "e"])
      #expect(try lines(of: text, TextOptions(format: .column(3))) == ["c", "", "f"])
      let missing = failure(reading: text, TextOptions(format: .column(4)))
      #expect(missing?.kind == .badData && missing?.place == "line 1")
      #expect(missing?.problem.contains("3 tab-separated columns") == true)
    }
    #expect(try lines(of: text, TextOptions(format: .raw)) == ["a\tb\tc", "\t\t", "d\te\tf\tg"])
  }

  @Test(arguments: ["1\ta\n2\tb\nbad\n4\td\n", "1\ta\r\n2\tb\r\nbad\r\n4\td\r\n"])
  func missingIdNamesTheLine(text: String) throws {
    let missing = failure(reading: text, TextOptions(format: .idAndText))
    #expect(missing?.kind == .badData && missing?.subject == "test" && missing?.place == "line 3")
    #expect(missing?.problem.contains("id TAB sentence") == true)
  }

  @Test func aFailureStays() throws {
    let source = ScriptedSource(Array("a\n".utf8))
    let reader = try LineReader(source: source, name: "test", options: TextOptions(format: .idAndText))
    var batch = LineBatch()
    for _ in 0..<2 {
      #expect(throws: Failure.self) { try reader.readBatch(into: &batch) }
    }
  }

  // MARK: Long lines

  @Test(arguments: [
    ("12345678\n", ["12345678"]), ("123456789\nx\n", ["12345678", "x"]), ("12345678\r\nx", ["12345678", "x"]),
    ("123456789\r\nx", ["12345678", "x"]), ("1234567ü\nx", ["1234567", "x"]), ("123456ü\n", ["123456ü"]),
    ("12345中\n", ["12345中"]), ("123456中\n", ["123456"]), ("1234567中\n", ["1234567"]), ("12345😀\n", ["12345"]),
    ("1234567😀", ["1234567"]), ("1234😀\n", ["1234😀"]), ("123456789", ["12345678"]),
    ("😀😀😀😀😀\n\na", ["😀😀", "", "a"]),
  ])
  func cutsLongLinesBetweenCharacters(text: String, expected: [String]) throws {
    let options = TextOptions(maxLineBytes: 8)
    let cut = zip(text.utf8.split(separator: 10, omittingEmptySubsequences: false), expected).count { line, kept in
      (line.last == 13 ? line.count - 1 : line.count) > kept.utf8.count
    }
    for sizes in [[Int.max], [1], [3], [9, 2]] {
      let reader = try LineReader(
        source: ScriptedSource(Array(text.utf8), sizes: sizes), name: "test", options: options)
      #expect(try lines(reader) == expected)
      #expect(reader.report.cutLines == cut)
      #expect(reader.report.repairedLines == 0)
    }
  }

  @Test func aHugeLineIsReadInConstantMemory() throws {
    // 300 MB without a newline: more than the reader's buffer by a factor of 200.
    let source = LongSource(UInt8(ascii: "a"), times: 300_000_000, then: "\nnext\n")
    let reader = try LineReader(source: source, name: "test")
    var batch = LineBatch()
    #expect(try reader.readBatch(into: &batch))
    let length = batch[0].count
    #expect(batch.count == 2 && length == 1 << 20 && batch.text(1) == "next")
    #expect(reader.report.cutLines == 1 && reader.report.lines == 2 && reader.report.bytes == 300_000_006)
  }

  @Test func endlessZeroBytesAreAnErrorAtOnce() throws {
    let source = LongSource(0, times: .max, then: "")
    let reader = try LineReader(source: source, name: "/dev/zero")
    var batch = LineBatch()
    #expect(throws: Failure.self) { try reader.readBatch(into: &batch) }
    #expect(source.bytesConsumed < 4_000_000)
  }

  // MARK: UTF-8

  @Test(arguments: invalidUTF8) func repairsInvalidUTF8(hex: String, expected: String) throws {
    // In every neighbourhood: alone in its line, at the end of the text, in a long line that takes the fast loops.
    let long = String(repeating: "-", count: 50)
    let isValid = bytes(hex: hex) == Array(expected.utf8)
    for (before, after) in [("x", ""), ("x", "\n"), ("ok\n", "\nok\n"), (long, long), ("中", "中\nä\n")] {
      let text = Array(before.utf8) + bytes(hex: hex) + Array(after.utf8)
      for sizes in [[Int.max], [1], [2, 3]] {
        let reader = try LineReader(source: ScriptedSource(text, sizes: sizes), name: "test")
        let read = try lines(reader).joined(separator: "\n") + (after.hasSuffix("\n") ? "\n" : "")
        #expect(Array(read.utf8) == Array((before + expected + after).utf8))
        #expect(reader.report.repairedLines == (isValid ? 0 : 1))
      }
      let strict = failure(reading: text, TextOptions(strict: true))
      #expect((strict == nil) == isValid)
    }
  }

  @Test func repairsLikeTheStandardLibrary() throws {
    var random = SeededGenerator(state: 2)
    // Bytes around the borders of every range, so that most sequences are almost valid.
    let alphabet: [UInt8] = [
      0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0,
      0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ]
    for _ in 0..<3000 {
      let text =
        [0x2D] + (0..<Int.random(in: 1...40, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
      let expected = String(decoding: text, as: UTF8.self)
      #expect(try lines(of: text).map { Array($0.utf8) } == [Array(expected.utf8)], "\(text)")
    }
  }

  @Test func everyCharacterIsValid() throws {
    var text = ""
    for value in (1...0x10FFFF) as ClosedRange<UInt32> where ![9, 10, 13].contains(value) {
      if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
    }
    let reader = try LineReader(
      source: ScriptedSource(Array(text.utf8)), name: "test", options: TextOptions(strict: true, maxLineBytes: 1 << 23))
    var batch = LineBatch()
    #expect(try reader.readBatch(into: &batch))
    #expect(batch.count == 1 && batch.byteCount == text.utf8.count)
  }

  @Test func strictNamesLineAndOffset() throws {
    let text = Array("first\nsecond ü\nthird ".utf8) + [0xFF] + Array("\nfourth\n".utf8)
    let options = TextOptions(strict: true)
    for sizes in [[Int.max], [1], [4]] {
      let thrown = failure(reading: text, options, sizes: sizes)
      #expect(thrown?.kind == .badData && thrown?.subject == "test")
      #expect(thrown?.place == "line 3, offset 22")
      #expect(thrown?.remedy?.contains("iconv") == true)
    }
    // Offsets count from the start of the file, byte order mark included.
    #expect(failure(reading: [0xEF, 0xBB, 0xBF] + text, options)?.place == "line 3, offset 25")
  }

  // MARK: What is no text

  @Test(arguments: [[Int.max], [1], [5]]) func binaryIsRefused(sizes: [Int]) {
    let thrown = failure(reading: Array("one\ntwo\0three\n".utf8), sizes: sizes)
    #expect(thrown?.kind == .badData && thrown?.place == "offset 7")
    #expect(thrown?.problem.contains("binary") == true)
  }

  @Test func binaryInALongLineIsRefused() {
    let text = Array("ok\n".utf8) + Array(repeating: 97, count: 20) + [0]
    #expect(failure(reading: text, TextOptions(maxLineBytes: 8))?.place == "offset 23")
  }

  @Test(arguments: [[0xFF, 0xFE, 0x61, 0x00], [0xFE, 0xFF, 0x00, 0x61], [0xFF, 0xFE]] as [[UInt8]])
  func utf16IsRefusedWithARemedy(bytes: [UInt8]) {
    for sizes in [[Int.max], [1]] {
      let thrown = failure(reading: bytes, sizes: sizes)
      #expect(thrown?.kind == .badData && thrown?.place == "offset 0")
      #expect(thrown?.problem.contains("UTF-16") == true && thrown?.remedy?.contains("iconv") == true)
    }
  }

  @Test(arguments: [
    ("504b03040a0000000000", "zip"), ("377abcaf271c0004", "7z"),
  ])
  func foreignCompressionIsNamed(hex: String, name: String) {
    let thrown = failure(reading: bytes(hex: hex))
    #expect(thrown?.kind == .badData && thrown?.problem.contains(name) == true && thrown?.remedy != nil)
  }

  @Test func missingFileAndFolder() throws {
    let folder = TemporaryFolder()
    let missing = #expect(throws: Failure.self) { try LineReader(path: folder.file("none")) }
    #expect(missing?.kind == .missingInput && missing?.subject == folder.file("none"))
    let isFolder = #expect(throws: Failure.self) { try LineReader(path: folder.path) }
    #expect(isFolder?.kind == .missingInput && isFolder?.problem == "is a folder")
  }

  // MARK: Compression

  // Made by zstd 1.5.4 and gzip 1.12, not by this program.
  static let zstdFrame = bytes(hex: "28b52ffd045861000068656c6c6f0a776f726c640ab50e8717")
  static let emptyFrame = bytes(hex: "28b52ffd240001000099e9d851")
  static let gzipMember = bytes(hex: "1f8b0800000000000003cb48cdc9c9e72acf2fca49e10200ff5dc5c40c000000")
  static let skippableFrame = bytes(hex: "5a2a4d1803000000") + [1, 2, 3]

  static let sequences: [(bytes: [UInt8], copies: Int)] = {
    let inside: [[UInt8]] = [skippableFrame, zstdFrame, emptyFrame, skippableFrame, zstdFrame]
    return [
      (zstdFrame, 1), (gzipMember, 1), (zstdFrame + zstdFrame, 2), (gzipMember + gzipMember, 2), (emptyFrame, 0),
      (skippableFrame, 0), (Array(inside.joined()), 2), (emptyFrame + zstdFrame, 1), (gzipMember + [0, 0, 0], 1),
      ([], 0),
    ]
  }()

  @Test(arguments: sequences)
  func framesAndMembers(bytes: [UInt8], copies: Int) throws {
    let expected = Array(repeatElement(["hello", "world"], count: copies).joined())
    for sizes in [[Int.max], [1], [3, 1, 7]] {
      let reader = try LineReader(source: ScriptedSource(bytes, sizes: sizes), name: "test")
      #expect(try lines(reader) == expected)
      #expect(reader.bytesConsumed == bytes.count)
    }
  }

  @Test(arguments: [zstdFrame, gzipMember, zstdFrame + zstdFrame, gzipMember + gzipMember])
  func everyTruncationIsAnError(whole: [UInt8]) throws {
    let single = whole.starts(with: Self.gzipMember) ? Self.gzipMember.count : Self.zstdFrame.count
    for count in 4..<whole.count where count != single {
      let thrown = failure(reading: Array(whole[..<count]), sizes: [5])
      #expect(thrown?.kind == .badData, "\(count)")
      #expect(thrown?.place == "offset \(count)")
      #expect(thrown?.problem.contains("ends in the middle") == true && thrown?.remedy?.contains("cut short") == true)
    }
  }

  @Test func corruptionIsAnErrorOrHarmless() throws {
    // Both have checksums, so that a changed byte never gives other text.
    for whole in [Self.zstdFrame, Self.gzipMember] {
      var found = 0
      for i in 4..<whole.count {
        for flip in [0x01, 0x80, 0xFF] as [UInt8] {
          var damaged = whole
          damaged[i] ^= flip
          do {
            #expect(try lines(of: damaged) == ["hello", "world"])
          } catch let failure as Failure {
            found += 1
            #expect(failure.kind == .badData && failure.place?.hasPrefix("offset ") == true && failure.remedy != nil)
          }
        }
      }
      #expect(found > 40)
    }
  }

  @Test func rubbishAfterAStreamIsAnError() {
    for bytes in [Self.zstdFrame + Array("plain\n".utf8), Self.gzipMember + Array("plain text, much of it\n".utf8)] {
      #expect(failure(reading: bytes)?.kind == .badData)
    }
    #expect(failure(reading: Self.gzipMember + [0, 0, 1])?.kind == .badData)
  }

  @Test func allCompressionsGiveTheSameLines() throws {
    var random = SeededGenerator(state: 3)
    var text: [UInt8] = []
    var expected: [String] = []
    for i in 0..<40_000 {
      let line = "\(i) " + String(repeating: ["a", "é", "字", "q "].randomElement(using: &random)!, count: i % 70)
      expected.append(line)
      text += Array(line.utf8) + [10]
    }
    let folder = TemporaryFolder()
    for compression in [TextWriter.Compression.plain, .gzip(level: 1), .zstd(level: 3)] {
      let whole = try compressed(text, compression)
      // As a file, whose name says nothing.
      let reader = try LineReader(path: folder.write("text.dat", whole))
      #expect(reader.totalBytes == whole.count)
      #expect(reader.progressFraction.map { $0 < 0.5 } == true)
      #expect(try lines(reader, maxLines: 10_000) == expected)
      #expect(reader.progressFraction == 1 && reader.bytesConsumed == whole.count)
      #expect(reader.report.bytes == text.count)
      // In pieces.
      let pieces = [1, 1000, 17, 65_536, 3]
      let source = ScriptedSource(whole, sizes: pieces)
      #expect(try lines(LineReader(source: source, name: "test"), maxLines: 999, maxBytes: 1 << 16) == expected)
    }
  }

  @Test func textThatPacksExtremelyWell() throws {
    // Decompressors hold back a lot of such text when the output buffer is full and the input used up.
    let text = Array(String(repeating: String(repeating: "a", count: 999) + "\n", count: 5000).utf8)
    for compression in [TextWriter.Compression.gzip(level: 9), .zstd(level: 19)] {
      let whole = try compressed(text, compression)
      #expect(whole.count < 20_000)
      for sizes in [[Int.max], [whole.count - 1, 1]] {
        let read = try lines(of: whole, TextOptions(), sizes: sizes)
        #expect(read.count == 5000 && read.allSatisfy { $0.utf8.count == 999 })
      }
      #expect(failure(reading: Array(whole.dropLast()))?.kind == .badData)
    }
  }

  @Test func aPipeHasNoSize() throws {
    let folder = TemporaryFolder()
    let path = folder.file("fifo")
    #expect(unsafe mkfifo(path, 0o600) == 0)
    let frame = Self.zstdFrame
    let thread = Thread {
      guard let handle = FileHandle(forWritingAtPath: path) else { return }
      for byte in frame + frame { try? handle.write(contentsOf: Data([byte])) }
      try? handle.close()
    }
    thread.start()
    let reader = try LineReader(path: path)
    #expect(reader.totalBytes == nil && reader.progressFraction == nil)
    #expect(try lines(reader) == ["hello", "world", "hello", "world"])
  }

  // MARK: On demand

  static let benchmark = ProcessInfo.processInfo.environment["EMS_BENCHMARK_FILES"]

  /// Throughput of the files named in EMS_BENCHMARK_FILES (separated by colons).
  @Test(.enabled(if: benchmark != nil)) func throughput() throws {
    for path in (Self.benchmark ?? "").split(separator: ":").map(String.init) {
      for format in path.contains("tsv") ? [TextOptions.Format.text, .column(2), .raw] : [.text] {
        let clock = ContinuousClock()
        let reader = try LineReader(path: path, options: TextOptions(format: format))
        var batch = LineBatch()
        let time = try clock.measure { while try reader.readBatch(into: &batch) {} }
        let seconds = Double(time.components.attoseconds) / 1e18 + Double(time.components.seconds)
        print("\(path) \(format): \(Int(Double(reader.report.bytes) / seconds / 1e6)) MB/s of text, \(reader.report)")
      }
    }
  }

  static let tatoeba = URL(filePath: #filePath).deletingLastPathComponent().appending(
    path: "../../../shared/data/test/tatoeba"
  ).standardizedFileURL.path()

  @Test(.enabled(if: FileManager.default.fileExists(atPath: tatoeba))) func realTexts() throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: Self.tatoeba) where name.hasPrefix("tatoeba.") {
      let path = "\(Self.tatoeba)/\(name)"
      let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
      let read = try lines(LineReader(path: path, options: TextOptions(format: .raw, strict: true)))
      #expect(read.joined(separator: "\n") + "\n" == text.replacing("\r\n", with: "\n"))
    }
  }
}

/// Bytes in hexadecimal, and what Python's `bytes.decode("utf-8", "replace")` makes of them.
private let invalidUTF8: [(String, String)] = [
  ("41", "\u{41}"),
  ("c3a9", "\u{E9}"),
  ("c328", "\u{FFFD}\u{28}"),
  ("a0", "\u{FFFD}"),
  ("80bf", "\u{FFFD}\u{FFFD}"),
  ("c080", "\u{FFFD}\u{FFFD}"),
  ("c1bf", "\u{FFFD}\u{FFFD}"),
  ("c2", "\u{FFFD}"),
  ("e282", "\u{FFFD}"),
  ("e28241", "\u{FFFD}\u{41}"),
  ("e0809f", "\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("e09fbf", "\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("e0a080", "\u{800}"),
  ("eda080", "\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("ed9fbf", "\u{D7FF}"),
  ("edbfbf", "\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("edadbfedbfbf", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("ee8080", "\u{E000}"),
  ("efbfbe", "\u{FFFE}"),
  ("f09080", "\u{FFFD}"),
  ("f0908080", "\u{10000}"),
  ("f08fbfbf", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("f0808080", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("f48fbfbf", "\u{10FFFF}"),
  ("f4908080", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("f5808080", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("f7bfbfbf", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("f888808080", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("fc8480808080", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("fe", "\u{FFFD}"),
  ("ff", "\u{FFFD}"),
  ("feff", "\u{FFFD}\u{FFFD}"),
  ("61f18080e180c262806380bf64", "\u{61}\u{FFFD}\u{FFFD}\u{FFFD}\u{62}\u{FFFD}\u{63}\u{FFFD}\u{FFFD}\u{64}"),
  ("f0909f", "\u{FFFD}"),
  ("f09f9880", "\u{1F600}"),
  ("f09f98", "\u{FFFD}"),
  ("f09f41", "\u{FFFD}\u{41}"),
  ("e18041c3", "\u{FFFD}\u{41}\u{FFFD}"),
  ("c3c3a9", "\u{FFFD}\u{E9}"),
  ("c0afe080bff0818241", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{41}"),
  ("f1f1f1", "\u{FFFD}\u{FFFD}\u{FFFD}"),
  ("e4b8ade4b8", "\u{4E2D}\u{FFFD}"),
  ("e4b8adb8ad", "\u{4E2D}\u{FFFD}\u{FFFD}"),
  ("c3a9ed41", "\u{E9}\u{FFFD}\u{41}"),
]
