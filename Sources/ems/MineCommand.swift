import ArgumentParser
import Base
import Corpus
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

      EXAMPLES
        ems mine --source-embeddings de.npy --target-embeddings en.npy --output pairs.tsv
        ems mine --source-embeddings de.npy --target-embeddings en.npy --source-text de.zst --target-text en.zst \\
          --threshold 1.06 --fields score,cosine,source,target,flags --output pairs.tsv.zst
      """)

  @Option(help: "Embeddings of the source side, a .npy file.", completion: .file(extensions: ["npy"]))
  var sourceEmbeddings: String

  @Option(help: "Embeddings of the target side, a .npy file.", completion: .file(extensions: ["npy"]))
  var targetEmbeddings: String

  @Option(help: "The source sentences, one a row of the embeddings.", completion: .file())
  var sourceText: String?

  @Option(help: "The target sentences, one a row of the embeddings.", completion: .file())
  var targetText: String?

  @Flag(help: "Lines of the texts are `id TAB sentence`.")
  var ids = false

  @OptionGroup var mining: MiningArguments

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if (sourceText == nil) != (targetText == nil) {
      throw ValidationError("--source-text and --target-text go together.")
    }
    if ids, sourceText == nil { throw ValidationError("--ids needs --source-text and --target-text.") }
  }

  func run() throws {
    let console = Console(quiet: common.quiet)
    Interruption.watch()
    let fields = try mining.pairFields()
    let clock = ContinuousClock()
    let start = clock.now
    let compute = Compute(threads: common.threads)
    let sourceFile = try EmbeddingFile(path: sourceEmbeddings)
    let targetFile = try EmbeddingFile(path: targetEmbeddings)
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
    guard let neighbours else { throw ExitCode(130) }
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
    let table = try TextTable(path: text, options: TextOptions(format: ids ? .idAndText : .text))
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
