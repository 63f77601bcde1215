import CKernels

/// Where dropout is, and with what probability: a key that the mask is a hash of.
///
/// Masks are functions of (key, element), so forward and backward agree without storing them, and they do not depend on
/// threads or on batch composition in memory.
public struct Dropout: Sendable {
  /// Probability in [0, 1) that an element is set to zero; the others are multiplied by 1/(1-p).
  public var probability: Float
  /// Differs for every site, layer and step, in all its bits: the output of a mixer such as splitmix64's. (Keys that differ
  /// in a single bit give masks that are not independent of each other.)
  public var key: UInt64
  /// Where the elements lie in the batch that the mask is of.
  public var place: Place

  /// - Parameter probability: in [0, 1).
  public init(probability: Float, key: UInt64, place: Place = .whole) {
    precondition(probability >= 0 && probability < 1)
    self.probability = probability
    self.key = key
    self.place = place
  }

  /// A part of a batch of pairs as two runs of the whole batch's elements: the sources', then the targets'. With it a part
  /// has the masks that it has in the whole.
  public struct Place: Sendable, Equatable {
    /// The part's first element of the second run.
    public var boundary: Int
    /// What is added to an element's index in the part for its index in the whole: in the first and in the second run.
    public var first: Int, second: Int

    /// A place in units of rows, or of whatever `scaled` turns into elements.
    public init(boundary: Int, first: Int, second: Int) {
      self.boundary = boundary
      self.first = first
      self.second = second
    }

    /// The whole batch.
    public static let whole = Place(boundary: 0, first: 0, second: 0)

    /// The place when every unit is `width` elements.
    public func scaled(by width: Int) -> Place {
      Place(boundary: boundary * width, first: first * width, second: second * width)
    }

    /// The index in the whole of element `i` of the part.
    func index(_ i: Int) -> UInt64 { UInt64(i + (i < boundary ? first : second)) }

    /// Runs `body` on the pieces of a range that lie in one run each.
    func forEachPiece(of range: Range<Int>, _ body: (Range<Int>) -> Void) {
      if range.contains(boundary), range.lowerBound < boundary {
        body(range.lowerBound..<boundary)
        body(boundary..<range.upperBound)
      } else {
        body(range)
      }
    }
  }

  /// No dropout: evaluation and inference.
  public static let none = Dropout(probability: 0, key: 0)

  var threshold: UInt32 { UInt32(min(Double(probability) * 4_294_967_296, 4_294_967_295)) }
  var scale: Float { 1 / (1 - probability) }
}

/// What the backward pass of a layer normalisation needs.
public struct NormState: Sendable {
  /// (s - mean) / sqrt(variance + eps), [N, D].
  public let normalised: Tensor
  /// 1 / sqrt(variance + eps), [N, 1].
  public let reciprocalDeviation: Tensor

  /// Room for N rows of D columns.
  public init(rows: Int, columns: Int) {
    normalised = Tensor(rows: rows, columns: columns)
    reciprocalDeviation = Tensor(rows: rows, columns: 1)
  }

  init(normalised: Tensor, reciprocalDeviation: Tensor) {
    self.normalised = normalised
    self.reciprocalDeviation = reciprocalDeviation
  }

  /// The first `count` rows.
  public func prefix(_ count: Int) -> NormState {
    NormState(normalised: normalised.prefix(count), reciprocalDeviation: reciprocalDeviation.prefix(count))
  }
}

extension Compute {
  // MARK: forward

  /// y = LayerNorm(x + dropout(residual)), or LayerNorm(dropout(x)) without a residual branch.
  ///
  /// Population variance, eps inside the square root.
  /// - Parameters:
  ///   - x, branch, y: [N, D]; y may be x
  ///   - gain, bias: [1, D]
  ///   - state: filled for the backward pass when given
  public func layerNorm(
    _ x: Tensor, adding branch: Tensor? = nil, dropout: Dropout = .none, gain: Tensor, bias: Tensor, eps: Float,
    into y: Tensor, state: NormState? = nil
  ) {
    let d = x.columns
    precondition(y.rows == x.rows && y.columns == d && gain.count == d && bias.count == d)
    precondition(branch.map { $0.rows == x.rows && $0.columns == d } ?? true)
    precondition(state.map { $0.normalised.rows == x.rows && $0.normalised.columns == d } ?? true)
    precondition(dropout.place.boundary % d == 0, "a row cannot lie in both runs")
    unsafe parallelRows(x.rows, grain: 64) { range, _ in
      dropout.place.forEachPiece(of: range.lowerBound * d..<range.upperBound * d) { elements in
        let (start, row) = (elements.lowerBound, elements.lowerBound / d)
        unsafe kernels.pointee.layer_norm(
          elements.count / d, d, x.pointer + start, branch.map { unsafe UnsafePointer($0.pointer + start) },
          gain.pointer, bias.pointer, eps, y.pointer + start, state.map { unsafe $0.normalised.pointer + start },
          state.map { unsafe $0.reciprocalDeviation.pointer + row }, dropout.threshold, dropout.scale, dropout.key,
          dropout.place.index(start))
      }
    }
  }

  // MARK: backward

  /// ds = the gradient of the normalised sum s; dGain and dBias are added to.
  ///
  /// - Parameters:
  ///   - dy: [N, D]
  ///   - ds: [N, D]; may be dy
  ///   - workspace: at least [2 * ceil(N/64), D]
  public func layerNormBackward(
    _ dy: Tensor, gain: Tensor, state: NormState, ds: Tensor, dGain: Tensor, dBias: Tensor, workspace: Tensor
  ) {
    let d = dy.columns
    precondition(ds.rows == dy.rows && ds.columns == d && state.normalised.rows == dy.rows)
    let grain = 64
    let parts = (dy.rows + grain - 1) / grain
    let partial = workspace.slice(from: 0, rows: 2 * parts, columns: d)
    unsafe parallelRows(dy.rows, grain: grain) { range, _ in
      let start = range.lowerBound * d
      let sums = partial.rows(range.lowerBound / grain * 2..<range.lowerBound / grain * 2 + 2)
      sums.fill(0)
      unsafe kernels.pointee.layer_norm_backward(
        range.count, d, dy.pointer + start, gain.pointer, state.normalised.pointer + start,
        state.reciprocalDeviation.pointer + range.lowerBound, ds.pointer + start, sums.pointer, sums.pointer + d)
    }
    for part in 0..<parts {
      unsafe kernels.pointee.axpy(d, 1, partial.pointer + 2 * part * d, dGain.pointer)
      unsafe kernels.pointee.axpy(d, 1, partial.pointer + (2 * part + 1) * d, dBias.pointer)
    }
  }

  /// y = dropout(x), element by element; being linear, also its own backward. y may be x.
  public func dropout(_ x: Tensor, _ dropout: Dropout, into y: Tensor) {
    precondition(x.count == y.count)
    if dropout.probability == 0 {
      if unsafe x.pointer != y.pointer { y.copy(from: x) }
      return
    }
    unsafe parallelRows(x.count, grain: 1 << 15) { range, _ in
      dropout.place.forEachPiece(of: range) { elements in
        unsafe kernels.pointee.dropout(
          elements.count, x.pointer + elements.lowerBound, y.pointer + elements.lowerBound, dropout.threshold,
          dropout.scale, dropout.key, dropout.place.index(elements.lowerBound))
      }
    }
  }
}
