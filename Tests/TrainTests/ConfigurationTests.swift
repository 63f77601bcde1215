import Base
import Foundation
import TestSupport
import Testing
import Train

@Suite struct TrainingConfigurationTests {
  let place: Workplace
  init() throws { place = try Workplace() }

  func read(_ changes: [String: String?]) throws -> TrainingConfiguration {
    try TrainingConfiguration(path: place.configuration("run", changes))
  }

  @Test func everyKey() throws {
    let test = try place.folder.write("t.txt", "x\n")
    let c = try read([
      "batch_pairs": "1_000", "accumulation_steps": "3", "length_pool": "5", "sampling_exponent": "0.25",
      "learning_rate": "1e-3", "warmup_steps": "7", "weight_decay": "0.5", "decoupled_weight_decay": "true",
      "gradient_clip": "2", "temperature": "0.2", "xtr_weight": "3", "xtr_every": "4", "alignment_weight": "5",
      "mask_duplicates": "true", "dropout": "{embedding: 0.1, attention: 0.2, sub_layer: 0.3, language: 0.4}",
      "initializer_range": "0.5", "seed": "99", "validation": "{pairs: 3, every: 4, best_by: accuracy}",
      "checkpoint_every": "8", "checkpoints_kept": "9", "decontaminate": "[t.txt]",
      "data":
        "[{path: a.tsv, source_language: eng, target_language: deu_Latn, weight: 2, exclude_origins: [x, y]}]",
      "model":
        "{num_hidden_layers: 2, hidden_size: 16, num_attention_heads: 4, intermediate_size: 24, vocab_size: 300, max_position_embeddings: 20, layer_norm_eps: 1e-6, lowercase: false, language_size: 8, languages: [fr, de, en]}",
    ])
    #expect(c.output == place.folder.file("run") && c.tokenizer == Workplace.tokenizerPath)
    #expect(c.batchPairs == 1000 && c.accumulationSteps == 3 && c.lengthPool == 5 && c.samplingExponent == 0.25)
    #expect(c.learningRate == 1e-3 && c.warmupSteps == 7 && c.weightDecay == 0.5 && c.decoupledWeightDecay)
    #expect(c.gradientClip == 2 && c.objectives.temperature == 0.2 && c.objectives.xtrWeight == 3)
    #expect(c.objectives.xtrEvery == 4 && c.objectives.alignmentWeight == 5 && c.objectives.maskDuplicates)
    #expect(c.dropout.embedding == 0.1 && c.dropout.attention == 0.2 && c.dropout.subLayer == 0.3)
    #expect(c.objectives.languageDropout == 0.4 && c.initializerRange == 0.5 && c.seed == 99)
    #expect(c.validationPairs == 3 && c.validationEvery == 4 && c.bestBy == .accuracy)
    #expect(c.checkpointEvery == 8 && c.checkpointsKept == 9 && c.decontaminate == [test])
    #expect(c.length == .steps(10))
    #expect(c.data.count == 1 && c.data[0].path == place.folder.file("a.tsv") && c.data[0].weight == 2)
    #expect(c.data[0].source.code == "en" && c.data[0].target?.code == "de" && c.data[0].excludedOrigins == ["x", "y"])
    #expect(c.model.numAttentionHeads == 4 && c.model.vocabSize == 300 && c.model.layerNormEps == 1e-6)
    #expect(!c.model.lowercase && c.model.maxPositionEmbeddings == 20 && c.languages == ["fr", "de", "en"])
  }

  @Test func defaultsAreTheReleasedRecipe() throws {
    let c = try read([
      "batch_pairs": nil, "length_pool": nil, "warmup_steps": nil, "learning_rate": nil, "validation": nil,
      "checkpoint_every": nil, "mask_duplicates": nil, "steps": nil, "minutes": "1.5",
      "model": "{num_hidden_layers: 2, hidden_size: 16, num_attention_heads: 2, intermediate_size: 24}",
    ])
    #expect(c.batchPairs == 152 && c.learningRate == 3e-4 && c.warmupSteps == 10_000 && c.weightDecay == 1e-5)
    #expect(c.objectives == ObjectiveSettings() && c.dropout == DropoutSettings() && c.gradientClip == nil)
    #expect(c.objectives.temperature == 0.1 && c.objectives.alignmentWeight == 2 && c.dropout.attention == 0.1)
    #expect(c.length == .minutes(1.5) && c.languages == ["de", "en"] && !c.decoupledWeightDecay)
    #expect(try read(["steps": nil, "epochs": "2"]).length == .epochs(2))
    #expect(try read(["dropout": "0.25"]).objectives.languageDropout == 0.25)
  }

  @Test(arguments: [
    ("learning_rat", "1", ["no key learning_rat", "learning_rate", "line "]), ("stepz", "1", ["stepz", "steps"]),
    ("xyzzy", "1", ["xyzzy", "batch_pairs"]),
    ("batch_pairs", "many", ["batch_pairs", "\"many\"", "whole number", "line "]),
    ("batch_pairs", "0", ["batch_pairs", "from 1 to"]), ("batch_pairs", "1.5", ["whole number"]),
    ("batch_pairs", "[1]", ["a list", "whole number"]), ("learning_rate", "fast", ["learning_rate", "a number"]),
    ("learning_rate", "-1", ["learning_rate", "from 0"]), ("learning_rate", "nan", ["learning_rate"]),
    ("temperature", "0", ["temperature"]), ("dropout", "1", ["dropout", "0.99"]),
    ("dropout", "{atention: 0.1}", ["atention", "attention"]), ("mask_duplicates", "yes", ["true or false"]),
    ("validation", "{pairs: -1}", ["pairs"]), ("validation", "{best_by: luck}", ["loss or accuracy", "line "]),
    ("validation", "3", ["mapping"]), ("epochs", "3", ["more than one of steps, epochs and minutes"]),
    ("tokenizer", "none.model", ["none.model", "tokenizer"]), ("decontaminate", "[none.txt]", ["none.txt"]),
    ("decontaminate", "none.txt", ["a list"]), ("initial", "none", ["none", "initial"]), ("data", "[]", ["no corpus"]),
    ("data", "[{path: none.tsv, source_language: en, target_language: de}]", ["none.tsv"]),
    ("data", "[{path: a.tsv, source_language: en}]", ["target_language"]),
    ("data", "[{path: a.tsv, source_language: en, target_language: klingonese}]", ["klingonese", "line "]),
    ("data", "[{path: a.tsv, source_language: en, target_language: de, wait: 1}]", ["wait"]),
    ("model", "{hidden_size: 16}", ["num_hidden_layers"]), ("model", "3", ["mapping"]), ("seed", "-1", ["seed"]),
    (
      "model",
      "{num_hidden_layers: 2, hidden_size: 16, num_attention_heads: 2, intermediate_size: 24, languages: [en, fr]}",
      ["language de", "model.languages"]
    ),
    (
      "model",
      "{num_hidden_layers: 2, hidden_size: 16, num_attention_heads: 2, intermediate_size: 24, languages: [en, qq-q]}",
      ["run.yaml", "qq-q"]
    ),
  ])
  func mistakesAreNamed(key: String, value: String, says: [String]) throws {
    let problem = failure { _ = try read([key: value]) }
    for part in says { expect(problem, says: part) }
    #expect(problem?.kind == .badData || problem?.kind == .missingInput)
  }

  @Test func missingAndBrokenFiles() throws {
    for key in ["output", "tokenizer", "model", "data"] {
      expect(failure { _ = try read([key: nil]) }, says: "run.yaml", "lacks the key \(key)")
    }
    expect(failure { _ = try read(["steps": nil]) }, says: "none of steps, epochs and minutes")
    let missing = failure { _ = try TrainingConfiguration(path: place.folder.file("none.yaml")) }
    #expect(missing?.kind == .missingInput)
    for (text, part) in [("", "is empty"), ("a: [", "not YAML"), ("- 1\n", "mapping"), ("seed: 1\nseed: 2\n", "seed")] {
      let path = try place.folder.write("x.yaml", text)
      expect(failure { _ = try TrainingConfiguration(path: path) }, says: "x.yaml", part)
    }
    let path = try place.folder.write("x.yaml", [0xFF, 0xFE, 0x80])
    expect(failure { _ = try TrainingConfiguration(path: path) }, says: "x.yaml")
  }

  @Test func damagedFilesFailOrRead() throws {
    let whole = try readBytes(place.configuration())
    try damagedCopies(of: whole, prefixes: 7, flips: 400) { bytes in
      let path = try place.folder.write("x.yaml", bytes)
      do { _ = try TrainingConfiguration(path: path) } catch { #expect(error is Failure) }
    }
  }

  @Test func modelsThatDoNotFitTheirTokenizer() throws {
    let model =
      "{num_hidden_layers: 2, hidden_size: 16, num_attention_heads: 3, intermediate_size: 24, vocab_size: 301}"
    expect(failure { try place.train(place.configuration("run", ["model": model])) }, says: "vocab_size", "301")
    let heads = model.replacing("301", with: "300")
    expect(failure { try place.train(place.configuration("run", ["model": heads])) }, says: "num_attention_heads")
  }
}
