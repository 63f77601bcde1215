import ArgumentParser
import Base
import Corpus
import Evaluate
import Foundation
import Kernels
import Mine

// Every option that more than one command has, described once; commands put them together as option groups.

/// Options that every command has.
struct CommonOptions: ParsableArguments {
  @Option(name: .customLong("threads"), help: "Threads to use (default: one for each processor).")
  var givenThreads: Int?

  /// What was asked for, or one for each processor that this process may use.
  var threads: Int { givenThreads ?? ProcessInfo.processInfo.activeProcessorCount }

  @Option(help: "Seed of everything that is random.")
  var seed: UInt64 = 1

  @Flag(help: "Say nothing but errors and results.")
  var quiet = false

  @Flag(help: "Print the result as one JSON object on standard output.")
  var json = false

  func validate() throws {
    guard threads >= 1, threads <= 4096 else { throw ValidationError("--threads must be from 1 to 4096.") }
  }
}

/// Options that say what the lines of a text hold.
struct TextArguments: ParsableArguments {
  @OptionGroup var strictness: StrictFlag

  @Flag(help: "Lines are `id TAB sentence`.")
  var ids = false

  @Option(help: "Lines are tab-separated columns, and this one is the sentence, counted from 1.")
  var column: Int?

  @Option(help: "Longer lines are cut.")
  var maxLineBytes: Int = 1 << 20

  @OptionGroup var input: InputArguments

  func validate() throws {
    if let column, column < 1 { throw ValidationError("--column is counted from 1.") }
    if ids, column != nil { throw ValidationError("Give --ids or --column, not both.") }
    if !(4...1 << 30).contains(maxLineBytes) { throw ValidationError("--max-line-bytes must be from 4 to \(1 << 30).") }
  }

  var options: TextOptions {
    let format: TextOptions.Format = if let column { .column(column) } else { ids ? .idAndText : .text }
    var options = TextOptions(format: format, strict: strictness.strict, maxLineBytes: maxLineBytes)
    options.input = input.options
    return options
  }
}

/// What goes before every sentence.
struct PromptOption: ParsableArguments {
  @Option(
    name: .customLong("prompt"),
    help: ArgumentHelp(
      "The model's prompt that goes before every sentence; its default if not given.", valueName: "name"))
  var name: String?
}

extension Arithmetic: ExpressibleByArgument {}

/// What a model's products are computed in.
struct ComputeOption: ParsableArguments {
  @Option(
    name: .customLong("compute"),
    help: """
      What the layers' products are computed in: float32, bfloat16 or int8; int8 if the model is stored so, else float32.
      """)
  var arithmetic: Arithmetic?
}

/// Whether text that is not UTF-8 is an error.
struct StrictFlag: ParsableArguments {
  @Flag(help: "Stop at invalid UTF-8 instead of replacing it by U+FFFD.")
  var strict = false
}

/// How many neighbours count.
struct NeighboursOption: ParsableArguments {
  @Option(help: "Neighbours that are looked at for every sentence.")
  var k: Int = 4

  func validate() throws {
    if k < 1 { throw ValidationError("--k must be at least 1.") }
  }
}

/// The kind of margin.
struct MarginOption: ParsableArguments {
  @Option(help: "How a cosine is set against its neighbourhood: ratio, distance or absolute.")
  var margin: Margin = .ratio
}

/// How a margin is computed.
struct MarginArguments: ParsableArguments {
  @OptionGroup var neighbours: NeighboursOption
  @OptionGroup var choice: MarginOption

  var options: MarginOptions { MarginOptions(k: neighbours.k, margin: choice.margin) }
  var margin: Margin { choice.margin }
  var k: Int { neighbours.k }
}

/// The way from candidates to pairs.
struct RetrievalOption: ParsableArguments {
  @Option(help: "Which candidates become pairs: max, intersect, forward or backward.")
  var retrieval: Retrieval = .max
}

/// The lowest score.
struct ThresholdOption: ParsableArguments {
  @Option(help: "Lowest score that is kept.")
  var threshold: Double?

  func validate() throws {
    if let threshold, threshold.isNaN { throw ValidationError("--threshold must be a number.") }
  }
}

/// Rows of both sides that were made before.
struct EmbeddingArguments: ParsableArguments {
  @Option(help: "Embeddings of the source side, a .npy file.", completion: .file(extensions: ["npy"]))
  var sourceEmbeddings: String?

  @Option(help: "Embeddings of the target side, a .npy file.", completion: .file(extensions: ["npy"]))
  var targetEmbeddings: String?

  /// Whether both are given, or one.
  var areGiven: Bool { sourceEmbeddings != nil && targetEmbeddings != nil }
  var isAnyGiven: Bool { sourceEmbeddings != nil || targetEmbeddings != nil }
}

/// A choice of languages.
struct LanguagesOption: ParsableArguments {
  @Option(help: "Languages, comma-separated; all that are there if not given.")
  var languages: String?

  /// The codes, nil for all.
  var chosen: [String]? { commaSeparated(languages) }
}

/// Whether a run begins that the machine seems too small for.
struct LimitsFlag: ParsableArguments {
  @Flag(help: "Begin even if memory or disk will not do.")
  var ignoreLimits = false
}

/// A comma-separated list, nil for no option.
func commaSeparated(_ text: String?) -> [String]? {
  text?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
}

/// The languages of two texts, where only some models ask for them.
struct LanguageArguments: ParsableArguments {
  @Option(
    help: """
      The language of the source. Only a model that cuts text into words (pretokenizer moses) needs it; one with language \
      tags (NLLB, SONAR) is given the tag.
      """)
  var sourceLanguage: String?

  @Option(help: "The language of the target, likewise.")
  var targetLanguage: String?

  var languages: TextLanguages {
    get throws {
      // A typing error is told before anything is encoded.
      TextLanguages(
        source: try sourceLanguage.map { try Language(parsing: $0).code },
        target: try targetLanguage.map { try Language(parsing: $0).code })
    }
  }
}
