import CICU

/// Unicode's classes of characters for the boundaries of sentences, from ICU.
enum SentenceClasses {
  /// A class; the raw values are ICU's.
  enum Kind: UInt8 {
    case other = 0, aTerm, close, format, lower, numeric, oLetter, sep, sp, sTerm, upper, cr, extend, lf, sContinue
  }

  private static let count = 0x2_0000

  static let table: [UInt8] = {
    var table = [UInt8](repeating: 0, count: count)
    unsafe table.withUnsafeMutableBufferPointer { unsafe ems_icu_sentence_classes(0, $0.count, $0.baseAddress) }
    // Khmer's full stops, which Unicode did not count among those that end sentences before version 15.1.
    table[0x17D4] = Kind.sTerm.rawValue
    table[0x17D5] = Kind.sTerm.rawValue
    return table
  }()

  @inline(__always)
  static func kind(_ scalar: UInt32, _ table: Span<UInt8>) -> Kind {
    // Beyond are Chinese characters.
    guard scalar < count else { return .oLetter }
    return Kind(rawValue: table[Int(scalar)]) ?? .other
  }
}
