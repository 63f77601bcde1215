import Index
import Kernels

/// Scores pairs that are given, not found: each against the neighbourhoods of its two sentences.
struct LineScorer {
  private let miner: PairMiner
  private let source: EmbeddingSide, target: EmbeddingSide

  init(_ miner: PairMiner, source: EmbeddingSide, target: EmbeddingSide) {
    self.miner = miner
    self.source = source
    self.target = target
  }

  /// The pairs of source row i and target row i of two lists, in their order; -1 stands for an empty sentence, with which a
  /// pair has a cosine and a score of 0.
  ///
  /// Cosines are those of exact search, to the last bit.
  func pairs(_ sources: [Int32], _ targets: [Int32], _ margin: Margin, on compute: Compute) -> [MinedPair] {
    let whole = sources.indices.filter { sources[$0] >= 0 && targets[$0] >= 0 }
    let cosines = compute.nearest(
      source.unitRows, whole.map { Int(sources[$0]) }, among: whole.map { Int64(targets[$0]) }, 1,
      of: target.unitRows, k: 1
    ).scores
    var place = 0
    return sources.indices.map { i in
      let (x, y) = (Int(sources[i]), Int(targets[i]))
      guard x >= 0, y >= 0 else {
        return MinedPair(score: 0, cosine: 0, source: sources[i], target: targets[i], direction: .both)
      }
      defer { place += 1 }
      let score = margin.score(
        cosine: cosines[place], sourceMean: miner.sourceMeans[x], targetMean: miner.targetMeans[y])
      return MinedPair(
        score: score, cosine: cosines[place], source: sources[i], target: targets[i], direction: .both)
    }
  }
}
