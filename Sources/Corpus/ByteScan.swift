import Glibc

// The innermost loops over text bytes. They are here, on pointers, because a safe load of a vector from a span does not
// exist yet, and byte at a time is an order of magnitude slower than the disk. Every function takes a span, so its bounds
// are those of the span.

/// What occurs in a stretch of bytes.
struct ByteTraits {
  var isASCII: Bool
  var hasNUL: Bool
  var hasTab: Bool
  var hasCR: Bool

  /// Looks at every byte once.
  init(of bytes: Span<UInt8>) {
    // Eight bytes at a time: `(x - ones) & ~x & tops` has a bit exactly if some byte of x is zero. The compiler makes
    // vectors of it. (Swift's own SIMD types call a function a lane for a minimum here.)
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    var (high, nul, tab, cr) = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    let whole = bytes.count & ~7
    unsafe bytes.withUnsafeBytes { raw in
      for i in stride(from: 0, to: whole, by: 8) {
        let word = unsafe raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)
        let (t, c) = (word ^ (ones &* 9), word ^ (ones &* 13))
        high |= word
        nul |= (word &- ones) & ~word
        tab |= (t &- ones) & ~t
        cr |= (c &- ones) & ~c
      }
    }
    (isASCII, hasNUL, hasTab, hasCR) = (high & tops == 0, nul & tops != 0, tab & tops != 0, cr & tops != 0)
    for i in whole..<bytes.count {
      let byte = bytes[i]
      if byte >= 0x80 { isASCII = false }
      if byte == 0 { hasNUL = true }
      if byte == 9 { hasTab = true }
      if byte == 13 { hasCR = true }
    }
  }
}

/// The first position of `byte` in `bytes[from..<to]`, or nil.
@inline(__always)
func firstIndex(of byte: UInt8, in bytes: Span<UInt8>, from: Int, to: Int) -> Int? {
  precondition(from >= 0 && from <= to && to <= bytes.count)
  return unsafe bytes.withUnsafeBytes { raw in
    guard let base = raw.baseAddress, let hit = unsafe memchr(base + from, Int32(byte), to - from) else { return nil }
    return unsafe UnsafeRawPointer(hit) - base
  }
}

/// The first position from `from` on of a full stop, `!`, `?` or a byte beyond ASCII; the end if there is none.
func nextMark(in bytes: Span<UInt8>, from: Int) -> Int {
  precondition(from >= 0 && from <= bytes.count)
  let count = bytes.count
  let ones: UInt64 = 0x0101_0101_0101_0101
  let tops: UInt64 = 0x8080_8080_8080_8080
  return unsafe bytes.withUnsafeBytes { raw in
    var i = from
    while i + 8 <= count {
      let word = unsafe UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt64.self))
      let (a, b, c) = (word ^ (ones &* 0x2E), word ^ (ones &* 0x21), word ^ (ones &* 0x3F))
      // A borrow may set bits above the first hit alone.
      let hits = (((a &- ones) & ~a) | ((b &- ones) & ~b) | ((c &- ones) & ~c) | word) & tops
      if hits != 0 { return i + hits.trailingZeroBitCount >> 3 }
      i += 8
    }
    while i < count {
      let byte = unsafe raw[i]
      if byte == 0x2E || byte == 0x21 || byte == 0x3F || byte >= 0x80 { return i }
      i += 1
    }
    return count
  }
}

/// The first position in `bytes[from...]` that is no printable character of ASCII (0x20 to 0x7E); the end if there is none.
func endOfPrintable(in bytes: Span<UInt8>, from: Int) -> Int {
  precondition(from >= 0 && from <= bytes.count)
  let count = bytes.count
  let ones: UInt64 = 0x0101_0101_0101_0101
  let tops: UInt64 = 0x8080_8080_8080_8080
  return unsafe bytes.withUnsafeBytes { raw in
    var i = from
    while i + 8 <= count {
      let word = unsafe UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt64.self))
      // Below a space: no byte borrows from the next, since all have the top bit. 0x7F: adding one sets the top bit.
      let below = ~((word | tops) &- (ones &* 0x20))
      let hits = (below | word | ((word & ~tops) &+ ones)) & tops
      if hits != 0 { return i + hits.trailingZeroBitCount >> 3 }
      i += 8
    }
    while i < count {
      let byte = unsafe raw[i]
      if byte < 0x20 || byte >= 0x7F { return i }
      i += 1
    }
    return count
  }
}

/// Whether two spaces (0x20) stand side by side.
func hasDoubleSpace(_ bytes: Span<UInt8>) -> Bool {
  let count = bytes.count
  let ones: UInt64 = 0x0101_0101_0101_0101
  let tops: UInt64 = 0x8080_8080_8080_8080
  return unsafe bytes.withUnsafeBytes { raw in
    var i = 0
    while i + 9 <= count {
      let a = unsafe raw.loadUnaligned(fromByteOffset: i, as: UInt64.self) ^ (ones &* 0x20)
      let b = unsafe raw.loadUnaligned(fromByteOffset: i + 1, as: UInt64.self) ^ (ones &* 0x20)
      let both = a | b
      if (both &- ones) & ~both & tops != 0 { return true }
      i += 8
    }
    while i + 1 < count {
      if unsafe raw[i] == 0x20 && raw[i + 1] == 0x20 { return true }
      i += 1
    }
    return false
  }
}

/// Whether there is a control character other than newlines.
func holdsControls(_ bytes: Span<UInt8>) -> Bool {
  let ones: UInt64 = 0x0101_0101_0101_0101
  let tops: UInt64 = 0x8080_8080_8080_8080
  let whole = bytes.count & ~7
  var hits: UInt64 = 0
  unsafe bytes.withUnsafeBytes { raw in
    for i in stride(from: 0, to: whole, by: 8) {
      let word = unsafe raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)
      let below = ~((word | tops) &- (ones &* 0x20)) & ~word
      let other = word ^ (ones &* 0x0A)
      let isNewline = ~(((other & ~tops) &+ ~tops) | other)
      hits |= below & ~isNewline
    }
  }
  if hits & tops != 0 { return true }
  for i in whole..<bytes.count where bytes[i] < 0x20 && bytes[i] != 0x0A { return true }
  return false
}

/// Makes the capital letters of ASCII in `bytes[from...]` small.
func lowerASCII(_ bytes: inout [UInt8], from: Int) {
  precondition(from >= 0 && from <= bytes.count)
  unsafe bytes.withUnsafeMutableBytes { raw in
    for i in from..<raw.count {
      let byte = unsafe raw[i]
      unsafe raw[i] = byte | (byte &- 0x41 < 26 ? 0x20 : 0)
    }
  }
}

/// The last position of `byte` in `bytes[from..<to]`, or nil.
func lastIndex(of byte: UInt8, in bytes: Span<UInt8>, from: Int, to: Int) -> Int? {
  // Lines are short, so this never goes far.
  var i = to
  while i > from {
    i -= 1
    if bytes[i] == byte { return i }
  }
  return nil
}

/// Moves `buffer[from..<to]` to the front of the buffer.
func moveToFront(_ buffer: inout [UInt8], from: Int, to: Int) {
  precondition(from >= 0 && from <= to && to <= buffer.count)
  unsafe buffer.withUnsafeMutableBytes { raw in
    if let base = raw.baseAddress { unsafe _ = memmove(base, base + from, to - from) }
  }
}

/// Appends the bytes of a span.
@inline(__always)
package func append(_ bytes: Span<UInt8>, to array: inout [UInt8]) {
  unsafe bytes.withUnsafeBytes { unsafe array.append(contentsOf: $0) }
}

/// Whether the bytes are well-formed UTF-8.
///
/// An automaton whose whole transition table for one byte is a 64-bit word: the state is a bit offset, and the step is a
/// shift by it. This has no branch to mispredict, so that mixed scripts cost the same as one script.
func isWellFormed(_ bytes: Span<UInt8>) -> Bool {
  let count = bytes.count
  let accept = UTF8Automaton.accept
  return unsafe UTF8Automaton.rows.withUnsafeBufferPointer { rows in
    unsafe bytes.withUnsafeBytes { raw in
      var state = accept
      var i = 0
      while i + 16 <= count {
        if state & 63 == accept {
          let a = unsafe raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)
          let b = unsafe raw.loadUnaligned(fromByteOffset: i + 8, as: UInt64.self)
          if (a | b) & 0x8080_8080_8080_8080 == 0 {
            i += 16
            continue
          }
        }
        for j in i..<i + 16 { state = unsafe rows[Int(raw[j])] &>> state }
        i += 16
      }
      while i < count {
        state = unsafe rows[Int(raw[i])] &>> state
        i += 1
      }
      return state & 63 == accept
    }
  }
}

private enum UTF8Automaton {
  // States are bit offsets, six bits each. The error state is 0, so that it leads to itself in every row. `tail1` to
  // `tail3` wait for that many continuation bytes; the others are the lead bytes that narrow the second byte.
  static let accept: UInt64 = 6
  private static let tail1: UInt64 = 12
  private static let tail2: UInt64 = 18
  private static let tail3: UInt64 = 24
  private static let afterE0: UInt64 = 30
  private static let afterED: UInt64 = 36
  private static let afterF0: UInt64 = 42
  private static let afterF4: UInt64 = 48

  static let rows: [UInt64] = (0...255).map { byte in
    let lead: UInt64 =
      switch byte {
      case 0x00...0x7F: accept
      case 0xC2...0xDF: tail1
      case 0xE0: afterE0
      case 0xED: afterED
      case 0xE1...0xEF: tail2
      case 0xF0: afterF0
      case 0xF1...0xF3: tail3
      case 0xF4: afterF4
      default: 0
      }
    var row = lead << accept
    if 0x80...0xBF ~= byte {
      row |= accept << tail1 | tail1 << tail2 | tail2 << tail3
      row |= byte >= 0xA0 ? tail1 << afterE0 : tail1 << afterED
      row |= byte >= 0x90 ? tail2 << afterF0 : tail2 << afterF4
    }
    return row
  }
}

/// The `count` bytes (1 to 8) from `offset` as a number, least significant byte first.
@inline(__always)
func littleEndianWord(_ bytes: Span<UInt8>, at offset: Int, count: Int) -> UInt64 {
  if count == 8 {
    precondition(offset >= 0 && offset + 8 <= bytes.count)
    return unsafe bytes.withUnsafeBytes {
      unsafe UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
  }
  var word: UInt64 = 0
  for k in 0..<count { word |= UInt64(bytes[offset + k]) << UInt64(8 * k) }
  return word
}
