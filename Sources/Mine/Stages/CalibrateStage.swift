import Base
import Kernels
import Work

/// Pairs planted.
struct PlantedCount: StageCounts {
  var planted: Int
}

extension PipelineStages {
  private static let calibrationFile = "calibration.json"

  /// Sees how well thresholds find planted pairs.
  func calibrate(_ calibration: CalibrationOptions) -> Stage<PlantedCount> {
    Stage(
      "calibrate", kind: "calibrate", outputs: [Self.calibrationFile],
      inputs: { [self] () throws(Failure) in
        var inputs: [StageInput] = [.outputs(neighbours()), .outputs(estimate())]
        for side in Side.allCases {
          inputs += try rowInputs(side)
          inputs.append(.outputs(read(side)))
        }
        return inputs + modelFiles + [.file(calibration.bitext, name: "bitext")]
      },
      settings: { [self, options] () throws(Failure) in
        let settings = [
          "pairs": "\(calibration.pairs)", "seed": "\(calibration.seed)", "k": "\(options.k)",
          "margin": options.mining.margin.rawValue, "retrieval": options.mining.retrieval.rawValue,
          "simd": Compute().equivalent(in: .float32),
        ]
        return try settings.merging(languageSettings([.source, .target])) { $1 }
      }
    ) { [self] () throws(Failure) in
      job.report("calibrating with \(calibration.pairs) planted pairs")
      let planted = try PlantedPairs(
        calibration, absentFrom: Side.allCases.map { (folder.file($0.text), storedText($0)) }, job: job)
      let encoder = try loadedEncoder()
      let compute = Compute(threads: threads)
      let found = try planted.neighbours(
        among: storedNeighbours(), source: embeddings(.source), target: embeddings(.target), k: options.k,
        encoder: encoder, inputs: [languageInput(.source), languageInput(.target)], on: compute, job: job)
      let result = Calibration(
        PairMiner(found), planted: planted.count, options: options.mining, estimate: try storedEstimate())
      try JSONFile.write(result, to: folder.file(Self.calibrationFile))
      return PlantedCount(planted: planted.count)
    }
  }

  /// What the stage found.
  func storedCalibration() throws(Failure) -> Calibration {
    try JSONFile.read(Calibration.self, from: folder.file(Self.calibrationFile))
  }
}
