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

  @OptionGroup var prompt: PromptOption

  @OptionGroup var compute: ComputeOption

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
    let job = console.job()
    // What is wrong with the old result is said before an hour is spent on the new one.
    if let report { try OutputCheck.check([report], inputs: OutputCheck.inputs(except: "--report")) }
    let old = try compare.map { try EarlierResult(path: $0) }
    let encoder = try model.map {
      try SentenceEncoder(
        ModelFolder(path: $0), threads: common.threads, prompt: prompt.name, arithmetic: compute.arithmetic)
    }
    let evaluator = Evaluator(encoder: encoder, threads: common.threads, job: job)
    let start = ContinuousClock.now
    var result = try body(evaluator)
    if let old {
      result = ComparedResult(result, try Comparison(old: old, new: JSONEncoder().encode(result), seed: common.seed))
    }
    console.finish()
    for note in encoder?.model.words?.missing ?? [] { console.warn("\(encoder?.model.path ?? ""): \(note)") }
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
