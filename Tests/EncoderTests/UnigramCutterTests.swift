import Base
import Foundation
import TestSupport
import Testing

import Encoder

/// Pieces found here against those that libsentencepiece finds.
@Suite struct UnigramCutterTests {
  static let shipped = "models/ems-mini/sentencepiece.model"

  func tokenizer() throws -> Tokenizer {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    return try Tokenizer(path: "\(root)/\(Self.shipped)")
  }

  /// What makes trouble: spaces of all kinds, characters that join or change, what no vocabulary has, long words.
  static let parts = [
    " ", "  ", "\t", "\u{A0}", "\u{3000}", "\u{200B}", "\u{AD}", "\u{FEFF}", "\u{2581}", "\u{2581}\u{2581}", "a", "the",
    "running",
    "Übung", "e\u{301}", "a\u{30A}\u{323}", "ﬁ", "Ⅷ", "½", "①", "カ\u{3099}", "ｶﾞ", "한국어", "\u{1112}\u{1161}\u{11AB}",
    "東京都",
    "ภาษาไทย", "हिन्दी", "العربية", "עברית", "𝔘𝔫𝔦", "🙂", "👩\u{200D}👩\u{200D}👧", "\u{10FFFF}", "\u{E000}", "0123456789",
    "...", "\u{0}",
    "\u{1}", "\u{7F}", "\u{85}", "…", "™", "ß", "İ", "ǅ", "\u{FFFD}", "xn--", "ქართული", "㍿", "ﷺ",
    "Straßenbahnhaltestelle",
  ]

  @Test func idsAreThoseOfTheLibrary() throws {
    let tokenizer = try tokenizer()
    #expect(tokenizer.cutsItself)
    var random = SplitMix(seed: 11)
    var texts: [[UInt8]] = ["", " ", "   ", "a", " a", "a ", "\u{2581}", "\u{2581} a \u{2581}"].map { Array($0.utf8) }
    for _ in 0..<3000 {
      let count = Int.random(in: 1...20, using: &random)
      texts.append(Array((0..<count).map { _ in Self.parts.randomElement(using: &random) ?? "" }.joined().utf8))
    }
    // Bytes that are no UTF-8, cut characters.
    for i in 0..<300 {
      var bytes = texts[10 + i]
      for _ in 0..<2 {
        bytes.insert(UInt8.random(in: 0x80...0xFF, using: &random), at: Int.random(in: 0...bytes.count, using: &random))
      }
      texts.append(bytes)
      texts.append(Array(bytes.dropLast(1)))
    }
    texts.append(Array(String(repeating: "überlängenwort", count: 400).utf8))
    texts.append(Array(String(repeating: "the quick brown fox 東京 ", count: 2000).utf8))
    // Twice, so that words are met that were kept.
    for _ in 0..<2 {
      for text in texts {
        let (ours, theirs) = try tokenizer.bothIDs(text)
        #expect(ours == theirs, "\(String(decoding: text, as: UTF8.self).debugDescription)")
      }
    }
  }

  @Test func aLimitCutsTheSameIDsOff() throws {
    let tokenizer = try tokenizer()
    let text = "a sentence of several words, and 東京都 \u{E000}\u{E001} too"
    let whole = try tokenizer.encode(text, lowercase: false)
    for limit in 1...whole.count {
      #expect(try tokenizer.encode(text, lowercase: false, limit: limit) == Array(whole.prefix(limit)))
    }
  }

  @Test func threadsDoNotDisturbEachOther() throws {
    let tokenizer = try tokenizer()
    let lines = (0..<400).map { "line \($0) of the words that all threads keep, number \($0 * $0)" }
    let expected = try lines.map { try tokenizer.encode($0, lowercase: true) }
    let found = try concurrentMap(8, threads: 8) { (part: Int) throws(Failure) -> [[Int32]] in
      var all: [[Int32]] = []
      for line in lines { all.append(try tokenizer.encode(line, lowercase: true)) }
      return all
    }
    for part in found { #expect(part == expected) }
  }
}
