import Base
import Corpus
import Foundation
import Index

/// A column of a table of mined pairs; the raw value is its name on the command line.
public enum PairField: String, Sendable, Codable, CaseIterable {
  /// The margin score, with 6 decimals.
  case score
  /// The sentences; without texts the row numbers.
  case source, target
  /// The cosine, with 6 decimals.
  case cosine
  /// The ids of the lines, in texts of `id TAB sentence`.
  case sourceID = "source-id"
  case targetID = "target-id"
  /// The lines' numbers in their files, or rows of embeddings, from 0. Of a sentence that comes several times, the first.
  case sourceRow = "source-row"
  case targetRow = "target-row"
  /// The place, from 1, of the target among the source's neighbours, and the other way round; 0 if it is not there.
  case sourceRank = "source-rank"
  case targetRank = "target-rank"
  /// `forward`, `backward` or `both`: for which side the pair is the best one.
  case direction
  /// How often the sentence came on its side.
  case sourceCount = "source-count"
  case targetCount = "target-count"
  /// The documents that the sentences come from, and the sentences' numbers in them, from 0; in texts with ids.
  case sourceDocument = "source-document"
  case targetDocument = "target-document"
  case sourceSentence = "source-sentence"
  case targetSentence = "target-sentence"
  /// Where the sentences lie in the text of their documents: `begin-end`, in bytes; empty for plain lines.
  case sourceOffsets = "source-offsets"
  case targetOffsets = "target-offsets"
  /// Signs of a wrong pair, joined by commas (`PairFlag`).
  case flags
  /// What a pair classifier looks at, joined by commas (`PairFeatures.names`); only of mined texts.
  case features
  /// The probability that the pair is right, by the run's filter.
  case probability

  /// Those that come from ids.
  static let needingIDs: [PairField] = [
    .sourceID, .sourceDocument, .sourceSentence, .sourceOffsets, .targetID, .targetDocument, .targetSentence,
    .targetOffsets,
  ]

  /// What is written when nothing is asked for.
  public static let standard: [PairField] = [.score, .source, .target]

  /// Reads a comma-separated list of names.
  ///
  /// - Throws: `Failure(.usage)` that lists the known names.
  public static func parse(_ list: String) throws(Failure) -> [PairField] {
    var fields: [PairField] = []
    for name in list.split(separator: ",", omittingEmptySubsequences: false) {
      guard let field = PairField(rawValue: String(name)) else {
        let known = allCases.map(\.rawValue).joined(separator: ", ")
        throw Failure(.usage, "--fields", "\"\(name)\" is no field", remedy: "the fields are \(known)")
      }
      fields.append(field)
    }
    return fields
  }
}

/// What is known of the rows of one side beside their embeddings. Everything may be missing.
public struct PairSide: Sendable {
  /// The sentence of each row.
  public var texts: TextTable?
  /// The id of each row.
  public var ids: [String]?
  /// The line of the input, from 0, that each row stands for; nil if that is the row itself.
  public var lines: [Int]?
  /// How often each row's sentence came in the input; nil if once.
  public var counts: [Int]?
  /// The file that the rows come from, and the code of its language.
  public var file: String?, language: String?

  /// A side of which only row numbers are known.
  public init() {}

  /// Leaves some rows: those given, each of which stands for as many as `counts` says.
  mutating func keep(_ rows: [Int], counts: [Int]) {
    self.counts = counts
    ids = ids.map { ids in rows.map { ids[$0] } }
    lines = rows.map { lines?[$0] ?? $0 }
    kept = rows
  }

  /// The row of `texts` that a row stands for; nil if it is the row itself.
  private(set) var kept: [Int]?

  /// The sentence of a row; nil where there are no texts.
  func text(_ row: Int) -> [UInt8]? { texts?.line(kept?[row] ?? row) }
}

/// What was found out about a pair beside its score, as far as it is asked for.
struct PairNotes {
  var flags: [PairFlag] = []
  var features: [Float] = []
  var probability = 0.0
}

/// Writes mined pairs as tab-separated columns, one pair a line.
public struct PairWriter {
  private let fields: [PairField]
  private let source: PairSide, target: PairSide
  private let neighbours: TwoWayNeighbours

  /// - Throws: `Failure(.usage)` for a field that needs ids where there are none.
  public init(
    fields: [PairField], source: PairSide, target: PairSide, neighbours: TwoWayNeighbours
  ) throws(Failure) {
    for (field, side) in PairField.needingIDs.map({ ($0, $0.rawValue.hasPrefix("source") ? source : target) })
    where fields.contains(field) && side.ids == nil {
      throw Failure(
        .usage, "--fields", "\(field.rawValue) needs texts with ids",
        remedy: "give texts whose lines are `id TAB sentence`, and --ids")
    }
    self.fields = fields
    self.source = source
    self.target = target
    self.neighbours = neighbours
  }

  /// Writes pairs to a file, compressed as its name says (`-`: standard output).
  ///
  /// A name that ends in `.jsonl` or `.tmx`, or that has `%s` for the language in it (Moses), gets that format.
  ///
  /// - Parameters:
  ///   - flags: those of each pair; needed where the column is asked for.
  ///   - features: those of each pair, likewise.
  ///   - probabilities: that of each pair, likewise.
  ///   - paths: files that all get the same pairs.
  public func write(
    _ pairs: [MinedPair], flags: [[PairFlag]]? = nil, features: [[Float]]? = nil, probabilities: [Double]? = nil,
    to paths: [String]
  ) throws(Failure) {
    let outputs = try PairOutputs(paths, self)
    for (i, pair) in pairs.enumerated() {
      try outputs.write(
        pair, PairNotes(flags: flags?[i] ?? [], features: features?[i] ?? [], probability: probabilities?[i] ?? 0))
    }
    try outputs.commit()
  }

  /// Whether the sentences are known.
  var hasTexts: Bool { source.texts != nil && target.texts != nil }
  /// The codes of the two languages.
  var languages: [String?] { [source.language, target.language] }

  /// A pair with all that is known of where it comes from.
  func unit(_ pair: MinedPair, _ notes: PairNotes, number: Int?) -> BitextUnit {
    let (x, y) = (Int(pair.source), Int(pair.target))
    var properties: [(name: String, value: BitextUnit.Value)] = [
      ("score", .number(Self.decimal(pair.score))), ("cosine", .number(Self.decimal(Double(pair.cosine)))),
    ]
    for (name, side, row) in [("source", source, x), ("target", target, y)] {
      if let language = side.language { properties.append(("\(name)_language", .text(language))) }
      if let file = side.file { properties.append(("\(name)_file", .text(file))) }
      if row >= 0 || number != nil {
        properties.append(("\(name)_row", .number("\(number ?? side.lines?[row] ?? row)")))
      }
      guard row >= 0, let id = side.ids?[row] else { continue }
      let origin = LineOrigin(id: id)
      properties.append(("\(name)_document", .text(origin.document)))
      if let sentence = origin.sentence { properties.append(("\(name)_sentence", .number("\(sentence)"))) }
      if let bytes = origin.bytes {
        properties.append(("\(name)_begin", .number("\(bytes.lowerBound)")))
        properties.append(("\(name)_end", .number("\(bytes.upperBound)")))
      }
    }
    if fields.contains(.flags) {
      properties.append(("flags", .text(notes.flags.map(\.rawValue).joined(separator: ","))))
    }
    if fields.contains(.probability) { properties.append(("probability", .number(Self.decimal(notes.probability)))) }
    return BitextUnit(
      source: x < 0 ? [] : source.text(x) ?? [], target: y < 0 ? [] : target.text(y) ?? [], properties: properties)
  }

  private func origin(_ side: PairSide, _ row: Int) -> LineOrigin? {
    row < 0 ? nil : side.ids.map { LineOrigin(id: $0[row]) }
  }

  private static func offsets(_ origin: LineOrigin?) -> String {
    (origin?.bytes).map { "\($0.lowerBound)-\($0.upperBound)" } ?? ""
  }

  /// Appends a pair's line.
  ///
  /// - Parameter number: the number of the line that both sentences come from, in aligned texts; their rows may then be -1
  ///   for an empty sentence.
  func append(_ pair: MinedPair, _ notes: PairNotes, number: Int? = nil, to line: inout [UInt8]) {
    let (x, y) = (Int(pair.source), Int(pair.target))
    for (column, field) in fields.enumerated() {
      if column > 0 { line.append(UInt8(ascii: "\t")) }
      switch field {
      case .score: line += Self.decimal(pair.score).utf8
      case .cosine: line += Self.decimal(Double(pair.cosine)).utf8
      case .source: appendText(of: source, x, to: &line)
      case .target: appendText(of: target, y, to: &line)
      case .sourceID: line += LineOrigin.visible(source.ids?[x] ?? "").utf8
      case .targetID: line += LineOrigin.visible(target.ids?[y] ?? "").utf8
      case .sourceRow: line += String(number ?? source.lines?[x] ?? x).utf8
      case .targetRow: line += String(number ?? target.lines?[y] ?? y).utf8
      case .sourceRank: line += String(Self.rank(of: pair.target, in: neighbours.forward, x)).utf8
      case .targetRank: line += String(Self.rank(of: pair.source, in: neighbours.backward, y)).utf8
      case .direction: line += pair.direction.rawValue.utf8
      case .sourceCount: line += String(x < 0 ? 0 : source.counts?[x] ?? 1).utf8
      case .targetCount: line += String(y < 0 ? 0 : target.counts?[y] ?? 1).utf8
      case .sourceDocument: line += (origin(source, x)?.document ?? "").utf8
      case .targetDocument: line += (origin(target, y)?.document ?? "").utf8
      case .sourceSentence: line += ((origin(source, x)?.sentence).map(String.init) ?? "").utf8
      case .targetSentence: line += ((origin(target, y)?.sentence).map(String.init) ?? "").utf8
      case .sourceOffsets: line += Self.offsets(origin(source, x)).utf8
      case .targetOffsets: line += Self.offsets(origin(target, y)).utf8
      case .features: line += notes.features.map { String($0) }.joined(separator: ",").utf8
      case .probability: line += Self.decimal(notes.probability).utf8
      case .flags: line += notes.flags.map(\.rawValue).joined(separator: ",").utf8
      }
    }
    line.append(UInt8(ascii: "\n"))
  }

  private func appendText(of side: PairSide, _ row: Int, to line: inout [UInt8]) {
    if row < 0 { return }
    if let text = side.text(row) {
      let start = line.count
      line += text
      Self.replaceLineEnds(in: &line, from: start)
    } else {
      line += String(side.lines?[row] ?? row).utf8
    }
  }

  /// Characters that some programs take for line ends become spaces, as tabs and carriage returns did when the text was read.
  private static func replaceLineEnds(in line: inout [UInt8], from start: Int) {
    let space = UInt8(ascii: " ")
    var i = start
    while i < line.count {
      switch line[i] {
      case 0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E: line[i] = space
      case 0xC2 where i + 1 < line.count && line[i + 1] == 0x85: line.replaceSubrange(i...i + 1, with: [space])
      case 0xE2 where i + 2 < line.count && line[i + 1] == 0x80 && line[i + 2] & 0xFE == 0xA8:
        line.replaceSubrange(i...i + 2, with: [space])
      default: break
      }
      i += 1
    }
  }

  private static func rank(of id: Int32, in lists: NeighbourLists, _ row: Int) -> Int {
    if row < 0 || id < 0 { return 0 }
    let list = lists.ids[row * lists.k..<(row + 1) * lists.k]
    return list.firstIndex(of: id).map { $0 - list.startIndex + 1 } ?? 0
  }

  /// A number with 6 decimals, as C's `%.6f`.
  static func decimal(_ value: Double) -> String { String(format: "%.6f", value) }
}
