import Base

/// The sentences or paragraphs of documents as lines.
///
/// Documents are cut from the file one after the other; then a batch of them is taken apart on several threads, and what comes
/// out is put together in the order of the file.
final class DocumentSource: ByteSource {
  private let cutter: any RecordCutter
  private let underlying: any ByteSource
  private let name: String
  private let options: TextOptions
  private let counter: DocumentCounter
  private let reader: RecordReader
  private var output: [UInt8] = []
  /// Documents that are cut already, and not yet taken apart.
  private var records: [Record] = []
  private var served = 0
  private var layout: JSONLayout?
  private var isFirst = true
  private var number = -1
  private var sentence = 0
  private var offset = 0
  private var currentID: [UInt8] = []
  private var ids = Unifier()
  private var atEnd = false
  private var hasBegun = false
  /// What went wrong in cutting ahead: thrown when what was read before has been handed out.
  private var failure: Failure?
  private var repetition: RepeatedText?

  /// Ids are compared up to so many documents, in 24 bytes each.
  private static let comparedIDs = 1 << 23
  /// Bytes of documents that are taken apart together: enough to keep the threads busy.
  private let batchBytes: Int

  init(
    _ cutter: any RecordCutter, of source: any ByteSource, name: String, format: InputFormat, options: TextOptions,
    counter: DocumentCounter
  ) {
    self.cutter = cutter
    underlying = source
    self.name = name
    self.options = options
    self.counter = counter
    batchBytes = max(1 << 20, options.input.threads << 18)
    reader = RecordReader(options: options, format: format)
    if options.input.cleaning.comparesDocuments { repetition = RepeatedText(options.input.cleaning) }
  }

  var bytesConsumed: Int { cutter.bytesConsumed }
  var totalBytes: Int? { underlying.totalBytes }

  func read(into buffer: inout [UInt8], at offset: Int) throws(Failure) -> Int {
    while served == output.count {
      if atEnd { return 0 }
      output.removeAll(keepingCapacity: true)
      served = 0
      try makeBatch()
    }
    let count = min(buffer.count - offset, output.count - served)
    copy(output, from: served, count: count, into: &buffer, at: offset)
    served += count
    return count
  }

  /// Cuts the next documents from the file.
  ///
  /// - Returns: how many there are; none at the end.
  private func cut() throws(Failure) -> [Record] {
    var records: [Record] = []
    var size = 0
    while size < batchBytes, let record = try cutter.next() {
      size += record.count
      records.append(record)
    }
    return records
  }

  private func makeBatch() throws(Failure) {
    if !hasBegun {
      hasBegun = true
      records = try cut()
    }
    if let failure { throw failure }
    if records.isEmpty {
      atEnd = true
      return
    }
    // Which fields hold the text is decided by the first good object.
    if layout == nil, records.contains(where: { $0.content == .json }) {
      layout = try reader.layout(of: records, name: name)
    }
    let (reader, layout, batch) = (reader, layout, records)
    let threads = options.input.threads
    // Documents differ in size: several in a piece, many pieces for a thread.
    let pieces = min(records.count, max(1, 4 * threads))
    // One of the tasks cuts what the next call takes apart, so that decompression keeps nobody waiting.
    let ahead = CutAhead(cut)
    let parts = try concurrentMap(pieces + 1, threads: threads) { task -> [Document] in
      if task == 0 {
        ahead.run()
        return []
      }
      let piece = task - 1
      let range = batch.count * piece / pieces..<batch.count * (piece + 1) / pieces
      let worker = reader.worker(layout: layout)
      return range.map { worker.read(batch[$0]) }
    }
    (records, failure) = (ahead.records, ahead.failure)
    var lines = output
    output = []
    defer { output = lines }
    for document in parts.joined() { try add(document, to: &lines) }
  }

  /// One task's work on what the other tasks do not touch: the cutter and what it reads from.
  private final class CutAhead: @unchecked Sendable {
    private let body: () throws(Failure) -> [Record]
    private(set) var records: [Record] = []
    private(set) var failure: Failure?

    // Invariant: `run` is called once, by one task; the rest is read when all tasks have ended.
    init(_ body: @escaping () throws(Failure) -> [Record]) { self.body = body }

    func run() {
      do throws(Failure) { records = try body() } catch { failure = error }
    }
  }

  private func add(_ document: Document, to output: inout [UInt8]) throws(Failure) {
    let problems = RecordProblems(name: name, strict: options.strict, counter: counter)
    for (what, count) in document.cleaned { counter.counts.cleaned[what, default: 0] += count }
    counter.counts.invalidCharacters += document.invalid
    if let problem = document.problem {
      number += document.goesOn ? 0 : 1
      return try problems.leaveOut(
        problem.reason, at: document.place, problem.message,
        remedy: "mend the file, or leave out --strict to have such documents counted and left out")
    }
    if !document.goesOn {
      number += 1
      (sentence, offset) = (0, 0)
      if let repetition, let reason = repetition.reason(toDrop: document) {
        counter.counts.dropped[reason, default: 0] += 1
        return
      }
      currentID = try id(of: document)
      if document.ends.isEmpty {
        counter.counts.dropped["no-text", default: 0] += 1
        return
      }
      counter.counts.documents += 1
    }
    let isIDWanted = options.format == .idAndText
    let bytes = document.bytes.span
    let (name, offset) = (currentID, offset)
    var sentence = sentence
    defer { self.sentence = sentence }
    var start = 0
    for (i, end) in document.ends.enumerated() {
      let line = bytes.extracting(start..<Int(end))
      start = Int(end)
      if let repetition, repetition.isBoilerplate(line) {
        counter.counts.cleaned["boilerplate", default: 0] += 1
        sentence += 1
        continue
      }
      if isIDWanted {
        append(name.span, to: &output)
        output.append(UInt8(ascii: ":"))
        append(number: sentence, to: &output)
        if options.input.keepsOffsets {
          output.append(LineOrigin.separator)
          append(number: offset + Int(document.places[i].lowerBound), to: &output)
          output.append(UInt8(ascii: "-"))
          append(number: offset + Int(document.places[i].upperBound), to: &output)
        }
        output.append(UInt8(ascii: "\t"))
      }
      append(line, to: &output)
      output.append(UInt8(ascii: "\n"))
      sentence += 1
    }
    counter.counts.bytes += document.textBytes
    self.offset += document.textBytes
  }

  /// The id of a document without white space, made different from those before.
  private func id(of document: Document) throws(Failure) -> [UInt8] {
    guard options.format == .idAndText else { return [] }
    guard let given = document.id, !given.isEmpty else { return Array("\(number)".utf8) }
    var id = Array(given.utf8.prefix(1 << 10))
    for i in id.indices where id[i] <= 0x20 || id[i] == 0x7F { id[i] = UInt8(ascii: "_") }
    if ids.count < Self.comparedIDs {
      let outcome = try ids.insert(id.span)
      if !outcome.isNew {
        counter.counts.repeatedIDs += 1
        id += "~\(ids.multiplicity(outcome.row))".utf8
      }
    }
    return id
  }
}

/// Copies bytes from one array into another.
private func copy(_ from: [UInt8], from start: Int, count: Int, into buffer: inout [UInt8], at offset: Int) {
  precondition(start + count <= from.count && offset + count <= buffer.count)
  unsafe buffer.withUnsafeMutableBytes { target in
    unsafe from.withUnsafeBytes { source in
      unsafe target.baseAddress!.advanced(by: offset).copyMemory(from: source.baseAddress! + start, byteCount: count)
    }
  }
}

/// Appends a number that is not negative, in decimal digits.
package func append(number: Int, to bytes: inout [UInt8]) {
  unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
    var rest = number
    var first = 20
    repeat {
      first -= 1
      unsafe digits[first] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    } while rest > 0
    unsafe bytes.append(contentsOf: digits[first...])
  }
}

/// A document taken apart.
struct Document: Sendable {
  var place: String
  var goesOn = false
  var id: String?
  /// The lines one after the other, and where each ends.
  var bytes: [UInt8] = []
  var ends: [UInt32] = []
  /// Where each line lies in the text.
  var places: [Range<UInt32>] = []
  /// Bytes of the whole text.
  var textBytes = 0
  /// Why it has no lines.
  var problem: (reason: String, message: String)?
  var cleaned: [String: Int] = [:]
  /// Bytes that were not valid in its encoding.
  var invalid = 0
  /// What near-duplicates share; empty where nobody asks.
  var sketch: [UInt64] = []
}

/// Where JSON objects have their text and their id.
struct JSONLayout: Sendable, Equatable {
  var text: String
  /// Tried in this order.
  var ids: [String]

  static let idNames = ["id", "warc_headers.warc-record-id", "url", "u"]
}

/// Takes records apart: decoding, cleaning, splitting.
struct RecordReader: Sendable {
  let options: TextOptions
  let format: InputFormat
  let splitter: SentenceSplitter?

  init(options: TextOptions, format: InputFormat) {
    self.options = options
    self.format = format
    splitter = options.input.splitting.map { SentenceSplitter($0) }
  }

  /// The fields of the text and the id, by the first object that is one.
  ///
  /// - Throws: `Failure` that lists the fields there if the one asked for is not among them.
  func layout(of records: [Record], name: String) throws(Failure) -> JSONLayout? {
    let ids = options.input.jsonID.map { [$0] } ?? JSONLayout.idNames
    let known: [String] =
      switch format {
      case .hplt: ["text"]
      case .oscar: ["content"]
      default: ["text", "content", "raw_content", "maintext"]
      }
    let names = options.input.jsonField.map { [$0] } ?? known
    let json = JSONObject()
    for record in records {
      if let problem = json.read(record.bytes, count: record.count) {
        // Bytes that are not UTF-8 are mended later.
        guard problem.isEncoding else { continue }
        let mended = Self.mended(record)
        guard json.read(mended.bytes, count: mended.count) == nil else { continue }
      }
      for name in names { if case .text = json.find(name) { return JSONLayout(text: name, ids: ids) } }
      let wanted = names.count == 1 ? "no field \"\(names[0])\"" : "none of the fields \(names.joined(separator: ", "))"
      throw Failure(
        .badData, name, at: record.place, "the JSON object has \(wanted) with a text; its fields are: \(json.fields)",
        remedy: "name the one that holds the text: --json-field PATH, with dots between names")
    }
    return nil
  }

  /// An object with U+FFFD for what is not UTF-8, and its padding.
  static func mended(_ record: Record) -> (bytes: [UInt8], count: Int) {
    var mended: [UInt8] = []
    appendRepaired(record.bytes.span.extracting(0..<record.count), to: &mended)
    let count = mended.count
    mended.append(contentsOf: repeatElement(0, count: JSONObject.padding))
    return (mended, count)
  }

  func worker(layout: JSONLayout?) -> RecordWorker { RecordWorker(self, layout: layout) }
}

/// Takes records apart on one thread.
final class RecordWorker {
  private let reader: RecordReader
  private let layout: JSONLayout?
  private let json: JSONObject?
  private var cleaner: TextCleaner

  init(_ reader: RecordReader, layout: JSONLayout?) {
    self.reader = reader
    self.layout = layout
    json = layout == nil ? nil : JSONObject()
    cleaner = TextCleaner(reader.options.input.cleaning)
  }

  func read(_ record: Record) -> Document {
    var document = Document(place: record.place, goesOn: record.goesOn, id: record.id)
    var text: [UInt8]
    switch record.content {
    case .json:
      guard let found = jsonText(record, &document) else { return document }
      text = found
    case .text:
      text = utf8(record, &document)
    case .tsv:
      let input = reader.options.input
      let bytes = record.bytes.span
      let (found, columns) = column(input.textColumn, of: bytes, 0..<record.count)
      let id = input.idColumn == 0 ? 0..<0 : column(input.idColumn, of: bytes, 0..<record.count).range
      guard let found, let id else {
        let missing = found == nil ? input.textColumn : input.idColumn
        document.problem = (
          "bad-record",
          "the line has \(columns) tab-separated column\(columns == 1 ? "" : "s"), and column \(missing) was asked for"
        )
        return document
      }
      document.id = id.isEmpty ? nil : String(decoding: record.bytes[id], as: UTF8.self)
      text = repaired(Array(record.bytes[found]), &document)
    case .base64:
      guard let decoded = Base64.decode(record.bytes[..<record.count]) else {
        document.problem = ("bad-record", "the line is not base64")
        return document
      }
      text = repaired(decoded, &document)
    case .html:
      guard let page = HTMLText.paragraphs(of: record.bytes, encoding: record.encoding) else {
        document.problem = ("bad-record", "the page cannot be read as HTML")
        return document
      }
      document.cleaned["page-furniture"] = page.left
      text = page.text
    case .wikitext:
      text = WikiText.plain(record.bytes)
    }
    // Nothing behind this line can be a NUL byte, which readers of lines take for binary data.
    if firstIndex(of: 0, in: text.span, from: 0, to: text.count) != nil {
      text.removeAll { $0 == 0 }
      document.cleaned["nul", default: 0] += 1
    }
    cleaner.clean(&text, counting: &document.cleaned)
    document.textBytes = text.count
    lines(of: text, into: &document)
    if reader.options.input.cleaning.dropsNearDuplicates {
      document.sketch = NearDuplicates.sketch(ofDocument: document.bytes.span)
    }
    return document
  }

  private func jsonText(_ record: Record, _ document: inout Document) -> [UInt8]? {
    guard let json, let layout else {
      document.problem = ("invalid-json", "invalid JSON: no object")
      return nil
    }
    if let problem = json.read(record.bytes, count: record.count) {
      guard problem.isEncoding, !reader.options.strict else {
        document.problem = ("invalid-json", "invalid JSON: \(problem.reason)")
        return nil
      }
      let (mended, count) = RecordReader.mended(record)
      if let problem = json.read(mended, count: count) {
        document.problem = ("invalid-json", "invalid JSON: \(problem.reason)")
        return nil
      }
      document.invalid += 1
      return field(json, layout, &document)
    }
    return field(json, layout, &document)
  }

  private func field(_ json: JSONObject, _ layout: JSONLayout, _ document: inout Document) -> [UInt8]? {
    for name in layout.ids {
      if case .text(let id) = json.find(name), !id.isEmpty {
        document.id = String(decoding: id, as: UTF8.self)
        break
      }
    }
    switch json.find(layout.text) {
    case .text(let text): return text
    case .absent: document.problem = ("no-field", "the JSON object has no field \"\(layout.text)\"")
    case .other: document.problem = ("no-field", "the field \"\(layout.text)\" is no text")
    }
    return nil
  }

  /// Text whose surroundings may name another encoding than UTF-8.
  private func utf8(_ record: Record, _ document: inout Document) -> [UInt8] {
    if let encoding = record.encoding, !["utf-8", "utf8", "us-ascii", "ascii"].contains(encoding.lowercased()),
      !isWellFormed(record.bytes.span), let text = Transcoding.utf8(record.bytes, from: encoding)
    {
      return text
    }
    return repaired(record.bytes, &document)
  }

  private func repaired(_ bytes: [UInt8], _ document: inout Document) -> [UInt8] {
    if isWellFormed(bytes.span) { return bytes }
    if reader.options.strict {
      document.problem = ("not-utf8", "the text is not valid UTF-8")
      return []
    }
    var mended: [UInt8] = []
    appendRepaired(bytes.span, to: &mended)
    document.invalid += 1
    return mended
  }

  /// Cuts a text at its newlines, and paragraphs into sentences.
  private func lines(of text: [UInt8], into document: inout Document) {
    if document.problem != nil { return }
    let span = text.span
    var start = 0
    document.bytes.reserveCapacity(text.count)
    // Tabs separate columns in all that is written; a carriage return or another line end would end a line.
    let hasControls = holdsControls(span)
    defer { if hasControls { blankControls(&document.bytes) } }
    while start < text.count {
      let end = firstIndex(of: UInt8(ascii: "\n"), in: span, from: start, to: text.count) ?? text.count
      defer { start = end + 1 }
      guard let (from, to) = trimmed(span, start, end) else { continue }
      if let splitter = reader.splitter {
        splitter.split(span.extracting(from..<to)) { range in
          add(span, from + range.lowerBound, from + range.upperBound, &document)
        }
      } else {
        add(span, from, to, &document)
      }
    }
  }

  private func blankControls(_ bytes: inout [UInt8]) {
    for i in bytes.indices where bytes[i] < 0x20 { bytes[i] = UInt8(ascii: " ") }
  }

  private func add(_ text: Span<UInt8>, _ from: Int, _ to: Int, _ document: inout Document) {
    append(text.extracting(from..<to), to: &document.bytes)
    document.ends.append(UInt32(document.bytes.count))
    document.places.append(UInt32(from)..<UInt32(to))
  }
}

/// The part of a text without white space at its ends; nil if nothing is left.
func trimmed(_ text: Span<UInt8>, _ from: Int, _ to: Int) -> (Int, Int)? {
  var (from, to) = (from, to)
  while from < to {
    let size = spaceLength(text, at: from, to: to)
    if size == 0 { break }
    from += size
  }
  while from < to {
    if text[to - 1] <= 0x20 {
      to -= 1
    } else if to - 2 >= from, text[to - 2] == 0xC2, text[to - 1] == 0xA0 {
      to -= 2
    } else if to - 3 >= from, text[to - 3] == 0xE3, text[to - 2] == 0x80, text[to - 1] == 0x80 {
      to -= 3
    } else {
      break
    }
  }
  return from < to ? (from, to) : nil
}

/// Bytes of the white space (blanks, controls, no-break and ideographic spaces) at a place; 0 if there is none.
@inline(__always)
func spaceLength(_ text: Span<UInt8>, at i: Int, to end: Int) -> Int {
  let byte = text[i]
  if byte <= 0x20 { return 1 }
  if byte == 0xC2, i + 1 < end, text[i + 1] == 0xA0 { return 2 }
  if byte == 0xE3, i + 2 < end, text[i + 1] == 0x80, text[i + 2] == 0x80 { return 3 }
  return 0
}

enum Base64 {
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (i, c) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() {
      values[Int(c)] = UInt8(i)
    }
    values[Int(UInt8(ascii: "-"))] = 62
    values[Int(UInt8(ascii: "_"))] = 63
    return values
  }()

  /// nil for what is not base64.
  static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count / 4 * 3)
    var (bits, count, padding) = (UInt32(0), 0, 0)
    for byte in text {
      if byte <= 0x20 { continue }
      if byte == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      let value = values[Int(byte)]
      if value == 255 || padding > 0 { return nil }
      bits = bits << 6 | UInt32(value)
      count += 1
      if count == 4 {
        result.append(UInt8(truncatingIfNeeded: bits >> 16))
        result.append(UInt8(truncatingIfNeeded: bits >> 8))
        result.append(UInt8(truncatingIfNeeded: bits))
        (bits, count) = (0, 0)
      }
    }
    switch count {
    case 0: break
    case 2: result.append(UInt8(truncatingIfNeeded: bits >> 4))
    case 3:
      result.append(UInt8(truncatingIfNeeded: bits >> 10))
      result.append(UInt8(truncatingIfNeeded: bits >> 2))
    default: return nil
    }
    return result
  }
}
