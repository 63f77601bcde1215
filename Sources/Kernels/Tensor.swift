import CKernels
import Glibc

/// A block of floats that tensors are views of; freed when the last view goes.
///
/// Memory of its own is aligned to 64 bytes and starts as zeros.
@safe final class Storage: @unchecked Sendable {
  // Sendable because the address never changes. Ops that write from several threads give each thread rows of its own.
  let base: UnsafeMutablePointer<Float>
  let count: Int
  /// Who keeps the memory, if it is not this object's own.
  private let owner: (any AnyObject & Sendable)?

  /// Memory of someone else, which must stay as it is for as long as `owner` lives. The kernels load without alignment,
  /// so that of a Float suffices.
  init(viewing address: UnsafeRawPointer, count: Int, owner: any AnyObject & Sendable) {
    precondition(Int(bitPattern: address) % MemoryLayout<Float>.alignment == 0)
    self.count = count
    self.owner = owner
    unsafe base = UnsafeMutableRawPointer(mutating: address).assumingMemoryBound(to: Float.self)
  }

  init(count: Int) {
    self.count = count
    owner = nil
    let bytes = (max(count, 1) * 4 + 63) / 64 * 64
    // calloc hands out untouched zero pages for large blocks, but aligns to 16 only: keep the slack inside.
    guard let raw = unsafe aligned_alloc(64, bytes) else {
      preconditionFailure("out of memory: \(bytes) bytes for a tensor")
    }
    unsafe memset(raw, 0, bytes)
    unsafe base = raw.bindMemory(to: Float.self, capacity: bytes / 4)
  }

  deinit {
    if owner == nil { unsafe free(base) }
  }
}

/// A matrix of Float32, row-major and dense: a view of shared storage, cheap to copy and to slice by rows.
///
/// Copies see the same elements, as with NumPy's and PyTorch's views. Legend for shapes in this module: N tokens of a
/// batch, T tokens of a sentence, B sentences, D model width, H heads, F feed-forward width, V vocabulary.
public struct Tensor: Sendable {
  let storage: Storage
  let offset: Int
  /// Number of rows.
  public let rows: Int
  /// Number of columns; also the distance between rows.
  public let columns: Int

  /// A tensor of zeros, [rows, columns].
  public init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0)
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    precondition(!overflow && count <= Int.max / 8, "a tensor of \(rows) x \(columns) floats cannot be addressed")
    self.init(storage: Storage(count: count), offset: 0, rows: rows, columns: columns)
  }

  /// A view of memory that `owner` keeps, such as a mapped file. It may only be read: a write would end the process.
  ///
  /// - Parameter address: rows * columns floats, aligned to 4 bytes, that do not change.
  package init(viewing address: UnsafeRawPointer, rows: Int, columns: Int, owner: any AnyObject & Sendable) {
    self.init(
      storage: unsafe Storage(viewing: address, count: rows * columns, owner: owner), offset: 0, rows: rows,
      columns: columns)
  }

  init(storage: Storage, offset: Int, rows: Int, columns: Int) {
    self.storage = storage
    self.offset = offset
    self.rows = rows
    self.columns = columns
  }

  /// A tensor with the given elements, row by row.
  public init(_ values: [Float], rows: Int, columns: Int) {
    precondition(values.count == rows * columns)
    self.init(rows: rows, columns: columns)
    unsafe values.withUnsafeBufferPointer { source in
      if let start = source.baseAddress { unsafe pointer.update(from: start, count: source.count) }
    }
  }

  /// Number of elements.
  public var count: Int { rows * columns }

  /// Rows `range` of this tensor, sharing its elements.
  public func rows(_ range: Range<Int>) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows)
    return Tensor(storage: storage, offset: offset + range.lowerBound * columns, rows: range.count, columns: columns)
  }

  /// The first `count` rows, sharing their elements.
  public func prefix(_ count: Int) -> Tensor { rows(0..<count) }

  /// `count` elements from element `start` on as a matrix of another shape, sharing them.
  public func slice(from start: Int, rows: Int, columns: Int) -> Tensor {
    precondition(start >= 0 && rows >= 0 && columns >= 0 && start + rows * columns <= count)
    return Tensor(storage: storage, offset: offset + start, rows: rows, columns: columns)
  }

  /// The elements, row by row, for the duration of `body`.
  public func withElements<Result>(_ body: (Span<Float>) throws -> Result) rethrows -> Result {
    try body(unsafe Span(_unsafeStart: UnsafePointer(pointer), count: count))
  }

  /// The elements for writing, row by row, for the duration of `body`.
  public func withMutableElements<Result>(_ body: (inout MutableSpan<Float>) throws -> Result) rethrows -> Result {
    var span = unsafe MutableSpan(_unsafeStart: pointer, count: count)
    return try body(&span)
  }

  /// A copy of the elements, row by row.
  public var array: [Float] { unsafe Array(UnsafeBufferPointer(start: pointer, count: count)) }

  /// The elements as bytes, for the duration of `body`.
  public func withBytes<Result>(_ body: (RawSpan) throws -> Result) rethrows -> Result {
    try body(unsafe RawSpan(_unsafeStart: pointer, byteCount: count * 4))
  }

  /// Sets every element.
  public func fill(_ value: Float) { unsafe pointer.update(repeating: value, count: count) }

  /// Copies the elements of a tensor of the same size.
  public func copy(from other: Tensor) {
    precondition(count == other.count)
    unsafe pointer.update(from: other.pointer, count: count)
  }

  /// Element at row `i`, column `j`: for tests and single values, not for loops.
  public subscript(i: Int, j: Int) -> Float {
    get {
      precondition(i >= 0 && i < rows && j >= 0 && j < columns)
      return unsafe pointer[i * columns + j]
    }
    nonmutating set {
      precondition(i >= 0 && i < rows && j >= 0 && j < columns)
      unsafe pointer[i * columns + j] = newValue
    }
  }

  package var pointer: UnsafeMutablePointer<Float> { unsafe storage.base + offset }
}
