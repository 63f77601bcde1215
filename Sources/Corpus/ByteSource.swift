import Base
import Glibc

/// Bytes in a row, from a file, a pipe, a decompressor, or a test.
package protocol ByteSource: AnyObject {
  /// Fills `buffer[offset...]` from its start, as far as bytes are at hand.
  ///
  /// - Precondition: `offset < buffer.count`.
  /// - Returns: how many bytes were stored; 0 only at the end of the input.
  func read(into buffer: inout [UInt8], at offset: Int) throws(Failure) -> Int

  /// Bytes taken so far from the file itself, that is, compressed ones where the file is compressed.
  var bytesConsumed: Int { get }
  /// The size of the file itself, where it has one (a pipe has none).
  var totalBytes: Int? { get }
}

/// A file, or standard input under the name `-`, read with read(2), so that pipes and devices work too.
package final class FileSource: ByteSource {
  private let name: String
  private let file: Int32
  private let owned: Bool
  package private(set) var bytesConsumed = 0
  package let totalBytes: Int?

  package init(path: String) throws(Failure) {
    if path == "-" {
      name = "standard input"
      file = STDIN_FILENO
      owned = false
    } else {
      let (descriptor, code) = retryingInterrupts { unsafe open(path, O_RDONLY | O_CLOEXEC) }
      guard descriptor >= 0 else { throw .system("cannot open", path, errno: code) }
      name = path
      file = descriptor
      owned = true
    }
    var status = stat()
    let known = unsafe fstat(file, &status) == 0
    totalBytes = known && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    if known, status.st_mode & S_IFMT == S_IFDIR {
      throw Failure(.missingInput, name, "is a folder", remedy: "name a file, or - for standard input")
    }
  }

  deinit {
    if owned { close(file) }
  }

  /// Goes on at an offset of the file.
  func skip(to offset: Int) throws(Failure) {
    guard lseek(file, off_t(offset), SEEK_SET) == off_t(offset) else {
      throw .system("cannot read from the middle", name, errno: errno)
    }
    bytesConsumed = offset
  }

  package func read(into buffer: inout [UInt8], at offset: Int) throws(Failure) -> Int {
    if totalBytes == nil { try waitForBytes() }
    let (count, code) = retryingInterrupts {
      unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress! + offset, $0.count - offset) }
    }
    guard count >= 0 else { throw .system("cannot read", name, errno: code) }
    bytesConsumed += count
    return count
  }
}

extension FileSource {
  /// Waits until a pipe has bytes or ends, so that a signal to stop is heard while nothing comes.
  private func waitForBytes() throws(Failure) {
    var entry = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
    while true {
      if Interruption.requested { throw Interruption.failure(name) }
      let ready = unsafe poll(&entry, 1, 200)
      // Trouble with waiting is left to show in the read that follows.
      if ready > 0 || (ready < 0 && errno != EINTR) { return }
    }
  }
}

/// A source whose first bytes have been looked at already, and are handed out once more.
final class PeekedSource: ByteSource {
  private let source: any ByteSource
  /// The first bytes: as many as were asked for, fewer only if the input is shorter.
  let front: [UInt8]
  private var served = 0

  init(_ source: any ByteSource, peeking count: Int) throws(Failure) {
    self.source = source
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let more = try source.read(into: &bytes, at: filled)
      if more == 0 { break }
      filled += more
    }
    front = [UInt8](bytes[..<filled])
  }

  var bytesConsumed: Int { source.bytesConsumed - (front.count - served) }
  var totalBytes: Int? { source.totalBytes }

  func read(into buffer: inout [UInt8], at offset: Int) throws(Failure) -> Int {
    guard served < front.count else { return try source.read(into: &buffer, at: offset) }
    let count = min(front.count - served, buffer.count - offset)
    for i in 0..<count { buffer[offset + i] = front[served + i] }
    served += count
    return count
  }
}

/// Opens the decompressor that the first bytes of `source` ask for; the name of the file plays no part.
func decompressing(_ source: any ByteSource, name: String) throws(Failure) -> any ByteSource {
  let peeked = try PeekedSource(source, peeking: 10)
  let magic = peeked.front
  func begins(_ bytes: UInt8...) -> Bool { magic.starts(with: bytes) }

  let skippable = magic.count >= 4 && magic[0] & 0xF0 == 0x50 && magic[1...3] == [0x2A, 0x4D, 0x18]
  if skippable || begins(0x28, 0xB5, 0x2F, 0xFD) { return try ZstdSource(peeked, name: name) }
  if begins(0x1F, 0x8B) { return try GzipSource(peeked, name: name) }

  if begins(0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00) { return try XzSource(peeked, name: name) }
  if begins(0x42, 0x5A, 0x68),
    [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]].contains(Array(magic.dropFirst(4)))
  {
    return try Bzip2Source(peeked, name: name)
  }
  let archive: (format: String, tool: String)? =
    if begins(0x50, 0x4B, 0x03, 0x04) { ("zip", "unzip -p") } else if begins(0x37, 0x7A, 0xBC, 0xAF) {
      ("7z", "7z x -so")
    } else { nil }
  if let archive {
    throw Failure(
      .badData, name, at: "offset 0",
      "is a \(archive.format) archive; zstd, gzip, xz, bzip2 and plain text are read here",
      remedy: "unpack it first, for instance with `\(archive.tool)` into a pipe and - as the input")
  }
  return peeked
}
