import Kernels
import TestSupport
import Testing

/// Around the widths of vectors and panels.
let sizes = [1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65]

/// The SIMD sets that this processor has.
let sets: [String] = ["generic", "avx2", "avx512", "amx"].filter { Compute(threads: 1, simd: $0) != nil }

/// One combination of SIMD set and number of threads.
struct Machine: CustomTestStringConvertible, Sendable {
  let simd: String, threads: Int
  var testDescription: String { "\(simd), \(threads) thread(s)" }

  init(_ simd: String, _ threads: Int) {
    self.simd = simd
    self.threads = threads
  }

  /// A new one each time: tests run side by side, and a `Compute` runs one op at a time.
  var compute: Compute {
    guard let compute = Compute(threads: threads, simd: simd) else { preconditionFailure("\(simd) is not here") }
    return compute
  }

  /// Every combination.
  static let all = sets.flatMap { simd in [1, 2, 3].map { Machine(simd, $0) } }
  /// Every set on one thread.
  static let one = sets.map { Machine($0, 1) }
}

/// Uniform random values in ±bound.
func randomTensor(_ rows: Int, _ columns: Int, seed: UInt64, bound: Float = 1) -> Tensor {
  var random = SplitMix(seed: seed &* 0x1_0001 &+ UInt64(rows * 131 + columns))
  return Tensor(
    (0..<rows * columns).map { _ in .random(in: -bound...bound, using: &random) }, rows: rows, columns: columns)
}

/// Random whole numbers from -3 to 3: sums of their products are exact in single precision, in any order.
func integerTensor(_ rows: Int, _ columns: Int, seed: UInt64) -> Tensor {
  var random = SplitMix(seed: seed &* 0x1_0001 &+ UInt64(rows * 131 + columns))
  return Tensor(
    (0..<rows * columns).map { _ in Float(Int.random(in: -3...3, using: &random)) }, rows: rows, columns: columns)
}

/// A tensor of one value.
func constant(_ rows: Int, _ columns: Int, _ value: Float) -> Tensor {
  Tensor(Array(repeating: value, count: rows * columns), rows: rows, columns: columns)
}

extension Tensor {
  /// The elements in double precision.
  var doubles: [Double] { array.map(Double.init) }
  /// The elements' bits: unlike ==, tells zeros apart and finds NaN equal to itself.
  var bits: [UInt32] { array.map(\.bitPattern) }
  var isFinite: Bool { array.allSatisfy(\.isFinite) }
}

/// Largest |found - expected| as a share of the largest |expected|, at least `floor`.
func distance(_ found: [Float], _ expected: [Double], floor: Double = 1e-6) -> Double {
  #expect(found.count == expected.count)
  var largest = floor, worst = 0.0
  for (f, e) in zip(found, expected) {
    if f.isNaN != e.isNaN { return .infinity }
    largest = max(largest, abs(e))
    worst = max(worst, abs(Double(f) - e))
  }
  return worst / largest
}

/// Σ w·y in double.
func weighted(_ y: Tensor, _ w: [Double]) -> Double { zip(y.array, w).reduce(0) { $0 + Double($1.0) * $1.1 } }

/// Compares `gradient` with the differences of `loss` when elements of `x` move.
func expectGradient(
  _ what: String, of x: Tensor, is gradient: Tensor, _ check: GradientCheck = GradientCheck(),
  location: SourceLocation = #_sourceLocation, loss: () -> Double
) {
  let (columns, g) = (x.columns, gradient.array)
  let problems = check.problems(
    count: x.count, read: { x[$0 / columns, $0 % columns] }, write: { x[$0 / columns, $0 % columns] = $1 },
    gradient: { g[$0] }, loss: loss)
  #expect(problems.isEmpty, "\(what): \(problems.prefix(3))", sourceLocation: location)
}

/// y = x Wᵀ + b with everything packed on the way.
func linear(_ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, on compute: Compute) -> Tensor {
  let packed = PackedMatrix(rows: weight.columns, columns: weight.rows, on: compute)
  compute.pack(transposing: weight, into: packed)
  let y = constant(x.rows, weight.rows, .nan)
  compute.linear(x, packed, bias: bias, into: y)
  return y
}
