import Base

/// Texts that become one token wherever they stand: special tokens, and words added to a vocabulary.
struct AddedTokens: Sendable {
  struct Token: Sendable {
    var content: [UInt8]
    var id: Int32
    var isSpecial: Bool
    /// White space before, or after, belongs to it.
    var takesLeft: Bool
    var takesRight: Bool
    /// It counts only where no letter or digit stands beside it.
    var isWord: Bool
    /// It is looked for in the normalised text.
    var isNormalized: Bool
  }

  let tokens: [Token]
  private let trie: ByteTrie
  /// The bytes that tokens begin with.
  private let begins: [Bool]

  /// - Parameters:
  ///   - contents: what to look for, one for each token; empty ones are never found.
  init(_ tokens: [Token], contents: [[UInt8]]) {
    self.tokens = tokens
    let kept = tokens.indices.filter { !contents[$0].isEmpty }
    trie = ByteTrie(kept.map { contents[$0] }, kept.map { Int32($0) })
    var begins = [Bool](repeating: false, count: 256)
    for i in kept { begins[Int(contents[i][0])] = true }
    self.begins = begins
  }

  /// Reads the list `added_tokens`.
  static func read(_ part: TokenizerPart, model: WordModel) throws(Failure) -> [Token] {
    if part.value("added_tokens") == nil { return [] }
    var tokens: [Token] = []
    let list = try part.parts("added_tokens")
    guard list.count <= 1 << 16 else { throw part.wrong("added_tokens", "has more than 65536 tokens") }
    for token in list {
      let content = try token.requiredString("content")
      guard let id = try token.number("id"), id < WordModel.limit else {
        throw token.wrong("id", "is not there, or too large")
      }
      let known = model.trie.find(content)
      guard known < 0 || known == Int32(id) else {
        throw token.wrong(
          "id", "is \(id) for \"\(text(content))\", which has the id \(known) in the vocabulary",
          remedy: "the list belongs to another vocabulary")
      }
      let isSpecial = try token.bool("special") ?? false
      tokens.append(
        Token(
          content: content, id: Int32(id), isSpecial: isSpecial, takesLeft: try token.bool("lstrip") ?? false,
          takesRight: try token.bool("rstrip") ?? false, isWord: try token.bool("single_word") ?? false,
          isNormalized: try token.bool("normalized") ?? !isSpecial))
      try token.finish()
    }
    return tokens
  }

  /// Cuts a stretch of text at tokens, the leftmost first and of those the longest.
  func cut(_ bytes: Span<UInt8>, _ range: Range<Int>, isFirst: Bool, into segments: inout [TextSegment]) {
    var done = range.lowerBound
    var i = range.lowerBound
    while i < range.upperBound {
      guard begins[Int(bytes[i])] else {
        i += 1
        continue
      }
      var node = ByteTrie.root
      var found: Int32 = -1
      var end = i
      var k = i
      while k < range.upperBound {
        node = trie.child(node, bytes[k])
        if node < 0 { break }
        k += 1
        let value = trie.value(node)
        if value >= 0 {
          found = value
          end = k
        }
      }
      guard found >= 0 else {
        i += 1
        continue
      }
      let token = tokens[Int(found)]
      var (start, stop) = (i, end)
      i = end
      if token.isWord {
        if start > range.lowerBound, CharacterTable.isWord(characterBefore(bytes, start)) { continue }
        if stop < range.upperBound, CharacterTable.isWord(character(bytes, at: stop).value) { continue }
      }
      if token.takesLeft {
        while start > done, CharacterTable.isWhiteSpace(characterBefore(bytes, start)) {
          start -= 1
          while bytes[start] & 0xC0 == 0x80 { start -= 1 }
        }
      }
      if token.takesRight {
        while stop < range.upperBound {
          let (value, size) = character(bytes, at: stop)
          if !CharacterTable.isWhiteSpace(value) { break }
          stop += size
        }
      }
      if done < start {
        segments.append(TextSegment(start: done, end: start, isFirst: isFirst && done == range.lowerBound))
      }
      segments.append(TextSegment(start: start, end: stop, token: token.id))
      done = stop
    }
    if done < range.upperBound {
      segments.append(TextSegment(start: done, end: range.upperBound, isFirst: isFirst && done == range.lowerBound))
    }
  }

  private func characterBefore(_ bytes: Span<UInt8>, _ i: Int) -> UInt32 {
    var start = i - 1
    while bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return character(bytes, at: start).value
  }
}
