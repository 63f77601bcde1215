import ArgumentParser
import Base
import Foundation
import Train

/// Options that every command has.
struct CommonOptions: ParsableArguments {
  @Option(help: "Threads to use.")
  var threads: Int = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "Seed of everything that is random.")
  var seed: UInt64 = 1

  @Flag(help: "Say nothing but errors and results.")
  var quiet = false

  @Flag(help: "Print the result as one JSON object on standard output.")
  var json = false

  func validate() throws {
    guard threads >= 1, threads <= 4096 else { throw ValidationError("--threads must be from 1 to 4096.") }
  }
}

/// Standard error for people, standard output for results.
struct Console: TrainingObserver {
  let quiet: Bool
  private let terminal = isatty(STDERR_FILENO) != 0
  private let line = ProgressLine()

  init(quiet: Bool) { self.quiet = quiet }

  /// A line that stays.
  func say(_ text: String) {
    if quiet { return }
    line.clear()
    Self.write(text + "\n")
  }

  /// A line that the next one replaces; shown on terminals only, at most ten times a second.
  func progress(_ text: String) {
    if quiet || !terminal { return }
    line.show(text)
  }

  /// Removes the progress line.
  func finish() { line.clear() }

  static func error(_ failure: Failure) { write("ems: error: \(failure)\n") }

  static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  /// Prints a result as one JSON object on one line.
  static func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }
}

private final class ProgressLine {
  private var last = ContinuousClock.now - .seconds(1)
  private var shown = false

  func show(_ text: String) {
    let now = ContinuousClock.now
    if now - last < .milliseconds(100) { return }
    last = now
    shown = true
    Console.write("\r\u{1B}[K" + text)
  }

  func clear() {
    if shown { Console.write("\r\u{1B}[K") }
    shown = false
  }
}
