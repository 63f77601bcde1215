import Base

/// Trains pair filters.
public struct FilterTraining: Sendable {
  /// Pairs of one run with their labels.
  public struct Table: Sendable {
    /// Each pair's features.
    public var features: [[Float]]
    /// Whether it is right.
    public var labels: [Bool]

    /// Pairs with labels, as many of these as of those.
    public init(features: [[Float]], labels: [Bool]) {
      precondition(features.count == labels.count)
      self.features = features
      self.labels = labels
    }
  }

  /// Trees, the most leaves of each, the fewest pairs of a leaf, and the share of each tree that counts.
  var trees = 150, depth = 4, leastPairs = 40
  var rate: Float = 0.06
  private static let bins = 48

  /// The usual settings.
  public init() {}

  /// A filter for pairs like those of the tables.
  ///
  /// The trees see all tables. Their sum is set straight by the sums that trees give which have not seen the table (or, of one
  /// table, the fifth of it) that a pair is in.
  ///
  /// - Throws: `Failure` without 50 right and 50 wrong pairs, and of the kind `interrupted`.
  public func train(_ tables: [Table], threads: Int, job: Job = Job()) throws(Failure) -> PairFilter {
    let all = Self.joined(tables)
    let right = all.labels.count { $0 }
    guard right >= 50, all.labels.count - right >= 50 else {
      throw Failure(
        .badData, "filter",
        "there are \(right) right and \(all.labels.count - right) wrong pairs with a label; 50 of each are needed",
        remedy: "give more labels")
    }
    let folds = tables.count > 1 ? tables : Self.parts(all)
    let sums = try concurrentMap(folds.count, threads: threads) { (fold: Int) throws(Failure) -> [Float] in
      let rest = Self.joined(folds.indices.filter { $0 != fold }.map { folds[$0] })
      guard rest.labels.contains(true), rest.labels.contains(false) else { return [] }
      let filter = try boost(rest, job)
      return folds[fold].features.map { filter.logOdds($0) }
    }
    var filter = try boost(all, job)
    var (values, labels): ([Float], [Bool]) = ([], [])
    for (fold, sums) in zip(folds, sums) where !sums.isEmpty {
      values += sums
      labels += fold.labels
    }
    (filter.scale, filter.shift) = Self.line(values, labels)
    (filter.pairs, filter.right) = (all.labels.count, right)
    return filter
  }

  private static func joined(_ tables: [Table]) -> Table {
    Table(features: Array(tables.map(\.features).joined()), labels: Array(tables.map(\.labels).joined()))
  }

  private static func parts(_ table: Table) -> [Table] {
    (0..<5).map { part in
      let rows = stride(from: part, to: table.labels.count, by: 5)
      return Table(features: rows.map { table.features[$0] }, labels: rows.map { table.labels[$0] })
    }
  }

  /// Scale and shift of log-odds that make the labels most likely, by Newton's steps.
  private static func line(_ values: [Float], _ labels: [Bool]) -> (Float, Float) {
    var (scale, shift) = (1.0, 0.0)
    for _ in 0..<30 where !values.isEmpty {
      var (g0, g1, h00, h01, h11) = (0.0, 0.0, 1e-3, 0.0, 1e-3)
      for (value, label) in zip(values, labels) {
        let x = Double(value)
        let p = PairFilter.logistic(scale * x + shift)
        let (error, weight) = (p - (label ? 1 : 0), p * (1 - p))
        g0 += error * x
        g1 += error
        h00 += weight * x * x
        h01 += weight * x
        h11 += weight
      }
      let determinant = h00 * h11 - h01 * h01
      scale -= (h11 * g0 - h01 * g1) / determinant
      shift -= (h00 * g1 - h01 * g0) / determinant
    }
    return scale.isFinite && scale > 0 ? (Float(scale), Float(shift)) : (1, 0)
  }

  // MARK: boosting

  private func boost(_ table: Table, _ job: Job) throws(Failure) -> PairFilter {
    let (rows, columns) = (table.labels.count, PairFeatures.names.count)
    let edges = (0..<columns).map { column in Self.edges(table.features.map { $0[column] }) }
    // Feature by feature, so that a node goes through memory in order.
    let bins = (0..<columns).map { column in
      table.features.map { UInt8(Self.bin($0[column], edges[column])) }
    }
    let share = Double(table.labels.count { $0 }) / Double(rows)
    let bias = Float(logOdds(share))
    var sums = [Float](repeating: bias, count: rows)
    var grown: [[PairFilter.Node]] = []
    for tree in 0..<trees {
      try job.check("filter")
      job.report("training", Double(tree) / Double(trees))
      var (gradients, curvatures) = ([Double](), [Double]())
      for (sum, label) in zip(sums, table.labels) {
        let p = PairFilter.logistic(Double(sum))
        gradients.append((label ? 1 : 0) - p)
        curvatures.append(p * (1 - p))
      }
      var nodes: [PairFilter.Node] = []
      grow(Array(0..<rows), 0, bins, edges, gradients, curvatures, &nodes, &sums)
      grown.append(nodes)
    }
    return PairFilter(
      features: PairFeatures.names, bias: bias, trees: grown, scale: 1, shift: 0, pairs: rows, right: 0)
  }

  private func logOdds(_ share: Double) -> Double {
    // The logarithm by halving: the file shall not depend on a machine's library.
    var (low, high) = (-20.0, 20.0)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if PairFilter.logistic(middle) < share { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }

  /// Appends the nodes of a subtree, and adds its leaves to the sums of their rows.
  private func grow(
    _ rows: [Int], _ level: Int, _ bins: [[UInt8]], _ edges: [[Float]], _ gradients: [Double], _ curvatures: [Double],
    _ nodes: inout [PairFilter.Node], _ sums: inout [Float]
  ) {
    let place = nodes.count
    nodes.append(PairFilter.Node())
    if level < depth, let cut = best(rows, bins, gradients, curvatures) {
      var (left, right): ([Int], [Int]) = ([], [])
      for row in rows {
        if bins[cut.column][row] <= cut.bin { left.append(row) } else { right.append(row) }
      }
      nodes[place].feature = cut.column
      nodes[place].threshold = edges[cut.column][Int(cut.bin)]
      nodes[place].left = nodes.count
      grow(left, level + 1, bins, edges, gradients, curvatures, &nodes, &sums)
      nodes[place].right = nodes.count
      grow(right, level + 1, bins, edges, gradients, curvatures, &nodes, &sums)
      return
    }
    var (gradient, curvature) = (0.0, 0.0)
    for row in rows {
      gradient += gradients[row]
      curvature += curvatures[row]
    }
    let value = rate * Float(gradient / (curvature + 1))
    nodes[place].value = value
    for row in rows { sums[row] += value }
  }

  /// The split that makes the labels most likely; nil if none helps.
  private func best(
    _ rows: [Int], _ bins: [[UInt8]], _ gradients: [Double], _ curvatures: [Double]
  ) -> (column: Int, bin: UInt8)? {
    if rows.count < 2 * leastPairs { return nil }
    var (allGradient, allCurvature) = (0.0, 0.0)
    for row in rows {
      allGradient += gradients[row]
      allCurvature += curvatures[row]
    }
    var best: (gain: Double, column: Int, bin: UInt8)?
    for column in bins.indices {
      var sums = [(gradient: Double, curvature: Double, count: Int)](repeating: (0, 0, 0), count: Self.bins + 1)
      let values = bins[column]
      for row in rows {
        let bin = Int(values[row])
        sums[bin].gradient += gradients[row]
        sums[bin].curvature += curvatures[row]
        sums[bin].count += 1
      }
      var (gradient, curvature, count) = (0.0, 0.0, 0)
      for bin in 0..<Self.bins {
        gradient += sums[bin].gradient
        curvature += sums[bin].curvature
        count += sums[bin].count
        if sums[bin].count == 0 || count < leastPairs { continue }
        if rows.count - count < leastPairs { break }
        let (otherGradient, otherCurvature) = (allGradient - gradient, allCurvature - curvature)
        let gain =
          gradient * gradient / (curvature + 1) + otherGradient * otherGradient / (otherCurvature + 1)
          - allGradient * allGradient / (allCurvature + 1)
        if gain > best?.gain ?? 1e-6 { best = (gain, column, UInt8(bin)) }
      }
    }
    return best.map { ($0.column, $0.bin) }
  }

  /// Values that part a feature's into bins of about the same size, rising.
  private static func edges(_ values: [Float]) -> [Float] {
    let sorted = values.sorted()
    var edges: [Float] = []
    for i in 1...bins {
      let value = sorted[min(sorted.count - 1, sorted.count * i / (bins + 1))]
      if value > edges.last ?? -.infinity { edges.append(value) }
    }
    return edges
  }

  /// The first bin whose edge is not below a value.
  private static func bin(_ value: Float, _ edges: [Float]) -> Int {
    var (low, high) = (0, edges.count)
    while low < high {
      let middle = (low + high) / 2
      if edges[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
