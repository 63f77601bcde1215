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
  public internal(set) var figures: [Figure] = []
  /// How sure the differences are.
  public internal(set) var tests: [PairedTest] = []
  /// What could not be compared and why, and settings that differ.
  public internal(set) var notes: [String] = []

  var random: SplitMix64
  var common = 0
  var lacking: [String] = []
  let path: String

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

  mutating func walk(_ place: String, _ old: [String: Any], _ new: [String: Any]) {
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

  static func text(_ value: Any) -> String {
    if value is [String: Any] || value is [Any],
      let data = try? JSONSerialization.data(withJSONObject: value, options: .sortedKeys)
    {
      return String(decoding: data, as: UTF8.self)
    }
    return "\(value)"
  }
}
