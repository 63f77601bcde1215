/// The name and shape of one tensor of a file.
public struct TensorShape: Sendable, Equatable {
  /// The released checkpoint's parameter name.
  public var name: String
  /// Sizes, slowest first: [rows, columns], or [elements].
  public var shape: [Int]

  /// A name and its shape.
  public init(name: String, shape: [Int]) {
    self.name = name
    self.shape = shape
  }

  /// The number of elements.
  ///
  /// - Precondition: it fits an Int, as it does for every shape of a checked configuration and of an opened file.
  public var count: Int { shape.reduce(1, *) }
}
