import CSystem
import Glibc

/// A file that appears under its name only when it is complete.
///
/// Bytes go to `NAME.PID.tmp` in the same folder; `commit()` flushes them to the disk and renames. If the object goes
/// without a commit, the temporary file is removed, so no partial output ever has the final name. A name that stands for
/// a device or a pipe (`/dev/stdout`, a FIFO) is written directly, since there is nothing to rename.
public final class OutputFile {
  /// Where the file appears, or the device or pipe that is written to.
  public let path: String
  /// Bytes written so far, those still in the buffer included.
  public private(set) var count = 0

  private let temporary: String?
  /// The temporary file's place in the table that signal handlers look at.
  private var slot: Int32 = -1
  private var file: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 1 << 18

  /// Creates the temporary file, so that an output that cannot be written is known before any work is done.
  ///
  /// - Throws: `Failure` naming the path: no such folder, no permission, a folder of that name.
  public init(path: String) throws(Failure) {
    self.path = path
    var status = stat()
    let exists = FileSystem.stat(path, &status) == 0
    let kind = status.st_mode & S_IFMT
    if exists, kind == S_IFDIR {
      throw Failure(.io, path, "cannot write: is a folder", remedy: "name a file")
    }
    let direct = exists && kind != S_IFREG
    let name = direct ? path : "\(path).\(getpid()).tmp"
    temporary = direct ? nil : name
    let (descriptor, code) = retryingInterrupts {
      FileSystem.open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    }
    guard descriptor >= 0 else {
      throw Failure(
        .io, path, unsafe "cannot write: \(String(cString: strerror(code)))",
        remedy: "check that the folder exists and may be written to")
    }
    file = descriptor
    if !direct { slot = unsafe PathText.withCString(name) { unsafe ems_temporary_add($0) } }
    buffer.reserveCapacity(Self.bufferSize)
  }

  private init(name: String, descriptor: Int32) {
    path = name
    temporary = nil
    file = descriptor
    buffer.reserveCapacity(Self.bufferSize)
  }

  /// What failures call standard output.
  public static let standardOutputName = "standard output"

  /// Standard output, written directly. (By the name `/dev/stdout` it could not be told from a file it is sent to.)
  public static func standardOutput() throws(Failure) -> OutputFile {
    let (descriptor, code) = retryingInterrupts { dup(STDOUT_FILENO) }
    guard descriptor >= 0 else { throw .system("cannot write", standardOutputName, errno: code) }
    return OutputFile(name: standardOutputName, descriptor: descriptor)
  }

  deinit {
    if file >= 0 {
      close(file)
      ems_temporary_remove(slot)
      if let temporary { FileSystem.unlink(temporary) }
    }
  }

  /// Appends bytes; they reach the disk when the buffer is full or on `commit()`.
  public func write(_ bytes: RawSpan) throws(Failure) {
    count += bytes.byteCount
    if buffer.count + bytes.byteCount > Self.bufferSize { try flush() }
    if bytes.byteCount >= Self.bufferSize {
      try Self.send(bytes, to: file, path: path)
    } else {
      unsafe bytes.withUnsafeBytes { unsafe buffer.append(contentsOf: $0) }
    }
  }

  /// Appends a text as UTF-8.
  public func write(_ text: String) throws(Failure) {
    var text = text
    text.makeContiguousUTF8()
    try unsafe write(text.utf8.span.bytes)
  }

  /// Replaces bytes already written, from `offset` on: for headers whose content is known only at the end.
  ///
  /// - Precondition: the range lies within what was written; the output is a regular file.
  public func overwrite(at offset: Int, _ bytes: RawSpan) throws(Failure) {
    precondition(offset + bytes.byteCount <= count)
    try flush()
    guard temporary != nil else {
      throw Failure(.io, path, "cannot seek in a pipe or device", remedy: "name a regular file")
    }
    guard lseek(file, off_t(offset), SEEK_SET) >= 0 else { throw .system("cannot seek", path, errno: errno) }
    try Self.send(bytes, to: file, path: path)
    guard lseek(file, 0, SEEK_END) >= 0 else { throw .system("cannot seek", path, errno: errno) }
  }

  /// What has been written so far, to be looked at before the commit; nil for a device or a pipe.
  package func written() throws(Failure) -> MappedFile? {
    try flush()
    guard let temporary else { return nil }
    return try MappedFile(path: temporary, shown: path)
  }

  /// Makes the file durable and gives it its name.
  public func commit() throws(Failure) {
    try flush()
    guard let temporary else {
      let descriptor = file
      file = -1
      // Some devices and network file systems tell only now what was lost.
      if close(descriptor) != 0, errno != EINTR { throw .system("cannot write", path, errno: errno) }
      return
    }
    let (synced, code) = retryingInterrupts { fsync(file) }
    guard synced == 0 else { throw .system("cannot write", path, errno: code) }
    guard FileSystem.rename(temporary, path) == 0 else { throw .system("cannot rename", path, errno: errno) }
    ems_temporary_remove(slot)
    close(file)
    file = -1
    syncFolder(of: path)
  }

  private func flush() throws(Failure) {
    if buffer.isEmpty { return }
    let pending = buffer
    let bytes = pending.span
    try unsafe Self.send(bytes.bytes, to: file, path: path)
    buffer = []
    buffer.reserveCapacity(Self.bufferSize)
  }

  private static func send(_ bytes: RawSpan, to file: Int32, path: String) throws(Failure) {
    var done = 0
    while done < bytes.byteCount {
      let rest = bytes.extracting(done...)
      let (written, code) = retryingInterrupts {
        unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress!, $0.count) }
      }
      guard written > 0 else { throw .system("cannot write", path, errno: written == 0 ? EIO : code) }
      done += written
    }
  }
}

/// Makes a rename in the folder of `path` durable. Best effort: some file systems refuse to sync folders.
private func syncFolder(of path: String) {
  let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  let descriptor = FileSystem.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  if descriptor >= 0 {
    fsync(descriptor)
    close(descriptor)
  }
}
