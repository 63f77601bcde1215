// Little-endian numbers out of file bytes. Every file format here is little-endian, and so is every machine this runs on.

extension RawSpan {
  /// The integer or float that starts at a byte offset; no alignment is needed.
  ///
  /// - Precondition: all its bytes lie inside the span (checked).
  @inlinable
  package func number<Number: BitwiseCopyable>(at offset: Int, as type: Number.Type = Number.self) -> Number {
    precondition(offset >= 0 && offset <= byteCount - MemoryLayout<Number>.size)
    // Only integer and float types are asked for, and these allow every bit pattern.
    return unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: type)
  }
}

/// Half, brain and double floats from file bytes to single precision, and back to half.
///
/// Written as integer arithmetic on a whole run: the baseline processor has no half-precision instructions, so
/// `Float(Float16)` would be a library call for every element, where these loops are vectorised.
package enum FloatFormat {
  /// Copies `count` little-endian singles from the start of `bytes`.
  package static func copySingles(_ bytes: RawSpan, to output: inout MutableSpan<Float>, count: Int) {
    precondition(count <= output.count && bytes.byteCount >= count * 4)
    for index in 0..<count { output[index] = bytes.number(at: index * 4) }
  }

  /// Widens `count` IEEE half floats; exact for every value, subnormals, infinities and NaN included.
  package static func copyHalves(_ bytes: RawSpan, to output: inout MutableSpan<Float>, count: Int) {
    precondition(count <= output.count && bytes.byteCount >= count * 2)
    for index in 0..<count { output[index] = single(half: bytes.number(at: index * 2)) }
  }

  /// Widens `count` brain floats, which are the upper halves of singles.
  package static func copyBrainFloats(_ bytes: RawSpan, to output: inout MutableSpan<Float>, count: Int) {
    precondition(count <= output.count && bytes.byteCount >= count * 2)
    for index in 0..<count {
      let half: UInt16 = bytes.number(at: index * 2)
      output[index] = Float(bitPattern: UInt32(half) << 16)
    }
  }

  /// Rounds `count` doubles to the nearest singles.
  package static func copyDoubles(_ bytes: RawSpan, to output: inout MutableSpan<Float>, count: Int) {
    precondition(count <= output.count && bytes.byteCount >= count * 8)
    for index in 0..<count {
      let double: Double = bytes.number(at: index * 8)
      output[index] = Float(double)
    }
  }

  /// One half float as a single. The exponent field moves over and multiplying by 2^112 corrects the bias, for
  /// subnormals too; what came from the highest exponent (infinity, NaN) gets the single's highest exponent.
  @inline(__always)
  package static func single(half: UInt16) -> Float {
    let magnitude = Float(bitPattern: UInt32(half & 0x7FFF) << 13) * 0x1p112
    let special: UInt32 = (half & 0x7C00) == 0x7C00 ? 0x7F80_0000 : 0
    return Float(bitPattern: magnitude.bitPattern | special | UInt32(half & 0x8000) << 16)
  }

  /// The half float nearest to a single, ties to even. Values from 65520 on become infinity; NaN stays NaN.
  @inline(__always)
  package static func half(single: Float) -> UInt16 {
    let bits = single.bitPattern
    let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
    let magnitude = bits & 0x7FFF_FFFF
    // Normal halves: round on the 13 bits that are dropped, after moving the exponent's bias from 127 to 15.
    let rounded = magnitude &+ 0xFFF &+ ((magnitude >> 13) & 1)
    let normal = (rounded &- (112 << 23)) >> 13
    // Subnormal halves: adding 0.5 puts the half's last place at the single's last place, so the addition rounds.
    let shifted = Float(bitPattern: magnitude) + 0.5
    let subnormal = shifted.bitPattern &- Float(0.5).bitPattern
    let finite = magnitude < 0x3880_0000 ? subnormal : normal
    let limited = magnitude >= 0x477F_F000 ? (magnitude > 0x7F80_0000 ? 0x7E00 : 0x7C00) : finite
    return sign | UInt16(truncatingIfNeeded: limited)
  }

  /// Narrows singles to halves.
  ///
  /// - Returns: the index of the first finite value that a half cannot hold, or nil when all fit.
  package static func narrow(_ input: Span<Float>, to output: inout [UInt16]) -> Int? {
    output = [UInt16](repeating: 0, count: input.count)
    var halves = output.mutableSpan
    var overflows = false
    for index in input.indices {
      let value = input[index]
      halves[index] = half(single: value)
      // From 65520 on, but below infinity: these would round to infinity.
      let magnitude = value.bitPattern & 0x7FFF_FFFF
      overflows = overflows || (magnitude >= 0x477F_F000 && magnitude < 0x7F80_0000)
    }
    if !overflows { return nil }
    return input.indices.first { input[$0].isFinite && half(single: input[$0]) & 0x7FFF == 0x7C00 }
  }
}
