/// The ids of words that were cut before. It only saves work: a word's ids do not depend on it.
struct WordCache {
  private var slots = [Int32](repeating: -1, count: Self.capacity * 2)
  private var entries: [(hash: UInt32, bytes: Int32, byteCount: Int32, ids: Int32, idCount: Int32)] = []
  private var bytes: [UInt8] = []
  private var ids: [Int32] = []

  /// The most words; when they are full, no more are kept.
  private static let capacity = 1 << 15
  /// The longest word that is kept, in bytes.
  static let longest = 48

  @inline(__always)
  static func hash(_ bytes: Span<UInt8>, _ word: Range<Int>) -> UInt32 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for i in word { hash = (hash ^ UInt64(bytes[i])) &* 0x100_0000_01B3 }
    return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
  }

  /// Appends the ids of a word if they are known.
  func append(_ text: Span<UInt8>, _ word: Range<Int>, _ hash: UInt32, to result: inout [Int32]) -> Bool {
    var slot = Int(hash) & (slots.count - 1)
    while slots[slot] >= 0 {
      let entry = entries[Int(slots[slot])]
      if entry.hash == hash, Int(entry.byteCount) == word.count {
        let start = Int(entry.bytes)
        var same = true
        for k in 0..<word.count where bytes[start + k] != text[word.lowerBound + k] {
          same = false
          break
        }
        if same {
          for k in 0..<Int(entry.idCount) { result.append(ids[Int(entry.ids) + k]) }
          return true
        }
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return false
  }

  /// Keeps the ids of a word that is not known yet.
  mutating func insert(_ text: Span<UInt8>, _ word: Range<Int>, _ hash: UInt32, _ found: ArraySlice<Int32>) {
    if entries.count >= Self.capacity { return }
    var slot = Int(hash) & (slots.count - 1)
    while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = Int32(entries.count)
    entries.append((hash, Int32(bytes.count), Int32(word.count), Int32(ids.count), Int32(found.count)))
    for i in word { bytes.append(text[i]) }
    ids.append(contentsOf: found)
  }
}
