import ArgumentParser
import Base
import Corpus
import Encoder
import Mine

struct ScoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Scores every line of an aligned bitext by its margin within the corpus.",
    discussion: """
      Line i of SOURCE is said to be the translation of line i of TARGET; how far that is true shows in the margin: the pair's \
      cosine against the cosines of both sentences with their nearest neighbours on the other side. Instead of two texts, one \
      table of `source TAB target`, or one TMX, XLIFF or SGM file, may be given.

      Writes `score TAB source TAB target` for every line, in the order of the input; with --threshold only those that reach \
      it. A line with an empty side has a score of 0. Stages are kept in the work folder as by \
      `ems mine`, and OUTPUT.json says what the scores were made from.

      EXAMPLES
        ems score de.txt.zst en.txt.zst --model models/ems-mini --source-language de --target-language en \\
          --output scored.tsv.zst
        ems score corpus.de-en.tsv.zst --model models/ems-mini --source-language de --target-language en \\
          --threshold 1.04 --fields score,cosine,source,target,flags --output clean.tsv.zst
        ems score memory.tmx --model models/ems-mini --source-language de --target-language en --output scored.tsv
      """)

  @Argument(help: "The source text, or a table of `source TAB target`.", completion: .file())
  var source: String

  @Argument(help: "The target text.", completion: .file())
  var target: String?

  @OptionGroup(title: "Texts") var texts: PipelineArguments

  @OptionGroup var strictness: StrictFlag

  @OptionGroup var layout: LayoutArguments

  @OptionGroup(title: "Search") var search: SearchArguments

  @OptionGroup var margin: MarginOption

  @OptionGroup var threshold: ThresholdOption

  @Option(
    help:
      "Columns to write, comma-separated: \(Self.fields.map(\.rawValue).joined(separator: ", ")). Rows are line numbers, from 0."
  )
  var fields: String?

  @OptionGroup var destination: OutputsArguments

  @OptionGroup var limits: LimitsFlag

  @OptionGroup var common: CommonOptions

  /// The columns that make sense for a pair that was given.
  private static let fields: [PairField] = [
    .score, .source, .target, .cosine, .sourceRow, .targetRow, .sourceRank, .targetRank, .sourceCount, .targetCount,
    .flags,
  ]

  func validate() throws {
    try texts.require()
    if texts.filters.given { throw ValidationError("Every line is scored: filters belong to ems mine.") }
    if destination.first == "-" { throw ValidationError("--output FILE is needed: a run is resumable.") }
    for field in try fields.map({ try PairField.parse($0) }) ?? [] where !Self.fields.contains(field) {
      throw ValidationError("--fields: \(field.rawValue) has no meaning for pairs that are given.")
    }
  }

  private var output: String { destination.first }

  func run() throws {
    let console = Console(quiet: common.quiet)
    let job = console.job()
    var sides = try texts.sides(source, target ?? source, TextOptions(strict: strictness.strict))
    let languages = sides.compactMap(\.language)
    for i in 0..<2 {
      sides[i].text.input = layout.options
      sides[i].text.input.languages =
        target != nil ? sides[i].language.map { [$0] } ?? [] : languages.count == 2 ? languages : []
    }
    if target == nil { (sides[0].text.format, sides[1].text.format) = (.column(1), .column(2)) }
    let folder = try ModelFolder(path: texts.modelPath)
    try texts.checkLanguages(sides, folder, console)
    var options = try texts.options(sides, search)
    options.aligned = true
    options.furtherOutputs = destination.further
    options.mining.margin = margin.margin
    options.mining.threshold = threshold.threshold
    options.fields = try fields.map { try PairField.parse($0) } ?? PairField.standard
    let pipeline = try Pipeline(
      source: sides[0], target: sides[1], model: texts.modelPath, options: options, output: output,
      work: texts.work ?? output + ".work", threads: common.threads, ignoringLimits: limits.ignoreLimits, job: job)
    let summary = try pipeline.score()
    console.finish()
    console.say("\(output): \(Format.count(summary.written)) of \(Format.count(summary.lines)) lines")
    if summary.empty > 0 { console.say("  with an empty side: \(Format.count(summary.empty))") }
    if summary.sourceRecall < 1 || summary.targetRecall < 1 {
      console.say(
        "  recall of the index: \(summary.sourceRecall.rounded2) + \(summary.targetRecall.rounded2)")
    }
    for threshold in summary.linesAtThreshold.keys.sorted() {
      console.say("  >= \(threshold): \(Format.count(summary.linesAtThreshold[threshold] ?? 0))")
    }
    if common.json { try Console.printJSON(summary) }
  }
}
