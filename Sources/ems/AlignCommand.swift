import ArgumentParser
import Base
import Corpus
import Encoder
import Foundation
import Kernels
import Mine

struct AlignCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "align",
    abstract: "Aligns the sentences of documents that are translations of each other.",
    discussion: """
      SOURCE and TARGET hold one sentence a line, of one document each; or, with --ids, lines `document:sentence TAB sentence` as \
      `ems split` writes them; or documents in any layout that `ems split` reads. Documents are paired as --document-pairs says; \
      without it by their ids, or, where the two sides have no id in common, by what is in them.

      `--document-pairs found` pairs by content alone: each document is the mean of its sentences' rows, weighted by how few \
      documents have the sentence, and two documents belong together if each is the other's best by margin.

      Writes `[source rows]:[target rows]:score` a line, with rows counted from 0 in the order of the sentences; the score is the \
      cosine of the two sides. With an output named .tsv, .jsonl, .tmx or with %s (Moses), the sentences themselves are \
      written, without those that have no partner.

      EXAMPLES
        ems align book.de book.fr --model models/ems-mini --source-language de --target-language fr --output book.align
        ems align de.jsonl.zst fr.jsonl.zst --model models/ems-mini --source-language de --target-language fr \\
          --output pairs.tsv.zst --output pairs.tmx
        ems align de.tsv fr.tsv --ids --document-pairs pairs.tsv --model models/ems-mini --source-language de \\
          --target-language fr --output bitext.%s.txt
      """)

  @Argument(help: "Sentences or documents in the source language.", completion: .file())
  var source: String

  @Argument(help: "The same of the target language.", completion: .file())
  var target: String

  @Option(help: "Model folder.", completion: .directory)
  var model: String

  @Option(help: "Language of the source.")
  var sourceLanguage: String?

  @Option(help: "Language of the target.")
  var targetLanguage: String?

  @OptionGroup var text: TextArguments

  @Option(
    help: ArgumentHelp(
      "Which documents belong together: a file of lines `source id TAB target id`; `ids`: those with the same id; `found`: by "
        + "their content. By default ids, else found.", valueName: "file | ids | found"), completion: .file())
  var documentPairs: String?

  @Option(help: "The most sentences of both sides together in one pair.")
  var maxSentences: Int = 6

  @Option(help: "What leaving out a sentence costs; two sentences that have nothing in common cost 1.")
  var deletion: Double = 0.85

  @Option(
    name: [.customShort("o"), .customLong("output")], parsing: .singleValue,
    help: "Where the pairs go; the name says how. May be given several times. - is standard output.")
  var outputs: [String] = []

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if !(2...12).contains(maxSentences) { throw ValidationError("--max-sentences must be from 2 to 12.") }
    if !(deletion > 0) { throw ValidationError("--deletion must be above 0.") }
    if outputs.isEmpty { throw ValidationError("--output is needed.") }
  }

  /// What was done.
  struct Summary: Encodable {
    var documents = 0
    /// How documents were paired: `whole`, `file`, `ids` or `found`.
    var pairedBy = ""
    var sourceSentences = 0, targetSentences = 0
    var pairs = 0, sourceAlone = 0, targetAlone = 0
    var encodeSeconds = 0.0, alignSeconds = 0.0
    var outputs: [String] = []

    private enum CodingKeys: String, CodingKey {
      case documents, pairs, outputs
      case pairedBy = "paired_by"
      case sourceSentences = "source_sentences"
      case targetSentences = "target_sentences"
      case sourceAlone = "source_alone"
      case targetAlone = "target_alone"
      case encodeSeconds = "encode_seconds"
      case alignSeconds = "align_seconds"
    }
  }

  func run() throws {
    let console = Console(quiet: common.quiet)
    let job = console.job()
    let codes = try [sourceLanguage, targetLanguage].map { code in
      try code.map { (text) throws(Failure) in try Language(parsing: text) }
    }
    let folder = try ModelFolder(path: model)
    try checkLanguage(codes[0], option: "--source-language", folder, console)
    try checkLanguage(codes[1], option: "--target-language", folder, console)
    let sides = try [(source, codes[0]), (target, codes[1])].map {
      try AlignedText(
        path: $0.0, language: $0.1, options: text.options, splitting: text.input.splitting($0.1),
        threads: common.threads)
    }
    let encoder = try SentenceEncoder(folder, threads: common.threads)
    let compute = Compute(threads: common.threads)
    var summary = Summary()
    let pairs: [(source: Range<Int>, target: Range<Int>)]
    if let known = try documents(sides) {
      (pairs, summary.pairedBy) = known
    } else {
      summary.pairedBy = "found"
      pairs = try found(sides, encoder, inputs: codes.map { try folder.input(for: $0?.code) }, compute, job, console)
    }
    var options = AlignerOptions()
    options.maxSentences = maxSentences
    options.deletion = deletion
    let aligner = SentenceAligner(options, on: compute)
    let sinks = try outputs.map { try AlignmentSink($0, sides, languages: codes.map { $0?.code }) }
    summary.outputs = outputs
    for (k, pair) in pairs.enumerated() {
      try job.check(outputs[0])
      let begin = ContinuousClock.now
      var made: [AlignmentSide] = []
      for (i, rows) in [pair.source, pair.target].enumerated() {
        made.append(
          try sides[i].windows(
            rows, aligner.windowSizes, encoder, input: folder.input(for: codes[i]?.code), job: job))
      }
      let encoded = ContinuousClock.now
      let found = aligner.align(made[0], made[1])
      summary.encodeSeconds += (encoded - begin).seconds
      summary.alignSeconds += (ContinuousClock.now - encoded).seconds
      for bead in found {
        if bead.target.isEmpty { summary.sourceAlone += bead.source.count }
        if bead.source.isEmpty { summary.targetAlone += bead.target.count }
        if !bead.source.isEmpty, !bead.target.isEmpty { summary.pairs += 1 }
        for sink in sinks { try sink.write(bead, pair.source.lowerBound, pair.target.lowerBound) }
      }
      summary.documents += 1
      summary.sourceSentences += pair.source.count
      summary.targetSentences += pair.target.count
      job.report("aligned \(k + 1) of \(pairs.count) documents", Double(k + 1) / Double(pairs.count))
    }
    for sink in sinks { try sink.commit() }
    console.finish()
    console.say(
      "\(Format.count(summary.documents)) documents, \(Format.count(summary.sourceSentences)) + "
        + "\(Format.count(summary.targetSentences)) sentences: \(Format.count(summary.pairs)) pairs, "
        + "\(Format.count(summary.sourceAlone)) + \(Format.count(summary.targetAlone)) sentences alone "
        + "(encoding \(summary.encodeSeconds.rounded2) s, aligning \(summary.alignSeconds.rounded2) s)")
    if common.json, !outputs.contains("-") { try Console.printJSON(summary) }
  }

  /// The rows of documents that belong together, and who says so; nil where that is to be found out.
  private func documents(
    _ sides: [AlignedText]
  ) throws(Failure) -> (pairs: [(source: Range<Int>, target: Range<Int>)], by: String)? {
    if documentPairs == "found" { return nil }
    var pairs: [(source: Range<Int>, target: Range<Int>)] = []
    if let documentPairs, documentPairs != "ids" {
      let table = try TextTable(path: documentPairs, options: TextOptions(format: .raw))
      for i in 0..<table.count {
        let columns = String(decoding: table.line(i), as: UTF8.self).split(separator: "\t")
        guard columns.count == 2 else {
          throw Failure(
            .badData, documentPairs, at: "line \(i + 1)", "`source id TAB target id` is expected",
            remedy: "mend the line")
        }
        for (side, id) in zip(sides, columns) where side.documents[String(id)] == nil {
          throw Failure(
            .badData, documentPairs, at: "line \(i + 1)", "\(side.path) has no document \(id)",
            remedy: "give ids as they stand before the last colon of a sentence's id")
        }
        if let a = sides[0].documents[String(columns[0])], let b = sides[1].documents[String(columns[1])] {
          pairs.append((a, b))
        }
      }
      return (pairs, "file")
    }
    if documentPairs == nil, sides[0].order.count == 1, sides[1].order.count == 1 {
      return ([(0..<sides[0].count, 0..<sides[1].count)], "whole")
    }
    for id in sides[0].order {
      if let a = sides[0].documents[id], let b = sides[1].documents[id] { pairs.append((a, b)) }
    }
    if pairs.isEmpty, documentPairs == nil { return nil }
    guard !pairs.isEmpty else {
      throw Failure(
        .badData, sides[1].path, "has no document with an id that \(sides[0].path) has, too",
        remedy: "say which belong together (--document-pairs FILE), or have it found out (--document-pairs found)")
    }
    return (pairs, "ids")
  }

  /// The rows of documents that belong together by what is in them.
  private func found(
    _ sides: [AlignedText], _ encoder: SentenceEncoder, inputs: [LanguageInput], _ compute: Compute, _ job: Job,
    _ console: Console
  ) throws(Failure) -> [(source: Range<Int>, target: Range<Int>)] {
    var vectors: [Tensor] = []
    for (side, input) in zip(sides, inputs) { vectors.append(try side.vectors(encoder, input: input, job: job)) }
    let found = try DocumentMatcher.pairs(
      source: vectors[0], target: vectors[1], names: (sides[0].path, sides[1].path), on: compute, job: job)
    guard let found else { throw Interruption.failure(outputs[0]) }
    guard !found.isEmpty else {
      throw Failure(
        .badData, sides[1].path, "has no document that is nearer to one of \(sides[0].path) than to others",
        remedy: "say which belong together: --document-pairs FILE")
    }
    console.say(
      "\(Format.count(found.count)) pairs of documents found among \(Format.count(sides[0].order.count)) and "
        + "\(Format.count(sides[1].order.count))")
    return found.compactMap { pair in
      guard let a = sides[0].documents[sides[0].order[pair.source]],
        let b = sides[1].documents[sides[1].order[pair.target]]
      else { return nil }
      return (a, b)
    }
  }
}

/// Sentences of documents, in memory.
final class AlignedText {
  let path: String
  let language: Language?
  private var lines: [[UInt8]] = []
  private var ids: [String] = []
  /// The rows of each document, and their order.
  private(set) var documents: [String: Range<Int>] = [:]
  private(set) var order: [String] = []

  var count: Int { lines.count }

  init(path: String, language: Language?, options: TextOptions, splitting: SplitOptions?, threads: Int) throws(Failure)
  {
    self.path = path
    self.language = language
    var options = options
    options.input.threads = threads
    options.input.languages = language.map { [$0] } ?? []
    options.input.splitting = splitting
    options.input.documentsHaveIDs = true
    let reader = try LineReader(path: path, options: options)
    var batch = LineBatch()
    var current = ""
    var start = 0
    let hasIDs = options.format == .idAndText || reader.inputFormat.holdsDocuments
    while try reader.readBatch(into: &batch) {
      for i in 0..<batch.count {
        var line: [UInt8] = []
        append(batch[i], to: &line)
        let id = hasIDs ? batch.idText(i) : ""
        let document = LineOrigin(id: id).document
        if lines.isEmpty || document != current {
          try end(current, start, reader.name)
          (current, start) = (document, lines.count)
        }
        lines.append(line)
        ids.append(id)
      }
    }
    try end(current, start, reader.name)
    guard !lines.isEmpty else {
      throw Failure(.badData, reader.name, "has no sentences", remedy: "check the file")
    }
  }

  private func end(_ id: String, _ start: Int, _ name: String) throws(Failure) {
    if lines.isEmpty { return }
    guard documents.updateValue(start..<lines.count, forKey: id) == nil else {
      throw Failure(
        .badData, name, at: "line \(start + 1)", "the document \(id) comes again",
        remedy: "its sentences must stand together")
    }
    order.append(id)
  }

  private static let unspaced: Set<String> = ["zh", "ja", "th", "lo", "km", "my", "yue", "wuu", "bo"]

  /// The text of some rows as one.
  func joined(_ rows: Range<Int>) -> [UInt8] {
    let base = String((language?.code ?? "").prefix { $0 != "-" })
    let blank: [UInt8] = Self.unspaced.contains(base) ? [] : [0x20]
    return Array(lines[rows].joined(separator: blank))
  }

  func id(_ row: Int) -> String { ids[row] }

  /// The vectors of all documents, in their order. Sentences are encoded some thousands at a time, and their rows not kept.
  func vectors(_ encoder: SentenceEncoder, input: LanguageInput, job: Job) throws(Failure) -> Tensor {
    var made = DocumentVectors(documents: order.compactMap { documents[$0] }) { lines[$0] }
    let step = 1 << 14
    for start in stride(from: 0, to: lines.count, by: step) {
      let part = Array(lines[start..<min(lines.count, start + step)])
      made.append(try encoder.encode(count: part.count, job: job, subject: path, input: { _ in input }) { part[$0] })
    }
    return made.vectors()
  }

  /// The rows of all windows of a document; equal windows are encoded once.
  func windows(
    _ rows: Range<Int>, _ sizes: Int, _ encoder: SentenceEncoder, input: LanguageInput, job: Job
  ) throws(Failure) -> AlignmentSide {
    var texts: [[UInt8]] = []
    var known: [[UInt8]: Int] = [:]
    var places: [[Int]] = []
    for size in 1...min(sizes, rows.count) {
      places.append(
        rows.map { row in
          let text = row - size + 1 < rows.lowerBound ? [] : joined(row - size + 1..<row + 1)
          if let place = known[text] { return place }
          known[text] = texts.count
          texts.append(text)
          return texts.count - 1
        })
    }
    let sentences = texts
    let made = try encoder.encode(count: texts.count, job: job, subject: path, input: { _ in input }) { sentences[$0] }
    let width = made.columns
    let windows = places.map { list in
      var values: [Float] = []
      values.reserveCapacity(list.count * width)
      made.withElements { span in
        for place in list { for d in 0..<width { values.append(span[place * width + d]) } }
      }
      return Tensor(values, rows: list.count, columns: width)
    }
    let lengths = rows.map { lines[$0].count { $0 & 0xC0 != 0x80 } }
    return AlignmentSide(windows: windows, lengths: lengths)
  }
}

/// One output of aligned sentences.
final class AlignmentSink {
  private let sides: [AlignedText]
  private let rows: TextWriter?
  private let table: Bool
  private let bitext: BitextWriter?

  init(_ path: String, _ sides: [AlignedText], languages: [String?]) throws(Failure) {
    self.sides = sides
    var name = path[...]
    for suffix in [".zst", ".zstd", ".gz"] where name.hasSuffix(suffix) { name = name.dropLast(suffix.count) }
    table = name.hasSuffix(".tsv")
    if BitextFormat(path: path) == .table {
      rows = try TextWriter(path: path)
      bitext = nil
    } else {
      rows = nil
      bitext = try BitextWriter(path: path, languages: languages)
    }
  }

  func write(_ bead: AlignedSentences, _ source: Int, _ target: Int) throws(Failure) {
    let (a, b) = (
      bead.source.lowerBound + source..<bead.source.upperBound + source,
      bead.target.lowerBound + target..<bead.target.upperBound + target
    )
    let score = String(format: "%.6f", bead.score)
    if let rows, !table {
      func list(_ range: Range<Int>) -> String { range.map(String.init).joined(separator: ", ") }
      return try rows.writeLine("[\(list(a))]:[\(list(b))]:\(score)")
    }
    if a.isEmpty || b.isEmpty { return }
    let (x, y) = (sides[0].joined(a), sides[1].joined(b))
    if let rows {
      try rows.write("\(score)\t")
      try Self.put(x, rows)
      try rows.write(UInt8(ascii: "\t"))
      try Self.put(y, rows)
      try rows.write(UInt8(ascii: "\n"))
    } else if let bitext {
      var properties: [(name: String, value: BitextUnit.Value)] = [("score", .number(score))]
      for (name, side, range) in [("source", sides[0], a), ("target", sides[1], b)] {
        properties.append(("\(name)_file", .text(side.path)))
        properties.append(("\(name)_row", .number("\(range.lowerBound)")))
        properties.append(("\(name)_sentences", .number("\(range.count)")))
        if !side.id(range.lowerBound).isEmpty { properties.append(("\(name)_id", .text(side.id(range.lowerBound)))) }
      }
      try bitext.write(BitextUnit(source: x, target: y, properties: properties))
    }
  }

  private static func put(_ text: [UInt8], _ file: TextWriter) throws(Failure) { try file.write(text.span) }

  func commit() throws(Failure) {
    try rows?.commit()
    try bitext?.commit()
  }
}
