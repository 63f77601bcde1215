import ArgumentParser
import Base
import Corpus
import Encoder
import Formats
import Foundation

extension EmbeddingType: ExpressibleByArgument {}

struct EncodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Turns the lines of a text into sentence embeddings.",
    discussion: """
      Writes a .npy file with one row for each line, empty lines included. The input is plain text, gzip or zstd, told by its \
      first bytes; - is standard input. Memory does not grow with it. The rows do not depend on --threads, --batch-tokens or \
      the compression, to the last bit.

      EXAMPLES
        ems encode news.de.txt.zst --model models/ems-mini --language de --output news.de.npy
        ems encode corpus.tsv.gz --column 2 --model m --language fr --dtype float16 --output fr.npy
        ems encode news.de.txt.zst --model models/labse --compute int8 --output news.de.npy
        zcat dump.gz | head -1000 | ems encode - --model m --language en --output en.npy --json
      """)

  @Argument(help: "A text, one sentence a line; - for standard input.", completion: .file())
  var input: String

  @Option(help: "Model folder.", completion: .directory)
  var model: String

  @Option(
    help: """
      Language of the text: an ISO 639 or Flores code, or an English name; not needed by a model that says nothing about \
      languages.
      """)
  var language: String?

  @OptionGroup var prompt: PromptOption

  @OptionGroup var compute: ComputeOption

  @Option(name: .shortAndLong, help: "Embedding file (.npy).", completion: .file(extensions: ["npy"]))
  var output: String

  @Option(help: "float32 or float16.")
  var dtype: EmbeddingType = .float32

  @OptionGroup var text: TextArguments

  @Option(help: "Tokens that are computed together; a matter of speed only.")
  var batchTokens: Int?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let batchTokens, !(1...1 << 20).contains(batchTokens) {
      throw ValidationError("--batch-tokens must be from 1 to \(1 << 20).")
    }
  }

  func run() throws {
    let console = Console(quiet: common.quiet)
    let job = console.job(timeLeft: true)
    let language = try language.map { (text) throws(Failure) in try Language(parsing: text) }
    // What is cheap to find out comes before reading hundreds of megabytes.
    try checkInput(input)
    try OutputCheck.check([output], inputs: [input, model])
    for warning in try TextLook(path: input, options: text.options, language: language).warnings {
      console.warn(warning)
    }
    let model = try ModelFolder(path: model)
    try checkLanguage(language, option: "--language", model, console)
    let encoder = try SentenceEncoder(
      model, threads: common.threads, batchTokens: batchTokens, prompt: prompt.name, arithmetic: compute.arithmetic)
    let summary = try encodeFile(
      input: input, options: text.options, encoder: encoder, language: model.input(for: language?.code),
      output: output, type: dtype, job: job)
    console.finish()
    console.say(
      "\(output): \(Format.count(summary.rows)) rows of \(encoder.width) in \(Format.time(summary.seconds)), "
        + "\(Format.rate(summary.sentencesPerSecond)) sentences/s, \(Format.rate(summary.tokensPerSecond)) tokens/s, "
        + "\(Format.rate(summary.gflops)) GFLOP/s in matrices (\(summary.compute), \(summary.simd), \(summary.threads) threads)"
    )
    let mended = [
      (summary.repairedLines, "lines with invalid UTF-8 repaired"),
      (summary.cutLines, "lines cut at \(text.maxLineBytes) bytes"), (summary.tabsReplaced, "tabs replaced by spaces"),
      (summary.carriageReturns, "carriage returns inside lines replaced by spaces"),
      (summary.emptyLines, "empty lines"),
      (
        summary.truncatedLines,
        "lines truncated at the \(model.configuration.maxPositionEmbeddings) tokens that the model takes"
      ),
    ]
    let notes = mended.filter { $0.0 > 0 }.map { "\(Format.count($0.0)) \($0.1)" }
    if !notes.isEmpty { console.say("\(input): " + notes.joined(separator: ", ")) }
    if common.json { try Console.printJSON(summary) }
  }

  /// A missing file is told before the model is read.
  private func checkInput(_ path: String) throws(Failure) {
    if path != "-", unsafe access(path, R_OK) != 0 { _ = try LineReader(path: path) }
  }
}

/// Says so when a model was not trained on a language (its embeddings may still be of use, but nobody promises), or when
/// what cuts the language into words as in training is missing.
///
/// - Throws: `Failure` when no language is given to a model of the EMS family, or to one that lists its languages.
func checkLanguage(
  _ language: Language?, option: String, _ model: ModelFolder, _ console: Console
) throws(Failure) {
  if let language, let missing = try model.input(for: language.code).words?.missing {
    console.warn("\(model.path): \(missing)")
  }
  let codes = model.configuration.languages
  guard let language else {
    if codes.isEmpty, model.configuration.layout.family != .ems { return }
    throw Failure(.usage, option, "is needed by \(model.path)", remedy: "give the language of the text")
  }
  if codes.isEmpty { return }
  let known = codes.contains { code in
    guard let other = try? Language(parsing: code) else { return code == language.code }
    return other == language
  }
  if !known {
    console.warn("\(model.path) was not trained on \(language.name) (\(language.code)): expect poor embeddings")
  }
}
