/// Addresses of pages and mailboxes in a text.
public enum WebAddresses {
  private static let starts = ["http://", "https://", "ftp://", "www."].map { Array($0.utf8) }

  /// The addresses of a text: from `http://` or the like to the next blank, and words with an `@` and a dot behind it;
  /// sorted, in lower case, without closing punctuation.
  public static func found(in text: [UInt8]) -> [[UInt8]] {
    if !mayHold(text) { return [] }
    return ranges(in: text).map { range in text[range].map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 } }
      .sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// The text with a space for each address.
  static func removed(from text: [UInt8]) -> [UInt8] {
    if !mayHold(text) { return text }
    var rest: [UInt8] = []
    var place = 0
    for range in ranges(in: text) {
      rest += text[place..<range.lowerBound]
      rest.append(UInt8(ascii: " "))
      place = range.upperBound
    }
    return rest + text[place...]
  }

  /// Every address has one of these.
  private static func mayHold(_ text: [UInt8]) -> Bool {
    text.contains(UInt8(ascii: "@")) || text.contains(UInt8(ascii: "/")) || text.contains { $0 | 0x20 == 0x77 }
  }

  private static func ranges(in text: [UInt8]) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var begin = 0
    while begin < text.count {
      guard text[begin] > 0x20 else {
        begin += 1
        continue
      }
      var end = begin
      while end < text.count, text[end] > 0x20 { end += 1 }
      if let start = start(in: text, begin..<end) {
        // Scripts that part no words do not belong to it.
        end = text[start..<end].firstIndex { $0 >= 0xE2 } ?? end
        var last = end
        while last > start, !isPart(text[last - 1]) { last -= 1 }
        found.append(start..<last)
      }
      begin = end
    }
    return found
  }

  /// Where in a word an address begins.
  private static func start(in text: [UInt8], _ word: Range<Int>) -> Int? {
    var at: Int?
    for i in word {
      let byte = text[i]
      for start in starts where byte | 0x20 == start[0] {
        guard i + start.count < word.upperBound else { continue }
        if zip(text[i...], start).allSatisfy({ (0x41...0x5A ~= $0 ? $0 | 0x20 : $0) == $1 }) { return i }
      }
      if byte == UInt8(ascii: "@"), i > word.lowerBound { at = at ?? i }
      // A mailbox: a letter or digit before the sign, a dot behind it.
      if byte == UInt8(ascii: "."), let at, i > at + 1, i + 1 < word.upperBound, isPart(text[i + 1]) {
        return text[word].firstIndex { isPart($0) && $0 < 0x80 } ?? word.lowerBound
      }
    }
    return nil
  }

  private static func isPart(_ byte: UInt8) -> Bool {
    0x30...0x39 ~= byte || 0x61...0x7A ~= byte | 0x20 || byte >= 0x80 || byte == UInt8(ascii: "/")
  }
}
