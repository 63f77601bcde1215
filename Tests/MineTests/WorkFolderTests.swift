import Base
import Corpus
import Foundation
import Index
import TestSupport
import Testing

import Mine

@Suite struct WorkFolderTests {
  let folder = TemporaryFolder()

  func write(_ work: WorkFolder, _ name: String, _ text: String) throws(Failure) {
    let output = try OutputFile(path: work.file(name))
    try output.write(text)
    try output.commit()
  }

  /// Whether the stage ran.
  func run(_ work: WorkFolder, input: String = "a", setting: String = "b", _ text: String = "text") throws -> Bool {
    let result = try work.run("s", inputs: ["i": input], settings: ["k": setting], outputs: ["out"]) {
      () throws(Failure) in
      try write(work, "out", text)
      return ["n": 1]
    }
    #expect(result.manifest.counts == ["n": 1])
    return !result.skipped
  }

  @Test func aStageIsLeftOutOnlyIfEverythingIsTheSame() throws {
    let work = try WorkFolder(path: folder.file("w"))
    #expect(try run(work))
    #expect(try !run(work))
    #expect(try run(work, input: "other"))
    #expect(try run(work, input: "other", setting: "other"))
    #expect(try !run(work, input: "other", setting: "other"))
    _ = try folder.write("w/out", "damaged")
    #expect(try run(work, input: "other", setting: "other"))
    #expect(try folder.read("w/out") == Array("text".utf8))
    try FileManager.default.removeItem(atPath: folder.file("w/out"))
    #expect(try run(work, input: "other", setting: "other"))
    _ = try folder.write("w/s.json", "{")
    #expect(try run(work, input: "other", setting: "other"))
  }

  @Test func aFolderIsForOneRunAtATime() throws {
    var work: WorkFolder? = try WorkFolder(path: folder.file("w"))
    let failure = #expect(throws: Failure.self) { _ = try WorkFolder(path: folder.file("w")) }
    #expect(failure?.kind == .io && failure?.subject == folder.file("w"))
    _ = try folder.write("w/x.123.tmp", "left by a run that was killed")
    _ = work
    work = nil
    _ = try WorkFolder(path: folder.file("w"))
    #expect(try folder.list("w") == ["lock"])
  }

  @Test func aFileWhereTheFolderShallBeIsNamed() throws {
    let path = try folder.write("w", "")
    let failure = #expect(throws: Failure.self) { _ = try WorkFolder(path: path) }
    #expect(failure?.subject == path)
  }

  @Test func neighboursComeBackFromTheirFiles() throws {
    let lists = NeighbourLists(rows: 2, k: 3, scores: [1, 0.5, 0.25, 0, -0.5, -1], ids: [2, 1, 0, 0, 1, 2])
    try NeighbourFiles.write(lists, to: folder.file("n"))
    #expect(try NeighbourFiles.read(from: folder.file("n"), count: 3) == lists)
    let tooLarge = #expect(throws: Failure.self) { _ = try NeighbourFiles.read(from: folder.file("n"), count: 2) }
    #expect(tooLarge?.place == "row 0")
    let bytes = try folder.read("n.ids.npy")
    _ = try folder.write("n.ids.npy", Array(bytes.dropLast()))
    #expect(throws: Failure.self) { _ = try NeighbourFiles.read(from: folder.file("n"), count: 3) }
  }
}
