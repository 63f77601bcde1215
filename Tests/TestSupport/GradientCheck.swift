/// Compares a gradient with the loss's own differences, for tensors of any module: elements are reached by closures.
///
/// The kernels compute in single precision, so the step is large (1/32) and the formula of five points makes up for it:
/// its error is of the order of step⁴, and rounding is divided by a step far above it. Losses are to be summed in double.
public struct GradientCheck {
  /// Distance between the points; a power of two, so that moving a value by it is nearly exact.
  public var step: Float = 0x1p-5
  /// Allowed distance as a share of the largest gradient of the tensor.
  public var tolerance = 2e-3
  /// Allowed distance in any case: for gradients that are zero.
  public var floor = 1e-5
  /// At most so many elements of a tensor are tried, chosen at random.
  public var entries = 24
  /// Decides which.
  public var seed: UInt64 = 1

  /// The defaults.
  public init() {}

  /// What does not agree, one line an element; empty when all is well.
  ///
  /// - Parameters:
  ///   - count: number of elements.
  ///   - read, write: an element of the values.
  ///   - gradient: an element of the gradient under test.
  ///   - loss: computed anew from the values.
  public func problems(
    count: Int, read: (Int) -> Float, write: (Int, Float) -> Void, gradient: (Int) -> Float, loss: () throws -> Double
  ) rethrows -> [String] {
    var random = SplitMix(seed: seed)
    let chosen = entries >= count ? Array(0..<count) : Array((0..<count).shuffled(using: &random).prefix(entries))
    let largest = (0..<count).map { abs(Double(gradient($0))) }.max() ?? 0
    return try chosen.compactMap { i in
      let value = read(i)
      defer { write(i, value) }
      func at(_ steps: Float) throws -> Double {
        write(i, value + steps * step)
        return try loss()
      }
      let numeric = try (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * Double(step))
      let distance = abs(numeric - Double(gradient(i)))
      if distance <= max(tolerance * largest, floor) { return nil }
      return "element \(i): gradient \(gradient(i)), differences say \(numeric) (largest gradient \(largest))"
    }
  }
}
