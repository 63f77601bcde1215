import Base
import CArchive
import Foundation
import Glibc

/// Unpacks an archive into a folder beside it, which has its name without the ending.
///
/// Only files and folders are unpacked, all below that folder; an archive that holds a link, a device or a name that leads
/// elsewhere is refused as a whole. The folder appears when it is complete. Owners, rights and times of the archive play
/// no part.
///
/// - Parameters:
///   - fetched: whether the archive is new; a folder that is there already is then not taken for its content.
///   - job: says whether to stop.
/// - Returns: the folder's name, nil for a file that is no archive.
/// - Throws: `Failure` naming the archive and the entry.
func unpack(_ file: ManifestFile, fetched: Bool, in folder: DataFolder, job: Job) throws(Failure) -> String? {
  guard file.format == .tar || file.format == .zip else { return nil }
  let target = unpackedName(file.name)
  let shown = folder.shown(file.name)
  if try folder.exists(target) {
    if !fetched { return target }
    throw Failure(
      .io, folder.shown(target), "is there already, so \(file.name) is not unpacked",
      remedy: "remove it and run the same command again")
  }
  guard let archive = try folder.file(file.name) else {
    throw Failure(.missingInput, shown, "is gone")
  }
  let staged = target.replacing("/", with: "%2F") + ".unpack"
  let root = try folder.unfinishedFolder(staged)
  do throws(Failure) {
    try unpackAll(archive, into: root, shown: shown, job: job)
    try folder.publish(staged, as: target)
  } catch {
    folder.removeUnfinishedFolder(staged)
    throw error
  }
  return target
}

/// `a/b.tar.gz` becomes `a/b`; a name without a known ending gets `.unpacked`.
package func unpackedName(_ name: String) -> String {
  let endings = [".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tar", ".zip"]
  if let ending = endings.first(where: { name.hasSuffix($0) }) {
    let rest = String(name.dropLast(ending.count))
    if !rest.isEmpty, !rest.hasSuffix("/") { return rest }
  }
  return name + ".unpacked"
}

private func unpackAll(_ file: Descriptor, into root: Descriptor, shown: String, job: Job) throws(Failure) {
  guard let archive = unsafe archive_read_new() else { throw Failure(.software, "libarchive", "cannot be started") }
  defer { unsafe archive_read_free(archive) }
  func failure() -> Failure {
    let reason = unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "unknown"
    return Failure(.badData, shown, "cannot be unpacked: \(reason)", remedy: "remove it and fetch it again")
  }
  unsafe archive_read_support_filter_gzip(archive)
  unsafe archive_read_support_filter_bzip2(archive)
  unsafe archive_read_support_filter_xz(archive)
  unsafe archive_read_support_filter_zstd(archive)
  unsafe archive_read_support_format_tar(archive)
  unsafe archive_read_support_format_zip(archive)
  guard lseek(file.number, 0, SEEK_SET) == 0, unsafe archive_read_open_fd(archive, file.number, 1 << 18) == ARCHIVE_OK
  else { throw failure() }
  while true {
    var entry: OpaquePointer?
    let code = unsafe archive_read_next_header(archive, &entry)
    if code == ARCHIVE_EOF { return }
    // A warning concerns things like times and names in other character sets; the entry itself is fine.
    guard code == ARCHIVE_OK || code == ARCHIVE_WARN, let entry = unsafe entry else { throw failure() }
    guard let name = unsafe archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry) else {
      throw Failure(.badData, shown, "has an entry whose name cannot be read")
    }
    let raw = unsafe String(cString: name)
    guard let path = try safePath(raw, shown: shown) else { continue }
    let kind = unsafe archive_entry_filetype(entry)
    switch kind {
    case S_IFDIR:
      // Walking to something in it makes it.
      _ = try walk(from: root, to: "\(path)/x", create: true, shown: shown)
    case S_IFREG where unsafe archive_entry_hardlink(entry) == nil:
      // Zip entries may leave their size open; then the blocks alone say it.
      let size = unsafe archive_entry_size_is_set(entry) != 0 ? max(0, Int(archive_entry_size(entry))) : 0
      try unsafe unpackFile(path, size: size, from: archive, into: root, shown: shown, job: job, failure)
    default:
      throw Failure(
        .badData, shown, at: "entry \(printable(raw))", "is a link or a device, which is not unpacked",
        remedy: "unpack it by other means if you trust it")
    }
  }
}

/// An entry's path below the folder, without `./` and a slash at the end; nil for the folder itself.
private func safePath(_ name: String, shown: String) throws(Failure) -> String? {
  var rest = name[...]
  while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
  while rest.hasSuffix("/"), rest.count > 1 { rest = rest.dropLast() }
  if rest.isEmpty || rest == "." { return nil }
  if let problem = Manifest.problem(ofName: String(rest)) {
    throw Failure(
      .badData, shown, at: "entry \(printable(name))", "\(problem); nothing is unpacked",
      remedy: "do not trust this archive")
  }
  return String(rest)
}

/// Makes a file as long as it must be; what is missing reads as zeros.
private func lengthen(_ file: Descriptor, to size: Int, _ shown: String) throws(Failure) {
  if try status(file, shown).st_size >= off_t(size) { return }
  let (done, code) = retryingInterrupts { ftruncate(file.number, off_t(size)) }
  guard done == 0 else { throw .system("cannot write", shown, errno: code) }
}

private func unpackFile(
  _ path: String, size: Int, from archive: OpaquePointer, into root: Descriptor, shown: String, job: Job,
  _ failure: () -> Failure
) throws(Failure) {
  guard let (folder, last) = try walk(from: root, to: path, create: true, shown: shown) else { return }
  let (number, code) = retryingInterrupts {
    unsafe openat(folder.number, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
  }
  guard number >= 0 else {
    if code == EEXIST { throw Failure(.badData, shown, at: "entry \(path)", "comes twice") }
    throw .system("cannot write \(path) of", shown, errno: code)
  }
  let file = Descriptor(number)
  var end = 0
  while true {
    if job.isCancelled { throw interrupted(shown) }
    var block: UnsafeRawPointer?
    var count = 0
    var offset: Int64 = 0
    let code = unsafe archive_read_data_block(archive, &block, &count, &offset)
    if code == ARCHIVE_EOF {
      // A sparse file may end in a hole, for which no block comes: its end is where the last block or this says.
      try lengthen(file, to: max(end, Int(offset), size), "\(path) of \(shown)")
      break
    }
    guard code == ARCHIVE_OK, offset >= 0 else { throw failure() }
    guard count > 0, let block = unsafe block else { continue }
    let bytes = unsafe RawSpan(_unsafeStart: block, byteCount: count)
    try writeAll(bytes, to: file, at: Int(offset), shown)
    end = Int(offset) + count
  }
  guard fsync(number) == 0 else { throw .system("cannot write \(path) of", shown, errno: errno) }
}
