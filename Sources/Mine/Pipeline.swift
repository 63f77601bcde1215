import Base
import Corpus
import Encoder
import Report
import Work

/// Mines two dumps for parallel sentences, in stages whose results are kept in a work folder.
///
/// A stage asks for what it needs, and so the stages before it are run or found to have been run:
///
///     read-source ─ encode-source-i ─┬─ search-i-j ─────────────────────────────┬─ neighbours ─┬─ estimate ─ pairs
///     read-target ─ encode-target-j ─┘  (exact)                                 │             └─ calibrate
///               └─ index-source, index-target ─ search-source-i, search-target-j┘ ─ recall
///                  (from train-… and add-…-i where a side has several shards)
///
/// `i` and `j` number the shards of the source and the target. Neighbour lists are merged before anything is averaged, so
/// that the result does not depend on the shards. Killed anywhere and started again, a run ends with the same bytes.
public final class Pipeline {
  private let stages: PipelineStages
  private let ignoringLimits: Bool
  private var runner: StageRun { stages.run }

  /// Opens the work folder.
  ///
  /// - Parameters:
  ///   - model: the path of a model folder; loaded only when something is to be encoded.
  ///   - output: a name as `TextWriter` takes it; not standard output, since a stage's output is checked when it is met again.
  ///   - use: `.whole` for `run` and `score`; `.stage` for `runStage`, so that several processes may work in one folder, each
  ///     on a stage of its own; `.looking` for `graph` alone.
  ///   - ignoringLimits: whether to begin even if the plan says that memory or disk will not do.
  ///   - job: stops the run, and is told how far it has come.
  /// - Throws: `Failure` for a folder that cannot be used or in which another run is working.
  public init(
    source: PipelineSide, target: PipelineSide, model: String, options: PipelineOptions, output: String, work: String,
    threads: Int, use: WorkFolder.Use = .whole, ignoringLimits: Bool = false, job: Job = Job()
  ) throws(Failure) {
    self.ignoringLimits = ignoringLimits
    let folder = try WorkFolder(path: work, use: use, job: job)
    stages = PipelineStages(
      sides: try Self.resolved(Self.spooled([source, target], in: folder), fields: options.fields), model: model,
      options: options,
      // An output in the current folder is no file of the work folder.
      outputs: ([output] + options.furtherOutputs).map { $0.contains("/") ? $0 : "./\($0)" }, threads: threads,
      job: job,
      run: StageRun(in: folder))
  }

  /// Finds out the layouts: sides that hold documents get ids, and their sentences are split.
  private static func resolved(_ sides: [PipelineSide], fields: [PairField]) throws(Failure) -> [PipelineSide] {
    var sides = sides
    for (i, field) in [
      (0, PairField.needingIDs.filter { $0.rawValue.hasPrefix("source") }),
      (1, PairField.needingIDs.filter { $0.rawValue.hasPrefix("target") }),
    ] {
      if sides[i].text.format == .text {
        let format = try sides[i].text.resolvedFormat(of: sides[i].input)
        sides[i].text.input.format = format
        if format.holdsDocuments {
          sides[i].text.format = .idAndText
          sides[i].text.input.splitting = sides[i].splitting
          sides[i].text.input.keepsOffsets = true
        }
      }
      if sides[i].text.format != .idAndText, let wanted = field.first(where: { fields.contains($0) }) {
        throw Failure(
          .usage, "--fields", "\(wanted.rawValue) needs documents or lines with ids", remedy: "add --ids")
      }
    }
    return sides
  }

  /// Keeps what comes from a pipe in the work folder, since every text is read more than once.
  private static func spooled(_ sides: [PipelineSide], in folder: WorkFolder) throws(Failure) -> [PipelineSide] {
    var sides = sides
    if sides.allSatisfy({ $0.input == "-" }) {
      throw Failure(.usage, "standard input", "cannot be both texts", remedy: "name a file for one of them")
    }
    for (i, side) in Side.allCases.enumerated() where sides[i].isPipe {
      guard folder.use == .whole else {
        throw Failure(
          .usage, sides[i].input, "is a pipe, and stages that run by themselves need a file",
          remedy: "write it to a file first")
      }
      let path = "\(folder.path)/\(side).input"
      let source = try FileSource(path: sides[i].input)
      let file = try OutputFile(path: path)
      var block = [UInt8](repeating: 0, count: 1 << 18)
      while true {
        let count = try source.read(into: &block, at: 0)
        if count == 0 { break }
        let bytes = block
        try unsafe file.write(bytes.span.bytes.extracting(0..<count))
        try folder.job.check(path)
        folder.job.report("\(sides[i].input): \(source.bytesConsumed) bytes")
      }
      try file.commit()
      sides[i].input = path
    }
    return sides
  }

  /// Runs what has not been run, and says what came of it.
  public func run() throws(Failure) -> PipelineSummary {
    precondition(runner.folder.use == .whole)
    let read = try readAndEncode()
    let pairs = try runner.counts(of: stages.pairs())
    var summary = PipelineSummary()
    summary.output = stages.output
    (summary.source, summary.target) = (
      .init(read[0].counts, truncated: try truncated(.source)), .init(read[1].counts, truncated: try truncated(.target))
    )
    summary.index = try stages.searchKind().names
    summary.lists = try stages.listCounts()
    (summary.sourceRecall, summary.targetRecall) = try recallShares()
    (summary.candidates, summary.pairs, summary.droppedPairs) = (pairs.candidates, pairs.pairs, pairs.dropped)
    for (threshold, count) in pairs.atThreshold { summary.pairsAtThreshold["\(threshold)"] = count }
    _ = try runner.result(of: stages.estimate())
    summary.estimate = try stages.storedEstimate()
    summary.cut = try stages.cut()
    if let calibration = stages.options.calibration {
      _ = try runner.result(of: stages.calibrate(calibration))
      summary.calibration = try stages.storedCalibration()
    }
    summary.stages = runner.timings
    var record = try record(read)
    record.estimate = EstimateRecord(summary.estimate, summary.cut)
    (record.candidates, record.pairs, record.calibration) = (summary.candidates, summary.pairs, summary.calibration)
    try JSONFile.write(record, to: "\(stages.output).json")
    return summary
  }

  /// What the page of a finished run says: what was read, the scores and what is estimated of them, examples.
  ///
  /// - Parameters:
  ///   - summary: what `run` gave.
  ///   - seed: draws the examples.
  public func report(_ summary: PipelineSummary, seed: UInt64) throws(Failure) -> [ReportPart] {
    stages.job.report("report")
    let page = MiningReport(
      miner: PairMiner(try stages.storedNeighbours()), options: stages.options.mining, estimate: summary.estimate,
      cut: summary.cut, source: try stages.pairSide(.source), target: try stages.pairSide(.target),
      languages: stages.flagLanguages, seed: seed)
    let parts = summary.reportParts()
    return [parts[0]] + page.parts() + parts.dropFirst()
  }

  /// Scores each line of two aligned texts by the margin of its pair in the whole of both.
  ///
  /// The neighbourhoods are those of the different sentences of each side. Lines come out as they went in, those below the
  /// threshold left out.
  ///
  /// - Throws: `Failure` when the texts differ in their number of lines, and as `run` does.
  public func score() throws(Failure) -> ScoreSummary {
    precondition(stages.options.aligned && runner.folder.use == .whole)
    let read = try readAndEncode()
    let counts = try runner.counts(of: stages.scores())
    var summary = ScoreSummary()
    summary.lines = read[0].counts.lines
    (summary.sourceRecall, summary.targetRecall) = try recallShares()
    (summary.empty, summary.written, summary.droppedLines) = (counts.empty, counts.written, counts.dropped)
    (summary.sourceTruncated, summary.targetTruncated) = (try truncated(.source), try truncated(.target))
    for (threshold, count) in counts.atThreshold { summary.linesAtThreshold["\(threshold)"] = count }
    summary.stages = runner.timings
    summary.output = stages.output
    var record = try record(read)
    record.written = summary.written
    try JSONFile.write(record, to: "\(stages.output).json")
    return summary
  }

  /// Runs the one stage that the work folder is open for. Other processes have made what it needs.
  ///
  /// - Throws: `Failure(.usage)` for a name that is no stage; `Failure` naming a stage that must be run before.
  public func runStage() throws(Failure) -> any AnyStageManifest {
    guard case .stage(let name) = runner.folder.use else { preconditionFailure("the folder is open for no stage") }
    return try stages.stage(named: name).result(in: runner)
  }

  /// The stages of this run, each after those that it needs.
  ///
  /// - Throws: `Failure` while the number of shards or the kind of search depends on texts that have not been read.
  public func graph() throws(Failure) -> StageGraph { try StageGraph(stages.all()) }

  /// What every run begins with: sees whether it fits, reads both sides, and encodes them.
  private func readAndEncode() throws(Failure) -> [StageManifest<ReadSummary>] {
    if !ignoringLimits { try stages.checkEstimate() }
    let read = [try runner.result(of: stages.read(.source)), try runner.result(of: stages.read(.target))]
    if stages.options.aligned { try stages.checkAligned(read) }
    if !ignoringLimits { try stages.checkPlan(read) }
    for side in Side.allCases { for shard in try stages.encodings(side) { _ = try runner.result(of: shard) } }
    stages.unloadEncoder()
    return read
  }

  /// The recall of both directions; 1 for exact search.
  private func recallShares() throws(Failure) -> (source: Double, target: Double) {
    if try stages.searchKind() == .exact { return (1, 1) }
    let counts = try runner.counts(of: stages.recall())
    func share(_ found: Int, _ all: Int) -> Double { Double(found) / Double(max(1, all)) }
    return (share(counts.sourceFound, counts.sourceAll), share(counts.targetFound, counts.targetAll))
  }

  /// Sentences of a side that the encoder cut.
  private func truncated(_ side: Side) throws(Failure) -> Int {
    var count = 0
    for shard in try stages.encodings(side) { count += try runner.counts(of: shard).truncated }
    return count
  }

  private func record(_ read: [StageManifest<ReadSummary>]) throws(Failure) -> PipelineRecord {
    PipelineRecord(
      sides: stages.sides, options: stages.options, read: read,
      truncated: [try truncated(.source), try truncated(.target)], model: try stages.modelDigests(),
      index: try stages.searchKind().names, lists: try stages.listCounts(), recall: try recallShares())
  }
}
