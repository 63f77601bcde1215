import Base
import Corpus

/// The lines of a text, to be looked up by number: what mined row numbers are turned into sentences with.
///
/// A plain text whose lines need no mending is best mapped (`init(mapping:)`): then only 8 bytes a line are in memory.
public final class TextTable: Sendable {
  private let file: MappedFile?
  private let bytes: [UInt8]
  /// Where each line starts, and where the next one would.
  private let starts: [Int]
  /// The ids of the lines, in texts of `id TAB sentence`.
  public let ids: [String]?
  /// Lines that could not be taken as they are, and what was done.
  public let report: ReadReport

  /// The number of lines.
  public var count: Int { starts.count - 1 }

  /// Reads a text of any compression into memory.
  ///
  /// - Throws: `Failure` for a file that is missing or is no text.
  public init(path: String, options: TextOptions = TextOptions()) throws(Failure) {
    let reader = try LineReader(path: path, options: options)
    var batch = LineBatch()
    var bytes: [UInt8] = []
    var starts = [0]
    var ids: [String]? = options.format == .idAndText ? [] : nil
    while try reader.readBatch(into: &batch) {
      for i in 0..<batch.count {
        append(batch[i], to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
        starts.append(bytes.count)
        ids?.append(batch.idText(i))
      }
    }
    self.bytes = bytes
    self.starts = starts
    self.ids = ids
    report = reader.report
    file = nil
  }

  /// Maps a plain text written here: every line ends in a newline.
  public init(mapping path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    self.file = file
    bytes = []
    ids = nil
    report = ReadReport()
    let text = file.bytes
    var starts = [0]
    for i in 0..<text.byteCount where text.number(at: i, as: UInt8.self) == UInt8(ascii: "\n") { starts.append(i + 1) }
    guard starts.last == text.byteCount else {
      throw Failure(.badData, path, "does not end in a newline", remedy: "the file is cut short: write it again")
    }
    self.starts = starts
  }

  /// The bytes of a line, without its end.
  public func line(_ i: Int) -> [UInt8] {
    let range = starts[i]..<starts[i + 1] - 1
    guard let file else { return Array(bytes[range]) }
    return unsafe file.bytes.extracting(range).withUnsafeBytes { unsafe Array($0) }
  }
}
