import Base
import Kernels

/// Building, searching and judging Faiss indices, in blocks of bounded memory. Row i of a side gets id i.
extension FaissIndex {
  /// Rows converted at a time.
  private static let blockRows = 16_384

  /// An index that is trained on a sample of a side's rows, and empty.
  ///
  /// - Parameters:
  ///   - sampleRows: rows to train on, spread evenly over the side; nil for 64 a cell, at least 65,536
  ///   - job: stops the training.
  /// - Throws: `Failure` for a factory string that Faiss does not know, and before anything is trained when the side has
  ///   fewer rows than the index has cells.
  public static func trained(
    _ factory: String, on side: EmbeddingSide, sampleRows: Int? = nil, on compute: Compute, job: Job = Job()
  ) throws(Failure) -> FaissIndex {
    setThreads(compute.threads)
    let index = try FaissIndex(factory: factory, dimension: side.columns)
    if let cells = index.cells, cells > side.rows {
      throw Failure(
        .badData, side.name, "has \(side.rows) rows, which cannot train the \(cells) cells of \(factory)",
        remedy: "choose fewer cells, or Flat, which needs no training")
    }
    if !index.isTrained {
      let wanted = min(side.rows, sampleRows ?? max(64 * (index.cells ?? 0), 65_536))
      try checkTraining(factory, rows: wanted, dimension: side.columns)
      try index.train(compute.unit(side.unitRows, EmbeddingSide.spread(wanted, over: side.rows)), job: job)
    }
    if let cells = index.cells { index.probes = defaultProbes(cells: cells) }
    return index
  }

  /// Adds rows of a side, all if none are named.
  ///
  /// - Parameters:
  ///   - job: stops the work, and is told the share that is done.
  ///   - subject: what is being done, in these reports.
  /// - Throws: `Failure` of the kind `interrupted` when the job is cancelled, and as `add` does.
  public func add(
    _ side: EmbeddingSide, rows: Range<Int>? = nil, on compute: Compute, job: Job = Job(),
    subject: String = "indexing"
  ) throws(Failure) {
    Self.setThreads(compute.threads)
    let rows = rows ?? 0..<side.rows
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.blockRows) {
      try job.check(side.name)
      let block = first..<min(first + Self.blockRows, rows.upperBound)
      try add(compute.unit(side.unitRows, Array(block)), job: job)
      job.report(subject, Double(block.upperBound - rows.lowerBound) / Double(rows.count))
    }
  }

  /// An index over all rows of a side: `trained` and `add`.
  ///
  /// - Parameter factory: nil for `defaultFactory`
  public static func build(
    _ side: EmbeddingSide, factory: String? = nil, sampleRows: Int? = nil, on compute: Compute, job: Job = Job(),
    subject: String = "indexing"
  ) throws(Failure) -> FaissIndex {
    let factory = factory ?? defaultFactory(rows: side.rows, dimension: side.columns)
    let index = try trained(factory, on: side, sampleRows: sampleRows, on: compute, job: job)
    try index.add(side, on: compute, job: job, subject: subject)
    return index
  }

  /// The k best of queries, best first, ties by the lower id. Where the index found fewer, the rest of a list has ids of -1.
  ///
  /// - Parameters:
  ///   - rows: the queries; nil for all rows of the side
  ///   - vectors: what the index was built from; given, candidates are scored again with these rows, as exactly as
  ///     `ExactNeighbours` scores, so that a compressed index gives true cosines. Twice as many candidates are drawn, from a
  ///     compressed index 16 times as many.
  ///   - places: for each vector of the index the row of `vectors` that it is, -1 for one that takes no part; nil if they are
  ///     the rows in their order. Lists hold these numbers.
  ///   - engine: how; kinds that cannot be searched list by list are always searched by Faiss.
  ///   - job: stops the work, and is told the share that is done.
  ///   - subject: what is being done, in these reports.
  /// - Throws: `Failure` when queries or vectors do not fit the index; of the kind `interrupted` when the job is cancelled.
  public func nearest(
    _ queries: EmbeddingSide, rows: Range<Int>? = nil, k: Int, vectors: EmbeddingSide? = nil, places: [Int32]? = nil,
    engine: SearchEngine = .lists, on compute: Compute, job: Job = Job(), subject: String = "searching"
  ) throws(Failure) -> NeighbourLists {
    Self.setThreads(compute.threads)
    if let vectors, (places?.count ?? vectors.rows) != count || vectors.columns != dimension {
      throw Failure(
        .badData, vectors.name,
        "has \(places?.count ?? vectors.rows) rows of \(vectors.columns) elements, the index \(name) \(count) of \(dimension)",
        remedy: "name the file that the index was built from")
    }
    guard queries.columns == dimension else {
      throw Failure(
        .badData, queries.name, "has rows of \(queries.columns) elements, the index \(name) has \(dimension)",
        remedy: "encode the queries with the model that the index was built with")
    }
    guard count > 0 else {
      throw Failure(.badData, "index \(name)", "holds no vectors", remedy: "add some with ems index build")
    }
    let rows = rows ?? 0..<queries.rows
    var all = NeighbourLists(rows: rows.count, k: min(k, vectors?.rows ?? count))
    let drawn = min(count, vectors == nil ? k : (keepsVectors ? 2 : 16) * k)
    let byLists = engine == .lists && canBeSearchedByLists
    let pass = byLists ? passRows(k: drawn) : Self.blockRows
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: pass) {
      try job.check(queries.name)
      let block = first..<min(first + pass, rows.upperBound)
      let unit = compute.unit(queries.unitRows, Array(block))
      let done = Double(first - rows.lowerBound) / Double(rows.count)
      var found: NeighbourLists
      if byLists {
        found = try nearestByLists(unit, k: drawn, ids: places, on: compute, job: job) {
          job.report(subject, done + $0 * Double(block.count) / Double(rows.count))
        }
      } else {
        found = Self.sorted(try search(unit, k: drawn), places: places, rows: block.count, k: drawn)
      }
      if let vectors {
        for start in stride(from: 0, to: block.count, by: Self.blockRows) {
          let part = start..<min(start + Self.blockRows, block.count)
          let candidates = found.ids[part.lowerBound * drawn..<part.upperBound * drawn].map { Int64($0) }
          all.merge(
            compute.nearest(
              queries.unitRows, part.map { first + $0 }, among: candidates, drawn, of: vectors.unitRows, k: all.k),
            at: first - rows.lowerBound + start)
        }
      } else {
        all.merge(found, at: first - rows.lowerBound)
      }
      job.report(subject, Double(block.upperBound - rows.lowerBound) / Double(rows.count))
    }
    return all
  }

  /// Sees whether this is an index over the rows of a side, whose ids are their numbers.
  ///
  /// - Parameter sample: rows that are looked for, spread evenly over the side; most of them must be among the first candidates
  ///   for themselves.
  /// - Throws: `Failure` naming the index and the rows that it is not over.
  public func check(isOver side: EmbeddingSide, sample: Int, on compute: Compute) throws(Failure) {
    let remedy = "name the rows that the index was built from, in their order"
    guard side.columns == dimension, side.rows == count else {
      throw Failure(
        .badData, name,
        "holds \(count) vectors of \(dimension) elements, but \(side.name) has \(side.rows) of \(side.columns)",
        remedy: remedy)
    }
    try checkGrows()
    let wanted = EmbeddingSide.spread(min(sample, side.rows), over: side.rows)
    let found = try nearest(side.sample(sample, on: compute), k: 16, on: compute)
    let own = wanted.enumerated().count { i, row in
      found.ids[i * found.k..<(i + 1) * found.k].contains(Int32(row))
    }
    guard 2 * own >= wanted.count else {
      throw Failure(
        .badData, name, "finds \(own) of \(wanted.count) rows of \(side.name) by themselves", remedy: remedy)
    }
  }

  /// Faiss's answers with ties by the lower id.
  private static func sorted(
    _ found: (ids: [Int64], scores: [Float]), places: [Int32]?, rows: Int, k: Int
  ) -> NeighbourLists {
    var (ids, scores): ([Int32], [Float]) = ([], [])
    func place(_ p: Int) -> Int32 {
      found.ids[p] < 0 ? -1 : places.map { $0[Int(found.ids[p])] } ?? Int32(found.ids[p])
    }
    for i in 0..<rows {
      let order = (i * k..<(i + 1) * k).filter { place($0) >= 0 }.sorted {
        (found.scores[$1], place($0)) < (found.scores[$0], place($1))
      }
      for p in order {
        ids.append(place(p))
        scores.append(found.scores[p])
      }
      ids += Array(repeating: -1, count: k - order.count)
      scores += Array(repeating: -.infinity, count: k - order.count)
    }
    return NeighbourLists(rows: rows, k: k, scores: scores, ids: ids)
  }
}

extension NeighbourLists {
  /// The share of the exact nearest of sampled queries that these lists hold (recall@k).
  ///
  /// - Parameters:
  ///   - queries, vectors: the sides that the lists were found between
  ///   - sample: how many queries, spread evenly
  /// - Returns: neighbours that were found and all there are in the sample, or nil when the job is cancelled.
  public func recall(
    of queries: EmbeddingSide, in vectors: EmbeddingSide, sample: Int, on compute: Compute, job: Job = Job()
  ) throws(Failure) -> (found: Int, all: Int)? {
    precondition(queries.rows == rows)
    let wanted = min(sample, rows)
    let sampled = EmbeddingSide.spread(wanted, over: rows)
    let sides = try ExactNeighbours(source: queries.sample(wanted, on: compute), target: vectors, k: k)
    job.report("measuring recall")
    // The sample is what stays in the cache while all vectors pass.
    let exact = compute.nearest(
      sides.target.unitRows, 0..<vectors.rows, sides.source.unitRows, 0..<wanted, k: k, forwardK: 0,
      progress: { job.report("measuring recall", $0) }, shouldStop: { job.isCancelled })
    guard let lists = exact?.backward else { return nil }
    var found = 0
    for (i, row) in sampled.enumerated() {
      let mine = ids[row * k..<(row + 1) * k]
      found += lists.ids[i * lists.k..<(i + 1) * lists.k].count { mine.contains($0) }
    }
    return (found, wanted * lists.k)
  }
}
