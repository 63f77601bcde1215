import Glibc

/// SplitMix64 (Steele, Lea and Flood 2014): few lines in any language, so that others can draw the same samples.
package struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  /// A generator whose numbers are decided by the seed.
  ///
  /// - Parameter skipping: how many numbers are left out at first.
  package init(seed: UInt64, skipping: UInt64 = 0) { state = seed &+ skipping &* Self.step }

  private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// 64 random bits.
  package mutating func next() -> UInt64 {
    state &+= Self.step
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The first number of the generator with this seed: keys that differ in one bit give unrelated streams.
  package static func mix(_ key: UInt64) -> UInt64 {
    var random = SplitMix64(seed: key)
    return random.next()
  }

  /// A number below `bound`: the high half of the product with 64 random bits.
  package mutating func next(below bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

  /// A number in [0, 1), of the upper 53 bits.
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Normal with mean 0 and deviation 1 (Box and Muller 1958).
  package mutating func normal() -> Double {
    (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit())
  }

  /// Fisher and Yates' shuffle, from the last place down.
  package mutating func shuffle<Value>(_ values: inout [Value]) {
    for i in stride(from: values.count - 1, to: 0, by: -1) { values.swapAt(i, next(below: i + 1)) }
  }
}
