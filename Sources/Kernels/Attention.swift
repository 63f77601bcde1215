import CKernels

/// Where the sentences of a packed batch begin: sentence i is rows starts[i] ..< starts[i+1].
public struct Segments: Sendable {
  /// One more than there are sentences; ascending, from 0 to N.
  public let starts: [Int]

  /// - Precondition: ascending from 0; no sentence is empty.
  public init(starts: [Int]) {
    precondition(starts.first == 0)
    self.starts = starts
    var longest = 0
    for i in 1..<max(starts.count, 1) {
      precondition(starts[i] > starts[i - 1], "a sentence of no tokens")
      longest = max(longest, starts[i] - starts[i - 1])
    }
    self.longest = longest
  }

  /// Segments of sentences of the given lengths.
  public init(lengths: some Sequence<Int>) {
    var starts = [0]
    for length in lengths { starts.append(starts[starts.count - 1] + length) }
    self.init(starts: starts)
  }

  /// Number of sentences, B.
  public var count: Int { starts.count - 1 }
  /// Number of tokens, N.
  public var tokens: Int { starts[starts.count - 1] }
  /// Tokens of the longest sentence.
  public let longest: Int

  func length(_ i: Int) -> Int { starts[i + 1] - starts[i] }
}

/// The attention probabilities of a batch, kept for the backward pass: for every sentence and head a [T, T] block.
public struct AttentionState: Sendable {
  let probabilities: Tensor
  /// Where each sentence's blocks begin.
  let offsets: [Int]

  /// Floats needed for `segments` with `heads` heads.
  public static func size(_ segments: Segments, heads: Int) -> Int {
    size(segments, 0..<segments.count, heads: heads)
  }

  /// Floats needed for some of the sentences.
  public static func size(_ segments: Segments, _ sentences: Range<Int>, heads: Int) -> Int {
    var total = 0
    for i in sentences {
      let t = segments.length(i)
      total += heads * t * ems_attention_ld(t)
    }
    return total
  }

  /// Uses the first elements of `memory`, which must have room for `size` of them.
  public init(_ segments: Segments, heads: Int, in memory: Tensor) {
    var offsets = [Int]()
    offsets.reserveCapacity(segments.count)
    var total = 0
    for i in 0..<segments.count {
      offsets.append(total)
      let t = segments.length(i)
      total += heads * t * ems_attention_ld(t)
    }
    self.offsets = offsets
    probabilities = memory.slice(from: 0, rows: 1, columns: total)
  }
}

extension Compute {
  /// Sentences a part: enough to be worth a part, few enough for two threads to share a batch.
  private static let sentencesPerPart = 8

  // MARK: forward

  /// Self-attention within each sentence, all heads: a = softmax(q kᵀ / sqrt(D/H)) v.
  ///
  /// - Parameters:
  ///   - qkv: [N, 3D], each row q, k and v side by side
  ///   - a: [N, D]
  ///   - state: keeps the probabilities for the backward pass when given
  public func attention(
    _ qkv: Tensor, _ segments: Segments, heads: Int, dropout: Dropout = .none, into a: Tensor,
    state: AttentionState? = nil
  ) {
    let d = a.columns
    precondition(qkv.columns == 3 * d && d % heads == 0 && qkv.rows == segments.tokens && a.rows == segments.tokens)
    let width = d / heads
    let scale = 1 / Float(width).squareRoot()
    let longest = segments.longest
    guard state != nil || dropout.probability > 0 else {
      unsafe parallelRows(
        segments.count, grain: Self.sentencesPerPart, scratchFloats: ems_attend_scratch(longest, width)
      ) { sentences, scratch in
        for i in sentences {
          let start = segments.starts[i]
          for h in 0..<heads {
            let q = unsafe qkv.pointer + start * 3 * d + h * width
            unsafe kernels.pointee.attend(
              segments.length(i), width, q, q + d, q + 2 * d, 3 * d, scale, a.pointer + start * d + h * width, d,
              scratch)
          }
        }
      }
      return
    }
    let block = longest * ems_attention_ld(longest)
    unsafe parallelRows(
      segments.count, grain: Self.sentencesPerPart, scratchFloats: ems_attention_scratch(longest, width) + block
    ) { sentences, scratch in
      for i in sentences {
        let start = segments.starts[i]
        let t = segments.length(i)
        let size = t * ems_attention_ld(t)
        for h in 0..<heads {
          let q = unsafe qkv.pointer + start * 3 * d + h * width
          let p = unsafe state.map { unsafe $0.probabilities.pointer + $0.offsets[i] + h * size } ?? scratch
          let element = dropout.place.index(state.map { $0.offsets[i] } ?? 0) + UInt64(h * size)
          unsafe kernels.pointee.attention(
            t, width, q, q + d, q + 2 * d, 3 * d, scale, a.pointer + start * d + h * width, d, p, scratch + block,
            dropout.threshold, dropout.scale, dropout.key, element)
        }
      }
    }
  }

  // MARK: backward

  /// dqkv from da, both as in `attention`.
  public func attentionBackward(
    _ da: Tensor, _ qkv: Tensor, _ segments: Segments, heads: Int, dropout: Dropout, state: AttentionState,
    into dqkv: Tensor
  ) {
    let d = da.columns
    precondition(qkv.columns == 3 * d && d % heads == 0 && qkv.rows == da.rows)
    precondition(dqkv.columns == 3 * d && dqkv.rows == qkv.rows)
    let width = d / heads
    let scale = 1 / Float(width).squareRoot()
    unsafe parallelRows(
      segments.count, grain: Self.sentencesPerPart, scratchFloats: ems_attention_scratch(segments.longest, width)
    ) { sentences, scratch in
      for i in sentences {
        let start = segments.starts[i]
        let t = segments.length(i)
        let size = t * ems_attention_ld(t)
        for h in 0..<heads {
          let column = start * 3 * d + h * width
          let q = unsafe qkv.pointer + column
          let dq = unsafe dqkv.pointer + column
          let offset = state.offsets[i] + h * size
          unsafe kernels.pointee.attention_backward(
            t, width, q, q + d, q + 2 * d, 3 * d, scale, da.pointer + start * d + h * width, d,
            state.probabilities.pointer + offset, dq, dq + d, dq + 2 * d, scratch, dropout.threshold, dropout.scale,
            dropout.key, dropout.place.index(state.offsets[i]) + UInt64(h * size))
        }
      }
    }
  }
}
