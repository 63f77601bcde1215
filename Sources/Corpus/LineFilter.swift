import Base

/// Says which lines of a dump are not worth mining: too short, too long, without letters, or in another language.
public struct LineFilter: Sendable {
  /// Why a line is dropped. The raw value is for reports.
  public enum DropReason: String, Sendable, CaseIterable {
    /// It has fewer characters than `minCharacters`.
    case tooShort = "too-short"
    /// It has more characters than `maxCharacters`.
    case tooLong = "too-long"
    /// It says nothing: only digits, punctuation, addresses, or a single letter (`TextShape.says`).
    case noLetters = "no-letters"
    /// It is reliably in another language than the expected one.
    case language
  }

  /// The least number of Unicode scalars of a line, white space included. Words are not counted, as many scripts do not
  /// part them.
  public let minCharacters: Int
  /// The largest number of Unicode scalars of a line.
  public let maxCharacters: Int
  /// Whether a line must say something beside numbers, symbols and addresses.
  public let needsLetters: Bool
  /// The language that lines must not contradict, if any.
  public let language: Language?
  /// Who tells the language.
  public let identifier: LanguageIdentifier?

  /// A filter by length and letters alone.
  ///
  /// - Throws: `Failure(.usage)` unless 0 <= minCharacters <= maxCharacters.
  public init(minCharacters: Int = 0, maxCharacters: Int = .max, needsLetters: Bool = false) throws(Failure) {
    guard minCharacters >= 0, minCharacters <= maxCharacters else {
      throw Failure(
        .usage, "line filter", "from \(minCharacters) to \(maxCharacters) characters is no range",
        remedy: "give a least number from 0 on, and a largest number that is not below it")
    }
    self.minCharacters = minCharacters
    self.maxCharacters = maxCharacters
    self.needsLetters = needsLetters
    language = nil
    identifier = nil
  }

  /// A filter that also drops what is in another language.
  ///
  /// A line is dropped if the identifier is sure, and names a language that is not easily taken for the expected one
  /// (`Language.isEasilyTaken(for:)`). So short lines, and lines of which nothing can be said, stay.
  ///
  /// - Throws: `Failure(.usage)` if the range is none, or the identifier does not know the expected language: it would
  ///   take good lines for something else.
  public init(
    minCharacters: Int = 0, maxCharacters: Int = .max, needsLetters: Bool = false, expecting language: Language,
    by identifier: LanguageIdentifier
  ) throws(Failure) {
    let plain = try LineFilter(
      minCharacters: minCharacters, maxCharacters: maxCharacters, needsLetters: needsLetters)
    guard Language.all.contains(where: { identifier.knows($0) && language.isEasilyTaken(for: $0) }) else {
      throw Failure(
        .usage, "language \"\(language)\"", "is not among the languages that \(identifier.name) can identify",
        remedy: "name a fastText model that has \(language.name), or filter this text without its language")
    }
    self.minCharacters = plain.minCharacters
    self.maxCharacters = plain.maxCharacters
    self.needsLetters = plain.needsLetters
    self.language = language
    self.identifier = identifier
  }

  /// Why a line is to be dropped; nil if it is to be kept. The cheap reasons come first.
  ///
  /// - Parameter text: UTF-8, without line end. In invalid UTF-8, every byte that is no continuation byte counts as a
  ///   character.
  public func reason(toDrop text: Span<UInt8>) -> DropReason? {
    // A character has one to four bytes, so that most lines need no count.
    if text.count < minCharacters { return .tooShort }
    if text.count > maxCharacters || text.count / 4 < minCharacters {
      let count = characterCount(text)
      if count < minCharacters { return .tooShort }
      if count > maxCharacters { return .tooLong }
    }
    if needsLetters, !hasLetter(text) || !TextShape.says(text) { return .noLetters }
    if let language, let found = identifier?.identify(text), found.reliable {
      guard let other = found.language, language.isEasilyTaken(for: other) else { return .language }
    }
    return nil
  }

  /// All that decides what is dropped, for a stage's record of its settings; empty if nothing is ever dropped. The keys
  /// begin with `filter-`.
  public var digestSettings: [String: String] {
    var settings: [String: String] = [:]
    if minCharacters > 0 { settings["filter-min-characters"] = "\(minCharacters)" }
    if maxCharacters < .max { settings["filter-max-characters"] = "\(maxCharacters)" }
    if needsLetters { settings["filter-needs-letters"] = "2" }
    if let language, let identifier {
      settings["filter-language"] = language.code
      settings["filter-identifier"] = identifier.name
      settings["filter-identifier-digest"] = identifier.digest
      settings["filter-threshold"] = identifier.threshold.map { "\($0)" }
      // To be raised when the rules here, or the table of related languages, change what they mean.
      settings["filter-rules"] = "1"
    }
    return settings
  }
}

/// The number of Unicode scalars in valid UTF-8: of bytes that do not continue a character.
func characterCount(_ text: Span<UInt8>) -> Int {
  var count = 0
  for i in text.indices { count &+= Int8(bitPattern: text[i]) > -65 ? 1 : 0 }
  return count
}
