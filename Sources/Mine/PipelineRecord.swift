import Base
import Corpus
import Work

/// What is written beside mined pairs and scored lines, as `OUTPUT.json`: where they come from, in words and digests. Nothing in it depends on
/// the machine's speed or on what an earlier run had done, so that the same run writes the same bytes.
struct PipelineRecord: Encodable {
  struct Side: Encodable {
    var input: String
    var language: String?
    var digest: String?
    var filter: [String: String]?
    var lines: PipelineSummary.Lines
  }

  var version = Version.current
  var source: Side, target: Side
  /// Digests of the model's files.
  var model: [String: String]
  var settings: [String: String]
  var lists: ListCounts?
  var sourceRecall: Double, targetRecall: Double
  /// Of mined pairs, and of scored lines.
  var candidates: Int?, pairs: Int?, calibration: Calibration?, written: Int?
  /// Of mined pairs: what is estimated, and where they were cut.
  var estimate: EstimateRecord?

  private enum CodingKeys: String, CodingKey {
    case version, source, target, model, settings, candidates, pairs, calibration, written
    case sourceRecall = "source_recall"
    case targetRecall = "target_recall"
  }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(version, forKey: .version)
    try values.encode(source, forKey: .source)
    try values.encode(target, forKey: .target)
    try values.encode(model, forKey: .model)
    try values.encode(settings, forKey: .settings)
    try lists?.encode(to: encoder)
    try values.encode(sourceRecall, forKey: .sourceRecall)
    try values.encode(targetRecall, forKey: .targetRecall)
    try values.encodeIfPresent(candidates, forKey: .candidates)
    try values.encodeIfPresent(pairs, forKey: .pairs)
    try values.encodeIfPresent(calibration, forKey: .calibration)
    try values.encodeIfPresent(written, forKey: .written)
    try estimate?.encode(to: encoder)
  }

  init(
    sides: [PipelineSide], options: PipelineOptions, read: [StageManifest<ReadSummary>],
    truncated: [Int], model: [String: String], index: [String], lists: ListCounts?,
    recall: (source: Double, target: Double)
  ) {
    func side(_ i: Int, _ filter: LineFilter?) -> Side {
      Side(
        input: sides[i].input, language: sides[i].language?.code, digest: read[i].inputs["text"],
        filter: filter?.digestSettings, lines: PipelineSummary.Lines(read[i].counts, truncated: truncated[i]))
    }
    source = side(0, options.sourceFilter)
    target = side(1, options.targetFilter)
    self.model = model
    settings = [
      "dtype": options.type.rawValue, "k": "\(options.k)", "margin": options.mining.margin.rawValue,
      "index": index.joined(separator: " "), "fields": options.fields.map(\.rawValue).joined(separator: ","),
    ]
    if !options.aligned { settings["retrieval"] = options.mining.retrieval.rawValue }
    settings["threshold"] = options.mining.threshold.map { "\($0)" }
    if !options.dropped.isEmpty { settings["drop"] = options.dropped.map(\.rawValue).sorted().joined(separator: ",") }
    settings["limit"] = options.mining.limit.map { "\($0)" }
    if options.dropsNearDuplicates { settings["near_duplicates"] = "dropped" }
    settings["compute"] = options.arithmetic?.rawValue
    self.lists = lists
    if options.engine != .lists { settings["engine"] = options.engine.rawValue }
    settings["nprobe"] = options.probes.map { "\($0)" }
    settings["calibration_bitext"] = options.calibration?.bitext
    settings["calibration_seed"] = options.calibration.map { "\($0.seed)" }
    (sourceRecall, targetRecall) = recall
  }
}
