import Base

/// The pickles that `torch.save` writes for state dicts, read without running anything.
///
/// A pickle is a program for a stack machine, and Python's machine can call any function. This one knows the opcodes that
/// build plain values and a short list of globals that it interprets itself; everything else is refused by name and
/// offset. Lists and dictionaries live in one array and refer to each other by index, so no nesting, however deep
/// or circular, recurses here.
package struct Pickle {
  /// A global that may occur; none is ever called.
  package enum Global: Equatable {
    case orderedDict
    case rebuildTensor
    case rebuildParameter
    case storage(StorageType)
  }

  /// PyTorch's typed storages.
  package enum StorageType: String {
    case float = "FloatStorage"
    case half = "HalfStorage"
    case bfloat16 = "BFloat16Storage"
    case double = "DoubleStorage"
    case long = "LongStorage"
    case int = "IntStorage"

    package var elementType: ElementType {
      switch self {
      case .float: .float32
      case .half: .float16
      case .bfloat16: .bfloat16
      case .double: .float64
      case .long: .int64
      case .int: .int32
      }
    }
  }

  /// The bytes that tensors are views of: an entry of the archive.
  package struct Storage: Equatable {
    package var type: ElementType
    package var key: String
    /// Number of elements.
    package var count: Int
  }

  /// A view of a storage: element (i, j, ...) is at offset + i * strides[0] + j * strides[1] + ...
  package struct Tensor: Equatable {
    package var storage: Storage
    package var offset: Int
    package var shape: [Int]
    package var strides: [Int]
  }

  /// A value; containers are indices into `nodes`.
  package enum Value: Equatable {
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case bytes
    case global(Global)
    case tuple(Int)
    case list(Int)
    case dictionary(Int)
    case storage(Int)
    case tensor(Int)
  }

  /// What the indices in values refer to.
  package enum Node {
    case items([Value])
    case pairs([(key: Value, value: Value)])
    case storage(Storage)
    case tensor(Tensor)
  }

  package private(set) var nodes: [Node] = []
  /// What the pickle stands for.
  package private(set) var result = Value.none

  private let path: String
  private let length: Int
  private var position = 0
  private var stack: [Value] = []
  private var marks: [Int] = []
  private var memo: [Int: Value] = [:]

  /// Far above any state dict's pickle, which takes about 100 bytes a tensor.
  package static let sizeLimit = 64 << 20
  package static let memoLimit = 1 << 24
  package static let depthLimit = 1000

  /// Runs a pickle.
  ///
  /// - Throws: `Failure` naming the file, the offset inside the pickle, and what was refused.
  package init(_ bytes: RawSpan, path: String) throws(Failure) {
    self.path = path
    length = bytes.byteCount
    guard length <= Self.sizeLimit else {
      throw Failure(.badData, path, "the pickle has \(length) bytes; at most \(Self.sizeLimit) are allowed")
    }
    while try step(bytes) {}
    guard position == length else { throw bad("something follows the end of the pickle") }
    stack = []
    memo = [:]
  }

  /// The pairs of a dictionary.
  package func pairs(_ value: Value) -> [(key: Value, value: Value)]? {
    guard case .dictionary(let index) = value, case .pairs(let pairs) = nodes[index] else { return nil }
    return pairs
  }

  /// The view that a value stands for.
  package func tensor(_ value: Value) -> Tensor? {
    guard case .tensor(let index) = value, case .tensor(let tensor) = nodes[index] else { return nil }
    return tensor
  }

  private func bad(_ problem: String, remedy: String? = nil) -> Failure {
    Failure(.badData, path, at: "pickle offset \(position)", problem, remedy: remedy)
  }

  // MARK: The opcodes

  /// Runs one opcode.
  ///
  /// - Returns: whether there is another.
  private mutating func step(_ bytes: RawSpan) throws(Failure) -> Bool {
    let at = position
    let code: UInt8 = try number(bytes)
    switch code {
    case 0x80:  // PROTO
      let version: UInt8 = try number(bytes)
      guard (2...5).contains(version) else { throw bad("pickle protocol \(version); known are 2 to 5") }
    case 0x95:  // FRAME: a hint for reading ahead
      let size: UInt64 = try number(bytes)
      guard size <= UInt64(length - position) else { throw bad("a frame of \(size) bytes ends outside the pickle") }
    case UInt8(ascii: "."):  // STOP
      guard stack.count == 1, marks.isEmpty else {
        throw bad("the pickle ends with \(stack.count) values on the stack")
      }
      result = stack[0]
      return false

    // Plain values.
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case UInt8(ascii: "K"): stack.append(.int(Int(try number(bytes, as: UInt8.self))))
    case UInt8(ascii: "M"): stack.append(.int(Int(try number(bytes, as: UInt16.self))))
    case UInt8(ascii: "J"): stack.append(.int(Int(try number(bytes, as: Int32.self))))
    case 0x8A: stack.append(.int(try longInteger(bytes)))
    case UInt8(ascii: "G"):  // BINFLOAT is the one big-endian number
      let bits: UInt64 = try number(bytes)
      stack.append(.float(Double(bitPattern: bits.byteSwapped)))
    case 0x8C: stack.append(.string(try string(bytes, length: Int(try number(bytes, as: UInt8.self)))))
    case UInt8(ascii: "X"): stack.append(.string(try string(bytes, length: Int(try number(bytes, as: UInt32.self)))))
    case UInt8(ascii: "C"): try skipBytes(length: Int(try number(bytes, as: UInt8.self)))
    case UInt8(ascii: "B"): try skipBytes(length: Int(try number(bytes, as: UInt32.self)))

    // Containers.
    case UInt8(ascii: "("):
      guard marks.count < Self.depthLimit else { throw bad("more than \(Self.depthLimit) nested marks") }
      marks.append(stack.count)
    case UInt8(ascii: ")"): pushNode(.items([])) { .tuple($0) }
    case 0x85: try pushTuple(try pop(1))
    case 0x86: try pushTuple(try pop(2))
    case 0x87: try pushTuple(try pop(3))
    case UInt8(ascii: "t"): try pushTuple(try popToMark())
    case UInt8(ascii: "]"): pushNode(.items([])) { .list($0) }
    case UInt8(ascii: "}"): pushNode(.pairs([])) { .dictionary($0) }
    case UInt8(ascii: "a"): try append(try pop(1))
    case UInt8(ascii: "e"): try append(try popToMark())
    case UInt8(ascii: "s"): try setItems(try pop(2))
    case UInt8(ascii: "u"): try setItems(try popToMark())
    case UInt8(ascii: "0"):  // POP takes a mark away if one is on top
      if marks.last == stack.count { marks.removeLast() } else { _ = try pop(1) }

    // The memo.
    case UInt8(ascii: "q"): try remember(Int(try number(bytes, as: UInt8.self)))
    case UInt8(ascii: "r"): try remember(Int(try number(bytes, as: UInt32.self)))
    case 0x94: try remember(memo.count)
    case UInt8(ascii: "h"): try recall(Int(try number(bytes, as: UInt8.self)))
    case UInt8(ascii: "j"): try recall(Int(try number(bytes, as: UInt32.self)))

    // Globals and what is done with them.
    case UInt8(ascii: "c"):
      let module = try line(bytes)
      stack.append(.global(try global(module, try line(bytes), at: at)))
    case 0x93:
      let names = try pop(2)
      guard case (.string(let module), .string(let name)) = (names[0], names[1]) else {
        throw bad("a global's name is not a string")
      }
      stack.append(.global(try global(module, name, at: at)))
    case UInt8(ascii: "Q"): try persistentID()
    case UInt8(ascii: "R"): try reduce()
    case UInt8(ascii: "b"): try build()
    default: throw refused(code, at: at)
    }
    return true
  }

  private func refused(_ code: UInt8, at offset: Int) -> Failure {
    let names: [UInt8: String] = [
      UInt8(ascii: "1"): "POP_MARK", UInt8(ascii: "2"): "DUP", UInt8(ascii: "F"): "FLOAT", UInt8(ascii: "I"): "INT",
      UInt8(ascii: "L"): "LONG", UInt8(ascii: "P"): "PERSID", UInt8(ascii: "S"): "STRING",
      UInt8(ascii: "T"): "BINSTRING", UInt8(ascii: "U"): "SHORT_BINSTRING", UInt8(ascii: "V"): "UNICODE",
      UInt8(ascii: "d"): "DICT", UInt8(ascii: "g"): "GET", UInt8(ascii: "i"): "INST", UInt8(ascii: "l"): "LIST",
      UInt8(ascii: "o"): "OBJ", UInt8(ascii: "p"): "PUT", 0x81: "NEWOBJ", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4",
      0x8B: "LONG4", 0x8D: "BINUNICODE8", 0x8E: "BINBYTES8", 0x8F: "EMPTY_SET", 0x90: "ADDITEMS", 0x91: "FROZENSET",
      0x92: "NEWOBJ_EX", 0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
    ]
    let name = names[code] ?? "0x" + String(code, radix: 16)
    return Failure(
      .badData, path, at: "pickle offset \(offset)", "the opcode \(name) does not occur in a saved state dict: refused",
      remedy: "save only the state dict: torch.save(model.state_dict(), 'x.pt')")
  }

  // MARK: Reading

  private mutating func number<Number: BitwiseCopyable>(
    _ bytes: RawSpan, as type: Number.Type = Number.self
  ) throws(Failure) -> Number {
    guard length - position >= MemoryLayout<Number>.size else { throw bad("the pickle ends inside an opcode") }
    defer { position += MemoryLayout<Number>.size }
    return bytes.number(at: position)
  }

  private mutating func string(_ bytes: RawSpan, length count: Int) throws(Failure) -> String {
    guard count <= length - position else { throw bad("a string of \(count) bytes ends outside the pickle") }
    let range = position..<position + count
    guard
      let text = String(validating: range.map { bytes.number(at: $0, as: UInt8.self) }, as: UTF8.self)
    else { throw bad("a string is not UTF-8") }
    position += count
    return text
  }

  private mutating func skipBytes(length count: Int) throws(Failure) {
    guard count <= length - position else { throw bad("\(count) bytes end outside the pickle") }
    position += count
    stack.append(.bytes)
  }

  private mutating func line(_ bytes: RawSpan) throws(Failure) -> String {
    var end = position
    while end < length, end - position <= 256, bytes.number(at: end, as: UInt8.self) != UInt8(ascii: "\n") { end += 1 }
    guard end < length, end - position <= 256 else { throw bad("the name of a global does not end") }
    let text = try string(bytes, length: end - position)
    position += 1
    return text
  }

  private mutating func longInteger(_ bytes: RawSpan) throws(Failure) -> Int {
    let count = Int(try number(bytes, as: UInt8.self))
    guard count <= 8 else { throw bad("an integer of \(count) bytes; at most 8 are allowed") }
    var value: UInt64 = 0
    var last: UInt8 = 0
    for index in 0..<count {
      last = try number(bytes)
      value |= UInt64(last) << (8 * index)
    }
    // Two's complement of as many bytes as there are.
    if last & 0x80 != 0, count < 8 { value |= UInt64.max << (8 * count) }
    return Int(truncatingIfNeeded: value)
  }

  // MARK: The stack

  private mutating func pop(_ count: Int) throws(Failure) -> [Value] {
    guard stack.count - (marks.last ?? 0) >= count else { throw bad("the stack is empty") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark() throws(Failure) -> [Value] {
    guard let mark = marks.popLast() else { throw bad("there is no mark on the stack") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func pushNode(_ node: Node, _ value: (Int) -> Value) {
    nodes.append(node)
    stack.append(value(nodes.count - 1))
  }

  private mutating func pushTuple(_ items: [Value]) throws(Failure) {
    pushNode(.items(items)) { .tuple($0) }
  }

  private func top() throws(Failure) -> Value {
    guard stack.count > (marks.last ?? 0), let top = stack.last else { throw bad("the stack is empty") }
    return top
  }

  private mutating func append(_ items: [Value]) throws(Failure) {
    guard case .list(let index) = try top() else { throw bad("something is appended to what is no list") }
    updateNode(index) { node in
      if case .items(var list) = node {
        node = .items([])
        list += items
        node = .items(list)
      }
    }
  }

  private mutating func setItems(_ items: [Value]) throws(Failure) {
    guard items.count.isMultiple(of: 2) else { throw bad("a dictionary's key has no value") }
    guard case .dictionary(let index) = try top() else { throw bad("an item is set in what is no dictionary") }
    updateNode(index) { node in
      if case .pairs(var pairs) = node {
        node = .pairs([])
        for pair in stride(from: 0, to: items.count, by: 2) { pairs.append((items[pair], items[pair + 1])) }
        node = .pairs(pairs)
      }
    }
  }

  // The closures above empty the node first, so that its array is uniquely held and grows in place: quadratic otherwise.
  private mutating func updateNode(_ index: Int, _ update: (inout Node) -> Void) { update(&nodes[index]) }

  private mutating func remember(_ key: Int) throws(Failure) {
    guard memo.count < Self.memoLimit else { throw bad("more than \(Self.memoLimit) values are remembered") }
    memo[key] = try top()
  }

  private mutating func recall(_ key: Int) throws(Failure) {
    guard let value = memo[key] else { throw bad("value \(key) was never remembered") }
    stack.append(value)
  }

  // MARK: Globals

  private func global(_ module: String, _ name: String, at offset: Int) throws(Failure) -> Global {
    switch (module, name) {
    case ("collections", "OrderedDict"): return .orderedDict
    case ("torch._utils", "_rebuild_tensor_v2"): return .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): return .rebuildParameter
    case ("torch", _):
      if let type = StorageType(rawValue: name) { return .storage(type) }
    default: break
    }
    throw Failure(
      .badData, path, at: "pickle offset \(offset)",
      "refers to \(module).\(name), which is no part of a plain state dict: refused, and nothing was run",
      remedy: "do not load this file with other tools unless you trust it; "
        + "a state dict of your own is saved with torch.save(model.state_dict(), 'x.pt')")
  }

  private func items(_ value: Value) -> [Value]? {
    switch value {
    case .tuple(let index), .list(let index):
      if case .items(let items) = nodes[index] { return items }
      return nil
    default: return nil
    }
  }

  /// ("storage", storage type, key, device, number of elements)
  private mutating func persistentID() throws(Failure) {
    let id = try pop(1)[0]
    guard let parts = items(id), parts.count == 5, parts[0] == .string("storage"),
      case .global(.storage(let type)) = parts[1], case .string(let key) = parts[2], case .string = parts[3],
      case .int(let count) = parts[4], count >= 0
    else { throw bad("a persistent id does not describe a storage of a supported type") }
    pushNode(.storage(Storage(type: type.elementType, key: key, count: count))) { .storage($0) }
  }

  private mutating func reduce() throws(Failure) {
    let parts = try pop(2)
    guard case .global(let function) = parts[0], case .tuple = parts[1], let arguments = items(parts[1]) else {
      throw bad("a call of something that is no known function")
    }
    switch function {
    case .orderedDict:
      guard arguments.isEmpty else { throw bad("OrderedDict is called with arguments") }
      pushNode(.pairs([])) { .dictionary($0) }
    case .rebuildTensor:
      let tensor = try tensorView(arguments)
      pushNode(.tensor(tensor)) { .tensor($0) }
    case .rebuildParameter:
      guard arguments.count == 3, case .tensor = arguments[0] else { throw bad("a parameter does not wrap a tensor") }
      stack.append(arguments[0])
    case .storage: throw bad("a storage type is called")
    }
  }

  /// (storage, offset, shape, strides, requires_grad, backward_hooks[, metadata])
  private func tensorView(_ arguments: [Value]) throws(Failure) -> Tensor {
    guard (6...7).contains(arguments.count), case .storage(let index) = arguments[0],
      case .storage(let storage) = nodes[index], case .int(let offset) = arguments[1],
      let sizes = items(arguments[2]), let steps = items(arguments[3])
    else { throw bad("a tensor is not described as PyTorch does it") }
    func integers(_ values: [Value]) -> [Int]? {
      var result: [Int] = []
      for value in values {
        guard case .int(let number) = value, number >= 0 else { return nil }
        result.append(number)
      }
      return result
    }
    guard let shape = integers(sizes), let strides = integers(steps), shape.count == strides.count, shape.count <= 16,
      offset >= 0
    else { throw bad("a tensor has an impossible shape, stride or offset") }
    // The element count is bounded by the storage's, so that repeated elements (stride 0) cannot blow up what is read.
    guard let count = product(shape), count <= storage.count else {
      throw bad("a tensor of shape \(shape) is larger than its storage of \(storage.count) elements")
    }
    if count > 0 {
      var last = offset
      for (size, stride) in zip(shape, strides) {
        let (reach, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
        let (sum, overflow2) = last.addingReportingOverflow(reach)
        guard !overflow, !overflow2 else { throw bad("a tensor's strides \(strides) leave its storage") }
        last = sum
      }
      guard last < storage.count else {
        throw bad("a tensor of shape \(shape) reaches element \(last) of a storage of \(storage.count)")
      }
    }
    return Tensor(storage: storage, offset: offset, shape: shape, strides: strides)
  }

  /// PyTorch hangs a `_metadata` dictionary of layer versions onto the state dict; it says nothing about the weights.
  private mutating func build() throws(Failure) {
    _ = try pop(1)
    guard case .dictionary = try top() else { throw bad("a state is set on what is no dictionary") }
  }
}
