import Base
import CKernels
import Dispatch
import Glibc
import Synchronization

/// Where ops run: a set of SIMD kernels and a number of threads.
///
/// Work is cut into parts whose number depends on the problem alone, never on the thread count, and every reduction is
/// made in a fixed order; so results are the same bits for any number of threads. One op runs at a time on a `Compute`:
/// encoding workers that run side by side have one each.
@safe public final class Compute: @unchecked Sendable {
  // Sendable because `scratch[i]` is touched only by worker i of the op that runs, and the rest never changes.
  /// Number of threads that an op may use.
  public let threads: Int
  /// What the factors of matrix products are rounded to.
  public let precision: Precision
  let kernels: UnsafePointer<ems_kernels>
  private let scratch: [Scratch]

  /// The arithmetic of matrix products; everything else is always in float32.
  public enum Precision: String, Sendable, CaseIterable {
    /// Factors and sums in float32.
    case float32
    /// Factors rounded to bfloat16, sums in float32: twice as fast where the processor has instructions for it.
    case bfloat16

    /// The same for a packed matrix.
    public var arithmetic: Arithmetic { self == .bfloat16 ? .bfloat16 : .float32 }
  }

  /// - Parameters:
  ///   - threads: at least 1.
  ///   - simd: `generic`, `avx2`, `avx512` or `amx`; nil for the best that the processor has.
  /// - Returns: nil when the processor lacks the set, or the set has no products of that precision.
  public init?(threads: Int = 1, simd: String?, precision: Precision = .float32) {
    precondition(threads >= 1)
    if let simd {
      guard let table = unsafe ems_kernels_named(simd) else { return nil }
      unsafe kernels = table
    } else {
      unsafe kernels = ems_kernels_current()
    }
    if precision == .bfloat16, unsafe kernels.pointee.gemm_bf16 == nil { return nil }
    self.threads = threads
    self.precision = precision
    scratch = (0..<threads).map { _ in Scratch() }
  }

  /// The best kernels that the processor has.
  public convenience init(threads: Int = 1) {
    self.init(threads: threads, simd: nil)!
  }

  /// Sees whether the kernels that EMS_SIMD asks for are there.
  ///
  /// - Throws: `Failure` for a name that is not known, or that of kernels that this processor cannot run.
  public static func checkChoice() throws(Failure) {
    guard let wanted = unsafe getenv("EMS_SIMD") else { return }
    if unsafe ems_kernels_named(wanted) != nil { return }
    let known: [String] = ["generic", "avx2", "avx512", "amx"]
    let there = known.filter { name in unsafe ems_kernels_named(name) != nil }
    throw Failure(
      .usage, "EMS_SIMD", "is \"\(unsafe String(cString: wanted))\", which this processor or program does not have",
      remedy: "there are \(there.joined(separator: ", ")); without EMS_SIMD the best is taken")
  }

  /// The name of the kernels in use.
  public var simd: String { unsafe String(cString: kernels.pointee.name) }

  /// The kernels that give the same bits as these: AMX rounds as AVX-512 does but in products of bfloat16.
  public func equivalent(in arithmetic: Arithmetic) -> String {
    simd == "amx" && arithmetic != .bfloat16 ? "avx512" : simd
  }

  var panelWidth: Int { unsafe kernels.pointee.panel_width }

  /// Runs `body(part, scratch)` for every part in 0..<parts, on up to `threads` threads, and waits for all.
  ///
  /// - Parameter scratchFloats: how many floats of scratch memory each part may use.
  func parallel(
    _ parts: Int, scratchFloats: Int = 0, _ body: @Sendable (Int, UnsafeMutablePointer<Float>) -> Void
  ) {
    let workers = min(threads, parts)
    if workers <= 1 {
      let memory = unsafe scratch[0].reserve(scratchFloats)
      for part in 0..<parts { unsafe body(part, memory) }
      return
    }
    let next = Counter()
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      let memory = unsafe scratch[worker].reserve(scratchFloats)
      while true {
        let part = next.take()
        if part >= parts { break }
        unsafe body(part, memory)
      }
    }
  }

  /// Cuts `count` rows into parts of `grain` rows (the last may be shorter) and runs `body(range, scratch)` on each.
  func parallelRows(
    _ count: Int, grain: Int, scratchFloats: Int = 0,
    _ body: @Sendable (Range<Int>, UnsafeMutablePointer<Float>) -> Void
  ) {
    let parts = (count + grain - 1) / grain
    unsafe parallel(parts, scratchFloats: scratchFloats) { part, memory in
      unsafe body(part * grain..<min(count, (part + 1) * grain), memory)
    }
  }
}

private final class Counter: Sendable {
  private let value = Atomic<Int>(0)
  func take() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// Memory of one worker, grown when an op needs more.
@safe private final class Scratch {
  private var storage = Storage(count: 0)

  func reserve(_ count: Int) -> UnsafeMutablePointer<Float> {
    if count > storage.count { storage = Storage(count: count) }
    return unsafe storage.base
  }
}
