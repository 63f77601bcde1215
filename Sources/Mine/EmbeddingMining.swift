import Base
import Corpus
import Formats
import Index
import Kernels

/// Embeddings, and the text that they were made from, if it is there.
public struct EmbeddedText: Sendable {
  /// A `.npy` file.
  public var embeddings: String
  /// The sentences, one a row; nil where only row numbers are known.
  public var text: String?
  /// How the lines of the text are read.
  public var options: TextOptions

  /// Embeddings with their text.
  public init(embeddings: String, text: String?, options: TextOptions = TextOptions()) {
    self.embeddings = embeddings
    self.text = text
    self.options = options
  }

  /// What pairs are written with.
  ///
  /// - Throws: `Failure` when the text's lines are not the rows of the embeddings.
  func side(of file: EmbeddingFile) throws(Failure) -> PairSide {
    var side = PairSide()
    guard let text else { return side }
    let table = try TextTable(path: text, options: options)
    guard table.count == file.rows else {
      throw Failure(
        .badData, text, "has \(table.count) lines, but \(file.path) has \(file.rows) rows",
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
  /// Different pairs that are some row's best, and pairs written.
  public var candidates: Int, pairs: Int
  /// Wall-clock times of the parts.
  public var readSeconds: Double, searchSeconds: Double, scoreSeconds: Double, writeSeconds: Double
  /// 10^9 floating-point operations a second; nil for a search through indices.
  public var gflops: Double?
  /// `exact`, or the factory strings of the indices over source and target.
  public var index: [String]
  /// The share of the true neighbours that were found, in a sample of each side's rows; nil for exact search.
  public var sourceRecall: Double?, targetRecall: Double?
  /// Where the pairs are.
  public var output: String

  private enum CodingKeys: String, CodingKey {
    case candidates, pairs, gflops, index, output
    case sourceRows = "source_rows"
    case targetRows = "target_rows"
    case readSeconds = "read_seconds"
    case searchSeconds = "search_seconds"
    case scoreSeconds = "score_seconds"
    case writeSeconds = "write_seconds"
    case sourceRecall = "source_recall"
    case targetRecall = "target_recall"
  }
}

/// Mines two embedding files for pairs, all in memory: nothing is kept from one run to the next.
public struct EmbeddingMining {
  private let source: EmbeddedText, target: EmbeddedText
  private let k: Int
  private let index: IndexChoice
  private let probes: Int?
  private let options: MiningOptions
  private let fields: [PairField]
  private let output: String
  private let threads: Int
  private let job: Job

  /// - Parameters:
  ///   - k: neighbours looked at for every row.
  ///   - probes: cells of an index that a query looks into; nil for `FaissIndex.defaultProbes`.
  ///   - output: a name as `TextWriter` takes it.
  ///   - job: stops the run, and is told how far it has come.
  public init(
    source: EmbeddedText, target: EmbeddedText, k: Int, index: IndexChoice, probes: Int?, options: MiningOptions,
    fields: [PairField], output: String, threads: Int, job: Job = Job()
  ) {
    self.source = source
    self.target = target
    self.k = k
    self.index = index
    self.probes = probes
    self.options = options
    self.fields = fields
    self.output = output
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
    let sourceFile = try EmbeddingFile(path: source.embeddings)
    let targetFile = try EmbeddingFile(path: target.embeddings)
    let (sourceSide, targetSide) = (try source.side(of: sourceFile), try target.side(of: targetFile))
    let exact = try ExactNeighbours(
      source: EmbeddingSide(sourceFile, on: compute), target: EmbeddingSide(targetFile, on: compute), k: k)
    for side in [exact.source, exact.target] where side.zeroRows > 0 { zeros(side.name, side.zeroRows) }
    let read = clock.now
    let factories = index.factories { (exact.source.rows, exact.target.rows, exact.source.columns) }
    var recall: (source: Double, target: Double)?
    let neighbours: TwoWayNeighbours
    if let factories {
      (neighbours, recall) = try approximate(exact, factories, on: compute)
    } else {
      guard let found = exact.search(on: compute, job: job, subject: "search") else {
        throw Interruption.failure(output)
      }
      neighbours = found
    }
    let searched = clock.now
    let (pairs, candidates) = PairMiner(neighbours).pairs(options)
    let scored = clock.now
    try PairWriter(fields: fields, source: sourceSide, target: targetSide, neighbours: neighbours)
      .write(pairs, to: output)
    let written = clock.now
    func seconds(_ from: ContinuousClock.Instant, _ to: ContinuousClock.Instant) -> Double { (to - from) / .seconds(1) }
    let operations = 2 * Double(exact.source.rows) * Double(exact.target.rows) * Double(exact.source.columns)
    return EmbeddingMiningSummary(
      sourceRows: exact.source.rows, targetRows: exact.target.rows, candidates: candidates, pairs: pairs.count,
      readSeconds: seconds(start, read), searchSeconds: seconds(read, searched),
      scoreSeconds: seconds(searched, scored), writeSeconds: seconds(scored, written),
      gflops: factories == nil ? operations / seconds(read, searched) / 1e9 : nil,
      index: factories.map { [$0.source, $0.target] } ?? ["exact"], sourceRecall: recall?.source,
      targetRecall: recall?.target, output: output)
  }

  /// Neighbours through indices that are kept in memory, and the recall of both directions on a sample.
  private func approximate(
    _ sides: ExactNeighbours, _ factories: (source: String, target: String), on compute: Compute
  ) throws(Failure) -> (TwoWayNeighbours, (source: Double, target: Double)) {
    let (forward, forwardRecall) = try lists(sides.source, sides.target, factories.target, on: compute)
    let (backward, backwardRecall) = try lists(sides.target, sides.source, factories.source, on: compute)
    let found = TwoWayNeighbours(
      sources: 0..<sides.source.rows, targets: 0..<sides.target.rows, forward: forward, backward: backward)
    return (found, (forwardRecall, backwardRecall))
  }

  private func lists(
    _ queries: EmbeddingSide, _ vectors: EmbeddingSide, _ factory: String, on compute: Compute
  ) throws(Failure) -> (NeighbourLists, Double) {
    let index = try FaissIndex.build(
      vectors, factory: factory, on: compute, job: job, subject: "indexing \(vectors.name)")
    if let probes { index.probes = probes }
    let lists = try index.nearest(
      queries, k: k, vectors: vectors, on: compute, job: job, subject: "search \(queries.name)")
    let recall = try lists.recall(
      of: queries, in: vectors, sample: PipelineStages.recallSample, on: compute, job: job)
    guard let recall else { throw Interruption.failure(output) }
    return (lists, Double(recall.found) / Double(recall.all))
  }
}
