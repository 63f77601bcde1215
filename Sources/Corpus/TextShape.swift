/// What a line is like, whatever it says.
public enum TextShape {
  /// Whether a line says something: it has two letters, or one that is a word (Chinese characters, Hangul), beside addresses.
  public static func says(_ line: Span<UInt8>) -> Bool {
    var text: [UInt8] = []
    append(line, to: &text)
    var letters = 0
    let rest = WebAddresses.removed(from: text)
    let bytes = rest.span
    var i = 0
    while i < bytes.count {
      let byte = bytes[i]
      if byte < 0x80 {
        if 0x61...0x7A ~= byte | 0x20 { letters += 1 }
        i += 1
      } else {
        let (value, length) = decode(bytes, at: i)
        if let properties = Unicode.Scalar(value)?.properties, properties.isAlphabetic {
          let isWord = properties.isIdeographic || 0xAC00...0xD7A3 ~= value
          letters += isWord ? 2 : 1
        }
        i += length
      }
      if letters >= 2 { return true }
    }
    return false
  }

  /// A fingerprint of what is left of a line when its numbers and addresses are blotted out; nil for a line without digits and
  /// addresses, and for one that does not say anything else.
  public static func form(of text: [UInt8]) -> Hash128? {
    let rest = WebAddresses.removed(from: text)
    var form: [UInt8] = []
    var has = rest.count != text.count
    let bytes = rest.span
    var i = 0
    while i < bytes.count {
      let byte = bytes[i]
      if byte < 0x80 {
        if 0x30...0x39 ~= byte {
          has = true
          if form.last != 0x30 { form.append(0x30) }
        } else {
          form.append(0x41...0x5A ~= byte ? byte | 0x20 : byte)
        }
        i += 1
      } else {
        let (value, length) = decode(bytes, at: i)
        if value >= 0x660, value < 0x4E00 || value >= 0xFF10,
          Unicode.Scalar(value)?.properties.numericType == .decimal
        {
          has = true
          if form.last != 0x30 { form.append(0x30) }
        } else {
          for k in i..<i + length { form.append(bytes[k]) }
        }
        i += length
      }
    }
    guard has, says(bytes) else { return nil }
    return Hash128(form.span)
  }
}
