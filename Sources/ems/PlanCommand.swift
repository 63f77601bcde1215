import ArgumentParser
import Base
import Corpus
import Encoder
import Formats
import Foundation
import Index
import Mine

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Says what a mining run takes: memory, disk and time, index and shards.",
    discussion: """
      Sizes come from the texts (the beginning of each is read), or from --source-lines and --target-lines for texts that are \
      not there. Every line is taken for a sentence of its own, so that a corpus with duplicates takes less. Times come from \
      this machine, which is measured for some seconds with the model; --save-rates keeps what was measured, and --rates uses \
      it elsewhere.

      Exit status 74 says that the run does not fit on this machine.

      EXAMPLES
        ems plan de.txt.zst en.txt.zst --model models/ems-mini
        ems plan de.txt.zst en.txt.zst --model models/ems-mini --index IVF16384,Flat --dtype float16
        ems plan --source-lines 1B --target-lines 1B --model models/ems-mini --dtype float16 --machines 32
      """)

  @Argument(help: "A text in the source language.", completion: .file())
  var source: String?

  @Argument(help: "A text in the target language.", completion: .file())
  var target: String?

  @Option(help: "Model folder.", completion: .directory)
  var model: String

  @OptionGroup var compute: ComputeOption

  @Option(help: "Instead of texts: lines of the source, such as 5000000, 5M or 1B.")
  var sourceLines: Quantity?

  @Option(help: "Lines of the target.")
  var targetLines: Quantity?

  @Option(help: "With --source-lines: bytes of a line.")
  var lineBytes: Int = 120

  @Option(help: "Type of the embeddings in the work folder: float32 or float16.")
  var dtype: EmbeddingType = .float32

  @OptionGroup(title: "Search") var search: SearchArguments

  @Option(help: "Machines like this one that work at once on the shards.")
  var machines: Int = 1

  @Option(help: "Rates that --save-rates kept, instead of measuring.", completion: .file())
  var rates: String?

  @Option(help: "Where to keep what was measured, as JSON.", completion: .file())
  var saveRates: String?

  @Option(help: "The folder whose disk will be used.", completion: .directory)
  var work: String = "."

  @OptionGroup var common: CommonOptions

  /// A number with an optional K, M, B.
  struct Quantity: ExpressibleByArgument {
    var value: Int

    init?(argument: String) {
      let factors: [Character: Double] = ["k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9]
      let factor = argument.last.flatMap { factors[Character($0.lowercased())] }
      guard let number = Double(factor == nil ? argument : String(argument.dropLast())), number >= 1, number < 1e15
      else { return nil }
      value = Int(number * (factor ?? 1))
    }
  }

  func validate() throws {
    let texts = source != nil && target != nil && sourceLines == nil && targetLines == nil
    let lines = source == nil && sourceLines != nil && targetLines != nil
    if !texts, !lines { throw ValidationError("Two texts are expected, or --source-lines and --target-lines.") }
    if lineBytes < 1 || machines < 1 { throw ValidationError("--line-bytes and --machines must be at least 1.") }
    if rates != nil, saveRates != nil { throw ValidationError("Give --rates or --save-rates, not both.") }
  }

  func run() throws {
    let console = Console(quiet: common.quiet)
    try OutputCheck.check([saveRates].compactMap { $0 }, inputs: [source, target, model].compactMap { $0 })
    let folder = try ModelFolder(path: model)
    var options = PipelineOptions()
    options.type = dtype
    search.apply(to: &options)
    var sizes: [TextEstimate] = []
    for (text, lines) in [(source, sourceLines), (target, targetLines)] {
      if let text {
        sizes.append(try TextEstimate(path: text))
      } else if let lines {
        sizes.append(TextEstimate(lines: lines.value, bytes: lines.value * lineBytes))
      }
    }
    func plan(_ rates: MachineRates?) -> MiningPlan {
      MiningPlan(
        rows: sizes.map(\.lines), textBytes: sizes.map(\.bytes), configuration: folder.configuration, options: options,
        threads: common.threads, rates: rates)
    }
    let measured = try measuredRates(folder, factory: plan(nil).index.first, console)
    let result = plan(measured)
    var exact: MiningPlan?
    if result.index != ["exact"] {
      options.index = .exact
      exact = plan(measured)
    }
    if common.json {
      try Console.printJSON(Output(plan: result, rates: measured, machines: machines))
    } else {
      for line in table(result) { print(line) }
      if let seconds = exact?.seconds(machines: machines) {
        print("\nWith --index exact all would take \(Format.time(seconds)).")
      }
    }
    try result.check(folder: work)
  }

  private func measuredRates(_ folder: ModelFolder, factory: String?, _ console: Console) throws -> MachineRates {
    if let rates { return try JSONFile.read(MachineRates.self, from: rates) }
    console.progress("measuring this machine")
    let measured = try MachineRates.measure(
      model: folder, arithmetic: compute.arithmetic, text: source, lineBytes: lineBytes,
      factory: factory == "exact" || factory == "lists" ? nil : factory,
      threads: common.threads)
    console.finish()
    if let saveRates { try JSONFile.write(measured, to: saveRates) }
    return measured
  }

  private func table(_ plan: MiningPlan) -> [String] {
    func column(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let (source, target) = (Format.count(plan.sentences[0]), Format.count(plan.sentences[1]))
    var lines = [
      "sentences  \(source) + \(target)", "embeddings \(plan.dimension) x \(plan.type)",
      "index      \(plan.index.joined(separator: " + "))",
      "shards     \(plan.shards[0]) + \(plan.shards[1])", "",
      "stage       " + column("memory", 10) + column("disk", 12) + column("time", 16),
    ]
    for stage in plan.stages {
      lines.append(
        stage.name.padding(toLength: 12, withPad: " ", startingAt: 0) + column(Format.bytes(stage.memory), 10)
          + column(Format.bytes(stage.disk), 12)
          + column(plan.seconds(of: stage, machines: machines).map { Format.time($0) } ?? "?", 16))
    }
    lines.append(
      "in all".padding(toLength: 12, withPad: " ", startingAt: 0) + column(Format.bytes(plan.memory), 10)
        + column(Format.bytes(plan.disk), 12)
        + column(plan.seconds(machines: machines).map { Format.time($0) } ?? "?", 16))
    return lines
  }

  private struct Output: Encodable {
    var plan: MiningPlan
    var rates: MachineRates
    var machines: Int
    var memory: Int, disk: Int, seconds: Double?

    init(plan: MiningPlan, rates: MachineRates, machines: Int) {
      self.plan = plan
      self.rates = rates
      self.machines = machines
      (memory, disk, seconds) = (plan.memory, plan.disk, plan.seconds(machines: machines))
    }
  }
}
