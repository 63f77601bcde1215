import Base
import Report

/// An old and a new model, each in one or several runs (seeds), on the same tests: line by line, and the lines of all tests
/// together, which decide.
public struct PooledComparison: EvaluationResult {
  /// One test, or all together.
  public struct Test: Sendable, Encodable {
    /// The lines' test; its name is the test's.
    public var paired: PairedTest
    /// The mean over runs and lines.
    public var old: Double, new: Double
    /// New less old of the first runs, the second runs, ...; nil where there are not as many of both.
    public var byRun: [Double]?

    /// The test's object with figures beside its own.
    public func encode(to encoder: any Encoder) throws {
      try paired.encode(to: encoder)
      try encoder.add(["old": old, "new": new, "by_run": byRun])
    }
  }

  /// What the lines of all tests together say.
  public enum Answer: String, Sendable, Encodable {
    /// A difference was shown.
    case better, worse
    /// None was.
    case open
  }

  /// The name of the last test.
  static let together = "all tests"

  /// By name, then all tests together.
  public private(set) var tests: [Test] = []
  /// Whether the new model is better: its sign test is below 0.05, the interval without 0, and every run agrees.
  public private(set) var answer = Answer.open

  /// Compares results that hold the outcomes of lines in both directions: of `ems evaluate retrieval`, or a suite of such.
  ///
  /// - Throws: `Failure` for results without such outcomes, without a test in common, or of different texts.
  public init(old: [EarlierResult], new: [EarlierResult], seed: UInt64 = 1) throws(Failure) {
    guard let first = old.first, !new.isEmpty else {
      throw Failure(.usage, "a comparison", "needs an old and a new result")
    }
    let reference = Self.outcomes(first)
    let names = reference.keys.sorted()
    guard !names.isEmpty else {
      throw Failure(
        .badData, first.path, "holds no outcomes of lines in both directions",
        remedy: "name what `ems evaluate retrieval` or `ems evaluate all` printed with --json")
    }
    func columns(_ results: [EarlierResult]) throws(Failure) -> [[[Double]]] {
      var runs: [[[Double]]] = []
      for result in results {
        let own = Self.outcomes(result)
        var run: [[Double]] = []
        for name in names {
          guard let a = reference[name], let b = own[name], a.n == b.n, a.data == b.data, let values = Self.shares(b)
          else {
            throw Failure(
              .badData, result.path, at: name, "is not the test that \(first.path) has under this name",
              remedy: "evaluate both models on the same files")
          }
          run.append(values)
        }
        runs.append(run)
      }
      return runs
    }
    let (before, after) = (try columns(old), try columns(new))
    var random = SplitMix64(seed: seed)
    for (i, name) in names.enumerated() {
      tests.append(Self.test(name, before.map { $0[i] }, after.map { $0[i] }, &random))
    }
    let all = Self.test(Self.together, before.map { $0.flatMap { $0 } }, after.map { $0.flatMap { $0 } }, &random)
    tests.append(all)
    let d = all.paired.difference
    let agrees = all.byRun?.allSatisfy { $0 * d > 0 } ?? true
    if (all.paired.signTest ?? 1) < 0.05, all.paired.low > 0 || all.paired.high < 0, agrees {
      answer = d > 0 ? .better : .worse
    }
  }

  private static func test(_ name: String, _ old: [[Double]], _ new: [[Double]], _ random: inout SplitMix64) -> Test {
    func meanOfRuns(_ runs: [[Double]]) -> [Double] {
      runs[0].indices.map { i in runs.reduce(0) { $0 + $1[i] } / Double(runs.count) }
    }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    let (a, b) = (meanOfRuns(old), meanOfRuns(new))
    // Means over runs differ by rounding where no line does.
    let differences = zip(a, b).map { abs($1 - $0) < 1e-9 ? 0 : $1 - $0 }
    let paired = PairedTest(
      name, unit: "lines", n: differences.count, better: differences.count { $0 > 0 },
      worse: differences.count { $0 < 0 }, difference: mean(differences),
      resampled: PairedTest.resampleMeans(differences, &random), signTest: true)
    return Test(
      paired: paired, old: mean(a), new: mean(b),
      byRun: old.count == new.count ? zip(old, new).map { mean($1) - mean($0) } : nil)
  }

  /// By the test's name; a result that is no suite has one test, without a name.
  private static func outcomes(_ result: EarlierResult) -> [String: Outcomes] {
    let parts = result.object["results"] as? [String: [String: Any]] ?? ["test": result.object]
    return parts.compactMapValues { part in
      (part["outcomes"] as? [String: Any]).flatMap { Comparison.hits($0) }.flatMap { shares($0) == nil ? nil : $0 }
    }
  }

  /// For every line the share of both directions that is right.
  private static func shares(_ outcomes: Outcomes) -> [Double]? {
    Comparison.figures(outcomes, outcomes).first { $0.name == "mean" }?.new
  }

  /// One object.
  public func encode(to encoder: any Encoder) throws {
    try encoder.add(["tests": tests, "answer": answer])
  }

  /// The heading.
  public var title: String {
    switch answer {
    case .better: "The new model is better"
    case .worse: "The new model is worse"
    case .open: "No difference was shown"
    }
  }

  /// A table.
  public var sections: [ReportSection] {
    var table = ReportTable(
      "Both directions, in percent; 95% interval by paired bootstrap over lines, exact two-sided sign test",
      [
        ("", .text), ("lines", .count), ("old", .percent), ("new", .percent), ("better", .count), ("worse", .count),
        ("difference", .percent), ("from", .percent), ("to", .percent), ("sign test", .number),
      ])
    for t in tests {
      let p = t.paired
      table.rows.append([
        .text(p.name), .value(Double(p.n)), .value(t.old), .value(t.new), .value(Double(p.better)),
        .value(Double(p.worse)), .value(p.difference), .value(p.low), .value(p.high), .value(p.signTest),
      ])
    }
    return [.table(table)]
  }
}
