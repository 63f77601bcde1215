import Glibc

extension Failure {
  /// The same about an output: a folder that is not there is trouble with writing then, no missing input.
  package var asOutput: Failure {
    Failure(kind == .missingInput ? .io : kind, subject, at: place, problem, remedy: remedy)
  }

  /// The failure of a system call on `subject`, from the value that `errno` had right after it.
  ///
  /// - Parameter action: what was tried, as a verb phrase: "cannot write".
  package static func system(_ action: String, _ subject: String, errno code: Int32, remedy: String? = nil) -> Failure {
    let reason = unsafe String(cString: strerror(code))
    let kind: Kind =
      switch code {
      case ENOENT, ENOTDIR: .missingInput
      default: .io
      }
    let advice: String? =
      remedy
      ?? {
        switch code {
        case ENOSPC, EDQUOT: "free some space or write to another disk"
        case EFBIG: "the limit on file sizes (ulimit -f) is too low for this output"
        case EACCES, EPERM, EROFS: "check the permissions of the file and of its folder"
        case ENOENT, ENOTDIR: "check the path"
        default: nil
        }
      }()
    return Failure(kind, subject, "\(action): \(reason)", remedy: advice)
  }
}

/// Runs a system call again for as long as a signal interrupts it.
///
/// - Returns: the call's result; on failure -1, with the error in the second element.
package func retryingInterrupts<Result: SignedInteger>(_ call: () -> Result) -> (result: Result, errno: Int32) {
  while true {
    let result = call()
    if result >= 0 { return (result, 0) }
    let code = errno
    if code != EINTR { return (result, code) }
  }
}
