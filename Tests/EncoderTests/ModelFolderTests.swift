import Base
import Encoder
import Formats
import Glibc
import TestSupport
import Testing

@Suite struct ModelFolderTests {
  let folder = TemporaryFolder()
  let configuration = Fixture.configuration

  @discardableResult
  func write(
    _ name: String = "model", _ configuration: Configuration? = nil, type: ElementType = .float32,
    training: Bool = false,
    replace: Bool = false, value: Float = 0.5
  ) throws -> String {
    try ModelFolder.write(
      to: folder.file(name), configuration: configuration ?? self.configuration, tokenizer: Fixture.tokenizer(),
      card: "# A card\n", type: type, heads: training ? .ems : .none, replace: replace
    ) { (shape, writer) throws(Failure) in
      try append([Float](repeating: value, count: shape.count), to: writer)
    }
    return folder.file(name)
  }

  /// Replaces the weights of a written model.
  func setWeights(_ shapes: [TensorShape], at path: String, value: Float = 0) throws {
    let writer = try SafeTensorsWriter(path: "\(path)/model.safetensors", tensors: shapes)
    for shape in shapes { try append([Float](repeating: value, count: shape.count), to: writer) }
    try writer.commit()
  }

  @Test(arguments: [false, true])
  func aWrittenModelOpens(training: Bool) throws {
    let path = try write(type: training ? .float16 : .float32, training: training)
    #expect(try folder.list() == ["model"])
    #expect(
      try folder.list("model") == [
        "README.md", "SHA256SUMS", "config.json", "model.safetensors", "sentencepiece.model",
      ])
    let model = try ModelFolder(path: path)
    #expect(model.configuration == configuration)
    #expect((model.heads == .ems) == training)
    try model.verify()
    let info = model.info()
    #expect(info.parameters == configuration.parameterCount)
    #expect(
      info.trainingParameters == (training ? configuration.parameterCount(.ems) - configuration.parameterCount : 0))
    #expect(info.elementTypes == [training ? .float16 : .float32])
    #expect(info.tokenizerKind == .bpe)
    #expect(info.unknownTensors == [])
    #expect(try model.sentencePiece?.model == Fixture.bytes("tiny.model"))
  }

  @Test func anExistingFolderIsReplacedOnlyOnRequest() throws {
    let path = try write(value: 1)
    expect(failure { try write(value: 2) }, says: path, "exists")
    #expect(
      try ModelFolder(path: path).weights.floats(
        configuration.tensorShapes()[2].name)[0] == 1)
    try write(replace: true, value: 2)
    #expect(try ModelFolder(path: path).weights.floats(configuration.tensorShapes()[2].name)[0] == 2)
    #expect(try folder.list() == ["model"])
    // A folder with anything else in it is not a model to throw away.
    _ = try folder.write("model/notes.txt", [1])
    expect(failure { try write(replace: true) }, says: "notes.txt")
    _ = try folder.write("plain", [1])
    expect(failure { try write("plain", replace: true) }, says: "not a folder")
    expect(failure { try write("no/such/folder") }, says: "no/such/folder")
    // An empty folder is as good as none.
    #expect(unsafe mkdir(folder.file("empty"), 0o777) == 0)
    _ = try ModelFolder(path: write("empty"))
    #expect(try folder.list() == ["empty", "model", "plain"])
  }

  @Test func aFailureLeavesNothingBehind() throws {
    var other = configuration
    other.vocabSize = 301
    expect(failure { try write("m", other) }, says: "300 pieces", "301")
    other = configuration
    other.numAttentionHeads = 3
    expect(failure { try write("m", other) }, says: "num_attention_heads")
    struct Stop: Error {}
    expect(
      failure {
        try ModelFolder.write(
          to: folder.file("m"), configuration: configuration, tokenizer: Fixture.tokenizer(), card: ""
        ) { (_, _) throws(Failure) in throw Failure(.software, "stop", "here") }
      }, says: "stop")
    #expect(try folder.list() == [])
  }

  @Test func partsOfDifferentModelsAreFound() throws {
    let path = try write()
    let shapes = configuration.tensorShapes()
    try setWeights(Array(shapes.dropLast()), at: path)
    expect(failure { _ = try ModelFolder(path: path) }, says: shapes[shapes.count - 1].name, "is missing")
    var wrong = shapes
    wrong[5].shape = [8, 9]
    try setWeights(wrong, at: path)
    expect(failure { _ = try ModelFolder(path: path) }, says: shapes[5].name, "[8, 9]", "asks for \(shapes[5].shape)")
    // The same number of elements in another shape is wrong too.
    wrong[5].shape = [64]
    try setWeights(wrong, at: path)
    expect(failure { _ = try ModelFolder(path: path) }, says: shapes[5].name, "[64]")

    try setWeights(shapes, at: path)
    var config = configuration
    config.vocabSize = 299
    _ = try folder.write("model/config.json", Array(config.json().utf8))
    expect(failure { _ = try ModelFolder(path: path) }, says: "sentencepiece.model", "300 pieces", "vocab_size 299")
    // Valid in itself, so that only its digest tells of the edit.
    config = configuration
    config.lowercase.toggle()
    _ = try folder.write("model/config.json", Array(config.json().utf8))
    expect(failure { _ = try ModelFolder(path: path) }, says: "config.json", "SHA256SUMS")
    #expect(unsafe unlink(folder.file("model/SHA256SUMS")) == 0)
    config = configuration
    config.languages.swapAt(0, 1)
    _ = try folder.write("model/config.json", Array(config.json().utf8))
    let model = try ModelFolder(path: path)
    expect(failure { try model.verify() }, says: "languages", "another order")
  }

  @Test func verifyingReadsTheWeights() throws {
    let path = try write()
    let shapes = configuration.tensorShapes()
    try setWeights(shapes, at: path, value: .nan)
    let model = try ModelFolder(path: path)
    expect(failure { try model.verify() }, says: shapes[0].name, "element 0", "finite")
    try setWeights(shapes + [TensorShape(name: "extra", shape: [1])], at: path)
    expect(failure { try ModelFolder(path: path).verify() }, says: "extra", "no part")
    try setWeights(shapes + [TensorShape(name: "alignproj.0.bias", shape: [8])], at: path)
    expect(failure { try ModelFolder(path: path).verify() }, says: "is missing, though alignproj.0.bias")
  }

  @Test func foldersThatAreNoModels() throws {
    let failure1 = failure { _ = try ModelFolder(path: folder.file("none")) }
    #expect(failure1?.kind == .missingInput)
    expect(failure { _ = try ModelFolder(path: Fixture.path("bare.pt")) }, says: "not a folder", "convert")
    expect(failure { _ = try ModelFolder(path: folder.path) }, says: "has no config.json")
  }
}
