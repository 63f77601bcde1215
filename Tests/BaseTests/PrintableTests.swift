import Base
import Testing

@Suite struct PrintableTests {
  @Test func whatWouldMoveTheCursorIsShown() {
    #expect(Printable.text("Grüße, мир, 東京, 🙂") == "Grüße, мир, 東京, 🙂")
    #expect(Printable.text("a\u{1B}[31mb\u{7}\u{7F}\u{9B}c") == "a\\x1B[31mb\\x07\\x7F\\x9Bc")
    #expect(Printable.text("a\nb\tc\rd") == "a\\nb\\tc\\rd")
    #expect(Printable.text("a\nb\tc\rd", keepingLines: true) == "a\nb\tc\\rd")
    #expect(Printable.text("a\u{202E}b\u{2066}c") == "a\\u{202E}b\\u{2066}c")
    #expect(Printable.json("{\"a\":\"\u{7F}\u{9B}\u{202E}é\"}") == "{\"a\":\"\\u007F\\u009B\\u202Eé\"}")
  }

  @Test func longTextsLoseTheirMiddle() {
    let cut = Printable.text(String(repeating: "a", count: 500) + "end", limit: 100)
    #expect(cut.count == 100 && cut.hasPrefix("aaaa") && cut.hasSuffix("end") && cut.contains(" ... "))
    // One character of many scalars.
    #expect(Printable.text("a" + String(repeating: "\u{301}", count: 5000), limit: 100).unicodeScalars.count == 100)
  }

  @Test func failuresAreNoLongerThanAScreen() {
    let long = String(repeating: "x\u{1B}", count: 50_000)
    let text = Failure(.io, long, at: long, long, remedy: long).description
    #expect(text.utf8.count <= 1900)
    #expect(!text.utf8.contains(0x1B))
  }

  @Test func namesThatAreNoUTF8() {
    let bytes: [UInt8] = [0x63, 0xE9, 0x2F, 0xC3, 0xA9, 0xFF, 0xF0, 0x9F, 0x41]
    let text = PathText.text(bytes)
    #expect(PathText.bytes(text) == bytes)
    #expect(Printable.text(text) == "c\\xE9/é\\xFF\\xF0\\x9FA")
    #expect(PathText.text(Array("é🙂".utf8)) == "é🙂")
  }
}
