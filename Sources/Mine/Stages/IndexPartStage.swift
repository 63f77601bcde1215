import Base
import Index
import Kernels
import Work

extension PipelineStages {
  /// Puts the rows of a shard into the trained cells.
  func indexPart(_ side: Side, _ shard: Int) -> Stage<RowCount> {
    Stage(
      "add-\(side)-\(shard)", kind: "add", outputs: [side.index(shard)],
      inputs: { [self] () throws(Failure) in
        [.counts(read(side)), .outputs(trainIndex(side)), .outputs(encode(side, shard))]
      },
      settings: { [self] () throws(Failure) in try indexSettings(side) }
    ) { [self] () throws(Failure) in
      let index = try FaissIndex(path: folder.file(side.trainedIndex))
      try index.add(
        EmbeddingSide(written: [embeddings(side, shard)]), on: Compute(threads: threads), job: job,
        subject: "indexing \(side) \(shard)")
      try index.write(to: folder.file(side.index(shard)))
      return RowCount(rows: index.count)
    }
  }

  /// The parts of an index of several shards.
  func indexParts(_ side: Side) throws(Failure) -> [Stage<RowCount>] {
    try (0..<shards(side)).map { indexPart(side, $0) }
  }
}
