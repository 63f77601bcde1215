import Base
import Glibc

/// The SHA-256 digests of a model folder's files, as `sha256sum` writes and checks them: `SHA256SUMS`.
///
/// Those of the configuration and the tokenizer are compared whenever a model is opened, that of the weights by
/// `ModelFolder.verify()`. The card may be edited, and has none; a folder without the file is as good as before there was one.
enum ModelDigests {
  static let file = "SHA256SUMS"

  /// Writes the digests of files that are in a folder.
  static func write(_ names: [String], in folder: String) throws(Failure) {
    let output = try OutputFile(path: "\(folder)/\(file)")
    for name in names.sorted() { try output.write("\(digest("\(folder)/\(name)"))  \(name)\n") }
    try output.commit()
  }

  /// Compares files with their digests; those without one count as right.
  ///
  /// - Throws: `Failure` naming the file that differs.
  static func check(_ names: [String], in folder: String) throws(Failure) {
    let path = "\(folder)/\(file)"
    guard FileSystem.access(path, F_OK) == 0 else { return }
    let known = try read(path)
    for name in names {
      guard let wanted = known[name], try digest("\(folder)/\(name)") != wanted else { continue }
      throw Failure(
        .badData, "\(folder)/\(name)", "is damaged or was edited: its SHA-256 digest is not that in \(file)",
        remedy: "fetch or write the model again; after an edit on purpose, remove \(file)")
    }
  }

  private static func read(_ path: String) throws(Failure) -> [String: String] {
    let file = try MappedFile(path: path)
    guard file.count <= 1 << 16,
      let text = unsafe file.bytes.withUnsafeBytes({ unsafe String(validating: $0, as: UTF8.self) })
    else { throw Failure(.badData, path, "is not a list of digests", remedy: "write it again with sha256sum") }
    var known: [String: String] = [:]
    for (number, line) in text.split(separator: "\n").enumerated() {
      let digest = line.prefix { $0.isHexDigit }
      guard digest.utf8.count == 64, line.dropFirst(64).hasPrefix("  ") else {
        throw Failure(
          .badData, path, at: "line \(number + 1)", "is not a SHA-256 digest, two blanks and a name",
          remedy: "write it again with sha256sum")
      }
      known[String(line.dropFirst(66))] = digest.lowercased()
    }
    return known
  }

  private static func digest(_ path: String) throws(Failure) -> String {
    let file = try MappedFile(path: path)
    let hash = SHA256()
    hash.add(file.bytes)
    return hash.finish()
  }
}
