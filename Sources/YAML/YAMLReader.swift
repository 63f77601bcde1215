import Base
import Yams

/// A value of a YAML file that knows where it is.
package struct YAMLValue {
  let node: Node
  let key: String
  let file: String

  /// The line and the key, for messages.
  package var place: String { (node.mark.map { "line \($0.line), " } ?? "") + key }

  /// Whether the value is YAML's null: an unquoted `null` or `~`, or nothing at all.
  package var isNull: Bool {
    guard let scalar = node.scalar, scalar.style == .plain || scalar.style == .any else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }

  package func failure(_ expected: String) -> Failure {
    Failure(.badData, file, at: place, "is \(shown); \(expected) is expected")
  }

  private var shown: String {
    switch node {
    case .scalar(let scalar): "\"\(Printable.text(scalar.string, limit: 200))\""
    case .mapping: "a mapping"
    case .sequence: "a list"
    default: "an alias"
    }
  }

  package var isScalar: Bool { node.scalar != nil }

  package func string() throws(Failure) -> String {
    guard let text = node.scalar?.string, !text.isEmpty else { throw failure("a text") }
    return text
  }

  package func int(_ range: ClosedRange<Int>) throws(Failure) -> Int {
    guard let text = node.scalar?.string, let value = Int(text.replacing("_", with: "")) else {
      throw failure("a whole number")
    }
    guard range.contains(value) else {
      throw failure("a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  package func double(_ range: ClosedRange<Double>) throws(Failure) -> Double {
    guard let text = node.scalar?.string, let value = Double(text) else { throw failure("a number") }
    guard range.contains(value) else { throw failure("a number from \(range.lowerBound) to \(range.upperBound)") }
    return value
  }

  package func bool() throws(Failure) -> Bool {
    switch node.scalar?.string {
    case "true": return true
    case "false": return false
    default: throw failure("true or false")
    }
  }

  /// One of an enumeration's names.
  package func choice<Choice: RawRepresentable & CaseIterable>(_ key: String) throws(Failure) -> Choice
  where Choice.RawValue == String {
    guard let known = Choice(rawValue: try string()) else {
      let names = Choice.allCases.map(\.rawValue)
      let list = names.dropLast().joined(separator: ", ") + (names.count > 1 ? " or " : "") + (names.last ?? "")
      throw Failure(.badData, file, at: place, "\(key) must be \(list)")
    }
    return known
  }

  package func sequence() throws(Failure) -> [YAMLValue] {
    guard let sequence = node.sequence else { throw failure("a list") }
    return sequence.enumerated().map { YAMLValue(node: $0.element, key: "\(key)[\($0.offset)]", file: file) }
  }

  package func strings() throws(Failure) -> [String] {
    var result: [String] = []
    for value in try sequence() { result.append(try value.string()) }
    return result
  }

  package func mapping(_ what: String) throws(Failure) -> YAMLReader { try YAMLReader(node, file: file, what: what) }
}

/// A mapping whose keys are asked for one by one; those nobody asked for are an error in the end.
package struct YAMLReader {
  private let entries: [String: YAMLValue]
  private let file: String, what: String
  /// The line that the mapping begins in.
  package let line: String?
  private var known: Set<String> = []

  /// Reads a file whose content is one mapping.
  ///
  /// - Parameter what: what the mapping is, for messages: "the configuration".
  /// - Throws: `Failure` for a missing file, one over 16 MiB, and text that is not UTF-8 or not YAML.
  package init(path: String, what: String) throws(Failure) {
    let file = try MappedFile(path: path)
    // Those we read have some hundred kilobytes at most; a corpus given by mistake shall not be parsed for minutes.
    guard file.count <= 1 << 24 else {
      throw Failure(.badData, path, "has \(file.count) bytes, too many for \(what)", remedy: "check the path")
    }
    guard let text = unsafe file.bytes.withUnsafeBytes({ unsafe String(validating: $0, as: UTF8.self) }) else {
      throw Failure(.badData, path, "is not a UTF-8 text", remedy: "write \(what) in UTF-8")
    }
    // A key that refers to another value may stand for a value of any size, which would be looked at whole.
    if text.utf8.contains(UInt8(ascii: "&")),
      text.contains(/(^|[\s,{\[])(\?\s*[\[{*&!]|\*[^\s,\[\]{}]+\s*:)|[\]}]\s*:/.anchorsMatchLineEndings())
    {
      throw Failure(
        .badData, path, "has a key that is a reference, a list or a mapping", remedy: "write keys as plain texts")
    }
    let root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
      YamlError.composer(_, let problem, let mark, _)
    {
      throw Failure(
        .badData, path, at: "line \(mark.line), column \(mark.column)", "is not YAML: \(problem)",
        remedy: "put texts with a colon or a # in quotes")
    } catch {
      throw Failure(.badData, path, "is not YAML: \(error)", remedy: "compare it with the documentation's example")
    }
    guard let root else {
      throw Failure(.badData, path, "is empty", remedy: "start from the documentation's example")
    }
    try self.init(root, file: path, what: what)
  }

  init(_ node: Node, file: String, what: String) throws(Failure) {
    guard let mapping = node.mapping else {
      throw YAMLValue(node: node, key: what, file: file).failure("a mapping of keys to values")
    }
    var entries: [String: YAMLValue] = [:]
    for (key, value) in mapping {
      let name = key.scalar?.string ?? ""
      guard entries[name] == nil else {
        throw Failure(.badData, file, at: key.mark.map { "line \($0.line)" }, "the key \(name) is there twice")
      }
      entries[name] = YAMLValue(node: value, key: name, file: file)
    }
    self.entries = entries
    self.file = file
    self.what = what
    line = node.mark.map { "line \($0.line)" }
  }

  package func has(_ key: String) -> Bool { entries[key] != nil }

  package mutating func optional(_ key: String) -> YAMLValue? {
    known.insert(key)
    return entries[key]
  }

  package mutating func required(_ key: String) throws(Failure) -> YAMLValue {
    guard let value = optional(key) else { throw Failure(.badData, file, at: line, "\(what) lacks the key \(key)") }
    return value
  }

  /// A value that must be there but may be null, which gives nil.
  package mutating func requiredOrNull(_ key: String) throws(Failure) -> YAMLValue? {
    let value = try required(key)
    return value.isNull ? nil : value
  }

  /// Refuses keys that were never asked for.
  package func finish() throws(Failure) {
    for (key, value) in entries.sorted(by: { $0.key < $1.key }) where !known.contains(key) {
      let near = known.filter {
        $0.hasPrefix(key.prefix(4)) || key.hasPrefix($0.prefix(4))
          || editDistance(Array($0.utf8), Array(key.utf8.prefix(40))) <= min(2, key.utf8.count / 2)
      }.sorted()
      throw Failure(
        .badData, file, at: value.place, "\(what) has no key \(key)",
        remedy: near.isEmpty
          ? "its keys are \(known.sorted().joined(separator: ", "))"
          : "is \(near.joined(separator: " or ")) meant?")
    }
  }
}
