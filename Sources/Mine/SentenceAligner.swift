import Base
import Foundation
import Kernels

/// How sentences of two documents are aligned.
public struct AlignerOptions: Sendable, Equatable {
  /// The most sentences of both sides in one pair, at least 2: 6 allows 1-1 to 1-5, 2-4, 3-3.
  public var maxSentences = 6
  /// What leaving out a sentence costs; 1 is the mean cost of two sentences that have nothing to do with each other.
  public var deletion = 0.85
  /// What is added to the cost of a pair whose sides differ in length, at most.
  public var lengthWeight = 1.0
  /// Places to both sides of the coarse path that are looked at.
  public var radius = 24
  /// Documents with at most so many sentences a side are aligned without a coarse path.
  public var wholeSentences = 600

  /// The defaults of `ems align`.
  public init() {}
}

/// Some sentences of the source and the sentences of the target that translate them; one side may be empty.
public struct AlignedSentences: Sendable, Equatable {
  /// Numbers of sentences in their documents.
  public var source: Range<Int>, target: Range<Int>
  /// The cosine of the two windows; 0 where a side is empty.
  public var score: Float
}

/// One of two documents: the rows of its windows of 1, 2, ... sentences.
public struct AlignmentSide {
  /// For each size, a row for each sentence: that of the window that ends with it, [sentences, D]. Rows of windows that would
  /// begin before the document are not looked at.
  public var windows: [Tensor]
  /// The characters of each sentence.
  public var lengths: [Int]

  /// A document.
  public init(windows: [Tensor], lengths: [Int]) {
    self.windows = windows
    self.lengths = lengths
  }
}

/// Aligns the sentences of documents that are translations of each other.
///
/// A dynamic program over windows of sentences, as vecalign's (Thompson and Koehn 2019): the cost of a pair of windows is one
/// minus their cosine, over its mean with other sentences, times the sentences of both sides. Three things are added. The
/// row of a window is the mean of its own and those of its sentences together; the mean of a document's rows is taken out of
/// them; and a pair whose sides differ in length (against the lengths of the whole documents) costs more. Long documents are
/// first aligned coarsely, over means of sentences.
public struct SentenceAligner {
  private let options: AlignerOptions
  private let compute: Compute

  /// An aligner.
  public init(_ options: AlignerOptions, on compute: Compute) {
    precondition(options.maxSentences >= 2)
    self.options = options
    self.compute = compute
  }

  /// Windows that are needed: of 1 ... this many sentences.
  public var windowSizes: Int { options.maxSentences - 1 }

  /// Aligns two documents.
  ///
  /// - Returns: pairs in the order of the documents, which hold every sentence once.
  public func align(_ source: AlignmentSide, _ target: AlignmentSide) -> [AlignedSentences] {
    let (n, m) = (source.lengths.count, target.lengths.count)
    if n == 0 || m == 0 {
      return (0..<n).map { AlignedSentences(source: $0..<$0 + 1, target: 0..<0, score: 0) }
        + (0..<m).map { AlignedSentences(source: n..<n, target: $0..<$0 + 1, score: 0) }
    }
    let (x, y) = (Rows(source, windowSizes), Rows(target, windowSizes))
    let band = n <= options.wholeSentences && m <= options.wholeSentences ? Band(whole: n, m) : coarseBand(x, y)
    return path(x, y, band, options.maxSentences)
  }

  // MARK: rows

  /// The rows of a document, mixed, centred and of unit length.
  private struct Rows {
    /// For each size and sentence.
    var windows: [[Float]]
    /// Characters up to each sentence.
    var ends: [Double]
    let width: Int
    var count: Int { ends.count - 1 }

    init(_ side: AlignmentSide, _ sizes: Int) {
      let count = side.lengths.count
      width = side.windows[0].columns
      ends = [0]
      for length in side.lengths { ends.append(ends[ends.count - 1] + Double(max(1, length))) }
      windows = []
      let sentences = Rows.units(side.windows[0].withElements { span in span.indices.map { span[$0] } }, width)
      for size in 1...min(sizes, side.windows.count) {
        var rows = Rows.units(side.windows[size - 1].withElements { span in span.indices.map { span[$0] } }, width)
        var sums = [Float](repeating: 0, count: rows.count)
        for i in max(0, size - 1)..<max(count, size - 1) {
          for back in 0..<size {
            for d in 0..<width { sums[i * width + d] += sentences[(i - back) * width + d] }
          }
        }
        sums = Rows.units(sums, width)
        for i in rows.indices { rows[i] += sums[i] }
        windows.append(Rows.units(rows, width))
      }
      // The mean of very few rows is no mean.
      guard count >= 8 else { return }
      var mean = [Float](repeating: 0, count: width)
      for i in 0..<count { for d in 0..<width { mean[d] += windows[0][i * width + d] / Float(count) } }
      for k in windows.indices {
        for i in 0..<count { for d in 0..<width { windows[k][i * width + d] -= mean[d] } }
        windows[k] = Rows.units(windows[k], width)
      }
    }

    /// Every two sentences as one.
    init(halving fine: Rows) {
      width = fine.width
      let count = (fine.count + 1) / 2
      var rows = [Float](repeating: 0, count: count * width)
      ends = [0]
      for i in 0..<count {
        let last = min(fine.count, 2 * i + 2)
        for k in 2 * i..<last { for d in 0..<width { rows[i * width + d] += fine.windows[0][k * width + d] } }
        ends.append(fine.ends[last])
      }
      windows = [Rows.units(rows, width)]
    }

    static func units(_ values: [Float], _ width: Int) -> [Float] {
      var values = values
      for start in stride(from: 0, to: values.count, by: width) {
        var square: Float = 0
        for d in start..<start + width { square += values[d] * values[d] }
        let factor = square > 1e-12 ? 1 / square.squareRoot() : 0
        for d in start..<start + width { values[d] *= factor }
      }
      return values
    }

    /// The mean of some of the sentences, as many as 128 in even steps: what a row's cosines are compared with.
    var sample: [Float] {
      var mean = [Float](repeating: 0, count: width)
      let taken = min(count, 128)
      for s in 0..<taken {
        let i = count * s / taken
        for d in 0..<width { mean[d] += windows[0][i * width + d] / Float(taken) }
      }
      return mean
    }

    /// One minus the mean cosine of each window with sentences of which `sample` is the mean.
    func distances(_ size: Int, to sample: [Float]) -> [Float] {
      (0..<count).map { i in
        var sum: Float = 0
        for d in 0..<width { sum += windows[size - 1][i * width + d] * sample[d] }
        return max(0.05, 1 - sum)
      }
    }
  }

  // MARK: the program

  /// For each number of source sentences the numbers of target sentences that are looked at.
  private struct Band {
    var ranges: [Range<Int>]

    init(whole n: Int, _ m: Int) { ranges = Array(repeating: 0..<m + 1, count: n + 1) }

    /// Around a coarse path of halved documents.
    init(around path: [AlignedSentences], _ n: Int, _ m: Int, radius: Int) {
      var low = [Int](repeating: m, count: n + 1)
      var high = [Int](repeating: 0, count: n + 1)
      for pair in path {
        for i in 2 * pair.source.lowerBound...2 * pair.source.upperBound where i <= n {
          low[i] = min(low[i], 2 * pair.target.lowerBound)
          high[i] = max(high[i], min(m, 2 * pair.target.upperBound))
        }
      }
      // Every place is next to one before it.
      ranges = (0...n).map { i in
        let near = max(0, i - radius)...min(n, i + radius)
        return max(0, near.map { low[$0] }.min()! - radius)..<min(m, near.map { high[$0] }.max()! + radius) + 1
      }
      ranges[0] = 0..<max(1, ranges[0].upperBound)
      ranges[n] = ranges[n].lowerBound..<m + 1
    }
  }

  private func coarseBand(_ x: Rows, _ y: Rows) -> Band {
    let (a, b) = (Rows(halving: x), Rows(halving: y))
    let band =
      a.count <= options.wholeSentences && b.count <= options.wholeSentences
      ? Band(whole: a.count, b.count) : coarseBand(a, b)
    return Band(around: path(a, b, band, 2), x.count, y.count, radius: options.radius)
  }

  /// The cheapest way through a band.
  private func path(_ x: Rows, _ y: Rows, _ band: Band, _ most: Int) -> [AlignedSentences] {
    let (n, m) = (x.count, y.count)
    let sizes = (1..<most).flatMap { a in (1...most - a).map { (a: a, b: $0) } }
      .filter { $0.a <= x.windows.count && $0.b <= y.windows.count }
    let (sampleX, sampleY) = (x.sample, y.sample)
    let near = x.windows.indices.map { x.distances($0 + 1, to: sampleY) }
    let far = y.windows.indices.map { y.distances($0 + 1, to: sampleX) }
    let ratio = x.ends[n] / max(1, y.ends[m])
    var total: [[Double]] = []
    var choices: [[UInt8]] = []
    var block = Block(x, y, compute)
    for i in 0...n {
      let range = band.ranges[i]
      var row = [Double](repeating: .infinity, count: range.count)
      var choice = [UInt8](repeating: 0, count: range.count)
      if i > 0 {
        block.prepare(i - 1, band.ranges.dropFirst(i).prefix(Block.rows).map { $0 }, sizes.map(\.a).max() ?? 1)
      }
      for j in range {
        if i == 0, j == 0 {
          row[0] = 0
          continue
        }
        var best = Double.infinity
        var chosen: UInt8 = 0
        func look(_ value: Double, _ choice: UInt8) {
          if value < best { (best, chosen) = (value, choice) }
        }
        func before(_ a: Int, _ b: Int) -> Double {
          guard i >= a, j >= b, band.ranges[i - a].contains(j - b) else { return .infinity }
          return a == 0 ? row[j - b - range.lowerBound] : total[i - a][j - b - band.ranges[i - a].lowerBound]
        }
        look(before(1, 0) + options.deletion, 254)
        look(before(0, 1) + options.deletion, 255)
        for (s, size) in sizes.enumerated() {
          let start = before(size.a, size.b)
          if start >= best { continue }
          let cosine = block.cosine(size.a, i - 1, size.b, j - 1)
          let cost = 2 * Double(1 - cosine) / Double(near[size.a - 1][i - 1] + far[size.b - 1][j - 1])
          let (p, q) = (x.ends[i] - x.ends[i - size.a], (y.ends[j] - y.ends[j - size.b]) * ratio)
          let unlike = 1 - log2(1 + min(p, q) / max(p, q))
          look(start + Double(size.a * size.b) * (cost + options.lengthWeight * unlike), UInt8(s))
        }
        row[j - range.lowerBound] = best
        choice[j - range.lowerBound] = chosen
      }
      total.append(row)
      choices.append(choice)
    }
    var result: [AlignedSentences] = []
    var (i, j) = (n, m)
    while i > 0 || j > 0 {
      let choice = choices[i][j - band.ranges[i].lowerBound]
      let (a, b) = choice == 254 ? (1, 0) : choice == 255 ? (0, 1) : sizes[Int(choice)]
      var score: Float = 0
      if a > 0, b > 0 { score = dot(x.windows[a - 1], i - 1, y.windows[b - 1], j - 1, x.width) }
      result.append(AlignedSentences(source: i - a..<i, target: j - b..<j, score: score))
      (i, j) = (i - a, j - b)
    }
    return result.reversed()
  }

  private func dot(_ x: [Float], _ i: Int, _ y: [Float], _ j: Int, _ width: Int) -> Float {
    var sum: Float = 0
    for d in 0..<width { sum += x[i * width + d] * y[j * width + d] }
    return sum
  }

  /// Cosines of some rows of the source with a stretch of the target, as matrix products.
  private struct Block {
    static let rows = 64
    private let x: Rows, y: Rows
    private let compute: Compute
    private var first = 0, last = 0
    private var columns = 0..<0
    private var products: [[[Float]]] = []

    init(_ x: Rows, _ y: Rows, _ compute: Compute) {
      (self.x, self.y, self.compute) = (x, y, compute)
    }

    /// Sees to it that row i is there.
    mutating func prepare(_ i: Int, _ ranges: [Range<Int>], _ most: Int) {
      if i < last { return }
      (first, last) = (i, min(x.count, i + Self.rows))
      let low = max(0, (ranges.map(\.lowerBound).min() ?? 0) - 1)
      let high = min(y.count, ranges.map(\.upperBound).max() ?? y.count)
      columns = low..<max(low, high)
      products = []
      for b in y.windows.indices {
        let target = Tensor(
          Array(y.windows[b][columns.lowerBound * y.width..<columns.upperBound * y.width]), rows: columns.count,
          columns: y.width)
        let packed = PackedMatrix(rows: y.width, columns: columns.count, arithmetic: .float32, on: compute)
        compute.pack(transposing: target, into: packed)
        products.append(
          x.windows.indices.map { a in
            let source = Tensor(
              Array(x.windows[a][first * x.width..<last * x.width]), rows: last - first, columns: x.width)
            let out = Tensor(rows: last - first, columns: columns.count)
            compute.linear(source, packed, into: out)
            return out.withElements { span in span.indices.map { span[$0] } }
          })
      }
    }

    @inline(__always)
    func cosine(_ a: Int, _ i: Int, _ b: Int, _ j: Int) -> Float {
      products[b - 1][a - 1][(i - first) * columns.count + j - columns.lowerBound]
    }
  }
}
