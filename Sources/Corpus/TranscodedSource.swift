import Base
import CIconv
import Glibc

/// Text in another encoding as UTF-8, by iconv.
@safe final class TranscodedSource: ByteSource {
  private let source: any ByteSource
  private let name: String
  private let encoding: String
  private let strict: Bool
  private let counter: DocumentCounter
  private let converter: iconv_t
  private var input = [UInt8](repeating: 0, count: 1 << 16)
  private var filled = 0
  private var atEnd = false
  /// The offset of input[0] in the text of that encoding.
  private var offset = 0

  /// - Throws: `Failure(.usage)` for an encoding that iconv does not know.
  init(_ source: any ByteSource, from encoding: String, name: String, strict: Bool, counter: DocumentCounter)
    throws(Failure)
  {
    self.source = source
    self.name = name
    self.encoding = encoding
    self.strict = strict
    self.counter = counter
    let opened = unsafe iconv_open("UTF-8", encoding)
    guard let opened = unsafe opened, Int(bitPattern: opened) != -1 else {
      throw Failure(
        .usage, "--encoding", "iconv knows no encoding \"\(encoding)\"", remedy: "`iconv -l` lists those that it knows")
    }
    unsafe converter = opened
  }

  deinit { unsafe iconv_close(converter) }

  var bytesConsumed: Int { source.bytesConsumed }
  var totalBytes: Int? { source.totalBytes }

  /// The bytes of the smallest piece that can be wrong.
  private var unit: Int {
    let code = encoding.uppercased()
    if code.hasPrefix("UTF-32") || code.hasPrefix("UTF32") || code.hasPrefix("UCS-4") { return 4 }
    if code.hasPrefix("UTF-16") || code.hasPrefix("UTF16") || code.hasPrefix("UCS-2") { return 2 }
    return 1
  }

  func read(into buffer: inout [UInt8], at start: Int) throws(Failure) -> Int {
    var stored = start
    // Room for one more character and for U+FFFD.
    while buffer.count - stored >= 16 || stored == start {
      if filled < 64, !atEnd {
        let more = try source.read(into: &input, at: filled)
        filled += more
        atEnd = more == 0
        if !atEnd, filled < 4 { continue }
      }
      if filled == 0 { break }
      let (code, taken, written) = convert(into: &buffer, at: stored)
      drop(taken)
      stored += written
      if code == 0 || code == E2BIG {
        if stored > start { break }
        precondition(code == 0 || buffer.count - start >= 16, "no room for a character")
        continue
      }
      if code == EINVAL, !atEnd {
        if stored > start { break }
        let more = try source.read(into: &input, at: filled)
        filled += more
        atEnd = more == 0
        continue
      }
      if strict {
        throw Failure(
          .badData, name, at: "offset \(offset)", "is not valid \(encoding)",
          remedy: "check --encoding, or leave out --strict to have such bytes replaced by U+FFFD")
      }
      counter.counts.invalidCharacters += 1
      drop(min(filled, unit))
      for byte: UInt8 in [0xEF, 0xBF, 0xBD] {
        buffer[stored] = byte
        stored += 1
      }
    }
    return stored - start
  }

  private func drop(_ count: Int) {
    if count == 0 { return }
    moveToFront(&input, from: count, to: filled)
    filled -= count
    offset += count
  }

  /// - Returns: 0 or errno, bytes taken and bytes stored.
  private func convert(into buffer: inout [UInt8], at start: Int) -> (code: Int32, taken: Int, stored: Int) {
    unsafe buffer.withUnsafeMutableBytes { target in
      unsafe input.withUnsafeMutableBytes { bytes in
        var from: UnsafeMutablePointer<CChar>? = unsafe bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
        var to: UnsafeMutablePointer<CChar>? = unsafe target.baseAddress!.assumingMemoryBound(to: CChar.self) + start
        var (left, room) = (filled, target.count - start)
        let result = unsafe iconv(converter, &from, &left, &to, &room)
        // size_t is Int here, so that its largest value is -1.
        let code = result == -1 ? errno : 0
        return (code, filled - left, target.count - start - room)
      }
    }
  }
}
