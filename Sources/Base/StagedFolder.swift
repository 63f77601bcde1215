import Glibc

// Linux's call that lets two names change places; glibc has it, but shows it only to C code that asks for extensions.
@_silgen_name("renameat2")
private func renameat2(
  _ oldFolder: CInt, _ old: UnsafePointer<CChar>, _ newFolder: CInt, _ new: UnsafePointer<CChar>, _ flags: CUnsignedInt
) -> CInt
private let renameExchange: CUnsignedInt = 2

/// A folder of files under a temporary name until it is complete; removed if it never is.
package final class StagedFolder {
  package let path: String
  /// Where the files are to be written.
  package let temporary: String
  private let files: Set<String>

  /// Creates the temporary folder beside `path`.
  ///
  /// - Parameter files: the names that such a folder holds, `NAME` or `FOLDER/NAME`; a folder with others is never replaced
  ///   or removed.
  package init(for path: String, files: Set<String>) throws(Failure) {
    self.path = path
    self.files = files
    temporary = "\(path).\(getpid()).tmp"
    // What a killed process of the same id may have left.
    Self.remove(temporary, files)
    guard FileSystem.mkdir(temporary, 0o777) == 0 else {
      throw .system("cannot create the folder", path, errno: errno)
    }
  }

  deinit { Self.remove(temporary, files) }

  /// Creates a folder inside, for the files whose names begin with it.
  package func makeFolder(_ name: String) throws(Failure) {
    guard FileSystem.mkdir("\(temporary)/\(name)", 0o777) == 0 else {
      throw .system("cannot create the folder", "\(path)/\(name)", errno: errno)
    }
  }

  /// Refuses a name that is taken, and with `replace` one that holds anything else.
  package static func checkFree(_ path: String, files: Set<String>, replace: Bool) throws(Failure) {
    var status = stat()
    guard FileSystem.lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw .system("cannot write", path, errno: errno)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw Failure(.io, path, "exists and is not a folder", remedy: "name another output")
    }
    let content = try content(of: path, files)
    if content.isEmpty { return }
    guard replace else {
      throw Failure(
        .io, path, "exists and is not empty", remedy: "remove it, name another output, or ask to replace it")
    }
    // Replacing removes the old folder, so it must not hold anything of another kind.
    let folders = Set(files.compactMap(folder(of:)))
    if let other = content.first(where: { !files.contains($0) && !folders.contains($0) }) {
      throw Failure(
        .io, path, "holds \(other), which does not belong there, so it is not replaced",
        remedy: "move that file or name another output")
    }
  }

  /// Gives the folder its name, durably.
  package func commit(replace: Bool) throws(Failure) {
    for inner in Set(files.compactMap(Self.folder(of:))) { Self.sync("\(temporary)/\(inner)") }
    Self.sync(temporary)
    try Self.checkFree(path, files: files, replace: replace)
    if FileSystem.rename(temporary, path) != 0 {
      // A folder with content cannot be renamed over: the two change places, and the old one goes with the temporary.
      let code = errno
      guard replace, code == ENOTEMPTY || code == EEXIST else { throw .system("cannot rename", path, errno: code) }
      let exchanged = unsafe PathText.withCString(temporary) { old in
        unsafe PathText.withCString(path) { unsafe renameat2(AT_FDCWD, old, AT_FDCWD, $0, renameExchange) }
      }
      if exchanged != 0 {
        // Not every file system can do that; then there is a moment without either.
        let old = "\(path).\(getpid()).old"
        guard FileSystem.rename(path, old) == 0 else { throw .system("cannot rename", path, errno: errno) }
        guard FileSystem.rename(temporary, path) == 0 else {
          let code = errno
          FileSystem.rename(old, path)
          throw .system("cannot rename", path, errno: code)
        }
        Self.remove(old, files)
      }
    }
    let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    Self.sync(parent)
  }

  /// Best effort: some file systems refuse to sync folders.
  private static func sync(_ folder: String) {
    let descriptor = FileSystem.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor >= 0 {
      fsync(descriptor)
      close(descriptor)
    }
  }

  private static func names(in folder: String) throws(Failure) -> [String] {
    guard let names = FileSystem.names(in: folder) else {
      throw .system("cannot read the folder", folder, errno: errno)
    }
    return names
  }

  /// The folder that a name begins with, if it does.
  private static func folder(of name: String) -> String? {
    name.firstIndex(of: "/").map { String(name[..<$0]) }
  }

  /// What a folder holds: names, and for a folder that `files` knows its name and what is inside.
  private static func content(of path: String, _ files: Set<String>) throws(Failure) -> [String] {
    let folders = Set(files.compactMap(folder(of:)))
    var all: [String] = []
    for name in try names(in: path) {
      all.append(name)
      var status = stat()
      // A link is not followed: what it leads to is not ours.
      guard folders.contains(name), FileSystem.lstat("\(path)/\(name)", &status) == 0,
        status.st_mode & S_IFMT == S_IFDIR
      else { continue }
      all += try names(in: "\(path)/\(name)").map { "\(name)/\($0)" }
    }
    return all
  }

  /// Removes a folder and the named files in it (and what was left of them half-written), and nothing else.
  private static func remove(_ folder: String, _ files: Set<String>) {
    guard let content = try? content(of: folder, files) else { return }
    for name in content where files.contains(where: { name == $0 || name.hasPrefix("\($0).") }) {
      FileSystem.unlink("\(folder)/\(name)")
    }
    for inner in Set(files.compactMap(self.folder(of:))) { FileSystem.rmdir("\(folder)/\(inner)") }
    FileSystem.rmdir(folder)
  }
}
