import Base
import Corpus
import Foundation
import TestSupport
import Testing

@Suite struct PairReaderTests {
  private struct Pair: Equatable {
    var source: String
    var target: String
    var rest: Int
    var line: Int
  }

  private func reader(_ text: String, strict: Bool = false) throws -> PairReader {
    let options = TextOptions(format: .raw, strict: strict)
    let source = ScriptedSource(Array(text.utf8), sizes: [7])
    return PairReader(try LineReader(source: source, name: "pairs", options: options), strict: strict)
  }

  private func pairs(_ reader: PairReader, maxPairs: Int = 2) throws -> [Pair] {
    var result: [Pair] = []
    var batch = PairBatch()
    while try reader.readBatch(into: &batch, maxPairs: maxPairs) {
      for i in 0..<batch.count {
        let pair = Pair(
          source: batch.sourceText(i), target: batch.targetText(i), rest: batch.rest(i).count, line: batch.lineNumber(i)
        )
        let lengths = (batch.source(i).count, batch.target(i).count)
        #expect(lengths == (pair.source.utf8.count, pair.target.utf8.count))
        result.append(pair)
      }
    }
    return result
  }

  @Test func readsTwoColumnsAndTheRest() throws {
    let reader = try reader("a\tb\nü\t中\tx\ty\r\nc\td\t\n")
    #expect(
      try pairs(reader) == [
        Pair(source: "a", target: "b", rest: 0, line: 1), Pair(source: "ü", target: "中", rest: 3, line: 2),
        Pair(source: "c", target: "d", rest: 0, line: 3),
      ])
    #expect(reader.report.lines == 3 && reader.skippedLines == 0)
  }

  @Test func skipsAndCountsOneSidedLines() throws {
    // More of them in a row than a batch holds: that must not look like the end.
    let reader = try reader("a\tb\n\tx\nx\t\n\t\n\t\trest\nx\t\trest\nc\td\n")
    #expect(try pairs(reader).map(\.line) == [1, 7])
    #expect(reader.skippedLines == 5 && reader.report.lines == 7)
  }

  @Test(arguments: [("a\tb\n\tx\n", "source"), ("a\tb\nx\t\n", "target"), ("a\tb\nx\t\tmore\n", "target")])
  func strictRefusesOneSidedLines(text: String, side: String) throws {
    let thrown = #expect(throws: Failure.self) { try pairs(reader(text, strict: true)) }
    #expect(thrown?.kind == .badData && thrown?.place == "line 2" && thrown?.problem == "the \(side) side is empty")
  }

  @Test(arguments: ["a\tb\nc\td\nno tab\n", "a\tb\nc\td\n\ne\tf\n"])
  func aLineWithoutTabIsAnError(text: String) throws {
    for strict in [false, true] {
      let thrown = #expect(throws: Failure.self) { try pairs(reader(text, strict: strict)) }
      #expect(thrown?.kind == .badData && thrown?.subject == "pairs" && thrown?.place == "line 3")
    }
  }

  @Test func repairsUnlessStrict() throws {
    let folder = TemporaryFolder()
    let path = try folder.write("pairs.tsv", Array("a\tb".utf8) + [0xFF, 10])
    let reader = try PairReader(path: path)
    #expect(try pairs(reader).map(\.target) == ["b\u{FFFD}"])
    #expect(reader.report.repairedLines == 1 && reader.progressFraction == 1 && reader.bytesConsumed == 5)
    let thrown = #expect(throws: Failure.self) { try pairs(PairReader(path: path, strict: true)) }
    #expect(thrown?.place == "line 1, offset 3")
  }

  static let train = URL(filePath: #filePath).deletingLastPathComponent().appending(
    path: "../../../shared/data/train/eo-en.tsv.zst"
  ).standardizedFileURL.path()

  @Test(.enabled(if: FileManager.default.fileExists(atPath: train))) func realPairs() throws {
    let reader = try PairReader(path: Self.train, strict: true)
    let read = try pairs(reader, maxPairs: 1000)
    #expect(read.count == reader.report.lines && read.count > 1000 && reader.progressFraction == 1)
  }
}
