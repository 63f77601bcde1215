import Base
import CICU

/// How paragraphs are cut into sentences.
public struct SplitOptions: Sendable, Equatable {
  /// The language of the texts; without one the rules that all have in common.
  public var language: Language?
  /// The longest sentence in characters, at least 16; longer ones are cut behind a comma or at a blank.
  public var maxCharacters: Int

  /// Sentences of a language.
  public init(language: Language? = nil, maxCharacters: Int = 1000) {
    self.language = language
    self.maxCharacters = maxCharacters
  }

  var digestSettings: [String: String] {
    // To be raised when the rules here or the lists of abbreviations change what they give.
    ["split-language": language?.code ?? "any", "split-max-characters": "\(maxCharacters)", "split-rules": "2"]
  }
}

/// Cuts paragraphs into sentences.
///
/// The rules are Unicode's (UAX 29) with ICU's classes of characters, and what those rules cannot know: abbreviations (CLDR's
/// list of the language, by ICU, and more), initials, ordinals with a full stop, and quotations within a sentence. Text is
/// looked at closely only where something stands that may end a sentence.
public struct SentenceSplitter: Sendable {
  private let options: SplitOptions
  private let rules: LanguageRules

  /// - Precondition: `options.maxCharacters >= 16`.
  public init(_ options: SplitOptions) {
    precondition(options.maxCharacters >= 16)
    self.options = options
    rules = LanguageRules(options.language)
  }

  /// Calls `body` with the range of each sentence, without the white space between them, in their order.
  ///
  /// - Parameter text: one paragraph in well-formed UTF-8; line ends count as blanks.
  public func split(_ text: Span<UInt8>, _ body: (Range<Int>) -> Void) {
    let table = SentenceClasses.table
    let classes = table.span
    let end = text.count
    var start = 0
    var i = 0
    while i < end {
      let byte = text[i]
      if byte < 0x80 {
        if byte == UInt8(ascii: ".") || byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?") {
          let (boundary, next) = look(text, at: i, from: start, classes)
          if boundary { emit(text, start, next, body) }
          if boundary { start = next }
          i = next
        } else {
          i += 1
          // Most of what follows is letters: they go by eight at a time.
          if i < end, text[i] < 0x80 { i = nextMark(in: text, from: i) }
        }
        continue
      }
      let (scalar, length) = character(text, i)
      let kind = SentenceClasses.kind(scalar, classes)
      if kind == .sTerm || kind == .aTerm || scalar == 0x2026 {
        let (boundary, next) = look(text, at: i, from: start, classes)
        if boundary { emit(text, start, next, body) }
        if boundary { start = next }
        i = next
      } else {
        i += length
      }
    }
    emit(text, start, end, body)
  }

  /// The sentences of a text.
  public func sentences(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    var result: [String] = []
    split(bytes.span) { result.append(String(decoding: bytes[$0], as: UTF8.self)) }
    return result
  }

  private typealias Kind = SentenceClasses.Kind

  /// Looks at a character that may end a sentence.
  ///
  /// - Returns: whether a sentence ends behind it, and where to go on: behind the blanks if so, else behind the marks.
  private func look(_ text: Span<UInt8>, at place: Int, from start: Int, _ classes: Span<UInt8>) -> (Bool, Int) {
    let end = text.count
    var i = place
    var (stops, marks, wide, dots) = (0, 0, false, 0)
    // Full stops, question marks, ellipses.
    while i < end {
      let (scalar, length) = character(text, i)
      let kind = SentenceClasses.kind(scalar, classes)
      if kind == .aTerm {
        stops += 1
        if scalar == 0x2E { dots += 1 }
      } else if kind == .sTerm {
        marks += 1
        if scalar >= 0x2E80 { wide = true }
      } else if scalar == 0x2026 {
        dots += 3
      } else if kind != .extend, kind != .format {
        break
      }
      i += length
    }
    let marksEnd = i
    // Closing quotes and brackets.
    while i < end {
      let (scalar, length) = character(text, i)
      guard SentenceClasses.kind(scalar, classes) == .close, !rules.opens(scalar) else { break }
      // A quote of typewriters closes if one is open.
      if scalar == 0x22, isEven(text, from: start, to: i) { break }
      i += length
    }
    // French sets a blank before its quote.
    if rules.blankBeforeQuote, i < end {
      let length = blank(text, at: i)
      if length > 0, i + length < end, character(text, i + length).0 == 0xBB { i += length + 2 }
    }
    let closeEnd = i
    while i < end {
      let length = blank(text, at: i)
      if length == 0 { break }
      i += length
    }
    if i == end { return (false, end) }
    let hasBlank = i > closeEnd
    let go = (true, i)
    let stay = (false, max(marksEnd, place + 1))

    let (next, _) = character(text, i)
    let nextKind = SentenceClasses.kind(next, classes)
    if !hasBlank {
      // Scripts that put no blanks between sentences.
      if wide || (marks > 0 && nextKind == .oLetter && next >= 0xE00) {
        if nextKind == .sContinue || nextKind == .aTerm || nextKind == .sTerm || next == 0x2014 { return stay }
        if closeEnd > marksEnd, rules.quoteGoesOn(text, i) { return stay }
        return go
      }
      // A quotation that opens right behind: `。“`.
      if marks > 0, nextKind == .upper, lastLetter(text, before: place, classes) == .lower, closeEnd == marksEnd {
        return go
      }
      return stay
    }
    // The first character of what follows that says something: behind opening quotes and brackets.
    var k = i
    var isQuoted = false
    var isDash = false
    var isQuestion = false
    while k < end {
      let (scalar, length) = character(text, k)
      let kind = SentenceClasses.kind(scalar, classes)
      if scalar == 0xBF || scalar == 0xA1 { isQuestion = true }
      if kind == .close || scalar == 0xBF || scalar == 0xA1 {
        isQuoted = true
      } else if scalar == 0x2D || scalar == 0x2013 || scalar == 0x2014 || scalar == 0x2022 {
        isDash = true
      } else if !(isDash || isQuoted) || blank(text, at: k) == 0 {
        break
      }
      k += length
    }
    if k >= end { return isQuoted ? stay : go }
    let (first, _) = character(text, k)
    let firstKind = SentenceClasses.kind(first, classes)
    if firstKind == .sContinue || firstKind == .aTerm || firstKind == .sTerm { return stay }
    if isQuestion { return go }
    if firstKind == .lower, rules.hasCase { return stay }
    if isDash, firstKind != .upper { return stay }
    // An ellipsis alone ends a sentence only where a capital letter says so.
    if dots >= 3, marks == 0, firstKind != .upper { return stay }
    if stops == 0, marks == 0, !rules.beginsSentence(text, k, classes) { return stay }
    // Behind a single full stop: is it that of an abbreviation?
    if marks == 0, stops == 1, dots == 1, closeEnd == marksEnd {
      if rules.isAbbreviation(text, word: start, stop: place, next: k, isQuoted: isQuoted, firstKind, classes) {
        return stay
      }
    }
    return go
  }

  @inline(__always)
  private func character(_ text: Span<UInt8>, _ i: Int) -> (UInt32, Int) {
    let lead = text[i]
    if lead < 0x80 { return (UInt32(lead), 1) }
    // Well-formed, so that the lead byte says all; only what the end cuts off is looked at with more care.
    if lead < 0xE0, i + 1 < text.count { return (UInt32(lead & 0x1F) << 6 | UInt32(text[i + 1] & 0x3F), 2) }
    if lead < 0xF0, i + 2 < text.count {
      return (UInt32(lead & 0x0F) << 12 | UInt32(text[i + 1] & 0x3F) << 6 | UInt32(text[i + 2] & 0x3F), 3)
    }
    return decode(text, at: i)
  }

  /// Bytes of a blank of any kind at a place.
  private func blank(_ text: Span<UInt8>, at i: Int) -> Int {
    let length = spaceLength(text, at: i, to: text.count)
    if length > 0 { return length }
    // U+2000 to U+200B, U+202F, U+205F.
    if text[i] == 0xE2, i + 2 < text.count {
      if text[i + 1] == 0x80, text[i + 2] <= 0x8B || text[i + 2] == 0xAF { return 3 }
      if text[i + 1] == 0x81, text[i + 2] == 0x9F { return 3 }
    }
    return 0
  }

  /// Whether there is an even number of typewriter's quotes in a stretch.
  private func isEven(_ text: Span<UInt8>, from: Int, to: Int) -> Bool {
    var count = 0
    for i in from..<to where text[i] == 0x22 { count += 1 }
    return count.isMultiple(of: 2)
  }

  private func lastLetter(_ text: Span<UInt8>, before place: Int, _ classes: Span<UInt8>) -> Kind {
    var i = place - 1
    while i > 0, text[i] & 0xC0 == 0x80 { i -= 1 }
    if i < 0 { return .other }
    return SentenceClasses.kind(character(text, i).0, classes)
  }

  /// Hands out a sentence without the blanks around it.
  private func emit(_ text: Span<UInt8>, _ from: Int, _ to: Int, _ body: (Range<Int>) -> Void) {
    guard var (from, to) = trimmed(text, from, to) else { return }
    // Where no mark ends a sentence, words that begin one are looked for.
    if let words = rules.unmarked {
      for place in words.openings(of: text.extracting(from..<to)).map({ $0 + from }) {
        if let (first, last) = trimmed(text, from, place) { pieces(text, first, last, body) }
        from = place
      }
      guard let rest = trimmed(text, from, to) else { return }
      (from, to) = rest
    }
    pieces(text, from, to, body)
  }

  /// Cuts what is too long behind the last comma or the like in its second half, else at the last blank, else anywhere.
  private func pieces(_ text: Span<UInt8>, _ from: Int, _ to: Int, _ body: (Range<Int>) -> Void) {
    var from = from
    while to - from > options.maxCharacters, characterCount(text.extracting(from..<to)) > options.maxCharacters {
      var (count, i) = (0, from)
      var (clause, space) = (0, 0)
      while count < options.maxCharacters {
        let (scalar, length) = character(text, i)
        let size = blank(text, at: i)
        if size > 0, i > from { space = i }
        i += length
        count += 1
        guard count * 2 > options.maxCharacters else { continue }
        switch scalar {
        case 0x2C, 0x3B, 0x3A: if i < to, blank(text, at: i) > 0 { clause = i }
        case 0x3001, 0xFF0C, 0xFF1B, 0xFF1A, 0x60C, 0x61B, 0x104A, 0x17D6: clause = i
        default: break
        }
      }
      let end = clause > 0 ? clause : space > 0 ? space : i
      if let (first, last) = trimmed(text, from, end) { body(first..<last) }
      from = end
    }
    if let (first, last) = trimmed(text, from, to) { body(first..<last) }
  }
}
