import Base
import Foundation
import Glibc

/// A file or folder that is open; closed when the object goes.
final class Descriptor: Sendable {
  let number: Int32
  init(_ number: Int32) { self.number = number }
  deinit { close(number) }
}

/// The folder that a corpus is fetched to.
///
/// Every path is walked one name after the other from the open folder, and no symbolic link is followed on the way; so
/// nothing outside can be written or read, whatever a manifest, an archive or another process does. What is not complete
/// lies in `.ems-data` inside, with a lock that keeps a second run away.
final class DataFolder: Sendable {
  /// The name of the folder for what is not complete.
  static let stateName = ".ems-data"

  let path: String
  private let root: Descriptor
  /// The folder for what is not complete, and its lock; nil in a folder that is only read.
  private let work: (folder: Descriptor, lock: Descriptor)?

  /// Opens a folder to read it.
  init(reading path: String) throws(Failure) {
    self.path = path
    root = try Self.open(path)
    work = nil
  }

  /// Opens a folder to fetch into it, making it if there is none.
  init(writing path: String) throws(Failure) {
    self.path = path
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw Failure(.io, path, "cannot make the folder", remedy: "check the path and its permissions")
    }
    root = try Self.open(path)
    let shown = "\(path)/\(Self.stateName)"
    let folder = try enter(Self.stateName, of: root, create: true, shown: shown)
    let (file, code) = retryingInterrupts {
      unsafe openat(folder.number, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o666)
    }
    guard file >= 0 else { throw .system("cannot write", "\(shown)/lock", errno: code) }
    let lock = Descriptor(file)
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      if code != EWOULDBLOCK { throw .system("cannot lock", "\(shown)/lock", errno: code) }
      throw Failure(
        .io, path, "another run is fetching into this folder", remedy: "wait for it, or name another --output")
    }
    work = (folder, lock)
  }

  /// The path of a file, for messages and for libraries that read by name.
  func shown(_ name: String) -> String { path.hasSuffix("/") ? path + name : "\(path)/\(name)" }

  // MARK: Complete files

  /// A complete file, open for reading; nil if there is none.
  ///
  /// - Throws: `Failure` for a symbolic link or a folder of that name, or on the way to it.
  func file(_ name: String) throws(Failure) -> Descriptor? {
    guard let (folder, last) = try parent(of: name, create: false) else { return nil }
    // Without NONBLOCK a pipe of that name would wait for a writer.
    let (file, code) = retryingInterrupts {
      unsafe openat(folder.number, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0)
    }
    guard file >= 0 else {
      if code == ENOENT { return nil }
      throw code == ELOOP ? link(shown(name)) : .system("cannot open", shown(name), errno: code)
    }
    let descriptor = Descriptor(file)
    guard try status(descriptor, shown(name)).st_mode & S_IFMT == S_IFREG else {
      throw Failure(.io, shown(name), "is there and is no regular file", remedy: "remove it or name another --output")
    }
    return descriptor
  }

  /// Makes sure, before anything is fetched, that a file of this name can be written, and makes the folders on the way.
  func prepare(_ name: String) throws(Failure) { _ = try parent(of: name, create: true) }

  /// Gives a file in the work folder its final name, durably. A file of that name is replaced.
  func publish(_ unfinished: String, as name: String) throws(Failure) {
    guard let (folder, last) = try parent(of: name, create: true) else { return }
    guard unsafe renameat(workFolder.number, unfinished, folder.number, last) == 0 else {
      throw .system("cannot rename", shown(name), errno: errno)
    }
    // Best effort: some file systems refuse to sync folders.
    fsync(folder.number)
  }

  // MARK: What is not complete

  /// Opens a file in the work folder, making it if there is none.
  func unfinished(_ name: String) throws(Failure) -> Descriptor {
    let (file, code) = retryingInterrupts {
      unsafe openat(workFolder.number, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o666)
    }
    guard file >= 0 else { throw .system("cannot write", "\(path)/\(Self.stateName)/\(name)", errno: code) }
    return Descriptor(file)
  }

  /// The path of a file in the work folder.
  func shownUnfinished(_ name: String) -> String { shown("\(Self.stateName)/\(name)") }

  /// Removes a file from the work folder, if it is there.
  func removeUnfinished(_ name: String) { unsafe unlinkat(workFolder.number, name, 0) }

  private var workFolder: Descriptor {
    guard let work else { preconditionFailure("the folder was opened for reading") }
    return work.folder
  }

  /// Makes an empty folder in the work folder; what an earlier run left under that name is removed.
  func unfinishedFolder(_ name: String) throws(Failure) -> Descriptor {
    removeUnfinishedFolder(name)
    return try enter(name, of: workFolder, create: true, shown: shownUnfinished(name))
  }

  /// Removes a folder from the work folder, with all its content.
  func removeUnfinishedFolder(_ name: String) { try? FileManager.default.removeItem(atPath: shownUnfinished(name)) }

  /// Whether there is anything of this name, be it a link that leads nowhere.
  func exists(_ name: String) throws(Failure) -> Bool {
    guard let (folder, last) = try parent(of: name, create: false) else { return false }
    var status = stat()
    return unsafe fstatat(folder.number, last, &status, AT_SYMLINK_NOFOLLOW) == 0
  }

  // MARK: Walking

  /// The folder that a name below this one lies in, and the last part of the name; nil if there is no such folder.
  private func parent(of name: String, create: Bool) throws(Failure) -> (Descriptor, String)? {
    try walk(from: root, to: name, create: create, shown: path)
  }

  private static func open(_ path: String) throws(Failure) -> Descriptor {
    let (folder, code) = retryingInterrupts { unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard folder >= 0 else { throw .system("cannot open the folder", path, errno: code) }
    return Descriptor(folder)
  }

}

/// The folder that a name below another folder lies in, and the last part of the name; nil if there is no such folder.
func walk(
  from root: Descriptor, to name: String, create: Bool, shown: String
) throws(Failure) -> (Descriptor, String)? {
  precondition(Manifest.problem(ofName: name) == nil)
  var folder = root
  let parts = name.split(separator: "/").map(String.init)
  var soFar = shown
  for part in parts.dropLast() {
    soFar += "/\(part)"
    do throws(Failure) {
      folder = try enter(part, of: folder, create: create, shown: soFar)
    } catch {
      if error.kind == .missingInput, !create { return nil }
      throw error
    }
  }
  return (folder, parts[parts.count - 1])
}

/// Opens a folder in another one, if asked after making it; no link is followed.
private func enter(
  _ name: String, of folder: Descriptor, create: Bool, shown: String
) throws(Failure) -> Descriptor {
  if create, unsafe mkdirat(folder.number, name, 0o777) != 0, errno != EEXIST {
    throw .system("cannot make the folder", shown, errno: errno)
  }
  let (inner, code) = retryingInterrupts {
    unsafe openat(folder.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
  }
  guard inner >= 0 else {
    // The system calls a link to a folder "not a folder" here.
    if code == ENOTDIR || code == ELOOP { throw link(shown) }
    throw .system("cannot open the folder", shown, errno: code)
  }
  return Descriptor(inner)
}

private func link(_ shown: String) -> Failure {
  Failure(
    .io, shown, "is a symbolic link or no folder; nothing is read or written through it",
    remedy: "remove it or name another --output")
}

/// What the system knows of an open file.
func status(_ file: Descriptor, _ shown: String) throws(Failure) -> stat {
  var status = stat()
  guard unsafe fstat(file.number, &status) == 0 else { throw .system("cannot read the size", shown, errno: errno) }
  return status
}

/// Hands the bytes of an open file on, from its start, in pieces of up to 1 MiB.
///
/// - Throws: `Failure` for what reading or the body throws, and when the job is cancelled.
func readAll(
  _ file: Descriptor, _ shown: String, job: Job, _ body: (RawSpan) throws(Failure) -> Void
) throws(Failure) {
  var buffer = [UInt8](repeating: 0, count: 1 << 20)
  var offset = 0
  while true {
    if job.isCancelled { throw interrupted(shown) }
    let (count, code) = retryingInterrupts {
      unsafe buffer.withUnsafeMutableBytes { unsafe pread(file.number, $0.baseAddress, $0.count, off_t(offset)) }
    }
    guard count >= 0 else { throw .system("cannot read", shown, errno: code) }
    if count == 0 { return }
    offset += count
    let span = buffer.span
    try unsafe body(span.bytes.extracting(0..<count))
  }
}

/// What a fetch that is stopped half-way fails with.
func interrupted(_ subject: String) -> Failure {
  Failure(
    .interrupted, subject, "stopped by a signal; what was fetched is kept",
    remedy: "run the same command again to go on")
}

/// Writes bytes at an offset.
func writeAll(_ bytes: RawSpan, to file: Descriptor, at offset: Int, _ shown: String) throws(Failure) {
  var done = 0
  while done < bytes.byteCount {
    let rest = bytes.extracting(done...)
    let (written, code) = retryingInterrupts {
      unsafe rest.withUnsafeBytes { unsafe pwrite(file.number, $0.baseAddress, $0.count, off_t(offset + done)) }
    }
    guard written >= 0 else { throw .system("cannot write", shown, errno: code) }
    done += written
  }
}
