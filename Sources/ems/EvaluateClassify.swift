import ArgumentParser
import Evaluate

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

  @OptionGroup var languages: LanguagesOption

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
      files = try ClassificationFiles(folder: folder ?? "", language: language, tests: languages.chosen)
    }
    var options = ClassifierOptions()
    options.epochs = epochs
    try evaluate.run {
      try $0.classify(files, seeds: (0..<seeds).map { evaluate.common.seed &+ UInt64($0) }, options)
    }
  }
}
