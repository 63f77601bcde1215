import CKernels
import Glibc

/// Rows of numbers where they lie, in mapped files or a tensor, with the factor that brings each to length 1.
///
/// The rows themselves are not copied: a block of them is converted and scaled when it is needed, so memory is 8 bytes a
/// row, whatever its length.
@safe public struct UnitRows: @unchecked Sendable {
  // Sendable because nothing here is written after init, and the owner keeps the address valid.
  /// The number of rows.
  public let rows: Int
  /// The number of elements of a row, at least 1.
  public let columns: Int
  /// 1 / |x| for every row; 0 for a row of zeros, NaN for a row that holds a NaN or an infinity. Empty for rows that
  /// have not been measured: then a row is measured when it is used.
  public fileprivate(set) var factors: [Double] = []

  /// Rows that lie one after another. The owners are beside, so that looking a row up counts no references.
  @safe private struct Part {
    let base: UnsafeRawPointer
    let half: Bool
    let first: Int
  }
  private let parts: [Part]
  private let owners: [any AnyObject & Sendable]

  /// Describes rows that follow each other without gaps; `Compute.unitRows` then measures them.
  ///
  /// - Parameters:
  ///   - base: the first row; need not be aligned.
  ///   - half: whether the elements are IEEE half floats, not singles.
  ///   - owner: what keeps the memory alive.
  package init(base: UnsafeRawPointer, half: Bool, rows: Int, columns: Int, owner: any AnyObject & Sendable) {
    precondition(rows >= 0 && columns >= 1)
    unsafe parts = [Part(base: base, half: half, first: 0)]
    owners = [owner]
    self.rows = rows
    self.columns = columns
  }

  /// The rows of a tensor.
  package init(_ tensor: Tensor) {
    unsafe self.init(
      base: UnsafeRawPointer(tensor.pointer), half: false, rows: tensor.rows, columns: tensor.columns,
      owner: tensor.storage)
  }

  /// The rows of several, one after another, not measured.
  ///
  /// - Precondition: at least one, all of the same number of columns.
  package init(joining others: [UnitRows]) {
    precondition(others.allSatisfy { $0.columns == others[0].columns })
    columns = others[0].columns
    var parts: [Part] = []
    var first = 0
    for other in others {
      for part in other.parts {
        unsafe parts.append(Part(base: part.base, half: part.half, first: first + part.first))
      }
      first += other.rows
    }
    self.parts = parts
    owners = others.flatMap(\.owners)
    rows = first
  }

  /// Some of the rows, where they lie.
  ///
  /// - Parameter runs: ranges of rows, one after another, none of them empty.
  package func picking(_ runs: [Range<Int>]) -> UnitRows { UnitRows(self, picking: runs) }

  private init(_ whole: UnitRows, picking runs: [Range<Int>]) {
    columns = whole.columns
    owners = whole.owners
    var picked: [Part] = []
    var factors: [Double] = []
    var first = 0
    for run in runs {
      precondition(run.lowerBound >= 0 && run.upperBound <= whole.rows)
      for (number, part) in whole.parts.enumerated() {
        let end = number + 1 < whole.parts.count ? whole.parts[number + 1].first : whole.rows
        let rows = run.clamped(to: part.first..<end)
        if rows.isEmpty { continue }
        let bytes = (rows.lowerBound - part.first) * columns * (part.half ? 2 : 4)
        unsafe picked.append(Part(base: part.base + bytes, half: part.half, first: first))
        first += rows.count
      }
      if !whole.factors.isEmpty { factors += whole.factors[run] }
    }
    parts = picked
    rows = first
    self.factors = factors
  }

  /// Row `i` in single precision, as it is stored.
  fileprivate func widen(_ i: Int, into y: UnsafeMutablePointer<Float>, _ kernels: UnsafePointer<ems_kernels>) {
    // The last part that begins at or before the row.
    var (low, high) = (0, parts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if parts[middle].first <= i { low = middle } else { high = middle }
    }
    let part = parts[low]
    if part.half {
      let row = unsafe part.base + (i - part.first) * columns * 2
      unsafe kernels.pointee.from_half(columns, row.assumingMemoryBound(to: UInt16.self), y)
    } else {
      unsafe memcpy(y, part.base + (i - part.first) * columns * 4, columns * 4)
    }
  }

  /// Row `i` with length 1: every element is the stored one times the factor in double precision, rounded once.
  func unit(_ i: Int, into y: UnsafeMutablePointer<Float>, _ kernels: UnsafePointer<ems_kernels>) {
    unsafe widen(i, into: y, kernels)
    unsafe kernels.pointee.scale(columns, factors.isEmpty ? Self.factor(y, columns, kernels) : factors[i], y, y)
  }

  fileprivate static func factor(
    _ x: UnsafePointer<Float>, _ columns: Int, _ kernels: UnsafePointer<ems_kernels>
  ) -> Double {
    let squares = unsafe kernels.pointee.sum_squares(columns, x)
    return squares == 0 ? 0 : squares.isFinite ? 1 / squares.squareRoot() : .nan
  }
}

extension Compute {
  /// Measures the rows' lengths, in double precision.
  ///
  /// Rows that are not finite are not refused here; they are told by a factor of NaN.
  package func unitRows(_ rows: UnitRows) -> UnitRows {
    var result = rows
    var factors = [Double](repeating: 0, count: rows.rows)
    unsafe factors.withUnsafeMutableBufferPointer { buffer in
      let output = unsafe SharedPointer(buffer.baseAddress)
      unsafe parallelRows(rows.rows, grain: 512, scratchFloats: rows.columns) { range, scratch in
        for i in range {
          unsafe rows.widen(i, into: scratch, kernels)
          output[i] = unsafe UnitRows.factor(scratch, rows.columns, kernels)
        }
      }
    }
    result.factors = factors
    return result
  }
}

extension Compute {
  /// y_i = row index_i, as it is stored or with length 1; y [B, D].
  package func gather(_ rows: UnitRows, _ index: [Int32], unit: Bool, into y: Tensor) {
    let d = rows.columns
    precondition(y.rows == index.count && y.columns == d)
    unsafe parallelRows(index.count, grain: 32) { range, _ in
      for i in range {
        precondition(index[i] >= 0 && Int(index[i]) < rows.rows, "index outside the rows")
        let row = unsafe y.pointer + i * d
        if unit {
          unsafe rows.unit(Int(index[i]), into: row, kernels)
        } else {
          unsafe rows.widen(Int(index[i]), into: row, kernels)
        }
      }
    }
  }
}

/// A pointer that several threads hold; each writes elements of its own.
@safe struct SharedPointer<Element>: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Element>?
  init(_ base: UnsafeMutablePointer<Element>?) { unsafe self.base = base }

  static func + (pointer: Self, offset: Int) -> UnsafeMutablePointer<Element> { unsafe pointer.base! + offset }

  subscript(i: Int) -> Element {
    get { unsafe base![i] }
    nonmutating set { unsafe base![i] = newValue }
  }
}
