import Encoder
import Formats
import Foundation
import Kernels
import TestSupport
import Testing
import Train

/// The gradients of the whole model against differences of its loss, and the same bits on any number of threads.
@Suite struct GradientTests {
  static let configuration = Configuration(
    numHiddenLayers: 2, hiddenSize: 10, numAttentionHeads: 2, intermediateSize: 13, vocabSize: 19,
    maxPositionEmbeddings: 9, lowercase: false, numLanguages: 3, languageSize: 5)

  static func model(
    _ configuration: Configuration = configuration, heads: TrainingHeads = .ems, on compute: Compute
  ) -> TrainingModel {
    let model = TrainingModel(configuration, heads: heads, on: compute)
    var random = TestSupport.SplitMix(seed: 3)
    for (description, tensor) in model.parameters.named {
      let name = description.name
      tensor.withMutableElements { elements in
        for i in elements.indices {
          elements[i] = Float.random(in: -0.6...0.6, using: &random)
          if name.lowercased().contains("norm.weight") { elements[i] += 1 }
          // relu has no derivative at 0: every unit is kept well on one side of it.
          if name == "alignproj.0.bias" { elements[i] = i % 3 == 0 ? -6 : 6 }
        }
      }
    }
    return model
  }

  static func batch(_ pairs: Int, duplicates: Bool, vocabulary: Int = 19, longest: Int = 9) -> TrainingBatch {
    var random = TestSupport.SplitMix(seed: 4)
    func sentences() -> [[Int32]] {
      (0..<pairs).map { i in
        (0..<1 + (i * 5) % longest).map { _ in Int32.random(in: 1..<Int32(vocabulary), using: &random) }
      }
    }
    var batch = TrainingBatch(
      sources: sentences(), targets: sentences(), sourceLanguages: (0..<Int32(pairs)).map { $0 % 3 },
      targetLanguages: (0..<Int32(pairs)).map { ($0 + 1) % 3 })
    if duplicates {
      batch.sourceGroups = (0..<Int32(pairs)).map { $0 % 4 }
      batch.targetGroups = (0..<Int32(pairs)).map { $0 == 1 ? 0 : $0 }
    }
    return batch
  }

  @Test(arguments: [(1, 0), (0, 2), (1, 2)] as [(Float, Float)], [false, true])
  func differences(weights: (Float, Float), duplicates: Bool) throws {
    let compute = Compute(threads: 1)
    let model = Self.model(on: compute)
    let batch = Self.batch(6, duplicates: duplicates)
    var settings = ObjectiveSettings()
    (settings.xtrWeight, settings.alignmentWeight) = weights
    settings.maskDuplicates = duplicates
    // Gentle enough for a step that single precision can tell from rounding.
    settings.temperature = 0.5
    settings.languageDropout = 0.2
    let dropout = DropoutSettings(all: 0.2)
    func losses(_ scale: Float = 1) throws -> Losses {
      try model.accumulate(batch, objectives: settings, dropout: dropout, key: 0x9e37_79b9_7f4a_7c15, scale: scale)
    }
    let first = try losses(0)
    #expect(
      abs(first.total - Double(weights.0) * first.xtr - Double(weights.1) * first.alignment) < 1e-9 * first.total)
    #expect((first.xtr != 0) == (weights.0 != 0) && (first.alignment != 0) == (weights.1 != 0))
    // Most tensors have gradients far above what the comparison forgives.
    let moving = try check(model) { try losses($0) }
    #expect(moving > (weights.0 == 0 || weights.1 == 0 ? 25 : 33), "\(moving)")
  }

  /// Compares every gradient with differences of the loss; gradients scale, and are added to what was there.
  ///
  /// - Returns: how many tensors have gradients well above what is forgiven.
  private func check(_ model: TrainingModel, _ losses: (Float) throws -> Losses) throws -> Int {
    model.clearGradients()
    _ = try losses(0.5)
    _ = try losses(0.5)
    let gradients = model.gradients.named.map(\.tensor.array)
    var check = GradientCheck()
    check.step = 0x1p-6
    check.tolerance = 1e-2
    check.floor = 5e-4
    var moving = 0
    for ((description, tensor), gradient) in zip(model.parameters.named, gradients) {
      if description.isFrozen {
        #expect(gradient.allSatisfy { $0 == 0 }, "\(description.name) is to stay as it is")
        continue
      }
      let columns = tensor.columns
      let problems = try check.problems(
        count: tensor.count, read: { tensor[$0 / columns, $0 % columns] },
        write: { tensor[$0 / columns, $0 % columns] = $1 }, gradient: { gradient[$0] }, loss: { try losses(1).total })
      #expect(problems.isEmpty, "\(description.name): \(problems.prefix(3))")
      if gradient.contains(where: { abs($0) > 2e-3 }) { moving += 1 }
    }
    return moving
  }

  /// Rows that a teacher might have given.
  static func teacher(_ rows: Int, width: Int, unit: Bool) -> Tensor {
    var random = TestSupport.SplitMix(seed: 11)
    let tensor = Tensor(
      (0..<rows * width).map { _ in Float.random(in: -1...1, using: &random) }, rows: rows, columns: width)
    if unit { Compute().normalizeRows(tensor, into: tensor, lengths: Tensor(rows: rows, columns: 1)) }
    return tensor
  }

  struct Following: Sendable, CustomTestStringConvertible {
    var loss = DistillationSettings.Loss.cosine, sides = DistillationSettings.Sides.both, ranking: Float = 0
    var head = DistillationSettings.Head.linear, layers = 1, pooling = Configuration.Pooling.mean, alone = false
    var together = false
    var testDescription: String { "\(self)" }
  }

  @Test(arguments: [
    Following(), Following(sides: .source, ranking: 0.7), Following(sides: .target),
    Following(sides: .target, ranking: 1),
    Following(loss: .mse), Following(loss: .mse, sides: .source, ranking: 0.5), Following(ranking: 1, head: .principal),
    Following(ranking: 1, layers: 0, pooling: .weighted), Following(layers: 1, pooling: .weighted),
    Following(ranking: 0.5, alone: true), Following(ranking: 0.5, pooling: .weighted, together: true),
  ])
  func distillationDifferences(_ way: Following) throws {
    let compute = Compute(threads: 1)
    var configuration = Self.configuration
    configuration.numHiddenLayers = way.layers
    configuration.pooling = way.pooling
    let width = 14
    let model = Self.model(
      configuration,
      heads: TrainingHeads(
        reconstruction: way.together, alignment: way.together, teacherWidth: width,
        teacherIsFrozen: way.head == .principal), on: compute)
    var batch = Self.batch(6, duplicates: true)
    if way.alone {
      let starts = batch.tokens.segments.starts
      var alone = TrainingBatch(sentences: (0..<6).map { Array(batch.tokens.ids[starts[$0]..<starts[$0 + 1]]) })
      alone.sourceGroups = batch.sourceGroups
      batch = alone
    }
    batch.teacher = Self.teacher(6, width: width, unit: way.loss == .cosine)
    var settings = ObjectiveSettings()
    (settings.xtrWeight, settings.alignmentWeight) = way.together ? (1, 2) : (0, 0)
    settings.temperature = 0.5
    settings.maskDuplicates = true
    var following = DistillationSettings()
    following.weight = 1.5
    (following.loss, following.sides, following.ranking, following.head) = (way.loss, way.sides, way.ranking, way.head)
    following.temperature = 0.5
    settings.distillation = following
    func losses(_ scale: Float) throws -> Losses {
      try model.accumulate(batch, objectives: settings, dropout: DropoutSettings(all: 0.2), key: 77, scale: scale)
    }
    let first = try losses(1)
    #expect(
      abs(first.total - 1.5 * first.distillation - (way.together ? first.xtr + 2 * first.alignment : 0))
        < 1e-9 * first.total)
    let moving = try check(model, losses)
    #expect(moving > (way.layers == 0 ? 4 : 12), "\(moving)")
  }

  @Test func dropoutFollowsItsKey() throws {
    let model = Self.model(on: Compute(threads: 1))
    let batch = Self.batch(6, duplicates: false)
    func loss(_ key: UInt64, _ p: Float) throws -> Double {
      var settings = ObjectiveSettings()
      settings.languageDropout = p
      return try model.accumulate(batch, objectives: settings, dropout: DropoutSettings(all: p), key: key).total
    }
    #expect(try loss(1, 0.3) == loss(1, 0.3))
    #expect(try loss(1, 0.3) != loss(2, 0.3))
    #expect(try loss(1, 0) == loss(2, 0))
    #expect(try loss(1, 0) == model.evaluate(batch, objectives: ObjectiveSettings()).total)
  }

  @Test(arguments: [1, 5, 40, 150]) func threadsChangeNoStep(pairs: Int) throws {
    let configuration = Configuration(
      numHiddenLayers: 2, hiddenSize: 36, numAttentionHeads: 3, intermediateSize: 70, vocabSize: 300,
      maxPositionEmbeddings: 30, lowercase: false, numLanguages: 3, languageSize: 11)
    func run(_ threads: Int) throws -> [[UInt32]] {
      let compute = Compute(threads: threads)
      let model = Self.model(configuration, on: compute)
      var adam = Adam(count: model.parameters.block.count, weightDecay: 0.01, decoupled: false)
      var losses: [UInt32] = []
      for step in 0..<3 as Range<UInt64> {
        model.clearGradients()
        let batch = Self.batch(pairs, duplicates: true, vocabulary: 300, longest: 30 - Int(step))
        var settings = ObjectiveSettings()
        settings.maskDuplicates = true
        let loss = try model.accumulate(
          batch, objectives: settings, dropout: DropoutSettings(), key: 0x517c_c1b7_2722_0a95 &* (step + 1))
        losses += [Float(loss.total).bitPattern, Float(loss.xtr).bitPattern, Float(loss.alignment).bitPattern]
        compute.step(&adam, weights: model.parameters.block, gradients: model.gradients.block, learningRate: 0.01)
      }
      return [losses] + [model.parameters.block, model.gradients.block, adam.square].map { $0.array.map(\.bitPattern) }
    }
    let expected = try run(1)
    #expect(try run(2) == expected)
    #expect(try run(3) == expected)
  }
}

/// Distillation against PyTorch (Tests/Oracles/make_distillation.py).
@Suite struct DistillationParityTests {
  @Test(arguments: ["cosine", "mse"], [1, 2]) func lossAndGradientsArePyTorchs(way: String, threads: Int) throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    let file = try SafeTensors(path: folder.appending(path: "Fixtures/distillation.safetensors").path)
    let compute = Compute(threads: threads)
    let configuration = Configuration(
      numHiddenLayers: 1, hiddenSize: 12, numAttentionHeads: 3, intermediateSize: 20, vocabSize: 23,
      maxPositionEmbeddings: 7, lowercase: false, pooling: .weighted)
    let model = TrainingModel(configuration, heads: TrainingHeads(teacherWidth: 17), on: compute)
    for (description, tensor) in model.parameters.named {
      tensor.copy(
        from: Tensor(try file.floats("init/\(description.name)"), rows: tensor.rows, columns: tensor.columns))
    }
    let ids = try file.integers("ids"), lengths = try file.integers("lengths")
    var start = 0
    let sentences = lengths.map { length in
      defer { start += Int(length) }
      return Array(ids[start..<start + Int(length)])
    }
    var batch = TrainingBatch(
      sources: Array(sentences[..<5]), targets: Array(sentences[5...]), sourceLanguages: [0, 0, 0, 0, 0],
      targetLanguages: [0, 0, 0, 0, 0])
    let teacher = Tensor(try file.floats("teacher"), rows: 5, columns: 17)
    if way == "cosine" { compute.normalizeRows(teacher, into: teacher, lengths: Tensor(rows: 5, columns: 1)) }
    batch.teacher = teacher
    var settings = ObjectiveSettings()
    (settings.xtrWeight, settings.alignmentWeight) = (0, 0)
    var following = DistillationSettings()
    if way == "mse" {
      following.loss = .mse
    } else {
      (following.ranking, following.temperature) = (0.7, 0.1)
    }
    settings.distillation = following
    let losses = try model.accumulate(batch, objectives: settings, dropout: .init(all: 0), key: 0)
    let expected = Double(try file.floats("\(way)/loss")[0])
    #expect(abs(losses.total - expected) < 1e-5 * expected)
    for (description, tensor) in model.gradients.named {
      let wanted = try file.floats("\(way)/grad/\(description.name)")
      let distance = relativeDistance(tensor.array, wanted)
      // A key's bias shifts all scores of a row alike, so its gradient is rounding noise.
      let absolute = zip(tensor.array, wanted).map { abs($0 - $1) }.max() ?? 0
      #expect(distance < 1e-4 || absolute < 1e-6, "\(description.name): \(distance)")
    }
  }
}
