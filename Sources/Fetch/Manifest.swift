import Base
import Corpus
import Foundation
import YAML

/// What a corpus may be used for, as far as its licence says.
public enum Use: String, Sendable, CaseIterable, Codable {
  /// Any use, if the licence's conditions are kept.
  case any
  /// No commercial use.
  case nonCommercial = "non-commercial"
  /// Research only.
  case research
  /// The publisher does not say, or the corpus mixes sources of different licences.
  case unclear
}

/// How a file is compressed.
public enum Compression: String, Sendable, CaseIterable, Codable {
  case none, gzip, bzip2, xz, zstd
}

/// What a file holds once it is decompressed.
public enum FileFormat: String, Sendable, CaseIterable, Codable {
  /// One sentence a line.
  case text
  /// Tab-separated columns.
  case tsv
  case xml
  /// Archives.
  case tar, zip
}

/// One file of a corpus.
public struct ManifestFile: Sendable, Equatable {
  /// The path below the output folder.
  public var name: String
  /// Where it is fetched from: http, https or file.
  public var url: String
  /// The languages in it; for one side of a bitext those of the pair.
  public var languages: [Language]
  /// How it is compressed.
  public var compression: Compression
  /// What is in it.
  public var format: FileFormat
  /// Its size in bytes, where known.
  public var bytes: Int?
  /// The SHA-256 digest of its bytes, 64 lower-case hexadecimal digits, where known.
  public var sha256: String?
  /// The lines of its text, where known.
  public var lines: Int?
}

/// Where a corpus comes from, under which terms, and which files it consists of: the content of a YAML file.
///
/// docs/data-manifests.md describes the format.
public struct Manifest: Sendable, Equatable {
  /// The file this came from.
  public var path: String
  /// A short name, of lower-case letters, digits, dots and hyphens.
  public var name: String
  /// The publisher's version, or a date.
  public var version: String
  /// What it is, in a sentence or two.
  public var description: String
  /// All languages of the files.
  public var languages: [Language]
  /// The licence's name.
  public var licence: String
  /// Where the licence can be read, if that is known.
  public var licenceURL: String?
  /// What the licence allows, in a word.
  public var use: Use
  /// The publisher's page.
  public var source: String
  /// What to cite.
  public var citation: String
  /// What else a user should know, such as where the digests are from.
  public var notes: String?
  /// The fields that could not be checked against the source when the manifest was written.
  public var unverified: [String]
  /// The files, at least one.
  public var files: [ManifestFile]

  /// Fields that `unverified` may name.
  private static let verifiable = ["bytes", "licence", "licence_url", "lines", "sha256", "url"]

  /// Reads and checks a manifest.
  ///
  /// - Throws: `Failure` that names the key and its line: for unknown and missing keys, values of a wrong kind, file names
  ///   that lead out of the folder, and values that are missing without being listed as unverified.
  public init(path: String) throws(Failure) {
    var reader = try YAMLReader(path: path, what: "the manifest")
    self.path = path
    let nameValue = try reader.required("name")
    name = try nameValue.string()
    guard name.utf8.allSatisfy({ Self.isPlain($0) }), name.first != ".", name.first != "-" else {
      throw nameValue.failure("a name of lower-case letters, digits, dots and hyphens")
    }
    version = try reader.required("version").string()
    description = try Self.text(reader.required("description"))
    let listed = try reader.required("languages")
    languages = try Self.languages(listed, in: path)
    licence = try reader.required("licence").string()
    if let value = try reader.requiredOrNull("licence_url") {
      licenceURL = try Self.url(value, schemes: ["https", "http"])
    }
    use = try Self.choice(reader.required("use"))
    source = try Self.url(reader.required("source"), schemes: ["https", "http", "file"])
    citation = try Self.text(reader.required("citation"))
    notes = try reader.optional("notes").map { value throws(Failure) in try Self.text(value) }
    let doubts = try reader.required("unverified")
    unverified = try doubts.strings()
    if let other = unverified.first(where: { !Self.verifiable.contains($0) }) {
      throw Failure(
        .badData, path, at: doubts.place, "lists \(other)",
        remedy: "what may stand there is \(Self.verifiable.joined(separator: ", "))")
    }

    files = []
    var names: Set<String> = []
    for entry in try reader.required("files").sequence() {
      var e = try entry.mapping("an entry of files")
      let file = try Self.file(&e, languages: languages, in: path)
      try e.finish()
      guard names.insert(file.name).inserted else {
        throw Failure(.badData, path, at: e.line, "the file name \(file.name) comes again", remedy: "give it a `name`")
      }
      if let other = file.languages.first(where: { !languages.contains($0) }) {
        throw Failure(
          .badData, path, at: e.line, "\(file.name) has the language \(other), which \(listed.place) does not list")
      }
      let absent = [("bytes", file.bytes == nil), ("lines", file.lines == nil), ("sha256", file.sha256 == nil)]
      if let (field, _) = absent.first(where: { $0.1 && !unverified.contains($0.0) }) {
        throw Failure(
          .badData, path, at: e.line, "\(file.name) has no \(field)",
          remedy: "give it, or list \(field) under `unverified`")
      }
      files.append(file)
    }
    guard !files.isEmpty else { throw Failure(.badData, path, "lists no files") }
    if licenceURL == nil, !unverified.contains("licence_url") {
      throw Failure(.badData, path, "has no licence_url", remedy: "give it, or list licence_url under `unverified`")
    }
    try reader.finish()
  }

  private static func file(
    _ e: inout YAMLReader, languages: [Language], in path: String
  ) throws(Failure) -> ManifestFile {
    let address = try e.required("url")
    let url = try url(address, schemes: ["https", "http", "file"])
    let nameValue = e.optional("name")
    let name = try nameValue?.string() ?? lastComponent(url)
    if let problem = problem(ofName: name) {
      throw Failure(.badData, path, at: (nameValue ?? address).place, "the file name \"\(name)\" \(problem)")
    }
    var digest: String?
    if let value = try e.requiredOrNull("sha256") {
      let text = try value.string()
      guard text.utf8.count == 64, text.utf8.allSatisfy({ 48...57 ~= $0 || 97...102 ~= $0 }) else {
        throw value.failure("64 lower-case hexadecimal digits, or null")
      }
      digest = text
    }
    return ManifestFile(
      name: name, url: url,
      languages: try e.optional("languages").map { value throws(Failure) in try Self.languages(value, in: path) }
        ?? languages,
      compression: try choice(e.required("compression")), format: try choice(e.required("format")),
      bytes: try e.requiredOrNull("bytes").map { value throws(Failure) in try value.int(0...1 << 50) },
      sha256: digest,
      lines: try e.requiredOrNull("lines").map { value throws(Failure) in try value.int(0...1 << 50) })
  }

  // MARK: Values

  private static func isPlain(_ byte: UInt8) -> Bool {
    97...122 ~= byte || 48...57 ~= byte || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
  }

  private static func text(_ value: YAMLValue) throws(Failure) -> String {
    try value.string().trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static func choice<Choice: CaseIterable & RawRepresentable<String>>(
    _ value: YAMLValue
  ) throws(Failure) -> Choice {
    guard let choice = Choice(rawValue: try value.string()) else {
      throw value.failure("one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return choice
  }

  private static func languages(_ value: YAMLValue, in path: String) throws(Failure) -> [Language] {
    var languages: [Language] = []
    for text in try value.strings() {
      do throws(Failure) {
        let language = try Language(parsing: text)
        // British and American English are one language here.
        if !languages.contains(language) { languages.append(language) }
      } catch {
        throw Failure(.badData, path, at: value.place, "\(error.subject) \(error.problem)", remedy: error.remedy)
      }
    }
    guard !languages.isEmpty else { throw value.failure("at least one language") }
    return languages
  }

  /// An address of one of the schemes, in ASCII without spaces, with a host unless it is a file's, without a password.
  private static func url(_ value: YAMLValue, schemes: [String]) throws(Failure) -> String {
    let text = try value.string()
    guard text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }), let parts = URLComponents(string: text),
      let scheme = parts.scheme, schemes.contains(scheme), parts.user == nil, parts.password == nil,
      parts.fragment == nil,
      scheme == "file" ? parts.path.hasPrefix("/") && (parts.host ?? "") == "" : parts.host?.isEmpty == false
    else {
      throw value.failure("an address that begins with \(schemes.map { "\($0)://" }.joined(separator: " or "))")
    }
    return text
  }

  private static func lastComponent(_ url: String) -> String {
    URLComponents(string: url)?.path.split(separator: "/").last.map(String.init) ?? ""
  }

  /// What is wrong with a path below the output folder; nil if nothing is.
  static func problem(ofName name: String) -> String? {
    if name.isEmpty { return "is empty" }
    // The name of the unfinished file is this name with every slash three letters long and an ending.
    if name.utf8.count + 2 * name.utf8.count(where: { $0 == UInt8(ascii: "/") }) > 240 { return "is too long" }
    if name.hasPrefix("/") { return "is not below the output folder" }
    if name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) { return "has a control character" }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    if parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) {
      return "has an empty part, . or .., which may lead out of the output folder"
    }
    if parts[0] == DataFolder.stateName { return "is taken by ems itself" }
    return nil
  }
}

extension Manifest {
  /// The manifests under a path: those of a folder (`*.yaml`, `*.yml`, by name), or the one in a file.
  ///
  /// - Throws: `Failure` for a missing path, a folder without manifests, two with one name, and what `init(path:)` throws.
  public static func all(at path: String) throws(Failure) -> [Manifest] {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw Failure(
        .missingInput, path, "no such file or folder", remedy: "name a manifest, or the folder data-manifests of ems")
    }
    if !isFolder.boolValue { return [try Manifest(path: path)] }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
      .filter { !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }
    guard !names.isEmpty else { throw Failure(.missingInput, path, "holds no manifests (*.yaml)") }
    var manifests: [Manifest] = []
    for name in names { manifests.append(try Manifest(path: path.hasSuffix("/") ? path + name : "\(path)/\(name)")) }
    var seen: [String: String] = [:]
    for manifest in manifests {
      if let other = seen.updateValue(manifest.path, forKey: manifest.name) {
        throw Failure(.badData, manifest.path, "has the name \(manifest.name), as has \(other)")
      }
    }
    return manifests
  }

  /// The files chosen by languages and by name.
  ///
  /// - Parameters:
  ///   - languages: a file of one or two languages is taken if all of them are among these, one of more if any is; nil
  ///     for all files.
  ///   - patterns: shell patterns of which one must match the name; `*` matches slashes too. Empty for all files.
  public func files(languages: [Language]?, patterns: [String] = []) -> [ManifestFile] {
    files.filter { file in
      if let languages {
        let chosen =
          file.languages.count <= 2
          ? file.languages.allSatisfy(languages.contains) : file.languages.contains(where: languages.contains)
        if !chosen { return false }
      }
      return patterns.isEmpty || patterns.contains { unsafe fnmatch($0, file.name, 0) == 0 }
    }
  }
}
