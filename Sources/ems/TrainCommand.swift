import ArgumentParser
import Base
import Foundation
import Glibc
import Report
import Train

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a model from parallel text.",
    discussion: """
      The configuration names the corpora, the tokenizer, the model's sizes and the recipe; the run folder that it names \
      gets config.yaml, metrics.jsonl, checkpoints/, best/ (a model folder) and final/. A run that is stopped (Ctrl-C, \
      SIGTERM, a crash) continues with --resume and ends with the same bytes as an undisturbed one.

      EXAMPLES
        ems train --init recipe.yaml
        ems train recipes/ems-mini.yaml
        ems train recipes/ems-mini.yaml --resume
        ems train recipes/ems-mini.yaml --steps 10 --json
        mpirun -n 2 --bind-to none ems train recipes/ems-mini.yaml

      Under mpirun or srun the processes train one model together: each takes its part of every batch, and the numbers are \
      those of one process up to rounding. The recipe, the data and the run folder must be on a file system that all see.
      """)

  @Argument(help: "The configuration, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
  var config: String

  @Flag(name: .customLong("init"), help: "Write a recipe with comments under this name, and train nothing.")
  var initialize = false

  @Flag(help: "Continue from the newest checkpoint, if there is one.")
  var resume = false

  @Option(help: "Stop after this many steps in all; the schedule stays the configuration's.")
  var steps: Int?

  @Option(
    help: "Writes a page with the curves of the run too, also when it is stopped.",
    completion: .file(extensions: ["html"]))
  var report: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let steps, steps < 1 { throw ValidationError("--steps must be at least 1.") }
  }

  func run() throws {
    let console = Console(quiet: common.quiet)
    if initialize { return try writeRecipe(console) }
    let mpi = try MPICommunicator.launched(job: console.job())
    // Once more after MPI's beginning, which has signals of its own.
    let job = console.job()
    guard let mpi else {
      if try train(Alone(), threads: common.threads, console, job) { throw ExitCode(130) }
      return
    }
    let interrupted: Bool
    do {
      // Processes that may run on the same processors share them.
      interrupted = try train(
        mpi, threads: common.givenThreads ?? max(1, common.threads / mpi.neighbours), console, job)
    } catch let failure as Failure {
      mpi.abort(failure) { Console.error($0) }
    }
    mpi.finish()
    if interrupted { throw ExitCode(130) }
  }

  private func writeRecipe(_ console: Console) throws {
    if unsafe access(config, F_OK) == 0 {
      throw Failure(.usage, config, "exists", remedy: "name another file for the recipe, or remove this one")
    }
    let file = try OutputFile(path: config)
    try file.write(TrainRecipe.text)
    try file.commit()
    console.say("\(config): a recipe to be filled in; then `ems train \(config)`")
  }

  /// - Returns: whether a signal ended it: the work is not done then, and scripts must see that.
  private func train(
    _ communicator: any Communicator, threads: Int, _ console: Console, _ job: Job
  ) throws -> Bool {
    let configuration = try TrainingConfiguration(path: config)
    for part in ["best", "final", "checkpoints", "cache"] {
      try OutputCheck.check(folder: "\(configuration.output)/\(part)", inputs: configuration.inputs)
    }
    try OutputCheck.check(["\(configuration.output)/metrics.jsonl"], inputs: configuration.inputs)
    if let report { try OutputCheck.check([report], inputs: [config] + configuration.inputs) }
    let trainer = try Trainer(
      configuration, threads: threads, observer: console, communicator: communicator, job: job)
    let summary = try trainer.run(resume: resume, steps: steps)
    console.finish()
    if let report, communicator.rank == 0 {
      try ReportPage(
        title: "ems train", heading: "ems train",
        facts: [
          ("ems", Ems.configuration.version), ("date", Date.now.formatted(.iso8601.year().month().day())),
          ("recipe", config), ("run folder", configuration.output),
        ], parts: TrainingReport.parts(of: configuration.output)
      ).write(to: report)
      console.say("\(report): the curves of the run")
    }
    if common.json, communicator.rank == 0 { try Console.printJSON(summary) }
    return summary.interrupted
  }
}
