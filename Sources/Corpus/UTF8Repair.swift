/// What begins at a position of a byte string.
enum UTF8Step: Equatable {
  /// A well-formed character of so many bytes.
  case character(Int)
  /// So many bytes that begin a character but cannot be continued to one, or a byte that begins none (1).
  case invalid(Int)
}

/// Reads one character, or the longest ill-formed piece that Unicode replaces by a single U+FFFD (the "maximal subpart").
func step(in bytes: Span<UInt8>, at i: Int) -> UTF8Step {
  let lead = bytes[i]
  let length: Int
  // Only the second byte's range depends on the first: it rules out overlong forms, surrogates, and over U+10FFFF.
  var second: ClosedRange<UInt8> = 0x80...0xBF
  switch lead {
  case 0x00...0x7F: return .character(1)
  case 0xC2...0xDF: length = 2
  case 0xE0...0xEF:
    length = 3
    if lead == 0xE0 { second = 0xA0...0xBF }
    if lead == 0xED { second = 0x80...0x9F }
  case 0xF0...0xF4:
    length = 4
    if lead == 0xF0 { second = 0x90...0xBF }
    if lead == 0xF4 { second = 0x80...0x8F }
  default: return .invalid(1)
  }
  for k in 1..<length {
    guard i + k < bytes.count, (k == 1 ? second : 0x80...0xBF) ~= bytes[i + k] else { return .invalid(k) }
  }
  return .character(length)
}

/// The offset of the first ill-formed byte, or nil if all are well-formed.
func firstInvalid(in bytes: Span<UInt8>) -> Int? {
  var i = 0
  while i < bytes.count {
    guard case .character(let length) = step(in: bytes, at: i) else { return i }
    i += length
  }
  return nil
}

/// Appends the bytes with U+FFFD in place of every ill-formed piece.
func appendRepaired(_ bytes: Span<UInt8>, to array: inout [UInt8]) {
  var i = 0
  while i < bytes.count {
    switch step(in: bytes, at: i) {
    case .character(let length):
      for k in i..<i + length { array.append(bytes[k]) }
      i += length
    case .invalid(let length):
      array.append(0xEF)
      array.append(0xBF)
      array.append(0xBD)
      i += length
    }
  }
}

/// The largest cut of at most `limit` bytes that does not fall inside a well-formed character.
///
/// - Precondition: `limit <= bytes.count`.
func characterBoundary(in bytes: Span<UInt8>, atMost limit: Int) -> Int {
  // A character that crosses the limit begins in the three bytes before it.
  for back in 1...3 where back <= limit {
    if case .character(let length) = step(in: bytes, at: limit - back) {
      return length > back ? limit - back : limit
    }
  }
  return limit
}
