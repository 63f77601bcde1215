import Base
import Fetch
import Foundation
import Glibc
import TestSupport
import Testing

/// One entry of a tar archive as old as tar: a header of 512 bytes, then the content in blocks.
private func entry(_ name: String, _ content: String = "", kind: Character = "0", link: String = "") -> [UInt8] {
  var header = [UInt8](repeating: 0, count: 512)
  func put(_ text: String, at offset: Int) {
    for (i, byte) in text.utf8.enumerated() { header[offset + i] = byte }
  }
  put(name, at: 0)
  put("0000644\0", at: 100)
  put("0000000\0", at: 108)
  put("0000000\0", at: 116)
  put(String(format: "%011o", content.utf8.count) + "\0", at: 124)
  put("00000000000\0", at: 136)
  put("        ", at: 148)
  put(String(kind), at: 156)
  put(link, at: 157)
  put("ustar\0" + "00", at: 257)
  put(String(format: "%06o", header.reduce(0) { $0 + Int($1) }) + "\0 ", at: 148)
  var body = Array(content.utf8)
  while !body.count.isMultiple(of: 512) { body.append(0) }
  return header + body
}

private let end = [UInt8](repeating: 0, count: 1024)

@Suite struct ArchiveTests {
  let place = Workplace()

  func fetch(_ archive: [UInt8], name: String = "corpus.tar", format: String = "tar") throws -> FileReport {
    let source = try place.folder.write("source", archive)
    var item = Entry("file://\(source)", content: archive)
    (item.name, item.format) = (name, format)
    var options = Workplace.options
    options.extract = true
    return try place.fetch(item, options: options)[0]
  }

  @Test func unpacks() throws {
    let archive =
      entry("./", kind: "5") + entry("./a.txt", "one\n") + entry("sub/", kind: "5") + entry("sub/deep/b", "zwei\n")
      + entry("empty/", kind: "5") + entry("c", String(repeating: "x", count: 2000)) + end
    let report = try fetch(archive)
    #expect(report.state == .fetched && report.extracted == "corpus", "\(report)")
    #expect(try place.folder.list("out/corpus") == ["a.txt", "c", "empty", "sub"])
    #expect(try place.read("corpus/a.txt") == Array("one\n".utf8))
    #expect(try place.read("corpus/sub/deep/b") == Array("zwei\n".utf8))
    #expect(try place.read("corpus/c").count == 2000 && place.folder.list("out/corpus/empty") == [])
    #expect(try place.unfinished() == [])
    // Once more: nothing to do.
    let again = try fetch(archive)
    #expect(again.state == .present && again.extracted == "corpus")
  }

  @Test func unpacksZip() throws {
    // One stored file, `x/y.txt` with "hi\n".
    let zip = try #require(
      Data(
        base64Encoded:
          "UEsDBBQAAAAAAAAAIQB6em/tAwAAAAMAAAAHAAAAeC95LnR4dGhpClBLAQIUAxQAAAAAAAAAIQB6em/tAwAAAAMAAAAHAAAAAAAAAAAAAACAAQAAAAB4L3kudHh0UEsFBgAAAAABAAEANQAAACgAAAAAAA=="
      ))
    let report = try fetch([UInt8](zip), name: "d/corpus.txt.zip", format: "zip")
    #expect(report.extracted == "d/corpus.txt", "\(report)")
    #expect(try place.read("d/corpus.txt/x/y.txt") == Array("hi\n".utf8))
  }

  /// Whatever is wrong, nothing of the archive is left, and nothing appears outside.
  @Test(arguments: [
    (entry("../evil", "x"), ".."), (entry("a/../../evil", "x"), ".."), (entry("/tmp/ems-test-evil", "x"), "not below"),
    (entry("a\u{1}b", "x"), "control"), (entry("link", kind: "2", link: "/etc/passwd"), "link or a device"),
    (entry("link", kind: "2", link: "..") + entry("link/evil", "x"), "link or a device"),
    (entry("hard", kind: "1", link: "../../outside"), "link or a device"),
    (entry("pipe", kind: "6"), "link or a device"),
    (entry("a", "x") + entry("a", "y"), "comes twice"), (entry("a", "x") + entry("a/b", "y"), "link or no folder"),
    (entry("a//b", "x"), "empty part"),
    (Array(entry("a", String(repeating: "x", count: 4000)).prefix(1500)), "cannot be unpacked"),
  ])
  func refuses(_ bad: [UInt8], _ part: String) throws {
    let report = try fetch(entry("good", "good") + bad + (part == "cannot be unpacked" ? [] : end))
    #expect(report.state == .failed && report.problem?.contains(part) == true, "\(report)")
    #expect(try place.files() == ["corpus.tar"] && place.unfinished() == [])
    #expect(try place.folder.list() == ["out", "source", "test.yaml"])
    #expect(!FileManager.default.fileExists(atPath: "/tmp/ems-test-evil"))
  }

  @Test func folderThatIsThereIsNotTakenForNewContent() throws {
    try FileManager.default.createDirectory(
      atPath: place.folder.file("out/corpus"), withIntermediateDirectories: true)
    let report = try fetch(entry("a", "x") + end)
    #expect(report.state == .failed && report.problem?.contains("is there already") == true, "\(report)")
    #expect(try place.folder.list("out/corpus") == [])
  }

  @Test func names() {
    #expect(unpackedName("a/b.tar.gz") == "a/b" && unpackedName("x.txt.zip") == "x.txt" && unpackedName("y.tgz") == "y")
    #expect(unpackedName("plain") == "plain.unpacked" && unpackedName("a/.zip") == "a/.zip.unpacked")
  }

  @Test func aSparseFileHasItsWholeLength() throws {
    // GNU's old form: 4 bytes at the start of 1 MiB, the rest a hole.
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      for (i, byte) in text.utf8.enumerated() { header[offset + i] = byte }
    }
    put("hole.txt", at: 0)
    put("0000644\0", at: 100)
    put("0000000\0", at: 108)
    put("0000000\0", at: 116)
    put("00000000004\0", at: 124)
    put("00000000000\0", at: 136)
    put("        ", at: 148)
    put("S", at: 156)
    put("ustar  \0", at: 257)
    put("00000000000\0" + "00000000004\0", at: 386)
    put("00004000000\0" + "00000000000\0", at: 410)
    put("00004000000\0", at: 483)
    put(String(format: "%06o", header.reduce(0) { $0 + Int($1) }) + "\0 ", at: 148)
    let body = Array("text".utf8) + [UInt8](repeating: 0, count: 508)
    _ = try fetch(header + body + end)
    let unpacked = try readBytes(place.output + "/corpus/hole.txt")
    #expect(unpacked.count == 1 << 20)
    #expect(unpacked.prefix(5) == Array("text\0".utf8)[...])
  }

  @Test func whatIsNoFileIsNotFetched() throws {
    try FileManager.default.createDirectory(atPath: place.folder.file("inner"), withIntermediateDirectories: true)
    #expect(unsafe mkfifo(place.folder.file("pipe"), 0o600) == 0)
    for name in ["inner", "pipe"] {
      let reports = try place.fetch(Entry("file://\(place.folder.file(name))"), options: Workplace.options)
      #expect(reports[0].state == .failed)
      expect(reports[0].failure, says: name, "is not a regular file")
    }
  }
}
