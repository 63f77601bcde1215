import Base
import FoundationEssentials

/// The type of a stored tensor's elements.
public enum ElementType: String, Sendable, Codable, CaseIterable {
  /// Single precision, the type that everything is computed in.
  case float32 = "F32"
  /// IEEE half precision.
  case float16 = "F16"
  /// The upper half of a single.
  case bfloat16 = "BF16"
  /// Double precision.
  case float64 = "F64"
  /// Signed, 8 bits.
  case int8 = "I8"
  /// Signed, 32 bits.
  case int32 = "I32"
  /// Signed, 64 bits.
  case int64 = "I64"

  /// The size of an element in bytes.
  public var size: Int {
    switch self {
    case .int8: 1
    case .float16, .bfloat16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  /// Whether elements can be read as `Float`.
  public var isFloat: Bool { self != .int8 && self != .int32 && self != .int64 }

  /// Converts `count` little-endian elements from the start of `bytes` to the start of `output`.
  ///
  /// - Precondition: a float type, and `bytes` holds that many elements.
  package func copyFloats(_ bytes: RawSpan, to output: inout MutableSpan<Float>, count: Int) {
    switch self {
    case .float32: FloatFormat.copySingles(bytes, to: &output, count: count)
    case .float16: FloatFormat.copyHalves(bytes, to: &output, count: count)
    case .bfloat16: FloatFormat.copyBrainFloats(bytes, to: &output, count: count)
    case .float64: FloatFormat.copyDoubles(bytes, to: &output, count: count)
    case .int8, .int32, .int64: preconditionFailure("not a float type")
    }
  }

  /// One element in single precision.
  ///
  /// - Precondition: a float type, and `bytes` holds the element.
  package func float(_ bytes: RawSpan, at index: Int) -> Float {
    switch self {
    case .float32: bytes.number(at: index * 4)
    case .float16: FloatFormat.single(half: bytes.number(at: index * 2))
    case .bfloat16: Float(bitPattern: UInt32(bytes.number(at: index * 2, as: UInt16.self)) << 16)
    case .float64: Float(bytes.number(at: index * 8, as: Double.self))
    case .int8, .int32, .int64: preconditionFailure("not a float type")
    }
  }
}

/// A `.safetensors` file, mapped into memory.
///
/// Opening checks the whole header against the file: nothing is allocated by a size the file merely claims, and every
/// tensor's bytes lie inside the file, overlap no other's, and leave no gap.
public final class SafeTensors: Sendable {
  /// One tensor of the file.
  public struct Entry: Sendable, Equatable {
    /// The tensor's name.
    public let name: String
    /// Its element type.
    public let type: ElementType
    /// Its sizes, slowest first; empty for a single number.
    public let shape: [Int]
    /// Where its bytes start in the file.
    public let offset: Int
    /// Its number of elements.
    public let count: Int
    /// Its size in bytes.
    public var byteCount: Int { count * type.size }
  }

  /// The file.
  public let path: String
  /// The tensors in the order of their bytes.
  public let entries: [Entry]
  /// The header's `__metadata__`.
  public let metadata: [String: String]
  private let byName: [String: Int]
  private let file: MappedFile

  private static let headerLimit = 100_000_000

  /// Maps a file and checks its header.
  ///
  /// - Throws: `Failure` naming the file and the tensor.
  public init(path: String) throws(Failure) {
    self.path = path
    let file = try MappedFile(path: path)
    self.file = file
    guard file.count >= 8 else {
      throw Failure(
        .badData, path, "is \(file.count) bytes long; a safetensors file has at least 8", remedy: "fetch it again")
    }
    let claimed = file.bytes.number(at: 0, as: UInt64.self)
    guard claimed <= Self.headerLimit else {
      throw Failure(
        .badData, path, at: "offset 0", "claims a header of \(claimed) bytes; at most \(Self.headerLimit) are allowed",
        remedy: "check that this is a safetensors file")
    }
    let dataStart = 8 + Int(claimed)
    guard dataStart <= file.count else {
      throw Failure(
        .badData, path, at: "offset 0", "claims a header of \(claimed) bytes, but the file ends after \(file.count)",
        remedy: "the file is cut short: fetch it again")
    }
    let header = try Self.header(file, length: Int(claimed), path: path)
    metadata = header.metadata
    var entries: [Entry] = []
    for (name, tensor) in header.tensors {
      entries.append(try Self.entry(name, tensor, path: path, dataStart: dataStart, fileSize: file.count))
    }
    // Names of empty tensors decide among entries at one offset, so that the order is the same on every run.
    entries.sort { ($0.offset, $0.byteCount, $0.name) < ($1.offset, $1.byteCount, $1.name) }
    var end = dataStart
    for entry in entries {
      guard entry.offset == end else {
        throw Failure(
          .badData, path, at: "tensor \(entry.name)",
          entry.offset < end ? "shares bytes with another tensor" : "is preceded by \(entry.offset - end) unused bytes")
      }
      end += entry.byteCount
    }
    guard end == file.count else {
      throw Failure(
        .badData, path, at: "offset \(end)", "\(file.count - end) bytes follow the last tensor",
        remedy: "the file is damaged: fetch it again")
    }
    byName = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    self.entries = entries
  }

  private struct Header: Decodable {
    struct Tensor: Decodable {
      var dtype: String
      var shape: [Int]
      var data_offsets: [Int]
    }
    struct Key: CodingKey {
      var stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }
    var tensors: [(name: String, tensor: Tensor)] = []
    var metadata: [String: String] = [:]

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: Key.self)
      for key in values.allKeys {
        if key.stringValue == "__metadata__" {
          metadata = try values.decode([String: String].self, forKey: key)
        } else {
          tensors.append((key.stringValue, try values.decode(Tensor.self, forKey: key)))
        }
      }
    }
  }

  private static func header(_ file: MappedFile, length: Int, path: String) throws(Failure) -> Header {
    // The format asks for an object right away; JSON alone would allow white space and other values.
    guard length > 0, file.bytes.number(at: 8, as: UInt8.self) == UInt8(ascii: "{") else {
      throw Failure(.badData, path, at: "offset 8", "the header does not start with {")
    }
    try checkText(file.bytes.extracting(8..<8 + length), path: path)
    do {
      let json = unsafe file.bytes.extracting(8..<8 + length).withUnsafeBytes { unsafe Data($0) }
      return try JSONDecoder().decode(Header.self, from: json)
    } catch {
      var place = "header"
      switch error {
      case DecodingError.keyNotFound(_, let context), DecodingError.typeMismatch(_, let context),
        DecodingError.valueNotFound(_, let context), DecodingError.dataCorrupted(let context):
        if let name = context.codingPath.first { place = "header, \(name.stringValue)" }
      default: break
      }
      throw Failure(
        .badData, path, at: place, "is not what the safetensors format asks for",
        remedy: "check that this is a safetensors file, and fetch it again")
    }
  }

  /// What Foundation's reader lets pass: other encodings than UTF-8, and names that come twice, of which it takes one.
  private static func checkText(_ bytes: RawSpan, path: String) throws(Failure) {
    guard let text = unsafe bytes.withUnsafeBytes({ unsafe String(validating: $0, as: UTF8.self) }),
      !text.utf8.contains(0)
    else {
      throw Failure(.badData, path, at: "offset 8", "the header is not UTF-8", remedy: "fetch it again")
    }
    // Names as they stand, escapes resolved only where there are any; of each object that is open.
    var open: [Set<String>] = []
    var isName = false
    let utf8 = Array(text.utf8)
    var i = 0
    while i < utf8.count {
      switch utf8[i] {
      case UInt8(ascii: "{"):
        open.append([])
        isName = true
      case UInt8(ascii: "["):
        open.append([])
        isName = false
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        _ = open.popLast()
        isName = false
      case UInt8(ascii: ","): isName = true
      case UInt8(ascii: ":"): isName = false
      case UInt8(ascii: "\""):
        let start = i
        i += 1
        while i < utf8.count, utf8[i] != UInt8(ascii: "\"") { i += utf8[i] == UInt8(ascii: "\\") ? 2 : 1 }
        guard i < utf8.count else { return }
        // In a list the strings are values: followed by no colon.
        var next = i + 1
        while next < utf8.count, [0x20, 0x09, 0x0A, 0x0D].contains(utf8[next]) { next += 1 }
        if isName, !open.isEmpty, next < utf8.count, utf8[next] == UInt8(ascii: ":") {
          let raw = utf8[start...i]
          let name =
            raw.contains(UInt8(ascii: "\\"))
            ? (try? JSONDecoder().decode(String.self, from: Data(raw))) ?? String(decoding: raw, as: UTF8.self)
            : String(decoding: raw.dropFirst().dropLast(), as: UTF8.self)
          guard open[open.count - 1].insert(name).inserted else {
            throw Failure(.badData, path, at: "header, \(name)", "the name comes twice", remedy: "fetch it again")
          }
        }
      default: break
      }
      i += 1
    }
  }

  private static func entry(
    _ name: String, _ tensor: Header.Tensor, path: String, dataStart: Int, fileSize: Int
  ) throws(Failure) -> Entry {
    let place = "tensor \(name)"
    guard let type = ElementType(rawValue: tensor.dtype) else {
      let known = ElementType.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure(.badData, path, at: place, "has the type \(tensor.dtype); supported are \(known)")
    }
    guard tensor.shape.count <= 16, tensor.shape.allSatisfy({ $0 >= 0 }) else {
      throw Failure(.badData, path, at: place, "has the impossible shape \(tensor.shape)")
    }
    guard let count = product(tensor.shape), let bytes = product([count, type.size]) else {
      throw Failure(.badData, path, at: place, "has the shape \(tensor.shape), which no file can hold")
    }
    let offsets = tensor.data_offsets
    guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= fileSize - dataStart else {
      throw Failure(
        .badData, path, at: place, "lies at bytes \(offsets) of the data, which has \(fileSize - dataStart)",
        remedy: "the file is cut short or damaged: fetch it again")
    }
    guard offsets[1] - offsets[0] == bytes else {
      throw Failure(
        .badData, path, at: place,
        "has \(offsets[1] - offsets[0]) bytes, but shape \(tensor.shape) of \(type.rawValue) takes \(bytes)")
    }
    return Entry(name: name, type: type, shape: tensor.shape, offset: dataStart + offsets[0], count: count)
  }

  /// The tensor of a name, or nil.
  public subscript(name: String) -> Entry? { byName[name].map { entries[$0] } }

  /// The tensor of a name.
  ///
  /// - Throws: `Failure` when there is none.
  public func entry(_ name: String) throws(Failure) -> Entry {
    guard let entry = self[name] else { throw Failure(.badData, path, "has no tensor \(name)") }
    return entry
  }

  /// A tensor's bytes, little-endian, row after row; borrowed from the mapping.
  ///
  /// - Precondition: `entry` is one of this file's.
  @_lifetime(borrow self)
  public func bytes(of entry: Entry) -> RawSpan {
    let file = file
    let span = file.bytes.extracting(entry.offset..<entry.offset + entry.byteCount)
    // The mapping lives as long as `self` does.
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// A tensor's first byte, for the module that owns raw memory; valid as long as this object is referenced. Aligned to
  /// the element's size only if the file's header was padded, as ours are: see `isAligned`.
  package func pointer(of entry: Entry) -> UnsafeRawPointer { unsafe file.pointer + entry.offset }

  /// Whether a tensor's bytes are aligned to its element size.
  public func isAligned(_ entry: Entry) -> Bool { entry.offset.isMultiple(of: entry.type.size) }

  /// Tells the system that the file's pages are not needed for now; they come back from the file when touched.
  public func dropFromMemory() { file.dropFromMemory() }

  /// Converts a tensor to single precision.
  ///
  /// - Parameters:
  ///   - name: a tensor of a float type.
  ///   - output: exactly as many elements as the tensor has.
  /// - Throws: `Failure` when there is no such tensor, it is of an integer type, or the numbers of elements differ.
  public func copyFloats(_ name: String, into output: inout MutableSpan<Float>) throws(Failure) {
    let entry = try floatEntry(name)
    guard entry.count == output.count else {
      throw Failure(
        .badData, path, at: "tensor \(name)", "has \(entry.count) elements; \(output.count) are expected")
    }
    entry.type.copyFloats(bytes(of: entry), to: &output, count: entry.count)
  }

  /// A tensor converted to single precision.
  public func floats(_ name: String) throws(Failure) -> [Float] {
    let entry = try floatEntry(name)
    var values = [Float](repeating: 0, count: entry.count)
    var span = values.mutableSpan
    entry.type.copyFloats(bytes(of: entry), to: &span, count: entry.count)
    return values
  }

  /// An integer tensor.
  ///
  /// - Throws: `Failure` when there is no such tensor, it is not of an integer type, or an element does not fit 32 bits.
  public func integers(_ name: String) throws(Failure) -> [Int32] {
    let entry = try entry(name)
    let bytes = bytes(of: entry)
    var values: [Int32] = []
    values.reserveCapacity(entry.count)
    for index in 0..<entry.count {
      switch entry.type {
      case .int32: values.append(bytes.number(at: index * 4))
      case .int64:
        guard let value = Int32(exactly: bytes.number(at: index * 8, as: Int64.self)) else {
          throw Failure(.badData, path, at: "tensor \(name)", "element \(index) does not fit 32 bits")
        }
        values.append(value)
      default: throw Failure(.badData, path, at: "tensor \(name)", "is of the type \(entry.type.rawValue), not integer")
      }
    }
    return values
  }

  /// Gives a float tensor's elements in single precision, in pieces of at most 2^16.
  ///
  /// - Throws: `Failure` when there is no such tensor or it is of an integer type, and what `body` throws.
  public func forEachPiece(
    of name: String, _ body: (Span<Float>) throws(Failure) -> Void
  ) throws(Failure) {
    let entry = try floatEntry(name)
    let stored = bytes(of: entry)
    var chunk = [Float](repeating: 0, count: min(1 << 16, entry.count))
    var start = 0
    while start < entry.count {
      let count = min(chunk.count, entry.count - start)
      var span = chunk.mutableSpan
      entry.type.copyFloats(stored.extracting((start * entry.type.size)...), to: &span, count: count)
      try body(chunk.span.extracting(first: count))
      start += count
    }
  }

  /// Looks for a value that is not finite.
  ///
  /// - Returns: the index of the first infinity or NaN of a float tensor, or nil.
  public func firstNonFinite(_ name: String) throws(Failure) -> Int? {
    var found: Int?
    var start = 0
    try forEachPiece(of: name) { (piece) throws(Failure) in
      if found == nil, let index = firstNonFiniteIndex(piece) { found = start + index }
      start += piece.count
    }
    return found
  }

  private func floatEntry(_ name: String) throws(Failure) -> Entry {
    let entry = try entry(name)
    guard entry.type.isFloat else {
      throw Failure(.badData, path, at: "tensor \(name)", "is of the integer type \(entry.type.rawValue)")
    }
    return entry
  }
}

/// The product of non-negative sizes, or nil where it does not fit an Int.
package func product(_ sizes: [Int]) -> Int? {
  // A zero makes the product zero even where the other sizes alone would not fit.
  if sizes.contains(0) { return 0 }
  var result = 1
  for size in sizes {
    let (next, overflow) = result.multipliedReportingOverflow(by: size)
    if overflow { return nil }
    result = next
  }
  return result
}

package func firstNonFiniteIndex(_ values: Span<Float>) -> Int? {
  // The usual answer is none: one pass without branches, and a search only if something was found.
  var found = false
  for index in values.indices { found = found || values[index].bitPattern & 0x7F80_0000 == 0x7F80_0000 }
  return found ? values.indices.first { !values[$0].isFinite } : nil
}

/// Writes a `.safetensors` file tensor after tensor, without holding it in memory.
///
/// The bytes depend only on what is given: tensors in the order of the list, offsets without gaps, the header padded with
/// spaces so that the data starts at a multiple of 8.
public final class SafeTensorsWriter {
  private let output: OutputFile
  private let tensors: [TensorShape]
  private let types: [ElementType]
  private var current = 0
  private var written = 0

  /// Writes the header.
  ///
  /// - Parameters:
  ///   - tensors: every tensor to come, in order; names differ.
  ///   - type: `.float32` or `.float16`, the type of all.
  ///   - metadata: strings for the header's `__metadata__`, written sorted.
  public convenience init(
    path: String, tensors: [TensorShape], type: ElementType = .float32, metadata: [String: String] = [:]
  ) throws(Failure) {
    guard type == .float32 || type == .float16 else {
      throw Failure(.software, path, "cannot be written as \(type.rawValue)", remedy: "use float32 or float16")
    }
    try self.init(
      path: path, tensors: tensors, types: Array(repeating: type, count: tensors.count), metadata: metadata)
  }

  /// Writes the header of a file whose tensors are of several types.
  ///
  /// - Parameter types: `.float32`, `.float16` or `.int8`, one for each tensor. The large ones first, so that all are aligned.
  public init(
    path: String, tensors: [TensorShape], types: [ElementType], metadata: [String: String] = [:]
  ) throws(Failure) {
    precondition(tensors.count == types.count)
    for type in types where ![.float32, .float16, .int8].contains(type) {
      throw Failure(.software, path, "cannot be written as \(type.rawValue)", remedy: "use float32, float16 or int8")
    }
    self.tensors = tensors
    self.types = types
    var header = "{"
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
      header += "\"__metadata__\":{\(pairs.joined(separator: ","))}"
    }
    var offset = 0
    var names = Set<String>()
    for (tensor, type) in zip(tensors, types) {
      guard tensor.name != "__metadata__", names.insert(tensor.name).inserted else {
        throw Failure(.software, path, at: "tensor \(tensor.name)", "the name cannot be used twice")
      }
      guard tensor.shape.allSatisfy({ $0 >= 0 }), let count = product(tensor.shape),
        let bytes = product([count, type.size]), case let (end, overflow) = offset.addingReportingOverflow(bytes),
        !overflow
      else {
        throw Failure(.software, path, at: "tensor \(tensor.name)", "has the impossible shape \(tensor.shape)")
      }
      if header.utf8.count > 1 { header += "," }
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      header +=
        "\(quoted(tensor.name)):{\"dtype\":\"\(type.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
      offset = end
    }
    header += "}"
    header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    output = try OutputFile(path: path)
    let length = [UInt64(header.utf8.count).littleEndian]
    try unsafe output.write(length.span.bytes)
    try output.write(header)
    skipEmptyTensors()
  }

  /// Appends whole numbers to the current tensor, which is of `.int8`.
  ///
  /// - Throws: `Failure` when more elements come than the tensor has left, or when the disk is full.
  public func append(_ values: Span<Int8>) throws(Failure) {
    if values.isEmpty { return }
    try checkRoom(values.count)
    precondition(types[current] == .int8, "floats are expected")
    try unsafe output.write(values.bytes)
    advance(values.count)
  }

  private func checkRoom(_ count: Int) throws(Failure) {
    guard current < tensors.count, count <= tensors[current].count - written else {
      let place = current < tensors.count ? "tensor \(tensors[current].name)" : "end"
      throw Failure(.software, output.path, at: place, "more elements were given than its shape has")
    }
  }

  private func advance(_ count: Int) {
    written += count
    if written == tensors[current].count {
      current += 1
      written = 0
      skipEmptyTensors()
    }
  }

  /// Appends elements of the current tensor, row after row; a full tensor makes way for the next.
  ///
  /// - Throws: `Failure` when more elements come than the tensor has left, when a value does not fit half precision, or
  ///   when the disk is full.
  public func append(_ values: Span<Float>) throws(Failure) {
    if values.isEmpty { return }
    try checkRoom(values.count)
    let type = types[current]
    precondition(type != .int8, "whole numbers are expected")
    if type == .float32 {
      try unsafe output.write(values.bytes)
    } else {
      var halves: [UInt16] = []
      if let index = FloatFormat.narrow(values, to: &halves) {
        throw Failure(
          .badData, output.path, at: "tensor \(tensors[current].name)",
          "element \(written + index) is \(values[index]), too large for float16", remedy: "write float32")
      }
      try unsafe output.write(halves.span.bytes)
    }
    advance(values.count)
  }

  /// Makes the file durable under its name.
  ///
  /// - Throws: `Failure` when a tensor is incomplete.
  public func commit() throws(Failure) {
    guard current == tensors.count else {
      throw Failure(.software, output.path, at: "tensor \(tensors[current].name)", "not all elements were given")
    }
    try output.commit()
  }

  private func skipEmptyTensors() {
    while current < tensors.count, tensors[current].count == 0 { current += 1 }
  }
}

/// A JSON string: quotes, backslashes and control characters escaped.
private func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\u{0}"..<"\u{20}":
      let digits = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
