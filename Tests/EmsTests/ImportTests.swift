import Base
import Encoder
import Formats
import Foundation
import TestSupport
import Testing

/// `ems model import`, and what the other commands do with what it writes.
@Suite struct ImportTests {
  let folder = TemporaryFolder()
  var source: String { folder.file("hub") }

  /// A BERT of random weights as the Hub has it, with the tests' tokenizer beside it.
  init() throws {
    try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
    _ = try folder.write(
      "hub/config.json",
      """
      {"model_type": "bert", "hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, \
      "intermediate_size": 20, "vocab_size": 300, "max_position_embeddings": 30, "hidden_act": "gelu"}
      """)
    _ = try folder.write(
      "hub/config_sentence_transformers.json",
      """
      {"prompts": {"query": "the query ", "passage": ""}, "default_prompt_name": "passage"}
      """)
    _ = try folder.write("hub/README.md", "---\nlicense: mit\n---\n# Small\n")
    _ = try folder.write("hub/sentencepiece.model", readBytes(tinyTokenizer))
    let d = 24, f = 20
    var shapes = [
      ("embeddings.word_embeddings.weight", [300, d]), ("embeddings.position_embeddings.weight", [30, d]),
      ("embeddings.token_type_embeddings.weight", [2, d]),
    ]
    func linear(_ name: String, _ outputs: Int, _ inputs: Int) {
      shapes += [("\(name).weight", [outputs, inputs]), ("\(name).bias", [outputs])]
    }
    for name in ["embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"] {
      shapes += [("\(name).LayerNorm.weight", [d]), ("\(name).LayerNorm.bias", [d])]
    }
    for name in ["self.query", "self.key", "self.value", "output.dense"] {
      linear("encoder.layer.0.attention.\(name)", d, d)
    }
    linear("encoder.layer.0.intermediate.dense", f, d)
    linear("encoder.layer.0.output.dense", d, f)
    linear("pooler.dense", d, d)
    var random = SplitMix(seed: 5)
    let tensors = shapes.map { TensorShape(name: $0.0, shape: $0.1) }
    let writer = try SafeTensorsWriter(path: "\(source)/model.safetensors", tensors: tensors)
    for tensor in tensors {
      let values = (0..<tensor.count).map { _ in Float.random(in: -0.5...0.5, using: &random) }
      try append(values, to: writer)
    }
    try writer.commit()
  }

  @Test func anImportedModelIsTakenEverywhere() throws {
    let model = folder.file("m")
    let done = try ems("model", "import", source, "--output", model)
    #expect(done.status == 0, "\(done.error)")
    for part in ["note: ", "no modules.json", "--pooling", "bert, 1 layers of 24", "pooler.dense.weight"] {
      #expect(done.error.contains(part), "\(done.error)")
    }
    expect(try ems("model", "import", source, "--output", model), failsWith: 74, says: "exists")
    let info = try ems("model", "info", model)
    for part in [
      "bert", "gelu", "pooling", "mean", "licence", "mit", "query: \"the query \"", "passage: \"\", the default",
    ] {
      #expect(info.output.contains(part), "\(info.output)")
    }
    #expect(try ems("model", "verify", model).status == 0)

    // No language is asked for; the prompt is as if it stood in the text.
    let text = try folder.write("t", "the sea\nDas Haus\n\n")
    let prompted = try folder.write("p", "the query the sea\nthe query Das Haus\nthe query \n")
    func rows(_ input: String, _ options: String...) throws -> [UInt8] {
      let output = folder.file("x.npy")
      let outcome = try Running(["encode", input, "--model", model, "--output", output] + options).wait()
      #expect(outcome.status == 0, "\(outcome.error)")
      return try readBytes(output)
    }
    #expect(try rows(text, "--prompt", "query") == rows(prompted))
    #expect(try rows(text) == rows(text, "--prompt", "passage", "--threads", "1", "--batch-tokens", "1"))
    #expect(try rows(text) != rows(prompted))
    expect(
      try ems("encode", text, "--model", model, "--output", folder.file("y.npy"), "--prompt", "none"), failsWith: 64,
      says: "no prompt \"none\"", "passage, query")

    let a = try folder.write("a", Workshop.lines(60).map { $0 + "\n" }.joined())
    let mined = try ems("mine", a, a, "--model", model, "--output", folder.file("pairs.tsv"), "--json")
    #expect(mined.status == 0, "\(mined.error)")
    let scored = try ems("score", a, a, "--model", model, "--output", folder.file("scores.tsv"), "--prompt", "query")
    #expect(scored.status == 0, "\(scored.error)")
    let whole = try folder.write("w", "the sea\nDas Haus\n")
    let retrieved = try ems("evaluate", "retrieval", whole, whole, "--model", model, "--prompt", "query")
    #expect(retrieved.status == 0, "\(retrieved.error)")
    let planned = try ems("plan", "--source-lines", "1000", "--target-lines", "1000", "--model", model)
    #expect(planned.status == 0, "\(planned.error)")
    expect(
      try ems("mine", a, a, "--model", model, "--output", folder.file("n.tsv"), "--check-language"), failsWith: 64,
      says: "--source-language")
  }

  @Test func anEMSModelStillAsksForTheLanguage() throws {
    let workshop = try Workshop()
    let text = try workshop.text(3)
    expect(
      try ems("encode", text, "--model", workshop.model, "--output", workshop.folder.file("x.npy")), failsWith: 64,
      says: "--language", "needed")
    expect(
      try ems("mine", text, text, "--model", workshop.model, "--output", workshop.folder.file("p.tsv")), failsWith: 64,
      says: "--source-language", "needed")
    expect(
      try workshop.encode(text, "--prompt", "query"), failsWith: 64, says: "no prompt", "leave --prompt out")
  }

  @Test func whatIsAskedForOnTheCommandLine() throws {
    let first = folder.file("first"), half = folder.file("half")
    #expect(try ems("model", "import", source, "--output", first, "--pooling", "cls", "--quiet").status == 0)
    let json = try ems("model", "import", source, "--output", half, "--dtype", "float16", "--json").json()
    #expect(json["element_types"] as? [String] == ["F16"])
    #expect(try ModelFolder(path: first).configuration.layout.poolings == [.cls])
    #expect(try ems("model", "import", source, "--output", first, "--replace", "--quiet").status == 0)
    #expect(try ModelFolder(path: first).configuration.layout.poolings == [.mean])
    expect(
      try ems("model", "import", source, "--output", folder.file("x"), "--pooling", "sum"), failsWith: 64,
      says: "pooling")
    // A setting that is not known, refused before the weights are read, and believed to be harmless.
    let config = String(decoding: try folder.read("hub/config.json"), as: UTF8.self)
    _ = try folder.write(
      "hub/config.json", config.replacing("{\"model_type\"", with: "{\"attention_window\": 3, \"model_type\""))
    expect(
      try ems("model", "import", source, "--output", folder.file("x")), failsWith: 65, says: "attention_window",
      "is 3", "--ignore-key attention_window")
    let believed = try ems(
      "model", "import", source, "--output", folder.file("x"), "--ignore-key", "attention_window", "--quiet")
    #expect(believed.status == 0, "\(believed.error)")
    // Another model's tokenizer, no tokenizer; and nothing is left behind.
    _ = try folder.write("hub/config.json", config.replacing("\"vocab_size\": 300", with: "\"vocab_size\": 299"))
    expect(try ems("model", "import", source, "--output", folder.file("z")), failsWith: 65, says: "[299, 24]")
    _ = try folder.write("hub/config.json", config)
    try FileManager.default.removeItem(atPath: "\(source)/sentencepiece.model")
    expect(try ems("model", "import", source, "--output", folder.file("z")), failsWith: 66, says: "has no tokenizer")
    #expect(try folder.list() == ["first", "half", "hub", "x"])
  }

  /// An import that is killed leaves nothing under the final name.
  @Test func killedHalfWay() throws {
    for delay in [0.0, 0.005, 0.02] {
      let running = try Running(["model", "import", source, "--output", folder.file("k")])
      Thread.sleep(forTimeInterval: delay)
      kill(running.process.processIdentifier, SIGKILL)
      _ = try running.wait()
      if try folder.list().contains("k") { _ = try ModelFolder(path: folder.file("k")) }
      let again = try ems("model", "import", source, "--output", folder.file("k"), "--replace", "--quiet")
      #expect(again.status == 0, "\(again.error)")
      try FileManager.default.removeItem(atPath: folder.file("k"))
    }
  }
}
