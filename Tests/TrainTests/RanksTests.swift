import Base
import Encoder
import Foundation
import Kernels
import Synchronization
import TestSupport
import Testing
import Train

/// Several ranks, which are threads here: the same numbers as one process, and a clean end when one of them goes.
@Suite(.serialized) struct RanksTests {
  // MARK: what is exchanged

  static func values(_ count: Int, seed: Int) -> [Float] {
    var random = TestSupport.SplitMix(seed: UInt64(seed))
    return (0..<count).map { _ in .random(in: -1...1, using: &random) }
  }

  @Test(arguments: [1, 2, 3, 5], [1, 7, 64, 1000]) func sumsHaveOneOrder(size: Int, count: Int) throws {
    let inputs = (0..<size).map { Self.values(count, seed: $0) }
    // In the ranks' order, whatever the pieces.
    let expected = (0..<count).map { i in inputs.dropFirst().reduce(inputs[0][i]) { $0 + $1[i] } }
    for piece in [13, 1 << 20] {
      let sums = try ThreadGroup.run(size) { communicator in
        let x = Tensor(inputs[communicator.rank], rows: 1, columns: count)
        try Peers(communicator, piece: piece).sum(x, on: Compute(threads: 1))
        return x.array
      }.map { try $0.get() }
      for sum in sums { #expect(sum == expected) }
    }
  }

  @Test(arguments: [1, 2, 3, 5]) func everythingArrivesAsItWasSent(size: Int) throws {
    let results = ThreadGroup.run(size) { communicator in
      let peers = Peers(communicator, piece: 10)
      let rank = communicator.rank
      let x = Tensor(Self.values(37, seed: rank), rows: 37, columns: 1)
      try peers.broadcast(x)
      #expect(x.array == Self.values(37, seed: 0))
      // 7 rows for 5 ranks: shares differ.
      let all = Tensor(rows: 7, columns: 3), share = peers.share(of: 7)
      let whole = Tensor(Self.values(21, seed: 9), rows: 7, columns: 3)
      try peers.gather(whole.rows(share), into: all)
      #expect(all.array == whole.array)
      let numbers = [Double(rank) / 3, -.infinity, .leastNonzeroMagnitude, 1e300]
      #expect(
        try peers.gather(numbers) == (0..<size).map { [Double($0) / 3, -.infinity, .leastNonzeroMagnitude, 1e300] })
      #expect(
        try peers.gather(String(repeating: "ü", count: rank)) == (0..<size).map { String(repeating: "ü", count: $0) })
      return share
    }
    // The shares follow each other and miss nothing.
    #expect(try results.flatMap { Array(try $0.get()) } == Array(0..<7))
  }

  // MARK: one step

  /// Losses and gradients of a batch on so many ranks.
  static func step(
    _ size: Int, _ batch: TrainingBatch, _ settings: ObjectiveSettings, dropout: DropoutSettings
  ) throws -> (losses: [Double], gradients: [(name: String, values: [Float])]) {
    let results = ThreadGroup.run(size) { communicator in
      let compute = Compute(threads: 1)
      let model = GradientTests.model(on: compute)
      let peers = Peers(communicator)
      let own = try model.accumulate(
        batch, among: peers, objectives: settings, dropout: dropout, key: 0x9e37_79b9_7f4a_7c15, scale: 0.5)
      try peers.sum(model.gradients.block, on: compute)
      let losses = try peers.gather([own.total, own.xtr, own.alignment])
      return (
        (0..<3).map { i in losses.reduce(0) { $0 + $1[i] } },
        model.gradients.named.map { ($0.description.name, $0.tensor.array) }
      )
    }
    return try results[size - 1].get()
  }

  @Test(arguments: [2, 3, 5, 11], [false, true]) func gradientsAreThoseOfOneProcess(size: Int, noise: Bool) throws {
    let batch = GradientTests.batch(11, duplicates: true)
    var settings = ObjectiveSettings()
    settings.maskDuplicates = true
    settings.languageDropout = noise ? 0.3 : 0
    let dropout = DropoutSettings(all: noise ? 0.3 : 0)
    let alone = try Self.step(1, batch, settings, dropout: dropout)
    let together = try Self.step(size, batch, settings, dropout: dropout)
    for (a, b) in zip(together.losses, alone.losses) { #expect(abs(a - b) < 1e-6 * abs(b), "\(a), \(b)") }
    for (a, b) in zip(together.gradients, alone.gradients) {
      let absolute = zip(a.values, b.values).map { abs($0 - $1) }.max() ?? 0
      // A key's bias shifts all scores of a row alike: its gradient is rounding noise around 0.
      #expect(relativeDistance(a.values, b.values) < 1e-5 || absolute < 1e-6, "\(a.name), \(absolute)")
    }
  }

  @Test func localNegativesAreThoseOfOnesOwnPart() throws {
    let batch = GradientTests.batch(11, duplicates: true)
    var settings = ObjectiveSettings()
    settings.maskDuplicates = true
    settings.negatives = .local
    settings.languageDropout = 0
    let together = try Self.step(3, batch, settings, dropout: DropoutSettings(all: 0))
    // Pairs 0..<3, 3..<7, 7..<11, each as a batch of its own.
    let model = GradientTests.model(on: Compute(threads: 1))
    var sum = 0.0
    for range in [0..<3, 3..<7, 7..<11] {
      let starts = batch.tokens.segments.starts
      func texts(_ first: Int) -> [[Int32]] {
        range.map { Array(batch.tokens.ids[starts[first + $0]..<starts[first + $0 + 1]]) }
      }
      var part = TrainingBatch(
        sources: texts(0), targets: texts(11), sourceLanguages: range.map { batch.partnerLanguages[11 + $0] },
        targetLanguages: range.map { batch.partnerLanguages[$0] })
      part.sourceGroups = Array(batch.sourceGroups[range])
      part.targetGroups = Array(batch.targetGroups[range])
      let losses = try model.accumulate(
        part, objectives: settings, dropout: DropoutSettings(all: 0), key: 0, scale: 0.5 * Float(range.count) / 11)
      sum += losses.total * Double(range.count) / 11
    }
    #expect(abs(together.losses[0] - sum) < 1e-6 * sum)
    for (a, b) in zip(together.gradients, model.gradients.named) {
      let absolute = zip(a.values, b.tensor.array).map { abs($0 - $1) }.max() ?? 0
      #expect(relativeDistance(a.values, b.tensor.array) < 1e-5 || absolute < 1e-6, "\(a.name), \(absolute)")
    }
    // With everybody's negatives it is another loss.
    settings.negatives = .global
    #expect(try abs(Self.step(3, batch, settings, dropout: DropoutSettings(all: 0)).losses[0] - sum) > 1e-3 * sum)
  }

  // MARK: whole runs

  static let recipes: [[String: String?]] = [
    [:],
    [
      "accumulation_steps": "2", "xtr_every": "3", "gradient_clip": "0.5", "dropout": "0.3",
      "validation": "{pairs: 4, every: 5, best_by: accuracy}",
    ],
  ]

  /// Largest relative distance of two loss curves of the same length.
  func distance(_ a: [Double], _ b: [Double]) -> Double {
    #expect(a.count == b.count && !a.isEmpty)
    return zip(a, b).map { abs($0 - $1) / max(abs($1), 1e-3) }.max() ?? .infinity
  }

  @Test(arguments: recipes) func theLossCurveIsThatOfOneProcess(changes: [String: String?]) throws {
    let place = try Workplace()
    try place.train(place.configuration("alone", changes))
    let expected = try place.curve("alone")
    // 8 pairs: halves, and 2, 3 and 3.
    for ranks in [2, 3] {
      let path = try place.configuration("ranks\(ranks)", changes)
      let summaries = try place.train(path, ranks: ranks).map { try $0.get() }
      #expect(summaries.allSatisfy { $0.steps == 10 && $0.ranks == ranks && $0.loss == summaries[0].loss })
      #expect(summaries.allSatisfy { $0.best_step == summaries[0].best_step })
      // Rounding, which ten steps of Adam make larger.
      #expect(distance(try place.curve("ranks\(ranks)"), expected) < 1e-4)
      try ModelFolder(path: place.folder.file("ranks\(ranks)/final")).verify()
      // The same number of ranks always gives the same bytes, also in two pieces.
      let again = try place.configuration("again\(ranks)", changes)
      for result in place.train(again, ranks: ranks, steps: 5) { #expect(try result.get().steps == 5) }
      for result in place.train(again, ranks: ranks, resume: true) { #expect(try result.get().steps == 10) }
      expectSame(try place.result("again\(ranks)"), try place.result("ranks\(ranks)"))
    }
  }

  @Test func theNumberOfRanksMayChange() throws {
    let place = try Workplace()
    try place.train(place.configuration("alone"))
    let path = try place.configuration("run")
    for result in place.train(path, ranks: 2, steps: 3) { _ = try result.get() }
    for result in place.train(path, ranks: 3, resume: true, steps: 7) { _ = try result.get() }
    #expect(try place.train(path, resume: true).steps == 10)
    #expect(distance(try place.curve("run"), try place.curve("alone")) < 1e-4)
    #expect(
      try place.folder.list("run") == ["best", "cache", "checkpoints", "config.yaml", "final", "lock", "metrics.jsonl"])
  }

  @Test func localNegativesGiveACurveOfTheirOwn() throws {
    let place = try Workplace()
    try place.train(place.configuration("alone"))
    // One process has the whole batch as its part.
    try place.train(place.configuration("local", ["negatives": "local"]))
    #expect(try place.curve("local") == place.curve("alone"))
    let path = try place.configuration("run", ["negatives": "local"])
    for result in place.train(path, ranks: 2) { _ = try result.get() }
    #expect(distance(try place.curve("run"), try place.curve("alone")) > 1e-2)
    expect(
      failure { try place.train(place.configuration("run", ["negatives": "global"]), resume: true) },
      says: "another configuration", "negatives")
  }

  @Test(arguments: [0, 1, 2]) func aRankThatDiesLeavesACheckpoint(dying: Int) throws {
    let place = try Workplace()
    let changes = ["validation": "{pairs: 6, every: 2}", "checkpoint_every": "100"] as [String: String?]
    let counts = Counts()
    for result in place.train(try place.configuration("whole", changes), ranks: 3, exchanges: counts) {
      _ = try result.get()
    }
    let expected = try place.result("whole"), all = try #require(counts.all[1])
    #expect(counts.all[0] == all && counts.all[2] == all && all > 50)
    var stopped: Set<String> = []
    // Everywhere: before the first step, in the middle of one, in a validation, between two.
    for (i, lifetime) in stride(from: 0, to: all, by: 11).enumerated() {
      let path = try place.configuration("run\(i)", changes)
      let results = place.train(path, ranks: 3, dies: (dying, lifetime))
      for (rank, result) in results.enumerated() {
        let problem = failure { _ = try result.get() }
        if rank == dying { continue }
        expect(problem, says: "rank \(dying)", "has gone")
        // Rank 0 writes it, or rank 1 in its place.
        let last = try? place.checkpoints("run\(i)").last
        if rank == (dying == 0 ? 1 : 0), let last { expect(problem, says: last, "--resume") }
      }
      if let last = try? place.checkpoints("run\(i)").last { stopped.insert(last) }
      for result in place.train(path, ranks: 3, resume: true) { _ = try result.get() }
      expectSame(try place.result("run\(i)"), expected)
    }
    #expect(stopped.count >= 7, "\(stopped.sorted())")
  }

  @Test func askingOneRankStopsAllAfterTheSameStep() throws {
    let place = try Workplace()
    for result in place.train(try place.configuration("whole"), ranks: 2) { _ = try result.get() }
    let path = try place.configuration("run")
    let summaries = try place.train(path, ranks: 2, stops: (1, 6)).map { try $0.get() }
    #expect(summaries.allSatisfy { $0.steps == 6 && $0.interrupted })
    #expect(try place.checkpoints("run").last == "step-000000006")
    for result in place.train(path, ranks: 2, resume: true) { #expect(try !result.get().interrupted) }
    expectSame(try place.result("run"), try place.result("whole"))
  }

  @Test func minutesAreTheSameStepsOnAllRanks() throws {
    let place = try Workplace()
    let path = try place.configuration("run", ["steps": nil, "minutes": "0.003", "checkpoint_every": "1000"])
    let summaries = try place.train(path, ranks: 3).map { try $0.get() }
    #expect(summaries.allSatisfy { $0.steps == summaries[0].steps && $0.loss == summaries[0].loss })
  }

  @Test func ranksThatDoNotFitAreRefused() throws {
    let place = try Workplace()
    for result in place.train(try place.configuration("few", ["batch_pairs": "2"]), ranks: 3) {
      let problem = failure { _ = try result.get() }
      expect(problem, says: "batch_pairs", "3 processes")
      #expect(problem?.kind == .usage)
    }
    let paths = [
      try place.configuration("run", ["seed": "1"]), try place.configuration("run2", ["output": "run", "seed": "2"]),
    ]
    let results = ThreadGroup.run(2) { communicator in
      try Trainer(
        TrainingConfiguration(path: paths[communicator.rank]), threads: 1, observer: Log(), communicator: communicator
      ).run(resume: false)
    }
    for result in results { expect(failure { _ = try result.get() }, says: "another configuration or other data") }
    // A machine that does not see the files that rank 0 made.
    let elsewhere = try place.configuration("elsewhere", ["output": "elsewhere"])
    let unseen = ThreadGroup.run(2) { communicator in
      try Trainer(
        TrainingConfiguration(path: communicator.rank == 0 ? paths[0] : elsewhere), threads: 1, observer: Log(),
        communicator: communicator
      ).run(resume: true)
    }
    expect(failure { _ = try unseen[1].get() }, says: "elsewhere/cache", "rank 0 made it", "every machine")
  }
}
