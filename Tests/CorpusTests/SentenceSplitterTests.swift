import Testing

import Corpus

@Suite struct SentenceSplitterTests {
  private func split(_ text: String, _ code: String? = nil, max: Int = 1000) throws -> [String] {
    SentenceSplitter(SplitOptions(language: try code.map { try Language(parsing: $0) }, maxCharacters: max)).sentences(
      text)
  }

  /// `|` marks where sentences end.
  private func check(_ marked: String, _ code: String, joiner: String = " ") throws {
    let expected = marked.split(separator: "|").map(String.init)
    #expect(try split(expected.joined(separator: joiner), code) == expected)
  }

  @Test func english() throws {
    try check("Dr. Smith met J. R. Jones at 5 p.m. on Monday.|The U.S. economy grew.|\"Really?\" she asked.|Yes!", "en")
    try check("He lives in the U.S.|The law passed.|It costs 3.50 dollars, i.e. little.|See no. 5 of the list.", "en")
    try check("He said (quietly.)|Then he left...|Nothing.", "en")
  }

  @Test func german() throws {
    try check("Am 3. Oktober 1990 kam z. B. Prof. Müller.|Das war's!|\u{201E}Kommst du?\u{201C}, fragte er.", "de")
    try check("Papst Paul VI. Besuchte Rom bzw. Italien im Jahr 1964.|Danach war Schluss.", "de")
  }

  @Test func others() throws {
    try check("M. Dupont est arrivé.|«\u{A0}Il est là.\u{A0}»|Oui.", "fr")
    try check("В 1916 г.|Самым удачным был т. н. план.|Это всё.", "ru")
    try check("他来了。|“真的吗？”|“是的。”|好！", "zh", joiner: "")
    try check("هل جاء؟|نعم.|لا!", "ar")
    try check("¿Qué pasa?|¡Nada!|El Sr. García vive en EE. UU.|Habla poco.", "es")
    try check("नमस्ते।|आप कैसे हैं?", "hi")
    try check("これはペンです。|「本当？」と彼は言った。|はい。", "ja", joiner: "")
    try check("ជំរាបសួរ។|សុខសប្បាយ។", "km")
  }

  @Test func withoutALanguage() throws {
    #expect(try split("One. Two! three? Four") == ["One.", "Two! three?", "Four"])
    #expect(try split("").isEmpty)
    #expect(try split("   ").isEmpty)
    #expect(try split(". . .") == [". . ."])
  }

  @Test func nothingIsLost() throws {
    // Random strings of what matters: every character that is not white space comes out, in order.
    var random = SeededGenerator(state: 5)
    let parts = [
      "a", "B", "z.", ".", "!", "?", "…", "\"", "”", "“", "»", " ", "  ", "\u{A0}", "。", "，", "3", "(", ")", "é", "Dr",
      "-", "\u{3000}", "😀", "ก",
    ]
    for code in [nil, "en", "fr", "zh", "th", "tr"] {
      for _ in 0..<300 {
        let text = (0..<Int.random(in: 1...40, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
          .joined()
        let out = try split(text, code, max: 16).joined()
        func solid(_ text: String) -> [Unicode.Scalar] { text.unicodeScalars.filter { !$0.properties.isWhitespace } }
        #expect(solid(out) == solid(text), "\(code ?? "-"): \(text)")
      }
    }
  }

  @Test func longSentencesAreCut() throws {
    let text = (0..<100).map { "wort\($0)" }.joined(separator: " ")
    let pieces = try split(text, "de", max: 50)
    #expect(pieces.allSatisfy { $0.count <= 50 } && pieces.joined(separator: " ") == text)
    #expect(try split("aaaaaaaaaaaaaa, bbbbbbb ccccccc", max: 24) == ["aaaaaaaaaaaaaa,", "bbbbbbb ccccccc"])
    #expect(try split(String(repeating: "字", count: 40), "zh", max: 16).map(\.count) == [16, 16, 8])
  }
}
