import ArgumentParser
import Base
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
        ems train recipes/ems-mini.yaml
        ems train recipes/ems-mini.yaml --resume
        ems train recipes/ems-mini.yaml --steps 10 --json
      """)

  @Argument(help: "The configuration, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
  var config: String

  @Flag(help: "Continue from the newest checkpoint, if there is one.")
  var resume = false

  @Option(help: "Stop after this many steps in all; the schedule stays the configuration's.")
  var steps: Int?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let steps, steps < 1 { throw ValidationError("--steps must be at least 1.") }
  }

  func run() throws {
    let console = Console(quiet: common.quiet)
    Interruption.watch()
    let trainer = try Trainer(TrainingConfiguration(path: config), threads: common.threads, observer: console)
    let summary = try trainer.run(resume: resume, steps: steps)
    console.finish()
    if common.json { try Console.printJSON(summary) }
    // Stopped by a signal: the work is not done, and scripts must see that.
    if summary.interrupted { throw ExitCode(130) }
  }
}
