import Base
import Encoder
import Kernels

/// How a model does on held-out pairs, dropout off.
public struct ValidationResult: Sendable, Equatable {
  /// Mean losses over the pairs.
  public var losses = Losses()
  /// Share of sentences whose nearest sentence, among the held-out ones of their corpus, is their own translation; mean of
  /// both directions, then over corpora.
  public var accuracy = 0.0
}

extension TrainingModel {
  /// Losses and retrieval accuracy on fixed batches, one list a corpus; corpora are dealt out to the ranks.
  func validate(
    _ corpora: [[TrainingBatch]], among peers: Peers, objectives settings: ObjectiveSettings, on compute: Compute
  ) throws(Failure) -> ValidationResult {
    // Of each corpus: the losses' sums over its pairs, and the accuracy.
    let width = Losses().values.count + 1
    var sums = [Double](repeating: 0, count: width * corpora.count)
    for (c, batches) in corpora.enumerated() where c % peers.size == peers.rank {
      var own = Losses()
      for batch in batches { own.add(try evaluate(batch, objectives: settings), times: Double(batch.count)) }
      sums.replaceSubrange(width * c..<width * (c + 1), with: own.values + [accuracy(batches, on: compute)])
    }
    let everyone = try peers.gather(sums)
    // In the order of the corpora, whoever computed them.
    var total = Losses()
    var result = ValidationResult()
    var pairs = 0
    for (c, batches) in corpora.enumerated() {
      let found = everyone[c % peers.size][width * c..<width * (c + 1)]
      total.values = zip(total.values, found).map { $0 + $1 }
      result.accuracy += (found.last ?? 0) / Double(corpora.count)
      pairs += batches.reduce(0) { $0 + $1.count }
    }
    result.losses.values = total.values.map { $0 / Double(max(pairs, 1)) }
    return result
  }

  /// The share of a corpus's sentences that find their translation among all of its batches.
  private func accuracy(_ batches: [TrainingBatch], on compute: Compute) -> Double {
    let count = batches.reduce(0) { $0 + $1.count }
    let d = parameters.configuration.embeddingSize
    let sides = [Tensor(rows: count, columns: d), Tensor(rows: count, columns: d)]
    var first = 0
    for batch in batches {
      let u = embed(batch)
      sides[0].rows(first..<first + batch.count).copy(from: u.rows(0..<batch.count))
      sides[1].rows(first..<first + batch.count).copy(from: u.rows(batch.count..<2 * batch.count))
      first += batch.count
    }
    let lengths = Tensor(rows: count, columns: 1)
    for side in sides { compute.normalizeRows(side, into: side, lengths: lengths) }
    let scores = Tensor(rows: count, columns: count)
    var right = 0
    for (queries, keys) in [(sides[0], sides[1]), (sides[1], sides[0])] {
      let packed = PackedMatrix(rows: d, columns: count, on: compute)
      compute.pack(transposing: keys, into: packed)
      compute.linear(queries, packed, into: scores)
      for i in 0..<count {
        let row = scores.rows(i..<i + 1)
        let own = scores[i, i]
        // A tie counts against the model unless it is with the sentence's own duplicate, which scores the same.
        right += row.withElements { values in
          for j in values.indices where j != i && values[j] > own { return 0 }
          return 1
        }
      }
    }
    return Double(right) / Double(2 * count)
  }
}
