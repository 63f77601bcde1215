import ArgumentParser
import Base
import Glibc

@main
struct Ems: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ems",
    abstract: "Turns monolingual text dumps into parallel sentences, with a sentence encoder trained here.",
    version: Version.current,
    subcommands: [
      DataCommand.self, EncodeCommand.self, IndexCommand.self, MineCommand.self, ScoreCommand.self, SplitCommand.self,
      AlignCommand.self,
      PlanCommand.self,
      PairsCommand.self, EvaluateCommand.self, TrainCommand.self, TokenizerCommand.self, ModelCommand.self,
    ])

  /// Runs the command; a failure is one line on standard error, and its kind is the exit status.
  static func main() {
    StandardStreams.prepare()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      if failure.kind == .io, failure.subject == OutputFile.standardOutputName, StandardStreams.outputHasNoReader {
        StandardStreams.dieOfBrokenPipe()
      }
      Console.error(failure)
      Glibc.exit(failure.kind.rawValue)
    } catch {
      exit(withError: error)
    }
  }
}
