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

/// A side that was encoded and indexed before: what is kept so that the next dump of the other side costs no more than its own.
///
/// The index gives candidates; the rows are needed beside it. Cosines are computed from them, since an index may be compressed, and
/// they are the queries that find each row's neighbours in the new dump, without which a margin has no mean of that side.
public struct KeptSide: Sendable, Equatable {
  /// A Faiss file (inner product) over the rows, whose ids are their numbers from 0.
  public var index: String
  /// The rows, `.npy` files one after another: those of the text's different sentences, from the first on.
  public var embeddings: [String]

  /// An index and its rows.
  public init(index: String, embeddings: [String]) {
    self.index = index
    self.embeddings = embeddings
  }
}

/// How neighbours are searched.
public enum IndexChoice: Sendable, Equatable, CustomStringConvertible {
  /// Exactly up to 200,000 x 200,000 rows, else by cells that both sides share.
  case automatic
  /// Every row with every row.
  case exact
  /// Rows of cells that both sides share (`ListNeighbours`).
  case lists
  /// Through an index that is made from a Faiss factory string, for both sides.
  case factory(String)

  /// The products of rows up to which the automatic choice is exact.
  public static let exactProducts = 200_000 * 200_000

  /// `auto`, `exact`, `lists`, or a factory string.
  public init(_ text: String) {
    self =
      switch text {
      case "auto": .automatic
      case "exact": .exact
      case "lists": .lists
      default: .factory(text)
      }
  }

  /// As `init` reads it.
  public var description: String {
    switch self {
    case .automatic: "auto"
    case .exact: "exact"
    case .lists: "lists"
    case .factory(let name): name
    }
  }

  /// What is chosen for two sides.
  ///
  /// - Parameter rows: of the source and the target; asked for only where it decides.
  public func kind<Trouble: Error>(
    _ rows: () throws(Trouble) -> (sources: Int, targets: Int)
  ) throws(Trouble) -> SearchKind {
    switch self {
    case .exact: return .exact
    case .lists: return .lists
    case .factory(let name): return .indices(source: name, target: name)
    case .automatic:
      let (sources, targets) = try rows()
      let (products, overflow) = sources.multipliedReportingOverflow(by: targets)
      // The smaller side of two unequal ones may still be too small for cells.
      return !overflow && products <= Self.exactProducts || min(sources, targets) < 1000 ? .exact : .lists
    }
  }
}

extension IndexChoice {
  /// What is chosen where the target has an index already: for the source one of its own.
  ///
  /// - Parameters:
  ///   - kept: the target's index.
  ///   - sources, dimension: rows of the source, and elements of a row.
  func kind(beside kept: KeptSide, sources: Int, dimension: Int) -> SearchKind {
    if case .factory(let name) = self { return .indices(source: name, target: kept.index) }
    return .indices(
      source: FaissIndex.defaultFactory(rows: sources, dimension: dimension), target: kept.index)
  }
}

/// How neighbours are searched in a run whose sizes are known.
public enum SearchKind: Sendable, Equatable {
  /// Every row with every row.
  case exact
  /// By cells that both sides share.
  case lists
  /// Through Faiss indices over the source and the target, made from these factory strings; of a kept index its path.
  case indices(source: String, target: String)

  /// `exact`, `lists`, or the factory strings.
  public var names: [String] {
    switch self {
    case .exact: ["exact"]
    case .lists: ["lists"]
    case .indices(let source, let target): [source, target]
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
  /// Whether sentences are left out that are nearly the same as one before on their side.
  public var dropsNearDuplicates = false
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
  /// How indices are searched.
  public var engine = SearchEngine.lists
  /// Where the target was encoded and indexed before; nil to do that now.
  public var keptTarget: KeptSide?
  /// Cells that a query looks into; nil for `FaissIndex.defaultProbes`, with lists for what `recall` asks for.
  public var probes: Int?
  /// With lists, the share of true neighbours that is wanted in each direction.
  public var recall = ListNeighbours.defaultRecall
  /// Parts of the sides.
  public var shards = ShardChoice.automatic
  /// Margin, strategy, threshold.
  public var mining = MiningOptions()
  /// Without a threshold: the precision that decides where the pairs are cut; nil keeps all.
  public var precision: PrecisionGoal?
  /// The columns of the output.
  public var fields = PairField.standard
  /// Pairs with one of these flags are left out.
  public var dropped: Set<PairFlag> = []
  /// The path of a `PairFilter`; nil for none. Where it is given and no threshold, it decides which pairs are kept.
  public var filter: String?
  /// The lowest probability that is kept by the filter; nil if the precision decides.
  public var leastProbability: Double? = 0.5
  /// Whether the features of pairs must be found.
  var wantsFeatures: Bool { filter != nil || fields.contains(.features) || fields.contains(.probability) }
  /// Whether the flags of pairs must be found.
  var wantsFlags: Bool { fields.contains(.flags) || !dropped.isEmpty }
  /// Files that get the same pairs as the first output, each in the format of its name.
  public var furtherOutputs: [String] = []
  /// Whether the two texts are aligned, line by line, and each line is to be scored (`Pipeline.score`).
  public var aligned = false
  /// Whether and how to judge thresholds by planted pairs.
  public var calibration: CalibrationOptions?

  /// The defaults of `ems mine`.
  public init() {}
}
