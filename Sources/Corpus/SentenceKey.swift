import Foundation

/// Makes the key under which two lines are one sentence to an encoder: what is left when nothing is told apart that encoders'
/// tokenizers do not tell apart, which are blanks, invisible marks, compatibility forms (full width, ligatures) and, if asked,
/// case. Punctuation stays, unlike in `Normalizer`.
///
/// In terms of Unicode: each character's NFKD form, in lower case; white space becomes one space, none at the ends; characters
/// that show nothing (default ignorable, controls, format characters) go. A line without anything to see has the empty key.
///
/// A value keeps a table of the characters it has met: use one for many lines.
public struct SentenceKey: Sendable {
  private let caseless: Bool
  // In pages of 256 characters, made when first needed: the character the key gets, 0 for none, or `string` plus the number of
  // several. `places` says where a character's page begins in `entries`, -1 for one that is not made.
  private var places = [Int32](repeating: -1, count: 0x1100)
  private var entries: [UInt32] = []
  private var strings: [[UInt8]] = []

  private static let string: UInt32 = 0x8000_0000
  private static let space = UInt8(ascii: " ")

  /// - Parameter caseless: whether case makes no difference.
  public init(caseless: Bool) { self.caseless = caseless }

  /// Replaces the content of `key` by the key of `line`, which must be well-formed UTF-8.
  public mutating func key(of line: Span<UInt8>, into key: inout [UInt8]) {
    key.removeAll(keepingCapacity: true)
    var i = 0
    while i < line.count {
      let byte = line[i]
      if byte >= 0x20, byte < 0x7F {
        let end = endOfPrintable(in: line, from: i)
        let run = line.extracting(i..<end)
        i = end
        let start = key.count
        if hasDoubleSpace(run) || (byte == Self.space && !Self.takesSpace(key)) {
          for k in 0..<run.count where run[k] != Self.space || Self.takesSpace(key) { key.append(run[k]) }
        } else {
          append(run, to: &key)
        }
        if caseless { lowerASCII(&key, from: start) }
        continue
      }
      let (scalar, length) = byte < 0x80 ? (UInt32(byte), 1) : decode(line, at: i)
      i += length
      let entry = entry(scalar)
      if entry >= Self.string {
        for byte in strings[Int(entry - Self.string)] where byte != Self.space || Self.takesSpace(key) {
          key.append(byte)
        }
      } else if entry == UInt32(Self.space) {
        if Self.takesSpace(key) { key.append(Self.space) }
      } else if entry != 0 {
        encode(entry, into: &key)
      }
    }
    if key.last == Self.space { key.removeLast() }
  }

  /// The key of a text.
  public mutating func key(of text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    key(of: bytes.span, into: &result)
    return result
  }

  /// No space at the beginning, and none behind another.
  private static func takesSpace(_ key: [UInt8]) -> Bool { !key.isEmpty && key.last != space }

  private mutating func entry(_ scalar: UInt32) -> UInt32 {
    let page = Int(scalar >> 8)
    if places[page] < 0 {
      let made = (0..<256).map { makeEntry(scalar & ~0xFF | $0) }
      places[page] = Int32(entries.count)
      entries += made
    }
    return entries[Int(places[page]) + Int(scalar & 0xFF)]
  }

  private mutating func makeEntry(_ value: UInt32) -> UInt32 {
    guard let scalar = Unicode.Scalar(value) else { return 0 }
    if scalar.properties.isWhitespace { return UInt32(Self.space) }
    if Self.isInvisible(scalar) { return 0 }
    var text = String(scalar).decomposedStringWithCompatibilityMapping
    if caseless { text = text.lowercased().decomposedStringWithCompatibilityMapping }
    var scalars: [Unicode.Scalar] = []
    for scalar in text.unicodeScalars where !Self.isInvisible(scalar) {
      // The two small sigmas differ by place alone.
      scalars.append(caseless && scalar == "\u{3C2}" ? "\u{3C3}" : scalar.properties.isWhitespace ? " " : scalar)
    }
    if scalars.count == 1 { return scalars[0].value }
    if scalars.isEmpty { return 0 }
    var bytes: [UInt8] = []
    for scalar in scalars { encode(scalar.value, into: &bytes) }
    strings.append(bytes)
    return Self.string + UInt32(strings.count - 1)
  }

  private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.properties.isDefaultIgnorableCodePoint { return true }
    return switch scalar.properties.generalCategory {
    case .control, .format: !scalar.properties.isWhitespace
    default: false
    }
  }
}
