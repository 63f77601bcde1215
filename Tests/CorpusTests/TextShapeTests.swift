import Corpus
import Testing

@Suite struct TextShapeTests {
  func says(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return TextShape.says(bytes.span)
  }

  func addresses(_ text: String) -> [String] {
    WebAddresses.found(in: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func aLineSaysSomethingIfItHasWords() {
    for text in ["no", "12 km", "да", "山", "집", "מה"] { #expect(says(text), "\(text)") }
    for text in ["", "x", "- 3 -", "©®", "http://x.org/abc", "HTTPS://X.ORG/ABC 17", "a@b.org"] {
      #expect(!says(text), "\(text)")
    }
  }

  @Test func addressesAreFound() {
    #expect(addresses("see (https://x.org/a?b=1), or www.y.de.") == ["https://x.org/a?b=1", "www.y.de"])
    #expect(addresses("http and www, @someone, 3/4") == [])
    #expect(addresses("Mail Jane.Doe@Example.org!") == ["jane.doe@example.org"])
    #expect(addresses("请看http://x.cn/一下") == ["http://x.cn/"])
  }

  @Test func aFormIsWhatNumbersLeave() {
    func form(_ text: String) -> Hash128? { TextShape.form(of: Array(text.utf8)) }
    #expect(form("Page 3 of 17") == form("page 12 of 1"))
    #expect(form("صفحه ۳ از ۱۷") == form("صفحه ۱۲ از ۱"))
    #expect(form("Page 3 of 17") != form("Sheet 3 of 17"))
    #expect(form("no number") == nil && form("12:30") == nil)
  }

  @Test func entitiesBecomeCharacters() throws {
    let options = TextOptions(unescape: true)
    #expect(
      try lines(
        of:
          "Q &amp;amp; A &lt;b&gt; it&apos;s &#233; &#xE9; &eacute; &hellip; &#124; &#91;1&#93; &bar;&nbsp;x\nAT&T &foo; & ;&#;\na&#9;b&#10;c\n",
        options) == ["Q & A <b> it's é é é … | [1] |\u{A0}x", "AT&T &foo; & ;&#;", "a b c"])
    #expect(try lines(of: "a &amp; b\n") == ["a &amp; b"])
    #expect(try lines(of: "1\tx &quot;y&quot;\n", TextOptions(format: .column(2), unescape: true)) == ["x \"y\""])
    #expect(try lines(of: "&#0;&#xD800;&#99999999999;\n", options) == ["&#0;&#xD800;&#99999999999;"])
  }

  @Test func carriageReturnsEndNoLine() throws {
    for options in [TextOptions(), TextOptions(format: .raw)] {
      #expect(try lines(of: "one\rtwo\nthree\r\r\r\nfour\r", options) == ["one two", "three", "four"])
    }
    let reader = try LineReader(source: ScriptedSource(Array("a\rb\rc\nd\n".utf8)), name: "test")
    _ = try lines(reader)
    #expect(reader.report.carriageReturns == 2)
    for text in ["first\rsecond\r", "first\rsecond", "\u{FEFF}a\r\rb\r", String(repeating: "line\r", count: 100_000)] {
      let found = failure(reading: text)
      #expect(found?.kind == .badData && found?.problem.contains("carriage returns") == true, "\(text.prefix(20))")
    }
    #expect(try lines(of: "alone\r") == ["alone"])
  }
}
