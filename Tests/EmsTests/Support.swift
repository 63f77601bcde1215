import Base
import Encoder
import Formats
import Foundation
import Glibc
import Index
import TestSupport
import Testing

/// The repository's folder.
let repository = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

/// The tests' small tokenizer, of 300 pieces.
let tinyTokenizer = "\(repository)/Tests/EncoderTests/Fixtures/tiny.model"

/// The binary that was built with the tests, which lies beside them.
let binary: String = {
  let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
  let candidates = [
    URL(filePath: tests).deletingLastPathComponent().path, Bundle.main.bundlePath, "\(repository)/.build/release",
    "\(repository)/.build/debug",
  ].map { "\($0)/ems" }
  return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? "ems"
}()

/// What a command did.
struct Outcome {
  var status: Int32
  var output: String
  var error: String

  /// The last line of standard output as JSON.
  func json(_ location: SourceLocation = #_sourceLocation) -> [String: Any] {
    let line = output.split(separator: "\n").last ?? ""
    let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    #expect(object != nil, "no JSON: \(output)\(error)", sourceLocation: location)
    return object ?? [:]
  }
}

/// A process that was started, with its output going to files.
final class Running {
  let process = Process()
  private let folder = TemporaryFolder()

  init(_ arguments: [String], executable: String = binary, environment: [String: String] = [:], input: Any? = nil)
    throws
  {
    process.executableURL = URL(filePath: executable)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = input ?? FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: try folder.write("out", ""))
    process.standardError = FileHandle(forWritingAtPath: try folder.write("err", ""))
    try process.run()
  }

  func wait() throws -> Outcome {
    process.waitUntilExit()
    // A process that a signal killed has no exit status: what a shell would say.
    let status = process.terminationStatus + (process.terminationReason == .exit ? 0 : 128)
    return Outcome(
      status: status, output: String(decoding: try folder.read("out"), as: UTF8.self),
      error: String(decoding: try folder.read("err"), as: UTF8.self))
  }
}

/// Runs `ems`.
@discardableResult
func ems(_ arguments: String..., environment: [String: String] = [:], input: Any? = nil) throws -> Outcome {
  try Running(arguments, environment: environment, input: input).wait()
}

/// Runs a shell script with `$ems` as the binary and `$1`... as the arguments.
@discardableResult
func shell(_ script: String, _ arguments: String...) throws -> Outcome {
  try Running(["-c", script, "bash"] + arguments, executable: "/bin/bash", environment: ["ems": binary]).wait()
}

/// A folder with a small model in it, and a text.
struct Workshop {
  let folder = TemporaryFolder()
  var model: String { folder.file("model") }

  static let configuration = Configuration(
    numHiddenLayers: 2, hiddenSize: 36, numAttentionHeads: 3, intermediateSize: 52, vocabSize: 300,
    maxPositionEmbeddings: 24, languageSize: 4, languages: ["en", "de", "el", "ru", "ja"])

  /// Writes the model, whose weights are random but always the same.
  init(training: Bool = false) throws {
    var random = SplitMix(seed: 7)
    try ModelFolder.write(
      to: folder.file("model"), configuration: Self.configuration, tokenizer: Tokenizer(path: tinyTokenizer),
      card: "# Small\n", heads: training ? .ems : .none
    ) { (shape, writer) throws(Failure) in
      let norm = shape.name.lowercased().contains("norm") && shape.name.hasSuffix("weight")
      let values = (0..<shape.count).map { _ in (norm ? 1 : 0) + Float.random(in: -0.4...0.4, using: &random) }
      try append(values, to: writer)
    }
  }

  func encode(_ input: String, _ options: String..., input standardInput: Any? = nil, output: String = "x.npy") throws
    -> Outcome
  {
    try Running(
      ["encode", input, "--model", model, "--language", "de", "--output", folder.file(output)] + options,
      input: standardInput
    ).wait()
  }

  /// Lines of many lengths in several scripts, some empty or blank, some over the model's longest sentence.
  static func lines(_ count: Int) -> [String] {
    let words = ["the", "Haus", "ist", "καλημέρα", "мир", "東京", "a", "running", "Übung", "x1", "ΣΊΣΥΦΟΣ", "🙂"]
    var random = SplitMix(seed: 3)
    return (0..<count).map { i in
      if i % 17 == 5 { return "" }
      if i % 23 == 7 { return "  " }
      return (0..<Int.random(in: 1...(i % 10 == 0 ? 40 : 9), using: &random)).map { _ in
        words.randomElement(using: &random) ?? ""
      }.joined(separator: " ")
    }
  }

  func text(_ count: Int, name: String = "text") throws -> String {
    try folder.write(name, Self.lines(count).map { $0 + "\n" }.joined())
  }

  /// What is in the folder besides what `names` lists and the model.
  func others(_ names: String...) throws -> [String] {
    try folder.list().filter { !names.contains($0) && $0 != "model" }
  }
}

/// Appends elements. The array has a name because a span of an unnamed one in a loop crashes the 6.3 optimiser.
func append(_ values: [Float], to writer: SafeTensorsWriter) throws(Failure) { try writer.append(values.span) }

/// Whether a command failed with this status and said all of this in one line on standard error.
func expect(
  _ outcome: Outcome, failsWith status: Int32, says parts: String..., location: SourceLocation = #_sourceLocation
) {
  #expect(outcome.status == status, "\(outcome.error)", sourceLocation: location)
  #expect(outcome.output == "", sourceLocation: location)
  for part in parts { #expect(outcome.error.contains(part), "\(outcome.error)", sourceLocation: location) }
}
