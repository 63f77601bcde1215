import Base
import Corpus
import Encoder
import Foundation
import Glibc
import Index
import Kernels

extension MachineRates {
  /// Measures this machine for some seconds: each part of mining on a small piece of work.
  ///
  /// - Parameters:
  ///   - arithmetic: what the encoder's products are computed in; nil for what the model is stored as.
  ///   - text: a text like those that will be encoded, whose first lines are used; nil for words of no meaning.
  ///   - lineBytes: how long a line is, where there is no text.
  ///   - factory: the kind of index whose scan is timed; nil for one without compression.
  public static func measure(
    model: ModelFolder, arithmetic: Arithmetic? = nil, text: String?, lineBytes: Int, factory: String?, threads: Int
  ) throws(Failure) -> MachineRates {
    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("ems-plan-\(getpid())").path
    do {
      try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    } catch {
      throw Failure(.io, scratch, "cannot make a folder", remedy: "check TMPDIR and its permissions")
    }
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    return try measure(
      model: model, arithmetic, sample: sample(of: text, lineBytes: lineBytes), factory: factory, threads: threads,
      scratch: scratch)
  }

  private static func sample(of text: String?, lineBytes: Int) throws(Failure) -> [String] {
    var sample: [String] = []
    if let text {
      let reader = try LineReader(path: text)
      var batch = LineBatch()
      if try reader.readBatch(into: &batch, maxLines: 4096) { sample = (0..<batch.count).map { batch.text($0) } }
    }
    sample.removeAll(where: \.isEmpty)
    if !sample.isEmpty { return sample }
    // Words of a usual length; what they say does not matter to the speed.
    let words = ["station", "evening", "library", "kitchen", "village"]
    return (0..<512).map { i in
      (0..<max(1, lineBytes / 8)).map { words[(i * 7 + $0 * 3) % 5] }.joined(separator: " ")
    }
  }

  /// - Parameters:
  ///   - sample: lines like those that will be encoded; at least one.
  ///   - factory: the kind of index whose scan is timed; nil for one without compression.
  ///   - scratch: an existing folder for files that are removed again.
  private static func measure(
    model: ModelFolder, _ arithmetic: Arithmetic?, sample: [String], factory: String?, threads: Int, scratch: String
  ) throws(Failure) -> MachineRates {
    precondition(!sample.isEmpty)
    let compute = Compute(threads: threads)
    let (tokens, bytesPerToken) = try encoding(model, arithmetic, sample, threads)
    let d = model.configuration.embeddingSize

    let x = try side(4096, d, seed: 1, on: compute), y = try side(8192, d, seed: 2, on: compute)
    let search = try ExactNeighbours(source: x, target: y, k: 4)
    _ = search.search(targets: 0..<2048, on: compute)
    let exact = time { _ = search.search(on: compute) }

    // An index of the kind in question with few cells, all of which are looked into.
    let codes = factory?.split(separator: ",").last.map(String.init) ?? "Flat"
    let rows = 16_384
    let vectors = try side(rows, d, seed: 3, on: compute)
    let index = try FaissIndex.build(vectors, factory: "IVF16,\(codes == "Flat" ? "Flat" : codes)", on: compute)
    index.probes = 16
    _ = try index.nearest(x, rows: 0..<64, k: 4, on: compute)
    let queries = 1024
    let scanStart = ContinuousClock.now
    _ = try index.nearest(x, rows: 0..<queries, k: 4, on: compute)
    let scan = (ContinuousClock.now - scanStart) / .seconds(1)
    let cells = 256
    let trainStart = ContinuousClock.now
    _ = try FaissIndex.trained("IVF\(cells),Flat", on: vectors, on: compute)
    let train = (ContinuousClock.now - trainStart) / .seconds(1)

    func gflops(_ a: Int, _ b: Int, _ c: Int, _ seconds: Double) -> Double {
      Double(a) * Double(b) * Double(c) / seconds / 1e9
    }
    return MachineRates(
      readBytes: try reading(sample, threads, scratch), tokens: tokens, bytesPerToken: bytesPerToken,
      exactGflops: gflops(2 * 4096, 8192, d, exact), scanGflops: gflops(2 * queries, rows, d, scan),
      trainGflops: gflops(20 * rows, cells, d, train), rows: try scoring())
  }

  private static func time(_ body: () -> Void) -> Double { ContinuousClock().measure(body) / .seconds(1) }

  private static func side(_ rows: Int, _ columns: Int, seed: UInt64, on compute: Compute) throws(Failure)
    -> EmbeddingSide
  {
    var random = SplitMix64(seed: seed)
    let values = (0..<rows * columns).map { _ in Float(random.unit() - 0.5) }
    return try EmbeddingSide(Tensor(values, rows: rows, columns: columns), name: "random rows", on: compute)
  }

  /// Tokens a second over at least a second, after a first pass that wakes everything up.
  private static func encoding(
    _ model: ModelFolder, _ arithmetic: Arithmetic?, _ sample: [String], _ threads: Int
  ) throws(Failure) -> (tokens: Double, bytesPerToken: Double) {
    let encoder = try SentenceEncoder(model, threads: threads, arithmetic: arithmetic)
    // Any language's rules take about as long.
    let input = try model.input(for: "en")
    let sample = Array(sample.prefix(4096))
    var sentences = SentenceTexts()
    var bytes = 0
    for line in sample {
      let line = Array(line.utf8)
      bytes += line.count + 1
      encoder.add(unsafe line.span.bytes, input: input, to: &sentences)
    }
    var text = TokenizedText()
    try encoder.tokenize(sentences, into: &text)
    let tokens = EncodingWindow([text], for: encoder).tokens
    _ = try encoder.encode(Array(sample.prefix(256)), input: input)
    let start = ContinuousClock.now
    var passes = 0
    repeat {
      _ = try encoder.encode(sample, input: input)
      passes += 1
    } while ContinuousClock.now - start < .seconds(1)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return (Double(tokens * passes) / seconds, Double(bytes) / Double(max(1, tokens)))
  }

  /// Bytes a second of the read stage, on the sample over and over with a number before each line.
  private static func reading(_ sample: [String], _ threads: Int, _ scratch: String) throws(Failure) -> Double {
    let files = ["sample.in", "sample.txt", "sample.tsv"].map { "\(scratch)/\($0)" }
    defer { for file in files { try? FileManager.default.removeItem(atPath: file) } }
    let writer = try TextWriter(path: files[0], compression: .plain)
    var bytes = 0
    var line = 0
    while bytes < 16 << 20 {
      let text = "\(line) \(sample[line % sample.count])"
      try writer.writeLine(text)
      bytes += text.utf8.count + 1
      line += 1
    }
    try writer.commit()
    let start = ContinuousClock.now
    _ = try readStage(
      input: files[0], options: TextOptions(), text: files[1], table: files[2], threads: threads, job: Job())
    return Double(bytes) / ((ContinuousClock.now - start) / .seconds(1))
  }

  /// Rows a second of what is done once for every row.
  private static func scoring() throws(Failure) -> Double {
    let (rows, k) = (200_000, 4)
    var random = SplitMix64(seed: 4)
    func lists() -> NeighbourLists {
      var (scores, ids) = ([Float](), [Int32]())
      for _ in 0..<rows {
        scores += (0..<k).map { _ in Float(random.unit()) }.sorted(by: >)
        ids += (0..<k).map { _ in Int32(random.next(below: rows)) }
      }
      return NeighbourLists(rows: rows, k: k, scores: scores, ids: ids)
    }
    let found = TwoWayNeighbours(sources: 0..<rows, targets: 0..<rows, forward: lists(), backward: lists())
    return 2 * Double(rows) / time { _ = PairMiner(found).pairs() }
  }
}
