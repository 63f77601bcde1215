import Foundation

/// Makes the key under which two lines count as the same text: what is left of a line when case, punctuation, spacing,
/// and compatibility forms (full-width letters, ligatures, ...) are taken away.
///
/// In terms of Unicode: NFKC, lower case, NFKC, and then only letters, marks and numbers (general categories L, M, N),
/// without the ignorable ones (variation selectors). A line of only punctuation has the empty key, which says nothing.
///
/// A value keeps a table of characters it has met: use one for many lines. It grows to at most a few hundred KiB.
public struct Normalizer: Sendable {
  // One entry per character of the tables' range, in pages of 256 that are made when first needed. An entry is the
  // character the key gets (0: none), or one of the two special forms below.
  private var pages: [[UInt32]] = Array(repeating: [], count: 0x200)
  private var strings: [[UInt8]] = []

  /// The line needs the whole of Unicode's algorithm, since this character may join with what is before it.
  private static let joining: UInt32 = .max
  /// With a number added: the key gets `strings[number]`.
  private static let string: UInt32 = 0x8000_0000

  /// For every ASCII byte the byte the key gets, or 0.
  private static let ascii: [UInt8] = (0..<128).map { (byte: UInt8) in
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"): byte
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte + 32
    default: 0
    }
  }

  /// Characters that join with a preceding one though they are of combining class 0 (vowel signs, conjoining jamo).
  private static let joiners: Set<UInt32> = Set(
    [
      0x09BE, 0x09D7, 0x0B3E, 0x0B56, 0x0B57, 0x0BBE, 0x0BD7, 0x0CC2, 0x0CD5, 0x0CD6, 0x0D3E, 0x0D57, 0x0DCF, 0x0DDF,
      0x102E, 0x1B35,
    ] + Array(0x1161...0x1175) + Array(0x11A8...0x11C2))

  /// A normalizer that has met no character yet.
  public init() {}

  /// Replaces the content of `key` by the key of `line`, which must be well-formed UTF-8. Empty if nothing is left.
  public mutating func key(of line: Span<UInt8>, into key: inout [UInt8]) {
    key.removeAll(keepingCapacity: true)
    let ascii = Self.ascii.span
    var i = 0
    while i < line.count {
      let byte = line[i]
      if byte < 0x80 {
        let mapped = ascii[Int(byte)]
        if mapped != 0 { key.append(mapped) }
        i += 1
        continue
      }
      let (scalar, length) = decode(line, at: i)
      i += length
      let entry = entry(scalar)
      if entry == Self.joining {
        key.removeAll(keepingCapacity: true)
        Self.appendKey(ofWhole: line, to: &key)
        return
      } else if entry >= Self.string {
        key.append(contentsOf: strings[Int(entry - Self.string)])
      } else if entry != 0 {
        encode(entry, into: &key)
      }
    }
  }

  /// The key of a text.
  public mutating func key(of text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    key(of: bytes.span, into: &result)
    return result
  }

  /// The definition, at full length: about a hundred times slower than the tables.
  static func appendKey(ofWhole line: Span<UInt8>, to key: inout [UInt8]) {
    var bytes: [UInt8] = []
    append(line, to: &bytes)
    for scalar in folded(String(decoding: bytes, as: UTF8.self)).unicodeScalars where isKept(scalar) {
      encode(scalar.value, into: &key)
    }
  }

  private static func folded(_ text: String) -> String {
    // Lower case can make a pair that composes (J with caron has no upper-case form of its own), hence twice.
    text.precomposedStringWithCompatibilityMapping.lowercased().precomposedStringWithCompatibilityMapping
  }

  private static func isKept(_ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    if properties.isDefaultIgnorableCodePoint { return false }
    return switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
      .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
      true
    default: false
    }
  }

  private mutating func entry(_ scalar: UInt32) -> UInt32 {
    let page = Int(scalar >> 8)
    // Beyond the tables: rare scripts and the rarest Chinese characters.
    guard page < pages.count else { return Self.joining }
    if pages[page].isEmpty {
      pages[page] = (0..<256).map { makeEntry(scalar & ~0xFF | $0) }
    }
    return pages[page][Int(scalar & 0xFF)]
  }

  private mutating func makeEntry(_ value: UInt32) -> UInt32 {
    guard let scalar = Unicode.Scalar(value) else { return Self.joining }
    // Of the supplementary planes only emoji and their like are common enough to be worth an entry.
    if value >= 0x1_0000, !(0x1_F000...0x1_FAFF ~= value) { return Self.joining }
    let folded = Array(Self.folded(String(scalar)).unicodeScalars)
    let first = folded.first ?? scalar
    for begin in [scalar, first]
    where begin.properties.canonicalCombiningClass != .notReordered || Self.joiners.contains(begin.value) {
      return Self.joining
    }
    let kept = folded.filter(Self.isKept)
    switch kept.count {
    case 0: return 0
    case 1: return kept[0].value
    default:
      var bytes: [UInt8] = []
      for scalar in kept { encode(scalar.value, into: &bytes) }
      strings.append(bytes)
      return Self.string + UInt32(strings.count - 1)
    }
  }
}

/// The character at `i` of well-formed UTF-8, not an ASCII one, and its length in bytes. Ill-formed bytes give U+FFFD.
func decode(_ bytes: Span<UInt8>, at i: Int) -> (scalar: UInt32, length: Int) {
  guard case .character(let length) = step(in: bytes, at: i) else { return (0xFFFD, 1) }
  var scalar = UInt32(bytes[i]) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
  for k in 1..<length { scalar = scalar << 6 | UInt32(bytes[i + k] & 0x3F) }
  return (scalar, length)
}

/// Appends a character as UTF-8.
func encode(_ scalar: UInt32, into bytes: inout [UInt8]) {
  func tail(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: scalar >> shift) & 0x3F }
  switch scalar {
  case ..<0x80: bytes.append(UInt8(scalar))
  case ..<0x800:
    bytes.append(0xC0 | UInt8(scalar >> 6))
    bytes.append(tail(0))
  case ..<0x1_0000:
    bytes.append(0xE0 | UInt8(scalar >> 12))
    bytes.append(tail(6))
    bytes.append(tail(0))
  default:
    bytes.append(0xF0 | UInt8(scalar >> 18))
    bytes.append(tail(12))
    bytes.append(tail(6))
    bytes.append(tail(0))
  }
}
