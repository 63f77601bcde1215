import Base
import Corpus
import Dispatch
import Formats
import Kernels
import Synchronization

/// What encoding a file gave.
public struct EncodeSummary: Sendable, Codable {
  /// Rows written, which is the number of lines read.
  public var rows: Int
  /// Tokens encoded, after cutting sentences to the model's longest.
  public var tokens: Int
  /// From the first byte read to the finished file; loading the model is not counted.
  public var seconds: Double
  /// Lines a second.
  public var sentencesPerSecond: Double
  /// Tokens a second.
  public var tokensPerSecond: Double
  /// 10^9 floating-point operations a second in the layers' matrices: twice their parameters for each token.
  public var gflops: Double
  /// Lines with invalid UTF-8, which was replaced by U+FFFD.
  public var repairedLines: Int
  /// Lines over the limit of bytes, which lost their end.
  public var cutLines: Int
  /// Lines that have more tokens than the model takes: what is beyond has no part in their rows.
  public var truncatedLines: Int
  /// Tabs that became spaces.
  public var tabsReplaced: Int
  /// Carriage returns inside lines that became spaces.
  public var carriageReturns: Int
  /// Lines without any byte; each has a row all the same.
  public var emptyLines: Int
  /// Workers.
  public var threads: Int
  /// The SIMD kernels that were used.
  public var simd: String
  /// What the layers' products were computed in.
  public var compute: Arithmetic

  private enum CodingKeys: String, CodingKey {
    case rows, tokens, seconds, gflops, threads, simd, compute
    case sentencesPerSecond = "sentences_per_second"
    case tokensPerSecond = "tokens_per_second"
    case repairedLines = "repaired_lines"
    case cutLines = "cut_lines"
    case truncatedLines = "truncated_lines"
    case tabsReplaced = "tabs_replaced"
    case carriageReturns = "carriage_returns"
    case emptyLines = "empty_lines"
  }
}

/// Encodes every line of a text into one row of an embedding file.
///
/// Memory does not grow with the text: beside the model there are a few windows of lines, tokens and rows.
///
/// - Parameters:
///   - input: a file (zstd, gzip or plain), or `-` for standard input.
///   - options: what a line holds.
///   - lines: the lines to encode, from 0; nil for all. They must exist.
///   - language: what the model does with text of its language, `ModelFolder.input(for:)`.
///   - place: a line, not behind the first to encode, from which a plain text is read.
///   - output: a `.npy` file; it appears under its name when it is complete.
///   - type: the type of its elements.
///   - job: stops the work; told after every batch how far it is, from one thread at a time.
///   - subject: what is encoded, in these reports; nil for the input's name.
/// - Throws: `Failure` when the input is missing, damaged or without any line, when the output cannot be written, and (of
///   the kind `interrupted`) when the job is cancelled. There is no output then.
@discardableResult
public func encodeFile(
  input: String, options: TextOptions = TextOptions(), lines: Range<Int>? = nil, from place: LinePlace? = nil,
  encoder: SentenceEncoder, language: LanguageInput = .plain, output: String, type: EmbeddingType, job: Job = Job(),
  subject: String? = nil
) throws(Failure) -> EncodeSummary {
  precondition(place?.line ?? 0 <= lines?.lowerBound ?? 0, "reading begins behind the first line to encode")
  let reader: LineReader
  if let place {
    reader = try LineReader(path: input, options: options, from: place)
  } else {
    reader = try LineReader(path: input, options: options)
  }
  let writer = try EmbeddingFileWriter(
    path: output, columns: encoder.width, type: type, expectedRows: lines?.count)
  return try EncodePipeline(
    reader, lines, position: place?.line ?? 0, encoder, language, writer, job, subject: subject ?? input
  ).run()
}

/// Reading, tokenizing, encoding and writing side by side, without queues.
///
/// The text is cut into windows. Work goes in rounds, and in each round the workers share one list of tasks: write window
/// k-1, read window k+2, tokenize window k+1 in pieces, encode window k batch by batch. So nobody waits for a disk or for
/// the tokenizer as long as there are batches, and only at the end of a round for the last of those, which are small.
private final class EncodePipeline: @unchecked Sendable {
  // Sendable because the reader, the writer and each worker are used by one task of a round at a time, what tasks hand
  // over lies in mutexes, and the rest is changed between rounds only.
  private let reader: LineReader
  private let encoder: SentenceEncoder
  private let language: LanguageInput
  private let writer: EmbeddingFileWriter
  private let workers: [EncodingWorker]
  private let job: Job
  private let subject: String
  private let begin = ContinuousClock.now

  /// A window of text; `fraction` is the share of the input that lies before its end.
  private struct Lines: Sendable {
    var batch: LineBatch
    var fraction: Double?
    /// Ranges of lines that are tokenized in one go.
    var pieces: [Range<Int>]
  }

  private struct Tokens: Sendable {
    var window: EncodingWindow
    var fraction: Double?
  }

  /// What the tasks of a round leave for the next one.
  private struct Results: Sendable {
    var lines: Lines?
    var pieces: [TokenizedText?] = []
    var failure: Failure?
  }

  private enum Task {
    case write(EncodingWindow)
    case read
    case tokenize(Lines, piece: Int)
    case encode(Tokens, batch: Int)
  }

  private let results = Mutex(Results())
  private let stopped = Atomic<Bool>(false)
  private struct Done { var tokens = 0, windowTokens = 0, fraction = 0.0, truncated = 0 }
  private let done = Mutex(Done())

  /// Lines and bytes of a window. Rows of a window take 32 MiB at most, as far as that leaves enough lines for batches.
  private let maxLines: Int
  private static let maxBytes = 8 << 20
  private static let pieceLines = 256, pieceBytes = 1 << 16
  /// The first windows are smaller, so that there is something to encode soon.
  private var nextLines = 512
  private var atEnd = false

  /// The lines to encode, nil for all, and the number of the next line to read.
  private let lines: Range<Int>?
  private var position: Int

  init(
    _ reader: LineReader, _ lines: Range<Int>?, position: Int, _ encoder: SentenceEncoder, _ language: LanguageInput,
    _ writer: EmbeddingFileWriter, _ job: Job, subject: String
  ) {
    self.reader = reader
    self.lines = lines
    self.encoder = encoder
    self.language = language
    self.writer = writer
    self.position = position
    self.job = job
    self.subject = subject
    workers = (0..<encoder.threads).map { _ in EncodingWorker(encoder) }
    maxLines = min(8192, max(256, (32 << 20) / (4 * encoder.width)))
  }

  func run() throws(Failure) -> EncodeSummary {
    var lines: Lines?
    var tokens: Tokens?
    var encoded: EncodingWindow?
    repeat {
      var tasks: [Task] = []
      if let encoded { tasks.append(.write(encoded)) }
      if !atEnd { tasks.append(.read) }
      if let lines { for i in lines.pieces.indices { tasks.append(.tokenize(lines, piece: i)) } }
      if let tokens { for i in 0..<tokens.window.batches { tasks.append(.encode(tokens, batch: i)) } }
      results.withLock { $0 = Results(pieces: Array(repeating: nil, count: lines?.pieces.count ?? 0)) }
      perform(tasks)
      let left = results.withLock { $0 }
      if let failure = left.failure { throw failure }
      try job.check(writer.path)

      encoded = tokens?.window
      if let tokens {
        done.withLock { done in
          done.windowTokens = 0
          done.fraction = tokens.fraction ?? 0
        }
      }
      tokens = lines.map { lines in
        Tokens(window: EncodingWindow(left.pieces.compactMap { $0 }, for: encoder), fraction: lines.fraction)
      }
      lines = left.lines
      if lines == nil { atEnd = true }
      nextLines = min(2 * nextLines, maxLines)
    } while !atEnd || lines != nil || tokens != nil || encoded != nil

    guard writer.rows > 0 else {
      throw Failure(
        .badData, reader.name, "has no lines", remedy: "an embedding file needs at least one: check the input")
    }
    try writer.commit()
    let seconds = (ContinuousClock.now - begin) / .seconds(1)
    let (count, truncated) = done.withLock { ($0.tokens, $0.truncated) }
    let read = reader.report
    return EncodeSummary(
      rows: writer.rows, tokens: count, seconds: seconds, sentencesPerSecond: Double(writer.rows) / seconds,
      tokensPerSecond: Double(count) / seconds,
      gflops: 2e-9 * Double(encoder.matrixParameters) * Double(count) / seconds, repairedLines: read.repairedLines,
      cutLines: read.cutLines, truncatedLines: truncated, tabsReplaced: read.tabsReplaced,
      carriageReturns: read.carriageReturns, emptyLines: read.emptyLines, threads: encoder.threads, simd: encoder.simd,
      compute: encoder.arithmetic)
  }

  /// Runs the tasks of a round in their order, each by the next worker that is free.
  private func perform(_ tasks: [Task]) {
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: min(workers.count, tasks.count)) { worker in
      while !stopped.load(ordering: .relaxed), !job.isCancelled {
        let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if i >= tasks.count { return }
        do throws(Failure) {
          try perform(tasks[i], workers[worker])
        } catch {
          results.withLock { if $0.failure == nil { $0.failure = error } }
          stopped.store(true, ordering: .relaxed)
        }
      }
    }
  }

  private func perform(_ task: Task, _ worker: EncodingWorker) throws(Failure) {
    switch task {
    case .write(let window): try write(window)
    case .read:
      let lines = try read()
      results.withLock { $0.lines = lines }
    case .tokenize(let lines, let piece):
      var sentences = SentenceTexts()
      for i in lines.pieces[piece] {
        encoder.add(unsafe lines.batch[i].bytes, input: language, to: &sentences)
      }
      var text = TokenizedText()
      try encoder.tokenize(sentences, into: &text)
      let truncated = text.truncated
      done.withLock { $0.truncated += truncated }
      results.withLock { $0.pieces[piece] = text }
    case .encode(let tokens, let batch):
      let count = worker.encode(batch, of: tokens.window)
      done.withLock { done in
        done.tokens += count
        done.windowTokens += count
        var share: Double?
        if let end = tokens.fraction {
          share = done.fraction + (end - done.fraction) * Double(done.windowTokens) / Double(tokens.window.tokens)
        }
        let rate = Double(done.tokens) / ((ContinuousClock.now - begin) / .seconds(1))
        job.report("encoding \(subject): \(done.tokens) tokens, \(Int(rate)) tokens/s", share)
      }
    }
  }

  private func write(_ window: EncodingWindow) throws(Failure) {
    var failure: Failure?
    window.embeddings.withElements { elements in
      do throws(Failure) { try writer.append(elements) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// The next window, nil at the end.
  private func read() throws(Failure) -> Lines? {
    var batch = LineBatch()
    if let lines {
      while position < lines.lowerBound {
        guard try reader.readBatch(into: &batch, maxLines: min(1 << 14, lines.lowerBound - position)) else { break }
        position += batch.count
        try job.check(writer.path)
      }
      if position >= lines.upperBound { return nil }
    }
    let limit = min(nextLines, (lines?.upperBound ?? .max) - position)
    guard try reader.readBatch(into: &batch, maxLines: limit, maxBytes: Self.maxBytes) else { return nil }
    position += batch.count
    let fraction = lines.map { Double(position - $0.lowerBound) / Double($0.count) } ?? reader.progressFraction
    var pieces: [Range<Int>] = []
    var start = 0
    var bytes = 0
    for i in 0..<batch.count {
      bytes += batch[i].count
      if i + 1 - start == Self.pieceLines || bytes >= Self.pieceBytes || i + 1 == batch.count {
        pieces.append(start..<i + 1)
        start = i + 1
        bytes = 0
      }
    }
    return Lines(batch: batch, fraction: fraction, pieces: pieces)
  }
}
