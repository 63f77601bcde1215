import ArgumentParser
import Base
import Corpus

struct SplitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "split",
    abstract: "Takes documents apart into sentences, one a line.",
    discussion: """
      Reads JSON lines (HPLT, OSCAR, Wikipedia extracts), web archives (WARC, WET), HTML pages, Wikipedia's XML dumps, lines of \
      base64, and plain text whose lines are paragraphs, with blank lines between documents; compressed with zstd, gzip, xz or \
      bzip2, or from a pipe. TMX, XLIFF and SGM give the segments of --language.

      Writes `id TAB sentence`. The id is the document's own, else its number from 0, then `:` and the number of the sentence in \
      the document, from 0; an id that came before gets `~2`, `~3`, ... A paragraph never shares a sentence with the next. Documents \
      that are damaged or too large are left out and counted; --strict stops at them.

      EXAMPLES
        ems split hplt.de.jsonl.zst --language de --output de.tsv.zst
        ems split news.txt.gz --language en --no-ids --output en.txt.zst
        ems split dump.jsonl --json-field doc.body --json-id doc.key --language th --output th.tsv
        ems split CC-MAIN.warc.gz --language fr --clean nfc,invisible,boilerplate --output fr.tsv.zst
        xz -dc wiki.xml.xz | ems split - --format wikipedia --language ru --output - | head
      """)

  @Argument(help: "A file of documents; - is standard input.", completion: .file())
  var input: String

  @Option(help: "Language of the documents; without one the rules that all have in common are used.")
  var language: String?

  @OptionGroup var documents: InputArguments

  @Flag(inversion: .prefixedNo, help: "Write the ids.")
  var ids = true

  @Flag(help: "Write where the sentence lies in its document's text, too: `id TAB begin-end TAB sentence`, in bytes.")
  var offsets = false

  @Option(name: .shortAndLong, help: "Where the sentences go: .zst and .gz are compressed; - is standard output.")
  var output: String = "-"

  @OptionGroup var strictness: StrictFlag

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if offsets, !ids { throw ValidationError("--offsets needs ids.") }
  }

  /// What was done.
  struct Summary: Encodable {
    var sentences = 0
    var documents = DocumentCounts()
    var repairedLines = 0
    /// Sentences with signs of UTF-8 that was taken for another encoding.
    var mojibakeLines = 0
    var output = ""

    private enum CodingKeys: String, CodingKey {
      case sentences, documents, output
      case repairedLines = "repaired_lines"
      case mojibakeLines = "mojibake_lines"
    }
  }

  func run() throws {
    let console = Console(quiet: common.quiet)
    let job = console.job(timeLeft: true)
    let language = try language.map { (text) throws(Failure) in try Language(parsing: text) }
    var options = TextOptions(format: ids ? .idAndText : .text, strict: strictness.strict, maxLineBytes: 1 << 24)
    options.input = documents.options
    options.input.threads = common.threads
    options.input.languages = language.map { [$0] } ?? []
    options.input.splitting = documents.splitting(language)
    options.input.keepsOffsets = offsets
    options.input.plainIsParagraphs = true
    let reader = try LineReader(path: input, options: options)
    let writer = try TextWriter(path: output)
    var summary = Summary()
    var batch = LineBatch()
    var lines: [UInt8] = []
    func write(_ batch: LineBatch) throws(Failure) {
      lines.removeAll(keepingCapacity: true)
      for i in 0..<batch.count {
        if ids {
          if offsets {
            let origin = batch.idText(i)
            let split = origin.utf8.lastIndex(of: 0x1F) ?? origin.endIndex
            lines += "\(origin[..<split])\t\(origin[split...].dropFirst())".utf8
          } else {
            append(batch.id(i), to: &lines)
          }
          lines.append(UInt8(ascii: "\t"))
        }
        append(batch[i], to: &lines)
        lines.append(UInt8(ascii: "\n"))
      }
      try writer.write(lines.span)
      summary.sentences += batch.count
    }
    // The next sentences are read while these are written.
    var next = LineBatch()
    var isMore = try reader.readBatch(into: &batch)
    while isMore {
      (isMore, _) = try sideBySide(
        threads: common.threads, { () throws(Failure) in try reader.readBatch(into: &next) },
        { () throws(Failure) in try write(batch) })
      swap(&batch, &next)
      try job.check(input)
      job.report("\(input): \(Format.count(summary.sentences)) sentences", reader.progressFraction)
    }
    try writer.commit()
    console.finish()
    summary.documents = reader.report.documents
    summary.repairedLines = reader.report.repairedLines
    summary.mojibakeLines = reader.report.mojibakeLines
    summary.output = output
    console.say("\(output == "-" ? "standard output" : output): \(Format.count(summary.sentences)) sentences")
    for line in Self.notes(summary.documents) { console.say(line) }
    if summary.mojibakeLines > 0 { console.say("  with mojibake: \(Format.count(summary.mojibakeLines))") }
    if let warning = TextLook.mojibakeWarning(reader.name, summary.mojibakeLines, of: summary.sentences) {
      console.warn(warning)
    }
    if common.json, output != "-" { try Console.printJSON(summary) }
  }

  static func notes(_ counts: DocumentCounts) -> [String] {
    var rows = [("documents", counts.documents)]
    rows += counts.dropped.sorted { $0.key < $1.key }.map { ("left out: \($0.key)", $0.value) }
    rows += counts.cleaned.sorted { $0.key < $1.key }.map { ("cleaned: \($0.key)", $0.value) }
    rows += [("ids that repeat", counts.repeatedIDs), ("invalid in their encoding", counts.invalidCharacters)]
    var lines = rows.enumerated().filter { $0.offset == 0 || $0.element.1 > 0 }.map {
      "  \($0.element.0): \(Format.count($0.element.1))"
    }
    if let first = counts.firstBad { lines.append("  first damaged document: \(first)") }
    return lines
  }
}
