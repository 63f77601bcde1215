import Foundation
import Glibc

/// Keeps a command from writing over what it reads.
public enum OutputCheck {
  private struct File: Hashable {
    var device: UInt64, number: UInt64
  }

  /// Refuses an output that is one of the inputs, by whatever name (a link, another path), and two outputs that are one file.
  ///
  /// - Parameters:
  ///   - outputs: files that will be written; `-` and devices do not count.
  ///   - inputs: files that will be read; of a folder, the files in it.
  /// - Throws: `Failure(.usage)` that names both.
  public static func check(_ outputs: [String], inputs: [String]) throws(Failure) {
    var known: [File: String] = [:]
    for input in inputs where input != "-" {
      if let file = file(input) { known[file] = input }
      if isFolder(input) { for path in files(in: input) { if let file = file(path) { known[file] = path } } }
    }
    var names: [String: String] = [:]
    for output in outputs where output != "-" {
      if let file = file(output) {
        if let input = known[file] {
          throw Failure(
            .usage, output, input == output ? "is an input, too" : "is the same file as the input \(input)",
            remedy: "name another output: inputs are never written over")
        }
        known[file] = output
      }
      if names.updateValue(output, forKey: plain(output)) != nil {
        throw Failure(.usage, output, "is named for two outputs", remedy: "name another file for one of them")
      }
    }
  }

  /// Refuses to write a folder over one that is read: itself by whatever name, or one around it.
  ///
  /// - Parameters:
  ///   - output: a folder that will be made, or replaced.
  ///   - inputs: files and folders that will be read.
  /// - Throws: `Failure(.usage)` that names both.
  public static func check(folder output: String, inputs: [String]) throws(Failure) {
    guard let whole = whole(output) else { return }
    for input in inputs {
      guard let path = self.whole(input) else { continue }
      if path == whole || path.hasPrefix(whole + "/") {
        throw Failure(
          .usage, output, path == whole ? "is the input \(input)" : "is around the input \(input)",
          remedy: "name another output: inputs are never written over")
      }
    }
  }

  /// The path without links; nil where nothing is.
  private static func whole(_ path: String) -> String? {
    guard let found = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(found) }
    return unsafe String(cString: found)
  }

  private static func file(_ path: String) -> File? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return File(device: UInt64(status.st_dev), number: UInt64(status.st_ino))
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func files(in folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.map { "\(folder)/\($0)" }
  }

  /// A path without `.` and doubled slashes.
  private static func plain(_ path: String) -> String {
    (path.hasPrefix("/") ? "/" : "")
      + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }
}
