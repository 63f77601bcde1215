/// Why a command cannot do what it was asked, in words a user can act on.
///
/// Every failure names the thing it is about (a file, an option), where in it (a line, a byte offset), what was found and
/// expected, and what to do. The kind decides the exit status, after BSD's sysexits.
public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
  /// The class of a failure; its raw value is the process's exit status.
  public enum Kind: Int32, Sendable {
    /// The command line is wrong.
    case usage = 64
    /// A file is there, but its content is not what it must be.
    case badData = 65
    /// A file or folder that was named does not exist or may not be read.
    case missingInput = 66
    /// An invariant of this program does not hold.
    case software = 70
    /// Reading or writing failed: no space, no permission, a broken pipe or device.
    case io = 74
    /// A signal asked the process to stop, and the work is not done.
    case interrupted = 130
  }

  /// What class of failure it is.
  public var kind: Kind
  /// The file, folder or option the failure is about.
  public var subject: String
  /// The place inside the subject, such as `line 12` or `offset 4096`.
  public var place: String?
  /// What was found and what was expected.
  public var problem: String
  /// What the user can do about it.
  public var remedy: String?

  /// A failure from its parts, in the order in which they are read out.
  public init(_ kind: Kind, _ subject: String, at place: String? = nil, _ problem: String, remedy: String? = nil) {
    self.kind = kind
    self.subject = subject
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  /// One line: `subject: place: problem; remedy`. What is in it is harmless on a terminal, and it is no longer than a screen.
  public var description: String {
    var text = Printable.text(subject, limit: 500)
    if let place { text += ": \(Printable.text(place, limit: 200))" }
    text += ": \(Printable.text(problem, limit: 700))"
    if let remedy { text += "; \(Printable.text(remedy, limit: 400))" }
    return text
  }
}
