// Speed of the EMS training step on random token ids: the same work as a PyTorch implementation of it is timed on (sentence
// lengths log-normal with mean about 26 tokens, all dropouts on, Adam with AMSGrad).
//
// Usage: TrainBenchmark CONFIG.json [BATCH] [STEPS] [THREADS]
import Encoder
import Foundation
import Kernels
import Train

let arguments = CommandLine.arguments
guard arguments.count >= 2 else {
  print("usage: TrainBenchmark CONFIG.json [BATCH=128] [STEPS=8] [THREADS=2]")
  exit(64)
}
func number(_ index: Int, _ fallback: Int) -> Int {
  arguments.count > index ? Int(arguments[index]) ?? fallback : fallback
}
let pairs = number(2, 128), steps = number(3, 8), threads = number(4, 2)
let configuration = try Configuration(path: arguments[1])

struct Generator: RandomNumberGenerator {
  var state: UInt64 = 1
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    var z = state
    z = (z ^ (z >> 33)) &* 0xff51_afd7_ed55_8ccd
    return z ^ (z >> 33)
  }
}
var random = Generator()
@MainActor func normal() -> Double {
  let a = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &random)
  let b = Double.random(in: 0..<1, using: &random)
  return (-2 * log(a)).squareRoot() * cos(2 * .pi * b)
}
@MainActor func sentence() -> [Int32] {
  let length = min(max(Int(exp(3.1 + 0.55 * normal())), 3), configuration.maxPositionEmbeddings)
  return (0..<length).map { _ in Int32.random(in: 4..<Int32(configuration.vocabSize), using: &random) }
}

let compute = Compute(threads: threads)
let model = TrainingModel(configuration, on: compute)
for (description, tensor) in model.parameters.named {
  let name = description.name
  let norm = name.lowercased().contains("norm") && name.hasSuffix("weight")
  tensor.withMutableElements { elements in
    for i in elements.indices { elements[i] = norm ? 1 : Float.random(in: -0.035...0.035, using: &random) }
  }
}
var adam = Adam(count: model.parameters.block.count, weightDecay: 1e-5, decoupled: false)
var times: [Double] = [], tokens: [Int] = []
for step in 0..<steps {
  let batch = TrainingBatch(
    sources: (0..<pairs).map { _ in sentence() }, targets: (0..<pairs).map { _ in sentence() },
    sourceLanguages: (0..<pairs).map { _ in Int32.random(in: 0..<Int32(configuration.numLanguages), using: &random) },
    targetLanguages: (0..<pairs).map { _ in Int32.random(in: 0..<Int32(configuration.numLanguages), using: &random) })
  let start = ContinuousClock.now
  model.clearGradients()
  _ = try model.accumulate(batch, objectives: .init(), dropout: .init(), key: UInt64(step))
  compute.step(&adam, weights: model.parameters.block, gradients: model.gradients.block, learningRate: 3e-4)
  let seconds = (ContinuousClock.now - start) / .seconds(1)
  if step > 0 {
    times.append(seconds)
    tokens.append(batch.tokens.segments.tokens)
  }
}
let time = times.sorted()[times.count / 2]
let meanTokens = Double(tokens.reduce(0, +)) / Double(tokens.count)
let (d, f, l) = (configuration.hiddenSize, configuration.intermediateSize, configuration.numHiddenLayers)
let w = d + configuration.languageSize
let matrices = Double(l * (4 * d * d + 2 * d * f))
let flops = 6 * matrices * meanTokens + 12 * Double(pairs * w * (configuration.vocabSize + w))
print(
  String(
    format: "ems: %.1f pairs/s  %.0f tokens/s  %.1f GFLOP/s in matrices (%@, %d threads)", Double(pairs) / time,
    meanTokens / time, flops / time / 1e9, compute.simd, threads))
