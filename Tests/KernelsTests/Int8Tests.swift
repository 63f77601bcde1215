import Kernels
import TestSupport
import Testing

/// Products in whole numbers: exact, so the same bits on every set, and near those of the numbers they stand for.
@Suite struct Int8Tests {
  func product(_ x: Tensor, _ w: Tensor, bias: Tensor? = nil, on compute: Compute) -> Tensor {
    let packed = PackedMatrix(rows: w.columns, columns: w.rows, arithmetic: .int8, on: compute)
    compute.pack(transposing: w, into: packed)
    let y = constant(x.rows, w.rows, .nan)
    compute.linear(x, packed, bias: bias, into: y)
    return y
  }

  @Test func rowsBecomeWholeNumbers() {
    for machine in Machine.all {
      let compute = machine.compute
      let x = Tensor([1, -2, 0.5, 254, -127, 1, 0, 0, 0, 3e-38, 0, 0], rows: 4, columns: 3)
      let q = compute.quantize(x)
      var values: [[Int8]] = []
      for i in 0..<4 { q.withRow(i) { (row: Span<Int8>) in values.append(row.indices.map { row[$0] }) } }
      // 63.5 and 31.75 go to even and up; what is too small to be told from nothing is 0.
      #expect(values == [[64, -127, 32], [127, -64, 0], [0, 0, 0], [0, 0, 0]], "\(values)")
      #expect(q.scales.array == [2 / 127, 2, 0, 0])
      #expect(compute.dequantize(q)[1, 0] == 254)
    }
  }

  @Test func everySetGivesTheSameBits() throws {
    for (n, k, m) in LinearTests.shapes + [(7, 4096, 66), (100, 3, 64)] {
      let (x, w, b) = (randomTensor(n, k, seed: 1, bound: 3), randomTensor(m, k, seed: 2), randomTensor(1, m, seed: 3))
      var expected: [UInt32]?
      for machine in Machine.all {
        let compute = machine.compute
        let y = product(x, w, bias: b, on: compute)
        #expect(expected ?? y.bits == y.bits, "\(machine) \(n) \(k) \(m)")
        expected = y.bits
        // A row alone.
        #expect(product(x.rows(n - 1..<n), w, bias: b, on: compute).bits == y.rows(n - 1..<n).bits)
      }
    }
  }

  /// The product of what the whole numbers stand for, in double precision.
  @Test func productsAreThoseOfTheWholeNumbers() {
    for machine in Machine.one {
      let compute = machine.compute
      for (n, k, m) in [(5, 77, 33), (97, 512, 130), (1, 1, 1), (3, 2048, 17)] {
        let (x, w) = (randomTensor(n, k, seed: 4), randomTensor(m, k, seed: 5))
        let (a, b) = (compute.dequantize(compute.quantize(x)).doubles, compute.dequantize(compute.quantize(w)).doubles)
        var expected: [Double] = []
        for i in 0..<n {
          for j in 0..<m { expected.append((0..<k).reduce(0) { $0 + a[i * k + $1] * b[j * k + $1] }) }
        }
        #expect(distance(product(x, w, on: compute).array, expected) < 1e-6)
        let close = distance(
          product(x, w, on: compute).array,
          (0..<n * m).map { e in
            (0..<k).reduce(0) { $0 + Double(x[e / m, $1]) * Double(w[e % m, $1]) }
          })
        #expect(close < 0.03, "\(close)")
      }
    }
  }

  @Test func theLargestSumsFit() {
    for machine in Machine.all {
      let k = 65_536
      let (x, w) = (constant(2, k, 1), constant(3, k, -1))
      let y = product(x, w, on: machine.compute)
      for value in y.array { #expect(abs(value + Float(k)) < 0.02, "\(machine)") }
    }
  }

  @Test func aTableIsTheSameRoundedOrStored() {
    let compute = Compute(threads: 2)
    let (table, positions) = (randomTensor(20, 37, seed: 6), randomTensor(9, 37, seed: 7))
    let ids: [Int32] = [3, 19, 0, 7, 7]
    let segments = Segments(lengths: [2, 3])
    func rows(_ words: WordTable) -> [UInt32] {
      let x = Tensor(rows: 5, columns: 37)
      compute.embed(ids, segments, words: words, positions: positions, into: x)
      return x.bits
    }
    #expect(rows(.rounded(table)) == rows(.int8(compute.quantize(table))))
    #expect(rows(.rounded(table)) == rows(.float(compute.dequantize(compute.quantize(table)))))
    #expect(rows(.rounded(table)) != rows(.float(table)))
  }
}
