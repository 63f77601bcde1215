import Base
import Corpus
import Index
import Kernels
import Mine
import TestSupport
import Testing

@Suite struct PairFlagTests {
  let folder = TemporaryFolder()

  /// The flags of line i beside line i.
  func flags(_ pairs: [(String, String)], _ source: String? = "de", _ target: String? = "en") throws -> [[PairFlag]] {
    var sides = [PairSide(), PairSide()]
    for (i, lines) in [pairs.map(\.0), pairs.map(\.1)].enumerated() {
      sides[i].texts = try TextTable(path: folder.write("t\(i)", lines.joined(separator: "\n") + "\n"))
    }
    let rows = pairs.count
    let lists = NeighbourLists(
      rows: rows, k: 1, scores: Array(repeating: 1, count: rows), ids: (0..<rows).map { Int32($0) })
    let neighbours = TwoWayNeighbours(sources: 0..<rows, targets: 0..<rows, forward: lists, backward: lists)
    let mined = PairMiner(neighbours).pairs().pairs.sorted { $0.source < $1.source }
    let flagger = try PairFlagger(
      source: sides[0], target: sides[1], neighbours: neighbours,
      languages: .init(
        source: source.map { try Language(parsing: $0) }, target: target.map { try Language(parsing: $0) }),
      pairs: mined)
    return try flagger.flags(of: mined, threads: 3)
  }

  @Test func eachSignHasItsFlag() throws {
    let plain = ("Der Hund schläft im Garten.", "The dog is sleeping in the garden.")
    let long =
      "Nobody expected that the small shop on the corner would be closed for the whole of the coming winter season."
    let found = try flags([
      plain, plain, plain, ("Er ist 47 Jahre alt.", "He is 74 years old."),
      ("siehe www.a.de dazu", "see www.b.de for it"),
      ("Manchester United", "manchester united!"), ("12.05.2001", "13.05.2001"), ("***", "***"),
      ("http://a.de/x", "http://a.de/x"), ("Es war kalt.", long),
      ("This line is plainly written in English and nothing else.", "Diese Zeile ist auf Englisch geschrieben worden."),
    ])
    #expect(found[0...2] == [[], [], []])
    #expect(found[3] == [.number])
    #expect(found[4] == [.url])
    #expect(found[5] == [.same])
    #expect(found[6].contains(.symbols) && found[7].contains(.symbols) && found[8].contains(.symbols))
    #expect(found[7].contains(.same) && found[8].contains(.same))
    #expect(found[9] == [.length])
    #expect(found[10].contains(.language))
  }

  @Test func linesThatDifferByNumbersAreATemplate() throws {
    var pairs = [("Der Hund schläft.", "The dog is sleeping.")]
    for n in 1...6 { pairs.append(("Beitrag vom Nutzer Nummer \(n)", "post by user number \(n)")) }
    pairs.append(("Beitrag von 4 Nutzern", "a post by 4 users"))
    let found = try flags(pairs)
    #expect(found[0] == [] && found[7] == [])
    #expect(found[1...6].allSatisfy { $0 == [.template] })
  }

  @Test func namesOfFlags() throws {
    #expect(try PairFlag.parse("same,hub", option: "--drop") == [.same, .hub])
    let failure = #expect(throws: Failure.self) { try PairFlag.parse("same,hubs", option: "--drop") }
    #expect(failure?.kind == .usage && failure?.remedy?.contains("template") == true)
  }
}
