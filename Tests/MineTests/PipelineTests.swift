import Base
import Corpus
import Formats
import Foundation
import Index
import Kernels
import TestSupport
import Testing
import Work

import Mine

/// Runs of the whole pipeline on the dumps of `demo-data`, with the shipped model.
@Suite struct PipelineTests {
  let folder = TemporaryFolder()
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  let model = "\(root)/models/ems-mini"
  let sides: [PipelineSide]

  init() throws {
    sides = [
      PipelineSide(input: "\(Self.root)/demo-data/de.txt", language: try Language(parsing: "de")),
      PipelineSide(input: "\(Self.root)/demo-data/en.txt", language: try Language(parsing: "en")),
    ]
  }

  func pipeline(
    _ name: String, use: WorkFolder.Use = .whole, sides: [PipelineSide]? = nil, output: String = "pairs.tsv",
    change: (inout PipelineOptions) -> Void = { _ in }
  ) throws -> Pipeline {
    var options = PipelineOptions()
    options.fields = PairField.allCases.filter { field in
      !["-id", "-document", "-sentence", "-offsets"].contains { field.rawValue.hasSuffix($0) }
    }
    change(&options)
    let sides = sides ?? self.sides
    return try Pipeline(
      source: sides[0], target: sides[1], model: model, options: options, output: folder.file("\(name).\(output)"),
      work: folder.file("\(name).work"), threads: 2, use: use)
  }

  func pairs(_ name: String) throws -> [UInt8] { try folder.read("\(name).pairs.tsv") }

  @Test func shardsHaveNoInfluence() throws {
    let summary = try pipeline("one").run()
    #expect(summary.index == ["exact"])
    #expect(summary.source.lines == 430 && summary.target.lines == 430)
    #expect(summary.pairs > 180)
    let expected = try pairs("one")
    let record = try folder.read("one.pairs.tsv.json")
    func rows(_ name: String, _ shards: Int) throws -> [Float] {
      try (0..<shards).flatMap { shard in
        let file = try EmbeddingFile(path: folder.file("\(name).work/source.\(shard).npy"))
        return file.floats(rows: 0..<file.rows)
      }
    }
    let embeddings = try rows("one", 1)
    for (sources, targets) in [(1, 2), (7, 3)] {
      _ = try pipeline("more") { $0.shards = .counts(source: sources, target: targets) }.run()
      #expect(try rows("more", sources) == embeddings)
      #expect(try pairs("more") == expected)
      #expect(try folder.read("more.pairs.tsv.json") == record)
    }
  }

  /// All cells are looked into and candidates are scored again: nothing may be missed, and no bit may differ.
  @Test func anIndexThatLooksEverywhereFindsTheSame() throws {
    _ = try pipeline("exact").run()
    for shards in [ShardChoice.counts(source: 1, target: 1), .counts(source: 3, target: 2)] {
      let summary = try pipeline("index") {
        $0.index = .factory("IVF8,Flat")
        $0.probes = 8
        $0.shards = shards
      }.run()
      #expect(summary.index == ["IVF8,Flat", "IVF8,Flat"])
      #expect(summary.sourceRecall == 1 && summary.targetRecall == 1)
      #expect(try pairs("index") == pairs("exact"))
    }
  }

  @Test func anIndexThatLooksIntoFewCellsSaysWhatItMissed() throws {
    let summary = try pipeline("poor") {
      $0.index = .factory("IVF32,Flat")
      $0.probes = 1
    }.run()
    #expect(summary.sourceRecall < 1 && summary.sourceRecall > 0.2)
    #expect(summary.targetRecall < 1 && summary.targetRecall > 0.2)
  }

  @Test(arguments: ["exact", "IVF4,Flat"]) func stagesRunOneByOneGiveTheSame(index: String) throws {
    func change(_ options: inout PipelineOptions) {
      options.index = IndexChoice(index)
      options.shards = .counts(source: 2, target: 3)
    }
    _ = try pipeline("whole", change: change).run()
    for name in ["read-source", "read-target"] {
      _ = try pipeline("parts", use: .stage(name), change: change).runStage()
    }
    let names = try pipeline("parts", use: .looking, change: change).graph().stages.map(\.name)
    for name in names { _ = try pipeline("parts", use: .stage(name), change: change).runStage() }
    #expect(try pairs("parts") == pairs("whole"))
    // What ends the run finds everything done, and checks it.
    let summary = try pipeline("parts", change: change).run()
    #expect(summary.stages.map(\.name).sorted() == names.sorted())
    #expect(summary.stages.filter { !$0.skipped }.isEmpty)
    #expect(try folder.read("parts.pairs.tsv.json") == folder.read("whole.pairs.tsv.json"))
  }

  /// What was made from a damaged file looks right in its manifest; the run that ends the pipeline makes it again.
  @Test func whatWasMadeFromADamagedShardIsMadeAgain() throws {
    func change(_ options: inout PipelineOptions) {
      options.index = .exact
      options.shards = .counts(source: 2, target: 1)
    }
    _ = try pipeline("whole", change: change).run()
    for name in try pipeline("p", use: .looking, change: change).graph().stages.map(\.name) {
      _ = try pipeline("p", use: .stage(name), change: change).runStage()
      if name == "encode-source-1" {
        var bytes = try folder.read("p.work/source.1.npy")
        for i in bytes.count / 2..<bytes.count / 2 + 4000 { bytes[i] = bytes[128 + i % 3000] }
        _ = try folder.write("p.work/source.1.npy", bytes)
      }
    }
    #expect(try pairs("p") != pairs("whole"))
    let summary = try pipeline("p", change: change).run()
    #expect(try pairs("p") == pairs("whole"))
    #expect(
      summary.stages.filter { !$0.skipped }.map(\.name) == [
        "encode-source-1", "search-1-0", "neighbours", "pairs", "estimate",
      ])
  }

  @Test func aStageAloneNeedsThoseBeforeIt() throws {
    func change(_ options: inout PipelineOptions) {
      options.index = .exact
      options.shards = .counts(source: 2, target: 2)
    }
    func failure(_ stage: String, _ other: (inout PipelineOptions) -> Void = { _ in }) throws -> Failure? {
      let run = try pipeline("p", use: .stage(stage)) {
        change(&$0)
        other(&$0)
      }
      return #expect(throws: Failure.self) { _ = try run.runStage() }
    }
    #expect(try failure("encode-source-0")?.remedy?.contains("--only read-source") == true)
    _ = try pipeline("p", use: .stage("read-source"), change: change).runStage()
    _ = try pipeline("p", use: .stage("read-target"), change: change).runStage()
    #expect(try failure("search-0-0")?.description.contains("encode-source-0") == true)
    for stage in ["encode-source-0", "encode-target-0"] {
      _ = try pipeline("p", use: .stage(stage), change: change).runStage()
    }
    // A shard that is not whole.
    let shard = "p.work/source.0.npy"
    let bytes = try folder.read(shard)
    _ = try folder.write(shard, Array(bytes.dropLast()))
    let cut = try failure("search-0-0")
    #expect(cut?.subject == folder.file(shard) && cut?.problem.contains("not as long") == true)
    try FileManager.default.removeItem(atPath: folder.file(shard))
    #expect(try failure("search-0-0")?.subject == folder.file(shard))
    _ = try folder.write(shard, bytes)
    let other = try failure("search-0-0") { $0.type = .float16 }
    #expect(other?.problem.contains("other settings") == true)
    let unknown = try failure("search-9-0")
    #expect(unknown?.kind == .usage && unknown?.remedy?.contains("search-1-1") == true)
    let many = try failure("encode-source-0") { $0.shards = .counts(source: 5000, target: 1) }
    #expect(many?.kind == .usage)
  }

  /// Every stage comes behind those that it needs, and what it needs is all that it looks at.
  @Test(arguments: ["exact", "IVF4,Flat"]) func theGraphSaysWhatAStageNeeds(index: String) throws {
    func change(_ options: inout PipelineOptions) {
      options.index = IndexChoice(index)
      options.shards = .counts(source: 2, target: 1)
    }
    let graph = try pipeline("g", use: .looking, change: change).graph()
    #expect(try !folder.list().contains("g.work"))
    var before: Set<String> = []
    for node in graph.stages {
      #expect(before.isSuperset(of: node.needs), "\(node.name)")
      before.insert(node.name)
      _ = try pipeline("g", use: .stage(node.name), change: change).runStage()
      #expect(
        node.outputs.allSatisfy {
          FileManager.default.fileExists(atPath: $0.contains("/") ? $0 : folder.file("g.work/\($0)"))
        })
    }
    let nodes = Dictionary(uniqueKeysWithValues: graph.stages.map { ($0.name, $0) })
    #expect(nodes["read-source"]?.files == [sides[0].input])
    #expect(nodes["encode-source-1"]?.needs == ["read-source"] && nodes["encode-source-1"]?.outputs == ["source.1.npy"])
    #expect(nodes["encode-source-1"]?.files.contains("\(model)/config.json") == true)
    #expect(nodes["pairs"]?.needs == ["neighbours", "read-source", "read-target"])
    #expect(nodes["estimate"]?.needs == ["neighbours", "read-source", "read-target"])
    if index == "exact" {
      #expect(nodes["search-1-0"]?.needs == ["read-source", "read-target", "encode-source-1", "encode-target-0"])
      #expect(nodes.count == 10)
    } else {
      #expect(nodes["index-source"]?.needs == ["read-source", "add-source-0", "add-source-1"])
      #expect(nodes["index-target"]?.needs == ["read-target", "encode-target-0"])
      #expect(nodes["neighbours"]?.needs.contains("search-target-0") == true)
    }
  }

  /// A server has one process and many runs: one is cancelled, and goes on later.
  @Test func aJobThatIsCancelledStopsItsRunAlone() throws {
    let job = Job()
    let other = try pipeline("other")
    let cancelled = try Pipeline(
      source: sides[0], target: sides[1], model: model, options: PipelineOptions(), output: folder.file("c.tsv"),
      work: folder.file("c.work"), threads: 2, job: job)
    job.cancel()
    let failure = #expect(throws: Failure.self) { _ = try cancelled.run() }
    #expect(failure?.kind == .interrupted)
    #expect(try other.run().pairs > 180)
    #expect(try !folder.list().contains("c.tsv"))
  }

  @Test func stagesOfOneFolderRunSideBySideButNotTheSameTwice() throws {
    let first = try pipeline("p", use: .stage("encode-source-0"))
    _ = try pipeline("p", use: .stage("encode-source-1"))
    #expect(throws: Failure.self) { _ = try pipeline("p", use: .stage("encode-source-0")) }
    #expect(throws: Failure.self) { _ = try pipeline("p") }
    withExtendedLifetime(first) {}
  }

  @Test func aDamagedWorkFolderIsMended() throws {
    func change(_ options: inout PipelineOptions) { options.shards = .counts(source: 2, target: 1) }
    _ = try pipeline("p", change: change).run()
    let expected = try pairs("p")
    let names = try folder.list("p.work").filter { $0 != "lock" }
    #expect(names.count > 15)
    for (i, name) in names.enumerated() {
      let bytes = try folder.read("p.work/\(name)")
      var flipped = bytes
      flipped[bytes.count / 2] ^= 1
      _ = try folder.write(
        "p.work/\(name)", i % 3 == 0 ? [] : i % 3 == 1 ? Array(bytes.prefix(bytes.count / 2)) : flipped)
      let summary = try pipeline("p", change: change).run()
      #expect(try pairs("p") == expected, "\(name)")
      #expect(summary.stages.contains { !$0.skipped } || name.hasSuffix(".json"), "\(name)")
      #expect(try folder.read("p.work/\(name)").count == bytes.count || name.hasSuffix(".json"), "\(name)")
    }
    _ = try folder.write("p.pairs.tsv", "something else")
    _ = try pipeline("p", change: change).run()
    #expect(try pairs("p") == expected)
  }

  @Test func aChangeOfSettingsRunsWhatDependsOnIt() throws {
    func stages(_ change: (inout PipelineOptions) -> Void) throws -> [String] {
      try pipeline("p", change: change).run().stages.filter { !$0.skipped }.map(\.name)
    }
    #expect(try stages { _ in }.count == 8)
    #expect(try stages { _ in } == [])
    #expect(try stages { $0.mining.threshold = 1.1 } == ["pairs"])
    #expect(try stages { $0.k = 3 } == ["search-0-0", "neighbours", "pairs", "estimate"])
    let filter = try LineFilter(minCharacters: 20)
    #expect(try stages { $0.sourceFilter = filter }.first == "read-source")
  }

  @Test func filtersCountWhatTheyDrop() throws {
    let german = "Der Zug nach Hamburg fährt heute erst um neun Uhr ab."
    let english = "The train to Hamburg leaves only at nine o'clock today."
    let text = try folder.write(
      "de.txt",
      [german, "kurz", english, "", "", german, String(repeating: "lang ", count: 100)].joined(separator: "\n"))
    let other = try folder.write("en.txt", [english, german, english].joined(separator: "\n"))
    let mixed = [
      PipelineSide(input: text, language: sides[0].language), PipelineSide(input: other, language: sides[1].language),
    ]
    let identifier = LanguageIdentifier()
    let languages = try mixed.map { try #require($0.language) }
    let summary = try pipeline("p", sides: mixed) {
      $0.sourceFilter = try? LineFilter(
        minCharacters: 10, maxCharacters: 200, expecting: languages[0], by: identifier)
      $0.targetFilter = try? LineFilter(expecting: languages[1], by: identifier)
    }.run()
    #expect(summary.source.lines == 7 && summary.source.empty == 2 && summary.source.unique == 1)
    #expect(summary.source.dropped == ["too-short": 1, "too-long": 1, "language": 1])
    #expect(summary.target.dropped == ["language": 1] && summary.target.unique == 1)
    #expect(summary.pairs == 1)
    let nothing = #expect(throws: Failure.self) {
      try pipeline("q", sides: mixed) { $0.sourceFilter = try? LineFilter(minCharacters: 5000) }.run()
    }
    #expect(nothing?.subject == text && nothing?.description.contains("too-short") == true)
    #expect(nothing?.description.contains("filter less") == true)
  }

  // MARK: planted pairs

  @Test func plantedRowsBehindTheDumpsGiveWhatOneSearchWouldGive() throws {
    let compute = Compute(threads: 2)
    for (n, m, planted, k) in [(40, 30, 7, 4), (3, 2, 5, 4), (1, 1, 1, 3)] {
      let x = matrix(signRows(n + planted, seed: 1))
      let y = matrix(signRows(m + planted, seed: 2))
      func side(_ rows: Tensor, _ range: Range<Int>) throws -> EmbeddingSide {
        try EmbeddingSide(rows.rows(range), name: "rows", on: compute)
      }
      let (source, target) = (try side(x, 0..<n), try side(y, 0..<m))
      let dumps = try #require(try ExactNeighbours(source: source, target: target, k: k).search(on: compute))
      let found = try PlantedPairs.extend(
        dumps, source: source, target: target, plantedSource: side(x, n..<n + planted),
        plantedTarget: side(y, m..<m + planted), k: k, on: compute)
      let whole = try ExactNeighbours(source: side(x, 0..<n + planted), target: side(y, 0..<m + planted), k: k)
      #expect(found == whole.search(on: compute))
    }
  }

  @Test func plantedPairsJudgeThresholdsAndLeaveTheDumpsAlone() throws {
    _ = try pipeline("without").run()
    // Thirty pairs that are no pairs at all, except for the first ten, which stand in the demo's spirit.
    var lines = [
      "Meine Schwester wohnt seit drei Jahren in einem kleinen Dorf.\tMy sister has lived in a small village for three years.",
      "Der Hund schläft am liebsten unter dem Küchentisch.\tThe dog likes best to sleep under the kitchen table.",
      "Wir haben gestern zwei Stunden auf den Bus gewartet.\tWe waited two hours for the bus yesterday.",
      "Die Bibliothek ist am Sonntag geschlossen.\tThe library is closed on Sunday.",
      "Er trinkt jeden Morgen eine Tasse Kaffee.\tHe drinks a cup of coffee every morning.",
      "Das Wasser im See war sehr kalt.\tThe water in the lake was very cold.",
    ]
    lines += lines
    let bitext = try folder.write("known.tsv", lines.joined(separator: "\n") + "\n")
    let summary = try pipeline("with") {
      $0.calibration = CalibrationOptions(bitext: bitext, pairs: 6)
      $0.shards = .counts(source: 2, target: 2)
    }.run()
    #expect(try pairs("with") == pairs("without"))
    let calibration = try #require(summary.calibration)
    #expect(calibration.planted == 6)
    #expect(calibration.best.found >= 5 && calibration.best.wrong <= 2)
    #expect(calibration.best.recall == Double(calibration.best.found) / 6)
    #expect(calibration.points.map(\.threshold) == calibration.points.map(\.threshold).sorted(by: >))
    let failure = #expect(throws: Failure.self) {
      try pipeline("many") { $0.calibration = CalibrationOptions(bitext: bitext, pairs: 7) }.run()
    }
    #expect(failure?.subject == bitext && failure?.description.contains("6 pairs") == true)
    // A dump that has the sentences already leaves nothing to plant.
    let dump = try folder.write("dump.txt", lines.map { $0.split(separator: "\t")[0] }.joined(separator: "\n"))
    let known = #expect(throws: Failure.self) {
      try pipeline("known", sides: [PipelineSide(input: dump, language: sides[0].language), sides[1]]) {
        $0.calibration = CalibrationOptions(bitext: bitext, pairs: 1)
      }.run()
    }
    #expect(known?.description.contains("0 pairs") == true)
  }

  /// Scores worked out by hand: sources and targets are rows of a unit circle.
  @Test func theCurveOfPlantedPairs() throws {
    func lists(_ ids: [Int32], _ scores: [Float]) -> NeighbourLists {
      NeighbourLists(rows: ids.count, k: 1, scores: scores, ids: ids)
    }
    // Rows 0 and 1 are the dumps', rows 2 to 5 planted. 0-0 is mined, 2-2 and 3-3 are right, 4-1 is wrong, 5-5 is right.
    let forward = lists([0, 1, 2, 3, 1, 5], [0.8, 0.1, 0.9, 0.7, 0.6, 0.5])
    let backward = lists([0, 4, 2, 3, 4, 5], [0.8, 0.6, 0.9, 0.7, 0.2, 0.5])
    let miner = PairMiner(TwoWayNeighbours(sources: 0..<6, targets: 0..<6, forward: forward, backward: backward))
    var options = MiningOptions()
    options.margin = .absolute
    options.threshold = 0.95
    let calibration = Calibration(miner, planted: 4, options: options)
    #expect(calibration.points.map(\.found) == [1, 2, 3])
    #expect(calibration.points.map(\.wrong) == [0, 0, 1])
    #expect(calibration.points.map(\.mined) == [0, 1, 1])
    #expect(calibration.best.found == 3 && calibration.best.precision == 0.75 && calibration.best.recall == 0.75)
    #expect(calibration.knee.found == 2 && Float(calibration.knee.threshold) == 0.7)
  }

  // MARK: aligned texts

  struct Record: Decodable {
    struct Side: Decodable { var lines: PipelineSummary.Lines }
    var source: Side
    var settings: [String: String]
    var written: Int
  }

  @Test func scoresThroughAnIndexReportItsRecall() throws {
    func change(_ options: inout PipelineOptions) { options.aligned = true }
    let exact = try pipeline("exact", change: change).score()
    #expect(exact.sourceRecall == 1 && exact.stages.contains { $0.name == "recall" } == false)
    let poor = try pipeline("poor") {
      change(&$0)
      $0.index = .factory("IVF32,Flat")
      $0.probes = 1
    }.score()
    #expect(poor.sourceRecall < 1 && poor.targetRecall < 1 && poor.written == 430)
  }

  @Test func alignedLinesAreScoredInTheirOrder() throws {
    let de = ["Das Wasser ist kalt.", "Er schläft.", "", "Das Wasser ist kalt.", "Sie liest ein Buch."]
    let en = ["The water is cold.", "He is asleep.", "Nothing.", "She reads a book.", "The water is cold."]
    let source = PipelineSide(
      input: try folder.write("a.de", de.joined(separator: "\n")), language: sides[0].language)
    let target = PipelineSide(
      input: try folder.write("a.en", en.joined(separator: "\n")), language: sides[1].language)
    func change(_ options: inout PipelineOptions) {
      options.aligned = true
      options.k = 2
      options.fields = [.score, .cosine, .source, .target, .sourceRow, .sourceCount]
    }
    let summary = try pipeline("s", sides: [source, target], change: change).score()
    #expect(summary.lines == 5 && summary.empty == 1 && summary.written == 5)
    let record = try JSONFile.read(Record.self, from: folder.file("s.pairs.tsv.json"))
    #expect(record.written == 5 && record.settings["k"] == "2" && record.source.lines.empty == 1)
    let rows = String(decoding: try pairs("s"), as: UTF8.self).split(separator: "\n").map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
    #expect(rows.map { $0[2] } == de)
    #expect(rows.map { $0[3] } == en)
    #expect(rows.map { $0[4] } == ["0", "1", "2", "3", "4"])
    #expect(rows.map { $0[5] } == ["2", "1", "0", "2", "1"])
    #expect(rows[2][0] == "0.000000" && rows[2][1] == "0.000000")
    let scores = rows.compactMap { Double($0[0]) }
    #expect(scores[0] > 1 && scores[0] > scores[3] && scores[1] > scores[4])
    // By the definition, from the embeddings in the work folder.
    func unit(_ name: String) throws -> [[Double]] {
      let file = try EmbeddingFile(path: folder.file("s.work/\(name).0.npy"))
      return (0..<file.rows).map { row in
        let values = file.floats(rows: row..<row + 1).map(Double.init)
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return values.map { $0 / length }
      }
    }
    let (x, y) = (try unit("source"), try unit("target"))
    func cosine(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    func mean(_ a: [Double], _ others: [[Double]]) -> Double {
      others.map { cosine(a, $0) }.sorted(by: >).prefix(2).reduce(0, +) / 2
    }
    let expected = 2 * cosine(x[0], y[3]) / (mean(x[0], y) + mean(y[3], x))
    #expect(abs(scores[3] - expected) < 2e-6)

    let kept = try pipeline("s", sides: [source, target]) {
      change(&$0)
      $0.mining.threshold = scores[0] - 1e-6
    }.score()
    #expect(kept.written == scores.count { $0 >= scores[0] - 1e-6 })
    let short = PipelineSide(input: try folder.write("b.en", "One line."), language: sides[1].language)
    let failure = #expect(throws: Failure.self) {
      try pipeline("t", sides: [source, short], change: change).score()
    }
    #expect(failure?.subject == short.input && failure?.problem.contains("has 1 lines") == true)
  }
}

@Suite struct MiningPlanTests {
  func plan(_ rows: [Int], _ change: (inout PipelineOptions) -> Void = { _ in }) throws -> MiningPlan {
    var options = PipelineOptions()
    change(&options)
    return MiningPlan(
      rows: rows, textBytes: rows.map { $0 * 100 },
      configuration: try .init(path: "\(PipelineTests.root)/models/ems-mini/config.json"), options: options, threads: 2)
  }

  func failure(_ plan: MiningPlan, memory: Int = 1 << 50, disk: Int = 1 << 50) -> Failure? {
    var limits = MachineLimits(folder: "/")
    (limits.memory, limits.disk) = (memory, disk)
    do throws(Failure) { try plan.check(limits) } catch { return error }
    return nil
  }

  @Test func theIndexFollowsTheSize() throws {
    #expect(try plan([200_000, 200_000]).index == ["exact"])
    #expect(try plan([10, 1_000_000_000]).index == ["exact"])
    #expect(try plan([200_001, 200_000]).index == ["lists"])
    #expect(try plan([10_000, 20_000_000]).index == ["lists"])
    #expect(try plan([300_000, 300_000]) { $0.index = .exact }.index == ["exact"])
    #expect(try plan([5_000_000, 1_200_000]).shards == [10, 3])
  }

  @Test func whatDoesNotFitIsRefusedWithTheOptionThatHelps() throws {
    let large = try plan([5_000_000, 5_000_000])
    #expect(failure(large) == nil)
    let disk = failure(large, disk: 1_000_000_000)
    #expect(disk?.kind == .io && disk?.description.contains("--dtype float16") == true)
    #expect(disk?.description.contains("--work") == true)
    #expect(failure(large, memory: 1 << 30)?.description.contains("stage pairs") == true)
    let memory = failure(
      try plan([5_000_000, 5_000_000]) { $0.index = .factory("IVF16384,Flat") }, memory: 2_000_000_000)
    #expect(
      memory?.description.contains("stage index") == true
        && memory?.description.contains("--index IVF16384,SQ8") == true)
    let pairs = failure(
      try plan([50_000_000, 50_000_000]) { $0.index = .factory("IVF1024,PQ16") }, memory: 1 << 30)
    #expect(pairs != nil)
    let slow = failure(try plan([500_000, 500_000]) { $0.index = .factory("OPQ32,IVF1024,PQ32") })
    #expect(slow?.kind == .usage && slow?.description.contains("take IVF1024,PQ32") == true)
    let small = failure(try plan([1000, 1000]), memory: 10 << 20)
    #expect(small?.description.contains("stage encode") == true)
  }

  @Test func embeddingsAndListsAreCounted() throws {
    let disk = try plan([1_000_000, 1_000_000]) { $0.type = .float16 }.stages.first { $0.name == "encode" }?.disk
    #expect(disk == 2_000_000 * 256 * 2)
    let twice = try plan([1_000_000, 1_000_000]).stages.first { $0.name == "encode" }?.disk
    #expect(twice == 2_000_000 * 256 * 4)
  }

  @Test func theLimitsOfThisMachineAreRead() {
    let limits = MachineLimits(folder: "/no/such/folder/yet")
    #expect((limits.memory ?? 0) > 1 << 20)
    #expect((limits.disk ?? 0) > 1 << 20)
  }

  @Test func aTextIsEstimatedFromItsBeginning() throws {
    let folder = TemporaryFolder()
    let writer = try TextWriter(path: folder.file("t.zst"))
    for i in 0..<200_000 { try writer.writeLine("line number \(i) of a text that is not short") }
    try writer.commit()
    let estimate = try TextEstimate(path: folder.file("t.zst"))
    #expect(abs(Double(estimate.lines) / 200_000 - 1) < 0.2, "\(estimate)")
    let small = try TextEstimate(path: folder.write("s.txt", "one\ntwo\n"))
    #expect(small.lines == 2 && small.bytes == 8)
  }
}
