import Base
import Foundation

/// Two results side by side, with how sure a difference is.
///
/// Where a protocol has figures by language, the languages are the pairs of a sign test (exact binomial, two-sided, equal
/// ones left out) and of a paired bootstrap (Efron 1979; 10,000 resamples of languages, seeded).
public struct Comparison: Sendable, Encodable {
  /// One figure in both results.
  public struct Figure: Sendable, Encodable {
    /// Where it stands in the JSON, with dots between.
    public var name: String
    /// Its values.
    public var old: Double, new: Double
    /// New less old.
    public var difference: Double
  }

  /// The languages of one protocol.
  public struct Paired: Sendable, Encodable {
    /// Where they stand in the JSON; empty for the top.
    public var name: String
    /// Languages in both results, those where the new figure is higher, and where it is lower.
    public var languages: Int, higher: Int, lower: Int
    /// The mean of new less old.
    public var difference: Double
    /// The middle 95 percent of the bootstrap's means.
    public var low: Double, high: Double
    /// The probability of so uneven a split, or a more uneven one, if both were equally good.
    public var signTest: Double

    private enum CodingKeys: String, CodingKey {
      case name, languages, higher, lower, difference, low, high
      case signTest = "sign_test_p"
    }
  }

  /// Figures that both have and that differ.
  public var figures: [Figure] = []
  /// Tests over languages.
  public var paired: [Paired] = []

  /// Compares two results as `--json` wrote them.
  ///
  /// - Throws: `Failure` when the old file is missing or is no JSON object.
  public init(old path: String, new: Data, seed: UInt64 = 1) throws(Failure) {
    let file = try MappedFile(path: path)
    let data = unsafe file.bytes.withUnsafeBytes { unsafe Data($0) }
    guard let old = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw Failure(.badData, path, "is not one JSON object", remedy: "name what `ems evaluate ... --json` printed")
    }
    let new = (try? JSONSerialization.jsonObject(with: new)) as? [String: Any] ?? [:]
    walk("", old, new, seed)
  }

  /// Counts and settings are no figures.
  private static let ignored: Set<String> = [
    "n", "k", "seconds", "sentences", "keys", "queries", "pairs", "seed", "seeds", "epochs", "languages", "extracted",
    "correct", "gold", "candidates", "test_pairs", "source_sentences", "target_sentences", "unreachable_gold",
    "alterations", "pool", "training_documents", "classifier", "comparison",
    // The means of these stand at the top as well.
    "groups",
  ]

  private mutating func walk(_ prefix: String, _ old: [String: Any], _ new: [String: Any], _ seed: UInt64) {
    for (key, value) in old.sorted(by: { $0.key < $1.key }) {
      guard let other = new[key] else { continue }
      if key == "languages", let a = value as? [String: Any], let b = other as? [String: Any] {
        addPaired(prefix, a, b, seed)
        continue
      }
      if Self.ignored.contains(key) { continue }
      // A mean over other languages is another figure.
      if key == "model_languages_mean", Self.modelLanguages(old) != Self.modelLanguages(new) { continue }
      let name = prefix.isEmpty ? key : "\(prefix).\(key)"
      if let a = value as? [String: Any], let b = other as? [String: Any] {
        walk(name, a, b, seed)
      } else if let a = value as? Double, let b = other as? Double, a != b {
        figures.append(Figure(name: name, old: a, new: b, difference: b - a))
      }
    }
  }

  private static func modelLanguages(_ tatoeba: [String: Any]) -> [String] {
    let groups = tatoeba["groups"] as? [String: Any]
    return (groups?["model_languages"] as? [String: Any])?["codes"] as? [String] ?? []
  }

  private mutating func addPaired(_ name: String, _ old: [String: Any], _ new: [String: Any], _ seed: UInt64) {
    func figure(_ value: Any?) -> Double? {
      guard let entry = value as? [String: Any] else { return nil }
      return (entry["mean"] ?? entry["accuracy"]) as? Double
    }
    let differences = old.keys.sorted().compactMap { key -> Double? in
      guard let a = figure(old[key]), let b = figure(new[key]) else { return nil }
      return b - a
    }
    if differences.isEmpty { return }
    let (higher, lower) = (differences.count { $0 > 0 }, differences.count { $0 < 0 })
    let count = Double(differences.count)
    var random = SplitMix64(seed: seed)
    var means: [Double] = []
    for _ in 0..<10_000 {
      var sum = 0.0
      for _ in differences { sum += differences[random.next(below: differences.count)] }
      means.append(sum / count)
    }
    means.sort()
    paired.append(
      Paired(
        name: name, languages: differences.count, higher: higher, lower: lower,
        difference: differences.reduce(0, +) / count, low: means[249], high: means[9749],
        signTest: Self.signTest(higher, lower)))
  }

  /// The two-sided exact sign test.
  static func signTest(_ a: Int, _ b: Int) -> Double {
    let n = a + b
    var tail = 0.0
    for i in 0...min(a, b) {
      tail += exp(lgamma(Double(n + 1)) - lgamma(Double(i + 1)) - lgamma(Double(n - i + 1)) - Double(n) * log(2))
    }
    return min(1, 2 * tail)
  }

  /// Tables of both kinds.
  public var sections: [ReportSection] {
    var table = ReportTable(
      "Compared with before, in percent", [("", .text), ("old", .percent), ("new", .percent), ("difference", .percent)])
    for f in figures { table.rows.append([.text(f.name), .value(f.old), .value(f.new), .value(f.difference)]) }
    var tests = ReportTable(
      "Over languages, in percent; 95% interval by paired bootstrap",
      [
        ("", .text), ("languages", .count), ("higher", .count), ("lower", .count), ("difference", .percent),
        ("from", .percent), ("to", .percent), ("sign test p", .number),
      ])
    for p in paired {
      tests.rows.append([
        .text(p.name.isEmpty ? "languages" : p.name), .value(Double(p.languages)), .value(Double(p.higher)),
        .value(Double(p.lower)), .value(p.difference), .value(p.low), .value(p.high), .value(p.signTest),
      ])
    }
    return (figures.isEmpty ? [.note("No figure differs.")] : [.table(table)]) + (paired.isEmpty ? [] : [.table(tests)])
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

  private enum CodingKeys: String, CodingKey { case comparison }

  /// The result's object with the key `comparison` beside its own.
  public func encode(to encoder: any Encoder) throws {
    try result.encode(to: encoder)
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(comparison, forKey: .comparison)
  }

  /// The result's heading.
  public var title: String { result.title }
  /// The result's sections, then the comparison's.
  public var sections: [ReportSection] { result.sections + comparison.sections }
}
