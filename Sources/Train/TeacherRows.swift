import Base
import Corpus
import Encoder
import Formats
import Foundation
import Kernels

/// Where the teacher's rows of a corpus are.
public struct TeacherFile: Sendable, Hashable {
  /// A `.npy` file, float32 or float16.
  public var rows: String
  /// The text whose line i row i belongs to, for rows that several corpora share; nil for rows in the order of the corpus:
  /// one for every line, or one for every distinct target line as they first come.
  public var lines: String?

  /// Rows, and the text they were made from.
  public init(rows: String, lines: String? = nil) {
    self.rows = rows
    self.lines = lines
  }
}

/// A teacher's rows: mapped, every one finite, each with its length known.
final class TeacherRows: Sendable {
  let path: String
  let rows: UnitRows
  /// Of the file's content.
  let digest: String
  /// Of the text that the rows were made from, by a file `ROWS.npy.json` beside; nil without one.
  let textDigest: String?

  /// Maps a file and reads it once.
  ///
  /// - Throws: `Failure` naming the file and the row when one is not finite or all zeros.
  init(path: String, on compute: Compute) throws(Failure) {
    self.path = path
    let file = try EmbeddingFile(path: path)
    let half = file.type == .float16
    let described = unsafe UnitRows(
      base: file.pointer, half: half, rows: file.rows, columns: file.columns, owner: file)
    rows = compute.unitRows(described)
    if let bad = rows.factors.firstIndex(where: { !$0.isFinite || $0 == 0 }) {
      throw Failure(
        .badData, path, at: "row \(bad)",
        rows.factors[bad] == 0 ? "is all zeros" : "holds a number that is not finite",
        remedy: "a teacher must say something of every sentence: make the rows again")
    }
    digest = try FileHashes.digest(MappedFile(path: path), threads: compute.threads)
    let side = "\(path).json"
    struct Origin: Decodable { var text_sha256: String? }
    if let json = FileManager.default.contents(atPath: side) {
      guard let origin = try? JSONDecoder().decode(Origin.self, from: json) else {
        throw Failure(.badData, side, "is not a JSON object", remedy: "remove it, or make the rows again")
      }
      textDigest = origin.text_sha256
    } else {
      textDigest = nil
    }
    if rows.rows > Int32.max {
      throw Failure(.badData, path, "has \(rows.rows) rows; at most 2^31 can be told apart", remedy: "split the corpus")
    }
  }

  /// Checks that the rows were made from a text, as far as the file beside them says.
  func check(madeFrom text: String) throws(Failure) {
    guard let textDigest else { return }
    let file = try MappedFile(path: text)
    let digest = SHA256()
    digest.add(file.bytes)
    let found = digest.finish()
    guard found == textDigest else {
      throw Failure(
        .badData, text, "is not the text that \(path) was made from (\(path).json has the SHA-256 of another)",
        remedy: "make the teacher's rows again from this text")
    }
  }
}

/// The teachers of a run: every file opened once, every text looked up through one table.
final class Teachers {
  let compute: Compute
  private(set) var files: [String: TeacherRows] = [:]
  private var tables: [String: LineTable] = [:]

  /// The line of a text by the hash of its content.
  struct LineTable: Sendable {
    var rows: [Hash128: Int32] = [:]
    var count = 0
  }

  init(on compute: Compute) { self.compute = compute }

  /// Elements of a row; nil before any file was opened.
  var width: Int? { files.values.first?.rows.columns }

  /// What the numbers of a run depend on, in a fixed order.
  var digests: [String] { files.values.sorted { $0.path < $1.path }.map { "teacher's rows \($0.path) \($0.digest)" } }

  func open(_ file: TeacherFile) throws(Failure) -> TeacherRows {
    if let known = files[file.rows] { return known }
    let opened = try TeacherRows(path: file.rows, on: compute)
    if let other = files.values.first, other.rows.columns != opened.rows.columns {
      throw Failure(
        .badData, file.rows, "has rows of \(opened.rows.columns) elements, but \(other.path) of \(other.rows.columns)",
        remedy: "all rows must be one teacher's")
    }
    files[file.rows] = opened
    return opened
  }

  /// The lines of a text. The text and the rows are seen to belong together.
  func table(_ path: String, for teacher: TeacherRows) throws(Failure) -> LineTable {
    let table: LineTable
    if let known = tables[path] { table = known } else { table = try read(path) }
    tables[path] = table
    // For every file of rows anew: several may name one text.
    guard table.count == teacher.rows.rows else {
      throw Failure(
        .badData, teacher.path, "has \(teacher.rows.rows) rows, but \(path) has \(table.count) lines",
        remedy: "make the teacher's rows again from this text")
    }
    try teacher.check(madeFrom: path)
    return table
  }

  private func read(_ path: String) throws(Failure) -> LineTable {
    var table = LineTable()
    let reader = try LineReader(path: path, options: TextOptions(format: .raw))
    var batch = LineBatch()
    while try reader.readBatch(into: &batch, maxLines: 1 << 14, maxBytes: 1 << 22) {
      for i in 0..<batch.count {
        let hash = Hash128(batch[i])
        if table.rows[hash] == nil { table.rows[hash] = Int32(truncatingIfNeeded: table.count) }
        table.count += 1
      }
    }
    return table
  }

  /// The rows of one corpus or, of several, by the file that each has.
  func gather(_ index: [Int32], of file: TeacherFile, unit: Bool, into y: Tensor) {
    guard let rows = files[file.rows]?.rows else { preconditionFailure("\(file.rows) was not opened") }
    compute.gather(rows, index, unit: unit, into: y)
  }
}
