import Base
import Index
import Kernels
import Work

/// What a search by shared cells did.
public struct ListCounts: Sendable, Codable, Equatable {
  /// Cells, and how many of them a row looked into.
  public var cells: Int, probes: Int
  /// The share of the true neighbours that was wanted.
  public var recall: Double
}

extension PipelineStages {
  /// The neighbours of all rows of both sides by cells that they share.
  func listSearch() -> Stage<ListCounts> {
    Stage(
      "search-lists", kind: "search",
      outputs: NeighbourFiles.names(Self.listForward) + NeighbourFiles.names(Self.listBackward),
      inputs: { [self] () throws(Failure) in
        var inputs: [StageInput] = Side.allCases.map { .counts(read($0)) }
        for side in Side.allCases { inputs += try rowInputs(side) }
        return inputs
      },
      settings: { [self] () throws(Failure) in
        [
          "k": "\(options.k)", "simd": Compute().equivalent(in: .float32), "recall": "\(options.recall)",
          "probes": options.probes.map { "\($0)" } ?? "measured",
        ]
      }
    ) { [self] () throws(Failure) in
      let compute = Compute(threads: threads)
      let search = ListNeighbours(
        try ExactNeighbours(source: embeddings(.source), target: embeddings(.target), k: options.k),
        probes: options.probes, recall: options.recall)
      guard let found = try search.search(on: compute, job: job, subject: "search") else {
        throw Interruption.failure(folder.path)
      }
      try NeighbourFiles.write(found.neighbours.forward, to: folder.file(Self.listForward))
      try NeighbourFiles.write(found.neighbours.backward, to: folder.file(Self.listBackward))
      return ListCounts(cells: search.cells, probes: found.probes, recall: options.recall)
    }
  }

  static let listForward = "search.lists.forward", listBackward = "search.lists.backward"

  /// What the search by cells did; nil for another search.
  func listCounts() throws(Failure) -> ListCounts? {
    try searchKind() == .lists ? run.counts(of: listSearch()) : nil
  }
}
