import CKernels
import Glibc

/// What a layer does to every element of its output.
public enum Activation: String, Sendable, Codable, CaseIterable {
  /// Nothing.
  case identity
  /// x · sigmoid(x), also called SiLU.
  case swish
  /// x · (1 + erf(x / √2)) / 2.
  case gelu
  /// The approximation of `gelu` by tanh.
  case geluTanh = "gelu_tanh"
  /// max(x, 0).
  case relu
  /// tanh(x).
  case tanh
}

extension Compute {
  /// y = the activation of x, element by element; y may be x.
  public func activate(_ x: Tensor, _ activation: Activation, into y: Tensor) {
    precondition(x.count == y.count)
    unsafe parallelRows(x.count, grain: 1 << 15) { range, _ in
      unsafe activate(range.count, x.pointer + range.lowerBound, activation, y.pointer + range.lowerBound)
    }
  }

  private func activate(
    _ count: Int, _ x: UnsafePointer<Float>, _ activation: Activation, _ y: UnsafeMutablePointer<Float>
  ) {
    switch activation {
    case .identity: if unsafe x != UnsafePointer(y) { unsafe y.update(from: x, count: count) }
    case .swish: unsafe kernels.pointee.swish(count, x, y)
    case .gelu: unsafe kernels.pointee.gelu(count, x, y)
    case .geluTanh: unsafe kernels.pointee.gelu_tanh(count, x, y)
    case .relu: for i in 0..<count { unsafe y[i] = max(x[i], 0) }
    // Only layers behind the pooling have it, a row a sentence.
    case .tanh: for i in 0..<count { unsafe y[i] = tanhf(x[i]) }
    }
  }

  /// y = activation(x Wᵀ + b) with each block of rows activated while it is in cache; x [N, K], y [N, M].
  public func linear(
    _ x: Tensor, _ weight: PackedMatrix, bias: Tensor?, _ activation: Activation, into y: Tensor
  ) {
    precondition(x.columns == weight.rows && y.columns == weight.columns && x.rows == y.rows)
    precondition(bias.map { $0.count == weight.columns } ?? true)
    unsafe parallelRows(x.rows, grain: 96, scratchFloats: weight.scratchFloats(rows: 96)) { range, scratch in
      let block = unsafe y.pointer + range.lowerBound * y.columns
      unsafe multiply(
        rows: range.count, x.pointer + range.lowerBound * x.columns, x.columns, 1, weight, block, bias: bias?.pointer,
        accumulating: false, scratch: scratch)
      unsafe activate(range.count * y.columns, block, activation, block)
    }
  }
}
