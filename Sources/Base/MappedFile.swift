import CSystem
import Glibc

/// A file mapped read-only into memory; unmapped when the last reference goes.
///
/// The mapping is shared with the page cache, so it costs memory only for pages that are touched, and those can be
/// dropped by the system at any time. If another process cuts the file short while it is mapped, or its disk fails, the process
/// ends with a message that names it (`StandardStreams.prepare`).
@safe public final class MappedFile: Sendable {
  /// The file.
  public let path: String
  /// The file's size in bytes.
  public let count: Int
  // Never written through, and fixed from init to deinit: safe to share.
  private nonisolated(unsafe) let base: UnsafeRawPointer
  /// The mapping's place in the table that the signal handler looks at.
  private let slot: Int32

  /// Maps the whole file.
  ///
  /// - Throws: `Failure` when the file is missing, unreadable, or not a regular file.
  public convenience init(path: String) throws(Failure) { try self.init(path: path, shown: path) }

  /// - Parameter shown: what failures call the file.
  package init(path name: String, shown path: String) throws(Failure) {
    self.path = path
    let (file, code) = retryingInterrupts { FileSystem.open(name, O_RDONLY | O_CLOEXEC) }
    guard file >= 0 else { throw .system("cannot open", path, errno: code) }
    defer { close(file) }
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else { throw .system("cannot read the size", path, errno: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(.missingInput, path, "is not a regular file", remedy: "name a file, not a folder or a pipe")
    }
    count = Int(status.st_size)
    if count == 0 {
      slot = -1
      unsafe base = UnsafeRawPointer(UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 64))
    } else {
      guard let address = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, file, 0), unsafe address != MAP_FAILED else {
        throw .system(
          "cannot map into memory", path, errno: errno,
          remedy: errno == ENOMEM ? "raise the limit on memory (ulimit -v)" : nil)
      }
      unsafe base = UnsafeRawPointer(address)
      slot = unsafe PathText.withCString(path) { [count] in unsafe ems_mapping_add(address, count, $0) }
    }
  }

  deinit {
    if count == 0 {
      unsafe base.deallocate()
    } else {
      ems_mapping_remove(slot)
      unsafe munmap(UnsafeMutableRawPointer(mutating: base), count)
    }
  }

  /// The file's bytes.
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The bytes as a pointer, for the modules that own raw memory. Valid for as long as this object is referenced.
  package var pointer: UnsafeRawPointer { unsafe base }

  /// Tells the system that the pages are not needed for now; they are read from the file again when touched.
  public func dropFromMemory() {
    if count > 0 { unsafe madvise(UnsafeMutableRawPointer(mutating: base), count, MADV_DONTNEED) }
  }
}
