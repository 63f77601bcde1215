import ArgumentParser
import Base
import Evaluate

struct EvaluateCompare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Judges two models by results that are there: line by line, several runs and tests together.",
    discussion: """
      The results are of `ems evaluate retrieval --json`, or of a suite of such tests. Several --old or --new are runs of the \
      same model with other seeds: a line counts by its mean over them. A difference is shown if the sign test over the lines \
      of all tests is below 0.05, the interval has no 0, and every run agrees.

      EXAMPLES
        ems evaluate compare --old control.json --new retrained.json
        ems evaluate compare --old control-1.json --old control-2.json --new retrained-1.json --new retrained-2.json --json
      """)

  @Option(help: "A result of the old model; may be given several times.", completion: .file(extensions: ["json"]))
  var old: [String]

  @Option(help: "A result of the new model; may be given several times.", completion: .file(extensions: ["json"]))
  var new: [String]

  @Option(help: "Writes the comparison as one HTML page too.", completion: .file(extensions: ["html"]))
  var report: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    if let report { try OutputCheck.check([report], inputs: old + new) }
    let comparison = try PooledComparison(
      old: old.map { try EarlierResult(path: $0) }, new: new.map { try EarlierResult(path: $0) }, seed: common.seed)
    let console = Console(quiet: common.quiet)
    console.say(comparison.title)
    if let report {
      let facts = [
        (name: "ems", value: Version.current), (name: "old", value: old.joined(separator: ", ")),
        (name: "new", value: new.joined(separator: ", ")),
      ]
      try comparison.page(facts: facts).write(to: report)
      console.say("\(report): written")
    }
    if common.json {
      try Console.printJSON(comparison)
    } else {
      print(comparison.text.hasSuffix("\n") ? String(comparison.text.dropLast()) : comparison.text)
    }
  }
}
