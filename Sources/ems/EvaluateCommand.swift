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
    subcommands: [
      EvaluateTatoeba.self, EvaluateRetrieval.self, EvaluateBucc.self, EvaluateXsim.self, EvaluateParaCrawl.self,
      EvaluateClassify.self, EvaluateAll.self, EvaluateCompare.self,
    ])
}

/// Options that all protocols have.
struct EvaluateArguments: ParsableArguments {
  @Option(help: "Model folder; not needed where embeddings are given for every text.", completion: .directory)
  var model: String?

  @Option(help: "Writes the result as one HTML page too.", completion: .file(extensions: ["html"]))
  var report: String?

  @Option(
    help: "Compares with an earlier result, as --json printed it: differences, with intervals and tests.",
    completion: .file(extensions: ["json"]))
  var compare: String?

  @OptionGroup var common: CommonOptions

  /// Runs a protocol and shows what it gave.
  func run(_ body: (Evaluator) throws -> any EvaluationResult) throws {
    let console = Console(quiet: common.quiet)
    Interruption.watch()
    // What is wrong with the old result is said before an hour is spent on the new one.
    let old = try compare.map { try EarlierResult(path: $0) }
    let encoder = try model.map { try SentenceEncoder(ModelFolder(path: $0), threads: common.threads) }
    let evaluator = Evaluator(encoder: encoder, threads: common.threads) { subject, share in
      console.progress("\(subject): \(Int(100 * share)) %")
    }
    let start = ContinuousClock.now
    var result = try body(evaluator)
    if let old {
      result = ComparedResult(result, try Comparison(old: old, new: JSONEncoder().encode(result), seed: common.seed))
    }
    console.finish()
    console.say("\(result.title): \(Format.time((ContinuousClock.now - start) / .seconds(1)))")
    if let report {
      try ReportPage.write(result, facts: facts(encoder), to: report)
      console.say("\(report): written")
    }
    if common.json {
      try Console.printJSON(result)
    } else {
      print(result.text, terminator: "")
    }
  }
}

extension EvaluateArguments {
  /// What a report says of how its figures came about.
  func facts(_ encoder: SentenceEncoder?) -> [(name: String, value: String)] {
    var facts = [("ems", Ems.configuration.version)]
    if let encoder {
      let c = encoder.model.configuration
      facts.append(
        (
          "model",
          "\(encoder.model.path): layers \(c.numHiddenLayers), width \(c.hiddenSize), languages \(c.languages.count)"
        ))
    }
    facts.append(("date", Date.now.formatted(.iso8601.year().month().day())))
    facts.append(("command", CommandLine.arguments.joined(separator: " ")))
    return facts.map { (name: $0.0, value: $0.1) }
  }
}

extension EvaluationResult {
  /// The tables and notes, for a terminal.
  var text: String {
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

  @Option(help: "Embeddings of the source, a .npy file.", completion: .file(extensions: ["npy"]))
  var sourceEmbeddings: String?

  @Option(help: "Embeddings of the target, a .npy file.", completion: .file(extensions: ["npy"]))
  var targetEmbeddings: String?

  @OptionGroup var margin: MarginArguments
  @OptionGroup var evaluate: EvaluateArguments

  func validate() throws {
    let embeddings = sourceEmbeddings != nil && targetEmbeddings != nil
    guard source != nil && target != nil || source == nil && embeddings else {
      throw ValidationError("Give two texts, or --source-embeddings and --target-embeddings.")
    }
    if !altered.isEmpty, source == nil || sourceEmbeddings != nil || targetEmbeddings != nil {
      throw ValidationError("--altered needs texts and a model.")
    }
  }

  func run() throws {
    try evaluate.run { evaluator in
      if let source, let target, !altered.isEmpty {
        return try evaluator.xsimPlus(source: source, target: target, altered: altered, margin.options)
      }
      return try evaluator.retrieval(
        source: source, target: target, sourceEmbeddings: sourceEmbeddings, targetEmbeddings: targetEmbeddings,
        asErrors: true, margin.options)
    }
  }
}

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

  @OptionGroup var evaluate: EvaluateArguments

  func validate() throws {
    if keys < 10 || queries < 1 { throw ValidationError("--keys must be at least 10, --queries at least 1.") }
  }

  func run() throws {
    try evaluate.run {
      try $0.paraCrawl(source: source, target: target, keys: keys, queries: queries, seed: evaluate.common.seed)
    }
  }
}

struct EvaluateClassify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "classify",
    abstract: "Zero-shot classification: train on one language, test on many.",
    discussion: """
      A perceptron (10 and 8 hidden units, tanh, dropout 0.2, Adam at 0.001, 12 documents a step) on frozen embeddings; the \
      epoch is chosen on the training language's dev set. Documents are lines of `label TAB sentence [TAB sentence ...]`, \
      and their embedding is the mean of their sentences'; or SIB-200's files, as a folder.

      EXAMPLES
        ems evaluate classify sib200 --language eng_Latn --model models/ems-mini
        ems evaluate classify --language en --train en.train --dev en.dev --test de=de.test --test fr=fr.test \
          --model models/ems-mini --seeds 5 --json
      """)

  @Argument(
    help: "A folder of files such as deu_Latn.train.tsv, deu_Latn.dev.tsv, deu_Latn.test.tsv.", completion: .directory)
  var folder: String?

  @Option(help: "The language to train on.")
  var language: String = "en"

  @Option(help: "Of a folder: the languages to test on, comma-separated; all if not given.")
  var languages: String?

  @Option(help: "Training documents.", completion: .file())
  var train: String?

  @Option(help: "Documents that the epoch is chosen on.", completion: .file())
  var dev: String?

  @Option(help: "Test documents as LANGUAGE=FILE; may be given several times.")
  var test: [String] = []

  @Option(help: "Runs, with the seeds from --seed on.")
  var seeds: Int = 5

  @Option(help: "Passes over the training documents.")
  var epochs: Int = 100

  @OptionGroup var evaluate: EvaluateArguments

  func validate() throws {
    if (folder == nil) == (train == nil) { throw ValidationError("Give a folder, or --train, --dev and --test.") }
    if train != nil, dev == nil || test.isEmpty { throw ValidationError("--train needs --dev and --test.") }
    for part in test where !part.contains("=") { throw ValidationError("--test is LANGUAGE=FILE, not \(part).") }
    if Set(test.map { $0.prefix { $0 != "=" } }).count < test.count {
      throw ValidationError("--test names a language twice; give each test file a name of its own.")
    }
    guard (1...1000).contains(seeds), (1...100_000).contains(epochs) else {
      throw ValidationError("--seeds must be from 1 to 1000, --epochs from 1 to 100000.")
    }
  }

  func run() throws {
    let files: ClassificationFiles
    if let train, let dev {
      files = ClassificationFiles(
        language: language, train: train, dev: dev,
        tests: test.map { part in
          let sign = part.firstIndex(of: "=") ?? part.endIndex
          return (String(part[..<sign]), String(part[sign...].dropFirst()))
        })
    } else {
      files = try ClassificationFiles(folder: folder ?? "", language: language, tests: list(languages))
    }
    var options = ClassifierOptions()
    options.epochs = epochs
    try evaluate.run {
      try $0.classify(files, seeds: (0..<seeds).map { evaluate.common.seed &+ UInt64($0) }, options)
    }
  }
}

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
