/// How lines are read from a text.
public struct TextOptions: Sendable, Equatable {
  /// What a line of the input holds.
  public enum Format: Sendable, Equatable {
    /// One sentence. A tab in it becomes a space, since tabs separate columns in everything written here.
    case text
    /// `id TAB sentence`: the first tab splits, later ones become spaces.
    case idAndText
    /// The sentence is column `n`, counted from 1, of tab-separated columns.
    case column(Int)
    /// The whole line, tabs included, for callers that split it themselves.
    case raw
  }

  /// What a line holds.
  public var format: Format
  /// Whether invalid UTF-8 is an error (true) or is repaired with U+FFFD and counted (false).
  public var strict: Bool
  /// The longest line that is kept whole, in bytes without its line end, 4 to 2^30. Longer ones are cut before the
  /// character that would not fit, and counted.
  public var maxLineBytes: Int
  /// Whether HTML's and Moses's references to characters (`&amp;`, `&#124;`) are replaced by the characters.
  public var unescape: Bool
  /// How lines are taken out of the file: its layout, its encoding, documents and bitexts as lines.
  public var input = InputOptions()

  /// Lenient reading of one sentence a line, of at most 1 MiB.
  public init(format: Format = .text, strict: Bool = false, maxLineBytes: Int = 1 << 20, unescape: Bool = false) {
    self.format = format
    self.strict = strict
    self.maxLineBytes = maxLineBytes
    self.unescape = unescape
  }
}

/// What was read so far, and what had to be mended on the way.
public struct ReadReport: Sendable, Equatable {
  /// Lines handed out, empty ones included.
  public var lines = 0
  /// Bytes of text read (after decompression); between batches this runs ahead of the lines by up to one buffer.
  public var bytes = 0
  /// Lines with invalid UTF-8 that was replaced by U+FFFD.
  public var repairedLines = 0
  /// Lines longer than `TextOptions.maxLineBytes`, which lost their end.
  public var cutLines = 0
  /// Lines with signs of UTF-8 that was taken for Latin-1 or Windows-1252 before (`Ã©`). They stay as they are.
  public var mojibakeLines = 0
  /// Tabs inside sentences that became spaces.
  public var tabsReplaced = 0
  /// Lines whose sentence has no bytes at all.
  public var emptyLines = 0
  /// Lines that ended in carriage returns, which were removed.
  public var crlf = 0
  /// Carriage returns inside lines that became spaces: many programs take them for line ends.
  public var carriageReturns = 0
  /// What was found in documents and bitexts; zeros for plain lines.
  public var documents = DocumentCounts()

  /// A report of nothing.
  public init() {}
}
