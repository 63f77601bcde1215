import Base
import Index
import Kernels
import Work

/// Cells of an index that a query looked into.
struct ProbeCount: StageCounts {
  var probes: Int
}

extension PipelineStages {
  /// The neighbours of a shard of one side through the index over the other.
  func search(_ side: Side, shard: Int) -> Stage<ProbeCount> {
    let prefix = Self.lists(side, shard)
    return Stage(
      "search-\(side)-\(shard)", kind: "search", outputs: NeighbourFiles.names(prefix),
      inputs: { [self] () throws(Failure) in
        [.counts(read(side)), .counts(read(side.other))] + rowInputs(side, shard)
          + (try indexInputs(side.other) + rowInputs(side.other))
      },
      settings: { [self] () throws(Failure) in
        [
          "k": "\(options.k)", "simd": Compute().equivalent(in: .float32), "rows": "\(try rows(side, shard))",
          "factory": try factory(side.other), "probes": options.probes.map { "\($0)" } ?? "default",
          "engine": options.engine.rawValue,
        ]
      }
    ) { [self] () throws(Failure) in
      let index = try FaissIndex(path: indexPath(side.other), mapped: true)
      if let probes = options.probes { index.probes = probes }
      let lists = try index.nearest(
        EmbeddingSide(written: [embeddings(side, shard)]), k: options.k, vectors: embeddings(side.other),
        engine: options.engine, on: Compute(threads: threads), job: job, subject: "search \(side) \(shard)")
      try NeighbourFiles.write(lists, to: folder.file(prefix))
      return ProbeCount(probes: index.probes)
    }
  }

  /// The searches of all shards of a side.
  func indexSearches(_ side: Side) throws(Failure) -> [Stage<ProbeCount>] {
    try (0..<shards(side)).map { search(side, shard: $0) }
  }

  /// The files of the neighbours of a shard.
  static func lists(_ side: Side, _ shard: Int) -> String { "search.\(side).\(shard)" }
}
