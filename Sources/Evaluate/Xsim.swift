import Base
import Corpus
import Index
import Mine
import Report

/// The figures of xsim++ (Chen et al. 2023): finding partners among altered copies of them.
public struct XsimPlusResult: EvaluationResult {
  /// Lines, and altered copies in the pool beside them.
  public var n: Int, alterations: Int
  /// The error rate without alterations, and with them.
  public var xsimError: Double, error: Double
  /// Of the error: the share of lines for which some other line, or a copy of one, was found.
  public var misaligned: Double
  /// Of the error: by kind of alteration the share of lines for which such a copy of the right line was found.
  public var kinds: [String: Double]
  /// How many alterations of each kind the pool has.
  public var pool: [String: Int]
  /// The margin.
  public var options: MarginOptions
  var names: (source: String, target: String)

  var outcomes: Outcomes

  /// One object; `misaligned` and `kinds` add up to `xsimpp_error`.
  public func encode(to encoder: any Encoder) throws {
    try encoder.add([
      "n": n, "alterations": alterations, "xsim_error": xsimError, "xsimpp_error": error, "misaligned": misaligned,
      "kinds": kinds, "pool": pool, "k": options.k, "margin": options.margin, "outcomes": outcomes,
    ])
  }

  /// The error rates.
  public var headlines: [(name: String, value: Double)] { [("xsim error", xsimError), ("xsim++ error", error)] }

  /// The heading.
  public var title: String { "xsim++, \(headingNames(names.source, names.target)), \(n) lines" }

  /// The error rates.
  public var sections: [ReportSection] {
    var table = ReportTable(
      "Error rates in percent, of \(n) lines", [("", .text), ("error", .percent), ("copies in the pool", .count)])
    table.rows.append([.text("xsim"), .value(xsimError), .value(0)])
    table.rows.append([.text("xsim++"), .value(error), .value(Double(alterations))])
    table.footer.append([.text("other line"), .value(misaligned), .value(nil)])
    for (kind, share) in kinds.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      table.footer.append([.text(kind), .value(share), .value(pool[kind].map(Double.init))])
    }
    return [
      .table(table),
      .bars(
        title: "Errors by kind of alteration", bars: kinds.sorted { $0.key < $1.key }.map { ($0.key, $0.value, true) }),
    ]
  }
}

/// Altered copies of a text's lines.
public struct Alterations: Sendable {
  /// What was altered: `number`, `entity`, `negation`.
  public private(set) var kinds: [String] = []
  /// The line, from 0, that each is a copy of.
  public private(set) var lines: [Int] = []
  private(set) var texts: [[UInt8]] = []

  /// No copies.
  public init() {}

  /// Reads copies from a file.
  ///
  /// - Parameters:
  ///   - file: `KIND=PATH` for a text that is aligned with the target, where lines without a change (or empty ones) are no
  ///     copies; or a path to lines of `line number TAB kind TAB sentence`, numbers counted from 1.
  ///   - target: the text that was altered.
  /// - Throws: `Failure` naming file and line.
  public mutating func read(_ file: String, of target: EvaluationText) throws(Failure) {
    var path = file
    var kind: String?
    if let sign = file.firstIndex(of: "="), !file[..<sign].contains("/") {
      kind = String(file[..<sign])
      path = String(file[file.index(after: sign)...])
    }
    let table = try TextTable(path: path, options: TextOptions(format: .raw))
    if let kind {
      guard table.count == target.count else {
        throw Failure(
          .badData, path, at: "line \(min(table.count, target.count) + 1)",
          "has no partner: the file has \(table.count) lines, \(target.path) has \(target.count)",
          remedy: "a file of KIND=FILE is aligned with the target by line")
      }
      for i in 0..<table.count {
        let line = table.line(i)
        if !line.allSatisfy({ $0 == UInt8(ascii: " ") }), line != target.line(i) { add(kind, i, line) }
      }
      return
    }
    for i in 0..<table.count {
      let parts = table.line(i).split(separator: UInt8(ascii: "\t"), maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3, let number = Int(String(decoding: parts[0], as: UTF8.self)), !parts[1].isEmpty,
        !parts[2].allSatisfy({ $0 == UInt8(ascii: " ") })
      else {
        throw Failure(
          .badData, path, at: "line \(i + 1)", "is not `line number TAB kind TAB sentence`",
          remedy: "or give a file that is aligned by line as KIND=FILE")
      }
      guard (1...target.count).contains(number) else {
        throw Failure(
          .badData, path, at: "line \(i + 1)", "names line \(number), but \(target.path) has \(target.count) lines")
      }
      add(String(decoding: parts[1], as: UTF8.self), number - 1, Array(parts[2]))
    }
  }

  private mutating func add(_ kind: String, _ line: Int, _ text: [UInt8]) {
    kinds.append(kind)
    lines.append(line)
    texts.append(text)
  }
}

extension Evaluator {
  /// xsim++: the error rate of finding the target of each source line by margin, when the targets stand among altered copies.
  ///
  /// Neighbour means are taken over the whole pool.
  ///
  /// - Parameters:
  ///   - files: as `Alterations.read` takes them.
  ///   - languages: those of the texts, for a model that must know them.
  public func xsimPlus(
    source: String, target: String, altered files: [String], languages: TextLanguages = TextLanguages(),
    _ options: MarginOptions = MarginOptions()
  ) throws(Failure) -> XsimPlusResult {
    let sourceText = try EvaluationText(path: source, language: languages.source)
    let targetText = try EvaluationText(path: target, language: languages.target)
    try EvaluationText.checkAligned(sourceText, targetText)
    var alterations = Alterations()
    for file in files { try alterations.read(file, of: targetText) }
    let copies = alterations
    let n = sourceText.count
    let x = try sides([sourceText])[0]
    let pool = try encode(target, count: n + copies.texts.count, language: targetText.language) {
      $0 < n ? targetText.line($0) : copies.texts[$0 - n]
    }
    var fingerprint = Fingerprint()
    fingerprint.add(sourceText)
    fingerprint.add(targetText)
    for copy in copies.texts { fingerprint.add(copy) }
    let plain = try aligned(x, EmbeddingSide(pool.prefix(n), name: target, on: compute), options)
    let neighbours = try neighbours(x, EmbeddingSide(pool, name: target, on: compute), k: options.k)
    var mining = MiningOptions()
    mining.margin = options.margin
    mining.retrieval = .forward
    var misaligned = 0
    var hits = [Bool](repeating: true, count: n)
    var kinds: [String: Int] = [:], sizes: [String: Int] = [:]
    for kind in copies.kinds {
      kinds[kind] = 0
      sizes[kind, default: 0] += 1
    }
    for pair in PairMiner(neighbours).pairs(mining).pairs where pair.source != pair.target {
      hits[Int(pair.source)] = false
      let found = Int(pair.target)
      if found >= n, copies.lines[found - n] == Int(pair.source) {
        kinds[copies.kinds[found - n], default: 0] += 1
      } else {
        misaligned += 1
      }
    }
    let wrong = misaligned + kinds.values.reduce(0, +)
    return XsimPlusResult(
      n: n, alterations: copies.texts.count, xsimError: plain.scores.xsimError, error: Double(wrong) / Double(n),
      misaligned: Double(misaligned) / Double(n), kinds: kinds.mapValues { Double($0) / Double(n) }, pool: sizes,
      options: options, names: (source, target),
      outcomes: Outcomes(
        unit: "lines", data: fingerprint.text, n: n,
        hits: ["xsim": plain.scores.outcomes?.hits["forward_margin"] ?? [], "xsimpp": [hits]]))
  }
}
