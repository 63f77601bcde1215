import Base
import Synchronization

/// Cuts text into the pieces of a SentencePiece model of the unigram kind, as libsentencepiece does: the same rules of
/// normalising, the same sums in the same precision, so the same ids. Several times as fast, because the words of a text are
/// few: what a word was cut into is kept.
///
/// Safe to use from several threads at a time: what a call works in is its own.
final class UnigramCutter: Sendable {
  private let trie: ByteTrie
  private let scores: [Float]
  private let unknown: Int32
  private let unknownScore: Float
  private let rules: Rules
  private let addsDummyPrefix: Bool
  private let removesExtraSpaces: Bool
  /// Whether no piece goes on behind a space, so that words can be cut one by one.
  private let wordsAreApart: Bool
  private let spare = Mutex<[Scratch]>([])

  private static let space: [UInt8] = [0xE2, 0x96, 0x81]

  /// Nil for a vocabulary that is left to libsentencepiece: pieces that a user defined, pieces of bytes, spaces that are
  /// suffixes or stay as they are.
  ///
  /// - Throws: `Failure` when the rules of normalising are damaged.
  init?(_ vocabulary: SentencePieceVocabulary, name: String) throws(Failure) {
    guard vocabulary.escapesSpaces, !vocabulary.spacesAreSuffixes, !vocabulary.byteFallback else { return nil }
    var pieces: [[UInt8]] = []
    var ids: [Int32] = []
    var least = Float.greatestFiniteMagnitude
    var unknown: Int32?
    var apart = true
    for (id, piece) in vocabulary.pieces.enumerated() {
      switch piece.type {
      case .normal, .unused:
        if piece.text.isEmpty { return nil }
        if piece.type == .normal { least = min(least, piece.score) }
        // No text is cut into these; they do not even stand in the way.
        if piece.type == .unused { continue }
        let bytes = Array(piece.text.utf8)
        for i in bytes.indices.dropFirst() where bytes[i...].starts(with: Self.space) { apart = false }
        pieces.append(bytes)
        ids.append(Int32(id))
      case .unknown: unknown = Int32(id)
      case .control: break
      case .userDefined, .byte: return nil
      }
    }
    guard let unknown, !pieces.isEmpty else { return nil }
    self.unknown = unknown
    unknownScore = least - 10
    scores = vocabulary.pieces.map(\.score)
    trie = ByteTrie(pieces, ids)
    rules = try Rules(vocabulary.charsmap, path: name)
    addsDummyPrefix = vocabulary.addsDummyPrefix
    removesExtraSpaces = vocabulary.removesExtraSpaces
    wordsAreApart = apart
  }

  /// What one call works in.
  final class Scratch: @unchecked Sendable {
    // Sendable to wait for the next call in a mutex; one call uses it at a time.
    fileprivate var text: [UInt8] = []
    fileprivate var cache = WordCache()
    fileprivate var bests: [Float] = []
    fileprivate var origins: [Int32] = []
    fileprivate var pieces: [Int32] = []
    fileprivate var word: [Int32] = []
  }

  /// Runs `body` with memory that no other call uses.
  func withScratch<Trouble: Error>(_ body: (Scratch) throws(Trouble) -> Void) throws(Trouble) {
    let scratch = spare.withLock { $0.popLast() } ?? Scratch()
    defer { spare.withLock { $0.append(scratch) } }
    try body(scratch)
  }

  /// Appends the ids of a text, at most `limit` of them.
  func append(_ text: RawSpan, limit: Int, _ scratch: Scratch, to ids: inout [Int32]) {
    normalize(text, into: &scratch.text)
    let first = ids.count
    // The sum of the scores so far: what follows is compared in the precision that this leaves.
    var sum: Float = 0
    var wasUnknown = false
    let bytes = scratch.text
    let span = bytes.span
    var start = 0
    while start < span.count, ids.count - first < limit {
      var end = span.count
      if wordsAreApart {
        end = start + 1
        while end < span.count,
          !(span[end] == 0xE2 && end + 2 < span.count && span[end + 1] == 0x96 && span[end + 2] == 0x81)
        { end += 1 }
      }
      let word = start..<end
      let canKeep = wordsAreApart && word.count <= WordCache.longest && sum > -4096
      let hash = canKeep ? WordCache.hash(span, word) : 0
      let before = ids.count
      if canKeep, scratch.cache.append(span, word, hash, to: &ids) {
        for i in before..<ids.count { sum = Float(Double(scores[Int(ids[i])]) + Double(sum)) }
        wasUnknown = false
      } else {
        let isSure = cut(span, word, &sum, scratch)
        var hasUnknown = false
        for id in scratch.word.reversed() {
          if id == unknown {
            hasUnknown = true
            if wasUnknown { continue }
          }
          wasUnknown = id == unknown
          ids.append(id)
        }
        if canKeep, isSure, !hasUnknown { scratch.cache.insert(span, word, hash, ids[before...]) }
      }
      start = end
    }
    if ids.count - first > limit { ids.removeSubrange((first + limit)...) }
  }

  /// Finds the best way through a word; its pieces are left in reverse order in `scratch.word`.
  ///
  /// - Parameter sum: of the scores before the word; behind it afterwards.
  /// - Returns: whether the pieces are the same whatever the sum was (above -4096): no two ways were nearly as good.
  private func cut(_ text: Span<UInt8>, _ word: Range<Int>, _ sum: inout Float, _ scratch: Scratch) -> Bool {
    let count = word.count
    if scratch.origins.count < count + 1 {
      scratch.bests = [Float](repeating: 0, count: 2 * count + 1)
      scratch.origins = [Int32](repeating: -1, count: 2 * count + 1)
      scratch.pieces = [Int32](repeating: 0, count: 2 * count + 1)
    }
    let isSure = forward(text.extracting(word), sum, &scratch.bests, &scratch.origins, &scratch.pieces)
    scratch.word.removeAll(keepingCapacity: true)
    var end = count
    while end > 0 {
      scratch.word.append(scratch.pieces[end])
      end = Int(scratch.origins[end])
    }
    sum = scratch.bests[count]
    return isSure
  }

  private func forward(
    _ word: Span<UInt8>, _ start: Float, _ bests: inout [Float], _ begins: inout [Int32], _ pieces: inout [Int32]
  ) -> Bool {
    var best = bests.mutableSpan
    var origins = begins.mutableSpan
    var found = pieces.mutableSpan
    let table = self.scores
    let scores = table.span
    let count = word.count
    var closest = Double.infinity
    for i in 0...count { origins[i] = -1 }
    best[0] = start
    var i = 0
    while i < count {
      let here = best[i]
      let size = min(Self.characterLength(word[i]), count - i)
      var single = false
      var node = ByteTrie.root
      var end = i
      while end < count {
        node = trie.child(node, word[end])
        if node < 0 { break }
        end += 1
        let id = trie.value(node)
        if id < 0 { continue }
        // Summed in double precision, kept in single: that is what the reference does.
        let score = Double(scores[Int(id)]) + Double(here)
        if origins[end] < 0 {
          (best[end], origins[end], found[end]) = (Float(score), Int32(i), id)
        } else {
          let difference = score - Double(best[end])
          closest = min(closest, abs(difference))
          if difference > 0 { (best[end], origins[end], found[end]) = (Float(score), Int32(i), id) }
        }
        if end - i == size { single = true }
      }
      if !single {
        let score = unknownScore + here
        if origins[i + size] < 0 || score > best[i + size] {
          (best[i + size], origins[i + size], found[i + size]) = (score, Int32(i), unknown)
        }
      }
      i += size
    }
    return closest > 0.01
  }

  @inline(__always)
  private static func characterLength(_ first: UInt8) -> Int {
    first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
  }

  // MARK: normalising

  private func normalize(_ text: RawSpan, into result: inout [UInt8]) {
    result.removeAll(keepingCapacity: true)
    var i = 0
    let count = text.byteCount
    if removesExtraSpaces {
      while i < count {
        let next = rules.replacement(text, at: i)
        guard rules.isSpace(text, at: i, next) else { break }
        i += next.consumed
      }
      if i == count { return }
    } else if count == 0 {
      return
    }
    if addsDummyPrefix { result.append(contentsOf: Self.space) }
    var wasSpace = removesExtraSpaces
    while i < count {
      let byte = text.number(at: i, as: UInt8.self)
      // The usual case: a character of ASCII that stays as it is, and no other behind it that might join.
      if byte < 0x80, rules.staysAlone[Int(byte)], i + 1 == count || text.number(at: i + 1, as: UInt8.self) < 0x80 {
        i += 1
        if byte == 0x20 {
          if wasSpace { continue }
          result.append(contentsOf: Self.space)
          wasSpace = removesExtraSpaces
        } else {
          result.append(byte)
          wasSpace = false
        }
        continue
      }
      let next = rules.replacement(text, at: i)
      rules.forEachByte(text, at: i, next) { byte, isLast in
        if byte == 0x20 {
          if wasSpace { return }
          result.append(contentsOf: Self.space)
          // Only spaces at the beginning of what a character becomes are left out.
          if isLast { wasSpace = removesExtraSpaces }
        } else {
          result.append(byte)
          wasSpace = false
        }
      }
      i += next.consumed
    }
    if removesExtraSpaces {
      while result.count >= 3, result[(result.count - 3)...].elementsEqual(Self.space) { result.removeLast(3) }
    }
  }

  /// What characters are replaced by: the compiled rules of a model, of which the longest that fits counts.
  private struct Rules: Sendable {
    private let units: [UInt32]
    private let texts: [UInt8]
    /// ASCII characters that no rule changes unless something that is not ASCII follows.
    let staysAlone: [Bool]

    /// What stands at a place: bytes of the source, a text of the rules, or (for bytes that are not UTF-8) U+FFFD.
    struct Replacement {
      var consumed: Int
      var text: Range<Int>?
      var isBroken = false
    }

    init(_ bytes: [UInt8], path: String) throws(Failure) {
      if bytes.isEmpty {
        (units, texts, staysAlone) = ([], [], Array(repeating: true, count: 128))
        return
      }
      func word(_ i: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[i + $1]) << (8 * UInt32($1)) } }
      guard bytes.count >= 4, case let size = Int(word(0)), size % 4 == 0, size >= 4, size <= bytes.count - 4 else {
        throw Failure(.badData, path, "has damaged rules of normalising", remedy: "check the file, or fetch it again")
      }
      let table = (0..<size / 4).map { word(4 + 4 * $0) }
      let span = table.span
      var stays = [Bool](repeating: true, count: 128)
      for first in 0..<128 {
        let node = Self.step(span, Self.offset(span[0]), UInt8(first))
        guard node >= 0 else { continue }
        if Self.hasValue(span, node) { stays[first] = false }
        let base = Self.children(span, node)
        for second in 1..<128 where Self.step(span, base, UInt8(second)) >= 0 { stays[first] = false }
      }
      units = table
      texts = Array(bytes[(4 + size)...])
      staysAlone = stays
    }

    @inline(__always) private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 1 << 9) >> 6)) }

    /// The unit behind a byte, or -1; `base` is where the children lie.
    @inline(__always)
    private static func step(_ units: Span<UInt32>, _ base: Int, _ byte: UInt8) -> Int {
      let node = base ^ Int(byte)
      guard byte != 0, node < units.count, units[node] & (1 << 31 | 0xFF) == UInt32(byte) else { return -1 }
      return node
    }
    @inline(__always)
    private static func children(_ units: Span<UInt32>, _ node: Int) -> Int { node ^ offset(units[node]) }
    @inline(__always)
    private static func hasValue(_ units: Span<UInt32>, _ node: Int) -> Bool { units[node] >> 8 & 1 == 1 }

    func replacement(_ text: RawSpan, at start: Int) -> Replacement {
      let units = units.span
      var longest = 0
      var value = 0
      if !units.isEmpty {
        var base = Self.offset(units[0])
        var i = start
        while i < text.byteCount {
          let node = Self.step(units, base, text.number(at: i, as: UInt8.self))
          if node < 0 { break }
          i += 1
          base = Self.children(units, node)
          if Self.hasValue(units, node), base < units.count {
            longest = i - start
            value = Int(units[base] & 0x7FFF_FFFF)
          }
        }
      }
      if longest > 0 {
        let from = min(value, texts.count)
        var end = from
        while end < texts.count, texts[end] != 0 { end += 1 }
        return Replacement(consumed: longest, text: from..<end)
      }
      let (scalar, size) = decoded(text, at: start)
      return Replacement(consumed: size, isBroken: size == 1 && scalar == "\u{FFFD}")
    }

    /// Whether a replacement is one space.
    func isSpace(_ source: RawSpan, at i: Int, _ next: Replacement) -> Bool {
      if let text = next.text { return text.count == 1 && texts[text.lowerBound] == 0x20 }
      return next.consumed == 1 && source.number(at: i, as: UInt8.self) == 0x20
    }

    /// The bytes of a replacement, and whether each is the last.
    func forEachByte(_ source: RawSpan, at i: Int, _ next: Replacement, _ body: (UInt8, Bool) -> Void) {
      if let text = next.text {
        for k in text { body(texts[k], k + 1 == text.upperBound) }
      } else if next.isBroken {
        for (k, byte) in [UInt8](arrayLiteral: 0xEF, 0xBF, 0xBD).enumerated() { body(byte, k == 2) }
      } else {
        for k in 0..<next.consumed { body(source.number(at: i + k, as: UInt8.self), k + 1 == next.consumed) }
      }
    }
  }
}
