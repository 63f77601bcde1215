/// A JSON value to be written: the members of an object keep their order, and their names are told apart by their bytes.
/// (Swift's strings are equal where Unicode holds them for the same text, which two pieces of a vocabulary may be.)
enum JSONText: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral {
  case null
  case bool(Bool)
  case int(Int)
  /// A finite number.
  case double(Double)
  case string(String)
  case array([JSONText])
  case object([(name: String, value: JSONText)])

  init(stringLiteral value: String) { self = .string(value) }
  init(booleanLiteral value: Bool) { self = .bool(value) }
  init(integerLiteral value: Int) { self = .int(value) }

  /// Members in the order given.
  static func members(_ members: KeyValuePairs<String, JSONText>) -> JSONText {
    .object(members.map { (name: $0.key, value: $0.value) })
  }

  /// The text, with a line feed at the end: the outer levels a member a line, what lies deeper side by side.
  ///
  /// - Parameter levels: how many levels have a line for each member.
  func text(levels: Int = 2) -> String {
    var result = ""
    append(to: &result, levels: levels, indentation: 0)
    return result + "\n"
  }

  private func append(to text: inout String, levels: Int, indentation: Int) {
    func list<Items: Collection>(_ items: Items, _ open: String, _ close: String, _ body: (Items.Element) -> Void) {
      text += open
      var isFirst = true
      for item in items {
        if !isFirst { text += "," }
        if levels > 0 {
          text += "\n" + String(repeating: " ", count: indentation + 2)
        } else if !isFirst {
          text += " "
        }
        body(item)
        isFirst = false
      }
      if levels > 0, !isFirst { text += "\n" + String(repeating: " ", count: indentation) }
      text += close
    }
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .int(let value): text += "\(value)"
    case .double(let value): text += "\(value)"
    case .string(let value): Self.quote(value, to: &text)
    case .array(let items):
      list(items, "[", "]") { $0.append(to: &text, levels: levels - 1, indentation: indentation + 2) }
    case .object(let members):
      list(members, "{", "}") { member in
        Self.quote(member.name, to: &text)
        text += ": "
        member.value.append(to: &text, levels: levels - 1, indentation: indentation + 2)
      }
    }
  }

  private static func quote(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar.value {
      case 0x22: text += "\\\""
      case 0x5C: text += "\\\\"
      // Control characters must be escaped; of the noncharacters an editor would show nothing, or spoil them.
      case 0..<0x20, 0x7F, 0xFDD0...0xFDEF:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
