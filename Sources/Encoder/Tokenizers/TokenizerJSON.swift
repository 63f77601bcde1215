import Base

/// A value of a `tokenizer.json`. Strings are bytes: for Swift's `String`, two spellings of one letter are equal, but they
/// are different pieces. JSONDecoder is of no use here for that reason, and needs a minute for a large vocabulary.
enum TokenizerValue: Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string([UInt8])
  case array([TokenizerValue])
  case object([(key: [UInt8], value: TokenizerValue)])

  /// As a failure shows it.
  var shown: String {
    switch self {
    case .null: return "null"
    case .bool(let value): return "\(value)"
    case .number(let value):
      return value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    case .string(let value): return "\"\(text(value))\""
    case .array(let values): return "a list of \(values.count)"
    case .object(let values): return "an object of \(values.count) keys"
    }
  }
}

/// Bytes as a failure shows them, at most 80.
func text(_ bytes: [UInt8]) -> String {
  let shown = bytes.count <= 80 ? bytes : Array(bytes.prefix(77)) + [0x2E, 0x2E, 0x2E]
  return String(decoding: shown, as: UTF8.self)
}

/// Reads JSON strictly.
struct TokenizerParser {
  /// How deep values may lie in each other.
  private static let depth = 64

  /// The value of a whole text.
  ///
  /// - Throws: `Failure` naming the byte where the text is no JSON.
  static func parse(_ bytes: [UInt8], path: String) throws(Failure) -> TokenizerValue {
    var parser = ParserState(path: path)
    return try parser.parse(bytes)
  }

  private struct ParserState {
    let path: String
    var at = 0

    func wrong(_ problem: String) -> Failure {
      Failure(
        .badData, path, at: "byte \(at)", "is not JSON: \(problem)",
        remedy: "the file is damaged or incomplete: fetch it again")
    }

    mutating func parse(_ bytes: [UInt8]) throws(Failure) -> TokenizerValue {
      let span = bytes.span
      let value = try self.value(span, depth: 0)
      skip(span)
      guard at == span.count else { throw wrong("something follows the value") }
      return value
    }

    mutating func skip(_ bytes: Span<UInt8>) {
      while at < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[at]) { at += 1 }
    }

    mutating func expect(_ bytes: Span<UInt8>, _ word: StaticString) throws(Failure) {
      for k in 0..<word.utf8CodeUnitCount {
        let wanted = unsafe word.utf8Start[k]
        guard at < bytes.count, bytes[at] == wanted else { throw wrong("\(word) is expected") }
        at += 1
      }
    }

    mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(Failure) -> TokenizerValue {
      guard depth <= TokenizerParser.depth else { throw wrong("more than \(TokenizerParser.depth) levels") }
      skip(bytes)
      guard at < bytes.count else { throw wrong("it ends early") }
      switch bytes[at] {
      case 0x22: return .string(try string(bytes))
      case 0x7B:
        at += 1
        var members: [(key: [UInt8], value: TokenizerValue)] = []
        skip(bytes)
        if at < bytes.count, bytes[at] == 0x7D {
          at += 1
          return .object(members)
        }
        while true {
          skip(bytes)
          guard at < bytes.count, bytes[at] == 0x22 else { throw wrong("a key is expected") }
          let key = try string(bytes)
          skip(bytes)
          try expect(bytes, ":")
          members.append((key, try value(bytes, depth: depth + 1)))
          skip(bytes)
          guard at < bytes.count else { throw wrong("it ends early") }
          at += 1
          if bytes[at - 1] == 0x7D { return .object(members) }
          guard bytes[at - 1] == 0x2C else { throw wrong("a comma is expected") }
        }
      case 0x5B:
        at += 1
        var items: [TokenizerValue] = []
        skip(bytes)
        if at < bytes.count, bytes[at] == 0x5D {
          at += 1
          return .array(items)
        }
        while true {
          items.append(try value(bytes, depth: depth + 1))
          skip(bytes)
          guard at < bytes.count else { throw wrong("it ends early") }
          at += 1
          if bytes[at - 1] == 0x5D { return .array(items) }
          guard bytes[at - 1] == 0x2C else { throw wrong("a comma is expected") }
        }
      case 0x74:
        try expect(bytes, "true")
        return .bool(true)
      case 0x66:
        try expect(bytes, "false")
        return .bool(false)
      case 0x6E:
        try expect(bytes, "null")
        return .null
      default: return .number(try number(bytes))
      }
    }

    mutating func number(_ bytes: Span<UInt8>) throws(Failure) -> Double {
      let start = at
      while at < bytes.count, at - start < 64 {
        let byte = bytes[at]
        guard byte &- 0x30 < 10 || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(byte) else { break }
        at += 1
      }
      // Whole numbers, which are most, need no exact conversion.
      if at > start, at - start < 10 {
        var whole = 0
        var digits = true
        for i in start..<at {
          digits = digits && bytes[i] &- 0x30 < 10
          whole = whole &* 10 &+ Int(bytes[i] &- 0x30)
        }
        if digits { return Double(whole) }
      }
      var text = ""
      for i in start..<at { text.unicodeScalars.append(Unicode.Scalar(bytes[i])) }
      guard let value = Double(text), value.isFinite, text.first != "+" else {
        at = start
        throw wrong("a value is expected")
      }
      return value
    }

    mutating func string(_ bytes: Span<UInt8>) throws(Failure) -> [UInt8] {
      at += 1
      let start = at
      while at < bytes.count, bytes[at] != 0x22, bytes[at] != 0x5C, bytes[at] >= 0x20 { at += 1 }
      var result: [UInt8] = []
      result.reserveCapacity(at - start)
      appendBytes(bytes, start..<at, to: &result)
      while at < bytes.count {
        let byte = bytes[at]
        at += 1
        switch byte {
        case 0x22:
          guard isValidUTF8(result.span) else { throw wrong("a string is not UTF-8") }
          return result
        case 0x5C:
          guard at < bytes.count else { throw wrong("it ends early") }
          at += 1
          switch bytes[at - 1] {
          case 0x22: result.append(0x22)
          case 0x5C: result.append(0x5C)
          case 0x2F: result.append(0x2F)
          case 0x62: result.append(8)
          case 0x66: result.append(12)
          case 0x6E: result.append(10)
          case 0x72: result.append(13)
          case 0x74: result.append(9)
          case 0x75:
            var value = try hex(bytes)
            if value & 0xFC00 == 0xD800 {
              try expect(bytes, "\\u")
              let low = try hex(bytes)
              guard low & 0xFC00 == 0xDC00 else { throw wrong("half of a pair of surrogates") }
              value = 0x10000 + (value & 0x3FF) << 10 + low & 0x3FF
            }
            guard value & 0x1FF800 != 0xD800 else { throw wrong("half of a pair of surrogates") }
            appendCharacter(value, to: &result)
          default: throw wrong("an unknown escape")
          }
        case 0..<0x20: throw wrong("a control character in a string")
        default: result.append(byte)
        }
      }
      throw wrong("it ends early")
    }

    mutating func hex(_ bytes: Span<UInt8>) throws(Failure) -> UInt32 {
      var value: UInt32 = 0
      for _ in 0..<4 {
        guard at < bytes.count else { throw wrong("it ends early") }
        let byte = bytes[at]
        let digit: UInt8
        switch byte {
        case 0x30...0x39: digit = byte - 0x30
        case 0x41...0x46: digit = byte - 0x41 + 10
        case 0x61...0x66: digit = byte - 0x61 + 10
        default: throw wrong("four hexadecimal digits are expected")
        }
        value = value << 4 | UInt32(digit)
        at += 1
      }
      return value
    }
  }
}

/// An object of a `tokenizer.json`, read key by key. What was not asked for is refused by `finish`.
final class TokenizerPart {
  /// Where it stands in the file.
  let place: String
  private let path: String
  private let members: [(key: [UInt8], value: TokenizerValue)]
  private var used: Set<String> = []

  init(_ value: TokenizerValue, path: String, place: String) throws(Failure) {
    guard case .object(let members) = value else {
      throw Failure(.badData, path, at: place, "is \(value.shown); an object is expected")
    }
    guard members.count <= 1000 else { throw Failure(.badData, path, at: place, "has more than 1000 keys") }
    self.members = members
    self.path = path
    self.place = place
  }

  func inside(_ key: String) -> String { place.isEmpty ? key : "\(place).\(key)" }

  func wrong(_ key: String, _ problem: String, remedy: String? = nil) -> Failure {
    Failure(.badData, path, at: inside(key), problem, remedy: remedy)
  }

  /// A value; null counts as missing.
  func value(_ key: String) -> TokenizerValue? {
    used.insert(key)
    let name = Array(key.utf8)
    guard let found = members.last(where: { $0.key == name })?.value else { return nil }
    if case .null = found { return nil }
    return found
  }

  func required(_ key: String) throws(Failure) -> TokenizerValue {
    guard let value = value(key) else { throw wrong(key, "the key is missing") }
    return value
  }

  func string(_ key: String) throws(Failure) -> [UInt8]? {
    guard let value = value(key) else { return nil }
    guard case .string(let string) = value else { throw wrong(key, "is \(value.shown); a string is expected") }
    return string
  }

  func requiredString(_ key: String) throws(Failure) -> [UInt8] {
    guard let value = try string(key) else { throw wrong(key, "the key is missing") }
    return value
  }

  func bool(_ key: String) throws(Failure) -> Bool? {
    guard let value = value(key) else { return nil }
    guard case .bool(let bool) = value else { throw wrong(key, "is \(value.shown); true or false is expected") }
    return bool
  }

  /// A whole number, 0 ... 2^30.
  func number(_ key: String) throws(Failure) -> Int? {
    guard let value = value(key) else { return nil }
    guard case .number(let number) = value, number == number.rounded(), number >= 0, number <= 0x4000_0000 else {
      throw wrong(key, "is \(value.shown); a whole number from 0 on is expected")
    }
    return Int(number)
  }

  func array(_ key: String) throws(Failure) -> [TokenizerValue] {
    let value = try required(key)
    guard case .array(let items) = value else { throw wrong(key, "is \(value.shown); a list is expected") }
    return items
  }

  func part(_ key: String) throws(Failure) -> TokenizerPart? {
    guard let value = value(key) else { return nil }
    return try TokenizerPart(value, path: path, place: inside(key))
  }

  /// The objects of a list.
  func parts(_ key: String) throws(Failure) -> [TokenizerPart] {
    var parts: [TokenizerPart] = []
    for (i, item) in try array(key).enumerated() {
      parts.append(try TokenizerPart(item, path: path, place: "\(inside(key))[\(i)]"))
    }
    return parts
  }

  /// The members of an object whose keys are data.
  func table(_ key: String) throws(Failure) -> [(key: [UInt8], value: TokenizerValue)] {
    let value = try required(key)
    guard case .object(let members) = value else { throw wrong(key, "is \(value.shown); an object is expected") }
    return members
  }

  /// What kind of part it is.
  func type() throws(Failure) -> String { String(decoding: try requiredString("type"), as: UTF8.self) }

  /// What is said of a kind that is not known.
  func unsupported(_ what: String, _ type: String) -> Failure {
    wrong("type", "asks for the \(what) \"\(type)\", which is not supported")
  }

  /// Refuses keys that were not asked for and have a value other than null, false or nothing.
  func finish(harmless: Set<String> = []) throws(Failure) {
    for (key, value) in members {
      let name = String(decoding: key, as: UTF8.self)
      if used.contains(name) || harmless.contains(name) { continue }
      switch value {
      case .null, .bool(false): continue
      case .string(let text) where text.isEmpty: continue
      default: throw wrong(name, "is \(value.shown), which is not supported")
      }
    }
  }
}
