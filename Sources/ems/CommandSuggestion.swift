import ArgumentParser
import Base

extension OutputCheck {
  /// What the command line names beside outputs: every other argument, of which those that are files or folders count.
  ///
  /// - Parameter outputs: the options whose values are outputs.
  static func inputs(except outputs: String...) -> [String] {
    var inputs: [String] = []
    var skips = false
    for argument in CommandLine.arguments.dropFirst() {
      if skips {
        skips = false
      } else if outputs.contains(argument) {
        skips = true
      } else if !outputs.contains(where: { argument.hasPrefix("\($0)=") }) {
        inputs.append(argument)
      }
    }
    return inputs
  }
}

/// Tells what was meant by a command that does not exist.
enum CommandSuggestion {
  /// - Parameter arguments: the process's, without its name.
  /// - Throws: `Failure(.usage)` for a name that is no command where one is expected.
  static func check(_ arguments: some Sequence<String>) throws(Failure) {
    var command: any ParsableCommand.Type = Ems.self
    var path = "ems"
    for argument in arguments {
      let commands = command.configuration.subcommands
      if commands.isEmpty || argument.hasPrefix("-") || argument == "help" { return }
      guard let next = commands.first(where: { name($0) == argument }) else {
        let names = commands.map { name($0) }
        let near = nearest(argument, names)
        throw Failure(
          .usage, path, "\"\(argument)\" is no command",
          remedy: near.isEmpty
            ? "the commands are \(names.joined(separator: ", "))" : "did you mean \(near.joined(separator: " or "))?")
      }
      command = next
      path += " \(argument)"
    }
  }

  private static func name(_ command: any ParsableCommand.Type) -> String {
    command.configuration.commandName ?? String(describing: command).lowercased()
  }

  /// Up to three names that are a few letters away, or that begin alike.
  private static func nearest(_ text: String, _ names: [String]) -> [String] {
    let wanted = Array(text.lowercased().utf8)
    let found = names.map { name -> (Int, String) in
      let letters = Array(name.utf8)
      let starts = wanted.count >= 3 && (letters.starts(with: wanted) || wanted.starts(with: letters))
      return (starts ? 1 : editDistance(wanted, letters), name)
    }
    return found.filter { $0.0 <= 2 && $0.0 < wanted.count }.sorted { $0 < $1 }.prefix(3).map(\.1)
  }
}
