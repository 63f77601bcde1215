import Base
import CSentencePiece

extension Tokenizer {
  /// How a tokenizer is trained. The defaults are the released model's.
  public struct TrainingOptions: Sendable {
    /// The number of pieces, control pieces included.
    public var vocabSize: Int
    /// `.bpe` or `.unigram`.
    public var kind = Kind.bpe
    /// Get the control pieces `<2xx>` from id 3 on, in this order.
    public var languages: [String] = []
    /// The share of the text's characters that get pieces of their own, 0.9...1; the rarest others become `<unk>`.
    public var characterCoverage = 0.9995
    /// Whether the text is lower-cased first; must be what the model's configuration says.
    public var lowercase = true
    /// Threads, at least 1. With `.bpe` the result does not depend on it.
    public var threads = 1
    /// Decides which lines are drawn when there are more than `sentenceLimit`.
    public var seed: UInt32 = 0
    /// At most this many lines are used, drawn at random; 0 for all, which takes memory for all of them.
    public var sentenceLimit = 0

    /// The default options for a vocabulary.
    public init(vocabSize: Int) { self.vocabSize = vocabSize }
  }

  /// The longest line, in bytes, that SentencePiece trains on.
  public static let longestTrainingLine = 4192

  /// Trains a tokenizer on lines of text: padding gets id 0, unknown pieces 1, `<MASK>` 2, then come the languages.
  ///
  /// SentencePiece passes over lines of more than `longestTrainingLine` bytes.
  ///
  /// - Parameter next: gives the next line, without its end; nil after the last.
  /// - Returns: the trained tokenizer; its `model` is what a `sentencepiece.model` holds.
  /// - Throws: `Failure` when the options are impossible, `next` throws, there is no text, or the text has fewer
  ///   pieces than the vocabulary should.
  public static func train(
    _ options: TrainingOptions, next: () throws(Failure) -> [UInt8]?
  ) throws(Failure) -> Tokenizer {
    try check(options)
    let controls = (["<MASK>"] + options.languages.map { "<2\($0)>" }).joined(separator: ",")
    let pairs = [
      ("model_type", options.kind.rawValue), ("vocab_size", "\(options.vocabSize)"),
      ("character_coverage", "\(options.characterCoverage)"), ("num_threads", "\(options.threads)"),
      ("input_sentence_size", "\(options.sentenceLimit)"), ("shuffle_input_sentence", "true"),
      ("pad_id", "0"), ("unk_id", "1"), ("bos_id", "-1"), ("eos_id", "-1"), ("control_symbols", controls),
    ]
    var lines = 0
    var skipped = 0
    var failure: Failure?
    // The line that C looks at until it asks for the next one.
    var current: [UInt8] = []
    var model: [UInt8] = []
    let problem = withoutActuallyEscaping(next) { next in
      unsafe withLineCallback({
        do {
          guard let line = try next() else { return nil }
          lines += 1
          let span = unsafe trimmingWhiteSpace(line.span.bytes)
          current = options.lowercase ? lowercased(span) : span.byteOffsets.map { span.number(at: $0) }
          if current.count > longestTrainingLine { skipped += 1 }
          return unsafe current.withUnsafeBufferPointer { unsafe $0 }
        } catch {
          failure = error as? Failure
          return nil
        }
      }) { callback, context in
        unsafe withCStrings(pairs.flatMap { [$0.0, $0.1] }) { strings in
          var bytes: UnsafeMutableRawPointer?
          var count = 0
          let message = unsafe ems_spm_train(strings, pairs.count, options.seed, callback, context, &bytes, &count)
          if let bytes = unsafe bytes {
            unsafe model = Array(UnsafeRawBufferPointer(start: bytes, count: count))
            unsafe ems_spm_free(bytes)
          }
          return unsafe taken(message)
        }
      }
    }
    if let failure { throw failure }
    guard lines > 0 else { throw Failure(.badData, "tokenizer", "there is no text to train it on") }
    if problem != nil, skipped == lines {
      throw Failure(
        .badData, "tokenizer",
        "all \(lines) lines are longer than \(longestTrainingLine) bytes, which SentencePiece does not train on",
        remedy: "give a text with one sentence a line")
    }
    if let problem { throw explained(problem, options) }
    let tokenizer = try Tokenizer(model: model, name: "trained tokenizer")
    guard tokenizer.vocabSize == options.vocabSize else { throw tooLarge(options, possible: tokenizer.vocabSize) }
    return tokenizer
  }

  /// Trains a tokenizer on plain text files, one sentence per line; see `train(_:next:)`.
  ///
  /// - Throws: also when a file is missing or compressed.
  public static func train(files: [String], _ options: TrainingOptions) throws(Failure) -> Tokenizer {
    var mapped: [MappedFile] = []
    for path in files {
      let file = try MappedFile(path: path)
      let magic = file.count >= 4 ? file.bytes.number(at: 0, as: UInt32.self) : 0
      guard magic != 0xFD2F_B528, magic & 0xFFFF != 0x8B1F else {
        throw Failure(.badData, path, "is compressed", remedy: "unpack it first")
      }
      mapped.append(file)
    }
    var index = 0
    var position = 0
    return try train(options) { () throws(Failure) -> [UInt8]? in
      while index < mapped.count {
        let file = mapped[index]
        let bytes = file.bytes
        if position < bytes.byteCount {
          var line: [UInt8] = []
          while position < bytes.byteCount {
            let byte = bytes.number(at: position, as: UInt8.self)
            position += 1
            if byte == UInt8(ascii: "\n") { break }
            line.append(byte)
          }
          return line
        }
        file.dropFromMemory()
        index += 1
        position = 0
      }
      return nil
    }
  }

  /// Writes the model to a file.
  public func write(to path: String) throws(Failure) {
    let output = try OutputFile(path: path)
    let model = model
    try unsafe output.write(model.span.bytes)
    try output.commit()
  }

  private static func check(_ options: TrainingOptions) throws(Failure) {
    let reserved = 3 + options.languages.count
    guard options.vocabSize > reserved, options.vocabSize <= 1 << 24 else {
      throw Failure(
        .usage, "vocabulary size",
        "is \(options.vocabSize); must be above the \(reserved) reserved pieces, at most 2^24")
    }
    guard options.kind == .bpe || options.kind == .unigram else {
      throw Failure(.usage, "tokenizer type", "is \(options.kind.rawValue); must be bpe or unigram")
    }
    guard options.characterCoverage >= 0.9, options.characterCoverage <= 1 else {
      throw Failure(.usage, "character coverage", "is \(options.characterCoverage); must be from 0.9 to 1")
    }
    guard options.threads >= 1, options.threads <= 1024, options.sentenceLimit >= 0 else {
      throw Failure(.usage, "tokenizer training", "the numbers of threads and sentences must be positive")
    }
    var seen = Set<String>()
    for code in options.languages {
      guard (1...32).contains(code.utf8.count),
        code.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2C && $0 != 0x22 })
      else { throw Failure(.usage, "languages", "\"\(code)\" is not a language code") }
      guard seen.insert(code).inserted else { throw Failure(.usage, "languages", "\"\(code)\" is listed twice") }
    }
  }

  /// SentencePiece says in a sentence of its own how large a vocabulary the text allows.
  private static func explained(_ problem: String, _ options: TrainingOptions) -> Failure {
    if problem.contains("too high") || problem.contains("smaller than required_chars") || problem.contains("<=") {
      if problem.contains("too high"), let range = problem.firstRange(of: "<= ") {
        let digits = problem[range.upperBound...].prefix(while: \.isNumber)
        return tooLarge(options, possible: Int(digits))
      }
    }
    return Failure(
      .badData, "tokenizer", "cannot be trained: \(problem)",
      remedy: "use another vocabulary size, more text, or a lower character coverage")
  }

  private static func tooLarge(_ options: TrainingOptions, possible: Int?) -> Failure {
    let limit = possible.map { "at most \($0) pieces" } ?? "fewer pieces"
    return Failure(
      .badData, "vocabulary size", "is \(options.vocabSize), but the text has \(limit)",
      remedy: "use a smaller vocabulary or more text")
  }
}

/// What the C callback finds behind its context pointer.
@safe private final class LineSource {
  let next: () -> UnsafeBufferPointer<UInt8>?
  init(_ next: @escaping () -> UnsafeBufferPointer<UInt8>?) { unsafe self.next = next }
}

/// Gives a closure that yields lines as a C function and its context, for the length of `body`.
@unsafe private func withLineCallback<Result>(
  _ next: @escaping () -> UnsafeBufferPointer<UInt8>?, _ body: (ems_spm_next, UnsafeMutableRawPointer) -> Result
) -> Result {
  let source = unsafe LineSource(next)
  return withExtendedLifetime(source) {
    unsafe body(
      { context, bytes, count in
        let source = unsafe Unmanaged<LineSource>.fromOpaque(context!).takeUnretainedValue()
        guard let line = unsafe source.next() else { return 0 }
        unsafe bytes!.pointee = UnsafeRawPointer(line.baseAddress)
        unsafe count!.pointee = line.count
        return 1
      }, Unmanaged.passUnretained(source).toOpaque())
  }
}

/// Gives strings as C strings for the length of `body`.
@unsafe private func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
  var storage: [CChar] = []
  var starts: [Int] = []
  for string in strings {
    starts.append(storage.count)
    storage += string.utf8.map { CChar(bitPattern: $0) } + [0]
  }
  return unsafe storage.withUnsafeBufferPointer { text in
    let pointers: [UnsafePointer<CChar>?] = unsafe starts.map { unsafe text.baseAddress! + $0 }
    return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
  }
}
