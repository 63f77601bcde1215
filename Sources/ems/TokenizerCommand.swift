import ArgumentParser
import Base
import Corpus
import Encoder
import Foundation

struct TokenizerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer", abstract: "Trains tokenizers, and shows what they do.",
    subcommands: [TokenizerTrainCommand.self, TokenizerEncodeCommand.self])
}

struct TokenizerTrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a SentencePiece model.",
    discussion: """
      The output folder gets sentencepiece.model. Inputs are plain, gzip or zstd texts, one sentence a line; with --columns \
      the named tab-separated columns of each line are sentences of their own. With --sampling-exponent below 1, lines \
      of small files count more than their share: the files are drawn from by size^exponent.

      EXAMPLES
        ems tokenizer train de.txt.zst en.txt.zst --vocab-size 32000 --output tokenizer
        ems tokenizer train *.tsv.zst --columns 1,2 --type unigram --vocab-size 48000 --lines 2000000 \\
          --sampling-exponent 0.5 --output tokenizer
      """)

  enum Kind: String, ExpressibleByArgument, CaseIterable { case bpe, unigram }

  @Argument(help: "Text files.", completion: .file())
  var files: [String]

  @Option(help: "Number of pieces.")
  var vocabSize: Int

  @Option(name: .shortAndLong, help: "Folder for sentencepiece.model.")
  var output: String

  @Option(help: "bpe or unigram.")
  var type: Kind = .bpe

  @Option(help: "Share of the characters that get pieces of their own.")
  var characterCoverage: Double = 0.9995

  @Flag(inversion: .prefixedNo, help: "Lower-case the text first.")
  var lowercase = true

  @Option(help: "Columns to read, comma-separated, counted from 1; the whole line if not given.")
  var columns: String?

  @Option(help: "At most this many lines in all; 0 for every line.")
  var lines: Int = 0

  @Option(help: "How the lines are shared among the files: by size^exponent.")
  var samplingExponent: Double = 1

  @OptionGroup var common: CommonOptions

  func run() throws {
    let console = Console(quiet: common.quiet)
    let numbers = try columns.map { text in
      try text.split(separator: ",").map { part in
        guard let n = Int(part), n >= 1 else { throw ValidationError("--columns must be numbers from 1 on.") }
        return n
      }
    }
    try OutputCheck.check(["\(output)/sentencepiece.model"], inputs: files)
    let shares = try lineShares(console)
    var options = Tokenizer.TrainingOptions(vocabSize: vocabSize)
    options.kind = type == .bpe ? .bpe : .unigram
    options.characterCoverage = characterCoverage
    options.lowercase = lowercase
    options.threads = common.threads
    options.seed = UInt32(truncatingIfNeeded: common.seed)
    if numbers == nil { for file in files { try checkIsNoTable(file) } }
    var source = SentenceSource(files: files, every: shares, columns: numbers)
    let tokenizer = try Tokenizer.train(options) { () throws(Failure) in try source.next() }
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    let path = "\(output)/sentencepiece.model"
    try tokenizer.write(to: path)
    console.say("\(path): \(tokenizer.vocabSize) pieces")
    if source.tooLong > 0 {
      console.warn(
        "\(Format.count(source.tooLong)) of \(Format.count(source.sentences)) lines are longer than \(Tokenizer.longestTrainingLine) bytes and were skipped: SentencePiece does not train on such lines"
      )
    }
    if common.json {
      try Console.printJSON(
        Result(
          path: path, vocabSize: tokenizer.vocabSize, lines: source.sentences, skippedLines: source.tooLong))
    }
  }

  private struct Result: Encodable {
    var path: String, vocabSize: Int, lines: Int, skippedLines: Int
    enum CodingKeys: String, CodingKey {
      case path, lines
      case vocabSize = "vocab_size"
      case skippedLines = "skipped_lines"
    }
  }

  /// Refuses a text whose first lines are all tab-separated columns: scores and names would get pieces of their own.
  private func checkIsNoTable(_ file: String) throws(Failure) {
    // Standard input can be read once only.
    var status = stat()
    guard file != "-", unsafe stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
    let reader = try LineReader(path: file, options: TextOptions(format: .raw))
    var batch = LineBatch()
    guard try reader.readBatch(into: &batch, maxLines: 100), batch.count > 0 else { return }
    let columns = (0..<batch.count).map { i in batch.text(i).utf8.count { $0 == UInt8(ascii: "\t") } + 1 }
    guard let least = columns.min(), least > 1 else { return }
    throw Failure(
      .usage, file, "its lines have \(least) tab-separated columns; a text with one sentence a line is expected",
      remedy: "say with --columns which of them are sentences, as --columns 1,2")
  }

  /// For each file the share of its lines to take, so that the total is at most `lines`.
  private func lineShares(_ console: Console) throws -> [Double] {
    if lines == 0 { return files.map { _ in 1 } }
    var counts: [Double] = []
    var batch = LineBatch()
    for file in files {
      console.progress("counting \(file)")
      let reader = try LineReader(path: file, options: TextOptions(format: .raw))
      while try reader.readBatch(into: &batch, maxLines: 1 << 14, maxBytes: 1 << 22) {}
      counts.append(Double(reader.report.lines))
    }
    let powers = counts.map { pow($0, samplingExponent) }
    let total = powers.reduce(0, +)
    return zip(counts, powers).map { count, power in
      count == 0 ? 1 : min(1, Double(lines) * power / total / count)
    }
  }
}

/// The sentences of several files, of each every 1/share-th line.
private struct SentenceSource {
  let files: [String], every: [Double], columns: [Int]?
  private var file = -1, reader: LineReader?, batch = LineBatch(), line = 0
  private var debt = 0.0
  /// Sentences handed out, and those that SentencePiece will pass over.
  private(set) var sentences = 0, tooLong = 0
  private var pending: [[UInt8]] = []

  init(files: [String], every: [Double], columns: [Int]?) {
    self.files = files
    self.every = every
    self.columns = columns
  }

  mutating func next() throws(Failure) -> [UInt8]? {
    guard let sentence = try nextSentence() else { return nil }
    sentences += 1
    if sentence.count > Tokenizer.longestTrainingLine { tooLong += 1 }
    return sentence
  }

  private mutating func nextSentence() throws(Failure) -> [UInt8]? {
    while true {
      if let sentence = pending.popLast() { return sentence }
      if line >= batch.count {
        if let reader, try reader.readBatch(into: &batch, maxLines: 1 << 14, maxBytes: 1 << 22) {
          line = 0
        } else {
          file += 1
          if file >= files.count { return nil }
          reader = try LineReader(path: files[file], options: TextOptions(format: .raw))
          batch = LineBatch()
          line = 0
        }
        continue
      }
      line += 1
      debt += every[file]
      if debt < 1 { continue }
      debt -= 1
      let text = batch.text(line - 1)
      guard let columns else { return Array(text.utf8) }
      let parts = text.split(separator: "\t", omittingEmptySubsequences: false)
      for column in columns.reversed() {
        guard column <= parts.count else {
          throw Failure(
            .badData, files[file], at: "line \(batch.firstLineNumber + line - 1)",
            "has \(parts.count) columns, column \(column) is asked for", remedy: "check --columns")
        }
        pending.append(Array(parts[column - 1].utf8))
      }
    }
  }
}
