import Base
import Kernels

/// What connects the processes (ranks) that train one model together: one operation, which all ranks call in the same order.
///
/// Everything else (sums, gathering, broadcasting) is made of it in `Peers`, so that sums have one order whatever the
/// library underneath.
public protocol Communicator: AnyObject {
  /// This process's number, from 0.
  var rank: Int { get }
  /// The number of processes.
  var size: Int { get }

  /// Sends the elements `parts[r]` of `send` to rank r, and puts what rank r sends to this one at `places[r]` of `receive`.
  ///
  /// Elements are moved as bits. The sizes of what one rank sends and the other expects agree; `send` and `receive` do
  /// not overlap.
  /// - Throws: `Failure` when a rank has gone; nothing can be exchanged any more after that.
  func exchange(_ send: Tensor, _ parts: [Range<Int>], into receive: Tensor, _ places: [Range<Int>]) throws(Failure)
}

/// One process alone.
public final class Alone: Communicator {
  /// A process alone.
  public init() {}

  /// Always 0.
  public var rank: Int { 0 }
  /// Always 1.
  public var size: Int { 1 }

  /// Copies.
  public func exchange(_ send: Tensor, _ parts: [Range<Int>], into receive: Tensor, _ places: [Range<Int>]) {
    receive.slice(from: places[0].lowerBound, rows: 1, columns: places[0].count)
      .copy(from: send.slice(from: parts[0].lowerBound, rows: 1, columns: parts[0].count))
  }
}

/// The ranks of a run as the trainer sees them.
package final class Peers {
  package let rank: Int, size: Int
  /// Why the ranks can no longer reach each other, once that has happened.
  package private(set) var lost: Failure?
  private let link: any Communicator
  private var buffer = Tensor(rows: 0, columns: 0)
  private var small = Tensor(rows: 1, columns: 64)

  /// Elements that are summed at a time: bounds the memory that a sum needs.
  private let piece: Int

  package init(_ link: any Communicator, piece: Int = 1 << 23) {
    self.link = link
    self.piece = piece
    (rank, size) = (link.rank, link.size)
  }

  /// Whether this rank writes the run's files and speaks.
  package var leads: Bool { rank == 0 }

  /// The part of `count` things in a row that rank `r` has: all as large as can be, in the ranks' order.
  package func share(of count: Int, rank r: Int) -> Range<Int> { count * r / size..<count * (r + 1) / size }

  /// This rank's.
  package func share(of count: Int) -> Range<Int> { share(of: count, rank: rank) }

  private func exchange(
    _ send: Tensor, _ parts: [Range<Int>], into receive: Tensor, _ places: [Range<Int>]
  ) throws(Failure) {
    do throws(Failure) {
      try link.exchange(send, parts, into: receive, places)
    } catch {
      lost = error
      throw error
    }
  }

  /// x = the sum of all ranks' x, added in the ranks' order: the same bits on every rank and in every run of as many ranks.
  ///
  /// A rank adds up a part of every piece and sends the sum to all, so each sends and receives about twice x.
  package func sum(_ x: Tensor, on compute: Compute) throws(Failure) {
    if size == 1 { return }
    let most = min(piece, x.count) / size + 1
    if buffer.count < size * most { buffer = Tensor(rows: size, columns: most) }
    let flat = x.slice(from: 0, rows: 1, columns: x.count)
    var start = 0
    while start < x.count {
      let end = min(x.count, start + piece)
      let shares = (0..<size).map { r in
        let part = share(of: end - start, rank: r)
        return start + part.lowerBound..<start + part.upperBound
      }
      let own = shares[rank].count
      try exchange(flat, shares, into: buffer, (0..<size).map { $0 * most..<$0 * most + own })
      let total = buffer.slice(from: 0, rows: 1, columns: own)
      for r in 1..<size { compute.add(buffer.slice(from: r * most, rows: 1, columns: own), to: total) }
      try exchange(total, Array(repeating: 0..<own, count: size), into: flat, shares)
      start = end
    }
  }

  /// x = rank 0's x.
  package func broadcast(_ x: Tensor) throws(Failure) {
    if size == 1 { return }
    let most = min(piece, x.count) / size + 1
    if buffer.count < size * most { buffer = Tensor(rows: size, columns: most) }
    let flat = x.slice(from: 0, rows: 1, columns: x.count)
    let nothing = Array(repeating: 0..<0, count: size)
    var start = 0
    while start < x.count {
      let end = min(x.count, start + piece)
      let shares = (0..<size).map { r in
        let part = share(of: end - start, rank: r)
        return start + part.lowerBound..<start + part.upperBound
      }
      // Rank 0 hands out parts, and then every rank gives its part to all.
      let own = shares[rank].count
      var places = nothing
      places[0] = 0..<own
      try exchange(flat, leads ? shares : nothing, into: buffer, places)
      try exchange(buffer, Array(repeating: 0..<own, count: size), into: flat, shares)
      start = end
    }
  }

  /// The rows of all ranks below each other, in the ranks' order.
  ///
  /// - Parameters:
  ///   - rows: this rank's share of `all`'s rows
  ///   - all: [M, columns]
  package func gather(_ rows: Tensor, into all: Tensor) throws(Failure) {
    precondition(rows.columns == all.columns && rows.rows == share(of: all.rows).count)
    let places = (0..<size).map { r in
      let share = share(of: all.rows, rank: r)
      return share.lowerBound * all.columns..<share.upperBound * all.columns
    }
    try exchange(rows, Array(repeating: 0..<rows.count, count: size), into: all, places)
  }

  /// Everybody's numbers; as many from each rank.
  package func gather(_ values: [Double]) throws(Failure) -> [[Double]] {
    if size == 1 { return [values] }
    let own = 2 * values.count
    if small.count < own * (size + 1) { small = Tensor(rows: 1, columns: own * (size + 1)) }
    let send = small.slice(from: 0, rows: 1, columns: own),
      receive = small.slice(from: own, rows: 1, columns: own * size)
    send.withMutableElements { elements in
      for (i, value) in values.enumerated() {
        elements[2 * i] = Float(bitPattern: UInt32(truncatingIfNeeded: value.bitPattern))
        elements[2 * i + 1] = Float(bitPattern: UInt32(value.bitPattern >> 32))
      }
    }
    try exchange(
      send, Array(repeating: 0..<own, count: size), into: receive, (0..<size).map { $0 * own..<($0 + 1) * own })
    return receive.withElements { elements in
      (0..<size).map { r in
        values.indices.map { i in
          let low = elements[r * own + 2 * i].bitPattern, high = elements[r * own + 2 * i + 1].bitPattern
          return Double(bitPattern: UInt64(high) << 32 | UInt64(low))
        }
      }
    }
  }

  /// Everybody's text.
  package func gather(_ text: String) throws(Failure) -> [String] {
    if size == 1 { return [text] }
    let bytes = Array(text.utf8)
    let counts = try gather([Double(bytes.count)]).map { Int($0[0]) }
    let most = counts.max() ?? 0
    // A byte an element: texts are short, and bits need no packing.
    let send = Tensor(bytes.map { Float($0) }, rows: 1, columns: bytes.count)
    let receive = Tensor(rows: size, columns: most)
    try exchange(
      send, Array(repeating: 0..<bytes.count, count: size), into: receive,
      (0..<size).map { $0 * most..<$0 * most + counts[$0] })
    return (0..<size).map { r in
      String(decoding: receive.rows(r..<r + 1).array.prefix(counts[r]).map { UInt8($0) }, as: UTF8.self)
    }
  }

  /// Waits until all ranks are here.
  package func meet() throws(Failure) { _ = try gather([0.0]) }
}
