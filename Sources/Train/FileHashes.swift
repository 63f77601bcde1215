import Base
import Corpus

/// Hashes of a file, block by block on all threads.
enum FileHashes {
  /// The hash of each block, in hexadecimal; the last block may be shorter.
  static func blocks(_ file: MappedFile, _ block: Int, threads: Int) throws(Failure) -> [String] {
    try concurrentMap((file.count + block - 1) / block, threads: threads) { (i: Int) -> String in
      let bytes = file.bytes.extracting(i * block..<min(file.count, (i + 1) * block))
      return String(Hash128(Span<UInt8>(_bytes: bytes)).low, radix: 16)
    }
  }

  /// One for the whole file.
  static func digest(_ file: MappedFile, threads: Int) throws(Failure) -> String {
    let text = try blocks(file, 1 << 20, threads: threads).joined(separator: " ")
    let hash = Hash128(Array(text.utf8).span)
    return String(hash.low, radix: 16) + String(hash.high, radix: 16)
  }
}
