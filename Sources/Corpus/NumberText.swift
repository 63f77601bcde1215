/// A sentence as numbers are looked for in it: scalars without addresses and invisible marks.
struct NumberText: Sendable {
  /// The text in lower case.
  let scalars: [UInt32]
  /// For each scalar its value as a decimal digit, 255 if it is none.
  private let digits: [UInt8]
  /// Whether there is a digit at all.
  let hasDigits: Bool

  init(_ text: [UInt8]) {
    var scalars: [UInt32] = []
    var digits: [UInt8] = []
    var any = false
    for scalar in String(decoding: WebAddresses.removed(from: text), as: UTF8.self).unicodeScalars {
      let value = scalar.value
      if value < 0x80 {
        let isDigit = 0x30...0x39 ~= value
        any = any || isDigit
        digits.append(isDigit ? UInt8(value - 0x30) : .max)
        scalars.append(0x41...0x5A ~= value ? value | 0x20 : value)
        continue
      }
      let properties = scalar.properties
      if properties.generalCategory == .format { continue }
      if properties.numericType == .decimal, let number = properties.numericValue {
        any = true
        digits.append(UInt8(number))
        scalars.append(value)
      } else {
        for lower in properties.lowercaseMapping.unicodeScalars {
          digits.append(.max)
          scalars.append(lower.value)
        }
      }
    }
    self.scalars = scalars
    self.digits = digits
    hasDigits = any
  }

  private func isDigit(_ i: Int) -> Bool { i < digits.count && digits[i] < 10 }

  /// `count` scalars from a place on, as text.
  private func text(from: Int, _ count: Int) -> String {
    var text = String.UnicodeScalarView()
    for value in scalars[min(from, scalars.count)..<min(from + count, scalars.count)] {
      if let scalar = Unicode.Scalar(value) { text.append(scalar) }
    }
    return String(text)
  }

  private static func set(_ text: String) -> Set<UInt32> { Set(text.unicodeScalars.map(\.value)) }
  /// No-break, narrow no-break and thin spaces.
  private static let blanks: Set<UInt32> = [0xA0, 0x202F, 0x2009]
  private static let thousands = set(".,'\u{2019}\u{66C}\u{2BC}`\u{FF0C}\u{60C}\u{FF0E}")
  private static let decimals = set(".,\u{66B}\u{FF0E}\u{B7}")
  /// Powers of ten thousand, behind which a number may go on.
  private static let myriads = set("万萬億亿兆억만")
  /// Between hour and minute; not for numbers.
  private static let clock = set(":h時时点點\u{FF1A}")

  /// The numbers, in their order.
  ///
  /// - Parameter joiningSpaces: whether a plain space parts thousands.
  func numbers(joiningSpaces: Bool) -> [WrittenNumber] {
    var found: [WrittenNumber] = []
    var i = 0
    while i < scalars.count {
      guard isDigit(i) else {
        i += 1
        continue
      }
      i = append(from: i, joiningSpaces: joiningSpaces, to: &found)
    }
    return found
  }

  /// Appends what begins at a digit, and says where it ends.
  private func append(from begin: Int, joiningSpaces: Bool, to found: inout [WrittenNumber]) -> Int {
    var (runs, marks) = ([[UInt8]](), [UInt32]())
    var start = begin
    var end = begin
    while true {
      end = start
      while isDigit(end) { end += 1 }
      runs.append(Array(digits[start..<end]))
      guard end + 1 < scalars.count, isDigit(end + 1) else { break }
      let mark = scalars[end]
      if Self.blanks.contains(mark) || (mark == 0x20 && joiningSpaces) {
        var last = end + 1
        while isDigit(last) { last += 1 }
        if last - end - 1 != 3 || runs[runs.count - 1].count > 3 { break }
      } else if !Self.thousands.contains(mark), !Self.decimals.contains(mark), !Self.clock.contains(mark) {
        break
      }
      // One kind of blank or another.
      marks.append(Self.blanks.contains(mark) ? 0x20 : mark)
      start = end + 1
    }
    let behind = text(from: end, 24)
    let scale = NumberWords.scale(in: text(from: end, 18))
    func scaled(_ values: Set<DecimalValue>) -> Set<DecimalValue> {
      if scale == 0 { return values }
      return Set(values.map { $0.isZero ? $0 : DecimalValue($0.digits, exponent: $0.exponent + scale) })
    }
    let whole = Array(runs.joined())
    // 1億2,000万 is one number.
    if marks.isEmpty || !marks.contains(where: { Self.clock.contains($0) }), scale >= 4, end < scalars.count,
      Self.myriads.contains(scalars[end]), isDigit(end + 1)
    {
      var rest: [WrittenNumber] = []
      let last = append(from: end + 1, joiningSpaces: joiningSpaces, to: &rest)
      let high = scaled([DecimalValue(whole, exponent: 0)])
      if rest.count == 1, let a = high.first?.large {
        let sums = rest[0].values.compactMap(\.large).filter { $0 < a }
        if !sums.isEmpty {
          found.append(
            WrittenNumber(
              values: Set(sums.map { DecimalValue(String(a + $0).utf8.map { $0 - 0x30 }, exponent: 0) }), time: nil,
              digits: whole + rest[0].digits, behind: rest[0].behind))
          return last
        }
      }
    }
    guard !marks.isEmpty else {
      var values: Set = [DecimalValue(whole, exponent: 0)]
      // `.5`
      if begin > 0, Self.decimals.contains(scalars[begin - 1]), begin == 1 || scalars[begin - 2] == 0x20 {
        values.insert(DecimalValue(whole, exponent: -whole.count))
      }
      var time: (Int, Int)?
      if let hour = Self.number(whole), whole.count <= 2, hour <= 24, Self.isHour(behind) { time = (hour % 12, 0) }
      found.append(WrittenNumber(values: scaled(values), time: time, digits: whole, behind: behind))
      return end
    }
    var values: Set<DecimalValue> = []
    let isClock = marks.contains { Self.clock.contains($0) }
    if !isClock {
      if Set(marks).count == 1, Self.isGrouped(runs) { values.insert(DecimalValue(whole, exponent: 0)) }
      let last = runs[runs.count - 1].count
      if Self.decimals.contains(marks[marks.count - 1]) {
        let isPlain = runs.count == 2
        let isLarge =
          runs.count > 2 && Set(marks.dropLast()).count == 1 && marks[0] != marks[marks.count - 1]
          && Self.isGrouped(Array(runs.dropLast()))
        if isPlain || isLarge { values.insert(DecimalValue(whole, exponent: -last)) }
      }
    }
    var time: (Int, Int)?
    if runs.count == 2, marks[0] == 0x2E || isClock, runs[0].count <= 2, runs[1].count == 2,
      let hour = Self.number(runs[0]), let minute = Self.number(runs[1]), hour <= 24, minute < 60
    {
      time = (hour % 12, minute)
    }
    if !values.isEmpty || time != nil {
      found.append(WrittenNumber(values: scaled(values), time: time, digits: whole, behind: behind))
    } else {
      // A date, a version, a telephone number.
      for run in runs {
        found.append(
          WrittenNumber(values: [DecimalValue(run, exponent: 0)], time: nil, digits: run, behind: behind))
      }
    }
    return end
  }

  private static func number(_ run: [UInt8]) -> Int? {
    run.count <= 6 ? run.reduce(0) { $0 * 10 + Int($1) } : nil
  }

  /// Groups of three, or of two before the last three, as in India.
  private static func isGrouped(_ runs: [[UInt8]]) -> Bool {
    guard runs.count > 1, let first = runs.first, let last = runs.last, last.count == 3 else { return false }
    if 1...3 ~= first.count, runs.dropFirst().allSatisfy({ $0.count == 3 }) { return true }
    return 1...2 ~= first.count && runs.dropFirst().dropLast().allSatisfy { $0.count == 2 }
  }

  /// Whether what follows a number says that it is an hour.
  private static func isHour(_ behind: String) -> Bool {
    let rest = behind.drop { $0 == " " || $0 == "\u{A0}" || $0 == "\u{202F}" }
    for name in ["uhr", "時", "时", "点", "點", "giờ"] where rest.hasPrefix(name) { return true }
    let letters = rest.prefix(5).filter { $0 != "." && $0 != " " && $0 != "\u{A0}" }
    if letters.hasPrefix("am") || letters.hasPrefix("pm") {
      return !(letters.dropFirst(2).first?.isLetter ?? false) || rest.prefix(4).contains(".")
    }
    return rest.hasPrefix("h") && !(rest.dropFirst().first?.isLetter ?? false)
  }
}
