import Base
import Corpus
import Encoder
import Foundation
import Index

/// The size of a text, guessed from its beginning.
public struct TextEstimate: Sendable {
  /// Lines, and bytes of text after decompression.
  public var lines: Int, bytes: Int

  /// A size that is known.
  public init(lines: Int, bytes: Int) {
    self.lines = lines
    self.bytes = bytes
  }

  /// Reads up to 4 MB of text and takes the rest to be like it.
  ///
  /// - Throws: `Failure` for a file that is missing or is no text.
  public init(path: String, options: TextOptions = TextOptions()) throws(Failure) {
    let reader = try LineReader(path: path, options: options)
    var batch = LineBatch()
    (lines, bytes) = (0, 0)
    while bytes < 4 << 20, try reader.readBatch(into: &batch, maxBytes: 1 << 20) {
      lines += batch.count
      for i in 0..<batch.count { bytes += batch[i].count + 1 }
    }
    guard let total = reader.totalBytes, reader.bytesConsumed > 0 else { return }
    let share = min(1, Double(reader.bytesConsumed) / Double(total))
    if try reader.readBatch(into: &batch, maxLines: 1) {
      lines = Int(Double(lines) / share)
      bytes = Int(Double(bytes) / share)
    }
  }
}

/// How fast a machine does the parts of mining, on all the threads it shall use.
public struct MachineRates: Sendable, Codable, Equatable {
  /// Bytes of text read, unified and written a second.
  public var readBytes: Double
  /// Tokens encoded a second, with the model in question, and bytes of text a token has.
  public var tokens: Double, bytesPerToken: Double
  /// Floating-point operations a second in exact search, 10^9.
  public var exactGflops: Double
  /// The same in the scans of an index, and in its training.
  public var scanGflops: Double, trainGflops: Double
  /// Rows a second in what is done once for every row behind the search: merging, scoring, writing.
  public var rows: Double

  private enum CodingKeys: String, CodingKey {
    case tokens, rows
    case readBytes = "read_bytes"
    case bytesPerToken = "bytes_per_token"
    case exactGflops = "exact_gflops"
    case scanGflops = "scan_gflops"
    case trainGflops = "train_gflops"
  }
}

/// What a mining run takes, known before it begins.
///
/// Memory is what the process holds itself. Mapped files (embeddings, indices) come on top only as far as the system has room
/// for them; search is faster if they fit.
public struct MiningPlan: Sendable, Codable {
  /// What a stage, or all shards of one kind of stage together, takes.
  public struct Stage: Sendable, Codable {
    /// Its name without side and shard: `read`, `encode`, `index`, `search`, `neighbours`, `recall`, `pairs`.
    public var name: String
    /// Seconds for all shards one after another; nil where no rates are known.
    public var seconds: Double?
    /// Bytes of memory for one shard.
    public var memory: Int
    /// Bytes of files left in the work folder.
    public var disk: Int
  }

  /// Sentences of the source and the target.
  public var sentences: [Int]
  /// Shards of the two sides.
  public var shards: [Int]
  /// `exact`, or the factory strings of the indices over source and target.
  public var index: [String]
  /// Elements of an embedding, and their type.
  public var dimension: Int, type: String
  /// The stages in their order.
  public var stages: [Stage]

  /// The most memory that one stage takes, in bytes.
  public var memory: Int { stages.map(\.memory).max() ?? 0 }
  /// All files together, in bytes.
  public var disk: Int { stages.reduce(0) { $0 + $1.disk } }
  /// All stages one after another; nil where no rates are known.
  public func seconds(machines: Int = 1) -> Double? {
    stages.reduce(0.0) { sum, stage in
      sum.flatMap { sum in seconds(of: stage, machines: machines).map { sum + $0 } }
    }
  }

  /// The time of a stage on several machines, each of which takes the next shard that is left.
  public func seconds(of stage: Stage, machines: Int = 1) -> Double? {
    let tasks =
      switch stage.name {
      case "encode": shards[0] + shards[1]
      case "search":
        index == ["exact"] ? shards[0] * shards[1] : index == ["lists"] ? 1 : shards[0] + shards[1]
      case "index": shards[0] + shards[1]
      case "read": 2
      default: 1
      }
    let rounds = (tasks + machines - 1) / machines
    return stage.seconds.map { $0 * Double(rounds) / Double(tasks) }
  }

  /// Plans a run.
  ///
  /// - Parameters:
  ///   - rows: different sentences of source and target.
  ///   - textBytes: bytes of these sentences.
  ///   - configuration: the model's.
  ///   - rates: nil to leave times open.
  public init(
    rows: [Int], textBytes: [Int], configuration: Configuration, options: PipelineOptions, threads: Int,
    rates: MachineRates? = nil
  ) {
    let (d, k) = (configuration.embeddingSize, options.k)
    let all = rows[0] + rows[1]
    let shards = rows.indices.map { side in options.shards.count(side) { rows[side] } }
    let most = zip(rows, shards).map { ($0 + $1 - 1) / $1 }
    var kind = options.index.kind { (rows[0], rows[1]) }
    if let kept = options.keptTarget { kind = options.index.kind(beside: kept, sources: rows[0], dimension: d) }
    // What is encoded and indexed; a kept side has been.
    let made = options.keptTarget == nil ? rows : [rows[0], 0]
    let encoded = options.keptTarget == nil ? textBytes[0] + textBytes[1] : textBytes[0]
    sentences = rows
    self.shards = shards
    index = kind.names
    dimension = d
    type = options.type.rawValue
    stages = []

    let text = textBytes[0] + textBytes[1]
    let base = 40 << 20  // the program, its buffers and its libraries
    let lists = 8 * k
    // The unifier has up to 24 bytes for a sentence; the table of the text 24 more until it is written.
    stages.append(
      Stage(
        name: "read", seconds: rates.map { Double(text) / $0.readBytes }, memory: base + 48 * rows.max()!,
        disk: text + 14 * all))

    let weights = 4 * configuration.parameterCount
    stages.append(
      Stage(
        name: "encode", seconds: rates.map { Double(encoded) / $0.bytesPerToken / $0.tokens },
        // Packed weights once, four windows of rows and lines, and the activations of a batch for each thread.
        memory: base + weights + (160 << 20) + threads * (48 << 20), disk: (made[0] + made[1]) * d * options.type.size))

    func product(_ a: Int, _ b: Int, _ c: Int = 1) -> Double { Double(a) * Double(b) * Double(c) }
    // Far more than any disk has, and far from what overflows.
    func whole(_ bytes: Double) -> Int { Int(min(bytes, 1e17)) }
    switch kind {
    case .indices(let source, let target):
      let kinds = [IndexSize(source, d), IndexSize(target, d)]
      let sizes = zip(kinds, made).map { $1 == 0 ? 0 : $0.bytes(rows: $1) }
      let sample = zip(kinds, made).map { min($1, max(64 * $0.cells, 65_536)) }
      var (indexTime, searchTime) = (0.0, 0.0)
      for side in 0...1 {
        let cells = kinds[side].cells
        let probes = options.probes ?? FaissIndex.defaultProbes(cells: max(1, cells))
        // k-means: ten rounds over the sample; then every row is put into a cell.
        indexTime += 20 * product(sample[side], cells, d) + 2 * product(made[side], cells, d)
        searchTime +=
          2 * product(rows[1 - side], d) * (Double(cells) + Double(rows[side]) * Double(probes) / Double(max(1, cells)))
      }
      let copies = zip(sizes, shards).map { $1 > 1 ? 2 * $0 : $0 }
      stages.append(
        Stage(
          name: "index", seconds: rates.map { indexTime / ($0.trainGflops * 1e9) },
          memory: base + (0...1).map { sizes[$0] + 4 * d * sample[$0] * 2 }.max()!, disk: copies[0] + copies[1]))
      stages.append(
        Stage(
          name: "search", seconds: rates.map { searchTime / ($0.scanGflops * 1e9) },
          memory: whole(Double(base + (64 << 20) + 16_384 * (d * 4 + 16 * 12 * k)) + product(most.max()!, lists)),
          disk: whole(product(all, lists))))
    case .lists:
      let cells = ListNeighbours.defaultCells(sources: rows[0], targets: rows[1])
      let probes = min(cells, options.probes ?? ListNeighbours.usualProbes(cells: cells))
      // Finding the cells, looking every row's up, and the products of both directions, which take about three times as long as in
      // exact search: rows come from all over the file, and the few of a cell give no bound that rules others out. Measured with
      // 200,000 and a million rows a side (Benchmarks/README.md).
      let work =
        2 * product(ListNeighbours.trainingRows(cells: cells), cells, d) * 5 + 2 * product(all, cells, d)
        + 6.5 * (product(rows[0], probes, d) * Double(rows[1]) + product(rows[1], probes, d) * Double(rows[0]))
        / Double(cells)
      stages.append(
        Stage(
          name: "search", seconds: rates.map { work / ($0.exactGflops * 1e9) },
          memory: whole(Double(base + 8 * probes * min(all, 2 << 20) + 2048 * 10 * d) + product(all, lists + 8)),
          disk: whole(product(all, lists))))
    case .exact:
      let blocks = 2048 * (8 * d + threads * k * 8)
      stages.append(
        Stage(
          name: "search", seconds: rates.map { 2 * product(rows[0], rows[1], d) / ($0.exactGflops * 1e9) },
          memory: whole(Double(base + blocks) + product(most[0] + most[1], lists + 8)),
          disk: whole(product(rows[0], shards[1], lists) + product(rows[1], shards[0], lists))))
    }
    stages.append(
      Stage(
        name: "neighbours", seconds: rates.map { Double(all) / $0.rows },
        memory: whole(Double(base) + product(rows.max()! + most.max()!, lists, 2)), disk: whole(product(all, lists))))
    if kind != .exact {
      stages.append(
        Stage(
          name: "recall", seconds: rates.map { 2 * 1000 * product(all, d) / ($0.exactGflops * 1e9) },
          memory: whole(Double(base) + product(2, all, lists) + product(rows.max()!, 8)), disk: 0))
    }
    // Lists, means, bests, pairs while they are sorted, and where each sentence begins.
    stages.append(
      Stage(
        name: "pairs", seconds: rates.map { Double(all) / $0.rows },
        memory: whole(Double(base) + product(all, 2 * lists + 120)),
        disk: text / 2))
  }

  /// Sees whether a run fits on this machine.
  ///
  /// - Parameter folder: the work folder; what is in it already is not asked for again.
  /// - Throws: `Failure` naming the stage, what it needs, what there is, and the options that help.
  public func check(folder: String) throws(Failure) {
    try check(MachineLimits(folder: folder), present: Self.size(ofFolder: folder))
  }

  package func check(_ limits: MachineLimits, present: Int = 0) throws(Failure) {
    if let rows = sentences.max(), rows > Int(Int32.max) {
      throw Failure(
        .badData, "plan", "a side of \(rows) sentences is too large: rows are numbered up to \(Int32.max)",
        remedy: "cut that side into several, and mine each with the other side")
    }
    for (side, name) in index.enumerated() where index.count == 2 {
      let sample = min(sentences[side], max(64 * IndexSize(name, dimension).cells, 65_536))
      try FaissIndex.checkTraining(name, rows: sample, dimension: dimension)
    }
    if let free = limits.disk, disk - present > free {
      throw Failure(
        .io, "plan", "the work folder will take \(Self.text(disk)), but \(Self.text(free + present)) are free",
        remedy: "name another disk with --work"
          + (type == "float32" ? ", or halve the embeddings with --dtype float16" : "")
          + ", or go on regardless with --ignore-limits")
    }
    guard let free = limits.memory, let stage = stages.max(by: { $0.memory < $1.memory }), stage.memory > free else {
      return
    }
    let help =
      switch stage.name {
      case "index": "choose a smaller index such as --index IVF16384,SQ8 or IVF16384,PQ32"
      case "encode": "use a smaller model or fewer --threads"
      case "search":
        index == ["lists"] ? "choose an index such as --index IVF16384,Flat" : "cut the sides into more --shards"
      default: "mine fewer lines at a time, or with a smaller --k"
      }
    throw Failure(
      .io, "plan",
      "stage \(stage.name) will take \(Self.text(stage.memory)) of memory, but \(Self.text(free)) are free",
      remedy: "\(help), or go on regardless with --ignore-limits")
  }

  private static func text(_ bytes: Int) -> String {
    bytes < 10_000_000_000
      ? "\(String(format: "%.1f", Double(bytes) / 1e9)) GB" : "\(bytes / 1_000_000_000) GB"
  }

  private static func size(ofFolder path: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.reduce(0) { sum, name in
      let attributes = try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
      return sum + ((attributes?[.size] as? Int) ?? 0)
    }
  }
}

/// What a factory string says of an index's size. Strings of other kinds are taken for uncompressed ones.
private struct IndexSize {
  var cells = 0
  /// Bytes of a vector's code.
  var code: Int
  private let dimension: Int

  init(_ factory: String, _ dimension: Int) {
    self.dimension = dimension
    code = 4 * dimension
    for part in factory.split(separator: ",") {
      let digits = part.drop { !$0.isNumber }.prefix { $0.isNumber }
      guard let number = Int(digits) else { continue }
      if part.hasPrefix("IVF") { cells = min(number, 1 << 24) }
      if part.hasPrefix("PQ") { code = min(number, 1 << 16) }
      if part == "SQfp16" { code = 2 * dimension }
      if part == "SQ8" { code = dimension }
    }
  }

  /// Codes and ids, and the cells' centres; inverted lists grow by halves or so, which costs memory but no disk.
  func bytes(rows: Int) -> Int { rows * (code + 8) / 4 * 5 + cells * dimension * 4 }
}
