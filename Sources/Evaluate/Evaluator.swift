import Base
import Corpus
import Encoder
import Formats
import Index
import Kernels
import Mine

/// Runs the protocols: texts become embeddings here, embeddings become figures in the extensions.
///
/// One protocol runs at a time on an evaluator. Figures depend on the texts, the model and the seed alone, not on threads.
public final class Evaluator: Sendable {
  /// The model; nil where embeddings were made before.
  public let encoder: SentenceEncoder?
  /// Where searches run.
  public let compute: Compute
  /// Stops the work, and is told what is being done.
  public let job: Job

  /// - Parameters:
  ///   - threads: for searches; the encoder brings its own number.
  ///   - job: stops the work, and is told what is being done.
  public init(encoder: SentenceEncoder?, threads: Int, job: Job = Job()) {
    self.encoder = encoder
    self.job = job
    compute = Compute(threads: threads)
  }

  // MARK: Embeddings

  /// One row for each of `count` sentences.
  ///
  /// - Parameters:
  ///   - subject: what progress is reported under.
  ///   - language: the code of their language, nil if unknown.
  ///   - line: the UTF-8 of a sentence; called from several threads.
  /// - Throws: `Failure(.usage)` without a model, and without a language where the model must know it; what SentencePiece fails with; `interrupted` when the job is cancelled.
  public func encode(
    _ subject: String, count: Int, language: String?, _ line: @escaping @Sendable (Int) -> [UInt8]
  ) throws(Failure) -> Tensor {
    let encoder = try model(for: subject)
    let input = try input(encoder, language, subject)
    return try encoder.encode(count: count, job: job, subject: subject, input: { _ in input }, line)
  }

  private func model(for subject: String) throws(Failure) -> SentenceEncoder {
    guard let encoder else {
      throw Failure(.usage, subject, "needs a model to be encoded", remedy: "give --model, or embeddings of every text")
    }
    return encoder
  }

  private func input(
    _ encoder: SentenceEncoder, _ language: String?, _ subject: String
  ) throws(Failure) -> LanguageInput {
    do {
      return try encoder.model.input(for: language)
    } catch {
      guard language == nil else { throw error }
      throw Failure(
        .usage, subject,
        "is of a language that was not named, and \(encoder.model.path) cuts text into words by its language",
        remedy: "give --source-language and --target-language, or source_language and target_language in a suite")
    }
  }

  /// Embeddings of several texts, each measured for searching. The texts are encoded together, each sentence once.
  public func sides(_ texts: [EvaluationText], subject: String? = nil) throws(Failure) -> [EmbeddingSide] {
    var starts = [0]
    for text in texts { starts.append(starts[starts.count - 1] + text.count) }
    let places = starts
    // The few texts of a call are found by looking at each.
    @Sendable func number(_ row: Int) -> Int {
      var number = 0
      while row >= places[number + 1] { number += 1 }
      return number
    }
    let name = subject ?? texts.first?.path ?? ""
    let encoder = try model(for: name)
    var inputs: [LanguageInput] = []
    for text in texts { inputs.append(try input(encoder, text.language, text.path)) }
    let known = inputs
    let all = try encoder.encode(
      count: places[texts.count], job: job, subject: name, input: { known[number($0)] }
    ) { row in
      let text = number(row)
      return texts[text].line(row - places[text])
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
    guard let embeddings else {
      return try encode(text.path, count: rows.count, language: text.language) { text.line(rows[$0]) }
    }
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
      on: compute, job: job, subject: "searching \(source.name)")
    guard let found else { throw Interruption.failure(source.name) }
    return found
  }

  /// Tells what is being done.
  func tell(_ subject: String, _ share: Double) { job.report(subject, share) }
}
