import Base
import Encoder
import Formats
import TestSupport
import Testing

/// The files of Fixtures/, made by Oracles/make_fixtures.py.
enum Fixture {
  static func path(_ name: String) -> String {
    // This file's folder; resources would need Foundation to be found.
    let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    return "\(folder)/Fixtures/\(name)"
  }

  static func bytes(_ name: String) throws -> [UInt8] { try readBytes(path(name)) }

  static func tokenizer() throws -> Tokenizer { try Tokenizer(path: path("tiny.model")) }

  /// A small configuration that goes with the small tokenizer.
  static let configuration = Configuration(
    numHiddenLayers: 2, hiddenSize: 8, numAttentionHeads: 2, intermediateSize: 12, vocabSize: 300,
    maxPositionEmbeddings: 10, languageSize: 4, languages: ["en", "de", "el", "ru", "ja"])
}

/// Appends elements. The array has a name because a span of an unnamed one in a loop crashes the 6.3 optimiser.
func append(_ values: [Float], to writer: SafeTensorsWriter) throws(Failure) { try writer.append(values.span) }
