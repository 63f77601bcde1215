import Glibc
import Synchronization

/// Whether the user or the system asked the process to stop (SIGINT, SIGTERM).
///
/// Long work watches `requested` and leaves at the next safe point; a second signal ends the process at once.
public enum Interruption {
  private static let count = Atomic<Int>(0)

  /// Begins to watch for the signals.
  public static func watch() {
    // A parent may have started this process with the signals blocked, as threads of thread pools have them.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for signalNumber in [SIGINT, SIGTERM] { unsafe sigaddset(&signals, signalNumber) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    for signalNumber in [SIGINT, SIGTERM] {
      signal(signalNumber) { number in
        if Interruption.count.add(1, ordering: .relaxed).newValue > 1 { _exit(128 + number) }
      }
    }
  }

  /// Whether a signal came since `watch()`.
  public static var requested: Bool { count.load(ordering: .relaxed) > 0 }

  /// What work that stops half-way fails with.
  ///
  /// - Parameter subject: the work, or its output.
  package static func failure(_ subject: String) -> Failure {
    Failure(.interrupted, subject, "stopped by a signal; nothing was written")
  }
}
