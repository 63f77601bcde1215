import Base
import Corpus
import Formats
import Index
import Kernels
import Report

/// Embeddings, and the text that they were made from, if it is there.
public struct EmbeddedText: Sendable {
  /// `.npy` files, whose rows follow each other.
  public var embeddings: [String]
  /// The sentences, one a row; nil where only row numbers are known.
  public var text: String?
  /// How the lines of the text are read.
  public var options: TextOptions

  /// Embeddings with their text.
  public init(embeddings: [String], text: String?, options: TextOptions = TextOptions()) {
    self.embeddings = embeddings
    self.text = text
    self.options = options
  }

  /// What pairs are written with.
  ///
  /// - Throws: `Failure` when the text's lines are not the rows of the embeddings.
  func side(of files: [EmbeddingFile]) throws(Failure) -> PairSide {
    var side = PairSide()
    guard let text else { return side }
    let table = try TextTable(path: text, options: options)
    let rows = files.reduce(0) { $0 + $1.rows }
    guard table.count == rows else {
      throw Failure(
        .badData, text,
        "has \(table.count) lines, but \(files.map(\.path).joined(separator: " and ")) \(files.count == 1 ? "has" : "have") \(rows) rows",
        remedy: "name the text that the embeddings were made from")
    }
    side.texts = table
    side.ids = table.ids
    return side
  }
}

/// What mining from embeddings did.
public struct EmbeddingMiningSummary: Sendable, Encodable {
  /// Rows of the two sides.
  public var sourceRows: Int, targetRows: Int
  /// Rows left when sentences that came before are left out.
  public var sourceUnique: Int, targetUnique: Int
  /// Different pairs that are some row's best, and pairs written.
  public var candidates: Int, pairs: Int
  /// Pairs left out for a flag, by the first flag that was not wanted.
  public var droppedPairs: [String: Int]
  /// What is estimated of the pairs, with the table of thresholds; nil where there are too few.
  public var estimate: PrecisionEstimate?
  /// Where the pairs were cut.
  public var cut: Cut
  /// Wall-clock times of the parts.
  public var readSeconds: Double, searchSeconds: Double, estimateSeconds: Double, scoreSeconds: Double,
    writeSeconds: Double
  /// 10^9 floating-point operations a second; nil for a search through indices.
  public var gflops: Double?
  /// `exact`, or the factory strings of the indices over source and target.
  public var index: [String]
  /// Of a search by lists: cells, cells that a row looked into, and the share of true neighbours that was wanted.
  public var lists: ListCounts?
  /// The share of the true neighbours that were found, in a sample of each side's rows; nil for exact search.
  public var sourceRecall: Double?, targetRecall: Double?
  /// Where the pairs are.
  public var output: String
  /// What a page says of the pairs, if one was asked for.
  public var report: [ReportPart] = []

  private enum CodingKeys: String, CodingKey {
    case candidates, pairs, gflops, index, output
    case sourceRows = "source_rows"
    case targetRows = "target_rows"
    case sourceUnique = "source_unique"
    case targetUnique = "target_unique"
    case readSeconds = "read_seconds"
    case searchSeconds = "search_seconds"
    case estimateSeconds = "estimate_seconds"
    case scoreSeconds = "score_seconds"
    case writeSeconds = "write_seconds"
    case sourceRecall = "source_recall"
    case targetRecall = "target_recall"
    case droppedPairs = "dropped_pairs"
  }

  /// Writes the estimate and the cut as keys beside the others, as `PipelineSummary` does.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(sourceRows, forKey: .sourceRows)
    try values.encode(targetRows, forKey: .targetRows)
    try values.encode(sourceUnique, forKey: .sourceUnique)
    try values.encode(targetUnique, forKey: .targetUnique)
    try values.encode(candidates, forKey: .candidates)
    try values.encode(pairs, forKey: .pairs)
    try values.encode(droppedPairs, forKey: .droppedPairs)
    try values.encode(readSeconds, forKey: .readSeconds)
    try values.encode(searchSeconds, forKey: .searchSeconds)
    try values.encode(estimateSeconds, forKey: .estimateSeconds)
    try values.encode(scoreSeconds, forKey: .scoreSeconds)
    try values.encode(writeSeconds, forKey: .writeSeconds)
    try values.encodeIfPresent(gflops, forKey: .gflops)
    try values.encode(index, forKey: .index)
    try lists?.encode(to: encoder)
    try values.encodeIfPresent(sourceRecall, forKey: .sourceRecall)
    try values.encodeIfPresent(targetRecall, forKey: .targetRecall)
    try values.encode(output, forKey: .output)
    try EstimateRecord(estimate, cut).encode(to: encoder)
  }
}

/// Mines two embedding files for pairs, all in memory: nothing is kept from one run to the next.
///
/// A sentence that comes again takes no part: a row whose text is that of a row before (see `SentenceKey`), or whose numbers are.
public struct EmbeddingMining {
  private let source: EmbeddedText, target: EmbeddedText
  private let k: Int
  private let index: IndexChoice
  private let probes: Int?
  private let engine: SearchEngine
  private let targetIndex: String?
  private let recall: Double
  private let options: MiningOptions
  private let precision: PrecisionGoal?
  private let fields: [PairField]
  private let dropped: Set<PairFlag>
  private let languages: PairFlagger.Languages
  private let output: String
  private let reportSeed: UInt64?
  private let threads: Int
  private let job: Job

  /// - Parameters:
  ///   - k: neighbours looked at for every row.
  ///   - probes: cells of an index that a query looks into; nil for `FaissIndex.defaultProbes`, with lists for what
  ///     `recall` asks for.
  ///   - engine: how indices are searched.
  ///   - targetIndex: a Faiss file over the target's rows, that was made before; nil to make one where one is needed.
  ///   - recall: with lists, the share of true neighbours that is wanted.
  ///   - precision: where the options have no threshold, the precision that decides where the pairs are cut; nil keeps all.
  ///   - dropped: pairs with one of these flags are left out.
  ///   - languages: those of the texts, for the flags.
  ///   - output: a name as `TextWriter` takes it.
  ///   - reportSeed: draws the examples of a page; nil for none.
  ///   - job: stops the run, and is told how far it has come.
  public init(
    source: EmbeddedText, target: EmbeddedText, k: Int, index: IndexChoice, probes: Int?,
    engine: SearchEngine = .lists, targetIndex: String? = nil, recall: Double = ListNeighbours.defaultRecall,
    options: MiningOptions,
    precision: PrecisionGoal? = nil, fields: [PairField], dropped: Set<PairFlag> = [],
    languages: PairFlagger.Languages = PairFlagger.Languages(), output: String, reportSeed: UInt64? = nil,
    threads: Int, job: Job = Job()
  ) {
    self.source = source
    self.target = target
    self.k = k
    self.index = index
    self.probes = probes
    self.engine = engine
    self.targetIndex = targetIndex
    self.recall = recall
    self.options = options
    self.precision = precision
    self.fields = fields
    self.dropped = dropped
    self.languages = languages
    self.output = output
    self.reportSeed = reportSeed
    self.threads = threads
    self.job = job
  }

  /// Finds and writes the pairs.
  ///
  /// - Parameter zeros: called for a side with rows of zeros: its name, and how many there are.
  /// - Throws: `Failure` for files that do not fit each other, or an output that cannot be written; of the kind
  ///   `interrupted` when the job is cancelled.
  public func run(zeros: (String, Int) -> Void = { _, _ in }) throws(Failure) -> EmbeddingMiningSummary {
    let clock = ContinuousClock()
    let start = clock.now
    let compute = Compute(threads: threads)
    let sourceFiles = try source.embeddings.map { path throws(Failure) in try EmbeddingFile(path: path) }
    let targetFiles = try target.embeddings.map { path throws(Failure) in try EmbeddingFile(path: path) }
    var (sourceSide, targetSide) = (try source.side(of: sourceFiles), try target.side(of: targetFiles))
    let whole = try ExactNeighbours(
      source: EmbeddingSide(sourceFiles, on: compute), target: EmbeddingSide(targetFiles, on: compute), k: k)
    for side in [whole.source, whole.target] where side.zeroRows > 0 { zeros(side.name, side.zeroRows) }
    let (sources, targets) = (
      try unified(whole.source, sourceFiles, &sourceSide), try unified(whole.target, targetFiles, &targetSide)
    )
    let exact = try ExactNeighbours(source: sources.side, target: targets.side, k: k)
    let kept = try targetIndex.map { path throws(Failure) in
      try keptIndex(path, whole.target, places: targets.places, on: compute)
    }
    let read = clock.now
    var kind = index.kind { (exact.source.rows, exact.target.rows) }
    if let targetIndex {
      kind = index.kind(
        beside: KeptSide(index: targetIndex, embeddings: target.embeddings), sources: exact.source.rows,
        dimension: exact.source.columns)
    }
    var lists: ListCounts?
    var recall: (source: Double, target: Double)?
    let neighbours: TwoWayNeighbours
    switch kind {
    case .indices(let source, let target):
      (neighbours, recall) = try approximate(exact, (source, target), kept, on: compute)
    case .lists:
      let search = ListNeighbours(exact, probes: probes, recall: self.recall)
      guard let found = try search.search(on: compute, job: job, subject: "search") else {
        throw Interruption.failure(output)
      }
      neighbours = found.neighbours
      lists = ListCounts(cells: search.cells, probes: found.probes, recall: self.recall)
    case .exact:
      guard let found = exact.search(on: compute, job: job, subject: "search") else {
        throw Interruption.failure(output)
      }
      neighbours = found
    }
    let searched = clock.now
    if kind == .lists {
      recall = (
        try share(neighbours.forward, of: exact.source, in: exact.target, on: compute),
        try share(neighbours.backward, of: exact.target, in: exact.source, on: compute)
      )
    }
    let judged = clock.now
    let miner = PairMiner(neighbours)
    let estimate = PrecisionEstimate(miner, options: options, goal: precision?.value)
    let cut = try Cut(threshold: options.threshold, goal: precision, estimate: estimate, subject: output)
    let estimated = clock.now
    try job.check(output)
    var (pairs, candidates) = miner.pairs(cut.applied(to: options))
    var flags: [[PairFlag]]?
    var droppedPairs: [String: Int] = [:]
    if fields.contains(.flags) || !dropped.isEmpty {
      let flagger = PairFlagger(
        source: sourceSide, target: targetSide, neighbours: neighbours, languages: languages, pairs: pairs)
      let kept = FlagDrop(dropped).keep(&pairs, try flagger.flags(of: pairs, threads: threads, job: job))
      (flags, droppedPairs) = (kept.flags, kept.dropped)
    }
    let scored = clock.now
    try PairWriter(fields: fields, source: sourceSide, target: targetSide, neighbours: neighbours)
      .write(pairs, flags: flags, to: [output])
    let written = clock.now
    func seconds(_ from: ContinuousClock.Instant, _ to: ContinuousClock.Instant) -> Double { (to - from) / .seconds(1) }
    let operations = 2 * Double(exact.source.rows) * Double(exact.target.rows) * Double(exact.source.columns)
    var summary = EmbeddingMiningSummary(
      sourceRows: whole.source.rows, targetRows: whole.target.rows, sourceUnique: exact.source.rows,
      targetUnique: exact.target.rows, candidates: candidates, pairs: pairs.count, droppedPairs: droppedPairs,
      estimate: estimate, cut: cut,
      readSeconds: seconds(start, read), searchSeconds: seconds(read, searched),
      estimateSeconds: seconds(judged, estimated), scoreSeconds: seconds(estimated, scored),
      writeSeconds: seconds(scored, written),
      gflops: kind == .exact ? operations / seconds(read, searched) / 1e9 : nil,
      index: kind.names, lists: lists, sourceRecall: recall?.source,
      targetRecall: recall?.target, output: output)
    if let reportSeed {
      summary.report = MiningReport(
        miner: miner, options: options, estimate: estimate, cut: cut, source: sourceSide, target: targetSide,
        languages: languages, seed: reportSeed
      ).parts()
    }
    return summary
  }

  /// A side without the rows that come again; `table` then says which lines are left, and how often each came. `places` says
  /// for each row the one that it has become, -1 where it was left out; nil if all are there.
  private func unified(
    _ side: EmbeddingSide, _ files: [EmbeddingFile], _ table: inout PairSide
  ) throws(Failure) -> (side: EmbeddingSide, places: [Int32]?) {
    var (texts, numbers) = ([Hash128: Int](), [Hash128: Int]())
    var keys = SentenceKey(caseless: false)
    var key: [UInt8] = []
    var (first, counts) = ([Int](), [Int]())
    var (file, offset) = (0, 0)
    for row in 0..<side.rows {
      if row.isMultiple(of: 1 << 12) { try job.check(output) }
      while row - offset >= files[file].rows { (file, offset) = (file + 1, offset + files[file].rows) }
      let part = files[file]
      let bytes = part.bytes(rows: row - offset..<row - offset + 1)
      let number = Hash128(Span<UInt8>(_bytes: bytes))
      var text: Hash128?
      if let line = table.texts?.line(row) {
        keys.key(of: line.span, into: &key)
        text = Hash128(key.span)
      }
      var known = numbers[number]
      if known == nil, let text { known = texts[text] }
      let place = known ?? first.count
      if known == nil {
        first.append(row)
        counts.append(0)
      }
      counts[place] += 1
      numbers[number] = place
      if let text { texts[text] = place }
    }
    if first.count == side.rows { return (side, nil) }
    table.keep(first, counts: counts)
    var places = [Int32](repeating: -1, count: side.rows)
    for (place, row) in first.enumerated() { places[row] = Int32(place) }
    return (side.picking(first), places)
  }

  /// An index that was made before, over all rows of a side.
  private func keptIndex(
    _ path: String, _ side: EmbeddingSide, places: [Int32]?, on compute: Compute
  ) throws(Failure) -> KeptIndex {
    let index = try FaissIndex(path: path, mapped: true, threads: threads)
    try index.check(isOver: side, sample: 64, on: compute)
    return KeptIndex(index: index, places: places)
  }

  private struct KeptIndex {
    let index: FaissIndex
    let places: [Int32]?
  }

  /// Neighbours through indices that are kept in memory, and the recall of both directions on a sample.
  private func approximate(
    _ sides: ExactNeighbours, _ factories: (source: String, target: String), _ kept: KeptIndex?, on compute: Compute
  ) throws(Failure) -> (TwoWayNeighbours, (source: Double, target: Double)) {
    let (forward, forwardRecall) = try lists(sides.source, sides.target, factories.target, kept, on: compute)
    let (backward, backwardRecall) = try lists(sides.target, sides.source, factories.source, nil, on: compute)
    let found = TwoWayNeighbours(
      sources: 0..<sides.source.rows, targets: 0..<sides.target.rows, forward: forward, backward: backward)
    return (found, (forwardRecall, backwardRecall))
  }

  private func lists(
    _ queries: EmbeddingSide, _ vectors: EmbeddingSide, _ factory: String, _ kept: KeptIndex?, on compute: Compute
  ) throws(Failure) -> (NeighbourLists, Double) {
    let index: FaissIndex
    if let kept {
      index = kept.index
    } else {
      index = try FaissIndex.build(
        vectors, factory: factory, on: compute, job: job, subject: "indexing \(vectors.name)")
    }
    if let probes { index.probes = probes }
    let lists = try index.nearest(
      queries, k: k, vectors: vectors, places: kept?.places, engine: engine, on: compute, job: job,
      subject: "search \(queries.name)")
    return (lists, try share(lists, of: queries, in: vectors, on: compute))
  }

  /// The share of true neighbours that lists hold, on a sample.
  private func share(
    _ lists: NeighbourLists, of queries: EmbeddingSide, in vectors: EmbeddingSide, on compute: Compute
  ) throws(Failure) -> Double {
    let counts = try lists.recall(
      of: queries, in: vectors, sample: PipelineStages.recallSample, on: compute, job: job)
    guard let counts else { throw Interruption.failure(output) }
    return Double(counts.found) / Double(counts.all)
  }
}
