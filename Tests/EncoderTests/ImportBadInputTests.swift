import Base
import Encoder
import Formats
import Foundation
import TestSupport
import Testing

/// Sources that cannot be imported, each with what is said about it.
@Suite struct ImportBadInputTests {
  let folder = TemporaryFolder()

  /// A copy of a fixture that may be changed.
  func copy(_ family: String, as name: String = "source") throws -> String {
    let path = folder.file(name)
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(atPath: "\(FamilyTests.families)/\(family)", toPath: path)
    return path
  }

  /// Changes keys of a JSON file; NSNull takes one out.
  func change(_ file: String, _ changes: [String: Any]) throws {
    let url = URL(filePath: folder.file("source/\(file)"))
    var values = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
    for (key, value) in changes { values[key] = value is NSNull ? nil : value }
    try JSONSerialization.data(withJSONObject: values).write(to: url)
  }

  func refusal(_ family: String, _ file: String = "config.json", _ changes: [String: Any]) throws -> Failure? {
    let source = try copy(family)
    try change(file, changes)
    return failure { _ = try ModelImport(source) }
  }

  @Test func keysThatAskForMoreAreRefusedByNameAndValue() throws {
    let cases: [(String, [String: Any], [String])] = [
      ("bert", ["position_embedding_type": "relative_key"], ["position_embedding_type", "\"relative_key\""]),
      ("bert", ["position_embedding_type": "rotary"], ["position_embedding_type", "\"rotary\""]),
      ("bert", ["position_embedding_type": "alibi"], ["position_embedding_type", "\"alibi\""]),
      ("bert", ["hidden_act": "geglu"], ["hidden_act", "\"geglu\"", "gelu_new"]),
      ("bert", ["is_decoder": true], ["is_decoder", "true"]),
      ("bert", ["add_cross_attention": true], ["add_cross_attention", "true", "--ignore-key"]),
      ("bert", ["embedding_size": 6], ["embedding_size", "is 6"]),
      ("bert", ["feed_forward_type": "glu"], ["feed_forward_type", "\"glu\""]),
      ("bert", ["attention_window": [512]], ["attention_window", "[512]"]),
      ("bert", ["rope_theta": 10000.5], ["rope_theta", "10000.5"]),
      ("bert", ["auto_map": ["AutoModel": "modeling.Own"]], ["auto_map"]),
      ("bert", ["pruned_heads": ["0": [1]]], ["pruned_heads"]),
      ("bert", ["model_type": "mpnet"], ["model_type", "\"mpnet\"", "xlm-roberta"]),
      ("bert", ["model_type": NSNull()], ["model_type", "missing"]),
      ("bert", ["hidden_size": NSNull()], ["hidden_size", "missing"]),
      ("bert", ["hidden_size": "12"], ["hidden_size", "whole number"]),
      ("bert", ["hidden_size": 11], ["num_attention_heads"]),
      ("bert", ["hidden_size": 1 << 40], ["hidden_size"]),
      ("bert", ["num_hidden_layers": 1 << 40], ["num_hidden_layers"]),
      ("bert", ["num_hidden_layers": -1], ["num_hidden_layers"]),
      ("bert", ["max_position_embeddings": 0], ["max_position_embeddings", "is 0"]),
      ("bert", ["type_vocab_size": 0], ["type_vocab_size", "is 0"]),
      ("bert", ["layer_norm_eps": 2], ["layer_norm_eps"]),
      ("roberta", ["pad_token_id": 20], ["max_position_embeddings", "is 17"]),
      ("m2m_100", ["activation_function": "gelu_quick"], ["activation_function"]),
      ("m2m_100", ["d_model": 9, "encoder_attention_heads": 3], ["d_model", "is 9"]),
      ("distilbert", ["activation": "tanh"], ["activation", "\"tanh\""]),
    ]
    for (family, changes, parts) in cases {
      let found = try refusal(family, "config.json", changes)?.description ?? ""
      for part in parts + ["config.json"] { #expect(found.contains(part), "\(changes): \(found)") }
    }
    // What says that a key changes nothing is believed; what asks for nothing is passed over.
    let source = try copy("bert")
    try change("config.json", ["feed_forward_type": "original", "rope": false, "window": [Int](), "other": ""])
    expect(failure { _ = try ModelImport(source) }, says: "feed_forward_type")
    var options = ModelImport.Options()
    options.ignoredKeys = ["feed_forward_type"]
    _ = try ModelImport(source, options)
  }

  @Test func modulesThatAskForMore() throws {
    let pooling = "1_Pooling/config.json", dense = "2_Dense/config.json"
    let cases: [(String, [String: Any], [String])] = [
      (pooling, ["include_prompt": false], ["include_prompt", "false"]),
      (pooling, ["pooling_mode": "attention"], ["pooling_mode", "\"attention\""]),
      (pooling, ["pooling_mode_cls_token": false, "pooling_mode_mean_tokens": false], ["no way of pooling"]),
      (pooling, ["pooling_mode_other": true], ["pooling_mode_other"]),
      (dense, ["activation_function": "torch.nn.modules.activation.Softmax"], ["activation_function", "Softmax"]),
      (dense, ["in_features": 25], ["in_features", "25", "24"]),
      (dense, ["out_features": 9], ["linear.weight", "[7, 24]", "[9, 24]"]),
      (dense, ["module_input_name": "token_embeddings"], ["module_input_name"]),
      ("sentence_bert_config.json", ["max_seq_length": 0], ["max_seq_length", "is 0"]),
      ("sentence_bert_config.json", ["modality_config": ["image": ["method": "forward"]]], ["modality_config"]),
      ("config_sentence_transformers.json", ["truncate_dim": 5], ["truncate_dim", "5"]),
      ("config_sentence_transformers.json", ["default_prompt_name": "none"], ["default_prompt", "none"]),
      ("config_sentence_transformers.json", ["model_type": "SparseEncoder"], ["model_type"]),
    ]
    for (file, changes, parts) in cases {
      let found = try refusal("bert", file, changes)?.description ?? ""
      for part in parts { #expect(found.contains(part), "\(file) \(changes): \(found)") }
    }
    func modules(_ kinds: [(String, String)]) throws -> Failure? {
      let source = try copy("bert")
      let items = kinds.map { ["type": "sentence_transformers.models.\($0.0)", "path": $0.1] }
      try JSONSerialization.data(withJSONObject: items).write(to: URL(filePath: "\(source)/modules.json"))
      return failure { _ = try ModelImport(source) }
    }
    expect(try modules([("Transformer", "")]), says: "no Pooling")
    expect(try modules([("Transformer", ""), ("LSTM", "1"), ("Pooling", "1_Pooling")]), says: "LSTM", "[1].type")
    expect(
      try modules([("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2"), ("Dense", "2_Dense")]),
      says: "behind a Normalize")
    expect(try modules([("Transformer", "../other"), ("Pooling", "1_Pooling")]), says: "outside the folder")
  }

  @Test func weightsThatDoNotFit() throws {
    let index = "model.safetensors.index.json"
    var source = try copy("bert")
    let second = "\(source)/model-00002-of-00002.safetensors"
    try FileManager.default.removeItem(atPath: second)
    expect(failure { _ = try ModelImport(source) }, says: second, "missing", "index.json")
    source = try copy("bert")
    let whole = try readBytes(second)
    try Data(whole.dropLast(9)).write(to: URL(filePath: second))
    expect(failure { _ = try ModelImport(source) }, says: second)
    // Shards of one another's names.
    source = try copy("bert")
    try FileManager.default.removeItem(atPath: second)
    try FileManager.default.copyItem(atPath: "\(source)/model-00001-of-00002.safetensors", toPath: second)
    expect(failure { _ = try ModelImport(source) }, says: second, "though")
    expect(try refusal("bert", index, ["weight_map": NSNull()]), says: "weight_map", "missing")
    expect(try refusal("bert", index, ["weight_map": ["a": "../../etc/passwd"]]), says: "same folder")
    expect(try refusal("bert", index, ["weight_map": ["a": 3]]), says: "weight_map", "string")
    source = try copy("bert")
    for name in try folder.list("source") where name.hasPrefix("model") {
      try FileManager.default.removeItem(atPath: "\(source)/\(name)")
    }
    expect(failure { _ = try ModelImport(source) }, says: "has no weights", "TensorFlow")

    // Shapes, types, and values.
    func weights(_ change: (inout [(TensorShape, [Float])]) -> Void) throws -> Failure? {
      let source = try copy("m2m_100")
      let path = "\(source)/model.safetensors"
      let file = try SafeTensors(path: path)
      var tensors: [(TensorShape, [Float])] = []
      for entry in file.entries {
        tensors.append((TensorShape(name: entry.name, shape: entry.shape), try file.floats(entry.name)))
      }
      change(&tensors)
      let writer = try SafeTensorsWriter(path: path, tensors: tensors.map(\.0))
      for (_, values) in tensors { try append(values, to: writer) }
      try writer.commit()
      return failure { try ModelImport(source).writeWeights(to: folder.file("w")) }
    }
    expect(
      try weights { t in for i in t.indices where t[i].0.name == "layers.1.fc1.weight" { t[i].0.shape.reverse() } },
      says: "layers.1.fc1.weight", "[12, 10]", "transposed", "[10, 12]")
    expect(try weights { t in t.removeAll { $0.0.name == "layer_norm.bias" } }, says: "layer_norm.bias", "missing")
    expect(
      try weights { t in for i in t.indices where t[i].0.name.hasSuffix("0.fc2.bias") { t[i].1[3] = .nan } },
      says: "layers.0.fc2.bias", "element 3", "finite")
    expect(
      try weights { t in t.append((TensorShape(name: "layers.2.self_attn.q_proj.weight", shape: [1]), [1])) },
      says: "layers.2.self_attn.q_proj.weight", "2 layers")
    expect(
      try weights { t in for i in t.indices { t[i].0.name = "other.\(t[i].0.name)" } }, says: "holds no tensor",
      "other.")
    expect(
      try weights { t in
        let copies = t.map { (TensorShape(name: "encoder.\($0.0.name)", shape: $0.0.shape), $0.1) }
        t += copies
      }, says: "several models")
    expect(
      try refusal("m2m_100", "config.json", ["vocab_size": 27]), says: "embed_tokens.weight", "[26, 12]", "[27, 12]")
  }

  @Test func picklesWithCodeAndOtherFiles() throws {
    var source = try copy("roberta")
    let path = "\(source)/pytorch_model.bin"
    try Data(readBytes(Fixture.path("malicious.pt"))).write(to: URL(filePath: path))
    expect(failure { _ = try ModelImport(source) }, says: path, "refused", "nothing was run")
    try Data(readBytes(Fixture.path("compressed.pt"))).write(to: URL(filePath: path))
    expect(failure { _ = try ModelImport(source) }, says: "compressed")
    expect(failure { _ = try ModelImport(Fixture.path("bare.pt")) }, says: "no dictionary under the key model")
    expect(failure { _ = try ModelImport(folder.file("none")) }, says: "none")
    expect(failure { _ = try ModelImport(Fixture.path("families")) }, says: "no config.json")
    source = try copy("bert")
    for text in ["", "[1]", "{", "{\"hidden_size\": NaN}", String(repeating: "[", count: 100_000)] {
      _ = try folder.write("source/config.json", text)
      expect(failure { _ = try ModelImport(source) }, says: "config.json", "JSON")
    }
  }

  /// Whatever is wrong with a description, it is refused as bad data or imported, and nothing else happens.
  @Test func damagedDescriptions() throws {
    let source = try copy("bert")
    for file in ["config.json", "modules.json", "1_Pooling/config.json", "model.safetensors.index.json"] {
      let bytes = try readBytes("\(source)/\(file)")
      try damagedCopies(of: bytes, prefixes: 29, flips: 60) { copy in
        _ = try folder.write("source/\(file)", copy)
        do throws(Failure) { _ = try ModelImport(source) } catch {
          #expect(error.kind == .badData || error.kind == .missingInput, "\(error)")
        }
      }
      _ = try folder.write("source/\(file)", bytes)
    }
    let laser = try copy("laser2", as: "laser")
    let bytes = try readBytes("\(laser)/laser2.pt")
    try damagedCopies(of: bytes, prefixes: 997, flips: 100) { copy in
      _ = try folder.write("laser/laser2.pt", copy)
      toleratingBadData { try ModelImport(laser).writeWeights(to: folder.file("w")) }
    }
  }
}
