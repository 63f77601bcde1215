import Base
import FoundationEssentials

/// An EMS tokenizer in the form of Hugging Face's `tokenizers`: what `Tokenizer.encode` does, from the white space around
/// the text and lower-casing to SentencePiece's rules and pieces, as the parts of a `tokenizer.json`.
///
/// Where the two differ by nature, by how the parts are put together (docs/decisions/0010-sentence-transformers.md):
/// - SentencePiece's compiled rules apply to the longest match; the other program applies them to a grapheme cluster of less
///   than six bytes, by the shortest match, or to single characters. So what the rules compose is composed before (NFC), and
///   every combining mark is set apart from what it follows.
/// - An empty text has no part to work on. So a text begins with a mark, which sentence-transformers puts there as its prompt.
/// - Pieces that no text produces (`<pad>`) would be found in a text that spells them.
struct HubTokenizerExport {
  // Three of Unicode's noncharacters, which are for such uses inside a program: U+FDD0, U+FDD1, U+FDD2. Swift takes them in
  // no literal.

  /// Stands at the beginning of a text until it is normalised.
  static let start = String(decoding: [0xEF, 0xB7, 0x90] as [UInt8], as: UTF8.self)
  /// Stands for a text without any piece; no vocabulary has it.
  static let nothing = String(decoding: [0xEF, 0xB7, 0x91] as [UInt8], as: UTF8.self)
  /// Stands between characters that are not to be composed.
  static let apart = String(decoding: [0xEF, 0xB7, 0x92] as [UInt8], as: UTF8.self)

  /// The pieces under the names that the export gives them, by id.
  let names: [String]
  /// The `tokenizer.json`.
  let json: JSONText

  /// - Parameters:
  ///   - lowercase: whether text is lower-cased first.
  /// - Throws: `Failure` naming what has no counterpart.
  init(_ tokenizer: Tokenizer, lowercase: Bool) throws(Failure) {
    let vocabulary = try SentencePieceVocabulary(tokenizer)
    try Self.check(vocabulary, tokenizer)
    var names = vocabulary.pieces.map(\.text)
    var guards: [String] = []
    let unknown = Int(Configuration.unknownID)
    if vocabulary.byteFallback {
      // Only a piece of this name can be told to be what an empty text becomes: any other character would become bytes.
      names[unknown] = Self.nothing
    }
    if tokenizer.kind == .unigram {
      for (id, name) in Self.hidden(vocabulary) where names[id] != Self.nothing {
        if let pattern = name { guards.append(pattern) } else { names[id] += Self.nothing }
      }
    }
    let model: JSONText
    if tokenizer.kind == .unigram {
      model = .members([
        "type": "Unigram", "unk_id": .int(unknown), "byte_fallback": .bool(vocabulary.byteFallback),
        "vocab": .array(zip(names, vocabulary.pieces).map { .array([.string($0), .double(Double($1.score))]) }),
      ])
    } else {
      model = .members([
        "type": "BPE", "dropout": .null, "unk_token": .string(names[unknown]), "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": true, "byte_fallback": .bool(vocabulary.byteFallback),
        "ignore_merges": false, "vocab": .object(names.enumerated().map { ($1, .int($0)) }),
        "merges": .array(try Self.merges(vocabulary, tokenizer).map { .array([.string($0), .string($1)]) }),
      ])
    }
    var splits: [JSONText] = []
    if !guards.isEmpty {
      splits.append(
        .members([
          "type": "Split", "pattern": .members(["Regex": .string(guards.joined(separator: "|"))]),
          "behavior": "MergedWithPrevious", "invert": false,
        ]))
    }
    splits.append(Self.metaspace("never", split: Self.piecesEndAtSpaces(vocabulary)))
    self.names = names
    json = .members([
      "version": "1.0", "truncation": .null, "padding": .null, "added_tokens": .array([]),
      "normalizer": .members([
        "type": "Sequence", "normalizers": .array(Self.normalizers(vocabulary, lowercase: lowercase)),
      ]),
      "pre_tokenizer": .members(["type": "Sequence", "pretokenizers": .array(splits)]), "post_processor": .null,
      "decoder": Self.metaspace("always", split: true), "model": model,
    ])
  }

  private static func metaspace(_ scheme: String, split: Bool) -> JSONText {
    .members(["type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": .string(scheme), "split": .bool(split)])
  }

  private static func check(_ vocabulary: SentencePieceVocabulary, _ tokenizer: Tokenizer) throws(Failure) {
    func refuse(_ key: String, _ problem: String) -> Failure {
      Failure(
        .badData, tokenizer.name, at: key, "\(problem), which a tokenizer.json cannot express",
        remedy: "the format ems keeps this tokenizer")
    }
    guard tokenizer.kind == .unigram || tokenizer.kind == .bpe else {
      throw refuse("trainer_spec.model_type", "is \(tokenizer.kind.rawValue)")
    }
    guard !vocabulary.spacesAreSuffixes else { throw refuse("trainer_spec.treat_whitespace_as_suffix", "is true") }
    guard vocabulary.escapesSpaces else { throw refuse("normalizer_spec.escape_whitespaces", "is false") }
    // Other rules may compose what NFC does not, or the other way round.
    guard vocabulary.charsmap.isEmpty || ["nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf"].contains(vocabulary.rules)
    else {
      throw refuse("normalizer_spec.name", "is \"\(vocabulary.rules)\"")
    }
    for (id, piece) in vocabulary.pieces.enumerated() where piece.type == .userDefined || piece.type == .unused {
      throw refuse("piece \(id)", "is \(piece.type == .unused ? "not to be used" : "user-defined")")
    }
  }

  // MARK: Normalizing

  private static func replace(_ pattern: String, by text: String) -> JSONText {
    .members(["type": "Replace", "pattern": .members(["Regex": .string(pattern)]), "content": .string(text)])
  }

  private static func replace(literally text: String, by other: String) -> JSONText {
    .members(["type": "Replace", "pattern": .members(["String": .string(text)]), "content": .string(other)])
  }

  /// Python's white space, as `trimmingWhiteSpace` has it.
  private static let whiteSpace =
    #"\x{9}-\x{d}\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"#

  /// Characters that Unicode takes apart and that can be composed further (ê with an acute is one character, too). NFC does;
  /// SentencePiece's rules compose only what is taken apart as a whole. Tests/Oracles/check_export.py finds them anew.
  private static let composed: String = {
    let ranges = """
      c2 c4-c5 c7 ca cf d2-d6 d9-da dc e2 e4-e5 e7 ea ef f2-f6 f9-fa fc 102-103 106-107 112-115 14c-14d 15a-15b 160-161 \
      168-16b 1a0-1a1 1af-1b0 1ea-1eb 226-229 22e-22f 3ac 3ae 3ca-3cb 3ce cca ddc 1e36-1e37 1e5a-1e5b 1e60-1e63 1ea0-1ea1 \
      1eb8-1eb9 1ecc-1ecf 1ee4-1ee7 1f00-1f11 1f18-1f19 1f20-1f31 1f38-1f39 1f40-1f41 1f48-1f49 1f50-1f51 1f59 1f60-1f70 \
      1f74 1f7c 1f80-1f81 1f88-1f89 1f90-1f91 1f98-1f99 1fa0-1fa1 1fa8-1fa9 1fb3 1fb6 1fbc 1fc3 1fc6 1fcc 1ff3 1ff6 1ffc \
      ac00-d7a3
      """
    return ranges.split(separator: " ").map { range in
      range.split(separator: "-").map { "\\x{\($0)}" }.joined(separator: "-")
    }.joined()
  }()

  private static func normalizers(_ vocabulary: SentencePieceVocabulary, lowercase: Bool) -> [JSONText] {
    let (start, nothing, apart) = (start, nothing, apart)
    let nothingIfEmpty = replace("\\A\(start)\\z", by: nothing)
    // Does nothing to an empty text; twice to one that has it as its prompt.
    var steps: [JSONText] = [.members(["type": "Prepend", "prepend": .string(start)])]
    steps.append(replace("\\A\(start)\(start)?[\(whiteSpace)]*", by: start))
    steps.append(replace("[\(whiteSpace)]+\\z", by: ""))
    if lowercase {
      // The one rule of lower-casing that looks around; see `lowercased`.
      let cased = #"[\p{Cased}&&[^\p{Case_Ignorable}]]"#
      steps.append(
        replace("\(cased)\\p{Case_Ignorable}*\\KΣ(?!\\p{Case_Ignorable}*\(cased))", by: "ς"))
      steps.append(.members(["type": "Lowercase"]))
    }
    // SentencePiece makes a piece of the prefix alone out of what is not empty before its rules and empty after them.
    if !vocabulary.removesExtraSpaces, vocabulary.addsDummyPrefix { steps.append(nothingIfEmpty) }
    if !vocabulary.charsmap.isEmpty {
      // NFC would also put marks in another order, and compose with those behind the first. The exceptions are vowel signs
      // and Latin letters of several parts, but for parts below behind parts above.
      let marks = #"\p{M}\K(?=[\p{Mn}&&[^\x{300}-\x{36f}\x{b56}\x{c56}\x{dca}]])"#
      let below = #"[\x{300}-\x{315}]\K(?=[\x{31b}\x{323}-\x{328}\x{32d}\x{32e}\x{330}\x{331}])"#
      let further = "[\(composed)]\\K(?=[\\p{M}\\x{11a8}-\\x{11c2}])"
      steps.append(replace("\(marks)|\(below)|\(further)", by: apart))
      steps.append(.members(["type": "NFC"]))
      steps.append(replace("(?<!\(apart))(?=[\\p{M}\\x{ff9e}\\x{ff9f}])", by: apart))
      steps.append(
        .members([
          "type": "Precompiled", "precompiled_charsmap": .string(Data(vocabulary.charsmap).base64EncodedString()),
        ])
      )
      // Wide letters and narrow kana are composed with their marks only now.
      let latin = #"[\x{300}-\x{36f}]"#
      steps.append(replace("(?<![\\p{M}\(composed)])\(apart)|(?<=\(latin))\(apart)(?=\(latin))", by: ""))
      steps.append(.members(["type": "NFC"]))
      steps.append(replace(literally: apart, by: ""))
    }
    if vocabulary.removesExtraSpaces {
      steps.append(replace(" {2,}", by: " "))
      steps.append(replace("\\A\(start) ", by: start))
    }
    steps.append(replace(literally: " ", by: "\u{2581}"))
    if vocabulary.removesExtraSpaces { steps.append(replace("\u{2581}+\\z", by: "")) }
    if vocabulary.removesExtraSpaces || !vocabulary.addsDummyPrefix { steps.append(nothingIfEmpty) }
    steps.append(replace("\\A\(start)", by: vocabulary.addsDummyPrefix ? "\u{2581}" : ""))
    return steps
  }

  // MARK: Pieces

  /// Whether cutting a text before its spaces first, which is faster, leaves the pieces as they are.
  private static func piecesEndAtSpaces(_ vocabulary: SentencePieceVocabulary) -> Bool {
    var spaceIsPiece = false
    for piece in vocabulary.pieces where piece.type == .normal {
      if piece.text.unicodeScalars.dropFirst().contains("\u{2581}") { return false }
      spaceIsPiece = spaceIsPiece || piece.text == "\u{2581}"
    }
    // Else unknown characters on both sides of a cut would become one piece only without it.
    return spaceIsPiece
  }

  private struct Pair: Hashable {
    var first: Unicode.Scalar, second: Unicode.Scalar
  }

  /// The pieces that a text may spell but not produce, and a pattern whose end is a place inside where such a text can be
  /// cut without touching another piece; nil where there is none.
  private static func hidden(_ vocabulary: SentencePieceVocabulary) -> [(id: Int, pattern: String?)] {
    var hidden: [(id: Int, text: [Unicode.Scalar])] = []
    var crossed: [Pair: Bool] = [:]
    for (id, piece) in vocabulary.pieces.enumerated() where piece.type != .normal {
      let text = Array(piece.text.unicodeScalars)
      hidden.append((id, text))
      for (first, second) in zip(text, text.dropFirst()) { crossed[Pair(first: first, second: second)] = false }
    }
    var single = Set<Unicode.Scalar>()
    for piece in vocabulary.pieces where piece.type == .normal {
      var last: Unicode.Scalar?
      var count = 0
      for scalar in piece.text.unicodeScalars {
        if let last, crossed[Pair(first: last, second: scalar)] != nil {
          crossed[Pair(first: last, second: scalar)] = true
        }
        last = scalar
        count += 1
      }
      if count == 1, let last { single.insert(last) }
    }
    return hidden.map { id, text in
      for cut in stride(from: 1, to: text.count, by: 1) {
        let pair = Pair(first: text[cut - 1], second: text[cut])
        // Two unknown characters side by side are one piece, which a cut would make two.
        guard crossed[pair] == false, single.contains(pair.first) || single.contains(pair.second) else { continue }
        return (id, "\(escaped(text[..<cut]))(?=\(escaped(text[cut...])))")
      }
      return (id, nil)
    }
  }

  private static func escaped(_ text: ArraySlice<Unicode.Scalar>) -> String {
    text.map { scalar in
      let isPlain =
        !scalar.isASCII || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
        || ("0"..."9").contains(scalar)
      return isPlain ? "\(scalar)" : "\\x{\(String(scalar.value, radix: 16))}"
    }.joined()
  }

  /// Every way to merge two pieces into one, those of the best piece first.
  private static func merges(
    _ vocabulary: SentencePieceVocabulary, _ tokenizer: Tokenizer
  ) throws(Failure) -> [(String, String)] {
    // By bytes; see JSONText.
    var ids: [ArraySlice<UInt8>: Int] = [:]
    for (id, piece) in vocabulary.pieces.enumerated() where piece.type == .normal {
      ids[Array(piece.text.utf8)[...]] = id
    }
    let order = ids.values.sorted { a, b in
      let (x, y) = (vocabulary.pieces[a].score, vocabulary.pieces[b].score)
      return x == y ? a < b : x > y
    }
    var merges: [(String, String)] = []
    for id in order {
      let text = Array(vocabulary.pieces[id].text.utf8)
      let starts = text.indices.filter { text[$0] & 0xC0 != 0x80 } + [text.count]
      if starts.count <= 2 { continue }
      for (start, end) in zip(starts, starts.dropFirst()) where ids[text[start..<end]] == nil {
        throw Failure(
          .badData, tokenizer.name, at: "piece \(id)",
          "\"\(vocabulary.pieces[id].text)\" has a character that is no piece, which a tokenizer.json cannot express",
          remedy: "the format ems keeps this tokenizer")
      }
      let parts = starts.dropFirst().dropLast().compactMap { cut -> (Int, Int)? in
        guard let left = ids[text[..<cut]], let right = ids[text[cut...]] else { return nil }
        return (left, right)
      }
      for (left, right) in parts.sorted(by: <) {
        merges.append((vocabulary.pieces[left].text, vocabulary.pieces[right].text))
      }
    }
    return merges
  }
}
