// Of a comparison: what both results keep of single lines, queries or documents.

extension Comparison {
  /// Tests what both keep of single lines, queries or documents.
  mutating func compareOutcomes(_ place: String, _ old: [String: Any], _ new: [String: Any]) {
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

  mutating func sameData(_ place: String, _ a: [String: Any], _ b: [String: Any]) -> Bool {
    let same =
      a["n"] as? Int == b["n"] as? Int && (a["data"] == nil || b["data"] == nil || Self.data(a) == Self.data(b))
    if !same {
      notes.append("\(place.isEmpty ? "The" : "\(place): the") texts are not those of the old result: no test.")
    }
    return same
  }

  static func data(_ outcomes: [String: Any]) -> String? { outcomes["data"] as? String }

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
  mutating func test(
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
  struct BuccUnits {
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
  mutating func testBucc(_ prefix: String, _ old: BuccUnits, _ new: BuccUnits) {
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
}
