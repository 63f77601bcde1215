import Base

/// What a `.npy` header says. The header is a Python literal; exactly the dictionary that NumPy writes is accepted.
struct NpyHeader {
  var rows: Int
  var columns: Int
  var type: EmbeddingType
  var dataOffset: Int

  private static let sizeLimit = 1 << 20

  init(_ bytes: RawSpan, path: String) throws(Failure) {
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    let present = min(bytes.byteCount, magic.count)
    guard (0..<present).allSatisfy({ bytes.number(at: $0, as: UInt8.self) == magic[$0] }) else {
      throw Failure(
        .badData, path, at: "offset 0", "is not a .npy file",
        remedy: "a headerless file of floats is converted with numpy: "
          + "np.save('x.npy', np.fromfile('x.raw', np.float32).reshape(-1, 1024))")
    }
    let cut = Failure(.badData, path, "ends inside its header", remedy: "the file is cut short: write it again")
    guard bytes.byteCount >= 10 else { throw cut }
    let version = (bytes.number(at: 6, as: UInt8.self), bytes.number(at: 7, as: UInt8.self))
    guard (1...3).contains(version.0), version.1 == 0 else {
      throw Failure(
        .badData, path, at: "offset 6", "is of .npy version \(version.0).\(version.1); known are 1.0, 2.0 and 3.0")
    }
    let start = version.0 == 1 ? 10 : 12
    guard bytes.byteCount >= start else { throw cut }
    let size = version.0 == 1 ? Int(bytes.number(at: 8, as: UInt16.self)) : Int(bytes.number(at: 8, as: UInt32.self))
    guard size <= Self.sizeLimit else {
      throw Failure(.badData, path, at: "offset 8", "claims a header of \(size) bytes; at most 1 MiB is allowed")
    }
    guard size <= bytes.byteCount - start else { throw cut }
    dataOffset = start + size
    let text = (start..<dataOffset).map { bytes.number(at: $0, as: UInt8.self) }
    var literal = HeaderLiteral(text: text, start: start, path: path)
    let fields = try literal.parse()

    switch fields.descriptor {
    case "<f4": type = .float32
    case "<f2": type = .float16
    default:
      throw Failure(
        .badData, path, "holds elements of the type '\(fields.descriptor)'; embeddings are '<f4' or '<f2'",
        remedy: "convert it with numpy: np.save('x.npy', np.load('\(path)').astype('<f4'))")
    }
    guard !fields.fortranOrder else {
      throw Failure(
        .badData, path, "is stored column by column (fortran_order)",
        remedy: "convert it with numpy: np.save('x.npy', np.ascontiguousarray(np.load('\(path)')))")
    }
    guard fields.shape.count == 2, fields.shape[1] >= 1 else {
      let shape = fields.shape.map(String.init).joined(separator: ", ")
      throw Failure(.badData, path, "has the shape (\(shape)); embeddings have two sizes, rows and columns")
    }
    guard fields.shape[1] <= EmbeddingFile.widest else {
      throw Failure(
        .badData, path, "has rows of \(fields.shape[1]) elements; embeddings have at most \(EmbeddingFile.widest)",
        remedy: "check that this is a file of embeddings, a row for each sentence")
    }
    rows = fields.shape[0]
    columns = fields.shape[1]
  }
}

/// A parser for `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
private struct HeaderLiteral {
  struct Fields {
    var descriptor: String
    var fortranOrder: Bool
    var shape: [Int]
  }

  let text: [UInt8]
  /// The file offset of the first byte, for failures.
  let start: Int
  let path: String
  private var index = 0

  init(text: [UInt8], start: Int, path: String) {
    self.text = text
    self.start = start
    self.path = path
  }

  mutating func parse() throws(Failure) -> Fields {
    var descriptor: String?
    var fortranOrder: Bool?
    var shape: [Int]?
    try expect("{")
    while !take("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr" where descriptor == nil: descriptor = try string()
      case "fortran_order" where fortranOrder == nil: fortranOrder = try boolean()
      case "shape" where shape == nil: shape = try tuple()
      default: throw bad("'\(key)' is not a key NumPy writes, or comes twice")
      }
      if !take(",") {
        try expect("}")
        break
      }
    }
    skipSpaces()
    guard index == text.count else { throw bad("something follows the dictionary") }
    guard let descriptor, let fortranOrder, let shape else {
      throw bad("one of the keys descr, fortran_order and shape is missing")
    }
    return Fields(descriptor: descriptor, fortranOrder: fortranOrder, shape: shape)
  }

  private mutating func skipSpaces() {
    while index < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[index]) { index += 1 }
  }

  private mutating func take(_ token: String) -> Bool {
    skipSpaces()
    guard text[index...].starts(with: token.utf8) else { return false }
    index += token.utf8.count
    return true
  }

  private mutating func expect(_ token: String) throws(Failure) {
    guard take(token) else { throw bad("'\(token)' is expected") }
  }

  private mutating func string() throws(Failure) -> String {
    skipSpaces()
    guard index < text.count, text[index] == UInt8(ascii: "'") || text[index] == UInt8(ascii: "\"") else {
      throw bad("a string is expected")
    }
    guard let end = text[(index + 1)...].firstIndex(of: text[index]), end - index <= 64 else {
      throw bad("a string does not end")
    }
    let content = text[index + 1..<end]
    guard content.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else {
      throw bad("a string holds a character that NumPy does not write")
    }
    index = end + 1
    return String(decoding: content, as: UTF8.self)
  }

  private mutating func boolean() throws(Failure) -> Bool {
    if take("True") { return true }
    if take("False") { return false }
    throw bad("True or False is expected")
  }

  private mutating func tuple() throws(Failure) -> [Int] {
    try expect("(")
    var sizes: [Int] = []
    while !take(")") {
      sizes.append(try integer())
      guard sizes.count <= 32 else { throw bad("the shape has more than 32 sizes") }
      if !take(",") {
        // (3) is a number in Python, not a tuple.
        guard sizes.count > 1 else { throw bad("',' is expected") }
        try expect(")")
        break
      }
    }
    return sizes
  }

  private mutating func integer() throws(Failure) -> Int {
    skipSpaces()
    let digits = text[index...].prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    guard let value = Int(String(decoding: digits, as: UTF8.self)) else {
      throw bad("a size that fits 63 bits is expected")
    }
    index += digits.count
    return value
  }

  private func bad(_ problem: String) -> Failure {
    Failure(
      .badData, path, at: "offset \(start + index)", "the .npy header is not what NumPy writes: \(problem)",
      remedy: "write the file again")
  }
}
