import Base
import Corpus
import Encoder
import Index

/// What a pair classifier looks at.
public struct PairFeatures: Sendable {
  /// The names of the features, in the order of their values.
  public static let names = [
    "margin", "cosine", "source_rank", "target_rank", "source_gap", "target_gap", "length_ratio", "length_difference",
    "numbers_agree", "shared_numbers", "shared_words", "shared_names", "source_mean", "target_mean", "source_hub",
    "target_hub", "source_length", "target_length", "other_language", "same", "source_cover", "target_cover",
    "source_uncovered", "target_uncovered", "source_uncovered_weight", "target_uncovered_weight",
  ]

  private let source: PairSide, target: PairSide
  private let miner: PairMiner
  private let margin: Margin
  private let flagger: PairFlagger
  private let lexicon: Lexicon
  private let sourceUses: [Int32], targetUses: [Int32]

  init(
    source: PairSide, target: PairSide, miner: PairMiner, margin: Margin, flagger: PairFlagger, lexicon: Lexicon
  ) {
    self.source = source
    self.target = target
    self.miner = miner
    self.margin = margin
    self.flagger = flagger
    self.lexicon = lexicon
    targetUses = Self.uses(miner.neighbours.forward, of: miner.neighbours.backward.rows)
    sourceUses = Self.uses(miner.neighbours.backward, of: miner.neighbours.forward.rows)
  }

  private static func uses(_ lists: NeighbourLists, of rows: Int) -> [Int32] {
    var uses = [Int32](repeating: 0, count: rows)
    for id in lists.ids where id >= 0 { uses[Int(id)] += 1 }
    return uses
  }

  /// The features of each pair.
  func values(of pairs: [MinedPair], threads: Int, job: Job) throws(Failure) -> [[Float]] {
    let piece = 64
    let parts = try concurrentMap((pairs.count + piece - 1) / piece, threads: threads) {
      (part: Int) throws(Failure) -> [[Float]] in
      try job.check("features of pairs")
      return try values(of: Array(pairs[part * piece..<min(pairs.count, (part + 1) * piece)]))
    }
    return Array(parts.joined())
  }

  private func values(of pairs: [MinedPair]) throws(Failure) -> [[Float]] {
    let texts = pairs.map { (source.text(Int($0.source)) ?? [], target.text(Int($0.target)) ?? []) }
    let coverage = try lexicon.coverage(texts)
    return zip(pairs, zip(texts, coverage)).map { pair, rest in
      let ((a, b), cover) = rest
      let (x, y) = (Int(pair.source), Int(pair.target))
      let flags = Set(flagger.flags(x, y))
      let (from, to) = (
        place(x, pair.target, in: miner.neighbours.forward, forward: true),
        place(y, pair.source, in: miner.neighbours.backward, forward: false)
      )
      let shared = SharedTokens(a, b)
      let ratio = flagger.lengthRatio(a, b)
      var values = [pair.score, Double(pair.cosine), Double(from.rank), Double(to.rank)]
      values += [pair.score - from.other, pair.score - to.other, ratio, abs(ratio)]
      values += [flags.contains(.number) ? 0 : 1, Double(shared.numbers), shared.words, shared.names]
      values += [miner.sourceMeans[x], miner.targetMeans[y]]
      values += [Self.logarithm(Int(sourceUses[x])), Self.logarithm(Int(targetUses[y]))]
      values += [Self.logarithm(PairFlagger.length(a)), Self.logarithm(PairFlagger.length(b))]
      values += [flags.contains(.language) ? 1 : 0, flags.contains(.same) ? 1 : 0]
      return values.map { Float($0) } + cover
    }
  }

  private static func logarithm(_ count: Int) -> Double {
    // Bits of the number and the share of the way to the next: no library of the machine has a part in it.
    let bits = Double(Int.bitWidth - (count + 1).leadingZeroBitCount - 1)
    let power = Double(1 << Int(bits))
    return bits + Double(count + 1) / power - 1
  }

  /// The rank of a neighbour in a row's list, k + 1 if it is not there, and the best score of another one.
  private func place(_ row: Int, _ id: Int32, in lists: NeighbourLists, forward: Bool) -> (rank: Int, other: Double) {
    var (rank, other) = (lists.k + 1, 0.0)
    for p in row * lists.k..<(row + 1) * lists.k where lists.ids[p] >= 0 {
      if lists.ids[p] == id {
        rank = p - row * lists.k + 1
        continue
      }
      let hers = Int(lists.ids[p])
      let score = margin.score(
        cosine: lists.scores[p], sourceMean: forward ? miner.sourceMeans[row] : miner.sourceMeans[hers],
        targetMean: forward ? miner.targetMeans[hers] : miner.targetMeans[row])
      other = max(other, score)
    }
    return (rank, other)
  }
}

/// What two sentences have in common to the letter.
private struct SharedTokens {
  /// Numbers, at most three.
  var numbers: Int
  /// The share of the words in Latin letters of the side with fewer of them that are on the other side.
  var words: Double
  /// The share of the words with a capital, but for the first, that are on the other side.
  var names: Double

  init(_ a: [UInt8], _ b: [UInt8]) {
    let (first, second) = (Self.tokens(a), Self.tokens(b))
    numbers = min(3, first.numbers.intersection(second.numbers).count)
    words =
      Double(first.words.intersection(second.words).count)
      / Double(1 + min(first.words.count, second.words.count))
    let found = first.names.intersection(second.words).count + second.names.intersection(first.words).count
    names = Double(found) / Double(1 + first.names.count + second.names.count)
  }

  private static func tokens(_ text: [UInt8]) -> (
    numbers: Set<ArraySlice<UInt8>>, words: Set<[UInt8]>, names: Set<[UInt8]>
  ) {
    var numbers: Set<ArraySlice<UInt8>> = [], words: Set<[UInt8]> = [], names: Set<[UInt8]> = []
    var i = 0
    while i < text.count {
      let byte = text[i]
      var end = i + 1
      if 0x30...0x39 ~= byte {
        while end < text.count, 0x30...0x39 ~= text[end] { end += 1 }
        numbers.insert(text[i..<end])
      } else if 0x61...0x7A ~= byte | 0x20 {
        while end < text.count, 0x61...0x7A ~= text[end] | 0x20 { end += 1 }
        if end - i > 2 {
          let word = text[i..<end].map { $0 | 0x20 }
          words.insert(word)
          if byte < 0x61, i > 0 { names.insert(word) }
        }
      }
      i = end
    }
    return (numbers, words, names)
  }
}

/// How far the pieces of one sentence have a counterpart in the other.
struct Lexicon: Sendable {
  private let vectors: PieceVectors
  private let inputs: (source: LanguageInput, target: LanguageInput)
  private let sourceWeights: [Float], targetWeights: [Float]

  /// Sentences of a side from which it is learnt how common a piece is.
  private static let sample = 50_000
  /// The cosine below which a piece has no counterpart.
  private static let counterpart: Float = 0.3

  init(
    _ encoder: SentenceEncoder, source: PairSide, target: PairSide, rows: (Int, Int),
    inputs: (source: LanguageInput, target: LanguageInput), threads: Int, job: Job
  ) throws(Failure) {
    vectors = PieceVectors(encoder)
    self.inputs = inputs
    sourceWeights = try Self.weights(source, rows.0, inputs.source, vectors, threads, job)
    targetWeights = try Self.weights(target, rows.1, inputs.target, vectors, threads, job)
  }

  /// The logarithm of the share of sentences that a piece is not in, so to say: rare pieces count most.
  private static func weights(
    _ side: PairSide, _ rows: Int, _ input: LanguageInput, _ vectors: PieceVectors, _ threads: Int, _ job: Job
  ) throws(Failure) -> [Float] {
    let sampled = PairFlagger.spread(rows, sample)
    let piece = 512
    let parts = try concurrentMap((sampled.count + piece - 1) / piece, threads: threads) {
      (part: Int) throws(Failure) -> [[Int32]] in
      try job.check("pieces of sentences")
      let lines = sampled[part * piece..<min(sampled.count, (part + 1) * piece)].map { side.text($0) ?? [] }
      return try vectors.pieces(of: lines, input: input)
    }
    var counts = [Int](repeating: 0, count: vectors.vocabSize)
    for sentence in parts.joined() { for id in sentence { counts[Int(id)] += 1 } }
    return counts.map { count in
      var (weight, rest) = (Float(0), Float(sampled.count + 1) / Float(count + 1))
      while rest >= 2 {
        weight += 1
        rest /= 2
      }
      return weight + rest - 1
    }
  }

  /// For each pair and side: the mean of the pieces' highest cosines, the share of the weight and the weight that have none of
  /// 0.3; all by weight.
  func coverage(_ pairs: [([UInt8], [UInt8])]) throws(Failure) -> [[Float]] {
    let sources = try vectors.pieces(of: pairs.map(\.0), input: inputs.source)
    let targets = try vectors.pieces(of: pairs.map(\.1), input: inputs.target)
    return zip(sources, targets).map { a, b in
      let (best, otherBest) = vectors.nearest(a, b)
      let (x, y) = (Self.summed(a, best, sourceWeights), Self.summed(b, otherBest, targetWeights))
      return [x.mean, y.mean, x.share, y.share, x.missing, y.missing]
    }
  }

  private static func summed(
    _ pieces: [Int32], _ cosines: [Float], _ weights: [Float]
  ) -> (mean: Float, share: Float, missing: Float) {
    var (all, sum, missing): (Float, Float, Float) = (0, 0, 0)
    for (piece, cosine) in zip(pieces, cosines) {
      let weight = weights[Int(piece)]
      all += weight
      sum += weight * cosine
      if cosine < counterpart { missing += weight }
    }
    return all > 0 ? (sum / all, missing / all, missing) : (0, 0, 0)
  }
}
