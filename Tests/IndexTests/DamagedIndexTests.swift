import Base
import Formats
import Foundation
import Index
import Kernels
import TestSupport
import Testing

/// Index files that are damaged, lie, or are of kinds that are not read: a message, whatever Faiss would make of them.
@Suite struct DamagedIndexTests {
  let folder = TemporaryFolder()
  let compute = Compute(threads: 2)
  let side: EmbeddingSide

  init() throws {
    var random = SplitMix(seed: 5)
    let writer = try EmbeddingFileWriter(path: folder.file("base.npy"), columns: 8, type: .float32)
    let values = (0..<300 * 8).map { _ in Float.random(in: -1...1, using: &random) }
    try writer.append(values.span)
    try writer.commit()
    side = try EmbeddingSide(EmbeddingFile(path: folder.file("base.npy")), on: compute)
  }

  /// The bytes of an index without its digests, as Python's Faiss writes it.
  func bytes(_ factory: String) throws -> [UInt8] {
    try FaissIndex.build(side, factory: factory, on: compute).write(to: folder.file("x.faiss"))
    let all = try readBytes(folder.file("x.faiss"))
    return Array(all.prefix(try FaissFile(unsafe all.span.bytes, path: "x").end))
  }

  static let kinds = [
    "Flat", "PQ4", "SQ8", "SQfp16", "IVF4,Flat", "IVF4,PQ4", "IVF4,SQ8", "PCA4,Flat", "RR8,IVF4,Flat", "L2norm,Flat",
    "PCAR4,IVF4,SQ4",
  ]

  @Test(arguments: kinds) func everyKindThatIsMadeIsRead(_ factory: String) throws {
    let plain = try bytes(factory)
    let path = try folder.write("plain.faiss", plain)
    for mapped in [false, true] {
      let index = try FaissIndex(path: path, mapped: mapped)
      #expect(index.count == 300 && index.dimension == 8)
      #expect(try index.nearest(side, k: 2, vectors: side, on: compute).rows == 300)
    }
    #expect(try FaissFile(unsafe plain.span.bytes, path: "x").count == 300)
  }

  /// Whatever is changed, it is refused, or it is searched without harm.
  @Test(arguments: kinds) func damagedCopies(_ factory: String) throws {
    let whole = try bytes(factory)
    let path = folder.file("damaged.faiss")
    try TestSupport.damagedCopies(of: whole, prefixes: max(1, whole.count / 40), flips: 60) { copy in
      try Data(copy).write(to: URL(filePath: path))
      toleratingBadData {
        let index = try FaissIndex(path: path, mapped: copy.count.isMultiple(of: 2))
        _ = try index.nearest(side, rows: 0..<4, k: 2, vectors: index.count == 300 ? side : nil, on: compute)
      }
    }
  }

  func problem(_ bytes: [UInt8]) throws -> Failure? {
    let path = try folder.write("lies.faiss", bytes)
    return failure { _ = try FaissIndex(path: path) }
  }

  @Test func sizesThatLie() throws {
    let flat = try bytes("Flat")
    // The number of vectors stands behind the kind and the dimension.
    for (count, at) in [(UInt64(301), 8), (1 << 40, 8), (UInt64.max, 8), (1 << 62, 8)] {
      var copy = flat
      for i in 0..<8 { copy[at + i] = UInt8(truncatingIfNeeded: count >> UInt64(8 * i)) }
      expect(try problem(copy), says: "lies.faiss", "offset")
    }
    var metric = flat
    metric[8 + 8 + 16 + 1] = 1
    expect(try problem(metric), says: "metric")
    expect(try problem(flat + [0]), says: "1 bytes follow")
    var kind = flat
    kind[3] = UInt8(ascii: "2")
    expect(try problem(kind), says: "L2")
    var hnsw = flat
    hnsw.replaceSubrange(0..<4, with: Array("IHNf".utf8))
    expect(try problem(hnsw), says: "HNSW", "not supported")
  }

  @Test func idsBeyondTheRows() throws {
    var copy = try bytes("IVF4,Flat")
    // The last id of the last list.
    for i in 0..<8 { copy[copy.count - 8 + i] = i == 2 ? 1 : 0 }
    let path = try folder.write("ids.faiss", copy)
    let index = try FaissIndex(path: path)
    index.probes = 4
    expect(failure { _ = try index.nearest(side, k: 300, vectors: side, on: compute) }, says: "id 65536", "300 vectors")
  }

  @Test func digestsTellWhatWasChanged() throws {
    try FaissIndex.build(side, factory: "Flat", on: compute).write(to: folder.file("x.faiss"))
    let whole = try readBytes(folder.file("x.faiss"))
    // A bit of a vector: no size is wrong.
    var copy = whole
    copy[200] ^= 1
    _ = try folder.write("x.faiss", copy)
    for mapped in [false, true] {
      expect(
        failure { _ = try FaissIndex(path: folder.file("x.faiss"), mapped: mapped) }, says: "x.faiss", "offset 0",
        "not what was written")
    }
    copy = whole
    copy[whole.count - 1] ^= 1
    _ = try folder.write("x.faiss", copy)
    expect(failure { _ = try FaissIndex(path: folder.file("x.faiss")) }, says: "digests", "damaged")
  }

  @Test(arguments: [
    "PQ0", "IVF0,Flat", "OPQ0,PQ4", "PQ4x25", "IVF99999999999999999999,Flat", "HNSW32", "IVF4_HNSW32,Flat", "LSH",
    "Flat,RFlat", "IVF4,PQ4x4fs", "", "Flat\u{1B}[31m", String(repeating: "PCA4,", count: 100) + "Flat",
  ]) func factoriesThatAreRefused(_ factory: String) {
    let failure = failure { _ = try FaissIndex(factory: factory, dimension: 8) }
    #expect(failure?.kind == .usage, "\(factory)")
  }

  @Test func trainingIsStopped() throws {
    let index = try FaissIndex(factory: "IVF4,PQ4", dimension: 8)
    let job = Job()
    job.cancel()
    let failure = failure {
      try index.train(compute.unit(side.unitRows, Array(0..<300)), job: job)
    }
    #expect(failure?.kind == .interrupted)
  }
}
