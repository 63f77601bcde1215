import Base
import Foundation

/// Where a sampler is: enough, with the seed, to draw the same pairs again.
package struct SamplerState: Codable, Sendable, Equatable {
  /// Pairs drawn from each corpus before the current pool.
  package var drawn: [Int]
  /// Pools drawn, and batches taken from the current one.
  package var pool = 0, taken = 0
}

/// Draws batches of pairs from several corpora.
///
/// Corpora are drawn at random, p ∝ size^exponent or by weight; within a corpus every pair comes once before any comes
/// twice, in a pseudo-random order that needs no memory. Several batches' worth is drawn at once, sorted by length and
/// cut, so that batches are of similar length; the batches of a pool come in random order. Corpora of different kinds
/// are never in one batch: a pool is of one kind, drawn by the share of its corpora.
package final class Sampler {
  private(set) var state: SamplerState
  private let sizes: [Int]
  private let weights: [Double]
  /// Of every kind, its corpora and their cumulative weights.
  private let kinds: [(corpora: [Int], cumulative: [Double])]
  private let lengths: (Int, Int) -> Int
  private let reserved: [Set<Int>]
  private let seed: UInt64, batch: Int, pool: Int
  private var batches: [[(corpus: Int, pair: Int)]] = []

  /// - Parameters:
  ///   - sizes: pairs of each corpus
  ///   - weights: relative frequencies; nil for size^exponent
  ///   - kinds: equal numbers for corpora whose pairs may share a batch
  ///   - reserved: pairs of each corpus never to draw (validation)
  ///   - lengths: tokens of a corpus's pair
  package init(
    sizes: [Int], weights: [Double?], exponent: Double, kinds: [Int]? = nil, reserved: [Set<Int>], seed: UInt64,
    batch: Int, pool: Int,
    lengths: @escaping (Int, Int) -> Int
  ) {
    self.sizes = sizes
    self.reserved = reserved
    self.seed = seed
    self.batch = batch
    self.pool = pool
    self.lengths = lengths
    state = SamplerState(drawn: Array(repeating: 0, count: sizes.count))
    // Corpora without a weight share, by size, what a weight of 1 each would give them.
    let powers = sizes.map { pow(Double($0), exponent) }
    let free = zip(powers, weights).filter { $0.1 == nil }
    let mean = free.isEmpty ? 1 : free.reduce(0) { $0 + $1.0 } / Double(free.count)
    let shares = zip(powers, weights).map { power, weight in weight ?? power / mean }
    self.weights = shares
    let numbers = kinds ?? Array(repeating: 0, count: sizes.count)
    self.kinds = Set(numbers).sorted().map { kind in
      let corpora = sizes.indices.filter { numbers[$0] == kind }
      return (corpora, Self.sums(corpora.map { shares[$0] }))
    }
  }

  private static func sums(_ values: [Double]) -> [Double] {
    var total = 0.0
    return values.map {
      total += $0
      return total
    }
  }

  /// Shares of the corpora in what is drawn, adding up to 1.
  package var shares: [Double] {
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }

  /// Whether a state can be one of this sampler's.
  package func accepts(_ saved: SamplerState) -> Bool {
    saved.drawn.count == sizes.count && saved.drawn.allSatisfy { $0 >= 0 } && saved.pool >= 0
      && (0..<pool).contains(saved.taken)
  }

  /// Continues from a state that a sampler of the same corpora and settings had.
  package func restore(_ saved: SamplerState) {
    state = saved
    state.taken = 0
    if saved.taken > 0 {
      draw()
      state.taken = saved.taken
    }
  }

  /// The state to save now.
  package var checkpoint: SamplerState {
    var saved = state
    // Inside a pool, what is saved is where the pool began, and how many batches to pass over.
    if state.taken > 0 {
      saved.drawn = drawnBefore
      saved.pool -= 1
    }
    return saved
  }

  private var drawnBefore: [Int] = []

  /// The next batch's pairs.
  package func next() -> [(corpus: Int, pair: Int)] {
    if state.taken == 0 { draw() }
    let result = batches[state.taken]
    state.taken = (state.taken + 1) % pool
    return result
  }

  private func draw() {
    drawnBefore = state.drawn
    var random = SplitMix64(seed: SplitMix64.mix(seed ^ SplitMix64.mix(UInt64(state.pool) &+ 0x5eed)), skipping: 1)
    var pairs: [(corpus: Int, pair: Int, length: Int)] = []
    pairs.reserveCapacity(batch * pool)
    var kind = 0
    if kinds.count > 1 {
      let sums = Self.sums(kinds.map { $0.cumulative.last ?? 0 })
      let u = random.unit() * (sums.last ?? 0)
      kind = sums.firstIndex { u < $0 } ?? 0
    }
    let (corpora, cumulative) = kinds[kind]
    let total = cumulative.last ?? 0
    while pairs.count < batch * pool {
      let u = random.unit() * total
      let corpus = corpora[cumulative.firstIndex { u < $0 } ?? 0]
      let drawn = state.drawn[corpus]
      state.drawn[corpus] += 1
      let order = Permutation(
        count: sizes[corpus],
        key: SplitMix64.mix(seed &+ UInt64(corpus) &* 0x1_0001 &+ UInt64(drawn / sizes[corpus]) << 32))
      let pair = order[drawn % sizes[corpus]]
      if reserved[corpus].contains(pair) { continue }
      pairs.append((corpus, pair, lengths(corpus, pair)))
    }
    if pool > 1 {
      // Ties by the order of drawing, so that the sort is the same everywhere.
      let order = pairs.indices.sorted { (pairs[$0].length, $0) < (pairs[$1].length, $1) }
      pairs = order.map { pairs[$0] }
    }
    batches = (0..<pool).map { b in pairs[b * batch..<(b + 1) * batch].map { ($0.corpus, $0.pair) } }
    for i in stride(from: pool - 1, to: 0, by: -1) { batches.swapAt(i, random.next(below: i + 1)) }
    state.pool += 1
  }
}

/// A pseudo-random order of 0 ..< count without a table: a four-round Feistel network on the next even number of bits,
/// walked until it lands inside.
package struct Permutation {
  package let count: Int
  private let key: UInt64, half: UInt64, mask: UInt64

  package init(count: Int, key: UInt64) {
    precondition(count > 0)
    self.count = count
    self.key = key
    let bits = max(2, Int.bitWidth - (count - 1).leadingZeroBitCount)
    half = UInt64((bits + 1) / 2)
    mask = (1 << half) - 1
  }

  package subscript(i: Int) -> Int {
    var x = UInt64(i)
    repeat {
      var left = x >> half, right = x & mask
      for round in 0..<4 as Range<UInt64> {
        (left, right) = (right, left ^ (SplitMix64.mix(right ^ key &+ round &* 0xa5a5_a5a5) & mask))
      }
      x = left << half | right
    } while x >= UInt64(count)
    return Int(x)
  }
}
