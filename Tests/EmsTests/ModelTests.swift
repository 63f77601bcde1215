import Encoder
import Formats
import Foundation
import Index
import TestSupport
import Testing

/// `ems model` run as a user does.
@Suite struct ModelTests {
  let fixtures = "\(repository)/Tests/EncoderTests/Fixtures"

  @Test func versionAndHelp() throws {
    let version = try ems("--version")
    #expect(version.status == 0 && version.output == "0.1.0\n")
    for command in [["--help"], ["encode", "--help"], ["model", "--help"], ["model", "convert", "--help"]] {
      #expect(try Running(command).wait().status == 0)
    }
  }

  @Test func infoForPeopleAndPrograms() throws {
    let workshop = try Workshop(training: true)
    let table = try ems("model", "info", workshop.model)
    #expect(table.status == 0)
    for part in ["hidden size", "36", "300 pieces (bpe)", "float32", "en de el ru ja", "24 tokens"] {
      #expect(table.output.contains(part), "\(table.output)")
    }
    let json = try ems("model", "info", workshop.model, "--json").json()
    #expect(json["parameters"] as? Int == Workshop.configuration.parameterCount)
    #expect(
      json["training_parameters"] as? Int
        == Workshop.configuration.parameterCount(.ems) - Workshop.configuration.parameterCount)
    #expect((json["configuration"] as? [String: Any])?["hidden_size"] as? Int == 36)
    #expect(try ems("model", "verify", workshop.model).status == 0)
  }

  @Test func aCheckpointBecomesAModel() throws {
    let folder = TemporaryFolder()
    let output = folder.file("m")
    func convert(_ options: String...) throws -> Outcome {
      try Running(
        ["model", "convert", "\(fixtures)/bare.pt", "--spm", tinyTokenizer, "--output", output] + options
      ).wait()
    }
    expect(try convert(), failsWith: 64, says: "heads")
    #expect(try folder.list() == [])
    let done = try convert("--heads", "2", "--no-lowercase")
    #expect(done.status == 0, "\(done.error)")
    let model = try ModelFolder(path: output)
    #expect(model.configuration.numAttentionHeads == 2 && !model.configuration.lowercase)
    #expect(try ems("model", "verify", output).status == 0)
    expect(try convert("--heads", "2"), failsWith: 74, says: "exists")
    #expect(try convert("--heads", "2", "--dtype", "float16", "--replace").status == 0)
    #expect(try ModelFolder(path: output).info().elementTypes == [.float16])
    let text = try folder.write("t", "one\ntwo\n")
    let encoded = try ems("encode", text, "--model", output, "--language", "en", "--output", folder.file("x.npy"))
    #expect(encoded.status == 0, "\(encoded.error)")
    #expect(try EmbeddingFile(path: folder.file("x.npy")).rows == 2)
    let malicious = try ems(
      "model", "convert", "\(fixtures)/malicious.pt", "--spm", tinyTokenizer, "--output", folder.file("n"), "--heads",
      "2")
    expect(malicious, failsWith: 65, says: "refused")
    #expect(try folder.list() == ["m", "t", "x.npy"])
  }

  @Test func exportingForEncoding() throws {
    let workshop = try Workshop(training: true)
    let output = workshop.folder.file("small")
    #expect(try ems("model", "export", workshop.model, "--output", output, "--dtype", "float16").status == 0)
    let small = try ModelFolder(path: output)
    #expect(small.heads == .none && small.info().elementTypes == [.float16])
    #expect(try workshop.folder.read("small/README.md") == Array("# Small\n".utf8))
    #expect(try ems("model", "verify", output).status == 0)
    let again = workshop.folder.file("again")
    expect(
      try ems("model", "export", output, "--output", again, "--with-heads"), failsWith: 65, says: "no training tensors")
    #expect(try ems("model", "export", workshop.model, "--output", again, "--with-heads").status == 0)
    #expect(try workshop.folder.read("again/model.safetensors") == workshop.folder.read("model/model.safetensors"))
  }

  @Test func exportingForPython() throws {
    let workshop = try Workshop(training: true)
    let output = workshop.folder.file("st")
    let arguments = ["model", "export", workshop.model, "--format", "sentence-transformers", "--output", output]
    let done = try Running(arguments + ["--json"]).wait()
    #expect(done.status == 0)
    #expect(done.json()["modules"] as? [String] == ["Transformer", "Pooling"] && done.json()["width"] as? Int == 36)
    #expect(try workshop.folder.list("st").contains("modules.json"))
    #expect(try workshop.folder.list("st/1_Pooling") == ["config.json"])
    expect(try Running(arguments).wait(), failsWith: 74, says: "st", "exists and is not empty")
    #expect(try Running(arguments + ["--replace", "--dtype", "float16"]).wait().status == 0)
    expect(try Running(arguments + ["--with-heads"]).wait(), failsWith: 64, says: "--with-heads")
    #expect(try ems("model", "export", workshop.model, "--format", "onnx", "--output", output).status == 64)
    #expect(try workshop.folder.list() == ["model", "st"])
  }

  @Test func quantizing() throws {
    let workshop = try Workshop(training: true)
    let folder = workshop.folder
    let output = folder.file("q")
    let done = try ems("model", "quantize", workshop.model, "--output", output, "--json")
    #expect(done.status == 0, "\(done.error)")
    #expect((done.json()["configuration"] as? [String: Any])?["quantization"] as? String == "int8")
    #expect(try ems("model", "info", output).output.contains("int8 (quantised)"))
    #expect(try ems("model", "verify", output).status == 0)
    let card = String(decoding: try folder.read("q/README.md"), as: UTF8.self)
    #expect(card.hasPrefix("# Small\n") && card.contains("## Quantised"))

    // The rows of the float model computed in whole numbers, however many threads and whatever the batches.
    let text = try workshop.text(300)
    func encode(_ model: String, _ options: String..., environment: [String: String] = [:]) throws -> [UInt8] {
      let outcome = try Running(
        ["encode", text, "--model", model, "--language", "de", "--output", folder.file("x.npy"), "--json"] + options,
        environment: environment
      ).wait()
      #expect(outcome.status == 0, "\(outcome.error)")
      return try folder.read("x.npy")
    }
    let float = try encode(workshop.model)
    #expect(try encode(workshop.model, "--compute", "float32") == float)
    let whole = try encode(output)
    #expect(whole != float)
    #expect(try encode(workshop.model, "--compute", "int8") == whole)
    #expect(try encode(output, "--threads", "5", "--batch-tokens", "31") == whole)
    #expect(try encode(output, "--threads", "1", "--batch-tokens", "1") == whole)
    // Stored whole numbers computed in float32 are near.
    _ = try encode(output, "--compute", "float32")
    let back = try EmbeddingFile(path: folder.file("x.npy")).floats(rows: 0..<300)
    _ = try encode(workshop.model)
    let first = try EmbeddingFile(path: folder.file("x.npy")).floats(rows: 0..<300)
    #expect(back != first)
    for (x, y) in zip(back, first) { #expect(abs(x - y) < 0.2) }

    expect(try ems("model", "quantize", output, "--output", folder.file("r")), failsWith: 64, says: "quantised again")
    expect(try ems("model", "export", output, "--output", folder.file("r")), failsWith: 64, says: "cannot be exported")
    expect(try ems("model", "quantize", workshop.model, "--output", output), failsWith: 74, says: "exists")
    #expect(try ems("model", "quantize", workshop.model, "--output", output, "--replace").status == 0)
    #expect(try ems("encode", text, "--model", output, "--compute", "int4", "--output", "x").status == 64)
    #expect(!(try folder.list().contains("r")))
  }

  @Test func quantizedModelsThatAreDamaged() throws {
    let workshop = try Workshop()
    let folder = workshop.folder
    let output = folder.file("q")
    #expect(try ems("model", "quantize", workshop.model, "--output", output).status == 0)
    let good = try folder.read("q/model.safetensors")
    // -128 is no whole number of these.
    var bytes = good
    bytes[bytes.count - 1] = 0x80
    _ = try folder.write("q/model.safetensors", bytes)
    expect(try ems("model", "verify", output), failsWith: 65, says: "-128")
    // A float model under the configuration of a quantised one, and the other way round.
    _ = try folder.write("q/model.safetensors", folder.read("model/model.safetensors"))
    expect(try ems("model", "info", output), failsWith: 65, says: "_scale", "is missing")
    _ = try folder.write("q/model.safetensors", good)
    _ = try folder.write("q/config.json", folder.read("model/config.json"))
    expect(try ems("model", "info", output), failsWith: 65, says: "integer type I8")
    let text = String(decoding: try folder.read("model/config.json"), as: UTF8.self)
    _ = try folder.write(
      "q/config.json", Array(text.replacing("{\n", with: "{\n \"quantization\": \"int3\",", maxReplacements: 1).utf8))
    expect(try ems("model", "info", output), failsWith: 65, says: "quantization", "int3")
    for cut in stride(from: 1, to: good.count, by: good.count / 20) {
      _ = try folder.write("q/model.safetensors", Array(good.prefix(cut)))
      #expect(try ems("model", "info", output).status == 65)
    }
  }

  @Test func verifyFindsWhatIsNotFinite() throws {
    let workshop = try Workshop()
    var bytes = try workshop.folder.read("model/model.safetensors")
    bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xC0, 0x7F])
    _ = try workshop.folder.write("model/model.safetensors", bytes)
    expect(try ems("model", "verify", workshop.model), failsWith: 65, says: "not a finite number", "element 35")
  }
}
