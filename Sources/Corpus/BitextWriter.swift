import Base

/// How pairs of sentences are written, told by the name of the file.
public enum BitextFormat: Sendable, Equatable {
  /// Tab-separated columns.
  case table
  /// A JSON object a line.
  case jsonLines
  /// Two aligned texts; `%s` in the name stands for the language.
  case moses
  /// TMX 1.4.
  case tmx

  /// By the last suffix that is not one of compression: `.jsonl`, `.ndjson`, `.json`, `.tmx`; by `%s` in the name.
  public init(path: String) {
    var name = path[...]
    for suffix in [".zst", ".zstd", ".gz"] where name.hasSuffix(suffix) { name = name.dropLast(suffix.count) }
    self =
      if name.contains("%s") {
        .moses
      } else if [".jsonl", ".ndjson", ".json"].contains(where: { name.hasSuffix($0) }) {
        .jsonLines
      } else if name.hasSuffix(".tmx") {
        .tmx
      } else {
        .table
      }
  }

  /// The files that are written under a name.
  public static func files(_ path: String, languages: [String?]) -> [String] {
    guard BitextFormat(path: path) == .moses else { return [path] }
    let names = [languages[0] ?? "source", languages[1] ?? "target"]
    // The same language on both sides still makes two files.
    return (names[0] == names[1] ? ["\(names[0]).source", "\(names[1]).target"] : names).map {
      path.replacing("%s", with: $0)
    }
  }
}

/// A pair of sentences and what is known of it.
public struct BitextUnit: Sendable {
  /// A property's value.
  public enum Value: Sendable {
    /// As it stands in JSON.
    case number(String)
    case text(String)
  }

  /// The sentences, well-formed UTF-8.
  public var source: [UInt8], target: [UInt8]
  /// Names as in JSON (`source_row`), in the order in which they are written.
  public var properties: [(name: String, value: Value)]

  /// A pair.
  public init(source: [UInt8], target: [UInt8], properties: [(name: String, value: Value)] = []) {
    self.source = source
    self.target = target
    self.properties = properties
  }
}

/// Writes pairs in one of the formats but tables, whose columns are for their writers to choose.
public final class BitextWriter {
  private let format: BitextFormat
  private let files: [TextWriter]
  private let languages: [String?]
  private var units = 0
  private var line: [UInt8] = []

  /// Creates the file, or the two files of Moses.
  ///
  /// - Parameters:
  ///   - path: its suffixes say the format and the compression.
  ///   - languages: the codes of the source and the target.
  /// - Throws: `Failure(.usage)` for TMX without languages; `Failure` for a file that cannot be written.
  public init(path: String, languages: [String?]) throws(Failure) {
    format = BitextFormat(path: path)
    self.languages = languages
    if format == .tmx, languages.contains(where: { $0 == nil }) {
      throw Failure(
        .usage, path, "TMX names the languages of its segments, and nobody said which they are",
        remedy: "give --source-language and --target-language")
    }
    var files: [TextWriter] = []
    for file in BitextFormat.files(path, languages: languages) { files.append(try TextWriter(path: file)) }
    self.files = files
    if format == .tmx {
      try files[0].write(
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <!DOCTYPE tmx SYSTEM "tmx14.dtd">
        <tmx version="1.4">
        <header creationtool="ems" creationtoolversion="\(Version.current)" segtype="sentence" o-tmf="ems" adminlang="en" \
        srclang="\(languages[0] ?? "")" datatype="plaintext"/>
        <body>

        """)
    }
  }

  /// Writes a pair.
  public func write(_ unit: BitextUnit) throws(Failure) {
    line.removeAll(keepingCapacity: true)
    switch format {
    case .moses:
      try Self.put(unit.source, files[0])
      try Self.put(unit.target, files[1])
      return
    case .tmx: appendTMX(unit)
    default: appendJSON(unit)
    }
    units += 1
    let bytes = line
    try files[0].write(bytes.span)
  }

  private static func put(_ line: [UInt8], _ file: TextWriter) throws(Failure) { try file.writeLine(line.span) }

  /// Ends the files and gives them their names.
  public func commit() throws(Failure) {
    if format == .tmx { try files[0].write("</body>\n</tmx>\n") }
    for file in files { try file.commit() }
  }

  private func appendJSON(_ unit: BitextUnit) {
    line += "{\"source\":".utf8
    appendString(unit.source)
    line += ",\"target\":".utf8
    appendString(unit.target)
    for (name, value) in unit.properties {
      line += ",\"\(name)\":".utf8
      switch value {
      case .number(let text): line += text.utf8
      case .text(let text): appendString(Array(text.utf8))
      }
    }
    line += "}\n".utf8
  }

  private func appendString(_ bytes: [UInt8]) {
    let digits = Array("0123456789abcdef".utf8)
    line.append(UInt8(ascii: "\""))
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        line.append(UInt8(ascii: "\\"))
        line.append(byte)
      case 0x0A: line += "\\n".utf8
      case 0x0D: line += "\\r".utf8
      case 0x09: line += "\\t".utf8
      case 0..<0x20:
        line += "\\u00".utf8
        line.append(digits[Int(byte >> 4)])
        line.append(digits[Int(byte & 15)])
      default: line.append(byte)
      }
    }
    line.append(UInt8(ascii: "\""))
  }

  private func appendTMX(_ unit: BitextUnit) {
    line += "<tu tuid=\"\(units)\">\n".utf8
    for (name, value) in unit.properties {
      line += "<prop type=\"\(name.replacing("_", with: "-"))\">".utf8
      switch value {
      case .number(let text): line += text.utf8
      case .text(let text): appendXML(Array(text.utf8))
      }
      line += "</prop>\n".utf8
    }
    for (i, text) in [unit.source, unit.target].enumerated() {
      line += "<tuv xml:lang=\"\(languages[i] ?? "")\"><seg>".utf8
      appendXML(text)
      line += "</seg></tuv>\n".utf8
    }
    line += "</tu>\n".utf8
  }

  /// Text with XML's signs escaped, and without the characters that XML 1.0 has no place for.
  private func appendXML(_ bytes: [UInt8]) {
    var i = 0
    while i < bytes.count {
      let byte = bytes[i]
      switch byte {
      case UInt8(ascii: "&"): line += "&amp;".utf8
      case UInt8(ascii: "<"): line += "&lt;".utf8
      case UInt8(ascii: ">"): line += "&gt;".utf8
      case UInt8(ascii: "\""): line += "&quot;".utf8
      case 0..<0x20 where byte != 9 && byte != 10 && byte != 13, 0x7F: line.append(0x20)
      // U+FFFE and U+FFFF.
      case 0xEF where i + 2 < bytes.count && bytes[i + 1] == 0xBF && bytes[i + 2] >= 0xBE: i += 2
      default: line.append(byte)
      }
      i += 1
    }
  }
}
