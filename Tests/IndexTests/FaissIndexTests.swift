import Base
import Formats
import Index
import Kernels
import TestSupport
import Testing

@Suite struct FaissIndexTests {
  let folder = TemporaryFolder()
  let compute = Compute(threads: 2)

  /// A file of pseudo-random rows; not of length 1.
  private func vectors(_ name: String, rows: Int, columns: Int, seed: UInt64) throws -> EmbeddingFile {
    var random = SplitMix(seed: seed)
    let writer = try EmbeddingFileWriter(path: folder.file(name), columns: columns, type: .float32)
    let values = (0..<rows * columns).map { _ in Float(Int64(truncatingIfNeeded: random.next() >> 40) - (1 << 23)) }
    try writer.append(values.span)
    try writer.commit()
    return try EmbeddingFile(path: folder.file(name))
  }

  private func side(_ name: String, rows: Int, columns: Int, seed: UInt64) throws -> EmbeddingSide {
    try EmbeddingSide(vectors(name, rows: rows, columns: columns, seed: seed), on: compute)
  }

  @Test func flatFindsWhatExactSearchFinds() throws {
    let base = try side("base.npy", rows: 700, columns: 24, seed: 1)
    let queries = try side("queries.npy", rows: 50, columns: 24, seed: 2)
    let index = try FaissIndex.build(base, factory: "Flat", on: compute)
    let exact = try #require(try ExactNeighbours(source: queries, target: base, k: 4).search(on: compute)).forward
    let own = try index.nearest(queries, k: 4, on: compute)
    #expect(own.ids == exact.ids)
    for (a, b) in zip(own.scores, exact.scores) { #expect(abs(a - b) < 1e-6) }
    // Scored again with the vectors, cosines are those of exact search to the last bit.
    #expect(try index.nearest(queries, k: 4, vectors: base, on: compute) == exact)
    #expect(
      try index.nearest(queries, rows: 7..<31, k: 4, vectors: base, on: compute).ids == Array(exact.ids[28..<124]))
    let recall = try #require(try own.recall(of: queries, in: base, sample: 20, on: compute))
    #expect(recall.found == 80 && recall.all == 80)
    var poor = own
    poor = NeighbourLists(
      rows: 50, k: 4, scores: poor.scores, ids: poor.ids.enumerated().map { $0.offset % 4 == 3 ? -1 : $0.element })
    let less = try #require(try poor.recall(of: queries, in: base, sample: 20, on: compute))
    #expect(less.found == 60 && less.all == 80)
  }

  /// Four times k candidates, around the width of a panel.
  @Test(arguments: [1, 3, 4, 5, 12]) func candidatesAreScoredAsExactSearchScores(k: Int) throws {
    let base = try side("base.npy", rows: 90, columns: 37, seed: 1)
    let queries = try side("queries.npy", rows: 70, columns: 37, seed: 2)
    let exact = try #require(try ExactNeighbours(source: queries, target: base, k: k).search(on: compute)).forward
    let index = try FaissIndex.build(base, factory: "Flat", on: compute)
    #expect(try index.nearest(queries, k: k, vectors: base, on: compute) == exact)
  }

  @Test func cellsThatHoldTooFewLeaveListsShort() throws {
    let base = try side("base.npy", rows: 64, columns: 8, seed: 11)
    let index = try FaissIndex.build(base, factory: "IVF32,Flat", on: compute)
    index.probes = 1
    let lists = try index.nearest(base, k: 9, vectors: base, on: compute)
    #expect(lists.k == 9)
    var short = 0
    for i in 0..<64 {
      let ids = lists.ids[i * 9..<(i + 1) * 9]
      #expect(ids.contains(Int32(i)))
      let found = ids.prefix { $0 >= 0 }
      #expect(Set(found).count == found.count)
      #expect(ids.dropFirst(found.count).allSatisfy { $0 == -1 })
      #expect(lists.scores[(i * 9 + found.count)..<(i + 1) * 9].allSatisfy { $0 == -.infinity })
      if found.count < 9 { short += 1 }
    }
    #expect(short > 0)
    try NeighbourFiles.write(lists, to: folder.file("n"))
    #expect(try NeighbourFiles.read(from: folder.file("n"), count: 64) == lists)
  }

  @Test func aSideInSeveralFilesIsOneSide() throws {
    let files = try (0..<3).map { try vectors("\($0).npy", rows: 20 + $0, columns: 12, seed: UInt64(20 + $0)) }
    let whole = try EmbeddingFileWriter(path: folder.file("whole.npy"), columns: 12, type: .float32)
    for file in files { try whole.append(file.floats(rows: 0..<file.rows).span) }
    try whole.commit()
    let one = try EmbeddingSide(EmbeddingFile(path: folder.file("whole.npy")), on: compute)
    let three = try EmbeddingSide(files, on: compute)
    #expect(three.rows == 63)
    let queries = try side("queries.npy", rows: 30, columns: 12, seed: 2)
    #expect(
      try ExactNeighbours(source: queries, target: one, k: 5).search(on: compute)
        == ExactNeighbours(source: queries, target: three, k: 5).search(on: compute))
    let other = try vectors("other.npy", rows: 2, columns: 11, seed: 3)
    let failure = #expect(throws: Failure.self) { _ = try EmbeddingSide([files[0], other], on: compute) }
    #expect(failure?.subject == folder.file("other.npy"))
    let bad = try EmbeddingFileWriter(path: folder.file("bad.npy"), columns: 12, type: .float32)
    try bad.append(([Float](repeating: 1, count: 12) + [.nan] + [Float](repeating: 1, count: 11)).span)
    try bad.commit()
    let nan = #expect(throws: Failure.self) {
      _ = try EmbeddingSide([files[0], EmbeddingFile(path: folder.file("bad.npy")), files[1]], on: compute)
    }
    #expect(nan?.subject == folder.file("bad.npy") && nan?.place == "row 1")
  }

  @Test(arguments: ["Flat", "IVF8,Flat", "IVF4,PQ4", "OPQ4,IVF4,PQ4"])
  func aFileGivesTheSameAnswers(_ factory: String) throws {
    let base = try side("base.npy", rows: 1200, columns: 16, seed: 3)
    let queries = try side("queries.npy", rows: 9, columns: 16, seed: 4)
    let index = try FaissIndex.build(base, factory: factory, on: compute)
    try index.write(to: folder.file("x.faiss"))
    for mapped in [false, true] {
      let read = try FaissIndex(path: folder.file("x.faiss"), mapped: mapped)
      #expect(read.count == 1200)
      #expect(read.dimension == 16)
      #expect(read.cells == index.cells)
      #expect(read.probes == index.probes)
      #expect(try index.nearest(queries, k: 4, on: compute) == read.nearest(queries, k: 4, on: compute))
    }
    #expect(try folder.list() == ["base.npy", "queries.npy", "x.faiss"])
  }

  @Test(arguments: ["IVF4,Flat", "IVF4,PQ4", "Flat"]) func shardsOfOneTrainedIndexMerge(_ factory: String) throws {
    let base = try side("base.npy", rows: 600, columns: 8, seed: 5)
    let whole = try FaissIndex.build(base, factory: factory, on: compute)
    try FaissIndex.trained(factory, on: base, on: compute).write(to: folder.file("trained.faiss"))
    let shards = try [0..<250, 250..<251, 251..<600].map { rows in
      let shard = try FaissIndex(path: folder.file("trained.faiss"))
      try shard.add(base, rows: rows, on: compute)
      return shard
    }
    for shard in shards.dropFirst() { try shards[0].merge(shard) }
    #expect(shards[0].count == 600)
    #expect(shards[1].count == 0)
    let queries = try side("queries.npy", rows: 40, columns: 8, seed: 6)
    #expect(try whole.nearest(queries, k: 4, on: compute) == shards[0].nearest(queries, k: 4, on: compute))
    let stranger = try FaissIndex(factory: "IVF8,Flat", dimension: 8)
    #expect(throws: Failure.self) { try whole.merge(stranger) }
  }

  @Test func tooFewVectorsAreToldBeforeTraining() throws {
    let base = try side("base.npy", rows: 100, columns: 8, seed: 6)
    let failure = #expect(throws: Failure.self) { try FaissIndex.build(base, factory: "IVF128,Flat", on: compute) }
    #expect(failure?.kind == .badData)
    #expect(failure?.description.contains("100 rows") == true)
    #expect(failure?.description.contains("128 cells") == true)
    let quantised = #expect(throws: Failure.self) { try FaissIndex.build(base, factory: "IVF4,PQ4", on: compute) }
    #expect(quantised?.description.contains("256") == true)
  }

  @Test func badRequestsAreNamed() throws {
    #expect(throws: Failure.self) { try FaissIndex(factory: "NONSENSE", dimension: 8) }
    let base = try side("base.npy", rows: 50, columns: 8, seed: 7)
    let narrow = try side("narrow.npy", rows: 5, columns: 4, seed: 8)
    let index = try FaissIndex.build(base, factory: "Flat", on: compute)
    #expect(throws: Failure.self) { try index.nearest(narrow, k: 4, on: compute) }
    #expect(throws: Failure.self) { try index.nearest(base, k: 4, vectors: narrow, on: compute) }
    #expect(throws: Failure.self) { try FaissIndex(path: folder.file("missing.faiss")) }
    try index.write(to: folder.file("x.faiss"))
    let whole = try readBytes(folder.file("x.faiss"))
    for length in [0, 3, 20, whole.count / 2] {
      _ = try folder.write("cut.faiss", Array(whole[..<length]))
      #expect(throws: Failure.self) { try FaissIndex(path: folder.file("cut.faiss")) }
    }
  }

  @Test func aRotationThatTakesTooLongIsRefused() throws {
    let failure = #expect(throws: Failure.self) {
      try FaissIndex.checkTraining("OPQ32,IVF1024,PQ32", rows: 65_536, dimension: 256)
    }
    #expect(failure?.kind == .usage && failure?.description.contains("take IVF1024,PQ32") == true)
    try FaissIndex.checkTraining("OPQ32,IVF1024,PQ32", rows: 8192, dimension: 256)
    try FaissIndex.checkTraining("IVF1024,PQ32", rows: 65_536, dimension: 256)
  }

  @Test func theDefaultFactoryFollowsTheSize() {
    #expect(FaissIndex.defaultFactory(rows: 200_000, dimension: 256) == "Flat")
    #expect(FaissIndex.defaultFactory(rows: 200_001, dimension: 256) == "IVF2048,Flat")
    #expect(FaissIndex.defaultFactory(rows: 30_000_000, dimension: 256) == "IVF32768,SQ8")
    #expect(FaissIndex.defaultFactory(rows: 1_000_000_000, dimension: 256) == "IVF65536,PQ64")
  }
}
