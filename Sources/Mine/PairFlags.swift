import Base
import Corpus
import Foundation
import Index

/// Signs of a wrong or worthless pair that a score does not show. The raw value is its name in files and on the command line.
public enum PairFlag: String, Sendable, Codable, CaseIterable {
  /// The two sentences hold different numbers (`NumberAgreement`).
  case number
  /// They hold different addresses.
  case url
  /// They are one text, but for case, spaces and punctuation: a copy, not a translation.
  case same
  /// A side has nothing but symbols, numbers and addresses.
  case symbols
  /// One side is far longer than is usual for these two texts.
  case length
  /// A side is surely in another language than its text.
  case language
  /// A side is a neighbour of unusually many sentences.
  case hub
  /// A side is one of many sentences that differ in their numbers alone.
  case template

  /// Reads a comma-separated list of names.
  ///
  /// - Throws: `Failure(.usage)` that lists the known names.
  public static func parse(_ list: String, option: String) throws(Failure) -> Set<PairFlag> {
    var flags: Set<PairFlag> = []
    for name in list.split(separator: ",", omittingEmptySubsequences: false) {
      guard let flag = PairFlag(rawValue: String(name)) else {
        let known = allCases.map(\.rawValue).joined(separator: ", ")
        throw Failure(.usage, option, "\"\(name)\" is no flag", remedy: "the flags are \(known)")
      }
      flags.insert(flag)
    }
    return flags
  }
}

/// Finds the flags of pairs.
public struct PairFlagger: Sendable {
  /// What is known of the two texts beside their sentences.
  public struct Languages: Sendable {
    /// Their languages; nil where nobody said.
    public var source: Language?, target: Language?
    /// Who tells the language of a sentence.
    public var identifier: LanguageIdentifier

    /// Languages, told by CLD2 if by nobody else.
    public init(source: Language? = nil, target: Language? = nil, identifier: LanguageIdentifier? = nil) {
      self.source = source
      self.target = target
      self.identifier = identifier ?? LanguageIdentifier()
    }
  }

  private let source: PairSide, target: PairSide
  private let sourceHubs: [Bool], targetHubs: [Bool]
  private let numbers: NumberAgreement
  private let sourceLanguage: LineFilter?, targetLanguage: LineFilter?
  private let sourceForms: Set<Hash128>, targetForms: Set<Hash128>
  /// The median of target's over source's characters.
  private let usualRatio: Double

  /// Sentences that are looked at to find out what is usual.
  private static let sample = 200_000, ratioSample = 20_000

  /// - Parameter pairs: from a sample of these, taken evenly, it is learnt how long one side usually is beside the other.
  public init(
    source: PairSide, target: PairSide, neighbours: TwoWayNeighbours, languages: Languages = Languages(),
    pairs: [MinedPair]
  ) {
    self.init(
      source: source, target: target, neighbours: neighbours, languages: languages,
      rows: Self.spread(pairs.count, Self.ratioSample).map { (Int(pairs[$0].source), Int(pairs[$0].target)) })
  }

  /// - Parameter rows: pairs of rows; those with a row below 0 do not count.
  init(
    source: PairSide, target: PairSide, neighbours: TwoWayNeighbours, languages: Languages, rows: [(Int, Int)]
  ) {
    self.source = source
    self.target = target
    targetHubs = Self.hubs(neighbours.forward, of: neighbours.backward.rows)
    sourceHubs = Self.hubs(neighbours.backward, of: neighbours.forward.rows)
    numbers = NumberAgreement(source: languages.source, target: languages.target)
    func filter(_ language: Language?) -> LineFilter? {
      // A language that the identifier does not know cannot be told from others.
      language.flatMap { try? LineFilter(expecting: $0, by: languages.identifier) }
    }
    sourceLanguage = filter(languages.source)
    targetLanguage = filter(languages.target)
    sourceForms = Self.forms(of: source, rows: neighbours.forward.rows)
    targetForms = Self.forms(of: target, rows: neighbours.backward.rows)
    var ratios: [Double] = []
    for (x, y) in rows where x >= 0 && y >= 0 {
      guard let a = source.text(x), let b = target.text(y), !a.isEmpty else { continue }
      ratios.append(Double(max(1, Self.length(b))) / Double(max(1, Self.length(a))))
    }
    ratios.sort()
    usualRatio = ratios.isEmpty ? 1 : ratios[ratios.count / 2]
  }

  static func spread(_ count: Int, _ wanted: Int) -> [Int] {
    count <= wanted ? Array(0..<count) : (0..<wanted).map { $0 * count / wanted }
  }

  /// Rows that occur in more than ten times as many lists as an average row, and in more than ten.
  package static func hubs(_ lists: NeighbourLists, of rows: Int) -> [Bool] {
    var uses = [Int](repeating: 0, count: rows)
    for id in lists.ids where id >= 0 { uses[Int(id)] += 1 }
    let limit = 10 * max(1, Double(lists.ids.count) / Double(rows))
    return uses.map { Double($0) > limit }
  }

  /// The flags of a pair of rows, in the order of `PairFlag.allCases`; none for a pair with an empty side.
  public func flags(_ x: Int, _ y: Int) -> [PairFlag] {
    if x < 0 || y < 0 { return [] }
    var found: [PairFlag] = []
    if let a = source.text(x), let b = target.text(y) {
      if !numbers.agree(a, b) { found.append(.number) }
      if WebAddresses.found(in: a) != WebAddresses.found(in: b) { found.append(.url) }
      if Self.isSame(a, b) { found.append(.same) }
      if !TextShape.says(a.span) || !TextShape.says(b.span) { found.append(.symbols) }
      if isUnevenlyLong(a, b) { found.append(.length) }
      if sourceLanguage?.reason(toDrop: a.span) != nil || targetLanguage?.reason(toDrop: b.span) != nil {
        found.append(.language)
      }
      if sourceHubs[x] || targetHubs[y] { found.append(.hub) }
      if Self.isForm(a, of: sourceForms) || Self.isForm(b, of: targetForms) { found.append(.template) }
    } else if sourceHubs[x] || targetHubs[y] {
      found.append(.hub)
    }
    return found
  }

  /// The flags of many pairs.
  public func flags(of pairs: [MinedPair], threads: Int, job: Job = Job()) throws(Failure) -> [[PairFlag]] {
    let piece = 512
    let parts = try concurrentMap((pairs.count + piece - 1) / piece, threads: threads) {
      (part: Int) throws(Failure) -> [[PairFlag]] in
      try job.check("flags of pairs")
      return pairs[part * piece..<min(pairs.count, (part + 1) * piece)].map { flags(Int($0.source), Int($0.target)) }
    }
    return Array(parts.joined())
  }

  static func length(_ text: [UInt8]) -> Int { text.count { $0 & 0xC0 != 0x80 } }

  /// Whether two texts are one but for what `Normalizer` takes away; of texts without letters and digits, to the byte.
  private static func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    if a == b { return true }
    // Most pairs differ in the scripts of their first letters, and need no key.
    if abs(a.count - b.count) > max(a.count, b.count) / 2 + 8 { return false }
    var normalizer = Normalizer()
    var (first, second): ([UInt8], [UInt8]) = ([], [])
    normalizer.key(of: a.span, into: &first)
    if first.isEmpty { return false }
    normalizer.key(of: b.span, into: &second)
    return first == second
  }

  /// The logarithm of how much longer the target is than usual, where a few characters more or less do not count.
  func lengthRatio(_ a: [UInt8], _ b: [UInt8]) -> Double {
    log((Double(Self.length(b)) + 5) / (Double(Self.length(a)) * usualRatio + 5))
  }

  /// More than 2.2 times as long as usual, where a few characters more or less do not count.
  private func isUnevenlyLong(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    let expected = Double(Self.length(a)) * usualRatio + 10
    let length = Double(Self.length(b)) + 10
    return max(expected / length, length / expected) > 2.2
  }

  // MARK: templates

  /// The forms that at least five of the sentences of a side have.
  private static func forms(of side: PairSide, rows: Int) -> Set<Hash128> {
    if side.texts == nil { return [] }
    var counts: [Hash128: Int] = [:]
    for row in spread(rows, sample) {
      if let text = side.text(row), let form = TextShape.form(of: text) { counts[form, default: 0] += 1 }
    }
    return Set(counts.lazy.filter { $0.value >= 5 }.map(\.key))
  }

  private static func isForm(_ text: [UInt8], of forms: Set<Hash128>) -> Bool {
    if forms.isEmpty { return false }
    return TextShape.form(of: text).map { forms.contains($0) } ?? false
  }
}
