import CKernels

extension Compute {
  /// The float16 bytes (little-endian) of a tensor's elements, appended to `bytes`. Values beyond float16's range become
  /// infinite, as in every IEEE conversion.
  public func appendHalves(_ x: Tensor, to bytes: inout [UInt8]) {
    let old = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: x.count * 2))
    unsafe bytes.withUnsafeMutableBytes { raw in
      let target = unsafe (raw.baseAddress! + old)
      unsafe withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 1024) { block in
        var done = 0
        while done < x.count {
          let n = min(1024, x.count - done)
          unsafe kernels.pointee.to_half(n, x.pointer + done, block.baseAddress!)
          unsafe (target + done * 2).copyMemory(from: block.baseAddress!, byteCount: n * 2)
          done += n
        }
      }
    }
  }
}
