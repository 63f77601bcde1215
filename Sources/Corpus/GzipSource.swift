import Base
import CZlib

/// The text of a gzip file: one or more members, and zero bytes after the last one as tapes leave them.
@safe final class GzipSource: ByteSource {
  private enum State { case member, between, padding }

  private let source: any ByteSource
  private let name: String
  // On the heap, because zlib keeps a pointer back to it.
  private let stream: UnsafeMutablePointer<z_stream>
  private var input = [UInt8](repeating: 0, count: 1 << 17)
  private var position = 0
  private var filled = 0
  private var state = State.member
  /// Whether zlib may hold text that did not fit the last time.
  private var more = false

  init(_ source: any ByteSource, name: String) throws(Failure) {
    self.source = source
    self.name = name
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    // 15 bits of window, and 16 for "gzip only": its checksum and length are then verified.
    let code = unsafe inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK else { throw Failure(.io, name, "zlib cannot get memory for decompression") }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  var bytesConsumed: Int { source.bytesConsumed - (filled - position) }
  var totalBytes: Int? { source.totalBytes }

  func read(into buffer: inout [UInt8], at offset: Int) throws(Failure) -> Int {
    while true {
      if position == filled, !more {
        filled = try source.read(into: &input, at: 0)
        position = 0
        if filled == 0 {
          if state != .member { return 0 }
          throw Failure(
            .badData, name, at: "offset \(bytesConsumed)", "the gzip stream ends in the middle",
            remedy: "the file is cut short: fetch or compress it again")
        }
      }
      if state != .member {
        // Here some input is left, since nothing is held back between members.
        if input[position] == 0 {
          state = .padding
          position += 1
          continue
        }
        guard state == .between else { throw damaged("bytes after the padding at its end") }
        unsafe inflateReset(stream)
        state = .member
      }
      let (code, taken, stored) = inflate(into: &buffer, at: offset)
      position += taken
      more = stored == buffer.count - offset && code == Z_OK
      switch code {
      case Z_OK, Z_BUF_ERROR: break
      case Z_STREAM_END: state = .between
      default: throw damaged(unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "zlib error \(code)")
      }
      if stored > 0 { return stored }
    }
  }

  private func damaged(_ reason: String) -> Failure {
    Failure(
      .badData, name, at: "offset \(bytesConsumed)", "the gzip stream is not valid (\(reason))",
      remedy: "the file is damaged: fetch or compress it again")
  }

  private func inflate(into buffer: inout [UInt8], at offset: Int) -> (code: Int32, taken: Int, stored: Int) {
    unsafe buffer.withUnsafeMutableBufferPointer { target in
      unsafe input.withUnsafeMutableBufferPointer { bytes in
        let available = filled - position
        let room = target.count - offset
        unsafe stream.pointee.next_in = bytes.baseAddress! + position
        unsafe stream.pointee.avail_in = UInt32(available)
        unsafe stream.pointee.next_out = target.baseAddress! + offset
        unsafe stream.pointee.avail_out = UInt32(room)
        let code = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
        return unsafe (code, available - Int(stream.pointee.avail_in), room - Int(stream.pointee.avail_out))
      }
    }
  }
}
