import Base
import Corpus
import Encoder
import Foundation
import TestSupport
import Testing
import Train

@Suite struct TokenCacheTests {
  let folder = TemporaryFolder()
  let model = Configuration(
    numHiddenLayers: 1, hiddenSize: 8, numAttentionHeads: 1, intermediateSize: 8, vocabSize: 300,
    maxPositionEmbeddings: 12, languageSize: 4)

  func open(
    _ path: String, origins: [String] = [], forbidden: [String] = [], threads: Int = 1, _ model: Configuration? = nil,
    words: WordSplitters? = nil
  ) throws -> TokenCache {
    let corpus = TrainingCorpus(
      path: path, source: try Language(parsing: "en"), target: try Language(parsing: "de"), weight: nil,
      excludedOrigins: origins)
    return try TokenCache.open(
      corpus, tokenizer: Tokenizer(path: Workplace.tokenizerPath), configuration: model ?? self.model,
      words: words, forbidden: ForbiddenSentences(forbidden), folder: folder.path, threads: threads)
  }

  func caches() throws -> [String] { try folder.list().filter { $0.hasSuffix(".npy") || $0.hasSuffix(".json") } }

  @Test func aDamagedCacheIsMadeAgain() throws {
    let path = try folder.write("a.tsv", "a boat\tein Boot\nthe wind\tder Wind\n")
    let cache = try open(path)
    let before = try caches().map { try folder.read($0) }
    for (name, whole) in zip(try caches(), before) where name.hasSuffix(".npy") {
      for place in [0, whole.count / 2, whole.count - 1] {
        var bytes = whole
        bytes[place] ^= 4
        _ = try folder.write(name, bytes)
        let again = try open(path)
        #expect(again.pair(1).source == cache.pair(1).source)
        #expect(try caches().map { try folder.read($0) } == before)
      }
      _ = try folder.write(name, Array(whole.dropLast()))
      _ = try open(path)
      #expect(try caches().map { try folder.read($0) } == before)
    }
  }

  @Test func whatIsLeftOutIsCounted() throws {
    let path = try folder.write(
      "a.tsv",
      """
      a boat\tein Boot\tours
      the wind\tder Wind\ttheirs
      a boat\tein Boot\tours
      a boat\tein anderes Boot\tours
      \tohne\tours
      without\t\tours
      The Tide!\tdie Flut\tours
      a house\tDAS HAUS\tours

      """)
    let tests = try folder.write("test.tsv", "1\tthe tide!\nx\tdas Haus\n")
    let cache = try open(path, origins: ["theirs"], forbidden: [tests])
    #expect(cache.report.lines == 8)
    #expect(cache.report.oneSided == 2)
    #expect(cache.report.excluded == 1)
    #expect(cache.report.duplicates == 1)
    #expect(cache.report.contaminated == 2)
    #expect(cache.report.kept == 2 && cache.count == 2)
    #expect(cache.report.tokens == cache.length(0) + cache.length(1))
    // Without those wishes more is kept, in a cache of its own.
    #expect(try open(path).count == 5)
    #expect(try open(path, forbidden: [tests]).count == 3)
    #expect(try caches().count == 9)
    // A folder of test files is the same as its files.
    try FileManager.default.createDirectory(atPath: folder.file("tests"), withIntermediateDirectories: true)
    _ = try folder.write("tests/t.tsv", "1\tthe tide!\nx\tdas Haus\n")
    #expect(try open(path, forbidden: [folder.file("tests")]).report.contaminated == 2)
    expect(failure { _ = try open(path, forbidden: [folder.file("none")]) }, says: "none", "decontaminate")
  }

  @Test func idsAreTheTokenizers() throws {
    let pairs = Workplace.pairs(1500, seed: 3)
    let path = try folder.write("a.tsv", pairs.map { "\($0.0)\t\($0.1)\n" }.joined())
    let cache = try open(path, threads: 2)
    let tokenizer = try Tokenizer(path: Workplace.tokenizerPath)
    #expect(cache.count == pairs.count)
    for (i, (source, target)) in pairs.enumerated() {
      let (a, b) = cache.pair(i)
      let expected = try [source, target].map { try tokenizer.encode($0, lowercase: true, limit: 12) }
      #expect(a == expected[0] && b == expected[1] && cache.length(i) == a.count + b.count)
    }
    var wide = model
    wide.lowercase = false
    let other = try open(path, wide)
    #expect(try other.pair(3).target == tokenizer.encode(pairs[3].1, lowercase: false, limit: 12))
  }

  @Test func textIsCutIntoWordsOfItsLanguageFirst() throws {
    let path = try folder.write("a.tsv", "it's a boat, e.g. (one)\tein Boot's Name,z.B. (eins)\n")
    let words = WordSplitters()
    let cache = try open(path, words: words)
    let tokenizer = try Tokenizer(path: Workplace.tokenizerPath)
    func ids(_ text: String) throws -> [Int32] { try tokenizer.encode(text, lowercase: true, limit: 12) }
    #expect(try cache.pair(0).source == ids("it 's a boat , e.g. ( one )"))
    #expect(try cache.pair(0).target == ids("ein boot ' s name , z.b. ( eins )"))
    // Without, it is another cache.
    let plain = try open(path)
    #expect(try plain.pair(0).source == ids("it's a boat, e.g. (one)"))
    #expect(try open(path, words: words).pair(0).source == cache.pair(0).source)
  }

  @Test func aCacheIsUsedAgainAndAChangedInputIsNot() throws {
    let path = try folder.write("a.tsv", Workplace.corpus(40, seed: 4))
    let first = try open(path)
    let names = try caches(), seventh = first.pair(7).source, third = (0..<40).map { first.pair($0).source }
    #expect(names.count == 3)
    func dates() throws -> [Date?] {
      try names.map { try FileManager.default.attributesOfItem(atPath: folder.file($0))[.modificationDate] as? Date }
    }
    let before = try dates()
    let again = try open(path, threads: 2)
    #expect(again.report == first.report)
    #expect(try dates() == before)
    #expect(try caches() == names)
    // As many bytes, other words.
    _ = try folder.write("a.tsv", Workplace.corpus(40, seed: 4).replacing("boat", with: "goat"))
    let changed = try open(path)
    #expect(try caches().count == 6)
    #expect((0..<40).contains { changed.pair($0).source != third[$0] })
    // A cache whose making was cut short is made again.
    let records = try #require(names.first { $0.hasSuffix(".tokens.npy") })
    _ = try folder.write("a.tsv", Workplace.corpus(40, seed: 4))
    let report = try #require(names.first { $0.hasSuffix(".json") })
    try FileManager.default.removeItem(atPath: folder.file(report))
    _ = try folder.write(records, "cut")
    #expect(try open(path).pair(7).source == seventh)
    // So is one that was damaged later.
    _ = try folder.write(records, "cut")
    #expect(try open(path).pair(7).source == seventh)
  }

  @Test func nothingToTrainOn() throws {
    expect(failure { _ = try open(folder.write("e.tsv", "")) }, says: "e.tsv", "no lines")
    expect(failure { _ = try open(folder.write("e.tsv", "a\t\n\tb\n")) }, says: "e.tsv", "none of its 2 lines")
    expect(failure { _ = try open(folder.file("none.tsv")) }, says: "none.tsv")
  }

  /// A side of nothing but spaces is one `<unk>`: every sentence has an embedding.
  @Test func noSideIsWithoutTokens() throws {
    let cache = try open(folder.write("a.tsv", "a boat\t \n\u{3000}\tein Boot\na\tb\n"))
    #expect(cache.count == 3)
    for i in 0..<cache.count { #expect(!cache.pair(i).source.isEmpty && !cache.pair(i).target.isEmpty) }
  }
}
