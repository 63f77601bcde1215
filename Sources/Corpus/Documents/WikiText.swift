import Base

/// Articles of MediaWiki without their markup.
///
/// Templates, tables, references, files, categories and comments go; links leave their text, lists and headings their words.
/// What a template would have written is not known here and is lost.
enum WikiText {
  /// The paragraphs, a line each.
  static func plain(_ text: [UInt8]) -> [UInt8] {
    var bytes = withoutBraces(text)
    bytes = withoutTags(bytes)
    bytes = withLinksAsText(bytes)
    return lines(bytes)
  }

  private static func begins(_ bytes: [UInt8], _ i: Int, _ pattern: StaticString) -> Bool {
    let count = pattern.utf8CodeUnitCount
    guard i + count <= bytes.count else { return false }
    return pattern.withUTF8Buffer { wanted in
      for k in 0..<count where unsafe bytes[i + k] | (wanted[k] >= 0x61 && wanted[k] <= 0x7A ? 0x20 : 0) != wanted[k] {
        return false
      }
      return true
    }
  }

  /// Comments, templates and tables, which nest.
  private static func withoutBraces(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    // What is open: templates and tables; where the result was, should they never be closed.
    var open: [(isTable: Bool, start: Int)] = []
    var i = 0
    while i < bytes.count {
      if begins(bytes, i, "<!--") {
        i += 4
        while i < bytes.count, !begins(bytes, i, "-->") { i += 1 }
        i = min(bytes.count, i + 3)
      } else if begins(bytes, i, "<nowiki>") {
        i += 8
      } else if begins(bytes, i, "{{") {
        open.append((false, i))
        i += 2
      } else if begins(bytes, i, "{|") {
        open.append((true, i))
        i += 2
      } else if let last = open.last {
        if !last.isTable, begins(bytes, i, "}}") {
          open.removeLast()
          i += 2
        } else if last.isTable, begins(bytes, i, "|}") {
          open.removeLast()
          i += 2
        } else if bytes[i] == UInt8(ascii: "\n"), begins(bytes, i + 1, "\n"), !last.isTable, open.count == 1,
          i - last.start > 1 << 14
        {
          // A template that nobody closed does not swallow the article.
          open.removeAll()
        } else {
          i += 1
        }
      } else {
        result.append(bytes[i])
        i += 1
      }
    }
    return result
  }

  private static let swallowed: [StaticString] = [
    "ref", "math", "gallery", "timeline", "syntaxhighlight", "source", "score", "imagemap", "templatestyles", "chem",
    "table", "code", "pre", "graph", "mapframe", "noinclude", "includeonly",
  ]

  /// Elements of HTML: some with their content, of others the tags.
  private static func withoutTags(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var i = 0
    while i < bytes.count {
      guard bytes[i] == UInt8(ascii: "<"), i + 1 < bytes.count,
        bytes[i + 1] == UInt8(ascii: "/") || UInt8(ascii: "a")...UInt8(ascii: "z") ~= bytes[i + 1] | 0x20,
        let end = firstIndex(of: UInt8(ascii: ">"), in: bytes.span, from: i, to: min(bytes.count, i + 4096))
      else {
        result.append(bytes[i])
        i += 1
        continue
      }
      let isClosed = bytes[end - 1] == UInt8(ascii: "/")
      if !isClosed, let name = swallowed.first(where: { isTag(bytes, i + 1, $0) }) {
        var k = end + 1
        while k < bytes.count, !(begins(bytes, k, "</") && isTag(bytes, k + 2, name)) { k += 1 }
        if k < bytes.count {
          i = (firstIndex(of: UInt8(ascii: ">"), in: bytes.span, from: k, to: bytes.count) ?? bytes.count - 1) + 1
          continue
        }
      }
      if begins(bytes, i, "<br") { result.append(UInt8(ascii: "\n")) }
      i = end + 1
    }
    return result
  }

  private static func isTag(_ bytes: [UInt8], _ i: Int, _ name: StaticString) -> Bool {
    guard begins(bytes, i, name), i + name.utf8CodeUnitCount < bytes.count else { return false }
    let next = bytes[i + name.utf8CodeUnitCount]
    return next <= 0x20 || next == UInt8(ascii: ">") || next == UInt8(ascii: "/")
  }

  private static let colon = UInt8(ascii: ":")

  /// `[[target|text]]`, `[[text]]` and `[address text]` as their text; links to files and categories go.
  private static func withLinksAsText(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var open: [Int] = []
    var i = 0
    while i < bytes.count {
      if begins(bytes, i, "[[") {
        open.append(result.count)
        i += 2
      } else if let start = open.last, begins(bytes, i, "]]") {
        open.removeLast()
        let inside = result[start...]
        let bar = inside.firstIndex(of: UInt8(ascii: "|"))
        let target = bar.map { inside[..<$0] } ?? inside
        // A colon in the target: a file, a category, another language. One in front of it makes it a plain link.
        let prefix = target.firstIndex(of: colon)
        if let prefix, prefix > start, target[..<prefix].allSatisfy({ $0 != 0x20 || true }), prefix - start < 24,
          !isSpaceAfter(target, prefix)
        {
          result.removeLast(result.count - start)
        } else if let bar {
          let shown = Array(result[(bar + 1)...])
          result.removeLast(result.count - start)
          result += shown
        } else if prefix == start {
          result.remove(at: start)
        }
        i += 2
      } else if bytes[i] == UInt8(ascii: "["), begins(bytes, i + 1, "http") || begins(bytes, i + 1, "//"),
        let end = firstIndex(of: UInt8(ascii: "]"), in: bytes.span, from: i, to: min(bytes.count, i + 2048))
      {
        if let blank = bytes[i..<end].firstIndex(of: 0x20) { result += bytes[(blank + 1)..<end] }
        i = end + 1
      } else {
        if bytes[i] == UInt8(ascii: "\n"), begins(bytes, i + 1, "\n") { open.removeAll() }
        result.append(bytes[i])
        i += 1
      }
    }
    return result
  }

  private static func isSpaceAfter(_ target: ArraySlice<UInt8>, _ i: Int) -> Bool {
    i + 1 < target.endIndex && target[i + 1] == 0x20
  }

  /// Headings and lists without their signs, quotes of bold and italics out, entities as characters.
  private static func lines(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for var line in bytes.split(separator: UInt8(ascii: "\n")) {
      line = line.drop { $0 == 0x20 || $0 == 9 }
      if line.first == UInt8(ascii: "=") {
        line = line.drop { $0 == UInt8(ascii: "=") }
        while line.last == UInt8(ascii: "=") || line.last == 0x20 { line.removeLast() }
      } else {
        line = line.drop { [UInt8(ascii: "*"), UInt8(ascii: "#"), UInt8(ascii: ":"), UInt8(ascii: ";")].contains($0) }
      }
      if line.first == UInt8(ascii: "|") || line.first == UInt8(ascii: "!") || line.starts(with: Array("__".utf8)) {
        continue
      }
      if line.starts(with: Array("----".utf8)) || line.starts(with: Array("#".utf8)) { continue }
      let start = result.count
      var quotes = 0
      for byte in line {
        if byte == UInt8(ascii: "'") {
          quotes += 1
          continue
        }
        if quotes == 1 { result.append(UInt8(ascii: "'")) }
        // Four are bold behind an apostrophe.
        if quotes == 4 { result.append(UInt8(ascii: "'")) }
        quotes = 0
        result.append(byte)
      }
      if quotes == 1 { result.append(UInt8(ascii: "'")) }
      let shown = Entities.resolved(Array(result[start...]))
      result.removeLast(result.count - start)
      result += shown
      if result.count > start { result.append(UInt8(ascii: "\n")) }
    }
    return result
  }
}
