import Base
import Corpus
import Foundation

/// Mined pairs with their features, as `ems mine --fields ...,features` writes them: what filters are trained on and applied to.
public struct FilterTable: Sendable {
  /// The columns, as OUTPUT.json names them.
  public let fields: [PairField]
  /// The lines' columns.
  public private(set) var lines: [[String]] = []
  /// Each line's features.
  public private(set) var features: [[Float]] = []

  /// Reads a table; its columns stand in `PATH.json`, which `ems mine` writes beside it.
  ///
  /// - Throws: `Failure` for a missing file, and for a table without features.
  public init(path: String) throws(Failure) {
    struct Record: Decodable {
      var settings: [String: String]
    }
    let record = try JSONFile.read(Record.self, from: "\(path).json")
    fields = try PairField.parse(record.settings["fields"] ?? "")
    guard let place = fields.firstIndex(of: .features) else {
      throw Failure(
        .badData, path, "has no column features",
        remedy: "mine with --all --fields score,source,target,features (and source-id,target-id for a gold of ids)")
    }
    let reader = try LineReader(path: path, options: TextOptions(format: .raw))
    var batch = LineBatch()
    while try reader.readBatch(into: &batch) {
      for i in 0..<batch.count {
        let columns = batch.text(i).split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        let values = place < columns.count ? columns[place].split(separator: ",").map { Float($0) } : []
        guard columns.count == fields.count, values.count == PairFeatures.names.count, values.allSatisfy({ $0 != nil })
        else {
          throw Failure(
            .badData, path, at: "line \(batch.firstLineNumber + i)",
            "is not what \(path).json says: \(fields.count) columns, with \(PairFeatures.names.count) features",
            remedy: "mine again with this version")
        }
        lines.append(columns)
        features.append(values.compactMap { $0 })
      }
    }
  }

  /// The values of a column.
  ///
  /// - Throws: `Failure` if there is no such column.
  public func column(_ field: PairField, of path: String) throws(Failure) -> [String] {
    guard let place = fields.firstIndex(of: field) else {
      throw Failure(.badData, path, "has no column \(field.rawValue)", remedy: "mine with --fields that name it")
    }
    return lines.map { $0[place] }
  }
}

/// Which pairs of a table are right.
public struct PairLabels: Sendable {
  private var right: Set<Hash128> = []
  private var wrong: Set<Hash128> = []
  /// Whether every pair that is not known to be right is wrong.
  private let isComplete: Bool

  /// All right pairs: lines `source TAB target` (sentences, or ids). Every other pair is wrong.
  public init(complete path: String) throws(Failure) {
    isComplete = true
    let reader = try PairReader(path: path)
    var batch = PairBatch()
    while try reader.readBatch(into: &batch) {
      for i in 0..<batch.count { right.insert(Self.key(batch.sourceText(i), batch.targetText(i))) }
    }
  }

  /// Judged pairs: the verdicts of `ems sample`. Pairs that nobody judged have no label, and partly right ones count as wrong.
  public init(verdicts path: String) throws(Failure) {
    isComplete = false
    for verdict in try Verdicts(path: path).all {
      switch verdict.verdict {
      case .right: right.insert(Self.key(verdict.source, verdict.target))
      case .partly, .wrong: wrong.insert(Self.key(verdict.source, verdict.target))
      case .skip: continue
      }
    }
  }

  /// Whether a pair is right; nil where that is not known.
  public func label(_ source: String, _ target: String) -> Bool? {
    let key = Self.key(source, target)
    if right.contains(key) { return true }
    return isComplete || wrong.contains(key) ? false : nil
  }

  private static func key(_ source: String, _ target: String) -> Hash128 {
    let bytes = Array("\(source)\t\(target)".utf8)
    return Hash128(bytes.span)
  }
}
