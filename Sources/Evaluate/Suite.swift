import Base
import Foundation
import Mine
import Yams

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
    let run: @Sendable (Evaluator) throws(Failure) -> any EvaluationResult
  }

  /// The protocols, in the file's order.
  public var items: [Item]

  /// Reads a suite.
  ///
  /// - Throws: `Failure` for a missing file, YAML that cannot be read, unknown protocols and keys, and names used twice.
  public init(path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    let text = unsafe file.bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    let root: Any?
    do {
      root = try Yams.load(yaml: text)
    } catch {
      throw Failure(.badData, path, "is no YAML: \(error)", remedy: "`ems evaluate all --help` shows an example")
    }
    guard let top = root as? [String: Any], let list = top["evaluations"] as? [Any], !list.isEmpty else {
      throw Failure(.badData, path, "has no list `evaluations`", remedy: "each element names a protocol and its data")
    }
    items = []
    var names: Set<String> = []
    for (number, entry) in list.enumerated() {
      var keys = try SuiteKeys(entry, path: path, place: "evaluation \(number + 1)")
      let item = try Self.item(&keys)
      try keys.finish()
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
      let (source, target) = (try keys.needPath("source"), try keys.needPath("target"))
      return Item(name: name, kind: kind) { evaluator throws(Failure) in
        try evaluator.retrieval(source: source, target: target, options)
      }
    case "xsim":
      let (source, target) = (try keys.needPath("source"), try keys.needPath("target"))
      let altered = (try keys.strings("altered") ?? []).map(keys.resolveAltered)
      return Item(name: name, kind: kind) { evaluator throws(Failure) in
        if altered.isEmpty { return try evaluator.retrieval(source: source, target: target, asErrors: true, options) }
        return try evaluator.xsimPlus(source: source, target: target, altered: altered, options)
      }
    case "bucc":
      let training = BuccFiles(
        source: try keys.needPath("source"), target: try keys.needPath("target"), gold: try keys.needPath("gold"))
      var test: BuccFiles?
      if let source = try keys.path("test_source") {
        test = BuccFiles(source: source, target: try keys.needPath("test_target"), gold: try keys.path("test_gold"))
      }
      var mining = MiningOptions()
      mining.margin = margin
      let (set, chosen) = (test, mining)
      return Item(name: name, kind: kind) { evaluator throws(Failure) in
        try evaluator.bucc(training: training, test: set, options: chosen, k: k)
      }
    case "paracrawl":
      let (source, target) = (try keys.needPath("source"), try keys.needPath("target"))
      let pool = try keys.integer("keys") ?? 200_000
      let queries = try keys.integer("queries") ?? 2000
      let seed = try keys.integer("seed") ?? 1
      guard pool >= 10, queries >= 1, seed >= 0 else { throw keys.bad("has keys below 10 or queries below 1") }
      return Item(name: name, kind: kind) { evaluator throws(Failure) in
        try evaluator.paraCrawl(source: source, target: target, keys: pool, queries: queries, seed: UInt64(seed))
      }
    case "classify":
      let folder = try keys.needPath("folder")
      let language = try keys.string("language") ?? "en"
      let languages = try keys.strings("languages")
      let count = try keys.integer("seeds") ?? 5
      let seed = try keys.integer("seed") ?? 1
      var settings = ClassifierOptions()
      settings.epochs = try keys.integer("epochs") ?? settings.epochs
      guard count >= 1, seed >= 0, settings.epochs >= 1 else { throw keys.bad("has seeds or epochs below 1") }
      let classifier = settings
      return Item(name: name, kind: kind) { evaluator throws(Failure) in
        try evaluator.classify(
          ClassificationFiles(folder: folder, language: language, tests: languages),
          seeds: (0..<count).map { UInt64(seed + $0) }, classifier)
      }
    default:
      throw keys.bad(
        "names an unknown protocol, \"\(kind)\"",
        remedy: "there are tatoeba, retrieval, bucc, xsim, paracrawl and classify")
    }
  }
}

/// The keys of one element, each to be asked for.
private struct SuiteKeys {
  let path: String, place: String
  private var values: [String: Any]

  init(_ entry: Any, path: String, place: String) throws(Failure) {
    self.path = path
    self.place = place
    guard let values = entry as? [String: Any] else {
      throw Failure(.badData, path, at: place, "is not a list of keys and values")
    }
    self.values = values
  }

  func bad(_ problem: String, remedy: String? = nil) -> Failure {
    Failure(.badData, path, at: place, problem, remedy: remedy)
  }

  mutating func string(_ key: String) throws(Failure) -> String? {
    guard let value = values.removeValue(forKey: key) else { return nil }
    guard let text = value as? String else { throw bad("`\(key)` must be a text", remedy: "put it in quotes") }
    return text
  }

  mutating func integer(_ key: String) throws(Failure) -> Int? {
    guard let value = values.removeValue(forKey: key) else { return nil }
    guard let number = value as? Int else { throw bad("`\(key)` must be a whole number") }
    return number
  }

  mutating func strings(_ key: String) throws(Failure) -> [String]? {
    guard let value = values.removeValue(forKey: key) else { return nil }
    guard let list = value as? [String] else {
      throw bad("`\(key)` must be a list of texts", remedy: "the code no is a truth value in YAML: write \"no\"")
    }
    return list
  }

  mutating func need(_ key: String) throws(Failure) -> String {
    guard let value = try string(key) else { throw bad("lacks the key `\(key)`") }
    return value
  }

  mutating func path(_ key: String) throws(Failure) -> String? { try string(key).map(resolve) }
  mutating func needPath(_ key: String) throws(Failure) -> String { resolve(try need(key)) }

  private func resolve(_ name: String) -> String {
    name.hasPrefix("/") ? name : (path as NSString).deletingLastPathComponent.appending("/").trimmingLone + name
  }

  /// The path in `KIND=PATH`, or the whole.
  func resolveAltered(_ name: String) -> String {
    guard let sign = name.firstIndex(of: "="), !name[..<sign].contains("/") else { return resolve(name) }
    return name[...sign] + resolve(String(name[name.index(after: sign)...]))
  }

  func finish() throws(Failure) {
    if let key = values.keys.sorted().first { throw bad("has a key that the protocol does not know, `\(key)`") }
  }
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
  /// Its results.
  public var parts: [any EvaluationResult] { results.map(\.result) }
}

extension Evaluator {
  /// Runs every protocol of a suite.
  public func run(_ suite: Suite) throws(Failure) -> SuiteResult {
    var result = SuiteResult(results: [])
    for item in suite.items { result.results.append((item.name, try item.run(self))) }
    return result
  }
}
