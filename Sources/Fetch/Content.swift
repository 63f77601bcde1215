import Base

/// Looks whether the first bytes of a file can be what its manifest says: servers send pages about errors as if they
/// were the file.
enum Content {
  /// How many bytes it takes to tell.
  static let headSize = 512

  private static let magics: [(name: String, bytes: [UInt8])] = [
    ("gzip", [0x1F, 0x8B]), ("bzip2", Array("BZh".utf8)), ("xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]),
    ("zstd", [0x28, 0xB5, 0x2F, 0xFD]), ("zip", [0x50, 0x4B, 0x03, 0x04]), ("zip", [0x50, 0x4B, 0x05, 0x06]),
  ]

  /// What is wrong with the first bytes; nil if nothing is.
  ///
  /// - Parameter head: the first `headSize` bytes, or all if there are fewer.
  static func problem(_ head: [UInt8], compression: Compression, format: FileFormat) -> String? {
    let found = magics.first { head.starts(with: $0.bytes) }?.name
    let wanted: String =
      switch (compression, format) {
      case (.none, .zip): "zip"
      case (.none, .tar): "tar"
      case (.none, .text), (.none, .tsv), (.none, .xml): "text"
      default: compression.rawValue
      }
    if isPage(head) { return "is a web page where \(wanted) is expected" }
    switch wanted {
    case "text":
      if let found { return "is \(found) where text is expected" }
      if head.contains(0) { return "is no text: it has a NUL byte" }
      return nil
    case "tar":
      // Every tar since 1988 has its name in the header of the first file.
      return head.count > 262 && Array(head[257..<262]) == Array("ustar".utf8) ? nil : "is no tar archive"
    default:
      return found == wanted ? nil : "is \(found ?? "something else") where \(wanted) is expected"
    }
  }

  /// Whether text begins as HTML does.
  static func isPage(_ head: [UInt8]) -> Bool {
    var rest = head[...]
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
    rest = rest.drop { $0 == 0x20 || 0x09...0x0D ~= $0 }
    let start = rest.prefix(14).map { 65...90 ~= $0 ? $0 + 32 : $0 }
    return start.starts(with: "<!doctype html".utf8) || start.starts(with: "<html".utf8)
  }
}
