import Base
import CBzip2

/// The text of a bzip2 file: one or more streams.
@safe final class Bzip2Source: ByteSource {
  private let source: any ByteSource
  private let name: String
  // On the heap, because libbz2 keeps a pointer back to it.
  private let stream: UnsafeMutablePointer<bz_stream>
  private var input = [UInt8](repeating: 0, count: 1 << 17)
  private var position = 0
  private var filled = 0
  /// Whether the stream has begun and not ended.
  private var isOpen = false
  private var isFirst = true

  init(_ source: any ByteSource, name: String) throws(Failure) {
    self.source = source
    self.name = name
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: bz_stream())
  }

  deinit {
    if isOpen { unsafe BZ2_bzDecompressEnd(stream) }
    unsafe stream.deallocate()
  }

  var bytesConsumed: Int { source.bytesConsumed - (filled - position) }
  var totalBytes: Int? { source.totalBytes }

  func read(into buffer: inout [UInt8], at offset: Int) throws(Failure) -> Int {
    while true {
      if position == filled {
        filled = try source.read(into: &input, at: 0)
        position = 0
        if filled == 0 {
          if !isOpen, !isFirst { return 0 }
          throw Failure(
            .badData, name, at: "offset \(bytesConsumed)", "the bzip2 stream ends in the middle",
            remedy: "the file is cut short: fetch or compress it again")
        }
      }
      if !isOpen {
        guard unsafe BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else {
          throw Failure(.io, name, "libbz2 cannot get memory for decompression")
        }
        (isOpen, isFirst) = (true, false)
      }
      let (code, taken, stored) = decompress(into: &buffer, at: offset)
      position += taken
      switch code {
      case BZ_OK: break
      case BZ_STREAM_END:
        unsafe BZ2_bzDecompressEnd(stream)
        isOpen = false
      default:
        throw Failure(
          .badData, name, at: "offset \(bytesConsumed)", "the bzip2 stream is not valid (libbz2 error \(code))",
          remedy: "the file is damaged: fetch or compress it again")
      }
      if stored > 0 { return stored }
    }
  }

  private func decompress(into buffer: inout [UInt8], at offset: Int) -> (code: Int32, taken: Int, stored: Int) {
    unsafe buffer.withUnsafeMutableBytes { target in
      unsafe input.withUnsafeMutableBytes { bytes in
        let available = filled - position
        let room = target.count - offset
        unsafe stream.pointee.next_in = bytes.baseAddress!.assumingMemoryBound(to: CChar.self) + position
        unsafe stream.pointee.avail_in = UInt32(available)
        unsafe stream.pointee.next_out = target.baseAddress!.assumingMemoryBound(to: CChar.self) + offset
        unsafe stream.pointee.avail_out = UInt32(room)
        let code = unsafe BZ2_bzDecompress(stream)
        return unsafe (code, available - Int(stream.pointee.avail_in), room - Int(stream.pointee.avail_out))
      }
    }
  }
}
