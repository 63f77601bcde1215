import Base
import Encoder
import Formats
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

  @Test func twoRunsInOneFolderAreKeptApart() throws {
    let place = try Workplace()
    let path = try place.configuration("run")
    try FileManager.default.createDirectory(atPath: place.folder.file("run"), withIntermediateDirectories: true)
    let free = Failure(.software, "test", "free")
    try withExtendedLifetime(FileLock(path: place.folder.file("run/lock"), busy: free)) {
      let failure = #expect(throws: Failure.self) { try place.train(path) }
      #expect(failure?.kind == .io && failure?.subject.hasSuffix("run") == true)
    }
    #expect(try place.folder.list("run") == ["lock"])
    try place.train(path, steps: 1)
  }

  @Test func aRunFolder() throws {
    let place = try Workplace()
    let path = try place.configuration("run", ["checkpoints_kept": "3", "checkpoint_every": "2"])
    let summary = try place.train(path)
    #expect(summary.steps == 10 && summary.best_step != nil && summary.tokens_per_second > 0)
    #expect(
      try place.folder.list("run") == ["best", "cache", "checkpoints", "config.yaml", "final", "lock", "metrics.jsonl"])
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

  // MARK: damage

  /// A run whose checkpoints' files have more than one block.
  static let large: [String: String?] = [
    "model":
      "{num_hidden_layers: 2, hidden_size: 96, num_attention_heads: 2, intermediate_size: 192, max_position_embeddings: 20, languages: [en, de, el, ru, ja]}",
    "checkpoint_every": "2", "steps": "6",
  ]

  @Test(arguments: [
    ("optimizer.safetensors", 1_500_000, "offset 1048576"), ("model.safetensors", 20, "offset 0"),
    ("state.json", 3, "offset 0"), ("checksums.json", 5, "checksums.json"),
  ])
  func aDamagedCheckpointIsPassedOver(name: String, place at: Int, says: String) throws {
    let place = try Workplace()
    try place.train(place.configuration("whole", Self.large))
    let path = try place.configuration("run", Self.large)
    try place.train(path, steps: 4)
    #expect(try place.checkpoints("run") == ["step-000000002", "step-000000004"])
    let file = "run/checkpoints/step-000000004/\(name)"
    var bytes = try place.folder.read(file)
    bytes[at] ^= 4
    _ = try place.folder.write(file, bytes)
    let log = Log()
    try place.train(path, resume: true, log)
    let line = log.lines.first { $0.contains("step-000000004/\(name)") } ?? ""
    for part in [says, "step-000000004.damaged", "continues from", "step-000000002"] {
      #expect(line.contains(part), "\(line)")
    }
    #expect(log.lines.contains { $0.hasPrefix("continuing after step 2 of 6") }, "\(log.lines)")
    // The step is reached again, its checkpoint written again, and the end is the same.
    expectSame(try place.result("run"), try place.result("whole"))
    #expect(try place.checkpoints("run").contains("step-000000004.damaged"))
  }

  @Test func whereNoCheckpointIsWholeNothingIsGuessed() throws {
    let place = try Workplace()
    let path = try place.configuration("run", ["checkpoint_every": "2"])
    try place.train(path, steps: 4)
    for step in [2, 4] {
      let file = "run/checkpoints/step-00000000\(step)/model.safetensors"
      var bytes = try place.folder.read(file)
      bytes[bytes.count - 1] ^= 1
      _ = try place.folder.write(file, bytes)
    }
    let problem = failure { try place.train(path, resume: true) }
    expect(problem, says: "step-000000004/model.safetensors", "offset 0", "not what was written", "no older checkpoint")
    #expect(problem?.kind == .badData)
    #expect(try place.checkpoints("run") == ["step-000000002", "step-000000004"])
  }

  // MARK: from another model

  static func model(_ changes: String = "") -> String {
    "{num_hidden_layers: 2, hidden_size: 16, num_attention_heads: 2, intermediate_size: 24, language_size: 8, max_position_embeddings: 20, languages: [en, de, el, ru, ja]\(changes)}"
  }

  /// Every tensor of a model's file by name.
  func tensors(_ path: String) throws -> [String: [Float]] {
    let file = try SafeTensors(path: path)
    return try Dictionary(uniqueKeysWithValues: file.entries.map { ($0.name, try file.floats($0.name)) })
  }

  @Test func aRunStartsFromAnotherModel() throws {
    let place = try Workplace()
    try place.train(place.configuration("first"))
    // A learning rate of 0 leaves what it started from.
    let still = ["initial": "first/best", "learning_rate": "0", "steps": "1", "seed": "5"] as [String: String?]
    let log = Log()
    try place.train(place.configuration("second", still), log)
    let first = try tensors(place.folder.file("first/best/model.safetensors"))
    #expect(try tensors(place.folder.file("second/final/model.safetensors")) == first)
    #expect(!log.lines.contains { $0.contains("at random") })

    // From a model without training heads these are new, and said to be.
    let export = try ModelFolder(path: place.folder.file("first/best"))
    try ModelFolder.write(
      to: place.folder.file("bare"), configuration: export.configuration, tokenizer: export.tokenizer, card: "# Bare\n",
      heads: .none
    ) { (shape, writer) throws(Failure) in
      let values = try export.weights.floats(shape.name)
      try writer.append(values.span)
    }
    let bareLog = Log()
    try place.train(place.configuration("third", still.merging(["initial": "bare"]) { $1 }), bareLog)
    let third = try tensors(place.folder.file("third/final/model.safetensors"))
    for name in first.keys {
      let isHead =
        name.hasPrefix("alignproj") || name.hasPrefix("model.decoder") || name.hasPrefix("model.transform")
        || name.hasPrefix("model.la_tag")
      if !isHead { #expect(third[name] == first[name], "\(name)") }
    }
    #expect(third["model.decoder.decoder.weight"] != first["model.decoder.decoder.weight"])
    #expect(bareLog.lines.contains { $0.contains("model.decoder.decoder.weight") && $0.contains("at random") })
  }

  @Test func modelsThatCannotBeStartedFromAreRefused() throws {
    let place = try Workplace()
    try place.train(place.configuration("first"), steps: 3)
    for (old, new, says) in [
      ("hidden_size: 16", "hidden_size: 32", "hidden_size is 16, not 32"),
      ("num_hidden_layers: 2", "num_hidden_layers: 1", "num_hidden_layers is 2, not 1"),
      ("intermediate_size: 24", "intermediate_size: 40", "intermediate_size is 24, not 40"),
      ("num_attention_heads: 2", "num_attention_heads: 4", "num_attention_heads is 2, not 4"),
      ("embeddings: 20", "embeddings: 30", "max_position_embeddings is 20, not 30"),
    ] {
      let path = try place.configuration(
        "second", ["initial": "first/best", "model": Self.model().replacing(old, with: new)])
      let problem = failure { try place.train(path, resume: true) }
      expect(problem, says: "first/best", says)
      #expect(problem?.kind == .badData)
    }
    // A tokenizer of as many pieces that cuts otherwise.
    var random = TestSupport.SplitMix(seed: 8)
    let words = (0..<3000).map { _ in
      String(
        (0..<Int.random(in: 2...7, using: &random)).map { _ in "abcdefghijklmnop".randomElement(using: &random) ?? "a" }
      )
    }
    let text = try place.folder.write("words.txt", words.joined(separator: "\n"))
    var options = Tokenizer.TrainingOptions(vocabSize: 300)
    options.languages = ["en", "de", "el", "ru", "ja"]
    let other = try Tokenizer.train(files: [text], options)
    #expect(other.vocabSize == 300)
    try other.write(to: place.folder.file("other.model"))
    let path = try place.configuration("third", ["initial": "first/best", "tokenizer": "other.model"])
    expect(failure { try place.train(path) }, says: "first/best", "another tokenizer", "sentencepiece.model")
  }

  // MARK: length and divergence

  @Test func minutesAreSteps() throws {
    let place = try Workplace()
    let path = try place.configuration("run", ["steps": nil, "minutes": "0.002", "checkpoint_every": "100000"])
    let log = Log()
    let first = try place.train(path, steps: 1, log)
    #expect(first.steps == 1)
    // The number of steps is decided once: a run that goes on has the one that it began with.
    let announced = log.lines.compactMap {
      $0.wholeMatch(of: /steps: (\d+) of 8 pairs, about .*/).flatMap { Int($0.1) }
    }
    let total = try #require(announced.first)
    struct State: Decodable { let totalSteps: Int }
    let state = try JSONDecoder().decode(
      State.self, from: Data(place.folder.read("run/checkpoints/step-000000001/state.json")))
    #expect(state.totalSteps == total && total > 1)
    #expect(try place.train(path, resume: true).steps == total)
    // A hundredth of the time is about a hundredth of the steps, and never none.
    let short = try place.train(place.configuration("short", ["steps": nil, "minutes": "0.001", "batch_pairs": "100"]))
    #expect(short.steps >= 1 && short.steps < total)
  }

  @Test func aLossThatRunsAwayStopsTheRun() throws {
    let place = try Workplace()
    // From a model that has learned to tell pairs apart, at a rate that rises until it can no longer.
    let changes = ["xtr_weight": "0", "dropout": "0", "validation": "{pairs: 0}"] as [String: String?]
    try place.train(place.configuration("good", changes.merging(["steps": "200", "warmup_steps": "0"]) { $1 }))
    let path = try place.configuration(
      "run",
      changes.merging([
        "initial": "good/best", "steps": "2000", "warmup_steps": "2000", "learning_rate": "0.2",
        "checkpoint_every": "100",
      ]) { $1 })
    let problem = failure { try place.train(path) }
    expect(
      problem, says: place.folder.file("run"), "step ", "the loss diverges: it began at", "last good checkpoint is")
    #expect(problem?.kind == .badData)
    let last = try #require(try place.checkpoints("run").last)
    expect(problem, says: last)
    #expect(try !place.folder.list("run").contains("final"))
  }
}
