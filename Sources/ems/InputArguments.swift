import ArgumentParser
import Base
import Corpus
import Mine

extension InputFormat: ExpressibleByArgument {}

/// The layout and the encoding of a file of texts.
struct LayoutArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Layout of the text: \(InputFormat.allCases.map(\.rawValue).joined(separator: ", ")). By default the first bytes decide \
      between lines, JSON lines, WARC, HTML, Wikipedia's XML, TMX, SGM and XLIFF.
      """, valueName: "layout"))
  var format: InputFormat = .automatic

  @Option(
    help: ArgumentHelp(
      "Encoding of the text, as iconv names it (UTF-16, windows-1252); UTF-8 if not given.", valueName: "name"))
  var encoding: String?

  @Option(
    help: ArgumentHelp(
      "In JSON lines, the field of the text, with dots between names: text, else content.", valueName: "path"))
  var jsonField: String?

  @Option(help: ArgumentHelp("In JSON lines, the field of the document's id.", valueName: "path"))
  var jsonID: String?

  @Option(help: ArgumentHelp("In --format tsv, the column of the text, counted from 1.", valueName: "n"))
  var textColumn: Int = 2

  @Option(help: ArgumentHelp("In --format tsv, the column of the document's id; 0 for none.", valueName: "n"))
  var idColumn: Int = 1

  @Option(help: ArgumentHelp("Documents with more bytes are counted and left out.", valueName: "n"))
  var maxDocumentBytes: Int = 32 << 20

  func validate() throws {
    if !(1 << 10...1 << 30).contains(maxDocumentBytes) {
      throw ValidationError("--max-document-bytes must be from 1024 to \(1 << 30).")
    }
    if !(1...1 << 16).contains(textColumn) { throw ValidationError("--text-column must be from 1 to \(1 << 16).") }
    if !(0...1 << 16).contains(idColumn) { throw ValidationError("--id-column must be from 0 to \(1 << 16).") }
    if format != .tsv, textColumn != 2 || idColumn != 1 {
      throw ValidationError("--text-column and --id-column need --format tsv.")
    }
  }

  var options: InputOptions {
    var format = format
    if format == .automatic, jsonField != nil || jsonID != nil { format = .jsonLines }
    var options = InputOptions(
      format: format, encoding: encoding, jsonField: jsonField, jsonID: jsonID, maxDocumentBytes: maxDocumentBytes)
    (options.textColumn, options.idColumn) = (textColumn, idColumn)
    return options
  }
}

/// What is done with documents.
struct InputArguments: ParsableArguments {
  @OptionGroup var layout: LayoutArguments

  @Flag(inversion: .prefixedNo, help: "Cut documents into sentences; otherwise each of their lines is one.")
  var split = true

  @Option(help: ArgumentHelp("Longer sentences of documents are cut.", valueName: "characters"))
  var maxSentence: Int = 1000

  @Option(
    help: ArgumentHelp(
      """
      What to clean in documents, comma-separated: nfc, invisible (controls, soft hyphens, ...), entities (&amp;), \
      boilerplate (lines of ten documents or more), near-duplicates (of documents).
      """, valueName: "list"))
  var clean: String?

  func validate() throws {
    if !(16...1 << 20).contains(maxSentence) { throw ValidationError("--max-sentence must be from 16 to \(1 << 20).") }
    _ = try cleaning()
  }

  func cleaning() throws -> CleaningOptions {
    var options = CleaningOptions()
    for name in commaSeparated(clean) ?? [] {
      switch name {
      case "nfc": options.composes = true
      case "invisible": options.dropsInvisible = true
      case "entities": options.resolvesEntities = true
      case "boilerplate": options.boilerplateDocuments = 10
      case "near-duplicates": options.dropsNearDuplicates = true
      default:
        throw ValidationError(
          "--clean: \"\(name)\" is none of nfc, invisible, entities, boilerplate, near-duplicates.")
      }
    }
    return options
  }

  /// Without splitting, which needs a language.
  var options: InputOptions {
    var options = layout.options
    // Validated before.
    if let cleaning = try? cleaning() { options.cleaning = cleaning }
    return options
  }

  /// How documents in a language are cut.
  func splitting(_ language: Language?) -> SplitOptions? {
    split ? SplitOptions(language: language, maxCharacters: maxSentence) : nil
  }

  /// The sides of a run with what is to be done if they hold documents.
  func applied(to sides: [PipelineSide]) -> [PipelineSide] {
    sides.map { side in
      var side = side
      if let language = side.language { side.text.input.languages = [language] }
      side.splitting = splitting(side.language)
      return side
    }
  }
}
