import Foundation

/// A folder for one test's files, removed with all its content when the object goes.
public final class TemporaryFolder {
  /// The folder's absolute path.
  public let path: String

  /// Makes a new, empty folder.
  public init() {
    path = FileManager.default.temporaryDirectory.appending(path: "ems-test-\(UUID().uuidString)").path()
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      preconditionFailure("no temporary folder can be made: \(error)")
    }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The path that a file of this name has in the folder.
  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file of this name and gives its path.
  public func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(filePath: file(name)))
    return file(name)
  }

  /// Writes a file of this name and gives its path.
  public func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

  /// The bytes of a file of this name.
  public func read(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: file(name)))) }

  /// The names of what is in the folder, or in a folder inside it, sorted.
  public func list(_ inside: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: file(inside)).sorted()
  }
}

/// All bytes of a file.
public func readBytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }
