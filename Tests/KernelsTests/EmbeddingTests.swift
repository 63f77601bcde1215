import Kernels
import TestSupport
import Testing

@Suite struct EmbeddingTests {
  @Test(arguments: Machine.all) func embeddingIsExact(machine: Machine) {
    let compute = machine.compute
    let segments = Segments(lengths: (0..<40).map { 1 + $0 % 9 })
    var random = TestSupport.SplitMix(seed: 1)
    let ids = (0..<segments.tokens).map { _ in Int32.random(in: 0..<23, using: &random) }
    for d in sizes {
      let (words, positions) = (integerTensor(23, d, seed: 1), integerTensor(10, d, seed: 2))
      let x = constant(segments.tokens, d, .nan)
      compute.embed(ids, segments, words: words, positions: positions, into: x)
      let dx = integerTensor(segments.tokens, d, seed: 3)
      let (dWords, dPositions) = (constant(23, d, 1), constant(10, d, 1))
      compute.embedBackward(dx, ids, segments, dWords: dWords, dPositions: dPositions)
      var (expectedWords, expectedPositions) = (
        dWords.array.map { _ in Float(1) }, dPositions.array.map { _ in Float(1) }
      )
      for i in 0..<segments.count {
        for (place, t) in (segments.starts[i]..<segments.starts[i + 1]).enumerated() {
          for j in 0..<d {
            #expect(x[t, j] == words[Int(ids[t]), j] + positions[place + 1, j])
            expectedWords[Int(ids[t]) * d + j] += dx[t, j]
            expectedPositions[(place + 1) * d + j] += dx[t, j]
          }
        }
      }
      #expect(dWords.array == expectedWords)
      #expect(dPositions.array == expectedPositions)
      // Row 0 is padding's: no token is at it.
      #expect(dPositions.rows(0..<1).array == Array(repeating: 1, count: d))
    }
  }

  @Test(arguments: Machine.all) func meansOfSentences(machine: Machine) {
    let segments = Segments(lengths: [1, 2, 120] + (0..<40).map { 1 + $0 % 5 })
    for d in sizes {
      let x = randomTensor(segments.tokens, d, seed: 4), du = randomTensor(segments.count, d, seed: 5)
      let u = constant(segments.count, d, .nan), dx = constant(segments.tokens, d, .nan)
      machine.compute.meanPool(x, segments, into: u)
      machine.compute.meanPoolBackward(du, segments, into: dx)
      for i in 0..<segments.count {
        let rows = segments.starts[i]..<segments.starts[i + 1]
        let n = Double(rows.count)
        let mean = (0..<d).map { j in rows.reduce(0.0) { $0 + Double(x[$1, j]) } / n }
        #expect(distance(u.rows(i..<i + 1).array, mean, floor: 1e-2) < 1e-5)
        for t in rows {
          #expect(distance(dx.rows(t..<t + 1).array, du.rows(i..<i + 1).doubles.map { $0 / n }) < 1e-6)
        }
      }
    }
  }
}
