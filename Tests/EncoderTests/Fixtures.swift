import Base
import Encoder
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

/// What `body` fails with.
func failure(_ body: () throws -> Void) -> Failure? { #expect(throws: Failure.self) { try body() } }

/// Whether a failure says all of this.
func expect(_ failure: Failure?, says parts: String..., location: SourceLocation = #_sourceLocation) {
  let text = failure?.description ?? ""
  for part in parts { #expect(text.contains(part), "\(text)", sourceLocation: location) }
}

/// Appends elements. The array has a name because a span of an unnamed one in a loop crashes the 6.3 optimiser.
func append(_ values: [Float], to writer: SafeTensorsWriter) throws(Failure) { try writer.append(values.span) }

/// Runs what may fail on damaged input, but only in the one way that bad data may.
func toleratingBadData(_ body: () throws -> Void) {
  do { try body() } catch { #expect((error as? Failure)?.kind == .badData) }
}

/// Writes a file in a helper that cannot throw; trouble becomes the test's issue.
func written(_ name: String, _ bytes: [UInt8], in folder: TemporaryFolder) -> String {
  do { return try folder.write(name, bytes) } catch {
    Issue.record(error)
    return folder.file(name)
  }
}
