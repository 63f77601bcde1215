import Base
import Foundation
import TestSupport
import Testing

/// Runs whose bytes are known: a change of the house must not change what comes out.
///
/// The numbers are those of the portable kernels, so that they do not depend on the processor. A change that means to change
/// results says so in the CHANGELOG, and takes the new digest from this test's message.
@Suite struct GoldenRunTests {
  let workshop: Workshop
  let portable = ["EMS_SIMD": "generic"]

  init() throws { workshop = try Workshop() }

  func expect(_ name: String, hasDigest expected: String, location: SourceLocation = #_sourceLocation) throws {
    let bytes = try workshop.folder.read(name)
    let digest = SHA256()
    unsafe digest.add(bytes.span.bytes)
    let found = String(digest.finish().prefix(16))
    #expect(found == expected, "\(name) has the digest \(found)", sourceLocation: location)
  }

  @Test func embeddings() throws {
    let outcome = try ems(
      "encode", try workshop.text(400), "--model", workshop.model, "--language", "de", "--output",
      workshop.folder.file("x.npy"), environment: portable)
    #expect(outcome.status == 0, "\(outcome.error)")
    try expect("x.npy", hasDigest: "2628035a08d1ea09")
  }

  @Test func pairs() throws {
    let lines = Workshop.lines(300).enumerated().map { "\($0) \($1)" }
    let a = try workshop.folder.write("a.txt", lines.map { $0 + "\n" }.joined())
    let b = try workshop.folder.write("b.txt", lines.reversed().map { $0 + " x\n" }.joined())
    let outcome = try ems(
      "mine", a, b, "--model", workshop.model, "--source-language", "de", "--target-language", "en", "--threshold",
      "1.01",
      "--output", workshop.folder.file("pairs.tsv"), environment: portable)
    #expect(outcome.status == 0, "\(outcome.error)")
    try expect("pairs.tsv", hasDigest: "37f11715c7fd35c6")
  }

  @Test func training() throws {
    let texts = Workshop.lines(120).enumerated().map { "\($0) \($1)\t\($1) \($0)\n" }
    _ = try workshop.folder.write("a.tsv", texts.joined())
    let recipe = try workshop.folder.write(
      "recipe.yaml",
      """
      output: run
      tokenizer: \(tinyTokenizer)
      model: {num_hidden_layers: 2, hidden_size: 16, num_attention_heads: 2, intermediate_size: 24, language_size: 8, max_position_embeddings: 20, languages: [en, de, el, ru, ja]}
      data: [{path: a.tsv, source_language: en, target_language: de}]
      steps: 12
      batch_pairs: 8
      length_pool: 3
      warmup_steps: 4
      learning_rate: 0.003
      validation: {pairs: 6, every: 5}
      checkpoint_every: 12

      """)
    let outcome = try ems("train", recipe, "--threads", "2", environment: portable)
    #expect(outcome.status == 0, "\(outcome.error)")
    try expect("run/final/model.safetensors", hasDigest: "4e432614b8dad2f4")
  }
}
