extension Language {
  /// Whether a line in this language may be called the other by an identifier that does its work well: the same
  /// language in whatever script, or two that `related` names together.
  public func isEasilyTaken(for other: Language) -> Bool {
    baseCode == other.baseCode
      || Self.related.contains { $0.contains(baseCode) && $0.contains(other.baseCode) }
  }

  /// The canonical code without a script.
  var baseCode: String { aliases[0] }

  /// Languages that no identifier tells apart by one line: they are standards or members of one language, so that most
  /// lines could be of either. Merely similar languages (Danish and Norwegian, Czech and Slovak) are not here.
  private static let related: [[String]] = [
    // The two written standards of Norwegian; `no` is the first.
    ["nb", "nn"],
    // Two standards of Malay.
    ["id", "ms"],
    // Four names of the language that was Serbo-Croatian.
    ["hbs", "bs", "hr", "sr"],
    // Chinese: much of what is written by speakers of Cantonese and Wu is standard Chinese.
    ["zh", "wuu", "yue"],
    // Arabic: members of the macrolanguage. CLD2 and lid.176 have hardly more than the standard language.
    ["ar", "acm", "acq", "aeb", "ajp", "apc", "arq", "ars", "ary", "arz", "mey"],
    // Persian: Iran's and Afghanistan's standard.
    ["fa", "prs"],
    // Twi is the most written kind of Akan.
    ["ak", "tw"],
    // The Bihari languages, which CLD2 and Wikipedia name together, `bh`.
    ["bho", "mag", "mai"],
  ]
}
