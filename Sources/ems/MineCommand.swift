import ArgumentParser
import Base
import Corpus
import Encoder
import Foundation
import Index
import Mine
import Report
import Work

extension Margin: ExpressibleByArgument {}
extension Retrieval: ExpressibleByArgument {}
extension IndexChoice: ExpressibleByArgument {
  /// Every text is one of `auto`, `exact` and factory strings.
  public init?(argument: String) { self.init(argument) }
}

struct MineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mine",
    abstract: "Finds the pairs of sentences that are translations of each other.",
    discussion: """
      Writes tab-separated columns, by default `score TAB source TAB target`, best pairs first. From embeddings without \
      texts the columns are `score TAB source row TAB target row`, with rows counted from 0.

      From texts, the sentences are unified (the first of equal ones stands for all), encoded and searched. What each stage \
      leaves is kept in the work folder, and is used again as long as inputs, model and settings are the same. A run that \
      was stopped or killed is started again with the same command and ends with the same output. OUTPUT.json says what the \
      pairs were made from.

      Documents (JSON lines, web archives, HTML, Wikipedia's dumps; --format paragraphs for plain text) are cut into sentences \
      as by `ems split`, with ids `document:sentence`.

      Beyond 200,000 x 200,000 sentences neighbours are searched by cells that both sides share (--index lists) unless --index \
      says otherwise; the share of true neighbours that is found, --recall, is measured in every run. `ems plan` says what a run takes.

      EXAMPLES
        ems mine de.txt.zst en.txt.zst --model models/ems-mini --source-language de --target-language en \\
          --output pairs.tsv.zst
        ems mine de.txt.zst en.txt.zst --model models/ems-mini --source-language de --target-language en \\
          --check-language --min-characters 15 --max-characters 600 --threshold 1.06 --output pairs.tsv.zst
        ems mine de.txt.zst en.txt.zst --model models/ems-mini --source-language de --target-language en \\
          --index IVF16384,Flat --nprobe 256 --dtype float16 --output pairs.tsv.zst
        ems mine de.txt.zst en.txt.zst --model models/ems-mini --source-language de --target-language en \\
          --calibrate 1000 --calibration-bitext known.tsv --output pairs.tsv.zst
        ems mine hplt.de.jsonl.zst hplt.en.jsonl.zst --model models/ems-mini --source-language de \
          --target-language en --fields score,source-id,target-id,source,target --output pairs.tsv.zst
        ems mine --source-embeddings de.npy --target-embeddings en.npy --output pairs.tsv
        ems mine monday.de.zst en.txt.zst --model models/ems-mini --source-language de --target-language en \\
          --target-index first.work/target.faiss --target-embeddings first.work/target.0.npy --output monday.tsv.zst
        ems mine --source-embeddings de.npy --target-embeddings en.npy --source-text de.zst --target-text en.zst \\
          --threshold 1.06 --fields score,cosine,source,target,flags --output pairs.tsv.zst
      """)

  @Argument(help: "A text in the source language: one sentence a line, or documents.", completion: .file())
  var source: String?

  @Argument(help: "A text in the target language.", completion: .file())
  var target: String?

  @OptionGroup(title: "What was made before") var embeddings: MadeArguments

  @Option(help: "With embeddings: the source sentences, one a row.", completion: .file())
  var sourceText: String?

  @Option(help: "With embeddings: the target sentences, one a row.", completion: .file())
  var targetText: String?

  @OptionGroup(title: "Texts") var texts: PipelineArguments

  @OptionGroup var text: TextArguments

  @OptionGroup(title: "Search") var search: SearchArguments

  @OptionGroup(title: "Pairs") var mining: MiningArguments

  @OptionGroup(title: "Calibration") var calibration: CalibrationArguments

  @Option(
    help: ArgumentHelp(
      "Run one stage alone, after those that it needs: for a workflow engine that runs several at once.",
      valueName: "stage"))
  var only: String?

  @Flag(
    help: """
      Print the names of the stages, in an order that works, and run nothing; with --json what each needs and writes, too.
      """)
  var listStages = false

  @Option(
    help: "Writes a page about the run too: what was read and dropped, scores, estimated precision, examples, times.",
    completion: .file(extensions: ["html"]))
  var report: String?

  @Flag(
    help: """
      Leave out sentences that are nearly the same as one before on their side (MinHash: some 85 % of their parts of five bytes).
      """)
  var dropNearDuplicates = false

  @OptionGroup var limits: LimitsFlag

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if report != nil, only != nil || listStages {
      throw ValidationError("--report is written at the end of a whole run.")
    }
    if embeddings.targetIndex != nil, [.exact, .lists].contains(search.index) {
      throw ValidationError("With --target-index, --index is auto or the factory string of the source's index.")
    }
    if embeddings.areGiven {
      if !mining.destination.further.isEmpty { throw ValidationError("With embeddings one --output is written.") }
      if source != nil { throw ValidationError("Give two texts to encode, or two embedding files, not both.") }
      if (sourceText == nil) != (targetText == nil) {
        throw ValidationError("--source-text and --target-text go together.")
      }
      if text.ids, sourceText == nil { throw ValidationError("--ids needs --source-text and --target-text.") }
      let fields = try mining.pairFields()
      if mining.filter != nil || fields.contains(.features) {
        throw ValidationError("--filter and the field features belong to runs from texts.")
      }
      if only != nil || listStages || calibration.calibrate != nil || texts.filters.given || dropNearDuplicates {
        throw ValidationError("Stages, filters and calibration belong to runs from texts.")
      }
      return
    }
    if source == nil || target == nil { throw ValidationError("Two texts are expected, or two embedding files.") }
    if sourceText != nil || targetText != nil {
      throw ValidationError("--source-text and --target-text belong to embeddings.")
    }
    try texts.require()
    if mining.destination.first == "-" {
      throw ValidationError("--output FILE is needed: a run from texts is resumable.")
    }
  }

  func run() throws {
    let console = Console(quiet: common.quiet)
    let job = console.job()
    if let source = embeddings.sourceEmbeddings {
      try mineEmbeddings(source, embeddings.targetEmbeddings, console, job)
    } else if let source, let target {
      try mineTexts(source, target, console, job)
    }
  }

  private func mineTexts(_ source: String, _ target: String, _ console: Console, _ job: Job) throws {
    try OutputCheck.check(
      mining.destination.outputs + ["\(mining.destination.first).json"] + [report].compactMap { $0 },
      inputs: [source, target, texts.modelPath] + embeddings.files
        + [calibration.calibrationBitext, texts.filters.languageModel, mining.filter].compactMap { $0 })
    let sides = text.input.applied(to: try texts.sides(source, target, text.options))
    if only == nil, !listStages { try texts.look(at: sides, console) }
    let folder = try ModelFolder(path: texts.modelPath)
    try texts.checkLanguages(sides, folder, console)
    var options = try texts.options(sides, search)
    options.keptTarget = embeddings.keptTarget
    options.mining = mining.options
    options.precision = mining.goal
    options.fields = try mining.pairFields()
    options.filter = mining.filter
    if mining.filter != nil, mining.precision != nil { options.leastProbability = nil }
    if mining.filter != nil, mining.precision == nil { options.precision = nil }
    options.dropped = try mining.dropOption.flags
    options.dropsNearDuplicates = dropNearDuplicates
    options.furtherOutputs = mining.destination.further
    options.calibration = calibration.options(seed: common.seed)
    let pipeline = try Pipeline(
      source: sides[0], target: sides[1], model: texts.modelPath, options: options, output: mining.destination.first,
      work: texts.work ?? mining.destination.first + ".work", threads: common.threads, use: use,
      ignoringLimits: limits.ignoreLimits,
      job: job)
    if listStages {
      let graph = try pipeline.graph()
      if common.json { return try Console.printJSON(graph) }
      for stage in graph.stages { print(stage.name) }
    } else if let only {
      let manifest = try pipeline.runStage()
      console.finish()
      console.say("\(only): \(manifest.seconds.rounded2) s")
      if common.json { try Console.printJSON(manifest) }
    } else {
      let summary = try pipeline.run()
      if let report {
        try write(pipeline.report(summary, seed: common.seed), summary.cut, summary.estimate, summary.pairs, to: report)
      }
      console.finish()
      for line in Self.table(summary) { console.say(line) }
      if let report { console.say("\(report): a page about the run") }
      // Plain lines have been looked at before.
      for (path, side) in [(source, summary.source), (target, summary.target)] where side.documents != nil {
        if let warning = TextLook.mojibakeWarning(path, side.mojibake, of: side.lines) { console.warn(warning) }
      }
      for line in texts.outputLines(mining.destination.first, "\(Format.count(summary.pairs)) pairs") {
        console.say(line)
      }
      for output in mining.destination.further { console.say("\(output): the same pairs") }
      if common.json { try Console.printJSON(summary) }
    }
  }

  /// What this process does in the work folder.
  private var use: WorkFolder.Use {
    if listStages { return .looking }
    if let only { return .stage(only) }
    return .whole
  }

  /// The table that ends a run.
  static func table(_ summary: PipelineSummary) -> [String] {
    func row(_ name: String, _ value: String) -> String {
      name.padding(toLength: 24, withPad: " ", startingAt: 0) + value
    }
    func both(_ name: String, _ source: Int, _ target: Int) -> String {
      row(name, "\(Format.count(source)) + \(Format.count(target))")
    }
    let (source, target) = (summary.source, summary.target)
    var lines = cutLines(summary.cut, summary.estimate, pairs: summary.pairs)
    lines.append(both("lines", source.lines, target.lines))
    var rare = [
      ("  empty", source.empty, target.empty), ("  invalid UTF-8", source.repaired, target.repaired),
      ("  cut", source.cut, target.cut), ("  with tabs", source.tabs, target.tabs),
      ("  carriage returns", source.carriageReturns, target.carriageReturns),
      ("  mojibake", source.mojibake, target.mojibake),
    ]
    for reason in Set(source.dropped.keys).union(target.dropped.keys).sorted() {
      rare.append(("  dropped: \(reason)", source.dropped[reason] ?? 0, target.dropped[reason] ?? 0))
    }
    for (name, a, b) in rare where a + b > 0 { lines.append(both(name, a, b)) }
    lines += documentLines(source.documents, target.documents)
    lines.append(both("unique, encoded", source.unique, target.unique))
    if source.truncated + target.truncated > 0 {
      lines.append(both("  truncated", source.truncated, target.truncated) + " (more tokens than the model takes)")
    }
    let lists = summary.lists.map { ", \(Format.count($0.cells)) cells, \($0.probes) for a row" } ?? ""
    lines.append(row("index", summary.index.joined(separator: " + ") + lists))
    if summary.index != ["exact"] {
      lines.append(row("  recall", String(format: "%.3f + %.3f", summary.sourceRecall, summary.targetRecall)))
    }
    lines.append(row("candidates", Format.count(summary.candidates)))
    lines.append(row("pairs", Format.count(summary.pairs)))
    for (flag, count) in summary.droppedPairs.sorted(by: { $0.key < $1.key }) {
      lines.append(row("  dropped: \(flag)", Format.count(count)))
    }
    lines += thresholdLines(summary.estimate)
    if let calibration = summary.calibration {
      lines.append(row("planted pairs", "\(calibration.planted): threshold, precision, recall, F1, pairs of the dumps"))
      for point in calibration.points {
        var marks: [String] = []
        if point == calibration.best { marks.append("best F1") }
        if point == calibration.knee { marks.append("knee") }
        lines.append(row("  >=", Self.text(point) + (marks.isEmpty ? "" : "  " + marks.joined(separator: ", "))))
      }
      for (name, point) in [("  best F1", calibration.best), ("  knee", calibration.knee)]
      where !calibration.points.contains(point) {
        lines.append(row(name, Self.text(point)))
      }
    }
    for stage in summary.stages {
      lines.append(row(stage.name, stage.skipped ? "done before" : "\(stage.seconds.rounded2) s"))
    }
    return lines
  }

  /// What became of documents.
  static func documentLines(_ source: DocumentCounts?, _ target: DocumentCounts?) -> [String] {
    guard source != nil || target != nil else { return [] }
    let (a, b) = (source ?? DocumentCounts(), target ?? DocumentCounts())
    var rows: [(String, Int, Int)] = [("documents", a.documents, b.documents)]
    for reason in Set(a.dropped.keys).union(b.dropped.keys).sorted() {
      rows.append(("  left out: \(reason)", a.dropped[reason] ?? 0, b.dropped[reason] ?? 0))
    }
    for what in Set(a.cleaned.keys).union(b.cleaned.keys).sorted() {
      rows.append(("  cleaned: \(what)", a.cleaned[what] ?? 0, b.cleaned[what] ?? 0))
    }
    rows.append(("  ids that repeat", a.repeatedIDs, b.repeatedIDs))
    rows.append(("  invalid in their encoding", a.invalidCharacters, b.invalidCharacters))
    var lines = rows.enumerated().filter { $0.offset == 0 || $0.element.1 + $0.element.2 > 0 }.map {
      $0.element.0.padding(toLength: max(24, $0.element.0.count + 1), withPad: " ", startingAt: 0)
        + "\(Format.count($0.element.1)) + \(Format.count($0.element.2))"
    }
    for (name, counts) in [("source", a), ("target", b)] {
      if let first = counts.firstBad { lines.append("  first damaged document of the \(name): \(first)") }
    }
    return lines
  }

  /// Where the pairs were cut, and why: what a run says first.
  static func cutLines(_ cut: Cut?, _ estimate: PrecisionEstimate?, pairs: Int) -> [String] {
    guard let cut else { return [] }
    let from = cut.threshold.map { String(format: "%g", $0) } ?? ""
    let goal = cut.goal.map { String(format: "%g %%", 100 * $0) } ?? ""
    let change = "--precision, --threshold or --all change that"
    var lines: [String] = []
    switch cut.reason {
    case .precision:
      lines.append(
        "\(Format.count(pairs)) pairs with a score of at least \(from), \(goal) of them right by estimate; \(change)")
    case .threshold: lines.append("\(Format.count(pairs)) pairs with a score of at least \(from), as asked for")
    case .filter:
      lines.append(
        goal.isEmpty
          ? "\(Format.count(pairs)) pairs that the filter gives a probability of at least 0.5; --precision changes that"
          : "\(Format.count(pairs)) pairs that the filter finds most probable, \(goal) of them right by its probabilities"
      )
    case .all: lines.append("\(Format.count(pairs)) pairs: all of them, right or wrong")
    case .unknown:
      lines.append(
        "\(Format.count(pairs)) pairs: all of them, since there are too few to estimate which are right; --threshold cuts"
      )
    case .nothing:
      lines.append("no pairs: no score has \(goal) right ones by estimate; \(change)")
    }
    if let estimate, !estimate.related {
      lines.append(
        "warning: the two sides seem to have no sentences in common: scores are those of sentences that are not translations"
      )
    }
    return lines
  }

  /// The table of thresholds.
  static func thresholdLines(_ estimate: PrecisionEstimate?) -> [String] {
    guard let estimate else { return [] }
    func row(_ first: String, _ second: String, _ third: String) -> String {
      "  " + first.padding(toLength: 22, withPad: " ", startingAt: 0)
        + second.padding(toLength: 12, withPad: " ", startingAt: 0) + third
    }
    var lines = [row("score at least", "pairs", "right, estimated (95 % interval)")]
    for point in estimate.thresholds where point.pairs > 0 {
      lines.append(
        row(
          String(format: "%g", point.threshold), Format.count(point.pairs),
          String(format: "%5.1f %%  (%.1f to %.1f)", 100 * point.precision, 100 * point.low, 100 * point.high)))
    }
    return lines
  }

  private static func text(_ point: Calibration.Point) -> String {
    String(
      format: "%.4f  %5.1f %%  %5.1f %%  %5.1f %%  ", point.threshold, 100 * point.precision, 100 * point.recall,
      100 * point.f1) + Format.count(point.mined)
  }

  private func write(
    _ parts: [ReportPart], _ cut: Cut?, _ estimate: PrecisionEstimate?, _ pairs: Int, to path: String
  ) throws {
    let cutting = ReportPart("Outcome", Self.cutLines(cut, estimate, pairs: pairs).map { .note($0) })
    let facts = [
      ("ems", Ems.configuration.version), ("date", Date.now.formatted(.iso8601.year().month().day())),
      ("command", CommandLine.arguments.joined(separator: " ")),
    ]
    try ReportPage(
      title: "ems mine", heading: "ems mine", facts: facts.map { (name: $0.0, value: $0.1) }, parts: [cutting] + parts
    ).write(to: path)
  }

  /// The languages of texts that come with embeddings, for the flags.
  private func flagLanguages() throws -> PairFlagger.Languages {
    try PairFlagger.Languages(
      source: texts.sourceLanguage.map { try Language(parsing: $0) },
      target: texts.targetLanguage.map { try Language(parsing: $0) })
  }

  private func mineEmbeddings(_ source: String, _ target: [String], _ console: Console, _ job: Job) throws {
    try OutputCheck.check(
      [self.mining.destination.first] + [report].compactMap { $0 },
      inputs: embeddings.files + [sourceText, targetText].compactMap { $0 })
    let mining = try EmbeddingMining(
      source: EmbeddedText(embeddings: [source], text: sourceText, options: text.options),
      target: EmbeddedText(embeddings: target, text: targetText, options: text.options), k: search.neighbours.k,
      index: search.index, probes: search.nprobe, engine: search.engine.engine, targetIndex: embeddings.targetIndex,
      recall: search.recall, options: mining.options,
      precision: mining.goal, fields: mining.pairFields(), dropped: mining.dropOption.flags, languages: flagLanguages(),
      output: mining.destination.first, reportSeed: report == nil ? nil : common.seed, threads: common.threads, job: job
    )
    let summary = try mining.run { name, rows in
      console.say("\(name): \(rows) rows of zeros; their cosine is 0 with everything")
    }
    if let report { try write(summary.report, summary.cut, summary.estimate, summary.pairs, to: report) }
    console.finish()
    for line in Self.cutLines(summary.cut, summary.estimate, pairs: summary.pairs) { console.say(line) }
    let rate = summary.gflops.map { " (\(Int($0)) GFLOP/s)" } ?? ""
    console.say(
      """
      \(summary.sourceRows) x \(summary.targetRows) rows, \(summary.candidates) candidates, \(summary.pairs) pairs
      read \(summary.readSeconds.rounded2) s, search \(summary.searchSeconds.rounded2) s\(rate), \
      estimate \(summary.estimateSeconds.rounded2) s, \
      score \(summary.scoreSeconds.rounded2) s, write \(summary.writeSeconds.rounded2) s
      """)
    for line in Self.thresholdLines(summary.estimate) { console.say(line) }
    if self.mining.destination.first != "-" {
      console.say("\(self.mining.destination.first): \(Format.count(summary.pairs)) pairs")
    }
    if let sourceRecall = summary.sourceRecall, let targetRecall = summary.targetRecall {
      let lists = summary.lists.map { ", \(Format.count($0.cells)) cells, \($0.probes) for a row" } ?? ""
      let index = summary.index.joined(separator: " + ") + lists
      console.say(
        "\(index): " + String(format: "recall@%d %.3f + %.3f", search.neighbours.k, sourceRecall, targetRecall))
    }
    if common.json { try Console.printJSON(summary) }
  }
}
