import Base
import Encoder
import Foundation
import TestSupport
import Testing
import Train

@Suite(.serialized) struct TrainerTests {
  static let recipes: [[String: String?]] = [
    [:], ["accumulation_steps": "2", "xtr_every": "3", "gradient_clip": "0.5", "decoupled_weight_decay": "true"],
    ["length_pool": "1", "mask_duplicates": "false", "dropout": "0", "validation": "{pairs: 0}"],
    ["epochs": "0.6", "steps": nil, "length_pool": "7"],
  ]

  @Test(arguments: recipes) func tenStepsAreFiveAndFive(changes: [String: String?]) throws {
    let place = try Workplace()
    let whole = try place.train(place.configuration("whole", changes))
    let path = try place.configuration("halves", changes)
    let first = try place.train(path, threads: 2, steps: 5)
    #expect(first.steps == 5 && !first.interrupted)
    #expect(try !place.folder.list("halves").contains("final"))
    let log = Log()
    let second = try place.train(path, threads: 1, resume: true, log)
    #expect(log.lines.contains { $0.hasPrefix("continuing after step 5 of \(whole.steps)") }, "\(log.lines)")
    #expect(second.steps == whole.steps && second.loss == whole.loss && second.loss.isFinite)
    let expected = try place.result("whole")
    expectSame(try place.result("halves"), expected)
    // And in as many pieces as there are steps, on two threads.
    let pieces = try place.configuration("pieces", changes)
    for step in 1...whole.steps { try place.train(pieces, threads: 2, resume: true, steps: step) }
    expectSame(try place.result("pieces"), expected)
    // A run that is done stays as it is.
    try place.train(pieces, resume: true)
    expectSame(try place.result("pieces"), expected)
    try ModelFolder(path: place.folder.file("whole/final")).verify()
  }

  @Test func aRunFolder() throws {
    let place = try Workplace()
    let path = try place.configuration("run", ["checkpoints_kept": "3", "checkpoint_every": "2"])
    let summary = try place.train(path)
    #expect(summary.steps == 10 && summary.best_step != nil && summary.tokens_per_second > 0)
    #expect(try place.folder.list("run") == ["best", "cache", "checkpoints", "config.yaml", "final", "metrics.jsonl"])
    #expect(try place.checkpoints("run") == ["step-000000006", "step-000000008", "step-000000010"])
    #expect(try place.folder.read("run/config.yaml") == readBytes(path))
    struct Line: Decodable { let step: Int, loss: Double?, validation_loss: Double? }
    let lines = try String(decoding: place.folder.read("run/metrics.jsonl"), as: UTF8.self).split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    #expect(lines.filter { $0.loss != nil }.map(\.step) == Array(1...10))
    #expect(lines.filter { $0.validation_loss != nil }.map(\.step) == [3, 6, 9, 10])

    // The folder is taken now.
    let problem = failure { try place.train(path) }
    expect(problem, says: place.folder.file("run"), "--resume")
    #expect(problem?.kind == .io)
    // Resuming where nothing is begins.
    let fresh = try place.configuration("fresh", ["checkpoints_kept": "3", "checkpoint_every": "2"])
    try place.train(fresh, resume: true)
    expectSame(try place.result("fresh"), try place.result("run"))
  }

  @Test(arguments: [
    ("seed", "7", "seed: 7"), ("batch_pairs", "9", "batchPairs: 9"), ("learning_rate", "0.5", "learningRate: 0.5"),
    ("steps", "11", "steps(11)"), ("dropout", "0.3", "0.3"),
  ])
  func anotherConfigurationIsRefused(key: String, value: String, says: String) throws {
    let place = try Workplace()
    try place.train(place.configuration(), steps: 2)
    let problem = failure { try place.train(place.configuration("run", [key: value]), resume: true) }
    expect(problem, says: "step-000000002", "another configuration", says)
    #expect(problem?.kind == .badData)
    // What is no part of the numbers may change.
    try place.train(
      place.configuration("run", ["checkpoint_every": "3", "checkpoints_kept": "1"]), resume: true, steps: 3)
  }

  @Test func changedDataAreRefused() throws {
    let place = try Workplace()
    let path = try place.configuration()
    try place.train(path, steps: 2)
    _ = try place.folder.write("b.tsv", Workplace.corpus(41, seed: 2))
    expect(failure { try place.train(path, resume: true) }, says: "another configuration", "b.tsv")
  }

  @Test(arguments: ["model.safetensors", "optimizer.safetensors", "state.json"])
  func damagedCheckpointsAreNamed(name: String) throws {
    let place = try Workplace()
    let path = try place.configuration()
    try place.train(path, steps: 2)
    let file = "run/checkpoints/step-000000002/\(name)"
    let whole = try place.folder.read(file)
    for damaged in [[], Array(whole.dropLast(5)), Array(whole.prefix(20)), Array(repeating: 7, count: whole.count)] {
      _ = try place.folder.write(file, damaged)
      let problem = failure { try place.train(path, resume: true) }
      expect(problem, says: "step-000000002/\(name)")
      #expect(problem?.kind == .badData)
    }
    try FileManager.default.removeItem(atPath: place.folder.file(file))
    expect(failure { try place.train(path, resume: true) }, says: "step-000000002/\(name)")
    _ = try place.folder.write(file, whole)
    try place.train(path, resume: true)
  }

  @Test func statesThatDoNotFitAreRefused() throws {
    let place = try Workplace()
    let path = try place.configuration()
    try place.train(path, steps: 2)
    let file = "run/checkpoints/step-000000002/state.json"
    let whole = String(decoding: try place.folder.read(file), as: UTF8.self)
    for (old, new) in [("\"taken\" : 2", "\"taken\" : 99"), ("\"taken\" : 2", "\"taken\" : -1")] {
      #expect(whole.contains(old))
      _ = try place.folder.write(file, whole.replacing(old, with: new))
      expect(failure { try place.train(path, resume: true) }, says: "state.json")
    }
  }

  @Test func aLossThatIsNotFiniteStopsWithItsStep() throws {
    let place = try Workplace()
    // Each step multiplies the weights by about -99.
    let path = try place.configuration(
      "run",
      [
        "learning_rate": "10", "weight_decay": "10", "decoupled_weight_decay": "true", "warmup_steps": "0",
        "steps": "100", "checkpoint_every": "3",
      ])
    let problem = failure { try place.train(path) }
    expect(problem, says: place.folder.file("run"), "step ", "the loss is", "last good checkpoint is", "learning_rate")
    #expect(try !place.folder.list("run").contains("final"))
  }
}
