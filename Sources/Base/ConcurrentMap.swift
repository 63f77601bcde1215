import Dispatch
import Synchronization

/// The results of `body(0)`, `body(1)`, ... in order, computed on up to `threads` threads.
///
/// - Throws: the failure of the lowest index that failed; the bodies that have not begun by then are not run.
package func concurrentMap<Result: Sendable>(
  _ count: Int, threads: Int, _ body: @Sendable (Int) throws(Failure) -> Result
) throws(Failure) -> [Result] {
  let workers = min(threads, count)
  if workers <= 1 {
    var results: [Result] = []
    results.reserveCapacity(count)
    for i in 0..<count { results.append(try body(i)) }
    return results
  }
  let state = Mutex<(results: [Result?], failed: Int?, failure: Failure?)>(
    (Array(repeating: nil, count: count), nil, nil))
  let next = Atomic<Int>(0)
  DispatchQueue.concurrentPerform(iterations: workers) { _ in
    while true {
      let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if i >= count || state.withLock({ $0.failed != nil }) { return }
      do throws(Failure) {
        let result = try body(i)
        state.withLock { $0.results[i] = result }
      } catch {
        state.withLock { state in
          if state.failed.map({ i < $0 }) ?? true {
            state.failed = i
            state.failure = error
          }
        }
      }
    }
  }
  let (results, failure) = state.withLock { ($0.results, $0.failure) }
  if let failure { throw failure }
  return results.compactMap { $0 }
}
