import Foundation
import Kernels
import TestSupport
import Testing

/// Ops on single elements and rows: swish, relu, dropout, unit length, gathering, sums, halves.
@Suite struct ElementTests {
  func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  @Test(arguments: Machine.all) func swish(machine: Machine) {
    for n in sizes + [70_001] {
      let x = randomTensor(1, n, seed: 1, bound: 12), dy = randomTensor(1, n, seed: 2)
      let y = Tensor(rows: 1, columns: n), dx = Tensor(rows: 1, columns: n)
      machine.compute.swish(x, into: y)
      machine.compute.swishBackward(x, dy, into: dx)
      #expect(distance(y.array, x.doubles.map { $0 * sigmoid($0) }) < 1e-6)
      #expect(
        distance(
          dx.array,
          zip(x.doubles, dy.doubles).map { x, dy in dy * sigmoid(x) * (1 + x * (1 - sigmoid(x))) }) < 1e-6)
      // In place.
      let copy = Tensor(x.array, rows: 1, columns: n)
      machine.compute.swish(copy, into: copy)
      #expect(copy.bits == y.bits)
      machine.compute.swishBackward(x, dy, into: dy)
      #expect(dy.bits == dx.bits)
    }
    let x = randomTensor(2, 17, seed: 3, bound: 4), dy = randomTensor(2, 17, seed: 4)
    let (y, dx) = (Tensor(rows: 2, columns: 17), Tensor(rows: 2, columns: 17))
    machine.compute.swishBackward(x, dy, into: dx)
    expectGradient("swish", of: x, is: dx) {
      machine.compute.swish(x, into: y)
      return weighted(y, dy.doubles)
    }
  }

  @Test(arguments: Machine.one) func swishOfExtremes(machine: Machine) {
    let values: [Float] = [0, -0.0, 1e-38, 87, 88, 89, -86, -87, -88, -89, -104, 1e4, -1e4, 1e30, -1e30, 3e38]
    let x = Tensor(values, rows: 1, columns: values.count), dy = constant(1, values.count, 1)
    let (y, dx) = (Tensor(rows: 1, columns: values.count), Tensor(rows: 1, columns: values.count))
    machine.compute.swish(x, into: y)
    machine.compute.swishBackward(x, dy, into: dx)
    for (i, value) in values.enumerated() {
      let expected = max(Double(value), -1e4) * sigmoid(max(Double(value), -1e4))
      // Far below, where swish is 0, what is left is |x| times the smallest exp there is.
      #expect(abs(Double(y[0, i]) - expected) <= 1e-6 * abs(expected) + 1e-38 * abs(Double(value)) + 1e-37)
      #expect(dx[0, i].isFinite && abs(dx[0, i]) < 1.2, "derivative at \(value) is \(dx[0, i])")
    }
  }

  /// The kink of relu at 0 has no derivative: differences are taken away from it, and at 0 the gradient is 0.
  @Test(arguments: Machine.all) func relu(machine: Machine) {
    for n in sizes + [40_000] {
      let x = randomTensor(1, n, seed: 5), y = Tensor(rows: 1, columns: n), dx = Tensor(rows: 1, columns: n)
      x[0, 0] = 0
      machine.compute.relu(x, into: y)
      #expect(y.array == x.array.map { max($0, 0) })
      let dy = randomTensor(1, n, seed: 6)
      machine.compute.reluBackward(y, dy, into: dx)
      #expect(dx.array == zip(x.array, dy.array).map { $0 > 0 ? $1 : 0 })
      #expect(dx[0, 0] == 0)
    }
  }

  @Test(arguments: Machine.all) func dropout(machine: Machine) {
    let n = 100_003
    let x = constant(1, n, 1), y = Tensor(rows: 1, columns: n), again = Tensor(rows: 1, columns: n)
    for p in [0.01, 0.1, 0.5, 0.9] as [Float] {
      machine.compute.dropout(x, Dropout(probability: p, key: 0x3c6e_f372_fe94_f82b), into: y)
      let values = Set(y.array)
      #expect(values.count == 2 && values.contains(0) && values.contains(1 / (1 - p)))
      // Five deviations of a binomial.
      let rate = Double(y.array.count { $0 == 0 }) / Double(n)
      #expect(abs(rate - Double(p)) < 5 * (Double(p) * Double(1 - p) / Double(n)).squareRoot(), "\(p): \(rate)")
      // Neighbours fall independently of each other.
      let both = (1..<n).count { y[0, $0] == 0 && y[0, $0 - 1] == 0 }
      let expected = Double(p * p) * Double(n)
      #expect(abs(Double(both) - expected) < 6 * expected.squareRoot() + 6, "\(p): \(both) of \(expected)")
      machine.compute.dropout(x, Dropout(probability: p, key: 0x3c6e_f372_fe94_f82b), into: again)
      #expect(y.bits == again.bits)
      // Keys are the output of a mixer, as training's are; keys that differ in one bit would give related masks.
      var random = TestSupport.SplitMix(seed: 4)
      for _ in 0..<8 {
        let key = random.next()
        machine.compute.dropout(x, Dropout(probability: p, key: key), into: again)
        let same = zip(y.array, again.array).count { $0 == 0 && $1 == 0 }
        #expect(
          abs(Double(same) - expected) < 6 * expected.squareRoot() + 6, "\(p), key \(key): \(same) of \(expected)")
      }
    }
    let some = randomTensor(1, n, seed: 7)
    machine.compute.dropout(some, .none, into: y)
    #expect(y.bits == some.bits)
    machine.compute.dropout(y, .none, into: y)
    #expect(y.bits == some.bits)
  }

  @Test func dropoutIsTheSameOnEverySet() {
    for n in sizes + [33_000] {
      let x = randomTensor(1, n, seed: 8)
      let results = Machine.all.map { machine in
        let y = Tensor(rows: 1, columns: n)
        machine.compute.dropout(x, Dropout(probability: 0.3, key: 5), into: y)
        return y.bits
      }
      #expect(results.allSatisfy { $0 == results[0] }, "\(n)")
    }
  }

  @Test(arguments: Machine.all) func unitRows(machine: Machine) {
    let compute = machine.compute
    for d in sizes {
      let n = 70
      let x = randomTensor(n, d, seed: 9), dy = randomTensor(n, d, seed: 10)
      for j in 0..<d { x[3, j] = 0 }
      let (y, lengths, dx) = (Tensor(rows: n, columns: d), Tensor(rows: n, columns: 1), Tensor(rows: n, columns: d))
      compute.normalizeRows(x, into: y, lengths: lengths)
      for i in 0..<n {
        let row = x.rows(i..<i + 1).doubles
        let length = max(row.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-8)
        #expect(distance([lengths[i, 0]], [length], floor: 1e-8) < 1e-6)
        #expect(distance(y.rows(i..<i + 1).array, row.map { $0 / length }) < 1e-6)
      }
      compute.normalizeRowsBackward(y, dy, lengths: lengths, into: dx)
      #expect(dx.isFinite)
      // A short row bends within a step of the differences: it is made longer for them.
      let long = randomTensor(4, d, seed: 11)
      for i in 0..<4 { long[i, 0] += 3 }
      let (ly, ll, ldx) = (Tensor(rows: 4, columns: d), Tensor(rows: 4, columns: 1), Tensor(rows: 4, columns: d))
      let w = randomTensor(4, d, seed: 12)
      compute.normalizeRows(long, into: ly, lengths: ll)
      compute.normalizeRowsBackward(ly, w, lengths: ll, into: ldx)
      expectGradient("unit rows of \(d)", of: long, is: ldx) {
        compute.normalizeRows(long, into: ly, lengths: ll)
        return weighted(ly, w.doubles)
      }
    }
  }

  @Test(arguments: Machine.all) func gatherScatterConcatenate(machine: Machine) {
    let compute = machine.compute
    for d in sizes {
      let table = integerTensor(5, d, seed: 13)
      let index: [Int32] = [4, 0, 4, 2, 4, 1]
      let y = Tensor(rows: 6, columns: d)
      compute.gather(table, index, into: y)
      #expect(y.array == index.flatMap { table.rows(Int($0)..<Int($0) + 1).array })
      let dTable = constant(5, d, 1)
      compute.scatter(y, index, into: dTable)
      for row in 0..<5 {
        let times = Float(index.count { $0 == Int32(row) })
        #expect(dTable.rows(row..<row + 1).array == table.rows(row..<row + 1).array.map { 1 + times * $0 })
      }

      let (e, u) = (integerTensor(3, 9, seed: 14), integerTensor(3, d, seed: 15))
      let z = Tensor(rows: 3, columns: 9 + d)
      compute.concatenate(e, u, into: z)
      for i in 0..<3 {
        #expect(z.rows(i..<i + 1).array == e.rows(i..<i + 1).array + u.rows(i..<i + 1).array)
      }
      let (de, du) = (constant(3, 9, 5), constant(3, d, 5))
      compute.concatenateBackward(z, de: de, du: du)
      #expect(de.array == e.array)
      #expect(du.array == u.array.map { $0 + 5 })
    }
  }

  @Test(arguments: Machine.all) func sumsAndScaling(machine: Machine) {
    let compute = machine.compute
    for n in sizes + [131_075] {
      let x = integerTensor(1, n, seed: 16), y = integerTensor(1, n, seed: 17)
      #expect(compute.sumOfSquares(x) == x.doubles.reduce(0) { $0 + $1 * $1 })
      let sum = Tensor(y.array, rows: 1, columns: n)
      compute.add(x, times: 2, to: sum)
      #expect(sum.array == zip(x.array, y.array).map { 2 * $0 + $1 })
      compute.scale(sum, by: 0.5)
      #expect(sum.array == zip(x.array, y.array).map { $0 + $1 / 2 })
      compute.clear(sum)
      #expect(sum.array == Array(repeating: 0, count: n))
    }
    for (rows, columns) in [(1, 1), (7, 33), (33, 7), (65, 31), (100, 100)] {
      let x = randomTensor(rows, columns, seed: 18), y = Tensor(rows: columns, columns: rows)
      compute.transpose(x, into: y)
      #expect(y.array == (0..<columns).flatMap { j in (0..<rows).map { x[$0, j] } })
    }
  }
}
