/// A 128-bit hash of bytes: MurmurHash3's x64 128-bit variant, seed 0.
///
/// Stable for ever: it is the same on every machine and in every version, so it may be stored. It spreads real text as a
/// random function would, but is no defence against someone who makes collisions on purpose.
public struct Hash128: Hashable, Sendable {
  /// The first 8 bytes of the hash, little-endian: a good 64-bit hash by itself.
  public var low: UInt64
  /// The last 8 bytes.
  public var high: UInt64

  /// Hashes the bytes.
  public init(_ bytes: Span<UInt8>) { self.init(bytes, seed: 0) }

  package init(_ bytes: Span<UInt8>, seed: UInt64) {
    var (h1, h2) = (seed, seed)
    let i = Self.mix(bytes, &h1, &h2)
    self.init(h1, h2, rest: bytes.extracting(i..<bytes.count), count: bytes.count)
  }

  /// Hashes bytes that come in pieces: the same as of all of them together.
  package struct Stream {
    private var h1: UInt64 = 0, h2: UInt64 = 0
    private var count = 0
    private var rest: [UInt8] = []

    package init() {}

    /// Takes the next bytes.
    ///
    /// - Precondition: all pieces but the last have multiples of 16 bytes.
    package mutating func update(_ bytes: Span<UInt8>) {
      precondition(rest.isEmpty)
      let i = Hash128.mix(bytes, &h1, &h2)
      append(bytes.extracting(i..<bytes.count), to: &rest)
      count += bytes.count
    }

    package var hash: Hash128 { Hash128(h1, h2, rest: rest.span, count: count) }
  }

  /// Mixes all whole blocks in.
  ///
  /// - Returns: where the rest begins.
  private static func mix(_ bytes: Span<UInt8>, _ low: inout UInt64, _ high: inout UInt64) -> Int {
    var (h1, h2) = (low, high)
    var i = 0
    while i + 16 <= bytes.count {
      h1 ^= scrambleLow(littleEndianWord(bytes, at: i, count: 8))
      h1 = (rotate(h1, 27) &+ h2) &* 5 &+ 0x52DC_E729
      h2 ^= scrambleHigh(littleEndianWord(bytes, at: i + 8, count: 8))
      h2 = (rotate(h2, 31) &+ h1) &* 5 &+ 0x3849_5AB5
      i += 16
    }
    (low, high) = (h1, h2)
    return i
  }

  private init(_ low: UInt64, _ high: UInt64, rest bytes: Span<UInt8>, count: Int) {
    var (h1, h2) = (low, high)
    let (i, rest) = (0, bytes.count)
    if rest > 8 { h2 ^= Self.scrambleHigh(littleEndianWord(bytes, at: i + 8, count: rest - 8)) }
    if rest > 0 { h1 ^= Self.scrambleLow(littleEndianWord(bytes, at: i, count: min(rest, 8))) }

    h1 ^= UInt64(count)
    h2 ^= UInt64(count)
    h1 &+= h2
    h2 &+= h1
    h1 = finish(h1)
    h2 = finish(h2)
    h1 &+= h2
    h2 &+= h1
    self.low = h1
    self.high = h2
  }

  private static func scrambleLow(_ k: UInt64) -> UInt64 {
    rotate(k &* 0x87C3_7B91_1142_53D5, 31) &* 0x4CF5_AD43_2745_937F
  }

  private static func scrambleHigh(_ k: UInt64) -> UInt64 {
    rotate(k &* 0x4CF5_AD43_2745_937F, 33) &* 0x87C3_7B91_1142_53D5
  }
}

@inline(__always)
private func rotate(_ x: UInt64, _ bits: UInt64) -> UInt64 { x &<< bits | x &>> (64 &- bits) }

@inline(__always)
private func finish(_ x: UInt64) -> UInt64 {
  var x = x
  x ^= x >> 33
  x &*= 0xFF51_AFD7_ED55_8CCD
  x ^= x >> 33
  x &*= 0xC4CE_B9FE_1A85_EC53
  x ^= x >> 33
  return x
}
