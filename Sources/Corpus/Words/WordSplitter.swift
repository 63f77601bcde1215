import Base
import Synchronization

/// What happens to a text before it is cut into vocabulary pieces, a model's property.
public enum Pretokenizer: String, Sendable, Codable, CaseIterable {
  /// Nothing.
  case none
  /// What EMS's public inference code does after lower-casing: Chinese is cut into words by jieba, Japanese by Juman++, any
  /// other language by the Moses tokenizer.
  case moses
}

/// Cuts the lines of one language into words.
public final class WordSplitter: Sendable {
  private enum Method: Sendable {
    case moses(MosesTokenizer)
    case jieba(JiebaDictionary)
    case jumanpp(Jumanpp)
    case whole
  }

  private let method: Method
  /// How lines are cut, as it goes into digests: `moses de`, `jieba`, `jumanpp`, `whole`. Equal names of splitters of one
  /// model give equal words.
  public let name: String
  /// What is missing to cut this language as the model's training text was, and what is done instead; nil if nothing is.
  public let missing: String?

  fileprivate init(_ code: String, dictionary: JiebaDictionary?) {
    switch code {
    case "zh", "wuu", "yue":
      if let dictionary {
        method = .jieba(dictionary)
        name = dictionary.hasModel ? "jieba" : "jieba without model"
        missing =
          dictionary.hasModel
          ? nil
          : "jieba's hidden Markov model, so that characters outside the dictionary's words stay alone: give its folder "
            + "to `ems model convert --jieba`"
      } else {
        method = .whole
        name = "whole"
        missing =
          "a jieba dictionary, so that Chinese is not cut into words: give one to `ems model convert --jieba`"
      }
    case "ja":
      if let program = Jumanpp.onPath() {
        method = .jumanpp(program)
        name = "jumanpp"
        missing = nil
      } else {
        method = .whole
        name = "whole"
        missing = "the program jumanpp on the PATH, so that Japanese is not cut into words: install Juman++"
      }
    default:
      method = .moses(MosesTokenizer(code: code))
      name = "moses \(code)"
      missing = nil
    }
  }

  /// The words of a line, a space between two of them.
  ///
  /// - Parameter text: UTF-8, lower-cased and without white space around it where the model asks for that.
  /// - Throws: `Failure` when Juman++ fails.
  public func split(_ text: Span<UInt8>) throws(Failure) -> [UInt8] {
    switch method {
    case .moses(let tokenizer): return tokenizer.tokenize(text)
    case .jieba(let dictionary): return dictionary.tokenize(text)
    case .jumanpp(let program): return try program.tokenize(text)
    case .whole: return text.indices.map { text[$0] }
    }
  }
}

/// The splitters of a model, one a language, made when they are asked for.
public final class WordSplitters: Sendable {
  /// The jieba dictionary, nil for none.
  public let dictionaryPath: String?
  private struct Made: Sendable {
    var splitters: [String: WordSplitter] = [:]
    var dictionary: JiebaDictionary?
  }
  private let made = Mutex(Made())

  /// - Parameter dictionary: the path of a jieba dictionary, which is read when a Chinese text comes; nil for none.
  public init(dictionary: String? = nil) { dictionaryPath = dictionary }

  /// What was missing for the languages that were asked for, each thing once; see `WordSplitter.missing`.
  public var missing: [String] { made.withLock { Set($0.splitters.values.compactMap(\.missing)).sorted() } }

  /// The splitter of a language.
  ///
  /// - Parameter code: a language code; what follows a hyphen (a script) plays no part. An unknown one is cut as Moses cuts
  ///   what it has no rules for.
  /// - Throws: `Failure` when the dictionary cannot be read.
  public func splitter(for code: String) throws(Failure) -> WordSplitter {
    let code = String(code.prefix { $0 != "-" })
    return try made.withLock { (made) throws(Failure) -> WordSplitter in
      if let known = made.splitters[code] { return known }
      if ["zh", "wuu", "yue"].contains(code), made.dictionary == nil, let dictionaryPath {
        made.dictionary = try JiebaDictionary(path: dictionaryPath)
      }
      let new = WordSplitter(code, dictionary: made.dictionary)
      made.splitters[code] = new
      return new
    }
  }

  /// The splitter of a language.
  public func splitter(for language: Language) throws(Failure) -> WordSplitter { try splitter(for: language.code) }
}
