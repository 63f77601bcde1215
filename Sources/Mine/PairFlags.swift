/// What is odd about a pair of texts: signs of a wrong pair that a score does not show.
package enum PairFlags {
  /// The numbers of a text, sorted: runs of ASCII digits, where separators between digits are left out, since languages
  /// write 1,234.5 in different ways.
  package static func numbers(_ text: [UInt8]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var i = 0
    while i < text.count {
      guard isDigit(text[i]) else {
        i += 1
        continue
      }
      var digits: [UInt8] = []
      while i < text.count {
        if isDigit(text[i]) {
          digits.append(text[i])
          i += 1
        } else if isSeparator(text[i]), i + 1 < text.count, isDigit(text[i + 1]) {
          i += 1
        } else {
          break
        }
      }
      result.append(digits)
    }
    return result.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// The words of a text that are addresses: from `http://`, `https://` or `www.` to the next space; sorted. Closing
  /// punctuation does not belong to them.
  package static func addresses(_ text: [UInt8]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    for word in text.split(separator: UInt8(ascii: " ")) {
      for start in [Array("http://".utf8), Array("https://".utf8), Array("www.".utf8)] {
        guard let position = firstRange(of: start, in: word) else { continue }
        var address = word[position...]
        while let last = address.last, !isLetterOrDigit(last), last != UInt8(ascii: "/") {
          address = address.dropLast()
        }
        result.append(Array(address))
        break
      }
    }
    return result.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
  private static func isSeparator(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "'")
  }
  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte >= 0x80 || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
  }
  private static func firstRange(of pattern: [UInt8], in word: ArraySlice<UInt8>) -> Int? {
    word.indices.first { word[$0...].starts(with: pattern) }
  }
}
