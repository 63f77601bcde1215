/// Whether two sentences that are said to be translations hold the same numbers.
///
/// Numbers are what is written in digits, of any script. Languages part thousands and decimals in different ways, so that a
/// number is a set of values that it may mean (`1.234` is 1234 or 1.234), and two numbers agree if they have one in common. Dates
/// and times agree in parts, a number with a word of scale agrees with one written out (`2 million`, 2,000,000, `200万`), measures agree
/// across the usual changes of unit (`85 mph`, `137 km/h`), and two digits agree with a year that ends in them.
///
/// A number that stands on one side alone may be a word on the other (`three`). Where the words of the other side's language
/// are known here (English, Chinese, Japanese), they are looked at, and a number that is not among them is missing. Elsewhere
/// only numbers that are seldom written in words are missing: of three digits or more.
public struct NumberAgreement: Sendable {
  private let sourceWords: NumberWords?, targetWords: NumberWords?

  /// - Parameters:
  ///   - source, target: the languages of the two sides; nil where nobody knows.
  public init(source: Language?, target: Language?) {
    sourceWords = source.flatMap { NumberWords(language: $0) }
    targetWords = target.flatMap { NumberWords(language: $0) }
  }

  /// Whether the numbers of two sentences (UTF-8) agree.
  public func agree(_ source: [UInt8], _ target: [UInt8]) -> Bool {
    let (source, target) = (NumberText(source), NumberText(target))
    if !source.hasDigits, !target.hasDigits { return true }
    let words = (source: sourceWords?.values(in: source), target: targetWords?.values(in: target))
    // Three digits behind a plain space may belong to the number or be one of their own.
    for joins in [(false, false), (true, false), (false, true), (true, true)] {
      let first = source.numbers(joiningSpaces: joins.0), second = target.numbers(joiningSpaces: joins.1)
      let missing = (Self.missing(first, in: second, words.target), Self.missing(second, in: first, words.source))
      if missing.0.isEmpty || missing.1.isEmpty,
        !missing.0.contains(where: { $0.isSeldomWord(words.target != nil) }),
        !missing.1.contains(where: { $0.isSeldomWord(words.source != nil) })
      {
        return true
      }
    }
    return false
  }

  /// The numbers that none of the others agrees with.
  private static func missing(_ numbers: [WrittenNumber], in others: [WrittenNumber], _ words: Set<Double>?)
    -> [WrittenNumber]
  {
    numbers.filter { number in
      if others.contains(where: { number.agrees(with: $0) }) { return false }
      if number.agreesInParts(with: others) { return false }
      if others.contains(where: { number.isMeasure(like: $0) || $0.isMeasure(like: number) }) { return false }
      if let words, number.isAmong(words) { return false }
      return true
    }
  }
}

/// A decimal number: digits without noughts at the ends, times ten to the exponent. 0 has the digits `[0]`.
struct DecimalValue: Hashable, Sendable {
  var digits: [UInt8]
  var exponent: Int

  init(_ digits: some Sequence<UInt8>, exponent: Int) {
    var digits = Array(digits.drop { $0 == 0 })
    var exponent = exponent
    while digits.last == 0 {
      digits.removeLast()
      exponent += 1
    }
    self.digits = digits.isEmpty ? [0] : digits
    self.exponent = digits.isEmpty ? 0 : exponent
  }

  var isZero: Bool { digits == [0] }

  var number: Double {
    var value = 0.0
    for digit in digits.prefix(17) { value = value * 10 + Double(digit) }
    var power = exponent + max(0, digits.count - 17)
    while power > 0, value < 1e300 {
      value *= 10
      power -= 1
    }
    while power < 0 {
      value /= 10
      power += 1
    }
    return value
  }

  /// The value where it is a whole number of at most 17 digits.
  var large: Int? {
    guard exponent >= 0, digits.count + exponent <= 17 else { return nil }
    return (digits + Array(repeating: 0, count: exponent)).reduce(0) { $0 * 10 + Int($1) }
  }

  /// The value where it is a whole number of at most nine digits.
  var small: Int? { exponent >= 0 && digits.count + exponent <= 9 ? Int(number) : nil }
}

/// A number as it stands in a text.
struct WrittenNumber: Sendable {
  /// What it may mean.
  var values: Set<DecimalValue>
  /// The hour (0 to 11) and the minute, where it may be a time of the day.
  var time: (hour: Int, minute: Int)?
  /// Its digits.
  var digits: [UInt8]
  /// What follows it, in lower case: for units.
  var behind: String

  func agrees(with other: WrittenNumber) -> Bool {
    if !values.isDisjoint(with: other.values) { return true }
    if let time, let hers = other.time, time == hers { return true }
    for (time, numbers) in [(time, other.values), (other.time, values)] {
      guard let time, time.minute == 0 else { continue }
      for value in numbers { if let hour = value.small, hour <= 24, hour % 12 == time.hour { return true } }
    }
    for a in values {
      for b in other.values where Self.mayMean(a, b) { return true }
    }
    return false
  }

  /// A scale in words that are not known (three orders or more), or the last two digits of a year.
  private static func mayMean(_ a: DecimalValue, _ b: DecimalValue) -> Bool {
    if a.digits == b.digits, !a.isZero, abs(a.exponent - b.exponent) >= 3 { return true }
    guard let x = a.small, let y = b.small else { return false }
    let (less, more) = (min(x, y), max(x, y))
    return 1900...2099 ~= more && 10...99 ~= less && more % 100 == less
  }

  /// Whether hour and minute stand as two numbers among the others.
  func agreesInParts(with others: [WrittenNumber]) -> Bool {
    guard let time else { return false }
    let numbers = others.flatMap { $0.values.compactMap(\.small) }
    return numbers.contains { $0 <= 24 && $0 % 12 == time.hour } && (time.minute == 0 || numbers.contains(time.minute))
  }

  /// Whether this is a measure in units of England or America, and the other may be the same in metric ones.
  func isMeasure(like metric: WrittenNumber) -> Bool {
    guard let unit = ImperialUnit(behind: behind) else { return false }
    for value in values where !value.isZero {
      for other in metric.values where !other.isZero {
        if unit.mayBe(value.number, metric: other.number) { return true }
      }
    }
    return false
  }

  /// Whether a text's words say this number.
  func isAmong(_ words: Set<Double>) -> Bool {
    if let time, time.minute == 0, words.contains(Double(time.hour)) || words.contains(Double(time.hour + 12)) {
      return true
    }
    return values.contains { value in
      let number = value.number
      if words.contains(number) { return true }
      // 5,000 beside "five" and a word for thousand that is not known.
      return words.contains { word in
        var scaled = word * 1000
        while word > 0, scaled <= number {
          if scaled == number { return true }
          scaled *= 10
        }
        return false
      }
    }
  }

  /// Whether it is seldom written in words; where the words were looked at, whether it is more than one.
  func isSeldomWord(_ sawWords: Bool) -> Bool {
    if sawWords { return time == nil && !values.contains { $0.isZero || $0.number == 1 } }
    if let time { return time.minute != 0 }
    let written = digits.drop { $0 == 0 }
    return values.allSatisfy { $0.digits.count >= 3 || (written.count >= 4 && $0.digits != [1]) }
  }
}

/// A unit that is not metric, told by what follows a number in English.
private struct ImperialUnit {
  private enum Kind {
    case factors([Double])
    case fahrenheit
  }
  private let kind: Kind
  /// Inches behind feet: `6-foot-6`.
  private var extra = 0.0

  private static let names: [(String, Kind)] = [
    ("mile", .factors([1.609])), ("mph", .factors([1.609])), ("inch", .factors([2.54, 25.4])),
    ("feet", .factors([0.3048, 30.48])), ("foot", .factors([0.3048, 30.48])), ("ft", .factors([0.3048, 30.48])),
    ("yard", .factors([0.9144])), ("pound", .factors([0.4536])), ("lb", .factors([0.4536])),
    ("ounce", .factors([28.35])), ("oz", .factors([28.35])), ("acre", .factors([0.4047])),
    ("gallon", .factors([3.785])), ("degree", .fahrenheit), ("°", .fahrenheit), ("º", .fahrenheit),
    ("fahrenheit", .fahrenheit),
  ]

  init?(behind text: String) {
    var rest = Substring(text).drop { !$0.isLetter && !$0.isNumber && $0 != "°" && $0 != "º" }
    // The 80s, in degrees.
    if text.hasPrefix("s "), !text.isEmpty {
      kind = .fahrenheit
      return
    }
    // `2 to 4 inches`, `1 to 2 inches per`
    for joint in ["to ", "or ", "and "] where rest.hasPrefix(joint) { rest = rest.dropFirst(joint.count) }
    let digits = rest.prefix { $0.isNumber }
    if !digits.isEmpty { rest = rest.dropFirst(digits.count).drop { $0 == " " || $0 == "-" } }
    for word in ["per ", "square ", "cubic "] where rest.hasPrefix(word) { rest = rest.dropFirst(word.count) }
    guard let (name, kind) = Self.names.first(where: { rest.hasPrefix($0.0) }) else { return nil }
    self.kind = kind
    if name == "foot" || name == "feet" {
      let inches = rest.dropFirst(name.count).drop { $0 == " " || $0 == "-" }.prefix { $0.isNumber }
      extra = (Double(inches) ?? 0) / 12
    }
  }

  func mayBe(_ number: Double, metric: Double) -> Bool {
    switch kind {
    case .fahrenheit: return abs((number - 32) / 1.8 - metric) <= 2 || abs(number / 1.8 - metric) <= 1
    case .factors(let factors):
      return factors.contains { factor in
        [number, number + extra].contains { amount in
          let exact = amount * factor
          return abs(exact - metric) <= 0.04 * max(exact, metric) + (metric >= 3 ? 0.5 : 0.05)
        }
      }
    }
  }
}
