import ArgumentParser
import Base
import Kernels
import Glibc

@main
struct Ems: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ems",
    abstract: "Turns monolingual text dumps into parallel sentences, with a sentence encoder trained here.",
    version: Version.current,
    subcommands: [
      DataCommand.self, EncodeCommand.self, IndexCommand.self, MineCommand.self, ScoreCommand.self, PlanCommand.self,
      PairsCommand.self, EvaluateCommand.self, TrainCommand.self, TokenizerCommand.self, ModelCommand.self,
    ])

  /// Runs the command; a failure is one line on standard error, and its kind is the exit status.
  static func main() {
    StandardStreams.prepare()
    do {
      try Compute.checkChoice()
      // As the system gave them: names of files may be no UTF-8.
      var command = try parseAsRoot(Array(PathText.arguments().dropFirst()))
      try command.run()
    } catch let failure as Failure {
      if failure.kind == .io, failure.subject == OutputFile.standardOutputName, StandardStreams.outputHasNoReader {
        StandardStreams.dieOfBrokenPipe()
      }
      Console.error(failure)
      Glibc.exit(failure.kind.rawValue)
    } catch let code as ExitCode {
      Glibc.exit(code.rawValue)
    } catch {
      let code = exitCode(for: error)
      // Help and versions are results, and go to standard output.
      if code.isSuccess { exit(withError: error) }
      if code != .validationFailure, !(error is ValidationError) {
        Console.error(Failure(.software, "ems", "\(error)", remedy: "report this"))
        Glibc.exit(Failure.Kind.software.rawValue)
      }
      // A wrong command line; what it holds is shown as far as it is harmless and short.
      let lines = fullMessage(for: error).split(separator: "\n", omittingEmptySubsequences: false).prefix(60)
      Console.write(lines.map { Printable.text(String($0), limit: 600) + "\n" }.joined())
      Glibc.exit(Failure.Kind.usage.rawValue)
    }
  }
}
