import Base
import Encoder
import Foundation
import Synchronization
import TestSupport
import Testing
import Train

/// A folder with invented corpora, the small tokenizer of the encoder's tests, and configurations that name them.
final class Workplace {
  let folder = TemporaryFolder()
  static let tokenizerPath = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "EncoderTests/Fixtures/tiny.model").path

  init() throws {
    _ = try folder.write("a.tsv", Self.corpus(120, seed: 1))
    _ = try folder.write("b.tsv", Self.corpus(40, seed: 2))
  }

  /// Invented pairs, all different.
  static func pairs(_ count: Int, seed: UInt64) -> [(String, String)] {
    let english = [
      "boat", "wind", "tide", "house", "green", "ship", "door", "river", "paper", "small", "sings", "waits",
    ]
    let german = [
      "Boot", "Wind", "Flut", "Haus", "grün", "Schiff", "Tür", "Fluss", "Papier", "klein", "singt", "wartet",
    ]
    var random = TestSupport.SplitMix(seed: seed)
    return (0..<count).map { i in
      let words = (0..<Int.random(in: 1...6, using: &random)).map { _ in Int.random(in: 0..<12, using: &random) }
      let number = "\(seed)\(i)"
      return (
        words.map { english[$0] }.joined(separator: " ") + " " + number,
        number + " " + words.map { german[$0] }.joined(separator: " ")
      )
    }
  }

  static func corpus(_ count: Int, seed: UInt64) -> String {
    pairs(count, seed: seed).map { "\($0.0)\t\($0.1)\n" }.joined()
  }

  /// A configuration that trains in a moment; keys given replace its own, nil removes one.
  func configuration(_ name: String = "run", _ changes: [String: String?] = [:]) throws -> String {
    var keys: [String: String?] = [
      "output": name, "tokenizer": Self.tokenizerPath,
      "model":
        "{num_hidden_layers: 2, hidden_size: 16, num_attention_heads: 2, intermediate_size: 24, language_size: 8, max_position_embeddings: 20, languages: [en, de, el, ru, ja]}",
      "data":
        "[{path: a.tsv, source_language: en, target_language: de}, {path: b.tsv, source_language: de, target_language: en}]",
      "steps": "10", "batch_pairs": "8", "length_pool": "3", "warmup_steps": "4", "learning_rate": "0.003",
      "validation": "{pairs: 6, every: 3}", "checkpoint_every": "4", "mask_duplicates": "true",
    ]
    for (key, value) in changes { keys[key] = value }
    let text = keys.sorted { $0.key < $1.key }.compactMap { key, value in value.map { "\(key): \($0)\n" } }.joined()
    return try folder.write("\(name).yaml", text)
  }

  /// Trains in this process.
  @discardableResult
  func train(_ path: String, threads: Int = 1, resume: Bool = false, steps: Int? = nil, _ log: Log = Log()) throws
    -> TrainingSummary
  {
    try Trainer(TrainingConfiguration(path: path), threads: threads, observer: log).run(resume: resume, steps: steps)
  }

  /// Trains in this process on so many ranks, which are threads.
  ///
  /// - Parameters:
  ///   - dies: a rank and the number of exchanges after which it is gone
  ///   - stops: a rank and how often it says that nobody asked it to stop
  /// - Returns: what each rank gave or threw.
  func train(
    _ path: String, ranks: Int, resume: Bool = false, steps: Int? = nil, dies: (rank: Int, after: Int)? = nil,
    stops: (rank: Int, after: Int)? = nil, exchanges: Counts? = nil
  ) -> [Result<TrainingSummary, any Error>] {
    ThreadGroup.run(ranks) { communicator in
      if let dies, communicator.rank == dies.rank { communicator.lifetime = dies.after }
      let asked = Counts()
      let rank = communicator.rank
      let trainer = try Trainer(
        TrainingConfiguration(path: path), threads: 1, observer: Log(), communicator: communicator,
        job: Job(stopped: {
          asked.add(0)
          return stops.map { $0.rank == rank && asked.all[0]! > $0.after } ?? false
        }))
      defer { exchanges?.set(communicator.rank, communicator.exchanges) }
      return try trainer.run(resume: resume, steps: steps)
    }
  }

  /// The losses of every step and validation in the order of the run.
  func curve(_ run: String) throws -> [Double] {
    struct Line: Decodable {
      let loss: Double?, xtr: Double?, alignment: Double?, gradient_norm: Double?
      let validation_loss: Double?, validation_accuracy: Double?
    }
    return try String(decoding: folder.read("\(run)/metrics.jsonl"), as: UTF8.self).split(separator: "\n").flatMap {
      let line = try JSONDecoder().decode(Line.self, from: Data($0.utf8))
      return [
        line.loss, line.xtr, line.alignment, line.gradient_norm, line.validation_loss, line.validation_accuracy,
      ].compactMap { $0 }
    }
  }

  /// What two runs must agree on: the final model, and the last checkpoint.
  func result(_ run: String) throws -> [String: [UInt8]] {
    let last = try #require(try checkpoints(run).last)
    return [
      "final": try folder.read("\(run)/final/model.safetensors"),
      "best": try folder.read("\(run)/best/model.safetensors"),
      "model": try folder.read("\(run)/checkpoints/\(last)/model.safetensors"),
      "optimizer": try folder.read("\(run)/checkpoints/\(last)/optimizer.safetensors"),
      "last": Array(last.utf8), "metrics": try metrics(run),
    ]
  }

  /// The names of the complete checkpoints.
  func checkpoints(_ run: String) throws -> [String] {
    try folder.list("\(run)/checkpoints").filter { !$0.hasSuffix(".tmp") }
  }

  /// The metrics without the times.
  private func metrics(_ run: String) throws -> [UInt8] {
    let lines = String(decoding: try folder.read("\(run)/metrics.jsonl"), as: UTF8.self).split(separator: "\n")
    return Array(lines.map { $0.replacing(/"seconds":[-+.0-9e]+,/, with: "") }.joined(separator: "\n").utf8)
  }
}

/// Numbers that several threads count up or set.
final class Counts: Sendable {
  private let numbers = Mutex<[Int: Int]>([:])
  func add(_ key: Int) { numbers.withLock { $0[key, default: 0] += 1 } }
  func set(_ key: Int, _ value: Int) { numbers.withLock { $0[key] = value } }
  var all: [Int: Int] { numbers.withLock { $0 } }
}

/// Keeps what a trainer says.
final class Log: TrainingObserver {
  private(set) var lines: [String] = []
  func say(_ line: String) { lines.append(line) }
  func progress(_ line: String) {}
}

/// Whether two runs gave the same bytes.
func expectSame(_ a: [String: [UInt8]], _ b: [String: [UInt8]], location: SourceLocation = #_sourceLocation) {
  for (name, bytes) in a { #expect(bytes == b[name], "\(name)", sourceLocation: location) }
}
