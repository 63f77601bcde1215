import Base
import Index
import Kernels
import Work

/// True neighbours of a sample of each side's rows: those that were found, and all.
struct RecallCounts: StageCounts {
  var sourceFound: Int, sourceAll: Int
  var targetFound: Int, targetAll: Int

  private enum CodingKeys: String, CodingKey {
    case sourceFound = "source_found"
    case sourceAll = "source_all"
    case targetFound = "target_found"
    case targetAll = "target_all"
  }
}

extension PipelineStages {
  /// Rows of each side that are searched exactly, too.
  static let recallSample = 1000

  /// What an index missed: the lists of a sample of rows against exact search.
  func recall() -> Stage<RecallCounts> {
    Stage(
      "recall", kind: "recall", outputs: [],
      inputs: { [self] () throws(Failure) in
        var inputs: [StageInput] = [.outputs(neighbours())]
        for side in Side.allCases { inputs += try rowInputs(side) }
        return inputs
      },
      settings: { () throws(Failure) in ["sample": "\(Self.recallSample)"] }
    ) { [self] () throws(Failure) in
      job.report("measuring recall")
      let found = try storedNeighbours()
      let compute = Compute(threads: threads)
      let (source, target) = (try embeddings(.source), try embeddings(.target))
      let forward = try found.forward.recall(
        of: source, in: target, sample: Self.recallSample, on: compute, job: job)
      let backward = try found.backward.recall(
        of: target, in: source, sample: Self.recallSample, on: compute, job: job)
      guard let forward, let backward else { throw Interruption.failure(folder.path) }
      return RecallCounts(
        sourceFound: forward.found, sourceAll: forward.all, targetFound: backward.found, targetAll: backward.all)
    }
  }
}
