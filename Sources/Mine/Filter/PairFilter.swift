import Base
import Foundation

/// A pair classifier: from a pair's features the probability that it is right.
///
/// Boosted trees on the log-odds (Friedman 2001), whose sum is then set straight on data that the trees have not seen (Platt 1999).
public struct PairFilter: Sendable, Codable, Equatable {
  /// A node: the feature that decides, where, and the two nodes behind it (left: not above); or a leaf with a value.
  struct Node: Sendable, Codable, Equatable {
    var feature: Int, threshold: Float, left: Int, right: Int, value: Float

    init(feature: Int = -1, threshold: Float = 0, left: Int = 0, right: Int = 0, value: Float = 0) {
      (self.feature, self.threshold, self.left, self.right, self.value) = (feature, threshold, left, right, value)
    }

    init(from decoder: any Decoder) throws {
      var values = try decoder.unkeyedContainer()
      feature = try values.decode(Int.self)
      threshold = try values.decode(Float.self)
      left = try values.decode(Int.self)
      right = try values.decode(Int.self)
      value = try values.decode(Float.self)
    }

    func encode(to encoder: any Encoder) throws {
      var values = encoder.unkeyedContainer()
      try values.encode(feature)
      try values.encode(threshold)
      try values.encode(left)
      try values.encode(right)
      try values.encode(value)
    }
  }

  /// What the file is: to be raised when features change what they mean.
  var format = Self.format
  /// The features that the trees look at, in their order.
  var features: [String]
  /// The log-odds before any tree.
  var bias: Float
  var trees: [[Node]]
  /// The log-odds are scaled and moved by these.
  var scale: Float, shift: Float
  /// Pairs that it was trained on, and the right ones among them.
  public var pairs: Int, right: Int

  static let format = "ems pair filter 1"

  private enum CodingKeys: String, CodingKey { case format, features, bias, trees, scale, shift, pairs, right }

  /// Reads a file that `write` wrote.
  ///
  /// - Throws: `Failure` for a missing file, one that is no filter, and one of other features.
  public static func read(_ path: String) throws(Failure) -> PairFilter {
    let filter = try JSONFile.read(PairFilter.self, from: path)
    guard filter.format == format, filter.features == PairFeatures.names, filter.isSound else {
      throw Failure(
        .badData, path, "is no pair filter of this version", remedy: "train it again with `ems filter train`")
    }
    return filter
  }

  /// Writes the filter as JSON.
  public func write(to path: String) throws(Failure) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    guard let data = try? encoder.encode(self) else {
      throw Failure(.software, path, "holds a number that is not finite")
    }
    let output = try OutputFile(path: path)
    try output.write(String(decoding: data, as: UTF8.self) + "\n")
    try output.commit()
  }

  /// Whether every path through the trees ends.
  private var isSound: Bool {
    trees.allSatisfy { tree in
      !tree.isEmpty
        && tree.indices.allSatisfy { i in
          let node = tree[i]
          return node.feature < 0
            || (node.feature < features.count && i < node.left && i < node.right && node.left < tree.count
              && node.right < tree.count)
        }
    }
  }

  /// The sum of the trees.
  func logOdds(_ values: [Float]) -> Float {
    var sum = bias
    for tree in trees {
      var node = tree[0]
      while node.feature >= 0 { node = tree[values[node.feature] <= node.threshold ? node.left : node.right] }
      sum += node.value
    }
    return sum
  }

  /// The probability that a pair is right.
  ///
  /// - Parameter values: its features, as `PairFeatures.names` has them.
  public func probability(_ values: [Float]) -> Double {
    precondition(values.count == features.count)
    return Self.logistic(Double(scale * logOdds(values) + shift))
  }

  static func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
}
