import Base
import Foundation
import Mine
import Report
import YAML

/// A file that names data and protocols, to be run one after the other.
///
/// YAML: a list `evaluations`, of which each has a `protocol` (tatoeba, retrieval, bucc, xsim, paracrawl or classify), if
/// wanted a `name`, and the protocol's own keys, which are named as on the command line with `_` for `-`. Paths are taken
/// from the suite file's folder.
public struct Suite: Sendable {
  /// One protocol with its data.
  public struct Item: Sendable {
    /// The name of its result, different for all items.
    public var name: String
    /// The protocol.
    public var kind: String
    /// The files and folders that it reads.
    var inputs: [String] = []
    let run: @Sendable (Evaluator) throws(Failure) -> any EvaluationResult
  }

  /// The protocols, in the file's order.
  public var items: [Item]

  /// Reads a suite.
  ///
  /// - Throws: `Failure` for a missing file, YAML that cannot be read, unknown protocols and keys, and names used twice.
  public init(path: String) throws(Failure) {
    var top = try YAMLReader(path: path, what: "the suite")
    let entries = try top.required("evaluations").sequence()
    guard !entries.isEmpty else {
      throw Failure(
        .badData, path, "its list `evaluations` is empty", remedy: "`ems evaluate all --help` shows an example")
    }
    items = []
    var names: Set<String> = []
    for (number, entry) in entries.enumerated() {
      var keys = try SuiteKeys(entry, path: path, number: number + 1)
      var item = try Self.item(&keys)
      try keys.finish()
      item.inputs = keys.inputs
      guard names.insert(item.name).inserted else {
        throw Failure(
          .badData, path, at: keys.place, "the name \"\(item.name)\" comes again", remedy: "give it a `name`")
      }
      items.append(item)
    }
  }

  private static func item(_ keys: inout SuiteKeys) throws(Failure) -> Item {
    let kind = try keys.need("protocol")
    let name = try keys.string("name") ?? kind
    let k = try keys.integer("k") ?? 4
    let marginName = try keys.string("margin") ?? Margin.ratio.rawValue
    guard let margin = Margin(rawValue: marginName), k >= 1 else {
      throw keys.bad("has a k below 1 or an unknown margin", remedy: "margins are ratio, distance and absolute")
    }
    let options = MarginOptions(k: k, margin: margin)
    switch kind {
    case "tatoeba":
      let folder = try keys.needPath("folder")
      let languages = try keys.strings("languages")
      return Item(name: name, kind: kind) { evaluator throws(Failure) in
        try evaluator.tatoeba(folder: folder, languages: languages, options)
      }
    case "retrieval":
      if let folder = try keys.path("folder") {
        let languages = try keys.strings("languages")
        let split = try keys.string("split")
        return Item(name: name, kind: kind) { evaluator throws(Failure) in
          try evaluator.matrix(folder: folder, languages: languages, split: split, options)
        }
      }
      return try retrieval(&keys, name, kind, options)
    case "xsim":
      let altered = try (keys.strings("altered") ?? []).map { keys.resolveAltered($0) }
      if altered.isEmpty { return try retrieval(&keys, name, kind, options, asErrors: true) }
      let (source, target) = (try keys.needPath("source"), try keys.needPath("target"))
      let spoken = try keys.languages()
      return Item(name: name, kind: kind) { evaluator throws(Failure) in
        try evaluator.xsimPlus(source: source, target: target, altered: altered, languages: spoken, options)
      }
    case "bucc":
      var training = BuccFiles(
        source: try keys.needPath("source"), target: try keys.needPath("target"), gold: try keys.needPath("gold"),
        sourceEmbeddings: try keys.path("source_embeddings"), targetEmbeddings: try keys.path("target_embeddings"))
      training.languages = try keys.languages()
      var test: BuccFiles?
      if let source = try keys.path("test_source") {
        test = BuccFiles(
          source: source, target: try keys.needPath("test_target"), gold: try keys.path("test_gold"),
          sourceEmbeddings: try keys.path("test_source_embeddings"),
          targetEmbeddings: try keys.path("test_target_embeddings"))
        test?.languages = training.languages
      }
      var mining = MiningOptions()
      mining.margin = margin
      guard let retrieval = Retrieval(rawValue: try keys.string("retrieval") ?? mining.retrieval.rawValue) else {
        throw keys.bad("has an unknown retrieval", remedy: "there are max, intersect, forward and backward")
      }
      mining.retrieval = retrieval
      let output = try keys.outputPath("output_pairs")
      let (files, set, chosen) = (training, test, mining)
      return Item(name: name, kind: kind) { evaluator throws(Failure) in
        try evaluator.bucc(training: files, test: set, options: chosen, k: k, outputPairs: output)
      }
    case "paracrawl":
      let (source, target) = (try keys.needPath("source"), try keys.needPath("target"))
      let spoken = try keys.languages()
      let pool = try keys.integer("keys") ?? 200_000
      let queries = try keys.integer("queries") ?? 2000
      let seed = try keys.integer("seed") ?? 1
      guard pool >= 10, queries >= 1, seed >= 0 else { throw keys.bad("has keys below 10 or queries below 1") }
      return Item(name: name, kind: kind) { evaluator throws(Failure) in
        try evaluator.paraCrawl(
          source: source, target: target, languages: spoken, keys: pool, queries: queries, seed: UInt64(seed))
      }
    case "classify":
      let language = try keys.string("language") ?? "en"
      let files: ClassificationFiles
      if let train = try keys.path("train") {
        var tests: [(language: String, path: String)] = []
        for test in try keys.strings("test") ?? [] {
          guard let sign = test.firstIndex(of: "="), !tests.contains(where: { $0.language == test[..<sign] }) else {
            throw keys.bad("has a `test` that is not LANGUAGE=FILE, or a language twice: \(test)")
          }
          tests.append((String(test[..<sign]), keys.input(String(test[test.index(after: sign)...]))))
        }
        guard !tests.isEmpty else { throw keys.bad("lacks the key `test`", remedy: "a list of LANGUAGE=FILE") }
        files = ClassificationFiles(language: language, train: train, dev: try keys.needPath("dev"), tests: tests)
      } else {
        files = try ClassificationFiles(
          folder: keys.needPath("folder"), language: language, tests: keys.strings("languages"))
      }
      let count = try keys.integer("seeds") ?? 5
      let seed = try keys.integer("seed") ?? 1
      var settings = ClassifierOptions()
      settings.epochs = try keys.integer("epochs") ?? settings.epochs
      guard count >= 1, seed >= 0, settings.epochs >= 1 else { throw keys.bad("has seeds or epochs below 1") }
      let classifier = settings
      return Item(name: name, kind: kind) { evaluator throws(Failure) in
        try evaluator.classify(files, seeds: (0..<count).map { UInt64(seed + $0) }, classifier)
      }
    default:
      throw keys.bad(
        "names an unknown protocol, \"\(kind)\"",
        remedy: "there are tatoeba, retrieval, bucc, xsim, paracrawl and classify")
    }
  }

  /// Two aligned texts, or embeddings of both.
  private static func retrieval(
    _ keys: inout SuiteKeys, _ name: String, _ kind: String, _ options: MarginOptions, asErrors: Bool = false
  ) throws(Failure) -> Item {
    let embeddings = (source: try keys.path("source_embeddings"), target: try keys.path("target_embeddings"))
    let known = embeddings.source != nil && embeddings.target != nil
    let source = known ? try keys.path("source") : try keys.needPath("source")
    let target = known ? try keys.path("target") : try keys.needPath("target")
    let spoken = try keys.languages()
    return Item(name: name, kind: kind) { evaluator throws(Failure) in
      try evaluator.retrieval(
        source: source, target: target, sourceEmbeddings: embeddings.source, targetEmbeddings: embeddings.target,
        languages: spoken, asErrors: asErrors, options)
    }
  }
}

/// The keys of one element, each to be asked for.
private struct SuiteKeys {
  let path: String, place: String
  /// The paths that were asked for, of what is read.
  private(set) var inputs: [String] = []
  private var reader: YAMLReader

  init(_ entry: YAMLValue, path: String, number: Int) throws(Failure) {
    self.path = path
    reader = try entry.mapping("evaluation \(number)")
    place = reader.line.map { "\($0), evaluation \(number)" } ?? "evaluation \(number)"
  }

  func bad(_ problem: String, remedy: String? = nil) -> Failure {
    Failure(.badData, path, at: place, problem, remedy: remedy)
  }

  /// `source_language` and `target_language`.
  mutating func languages() throws(Failure) -> TextLanguages {
    TextLanguages(source: try string("source_language"), target: try string("target_language"))
  }

  mutating func string(_ key: String) throws(Failure) -> String? { try reader.optional(key)?.string() }

  mutating func integer(_ key: String) throws(Failure) -> Int? {
    try reader.optional(key)?.int(Int(Int32.min)...Int(Int32.max))
  }

  mutating func strings(_ key: String) throws(Failure) -> [String]? { try reader.optional(key)?.strings() }

  mutating func need(_ key: String) throws(Failure) -> String {
    guard let value = try string(key) else { throw bad("lacks the key `\(key)`") }
    return value
  }

  mutating func path(_ key: String) throws(Failure) -> String? {
    guard let name = try string(key) else { return nil }
    return input(name)
  }

  mutating func needPath(_ key: String) throws(Failure) -> String { input(try need(key)) }
  mutating func outputPath(_ key: String) throws(Failure) -> String? { try string(key).map(resolve) }

  /// The path of something that is read.
  mutating func input(_ name: String) -> String {
    inputs.append(resolve(name))
    return resolve(name)
  }

  private func resolve(_ name: String) -> String {
    name.hasPrefix("/") ? name : (path as NSString).deletingLastPathComponent.appending("/").trimmingLone + name
  }

  /// The path in `KIND=PATH`, or the whole.
  mutating func resolveAltered(_ name: String) -> String {
    guard let sign = name.firstIndex(of: "="), !name[..<sign].contains("/") else { return input(name) }
    return name[...sign] + input(String(name[name.index(after: sign)...]))
  }

  func finish() throws(Failure) { try reader.finish() }
}

extension String {
  /// The folder of a file without one is here.
  fileprivate var trimmingLone: String { self == "/" ? "" : self }
}

/// The results of a suite.
public struct SuiteResult: EvaluationResult {
  /// By name, in the order of the suite.
  public var results: [(name: String, result: any EvaluationResult)]

  /// One object with a key `results`, under which each result has its name.
  public func encode(to encoder: any Encoder) throws {
    var top = encoder.container(keyedBy: FieldName.self)
    var values = top.nestedContainer(keyedBy: FieldName.self, forKey: FieldName("results"))
    for (name, result) in results { try result.encode(to: values.superEncoder(forKey: FieldName(name))) }
  }

  /// The heading.
  public var title: String { "Suite of \(results.count) evaluations" }
  /// Everything, each part under its own name.
  public var sections: [ReportSection] {
    results.flatMap { name, result in [.note("\(name): \(result.title)")] + result.sections }
  }
  /// Those of its results.
  public var headlines: [(name: String, value: Double)] {
    results.flatMap { name, result in result.headlines.map { ("\(name): \($0.name)", $0.value) } }
  }
  /// Its results, each under its name.
  public var parts: [any EvaluationResult] {
    results.map { TitledSections(title: "\($0.name): \($0.result.title)", sections: $0.result.sections) }
  }
}

extension Evaluator {
  /// Runs every protocol of a suite.
  ///
  /// - Throws: `Failure` for a file that is missing, before the first protocol runs; and what the protocols fail with.
  public func run(_ suite: Suite) throws(Failure) -> SuiteResult {
    for path in suite.items.flatMap(\.inputs) where !FileManager.default.fileExists(atPath: path) {
      throw Failure(.missingInput, path, "is not there", remedy: "paths in a suite start at the suite's folder")
    }
    var result = SuiteResult(results: [])
    for item in suite.items { result.results.append((item.name, try item.run(self))) }
    return result
  }
}
