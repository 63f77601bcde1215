import Corpus
import Work

/// What a mining run did.
public struct PipelineSummary: Sendable, Encodable {
  /// What became of one side's lines.
  public struct Lines: Sendable, Codable {
    /// Lines read, and different sentences among them, which are the rows encoded.
    public var lines = 0, unique = 0
    /// Lines left out because they are empty.
    public var empty = 0
    /// Lines mended: invalid UTF-8 replaced, ends cut off, tabs replaced.
    public var repaired = 0, cut = 0, tabs = 0
    /// Lines with signs of UTF-8 that was taken for Latin-1 or Windows-1252 before.
    public var mojibake = 0
    /// Lines that a filter left out, by its reason.
    public var dropped: [String: Int] = [:]
    /// Carriage returns inside lines that became spaces.
    public var carriageReturns = 0
    /// Sentences that the encoder cut at the model's longest input: what follows has no part in their embeddings.
    public var truncated = 0

    private enum CodingKeys: String, CodingKey {
      case lines, unique, empty, repaired, cut, tabs, dropped, mojibake
      case carriageReturns = "carriage_returns"
      case truncated = "truncated_lines"
    }

    /// Documents, and what was found in them; nil for plain lines.
    public var documents: DocumentCounts?

    /// Of no lines.
    public init() {}

    init(_ read: ReadSummary, truncated: Int) {
      self.truncated = truncated
      (lines, unique, empty) = (read.lines, read.unique, read.empty)
      carriageReturns = read.carriageReturns
      (repaired, cut, tabs, dropped) = (read.repaired, read.cut, read.tabs, read.dropped)
      mojibake = read.mojibake
      documents = read.documents
    }
  }

  /// The two sides.
  public var source = Lines(), target = Lines()
  /// `exact`, or the factory strings of the indices over source and target.
  public var index: [String] = []
  /// Of a search by lists: cells, cells that a row looked into, and the share of true neighbours that was wanted.
  public var lists: ListCounts?
  /// The share of the true k nearest neighbours that were found, in a sample of each side's rows; 1 for exact search.
  public var sourceRecall = 1.0, targetRecall = 1.0
  /// Different pairs that are some row's best.
  public var candidates = 0
  /// Pairs written.
  public var pairs = 0
  /// Pairs at some thresholds, as `1.06`; only those that are not below the run's own.
  public var pairsAtThreshold: [String: Int] = [:]
  /// Pairs left out for a flag, by the first flag that was not wanted.
  public var droppedPairs: [String: Int] = [:]
  /// What is estimated of the pairs, with the table of thresholds; nil where there are too few.
  public var estimate: PrecisionEstimate?
  /// Where the pairs were cut.
  public var cut: Cut?
  /// What planted pairs said, if there were any.
  public var calibration: Calibration?
  /// The stages in their order.
  public var stages: [StageTiming] = []
  /// Where the pairs are.
  public var output = ""

  private enum CodingKeys: String, CodingKey {
    case source, target, index, candidates, pairs, calibration, stages, output
    case sourceRecall = "source_recall"
    case targetRecall = "target_recall"
    case pairsAtThreshold = "pairs_at_threshold"
    case droppedPairs = "dropped_pairs"
  }

  /// Writes the estimate and the cut as keys beside the others: `thresholds`, `threshold`, `threshold_reason`.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(source, forKey: .source)
    try values.encode(target, forKey: .target)
    try values.encode(index, forKey: .index)
    try lists?.encode(to: encoder)
    try values.encode(sourceRecall, forKey: .sourceRecall)
    try values.encode(targetRecall, forKey: .targetRecall)
    try values.encode(candidates, forKey: .candidates)
    try values.encode(pairs, forKey: .pairs)
    try values.encode(pairsAtThreshold, forKey: .pairsAtThreshold)
    try values.encode(droppedPairs, forKey: .droppedPairs)
    try values.encodeIfPresent(calibration, forKey: .calibration)
    try values.encode(stages, forKey: .stages)
    try values.encode(output, forKey: .output)
    try EstimateRecord(estimate, cut).encode(to: encoder)
  }
}

/// What scoring an aligned text did.
public struct ScoreSummary: Sendable, Codable {
  /// Lines of both texts, and those where a side is empty, whose score is 0.
  public var lines = 0, empty = 0
  /// Lines written: all, or those that pass the threshold.
  public var written = 0
  /// The share of the true neighbours that were found, as in `PipelineSummary`.
  public var sourceRecall = 1.0, targetRecall = 1.0
  /// Lines at some thresholds, as `1.06`.
  public var linesAtThreshold: [String: Int] = [:]
  /// Lines left out for a flag, by the first flag that was not wanted.
  public var droppedLines: [String: Int] = [:]
  /// Sentences of the source and the target that the encoder cut at the model's longest input.
  public var sourceTruncated = 0, targetTruncated = 0
  /// The stages in their order.
  public var stages: [StageTiming] = []
  /// Where the lines are.
  public var output = ""

  private enum CodingKeys: String, CodingKey {
    case lines, empty, written, stages, output
    case sourceRecall = "source_recall"
    case targetRecall = "target_recall"
    case linesAtThreshold = "lines_at_threshold"
    case droppedLines = "dropped_lines"
    case sourceTruncated = "source_truncated_lines"
    case targetTruncated = "target_truncated_lines"
  }
}
