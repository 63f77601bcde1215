import Base
import Corpus
import Foundation
import Index
import Kernels

/// One side's documents as vectors: means of their sentences' rows.
///
/// A sentence counts by the logarithm of how few documents have it, so that what many documents say (menus, notices, greetings)
/// says little of any.
public struct DocumentVectors {
  private let documents: [Range<Int>]
  private let weights: [Float]
  private var sums: [Float] = []
  private var width = 0
  private var filled = 0

  /// - Parameters:
  ///   - documents: the sentences of each document, one behind the other from 0.
  ///   - sentence: the bytes of a sentence.
  public init(documents: [Range<Int>], sentence: (Int) -> [UInt8]) {
    self.documents = documents
    var keys: [Hash128] = []
    var counts: [Hash128: (documents: Int, last: Int)] = [:]
    for (d, rows) in documents.enumerated() {
      for row in rows {
        let bytes = sentence(row)
        let key = Hash128(bytes.span)
        keys.append(key)
        let known = counts[key]
        if known?.last != d { counts[key] = ((known?.documents ?? 0) + 1, d) }
      }
    }
    let all = Double(documents.count)
    weights = keys.map { Float(log(1 + all / Double(counts[$0]?.documents ?? 1))) }
  }

  /// Takes the rows of the next sentences, of any length.
  public mutating func append(_ rows: Tensor) {
    if sums.isEmpty {
      width = rows.columns
      sums = [Float](repeating: 0, count: documents.count * width)
    }
    precondition(rows.columns == width && filled + rows.rows <= weights.count)
    // The document of the first of them.
    var document = documents.firstIndex { $0.contains(filled) } ?? 0
    rows.withElements { span in
      for i in 0..<rows.rows {
        while filled >= documents[document].upperBound { document += 1 }
        var square: Float = 0
        for d in 0..<width { square += span[i * width + d] * span[i * width + d] }
        let factor = square > 1e-12 ? weights[filled] / square.squareRoot() : 0
        for d in 0..<width { sums[document * width + d] += factor * span[i * width + d] }
        filled += 1
      }
    }
  }

  /// The vectors [documents, D]; of at least eight documents the mean of all is taken out.
  public consuming func vectors() -> Tensor {
    precondition(filled == weights.count)
    let count = documents.count
    if count >= 8 {
      for k in 0..<count { Self.normalize(&sums, k * width, width) }
      var mean = [Float](repeating: 0, count: width)
      for k in 0..<count { for d in 0..<width { mean[d] += sums[k * width + d] / Float(count) } }
      for k in 0..<count { for d in 0..<width { sums[k * width + d] -= mean[d] } }
    }
    return Tensor(sums, rows: count, columns: width)
  }

  private static func normalize(_ values: inout [Float], _ start: Int, _ width: Int) {
    var square: Float = 0
    for d in start..<start + width { square += values[d] * values[d] }
    let factor = square > 1e-12 ? 1 / square.squareRoot() : 0
    for d in start..<start + width { values[d] *= factor }
  }
}

/// Finds which documents are translations of each other.
public enum DocumentMatcher {
  /// Neighbours whose mean cosine a pair must beat.
  private static let neighbours = 4

  /// Pairs of documents each of which is the other's best by margin (distance: the cosine over the mean of both sides' nearest
  /// four), in the order of the source's. Each document is in one pair at most, and in none where another is nearer to its best.
  ///
  /// - Returns: nil if the job was cancelled.
  /// - Throws: `Failure` for rows that are not finite.
  public static func pairs(
    source: Tensor, target: Tensor, names: (source: String, target: String), on compute: Compute, job: Job
  ) throws(Failure) -> [(source: Int, target: Int, score: Double)]? {
    let k = min(neighbours, source.rows, target.rows)
    let search = try ExactNeighbours(
      source: EmbeddingSide(source, name: names.source, on: compute),
      target: EmbeddingSide(target, name: names.target, on: compute), k: k)
    guard let found = search.search(on: compute, job: job, subject: "search") else { return nil }
    var options = MiningOptions()
    options.margin = .distance
    options.retrieval = .intersect
    let (pairs, _) = PairMiner(found).pairs(options)
    var result: [(source: Int, target: Int, score: Double)] = []
    for pair in pairs { result.append((source: Int(pair.source), target: Int(pair.target), score: Double(pair.score))) }
    result.sort { $0.source < $1.source }
    return result
  }
}
