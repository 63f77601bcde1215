import Base
import Corpus
import Encoder
import Foundation

/// What became of a corpus on its way into the cache.
public struct PreparationReport: Codable, Sendable, Equatable {
  /// Lines of the file, and those of them in the cache.
  public var lines = 0, kept = 0
  /// Left out: one side empty, the same pair seen before, of an excluded origin, or with a side in a test file.
  public var oneSided = 0, duplicates = 0, excluded = 0, contaminated = 0
  /// Tokens of both sides.
  public var tokens = 0
}

/// A corpus as token ids, memory-mapped: two `.npy` files, the pairs' records one after the other and where they begin.
///
/// A record is [length of the source, length of the target, source ids, target ids].
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
  private let wide: Bool

  private init(
    _ corpus: TrainingCorpus, _ report: PreparationReport, digest: String, records: MappedFile, offsets: MappedFile,
    wide: Bool
  ) throws(Failure) {
    self.corpus = corpus
    self.digest = digest
    self.report = report
    self.records = records
    self.offsets = offsets
    self.wide = wide
    count = (offsets.count - Npy.headerSize) / 8 - 1
    guard count == report.kept, offsets.count == Npy.headerSize + 8 * (count + 1),
      offset(count) == (records.count - Npy.headerSize) / (wide ? 4 : 2)
    else {
      throw Failure(.badData, records.path, "is not what was written there", remedy: "delete the run's cache folder")
    }
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
  ///   - forbidden: keys of the sentences that must not occur
  ///   - made: whether another process has made it, so that its absence is a failure
  package static func open(
    _ corpus: TrainingCorpus, tokenizer: Tokenizer, configuration: Configuration, forbidden: ForbiddenSentences,
    folder: String, threads: Int, made: Bool = false
  ) throws(Failure) -> TokenCache {
    let input = try MappedFile(path: corpus.path)
    let content = Hash128(Span<UInt8>(_bytes: input.bytes))
    let settings =
      "1 \(content.high) \(content.low) \(tokenizer.digest) \(configuration.lowercase) "
      + "\(configuration.maxPositionEmbeddings) \(forbidden.digest) \(corpus.excludedOrigins.sorted())"
    let name = String(Hash128(Array(settings.utf8).span).low, radix: 16)
    let base = "\(folder)/\(corpus.source)-\(corpus.target)-\(name)"
    let wide = configuration.vocabSize > 65_536
    let (recordsPath, offsetsPath, reportPath) = ("\(base).tokens.npy", "\(base).offsets.npy", "\(base).json")
    if let json = FileManager.default.contents(atPath: reportPath),
      let report = try? JSONDecoder().decode(PreparationReport.self, from: json)
    {
      return try TokenCache(
        corpus, report, digest: name, records: MappedFile(path: recordsPath), offsets: MappedFile(path: offsetsPath),
        wide: wide)
    }

    guard !made else {
      throw Failure(
        .missingInput, reportPath, "is not here, although rank 0 made it",
        remedy: "output and data must be the same files on every machine of the run")
    }

    var report = PreparationReport()
    let reader = try PairReader(path: corpus.path)
    let records = try NpyVector(path: recordsPath, type: wide ? "<i4" : "<u2")
    let offsets = try NpyVector(path: offsetsPath, type: "<i8")
    try offsets.append([Int64(0)])
    var seen = Set<Hash128>()
    var batch = PairBatch()
    var position: Int64 = 0
    var normalizer = Normalizer()
    let excluded = Set(corpus.excludedOrigins)
    while try reader.readBatch(into: &batch) {
      // What is kept is decided in the order of the lines; cutting into tokens is what takes the time.
      var kept: [Int] = []
      for i in 0..<batch.count {
        if !excluded.isEmpty, excluded.contains(String(decoding: Array(copying: batch.rest(i)), as: UTF8.self)) {
          report.excluded += 1
        } else if forbidden.contains(batch.source(i), &normalizer) || forbidden.contains(batch.target(i), &normalizer) {
          report.contaminated += 1
        } else if !seen.insert(Hash128(batch.source(i)).joined(with: Hash128(batch.target(i)))).inserted {
          report.duplicates += 1
        } else {
          kept.append(i)
        }
      }
      let current = batch
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
            current.source(i).bytes, lowercase: configuration.lowercase, limit: limit, into: &ids)
          let target = try unsafe tokenizer.encode(
            current.target(i).bytes, lowercase: configuration.lowercase, limit: limit, into: &ids)
          ids[start] = Int32(source)
          ids[start + 1] = Int32(target)
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
    report.lines = reader.report.lines
    report.oneSided = reader.skippedLines
    guard report.kept > 0 else {
      throw Failure(
        .badData, corpus.path,
        report.lines == 0 ? "has no lines" : "none of its \(report.lines) lines is left to train on: \(report)",
        remedy: "take it out of data")
    }
    try records.commit()
    try offsets.commit()
    // The report comes last: a cache without one is made again.
    try JSONFile.write(report, to: reportPath)
    return try TokenCache(
      corpus, report, digest: name, records: MappedFile(path: recordsPath), offsets: MappedFile(path: offsetsPath),
      wide: wide)
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
    result.low = mix(low ^ mix(other.low))
    result.high = mix(high &+ mix(other.high))
    return result
  }
}

extension Tokenizer {
  var digest: UInt64 {
    let bytes = model
    return Hash128(bytes.span).low
  }
}
