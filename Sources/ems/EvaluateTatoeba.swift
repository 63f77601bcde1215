import ArgumentParser
import Evaluate

struct EvaluateTatoeba: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tatoeba",
    abstract: "Similarity search in the Tatoeba test sets.",
    discussion: """
      The folder is LASER's data/tatoeba/v1, with files tatoeba.xxx-eng.xxx and tatoeba.xxx-eng.eng. Accuracy is the share of \
      sentences whose nearest neighbour on the other side is their own line; among equal cosines the lowest row counts \
      as the nearest. By text, any line with the same text is right. Means over languages are unweighted.

      EXAMPLES
        ems evaluate tatoeba data/tatoeba --model models/ems-mini
        ems evaluate tatoeba data/tatoeba --model models/ems-mini --languages de,fra,zho_Hans --json
      """)

  @Argument(help: "The folder of test sets.", completion: .directory)
  var folder: String

  @OptionGroup var languages: LanguagesOption

  @OptionGroup var margin: MarginArguments
  @OptionGroup var evaluate: EvaluateArguments

  func run() throws {
    try evaluate.run { try $0.tatoeba(folder: folder, languages: languages.chosen, margin.options) }
  }
}
