import Base
import Corpus
import Encoder
import Formats
import Index
import Kernels

/// Mines two dumps for parallel sentences, in stages whose results are kept in a work folder.
///
/// A stage asks for what it needs, and so the stages before it are run or found to have been run:
///
///     read-source ─ encode-source-i ─┬─ search-i-j ─────────────────────────────┬─ neighbours ─ pairs
///     read-target ─ encode-target-j ─┘  (exact)                                 │       └────── calibrate
///               └─ index-source, index-target ─ search-source-i, search-target-j┘ ─ recall
///                  (from train-… and add-…-i where a side has several shards)
///
/// `i` and `j` number the shards of the source and the target. Neighbour lists are merged before anything is averaged, so
/// that the result does not depend on the shards. Killed anywhere and started again, a run ends with the same bytes.
public final class Pipeline {
  private let sides: [PipelineSide]
  private let model: String
  private let options: PipelineOptions
  private let output: String
  private let threads: Int
  private let ignoringLimits: Bool
  private let report: @Sendable (String) -> Void
  private let folder: WorkFolder
  private let only: String?

  private var manifests: [String: StageManifest] = [:]
  private var stages: [PipelineSummary.Stage] = []
  /// Files that were not what their manifests say, and were made again: what had been made from them must be, too, since
  /// its manifest may say that it was made from the right ones.
  private var mended: Set<String> = []
  private var encoder: SentenceEncoder?
  private var modelDigests: [String: String]?
  private static let sideNames = ["source", "target"]

  /// Takes the work folder's lock.
  ///
  /// - Parameters:
  ///   - model: the path of a model folder; loaded only when something is to be encoded.
  ///   - output: a name as `TextWriter` takes it; not standard output, since a stage's output is checked when it is met again.
  ///   - only: nil to run everything; else the one stage that `run(only:)` will be asked for. Several processes may then
  ///     work in one folder, each on a stage of its own.
  ///   - ignoringLimits: whether to begin even if the plan says that memory or disk will not do.
  ///   - progress: called with a line that says how far a stage has come.
  /// - Throws: `Failure` for a folder that cannot be used or in which another run is working.
  public init(
    source: PipelineSide, target: PipelineSide, model: String, options: PipelineOptions, output: String, work: String,
    threads: Int, only: String? = nil, ignoringLimits: Bool = false,
    progress: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(Failure) {
    sides = [source, target]
    self.model = model
    self.options = options
    // An output in the current folder is no file of the work folder.
    self.output = output.contains("/") ? output : "./\(output)"
    self.threads = threads
    self.ignoringLimits = ignoringLimits
    self.only = only
    report = progress
    folder = try WorkFolder(path: work, stage: only)
  }

  // MARK: running

  /// Runs what has not been run, and says what came of it.
  public func run() throws(Failure) -> PipelineSummary {
    precondition(only == nil)
    let read = try readAndEncode()
    let pairs = try pairs()
    var summary = PipelineSummary()
    summary.output = output
    (summary.source, summary.target) = (lines(read[0]), lines(read[1]))
    summary.index = try factories().map { [$0.source, $0.target] } ?? ["exact"]
    (summary.sourceRecall, summary.targetRecall) = try recallShares()
    summary.candidates = pairs.counts["candidates"] ?? 0
    summary.pairs = pairs.counts["pairs"] ?? 0
    for threshold in thresholds { summary.pairsAtThreshold["\(threshold)"] = pairs.counts["\(threshold)"] }
    if options.calibration != nil { summary.calibration = try calibrate() }
    summary.stages = stages
    var record = try record(read)
    (record.candidates, record.pairs, record.calibration) = (summary.candidates, summary.pairs, summary.calibration)
    try JSONFile.write(record, to: "\(output).json")
    return summary
  }

  /// What every run begins with: sees whether it fits, reads both sides, and encodes them.
  private func readAndEncode() throws(Failure) -> [StageManifest] {
    if !ignoringLimits { try estimate().check(folder: folder.path) }
    let read = [try self.read(0), try self.read(1)]
    if options.aligned { try checkAligned(read) }
    if !ignoringLimits { try plan(read).check(folder: folder.path) }
    for side in 0...1 { for shard in try 0..<shards(side) { _ = try encode(side, shard) } }
    encoder = nil
    return read
  }

  /// The recall of both directions; 1 for exact search.
  private func recallShares() throws(Failure) -> (source: Double, target: Double) {
    if try factories() == nil { return (1, 1) }
    let counts = try recall().counts
    func share(_ name: String) -> Double {
      Double(counts["\(name)_found"] ?? 0) / Double(max(1, counts["\(name)_all"] ?? 0))
    }
    return (share("source"), share("target"))
  }

  private func record(_ read: [StageManifest]) throws(Failure) -> PipelineRecord {
    PipelineRecord(
      sides: sides, options: options, read: read, lines: read.map { lines($0) }, model: try modelInputs(),
      index: try factories().map { [$0.source, $0.target] } ?? ["exact"], recall: try recallShares())
  }

  /// Runs one stage, whose inputs other processes have made.
  ///
  /// - Parameter stage: one of `stageNames`, and the one that `init` was told.
  /// - Throws: `Failure(.usage)` for a name that is no stage; `Failure` naming a stage that must be run before.
  public func run(only stage: String) throws(Failure) -> StageManifest {
    precondition(stage == only)
    let parts = stage.split(separator: "-").map(String.init)
    let numbers = parts.compactMap { Int($0) }
    let side = Self.sideNames.firstIndex { parts.contains($0) } ?? 0
    guard let names = try? stageNames(), names.contains(stage) || stage.hasPrefix("read-") else {
      let names =
        (try? stageNames())?.joined(separator: ", ") ?? "read-source, read-target (others are known after these)"
      throw Failure(.usage, "--only", "\"\(stage)\" is no stage of this run", remedy: "the stages are \(names)")
    }
    switch (parts[0], parts.count) {
    case ("read", _): return try read(side)
    case ("encode", _): return try encode(side, numbers[0])
    case ("train", _): return try train(side)
    case ("add", _): return try add(side, numbers[0])
    case ("index", _): return try index(side)
    case ("search", _) where numbers.count == 2: return try search(numbers[0], numbers[1])
    case ("search", _): return try search(side, shard: numbers[0])
    case ("neighbours", _): return try neighbours()
    case ("recall", _): return try recall()
    case ("calibrate", _):
      _ = try calibrate()
      return try calibrationStage()
    default: return try pairs()
    }
  }

  /// The stages of this run, each after those that it needs.
  ///
  /// - Throws: `Failure` while the number of shards or the kind of search depends on texts that have not been read.
  public func stageNames() throws(Failure) -> [String] {
    var names = ["read-source", "read-target"]
    let counts = (try shards(0), try shards(1))
    for (side, count) in zip(Self.sideNames, [counts.0, counts.1]) {
      names += (0..<count).map { "encode-\(side)-\($0)" }
    }
    if try factories() == nil {
      for i in 0..<counts.0 { names += (0..<counts.1).map { "search-\(i)-\($0)" } }
    } else {
      for (side, count) in zip(Self.sideNames, [counts.0, counts.1]) {
        if count > 1 { names += ["train-\(side)"] + (0..<count).map { "add-\(side)-\($0)" } }
        names.append("index-\(side)")
      }
      for (side, count) in zip(Self.sideNames, [counts.0, counts.1]) {
        names += (0..<count).map { "search-\(side)-\($0)" }
      }
    }
    names.append("neighbours")
    if try factories() != nil { names.append("recall") }
    if options.calibration != nil { names.append("calibrate") }
    return names + ["pairs"]
  }

  /// Runs a stage, finds that it has been run, or (where only another stage is to be run) that it is there.
  private func stage(
    _ name: String, settings: [String: String], outputs: [String], inputs: () throws(Failure) -> [String: String],
    _ body: () throws(Failure) -> [String: Int]
  ) throws(Failure) -> StageManifest {
    if let known = manifests[name] { return known }
    if let only, only != name {
      let manifest = try folder.finished(name, settings: settings, outputs: outputs)
      manifests[name] = manifest
      return manifest
    }
    let needed = try inputs()
    let result = try folder.run(
      name, inputs: needed, settings: settings, outputs: outputs, again: needed.keys.contains { mended.contains($0) },
      body)
    if result.wasDamaged { mended.formUnion(outputs) }
    manifests[name] = result.manifest
    stages.append(
      PipelineSummary.Stage(
        name: name, seconds: result.skipped ? 0 : result.manifest.seconds, skipped: result.skipped))
    return result.manifest
  }

  // MARK: reading and encoding

  private func read(_ side: Int) throws(Failure) -> StageManifest {
    let (name, options) = (Self.sideNames[side], sides[side].text)
    let filter = side == 0 ? self.options.sourceFilter : self.options.targetFilter
    var settings = [
      "format": "\(options.format)", "strict": "\(options.strict)", "max_line_bytes": "\(options.maxLineBytes)",
    ]
    if let filter { settings.merge(filter.digestSettings) { first, _ in first } }
    let rows = self.options.aligned ? ["\(name).rows.npy"] : []
    var dropping: (@Sendable (Span<UInt8>) -> String?)?
    if let filter { dropping = { filter.reason(toDrop: $0)?.rawValue } }
    return try stage(
      "read-\(name)", settings: settings, outputs: ["\(name).txt", "\(name).tsv"] + rows,
      inputs: { () throws(Failure) in ["text": try WorkFolder.digest(ofFile: sides[side].input)] }
    ) { () throws(Failure) in
      let read = try readStage(
        input: sides[side].input, options: options, text: folder.file("\(name).txt"), table: folder.file("\(name).tsv"),
        filter: dropping, lineRows: self.options.aligned ? folder.file("\(name).rows.npy") : nil, threads: threads,
        progress: { share, lines in report("reading \(sides[side].input): \(lines) lines" + percent(share)) })
      var counts = [
        "lines": read.lines, "empty": read.empty, "unique": read.unique, "repaired": read.repaired, "cut": read.cut,
        "tabs": read.tabs,
      ]
      for (reason, count) in read.dropped { counts["dropped_\(reason)"] = count }
      return counts
    }
  }

  private func lines(_ read: StageManifest) -> PipelineSummary.Lines {
    var lines = PipelineSummary.Lines()
    func count(_ key: String) -> Int { read.counts[key] ?? 0 }
    (lines.lines, lines.unique, lines.empty) = (count("lines"), count("unique"), count("empty"))
    (lines.repaired, lines.cut, lines.tabs) = (count("repaired"), count("cut"), count("tabs"))
    for (key, count) in read.counts where key.hasPrefix("dropped_") { lines.dropped[String(key.dropFirst(8))] = count }
    return lines
  }

  private func rows(_ side: Int) throws(Failure) -> Int { try read(side).counts["unique"] ?? 0 }

  private func shards(_ side: Int) throws(Failure) -> Int {
    try options.shards.count(side) { () throws(Failure) in try rows(side) }
  }

  /// The rows of a shard.
  private func rows(_ side: Int, _ shard: Int) throws(Failure) -> Range<Int> {
    let (rows, shards) = (try rows(side), try shards(side))
    guard shards <= rows else {
      throw Failure(
        .usage, "--shards", "\(sides[side].input) has \(rows) sentences for \(shards) shards",
        remedy: "ask for at most as many shards as sentences")
    }
    return rows * shard / shards..<rows * (shard + 1) / shards
  }

  private func modelInputs() throws(Failure) -> [String: String] {
    if let modelDigests { return modelDigests }
    var digests: [String: String] = [:]
    for name in ["config.json", "model.safetensors", "sentencepiece.model"] {
      digests["model/\(name)"] = try WorkFolder.digest(ofFile: "\(model)/\(name)")
    }
    modelDigests = digests
    return digests
  }

  private func loadedEncoder() throws(Failure) -> SentenceEncoder {
    if let encoder { return encoder }
    let loaded = try SentenceEncoder(ModelFolder(path: model), threads: threads)
    encoder = loaded
    return loaded
  }

  private func encode(_ side: Int, _ shard: Int) throws(Failure) -> StageManifest {
    let name = Self.sideNames[side]
    let rows = try rows(side, shard)
    // The instruction set is part of the settings: another one rounds differently.
    return try stage(
      "encode-\(name)-\(shard)",
      settings: ["type": options.type.rawValue, "simd": Compute().simd, "rows": "\(rows)"],
      outputs: ["\(name).\(shard).npy"],
      inputs: { () throws(Failure) in
        var inputs = try modelInputs()
        inputs["\(name).txt"] = try read(side).outputs["\(name).txt"]
        return inputs
      }
    ) { () throws(Failure) in
      let result = try encodeFile(
        input: folder.file("\(name).txt"), options: storedText(side), lines: rows, encoder: loadedEncoder(),
        output: folder.file("\(name).\(shard).npy"), type: options.type
      ) { [report] state in
        report(
          "encoding \(name) \(shard): \(Int(Double(state.tokens) / state.seconds)) tokens/s" + percent(state.fraction))
      }
      return ["rows": result.rows, "tokens": result.tokens]
    }
  }

  /// How the texts that `read` writes are read: nothing in them needs mending, which may have made a line longer (U+FFFD
  /// for a byte).
  private func storedText(_ side: Int) -> TextOptions {
    TextOptions(format: .raw, maxLineBytes: min(1 << 30, 3 * sides[side].text.maxLineBytes))
  }

  private func embeddings(_ side: Int, _ shard: Int) throws(Failure) -> EmbeddingFile {
    _ = try encode(side, shard)
    return try EmbeddingFile(path: folder.file("\(Self.sideNames[side]).\(shard).npy"))
  }

  /// All shards of a side as one.
  private func embeddings(_ side: Int) throws(Failure) -> EmbeddingSide {
    var files: [EmbeddingFile] = []
    for shard in try 0..<shards(side) { files.append(try embeddings(side, shard)) }
    return try EmbeddingSide(written: files)
  }

  private func embeddingDigests(_ side: Int) throws(Failure) -> [String: String] {
    var digests: [String: String] = [:]
    for shard in try 0..<shards(side) { digests.merge(try encode(side, shard).outputs) { first, _ in first } }
    return digests
  }

  // MARK: searching

  private func factories() throws(Failure) -> (source: String, target: String)? {
    try options.index.factories { () throws(Failure) in
      let configuration = try Configuration(path: "\(model)/\(ModelFolder.File.configuration)")
      return (try rows(0), try rows(1), configuration.embeddingSize)
    }
  }

  private func factory(_ side: Int) throws(Failure) -> String {
    let factories = try factories()
    return (side == 0 ? factories?.source : factories?.target) ?? "Flat"
  }

  /// Exact neighbours between a shard of the source and one of the target, both ways.
  private func search(_ i: Int, _ j: Int) throws(Failure) -> StageManifest {
    let prefix = "search.\(i).\(j)"
    return try stage(
      "search-\(i)-\(j)",
      settings: [
        "k": "\(options.k)", "simd": Compute().simd, "source": "\(rows(0, i))", "target": "\(rows(1, j))",
      ], outputs: NeighbourFiles.names("\(prefix).forward") + NeighbourFiles.names("\(prefix).backward"),
      inputs: { () throws(Failure) in try encode(0, i).outputs.merging(encode(1, j).outputs) { first, _ in first } }
    ) { () throws(Failure) in
      let compute = Compute(threads: threads)
      let search = try ExactNeighbours(
        source: EmbeddingSide(embeddings(0, i), on: compute), target: EmbeddingSide(embeddings(1, j), on: compute),
        k: options.k)
      let found = search.search(
        on: compute, progress: { [report] in report("search \(i) \(j)" + percent($0)) },
        shouldStop: { Interruption.requested })
      guard let found else { throw Interruption.failure(folder.path) }
      try NeighbourFiles.write(found.forward, to: folder.file("\(prefix).forward"))
      try NeighbourFiles.write(found.backward, to: folder.file("\(prefix).backward"))
      return ["rows": found.forward.rows]
    }
  }

  private func indexSettings(_ side: Int) throws(Failure) -> [String: String] {
    ["factory": try factory(side), "rows": "\(try rows(side))"]
  }

  private func train(_ side: Int) throws(Failure) -> StageManifest {
    let name = Self.sideNames[side]
    return try stage(
      "train-\(name)", settings: indexSettings(side), outputs: ["\(name).trained.faiss"],
      inputs: { () throws(Failure) in try embeddingDigests(side) }
    ) { () throws(Failure) in
      report("training the index over \(name)")
      try FaissIndex.trained(factory(side), on: embeddings(side), on: Compute(threads: threads))
        .write(to: folder.file("\(name).trained.faiss"))
      return [:]
    }
  }

  private func add(_ side: Int, _ shard: Int) throws(Failure) -> StageManifest {
    let name = Self.sideNames[side]
    return try stage(
      "add-\(name)-\(shard)", settings: indexSettings(side), outputs: ["\(name).\(shard).faiss"],
      inputs: { () throws(Failure) in
        try train(side).outputs.merging(encode(side, shard).outputs) { first, _ in first }
      }
    ) { () throws(Failure) in
      let index = try FaissIndex(path: folder.file("\(name).trained.faiss"))
      try index.add(EmbeddingSide(written: [embeddings(side, shard)]), on: Compute(threads: threads)) { [report] in
        report("indexing \(name) \(shard)" + percent($0))
      }
      try index.write(to: folder.file("\(name).\(shard).faiss"))
      return ["rows": index.count]
    }
  }

  /// The index over a whole side: of one shard made at once, of several merged from theirs.
  private func index(_ side: Int) throws(Failure) -> StageManifest {
    let name = Self.sideNames[side]
    let shards = try shards(side)
    return try stage(
      "index-\(name)", settings: indexSettings(side), outputs: ["\(name).faiss"],
      inputs: { () throws(Failure) in
        if shards == 1 { return try embeddingDigests(side) }
        var inputs: [String: String] = [:]
        for shard in 0..<shards { inputs.merge(try add(side, shard).outputs) { first, _ in first } }
        return inputs
      }
    ) { () throws(Failure) in
      let index: FaissIndex
      if shards == 1 {
        index = try FaissIndex.build(
          embeddings(side), factory: factory(side), on: Compute(threads: threads),
          progress: { [report] in report("indexing \(name)" + percent($0)) })
      } else {
        index = try FaissIndex(path: folder.file("\(name).0.faiss"))
        for shard in 1..<shards {
          if Interruption.requested { throw Interruption.failure(folder.path) }
          report("merging the index over \(name), shard \(shard) of \(shards)")
          try index.merge(FaissIndex(path: folder.file("\(name).\(shard).faiss")))
        }
      }
      try index.write(to: folder.file("\(name).faiss"))
      return ["rows": index.count]
    }
  }

  /// The neighbours of a shard of one side through the index over the other.
  private func search(_ side: Int, shard: Int) throws(Failure) -> StageManifest {
    let (name, other) = (Self.sideNames[side], Self.sideNames[1 - side])
    let prefix = "search.\(name).\(shard)"
    return try stage(
      "search-\(name)-\(shard)",
      settings: [
        "k": "\(options.k)", "simd": Compute().simd, "rows": "\(rows(side, shard))", "factory": factory(1 - side),
        "probes": options.probes.map { "\($0)" } ?? "default",
      ], outputs: NeighbourFiles.names(prefix),
      inputs: { () throws(Failure) in
        var inputs = try encode(side, shard).outputs
        inputs.merge(try index(1 - side).outputs) { first, _ in first }
        inputs.merge(try embeddingDigests(1 - side)) { first, _ in first }
        return inputs
      }
    ) { () throws(Failure) in
      _ = try index(1 - side)
      let index = try FaissIndex(path: folder.file("\(other).faiss"), mapped: true)
      if let probes = options.probes { index.probes = probes }
      let lists = try index.nearest(
        EmbeddingSide(written: [embeddings(side, shard)]), k: options.k, vectors: embeddings(1 - side),
        on: Compute(threads: threads), progress: { [report] in report("search \(name) \(shard)" + percent($0)) })
      try NeighbourFiles.write(lists, to: folder.file(prefix))
      return ["probes": index.probes]
    }
  }

  /// The lists of all rows, from those of the shards.
  private func neighbours() throws(Failure) -> StageManifest {
    let counts = (try shards(0), try shards(1))
    let exact = try factories() == nil
    return try stage(
      "neighbours", settings: ["k": "\(options.k)", "exact": "\(exact)", "shards": "\(counts)"],
      outputs: NeighbourFiles.names("forward") + NeighbourFiles.names("backward"),
      inputs: { () throws(Failure) in
        var inputs: [String: String] = [:]
        for i in 0..<counts.0 where exact {
          for j in 0..<counts.1 { inputs.merge(try search(i, j).outputs) { first, _ in first } }
        }
        for (side, count) in [counts.0, counts.1].enumerated() where !exact {
          for shard in 0..<count { inputs.merge(try search(side, shard: shard).outputs) { first, _ in first } }
        }
        return inputs
      }
    ) { () throws(Failure) in
      report("merging neighbours")
      let all = [try rows(0), try rows(1)]
      for (side, name) in ["forward", "backward"].enumerated() {
        var lists = NeighbourLists(rows: all[side], k: min(options.k, all[1 - side]))
        for shard in try 0..<shards(side) {
          let first = try rows(side, shard).lowerBound
          if exact {
            for other in try 0..<shards(1 - side) {
              let (i, j) = side == 0 ? (shard, other) : (other, shard)
              let range = try rows(1 - side, other)
              lists.merge(
                try NeighbourFiles.read(
                  from: folder.file("search.\(i).\(j).\(name)"), count: range.count, offset: range.lowerBound),
                at: first)
            }
          } else {
            lists.merge(
              try NeighbourFiles.read(
                from: folder.file("search.\(Self.sideNames[side]).\(shard)"), count: all[1 - side]), at: first)
          }
        }
        try NeighbourFiles.write(lists, to: folder.file(name))
      }
      return [:]
    }
  }

  private func storedNeighbours() throws(Failure) -> TwoWayNeighbours {
    _ = try neighbours()
    let (sources, targets) = (try rows(0), try rows(1))
    return TwoWayNeighbours(
      sources: 0..<sources, targets: 0..<targets,
      forward: try NeighbourFiles.read(from: folder.file("forward"), count: targets),
      backward: try NeighbourFiles.read(from: folder.file("backward"), count: sources))
  }

  /// What an index missed: the lists of a sample of rows against exact search.
  private func recall() throws(Failure) -> StageManifest {
    try stage(
      "recall", settings: ["sample": "\(Self.recallSample)"], outputs: [],
      inputs: { () throws(Failure) in
        var inputs = try neighbours().outputs
        for side in 0...1 { inputs.merge(try embeddingDigests(side)) { first, _ in first } }
        return inputs
      }
    ) { () throws(Failure) in
      report("measuring recall")
      let found = try storedNeighbours()
      let compute = Compute(threads: threads)
      let (source, target) = (try embeddings(0), try embeddings(1))
      guard
        let forward = try found.forward.recall(of: source, in: target, sample: Self.recallSample, on: compute),
        let backward = try found.backward.recall(of: target, in: source, sample: Self.recallSample, on: compute)
      else { throw Interruption.failure(folder.path) }
      return [
        "source_found": forward.found, "source_all": forward.all, "target_found": backward.found,
        "target_all": backward.all,
      ]
    }
  }

  private static let recallSample = 1000

  // MARK: pairs

  private var thresholds: [Double] {
    options.mining.margin == .ratio ? [1.0, 1.02, 1.04, 1.06, 1.08, 1.1, 1.2, 1.3] : []
  }

  private func pairs() throws(Failure) -> StageManifest {
    try stage(
      "pairs",
      settings: [
        "margin": options.mining.margin.rawValue, "retrieval": options.mining.retrieval.rawValue,
        "threshold": options.mining.threshold.map { "\($0)" } ?? "none",
        "limit": options.mining.limit.map { "\($0)" } ?? "none",
        "fields": options.fields.map(\.rawValue).joined(separator: ","),
      ], outputs: [output],
      inputs: { () throws(Failure) in
        var inputs = try neighbours().outputs
        for side in 0...1 { inputs.merge(try read(side).outputs) { first, _ in first } }
        return inputs
      }
    ) { () throws(Failure) in
      report("scoring")
      let found = try storedNeighbours()
      let writer = try PairWriter(
        fields: options.fields, source: readSide(text: folder.file("source.txt"), table: folder.file("source.tsv")),
        target: readSide(text: folder.file("target.txt"), table: folder.file("target.tsv")), neighbours: found)
      let (pairs, candidates) = PairMiner(found).pairs(options.mining)
      if Interruption.requested { throw Interruption.failure(folder.path) }
      try writer.write(pairs, to: output)
      var counts = ["candidates": candidates, "pairs": pairs.count]
      for threshold in thresholds where threshold >= options.mining.threshold ?? -.infinity {
        counts["\(threshold)"] = pairs.count { $0.score >= threshold }
      }
      return counts
    }
  }

  // MARK: aligned texts

  /// Scores each line of two aligned texts by the margin of its pair in the whole of both.
  ///
  /// The neighbourhoods are those of the different sentences of each side. Lines come out as they went in, those below the
  /// threshold left out.
  ///
  /// - Throws: `Failure` when the texts differ in their number of lines, and as `run` does.
  public func score() throws(Failure) -> ScoreSummary {
    precondition(options.aligned && only == nil)
    let read = try readAndEncode()
    let manifest = try scores()
    var summary = ScoreSummary()
    summary.lines = read[0].counts["lines"] ?? 0
    (summary.sourceRecall, summary.targetRecall) = try recallShares()
    summary.empty = manifest.counts["empty"] ?? 0
    summary.written = manifest.counts["written"] ?? 0
    for threshold in thresholds { summary.linesAtThreshold["\(threshold)"] = manifest.counts["\(threshold)"] }
    summary.stages = stages
    summary.output = output
    var record = try record(read)
    record.written = summary.written
    try JSONFile.write(record, to: "\(output).json")
    return summary
  }

  private func checkAligned(_ read: [StageManifest]) throws(Failure) {
    let lines = read.map { $0.counts["lines"] ?? 0 }
    guard lines[0] == lines[1] else {
      throw Failure(
        .badData, sides[1].input, "has \(lines[1]) lines, but \(sides[0].input) has \(lines[0])",
        remedy: "line i of one text must be the translation of line i of the other")
    }
  }

  private func scores() throws(Failure) -> StageManifest {
    try stage(
      "scores",
      settings: [
        "margin": options.mining.margin.rawValue, "threshold": options.mining.threshold.map { "\($0)" } ?? "none",
        "fields": options.fields.map(\.rawValue).joined(separator: ","),
      ], outputs: [output],
      inputs: { () throws(Failure) in
        var inputs = try neighbours().outputs
        for side in 0...1 {
          inputs.merge(try read(side).outputs) { first, _ in first }
          inputs.merge(try embeddingDigests(side)) { first, _ in first }
        }
        return inputs
      }
    ) { () throws(Failure) in
      report("scoring")
      let found = try storedNeighbours()
      let lines = try read(0).counts["lines"] ?? 0
      let rows = [
        try Npy.readInt32(from: folder.file("source.rows.npy"), shape: [lines]),
        try Npy.readInt32(from: folder.file("target.rows.npy"), shape: [lines]),
      ]
      let writer = try PairWriter(
        fields: options.fields, source: readSide(text: folder.file("source.txt"), table: folder.file("source.tsv")),
        target: readSide(text: folder.file("target.txt"), table: folder.file("target.tsv")), neighbours: found)
      let scorer = LineScorer(PairMiner(found), source: try embeddings(0), target: try embeddings(1))
      let text = try TextWriter(path: output)
      var counts = ["written": 0, "empty": 0]
      var line: [UInt8] = []
      let compute = Compute(threads: threads)
      for first in stride(from: 0, to: lines, by: 1 << 14) {
        if Interruption.requested { throw Interruption.failure(folder.path) }
        let block = first..<min(first + 1 << 14, lines)
        let pairs = scorer.pairs(Array(rows[0][block]), Array(rows[1][block]), options.mining.margin, on: compute)
        for (i, pair) in pairs.enumerated() {
          if pair.source < 0 || pair.target < 0 { counts["empty", default: 0] += 1 }
          for threshold in thresholds where pair.score >= threshold { counts["\(threshold)", default: 0] += 1 }
          if pair.score < options.mining.threshold ?? -.infinity { continue }
          counts["written", default: 0] += 1
          line.removeAll(keepingCapacity: true)
          writer.append(pair, number: first + i, to: &line)
          try text.write(line.span)
        }
        report("scoring" + percent(Double(block.upperBound) / Double(lines)))
      }
      try text.commit()
      return counts
    }
  }

  // MARK: planted pairs

  private func calibrationStage() throws(Failure) -> StageManifest {
    guard let calibration = options.calibration else {
      throw Failure(
        .usage, "--only", "calibrate needs known pairs", remedy: "give --calibrate and --calibration-bitext")
    }
    return try stage(
      "calibrate",
      settings: [
        "pairs": "\(calibration.pairs)", "seed": "\(calibration.seed)", "k": "\(options.k)",
        "margin": options.mining.margin.rawValue, "retrieval": options.mining.retrieval.rawValue,
        "simd": Compute().simd,
      ], outputs: ["calibration.json"],
      inputs: { () throws(Failure) in
        var inputs = try neighbours().outputs
        for side in 0...1 {
          inputs.merge(try embeddingDigests(side)) { first, _ in first }
          inputs.merge(try read(side).outputs) { first, _ in first }
        }
        inputs.merge(try modelInputs()) { first, _ in first }
        inputs["bitext"] = try WorkFolder.digest(ofFile: calibration.bitext)
        return inputs
      }
    ) { () throws(Failure) in
      report("calibrating with \(calibration.pairs) planted pairs")
      let planted = try PlantedPairs(
        calibration,
        absentFrom: Self.sideNames.enumerated().map { (folder.file("\($1).txt"), storedText($0)) })
      let encoder = try loadedEncoder()
      let compute = Compute(threads: threads)
      let found = try planted.neighbours(
        among: storedNeighbours(), source: embeddings(0), target: embeddings(1), k: options.k, encoder: encoder,
        on: compute)
      let result = Calibration(PairMiner(found), planted: planted.count, options: options.mining)
      try JSONFile.write(result, to: folder.file("calibration.json"))
      return ["planted": planted.count]
    }
  }

  private func calibrate() throws(Failure) -> Calibration {
    _ = try calibrationStage()
    return try JSONFile.read(Calibration.self, from: folder.file("calibration.json"))
  }

  // MARK: plan

  /// What the whole run will take, from samples of the two texts.
  private func estimate() throws(Failure) -> MiningPlan {
    var texts: [TextEstimate] = []
    for side in sides { texts.append(try TextEstimate(path: side.input, options: side.text)) }
    return try plan(rows: texts.map(\.lines), bytes: texts.map(\.bytes))
  }

  /// The same from texts that have been read.
  private func plan(_ read: [StageManifest]) throws(Failure) -> MiningPlan {
    try plan(
      rows: read.map { $0.counts["unique"] ?? 0 },
      bytes: zip(Self.sideNames, read).map { $1.sizes["\($0).txt"] ?? 0 })
  }

  private func plan(rows: [Int], bytes: [Int]) throws(Failure) -> MiningPlan {
    MiningPlan(
      rows: rows, textBytes: bytes,
      configuration: try Configuration(path: "\(model)/\(ModelFolder.File.configuration)"), options: options,
      threads: threads)
  }
}

private func percent(_ share: Double?) -> String { share.map { ", \(Int($0 * 100)) %" } ?? "" }
