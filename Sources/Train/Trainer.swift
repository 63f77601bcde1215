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
/// All ranks draw the same batches and hold the same parameters; each computes its part of a batch, the gradients are
/// summed, and each takes the same optimiser step. Rank 0 alone writes files and speaks.
public final class Trainer {
  private let configuration: TrainingConfiguration
  private let modelConfiguration: Configuration
  private let tokenizer: Tokenizer
  private let compute: Compute
  private let threads: Int
  private let folder: RunFolder
  private let observer: any TrainingObserver
  private let peers: Peers
  private let interrupted: () -> Bool

  /// - Parameters:
  ///   - threads: that this process may use
  ///   - communicator: the ranks of the run
  ///   - interrupted: asked between steps whether to stop
  /// - Throws: `Failure` when the tokenizer and the model do not fit.
  public init(
    _ configuration: TrainingConfiguration, threads: Int, observer: any TrainingObserver,
    communicator: any Communicator = Alone(), interrupted: @escaping () -> Bool = { Interruption.requested }
  ) throws(Failure) {
    self.configuration = configuration
    self.threads = threads
    self.interrupted = interrupted
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
    let caches = try prepareData()
    let model = TrainingModel(modelConfiguration, on: compute)
    var adam = Adam(
      count: model.parameters.block.count, weightDecay: configuration.weightDecay,
      decoupled: configuration.decoupledWeightDecay)
    let fingerprint = configuration.fingerprint + ", data: \(caches.map { "\($0.corpus.path) \($0.digest)" })"
    try checkPeers(fingerprint)
    let (validation, reserved) = heldOut(caches)
    let sampler = Sampler(
      sizes: caches.map(\.count), weights: configuration.data.map(\.weight), exponent: configuration.samplingExponent,
      reserved: reserved, seed: configuration.seed, batch: configuration.batchPairs, pool: configuration.lengthPool,
      lengths: { caches[$0].length($1) })

    let saved = try restore(model, &adam, sampler, fingerprint: fingerprint, resume: resume)
    var state: RunFolder.State
    if let saved {
      state = saved
      sampler.restore(saved.sampler)
      observer.say("continuing after step \(saved.step) of \(saved.totalSteps)")
    } else {
      if peers.leads { try initialize(model) }
      try peers.broadcast(model.parameters.block)
      let seconds = try measureStep(model, sampler, caches)
      let total = totalSteps(caches, secondsPerStep: seconds)
      state = RunFolder.State(
        fingerprint: fingerprint, step: 0, totalSteps: total, sampler: sampler.checkpoint, seconds: 0)
      announce(caches, model, sampler, total: total, secondsPerStep: seconds)
      if peers.leads { try copyConfiguration() }
    }
    if peers.leads { try folder.truncateMetrics(after: state) }
    return try train(&state, model, &adam, sampler, caches, validation, limit: limit)
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

  /// Reads the newest whole checkpoint on rank 0 and hands it to all.
  ///
  /// - Returns: nil if the run is to begin.
  private func restore(
    _ model: TrainingModel, _ adam: inout Adam, _ sampler: Sampler, fingerprint: String, resume: Bool
  ) throws(Failure) -> RunFolder.State? {
    if !resume { return nil }
    var text = ""
    if peers.leads {
      let saved = try folder.restore(
        model, &adam, fingerprint: fingerprint, threads: threads, say: { observer.say($0) })
      if let saved {
        guard sampler.accepts(saved.sampler), saved.step >= 0, saved.step <= saved.totalSteps else {
          throw Failure(
            .badData, "\(folder.list().last?.path ?? folder.path)/state.json", "is not what was written there",
            remedy: "delete that checkpoint and resume again")
        }
        if peers.size == 1 { return saved }
        text = (try? JSONEncoder().encode(saved)).map { String(decoding: $0, as: UTF8.self) } ?? ""
      }
    }
    text = try peers.gather(text)[0]
    if text.isEmpty { return nil }
    guard let state = try? JSONDecoder().decode(RunFolder.State.self, from: Data(text.utf8)) else {
      throw Failure(.software, "rank \(peers.rank)", "cannot read the state that rank 0 sent")
    }
    for tensor in [model.parameters.block, adam.mean, adam.square, adam.largest] { try peers.broadcast(tensor) }
    adam.step = state.step
    return state
  }

  // MARK: before the first step

  private func prepareData() throws(Failure) -> [TokenCache] {
    // Rank 0 makes the caches, the others open them when they are there.
    if !peers.leads { try peers.meet() }
    let forbidden = try ForbiddenSentences(configuration.decontaminate)
    if !forbidden.isEmpty { observer.say("\(forbidden.count) test sentences must not occur in training") }
    var caches: [TokenCache] = []
    for corpus in configuration.data {
      observer.progress("reading \(corpus.path)")
      let cache = try TokenCache.open(
        corpus, tokenizer: tokenizer, configuration: modelConfiguration, forbidden: forbidden, folder: folder.cache,
        threads: threads, made: !peers.leads)
      caches.append(cache)
    }
    if peers.leads { try peers.meet() }
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
      let (c, m) = (start.configuration, modelConfiguration)
      let sizes = [
        ("num_hidden_layers", c.numHiddenLayers, m.numHiddenLayers), ("hidden_size", c.hiddenSize, m.hiddenSize),
        ("num_attention_heads", c.numAttentionHeads, m.numAttentionHeads),
        ("intermediate_size", c.intermediateSize, m.intermediateSize), ("vocab_size", c.vocabSize, m.vocabSize),
        ("max_position_embeddings", c.maxPositionEmbeddings, m.maxPositionEmbeddings),
      ]
      if let (name, has, wanted) = sizes.first(where: { $0.1 != $0.2 }) {
        throw Failure(
          .badData, path, "is a model of other sizes than the configuration's: its \(name) is \(has), not \(wanted)",
          remedy: "make the sizes agree")
      }
      guard start.tokenizer.model == tokenizer.model else {
        throw Failure(.badData, path, "has another tokenizer", remedy: "name \(path)/sentencepiece.model as tokenizer")
      }
    }
    var random = SplitMix(state: mix(configuration.seed ^ 0x1417))
    var fresh: [String] = []
    let languages = modelConfiguration.languages
    for (name, shape, tensor) in model.parameters.named {
      // The heads may be missing or of another size, and a row of the language table is no other language's.
      let otherLanguages =
        name.hasPrefix("model.la_tag_linear.embedding") && start?.configuration.languages != languages
      if let start, let entry = start.weights[name], entry.shape == shape, !otherLanguages {
        try copy(start.weights, name, into: tensor)
        continue
      }
      if start != nil { fresh.append(name) }
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
    if let start, !fresh.isEmpty {
      observer.say("\(start.path) has no fitting \(fresh.joined(separator: ", ")); they start at random")
    }
  }

  /// Seconds of a step, from forward and backward passes whose results are thrown away; the slowest rank's.
  private func measureStep(_ model: TrainingModel, _ sampler: Sampler, _ caches: [TokenCache]) throws(Failure) -> Double
  {
    let before = sampler.checkpoint
    var best = Double.infinity
    for _ in 0..<2 {
      let batch = makeBatch(sampler.next(), caches)
      let start = ContinuousClock.now
      _ = try model.accumulate(
        batch, among: peers, objectives: configuration.objectives, dropout: configuration.dropout, key: 0)
      try peers.sum(model.gradients.block, on: compute)
      best = min(best, (ContinuousClock.now - start) / .seconds(1))
    }
    model.clearGradients()
    sampler.restore(before)
    let slowest = try peers.gather([best]).map { $0[0] }.max() ?? best
    return slowest * Double(configuration.accumulationSteps)
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
    let activations = TrainingPass.memory(
      c, tokens: Int(tokensPerPair * Double(configuration.batchPairs) * 1.5) / peers.size)
    observer.say(
      "model: L\(c.numHiddenLayers) d\(c.hiddenSize) h\(c.numAttentionHeads) f\(c.intermediateSize) V\(c.vocabSize), "
        + "\(c.parameterCount) parameters, \(parameters) while training")
    observer.say(
      "memory: about \((5 * parameters * 4 + activations) >> 20) MiB (parameters, gradients, moments and activations)"
        + (peers.size > 1 ? " for each of \(peers.size) processes" : ""))
    let shares = zip(configuration.data, sampler.shares).map { corpus, share in
      "\(corpus.source)-\(corpus.target) \(String(format: "%.1f", 100 * share))%"
    }
    observer.say("drawn: \(shares.joined(separator: ", "))")
    let seconds = secondsPerStep * Double(total)
    observer.say(
      "steps: \(total) of \(configuration.batchPairs * configuration.accumulationSteps) pairs, about "
        + "\(duration(seconds)) at \(String(format: "%.2f", secondsPerStep)) s a step; "
        + (peers.size > 1 ? "processes: \(peers.size), threads of each: \(threads), " : "threads: \(threads), ")
        + "kernels: \(compute.simd), products in \(compute.precision.rawValue)")
  }

  private func copyConfiguration() throws(Failure) {
    guard let data = FileManager.default.contents(atPath: configuration.file) else { return }
    let output = try OutputFile(path: "\(folder.path)/config.yaml")
    try output.write(String(decoding: data, as: UTF8.self))
    try output.commit()
  }

  // MARK: steps

  /// What was done since this process began.
  private struct Work {
    var steps = 0, tokens = 0, flops = 0.0, computing = 0.0
    var losses = Losses()
  }

  private func train(
    _ state: inout RunFolder.State, _ model: TrainingModel, _ adam: inout Adam, _ sampler: Sampler,
    _ caches: [TokenCache], _ validation: [[TrainingBatch]], limit: Int?
  ) throws(Failure) -> TrainingSummary {
    let last = min(limit ?? .max, state.totalSteps)
    var work = Work()
    // What rank 0 is known to have written down.
    var confirmed = state
    do throws(Failure) {
      try takeSteps(to: last, &state, &confirmed, &work, model, &adam, sampler, caches, validation)
    } catch {
      // A rank has gone. What every other one holds is whole: parameters change only after everything was exchanged. Rank
      // 0 writes it down; or rank 1, if it is rank 0 that has gone. The last validation may then be lost, and is due again.
      let heir = peers.rank == 1 && error.subject == "rank 0"
      guard peers.lost != nil, peers.leads || heir, state.step > 0 else { throw error }
      if heir {
        (state.validated, state.bestValue, state.bestStep) = (
          confirmed.validated, confirmed.bestValue, confirmed.bestStep
        )
      }
      let path = try save(state, model, adam)
      throw Failure(
        error.kind, error.subject, at: "after step \(state.step)", error.problem,
        remedy: "\(path) is written, --resume continues from it")
    }
    let interrupted = state.step < last
    if peers.leads {
      if interrupted {
        let path = try save(state, model, adam)
        observer.say("interrupted after step \(state.step); \(path) is written, --resume continues from it")
      } else if state.step == state.totalSteps {
        try write(model, to: folder.final, state)
        if validation.isEmpty { try write(model, to: folder.best, state) }
      }
    }
    let computing = max(work.computing, 1e-9)
    return TrainingSummary(
      steps: state.step, ranks: peers.size, loss: work.losses.total,
      pairs_per_second: Double(work.steps * configuration.batchPairs * configuration.accumulationSteps) / computing,
      tokens_per_second: Double(work.tokens) / computing, gflops: work.flops / computing / 1e9,
      seconds: work.computing, best_step: state.bestStep, best_value: state.bestValue, interrupted: interrupted)
  }

  /// Takes steps up to `last`, or until a rank is asked to stop; validates and writes checkpoints where they are due.
  private func takeSteps(
    to last: Int, _ state: inout RunFolder.State, _ confirmed: inout RunFolder.State, _ work: inout Work,
    _ model: TrainingModel, _ adam: inout Adam, _ sampler: Sampler, _ caches: [TokenCache],
    _ validation: [[TrainingBatch]]
  ) throws(Failure) {
    let begin = ContinuousClock.now
    let secondsBefore = state.seconds
    var metrics = try MetricsFile(path: peers.leads ? folder.metrics : nil)
    while true {
      // First what follows a step: a checkpoint of a run that stopped before its validation is continued with that.
      let validates = state.step % configuration.validationEvery == 0 || state.step == state.totalSteps
      if validates, state.step > state.validated, !validation.isEmpty {
        try validate(&state, model, validation, &metrics)
      }
      state.seconds = secondsBefore + (ContinuousClock.now - begin) / .seconds(1)
      if state.step > 0, state.step % configuration.checkpointEvery == 0 || state.step == last {
        try checkPeersAgree(model, state.step)
        if peers.leads { try save(state, model, adam) }
      }
      // All stop after the same step, whichever of them was asked to.
      let asked = try peers.gather([interrupted() ? 1 : 0]).contains { $0[0] != 0 }
      confirmed = state
      if state.step >= last || asked { return }
      try takeStep(&state, &work, model, &adam, sampler, caches, &metrics)

      let pairs = work.steps * configuration.batchPairs * configuration.accumulationSteps
      let left = work.computing / Double(work.steps) * Double(last - state.step)
      observer.progress(
        "step \(state.step)/\(state.totalSteps)  loss \(String(format: "%.4f", work.losses.total))  alignment "
          + "\(String(format: "%.4f", work.losses.alignment))  \(Int(Double(pairs) / work.computing)) pairs/s  "
          + "\(duration(left)) left")
    }
  }

  private func takeStep(
    _ state: inout RunFolder.State, _ work: inout Work, _ model: TrainingModel, _ adam: inout Adam,
    _ sampler: Sampler, _ caches: [TokenCache], _ metrics: inout MetricsFile
  ) throws(Failure) {
    let step = state.step
    let begin = ContinuousClock.now
    let c = modelConfiguration
    let (d, w) = (c.hiddenSize, c.hiddenSize + c.languageSize)
    let matrices = Double(c.numHiddenLayers * (4 * d * d + 2 * d * c.intermediateSize))
    var settings = configuration.objectives
    let reconstructs = step % settings.xtrEvery == 0
    settings.xtrWeight = reconstructs ? settings.xtrWeight * Float(settings.xtrEvery) : 0
    model.clearGradients()
    var sum = Losses()
    let parts = configuration.accumulationSteps
    for part in 0..<parts {
      let batch = makeBatch(sampler.next(), caches)
      let key = mix(configuration.seed ^ mix(UInt64(step) &* 4096 &+ UInt64(part)))
      let losses = try model.accumulate(
        batch, among: peers, objectives: settings, dropout: configuration.dropout, key: key, scale: 1 / Float(parts))
      sum.total += losses.total / Double(parts)
      sum.xtr += losses.xtr / Double(parts)
      sum.alignment += losses.alignment / Double(parts)
      work.tokens += batch.tokens.segments.tokens
      work.flops += 6 * matrices * Double(batch.tokens.segments.tokens)
      if settings.xtrWeight != 0 { work.flops += 12 * Double(batch.count * w * (c.vocabSize + w)) }
    }
    try peers.sum(model.gradients.block, on: compute)
    let everyone = try peers.gather([sum.total, sum.xtr, sum.alignment])
    sum = everyone.reduce(into: Losses()) { all, own in
      all.total += own[0]
      all.xtr += own[1]
      all.alignment += own[2]
    }
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
    state.sampler = sampler.checkpoint
    let seconds = (ContinuousClock.now - begin) / .seconds(1)
    work.steps += 1
    work.computing += seconds
    work.losses = sum
    try metrics.append(
      Metrics(
        step: state.step, loss: sum.total, xtr: reconstructs ? sum.xtr : nil, alignment: sum.alignment,
        learning_rate: Double(rate), gradient_norm: norm, seconds: seconds))
  }

  /// Whether all ranks hold the same parameters, as they must: a machine that computes differently would go unnoticed.
  private func checkPeersAgree(_ model: TrainingModel, _ step: Int) throws(Failure) {
    if peers.size == 1 { return }
    let sizes = try peers.gather([compute.sumOfSquares(model.parameters.block)]).map { $0[0] }
    guard let rank = sizes.firstIndex(where: { $0 != sizes[0] }) else { return }
    throw Failure(
      .software, folder.path, at: "step \(step)", "the parameters of rank \(rank) are not those of rank 0",
      remedy: "look for a faulty machine, and resume from the last checkpoint")
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
    let result = try model.validate(validation, among: peers, objectives: configuration.objectives, on: compute)
    state.validated = state.step
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
      if peers.leads { try write(model, to: folder.best, state) }
    }
  }

  @discardableResult
  private func save(_ state: RunFolder.State, _ model: TrainingModel, _ adam: Adam) throws(Failure) -> String {
    try folder.save(state, model, adam, keep: configuration.checkpointsKept, threads: threads)
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
  private let file: FileHandle?
  private let path: String

  /// - Parameter path: nil for a rank that writes none.
  init(path: String?) throws(Failure) {
    self.path = path ?? ""
    guard let path else {
      file = nil
      return
    }
    if !FileManager.default.fileExists(atPath: path) { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    guard let file = FileHandle(forWritingAtPath: path) else {
      throw Failure(.io, path, "cannot write", remedy: "check the permissions of the run folder")
    }
    self.file = file
    _ = try? file.seekToEnd()
  }

  mutating func append(_ metrics: Metrics) throws(Failure) {
    guard let file else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    do {
      try file.write(contentsOf: encoder.encode(metrics) + Data("\n".utf8))
    } catch {
      throw Failure(.io, path, "cannot write: \(error)", remedy: "free some space")
    }
  }

  deinit { try? file?.close() }
}
