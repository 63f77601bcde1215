import ArgumentParser
import Evaluate

struct EvaluateParaCrawl: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "paracrawl",
    abstract: "Precision at 1, 5 and 10 among many sentences.",
    discussion: """
      Of two aligned texts, pairs with a sentence that came before are left out; the rest is shuffled, the first --keys are \
      the pool, and --queries of them are asked for. By cosine, CSLS-10 and ratio margin, in both directions.

      EXAMPLES
        ems evaluate paracrawl paracrawl.de.zst paracrawl.en.zst --model models/ems-mini --seed 1
      """)

  @Argument(help: "The source text.", completion: .file())
  var source: String

  @Argument(help: "The target text, aligned with it.", completion: .file())
  var target: String

  @Option(help: "Pairs in the pool.")
  var keys: Int = 200_000

  @Option(help: "Pairs of the pool that are asked for.")
  var queries: Int = 2000

  @OptionGroup var spoken: LanguageArguments
  @OptionGroup var evaluate: EvaluateArguments

  func validate() throws {
    if keys < 10 || queries < 1 { throw ValidationError("--keys must be at least 10, --queries at least 1.") }
  }

  func run() throws {
    try evaluate.run {
      try $0.paraCrawl(
        source: source, target: target, languages: try spoken.languages, keys: keys, queries: queries,
        seed: evaluate.common.seed)
    }
  }
}
