import Base
import CSentencePiece

/// Cuts sentences into the ids of vocabulary pieces: a SentencePiece model with the conventions of EMS.
///
/// Safe to use from several threads at a time; each call uses only memory of its own thread.
@safe public final class Tokenizer: Sendable {
  /// How a vocabulary's pieces were found.
  public enum Kind: String, Sendable, Codable {
    /// Byte pair encoding: the most frequent pairs merged.
    case bpe
    /// A unigram language model over pieces.
    case unigram
    /// Whole words.
    case word
    /// Single characters.
    case char
    /// Words cut into the longest pieces that are known, as BERT does it.
    case wordPiece = "wordpiece"
  }

  /// The file it was loaded from, or what failures call it.
  public let name: String
  /// The serialized model, the content of a `sentencepiece.model`.
  public let model: [UInt8]
  /// The number of pieces; ids are `0..<vocabSize`.
  public let vocabSize: Int
  /// How the pieces were found.
  public let kind: Kind
  /// The languages of the control pieces `<2xx>` that stand from id 3 on, in the order of their ids.
  public let languages: [String]

  // SentencePiece's processor is not changed after loading, and its reading methods are const and share nothing.
  private nonisolated(unsafe) let handle: OpaquePointer
  /// What cuts text here; nil for the library.
  private let cutter: UnigramCutter?

  /// Loads a `sentencepiece.model`.
  ///
  /// - Throws: `Failure` when the file is missing, is no SentencePiece model, or has other ids for padding and unknown
  ///   pieces than EMS's 0 and 1.
  public convenience init(path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    guard file.count <= 1 << 30 else {
      throw Failure(.badData, path, "is \(file.count) bytes long; a SentencePiece model has at most 1 GiB")
    }
    try self.init(model: unsafe file.bytes.withUnsafeBytes { unsafe Array($0) }, name: path)
  }

  /// Loads a serialized model from memory.
  ///
  /// - Parameter name: what failures call it.
  public init(model: [UInt8], name: String = "SentencePiece model") throws(Failure) {
    guard let kind = Self.kind(of: model) else {
      throw Failure(.badData, name, "is not a SentencePiece model", remedy: "check the file, or fetch it again")
    }
    var loaded: OpaquePointer?
    let message = unsafe model.withUnsafeBytes { unsafe ems_spm_load($0.baseAddress, $0.count, &loaded) }
    if let problem = unsafe taken(message) {
      throw Failure(
        .badData, name, "cannot be loaded as a SentencePiece model: \(problem)",
        remedy: "check the file, or fetch it again")
    }
    guard let loaded = unsafe loaded else { throw Failure(.software, name, "loading gave no model") }
    unsafe handle = loaded
    self.name = name
    self.model = model
    self.kind = kind
    vocabSize = Int(unsafe ems_spm_size(loaded))
    // What cannot be read here the library may still know what to do with.
    cutter =
      kind == .unigram
      ? (try? SentencePieceVocabulary(model, name: name, count: vocabSize)).flatMap {
        try? UnigramCutter($0, name: name)
      }
      : nil
    var languages: [String] = []
    var id: Int32 = 3
    while unsafe ems_spm_is_control(loaded, id) != 0, let code = unsafe Self.languageCode(loaded, id) {
      languages.append(code)
      id += 1
    }
    self.languages = languages
    let ids = unsafe (ems_spm_pad_id(loaded), ems_spm_unk_id(loaded))
    guard ids == (Configuration.padID, Configuration.unknownID) else {
      throw Failure(
        .badData, name, "has the ids \(ids.0) for padding and \(ids.1) for unknown pieces; must be 0 and 1",
        remedy: "train it with --pad_id=0 --unk_id=1, or with `ems tokenizer train`")
    }
  }

  deinit { unsafe ems_spm_delete(handle) }

  /// The text of a piece, or nil when there is no such id. U+2581 stands for a space.
  public func piece(_ id: Int32) -> String? { unsafe Self.piece(handle, id) }

  /// The id of a piece, or nil when the vocabulary lacks it.
  public func id(_ piece: String) -> Int32? {
    var piece = piece
    let id = piece.withUTF8 { text in
      unsafe text.withMemoryRebound(to: CChar.self) { unsafe ems_spm_id(handle, $0.baseAddress, $0.count) }
    }
    return self.piece(id) == piece ? id : nil
  }

  /// Whether an id is that of a control piece, which no text produces.
  public func isControl(_ id: Int32) -> Bool { unsafe ems_spm_is_control(handle, id) != 0 }

  /// Appends the ids of a sentence.
  ///
  /// White space around the sentence does not count. There are no ids for its beginning and end. A sentence without any
  /// piece becomes one `<unk>`, so that every line has an embedding. Of a sentence over 64 KiB (or 64 bytes for each of `limit`
  /// ids) only the beginning is cut into pieces.
  ///
  /// - Parameters:
  ///   - text: UTF-8; bytes that are not become U+FFFD.
  ///   - lowercase: whether to lower-case first, as `Configuration.lowercase` asks.
  ///   - limit: at most this many ids, at least 1; what follows is cut off.
  ///   - ids: where the ids are appended.
  /// - Returns: the number of ids appended, 1...limit.
  /// - Throws: `Failure` when SentencePiece fails: a text of more than 2 GiB, or memory that runs out.
  @discardableResult
  public func encode(
    _ text: RawSpan, lowercase: Bool, limit: Int, into ids: inout [Int32]
  ) throws(Failure) -> Int {
    precondition(limit >= 1)
    let trimmed = bounded(trimmingWhiteSpace(text), tokens: limit)
    if lowercase {
      switch caseNeeds(trimmed) {
      case .nothing: break
      case .ascii:
        // The common case of Latin text without accents; no decoding.
        var lowered = [UInt8](repeating: 0, count: trimmed.byteCount)
        var target = lowered.mutableSpan
        for index in target.indices {
          let byte = trimmed.number(at: index, as: UInt8.self)
          target[index] = byte &- 0x41 < 26 ? byte | 0x20 : byte
        }
        return try append(unsafe lowered.span.bytes, limit: limit, to: &ids)
      case .unicode:
        let lowered = lowercased(trimmed)
        return try append(unsafe lowered.span.bytes, limit: limit, to: &ids)
      }
    }
    return try append(trimmed, limit: limit, to: &ids)
  }

  /// The ids of a sentence; see `encode(_:lowercase:limit:into:)`.
  public func encode(_ text: String, lowercase: Bool, limit: Int = .max) throws(Failure) -> [Int32] {
    var ids: [Int32] = []
    let bytes = Array(text.utf8)
    try encode(unsafe bytes.span.bytes, lowercase: lowercase, limit: limit, into: &ids)
    return ids
  }

  private func append(_ text: RawSpan, limit: Int, to ids: inout [Int32]) throws(Failure) -> Int {
    guard text.byteCount <= Int(Int32.max) else {
      throw Failure(.badData, name, "a sentence of \(text.byteCount) bytes is too long to be cut into pieces")
    }
    let before = ids.count
    if let cutter {
      cutter.withScratch { cutter.append(text, limit: limit, $0, to: &ids) }
      if ids.count == before { ids.append(Configuration.unknownID) }
      return ids.count - before
    }
    try appendByLibrary(text, limit: limit, to: &ids)
    if ids.count == before { ids.append(Configuration.unknownID) }
    return ids.count - before
  }

  /// Whether text is cut here and not by the library.
  package var cutsItself: Bool { cutter != nil }

  /// The ids of a text as they are found here, and as the library finds them: for tests.
  package func bothIDs(_ text: [UInt8]) throws(Failure) -> (ours: [Int32], theirs: [Int32]) {
    var (ours, theirs) = ([Int32](), [Int32]())
    let span = text.span
    _ = try append(unsafe span.bytes, limit: .max, to: &ours)
    try appendByLibrary(unsafe span.bytes, limit: .max, to: &theirs)
    if theirs.isEmpty { theirs.append(Configuration.unknownID) }
    return (ours, theirs)
  }

  private func appendByLibrary(_ text: RawSpan, limit: Int, to ids: inout [Int32]) throws(Failure) {
    let problem = unsafe text.withUnsafeBytes { bytes in
      var found: UnsafePointer<Int32>?
      var count = 0
      let message = unsafe ems_spm_encode(handle, bytes.baseAddress, bytes.count, &found, &count)
      unsafe ids.append(contentsOf: UnsafeBufferPointer(start: found, count: min(count, limit)))
      return unsafe taken(message)
    }
    if let problem { throw Failure(.badData, name, "a sentence cannot be cut into pieces: \(problem)") }
  }

  private static func piece(_ handle: OpaquePointer, _ id: Int32) -> String? {
    var count = 0
    guard let start = unsafe ems_spm_piece(handle, id, &count) else { return nil }
    return unsafe start.withMemoryRebound(to: UInt8.self, capacity: count) {
      unsafe String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
    }
  }

  /// xx of the control piece `<2xx>`.
  private static func languageCode(_ handle: OpaquePointer, _ id: Int32) -> String? {
    guard let piece = unsafe piece(handle, id), piece.hasPrefix("<2"), piece.hasSuffix(">"), piece.utf8.count > 3 else {
      return nil
    }
    return String(piece.dropFirst(2).dropLast())
  }

  /// The model type in a serialized model, or nil when the bytes are not laid out as one.
  ///
  /// A walk over the protobuf's outermost fields: 2 is the trainer's settings, and 3 inside is the type. It also turns
  /// away files of another kind before the library parses them.
  static func kind(of model: [UInt8]) -> Kind? {
    guard let settings = protobufFields(model[...])?.last(where: { $0.number == 2 }) else { return nil }
    guard let fields = protobufFields(settings.content) else { return nil }
    switch fields.last(where: { $0.number == 3 })?.value ?? 1 {
    case 1: return .unigram
    case 2: return .bpe
    case 3: return .word
    case 4: return .char
    default: return nil
    }
  }

  /// The fields of a serialized protobuf message in their order, or nil when the bytes are not laid out as one: the number;
  /// the value of an integer; the bytes of everything else.
  static func protobufFields(_ bytes: ArraySlice<UInt8>) -> [(
    number: UInt64, value: UInt64, content: ArraySlice<UInt8>
  )]? {
    var fields: [(UInt64, UInt64, ArraySlice<UInt8>)] = []
    var rest = bytes
    func integer() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = rest.popFirst() else { return nil }
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      return nil
    }
    while !rest.isEmpty {
      guard let tag = integer() else { return nil }
      var value: UInt64 = 0
      var size = 0
      switch tag & 7 {
      case 0:
        guard let number = integer() else { return nil }
        value = number
      case 1: size = 8
      case 2:
        guard let length = integer(), length <= UInt64(rest.count) else { return nil }
        size = Int(length)
      case 5: size = 4
      default: return nil
      }
      guard size <= rest.count else { return nil }
      fields.append((tag >> 3, value, rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
    return fields
  }
}

/// A message of the C face as a string; the C memory is released.
func taken(_ message: UnsafeMutablePointer<CChar>?) -> String? {
  guard let message = unsafe message else { return nil }
  defer { unsafe ems_spm_free(message) }
  return unsafe String(cString: message)
}
