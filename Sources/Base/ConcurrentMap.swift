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

/// The results of two bodies that run side by side; one after the other where there is one thread.
///
/// - Precondition: neither touches what the other changes. The compiler does not look after that.
/// - Throws: the failure of the first, else that of the second.
package func sideBySide<First, Second>(
  threads: Int, _ first: () throws(Failure) -> First, _ second: () throws(Failure) -> Second
) throws(Failure) -> (First, Second) {
  if threads < 2 { return (try first(), try second()) }
  // Each is touched by one iteration alone, and read when both have ended.
  nonisolated(unsafe) var one: Result<First, Failure>?
  nonisolated(unsafe) var other: Result<Second, Failure>?
  withoutActuallyEscaping(first) { first in
    withoutActuallyEscaping(second) { second in
      nonisolated(unsafe) let (first, second) = (first, second)
      DispatchQueue.concurrentPerform(iterations: 2) { i in
        if i == 0 {
          do throws(Failure) { unsafe one = .success(try first()) } catch { unsafe one = .failure(error) }
        } else {
          do throws(Failure) { unsafe other = .success(try second()) } catch { unsafe other = .failure(error) }
        }
      }
    }
  }
  guard let one = unsafe one, let other = unsafe other else { preconditionFailure("both have run") }
  return (try one.get(), try other.get())
}
