import Base
import Corpus
import Formats
import Kernels
import Work

/// Lines written, and those with an empty side. At a threshold, those of all lines that are not below it.
struct ScoreCounts: StageCounts {
  var written = 0, empty = 0
  /// A threshold that no line reaches is not in it.
  var atThreshold: [Double: Int] = [:]
  /// Lines that were left out for a flag, by the first flag that was not wanted.
  var dropped: [String: Int] = [:]

  private enum CodingKeys: String, CodingKey { case written, empty }

  init() {}

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    written = try values.decode(Int.self, forKey: .written)
    empty = try values.decode(Int.self, forKey: .empty)
    atThreshold = try decoder.thresholdCounts()
    dropped = try decoder.droppedCounts()
  }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(written, forKey: .written)
    try values.encode(empty, forKey: .empty)
    try encoder.encode(thresholdCounts: atThreshold)
    try encoder.encode(droppedCounts: dropped)
  }
}

extension PipelineStages {
  /// Scores each line of two aligned texts.
  func scores() -> Stage<ScoreCounts> {
    Stage(
      "scores", kind: "scores", outputs: outputFiles,
      inputs: { [self] () throws(Failure) in
        var inputs: [StageInput] = [.outputs(neighbours())]
        for side in Side.allCases {
          inputs.append(.outputs(read(side)))
          inputs += try rowInputs(side)
        }
        return inputs
      },
      settings: { [self] () throws(Failure) in
        [
          "margin": options.mining.margin.rawValue, "threshold": options.mining.threshold.map { "\($0)" } ?? "none",
          "fields": options.fields.map(\.rawValue).joined(separator: ","),
        ].merging(self.flagSettings) { $1 }
      }
    ) { [self] () throws(Failure) in
      job.report("scoring")
      let found = try storedNeighbours()
      let lines = try run.counts(of: read(.source)).lines
      let sources = try Npy.readInt32(from: folder.file(Side.source.rowsOfLines), shape: [lines])
      let targets = try Npy.readInt32(from: folder.file(Side.target.rowsOfLines), shape: [lines])
      let (source, target) = (try pairSide(.source), try pairSide(.target))
      let writer = try PairWriter(fields: options.fields, source: source, target: target, neighbours: found)
      var flagger: PairFlagger?
      if options.wantsFlags {
        flagger = PairFlagger(
          source: source, target: target, neighbours: found, languages: flagLanguages,
          rows: PairFlagger.spread(lines, 20_000).map { (Int(sources[$0]), Int(targets[$0])) })
      }
      let drop = FlagDrop(options.dropped)
      let scorer = LineScorer(PairMiner(found), source: try embeddings(.source), target: try embeddings(.target))
      let text = try PairOutputs(outputs, writer)
      var counts = ScoreCounts()
      let compute = Compute(threads: threads)
      for first in stride(from: 0, to: lines, by: 1 << 14) {
        try job.check(folder.path)
        let block = first..<min(first + 1 << 14, lines)
        let pairs = scorer.pairs(Array(sources[block]), Array(targets[block]), options.mining.margin, on: compute)
        let flags = try flagger?.flags(of: pairs, threads: threads, job: job)
        for (i, pair) in pairs.enumerated() {
          if pair.source < 0 || pair.target < 0 { counts.empty += 1 }
          for threshold in thresholds where pair.score >= threshold { counts.atThreshold[threshold, default: 0] += 1 }
          if pair.score < options.mining.threshold ?? -.infinity { continue }
          if let flags, let reason = drop.reason(flags[i]) {
            counts.dropped[reason.rawValue, default: 0] += 1
            continue
          }
          counts.written += 1
          try text.write(pair, PairNotes(flags: flags?[i] ?? []), number: first + i)
        }
        job.report("scoring", Double(block.upperBound) / Double(lines))
      }
      try text.commit()
      return counts
    }
  }
}
