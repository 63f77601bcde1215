/// Character references of XML and the commonest of HTML as the characters they stand for.
enum Entities {
  private static let named: [String: String] = [
    "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}", "ndash": "\u{2013}",
    "mdash": "\u{2014}", "hellip": "\u{2026}", "lsquo": "\u{2018}", "rsquo": "\u{2019}", "sbquo": "\u{201A}",
    "ldquo": "\u{201C}", "rdquo": "\u{201D}", "bdquo": "\u{201E}", "laquo": "\u{AB}", "raquo": "\u{BB}",
    "lsaquo": "\u{2039}", "rsaquo": "\u{203A}", "deg": "\u{B0}", "plusmn": "\u{B1}", "times": "\u{D7}",
    "middot": "\u{B7}",
    "bull": "\u{2022}", "copy": "\u{A9}", "reg": "\u{AE}", "trade": "\u{2122}", "euro": "\u{20AC}", "pound": "\u{A3}",
    "sect": "\u{A7}", "para": "\u{B6}", "thinsp": "\u{2009}", "ensp": "\u{2002}", "emsp": "\u{2003}", "shy": "\u{AD}",
    "zwnj": "\u{200C}", "zwj": "\u{200D}", "auml": "ä", "ouml": "ö", "uuml": "ü", "Auml": "Ä", "Ouml": "Ö", "Uuml": "Ü",
    "szlig": "ß", "eacute": "é", "egrave": "è", "ecirc": "ê", "agrave": "à", "aacute": "á", "acirc": "â", "ccedil": "ç",
    "iacute": "í", "oacute": "ó", "uacute": "ú", "ntilde": "ñ", "atilde": "ã", "otilde": "õ", "iexcl": "¡",
    "iquest": "¿",
  ]

  /// The bytes (well-formed UTF-8) with their references resolved, once; those that are unknown stay.
  static func resolved(_ bytes: [UInt8]) -> [UInt8] {
    guard firstIndex(of: UInt8(ascii: "&"), in: bytes.span, from: 0, to: bytes.count) != nil else { return bytes }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var i = 0
    while i < bytes.count {
      if bytes[i] == UInt8(ascii: "&"),
        let end = firstIndex(of: UInt8(ascii: ";"), in: bytes.span, from: i, to: min(bytes.count, i + 12)),
        let character = character(String(decoding: bytes[(i + 1)..<end], as: UTF8.self))
      {
        result += character.utf8
        i = end + 1
      } else {
        result.append(bytes[i])
        i += 1
      }
    }
    return result
  }

  private static func character(_ name: String) -> String? {
    guard name.hasPrefix("#") else { return named[name] }
    let digits = name.dropFirst()
    let value =
      if digits.hasPrefix("x") || digits.hasPrefix("X") { UInt32(digits.dropFirst(), radix: 16) } else {
        UInt32(digits)
      }
    // Control characters are never text.
    guard let value, value >= 0x20 || value == 9 || value == 10, !(0x7F...0x9F ~= value),
      let scalar = Unicode.Scalar(value)
    else { return nil }
    return String(scalar)
  }
}
