import Base
import Corpus
import Encoder
import Formats
import Foundation
import Kernels

/// Has a model folder make the teacher's rows of a run: once, into the run's cache, and resumed where it was stopped.
struct TeacherEncoding {
  let model: String
  /// The run's cache.
  let folder: String
  let observer: any TrainingObserver
  let threads: Int
  let job: Job

  /// Sentences whose rows are written as one file while the work goes on.
  private static let block = 1 << 15

  /// The rows of the distinct targets (or sentences alone) of some corpora.
  ///
  /// - Parameter made: whether another process makes them
  /// - Throws: `Failure` when the teacher does not know a language, or the work was interrupted.
  func rows(of corpora: [TrainingCorpus], made: Bool) throws(Failure) -> TeacherFile {
    let teacher = try ModelFolder(path: model)
    let known = teacher.configuration.languages
    for corpus in corpora {
      let language = corpus.target ?? corpus.source
      guard known.isEmpty || known.contains(language.code) else {
        throw Failure(
          .badData, model, "does not know \(language.code), the language that it is to encode of \(corpus.path)",
          remedy: "it knows \(known.joined(separator: ", ")): swap the sides, or take another teacher")
      }
    }
    var input = LanguageInput.plain
    var identity: [String] = []
    if teacher.readsLanguages {
      // All sentences go into one text, so that they must be of one language.
      let codes = Set(corpora.map { ($0.target ?? $0.source).code }).sorted()
      guard codes.count <= 1 else {
        throw Failure(
          .badData, model,
          "treats text by its language, but is to encode several: \(codes.joined(separator: ", "))",
          remedy: "give the rows as files (embeddings), made by `ems encode` language by language")
      }
      input = try teacher.input(for: codes.first)
      identity = [input.words?.name ?? codes.first ?? ""]
    }
    for name in ModelFolder.decidingFiles(in: model) {
      identity.append(try FileHashes.digest(MappedFile(path: "\(model)/\(name)"), threads: threads))
    }
    for corpus in corpora {
      identity.append("\(corpus.target == nil)")
      identity.append(try FileHashes.digest(MappedFile(path: corpus.path), threads: threads))
    }
    let key = String(Hash128(Array(identity.joined(separator: " ").utf8).span).low, radix: 16)
    let base = "\(folder)/teacher-\(key)"
    let file = TeacherFile(rows: "\(base).npy", lines: "\(base).txt")
    if FileManager.default.fileExists(atPath: file.rows) { return file }
    guard !made else {
      throw Failure(
        .missingInput, file.rows, "is not here, although rank 0 made it",
        remedy: "output and data must be the same files on every machine of the run")
    }
    if !FileManager.default.fileExists(atPath: "\(base).txt") { try collect(corpora, into: "\(base).txt") }
    try encode(teacher, input, "\(base).txt", base)
    return file
  }

  /// Writes the distinct sentences in the order in which they first come.
  private func collect(_ corpora: [TrainingCorpus], into path: String) throws(Failure) {
    let output = try OutputFile(path: path)
    var seen = Set<Hash128>()
    func write(_ sentence: Span<UInt8>) throws(Failure) {
      guard seen.insert(Hash128(sentence)).inserted else { return }
      try unsafe output.write(sentence.bytes)
      try output.write("\n")
    }
    for corpus in corpora {
      let reader = try CorpusReader(corpus)
      var batch = CorpusBatch(corpus)
      while try reader.next(into: &batch) {
        for i in 0..<batch.count {
          if batch.isAlone { try write(batch.source(i)) } else { try write(batch.target(i)) }
        }
      }
    }
    try output.commit()
  }

  private func encode(_ teacher: ModelFolder, _ input: LanguageInput, _ text: String, _ base: String) throws(Failure) {
    let encoder = try SentenceEncoder(teacher, threads: threads)
    let reader = try LineReader(path: text, options: TextOptions(format: .raw))
    var batch = LineBatch()
    var sentences: [String] = []
    var parts: [String] = [], done = 0
    func flush() throws(Failure) {
      let path = "\(base).part-\(parts.count).npy"
      parts.append(path)
      done += sentences.count
      defer { sentences.removeAll(keepingCapacity: true) }
      if FileManager.default.fileExists(atPath: path) { return }
      if job.isCancelled {
        throw Failure(
          .interrupted, base, "stopped while the teacher encodes, after \(done - sentences.count) sentences",
          remedy: "--resume continues from there")
      }
      let rows = try encoder.encode(sentences, input: input)
      let writer = try EmbeddingFileWriter(path: path, columns: encoder.width, type: .float16)
      try rows.withRows { (values) throws(Failure) in try writer.append(values) }
      try writer.commit()
      observer.progress("the teacher has encoded \(done) sentences")
    }
    while try reader.readBatch(into: &batch, maxLines: 1 << 12, maxBytes: 1 << 22) {
      for i in 0..<batch.count {
        sentences.append(batch.text(i))
        if sentences.count == Self.block { try flush() }
      }
    }
    if !sentences.isEmpty { try flush() }
    let writer = try EmbeddingFileWriter(path: "\(base).npy", columns: encoder.width, type: .float16)
    for part in parts {
      let file = try EmbeddingFile(path: part)
      let values = file.floats(rows: 0..<file.rows)
      try writer.append(values.span)
    }
    try writer.commit()
    for part in parts { try? FileManager.default.removeItem(atPath: part) }
    observer.say("the teacher \(model) has encoded \(done) sentences")
  }
}

extension Tensor {
  /// All elements, for the duration of a body that may fail.
  func withRows(_ body: (Span<Float>) throws(Failure) -> Void) throws(Failure) {
    var failure: Failure?
    withElements { elements in
      do throws(Failure) { try body(elements) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
