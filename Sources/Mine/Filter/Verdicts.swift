import Base
import Corpus
import Foundation
import Glibc

/// What a person said of mined pairs: a file of lines `verdict TAB score TAB source TAB target`, written judgement by judgement.
public struct Verdicts: Sendable {
  /// A judgement.
  public enum Verdict: String, Sendable, CaseIterable {
    case right, partly, wrong, skip
  }

  /// A judged pair.
  public struct Entry: Sendable {
    /// The judgement.
    public var verdict: Verdict
    /// The pair's score.
    public var score: Double
    /// The sentences.
    public var source: String, target: String

    /// A judgement of a pair.
    public init(verdict: Verdict, score: Double, source: String, target: String) {
      (self.verdict, self.score, self.source, self.target) = (verdict, score, source, target)
    }
  }

  /// The judgements in the order in which they were given.
  public private(set) var all: [Entry] = []

  /// Reads a file; a last line without its end, which a kill left, does not count.
  ///
  /// - Throws: `Failure` for a missing file and for other lines.
  public init(path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    let text = unsafe file.bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    lines.removeLast()
    for (number, line) in lines.enumerated() {
      let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard columns.count == 4, let verdict = Verdict(rawValue: String(columns[0])), let score = Double(columns[1])
      else {
        throw Failure(
          .badData, path, at: "line \(number + 1)", "is not `verdict TAB score TAB source TAB target`",
          remedy: "name a file that `ems sample` wrote")
      }
      all.append(
        Entry(verdict: verdict, score: score, source: String(columns[2]), target: String(columns[3])))
    }
  }

  /// Appends a judgement to a file, which then is on the disk.
  public static func append(_ entry: Entry, to path: String) throws(Failure) {
    let line = "\(entry.verdict.rawValue)\t\(entry.score)\t\(entry.source)\t\(entry.target)\n"
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw .system("cannot write", path, errno: errno) }
    defer { close(descriptor) }
    // What a kill left of a line is written over.
    var size = off_t(0)
    if let file = try? MappedFile(path: path), file.count > 0 {
      for i in stride(from: file.count - 1, through: 0, by: -1)
      where file.bytes.number(at: i, as: UInt8.self) == UInt8(ascii: "\n") {
        size = off_t(i + 1)
        break
      }
    }
    guard ftruncate(descriptor, size) == 0, lseek(descriptor, size, SEEK_SET) == size else {
      throw .system("cannot write", path, errno: errno)
    }
    let bytes = Array(line.utf8)
    let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress!, $0.count) }
    guard written == bytes.count, fsync(descriptor) == 0 else { throw .system("cannot write", path, errno: errno) }
  }
}

/// Pairs drawn from a table by bands of score, and what judgements of them say of the whole.
public struct PairSample: Sendable {
  /// Pairs between two scores.
  public struct Band: Sendable {
    /// The scores of its ends: `low` belongs to it, `high` does not but in the first band.
    public var low: Double, high: Double
    /// Pairs of the table in it.
    public var pairs: Int
    /// Those that were drawn: line numbers from 0, in the order of drawing.
    public var drawn: [Int]
  }

  /// The table's scores and sentences.
  public let pairs: [(score: Double, source: String, target: String)]
  /// From the highest scores to the lowest.
  public private(set) var bands: [Band] = []

  /// Cuts a table of pairs, `score TAB source TAB target`, into bands with equally many pairs, and draws from each.
  ///
  /// - Parameters:
  ///   - bands: how many.
  ///   - count: pairs to draw in all.
  ///   - seed: decides which.
  /// - Throws: `Failure` for a table of other columns, or without pairs.
  public init(path: String, bands count: Int, drawing wanted: Int, seed: UInt64) throws(Failure) {
    var found: [(score: Double, source: String, target: String)] = []
    let reader = try LineReader(path: path, options: TextOptions(format: .raw))
    var batch = LineBatch()
    while try reader.readBatch(into: &batch) {
      for i in 0..<batch.count {
        let columns = batch.text(i).split(separator: "\t", omittingEmptySubsequences: false)
        guard columns.count >= 3, let score = Double(columns[0]), score.isFinite else {
          throw Failure(
            .badData, path, at: "line \(batch.firstLineNumber + i)", "is not `score TAB source TAB target`",
            remedy: "name what `ems mine` wrote, with score, source and target as its first fields")
        }
        found.append((score, String(columns[1]), String(columns[2])))
      }
    }
    guard !found.isEmpty else { throw Failure(.badData, path, "has no pairs", remedy: "mine some first") }
    pairs = found
    let order = found.indices.sorted { (found[$1].score, $0) < (found[$0].score, $1) }
    let bandCount = min(count, found.count)
    var random = SplitMix64(seed: seed)
    for band in 0..<bandCount {
      var rows = Array(order[order.count * band / bandCount..<order.count * (band + 1) / bandCount])
      guard let first = rows.first, let last = rows.last else { continue }
      let (high, low) = (found[first].score, found[last].score)
      let total = rows.count
      random.shuffle(&rows)
      let share = wanted * (band + 1) / bandCount - wanted * band / bandCount
      bands.append(Band(low: low, high: high, pairs: total, drawn: Array(rows.prefix(share))))
    }
  }

  /// The drawn pairs in a shuffled order, so that a judge does not know from which band one is.
  public func order(seed: UInt64) -> [Int] {
    var rows = bands.flatMap(\.drawn)
    var random = SplitMix64(seed: seed ^ 0x5A)
    random.shuffle(&rows)
    return rows
  }

  /// What judgements say of the pairs from a threshold on.
  public struct Point: Sendable, Codable, Equatable {
    /// The lowest score.
    public var threshold: Double
    /// Pairs of the table that reach it, and judged ones among them.
    public var pairs: Int, judged: Int
    /// The share of right ones, and the ends of its 95 % interval.
    public var precision: Double, low: Double, high: Double
  }

  /// Precision by threshold: at the lower end of each band, every band by the judgements in it, weighted by its pairs.
  public func precision(_ verdicts: [Verdicts.Entry]) -> [Point] {
    var judged: [String: Verdicts.Verdict] = [:]
    for entry in verdicts where entry.verdict != .skip { judged["\(entry.source)\t\(entry.target)"] = entry.verdict }
    var (points, total, count, sum, variance): ([Point], Int, Int, Double, Double) = ([], 0, 0, 0, 0)
    for band in bands {
      let found = band.drawn.compactMap { judged["\(pairs[$0].source)\t\(pairs[$0].target)"] }
      if found.isEmpty { break }
      let (n, right) = (Double(found.count), Double(found.count { $0 == .right }))
      // Wilson's centre and width, so that a band of right pairs alone is not taken for certain.
      let z = 1.96
      let centre = (right + z * z / 2) / (n + z * z)
      let deviation = (right * (n - right) / n + z * z / 4).squareRoot() / (n + z * z)
      let weight = Double(band.pairs)
      total += band.pairs
      count += found.count
      sum += weight * right / n
      variance += weight * weight * deviation * deviation
      let share = sum / Double(total)
      let width = z * variance.squareRoot() / Double(total)
      let middle = points.isEmpty ? centre : share
      points.append(
        Point(
          threshold: band.low, pairs: total, judged: count, precision: share, low: max(0, min(share, middle - width)),
          high: min(1, max(share, middle + width))))
    }
    return points
  }
}
