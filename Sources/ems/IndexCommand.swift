import ArgumentParser
import Base
import Corpus
import Foundation
import Index
import Kernels

struct IndexCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index",
    abstract: "Builds, searches and judges Faiss indices over embedding files.",
    discussion: """
      Files are Faiss's own and open in Python's faiss (inner product over vectors of length 1).

      EXAMPLES
        ems index build en.npy --output en.faiss
        ems index build en.npy --factory "IVF4096,PQ64" --output en.faiss
        ems index search en.faiss de.npy --k 4 --nprobe 64 --vectors en.npy --output found.tsv
        ems index recall en.faiss --vectors en.npy --queries de.npy --k 4
        ems index info en.faiss
      """,
    subcommands: [Build.self, Search.self, Recall.self, Info.self])

  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Builds an index over the rows of an embedding file.")

    @Argument(help: "Embeddings, a .npy file.", completion: .file(extensions: ["npy"]))
    var embeddings: String

    @Option(help: "Faiss's factory string; chosen from the number of rows if not given.")
    var factory: String?

    @Option(help: "Rows to train on; 64 for each cell if not given.")
    var trainRows: Int?

    @Option(name: .shortAndLong, help: "The index file.")
    var output: String

    @OptionGroup var common: CommonOptions

    func validate() throws {
      if let trainRows, trainRows < 1 { throw ValidationError("--train-rows must be at least 1.") }
    }

    func run() throws {
      let console = Console(quiet: common.quiet)
      let compute = Compute(threads: common.threads)
      let file = try EmbeddingFile(path: embeddings)
      let index = try FaissIndex.build(file, factory: factory, sampleRows: trainRows, on: compute) {
        console.progress("indexing \(Int(100 * $0))%")
      }
      try index.write(to: output)
      console.say("\(output): \(index.name), \(index.count) vectors of \(index.dimension) elements")
      if common.json { try Console.printJSON(Description(index)) }
    }
  }

  struct Search: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Finds the nearest vectors of every query; writes query, rank, id and score.")

    @Argument(help: "An index file.", completion: .file(extensions: ["faiss"]))
    var index: String

    @Argument(help: "Queries, a .npy file.", completion: .file(extensions: ["npy"]))
    var queries: String

    @Option(help: "Neighbours for each query.")
    var k: Int = 4

    @Option(help: "Cells to look into; what the index was built with if not given.")
    var nprobe: Int?

    @Option(help: "The embeddings that the index was built from: candidates are scored again with them.")
    var vectors: String?

    @Option(name: .shortAndLong, help: "Tab-separated output; .zst and .gz compress.")
    var output: String

    @OptionGroup var common: CommonOptions

    func validate() throws {
      guard k >= 1 else { throw ValidationError("--k must be at least 1.") }
    }

    func run() throws {
      let console = Console(quiet: common.quiet)
      let index = try FaissIndex(path: index)
      if let nprobe { index.probes = nprobe }
      let queries = try EmbeddingFile(path: queries)
      let vectors = try vectors.map { try EmbeddingFile(path: $0) }
      let writer = try TextWriter(path: output)
      try index.search(queries, k: k, vectors: vectors, on: Compute(threads: common.threads)) {
        (row, ids, scores) throws(Failure) in
        for (rank, (id, score)) in zip(ids, scores).enumerated() {
          try writer.writeLine("\(row)\t\(rank + 1)\t\(id)\t\(String(format: "%.6f", score))")
        }
        console.progress("query \(row + 1) of \(queries.rows)")
      }
      try writer.commit()
      console.finish()
      if common.json { try Console.printJSON(["queries": queries.rows, "k": k]) }
    }
  }

  struct Recall: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Measures recall@k against exact search on a sample of queries.")

    @Argument(help: "An index file.", completion: .file(extensions: ["faiss"]))
    var index: String

    @Option(help: "The embeddings that the index was built from.")
    var vectors: String

    @Option(help: "Queries; the vectors themselves if not given.")
    var queries: String?

    @Option(help: "Neighbours.")
    var k: Int = 4

    @Option(help: "Queries to draw.")
    var sample: Int = 1000

    @Option(help: "Cells to look into; what the index was built with if not given.")
    var nprobe: Int?

    @OptionGroup var common: CommonOptions

    func validate() throws {
      guard k >= 1, sample >= 1 else { throw ValidationError("--k and --sample must be at least 1.") }
    }

    func run() throws {
      let index = try FaissIndex(path: index)
      if let nprobe { index.probes = nprobe }
      let base = try EmbeddingFile(path: vectors)
      let recall = try index.recall(
        vectors: base, queries: try queries.map { try EmbeddingFile(path: $0) } ?? base, k: k, sample: sample,
        on: Compute(threads: common.threads))
      if common.json {
        try Console.printJSON(["recall": recall, "k": Double(k), "nprobe": Double(index.probes)])
      } else {
        print(String(format: "recall@%d %.4f (nprobe %d)", k, recall, index.probes))
      }
    }
  }

  struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Says what an index file holds.")

    @Argument(help: "An index file.", completion: .file(extensions: ["faiss"]))
    var index: String

    @OptionGroup var common: CommonOptions

    func run() throws {
      let description = Description(try FaissIndex(path: index))
      if common.json { return try Console.printJSON(description) }
      print("vectors    \(description.vectors)")
      print("dimension  \(description.dimension)")
      if let cells = description.cells { print("cells      \(cells), nprobe \(description.nprobe)") }
    }
  }

  private struct Description: Encodable {
    let vectors: Int, dimension: Int, cells: Int?, nprobe: Int

    init(_ index: FaissIndex) {
      (vectors, dimension, cells, nprobe) = (index.count, index.dimension, index.cells, index.probes)
    }
  }
}
