import Base
import Foundation

/// A result that an earlier run printed with `--json`.
public struct EarlierResult: @unchecked Sendable {
  // Immutable, and of plain JSON values only.
  let path: String, object: [String: Any]

  /// Reads it.
  ///
  /// - Throws: `Failure` when the file is missing or is no JSON object.
  public init(path: String) throws(Failure) {
    self.path = path
    let file = try MappedFile(path: path)
    let data = unsafe file.bytes.withUnsafeBytes { unsafe Data($0) }
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw Failure(.badData, path, "is not one JSON object", remedy: "name what `ems evaluate ... --json` printed")
    }
    self.object = object
  }
}

/// Two results side by side, with how sure a difference is.
///
/// Where both hold the outcomes of single lines (queries, documents), these are the pairs of a paired bootstrap and a sign
/// test. Figures by language are compared over the languages too.
public struct Comparison: EvaluationResult {
  /// One figure in both results.
  public struct Figure: Sendable, Encodable {
    /// Where it stands in the JSON, with dots between.
    public var name: String
    /// Its values.
    public var old: Double, new: Double
    /// New less old.
    public var difference: Double
  }

  /// Figures that both have and that differ.
  public private(set) var figures: [Figure] = []
  /// How sure the differences are.
  public private(set) var tests: [PairedTest] = []
  /// What could not be compared and why, and settings that differ.
  public private(set) var notes: [String] = []

  private var random: SplitMix64
  private var common = 0
  private var lacking: [String] = []
  private let path: String

  /// Compares a result with an earlier one.
  ///
  /// - Parameters:
  ///   - new: the JSON of the new result.
  ///   - seed: of the bootstrap.
  /// - Throws: `Failure` when the two have no figure in common.
  public init(old: EarlierResult, new: Data, seed: UInt64 = 1) throws(Failure) {
    random = SplitMix64(seed: seed)
    path = old.path
    walk("", old.object, (try? JSONSerialization.jsonObject(with: new)) as? [String: Any] ?? [:])
    guard common > 0 else {
      throw Failure(
        .badData, old.path, "has no figure in common with this result",
        remedy: "name what the same protocol, or a suite with the same names, printed with --json")
    }
    if !lacking.isEmpty {
      notes.append(
        "The old result holds no outcomes of single lines for \(lacking.joined(separator: ", ")): "
          + "its figures are compared, but how sure their differences are cannot be told.")
    }
  }

  /// One object.
  public func encode(to encoder: any Encoder) throws {
    try encoder.add(["figures": figures, "tests": tests, "notes": notes])
  }

  // MARK: Walking through both

  private static let settings = [
    "n", "k", "margin", "retrieval", "keys", "queries", "seed", "seeds", "classifier", "trained_on",
    "training_documents",
    "gold", "pool",
  ]

  /// Counts are no figures, and the means of groups stand at the top as well.
  private static let ignored: Set<String> = [
    "seconds", "sentences", "pairs", "epochs", "languages", "extracted", "correct", "candidates", "test_pairs",
    "source_sentences", "target_sentences", "unreachable_gold", "alterations", "comparison", "groups", "outcomes",
    "labels", "english", "threshold",
  ]

  private mutating func walk(_ place: String, _ old: [String: Any], _ new: [String: Any]) {
    func name(_ key: String) -> String { place.isEmpty || place == "results" ? key : "\(place).\(key)" }
    for key in Self.settings {
      // P@k has figures by margin, under this name.
      guard let a = old[key], let b = new[key], !(key == "margin" && a is [String: Any]), Self.text(a) != Self.text(b)
      else { continue }
      notes.append("\(name(key)) was \(Self.text(a)), now it is \(Self.text(b)).")
    }
    if place == "results" {
      for key in Set(old.keys).symmetricDifference(new.keys).sorted() {
        notes.append("\(key) is in the \(old[key] == nil ? "new" : "old") result only.")
      }
    }
    compareOutcomes(place, old, new)
    for key in ["languages", "english"] {
      if let a = old[key] as? [String: [String: Any]], let b = new[key] as? [String: [String: Any]] {
        compareLanguages(name(key), a, b, groups: key == "languages" ? Self.groups(old, new) : [])
      }
    }
    if let a = Self.byLanguage(old), let b = Self.byLanguage(new), a.keys == b.keys {
      overLanguages(name("mean"), a, b)
    }

    var elsewhere: [String] = []
    for (key, value) in old.sorted(by: { $0.key < $1.key }) {
      guard let other = new[key], !Self.ignored.contains(key) else { continue }
      if Self.settings.contains(key), !(key == "margin" && value is [String: Any]) { continue }
      // Those at the top of P@k stand below it as well.
      if old["forward"] is [String: Any], ["p1", "p5", "p10"].contains(key) { continue }
      if let a = value as? [String: Any], let b = other as? [String: Any] {
        walk(name(key), a, b)
      } else if let a = value as? Double, let b = other as? Double {
        common += 1
        // A mean over other languages is another figure.
        if !Self.sameLanguages(key, old, new) {
          elsewhere.append(name(key))
        } else if a != b {
          figures.append(Figure(name: name(key), old: a, new: b, difference: b - a))
        }
      }
    }
    if !elsewhere.isEmpty { notes.append("Over other languages than before: \(elsewhere.joined(separator: ", ")).") }
  }

  private static func text(_ value: Any) -> String {
    if value is [String: Any] || value is [Any],
      let data = try? JSONSerialization.data(withJSONObject: value, options: .sortedKeys)
    {
      return String(decoding: data, as: UTF8.self)
    }
    return "\(value)"
  }

  /// The languages of a result, or of one of its groups; nil where there are none.
  private static func languages(_ result: [String: Any], group: String = "all") -> [String]? {
    if group == "all" {
      return (result["languages"] as? [String: Any])?.keys.sorted() ?? result["languages"] as? [String]
    }
    return ((result["groups"] as? [String: Any])?[group] as? [String: Any])?["codes"] as? [String]
  }

  private static func sameLanguages(_ key: String, _ old: [String: Any], _ new: [String: Any]) -> Bool {
    let group = ["model_languages", "xtreme_36"].first { key.hasPrefix($0) } ?? "all"
    return languages(old, group: group) == languages(new, group: group)
  }

  /// Groups of languages whose mean both results have.
  private static func groups(_ old: [String: Any], _ new: [String: Any]) -> [(name: String, codes: [String])] {
    var groups: [(name: String, codes: [String])] = []
    for (group, name) in [("all", "mean"), ("model_languages", "model_languages_mean")] {
      if let codes = languages(old, group: group), codes == languages(new, group: group), !codes.isEmpty {
        groups.append((name, codes))
      }
    }
    return groups
  }

  // MARK: Lines

  /// Tests what both keep of single lines, queries or documents.
  private mutating func compareOutcomes(_ place: String, _ old: [String: Any], _ new: [String: Any]) {
    guard let b = new["outcomes"] as? [String: Any] else { return }
    let prefix = place.isEmpty ? "" : place + "."
    guard let a = old["outcomes"] as? [String: Any] else {
      lacking.append(place.isEmpty ? "this protocol" : place)
      return
    }
    guard sameData(place, a, b) else { return }
    if let a = BuccUnits(a), let b = BuccUnits(b) {
      testBucc(prefix, a, b)
    } else if let a = Self.hits(a), let b = Self.hits(b) {
      for (name, old, new) in Self.figures(a, b) { _ = test(prefix + name, b.unit, old, new) }
    }
  }

  private mutating func sameData(_ place: String, _ a: [String: Any], _ b: [String: Any]) -> Bool {
    let same =
      a["n"] as? Int == b["n"] as? Int && (a["data"] == nil || b["data"] == nil || Self.data(a) == Self.data(b))
    if !same {
      notes.append("\(place.isEmpty ? "The" : "\(place): the") texts are not those of the old result: no test.")
    }
    return same
  }

  private static func data(_ outcomes: [String: Any]) -> String? { outcomes["data"] as? String }

  /// The hits of a JSON object; nil if it is damaged.
  static func hits(_ object: [String: Any]) -> Outcomes? {
    guard let unit = object["unit"] as? String, let n = object["n"] as? Int, n > 0,
      let packed = object["hits"] as? [String: [String]]
    else { return nil }
    var outcomes = Outcomes(unit: unit, data: data(object), n: n)
    for (name, texts) in packed where !texts.isEmpty {
      let lists = texts.compactMap { Outcomes.unpack($0, count: n) }
      if lists.count == texts.count { outcomes.hits[name] = lists }
    }
    return outcomes
  }

  /// The figures that both have: a share for every unit. Both directions together are a figure of their own.
  static func figures(_ old: Outcomes, _ new: Outcomes) -> [(name: String, old: [Double], new: [Double])] {
    func shares(_ lists: [[Bool]]) -> [Double] {
      (0..<(lists.first?.count ?? 0)).map { i in Double(lists.count { $0[i] }) / Double(lists.count) }
    }
    var result: [(name: String, old: [Double], new: [Double])] = []
    for (name, a) in old.hits.sorted(by: { $0.key < $1.key }) {
      guard let b = new.hits[name] else { continue }
      result.append((name, shares(a), shares(b)))
      let suffix = name.dropFirst("forward".count)
      if name.hasPrefix("forward"), let a2 = old.hits["backward" + suffix], let b2 = new.hits["backward" + suffix],
        !suffix.hasPrefix(".")
      {
        result.append((AlignedScores.meanName(String(suffix)), shares(a + a2), shares(b + b2)))
      }
    }
    return result
  }

  /// Tests a figure that is a mean over units; gives the resamples' differences.
  private mutating func test(
    _ name: String, language: String? = nil, _ unit: String, _ old: [Double], _ new: [Double]
  ) -> [Double] {
    let differences = zip(old, new).map { $1 - $0 }
    let resampled = PairedTest.resampleMeans(differences, &random)
    tests.append(
      PairedTest(
        name, language: language, unit: unit, n: differences.count, better: differences.count { $0 > 0 },
        worse: differences.count { $0 < 0 }, difference: differences.reduce(0, +) / Double(differences.count),
        resampled: resampled, signTest: true))
    return resampled
  }

  /// What both results did with a source line.
  private struct BuccUnits {
    var n: Int
    var gold: [Int: Int] = [:], extracted: [Int: Int] = [:], correct: [Int: Int] = [:]

    init?(_ object: [String: Any]) {
      guard let n = object["n"] as? Int, let gold = object["gold"] as? [Int],
        let extracted = object["extracted"] as? [Int], let packed = object["correct"] as? String,
        let correct = Outcomes.unpack(packed, count: extracted.count)
      else { return nil }
      self.n = n
      for row in gold { self.gold[row, default: 0] += 1 }
      for (row, right) in zip(extracted, correct) {
        self.extracted[row, default: 0] += 1
        if right { self.correct[row, default: 0] += 1 }
      }
    }
  }

  /// Resamples source lines; thresholds stay as they are.
  private mutating func testBucc(_ prefix: String, _ old: BuccUnits, _ new: BuccUnits) {
    /// Gold pairs of a line, and taken and right ones before and now.
    typealias Kind = [Int]
    let rows = Set(old.gold.keys).union(old.extracted.keys).union(new.extracted.keys)
    var kinds: [Kind: Int] = [[0, 0, 0, 0, 0]: old.n - rows.count]
    for row in rows {
      let kind = [old.gold, old.extracted, old.correct, new.extracted, new.correct].map { $0[row] ?? 0 }
      kinds[kind, default: 0] += 1
    }
    let sorted = kinds.filter { $0.value > 0 }.sorted {
      $0.value != $1.value ? $0.value < $1.value : $0.key.lexicographicallyPrecedes($1.key)
    }
    func totals(_ counts: [Int]) -> [Double] {
      (0..<5).map { i in Double(zip(counts, sorted).reduce(0) { $0 + $1.0 * $1.1.key[i] }) }
    }
    func ratio(_ a: Double, _ b: Double) -> Double { b == 0 ? 0 : a / b }
    let measures: [(name: String, value: ([Double]) -> Double)] = [
      ("f1", { ratio(2 * $0[4], $0[0] + $0[3]) - ratio(2 * $0[2], $0[0] + $0[1]) }),
      ("precision", { ratio($0[4], $0[3]) - ratio($0[2], $0[1]) }),
      ("recall", { ratio($0[4], $0[0]) - ratio($0[2], $0[0]) }),
    ]
    let counts = sorted.map(\.value)
    for (name, value) in measures {
      let resampled = PairedTest.resample(counts, &random) { value(totals($0)) }
      tests.append(
        PairedTest(
          prefix + name, unit: "source lines", n: old.n,
          better: sorted.reduce(0) { $0 + ($1.key[4] > $1.key[2] ? $1.value : 0) },
          worse: sorted.reduce(0) { $0 + ($1.key[4] < $1.key[2] ? $1.value : 0) }, difference: value(totals(counts)),
          resampled: resampled, signTest: name == "recall"))
    }
  }

  // MARK: Languages

  private static func mean(_ entry: [String: Any]?) -> Double? { (entry?["mean"] ?? entry?["accuracy"]) as? Double }

  /// Tests each language by its lines, and the means over groups both by lines, drawn anew within each language, and by
  /// languages.
  private mutating func compareLanguages(
    _ place: String, _ old: [String: [String: Any]], _ new: [String: [String: Any]],
    groups: [(name: String, codes: [String])]
  ) {
    let codes = Set(old.keys).intersection(new.keys).sorted()
    if codes.isEmpty { return }
    common += codes.count
    var resampled: [String: [Double]] = [:]
    var lines = (n: 0, better: [String: Int](), worse: [String: Int](), unit: "lines")
    for code in codes {
      guard let b = new[code]?["outcomes"] as? [String: Any] else { continue }
      guard let a = old[code]?["outcomes"] as? [String: Any] else {
        if lacking.last != place { lacking.append(place) }
        continue
      }
      guard sameData("\(place).\(code)", a, b), let a = Self.hits(a), let b = Self.hits(b) else { continue }
      for (name, x, y) in Self.figures(a, b) where ["mean", "margin_mean", "accuracy"].contains(name) {
        let differences = test("\(place).\(code).\(name)", language: code, b.unit, x, y)
        if name == "margin_mean" { continue }
        resampled[code] = differences
        lines.unit = b.unit
        if let test = tests.last { (lines.better[code], lines.worse[code]) = (test.better, test.worse) }
      }
    }
    let parent = place.split(separator: ".").dropLast().map { $0 + "." }.joined()
    for (name, codes) in groups.isEmpty ? [("mean", codes)] : groups {
      let name = groups.isEmpty ? "\(place).\(name)" : parent + name
      func figures(_ result: [String: [String: Any]]) -> [String: Double] {
        result.filter { codes.contains($0.key) }.compactMapValues { Self.mean($0) }
      }
      overLanguages(name, figures(old), figures(new))
      let parts = codes.compactMap { resampled[$0] }
      guard parts.count == codes.count, let difference = tests.last?.difference else { continue }
      let means = (0..<PairedTest.resamples).map { i in parts.reduce(0) { $0 + $1[i] } / Double(parts.count) }
      tests.append(
        PairedTest(
          name, unit: "\(lines.unit) of \(codes.count) languages",
          n: codes.reduce(0) { $0 + (new[$1]?["n"] as? Int ?? 0) },
          better: codes.reduce(0) { $0 + (lines.better[$1] ?? 0) },
          worse: codes.reduce(0) { $0 + (lines.worse[$1] ?? 0) },
          difference: difference, resampled: means, signTest: false))
    }
  }

  private mutating func overLanguages(_ name: String, _ old: [String: Double], _ new: [String: Double]) {
    let codes = Set(old.keys).intersection(new.keys).sorted()
    if codes.count < 2 { return }
    _ = test(name, "languages", codes.map { old[$0] ?? 0 }, codes.map { new[$0] ?? 0 })
  }

  /// Of a matrix each language's mean over its row and its column.
  private static func byLanguage(_ result: [String: Any]) -> [String: Double]? {
    guard let codes = result["languages"] as? [String], let matrix = result["accuracy"] as? [[Any]],
      matrix.count == codes.count, codes.count > 1
    else { return nil }
    var means: [String: Double] = [:]
    for (i, code) in codes.enumerated() {
      let cells = matrix[i] + matrix.map { $0.count > i ? $0[i] : 0 }
      means[code] = cells.reduce(0) { $0 + ($1 as? Double ?? 0) } / Double(2 * (codes.count - 1))
    }
    return means
  }

  // MARK: For people

  /// The heading.
  public var title: String { "Compared with \(path)" }

  /// What differs, and how sure that is.
  public var sections: [ReportSection] {
    var sections: [ReportSection] = notes.map { .note($0) }
    if figures.isEmpty {
      sections.append(.note("No figure differs."))
    } else {
      var table = ReportTable(
        "Figures, in percent", [("", .text), ("old", .percent), ("new", .percent), ("difference", .percent)])
      for f in figures { table.rows.append([.text(f.name), .value(f.old), .value(f.new), .value(f.difference)]) }
      sections.append(.table(table))
    }
    let columns: [(String, ReportTable.Kind)] = [
      ("n", .count), ("better", .count), ("worse", .count), ("difference", .percent), ("from", .percent),
      ("to", .percent), ("p", .number), ("sign test", .number),
    ]
    func mark(_ t: PairedTest) -> String { t.matters ? "*" : "" }
    func cells(_ t: PairedTest) -> [ReportTable.Cell] {
      [t.n, t.better, t.worse].map { .value(Double($0)) }
        + [t.difference, t.low, t.high, t.bootstrap].map { .value($0) }
        + [.value(t.signTest)]
    }
    // Where no answer changed there is nothing to show.
    let (single, many) = (
      tests.filter { $0.language == nil && $0.better + $0.worse > 0 }, tests.filter { $0.language != nil }
    )
    let note = "95% interval and p by paired bootstrap, 10,000 resamples; * both p below 0.05"
    if !single.isEmpty {
      var table = ReportTable("Differences in percent; \(note)", [("", .text), ("", .text), ("over", .text)] + columns)
      for t in single { table.rows.append([.text(t.name), .text(mark(t)), .text(t.unit)] + cells(t)) }
      sections.append(.table(table))
    }
    // By margin they are in the JSON.
    let shown = many.filter { !$0.name.hasSuffix(".margin_mean") }
    let sets = Dictionary(grouping: shown) { $0.name.split(separator: ".").dropLast(2).joined(separator: ".") }
    for (set, tests) in sets.sorted(by: { $0.key < $1.key }) {
      var table = ReportTable(
        "\(set), over \(tests[0].unit), in percent; \(note)", [("", .text), ("", .text)] + columns)
      table.marked = (5, true)
      for t in tests.sorted(by: { ($1.difference, $0.name) < ($0.difference, $1.name) }) {
        table.rows.append([.text(t.language ?? ""), .text(mark(t))] + cells(t))
      }
      sections.append(.table(table))
      sections.append(
        .note(
          "\(tests.count { $0.matters }) of \(tests.count) languages are marked; by chance alone it would be up to about "
            + "\(Int((Double(tests.count) / 20).rounded(.up)))."))
    }
    return sections
  }
}

/// A result with its comparison to an earlier one.
public struct ComparedResult: EvaluationResult {
  /// The new result.
  public var result: any EvaluationResult
  /// How it differs.
  public var comparison: Comparison

  /// Both.
  public init(_ result: any EvaluationResult, _ comparison: Comparison) {
    self.result = result
    self.comparison = comparison
  }

  /// The result's object with the key `comparison` beside its own.
  public func encode(to encoder: any Encoder) throws {
    try result.encode(to: encoder)
    try encoder.add(["comparison": comparison])
  }

  /// The result's heading.
  public var title: String { result.title }
  /// The result's sections, then the comparison's.
  public var sections: [ReportSection] { result.sections + comparison.sections }
  /// The result's parts, then the comparison.
  public var parts: [any EvaluationResult] { result.parts + [comparison] }
}
