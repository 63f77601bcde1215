import Base
import CICU

/// A stretch of a text on its way into words.
struct TextSegment {
  var start: Int
  var end: Int
  /// The id of an added token, which is not cut further; -1 for text.
  var token: Int32 = -1
  /// Whether it begins where the sentence began.
  var isFirst = false
}

/// A text in segments, and memory to make the next state in.
struct SegmentedText {
  var bytes: [UInt8] = []
  var segments: [TextSegment] = []
  var nextBytes: [UInt8] = []
  var nextSegments: [TextSegment] = []
  var pieces: [TextPattern.Piece] = []
}

/// How a normalised text is cut into words.
indirect enum PreTokenizer: Sendable {
  /// What happens to the matches of a pattern.
  enum Behavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
  }

  enum Prepending: String, Sendable { case always, first, never }

  case sequence([PreTokenizer])
  case bert
  /// Words, and runs of what is neither word nor space.
  case whitespace
  case whitespaceSplit
  case metaspace(mark: [UInt8], prepending: Prepending, split: Bool)
  case byteLevel(addsSpace: Bool, splits: Bool)
  case punctuation(Behavior)
  case digits(single: Bool)
  case split(TextPattern, Behavior, inverted: Bool)
  case scripts

  /// Reads a `pre_tokenizer`.
  init(_ part: TokenizerPart, path: String, depth: Int = 0) throws(Failure) {
    guard depth < 8 else { throw part.wrong("type", "lies more than 8 levels deep") }
    let type = try part.type()
    switch type {
    case "Sequence":
      var members: [PreTokenizer] = []
      for member in try part.parts("pretokenizers") {
        members.append(try PreTokenizer(member, path: path, depth: depth + 1))
      }
      self = .sequence(members)
    case "BertPreTokenizer": self = .bert
    case "Whitespace": self = .whitespace
    case "WhitespaceSplit": self = .whitespaceSplit
    case "Metaspace":
      let mark = try part.string("replacement") ?? Array("\u{2581}".utf8)
      guard let first = mark.first, characterSize(first) == mark.count else {
        throw part.wrong("replacement", "is not one character")
      }
      _ = part.value("str_rep")
      let scheme = String(decoding: try part.string("prepend_scheme") ?? [], as: UTF8.self)
      let adds = try part.bool("add_prefix_space") ?? true
      var prepending = adds ? Prepending.always : .never
      if !scheme.isEmpty {
        guard let named = Prepending(rawValue: scheme) else {
          throw part.wrong("prepend_scheme", "is \"\(scheme)\", which is not supported")
        }
        prepending = named
      }
      self = .metaspace(mark: mark, prepending: prepending, split: try part.bool("split") ?? true)
    case "ByteLevel":
      let adds = try part.bool("add_prefix_space") ?? true
      _ = try part.bool("trim_offsets")
      self = .byteLevel(addsSpace: adds, splits: try part.bool("use_regex") ?? true)
    case "Punctuation": self = .punctuation(try Self.behavior(part, default: .isolated))
    case "Digits": self = .digits(single: try part.bool("individual_digits") ?? false)
    case "Split":
      let pattern = try TextPattern(try part.required("pattern"), path: path, place: part.inside("pattern"))
      let behavior = try Self.behavior(part, default: nil)
      self = .split(pattern, behavior, inverted: try part.bool("invert") ?? false)
    case "UnicodeScripts": self = .scripts
    default: throw part.unsupported("pre-tokenizer", type)
    }
    try part.finish()
  }

  private static func behavior(_ part: TokenizerPart, default fallback: Behavior?) throws(Failure) -> Behavior {
    guard let name = try part.string("behavior") else {
      guard let fallback else { throw part.wrong("behavior", "the key is missing") }
      return fallback
    }
    guard let behavior = Behavior(rawValue: String(decoding: name, as: UTF8.self)) else {
      throw part.wrong("behavior", "is \"\(text(name))\", which is not supported")
    }
    return behavior
  }

  /// Cuts every segment that is no token.
  func apply(_ text: inout SegmentedText) throws(Failure) {
    switch self {
    case .sequence(let members):
      for member in members { try member.apply(&text) }
    case .bert: Self.bert(&text)
    case .whitespaceSplit:
      try Self.cut(&text, .removed) { (bytes, range, pieces) throws(Failure) in
        Self.single(bytes, range, &pieces, CharacterTable.isWhiteSpace)
      }
    case .whitespace:
      try Self.cut(&text, .removed) { (bytes, range, pieces) throws(Failure) in
        Self.classes(bytes, range, &pieces) {
          CharacterTable.isWhiteSpace($0) ? 0 : CharacterTable.isWord($0) ? 1 : 2
        }
      }
    case .punctuation(let behavior):
      try Self.cut(&text, behavior) { (bytes, range, pieces) throws(Failure) in
        Self.single(bytes, range, &pieces, CharacterTable.isPunctuation)
      }
    case .digits(let single):
      try Self.cut(&text, single ? .isolated : .contiguous) { (bytes, range, pieces) throws(Failure) in
        Self.single(bytes, range, &pieces) { CharacterTable.category($0, in: CharacterTable.Category.numbers) }
      }
    case .split(let pattern, let behavior, let inverted):
      try Self.cut(&text, behavior) { (bytes, range, pieces) throws(Failure) in
        try pattern.cut(bytes, range, into: &pieces)
        if inverted { for i in pieces.indices { pieces[i].isMatch.toggle() } }
      }
    case .metaspace(let mark, let prepending, let split): Self.metaspace(&text, mark, prepending, split)
    case .byteLevel(let addsSpace, let splits): Self.byteLevel(&text, addsSpace, splits)
    case .scripts: Self.scripts(&text)
    }
  }

  // MARK: Cutting by matches

  private static func cut(
    _ text: inout SegmentedText, _ behavior: Behavior,
    _ find: (Span<UInt8>, Range<Int>, inout [TextPattern.Piece]) throws(Failure) -> Void
  ) throws(Failure) {
    text.nextSegments.removeAll(keepingCapacity: true)
    let source = text.bytes
    let bytes = source.span
    for segment in text.segments {
      if segment.token >= 0 {
        text.nextSegments.append(segment)
        continue
      }
      try find(bytes, segment.start..<segment.end, &text.pieces)
      merge(&text.pieces, behavior)
      for piece in text.pieces where piece.end > piece.start {
        if behavior == .removed, piece.isMatch { continue }
        text.nextSegments.append(
          TextSegment(
            start: piece.start, end: piece.end, isFirst: segment.isFirst && piece.start == segment.start))
      }
    }
    swap(&text.segments, &text.nextSegments)
  }

  /// Joins pieces as a behaviour asks.
  private static func merge(_ pieces: inout [TextPattern.Piece], _ behavior: Behavior) {
    if behavior == .removed || behavior == .isolated || pieces.isEmpty { return }
    var merged: [TextPattern.Piece] = []
    var previous = false
    if behavior == .mergedWithNext {
      for piece in pieces.reversed() {
        if piece.isMatch, !previous, !merged.isEmpty {
          merged[merged.count - 1].start = piece.start
        } else {
          merged.append(piece)
        }
        previous = piece.isMatch
      }
      merged.reverse()
    } else {
      for piece in pieces {
        let joins = behavior == .contiguous ? piece.isMatch == previous : piece.isMatch && !previous
        if joins, !merged.isEmpty {
          merged[merged.count - 1].end = piece.end
        } else {
          merged.append(piece)
        }
        previous = piece.isMatch
      }
    }
    pieces = merged
  }

  /// Every character of a kind is a match.
  private static func single(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ pieces: inout [TextPattern.Piece], _ matches: (UInt32) -> Bool
  ) {
    pieces.removeAll(keepingCapacity: true)
    var done = range.lowerBound
    var i = done
    while i < range.upperBound {
      let (value, size) = character(bytes, at: i)
      if matches(value) {
        if done < i { pieces.append(TextPattern.Piece(start: done, end: i, isMatch: false)) }
        pieces.append(TextPattern.Piece(start: i, end: i + size, isMatch: true))
        done = i + size
      }
      i += size
    }
    if done < range.upperBound { pieces.append(TextPattern.Piece(start: done, end: range.upperBound, isMatch: false)) }
  }

  /// Runs of characters of one class; those of class 0 are matches.
  private static func classes(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ pieces: inout [TextPattern.Piece], _ kind: (UInt32) -> Int
  ) {
    pieces.removeAll(keepingCapacity: true)
    var start = range.lowerBound
    var current = -1
    var i = start
    while i < range.upperBound {
      let (value, size) = character(bytes, at: i)
      let found = kind(value)
      if found != current {
        if start < i { pieces.append(TextPattern.Piece(start: start, end: i, isMatch: current == 0)) }
        start = i
        current = found
      }
      i += size
    }
    if start < i { pieces.append(TextPattern.Piece(start: start, end: i, isMatch: current == 0)) }
  }

  // MARK: Kinds

  private static func bert(_ text: inout SegmentedText) {
    text.nextSegments.removeAll(keepingCapacity: true)
    let source = text.bytes
    let bytes = source.span
    for segment in text.segments {
      if segment.token >= 0 {
        text.nextSegments.append(segment)
        continue
      }
      var start = segment.start
      var i = start
      while i < segment.end {
        let (value, size) = character(bytes, at: i)
        let isPunctuation = CharacterTable.isPunctuation(value)
        if isPunctuation || CharacterTable.isWhiteSpace(value) {
          if start < i {
            text.nextSegments.append(
              TextSegment(start: start, end: i, isFirst: segment.isFirst && start == segment.start))
          }
          if isPunctuation {
            text.nextSegments.append(
              TextSegment(start: i, end: i + size, isFirst: segment.isFirst && i == segment.start))
          }
          start = i + size
        }
        i += size
      }
      if start < i {
        text.nextSegments.append(TextSegment(start: start, end: i, isFirst: segment.isFirst && start == segment.start))
      }
    }
    swap(&text.segments, &text.nextSegments)
  }

  /// Spaces become marks, and every mark begins a word.
  private static func metaspace(
    _ text: inout SegmentedText, _ mark: [UInt8], _ prepending: Prepending, _ split: Bool
  ) {
    text.nextSegments.removeAll(keepingCapacity: true)
    text.nextBytes.removeAll(keepingCapacity: true)
    let source = text.bytes
    let bytes = source.span
    for segment in text.segments {
      let begin = text.nextBytes.count
      if segment.token >= 0 {
        appendBytes(bytes, segment.start..<segment.end, to: &text.nextBytes)
        var moved = segment
        moved.start = begin
        moved.end = text.nextBytes.count
        text.nextSegments.append(moved)
        continue
      }
      @inline(__always) func hasMark(_ i: Int) -> Bool {
        guard segment.end - i >= mark.count else { return false }
        for k in mark.indices where bytes[i + k] != mark[k] { return false }
        return true
      }
      let adds: Bool
      switch prepending {
      case .always: adds = true
      case .first: adds = segment.isFirst
      case .never: adds = false
      }
      if adds, segment.start < segment.end, bytes[segment.start] != 0x20, !hasMark(segment.start) {
        text.nextBytes.append(contentsOf: mark)
      }
      var start = begin
      var i = segment.start
      while i < segment.end {
        let byte = bytes[i]
        if byte == 0x20 || (byte == mark[0] && hasMark(i)) {
          let end = text.nextBytes.count
          if split, end > start {
            text.nextSegments.append(
              TextSegment(start: start, end: end, isFirst: segment.isFirst && start == begin))
            start = end
          }
          text.nextBytes.append(contentsOf: mark)
          i += byte == 0x20 ? 1 : mark.count
        } else {
          text.nextBytes.append(byte)
          i += 1
        }
      }
      if text.nextBytes.count > start {
        text.nextSegments.append(
          TextSegment(start: start, end: text.nextBytes.count, isFirst: segment.isFirst && start == begin))
      }
    }
    swap(&text.segments, &text.nextSegments)
    swap(&text.bytes, &text.nextBytes)
  }

  /// The UTF-8 of the characters that stand for bytes: printable ones for themselves, the others from U+0100 on.
  static let byteCharacters: [[UInt8]] = {
    var result: [[UInt8]] = []
    var next: UInt32 = 0x100
    for byte in UInt32(0)..<256 {
      var character: [UInt8] = []
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: appendCharacter(byte, to: &character)
      default:
        appendCharacter(next, to: &character)
        next += 1
      }
      result.append(character)
    }
    return result
  }()

  private static func byteLevel(_ text: inout SegmentedText, _ addsSpace: Bool, _ splits: Bool) {
    text.nextSegments.removeAll(keepingCapacity: true)
    text.nextBytes.removeAll(keepingCapacity: true)
    let characters = byteCharacters
    let source = text.bytes
    let all = source.span
    for segment in text.segments {
      let begin = text.nextBytes.count
      if segment.token >= 0 {
        appendBytes(all, segment.start..<segment.end, to: &text.nextBytes)
        var moved = segment
        moved.start = begin
        moved.end = text.nextBytes.count
        text.nextSegments.append(moved)
        continue
      }
      // The words of the segment, with a space before that is not in the bytes.
      let bytes = all.extracting(segment.start..<segment.end)
      var virtual = addsSpace && !bytes.isEmpty && bytes[0] != 0x20
      var i = 0
      while i < bytes.count {
        let start = text.nextBytes.count
        let end = splits ? wordEnd(bytes, i, behindSpace: virtual) : bytes.count
        if virtual { text.nextBytes.append(contentsOf: characters[0x20]) }
        virtual = false
        for k in i..<end { text.nextBytes.append(contentsOf: characters[Int(bytes[k])]) }
        text.nextSegments.append(
          TextSegment(start: start, end: text.nextBytes.count, isFirst: segment.isFirst && start == begin))
        i = end
      }
    }
    swap(&text.segments, &text.nextSegments)
    swap(&text.bytes, &text.nextBytes)
  }

  private enum Kind { case space, letter, number, other }

  private static func kind(_ c: UInt32) -> Kind {
    if CharacterTable.isWhiteSpace(c) { return .space }
    if CharacterTable.category(c, in: CharacterTable.Category.letters) { return .letter }
    return CharacterTable.category(c, in: CharacterTable.Category.numbers) ? .number : .other
  }

  /// The end of the word that begins at an index, as GPT-2 cuts: English endings, and letters, numbers or other signs
  /// with a space before; of a run of white space, the last goes with what follows.
  ///
  /// - Parameter behindSpace: whether a space stands before, which belongs to the word.
  private static func wordEnd(_ bytes: Span<UInt8>, _ start: Int, behindSpace: Bool) -> Int {
    var i = start
    var (value, size) = character(bytes, at: i)
    var kind = kind(value)
    if !behindSpace {
      if value == 0x27 {
        let next: UInt8 = bytes.count - i > 1 ? bytes[i + 1] : 0
        let after: UInt8 = bytes.count - i > 2 ? bytes[i + 2] : 0
        switch (UnicodeScalar(next), UnicodeScalar(after)) {
        case ("s", _), ("t", _), ("m", _), ("d", _): return i + 2
        case ("r", "e"), ("v", "e"), ("l", "l"): return i + 3
        default: break
        }
      }
      if value == 0x20, i + 1 < bytes.count {
        let next = character(bytes, at: i + 1)
        let nextKind = Self.kind(next.value)
        if nextKind != .space {
          i += 1
          (value, size) = next
          kind = nextKind
        }
      }
    } else if kind == .space {
      // The space before and these are one run.
      return spacesEnd(bytes, start, before: 1)
    }
    if kind == .space { return spacesEnd(bytes, start, before: 0) }
    i += size
    while i < bytes.count {
      (value, size) = character(bytes, at: i)
      if Self.kind(value) != kind { break }
      i += size
    }
    return i
  }

  private static func spacesEnd(_ bytes: Span<UInt8>, _ start: Int, before: Int) -> Int {
    var i = start
    var last = start
    var count = before
    while i < bytes.count {
      let (value, size) = character(bytes, at: i)
      if !CharacterTable.isWhiteSpace(value) { break }
      last = i
      i += size
      count += 1
    }
    return i == bytes.count || count == 1 ? i : last
  }

  /// Cut where the script changes. Japanese kana go with Chinese characters, and spaces with anything.
  private static func scripts(_ text: inout SegmentedText) {
    text.nextSegments.removeAll(keepingCapacity: true)
    let (hiragana, katakana, han, any) = (Int32(20), Int32(22), Int32(17), Int32(-2))
    let source = text.bytes
    let bytes = source.span
    for segment in text.segments {
      if segment.token >= 0 {
        text.nextSegments.append(segment)
        continue
      }
      var last = Int32(-1)
      var start = -1
      var i = segment.start
      while i < segment.end {
        let (value, size) = character(bytes, at: i)
        var script = ems_icu_script(value)
        if value == 0x30FC || script == hiragana || script == katakana { script = han }
        if value == 0x20 { script = any }
        if script != any {
          if last != script {
            if start >= 0 {
              text.nextSegments.append(
                TextSegment(start: start, end: i, isFirst: segment.isFirst && start == segment.start))
            }
            start = i
          }
          last = script
        }
        i += size
      }
      if start >= 0, start < i {
        text.nextSegments.append(TextSegment(start: start, end: i, isFirst: segment.isFirst && start == segment.start))
      }
    }
    swap(&text.segments, &text.nextSegments)
  }
}
