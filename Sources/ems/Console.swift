import ArgumentParser
import Base
import Foundation
import Synchronization
import Train

/// Standard error for people, standard output for results.
struct Console: TrainingObserver, Sendable {
  let quiet: Bool
  private let terminal = isatty(STDERR_FILENO) != 0
  private let line = ProgressLine()

  init(quiet: Bool) { self.quiet = quiet }

  /// A line that stays.
  func say(_ text: String) {
    if quiet { return }
    line.clear()
    Self.write(Printable.text(text, keepingLines: true, limit: 8000) + "\n")
  }

  /// A line that the next one replaces; shown on terminals only, at most ten times a second.
  func progress(_ text: String) {
    if quiet || !terminal { return }
    line.show(text)
  }

  /// The job of a command: the signals that ask the process to stop cancel it, and its progress is shown here.
  ///
  /// - Parameter timeLeft: whether to guess from the share that is done how long the rest takes.
  func job(timeLeft: Bool = false) -> Job {
    Interruption.watch()
    let begin = ContinuousClock.now
    return Job(stopped: { Interruption.requested }) { text, share in
      guard let share else { return progress(text) }
      var text = text + ", \(Int(100 * share)) %"
      if timeLeft, share > 0 {
        text += ", \(Format.time((1 / share - 1) * (ContinuousClock.now - begin).seconds)) left"
      }
      progress(text)
    }
  }

  /// A line about something that may be wrong; said even when quiet.
  func warn(_ text: String) {
    line.clear()
    Self.write("ems: warning: \(Printable.text(text, limit: 1800))\n")
  }

  /// Removes the progress line.
  func finish() { line.clear() }

  static func error(_ failure: Failure) { write("ems: error: \(failure)\n") }

  static func write(_ text: String) { StandardStreams.log(text) }

  /// Prints a result as one JSON object on one line.
  static func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    Swift.print(Printable.json(String(decoding: try encoder.encode(value), as: UTF8.self)))
  }
}

/// Prints a result for people: what comes from files and names in it is harmless on a terminal.
func print(_ text: String) { Swift.print(Printable.text(text, keepingLines: true)) }

private final class ProgressLine: Sendable {
  private let state = Mutex((last: ContinuousClock.now - .seconds(1), shown: false))

  func show(_ text: String) {
    state.withLock { state in
      let now = ContinuousClock.now
      if now - state.last < .milliseconds(100) { return }
      state = (now, true)
      Console.write("\r\u{1B}[K" + Printable.text(text, limit: 200))
    }
  }

  func clear() {
    state.withLock { state in
      if state.shown { Console.write("\r\u{1B}[K") }
      state.shown = false
    }
  }
}

/// Numbers for people.
enum Format {
  /// `1234567` as `1,234,567`.
  static func count(_ n: Int) -> String {
    let digits = String(n)
    var text = ""
    for (i, digit) in digits.enumerated() {
      if i > 0, (digits.count - i).isMultiple(of: 3), digits[digits.startIndex] != "-" || i > 1 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// Three significant digits or more: `0.123`, `12.3`, `1,234`.
  static func rate(_ x: Double) -> String {
    x >= 100 ? count(Int(x.rounded())) : decimal(x, x >= 10 ? 1 : 2)
  }

  /// `42 s`, `3 min 5 s`, `2 h 10 min`, `12 days`.
  static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e13 else { return "?" }
    let s = Int(seconds.rounded())
    if s < 60 { return "\(s) s" }
    if s < 3600 { return "\(s / 60) min \(s % 60) s" }
    if s < 360_000 { return "\(s / 3600) h \(s % 3600 / 60) min" }
    return "\(count(s / 86_400)) days"
  }

  /// `1.5 MB`, in powers of 1000.
  static func bytes(_ n: Int) -> String {
    var value = Double(n)
    for unit in ["bytes", "kB", "MB", "GB"] {
      if value < 1000 { return unit == "bytes" ? "\(n) bytes" : "\(decimal(value, 1)) \(unit)" }
      value /= 1000
    }
    return "\(decimal(value, 1)) TB"
  }
}
