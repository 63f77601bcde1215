import Synchronization

/// A piece of work that somebody waits for: it may be told to stop, and tells how far it has come.
///
/// Whoever asks for the work makes the job and hands it down: the command line makes one from the signals of the process,
/// a server makes one for each request and can cancel that alone. Long work looks at it between tasks.
public final class Job: Sendable {
  private let cancelled = Atomic<Bool>(false)
  private let asked: @Sendable () -> Bool
  private let told: @Sendable (String, Double?) -> Void

  /// A job of one's own.
  ///
  /// - Parameters:
  ///   - stopped: says whether to stop, beside `cancel()`; asked often, from several threads.
  ///   - progress: called with what is being done and the share of it that is done, 0 to 1, or nil where that is not known;
  ///     from several threads.
  public init(
    stopped: @escaping @Sendable () -> Bool = { false },
    progress: @escaping @Sendable (String, Double?) -> Void = { _, _ in }
  ) {
    asked = stopped
    told = progress
  }

  /// Asks the work to stop at the next safe point. It then fails with the kind `interrupted`.
  public func cancel() { cancelled.store(true, ordering: .relaxed) }

  /// Whether the work shall stop.
  public var isCancelled: Bool { cancelled.load(ordering: .relaxed) || asked() }

  /// Leaves work that shall stop.
  ///
  /// - Parameter subject: the work, or its output.
  /// - Throws: `Failure` of the kind `interrupted` that names it.
  public func check(_ subject: String) throws(Failure) {
    if isCancelled { throw Interruption.failure(subject) }
  }

  /// Tells what is being done, and the share of it that is done.
  public func report(_ text: String, _ share: Double? = nil) { told(text, share) }
}
