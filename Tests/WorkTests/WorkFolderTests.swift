import Base
import Foundation
import TestSupport
import Testing

import Work

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

  @Test func aStageWhoseFileCannotBeReadIsRunAgain() throws {
    // The manifest has the digest of a file that was broken before it was looked at.
    var isBroken = true
    var count = 0
    func stages(_ work: WorkFolder) -> Stage<NoCounts> {
      let first = Stage("first", kind: "a", outputs: ["one"], inputs: { [] }, settings: { [:] }) { () throws(Failure) in
        count += 1
        try self.write(work, "one", isBroken ? "broken" : "whole")
        return NoCounts()
      }
      return Stage("second", kind: "b", outputs: ["two"], inputs: { [.outputs(first)] }, settings: { [:] }) {
        () throws(Failure) in
        guard try MappedFile(path: work.file("one")).count == 5 else {
          throw Failure(.badData, work.file("one"), "cannot be read")
        }
        try self.write(work, "two", "done")
        return NoCounts()
      }
    }
    var work: WorkFolder? = try WorkFolder(path: folder.file("w"))
    if let work {
      // Broken each time: it is run once more, and then the failure is told.
      expect(failure { _ = try StageRun(in: work).result(of: stages(work)) }, says: "one", "cannot be read")
      #expect(count == 2)
      isBroken = false
      _ = try StageRun(in: work).result(of: stages(work))
      #expect(count == 3)
      _ = try StageRun(in: work).result(of: stages(work))
      #expect(count == 3)
    }
    work = nil
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

  @Test func aFolderThatIsLookedAtIsNeitherMadeNorLocked() throws {
    let path = folder.file("w")
    _ = try WorkFolder(path: path, use: .looking)
    #expect(try folder.list() == [])
    let work = try WorkFolder(path: path)
    #expect(try run(work))
    let looking = try WorkFolder(path: path, use: .looking)
    let manifest: StageManifest<[String: Int]> = try looking.finished("s", settings: ["k": "b"], outputs: ["out"])
    #expect(manifest.counts == ["n": 1])
  }

  struct Lines: StageCounts, Equatable { var lines: Int }

  /// Stages a and b, where b reads a's file and is as long as a counted.
  @Test func aStageRunsThoseThatItNeeds() throws {
    var runs: [String] = []
    func stages(_ run: StageRun) -> [any AnyStage] {
      let work = run.folder
      let a = Stage(
        "a", kind: "first", outputs: ["a.txt"], inputs: { () throws(Failure) in [] },
        settings: { () throws(Failure) in [:] }
      ) { () throws(Failure) -> Lines in
        runs.append("a")
        try write(work, "a.txt", "a")
        return Lines(lines: 3)
      }
      let b = Stage(
        "b", kind: "second", outputs: ["b.txt"], inputs: { () throws(Failure) in [.outputs(a)] },
        settings: { () throws(Failure) in ["n": "\(try run.counts(of: a).lines)"] }
      ) { () throws(Failure) -> NoCounts in
        runs.append("b")
        try write(work, "b.txt", "b")
        return NoCounts()
      }
      return [a, b]
    }
    func run(_ use: WorkFolder.Use = .whole) throws -> StageRun {
      StageRun(in: try WorkFolder(path: folder.file("w"), use: use))
    }
    // Alone, b says what must be run before.
    var one = try run(.stage("b"))
    let missing = #expect(throws: Failure.self) { _ = try stages(one)[1].result(in: one) }
    #expect(missing?.remedy?.contains("--only a") == true && runs.isEmpty)
    one = try run(.looking)
    let graph = try StageGraph(stages(one))
    #expect(graph.stages.map(\.needs) == [[], ["a"]] && graph.stages.map(\.kind) == ["first", "second"])
    one = try run()
    _ = try stages(one)[1].result(in: one)
    #expect(runs == ["a", "b"] && one.timings.map(\.name) == ["a", "b"])
    one = try run(.looking)
    one = try run()
    _ = try stages(one)[1].result(in: one)
    #expect(runs == ["a", "b"] && one.timings.allSatisfy(\.skipped))
    // What was made from a damaged file is made again, although its own file is whole.
    _ = try folder.write("w/a.txt", "damaged")
    one = try run(.looking)
    one = try run()
    _ = try stages(one)[1].result(in: one)
    #expect(runs == ["a", "b", "a", "b"])
  }
}
