import Base
import Corpus
import Foundation
import TestSupport
import Testing

@Suite struct TextWriterTests {
  private static func text(_ count: Int) -> [UInt8] {
    var random = SeededGenerator(state: 4)
    return (0..<count).map { _ in UInt8.random(in: 97...110, using: &random) } + [10]
  }

  @Test(arguments: ["x.txt", "x.gz", "x.zst", "x.zstd"], [0, 1, 1000, (1 << 17) - 1, 1 << 17, 1_000_000])
  func whatIsWrittenIsReadAgain(name: String, count: Int) throws {
    let folder = TemporaryFolder()
    let text = Self.text(count)
    let writer = try TextWriter(path: folder.file(name))
    try writer.write(text.span)
    #expect(writer.count == text.count)
    try writer.commit()
    let file = try folder.read(name)
    switch name {
    case "x.txt": #expect(file == text)
    // A header without name, flags and time.
    case "x.gz": #expect(file.starts(with: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0]))
    default: #expect(file.starts(with: [0x28, 0xB5, 0x2F, 0xFD]))
    }
    let read = try lines(LineReader(path: folder.file(name)))
    #expect(read == [String(decoding: text.dropLast(), as: UTF8.self)])
  }

  @Test(arguments: [TextWriter.Compression.plain, .gzip(level: 6), .zstd(level: 3)])
  func nothingGivesAValidEmptyFile(compression: TextWriter.Compression) throws {
    #expect(try lines(of: compressed([], compression)) == [])
  }

  @Test(arguments: ["x.txt", "x.gz", "x.zst"]) func bytesDoNotDependOnThePieces(name: String) throws {
    let folder = TemporaryFolder()
    let text = Self.text(400_000)
    var files: [[UInt8]] = []
    for piece in [text.count, 131_072, 7, 50_001] {
      let writer = try TextWriter(path: folder.file(name))
      var position = 0
      while position < text.count {
        let end = min(position + piece, text.count)
        try writer.write(text.span.extracting(position..<end))
        position = end
      }
      try writer.commit()
      files.append(try folder.read(name))
    }
    for file in files { #expect(file == files[0]) }
  }

  @Test func linesTextsAndBytes() throws {
    let folder = TemporaryFolder()
    let writer = try TextWriter(path: folder.file("x.tsv"))
    try writer.write("ü")
    try writer.write(UInt8(ascii: "\t"))
    try writer.writeLine([97, 98].span)
    try writer.writeLine("c")
    try writer.commit()
    #expect(try folder.read("x.tsv") == Array("ü\tab\nc\n".utf8))
  }

  @Test func withoutCommitThereIsNoFile() throws {
    let folder = TemporaryFolder()
    do {
      let writer = try TextWriter(path: folder.file("x.zst"))
      try writer.writeLine("something")
    }
    #expect(try folder.list() == [])
  }

  @Test func anUnwritablePathIsKnownAtOnce() throws {
    let folder = TemporaryFolder()
    let thrown = #expect(throws: Failure.self) { try TextWriter(path: folder.file("none/x.zst")) }
    #expect(thrown?.subject == folder.file("none/x.zst"))
  }

  @Test func theCommandLineToolsReadIt() throws {
    let folder = TemporaryFolder()
    for (name, tool) in [("x.zst", "/usr/bin/zstd"), ("x.gz", "/usr/bin/gzip")]
    where FileManager.default.isExecutableFile(atPath: tool) {
      let writer = try TextWriter(path: folder.file(name))
      try writer.writeLine(Self.text(300_000).span)
      try writer.commit()
      let process = Process()
      process.executableURL = URL(filePath: tool)
      process.arguments = ["-t", "-q", folder.file(name)]
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
  }
}
