import Corpus
import Foundation

/// A key of a JSON object.
struct FieldName: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(_ name: String) { stringValue = name }
  init?(stringValue: String) { self.init(stringValue) }
  init?(intValue: Int) { nil }
}

extension Encoder {
  /// Adds fields to this encoder's object; one that is nil is left out.
  func add(_ fields: KeyValuePairs<String, (any Encodable)?>) throws {
    var values = container(keyedBy: FieldName.self)
    for (name, value) in fields {
      if let value { try values.encode(value, forKey: FieldName(name)) }
    }
  }
}

/// Which queries of a test set were answered rightly, so that a later result can be compared with this one query by query.
///
/// In JSON `hits` has for each figure a list of base64 texts: bits, the first query in the highest bit of the first byte (as
/// NumPy's `packbits`). The mean over all bits of a list is the figure; lists are longer than one where a query is asked
/// several times (once for each seed).
public struct Outcomes: Sendable, Equatable, Encodable {
  /// What a query is, in the plural: lines, queries, documents.
  public var unit: String
  /// A fingerprint of the texts in their order; nil where only embeddings are known.
  public var data: String?
  /// Queries.
  public var n: Int
  /// By the figure's name: for every time that it was asked whether each query was answered rightly.
  public var hits: [String: [[Bool]]] = [:]

  /// One object.
  public func encode(to encoder: any Encoder) throws {
    try encoder.add(["unit": unit, "data": data, "n": n, "hits": hits.mapValues { $0.map(Self.pack) }])
  }

  /// Bits as base64.
  package static func pack(_ bits: [Bool]) -> String {
    var bytes = [UInt8](repeating: 0, count: (bits.count + 7) / 8)
    for (i, bit) in bits.enumerated() where bit { bytes[i / 8] |= 0x80 >> UInt8(i % 8) }
    return Data(bytes).base64EncodedString()
  }

  /// The first `count` bits of a base64 text; nil if it does not hold just the bytes for them.
  package static func unpack(_ text: String, count: Int) -> [Bool]? {
    guard let bytes = Data(base64Encoded: text).map(Array.init), bytes.count == (count + 7) / 8 else { return nil }
    return (0..<count).map { bytes[$0 / 8] & 0x80 >> UInt8($0 % 8) != 0 }
  }
}

/// Which pairs were taken and which of them are right, by the source's line, for comparing precision, recall and F1.
public struct BuccOutcomes: Sendable, Equatable, Encodable {
  /// A fingerprint of the texts and the gold pairs.
  public var data: String
  /// Lines of the source text.
  public var n: Int
  /// The source line, from 0, of every gold pair, and of every pair that was taken.
  public var gold: [Int], extracted: [Int]
  /// Whether each pair that was taken is right.
  public var correct: [Bool]

  /// One object; `correct` is bits as in `Outcomes`.
  public func encode(to encoder: any Encoder) throws {
    try encoder.add([
      "unit": "source lines", "data": data, "n": n, "gold": gold, "extracted": extracted,
      "correct": Outcomes.pack(correct),
    ])
  }
}

/// Tells whether two results are of the same texts.
struct Fingerprint {
  private var bytes: [UInt8] = []

  /// Appends a piece; where pieces begin and end counts.
  mutating func add(_ piece: [UInt8]) {
    let hash = Hash128(piece.span)
    for word in [hash.low, hash.high] {
      for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
  }

  mutating func add(_ text: EvaluationText) {
    for i in 0..<text.count { add(text.line(i)) }
  }

  /// 16 hexadecimal digits.
  var text: String {
    let digits = String(Hash128(bytes.span).low, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
