import Base
import Foundation
import Glibc
import TestSupport
import Testing

/// Files that appear whole or not at all, maps of files, and locks.
@Suite struct FileTests {
  let folder = TemporaryFolder()

  @Test func anOutputAppearsWhenItIsCommitted() throws {
    let output = try OutputFile(path: folder.file("x"))
    try output.write("one\n")
    #expect(try folder.list() == ["x.\(getpid()).tmp"])
    try output.write("two\n")
    try output.commit()
    #expect(output.count == 8)
    #expect(try folder.list() == ["x"] && folder.read("x") == Array("one\ntwo\n".utf8))
  }

  @Test func anOutputThatIsGivenUpLeavesTheOldFile() throws {
    _ = try folder.write("x", "old")
    do {
      let output = try OutputFile(path: folder.file("x"))
      try output.write("new")
    }
    #expect(try folder.list() == ["x"] && folder.read("x") == Array("old".utf8))
  }

  @Test func bytesBeyondTheBufferArriveInOrder() throws {
    let block = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let output = try OutputFile(path: folder.file("x"))
    var expected: [UInt8] = []
    for count in [1, 262_143, 2, 300_000, 5] {
      let part = Array(block.prefix(count))
      try unsafe output.write(part.span.bytes)
      expected += part
    }
    let header: [UInt8] = [9, 8, 7]
    try unsafe output.overwrite(at: 1, header.span.bytes)
    try output.write("end")
    expected.replaceSubrange(1..<4, with: header)
    try output.commit()
    #expect(try folder.read("x") == expected + Array("end".utf8))
  }

  @Test func outputsThatCannotBeNameTheirPath() throws {
    let absent = failure { _ = try OutputFile(path: folder.file("none/x")) }
    #expect(absent?.kind == .io && absent?.subject == folder.file("none/x"))
    expect(failure { _ = try OutputFile(path: folder.path) }, says: "is a folder", "name a file")
    expect(
      failure {
        let full = try OutputFile(path: "/dev/full")
        try full.write("x")
        try full.commit()
      }, says: "/dev/full", "No space left")
  }

  @Test func aStagedFolderAppearsWhenItIsCommitted() throws {
    let files: Set = ["a", "b"]
    let path = folder.file("made")
    var staged: StagedFolder? = try StagedFolder(for: path, files: files)
    try Data("1".utf8).write(to: URL(filePath: "\(try #require(staged).temporary)/a"))
    #expect(try folder.list() == ["made.\(getpid()).tmp"])
    staged = nil
    #expect(try folder.list() == [])
    let again = try StagedFolder(for: path, files: files)
    try Data("2".utf8).write(to: URL(filePath: "\(again.temporary)/a"))
    try again.commit(replace: false)
    #expect(try folder.list() == ["made"] && folder.read("made/a") == Array("2".utf8))
  }

  @Test func aFolderIsReplacedOnlyWhereAskedAndOnlyByItsKind() throws {
    let files: Set = ["a"]
    let path = folder.file("made")
    func make(_ text: String, replace: Bool) throws {
      let staged = try StagedFolder(for: path, files: files)
      try Data(text.utf8).write(to: URL(filePath: "\(staged.temporary)/a"))
      try staged.commit(replace: replace)
    }
    try make("1", replace: false)
    expect(failure { try make("2", replace: false) }, says: "exists and is not empty")
    try make("2", replace: true)
    #expect(try folder.list() == ["made"] && folder.read("made/a") == Array("2".utf8))
    _ = try folder.write("made/letter", "mine")
    expect(failure { try make("3", replace: true) }, says: "holds letter")
    #expect(try folder.list("made") == ["a", "letter"] && folder.list() == ["made"])
    let file = try folder.write("file", "x")
    expect(failure { try StagedFolder.checkFree(file, files: files, replace: true) }, says: "is not a folder")
  }

  @Test func foldersInsideBelongToAFolder() throws {
    let files: Set = ["a", "inner/b"]
    let path = folder.file("made")
    func make(_ text: String, replace: Bool) throws {
      let staged = try StagedFolder(for: path, files: files)
      try Data(text.utf8).write(to: URL(filePath: "\(staged.temporary)/a"))
      try staged.makeFolder("inner")
      try Data(text.utf8).write(to: URL(filePath: "\(staged.temporary)/inner/b"))
      if text == "stop" { return }
      try staged.commit(replace: replace)
    }
    try make("stop", replace: false)
    #expect(try folder.list() == [])
    try make("1", replace: false)
    try make("2", replace: true)
    #expect(try folder.list() == ["made"] && folder.read("made/inner/b") == Array("2".utf8))
    _ = try folder.write("made/inner/letter", "mine")
    expect(failure { try make("3", replace: true) }, says: "holds inner/letter")
    #expect(try folder.list("made/inner") == ["b", "letter"] && folder.list() == ["made"])
  }

  /// The bytes of a map, read twice: once more after they were dropped from memory.
  private func mapped(_ path: String) throws -> [[UInt8]] {
    let file = try MappedFile(path: path)
    let first = unsafe file.bytes.withUnsafeBytes { unsafe Array($0) }
    file.dropFromMemory()
    return [first, unsafe file.bytes.withUnsafeBytes { unsafe Array($0) }]
  }

  @Test func mapsHoldTheFilesBytes() throws {
    let bytes: [UInt8] = [1, 2, 3, 255]
    #expect(try mapped(folder.write("x", bytes)) == [bytes, bytes])
    #expect(try mapped(folder.write("empty", "")) == [[], []])
    #expect(failure { _ = try MappedFile(path: folder.file("none")) }?.kind == .missingInput)
    expect(failure { _ = try MappedFile(path: folder.path) }, says: folder.path, "not a regular file")
  }

  @Test func numbersAreReadAtAnyPlace() {
    let bytes: [UInt8] = [1, 2, 3, 255, 0]
    let pair: UInt16 = unsafe bytes.span.bytes.number(at: 1)
    let four: UInt32 = unsafe bytes.span.bytes.number(at: 1)
    #expect(pair == 0x0302 && four == 0x00FF_0302)
  }

  @Test func locksKeepOthersOut() throws {
    let path = folder.file("lock")
    let busy = Failure(.io, path, "is busy")
    do {
      let first = try FileLock(path: path, busy: busy)
      #expect(failure { _ = try FileLock(path: path, busy: busy) } == busy)
      #expect(failure { _ = try FileLock(path: path, exclusive: false, busy: busy) } == busy)
      withExtendedLifetime(first) {}
    }
    let one = try FileLock(path: path, exclusive: false, busy: busy)
    let two = try FileLock(path: path, exclusive: false, busy: busy)
    #expect(failure { _ = try FileLock(path: path, busy: busy) } == busy)
    withExtendedLifetime((one, two)) {}
    #expect(failure { _ = try FileLock(path: folder.file("none/x"), busy: busy) }?.kind == .missingInput)
  }

  @Test func jsonFilesAreSortedAndReadBack() throws {
    let path = folder.file("x.json")
    try JSONFile.write(["b": 2.5, "a": 1], to: path)
    #expect(try String(decoding: folder.read("x.json"), as: UTF8.self) == "{\n  \"a\" : 1,\n  \"b\" : 2.5\n}\n")
    #expect(try JSONFile.read([String: Double].self, from: path) == ["b": 2.5, "a": 1])
    #expect(failure { _ = try JSONFile.read([Int].self, from: path) }?.kind == .badData)
    #expect(failure { try JSONFile.write([Double.infinity], to: path) }?.kind == .software)
  }
}
