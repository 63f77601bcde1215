import Base
import CLanguageID

/// What a `LanguageIdentifier` says about a text.
public struct Identification: Sendable, Equatable {
  /// The identifier's own code: `zh-Hant` of CLD2, `deu_Latn` of a fastText label `__label__deu_Latn`.
  public var code: String
  /// The language of the code; nil if it is none of `Language.all`.
  public var language: Language?
  /// 0...1. CLD2: the share of the text that is in this language. fastText: the probability.
  public var confidence: Double
  /// Whether the identifier is sure. CLD2: its own judgement. fastText: whether the probability reaches the threshold.
  public var reliable: Bool
}

/// Tells the language of a line: by CLD2, whose tables are built in, or by a fastText classifier from a file.
///
/// CLD2 (Debian's libcld2 with the tables of libcld2_full) tells 162 languages apart, has no model file, and says nothing
/// about many short lines. fastText classifiers answer nearly always: lid.176 with codes such as `de`, NLLB's lid218 and
/// GlotLID with labels such as `__label__deu_Latn`.
///
/// Safe to use from several threads at a time: models are only read, and each call uses memory of its own thread.
@safe public final class LanguageIdentifier: Sendable {
  /// `CLD2` with its version, or `fastText`.
  public let name: String
  /// MurmurHash3, 128 bits, of the fastText file in hexadecimal; nil for CLD2.
  public let digest: String?
  /// The probability from which a fastText answer counts as reliable; nil for CLD2.
  public let threshold: Double?
  /// Only so many bytes at the beginning of a text are looked at, cut before a character that would not fit.
  public static let maxBytes = 1 << 14

  // By label numbers.
  private let labels: [(code: String, language: Language?)]
  // Canonical codes without script.
  private let known: Set<String>
  // Nil for CLD2. Never changed after loading; fastText's reading methods are const and share nothing that changes.
  private nonisolated(unsafe) let model: OpaquePointer?

  /// CLD2.
  public init() {
    unsafe model = nil
    digest = nil
    threshold = nil
    name = unsafe "CLD2 " + String(cString: ems_cld2_version())
    func language(_ code: some StringProtocol) -> Language? {
      switch code {
      // The only tables of Kurdish are for the Arabic script, which means Sorani.
      case "ku": Self.language("ckb")
      case "bh": Self.language("bho")
      default: Self.language(String(code))
      }
    }
    labels = (0..<ems_cld2_count()).map {
      let code = unsafe String(cString: ems_cld2_code($0))
      return (code, language(code))
    }
    var known: Set<String> = []
    // Chinese characters, kana and Hangul have tables of their own.
    var codes = ["zh", "ja", "ko"]
    codes += unsafe String(cString: ems_cld2_tables()).split(separator: " ").map(String.init)
    for script in 0..<ems_cld2_script_count() {
      if let code = unsafe ems_cld2_script_language(script) { codes.append(unsafe String(cString: code)) }
    }
    for code in codes {
      // en-Latn, zh-Hant-Hani
      if let base = language(code.prefix { $0 != "-" }) { known.insert(base.baseCode) }
    }
    self.known = known
  }

  /// A fastText classifier, `.bin` or `.ftz`, whose labels are language codes.
  ///
  /// Bare codes are read as Wikipedia uses them, as lid.176 does: `als` is Alemannic there, and `als_Latn` Tosk Albanian.
  ///
  /// - Parameters:
  ///   - path: the file; it is checked first, and then loaded into memory as a whole.
  ///   - threshold: the probability from which an answer counts as reliable, 0...1.
  /// - Throws: `Failure` when the file is missing, damaged, or no fastText classifier, or memory runs out.
  public init(fastText path: String, threshold: Double = 0.5) throws(Failure) {
    guard 0...1 ~= threshold else {
      throw Failure(.usage, "threshold \(threshold)", "is not a probability", remedy: "give a number from 0 to 1")
    }
    let file = try MappedFile(path: path)
    let checked = try FastTextFile(checking: file)
    var loaded: OpaquePointer?
    if let problem = unsafe taken(ems_fasttext_load(file.pointer, file.count, &loaded)) {
      throw Failure(
        .badData, path, "cannot be loaded as a fastText model: \(problem)", remedy: "check the file, or fetch it again")
    }
    guard let loaded = unsafe loaded, unsafe Int(ems_fasttext_count(loaded)) == checked.labels.count else {
      unsafe ems_fasttext_delete(loaded)
      throw Failure(.software, path, "loading gave other labels than the file has")
    }
    unsafe model = loaded
    name = "fastText"
    self.threshold = threshold
    let hash = Hash128(Span<UInt8>(_bytes: file.bytes))
    digest = [hash.high, hash.low].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
    labels = checked.labels.map { label in
      let prefix = "__label__"
      let code = label.hasPrefix(prefix) ? String(label.dropFirst(prefix.count)) : label
      return switch code {
      case "als": (code, Self.language("gsw"))
      case "bh": (code, Self.language("bho"))
      default: (code, Self.language(code))
      }
    }
    known = Set(labels.compactMap { $0.language?.baseCode })
  }

  deinit { unsafe ems_fasttext_delete(model) }

  /// The language of a line, or nil if it has no letters or the identifier has nothing to say.
  ///
  /// - Parameter text: UTF-8. Invalid bytes and control characters count as spaces.
  public func identify(_ text: Span<UInt8>) -> Identification? {
    let limit = text.count <= Self.maxBytes ? text.count : characterBoundary(in: text, atMost: Self.maxBytes)
    let text = text.extracting(first: limit)
    guard hasLetter(text) else { return nil }
    guard isClean(text) else {
      let clean = cleaned(text)
      return ask(clean.span)
    }
    return ask(text)
  }

  /// The language of a line; see `identify(_:)` of bytes.
  public func identify(_ text: String) -> Identification? {
    let bytes = Array(text.utf8)
    return identify(bytes.span)
  }

  /// Whether the language, in any script, is one of those that can be found.
  public func knows(_ language: Language) -> Bool { known.contains(language.baseCode) }

  private func ask(_ text: Span<UInt8>) -> Identification? {
    var result = ems_lid_result()
    let problem = unsafe text.withUnsafeBytes { bytes in
      if let model = unsafe model {
        unsafe taken(ems_fasttext_identify(model, bytes.baseAddress, bytes.count, &result))
      } else {
        unsafe taken(ems_cld2_identify(bytes.baseAddress, bytes.count, &result))
      }
    }
    // Models have been checked and texts are short: only memory can run out.
    if let problem { fatalError("\(name): \(problem)") }
    guard labels.indices.contains(Int(result.label)) else { return nil }
    let label = labels[Int(result.label)]
    let reliable = threshold.map { result.confidence >= $0 } ?? (result.reliable != 0)
    return Identification(
      code: label.code, language: label.language, confidence: result.confidence, reliable: reliable)
  }

  private static func language(_ code: String) -> Language? { try? Language(parsing: code) }
}

/// A message of the C face as a string, released.
private func taken(_ message: UnsafeMutablePointer<CChar>?) -> String? {
  guard let message = unsafe message else { return nil }
  defer { unsafe ems_lid_free(message) }
  return unsafe String(cString: message)
}

/// Whether nothing has to be replaced before CLD2 looks at the text, which refuses all of a text otherwise.
private func isClean(_ text: Span<UInt8>) -> Bool {
  var i = 0
  while i < text.count {
    guard case .character(let length) = step(in: text, at: i), isText(text, at: i, length) else { return false }
    i += length
  }
  return true
}

/// The text with a space for every invalid byte and every byte of a character that is not for interchange.
private func cleaned(_ text: Span<UInt8>) -> [UInt8] {
  var result: [UInt8] = []
  result.reserveCapacity(text.count)
  var i = 0
  while i < text.count {
    let (length, keep) =
      switch step(in: text, at: i) {
      case .character(let length): (length, isText(text, at: i, length))
      case .invalid(let length): (length, false)
      }
    for k in i..<i + length { result.append(keep ? text[k] : UInt8(ascii: " ")) }
    i += length
  }
  return result
}

/// Whether a well-formed character is neither a control character nor one of Unicode's noncharacters.
private func isText(_ text: Span<UInt8>, at i: Int, _ length: Int) -> Bool {
  switch length {
  case 1: return 0x20..<0x7F ~= text[i] || text[i] == 9 || text[i] == 10 || text[i] == 13
  case 2: return text[i] != 0xC2 || text[i + 1] >= 0xA0
  default:
    let value = scalar(in: text, at: i, length)
    return value & 0xFFFE != 0xFFFE && !(0xFDD0...0xFDEF ~= value)
  }
}

/// The value of a well-formed character of so many bytes.
private func scalar(in text: Span<UInt8>, at i: Int, _ length: Int) -> UInt32 {
  guard length > 1 else { return UInt32(text[i]) }
  var value = UInt32(text[i]) & (0xFF >> UInt32(length + 1))
  for k in i + 1..<i + length { value = value << 6 | UInt32(text[k] & 0x3F) }
  return value
}

/// Whether there is a letter, of any script, in UTF-8.
func hasLetter(_ text: Span<UInt8>) -> Bool {
  var i = 0
  while i < text.count {
    switch step(in: text, at: i) {
    case .character(1):
      if 0x61...0x7A ~= text[i] | 0x20 { return true }
      i += 1
    case .character(let length):
      if Unicode.Scalar(scalar(in: text, at: i, length))?.properties.isAlphabetic ?? false { return true }
      i += length
    case .invalid(let length): i += length
    }
  }
  return false
}
