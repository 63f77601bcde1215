import Base
import Formats
import Index
import Kernels
import TestSupport
import Testing

/// Indices that are searched list by list, by our own products, beside Faiss's search of the same.
@Suite struct ListSearchTests {
  let folder = TemporaryFolder()
  let compute = Compute(threads: 2)

  /// Rows in clusters, so that cells mean something; not of length 1.
  private func side(_ name: String, rows: Int, columns: Int, seed: UInt64) throws -> EmbeddingSide {
    var random = SplitMix(seed: seed)
    func noise(_ width: Float) -> Float { Float.random(in: -width...width, using: &random) }
    var centres = SplitMix(seed: 99)
    let places = (0..<12 * columns).map { _ in Float.random(in: -1...1, using: &centres) }
    let values = (0..<rows).flatMap { row in
      (0..<columns).map { places[row % 12 * columns + $0] + noise(0.7) }
    }
    return try EmbeddingSide(Tensor(values, rows: rows, columns: columns), name: name, on: compute)
  }

  @Test(arguments: [
    "Flat", "SQ8", "PQ4", "IVF8,Flat", "IVF8,SQ8", "IVF8,SQfp16", "IVF4,PQ4", "OPQ4,IVF4,PQ4", "PCA8,IVF8,Flat",
    "PCAR8,SQ8",
  ])
  func itFindsWhatFaissFinds(_ factory: String) throws {
    let base = try side("base", rows: 900, columns: 16, seed: 1)
    let queries = try side("queries", rows: 333, columns: 16, seed: 2)
    let index = try FaissIndex.build(base, factory: factory, on: compute)
    index.probes = 3
    let ours = try index.nearest(queries, k: 5, on: compute)
    let peer = try index.nearest(queries, k: 5, engine: .faiss, on: compute)
    // Faiss rounds otherwise (and looks PQ's products up): neighbours of nearly one score may change places.
    let tolerance: Float = factory.contains("PQ") || factory.contains("SQ") ? 2e-5 : 2e-6
    var same = 0
    for i in 0..<333 * 5 {
      #expect(abs(ours.scores[i] - peer.scores[i]) < tolerance, "\(i)")
      if ours.ids[i] == peer.ids[i] { same += 1 }
    }
    #expect(same > 333 * 5 * 98 / 100)
    // Scored again with the vectors they are the same to the last bit, as long as the candidates are.
    let exact = try index.nearest(queries, k: 3, vectors: base, on: compute)
    let exactPeer = try index.nearest(queries, k: 3, vectors: base, engine: .faiss, on: compute)
    #expect(exact.ids.indices.count { exact.ids[$0] == exactPeer.ids[$0] } > 333 * 3 * 98 / 100)
  }

  @Test(arguments: ["Flat", "IVF8,Flat", "IVF8,SQ8", "IVF4,PQ4", "OPQ4,IVF4,PQ4"])
  func nothingDependsOnHowTheWorkIsCut(_ factory: String) throws {
    let base = try side("base", rows: 800, columns: 20, seed: 3)
    let queries = try side("queries", rows: 500, columns: 20, seed: 4)
    let index = try FaissIndex.build(base, factory: factory, on: compute)
    index.probes = 2
    let whole = try index.nearest(queries, k: 6, on: compute)
    for threads in [1, 3] {
      #expect(try index.nearest(queries, k: 6, on: Compute(threads: threads)) == whole)
    }
    let unit = compute.unit(queries.unitRows, Array(0..<500))
    for tile in [1, 7, 64, 1000] {
      #expect(try index.nearestByLists(unit, k: 6, tileRows: tile, on: compute) == whole, "\(tile)")
    }
    for cut in [1, 97, 499] {
      let parts = try [0..<cut, cut..<500].map { try index.nearest(queries, rows: $0, k: 6, on: compute) }
      #expect(parts[0].ids + parts[1].ids == whole.ids && parts[0].scores + parts[1].scores == whole.scores)
    }
    try index.write(to: folder.file("x.faiss"))
    for mapped in [false, true] {
      #expect(try FaissIndex(path: folder.file("x.faiss"), mapped: mapped).nearest(queries, k: 6, on: compute) == whole)
    }
  }

  @Test func allCellsOfWholeVectorsAreExactSearch() throws {
    let base = try side("base", rows: 700, columns: 24, seed: 5)
    let queries = try side("queries", rows: 120, columns: 24, seed: 6)
    let exact = try #require(try ExactNeighbours(source: queries, target: base, k: 4).search(on: compute)).forward
    for factory in ["Flat", "IVF8,Flat"] {
      let index = try FaissIndex.build(base, factory: factory, on: compute)
      index.probes = 8
      // Even without the vectors: the index has them as they are.
      #expect(try index.nearest(queries, k: 4, on: compute) == exact, "\(factory)")
    }
  }

  @Test func equalRowsComeInTheirOrder() throws {
    let values = (0..<60).flatMap { _ in [Float](arrayLiteral: 1, 2, 3, 4) }
    let base = try EmbeddingSide(Tensor(values, rows: 60, columns: 4), name: "copies", on: compute)
    let index = try FaissIndex.build(base, factory: "Flat", on: compute)
    let found = try index.nearest(base, rows: 0..<3, k: 7, on: compute)
    #expect(found.ids == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6])
  }

  @Test(arguments: SearchEngine.allCases) func rowsCanBeLeftOut(_ engine: SearchEngine) throws {
    let base = try side("base", rows: 300, columns: 16, seed: 7)
    let queries = try side("queries", rows: 40, columns: 16, seed: 8)
    let kept = (0..<300).filter { $0 % 3 != 1 }
    var places = [Int32](repeating: -1, count: 300)
    for (place, row) in kept.enumerated() { places[row] = Int32(place) }
    let some = base.picking(kept)
    let index = try FaissIndex.build(base, factory: "IVF4,Flat", on: compute)
    index.probes = 4
    let exact = try #require(try ExactNeighbours(source: queries, target: some, k: 3).search(on: compute)).forward
    let found = try index.nearest(queries, k: 3, vectors: some, places: places, engine: engine, on: compute)
    if engine == .lists { #expect(found == exact) }
    #expect(found.ids.allSatisfy { $0 < Int32(kept.count) })
    #expect(throws: Failure.self) {
      try index.nearest(queries, k: 3, vectors: some, places: Array(places.dropLast()), on: compute)
    }
  }

  @Test func anIndexGrowsToWhatOneBuildMakes() throws {
    let all = try side("all", rows: 500, columns: 12, seed: 9)
    for factory in ["Flat", "IVF8,Flat", "IVF4,PQ4", "OPQ4,IVF4,SQ8"] {
      let whole = try FaissIndex.trained(factory, on: all, on: compute)
      try whole.write(to: folder.file("grown.faiss"))
      try whole.add(all, on: compute)
      try whole.write(to: folder.file("whole.faiss"))
      for rows in [0..<200, 200..<201, 201..<500] {
        let index = try FaissIndex(path: folder.file("grown.faiss"))
        try index.checkGrows()
        try index.add(all, rows: rows, on: compute)
        try index.write(to: folder.file("grown.faiss"))
      }
      #expect(try folder.read("grown.faiss") == folder.read("whole.faiss"), "\(factory)")
      try FaissIndex(path: folder.file("grown.faiss")).check(isOver: all, sample: 50, on: compute)
      let other = try side("other", rows: 500, columns: 12, seed: 10)
      #expect(throws: Failure.self) { try whole.check(isOver: other, sample: 50, on: compute) }
      #expect(throws: Failure.self) { try whole.check(isOver: all.picking(Array(0..<499)), sample: 50, on: compute) }
    }
    let untrained = try FaissIndex(factory: "IVF8,Flat", dimension: 12)
    #expect(throws: Failure.self) { try untrained.checkGrows() }
  }

  @Test func anIndexWithOtherIDsDoesNotGrow() throws {
    let base = try side("base", rows: 100, columns: 8, seed: 11)
    let index = try FaissIndex.build(base, factory: "IVF1,Flat", on: compute)
    try index.write(to: folder.file("x.faiss"))
    var bytes = try readBytes(folder.file("x.faiss"))
    // The ids of the only list lie behind its codes, at the end of the index; the digests behind it are left out.
    let content = (0..<bytes.count - 8).last { i in
      (0..<8).allSatisfy { bytes[i + $0] == ($0 == 0 ? 99 : 0) }
    }
    let last = try #require(content)
    bytes = Array(bytes[..<(last + 8)])
    for (value, says) in [(UInt8(98), "twice"), (100, "one of 100")] {
      bytes[last] = value
      _ = try folder.write("y.faiss", bytes)
      let failure = #expect(throws: Failure.self) { try FaissIndex(path: folder.file("y.faiss")).checkGrows() }
      #expect(failure?.description.contains(says) == true, "\(String(describing: failure))")
    }
    #expect(throws: Failure.self) {
      try FaissIndex(path: folder.file("y.faiss")).nearest(base, k: 100, on: compute)
    }
  }
}
