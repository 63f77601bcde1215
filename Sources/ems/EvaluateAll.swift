import ArgumentParser
import Evaluate

struct EvaluateAll: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "all",
    abstract: "Runs the protocols that a suite file names.",
    discussion: """
      The suite is YAML: a list `evaluations`, each with its `protocol`, if wanted a `name`, and the protocol's options by \
      their names with _ for -. Paths start at the suite's folder.

        evaluations:
          - {protocol: tatoeba, folder: tatoeba, languages: [deu, fra]}
          - {protocol: bucc, name: bucc-de, source: de-en.training.de, target: de-en.training.en, gold: de-en.training.gold}
          - {protocol: classify, folder: sib200, language: eng_Latn, seeds: 3}

      EXAMPLES
        ems evaluate all --suite suite.yaml --model models/ems-mini --json > new.json
        ems evaluate all --suite suite.yaml --model models/ems-mini --compare old.json --report report.html
      """)

  @Option(help: "The suite file.", completion: .file(extensions: ["yaml", "yml"]))
  var suite: String

  @OptionGroup var evaluate: EvaluateArguments

  func run() throws {
    let suite = try Suite(path: suite)
    try evaluate.run { try $0.run(suite) }
  }
}
