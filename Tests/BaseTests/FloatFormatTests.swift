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

  @Test func copiesOfEveryFormat() {
    let bytes: [UInt8] = [0x80, 0x3F, 0x20, 0xC1, 0, 0, 0, 0]
    var values = [Float](repeating: 9, count: 3)
    var span = values.mutableSpan
    FloatFormat.copyBrainFloats(bytes.span.bytes, to: &span, count: 2)
    #expect(values == [1, -10, 9])
    let singles: [Float] = [3, 4]
    span = values.mutableSpan
    FloatFormat.copySingles(singles.span.bytes, to: &span, count: 2)
    #expect(values == [3, 4, 9])
    let doubles = [0.1, 1e300]
    span = values.mutableSpan
    FloatFormat.copyDoubles(doubles.span.bytes, to: &span, count: 2)
    #expect(values == [0.1, .infinity, 9])
    let halves: [UInt16] = [0x3C00, 1]
    span = values.mutableSpan
    FloatFormat.copyHalves(halves.span.bytes, to: &span, count: 2)
    #expect(values == [1, 0x1p-24, 9])
  }
}
