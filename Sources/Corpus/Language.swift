import Base

/// A language, under one code whatever the code it was named by: `de`, `deu`, `ger`, `deu_Latn`, `de-AT`, `German`.
public struct Language: Sendable, Hashable, CustomStringConvertible {
  /// The canonical code: ISO 639-1 where one exists, else ISO 639-3, and the script after a hyphen if it is not the usual
  /// one (`zh-Hant`, `sr-Latn`). Regions play no part. Two languages are equal if their codes are.
  public let code: String
  private let entry: LanguageEntry

  /// Reads a language code or an English name, upper or lower case.
  ///
  /// Taken are the codes of ISO 639-1, -2 and -3, followed by a script (`zho_Hant`) or a region (`por-BR`) or both, with `-`
  /// or `_` between. The regions TW, HK and MO of Chinese mean the script Hant.
  ///
  /// - Throws: `Failure(.usage)` that lists up to five similar codes and names.
  public init(parsing text: String) throws(Failure) {
    let table = LanguageEntry.table
    if let index = table.indices[text.lowercased()] {
      self.init(table.entries[index], script: nil)
      return
    }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
      .flatMap { $0.split(separator: "_", omittingEmptySubsequences: false) }
    guard let first = parts.first, let index = table.indices[first.lowercased()] else {
      throw Self.unknown(text)
    }
    let entry = table.entries[index]
    var script: String?
    var rest = parts.dropFirst()
    if let part = rest.first, part.utf8.count == 4 {
      let name = part.prefix(1).uppercased() + part.dropFirst().lowercased()
      guard let known = Self.scripts[name] else {
        throw Failure(
          .usage, "language \"\(text)\"", "\"\(part)\" is no script known here",
          remedy: "name the script by ISO 15924 as in \(entry.codes[0])-\(entry.script), or leave it out")
      }
      script = known
      rest = rest.dropFirst()
    }
    if let part = rest.first, Self.isRegion(part) {
      let region = part.uppercased()
      if script == nil, entry.codes[0] == "zh", ["TW", "HK", "MO"].contains(region) { script = "Hant" }
      rest = rest.dropFirst()
    }
    guard rest.isEmpty else { throw Self.unknown(text) }
    self.init(entry, script: script)
  }

  private init(_ entry: LanguageEntry, script: String?) {
    self.entry = entry
    code = if let script, script != entry.script { "\(entry.codes[0])-\(script)" } else { entry.codes[0] }
  }

  /// Every language of the table, in the order of the canonical codes.
  public static var all: [Language] { LanguageEntry.table.entries.map { Language($0, script: nil) } }

  /// The English name, with the script if `code` has one: `German`, `Chinese (Hant)`.
  public var name: String { code == entry.codes[0] ? entry.names[0] : "\(entry.names[0]) (\(script))" }
  /// The ISO 639-3 code; that of the macrolanguage where there is one: `deu`, `zho`.
  public var iso3: String { entry.codes.first { $0.utf8.count == 3 } ?? entry.codes[0] }
  /// The script as an ISO 15924 code: `Latn`.
  public var script: String { code == entry.codes[0] ? entry.script : String(code.suffix(4)) }
  /// All codes without script that mean this language, the canonical one first.
  public var aliases: [String] { entry.codes }
  /// The code.
  public var description: String { code }

  /// Whether both have the same code.
  public static func == (a: Language, b: Language) -> Bool { a.code == b.code }
  /// Hashes the code.
  public func hash(into hasher: inout Hasher) { hasher.combine(code) }

  /// Scripts that may follow a language code, each with the one it counts as: Kore is Hangul with Chinese characters.
  private static let scripts: [String: String] = {
    var scripts = ["Hant": "Hant", "Kore": "Hang", "Mong": "Mong", "Mtei": "Mtei", "Hira": "Hira", "Kana": "Kana"]
    for entry in LanguageEntry.table.entries { scripts[entry.script] = entry.script }
    return scripts
  }()

  private static func isRegion(_ text: Substring) -> Bool {
    let letters = text.utf8.allSatisfy { 65...90 ~= $0 & 0xDF }
    let digits = text.utf8.allSatisfy { 48...57 ~= $0 }
    return text.utf8.count == 2 && letters || text.utf8.count == 3 && digits
  }

  /// Codes of countries that are no codes of languages, and the languages that are meant.
  private static let countries: [String: String] = [
    "cn": "zh", "chn": "zh", "tw": "zh", "hk": "zh", "jp": "ja", "jpg": "ja", "gr": "el", "grc": "el", "ua": "uk",
    "cz": "cs", "dk": "da", "rs": "sr", "si": "sl", "al": "sq", "ee": "et", "by": "be", "kr": "ko", "vn": "vi",
    "in": "hi",
    "ir": "fa", "eg": "ar", "sa": "ar", "at": "de", "us": "en", "gb": "en", "mx": "es", "ge": "ka", "am": "hy",
    "kz": "kk",
    "my": "ms", "pk": "ur", "bd": "bn", "lk": "si", "np": "ne", "il": "he", "iq": "ar",
  ]

  private static func unknown(_ text: String) -> Failure {
    let near = nearMatches(text)
    return Failure(
      .usage, "language \"\(text)\"", "is not known",
      remedy: near.isEmpty
        ? "use an ISO 639 code such as de, deu or deu_Latn" : "did you mean \(near.joined(separator: ", "))?")
  }

  /// Up to five languages whose codes or names are a few letters away, nearest first, as `de (German)`.
  static func nearMatches(_ text: String) -> [String] {
    let wanted = Array(text.lowercased().utf8.prefix(40))
    let base = Array(wanted.prefix { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "_") })
    var found: [(distance: Int, code: String, entry: LanguageEntry)] = []
    // What people write for languages that is a country's code goes first.
    let meant = countries[String(decoding: base, as: UTF8.self)]
    if let meant, let index = LanguageEntry.table.indices[meant] {
      found.append((-1, meant, LanguageEntry.table.entries[index]))
    }
    for entry in LanguageEntry.table.entries {
      var best = Int.max
      for code in entry.codes { best = min(best, editDistance(base, Array(code.utf8))) }
      // A code has so few letters that most are two edits apart.
      if best > 1 { best = .max }
      for name in entry.names {
        let letters = Array(name.lowercased().utf8)
        let distance =
          letters.count > wanted.count && wanted.count > 3 && letters.starts(with: wanted)
          ? 1 : editDistance(wanted, letters)
        if distance <= max(2, letters.count / 3), distance < min(wanted.count, letters.count) {
          best = min(best, distance)
        }
      }
      if best < .max, entry.codes[0] != meant { found.append((best, entry.codes[0], entry)) }
    }
    found.sort { ($0.distance, $0.code) < ($1.distance, $1.code) }
    return found.prefix(5).map { "\($0.code) (\($0.entry.names[0]))" }
  }
}

private struct LanguageEntry: Sendable {
  var codes: [String]
  var script: String
  var names: [String]

  struct Table: Sendable {
    var entries: [LanguageEntry] = []
    /// Codes and lower-cased names to the place in `entries`.
    var indices: [String: Int] = [:]
  }

  /// Read from `languageTable` at first use.
  static let table: Table = {
    var table = Table()
    for line in languageTable.split(separator: "\n") {
      let fields = line.split(separator: "|").map(String.init)
      precondition(fields.count == 3, "language table: \(line)")
      let entry = LanguageEntry(
        codes: fields[0].split(separator: " ").map(String.init), script: fields[1],
        names: fields[2].split(separator: "/").map(String.init))
      for key in entry.codes + entry.names.map({ $0.lowercased() }) {
        let index = table.indices.updateValue(table.entries.count, forKey: key)
        precondition(index == nil || index == table.entries.count, "language table: \(key) occurs twice")
      }
      table.entries.append(entry)
    }
    return table
  }()
}
