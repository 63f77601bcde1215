import Base
import CZstd

/// The text of a zstd file: any number of frames in a row, empty and skippable ones included.
@safe final class ZstdSource: ByteSource {
  private let source: any ByteSource
  private let name: String
  private let context: OpaquePointer
  private var input: [UInt8]
  private var position = 0
  private var filled = 0
  /// Whether everything so far belongs to frames that are complete.
  private var betweenFrames = true
  /// Whether the decompressor may hold text that did not fit the last time.
  private var more = false

  init(_ source: any ByteSource, name: String) throws(Failure) {
    guard let context = unsafe ZSTD_createDCtx() else {
      throw Failure(.io, name, "zstd cannot get memory for decompression")
    }
    unsafe self.context = context
    self.source = source
    self.name = name
    input = [UInt8](repeating: 0, count: ZSTD_DStreamInSize())
  }

  deinit {
    unsafe ZSTD_freeDCtx(context)
  }

  var bytesConsumed: Int { source.bytesConsumed - (filled - position) }
  var totalBytes: Int? { source.totalBytes }

  func read(into buffer: inout [UInt8], at offset: Int) throws(Failure) -> Int {
    while true {
      if position == filled, !more {
        filled = try source.read(into: &input, at: 0)
        position = 0
        if filled == 0 {
          if betweenFrames { return 0 }
          throw Failure(
            .badData, name, at: "offset \(bytesConsumed)", "the zstd stream ends in the middle of a frame",
            remedy: "the file is cut short: fetch or compress it again")
        }
      }
      let (code, taken, stored) = decompress(into: &buffer, at: offset)
      if ZSTD_isError(code) != 0 {
        let reason = unsafe String(cString: ZSTD_getErrorName(code))
        let tooWide = reason.contains("too much memory")
        throw Failure(
          .badData, name, at: "offset \(bytesConsumed)", "the zstd stream is not valid (\(reason))",
          remedy: tooWide
            ? "its window is over 128 MiB: pipe `zstd -dc --long=31 FILE` into - instead"
            : "the file is damaged: fetch or compress it again")
      }
      position += taken
      betweenFrames = code == 0
      // After a whole frame nothing is held back, and one more call would already count as the next frame's begin.
      more = stored == buffer.count - offset && code != 0
      if stored > 0 { return stored }
    }
  }

  private func decompress(into buffer: inout [UInt8], at offset: Int) -> (code: Int, taken: Int, stored: Int) {
    unsafe buffer.withUnsafeMutableBytes { target in
      unsafe input.withUnsafeBytes { bytes in
        var from = unsafe ZSTD_inBuffer(src: bytes.baseAddress! + position, size: filled - position, pos: 0)
        var to = unsafe ZSTD_outBuffer(dst: target.baseAddress! + offset, size: target.count - offset, pos: 0)
        let code = unsafe ZSTD_decompressStream(context, &to, &from)
        return unsafe (code, from.pos, to.pos)
      }
    }
  }
}
