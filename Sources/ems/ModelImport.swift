import ArgumentParser
import Base
import Encoder

extension EncoderLayout.TokenPooling: ExpressibleByArgument {}

struct ModelImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Makes a model folder of an encoder that others published.",
    discussion: """
      The source is a folder of Hugging Face or sentence-transformers (config.json, weights as safetensors or \
      pytorch_model.bin, in one file or in shards, and what modules.json names), or LASER2's laser2.pt. Families: bert, \
      xlm-roberta, roberta, distilbert, the encoder of m2m_100, LASER2. Nothing is fetched and no code of the source is run. \
      What a source asks for that is not supported is refused by the name of its key.

      EXAMPLES
        ems model import LaBSE --output models/labse
        ems model import multilingual-e5-small --output models/e5-small --dtype float16
        ems model import xlm-roberta-base --pooling cls --output models/xlmr
      """)

  @Argument(help: "The folder, or laser2.pt.", completion: .directory)
  var source: String

  @Option(name: .shortAndLong, help: "Model folder to write.", completion: .directory)
  var output: String

  @Option(help: "float32 or float16.")
  var dtype: WeightType = .float32

  @Option(help: "How tokens become a sentence, in place of what the source says.")
  var pooling: EncoderLayout.TokenPooling?

  @Option(
    help: ArgumentHelp(
      "A key of the source's configuration that is not known, but changes no number; may be given several times.",
      valueName: "key"))
  var ignoreKey: [String] = []

  @Flag(help: "Replace a model folder of the output's name.")
  var replace = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    let console = Console(quiet: common.quiet)
    var options = ModelImport.Options()
    options.type = dtype.elementType
    options.pooling = pooling
    options.ignoredKeys = Set(ignoreKey)
    options.replace = replace
    try OutputCheck.check(folder: output, inputs: [source])
    let report = try ModelImport(source, options).write(to: output, options)
    for note in report.notes { console.say("note: \(note)") }
    let c = report.configuration
    console.say(
      "\(output): \(c.layout.family.rawValue), \(c.numHiddenLayers) layers of \(c.hiddenSize), "
        + "rows of \(c.embeddingSize), \(Format.count(c.parameterCount)) parameters")
    if !report.ignored.isEmpty {
      console.say(
        "left out: \(report.ignored.count) tensors: \(report.ignored.prefix(5).joined(separator: ", "))")
    }
    if common.json { try Console.printJSON(try ModelFolder(path: output).info()) }
  }
}
