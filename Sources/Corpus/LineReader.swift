import Base

/// Streams the lines of a text in batches, in constant memory, from a file or a pipe.
///
/// zstd (any number of frames), gzip (any number of members), xz, bzip2 and plain text are told apart by their first bytes.
/// What is in other layouts than lines is made lines first, as `TextOptions.input` says. Lines end in `\n` or `\r\n`; the last one
/// needs no end. A carriage return elsewhere becomes a space. A byte order mark at the start is removed. A NUL byte means that the
/// input is no text, which is an error.
public final class LineReader {
  /// The input's name for messages: its path, or `standard input`.
  public let name: String
  /// The layout of the file: what was asked for, or what its first bytes say.
  public let inputFormat: InputFormat
  private let source: any ByteSource
  private let counter: DocumentCounter?
  private var cutter: LineCutter
  private var failure: Failure?

  /// Opens a file, or standard input under the path `-`.
  ///
  /// - Throws: `Failure` when the file is missing or unreadable, is a folder, or is in a compression not read here.
  public convenience init(path: String, options: TextOptions = TextOptions()) throws(Failure) {
    let name = path == "-" ? "standard input" : path
    try self.init(source: FileSource(path: path), name: name, options: options)
  }

  /// Opens a plain text in its middle: the lines from one on are handed out as if those before had been read.
  ///
  /// - Parameter place: where that line begins. Behind the first line the bytes are taken as they are: neither a compression
  ///   nor a byte order mark is looked for.
  /// - Throws: `Failure` when the file is missing or unreadable, is a folder, or cannot be read from a place.
  public init(path: String, options: TextOptions = TextOptions(), from place: LinePlace) throws(Failure) {
    precondition(options.maxLineBytes >= 4 && options.maxLineBytes <= 1 << 30)
    name = path
    let file = try FileSource(path: path)
    if place.byte > 0 {
      try file.skip(to: place.byte)
      (source, counter, inputFormat) = (file, nil, .lines)
    } else {
      let input = try TextInput(file, name: path, options: options)
      (source, counter, inputFormat) = (input.source, input.counter, input.format)
    }
    cutter = LineCutter(source: source, name: path, options: options, from: place)
  }

  package init(source: any ByteSource, name: String, options: TextOptions = TextOptions()) throws(Failure) {
    precondition(options.maxLineBytes >= 4 && options.maxLineBytes <= 1 << 30)
    if case .column(let n) = options.format { precondition(n >= 1) }
    self.name = name
    let input = try TextInput(source, name: name, options: options)
    (self.source, counter, inputFormat) = (input.source, input.counter, input.format)
    var options = options
    options.format = input.lineFormat
    cutter = LineCutter(source: self.source, name: name, options: options)
  }

  /// Replaces the content of `batch` by the next lines.
  ///
  /// - Parameters:
  ///   - maxLines: the most lines to read, at least 1.
  ///   - maxBytes: no further line is added once the batch holds this many bytes, 1 to 2^30; the last line may go beyond.
  /// - Returns: false if there are no more lines, and then the batch is empty.
  /// - Throws: `Failure` for damaged compression, bytes that are no text, a missing column, or (if strict) invalid
  ///   UTF-8. The offset in the message counts bytes of text, for damaged compression bytes of the file. Lines before
  ///   the faulty one may be lost; every later call throws the same.
  public func readBatch(
    into batch: inout LineBatch, maxLines: Int = 1 << 14, maxBytes: Int = 1 << 22
  ) throws(Failure) -> Bool {
    precondition(maxLines >= 1 && maxBytes >= 1 && maxBytes <= 1 << 30)
    if let failure { throw failure }
    do {
      try cutter.fill(&batch, maxLines: maxLines, maxBytes: maxBytes)
    } catch {
      failure = error
      throw error
    }
    return batch.count > 0
  }

  /// What was read so far.
  public var report: ReadReport {
    var report = cutter.report
    if let counter { report.documents = counter.counts }
    return report
  }
  /// Bytes of the file used so far, compressed ones if it is compressed.
  public var bytesConsumed: Int { source.bytesConsumed }
  /// The file's size in bytes (compressed if it is compressed), nil for pipes and devices.
  public var totalBytes: Int? { source.totalBytes }
  /// The share of the file that was used, 0 to 1; nil where the size is not known.
  public var progressFraction: Double? {
    totalBytes.map { $0 == 0 ? 1 : min(1, Double(bytesConsumed) / Double($0)) }
  }
}

/// Cuts a byte stream into lines.
///
/// Bytes come in chunks. The whole lines of a chunk are examined together: as a rule they need no change, and are copied
/// to the batch in one piece. Only in a chunk with something to mend is every line looked at on its own.
private struct LineCutter {
  private static let newline = UInt8(ascii: "\n")
  private static let tab = UInt8(ascii: "\t")
  private static let carriageReturn = UInt8(ascii: "\r")
  private static let ampersand = UInt8(ascii: "&")
  private static let chunk = 1 << 18

  let source: any ByteSource
  let name: String
  let options: TextOptions
  var report = ReadReport()

  // Unread bytes are buffer[head..<tail]; those before `whole` are complete lines.
  private var buffer: [UInt8]
  private var head = 0
  private var whole = 0
  private var tail = 0
  /// The offset in the text of buffer[0].
  private var offset: Int
  private var atStart: Bool
  private var atEnd = false
  /// Whether the rest of a line that was cut still has to go by.
  private var skipping = false
  /// Whether a line end has been met.
  private var metNewline: Bool
  /// Whether some line before `whole` may need mending.
  private var mending = false

  /// Lines before the first one that is read.
  private let skipped: Int

  init(source: any ByteSource, name: String, options: TextOptions, from place: LinePlace = LinePlace()) {
    skipped = place.line
    offset = place.byte
    atStart = place.byte == 0
    metNewline = place.byte > 0
    self.source = source
    self.name = name
    self.options = options
    // Room for the longest unfinished line and a chunk after it. A line is known to be too long only with 4 bytes more:
    // its end may be `\r\n`, and to cut it the character across the limit must be seen whole.
    buffer = [UInt8](repeating: 0, count: Self.chunk + options.maxLineBytes + 4)
  }

  mutating func fill(_ batch: inout LineBatch, maxLines: Int, maxBytes: Int) throws(Failure) {
    batch.clear(firstLineNumber: skipped + report.lines + 1)
    while batch.count < maxLines, batch.byteCount < maxBytes {
      if head == whole {
        try refill()
        if head == whole {
          if head == tail { return }
          try takeBeginOfLongLine(&batch)
          continue
        }
      }
      if !mending, try takeLines(&batch, maxLines: maxLines, maxBytes: maxBytes) { continue }
      try takeLine(&batch)
    }
  }

  // MARK: Bytes in

  /// Reads until there is a whole line, the input ends, or the unfinished line is too long to go on.
  private mutating func refill() throws(Failure) {
    moveToFront(&buffer, from: head, to: tail)
    offset += head
    tail -= head
    head = 0
    whole = 0
    while !atEnd {
      var fresh = tail
      let count = try source.read(into: &buffer, at: tail)
      report.bytes += count
      tail += count
      atEnd = count == 0
      if atStart {
        if tail < 3, !atEnd { continue }
        atStart = false
        fresh = 0
        try examineStart()
      }
      if skipping {
        guard let end = firstIndex(of: Self.newline, in: buffer.span, from: 0, to: tail) else {
          offset += tail
          tail = 0
          continue
        }
        skipping = false
        moveToFront(&buffer, from: end + 1, to: tail)
        offset += end + 1
        tail -= end + 1
      }
      if let last = lastIndex(of: Self.newline, in: buffer.span, from: fresh, to: tail) {
        whole = last + 1
        metNewline = true
        try examineLines()
        return
      }
      if tail >= options.maxLineBytes + 4 { return }
    }
    whole = tail
    try checkLineEnds()
    try examineLines()
  }

  /// Refuses a text whose lines end in carriage returns alone: it would be one long line.
  private func checkLineEnds() throws(Failure) {
    if metNewline { return }
    let text = buffer.span
    guard let first = firstIndex(of: Self.carriageReturn, in: text, from: 0, to: tail),
      let last = (first..<tail).last(where: { text[$0] != Self.carriageReturn }), last > first
    else { return }
    throw Failure(
      .badData, name, at: "offset \(offset + first)",
      "has carriage returns for line ends (as of classic Mac OS) and no newline",
      remedy: "convert it with `tr '\\r' '\\n'`")
  }

  /// Removes a byte order mark; refuses UTF-16, which would look like garbage or binary data.
  private mutating func examineStart() throws(Failure) {
    let start = buffer[..<tail].prefix(3)
    if start.elementsEqual([0xEF, 0xBB, 0xBF]) {
      moveToFront(&buffer, from: 3, to: tail)
      offset += 3
      tail -= 3
    } else if start.starts(with: [0xFF, 0xFE]) || start.starts(with: [0xFE, 0xFF]) {
      let encoding = InputSniff.wideEncoding(of: Array(buffer[..<min(tail, 4)])) ?? "UTF-16"
      throw Failure(
        .badData, name, at: "offset 0", "begins with the byte order mark of \(encoding), UTF-8 is expected",
        remedy: "say --encoding \(encoding), or convert it with `iconv -f \(encoding) -t UTF-8`")
    }
  }

  private mutating func examineLines() throws(Failure) {
    let text = buffer
    let lines = text.span.extracting(0..<whole)
    let traits = ByteTraits(of: lines)
    if !traits.isASCII { report.mojibakeLines += Mojibake.lines(in: lines) }
    if traits.hasNUL { throw binary(at: firstIndex(of: 0, in: lines, from: 0, to: whole) ?? 0) }
    mending =
      traits.hasCR || (options.unescape && firstIndex(of: Self.ampersand, in: lines, from: 0, to: whole) != nil)
      || (traits.hasTab && options.format == .text) || !(traits.isASCII || isWellFormed(lines))
  }

  private func binary(at position: Int) -> Failure {
    // Where the NULs stand says which encoding of two or four bytes it may be.
    let encoding = InputSniff.wideEncoding(of: Array(buffer[..<min(tail, InputSniff.size)])) ?? "UTF-16"
    return Failure(
      .badData, name, at: "offset \(offset + position)",
      "holds a NUL byte, so it looks binary; text in UTF-8 is expected",
      remedy:
        "name a text file; if it is \(encoding), say --encoding \(encoding), or convert it with `iconv -f \(encoding) -t UTF-8`"
    )
  }

  // MARK: Lines out

  /// Copies as many lines as the batch takes, all in one piece, up to one that must be handled on its own.
  ///
  /// - Returns: false if that one is the first.
  private mutating func takeLines(_ batch: inout LineBatch, maxLines: Int, maxBytes: Int) throws(Failure) -> Bool {
    let begin = head
    let shift = batch.bytes.count - begin
    let lastStart = begin + (maxBytes - batch.bytes.count)
    var empty = 0
    var position = begin
    let text = buffer  // a second reference, not a copy: nothing writes to it in here
    let span = text.span
    scan: while batch.records.count < maxLines, position < whole, position < lastStart {
      let end = firstIndex(of: Self.newline, in: span, from: position, to: whole) ?? whole
      if end - position > options.maxLineBytes { break }
      var record = (start: position, text: position, end: end)
      switch options.format {
      case .text, .raw: break
      case .idAndText:
        guard let split = firstIndex(of: Self.tab, in: span, from: position, to: end) else {
          throw missingColumn(2, found: 1, line: batch.firstLineNumber + batch.count)
        }
        record.text = split + 1
        if firstIndex(of: Self.tab, in: span, from: split + 1, to: end) != nil { break scan }
      case .column(let n):
        let (range, found) = column(n, of: span, position..<end)
        guard let range else { throw missingColumn(n, found: found, line: batch.firstLineNumber + batch.count) }
        record = (range.lowerBound, range.lowerBound, range.upperBound)
      }
      batch.records.append(
        LineBatch.Record(
          start: UInt32(record.start + shift), text: UInt32(record.text + shift), end: UInt32(record.end + shift)))
      if record.text == record.end { empty += 1 }
      position = min(end + 1, whole)
    }
    append(span.extracting(begin..<position), to: &batch.bytes)
    report.lines = batch.firstLineNumber - 1 - skipped + batch.count
    report.emptyLines += empty
    head = position
    return position > begin
  }

  /// Takes one line, and mends what there is to mend.
  private mutating func takeLine(_ batch: inout LineBatch) throws(Failure) {
    let newline = firstIndex(of: Self.newline, in: buffer.span, from: head, to: whole)
    var end = newline ?? whole
    if end > head, buffer[end - 1] == Self.carriageReturn {
      while end > head, buffer[end - 1] == Self.carriageReturn { end -= 1 }
      report.crlf += 1
    }
    try appendMended(head..<end, to: &batch)
    head = newline.map { $0 + 1 } ?? whole
  }

  /// Takes the begin of a line whose end is not in the buffer, and lets the rest go by.
  private mutating func takeBeginOfLongLine(_ batch: inout LineBatch) throws(Failure) {
    if let nul = firstIndex(of: 0, in: buffer.span, from: 0, to: tail) { throw binary(at: nul) }
    try checkLineEnds()
    try appendMended(0..<tail, to: &batch)
    offset += tail
    tail = 0
    skipping = true
  }

  private mutating func appendMended(_ range: Range<Int>, to batch: inout LineBatch) throws(Failure) {
    let number = skipped + report.lines + 1
    let start = batch.bytes.count
    let text = buffer
    var line = text.span.extracting(range)
    if line.count > options.maxLineBytes {
      line = line.extracting(0..<characterBoundary(in: line, atMost: options.maxLineBytes))
      report.cutLines += 1
    }
    if isWellFormed(line) {
      append(line, to: &batch.bytes)
    } else {
      if options.strict {
        let place = offset + range.lowerBound + (firstInvalid(in: line) ?? 0)
        throw Failure(
          .badData, name, at: "line \(number), offset \(place)", "is not valid UTF-8",
          remedy: "convert the file with iconv, or leave out --strict to have such bytes replaced by U+FFFD")
      }
      report.repairedLines += 1
      appendRepaired(line, to: &batch.bytes)
    }
    replaceCarriageReturns(in: &batch.bytes, from: start)
    if options.unescape { Entities.replace(in: &batch.bytes, from: start) }
    let end = batch.bytes.count
    var record = (start: start, text: start, end: end)
    switch options.format {
    case .text: replaceTabs(in: &batch.bytes, from: start)
    case .raw: break
    case .idAndText:
      guard let split = firstIndex(of: Self.tab, in: batch.bytes.span, from: start, to: end) else {
        throw missingColumn(2, found: 1, line: number)
      }
      record.text = split + 1
      replaceTabs(in: &batch.bytes, from: split + 1)
    case .column(let n):
      let (range, found) = column(n, of: batch.bytes.span, start..<end)
      guard let range else { throw missingColumn(n, found: found, line: number) }
      record = (range.lowerBound, range.lowerBound, range.upperBound)
    }
    batch.records.append(
      LineBatch.Record(start: UInt32(record.start), text: UInt32(record.text), end: UInt32(record.end)))
    report.lines += 1
    if record.text == record.end { report.emptyLines += 1 }
  }

  private mutating func replaceCarriageReturns(in bytes: inout [UInt8], from: Int) {
    var position = from
    while let hit = firstIndex(of: Self.carriageReturn, in: bytes.span, from: position, to: bytes.count) {
      bytes[hit] = UInt8(ascii: " ")
      report.carriageReturns += 1
      position = hit + 1
    }
  }

  private mutating func replaceTabs(in bytes: inout [UInt8], from: Int) {
    var position = from
    while let hit = firstIndex(of: Self.tab, in: bytes.span, from: position, to: bytes.count) {
      bytes[hit] = UInt8(ascii: " ")
      report.tabsReplaced += 1
      position = hit + 1
    }
  }

  private func missingColumn(_ n: Int, found: Int, line: Int) -> Failure {
    let wanted = options.format == .idAndText ? "`id TAB sentence` is expected" : "column \(n) is asked for"
    return Failure(
      .badData, name, at: "line \(line)", "has \(found) tab-separated column\(found == 1 ? "" : "s"), \(wanted)",
      remedy: "check the file, or the option that says what its lines hold")
  }
}

/// Where column `n` (from 1) of a line lies; nil, and the number of columns, if the line has fewer.
func column(_ n: Int, of bytes: Span<UInt8>, _ line: Range<Int>) -> (range: Range<Int>?, found: Int) {
  var start = line.lowerBound
  var number = 1
  while true {
    let end = firstIndex(of: UInt8(ascii: "\t"), in: bytes, from: start, to: line.upperBound)
    if number == n { return (start..<(end ?? line.upperBound), number) }
    guard let end else { return (nil, number) }
    start = end + 1
    number += 1
  }
}
