import Base

// Stripping and lower-casing on UTF-8 bytes, with the results of Python's str.strip() and str.lower(): the published
// models were trained on text that went through these. Bytes, because making Strings would take longer than cutting
// the text into pieces.

/// Text without the white space at both ends.
@_lifetime(copy text)
package func trimmingWhiteSpace(_ text: RawSpan) -> RawSpan {
  var start = 0
  var end = text.byteCount
  while start < end {
    let size = whiteSpaceSize(text, at: start, end: end)
    if size == 0 { break }
    start += size
  }
  while start < end {
    // The last character starts at most two bytes before its last byte, if it is white space.
    var size = 0
    for length in 1...3 where length <= end - start {
      if whiteSpaceSize(text, at: end - length, end: end) == length {
        size = length
        break
      }
    }
    if size == 0 { break }
    end -= size
  }
  return text.extracting(start..<end)
}

/// The part of a sentence that can matter where only its first `limit` tokens count: 64 KiB, or 64 bytes for each token if that
/// is more, cut at white space if there is some near. Cutting text into pieces takes memory for every byte, and SentencePiece
/// takes time that grows with the square of a run of characters that it does not know.
@_lifetime(copy text)
package func bounded(_ text: RawSpan, tokens limit: Int) -> RawSpan {
  let (wanted, overflow) = limit.multipliedReportingOverflow(by: 64)
  let most = overflow ? Int.max : max(1 << 16, wanted)
  guard text.byteCount > most else { return text }
  // No further back than a sixteenth.
  for end in stride(from: most, to: most - most / 16, by: -1)
  where text.number(at: end, as: UInt8.self) == 0x20 || text.number(at: end, as: UInt8.self) == 0x09 {
    return text.extracting(0..<end)
  }
  // Between two characters.
  var end = most
  while end > most - 4, text.number(at: end, as: UInt8.self) & 0xC0 == 0x80 { end -= 1 }
  return text.extracting(0..<end)
}

/// The number of bytes of the white space character at a position, 0 if there is none there.
///
/// Python's idea of white space: Unicode's, and the separators U+001C...U+001F.
private func whiteSpaceSize(_ text: RawSpan, at index: Int, end: Int) -> Int {
  let first = text.number(at: index, as: UInt8.self)
  if first < 0x80 { return first == 0x20 || (0x09...0x0D).contains(first) || (0x1C...0x1F).contains(first) ? 1 : 0 }
  // U+0085, U+00A0, U+1680, U+2000...U+200A, U+2028, U+2029, U+202F, U+205F, U+3000
  guard [0xC2, 0xE1, 0xE2, 0xE3].contains(first), end - index >= 2 else { return 0 }
  let second = text.number(at: index + 1, as: UInt8.self)
  if first == 0xC2 { return second == 0x85 || second == 0xA0 ? 2 : 0 }
  guard end - index >= 3 else { return 0 }
  let third = text.number(at: index + 2, as: UInt8.self)
  switch (first, second) {
  case (0xE1, 0x9A): return third == 0x80 ? 3 : 0
  case (0xE2, 0x80): return (0x80...0x8A).contains(third) || [0xA8, 0xA9, 0xAF].contains(third) ? 3 : 0
  case (0xE2, 0x81): return third == 0x9F ? 3 : 0
  case (0xE3, 0x80): return third == 0x80 ? 3 : 0
  default: return 0
  }
}

package enum CaseNeeds { case nothing, ascii, unicode }

/// How much work lower-casing a text is.
package func caseNeeds(_ text: RawSpan) -> CaseNeeds {
  var high: UInt8 = 0
  var capital = false
  for index in text.byteOffsets {
    let byte = text.number(at: index, as: UInt8.self)
    high |= byte
    capital = capital || byte &- 0x41 < 26
  }
  return high >= 0x80 ? .unicode : capital ? .ascii : .nothing
}

/// Text in lower case, after Unicode's full mapping, with the one rule that looks around: a capital sigma at the end of
/// a word becomes the final form.
package func lowercased(_ text: RawSpan) -> [UInt8] {
  var result: [UInt8] = []
  result.reserveCapacity(text.byteCount + text.byteCount / 2)
  var index = 0
  while index < text.byteCount {
    let byte = text.number(at: index, as: UInt8.self)
    if byte < 0x80 {
      result.append(byte &- 0x41 < 26 ? byte | 0x20 : byte)
      index += 1
      continue
    }
    let (scalar, size) = decoded(text, at: index)
    switch scalar.value {
    case 0x3A3:
      append(isFinalSigma(text, at: index, size: size) ? 0x3C2 : 0x3C3, to: &result)
    case 0..<UInt32(LowerCase.low.count):
      append(LowerCase.low[Int(scalar.value)], to: &result)
    default:
      if LowerCase.isCaseless(scalar.value) {
        append(scalar.value, to: &result)
      } else {
        result.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
      }
    }
    // U+0130 is the one character that becomes two: i and a dot above.
    if scalar.value == 0x130 { append(0x307, to: &result) }
    index += size
  }
  return result
}

private enum LowerCase {
  /// The mapping of Latin, Greek, Cyrillic, Armenian and Hebrew, where nearly all capitals are: looking a property up in
  /// the standard library takes 50 times as long. For U+0130 it holds the first of its two characters.
  static let low: [UInt32] = (0..<0x590).map { value in
    guard let scalar = Unicode.Scalar(UInt32(value)) else { return UInt32(value) }
    return scalar.properties.lowercaseMapping.unicodeScalars.first?.value ?? UInt32(value)
  }

  /// Large ranges without any capital: Arabic to Myanmar, most of East Asia, Hangul.
  static func isCaseless(_ value: UInt32) -> Bool {
    (0x590..<0x10A0).contains(value) || (0x2E80..<0xA640).contains(value) || (0xAC00..<0xFB00).contains(value)
  }
}

/// Python's rule, which is Unicode's: a cased letter before and none after, case-ignorable characters passed over.
private func isFinalSigma(_ text: RawSpan, at index: Int, size: Int) -> Bool {
  var before = index
  var follows = false
  while before > 0 {
    before = startOfCharacter(text, before: before)
    let properties = decoded(text, at: before).scalar.properties
    if properties.isCaseIgnorable { continue }
    follows = properties.isCased
    break
  }
  guard follows else { return false }
  var after = index + size
  while after < text.byteCount {
    let (scalar, size) = decoded(text, at: after)
    if scalar.properties.isCaseIgnorable {
      after += size
      continue
    }
    return !scalar.properties.isCased
  }
  return true
}

/// The position of the character that ends before `index` > 0.
private func startOfCharacter(_ text: RawSpan, before index: Int) -> Int {
  var start = index - 1
  while start > 0, index - start < 4, text.number(at: start, as: UInt8.self) & 0xC0 == 0x80 { start -= 1 }
  // Bytes that are no character's count one by one.
  return decoded(text, at: start).size == index - start ? start : index - 1
}

/// The character at a position and its number of bytes; U+FFFD and 1 where the bytes are not UTF-8.
func decoded(_ text: RawSpan, at index: Int) -> (scalar: Unicode.Scalar, size: Int) {
  let replacement: Unicode.Scalar = "\u{FFFD}"
  let first = text.number(at: index, as: UInt8.self)
  if first < 0x80 { return (Unicode.Scalar(first), 1) }
  let (size, smallest): (Int, UInt32)
  switch first {
  case 0xC2...0xDF: (size, smallest) = (2, 0x80)
  case 0xE0...0xEF: (size, smallest) = (3, 0x800)
  case 0xF0...0xF4: (size, smallest) = (4, 0x10000)
  default: return (replacement, 1)
  }
  guard size <= text.byteCount - index else { return (replacement, 1) }
  var value = UInt32(first) & (0x7F >> UInt32(size))
  for offset in 1..<size {
    let byte = text.number(at: index + offset, as: UInt8.self)
    guard byte & 0xC0 == 0x80 else { return (replacement, 1) }
    value = value << 6 | UInt32(byte & 0x3F)
  }
  guard value >= smallest, let scalar = Unicode.Scalar(value) else { return (replacement, 1) }
  return (scalar, size)
}

private func append(_ value: UInt32, to result: inout [UInt8]) {
  if value < 0x80 {
    result.append(UInt8(truncatingIfNeeded: value))
    return
  }
  if value < 0x800 {
    result.append(UInt8(truncatingIfNeeded: 0xC0 | value >> 6))
  } else {
    if value < 0x10000 {
      result.append(UInt8(truncatingIfNeeded: 0xE0 | value >> 12))
    } else {
      result.append(UInt8(truncatingIfNeeded: 0xF0 | value >> 18))
      result.append(UInt8(truncatingIfNeeded: 0x80 | (value >> 12 & 0x3F)))
    }
    result.append(UInt8(truncatingIfNeeded: 0x80 | (value >> 6 & 0x3F)))
  }
  result.append(UInt8(truncatingIfNeeded: 0x80 | (value & 0x3F)))
}
