import Corpus
import Testing

@Suite struct SentenceKeyTests {
  @Test(arguments: [
    ("Hello, World!", "hello, world!"), ("  a \t b\u{A0}\u{3000}c ", "a b c"), ("ＡＢＣ１２", "abc12"), ("ﬁne", "fine"),
    ("\u{FEFF}a\u{200B}b\u{AD}c\u{200E}", "abc"), ("É", "e\u{301}"), ("E\u{301}", "e\u{301}"),
    ("한", "\u{1112}\u{1161}\u{11AB}"),
    ("ΟΔΟΣ", "οδοσ"), ("οδος", "οδοσ"), ("İ", "i\u{307}"), ("ｶﾞ", "カ\u{3099}"), ("\u{200B} \u{3000}\u{7}", ""), ("", ""),
    ("…", "..."), ("a\u{A8}", "a \u{308}"), ("中文，測試。", "中文,測試。"), ("👍🏽", "👍🏽"), ("𝐀𠀀", "a𠀀"), ("?!", "?!"),
  ])
  func keys(text: String, expected: String) {
    var keys = SentenceKey(caseless: true)
    #expect(keys.key(of: text) == Array(expected.utf8))
    // Once more, from the tables.
    #expect(keys.key(of: text) == Array(expected.utf8))
  }

  /// Stretches of ASCII are taken as a whole; the key is that of the characters one by one.
  @Test func stretchesAreAsTheirCharacters() {
    var random = SystemRandomNumberGenerator()
    let parts = [
      "a", "B", "ABCDEFGHIJ", " ", "  ", "\t", "\u{A0}", "\u{7F}", "é", "\u{200B}", "~", "Zz9[@`{", "           ",
    ]
    for caseless in [true, false] {
      var keys = SentenceKey(caseless: caseless)
      for _ in 0..<2000 {
        let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
          .joined()
        var expected = ""
        for scalar in text.unicodeScalars {
          switch scalar {
          case " ", "\t", "\u{A0}": if !expected.isEmpty, !expected.hasSuffix(" ") { expected += " " }
          case "\u{7F}", "\u{200B}": break
          case "é": expected += "e\u{301}"
          default: expected += caseless ? String(scalar).lowercased() : String(scalar)
          }
        }
        if expected.hasSuffix(" ") { expected.removeLast() }
        #expect(keys.key(of: text) == Array(expected.utf8), "\(text.debugDescription)")
      }
    }
  }

  @Test func caseCountsWhereItIsAskedFor() {
    var keys = SentenceKey(caseless: false)
    #expect(keys.key(of: " Das  Haus ") == Array("Das Haus".utf8))
    #expect(keys.key(of: "ς") == Array("ς".utf8) && keys.key(of: "Ⅷ") == Array("VIII".utf8))
  }

  /// A key is its own key, for every character.
  @Test func keysAreTheirOwnKeys() {
    for caseless in [true, false] {
      var keys = SentenceKey(caseless: caseless)
      var wrong = 0
      for value in UInt32(1)..<0x3_0000 {
        guard let scalar = Unicode.Scalar(value) else { continue }
        let key = keys.key(of: "x\(Character(scalar))y")
        if keys.key(of: String(decoding: key, as: UTF8.self)) != key { wrong += 1 }
      }
      #expect(wrong == 0)
    }
  }
}
