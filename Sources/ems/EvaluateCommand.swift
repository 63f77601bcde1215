import ArgumentParser
import Base
import Corpus
import Encoder
import Evaluate
import Foundation
import Mine

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measures how good embeddings are, by the protocols of the field.",
    discussion: """
      Every figure is a share from 0 to 1 in JSON and a percentage in tables. Forward is from the first text (or the \
      language other than English) to the second.
      """,
    subcommands: [EvaluateTatoeba.self, EvaluateRetrieval.self, EvaluateBucc.self])
}

/// Options that all protocols have.
struct EvaluateArguments: ParsableArguments {
  @Option(help: "Model folder; not needed where embeddings are given for every text.", completion: .directory)
  var model: String?

  @OptionGroup var common: CommonOptions

  /// Runs a protocol and shows what it gave.
  func run(_ body: (Evaluator) throws -> any EvaluationResult) throws {
    let console = Console(quiet: common.quiet)
    Interruption.watch()
    let encoder = try model.map { try SentenceEncoder(ModelFolder(path: $0), threads: common.threads) }
    let evaluator = Evaluator(encoder: encoder, threads: common.threads) { subject, share in
      console.progress("\(subject): \(Int(100 * share)) %")
    }
    let start = ContinuousClock.now
    let result = try body(evaluator)
    console.finish()
    console.say("\(result.title): \(Format.time((ContinuousClock.now - start) / .seconds(1)))")
    if common.json {
      try Console.printJSON(result)
    } else {
      print(result.text, terminator: "")
    }
  }
}

extension EvaluationResult {
  /// The tables and notes, for a terminal.
  fileprivate var text: String {
    var parts: [String] = []
    for section in sections {
      switch section {
      case .table(let table): parts.append(table.text)
      case .note(let text): parts.append(text + "\n")
      case .bars, .histogram, .curve: continue
      }
    }
    return parts.joined(separator: "\n")
  }
}

/// A comma-separated list, nil for no option.
private func list(_ text: String?) -> [String]? {
  text?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
}

/// How a margin is computed.
struct MarginArguments: ParsableArguments {
  @Option(help: "Neighbours that the margin looks at.")
  var k: Int = 4

  @Option(help: "How a cosine is set against its neighbourhood: ratio, distance or absolute.")
  var margin: Margin = .ratio

  func validate() throws {
    if k < 1 { throw ValidationError("--k must be at least 1.") }
  }

  var options: MarginOptions { MarginOptions(k: k, margin: margin) }
}

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

  @Option(help: "Languages to evaluate, comma-separated; all if not given.")
  var languages: String?

  @OptionGroup var margin: MarginArguments
  @OptionGroup var evaluate: EvaluateArguments

  func run() throws {
    try evaluate.run { try $0.tatoeba(folder: folder, languages: list(languages), margin.options) }
  }
}

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

  @Option(help: "Embeddings of the first text, a .npy file.", completion: .file(extensions: ["npy"]))
  var sourceEmbeddings: String?

  @Option(help: "Embeddings of the second text, a .npy file.", completion: .file(extensions: ["npy"]))
  var targetEmbeddings: String?

  @Option(help: "Of a folder: languages, comma-separated; all if not given.")
  var languages: String?

  @Option(help: "Of a Flores folder: dev or devtest.")
  var split: String?

  @OptionGroup var margin: MarginArguments
  @OptionGroup var evaluate: EvaluateArguments

  func validate() throws {
    let embeddings = sourceEmbeddings != nil && targetEmbeddings != nil
    guard texts.count == 2 || texts.count == 1 || (texts.isEmpty && embeddings) else {
      throw ValidationError("Give two texts, one folder, or --source-embeddings and --target-embeddings.")
    }
    if texts.count != 1, languages != nil || split != nil {
      throw ValidationError("--languages and --split are for a folder.")
    }
  }

  func run() throws {
    try evaluate.run { evaluator in
      if texts.count == 1 {
        return try evaluator.matrix(folder: texts[0], languages: list(languages), split: split, margin.options)
      }
      return try evaluator.retrieval(
        source: texts.first, target: texts.last, sourceEmbeddings: sourceEmbeddings, targetEmbeddings: targetEmbeddings,
        margin.options)
    }
  }
}

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

  @Option(help: "Embeddings of the lines of --source.", completion: .file(extensions: ["npy"]))
  var sourceEmbeddings: String?

  @Option(help: "Embeddings of the lines of --target.", completion: .file(extensions: ["npy"]))
  var targetEmbeddings: String?

  @Option(help: "Embeddings of the lines of --test-source.", completion: .file(extensions: ["npy"]))
  var testSourceEmbeddings: String?

  @Option(help: "Embeddings of the lines of --test-target.", completion: .file(extensions: ["npy"]))
  var testTargetEmbeddings: String?

  @Option(help: "Which candidates become pairs: max, intersect, forward or backward.")
  var retrieval: Retrieval = .max

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
    options.retrieval = retrieval
    let training = BuccFiles(
      source: source, target: target, gold: gold, sourceEmbeddings: sourceEmbeddings, targetEmbeddings: targetEmbeddings
    )
    var test: BuccFiles?
    if let testSource, let testTarget {
      test = BuccFiles(
        source: testSource, target: testTarget, gold: testGold, sourceEmbeddings: testSourceEmbeddings,
        targetEmbeddings: testTargetEmbeddings)
    }
    try evaluate.run {
      try $0.bucc(training: training, test: test, options: options, k: margin.k, outputPairs: outputPairs)
    }
  }
}
