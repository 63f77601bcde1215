import Base

/// The segments of TMX and XLIFF as lines: of one language, or `source TAB target`.
final class XMLBitext: ByteSource {
  private let events: XMLEvents
  private let name: String
  private let format: InputFormat
  private let counter: DocumentCounter
  private let wanted: [Language]
  private var lines: BitextLines
  private var atEnd = false

  // What is open.
  private var path: [String] = []
  private var codes = 0
  private var unitID = ""
  private var language = ""
  private var languages: [String] = []
  private var segments: [(language: String, text: [UInt8])] = []
  private var text: [UInt8] = []
  private var inSegment = false
  private var units = 0
  private var seen: Set<String> = []
  private var isKnownFormat = false

  init(
    _ source: any ByteSource, name: String, format: InputFormat, options: TextOptions, isUTF8: Bool,
    counter: DocumentCounter
  ) throws(Failure) {
    events = try XMLEvents(source, name: name, isUTF8: isUTF8)
    self.name = name
    self.format = format
    self.counter = counter
    wanted = options.input.languages
    lines = BitextLines(name: name, format: format, options: options, counter: counter)
  }

  var bytesConsumed: Int { events.bytesConsumed }
  var totalBytes: Int? { events.totalBytes }

  func read(into buffer: inout [UInt8], at offset: Int) throws(Failure) -> Int {
    while lines.isEmpty {
      if atEnd { return 0 }
      for _ in 0..<1000 {
        guard let event = try events.next() else {
          atEnd = true
          try lines.finish()
          break
        }
        try take(event)
      }
    }
    return lines.serve(into: &buffer, at: offset)
  }

  /// Elements inside a segment whose content is not its text: codes of a word processor.
  private static let codeElements: Set<String> = ["bpt", "ept", "it", "ph", "ut"]

  private func take(_ event: XMLEvents.Event) throws(Failure) {
    switch event {
    case .start(let element):
      if path.isEmpty { try checkRoot(element) }
      path.append(element)
      if inSegment {
        if Self.codeElements.contains(element) { codes += 1 }
        return
      }
      if format == .tmx { try beginTMX(element) } else { try beginXLIFF(element) }
    case .text:
      if inSegment, codes == 0 { events.appendText(to: &text) }
    case .end(let element):
      path.removeLast(path.isEmpty ? 0 : 1)
      if inSegment, codes > 0 {
        if Self.codeElements.contains(element) { codes -= 1 }
        return
      }
      if format == .tmx { try endTMX(element) } else { try endXLIFF(element) }
    }
  }

  private func checkRoot(_ element: String) throws(Failure) {
    let root = format == .tmx ? "tmx" : "xliff"
    guard element == root else {
      throw Failure(
        .badData, name, at: "offset 0", "begins with <\(element)>, and <\(root)> was expected",
        remedy: "leave out --format to have the layout found, or name the right one")
    }
  }

  private func beginTMX(_ element: String) throws(Failure) {
    switch element {
    case "header":
      let source = events.attribute("srclang") ?? ""
      if source != "*all*" { try lines.prefer(source) }
    case "tu":
      segments.removeAll(keepingCapacity: true)
      unitID = events.attribute("tuid") ?? ""
    case "tuv": language = events.attribute("xml:lang") ?? events.attribute("lang") ?? ""
    case "seg": begin()
    default: break
    }
  }

  private func endTMX(_ element: String) throws(Failure) {
    switch element {
    case "seg": end(language)
    case "tu": try endUnit()
    default: break
    }
  }

  private func beginXLIFF(_ element: String) throws(Failure) {
    switch element {
    case "xliff", "file":
      for (i, names) in [["source-language", "srcLang"], ["target-language", "trgLang"]].enumerated() {
        guard let code = names.lazy.compactMap({ self.events.attribute($0) }).first else { continue }
        if languages.count < 2 { languages = ["", ""] }
        languages[i] = code
        if i == 0 { try lines.prefer(code) }
      }
    case "trans-unit", "segment":
      segments.removeAll(keepingCapacity: true)
      unitID = events.attribute("id") ?? (element == "segment" ? unitID : "")
    case "unit": unitID = events.attribute("id") ?? ""
    case "source", "target":
      guard let parent = path.dropLast().last, parent == "trans-unit" || parent == "segment" else { return }
      if languages.count < 2 { languages = ["", ""] }
      language = events.attribute("xml:lang") ?? languages[element == "source" ? 0 : 1]
      begin()
    default: break
    }
  }

  private func endXLIFF(_ element: String) throws(Failure) {
    switch element {
    case "source", "target": if inSegment { end(language) }
    case "trans-unit", "segment": try endUnit()
    default: break
    }
  }

  private func begin() {
    inSegment = true
    codes = 0
    text.removeAll(keepingCapacity: true)
  }

  private func end(_ language: String) {
    inSegment = false
    segments.append((language, text))
  }

  private func endUnit() throws(Failure) {
    try lines.add(segments, id: unitID.isEmpty ? "\(units)" : unitID)
    units += 1
    segments.removeAll(keepingCapacity: true)
  }
}

/// Chooses the segments of a unit that are wanted and makes lines of them.
struct BitextLines {
  private let name: String
  private let format: InputFormat
  private let options: TextOptions
  private let counter: DocumentCounter
  private var output: [UInt8] = []
  private var served = 0
  /// The languages to write, as they are named: those asked for, or those of the first unit that has two.
  private var chosen: [String]
  private var preferred = ""
  private var seen: [String] = []
  private var written = 0

  init(name: String, format: InputFormat, options: TextOptions, counter: DocumentCounter) {
    self.name = name
    self.format = format
    self.options = options
    self.counter = counter
    chosen = options.input.languages.map(\.code)
  }

  var isEmpty: Bool { served == output.count }

  /// The language that comes first where none was asked for.
  mutating func prefer(_ language: String) throws(Failure) { preferred = language }

  /// Of several segments the one whose language is exactly the one wanted, else one of the same language.
  private static func index(of code: String, in segments: [(language: String, text: [UInt8])]) -> Int? {
    func folded(_ code: String) -> String { code.lowercased().replacing("_", with: "-") }
    if let exact = segments.firstIndex(where: { folded($0.language) == folded(code) }) { return exact }
    guard let wanted = try? Language(parsing: code) else { return nil }
    return segments.firstIndex { (try? Language(parsing: $0.language)) == wanted }
      ?? segments.firstIndex { (try? Language(parsing: $0.language))?.iso3 == wanted.iso3 }
  }

  mutating func add(_ segments: [(language: String, text: [UInt8])], id: String) throws(Failure) {
    for segment in segments where seen.count < 100 && !seen.contains(segment.language) { seen.append(segment.language) }
    if chosen.isEmpty, segments.count >= 2 {
      // Two of three or more languages cannot be guessed.
      let names = Set(segments.map(\.language))
      guard names.count <= 2 else {
        throw Failure(
          .usage, name, "has the languages \(names.sorted().joined(separator: ", ")), and two are read",
          remedy: "name them with --source-language and --target-language")
      }
      let first = Self.index(of: preferred, in: segments) ?? 0
      chosen = [segments[first].language, segments[first == 0 ? 1 : 0].language]
    }
    var columns: [Int] = []
    for code in chosen {
      guard let index = Self.index(of: code, in: segments) else { break }
      columns.append(index)
    }
    guard !chosen.isEmpty, columns.count == chosen.count else {
      counter.counts.dropped["no-translation", default: 0] += 1
      return
    }
    if options.format == .idAndText {
      output += id.utf8.map { $0 <= 0x20 ? UInt8(ascii: "_") : $0 }
      output.append(UInt8(ascii: "\t"))
    }
    for (i, column) in columns.enumerated() {
      if i > 0 { output.append(UInt8(ascii: "\t")) }
      appendLine(segments[column].text)
    }
    output.append(UInt8(ascii: "\n"))
    written += 1
    counter.counts.documents += 1
  }

  /// Fails for a file that has segments, but not in the languages that were asked for.
  mutating func finish() throws(Failure) {
    guard written == 0 else { return }
    let languages = seen.isEmpty ? "no segments" : "segments in \(seen.sorted().joined(separator: ", "))"
    throw Failure(
      .badData, name,
      "has \(languages), and \(chosen.isEmpty ? "two languages" : chosen.joined(separator: " and ")) in one unit are needed",
      remedy: "name the languages as the file does")
  }

  /// White space of any kind is one blank; none at the ends.
  private mutating func appendLine(_ text: [UInt8]) {
    let span = text.span
    guard let (from, to) = trimmed(span, 0, text.count) else { return }
    var inSpace = false
    for i in from..<to {
      let byte = span[i]
      if byte <= 0x20 {
        inSpace = true
        continue
      }
      if inSpace { output.append(UInt8(ascii: " ")) }
      inSpace = false
      output.append(byte)
    }
  }

  mutating func serve(into buffer: inout [UInt8], at offset: Int) -> Int {
    let count = min(buffer.count - offset, output.count - served)
    for i in 0..<count { buffer[offset + i] = output[served + i] }
    served += count
    if served == output.count {
      output.removeAll(keepingCapacity: true)
      served = 0
    }
    return count
  }
}

/// The segments of NIST's and WMT's test sets, SGML or XML: of one file with one language its lines, of one with several those
/// that are asked for.
///
/// Such files often are no XML (an ampersand stands for itself), so that they are read tag by tag.
final class SGMSource: ByteSource {
  private let cursor: ByteCursor
  private let source: any ByteSource
  private let name: String
  private let options: TextOptions
  private var lines: BitextLines
  private var isSingle: Bool?
  private var atEnd = false

  private var buffered: [UInt8] = []
  private var document = ""
  private var language = ""
  private var setLanguage = ""
  private var segments: [(id: String, language: String, text: [UInt8])] = []
  private var segment: (id: String, text: [UInt8])?
  private let counter: DocumentCounter
  private var single: [UInt8] = []
  private var singleServed = 0
  private var line = 0
  private var count = 0

  init(_ source: any ByteSource, name: String, options: TextOptions, counter: DocumentCounter) throws(Failure) {
    self.source = source
    cursor = ByteCursor(source)
    self.name = name
    self.options = options
    self.counter = counter
    lines = BitextLines(name: name, format: .sgm, options: options, counter: counter)
  }

  var bytesConsumed: Int { source.bytesConsumed }
  var totalBytes: Int? { source.totalBytes }

  func read(into buffer: inout [UInt8], at offset: Int) throws(Failure) -> Int {
    while lines.isEmpty, singleServed == single.count {
      if atEnd { return 0 }
      single.removeAll(keepingCapacity: true)
      singleServed = 0
      try step()
    }
    if !lines.isEmpty { return lines.serve(into: &buffer, at: offset) }
    let count = min(buffer.count - offset, single.count - singleServed)
    for i in 0..<count { buffer[offset + i] = single[singleServed + i] }
    singleServed += count
    return count
  }

  /// Takes the next line of the file.
  private func step() throws(Failure) {
    var bytes: [UInt8] = []
    if try cursor.line(into: &bytes, limit: 16 << 20) == .atEnd {
      atEnd = true
      if segment != nil {
        throw Failure(
          .badData, name, at: "line \(line)", "ends within a segment", remedy: "the file is cut short: fetch it again")
      }
      try endDocument()
      guard count > 0 else {
        throw Failure(.badData, name, "has no segments (<seg>)", remedy: "check that it is a test set in SGM")
      }
      return
    }
    line += 1
    var i = 0
    while i < bytes.count {
      if bytes[i] == UInt8(ascii: "<"), i + 1 < bytes.count, Self.beginsTag(bytes[i + 1]),
        let end = firstIndex(of: UInt8(ascii: ">"), in: bytes.span, from: i, to: bytes.count)
      {
        try tag(String(decoding: bytes[(i + 1)..<end], as: UTF8.self))
        i = end + 1
      } else {
        segment?.text.append(bytes[i])
        i += 1
      }
    }
    segment?.text.append(UInt8(ascii: " "))
  }

  private static func beginsTag(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?")
      || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
  }

  private func tag(_ tag: String) throws(Failure) {
    let name = tag.prefix { !$0.isWhitespace }.lowercased()
    func attribute(_ wanted: String) -> String? {
      var rest = tag.dropFirst(name.count)
      while let equals = rest.firstIndex(of: "=") {
        let key = rest[..<equals].trimmed().lowercased()
        rest = rest[rest.index(after: equals)...].drop(while: \.isWhitespace)
        let value: Substring
        if let quote = rest.first, quote == "\"" || quote == "'" {
          rest = rest.dropFirst()
          value = rest.prefix { $0 != quote }
          rest = rest.dropFirst(value.count + 1)
        } else {
          value = rest.prefix { !$0.isWhitespace && $0 != "/" }
          rest = rest.dropFirst(value.count)
        }
        if key == wanted { return String(decoding: Entities.resolved(Array(value.utf8)), as: UTF8.self) }
      }
      return nil
    }
    switch name {
    case "srcset", "src": language = attribute(name == "src" ? "lang" : "srclang") ?? language
    case "refset", "tstset": language = attribute("trglang") ?? language
    case "ref", "hyp": language = attribute("lang") ?? language
    case "doc", "/doc":
      try endDocument()
      if name == "doc" { document = attribute("docid") ?? attribute("id") ?? document }
    case "seg": segment = (attribute("id") ?? "\(segments.count)", [])
    case "/seg":
      if let segment {
        segments.append((segment.id, language, Entities.resolved(segment.text)))
        count += 1
      }
      segment = nil
    default: break
    }
  }

  /// Lines of a document: of the one language there, or pairs of segments with the same id.
  private func endDocument() throws(Failure) {
    defer { segments.removeAll(keepingCapacity: true) }
    if segments.isEmpty { return }
    var languages: [String] = []
    for segment in segments where !languages.contains(segment.language) { languages.append(segment.language) }
    if languages.count == 1 {
      guard options.input.languages.count < 2 else {
        throw Failure(
          .badData, name, "has segments in one language, and pairs are read",
          remedy: "name two files, of the source and of the target")
      }
      for segment in segments {
        if options.format == .idAndText {
          single += "\(document):\(segment.id)".utf8.map { $0 <= 0x20 ? UInt8(ascii: "_") : $0 }
          single.append(UInt8(ascii: "\t"))
        }
        if let (from, to) = trimmed(segment.text.span, 0, segment.text.count) {
          single += segment.text[from..<to].map { $0 < 0x20 ? 0x20 : $0 }
        }
        single.append(UInt8(ascii: "\n"))
        counter.counts.documents += 1
      }
      return
    }
    for first in segments where first.language == languages[0] {
      let unit = segments.filter { $0.id == first.id }.map { (language: $0.language, text: $0.text) }
      try lines.add(unit, id: "\(document):\(first.id)")
    }
  }
}
