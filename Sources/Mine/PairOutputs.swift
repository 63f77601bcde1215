import Base
import Corpus

/// The files that pairs of one run are written to, each in the format of its name.
final class PairOutputs {
  private let writer: PairWriter
  private var tables: [TextWriter] = []
  private var bitexts: [BitextWriter] = []
  private var line: [UInt8] = []

  /// - Throws: `Failure` for a name that cannot be written, and `Failure(.usage)` for formats that need texts or languages
  ///   where there are none.
  init(_ paths: [String], _ writer: PairWriter) throws(Failure) {
    self.writer = writer
    for path in paths {
      if BitextFormat(path: path) == .table {
        tables.append(try TextWriter(path: path))
      } else {
        guard writer.hasTexts else {
          throw Failure(
            .usage, path, "this format holds sentences, and only rows are known",
            remedy: "give --source-text and --target-text, or write a table")
        }
        bitexts.append(try BitextWriter(path: path, languages: writer.languages))
      }
    }
  }

  func write(_ pair: MinedPair, number: Int? = nil) throws(Failure) {
    if !tables.isEmpty {
      line.removeAll(keepingCapacity: true)
      writer.append(pair, number: number, to: &line)
      for table in tables { try Self.put(line, table) }
    }
    if bitexts.isEmpty { return }
    let unit = writer.unit(pair, number: number)
    for bitext in bitexts { try bitext.write(unit) }
  }

  private static func put(_ line: [UInt8], _ table: TextWriter) throws(Failure) { try table.write(line.span) }

  func commit() throws(Failure) {
    for table in tables { try table.commit() }
    for bitext in bitexts { try bitext.commit() }
  }
}
