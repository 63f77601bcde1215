import ArgumentParser
import Base
import Foundation
import Mine

struct SampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Shows a sample of mined pairs for judgement, and says how many are right.",
    discussion: """
      Pairs are drawn from bands of score with equally many pairs each, and shown in a shuffled order, without their scores. \
      Keys: r right, p partly, w wrong, s skip, q ends (Return after the key where standard input is no terminal). Every \
      judgement is written at once to PAIRS.verdicts.tsv (or --verdicts), and a pair that has one is not asked for again, so \
      that the work may be left and taken up at any time. At the end precision by threshold, with its 95 % interval, is \
      printed: of what was judged in each band, weighted by the band's pairs. `ems filter train --verdicts` reads the file.

      EXAMPLES
        ems sample pairs.tsv
        ems sample pairs.tsv.zst --count 200 --bands 10 --seed 3 --verdicts mine.tsv
        ems sample pairs.tsv --report-only --json
      """)

  @Argument(help: "What `ems mine` wrote: score, source, target.", completion: .file())
  var pairs: String

  @Option(help: "Pairs to draw.")
  var count: Int = 100

  @Option(help: "Bands of score.")
  var bands: Int = 5

  @Option(help: "Where the judgements are kept; PAIRS.verdicts.tsv if not given.", completion: .file())
  var verdicts: String?

  @Flag(help: "Ask for nothing; say what the judgements so far come to.")
  var reportOnly = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard count >= 1, bands >= 1 else { throw ValidationError("--count and --bands must be at least 1.") }
    if pairs == "-" { throw ValidationError("A file is expected: standard input is for the keys.") }
  }

  func run() throws {
    let path = verdicts ?? pairs + ".verdicts.tsv"
    try OutputCheck.check([path], inputs: [pairs])
    let console = Console(quiet: common.quiet)
    let sample = try PairSample(path: pairs, bands: bands, drawing: count, seed: common.seed)
    var entries = FileManager.default.fileExists(atPath: path) ? try Verdicts(path: path).all : []
    if !reportOnly { try judge(sample, path, &entries, console) }
    let points = sample.precision(entries)
    if common.json {
      try Console.printJSON(Result(verdicts: path, judged: entries.count, thresholds: points))
      return
    }
    if points.isEmpty { console.say("no judgements in the highest band of score: nothing can be said yet") }
    for point in points {
      print(
        String(
          format: ">= %.4f  %9d pairs  %5.1f %% right (%.1f to %.1f), %d judged", point.threshold, point.pairs,
          100 * point.precision, 100 * point.low, 100 * point.high, point.judged))
    }
    console.say("\(path): \(Format.count(entries.count)) judgements")
  }

  private struct Result: Encodable {
    var verdicts: String, judged: Int, thresholds: [PairSample.Point]
  }

  private func judge(
    _ sample: PairSample, _ path: String, _ entries: inout [Verdicts.Entry], _ console: Console
  ) throws(Failure) {
    var known = Set(entries.map { "\($0.source)\t\($0.target)" })
    let order = sample.order(seed: common.seed)
    let terminal = Keys()
    defer { terminal.restore() }
    for (place, row) in order.enumerated() {
      let pair = sample.pairs[row]
      if known.contains("\(pair.source)\t\(pair.target)") { continue }
      Console.write(
        "\n\(place + 1) of \(order.count)\n  \(pair.source)\n  \(pair.target)\n[r]ight [p]artly [w]rong [s]kip [q]uit: "
      )
      var verdict: Verdicts.Verdict?
      while verdict == nil {
        guard let key = terminal.next(), key != "q" else {
          Console.write("\n")
          return
        }
        verdict = Verdicts.Verdict.allCases.first { $0.rawValue.hasPrefix(String(key)) }
      }
      guard let verdict else { return }
      Console.write("\(verdict.rawValue)\n")
      let entry = Verdicts.Entry(verdict: verdict, score: pair.score, source: pair.source, target: pair.target)
      try Verdicts.append(entry, to: path)
      entries.append(entry)
      known.insert("\(pair.source)\t\(pair.target)")
    }
  }
}

/// Single keys from standard input: from a terminal as they are pressed.
private final class Keys {
  private var before = termios()
  private let isTerminal: Bool

  init() {
    let known = unsafe tcgetattr(STDIN_FILENO, &before)
    isTerminal = known == 0
    if isTerminal {
      var raw = before
      raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
      unsafe tcsetattr(STDIN_FILENO, TCSANOW, &raw)
    }
  }

  func restore() { if isTerminal { unsafe tcsetattr(STDIN_FILENO, TCSANOW, &before) } }

  /// The next key that is a letter, in lower case; nil at the end of the input.
  func next() -> Character? {
    var byte: UInt8 = 0
    while true {
      let count = unsafe read(STDIN_FILENO, &byte, 1)
      if count < 0, errno == EINTR, !Interruption.requested { continue }
      if count <= 0 { return nil }
      let key = Character(Unicode.Scalar(byte)).lowercased()
      if let first = key.first, first.isLetter { return first }
    }
  }
}
