import Base
import Corpus
import Foundation
import Index
import Mine
import Report

/// The files of one BUCC set: texts of `id TAB sentence`, and what is known of the right pairs.
public struct BuccFiles: Sendable {
  /// The two texts.
  public var source: String, target: String
  /// Lines `source id TAB target id`; nil where nobody knows.
  public var gold: String?
  /// Embeddings of all lines of the texts, made before; nil to encode.
  public var sourceEmbeddings: String?, targetEmbeddings: String?
  /// The languages of the texts, for a model that must know them.
  public var languages = TextLanguages()

  /// Texts that are to be encoded.
  public init(
    source: String, target: String, gold: String?, sourceEmbeddings: String? = nil, targetEmbeddings: String? = nil
  ) {
    self.source = source
    self.target = target
    self.gold = gold
    self.sourceEmbeddings = sourceEmbeddings
    self.targetEmbeddings = targetEmbeddings
  }
}

/// Precision, recall and F1 of mined pairs at a threshold (Zweigenbaum, Sharoff and Rapp 2017).
public struct BuccScores: Sendable, Equatable, Encodable {
  /// Shares, 0 to 1. Recall counts every gold pair, also those that no tool can find because a sentence comes twice.
  public var precision: Double, recall: Double, f1: Double
  /// The lowest score that is taken.
  public var threshold: Double
  /// Pairs taken, those of them that are right, and gold pairs.
  public var extracted: Int, correct: Int, gold: Int
  /// The pairs behind the figures.
  public var outcomes: BuccOutcomes?

  init(threshold: Double, extracted: Int, correct: Int, gold: Int) {
    (self.threshold, self.extracted, self.correct, self.gold) = (threshold, extracted, correct, gold)
    precision = extracted == 0 ? 0 : Double(correct) / Double(extracted)
    recall = gold == 0 ? 0 : Double(correct) / Double(gold)
    f1 = correct == 0 ? 0 : 2 * precision * recall / (precision + recall)
  }
}

/// What MTEB calls bitext mining (BUCC, Tatoeba, Flores there): every query asks for its nearest target by cosine, and the
/// figures are averaged over the targets by how often they are right answers (scikit-learn's `average="weighted"`). It has
/// no threshold, and no query without a partner.
public struct MtebScores: Sendable, Equatable, Encodable {
  /// Shares, 0 to 1.
  public var precision = 0.0, recall = 0.0, f1 = 0.0, accuracy = 0.0
  /// Whether each query was answered rightly.
  public var outcomes: Outcomes?

  /// - Parameters:
  ///   - answers, labels: for each query the target found, and the right one.
  init(answers: [Int], labels: [Int]) {
    var right: [Int: Int] = [:], asked: [Int: Int] = [:], answered: [Int: Int] = [:]
    for (answer, label) in zip(answers, labels) {
      asked[label, default: 0] += 1
      answered[answer, default: 0] += 1
      if answer == label { right[label, default: 0] += 1 }
    }
    let n = Double(max(labels.count, 1))
    for (label, hits) in right.sorted(by: { $0.key < $1.key }) {
      let (count, hits) = (Double(asked[label] ?? 1), Double(hits))
      let precision = hits / Double(answered[label] ?? 1)
      let recall = hits / count
      self.precision += count / n * precision
      self.recall += count / n * recall
      f1 += count / n * 2 * precision * recall / (precision + recall)
      accuracy += hits / n
    }
  }
}

/// The figures of BUCC.
public struct BuccResult: EvaluationResult {
  /// On the training files, at the threshold that is best there.
  public var training: BuccScores
  /// On the test files, at the training's threshold; nil without test gold.
  public var test: BuccScores?
  /// Pairs of the test files at that threshold; nil without test files.
  public var testPairs: Int?
  /// MTEB's figures on the training files.
  public var mteb: MtebScores
  /// Distinct sentences of the training files.
  public var sourceSentences: Int, targetSentences: Int
  /// Gold pairs with a sentence that comes several times in its file, and so has no id here.
  public var unreachableGold: Int
  /// Candidates of the sweep.
  public var candidates: Int
  /// The mean of the precisions at each right candidate, over all gold pairs.
  public var averagePrecision: Double
  /// How it was mined.
  public var options: MiningOptions, k: Int
  var names: (source: String, target: String)
  var sweep: [(score: Double, right: Bool)]

  /// Training's figures at the top, those of test and MTEB as objects of their own.
  public func encode(to encoder: any Encoder) throws {
    try training.encode(to: encoder)
    try encoder.add([
      "test": test, "test_pairs": testPairs, "mteb_bucc": mteb, "source_sentences": sourceSentences,
      "target_sentences": targetSentences, "unreachable_gold": unreachableGold, "candidates": candidates,
      "average_precision": averagePrecision,
      "curve": curve.map { [$0.recall, $0.precision] }, "k": k, "margin": options.margin,
      "retrieval": options.retrieval,
    ])
  }

  /// Precision over recall as the threshold falls: of the sweep some 400 cuts, the last one among them.
  public var curve: [(recall: Double, precision: Double)] {
    var points: [(recall: Double, precision: Double)] = []
    var correct = 0
    let step = max(1, sweep.count / 400)
    for (i, candidate) in sweep.enumerated() {
      if candidate.right { correct += 1 }
      if i % step == 0 || i == sweep.count - 1 {
        points.append((Double(correct) / Double(max(training.gold, 1)), Double(correct) / Double(i + 1)))
      }
    }
    return points
  }

  /// The best F1 on the training files, and F1 on the test files at its threshold.
  public var headlines: [(name: String, value: Double)] {
    [("F1, training", training.f1)] + (test.map { [("F1, test", $0.f1)] } ?? [])
  }

  /// The heading.
  public var title: String { "BUCC, \(headingNames(names.source, names.target))" }

  /// The figures, the precision-recall curve, and the margins of right and wrong candidates.
  public var sections: [ReportSection] {
    var table = ReportTable(
      "In percent; threshold \(decimal(training.threshold, 6))",
      [
        ("", .text), ("precision", .percent), ("recall", .percent), ("F1", .percent), ("pairs", .count),
        ("right", .count), ("gold", .count),
      ])
    func add(_ name: String, _ s: BuccScores) {
      table.rows.append(
        [.text(name)] + [s.precision, s.recall, s.f1].map { .value($0) }
          + [s.extracted, s.correct, s.gold].map { .value(Double($0)) })
    }
    add("training", training)
    if let test { add("test", test) }
    table.footer.append(
      [.text("MTEB's BUCC (training)")] + [mteb.precision, mteb.recall, mteb.f1].map { .value($0) }
        + [
          .value(Double(training.gold)), .value((mteb.accuracy * Double(training.gold)).rounded()),
          .value(Double(training.gold)),
        ])
    var notes =
      "\(sourceSentences) x \(targetSentences) distinct sentences, \(candidates) candidates. "
      + "\(unreachableGold) gold pairs have a sentence that its file repeats, so they cannot be found."
    if let testPairs { notes += " \(testPairs) pairs of the test files reach the threshold." }
    var sections: [ReportSection] = [
      .table(table), .note(notes),
      .curve(title: "Precision over recall", points: curve, best: (training.recall, training.precision)),
    ]
    if let bins = ScoreBins(
      right: sweep.filter(\.right).map(\.score), wrong: sweep.filter { !$0.right }.map(\.score))
    {
      sections.append(.histogram(title: "Margin of the candidates", bins, threshold: training.threshold))
    }
    return sections
  }
}

extension Evaluator {
  /// BUCC: mines the training files, finds the threshold with the best F1, and applies it unchanged to the test files.
  ///
  /// As LASER's scripts do it: exact duplicates are unified, pairs are scored by ratio margin with k 4 and chosen one to
  /// one (`max`); sentences that come more than once in a file have no id; recall counts all gold pairs; the threshold is
  /// half-way to the next candidate's score.
  ///
  /// - Parameters:
  ///   - outputPairs: gets `source id TAB target id`, best first, of the test files, or without these of the training files.
  /// - Throws: `Failure` for ids that come twice, gold ids that no line has, and empty sentences, with file and line.
  public func bucc(
    training: BuccFiles, test: BuccFiles? = nil, options: MiningOptions = MiningOptions(), k: Int = 4,
    outputPairs: String? = nil
  ) throws(Failure) -> BuccResult {
    let mined = try BuccMined(training, options, k: k, self)
    guard let gold = mined.gold else {
      throw Failure(.usage, training.source, "has no gold pairs", remedy: "give --gold")
    }
    let sweep = mined.pairs.map { (score: $0.score, right: gold.contains($0.ids)) }
    let best = Self.sweep(sweep, gold: gold.count)
    var precisions = 0.0
    var correct = 0
    for (i, candidate) in sweep.enumerated() where candidate.right {
      correct += 1
      precisions += Double(correct) / Double(i + 1)
    }
    var result = BuccResult(
      training: best, test: nil, testPairs: nil, mteb: mined.mteb(), sourceSentences: mined.source.firsts.count,
      targetSentences: mined.target.firsts.count, unreachableGold: mined.unreachableGold, candidates: sweep.count,
      averagePrecision: precisions / Double(gold.count), options: options, k: k,
      names: (training.source, training.target), sweep: sweep)

    var taken = mined.taken(from: best.threshold)
    result.training.outcomes = mined.outcomes(taken, gold)
    if let test {
      let mined = try BuccMined(test, options, k: k, self)
      taken = mined.taken(from: best.threshold)
      result.testPairs = taken.count
      if let gold = mined.gold {
        result.test = BuccScores(
          threshold: best.threshold, extracted: taken.count, correct: taken.count { gold.contains($0) },
          gold: gold.count)
        result.test?.outcomes = mined.outcomes(taken, gold)
      }
    }
    if let outputPairs {
      let writer = try TextWriter(path: outputPairs)
      for ids in taken { try writer.writeLine("\(ids.source)\t\(ids.target)") }
      try writer.commit()
    }
    return result
  }

  /// The best F1 over all cuts of candidates in descending order; of equal ones the one with fewer pairs. No cut lies between
  /// equal scores, for no threshold could make it. Without any right candidate everything is taken, at a threshold of 0.
  static func sweep(_ candidates: [(score: Double, right: Bool)], gold: Int) -> BuccScores {
    var best = BuccScores(threshold: 0, extracted: candidates.count, correct: 0, gold: gold)
    var correct = 0
    for (i, candidate) in candidates.enumerated() {
      if candidate.right { correct += 1 }
      let next = i + 1 < candidates.count ? candidates[i + 1].score : candidate.score
      if i + 1 < candidates.count, next == candidate.score { continue }
      let scores = BuccScores(
        threshold: (candidate.score + next) / 2, extracted: i + 1, correct: correct, gold: gold)
      if scores.f1 > best.f1 { best = scores }
    }
    return best
  }
}

/// The ids of a pair.
struct IDPair: Hashable, Sendable {
  var source: String
  var target: String
}

/// One side of BUCC, unified.
private struct BuccSide {
  let text: EvaluationText
  /// The row of the first occurrence of each distinct sentence, how often it comes, and the sentence of each row.
  let firsts: [Int], multiplicity: [Int], group: [Int]
  let rows: [String: Int]

  init(_ path: String, _ language: String?) throws(Failure) {
    text = try EvaluationText(path: path, ids: true, language: language)
    (firsts, multiplicity, group) = try text.unified()
    var rows: [String: Int] = [:]
    for (i, id) in (text.table.ids ?? []).enumerated() { rows[id] = i }
    self.rows = rows
  }

  /// The id of a distinct sentence; nil if it comes several times.
  func id(_ sentence: Int) -> String? { multiplicity[sentence] > 1 ? nil : text.table.ids?[firsts[sentence]] }
}

/// The mined pairs of one set of files.
private struct BuccMined {
  let source: BuccSide, target: BuccSide
  /// Nil without a gold file.
  private(set) var gold: Set<IDPair>?
  /// The gold's rows, in the order of its lines.
  private var goldRows: [(source: Int, target: Int)] = []
  /// Pairs between sentences that have ids, best first.
  private(set) var pairs: [(ids: IDPair, score: Double)] = []
  private let neighbours: TwoWayNeighbours

  init(_ files: BuccFiles, _ options: MiningOptions, k: Int, _ evaluator: Evaluator) throws(Failure) {
    let source = try BuccSide(files.source, files.languages.source)
    let target = try BuccSide(files.target, files.languages.target)
    self.source = source
    self.target = target
    // Before anything is encoded, for it is the file that is most often wrong.
    if let path = files.gold { (gold, goldRows) = try Self.readGold(path, source, target) }
    let x = try evaluator.tensor(source.text, rows: source.firsts, embeddings: files.sourceEmbeddings)
    let y = try evaluator.tensor(target.text, rows: target.firsts, embeddings: files.targetEmbeddings)
    neighbours = try evaluator.neighbours(
      EmbeddingSide(x, name: files.source, on: evaluator.compute),
      EmbeddingSide(y, name: files.target, on: evaluator.compute), k: k)
    for pair in PairMiner(neighbours).pairs(options).pairs {
      guard let a = source.id(Int(pair.source)), let b = target.id(Int(pair.target)) else { continue }
      pairs.append((IDPair(source: a, target: b), pair.score))
    }
  }

  /// The pairs that reach a threshold, best first.
  func taken(from threshold: Double) -> [IDPair] { pairs.filter { $0.score >= threshold }.map(\.ids) }

  /// Gold pairs with a sentence without an id.
  var unreachableGold: Int {
    goldRows.count { source.id(source.group[$0.source]) == nil || target.id(target.group[$0.target]) == nil }
  }

  /// Of targets with the same text the first counts as found, as a search over all rows would have it.
  func mteb() -> MtebScores {
    let answers = goldRows.map {
      target.firsts[Int(neighbours.forward.ids[source.group[$0.source] * neighbours.forward.k])]
    }
    let labels = goldRows.map(\.target)
    var scores = MtebScores(answers: answers, labels: labels)
    scores.outcomes = Outcomes(
      unit: "gold pairs", data: fingerprint, n: labels.count,
      hits: ["accuracy": [zip(answers, labels).map { $0 == $1 }]])
    return scores
  }

  /// Of the texts, in order, and the gold pairs.
  var fingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add(source.text)
    fingerprint.add(target.text)
    for pair in goldRows { fingerprint.add(Array("\(pair.source) \(pair.target)".utf8)) }
    return fingerprint.text
  }

  /// The pairs that were taken, beside the gold ones.
  func outcomes(_ taken: [IDPair], _ gold: Set<IDPair>) -> BuccOutcomes {
    BuccOutcomes(
      data: fingerprint, n: source.text.count, gold: goldRows.map(\.source),
      extracted: taken.map { source.rows[$0.source] ?? 0 }, correct: taken.map(gold.contains))
  }

  private static func readGold(
    _ path: String, _ source: BuccSide, _ target: BuccSide
  ) throws(Failure) -> (Set<IDPair>, [(source: Int, target: Int)]) {
    let reader = try LineReader(path: path, options: TextOptions(format: .raw))
    var batch = LineBatch()
    var gold: Set<IDPair> = []
    var rows: [(source: Int, target: Int)] = []
    while try reader.readBatch(into: &batch) {
      for i in 0..<batch.count {
        let place = "line \(batch.firstLineNumber + i)"
        let parts = batch.text(i).split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else {
          throw Failure(
            .badData, path, at: place, "has \(parts.count) columns, `source id TAB target id` is expected",
            remedy: "check that this is the gold file")
        }
        guard let a = source.rows[parts[0]] else { throw unknown(path, place, parts[0], source.text.path) }
        guard let b = target.rows[parts[1]] else { throw unknown(path, place, parts[1], target.text.path) }
        guard gold.insert(IDPair(source: parts[0], target: parts[1])).inserted else {
          throw Failure(.badData, path, at: place, "the pair \(parts[0]), \(parts[1]) comes again", remedy: "remove it")
        }
        rows.append((a, b))
      }
    }
    guard !rows.isEmpty else {
      throw Failure(.badData, path, "has no lines", remedy: "check that this is the gold file")
    }
    return (gold, rows)
  }

  private static func unknown(_ path: String, _ place: String, _ id: String, _ text: String) -> Failure {
    Failure(
      .badData, path, at: place, "the id \"\(id)\" is not in \(text)",
      remedy: "check that gold and texts belong together, and which side is the source")
  }
}
