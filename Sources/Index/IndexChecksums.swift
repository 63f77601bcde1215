import Base

/// Digests of an index file, block by block, behind the index itself, where Faiss does not look.
///
/// Behind the index stand the SHA-256 digests of its blocks of 1 MiB (32 bytes each), then the footer: the bytes `EMSINDEX`, the
/// version 1 and the block's size as 32-bit numbers, the bytes of the index as a 64-bit number, and the SHA-256 digest of all
/// that comes behind the index up to here. An index that another program wrote has none of this.
struct IndexChecksums {
  private static let block = 1 << 20
  private static let digestSize = 32
  private static let magic = Array("EMSINDEX".utf8)
  private static let footerSize = 8 + 4 + 4 + 8 + digestSize

  private var digests: [UInt8] = []
  private var count = 0
  private let current = SHA256()

  /// Takes the next bytes of the index.
  mutating func add(_ bytes: RawSpan) {
    var rest = bytes
    while rest.byteCount > 0 {
      let room = Self.block - count % Self.block
      let piece = rest.extracting(0..<min(room, rest.byteCount))
      current.add(piece)
      count += piece.byteCount
      if count.isMultiple(of: Self.block) { digests += current.finishBytes() }
      rest = rest.extracting(piece.byteCount...)
    }
  }

  /// What goes behind the index.
  mutating func trailer() -> [UInt8] {
    if !count.isMultiple(of: Self.block) { digests += current.finishBytes() }
    var bytes = digests + Self.magic
    func append(_ value: UInt64, _ size: Int) {
      for i in 0..<size { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * i))) }
    }
    append(1, 4)
    append(UInt64(Self.block), 4)
    append(UInt64(count), 8)
    current.add(unsafe bytes.span.bytes)
    return bytes + current.finishBytes()
  }

  /// How many bytes of a file are the index; all of them if no digests follow.
  ///
  /// - Throws: `Failure` for digests that are damaged themselves, or of a newer version.
  static func content(of file: MappedFile) throws(Failure) -> Int {
    let start = file.count - footerSize
    guard start >= 0, magic.indices.allSatisfy({ file.bytes.number(at: start + $0, as: UInt8.self) == magic[$0] })
    else {
      return file.count
    }
    func bad(_ problem: String) -> Failure {
      Failure(
        .badData, file.path, at: "offset \(start)", "the digests behind the index \(problem)",
        remedy: "build it again with ems index build")
    }
    let version = file.bytes.number(at: start + 8, as: UInt32.self)
    guard version == 1, file.bytes.number(at: start + 12, as: UInt32.self) == UInt32(block) else {
      throw bad("are of version \(version), which is not known")
    }
    let content = file.bytes.number(at: start + 16, as: UInt64.self)
    guard content <= UInt64(start), (Int(content) + block - 1) / block * digestSize == start - Int(content) else {
      throw bad("are not as many as the index has blocks")
    }
    let hash = SHA256()
    hash.add(file.bytes.extracting(Int(content)..<start + footerSize - digestSize))
    let digest = hash.finishBytes()
    guard digest.indices.allSatisfy({ digest[$0] == file.bytes.number(at: start + 24 + $0, as: UInt8.self) }) else {
      throw bad("are damaged")
    }
    return Int(content)
  }

  /// Compares an index with the digests behind it.
  ///
  /// - Precondition: `content(of:)` found some.
  /// - Throws: `Failure` naming the first block that differs.
  static func verify(_ file: MappedFile, threads: Int) throws(Failure) {
    let content = try content(of: file)
    _ = try concurrentMap((content + block - 1) / block, threads: threads) { (i: Int) throws(Failure) in
      let end = min(content, (i + 1) * block)
      let hash = SHA256()
      hash.add(file.bytes.extracting(i * block..<end))
      let digest = hash.finishBytes()
      let place = content + i * digestSize
      guard digest.indices.allSatisfy({ digest[$0] == file.bytes.number(at: place + $0, as: UInt8.self) }) else {
        throw Failure(
          .badData, file.path, at: "offset \(i * block)",
          "the \(end - i * block) bytes from there on are not what was written",
          remedy: "build it again with ems index build")
      }
    }
  }
}
