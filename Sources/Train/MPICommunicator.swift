import Base
import CMPI
import Foundation
import Kernels

/// The ranks of a run under `mpirun` or `srun`, through Open MPI, which is loaded only then.
///
/// One object a process; everything is called from the thread that made it.
public final class MPICommunicator: Communicator {
  /// This process's number, from 0.
  public let rank: Int
  /// The number of processes.
  public let size: Int
  /// Processes of the run that may use the same processors as this one, itself included.
  public private(set) var neighbours = 1
  private var lifeline: Lifeline?
  private let patience: Double
  private let job: Job

  /// The ranks of this run, or nil when the process was started alone.
  ///
  /// - Parameters:
  ///   - environment: of the process; `EMS_MPI_LIBRARY` names the library if it is not the system's libmpi.so.40.
  ///   - job: says whether to stop waiting for the others.
  /// - Throws: `Failure` when a launcher has started several processes that cannot be connected.
  public static func launched(
    _ environment: [String: String] = ProcessInfo.processInfo.environment, job: Job
  ) throws(Failure) -> MPICommunicator? {
    guard let launch = Launch(environment) else { return nil }
    return try MPICommunicator(launch, library: environment["EMS_MPI_LIBRARY"], job: job)
  }

  /// What a launcher has said in the environment.
  struct Launch: Equatable {
    /// The program that started this process, for messages.
    var launcher: String
    /// How many it has started, if it says so.
    var processes: Int?
    /// Whether a process manager that MPI can talk to is there.
    var connected: Bool

    /// - Returns: nil when the environment speaks of no launcher, or of one process.
    init?(_ environment: [String: String]) {
      connected = environment["PMIX_RANK"] != nil || environment["PMI_RANK"] != nil
      func number(_ key: String) -> Int? { environment[key].flatMap { Int($0) } }
      if let count = number("OMPI_COMM_WORLD_SIZE") {
        (launcher, processes) = ("mpirun", count)
      } else if environment["SLURM_PROCID"] != nil, let count = number("SLURM_STEP_NUM_TASKS") {
        (launcher, processes) = ("srun", count)
      } else if environment["PMIX_RANK"] != nil {
        (launcher, processes) = ("the launcher", nil)
      } else {
        return nil
      }
      if processes == 1 { return nil }
    }
  }

  private init(_ launch: Launch, library: String?, job: Job) throws(Failure) {
    let started =
      launch.processes.map { "\(launch.launcher) has started \($0) processes" } ?? "under \(launch.launcher)"
    if launch.launcher == "srun", !launch.connected {
      // MPI would end the process with a page of its own.
      throw Failure(
        .usage, "srun", "\(started), but does not connect them",
        remedy: "start them with srun --mpi=pmix, or with mpirun")
    }
    if let problem = unsafe ems_mpi_load(library) {
      throw Failure(
        .missingInput, library ?? "libmpi.so.40",
        unsafe "\(started), but MPI cannot be used: \(String(cString: problem))",
        remedy: "install Open MPI (Debian: openmpi-bin), name its library in EMS_MPI_LIBRARY, or start one process")
    }
    var (rank, size): (Int32, Int32) = (0, 0)
    let code = unsafe ems_mpi_init(&rank, &size)
    guard code == 0 else { throw Self.failure("MPI_Init", code) }
    (self.rank, self.size) = (Int(rank), Int(size))
    // mpirun gives its processes a second from SIGTERM to SIGKILL, in which rank 0 must write a checkpoint. The others lose
    // nothing by waiting.
    self.job = job
    patience = rank == 0 ? 0.25 : 30
    guard launch.processes.map({ $0 == Int(size) }) ?? true else {
      throw Failure(
        .usage, launch.launcher, "\(started), but MPI knows of \(size): each would train alone",
        remedy: launch.launcher == "srun"
          ? "start them with srun --mpi=pmix, or with mpirun" : "use the mpirun of the Open MPI that is loaded")
    }
    let peers = Peers(self)
    lifeline = try Lifeline(among: peers)
    // Processes of one machine that may run on the same processors share them.
    let here = "\(ProcessInfo.processInfo.hostName) \(Self.processors)"
    neighbours = try peers.gather(here).count { $0 == here }
  }

  /// Which processors the system lets this process run on, as text.
  private static var processors: String {
    let status = FileManager.default.contents(atPath: "/proc/self/status").map { String(decoding: $0, as: UTF8.self) }
    let line = status?.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }
    return line.map(String.init) ?? ""
  }

  private static func failure(_ call: String, _ code: Int32) -> Failure {
    var text = [CChar](repeating: 0, count: 256)
    unsafe ems_mpi_message(code, &text)
    let message = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return Failure(.io, call, message, remedy: "look at what MPI itself says above")
  }

  /// Exchanges through MPI; while it waits it looks whether the others are still there.
  public func exchange(
    _ send: Tensor, _ parts: [Range<Int>], into receive: Tensor, _ places: [Range<Int>]
  ) throws(Failure) {
    precondition(parts.count == size && places.count == size)
    precondition(send.count <= Int(Int32.max) && receive.count <= Int(Int32.max), "more than MPI's counts can say")
    let sendCounts = parts.map { Int32($0.count) }, sendOffsets = parts.map { Int32($0.lowerBound) }
    let receiveCounts = places.map { Int32($0.count) }, receiveOffsets = places.map { Int32($0.lowerBound) }
    precondition(zip(parts, places).allSatisfy { $0.upperBound <= send.count && $1.upperBound <= receive.count })
    // MPI keeps the addresses of all of these until the exchange is done.
    let outcome: Failure? = unsafe sendCounts.withUnsafeBufferPointer { a in
      unsafe sendOffsets.withUnsafeBufferPointer { b in
        unsafe receiveCounts.withUnsafeBufferPointer { c in
          unsafe receiveOffsets.withUnsafeBufferPointer { d in
            let code = unsafe ems_mpi_start(
              send.pointer, a.baseAddress, b.baseAddress, receive.pointer, c.baseAddress, d.baseAddress)
            if code != 0 { return Self.failure("MPI_Ialltoallv", code) }
            return wait()
          }
        }
      }
    }
    if let outcome { throw outcome }
  }

  /// Waits for the exchange that was started.
  private func wait() -> Failure? {
    let begin = ContinuousClock.now
    var asked: ContinuousClock.Instant?
    var rounds = 0
    while true {
      var done: Int32 = 0
      let code = unsafe ems_mpi_test(&done)
      if code != 0 { return Self.failure("MPI_Test", code) }
      if done != 0 { return nil }
      rounds += 1
      // At first the answer is near; later the processors are of more use to others.
      if rounds < 2000 { sched_yield() } else { usleep(100) }
      guard rounds % 100 == 0, ContinuousClock.now - begin > .milliseconds(2) else { continue }
      if let gone = lifeline?.firstGone() {
        return Failure(.io, "rank \(gone)", "has gone", remedy: "continue from the last checkpoint with --resume")
      }
      // A launcher that has lost a rank asks the others to stop, and soon kills them.
      if job.isCancelled {
        let since = asked ?? ContinuousClock.now
        asked = since
        if ContinuousClock.now - since > .seconds(patience) {
          return Failure(
            .interrupted, "rank \(rank)", "was asked to stop while it waited for the others",
            remedy: "continue from the last checkpoint with --resume")
        }
      }
    }
  }

  /// Leaves the run in good order, together with all others.
  public func finish() { _ = ems_mpi_finalize() }

  /// Ends this process, and with it the run, after a failure.
  ///
  /// A rank that is not the first lets rank 0 go ahead, which may have a checkpoint to write; or rank 1, if it is rank 0
  /// that has gone.
  /// - Parameter say: told the failure, unless rank 0 has the same one.
  public func abort(_ failure: Failure, say: (Failure) -> Void) -> Never {
    var failure = failure
    if rank == 0 {
      say(failure)
    } else if failure.subject == "rank 0" {
      // Rank 1 has done in its place what was to be done; the others wait for it to end the run.
      if rank == 1 { say(failure) } else { sleep(600) }
    } else {
      lifeline?.letGo()
      if lifeline?.waitForFirst(seconds: 2) != true {
        if failure.subject != "rank \(rank)" { failure.subject = "rank \(rank): \(failure.subject)" }
        say(failure)
      }
      _ = lifeline?.waitForFirst(seconds: 600)
    }
    ems_mpi_abort(failure.kind.rawValue)
    exit(failure.kind.rawValue)
  }
}
