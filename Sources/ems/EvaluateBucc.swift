import ArgumentParser
import Base
import Evaluate
import Mine

struct EvaluateBucc: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bucc",
    abstract: "Mining with known right pairs: precision, recall and F1.",
    discussion: """
      The texts are lines of `id TAB sentence`, the gold `source id TAB target id`. The threshold with the best F1 on these \
      files is applied unchanged to the test files. MTEB's BUCC, another metric, is given beside it as mteb_bucc.

      EXAMPLES
        ems evaluate bucc --source de-en.training.de --target de-en.training.en --gold de-en.training.gold --model m
        ems evaluate bucc --source de-en.training.de --target de-en.training.en --gold de-en.training.gold \\
          --test-source de-en.test.de --test-target de-en.test.en --output-pairs de-en.test.pairs --model m --json
      """)

  @Option(help: "The source text, with ids.", completion: .file())
  var source: String

  @Option(help: "The target text, with ids.", completion: .file())
  var target: String

  @Option(help: "The right pairs of ids.", completion: .file())
  var gold: String

  @Option(help: "The source text of the test set.", completion: .file())
  var testSource: String?

  @Option(help: "The target text of the test set.", completion: .file())
  var testTarget: String?

  @Option(help: "The right pairs of the test set, where they are known.", completion: .file())
  var testGold: String?

  @Option(
    help: "Gets the ids of the pairs that reach the threshold: of the test set, or without one of the training set.",
    completion: .file())
  var outputPairs: String?

  @OptionGroup var embeddings: EmbeddingArguments

  @Option(help: "Embeddings of the lines of --test-source.", completion: .file(extensions: ["npy"]))
  var testSourceEmbeddings: String?

  @Option(help: "Embeddings of the lines of --test-target.", completion: .file(extensions: ["npy"]))
  var testTargetEmbeddings: String?

  @OptionGroup var retrieval: RetrievalOption

  @OptionGroup var spoken: LanguageArguments
  @OptionGroup var margin: MarginArguments
  @OptionGroup var evaluate: EvaluateArguments

  func validate() throws {
    if (testSource == nil) != (testTarget == nil) {
      throw ValidationError("--test-source and --test-target go together.")
    }
    if testSource == nil, testGold != nil || testSourceEmbeddings != nil || testTargetEmbeddings != nil {
      throw ValidationError("--test-gold and embeddings of the test set need --test-source and --test-target.")
    }
  }

  func run() throws {
    var options = MiningOptions()
    options.margin = margin.margin
    options.retrieval = retrieval.retrieval
    var training = BuccFiles(
      source: source, target: target, gold: gold, sourceEmbeddings: embeddings.sourceEmbeddings,
      targetEmbeddings: embeddings.targetEmbeddings
    )
    training.languages = try spoken.languages
    var test: BuccFiles?
    if let testSource, let testTarget {
      test = BuccFiles(
        source: testSource, target: testTarget, gold: testGold, sourceEmbeddings: testSourceEmbeddings,
        targetEmbeddings: testTargetEmbeddings)
      test?.languages = training.languages
    }
    if outputPairs != nil, evaluate.models.count > 1 {
      throw ValidationError("--output-pairs holds the pairs of one model.")
    }
    if let outputPairs { try OutputCheck.check([outputPairs], inputs: OutputCheck.inputs(except: "--output-pairs")) }
    try evaluate.run {
      try $0.bucc(training: training, test: test, options: options, k: margin.k, outputPairs: outputPairs)
    }
  }
}
