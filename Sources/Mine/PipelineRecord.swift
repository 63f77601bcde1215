import Base
import Corpus

/// What is written beside mined pairs, as `OUTPUT.json`: where they come from, in words and digests. Nothing in it depends on
/// the machine's speed or on what an earlier run had done, so that the same run writes the same bytes.
struct PipelineRecord: Encodable {
  struct Side: Encodable {
    var input: String
    var language: String
    var digest: String?
    var filter: [String: String]?
    var lines: PipelineSummary.Lines
  }

  var version = Version.current
  var source: Side, target: Side
  /// Digests of the model's files.
  var model: [String: String]
  var settings: [String: String]
  var sourceRecall: Double, targetRecall: Double
  var candidates: Int, pairs: Int
  var calibration: Calibration?

  private enum CodingKeys: String, CodingKey {
    case version, source, target, model, settings, candidates, pairs, calibration
    case sourceRecall = "source_recall"
    case targetRecall = "target_recall"
  }

  init(
    sides: [PipelineSide], options: PipelineOptions, read: [StageManifest], model: [String: String],
    summary: PipelineSummary
  ) {
    func side(_ i: Int, _ filter: LineFilter?, _ lines: PipelineSummary.Lines) -> Side {
      Side(
        input: sides[i].input, language: sides[i].language.code, digest: read[i].inputs["text"],
        filter: filter?.digestSettings, lines: lines)
    }
    source = side(0, options.sourceFilter, summary.source)
    target = side(1, options.targetFilter, summary.target)
    self.model = model
    settings = [
      "dtype": options.type.rawValue, "k": "\(options.k)", "margin": options.mining.margin.rawValue,
      "retrieval": options.mining.retrieval.rawValue, "index": summary.index.joined(separator: " "),
      "fields": options.fields.map(\.rawValue).joined(separator: ","),
    ]
    settings["threshold"] = options.mining.threshold.map { "\($0)" }
    settings["limit"] = options.mining.limit.map { "\($0)" }
    settings["nprobe"] = options.probes.map { "\($0)" }
    (sourceRecall, targetRecall) = (summary.sourceRecall, summary.targetRecall)
    (candidates, pairs) = (summary.candidates, summary.pairs)
    calibration = summary.calibration
  }
}
