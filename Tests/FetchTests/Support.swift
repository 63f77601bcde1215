import Base
import Fetch
import Foundation
import TestSupport
import Testing

/// The repository's folder.
let repository = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

func digest(_ bytes: [UInt8]) -> String {
  let digest = SHA256()
  let span = bytes.span
  unsafe digest.add(span.bytes)
  return digest.finish()
}

/// Lines of text, so many bytes long; other ones for another seed.
func someText(_ count: Int, seed: Int = 0) -> [UInt8] {
  var bytes: [UInt8] = []
  var line = 0
  while bytes.count < count {
    bytes += Array("line \(line) of \(seed)\n".utf8)
    line += 1
  }
  return Array(bytes.prefix(count))
}

/// A file of a manifest, as YAML.
struct Entry {
  var url: String
  var name: String?
  var bytes: Int?
  var sha256: String?
  var lines: Int?
  var compression = "none"
  var format = "text"

  init(_ url: String, content: [UInt8]? = nil) {
    self.url = url
    bytes = content?.count
    sha256 = content.map { digest($0) }
  }

  var yaml: String {
    "  - {url: \(url), \(name.map { "name: \"\($0)\", " } ?? "")compression: \(compression), format: \(format), "
      + "bytes: \(bytes.map(String.init) ?? "null"), sha256: \(sha256 ?? "null"), lines: \(lines.map(String.init) ?? "null")}\n"
  }
}

/// A place with manifests and an output folder.
struct Workplace {
  let folder = TemporaryFolder()
  var output: String { folder.file("out") }

  static let head = """
    name: test
    version: "1"
    description: A corpus of the tests.
    languages: [de, en]
    licence: CC0 1.0
    licence_url: https://creativecommons.org/publicdomain/zero/1.0/
    use: any
    source: https://example.org/corpus
    citation: Nobody. Nothing. 2000.
    unverified: [bytes, lines, sha256, url]

    """

  func manifest(_ entries: Entry..., name: String = "test.yaml") throws -> Manifest {
    try Manifest(path: folder.write(name, Self.head + "files:\n" + entries.map(\.yaml).joined()))
  }

  /// Options that do not wait, and go straight to the loopback.
  static var options: FetchOptions {
    var options = FetchOptions()
    (options.backoff, options.retries, options.proxy, options.stallSeconds) = (0.01, 2, "", 5)
    return options
  }

  func fetch(_ entries: Entry..., options: FetchOptions = options) throws -> [FileReport] {
    let text = Self.head + "files:\n" + entries.map(\.yaml).joined()
    let manifest = try Manifest(path: folder.write("test.yaml", text))
    return try DataSet([manifest], output: output).fetch(options)
  }

  /// Fetches one file, which must fail.
  func failure(_ entry: Entry, options: FetchOptions = options, _ location: SourceLocation = #_sourceLocation) throws
    -> Failure
  {
    let report = try fetch(entry, options: options)[0]
    #expect(report.state == .failed, "\(report)", sourceLocation: location)
    return report.failure ?? Failure(.software, "", "")
  }

  /// The complete files.
  func files() throws -> [String] { try folder.list("out").filter { $0 != ".ems-data" } }
  /// What is in the folder for unfinished files, besides its lock.
  func unfinished() throws -> [String] { try folder.list("out/.ems-data").filter { $0 != "lock" } }
  func read(_ name: String) throws -> [UInt8] { try folder.read("out/\(name)") }
}
