import Kernels

/// Token ids of several sentences, one after the other.
public struct TokenizedText: Sendable {
  package var ids: [Int32] = []
  /// Where each sentence begins, and at last the end: one more than there are sentences.
  package var starts: [Int] = [0]
  /// Sentences that lost their end, or their beginning, to the limit.
  public package(set) var truncated = 0

  /// No sentences.
  public init() {}

  /// The number of sentences.
  public var count: Int { starts.count - 1 }
  /// The number of ids of all sentences.
  public var tokens: Int { ids.count }
}

/// Which sentences are encoded together: every batch holds sentences of about the same length, the longest ones come first.
///
/// Batches are cut by a budget of tokens. Towards the end they get smaller, so that workers that take them one by one
/// finish at about the same time.
package struct BatchPlan: Sendable {
  /// Sentences, longest first; among equals the one that stands first in the text.
  package let order: [Int]
  /// Where the batches begin in `order`, and at last the end.
  package let starts: [Int]

  /// The number of batches.
  package var count: Int { starts.count - 1 }

  /// The sentences of batch `i`.
  package func sentences(_ i: Int) -> ArraySlice<Int> { order[starts[i]..<starts[i + 1]] }

  /// The least number of tokens for which a batch is made smaller than the budget: below it, the matrix product has too
  /// few rows to be fast.
  private static let smallest = 192

  /// - Parameters:
  ///   - lengths: tokens of each sentence, 1...limit.
  ///   - limit: the longest length there can be.
  ///   - budget: most tokens of a batch; a longer sentence is a batch of its own.
  ///   - workers: how many take batches at a time.
  package init(lengths: [Int], limit: Int, budget: Int, workers: Int) {
    // A counting sort: stable, and linear in the number of sentences.
    var places = [Int](repeating: 0, count: limit + 2)
    for length in lengths { places[limit - length + 1] += 1 }
    for i in places.indices.dropFirst() { places[i] += places[i - 1] }
    var order = [Int](repeating: 0, count: lengths.count)
    for (i, length) in lengths.enumerated() {
      order[places[limit - length]] = i
      places[limit - length] += 1
    }
    var starts = [0]
    var remaining = lengths.reduce(0, +)
    var tokens = 0
    var room = 0
    for (place, sentence) in order.enumerated() {
      let length = lengths[sentence]
      if tokens > 0, tokens + length > room {
        starts.append(place)
        remaining -= tokens
        tokens = 0
      }
      if tokens == 0 {
        room = workers == 1 ? budget : min(budget, max(Self.smallest, remaining / (2 * workers)))
      }
      tokens += length
    }
    if !order.isEmpty { starts.append(order.count) }
    self.order = order
    self.starts = starts
  }
}

/// A stretch of text that is ready to be encoded: tokens, batches, and room for the embeddings.
///
/// Batches may be encoded in any order and by several workers at a time, since each writes rows of its own.
public struct EncodingWindow: Sendable {
  let chunks: [TokenizedText]
  /// The chunk of each sentence and its number there.
  let places: [(chunk: Int32, index: Int32)]
  let plan: BatchPlan
  /// [sentences, D]; row i is sentence i's once every batch is encoded.
  public let embeddings: Tensor
  /// The number of tokens of all sentences.
  public let tokens: Int

  /// The number of sentences.
  public var count: Int { places.count }
  /// The number of batches.
  public var batches: Int { plan.count }

  /// Plans the batches of the sentences of `chunks`, in their order.
  ///
  /// - Parameters:
  ///   - chunks: tokenized by `encoder`.
  public init(_ chunks: [TokenizedText], for encoder: SentenceEncoder) {
    var lengths: [Int] = []
    var places: [(chunk: Int32, index: Int32)] = []
    let count = chunks.reduce(0) { $0 + $1.count }
    lengths.reserveCapacity(count)
    places.reserveCapacity(count)
    for (c, chunk) in chunks.enumerated() {
      for i in 0..<chunk.count {
        lengths.append(chunk.starts[i + 1] - chunk.starts[i])
        places.append((Int32(c), Int32(i)))
      }
    }
    self.chunks = chunks
    self.places = places
    tokens = lengths.reduce(0, +)
    plan = BatchPlan(
      lengths: lengths, limit: encoder.model.configuration.maxPositionEmbeddings, budget: encoder.batchTokens,
      workers: encoder.threads)
    embeddings = Tensor(rows: count, columns: encoder.width)
  }
}
