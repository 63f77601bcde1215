import CKernels
import Glibc

/// The state of Adam with AMSGrad (Reddi et al. 2018), as in PyTorch's `Adam(amsgrad=True)`.
public struct Adam: Sendable {
  /// First and second moments and the largest second moment so far, each of the parameters' size.
  public let mean: Tensor, square: Tensor, largest: Tensor
  /// Decay rates of the moments.
  public var betas: (Float, Float) = (0.9, 0.999)
  /// Added to the root of the second moment.
  public var epsilon: Float = 1e-8
  /// L2 term added to the gradient (`coupled`), or taken off the weights with the learning rate (decoupled, AdamW).
  public var weightDecay: Float
  /// Which of the two the decay is.
  public var decoupled: Bool
  /// Steps taken.
  public var step = 0

  /// State for `count` parameters; all zero.
  public init(count: Int, weightDecay: Float, decoupled: Bool) {
    mean = Tensor(rows: 1, columns: count)
    square = Tensor(rows: 1, columns: count)
    largest = Tensor(rows: 1, columns: count)
    self.weightDecay = weightDecay
    self.decoupled = decoupled
  }
}

extension Compute {
  /// One step: w changes against g · gradientScale at the given learning rate.
  public func step(
    _ adam: inout Adam, weights: Tensor, gradients: Tensor, learningRate: Float, gradientScale: Float = 1
  ) {
    precondition(weights.count == gradients.count && weights.count == adam.mean.count)
    adam.step += 1
    let state = adam
    let correction1 = Float(1 - Glibc.pow(Double(state.betas.0), Double(state.step)))
    let correction2 = Float((1 - Glibc.pow(Double(state.betas.1), Double(state.step))).squareRoot())
    unsafe parallelRows(weights.count, grain: 1 << 16) { range, _ in
      let i = range.lowerBound
      unsafe kernels.pointee.adam(
        range.count, weights.pointer + i, gradients.pointer + i, state.mean.pointer + i, state.square.pointer + i,
        state.largest.pointer + i, learningRate, state.betas.0, state.betas.1, state.epsilon, correction1, correction2,
        state.decoupled ? 0 : state.weightDecay, state.decoupled ? state.weightDecay : 0, gradientScale)
    }
  }
}
