import Base

/// How a file of texts is laid out. The raw value is its name on the command line.
public enum InputFormat: String, Sendable, CaseIterable {
  /// What the first bytes say; one sentence a line if they say nothing.
  case automatic = "auto"
  /// One sentence a line, with an id or in a column as `TextOptions.Format` says.
  case lines
  /// Documents as paragraphs, one a line, with blank lines between documents: CC-100, WMT's news crawls by document.
  case paragraphs
  /// Documents as JSON objects, one a line.
  case jsonLines = "jsonl"
  /// JSON lines as HPLT publishes them: `text`, `id`.
  case hplt
  /// JSON lines as OSCAR publishes them: `content`, `warc_headers.warc-record-id`.
  case oscar
  /// A document a line in tab-separated columns: `InputOptions.textColumn` and `idColumn` say which.
  case tsv
  /// A document a line, base64 of its text, as bitextor and ParaCrawl keep them.
  case base64
  /// Web archives: text records (WET), pages and plain texts of responses.
  case warc
  /// One HTML page.
  case html
  /// A dump of Wikipedia or another MediaWiki: articles without redirects and markup.
  case wikipedia
  /// Translation Memory eXchange.
  case tmx
  /// NIST's and WMT's test sets, SGML or XML.
  case sgm
  /// XLIFF 1.2 and 2.
  case xliff

  /// Whether it holds documents, which have ids and paragraphs.
  public var holdsDocuments: Bool {
    switch self {
    case .paragraphs, .jsonLines, .hplt, .oscar, .tsv, .base64, .warc, .html, .wikipedia: true
    case .automatic, .lines, .tmx, .sgm, .xliff: false
    }
  }

  /// Whether it holds sentences with their translations.
  public var holdsBitext: Bool { self == .tmx || self == .sgm || self == .xliff }
}

/// How texts are taken out of a file, before they are lines.
public struct InputOptions: Sendable, Equatable {
  /// The layout.
  public var format: InputFormat
  /// The encoding, by a name that iconv knows; nil is UTF-8.
  public var encoding: String?
  /// In JSON lines the path of the text, names joined by dots; nil for `text`, else `content`.
  public var jsonField: String?
  /// In JSON lines the path of the document's id; nil for `id`, else `warc_headers.warc-record-id`, `url` or `u`.
  public var jsonID: String?
  /// In tab-separated documents the column of the text, counted from 1.
  public var textColumn = 2
  /// In tab-separated documents the column of the document's id, counted from 1; 0 where there is none.
  public var idColumn = 1
  /// Of a bitext the language that is read, or source and target; empty for the two that are there, in their order.
  public var languages: [Language]
  /// How the paragraphs of documents are cut into sentences; nil leaves a paragraph a line.
  public var splitting: SplitOptions?
  /// What is taken out of the texts of documents.
  public var cleaning: CleaningOptions
  /// Documents that take more bytes are left out and counted, 1 KiB to 1 GiB. Plain paragraphs are cut there instead.
  public var maxDocumentBytes: Int
  /// Whether ids carry where in its document a sentence lies (`LineOrigin`).
  package var keepsOffsets: Bool
  /// Whether what would be plain lines is read as paragraphs of documents.
  public var plainIsParagraphs = false
  /// Whether lines made of documents have ids whatever the format of lines is.
  public var documentsHaveIDs = false
  /// Threads that take documents apart. No influence on the result.
  public var threads: Int

  /// Lines of UTF-8.
  public init(
    format: InputFormat = .lines, encoding: String? = nil, jsonField: String? = nil, jsonID: String? = nil,
    languages: [Language] = [], splitting: SplitOptions? = nil, cleaning: CleaningOptions = CleaningOptions(),
    maxDocumentBytes: Int = 32 << 20, threads: Int = 1
  ) {
    self.format = format
    self.encoding = encoding
    self.jsonField = jsonField
    self.jsonID = jsonID
    self.languages = languages
    self.splitting = splitting
    self.cleaning = cleaning
    self.maxDocumentBytes = maxDocumentBytes
    keepsOffsets = false
    self.threads = threads
  }

  /// All that decides which lines come out, for a stage's record of its settings; empty for plain lines.
  public var digestSettings: [String: String] {
    if self == InputOptions(threads: threads) { return [:] }
    var settings = ["input-format": format.rawValue, "input-max-document-bytes": "\(maxDocumentBytes)"]
    settings["input-encoding"] = encoding
    settings["input-json-field"] = jsonField
    settings["input-json-id"] = jsonID
    if format == .tsv { settings["input-columns"] = "\(idColumn),\(textColumn)" }
    if !languages.isEmpty { settings["input-languages"] = languages.map(\.code).joined(separator: ",") }
    if keepsOffsets { settings["input-offsets"] = "1" }
    if let splitting { settings.merge(splitting.digestSettings) { first, _ in first } }
    settings.merge(cleaning.digestSettings) { first, _ in first }
    return settings
  }
}

/// What was found in documents, and what was left out.
public struct DocumentCounts: Sendable, Equatable, Codable {
  /// Documents handed out.
  public var documents = 0
  /// Bytes of their text.
  public var bytes = 0
  /// Documents or records left out, by reason: `invalid-json`, `no-text`, `too-long`, `bad-record`, `not-text`, ...
  public var dropped: [String: Int] = [:]
  /// The first one that was left out for being damaged: its place and what is wrong.
  public var firstBad: String?
  /// Documents whose id came before; `~2`, `~3`, ... was added to it.
  public var repeatedIDs = 0
  /// Bytes that were not valid in the encoding and became U+FFFD.
  public var invalidCharacters = 0
  /// Things taken out or put right by cleaning, by what they are.
  public var cleaned: [String: Int] = [:]

  private enum CodingKeys: String, CodingKey {
    case documents, bytes, dropped, cleaned
    case firstBad = "first_bad"
    case repeatedIDs = "repeated_ids"
    case invalidCharacters = "invalid_characters"
  }

  /// Of nothing.
  public init() {}
}

/// Counts while a file is read, on the thread that reads it.
package final class DocumentCounter {
  package var counts = DocumentCounts()

  package init() {}
}

/// Where a sentence comes from: `document:sentence`, and its place in the document's text where that was kept.
public struct LineOrigin: Sendable, Equatable {
  /// The document's id, else its number from 0.
  public var document: String
  /// The number of the sentence in the document, from 0; nil for an id that is not of that form.
  public var sentence: Int?
  /// Where the sentence begins and ends in the document's text, in bytes of UTF-8.
  public var bytes: Range<Int>?

  /// What stands between the id and the place.
  static let separator: UInt8 = 0x1F

  /// Parts an id.
  public init(id: String) {
    var rest = Substring(id)
    if let split = rest.utf8.lastIndex(of: Self.separator) {
      let ends = rest[rest.utf8.index(after: split)...].split(separator: "-").compactMap { Int($0) }
      if ends.count == 2, ends[0] <= ends[1] { bytes = ends[0]..<ends[1] }
      rest = rest[..<split]
    }
    if let colon = rest.utf8.lastIndex(of: UInt8(ascii: ":")), let number = Int(rest[rest.utf8.index(after: colon)...])
    {
      sentence = number
      document = String(rest[..<colon])
    } else {
      document = String(rest)
    }
  }

  /// An id without the place in the document: what people see.
  public static func visible(_ id: String) -> String {
    id.utf8.lastIndex(of: separator).map { String(id[..<$0]) } ?? id
  }
}
