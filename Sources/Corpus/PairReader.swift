import Base

/// Many sentence pairs in one block of bytes.
public struct PairBatch: Sendable {
  struct Record {
    /// The pair's line in `lines`.
    var line: UInt32
    /// Where the first tab is, and the second one (the line's end if there is none).
    var split: UInt32
    var end: UInt32
  }

  var lines = LineBatch()
  var records: [Record] = []

  /// An empty batch.
  public init() {}

  /// How many pairs there are.
  public var count: Int { records.count }

  /// The source sentence of pair `i` (0 ..< count): well-formed UTF-8, never empty, without tab and line end.
  @_lifetime(borrow self)
  public func source(_ i: Int) -> Span<UInt8> { lines.bytes.span.extracting(sourceRange(i)) }

  /// The target sentence of pair `i`, in the same form.
  @_lifetime(borrow self)
  public func target(_ i: Int) -> Span<UInt8> { lines.bytes.span.extracting(targetRange(i)) }

  /// What follows the second tab of pair `i`, further tabs included; empty if there is none.
  @_lifetime(borrow self)
  public func rest(_ i: Int) -> Span<UInt8> {
    let end = lines.range(Int(records[i].line)).upperBound
    return lines.bytes.span.extracting(min(end, Int(records[i].end) + 1)..<end)
  }

  /// The source sentence of pair `i` as a String.
  public func sourceText(_ i: Int) -> String { String(decoding: lines.bytes[sourceRange(i)], as: UTF8.self) }
  /// The target sentence of pair `i` as a String.
  public func targetText(_ i: Int) -> String { String(decoding: lines.bytes[targetRange(i)], as: UTF8.self) }

  /// The number of pair `i`'s line in the file, counted from 1.
  public func lineNumber(_ i: Int) -> Int { lines.firstLineNumber + Int(records[i].line) }

  private func sourceRange(_ i: Int) -> Range<Int> {
    lines.range(Int(records[i].line)).lowerBound..<Int(records[i].split)
  }

  private func targetRange(_ i: Int) -> Range<Int> { Int(records[i].split) + 1..<Int(records[i].end) }
}

/// Streams the pairs of a file of lines `source TAB target [TAB anything]`, compressed or not, or of a TMX, XLIFF or SGM file.
public final class PairReader {
  private let reader: LineReader
  private let strict: Bool
  /// Lines left out because one side or both are empty.
  public private(set) var skippedLines = 0

  /// Opens a file, or standard input under the path `-`.
  ///
  /// - Parameters:
  ///   - strict: whether invalid UTF-8 and lines with an empty side are errors, rather than repaired or left out.
  ///   - maxLineBytes: as in `TextOptions`, for the whole line.
  ///   - languages: of a TMX, XLIFF or SGM file the source and the target; empty if the file has two.
  /// - Throws: `Failure` as `LineReader` does.
  public convenience init(
    path: String, strict: Bool = false, maxLineBytes: Int = 1 << 20, languages: [Language] = []
  ) throws(Failure) {
    var options = TextOptions(format: .raw, strict: strict, maxLineBytes: maxLineBytes)
    options.input = InputOptions(format: .automatic, languages: languages)
    self.init(try LineReader(path: path, options: options), strict: strict)
  }

  package init(_ reader: LineReader, strict: Bool) {
    self.reader = reader
    self.strict = strict
  }

  /// Replaces the content of `batch` by the next pairs.
  ///
  /// - Parameters:
  ///   - maxPairs: the most pairs to read, at least 1.
  ///   - maxBytes: no further line is read once the batch holds this many bytes, 1 to 2^30.
  /// - Returns: false if there are no more pairs, and then the batch is empty.
  /// - Throws: `Failure` as `LineReader` does, and for a line without a tab.
  public func readBatch(
    into batch: inout PairBatch, maxPairs: Int = 1 << 14, maxBytes: Int = 1 << 22
  ) throws(Failure) -> Bool {
    // A batch of nothing but one-sided lines must not look like the end.
    repeat {
      batch.records.removeAll(keepingCapacity: true)
      guard try reader.readBatch(into: &batch.lines, maxLines: maxPairs, maxBytes: maxBytes) else { return false }
      try split(&batch)
    } while batch.count == 0
    return true
  }

  private func split(_ batch: inout PairBatch) throws(Failure) {
    let tab = UInt8(ascii: "\t")
    let lines = batch.lines  // a second reference, not a copy: nothing writes to it in here
    let bytes = lines.bytes.span
    for i in 0..<lines.count {
      let line = lines.range(i)
      guard let split = firstIndex(of: tab, in: bytes, from: line.lowerBound, to: line.upperBound) else {
        throw Failure(
          .badData, reader.name, at: "line \(lines.firstLineNumber + i)",
          "has no tab, `source TAB target` is expected", remedy: "check that this is a file of sentence pairs")
      }
      let end = firstIndex(of: tab, in: bytes, from: split + 1, to: line.upperBound) ?? line.upperBound
      if split == line.lowerBound || end == split + 1 {
        if strict {
          throw Failure(
            .badData, reader.name, at: "line \(lines.firstLineNumber + i)",
            "the \(split == line.lowerBound ? "source" : "target") side is empty",
            remedy: "remove the line, or leave out --strict to have such lines skipped")
        }
        skippedLines += 1
        continue
      }
      batch.records.append(PairBatch.Record(line: UInt32(i), split: UInt32(split), end: UInt32(end)))
    }
  }

  /// What was read so far; its `lines` include the skipped ones.
  public var report: ReadReport { reader.report }
  /// The share of the file that was used, 0 to 1; nil where the size is not known.
  public var progressFraction: Double? { reader.progressFraction }
  /// Bytes of the file used so far, compressed ones if it is compressed.
  public var bytesConsumed: Int { reader.bytesConsumed }
  /// The file's size in bytes, nil for pipes and devices.
  public var totalBytes: Int? { reader.totalBytes }
}
