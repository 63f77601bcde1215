import Base

/// A map of character sequences to others, as SentencePiece compiles it into its models (`precompiled_charsmap`): the
/// size of a double array in bytes, the array, and the texts that it points to.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let texts: [UInt8]
  /// ASCII that stays as it is.
  private let unchanged: [Bool]

  /// - Throws: `Failure` when the parts do not fit together.
  init(_ bytes: [UInt8], path: String, place: String) throws(Failure) {
    func wrong(_ problem: String) -> Failure {
      Failure(.badData, path, at: place, problem, remedy: "the file is damaged: fetch it again")
    }
    func word(_ i: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[i + $1]) << (8 * UInt32($1)) }
    }
    guard bytes.count >= 4 else { throw wrong("holds \(bytes.count) bytes, which is no character map") }
    let size = Int(word(0))
    guard size % 4 == 0, size >= 4, size <= bytes.count - 4 else {
      throw wrong("says that its table has \(size) bytes; it has \(bytes.count - 4) at most")
    }
    let units = (0..<size / 4).map { word(4 + 4 * $0) }
    let texts = Array(bytes[(4 + size)...])
    guard isValidUTF8(texts.span) else { throw wrong("holds texts that are not UTF-8") }
    var unchanged = [Bool](repeating: false, count: 128)
    for byte in 0..<128 {
      let character = [UInt8(byte)]
      unchanged[byte] = Self.find(units.span, texts.span, character.span, 0..<1) == nil
    }
    // Together they are one grapheme.
    unchanged[0x0A] = false
    unchanged[0x0D] = false
    self.units = units
    self.texts = texts
    self.unchanged = unchanged
  }

  /// The text for the shortest beginning that is in the map.
  private static func find(
    _ units: Span<UInt32>, _ texts: Span<UInt8>, _ bytes: Span<UInt8>, _ range: Range<Int>
  ) -> Range<Int>? {
    @inline(__always) func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 1 << 9) >> 6)) }
    var node = offset(units[0])
    for i in range {
      let byte = bytes[i]
      if byte == 0 { return nil }
      node ^= Int(byte)
      guard node < units.count else { return nil }
      let unit = units[node]
      guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
      node ^= offset(unit)
      if unit >> 8 & 1 == 1 {
        guard node < units.count else { return nil }
        let start = Int(units[node] & 0x7FFF_FFFF)
        guard start < texts.count else { return nil }
        var end = start
        while end < texts.count, texts[end] != 0 { end += 1 }
        return start..<end
      }
    }
    return nil
  }

  /// Appends a text with its characters replaced.
  ///
  /// A grapheme of less than 6 bytes is replaced as a whole, and by what stands for its beginning. That is how the
  /// reference does it, and what models have learned from.
  func apply(_ source: [UInt8], to result: inout [UInt8]) {
    let bytes = source.span
    let units = units.span
    let texts = texts.span
    var i = 0
    while i < bytes.count {
      let first = bytes[i]
      if first < 0x80, unchanged[Int(first)], i + 1 == bytes.count || bytes[i + 1] < 0x80 {
        result.append(first)
        i += 1
        continue
      }
      // A run of characters that might join, up to a place where they certainly do not.
      var (value, size) = character(bytes, at: i)
      var end = i + size
      while end < bytes.count {
        let alone = CharacterTable.isAlone(value)
        (value, size) = character(bytes, at: end)
        if alone, CharacterTable.isAlone(value) { break }
        end += size
      }
      if end - i == characterSize(first) {
        replace(units, texts, bytes, i..<end, &result)
      } else {
        let run = bytes.extracting(i..<end)
        let text = unsafe run.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
        var at = i
        for grapheme in text {
          let next = at + grapheme.utf8.count
          if next - at < 6, let found = Self.find(units, texts, bytes, at..<next) {
            appendBytes(texts, found, to: &result)
          } else {
            var k = at
            while k < next {
              let size = characterSize(bytes[k])
              replace(units, texts, bytes, k..<k + size, &result)
              k += size
            }
          }
          at = next
        }
      }
      i = end
    }
  }

  private func replace(
    _ units: Span<UInt32>, _ texts: Span<UInt8>, _ bytes: Span<UInt8>, _ range: Range<Int>, _ result: inout [UInt8]
  ) {
    if let found = Self.find(units, texts, bytes, range) {
      appendBytes(texts, found, to: &result)
    } else {
      appendBytes(bytes, range, to: &result)
    }
  }
}
