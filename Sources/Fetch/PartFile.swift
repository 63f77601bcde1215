import Base
import Foundation
import Glibc

/// A file on its way: its bytes so far, their digest, and what a server must still have for them to be gone on with.
final class PartFile {
  /// What is kept beside the bytes.
  private struct Record: Codable, Equatable {
    var url: String
    /// The server's mark of this version of the file: a strong ETag or a date.
    var validator: String?
    /// The size that the server gave.
    var total: Int?
  }

  /// Bytes on the disk.
  private(set) var count = 0
  /// The bytes that were there before the attempt that is under way; 0 once they are dropped.
  var kept = 0
  /// What to send as If-Range; nil if the bytes cannot be gone on with.
  var validator: String? { record.validator }
  /// The size that the server gave for the whole file.
  var total: Int? { record.total }

  private let folder: DataFolder
  private let name: String
  private let file: Descriptor
  private let digest = SHA256()
  private var record: Record
  private var recordName: String { "\(name).json" }
  private var shown: String { folder.shownUnfinished(name) }

  /// Opens what there is of a file, or begins it. Bytes that came from another address, or of which it is not known whether
  /// the server still has the rest, are dropped.
  init(of name: String, from url: String, in folder: DataFolder, job: Job) throws(Failure) {
    self.folder = folder
    self.name = name.replacing("/", with: "%2F") + ".part"
    file = try folder.unfinished(self.name)
    record = Record(url: url)
    let kept = try Self.record(folder, "\(self.name).json", job: job)
    guard let kept, kept.url == url, kept.validator != nil else {
      try restart()
      return
    }
    record = kept
    try readAll(file, shown, job: job) { bytes in
      digest.add(bytes)
      count += bytes.byteCount
    }
    if let total = record.total, count > total { try restart() }
  }

  private static func record(_ folder: DataFolder, _ name: String, job: Job) throws(Failure) -> Record? {
    var bytes: [UInt8] = []
    let file = try folder.unfinished(name)
    try readAll(file, name, job: job) { piece in unsafe piece.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
    return try? JSONDecoder().decode(Record.self, from: Data(bytes))
  }

  /// Drops all bytes.
  func restart() throws(Failure) {
    guard ftruncate(file.number, 0) == 0 else { throw .system("cannot write", shown, errno: errno) }
    count = 0
    kept = 0
    digest.reset()
    record = Record(url: record.url)
  }

  /// Says whose bytes follow.
  ///
  /// - Precondition: there are no bytes yet. A record that is half written is no record, and these bytes are dropped then.
  func begin(validator: String?, total: Int?) throws(Failure) {
    precondition(count == 0)
    record.validator = validator
    record.total = total
    guard let data = try? JSONEncoder().encode(record) else { return }
    let file = try folder.unfinished(recordName)
    guard ftruncate(file.number, 0) == 0 else { throw .system("cannot write", shown, errno: errno) }
    let bytes = [UInt8](data)
    let span = bytes.span
    try unsafe writeAll(span.bytes, to: file, at: 0, shown)
  }

  func append(_ bytes: RawSpan) throws(Failure) {
    try writeAll(bytes, to: file, at: count, shown)
    digest.add(bytes)
    count += bytes.byteCount
  }

  /// The first bytes, at most `Content.headSize`.
  func head() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: min(count, Content.headSize))
    let got = unsafe bytes.withUnsafeMutableBytes { unsafe pread(file.number, $0.baseAddress, $0.count, 0) }
    bytes.removeLast(bytes.count - max(0, got))
    return bytes
  }

  /// The digest of all bytes; to be asked for once, when no more come.
  func finishDigest() -> String { digest.finish() }

  /// The path of the bytes, for libraries that read by name.
  var path: String { shown }

  /// Gives the file its final name.
  func publish(as final: String) throws(Failure) {
    guard fsync(file.number) == 0 else { throw .system("cannot write", shown, errno: errno) }
    try folder.publish(name, as: final)
    folder.removeUnfinished(recordName)
  }

  /// Removes what there is.
  func discard() {
    folder.removeUnfinished(name)
    folder.removeUnfinished(recordName)
  }
}
