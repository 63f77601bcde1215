import Base
import Index
import Kernels
import Report

/// Precision at 1, 5 and 10 in a large pool, as MUSE does with Europarl (Conneau et al. 2018) and EMS with ParaCrawl.
public struct ParaCrawlResult: EvaluationResult {
  /// Shares of queries whose partner is among the first 1, 5 and 10.
  public struct Precisions: Sendable, Equatable, Encodable {
    /// Shares, 0 to 1.
    public var p1: Double, p5: Double, p10: Double

    init(ranks: [Int]) {
      func share(_ limit: Int) -> Double { Double(ranks.count { $0 <= limit }) / Double(ranks.count) }
      (p1, p5, p10) = (share(1), share(5), share(10))
    }
  }

  /// One direction by each of the three scores. All of them rank every key.
  public struct Direction: Sendable, Equatable, Encodable {
    /// By cosine.
    public var cosine: Precisions
    /// By 2 cos - r(x) - r(y), with r the mean cosine of the 10 nearest among the keys, or for a key among the queries.
    public var csls: Precisions
    /// By ratio margin with 4 neighbours, means as with CSLS.
    public var margin: Precisions
  }

  /// Keys, queries, and the pairs of lines that they were drawn from: those of which neither sentence came before.
  public var keys: Int, queries: Int, pairs: Int
  /// The seed of the drawing.
  public var seed: UInt64
  /// Source queries among target keys, and target queries among source keys.
  public var forward: Direction, backward: Direction
  var names: (source: String, target: String)

  var outcomes: Outcomes

  /// One object; `p1`, `p5` and `p10` at the top are forward by cosine.
  public func encode(to encoder: any Encoder) throws {
    try encoder.add([
      "keys": keys, "queries": queries, "pairs": pairs, "seed": seed, "forward": forward, "backward": backward,
      "p1": forward.cosine.p1, "p5": forward.cosine.p5, "p10": forward.cosine.p10, "outcomes": outcomes,
    ])
  }

  /// P@1 of both directions, by margin.
  public var headlines: [(name: String, value: Double)] {
    [("P@1 forward", forward.margin.p1), ("P@1 backward", backward.margin.p1)]
  }

  /// The heading.
  public var title: String { "P@k, \(headingNames(names.source, names.target)), \(queries) queries, \(keys) keys" }

  /// The precisions.
  public var sections: [ReportSection] {
    var table = ReportTable(
      "Precision in percent, \(queries) queries among \(keys) keys (seed \(seed))",
      [("", .text), ("", .text), ("P@1", .percent), ("P@5", .percent), ("P@10", .percent)])
    for (name, direction) in [("forward", forward), ("backward", backward)] {
      for (score, p) in [("cosine", direction.cosine), ("CSLS-10", direction.csls), ("margin", direction.margin)] {
        table.rows.append([.text(name), .text(score), .value(p.p1), .value(p.p5), .value(p.p10)])
      }
    }
    return [.table(table)]
  }
}

extension Evaluator {
  /// ParaCrawl-style precision at k.
  ///
  /// Of two aligned texts the pairs are taken of which neither sentence came before; shuffled; the first `keys` are the
  /// pool, and `queries` of them, drawn without replacement, are asked for. Shuffles are Fisher and Yates' from the last
  /// place down with SplitMix64, first of the pairs and then of the keys' numbers, so others can draw the same.
  ///
  /// - Throws: `Failure` for unequal lengths and for less than 10 keys.
  public func paraCrawl(
    source: String, target: String, languages: TextLanguages = TextLanguages(), keys: Int = 200_000,
    queries: Int = 2000, seed: UInt64 = 1
  ) throws(Failure) -> ParaCrawlResult {
    precondition(keys >= 1 && queries >= 1)
    let sourceText = try EvaluationText(path: source, language: languages.source)
    let targetText = try EvaluationText(path: target, language: languages.target)
    try EvaluationText.checkAligned(sourceText, targetText)
    let (sourceGroups, targetGroups) = (try sourceText.unified(), try targetText.unified())
    /// Whether a line is the first of its text.
    func isNew(_ line: Int, _ groups: (firsts: [Int], multiplicity: [Int], group: [Int])) -> Bool {
      groups.firsts[groups.group[line]] == line
    }
    var rows: [Int] = []
    for line in 0..<sourceText.count where isNew(line, sourceGroups) && isNew(line, targetGroups) { rows.append(line) }
    let pairs = rows.count
    guard pairs >= 10 else {
      throw Failure(.badData, source, "has \(pairs) distinct pairs with \(target); at least 10 are needed")
    }
    var random = SplitMix64(seed: seed)
    random.shuffle(&rows)
    let chosen = Array(rows.prefix(keys))
    var numbers = Array(chosen.indices)
    random.shuffle(&numbers)
    let asked = Array(numbers.prefix(queries))

    var fingerprint = Fingerprint()
    for row in asked.map({ chosen[$0] }) + chosen {
      fingerprint.add(sourceText.line(row))
      fingerprint.add(targetText.line(row))
    }
    var outcomes = Outcomes(unit: "queries", data: fingerprint.text, n: asked.count)

    let x = try tensor(sourceText, rows: chosen, embeddings: nil)
    let y = try tensor(targetText, rows: chosen, embeddings: nil)
    func direction(_ name: String, _ ranks: [[Int]]) -> ParaCrawlResult.Direction {
      let scores = ["cosine", "csls", "margin"].enumerated().map { score, label in
        for limit in [1, 5, 10] { outcomes.hits["\(name).\(label).p\(limit)"] = [ranks.map { $0[score] <= limit }] }
        return ParaCrawlResult.Precisions(ranks: ranks.map { $0[score] })
      }
      return ParaCrawlResult.Direction(cosine: scores[0], csls: scores[1], margin: scores[2])
    }
    let forward = direction("forward", try ranks(queries: x, keys: y, asked, name: source))
    let backward = direction("backward", try ranks(queries: y, keys: x, asked, name: target))
    return ParaCrawlResult(
      keys: chosen.count, queries: asked.count, pairs: pairs, seed: seed, forward: forward, backward: backward,
      names: (source, target), outcomes: outcomes)
  }

  /// For every query the ranks of its partner by cosine, CSLS and margin.
  private func ranks(
    queries side: Tensor, keys: Tensor, _ asked: [Int], name: String
  ) throws(Failure) -> [[Int]] {
    let (q, d) = (asked.count, keys.columns)
    let x = Tensor(rows: q, columns: d), partners = Tensor(rows: q, columns: d)
    for (i, key) in asked.enumerated() {
      x.rows(i..<i + 1).copy(from: side.rows(key..<key + 1))
      partners.rows(i..<i + 1).copy(from: keys.rows(key..<key + 1))
    }
    let near = try neighbours(
      EmbeddingSide(x, name: name, on: compute), EmbeddingSide(keys, name: name, on: compute), k: 10)
    let (queryMeans, keyMeans) = (near.forward.means(of: [4, 10]), near.backward.means(of: [4, 10]))
    let (keys4, keys10) = (keyMeans[0], keyMeans[1])

    // Every key is ranked: the rank of the partner is one more than the number of keys before it.
    compute.normalizeRows(x, into: x, lengths: Tensor(rows: q, columns: 1))
    compute.normalizeRows(partners, into: partners, lengths: Tensor(rows: q, columns: 1))
    let own = scores(x, partners)
    let width = 2048
    let unit = Tensor(rows: width, columns: d), lengths = Tensor(rows: width, columns: 1)
    var ranks = [[Int]](repeating: [Int](repeating: 1, count: 3), count: q)
    for first in stride(from: 0, to: keys.rows, by: width) {
      let block = first..<min(first + width, keys.rows)
      let rows = unit.prefix(block.count)
      compute.normalizeRows(keys.rows(block), into: rows, lengths: lengths.prefix(block.count))
      let cosines = scores(x, rows)
      let counts = try concurrentMap(q, threads: compute.threads) { (i: Int) throws(Failure) -> [Int] in
        let (key, m4, m10) = (asked[i], queryMeans[0][i], queryMeans[1][i])
        let mine = Double(own[i, i])
        let best = [mine, 2 * mine - m10 - keyMeans[1][key], mine / ((m4 + keyMeans[0][key]) / 2)]
        var counts = [0, 0, 0]
        cosines.rows(i..<i + 1).withElements { row in
          let means4 = keys4.span
          let means10 = keys10.span
          for j in row.indices {
            let (a, other) = (Double(row[j]), first + j)
            if other == key { continue }
            let before = other < key
            let csls = 2 * a - m10 - means10[other]
            let margin = a / ((m4 + means4[other]) / 2)
            if a > best[0] || (a == best[0] && before) { counts[0] += 1 }
            if csls > best[1] || (csls == best[1] && before) { counts[1] += 1 }
            if margin > best[2] || (margin == best[2] && before) { counts[2] += 1 }
          }
        }
        return counts
      }
      for i in 0..<q { for s in 0..<3 { ranks[i][s] += counts[i][s] } }
      tell("ranking \(name)", Double(block.upperBound) / Double(keys.rows))
      try job.check(name)
    }
    return ranks
  }

  /// x yᵀ.
  private func scores(_ x: Tensor, _ y: Tensor) -> Tensor {
    let packed = PackedMatrix(rows: y.columns, columns: y.rows, on: compute)
    compute.pack(transposing: y, into: packed)
    let result = Tensor(rows: x.rows, columns: y.rows)
    compute.linear(x, packed, into: result)
    return result
  }
}

extension NeighbourLists {
  /// For each count the mean of every row's first scores, of as many as there are.
  fileprivate func means(of counts: [Int]) -> [[Double]] {
    counts.map { count in
      let taken = Swift.min(count, k)
      return (0..<rows).map { row in
        scores[row * k..<row * k + taken].reduce(0.0) { $0 + Double($1) } / Double(taken)
      }
    }
  }
}
