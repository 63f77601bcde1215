import Corpus
import Foundation
import Testing

@Suite struct NormalizerTests {
  private func key(_ text: String) -> String {
    var normalizer = Normalizer()
    return String(decoding: normalizer.key(of: text), as: UTF8.self)
  }

  @Test(arguments: [
    ("", ""), ("Hello, World!", "helloworld"), ("  A-b_c 12.5% ", "abc125"), ("?!… — «»", ""), ("ÄÖÜß", "äöüß"),
    ("A\u{308}", "ä"), ("ﬁne ①②", "fine12"), ("ＡＢＣ　１２３", "abc123"), ("½", "12"), ("℃", "c"), ("ｶﾞ", "ガ"), ("ガ", "ガ"),
    ("カ\u{3099}", "ガ"), ("中文，測試。", "中文測試"), ("हिन्दी, पाठ", "हिन्दीपाठ"), ("İ", "i\u{307}"), ("I\u{307}", "i\u{307}"),
    ("J\u{30C}", "ǰ"), ("ΑΣ", "ας".replacing("ς", with: "σ")), ("K", "k"), ("한국어", "한국어"),
    ("\u{1112}\u{1161}\u{11AB}", "한"),
    ("❤\u{FE0F}a", "a"), ("a\u{200D}b\u{AD}c", "abc"), ("😀a😀", "a"), ("𝐀𝟏", "a1"), ("𠀀", "𠀀"), ("〇", "〇"),
    ("²Ⅳ", "2iv"),
    ("\u{9C7}\u{9BE}", "\u{9CB}"),
  ])
  func keys(text: String, expected: String) {
    #expect(Array(key(text).utf8) == Array(expected.utf8))
  }

  /// The definition, without any table.
  private func definition(_ text: String) -> [UInt8] {
    let folded = text.precomposedStringWithCompatibilityMapping.lowercased().precomposedStringWithCompatibilityMapping
    var result = String.UnicodeScalarView()
    for scalar in folded.unicodeScalars where !scalar.properties.isDefaultIgnorableCodePoint {
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
        .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
        result.append(scalar)
      default: break
      }
    }
    return Array(String(result).utf8)
  }

  @Test func everyCharacterFollowsTheDefinition() {
    var normalizer = Normalizer()
    var wrong = 0
    // All characters of the tables' range, eight in a row, so that neighbours get the chance to join.
    for start in stride(from: 1, to: 0x2_0100, by: 8) {
      var text = String.UnicodeScalarView()
      for value in start..<start + 8 { if let scalar = Unicode.Scalar(UInt32(value)) { text.append(scalar) } }
      if normalizer.key(of: String(text)) != definition(String(text)) { wrong += 1 }
    }
    #expect(wrong == 0)
  }

  @Test func randomMixturesFollowTheDefinition() {
    var random = SeededGenerator(state: 5)
    var normalizer = Normalizer()
    // Blocks in which characters join, case changes, or forms are compatible, among plain letters.
    let blocks: [ClosedRange<UInt32>] = [
      0x20...0x7E, 0x41...0x5A, 0xA0...0x24F, 0x300...0x345, 0x370...0x3FF, 0x400...0x45F, 0x5D0...0x5EA, 0x600...0x6FF,
      0x900...0x9FF, 0xB80...0xBFF, 0xE00...0xE7F, 0x1100...0x11FF, 0x1E00...0x1FFF, 0x2000...0x218F, 0x3040...0x30FF,
      0x3131...0x318E, 0xAC00...0xAC80, 0xF900...0xF9FF, 0xFB00...0xFB4F, 0xFE70...0xFFDF, 0x1F100...0x1F1FF,
    ]
    for _ in 0..<20_000 {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let block = blocks.randomElement(using: &random)!
        if let scalar = Unicode.Scalar(UInt32.random(in: block, using: &random)) { text.append(scalar) }
      }
      let text2 = String(text)
      #expect(normalizer.key(of: text2) == definition(text2), "\(text.map { String($0.value, radix: 16) })")
    }
  }

  @Test func theKeyReplacesWhatWasThere() {
    var normalizer = Normalizer()
    var key: [UInt8] = [1, 2, 3]
    for (text, expected) in [("Ab", "ab"), ("Ä a\u{308}", "ää"), ("", "")] {
      let bytes = Array(text.utf8)
      normalizer.key(of: bytes.span, into: &key)
      #expect(key == Array(expected.utf8))
    }
  }
}
