import Base
import Corpus
import Mine

/// The languages of two texts, by any code; nil where they are not known, which only a model that cuts text into words minds.
public struct TextLanguages: Sendable {
  /// The codes.
  public var source: String?, target: String?

  /// Languages that are known, or not.
  public init(source: String? = nil, target: String? = nil) {
    self.source = source
    self.target = target
  }
}

/// The sentences of a test set, in memory. Test sets are aligned by line, so a line without a sentence is an error here
/// and not something to skip.
public struct EvaluationText: Sendable {
  /// The file.
  public let path: String
  /// The lines, and their ids in texts of `id TAB sentence`.
  public let table: TextTable
  /// The code of its language; nil where nobody said it, which a model that cuts text into words does not take.
  public let language: String?

  /// The number of sentences, at least 1.
  public var count: Int { table.count }

  /// Reads a text, plain or compressed.
  ///
  /// - Parameters:
  ///   - ids: whether lines are `id TAB sentence`.
  ///   - language: the code of its language, nil if unknown.
  /// - Throws: `Failure` for a missing file, and naming the line for an empty sentence, an empty id, or an id that came
  ///   before.
  public init(path: String, ids: Bool = false, language: String? = nil) throws(Failure) {
    self.path = path
    self.language = language.map(Evaluator.canonical)
    var options = TextOptions(format: ids ? .idAndText : .text)
    // A test set may be SGM, or one side of TMX or XLIFF.
    let named = try language.map { (code) throws(Failure) in try Language(parsing: code) }
    options.input = InputOptions(format: ids ? .lines : .automatic, languages: named.map { [$0] } ?? [])
    table = try TextTable(path: path, options: options)
    guard table.count > 0 else {
      throw Failure(.badData, path, "has no lines", remedy: "check the file: a test set needs sentences")
    }
    for i in 0..<table.count where table.line(i).allSatisfy({ $0 == UInt8(ascii: " ") }) {
      throw Failure(
        .badData, path, at: "line \(i + 1)", "holds no sentence",
        remedy: "remove it here, and the lines that belong to it in the other files")
    }
    guard let all = table.ids else { return }
    var seen: [String: Int] = [:]
    for (i, id) in all.enumerated() {
      if id.isEmpty { throw Failure(.badData, path, at: "line \(i + 1)", "has an empty id") }
      if let first = seen.updateValue(i, forKey: id) {
        throw Failure(
          .badData, path, at: "line \(i + 1)", "the id \(id) comes again; it is that of line \(first + 1)",
          remedy: "ids must be different within a file")
      }
    }
  }

  /// The bytes of sentence `i`.
  public func line(_ i: Int) -> [UInt8] { table.line(i) }

  /// Sentence `i` as a String, for messages and tables.
  public func sentence(_ i: Int) -> String { String(decoding: table.line(i), as: UTF8.self) }

  /// The distinct sentences: the row of the first occurrence of each, how often it comes, and for every line the number
  /// of its sentence among them.
  func unified() throws(Failure) -> (firsts: [Int], multiplicity: [Int], group: [Int]) {
    var unifier = Unifier()
    var firsts: [Int] = []
    var group: [Int] = []
    group.reserveCapacity(count)
    for i in 0..<count {
      let bytes = line(i)
      let outcome = try unifier.insert(bytes.span)
      if outcome.isNew { firsts.append(i) }
      group.append(outcome.row)
    }
    return (firsts, firsts.indices.map { unifier.multiplicity($0) }, group)
  }

  /// Checks that two texts can be aligned by line.
  static func checkAligned(_ a: EvaluationText, _ b: EvaluationText) throws(Failure) {
    guard a.count == b.count else {
      let (shorter, longer) = a.count < b.count ? (a, b) : (b, a)
      throw Failure(
        .badData, longer.path, at: "line \(shorter.count + 1)",
        "has no partner: \(longer.path) has \(longer.count) lines, \(shorter.path) has \(shorter.count)",
        remedy: "aligned files have the same number of lines")
    }
  }
}
