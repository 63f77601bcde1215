import Base
import Glibc

/// A folder for a test's files, removed with everything in it when the object goes.
public final class TemporaryFolder {
  /// The folder.
  public let path: String

  /// Makes a fresh folder under TMPDIR or /tmp.
  public init() {
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/ems-test-XXXXXX".utf8CString)
    let made = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) != nil }
    precondition(made, "no temporary folder can be made in \(parent)")
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.remove(path) }

  /// The path of a file in the folder.
  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file and returns its path.
  public func write(_ bytes: [UInt8], as name: String) throws -> String {
    let output = try OutputFile(path: file(name))
    try unsafe output.write(bytes.span.bytes)
    try output.commit()
    return file(name)
  }

  /// Overwrites a file in place without making it durable: for tests that write thousands of damaged copies.
  public func overwrite(_ bytes: [UInt8], as name: String) -> String {
    let descriptor = unsafe open(file(name), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    precondition(descriptor >= 0)
    defer { close(descriptor) }
    let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    precondition(written == bytes.count)
    return file(name)
  }

  /// The names in the folder, or in one inside it, sorted.
  public func names(in folder: String = "") -> [String] { Self.names(file(folder)) }

  private static func names(_ folder: String) -> [String] {
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  private static func remove(_ path: String) {
    for name in names(path) {
      let child = "\(path)/\(name)"
      if unsafe unlink(child) != 0 { remove(child) }
    }
    unsafe rmdir(path)
  }
}

/// All bytes of a file.
public func readBytes(_ path: String) throws -> [UInt8] {
  let file = try MappedFile(path: path)
  return unsafe file.bytes.withUnsafeBytes { unsafe Array($0) }
}
