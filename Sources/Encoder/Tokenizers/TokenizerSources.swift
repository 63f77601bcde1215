import Base
import Glibc

/// Makes a `tokenizer.json` from the older files that Hugging Face folders hold: BERT's `vocab.txt`, the `vocab.json` and
/// `merges.txt` of RoBERTa, and SentencePiece models of XLM-R and NLLB.
enum TokenizerSources {
  /// The tokenizer of a folder.
  ///
  /// - Throws: `Failure` when there is none, or it is of a kind that is not supported.
  static func tokenizer(_ folder: String) throws(Failure) -> any TextTokenizer {
    func exists(_ name: String) -> Bool { FileSystem.access("\(folder)/\(name)", F_OK) == 0 }
    let settings = try Settings(folder)
    if exists(HubTokenizer.file) {
      let path = "\(folder)/\(HubTokenizer.file)"
      let tokenizer = try HubTokenizer(path: path)
      try settings.check(tokenizer, path: path)
      return tokenizer
    }
    if let laser = try laserFiles(folder) {
      return try LaserTokenizer(model: laser.model, dictionary: laser.dictionary)
    }
    for name in ["sentencepiece.bpe.model", "spiece.model"] where exists(name) {
      return try sentencePiece("\(folder)/\(name)", folder, settings)
    }
    if exists("vocab.txt") { return try bert("\(folder)/vocab.txt", folder, settings) }
    if exists("vocab.json"), exists("merges.txt") { return try roberta(folder, settings) }
    if exists(ModelFolder.File.tokenizer) { return try Tokenizer(path: "\(folder)/\(ModelFolder.File.tokenizer)") }
    throw Failure(
      .missingInput, folder, "has no tokenizer of a kind that can be imported",
      remedy: "supported are \(HubTokenizer.file), vocab.txt, vocab.json with merges.txt, sentencepiece.bpe.model, and "
        + "LASER2's .spm with its .cvocab")
  }

  /// LASER2's two files, in a folder or beside a checkpoint.
  private static func laserFiles(_ folder: String) throws(Failure) -> (model: String, dictionary: String)? {
    let model = "\(folder)/laser2.spm"
    guard FileSystem.access(model, F_OK) == 0 else { return nil }
    let dictionary = "\(folder)/laser2.cvocab"
    guard FileSystem.access(dictionary, F_OK) == 0 else {
      throw Failure(
        .missingInput, dictionary, "is missing, though laser2.spm is there", remedy: "fetch it; it comes with laser2.pt"
      )
    }
    return (model, dictionary)
  }

  // MARK: Settings

  /// What `tokenizer_config.json` and `special_tokens_map.json` say.
  private struct Settings {
    private var parts: [TokenizerPart] = []

    init(_ folder: String) throws(Failure) {
      for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        let path = "\(folder)/\(name)"
        guard FileSystem.access(path, F_OK) == 0 else { continue }
        let value = try TokenizerParser.parse(try contents(path), path: path)
        parts.append(try TokenizerPart(value, path: path, place: ""))
      }
    }

    /// A token by its role: a string, or an object with a `content`.
    func token(_ role: String, _ fallback: String) throws(Failure) -> String {
      for part in parts {
        switch part.value(role) {
        case .string(let bytes): return String(decoding: bytes, as: UTF8.self)
        case .object:
          if let content = try part.part(role)?.string("content") { return String(decoding: content, as: UTF8.self) }
        default: continue
        }
      }
      return fallback
    }

    func bool(_ key: String) throws(Failure) -> Bool? {
      for part in parts {
        if let value = try part.bool(key) { return value }
      }
      return nil
    }

    func string(_ key: String) throws(Failure) -> String? {
      for part in parts {
        if let value = try part.string(key) { return String(decoding: value, as: UTF8.self) }
      }
      return nil
    }

    /// The texts of a list of tokens.
    func list(_ key: String) throws(Failure) -> [String] {
      for part in parts {
        guard part.value(key) != nil else { continue }
        var found: [String] = []
        for item in try part.array(key) {
          switch item {
          case .string(let bytes): found.append(String(decoding: bytes, as: UTF8.self))
          case .object(let members):
            if case .string(let bytes)? = members.last(where: { $0.key == Array("content".utf8) })?.value {
              found.append(String(decoding: bytes, as: UTF8.self))
            }
          default: throw part.wrong(key, "holds \(item.shown); tokens are expected")
          }
        }
        return found
      }
      return []
    }

    /// Python lets the settings win over `tokenizer.json`. Where they contradict each other, nobody can say what a
    /// model was trained with.
    func check(_ tokenizer: HubTokenizer, path: String) throws(Failure) {
      guard case .bert(_, let chinese, let strip, let lower)? = tokenizer.normalizer else { return }
      func agree(_ key: String, _ found: Bool) throws(Failure) {
        guard let wanted = try bool(key), wanted != found else { return }
        throw Failure(
          .badData, path, at: "normalizer",
          "does the opposite of what tokenizer_config.json says with \(key) = \(wanted)",
          remedy: "make the two files agree")
      }
      try agree("do_lower_case", lower)
      try agree("strip_accents", strip)
      try agree("tokenize_chinese_chars", chinese)
    }
  }

  private static func contents(_ path: String) throws(Failure) -> [UInt8] {
    let file = try MappedFile(path: path)
    guard file.count <= HubTokenizer.limit else {
      throw Failure(.badData, path, "is \(file.count) bytes long; at most \(HubTokenizer.limit) are read")
    }
    return unsafe file.bytes.withUnsafeBytes { unsafe Array($0) }
  }

  // MARK: Values

  private typealias Value = TokenizerValue
  private static func string(_ text: String) -> Value { .string(Array(text.utf8)) }
  private static func object(_ members: KeyValuePairs<String, Value>) -> Value {
    .object(members.map { (Array($0.key.utf8), $0.value) })
  }
  private static func number(_ id: Int) -> Value { .number(Double(id)) }

  private static func template(_ before: [(String, Int)], _ after: [(String, Int)]) -> Value {
    func special(_ token: (String, Int)) -> Value {
      object(["SpecialToken": object(["id": string(token.0), "type_id": number(0)])])
    }
    let text = object(["Sequence": object(["id": string("A"), "type_id": number(0)])])
    let known = (before + after).map { token in
      (
        key: Array(token.0.utf8),
        value: object([
          "id": string(token.0), "ids": .array([number(token.1)]), "tokens": .array([string(token.0)]),
        ])
      )
    }
    return object([
      "type": string("TemplateProcessing"), "single": .array(before.map(special) + [text] + after.map(special)),
      "pair": .array([]), "special_tokens": .object(known),
    ])
  }

  private static func added(_ tokens: [(content: String, id: Int)]) -> Value {
    .array(
      tokens.sorted { $0.id < $1.id }.map {
        object([
          "id": number($0.id), "content": string($0.content), "single_word": .bool(false), "lstrip": .bool(false),
          "rstrip": .bool(false), "normalized": .bool(false), "special": .bool(true),
        ])
      })
  }

  private static func made(
    added: Value, normalizer: Value, preTokenizer: Value, postProcessor: Value, model: Value, name: String
  ) throws(Failure) -> HubTokenizer {
    let root = object([
      "version": string("1.0"), "truncation": .null, "padding": .null, "added_tokens": added,
      "normalizer": normalizer, "pre_tokenizer": preTokenizer, "post_processor": postProcessor, "decoder": .null,
      "model": model,
    ])
    var text: [UInt8] = []
    root.write(to: &text)
    text.append(0x0A)
    return try HubTokenizer(text, name: name)
  }

  // MARK: Kinds

  private static func bert(_ path: String, _ folder: String, _ settings: Settings) throws(Failure) -> HubTokenizer {
    let bytes = try contents(path)
    var members: [(key: [UInt8], value: Value)] = []
    var ids: [[UInt8]: Int] = [:]
    guard isValidUTF8(bytes.span) else { throw Failure(.badData, path, "is not UTF-8") }
    var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    for (i, line) in lines.enumerated() {
      var piece = Array(line)
      if piece.last == 0x0D { piece.removeLast() }
      members.append((piece, number(i)))
      ids[piece] = i
    }
    func token(_ role: String, _ usual: String) throws(Failure) -> (String, Int) {
      let name = try settings.token(role, usual)
      guard let id = ids[Array(name.utf8)] else {
        throw Failure(.badData, path, "has no \(name), which is the \(role)")
      }
      return (name, id)
    }
    let unknown = try token("unk_token", "[UNK]")
    let cls = try token("cls_token", "[CLS]")
    let sep = try token("sep_token", "[SEP]")
    var special = [unknown, cls, sep]
    for (role, usual) in [("pad_token", "[PAD]"), ("mask_token", "[MASK]")] {
      let name = try settings.token(role, usual)
      if let id = ids[Array(name.utf8)] { special.append((name, id)) }
    }
    let lower = try settings.bool("do_lower_case") ?? true
    let strip = try settings.bool("strip_accents")
    let chinese = try settings.bool("tokenize_chinese_chars") ?? true
    return try made(
      added: added(special.map { (content: $0.0, id: $0.1) }),
      normalizer: object([
        "type": string("BertNormalizer"), "clean_text": .bool(true), "handle_chinese_chars": .bool(chinese),
        "strip_accents": strip.map(Value.bool) ?? .null, "lowercase": .bool(lower),
      ]),
      preTokenizer: object(["type": string("BertPreTokenizer")]), postProcessor: template([cls], [sep]),
      model: object([
        "type": string("WordPiece"), "unk_token": string(unknown.0), "continuing_subword_prefix": string("##"),
        "max_input_chars_per_word": number(100), "vocab": .object(members),
      ]), name: path)
  }

  private static func roberta(_ folder: String, _ settings: Settings) throws(Failure) -> HubTokenizer {
    let path = "\(folder)/vocab.json"
    let vocabulary = try TokenizerParser.parse(try contents(path), path: path)
    guard case .object(let members) = vocabulary else { throw Failure(.badData, path, "is not a JSON object") }
    let mergesPath = "\(folder)/merges.txt"
    let bytes = try contents(mergesPath)
    guard isValidUTF8(bytes.span) else { throw Failure(.badData, mergesPath, "is not UTF-8") }
    var merges: [Value] = []
    for line in bytes.split(separator: 0x0A) {
      var merge = Array(line)
      if merge.last == 0x0D { merge.removeLast() }
      if merge.isEmpty || merge.starts(with: Array("#version".utf8)) { continue }
      merges.append(.string(merge))
    }
    func token(_ role: String, _ usual: String) throws(Failure) -> (String, Int)? {
      let name = try settings.token(role, usual)
      guard case .number(let id)? = members.last(where: { $0.key == Array(name.utf8) })?.value, id >= 0,
        id < Double(WordModel.limit)
      else { return nil }
      return (name, Int(id))
    }
    guard let cls = try token("cls_token", "<s>"), let sep = try token("sep_token", "</s>") else {
      throw Failure(.badData, path, "lacks the tokens for the begin and end of a text")
    }
    var special = [cls, sep]
    for (role, usual) in [("pad_token", "<pad>"), ("unk_token", "<unk>"), ("mask_token", "<mask>")] {
      if let found = try token(role, usual), !special.contains(where: { $0.1 == found.1 }) { special.append(found) }
    }
    let adds = try settings.bool("add_prefix_space") ?? false
    return try made(
      added: added(special.map { (content: $0.0, id: $0.1) }), normalizer: .null,
      preTokenizer: object([
        "type": string("ByteLevel"), "add_prefix_space": .bool(adds), "trim_offsets": .bool(true),
        "use_regex": .bool(true),
      ]),
      postProcessor: object([
        "type": string("RobertaProcessing"), "sep": .array([string(sep.0), number(sep.1)]),
        "cls": .array([string(cls.0), number(cls.1)]), "trim_offsets": .bool(true), "add_prefix_space": .bool(adds),
      ]),
      model: object([
        "type": string("BPE"), "unk_token": .null, "continuing_subword_prefix": string(""),
        "end_of_word_suffix": string(""), "fuse_unk": .bool(false), "byte_fallback": .bool(false), "vocab": vocabulary,
        "merges": .array(merges),
      ]), name: path)
  }

  /// A SentencePiece model whose pieces have numbers one higher: 0 `<s>`, 1 `<pad>`, 2 `</s>`, 3 `<unk>`, then the pieces
  /// behind the model's own first three, languages, and `<mask>`.
  private static func sentencePiece(
    _ path: String, _ folder: String, _ settings: Settings
  ) throws(Failure) -> HubTokenizer {
    let name = try settings.string("tokenizer_class") ?? ""
    let isXLMR = name.hasPrefix("XLMRoberta")
    let isNLLB = name.hasPrefix("Nllb")
    guard isXLMR || isNLLB || name.isEmpty else {
      throw Failure(
        .badData, "\(folder)/tokenizer_config.json", at: "tokenizer_class",
        "is \"\(name)\", which is not supported without a \(HubTokenizer.file)",
        remedy: "supported are XLMRobertaTokenizer and NllbTokenizer")
    }
    let model = try SentencePieceFile(try contents(path), path: path)
    let bpe = model.kind == .bpe
    guard model.kind == .unigram || bpe, bpe ? !isXLMR : !isNLLB else {
      throw Failure(.badData, path, "is of the kind \(model.kind.rawValue), which does not go with \(name)")
    }
    guard model.pieces.count >= 3,
      model.pieces.prefix(3).map(\.text) == ["<unk>", "<s>", "</s>"].map({ Array($0.utf8) })
    else {
      throw Failure(.badData, path, "does not begin with <unk>, <s>, </s>, as models of this family do")
    }
    let tokens = [
      (try settings.token("bos_token", "<s>"), 0), (try settings.token("pad_token", "<pad>"), 1),
      (try settings.token("eos_token", "</s>"), 2), (try settings.token("unk_token", "<unk>"), 3),
    ]
    var pieces = tokens.map { (text: Array($0.0.utf8), score: 0.0) }
    pieces += model.pieces.dropFirst(3).map { (text: $0.text, score: $0.score) }
    var special = tokens.map { (content: $0.0, id: $0.1) }
    let mask = try settings.token("mask_token", "<mask>")
    if bpe {
      for code in try settings.list("additional_special_tokens") where code != mask {
        special.append((code, pieces.count))
        pieces.append((Array(code.utf8), 0))
      }
    }
    special.append((mask, pieces.count))
    pieces.append((Array(mask.utf8), 0))
    let mark = "\u{2581}"
    let map = object([
      "type": string("Precompiled"), "precompiled_charsmap": .string(encodedBase64(model.characterMap)),
    ])
    let metaspace = object([
      "type": string("Metaspace"), "replacement": string(mark), "prepend_scheme": string("always"),
      "split": .bool(true),
    ])
    if !bpe {
      return try made(
        added: added(special), normalizer: model.characterMap.isEmpty ? .null : map,
        preTokenizer: object([
          "type": string("Sequence"),
          "pretokenizers": .array([object(["type": string("WhitespaceSplit")]), metaspace]),
        ]),
        postProcessor: template([tokens[0]], [tokens[2]]),
        model: object([
          "type": string("Unigram"), "unk_id": number(3),
          "vocab": .array(pieces.map { .array([.string($0.text), .number($0.score)]) }), "byte_fallback": .bool(false),
        ]), name: path)
    }
    let language = try settings.string("src_lang") ?? "eng_Latn"
    guard let source = special.first(where: { $0.content == language }) else {
      throw Failure(
        .badData, path, "has no piece for the language \(language)",
        remedy: "its languages are the additional_special_tokens of tokenizer_config.json, its own one is src_lang")
    }
    let legacy = try settings.bool("legacy_behaviour") ?? false
    let end = tokens[2]
    let normalizer = object([
      "type": string("Sequence"),
      "normalizers": .array([
        map,
        object([
          "type": string("Replace"), "pattern": object(["Regex": string(" {2,}")]), "content": string(" "),
        ]),
      ]),
    ])
    return try made(
      added: added(special), normalizer: model.characterMap.isEmpty ? .null : normalizer, preTokenizer: metaspace,
      postProcessor: legacy ? template([], [end, source]) : template([source], [end]),
      model: object([
        "type": string("BPE"), "unk_token": string(tokens[3].0), "fuse_unk": .bool(true), "byte_fallback": .bool(false),
        "vocab": .object(pieces.enumerated().map { ($0.element.text, number($0.offset)) }),
        "merges": .array(merges(pieces.map(\.text))),
      ]), name: path)
  }

  /// The merges that lead to the pieces of a vocabulary, in the order of the pieces.
  private static func merges(_ pieces: [[UInt8]]) -> [Value] {
    let trie = ByteTrie(pieces, pieces.indices.map { Int32($0) })
    var merges: [Value] = []
    for piece in pieces {
      var i = 0
      while i < piece.count {
        i += characterSize(piece[i])
        if i >= piece.count { break }
        if trie.find(piece.span, 0..<i) >= 0, trie.find(piece.span, i..<piece.count) >= 0 {
          merges.append(.array([.string(Array(piece[..<i])), .string(Array(piece[i...]))]))
        }
      }
    }
    return merges
  }
}

/// The parts of a `sentencepiece.model` that a `tokenizer.json` needs.
private struct SentencePieceFile {
  var kind: Tokenizer.Kind
  var pieces: [(text: [UInt8], score: Double)] = []
  var characterMap: [UInt8] = []

  init(_ bytes: [UInt8], path: String) throws(Failure) {
    func wrong(_ problem: String) -> Failure {
      Failure(.badData, path, problem, remedy: "check the file, or fetch it again")
    }
    guard let kind = Tokenizer.kind(of: bytes), let fields = Tokenizer.protobufFields(bytes[...]) else {
      throw wrong("is not a SentencePiece model")
    }
    self.kind = kind
    for field in fields {
      switch field.number {
      case 1:
        guard let inside = Tokenizer.protobufFields(field.content) else { throw wrong("has a damaged piece") }
        var text: [UInt8] = []
        var score = 0.0
        for part in inside {
          if part.number == 1 { text = Array(part.content) }
          if part.number == 2, part.content.count == 4 {
            let bits = part.content.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            score = Double(Float(bitPattern: bits))
          }
        }
        guard isValidUTF8(text.span), !text.isEmpty, score.isFinite, pieces.count < WordModel.limit else {
          throw wrong("has a damaged piece, number \(pieces.count)")
        }
        pieces.append((text, score))
      case 3:
        guard let inside = Tokenizer.protobufFields(field.content) else { throw wrong("has damaged settings") }
        for part in inside where part.number == 2 { characterMap = Array(part.content) }
      default: continue
      }
    }
  }
}

extension TokenizerValue {
  /// Appends the value as JSON.
  fileprivate func write(to text: inout [UInt8]) {
    switch self {
    case .null: text += "null".utf8
    case .bool(let value): text += (value ? "true" : "false").utf8
    case .number(let value):
      if value == value.rounded(), abs(value) < 1e15 { text += "\(Int(value))".utf8 } else { text += "\(value)".utf8 }
    case .string(let value): Self.write(value, to: &text)
    case .array(let values):
      text.append(0x5B)
      for (i, value) in values.enumerated() {
        if i > 0 { text.append(0x2C) }
        value.write(to: &text)
      }
      text.append(0x5D)
    case .object(let members):
      text.append(0x7B)
      for (i, member) in members.enumerated() {
        if i > 0 { text.append(0x2C) }
        Self.write(member.key, to: &text)
        text.append(0x3A)
        member.value.write(to: &text)
      }
      text.append(0x7D)
    }
  }

  private static func write(_ value: [UInt8], to text: inout [UInt8]) {
    text.append(0x22)
    for byte in value {
      switch byte {
      case 0x22: text += "\\\"".utf8
      case 0x5C: text += "\\\\".utf8
      case 0..<0x20: text += "\\u00\(byte < 16 ? "0" : "1")".utf8 + [Array("0123456789abcdef".utf8)[Int(byte & 15)]]
      default: text.append(byte)
      }
    }
    text.append(0x22)
  }
}
