import Base

/// The bytes of a text as lines: decompressed, in UTF-8, and with documents and bitexts taken apart.
struct TextInput {
  let source: any ByteSource
  /// Set where more than plain lines was read.
  let counter: DocumentCounter?
  /// The layout that was found or asked for.
  let format: InputFormat

  /// What its lines hold: what was asked for, or ids where documents have them always.
  let lineFormat: TextOptions.Format

  /// - Parameter source: the bytes as they are in the file.
  /// - Throws: `Failure` for a layout that is not the one asked for, or a compression that is not read.
  init(_ source: any ByteSource, name: String, options: TextOptions) throws(Failure) {
    var options = options
    let input = options.input
    let counter = DocumentCounter()
    var bytes = try decompressing(source, name: name)
    if let encoding = input.encoding, !["UTF-8", "UTF8"].contains(encoding.uppercased()) {
      bytes = try TranscodedSource(bytes, from: encoding, name: name, strict: options.strict, counter: counter)
    }
    // Lines that somebody splits himself are not looked into, unless a bitext was asked for.
    let looks = input.format != .lines || options.format == .text
    guard looks else {
      self.init(
        source: bytes, counter: input.encoding == nil ? nil : counter, format: .lines, lineFormat: options.format)
      return
    }
    // A pipe that says little at a time is waited for only where its first bytes may begin something else than lines.
    var peeked = try PeekedSource(bytes, peeking: 8)
    if InputSniff.maySayMore(peeked.front) { peeked = try PeekedSource(peeked, peeking: InputSniff.size) }
    let format = try Self.format(of: peeked, name: name, options)
    let isUTF8 = input.encoding != nil
    if input.documentsHaveIDs, format.holdsDocuments { options.format = .idAndText }
    switch format {
    case .automatic, .lines:
      self.init(source: peeked, counter: isUTF8 ? counter : nil, format: .lines, lineFormat: options.format)
    case .tmx, .xliff:
      let bitext = try XMLBitext(peeked, name: name, format: format, options: options, isUTF8: isUTF8, counter: counter)
      self.init(source: bitext, counter: counter, format: format, lineFormat: options.format)
    case .sgm:
      self.init(
        source: try SGMSource(peeked, name: name, options: options, counter: counter), counter: counter, format: format,
        lineFormat: options.format)
    default:
      let cutter = try recordCutter(
        peeked, name: name, format: format, options: options, isUTF8: isUTF8, counter: counter)
      let lines = DocumentSource(cutter, of: peeked, name: name, format: format, options: options, counter: counter)
      self.init(source: lines, counter: counter, format: format, lineFormat: options.format)
    }
  }

  private init(source: any ByteSource, counter: DocumentCounter?, format: InputFormat, lineFormat: TextOptions.Format) {
    self.source = source
    self.counter = counter
    self.format = format
    self.lineFormat = lineFormat
  }

  private static func format(of peeked: PeekedSource, name: String, _ options: TextOptions) throws(Failure)
    -> InputFormat
  {
    let asked = options.input.format
    if asked != .automatic, asked != .lines { return asked }
    switch InputSniff.look(at: peeked.front) {
    case .nothing: return options.input.plainIsParagraphs ? .paragraphs : .lines
    case .format(let found):
      if asked == .automatic, options.format != .raw || found.holdsBitext { return found }
      // JSON objects are lines, and may be meant; pairs are read from bitexts alone.
      if found == .jsonLines { return .lines }
      throw Failure(
        .badData, name, at: "offset 0", "is \(title(found)), and one sentence a line was expected",
        remedy: found.holdsBitext
          ? "--format \(found.rawValue) reads it, where the command has that; else `ems split --format \(found.rawValue)` makes lines of it"
          : "--format \(found.rawValue) reads it, where the command has that; else make lines of it with `ems split`")
    case .xml(let element):
      throw Failure(
        .badData, name, at: "offset 0", "is XML\(element.isEmpty ? "" : " of <\(element)>"), and text was expected",
        remedy: "TMX, XLIFF, SGM, HTML and Wikipedia's dumps are read by --format; make lines of anything else first")
    case .jsonArray:
      throw Failure(
        .badData, name, at: "offset 0", "is one JSON array, and one object a line is expected",
        remedy: "make lines of it: `jq -c '.[]' FILE | ems ... -`")
    }
  }

  static func title(_ format: InputFormat) -> String {
    switch format {
    case .tmx: "TMX (XML)"
    case .xliff: "XLIFF (XML)"
    case .sgm: "SGM"
    case .html: "HTML"
    case .wikipedia: "a dump of MediaWiki (XML)"
    case .warc: "a web archive (WARC)"
    case .jsonLines, .hplt, .oscar: "JSON lines"
    default: format.rawValue
    }
  }
}

extension TextOptions {
  /// The layout that a file will be read as: what its first bytes say where `input.format` leaves that open.
  ///
  /// - Throws: `Failure` as `LineReader` does for a file that is missing or of a layout that is not read.
  public func resolvedFormat(of path: String) throws(Failure) -> InputFormat {
    if input.format != .automatic { return input.format }
    let reader = try LineReader(path: path, options: self)
    return reader.inputFormat
  }
}
