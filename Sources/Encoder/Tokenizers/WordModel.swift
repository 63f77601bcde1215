import Base

/// What one thread needs to cut words into pieces; kept from one batch to the next.
struct WordScratch {
  // Unigram: the best way to each place.
  var scores: [Double] = []
  var origins: [Int32] = []
  var ids: [Int32] = []
  // BPE: a word's symbols in a chain, and the merges that are possible.
  var symbols: [Symbol] = []
  var heap: [Merge] = []
  var bytes: [UInt8] = []

  struct Symbol {
    var id: Int32
    var previous: Int32
    var next: Int32
    var isGone = false
  }

  /// Ordered by rank, then place.
  struct Merge {
    var key: UInt64
    var id: Int32
  }
}

/// How words are cut into the pieces of a vocabulary.
enum WordModel: Sendable {
  case wordPiece(WordPieceModel)
  case unigram(UnigramModel)
  case bpe(BytePairModel)

  /// Reads a `model`.
  init(_ part: TokenizerPart) throws(Failure) {
    // Old files do not name the type; the keys tell.
    var type = ""
    if let named = try part.string("type") {
      type = String(decoding: named, as: UTF8.self)
    } else if part.value("merges") != nil {
      type = "BPE"
    } else if part.value("max_input_chars_per_word") != nil {
      type = "WordPiece"
    }
    switch type {
    case "WordPiece": self = .wordPiece(try WordPieceModel(part))
    case "Unigram": self = .unigram(try UnigramModel(part))
    case "BPE": self = .bpe(try BytePairModel(part))
    default: throw part.unsupported("model", type)
    }
    try part.finish(harmless: ["dropout"])
  }

  /// Reads `vocab` as an object of pieces and ids.
  static func vocabulary(_ part: TokenizerPart) throws(Failure) -> (pieces: [[UInt8]], ids: [Int32]) {
    var pieces: [[UInt8]] = []
    var ids: [Int32] = []
    let table = try part.table("vocab")
    guard table.count <= limit else {
      throw part.wrong("vocab", "has \(table.count) pieces; at most \(limit) are supported")
    }
    pieces.reserveCapacity(table.count)
    ids.reserveCapacity(table.count)
    for (piece, value) in table {
      guard case .number(let id) = value, id == id.rounded(), id >= 0, id < Double(limit) else {
        throw part.wrong("vocab", "gives \"\(text(piece))\" the id \(value.shown); 0 ..< \(limit) is possible")
      }
      pieces.append(piece)
      ids.append(Int32(id))
    }
    // Two pieces with one id are a mixture of two vocabularies.
    var seen = [Bool](repeating: false, count: Int(ids.max() ?? -1) + 1)
    for (i, id) in ids.enumerated() {
      if seen[Int(id)] { throw part.wrong("vocab", "gives the id \(id) twice; once to \"\(text(pieces[i]))\"") }
      seen[Int(id)] = true
    }
    return (pieces, ids)
  }

  /// The largest vocabulary.
  static let limit = 1 << 24

  /// The ids of the bytes' pieces `<0x00>` ... `<0xFF>`, -1 where there is none.
  static func bytePieces(_ trie: ByteTrie) -> [Int32] {
    let digits = Array("0123456789ABCDEF".utf8)
    return (0..<256).map { trie.find([0x3C, 0x30, 0x78, digits[$0 >> 4], digits[$0 & 15], 0x3E]) }
  }

  var trie: ByteTrie {
    switch self {
    case .wordPiece(let model): model.trie
    case .unigram(let model): model.trie
    case .bpe(let model): model.trie
    }
  }

  /// One more than the largest id.
  var size: Int {
    switch self {
    case .wordPiece(let model): model.size
    case .unigram(let model): model.scores.count
    case .bpe(let model): model.size
    }
  }

  /// The id of unknown words; nil where there is none.
  var unknown: Int32? {
    switch self {
    case .wordPiece(let model): model.unknown
    case .unigram(let model): model.unknown
    case .bpe(let model): model.unknown
    }
  }

  /// Appends the ids of a word.
  func append(_ bytes: Span<UInt8>, _ word: Range<Int>, _ scratch: inout WordScratch, to ids: inout [Int32]) {
    switch self {
    case .wordPiece(let model): model.append(bytes, word, to: &ids)
    case .unigram(let model): model.append(bytes, word, &scratch, to: &ids)
    case .bpe(let model): model.append(bytes, word, &scratch, to: &ids)
    }
  }
}

/// The longest piece first, from left to right; a word that cannot be cut so is unknown as a whole.
struct WordPieceModel: Sendable {
  let trie: ByteTrie
  let size: Int
  let unknown: Int32?
  private let unknownID: Int32
  private let longest: Int
  /// The node of the prefix of pieces inside a word, -1 if no piece has it.
  private let inner: Int32

  init(_ part: TokenizerPart) throws(Failure) {
    let (pieces, ids) = try WordModel.vocabulary(part)
    trie = ByteTrie(pieces, ids)
    size = Int(ids.max() ?? -1) + 1
    let name = try part.string("unk_token") ?? Array("[UNK]".utf8)
    let found = trie.find(name)
    guard found >= 0 else { throw part.wrong("unk_token", "is \"\(text(name))\", which the vocabulary lacks") }
    unknown = found
    unknownID = found
    longest = try part.number("max_input_chars_per_word") ?? 100
    let prefix = try part.string("continuing_subword_prefix") ?? Array("##".utf8)
    inner = trie.node(prefix.span, 0..<prefix.count)
  }

  func append(_ bytes: Span<UInt8>, _ word: Range<Int>, to ids: inout [Int32]) {
    if word.count > longest {
      var count = 0
      for i in word where bytes[i] & 0xC0 != 0x80 { count += 1 }
      if count > longest {
        ids.append(unknownID)
        return
      }
    }
    let before = ids.count
    var start = word.lowerBound
    while start < word.upperBound {
      var node = start == word.lowerBound ? ByteTrie.root : inner
      var end = start
      var found: Int32 = -1
      var i = start
      while node >= 0, i < word.upperBound {
        node = trie.child(node, bytes[i])
        if node < 0 { break }
        i += 1
        let value = trie.value(node)
        if value >= 0 {
          found = value
          end = i
        }
      }
      if found < 0 {
        ids.removeSubrange(before...)
        ids.append(unknownID)
        return
      }
      ids.append(found)
      start = end
    }
  }
}

/// The pieces whose probabilities have the largest product.
struct UnigramModel: Sendable {
  let trie: ByteTrie
  let scores: [Double]
  let unknown: Int32?
  private let unknownScore: Double
  /// The bytes' pieces, empty if bytes do not stand in for unknown characters.
  private let bytePieces: [Int32]

  init(_ part: TokenizerPart) throws(Failure) {
    let items = try part.array("vocab")
    guard items.count <= WordModel.limit, !items.isEmpty else {
      throw part.wrong("vocab", "has \(items.count) pieces; 1 ... \(WordModel.limit) are possible")
    }
    var pieces: [[UInt8]] = []
    var scores: [Double] = []
    pieces.reserveCapacity(items.count)
    scores.reserveCapacity(items.count)
    for (i, item) in items.enumerated() {
      guard case .array(let pair) = item, pair.count == 2, case .string(let piece) = pair[0],
        case .number(let score) = pair[1]
      else { throw part.wrong("vocab[\(i)]", "is \(item.shown); a piece and its score are expected") }
      pieces.append(piece)
      scores.append(score)
    }
    self.scores = scores
    let unknown = try part.number("unk_id")
    if let unknown, unknown >= scores.count {
      throw part.wrong("unk_id", "is \(unknown), but the vocabulary has \(scores.count) pieces")
    }
    self.unknown = unknown.map { Int32($0) }
    // What the reference takes off for each unknown character.
    unknownScore = (scores.min() ?? 0) - 10
    // An empty piece fits nowhere.
    let kept = pieces.indices.filter { !pieces[$0].isEmpty }
    trie = ByteTrie(kept.map { pieces[$0] }, kept.map { Int32($0) })
    let fallback = try part.bool("byte_fallback") ?? false
    bytePieces = fallback ? WordModel.bytePieces(trie) : []
    if fallback, unknown == nil, bytePieces.contains(-1) {
      throw part.wrong("byte_fallback", "is true, but the vocabulary lacks pieces of bytes, and there is no unk_id")
    }
  }

  func append(_ bytes: Span<UInt8>, _ word: Range<Int>, _ scratch: inout WordScratch, to ids: inout [Int32]) {
    let start = word.lowerBound
    let count = word.count
    if scratch.origins.count < count + 1 {
      scratch.scores = [Double](repeating: 0, count: 2 * count + 1)
      scratch.origins = [Int32](repeating: -1, count: 2 * count + 1)
      scratch.ids = [Int32](repeating: 0, count: 2 * count + 1)
    }
    forward(bytes.extracting(word), &scratch.scores, &scratch.origins, &scratch.ids)
    // Backwards; neighbouring unknown characters become one.
    let before = ids.count
    var end = count
    while end > 0 {
      var begin = Int(scratch.origins[end])
      let id = scratch.ids[end]
      if id == unknown ?? Self.missing {
        while begin > 0, scratch.ids[begin] == id { begin = Int(scratch.origins[begin]) }
        appendUnknown(bytes, start + begin..<start + end, to: &ids)
      } else {
        ids.append(id)
      }
      end = begin
    }
    ids[before...].reverse()
  }

  /// Stands for unknown characters where the vocabulary has no piece for them.
  private static let missing: Int32 = -2

  /// Finds the best way to each place in a word.
  private func forward(
    _ word: Span<UInt8>, _ bests: inout [Double], _ begins: inout [Int32], _ pieces: inout [Int32]
  ) {
    var best = bests.mutableSpan
    var origins = begins.mutableSpan
    var found = pieces.mutableSpan
    let scores = scores.span
    let count = word.count
    for i in 0...count { origins[i] = -1 }
    best[0] = 0
    var i = 0
    while i < count {
      let here = best[i]
      let size = characterSize(word[i])
      var single = false
      var node = ByteTrie.root
      var end = i
      while end < count {
        node = trie.child(node, word[end])
        if node < 0 { break }
        end += 1
        let id = trie.value(node)
        if id < 0 { continue }
        let score = scores[Int(id)] + here
        if origins[end] < 0 || score > best[end] {
          best[end] = score
          origins[end] = Int32(i)
          found[end] = id
        }
        if end - i == size { single = true }
      }
      if !single {
        let score = unknownScore + here
        if origins[i + size] < 0 || score > best[i + size] {
          best[i + size] = score
          origins[i + size] = Int32(i)
          found[i + size] = unknown ?? Self.missing
        }
      }
      i += size
    }
  }

  /// In reverse order.
  private func appendUnknown(_ bytes: Span<UInt8>, _ range: Range<Int>, to ids: inout [Int32]) {
    let whole = trie.find(bytes, range)
    if whole >= 0 {
      ids.append(whole)
      return
    }
    if !bytePieces.isEmpty, range.allSatisfy({ bytePieces[Int(bytes[$0])] >= 0 }) {
      for i in range.reversed() { ids.append(bytePieces[Int(bytes[i])]) }
    } else if let unknown {
      ids.append(unknown)
    }
  }
}

/// Characters, of which neighbouring pairs are merged in the order of a list.
struct BytePairModel: Sendable {
  let trie: ByteTrie
  let size: Int
  let unknown: Int32?
  private let merges: PairTable
  private let bytePieces: [Int32]
  private let fusesUnknown: Bool
  private let ignoresMerges: Bool
  private let prefix: [UInt8]
  private let suffix: [UInt8]

  init(_ part: TokenizerPart) throws(Failure) {
    let (pieces, ids) = try WordModel.vocabulary(part)
    trie = ByteTrie(pieces, ids)
    size = Int(ids.max() ?? -1) + 1
    if let name = try part.string("unk_token") {
      let found = trie.find(name)
      guard found >= 0 else { throw part.wrong("unk_token", "is \"\(text(name))\", which the vocabulary lacks") }
      unknown = found
    } else {
      unknown = nil
    }
    if case .number(let rate)? = part.value("dropout"), rate > 0 {
      throw part.wrong("dropout", "is \(rate), which is not supported: ids would change from time to time")
    }
    fusesUnknown = try part.bool("fuse_unk") ?? false
    ignoresMerges = try part.bool("ignore_merges") ?? false
    bytePieces = try part.bool("byte_fallback") ?? false ? WordModel.bytePieces(trie) : []
    if !bytePieces.isEmpty, unknown == nil, bytePieces.contains(-1) {
      throw part.wrong("byte_fallback", "is true, but the vocabulary lacks pieces of bytes, and there is no unk_token")
    }
    prefix = try part.string("continuing_subword_prefix") ?? []
    suffix = try part.string("end_of_word_suffix") ?? []

    let list = try part.array("merges")
    guard list.count <= WordModel.limit else {
      throw part.wrong("merges", "has \(list.count) merges; at most \(WordModel.limit) are supported")
    }
    merges = try PairTable(count: list.count) { [trie, prefix] (i, add) throws(Failure) in
      var left: [UInt8] = []
      var right: [UInt8] = []
      switch list[i] {
      case .string(let both):
        let words = both.split(separator: 0x20, omittingEmptySubsequences: false)
        guard words.count == 2 else {
          throw part.wrong("merges[\(i)]", "is \"\(text(both))\"; two pieces with a space between are expected")
        }
        left = Array(words[0])
        right = Array(words[1])
      case .array(let pair):
        guard pair.count == 2, case .string(let first) = pair[0], case .string(let second) = pair[1] else {
          throw part.wrong("merges[\(i)]", "is \(list[i].shown); two pieces are expected")
        }
        left = first
        right = second
      case let other: throw part.wrong("merges[\(i)]", "is \(other.shown); two pieces are expected")
      }
      guard right.count >= prefix.count else {
        throw part.wrong("merges[\(i)]", "ends with \"\(text(right))\", which is shorter than the prefix")
      }
      let whole = left + right[prefix.count...]
      let (a, b, c) = (trie.find(left), trie.find(right), trie.find(whole))
      for (id, piece) in [(a, left), (b, right), (c, whole)] where id < 0 {
        throw part.wrong("merges[\(i)]", "needs the piece \"\(text(piece))\", which the vocabulary lacks")
      }
      add(a, b, c)
    }
  }

  func append(_ bytes: Span<UInt8>, _ word: Range<Int>, _ scratch: inout WordScratch, to ids: inout [Int32]) {
    if ignoresMerges {
      let whole = trie.find(bytes, word)
      if whole >= 0 {
        ids.append(whole)
        return
      }
    }
    scratch.symbols.removeAll(keepingCapacity: true)
    var waiting = false
    let isPlain = prefix.isEmpty && suffix.isEmpty
    var i = word.lowerBound
    while i < word.upperBound {
      let end = min(i + characterSize(bytes[i]), word.upperBound)
      var id: Int32
      if isPlain {
        id = trie.find(bytes, i..<end)
      } else {
        scratch.bytes.removeAll(keepingCapacity: true)
        if i > word.lowerBound { scratch.bytes += prefix }
        appendBytes(bytes, i..<end, to: &scratch.bytes)
        if end == word.upperBound { scratch.bytes += suffix }
        id = trie.find(scratch.bytes)
      }
      if id >= 0 {
        if waiting { add(unknown ?? 0, &scratch) }
        waiting = false
        add(id, &scratch)
      } else if !addBytes(bytes, i..<end, isPlain, &scratch), let unknown {
        if waiting, !fusesUnknown { add(unknown, &scratch) }
        waiting = true
      }
      i = end
    }
    if waiting { add(unknown ?? 0, &scratch) }
    merge(&scratch)
    var at = scratch.symbols.isEmpty ? -1 : 0
    while at >= 0 {
      ids.append(scratch.symbols[at].id)
      at = Int(scratch.symbols[at].next)
    }
  }

  /// Adds the pieces of bytes in place of a character, if there are all.
  private func addBytes(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ isPlain: Bool, _ scratch: inout WordScratch
  ) -> Bool {
    if bytePieces.isEmpty { return false }
    if isPlain {
      if !range.allSatisfy({ bytePieces[Int(bytes[$0])] >= 0 }) { return false }
      for i in range { add(bytePieces[Int(bytes[i])], &scratch) }
    } else {
      if !scratch.bytes.allSatisfy({ bytePieces[Int($0)] >= 0 }) { return false }
      for byte in scratch.bytes { add(bytePieces[Int(byte)], &scratch) }
    }
    return true
  }

  @inline(__always)
  private func add(_ id: Int32, _ scratch: inout WordScratch) {
    let n = Int32(scratch.symbols.count)
    if n > 0 { scratch.symbols[Int(n) - 1].next = n }
    scratch.symbols.append(WordScratch.Symbol(id: id, previous: n - 1, next: -1))
  }

  private func merge(_ scratch: inout WordScratch) {
    scratch.heap.removeAll(keepingCapacity: true)
    let count = scratch.symbols.count
    if count < 2 { return }
    for i in 0..<count - 1 { propose(i, &scratch) }
    while let top = scratch.heap.popMerge() {
      let at = Int(top.key & 0xFFFF_FFFF)
      let symbol = scratch.symbols[at]
      if symbol.isGone || symbol.next < 0 { continue }
      let next = Int(symbol.next)
      let right = scratch.symbols[next]
      // The pair may be another one by now.
      guard let merge = merges.find(symbol.id, right.id), merge.id == top.id else { continue }
      scratch.symbols[at].id = top.id
      scratch.symbols[at].next = right.next
      scratch.symbols[next].isGone = true
      if right.next >= 0 { scratch.symbols[Int(right.next)].previous = Int32(at) }
      if symbol.previous >= 0 { propose(Int(symbol.previous), &scratch) }
      propose(at, &scratch)
    }
  }

  @inline(__always)
  private func propose(_ at: Int, _ scratch: inout WordScratch) {
    let symbol = scratch.symbols[at]
    if symbol.next < 0 { return }
    if let merge = merges.find(symbol.id, scratch.symbols[Int(symbol.next)].id) {
      scratch.heap.pushMerge(
        WordScratch.Merge(key: UInt64(merge.rank) << 32 | UInt64(UInt32(at)), id: merge.id))
    }
  }
}

extension [WordScratch.Merge] {
  mutating func pushMerge(_ merge: WordScratch.Merge) {
    append(merge)
    var i = count - 1
    while i > 0 {
      let up = (i - 1) / 2
      if self[up].key <= self[i].key { break }
      swapAt(up, i)
      i = up
    }
  }

  mutating func popMerge() -> WordScratch.Merge? {
    guard let top = first else { return nil }
    let last = removeLast()
    if isEmpty { return top }
    self[0] = last
    var i = 0
    while true {
      var least = i
      for child in [2 * i + 1, 2 * i + 2] where child < count && self[child].key < self[least].key { least = child }
      if least == i { return top }
      swapAt(i, least)
      i = least
    }
  }
}

/// What pairs of ids are merged into, and in which order; a hash table in flat arrays.
struct PairTable: Sendable {
  private var keys: [UInt64]
  private var values: [(rank: UInt32, id: Int32)]
  private let mask: Int

  /// - Parameters:
  ///   - fill: called for every rank, and calls back with a pair and what it becomes. Of one pair, the last counts.
  init(
    count: Int, _ fill: (Int, (Int32, Int32, Int32) -> Void) throws(Failure) -> Void
  ) throws(Failure) {
    var capacity = 16
    while capacity < 2 * count { capacity *= 2 }
    var keys = [UInt64](repeating: .max, count: capacity)
    var values = [(rank: UInt32, id: Int32)](repeating: (0, 0), count: capacity)
    let mask = capacity - 1
    for rank in 0..<count {
      try fill(rank) { left, right, whole in
        let key = UInt64(UInt32(left)) << 32 | UInt64(UInt32(right))
        var slot = Self.slot(key) & mask
        while keys[slot] != .max, keys[slot] != key { slot = (slot + 1) & mask }
        keys[slot] = key
        values[slot] = (UInt32(rank), whole)
      }
    }
    self.keys = keys
    self.values = values
    self.mask = mask
  }

  @inline(__always)
  private static func slot(_ key: UInt64) -> Int {
    let mixed = (key ^ key >> 29) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 24)
  }

  @inline(__always)
  func find(_ left: Int32, _ right: Int32) -> (rank: UInt32, id: Int32)? {
    let key = UInt64(UInt32(left)) << 32 | UInt64(UInt32(right))
    var slot = Self.slot(key) & mask
    while keys[slot] != .max {
      if keys[slot] == key { return values[slot] }
      slot = (slot + 1) & mask
    }
    return nil
  }
}
