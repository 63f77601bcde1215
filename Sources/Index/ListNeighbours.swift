import Base
import Kernels

/// Nearest neighbours by cosine of nearly all rows of two large sides, both ways at once, in a small part of the time that
/// exact search takes.
///
/// Both sides share cells, found by k-means. A row is compared with the rows that lie in the cells nearest to it, and with
/// those of the other side that have its own cell among their nearest: every product counts both ways. How many cells a row
/// looks into is found by measuring, on a sample of rows whose true neighbours are searched exactly, what share of them
/// would be met.
///
/// What is met has the scores and the order of exact search. Lists depend on the rows and these settings alone.
public struct ListNeighbours: Sendable {
  /// The share of the true k nearest that is wanted, in each direction.
  public static let defaultRecall = 0.95

  /// The two sides, and how many neighbours are wanted.
  public let sides: ExactNeighbours
  /// The number of cells, at most 65,536.
  public let cells: Int
  private let recall: Double
  private let givenProbes: Int?

  /// What a search gave.
  public struct Result: Sendable {
    /// The lists. A row that met fewer than k others has ids of -1 at the end of its list.
    public var neighbours: TwoWayNeighbours
    /// Cells that a row looked into.
    public var probes: Int
    /// Products of two rows.
    public var products: Int
  }

  /// - Parameters:
  ///   - cells: nil for `defaultCells`.
  ///   - probes: cells that a row looks into; nil to find them by measuring.
  ///   - recall: the share of the true neighbours that is wanted; between 0 and 1.
  public init(_ sides: ExactNeighbours, cells: Int? = nil, probes: Int? = nil, recall: Double = defaultRecall) {
    precondition(recall > 0 && recall < 1 && probes ?? 1 >= 1 && cells ?? 1 >= 1)
    let most = min(1 << 16, sides.source.rows + sides.target.rows)
    self.sides = sides
    let used = min(most, cells ?? Self.defaultCells(sources: sides.source.rows, targets: sides.target.rows))
    self.cells = used
    self.recall = recall
    givenProbes = probes.map { min($0, used) }
  }

  /// The power of two nearest to twice the root of the sides' mean size.
  public static func defaultCells(sources: Int, targets: Int) -> Int {
    let wanted = 2 * (Double(sources) * Double(targets)).squareRoot().squareRoot()
    var cells = 1
    while cells < 1 << 16, Double(cells) * 1.42 < wanted { cells *= 2 }
    return min(cells, max(1, (sources + targets) / 8))
  }

  /// Rows that cells are found with.
  public static func trainingRows(cells: Int) -> Int { rowsPerCell * cells }

  /// What a recall of 0.95 takes on sentences, for plans: 20 were measured in 1,024 cells of 200,000 rows a side, 17 in 2,048 of a
  /// million, which is taken for 20 at any size. Runs measure it.
  public static func usualProbes(cells: Int) -> Int { min(cells, 20) }

  /// Rows for each cell that it is found with, and how often they are assigned.
  static let rowsPerCell = 40, rounds = 5
  /// Rows of each side whose true neighbours say how many cells must be looked into.
  static let sample = 500

  /// Finds the neighbours of all rows.
  ///
  /// - Parameters:
  ///   - job: stops the work, and is told the share that is done.
  ///   - subject: what is being done, in these reports.
  /// - Returns: nil if the job is cancelled.
  public func search(on compute: Compute, job: Job = Job(), subject: String = "searching") throws(Failure) -> Result? {
    let source = Self.measured(sides.source, on: compute), target = Self.measured(sides.target, on: compute)
    let stop: @Sendable () -> Bool = { job.isCancelled }
    job.report("\(subject): finding \(cells) cells")
    let wanted = Self.trainingRows(cells: cells)
    let both = source.rows + target.rows
    let shares = [source, target].map { min($0.rows, ($0.rows * wanted + both - 1) / both) }
    let rows = Tensor(rows: shares[0] + shares[1], columns: source.columns)
    for (side, place) in [(source, 0..<shares[0]), (target, shares[0]..<rows.rows)] {
      rows.rows(place).copy(from: compute.unit(side, EmbeddingSide.spread(place.count, over: side.rows)))
    }
    guard let centres = compute.cluster(rows, cells: cells, rounds: Self.rounds, shouldStop: stop) else { return nil }
    var probes = givenProbes ?? 0
    if givenProbes == nil {
      job.report("\(subject): measuring")
      guard let found = try neededProbes(source, target, centres, on: compute, job: job) else { return nil }
      probes = found
    }
    let lists = compute.nearestByCells(
      source, target, centres, probes: probes, k: sides.k, progress: { job.report("\(subject): \($0)", $1) },
      shouldStop: stop)
    guard let lists else { return nil }
    let neighbours = TwoWayNeighbours(
      sources: 0..<source.rows, targets: 0..<target.rows, forward: lists.forward, backward: lists.backward)
    return Result(neighbours: neighbours, probes: probes, products: lists.products)
  }

  /// Rows are used many times: their lengths are measured once.
  private static func measured(_ side: EmbeddingSide, on compute: Compute) -> UnitRows {
    side.unitRows.factors.isEmpty ? compute.unitRows(side.unitRows) : side.unitRows
  }

  /// The fewest cells that meet the wanted share of the true neighbours of a sample, in both directions.
  private func neededProbes(
    _ source: UnitRows, _ target: UnitRows, _ centres: Tensor, on compute: Compute, job: Job
  ) throws(Failure) -> Int? {
    let packed = PackedMatrix(rows: centres.columns, columns: centres.rows, on: compute)
    compute.pack(transposing: centres, into: packed)
    func products(_ side: UnitRows, _ rows: [Int]) -> Tensor {
      let result = Tensor(rows: rows.count, columns: cells)
      compute.linear(compute.unit(side, rows), packed, into: result)
      return result
    }
    /// The cell that a row lies in.
    func home(_ products: Tensor, _ row: Int) -> Int {
      products.rows(row..<row + 1).withElements { x in
        var best = 0
        for cell in x.indices where x[cell] > x[best] { best = cell }
        return best
      }
    }
    /// How many cells are nearer to a row.
    func rank(_ products: Tensor, _ row: Int, _ cell: Int) -> Int {
      products.rows(row..<row + 1).withElements { x in x.indices.count { x[$0] > x[cell] } }
    }
    var needed = 1
    for (queries, others) in [(source, target), (target, source)] {
      let wanted = min(Self.sample, queries.rows)
      // Rows in the middle between those that others sample.
      let rows = (0..<wanted).map { (2 * $0 + 1) * queries.rows / (2 * wanted) }
      let sampled = try EmbeddingSide(compute.unit(queries, rows), name: "sample", on: compute)
      let found = compute.nearest(
        others, 0..<others.rows, sampled.unitRows, 0..<wanted, k: sides.k, forwardK: 0,
        shouldStop: { job.isCancelled })
      guard let lists = found?.backward else { return nil }
      let mine = products(queries, rows)
      let theirs = Array(Set(lists.ids)).sorted()
      var ranks: [Int] = []
      // A few at a time: a row of products for each.
      let block = 4096
      for first in stride(from: 0, to: theirs.count, by: block) {
        let some = Array(theirs[first..<min(first + block, theirs.count)])
        let other = products(others, some.map(Int.init))
        let places = Dictionary(uniqueKeysWithValues: some.enumerated().map { ($1, $0) })
        let homes = some.indices.map { home(other, $0) }
        for i in 0..<wanted {
          let own = home(mine, i)
          for id in lists.ids[i * lists.k..<(i + 1) * lists.k] {
            guard let place = places[id] else { continue }
            ranks.append(min(rank(mine, i, homes[place]), rank(other, place, own)))
          }
        }
      }
      ranks.sort()
      // A little more than asked for: the sample says it to about half a percent.
      let last = min(ranks.count - 1, Int((Double(ranks.count) * min(0.9999, recall + 0.004)).rounded(.up)) - 1)
      needed = max(needed, ranks[max(0, last)] + 1)
    }
    return needed
  }
}
