import Base
import Corpus
import Formats
import Glibc
import Index
import Kernels

/// One side of a mining run.
public struct PipelineSide: Sendable {
  /// The dump.
  public var input: String
  /// Its language; nil where nobody needs to know.
  public var language: Language?
  /// How its lines are read.
  public var text: TextOptions
  /// How it is cut into sentences if it holds documents; nil leaves each of their lines a sentence.
  public var splitting: SplitOptions?

  /// Whether the dump is standard input, a pipe or the like, which can be read only once.
  public var isPipe: Bool {
    var status = stat()
    if input == "-" { return true }
    let found = unsafe stat(input, &status)
    return found == 0 && ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
  }

  /// A dump in a language.
  public init(input: String, language: Language?, text: TextOptions = TextOptions()) {
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
  /// The name of the model's prompt that goes before every sentence; nil for the model's default.
  public var prompt: String?
  /// What the encoder's products are computed in; nil for what the model is stored as.
  public var arithmetic: Arithmetic?
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
  /// Without a threshold: the precision that decides where the pairs are cut; nil keeps all.
  public var precision: PrecisionGoal?
  /// The columns of the output.
  public var fields = PairField.standard
  /// Files that get the same pairs as the first output, each in the format of its name.
  public var furtherOutputs: [String] = []
  /// Whether the two texts are aligned, line by line, and each line is to be scored (`Pipeline.score`).
  public var aligned = false
  /// Whether and how to judge thresholds by planted pairs.
  public var calibration: CalibrationOptions?

  /// The defaults of `ems mine`.
  public init() {}
}
