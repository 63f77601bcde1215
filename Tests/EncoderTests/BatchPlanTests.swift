import Encoder
import TestSupport
import Testing

@Suite struct BatchPlanTests {
  @Test(arguments: [1, 2, 8], [1, 7, 192, 1024])
  func everySentenceOnceAndNoBatchOverItsBudget(workers: Int, budget: Int) {
    var random = SplitMix(seed: UInt64(workers * 1000 + budget))
    for count in [0, 1, 2, 300] {
      let lengths = (0..<count).map { _ in Int.random(in: 1...120, using: &random) }
      let plan = BatchPlan(lengths: lengths, limit: 120, budget: budget, workers: workers)
      #expect(plan.order.sorted() == Array(0..<count))
      #expect(plan.starts.first == 0 && plan.starts.last == count)
      for i in 0..<plan.count {
        let sentences = plan.sentences(i)
        #expect(!sentences.isEmpty)
        #expect(sentences.count == 1 || sentences.reduce(0) { $0 + lengths[$1] } <= budget)
      }
      // Longest first; equals in the order of the text.
      #expect(zip(plan.order, plan.order.dropFirst()).allSatisfy { (-lengths[$0], $0) < (-lengths[$1], $1) })
    }
  }

  @Test func theLastBatchesAreSmall() {
    let plan = BatchPlan(lengths: Array(repeating: 10, count: 5000), limit: 120, budget: 1024, workers: 2)
    let sizes = (0..<plan.count).map { plan.sentences($0).count * 10 }
    #expect(sizes.first == 1020)
    #expect((sizes.last ?? 0) <= 190)
    #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $0 >= $1 })
  }
}
