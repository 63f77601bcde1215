import Base
import Corpus
import Formats
import Glibc

/// Sentences side by side, ready to be cut into tokens.
public struct SentenceTexts: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = [0]
  // One for each sentence, or none at all.
  private var inputs: [LanguageInput] = []

  /// No sentences.
  public init() {}

  /// The number of sentences.
  public var count: Int { ends.count - 1 }

  /// The UTF-8 of sentence `i`.
  public subscript(i: Int) -> RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe bytes.span.bytes
      return span.extracting(ends[i]..<ends[i + 1])
    }
  }

  /// What is done with sentence `i` because of its language.
  public func input(_ i: Int) -> LanguageInput { inputs.isEmpty ? .plain : inputs[i] }

  /// Whether every sentence came with what cuts it into words.
  var allHaveWords: Bool { inputs.count == count && inputs.allSatisfy { $0.words != nil } }

  /// Appends a sentence, with a text put before it.
  public mutating func append(_ sentence: RawSpan, behind prompt: [UInt8] = [], input: LanguageInput = .plain) {
    if input.words != nil || input.tag != nil || !inputs.isEmpty {
      while inputs.count < count { inputs.append(.plain) }
      inputs.append(input)
    }
    bytes.append(contentsOf: prompt)
    unsafe sentence.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    ends.append(bytes.count)
  }
}

/// What cuts sentences into the ids of a model's vocabulary.
public protocol TextTokenizer: Sendable {
  /// The file it was loaded from, or what failures call it.
  var name: String { get }
  /// The number of ids; they are `0..<vocabSize`.
  var vocabSize: Int { get }
  /// How the vocabulary was found.
  var kind: Tokenizer.Kind { get }
  /// The languages that it has pieces for, in the order of their ids; empty where it has none.
  var languages: [String] { get }

  /// Appends the ids of sentences, special tokens included.
  ///
  /// - Parameters:
  ///   - lowercase: whether to lower-case first.
  ///   - limit: at most this many ids for each sentence, special tokens included, at least 1.
  /// - Throws: `Failure` for a sentence that is too long to be cut, or when memory runs out.
  func encode(
    _ sentences: SentenceTexts, lowercase: Bool, limit: Int, into text: inout TokenizedText
  ) throws(Failure)

  /// Whether there are pieces that say of which language a text is.
  var hasLanguageTags: Bool { get }

  /// The id of the piece that says that a text is of a language; nil where the tokenizer has no such pieces.
  ///
  /// - Throws: `Failure(.usage)` when it has them, but none for this language.
  func tag(of language: Language) throws(Failure) -> Int32?

  /// Writes the files that `openTokenizer` reads into a folder.
  func write(into folder: String) throws(Failure)
}

extension TextTokenizer {
  /// False.
  public var hasLanguageTags: Bool { false }

  /// None.
  public func tag(of language: Language) throws(Failure) -> Int32? { nil }
}

extension Tokenizer: TextTokenizer {
  /// See `TextTokenizer`; there are no special tokens.
  public func encode(
    _ sentences: SentenceTexts, lowercase: Bool, limit: Int, into text: inout TokenizedText
  ) throws(Failure) {
    for i in 0..<sentences.count {
      // One more than there is room for tells whether there is more.
      let count = try encode(
        sentences[i], words: sentences.input(i).words, lowercase: lowercase, limit: limit == .max ? limit : limit + 1,
        into: &text.ids)
      if count > limit {
        text.ids.removeLast()
        text.truncated += 1
      }
      text.starts.append(text.ids.count)
    }
  }

  /// See `TextTokenizer`: the `sentencepiece.model`.
  public func write(into folder: String) throws(Failure) {
    try write(to: "\(folder)/\(ModelFolder.File.tokenizer)")
  }
}

/// Opens the tokenizer of a model folder.
///
/// - Throws: `Failure` when there is none, or it is of a kind that is not supported.
public func openTokenizer(in folder: String) throws(Failure) -> any TextTokenizer {
  let hub = "\(folder)/\(HubTokenizer.file)"
  if unsafe access(hub, F_OK) == 0 { return try HubTokenizer(path: hub) }
  let model = "\(folder)/\(ModelFolder.File.tokenizer)"
  let dictionary = "\(folder)/\(LaserTokenizer.dictionaryFile)"
  if unsafe access(dictionary, F_OK) == 0 { return try LaserTokenizer(model: model, dictionary: dictionary) }
  return try Tokenizer(path: model)
}

/// The tokenizer of a Hugging Face folder, in the form in which a model folder keeps it.
///
/// - Throws: `Failure` when there is none, or it is of a kind that is not supported.
package func importedTokenizer(from source: String) throws(Failure) -> any TextTokenizer {
  try TokenizerSources.tokenizer(source)
}
