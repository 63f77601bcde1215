import Base
import Foundation

/// Takes out the pairs of which a side occurs in a test file, and says which and where.
public struct Decontamination: Sendable {
  /// What was taken out.
  public struct Report: Sendable, Encodable {
    /// Test files, and their different sentences.
    public var files = 0, sentences = 0
    /// Pairs that were taken out, and those that were not.
    public var removed = 0, kept = 0
    /// How many pairs went for a file.
    public var removedByFile: [String: Int] = [:]
    /// One pair of every tenth of the ranking: what a person looks at before believing the rest.
    public var samples: [Sample] = []
    /// How many are right, where right pairs are known.
    public var truth: Truth?

    private enum CodingKeys: String, CodingKey {
      case files, sentences, removed, kept, samples, truth
      case removedByFile = "removed_by_file"
    }
  }

  /// A pair to look at.
  public struct Sample: Sendable, Encodable {
    /// The pair's score.
    public var score: Double
    /// Its sides.
    public var source: String, target: String
  }

  /// How many of the pairs are among the known right ones.
  public struct Truth: Sendable, Encodable {
    /// Pairs that are right, and pairs that are known.
    public var right: Int, known: Int
    /// Right ones of those that were kept, and of those that are known.
    public var precision: Double, recall: Double
  }

  /// By the hash of a sentence's key, the number of the first file that holds it.
  private var sentences: [Hash128: Int] = [:]
  private let files: [String]

  /// Reads the test files. A folder stands for everything in it, at any depth; the columns of a line are sentences of
  /// their own.
  ///
  /// - Throws: `Failure` for a path that is not there and a file that is no text.
  public init(against paths: [String]) throws(Failure) {
    files = try Self.files(paths)
    var normalizer = Normalizer()
    var found: [Hash128: Int] = [:]
    for (number, file) in files.enumerated() {
      try PairTable.forEachLine(of: file) { (_, columns) throws(Failure) in
        for column in columns {
          let key = normalizer.key(of: String(column))
          if key.isEmpty { continue }
          let hash = Hash128(key.span)
          if found[hash] == nil { found[hash] = number }
        }
      }
    }
    sentences = found
  }

  /// Reads `score TAB source TAB target`; writes what is clean as `source TAB target TAB mined`, and what is taken out as
  /// `file TAB source TAB target`.
  ///
  /// - Parameter truth: known right pairs, `source TAB target`.
  /// - Throws: `Failure` for a table with other columns, and when nothing is left.
  public func clean(_ path: String, to output: String, removed: String, truth: String? = nil) throws(Failure)
    -> Report
  {
    let (clean, taken) = (try OutputFile(path: output), try OutputFile(path: removed))
    var report = Report()
    (report.files, report.sentences) = (files.count, sentences.count)
    var kept: [Sample] = []
    var normalizer = Normalizer()
    try PairTable.forEachLine(of: path) { (number, columns) throws(Failure) in
      guard columns.count == 3, let score = Double(columns[0]) else {
        throw Failure(
          .badData, path, at: "line \(number)", "is not `score TAB source TAB target`",
          remedy: "name what `ems pairs select` wrote")
      }
      let key = PairKey(columns[1], columns[2], &normalizer)
      if let file = sentences[key.source] ?? sentences[key.target] {
        report.removed += 1
        report.removedByFile[files[file], default: 0] += 1
        try taken.write("\(files[file])\t\(columns[1])\t\(columns[2])\n")
      } else {
        kept.append(Sample(score: score, source: String(columns[1]), target: String(columns[2])))
        try clean.write("\(columns[1])\t\(columns[2])\tmined\n")
      }
    }
    guard !kept.isEmpty else {
      throw Failure(
        .badData, path, "none of its pairs is left: \(report.removed) hold test sentences", remedy: "mine other dumps")
    }
    report.kept = kept.count
    report.samples = kept.count < 10 ? kept : (0..<10).map { kept[$0 * (kept.count - 1) / 9] }
    if let truth { report.truth = try Self.judge(kept, truth, &normalizer) }
    try taken.commit()
    try clean.commit()
    return report
  }

  private static func judge(_ pairs: [Sample], _ path: String, _ normalizer: inout Normalizer) throws(Failure)
    -> Truth
  {
    var known: Set<PairKey> = []
    var own = normalizer
    try PairTable.forEachLine(of: path) { (number, columns) throws(Failure) in
      guard columns.count >= 2 else {
        throw Failure(.badData, path, at: "line \(number)", "is not `source TAB target`")
      }
      known.insert(PairKey(columns[0], columns[1], &own))
    }
    let right = pairs.count { known.contains(PairKey($0.source, $0.target, &own)) }
    return Truth(
      right: right, known: known.count, precision: Double(right) / Double(pairs.count),
      recall: Double(right) / Double(max(1, known.count)))
  }

  private static func files(_ paths: [String]) throws(Failure) -> [String] {
    var files: [String] = []
    for path in paths {
      var isFolder: ObjCBool = false
      guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        throw Failure(.missingInput, path, "no such file or folder", remedy: "check the test files")
      }
      guard isFolder.boolValue else {
        files.append(path)
        continue
      }
      for name in ((try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []).sorted() {
        let file = "\(path)/\(name)"
        if unsafe FileManager.default.fileExists(atPath: file, isDirectory: &isFolder), !isFolder.boolValue {
          files.append(file)
        }
      }
    }
    return files
  }
}
