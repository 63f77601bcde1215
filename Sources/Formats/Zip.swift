import Base

/// A zip archive whose entries are stored without compression, as PyTorch's are: each is a range of the mapped file.
///
/// Only the central directory decides what the archive holds; each entry's local header must agree with it. Zip64 is
/// understood. Entries that are compressed, encrypted, split over volumes, outside the file or on top of each other
/// make the archive unusable.
package struct ZipArchive: Sendable {
  package struct Entry: Sendable, Equatable {
    package var name: String
    /// Where the content starts in the file.
    package var offset: Int
    package var size: Int
  }

  /// In the central directory's order.
  package let entries: [Entry]
  private let byName: [String: Int]
  package let file: MappedFile

  private static let endSize = 22
  private static let end64Size = 56
  private static let locatorSize = 20
  private static let centralSize = 46
  private static let localSize = 30

  package init(_ file: MappedFile) throws(Failure) {
    self.file = file
    let path = file.path
    let directory = try Self.findDirectory(file)
    var entries: [Entry] = []
    var byName: [String: Int] = [:]
    // Ranges of the whole entries, local headers included, to find overlaps.
    var ranges: [Range<Int>] = []
    var position = directory.start
    while position < directory.end {
      let (entry, range, next) = try Self.readEntry(file, at: position, directory: directory.start..<directory.end)
      guard byName.updateValue(entries.count, forKey: entry.name) == nil else {
        throw Failure(.badData, path, at: "offset \(position)", "the zip entry \(entry.name) occurs twice")
      }
      entries.append(entry)
      ranges.append(range)
      position = next
    }
    guard entries.count == directory.count else {
      throw Failure(
        .badData, path, "the zip directory announces \(directory.count) entries, but holds \(entries.count)")
    }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    for (range, next) in zip(ranges, ranges.dropFirst()) where range.upperBound > next.lowerBound {
      throw Failure(.badData, path, at: "offset \(next.lowerBound)", "two zip entries share bytes")
    }
    self.entries = entries
    self.byName = byName
  }

  package subscript(name: String) -> Entry? { byName[name].map { entries[$0] } }

  /// An entry's content, borrowed from the mapping.
  @_lifetime(borrow self)
  package func bytes(of entry: Entry) -> RawSpan {
    let file = file
    let span = file.bytes.extracting(entry.offset..<entry.offset + entry.size)
    // The mapping lives as long as `file`, which `self` holds.
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  private static func findDirectory(_ file: MappedFile) throws(Failure) -> (start: Int, end: Int, count: Int) {
    let (bytes, path) = (file.bytes, file.path)
    let damaged = "the file is cut short or damaged: fetch it again"
    // The end record is last, before a comment of at most 65535 bytes.
    var end = bytes.byteCount - endSize
    let lowest = max(0, end - 0xFFFF)
    while end >= lowest {
      if bytes.number(at: end, as: UInt32.self) == 0x0605_4B50,
        Int(bytes.number(at: end + 20, as: UInt16.self)) == bytes.byteCount - end - endSize
      {
        break
      }
      end -= 1
    }
    guard end >= lowest, end >= 0 else {
      throw Failure(.badData, path, "has no zip directory at its end", remedy: damaged)
    }
    var volumes = [
      Int(bytes.number(at: end + 4, as: UInt16.self)), Int(bytes.number(at: end + 6, as: UInt16.self)),
    ]
    var count = UInt64(bytes.number(at: end + 10, as: UInt16.self))
    var size = UInt64(bytes.number(at: end + 12, as: UInt32.self))
    var start = UInt64(bytes.number(at: end + 16, as: UInt32.self))
    var directoryEnd = end
    let locator = end - locatorSize
    if locator >= 0, bytes.number(at: locator, as: UInt32.self) == 0x0706_4B50 {
      let record = bytes.number(at: locator + 8, as: UInt64.self)
      guard locator >= end64Size, record <= UInt64(locator - end64Size),
        bytes.number(at: Int(record), as: UInt32.self) == 0x0606_4B50
      else {
        throw Failure(
          .badData, path, at: "offset \(locator)", "the zip64 directory is not where it should be", remedy: damaged)
      }
      let at = Int(record)
      volumes = [Int(bytes.number(at: at + 16, as: UInt32.self)), Int(bytes.number(at: at + 20, as: UInt32.self))]
      count = bytes.number(at: at + 32)
      size = bytes.number(at: at + 40)
      start = bytes.number(at: at + 48)
      directoryEnd = at
    }
    guard volumes == [0, 0] else { throw Failure(.badData, path, "is a zip archive of several volumes") }
    guard start <= UInt64(directoryEnd), size == UInt64(directoryEnd) - start else {
      throw Failure(
        .badData, path, at: "offset \(end)", "the zip directory at \(start), \(size) bytes long, does not fit the file",
        remedy: damaged)
    }
    guard count <= size / UInt64(centralSize) else {
      throw Failure(.badData, path, at: "offset \(end)", "the zip directory is too short for \(count) entries")
    }
    return (Int(start), directoryEnd, Int(count))
  }

  private static func readEntry(
    _ file: MappedFile, at position: Int, directory: Range<Int>
  ) throws(Failure) -> (Entry, Range<Int>, next: Int) {
    let (bytes, path) = (file.bytes, file.path)
    let place = "offset \(position)"
    func bad(_ problem: String, remedy: String? = nil) -> Failure {
      Failure(.badData, path, at: place, problem, remedy: remedy)
    }
    guard directory.upperBound - position >= centralSize, bytes.number(at: position, as: UInt32.self) == 0x0201_4B50
    else { throw bad("the zip directory is damaged") }
    let flags = bytes.number(at: position + 8, as: UInt16.self)
    let method = bytes.number(at: position + 10, as: UInt16.self)
    var packed = UInt64(bytes.number(at: position + 20, as: UInt32.self))
    var size = UInt64(bytes.number(at: position + 24, as: UInt32.self))
    let nameLength = Int(bytes.number(at: position + 28, as: UInt16.self))
    let extraLength = Int(bytes.number(at: position + 30, as: UInt16.self))
    let commentLength = Int(bytes.number(at: position + 32, as: UInt16.self))
    let volume = bytes.number(at: position + 34, as: UInt16.self)
    var local = UInt64(bytes.number(at: position + 42, as: UInt32.self))
    let next = position + centralSize + nameLength + extraLength + commentLength
    guard next <= directory.upperBound else { throw bad("a zip directory entry ends outside the directory") }
    let nameStart = position + centralSize
    let name = text(bytes, nameStart..<nameStart + nameLength)

    // Sizes that do not fit 32 bits stand in the zip64 extra field, each only if its short form is all ones.
    if packed == 0xFFFF_FFFF || size == 0xFFFF_FFFF || local == 0xFFFF_FFFF {
      var field = nameStart + nameLength
      let fieldsEnd = field + extraLength
      var found = false
      while fieldsEnd - field >= 4, !found {
        let (tag, length) = (
          bytes.number(at: field, as: UInt16.self), Int(bytes.number(at: field + 2, as: UInt16.self))
        )
        guard length <= fieldsEnd - field - 4 else { throw bad("an extra field of zip entry \(name) is damaged") }
        if tag == 1 {
          found = true
          var value = field + 4
          func take(_ number: inout UInt64) throws(Failure) {
            guard number == 0xFFFF_FFFF else { return }
            guard field + 4 + length - value >= 8 else { throw bad("the zip64 field of entry \(name) is too short") }
            number = bytes.number(at: value)
            value += 8
          }
          try take(&size)
          try take(&packed)
          try take(&local)
        }
        field += 4 + length
      }
    }
    guard flags & 0x41 == 0 else { throw bad("the zip entry \(name) is encrypted") }
    guard method == 0 else {
      throw bad(
        "the zip entry \(name) is compressed (method \(method)); PyTorch stores entries as they are",
        remedy: "save the checkpoint again with torch.save")
    }
    guard volume == 0, packed == size else { throw bad("the sizes of the zip entry \(name) contradict each other") }
    guard local <= UInt64(directory.lowerBound), UInt64(directory.lowerBound) - local >= UInt64(localSize),
      bytes.number(at: Int(local), as: UInt32.self) == 0x0403_4B50
    else { throw bad("the zip entry \(name) starts outside the file's content") }
    let header = Int(local)
    let localNameLength = Int(bytes.number(at: header + 26, as: UInt16.self))
    let localExtraLength = Int(bytes.number(at: header + 28, as: UInt16.self))
    let start = header + localSize + localNameLength + localExtraLength
    guard start <= directory.lowerBound, size <= UInt64(directory.lowerBound - start) else {
      throw bad("the zip entry \(name) of \(size) bytes ends outside the file's content")
    }
    guard bytes.number(at: header + 8, as: UInt16.self) == 0, localNameLength == nameLength,
      text(bytes, header + localSize..<header + localSize + localNameLength) == name
    else { throw bad("the local header of the zip entry \(name) contradicts the directory") }
    return (Entry(name: name, offset: start, size: Int(size)), header..<start + Int(size), next)
  }

  private static func text(_ bytes: RawSpan, _ range: Range<Int>) -> String {
    String(decoding: range.map { bytes.number(at: $0, as: UInt8.self) }, as: UTF8.self)
  }
}
