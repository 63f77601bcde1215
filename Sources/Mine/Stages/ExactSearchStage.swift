import Base
import Index
import Kernels
import Work

/// Rows whose neighbours were found.
struct RowCount: StageCounts {
  var rows: Int
}

extension PipelineStages {
  /// Exact neighbours between a shard of the source and one of the target, both ways.
  func search(_ i: Int, _ j: Int) -> Stage<RowCount> {
    let (forward, backward) = Self.lists(i, j)
    return Stage(
      "search-\(i)-\(j)", kind: "search", outputs: NeighbourFiles.names(forward) + NeighbourFiles.names(backward),
      inputs: { [self] () throws(Failure) in
        [
          .counts(read(.source)), .counts(read(.target)), .outputs(encode(.source, i)), .outputs(encode(.target, j)),
        ]
      },
      settings: { [self] () throws(Failure) in
        [
          "k": "\(options.k)", "simd": Compute().equivalent(in: .float32), "source": "\(try rows(.source, i))",
          "target": "\(try rows(.target, j))",
        ]
      }
    ) { [self] () throws(Failure) in
      let compute = Compute(threads: threads)
      let search = try ExactNeighbours(
        source: EmbeddingSide(embeddings(.source, i), on: compute),
        target: EmbeddingSide(embeddings(.target, j), on: compute), k: options.k)
      guard let found = search.search(on: compute, job: job, subject: "search \(i) \(j)") else {
        throw Interruption.failure(folder.path)
      }
      try NeighbourFiles.write(found.forward, to: folder.file(forward))
      try NeighbourFiles.write(found.backward, to: folder.file(backward))
      return RowCount(rows: found.forward.rows)
    }
  }

  /// The searches of all pairs of shards.
  func exactSearches() throws(Failure) -> [Stage<RowCount>] {
    let targets = try shards(.target)
    return try (0..<shards(.source)).flatMap { i in (0..<targets).map { search(i, $0) } }
  }

  /// The files of the neighbours between two shards.
  static func lists(_ i: Int, _ j: Int) -> (forward: String, backward: String) {
    ("search.\(i).\(j).forward", "search.\(i).\(j).backward")
  }
}
