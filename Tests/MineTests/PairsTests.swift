import Base
import Corpus
import Index
import Kernels
import TestSupport
import Testing

import Mine

@Suite struct PairsTests {
  let folder = TemporaryFolder()

  @Test func neighboursComeBackFromTheirFiles() throws {
    let lists = NeighbourLists(rows: 2, k: 3, scores: [1, 0.5, 0.25, 0, -0.5, -1], ids: [2, 1, 0, 0, 1, 2])
    try NeighbourFiles.write(lists, to: folder.file("n"))
    #expect(try NeighbourFiles.read(from: folder.file("n"), count: 3) == lists)
    let tooLarge = #expect(throws: Failure.self) { _ = try NeighbourFiles.read(from: folder.file("n"), count: 2) }
    #expect(tooLarge?.place == "row 0")
    let bytes = try folder.read("n.ids.npy")
    _ = try folder.write("n.ids.npy", Array(bytes.dropLast()))
    #expect(throws: Failure.self) { _ = try NeighbourFiles.read(from: folder.file("n"), count: 3) }
  }

  @Test func everyFieldIsWritten() throws {
    let x = matrix([[1, 0, 0], [0, 1, 0], [0, 1, 0.1]])
    let y = matrix([[0, 1, 0], [1, 0.5, 0]])
    let found = try neighbours(x, y, k: 2)
    var source = PairSide()
    source.texts = try TextTable(
      path: folder.write("x", "a\tin 2,024 see http://a.de/x.\nb\tzwei\nc\tdrei"),
      options: TextOptions(format: .idAndText))
    source.ids = source.texts?.ids
    source.counts = [1, 2, 3]
    source.lines = [0, 5, 9]
    var target = PairSide()
    target.texts = try TextTable(path: folder.write("y", "two\nin 2 024\tsee www.b.de\n"))
    let fields = PairField.allCases.filter { field in
      // Without ids on the target, and without documents.
      !["-id", "-document", "-sentence", "-offsets"].contains { end in field.rawValue.hasSuffix(end) } || field == .sourceID
    }
    let path = folder.file("pairs.tsv")
    let pairs = PairMiner(found).pairs().pairs
    try PairWriter(fields: fields, source: source, target: target, neighbours: found).write(pairs, to: path)
    let lines = try String(decoding: readBytes(path), as: UTF8.self).split(separator: "\n").map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
    #expect(lines.count == 2)
    let first = try #require(lines.first { $0[1].hasPrefix("in") })
    #expect(
      Array(first[1...]) == [
        "in 2,024 see http://a.de/x.", "in 2 024 see www.b.de", "0.894427", "a", "0", "1", "1", "1", "both", "1", "1",
        "number,url",
      ])
    let second = try #require(lines.first { $0[1] == "zwei" })
    #expect(Array(second[1...]) == ["zwei", "two", "1.000000", "b", "5", "0", "1", "1", "both", "2", "1", ""])

    #expect(throws: Failure.self) {
      _ = try PairWriter(fields: [.targetID], source: source, target: target, neighbours: found)
    }
    #expect(throws: Failure.self) { _ = try PairField.parse("score,sorce") }
    #expect(try PairField.parse("target-id,score") == [.targetID, .score])
  }

  @Test func withoutTextsRowsAreWritten() throws {
    let x = matrix([[0, 1], [1, 0]])
    let found = try neighbours(x, x, k: 1)
    let path = folder.file("rows.tsv")
    try PairWriter(fields: PairField.standard, source: PairSide(), target: PairSide(), neighbours: found)
      .write(PairMiner(found).pairs().pairs, to: path)
    #expect(try String(decoding: readBytes(path), as: UTF8.self) == "1.000000\t0\t0\n1.000000\t1\t1\n")
  }

  @Test func numbersAndAddressesOfATextAreFound() {
    func numbers(_ text: String) -> [String] {
      PairFlags.numbers(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }
    func addresses(_ text: String) -> [String] {
      PairFlags.addresses(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(numbers("1.234,5 and 7, or 1'000.") == ["1000", "12345", "7"])
    #expect(numbers("a1b2") == ["1", "2"])
    #expect(numbers("none.") == [])
    #expect(addresses("see (https://x.org/a?b=1), or www.y.de.") == ["https://x.org/a?b=1", "www.y.de"])
    #expect(addresses("http and www") == [])
  }

  @Test func aMappedTextHasTheSameLines() throws {
    let path = try folder.write("t", "one\n\nzwei\n")
    for table in [try TextTable(path: path), try TextTable(mapping: path)] {
      #expect(table.count == 3)
      #expect((0..<3).map { String(decoding: table.line($0), as: UTF8.self) } == ["one", "", "zwei"])
    }
    let cut = try folder.write("c", "one\ntw")
    #expect(throws: Failure.self) { _ = try TextTable(mapping: cut) }
  }

  @Test func aHubIsANeighbourOfUnusuallyMany() {
    let lists = NeighbourLists(
      rows: 30, k: 1, scores: Array(repeating: 0, count: 30), ids: (0..<30).map { $0 < 25 ? 0 : Int32($0) })
    #expect(PairWriter.hubs(lists, of: 30).enumerated().filter(\.element).map(\.offset) == [0])
  }
}
