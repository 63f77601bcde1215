import Base
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

  private func results(
    _ index: FaissIndex, _ queries: EmbeddingFile, vectors: EmbeddingFile? = nil
  ) throws -> [([Int], [Float])] {
    var all: [([Int], [Float])] = []
    try index.search(queries, k: 4, vectors: vectors, on: compute) { row, ids, scores in
      #expect(row == all.count)
      all.append((ids, scores))
    }
    return all
  }

  @Test func flatFindsWhatExactSearchFinds() throws {
    let base = try vectors("base.npy", rows: 700, columns: 24, seed: 1)
    let queries = try vectors("queries.npy", rows: 50, columns: 24, seed: 2)
    let index = try FaissIndex.build(base, factory: "Flat", on: compute)
    let exact = try ExactNeighbours(
      source: EmbeddingSide(queries, on: compute), target: EmbeddingSide(base, on: compute), k: 4
    ).search(on: compute)
    let lists = try #require(exact).forward
    for (i, (ids, scores)) in try results(index, queries, vectors: base).enumerated() {
      #expect(ids == lists.ids[i * 4..<(i + 1) * 4].map(Int.init))
      for (score, cosine) in zip(scores, lists.scores[i * 4..<(i + 1) * 4]) { #expect(abs(score - cosine) < 1e-6) }
    }
    #expect(try index.recall(vectors: base, queries: queries, k: 4, sample: 20, on: compute) == 1)
  }

  @Test(arguments: ["Flat", "IVF8,Flat", "IVF4,PQ4", "OPQ4,IVF4,PQ4"])
  func aFileGivesTheSameAnswers(_ factory: String) throws {
    let base = try vectors("base.npy", rows: 1200, columns: 16, seed: 3)
    let queries = try vectors("queries.npy", rows: 9, columns: 16, seed: 4)
    let index = try FaissIndex.build(base, factory: factory, on: compute)
    try index.write(to: folder.file("x.faiss"))
    for mapped in [false, true] {
      let read = try FaissIndex(path: folder.file("x.faiss"), mapped: mapped)
      #expect(read.count == 1200)
      #expect(read.dimension == 16)
      #expect(read.cells == index.cells)
      #expect(read.probes == index.probes)
      let (a, b) = (try results(index, queries), try results(read, queries))
      #expect(a.map(\.0) == b.map(\.0))
      #expect(a.map(\.1) == b.map(\.1))
    }
    #expect(try folder.list() == ["base.npy", "queries.npy", "x.faiss"])
  }

  @Test func shardsOfOneTrainedIndexMerge() throws {
    let base = try vectors("base.npy", rows: 600, columns: 8, seed: 5)
    let whole = try FaissIndex.build(base, factory: "IVF4,Flat", on: compute)
    try whole.write(to: folder.file("whole.faiss"))
    let other = try FaissIndex(path: folder.file("whole.faiss"))
    try whole.merge(other)
    #expect(whole.count == 1200)
    #expect(other.count == 0)
    let stranger = try FaissIndex(factory: "IVF8,Flat", dimension: 8)
    #expect(throws: Failure.self) { try whole.merge(stranger) }
  }

  @Test func tooFewVectorsAreToldBeforeTraining() throws {
    let base = try vectors("base.npy", rows: 100, columns: 8, seed: 6)
    let failure = #expect(throws: Failure.self) { try FaissIndex.build(base, factory: "IVF128,Flat", on: compute) }
    #expect(failure?.kind == .badData)
    #expect(failure?.description.contains("100 rows") == true)
    #expect(failure?.description.contains("128 cells") == true)
    let quantised = #expect(throws: Failure.self) { try FaissIndex.build(base, factory: "IVF4,PQ4", on: compute) }
    #expect(quantised?.description.contains("256") == true)
  }

  @Test func badRequestsAreNamed() throws {
    #expect(throws: Failure.self) { try FaissIndex(factory: "NONSENSE", dimension: 8) }
    let base = try vectors("base.npy", rows: 50, columns: 8, seed: 7)
    let narrow = try vectors("narrow.npy", rows: 5, columns: 4, seed: 8)
    let index = try FaissIndex.build(base, factory: "Flat", on: compute)
    #expect(throws: Failure.self) { try results(index, narrow) }
    #expect(throws: Failure.self) { try results(index, base, vectors: narrow) }
    #expect(throws: Failure.self) { try FaissIndex(path: folder.file("missing.faiss")) }
    try index.write(to: folder.file("x.faiss"))
    let whole = try readBytes(folder.file("x.faiss"))
    for length in [0, 3, 20, whole.count / 2] {
      _ = try folder.write("cut.faiss", Array(whole[..<length]))
      #expect(throws: Failure.self) { try FaissIndex(path: folder.file("cut.faiss")) }
    }
  }

  @Test func theDefaultFactoryFollowsTheSize() {
    #expect(FaissIndex.defaultFactory(rows: 200_000, dimension: 256) == "Flat")
    #expect(FaissIndex.defaultFactory(rows: 200_001, dimension: 256) == "IVF2048,Flat")
    #expect(FaissIndex.defaultFactory(rows: 30_000_000, dimension: 256) == "OPQ64,IVF32768,PQ64")
    #expect(FaissIndex.defaultFactory(rows: 1_000_000_000, dimension: 256) == "OPQ64,IVF65536,PQ64")
  }
}
