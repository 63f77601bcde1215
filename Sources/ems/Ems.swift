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
      DataCommand.self, EncodeCommand.self, IndexCommand.self, MineCommand.self, ScoreCommand.self, PlanCommand.self,
      PairsCommand.self, FilterCommand.self, SampleCommand.self, EvaluateCommand.self, TrainCommand.self,
      TokenizerCommand.self, ModelCommand.self,
    ])

  /// The command line's command. What is wrong with an option is wrong usage, whoever says it.
  private static func parsed() throws -> any ParsableCommand {
    do {
      return try parseAsRoot()
    } catch  where exitCode(for: error) == .failure {
      Console.write(fullMessage(for: error) + "\n")
      Glibc.exit(Failure.Kind.usage.rawValue)
    }
  }

  /// Runs the command; a failure is one line on standard error, and its kind is the exit status.
  static func main() {
    StandardStreams.prepare()
    do {
      try CommandSuggestion.check(CommandLine.arguments.dropFirst())
      var command = try parsed()
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
