import Corpus
import Testing

struct NearDuplicatesTests {
  private func sketch(_ text: String) -> [UInt64] {
    let bytes = Array(text.utf8)
    return NearDuplicates.sketch(ofSentence: bytes.span)
  }

  /// Of each text whether it is like one before.
  private func seen(_ texts: [String]) -> [Bool] {
    var seen = NearDuplicates()
    return texts.map { seen.isSeen(sketch($0)) }
  }

  @Test func smallChangesAreNearAndOthersAreNot() {
    let base =
      "the committee decided on tuesday that the bridge over the river will be closed for repairs until the end of may"
    let other =
      "a dog ran through the garden of our neighbours while nobody was looking out of the window that day"
    #expect(seen([base, base, base + "!", other]) == [false, true, true, false])
  }

  @Test func shortTextsAreLikeNone() {
    #expect(seen(["yes, of course.", "", "yes, of course.", ""]) == [false, false, false, false])
  }

  /// The share of texts found grows with what they have in common, as MinHash says.
  @Test(arguments: [(1, 0.9, 1.0), (3, 0.35, 0.9), (12, 0.0, 0.15)])
  func whatIsFoundFollowsTheSharedParts(changed: Int, least: Double, most: Double) {
    var random = SplitMix(7)
    var found = 0
    for _ in 0..<300 {
      let words = (0..<24).map { _ in "word\(random.next() % 100_000)" }
      var other = words
      for _ in 0..<changed { other[Int(random.next() % 24)] = "else\(random.next() % 100_000)" }
      var seen = NearDuplicates()
      _ = seen.isSeen(sketch(words.joined(separator: " ")))
      if seen.isSeen(sketch(other.joined(separator: " "))) { found += 1 }
    }
    let share = Double(found) / 300
    #expect(share >= least && share <= most, "\(share)")
  }

  private struct SplitMix {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
  }
}
