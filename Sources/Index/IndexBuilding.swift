import Base
import Kernels

/// Building, searching and judging Faiss indices from embedding files, in blocks of bounded memory.
extension FaissIndex {
  /// Rows converted at a time.
  private static let blockRows = 16_384

  /// An index over all rows of a file, scaled to length 1; row i gets id i.
  ///
  /// - Parameters:
  ///   - factory: nil for `defaultFactory`
  ///   - sampleRows: rows to train on, spread evenly over the file; nil for 64 a cell
  ///   - progress: called with the share that is done
  /// - Throws: `Failure` naming the row of a NaN or infinity, and as `train` does.
  public static func build(
    _ file: EmbeddingFile, factory: String? = nil, sampleRows: Int? = nil, on compute: Compute,
    progress: (Double) -> Void = { _ in }
  ) throws(Failure) -> FaissIndex {
    setThreads(compute.threads)
    let factory = factory ?? defaultFactory(rows: file.rows, dimension: file.columns)
    let index = try FaissIndex(factory: factory, dimension: file.columns)
    if let cells = index.cells, cells > file.rows {
      throw Failure(
        .badData, file.path, "has \(file.rows) rows, which cannot train the \(cells) cells of \(factory)",
        remedy: "choose fewer cells, or Flat, which needs no training")
    }
    if !index.isTrained {
      let wanted = min(file.rows, sampleRows ?? max(64 * (index.cells ?? 0), 65_536))
      try index.train(try unitRows(file, count: wanted, on: compute) { $0 * file.rows / wanted })
    }
    var first = 0
    while first < file.rows {
      let count = min(blockRows, file.rows - first)
      let start = first
      try index.add(try unitRows(file, count: count, on: compute) { start + $0 })
      first += count
      progress(Double(first) / Double(file.rows))
    }
    if let cells = index.cells { index.probes = defaultProbes(cells: cells) }
    return index
  }

  /// The k best of every row of a file, best first, ties by the lower id.
  ///
  /// - Parameters:
  ///   - vectors: what the index was built from; given, candidates are scored again with these rows, as exactly as
  ///     `ExactNeighbours` scores, so that a compressed index gives true cosines. Four times as many candidates are drawn.
  ///   - found: called for every query in order, with its row, ids and scores; fewer than k where the index found fewer
  public func search(
    _ queries: EmbeddingFile, k: Int, vectors: EmbeddingFile? = nil, on compute: Compute,
    found: (Int, [Int], [Float]) throws(Failure) -> Void
  ) throws(Failure) {
    Self.setThreads(compute.threads)
    if let vectors, vectors.rows != count || vectors.columns != dimension {
      throw Failure(
        .badData, vectors.path,
        "has \(vectors.rows) rows of \(vectors.columns) elements, the index \(count) of \(dimension)",
        remedy: "name the file that the index was built from")
    }
    guard queries.columns == dimension else {
      throw Failure(
        .badData, queries.path, "has rows of \(queries.columns) elements, the index \(name) has \(dimension)",
        remedy: "encode the queries with the model that the index was built with")
    }
    let drawn = min(count, vectors == nil ? k : 4 * k)
    var first = 0
    while first < queries.rows {
      let rows = min(Self.blockRows, queries.rows - first)
      let start = first
      let block = try Self.unitRows(queries, count: rows, on: compute) { start + $0 }
      let (ids, scores) = try search(block, k: drawn)
      for i in 0..<rows {
        var candidates = (i * drawn..<(i + 1) * drawn).filter { ids[$0] >= 0 }.map { (Int(ids[$0]), scores[$0]) }
        if let vectors { candidates = try Self.rescored(candidates.map(\.0), block.rows(i..<i + 1), vectors, compute) }
        candidates.sort { ($1.1, $0.0) < ($0.1, $1.0) }
        candidates.removeLast(max(0, candidates.count - k))
        try found(start + i, candidates.map(\.0), candidates.map(\.1))
      }
      first += rows
    }
  }

  /// The share of the exact k nearest of sampled queries that the index finds (recall@k).
  ///
  /// - Parameters:
  ///   - vectors: what the index was built from
  ///   - queries: rows to draw the sample from
  ///   - sample: how many queries, spread evenly
  public func recall(
    vectors: EmbeddingFile, queries: EmbeddingFile, k: Int, sample: Int, on compute: Compute
  ) throws(Failure) -> Double {
    Self.setThreads(compute.threads)
    let wanted = min(sample, queries.rows)
    let block = try Self.unitRows(queries, count: wanted, on: compute) { $0 * queries.rows / wanted }
    let exact = try ExactNeighbours(
      source: EmbeddingSide(block, name: queries.path, on: compute), target: EmbeddingSide(vectors, on: compute), k: k)
    guard let lists = exact.search(on: compute)?.forward else { return 0 }
    let (ids, _) = try search(block, k: lists.k)
    var hits = 0
    for i in 0..<wanted {
      let true_ = Set(lists.ids[i * lists.k..<(i + 1) * lists.k].map(Int64.init))
      hits += ids[i * lists.k..<(i + 1) * lists.k].count { true_.contains($0) }
    }
    return Double(hits) / Double(wanted * lists.k)
  }

  // MARK: rows

  /// Rows of a file scaled to length 1, [count, D]; a row of zeros stays one.
  private static func unitRows(
    _ file: EmbeddingFile, count: Int, on compute: Compute, row: (Int) -> Int
  ) throws(Failure) -> Tensor {
    let block = Tensor(rows: count, columns: file.columns)
    for i in 0..<count {
      block.rows(i..<i + 1).withMutableElements { file.copyFloats(rows: row(i)..<row(i) + 1, into: &$0) }
    }
    let lengths = Tensor(rows: count, columns: 1)
    compute.normalizeRows(block, into: block, lengths: lengths)
    let bad = lengths.withElements { elements in elements.indices.first { !elements[$0].isFinite } }
    if let bad {
      throw Failure(
        .badData, file.path, at: "row \(row(bad))", "holds a NaN or an infinity, finite numbers are expected",
        remedy: "encode this text again; rows are counted from 0")
    }
    return block
  }

  private static func rescored(
    _ ids: [Int], _ query: Tensor, _ vectors: EmbeddingFile, _ compute: Compute
  ) throws(Failure) -> [(Int, Float)] {
    if ids.isEmpty { return [] }
    let candidates = try unitRows(vectors, count: ids.count, on: compute) { ids[$0] }
    let packed = PackedMatrix(rows: query.columns, columns: ids.count, on: compute)
    compute.pack(transposing: candidates, into: packed)
    let scores = Tensor(rows: 1, columns: ids.count)
    compute.linear(query, packed, into: scores)
    return Array(zip(ids, scores.array))
  }
}
