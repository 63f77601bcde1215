import COpenBLAS
import Kernels
import TestSupport
import Testing

/// Products, exactly on small integers, and against OpenBLAS on others.
@Suite struct LinearTests {
  func product(_ x: Tensor, _ w: Tensor, _ b: Tensor?) -> [Float] {
    let (x, w, n, k, m) = (x.array.map(Int.init), w.array.map(Int.init), x.rows, x.columns, w.rows)
    let b = b?.array.map(Int.init) ?? Array(repeating: 0, count: m)
    var y = [Float](repeating: 0, count: n * m)
    for i in 0..<n {
      for j in 0..<m {
        var sum = b[j]
        for p in 0..<k { sum += x[i * k + p] * w[j * k + p] }
        y[i * m + j] = Float(sum)
      }
    }
    return y
  }

  /// Rows around tiles and parts, inner sizes around the block of 512, columns around panels.
  static let shapes: [(Int, Int, Int)] =
    sizes.flatMap { k in sizes.map { m in (k * m % 13 + 1, k, m) } }
    + [(1, 600, 65), (97, 512, 31), (193, 513, 17), (95, 1025, 9), (200, 33, 130), (6, 3, 257)]

  @Test(arguments: Machine.all) func productsOfSmallIntegersAreExact(machine: Machine) {
    let compute = machine.compute
    for (n, k, m) in Self.shapes {
      let (x, w, b) = (integerTensor(n, k, seed: 1), integerTensor(m, k, seed: 2), integerTensor(1, m, seed: 3))
      let expected = product(x, w, b)
      #expect(linear(x, w, bias: b, on: compute).array == expected, "\(n) \(k) \(m)")
      let bare = product(x, w, nil)
      #expect(linear(x, w, on: compute).array == bare, "\(n) \(k) \(m) without bias")

      // The same matrix given as it is, in a room that held something larger.
      let upright = Tensor(rows: k, columns: m)
      compute.transpose(w, into: upright)
      let room = PackedMatrix(rows: k + 5, columns: m + 70, on: compute)
      compute.pack(constant(k + 5, m + 70, .nan), into: room)
      let packed = room.resized(rows: k, columns: m, on: compute)
      compute.pack(upright, into: packed)
      let y = constant(n, m, 7)
      compute.linear(x, packed, into: y, accumulating: true)
      #expect(y.array == bare.map { $0 + 7 }, "\(n) \(k) \(m) accumulating")

      // Only y's own rows are written.
      let large = constant(n + 2, m, 9)
      compute.linear(x, packed, bias: b, into: large.rows(1..<n + 1))
      #expect(large.array == Array(repeating: 9, count: m) + expected + Array(repeating: 9, count: m))
    }
  }

  @Test(arguments: Machine.all) func backwardOfSmallIntegersIsExact(machine: Machine) {
    let compute = machine.compute
    for (n, k, m) in Self.shapes + [(130, 40, 800), (7, 9, 770)] {
      let (x, dy) = (integerTensor(n, k, seed: 4), integerTensor(n, m, seed: 5))
      let (dw, db) = (constant(m, k, 2), constant(1, m, 3))
      compute.linearBackward(
        dy, x, dWeight: dw, dBias: db, workspace: PackedMatrix(rows: n, columns: k, on: compute))
      let (xt, dyt) = (Tensor(rows: k, columns: n), Tensor(rows: m, columns: n))
      compute.transpose(x, into: xt)
      compute.transpose(dy, into: dyt)
      #expect(dw.array == product(dyt, xt, nil).map { $0 + 2 }, "\(n) \(k) \(m)")
      #expect(db.array == (0..<m).map { j in 3 + (0..<n).reduce(0) { $0 + dy[$1, j] } }, "\(n) \(k) \(m)")
    }
  }

  @Test(arguments: Machine.all) func productsAgreeWithOpenBLAS(machine: Machine) {
    openblas_set_num_threads(1)
    for (n, k, m) in [(130, 600, 70), (1, 1024, 65), (97, 33, 200)] {
      let (x, w) = (randomTensor(n, k, seed: 6), randomTensor(m, k, seed: 7))
      var expected = [Float](repeating: 0, count: n * m)
      unsafe cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, CInt(n), CInt(m), CInt(k), 1, x.array, CInt(k), w.array, CInt(k), 0,
        &expected, CInt(m))
      #expect(distance(linear(x, w, on: machine.compute).array, expected.map(Double.init)) < 2e-6)
    }
  }

  @Test(arguments: Machine.one) func gradients(machine: Machine) {
    let compute = machine.compute
    for (n, k, m) in [(3, 1, 7), (5, 9, 17), (2, 33, 8), (4, 17, 65)] {
      let (x, w, b) = (randomTensor(n, k, seed: 8), randomTensor(m, k, seed: 9), randomTensor(1, m, seed: 10))
      let dy = randomTensor(n, m, seed: 11)
      let (dx, dw, db) = (Tensor(rows: n, columns: k), Tensor(rows: m, columns: k), Tensor(rows: 1, columns: m))
      compute.linearBackward(dy, x, dWeight: dw, dBias: db, workspace: PackedMatrix(rows: n, columns: k, on: compute))
      let packed = PackedMatrix(rows: m, columns: k, on: compute)
      compute.pack(w, into: packed)
      compute.linear(dy, packed, into: dx)
      func loss() -> Double { weighted(linear(x, w, bias: b, on: compute), dy.doubles) }
      expectGradient("dx", of: x, is: dx, loss: loss)
      expectGradient("dW", of: w, is: dw, loss: loss)
      expectGradient("db", of: b, is: db, loss: loss)
    }
  }

  @Test(arguments: Machine.all) func swishInTheProductIsSwishAfterIt(machine: Machine) {
    for (n, k, m) in [(1, 7, 9), (97, 16, 17), (200, 33, 65), (13, 64, 1)] {
      let compute = machine.compute
      let (x, w, b) = (
        randomTensor(n, k, seed: 12, bound: 3), randomTensor(m, k, seed: 13), randomTensor(1, m, seed: 14)
      )
      let apart = linear(x, w, bias: b, on: compute)
      compute.swish(apart, into: apart)
      let packed = PackedMatrix(rows: k, columns: m, on: compute)
      compute.pack(transposing: w, into: packed)
      let together = Tensor(rows: n, columns: m)
      compute.linear(x, packed, bias: b, .swish, into: together)
      #expect(together.bits == apart.bits)
    }
  }
}
