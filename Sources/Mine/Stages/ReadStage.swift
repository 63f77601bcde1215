import Base
import Corpus
import Formats
import Glibc
import Synchronization
import Work

extension PipelineStages {
  /// Reads a dump and unifies its sentences: lines that the model's tokenizer does not tell apart are one.
  func read(_ side: Side) -> Stage<ReadSummary> {
    let (input, text) = (sides[side.number].input, sides[side.number].text)
    let filter = side == .source ? options.sourceFilter : options.targetFilter
    var settings = ["format": "\(text.format)", "strict": "\(text.strict)", "max_line_bytes": "\(text.maxLineBytes)"]
    if text.unescape { settings["unescape"] = "true" }
    let caseless = (try? configuration())?.lowercase ?? false
    settings["unify"] = caseless ? "blanks, forms, case" : "blanks, forms"
    settings.merge(text.input.digestSettings) { first, _ in first }
    let nearDuplicates = options.dropsNearDuplicates
    if nearDuplicates { settings["near_duplicates"] = "dropped" }
    if let filter { settings.merge(filter.digestSettings) { first, _ in first } }
    let rows = options.aligned ? [side.rowsOfLines] : []
    return Stage(
      "read-\(side)", kind: "read", outputs: [side.text, side.table] + rows,
      inputs: { () throws(Failure) in [.file(input, name: "text")] },
      settings: { [settings] () throws(Failure) in settings }
    ) { [self] () throws(Failure) in
      var dropping: (@Sendable (Span<UInt8>) -> String?)?
      if let filter { dropping = { filter.reason(toDrop: $0)?.rawValue } }
      return try readStage(
        input: input, options: text, text: folder.file(side.text), table: folder.file(side.table), caseless: caseless,
        filter: dropping, dropsNearDuplicates: nearDuplicates,
        lineRows: rows.first.map { folder.file($0) }, threads: threads, job: job)
    }
  }
}

/// What reading and unifying one side gave.
public struct ReadSummary: Sendable, Equatable, Codable {
  /// Lines read.
  public var lines = 0
  /// Lines without anything to see, left out.
  public var empty = 0
  /// Different sentences (see `SentenceKey`): the lines written.
  public var unique = 0
  /// Lines with invalid UTF-8 that was replaced by U+FFFD.
  public var repaired = 0
  /// Lines over the limit, which lost their end.
  public var cut = 0
  /// Lines with signs of UTF-8 that was taken for Latin-1 or Windows-1252 before.
  public var mojibake = 0
  /// Tabs that became spaces.
  public var tabs = 0
  /// Carriage returns inside lines that became spaces.
  public var carriageReturns = 0
  /// Lines that a filter left out, by its reason.
  public var dropped: [String: Int] = [:]
  /// Documents, and what was found in them; nil for plain lines.
  public var documents: DocumentCounts?

  /// Of nothing.
  public init() {}

  private enum CodingKeys: String, CodingKey {
    case lines, empty, unique, repaired, cut, tabs, documents, mojibake
    case carriageReturns = "carriage_returns"
  }
  private static let droppedPrefix = "dropped_"

  /// Reads the counts from a manifest, where `dropped_REASON` stands beside the others.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    lines = try values.decode(Int.self, forKey: .lines)
    empty = try values.decode(Int.self, forKey: .empty)
    unique = try values.decode(Int.self, forKey: .unique)
    repaired = try values.decode(Int.self, forKey: .repaired)
    cut = try values.decode(Int.self, forKey: .cut)
    tabs = try values.decode(Int.self, forKey: .tabs)
    // Manifests of versions before this count have none.
    mojibake = try values.decodeIfPresent(Int.self, forKey: .mojibake) ?? 0
    carriageReturns = try values.decode(Int.self, forKey: .carriageReturns)
    documents = try values.decodeIfPresent(DocumentCounts.self, forKey: .documents)
    let all = try decoder.container(keyedBy: NamedCount.self)
    for key in all.allKeys where key.stringValue.hasPrefix(Self.droppedPrefix) {
      dropped[String(key.stringValue.dropFirst(Self.droppedPrefix.count))] = try all.decode(Int.self, forKey: key)
    }
  }

  /// Writes the counts as they stand in a manifest.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(lines, forKey: .lines)
    try values.encode(empty, forKey: .empty)
    try values.encode(unique, forKey: .unique)
    try values.encode(repaired, forKey: .repaired)
    try values.encode(cut, forKey: .cut)
    try values.encode(tabs, forKey: .tabs)
    try values.encode(mojibake, forKey: .mojibake)
    try values.encode(carriageReturns, forKey: .carriageReturns)
    try values.encodeIfPresent(documents, forKey: .documents)
    var all = encoder.container(keyedBy: NamedCount.self)
    for (reason, count) in dropped {
      try all.encode(count, forKey: NamedCount(stringValue: Self.droppedPrefix + reason))
    }
  }
}

/// Reads a dump and writes each different sentence once, as it stands where it comes first, in the order of these places.
///
/// - Parameters:
///   - text: gets the sentences, one a line, uncompressed.
///   - table: gets a line for each of them: `line TAB count`, and `TAB id` in texts with ids. `line` counts from 0.
///   - caseless: whether lines that differ by case are the same sentence.
///   - filter: says why a line shall be left out; nil keeps it. Called from several threads.
///   - lineRows: if given, gets for every line of the input the number of its sentence, -1 for a line left out: `.npy`, int32.
///   - dropsNearDuplicates: whether sentences go that are nearly the same as one before.
/// - Throws: `Failure` if the input has no sentence, or cannot be read.
func readStage(
  input: String, options: TextOptions, text: String, table: String,
  caseless: Bool = false, filter: (@Sendable (Span<UInt8>) -> String?)? = nil,
  dropsNearDuplicates: Bool = false, lineRows: String? = nil,
  threads: Int = 1, job: Job
) throws(Failure) -> ReadSummary {
  var options = options
  options.input.threads = threads
  let reader = try LineReader(path: input, options: options)
  let sentences = try TextWriter(path: text, compression: .plain)
  var unifier = Unifier()
  var seen = NearDuplicates()
  let keys = SentenceKeys(caseless: caseless, sketching: dropsNearDuplicates)
  // The line and the id of each sentence, until it is known how often it came: in a file, since there may be billions.
  let origins = "\(table).origins.tmp"
  let firsts = try TextWriter(path: origins, compression: .plain)
  defer { unsafe unlink(origins) }
  var summary = ReadSummary()
  var batch = LineBatch()
  var line = 0
  var rowOfLine: [Int32] = []
  var (newSentences, newOrigins) = ([UInt8](), [UInt8]())
  func take(_ batch: LineBatch) throws(Failure) {
    let dropped = if let filter { try reasons(batch, filter, threads: threads) } else { [String?]() }
    let hashes = try keys.hashes(of: batch, threads: threads)
    newSentences.removeAll(keepingCapacity: true)
    newOrigins.removeAll(keepingCapacity: true)
    for i in 0..<batch.count {
      defer { line += 1 }
      var row: Int32 = -1
      defer { if lineRows != nil { rowOfLine.append(row) } }
      guard let (hash, sketch) = hashes[i] else {
        summary.empty += 1
        continue
      }
      if filter != nil, let reason = dropped[i] {
        summary.dropped[reason, default: 0] += 1
        continue
      }
      if dropsNearDuplicates, !unifier.contains(hash), seen.isSeen(sketch) {
        summary.dropped["near-duplicate", default: 0] += 1
        continue
      }
      let outcome = try unifier.insert(hash)
      row = Int32(truncatingIfNeeded: outcome.row)
      if outcome.isNew {
        append(batch[i], to: &newSentences)
        newSentences.append(UInt8(ascii: "\n"))
        append(number: line, to: &newOrigins)
        if options.format == .idAndText {
          newOrigins.append(UInt8(ascii: "\t"))
          append(batch.id(i), to: &newOrigins)
        }
        newOrigins.append(UInt8(ascii: "\n"))
      }
    }
    try sentences.write(newSentences.span)
    try firsts.write(newOrigins.span)
  }
  // The next lines are read while these are unified and written.
  var next = LineBatch()
  var isMore = try reader.readBatch(into: &batch)
  while isMore {
    (isMore, _) = try sideBySide(
      threads: threads, { () throws(Failure) in try reader.readBatch(into: &next) },
      { () throws(Failure) in try take(batch) })
    swap(&batch, &next)
    try job.check(text)
    job.report("reading \(input): \(line) lines", reader.progressFraction)
  }
  guard unifier.count > 0 else {
    let reasons = summary.dropped.sorted { $0.key < $1.key }.map { ", \($0.value) \($0.key)" }.joined()
    throw Failure(
      .badData, reader.name,
      line == 0 ? "has no lines" : "has \(line) lines, of which none is left: \(summary.empty) empty\(reasons)",
      remedy: "name a text with one sentence a line\(reasons.isEmpty ? "" : ", or filter less")")
  }
  try firsts.commit()
  let rows = try TextWriter(path: table, compression: .plain)
  let stored = try LineReader(path: origins, options: TextOptions(format: .raw, maxLineBytes: 1 << 22))
  var row = 0
  while try stored.readBatch(into: &batch) {
    newOrigins.removeAll(keepingCapacity: true)
    for i in 0..<batch.count {
      let origin = batch[i]
      // The count goes behind the first column.
      var split = 0
      while split < origin.count, origin[split] != UInt8(ascii: "\t") { split += 1 }
      append(origin.extracting(0..<split), to: &newOrigins)
      newOrigins.append(UInt8(ascii: "\t"))
      append(number: unifier.multiplicity(row), to: &newOrigins)
      append(origin.extracting(split..<origin.count), to: &newOrigins)
      newOrigins.append(UInt8(ascii: "\n"))
      row += 1
    }
    try rows.write(newOrigins.span)
    try job.check(table)
  }
  try sentences.commit()
  try rows.commit()
  if let lineRows { try Npy.write(rowOfLine, shape: [line], to: lineRows) }
  summary.lines = line
  summary.unique = unifier.count
  if reader.inputFormat != .lines { summary.documents = reader.report.documents }
  summary.repaired = reader.report.repairedLines
  summary.mojibake = reader.report.mojibakeLines
  summary.cut = reader.report.cutLines
  summary.tabs = reader.report.tabsReplaced
  summary.carriageReturns = reader.report.carriageReturns
  return summary
}

/// Hashes of lines' keys, and sketches if they are wanted, made on several threads.
private final class SentenceKeys: Sendable {
  private let caseless: Bool, sketching: Bool
  // Makers keep tables of the characters they have met: those that nobody uses now.
  private let idle = Mutex<[SentenceKey]>([])

  init(caseless: Bool, sketching: Bool) { (self.caseless, self.sketching) = (caseless, sketching) }

  /// nil for a line without anything to see.
  func hashes(of batch: LineBatch, threads: Int) throws(Failure) -> [(hash: Hash128, sketch: [UInt64])?] {
    let piece = 1024
    let parts = try concurrentMap((batch.count + piece - 1) / piece, threads: threads) {
      part -> [(hash: Hash128, sketch: [UInt64])?] in
      var maker = self.idle.withLock { $0.popLast() } ?? SentenceKey(caseless: self.caseless)
      var key: [UInt8] = []
      var hashes: [(hash: Hash128, sketch: [UInt64])?] = []
      for i in part * piece..<min(batch.count, (part + 1) * piece) {
        maker.key(of: batch[i], into: &key)
        let sketch = self.sketching ? NearDuplicates.sketch(ofSentence: key.span) : []
        hashes.append(key.isEmpty ? nil : (Hash128(key.span), sketch))
      }
      self.idle.withLock { [maker] in $0.append(maker) }
      return hashes
    }
    return Array(parts.joined())
  }
}

/// Why each line of a batch shall be left out.
private func reasons(
  _ batch: LineBatch, _ filter: @escaping @Sendable (Span<UInt8>) -> String?, threads: Int
) throws(Failure) -> [String?] {
  let piece = 256
  let parts = try concurrentMap((batch.count + piece - 1) / piece, threads: threads) { part -> [String?] in
    (part * piece..<min(batch.count, (part + 1) * piece)).map { filter(batch[$0]) }
  }
  return Array(parts.joined())
}

/// What `readStage` wrote, as the side of a table of pairs.
func readSide(text: String, table: String) throws(Failure) -> PairSide {
  var side = PairSide()
  let texts = try TextTable(mapping: text)
  let rows = try TextTable(mapping: table)
  var (lines, counts, ids) = ([Int](), [Int](), [String]())
  lines.reserveCapacity(rows.count)
  counts.reserveCapacity(rows.count)
  for row in 0..<rows.count {
    let columns = rows.line(row).split(separator: UInt8(ascii: "\t"), maxSplits: 2, omittingEmptySubsequences: false)
    guard columns.count >= 2, let line = Int(String(decoding: columns[0], as: UTF8.self)),
      let count = Int(String(decoding: columns[1], as: UTF8.self))
    else {
      throw Failure(
        .badData, table, at: "line \(row + 1)", "is not `line TAB count`", remedy: "remove it, so that it is made again"
      )
    }
    lines.append(line)
    counts.append(count)
    if columns.count == 3 { ids.append(String(decoding: columns[2], as: UTF8.self)) }
  }
  guard rows.count == texts.count, ids.isEmpty || ids.count == rows.count else {
    throw Failure(
      .badData, table, "has \(rows.count) lines, but \(text) has \(texts.count)",
      remedy: "remove it, so that it is made again")
  }
  side.texts = texts
  side.lines = lines
  side.counts = counts
  if !ids.isEmpty { side.ids = ids }
  return side
}
