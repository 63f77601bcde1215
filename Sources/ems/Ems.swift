import ArgumentParser

@main
struct Ems: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ems", version: "0.1.0")
}
