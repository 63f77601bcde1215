import ArgumentParser
import Evaluate

struct EvaluateRetrieval: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retrieval",
    abstract: "Finding the partner of every line of aligned texts.",
    discussion: """
      Two texts, or one folder of texts that are all aligned: Flores (deu_Latn.dev, deu_Latn.devtest) or NTREX \
      (newstest2019-ref.deu.txt, newstest2019-src.eng.txt), of which every language is compared with every other.

      EXAMPLES
        ems evaluate retrieval test.de test.en --model models/ems-mini
        ems evaluate retrieval flores200 --split devtest --languages de,fr,en --model models/ems-mini
        ems evaluate retrieval --source-embeddings de.npy --target-embeddings en.npy --json
      """)

  @Argument(help: "Two aligned texts, or a folder of them.", completion: .file())
  var texts: [String] = []

  @OptionGroup var embeddings: EmbeddingArguments
  @OptionGroup var languages: LanguagesOption

  @Option(help: "Of a Flores folder: dev or devtest.")
  var split: String?

  @OptionGroup var spoken: LanguageArguments
  @OptionGroup var margin: MarginArguments
  @OptionGroup var evaluate: EvaluateArguments

  func validate() throws {
    guard texts.count == 2 || texts.count == 1 || (texts.isEmpty && embeddings.areGiven) else {
      throw ValidationError("Give two texts, one folder, or --source-embeddings and --target-embeddings.")
    }
    if texts.count != 1, languages.languages != nil || split != nil {
      throw ValidationError("--languages and --split are for a folder.")
    }
  }

  func run() throws {
    try evaluate.run { evaluator in
      if texts.count == 1 {
        return try evaluator.matrix(
          folder: texts[0], languages: languages.chosen, split: split, margin.options)
      }
      return try evaluator.retrieval(
        source: texts.first, target: texts.last, sourceEmbeddings: embeddings.sourceEmbeddings,
        targetEmbeddings: embeddings.targetEmbeddings, languages: try spoken.languages, margin.options)
    }
  }
}
