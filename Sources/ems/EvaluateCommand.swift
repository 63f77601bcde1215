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
  @Option(
    name: .customLong("model"),
    help: ArgumentHelp(
      "Model folder; not needed where embeddings are given for every text. Several times for several models side by side.",
      valueName: "model"), completion: .directory)
  var models: [String] = []

  @OptionGroup var prompt: PromptOption

  @OptionGroup var compute: ComputeOption

  @Option(
    help: "Writes the result as one page too: HTML, or by the file's name Markdown (.md) or tables as .csv.",
    completion: .file(extensions: ["html", "md", "csv"]))
  var report: String?

  @Option(
    help: "Compares with an earlier result, as --json printed it: differences, with intervals and tests.",
    completion: .file(extensions: ["json"]))
  var compare: String?

  @OptionGroup var common: CommonOptions

  /// Runs a protocol and shows what it gave.
  func run(_ body: (Evaluator) throws -> any EvaluationResult) throws {
    let console = Console(quiet: common.quiet)
    let job = console.job()
    // What is wrong with the old result is said before an hour is spent on the new one.
    if let report { try OutputCheck.check([report], inputs: OutputCheck.inputs(except: "--report")) }
    let old = try compare.map { try EarlierResult(path: $0) }
    let start = ContinuousClock.now
    var facts = Self.facts
    var results: [(model: String, result: any EvaluationResult)] = []
    for path in models.isEmpty ? [nil] : models.map(Optional.some) {
      let encoder = try path.map {
        try SentenceEncoder(
          ModelFolder(path: $0), threads: common.threads, prompt: prompt.name, arithmetic: compute.arithmetic)
      }
      results.append((path ?? "", try body(Evaluator(encoder: encoder, threads: common.threads, job: job))))
      for note in encoder?.model.words?.missing ?? [] { console.warn("\(path ?? ""): \(note)") }
      if let encoder { facts.append(Self.fact(encoder)) }
    }
    var result = results.count == 1 ? results[0].result : ModelResults(results)
    if let old {
      result = ComparedResult(result, try Comparison(old: old, new: JSONEncoder().encode(result), seed: common.seed))
    }
    console.finish()
    console.say("\(result.title): \(Format.time((ContinuousClock.now - start) / .seconds(1)))")
    if let report {
      try result.page(facts: facts).write(to: report)
      console.say("\(report): written")
    }
    if common.json {
      try Console.printJSON(result)
    } else {
      print(result.text.hasSuffix("\n") ? String(result.text.dropLast()) : result.text)
    }
  }
}

extension EvaluateArguments {
  /// What a report says of how its figures came about.
  private static var facts: [(name: String, value: String)] {
    [
      ("ems", Ems.configuration.version), ("date", Date.now.formatted(.iso8601.year().month().day())),
      ("command", CommandLine.arguments.joined(separator: " ")),
    ]
  }

  private static func fact(_ encoder: SentenceEncoder) -> (name: String, value: String) {
    let c = encoder.model.configuration
    return (
      "model",
      "\(encoder.model.path): layers \(c.numHiddenLayers), width \(c.hiddenSize), languages \(c.languages.count)"
    )
  }

  func validate() throws {
    if models.count > 1, compare != nil { throw ValidationError("--compare takes the result of one model.") }
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
      case .bars, .histogram, .curve, .lines, .pairs: continue
      }
    }
    return parts.joined(separator: "\n")
  }
}
