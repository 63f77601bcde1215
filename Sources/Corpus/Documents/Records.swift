import Base

/// A document as it stands in its file.
struct Record: Sendable {
  enum Content: Sendable { case json, text, tsv, base64, html, wikitext }

  var content: Content
  /// Its bytes; in JSON with padding behind them, which `count` leaves out.
  var bytes: [UInt8]
  var count: Int
  /// The id that its surroundings give it.
  var id: String?
  /// Where it begins, for messages: `line 12`.
  var place: String
  /// The encoding that its surroundings name; nil if they name none.
  var encoding: String?
  /// Whether it goes on with the document before.
  var goesOn = false
}

/// Cuts a file into documents, one after the other.
protocol RecordCutter: AnyObject {
  /// The next one; nil at the end. What is left out is counted.
  func next() throws(Failure) -> Record?
  var bytesConsumed: Int { get }
}

/// Counts documents left out, or fails where nothing may be.
struct RecordProblems {
  let name: String
  let strict: Bool
  let counter: DocumentCounter

  /// - Parameter reason: for the summary, such as `too-long`.
  func leaveOut(_ reason: String, at place: String, _ problem: String, remedy: String) throws(Failure) {
    if strict { throw Failure(.badData, name, at: place, problem, remedy: remedy) }
    counter.counts.dropped[reason, default: 0] += 1
    if counter.counts.firstBad == nil { counter.counts.firstBad = "\(place): \(problem)" }
  }

  func tooLong(at place: String, limit: Int) throws(Failure) {
    try leaveOut(
      "too-long", at: place, "the document has more than \(limit) bytes",
      remedy: "raise --max-document-bytes, or leave out --strict to have such documents counted and left out")
  }
}

func recordCutter(
  _ source: any ByteSource, name: String, format: InputFormat, options: TextOptions, isUTF8: Bool,
  counter: DocumentCounter
) throws(Failure) -> any RecordCutter {
  let problems = RecordProblems(name: name, strict: options.strict, counter: counter)
  let limit = options.input.maxDocumentBytes
  return switch format {
  case .paragraphs: ParagraphCutter(source, limit: limit)
  case .tsv: LineCutterOfRecords(source, content: .tsv, limit: limit, problems: problems)
  case .base64: LineCutterOfRecords(source, content: .base64, limit: limit, problems: problems)
  case .html: PageCutter(source, isUTF8: isUTF8, limit: limit, problems: problems)
  case .warc: WarcCutter(source, limit: limit, problems: problems)
  case .wikipedia: try WikipediaCutter(source, isUTF8: isUTF8, limit: limit, problems: problems)
  default: LineCutterOfRecords(source, content: .json, limit: limit, problems: problems)
  }
}

/// A document a line.
final class LineCutterOfRecords: RecordCutter {
  private let cursor: ByteCursor
  private let content: Record.Content
  private let limit: Int
  private let problems: RecordProblems
  private var line = 0

  init(_ source: any ByteSource, content: Record.Content, limit: Int, problems: RecordProblems) {
    cursor = ByteCursor(source)
    self.content = content
    self.limit = limit
    self.problems = problems
  }

  var bytesConsumed: Int { cursor.bytesConsumed }

  func next() throws(Failure) -> Record? {
    while true {
      var bytes: [UInt8] = []
      let taken = try cursor.line(into: &bytes, limit: limit)
      if taken == .atEnd { return nil }
      line += 1
      if line == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
      if taken == .tooLong {
        try problems.tooLong(at: "line \(line)", limit: limit)
        continue
      }
      if bytes.allSatisfy(InputSniff.isSpace) { continue }
      let count = bytes.count
      if content == .json { bytes.append(contentsOf: repeatElement(0, count: JSONObject.padding)) }
      return Record(content: content, bytes: bytes, count: count, place: "line \(line)")
    }
  }
}

/// Documents as runs of lines between blank ones.
final class ParagraphCutter: RecordCutter {
  private let cursor: ByteCursor
  private let limit: Int
  private var line = 0
  private var inDocument = false

  init(_ source: any ByteSource, limit: Int) {
    cursor = ByteCursor(source)
    self.limit = limit
  }

  var bytesConsumed: Int { cursor.bytesConsumed }

  func next() throws(Failure) -> Record? {
    // A file without blank lines is one document: it comes in pieces.
    let piece = min(limit, 1 << 20)
    var bytes: [UInt8] = []
    var first = 0
    let goesOn = inDocument
    inDocument = false
    while true {
      let start = bytes.count
      if try cursor.line(into: &bytes, limit: limit) == .atEnd { break }
      line += 1
      if line == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
      if bytes[start...].allSatisfy(InputSniff.isSpace) {
        bytes.removeLast(bytes.count - start)
        if bytes.isEmpty, !goesOn { continue }
        break
      }
      if first == 0 { first = line }
      bytes.append(UInt8(ascii: "\n"))
      if bytes.count >= piece {
        inDocument = true
        break
      }
    }
    if bytes.isEmpty { return goesOn ? try next() : nil }
    return Record(content: .text, bytes: bytes, count: bytes.count, place: "line \(first)", goesOn: goesOn)
  }
}

/// One page.
final class PageCutter: RecordCutter {
  private let cursor: ByteCursor
  private let isUTF8: Bool
  private let limit: Int
  private let problems: RecordProblems
  private var isDone = false

  init(_ source: any ByteSource, isUTF8: Bool, limit: Int, problems: RecordProblems) {
    cursor = ByteCursor(source)
    self.isUTF8 = isUTF8
    self.limit = limit
    self.problems = problems
  }

  var bytesConsumed: Int { cursor.bytesConsumed }

  func next() throws(Failure) -> Record? {
    if isDone { return nil }
    isDone = true
    var bytes: [UInt8] = []
    if try cursor.take(limit + 1, into: &bytes) > limit {
      try problems.tooLong(at: "offset 0", limit: limit)
      return nil
    }
    return Record(
      content: .html, bytes: bytes, count: bytes.count, place: "offset 0", encoding: isUTF8 ? "UTF-8" : nil)
  }
}

/// The texts and pages of a web archive (WARC 1.0 and 1.1).
final class WarcCutter: RecordCutter {
  private let cursor: ByteCursor
  private let limit: Int
  private let problems: RecordProblems
  /// The line that a damaged record was found to end at: the first of the next one.
  private var version: [UInt8]?

  init(_ source: any ByteSource, limit: Int, problems: RecordProblems) {
    cursor = ByteCursor(source)
    self.limit = limit
    self.problems = problems
  }

  var bytesConsumed: Int { cursor.bytesConsumed }

  private static let begin = Array("WARC/".utf8)

  func next() throws(Failure) -> Record? {
    while true {
      let place = "offset \(cursor.offset)"
      guard try findVersion(place) else { return nil }
      let headers = try headers()
      guard let length = headers["content-length"].flatMap({ Int($0) }), length >= 0 else {
        try problems.leaveOut(
          "bad-record", at: place, "the WARC record says no length", remedy: "the archive is damaged: fetch it again")
        continue
      }
      let type = headers["warc-type"] ?? ""
      let id = headers["warc-target-uri"] ?? headers["warc-record-id"]
      guard ["conversion", "response", "resource"].contains(type) else {
        guard try pass(length, place) else { continue }
        continue
      }
      if length > limit {
        guard try pass(length, place) else { continue }
        try problems.tooLong(at: place, limit: limit)
        continue
      }
      var bytes: [UInt8] = []
      let there = try cursor.take(length, into: &bytes)
      guard try ends(there, length, place) else { continue }
      var media = headers["content-type"] ?? (type == "conversion" ? "text/plain" : "")
      if type == "response" {
        guard let body = HTTPMessage(bytes) else { continue }
        (bytes, media) = (body.content, body.mediaType)
        if body.isEncoded {
          problems.counter.counts.dropped["not-text", default: 0] += 1
          continue
        }
      }
      let kind = media.split(separator: ";").first.map { $0.trimmed().lowercased() } ?? ""
      guard let content: Record.Content = kind == "text/plain" ? .text : kind.contains("html") ? .html : nil else {
        problems.counter.counts.dropped["not-text", default: 0] += 1
        continue
      }
      return Record(
        content: content, bytes: bytes, count: bytes.count, id: id, place: place, encoding: Self.charset(of: media))
    }
  }

  static func charset(of media: String) -> String? {
    for part in media.split(separator: ";").dropFirst() {
      let pair = part.split(separator: "=", maxSplits: 1)
      if pair.count == 2, pair[0].trimmed().lowercased() == "charset" {
        return pair[1].trimmed().replacing("\"", with: "").replacing("'", with: "")
      }
    }
    return nil
  }

  /// Goes to the first line of the next record.
  private func findVersion(_ place: String) throws(Failure) -> Bool {
    if let version {
      self.version = nil
      if version.starts(with: Self.begin) { return true }
    }
    var isLost = false
    while true {
      var line: [UInt8] = []
      if try cursor.line(into: &line, limit: 1 << 16) == .atEnd { return false }
      if line.starts(with: Self.begin) { return true }
      if line.isEmpty || isLost { continue }
      isLost = true
      try problems.leaveOut(
        "bad-record", at: place, "no WARC record begins here", remedy: "the archive is damaged: fetch it again")
    }
  }

  private func headers() throws(Failure) -> [String: String] {
    var headers: [String: String] = [:]
    var size = 0
    while size < 1 << 20 {
      var line: [UInt8] = []
      if try cursor.line(into: &line, limit: 1 << 16) == .atEnd || line.isEmpty { break }
      size += line.count
      let parts = String(decoding: line, as: UTF8.self).split(
        separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { headers[parts[0].trimmed().lowercased()] = String(parts[1].trimmed()) }
    }
    return headers
  }

  private func pass(_ length: Int, _ place: String) throws(Failure) -> Bool {
    try ends(cursor.skip(length), length, place)
  }

  /// Whether a record ends where its length says: with two empty lines, and then another record or the end of the file.
  private func ends(_ there: Int, _ length: Int, _ place: String) throws(Failure) -> Bool {
    if there < length {
      try problems.leaveOut(
        "bad-record", at: place, "the WARC record says \(length) bytes, and the file has \(there) more",
        remedy: "the archive is cut short or its lengths are wrong: fetch it again")
      return false
    }
    var empty = 0
    while true {
      var line: [UInt8] = []
      let taken = try cursor.line(into: &line, limit: 1 << 16)
      if taken == .atEnd { return true }
      if line.isEmpty {
        empty += 1
        continue
      }
      if empty >= 1, line.starts(with: Self.begin) {
        version = line
        return true
      }
      try problems.leaveOut(
        "bad-record", at: place, "the WARC record is not as long as it says (\(length) bytes)",
        remedy: "the archive is damaged: fetch it again")
      // The next record is looked for from here.
      if line.starts(with: Self.begin) { version = line }
      return false
    }
  }
}

/// An answer of a web server.
struct HTTPMessage {
  var content: [UInt8]
  var mediaType = ""
  /// Whether the content is compressed, as few archives keep it.
  var isEncoded = false

  /// nil for what is no answer with content (redirects, errors).
  init?(_ bytes: [UInt8]) {
    guard bytes.starts(with: Array("HTTP/".utf8)) else { return nil }
    var headers: [String: String] = [:]
    var start = 0
    var isFirst = true
    while let end = firstIndex(of: UInt8(ascii: "\n"), in: bytes.span, from: start, to: bytes.count) {
      var line = bytes[start..<end]
      start = end + 1
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      if line.isEmpty { break }
      let text = String(decoding: line, as: UTF8.self)
      if isFirst {
        isFirst = false
        guard text.split(separator: " ").dropFirst().first?.hasPrefix("2") == true else { return nil }
        continue
      }
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { headers[parts[0].trimmed().lowercased()] = String(parts[1].trimmed()) }
    }
    mediaType = headers["content-type"] ?? ""
    let encoding = headers["content-encoding"]?.lowercased() ?? "identity"
    isEncoded = encoding != "identity" && bytes[start...].starts(with: [0x1F, 0x8B])
    content = Array(bytes[start...])
    if headers["transfer-encoding"]?.lowercased().contains("chunked") == true, let whole = Self.unchunked(content) {
      content = whole
    }
  }

  /// nil if it is not chunked after all, as archives leave such headers in.
  private static func unchunked(_ bytes: [UInt8]) -> [UInt8]? {
    var result: [UInt8] = []
    var start = 0
    while let end = firstIndex(of: UInt8(ascii: "\n"), in: bytes.span, from: start, to: bytes.count) {
      let digits = String(decoding: bytes[start..<end].prefix { $0 != UInt8(ascii: ";") && $0 != 13 }, as: UTF8.self)
      guard let size = Int(digits.trimmed(), radix: 16), size >= 0, size <= bytes.count - end - 1 else { return nil }
      if size == 0 { return result }
      result += bytes[(end + 1)..<(end + 1 + size)]
      start = min(bytes.count, end + 1 + size + 2)
    }
    return result.isEmpty ? nil : result
  }
}

extension StringProtocol {
  /// Without white space at the ends.
  func trimmed() -> String {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest = rest.dropFirst() }
    while rest.last?.isWhitespace == true { rest = rest.dropLast() }
    return String(rest)
  }
}

/// The articles of a MediaWiki dump: namespace 0, without redirects.
final class WikipediaCutter: RecordCutter {
  private let events: XMLEvents
  private let limit: Int
  private let problems: RecordProblems

  init(_ source: any ByteSource, isUTF8: Bool, limit: Int, problems: RecordProblems) throws(Failure) {
    events = try XMLEvents(source, name: problems.name, isUTF8: isUTF8)
    self.limit = limit
    self.problems = problems
  }

  var bytesConsumed: Int { events.bytesConsumed }

  func next() throws(Failure) -> Record? {
    var (id, space, isRedirect) = ("", "", false)
    var path: [String] = []
    var text: [UInt8] = []
    var field: [UInt8] = []
    while let event = try events.next() {
      switch event {
      case .start(let name):
        path.append(name)
        field.removeAll(keepingCapacity: true)
        if name == "page" { (id, space, isRedirect, text) = ("", "", false, []) }
        if name == "redirect" { isRedirect = true }
      case .text:
        if path.last == "text" {
          if text.count <= limit { events.appendText(to: &text) }
        } else if field.count < 1 << 10 {
          events.appendText(to: &field)
        }
      case .end(let name):
        path.removeLast(path.isEmpty ? 0 : 1)
        let parent = path.last
        if name == "id", parent == "page", id.isEmpty { id = String(decoding: field, as: UTF8.self) }
        if name == "ns", parent == "page" { space = String(decoding: field, as: UTF8.self) }
        guard name == "page" else { continue }
        if isRedirect || !(space.isEmpty || space == "0") { continue }
        if text.count > limit {
          try problems.tooLong(at: "page \(id)", limit: limit)
          continue
        }
        return Record(
          content: .wikitext, bytes: text, count: text.count, id: id.isEmpty ? nil : id, place: "page \(id)",
          encoding: "UTF-8")
      }
    }
    return nil
  }
}
