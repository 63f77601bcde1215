import Base
import Formats
import Kernels

/// For every row its nearest rows of the other side: cosines and row numbers, best first; see `Kernels.TopK`.
public typealias NeighbourLists = TopK

/// One side of a search: embeddings whose rows have been measured and found finite, or were written here.
public struct EmbeddingSide: Sendable {
  /// The file, or whatever name messages shall use.
  public let name: String
  /// Rows of zeros: they have a cosine of 0 with everything. Not counted (0) in files that were written here.
  public let zeroRows: Int
  /// The rows, to be brought to length 1 as they are read.
  public let unitRows: UnitRows

  /// The number of rows.
  public var rows: Int { unitRows.rows }
  /// The number of elements of a row.
  public var columns: Int { unitRows.columns }

  /// Measures the rows of a mapped file: one pass over it.
  ///
  /// - Throws: `Failure` naming the file and row of the first NaN or infinity.
  public init(_ file: EmbeddingFile, on compute: Compute) throws(Failure) {
    try self.init([file], on: compute)
  }

  /// The rows of several files, one after another: a side that was encoded in shards.
  ///
  /// - Throws: `Failure` naming the file and row of the first NaN or infinity, or the file whose rows are of another size.
  public init(_ files: [EmbeddingFile], on compute: Compute) throws(Failure) {
    try self.init(Self.join(files), names: files.map { ($0.path, $0.rows) }, on: compute)
  }

  /// The rows of files that were written here, and so are known to be finite: nothing is read before it is used.
  ///
  /// - Throws: `Failure` naming the file whose rows are of another size.
  public init(written files: [EmbeddingFile]) throws(Failure) {
    unitRows = try Self.join(files)
    name = Self.name(files.map(\.path))
    zeroRows = 0
  }

  private static func join(_ files: [EmbeddingFile]) throws(Failure) -> UnitRows {
    precondition(!files.isEmpty)
    for file in files where file.columns != files[0].columns {
      throw Failure(
        .badData, file.path,
        "has rows of \(file.columns) elements, but \(files[0].path) has rows of \(files[0].columns)",
        remedy: "encode all shards with the same model")
    }
    let parts = files.map { file in
      unsafe UnitRows(
        base: file.pointer, half: file.type == .float16, rows: file.rows, columns: file.columns, owner: file)
    }
    return UnitRows(joining: parts)
  }

  private static func name(_ names: [String]) -> String {
    names.count == 1 ? names[0] : "\(names[0]) and \(names.count - 1) more"
  }

  /// Measures the rows of a tensor.
  ///
  /// - Throws: `Failure` naming the row of the first NaN or infinity.
  public init(_ tensor: Tensor, name: String, on compute: Compute) throws(Failure) {
    try self.init(UnitRows(tensor), names: [(name, tensor.rows)], on: compute)
  }

  /// Some of the rows of this side, where they lie.
  ///
  /// - Parameter rows: rising, at least one.
  public func picking(_ rows: [Int]) -> EmbeddingSide {
    var runs: [Range<Int>] = []
    for row in rows {
      if let last = runs.last, last.upperBound == row {
        runs[runs.count - 1] = last.lowerBound..<row + 1
      } else {
        runs.append(row..<row + 1)
      }
    }
    return EmbeddingSide(self, unitRows.picking(runs))
  }

  private init(_ whole: EmbeddingSide, _ rows: UnitRows) {
    name = whole.name
    unitRows = rows
    zeroRows = rows.factors.count { $0 == 0 }
  }

  /// Rows spread evenly over this side, brought to length 1; all of them if there are not as many as asked for.
  public func sample(_ count: Int, on compute: Compute) throws(Failure) -> EmbeddingSide {
    let wanted = min(count, rows)
    return try EmbeddingSide(compute.unit(unitRows, Self.spread(wanted, over: rows)), name: name, on: compute)
  }

  /// Row numbers at even distances.
  static func spread(_ count: Int, over rows: Int) -> [Int] { (0..<count).map { $0 * rows / count } }

  private init(_ rows: UnitRows, names: [(String, Int)], on compute: Compute) throws(Failure) {
    name = Self.name(names.map(\.0))
    guard rows.rows <= Int(Int32.max) else {
      throw Failure(
        .badData, name, "has \(rows.rows) rows; at most \(Int32.max) can be numbered",
        remedy: "mine it in several runs")
    }
    unitRows = compute.unitRows(rows)
    var zeros = 0
    for (row, factor) in unitRows.factors.enumerated() {
      if factor == 0 { zeros += 1 }
      if factor.isNaN {
        var place = row
        let file = names.first { file in
          if place < file.1 { return true }
          place -= file.1
          return false
        }
        throw Failure(
          .badData, file?.0 ?? name, at: "row \(place)", "holds a NaN or an infinity, finite numbers are expected",
          remedy: "encode this text again; rows are counted from 0")
      }
    }
    zeroRows = zeros
  }
}

/// The neighbours of both sides among (part of) the rows of each other.
public struct TwoWayNeighbours: Sendable, Equatable {
  /// The source rows that were compared; list i of `forward` belongs to row `sources.lowerBound + i`.
  public let sources: Range<Int>
  /// The target rows that were compared; list i of `backward` belongs to row `targets.lowerBound + i`.
  public let targets: Range<Int>
  /// For each source its best targets.
  public internal(set) var forward: NeighbourLists
  /// For each target its best sources.
  public internal(set) var backward: NeighbourLists

  /// Lists found elsewhere.
  public init(sources: Range<Int>, targets: Range<Int>, forward: NeighbourLists, backward: NeighbourLists) {
    precondition(forward.rows == sources.count && backward.rows == targets.count)
    self.sources = sources
    self.targets = targets
    self.forward = forward
    self.backward = backward
  }
}

/// Exact nearest neighbours by cosine, both ways at once: each similarity is computed once and offered to the lists of
/// its row and of its column.
///
/// A cosine is the product of two rows scaled to length 1 in single precision, summed over the columns in order, so it
/// is the same bits whatever is compared beside it. Among equal cosines the lower row wins. Lists therefore do not depend
/// on threads, block sizes, or on how the work is cut into shards.
public struct ExactNeighbours: Sendable {
  /// The two sides.
  public let source: EmbeddingSide, target: EmbeddingSide
  /// The neighbours asked for; a side's lists are shorter where the other side has fewer rows.
  public let k: Int

  /// - Parameter k: at least 1.
  /// - Throws: `Failure` naming the files if a side has no rows or their rows differ in size.
  public init(source: EmbeddingSide, target: EmbeddingSide, k: Int) throws(Failure) {
    precondition(k >= 1)
    for side in [source, target] where side.rows == 0 {
      throw Failure(.badData, side.name, "has no rows, so there is nothing to search", remedy: "check its input text")
    }
    guard source.columns == target.columns else {
      throw Failure(
        .badData, target.name,
        "has rows of \(target.columns) elements, but \(source.name) has rows of \(source.columns)",
        remedy: "encode both sides with the same model")
    }
    self.source = source
    self.target = target
    self.k = k
  }

  /// The neighbours between a range of source rows and a range of target rows: all of them, or a shard's.
  ///
  /// - Parameters:
  ///   - sources, targets: row ranges; nil for all rows.
  ///   - blocks: how the work is cut up, for tests and tuning.
  ///   - job: stops the work, and is told the share that is done.
  ///   - subject: what is being done, in these reports.
  /// - Returns: lists of min(k, rows of the other range) neighbours, or nil if the job is cancelled.
  public func search(
    sources: Range<Int>? = nil, targets: Range<Int>? = nil, on compute: Compute,
    blocks: SearchBlocks = SearchBlocks(), job: Job = Job(),
    subject: String = "searching"
  ) -> TwoWayNeighbours? {
    let sources = sources ?? 0..<source.rows
    let targets = targets ?? 0..<target.rows
    let lists = compute.nearest(
      source.unitRows, sources, target.unitRows, targets, k: k, blocks: blocks,
      progress: { job.report(subject, $0) }, shouldStop: { job.isCancelled })
    return lists.map {
      TwoWayNeighbours(sources: sources, targets: targets, forward: $0.forward, backward: $0.backward)
    }
  }

  /// The whole result from shards that cover every source row with every target row exactly once, in any order.
  ///
  /// - Throws: `Failure` if the shards leave rows out, overlap, or were made with another k.
  public func merge(_ shards: [TwoWayNeighbours]) throws(Failure) -> TwoWayNeighbours {
    let remedy = "search all shards again with the same files and k"
    var whole = TwoWayNeighbours(
      sources: 0..<source.rows, targets: 0..<target.rows,
      forward: NeighbourLists(rows: source.rows, k: min(k, target.rows)),
      backward: NeighbourLists(rows: target.rows, k: min(k, source.rows)))
    var covered = 0
    for (number, shard) in shards.enumerated() {
      let fits =
        shard.sources.lowerBound >= 0 && shard.sources.upperBound <= source.rows && shard.targets.lowerBound >= 0
        && shard.targets.upperBound <= target.rows && shard.forward.k == min(k, shard.targets.count)
        && shard.backward.k == min(k, shard.sources.count)
      guard fits else {
        throw Failure(.badData, "shard \(number)", "was made from other files or with another k", remedy: remedy)
      }
      for other in shards[..<number]
      where shard.sources.overlaps(other.sources) && shard.targets.overlaps(other.targets) {
        throw Failure(.badData, "shard \(number)", "compares rows that another shard compares too", remedy: remedy)
      }
      covered += shard.sources.count * shard.targets.count
      whole.forward.merge(shard.forward, at: shard.sources.lowerBound)
      whole.backward.merge(shard.backward, at: shard.targets.lowerBound)
    }
    guard covered == source.rows * target.rows else {
      throw Failure(
        .badData, "\(shards.count) shards", "cover \(covered) of \(source.rows * target.rows) comparisons",
        remedy: remedy)
    }
    return whole
  }
}
