import Base
import Corpus
import Formats
import Glibc

/// Sentences side by side, ready to be cut into tokens.
public struct SentenceTexts: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = [0]
  // One for each sentence, or none at all.
  private var splitters: [WordSplitter?] = []

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

  /// What cuts sentence `i` into words before a tokenizer of EMS's sees it; nil for nothing.
  public func words(_ i: Int) -> WordSplitter? { splitters.isEmpty ? nil : splitters[i] }

  /// Whether every sentence came with what cuts it into words.
  var allHaveWords: Bool { splitters.count == count && splitters.allSatisfy { $0 != nil } }

  /// Appends a sentence, with a text put before it.
  public mutating func append(_ sentence: RawSpan, behind prompt: [UInt8] = [], words: WordSplitter? = nil) {
    if words != nil || !splitters.isEmpty {
      while splitters.count < count { splitters.append(nil) }
      splitters.append(words)
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

  /// Writes the files that `openTokenizer` reads into a folder.
  func write(into folder: String) throws(Failure)
}

extension Tokenizer: TextTokenizer {
  /// See `TextTokenizer`; there are no special tokens.
  public func encode(
    _ sentences: SentenceTexts, lowercase: Bool, limit: Int, into text: inout TokenizedText
  ) throws(Failure) {
    for i in 0..<sentences.count {
      try encode(
        sentences[i], words: sentences.words(i), lowercase: lowercase, limit: limit, into: &text.ids)
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
