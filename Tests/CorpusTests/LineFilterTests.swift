import Base
import Corpus
import Foundation
import Testing

@Suite struct LineFilterTests {
  private func reason(_ filter: LineFilter, _ text: String) -> LineFilter.DropReason? {
    let bytes = Array(text.utf8)
    return filter.reason(toDrop: bytes.span)
  }

  private func filter(_ code: String, _ identifier: LanguageIdentifier = LanguageIdentifier()) throws -> LineFilter {
    try LineFilter(expecting: Language(parsing: code), by: identifier)
  }

  @Test(arguments: ["x", "é", "学", "😀"]) func lengthsCountCharacters(character: String) throws {
    let filter = try LineFilter(minCharacters: 5, maxCharacters: 20)
    for count in 0...30 {
      let expected: LineFilter.DropReason? = count < 5 ? .tooShort : count > 20 ? .tooLong : nil
      #expect(reason(filter, String(repeating: character, count: count)) == expected, "\(count)")
    }
    // A letter and a mark are two.
    #expect(reason(try LineFilter(maxCharacters: 1), "e\u{301}") == .tooLong)
  }

  @Test func nothingIsDroppedUnlessAsked() throws {
    let filter = try LineFilter()
    for text in ["", "1", String(repeating: "ab ", count: 100_000)] { #expect(reason(filter, text) == nil) }
    #expect(filter.digestSettings.isEmpty)
  }

  @Test func lettersOfAnyScript() throws {
    let filter = try LineFilter(needsLetters: true)
    for text in [
      "", "12:30", "+49 (0) 89 / 123", "——", "٣٤٥", "😀", "①", "a", "7 ж", "https://y.org/Seite?n=5", "info@y.org",
    ] { #expect(reason(filter, text) == .noLetters) }
    for text in ["ab", "12 km", "où", "да", "学", "네", "กา", "हाँ", "და", "لا", "siehe www.y.org"] {
      #expect(reason(filter, text) == nil)
    }
    #expect(reason(try LineFilter(), "12:30") == nil)
    let invalid: [UInt8] = [0xC3, 0x31, 0xFF]
    let dropped = filter.reason(toDrop: invalid.span)
    #expect(dropped == .noLetters)
  }

  @Test func otherLanguagesAreDroppedAndUnsureLinesKept() throws {
    let german = "Am Abend saßen wir lange auf der Terrasse und erzählten uns Geschichten aus der Schulzeit."
    let english = "In the evening we sat on the terrace for hours and told each other stories from school."
    #expect(reason(try filter("de"), german) == nil)
    #expect(reason(try filter("de"), english) == .language)
    #expect(reason(try filter("en"), german) == .language)
    #expect(reason(try filter("en"), english) == nil)
    for text in ["", "OK", "Maria", "12 345", "https://example.org", "!!!"] {
      #expect(reason(try filter("de"), text) == nil, "\(text)")
    }
  }

  @Test func relatedLanguagesAreNoContradiction() throws {
    let croatian = "Navečer smo dugo sjedili na terasi i pričali jedni drugima priče iz školskih dana."
    for code in ["hr", "sr", "bs", "sh", "sr-Latn"] { #expect(reason(try filter(code), croatian) == nil, "\(code)") }
    #expect(reason(try filter("sl"), croatian) == .language)
    let bokmaal = "Om kvelden satt vi lenge på terrassen og fortalte hverandre historier fra skoletiden."
    for code in ["no", "nb", "nn"] { #expect(reason(try filter(code), bokmaal) == nil, "\(code)") }
    #expect(reason(try filter("sv"), bokmaal) == .language)
    let traditional = "晚上我們在陽臺上坐了很久，互相講學校裡的故事。"
    for code in ["zh", "zh-Hant", "zho_Hans", "yue"] {
      #expect(reason(try filter(code), traditional) == nil, "\(code)")
    }
    #expect(reason(try filter("ja"), traditional) == .language)
  }

  @Test func relationsGoBothWays() throws {
    for a in Language.all {
      #expect(a.isEasilyTaken(for: a))
      for b in Language.all where a.isEasilyTaken(for: b) { #expect(b.isEasilyTaken(for: a)) }
    }
    let pairs = Language.all.flatMap { a in Language.all.filter { a.code < $0.code && a.isEasilyTaken(for: $0) } }
    // One for each of nb/nn, id/ms, fa/prs, ak/tw; 3 for zh and bh, 6 for sh, 55 for ar: so every code of the table is known.
    #expect(pairs.count == 4 + 3 + 3 + 6 + 55)
    #expect(!(try Language(parsing: "da").isEasilyTaken(for: Language(parsing: "nb"))))
    #expect(try Language(parsing: "sr").isEasilyTaken(for: Language(parsing: "sr-Latn")))
  }

  @Test func expectedLanguageMustBeKnown() throws {
    // CLD2 has no Kabyle, and Egyptian Arabic only as Arabic.
    do {
      _ = try filter("kab")
      Issue.record("Kabyle was accepted")
    } catch let error as Failure {
      #expect(error.kind == .usage)
      #expect(error.description.contains("kab") && error.description.contains("CLD2"))
    }
    _ = try filter("arz")
    for range in [(-1, 5), (6, 5)] {
      #expect(throws: Failure.self) { try LineFilter(minCharacters: range.0, maxCharacters: range.1) }
    }
  }

  @Test func settingsNameAllThatDecides() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/lid-hs.bin").path()
    let german = try Language(parsing: "de")
    let plain = try LineFilter(minCharacters: 3, maxCharacters: 9, needsLetters: true).digestSettings
    #expect(
      plain == ["filter-min-characters": "3", "filter-max-characters": "9", "filter-needs-letters": "2"])
    let cld2 = try filter("de").digestSettings
    #expect(Set(cld2.keys) == ["filter-language", "filter-identifier", "filter-rules"])
    #expect(cld2["filter-identifier"]?.hasPrefix("CLD2 V2.0") == true)
    let fastText = try LineFilter(expecting: german, by: LanguageIdentifier(fastText: file)).digestSettings
    #expect(fastText["filter-identifier-digest"]?.count == 32)
    #expect(fastText["filter-threshold"] == "0.5")
    let stricter = try LineFilter(expecting: german, by: LanguageIdentifier(fastText: file, threshold: 0.9))
    #expect(stricter.digestSettings != fastText)
  }
}
