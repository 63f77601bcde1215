import Encoder
import Kernels
import TestSupport
import Testing
import Train

/// The gradients of the whole model against differences of its loss, and the same bits on any number of threads.
@Suite struct GradientTests {
  static let configuration = Configuration(
    numHiddenLayers: 2, hiddenSize: 10, numAttentionHeads: 2, intermediateSize: 13, vocabSize: 19,
    maxPositionEmbeddings: 9, lowercase: false, numLanguages: 3, languageSize: 5)

  static func model(_ configuration: Configuration = configuration, on compute: Compute) -> TrainingModel {
    let model = TrainingModel(configuration, on: compute)
    var random = TestSupport.SplitMix(seed: 3)
    for (name, _, tensor) in model.parameters.named {
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
    // Gradients scale, and are added to what was there.
    model.clearGradients()
    _ = try losses(0.5)
    _ = try losses(0.5)
    let gradients = model.gradients.named.map(\.tensor.array)
    var check = GradientCheck()
    check.step = 0x1p-6
    check.tolerance = 1e-2
    check.floor = 5e-4
    var moving = 0
    for ((name, _, tensor), gradient) in zip(model.parameters.named, gradients) {
      let columns = tensor.columns
      let problems = try check.problems(
        count: tensor.count, read: { tensor[$0 / columns, $0 % columns] },
        write: { tensor[$0 / columns, $0 % columns] = $1 }, gradient: { gradient[$0] }, loss: { try losses(0).total })
      #expect(problems.isEmpty, "\(name): \(problems.prefix(3))")
      if gradient.contains(where: { abs($0) > 2e-3 }) { moving += 1 }
    }
    // Most tensors have gradients far above what the comparison forgives.
    #expect(moving > (weights.0 == 0 || weights.1 == 0 ? 25 : 33), "\(moving) of \(gradients.count)")
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
