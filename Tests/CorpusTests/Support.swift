import Base
import Corpus
import Foundation
import TestSupport

/// Hands out given bytes in pieces of given sizes, over and over, as a pipe might.
final class ScriptedSource: ByteSource {
  private let bytes: [UInt8]
  private let sizes: [Int]
  private var turn = 0
  private(set) var bytesConsumed = 0
  var totalBytes: Int? { nil }

  init(_ bytes: [UInt8], sizes: [Int] = [.max]) {
    self.bytes = bytes
    self.sizes = sizes
  }

  func read(into buffer: inout [UInt8], at offset: Int) -> Int {
    let size = min(sizes[turn % sizes.count], bytes.count - bytesConsumed, buffer.count - offset)
    turn += 1
    buffer.replaceSubrange(offset..<offset + size, with: bytes[bytesConsumed..<bytesConsumed + size])
    bytesConsumed += size
    return size
  }
}

/// One byte value again and again, then an ending, without ever holding it all.
final class LongSource: ByteSource {
  private var left: Int
  private let byte: UInt8
  private var ending: [UInt8]
  private(set) var bytesConsumed = 0
  var totalBytes: Int? { nil }

  init(_ byte: UInt8, times: Int, then ending: String) {
    self.byte = byte
    left = times
    self.ending = Array(ending.utf8)
  }

  func read(into buffer: inout [UInt8], at offset: Int) -> Int {
    let room = buffer.count - offset
    let size: Int
    if left > 0 {
      size = min(left, room)
      buffer.replaceSubrange(offset..<offset + size, with: repeatElement(byte, count: size))
      left -= size
    } else {
      size = min(ending.count, room)
      buffer.replaceSubrange(offset..<offset + size, with: ending[..<size])
      ending.removeFirst(size)
    }
    bytesConsumed += size
    return size
  }
}

/// All lines of a reader, through batches of odd sizes.
func lines(_ reader: LineReader, maxLines: Int = 7, maxBytes: Int = 1 << 20, from first: Int = 0) throws -> [String] {
  var result: [String] = []
  var batch = LineBatch()
  while try reader.readBatch(into: &batch, maxLines: maxLines, maxBytes: maxBytes) {
    precondition(batch.count <= maxLines && batch.firstLineNumber == first + result.count + 1)
    for i in 0..<batch.count {
      let line = batch[i]
      result.append(batch.text(i))
      precondition(line.count == result.last?.utf8.count)
    }
  }
  precondition(batch.count == 0)
  return result
}

func lines(of bytes: [UInt8], _ options: TextOptions = TextOptions(), sizes: [Int] = [.max]) throws -> [String] {
  try lines(LineReader(source: ScriptedSource(bytes, sizes: sizes), name: "test", options: options))
}

func lines(of text: String, _ options: TextOptions = TextOptions()) throws -> [String] {
  try lines(of: Array(text.utf8), options)
}

/// What reading all of the bytes throws.
func failure(reading bytes: [UInt8], _ options: TextOptions = TextOptions(), sizes: [Int] = [.max]) -> Failure? {
  do {
    _ = try lines(of: bytes, options, sizes: sizes)
    return nil
  } catch { return error as? Failure }
}

func failure(reading text: String, _ options: TextOptions = TextOptions()) -> Failure? {
  failure(reading: Array(text.utf8), options)
}

/// The bytes in one of the compressions.
func compressed(_ bytes: [UInt8], _ compression: TextWriter.Compression) throws -> [UInt8] {
  let folder = TemporaryFolder()
  let writer = try TextWriter(path: folder.file("x"), compression: compression)
  try writer.write(bytes.span)
  try writer.commit()
  return try folder.read("x")
}

func bytes(hex: String) -> [UInt8] {
  let digits = Array(hex.utf8)
  return stride(from: 0, to: digits.count, by: 2).compactMap {
    UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
  }
}

/// A small generator with a seed, so that a failing case comes again.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
