import ArgumentParser
import Base
import Corpus
import Encoder

struct TokenizerEncodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Shows what a model makes of the lines of a text.",
    discussion: """
      Writes a line for each line: the ids of its pieces, which are what the model gets, or with --words the words that the \
      text was cut into before (of a model with a pretokenizer; of any other the line as it is).

      EXAMPLES
        ems tokenizer encode news.de --model models/ems --language de --output news.ids
        ems tokenizer encode news.de --model models/ems --language de --words --output news.words
      """)

  @Argument(help: "A text, one sentence a line; - for standard input.", completion: .file())
  var input: String

  @Option(help: "Model folder.", completion: .directory)
  var model: String

  @Option(help: "Language of the text: an ISO 639 or Flores code, or an English name.")
  var language: String

  @Option(
    name: .shortAndLong, help: "Text file to write, compressed as its name says; - for standard output.",
    completion: .file())
  var output: String

  @Flag(help: "Words instead of ids.")
  var words = false

  @OptionGroup var text: TextArguments

  @OptionGroup var common: CommonOptions

  func run() throws {
    let console = Console(quiet: common.quiet)
    let language = try Language(parsing: language)
    let folder = try ModelFolder(path: model)
    try checkLanguage(language, option: "--language", folder, console)
    let splitter = try folder.splitter(for: language.code)
    guard let tokenizer = folder.sentencePiece else {
      throw Failure(.usage, model, "is no EMS model", remedy: "its own library shows the tokens of other families")
    }
    let configuration = folder.configuration
    let reader = try LineReader(path: input, options: text.options)
    let file = try TextWriter(path: output)
    var batch = LineBatch()
    while try reader.readBatch(into: &batch) {
      let lines = batch
      let piece = 256
      let wantsWords = words
      let chunks = try concurrentMap((lines.count + piece - 1) / piece, threads: common.threads) {
        (c: Int) throws(Failure) -> String in
        var out = ""
        for i in c * piece..<min(lines.count, (c + 1) * piece) {
          if wantsWords {
            let cut = try unsafe tokenizer.words(lines[i].bytes, words: splitter, lowercase: configuration.lowercase)
            out += String(decoding: cut, as: UTF8.self)
          } else {
            var ids: [Int32] = []
            try unsafe tokenizer.encode(
              lines[i].bytes, words: splitter, lowercase: configuration.lowercase,
              limit: configuration.maxPositionEmbeddings, into: &ids)
            out += ids.map(String.init).joined(separator: " ")
          }
          out += "\n"
        }
        return out
      }
      for chunk in chunks { try file.write(chunk) }
    }
    try file.commit()
  }
}
