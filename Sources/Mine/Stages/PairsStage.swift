import Base
import Work

/// Candidates and pairs. At a threshold, those of the pairs that are not below it.
struct PairCounts: StageCounts {
  var candidates: Int, pairs: Int
  var atThreshold: [Double: Int] = [:]

  private enum CodingKeys: String, CodingKey { case candidates, pairs }

  init(candidates: Int, pairs: Int) { (self.candidates, self.pairs) = (candidates, pairs) }

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    candidates = try values.decode(Int.self, forKey: .candidates)
    pairs = try values.decode(Int.self, forKey: .pairs)
    atThreshold = try decoder.thresholdCounts()
  }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(candidates, forKey: .candidates)
    try values.encode(pairs, forKey: .pairs)
    try encoder.encode(thresholdCounts: atThreshold)
  }
}

extension PipelineStages {
  /// Scores candidates, chooses pairs and writes them.
  func pairs() -> Stage<PairCounts> {
    Stage(
      "pairs", kind: "pairs", outputs: outputFiles,
      inputs: { [self] () throws(Failure) in
        var inputs: [StageInput] = [.outputs(neighbours()), .outputs(read(.source)), .outputs(read(.target))]
        if options.mining.threshold == nil, options.precision != nil { inputs.append(.outputs(estimate())) }
        return inputs
      },
      settings: { [options] () throws(Failure) in
        [
          "margin": options.mining.margin.rawValue, "retrieval": options.mining.retrieval.rawValue,
          "threshold": options.mining.threshold.map { "\($0)" } ?? options.precision.map { "precision \($0.value)" }
            ?? "none",
          "limit": options.mining.limit.map { "\($0)" } ?? "none",
          "fields": options.fields.map(\.rawValue).joined(separator: ","),
        ]
      }
    ) { [self] () throws(Failure) in
      job.report("scoring")
      let mining = try cut().applied(to: options.mining)
      let found = try storedNeighbours()
      let writer = try PairWriter(
        fields: options.fields, source: pairSide(.source), target: pairSide(.target), neighbours: found)
      let (pairs, candidates) = PairMiner(found).pairs(mining)
      try job.check(folder.path)
      try writer.write(pairs, to: outputs)
      var counts = PairCounts(candidates: candidates, pairs: pairs.count)
      for threshold in thresholds where threshold >= mining.threshold ?? -.infinity {
        counts.atThreshold[threshold] = pairs.count { $0.score >= threshold }
      }
      return counts
    }
  }
}

extension Decoder {
  /// The counts of a manifest whose keys are numbers: thresholds, as `1.06`.
  func thresholdCounts() throws -> [Double: Int] {
    let values = try container(keyedBy: NamedCount.self)
    var counts: [Double: Int] = [:]
    for key in values.allKeys {
      if let threshold = Double(key.stringValue) { counts[threshold] = try values.decode(Int.self, forKey: key) }
    }
    return counts
  }
}

extension Encoder {
  /// Writes counts at thresholds beside others.
  func encode(thresholdCounts counts: [Double: Int]) throws {
    var values = container(keyedBy: NamedCount.self)
    for (threshold, count) in counts { try values.encode(count, forKey: NamedCount(stringValue: "\(threshold)")) }
  }
}
