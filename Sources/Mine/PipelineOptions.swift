import Base
import Corpus
import Formats
import Index

/// One side of a mining run.
public struct PipelineSide: Sendable {
  /// The dump.
  public var input: String
  /// Its language.
  public var language: Language
  /// How its lines are read.
  public var text: TextOptions

  /// A dump in a language.
  public init(input: String, language: Language, text: TextOptions = TextOptions()) {
    self.input = input
    self.language = language
    self.text = text
  }
}

/// How neighbours are searched.
public enum IndexChoice: Sendable, Equatable, CustomStringConvertible {
  /// Exactly up to 200,000 x 200,000 rows, else through the index that `FaissIndex.defaultFactory` names for each side.
  case automatic
  /// Every row with every row.
  case exact
  /// Through an index that is made from a Faiss factory string, for both sides.
  case factory(String)

  /// The products of rows up to which the automatic choice is exact.
  public static let exactProducts = 200_000 * 200_000

  /// `auto`, `exact`, or a factory string.
  public init(_ text: String) {
    self =
      switch text {
      case "auto": .automatic
      case "exact": .exact
      default: .factory(text)
      }
  }

  /// As `init` reads it.
  public var description: String {
    switch self {
    case .automatic: "auto"
    case .exact: "exact"
    case .factory(let name): name
    }
  }

  /// The factory strings of the indices over the source and the target; nil for exact search.
  ///
  /// - Parameter size: rows of the source and the target, and elements of a row; asked for only where it decides.
  public func factories<Trouble: Error>(
    _ size: () throws(Trouble) -> (sources: Int, targets: Int, dimension: Int)
  ) throws(Trouble) -> (source: String, target: String)? {
    switch self {
    case .exact: return nil
    case .factory(let name): return (name, name)
    case .automatic:
      let (sources, targets, dimension) = try size()
      if sources.multipliedReportingOverflow(by: targets).partialValue <= Self.exactProducts,
        !sources.multipliedReportingOverflow(by: targets).overflow
      {
        return nil
      }
      // The smaller side of two unequal ones may still be too small for cells.
      let limit = 40_000
      return (
        FaissIndex.defaultFactory(rows: sources, dimension: dimension, exactUpTo: limit),
        FaissIndex.defaultFactory(rows: targets, dimension: dimension, exactUpTo: limit)
      )
    }
  }
}

/// Into how many parts a side is cut for encoding and searching. It has no influence on the result: a part is what is lost
/// when a run is killed, and what a cluster gives to one machine.
public enum ShardChoice: Sendable, Equatable {
  /// One for each 500,000 sentences.
  case automatic
  /// So many for the source and the target.
  case counts(source: Int, target: Int)

  /// The shards of the source (side 0) or the target (side 1).
  ///
  /// - Parameter rows: of that side; asked for only where it decides.
  func count<Trouble: Error>(_ side: Int, rows: () throws(Trouble) -> Int) throws(Trouble) -> Int {
    switch self {
    case .automatic: max(1, try (rows() + 499_999) / 500_000)
    case .counts(let source, let target): side == 0 ? source : target
    }
  }
}

/// Known pairs that are hidden among the dumps to see how well a threshold tells pairs.
public struct CalibrationOptions: Sendable, Equatable {
  /// A small bitext: lines of `source TAB target`.
  public var bitext: String
  /// How many of its pairs to plant.
  public var pairs: Int
  /// Which ones: drawn with this seed.
  public var seed: UInt64

  /// Pairs from a bitext.
  public init(bitext: String, pairs: Int, seed: UInt64 = 1) {
    self.bitext = bitext
    self.pairs = pairs
    self.seed = seed
  }
}

/// Everything that decides the outcome of a mining run.
public struct PipelineOptions: Sendable {
  /// Which lines of the source and the target are left out.
  public var sourceFilter: LineFilter?, targetFilter: LineFilter?
  /// The type of the embedding files.
  public var type = EmbeddingType.float32
  /// Neighbours looked at for every sentence.
  public var k = 4
  /// Exact search, or an index.
  public var index = IndexChoice.automatic
  /// Cells of an index that a query looks into; nil for `FaissIndex.defaultProbes`.
  public var probes: Int?
  /// Parts of the sides.
  public var shards = ShardChoice.automatic
  /// Margin, strategy, threshold.
  public var mining = MiningOptions()
  /// The columns of the output.
  public var fields = PairField.standard
  /// Whether the two texts are aligned, line by line, and each line is to be scored (`Pipeline.score`).
  public var aligned = false
  /// Whether and how to judge thresholds by planted pairs.
  public var calibration: CalibrationOptions?

  /// The defaults of `ems mine`.
  public init() {}
}

/// What a mining run did.
public struct PipelineSummary: Sendable, Codable {
  /// A stage and how long it took.
  public struct Stage: Sendable, Codable {
    /// Its name, as `Pipeline.run(only:)` takes it.
    public var name: String
    /// Wall-clock time; 0 if it was left out.
    public var seconds: Double
    /// Whether an earlier run had done it.
    public var skipped: Bool
  }

  /// What became of one side's lines.
  public struct Lines: Sendable, Codable {
    /// Lines read, and different sentences among them, which are the rows encoded.
    public var lines = 0, unique = 0
    /// Lines left out because they are empty.
    public var empty = 0
    /// Lines mended: invalid UTF-8 replaced, ends cut off, tabs replaced.
    public var repaired = 0, cut = 0, tabs = 0
    /// Lines that a filter left out, by its reason.
    public var dropped: [String: Int] = [:]
  }

  /// The two sides.
  public var source = Lines(), target = Lines()
  /// `exact`, or the factory strings of the indices over source and target.
  public var index: [String] = []
  /// The share of the true k nearest neighbours that were found, in a sample of each side's rows; 1 for exact search.
  public var sourceRecall = 1.0, targetRecall = 1.0
  /// Different pairs that are some row's best.
  public var candidates = 0
  /// Pairs written.
  public var pairs = 0
  /// Pairs at some thresholds, as `1.06`; only those that are not below the run's own.
  public var pairsAtThreshold: [String: Int] = [:]
  /// What planted pairs said, if there were any.
  public var calibration: Calibration?
  /// The stages in their order.
  public var stages: [Stage] = []
  /// Where the pairs are.
  public var output = ""

  private enum CodingKeys: String, CodingKey {
    case source, target, index, candidates, pairs, calibration, stages, output
    case sourceRecall = "source_recall"
    case targetRecall = "target_recall"
    case pairsAtThreshold = "pairs_at_threshold"
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
  /// The stages in their order.
  public var stages: [PipelineSummary.Stage] = []
  /// Where the lines are.
  public var output = ""

  private enum CodingKeys: String, CodingKey {
    case lines, empty, written, stages, output
    case sourceRecall = "source_recall"
    case targetRecall = "target_recall"
    case linesAtThreshold = "lines_at_threshold"
  }
}
