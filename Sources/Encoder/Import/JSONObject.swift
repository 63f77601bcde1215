import Base
import FoundationEssentials

/// A JSON value of a file that others define.
enum JSONValue: Decodable, Sendable, Equatable, CustomStringConvertible {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let bool = try? value.decode(Bool.self) {
      self = .bool(bool)
    } else if let int = try? value.decode(Int.self) {
      self = .int(int)
    } else if let double = try? value.decode(Double.self) {
      self = .double(double)
    } else if let string = try? value.decode(String.self) {
      self = .string(string)
    } else if let array = try? value.decode([JSONValue].self) {
      self = .array(array)
    } else {
      self = .object(try value.decode([String: JSONValue].self))
    }
  }

  /// The value as a failure shows it, at most about 80 characters of it.
  var description: String {
    let text: String
    switch self {
    case .null: text = "null"
    case .bool(let value): text = "\(value)"
    case .int(let value): text = "\(value)"
    case .double(let value): text = "\(value)"
    case .string(let value): text = "\"\(value)\""
    case .array(let values): text = "[\(values.prefix(8).map(\.description).joined(separator: ", "))]"
    case .object(let values): text = "{\(values.keys.sorted().prefix(8).joined(separator: ", "))}"
    }
    return text.count <= 80 ? text : text.prefix(77) + "..."
  }

  /// Whether a key with this value asks for anything: `null`, `false`, and what is empty do not.
  var asksForSomething: Bool {
    switch self {
    case .null, .bool(false): false
    case .string(let value): !value.isEmpty
    case .array(let values): !values.isEmpty
    case .object(let values): !values.isEmpty
    default: true
    }
  }
}

/// The object of a JSON file, read key by key: what was never asked for can be refused at the end.
final class JSONObject {
  /// The file, and inside it where the object stands.
  let path: String
  let values: [String: JSONValue]
  private var used: Set<String> = []

  init(_ values: [String: JSONValue], path: String) {
    self.path = path
    self.values = values
  }

  /// Reads a file of at most `limit` bytes.
  ///
  /// - Throws: `Failure` when it is missing, larger, or no JSON object.
  static func read(_ path: String, limit: Int = 16 << 20) throws(Failure) -> JSONObject {
    guard case .object(let values) = try value(path, limit: limit) else {
      throw Failure(.badData, path, "is not a JSON object")
    }
    return JSONObject(values, path: path)
  }

  /// The value of a file, whatever it is.
  static func value(_ path: String, limit: Int = 16 << 20) throws(Failure) -> JSONValue {
    let file = try MappedFile(path: path)
    guard file.count <= limit else {
      throw Failure(.badData, path, "is \(file.count) bytes long; at most \(limit) are read")
    }
    let data = unsafe file.bytes.withUnsafeBytes { unsafe Data($0) }
    guard let value = try? JSONDecoder().decode(JSONValue.self, from: data) else {
      throw Failure(.badData, path, "is not JSON", remedy: "the file is damaged: fetch it again")
    }
    return value
  }

  private func wrong(_ key: String, _ value: JSONValue, _ expected: String) -> Failure {
    Failure(.badData, path, at: key, "is \(value); \(expected) is expected")
  }

  /// The value of a key; null counts as missing.
  func value(_ key: String) -> JSONValue? {
    used.insert(key)
    guard let value = values[key], value != .null else { return nil }
    return value
  }

  func int(_ key: String) throws(Failure) -> Int? {
    switch value(key) {
    case nil: return nil
    case .int(let number): return number
    // Python writes some whole numbers that way.
    case .double(let number) where number == number.rounded() && abs(number) < 1e15: return Int(number)
    case .some(let other): throw wrong(key, other, "a whole number")
    }
  }

  func requiredInt(_ key: String) throws(Failure) -> Int {
    guard let number = try int(key) else { throw Failure(.badData, path, at: key, "the key is missing") }
    return number
  }

  func double(_ key: String) throws(Failure) -> Double? {
    switch value(key) {
    case nil: return nil
    case .int(let number): return Double(number)
    case .double(let number): return number
    case .some(let other): throw wrong(key, other, "a number")
    }
  }

  func bool(_ key: String) throws(Failure) -> Bool? {
    switch value(key) {
    case nil: return nil
    case .bool(let bool): return bool
    case .some(let other): throw wrong(key, other, "true or false")
    }
  }

  func string(_ key: String) throws(Failure) -> String? {
    switch value(key) {
    case nil: return nil
    case .string(let string): return string
    case .some(let other): throw wrong(key, other, "a string")
    }
  }

  func object(_ key: String) throws(Failure) -> JSONObject? {
    switch value(key) {
    case nil: return nil
    case .object(let values): return JSONObject(values, path: "\(path): \(key)")
    case .some(let other): throw wrong(key, other, "an object")
    }
  }

  /// Refuses every value of a key but the ones given.
  func expect(_ key: String, _ allowed: [JSONValue]) throws(Failure) {
    guard let value = value(key) else { return }
    if !allowed.contains(value) { throw unsupported(key, value) }
  }

  /// What is said of a key that asks for more than there is.
  func unsupported(_ key: String, _ value: JSONValue, remedy: String? = nil) -> Failure {
    Failure(.badData, path, at: key, "is \(value), which is not supported", remedy: remedy)
  }

  /// Refuses keys that were not asked for, unless they are known to change nothing, or ask for nothing.
  ///
  /// - Parameter ignoring: keys that the caller of the import says change nothing.
  func finish(harmless: Set<String> = [], prefixes: [String] = [], ignoring: Set<String>) throws(Failure) {
    for (key, value) in values.sorted(by: { $0.key < $1.key }) where value.asksForSomething {
      if used.contains(key) || harmless.contains(key) || ignoring.contains(key) { continue }
      if prefixes.contains(where: key.hasPrefix) { continue }
      throw unsupported(
        key, value,
        remedy: "if the key changes no number, name it with --ignore-key \(key)")
    }
  }
}
