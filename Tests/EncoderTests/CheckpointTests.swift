import Base
import Encoder
import Formats
import Glibc
import TestSupport
import Testing

@Suite struct CheckpointTests {
  let folder = TemporaryFolder()
  let words = "model.bert.embedding.word_embedding.embedding.weight"

  func problem(_ bytes: [UInt8]) throws -> Failure? {
    let path = try folder.write("x.pt", bytes)
    let failure = failure { _ = try Checkpoint(path: path) }
    #expect(failure?.kind == .badData)
    return failure
  }

  @Test(arguments: [("bare.pt", "expected.safetensors"), ("nested.pt", "expected-nested.safetensors")])
  func tensorsAreWhatPyTorchSaved(checkpoint: String, expected: String) throws {
    let read = try Checkpoint(path: Fixture.path(checkpoint))
    let expected = try SafeTensors(path: Fixture.path(expected))
    for entry in expected.entries {
      #expect(read[entry.name]?.shape == entry.shape, "\(entry.name)")
      #expect(try read.floats(entry.name) == expected.floats(entry.name), "\(entry.name)")
    }
    let others = Set(read.tensors.map(\.name)).subtracting(expected.entries.map(\.name))
    #expect(others == (checkpoint == "nested.pt" ? ["model.bert.embedding.position_ids"] : []))
    expect(failure { _ = try read.floats("none") }, says: "no tensor none")
    if checkpoint == "nested.pt" {
      #expect(read["model.bert.encoder.layer.0.output.dense.weight"]?.type == .float16)
      expect(failure { _ = try read.floats("model.bert.embedding.position_ids") }, says: "integer type I64")
    }
  }

  @Test func smallAndZip64Archives() throws {
    for name in ["mini.pt", "zip64.pt"] {
      let read = try Checkpoint(path: Fixture.path(name))
      #expect(read.tensors.map(\.name) == [words, "x"])
      #expect(try read.floats(words) == [0, 1, 2, 3, 4, 5])
      #expect(try read.floats("x") == [1, 1])
    }
  }

  @Test func codeInAPickleIsRefused() {
    let failure = failure { _ = try Checkpoint(path: Fixture.path("malicious.pt")) }
    expect(failure, says: "malicious.pt", "pickle offset", "posix.system", "refused")
    #expect(unsafe access("/tmp/ems-was-run", F_OK) != 0)
  }

  @Test func otherFormatsAreExplained() throws {
    expect(failure { _ = try Checkpoint(path: Fixture.path("legacy.pt")) }, says: "old format", "torch.save")
    expect(failure { _ = try Checkpoint(path: Fixture.path("compressed.pt")) }, says: "compressed (method 8)")
    expect(try problem([]), says: "not a PyTorch checkpoint")
    expect(try problem(Array("PK\u{3}\u{4} cut short".utf8)), says: "no zip directory")
    expect(failure { _ = try Checkpoint(path: Fixture.path("expected.safetensors")) }, says: "not a PyTorch checkpoint")
    expect(try problem(archive(["a/other": [1]])), says: "0 entries data.pkl")
    expect(try problem(archive(["a/data.pkl": stateDict, "b/data.pkl": stateDict])), says: "2 entries data.pkl")
    expect(
      try problem(archive(["a/data.pkl": stateDict, "a/byteorder": Array("big".utf8)])), says: "byte order is \"big\"")
  }

  @Test func damagedCheckpointsFailOrRead() throws {
    for name in ["mini.pt", "zip64.pt"] {
      let whole = try Fixture.bytes(name)
      try damagedCopies(of: whole, flips: 4000) { bytes in try readAll(bytes) }
    }
  }

  @Test func damagedPicklesFailOrRead() throws {
    try damagedCopies(of: stateDict, flips: 8000) { pickle in
      try readAll(archive(["a/data.pkl": pickle, "a/data/0": Array(repeating: 0, count: 24)]))
    }
  }

  func readAll(_ bytes: [UInt8]) throws {
    let path = try folder.write("x.pt", bytes)
    toleratingBadData {
      let read = try Checkpoint(path: path)
      for tensor in read.tensors where tensor.type.isFloat { _ = try read.floats(tensor.name) }
    }
  }

  // MARK: Pickles by hand

  /// {words: tensor of 2 x 3 floats}
  var stateDict: [UInt8] { pickle("}" + key(words) + tensor() + "s.") }

  /// A pickle from a text whose characters are bytes.
  func pickle(_ body: String) -> [UInt8] { [0x80, 2] + body.unicodeScalars.map { UInt8($0.value) } }

  func key(_ text: String) -> String {
    "X" + [0, 8, 16, 24].map { String(UnicodeScalar(UInt8(truncatingIfNeeded: text.utf8.count >> $0))) }.joined() + text
  }

  func integer(_ value: Int) -> String {
    "\u{8A}\u{8}" + (0..<8).map { String(UnicodeScalar(UInt8(truncatingIfNeeded: value >> (8 * $0)))) }.joined()
  }

  func tensor(
    offset: Int = 0, shape: [Int] = [2, 3], strides: [Int] = [3, 1], count: Int = 6, type: String = "FloatStorage"
  ) -> String {
    let storage = "(" + key("storage") + "ctorch\n\(type)\n" + key("0") + key("cpu") + integer(count) + "tQ"
    let sizes = "(" + shape.map(integer).joined() + "t"
    let steps = "(" + strides.map(integer).joined() + "t"
    return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + integer(offset) + sizes + steps
      + "\u{89}ccollections\nOrderedDict\n)RtR"
  }

  @Test(arguments: [
    (6, [2, 3], [3, 1], 6, "reaches element 11"), (0, [2, 3], [4, 1], 6, "reaches element 6"),
    (0, [7], [0], 6, "larger than its storage"), (0, [1 << 40, 1 << 40], [0, 0], 6, "larger than its storage"),
    (0, [2], [Int.max], 6, "reaches element"), (0, [3], [Int.max], 6, "leave its storage"),
    (Int.max, [2], [1], 6, "leave its storage"), (-1, [2], [1], 6, "impossible"), (0, [-2], [1], 6, "impossible"),
    (0, [2], [-1], 6, "impossible"), (0, [2, 3], [3], 6, "impossible"), (0, [2, 3], [3, 1], 7, "has 24 bytes"),
    (0, [2, 3], [3, 1], Int.max, "has 24 bytes"), (0, [2, 3], [3, 1], -6, "persistent id"),
  ])
  func viewsStayInsideTheirData(offset: Int, shape: [Int], strides: [Int], count: Int, expected: String) throws {
    let body = "}" + key(words) + tensor(offset: offset, shape: shape, strides: strides, count: count) + "s."
    expect(
      try problem(archive(["a/data.pkl": pickle(body), "a/data/0": Array(repeating: 0, count: 24)])), says: expected)
  }

  @Test func viewsWithAnyStrides() throws {
    let data = (0..<12).flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: Float(value).bitPattern >> (8 * $0)) }
    }
    for (offset, shape, strides, expected) in [
      (0, [2, 3], [1, 2], [0, 2, 4, 1, 3, 5]), (1, [2, 2], [5, 3], [1, 4, 6, 9]), (3, [3], [0], [3, 3, 3]),
      (0, [1, 4, 1], [99, 3, 77], [0, 3, 6, 9]), (2, [], [], [2]), (0, [0, 9], [1, 1], []),
    ] as [(Int, [Int], [Int], [Float])] {
      let body = "}" + key(words) + tensor(offset: offset, shape: shape, strides: strides, count: 12) + "s."
      let path = try folder.write("s.pt", archive(["a/data.pkl": pickle(body), "a/data/0": data]))
      #expect(try Checkpoint(path: path).floats(words) == expected)
    }
  }

  @Test(arguments: [
    (".", "0 values"), ("}}.", "2 values"), ("(}.", "ends with"), ("}", "ends inside"), ("q\u{0}.", "stack is empty"),
    ("h\u{7}.", "never remembered"), ("}N.", "2 values"), ("}.}", "something follows"), ("t.", "no mark"),
    ("NR.", "stack is empty"), ("})R.", "no known function"), ("NNs.", "stack is empty"), ("NNNs.", "no dictionary"),
    ("N(Nu.", "no value"), ("}(Nu.", "no value"), ("NNa.", "no list"), ("}Nb.", "no EMS model"),
    ("NNb.", "state is set"), ("2.", "DUP"), ("}2.", "DUP"),
    ("(i__main__\nX\n.", "INST"), ("\u{81}.", "NEWOBJ"), ("\u{92}.", "NEWOBJ_EX"), ("\u{ff}.", "0xff"),
    ("cos\nsystem\n.", "os.system"), ("c__builtin__\neval\n.", "__builtin__.eval"),
    ("X\u{ff}\u{ff}\u{ff}\u{ff}a.", "outside"),
    ("\u{8A}\u{9}123456789.", "9 bytes"), ("\u{95}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}.", "frame"),
    ("cos", "does not end"), ("NQ.", "persistent id"), ("ctorch\nFloatStorage\n)R.", "storage type is called"),
    ("ctorch\nQInt8Storage\n.", "torch.QInt8Storage"), ("ctorch._utils\n_rebuild_tensor_v2\n)R.", "not described"),
    ("ctorch._utils\n_rebuild_parameter\n(N\u{89}NtR.", "wrap"), ("N.", "not hold a dictionary"),
    ("}.", "no EMS model"),
    ("X\u{1}\u{0}\u{0}\u{0}\u{ff}.", "UTF-8"), ("(N0.", "ends with"),
  ])
  func badPicklesAreExplained(body: String, expected: String) throws {
    let failure = try problem(archive(["a/data.pkl": pickle(body)]))
    expect(failure, says: expected)
  }

  @Test func deepAndCircularPicklesEnd() throws {
    // A list in itself, tuples nested a million deep, a chain of lists, and a million marks.
    expect(try problem(archive(["a/data.pkl": pickle("]q\u{0}h\u{0}a.")])), says: "not hold a dictionary")
    expect(
      try problem(archive(["a/data.pkl": pickle("N" + String(repeating: "\u{85}", count: 1 << 20) + ".")])),
      says: "not hold a dictionary")
    expect(
      try problem(
        archive([
          "a/data.pkl": pickle(
            String(repeating: "]", count: 1 << 20) + String(repeating: "a", count: (1 << 20) - 1) + ".")
        ])),
      says: "not hold a dictionary")
    expect(try problem(archive(["a/data.pkl": pickle(String(repeating: "(", count: 1 << 20))])), says: "nested marks")
  }

  // MARK: Zip archives by hand

  func little(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  func archive(_ entries: KeyValuePairs<String, [UInt8]>, shift: Int = 0, count: Int? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    var directory: [UInt8] = []
    for (name, content) in entries {
      let start = bytes.count + shift
      let sizes = little(0, 4) + little(content.count, 4) + little(content.count, 4)
      let tail = little(name.utf8.count, 2) + little(0, 2)
      bytes += little(0x0403_4B50, 4) + little(20, 2) + little(0, 8) + sizes + tail + Array(name.utf8) + content
      directory += little(0x0201_4B50, 4) + little(20, 2) + little(20, 2) + little(0, 8) + sizes + tail
      directory += little(0, 10) + little(start, 4) + Array(name.utf8)
    }
    let number = count ?? entries.count
    let end = little(0x0605_4B50, 4) + little(0, 4) + little(number, 2) + little(number, 2)
    return bytes + directory + end + little(directory.count, 4) + little(bytes.count, 4) + little(0, 2)
  }

  @Test func badArchivesAreExplained() throws {
    expect(try problem(archive(["a": [1], "a": [2]])), says: "occurs twice")
    expect(try problem(archive(["a": [1]], count: 2)), says: "too short for 2 entries")
    expect(try problem(archive(["a": [1], "b": [2]], count: 1)), says: "announces 1 entries, but holds 2")
    expect(try problem(archive(["a": [1]], shift: 5)), says: "outside the file's content")
    expect(try problem(archive(["a": [1]], shift: 1 << 30)), says: "outside the file's content")
    // The second entry inside the first one's content.
    let inner = Array(archive(["b": [7]]).prefix(32))
    var outer = archive(["a": inner, "b": [7]])
    let position = outer.count - 22 - 47 + 42
    outer.replaceSubrange(position..<position + 4, with: little(31, 4))
    expect(try problem(outer), says: "share bytes")
  }

  // MARK: Conversion

  func options(_ heads: Int? = 2) -> Checkpoint.ConversionOptions {
    var options = Checkpoint.ConversionOptions()
    options.heads = heads
    return options
  }

  @Test func aConvertedCheckpointIsAModel() throws {
    let output = folder.file("model")
    let done = try Checkpoint.convert(
      path: Fixture.path("bare.pt"), tokenizer: Fixture.path("tiny.model"), output: output, options())
    var expected = Fixture.configuration
    expected.numHiddenLayers = 1
    #expect(done.configuration == expected && done.hasTrainingTensors && done.ignored == [])
    let model = try ModelFolder(path: output)
    try model.verify()
    #expect(model.configuration == expected)
    let tensors = try SafeTensors(path: Fixture.path("expected.safetensors"))
    for entry in tensors.entries { #expect(try model.weights.floats(entry.name) == tensors.floats(entry.name)) }
    #expect(String(decoding: try readBytes(output + "/README.md"), as: UTF8.self).contains("bare.pt"))
  }

  @Test func aCheckpointWithoutTrainingTensorsConverts() throws {
    let output = folder.file("model")
    var options = options()
    options.type = .float16
    options.lowercase = false
    let done = try Checkpoint.convert(
      path: Fixture.path("nested.pt"), tokenizer: Fixture.path("tiny.model"), output: output, options)
    #expect(!done.hasTrainingTensors && !done.configuration.lowercase)
    #expect(done.ignored == ["model.bert.embedding.position_ids"])
    #expect(try ModelFolder(path: output).info().elementTypes == [.float16])
    expect(
      failure {
        _ = try Checkpoint.convert(
          path: Fixture.path("nested.pt"), tokenizer: Fixture.path("tiny.model"), output: output, options)
      }, says: "exists")
    options.replace = true
    try Checkpoint.convert(
      path: Fixture.path("bare.pt"), tokenizer: Fixture.path("tiny.model"), output: output, options)
    #expect(try ModelFolder(path: output).heads == .ems)
  }

  @Test func conversionsThatCannotBe() throws {
    func attempt(_ name: String, _ options: Checkpoint.ConversionOptions) -> Failure? {
      failure {
        try Checkpoint.convert(
          path: Fixture.path(name), tokenizer: Fixture.path("tiny.model"), output: folder.file("m"), options)
      }
    }
    expect(attempt("bare.pt", options(nil)), says: "attention heads")
    expect(attempt("bare.pt", options(3)), says: "num_attention_heads")
    expect(attempt("other-vocabulary.pt", options()), says: "300 pieces", "embeddings for 8")
    expect(attempt("mini.pt", options()), says: "is missing")
    var languages = options()
    languages.languages = ["en", "de"]
    expect(attempt("bare.pt", languages), says: "5 languages, but 2 are given")
    #expect(try folder.list() == [])
  }
}
