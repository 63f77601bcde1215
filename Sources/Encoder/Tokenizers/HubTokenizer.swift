import Base
import Corpus
import Synchronization

/// The tokenizer of a `tokenizer.json`, the file of Hugging Face's tokenizers library.
///
/// Safe to use from several threads at a time: what a call works in is its own.
final class HubTokenizer: TextTokenizer {
  let name: String
  let vocabSize: Int
  let kind: Tokenizer.Kind
  /// None: pieces for languages are special tokens here, and the one that a model wants stands in the file.
  let languages: [String] = []

  /// The text that it was read from.
  let json: [UInt8]
  /// What happens to a text first.
  let normalizer: TextNormalizer?
  private let preTokenizer: PreTokenizer?
  private let model: WordModel
  private let plainTokens: AddedTokens
  private let normalizedTokens: AddedTokens
  /// What stands before and behind the ids of a text.
  private let prefix: [Int32]
  private let suffix: [Int32]
  /// Whether too long texts lose their beginning.
  private let cutsLeft: Bool
  /// What a text without any id becomes.
  private let filler: Int32
  /// The pieces that name a language, as NLLB writes them (`deu_Latn`); empty where no such piece stands around a text.
  private let tags: [String: Int32]
  private let tagIDs: Set<Int32>
  private let spare = Mutex<[Scratch]>([])

  /// The name of the file.
  static let file = ModelFolder.File.hubTokenizer
  /// The largest file. The largest in use, of 260,000 pieces, has 35 MB.
  static let limit = 256 << 20

  private final class Scratch: @unchecked Sendable {
    // Sendable to wait for the next call in a mutex; one call uses it at a time.
    var source: [UInt8] = []
    var part: [UInt8] = []
    var spare: [UInt8] = []
    var pieces: [TextPattern.Piece] = []
    var sections: [TextSegment] = []
    var text = SegmentedText()
    var words = WordScratch()
    var cache = WordCache()
    var ids: [Int32] = []
  }

  /// Reads a `tokenizer.json`.
  ///
  /// - Throws: `Failure` when it is missing, too large, damaged, or asks for what is not supported; named with its place.
  convenience init(path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    guard file.count <= Self.limit else {
      throw Failure(.badData, path, "is \(file.count) bytes long; at most \(Self.limit) are read")
    }
    try self.init(unsafe file.bytes.withUnsafeBytes { unsafe Array($0) }, name: path)
  }

  /// Reads the text of a `tokenizer.json`.
  init(_ json: [UInt8], name: String) throws(Failure) {
    self.name = name
    self.json = json
    let root = try TokenizerPart(try TokenizerParser.parse(json, path: name), path: name, place: "")
    _ = root.value("version")
    // How texts are padded changes no id.
    _ = root.value("padding")
    _ = root.value("decoder")
    guard let modelPart = try root.part("model") else { throw root.wrong("model", "the key is missing") }
    model = try WordModel(modelPart)
    switch model {
    case .wordPiece: kind = .wordPiece
    case .unigram: kind = .unigram
    case .bpe: kind = .bpe
    }
    if let part = try root.part("normalizer") {
      normalizer = try TextNormalizer(part, path: name)
    } else {
      normalizer = nil
    }
    if let part = try root.part("pre_tokenizer") {
      preTokenizer = try PreTokenizer(part, path: name)
    } else {
      preTokenizer = nil
    }
    let tokens = try AddedTokens.read(root, model: model)
    let plain = tokens.filter { !$0.isNormalized }
    plainTokens = AddedTokens(plain, contents: plain.map(\.content))
    let normalized = tokens.filter(\.isNormalized)
    var contents: [[UInt8]] = []
    for token in normalized {
      var (bytes, spare, pieces) = (token.content, [UInt8](), [TextPattern.Piece]())
      if let normalizer { _ = try normalizer.apply(&bytes, &spare, &pieces) }
      contents.append(bytes)
    }
    normalizedTokens = AddedTokens(normalized, contents: contents)
    let size = max(model.size, tokens.map { Int($0.id) + 1 }.max() ?? 0)
    vocabSize = size
    let template = try PostProcessing(root, size: size)
    prefix = template.prefix
    suffix = template.suffix
    var cutsLeft = false
    if let truncation = try root.part("truncation") {
      // How much is left is the model's matter.
      for key in ["max_length", "strategy", "stride"] { _ = truncation.value(key) }
      let direction = String(decoding: try truncation.string("direction") ?? [], as: UTF8.self)
      switch direction {
      case "", "Right": cutsLeft = false
      case "Left": cutsLeft = true
      default: throw truncation.wrong("direction", "is \"\(direction)\", which is not supported")
      }
      try truncation.finish()
    }
    self.cutsLeft = cutsLeft
    try root.finish()
    var tags: [String: Int32] = [:]
    for token in tokens where token.isSpecial && Self.isLanguage(token.content) {
      tags[String(decoding: token.content, as: UTF8.self)] = token.id
    }
    self.tags = (prefix + suffix).contains(where: Set(tags.values).contains) ? tags : [:]
    tagIDs = Set(self.tags.values)
    let padding = tokens.first { $0.content == Array("<pad>".utf8) || $0.content == Array("[PAD]".utf8) }
    filler = model.unknown ?? padding?.id ?? 0
  }

  /// Whether a token has the form of a language's tag: three letters, `_`, and a script.
  private static func isLanguage(_ token: [UInt8]) -> Bool {
    func isSmall(_ byte: UInt8) -> Bool { byte &- 0x61 < 26 }
    return token.count == 8 && token[..<3].allSatisfy(isSmall) && token[3] == 0x5F && token[4] &- 0x41 < 26
      && token[5...].allSatisfy(isSmall)
  }

  var hasLanguageTags: Bool { !tags.isEmpty }

  /// See `TextTokenizer`. A language has several codes, and corpora say `ar` for what is `arb_Arab` here.
  func tag(of language: Language) throws(Failure) -> Int32? {
    if tags.isEmpty { return nil }
    for code in language.aliases {
      if let id = tags["\(code)_\(language.script)"] { return id }
    }
    let near = tags.keys.filter { tag in language.aliases.contains { tag.hasPrefix("\($0)_") } }.sorted()
    throw Failure(
      .usage, name, "has no tag for \(language.name) (\(language.iso3)_\(language.script))",
      remedy: near.isEmpty
        ? "the model was not trained on this language; leave it out to have the tag that the model was saved with"
        : "it knows \(near.joined(separator: ", "))")
  }

  /// See `TextTokenizer`: the `tokenizer.json`.
  func write(into folder: String) throws(Failure) {
    let output = try OutputFile(path: "\(folder)/\(Self.file)")
    let json = json
    let span = json.span
    try output.write(unsafe span.bytes)
    try output.commit()
  }

  /// See `TextTokenizer`.
  func encode(
    _ sentences: SentenceTexts, lowercase: Bool, limit: Int, into text: inout TokenizedText
  ) throws(Failure) {
    let scratch = spare.withLock { $0.popLast() } ?? Scratch()
    defer { spare.withLock { $0.append(scratch) } }
    for i in 0..<sentences.count {
      let sentence = sentences[i]
      guard sentence.byteCount <= 1 << 28 else {
        throw Failure(.badData, name, "a sentence of \(sentence.byteCount) bytes is too long to be cut into pieces")
      }
      scratch.source.removeAll(keepingCapacity: true)
      if lowercase {
        scratch.source.append(contentsOf: lowercased(sentence))
      } else {
        unsafe sentence.withUnsafeBytes { unsafe scratch.source.append(contentsOf: $0) }
      }
      if !isValidUTF8(scratch.source.span) {
        scratch.source = Array(String(decoding: scratch.source, as: UTF8.self).utf8)
      }
      let start = text.ids.count
      if try encode(scratch, limit: limit, into: &text.ids) { text.truncated += 1 }
      if let tag = sentences.input(i).tag { replaceTag(by: tag, in: &text.ids, from: start) }
      text.starts.append(text.ids.count)
    }
  }

  /// - Returns: whether there was more than the limit lets in.
  private func encode(_ scratch: Scratch, limit: Int, into ids: inout [Int32]) throws(Failure) -> Bool {
    let room = limit - prefix.count - suffix.count
    scratch.ids.removeAll(keepingCapacity: true)
    // One more than there is room for tells whether there is more.
    try cut(scratch, room: cutsLeft || room == .max ? .max : max(room, 0) + 1)
    let count = min(scratch.ids.count, max(room, 0))
    let start = ids.count
    ids.append(contentsOf: prefix)
    ids.append(contentsOf: cutsLeft ? scratch.ids.suffix(count) : scratch.ids.prefix(count))
    ids.append(contentsOf: suffix)
    // A limit below the number of special tokens.
    if ids.count - start > limit { ids.removeSubrange((start + limit)...) }
    if ids.count == start { ids.append(filler) }
    return scratch.ids.count > count
  }

  /// Puts a language's tag where the one of the file stands; no text produces it there, since only the special tokens are
  /// looked at.
  private func replaceTag(by tag: Int32, in ids: inout [Int32], from start: Int) {
    let count = ids.count - start
    for k in 0..<min(prefix.count, count) where tagIDs.contains(prefix[k]) { ids[start + k] = tag }
    for k in 0..<min(suffix.count, max(0, count - prefix.count)) where tagIDs.contains(suffix[suffix.count - 1 - k]) {
      ids[ids.count - 1 - k] = tag
    }
  }

  /// The ids of a text, without special tokens; the rest may be missing when there are `room` of them.
  private func cut(_ scratch: Scratch, room: Int) throws(Failure) {
    scratch.sections.removeAll(keepingCapacity: true)
    let source = scratch.source
    plainTokens.cut(source.span, 0..<source.count, isFirst: true, into: &scratch.sections)
    scratch.text.bytes.removeAll(keepingCapacity: true)
    scratch.text.segments.removeAll(keepingCapacity: true)
    for section in scratch.sections {
      let begin = scratch.text.bytes.count
      if section.token >= 0 {
        scratch.text.segments.append(TextSegment(start: begin, end: begin, token: section.token))
        continue
      }
      var isFirst = section.isFirst
      if let normalizer {
        scratch.part.removeAll(keepingCapacity: true)
        appendBytes(source.span, section.start..<section.end, to: &scratch.part)
        if try normalizer.apply(&scratch.part, &scratch.spare, &scratch.pieces) { isFirst = false }
        scratch.text.bytes.append(contentsOf: scratch.part)
      } else {
        appendBytes(source.span, section.start..<section.end, to: &scratch.text.bytes)
      }
      let bytes = scratch.text.bytes
      normalizedTokens.cut(
        bytes.span, begin..<bytes.count, isFirst: isFirst, into: &scratch.text.segments)
    }
    try preTokenizer?.apply(&scratch.text)
    let text = scratch.text.bytes
    let bytes = text.span
    for segment in scratch.text.segments {
      if scratch.ids.count >= room { return }
      if segment.token >= 0 {
        scratch.ids.append(segment.token)
        continue
      }
      let word = segment.start..<segment.end
      if word.isEmpty { continue }
      if word.count > WordCache.longest {
        model.append(bytes, word, &scratch.words, to: &scratch.ids)
        continue
      }
      let hash = WordCache.hash(bytes, word)
      if scratch.cache.append(bytes, word, hash, to: &scratch.ids) { continue }
      let before = scratch.ids.count
      model.append(bytes, word, &scratch.words, to: &scratch.ids)
      scratch.cache.insert(bytes, word, hash, scratch.ids[before...])
    }
  }
}

/// The special tokens around a text.
private struct PostProcessing {
  var prefix: [Int32] = []
  var suffix: [Int32] = []

  init(_ root: TokenizerPart, size: Int) throws(Failure) {
    if let part = try root.part("post_processor") { try read(part, size, depth: 0) }
  }

  private mutating func read(_ part: TokenizerPart, _ size: Int, depth: Int) throws(Failure) {
    guard depth < 8 else { throw part.wrong("type", "lies more than 8 levels deep") }
    let type = try part.type()
    switch type {
    case "Sequence":
      for member in try part.parts("processors") { try read(member, size, depth: depth + 1) }
    case "ByteLevel":
      // It moves places in the text only.
      for key in ["add_prefix_space", "trim_offsets", "use_regex"] { _ = part.value(key) }
    case "BertProcessing", "RobertaProcessing":
      for key in ["add_prefix_space", "trim_offsets"] { _ = part.value(key) }
      prefix.insert(try pair(part, "cls", size), at: 0)
      suffix.append(try pair(part, "sep", size))
    case "TemplateProcessing":
      _ = part.value("pair")
      try template(part, size)
    default: throw part.unsupported("post-processor", type)
    }
    try part.finish()
  }

  /// A token and its id, in a list.
  private func pair(_ part: TokenizerPart, _ key: String, _ size: Int) throws(Failure) -> Int32 {
    let items = try part.array(key)
    guard items.count == 2, case .number(let id) = items[1] else {
      throw part.wrong(key, "is not a token with its id")
    }
    return try checked(id, part, key, size)
  }

  private func checked(_ id: Double, _ part: TokenizerPart, _ key: String, _ size: Int) throws(Failure) -> Int32 {
    guard id == id.rounded(), id >= 0, id < Double(size) else {
      throw part.wrong(key, "has the id \(TokenizerValue.number(id).shown), but the vocabulary has \(size) pieces")
    }
    return Int32(id)
  }

  private mutating func template(_ part: TokenizerPart, _ size: Int) throws(Failure) {
    var special: [[UInt8]: [Int32]] = [:]
    if part.value("special_tokens") != nil {
      for (key, value) in try part.table("special_tokens") {
        let place = "special_tokens.\(text(key))"
        guard case .object(let members) = value,
          case .array(let items)? = members.last(where: { $0.key == Array("ids".utf8) })?.value
        else { throw part.wrong(place, "has no ids") }
        var ids: [Int32] = []
        for item in items {
          guard case .number(let id) = item else { throw part.wrong(place, "has an id that is no number") }
          ids.append(try checked(id, part, place, size))
        }
        special[key] = ids
      }
    }
    var before: [Int32] = []
    var after: [Int32] = []
    var texts = 0
    for item in try part.parts("single") {
      if let token = try item.part("SpecialToken") {
        let name = try token.requiredString("id")
        try Self.checkType(token)
        guard let ids = special[name] else {
          throw token.wrong("id", "is \"\(text(name))\", which is not among special_tokens")
        }
        if texts == 0 { before += ids } else { after += ids }
      } else if let sequence = try item.part("Sequence") {
        let name = try sequence.requiredString("id")
        try Self.checkType(sequence)
        guard name == Array("A".utf8) else { throw sequence.wrong("id", "is \"\(text(name))\"; only A is there") }
        texts += 1
      } else {
        throw item.wrong("SpecialToken", "is missing, and there is no Sequence either")
      }
      try item.finish()
    }
    guard texts == 1 else { throw part.wrong("single", "has the text \(texts) times; once is supported") }
    prefix = before + prefix
    suffix += after
  }

  private static func checkType(_ part: TokenizerPart) throws(Failure) {
    let type = try part.number("type_id") ?? 0
    guard type == 0 else { throw part.wrong("type_id", "is \(type); only 0 is supported for a single text") }
  }
}
