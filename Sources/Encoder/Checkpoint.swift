import Base
import Formats

/// A PyTorch checkpoint (`torch.save`, zip format) of an EMS model, read without Python and without running any of
/// the code that such a file may hold.
public final class Checkpoint: Sendable {
  /// One tensor of the state dict.
  public struct Tensor: Sendable, Equatable {
    /// The parameter's name, without a leading `module.` and under its newer name where it has two.
    public let name: String
    /// Sizes, slowest first.
    public let shape: [Int]
    /// The type of the stored elements.
    public let type: ElementType
    /// The number of elements.
    public let count: Int
    let entry: ZipArchive.Entry
    let offset: Int
    let strides: [Int]

    /// Whether the elements lie in the file in the order of the indices.
    var isContiguous: Bool {
      var expected = 1
      for (size, stride) in zip(shape, strides).reversed() {
        // A stride along a single element is never taken.
        if size != 1, stride != expected { return false }
        expected *= size
      }
      return true
    }
  }

  /// The file.
  public let path: String
  /// The state dict's tensors in the file's order.
  public let tensors: [Tensor]
  private let byName: [String: Int]
  private let archive: ZipArchive

  /// The keys under which training programs keep the model's state dict, the usual ones first.
  private static let usualKeys = ["model", "state_dict", "model_state_dict", "net", "network", "ema"]

  /// Opens a checkpoint: a state dict, or a dictionary that holds one.
  ///
  /// - Throws: `Failure` naming the file and, inside it, the entry, offset or tensor.
  public convenience init(path: String) throws(Failure) {
    try self.init(path: path, renaming: true, Self.stateDict)
  }

  /// Opens a state dict of any model, the dictionary itself or the one under a key.
  ///
  /// - Throws: `Failure` naming the file and, inside it, the entry, offset or tensor.
  convenience init(plainStateDict path: String, under key: String? = nil) throws(Failure) {
    try self.init(path: path, renaming: false) { (pickle, path) throws(Failure) in
      guard var pairs = pickle.pairs(pickle.result) else {
        throw Failure(.badData, path, "does not hold a dictionary of tensors")
      }
      if let key {
        guard let inside = pairs.first(where: { $0.key == .string(key) }), let found = pickle.pairs(inside.value) else {
          throw Failure(.badData, path, "has no dictionary under the key \(key)")
        }
        pairs = found
      }
      return pairs
    }
  }

  private typealias Pairs = [(key: Pickle.Value, value: Pickle.Value)]

  /// - Parameters:
  ///   - renaming: whether names of EMS's checkpoints are brought into one form.
  ///   - stateDict: finds the dictionary of the tensors.
  private init(
    path: String, renaming: Bool, _ stateDict: (Pickle, String) throws(Failure) -> Pairs
  ) throws(Failure) {
    self.path = path
    let file = try MappedFile(path: path)
    try Self.checkMagic(file)
    let archive = try ZipArchive(file)
    self.archive = archive
    let pickles = archive.entries.filter { $0.name.hasSuffix("/data.pkl") }
    guard pickles.count == 1, let pickled = pickles.first else {
      throw Failure(
        .badData, path, "is a zip archive, but not a PyTorch checkpoint: it has \(pickles.count) entries data.pkl",
        remedy: "TorchScript and other archives are not supported: save the state dict with torch.save")
    }
    let folder = String(pickled.name.dropLast("data.pkl".count))
    if let order = archive[folder + "byteorder"] {
      let bytes = archive.bytes(of: order)
      let text = String(decoding: (0..<min(16, order.size)).map { bytes.number(at: $0, as: UInt8.self) }, as: UTF8.self)
      guard text == "little" else {
        throw Failure(
          .badData, path, at: order.name, "the byte order is \"\(text)\"; only \"little\" is supported",
          remedy: "save the checkpoint again on a little-endian machine")
      }
    }
    let pickle = try Pickle(archive.bytes(of: pickled), path: path)
    let pairs = try stateDict(pickle, path)
    var tensors: [Tensor] = []
    var byName: [String: Int] = [:]
    for (key, value) in pairs {
      guard case .string(var name) = key, let view = pickle.tensor(value) else { continue }
      if renaming, name.hasPrefix("module.") { name.removeFirst("module.".count) }
      // An older name of the same part; the public encoder accepts both.
      if renaming, name.hasPrefix("model.decoder.transform.") {
        name = "model." + name.dropFirst("model.decoder.".count)
      }
      guard let entry = archive[folder + "data/" + view.storage.key] else {
        throw Failure(.badData, path, at: "tensor \(name)", "its data, entry \(view.storage.key), is missing")
      }
      guard let size = product([view.storage.count, view.storage.type.size]), size == entry.size else {
        throw Failure(
          .badData, path, at: "tensor \(name)",
          "its data should have \(view.storage.count) elements of \(view.storage.type.rawValue), but the entry "
            + "\(entry.name) has \(entry.size) bytes")
      }
      guard byName.updateValue(tensors.count, forKey: name) == nil else {
        throw Failure(.badData, path, at: "tensor \(name)", "occurs twice")
      }
      tensors.append(
        Tensor(
          name: name, shape: view.shape, type: view.storage.type, count: view.shape.reduce(1, *), entry: entry,
          offset: view.offset, strides: view.strides))
    }
    self.tensors = tensors
    self.byName = byName
  }

  private static func checkMagic(_ file: MappedFile) throws(Failure) {
    let start = (0..<min(file.count, 2)).map { file.bytes.number(at: $0, as: UInt8.self) }
    if start == [0x50, 0x4B] { return }
    // Before PyTorch 1.6, a checkpoint was a row of pickles.
    if start.first == 0x80 {
      throw Failure(
        .badData, file.path, "is a checkpoint in PyTorch's old format, which is not supported",
        remedy: "save it again with PyTorch 1.6 or newer: torch.save(torch.load('old.pt', 'cpu'), 'new.pt')")
    }
    throw Failure(
      .badData, file.path, "is not a PyTorch checkpoint", remedy: "check the file; a download may have been cut short")
  }

  /// Looks for the released parameter names in the top dictionary and in those it holds.
  private static func stateDict(_ pickle: Pickle, path: String) throws(Failure) -> Pairs {
    let marker = ModelName.words
    func holdsModel(_ pairs: [(key: Pickle.Value, value: Pickle.Value)]) -> Bool {
      pairs.contains { $0.key == .string(marker) || $0.key == .string("module." + marker) }
    }
    guard let top = pickle.pairs(pickle.result) else {
      throw Failure(
        .badData, path, "does not hold a dictionary",
        remedy: "save the state dict: torch.save(model.state_dict(), 'x.pt')")
    }
    if holdsModel(top) { return top }
    var found: [(key: String, pairs: [(key: Pickle.Value, value: Pickle.Value)])] = []
    for (key, value) in top {
      guard case .string(let name) = key, let pairs = pickle.pairs(value), holdsModel(pairs) else { continue }
      found.append((name, pairs))
    }
    if found.count == 1, let only = found.first { return only.pairs }
    for key in usualKeys {
      if let usual = found.first(where: { $0.key == key }) { return usual.pairs }
    }
    if found.isEmpty {
      let keys = top.prefix(5).compactMap { if case .string(let name) = $0.key { name } else { nil } }
      throw Failure(
        .badData, path,
        "holds no EMS model: no tensor \(marker) in it; its first keys are \(keys.joined(separator: ", "))",
        remedy: "check that this is an EMS checkpoint")
    }
    throw Failure(
      .badData, path, "holds several models, under \(found.map(\.key).joined(separator: ", "))",
      remedy: "save the one to convert by itself")
  }

  /// The tensor of a name, or nil.
  public subscript(name: String) -> Tensor? { byName[name].map { tensors[$0] } }

  /// Gives a tensor's elements in the order of its indices, converted to single precision, in pieces of at most 2^16.
  public func forEachPiece(of tensor: Tensor, _ body: (Span<Float>) throws(Failure) -> Void) throws(Failure) {
    guard tensor.type.isFloat else {
      throw Failure(.badData, path, at: "tensor \(tensor.name)", "is of the integer type \(tensor.type.rawValue)")
    }
    let archive = archive
    let bytes = archive.bytes(of: tensor.entry)
    let size = tensor.type.size
    var piece = [Float](repeating: 0, count: min(1 << 16, tensor.count))
    var start = 0
    var index = [Int](repeating: 0, count: tensor.shape.count)
    var position = tensor.offset
    while start < tensor.count {
      let count = min(piece.count, tensor.count - start)
      var span = piece.mutableSpan
      if tensor.isContiguous {
        let from = (tensor.offset + start) * size
        tensor.type.copyFloats(bytes.extracting(from...), to: &span, count: count)
      } else {
        for element in 0..<count {
          span[element] = tensor.type.float(bytes, at: position)
          // Count the indices up, the last one fastest, and keep the position in step.
          var dimension = tensor.shape.count - 1
          while dimension >= 0 {
            index[dimension] += 1
            position += tensor.strides[dimension]
            if index[dimension] < tensor.shape[dimension] { break }
            position -= tensor.strides[dimension] * tensor.shape[dimension]
            index[dimension] = 0
            dimension -= 1
          }
        }
      }
      try body(piece.span.extracting(first: count))
      start += count
    }
  }

  /// A whole tensor in single precision.
  public func floats(_ name: String) throws(Failure) -> [Float] {
    guard let tensor = self[name] else { throw Failure(.badData, path, "has no tensor \(name)") }
    var values: [Float] = []
    values.reserveCapacity(tensor.count)
    try forEachPiece(of: tensor) { (piece) throws(Failure) in
      for index in piece.indices { values.append(piece[index]) }
    }
    return values
  }
}
