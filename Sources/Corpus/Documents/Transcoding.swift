import Base
import CIconv
import Glibc

/// Short texts in other encodings.
enum Transcoding {
  /// The bytes in UTF-8, with U+FFFD for what is invalid; nil for an encoding that iconv does not know.
  static func utf8(_ bytes: [UInt8], from encoding: String) -> [UInt8]? {
    guard
      let source = try? TranscodedSource(
        BytesSource(bytes), from: encoding, name: "", strict: false, counter: DocumentCounter())
    else { return nil }
    var result: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while let count = try? source.read(into: &block, at: 0), count > 0 { result += block[..<count] }
    return result
  }
}

/// Bytes that are in memory.
final class BytesSource: ByteSource {
  private let bytes: [UInt8]
  private(set) var bytesConsumed = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var totalBytes: Int? { bytes.count }

  func read(into buffer: inout [UInt8], at offset: Int) -> Int {
    let count = min(buffer.count - offset, bytes.count - bytesConsumed)
    for i in 0..<count { buffer[offset + i] = bytes[bytesConsumed + i] }
    bytesConsumed += count
    return count
  }
}
