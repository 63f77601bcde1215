import Base
import Foundation
import Kernels
import Synchronization
import Train

/// Ranks that are threads of one process: what MPI does between processes, for tests that need none.
final class ThreadGroup: Sendable {
  let size: Int

  /// What a rank offers to the others in an exchange.
  private struct Offer {
    var send: Tensor, parts: [Range<Int>]
  }
  private struct State {
    var offers: [Int: Offer] = [:]
    var arrived = 0, left = 0, round = 0, finished = 0
    var gone: Int?
  }
  private let condition = NSCondition()
  // Only touched while the condition is locked.
  private nonisolated(unsafe) var state = State()

  init(_ size: Int) { self.size = size }

  /// One rank's end. It can be told to die in an exchange: it then throws, as does everybody who waits for it.
  final class Rank: Communicator {
    let rank: Int
    private let group: ThreadGroup
    private(set) var exchanges = 0
    /// The number of exchanges after which this rank is gone.
    var lifetime: Int?

    init(_ rank: Int, _ group: ThreadGroup) {
      self.rank = rank
      self.group = group
    }

    var size: Int { group.size }

    func exchange(_ send: Tensor, _ parts: [Range<Int>], into receive: Tensor, _ places: [Range<Int>]) throws(Failure) {
      if let lifetime, exchanges >= lifetime {
        leave()
        // A dead process does nothing any more; a thread must come to an end, but not before it can disturb nobody.
        group.waitForOthers()
        throw Failure(.software, "rank \(rank)", "died as it was told to")
      }
      exchanges += 1
      try group.exchange(rank, send, parts, into: receive, places)
    }

    /// Tells the others that this rank will not come any more.
    func leave() { group.leave(rank) }
  }

  private func leave(_ rank: Int) {
    condition.lock()
    unsafe state.gone = unsafe state.gone ?? rank
    condition.broadcast()
    condition.unlock()
  }

  private func finish() {
    condition.lock()
    unsafe state.finished += 1
    condition.broadcast()
    condition.unlock()
  }

  private func waitForOthers() {
    condition.lock()
    while unsafe state.finished < size - 1 { condition.wait() }
    condition.unlock()
  }

  private func exchange(
    _ rank: Int, _ send: Tensor, _ parts: [Range<Int>], into receive: Tensor, _ places: [Range<Int>]
  ) throws(Failure) {
    precondition(parts.count == size && places.count == size)
    condition.lock()
    defer { condition.unlock() }
    let round = unsafe state.round
    unsafe state.offers[rank] = Offer(send: send, parts: parts)
    unsafe state.arrived += 1
    condition.broadcast()
    while unsafe state.arrived < size {
      if let gone = unsafe state.gone { throw Failure(.io, "rank \(gone)", "has gone") }
      condition.wait()
    }
    for r in 0..<size {
      guard let offer = unsafe state.offers[r] else { continue }
      let part = offer.parts[rank]
      precondition(
        part.count == places[r].count, "rank \(r) sends \(part.count), rank \(rank) expects \(places[r].count)")
      receive.slice(from: places[r].lowerBound, rows: 1, columns: part.count)
        .copy(from: offer.send.slice(from: part.lowerBound, rows: 1, columns: part.count))
    }
    // Nobody goes on before all have copied: what was sent may change after that.
    unsafe state.left += 1
    if unsafe state.left == size { unsafe state = State(round: round + 1, finished: state.finished, gone: state.gone) }
    condition.broadcast()
    while unsafe state.round == round { condition.wait() }
  }

  /// Runs `body` on every rank at once.
  ///
  /// - Returns: what each rank's gave or threw.
  static func run<Value: Sendable>(
    _ size: Int, _ body: @escaping @Sendable (Rank) throws -> Value
  ) -> [Result<Value, any Error>] {
    let group = ThreadGroup(size)
    let results = Mutex<[Int: Result<Value, any Error>]>([:])
    let threads = DispatchGroup()
    for rank in 0..<size {
      let thread = Thread {
        let own = Rank(rank, group)
        let result = Result { try body(own) }
        // A rank that fails by itself is gone for the others, too.
        if case .failure = result { own.leave() }
        results.withLock { $0[rank] = result }
        group.finish()
        threads.leave()
      }
      thread.stackSize = 8 << 20
      threads.enter()
      thread.start()
    }
    threads.wait()
    return results.withLock { all in (0..<size).compactMap { all[$0] } }
  }
}
