import ArgumentParser
import Base
import Corpus
import Encoder
import Formats
import Foundation
import Kernels

struct ModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Shows, checks, converts and exports models.",
    subcommands: [
      ModelInfoCommand.self, ModelVerifyCommand.self, ModelImportCommand.self, ModelConvertCommand.self,
      ModelExportCommand.self, ModelQuantizeCommand.self,
    ])
}

/// The element types that weights are written in.
enum WeightType: String, ExpressibleByArgument, CaseIterable {
  case float32, float16

  var elementType: ElementType { self == .float32 ? .float32 : .float16 }
}

/// Whose model folders are written.
enum ModelFormat: String, ExpressibleByArgument, CaseIterable {
  case ems
  case sentenceTransformers = "sentence-transformers"
}

extension Pretokenizer: ExpressibleByArgument {}

extension ModelFolder.Info {
  /// What cuts text into words, and whether there is a dictionary of Chinese.
  fileprivate var pretokenizerText: String {
    if configuration.pretokenizer == .none { return "none" }
    return "\(configuration.pretokenizer.rawValue), \(hasJieba ? "jieba dictionary included" : "no jieba dictionary")"
  }
}

struct ModelInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Shows a model's sizes.",
    discussion: """
      EXAMPLES
        ems model info models/ems-mini
        ems model info models/ems-mini --json
      """)

  @Argument(help: "Model folder.", completion: .directory)
  var model: String

  @OptionGroup var common: CommonOptions

  func run() throws {
    let info = try ModelFolder(path: model).info()
    if common.json {
      try Console.printJSON(info)
      return
    }
    let c = info.configuration
    let types = info.elementTypes.map {
      $0 == .float32 ? "float32" : $0 == .float16 ? "float16" : $0 == .int8 ? "int8" : $0.rawValue
    }
    let layout = c.layout
    var pooling = layout.poolings.map(\.rawValue).joined(separator: " + ")
    if layout.family == .ems { pooling = c.pooling.rawValue }
    let dense = layout.dense.map { "\($0.size) (\($0.activation.rawValue))" }
    let behind = (c.projectionSize.map { ["\($0) (projection)"] } ?? []) + dense
    let sizes: [(String, String)] =
      layout.lstmInputSize.map { [("LSTM", "both directions, words of \($0)")] } ?? [
        ("heads", "\(c.numAttentionHeads)"), ("feed-forward size", "\(c.intermediateSize)"),
        (
          "activation",
          "\(layout.activation.rawValue), normalised \(layout.normalisesFirst ? "before" : "after") each part"
        ),
      ]
    let rows: [(String, String)] =
      [
        ("family", layout.family.rawValue), ("layers", "\(c.numHiddenLayers)"), ("hidden size", "\(c.hiddenSize)"),
      ] + sizes + [
        ("vocabulary", "\(Format.count(c.vocabSize)) pieces (\(info.tokenizerKind.rawValue))"),
        ("pretokenizer", info.pretokenizerText), ("longest sentence", "\(c.maxPositionEmbeddings) tokens"),
        ("text", c.lowercase ? "lower-cased" : "case kept"),
        ("pooling", pooling), ("layers behind it", behind.isEmpty ? "none" : behind.joined(separator: ", ")),
        ("rows", "\(c.embeddingSize) elements\(layout.unitLength ? ", of length 1" : "")"),
        ("parameters", Format.count(info.parameters)),
        (
          "training heads",
          info.trainingParameters > 0 ? "\(Format.count(info.trainingParameters)) parameters" : "not included"
        ),
        ("computed in", c.quantization == .int8 ? "int8 (quantised)" : "float32"),
        ("weights", "\(Format.bytes(info.weightBytes)), \(types.joined(separator: ", "))"),
        (
          "languages",
          layout.family != .ems && c.languages.isEmpty
            ? "not named" : c.languages.isEmpty ? "\(c.numLanguages), not named" : "\(c.numLanguages)"
        ),
        ("licence", layout.licence ?? (layout.family == .ems ? "see the card" : "not named")),
      ]
    print(info.path)
    for (name, value) in rows { print("  " + name.padding(toLength: 18, withPad: " ", startingAt: 0) + value) }
    for line in wrapped(c.languages, width: 92) { print("    \(line)") }
    for (name, text) in layout.prompts.sorted(by: { $0.key < $1.key }) {
      let mark = name == layout.defaultPrompt ? ", the default" : ""
      print("  prompt            \(name): \"\(text)\"\(mark)")
    }
    for name in info.unknownTensors { print("  unknown tensor    \(name)") }
  }

  private func wrapped(_ words: [String], width: Int) -> [String] {
    var lines: [String] = []
    for word in words {
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] += " " + word
      } else {
        lines.append(word)
      }
    }
    return lines
  }
}

struct ModelVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Reads a model and checks every weight.",
    discussion: """
      Checked are the shapes, that no tensor is missing or too many, that every weight is finite, and that the tokenizer goes \
      with the configuration.

      EXAMPLES
        ems model verify models/ems-mini
      """)

  @Argument(help: "Model folder.", completion: .directory)
  var model: String

  @OptionGroup var common: CommonOptions

  func run() throws {
    let folder = try ModelFolder(path: model)
    try folder.verify()
    let count = folder.weights.entries.reduce(0) { $0 + $1.count }
    Console(quiet: common.quiet).say(
      "\(model): \(folder.weights.entries.count) tensors, \(Format.count(count)) weights, all finite")
    if common.json { try Console.printJSON(Result(path: model, tensors: folder.weights.entries.count, weights: count)) }
  }

  private struct Result: Encodable { let path: String, tensors: Int, weights: Int }
}

struct ModelConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert", abstract: "Turns a PyTorch checkpoint into a model folder.",
    discussion: """
      Reads what torch.save wrote, either the state dict alone or a training checkpoint that holds one; no code in it is run. \
      The options are what a checkpoint does not say.

      EXAMPLES
        ems model convert EMS_model.pt --spm 62languages.model --jieba site-packages/jieba --output models/ems
        ems model convert small.pt --spm sp.model --heads 4 --languages en,de,fr --no-lowercase --output models/small
      """)

  @Argument(help: "The checkpoint.", completion: .file(extensions: ["pt", "pth", "bin"]))
  var checkpoint: String

  @Option(help: "The SentencePiece model that it was trained with.", completion: .file(extensions: ["model"]))
  var spm: String

  @Option(name: .shortAndLong, help: "Model folder to write.", completion: .directory)
  var output: String

  @Option(help: "Attention heads; one for each 64 of the hidden size if not given.")
  var heads: Int?

  @Option(help: "Codes of the languages in the order of training; those of the tokenizer's <2xx> pieces if not given.")
  var languages: String?

  @Option(help: "float32 or float16.")
  var dtype: WeightType = .float32

  @Flag(inversion: .prefixedNo, help: "Whether text is to be lower-cased before encoding.")
  var lowercase = true

  @Option(
    help:
      "How text is cut into words before encoding: none or moses; moses for the released model of 62 languages, none for others."
  )
  var pretokenizer: Pretokenizer?

  @Option(
    help: "Chinese words for --pretokenizer moses: jieba's dict.txt, or the folder of the Python package jieba.",
    completion: .file())
  var jieba: String?

  @Flag(help: "Replace a model folder of the output's name.")
  var replace = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    let console = Console(quiet: common.quiet)
    var options = Checkpoint.ConversionOptions()
    options.heads = heads
    options.languages = languages?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    options.type = dtype.elementType
    options.lowercase = lowercase
    options.pretokenizer = pretokenizer
    options.dictionary = jieba
    options.replace = replace
    try OutputCheck.check(folder: output, inputs: [checkpoint, spm] + [jieba].compactMap { $0 })
    let done = try Checkpoint.convert(path: checkpoint, tokenizer: spm, output: output, options)
    let c = done.configuration
    console.say(
      "\(output): \(c.numHiddenLayers) layers of \(c.hiddenSize), \(c.numAttentionHeads) heads, "
        + "\(Format.count(c.parameterCount)) parameters\(done.hasTrainingTensors ? " and the training heads" : "")")
    if !done.ignored.isEmpty {
      console.warn(
        "\(checkpoint): \(done.ignored.count) tensors left out: \(done.ignored.prefix(5).joined(separator: ", "))")
    }
    if common.json { try Console.printJSON(try ModelFolder(path: output).info()) }
  }
}

struct ModelExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Writes a model for encoding only, in another precision, or for Python.",
    discussion: """
      The training heads are left out unless asked for, but for the layer to the width of a teacher; the card is kept. With \
      --format sentence-transformers the folder is one that Python's SentenceTransformer(OUTPUT) opens, for the same \
      embeddings.

      EXAMPLES
        ems model export runs/mini/best --output models/ems-mini --dtype float16
        ems model export models/ems-mini --format sentence-transformers --output ems-mini-st
      """)

  @Argument(help: "Model folder.", completion: .directory)
  var model: String

  @Option(name: .shortAndLong, help: "Model folder to write.", completion: .directory)
  var output: String

  @Option(help: "ems or sentence-transformers.")
  var format: ModelFormat = .ems

  @Option(help: "float32 or float16.")
  var dtype: WeightType = .float32

  @Flag(help: "Write the tensors that only training uses too.")
  var withHeads = false

  @Flag(help: "Replace a model folder of the output's name.")
  var replace = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if withHeads, format != .ems { throw ValidationError("--with-heads is for --format ems.") }
  }

  func run() throws {
    try OutputCheck.check(folder: output, inputs: [model])
    let source = try ModelFolder(path: model)
    if format == .sentenceTransformers {
      let done = try source.exportForSentenceTransformers(to: output, type: dtype.elementType, replace: replace)
      Console(quiet: common.quiet).say(
        "\(output): \(Format.bytes(done.weightBytes)) of \(dtype.rawValue) weights; "
          + done.modules.joined(separator: ", "))
      if common.json { try Console.printJSON(done) }
      return
    }
    try source.export(to: output, type: dtype.elementType, training: withHeads, replace: replace)
    let info = try ModelFolder(path: output).info()
    Console(quiet: common.quiet).say("\(output): \(Format.bytes(info.weightBytes)) of \(dtype.rawValue) weights")
    if common.json { try Console.printJSON(info) }
  }
}

struct ModelQuantizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize",
    abstract: "Writes a model in whole numbers of 8 bits: a quarter of the size, faster to encode.",
    discussion: """
      The layers' matrices and the word table become whole numbers with a factor for each output and each word; the rest stays \
      in float32. Encoding with the result gives the same rows as --compute int8 with the model that it was made from. \
      Heads that only training uses are left out; the card is kept.

      EXAMPLES
        ems model quantize models/labse --output models/labse-int8
        ems encode news.txt.zst --model models/labse-int8 --output news.npy
      """)

  @Argument(help: "Model folder.", completion: .directory)
  var model: String

  @Option(name: .shortAndLong, help: "Model folder to write.", completion: .directory)
  var output: String

  @Flag(help: "Replace a model folder of the output's name.")
  var replace = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    try OutputCheck.check(folder: output, inputs: [model])
    let source = try ModelFolder(path: model)
    try source.quantize(to: output, replace: replace, on: Compute(threads: common.threads))
    let info = try ModelFolder(path: output).info()
    Console(quiet: common.quiet).say(
      "\(output): \(Format.bytes(info.weightBytes)) of int8 weights, \(Format.bytes(source.info().weightBytes)) before")
    if common.json { try Console.printJSON(info) }
  }
}
