import Base
import Index
import Work

extension PipelineStages {
  static let forward = "forward", backward = "backward"

  /// The lists of all rows, from those of the shards.
  func neighbours() -> Stage<NoCounts> {
    Stage(
      "neighbours", kind: "neighbours",
      outputs: NeighbourFiles.names(Self.forward) + NeighbourFiles.names(Self.backward),
      inputs: { [self] () throws(Failure) in
        var inputs: [StageInput] = Side.allCases.map { .counts(read($0)) }
        switch try searchKind() {
        case .exact: inputs += try exactSearches().map { .outputs($0) }
        case .lists: inputs.append(.outputs(listSearch()))
        case .indices: for side in Side.allCases { inputs += try indexSearches(side).map { .outputs($0) } }
        }
        return inputs
      },
      settings: { [self] () throws(Failure) in
        [
          "k": "\(options.k)", "exact": "\(try searchKind() == .exact)",
          "shards": "\((try shards(.source), try shards(.target)))",
        ]
      }
    ) { [self] () throws(Failure) in
      job.report("merging neighbours")
      let kind = try searchKind()
      let exact = kind == .exact
      for (side, name) in [(Side.source, Self.forward), (.target, Self.backward)] {
        let others = try rows(side.other)
        if kind == .lists {
          let stored = side == .source ? Self.listForward : Self.listBackward
          try NeighbourFiles.write(
            NeighbourFiles.read(from: folder.file(stored), count: others), to: folder.file(name))
          continue
        }
        var lists = NeighbourLists(rows: try rows(side), k: min(options.k, others))
        for shard in try 0..<shards(side) {
          let first = try rows(side, shard).lowerBound
          if exact {
            for other in try 0..<shards(side.other) {
              let names = if side == .source { Self.lists(shard, other) } else { Self.lists(other, shard) }
              let range = try rows(side.other, other)
              lists.merge(
                try NeighbourFiles.read(
                  from: folder.file(side == .source ? names.forward : names.backward), count: range.count,
                  offset: range.lowerBound),
                at: first)
            }
          } else {
            lists.merge(
              try NeighbourFiles.read(from: folder.file(Self.lists(side, shard)), count: others), at: first)
          }
        }
        try NeighbourFiles.write(lists, to: folder.file(name))
      }
      return NoCounts()
    }
  }
}
