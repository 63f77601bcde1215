import Foundation
import Glibc
import TestSupport
import Testing

/// `ems train` as a process: signals, kills, a full disk.
@Suite(.serialized) struct BinaryTests {
  /// The binary beside the test bundle.
  static let ems = URL(filePath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "")
    .deletingLastPathComponent().appending(path: "ems").path

  /// Enough steps to be hit in the middle.
  static let long: [String: String?] = [
    "steps": "600", "checkpoint_every": "200", "validation": "{pairs: 0}",
  ]

  /// Starts `ems train`; its standard error goes to the file `log`.
  func start(_ place: Workplace, _ path: String, _ arguments: [String] = [], limitKiB: Int? = nil) throws -> Process {
    let process = Process()
    let command = ["train", path, "--threads", "1", "--quiet"] + arguments
    if let limitKiB {
      // Beyond the limit writes fail as on a full disk, once the signal that comes with it is ignored.
      process.executableURL = URL(filePath: "/bin/bash")
      process.arguments = ["-c", "trap '' XFSZ; ulimit -f \(limitKiB); exec \"$0\" \"$@\"", Self.ems] + command
    } else {
      process.executableURL = URL(filePath: Self.ems)
      process.arguments = command
    }
    process.standardError = FileHandle(forWritingAtPath: try place.folder.write("log", ""))
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    return process
  }

  /// Waits until the run has written metrics of `lines` steps more than it had.
  func waitForSteps(_ place: Workplace, _ run: String, _ lines: Int, _ process: Process) {
    func count() -> Int { ((try? place.folder.read("\(run)/metrics.jsonl")) ?? []).count { $0 == 0x0A } }
    let deadline = Date(timeIntervalSinceNow: 30)
    while process.isRunning, count() < lines, Date() < deadline { usleep(2000) }
  }

  func log(_ place: Workplace) -> String {
    String(decoding: (try? place.folder.read("log")) ?? [], as: UTF8.self)
  }

  @Test func aPageShowsTheCurves() throws {
    let place = try Workplace()
    let path = try place.configuration(
      "run", ["steps": "6", "checkpoint_every": "3", "validation": "{pairs: 2, every: 2}"])
    let page = place.folder.file("train.html")
    let process = try start(place, path, ["--report", page])
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(log(place))")
    let html = try String(contentsOfFile: page, encoding: .utf8)
    for part in ["Losses of training", "Accuracy on pairs held out", "Learning rate", "<polyline"] {
      #expect(html.contains(part), "\(part)")
    }
    // What a run reads is not written over: the page, and a run whose model it starts from.
    let inputs = try start(place, path, ["--report", path])
    inputs.waitUntilExit()
    #expect(inputs.terminationStatus == 64, "\(log(place))")
    let again = try place.configuration("run", ["initial": place.folder.file("run/final")])
    let same = try start(place, again)
    same.waitUntilExit()
    #expect(same.terminationStatus == 64 && log(place).contains("final"), "\(log(place))")
  }

  @Test(arguments: [SIGINT, SIGTERM]) func signalsLeaveACheckpoint(signal: Int32) throws {
    let place = try Workplace()
    try place.train(place.configuration("whole", Self.long))
    let path = try place.configuration("run", Self.long)
    let process = try start(place, path)
    waitForSteps(place, "run", 10, process)
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 130, "\(log(place))")
    let names = try place.checkpoints("run")
    #expect(names.count >= 1 && !names.contains("step-000000600"))
    let rest = try start(place, path, ["--resume"])
    rest.waitUntilExit()
    #expect(rest.terminationStatus == 0, "\(log(place))")
    expectSame(try place.result("run"), try place.result("whole"))
  }

  @Test func killedAndResumedTheBytesAreTheSame() throws {
    let place = try Workplace()
    try place.train(place.configuration("whole", Self.long))
    let path = try place.configuration("run", Self.long)
    var random = TestSupport.SplitMix(seed: UInt64(Date().timeIntervalSince1970))
    for _ in 0..<3 {
      let process = try start(place, path, ["--resume"])
      // Anywhere from before the first step to the middle of checkpoints.
      let target = Int.random(in: 0...450, using: &random)
      waitForSteps(place, "run", target, process)
      usleep(.random(in: 0...20_000, using: &random))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    let rest = try start(place, path, ["--resume"])
    rest.waitUntilExit()
    #expect(rest.terminationStatus == 0, "\(log(place))")
    expectSame(try place.result("run"), try place.result("whole"))
    #expect(try !place.folder.list("run").contains { $0.hasSuffix(".tmp") })
    #expect(try !place.folder.list("run/checkpoints").contains { $0.hasSuffix(".tmp") })
  }

  @Test func aFullDiskLeavesTheLastCheckpoint() throws {
    let place = try Workplace()
    let changes = ["validation": "{pairs: 0}", "checkpoint_every": "5"] as [String: String?]
    try place.train(place.configuration("whole", changes))
    let path = try place.configuration("run", changes)
    try place.train(path, steps: 5)
    let before = try ["model.safetensors", "optimizer.safetensors", "state.json"].map {
      try place.folder.read("run/checkpoints/step-000000005/\($0)")
    }
    // The model still fits, the optimiser's state does not.
    let process = try start(place, path, ["--resume"], limitKiB: before[0].count / 1024 + 8)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 74, "\(log(place))")
    #expect(log(place).contains("optimizer.safetensors"), "\(log(place))")
    #expect(try place.folder.list("run/checkpoints") == ["step-000000005"])
    let after = try ["model.safetensors", "optimizer.safetensors", "state.json"].map {
      try place.folder.read("run/checkpoints/step-000000005/\($0)")
    }
    #expect(after == before)
    try place.train(path, resume: true)
    expectSame(try place.result("run"), try place.result("whole"))
  }

  @Test func wrongUsesHaveTheirExitStatus() throws {
    let place = try Workplace()
    func status(_ path: String, _ arguments: [String] = []) throws -> Int32 {
      let process = try start(place, path, arguments)
      process.waitUntilExit()
      return process.terminationStatus
    }
    #expect(try status(place.folder.file("none.yaml")) == 66)
    #expect(try status(place.configuration("run", ["batch_pair": "3"])) == 65)
    #expect(log(place).contains("batch_pairs"))
    #expect(try status(place.configuration(), ["--steps", "0"]) == 64)
    #expect(try status(place.configuration(), ["--steps", "2"]) == 0)
    #expect(try status(place.configuration(), ["--steps", "2"]) == 74)
  }

  @Test func withoutMPIALauncherIsRefused() throws {
    let place = try Workplace()
    let path = try place.configuration()
    for (library, says) in [
      ("/none/libmpi.so.40", "/none/libmpi.so.40"), ("libm.so.6", "libm.so.6: mpirun has started 2 processes"),
      ("libm.so.6", "not Open MPI"),
    ] {
      let process = Process()
      process.executableURL = URL(filePath: Self.ems)
      process.arguments = ["train", path]
      process.environment = ["OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0", "EMS_MPI_LIBRARY": library]
      process.standardError = FileHandle(forWritingAtPath: try place.folder.write("log", ""))
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 66)
      #expect(log(place).contains(says) && log(place).contains("openmpi-bin"), "\(log(place))")
    }
    // srun without its MPI plug-in: every process would be alone.
    let step = Process()
    step.executableURL = URL(filePath: Self.ems)
    step.arguments = ["train", path]
    step.environment = ["SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"]
    step.standardError = FileHandle(forWritingAtPath: try place.folder.write("log", ""))
    try step.run()
    step.waitUntilExit()
    #expect(step.terminationStatus == 64)
    #expect(log(place).contains("srun has started 2 processes") && log(place).contains("--mpi=pmix"), "\(log(place))")
    #expect(!FileManager.default.fileExists(atPath: place.folder.file("run")))
    // One process needs none of it.
    let alone = Process()
    alone.executableURL = URL(filePath: Self.ems)
    alone.arguments = ["train", path, "--quiet"]
    alone.environment = ["OMPI_COMM_WORLD_SIZE": "1", "EMS_MPI_LIBRARY": "/none"]
    try alone.run()
    alone.waitUntilExit()
    #expect(alone.terminationStatus == 0)
  }
}
