import Base
import CICU

/// What is taken out of the texts of documents, or put right.
public struct CleaningOptions: Sendable, Equatable {
  /// Whether characters are brought into their composed form (NFC).
  public var composes = false
  /// Whether characters that show nothing go: controls, soft hyphens, byte order marks, marks of direction, and others that
  /// are ignorable; joiners stay, which scripts need.
  public var dropsInvisible = false
  /// Whether references of HTML (`&amp;`) become characters.
  public var resolvesEntities = false
  /// A line that so many documents have is boilerplate, and goes from then on; nil keeps all.
  public var boilerplateDocuments: Int?
  /// Whether documents go that are nearly the same as one before.
  public var dropsNearDuplicates = false

  /// Nothing.
  public init() {}

  /// Whether documents are compared with each other.
  var comparesDocuments: Bool { boilerplateDocuments != nil || dropsNearDuplicates }

  var digestSettings: [String: String] {
    if self == CleaningOptions() { return [:] }
    var names: [String] = []
    if composes { names.append("nfc") }
    if dropsInvisible { names.append("invisible") }
    if resolvesEntities { names.append("entities") }
    if let boilerplateDocuments { names.append("boilerplate \(boilerplateDocuments)") }
    if dropsNearDuplicates { names.append("near-duplicates") }
    return ["input-cleaning": names.joined(separator: ",")]
  }
}

/// Cleans texts, each by itself.
struct TextCleaner {
  let options: CleaningOptions

  init(_ options: CleaningOptions) { self.options = options }

  /// Cleans well-formed UTF-8, newlines of which stay.
  mutating func clean(_ text: inout [UInt8], counting counts: inout [String: Int]) {
    if options.resolvesEntities {
      let resolved = Entities.resolved(text)
      if resolved.count != text.count {
        counts["entities", default: 0] += 1
        text = resolved
      }
    }
    if options.dropsInvisible { dropInvisible(&text, &counts) }
    if options.composes, let composed = Self.composed(text), composed != text {
      counts["nfc", default: 0] += 1
      text = composed
    }
  }

  private func dropInvisible(_ text: inout [UInt8], _ counts: inout [String: Int]) {
    var result: [UInt8] = []
    var start = 0
    var i = 0
    var dropped = 0
    while i < text.count {
      let byte = text[i]
      if byte < 0x80 {
        if byte < 0x20 && byte != 10 && byte != 9 && byte != 13 || byte == 0x7F {
          result += text[start..<i]
          start = i + 1
          dropped += 1
        }
        i += 1
        continue
      }
      // The lead bytes of what may be invisible: U+0080..., U+00AD, U+061C, U+180E, U+2000..., U+FE00..., U+FFF0..., tags.
      guard [0xC2, 0xD8, 0xE1, 0xE2, 0xEF, 0xF3].contains(byte) else {
        i += byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        continue
      }
      let (scalar, length) = decode(text.span, at: i)
      if Self.isInvisible(scalar) {
        result += text[start..<i]
        start = i + length
        dropped += 1
      }
      i += length
    }
    if dropped == 0 { return }
    result += text[start...]
    text = result
    counts["invisible", default: 0] += dropped
  }

  private static func isInvisible(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x80...0x9F, 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x202A...0x202E, 0x2060...0x206F, 0xFEFF,
      0xFFF9...0xFFFB,
      0xE0000...0xE007F:
      scalar != 0x85
    default: false
    }
  }

  private static func composed(_ text: [UInt8]) -> [UInt8]? {
    var result: UnsafeRawPointer?
    var count = 0
    let message = unsafe text.withUnsafeBytes { unsafe ems_icu_normalize(0, $0.baseAddress, $0.count, &result, &count) }
    if let message = unsafe message {
      unsafe ems_icu_free(message)
      return nil
    }
    return unsafe Array(UnsafeRawBufferPointer(start: result, count: count))
  }
}

/// Lines that many documents have, and documents that are nearly the same.
final class RepeatedText {
  private let options: CleaningOptions
  // A line's slot holds the upper half of its hash and in how many documents it was; lines that come often push out others.
  private var tags: [UInt32]
  private var documents: [UInt16]
  private var bands: Set<UInt64> = []

  private static let slotBits = 22
  private static let bins = 64
  private static let rows = 8

  init(_ options: CleaningOptions) {
    self.options = options
    let slots = options.boilerplateDocuments == nil ? 0 : 1 << Self.slotBits
    tags = [UInt32](repeating: 0, count: slots)
    documents = [UInt16](repeating: 0, count: slots)
  }

  /// Whether a line has come in so many documents that it is none of their own.
  func isBoilerplate(_ line: Span<UInt8>) -> Bool {
    guard let limit = options.boilerplateDocuments, !line.isEmpty else { return false }
    let hash = Hash128(line).low
    let slot = Int(hash >> UInt64(64 - Self.slotBits))
    let tag = UInt32(truncatingIfNeeded: hash) | 1
    if tags[slot] == tag {
      if documents[slot] < .max { documents[slot] += 1 }
    } else if documents[slot] == 0 {
      (tags[slot], documents[slot]) = (tag, 1)
    } else {
      documents[slot] -= 1
    }
    return tags[slot] == tag && Int(documents[slot]) >= limit
  }

  /// Why a document is not wanted: nil if it is.
  func reason(toDrop document: Document) -> String? {
    if document.sketch.isEmpty { return nil }
    var isSeen = false
    for (i, band) in document.sketch.enumerated() {
      let key = band ^ UInt64(i) &* 0x9E37_79B9_7F4A_7C15
      if !bands.insert(key).inserted { isSeen = true }
    }
    return isSeen ? "near-duplicate" : nil
  }

  /// Eight numbers of which two texts share one with a probability of 43 % if they share 0.7 of their parts, 88 % at 0.85 and
  /// 99 % at 0.92 (MinHash by one permutation, bands of eight; a part is 16 bytes). Empty for short texts.
  static func sketch(of text: Span<UInt8>) -> [UInt64] {
    let width = 16
    guard text.count >= 256 else { return [] }
    var least = [UInt64](repeating: .max, count: bins)
    for i in 0...text.count - width {
      // Every second place on average, chosen by the text itself.
      let word = littleEndianWord(text, at: i, count: 8)
      if (word &* 0x9E37_79B9_7F4A_7C15) >> 63 == 1 { continue }
      var hash = word ^ littleEndianWord(text, at: i + 8, count: 8) &* 0xC2B2_AE3D_27D4_EB4F
      hash = SplitMix64.mix(hash)
      let bin = Int(hash >> 58)
      if hash < least[bin] { least[bin] = hash }
    }
    // A bin without a part takes its neighbour's.
    for bin in 0..<bins where least[bin] == .max {
      for step in 1..<bins where least[(bin + step) % bins] != .max {
        least[bin] = least[(bin + step) % bins] &+ UInt64(step)
        break
      }
    }
    return stride(from: 0, to: bins, by: rows).map { first in
      least[first..<first + rows].reduce(0) { SplitMix64.mix($0 ^ $1) }
    }
  }
}
