/// Numbers in words, of the languages whose words are known here.
struct NumberWords: Sendable {
  private enum Kind { case english, chinese }
  private let kind: Kind

  /// Nil for a language whose words are not known.
  init?(language: Language) {
    switch language.aliases[0] {
    case "en": kind = .english
    case "zh", "ja", "yue": kind = .chinese
    default: return nil
    }
  }

  /// The numbers that the words of a text may mean.
  func values(in text: NumberText) -> Set<Double> {
    switch kind {
    case .english: Self.english(text)
    case .chinese: Self.chinese(text)
    }
  }

  // MARK: words of scale behind digits

  /// Beginnings of words, and the powers of ten that they mean. Longer ones come first.
  private static let scales: [(word: String, power: Int)] = {
    let table: [(Int, String)] = [
      (2, "hundred hundert"),
      (
        3,
        "thousand tausend mille mil mila tysi тысяч тыс тис тисяч tisíc duizend bin ribu nghìn ngàn ألف آلاف الف هزار हज़ार हज़ार हजार 千 천 хиляд хиљад χιλιάδ אלף tuhat ezer"
      ),
      (4, "万 萬 만"), (5, "लाख"),
      (
        6,
        "million mio млн миллион мільйон milion miljo millón millones milió milhão milhões milione milyon mln juta triệu مليون ملايين میلیون मिलियन милион εκατομμ מיליון"
      ),
      (7, "करोड़ करोड़"), (8, "億 亿 억"),
      (
        9,
        "billion milliard mrd млрд миллиард мільярд miliard miljard milhares milyar mld tỷ مليار میلیارد बिलियन अरब милијард δισεκατομμ מיליארד"
      ),
      (12, "trillion 兆 조 تريليون تریلیون трлн триллион ट्रिलियन"),
    ]
    return table.flatMap { power, words in words.split(separator: " ").map { (String($0), power) } }
      .sorted { $0.word.unicodeScalars.count > $1.word.unicodeScalars.count }
  }()

  /// The power of ten of the word that a text, in lower case, begins with behind blanks; 0 if that is no word of scale.
  static func scale(in text: String) -> Int {
    let rest = text.drop { " -\u{A0}\u{202F}".contains($0) }
    guard let first = rest.unicodeScalars.first, first.properties.isAlphabetic else { return 0 }
    for (word, power) in scales where rest.unicodeScalars.starts(with: word.unicodeScalars) {
      // `mil`, `mio` and the like are words of their own.
      if word.utf8.count <= 3, let next = rest.unicodeScalars.dropFirst(word.unicodeScalars.count).first,
        word.utf8.first ?? 0 < 0x80, next.properties.isAlphabetic
      {
        continue
      }
      return power
    }
    return 0
  }

  // MARK: English

  private static let units: [String: Double] = {
    var units: [String: Double] = [:]
    let words =
      "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
    let ordinals =
      "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
    for list in [words, ordinals] {
      for (value, word) in list.split(separator: " ").enumerated() { units[String(word)] = Double(value) }
    }
    for (place, word) in "twenty thirty forty fifty sixty seventy eighty ninety".split(separator: " ").enumerated() {
      let value = Double(20 + 10 * place)
      for ending in ["y", "ieth", "ies"] { units[word.dropLast() + ending] = value }
    }
    return units
  }()

  private static let factors: [String: Double] = [
    "hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
  ]

  /// Words that stand for a number without being one.
  private static let others: [String: [Double]] = {
    var others: [String: [Double]] = [
      "a": [1], "an": [1], "another": [1], "single": [1], "once": [1], "each": [1], "solo": [1], "only": [1],
      "per": [1],
      "every": [1], "other": [1], "both": [2], "pair": [2], "couple": [2], "couples": [2], "twice": [2], "double": [2],
      "doubled": [2], "doubling": [2], "half": [2, 30, 0.5], "halves": [2], "twin": [2], "twins": [2],
      "fortnight": [2, 14], "trio": [3], "triple": [3], "thrice": [3], "thirds": [3], "quarter": [4, 15, 3],
      "quarters": [4, 3], "fifths": [5], "decade": [10], "decades": [10], "teen": [10], "teens": [10], "teenage": [10],
      "teenager": [10], "teenagers": [10], "tens": [10], "dozen": [12], "dozens": [12], "noon": [12], "midday": [12],
      "midnight": [12, 0, 24], "century": [100], "hundreds": [100], "thousands": [1000],
    ]
    let months =
      "january february march april may june july august september october november december".split(separator: " ")
    for (place, month) in months.enumerated() {
      others[String(month)] = [Double(place + 1)]
      others[String(month.prefix(3))] = [Double(place + 1)]
    }
    others["sept"] = [9]
    return others
  }()

  private static func english(_ text: NumberText) -> Set<Double> {
    var found: Set<Double> = []
    var (current, total): (Double?, Double) = (nil, 0)
    func end() { (current, total) = (nil, 0) }
    func take(_ word: String) {
      if word == "and", current != nil { return }
      if let value = units[word] {
        found.insert(value)
        let before = current ?? -1
        let joins =
          (before >= 20 && before.truncatingRemainder(dividingBy: 100) >= 20
            && before.truncatingRemainder(dividingBy: 10) == 0 && value < 10)
          || (before >= 100 && before.truncatingRemainder(dividingBy: 100) == 0 && value < 100) || before == 0
        current = joins ? before + value : value
        found.insert(total + (current ?? 0))
      } else if let factor = factors[word] {
        guard let before = current else {
          found.insert(factor)
          return
        }
        if factor == 100 {
          current = before * 100
        } else {
          total += before * factor
          current = 0
        }
        found.insert(total + (current ?? 0))
      } else {
        end()
        for value in others[word] ?? [] { found.insert(value) }
      }
    }
    var word = ""
    for value in text.scalars + [0x20] {
      if 0x61...0x7A ~= value {
        word.unicodeScalars.append(Unicode.Scalar(UInt8(value)))
        continue
      }
      if !word.isEmpty { take(word) }
      word = ""
      if value != 0x20, value != 0x2D { end() }
    }
    return found
  }

  // MARK: Chinese characters

  private static let digits: [UInt32: Double] = {
    var digits: [UInt32: Double] = [:]
    for (value, scalar) in "〇一二三四五六七八九".unicodeScalars.enumerated() { digits[scalar.value] = Double(value) }
    for (scalar, value) in zip("零两兩双".unicodeScalars, [0.0, 2, 2, 2]) { digits[scalar.value] = value }
    return digits
  }()
  private static let tens: [UInt32: Double] = [0x5341: 10, 0x767E: 100, 0x5343: 1000]
  private static let myriads: [UInt32: Double] = [0x4E07: 1e4, 0x842C: 1e4, 0x4EBF: 1e8, 0x5104: 1e8]

  private static func chinese(_ text: NumberText) -> Set<Double> {
    var found: Set<Double> = []
    var (total, section, digit): (Double, Double, Double?) = (0, 0, nil)
    var (row, isOpen) = (0.0, false)
    for value in text.scalars + [0] {
      if let number = digits[value] {
        row = (digit == nil ? 0 : row) * 10 + number
        (digit, isOpen) = (number, true)
        found.insert(number)
        found.insert(row)
      } else if let factor = tens[value] {
        section += (digit ?? 1) * factor
        (digit, isOpen) = (nil, true)
        found.insert(section)
      } else if let factor = myriads[value] {
        let before = section + (digit ?? 0)
        total += (before == 0 ? 1 : before) * factor
        (section, digit, isOpen) = (0, nil, true)
        found.insert(total)
      } else {
        if isOpen { found.insert(total + section + (digit ?? 0)) }
        (total, section, digit, row, isOpen) = (0, 0, nil, 0, false)
        if value == 0x534A { found.formUnion([2, 30, 0.5]) }
      }
    }
    return found
  }
}
