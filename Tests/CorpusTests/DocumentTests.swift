import Base
import Foundation
import TestSupport
import Testing

import Corpus

/// Lines of a file of documents, as `id TAB sentence`, and what was counted.
private func read(
  _ text: String, _ format: InputFormat = .automatic, strict: Bool = false, split: Bool = false, threads: Int = 2,
  change: (inout TextOptions) -> Void = { _ in }
) throws -> (lines: [String], counts: DocumentCounts) {
  try read(Array(text.utf8), format, strict: strict, split: split, threads: threads, change: change)
}

private func read(
  _ bytes: [UInt8], _ format: InputFormat = .automatic, strict: Bool = false, split: Bool = false, threads: Int = 2,
  change: (inout TextOptions) -> Void = { _ in }
) throws -> (lines: [String], counts: DocumentCounts) {
  var options = TextOptions(format: .idAndText, strict: strict)
  options.input = InputOptions(format: format, splitting: split ? SplitOptions() : nil, threads: threads)
  change(&options)
  let reader = try LineReader(source: ScriptedSource(bytes, sizes: [1, 5, 1000, 7]), name: "test", options: options)
  var lines: [String] = []
  var batch = LineBatch()
  while try reader.readBatch(into: &batch, maxLines: 3) {
    for i in 0..<batch.count {
      lines.append(options.format == .idAndText ? "\(batch.idText(i))\t\(batch.text(i))" : batch.text(i))
    }
  }
  return (lines, reader.report.documents)
}

private func failure(_ body: () throws -> Void) -> Failure? {
  do {
    try body()
    return nil
  } catch { return error as? Failure }
}

@Suite struct CompressionTests {
  @Test func xzAndBzip2() throws {
    let folder = TemporaryFolder()
    for (tool, end) in [("xz", "xz"), ("bzip2", "bz2"), ("lzma", "lzma")] {
      let text = (0..<5000).map { "Zeile \($0) von vielen" }.joined(separator: "\n") + "\n"
      let plain = try folder.write("t", text)
      // Two streams in a row are one text.
      let run = Process()
      run.executableURL = URL(filePath: "/bin/bash")
      run.arguments = [
        "-c",
        "command -v \(tool) >/dev/null || exit 9; \(tool) -c '\(plain)' > '\(plain).\(end)'; if [ \(end) != lzma ]; then \(tool) -c '\(plain)' >> '\(plain).\(end)'; fi",
      ]
      try run.run()
      run.waitUntilExit()
      if run.terminationStatus == 9 { continue }
      let packed = try folder.read("t.\(end)")
      let expected = text.split(separator: "\n").map(String.init)
      let wanted = end == "lzma" ? expected : expected + expected
      // lzma has no signature that could be told from text.
      if end == "lzma" { continue }
      for sizes in [[1000], [1, 17, 4096]] {
        let reader = try LineReader(source: ScriptedSource(packed, sizes: sizes), name: "t.\(end)")
        #expect(try lines(reader, maxLines: 999, maxBytes: 1 << 16) == wanted)
      }
      for cut in [20, packed.count / 3, packed.count - 5] {
        let thrown = failure { _ = try lines(of: Array(packed[..<cut])) }
        #expect(thrown?.kind == .badData, "\(cut)")
        #expect(thrown?.remedy?.contains("cut short") == true, "\(cut) \(String(describing: thrown))")
      }
      var damaged = packed
      for i in packed.count / 4..<packed.count / 4 + 20 { damaged[i] ^= 0x55 }
      #expect(failure { _ = try lines(of: damaged) }?.kind == .badData)
    }
  }
}

@Suite struct EncodingTests {
  @Test func otherEncodings() throws {
    let text = "Übung macht\nden Meister\u{1F642}\nПривет\n"
    let expected = text.split(separator: "\n").map(String.init)
    for (name, encoding) in [
      ("UTF-16", String.Encoding.utf16), ("UTF-16LE", .utf16LittleEndian), ("UTF-16BE", .utf16BigEndian),
      ("UTF-32", .utf32), ("UTF-32BE", .utf32BigEndian),
    ] {
      let bytes = Array(text.data(using: encoding) ?? Data())
      for sizes in [[1], [3, 1000], [.max]] {
        var options = TextOptions()
        options.input.encoding = name
        let reader = try LineReader(source: ScriptedSource(bytes, sizes: sizes), name: "test", options: options)
        #expect(try lines(reader) == expected, "\(name)")
      }
      // Without the option the message names it.
      let thrown = failure { _ = try lines(of: bytes) }
      #expect(thrown?.remedy?.contains("--encoding UTF-") == true, "\(name): \(String(describing: thrown))")
    }
    var options = TextOptions()
    options.input.encoding = "windows-1252"
    #expect(try lines(of: [0xDC, 0x62, 0x65, 0x72, 0x0A], options) == ["Über"])
    options.input.encoding = "no-such-encoding"
    #expect(failure { _ = try lines(of: "x", options) }?.subject == "--encoding")
  }

  @Test func invalidInAnotherEncoding() throws {
    var options = TextOptions()
    options.input.encoding = "UTF-16LE"
    // A lone surrogate, then a letter, then half a letter.
    let bytes: [UInt8] = [0x00, 0xD8, 0x41, 0x00, 0x42]
    let reader = try LineReader(source: ScriptedSource(bytes), name: "test", options: options)
    #expect(try lines(reader) == ["\u{FFFD}A\u{FFFD}"])
    #expect(reader.report.documents.invalidCharacters == 2)
    options.strict = true
    #expect(failure { _ = try lines(of: bytes, options) }?.place == "offset 0")
  }
}

@Suite struct JSONLinesTests {
  @Test func layoutsAndIDs() throws {
    let hplt = #"{"id":"a b","text":"Eins.\nZwei.","lang":["de"]}"# + "\n\n" + #"{"id":7,"text":" Drei. "}"#
    #expect(try read(hplt).lines == ["a_b:0\tEins.", "a_b:1\tZwei.", "7:0\tDrei."])
    let oscar =
      #"{"content":"Ein Satz.\nNoch einer.","warc_headers":{"warc-record-id":"<urn:uuid:1>","x":1},"metadata":{"a":[1]}}"#
    #expect(try read(oscar).lines == ["<urn:uuid:1>:0\tEin Satz.", "<urn:uuid:1>:1\tNoch einer."])
    #expect(try read(oscar, .oscar).lines.count == 2)
    let nested = #"{"doc":{"body":["Eins","Zwei"]},"k":{"n":"x"}}"#
    let found = try read(nested) { ($0.input.jsonField, $0.input.jsonID) = ("doc.body", "k.n") }
    #expect(found.lines == ["x:0\tEins", "x:1\tZwei"])
    #expect(found.counts.documents == 1)
    // Without an id, the number of the document counts.
    #expect(try read(#"{"text":"a"}"# + "\n" + #"{"text":"b"}"#).lines == ["0:0\ta", "1:0\tb"])
  }

  @Test func idsThatRepeat() throws {
    let found = try read((0..<3).map { #"{"id":"x","text":"\#($0)"}"# }.joined(separator: "\n"))
    #expect(found.lines == ["x:0\t0", "x~2:0\t1", "x~3:0\t2"])
    #expect(found.counts.repeatedIDs == 2)
  }

  @Test func damagedLines() throws {
    let text = [
      #"{"text":"gut"}"#, #"{"text":"offen"#, #"[1,2]"#, #"{"other":"x"}"#, #"{"text":{"a":1}}"#, #"{"text":""}"#,
      #"{"text":null}"#, #"{"text":"auch gut"}"#,
    ].joined(separator: "\n")
    let found = try read(text)
    #expect(found.lines == ["0:0\tgut", "7:0\tauch gut"])
    #expect(found.counts.dropped == ["invalid-json": 2, "no-field": 3, "no-text": 1])
    #expect(found.counts.firstBad?.hasPrefix("line 2: invalid JSON") == true)
    let strict = failure { _ = try read(text, strict: true) }
    #expect(strict?.place == "line 2" && strict?.kind == .badData)
  }

  @Test func wrongFieldListsThoseThere() throws {
    let thrown = failure {
      _ = try read(#"{"a":1,"b":{"c":"x","d":2}}"#) { $0.input.jsonField = "text" }
    }
    #expect(thrown?.problem.contains("a, b.c, b.d") == true)
    #expect(thrown?.remedy?.contains("--json-field") == true)
  }

  @Test func tooLongLinesAreLeftOut() throws {
    let text =
      #"{"text":"a"}"# + "\n" + #"{"text":"\#(String(repeating: "x", count: 5000))"}"# + "\n" + #"{"text":"b"}"#
    let found = try read(text) { $0.input.maxDocumentBytes = 1024 }
    #expect(found.lines == ["0:0\ta", "1:0\tb"])
    #expect(found.counts.dropped == ["too-long": 1])
    #expect(failure { _ = try read(text, strict: true) { $0.input.maxDocumentBytes = 1024 } }?.place == "line 2")
  }

  @Test func hugeLineInBoundedMemory() throws {
    // 500 MB of one line are let by.
    let source = LongSource(UInt8(ascii: "x"), times: 500 << 20, then: "\n" + #"{"text":"b"}"# + "\n")
    var options = TextOptions(format: .idAndText)
    options.input = InputOptions(format: .jsonLines, maxDocumentBytes: 1 << 20)
    let reader = try LineReader(source: source, name: "test", options: options)
    #expect(try lines(reader) == ["b"])
    #expect(reader.report.documents.dropped == ["too-long": 1])
  }

  @Test func invalidUTF8IsMended() throws {
    let bytes = Array(#"{"text":"a"#.utf8) + [0xFF] + Array(#"b"}"#.utf8)
    #expect(try read(bytes).lines == ["0:0\ta\u{FFFD}b"])
    #expect(failure { _ = try read(bytes, strict: true) }?.kind == .badData)
  }

  @Test func escapesAndControls() throws {
    #expect(try read(#"{"text":"a\tb\u0000c\u000bd \ud83d\ude42"}"#).lines == ["0:0\ta bc d 🙂"])
  }

  @Test func anArrayIsRefused() throws {
    #expect(failure { _ = try read(#"[{"text":"a"}]"#) }?.remedy?.contains("jq") == true)
  }

  /// What is cut from the file ahead of what is taken apart is neither lost nor told too early.
  @Test func failuresComeBehindWhatIsBeforeThem() throws {
    let good = (0..<40_000).map {
      #"{"id":"d\#($0)","text":"Satz Nummer \#($0) mit etwas Text dahinter, damit es sich lohnt."}"#
    }
    let text = good.joined(separator: "\n") + "\n" + String(repeating: "x", count: 3000) + "\n"
    var options = TextOptions(format: .idAndText, strict: true)
    options.input = InputOptions(format: .jsonLines, maxDocumentBytes: 2048, threads: 2)
    let reader = try LineReader(
      source: ScriptedSource(Array(text.utf8), sizes: [1 << 20]), name: "test", options: options)
    var lines = 0
    var batch = LineBatch()
    let failed = failure { while try reader.readBatch(into: &batch) { lines += batch.count } }
    #expect(failed?.description.contains("line 40001") == true, "\(String(describing: failed))")
    // The batch before the failing one has been handed out.
    #expect(lines > 10_000)
  }

  @Test func sameLinesForAnyThreads() throws {
    let text = (0..<500).map { #"{"id":"\#($0 % 400)","text":"Satz \#($0). Und noch einer.\nAbsatz."}"# }.joined(
      separator: "\n")
    let one = try read(text, split: true, threads: 1)
    let many = try read(text, split: true, threads: 7)
    #expect(one.lines == many.lines && one.counts == many.counts && one.lines.count == 1500)
  }

  @Test func offsetsSayWhereASentenceLies() throws {
    let text = "Eins ist da. Zwei auch.\n  Drei."
    let found = try read(#"{"text":"Eins ist da. Zwei auch.\n  Drei."}"#, split: true) { $0.input.keepsOffsets = true }
    for line in found.lines {
      let columns = line.split(separator: "\t")
      let origin = LineOrigin(id: String(columns[0]))
      let bytes = Array(text.utf8)[origin.bytes ?? 0..<0]
      #expect(String(decoding: bytes, as: UTF8.self) == columns[1])
      #expect(origin.document == "0")
    }
    #expect(found.lines.map { LineOrigin(id: String($0.split(separator: "\t")[0])).sentence } == [0, 1, 2])
  }
}

@Suite struct PlainDocumentTests {
  @Test func paragraphs() throws {
    let found = try read("\n\nEins.\nZwei.\n\n\n \nDrei.\n", .paragraphs)
    #expect(found.lines == ["0:0\tEins.", "0:1\tZwei.", "1:0\tDrei."])
    #expect(found.counts.documents == 2)
    #expect(try read("", .paragraphs).lines == [])
    // A document longer than a piece goes on with its numbers.
    let long = (0..<30_000).map { "Zeile Nummer \($0) von einem langen Dokument.\n" }.joined()
    let lines = try read(long, .paragraphs).lines
    #expect(lines.count == 30_000 && lines.last?.hasPrefix("0:29999\t") == true)
  }

  @Test func columns() throws {
    let text = "k1\tde\tEins. Zwei.\nk2\tde\nk1\tde\tDrei.\n"
    let found = try read(text, .tsv) { $0.input.textColumn = 3 }
    #expect(found.lines == ["k1:0\tEins. Zwei.", "k1~2:0\tDrei."])
    #expect(found.counts.dropped == ["bad-record": 1])
    #expect(found.counts.firstBad == "line 2: the line has 2 tab-separated columns, and column 3 was asked for")
    let plain = try read("Eins.\nZwei.\n", .tsv) { ($0.input.textColumn, $0.input.idColumn) = (1, 0) }
    #expect(plain.lines == ["0:0\tEins.", "1:0\tZwei."])
    let failed = failure { _ = try read(text, .tsv, strict: true) { $0.input.textColumn = 3 } }
    #expect(failed?.description.contains("line 2") == true, "\(String(describing: failed))")
  }

  @Test func base64() throws {
    let text = "Eins.\nZwei ü."
    let line = Data(text.utf8).base64EncodedString()
    #expect(
      try read(line + "\n" + "!!!\n" + line, .base64).lines == [
        "0:0\tEins.", "0:1\tZwei ü.", "2:0\tEins.", "2:1\tZwei ü.",
      ])
  }

  @Test func layoutsThatAreNotLinesAreRefused() throws {
    let cases: [(String, String)] = [
      ("<?xml version=\"1.0\"?>\n<tmx version=\"1.4\"><header/></tmx>", "tmx"), ("<tmx version='1.4'>", "tmx"),
      ("<!DOCTYPE html><html><body>x", "html"), ("<html>", "html"), ("WARC/1.0\r\n", "warc"),
      ("<mediawiki xmlns=\"http://x\">", "wikipedia"), ("<srcset setid=\"x\"><doc docid=\"1\">", "sgm"),
      ("<?xml version=\"1.0\"?><xliff version=\"1.2\">", "xliff"),
    ]
    for (text, format) in cases {
      let thrown = failure { _ = try lines(of: text) }
      #expect(thrown?.kind == .badData && thrown?.remedy?.contains("--format \(format)") == true, "\(text)")
    }
    #expect(failure { _ = try lines(of: "<?xml version=\"1.0\"?><feed>") }?.problem.contains("XML") == true)
    // Lines that merely begin with a tag are lines.
    #expect(try lines(of: "<b>fett</b>\nx") == ["<b>fett</b>", "x"])
  }
}

@Suite struct WarcTests {
  private func record(_ type: String, _ body: String, _ headers: String = "", length: Int? = nil) -> String {
    "WARC/1.0\r\nWARC-Type: \(type)\r\n\(headers)Content-Length: \(length ?? body.utf8.count)\r\n\r\n\(body)\r\n\r\n"
  }

  private var good: String {
    record("warcinfo", "software: x\r\n") + record("request", "GET / HTTP/1.1\r\n\r\n")
      + record("conversion", "Eins.\nZwei.", "WARC-Target-URI: http://a/\r\nContent-Type: text/plain\r\n")
  }

  private let page = """
    HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><head><title>T</title><script>var x = "no";</script></head>\
    <body><nav><a href=x>Home</a></nav><h1>Überschrift</h1><p>Dies ist ein langer Absatz über etwas, der gewiss zum Inhalt der Seite \
    gehört &amp; bleibt.</p><script>alert(1)</script><p><a href=1>Nur ein Link mit recht langem Text, der aber ganz gewiss nicht bleibt</a></p>\
    <footer>© Niemand</footer></body></html>
    """

  @Test func textsAndPages() throws {
    let found = try read(
      good + record("response", page, "WARC-Target-URI: http://b/\r\nContent-Type: application/http\r\n"))
    #expect(
      found.lines == [
        "http://a/:0\tEins.", "http://a/:1\tZwei.", "http://b/:0\tÜberschrift",
        "http://b/:1\tDies ist ein langer Absatz über etwas, der gewiss zum Inhalt der Seite gehört & bleibt.",
      ])
    #expect(found.counts.documents == 2)
  }

  @Test func lyingLengths() throws {
    for length in [3, 30, 1 << 40, -5] {
      let bad = record("conversion", "Ganz falsch hier.", "Content-Type: text/plain\r\n", length: length)
      let found = try read(bad + good + good)
      #expect(
        found.lines.suffix(2).map { $0.split(separator: "\t")[1] } == (length == 1 << 40 ? [] : ["Eins.", "Zwei."]),
        "\(length)")
      #expect((found.counts.dropped["bad-record"] ?? 0) >= 1 || length == 1 << 40, "\(length) \(found.counts)")
      #expect(failure { _ = try read(bad + good, strict: true) }?.place == "offset 0", "\(length)")
    }
    #expect(failure { _ = try read(String(good.dropLast(20)), strict: true) }?.kind == .badData)
  }

  @Test func redirectsAndOtherMediaAreLeftOut() throws {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n"
    let image = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\nxx"
    let found = try read(record("response", redirect) + record("response", image) + good)
    #expect(found.lines.count == 2 && found.counts.dropped == ["not-text": 1])
  }

  @Test func chunkedPages() throws {
    let body = "<p>Ein Absatz, der lang genug ist, um als Inhalt dieser Seite zu gelten, ja.</p>"
    let message =
      "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
      + String(body.utf8.count, radix: 16) + "\r\n" + body + "\r\n0\r\n\r\n"
    #expect(try read(record("response", message)).lines.count == 1)
  }
}

@Suite struct WikipediaTests {
  @Test func articles() throws {
    let text = """
      <mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/"><siteinfo><sitename>W</sitename></siteinfo>
      <page><title>A</title><ns>0</ns><id>12</id><revision><id>99</id><text xml:space="preserve">{{Infobox|a={{b}}}}
      '''Fett''' und ''kursiv''&lt;ref name="x"&gt;weg&lt;/ref&gt; mit [[Ziel|Text]] und [[Wort]].
      == Titel ==
      * Punkt [http://x.de Netz]
      [[Datei:x.jpg|mini|Bild mit [[Link]]]]
      {| class="x"
      | Zelle
      |}
      [[Kategorie:Y]]</text></revision></page>
      <page><title>B</title><ns>1</ns><id>13</id><revision><text>Diskussion</text></revision></page>
      <page><title>C</title><ns>0</ns><id>14</id><redirect title="A" /><revision><text>#REDIRECT [[A]]</text></revision></page>
      </mediawiki>
      """
    let found = try read(text)
    #expect(
      found.lines == [
        "12:0\tFett und kursiv mit Text und Wort.", "12:1\tTitel", "12:2\tPunkt Netz",
      ])
    #expect(found.counts.documents == 1)
    #expect(failure { _ = try read(String(text.dropLast(30))) }?.problem.contains("not well-formed") == true)
  }

  @Test func bombsAndFilesAreNeverResolved() throws {
    let entities = (1..<9).map { "<!ENTITY l\($0) \"\(String(repeating: "&l\($0 - 1);", count: 10))\">" }.joined()
    let bomb =
      "<?xml version=\"1.0\"?><!DOCTYPE mediawiki [<!ENTITY l0 \"lol\">\(entities)]><mediawiki><page><ns>0</ns><id>1</id><revision><text>&l8;</text></revision></page></mediawiki>"
    let file =
      "<?xml version=\"1.0\"?><!DOCTYPE mediawiki [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><mediawiki><page><ns>0</ns><id>1</id><revision><text>&f;</text></revision></page></mediawiki>"
    for text in [bomb, file] {
      let thrown = failure {
        let found = try read(text, .wikipedia)
        #expect(!found.lines.contains { $0.contains("lol") || $0.contains("root") })
      }
      #expect(thrown?.remedy?.contains("never resolved") == true, "\(String(describing: thrown))")
    }
  }
}

@Suite struct BitextTests {
  static let tmx = """
    <?xml version="1.0" encoding="utf-8"?>
    <!DOCTYPE tmx SYSTEM "tmx14.dtd">
    <tmx version="1.4"><header srclang="en" datatype="plaintext"/><body>
    <tu tuid="u1"><tuv xml:lang="de-DE"><seg>Guten <bpt i="1">&lt;b&gt;</bpt>Tag<ept i="1">&lt;/b&gt;</ept> &amp; Hallo</seg></tuv>
    <tuv xml:lang="EN"><seg>Good
      day &amp; hello</seg></tuv></tu>
    <tu><tuv xml:lang="de"><seg>Nur deutsch</seg></tuv></tu>
    <tu><tuv xml:lang="en"><seg>Two</seg></tuv><tuv xml:lang="de"><seg>Zwei</seg></tuv></tu>
    </body></tmx>
    """

  private func pairs(_ text: String, _ codes: String...) throws -> [String] {
    let folder = TemporaryFolder()
    let reader = try PairReader(
      path: folder.write("t", text), languages: codes.map { try Language(parsing: $0) })
    var result: [String] = []
    var batch = PairBatch()
    while try reader.readBatch(into: &batch) {
      for i in 0..<batch.count { result.append("\(batch.sourceText(i))|\(batch.targetText(i))") }
    }
    return result
  }

  @Test func tmx() throws {
    #expect(try pairs(Self.tmx, "de", "en") == ["Guten Tag & Hallo|Good day & hello", "Zwei|Two"])
    // The source language of the header comes first where none is asked for.
    #expect(try pairs(Self.tmx) == ["Good day & hello|Guten Tag & Hallo", "Two|Zwei"])
    let one = try read(Self.tmx) {
      $0.format = .text
      $0.input.languages = [try! Language(parsing: "de")]
    }
    #expect(one.lines == ["Guten Tag & Hallo", "Nur deutsch", "Zwei"])
    #expect(failure { _ = try pairs(Self.tmx, "fr", "en") }?.problem.contains("EN, de") == true)
    #expect(failure { _ = try pairs(String(Self.tmx.dropLast(20)), "de", "en") }?.kind == .badData)
    #expect(failure { _ = try pairs(Self.tmx.replacing("EN\"", with: "fr\"")) }?.kind != .software)
  }

  @Test func xliff() throws {
    let first = """
      <?xml version="1.0"?><xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
      <file source-language="en" target-language="de"><body><trans-unit id="1"><source>One <g id="1">thing</g></source>
      <target>Eine Sache</target><alt-trans><source>no</source><target>nein</target></alt-trans></trans-unit>
      <trans-unit id="2"><source>Open</source></trans-unit></body></file></xliff>
      """
    #expect(try pairs(first) == ["One thing|Eine Sache"])
    #expect(try pairs(first, "de", "en") == ["Eine Sache|One thing"])
    let second = """
      <xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en" trgLang="de"><file id="f"><unit id="u">
      <segment><source>A</source><target>B</target></segment><segment><source>C</source><target>D</target></segment></unit></file></xliff>
      """
    #expect(try pairs(second) == ["A|B", "C|D"])
  }

  @Test func sgm() throws {
    let source = """
      <srcset setid="t" srclang="any"><doc docid="d1" genre="news" origlang="de"><p>
      <seg id="1">A &amp; B & C</seg>
      <seg id="2"> Zwei </seg></p></doc>
      <DOC docid="d2"><seg id="1">Drei</seg></DOC></srcset>
      """
    #expect(try read(source).lines == ["d1:1\tA & B & C", "d1:2\tZwei", "d2:1\tDrei"])
    let both = """
      <dataset id="x"><doc id="d" origlang="en"><src lang="en"><p><seg id="1">One</seg><seg id="2">Two</seg></p></src>
      <ref lang="de" translator="A"><p><seg id="1">Eins</seg><seg id="2">Zwei</seg></p></ref></doc></dataset>
      """
    #expect(try pairs(both) == ["One|Eins", "Two|Zwei"])
    #expect(try pairs(both, "de", "en") == ["Eins|One", "Zwei|Two"])
    #expect(failure { _ = try read("<srcset><doc docid=\"1\"></doc></srcset>") }?.kind == .badData)
    #expect(failure { _ = try read("<srcset><doc docid=\"1\"><seg id=1>offen") }?.problem.contains("within") == true)
  }
}

@Suite struct CleaningTests {
  @Test func eachByItself() throws {
    let text = #"{"text":"Caf\u0065\u0301 &amp; s\u00ado\u200b"}"#
    func cleaned(_ change: (inout CleaningOptions) -> Void) throws -> ([String], DocumentCounts) {
      let found = try read(text) { change(&$0.input.cleaning) }
      return (found.lines, found.counts)
    }
    #expect(try cleaned { $0.composes = true }.0 == ["0:0\tCafé &amp; s\u{AD}o\u{200B}"])
    #expect(try cleaned { $0.dropsInvisible = true }.1.cleaned == ["invisible": 2])
    #expect(try cleaned { $0.resolvesEntities = true }.0.first?.contains("& s") == true)
  }

  @Test func mojibakeIsCounted() throws {
    let wrong = ["CafÃ©", "donâ€™t", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "fÃ¼r", "Â°C", "GrÃ¶ÃŸe", "Ã€ la carte", "Ã\u{9F}"]
    let right = [
      "Café", "don’t", "привет", "für", "10 °C", "NIÑO", "IRMÃ»", "ÂGE", "â € x", "SÃO", "À«", "Ã", "Ñ”", "Â",
    ]
    for line in wrong + right {
      let reader = try LineReader(source: ScriptedSource(Array("\(line)\n".utf8), sizes: [100]), name: "test")
      var batch = LineBatch()
      while try reader.readBatch(into: &batch) {}
      #expect(reader.report.mojibakeLines == (wrong.contains(line) ? 1 : 0), "\(line)")
    }
    // A character that is cut off at the end.
    for tail in [[0xC3], [0xC3, 0x83], [0xC3, 0x83, 0xC2], [0xC3, 0xC3]] as [[UInt8]] {
      let reader = try LineReader(source: ScriptedSource([0x61] + tail, sizes: [100]), name: "test")
      var batch = LineBatch()
      while try reader.readBatch(into: &batch) {}
      #expect(reader.report.mojibakeLines == 0)
    }
    let all = (wrong + wrong + right).joined(separator: "\n")
    let reader = try LineReader(source: ScriptedSource(Array(all.utf8), sizes: [7]), name: "test")
    var batch = LineBatch()
    while try reader.readBatch(into: &batch) {}
    #expect(reader.report.mojibakeLines == 2 * wrong.count)
    #expect(TextLook.mojibakeWarning("t", 2, of: 5) == nil && TextLook.mojibakeWarning("t", 5, of: 500) == nil)
    #expect(TextLook.mojibakeWarning("t", 6, of: 500)?.contains("6 of 500 lines") == true)
  }

  @Test func boilerplateAndNearDuplicates() throws {
    let body = (0..<40).map { "Satz Nummer \($0) über dies und das und jenes" }.joined(separator: "\\n")
    let documents = (0..<20).map { #"{"id":"d\#($0)","text":"Alle Rechte vorbehalten\nEigener Text \#($0)"}"# }
    let found = try read(documents.joined(separator: "\n")) { $0.input.cleaning.boilerplateDocuments = 10 }
    #expect(found.counts.cleaned == ["boilerplate": 11])
    #expect(found.lines.count == 29 && found.lines.contains("d19:1\tEigener Text 19"))
    let copies = [
      #"{"text":"\#(body)"}"#, #"{"text":"\#(body) mehr"}"#,
      #"{"text":"\#(body.replacing("und", with: "oder").replacing("Satz", with: "Zeile"))"}"#,
    ]
    let kept = try read(copies.joined(separator: "\n")) { $0.input.cleaning.dropsNearDuplicates = true }
    #expect(kept.counts.dropped == ["near-duplicate": 1] && kept.counts.documents == 2)
  }
}
