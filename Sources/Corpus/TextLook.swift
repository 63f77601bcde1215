import Base
import Glibc

/// A look at the first lines of a text before hours are spent on it: is it what it is taken for?
public struct TextLook: Sendable {
  /// The lines that are looked at.
  public static let lines = 1000

  /// What may be wrong, in words for the user.
  public private(set) var warnings: [String] = []
  /// The language that most lines are surely in, if that is another than the expected one.
  public private(set) var otherLanguage: Language?

  /// Looks at a file; a pipe, whose beginning cannot be read twice, is not looked at.
  ///
  /// - Parameters:
  ///   - options: how the lines will be read.
  ///   - language: what the text should be in; nil if nobody said.
  /// - Throws: `Failure` for a file that cannot be read, and of the kind `badData` for one that is JSON, XML, TMX or WARC: their marks
  ///   would be taken for sentences.
  public init(
    path: String, options: TextOptions = TextOptions(), language: Language? = nil,
    identifier: LanguageIdentifier = LanguageIdentifier()
  ) throws(Failure) {
    var status = stat()
    guard path != "-", unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
    // Documents and bitexts are taken apart by their readers, which say what is wrong with them.
    let layout = try LineReader(path: path, options: options).inputFormat
    if layout != .automatic, layout != .lines { return }
    var raw = options
    raw.format = .raw
    raw.input.format = .lines
    let reader = try LineReader(path: path, options: raw)
    var batch = LineBatch()
    guard try reader.readBatch(into: &batch, maxLines: Self.lines, maxBytes: 4 << 20) else { return }
    let all = (0..<batch.count).map { batch.text($0) }
    let full = all.filter { $0.contains { !$0.isWhitespace } }
    if full.isEmpty { return }
    try Self.refuseMarkup(full, path)
    checkEncoding(all, repaired: reader.report.repairedLines, path)
    var bytes: [UInt8] = []
    for line in all { bytes += Array(line.utf8) + [UInt8(ascii: "\n")] }
    if let warning = Self.mojibakeWarning(path, Mojibake.lines(in: bytes.span), of: all.count, "the first ") {
      warnings.append(warning)
    }
    if options.format == .text { checkColumns(full, path) }
    if let language { checkLanguage(full.map { Self.sentence($0, options.format) }, language, identifier, path) }
  }

  private static func sentence(_ line: String, _ format: TextOptions.Format) -> String {
    let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
    switch format {
    case .text, .raw: return line
    case .idAndText: return columns.dropFirst().joined(separator: " ")
    case .column(let n): return n <= columns.count ? String(columns[n - 1]) : ""
    }
  }

  // MARK: markup

  private static func refuseMarkup(_ lines: [String], _ path: String) throws(Failure) {
    let first = lines[0].drop { $0.isWhitespace }.prefix(200).lowercased()
    func refuse(_ what: String, _ remedy: String) -> Failure {
      Failure(.badData, path, "looks like \(what); a text with one sentence a line is expected", remedy: remedy)
    }
    if first.hasPrefix("warc/") {
      throw refuse("a WARC archive", "extract its text first, one sentence a line")
    }
    if first.hasPrefix("<tmx") || lines.prefix(20).contains(where: { $0.contains("<tmx") }) {
      throw refuse("TMX, an XML file of translation units", "extract the segments of one language first, one a line")
    }
    let openings = ["<?xml", "<!doctype", "<srcset", "<refset", "<tstset", "<mteval", "<html", "<dataset", "<document"]
    let tagged = lines.count {
      $0.hasPrefix("<") && $0.hasSuffix(">") && ($0.dropFirst().first.map { $0.isLetter || $0 == "/" } ?? false)
    }
    if openings.contains(where: { first.hasPrefix($0) }) || (lines.count >= 3 && tagged * 10 >= lines.count * 6) {
      throw refuse("XML, SGML or HTML", "extract its sentences first, one a line")
    }
    let objects = lines.count { line in
      let text = line.drop { $0.isWhitespace }
      return text.hasPrefix("{") && line.hasSuffix("}") && text.contains("\":")
    }
    if objects * 10 >= lines.count * 9 || first.hasPrefix("[{") || (first == "[" && lines.count > 1) {
      throw refuse("JSON", "take the sentences out first, for instance with `jq -r .text`")
    }
  }

  // MARK: what may be meant

  private mutating func checkEncoding(_ lines: [String], repaired: Int, _ path: String) {
    let foreign = lines.count { $0.utf8.contains { $0 >= 0x80 } }
    guard repaired >= 3, repaired * 5 >= foreign else { return }
    warnings.append(
      "\(path): \(repaired) of the first \(lines.count) lines are not UTF-8; if it is in Latin-1 or Windows's code, convert it with `iconv -f WINDOWS-1252 -t UTF-8`"
    )
  }

  /// What to say of a text with signs of UTF-8 that was taken for another encoding; nil where a line in a hundred or fewer has any.
  ///
  /// - Parameters:
  ///   - count: the lines with such signs, of `all`.
  ///   - which: goes before the number of all lines: `the first `.
  public static func mojibakeWarning(_ path: String, _ count: Int, of all: Int, _ which: String = "") -> String? {
    guard count >= 3, count * 100 > all else { return nil }
    return
      "\(path): \(count) of \(which)\(all) lines look like UTF-8 that was taken for Latin-1 or Windows-1252 (\"Ã©\"); if all of it is, `iconv -f UTF-8 -t WINDOWS-1252` turns it back"
  }

  private mutating func checkColumns(_ lines: [String], _ path: String) {
    let columns = lines.map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
    guard lines.count >= 2, columns.count(where: { $0.count > 1 }) * 10 >= lines.count * 9 else { return }
    let ids = columns.map { $0[0] }
    let areIDs =
      columns.allSatisfy { $0.count == 2 }
      && ids.allSatisfy { !$0.isEmpty && !$0.contains(" ") && $0.contains { $0.isNumber } }
      && Set(ids).count == ids.count
    warnings.append(
      areIDs
        ? "\(path): its lines look like `id TAB sentence`; --ids says so"
        : "\(path): its lines are tab-separated columns, and are taken for sentences as a whole; --column says which column is the sentence"
    )
  }

  private mutating func checkLanguage(
    _ sentences: [String], _ language: Language, _ identifier: LanguageIdentifier, _ path: String
  ) {
    guard Language.all.contains(where: { identifier.knows($0) && language.isEasilyTaken(for: $0) }) else { return }
    var (expected, others): (Int, [Language: Int]) = (0, [:])
    for sentence in sentences {
      guard let found = identifier.identify(sentence), found.reliable, let named = found.language else { continue }
      if language.isEasilyTaken(for: named) { expected += 1 } else { others[named, default: 0] += 1 }
    }
    guard let most = others.max(by: { ($0.value, $1.key.code) < ($1.value, $0.key.code) }),
      most.value >= 5, most.value > 2 * expected, most.value * 2 > others.values.reduce(expected, +)
    else { return }
    otherLanguage = most.key
    warnings.append("\(path): most lines seem to be in \(most.key.name) (\(most.key.code)), not in \(language.name)")
  }

  /// What two looks say together: that the sides or their languages are swapped, or what each has to say.
  public static func warnings(_ source: TextLook, _ target: TextLook, languages: (Language?, Language?)) -> [String] {
    guard let first = source.otherLanguage, let second = target.otherLanguage, let (a, b) = both(languages),
      first.isEasilyTaken(for: b), second.isEasilyTaken(for: a)
    else { return source.warnings + target.warnings }
    return [
      "the source seems to be in \(first.name) and the target in \(second.name): are the two texts, or their languages, swapped?"
    ] + (source.warnings + target.warnings).filter { !$0.contains("most lines seem to be in") }
  }

  private static func both(_ pair: (Language?, Language?)) -> (Language, Language)? {
    if let a = pair.0, let b = pair.1 { return (a, b) }
    return nil
  }
}
