import Base

/// Finds texts that are nearly the same as one before: MinHash (Broder 1997) by one permutation, in bands of eight.
///
/// Two texts share one of eight bands with a probability of 3 % if they share half of their parts, 38 % at 0.7, 92 % at 0.85 and 99 % at
/// 0.92. Memory: some 150 bytes a text that is not like another one.
public struct NearDuplicates: Sendable {
  private var bands: Set<UInt64> = []

  private static let bins = 64
  private static let rows = 8

  /// None seen yet.
  public init() {}

  /// Whether a text is nearly the same as one that was asked about before.
  ///
  /// - Parameter sketch: of the text; an empty one is like none.
  public mutating func isSeen(_ sketch: [UInt64]) -> Bool {
    var isSeen = false
    for (i, band) in sketch.enumerated() {
      let key = band ^ UInt64(i) &* 0x9E37_79B9_7F4A_7C15
      if !bands.insert(key).inserted { isSeen = true }
    }
    return isSeen
  }

  /// What a sentence is compared by: its parts are any five bytes. Empty for sentences of fewer than 24 bytes.
  ///
  /// - Parameter sentence: best a `SentenceKey`, so that case and blanks do not matter.
  public static func sketch(ofSentence sentence: Span<UInt8>) -> [UInt64] {
    guard sentence.count >= 24 else { return [] }
    return sketch(parts: sentence.count - 4) { SplitMix64.mix(littleEndianWord(sentence, at: $0, count: 5)) }
  }

  /// What a document is compared by: its parts are 16 bytes, every second one on average, chosen by the text itself. Empty for fewer than
  /// 256 bytes.
  static func sketch(ofDocument text: Span<UInt8>) -> [UInt64] {
    guard text.count >= 256 else { return [] }
    return sketch(parts: text.count - 15) { i in
      let word = littleEndianWord(text, at: i, count: 8)
      if (word &* 0x9E37_79B9_7F4A_7C15) >> 63 == 1 { return nil }
      return SplitMix64.mix(word ^ littleEndianWord(text, at: i + 8, count: 8) &* 0xC2B2_AE3D_27D4_EB4F)
    }
  }

  private static func sketch(parts: Int, hash: (Int) -> UInt64?) -> [UInt64] {
    var least = [UInt64](repeating: .max, count: bins)
    for i in 0..<parts {
      guard let hash = hash(i) else { continue }
      let bin = Int(hash >> 58)
      if hash < least[bin] { least[bin] = hash }
    }
    // A bin without a part takes its neighbour's.
    for bin in 0..<bins where least[bin] == .max {
      for step in 1..<bins where least[(bin + step) % bins] != .max {
        least[bin] = least[(bin + step) % bins] &+ UInt64(step)
        break
      }
    }
    return stride(from: 0, to: bins, by: rows).map { first in
      least[first..<first + rows].reduce(0) { SplitMix64.mix($0 ^ $1) }
    }
  }
}
