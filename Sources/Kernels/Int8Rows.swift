import CKernels
import Glibc

/// Rows of whole numbers from -127 to 127, each with a factor: element j of row i stands for scale i times value (i, j).
///
/// The values are the same bits whatever kernels made them.
public struct Int8Rows: Sendable {
  /// The number of rows.
  public let rows: Int
  /// The number of values in a row.
  public let columns: Int
  /// [1, rows] factors, none below 0.
  public let scales: Tensor
  /// Values from one row to the next.
  let stride: Int
  let storage: Int8Storage

  /// Rows of zeros, to be written by `Compute.quantize`.
  fileprivate init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    stride = ems_int8_ld(columns)
    scales = Tensor(rows: 1, columns: rows)
    storage = Int8Storage(count: rows * stride)
  }

  /// A view of memory that `owner` keeps, such as a mapped file.
  ///
  /// - Parameter address: rows * columns bytes, row after row, that do not change. A value of -128 counts as -127.
  package init(
    viewing address: UnsafeRawPointer, rows: Int, columns: Int, scales: Tensor, owner: any AnyObject & Sendable
  ) {
    precondition(scales.count == rows)
    self.rows = rows
    self.columns = columns
    self.scales = scales
    stride = columns
    storage = unsafe Int8Storage(viewing: address, owner: owner)
  }

  /// The rows of several, one after another.
  package init(joining parts: [Int8Rows]) {
    precondition(parts.allSatisfy { $0.columns == parts[0].columns })
    self.init(rows: parts.reduce(0) { $0 + $1.rows }, columns: parts.first?.columns ?? 0)
    var row = 0
    for part in parts {
      for i in 0..<part.rows {
        unsafe (storage.base + row * stride).update(from: part.pointer(i), count: columns)
        scales[0, row] = part.scales[0, i]
        row += 1
      }
    }
  }

  /// The values of a row, for the duration of `body`.
  public func withRow<Trouble: Error>(_ row: Int, _ body: (Span<Int8>) throws(Trouble) -> Void) throws(Trouble) {
    precondition(row >= 0 && row < rows)
    try body(unsafe Span(_unsafeStart: pointer(row), count: columns))
  }

  func pointer(_ row: Int) -> UnsafePointer<Int8> { unsafe UnsafePointer(storage.base + row * stride) }
}

/// A block of bytes, freed when its last view goes; starts as zeros.
@safe final class Int8Storage: @unchecked Sendable {
  // Sendable because the address never changes. Ops that write from several threads give each thread rows of its own.
  let base: UnsafeMutablePointer<Int8>
  private let owner: (any AnyObject & Sendable)?

  init(viewing address: UnsafeRawPointer, owner: any AnyObject & Sendable) {
    self.owner = owner
    unsafe base = UnsafeMutableRawPointer(mutating: address).assumingMemoryBound(to: Int8.self)
  }

  init(count: Int) {
    owner = nil
    let bytes = (max(count, 1) + 63) / 64 * 64
    guard let raw = unsafe aligned_alloc(64, bytes) else {
      preconditionFailure("out of memory: \(bytes) bytes for whole numbers")
    }
    unsafe memset(raw, 0, bytes)
    unsafe base = raw.bindMemory(to: Int8.self, capacity: bytes)
  }

  deinit {
    if owner == nil { unsafe free(base) }
  }
}

extension Compute {
  /// Rounds every row of a matrix to whole numbers: its factor is the largest magnitude over 127.
  public func quantize(_ matrix: Tensor) -> Int8Rows {
    let result = Int8Rows(rows: matrix.rows, columns: matrix.columns)
    let k = matrix.columns
    unsafe parallelRows(matrix.rows, grain: 64) { range, _ in
      unsafe kernels.pointee.quantize(
        range.count, k, matrix.pointer + range.lowerBound * k, k,
        result.storage.base + range.lowerBound * result.stride,
        result.stride, result.scales.pointer + range.lowerBound, nil)
    }
    return result
  }

  /// The numbers that rows stand for, [rows, columns].
  public func dequantize(_ rows: Int8Rows) -> Tensor {
    let result = Tensor(rows: rows.rows, columns: rows.columns)
    unsafe parallelRows(rows.rows, grain: 64) { range, _ in
      for i in range {
        unsafe kernels.pointee.from_int8(
          rows.columns, rows.scales.pointer[i], rows.pointer(i), result.pointer + i * rows.columns)
      }
    }
    return result
  }
}
