import Base
import Work

/// An estimate in its file; nil where there are too few pairs for one.
struct StoredEstimate: Codable {
  var estimate: PrecisionEstimate?
}

extension PipelineStages {
  private static let estimateFile = "precision.json"

  /// Estimates how many pairs are right at each threshold.
  func estimate() -> Stage<NoCounts> {
    Stage(
      "estimate", kind: "estimate", outputs: [Self.estimateFile],
      inputs: { [self] () throws(Failure) in [.outputs(neighbours()), .counts(read(.source)), .counts(read(.target))] },
      settings: { [options] () throws(Failure) in
        [
          "margin": options.mining.margin.rawValue, "retrieval": options.mining.retrieval.rawValue,
          "limit": options.mining.limit.map { "\($0)" } ?? "none",
          "goal": options.precision.map { "\($0.value)" } ?? "none",
        ]
      }
    ) { [self] () throws(Failure) in
      job.report("estimating precision")
      let miner = PairMiner(try storedNeighbours())
      let estimate = PrecisionEstimate(miner, options: options.mining, goal: options.precision?.value)
      try job.check(folder.path)
      try JSONFile.write(StoredEstimate(estimate: estimate), to: folder.file(Self.estimateFile))
      return NoCounts()
    }
  }

  /// What the stage found.
  func storedEstimate() throws(Failure) -> PrecisionEstimate? {
    try JSONFile.read(StoredEstimate.self, from: folder.file(Self.estimateFile)).estimate
  }

  /// Where the pairs are cut; the estimate must be there if a precision is the goal.
  func cut() throws(Failure) -> Cut {
    if options.filter != nil, options.mining.threshold == nil {
      return Cut(filterWith: options.leastProbability == nil ? options.precision?.value : nil)
    }
    let estimate = options.mining.threshold == nil && options.precision != nil ? try storedEstimate() : nil
    return try Cut(
      threshold: options.mining.threshold, goal: options.precision, estimate: estimate, subject: output)
  }
}
