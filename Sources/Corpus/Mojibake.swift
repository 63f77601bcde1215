/// Text that was UTF-8, taken for Latin-1 or Windows-1252, and made UTF-8 once more: `Ã©` for é, `â€™` for ’, `Ð¿` for п.
enum Mojibake {
  /// The lines among many that hold some.
  static func lines(in text: Span<UInt8>) -> Int {
    var count = 0
    var i = 0
    // All that is looked for begins with a letter from U+00C0 on.
    while let hit = firstIndex(of: 0xC3, in: text, from: i, to: text.count) {
      i = hit + 1
      guard stands(in: text, at: hit) else { continue }
      count += 1
      guard let end = firstIndex(of: UInt8(ascii: "\n"), in: text, from: hit, to: text.count) else { break }
      i = end + 1
    }
    return count
  }

  /// Whether a letter and what follows it are the bytes of one character. Only leads that are common in such text count, and
  /// only what does not follow these letters in text that is meant: no quotes and dashes.
  private static func stands(in text: Span<UInt8>, at i: Int) -> Bool {
    guard i + 3 < text.count else { return false }
    let (lead, first, second) = (text[i + 1], text[i + 2], text[i + 3])
    switch lead {
    case 0x82:  // Â: a sign of Latin-1 as its second byte
      return first == 0xC2
    case 0x83, 0x90, 0x91:  // Ã, Ð, Ñ
      switch first {
      case 0xC2: return second != 0xA0 && second != 0xAB && second != 0xBB
      case 0xC5: return [0x92, 0x93, 0xA0, 0xA1, 0xB8, 0xBD, 0xBE].contains(second)  // Œ œ Š š Ÿ Ž ž
      case 0xC6: return second == 0x92  // ƒ
      case 0xCB: return second == 0x86 || second == 0x9C  // ˆ ˜
      case 0xE2: return second == 0x82 && i + 4 < text.count && text[i + 4] == 0xAC  // €
      default: return false
      }
    case 0xA2:  // â: the punctuation of U+2000 and beyond
      if first == 0xC2 { return second == 0x80 }
      return first == 0xE2 && second == 0x82 && i + 4 < text.count && text[i + 4] == 0xAC
    default:
      return false
    }
  }
}
