import Glibc

/// Names of files as texts. Linux allows names that are no UTF-8, and a Swift string holds nothing else: the bytes that do not
/// fit stand in it as characters of a private range (U+10FE80...U+10FEFF), and become bytes again where a file is named to the
/// system.
public enum PathText {
  private static let base: UInt32 = 0x10_FE00

  /// The byte that a character stands for, nil for all characters but those of the private range.
  static func byte(of scalar: Unicode.Scalar) -> UInt8? {
    (base + 0x80...base + 0xFF).contains(scalar.value) ? UInt8(truncatingIfNeeded: scalar.value) : nil
  }

  /// A text for bytes as the system gives them.
  public static func text(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var result = String.UnicodeScalarView()
    var rest = bytes[...]
    while let first = rest.first {
      // As many bytes as make one character; a single one that makes none is kept aside.
      let size = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
      if let text = String(validating: rest.prefix(size), as: UTF8.self), text.unicodeScalars.count == 1 {
        result.append(contentsOf: text.unicodeScalars)
        rest = rest.dropFirst(size)
      } else {
        if let scalar = Unicode.Scalar(base + UInt32(first)) { result.append(scalar) }
        rest = rest.dropFirst()
      }
    }
    return String(result)
  }

  /// The bytes that a text stands for.
  public static func bytes(_ text: String) -> [UInt8] {
    guard text.utf8.contains(0xF4) else { return Array(text.utf8) }
    var bytes: [UInt8] = []
    for scalar in text.unicodeScalars {
      if let byte = byte(of: scalar) { bytes.append(byte) } else { bytes += Array(String(scalar).utf8) }
    }
    return bytes
  }

  /// Lends a path as C functions take it.
  package static func withCString<Result>(_ path: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    guard path.utf8.contains(0xF4) else { return unsafe path.withCString { unsafe body($0) } }
    let characters = bytes(path).map { CChar(bitPattern: $0) } + [0]
    return unsafe characters.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
  }

  /// The process's arguments, the name of the program first, as the system gave them.
  public static func arguments() -> [String] {
    var arguments: [String] = []
    let given = unsafe CommandLine.unsafeArgv
    for i in 0..<Int(CommandLine.argc) {
      guard let argument = unsafe given[i] else { continue }
      let count = unsafe strlen(argument)
      arguments.append(text((0..<count).map { UInt8(bitPattern: unsafe argument[$0]) }))
    }
    return arguments
  }
}

// Outside of `FileSystem`, where the name would mean its own.
private func statOf(_ path: UnsafePointer<CChar>, _ status: inout stat) -> Int32 { unsafe stat(path, &status) }

/// The system's calls that take names, for names as `PathText` has them. They set `errno` as the calls do.
package enum FileSystem {
  package static func open(_ path: String, _ flags: Int32, _ mode: mode_t = 0o666) -> Int32 {
    unsafe PathText.withCString(path) { unsafe Glibc.open($0, flags, mode) }
  }

  package static func stat(_ path: String, _ status: inout Glibc.stat) -> Int32 {
    unsafe PathText.withCString(path) { unsafe statOf($0, &status) }
  }

  package static func lstat(_ path: String, _ status: inout Glibc.stat) -> Int32 {
    unsafe PathText.withCString(path) { unsafe Glibc.lstat($0, &status) }
  }

  package static func access(_ path: String, _ mode: Int32) -> Int32 {
    unsafe PathText.withCString(path) { unsafe Glibc.access($0, mode) }
  }

  @discardableResult
  package static func rename(_ old: String, _ new: String) -> Int32 {
    unsafe PathText.withCString(old) { old in unsafe PathText.withCString(new) { unsafe Glibc.rename(old, $0) } }
  }

  @discardableResult
  package static func unlink(_ path: String) -> Int32 {
    unsafe PathText.withCString(path) { unsafe Glibc.unlink($0) }
  }

  @discardableResult
  package static func rmdir(_ path: String) -> Int32 {
    unsafe PathText.withCString(path) { unsafe Glibc.rmdir($0) }
  }

  package static func mkdir(_ path: String, _ mode: mode_t) -> Int32 {
    unsafe PathText.withCString(path) { unsafe Glibc.mkdir($0, mode) }
  }

  /// The names in a folder, sorted, without `.` and `..`; nil, with `errno`, if it cannot be read.
  package static func names(in folder: String) -> [String]? {
    guard let stream = unsafe PathText.withCString(folder, { unsafe opendir($0) }) else { return nil }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let bytes = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Array($0.prefix { $0 != 0 }) }
      if bytes != [0x2E], bytes != [0x2E, 0x2E] { names.append(PathText.text(bytes)) }
    }
    return names.sorted()
  }

  /// Makes a folder, and those that it lies in.
  ///
  /// - Returns: 0, or the error's number.
  package static func makeFolders(_ path: String) -> Int32 {
    if mkdir(path, 0o777) == 0 { return 0 }
    let code = errno
    if code == EEXIST {
      var status = Glibc.stat()
      return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR ? 0 : ENOTDIR
    }
    var parent = path[...]
    while parent.count > 1, parent.hasSuffix("/") { parent.removeLast() }
    guard code == ENOENT, let slash = parent.lastIndex(of: "/"), slash != parent.startIndex else { return code }
    let above = makeFolders(String(parent[..<slash]))
    if above != 0 { return above }
    return mkdir(path, 0o777) == 0 || errno == EEXIST ? 0 : errno
  }
}
