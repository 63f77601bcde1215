import Base

/// The generator of what is shipped: the same numbers on every machine and run.
package typealias SplitMix = SplitMix64

/// Damaged copies of a file's content: every prefix, and copies with one to four bytes changed.
///
/// - Parameters:
///   - prefixes: every how many bytes a prefix is taken.
///   - flips: the number of copies with changed bytes.
public func damagedCopies(of bytes: [UInt8], prefixes step: Int = 1, flips: Int, _ body: ([UInt8]) throws -> Void)
  rethrows
{
  for count in stride(from: 0, to: bytes.count, by: step) { try body(Array(bytes.prefix(count))) }
  var random = SplitMix(seed: UInt64(bytes.count))
  // Values at the edges of fields find more than arbitrary ones.
  let edges: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF, UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "{")]
  for _ in 0..<flips {
    var copy = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let index = Int.random(in: copy.indices, using: &random)
      switch Int.random(in: 0..<3, using: &random) {
      case 0: copy[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: copy[index] = edges.randomElement(using: &random) ?? 0
      default: copy[index] = .random(in: 0...255, using: &random)
      }
    }
    try body(copy)
  }
}
