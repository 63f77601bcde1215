import CICU

/// Properties of characters, after Unicode. Where libraries that models were trained with follow an older Unicode, rare
/// characters added since may differ.
enum CharacterTable {
  /// Nearly all assigned characters lie below; above, ICU is asked each time.
  private static let limit: UInt32 = 0x32000
  private static let table: [UInt8] = {
    var values = [UInt8](repeating: 0, count: Int(limit))
    unsafe values.withUnsafeMutableBufferPointer { buffer in
      unsafe ems_icu_properties(0, buffer.count, buffer.baseAddress)
    }
    return values
  }()

  @inline(__always)
  static func properties(_ c: UInt32) -> UInt8 {
    if c < limit { return table[Int(c)] }
    var value: UInt8 = 0
    unsafe ems_icu_properties(c, 1, &value)
    return value
  }

  /// The bits of general categories, numbered as ICU does it. The library that models are trained with knows marks,
  /// format characters and punctuation of Unicode 8; younger ones are in none of these sets.
  enum Category {
    static let letters: UInt32 = 0b111110
    static let nonspacingMarks: UInt32 = 1 << 6
    static let marks: UInt32 = 0b111 << 6
    static let numbers: UInt32 = 0b111 << 9
    /// Control, format, private use and surrogates.
    static let others: UInt32 = 0b1111 << 15
    static let punctuation: UInt32 = 0b11111 << 19 | 0b11 << 28
  }

  @inline(__always)
  static func category(_ c: UInt32, in set: UInt32) -> Bool {
    (1 << UInt32(properties(c) & UInt8(EMS_ICU_CATEGORY))) & set != 0
  }

  /// The property White_Space.
  @inline(__always)
  static func isWhiteSpace(_ c: UInt32) -> Bool {
    if c < 0x80 { return c == 0x20 || c &- 9 < 5 }
    switch c {
    case 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: return true
    default: return false
    }
  }

  /// What a regular expression's `\w` matches.
  static func isWord(_ c: UInt32) -> Bool { properties(c) & UInt8(EMS_ICU_WORD) != 0 }

  /// Punctuation, and every other sign of ASCII.
  static func isPunctuation(_ c: UInt32) -> Bool {
    if c < 0x80 { return c &- 0x21 < 15 || c &- 0x3A < 7 || c &- 0x5B < 6 || c &- 0x7B < 4 }
    return category(c, in: Category.punctuation)
  }

  /// What joins neither the character before nor the one after, if they are of this kind too.
  static func isAlone(_ c: UInt32) -> Bool { properties(c) & UInt8(EMS_ICU_ALONE) != 0 }

  /// Whether there is another form in lower case.
  static func changesInLowerCase(_ c: UInt32) -> Bool { properties(c) & UInt8(EMS_ICU_CHANGES_LOWER) != 0 }
}

// Characters of valid UTF-8 in arrays of bytes.

/// The character at an index of valid UTF-8, and how many bytes it has.
@inline(__always)
func character(_ bytes: Span<UInt8>, at i: Int) -> (value: UInt32, size: Int) {
  let a = UInt32(bytes[i])
  if a < 0x80 { return (a, 1) }
  if a < 0xE0 { return ((a & 0x1F) << 6 | UInt32(bytes[i + 1]) & 0x3F, 2) }
  let b = UInt32(bytes[i + 1]) & 0x3F
  let c = UInt32(bytes[i + 2]) & 0x3F
  if a < 0xF0 { return ((a & 0xF) << 12 | b << 6 | c, 3) }
  return ((a & 7) << 18 | b << 12 | c << 6 | UInt32(bytes[i + 3]) & 0x3F, 4)
}

/// The number of bytes of the character that begins with a byte of valid UTF-8.
@inline(__always)
func characterSize(_ first: UInt8) -> Int { first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4 }

/// Appends a character as UTF-8.
func appendCharacter(_ c: UInt32, to bytes: inout [UInt8]) {
  switch c {
  case 0..<0x80: bytes.append(UInt8(c))
  case 0..<0x800:
    bytes.append(UInt8(0xC0 | c >> 6))
    bytes.append(UInt8(0x80 | c & 0x3F))
  case 0..<0x10000:
    bytes.append(UInt8(0xE0 | c >> 12))
    bytes.append(UInt8(0x80 | (c >> 6) & 0x3F))
    bytes.append(UInt8(0x80 | c & 0x3F))
  default:
    bytes.append(UInt8(0xF0 | (c >> 18) & 7))
    bytes.append(UInt8(0x80 | (c >> 12) & 0x3F))
    bytes.append(UInt8(0x80 | (c >> 6) & 0x3F))
    bytes.append(UInt8(0x80 | c & 0x3F))
  }
}

/// Appends a stretch of another array.
@inline(__always)
func appendBytes(_ source: Span<UInt8>, _ range: Range<Int>, to bytes: inout [UInt8]) {
  let piece = source.extracting(range)
  unsafe piece.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
}

/// Whether bytes are UTF-8.
func isValidUTF8(_ bytes: Span<UInt8>) -> Bool {
  var high: UInt8 = 0
  for i in bytes.indices { high |= bytes[i] }
  if high < 0x80 { return true }
  var i = 0
  while i < bytes.count {
    let first = bytes[i]
    if first < 0x80 {
      i += 1
      continue
    }
    let size = characterSize(first)
    guard first >= 0xC2, first < 0xF5, bytes.count - i >= size else { return false }
    for k in 1..<size where bytes[i + k] & 0xC0 != 0x80 { return false }
    let value = character(bytes, at: i).value
    if size == 3, value < 0x800 || value &- 0xD800 < 0x800 { return false }
    if size == 4, value < 0x10000 || value > 0x10FFFF { return false }
    i += size
  }
  return true
}
