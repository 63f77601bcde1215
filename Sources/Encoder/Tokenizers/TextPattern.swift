import Base
import CICU

/// A regular expression or a literal text that a tokenizer looks for.
@safe final class TextPattern: Sendable {
  /// A stretch of text, and whether it is a match or what lies between.
  struct Piece {
    var start: Int
    var end: Int
    var isMatch: Bool
  }

  private let literal: [UInt8]?
  /// The literal is this many spaces or more.
  private let spaces: Int?
  // Not changed after it was made; ICU's patterns may be used by several threads.
  private nonisolated(unsafe) let regex: OpaquePointer?
  private let name: String
  private let place: String
  /// The work that one match may take, in ICU's units: a second at most, and usually no more than a few microseconds.
  private static let steps: Int32 = 500

  /// - Parameters:
  ///   - part: an object with one key, `String` or `Regex`, or a string.
  init(_ value: TokenizerValue, path: String, place: String) throws(Failure) {
    name = path
    self.place = place
    if case .string(let bytes) = value {
      literal = bytes
      spaces = nil
      unsafe regex = nil
      return
    }
    let part = try TokenizerPart(value, path: path, place: place)
    if let bytes = try part.string("String") {
      try part.finish()
      literal = bytes
      spaces = nil
      unsafe regex = nil
      return
    }
    let pattern = try part.requiredString("Regex")
    try part.finish()
    literal = nil
    // What most models squeeze spaces with.
    switch String(decoding: pattern, as: UTF8.self) {
    case " {2,}": spaces = 2
    case " +": spaces = 1
    default: spaces = nil
    }
    if spaces != nil {
      unsafe regex = nil
      return
    }
    let translated = try Self.translated(pattern, part)
    var made: OpaquePointer?
    let message = unsafe translated.withUnsafeBytes { unsafe ems_icu_regex_open($0.baseAddress, $0.count, &made) }
    if let problem = unsafe icuMessage(message) {
      throw part.wrong("Regex", "is not a regular expression that can be used: \(problem)")
    }
    unsafe regex = made
  }

  deinit { if let regex = unsafe regex { unsafe ems_icu_regex_delete(regex) } }

  /// The expression in ICU's language. That of the reference (Oniguruma's) means other things by a few escapes; those
  /// which would change their meaning unseen are refused.
  private static func translated(_ pattern: [UInt8], _ part: TokenizerPart) throws(Failure) -> [UInt8] {
    guard pattern.count <= 16384 else {
      throw part.wrong("Regex", "has \(pattern.count) bytes; at most 16384 are supported")
    }
    var result: [UInt8] = []
    var inSet = 0
    var i = 0
    while i < pattern.count {
      let byte = pattern[i]
      i += 1
      guard byte == 0x5C else {
        if byte == 0x5B { inSet += 1 }
        if byte == 0x5D, inSet > 0 { inSet -= 1 }
        result.append(byte)
        continue
      }
      guard i < pattern.count else { throw part.wrong("Regex", "ends with a backslash") }
      let escaped = pattern[i]
      i += 1
      switch UnicodeScalar(escaped) {
      case "s": result += "\\p{White_Space}".utf8
      case "S": result += "\\P{White_Space}".utf8
      case "w": result += "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]".utf8
      case "W": result += "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]".utf8
      case "d", "D", "p", "P", "n", "r", "t", "f", "v", "x", "u", "b", "B", "A", "z", "Z", "1"..."9":
        if escaped == 0x76 { result += "\\x0B".utf8 } else { result += [0x5C, escaped] }
      case let other where other.isASCII && !other.properties.isAlphabetic && !("0"..."9").contains(other):
        result += [0x5C, escaped]
      default:
        throw part.wrong(
          "Regex", "has the escape \\\(UnicodeScalar(escaped)), which is not supported")
      }
    }
    return result
  }

  /// Cuts a stretch of text into matches and what lies between.
  ///
  /// - Throws: `Failure` when an expression takes too long, or too much memory.
  func cut(_ bytes: Span<UInt8>, _ range: Range<Int>, into pieces: inout [Piece]) throws(Failure) {
    pieces.removeAll(keepingCapacity: true)
    var done = range.lowerBound
    if let spaces {
      var i = done
      while i < range.upperBound {
        guard bytes[i] == 0x20 else {
          i += 1
          continue
        }
        var end = i + 1
        while end < range.upperBound, bytes[end] == 0x20 { end += 1 }
        if end - i >= spaces {
          if done < i { pieces.append(Piece(start: done, end: i, isMatch: false)) }
          pieces.append(Piece(start: i, end: end, isMatch: true))
          done = end
        }
        i = end
      }
    } else if let literal {
      guard let first = literal.first else {
        pieces.append(Piece(start: range.lowerBound, end: range.upperBound, isMatch: false))
        return
      }
      var i = done
      while i + literal.count <= range.upperBound {
        guard bytes[i] == first, (1..<literal.count).allSatisfy({ bytes[i + $0] == literal[$0] }) else {
          i += 1
          continue
        }
        if done < i { pieces.append(Piece(start: done, end: i, isMatch: false)) }
        i += literal.count
        pieces.append(Piece(start: i - literal.count, end: i, isMatch: true))
        done = i
      }
    } else if let regex = unsafe regex {
      let text = bytes.extracting(range)
      var problem: String?
      unsafe text.withUnsafeBytes { buffer in
        var places: UnsafePointer<Int64>?
        var count = 0
        let message = unsafe ems_icu_regex_find(regex, buffer.baseAddress, buffer.count, Self.steps, &places, &count)
        problem = unsafe icuMessage(message)
        guard problem == nil, let places = unsafe places else { return }
        for k in 0..<count {
          let start = unsafe range.lowerBound + Int(places[2 * k])
          let end = unsafe range.lowerBound + Int(places[2 * k + 1])
          if done < start { pieces.append(Piece(start: done, end: start, isMatch: false)) }
          pieces.append(Piece(start: start, end: end, isMatch: true))
          done = end
        }
      }
      if let problem {
        throw Failure(
          .badData, name, at: place, "the regular expression cannot be matched against a sentence: \(problem)",
          remedy: "the expression takes too long or too much memory: use a model with another one")
      }
    }
    if done < range.upperBound { pieces.append(Piece(start: done, end: range.upperBound, isMatch: false)) }
  }
}

/// A message of the C face as a string; the C memory is released.
func icuMessage(_ message: UnsafeMutablePointer<CChar>?) -> String? {
  guard let message = unsafe message else { return nil }
  defer { unsafe ems_icu_free(message) }
  return unsafe String(cString: message)
}
