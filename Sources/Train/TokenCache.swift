import Base
import Corpus
import Encoder
import Formats
import Foundation
import Kernels

/// What became of a corpus on its way into the cache.
public struct PreparationReport: Codable, Sendable, Equatable {
  /// Lines of the file, and those of them in the cache.
  public var lines = 0, kept = 0
  /// Left out: one side empty, the same pair seen before, of an excluded origin, or with a side in a test file.
  public var oneSided = 0, duplicates = 0, excluded = 0, contaminated = 0
  /// Tokens of both sides.
  public var tokens = 0
}

/// A corpus as token ids, memory-mapped: two `.npy` files, the pairs' records one after the other and where they begin, and
/// for a corpus with a teacher a third, the number of every pair's row.
///
/// A record is [length of the source, length of the target, source ids, target ids]; of a sentence alone the target is empty.
public final class TokenCache: Sendable {
  /// Number of pairs.
  public let count: Int
  /// The corpus it was made from.
  public let corpus: TrainingCorpus
  /// What became of its lines.
  public let report: PreparationReport
  /// Differs when the corpus's content, the tokenizer or a setting of the preparation does.
  let digest: String
  private let records: MappedFile, offsets: MappedFile
  private let rows: MappedFile?
  private let wide: Bool

  private init(
    _ corpus: TrainingCorpus, _ report: PreparationReport, digest: String, base: String, wide: Bool
  ) throws(Failure) {
    let records = try MappedFile(path: Self.recordsPath(base)), offsets = try MappedFile(path: Self.offsetsPath(base))
    rows = corpus.embeddings == nil ? nil : try MappedFile(path: Self.rowsPath(base))
    self.corpus = corpus
    self.digest = digest
    self.report = report
    self.records = records
    self.offsets = offsets
    self.wide = wide
    count = (offsets.count - Npy.headerSize) / 8 - 1
    guard count == report.kept, offsets.count == Npy.headerSize + 8 * (count + 1),
      offset(count) == (records.count - Npy.headerSize) / (wide ? 4 : 2),
      rows.map({ $0.count == Npy.headerSize + 4 * count }) ?? true
    else {
      throw Failure(.badData, records.path, "is not what was written there", remedy: "delete the run's cache folder")
    }
  }

  private static func recordsPath(_ base: String) -> String { "\(base).tokens.npy" }
  private static func offsetsPath(_ base: String) -> String { "\(base).offsets.npy" }
  private static func rowsPath(_ base: String) -> String { "\(base).rows.npy" }
  private static func reportPath(_ base: String) -> String { "\(base).json" }

  /// The teacher's row of pair `i`.
  ///
  /// - Precondition: the corpus has a teacher.
  package func row(_ i: Int) -> Int32 {
    guard let file = rows else { preconditionFailure("\(corpus.path) has no teacher") }
    return file.bytes.number(at: Npy.headerSize + 4 * i, as: Int32.self)
  }

  private func offset(_ i: Int) -> Int {
    let file = offsets
    return Int(file.bytes.number(at: Npy.headerSize + 8 * i, as: Int64.self))
  }

  /// The ids of pair `i`.
  package func pair(_ i: Int) -> (source: [Int32], target: [Int32]) {
    let start = offset(i)
    let file = records
    func value(_ position: Int) -> Int32 {
      wide
        ? file.bytes.number(at: Npy.headerSize + 4 * position, as: Int32.self)
        : Int32(file.bytes.number(at: Npy.headerSize + 2 * position, as: UInt16.self))
    }
    let sourceCount = Int(value(start)), targetCount = Int(value(start + 1))
    let middle = start + 2 + sourceCount
    return ((start + 2..<middle).map(value), (middle..<middle + targetCount).map(value))
  }

  /// Tokens of pair `i`, both sides.
  package func length(_ i: Int) -> Int { offset(i + 1) - offset(i) - 2 }

  // MARK: making

  /// Opens the cache of a corpus, and makes it first if it is not there or was made from something else.
  ///
  /// - Parameters:
  ///   - folder: exists; the files' names derive from the corpus, the tokenizer and the settings
  ///   - words: what cuts text into words first; nil for nothing
  ///   - forbidden: keys of the sentences that must not occur
  ///   - teachers: where the corpus's rows are looked up
  ///   - made: whether another process has made it, so that its absence is a failure
  package static func open(
    _ corpus: TrainingCorpus, tokenizer: Tokenizer, configuration: Configuration, words: WordSplitters? = nil,
    forbidden: ForbiddenSentences, folder: String, threads: Int, made: Bool = false
  ) throws(Failure) -> TokenCache {
    try open(
      corpus, tokenizer: tokenizer, configuration: configuration, words: words, forbidden: forbidden, folder: folder,
      teachers: Teachers(on: Compute()), threads: threads, made: made)
  }

  static func open(
    _ corpus: TrainingCorpus, tokenizer: Tokenizer, configuration: Configuration, words: WordSplitters? = nil,
    forbidden: ForbiddenSentences, folder: String, teachers: Teachers, threads: Int, made: Bool = false
  ) throws(Failure) -> TokenCache {
    let teacher = try corpus.embeddings.map { file throws(Failure) in try teachers.open(file) }
    let input = try MappedFile(path: corpus.path)
    let content = Hash128(Span<UInt8>(_bytes: input.bytes))
    var settings =
      "2 \(content.high) \(content.low) \(tokenizer.digest) \(configuration.lowercase) "
      + "\(configuration.maxPositionEmbeddings) \(forbidden.digest) \(corpus.excludedOrigins.sorted()) "
      + (corpus.target == nil ? "alone" : "pairs")
    if let teacher {
      settings += " \(teacher.digest)"
      if let lines = corpus.embeddings?.lines {
        settings += try " " + FileHashes.digest(MappedFile(path: lines), threads: threads)
      } else {
        try teacher.check(madeFrom: corpus.path)
      }
    }
    // What cuts the two sides into words; the target of sentences alone is never asked for.
    var splitters: [WordSplitter] = []
    if let words {
      for language in [corpus.source, corpus.target ?? corpus.source] {
        let splitter = try words.splitter(for: language.code)
        splitters.append(splitter)
        settings += " \(splitter.name)"
      }
      if let dictionary = words.dictionaryPath {
        settings += try " " + FileHashes.digest(MappedFile(path: dictionary), threads: threads)
      }
    }
    let name = String(Hash128(Array(settings.utf8).span).low, radix: 16)
    let base = "\(folder)/\(corpus.name)-\(name)"
    let wide = configuration.vocabSize > 65_536
    if let json = FileManager.default.contents(atPath: reportPath(base)),
      let report = try? JSONDecoder().decode(PreparationReport.self, from: json)
    {
      return try TokenCache(corpus, report, digest: name, base: base, wide: wide)
    }
    guard !made else {
      throw Failure(
        .missingInput, reportPath(base), "is not here, although rank 0 made it",
        remedy: "output and data must be the same files on every machine of the run")
    }
    let report = try make(
      corpus, teacher, tokenizer: tokenizer, configuration: configuration, splitters: splitters, forbidden: forbidden,
      base: base, wide: wide, teachers: teachers, threads: threads)
    return try TokenCache(corpus, report, digest: name, base: base, wide: wide)
  }

  private static func make(
    _ corpus: TrainingCorpus, _ teacher: TeacherRows?, tokenizer: Tokenizer, configuration: Configuration,
    splitters: [WordSplitter], forbidden: ForbiddenSentences, base: String, wide: Bool, teachers: Teachers, threads: Int
  ) throws(Failure) -> PreparationReport {
    var report = PreparationReport()
    let reader = try CorpusReader(corpus)
    var batch = CorpusBatch(corpus)
    let records = try NpyVector(path: recordsPath(base), type: wide ? "<i4" : "<u2")
    let offsets = try NpyVector(path: offsetsPath(base), type: "<i8")
    try offsets.append([Int64(0)])
    var rows = try teacher.map { rows throws(Failure) in try RowNumbers(corpus, rows, teachers) }
    var seen = Set<Hash128>()
    var position: Int64 = 0
    var normalizer = Normalizer()
    let excluded = Set(corpus.excludedOrigins)
    while try reader.next(into: &batch) {
      let current = batch
      // What is kept is decided in the order of the lines; cutting into tokens is what takes the time.
      var kept: [Int] = []
      for i in 0..<current.count {
        let source = Hash128(current.source(i))
        let target = current.isAlone ? source : Hash128(current.target(i))
        let row = rows?.next(of: target)
        if !excluded.isEmpty, excluded.contains(current.origin(i)) {
          report.excluded += 1
        } else if forbidden.contains(current.source(i), &normalizer)
          || (!current.isAlone && forbidden.contains(current.target(i), &normalizer))
        {
          report.contaminated += 1
        } else if !seen.insert(current.isAlone ? source : source.joined(with: target)).inserted {
          report.duplicates += 1
        } else {
          kept.append(i)
          if let row { try rows?.keep(row, line: current.lineNumber(i)) }
        }
      }
      let chosen = kept
      let chunk = 512
      let chunks = try concurrentMap((kept.count + chunk - 1) / chunk, threads: threads) {
        (c: Int) throws(Failure) -> (ids: [Int32], ends: [Int]) in
        var ids: [Int32] = [], ends: [Int] = []
        for i in chosen[c * chunk..<min(chosen.count, (c + 1) * chunk)] {
          let start = ids.count
          ids.append(contentsOf: [0, 0])
          let limit = configuration.maxPositionEmbeddings
          let source = try unsafe tokenizer.encode(
            current.source(i).bytes, words: splitters.first, lowercase: configuration.lowercase, limit: limit,
            into: &ids)
          ids[start] = Int32(source)
          if !current.isAlone {
            ids[start + 1] = Int32(
              try unsafe tokenizer.encode(
                current.target(i).bytes, words: splitters.last, lowercase: configuration.lowercase, limit: limit,
                into: &ids))
          }
          ends.append(ids.count)
        }
        return (ids, ends)
      }
      for (ids, ends) in chunks {
        if wide { try records.append(ids) } else { try records.append(ids.map { UInt16($0) }) }
        try offsets.append(ends.map { position + Int64($0) })
        position += Int64(ids.count)
        report.tokens += ids.count - 2 * ends.count
      }
      report.kept += kept.count
    }
    report.lines = reader.lines
    report.oneSided = reader.skipped
    guard report.kept > 0 else {
      throw Failure(
        .badData, corpus.path,
        report.lines == 0 ? "has no lines" : "none of its \(report.lines) lines is left to train on: \(report)",
        remedy: "take it out of data")
    }
    if let rows {
      let output = try NpyVector(path: rowsPath(base), type: "<i4")
      try output.append(try rows.finish(lines: reader.lines))
      try output.commit()
    }
    try records.commit()
    try offsets.commit()
    // The report comes last: a cache without one is made again.
    try JSONFile.write(report, to: reportPath(base))
    return report
  }
}

/// Some lines of a corpus: pairs, or sentences alone.
struct CorpusBatch: Sendable {
  let isAlone: Bool
  fileprivate var pairs = PairBatch(), lines = LineBatch()
  /// The lines that hold a sentence.
  fileprivate var present: [Int] = []

  init(_ corpus: TrainingCorpus) { isAlone = corpus.target == nil }

  var count: Int { isAlone ? present.count : pairs.count }

  /// The number of a line in the file, from 1.
  func lineNumber(_ i: Int) -> Int { isAlone ? lines.firstLineNumber + present[i] : pairs.lineNumber(i) }

  @_lifetime(borrow self)
  func source(_ i: Int) -> Span<UInt8> {
    if isAlone { return lines[present[i]] }
    return pairs.source(i)
  }

  /// - Precondition: not of sentences alone.
  @_lifetime(borrow self)
  func target(_ i: Int) -> Span<UInt8> { pairs.target(i) }

  /// What follows the target.
  func origin(_ i: Int) -> String {
    isAlone ? "" : String(decoding: Array(copying: pairs.rest(i)), as: UTF8.self)
  }
}

/// A corpus batch by batch.
final class CorpusReader {
  private let pairs: PairReader?, sentences: LineReader?
  private var blank = 0

  init(_ corpus: TrainingCorpus) throws(Failure) {
    if corpus.target == nil {
      pairs = nil
      sentences = try LineReader(path: corpus.path, options: TextOptions(format: .raw))
    } else {
      pairs = try PairReader(path: corpus.path, languages: [corpus.source] + (corpus.target.map { [$0] } ?? []))
      sentences = nil
    }
  }

  /// - Returns: false at the end.
  func next(into batch: inout CorpusBatch) throws(Failure) -> Bool {
    if let pairs { return try pairs.readBatch(into: &batch.pairs) }
    guard let sentences, try sentences.readBatch(into: &batch.lines, maxLines: 1 << 14, maxBytes: 1 << 22) else {
      return false
    }
    let lines = batch.lines
    batch.present = (0..<lines.count).filter { i in
      let line = lines[i]
      for j in line.indices where line[j] != 0x20 && line[j] != 0x09 { return true }
      return false
    }
    blank += lines.count - batch.present.count
    return true
  }

  /// Lines read, those without a sentence or with one side included.
  var lines: Int { pairs?.report.lines ?? sentences?.report.lines ?? 0 }
  var skipped: Int { pairs?.skippedLines ?? blank }
}

/// Finds the teacher's row of every pair that is kept.
private struct RowNumbers {
  private let corpus: TrainingCorpus
  private let teacher: TeacherRows
  /// The text that the rows belong to, where the recipe names one.
  private let table: Teachers.LineTable?
  /// The targets in the order in which they first come, where it does not.
  private var distinct: [Hash128: Int32] = [:]
  // Of the kept pairs: the row by the text or by the distinct targets, and by the line.
  private var byText: [Int32] = [], byLine: [Int32] = []

  init(_ corpus: TrainingCorpus, _ teacher: TeacherRows, _ teachers: Teachers) throws(Failure) {
    self.corpus = corpus
    self.teacher = teacher
    table = try corpus.embeddings?.lines.map { lines throws(Failure) in try teachers.table(lines, for: teacher) }
  }

  /// The row of a target by its text; -1 for one that the text of the rows does not have.
  mutating func next(of target: Hash128) -> Int32 {
    if let table { return table.rows[target] ?? -1 }
    if let known = distinct[target] { return known }
    let new = Int32(truncatingIfNeeded: distinct.count)
    distinct[target] = new
    return new
  }

  mutating func keep(_ row: Int32, line: Int) throws(Failure) {
    guard row >= 0 else {
      throw Failure(
        .badData, corpus.path, at: "line \(line)",
        "has a \(corpus.target == nil ? "sentence" : "target") that \(corpus.embeddings?.lines ?? "") does not have",
        remedy: "the corpus has changed since the teacher's rows were made: make them again")
    }
    byText.append(row)
    byLine.append(Int32(truncatingIfNeeded: line - 1))
  }

  /// The numbers of the kept pairs' rows, when the whole corpus has been read.
  func finish(lines: Int) throws(Failure) -> [Int32] {
    if table != nil { return byText }
    let rows = teacher.rows.rows
    if rows == lines { return byLine }
    if rows == distinct.count { return byText }
    let what = corpus.target == nil ? "sentences" : "targets"
    throw Failure(
      .badData, teacher.path,
      "has \(rows) rows, but \(corpus.path) has \(lines) lines and \(distinct.count) distinct \(what)",
      remedy: "the rows are another corpus's, or it has changed: make them again, one for every line or one for every "
        + "distinct \(what.dropLast())")
  }
}

/// A one-dimensional `.npy` file written from front to back.
private final class NpyVector {
  private let output: OutputFile
  private let type: String
  private var count = 0

  init(path: String, type: String) throws(Failure) {
    output = try OutputFile(path: path)
    self.type = type
    let blank = [UInt8](repeating: 0, count: Npy.headerSize)
    try unsafe output.write(blank.span.bytes)
  }

  func append<Number: BitwiseCopyable>(_ values: [Number]) throws(Failure) {
    count += values.count
    try unsafe output.write(values.span.bytes)
  }

  func commit() throws(Failure) {
    try unsafe output.overwrite(at: 0, Npy.header(shape: [count], descriptor: type).span.bytes)
    try output.commit()
  }
}

/// The sentences of test files, normalised, that training pairs must not hold.
package struct ForbiddenSentences: Sendable {
  private var keys: Set<Hash128> = []
  /// Changes with the set.
  private(set) var digest: UInt64 = 0

  /// Reads every file, and every file of every folder. Columns of a line count as sentences of their own.
  package init(_ paths: [String]) throws(Failure) {
    var files: [String] = []
    for path in paths {
      var isFolder: ObjCBool = false
      guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        throw Failure(.missingInput, path, "no such file or folder", remedy: "check decontaminate")
      }
      if isFolder.boolValue {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        files += names.sorted().map { "\(path)/\($0)" }
      } else {
        files.append(path)
      }
    }
    var normalizer = Normalizer()
    var batch = LineBatch()
    var key: [UInt8] = []
    for file in files {
      let reader = try LineReader(path: file, options: TextOptions(format: .raw))
      while try reader.readBatch(into: &batch, maxLines: 1 << 14, maxBytes: 1 << 22) {
        for i in 0..<batch.count {
          for column in batch.text(i).split(separator: "\t") {
            let bytes = Array(column.utf8)
            normalizer.key(of: bytes.span, into: &key)
            if !key.isEmpty { keys.insert(Hash128(key.span)) }
          }
        }
      }
    }
    for key in keys { digest ^= key.low }
  }

  var isEmpty: Bool { keys.isEmpty }
  /// Number of different sentences.
  package var count: Int { keys.count }

  func contains(_ line: Span<UInt8>, _ normalizer: inout Normalizer) -> Bool {
    if keys.isEmpty { return false }
    var key: [UInt8] = []
    normalizer.key(of: line, into: &key)
    return !key.isEmpty && keys.contains(Hash128(key.span))
  }
}

extension Array where Element == UInt8 {
  init(copying span: Span<UInt8>) {
    self.init()
    reserveCapacity(span.count)
    for i in span.indices { append(span[i]) }
  }
}

extension Hash128 {
  /// One hash of two, in order.
  func joined(with other: Hash128) -> Hash128 {
    var result = self
    result.low = SplitMix64.mix(low ^ SplitMix64.mix(other.low))
    result.high = SplitMix64.mix(high &+ SplitMix64.mix(other.high))
    return result
  }
}

extension Tokenizer {
  var digest: UInt64 {
    let bytes = model
    return Hash128(bytes.span).low
  }
}
