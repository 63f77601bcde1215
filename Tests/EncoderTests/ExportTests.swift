import Base
import Encoder
import Formats
import Foundation
import TestSupport
import Testing

/// Folders for sentence-transformers. Tests/Oracles/check_export.py holds what Python makes of them against `ems`.
@Suite struct ExportTests {
  let folder = TemporaryFolder()

  /// A model whose every weight says where it is.
  func model(
    _ change: (inout Configuration) -> Void = { _ in }, tokenizer: Tokenizer? = nil, card: String = "# A card\n",
    name: String = "model", weight: ((TensorShape, Int) -> Float)? = nil
  ) throws -> ModelFolder {
    var configuration = Fixture.configuration
    change(&configuration)
    var start: Float = 0
    try ModelFolder.write(
      to: folder.file(name), configuration: configuration, tokenizer: tokenizer ?? Fixture.tokenizer(), card: card
    ) { (shape, writer) throws(Failure) in
      let values = (0..<shape.count).map { weight?(shape, $0) ?? start + Float($0) / 1024 }
      start += 1
      try append(values, to: writer)
    }
    return try ModelFolder(path: folder.file(name))
  }

  func json(_ name: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(folder.read("out/\(name)"))) as? [String: Any])
  }

  /// A tokenizer's settings changed behind SentencePiece's back: fields appended to a message override what is there.
  func tokenizer(trainer: [UInt8] = [], normalizer: [UInt8] = [], pieces: [UInt8] = []) throws -> Tokenizer {
    var model = try Fixture.bytes("tiny.model")
    model += pieces
    if !trainer.isEmpty { model += [0x12, UInt8(trainer.count)] + trainer }
    if !normalizer.isEmpty { model += [0x1A, UInt8(normalizer.count)] + normalizer }
    return try Tokenizer(model: model, name: "changed.model")
  }

  @Test func theFolderIsWhatPythonOpens() throws {
    let model = try model()
    let done = try model.exportForSentenceTransformers(to: folder.file("out"))
    #expect(done.modules == ["Transformer", "Pooling"] && done.width == 8 && done.longest == 10)
    #expect(
      try folder.list("out") == [
        "1_Pooling", "README.md", "config.json", "config_sentence_transformers.json", "model.safetensors",
        "modules.json", "sentence_bert_config.json", "special_tokens_map.json", "tokenizer.json",
        "tokenizer_config.json",
      ])
    #expect(try folder.list() == ["model", "out"])
    let config = try json("config.json")
    #expect(config["model_type"] as? String == "bert" && config["hidden_act"] as? String == "silu")
    #expect(config["max_position_embeddings"] as? Int == 10 && config["type_vocab_size"] as? Int == 1)
    #expect(config["layer_norm_eps"] as? Double == 1e-12 && config["dtype"] as? String == "float32")
    let pooling = try json("1_Pooling/config.json")
    #expect(pooling["pooling_mode_mean_tokens"] as? Bool == true && pooling["word_embedding_dimension"] as? Int == 8)
    let settings = try json("tokenizer_config.json")
    #expect(settings["pad_token"] as? String == "<pad>" && settings["unk_token"] as? String == "<unk>")
    #expect(settings["model_max_length"] as? Int == 10 && settings["split_special_tokens"] as? Bool == true)
  }

  @Test func theWeightsHaveTheNamesOfBERT() throws {
    let model = try model()
    try model.exportForSentenceTransformers(to: folder.file("out"))
    let weights = try SafeTensors(path: folder.file("out/model.safetensors"))
    #expect(weights.entries.count == 5 + 2 * 16 + 2)
    let shapes: [(String, [Int])] = [
      ("embeddings.word_embeddings.weight", [300, 8]), ("embeddings.position_embeddings.weight", [10, 8]),
      ("embeddings.token_type_embeddings.weight", [1, 8]), ("encoder.layer.1.intermediate.dense.weight", [12, 8]),
      ("encoder.layer.1.output.dense.weight", [8, 12]), ("encoder.layer.0.attention.self.key.bias", [8]),
      ("pooler.dense.weight", [8, 8]),
    ]
    for (name, shape) in shapes { #expect(weights[name]?.shape == shape, "\(name)") }
    // Row 0, padding's, is left out.
    let positions = try model.weights.floats(
      "model.bert.embedding.position_embedding.position_embeddings.weight")
    #expect(try weights.floats("embeddings.position_embeddings.weight") == Array(positions.dropFirst(8)))
    #expect(try weights.floats("embeddings.token_type_embeddings.weight").allSatisfy { $0 == 0 })
    for (ours, theirs) in [
      ("attention.self_attention.value.weight", "attention.self.value.weight"),
      ("output.LayerNorm.bias", "output.LayerNorm.bias"),
    ] {
      #expect(
        try weights.floats("encoder.layer.1.\(theirs)") == model.weights.floats("model.bert.encoder.layer.1.\(ours)"))
    }
  }

  @Test func weightsOfPiecesAndALastLayerBecomeModules() throws {
    let model = try model { c in
      c.numHiddenLayers = 0
      c.pooling = .weighted
      c.projectionSize = 6
    } weight: { shape, i in
      shape.name == "model.pooling.weight" ? Float(i % 3) : 0.5
    }
    let done = try model.exportForSentenceTransformers(to: folder.file("out"), type: .float16)
    #expect(done.modules == ["Transformer", "WordWeights", "Pooling", "Dense"] && done.width == 6)
    let list = try JSONSerialization.jsonObject(with: Data(folder.read("out/modules.json"))) as? [[String: Any]]
    #expect(list?.compactMap { $0["path"] as? String } == ["", "1_WordWeights", "2_Pooling", "3_Dense"])
    #expect(list?.last?["type"] as? String == "sentence_transformers.models.Dense")
    let words = try json("1_WordWeights/config.json")
    #expect((words["vocab"] as? [String])?.prefix(2) == ["<pad>", "<unk>"])
    let numbers = try #require(words["word_weights"] as? [String: Double])
    #expect(numbers.count == 300 && numbers["<pad>"] == 1 && abs((numbers["<unk>"] ?? 0) - 2.718281828459045) < 1e-9)
    let dense = try json("3_Dense/config.json")
    #expect(dense["in_features"] as? Int == 8 && dense["out_features"] as? Int == 6)
    #expect(dense["activation_function"] as? String == "torch.nn.modules.linear.Identity")
    let last = try SafeTensors(path: folder.file("out/3_Dense/model.safetensors"))
    #expect(last["linear.weight"]?.shape == [6, 8] && last["linear.weight"]?.type == .float32)
    #expect(try SafeTensors(path: folder.file("out/model.safetensors")).entries.allSatisfy { $0.type == .float16 })
    #expect(try json("config.json")["num_hidden_layers"] as? Int == 0)
  }

  @Test func aBPETokenizerHasItsMerges() throws {
    try model().exportForSentenceTransformers(to: folder.file("out"))
    let whole = try json("tokenizer.json")
    let bpe = try #require(whole["model"] as? [String: Any])
    #expect(bpe["type"] as? String == "BPE" && bpe["fuse_unk"] as? Bool == true)
    let tokenizer = try Fixture.tokenizer()
    let vocabulary = try #require(bpe["vocab"] as? [String: Int])
    #expect(vocabulary.count == 300)
    #expect((0..<300).allSatisfy { vocabulary[tokenizer.piece(Int32($0)) ?? ""] == $0 })
    let merges = try #require(bpe["merges"] as? [[String]])
    #expect(!merges.isEmpty)
    // Every merge makes a piece, in the order of the pieces, which is that of training.
    let made = merges.map { vocabulary[$0.joined()] ?? -1 }
    #expect(made.allSatisfy { $0 > 7 } && made == made.sorted())
    let steps = try #require((whole["normalizer"] as? [String: Any])?["normalizers"] as? [[String: Any]])
    #expect(steps.contains { $0["type"] as? String == "Precompiled" })
    #expect(steps.contains { $0["type"] as? String == "Lowercase" })
  }

  @Test func aUnigramTokenizerHidesWhatNoTextProduces() throws {
    var options = Tokenizer.TrainingOptions(vocabSize: 32)
    options.kind = .unigram
    var lines = (0..<300).map { "ein kleiner satz, der sich \($0 % 7) mal wiederholt" }[...]
    let unigram = try Tokenizer.train(options) { () throws(Failure) in lines.popFirst().map { Array($0.utf8) } }
    let model = try model(
      {
        $0.vocabSize = 32; $0.lowercase = false
      }, tokenizer: unigram)
    try model.exportForSentenceTransformers(to: folder.file("out"))
    let whole = try json("tokenizer.json")
    let pieces = try #require((whole["model"] as? [String: Any])?["vocab"] as? [[Any]])
    #expect(pieces.count == 32 && pieces[1][0] as? String == "<unk>" && (pieces[30][1] as? Double ?? 0) < 0)
    // Capitals are no pieces of this text, so that "<MASK>" can be cut nowhere, and gets a name that no text has.
    #expect((pieces[2][0] as? String)?.unicodeScalars.map(\.value).last == 0xFDD1)
    let before = try #require((whole["pre_tokenizer"] as? [String: Any])?["pretokenizers"] as? [[String: Any]])
    let pattern = (before.first?["pattern"] as? [String: Any])?["Regex"] as? String ?? ""
    // A cut inside "<pad>" touches no other piece.
    #expect(before.count == 2 && pattern.contains("(?="))
    let steps = try #require((whole["normalizer"] as? [String: Any])?["normalizers"] as? [[String: Any]])
    #expect(!steps.contains { $0["type"] as? String == "Lowercase" })
  }

  @Test func whatCannotBeExpressedIsRefusedBeforeAnythingIsWritten() throws {
    let cases: [(String, Tokenizer)] = [
      // Field 24 of the trainer's settings; 5 and 1 of the normaliser's.
      ("treat_whitespace_as_suffix", try tokenizer(trainer: [0xC0, 0x01, 1])),
      ("escape_whitespaces", try tokenizer(normalizer: [0x28, 0])),
      ("normalizer_spec.name", try tokenizer(normalizer: [0x0A, 2, 0x6D, 0x79])),
    ]
    for (i, (key, tokenizer)) in cases.enumerated() {
      let changed = try model(tokenizer: tokenizer, name: "changed\(i)")
      expect(failure { try changed.exportForSentenceTransformers(to: folder.file("out")) }, says: key, "format ems")
    }
    // A piece of the user's, "zzz": type 4.
    let more = try tokenizer(pieces: [0x0A, 7, 0x0A, 3, 0x7A, 0x7A, 0x7A, 0x18, 4])
    let user = try model({ $0.vocabSize = 301 }, tokenizer: more, name: "user")
    expect(
      failure { try user.exportForSentenceTransformers(to: folder.file("out")) }, says: "piece 300", "user-defined")
    let other = try model({ $0.layout = EncoderLayout(family: .bert) }, name: "other")
    expect(failure { try other.exportForSentenceTransformers(to: folder.file("out")) }, says: "encoder.family", "bert")
    let wide = try model({ $0.pooling = .weighted }, name: "wide") { shape, i in
      shape.name == "model.pooling.weight" ? Float(i) : 0.5
    }
    expect(
      failure { try wide.exportForSentenceTransformers(to: folder.file("out")) }, says: "model.pooling.weight", "299")
    #expect(try !folder.list().contains("out"))
    let broken = try model(name: "broken") { shape, i in i == 3 ? .nan : 0.5 }
    expect(failure { try broken.exportForSentenceTransformers(to: folder.file("out")) }, says: "not a finite number")
    #expect(try folder.list().allSatisfy { !$0.hasPrefix("out") })
  }

  @Test func aFolderIsReplacedOnRequestAndOnlyByItsKind() throws {
    let model = try model()
    try model.exportForSentenceTransformers(to: folder.file("out"))
    let first = try folder.read("out/tokenizer.json")
    expect(failure { try model.exportForSentenceTransformers(to: folder.file("out")) }, says: "exists and is not empty")
    try model.exportForSentenceTransformers(to: folder.file("out"), replace: true)
    #expect(try folder.read("out/tokenizer.json") == first)
    _ = try folder.write("out/1_Pooling/mine", "x")
    expect(
      failure { try model.exportForSentenceTransformers(to: folder.file("out"), replace: true) },
      says: "1_Pooling/mine", "not replaced")
    expect(
      failure { try model.exportForSentenceTransformers(to: model.path, replace: true) }, says: "does not belong there")
    #expect(try folder.list() == ["model", "out"])
  }

  @Test func theCardTellsTheHubWhatItIs() throws {
    let card = """
      ---
      license: mit
      library_name: ems
      tags:
      - bitext-mining
      - sentence-similarity
      language: [en, "no"]
      model-index:
      - name: x
      ---
      # A model

      Of some use.
      """
    try model(card: card).exportForSentenceTransformers(to: folder.file("out"))
    let text = String(decoding: try folder.read("out/README.md"), as: UTF8.self)
    #expect(
      text.hasPrefix(
        """
        ---
        library_name: sentence-transformers
        pipeline_tag: sentence-similarity
        tags: [sentence-transformers, sentence-similarity, feature-extraction, bitext-mining]
        language: [en, "no"]
        license: mit
        model-index:
        - name: x
        ---
        # A model

        Of some use.

        ## Use with sentence-transformers
        """))
    #expect(text.contains("SentenceTransformer("))
    let plain = try model(card: "", name: "plain")
    try plain.exportForSentenceTransformers(to: folder.file("out"), replace: true)
    let made = String(decoding: try folder.read("out/README.md"), as: UTF8.self)
    #expect(made.contains("language: [en, de, el, ru, ja]\n---\n# A multilingual sentence encoder"))
  }
}
