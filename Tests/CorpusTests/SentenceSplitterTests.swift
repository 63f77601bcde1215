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

  /// Thai and Lao mark no ends: a blank may end a sentence or a phrase.
  @Test func unmarkedSentences() throws {
    try check("วันนี้ฝนตกหนักมากในกรุงเทพมหานครจนรถติดไปทั่วทั้งเมือง|เราจึงเดินทางกลับบ้านช้ากว่าทุกวันที่ผ่านมา", "th")
    // Neither before a conjunction or a number, nor behind a preposition, nor where a sentence would be a word or two.
    for text in [
      "วันนี้ฝนตกหนักมากในกรุงเทพมหานครจนรถติดไปทั่วทั้งเมือง และเราเดินทางกลับบ้านช้ากว่าทุกวันที่ผ่านมา", "เขาซื้อหนังสือมาจากร้านใหม่ 3 เล่ม",
      "ไป ไหน มา",
      "เขาเดินทางไปทำงานที่โรงพยาบาลทุกวันโดย รถไฟฟ้าสายใหม่ล่าสุดของเมือง", "", " ", "กก",
    ] {
      #expect(try split(text, "th").count <= 1, "\(text)")
    }
    // Marks count all the same, and nothing is asked of a text without blanks.
    #expect(try split("จริงหรือ? ใช่! เขาไปแล้ว", "th").count == 3)
    let solid = String(repeating: "เราเดินทางกลับบ้านช้ากว่าทุกวัน", count: 5)
    #expect(try split(solid, "th") == [solid])
    #expect(try split("ຂ້ອຍໄປຕະຫຼາດ ແລະ ຊື້ປາ", "lo").count == 1)
  }

  /// Words that are in no list are told without looking them up: the lists' own words must not be among them.
  @Test func abbreviationsInAnyCase() throws {
    for text in ["Der Prof. Maier kam.", "Die Fa. Maier kam.", "Er nahm evtl. Brot."] {
      #expect(try split(text, "de") == [text])
    }
    #expect(try split("Im ул. Ленина дом.", "ru").count == 1)
    #expect(try split("Это было вчера. Потом дождь.", "ru").count == 2)
    #expect(try split("Ça va bien. Très bien.", "fr").count == 2)
    #expect(try split("Das war XVIII. Und mehr war nicht.", "en").count == 2)
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
