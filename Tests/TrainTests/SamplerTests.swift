import Foundation
import TestSupport
import Testing
import Train

@Suite struct SamplerTests {
  @Test func permutationsAreBijective() {
    for count in Array(1...70) + [127, 128, 129, 255, 256, 257, 1000, 4095, 4096, 4097, 65_537] {
      for key in [0, 1, .max, 0x1234_5678_9abc_def0] as [UInt64] {
        let order = Permutation(count: count, key: key)
        var seen = [Bool](repeating: false, count: count)
        for i in 0..<count { seen[order[i]] = true }
        #expect(!seen.contains(false), "\(count), key \(key)")
      }
    }
    // Two keys order differently, and no key leaves things where they are.
    let (a, b) = (Permutation(count: 1000, key: 1), Permutation(count: 1000, key: 2))
    #expect((0..<1000).count { a[$0] == b[$0] } < 20)
    #expect((0..<1000).count { a[$0] == $0 } < 20)
  }

  struct Settings: Sendable, CustomTestStringConvertible {
    var sizes = [50, 7, 200], weights: [Double?] = [nil, nil, nil], exponent = 0.5
    var reserved: [Set<Int>] = [[3, 4, 49], [], [0, 199, 100]]
    var batch = 6, pool = 4
    var testDescription: String { "\(sizes) batch \(batch) pool \(pool)" }

    func sampler(seed: UInt64 = 5) -> Sampler {
      Sampler(
        sizes: sizes, weights: weights, exponent: exponent, reserved: reserved, seed: seed, batch: batch, pool: pool,
        lengths: { corpus, pair in (pair * 7 + corpus) % 23 })
    }
  }

  static let settings = [
    Settings(), Settings(batch: 1, pool: 1), Settings(batch: 9, pool: 1), Settings(batch: 40, pool: 8),
    Settings(sizes: [13], weights: [nil], reserved: [[5]], batch: 4, pool: 2),
  ]

  func draw(_ sampler: Sampler, _ batches: Int) -> [[[Int]]] {
    (0..<batches).map { _ in sampler.next().map { [$0.corpus, $0.pair] } }
  }

  @Test(arguments: settings) func everyPairOnceBeforeAnyTwice(settings: Settings) {
    // Batches are cut from pools, so rounds are told apart pool by pool: within a corpus no pair is ever more than one
    // round ahead of another, beyond those of the pool that is being drawn.
    let sampler = settings.sampler()
    var counts = settings.sizes.map { [Int](repeating: 0, count: $0) }
    for _ in 0..<60 {
      for batch in draw(sampler, settings.pool) {
        #expect(batch.count == settings.batch)
        for pair in batch { counts[pair[0]][pair[1]] += 1 }
      }
      for (corpus, reserved) in settings.reserved.enumerated() {
        let free = counts[corpus].indices.filter { !reserved.contains($0) }.map { counts[corpus][$0] }
        #expect(reserved.allSatisfy { counts[corpus][$0] == 0 })
        // Each whole pool ends where the next begins: a round may be open, but only one.
        #expect((free.max() ?? 0) - (free.min() ?? 0) <= 1)
      }
    }
  }

  @Test func roundsHaveOrdersOfTheirOwn() {
    var settings = Settings(sizes: [100], weights: [nil], reserved: [[]], batch: 100, pool: 1)
    let sampler = settings.sampler()
    let rounds = draw(sampler, 3)
    #expect(rounds[0] != rounds[1] && rounds[1] != rounds[2])
    #expect(rounds.allSatisfy { Set($0.map { $0[1] }).count == 100 })
    #expect(draw(settings.sampler(seed: 6), 1)[0] != rounds[0])
    // Two corpora of a size have orders of their own, too.
    settings = Settings(sizes: [50, 50], weights: [nil, nil], reserved: [[], []], batch: 50, pool: 1)
    let pairs = draw(settings.sampler(), 1)[0]
    #expect(pairs.filter { $0[0] == 0 }.map { $0[1] } != pairs.filter { $0[0] == 1 }.map { $0[1] })
  }

  @Test func sharesAreWhatIsAskedFor() {
    for (weights, exponent, expected) in [
      ([nil, nil, nil], 1, [0.1, 0.2, 0.7]), ([nil, nil, nil], 0, [1 / 3, 1 / 3, 1 / 3]),
      ([1, 2, 1], 1, [0.25, 0.5, 0.25]), ([0, 1, 1], 0.5, [0, 0.5, 0.5]),
      // Those without a weight share two by their sizes 1 : 7.
      ([nil, 2, nil], 1, [0.0625, 0.5, 0.4375]),
    ] as [([Double?], Double, [Double])] {
      let settings = Settings(
        sizes: [1000, 2000, 7000], weights: weights, exponent: exponent, reserved: [[], [], []], batch: 100, pool: 3)
      let sampler = settings.sampler()
      for (share, wanted) in zip(sampler.shares, expected) { #expect(abs(share - wanted) < 1e-9, "\(sampler.shares)") }
      var counts = [0.0, 0, 0]
      for pair in draw(sampler, 300).joined() { counts[pair[0]] += 1 / 30_000 }
      for (count, wanted) in zip(counts, expected) { #expect(abs(count - wanted) < 0.02, "\(counts)") }
      if weights[0] == 0 { #expect(counts[0] == 0) }
    }
  }

  @Test(arguments: settings) func restoredAnywhereItGoesOn(settings: Settings) throws {
    let sampler = settings.sampler()
    var states: [SamplerState] = [], batches: [[[Int]]] = []
    for _ in 0..<30 {
      states.append(sampler.checkpoint)
      batches += draw(sampler, 1)
    }
    for (position, state) in states.enumerated() {
      let saved = try JSONDecoder().decode(SamplerState.self, from: JSONEncoder().encode(state))
      let other = settings.sampler()
      // What it did before does not matter.
      _ = draw(other, position % 5)
      other.restore(saved)
      #expect(other.checkpoint == state)
      #expect(draw(other, batches.count - position) == Array(batches[position...]), "from \(position)")
    }
  }

  @Test func poolsAreCutByLength() {
    let settings = Settings(sizes: [500], weights: [nil], reserved: [[]], batch: 10, pool: 8)
    func spread(_ settings: Settings) -> Int {
      draw(settings.sampler(), 8).reduce(0) { sum, batch in
        let lengths = batch.map { $0[1] * 7 % 23 }
        return sum + (lengths.max() ?? 0) - (lengths.min() ?? 0)
      }
    }
    var single = settings
    single.pool = 1
    #expect(spread(settings) * 4 < spread(single))
    // The batches of a pool do not come in the order of their lengths.
    let means = draw(settings.sampler(), 8).map { batch in batch.reduce(0) { $0 + $1[1] * 7 % 23 } }
    #expect(means != means.sorted())
  }
}
