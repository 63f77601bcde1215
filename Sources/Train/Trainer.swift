import Base
import Corpus
import Encoder
import Foundation
import Kernels

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
  /// Of the last step.
  public var loss: Double
  /// Pairs trained on a second, in this process.
  public var pairs_per_second: Double
  /// Tokens of both sides a second, in this process.
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

/// Trains a model from a configuration to a model folder.
public final class Trainer {
  private let configuration: TrainingConfiguration
  private let modelConfiguration: Configuration
  private let tokenizer: Tokenizer
  private let compute: Compute
  private let threads: Int
  private let folder: RunFolder
  private let observer: any TrainingObserver

  /// - Throws: `Failure` when the tokenizer and the model do not fit.
  public init(
    _ configuration: TrainingConfiguration, threads: Int, observer: any TrainingObserver
  ) throws(Failure) {
    self.configuration = configuration
    self.threads = threads
    self.observer = observer
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
    guard tokenizer.languages.isEmpty || tokenizer.languages == model.languages else {
      throw Failure(
        .badData, configuration.file, at: "model.languages",
        "are \(model.languages.joined(separator: ", ")), but the tokenizer's <2xx> pieces are "
          + tokenizer.languages.joined(separator: ", "),
        remedy: "list the tokenizer's languages in their order")
    }
    modelConfiguration = model
  }

  /// Trains to the end, to `steps` steps, or until the process is asked to stop.
  ///
  /// - Parameters:
  ///   - resume: continue from the newest checkpoint if there is one; otherwise the run folder must be new.
  ///   - steps: stop when this many steps have been taken in all; the schedule is still the configuration's.
  /// - Throws: `Failure` for bad data, a full disk, or a loss that is not finite or runs away.
  public func run(resume: Bool, steps limit: Int? = nil) throws(Failure) -> TrainingSummary {
    if !resume, !folder.list().isEmpty || FileManager.default.fileExists(atPath: folder.metrics) {
      throw Failure(
        .io, folder.path, "holds a training run already", remedy: "add --resume to continue it, or name another output")
    }
    try folder.create()
    let caches = try prepareData()
    let model = TrainingModel(modelConfiguration, on: compute)
    var adam = Adam(
      count: model.parameters.block.count, weightDecay: configuration.weightDecay,
      decoupled: configuration.decoupledWeightDecay)
    let fingerprint = configuration.fingerprint + ", data: \(caches.map { "\($0.corpus.path) \($0.digest)" })"
    let (validation, reserved) = heldOut(caches)
    let sampler = Sampler(
      sizes: caches.map(\.count), weights: configuration.data.map(\.weight), exponent: configuration.samplingExponent,
      reserved: reserved, seed: configuration.seed, batch: configuration.batchPairs, pool: configuration.lengthPool,
      lengths: { caches[$0].length($1) })

    var state: RunFolder.State
    if resume, let saved = try folder.restore(model, &adam, fingerprint: fingerprint) {
      guard sampler.accepts(saved.sampler), saved.step >= 0, saved.step <= saved.totalSteps else {
        throw Failure(
          .badData, "\(folder.list().last?.path ?? folder.path)/state.json", "is not what was written there",
          remedy: "delete that checkpoint and resume again")
      }
      state = saved
      sampler.restore(saved.sampler)
      observer.say("continuing after step \(saved.step) of \(saved.totalSteps)")
    } else {
      try initialize(model)
      let seconds = measureStep(model, sampler, caches)
      let total = totalSteps(caches, secondsPerStep: seconds)
      state = RunFolder.State(
        fingerprint: fingerprint, step: 0, totalSteps: total, sampler: sampler.checkpoint, seconds: 0)
      announce(caches, model, sampler, total: total, secondsPerStep: seconds)
      try copyConfiguration()
    }
    try folder.truncateMetrics(after: state.step)
    return try train(&state, model, &adam, sampler, caches, validation, limit: limit)
  }

  // MARK: before the first step

  private func prepareData() throws(Failure) -> [TokenCache] {
    let forbidden = try ForbiddenSentences(configuration.decontaminate)
    if !forbidden.isEmpty { observer.say("\(forbidden.count) test sentences must not occur in training") }
    var caches: [TokenCache] = []
    for corpus in configuration.data {
      observer.progress("reading \(corpus.path)")
      let cache = try TokenCache.open(
        corpus, tokenizer: tokenizer, configuration: modelConfiguration, forbidden: forbidden, folder: folder.cache,
        threads: threads)
      caches.append(cache)
    }
    var total = PreparationReport()
    for cache in caches {
      total.lines += cache.report.lines
      total.kept += cache.report.kept
      total.oneSided += cache.report.oneSided
      total.duplicates += cache.report.duplicates
      total.excluded += cache.report.excluded
      total.contaminated += cache.report.contaminated
      total.tokens += cache.report.tokens
    }
    observer.say(
      "\(caches.count) corpora, \(total.lines) lines: \(total.kept) pairs kept (\(total.tokens) tokens), left out: "
        + "\(total.duplicates) duplicates, \(total.contaminated) with a side in the test files, "
        + "\(total.excluded) of excluded origins, \(total.oneSided) one-sided")
    return caches
  }

  /// Pairs for validation, in batches, and their numbers by corpus.
  private func heldOut(_ caches: [TokenCache]) -> (batches: [[TrainingBatch]], reserved: [Set<Int>]) {
    var batches: [[TrainingBatch]] = [], reserved: [Set<Int>] = []
    for (c, cache) in caches.enumerated() {
      let count = min(configuration.validationPairs, cache.count / 10)
      let order = Permutation(count: cache.count, key: mix(configuration.seed ^ 0x0a11_da7e))
      let chosen = (0..<count).map { order[$0] }
      reserved.append(Set(chosen))
      if chosen.isEmpty { continue }
      batches.append(
        stride(from: 0, to: count, by: 128).map { start in
          makeBatch(chosen[start..<min(count, start + 128)].map { (c, $0) }, caches)
        })
    }
    return (batches, reserved)
  }

  private func makeBatch(_ pairs: [(corpus: Int, pair: Int)], _ caches: [TokenCache]) -> TrainingBatch {
    var sources: [[Int32]] = [], targets: [[Int32]] = []
    var sourceLanguages: [Int32] = [], targetLanguages: [Int32] = []
    func row(_ language: Language) -> Int32 { Int32(configuration.languages.firstIndex(of: language.code) ?? 0) }
    let rows = caches.map { (row($0.corpus.source), row($0.corpus.target)) }
    for (corpus, pair) in pairs {
      let (source, target) = caches[corpus].pair(pair)
      sources.append(source)
      targets.append(target)
      sourceLanguages.append(rows[corpus].0)
      targetLanguages.append(rows[corpus].1)
    }
    var batch = TrainingBatch(
      sources: sources, targets: targets, sourceLanguages: sourceLanguages, targetLanguages: targetLanguages)
    if configuration.objectives.maskDuplicates {
      batch.sourceGroups = groups(sources)
      batch.targetGroups = groups(targets)
    }
    return batch
  }

  /// Equal numbers for equal sentences.
  private func groups(_ sentences: [[Int32]]) -> [Int32] {
    var numbers: [[Int32]: Int32] = [:]
    return sentences.map { sentence in
      if let known = numbers[sentence] { return known }
      let next = Int32(numbers.count)
      numbers[sentence] = next
      return next
    }
  }

  private func initialize(_ model: TrainingModel) throws(Failure) {
    let start = try configuration.initial.map { path throws(Failure) in try ModelFolder(path: path) }
    if let start, let path = configuration.initial {
      guard start.configuration.hiddenSize == modelConfiguration.hiddenSize,
        start.configuration.numHiddenLayers == modelConfiguration.numHiddenLayers,
        start.configuration.vocabSize == modelConfiguration.vocabSize
      else {
        throw Failure(
          .badData, path, "is a model of other sizes than the configuration's", remedy: "make the sizes agree")
      }
      guard start.tokenizer.model == tokenizer.model else {
        throw Failure(.badData, path, "has another tokenizer", remedy: "name \(path)/sentencepiece.model as tokenizer")
      }
    }
    var random = SplitMix(state: mix(configuration.seed ^ 0x1417))
    for (name, shape, tensor) in model.parameters.named {
      if let start, let entry = start.weights[name], entry.shape == shape {
        try copy(start.weights, name, into: tensor)
        continue
      }
      let isNorm = name.lowercased().contains("norm")
      let isTable = name.contains("embedding")
      let bound = 1 / Float(shape.last ?? 1).squareRoot()
      tensor.withMutableElements { elements in
        for i in elements.indices {
          if isNorm {
            elements[i] = name.hasSuffix(".weight") ? 1 : 0
          } else if shape.count == 1 {
            elements[i] = 0
          } else if isTable {
            elements[i] = configuration.initializerRange * Float(random.normal())
          } else {
            elements[i] = bound * Float(2 * random.unit() - 1)
          }
        }
        // Row 0 of the two tables is padding's, which no token has.
        if name.hasSuffix("word_embedding.embedding.weight") || name.hasSuffix("position_embeddings.weight") {
          for i in 0..<shape[1] { elements[i] = 0 }
        }
      }
    }
  }

  /// Seconds of a step, from forward and backward passes whose results are thrown away.
  private func measureStep(_ model: TrainingModel, _ sampler: Sampler, _ caches: [TokenCache]) -> Double {
    let before = sampler.checkpoint
    var best = Double.infinity
    for _ in 0..<2 {
      let batch = makeBatch(sampler.next(), caches)
      let start = ContinuousClock.now
      _ = model.accumulate(batch, objectives: configuration.objectives, dropout: configuration.dropout, key: 0)
      best = min(best, (ContinuousClock.now - start) / .seconds(1))
    }
    model.clearGradients()
    sampler.restore(before)
    return best * Double(configuration.accumulationSteps)
  }

  private func totalSteps(_ caches: [TokenCache], secondsPerStep: Double) -> Int {
    switch configuration.length {
    case .steps(let steps): return steps
    case .epochs(let epochs):
      let pairs = caches.reduce(0) { $0 + $1.count }
      return max(1, Int(epochs * Double(pairs) / Double(configuration.batchPairs * configuration.accumulationSteps)))
    case .minutes(let minutes): return max(1, Int(minutes * 60 / secondsPerStep))
    }
  }

  private func announce(
    _ caches: [TokenCache], _ model: TrainingModel, _ sampler: Sampler, total: Int, secondsPerStep: Double
  ) {
    let c = modelConfiguration
    let parameters = c.trainingParameterCount
    let tokensPerPair = Double(caches.reduce(0) { $0 + $1.report.tokens }) / Double(caches.reduce(0) { $0 + $1.count })
    let activations = TrainingPass.memory(c, tokens: Int(tokensPerPair * Double(configuration.batchPairs) * 1.5))
    observer.say(
      "model: L\(c.numHiddenLayers) d\(c.hiddenSize) h\(c.numAttentionHeads) f\(c.intermediateSize) V\(c.vocabSize), "
        + "\(c.parameterCount) parameters, \(parameters) while training")
    observer.say(
      "memory: about \((5 * parameters * 4 + activations) >> 20) MiB (parameters, gradients, moments and activations)")
    let shares = zip(configuration.data, sampler.shares).map { corpus, share in
      "\(corpus.source)-\(corpus.target) \(String(format: "%.1f", 100 * share))%"
    }
    observer.say("drawn: \(shares.joined(separator: ", "))")
    let seconds = secondsPerStep * Double(total)
    observer.say(
      "steps: \(total) of \(configuration.batchPairs * configuration.accumulationSteps) pairs, about "
        + "\(duration(seconds)) at \(String(format: "%.2f", secondsPerStep)) s a step; threads: \(threads), "
        + "kernels: \(compute.simd), "
        + "products in \(compute.precision.rawValue)")
  }

  private func copyConfiguration() throws(Failure) {
    guard let data = FileManager.default.contents(atPath: configuration.file) else { return }
    let output = try OutputFile(path: "\(folder.path)/config.yaml")
    try output.write(String(decoding: data, as: UTF8.self))
    try output.commit()
  }

  // MARK: steps

  private func train(
    _ state: inout RunFolder.State, _ model: TrainingModel, _ adam: inout Adam, _ sampler: Sampler,
    _ caches: [TokenCache], _ validation: [[TrainingBatch]], limit: Int?
  ) throws(Failure) -> TrainingSummary {
    let last = min(limit ?? .max, state.totalSteps)
    let begin = ContinuousClock.now
    let secondsBefore = state.seconds
    let firstStep = state.step
    var tokens = 0, flops = 0.0, computing = 0.0
    var losses = Losses()
    var metrics = try MetricsFile(path: folder.metrics)
    let c = modelConfiguration
    let (d, w) = (c.hiddenSize, c.hiddenSize + c.languageSize)
    let matrices = Double(c.numHiddenLayers * (4 * d * d + 2 * d * c.intermediateSize))

    while state.step < last, !Interruption.requested {
      let step = state.step
      let stepBegin = ContinuousClock.now
      var settings = configuration.objectives
      let reconstructs = step % settings.xtrEvery == 0
      settings.xtrWeight = reconstructs ? settings.xtrWeight * Float(settings.xtrEvery) : 0
      model.clearGradients()
      var sum = Losses()
      let parts = configuration.accumulationSteps
      for part in 0..<parts {
        let batch = makeBatch(sampler.next(), caches)
        let key = mix(configuration.seed ^ mix(UInt64(step) &* 4096 &+ UInt64(part)))
        let losses = model.accumulate(
          batch, objectives: settings, dropout: configuration.dropout, key: key, scale: 1 / Float(parts))
        sum.total += losses.total / Double(parts)
        sum.xtr += losses.xtr / Double(parts)
        sum.alignment += losses.alignment / Double(parts)
        tokens += batch.tokens.segments.tokens
        flops += 6 * matrices * Double(batch.tokens.segments.tokens)
        if settings.xtrWeight != 0 { flops += 12 * Double(batch.count * w * (c.vocabSize + w)) }
      }
      losses = sum
      let norm = compute.sumOfSquares(model.gradients.block).squareRoot()
      guard sum.total.isFinite, norm.isFinite else {
        throw stopped("the loss is \(sum.total) and the gradient's norm \(norm)", step)
      }
      try watchDivergence(&state, sum, step)
      var scale: Float = 1
      if let clip = configuration.gradientClip, norm > Double(clip) { scale = clip / Float(norm) }
      let rate = learningRate(step, total: state.totalSteps)
      compute.step(
        &adam, weights: model.parameters.block, gradients: model.gradients.block, learningRate: rate,
        gradientScale: scale)
      state.step += 1
      let seconds = (ContinuousClock.now - stepBegin) / .seconds(1)
      computing += seconds
      try metrics.append(
        Metrics(
          step: state.step, loss: sum.total, xtr: reconstructs ? sum.xtr : nil, alignment: sum.alignment,
          learning_rate: Double(rate), gradient_norm: norm, seconds: seconds))

      let pairsPerSecond =
        Double((state.step - firstStep) * configuration.batchPairs * configuration.accumulationSteps) / computing
      let left = computing / Double(state.step - firstStep) * Double(last - state.step)
      observer.progress(
        "step \(state.step)/\(state.totalSteps)  loss \(String(format: "%.4f", sum.total))  alignment "
          + "\(String(format: "%.4f", sum.alignment))  \(Int(pairsPerSecond)) pairs/s  \(duration(left)) left")
      if state.step % configuration.validationEvery == 0 || state.step == state.totalSteps, !validation.isEmpty {
        try validate(&state, model, validation, &metrics)
      }
      state.seconds = secondsBefore + (ContinuousClock.now - begin) / .seconds(1)
      if state.step % configuration.checkpointEvery == 0 || state.step == last {
        try checkpoint(&state, model, adam, sampler)
      }
    }
    let interrupted = state.step < last
    if interrupted {
      let path = try checkpoint(&state, model, adam, sampler)
      observer.say("interrupted after step \(state.step); \(path) is written, --resume continues from it")
    } else if state.step == state.totalSteps {
      try write(model, to: folder.final, state)
      if validation.isEmpty { try write(model, to: folder.best, state) }
    }
    let steps = state.step - firstStep
    return TrainingSummary(
      steps: state.step, loss: losses.total,
      pairs_per_second: Double(steps * configuration.batchPairs * configuration.accumulationSteps)
        / max(computing, 1e-9),
      tokens_per_second: Double(tokens) / max(computing, 1e-9), gflops: flops / max(computing, 1e-9) / 1e9,
      seconds: computing, best_step: state.bestStep, best_value: state.bestValue, interrupted: interrupted)
  }

  /// Linear warm-up multiplied into a cosine decay to zero over the whole run.
  func learningRate(_ step: Int, total: Int) -> Float {
    let cosine = 0.5 * (1 + cos(Double.pi * Double(step) / Double(total)))
    let warmup = configuration.warmupSteps == 0 ? 1 : min(1, Double(step + 1) / Double(configuration.warmupSteps))
    return configuration.learningRate * Float(cosine * warmup)
  }

  private func stopped(_ what: String, _ step: Int) -> Failure {
    let last = folder.list().last?.path
    return Failure(
      .badData, folder.path, at: "step \(step + 1)", what,
      remedy: (last.map { "the last good checkpoint is \($0); " } ?? "there is no checkpoint yet; ")
        + "try a lower learning_rate, a longer warm-up or gradient_clip")
  }

  /// A loss that stays well above where it began is not going to come back.
  private func watchDivergence(_ state: inout RunFolder.State, _ losses: Losses, _ step: Int) throws(Failure) {
    let value = losses.alignment
    let running = state.runningLoss.map { 0.99 * $0 + 0.01 * value } ?? value
    state.runningLoss = running
    if step < 20 { state.firstLoss = max(state.firstLoss ?? 0, value) }
    if let first = state.firstLoss, step > 200, running > 2 * first + 1 {
      throw stopped("the loss diverges: it began at \(first) and its running mean is \(running)", step)
    }
  }

  private func validate(
    _ state: inout RunFolder.State, _ model: TrainingModel, _ validation: [[TrainingBatch]],
    _ metrics: inout MetricsFile
  ) throws(Failure) {
    let result = model.validate(validation, objectives: configuration.objectives, on: compute)
    try metrics.append(
      Metrics(
        step: state.step, validation_loss: result.loss, validation_xtr: result.xtr,
        validation_alignment: result.alignment, validation_accuracy: result.accuracy))
    let better: Bool
    let value: Double
    switch configuration.bestBy {
    case .loss:
      value = result.loss
      better = state.bestValue.map { value < $0 } ?? true
    case .accuracy:
      value = result.accuracy
      better = state.bestValue.map { value > $0 } ?? true
    }
    observer.say(
      "step \(state.step): validation loss \(String(format: "%.4f", result.loss)) (xtr "
        + "\(String(format: "%.4f", result.xtr)), alignment \(String(format: "%.4f", result.alignment))), accuracy "
        + "\(String(format: "%.2f", 100 * result.accuracy))%\(better ? ", the best so far" : "")")
    if better {
      state.bestValue = value
      state.bestStep = state.step
      try write(model, to: folder.best, state)
    }
  }

  @discardableResult
  private func checkpoint(
    _ state: inout RunFolder.State, _ model: TrainingModel, _ adam: Adam, _ sampler: Sampler
  ) throws(Failure) -> String {
    state.sampler = sampler.checkpoint
    return try folder.save(state, model, adam, keep: configuration.checkpointsKept)
  }

  private func write(_ model: TrainingModel, to path: String, _ state: RunFolder.State) throws(Failure) {
    let byName = Dictionary(uniqueKeysWithValues: model.parameters.named.map { ($0.name, $0.tensor) })
    let card = """
      # EMS model

      Trained with `ems train` on \(configuration.data.count) corpora, \(modelConfiguration.languages.count) languages: \
      \(modelConfiguration.languages.joined(separator: ", ")). Step \(state.step) of \(state.totalSteps), \
      \(configuration.batchPairs * configuration.accumulationSteps) pairs a step. The recipe is the run's config.yaml.

      """
    try ModelFolder.write(
      to: path, configuration: modelConfiguration, tokenizer: tokenizer, card: card, training: true, replace: true
    ) { (shape, writer) throws(Failure) in
      guard let tensor = byName[shape.name] else {
        throw Failure(.software, path, "no parameter is called \(shape.name)")
      }
      try append(tensor, to: writer)
    }
  }
}

/// `1 h 02 min`, `3 min 05 s` or `12 s`.
func duration(_ seconds: Double) -> String {
  let s = Int(seconds.rounded())
  if s >= 3600 { return String(format: "%d h %02d min", s / 3600, s % 3600 / 60) }
  if s >= 60 { return String(format: "%d min %02d s", s / 60, s % 60) }
  return "\(s) s"
}

/// One line of `metrics.jsonl`.
private struct Metrics: Encodable {
  var step: Int
  var loss: Double?, xtr: Double?, alignment: Double?
  var learning_rate: Double?, gradient_norm: Double?
  var seconds: Double?
  var validation_loss: Double?, validation_xtr: Double?, validation_alignment: Double?, validation_accuracy: Double?
}

/// The metrics, a JSON object a line, appended as they come.
private struct MetricsFile: ~Copyable {
  private let file: FileHandle
  private let path: String

  init(path: String) throws(Failure) {
    self.path = path
    if !FileManager.default.fileExists(atPath: path) { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    guard let file = FileHandle(forWritingAtPath: path) else {
      throw Failure(.io, path, "cannot write", remedy: "check the permissions of the run folder")
    }
    self.file = file
    _ = try? file.seekToEnd()
  }

  mutating func append(_ metrics: Metrics) throws(Failure) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    do {
      try file.write(contentsOf: encoder.encode(metrics) + Data("\n".utf8))
    } catch {
      throw Failure(.io, path, "cannot write: \(error)", remedy: "free some space")
    }
  }

  deinit { try? file.close() }
}
