import Base
import Corpus
import Encoder
import Formats
import Index
import Kernels
import Work

/// One of the two sides of a run.
enum Side: String, CaseIterable, CustomStringConvertible {
  case source, target

  /// Its place in lists of two.
  var number: Int { self == .source ? 0 : 1 }
  var other: Side { self == .source ? .target : .source }
  var description: String { rawValue }

  // Its files in the work folder.
  var text: String { "\(self).txt" }
  var table: String { "\(self).tsv" }
  var rowsOfLines: String { "\(self).rows.npy" }
  var trainedIndex: String { "\(self).trained.faiss" }
  var index: String { "\(self).faiss" }
  func embeddings(_ shard: Int) -> String { "\(self).\(shard).npy" }
  func index(_ shard: Int) -> String { "\(self).\(shard).faiss" }
}

/// The stages of a run, each declared in a file of the folder Stages, and what they all look at.
final class PipelineStages {
  let sides: [PipelineSide]
  let model: String
  let options: PipelineOptions
  /// Where pairs go, each in the format of its name.
  let outputs: [String]
  /// The first of them, beside which the record is written.
  var output: String { outputs[0] }
  let threads: Int
  let job: Job
  let run: StageRun
  var folder: WorkFolder { run.folder }

  private var encoder: SentenceEncoder?
  private var splitters: WordSplitters?
  private var keptFiles: [EmbeddingFile]?
  /// For each side a line whose place in the stored text is known: where the search for a later one begins.
  private var places = [LinePlace(), LinePlace()]

  init(
    sides: [PipelineSide], model: String, options: PipelineOptions, outputs: [String], threads: Int, job: Job,
    run: StageRun
  ) {
    self.sides = sides
    self.model = model
    self.options = options
    self.outputs = outputs
    self.threads = threads
    self.job = job
    self.run = run
  }

  // MARK: texts

  /// How many different sentences a side has.
  func rows(_ side: Side) throws(Failure) -> Int { try run.counts(of: read(side)).unique }

  func shards(_ side: Side) throws(Failure) -> Int {
    if kept(side) != nil { return try keptFiles(side).count + (grows(side) ? 1 : 0) }
    return try givenShards(side)
  }

  private func givenShards(_ side: Side) throws(Failure) -> Int {
    try options.shards.count(side.number) { () throws(Failure) in try rows(side) }
  }

  /// The rows of a shard.
  func rows(_ side: Side, _ shard: Int) throws(Failure) -> Range<Int> {
    if kept(side) != nil {
      let sizes = try keptFiles(side).map(\.rows)
      let first = sizes[..<shard].reduce(0, +)
      return first..<(shard < sizes.count ? first + sizes[shard] : try rows(side))
    }
    let (rows, shards) = (try rows(side), try shards(side))
    guard shards <= rows else {
      throw Failure(
        .usage, "--shards", "\(sides[side.number].input) has \(rows) sentences for \(shards) shards",
        remedy: "ask for at most as many shards as sentences")
    }
    return rows * shard / shards..<rows * (shard + 1) / shards
  }

  /// How the texts that `read` writes are read: nothing in them needs mending, which may have made a line longer (U+FFFD
  /// for a byte).
  func storedText(_ side: Side) -> TextOptions {
    TextOptions(format: .raw, maxLineBytes: min(1 << 30, 3 * sides[side.number].text.maxLineBytes))
  }

  /// Where a row begins in the stored text. Rows are asked for in rising order, so that the text is looked through once.
  func place(_ side: Side, row: Int) throws(Failure) -> LinePlace {
    let path = folder.file(side.text)
    var place = places[side.number].line <= row ? places[side.number] : LinePlace()
    try place.advance(to: row, in: MappedFile(path: path))
    places[side.number] = place
    return place
  }

  /// The sentences of a side as they are written beside pairs.
  func pairSide(_ side: Side) throws(Failure) -> PairSide {
    var read = try readSide(text: folder.file(side.text), table: folder.file(side.table))
    (read.file, read.language) = (sides[side.number].input, sides[side.number].language?.code)
    return read
  }

  /// The files of all outputs: Moses has two.
  var outputFiles: [String] {
    outputs.flatMap { BitextFormat.files($0, languages: sides.map { $0.language?.code }) }
  }

  // MARK: a side that was encoded before

  /// What is kept of a side; nil for one that is encoded and indexed here.
  func kept(_ side: Side) -> KeptSide? { side == .target ? options.keptTarget : nil }

  /// The kept rows, file by file.
  ///
  /// - Throws: `Failure` for rows of another model's size, or more of them than the side has sentences.
  func keptFiles(_ side: Side) throws(Failure) -> [EmbeddingFile] {
    if let keptFiles { return keptFiles }
    let files = try (kept(side)?.embeddings ?? []).map { path throws(Failure) in try EmbeddingFile(path: path) }
    let width = try configuration().embeddingSize
    for file in files where file.columns != width {
      throw Failure(
        .badData, file.path, "has rows of \(file.columns) elements, the model \(model) makes \(width)",
        remedy: "name the model that the rows were made with")
    }
    let (count, sentences) = (files.reduce(0) { $0 + $1.rows }, try rows(side))
    guard count <= sentences else {
      throw Failure(
        .badData, files[0].path,
        "\(count) rows are kept, but \(sides[side.number].input) has \(sentences) different sentences",
        remedy: "name the text that the rows were made from, with the same filters")
    }
    keptFiles = files
    return files
  }

  /// Whether the text of a kept side has sentences behind those that are kept.
  func grows(_ side: Side) throws(Failure) -> Bool {
    if kept(side) == nil { return false }
    return try keptFiles(side).reduce(0) { $0 + $1.rows } < rows(side)
  }

  /// The index over a side.
  func indexPath(_ side: Side) throws(Failure) -> String {
    if let kept = kept(side), try !grows(side) { return kept.index }
    return folder.file(side.index)
  }

  /// The name of a kept index in manifests.
  static let keptIndex = "kept.faiss"

  /// The rows of a shard as inputs of a stage.
  func rowInputs(_ side: Side, _ shard: Int) -> [StageInput] {
    let stage = StageInput.outputs(encode(side, shard))
    guard let files = kept(side)?.embeddings, shard < files.count else { return [stage] }
    return [stage, .file(files[shard], name: side.embeddings(shard))]
  }

  /// The rows of a side as inputs of a stage.
  func rowInputs(_ side: Side) throws(Failure) -> [StageInput] {
    try (0..<shards(side)).flatMap { rowInputs(side, $0) }
  }

  /// The index over a side as an input of a stage.
  func indexInputs(_ side: Side) throws(Failure) -> [StageInput] {
    let stage = StageInput.outputs(try index(side))
    return kept(side).map { [stage, .file($0.index, name: Self.keptIndex)] } ?? [stage]
  }

  // MARK: the model and its embeddings

  /// The model's files as inputs of a stage.
  var modelFiles: [StageInput] {
    ModelFolder.decidingFiles(in: model).map {
      .file("\(model)/\($0)", name: "model/\($0)")
    }
  }

  func modelDigests() throws(Failure) -> [String: String] {
    var digests: [String: String] = [:]
    for case .file(let path, let name) in modelFiles { digests[name] = try run.digest(ofFile: path) }
    return digests
  }

  func configuration() throws(Failure) -> Configuration {
    try Configuration(path: "\(model)/\(ModelFolder.File.configuration)")
  }

  /// The encoder, whose weights are read when it is first needed.
  func loadedEncoder() throws(Failure) -> SentenceEncoder {
    if let encoder { return encoder }
    let loaded = try SentenceEncoder(
      ModelFolder(path: model), threads: threads, prompt: options.prompt, arithmetic: options.arithmetic)
    encoder = loaded
    return loaded
  }

  /// What the model does with text of a side's language.
  func languageInput(_ side: Side) throws(Failure) -> LanguageInput {
    try loadedEncoder().model.input(for: sides[side.number].language?.code)
  }

  /// What cuts the text of a side into words, found without loading the model; nil for a model that takes text as it is.
  private func splitter(_ side: Side) throws(Failure) -> WordSplitter? {
    if try configuration().pretokenizer == .none { return nil }
    let words: WordSplitters
    if let splitters { words = splitters } else { words = WordSplitters(dictionary: ModelFolder.dictionary(in: model)) }
    splitters = words
    guard let language = sides[side.number].language else {
      throw Failure(
        .usage, model,
        "cuts text into words by the rules of its language, and nobody said which that of the \(side) is",
        remedy: "name the language of both texts")
    }
    return try words.splitter(for: language)
  }

  /// How the texts are cut and tagged, as a setting of stages that depend on it: which programs are installed plays a part.
  func languageSettings(_ wanted: [Side]) throws(Failure) -> [String: String] {
    var settings: [String: String] = [:]
    for side in wanted { if let words = try splitter(side) { settings["words of \(side)"] = words.name } }
    if try configuration().layout.family == .m2m100 {
      for side in wanted { settings["language of \(side)"] = sides[side.number].language?.code }
    }
    return settings
  }

  /// Frees the memory of the model's weights.
  func unloadEncoder() { encoder = nil }

  /// The stages that make the embeddings of a side.
  func encodings(_ side: Side) throws(Failure) -> [Stage<EncodeCounts>] {
    try (0..<shards(side)).map { encode(side, $0) }
  }

  /// The rows of a shard.
  func embeddings(_ side: Side, _ shard: Int) throws(Failure) -> EmbeddingFile {
    if kept(side) != nil {
      let files = try keptFiles(side)
      if shard < files.count { return files[shard] }
    }
    return try EmbeddingFile(path: folder.file(side.embeddings(shard)))
  }

  /// All shards of a side as one.
  func embeddings(_ side: Side) throws(Failure) -> EmbeddingSide {
    var files: [EmbeddingFile] = []
    for shard in try 0..<shards(side) { files.append(try embeddings(side, shard)) }
    return try EmbeddingSide(written: files)
  }

  // MARK: the search

  /// How neighbours are searched.
  func searchKind() throws(Failure) -> SearchKind {
    if let kept = options.keptTarget {
      return options.index.kind(
        beside: kept, sources: try rows(.source), dimension: try configuration().embeddingSize)
    }
    return try options.index.kind { () throws(Failure) in (try rows(.source), try rows(.target)) }
  }

  func factory(_ side: Side) throws(Failure) -> String {
    // Not its path: which file it was says its digest.
    if kept(side) != nil { return "kept" }
    guard case .indices(let source, let target) = try searchKind() else { return "Flat" }
    return side == .source ? source : target
  }

  func indexSettings(_ side: Side) throws(Failure) -> [String: String] {
    ["factory": try factory(side), "rows": "\(try rows(side))"]
  }

  /// The lists of all rows, which `neighbours` wrote.
  func storedNeighbours() throws(Failure) -> TwoWayNeighbours {
    let (sources, targets) = (try rows(.source), try rows(.target))
    return TwoWayNeighbours(
      sources: 0..<sources, targets: 0..<targets,
      forward: try NeighbourFiles.read(from: folder.file(Self.forward), count: targets),
      backward: try NeighbourFiles.read(from: folder.file(Self.backward), count: sources))
  }

  // MARK: scores

  /// Thresholds at which pairs are counted.
  var thresholds: [Double] {
    options.mining.margin == .ratio ? [1.0, 1.02, 1.04, 1.06, 1.08, 1.1, 1.2, 1.3] : []
  }
}
