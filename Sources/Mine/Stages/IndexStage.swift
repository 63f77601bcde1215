import Base
import Index
import Kernels
import Work

extension PipelineStages {
  /// The index over a whole side: of one shard made at once, of several merged from theirs.
  func index(_ side: Side) throws(Failure) -> Stage<RowCount> {
    if let kept = kept(side) { return try keepIndex(side, kept) }
    return Stage(
      "index-\(side)", kind: "index", outputs: [side.index],
      inputs: { [self] () throws(Failure) in
        var inputs: [StageInput] = [.counts(read(side))]
        if try shards(side) == 1 {
          inputs += try rowInputs(side)
        } else {
          inputs += try indexParts(side).map { .outputs($0) }
        }
        return inputs
      },
      settings: { [self] () throws(Failure) in try indexSettings(side) }
    ) { [self] () throws(Failure) in
      let shards = try shards(side)
      let index: FaissIndex
      if shards == 1 {
        index = try FaissIndex.build(
          embeddings(side), factory: factory(side), on: Compute(threads: threads), job: job,
          subject: "indexing \(side)")
      } else {
        index = try FaissIndex(path: folder.file(side.index(0)))
        for shard in 1..<shards {
          try job.check(folder.path)
          job.report("merging the index over \(side), shard \(shard) of \(shards)")
          try index.merge(FaissIndex(path: folder.file(side.index(shard))))
        }
      }
      try index.write(to: folder.file(side.index))
      return RowCount(rows: index.count)
    }
  }
}
