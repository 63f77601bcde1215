import Base

/// What the first bytes of a text say of its layout.
enum InputSniff {
  /// How many bytes are looked at.
  static let size = 4096

  enum Finding: Equatable {
    case format(InputFormat)
    /// XML of which nothing more is known; the name of its first element.
    case xml(String)
    case jsonArray
    case nothing
  }

  static func look(at front: [UInt8]) -> Finding {
    var bytes = front[...]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    bytes = bytes.drop(while: isSpace)
    if bytes.starts(with: Array("WARC/1.".utf8)) || bytes.starts(with: Array("WARC/0.".utf8)) { return .format(.warc) }
    switch bytes.first {
    case UInt8(ascii: "<"): return markup(bytes)
    case UInt8(ascii: "{"):
      return beginsObject(bytes) ? .format(.jsonLines) : .nothing
    case UInt8(ascii: "["):
      return beginsObject(bytes.dropFirst().drop(while: isSpace)) ? .jsonArray : .nothing
    default: return .nothing
    }
  }

  /// Whether more bytes may tell a layout.
  static func maySayMore(_ front: [UInt8]) -> Bool {
    var bytes = front[...]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    bytes = bytes.drop(while: isSpace)
    guard let first = bytes.first else { return !front.isEmpty }
    return [UInt8(ascii: "<"), UInt8(ascii: "{"), UInt8(ascii: "[")].contains(first)
      || bytes.starts(with: Array("WARC".utf8))
  }

  /// `{"name":`
  private static func beginsObject(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard bytes.first == UInt8(ascii: "{") else { return false }
    let name = bytes.dropFirst().drop(while: isSpace)
    guard name.first == UInt8(ascii: "\""),
      let end = name.dropFirst().prefix(256).firstIndex(of: UInt8(ascii: "\""))
    else { return false }
    return name[(end + 1)...].drop(while: isSpace).first == UInt8(ascii: ":")
  }

  private static func markup(_ bytes: ArraySlice<UInt8>) -> Finding {
    var rest = bytes
    var isXML = false
    while rest.first == UInt8(ascii: "<") {
      let head = String(decoding: rest.prefix(200), as: UTF8.self).lowercased()
      if head.hasPrefix("<?") {
        isXML = isXML || head.hasPrefix("<?xml")
        guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { break }
        rest = rest[(end + 1)...].drop(while: isSpace)
      } else if head.hasPrefix("<!doctype html") {
        return .format(.html)
      } else if head.hasPrefix("<!--") {
        guard let end = firstRange(of: Array("-->".utf8), in: rest) else { break }
        rest = rest[end...].drop(while: isSpace)
      } else if head.hasPrefix("<!doctype") {
        isXML = true
        if head.hasPrefix("<!doctype mteval") { return .format(.sgm) }
        if head.hasPrefix("<!doctype tmx") { return .format(.tmx) }
        if head.hasPrefix("<!doctype xliff") { return .format(.xliff) }
        // An internal subset stands in brackets.
        var depth = 0
        var i = rest.startIndex
        while i < rest.endIndex {
          if rest[i] == UInt8(ascii: "[") { depth += 1 }
          if rest[i] == UInt8(ascii: "]") { depth -= 1 }
          if rest[i] == UInt8(ascii: ">"), depth <= 0 { break }
          i += 1
        }
        guard i < rest.endIndex else { break }
        rest = rest[(i + 1)...].drop(while: isSpace)
      } else {
        let name = head.dropFirst().prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" || $0 == ":" }
        switch name.split(separator: ":").last ?? "" {
        case "tmx": return .format(.tmx)
        case "xliff": return .format(.xliff)
        case "mediawiki": return .format(.wikipedia)
        case "srcset", "refset", "tstset", "mteval", "dataset": return .format(.sgm)
        case "doc": return head.contains("docid=") ? .format(.sgm) : isXML ? .xml("doc") : .nothing
        case "html", "head", "body": return .format(.html)
        default: return isXML ? .xml(String(name)) : .nothing
        }
      }
    }
    return isXML ? .xml("") : .nothing
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

  /// Where `pattern` ends in `bytes`, if it occurs.
  private static func firstRange(of pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
    bytes.indices.first { bytes[$0...].starts(with: pattern) }.map { $0 + pattern.count }
  }

  /// The encoding that bytes with NUL are in, if a name can be given: by a byte order mark, else by where the NULs stand.
  static func wideEncoding(of front: [UInt8]) -> String? {
    if front.starts(with: [0xFF, 0xFE, 0, 0]) || front.starts(with: [0, 0, 0xFE, 0xFF]) { return "UTF-32" }
    if front.starts(with: [0xFF, 0xFE]) || front.starts(with: [0xFE, 0xFF]) { return "UTF-16" }
    var places = [0, 0, 0, 0]
    let whole = front.count & ~3
    if whole < 4 { return nil }
    for i in 0..<whole where front[i] == 0 { places[i & 3] += 1 }
    let quarter = whole / 4
    func most(_ i: Int) -> Bool { places[i] * 10 >= quarter * 9 }
    if most(1), most(2), most(3) { return "UTF-32LE" }
    if most(0), most(1), most(2) { return "UTF-32BE" }
    // Text that is mostly Latin has its NULs on one side.
    let (even, odd) = (places[0] + places[2], places[1] + places[3])
    if odd * 4 > whole / 2, even * 8 < odd { return "UTF-16LE" }
    if even * 4 > whole / 2, odd * 8 < even { return "UTF-16BE" }
    return nil
  }
}
