import Base
import Encoder
import Foundation
import Glibc
import TestSupport
import Testing

/// The program of this name on the PATH.
func program(_ name: String) -> String? {
  let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
  return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
}

/// `ems train` under Open MPI's mpirun: real processes, real kills. What needs no MPI is in RanksTests.
@Suite(
  .serialized,
  .enabled(if: program("mpirun") != nil, "Open MPI is not installed (Debian: openmpi-bin): nothing is run under mpirun")
)
struct MPITests {
  /// Enough steps to be hit in the middle; no checkpoint is due before the end.
  static let long: [String: String?] = [
    "steps": "400", "checkpoint_every": "10000", "validation": "{pairs: 4, every: 90}", "batch_pairs": "64",
  ]

  /// Starts `mpirun -n RANKS ems train`; its output goes to files.
  func start(_ place: Workplace, _ path: String, ranks: Int, _ arguments: [String] = []) throws -> Process {
    let process = Process()
    // The test's threads block signals, and mpirun would have that from them.
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments =
      [
        "--default-signal=TERM", try #require(program("mpirun")), "-n", "\(ranks)", "--oversubscribe", "--bind-to",
        "none", BinaryTests.ems, "train", path, "--quiet",
      ] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging([
      // In a container everybody is root, and one process may not read another's memory.
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
      "OMPI_MCA_btl_vader_single_copy_mechanism": "none", "EMS_TEST_FOLDER": place.folder.path,
    ]) { $1 }
    process.standardError = FileHandle(forWritingAtPath: try place.folder.write("log", ""))
    process.standardOutput = FileHandle(forWritingAtPath: try place.folder.write("out", ""))
    process.standardInput = FileHandle.nullDevice
    try process.run()
    return process
  }

  func text(_ place: Workplace, _ name: String) -> String {
    String(decoding: (try? place.folder.read(name)) ?? [], as: UTF8.self)
  }

  /// Runs to the end, and expects success.
  func train(_ place: Workplace, _ path: String, ranks: Int, _ arguments: [String] = []) throws {
    let process = try start(place, path, ranks: ranks, arguments)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text(place, "log"))")
  }

  /// The process of a rank of this test's run.
  func processOf(_ rank: Int, _ place: Workplace) throws -> pid_t {
    for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
      guard let id = pid_t(name), let bytes = FileManager.default.contents(atPath: "/proc/\(id)/environ") else {
        continue
      }
      let words = String(decoding: bytes, as: UTF8.self).split(separator: "\0")
      if words.contains("EMS_TEST_FOLDER=\(place.folder.path)"), words.contains("OMPI_COMM_WORLD_RANK=\(rank)") {
        return id
      }
    }
    throw Failure(.software, "rank \(rank)", "is not among the processes")
  }

  /// Waits until the run is in the middle.
  func waitForSteps(_ place: Workplace, _ run: String, _ process: Process) {
    func count() -> Int { ((try? place.folder.read("\(run)/metrics.jsonl")) ?? []).count { $0 == 0x0A } }
    let deadline = Date(timeIntervalSinceNow: 60)
    while process.isRunning, count() < 10, Date() < deadline { usleep(2000) }
  }

  @Test func theCurveIsThatOfOneProcess() throws {
    let place = try Workplace()
    try place.train(place.configuration("alone"))
    for ranks in [2, 3] {
      try train(place, place.configuration("ranks\(ranks)"), ranks: ranks, ["--json"])
      let (found, expected) = (try place.curve("ranks\(ranks)"), try place.curve("alone"))
      #expect(found.count == expected.count)
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 * max(abs($1), 1e-3) })
      // One of them speaks.
      let lines = text(place, "out").split(separator: "\n")
      #expect(lines.count == 1 && lines[0].contains("\"ranks\":\(ranks)"), "\(lines)")
      #expect(text(place, "log") == "")
      // And the threads of RanksTests, which stand for processes, give the very same bytes.
      for result in place.train(try place.configuration("threads\(ranks)"), ranks: ranks) { _ = try result.get() }
      expectSame(try place.result("ranks\(ranks)"), try place.result("threads\(ranks)"))
    }
    // One process under mpirun is one process.
    try train(place, place.configuration("one"), ranks: 1)
    expectSame(try place.result("one"), try place.result("alone"))
  }

  @Test func aKilledRankEndsTheRunWithACheckpoint() throws {
    let place = try Workplace()
    try train(place, place.configuration("whole", Self.long), ranks: 2)
    for rank in [0, 1] {
      let run = "run\(rank)", path = try place.configuration(run, Self.long)
      let process = try start(place, path, ranks: 2)
      waitForSteps(place, run, process)
      kill(try processOf(rank, place), SIGKILL)
      process.waitUntilExit()
      let log = text(place, "log")
      #expect(process.terminationStatus != 0)
      #expect(log.contains("ems: error: rank \(rank): after step") && log.contains("has gone"), "\(log)")
      let last = try #require(try place.checkpoints(run).last)
      #expect(log.contains("\(last) is written, --resume continues") && last != "step-000000400", "\(last)\n\(log)")
      try train(place, path, ranks: 2, ["--resume"])
      expectSame(try place.result(run), try place.result("whole"))
    }
  }

  @Test func aSignalStopsAllWithACheckpoint() throws {
    let place = try Workplace()
    try train(place, place.configuration("whole", Self.long), ranks: 2)
    // To one rank, or to mpirun, which hands it on and has an exit status of its own.
    for rank in [nil, 0, 1] as [Int?] {
      let run = "run\(rank.map(String.init) ?? "")"
      // mpirun hands the signal on after about a second: its run is one that does not end in that time.
      let path = try place.configuration(run, Self.long.merging(rank == nil ? ["steps": "100000"] : [:]) { $1 })
      let process = try start(place, path, ranks: 2)
      waitForSteps(place, run, process)
      kill(try rank.map { try processOf($0, place) } ?? process.processIdentifier, SIGTERM)
      process.waitUntilExit()
      let log = text(place, "log")
      #expect(rank == nil ? process.terminationStatus != 0 : process.terminationStatus == 130, "\(run): \(log)")
      let last = try #require(try place.checkpoints(run).last)
      #expect(last != "step-000000400" && last != "step-000100000", "\(run): \(log)")
      if rank == nil { continue }
      try train(place, path, ranks: 2, ["--resume"])
      expectSame(try place.result(run), try place.result("whole"))
    }
  }

  @Test func failuresAreSaidOnceAndHaveTheirStatus() throws {
    let place = try Workplace()
    let process = try start(place, place.configuration("run", ["batch_pair": "3"]), ranks: 3)
    process.waitUntilExit()
    #expect(process.terminationStatus == 65)
    #expect(text(place, "log").components(separatedBy: "ems: error").count == 2, "\(text(place, "log"))")
    // A run that is there already.
    let path = try place.configuration()
    try train(place, path, ranks: 2)
    let again = try start(place, path, ranks: 2)
    again.waitUntilExit()
    #expect(again.terminationStatus == 74)
    #expect(text(place, "log").contains("holds a training run already"))
  }

  @Test(.enabled(if: program("mpicc") != nil, "mpicc is not installed (Debian: libopenmpi-dev)"))
  func whatIsKnownOfOpenMPIIsWhatItsHeaderSays() throws {
    let folder = TemporaryFolder()
    let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "MPI/abi.c").path
    for (executable, arguments) in [
      (try #require(program("mpicc")), ["-Wall", "-Werror", source, "-o", folder.file("abi"), "-ldl"]),
      (folder.file("abi"), []),
    ] {
      let process = try Process.run(URL(filePath: executable), arguments: arguments)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
  }
}
