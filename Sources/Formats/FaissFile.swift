import Base

/// The layout of Faiss's index files, walked from end to end before Faiss sees them.
///
/// Faiss trusts its files: sizes that lie make it read and write outside its memory. Here every size is compared with the file,
/// with the other sizes, and with what the kind of index asks for. Known are the kinds that `ems index build` makes: Flat,
/// inverted files over Flat, PQ and SQ, PQ and SQ alone, behind OPQ, PCA and other transforms, and maps of ids; others are
/// refused by name.
package struct FaissFile {
  /// Where the index ends; what follows is not Faiss's.
  package let end: Int
  /// Elements of a vector.
  package let dimension: Int
  /// Vectors in the index.
  package let count: Int

  /// Walks over an index at the start of `bytes`.
  ///
  /// - Parameter path: the file or whatever else failures shall name.
  /// - Throws: `Failure` naming the offset, what is there and what is expected.
  package init(_ bytes: RawSpan, path: String) throws(Failure) {
    var walk = FaissWalk(bytes, path)
    let header = try walk.index(depth: 0)
    (end, dimension, count) = (walk.position, header.dimension, header.count)
  }
}

private struct FaissWalk: ~Escapable {
  struct Header {
    var dimension: Int, count: Int
    var isTrained: Bool
  }

  private let bytes: RawSpan
  private let path: String
  private(set) var position = 0
  /// The most elements that a vector may have.
  private static let widest = 65_536

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, _ path: String) {
    self.bytes = bytes
    self.path = path
  }

  // MARK: pieces

  private func bad(_ problem: String, at offset: Int? = nil) -> Failure {
    Failure(
      .badData, path, at: "offset \(offset ?? position)", "is not a sound Faiss index: \(problem)",
      remedy: "build it again with ems index build")
  }

  private func need(_ isRight: Bool, _ problem: @autoclosure () -> String) throws(Failure) {
    if !isRight { throw bad(problem()) }
  }

  @_lifetime(self: copy self)
  private mutating func number<Number: BitwiseCopyable>(_ type: Number.Type) throws(Failure) -> Number {
    guard bytes.byteCount - position >= MemoryLayout<Number>.size else { throw bad("the file ends here") }
    defer { position += MemoryLayout<Number>.size }
    return bytes.number(at: position, as: type)
  }

  /// A size or count that is no larger than any file.
  @_lifetime(self: copy self)
  private mutating func size(_ what: String) throws(Failure) -> Int {
    let value = try number(UInt64.self)
    guard value < 1 << 48 else { throw bad("\(what) is \(value)", at: position - 8) }
    return Int(value)
  }

  @_lifetime(self: copy self)
  private mutating func flag(_ what: String) throws(Failure) -> Bool {
    let value = try number(UInt8.self)
    guard value <= 1 else { throw bad("\(what) is \(value), neither 0 nor 1", at: position - 1) }
    return value == 1
  }

  @_lifetime(self: copy self)
  private mutating func skip(_ count: Int, of width: Int, _ what: String) throws(Failure) {
    let (size, overflow) = count.multipliedReportingOverflow(by: width)
    guard !overflow, size <= bytes.byteCount - position else {
      throw bad("\(count) \(what) of \(width) bytes do not fit the file, which has \(bytes.byteCount) bytes")
    }
    position += size
  }

  /// A vector of Faiss's: its length, then elements. Returns the length.
  @_lifetime(self: copy self)
  private mutating func vector(of width: Int, _ what: String, lengths: Int...) throws(Failure) -> Int {
    let count = try size("the number of \(what)")
    guard lengths.isEmpty || lengths.contains(count) else {
      throw bad("there are \(count) \(what), and \(lengths[0]) are expected", at: position - 8)
    }
    try skip(count, of: width, what)
    return count
  }

  @_lifetime(self: copy self)
  private mutating func code() throws(Failure) -> String {
    let value = try number(UInt32.self)
    let letters = (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    guard letters.allSatisfy({ 0x20..<0x7F ~= $0 }) else {
      throw bad("a kind of index is expected, the bytes are \(letters)", at: position - 4)
    }
    return String(decoding: letters, as: UTF8.self)
  }

  private func product(_ a: Int, _ b: Int) throws(Failure) -> Int {
    let (result, overflow) = a.multipliedReportingOverflow(by: b)
    guard !overflow else { throw bad("\(a) times \(b) is more than any file has") }
    return result
  }

  // MARK: indices

  @_lifetime(self: copy self)
  private mutating func header() throws(Failure) -> Header {
    let dimension = Int(try number(Int32.self))
    try need(1...Self.widest ~= dimension, "vectors have \(dimension) elements; 1 to \(Self.widest) are possible")
    let count = try number(Int64.self)
    try need(0..<(1 << 48) ~= count, "it claims \(count) vectors")
    _ = try number(Int64.self)
    _ = try number(Int64.self)
    let isTrained = try flag("the mark of a trained index")
    let metric = try number(Int32.self)
    try need(metric == 0, "its metric is number \(metric), not the inner product (0)")
    return Header(dimension: dimension, count: Int(count), isTrained: isTrained)
  }

  /// One index with everything inside it.
  ///
  /// - Parameter depth: how many indices it lies in.
  @_lifetime(self: copy self)
  mutating func index(depth: Int) throws(Failure) -> Header {
    guard depth <= 4 else { throw bad("more than five indices lie in each other") }
    let start = position
    switch try code() {
    case "IxFI":
      let header = try header()
      let words = try product(header.count, header.dimension)
      _ = try vector(of: 4, "numbers", lengths: words)
      return header
    case "IxPq":
      let header = try header()
      let codeSize = try productQuantizer(header)
      _ = try vector(of: 1, "bytes of codes", lengths: product(header.count, codeSize))
      let search = try number(Int32.self)
      try need(search == 0, "its kind of search is number \(search), which is not supported")
      _ = try flag("the mark of signs")
      _ = try number(Int32.self)
      return header
    case "IxSQ":
      let header = try header()
      let codeSize = try scalarQuantizer(header)
      _ = try vector(of: 1, "bytes of codes", lengths: product(header.count, codeSize))
      return header
    case "IwFl":
      let (header, cells) = try invertedHeader(depth)
      try lists(header, cells, codeSize: header.dimension * 4)
      return header
    case "IwPQ":
      let (header, cells) = try invertedHeader(depth)
      _ = try flag("the mark of residuals")
      let claimed = try size("the size of a code")
      let codeSize = try productQuantizer(header)
      try need(claimed == codeSize, "codes have \(claimed) bytes, \(codeSize) are expected")
      try lists(header, cells, codeSize: codeSize)
      return header
    case "IwSq":
      let (header, cells) = try invertedHeader(depth)
      let codeSize = try scalarQuantizer(header)
      let claimed = try size("the size of a code")
      try need(claimed == codeSize, "codes have \(claimed) bytes, \(codeSize) are expected")
      _ = try flag("the mark of residuals")
      try lists(header, cells, codeSize: codeSize)
      return header
    case "IxPT": return try transformed(depth)
    case "IxMp", "IxM2":
      let header = try header()
      let inner = try index(depth: depth + 1)
      try need(
        inner.dimension == header.dimension && inner.count == header.count,
        "\(header.count) ids of \(header.dimension) elements lie over \(inner.count) vectors of \(inner.dimension)")
      _ = try vector(of: 8, "ids", lengths: header.count)
      return header
    case let other:
      throw Failure(
        .badData, path, at: "offset \(start)", "is \(Self.name(other)), which is not supported",
        remedy: "supported are Flat, PQ, SQ, inverted files of these (IVF1024,Flat), and OPQ and PCA before them")
    }
  }

  /// What people call the kinds that are not read.
  private static func name(_ code: String) -> String {
    let known = [
      "IxF2": "a Flat index of the L2 metric", "IxFl": "a Flat index of another metric", "IHNf": "an HNSW index",
      "IHNp": "an HNSW index", "IHNs": "an HNSW index", "IHN2": "an HNSW index", "IxHe": "an LSH index",
      "IxRF": "a refined index", "IwPf": "a fast-scan index", "IPfs": "a fast-scan index", "IwQR": "a refined index",
      "IwSh": "a spectral hash", "INSf": "an NSG index", "IxRQ": "a residual quantizer",
      "IxLS": "a local search quantizer",
      "Imiq": "a multi-index", "Ix2L": "an index of two layers", "IBxF": "a binary index",
    ]
    return known[code] ?? "a Faiss index of the kind \(code)"
  }

  /// - Returns: the header and the number of cells.
  @_lifetime(self: copy self)
  private mutating func invertedHeader(_ depth: Int) throws(Failure) -> (Header, cells: Int) {
    let header = try header()
    let cells = try size("the number of cells")
    try need(1...1 << 30 ~= cells, "it has \(cells) cells")
    let probes = try size("the number of cells to look into")
    try need(probes >= 1, "it looks into no cell")
    let inside = try index(depth: depth + 1)
    try need(
      inside.dimension == header.dimension,
      "its cells have centres of \(inside.dimension) elements, its vectors \(header.dimension)")
    try need(
      inside.count == cells || (!header.isTrained && inside.count == 0),
      "it has \(cells) cells, but \(inside.count) centres")
    let map = try number(UInt8.self)
    try need(map == 0, "it has a table of where each vector is, which is not supported")
    _ = try vector(of: 8, "entries of the table of vectors", lengths: 0)
    try need(header.isTrained || header.count == 0, "it has vectors, but was never trained")
    return (header, cells)
  }

  @_lifetime(self: copy self)
  private mutating func lists(_ header: Header, _ cells: Int, codeSize: Int) throws(Failure) {
    let kind = try code()
    // An empty index may say that it has no lists.
    if kind == "il00", header.count == 0 { return }
    try need(kind == "ilar", "its lists are of the kind \(kind), which is not supported")
    let found = (try size("the number of lists"), try size("the size of a code"))
    try need(
      found == (cells, codeSize), "\(found.0) lists of codes of \(found.1) bytes; expected are \(cells) of \(codeSize)")
    let layout = try code()
    var sizes: [Int]
    switch layout {
    case "full":
      let start = position + 8
      _ = try vector(of: 8, "sizes of lists", lengths: cells)
      sizes = []
      sizes.reserveCapacity(cells)
      for i in 0..<cells { sizes.append(try listSize(at: start + 8 * i, header)) }
    case "sprs":
      let start = position + 8
      let count = try vector(of: 8, "sizes of lists")
      try need(count.isMultiple(of: 2) && count <= 2 * cells, "\(count) numbers say how long \(cells) lists are")
      sizes = []
      var last = -1
      for i in stride(from: 0, to: count, by: 2) {
        let list = bytes.number(at: start + 8 * i, as: UInt64.self)
        try need(list < UInt64(cells) && Int(list) > last, "list \(list) of \(cells) does not come in its place")
        last = Int(list)
        sizes.append(try listSize(at: start + 8 * (i + 1), header))
      }
    default: throw bad("the sizes of its lists are of the kind \(layout)", at: position - 4)
    }
    var sum = 0
    // No overflow: each is at most the number of vectors, below 2^48, and there are at most 2^30.
    for size in sizes {
      sum += size
      if sum > header.count { break }
    }
    try need(sum == header.count, "its lists have \(sum) vectors, it claims \(header.count)")
    for size in sizes where size > 0 {
      try skip(size, of: codeSize, "codes")
      try skip(size, of: 8, "ids")
    }
  }

  private func listSize(at offset: Int, _ header: Header) throws(Failure) -> Int {
    let size = bytes.number(at: offset, as: UInt64.self)
    guard size <= UInt64(header.count) else {
      throw bad("a list has \(size) vectors, the index \(header.count)", at: offset)
    }
    return Int(size)
  }

  // MARK: quantisers and transforms

  /// - Returns: the bytes of a code.
  @_lifetime(self: copy self)
  private mutating func productQuantizer(_ header: Header) throws(Failure) -> Int {
    let dimension = try size("the dimension of the quantizer")
    let parts = try size("the number of subquantizers")
    let bits = try size("the bits of a code")
    try need(
      dimension == header.dimension,
      "its quantizer has \(dimension) elements, its vectors \(header.dimension)")
    try need(
      parts >= 1 && parts <= dimension && dimension.isMultiple(of: parts),
      "\(parts) subquantizers cannot share \(dimension) elements")
    try need(1...16 ~= bits, "subquantizers have codes of \(bits) bits; 1 to 16 are possible")
    _ = try vector(of: 4, "numbers of centroids", lengths: dimension << bits)
    return (bits * parts + 7) / 8
  }

  /// - Returns: the bytes of a code.
  @_lifetime(self: copy self)
  private mutating func scalarQuantizer(_ header: Header) throws(Failure) -> Int {
    let kind = try number(Int32.self)
    let range = try number(Int32.self)
    _ = try number(Float.self)
    let dimension = try size("the dimension of the quantizer")
    let codeSize = try size("the size of a code")
    try need(
      dimension == header.dimension,
      "its quantizer has \(dimension) elements, its vectors \(header.dimension)")
    try need(0...3 ~= range, "its quantizer takes its range in the way \(range)")
    // 8 bit, 4 bit, both for all elements alike, half floats, bytes as they are, 6 bit.
    let sizes = [
      dimension, (dimension + 1) / 2, dimension, (dimension + 1) / 2, 2 * dimension, dimension, (dimension * 6 + 7) / 8,
    ]
    let numbers = [2 * dimension, 2 * dimension, 2, 2, 0, 0, 2 * dimension]
    try need(sizes.indices.contains(Int(kind)), "its scalar quantizer is of the kind \(kind), which is not supported")
    try need(codeSize == sizes[Int(kind)], "codes have \(codeSize) bytes, \(sizes[Int(kind)]) are expected")
    _ = try vector(
      of: 4, "numbers of the quantizer", lengths: numbers[Int(kind)], header.isTrained ? numbers[Int(kind)] : 0)
    return codeSize
  }

  @_lifetime(self: copy self)
  private mutating func transformed(_ depth: Int) throws(Failure) -> Header {
    let header = try header()
    let transforms = Int(try number(Int32.self))
    try need(1...8 ~= transforms, "it has \(transforms) transforms; 1 to 8 are possible")
    var width = header.dimension
    for _ in 0..<transforms { width = try transform(from: width, header) }
    let inner = try index(depth: depth + 1)
    try need(
      inner.dimension == width && inner.count == header.count,
      "\(header.count) vectors of \(width) elements are claimed, inside are \(inner.count) of \(inner.dimension)")
    return header
  }

  /// - Returns: the elements of a vector behind it.
  @_lifetime(self: copy self)
  private mutating func transform(from width: Int, _ header: Header) throws(Failure) -> Int {
    let start = position
    let kind = try code()
    // Sizes follow behind the numbers: these are looked at again then.
    var (matrix, bias, mean): (Int?, Int?, Int?)
    switch kind {
    case "rrot", "LTra": break
    case "PcAm", "Pcam":
      _ = try number(Float.self)
      if kind == "Pcam" { _ = try number(Float.self) }
      _ = try flag("the mark of a random rotation")
      _ = try number(Int32.self)
      mean = try vector(of: 4, "numbers of the mean")
      _ = try vector(of: 4, "eigenvalues")
      let all = try vector(of: 4, "numbers of the full matrix")
      let square = try product(width, width)
      try need(all == 0 || all == square, "its full matrix has \(all) numbers for \(width) elements")
    case "VNrm": _ = try number(Float.self)
    case "VCnt": mean = try vector(of: 4, "numbers of the mean")
    default: throw bad("its transform is of the kind \(kind), which is not supported", at: start)
    }
    var hasBias = false
    if ["rrot", "LTra", "PcAm", "Pcam"].contains(kind) {
      hasBias = try flag("the mark of a bias")
      matrix = try vector(of: 4, "numbers of the matrix")
      bias = try vector(of: 4, "numbers of the bias")
    }
    let (from, to) = (Int(try number(Int32.self)), Int(try number(Int32.self)))
    let isTrained = try flag("the mark of a trained transform")
    try need(
      from == width && 1...Self.widest ~= to, "its transform takes \(from) elements to \(to), vectors have \(width)")
    try need(isTrained || !header.isTrained, "it is trained, but its transform is not")
    func fits(_ count: Int?, _ wanted: Int) -> Bool { count.map { $0 == wanted || (!isTrained && $0 == 0) } ?? true }
    let cells = try product(from, to)
    try need(fits(matrix, cells), "the matrix of its transform has another size than \(from) x \(to)")
    try need(
      bias.map { $0 == to || (!hasBias || !isTrained) && $0 == 0 } ?? true,
      "the bias of its transform has another size than \(to)")
    try need(
      kind.lowercased() == "pcam" ? fits(mean, from) || mean == 0 : fits(mean, from),
      "the mean of its transform has another size than \(from)")
    if kind == "VNrm" || kind == "VCnt" {
      try need(from == to, "its transform takes \(from) elements to \(to), which this kind cannot")
    }
    return to
  }
}
