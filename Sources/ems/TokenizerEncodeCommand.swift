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
      text was cut into before (of an EMS model with a pretokenizer; of any other EMS model the line as it is).

      EXAMPLES
        ems tokenizer encode news.de --model models/ems --language de --output news.ids
        ems tokenizer encode news.de --model models/ems --language de --words --output news.words
        ems tokenizer encode news.de --model models/e5-small --output news.ids
      """)

  @Argument(help: "A text, one sentence a line; - for standard input.", completion: .file())
  var input: String

  @Option(help: "Model folder.", completion: .directory)
  var model: String

  @Option(help: "Language of the text: an ISO 639 or Flores code, or an English name; where a model asks for it.")
  var language: String?

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
    try OutputCheck.check([output], inputs: [self.input, model])
    let language = try language.map { text throws(Failure) in try Language(parsing: text) }
    let folder = try ModelFolder(path: model)
    try checkLanguage(language, option: "--language", folder, console)
    let input = try folder.input(for: language?.code)
    if words, folder.sentencePiece == nil {
      throw Failure(.usage, "--words", "\(model) is no EMS model and cuts no text into words", remedy: "leave it out")
    }
    let configuration = folder.configuration
    let reader = try LineReader(path: self.input, options: text.options)
    let file = try TextWriter(path: output)
    var batch = LineBatch()
    while try reader.readBatch(into: &batch) {
      let lines = batch
      let piece = 256
      let wantsWords = words
      let chunks = try concurrentMap((lines.count + piece - 1) / piece, threads: common.threads) {
        (c: Int) throws(Failure) -> String in
        let range = c * piece..<min(lines.count, (c + 1) * piece)
        var out = ""
        if wantsWords, let tokenizer = folder.sentencePiece {
          for i in range {
            let cut = try unsafe tokenizer.words(
              lines[i].bytes, words: input.words, lowercase: configuration.lowercase)
            out += String(decoding: cut, as: UTF8.self) + "\n"
          }
          return out
        }
        var sentences = SentenceTexts()
        for i in range { unsafe sentences.append(lines[i].bytes, input: input) }
        var found = TokenizedText()
        try folder.tokenizer.encode(
          sentences, lowercase: configuration.lowercase, limit: configuration.maxPositionEmbeddings, into: &found)
        for i in 0..<range.count {
          let ids = found.ids[found.starts[i]..<found.starts[i + 1]]
          out += ids.map(String.init).joined(separator: " ") + "\n"
        }
        return out
      }
      for chunk in chunks { try file.write(chunk) }
    }
    try file.commit()
  }
}
