// `stdout` is a variable of C: only this file reads it.
import CSystem
@unsafe @preconcurrency import Glibc

/// The process's standard output and standard error, which may be closed, full, or a pipe that nobody reads any longer.
///
/// What is lost on standard error is only a log: no run ends for it. What is lost on standard output was a result: the
/// process says so and ends with the status of an input/output error, or dies of SIGPIPE, as Unix tools do, when its reader has
/// gone. `print` may be used for output all the same: what it could not write is seen when the process exits.
public enum StandardStreams {
  /// To be called first in a process.
  public static func prepare() {
    // A file that is opened later must not get the number of a stream that was closed, or messages would go into it. Reading
    // from what stands in for output, and the other way round, fails as it would with a closed one.
    for (stream, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
    where fcntl(stream, F_GETFD) < 0 {
      _ = unsafe open("/dev/null", mode)
    }
    // A pipe without a reader and a file that may not grow (ulimit -f) are errors of the write, not a sudden death.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    ems_system_install(Failure.Kind.io.rawValue)
    // Behind this one nothing is done: libraries have nothing left to write, and OpenBLAS waits at its end for threads that it
    // could not start where memory was short.
    _ = unsafe on_exit({ status, _ in StandardStreams.finish(status) }, nil)
  }

  /// Writes to standard error, as far as that is possible.
  public static func log(_ text: String) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let (count, _) = retryingInterrupts {
        unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress! + done, $0.count - done) }
      }
      if count <= 0 { return }
      done += count
    }
  }

  /// Whether standard output is a pipe whose reader has gone.
  public static var outputHasNoReader: Bool {
    var entry = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
    return unsafe poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLERR) != 0
  }

  /// Ends the process as one that the signal of a pipe without a reader has killed.
  public static func dieOfBrokenPipe() -> Never {
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
    _exit(128 + SIGPIPE)
  }

  /// Writes out what `print` has kept, and ends the process otherwise than it was about to if anything was lost.
  private static func finish(_ status: Int32) -> Never {
    let flushed = unsafe fflush(stdout)
    let code = errno
    let isLost = unsafe ferror(stdout) != 0
    guard flushed != 0 || isLost else { _exit(status) }
    if outputHasNoReader { dieOfBrokenPipe() }
    let reason = flushed == 0 ? "part of it was lost" : unsafe String(cString: strerror(code))
    log(
      "ems: error: standard output: cannot be written: \(reason); the results that were to be printed are not all there\n"
    )
    _exit(Failure.Kind.io.rawValue)
  }
}
