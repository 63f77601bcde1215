import Base
import Index
import Kernels
import Work

extension PipelineStages {
  /// Trains the cells of the index over a side of several shards.
  func trainIndex(_ side: Side) -> Stage<NoCounts> {
    Stage(
      "train-\(side)", kind: "train", outputs: [side.trainedIndex],
      inputs: { [self] () throws(Failure) in [.counts(read(side))] + (try rowInputs(side)) },
      settings: { [self] () throws(Failure) in try indexSettings(side) }
    ) { [self] () throws(Failure) in
      job.report("training the index over \(side)")
      try FaissIndex.trained(factory(side), on: embeddings(side), on: Compute(threads: threads), job: job)
        .write(to: folder.file(side.trainedIndex))
      return NoCounts()
    }
  }
}
