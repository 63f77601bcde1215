import ArgumentParser
import Base
import Corpus
import Encoder
import Formats
import Foundation
import Index
import Mine

/// The options of everything that turns two texts into neighbours: mine, score and plan.
struct PipelineArguments: ParsableArguments {
  @Option(help: "Model folder.", completion: .directory)
  var model: String?

  @Option(help: "Language of the source text; not needed by a model that says nothing about languages.")
  var sourceLanguage: String?

  @Option(help: "Language of the target text.")
  var targetLanguage: String?

  @OptionGroup var prompt: PromptOption

  @OptionGroup var compute: ComputeOption

  @Option(help: "Folder for what the stages leave; OUTPUT.work if not given.", completion: .directory)
  var work: String?

  @Option(help: "Type of the embeddings in the work folder: float32 or float16.")
  var dtype: EmbeddingType = .float32

  @OptionGroup var filters: FilterArguments

  /// To be called by a command's `validate`.
  func require() throws {
    if model == nil { throw ValidationError("--model is needed to encode the texts.") }
    if filters.checkLanguage || filters.languageModel != nil, sourceLanguage == nil || targetLanguage == nil {
      throw ValidationError("--source-language and --target-language are needed to check the language of lines.")
    }
  }

  var modelPath: String { model ?? "" }

  /// What a run left, and where: the lines that end it.
  func outputLines(_ output: String, _ content: String) -> [String] {
    let folder = work ?? output + ".work"
    var size = 0
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
      size += attributes?[.size] as? Int ?? 0
    }
    return [
      "\(output): \(content)", "\(output).json: what they were made from",
      "\(folder): \(Format.bytes(size)) that a run with other options can use again; it may be removed",
    ]
  }

  func sides(_ source: String, _ target: String, _ text: TextOptions) throws(Failure) -> [PipelineSide] {
    var sides: [PipelineSide] = []
    for (input, code) in [(source, sourceLanguage), (target, targetLanguage)] {
      let language = try code.map { (text) throws(Failure) in try Language(parsing: text) }
      sides.append(PipelineSide(input: input, language: language, text: text))
    }
    return sides
  }

  /// Warns of languages that the model does not know.
  ///
  /// - Throws: `Failure` where the model needs a language that was not given.
  func checkLanguages(_ sides: [PipelineSide], _ model: ModelFolder, _ console: Console) throws(Failure) {
    try checkLanguage(sides[0].language, option: "--source-language", model, console)
    try checkLanguage(sides[1].language, option: "--target-language", model, console)
    // A prompt that the model lacks is said before any work.
    _ = try model.prompt(prompt.name)
  }

  /// Looks at the beginnings of both texts, and warns of what they may be.
  ///
  /// - Throws: `Failure` for a text that is none.
  func look(at sides: [PipelineSide], _ console: Console) throws(Failure) {
    let looks = try sides.map { side throws(Failure) in
      try TextLook(path: side.input, options: side.text, language: side.language)
    }
    for warning in TextLook.warnings(looks[0], looks[1], languages: (sides[0].language, sides[1].language)) {
      console.warn(warning)
    }
  }

  func options(_ sides: [PipelineSide], _ search: SearchArguments) throws(Failure) -> PipelineOptions {
    var options = PipelineOptions()
    options.type = dtype
    options.prompt = prompt.name
    options.arithmetic = compute.arithmetic
    search.apply(to: &options)
    if filters.given {
      let identifier = try filters.identifier()
      options.sourceFilter = try filters.filter(sides[0].language, identifier)
      options.targetFilter = try filters.filter(sides[1].language, identifier)
    }
    return options
  }
}

/// Which lines of a dump are left out.
struct FilterArguments: ParsableArguments {
  @Option(help: "Leave out lines with fewer characters.")
  var minCharacters: Int?

  @Option(help: "Leave out lines with more characters.")
  var maxCharacters: Int?

  @Flag(help: "Leave out lines without any letter.")
  var needLetters = false

  @Flag(help: "Leave out lines that are surely in another language (CLD2, or --language-model).")
  var checkLanguage = false

  @Option(help: "A fastText model that tells languages, such as lid.176.bin.", completion: .file())
  var languageModel: String?

  func validate() throws {
    if (minCharacters ?? 0) < 0 || (minCharacters ?? 0) > (maxCharacters ?? .max) {
      throw ValidationError("--min-characters must be from 0 to --max-characters.")
    }
  }

  var given: Bool {
    minCharacters != nil || maxCharacters != nil || needLetters || checkLanguage || languageModel != nil
  }

  func identifier() throws(Failure) -> LanguageIdentifier? {
    if let languageModel { return try LanguageIdentifier(fastText: languageModel) }
    return checkLanguage ? LanguageIdentifier() : nil
  }

  func filter(_ language: Language?, _ identifier: LanguageIdentifier?) throws(Failure) -> LineFilter {
    let (least, most) = (minCharacters ?? 0, maxCharacters ?? .max)
    guard let identifier, let language else {
      return try LineFilter(minCharacters: least, maxCharacters: most, needsLetters: needLetters)
    }
    return try LineFilter(
      minCharacters: least, maxCharacters: most, needsLetters: needLetters, expecting: language, by: identifier)
  }
}

/// How neighbours are searched.
struct SearchArguments: ParsableArguments {
  @OptionGroup var neighbours: NeighboursOption

  @Option(
    help: ArgumentHelp(
      "exact, lists (cells that both sides share), auto (exact up to 200,000 x 200,000, then lists), or a Faiss factory string such as IVF4096,Flat.",
      valueName: "auto|exact|lists|factory"))
  var index: IndexChoice = .automatic

  @Option(
    help: """
      Cells that a query looks into; if not given as many as --recall takes with lists, 1.4 times the root of their number, at \
      least 16, with an index.
      """)
  var nprobe: Int?

  @OptionGroup var engine: EngineOption

  @Option(help: ArgumentHelp("With lists, the share of true neighbours that shall be found.", valueName: "share"))
  var recall: Double = ListNeighbours.defaultRecall

  @Option(
    help: ArgumentHelp(
      "Parts that each side is cut into, N or SOURCExTARGET; one for each 500,000 sentences if not given. No influence on the result.",
      valueName: "n"))
  var shards: Shards?

  /// `4`, or `4x2`.
  struct Shards: ExpressibleByArgument {
    var source: Int, target: Int

    init?(argument: String) {
      let parts = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
      guard let first = parts[0], let last = parts[parts.count - 1], parts.count <= 2, (1...9999).contains(first),
        (1...9999).contains(last)
      else { return nil }
      (source, target) = (first, last)
    }
  }

  func apply(to options: inout PipelineOptions) {
    options.k = neighbours.k
    options.index = index
    options.probes = nprobe
    options.engine = engine.engine
    options.recall = recall
    if let shards { options.shards = .counts(source: shards.source, target: shards.target) }
  }

  func validate() throws {
    if let nprobe, nprobe < 1 { throw ValidationError("--nprobe must be at least 1.") }
    if !(recall > 0 && recall < 1) { throw ValidationError("--recall must be between 0 and 1, as 0.95.") }
  }
}

extension SearchEngine: ExpressibleByArgument {}

/// How an index is searched.
struct EngineOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      How an index is searched: lists multiplies the queries of each cell with its rows, faiss takes Faiss's own search, query by \
      query. Maps of ids are always searched by Faiss.
      """, valueName: "lists|faiss"))
  var engine: SearchEngine = .lists
}

/// What was made of the sides before.
struct MadeArguments: ParsableArguments {
  @Option(help: "Embeddings of the source side, a .npy file.", completion: .file(extensions: ["npy"]))
  var sourceEmbeddings: String?

  @Option(
    parsing: .singleValue,
    help: "Embeddings of the target side, a .npy file; several times for rows that lie in several files.",
    completion: .file(extensions: ["npy"]))
  var targetEmbeddings: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      An index over --target-embeddings (ems index build, or target.faiss of a work folder): the target is neither encoded nor \
      indexed again. --index is then for the source.
      """, valueName: "file"), completion: .file(extensions: ["faiss"]))
  var targetIndex: String?

  /// Whether both sides are given as embeddings.
  var areGiven: Bool { sourceEmbeddings != nil && !targetEmbeddings.isEmpty }

  /// The target of a run from texts that was encoded before.
  var keptTarget: KeptSide? { targetIndex.map { KeptSide(index: $0, embeddings: targetEmbeddings) } }

  var files: [String] { [sourceEmbeddings, targetIndex].compactMap { $0 } + targetEmbeddings }

  func validate() throws {
    if sourceEmbeddings != nil, targetEmbeddings.isEmpty {
      throw ValidationError("--source-embeddings and --target-embeddings go together.")
    }
    if targetIndex != nil, targetEmbeddings.isEmpty {
      throw ValidationError("--target-index needs the rows that it was built from: --target-embeddings.")
    }
    if sourceEmbeddings == nil, !targetEmbeddings.isEmpty, targetIndex == nil {
      throw ValidationError("--target-embeddings goes with --source-embeddings, or with texts and --target-index.")
    }
  }
}

/// Which pairs are written, how and where.
struct MiningArguments: ParsableArguments {
  @OptionGroup var marginOption: MarginOption

  @OptionGroup var retrievalOption: RetrievalOption

  @OptionGroup var thresholdOption: ThresholdOption

  @Option(
    help: ArgumentHelp(
      "Keep as many pairs as leave this share of right ones, as far as can be estimated; 0.9 if nothing else is asked for.",
      valueName: "share"))
  var precision: Double?

  @Flag(help: "Keep every pair.")
  var all = false

  @Option(help: "With forward (or backward) retrieval, the most pairs that one target (or source) may be in.")
  var limit: Int?

  @Option(help: "Columns to write, comma-separated: \(PairField.allCases.map(\.rawValue).joined(separator: ", ")).")
  var fields: String?

  @OptionGroup var dropOption: DropOption

  @Option(
    help: ArgumentHelp(
      """
      Keep the pairs that this filter (ems filter train, models/ems-mini/filter.json) gives a probability of at least 0.5, \
      or with --precision as many as have that precision by their probabilities.
      """, valueName: "file"), completion: .file(extensions: ["json"]))
  var filter: String?

  @OptionGroup var destination: OutputsArguments

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1.") }
    if let precision, !(precision > 0 && precision < 1) {
      throw ValidationError("--precision must be between 0 and 1, as 0.9.")
    }
    if [thresholdOption.threshold != nil, precision != nil, all].count(where: { $0 }) > 1 {
      throw ValidationError("--threshold, --precision and --all exclude each other.")
    }
    let wanted = try fields.map { try PairField.parse($0) } ?? []
    if wanted.contains(.probability), filter == nil { throw ValidationError("The field probability needs --filter.") }
    if all, filter != nil { throw ValidationError("--all and --filter exclude each other.") }
  }

  func pairFields() throws -> [PairField] { try fields.map { try PairField.parse($0) } ?? PairField.standard }

  /// What decides where pairs are cut if there is no threshold.
  var goal: PrecisionGoal? {
    if all || thresholdOption.threshold != nil { return nil }
    return precision.map { PrecisionGoal($0) } ?? .standard
  }

  var options: MiningOptions {
    var options = MiningOptions()
    options.margin = marginOption.margin
    options.retrieval = retrievalOption.retrieval
    options.threshold = thresholdOption.threshold
    options.limit = limit
    return options
  }
}

/// Where pairs go.
struct OutputsArguments: ParsableArguments {
  @Option(
    name: [.customShort("o"), .customLong("output")], parsing: .singleValue,
    help: ArgumentHelp(
      """
      Where the pairs go: .jsonl gives JSON lines, .tmx TMX 1.4, a name with %s for the language Moses' two files, any other \
      name a table; .zst and .gz behind that are compressed; - is standard output. May be given several times.
      """, valueName: "output"))
  var outputs: [String] = []

  /// The first, beside which the record and the work folder are.
  var first: String { outputs.first ?? "-" }
  /// The others.
  var further: [String] { Array(outputs.dropFirst()) }

  func validate() throws {
    if outputs.contains("-"), outputs.count > 1 {
      throw ValidationError("Standard output cannot be one of several outputs.")
    }
    if Set(outputs).count < outputs.count { throw ValidationError("An --output is given twice.") }
  }
}

/// Planted pairs.
struct CalibrationArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Hide this many known pairs among the dumps, and say how well each threshold finds them.", valueName: "n"))
  var calibrate: Int?

  @Option(help: "Where they come from: lines of `source TAB target`.", completion: .file())
  var calibrationBitext: String?

  func validate() throws {
    if (calibrate == nil) != (calibrationBitext == nil) {
      throw ValidationError("--calibrate and --calibration-bitext go together.")
    }
    if let calibrate, calibrate < 1 { throw ValidationError("--calibrate must be at least 1.") }
  }

  func options(seed: UInt64) -> CalibrationOptions? {
    guard let calibrate, let calibrationBitext else { return nil }
    return CalibrationOptions(bitext: calibrationBitext, pairs: calibrate, seed: seed)
  }
}

extension Duration {
  var seconds: Double { self / .seconds(1) }
}

extension Double {
  var rounded2: String { String(format: "%.2f", self) }
}
