import Base
import CICU

/// What a tokenizer does with a text before it is cut.
indirect enum TextNormalizer: Sendable {
  case sequence([TextNormalizer])
  /// Unicode's normal forms, by ICU's number.
  case form(Int32)
  case lowercase
  /// Marks are taken out.
  case stripAccents
  case strip(left: Bool, right: Bool)
  case replace(TextPattern, [UInt8])
  case bert(clean: Bool, chinese: Bool, strip: Bool, lower: Bool)
  case map(CharacterMap)
  case prepend([UInt8])
  /// Control characters are taken out, and several kinds of space become one.
  case nmt

  /// Reads a `normalizer`.
  init(_ part: TokenizerPart, path: String, depth: Int = 0) throws(Failure) {
    guard depth < 8 else { throw part.wrong("type", "lies more than 8 levels deep") }
    let type = try part.type()
    switch type {
    case "Sequence":
      var members: [TextNormalizer] = []
      for member in try part.parts("normalizers") {
        members.append(try TextNormalizer(member, path: path, depth: depth + 1))
      }
      self = .sequence(members)
    case "NFC": self = .form(0)
    case "NFD": self = .form(1)
    case "NFKC": self = .form(2)
    case "NFKD": self = .form(3)
    case "Lowercase": self = .lowercase
    case "StripAccents": self = .stripAccents
    case "Strip":
      let left = try part.bool("strip_left") ?? true
      let right = try part.bool("strip_right") ?? true
      self = .strip(left: left, right: right)
    case "Replace":
      let pattern = try TextPattern(try part.required("pattern"), path: path, place: part.inside("pattern"))
      self = .replace(pattern, try part.requiredString("content"))
    case "BertNormalizer":
      let clean = try part.bool("clean_text") ?? true
      let chinese = try part.bool("handle_chinese_chars") ?? true
      let lower = try part.bool("lowercase") ?? true
      let strip = try part.bool("strip_accents") ?? lower
      self = .bert(clean: clean, chinese: chinese, strip: strip, lower: lower)
    case "Precompiled":
      guard let bytes = decodedBase64(try part.requiredString("precompiled_charsmap")) else {
        throw part.wrong("precompiled_charsmap", "is not base64")
      }
      self = .map(try CharacterMap(bytes, path: path, place: part.inside("precompiled_charsmap")))
    case "Prepend": self = .prepend(try part.requiredString("prepend"))
    case "Nmt": self = .nmt
    default: throw part.unsupported("normalizer", type)
    }
    try part.finish()
  }

  /// Normalises a text in place.
  ///
  /// - Parameters:
  ///   - spare: memory to work in.
  ///   - pieces: more of it.
  /// - Returns: whether the text's first character may have been taken out.
  func apply(
    _ text: inout [UInt8], _ spare: inout [UInt8], _ pieces: inout [TextPattern.Piece]
  ) throws(Failure) -> Bool {
    var cut = false
    switch self {
    case .sequence(let members):
      for member in members where try member.apply(&text, &spare, &pieces) { cut = true }
    case .form(let form): try Self.normalize(&text, form)
    case .lowercase: Self.lower(&text, &spare)
    case .stripAccents: cut = Self.removeMarks(&text, &spare, CharacterTable.Category.marks)
    case .strip(let left, let right): cut = Self.strip(&text, &spare, left, right)
    case .replace(let pattern, let content):
      try pattern.cut(text.span, 0..<text.count, into: &pieces)
      if !pieces.contains(where: \.isMatch) { break }
      spare.removeAll(keepingCapacity: true)
      for piece in pieces {
        if piece.isMatch {
          spare.append(contentsOf: content)
        } else {
          appendBytes(text.span, piece.start..<piece.end, to: &spare)
        }
      }
      cut = content.isEmpty && pieces[0].isMatch
      swap(&text, &spare)
    case .bert(let clean, let chinese, let strip, let lower):
      if clean || chinese { cut = Self.clean(&text, &spare, clean, chinese) }
      if strip {
        try Self.normalize(&text, 1)
        if Self.removeMarks(&text, &spare, CharacterTable.Category.nonspacingMarks) { cut = true }
      }
      if lower { Self.lower(&text, &spare) }
    case .map(let map):
      spare.removeAll(keepingCapacity: true)
      map.apply(text, to: &spare)
      swap(&text, &spare)
    case .prepend(let prefix):
      if !text.isEmpty { text.insert(contentsOf: prefix, at: 0) }
    case .nmt: cut = Self.nmt(&text, &spare)
    }
    return cut
  }

  private static func isASCII(_ text: [UInt8]) -> Bool {
    var high: UInt8 = 0
    let bytes = text.span
    for i in bytes.indices { high |= bytes[i] }
    return high < 0x80
  }

  private static func normalize(_ text: inout [UInt8], _ form: Int32) throws(Failure) {
    if isASCII(text) { return }
    var result: UnsafeRawPointer?
    var count = 0
    let message = unsafe text.withUnsafeBytes { bytes in
      unsafe ems_icu_normalize(form, bytes.baseAddress, bytes.count, &result, &count)
    }
    if let problem = unsafe icuMessage(message) {
      throw Failure(.badData, "sentence", "cannot be brought into a normal form: \(problem)")
    }
    text.removeAll(keepingCapacity: true)
    unsafe text.append(contentsOf: UnsafeRawBufferPointer(start: result, count: count))
  }

  /// Character by character, so that no rule looks around.
  private static func lower(_ text: inout [UInt8], _ spare: inout [UInt8]) {
    spare.removeAll(keepingCapacity: true)
    let source = text
    let bytes = source.span
    var i = 0
    while i < bytes.count {
      let byte = bytes[i]
      if byte < 0x80 {
        spare.append(byte &- 0x41 < 26 ? byte | 0x20 : byte)
        i += 1
        continue
      }
      let (value, size) = character(bytes, at: i)
      if CharacterTable.changesInLowerCase(value), let scalar = Unicode.Scalar(value) {
        spare.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
      } else {
        appendBytes(bytes, i..<i + size, to: &spare)
      }
      i += size
    }
    swap(&text, &spare)
  }

  private static func removeMarks(_ text: inout [UInt8], _ spare: inout [UInt8], _ marks: UInt32) -> Bool {
    if isASCII(text) { return false }
    spare.removeAll(keepingCapacity: true)
    let source = text
    let bytes = source.span
    var cut = false
    var i = 0
    while i < bytes.count {
      let (value, size) = character(bytes, at: i)
      if value >= 0x300, CharacterTable.category(value, in: marks) {
        cut = cut || i == 0
      } else {
        appendBytes(bytes, i..<i + size, to: &spare)
      }
      i += size
    }
    swap(&text, &spare)
    return cut
  }

  private static func strip(_ text: inout [UInt8], _ spare: inout [UInt8], _ left: Bool, _ right: Bool) -> Bool {
    let source = text
    let bytes = source.span
    var start = 0
    var end = bytes.count
    while left, start < end {
      let (value, size) = character(bytes, at: start)
      if !CharacterTable.isWhiteSpace(value) { break }
      start += size
    }
    while right, start < end {
      var last = end - 1
      while bytes[last] & 0xC0 == 0x80 { last -= 1 }
      if !CharacterTable.isWhiteSpace(character(bytes, at: last).value) { break }
      end = last
    }
    if start == 0, end == bytes.count { return false }
    spare.removeAll(keepingCapacity: true)
    appendBytes(bytes, start..<end, to: &spare)
    swap(&text, &spare)
    return start > 0
  }

  private static func isChinese(_ c: UInt32) -> Bool {
    switch c {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      return true
    default: return false
    }
  }

  /// Takes control characters out, makes every white space a space, and puts spaces around Chinese characters.
  private static func clean(
    _ text: inout [UInt8], _ spare: inout [UInt8], _ clean: Bool, _ chinese: Bool
  ) -> Bool {
    spare.removeAll(keepingCapacity: true)
    let source = text
    let bytes = source.span
    var cut = false
    var i = 0
    while i < bytes.count {
      let byte = bytes[i]
      if byte &- 0x20 < 0x5F {
        spare.append(byte)
        i += 1
        continue
      }
      let (value, size) = character(bytes, at: i)
      if clean, value == 9 || value == 10 || value == 13 {
        spare.append(0x20)
      } else if clean, value == 0xFFFD || CharacterTable.category(value, in: CharacterTable.Category.others) {
        cut = cut || i == 0
      } else if clean, CharacterTable.isWhiteSpace(value) {
        spare.append(0x20)
      } else if chinese, isChinese(value) {
        spare.append(0x20)
        appendBytes(bytes, i..<i + size, to: &spare)
        spare.append(0x20)
      } else {
        appendBytes(bytes, i..<i + size, to: &spare)
      }
      i += size
    }
    swap(&text, &spare)
    return cut
  }

  private static func nmt(_ text: inout [UInt8], _ spare: inout [UInt8]) -> Bool {
    spare.removeAll(keepingCapacity: true)
    let source = text
    let bytes = source.span
    var cut = false
    var i = 0
    while i < bytes.count {
      let (value, size) = character(bytes, at: i)
      switch value {
      case 1...8, 0xB, 0xE...0x1F, 0x7F, 0x8F, 0x9F: cut = cut || i == 0
      case 9, 0xA, 0xC, 0xD, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: spare.append(0x20)
      default: appendBytes(bytes, i..<i + size, to: &spare)
      }
      i += size
    }
    swap(&text, &spare)
    return cut
  }
}

/// The bytes of base64, or nil where it is none.
func decodedBase64(_ text: [UInt8]) -> [UInt8]? {
  var result: [UInt8] = []
  result.reserveCapacity(text.count / 4 * 3)
  var word: UInt32 = 0
  var bits = 0
  var end = text.count
  while end > 0, text.count - end < 2, text[end - 1] == 0x3D { end -= 1 }
  for i in 0..<end {
    let digit: UInt8
    switch text[i] {
    case 0x41...0x5A: digit = text[i] - 0x41
    case 0x61...0x7A: digit = text[i] - 0x61 + 26
    case 0x30...0x39: digit = text[i] - 0x30 + 52
    case 0x2B: digit = 62
    case 0x2F: digit = 63
    default: return nil
    }
    word = word << 6 | UInt32(digit)
    bits += 6
    if bits >= 8 {
      bits -= 8
      result.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
    }
  }
  return bits < 6 ? result : nil
}

/// Bytes as base64.
func encodedBase64(_ bytes: [UInt8]) -> [UInt8] {
  let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var result: [UInt8] = []
  var i = 0
  while i < bytes.count {
    let rest = min(3, bytes.count - i)
    var word: UInt32 = 0
    for k in 0..<3 { word = word << 8 | (k < rest ? UInt32(bytes[i + k]) : 0) }
    for k in 0..<4 { result.append(k <= rest ? digits[Int(word >> UInt32(18 - 6 * k) & 63)] : 0x3D) }
    i += 3
  }
  return result
}
