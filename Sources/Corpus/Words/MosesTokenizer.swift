import Base

/// Cuts a line into words and punctuation marks as sacremoses' `MosesTokenizer(lang).tokenize(line, escape=False)` does, token
/// for token.
///
/// sacremoses is a chain of regular expressions over the whole line. This is what they amount to, in three walks: mark
/// characters, dots and commas are set apart; in English, French and Italian so are apostrophes; then the full stops at words'
/// ends. The classes of characters are sacremoses' own (`MosesTables`), because those of a newer Unicode would cut
/// elsewhere.
public final class MosesTokenizer: Sendable {
  private enum Apostrophes { case english, romance, other }

  private let apostrophes: Apostrophes
  /// The bits of `CharacterClass` that make a character part of a word, and those that make it a letter.
  private let wordBits: UInt8, letterBits: UInt8
  /// Words that keep their full stop, and those that do before a number only.
  private let prefixes: Set<[UInt32]>, numericPrefixes: Set<[UInt32]>
  private let classes = CharacterClass.shared

  /// The rules of a language.
  ///
  /// - Parameter code: an ISO 639 code as sacremoses takes it. A language it has no abbreviations for gets English's, and so
  ///   it is there.
  public init(code: String) {
    let lists = Self.prefixLists
    let known = lists[code] == nil ? "en" : code
    prefixes = lists[known] ?? []
    numericPrefixes = lists["\(known)#"] ?? []
    apostrophes =
      switch code {
      case "en": .english
      case "fr", "it": .romance
      default: .other
      }
    let script =
      switch code {
      case "ko": CharacterClass.hangul
      case "zh": CharacterClass.han
      case "ja": CharacterClass.han | CharacterClass.kana
      case "cjk": CharacterClass.hangul | CharacterClass.han | CharacterClass.kana
      default: UInt8(0)
      }
    wordBits = CharacterClass.letterOrDigit | script
    letterBits = CharacterClass.letter | script
  }

  private static let prefixLists: [String: Set<[UInt32]>] = {
    var lists: [String: Set<[UInt32]>] = [:]
    for line in MosesTables.prefixes.split(separator: "\n") {
      let words = line.split(separator: " ")
      lists[String(words[0].dropLast())] = Set(words.dropFirst().map { $0.unicodeScalars.map(\.value) })
    }
    return lists
  }()

  /// The tokens of a line, a space between two of them.
  ///
  /// - Parameter text: UTF-8; bytes that are not count as U+FFFD.
  public func tokenize(_ text: Span<UInt8>) -> [UInt8] {
    var line = clean(text)
    var hasApostrophe = false
    line = separateMarks(line, &hasApostrophe)
    if hasApostrophe {
      for rule in apostrophes == .english ? Self.english : Self.romance {
        line = separateApostrophes(line, rule)
      }
    }
    return joinWords(line)
  }

  private static let space: UInt32 = 0x20
  private static let dot: UInt32 = 0x2E
  private static let comma: UInt32 = 0x2C
  private static let apostrophe: UInt32 = 0x27

  /// The characters, white space of all kinds as spaces, other control characters of ASCII left out.
  private func clean(_ text: Span<UInt8>) -> [UInt32] {
    var line: [UInt32] = []
    line.reserveCapacity(text.count)
    var i = 0
    while i < text.count {
      let value = nextCharacter(text, &i)
      if classes[value] & CharacterClass.space != 0 {
        if let last = line.last, last != Self.space { line.append(Self.space) }
      } else if value >= 0x20 {
        line.append(value)
      }
    }
    if line.last == Self.space { line.removeLast() }
    return line
  }

  /// Sets apart what is part of no word, runs of dots, commas that are not between digits, and, where no rule of the
  /// language says more, apostrophes.
  private func separateMarks(_ line: [UInt32], _ hasApostrophe: inout Bool) -> [UInt32] {
    var out: [UInt32] = []
    out.reserveCapacity(line.count + line.count / 2)
    func apart(_ value: UInt32) {
      out.append(Self.space)
      out.append(value)
      out.append(Self.space)
    }
    var i = 0
    while i < line.count {
      let value = line[i]
      let bits = classes[value]
      if bits & (wordBits | CharacterClass.space) != 0 {
        out.append(value)
        i += 1
        continue
      }
      switch value {
      case Self.dot:
        var end = i + 1
        while end < line.count, line[end] == Self.dot { end += 1 }
        if end - i == 1 {
          out.append(value)
        } else {
          out.append(Self.space)
          for _ in i..<end { out.append(value) }
          if end < line.count { out.append(Self.space) }
        }
        i = end
      case Self.comma:
        var end = i + 1
        while end < line.count, line[end] == Self.comma { end += 1 }
        separateCommas(end - i, next: end < line.count ? line[end] : nil, into: &out)
        i = end
      case Self.apostrophe:
        if apostrophes == .other {
          apart(value)
        } else {
          out.append(value)
          hasApostrophe = true
        }
        i += 1
      case 0x2D, 0x60:
        out.append(value)
        i += 1
      default:
        apart(value)
        i += 1
      }
    }
    return out
  }

  /// A run of commas.
  ///
  /// The first expression, "no digit, then a comma", uses up both characters, so in a run it takes every second comma where
  /// the character before is a digit or is missing. One that it leaves at the end of the run is only set apart if no digit
  /// follows: `5,3` stays whole, and of `a,,5` the second comma stays with the 5.
  private func separateCommas(_ count: Int, next: UInt32?, into out: inout [UInt32]) {
    let afterNumber = out.last.map { isNumber($0) } ?? false
    let taken = out.isEmpty || afterNumber ? count.isMultiple(of: 2) : !count.isMultiple(of: 2)
    // A number that is part of no word, such as ½, has a space before it by now.
    let joined = !taken && (next.map { isNumber($0) && classes[$0] & wordBits != 0 } ?? false)
    for k in 0..<count {
      let last = joined && k == count - 1
      // Alone between two digits, or at the line's beginning, it stays with what is before it too.
      if !(last && count == 1) { out.append(Self.space) }
      out.append(Self.comma)
      if !last { out.append(Self.space) }
    }
  }

  private func isNumber(_ value: UInt32) -> Bool { classes[value] & CharacterClass.number != 0 }

  /// What stands before an apostrophe, what stands after it, and where spaces go.
  private struct ApostropheRule {
    /// Bits one of which the character before has (or, with `beforeLacks`, none of which).
    var before: UInt8, beforeLacks: Bool
    /// The same of the character after; `onlyS` asks for an s.
    var after: UInt8, afterLacks: Bool, onlyS = false
    var spaceBefore: Bool, spaceAfter: Bool
  }

  private static let l = CharacterClass.letter, n = CharacterClass.number
  private static let english = [
    ApostropheRule(before: l, beforeLacks: true, after: l, afterLacks: true, spaceBefore: true, spaceAfter: true),
    ApostropheRule(before: l | n, beforeLacks: true, after: l, afterLacks: false, spaceBefore: true, spaceAfter: true),
    ApostropheRule(before: l, beforeLacks: false, after: l, afterLacks: true, spaceBefore: true, spaceAfter: true),
    ApostropheRule(before: l, beforeLacks: false, after: l, afterLacks: false, spaceBefore: true, spaceAfter: false),
    ApostropheRule(
      before: n, beforeLacks: false, after: 0, afterLacks: true, onlyS: true, spaceBefore: true, spaceAfter: false),
  ]
  private static let romance = [
    ApostropheRule(before: l, beforeLacks: true, after: l, afterLacks: true, spaceBefore: true, spaceAfter: true),
    ApostropheRule(before: l, beforeLacks: true, after: l, afterLacks: false, spaceBefore: true, spaceAfter: true),
    ApostropheRule(before: l, beforeLacks: false, after: l, afterLacks: true, spaceBefore: true, spaceAfter: true),
    ApostropheRule(before: l, beforeLacks: false, after: l, afterLacks: false, spaceBefore: false, spaceAfter: true),
  ]

  /// One expression over the line. A match uses up the characters on both sides, so that the next one begins behind them.
  private func separateApostrophes(_ line: [UInt32], _ rule: ApostropheRule) -> [UInt32] {
    var out: [UInt32] = []
    out.reserveCapacity(line.count + 8)
    var i = 0
    while i < line.count {
      guard i + 2 < line.count, line[i + 1] == Self.apostrophe,
        (classes[line[i]] & rule.before == 0) == rule.beforeLacks,
        rule.onlyS ? line[i + 2] == 0x73 : (classes[line[i + 2]] & rule.after == 0) == rule.afterLacks
      else {
        out.append(line[i])
        i += 1
        continue
      }
      out.append(line[i])
      if rule.spaceBefore { out.append(Self.space) }
      out.append(Self.apostrophe)
      if rule.spaceAfter { out.append(Self.space) }
      out.append(line[i + 2])
      i += 3
    }
    return out
  }

  /// Cuts at spaces, sets full stops apart that belong to no abbreviation, and writes the words.
  private func joinWords(_ line: [UInt32]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(line.count * 2)
    func write(_ range: Range<Int>) {
      if !out.isEmpty { out.append(0x20) }
      for i in range { appendUTF8(line[i], to: &out) }
    }
    func next(_ from: Int) -> Range<Int>? {
      var start = from
      while start < line.count, line[start] == Self.space { start += 1 }
      if start == line.count { return nil }
      var end = start + 1
      while end < line.count, line[end] != Self.space { end += 1 }
      return start..<end
    }
    var following = next(0)
    while let word = following {
      following = next(word.upperBound)
      let last = line[word.upperBound - 1]
      if last == Self.dot, word.count > 1, line[word.upperBound - 2] != Self.dot {
        let prefix = word.lowerBound..<word.upperBound - 1
        write(keepsDot(line[prefix], next: following.map { line[$0.lowerBound] }) ? word : prefix)
        if out.last != UInt8(ascii: ".") { out += [0x20, UInt8(ascii: ".")] }
      } else if following == nil, last == Self.apostrophe, word.count > 1, line[word.upperBound - 2] == Self.dot {
        if word.count > 2 { write(word.lowerBound..<word.upperBound - 2) }
        write(word.upperBound - 2..<word.upperBound - 1)
        write(word.upperBound - 1..<word.upperBound)
      } else {
        write(word)
      }
    }
    return withoutMarkers(out)
  }

  /// Whether a word keeps the full stop behind it.
  private func keepsDot(_ prefix: ArraySlice<UInt32>, next: UInt32?) -> Bool {
    if prefix.contains(Self.dot), prefix.contains(where: { classes[$0] & letterBits != 0 }) { return true }
    let word = Array(prefix)
    let numeric = numericPrefixes.contains(word)
    if !numeric, prefixes.contains(word) { return true }
    guard let next else { return false }
    return classes[next] & CharacterClass.lower != 0 || numeric && (0x30...0x39).contains(next)
  }

  /// sacremoses keeps runs of dots as the word DOTDOTMULTI for a while; a text that holds it gets dots there.
  private func withoutMarkers(_ text: [UInt8]) -> [UInt8] {
    let dot = Array("DOT".utf8), end = Array("MULTI".utf8)
    guard text.contains(UInt8(ascii: "M")), !text.isEmpty else { return text }
    func holds(_ word: [UInt8], at i: Int) -> Bool {
      i + word.count <= text.count && word.indices.allSatisfy { text[i + $0] == word[$0] }
    }
    var out: [UInt8] = []
    var i = 0
    while i < text.count {
      var count = 0
      while holds(dot, at: i + 3 * count) { count += 1 }
      if count > 0, holds(end, at: i + 3 * count) {
        out += Array(repeating: UInt8(ascii: "."), count: count)
        i += 3 * count + 5
      } else {
        // None of the DOTs passed over can begin a marker, which would have ended at the same place.
        let step = max(1, 3 * count)
        out += text[i..<i + step]
        i += step
      }
    }
    return out
  }
}

/// Classes of characters as bits.
struct CharacterClass: Sendable {
  static let letterOrDigit: UInt8 = 1, letter: UInt8 = 2, number: UInt8 = 4, lower: UInt8 = 8
  static let hangul: UInt8 = 16, han: UInt8 = 32, kana: UInt8 = 64
  /// White space as Python has it.
  static let space: UInt8 = 128

  static let shared = CharacterClass()

  /// The bits of U+0000...U+FFFF.
  private let low: [UInt8]
  /// The bits beyond, by ascending ranges that may overlap.
  private let high: [(range: ClosedRange<UInt32>, bits: UInt8)]

  private init() {
    var low = [UInt8](repeating: 0, count: 0x10000)
    var high: [(range: ClosedRange<UInt32>, bits: UInt8)] = []
    let tables = [
      (MosesTables.letterOrDigit, Self.letterOrDigit), (MosesTables.letter, Self.letter),
      (MosesTables.number, Self.number), (MosesTables.lower, Self.lower), (MosesTables.hangul, Self.hangul),
      (MosesTables.han, Self.han), (MosesTables.kana, Self.kana),
      ("9-D 1C-20 85 A0 1680 2000-200A 2028-2029 202F 205F 3000", Self.space),
    ]
    for (table, bits) in tables {
      for word in table.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
        let ends = word.split(separator: "-").compactMap { UInt32($0, radix: 16) }
        precondition(ends.count == word.split(separator: "-").count && ends.count <= 2, "range \(word)")
        let range = ends[0]...ends[ends.count - 1]
        for value in range.clamped(to: 0...0xFFFF) where range.contains(value) { low[Int(value)] |= bits }
        if range.upperBound > 0xFFFF { high.append((range, bits)) }
      }
    }
    self.low = low
    self.high = high
  }

  subscript(_ value: UInt32) -> UInt8 {
    if value < 0x10000 { return low[Int(value)] }
    // Emoji and rare scripts; the list is short.
    var bits: UInt8 = 0
    for entry in high where entry.range.contains(value) { bits |= entry.bits }
    return bits
  }
}

/// The character at a position, which moves behind it; U+FFFD for what is not UTF-8.
func nextCharacter(_ text: Span<UInt8>, _ i: inout Int) -> UInt32 {
  let first = text[i]
  if first < 0x80 {
    i += 1
    return UInt32(first)
  }
  switch step(in: text, at: i) {
  case .invalid(let count):
    i += count
    return 0xFFFD
  case .character(let count):
    var value = UInt32(first) & (0x7F >> UInt32(count))
    for k in 1..<count { value = value << 6 | UInt32(text[i + k] & 0x3F) }
    i += count
    return value
  }
}

/// Appends a character.
func appendUTF8(_ value: UInt32, to out: inout [UInt8]) {
  if value < 0x80 {
    out.append(UInt8(truncatingIfNeeded: value))
    return
  }
  if value < 0x800 {
    out.append(UInt8(truncatingIfNeeded: 0xC0 | value >> 6))
  } else {
    if value < 0x10000 {
      out.append(UInt8(truncatingIfNeeded: 0xE0 | value >> 12))
    } else {
      out.append(UInt8(truncatingIfNeeded: 0xF0 | value >> 18))
      out.append(UInt8(truncatingIfNeeded: 0x80 | (value >> 12 & 0x3F)))
    }
    out.append(UInt8(truncatingIfNeeded: 0x80 | (value >> 6 & 0x3F)))
  }
  out.append(UInt8(truncatingIfNeeded: 0x80 | (value & 0x3F)))
}
