import Base
import CSentencePiece

/// The tokenizer of LASER2: text cleaned as `laser_encoders` does it, a SentencePiece model, and a dictionary that gives its
/// pieces other numbers. Every sentence ends with `</s>`.
@safe final class LaserTokenizer: TextTokenizer {
  let name: String
  let vocabSize: Int
  let kind: Tokenizer.Kind
  let languages: [String] = []

  private let model: [UInt8]
  private let dictionary: [UInt8]
  /// The pieces of the dictionary with their numbers.
  private let known: ByteTrie
  /// The number of each of the model's pieces in the dictionary.
  private let numbers: [Int32]
  // Not changed after loading; reading it shares nothing.
  private nonisolated(unsafe) let handle: OpaquePointer

  /// The name of the dictionary in a model folder.
  static let dictionaryFile = ModelFolder.File.dictionary
  private static let endID: Int32 = 2
  private static let unknownID: Int32 = 3
  /// The first numbers, which the file leaves out.
  private static let special = ["<s>", "<pad>", "</s>", "<unk>"]
  private static let limit = 256 << 20

  /// Reads the two files.
  ///
  /// - Parameters:
  ///   - model: a SentencePiece model.
  ///   - dictionary: a line for each piece: the piece, a space, and a count.
  /// - Throws: `Failure` when one is missing, damaged, or the two do not fit.
  convenience init(model: String, dictionary: String) throws(Failure) {
    let files = (try MappedFile(path: model), try MappedFile(path: dictionary))
    for file in [files.0, files.1] where file.count > Self.limit {
      throw Failure(.badData, file.path, "is \(file.count) bytes long; at most \(Self.limit) are read")
    }
    try self.init(
      model: unsafe files.0.bytes.withUnsafeBytes { unsafe Array($0) }, name: model,
      dictionary: unsafe files.1.bytes.withUnsafeBytes { unsafe Array($0) }, dictionaryName: dictionary)
  }

  private init(
    model: [UInt8], name: String, dictionary: [UInt8], dictionaryName: String
  ) throws(Failure) {
    var pieces: [[UInt8]] = Self.special.map { Array($0.utf8) }
    var ids = pieces.indices.map { Int32($0) }
    let special = Set(pieces)
    for (number, line) in dictionary.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      if line.isEmpty { continue }
      guard let space = line.lastIndex(of: 0x20), space > line.startIndex,
        line[(space + 1)...].allSatisfy({ $0 &- 0x30 < 10 || $0 == 0x0D })
      else {
        throw Failure(
          .badData, dictionaryName, at: "line \(number + 1)",
          "is \"\(text(Array(line)))\"; a piece, a space and a count are expected")
      }
      let piece = Array(line[..<space])
      if special.contains(piece) { continue }
      ids.append(Int32(pieces.count))
      pieces.append(piece)
      guard pieces.count <= WordModel.limit else {
        throw Failure(.badData, dictionaryName, "has more than \(WordModel.limit) lines")
      }
    }
    let trie = ByteTrie(pieces, ids)
    guard let kind = Tokenizer.kind(of: model) else {
      throw Failure(.badData, name, "is not a SentencePiece model", remedy: "check the file, or fetch it again")
    }
    var loaded: OpaquePointer?
    let message = unsafe model.withUnsafeBytes { unsafe ems_spm_load($0.baseAddress, $0.count, &loaded) }
    if let problem = unsafe taken(message) {
      throw Failure(.badData, name, "cannot be loaded as a SentencePiece model: \(problem)")
    }
    guard let handle = unsafe loaded else { throw Failure(.software, name, "loading gave no model") }
    var numbers: [Int32] = []
    var known = 0
    for id in 0..<(unsafe ems_spm_size(handle)) {
      var count = 0
      var piece: [UInt8] = []
      if let start = unsafe ems_spm_piece(handle, id, &count) {
        unsafe piece = start.withMemoryRebound(to: UInt8.self, capacity: count) {
          unsafe Array(UnsafeBufferPointer(start: $0, count: count))
        }
      }
      let found = unsafe id == ems_spm_unk_id(handle) ? -1 : trie.find(piece)
      if found >= 0 { known += 1 }
      numbers.append(found >= 0 ? found : Self.unknownID)
    }
    unsafe self.handle = handle
    self.name = name
    self.kind = kind
    self.model = model
    self.dictionary = dictionary
    self.numbers = numbers
    self.known = trie
    vocabSize = pieces.count
    guard 2 * known >= numbers.count else {
      throw Failure(
        .badData, dictionaryName, "knows \(known) of the \(numbers.count) pieces in \(name)",
        remedy: "the two belong to different models")
    }
  }

  deinit { unsafe ems_spm_delete(handle) }

  /// See `TextTokenizer`: the model and the dictionary.
  func write(into folder: String) throws(Failure) {
    let files = [(ModelFolder.File.tokenizer, model), (Self.dictionaryFile, dictionary)]
    for (file, bytes) in files {
      let output = try OutputFile(path: "\(folder)/\(file)")
      let span = bytes.span
      try output.write(unsafe span.bytes)
      try output.commit()
    }
  }

  /// See `TextTokenizer`. Text is lower-cased always.
  func encode(
    _ sentences: SentenceTexts, lowercase: Bool, limit: Int, into text: inout TokenizedText
  ) throws(Failure) {
    var spare: [UInt8] = []
    for i in 0..<sentences.count {
      let sentence = sentences[i]
      guard sentence.byteCount <= 1 << 28 else {
        throw Failure(.badData, name, "a sentence of \(sentence.byteCount) bytes is too long to be cut into pieces")
      }
      var bytes = unsafe sentence.withUnsafeBytes { unsafe Array($0) }
      if !isValidUTF8(bytes.span) { bytes = Array(String(decoding: bytes, as: UTF8.self).utf8) }
      LaserText.clean(&bytes, &spare)
      let span = bytes.span
      let lowered = lowercased(trimmingWhiteSpace(unsafe span.bytes))
      if Self.hasSeparator(lowered) {
        try appendWords(lowered, limit: limit - 1, to: &text.ids)
        text.ids.append(Self.endID)
        text.starts.append(text.ids.count)
        continue
      }
      var problem: String?
      var count = 0
      unsafe lowered.withUnsafeBytes { buffer in
        var found: UnsafePointer<Int32>?
        let message = unsafe ems_spm_encode(handle, buffer.baseAddress, buffer.count, &found, &count)
        problem = unsafe taken(message)
        if count > limit - 1 { text.truncated += 1 }
        count = min(count, limit - 1)
        for k in 0..<count { unsafe text.ids.append(numbers[Int(found![k])]) }
      }
      if let problem { throw Failure(.badData, name, "a sentence cannot be cut into pieces: \(problem)") }
      text.ids.append(Self.endID)
      text.starts.append(text.ids.count)
    }
  }

  /// Whether a line or paragraph separator occurs (U+2028, U+2029): white space that is left of the cleaning.
  private static func hasSeparator(_ text: borrowing [UInt8]) -> Bool {
    for i in text.indices.dropLast(2) where text[i] == 0xE2 && text[i + 1] == 0x80 && text[i + 2] & 0xFE == 0xA8 {
      return true
    }
    return false
  }

  /// Appends the numbers of a text whose unknown pieces hold white space. The reference puts spaces between the pieces and
  /// takes what white space parts for the words of the dictionary, so that such a piece becomes several, or none.
  private func appendWords(_ text: [UInt8], limit: Int, to ids: inout [Int32]) throws(Failure) {
    var problem: String?
    var pieces: [UInt8] = []
    unsafe text.withUnsafeBytes { buffer in
      var found: UnsafePointer<CChar>?
      var count = 0
      let message = unsafe ems_spm_encode_pieces(handle, buffer.baseAddress, buffer.count, &found, &count)
      problem = unsafe taken(message)
      if let found = unsafe found {
        unsafe found.withMemoryRebound(to: UInt8.self, capacity: count) {
          unsafe pieces = Array(UnsafeBufferPointer(start: $0, count: count))
        }
      }
    }
    if let problem { throw Failure(.badData, name, "a sentence cannot be cut into pieces: \(problem)") }
    var added = 0
    for word in String(decoding: pieces, as: UTF8.self).unicodeScalars.split(whereSeparator: \.properties.isWhitespace)
    where added < limit {
      let number = known.find(Array(String(String.UnicodeScalarView(word)).utf8))
      ids.append(number >= 0 ? number : Self.unknownID)
      added += 1
    }
  }
}

/// What `laser_encoders` does with a text first: characters that are not printed become spaces, and punctuation is
/// made plain by the rules of Moses's normalize-punctuation.perl for English.
enum LaserText {
  /// One rule of the list. Rules are applied one after the other to the whole text.
  private enum Rule {
    case literal([UInt8], [UInt8])
    /// Spaces become one.
    case spaces
    /// A closing bracket, a space and one of `.!:?;,`: the space goes.
    case bracket
    /// The space between a digit and a percent sign goes.
    case percent
    /// The character between two Latin letters is replaced.
    case betweenLetters([UInt8], [UInt8])
    /// The character between two digits is replaced.
    case betweenDigits([UInt8], [UInt8])
    /// A quotation mark goes behind the commas and full stops that follow it.
    case quotation
  }

  private static let rules: [Rule] = {
    func literal(_ from: String, _ to: String) -> Rule { .literal(Array(from.utf8), Array(to.utf8)) }
    let hard = "\u{A0}"
    return [
      literal("\r", ""), literal("(", " ("), literal(")", ") "), .spaces, .bracket, literal("( ", "("),
      literal(" )", ")"), .percent, literal(" :", ":"), literal(" ;", ";"),
      literal("`", "'"), literal("''", " \" "),
      literal("„", "\""), literal("“", "\""), literal("”", "\""), literal("–", "-"), literal("—", " - "), .spaces,
      literal("´", "'"), .betweenLetters(Array("‘".utf8), Array("'".utf8)),
      .betweenLetters(Array("’".utf8), Array("'".utf8)), literal("‘", "\""), literal("‚", "\""), literal("’", "\""),
      literal("''", "\""), literal("´´", "\""), literal("…", "..."),
      literal("\(hard)«\(hard)", " \""), literal("«\(hard)", "\""), literal("«", "\""),
      literal("\(hard)»\(hard)", "\" "), literal("\(hard)»", "\""), literal("»", "\""),
      literal("\(hard)%", "%"), literal("nº\(hard)", "nº "), literal("\(hard):", ":"), literal("\(hard)ºC", " ºC"),
      literal("\(hard)cm", " cm"), literal("\(hard)?", "?"), literal("\(hard)!", "!"), literal("\(hard);", ";"),
      literal(",\(hard)", ", "), .spaces, .quotation, .betweenDigits(Array(hard.utf8), [0x2E]),
    ]
  }()

  /// Cleans valid UTF-8 in place.
  static func clean(_ text: inout [UInt8], _ spare: inout [UInt8]) {
    replaceUnprinted(&text, &spare)
    for rule in rules { apply(rule, &text, &spare) }
  }

  private static func replaceUnprinted(_ text: inout [UInt8], _ spare: inout [UInt8]) {
    let source = text
    let bytes = source.span
    spare.removeAll(keepingCapacity: true)
    var i = 0
    while i < bytes.count {
      let (value, size) = character(bytes, at: i)
      if value &- 0x20 < 0x5F {
        spare.append(bytes[i])
      } else if CharacterTable.category(value, in: CharacterTable.Category.others | 1) {
        spare.append(0x20)
      } else {
        appendBytes(bytes, i..<i + size, to: &spare)
      }
      i += size
    }
    swap(&text, &spare)
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

  /// The size of the digit that begins, or ends, at an index; 0 if there is none.
  private static func digit(_ bytes: Span<UInt8>, at i: Int) -> Int {
    guard i < bytes.count else { return 0 }
    let (value, size) = character(bytes, at: i)
    return isDigit(value) ? size : 0
  }

  private static func digit(_ bytes: Span<UInt8>, before i: Int, from start: Int) -> Int {
    var at = i - 1
    while at >= start, bytes[at] & 0xC0 == 0x80 { at -= 1 }
    guard at >= start, isDigit(character(bytes, at: at).value) else { return 0 }
    return i - at
  }

  private static func isDigit(_ c: UInt32) -> Bool { CharacterTable.category(c, in: 1 << 9) }

  /// The first byte that a rule looks for.
  private static func first(_ rule: Rule) -> UInt8 {
    switch rule {
    case .literal(let from, _), .betweenLetters(let from, _), .betweenDigits(let from, _): from[0]
    case .spaces, .percent: 0x20
    case .bracket: 0x29
    case .quotation: 0x22
    }
  }

  private static func apply(_ rule: Rule, _ text: inout [UInt8], _ spare: inout [UInt8]) {
    let source = text
    let bytes = source.span
    let first = first(rule)
    var i = 0
    while i < bytes.count, bytes[i] != first { i += 1 }
    if i == bytes.count { return }
    spare.removeAll(keepingCapacity: true)
    appendBytes(bytes, 0..<i, to: &spare)
    /// What matches consume is not looked at again.
    var consumed = 0
    @inline(__always) func has(_ wanted: [UInt8], at i: Int) -> Bool {
      guard bytes.count - i >= wanted.count else { return false }
      for k in wanted.indices where bytes[i + k] != wanted[k] { return false }
      return true
    }
    while i < bytes.count {
      let byte = bytes[i]
      var end = i
      if byte == first {
        switch rule {
        case .literal(let from, let to):
          if has(from, at: i) {
            spare.append(contentsOf: to)
            end = i + from.count
          }
        case .spaces:
          end = i + 1
          while end < bytes.count, bytes[end] == 0x20 { end += 1 }
          spare.append(0x20)
        case .bracket:
          if bytes.count - i > 2, bytes[i + 1] == 0x20, [0x2E, 0x21, 0x3A, 0x3F, 0x3B, 0x2C].contains(bytes[i + 2]) {
            spare.append(0x29)
            spare.append(bytes[i + 2])
            end = i + 3
          }
        case .percent:
          if bytes.count - i > 1, bytes[i + 1] == 0x25, digit(bytes, before: i, from: consumed) > 0 {
            spare.append(0x25)
            end = i + 2
          }
        case .betweenLetters(let from, let to):
          let behind = i + from.count
          if has(from, at: i), i > consumed, isLetter(bytes[i - 1]), behind < bytes.count, isLetter(bytes[behind]) {
            spare.append(contentsOf: to)
            spare.append(bytes[behind])
            end = behind + 1
          }
        case .betweenDigits(let from, let to):
          let behind = i + from.count
          let next = has(from, at: i) ? digit(bytes, at: behind) : 0
          if next > 0, digit(bytes, before: i, from: consumed) > 0 {
            spare.append(contentsOf: to)
            end = behind + next
            appendBytes(bytes, behind..<end, to: &spare)
          }
        case .quotation:
          var stop = i + 1
          while stop < bytes.count, bytes[stop] == 0x2C || bytes[stop] == 0x2E { stop += 1 }
          if stop > i + 1 {
            appendBytes(bytes, i + 1..<stop, to: &spare)
            spare.append(0x22)
            end = stop
          }
        }
      }
      if end > i {
        consumed = end
        i = end
      } else {
        spare.append(byte)
        i += 1
      }
    }
    swap(&text, &spare)
  }
}
