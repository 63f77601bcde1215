import Base
import Corpus
import Encoder
import Foundation
import Kernels

/// Says nothing: the trainers of all ranks but the first.
private struct Silence: TrainingObserver {
  func say(_ line: String) {}
  func progress(_ line: String) {}
}

/// Where a trainer's words go.
public protocol TrainingObserver {
  /// A line for people.
  func say(_ line: String)
  /// A line that replaces the last progress line.
  func progress(_ line: String)
}

/// What a run did, for `--json`.
public struct TrainingSummary: Codable, Sendable {
  /// Steps taken in all.
  public var steps: Int
  /// Processes that trained together.
  public var ranks: Int
  /// Of the last step.
  public var loss: Double
  /// Pairs trained on a second, since this run of the command began; of all ranks.
  public var pairs_per_second: Double
  /// Tokens of both sides a second, likewise.
  public var tokens_per_second: Double
  /// In matrix products, as in the benchmarks.
  public var gflops: Double
  /// Seconds of training in this process.
  public var seconds: Double
  /// The step whose model is `best/`, and what decided it (a loss or an accuracy).
  public var best_step: Int?
  /// See `best_step`.
  public var best_value: Double?
  /// Whether a signal ended the run early.
  public var interrupted: Bool
}

/// Trains a model from a configuration to a model folder, alone or together with other processes.
///
/// What comes before the first step is here; the steps are `TrainingRun`'s. All ranks draw the same batches and hold the
/// same parameters; each computes its part of a batch, the gradients are summed, and each takes the same optimiser step.
/// Rank 0 alone writes files and speaks.
public final class Trainer {
  private let configuration: TrainingConfiguration
  private let modelConfiguration: Configuration
  private let tokenizer: Tokenizer
  /// What cuts the text into words first; nil for nothing.
  private let words: WordSplitters?
  private let compute: Compute
  private let threads: Int
  private let folder: RunFolder
  private let observer: any TrainingObserver
  private let peers: Peers
  private let job: Job

  /// - Parameters:
  ///   - threads: that this process may use
  ///   - communicator: the ranks of the run
  ///   - job: says between steps whether to stop
  /// - Throws: `Failure` when the tokenizer and the model do not fit.
  public init(
    _ configuration: TrainingConfiguration, threads: Int, observer: any TrainingObserver,
    communicator: any Communicator = Alone(), job: Job = Job()
  ) throws(Failure) {
    self.configuration = configuration
    self.threads = threads
    self.job = job
    peers = Peers(communicator)
    self.observer = peers.leads ? observer : Silence()
    guard let compute = Compute(threads: threads, simd: nil, precision: configuration.precision) else {
      throw Failure(
        .badData, configuration.file, at: "precision", "this processor has no bfloat16 products",
        remedy: "set precision: float32")
    }
    self.compute = compute
    folder = RunFolder(path: configuration.output)
    tokenizer = try Tokenizer(path: configuration.tokenizer)
    var model = configuration.model
    if model.vocabSize == 0 { model.vocabSize = tokenizer.vocabSize }
    guard model.vocabSize == tokenizer.vocabSize else {
      throw Failure(
        .badData, configuration.file, at: "model.vocab_size",
        "is \(model.vocabSize), but \(configuration.tokenizer) has \(tokenizer.vocabSize) pieces",
        remedy: "leave vocab_size out or correct it")
    }
    model.languages = configuration.languages
    model.numLanguages = configuration.languages.count
    try model.check(file: configuration.file)
    words = try Self.splitters(configuration, &model)
    guard tokenizer.languages.isEmpty || tokenizer.languages == model.languages else {
      throw Failure(
        .badData, configuration.file, at: "model.languages",
        "are \(model.languages.joined(separator: ", ")), but the tokenizer's <2xx> pieces are "
          + tokenizer.languages.joined(separator: ", "),
        remedy: "list the tokenizer's languages in their order")
    }
    modelConfiguration = model
  }

  /// What cuts the training text into words: as the recipe says, else as the initial model's text was; nil for nothing.
  private static func splitters(
    _ configuration: TrainingConfiguration, _ model: inout Configuration
  ) throws(Failure) -> WordSplitters? {
    let start = try configuration.initial.map { path throws(Failure) in
      try Configuration(path: "\(path)/\(ModelFolder.File.configuration)")
    }
    if let start, let wanted = configuration.pretokenizer, wanted != start.pretokenizer {
      throw Failure(
        .badData, configuration.file, at: "model.pretokenizer",
        "is \(wanted.rawValue), but the initial model's is \(start.pretokenizer.rawValue)",
        remedy: "leave it out: a model goes on with the input that it knows")
    }
    if let wanted = configuration.pretokenizer {
      model.pretokenizer = wanted
    } else if let start {
      model.pretokenizer = start.pretokenizer
    }
    var dictionary = configuration.jieba
    guard model.pretokenizer != .none else {
      guard dictionary == nil else {
        throw Failure(
          .badData, configuration.file, at: "model.jieba", "is of no use to a model whose text is not cut into words",
          remedy: "add pretokenizer: moses")
      }
      return nil
    }
    if dictionary == nil, let initial = configuration.initial { dictionary = ModelFolder.dictionary(in: initial) }
    return WordSplitters(dictionary: dictionary)
  }

  /// Trains to the end, to `steps` steps, or until the process is asked to stop.
  ///
  /// - Parameters:
  ///   - resume: continue from the newest checkpoint if there is one; otherwise the run folder must be new.
  ///   - steps: stop when this many steps have been taken in all; the schedule is still the configuration's.
  /// - Throws: `Failure` for bad data, a full disk, a loss that is not finite or runs away, or a rank that has gone.
  public func run(resume: Bool, steps limit: Int? = nil) throws(Failure) -> TrainingSummary {
    guard peers.size <= configuration.batchPairs else {
      throw Failure(
        .usage, configuration.file, at: "batch_pairs",
        "is \(configuration.batchPairs), too few for \(peers.size) processes", remedy: "start fewer processes")
    }
    var lock: FileLock?
    defer { withExtendedLifetime(lock) {} }
    if peers.leads {
      if !resume, !folder.list().isEmpty || FileManager.default.fileExists(atPath: folder.metrics) {
        throw Failure(
          .io, folder.path, "holds a training run already",
          remedy: "add --resume to continue it, or name another output")
      }
      lock = try folder.create()
    }
    let data = try openData()
    let heads = configuration.objectives.heads(teacherWidth: data.teachers.width)
    let modelConfiguration = try finalConfiguration(teacherWidth: data.teachers.width)
    let model = TrainingModel(modelConfiguration, heads: heads, on: compute)
    let run = TrainingRun(
      configuration, model, data, tokenizer: tokenizer, dictionary: words?.dictionaryPath, folder: folder, peers: peers,
      observer: observer, on: compute)
    try checkPeers(run.fingerprint)
    if try !run.restore(resume: resume) {
      if peers.leads {
        try Initialization(configuration: configuration, tokenizer: tokenizer, observer: observer)
          .fill(model.parameters, teachers: data.teachers, on: compute)
      }
      try peers.broadcast(model.parameters.block)
      try run.begin()
      if peers.leads { try copyConfiguration() }
    }
    return try run.train(limit: limit, job: job)
  }

  /// The model that comes out, once the teacher's width is known.
  private func finalConfiguration(teacherWidth: Int?) throws(Failure) -> Configuration {
    guard let following = configuration.objectives.distillation, let teacherWidth else { return modelConfiguration }
    var model = modelConfiguration
    if following.head == .principal, model.hiddenSize > teacherWidth {
      throw Failure(
        .badData, configuration.file, at: "distillation.head",
        "is principal, but the teacher's rows have only \(teacherWidth) elements for a hidden_size of \(model.hiddenSize)",
        remedy: "use head: linear, or a hidden_size of at most \(teacherWidth)")
    }
    if following.keepsProjection { model.projectionSize = teacherWidth }
    return model
  }

  // MARK: several processes

  /// Different settings, data or arithmetic would let the ranks' parameters drift apart.
  private func checkPeers(_ fingerprint: String) throws(Failure) {
    for (rank, other) in try peers.gather(fingerprint).enumerated() where other != fingerprint {
      throw Failure(
        .badData, configuration.file, "rank \(rank) has another configuration or other data than rank \(peers.rank)",
        remedy: "the recipe, output and data must be the same files on every machine of the run")
    }
    let sets = try peers.gather(compute.simd)
    if let rank = sets.firstIndex(where: { $0 != compute.simd }) {
      throw Failure(
        .usage, "rank \(rank)", "computes with \(sets[rank]), rank \(peers.rank) with \(compute.simd)",
        remedy: "set EMS_SIMD to what all machines have (generic, avx2, avx512)")
    }
  }

  // MARK: before the first step

  private func openData() throws(Failure) -> TrainingData {
    // Rank 0 makes the caches, the others open them when they are there.
    if !peers.leads { try peers.meet() }
    let data = try TrainingData.open(
      configuration, model: modelConfiguration, tokenizer: tokenizer, words: words, folder: folder.cache,
      made: !peers.leads, observer: observer, on: compute, job: job)
    if peers.leads { try peers.meet() }
    return data
  }

  private func copyConfiguration() throws(Failure) {
    guard let data = FileManager.default.contents(atPath: configuration.file) else { return }
    let output = try OutputFile(path: "\(folder.path)/config.yaml")
    try output.write(String(decoding: data, as: UTF8.self))
    try output.commit()
  }
}

/// `1 h 02 min`, `3 min 05 s` or `12 s`.
func duration(_ seconds: Double) -> String {
  let s = Int(seconds.rounded())
  if s >= 3600 { return String(format: "%d h %02d min", s / 3600, s % 3600 / 60) }
  if s >= 60 { return String(format: "%d min %02d s", s / 60, s % 60) }
  return "\(s) s"
}
