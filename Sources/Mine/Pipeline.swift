import Base
import Corpus
import Encoder
import Index
import Kernels

/// One side of a mining run.
public struct PipelineSide: Sendable {
  /// The dump.
  public var input: String
  /// Its language.
  public var language: Language

  /// A dump in a language.
  public init(input: String, language: Language) {
    self.input = input
    self.language = language
  }
}

/// Everything that decides the outcome of a mining run.
public struct PipelineOptions: Sendable {
  /// How lines are read.
  public var text = TextOptions()
  /// The type of the embedding files.
  public var type = EmbeddingType.float32
  /// Neighbours looked at for every sentence.
  public var k = 4
  /// Margin, strategy, threshold.
  public var mining = MiningOptions()
  /// The columns of the output.
  public var fields = PairField.standard

  /// The defaults of `ems mine`.
  public init() {}
}

/// What a mining run did.
public struct PipelineSummary: Sendable, Codable {
  /// A stage and how long it took.
  public struct Stage: Sendable, Codable {
    /// `read-source`, `read-target`, `encode-source`, `encode-target`, `search`, `pairs`.
    public var name: String
    /// Wall-clock time; 0 if it was left out.
    public var seconds: Double
    /// Whether an earlier run had done it.
    public var skipped: Bool
  }

  /// For the source and the target: lines read, and different sentences among them, which are the rows encoded.
  public var sourceLines = 0, sourceUnique = 0, targetLines = 0, targetUnique = 0
  /// Lines left out because they are empty.
  public var sourceEmpty = 0, targetEmpty = 0
  /// Different pairs that are some row's best.
  public var candidates = 0
  /// Pairs written.
  public var pairs = 0
  /// Pairs at some thresholds, as `1.06`; only those that are not below the run's own.
  public var pairsAtThreshold: [String: Int] = [:]
  /// The stages in their order.
  public var stages: [Stage] = []
  /// Where the pairs are.
  public var output = ""

  private enum CodingKeys: String, CodingKey {
    case candidates, pairs, stages, output
    case sourceLines = "source_lines"
    case sourceUnique = "source_unique"
    case targetLines = "target_lines"
    case targetUnique = "target_unique"
    case sourceEmpty = "source_empty"
    case targetEmpty = "target_empty"
    case pairsAtThreshold = "pairs_at_threshold"
  }
}

/// Mines two dumps for parallel sentences, in stages whose results are kept in a work folder.
///
/// The stages are read (of both sides), encode (of both sides), search, and pairs. Killed anywhere and started again, a run
/// ends with the same bytes.
///
/// - Parameters:
///   - model: loaded only when something is to be encoded; the path of a model folder.
///   - output: a name as `TextWriter` takes it; not standard output, since a stage's output is checked when it is met again.
///   - progress: called with a line that says how far a stage has come.
/// - Throws: `Failure` of any stage.
public func minePipeline(
  source: PipelineSide, target: PipelineSide, model: String, options: PipelineOptions, output: String, work: String,
  threads: Int, progress: @escaping @Sendable (String) -> Void
) throws(Failure) -> PipelineSummary {
  let folder = try WorkFolder(path: work)
  // An output in the current folder is no file of the work folder.
  let outputPath = output.contains("/") ? output : "./\(output)"
  var summary = PipelineSummary()
  summary.output = output
  func note(_ result: (manifest: StageManifest, skipped: Bool)) {
    let seconds = result.skipped ? 0 : result.manifest.seconds
    summary.stages.append(
      PipelineSummary.Stage(name: result.manifest.stage, seconds: seconds, skipped: result.skipped))
  }

  // 1 read: each different sentence once
  var read: [StageManifest] = []
  for (name, side) in [("source", source), ("target", target)] {
    let result = try folder.run(
      "read-\(name)", inputs: ["text": WorkFolder.digest(ofFile: side.input)],
      settings: [
        "format": "\(options.text.format)", "strict": "\(options.text.strict)",
        "max_line_bytes": "\(options.text.maxLineBytes)",
      ], outputs: ["\(name).txt", "\(name).tsv"]
    ) { () throws(Failure) in
      let read = try readStage(
        input: side.input, options: options.text, text: folder.file("\(name).txt"), table: folder.file("\(name).tsv"),
        progress: { share, lines in progress("reading \(side.input): \(lines) lines" + percent(share)) })
      return [
        "lines": read.lines, "empty": read.empty, "unique": read.unique, "repaired": read.repaired, "cut": read.cut,
        "tabs": read.tabs,
      ]
    }
    note(result)
    read.append(result.manifest)
  }
  func count(_ side: Int, _ key: String) -> Int { read[side].counts[key] ?? 0 }
  (summary.sourceLines, summary.targetLines) = (count(0, "lines"), count(1, "lines"))
  (summary.sourceUnique, summary.targetUnique) = (count(0, "unique"), count(1, "unique"))
  (summary.sourceEmpty, summary.targetEmpty) = (count(0, "empty"), count(1, "empty"))

  // 2 encode
  var modelDigests: [String: String] = [:]
  for name in ["config.json", "model.safetensors", "sentencepiece.model"] {
    modelDigests["model/\(name)"] = try WorkFolder.digest(ofFile: "\(model)/\(name)")
  }
  var encoder: SentenceEncoder?
  var encoded: [StageManifest] = []
  for (index, name) in ["source", "target"].enumerated() {
    var inputs = modelDigests
    inputs["text"] = read[index].outputs["\(name).txt"]
    // The instruction set is part of the settings: another one rounds differently.
    let result = try folder.run(
      "encode-\(name)", inputs: inputs, settings: ["type": options.type.rawValue, "simd": Compute().simd],
      outputs: ["\(name).npy"]
    ) { () throws(Failure) in
      let loaded: SentenceEncoder
      if let encoder {
        loaded = encoder
      } else {
        loaded = try SentenceEncoder(ModelFolder(path: model), threads: threads)
      }
      encoder = loaded
      let result = try encodeFile(
        input: folder.file("\(name).txt"), options: TextOptions(format: .raw, maxLineBytes: 1 << 30),
        encoder: loaded, output: folder.file("\(name).npy"), type: options.type
      ) { state in
        progress("encoding \(name): \(Int(Double(state.tokens) / state.seconds)) tokens/s" + percent(state.fraction))
      }
      return ["rows": result.rows, "tokens": result.tokens]
    }
    note(result)
    encoded.append(result.manifest)
  }
  encoder = nil

  // 3 search
  let files = NeighbourFiles.names("forward") + NeighbourFiles.names("backward")
  let searched = try folder.run(
    "search",
    inputs: ["source": encoded[0].outputs["source.npy"] ?? "", "target": encoded[1].outputs["target.npy"] ?? ""],
    settings: ["k": "\(options.k)", "index": "exact", "simd": Compute().simd], outputs: files
  ) { () throws(Failure) in
    let compute = Compute(threads: threads)
    let search = try ExactNeighbours(
      source: EmbeddingSide(EmbeddingFile(path: folder.file("source.npy")), on: compute),
      target: EmbeddingSide(EmbeddingFile(path: folder.file("target.npy")), on: compute), k: options.k)
    let found = search.search(
      on: compute, progress: { progress("search" + percent($0)) }, shouldStop: { Interruption.requested })
    guard let found else { throw Interruption.failure(work) }
    try NeighbourFiles.write(found.forward, to: folder.file("forward"))
    try NeighbourFiles.write(found.backward, to: folder.file("backward"))
    return ["zero_source_rows": search.source.zeroRows, "zero_target_rows": search.target.zeroRows]
  }
  note(searched)

  // 4 pairs
  var inputs = searched.manifest.outputs
  for side in read { inputs.merge(side.outputs) { first, _ in first } }
  let thresholds = options.mining.margin == .ratio ? [1.0, 1.02, 1.04, 1.06, 1.08, 1.1, 1.2, 1.3] : []
  let written = try folder.run(
    "pairs", inputs: inputs,
    settings: [
      "margin": options.mining.margin.rawValue, "retrieval": options.mining.retrieval.rawValue,
      "threshold": options.mining.threshold.map { "\($0)" } ?? "none",
      "limit": options.mining.limit.map { "\($0)" } ?? "none",
      "fields": options.fields.map(\.rawValue).joined(separator: ","),
    ], outputs: [outputPath]
  ) { () throws(Failure) in
    progress("scoring")
    let (sources, targets) = (count(0, "unique"), count(1, "unique"))
    let found = TwoWayNeighbours(
      sources: 0..<sources, targets: 0..<targets,
      forward: try NeighbourFiles.read(from: folder.file("forward"), count: targets),
      backward: try NeighbourFiles.read(from: folder.file("backward"), count: sources))
    let writer = try PairWriter(
      fields: options.fields, source: readSide(text: folder.file("source.txt"), table: folder.file("source.tsv")),
      target: readSide(text: folder.file("target.txt"), table: folder.file("target.tsv")), neighbours: found)
    let (pairs, candidates) = PairMiner(found).pairs(options.mining)
    try writer.write(pairs, to: outputPath)
    var counts = ["candidates": candidates, "pairs": pairs.count]
    for threshold in thresholds where threshold >= options.mining.threshold ?? -.infinity {
      counts["\(threshold)"] = pairs.count { $0.score >= threshold }
    }
    return counts
  }
  note(written)
  summary.candidates = written.manifest.counts["candidates"] ?? 0
  summary.pairs = written.manifest.counts["pairs"] ?? 0
  for threshold in thresholds { summary.pairsAtThreshold["\(threshold)"] = written.manifest.counts["\(threshold)"] }
  return summary
}

private func percent(_ share: Double?) -> String { share.map { ", \(Int($0 * 100)) %" } ?? "" }
