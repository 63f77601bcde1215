import Glibc

/// A lock on a file that keeps processes apart; held as long as the object lives, and gone with the process however it ends.
///
/// It is the kernel's `flock`: also across machines on file systems that pass it on, such as NFS 4.
package final class FileLock {
  private let file: Int32

  /// Takes the lock at once or not at all.
  ///
  /// - Parameters:
  ///   - path: made if there is none; its content does not matter.
  ///   - exclusive: whether nobody else may hold it; shared otherwise.
  ///   - busy: thrown when another process holds it.
  /// - Throws: `busy`, or a `Failure` that names the file if it cannot be written or locked.
  package init(path: String, exclusive: Bool = true, busy: @autoclosure () -> Failure) throws(Failure) {
    let (file, code) = retryingInterrupts { FileSystem.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
    guard file >= 0 else { throw .system("cannot write", path, errno: code) }
    guard flock(file, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 else {
      let code = errno
      close(file)
      if code != EWOULDBLOCK { throw .system("cannot lock", path, errno: code) }
      throw busy()
    }
    self.file = file
  }

  deinit { close(file) }
}
