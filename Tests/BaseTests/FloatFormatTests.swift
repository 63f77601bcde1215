import Base
import TestSupport
import Testing

/// Half, brain and double floats.
@Suite struct FloatFormatTests {
  @Test func everyHalfThereAndBack() {
    for bits in UInt16.min...UInt16.max {
      let half = Float16(bitPattern: bits)
      let single = FloatFormat.single(half: bits)
      if half.isNaN {
        #expect(single.isNaN && Float16(bitPattern: FloatFormat.half(single: single)).isNaN)
      } else if single != Float(half) || FloatFormat.half(single: single) != bits {
        Issue.record("half \(bits): \(single)")
      }
    }
  }

  @Test func singlesAreRoundedAsByTheCompiler() {
    var random = SplitMix64(seed: 1)
    var values: [Float] = [0, -0.0, 65504, 65519.99, 65520, 1e-8, 5.9604645e-8, 2.9802322e-8, 6.1035156e-5, .infinity]
    for _ in 0..<200_000 { values.append(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))) }
    // Halves of neighbours, where ties fall.
    for bits in UInt16(0)..<0x7BFF {
      values.append((Float(Float16(bitPattern: bits)) + Float(Float16(bitPattern: bits + 1))) / 2)
    }
    for value in values where !value.isNaN {
      if FloatFormat.half(single: value) != Float16(value).bitPattern { Issue.record("\(value)") }
    }
    #expect(Float16(bitPattern: FloatFormat.half(single: .nan)).isNaN)
  }

  @Test func narrowingNamesWhatDoesNotFit() {
    var halves: [UInt16] = []
    let good: [Float] = [1, -2.5, .infinity]
    #expect(FloatFormat.narrow(good.span, to: &halves) == nil && halves == [0x3C00, 0xC100, 0x7C00])
    let bad: [Float] = [1, .infinity, 70000, 1e9]
    #expect(FloatFormat.narrow(bad.span, to: &halves) == 2)
  }

  /// Three numbers, of which `body` writes the first two.
  private func written(_ body: (inout MutableSpan<Float>) -> Void) -> [Float] {
    var values: [Float] = [9, 9, 9]
    var span = values.mutableSpan
    body(&span)
    return values
  }

  @Test func copiesOfEveryFormat() {
    let brains: [UInt16] = [0x3F80, 0xC120]
    #expect(written { unsafe FloatFormat.copyBrainFloats(brains.span.bytes, to: &$0, count: 2) } == [1, -10, 9])
    let singles: [Float] = [3, 4]
    #expect(written { unsafe FloatFormat.copySingles(singles.span.bytes, to: &$0, count: 2) } == [3, 4, 9])
    let doubles = [0.1, 1e300]
    #expect(written { unsafe FloatFormat.copyDoubles(doubles.span.bytes, to: &$0, count: 2) } == [0.1, .infinity, 9])
    let halves: [UInt16] = [0x3C00, 1]
    #expect(written { unsafe FloatFormat.copyHalves(halves.span.bytes, to: &$0, count: 2) } == [1, 0x1p-24, 9])
  }
}
