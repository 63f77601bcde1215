import Base
import Formats
import Glibc

/// One file of tensors, of either kind.
enum WeightFile: Sendable {
  case safeTensors(SafeTensors)
  case checkpoint(Checkpoint)

  var path: String {
    switch self {
    case .safeTensors(let file): file.path
    case .checkpoint(let file): file.path
    }
  }

  var names: [String] {
    switch self {
    case .safeTensors(let file): file.entries.map(\.name)
    case .checkpoint(let file): file.tensors.map(\.name)
    }
  }

  func description(of name: String) -> (shape: [Int], type: ElementType)? {
    switch self {
    case .safeTensors(let file): file[name].map { ($0.shape, $0.type) }
    case .checkpoint(let file): file[name].map { ($0.shape, $0.type) }
    }
  }

  func forEachPiece(of name: String, _ body: (Span<Float>) throws(Failure) -> Void) throws(Failure) {
    switch self {
    case .safeTensors(let file): try file.forEachPiece(of: name, body)
    case .checkpoint(let file):
      guard let tensor = file[name] else { throw Failure(.badData, path, "has no tensor \(name)") }
      try file.forEachPiece(of: tensor, body)
    }
  }
}

/// The tensors of a model that others wrote, in one file or in several shards.
struct WeightFiles: Sendable {
  /// What failures about a missing tensor name.
  let path: String
  private let files: [WeightFile]
  private let places: [String: Int]
  /// Every tensor's name, sorted.
  let names: [String]

  /// One file.
  init(_ file: WeightFile) {
    path = file.path
    files = [file]
    names = file.names.sorted()
    places = Dictionary(names.map { ($0, 0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Opens the weights of a Hugging Face folder: one file or shards, safetensors before pickles.
  ///
  /// - Throws: `Failure` when there are none, a shard is missing, or a file is damaged.
  init(folder: String) throws(Failure) {
    func exists(_ name: String) -> Bool { FileSystem.access("\(folder)/\(name)", F_OK) == 0 }
    if exists("model.safetensors") {
      self.init(.safeTensors(try SafeTensors(path: "\(folder)/model.safetensors")))
    } else if exists("model.safetensors.index.json") {
      try self.init(index: "\(folder)/model.safetensors.index.json", folder: folder)
    } else if exists("pytorch_model.bin") {
      self.init(.checkpoint(try Checkpoint(plainStateDict: "\(folder)/pytorch_model.bin")))
    } else if exists("pytorch_model.bin.index.json") {
      try self.init(index: "\(folder)/pytorch_model.bin.index.json", folder: folder)
    } else {
      throw Failure(
        .missingInput, folder, "has no weights: neither model.safetensors nor pytorch_model.bin, nor shards of them",
        remedy: "fetch them; those of TensorFlow, Flax and ONNX are not read")
    }
  }

  private init(index: String, folder: String) throws(Failure) {
    let map = try JSONObject.read(index, limit: 64 << 20)
    guard let places = try map.object("weight_map") else {
      throw Failure(.badData, index, at: "weight_map", "the key is missing")
    }
    var numbers: [String: Int] = [:]
    var files: [WeightFile] = []
    var found: [String: Int] = [:]
    for name in places.values.keys.sorted() {
      guard let file = try places.string(name) else {
        throw Failure(.badData, index, at: "weight_map.\(name)", "names no file")
      }
      // A name of another folder could be any file of this machine.
      guard !file.isEmpty, !file.contains("/"), file != ".." else {
        throw Failure(
          .badData, index, at: "weight_map.\(name)", "is \"\(file)\"; a file in the same folder is expected")
      }
      if numbers[file] == nil {
        guard numbers.count < 4096 else { throw Failure(.badData, index, "names more than 4096 files") }
        let path = "\(folder)/\(file)"
        guard FileSystem.access(path, F_OK) == 0 else {
          throw Failure(.missingInput, path, "is missing, though \(index) names it", remedy: "fetch every shard")
        }
        numbers[file] = files.count
        let opened: WeightFile
        if file.hasSuffix(".safetensors") {
          opened = .safeTensors(try SafeTensors(path: path))
        } else {
          opened = .checkpoint(try Checkpoint(plainStateDict: path))
        }
        files.append(opened)
      }
      guard let number = numbers[file], files[number].description(of: name) != nil else {
        throw Failure(
          .badData, "\(folder)/\(file)", at: "tensor \(name)", "is missing, though \(index) says that it is there",
          remedy: "the shards belong to different models: fetch them again")
      }
      found[name] = number
    }
    path = index
    self.files = files
    self.places = found
    names = found.keys.sorted()
  }

  /// A tensor's shape and type, nil where there is none of the name.
  func description(of name: String) -> (shape: [Int], type: ElementType)? {
    places[name].flatMap { files[$0].description(of: name) }
  }

  /// Checks that a tensor is there, of a float type and of a shape.
  func check(_ name: String, _ shape: [Int]) throws(Failure) {
    guard let number = places[name], let found = files[number].description(of: name) else {
      throw Failure(
        .badData, path, at: "tensor \(name)", "is missing",
        remedy: "config.json asks for it: the files belong to different models, or one is incomplete")
    }
    let file = files[number].path
    guard found.shape == shape else {
      let turned = found.shape == shape.reversed() ? ", which is that transposed" : ""
      throw Failure(
        .badData, file, at: "tensor \(name)",
        "has the shape \(found.shape)\(turned); with the sizes in config.json it should be \(shape)",
        remedy: "the weights and config.json belong to different models")
    }
    guard found.type.isFloat else {
      throw Failure(.badData, file, at: "tensor \(name)", "is of the integer type \(found.type.rawValue)")
    }
  }

  /// Gives a tensor's elements in single precision, in pieces of at most 2^16.
  ///
  /// - Throws: `Failure` for one that is not finite, and what `body` throws.
  func forEachPiece(of name: String, _ body: (Span<Float>) throws(Failure) -> Void) throws(Failure) {
    guard let number = places[name] else { throw Failure(.badData, path, "has no tensor \(name)") }
    let file = files[number]
    var done = 0
    try file.forEachPiece(of: name) { (piece) throws(Failure) in
      if let index = firstNonFiniteIndex(piece) {
        throw Failure(
          .badData, file.path, at: "tensor \(name)", "element \(done + index) is not a finite number",
          remedy: "the file is damaged, or the training diverged: use another")
      }
      try body(piece)
      done += piece.count
    }
  }

  /// A whole tensor in single precision.
  func floats(_ name: String) throws(Failure) -> [Float] {
    var values: [Float] = []
    try forEachPiece(of: name) { (piece) throws(Failure) in
      for index in piece.indices { values.append(piece[index]) }
    }
    return values
  }
}
