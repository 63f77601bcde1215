import Base
import Corpus
import Dispatch
import Kernels
import Synchronization

/// Turns sentences into embeddings: a model with its weights in memory.
///
/// The embedding of a sentence is a function of the sentence and the model alone. Which sentences share its batch, how
/// large batches are, and how many threads work changes no bit of it.
public final class SentenceEncoder: Sendable {
  /// The model.
  public let model: ModelFolder
  /// How many workers encode side by side, at least 1.
  public let threads: Int
  /// The most tokens of a batch, except for a batch of one longer sentence.
  public let batchTokens: Int
  /// The name of the SIMD kernels in use.
  public let simd: String
  /// What the layers' products are computed in.
  public let arithmetic: Arithmetic
  /// What goes before every sentence; empty for nothing.
  public let prompt: String
  private let promptBytes: [UInt8]
  let weights: InferenceWeights

  /// The batch size that is fastest on the machines it was measured on (Benchmarks/README.md): with wide layers, small
  /// batches already keep the matrix product busy, and their activations stay in cache.
  public static func defaultBatchTokens(width: Int) -> Int { width >= 512 ? 1024 : 2048 }

  /// An LSTM takes one product a step over the sentences of a batch, so that it wants many of them.
  static func defaultBatchTokens(_ configuration: Configuration) -> Int {
    configuration.layout.lstmInputSize == nil ? defaultBatchTokens(width: configuration.hiddenSize) : 4096
  }

  /// Reads a model's weights.
  ///
  /// - Parameters:
  ///   - threads: at least 1.
  ///   - batchTokens: at least 1; nil for the default of the model's width.
  ///   - prompt: the name of one of the model's prompts; nil for the model's default, which may be none.
  ///   - arithmetic: what the layers' products are computed in; nil for int8 if the model is stored so, else float32.
  /// - Throws: `Failure` when the model has no such prompt, the weights cannot be read, or the processor lacks the arithmetic.
  public init(
    _ model: ModelFolder, threads: Int, batchTokens: Int? = nil, prompt: String? = nil, arithmetic: Arithmetic? = nil
  ) throws(Failure) {
    precondition(threads >= 1 && batchTokens ?? 1 >= 1)
    self.model = model
    self.threads = threads
    self.prompt = try model.prompt(prompt)
    promptBytes = Array(self.prompt.utf8)
    self.batchTokens = batchTokens ?? Self.defaultBatchTokens(model.configuration)
    let compute = Compute(threads: threads)
    simd = compute.simd
    self.arithmetic = arithmetic ?? (model.configuration.quantization == .int8 ? .int8 : .float32)
    guard compute.supports(self.arithmetic) else {
      throw Failure(
        .usage, model.path, "cannot be computed in \(self.arithmetic): this processor has no instructions for it",
        remedy: "take int8 or float32")
    }
    weights = try InferenceWeights(model, arithmetic: self.arithmetic, on: compute)
  }

  /// D, the number of elements of an embedding.
  public var width: Int { model.configuration.embeddingSize }

  /// The number of parameters in the layers' matrices. A token takes two floating-point operations for each.
  public var matrixParameters: Int {
    let (d, f) = (model.configuration.hiddenSize, model.configuration.intermediateSize)
    if let inputs = model.configuration.layout.lstmInputSize {
      return 4 * d
        * (inputs + (model.configuration.numHiddenLayers - 1) * d + model.configuration.numHiddenLayers * d / 2)
    }
    return model.configuration.numHiddenLayers * (4 * d * d + 2 * d * f)
  }

  /// Adds a sentence to those that `tokenize` is given, behind the prompt.
  ///
  /// - Parameter input: what the model does with text of its language, `ModelFolder.input(for:)`.
  public func add(_ sentence: RawSpan, input: LanguageInput = .plain, to texts: inout SentenceTexts) {
    texts.append(sentence, behind: promptBytes, input: input)
  }

  /// Appends the tokens of sentences, each cut to the model's longest.
  ///
  /// - Parameter sentences: as `add` made them.
  /// - Throws: `Failure` when a sentence cannot be cut into tokens, and `.usage` when the model cuts text into words and a
  ///   sentence came without what does so.
  public func tokenize(_ sentences: SentenceTexts, into text: inout TokenizedText) throws(Failure) {
    if model.words != nil, !sentences.allHaveWords { throw model.needsLanguage }
    let configuration = model.configuration
    try model.tokenizer.encode(
      sentences, lowercase: configuration.lowercase, limit: configuration.maxPositionEmbeddings, into: &text)
  }

  /// Embeddings of a few sentences, [count, D]. Texts of millions of lines are for `encodeFile`.
  ///
  /// - Parameter input: what the model does with text of their language, as for `add`.
  /// - Throws: `Failure` when a sentence cannot be cut into tokens; of the kind `interrupted` when the job is cancelled.
  public func encode(
    _ sentences: [String], input: LanguageInput = .plain, job: Job = Job(), subject: String = "sentences"
  ) throws(Failure) -> Tensor {
    try encode(count: sentences.count, job: job, subject: subject, input: { _ in input }) {
      Array(sentences[$0].utf8)
    }
  }

  /// Embeddings of sentences that are in memory, [count, D].
  ///
  /// - Parameters:
  ///   - job: stops the work; told how far it is, from several threads.
  ///   - subject: what is encoded, in these reports and in a failure.
  ///   - input: what the model does with text of sentence i's language, as for `add`; called from several threads.
  ///   - sentence: the UTF-8 of sentence i, 0 ..< count; called from several threads.
  /// - Throws: `Failure` when a sentence cannot be cut into tokens; of the kind `interrupted` when the job is cancelled.
  public func encode(
    count: Int, job: Job = Job(), subject: String, input: @escaping @Sendable (Int) -> LanguageInput = { _ in .plain },
    _ sentence: @escaping @Sendable (Int) -> [UInt8]
  ) throws(Failure) -> Tensor {
    let piece = 256
    let chunks = try concurrentMap((count + piece - 1) / piece, threads: threads) {
      (c: Int) throws(Failure) -> TokenizedText in
      var texts = SentenceTexts()
      for i in c * piece..<min(count, (c + 1) * piece) {
        let bytes = sentence(i)
        self.add(unsafe bytes.span.bytes, input: input(i), to: &texts)
      }
      var text = TokenizedText()
      try self.tokenize(texts, into: &text)
      return text
    }
    let window = EncodingWindow(chunks, for: self)
    let workers = (0..<min(threads, max(window.batches, 1))).map { _ in EncodingWorker(self) }
    let next = Atomic<Int>(0)
    let done = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: workers.count) { i in
      while !job.isCancelled {
        let batch = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if batch >= window.batches { return }
        let tokens = workers[i].encode(batch, of: window)
        let total = done.wrappingAdd(tokens, ordering: .relaxed).newValue
        job.report("encoding \(subject)", Double(total) / Double(max(window.tokens, 1)))
      }
    }
    try job.check(subject)
    return window.embeddings
  }
}

/// What one thread needs to encode: buffers for a batch, which are kept from one batch to the next.
public final class EncodingWorker: @unchecked Sendable {
  // Sendable to be handed to a thread; one thread uses it at a time.
  private let encoder: SentenceEncoder
  private let compute = Compute(threads: 1)
  private var pass: InferencePass
  private var capacity: Int
  private var u: Tensor

  /// A worker without any batch yet.
  public init(_ encoder: SentenceEncoder) {
    self.encoder = encoder
    capacity = 0
    pass = InferencePass(encoder.weights, capacity: 0, on: compute)
    u = Tensor(rows: 0, columns: encoder.width)
  }

  /// Encodes one batch of a window into the window's rows.
  ///
  /// - Returns: the number of tokens.
  @discardableResult
  public func encode(_ batch: Int, of window: EncodingWindow) -> Int {
    let sentences = window.plan.sentences(batch)
    var ids: [Int32] = []
    var starts = [0]
    starts.reserveCapacity(sentences.count + 1)
    ids.reserveCapacity(encoder.batchTokens)
    for sentence in sentences {
      let place = window.places[sentence]
      let chunk = window.chunks[Int(place.chunk)]
      ids.append(contentsOf: chunk.ids[chunk.starts[Int(place.index)]..<chunk.starts[Int(place.index) + 1]])
      starts.append(ids.count)
    }
    let tokens = ids.count
    if tokens > capacity {
      // The usual capacity at once; only a sentence longer than a batch asks for more.
      capacity = max(tokens, min(encoder.batchTokens, window.tokens))
      pass = InferencePass(encoder.weights, capacity: capacity, on: compute)
    }
    if sentences.count > u.rows { u = Tensor(rows: sentences.count, columns: encoder.width) }
    let rows = u.prefix(sentences.count)
    pass.encode(TokenBatch(ids: ids, segments: Segments(starts: starts)), into: rows)
    for (i, sentence) in sentences.enumerated() {
      window.embeddings.rows(sentence..<sentence + 1).copy(from: rows.rows(i..<i + 1))
    }
    return tokens
  }
}
