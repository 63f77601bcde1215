/// Text for terminals and pages: what comes from files, names and servers must not move the cursor, colour the screen, or turn
/// the direction of what stands around it.
public enum Printable {
  /// A text with control characters, and characters that turn the direction of writing, shown as escapes such as `\x1B`.
  ///
  /// - Parameters:
  ///   - keepingLines: whether line ends and tabs stay as they are.
  ///   - limit: characters beyond which the middle is left out, at least 20.
  public static func text(_ text: String, keepingLines: Bool = false, limit: Int = .max) -> String {
    let whole = text.utf8.contains(where: isSuspicious) ? escaped(text, keepingLines) : text
    guard whole.utf8.count > limit else { return whole }
    // By scalars: a single character can be as long as anyone likes.
    let scalars = Array(whole.unicodeScalars)
    guard scalars.count > limit else { return whole }
    var cut = String.UnicodeScalarView()
    cut.append(contentsOf: scalars.prefix(limit / 2))
    cut.append(contentsOf: " ... ".unicodeScalars)
    cut.append(contentsOf: scalars.suffix(limit - limit / 2 - 5))
    return String(cut)
  }

  /// JSON with the same characters escaped as JSON escapes them. (They stand in strings only.)
  public static func json(_ text: String) -> String {
    guard text.utf8.contains(where: isSuspicious) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if scalar.value >= 0x20, scalar.value < 0x10000, isHarmful(scalar) {
        result.append(contentsOf: "\\u\(hexadecimal(scalar.value, digits: 4))".unicodeScalars)
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }

  /// Whether a byte may belong to a character that is not shown as it is.
  private static func isSuspicious(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == 0x7F || byte == 0xC2 || byte == 0xE2 || byte == 0xF4
  }

  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: PathText.byte(of: scalar) != nil
    }
  }

  private static func escaped(_ text: String, _ keepingLines: Bool) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if !isHarmful(scalar) || (keepingLines && (scalar == "\n" || scalar == "\t")) {
        result.append(scalar)
        continue
      }
      let escape =
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default:
          if let byte = PathText.byte(of: scalar) {
            "\\x\(hexadecimal(UInt32(byte), digits: 2))"
          } else if scalar.value < 0x100 {
            "\\x\(hexadecimal(scalar.value, digits: 2))"
          } else {
            "\\u{\(hexadecimal(scalar.value, digits: 4))}"
          }
        }
      result.append(contentsOf: escape.unicodeScalars)
    }
    return String(result)
  }

  private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
