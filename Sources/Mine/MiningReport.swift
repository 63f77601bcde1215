import Base
import Corpus
import Index
import Report

/// The page of a mining run (`ems mine --report`): what was read, dropped and found, and how far it can be trusted.
struct MiningReport {
  /// What the pairs were chosen from, and by what margin.
  var miner: PairMiner
  var options: MiningOptions
  var estimate: PrecisionEstimate?
  var cut: Cut?
  /// The sides' texts; without them sentences are row numbers.
  var source: PairSide, target: PairSide
  /// Who tells languages.
  var languages: PairFlagger.Languages
  /// Draws the examples.
  var seed: UInt64

  /// Examples shown of each band of scores, bands, and hubs shown of each side.
  private static let (examples, bands, hubs) = (4, 10, 10)
  /// Pairs, drawn at random, whose lengths and languages are looked at.
  private static let sample = 20_000
  /// Longer sentences are cut in the page.
  private static let longest = 240

  /// What is said of the pairs, whatever they come from.
  func parts() -> [ReportPart] {
    var all = options
    all.threshold = nil
    let pairs = miner.pairs(all).pairs
    let kept = pairs.count { $0.score >= lowest }
    return [
      ReportPart("Pairs", precision(pairs) + examplesByBand(pairs)),
      ReportPart("Sentences", lengths(pairs.prefix(kept)) + languagesFound(pairs.prefix(kept)) + hubTables()),
    ]
  }

  /// The score from which pairs are kept by score alone.
  private var lowest: Double {
    guard let cut else { return options.threshold ?? -.infinity }
    return cut.reason == .nothing ? .infinity : cut.threshold ?? -.infinity
  }

  // MARK: scores

  private func precision(_ pairs: [MinedPair]) -> [ReportSection] {
    guard let estimate else {
      return [.note("There are too few pairs to estimate how many of them are right.")]
    }
    var sections: [ReportSection] = []
    if !estimate.related {
      sections.append(
        .note(
          "The two sides seem to have no sentences in common: scores are those of sentences that are not translations.")
      )
    }
    if let bins = bins(pairs, estimate) {
      sections.append(
        .histogram(
          title: "Scores of all candidates, and how many are wrong by estimate", bins,
          threshold: cut?.threshold ?? options.threshold))
    }
    var table = ReportTable(
      "Precision by threshold, estimated; low and high are the ends of the 95 % interval",
      [("score at least", .number), ("pairs", .count), ("right", .percent), ("low", .percent), ("high", .percent)])
    for point in estimate.thresholds where point.pairs > 0 {
      table.rows.append([
        .value(point.threshold), .value(Double(point.pairs)), .value(point.precision), .value(point.low),
        .value(point.high),
      ])
    }
    sections.append(.table(table))
    return sections
  }

  /// The candidates by score. Wrong ones of a bin are those above its lower end without those above its upper end.
  private func bins(_ pairs: [MinedPair], _ estimate: PrecisionEstimate) -> ScoreBins? {
    guard let (low, high) = ScoreBins.range(pairs.map(\.score)) else { return nil }
    let scores = ScoredPairs(pairs)
    let width = (high - low) / Double(ScoreBins.count)
    func count(_ bin: Int) -> Int {
      bin == 0 ? pairs.count : bin == ScoreBins.count ? 0 : scores.count(from: low + width * Double(bin))
    }
    func wrong(_ bin: Int) -> Double {
      bin == ScoreBins.count ? 0 : Double(count(bin)) * (1 - estimate.precision(at: low + width * Double(bin)))
    }
    var (right, bad): ([Double], [Double]) = ([], [])
    for bin in 0..<ScoreBins.count {
      let all = Double(count(bin) - count(bin + 1))
      // The table of thresholds begins above the lowest scores; what is below it is wrong.
      let isBelow = low + width * Double(bin + 1) < (estimate.thresholds.first?.threshold ?? low)
      let few = isBelow ? all : min(max(wrong(bin) - wrong(bin + 1), 0), all)
      bad.append(few)
      right.append(all - few)
    }
    return ScoreBins(low: low, high: high, right: right, wrong: bad, isEstimated: true)
  }

  /// Random pairs of each band of scores, best band first.
  private func examplesByBand(_ pairs: [MinedPair]) -> [ReportSection] {
    guard let best = pairs.first?.score, let worst = pairs.last?.score, best > worst else {
      return pairs.isEmpty ? [.note("There are no pairs.")] : [.pairs(title: "Examples", drawn(pairs[...]))]
    }
    // Ends of bands: thresholds of the table, the highest of them that hold pairs; below the last one everything is one band.
    var ends = estimate?.thresholds.filter { $0.pairs > 0 }.map(\.threshold) ?? []
    if ends.isEmpty { ends = (0..<Self.bands).map { worst + (best - worst) * Double($0) / Double(Self.bands) } }
    let scores = ScoredPairs(pairs)
    var sections: [ReportSection] = []
    var (above, upper) = (0, Double.infinity)
    for end in ends.suffix(Self.bands).reversed() + [-.infinity] {
      let count = scores.count(from: end)
      if count > above {
        let name = end.isFinite ? "scores of at least \(decimal(end, 3))" : "lower scores"
        let mark = end >= lowest ? "" : upper > lowest ? ", kept in part" : ", not kept"
        sections.append(.pairs(title: "Examples: \(name) (\(count - above) pairs\(mark))", drawn(pairs[above..<count])))
      }
      (above, upper) = (max(above, count), end)
    }
    return sections
  }

  private func drawn(_ pairs: ArraySlice<MinedPair>) -> [ReportPair] {
    Self.draw(Self.examples, of: pairs, seed: seed).map {
      ReportPair(score: $0.score, source: sentence(source, Int($0.source)), target: sentence(target, Int($0.target)))
    }
  }

  /// So many of the pairs, drawn at random, in their order.
  private static func draw(_ count: Int, of pairs: ArraySlice<MinedPair>, seed: UInt64) -> [MinedPair] {
    if pairs.count <= count { return Array(pairs) }
    var random = SplitMix64(seed: seed)
    var places: Set<Int> = []
    while places.count < count { places.insert(Int.random(in: pairs.indices, using: &random)) }
    return places.sorted().map { pairs[$0] }
  }

  private func sentence(_ side: PairSide, _ row: Int) -> String {
    guard let line = side.texts?.line(row) else { return "row \(side.lines?[row] ?? row)" }
    let text = String(decoding: line, as: UTF8.self)
    return text.count > Self.longest ? text.prefix(Self.longest) + "…" : text
  }

  // MARK: sentences

  private func lengths(_ pairs: ArraySlice<MinedPair>) -> [ReportSection] {
    guard let sources = source.texts, let targets = target.texts, !pairs.isEmpty else { return [] }
    let ends = [10, 20, 40, 80, 160, 320, Int.max]
    var counts = [[Double]](repeating: [0, 0], count: ends.count)
    var ratios: [Double] = []
    for pair in Self.draw(Self.sample, of: pairs, seed: seed) {
      let (a, b) = (characters(sources.line(Int(pair.source))), characters(targets.line(Int(pair.target))))
      for (side, count) in [a, b].enumerated() { counts[ends.firstIndex { count < $0 } ?? 0][side] += 1 }
      if a > 0, b > 0 { ratios.append(Double(b) / Double(a)) }
    }
    var table = ReportTable(
      "Lengths of the pairs' sentences, in characters", [("characters", .text), ("source", .count), ("target", .count)])
    for (i, end) in ends.enumerated() {
      let first = i == 0 ? 0 : ends[i - 1]
      table.rows.append([
        .text(end == .max ? "\(first) and more" : "\(first) to \(end - 1)"), .value(counts[i][0]), .value(counts[i][1]),
      ])
    }
    var sections: [ReportSection] = [.table(table)]
    ratios.sort()
    if !ratios.isEmpty {
      func quantile(_ share: Double) -> String { decimal(ratios[Int(share * Double(ratios.count - 1))], 2) }
      sections.append(
        .note(
          "A target sentence has \(quantile(0.5)) times its source's characters in the median, and between "
            + "\(quantile(0.01)) and \(quantile(0.99)) times in 98 % of the pairs."))
    }
    return sections
  }

  private func characters(_ line: [UInt8]) -> Int { line.count { $0 & 0xc0 != 0x80 } }

  private func languagesFound(_ pairs: ArraySlice<MinedPair>) -> [ReportSection] {
    guard let sources = source.texts, let targets = target.texts, !pairs.isEmpty else { return [] }
    var counts: [String: [Double]] = [:]
    for pair in Self.draw(Self.sample / 4, of: pairs, seed: seed) {
      for (side, line) in [sources.line(Int(pair.source)), targets.line(Int(pair.target))].enumerated() {
        let found = languages.identifier.identify(line.span)
        let code = found.flatMap { $0.reliable ? $0.language?.code ?? $0.code : nil } ?? "not sure"
        counts[code, default: [0, 0]][side] += 1
      }
    }
    var table = ReportTable(
      "Languages of the pairs' sentences, by \(languages.identifier.name)",
      [("language", .text), ("source", .count), ("target", .count)])
    let sorted = counts.sorted { ($1.value.reduce(0, +), $0.key) < ($0.value.reduce(0, +), $1.key) }
    for (code, count) in sorted.prefix(8) { table.rows.append([.text(code), .value(count[0]), .value(count[1])]) }
    let rest = sorted.dropFirst(8).reduce([0.0, 0.0]) { [$0[0] + $1.value[0], $0[1] + $1.value[1]] }
    if rest[0] + rest[1] > 0 { table.rows.append([.text("others"), .value(rest[0]), .value(rest[1])]) }
    return [.table(table)]
  }

  /// Sentences that are neighbours of very many.
  private func hubTables() -> [ReportSection] {
    let found = miner.neighbours
    return [
      ("target", found.forward, target, found.backward.rows), ("source", found.backward, source, found.forward.rows),
    ].map {
      name, lists, side, rows in
      var counts = [Int](repeating: 0, count: rows)
      for id in lists.ids where id >= 0 { counts[Int(id)] += 1 }
      let most = counts.indices.sorted { (counts[$1], $0) < (counts[$0], $1) }.prefix(Self.hubs).filter {
        counts[$0] > lists.k
      }
      var table = ReportTable(
        "Hubs: \(name) sentences that are among the \(lists.k) nearest of most of the other side's \(lists.rows)",
        [("of", .count), ("sentence", .text)])
      for row in most { table.rows.append([.value(Double(counts[row])), .text(sentence(side, row))]) }
      return .table(table)
    }
  }
}

extension PipelineSummary {
  /// What was read and dropped, and how long the stages took.
  func reportParts() -> [ReportPart] {
    var lines = ReportTable("Lines", [("", .text), ("source", .count), ("target", .count)])
    func row(_ name: String, _ a: Int, _ b: Int, always: Bool = false) {
      if always || a + b > 0 { lines.rows.append([.text(name), .value(Double(a)), .value(Double(b))]) }
    }
    row("read", source.lines, target.lines, always: true)
    row("empty", source.empty, target.empty)
    row("with invalid UTF-8, mended", source.repaired, target.repaired)
    row("cut", source.cut, target.cut)
    row("with tabs", source.tabs, target.tabs)
    row("with carriage returns", source.carriageReturns, target.carriageReturns)
    for reason in Set(source.dropped.keys).union(target.dropped.keys).sorted() {
      row("dropped: \(reason)", source.dropped[reason] ?? 0, target.dropped[reason] ?? 0)
    }
    row("different sentences, encoded", source.unique, target.unique, always: true)
    row("longer than the model takes", source.truncated, target.truncated)
    var outcome = ReportTable("Pairs", [("", .text), ("", .count)])
    outcome.rows.append([.text("candidates"), .value(Double(candidates))])
    for (flag, count) in droppedPairs.sorted(by: { $0.key < $1.key }) {
      outcome.rows.append([.text("dropped: \(flag)"), .value(Double(count))])
    }
    outcome.rows.append([.text("written"), .value(Double(pairs))])
    var times = ReportTable("Stages", [("", .text), ("seconds", .text)])
    for stage in stages {
      times.rows.append([.text(stage.name), .text(stage.skipped ? "done before" : decimal(stage.seconds, 2))])
    }
    var sections: [ReportSection] = [.table(lines), .table(outcome)]
    if index != ["exact"] {
      sections.append(
        .note(
          "Index \(index.joined(separator: " + ")): recall \(decimal(sourceRecall, 3)) + \(decimal(targetRecall, 3))."))
    }
    return [ReportPart("What was read", sections), ReportPart("Time", [.table(times)])]
  }
}
