import Base
import Corpus
import Foundation

/// The hashes of a checkpoint's files, block by block, so that damage is noticed and can be named by file and offset.
struct CheckpointChecksums: Codable, Equatable {
  struct Entry: Codable, Equatable {
    var bytes: Int
    /// Of each block, in hexadecimal.
    var hashes: [String]
  }

  /// The file's name in a checkpoint.
  static let name = "checksums.json"
  /// Bytes of a block; the last one of a file may be shorter.
  var block = 1 << 20
  var files: [String: Entry] = [:]

  /// Hashes files as they are on the disk.
  init(_ folder: String, _ names: [String], threads: Int) throws(Failure) {
    for name in names {
      let file = try MappedFile(path: "\(folder)/\(name)")
      files[name] = Entry(bytes: file.count, hashes: try FileHashes.blocks(file, block, threads: threads))
    }
  }

  /// Compares the files of a checkpoint with what was written.
  ///
  /// - Throws: `Failure` naming the file and where it is damaged.
  static func verify(_ folder: String, _ names: [String], threads: Int) throws(Failure) {
    let path = "\(folder)/\(name)"
    guard let json = FileManager.default.contents(atPath: path),
      let expected = try? JSONDecoder().decode(CheckpointChecksums.self, from: json), expected.block > 0
    else { throw Failure(.badData, path, "cannot be read, so the checkpoint cannot be trusted") }
    try expected.verify(folder, names, file: path, threads: threads)
  }

  /// Compares files with what was written.
  ///
  /// - Parameter path: where these hashes stand.
  /// - Throws: `Failure` naming the file and where it is damaged.
  func verify(_ folder: String, _ names: [String], file path: String, threads: Int) throws(Failure) {
    let expected = self
    guard block > 0 else { throw Failure(.badData, path, "has a block size of \(block)") }
    for name in names {
      let file = try MappedFile(path: "\(folder)/\(name)")
      guard let entry = expected.files[name] else {
        throw Failure(.badData, path, "does not say what \(name) must be")
      }
      guard file.count == entry.bytes else {
        throw Failure(.badData, file.path, "has \(file.count) bytes, but \(entry.bytes) were written")
      }
      let found = try FileHashes.blocks(file, expected.block, threads: threads)
      if found == entry.hashes { continue }
      let bad = zip(found, entry.hashes).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
      let start = bad * expected.block
      throw Failure(
        .badData, file.path, at: "offset \(start)",
        "the \(min(expected.block, file.count - start)) bytes from there on are not what was written")
    }
  }
}
