import Base
import CFaiss
import Kernels

/// A Faiss index over unit vectors with the inner product as metric, through Faiss's C API.
///
/// Files are Faiss's own and open in Python's faiss. An index gives candidates; scores that matter are computed again from
/// the vectors themselves (`nearest`), since compressed ones are only near them.
@safe public final class FaissIndex {
  private let handle: OpaquePointer
  /// The file or factory string that messages name.
  public let name: String

  /// An empty index.
  ///
  /// - Parameters:
  ///   - factory: a Faiss index factory string such as `IVF1024,Flat` or `OPQ64,IVF65536,PQ64`
  ///   - dimension: elements of a vector, at least 1
  /// - Throws: `Failure` with Faiss's own words when it does not know the string or it does not fit the dimension.
  public init(factory: String, dimension: Int) throws(Failure) {
    name = factory
    var created: OpaquePointer?
    let code = unsafe faiss_index_factory(&created, Int32(dimension), factory, METRIC_INNER_PRODUCT)
    guard code == 0, let created = unsafe created else {
      throw Self.failure(
        .usage, "index \(factory)", "cannot be made for \(dimension) dimensions",
        remedy:
          "use a factory string such as Flat, IVF1024,Flat or IVF1024,PQ64 (PQ's number must divide the dimension)")
    }
    unsafe handle = created
  }

  /// Reads an index from a file that Faiss wrote.
  ///
  /// - Parameter mapped: whether inverted lists stay in the file and are read when they are searched.
  /// - Throws: `Failure` when there is no such file or it is no index of the inner product.
  public init(path: String, mapped: Bool = false) throws(Failure) {
    name = path
    _ = try MappedFile(path: path)  // a missing or unreadable file in our own words
    var loaded: OpaquePointer?
    let code = unsafe faiss_read_index_fname(path, mapped ? FAISS_IO_FLAG_MMAP : 0, &loaded)
    guard code == 0, let loaded = unsafe loaded else {
      throw Self.failure(.badData, path, "is not a Faiss index", remedy: "build it again with ems index build")
    }
    unsafe handle = loaded
    guard unsafe faiss_Index_metric_type(handle) == METRIC_INNER_PRODUCT else {
      throw Failure(
        .badData, path, "has another metric than the inner product", remedy: "build it again with ems index build")
    }
  }

  deinit { unsafe faiss_Index_free(handle) }

  private static func failure(_ kind: Failure.Kind, _ subject: String, _ problem: String, remedy: String?) -> Failure {
    Failure(kind, subject, "\(problem): \(unsafe String(cString: faiss_get_last_error()))", remedy: remedy)
  }

  /// The threads that Faiss uses from now on, in every index.
  public static func setThreads(_ threads: Int) { ems_faiss_set_threads(Int32(threads)) }

  /// Elements of a vector.
  public var dimension: Int { unsafe Int(faiss_Index_d(handle)) }
  /// Vectors in the index; their ids are 0 ..< count in the order of adding.
  public var count: Int { unsafe Int(faiss_Index_ntotal(handle)) }
  /// Whether vectors may be added.
  public var isTrained: Bool { unsafe faiss_Index_is_trained(handle) != 0 }
  /// Number of cells of an inverted file, nil for an index without one.
  public var cells: Int? { unsafe ems_faiss_ivf(handle).map { unsafe Int(faiss_IndexIVF_nlist($0)) } }

  /// Whether the index keeps whole vectors; a compressed one only knows about where they are.
  public var keepsVectors: Bool { unsafe ems_faiss_keeps_vectors(handle) != 0 }

  /// Cells that a query looks into; 1...cells. Without an inverted file it has no effect and reads as 0.
  public var probes: Int {
    get { unsafe ems_faiss_ivf(handle).map { unsafe Int(faiss_IndexIVF_nprobe($0)) } ?? 0 }
    set {
      if let ivf = unsafe ems_faiss_ivf(handle) {
        unsafe faiss_IndexIVF_set_nprobe(ivf, max(1, min(newValue, cells ?? 1)))
      }
    }
  }

  /// 1.4 times the root of the cells, at least 16: a recall@4 of 0.985 on 200,000 real embeddings in the 2,048 cells that
  /// `defaultFactory` takes for them (Benchmarks/README.md). More cells need a smaller share of them.
  public static func defaultProbes(cells: Int) -> Int {
    min(cells, max(16, Int((1.414 * Double(cells).squareRoot()).rounded())))
  }

  /// The index for a side of `rows` vectors: exact up to 200,000, then an inverted file with 4 to 16 times the root of
  /// the rows as cells, then one with product quantisation (Faiss's own guidelines, with a power of two for the cells).
  ///
  /// - Parameter exactUpTo: rows up to which every row is compared.
  public static func defaultFactory(rows: Int, dimension: Int, exactUpTo: Int = 200_000) -> String {
    if rows <= exactUpTo { return "Flat" }
    var cells = 1024
    while cells < 65_536, Double(cells) < 4 * Double(rows).squareRoot() { cells *= 2 }
    if rows <= 5_000_000 { return "IVF\(cells),Flat" }
    let codes = [64, 32, 16, 8].first { dimension % $0 == 0 } ?? 1
    return rows <= 50_000_000 ? "OPQ\(codes),IVF\(cells),PQ\(codes)" : "OPQ\(codes),IVF65536,PQ\(codes)"
  }

  /// Trains on a sample of unit vectors, [n, dimension].
  ///
  /// - Throws: `Failure` before anything is trained when there are fewer vectors than cells (or than the 256 centroids of
  ///   a quantiser).
  public func train(_ sample: Tensor) throws(Failure) {
    try check(sample)
    if isTrained { return }
    let needed = max(cells ?? 0, name.contains("PQ") ? 256 : 0)
    guard sample.rows >= needed else {
      throw Failure(
        .badData, "index \(name)", "needs at least \(needed) vectors to train on, there are \(sample.rows)",
        remedy: "choose fewer cells, or Flat, which needs no training")
    }
    guard unsafe faiss_Index_train(handle, Int64(sample.rows), sample.pointer) == 0 else {
      throw Self.failure(.badData, "index \(name)", "cannot be trained", remedy: nil)
    }
  }

  /// Adds unit vectors, [n, dimension]; their ids follow those that are there.
  public func add(_ vectors: Tensor) throws(Failure) {
    try check(vectors)
    guard unsafe faiss_Index_add(handle, Int64(vectors.rows), vectors.pointer) == 0 else {
      throw Self.failure(.badData, "index \(name)", "refuses vectors", remedy: "train the index first")
    }
  }

  /// The k best of each query by the index's own scores; ids are -1 where a query found fewer.
  ///
  /// - Parameter queries: unit vectors, [n, dimension]
  /// - Returns: n·k ids and scores, best first.
  public func search(_ queries: Tensor, k: Int) throws(Failure) -> (ids: [Int64], scores: [Float]) {
    try check(queries)
    var ids = [Int64](repeating: -1, count: queries.rows * k)
    var scores = [Float](repeating: -.infinity, count: queries.rows * k)
    let code = unsafe faiss_Index_search(handle, Int64(queries.rows), queries.pointer, Int64(k), &scores, &ids)
    guard code == 0 else {
      throw Self.failure(.badData, "index \(name)", "cannot be searched", remedy: nil)
    }
    return (ids, scores)
  }

  /// Moves the vectors of another index, trained with this one, behind this one's; the other is empty afterwards.
  public func merge(_ other: FaissIndex) throws(Failure) {
    guard unsafe ems_faiss_merge(handle, other.handle) == 0 else {
      throw Self.failure(
        .badData, "index \(other.name)", "cannot be merged with \(name)",
        remedy: "shards must be copies of one trained index")
    }
  }

  /// Writes the index in Faiss's format; the name appears when the file is complete.
  public func write(to path: String) throws(Failure) {
    // An output that cannot be written is told in our words, and the name of its temporary file is used.
    let output = try OutputFile(path: path)
    guard unsafe faiss_write_index_fname(handle, output.pathUntilCommit) == 0 else {
      throw Self.failure(.io, path, "cannot be written", remedy: "free some space or write to another disk")
    }
    try output.commit()
  }

  private func check(_ vectors: Tensor) throws(Failure) {
    guard vectors.columns == dimension else {
      throw Failure(
        .badData, "index \(name)", "has vectors of \(dimension) elements, these have \(vectors.columns)",
        remedy: "use embeddings of the model that the index was built with")
    }
  }
}
