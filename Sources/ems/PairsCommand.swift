import ArgumentParser
import Base
import Corpus

struct PairsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pairs",
    abstract: "Makes training data of mined pairs: selects, and takes out test sentences.",
    subcommands: [PairsSelect.self, PairsDecontaminate.self])
}

struct PairsSelect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "select",
    abstract: "Keeps mined pairs by score, flags, lengths, novelty and number.",
    discussion: """
      The input is what `ems mine --fields score,cosine,source,target,flags` wrote, best first; the output has score, source \
      and target. A pair goes for the first reason that holds; --json says how many went for which.

      EXAMPLES
        ems pairs select pairs.tsv --threshold 1.06 --output selected.tsv
        ems pairs select pairs.tsv --threshold 1.06 --known old.tsv --except old.tsv=crawl --limit 100000 \\
          --output selected.tsv.zst --json
      """)

  @Argument(help: "The mined pairs.", completion: .file())
  var pairs: String

  @Option(help: "The lowest score that is kept.")
  var threshold: Double

  @Option(help: "Flags whose pairs go, comma-separated; empty for none.")
  var dropFlags: String = "number,url,hub"

  @Option(help: "The fewest characters of a side.")
  var minCharacters: Int = 3

  @Option(help: "The most characters of a side.")
  var maxCharacters: Int = 400

  @Option(help: "How far a pair's ratio of lengths may be from the median, as a factor.")
  var lengthRatio: Double = 2.2

  @Option(help: "The most pairs; 0 for all.")
  var limit: Int = 0

  @Option(
    help: "A table of `source TAB target` whose pairs are not new; may be given several times.", completion: .file())
  var known: [String] = []

  @Option(help: "The same with the target language first; may be given several times.", completion: .file())
  var knownTurned: [String] = []

  @Option(
    help: "FILE=ORIGIN: lines of a known file with this third column are left out; may be given several times.")
  var except: [String] = []

  @Option(name: .shortAndLong, help: "Where the pairs go.", completion: .file())
  var output: String

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if threshold.isNaN { throw ValidationError("--threshold must be a number.") }
    guard minCharacters >= 1, maxCharacters >= minCharacters else {
      throw ValidationError("--min-characters must be at least 1, --max-characters no less.")
    }
    guard lengthRatio > 1 else { throw ValidationError("--length-ratio must be over 1.") }
    if limit < 0 { throw ValidationError("--limit must not be negative.") }
    for rule in except where !(known + knownTurned).contains(where: { rule.hasPrefix("\($0)=") }) {
      throw ValidationError("--except is FILE=ORIGIN with a file of --known or --known-turned, not \(rule).")
    }
  }

  func run() throws {
    try OutputCheck.check([output], inputs: [pairs] + known + knownTurned)
    var selection = PairSelection(threshold: threshold)
    selection.droppedFlags = dropFlags.split(separator: ",").map(String.init)
    selection.characters = minCharacters...maxCharacters
    selection.lengthRatio = lengthRatio
    selection.limit = limit
    for (paths, turned) in [(known, false), (knownTurned, true)] {
      for path in paths {
        let origins = except.filter { $0.hasPrefix("\(path)=") }.map { String($0.dropFirst(path.count + 1)) }
        selection.known.append(.init(path: path, turned: turned, excludedOrigins: Set(origins)))
      }
    }
    let report = try selection.select(from: pairs, to: output)
    Console(quiet: common.quiet).say(
      "\(output): \(Format.count(report.kept)) of \(Format.count(report.mined)) pairs")
    if common.json { try Console.printJSON(report) }
  }
}

struct PairsDecontaminate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decontaminate",
    abstract: "Takes out pairs with a side that is in a test file.",
    discussion: """
      Sentences are the same if they are without case, punctuation and spacing. The input is what `ems pairs select` wrote; the \
      output has source, target and the word `mined`, as `ems train` reads it.

      EXAMPLES
        ems pairs decontaminate selected.tsv --against flores200 --against test.de --removed removed.tsv --output clean.tsv
      """)

  @Argument(help: "The pairs: score, source, target.", completion: .file())
  var pairs: String

  @Option(
    help: "A test file, or a folder for all files in it at any depth; may be given several times.", completion: .file())
  var against: [String]

  @Option(help: "Gets file, source and target of what is taken out.", completion: .file())
  var removed: String

  @Option(
    help: "Known right pairs, `source TAB target`: --json then says how many pairs are right.", completion: .file())
  var truth: String?

  @Option(name: .shortAndLong, help: "Where the clean pairs go.", completion: .file())
  var output: String

  @OptionGroup var common: CommonOptions

  func run() throws {
    try OutputCheck.check([output, removed], inputs: [pairs] + against + [truth].compactMap { $0 })
    let decontamination = try Decontamination(against: against)
    let report = try decontamination.clean(pairs, to: output, removed: removed, truth: truth)
    Console(quiet: common.quiet).say(
      "\(output): \(Format.count(report.kept)) pairs, \(Format.count(report.removed)) taken out")
    if common.json { try Console.printJSON(report) }
  }
}
