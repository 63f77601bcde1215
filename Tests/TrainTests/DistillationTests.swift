import Base
import Encoder
import Formats
import Foundation
import Kernels
import TestSupport
import Testing
import Train

/// Following a teacher: where its rows come from, what comes out, and what is refused.
@Suite struct DistillationTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    // `shared.tsv` has targets that come twice.
    let pairs = Workplace.pairs(60, seed: 5)
    _ = try place.folder.write("shared.tsv", pairs.enumerated().map { "\($1.0)\t\(pairs[$0 / 2].1)\n" }.joined())
    _ = try place.folder.write("alone.txt", Workplace.pairs(50, seed: 6).map { "\($0.0)\n" }.joined())
  }

  static let model =
    "{num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2, intermediate_size: 24, language_size: 8, max_position_embeddings: 20, pooling: weighted, languages: [en, de, el, ru, ja]}"

  /// Rows that depend on the sentence alone, as a teacher's do.
  static func row(_ sentence: Substring, width: Int = 24) -> [Float] {
    var random = TestSupport.SplitMix(seed: sentence.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
    return (0..<width).map { _ in Float.random(in: -1...1, using: &random) }
  }

  func lines(_ name: String) throws -> [Substring] {
    String(decoding: try place.folder.read(name), as: UTF8.self).split(separator: "\n")
  }

  func targets(_ name: String) throws -> [Substring] { try lines(name).map { $0.split(separator: "\t").last ?? $0 } }

  @discardableResult
  func write(
    _ name: String, _ sentences: [Substring], width: Int = 24, type: EmbeddingType = .float32,
    change: (Int, Float)? = nil
  ) throws -> String {
    var values = sentences.flatMap { Self.row($0, width: width) }
    if let (i, value) = change { values[i] = value }
    let writer = try EmbeddingFileWriter(path: place.folder.file(name), columns: width, type: type)
    try writer.append(values.span)
    try writer.commit()
    return name
  }

  func distinct(_ sentences: [Substring]) -> [Substring] {
    var seen = Set<Substring>()
    return sentences.filter { seen.insert($0).inserted }
  }

  func recipe(
    _ name: String, data: String, distillation: String = "{weight: 2, ranking: 1}", _ more: [String: String?] = [:]
  ) throws -> String {
    var keys: [String: String?] = [
      "model": Self.model, "data": data, "distillation": distillation, "xtr_weight": "0", "alignment_weight": "0",
    ]
    for (key, value) in more { keys[key] = value }
    return try place.configuration(name, keys)
  }

  func pairs(_ file: String, _ more: String) -> String {
    "{path: \(file), source_language: en, target_language: de, \(more)}"
  }

  // MARK: where rows come from

  /// One row for every line, one for every distinct target, or by the text of the rows: the same run.
  @Test func rowsByLineByTargetAndByText() throws {
    let all = try targets("shared.tsv")
    try write("by-line.npy", all)
    try write("by-target.npy", distinct(all))
    let shuffled = distinct(all).sorted() + ["Another line."]
    try write("by-text.npy", shuffled)
    _ = try place.folder.write("by-text.txt", shuffled.map { "\($0)\n" }.joined())
    for (name, rows) in [
      ("line", "by-line.npy"), ("target", "by-target.npy"), ("text", "{rows: by-text.npy, lines: by-text.txt}"),
    ] {
      try place.train(recipe(name, data: "[\(pairs("shared.tsv", "target_embeddings: \(rows)"))]"))
    }
    let expected = try place.result("line")
    expectSame(try place.result("target"), expected)
    expectSame(try place.result("text"), expected)
    #expect(try place.curve("line").count > 10)
  }

  @Test func theLossFallsAndHalfPrecisionIsEnough() throws {
    try write("rows.npy", targets("a.tsv"))
    try write("half.npy", targets("a.tsv"), type: .float16)
    let more = ["steps": "60", "learning_rate": "0.02"]
    for name in ["rows", "half"] {
      try place.train(
        recipe(
          name, data: "[\(pairs("a.tsv", "target_embeddings: \(name).npy"))]", distillation: "{loss: cosine}", more))
    }
    let (full, half) = (try place.curve("rows"), try place.curve("half"))
    #expect(full.suffix(10).min()! < 0.8 * full[0])
    #expect(zip(full, half).allSatisfy { abs($0 - $1) < 0.02 * (1 + abs($0)) })
  }

  @Test func sentencesAloneAndCorporaOfOtherObjectivesTakePart() throws {
    try write("a.npy", targets("a.tsv"))
    try write("alone.npy", lines("alone.txt"), type: .float16)
    let data = """
      [\(pairs("a.tsv", "target_embeddings: a.npy, objectives: [distillation]")), \
      \(pairs("b.tsv", "weight: 1")), {path: alone.txt, language: en, embeddings: alone.npy, weight: 1}]
      """
    let path = try recipe("all", data: data, ["alignment_weight": "1", "xtr_weight": "0.5", "steps": "24"])
    try place.train(path)
    struct Line: Decodable { var step: Int, distillation: Double?, alignment: Double?, loss: Double? }
    let steps = try lines("all/metrics.jsonl").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
      .filter { $0.loss != nil }
    // A batch is of one kind of corpora: following the teacher, or the objectives that need none.
    #expect(steps.allSatisfy { ($0.distillation == 0) != ($0.alignment == 0) })
    #expect(steps.contains { $0.distillation == 0 } && steps.contains { $0.alignment == 0 })

    // Killed and resumed anywhere, and on any number of threads, the bytes are the same.
    let other = try recipe("other", data: data, ["alignment_weight": "1", "xtr_weight": "0.5", "steps": "24"])
    try place.train(other, threads: 2, steps: 7)
    try place.train(other, threads: 3, resume: true, steps: 17)
    try place.train(other, resume: true)
    expectSame(try place.result("other"), try place.result("all"))
  }

  @Test(arguments: [2, 3]) func ranksShareABatch(ranks: Int) throws {
    try write("a.npy", targets("a.tsv"))
    try write("alone.npy", lines("alone.txt"))
    let data = """
      [\(pairs("a.tsv", "target_embeddings: a.npy")), {path: alone.txt, language: en, embeddings: alone.npy}]
      """
    let more = ["alignment_weight": "1", "dropout": "0.1"]
    try place.train(recipe("one", data: data, more))
    for result in try place.train(recipe("many", data: data, more), ranks: ranks) { _ = try result.get() }
    let (one, many) = (try place.curve("one"), try place.curve("many"))
    #expect(one.count == many.count)
    for (a, b) in zip(one, many) { #expect(abs(a - b) < 2e-4 * (1 + abs(a))) }
  }

  @Test func aModelFolderIsATeacher() throws {
    try place.train(place.configuration("teacher", ["steps": "4"]))
    let data = "[\(pairs("a.tsv", "weight: 1")), \(pairs("b.tsv", "weight: 1"))]"
    let log = Log()
    try place.train(recipe("pupil", data: data, ["teacher": "teacher/best"]), log)
    #expect(log.lines.contains { $0.contains("teacher") && $0.contains("has encoded") })
    // The same rows by hand.
    let distinct = distinct(try targets("a.tsv") + targets("b.tsv"))
    let teacher = try ModelFolder(path: place.folder.file("teacher/best"))
    let rows = try SentenceEncoder(teacher, threads: 1).encode(distinct.map(String.init))
    let writer = try EmbeddingFileWriter(path: place.folder.file("hand.npy"), columns: 16, type: .float16)
    try writer.append(rows.array.span)
    try writer.commit()
    _ = try place.folder.write("hand.txt", distinct.map { "\($0)\n" }.joined())
    let named = "weight: 1, target_embeddings: {rows: hand.npy, lines: hand.txt}"
    try place.train(recipe("hand", data: "[\(pairs("a.tsv", named)), \(pairs("b.tsv", named))]"))
    expectSame(try place.result("hand"), try place.result("pupil"))

  }

  // MARK: what comes out

  @Test func theProjectionIsDroppedOrKept() throws {
    try write("a.npy", targets("a.tsv"))
    let data = "[\(pairs("a.tsv", "target_embeddings: a.npy"))]"
    try place.train(recipe("dropped", data: data))
    try place.train(recipe("kept", data: data, distillation: "{weight: 2, ranking: 1, projection: keep}"))
    let dropped = try ModelFolder(path: place.folder.file("dropped/best"))
    let kept = try ModelFolder(path: place.folder.file("kept/best"))
    try dropped.verify()
    try kept.verify()
    #expect(dropped.configuration.embeddingSize == 16 && dropped.heads.teacherWidth == 24)
    #expect(kept.configuration.embeddingSize == 24 && kept.heads == .none)
    // The same training; the one answers with W u + b where the other answers with u.
    let u = try SentenceEncoder(dropped, threads: 1).encode(["boat wind", "house"])
    let answer = try SentenceEncoder(kept, threads: 1).encode(["boat wind", "house"])
    let (w, b) = (try dropped.weights.floats("projection.weight"), try dropped.weights.floats("projection.bias"))
    #expect(answer.columns == 24)
    for i in 0..<2 {
      for t in 0..<24 {
        let expected = (0..<16).reduce(b[t]) { $0 + w[t * 16 + $1] * u[i, $1] }
        #expect(abs(answer[i, t] - expected) < 1e-5)
      }
    }
  }

  /// Without a trained head the student's cosines are those of the teacher's rows in their principal directions.
  @Test func principalDirectionsAreTheLargest() throws {
    // Rows in 16 of 24 dimensions and a little noise.
    let sentences = try targets("a.tsv")
    try write("a.npy", sentences)
    try place.train(
      recipe(
        "run", data: "[\(pairs("a.tsv", "target_embeddings: a.npy"))]",
        distillation: "{weight: 1, head: principal}", ["steps": "3", "weight_decay": "0.1"]))
    let w = try ModelFolder(path: place.folder.file("run/best")).weights.floats("projection.weight")
    // Orthonormal columns, whatever the optimiser did to the rest.
    for i in 0..<16 {
      for j in 0...i {
        let product = (0..<24).reduce(Float(0)) { $0 + w[$1 * 16 + i] * w[$1 * 16 + j] }
        #expect(abs(product - (i == j ? 1 : 0)) < 1e-5)
      }
    }
    // They hold more of the rows than any other orthonormal directions; here: than the axes.
    var inside = 0.0, axes = 0.0
    for sentence in sentences {
      let row = Self.row(sentence)
      let length = row.reduce(0) { $0 + $1 * $1 }
      for k in 0..<16 {
        let along = (0..<24).reduce(Float(0)) { $0 + w[$1 * 16 + k] * row[$1] }
        inside += Double(along * along / length)
        axes += Double(row[k] * row[k] / length)
      }
    }
    #expect(inside > 1.05 * axes)
  }

  /// Directions of more rows would be another space than the one that the model answers in.
  @Test func aModelThatGoesOnKeepsItsDirections() throws {
    try write("a.npy", targets("a.tsv"))
    try write("b.npy", targets("b.tsv"))
    let a = pairs("a.tsv", "target_embeddings: a.npy")
    let following = "{weight: 1, head: principal}"
    try place.train(recipe("first", data: "[\(a)]", distillation: following))
    let both = "[\(a), \(pairs("b.tsv", "target_embeddings: b.npy"))]"
    try place.train(recipe("second", data: both, distillation: following, ["initial": "first/best"]))
    try place.train(recipe("fresh", data: both, distillation: following))
    let heads = try ["first", "second", "fresh"].map {
      try ModelFolder(path: place.folder.file("\($0)/best")).weights.floats("projection.weight")
    }
    #expect(heads[0] == heads[1] && heads[0] != heads[2])
  }

  @Test func droppedTokensAreADraw() throws {
    try write("a.npy", targets("a.tsv"))
    let data = "[\(pairs("a.tsv", "target_embeddings: a.npy"))]"
    let dropout = ["dropout": "{embedding: 0, attention: 0, sub_layer: 0, token: 0.4}"]
    try place.train(recipe("whole", data: data, ["dropout": "0"]))
    try place.train(recipe("dropped", data: data, dropout))
    try place.train(recipe("again", data: data, dropout), threads: 2)
    #expect(try place.curve("whole") != place.curve("dropped"))
    expectSame(try place.result("dropped"), try place.result("again"))
  }

  @Test func aModelGrowsLayers() throws {
    try write("a.npy", targets("a.tsv"))
    let data = "[\(pairs("a.tsv", "target_embeddings: a.npy"))]"
    let still = ["learning_rate": "0", "steps": "2"]
    let flat = Self.model.replacing("num_hidden_layers: 1", with: "num_hidden_layers: 0")
    try place.train(recipe("flat", data: data, ["model": flat, "steps": "40", "learning_rate": "0.02"]))
    let log = Log()
    try place.train(recipe("grown", data: data, still.merging(["initial": "flat/best"]) { $1 }), log)
    #expect(log.lines.contains { $0.contains("layer.0") && $0.contains("at random") })
    // A new layer passes on what it is given, up to another normalisation.
    let before = try place.curve("flat").last!, after = try place.curve("grown").last!
    #expect(abs(after - before) < 0.1, "\(before), \(after)")
    let grown = try ModelFolder(path: place.folder.file("grown/best"))
    #expect(grown.configuration.numHiddenLayers == 1)
    #expect(try grown.weights.floats("model.bert.encoder.layer.0.output.dense.weight").allSatisfy { $0 == 0 })
  }

  // MARK: what is refused

  @Test func badRowsAreRefused() throws {
    let sentences = try targets("a.tsv")
    func problem(_ rows: String, file: String = "a.tsv", _ more: String = "") throws -> Failure? {
      let path = try recipe("run", data: "[\(pairs(file, "target_embeddings: \(rows)\(more)"))]")
      try? FileManager.default.removeItem(atPath: place.folder.file("run"))
      return failure { try place.train(path) }
    }
    expect(
      try problem(write("short.npy", Array(sentences.dropLast()))), says: "short.npy", "119 rows", "120 lines",
      "distinct targets", "make them again")
    expect(
      try problem(write("nan.npy", sentences, change: (24 * 3 + 5, .nan))), says: "nan.npy", "row 3", "not finite")
    let zeros = try EmbeddingFileWriter(path: place.folder.file("zero.npy"), columns: 4, type: .float32)
    let nothing = [Float](repeating: 0, count: 4 * 120)
    try zeros.append(nothing.span)
    try zeros.commit()
    expect(try problem("zero.npy"), says: "zero.npy", "row 0", "all zeros")
    _ = try place.folder.write("text.npy", "not numbers")
    expect(try problem("text.npy"), says: "text.npy", "not a .npy file")
    // A text with fewer lines, and one that lacks a target.
    try write("t.npy", sentences)
    _ = try place.folder.write("t.txt", sentences.dropLast().map { "\($0)\n" }.joined())
    expect(try problem("{rows: t.npy, lines: t.txt}"), says: "t.npy", "120 rows", "t.txt has 119 lines")
    _ = try place.folder.write("t.txt", (sentences.dropLast() + ["Something else."]).map { "\($0)\n" }.joined())
    expect(try problem("{rows: t.npy, lines: t.txt}"), says: "a.tsv", "line 120", "t.txt does not have", "changed")
    // A file beside the rows says which text they were made from.
    _ = try place.folder.write("t.npy.json", "{\"text_sha256\": \"0123\"}")
    expect(try problem("{rows: t.npy, lines: t.txt}"), says: "t.txt", "is not the text", "t.npy.json")
    expect(try problem("t.npy"), says: "a.tsv", "is not the text", "t.npy.json")
    // A second file of rows for a text that the first one goes with.
    try? FileManager.default.removeItem(atPath: place.folder.file("t.npy.json"))
    _ = try place.folder.write("t.txt", sentences.map { "\($0)\n" }.joined())
    try write("fewer.npy", Array(sentences.dropLast(5)))
    let twice = ["t.npy", "fewer.npy"].map { pairs("a.tsv", "target_embeddings: {rows: \($0), lines: t.txt}") }
    expect(
      try failureOf(recipe("twice", data: "[\(twice.joined(separator: ", "))]")), says: "fewer.npy", "115 rows",
      "t.txt has 120 lines")
    // Two teachers.
    try write("w24.npy", sentences)
    try write("w20.npy", targets("b.tsv"), width: 20)
    let both = "[\(pairs("a.tsv", "target_embeddings: w24.npy")), \(pairs("b.tsv", "target_embeddings: w20.npy"))]"
    expect(
      try failureOf(recipe("two", data: both)), says: "w20.npy", "20 elements", "w24.npy", "24", "one teacher's")
    // A student wider than its teacher.
    try write("w8.npy", sentences, width: 8)
    expect(
      try failureOf(
        recipe("wide", data: "[\(pairs("a.tsv", "target_embeddings: w8.npy"))]", distillation: "{head: principal}")),
      says: "wide.yaml", "distillation.head", "8 elements", "head: linear")
  }

  func failureOf(_ path: String) throws -> Failure? { failure { try place.train(path) } }

  @Test func recipesThatContradictThemselvesAreRefused() throws {
    try write("a.npy", targets("a.tsv"))
    try place.train(place.configuration("teacher", ["steps": "1"]))
    func problem(_ data: String, _ distillation: String?, _ more: [String: String?] = [:]) throws -> Failure? {
      var keys: [String: String?] = ["data": data, "distillation": distillation, "model": Self.model]
      for (key, value) in more { keys[key] = value }
      let path = try place.configuration("run", keys)
      return failure { _ = try TrainingConfiguration(path: path) }
    }
    let with = "[\(pairs("a.tsv", "target_embeddings: a.npy"))]", without = "[\(pairs("a.tsv", "weight: 1"))]"
    expect(
      try problem(with, "{weight: 1}", ["teacher": "teacher/best"]), says: "run.yaml", "line", "target_embeddings",
      "teacher too")
    expect(try problem(without, "{weight: 1}"), says: "run.yaml", "no corpus has a teacher's rows", "target_embeddings")
    expect(try problem(with, nil), says: "a.tsv", "distillation is not asked for")
    expect(try problem(without, nil, ["teacher": "teacher/best"]), says: "distillation is not asked for")
    expect(try problem(with, "{loss: l1}"), says: "loss must be cosine or mse")
    expect(try problem(with, "{sides: left}"), says: "sides must be both, source or target")
    expect(try problem(with, "{ranking: 2}"), says: "ranking", "from 0.0 to 1.0")
    expect(try problem(with, "{weigth: 1}"), says: "weigth", "weight")
    expect(try problem("[{path: alone.txt, language: en}]", "{weight: 1}"), says: "alone (language)", "embeddings")
    expect(
      try problem("[\(pairs("a.tsv", "target_embeddings: a.npy, objectives: [xtr, mlm]"))]", "{weight: 1}"),
      says: "objectives are", "mlm")
    expect(
      try problem("[\(pairs("b.tsv", "objectives: [distillation]")), \(with.dropFirst())", "{weight: 1}"),
      says: "b.tsv", "has no rows of a teacher")
    expect(
      try problem("[\(pairs("a.tsv", "target_embeddings: none.npy"))]", "{weight: 1}"), says: "none.npy", "no such")
  }

  @Test func aTeacherThatDoesNotKnowTheLanguageIsRefused() throws {
    try place.train(place.configuration("teacher", ["steps": "1"]))
    let configuration = String(decoding: try place.folder.read("teacher/best/config.json"), as: UTF8.self)
    _ = try place.folder.write("teacher/best/config.json", configuration.replacing("\"de\"", with: "\"fr\""))
    try FileManager.default.removeItem(atPath: place.folder.file("teacher/best/SHA256SUMS"))
    let path = try recipe("run", data: "[\(pairs("a.tsv", "weight: 1"))]", ["teacher": "teacher/best"])
    expect(failure { try place.train(path) }, says: "teacher/best", "does not know de", "a.tsv", "en, fr, el")
  }

  @Test func aRunIsNotContinuedWithOtherRowsOrAnotherCorpus() throws {
    let sentences = try targets("a.tsv")
    try write("a.npy", sentences)
    let path = try recipe("run", data: "[\(pairs("a.tsv", "target_embeddings: a.npy"))]")
    try place.train(path, steps: 4)
    try write("a.npy", sentences, change: (7, 0.25))
    expect(failure { try place.train(path, resume: true) }, says: "another configuration", "a.npy")
    try write("a.npy", sentences)
    let corpus = String(decoding: try place.folder.read("a.tsv"), as: UTF8.self)
    _ = try place.folder.write("a.tsv", corpus.replacing("boat", with: "goat"))
    expect(failure { try place.train(path, resume: true) }, says: "another configuration", "a.tsv")
    _ = try place.folder.write("a.tsv", corpus)
    try place.train(path, resume: true)
  }
}
