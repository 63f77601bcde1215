import Corpus

/// What a model does with text of one language before it is cut into pieces: `ModelFolder.input(for:)`.
public struct LanguageInput: Sendable {
  /// What cuts the text into words; nil for nothing.
  public let words: WordSplitter?
  /// The id of the language's tag, which stands where the tokenizer has that of the language it was saved with; nil to keep
  /// that one.
  package let tag: Int32?

  /// Text as it is.
  public static let plain = LanguageInput(words: nil, tag: nil)

  package init(words: WordSplitter?, tag: Int32?) {
    self.words = words
    self.tag = tag
  }
}
