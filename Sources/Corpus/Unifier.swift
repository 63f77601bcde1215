import Base

/// Removes exact duplicates from a stream of lines: says for every line whether it is new, and counts how often it came.
///
/// Lines are compared by 96 bits of `Hash128`, not kept. Two different lines are taken for one with a probability of n² / 2^97 for
/// n distinct lines: 6e-12 for a billion, below that of a memory error. Memory is 18 to 20 bytes a distinct line.
public struct Unifier: Sendable {
  /// Where a line went.
  public struct Outcome: Sendable, Equatable {
    /// The number of the line among the distinct ones, counted from 0 in the order of first occurrence.
    public var row: Int
    /// Whether this is its first occurrence.
    public var isNew: Bool
  }

  /// Lines inserted so far, duplicates included.
  public private(set) var lines = 0
  /// Distinct lines so far.
  public private(set) var count = 0

  // Rows are found through an open table of row numbers plus 1 (0 is a free slot). It grows by a quarter, not by doubling,
  // so that it is never nearly empty; a slot is found by multiplying, which needs no power of two.
  private var slots: [UInt32]
  // Per row, in segments, because an array that grows by copying would need three times its size for a moment.
  private var lows: [[UInt64]] = []
  private var highs: [[UInt32]] = []
  // Multiplicities up to 254; 255 says that it is in `frequent`.
  private var multiplicities: [[UInt8]] = []
  private var frequent: [Int: Int] = [:]

  private static let segmentBits = 16
  private static let segmentSize = 1 << segmentBits

  /// An empty set.
  public init() {
    slots = [UInt32](repeating: 0, count: 1 << 10)
  }

  /// Takes the next line.
  ///
  /// - Throws: `Failure` beyond 2^32 - 2 distinct lines.
  public mutating func insert(_ line: Span<UInt8>) throws(Failure) -> Outcome { try insert(Hash128(line)) }

  /// Whether a line has come before.
  public func contains(_ hash: Hash128) -> Bool {
    var slot = index(of: hash)
    while slots[slot] != 0 {
      let row = Int(slots[slot]) - 1
      let (segment, place) = (row >> Self.segmentBits, row & (Self.segmentSize - 1))
      if lows[segment][place] == hash.low, highs[segment][place] == UInt32(truncatingIfNeeded: hash.high) {
        return true
      }
      slot += 1
      if slot == slots.count { slot = 0 }
    }
    return false
  }

  /// Takes the next line by its hash.
  ///
  /// - Throws: `Failure` beyond 2^32 - 2 distinct lines.
  public mutating func insert(_ hash: Hash128) throws(Failure) -> Outcome {
    lines += 1
    var slot = index(of: hash)
    while slots[slot] != 0 {
      let row = Int(slots[slot]) - 1
      let (segment, place) = (row >> Self.segmentBits, row & (Self.segmentSize - 1))
      if lows[segment][place] == hash.low, highs[segment][place] == UInt32(truncatingIfNeeded: hash.high) {
        countAgain(row)
        return Outcome(row: row, isNew: false)
      }
      slot += 1
      if slot == slots.count { slot = 0 }
    }
    guard count < Int(UInt32.max) - 1 else {
      throw Failure(
        .badData, "unify", "more than 4.29 billion distinct lines", remedy: "split the corpus into several parts")
    }
    let row = count
    if row & (Self.segmentSize - 1) == 0 {
      lows.append([])
      highs.append([])
      multiplicities.append([])
      // A lone short list should not reserve a whole segment.
      if row > 0 {
        lows[lows.count - 1].reserveCapacity(Self.segmentSize)
        highs[highs.count - 1].reserveCapacity(Self.segmentSize)
        multiplicities[multiplicities.count - 1].reserveCapacity(Self.segmentSize)
      }
    }
    lows[row >> Self.segmentBits].append(hash.low)
    highs[row >> Self.segmentBits].append(UInt32(truncatingIfNeeded: hash.high))
    multiplicities[row >> Self.segmentBits].append(1)
    count += 1
    slots[slot] = UInt32(count)
    if count > slots.count / 4 * 3 { grow() }
    return Outcome(row: row, isNew: true)
  }

  /// How often the distinct line `row` (0 ..< count) came, at least 1.
  public func multiplicity(_ row: Int) -> Int {
    let small = multiplicities[row >> Self.segmentBits][row & (Self.segmentSize - 1)]
    return small < .max ? Int(small) : frequent[row] ?? 0
  }

  private mutating func countAgain(_ row: Int) {
    let (segment, place) = (row >> Self.segmentBits, row & (Self.segmentSize - 1))
    let small = multiplicities[segment][place]
    if small < .max { multiplicities[segment][place] = small + 1 }
    if small >= .max - 1 { frequent[row, default: Int(UInt8.max) - 1] += 1 }
  }

  private func index(of hash: Hash128) -> Int {
    index(of: hash.low)
  }

  private func index(of low: UInt64) -> Int {
    Int(low.multipliedFullWidth(by: UInt64(slots.count)).high)
  }

  private mutating func grow() {
    // The old table goes first: everything in it can be had from the rows.
    let size = slots.count / 4 * 5
    slots = []
    slots = [UInt32](repeating: 0, count: size)
    var row: UInt32 = 0
    for segment in lows {
      for low in segment {
        row += 1
        var slot = index(of: low)
        while slots[slot] != 0 {
          slot += 1
          if slot == size { slot = 0 }
        }
        slots[slot] = row
      }
    }
  }
}
