import Base
import Corpus
import Fetch
import Foundation
import TestSupport
import Testing

@Suite struct ManifestTests {
  let place = Workplace()

  @Test func shippedManifestsAreValid() throws {
    let all = try Manifest.all(at: "\(repository)/data-manifests")
    #expect(all.count >= 13)
    for manifest in all {
      #expect(manifest.path == "\(repository)/data-manifests/\(manifest.name).yaml")
      // What is wrong in one of two places would otherwise never be seen.
      let used = Set(manifest.files.flatMap(\.languages))
      #expect(used == Set(manifest.languages), "\(manifest.name)")
      #expect(Set(manifest.files.map(\.url)).count == manifest.files.count)
      for file in manifest.files {
        let ending: String? =
          switch file.compression {
          case .gzip: "gz"
          case .bzip2: "bz2"
          case .xz: "xz"
          case .zstd: "zst"
          case .none: file.format == .zip ? "zip" : nil
          }
        if let ending { #expect(file.url.hasSuffix(".\(ending)"), "\(file.url)") }
      }
    }
    let tatoeba = try #require(all.first { $0.name == "tatoeba-laser" })
    #expect(tatoeba.files.count == 224 && tatoeba.files.allSatisfy { $0.sha256 != nil && $0.lines != nil })
    let german = tatoeba.files(languages: [try Language(parsing: "de"), try Language(parsing: "en")])
    #expect(german.map(\.name) == ["tatoeba.deu-eng.deu", "tatoeba.deu-eng.eng"])
  }

  @Test func everyKey() throws {
    let digest = String(repeating: "0a", count: 32)
    let text =
      Workplace.head + """
        notes: A note.
        files:
          - {url: "https://example.org/a/b%20c.gz", name: d/e.gz, languages: [deu], compression: gzip, format: tsv,
             bytes: 12_000, sha256: \(digest), lines: 3}
          - {url: "file:///x/y.txt?z=1", compression: none, format: text, bytes: null, sha256: ~, lines: }

        """
    let m = try Manifest(path: place.folder.write("m.yaml", text))
    #expect(m.name == "test" && m.version == "1" && m.licence == "CC0 1.0" && m.use == .any && m.notes == "A note.")
    #expect(m.languages.map(\.code) == ["de", "en"] && m.files.count == 2)
    let a = m.files[0], b = m.files[1]
    #expect(a.name == "d/e.gz" && a.languages.map(\.code) == ["de"] && a.compression == .gzip && a.format == .tsv)
    #expect(a.bytes == 12000 && a.sha256 == digest && a.lines == 3)
    #expect(b.name == "y.txt" && b.languages == m.languages && b.bytes == nil && b.sha256 == nil && b.lines == nil)
  }

  /// A line of a good manifest, what stands there instead, and what the failure must say.
  @Test(arguments: [
    ("use: any", "usee: any", ["the key use"]),
    ("use: any", "use: any\nlicense: MIT", ["line 8", "license", "licence"]),
    ("use: any", "use: free", ["line 7", "\"free\"", "non-commercial"]),
    ("name: test", "name: Test/1", ["line 1", "lower-case"]), ("name: test", "name: ..", ["lower-case"]),
    ("languages: [de, en]", "languages: [de, Germn]", ["line 4", "Germn", "German"]),
    ("languages: [de, en]", "languages: [de]\nfiless: 1", ["filess", "files"]),
    ("languages: [de, en]", "languages: []", ["at least one language"]),
    ("source: https://example.org/corpus", "source: ftp://example.org/corpus", ["line 8", "https://"]),
    ("source: https://example.org/corpus", "source: https://me:pw@example.org/", ["https://"]),
    ("unverified: [bytes, lines, sha256, url]", "unverified: [bytes, lines, url]", ["no sha256", "unverified"]),
    ("unverified: [bytes, lines, sha256, url]", "unverified: [colour]", ["colour", "sha256"]),
    ("licence_url: https://creativecommons.org/publicdomain/zero/1.0/", "licence_url: null", ["licence_url"]),
    ("FILE", "{}", ["line 12", "lacks the key url"]),
    (
      "FILE", "{url: 'https://e.org/a', compression: none, format: text, bytes: 1, sha256: null}",
      ["lacks the key lines"]
    ),
    (
      "FILE", "{url: 'https://e.org/a', colour: 1, compression: none, format: text, bytes: 1, sha256: null, lines: 1}",
      ["colour"]
    ),
    (
      "FILE", "{url: 'https://e.org/a', compression: lzma, format: text, bytes: 1, sha256: null, lines: 1}",
      ["lzma", "gzip"]
    ),
    ("FILE", "{url: 'https://e.org/a', compression: none, format: text, bytes: -1, sha256: null, lines: 1}", ["bytes"]),
    (
      "FILE", "{url: 'https://e.org/a', compression: none, format: text, bytes: 1, sha256: ABC, lines: 1}",
      ["sha256", "hexadecimal"]
    ),
    (
      "FILE", "{url: 'https://e.org/', compression: none, format: text, bytes: 1, sha256: null, lines: 1}",
      ["file name", "empty"]
    ),
    (
      "FILE", "{url: 'https://e.org/a b', compression: none, format: text, bytes: 1, sha256: null, lines: 1}",
      ["address"]
    ),
    ("FILE", "{url: 'file://host/a', compression: none, format: text, bytes: 1, sha256: null, lines: 1}", ["address"]),
    (
      "FILE", "{url: 'https://e.org/a', name: ../a, compression: none, format: text, bytes: 1, sha256: null, lines: 1}",
      ["../a", ".."]
    ),
    (
      "FILE",
      "{url: 'https://e.org/a', name: b/../../a, compression: none, format: text, bytes: 1, sha256: null, lines: 1}",
      [".."]
    ),
    (
      "FILE",
      "{url: 'https://e.org/a', name: /etc/x, compression: none, format: text, bytes: 1, sha256: null, lines: 1}",
      ["/etc/x"]
    ),
    (
      "FILE",
      "{url: 'https://e.org/a', name: .ems-data/x, compression: none, format: text, bytes: 1, sha256: null, lines: 1}",
      ["taken"]
    ),
    (
      "FILE",
      "{url: 'https://e.org/a', name: \"a\\nb\", compression: none, format: text, bytes: 1, sha256: null, lines: 1}",
      ["control"]
    ),
    ("FILE", "{url: 'https://e.org/..', compression: none, format: text, bytes: 1, sha256: null, lines: 1}", [".."]),
    (
      "FILE",
      "{url: 'https://e.org/a', languages: [fr], compression: none, format: text, bytes: 1, sha256: null, lines: 1}",
      ["fr"]
    ),
  ])
  func badManifest(_ line: String, _ instead: String, _ parts: [String]) throws {
    let good = "{url: 'https://e.org/a', compression: none, format: text, bytes: 1, sha256: null, lines: 1}"
    var text = Workplace.head + "files:\n  - FILE\n"
    #expect(text.contains(line))
    text = text.replacing(line, with: instead).replacing("FILE", with: good)
    let path = try place.folder.write("bad.yaml", text)
    let failure = #expect(throws: Failure.self) { try Manifest(path: path) }
    #expect(failure?.kind == .badData && failure?.subject == path, "\(failure as Any)")
    for part in parts { #expect("\(failure as Any)".contains(part), "\(failure as Any)") }
  }

  @Test func sameNamesAreRefused() throws {
    let a = Entry("https://e.org/1/a"), b = Entry("https://e.org/2/a")
    let failure = #expect(throws: Failure.self) { try place.manifest(a, b) }
    #expect(failure?.problem.contains("comes again") == true && failure?.place == "line 13")
    try FileManager.default.removeItem(atPath: place.folder.file("test.yaml"))
    let first = try place.manifest(a, name: "first.yaml"), second = try place.manifest(b, name: "second.yaml")
    #expect(throws: Failure.self) { try DataSet([first, second], output: place.output) }
    let folder = #expect(throws: Failure.self) { try Manifest.all(at: place.folder.path) }
    #expect(folder?.problem.contains("has the name test, as has") == true)
  }

  @Test func whatIsNoManifest() throws {
    for (text, part) in [
      ("", "is empty"), ("a: [", "not YAML"), ("name: a\nnotes: b: c\n", "line 2, column 9: is not YAML"),
      ("- 1\n", "mapping"), ("name: a\nname: b\n", "name"),
    ] {
      let path = try place.folder.write("x.yaml", text)
      let failure = #expect(throws: Failure.self) { try Manifest(path: path) }
      #expect(failure?.kind == .badData && failure?.description.contains(part) == true, "\(failure as Any)")
    }
    let invalid = try place.folder.write("x.yaml", [0x61, 0x3A, 0x20, 0xFF, 0x0A])
    #expect(throws: Failure.self) { try Manifest(path: invalid) }
    let missing = #expect(throws: Failure.self) { try Manifest.all(at: place.folder.file("none")) }
    #expect(missing?.kind == .missingInput)
  }

  @Test func choice() throws {
    func names(_ manifest: Manifest, _ languages: [String]?, _ patterns: String...) throws -> [String] {
      manifest.files(languages: try languages?.map { try Language(parsing: $0) }, patterns: patterns).map(\.name)
    }
    let text = """
        - {url: 'https://e.org/de.gz', languages: [de], compression: gzip, format: text, bytes: 1, sha256: null, lines: 1}
        - {url: 'https://e.org/de-en', languages: [de, en], compression: none, format: text, bytes: 1, sha256: null, lines: 1}
        - {url: 'https://e.org/all', name: sub/all, compression: none, format: tar, bytes: 1, sha256: null, lines: 1}

      """
    let head = Workplace.head.replacing("[de, en]", with: "[de, en, fr, it]")
    let m = try Manifest(path: place.folder.write("m.yaml", head + "files:\n" + text))
    #expect(try names(m, nil) == ["de.gz", "de-en", "sub/all"])
    #expect(try names(m, ["deu"]) == ["de.gz", "sub/all"])
    #expect(try names(m, ["en", "de"]) == ["de.gz", "de-en", "sub/all"])
    #expect(try names(m, ["it"]) == ["sub/all"])
    #expect(try names(m, nil, "de*") == ["de.gz", "de-en"])
    #expect(try names(m, ["de"], "*all", "x") == ["sub/all"])
    let failure = #expect(throws: Failure.self) { try DataSet([m], output: place.output, patterns: ["none"]) }
    #expect(failure?.kind == .usage)
  }

  @Test func digestsOfTheStandard() {
    // FIPS 180-2, appendix B.
    #expect(digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(digest(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
    #expect(digest(million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }
}
