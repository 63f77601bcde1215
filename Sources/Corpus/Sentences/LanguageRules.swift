import CICU
import Glibc

/// What a language adds to the rules that all have in common.
struct LanguageRules: Sendable {
  /// Whether sentences begin with capital letters.
  let hasCase: Bool
  /// Whether a blank stands before a closing guillemet.
  let blankBeforeQuote: Bool
  /// Set where no mark ends a sentence.
  let unmarked: UnmarkedSentences?
  /// Abbreviations behind which no sentence ends, without their last full stop: titles, and what numbers follow.
  private let titles: Set<String>
  /// Abbreviations behind which one may end: it does before a word of `starters`.
  private let abbreviations: Set<String>
  /// The words that most often begin a sentence, and seldom follow an abbreviation within one.
  private let starters: Set<String>
  /// Abbreviations that come before numbers alone.
  private let beforeNumbers: Set<String>
  /// Whether a full stop behind a number makes it an ordinal; the largest such number.
  private let ordinals: Int
  /// Verbs behind a quotation that go on with the sentence, in scripts without case.
  private let quotations: [[UInt8]]
  private let verbs: [[UInt8]]
  /// Abbreviations that end a sentence before any capital letter; with a leading `#` only behind a number.
  private let enders: Set<String>
  /// A sieve for the words of all these lists: see `isUnlisted`.
  private let sieve: [UInt64]
  /// Whether the curled double quote like a 66 opens a quotation; in German and others it closes one.
  private let quotesOpen: Bool
  private let base: String

  init(_ language: Language?) {
    let code = language?.code ?? ""
    base = String(code.prefix { $0 != "-" })
    let lists = SentenceLists.all[base]
    func words(_ text: String?) -> Set<String> { Set((text ?? "").split(separator: " ").map(String.init)) }
    var abbreviations = words(lists?.abbreviations)
    for word in Self.suppressions(base) where word.hasSuffix(".") { abbreviations.insert(String(word.dropLast())) }
    titles = words(lists?.titles)
    enders = words(lists?.enders)
    self.abbreviations = abbreviations.subtracting(titles)
    let beforeNumbers = words(lists?.beforeNumbers).union([
      "No", "no", "Nr", "nr", "p", "pp", "vol", "Vol", "fig", "Fig",
    ])
    var sieve = [UInt64](repeating: 0, count: 64)
    for word in [abbreviations, titles, enders, beforeNumbers].joined() {
      let bytes = Array(word.utf8.drop { $0 == UInt8(ascii: "#") })
      if let bit = Self.place(of: bytes.span, 0, bytes.count) { sieve[bit >> 6] |= 1 << UInt64(bit & 63) }
    }
    self.sieve = sieve
    self.beforeNumbers = beforeNumbers
    starters = words(lists?.starters)
    ordinals =
      switch base {
      case "de", "da", "nb", "nn", "no", "fi", "et", "is", "cs", "sk", "sl", "hr", "sr", "bs", "hu", "lv", "pl", "lb",
        "tr", "az":
        31
      default: 0
      }
    hasCase = !["zh", "ja", "ar", "fa", "ur", "he", "th", "lo", "km", "my", "hi", "bn", "ta", "ko"].contains(base)
    blankBeforeQuote = base == "fr"
    quotesOpen = ["zh", "ja", "ko", "en", "fr", "es", "pt", "it", "tr", "ar", "nl"].contains(base)
    unmarked = UnmarkedSentences(language: base)
    quotations = (lists?.quotations ?? "").split(separator: " ").map { Array($0.utf8) }
    let isChinese = base == "zh"
    verbs = quotations.filter { isChinese && !["的", "等"].contains(String(decoding: $0, as: UTF8.self)) }
  }

  private static func suppressions(_ locale: String) -> [String] {
    if locale.isEmpty { return [] }
    var list: UnsafeMutablePointer<CChar>?
    let message = unsafe ems_icu_suppressions(locale, &list)
    if let message = unsafe message { unsafe ems_icu_free(message) }
    guard let list = unsafe list else { return [] }
    defer { unsafe ems_icu_free(list) }
    return unsafe String(cString: list).split(separator: "\n").map(String.init)
  }

  /// Whether a bracket or quote opens something.
  func opens(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x28, 0x5B, 0x7B, 0x300C, 0x300E, 0x3008, 0x300A, 0x3010, 0xFF08, 0x201E, 0x201A: true
    case 0x201C, 0x2018: quotesOpen
    default: false
    }
  }

  /// Whether a word that begins sentences stands at a place; where no words are known, any does.
  func beginsSentence(_ text: Span<UInt8>, _ i: Int, _ classes: Span<UInt8>) -> Bool {
    starters.isEmpty || starters.contains(nextWord(text, i, classes))
  }

  /// Whether a quotation that has just closed is a part of the sentence that goes on at `i`: a verb of saying stands near.
  func quoteGoesOn(_ text: Span<UInt8>, _ i: Int) -> Bool {
    for place in stride(from: i, to: min(text.count, i + 18), by: 3) {
      // Punctuation ends the search.
      let (lead, next) = (text[place], place + 1 < text.count ? text[place + 1] : 0)
      if lead < 0xE3 || lead == 0xEF || (lead == 0xE3 && next == 0x80) { return false }
      // Particles count right behind the quote, verbs a little later, too.
      for word in place == i ? quotations : verbs where place + word.count <= text.count {
        if word.indices.allSatisfy({ text[place + $0] == word[$0] }) { return true }
      }
    }
    return false
  }

  /// Whether a full stop belongs to the word before it, so that no sentence ends there.
  ///
  /// - Parameters:
  ///   - start: where the sentence begins.
  ///   - stop: the place of the full stop.
  ///   - next: where the first letter or digit of what follows is; `firstKind` is its class.
  ///   - isQuoted: whether a quote or bracket opens before it.
  func isAbbreviation(
    _ text: Span<UInt8>, word start: Int, stop: Int, next: Int, isQuoted: Bool, _ firstKind: SentenceClasses.Kind,
    _ classes: Span<UInt8>
  ) -> Bool {
    var begin = stop
    while begin > start, stop - begin < 48 {
      var i = begin - 1
      while i > start, text[i] & 0xC0 == 0x80 { i -= 1 }
      let scalar = text[i] < 0x80 ? UInt32(text[i]) : decode(text, at: i).scalar
      let kind = SentenceClasses.kind(scalar, classes)
      if kind == .close || kind == .sp || kind == .sep || scalar <= 0x20 || (kind == .sContinue && scalar != 0x2D)
        || scalar == 0x2F
      {
        break
      }
      begin = i
    }
    if begin == stop || isUnlisted(text, begin, stop) { return false }
    let token = string(text, begin, stop)
    let scalars = Array(token.unicodeScalars)
    // Ordinals: `am 3. Oktober`, `Papst Paul VI. war`.
    if ordinals > 0, firstKind != .numeric {
      if scalars.count <= 2, let number = Int(token) {
        return number <= ordinals || !starters.contains(nextWord(text, next, classes))
      }
      if !scalars.isEmpty, scalars.allSatisfy({ "IVX".unicodeScalars.contains($0) }), token != "I" {
        return !starters.contains(nextWord(text, next, classes))
      }
    }
    if firstKind == .numeric, beforeNumbers.contains(token) { return true }
    if enders.contains(token) { return false }
    if enders.contains("#" + token), isNumber(text, before: begin, from: start) { return false }
    if titles.contains(token) { return true }
    let isInitial = scalars.count == 1 && scalars[0].properties.isAlphabetic
    let isDotted = token.utf8.dropLast().contains(UInt8(ascii: ".")) && !token.contains(where: \.isNumber)
    let isKnown = abbreviations.contains(token) || abbreviations.contains(token.lowercased())
    guard isInitial || isDotted || isKnown || isConsonants(scalars) else { return false }
    // `a. C.`: before or after Christ.
    if token == "C", begin - start >= 3, text[begin - 1] == 0x20, text[begin - 2] == 0x2E,
      text[begin - 3] == UInt8(ascii: "a") || text[begin - 3] == UInt8(ascii: "d")
    {
      return false
    }
    // What may end a sentence does before a word that begins them.
    let word = nextWord(text, next, classes)
    if starters.contains(word) {
      return isInitial && scalars[0].properties.isUppercase && word.unicodeScalars.count == 1
    }
    if isQuoted, !isInitial { return false }
    return true
  }

  /// The place in the sieve of a word in small letters: FNV-1a over its characters. nil for words with other characters than
  /// those of ASCII, Latin-1 and Cyrillic, whose small letters are told by their numbers.
  @inline(__always)
  private static func place(of text: Span<UInt8>, _ begin: Int, _ end: Int) -> Int? {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    var i = begin
    while i < end {
      var scalar = UInt32(text[i])
      if scalar < 0x80 {
        if scalar &- 0x41 < 26 { scalar |= 0x20 }
        i += 1
      } else {
        guard scalar == 0xC3 || scalar == 0xD0 || scalar == 0xD1, i + 1 < end else { return nil }
        scalar = (scalar & 0x1F) << 6 | UInt32(text[i + 1] & 0x3F)
        switch scalar {
        case 0xC0...0xDE, 0x410...0x42F: scalar += 0x20
        case 0x400...0x40F: scalar += 0x50
        case 0xDF...0xFF, 0x430...0x45F: break
        default: return nil
        }
        i += 2
      }
      hash = (hash ^ UInt64(scalar)) &* 0x0000_0100_0000_01B3
    }
    return Int(hash >> 52)
  }

  /// Whether a token is surely an ordinary word: no initial, no number, in none of the lists. Most are, and this tells them
  /// without making a string.
  private func isUnlisted(_ text: Span<UInt8>, _ begin: Int, _ stop: Int) -> Bool {
    var (characters, isRoman) = (0, true)
    for i in begin..<stop {
      let byte = text[i]
      if byte < 0x41, byte != UInt8(ascii: "-"), byte != UInt8(ascii: "'") { return false }
      if byte & 0xC0 != 0x80 { characters += 1 }
      if byte != UInt8(ascii: "I"), byte != UInt8(ascii: "V"), byte != UInt8(ascii: "X") { isRoman = false }
    }
    // Up to three characters may be an abbreviation by their look.
    guard characters >= 4, !isRoman, let bit = Self.place(of: text, begin, stop) else { return false }
    return sieve[bit >> 6] >> UInt64(bit & 63) & 1 == 0
  }

  /// Whether a digit stands before a place, with or without a blank between.
  private func isNumber(_ text: Span<UInt8>, before place: Int, from start: Int) -> Bool {
    var i = place - 1
    if i >= start, text[i] == 0x20 { i -= 1 }
    if i - 1 >= start, text[i] == 0xA0, text[i - 1] == 0xC2 { i -= 2 }
    return i >= start && UInt8(ascii: "0")...UInt8(ascii: "9") ~= text[i]
  }

  /// Short words without any vowel are abbreviations in languages that write vowels.
  private func isConsonants(_ scalars: [Unicode.Scalar]) -> Bool {
    guard hasCase, scalars.count >= 2, scalars.count <= 3, scalars[0].properties.isAlphabetic else { return false }
    // All capitals are a name (BBC), and may end a sentence.
    if scalars.allSatisfy({ $0.properties.isUppercase }) { return false }
    return !scalars.contains {
      "aeiouyäöüáéíóúàèìòùâêîôûãõåæøıаеёиоуыэюяіїєαεηιουω0123456789".unicodeScalars.contains(lower($0))
    }
  }

  private func lower(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    scalar.properties.lowercaseMapping.unicodeScalars.first ?? scalar
  }

  private func nextWord(_ text: Span<UInt8>, _ from: Int, _ classes: Span<UInt8>) -> String {
    var i = from
    while i < text.count, i - from < 48 {
      let (scalar, length) = text[i] < 0x80 ? (UInt32(text[i]), 1) : decode(text, at: i)
      switch SentenceClasses.kind(scalar, classes) {
      case .lower, .upper, .oLetter, .extend: i += length
      default: return string(text, from, i)
      }
    }
    return string(text, from, i)
  }

  private func string(_ text: Span<UInt8>, _ from: Int, _ to: Int) -> String {
    unsafe text.extracting(from..<to).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }
}

/// Sentences in languages that mark no ends: Thai and Lao, which write blanks between sentences and between phrases, too. Each
/// blank is judged by the words beside it, the lengths of the phrases beside it, and the length of the sentence before it.
struct UnmarkedSentences: Sendable {
  private let locale: String
  private let before: [String: Double]
  private let after: [String: Double]

  /// The fewest characters of a sentence.
  private static let shortest = 16
  /// Where the length of a sentence speaks neither for nor against its end.
  private static let usual = 60.0

  /// nil for languages that mark the ends of sentences.
  init?(language: String) {
    guard let lists = SentenceLists.unmarked[language] else { return nil }
    func weights(_ groups: [(weight: Double, words: String)]) -> [String: Double] {
      var weights: [String: Double] = [:]
      for group in groups { for word in group.words.split(separator: " ") { weights[String(word)] = group.weight } }
      return weights
    }
    locale = language
    before = weights(lists.before)
    after = weights(lists.after)
  }

  /// Where sentences begin within a stretch of text, rising.
  func openings(of text: Span<UInt8>) -> [Int] {
    // ICU breaks words by a dictionary: without a blank, there is nothing to judge.
    guard firstIndex(of: 0x20, in: text, from: 0, to: text.count) != nil else { return [] }
    var places: UnsafePointer<Int32>?
    var count = 0
    let message = unsafe text.withUnsafeBytes {
      unsafe ems_icu_word_breaks(locale, $0.baseAddress, $0.count, &places, &count)
    }
    if let message = unsafe message {
      unsafe ems_icu_free(message)
      return []
    }
    let breaks = (0..<count).map { unsafe Int(places![$0]) }
    // Phrases: runs of words without a blank, by the numbers of their words.
    var phrases: [Range<Int>] = []
    var first = 0
    for i in 0..<max(0, count - 1) where spaceLength(text, at: breaks[i], to: text.count) > 0 {
      if first < i { phrases.append(first..<i) }
      first = i + 1
    }
    if first < count - 1 { phrases.append(first..<count - 1) }
    let lengths = phrases.map { characterCount(text.extracting(breaks[$0.lowerBound]..<breaks[$0.upperBound])) }
    var rest = lengths.reduce(0) { $0 + $1 + 1 }
    var result: [Int] = []
    var length = 0
    for k in phrases.indices.dropLast() {
      length += lengths[k] + 1
      rest -= lengths[k] + 1
      guard length >= Self.shortest, rest >= Self.shortest else { continue }
      let last = phrases[k].upperBound - 1
      let next = phrases[k + 1].lowerBound
      var sum = 0.25 + log(Double(length) / Self.usual)
      sum += before[word(text, breaks[last], breaks[last + 1])] ?? 0
      sum += after[word(text, breaks[next], breaks[next + 1])] ?? 0
      sum += Self.behindPhrase(lengths[k]) + Self.beforePhrase(lengths[k + 1])
      if sum > 0 {
        result.append(breaks[next])
        length = 0
      }
    }
    return result
  }

  /// A word as the lists have it.
  private func word(_ text: Span<UInt8>, _ from: Int, _ to: Int) -> String {
    let word = unsafe text.extracting(from..<to).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    guard let scalar = word.unicodeScalars.first else { return word }
    switch scalar.value {
    case 0x30...0x39, 0xE50...0xE59, 0xED0...0xED9: return "0"
    case 0x41...0x5A, 0x61...0x7A: return "A"
    case ..<0x80: return String(Character(scalar))
    default: return word
    }
  }

  private static func behindPhrase(_ characters: Int) -> Double {
    switch characters {
    case ..<8: -1.5
    case ..<16: -1
    case ..<24: 0
    case ..<32: 0.25
    case ..<48: 0.75
    default: 1
    }
  }

  private static func beforePhrase(_ characters: Int) -> Double {
    switch characters {
    case ..<8: -0.75
    case ..<16: -0.5
    case ..<24: 0
    case ..<40: 0.25
    default: 0.5
    }
  }
}
