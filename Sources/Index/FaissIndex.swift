import Base
import CFaiss
import Formats
import Kernels

/// A Faiss index over unit vectors with the inner product as metric, through Faiss's C API.
///
/// Files are Faiss's own and open in Python's faiss. An index gives candidates; scores that matter are computed again from
/// the vectors themselves (`nearest`), since compressed ones are only near them.
@safe public final class FaissIndex {
  let handle: OpaquePointer
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
    try IndexFactory.check(factory)
    guard 1...65_536 ~= dimension else {
      throw Failure(.usage, "index \(factory)", "cannot be made for \(dimension) dimensions; 1 to 65536 are possible")
    }
    var created: OpaquePointer?
    let code = unsafe faiss_index_factory(&created, Int32(dimension), factory, METRIC_INNER_PRODUCT)
    guard code == 0, let created = unsafe created else {
      throw Self.failure(
        code, .usage, "index \(factory)", "cannot be made for \(dimension) dimensions", remedy: IndexFactory.remedy)
    }
    unsafe handle = created
    // What is made must be of a kind that is read again; a look at it as a file tells.
    var bytes: [UInt8] = []
    do throws(Failure) {
      try write { (piece) throws(Failure) in unsafe piece.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
      _ = try FaissFile(unsafe bytes.span.bytes, path: "index \(factory)")
    } catch {
      throw Failure(.usage, error.subject, error.problem, remedy: error.remedy)
    }
  }

  /// Reads an index from a file that Faiss wrote.
  ///
  /// The file's layout is checked before Faiss sees it, and so are the digests that ems writes behind an index.
  ///
  /// - Parameters:
  ///   - mapped: whether inverted lists stay in the file and are read when they are searched. Digests of a file over 1 GiB
  ///     are not compared then, since that would read all of it.
  ///   - threads: how many compare digests.
  /// - Throws: `Failure` when there is no such file, or it is damaged, of a kind that is not supported, or of another metric
  ///   than the inner product.
  public init(path: String, mapped: Bool = false, threads: Int = 1) throws(Failure) {
    name = path
    let file = try MappedFile(path: path)
    let content = try IndexChecksums.content(of: file)
    let layout = try FaissFile(file.bytes.extracting(0..<content), path: path)
    guard layout.end == content else {
      throw Failure(
        .badData, path, at: "offset \(layout.end)", "\(content - layout.end) bytes follow the index",
        remedy: "build it again with ems index build")
    }
    if content < file.count, !mapped || content <= 1 << 30 { try IndexChecksums.verify(file, threads: threads) }
    var loaded: OpaquePointer?
    let code = unsafe PathText.withCString(path) {
      unsafe faiss_read_index_fname($0, mapped ? FAISS_IO_FLAG_MMAP : 0, &loaded)
    }
    guard code == 0, let loaded = unsafe loaded else {
      throw Self.failure(code, .badData, path, "is not a Faiss index", remedy: "build it again with ems index build")
    }
    unsafe handle = loaded
    guard unsafe faiss_Index_metric_type(handle) == METRIC_INNER_PRODUCT else {
      throw Failure(
        .badData, path, "has another metric than the inner product", remedy: "build it again with ems index build")
    }
  }

  deinit { unsafe faiss_Index_free(handle) }

  /// - Parameter code: what Faiss's call returned.
  static func failure(
    _ code: Int32, _ kind: Failure.Kind, _ subject: String, _ problem: String, remedy: String?
  ) -> Failure {
    if code == EMS_FAISS_NO_MEMORY {
      return Failure(
        .io, subject, "\(problem): there is not enough memory", remedy: "use a smaller index, or fewer rows at a time")
    }
    return Failure(kind, subject, "\(problem): \(unsafe String(cString: faiss_get_last_error()))", remedy: remedy)
  }

  /// Runs a call of Faiss's that looks now and then whether the job is cancelled, and fails then.
  private func watched(_ job: Job, _ call: () -> Int32) -> Int32 {
    unsafe ems_faiss_watch(
      { context in
        guard let context = unsafe context else { return 0 }
        return unsafe Unmanaged<Job>.fromOpaque(context).takeUnretainedValue().isCancelled ? 1 : 0
      }, Unmanaged.passUnretained(job).toOpaque())
    defer { ems_faiss_watch(nil, nil) }
    return withExtendedLifetime(job) { call() }
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
  /// the rows as cells, then one with 8-bit numbers, then with product quantisation (Faiss's own guidelines, with a power of two for
  /// the cells; without OPQ, see `checkTraining`).
  ///
  /// - Parameter exactUpTo: rows up to which every row is compared.
  public static func defaultFactory(rows: Int, dimension: Int, exactUpTo: Int = 200_000) -> String {
    if rows <= exactUpTo { return "Flat" }
    var cells = 1024
    while cells < 65_536, Double(cells) < 4 * Double(rows).squareRoot() { cells *= 2 }
    if rows <= 5_000_000 { return "IVF\(cells),Flat" }
    let codes = [64, 32, 16, 8].first { dimension % $0 == 0 } ?? 1
    return rows <= 50_000_000 ? "IVF\(cells),SQ8" : "IVF65536,PQ\(codes)"
  }

  /// Trains on a sample of unit vectors, [n, dimension].
  ///
  /// - Parameter job: stops the training, between its blocks of work.
  /// - Throws: `Failure` before anything is trained when there are fewer vectors than cells, or than the centroids of a
  ///   quantiser; of the kind `interrupted` when the job is cancelled.
  public func train(_ sample: Tensor, job: Job = Job()) throws(Failure) {
    try check(sample)
    if isTrained { return }
    let needed = unsafe Int(ems_faiss_points_needed(handle))
    guard sample.rows >= needed else {
      throw Failure(
        .badData, "index \(name)", "needs at least \(needed) vectors to train on, there are \(sample.rows)",
        remedy: "choose fewer cells, or Flat, which needs no training")
    }
    let code = watched(job) { unsafe faiss_Index_train(handle, Int64(sample.rows), sample.pointer) }
    try job.check("index \(name)")
    guard code == 0 else { throw Self.failure(code, .badData, "index \(name)", "cannot be trained", remedy: nil) }
  }

  /// Sees whether rows can be added whose ids go on from those that are there.
  ///
  /// - Throws: `Failure` naming the index when it was never trained, when its kind gives vectors ids of their own, or when the ids
  ///   in it are not 0 ..< count, each once.
  public func checkGrows() throws(Failure) {
    let remedy = "build it again with ems index build"
    guard isTrained else {
      throw Failure(
        .badData, name, "has not been trained, so that nothing can be added",
        remedy: "train it with ems index train, or build it with ems index build")
    }
    let cells = unsafe ems_faiss_cells(handle)
    guard cells > 0 else {
      throw Failure(.badData, name, "has a table of ids of its own, so that no row can be added", remedy: remedy)
    }
    var seen = [Bool](repeating: false, count: count)
    var ids = [Int64](repeating: 0, count: 1 << 16)
    for cell in 0..<cells where count > 0 {
      let size = unsafe ems_faiss_cell_size(handle, cell)
      for first in stride(from: 0, to: size, by: ids.count) {
        let some = min(ids.count, size - first)
        let code = unsafe ems_faiss_decode(handle, cell, first, some, &ids, nil)
        guard code == 0 else { throw Self.failure(code, .badData, name, "cannot be read", remedy: remedy) }
        for id in ids[0..<some] {
          guard id >= 0, id < seen.count, !seen[Int(id)] else {
            throw Failure(
              .badData, name,
              "has the id \(id) \(id >= 0 && id < seen.count ? "twice" : "for one of \(count) vectors")",
              remedy: "rows can be added to an index whose ids are the numbers of its rows, from 0; \(remedy)")
          }
          seen[Int(id)] = true
        }
      }
    }
  }

  /// Adds unit vectors, [n, dimension]; their ids follow those that are there.
  ///
  /// - Parameter job: stops the work. What was added by then is of no use.
  /// - Throws: `Failure` when they do not fit the index or it is not trained; of the kind `interrupted` when the job is
  ///   cancelled.
  public func add(_ vectors: Tensor, job: Job = Job()) throws(Failure) {
    try check(vectors)
    let code = watched(job) { unsafe faiss_Index_add(handle, Int64(vectors.rows), vectors.pointer) }
    try job.check("index \(name)")
    guard code == 0 else {
      throw Self.failure(code, .badData, "index \(name)", "refuses vectors", remedy: "train the index first")
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
      throw Self.failure(code, .badData, "index \(name)", "cannot be searched", remedy: nil)
    }
    // Faiss hands on what stands in the file, and rows are looked up by it.
    if let wrong = ids.first(where: { $0 < -1 || $0 >= count }) {
      throw Failure(
        .badData, name, "has the id \(wrong), but only \(count) vectors", remedy: "build it again with ems index build")
    }
    return (ids, scores)
  }

  /// Moves the vectors of another index, trained with this one, behind this one's; the other is empty afterwards.
  public func merge(_ other: FaissIndex) throws(Failure) {
    let code = unsafe ems_faiss_merge(handle, other.handle)
    guard code == 0 else {
      throw Self.failure(
        code, .badData, "index \(other.name)", "cannot be merged with \(name)",
        remedy: "shards must be copies of one trained index")
    }
  }

  /// Writes the index in Faiss's format, with its digests behind it; the name appears when the file is complete and its
  /// layout has been looked at.
  public func write(to path: String) throws(Failure) {
    let output = try OutputFile(path: path)
    var checksums = IndexChecksums()
    try write { (piece) throws(Failure) in
      checksums.add(piece)
      try output.write(piece)
    }
    let trailer = checksums.trailer()
    try unsafe output.write(trailer.span.bytes)
    if let written = try output.written() {
      let layout = try FaissFile(written.bytes, path: path)
      guard layout.end + trailer.count == written.count, layout.count == count else {
        throw Failure(.software, path, "is not what was to be written")
      }
    }
    try output.commit()
  }

  /// Hands the bytes of the file on, piece by piece.
  private func write(to take: (RawSpan) throws(Failure) -> Void) throws(Failure) {
    // What the C function calls back with: the closure does not outlive this call.
    struct Context {
      let take: (RawSpan) throws(Failure) -> Void
      var failure: Failure?
    }
    let (code, failure) = withoutActuallyEscaping(take) { take -> (Int32, Failure?) in
      var context = Context(take: take)
      let code = unsafe withUnsafeMutablePointer(to: &context) { pointer in
        unsafe ems_faiss_write(
          handle,
          { context, bytes, count in
            guard let context = unsafe context?.assumingMemoryBound(to: Context.self), let bytes = unsafe bytes else {
              return count == 0 ? 0 : 1
            }
            do throws(Failure) {
              try unsafe context.pointee.take(RawSpan(_unsafeStart: bytes, byteCount: count))
              return 0
            } catch {
              unsafe context.pointee.failure = error
              return 1
            }
          }, pointer)
      }
      return (code, context.failure)
    }
    if let failure { throw failure }
    guard code == 0 else { throw Self.failure(code, .software, "index \(name)", "cannot be written", remedy: nil) }
  }

  private func check(_ vectors: Tensor) throws(Failure) {
    guard vectors.columns == dimension else {
      throw Failure(
        .badData, "index \(name)", "has vectors of \(dimension) elements, these have \(vectors.columns)",
        remedy: "use embeddings of the model that the index was built with")
    }
  }
}
