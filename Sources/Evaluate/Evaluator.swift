import Base
import Dispatch
import Encoder
import Formats
import Index
import Kernels
import Mine
import Synchronization

/// Runs the protocols: texts become embeddings here, embeddings become figures in the extensions.
///
/// One protocol runs at a time on an evaluator. Figures depend on the texts, the model and the seed alone, not on threads.
public final class Evaluator: Sendable {
  /// The model; nil where embeddings were made before.
  public let encoder: SentenceEncoder?
  /// Where searches run.
  public let compute: Compute
  private let report: @Sendable (String, Double) -> Void
  private let workers: [EncodingWorker]

  /// - Parameters:
  ///   - threads: for searches; the encoder brings its own number.
  ///   - report: called with what is being done and the share of it that is done, 0 to 1, from several threads.
  public init(
    encoder: SentenceEncoder?, threads: Int, report: @escaping @Sendable (String, Double) -> Void = { _, _ in }
  ) {
    self.encoder = encoder
    self.report = report
    compute = Compute(threads: threads)
    workers = encoder.map { encoder in (0..<encoder.threads).map { _ in EncodingWorker(encoder) } } ?? []
  }

  // MARK: Embeddings

  /// One row for each of `count` sentences.
  ///
  /// - Parameters:
  ///   - subject: what progress is reported under.
  ///   - line: the UTF-8 of a sentence; called from several threads.
  /// - Throws: `Failure(.usage)` without a model; what SentencePiece fails with; `interrupted` on a signal.
  public func encode(
    _ subject: String, count: Int, _ line: @escaping @Sendable (Int) -> [UInt8]
  ) throws(Failure) -> Tensor {
    guard let encoder else {
      throw Failure(.usage, subject, "needs a model to be encoded", remedy: "give --model, or embeddings of every text")
    }
    let piece = 256
    let chunks = try concurrentMap((count + piece - 1) / piece, threads: encoder.threads) {
      (c: Int) throws(Failure) -> TokenizedText in
      var text = TokenizedText()
      for i in c * piece..<min(count, (c + 1) * piece) {
        let bytes = line(i)
        try encoder.tokenize(unsafe bytes.span.bytes, into: &text)
      }
      return text
    }
    let window = EncodingWindow(chunks, for: encoder)
    let next = Atomic<Int>(0)
    let done = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: min(workers.count, window.batches)) { number in
      while !Interruption.requested {
        let batch = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if batch >= window.batches { return }
        let tokens = workers[number].encode(batch, of: window)
        let total = done.wrappingAdd(tokens, ordering: .relaxed).newValue
        report("encoding \(subject)", Double(total) / Double(max(window.tokens, 1)))
      }
    }
    if Interruption.requested { throw Interruption.failure(subject) }
    return window.embeddings
  }

  /// Embeddings of several texts, each measured for searching. The texts are encoded together, each sentence once.
  public func sides(_ texts: [EvaluationText], subject: String? = nil) throws(Failure) -> [EmbeddingSide] {
    var starts = [0]
    for text in texts { starts.append(starts[starts.count - 1] + text.count) }
    let places = starts
    let all = try encode(subject ?? texts.first?.path ?? "", count: places[texts.count]) { row in
      // The few texts of a call are found by looking at each.
      var number = 0
      while row >= places[number + 1] { number += 1 }
      return texts[number].line(row - places[number])
    }
    var sides: [EmbeddingSide] = []
    for (number, text) in texts.enumerated() {
      sides.append(try EmbeddingSide(all.rows(places[number]..<places[number + 1]), name: text.path, on: compute))
    }
    return sides
  }

  /// Embeddings of a text: from a file where one is named, else from the model.
  ///
  /// - Throws: `Failure` when the file's rows are not the text's lines.
  public func side(_ text: EvaluationText, embeddings: String?) throws(Failure) -> EmbeddingSide {
    guard let embeddings else { return try sides([text])[0] }
    let side = try side(embeddings: embeddings)
    guard side.rows == text.count else {
      throw Failure(
        .badData, embeddings, "has \(side.rows) rows, but \(text.path) has \(text.count) lines",
        remedy: "name the embeddings that were made from this text")
    }
    return side
  }

  /// Embeddings from a `.npy` file.
  public func side(embeddings path: String) throws(Failure) -> EmbeddingSide {
    try EmbeddingSide(EmbeddingFile(path: path), on: compute)
  }

  /// Some rows of a text's embeddings, in the given order: from a file where one is named, else from the model.
  func tensor(_ text: EvaluationText, rows: [Int], embeddings: String?) throws(Failure) -> Tensor {
    guard let embeddings else { return try encode(text.path, count: rows.count) { text.line(rows[$0]) } }
    let file = try EmbeddingFile(path: embeddings)
    guard file.rows == text.count else {
      throw Failure(
        .badData, embeddings, "has \(file.rows) rows, but \(text.path) has \(text.count) lines",
        remedy: "name the embeddings that were made from this text")
    }
    let chosen = Tensor(rows: rows.count, columns: file.columns)
    for (i, row) in rows.enumerated() {
      chosen.rows(i..<i + 1).withMutableElements { file.copyFloats(rows: row..<row + 1, into: &$0) }
    }
    return chosen
  }

  // MARK: Search

  /// The nearest k rows of each other.
  func neighbours(_ source: EmbeddingSide, _ target: EmbeddingSide, k: Int) throws(Failure) -> TwoWayNeighbours {
    let found = try ExactNeighbours(source: source, target: target, k: k).search(
      on: compute, progress: { share in report("searching \(source.name)", share) },
      shouldStop: { Interruption.requested })
    guard let found else { throw Interruption.failure(source.name) }
    return found
  }

  /// Tells what is being done.
  func tell(_ subject: String, _ share: Double) { report(subject, share) }
}
