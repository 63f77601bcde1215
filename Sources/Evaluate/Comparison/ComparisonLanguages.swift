// Of a comparison: figures by language, and means over groups of languages.

extension Comparison {
  /// The languages of a result, or of one of its groups; nil where there are none.
  static func languages(_ result: [String: Any], group: String = "all") -> [String]? {
    if group == "all" {
      return (result["languages"] as? [String: Any])?.keys.sorted() ?? result["languages"] as? [String]
    }
    return ((result["groups"] as? [String: Any])?[group] as? [String: Any])?["codes"] as? [String]
  }

  static func sameLanguages(_ key: String, _ old: [String: Any], _ new: [String: Any]) -> Bool {
    let group = ["model_languages", "xtreme_36"].first { key.hasPrefix($0) } ?? "all"
    return languages(old, group: group) == languages(new, group: group)
  }

  /// Groups of languages whose mean both results have.
  static func groups(_ old: [String: Any], _ new: [String: Any]) -> [(name: String, codes: [String])] {
    var groups: [(name: String, codes: [String])] = []
    for (group, name) in [("all", "mean"), ("model_languages", "model_languages_mean")] {
      if let codes = languages(old, group: group), codes == languages(new, group: group), !codes.isEmpty {
        groups.append((name, codes))
      }
    }
    return groups
  }

  static func mean(_ entry: [String: Any]?) -> Double? { (entry?["mean"] ?? entry?["accuracy"]) as? Double }

  /// Tests each language by its lines, and the means over groups both by lines, drawn anew within each language, and by
  /// languages.
  mutating func compareLanguages(
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

  mutating func overLanguages(_ name: String, _ old: [String: Double], _ new: [String: Double]) {
    let codes = Set(old.keys).intersection(new.keys).sorted()
    if codes.count < 2 { return }
    _ = test(name, "languages", codes.map { old[$0] ?? 0 }, codes.map { new[$0] ?? 0 })
  }

  /// Of a matrix each language's mean over its row and its column.
  static func byLanguage(_ result: [String: Any]) -> [String: Double]? {
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
}
