import Base

/// Looks through the file of a fastText classifier before fastText reads it.
///
/// fastText believes what a file says about itself: a short or changed one makes it allocate without bounds, loop for ever,
/// divide by zero or reach outside of its arrays. What passes here does none of that. The layout is that of fastText 0.9.2
/// (versions 11 and 12 of the format): arguments, dictionary, input matrix, output matrix, without anything after them.
struct FastTextFile {
  /// The labels as they stand in the file, `__label__de`, in the order of their numbers.
  private(set) var labels: [String] = []

  private let file: MappedFile
  private var offset = 0

  /// The first four bytes as a number.
  static let magic: Int32 = 793_712_314
  // Bounds that real classifiers keep far away from: lid.176 and NLLB's have dimensions of 16 and 256, n-grams up to 5.
  private static let maxDimension = 1 << 14
  private static let maxGram = 16
  private static let maxLabels = 1 << 20
  private static let maxCount: Int64 = 1 << 40
  private static let maxWeight: Float = 1e6

  /// Looks through all of a file.
  ///
  /// - Throws: `Failure(.badData)` that names the place.
  init(checking file: MappedFile) throws(Failure) {
    self.file = file
    guard file.count >= 8, try number(Int32.self, "magic number") == Self.magic else {
      throw Failure(
        .badData, file.path, "is not a fastText model", remedy: "name a model such as lid.176.bin or lid.176.ftz")
    }
    let version = try number(Int32.self, "version")
    guard 11...12 ~= version else {
      throw Failure(
        .badData, file.path, at: "offset 4", "has version \(version) of fastText's format; 11 and 12 are known here")
    }
    let arguments = try readArguments(version: version)
    let rows = try readDictionary(arguments)
    let quantized = try flag("the flag of a quantized input matrix")
    if dictionaryIsPruned, !quantized {
      throw damaged("only quantized models may have a pruned dictionary")
    }
    try readMatrix("input matrix", quantized: quantized, columns: arguments.dimension, rows: rows...)
    let quantizedOutput = try flag("the flag of a quantized output matrix") && quantized
    let count = labels.count
    try readMatrix(
      "output matrix", quantized: quantizedOutput, columns: arguments.dimension, rows: count...count)
    guard offset == file.count else { throw damaged("\(file.count - offset) bytes follow after the model's end") }
  }

  private struct Arguments {
    var dimension: Int
    var bucket: Int
    /// Whether n-grams of letters or words are looked up by hashes.
    var hashes: Bool
    var hierarchical: Bool
  }

  private var dictionaryIsPruned = false

  private mutating func readArguments(version: Int32) throws(Failure) -> Arguments {
    let start = offset
    // In the order of the file.
    let names = [
      "dim", "ws", "epoch", "minCount", "neg", "wordNgrams", "loss", "model", "bucket", "minn", "maxn", "lrUpdateRate",
    ]
    var values: [String: Int] = [:]
    for name in names { values[name] = Int(try number(Int32.self, name)) }
    _ = try number(Double.self, "t")
    func value(_ name: String, in range: ClosedRange<Int>) throws(Failure) -> Int {
      let place = "offset \(start + 4 * (names.firstIndex(of: name) ?? 0))"
      guard let value = values[name], range ~= value else {
        throw Failure(
          .badData, file.path, at: place,
          "\(name) is \(values[name] ?? 0); must be \(range.lowerBound) to \(range.upperBound)",
          remedy: "check the file, or fetch it again")
      }
      return value
    }
    guard values["model"] == 3 else {
      throw Failure(
        .badData, file.path, at: "offset \(start + 28)", "is no fastText classifier but holds word vectors",
        remedy: "name a model that was trained with `fasttext supervised`, such as lid.176.bin")
    }
    let dimension = try value("dim", in: 1...Self.maxDimension)
    let wordGrams = try value("wordNgrams", in: 0...Self.maxGram)
    let loss = try value("loss", in: 1...4)
    let bucket = try value("bucket", in: 0...Int(Int32.max))
    _ = try value("minn", in: 0...Self.maxGram)
    var maxGram = try value("maxn", in: 0...Self.maxGram)
    // Classifiers of version 11 have no n-grams of letters, whatever they say.
    if version == 11 { maxGram = 0 }
    let hashes = wordGrams > 1 || maxGram > 0
    guard bucket > 0 || !hashes else { throw damaged("n-grams are used, but there are no buckets for them") }
    return Arguments(dimension: dimension, bucket: bucket, hashes: hashes, hierarchical: loss == 1)
  }

  /// - Returns: how many rows the input matrix must have at least.
  private mutating func readDictionary(_ arguments: Arguments) throws(Failure) -> Int {
    let size = Int(try number(Int32.self, "size of the dictionary"))
    let words = Int(try number(Int32.self, "number of words"))
    let count = Int(try number(Int32.self, "number of labels"))
    _ = try number(Int64.self, "number of tokens")
    let pruned = try number(Int64.self, "number of n-grams that were kept")
    guard words >= 0, 1...Self.maxLabels ~= count, size == words + count else {
      throw damaged("a dictionary of \(size) entries with \(words) words and \(count) labels")
    }
    // An entry takes at least ten bytes, a pair eight.
    guard size <= (file.count - offset) / 10, -1...Int64(file.count / 8) ~= pruned else {
      throw damaged("\(size) entries and \(pruned) n-grams are more than the file can hold")
    }
    var last = Self.maxCount
    let file = file
    for i in 0..<size {
      let bytes = Span<UInt8>(_bytes: file.bytes)
      guard let end = firstIndex(of: 0, in: bytes, from: offset, to: file.count) else {
        throw damaged("entry \(i) of the dictionary has no end")
      }
      let start = offset
      offset = end + 1
      let times = try number(Int64.self, "count of entry \(i)")
      guard 0...Self.maxCount ~= times else { throw damaged("entry \(i) occurs \(times) times") }
      let isLabel = try number(UInt8.self, "type of entry \(i)")
      guard isLabel == (i < words ? 0 : 1) else { throw damaged("entry \(i) is not where words or labels must be") }
      guard i >= words else { continue }
      // With that order and no zeros, the depth of the tree of a hierarchical softmax is at most logarithmic in counts.
      if arguments.hierarchical, !(1...last ~= times) {
        throw damaged("labels are not in the order of their counts, from the most frequent")
      }
      last = times
      var name: [UInt8] = []
      for k in start..<end { name.append(bytes[k]) }
      labels.append(String(decoding: name, as: UTF8.self))
    }
    dictionaryIsPruned = pruned >= 0
    guard pruned >= 0 else { return words + (arguments.hashes ? arguments.bucket : 0) }
    var rows = words
    for _ in 0..<pruned {
      let gram = try number(Int32.self, "n-gram that was kept")
      let row = try number(Int32.self, "row of an n-gram")
      guard gram >= 0, 0..<pruned ~= Int64(row) else { throw damaged("n-gram \(gram) has row \(row)") }
      rows = max(rows, words + Int(row) + 1)
    }
    return rows
  }

  private mutating func readMatrix(
    _ name: String, quantized: Bool, columns: Int, rows: some RangeExpression<Int>
  ) throws(Failure) {
    let hasNorms = quantized ? try flag("the flag of norms of the \(name)") : false
    let height = Int(try number(Int64.self, "rows of the \(name)"))
    let width = Int(try number(Int64.self, "columns of the \(name)"))
    guard rows.contains(height), width == columns, height <= Int(Int32.max) else {
      throw damaged("the \(name) has \(height) x \(width) numbers, which does not fit with the dictionary")
    }
    guard quantized else {
      try weights(name, height.multipliedReportingOverflow(by: width))
      return
    }
    let codes = Int(try number(Int32.self, "codes of the \(name)"))
    try skip(name, codes)
    let pieces = try readQuantizer(name, columns: columns)
    guard codes == height.multipliedReportingOverflow(by: pieces).partialValue else {
      throw damaged("the \(name) has \(codes) codes for \(height) rows")
    }
    if hasNorms {
      try skip(name, height)
      _ = try readQuantizer("norms of the \(name)", columns: 1)
    }
  }

  /// - Returns: codes a row.
  private mutating func readQuantizer(_ name: String, columns: Int) throws(Failure) -> Int {
    let width = Int(try number(Int32.self, "width of the \(name)"))
    let pieces = Int(try number(Int32.self, "pieces of the \(name)"))
    let piece = Int(try number(Int32.self, "width of a piece of the \(name)"))
    let last = Int(try number(Int32.self, "width of the last piece of the \(name)"))
    guard width == columns, 1...width ~= piece, pieces == (width + piece - 1) / piece,
      last == width - (pieces - 1) * piece
    else { throw damaged("the \(name) is cut into \(pieces) pieces of \(piece), the last of \(last), for \(columns)") }
    try weights(name, (width * 256, false))
    return pieces
  }

  /// Weights of which no sum or product leaves the range of a Float, whatever the text: fastText makes indices of them.
  private mutating func weights(_ name: String, _ count: (partialValue: Int, overflow: Bool)) throws(Failure) {
    let start = offset
    guard !count.overflow, count.partialValue <= (file.count - offset) / 4 else { throw cut(name) }
    try skip(name, 4 * count.partialValue)
    // The order of magnitudes is that of the bits without sign; NaN and infinity come above all others.
    let largest = unsafe file.bytes.extracting(start..<offset).withUnsafeBytes { raw in
      var largest: UInt32 = 0
      for i in 0..<count.partialValue {
        largest = max(largest, unsafe raw.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self) & 0x7FFF_FFFF)
      }
      return largest
    }
    guard largest <= Self.maxWeight.bitPattern else {
      throw Failure(
        .badData, file.path, at: "offset \(start)", "the \(name) has a weight that is not finite, or over 10^6",
        remedy: "check the file, or fetch it again")
    }
  }

  private mutating func number<Number: BitwiseCopyable>(_ type: Number.Type, _ name: String) throws(Failure) -> Number {
    let start = offset
    try skip(name, MemoryLayout<Number>.size)
    return unsafe file.bytes.unsafeLoadUnaligned(fromByteOffset: start, as: Number.self)
  }

  private mutating func flag(_ name: String) throws(Failure) -> Bool {
    let value = try number(UInt8.self, name)
    guard value <= 1 else { throw damaged("\(name) is \(value)") }
    return value == 1
  }

  private mutating func skip(_ name: String, _ count: Int) throws(Failure) {
    guard count >= 0, count <= file.count - offset else { throw cut(name) }
    offset += count
  }

  private func cut(_ name: String) -> Failure { damaged("the file ends inside the \(name)") }

  private func damaged(_ problem: String) -> Failure {
    Failure(
      .badData, file.path, at: "offset \(offset)", "is damaged: \(problem)",
      remedy: "check the file, or fetch it again")
  }
}
