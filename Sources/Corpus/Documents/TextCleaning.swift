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
  private var texts = NearDuplicates()

  private static let slotBits = 22

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
    texts.isSeen(document.sketch) ? "near-duplicate" : nil
  }
}
