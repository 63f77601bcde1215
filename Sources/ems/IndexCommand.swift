import ArgumentParser
import Base
import Corpus
import Formats
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
        ems index add en.faiss more.npy --output larger.faiss
        ems index info en.faiss
      """,
    subcommands: [Build.self, Train.self, Add.self, Merge.self, Search.self, Recall.self, Info.self])

  struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Trains an index and leaves it empty: what the shards of one index have in common.",
      discussion: """
        EXAMPLES
          ems index train en.npy --factory IVF4096,Flat --output trained.faiss
          ems index build en.0.npy --trained trained.faiss --output en.0.faiss
          ems index build en.1.npy --trained trained.faiss --output en.1.faiss
          ems index merge en.0.faiss en.1.faiss --output en.faiss
        """)

    @Argument(help: "Embeddings to train on, a .npy file.", completion: .file(extensions: ["npy"]))
    var embeddings: String

    @OptionGroup var making: IndexMaking

    @OptionGroup var common: CommonOptions

    func run() throws {
      let console = Console(quiet: common.quiet)
      let job = console.job()
      try OutputCheck.check([making.output], inputs: [embeddings])
      let compute = Compute(threads: common.threads)
      let side = try EmbeddingSide(EmbeddingFile(path: embeddings), on: compute)
      let factory = making.factory ?? FaissIndex.defaultFactory(rows: side.rows, dimension: side.columns)
      let index = try FaissIndex.trained(factory, on: side, sampleRows: making.trainRows, on: compute, job: job)
      try making.finish(index, common)
    }
  }

  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Builds an index over the rows of an embedding file.")

    @Argument(help: "Embeddings, a .npy file.", completion: .file(extensions: ["npy"]))
    var embeddings: String

    @Option(help: "Add to a copy of this trained index instead of training.", completion: .file(extensions: ["faiss"]))
    var trained: String?

    @OptionGroup var making: IndexMaking

    @OptionGroup var common: CommonOptions

    func validate() throws {
      if trained != nil, making.factory != nil || making.trainRows != nil {
        throw ValidationError("--trained goes without --factory and --train-rows.")
      }
    }

    func run() throws {
      let console = Console(quiet: common.quiet)
      let job = console.job()
      try OutputCheck.check([making.output], inputs: [embeddings] + [trained].compactMap { $0 })
      let compute = Compute(threads: common.threads)
      let side = try EmbeddingSide(EmbeddingFile(path: embeddings), on: compute)
      let index: FaissIndex
      if let trained {
        index = try FaissIndex(path: trained, threads: common.threads)
      } else {
        let factory = making.factory ?? FaissIndex.defaultFactory(rows: side.rows, dimension: side.columns)
        index = try FaissIndex.trained(factory, on: side, sampleRows: making.trainRows, on: compute, job: job)
      }
      try index.add(side, on: compute, job: job)
      console.finish()
      try making.finish(index, common)
    }
  }

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Adds the rows of embedding files to an index; their ids go on from those that are there.",
      discussion: """
        Cells and codes stay those that the index was trained with: build it again when it has grown to several times its size, \
        or holds text of another kind. Without --output the index is replaced, at once and only when the new one is complete.

        EXAMPLES
          ems index add en.faiss new.npy --output larger.faiss
          ems index add en.faiss monday.npy tuesday.npy
          ems mine de.txt en.txt --target-index larger.faiss --target-embeddings en.npy --target-embeddings new.npy ...
        """)

    @Argument(help: "An index file.", completion: .file(extensions: ["faiss"]))
    var index: String

    @Argument(help: "Embeddings, .npy files, in the order of their ids.", completion: .file(extensions: ["npy"]))
    var embeddings: [String]

    @Option(name: .shortAndLong, help: "The new index file; INDEX itself if not given.")
    var output: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
      let console = Console(quiet: common.quiet)
      let job = console.job()
      try OutputCheck.check([output ?? index], inputs: embeddings + (output == nil ? [] : [index]))
      let compute = Compute(threads: common.threads)
      let sides = try embeddings.map { try EmbeddingSide(EmbeddingFile(path: $0), on: compute) }
      let grown = try FaissIndex(path: index, threads: common.threads)
      for side in sides where side.columns != grown.dimension {
        throw Failure(
          .badData, side.name, "has rows of \(side.columns) elements, the index \(index) has \(grown.dimension)",
          remedy: "encode the text with the model that the index was built with")
      }
      let added = sides.reduce(0) { $0 + $1.rows }
      guard grown.count + added <= Int(Int32.max) else {
        throw Failure(
          .badData, index, "would have \(grown.count + added) vectors; at most \(Int32.max) can be numbered",
          remedy: "begin another index")
      }
      try grown.checkGrows()
      for side in sides { try grown.add(side, on: compute, job: job, subject: "indexing \(side.name)") }
      console.finish()
      try IndexMaking.write(grown, to: output ?? index, common)
    }
  }

  struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Joins shards of one trained index; ids go on from one to the next.")

    @Argument(help: "Index files, in the order of their rows.", completion: .file(extensions: ["faiss"]))
    var shards: [String]

    @Option(name: .shortAndLong, help: "The index file.")
    var output: String

    @OptionGroup var common: CommonOptions

    func run() throws {
      try OutputCheck.check([output], inputs: shards)
      let job = Console(quiet: common.quiet).job()
      let whole = try FaissIndex(path: shards[0], threads: common.threads)
      for shard in shards.dropFirst() {
        try job.check(output)
        try whole.merge(FaissIndex(path: shard, threads: common.threads))
      }
      try job.check(output)
      try IndexMaking.write(whole, to: output, common)
    }
  }

  /// The options of everything that makes an index file.
  struct IndexMaking: ParsableArguments {
    @Option(help: "Faiss's factory string; chosen from the number of rows if not given.")
    var factory: String?

    @Option(help: "Rows to train on; 64 for each cell if not given.")
    var trainRows: Int?

    @Option(name: .shortAndLong, help: "The index file.")
    var output: String

    func validate() throws {
      if let trainRows, trainRows < 1 { throw ValidationError("--train-rows must be at least 1.") }
    }

    func finish(_ index: FaissIndex, _ common: CommonOptions) throws { try Self.write(index, to: output, common) }

    static func write(_ index: FaissIndex, to output: String, _ common: CommonOptions) throws {
      try index.write(to: output)
      Console(quiet: common.quiet)
        .say("\(output): \(index.name), \(index.count) vectors of \(index.dimension) elements")
      if common.json { try Console.printJSON(Description(index)) }
    }
  }

  /// The options of everything that looks into an index file.
  struct IndexReading: ParsableArguments {
    @Argument(help: "An index file.", completion: .file(extensions: ["faiss"]))
    var index: String

    @OptionGroup var neighbours: NeighboursOption

    @Option(help: "Cells to look into; what the index was built with if not given.")
    var nprobe: Int?

    @OptionGroup var engine: EngineOption

    func validate() throws {
      if let nprobe, nprobe < 1 { throw ValidationError("--nprobe must be at least 1.") }
    }

    func open(threads: Int) throws -> FaissIndex {
      let opened = try FaissIndex(path: index, mapped: true, threads: threads)
      if let nprobe { opened.probes = nprobe }
      return opened
    }
  }

  struct Search: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Finds the nearest vectors of every query; writes query, rank, id and score.")

    @OptionGroup var reading: IndexReading

    @Argument(help: "Queries, a .npy file.", completion: .file(extensions: ["npy"]))
    var queries: String

    @Option(help: "The embeddings that the index was built from: candidates are scored again with them.")
    var vectors: String?

    @Option(name: .shortAndLong, help: "Tab-separated output; .zst and .gz compress.")
    var output: String

    @OptionGroup var common: CommonOptions

    func run() throws {
      let console = Console(quiet: common.quiet)
      let job = console.job()
      let compute = Compute(threads: common.threads)
      try OutputCheck.check([output], inputs: [reading.index, queries] + [vectors].compactMap { $0 })
      let index = try reading.open(threads: common.threads)
      let queries = try EmbeddingSide(EmbeddingFile(path: queries), on: compute)
      let vectors = try vectors.map { try EmbeddingSide(EmbeddingFile(path: $0), on: compute) }
      let writer = try TextWriter(path: output)
      let lists = try index.nearest(
        queries, k: reading.neighbours.k, vectors: vectors, engine: reading.engine.engine, on: compute, job: job)
      for row in 0..<lists.rows {
        for p in row * lists.k..<(row + 1) * lists.k where lists.ids[p] >= 0 {
          let rank = p - row * lists.k + 1
          try writer.writeLine("\(row)\t\(rank)\t\(lists.ids[p])\t\(String(format: "%.6f", lists.scores[p]))")
        }
      }
      try writer.commit()
      console.finish()
      if common.json { try Console.printJSON(["queries": lists.rows, "k": reading.neighbours.k]) }
    }
  }

  struct Recall: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Measures recall@k against exact search on a sample of queries.",
      discussion: """
        With --rescore as `ems mine` uses the index: more candidates are drawn and scored again with the vectors.
        """)

    @OptionGroup var reading: IndexReading

    @Option(help: "The embeddings that the index was built from.")
    var vectors: String

    @Option(help: "Queries; the vectors themselves if not given.")
    var queries: String?

    @Option(help: "Queries to draw.")
    var sample: Int = 1000

    @Flag(help: "Score candidates again with the vectors.")
    var rescore = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
      guard sample >= 1 else { throw ValidationError("--sample must be at least 1.") }
    }

    func run() throws {
      let console = Console(quiet: common.quiet)
      let job = console.job()
      let compute = Compute(threads: common.threads)
      let index = try reading.open(threads: common.threads)
      let base = try EmbeddingSide(EmbeddingFile(path: vectors), on: compute)
      var sampled = base
      if let queries { sampled = try EmbeddingSide(EmbeddingFile(path: queries), on: compute) }
      sampled = try sampled.sample(sample, on: compute)
      let lists = try index.nearest(
        sampled, k: reading.neighbours.k, vectors: rescore ? base : nil, engine: reading.engine.engine, on: compute,
        job: job)
      console.finish()
      guard let recall = try lists.recall(of: sampled, in: base, sample: sample, on: compute, job: job) else {
        throw Interruption.failure(reading.index)
      }
      let share = Double(recall.found) / Double(recall.all)
      if common.json {
        try Console.printJSON(["recall": share, "k": Double(reading.neighbours.k), "nprobe": Double(index.probes)])
      } else {
        print("recall@\(reading.neighbours.k) \(decimal(share, 4)) (nprobe \(index.probes))")
      }
    }
  }

  struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Says what an index file holds.")

    @Argument(help: "An index file.", completion: .file(extensions: ["faiss"]))
    var index: String

    @OptionGroup var common: CommonOptions

    func run() throws {
      let description = Description(try FaissIndex(path: index, threads: common.threads))
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
