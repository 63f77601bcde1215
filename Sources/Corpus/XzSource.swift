import Base
import CLzma

/// The text of an xz file: one or more streams, with padding between and behind them, or of the older lzma.
@safe final class XzSource: ByteSource {
  private let source: any ByteSource
  private let name: String
  // On the heap, because liblzma keeps a pointer back to it.
  private let stream: UnsafeMutablePointer<lzma_stream>
  private var input = [UInt8](repeating: 0, count: 1 << 17)
  private var position = 0
  private var filled = 0
  private var ended = false

  /// What a dictionary may take: `xz -9` needs 65 MiB.
  private static let memoryLimit: UInt64 = 512 << 20

  init(_ source: any ByteSource, name: String) throws(Failure) {
    self.source = source
    self.name = name
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: lzma_stream())
    // LZMA_CONCATENATED is a macro that Swift does not see.
    let code = unsafe lzma_auto_decoder(stream, Self.memoryLimit, UInt32(8))
    guard code == LZMA_OK else { throw Failure(.io, name, "liblzma cannot get memory for decompression") }
  }

  deinit {
    unsafe lzma_end(stream)
    unsafe stream.deallocate()
  }

  var bytesConsumed: Int { source.bytesConsumed - (filled - position) }
  var totalBytes: Int? { source.totalBytes }

  func read(into buffer: inout [UInt8], at offset: Int) throws(Failure) -> Int {
    if ended { return 0 }
    while true {
      var last = false
      if position == filled {
        filled = try source.read(into: &input, at: 0)
        position = 0
        last = filled == 0
      }
      let (code, taken, stored) = decode(into: &buffer, at: offset, last: last)
      position += taken
      switch code {
      case LZMA_OK: break
      case LZMA_STREAM_END: ended = true
      case LZMA_BUF_ERROR where last:
        throw Failure(
          .badData, name, at: "offset \(bytesConsumed)", "the xz stream ends in the middle",
          remedy: "the file is cut short: fetch or compress it again")
      case LZMA_BUF_ERROR: break
      case LZMA_MEMLIMIT_ERROR:
        throw Failure(
          .badData, name, at: "offset \(bytesConsumed)", "the xz stream needs a dictionary of over 512 MiB",
          remedy: "pipe `xz -dc FILE` into - instead")
      default:
        throw Failure(
          .badData, name, at: "offset \(bytesConsumed)", "the xz stream is not valid (liblzma error \(code.rawValue))",
          remedy: "the file is damaged: fetch or compress it again")
      }
      if stored > 0 { return stored }
      if ended { return 0 }
    }
  }

  private func decode(into buffer: inout [UInt8], at offset: Int, last: Bool) -> (
    code: lzma_ret, taken: Int, stored: Int
  ) {
    unsafe buffer.withUnsafeMutableBufferPointer { target in
      unsafe input.withUnsafeBufferPointer { bytes in
        let available = filled - position
        let room = target.count - offset
        unsafe stream.pointee.next_in = bytes.baseAddress! + position
        unsafe stream.pointee.avail_in = available
        unsafe stream.pointee.next_out = target.baseAddress! + offset
        unsafe stream.pointee.avail_out = room
        let code = unsafe lzma_code(stream, last ? LZMA_FINISH : LZMA_RUN)
        return unsafe (code, available - stream.pointee.avail_in, room - stream.pointee.avail_out)
      }
    }
  }
}
