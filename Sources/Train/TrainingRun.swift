import Base
import Encoder
import Foundation
import Kernels

/// The steps of a run: from a state, by batches and the optimiser, to the next; validated and written down where it is due.
final class TrainingRun {
  private let configuration: TrainingConfiguration
  private let model: TrainingModel
  private let data: TrainingData
  private let sampler: Sampler
  private let tokenizer: Tokenizer
  private let dictionary: String?
  private let folder: RunFolder
  private let peers: Peers
  private let observer: any TrainingObserver
  private let compute: Compute
  private var adam: Adam
  private var state: RunFolder.State
  private var work = Work()

  /// What was done since this process began.
  private struct Work {
    var steps = 0, tokens = 0, flops = 0.0, computing = 0.0
    var losses = Losses()
  }

  /// A run before its first step; `restore` or `begin` comes next.
  ///
  /// - Parameter dictionary: the jieba dictionary that goes with the model, nil for none.
  init(
    _ configuration: TrainingConfiguration, _ model: TrainingModel, _ data: TrainingData, tokenizer: Tokenizer,
    dictionary: String? = nil, folder: RunFolder, peers: Peers, observer: any TrainingObserver, on compute: Compute
  ) {
    self.configuration = configuration
    self.model = model
    self.data = data
    self.tokenizer = tokenizer
    self.dictionary = dictionary
    self.folder = folder
    self.peers = peers
    self.observer = observer
    self.compute = compute
    sampler = data.sampler()
    adam = Adam(
      count: model.parameters.trained.count, weightDecay: configuration.weightDecay,
      decoupled: configuration.decoupledWeightDecay)
    state = RunFolder.State(
      fingerprint: configuration.fingerprint + ", " + data.fingerprint, step: 0, totalSteps: 0,
      sampler: sampler.checkpoint, seconds: 0)
  }

  /// What the numbers of the run depend on.
  var fingerprint: String { state.fingerprint }

  private var pairsOfStep: Int { configuration.batchPairs * configuration.accumulationSteps }

  // MARK: before the first step

  /// Reads the newest whole checkpoint on rank 0 and hands it to all.
  ///
  /// - Returns: whether there was one; otherwise the run is to begin.
  func restore(resume: Bool) throws(Failure) -> Bool {
    if !resume { return false }
    var text = ""
    if peers.leads {
      let saved = try folder.restore(
        model, &adam, fingerprint: fingerprint, threads: compute.threads, say: { observer.say($0) })
      if let saved {
        guard sampler.accepts(saved.sampler), saved.step >= 0, saved.step <= saved.totalSteps else {
          throw Failure(
            .badData, "\(folder.list().last?.path ?? folder.path)/state.json", "is not what was written there",
            remedy: "delete that checkpoint and resume again")
        }
        folder.prune(keep: configuration.checkpointsKept)
        text = (try? JSONEncoder().encode(saved)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        state = saved
      }
    }
    if peers.size > 1 {
      text = try peers.gather(text)[0]
      if !text.isEmpty {
        guard let sent = try? JSONDecoder().decode(RunFolder.State.self, from: Data(text.utf8)) else {
          throw Failure(.software, "rank \(peers.rank)", "cannot read the state that rank 0 sent")
        }
        state = sent
        for tensor in [model.parameters.block, adam.mean, adam.square, adam.largest] { try peers.broadcast(tensor) }
      }
    }
    if text.isEmpty { return false }
    adam.step = state.step
    sampler.restore(state.sampler)
    observer.say("continuing after step \(state.step) of \(state.totalSteps)")
    return true
  }

  /// Measures a step, from which the length of the run may follow, and says what is going to happen.
  func begin() throws(Failure) {
    let seconds = try measureStep()
    state.totalSteps = totalSteps(secondsPerStep: seconds)
    announce(secondsPerStep: seconds)
  }

  /// Seconds of a step, from steps whose results are thrown away; the slowest rank's.
  private func measureStep() throws(Failure) -> Double {
    let before = sampler.checkpoint
    // A step of the optimiser at a learning rate of 0, with moments of its own, changes no parameter.
    var scratch = Adam(count: model.parameters.trained.count, weightDecay: 0, decoupled: false)
    var best = Double.infinity
    for _ in 0..<2 {
      let batch = data.batch(sampler.next())
      let start = ContinuousClock.now
      _ = try model.accumulate(
        batch, among: peers, objectives: configuration.objectives, dropout: configuration.dropout, key: 0)
      try peers.sum(model.gradients.trained, on: compute)
      compute.step(&scratch, weights: model.parameters.trained, gradients: model.gradients.trained, learningRate: 0)
      best = min(best, (ContinuousClock.now - start) / .seconds(1))
    }
    model.clearGradients()
    sampler.restore(before)
    let slowest = try peers.gather([best]).map { $0[0] }.max() ?? best
    return slowest * Double(configuration.accumulationSteps)
  }

  private func totalSteps(secondsPerStep: Double) -> Int {
    switch configuration.length {
    case .steps(let steps): return steps
    case .epochs(let epochs):
      return max(1, Int(epochs * Double(data.pairs) / Double(pairsOfStep)))
    case .minutes(let minutes): return max(1, Int(minutes * 60 / secondsPerStep))
    }
  }

  private func announce(secondsPerStep: Double) {
    let c = model.parameters.configuration
    let parameters = c.parameterCount(model.parameters.heads)
    let activations = TrainingPass.memory(
      c, tokens: Int(data.tokensPerPair * Double(configuration.batchPairs) * 1.5) / peers.size)
    observer.say(
      "model: L\(c.numHiddenLayers) d\(c.hiddenSize) h\(c.numAttentionHeads) f\(c.intermediateSize) V\(c.vocabSize), "
        + "\(c.parameterCount) parameters, \(parameters) while training")
    observer.say(
      "memory: about \((5 * parameters * 4 + activations) >> 20) MiB (parameters, gradients, moments and activations)"
        + (peers.size > 1 ? " for each of \(peers.size) processes" : ""))
    let shares = zip(configuration.data, sampler.shares).map { corpus, share in
      "\(corpus.name) \(String(format: "%.1f", 100 * share))%"
    }
    observer.say("drawn: \(shares.joined(separator: ", "))")
    let seconds = secondsPerStep * Double(state.totalSteps)
    observer.say(
      "steps: \(state.totalSteps) of \(pairsOfStep) pairs, about "
        + "\(duration(seconds)) at \(String(format: "%.2f", secondsPerStep)) s a step; "
        + (peers.size > 1
          ? "processes: \(peers.size), threads of each: \(compute.threads), " : "threads: \(compute.threads), ")
        + "kernels: \(compute.simd), products in \(compute.precision.rawValue)")
  }

  // MARK: steps

  /// Takes the steps that are left.
  ///
  /// - Parameters:
  ///   - limit: as in `Trainer.run`
  ///   - job: says between steps whether to stop
  func train(limit: Int?, job: Job) throws(Failure) -> TrainingSummary {
    if peers.leads { try folder.truncateMetrics(after: state) }
    let last = min(limit ?? .max, state.totalSteps)
    // What rank 0 is known to have written down.
    var confirmed = state
    do throws(Failure) {
      try takeSteps(to: last, &confirmed, job)
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
      let path = try save()
      throw Failure(
        error.kind, error.subject, at: "after step \(state.step)", error.problem,
        remedy: "\(path) is written, --resume continues from it")
    }
    let stopped = state.step < last
    if peers.leads {
      if stopped {
        let path = try save()
        observer.say("interrupted after step \(state.step); \(path) is written, --resume continues from it")
      } else if state.step == state.totalSteps {
        try write(to: folder.final)
        if data.validation.isEmpty { try write(to: folder.best) }
      }
    }
    let computing = max(work.computing, 1e-9)
    return TrainingSummary(
      steps: state.step, ranks: peers.size, loss: work.losses.total,
      pairs_per_second: Double(work.steps * pairsOfStep) / computing,
      tokens_per_second: Double(work.tokens) / computing, gflops: work.flops / computing / 1e9,
      seconds: work.computing, best_step: state.bestStep, best_value: state.bestValue, interrupted: stopped)
  }

  /// Takes steps up to `last`, or until a rank is asked to stop; validates and writes checkpoints where they are due.
  private func takeSteps(
    to last: Int, _ confirmed: inout RunFolder.State, _ job: Job
  ) throws(Failure) {
    let begin = ContinuousClock.now
    let secondsBefore = state.seconds
    var metrics = try MetricsFile(path: peers.leads ? folder.metrics : nil)
    while true {
      // First what follows a step: a checkpoint of a run that stopped before its validation is continued with that.
      let validates = state.step % configuration.validationEvery == 0 || state.step == state.totalSteps
      if validates, state.step > state.validated, !data.validation.isEmpty { try validate(&metrics) }
      state.seconds = secondsBefore + (ContinuousClock.now - begin) / .seconds(1)
      if state.step > 0, state.step % configuration.checkpointEvery == 0 || state.step == last {
        try checkPeersAgree()
        if peers.leads { try save() }
      }
      // All stop after the same step, whichever of them was asked to.
      let asked = try peers.gather([job.isCancelled ? 1 : 0]).contains { $0[0] != 0 }
      confirmed = state
      if state.step >= last || asked { return }
      try takeStep(&metrics)

      let left = work.computing / Double(work.steps) * Double(last - state.step)
      let parts = work.losses.named(for: configuration.objectives).filter { $0.name != "xtr" }
        .map { "\($0.name) \(String(format: "%.4f", $0.value))" }
      observer.progress(
        "step \(state.step)/\(state.totalSteps)  loss \(String(format: "%.4f", work.losses.total))  "
          + "\(parts.joined(separator: "  "))  \(Int(Double(work.steps * pairsOfStep) / work.computing)) pairs/s  "
          + "\(duration(left)) left")
    }
  }

  private func takeStep(_ metrics: inout MetricsFile) throws(Failure) {
    let step = state.step
    let begin = ContinuousClock.now
    var settings = configuration.objectives
    let reconstructs = step % settings.xtrEvery == 0
    settings.xtrWeight = reconstructs ? settings.xtrWeight * Float(settings.xtrEvery) : 0
    model.clearGradients()
    var sum = Losses()
    let parts = configuration.accumulationSteps
    for part in 0..<parts {
      let key = SplitMix64.mix(configuration.seed ^ SplitMix64.mix(UInt64(step) &* 4096 &+ UInt64(part)))
      let batch = data.batch(sampler.next()).dropping(configuration.dropout.token, key: key)
      let losses = try model.accumulate(
        batch, among: peers, objectives: settings, dropout: configuration.dropout, key: key, scale: 1 / Float(parts))
      sum.add(losses, times: 1 / Double(parts))
      count(batch, settings.only(batch.objectives))
    }
    try peers.sum(model.gradients.trained, on: compute)
    let everyone = try peers.gather(sum.values)
    sum = Losses()
    for own in everyone { sum.values = zip(sum.values, own).map { $0 + $1 } }
    let norm = compute.sumOfSquares(model.gradients.trained).squareRoot()
    guard sum.total.isFinite, norm.isFinite else {
      throw stopped("the loss is \(sum.total) and the gradient's norm \(norm)", step)
    }
    try watchDivergence(sum, step)
    var scale: Float = 1
    if let clip = configuration.gradientClip, norm > Double(clip) { scale = clip / Float(norm) }
    let rate = learningRate(step)
    compute.step(
      &adam, weights: model.parameters.trained, gradients: model.gradients.trained, learningRate: rate,
      gradientScale: scale)
    state.step += 1
    state.sampler = sampler.checkpoint
    let seconds = (ContinuousClock.now - begin) / .seconds(1)
    work.steps += 1
    work.computing += seconds
    work.losses = sum
    try metrics.append(
      Metrics(
        step: state.step, loss: sum.total, xtr: reconstructs && settings.xtrWeight != 0 ? sum.xtr : nil,
        alignment: settings.alignmentWeight == 0 ? nil : sum.alignment,
        distillation: settings.distillation == nil ? nil : sum.distillation, learning_rate: Double(rate),
        gradient_norm: norm, seconds: seconds))
  }

  /// Adds a batch to the work done.
  private func count(_ batch: TrainingBatch, _ settings: ObjectiveSettings) {
    let c = model.parameters.configuration
    let (d, w) = (c.hiddenSize, c.hiddenSize + c.languageSize)
    let matrices = Double(c.numHiddenLayers * (4 * d * d + 2 * d * c.intermediateSize))
    let tokens = batch.tokens.segments.tokens
    work.tokens += tokens
    work.flops += 6 * matrices * Double(tokens)
    if settings.xtrWeight != 0 { work.flops += 12 * Double(batch.count * w * (c.vocabSize + w)) }
  }

  /// Whether all ranks hold the same parameters, as they must: a machine that computes differently would go unnoticed.
  private func checkPeersAgree() throws(Failure) {
    if peers.size == 1 { return }
    let sizes = try peers.gather([compute.sumOfSquares(model.parameters.block)]).map { $0[0] }
    guard let rank = sizes.firstIndex(where: { $0 != sizes[0] }) else { return }
    throw Failure(
      .software, folder.path, at: "step \(state.step)", "the parameters of rank \(rank) are not those of rank 0",
      remedy: "look for a faulty machine, and resume from the last checkpoint")
  }

  /// Linear warm-up multiplied into a cosine decay to zero over the whole run.
  private func learningRate(_ step: Int) -> Float {
    let cosine = 0.5 * (1 + cos(Double.pi * Double(step) / Double(state.totalSteps)))
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
  private func watchDivergence(_ losses: Losses, _ step: Int) throws(Failure) {
    // Without reconstruction, which is not in every step; a batch may have no part in the rest.
    let value =
      Double(configuration.objectives.alignmentWeight) * losses.alignment
      + Double(configuration.objectives.distillation?.weight ?? 0) * losses.distillation
    if value == 0 { return }
    let running = state.runningLoss.map { 0.99 * $0 + 0.01 * value } ?? value
    state.runningLoss = running
    if step < 20 { state.firstLoss = max(state.firstLoss ?? 0, value) }
    if let first = state.firstLoss, step > 200, running > 2 * first + 1 {
      throw stopped("the loss diverges: it began at \(first) and its running mean is \(running)", step)
    }
  }

  private func validate(_ metrics: inout MetricsFile) throws(Failure) {
    let objectives = configuration.objectives
    let result = try model.validate(data.validation, among: peers, objectives: objectives, on: compute)
    state.validated = state.step
    let losses = result.losses
    try metrics.append(
      Metrics(
        step: state.step, validation_loss: losses.total,
        validation_xtr: objectives.xtrWeight == 0 ? nil : losses.xtr,
        validation_alignment: objectives.alignmentWeight == 0 ? nil : losses.alignment,
        validation_distillation: objectives.distillation == nil ? nil : losses.distillation,
        validation_accuracy: result.accuracy))
    let better: Bool
    let value: Double
    switch configuration.bestBy {
    case .loss:
      value = losses.total
      better = state.bestValue.map { value < $0 } ?? true
    case .accuracy:
      value = result.accuracy
      better = state.bestValue.map { value > $0 } ?? true
    }
    let parts = losses.named(for: objectives).map { "\($0.name) \(String(format: "%.4f", $0.value))" }
    observer.say(
      "step \(state.step): validation loss \(String(format: "%.4f", losses.total)) (\(parts.joined(separator: ", "))), "
        + "accuracy \(String(format: "%.2f", 100 * result.accuracy))%\(better ? ", the best so far" : "")")
    if better {
      state.bestValue = value
      state.bestStep = state.step
      if peers.leads { try write(to: folder.best) }
    }
  }

  // MARK: writing

  @discardableResult
  private func save() throws(Failure) -> String {
    try folder.save(state, model, adam, keep: configuration.checkpointsKept, threads: compute.threads)
  }

  /// Writes the model as it is now as a model folder, training heads included.
  private func write(to path: String) throws(Failure) {
    let parameters = model.parameters
    let c = parameters.configuration
    let byName = Dictionary(uniqueKeysWithValues: parameters.named.map { ($0.description.name, $0.tensor) })
    let card = """
      # EMS model

      Trained with `ems train` on \(configuration.data.count) corpora, \(c.languages.count) languages: \
      \(c.languages.joined(separator: ", ")). Step \(state.step) of \(state.totalSteps), \(pairsOfStep) pairs a step. \
      The recipe is the run's config.yaml.

      """
    try ModelFolder.write(
      to: path, configuration: c, tokenizer: tokenizer, card: card, dictionary: dictionary, heads: parameters.heads,
      replace: true
    ) { (shape, writer) throws(Failure) in
      guard let tensor = byName[shape.name] else {
        throw Failure(.software, path, "no parameter is called \(shape.name)")
      }
      try append(tensor, to: writer)
    }
  }
}
