import Base

/// Takes lines and stretches of bytes from a source, with a limit on what is held.
final class ByteCursor {
  private let source: any ByteSource
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)
  private var head = 0
  private var tail = 0
  private var atEnd = false
  /// The offset in the text of the next byte.
  private(set) var offset = 0

  init(_ source: any ByteSource) { self.source = source }

  var bytesConsumed: Int { source.bytesConsumed }
  var totalBytes: Int? { source.totalBytes }

  private func fill() throws(Failure) -> Bool {
    if head < tail { return true }
    if atEnd { return false }
    head = 0
    tail = try source.read(into: &buffer, at: 0)
    atEnd = tail == 0
    return !atEnd
  }

  /// How a line was taken.
  enum Taken { case whole, tooLong, atEnd }

  /// Appends the next line without its end (`\n` or `\r\n`). Of a line over the limit only that much is kept.
  func line(into bytes: inout [UInt8], limit: Int) throws(Failure) -> Taken {
    var taken = Taken.atEnd
    let start = bytes.count
    while try fill() {
      if taken == .atEnd { taken = .whole }
      let end = firstIndex(of: UInt8(ascii: "\n"), in: buffer.span, from: head, to: tail)
      let stop = end ?? tail
      let room = max(0, limit + 1 - (bytes.count - start))
      if stop - head > room { taken = .tooLong }
      append(buffer.span.extracting(head..<head + min(room, stop - head)), to: &bytes)
      offset += stop - head + (end == nil ? 0 : 1)
      head = end.map { $0 + 1 } ?? tail
      if end != nil { break }
    }
    if bytes.count > start, bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    if bytes.count - start > limit {
      bytes.removeLast(bytes.count - start - limit)
      taken = .tooLong
    }
    return taken
  }

  /// Appends so many bytes.
  ///
  /// - Returns: how many there were.
  func take(_ count: Int, into bytes: inout [UInt8]) throws(Failure) -> Int {
    var left = count
    while left > 0, try fill() {
      let some = min(left, tail - head)
      append(buffer.span.extracting(head..<head + some), to: &bytes)
      head += some
      offset += some
      left -= some
    }
    return count - left
  }

  /// Lets so many bytes go by.
  ///
  /// - Returns: how many there were.
  func skip(_ count: Int) throws(Failure) -> Int {
    var left = count
    while left > 0, try fill() {
      let some = min(left, tail - head)
      head += some
      offset += some
      left -= some
    }
    return count - left
  }
}
