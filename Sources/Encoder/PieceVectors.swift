import Base
import Corpus
import Kernels

/// The directions of a model's input pieces: how near the meanings of single pieces are, whatever the sentence.
///
/// A piece's vector is its row of the table that the model looks pieces up in, less the mean of the table, at length 1.
public struct PieceVectors: Sendable {
  private let encoder: SentenceEncoder
  private let mean: [Float]
  /// Elements of a vector in groups of eight.
  private let groups: Int

  /// Reads the mean of a model's table from up to 8,192 of its rows.
  public init(_ encoder: SentenceEncoder) {
    self.encoder = encoder
    let table = encoder.weights.words
    let sample = min(8192, table.rows)
    let rows = Self.rows((0..<sample).map { Int32($0 * table.rows / sample) }, of: encoder)
    var sums = [Double](repeating: 0, count: table.columns)
    rows.withElements { elements in
      for i in elements.indices { sums[i % table.columns] += Double(elements[i]) }
    }
    mean = sums.map { Float($0 / Double(sample)) }
    groups = (table.columns + 7) / 8
  }

  /// The number of pieces.
  public var vocabSize: Int { encoder.weights.words.rows }

  /// The different pieces of each sentence, in rising order.
  ///
  /// - Parameter input: what the model does with text of this language, as for `SentenceEncoder.add`.
  public func pieces(of sentences: [[UInt8]], input: LanguageInput) throws(Failure) -> [[Int32]] {
    var texts = SentenceTexts()
    for sentence in sentences { texts.append(unsafe sentence.span.bytes, input: input) }
    var found = TokenizedText()
    try encoder.tokenize(texts, into: &found)
    return (0..<sentences.count).map { i in Array(Set(found.ids[found.starts[i]..<found.starts[i + 1]])).sorted() }
  }

  /// For each of the pieces a and of the pieces b the highest cosine with one of the others.
  public func nearest(_ a: [Int32], _ b: [Int32]) -> (a: [Float], b: [Float]) {
    let (x, y) = (vectors(a), vectors(b))
    var (best, otherBest) = ([Float](repeating: -1, count: a.count), [Float](repeating: -1, count: b.count))
    for i in a.indices {
      for j in b.indices {
        var sum = SIMD8<Float>.zero
        for g in 0..<groups { sum += x[i * groups + g] * y[j * groups + g] }
        let cosine = sum.sum()
        best[i] = max(best[i], cosine)
        otherBest[j] = max(otherBest[j], cosine)
      }
    }
    return (best, otherBest)
  }

  private static func rows(_ pieces: [Int32], of encoder: SentenceEncoder) -> Tensor {
    let table = encoder.weights.words
    let rows = Tensor(rows: pieces.count, columns: table.columns)
    Compute(threads: 1).embed(
      pieces, Segments(starts: [0, pieces.count]), words: table, positions: nil, into: rows)
    return rows
  }

  private func vectors(_ pieces: [Int32]) -> [SIMD8<Float>] {
    var result = [SIMD8<Float>](repeating: .zero, count: pieces.count * groups)
    let columns = mean.count
    Self.rows(pieces, of: encoder).withElements { elements in
      for i in pieces.indices {
        var square: Float = 0
        for j in 0..<columns {
          let value = elements[i * columns + j] - mean[j]
          result[i * groups + j / 8][j % 8] = value
          square += value * value
        }
        let scale = square > 0 ? 1 / square.squareRoot() : 0
        for g in 0..<groups { result[i * groups + g] *= scale }
      }
    }
    return result
  }
}
