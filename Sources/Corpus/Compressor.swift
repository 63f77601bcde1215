import Base
import CZlib
import CZstd

/// The compressing half of zstd or gzip.
protocol Compressor: AnyObject {
  /// Compresses all of `input`, and appends what comes out so far; all that is left if it is the last input.
  func compress(_ input: inout [UInt8], last: Bool, into output: inout [UInt8]) throws(Failure)
}

/// One zstd frame with a checksum. One thread, so that the bytes depend on the content alone.
@safe final class ZstdCompressor: Compressor {
  private let context: OpaquePointer
  private let name: String
  private var block: [UInt8]

  init(level: Int32, name: String) throws(Failure) {
    guard let context = unsafe ZSTD_createCCtx() else {
      throw Failure(.io, name, "zstd cannot get memory for compression")
    }
    unsafe self.context = context
    self.name = name
    block = [UInt8](repeating: 0, count: ZSTD_CStreamOutSize())
    unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
    unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
  }

  deinit {
    unsafe ZSTD_freeCCtx(context)
  }

  func compress(_ input: inout [UInt8], last: Bool, into output: inout [UInt8]) throws(Failure) {
    var position = 0
    while true {
      let (code, taken, stored) = unsafe input.withUnsafeBytes { bytes in
        unsafe block.withUnsafeMutableBytes { target in
          var from = unsafe ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: position)
          var to = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
          let code = unsafe ZSTD_compressStream2(context, &to, &from, last ? ZSTD_e_end : ZSTD_e_continue)
          return unsafe (code, from.pos, to.pos)
        }
      }
      if ZSTD_isError(code) != 0 {
        throw Failure(.software, name, unsafe "zstd cannot compress: \(String(cString: ZSTD_getErrorName(code)))")
      }
      position = taken
      output.append(contentsOf: block[..<stored])
      if last ? code == 0 : position == input.count { return }
    }
  }
}

/// One gzip member, without name and time in its header, so that the bytes depend on the content alone.
@safe final class GzipCompressor: Compressor {
  // On the heap, because zlib keeps a pointer back to it.
  private let stream: UnsafeMutablePointer<z_stream>
  private let name: String
  private var block = [UInt8](repeating: 0, count: 1 << 17)

  init(level: Int32, name: String) throws(Failure) {
    self.name = name
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let code = unsafe deflateInit2_(
      stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK else { throw Failure(.io, name, "zlib cannot start to compress (error \(code))") }
  }

  deinit {
    unsafe deflateEnd(stream)
    unsafe stream.deallocate()
  }

  func compress(_ input: inout [UInt8], last: Bool, into output: inout [UInt8]) throws(Failure) {
    var position = 0
    while true {
      let (code, taken, stored) = unsafe input.withUnsafeMutableBufferPointer { bytes in
        unsafe block.withUnsafeMutableBufferPointer { target in
          unsafe stream.pointee.next_in = bytes.baseAddress.map { unsafe $0 + position }
          unsafe stream.pointee.avail_in = UInt32(bytes.count - position)
          unsafe stream.pointee.next_out = target.baseAddress
          unsafe stream.pointee.avail_out = UInt32(target.count)
          let code = unsafe deflate(stream, last ? Z_FINISH : Z_NO_FLUSH)
          return unsafe (code, bytes.count - Int(stream.pointee.avail_in), target.count - Int(stream.pointee.avail_out))
        }
      }
      guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
        throw Failure(.software, name, "zlib cannot compress (error \(code))")
      }
      position = taken
      output.append(contentsOf: block[..<stored])
      if last ? code == Z_STREAM_END : (position == input.count && stored < block.count) { return }
    }
  }
}
