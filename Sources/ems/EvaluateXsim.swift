import ArgumentParser
import Evaluate

struct EvaluateXsim: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xsim",
    abstract: "The error rate of finding partners by margin; with altered copies xsim++.",
    discussion: """
      Altered copies of the second text enlarge what is searched; the error is then told apart by kind of alteration. They \
      are given as KIND=FILE, aligned with the second text by line (unchanged and empty lines are no copies), or as a file \
      of `line number TAB kind TAB sentence`.

      EXAMPLES
        ems evaluate xsim flores.de flores.en --model models/ems-mini
        ems evaluate xsim flores.de flores.en --altered number=en.numbers --altered negation=en.negations --model m
      """)

  @Argument(help: "The source text.", completion: .file())
  var source: String?

  @Argument(help: "The target text, aligned with it.", completion: .file())
  var target: String?

  @Option(help: "Altered copies of the target's lines; may be given several times.")
  var altered: [String] = []

  @OptionGroup var embeddings: EmbeddingArguments

  @OptionGroup var spoken: LanguageArguments
  @OptionGroup var margin: MarginArguments
  @OptionGroup var evaluate: EvaluateArguments

  func validate() throws {
    guard source != nil && target != nil || source == nil && embeddings.areGiven else {
      throw ValidationError("Give two texts, or --source-embeddings and --target-embeddings.")
    }
    if !altered.isEmpty, source == nil || embeddings.isAnyGiven {
      throw ValidationError("--altered needs texts and a model.")
    }
  }

  func run() throws {
    try evaluate.run { evaluator in
      if let source, let target, !altered.isEmpty {
        return try evaluator.xsimPlus(
          source: source, target: target, altered: altered, languages: try spoken.languages, margin.options)
      }
      return try evaluator.retrieval(
        source: source, target: target, sourceEmbeddings: embeddings.sourceEmbeddings,
        targetEmbeddings: embeddings.targetEmbeddings, languages: try spoken.languages, asErrors: true, margin.options)
    }
  }
}
