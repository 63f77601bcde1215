import Base
import Encoder
import Formats
import Foundation
import Kernels
import Testing

import Train

/// Fixtures made by running the reference implementation in double precision: NAME.json and NAME.safetensors.
struct GoldenFixture: CustomTestStringConvertible {
  let name: String
  let folder: String
  var testDescription: String { name }

  /// Every fixture in EMS_GOLDEN (default ../shared/golden), and those that come with the tests.
  static var all: [GoldenFixture] {
    let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let given = ProcessInfo.processInfo.environment["EMS_GOLDEN"]
    let folders = [
      given ?? package.appending(path: "../shared/golden").path,
      package.appending(path: "Tests/TrainTests/Fixtures").path,
    ]
    return folders.flatMap { folder in
      let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return files.filter { $0.hasSuffix(".json") }.sorted().map {
        GoldenFixture(name: String($0.dropLast(5)), folder: folder)
      }
    }
  }

  struct Description: Decodable {
    struct Step: Decodable { let lr, loss, xtr_loss, alignment_loss: Double }
    struct Optimizer: Decodable {
      let betas: [Float]
      let eps, weight_decay: Float
    }
    let num_layers, hidden, heads, ffn, vocab, languages, language_dim, max_len, batch: Int
    let steps: [Step]
    let optimizer: Optimizer
  }

  func description() throws -> Description {
    try JSONDecoder().decode(Description.self, from: Data(contentsOf: URL(filePath: "\(folder)/\(name).json")))
  }

  func tensors() throws -> SafeTensors { try SafeTensors(path: "\(folder)/\(name).safetensors") }
}

extension GoldenFixture.Description {
  var configuration: Configuration {
    Configuration(
      numHiddenLayers: num_layers, hiddenSize: hidden, numAttentionHeads: heads, intermediateSize: ffn,
      vocabSize: vocab, maxPositionEmbeddings: max_len, lowercase: false, numLanguages: languages,
      languageSize: language_dim)
  }
}

/// |a - b| / |b|, in double.
func relativeDistance(_ a: [Float], _ b: [Float]) -> Double {
  var difference = 0.0, size = 0.0
  for (x, y) in zip(a, b) {
    difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
    size += Double(y) * Double(y)
  }
  return difference.squareRoot() / max(size.squareRoot(), 1e-30)
}

/// The same numbers as the reference implementation, on every fixture that is there (design: "Parity fixtures").
@Suite("GoldenParity")
struct GoldenParityTests {
  @Test(arguments: GoldenFixture.all, [1, 2])
  func parity(_ fixture: GoldenFixture, threads: Int) throws {
    print("GoldenParity: fixture \(fixture.name), \(threads) thread(s)")
    let description = try fixture.description()
    let file = try fixture.tensors()
    let compute = Compute(threads: threads)
    let model = TrainingModel(description.configuration, on: compute)
    for (description, tensor) in model.parameters.named {
      let (name, shape) = (description.name, description.shape.shape)
      let entry = try file.entry("init/" + name)
      #expect(entry.shape == shape, "\(name)")
      tensor.copy(from: Tensor(try file.floats("init/" + name), rows: tensor.rows, columns: tensor.columns))
    }
    var adam = Adam(
      count: model.parameters.block.count, weightDecay: description.optimizer.weight_decay, decoupled: false)
    adam.betas = (description.optimizer.betas[0], description.optimizer.betas[1])
    adam.epsilon = description.optimizer.eps
    var settings = ObjectiveSettings()
    settings.languageDropout = 0

    for (t, step) in description.steps.enumerated() {
      let batch = try readBatch(file, "step\(t)/")

      // The inference path, then the training path, against the same embeddings.
      let inference = InferencePass(
        InferenceWeights(model.parameters, on: compute), capacity: batch.tokens.segments.tokens, on: compute)
      let u = Tensor(rows: 2 * batch.count, columns: description.hidden)
      inference.encode(batch.tokens, into: u)
      let trained = model.embed(batch)
      for (side, first) in [(1, 0), (2, batch.count)] {
        let expected = try file.floats("step\(t)/sentence_embedding\(side)")
        for i in 0..<batch.count {
          let row = Array(expected[i * description.hidden..<(i + 1) * description.hidden])
          #expect(relativeDistance(u.rows(first + i..<first + i + 1).array, row) < 2e-5)
          #expect(relativeDistance(trained.rows(first + i..<first + i + 1).array, row) < 2e-5)
        }
      }

      model.clearGradients()
      let losses = try model.accumulate(batch, objectives: settings, dropout: .init(all: 0), key: 0)
      #expect(abs(losses.total - step.loss) < 1e-5 * abs(step.loss))
      #expect(abs(losses.xtr - step.xtr_loss) < 1e-5 * abs(step.xtr_loss))
      #expect(abs(losses.alignment - step.alignment_loss) < 1e-5 * abs(step.alignment_loss))
      if t == 0 {
        for (description, tensor) in model.gradients.named {
          let name = description.name
          check(name, tensor.array, try file.floats("grad/" + name))
        }
      }
      compute.step(
        &adam, weights: model.parameters.block, gradients: model.gradients.block, learningRate: Float(step.lr))
    }
    for (description, tensor) in model.parameters.named {
      let name = description.name
      // AMSGrad divides by the root of tiny second moments: where the gradient is rounding noise (a key's bias shifts all
      // scores of a row alike, so its gradient is 0), the parameter moves by noise, and only the absolute size counts.
      check(name, tensor.array, try file.floats("after4/" + name))
    }
  }

  private func check(_ name: String, _ found: [Float], _ expected: [Float]) {
    let relative = relativeDistance(found, expected)
    let absolute = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
    #expect(relative < 1e-4 || absolute < 1e-6, "\(name): relative \(relative), absolute \(absolute)")
  }

  private func readBatch(_ file: SafeTensors, _ prefix: String) throws -> TrainingBatch {
    func sentences(_ side: Int) throws -> [[Int32]] {
      let ids = try file.integers("\(prefix)ids\(side)"), lengths = try file.integers("\(prefix)len\(side)")
      let width = ids.count / lengths.count
      return lengths.enumerated().map { i, n in Array(ids[i * width..<i * width + Int(n)]) }
    }
    // target_language1 is the language of sentence 2: what sentence 1 reconstructs.
    return TrainingBatch(
      sources: try sentences(1), targets: try sentences(2),
      sourceLanguages: try file.integers("\(prefix)target_language2"),
      targetLanguages: try file.integers("\(prefix)target_language1"))
  }
}
