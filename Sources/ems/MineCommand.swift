import ArgumentParser
import Base
import Corpus
import Encoder
import Foundation
import Index
import Kernels
import Mine

extension Margin: ExpressibleByArgument {}
extension Retrieval: ExpressibleByArgument {}

struct MineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mine",
    abstract: "Finds the pairs of sentences that are translations of each other.",
    discussion: """
      Writes tab-separated columns, by default `score TAB source TAB target`, best pairs first. From embeddings without \
      texts the columns are `score TAB source row TAB target row`, with rows counted from 0.

      From texts, the sentences are unified (the first of equal ones stands for all), encoded and searched. What each stage \
      leaves is kept in the work folder, and is used again as long as inputs, model and settings are the same. A run that \
      was stopped or killed is started again with the same command and ends with the same output.

      EXAMPLES
        ems mine de.txt.zst en.txt.zst --model models/ems-mini --source-language de --target-language en \\
          --output pairs.tsv.zst
        ems mine --source-embeddings de.npy --target-embeddings en.npy --output pairs.tsv
        ems mine --source-embeddings de.npy --target-embeddings en.npy --source-text de.zst --target-text en.zst \\
          --threshold 1.06 --fields score,cosine,source,target,flags --output pairs.tsv.zst
      """)

  @Argument(help: "A text in the source language, one sentence a line.", completion: .file())
  var source: String?

  @Argument(help: "A text in the target language.", completion: .file())
  var target: String?

  @Option(help: "Model folder.", completion: .directory)
  var model: String?

  @Option(help: "Language of the source text.")
  var sourceLanguage: String?

  @Option(help: "Language of the target text.")
  var targetLanguage: String?

  @Option(help: "Folder for what the stages leave; OUTPUT.work if not given.", completion: .directory)
  var work: String?

  @Option(help: "Type of the embeddings in the work folder: float32 or float16.")
  var dtype: EmbeddingType = .float32

  @Option(help: "Instead of texts: embeddings of the source side, a .npy file.", completion: .file(extensions: ["npy"]))
  var sourceEmbeddings: String?

  @Option(help: "Embeddings of the target side, a .npy file.", completion: .file(extensions: ["npy"]))
  var targetEmbeddings: String?

  @Option(help: "With embeddings: the source sentences, one a row.", completion: .file())
  var sourceText: String?

  @Option(help: "With embeddings: the target sentences, one a row.", completion: .file())
  var targetText: String?

  @OptionGroup var text: TextArguments

  @OptionGroup var mining: MiningArguments

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if (sourceEmbeddings == nil) != (targetEmbeddings == nil) {
      throw ValidationError("--source-embeddings and --target-embeddings go together.")
    }
    if sourceEmbeddings != nil {
      if source != nil { throw ValidationError("Give two texts to encode, or two embedding files, not both.") }
      if (sourceText == nil) != (targetText == nil) {
        throw ValidationError("--source-text and --target-text go together.")
      }
      if text.ids, sourceText == nil { throw ValidationError("--ids needs --source-text and --target-text.") }
      return
    }
    if source == nil || target == nil { throw ValidationError("Two texts are expected, or two embedding files.") }
    if sourceText != nil || targetText != nil {
      throw ValidationError("--source-text and --target-text belong to embeddings.")
    }
    if model == nil { throw ValidationError("--model is needed to encode the texts.") }
    if sourceLanguage == nil || targetLanguage == nil {
      throw ValidationError("--source-language and --target-language are needed.")
    }
    if mining.output == "-" { throw ValidationError("--output FILE is needed: a run from texts is resumable.") }
  }

  func run() throws {
    let console = Console(quiet: common.quiet)
    Interruption.watch()
    if let sourceEmbeddings, let targetEmbeddings {
      try mineEmbeddings(sourceEmbeddings, targetEmbeddings, console)
    } else if let source, let target, let model, let sourceLanguage, let targetLanguage {
      let sides = (
        try PipelineSide(input: source, language: Language(parsing: sourceLanguage)),
        try PipelineSide(input: target, language: Language(parsing: targetLanguage))
      )
      try mineTexts(sides.0, sides.1, model: model, console)
    }
  }

  private func mineTexts(_ source: PipelineSide, _ target: PipelineSide, model: String, _ console: Console) throws {
    let folder = try ModelFolder(path: model)
    warnOfLanguage(source.language, folder, console)
    warnOfLanguage(target.language, folder, console)
    var options = PipelineOptions()
    options.text = text.options
    options.type = dtype
    options.k = mining.k
    options.mining = mining.options
    options.fields = try mining.pairFields()
    for (field, option) in [(PairField.sourceID, "source-id"), (.targetID, "target-id")]
    where options.fields.contains(field) && !text.ids {
      throw Failure(.usage, "--fields", "\(option) needs lines with ids", remedy: "add --ids")
    }
    let summary = try minePipeline(
      source: source, target: target, model: model, options: options, output: mining.output,
      work: work ?? mining.output + ".work", threads: common.threads, progress: { console.progress($0) })
    console.finish()
    var lines = [
      "lines       \(Format.count(summary.sourceLines)) + \(Format.count(summary.targetLines))",
      "unique      \(Format.count(summary.sourceUnique)) + \(Format.count(summary.targetUnique))",
      "candidates  \(Format.count(summary.candidates))",
      "pairs       \(Format.count(summary.pairs))",
    ]
    let empty = summary.sourceEmpty + summary.targetEmpty
    if empty > 0 { lines.insert("empty       \(Format.count(empty)) lines left out", at: 1) }
    for threshold in summary.pairsAtThreshold.keys.sorted() {
      let pairs = Format.count(summary.pairsAtThreshold[threshold] ?? 0)
      lines.append("  >= \(threshold)".padding(toLength: 12, withPad: " ", startingAt: 0) + pairs)
    }
    for stage in summary.stages {
      let name = stage.name.padding(toLength: 16, withPad: " ", startingAt: 0)
      lines.append(name + (stage.skipped ? "done before" : "\(stage.seconds.rounded2) s"))
    }
    for line in lines { console.say(line) }
    if common.json { try Console.printJSON(summary) }
  }

  private func mineEmbeddings(_ sourcePath: String, _ targetPath: String, _ console: Console) throws {
    let fields = try mining.pairFields()
    let clock = ContinuousClock()
    let start = clock.now
    let compute = Compute(threads: common.threads)
    let sourceFile = try EmbeddingFile(path: sourcePath)
    let targetFile = try EmbeddingFile(path: targetPath)
    let source = try side(sourceFile, text: sourceText)
    let target = try side(targetFile, text: targetText)
    let search = try ExactNeighbours(
      source: EmbeddingSide(sourceFile, on: compute), target: EmbeddingSide(targetFile, on: compute), k: mining.k)
    for side in [search.source, search.target] where side.zeroRows > 0 {
      console.say("\(side.name): \(side.zeroRows) rows of zeros; their cosine is 0 with everything")
    }
    let read = clock.now
    let neighbours = search.search(
      on: compute, progress: { console.progress("search: \(Int($0 * 100)) %") },
      shouldStop: { Interruption.requested })
    console.finish()
    guard let neighbours else { throw Interruption.failure(mining.output) }
    let searched = clock.now
    let (pairs, candidates) = PairMiner(neighbours).pairs(mining.options)
    let scored = clock.now
    try PairWriter(fields: fields, source: source, target: target, neighbours: neighbours)
      .write(pairs, to: mining.output)
    let written = clock.now
    let operations = 2 * Double(search.source.rows) * Double(search.target.rows) * Double(search.source.columns)
    let summary = Summary(
      source_rows: search.source.rows, target_rows: search.target.rows, candidates: candidates, pairs: pairs.count,
      read_seconds: (read - start).seconds, search_seconds: (searched - read).seconds,
      score_seconds: (scored - searched).seconds, write_seconds: (written - scored).seconds,
      gflops: operations / (searched - read).seconds / 1e9, output: mining.output)
    console.say(
      """
      \(summary.source_rows) x \(summary.target_rows) rows, \(candidates) candidates, \(pairs.count) pairs
      read \(summary.read_seconds.rounded2) s, search \(summary.search_seconds.rounded2) s \
      (\(Int(summary.gflops)) GFLOP/s), score \(summary.score_seconds.rounded2) s, \
      write \(summary.write_seconds.rounded2) s
      """)
    if common.json { try Console.printJSON(summary) }
  }

  private func side(_ file: EmbeddingFile, text: String?) throws -> PairSide {
    var side = PairSide()
    guard let text else { return side }
    let table = try TextTable(path: text, options: self.text.options)
    guard table.count == file.rows else {
      throw Failure(
        .badData, text, "has \(table.count) lines, but \(file.path) has \(file.rows) rows",
        remedy: "name the text that the embeddings were made from")
    }
    side.texts = table
    side.ids = table.ids
    return side
  }

  private struct Summary: Encodable {
    var source_rows: Int, target_rows: Int, candidates: Int, pairs: Int
    var read_seconds: Double, search_seconds: Double, score_seconds: Double, write_seconds: Double
    var gflops: Double
    var output: String
  }
}

/// The options of everything that mines.
struct MiningArguments: ParsableArguments {
  @Option(help: "Neighbours that are looked at for every sentence.")
  var k: Int = 4

  @Option(help: "How a cosine is set against its neighbourhood: ratio, distance or absolute.")
  var margin: Margin = .ratio

  @Option(help: "Which candidates become pairs: max, intersect, forward or backward.")
  var retrieval: Retrieval = .max

  @Option(help: "Lowest score that is kept; all are if not given.")
  var threshold: Double?

  @Option(help: "With forward (or backward) retrieval, the most pairs that one target (or source) may be in.")
  var limit: Int?

  @Option(help: "Columns to write, comma-separated: \(PairField.allCases.map(\.rawValue).joined(separator: ", ")).")
  var fields: String?

  @Option(name: .shortAndLong, help: "Where the pairs go: .zst and .gz are compressed; - is standard output.")
  var output: String = "-"

  func validate() throws {
    if k < 1 { throw ValidationError("--k must be at least 1.") }
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1.") }
    if let threshold, threshold.isNaN { throw ValidationError("--threshold must be a number.") }
    _ = try fields.map { try PairField.parse($0) }
  }

  func pairFields() throws -> [PairField] { try fields.map { try PairField.parse($0) } ?? PairField.standard }

  var options: MiningOptions {
    var options = MiningOptions()
    options.margin = margin
    options.retrieval = retrieval
    options.threshold = threshold
    options.limit = limit
    return options
  }
}

extension Duration {
  fileprivate var seconds: Double { self / .seconds(1) }
}

extension Double {
  fileprivate var rounded2: String { String(format: "%.2f", self) }
}
