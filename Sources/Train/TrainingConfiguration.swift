import Base
import Corpus
import Encoder
import Foundation
import Kernels
import YAML

/// One corpus to train on: lines `source TAB target`, or sentences alone for a teacher's rows, one a line.
public struct TrainingCorpus: Sendable, Equatable {
  /// The file, relative to the configuration's folder if not absolute.
  public var path: String
  /// The language of the source, or of the sentences.
  public var source: Language
  /// Nil for sentences alone.
  public var target: Language?
  /// How often its pairs are drawn, relative to the others; nil for the corpora's sizes to decide.
  public var weight: Double?
  /// Values of the third column whose lines are left out (origins with another licence, say).
  public var excludedOrigins: [String] = []
  /// The teacher's rows of the targets, or of the sentences alone.
  public var embeddings: TeacherFile?
  /// What the corpus takes part in; nil for all that it can.
  public var objectives: Set<Objective>?

  /// `xx-yy`, or `xx` for sentences alone.
  public var name: String { target.map { "\(source)-\($0)" } ?? source.code }

  /// A corpus with everything said.
  public init(
    path: String, source: Language, target: Language?, weight: Double? = nil, excludedOrigins: [String] = []
  ) {
    self.path = path
    self.source = source
    self.target = target
    self.weight = weight
    self.excludedOrigins = excludedOrigins
  }
}

/// What `ems train` is asked to do: the content of its YAML file.
///
/// Every key has the released recipe's value as its default where the recipe has one (Mao et al. 2024, section IV).
public struct TrainingConfiguration: Sendable, Equatable {
  /// How long to train.
  public enum Length: Sendable, Equatable {
    case steps(Int)
    case epochs(Double)
    /// Turned into steps once the speed of a step is known.
    case minutes(Double)
  }

  /// What decides which checkpoint becomes `best/`.
  public enum Criterion: String, Sendable, CaseIterable { case loss, accuracy }

  /// The file this came from.
  public var file: String
  /// The run folder.
  public var output: String
  /// The model's sizes; vocabulary and languages are filled in from the tokenizer and the data.
  public var model: Configuration
  /// How text is cut into words; nil for as in the initial model, and without one not at all.
  public var pretokenizer: Pretokenizer?
  /// The path of a jieba dictionary for Chinese; nil for that of the initial model, if it has one.
  public var jieba: String?
  /// The languages in the order of the language table; those of the data, sorted, unless the file lists them.
  public var languages: [String]
  /// The sentencepiece.model; the file may name the folder that it is in.
  public var tokenizer: String
  /// A model folder to start from instead of random weights.
  public var initial: String?
  /// A model folder whose rows of the targets are to be followed; nil for none, or where corpora name rows.
  public var teacher: String?
  /// The corpora, at least one.
  public var data: [TrainingCorpus]
  /// p(corpus) ∝ size^exponent: 1 draws by size, 0 all alike. Corpora with a weight are not affected.
  public var samplingExponent = 0.5
  /// Pairs of a batch, whose other members are the negatives.
  public var batchPairs = 152
  /// Batches of `batchPairs` whose gradients are averaged into one step.
  public var accumulationSteps = 1
  /// Batches drawn together and sorted by length before they are cut, so that a batch's sentences are of similar length.
  public var lengthPool = 8
  /// How long to train.
  public var length: Length
  /// The highest learning rate, 0...10.
  public var learningRate: Float = 3e-4
  /// Steps over which the rate rises to it.
  public var warmupSteps = 10_000
  /// L2 decay, at least 0.
  public var weightDecay: Float = 1e-5
  /// Whether the decay is taken off the weights (AdamW) instead of being added to the gradient.
  public var decoupledWeightDecay = false
  /// The largest norm of the gradient; larger ones are scaled down to it. Nil for none.
  public var gradientClip: Float?
  /// The objectives' weights and temperature.
  public var objectives = ObjectiveSettings()
  /// The encoder's dropout.
  public var dropout = DropoutSettings()
  /// The arithmetic of the training's matrix products.
  public var precision = Compute.Precision.float32
  /// Standard deviation of the initial embeddings; matrices start uniform in ±1/sqrt(inputs).
  public var initializerRange: Float = 0.02
  /// Of weights, order and dropout.
  public var seed: UInt64 = 1
  /// Held-out pairs of every corpus (at most a tenth of it), and steps between validations.
  public var validationPairs = 100, validationEvery = 1000
  /// What decides which validation is the best.
  public var bestBy = Criterion.loss
  public var checkpointEvery = 1000, checkpointsKept = 2
  /// Test files (or folders of them) whose sentences must not occur in training.
  public var decontaminate: [String] = []

  /// The files and folders that training reads.
  public var inputs: [String] {
    [tokenizer] + [initial, teacher, jieba].compactMap { $0 } + decontaminate
      + data.flatMap { corpus in
        [corpus.path] + [corpus.embeddings?.rows, corpus.embeddings?.lines].compactMap { $0 }
      }
  }

  /// Reads a YAML file.
  ///
  /// - Throws: `Failure` naming the file and the line: unknown keys (with near matches), wrong types, values out of range,
  ///   files that do not exist.
  public init(path: String) throws(Failure) {
    var reader = try YAMLReader(path: path, what: "the configuration")
    try self.init(&reader, path: path)
    try reader.finish()
  }

  private init(_ reader: inout YAMLReader, path: String) throws(Failure) {
    file = path
    let folder = URL(filePath: path).deletingLastPathComponent()
    func resolve(_ name: String) -> String { name.hasPrefix("/") ? name : folder.appending(path: name).path }
    func existing(_ name: String, _ key: String) throws(Failure) -> String {
      let resolved = resolve(name)
      guard FileManager.default.fileExists(atPath: resolved) else {
        throw Failure(
          .missingInput, resolved, "no such file; \(key) in \(path) names it",
          remedy: "paths are relative to the configuration's folder")
      }
      return resolved
    }

    output = resolve(try reader.required("output").string())
    tokenizer = try existing(reader.required("tokenizer").string(), "tokenizer")
    var isFolder: ObjCBool = false
    if unsafe FileManager.default.fileExists(atPath: tokenizer, isDirectory: &isFolder), isFolder.boolValue {
      tokenizer = try existing(tokenizer + "/\(ModelFolder.File.tokenizer)", "tokenizer")
    }
    if let value = reader.optional("initial") { initial = try existing(value.string(), "initial") }

    var m = try reader.required("model").mapping("model")
    let layers = try m.required("num_hidden_layers").int(0...96)
    // A bag of tokens needs no sizes of layers.
    func ofLayers(_ key: String) throws(Failure) -> YAMLValue? {
      layers == 0 ? m.optional(key) : try m.required(key)
    }
    model = Configuration(
      numHiddenLayers: layers, hiddenSize: try m.required("hidden_size").int(1...16384),
      numAttentionHeads: try ofLayers("num_attention_heads")?.int(1...1024) ?? 1,
      intermediateSize: try ofLayers("intermediate_size")?.int(1...65536) ?? 1,
      vocabSize: try m.optional("vocab_size")?.int(2...1 << 24) ?? 2,
      maxPositionEmbeddings: try m.optional("max_position_embeddings")?.int(1...65536) ?? 120,
      layerNormEps: try m.optional("layer_norm_eps")?.double(1e-20...0.1) ?? 1e-12,
      lowercase: try m.optional("lowercase")?.bool() ?? true,
      languageSize: try m.optional("language_size")?.int(1...16384) ?? 128)
    if let value = m.optional("pooling") { model.pooling = try value.choice("pooling") }
    pretokenizer = try m.optional("pretokenizer")?.choice("pretokenizer")
    jieba = try m.optional("jieba").map { value throws(Failure) in try existing(value.string(), "model.jieba") }
    let declaredVocabulary = m.has("vocab_size")
    let listing = m.optional("languages")
    let listed = try listing?.strings()
    try m.finish()
    if !declaredVocabulary { model.vocabSize = 0 }

    let teacher = try reader.optional("teacher").map { value throws(Failure) in try existing(value.string(), "teacher")
    }
    self.teacher = teacher
    data = []
    for entry in try reader.required("data").sequence() {
      var e = try entry.mapping("an entry of data")
      func language(_ value: YAMLValue) throws(Failure) -> Language {
        do throws(Failure) {
          return try Language(parsing: value.string())
        } catch {
          throw Failure(.badData, path, at: value.place, "\(error.subject): \(error.problem)", remedy: error.remedy)
        }
      }
      func teacherFile(_ value: YAMLValue, _ key: String) throws(Failure) -> TeacherFile {
        guard teacher == nil else {
          throw Failure(
            .badData, path, at: value.place, "\(key) is given, and teacher too",
            remedy: "either name the teacher's rows, or the model that makes them")
        }
        if value.isScalar { return TeacherFile(rows: try existing(value.string(), key)) }
        var file = try value.mapping(key)
        let rows = try existing(file.required("rows").string(), key)
        let lines = try existing(file.required("lines").string(), key)
        try file.finish()
        return TeacherFile(rows: rows, lines: lines)
      }
      let alone = e.optional("language")
      let name = try existing(e.required("path").string(), "data")
      var corpus: TrainingCorpus
      if let alone {
        corpus = TrainingCorpus(path: name, source: try language(alone), target: nil)
        if let value = e.optional("embeddings") { corpus.embeddings = try teacherFile(value, "embeddings") }
        if corpus.embeddings == nil, teacher == nil {
          throw Failure(
            .badData, path, at: entry.place, "is of sentences alone (language), for which only a teacher has a use",
            remedy:
              "name its rows with embeddings, or a teacher for all; a bitext has source_language and target_language")
        }
      } else {
        corpus = TrainingCorpus(
          path: name, source: try language(e.required("source_language")),
          target: try language(e.required("target_language")))
        if let value = e.optional("target_embeddings") {
          corpus.embeddings = try teacherFile(value, "target_embeddings")
        }
        corpus.excludedOrigins = try e.optional("exclude_origins")?.strings() ?? []
        if let value = e.optional("objectives") {
          var members: Set<Objective> = []
          for name in try value.strings() {
            guard let known = Objective(rawValue: name) else {
              throw Failure(
                .badData, path, at: value.place, "objectives are xtr, alignment and distillation, not \(name)")
            }
            members.insert(known)
          }
          guard !members.isEmpty else { throw Failure(.badData, path, at: value.place, "lists no objective") }
          corpus.objectives = members
        }
      }
      corpus.weight = try e.optional("weight")?.double(0...1e9)
      data.append(corpus)
      try e.finish()
    }
    guard !data.isEmpty else { throw Failure(.badData, path, at: "data", "lists no corpus") }
    let used = Set(data.flatMap { [$0.source.code] + ($0.target.map { [$0.code] } ?? []) })
    if let listed {
      var codes: [String] = []
      for code in listed {
        do throws(Failure) {
          codes.append(try Language(parsing: code).code)
        } catch {
          throw Failure(.badData, path, at: listing?.place, "\(error.subject): \(error.problem)", remedy: error.remedy)
        }
      }
      if let missing = used.sorted().first(where: { !codes.contains($0) }) {
        throw Failure(
          .badData, path, at: "data", "uses the language \(missing), which model.languages does not list",
          remedy: "add it to the list, or leave the list out")
      }
      languages = codes
    } else {
      languages = used.sorted()
    }

    if let value = reader.optional("sampling_exponent") { samplingExponent = try value.double(0...1) }
    if let value = reader.optional("batch_pairs") { batchPairs = try value.int(1...1 << 20) }
    if let value = reader.optional("accumulation_steps") { accumulationSteps = try value.int(1...1 << 16) }
    if let value = reader.optional("length_pool") { lengthPool = try value.int(1...4096) }
    let lengths: [(String, YAMLValue?)] = [
      ("steps", reader.optional("steps")), ("epochs", reader.optional("epochs")),
      ("minutes", reader.optional("minutes")),
    ]
    let given = lengths.compactMap { pair in pair.1.map { (pair.0, $0) } }
    guard given.count == 1 else {
      throw Failure(
        .badData, path, "has \(given.isEmpty ? "none" : "more than one") of steps, epochs and minutes",
        remedy: "say with one of them how long to train")
    }
    switch given[0].0 {
    case "steps": length = .steps(try given[0].1.int(1...1 << 40))
    case "epochs": length = .epochs(try given[0].1.double(1e-6...1e6))
    default: length = .minutes(try given[0].1.double(1e-3...1e6))
    }
    if let value = reader.optional("learning_rate") { learningRate = Float(try value.double(0...10)) }
    if let value = reader.optional("warmup_steps") { warmupSteps = try value.int(0...1 << 40) }
    if let value = reader.optional("weight_decay") { weightDecay = Float(try value.double(0...10)) }
    if let value = reader.optional("decoupled_weight_decay") { decoupledWeightDecay = try value.bool() }
    if let value = reader.optional("gradient_clip") { gradientClip = Float(try value.double(1e-6...1e6)) }
    if let value = reader.optional("temperature") { objectives.temperature = Float(try value.double(1e-4...100)) }
    if let value = reader.optional("xtr_weight") { objectives.xtrWeight = Float(try value.double(0...1e4)) }
    if let value = reader.optional("xtr_every") { objectives.xtrEvery = try value.int(1...1 << 20) }
    if let value = reader.optional("alignment_weight") { objectives.alignmentWeight = Float(try value.double(0...1e4)) }
    if let value = reader.optional("negatives") { objectives.negatives = try value.choice("negatives") }
    try readDistillation(&reader, path)
    if let value = reader.optional("mask_duplicates") { objectives.maskDuplicates = try value.bool() }
    if let value = reader.optional("dropout") {
      if value.isScalar {
        let probability = Float(try value.double(0...0.99))
        dropout = DropoutSettings(all: probability)
        objectives.languageDropout = probability
      } else {
        var d = try value.mapping("dropout")
        if let value = d.optional("embedding") { dropout.embedding = Float(try value.double(0...0.99)) }
        if let value = d.optional("attention") { dropout.attention = Float(try value.double(0...0.99)) }
        if let value = d.optional("sub_layer") { dropout.subLayer = Float(try value.double(0...0.99)) }
        if let value = d.optional("token") { dropout.token = Float(try value.double(0...0.99)) }
        if let value = d.optional("language") { objectives.languageDropout = Float(try value.double(0...0.99)) }
        try d.finish()
      }
    }
    if let value = reader.optional("precision") {
      precision = try value.choice("precision")
    }
    if let value = reader.optional("initializer_range") { initializerRange = Float(try value.double(1e-6...10)) }
    if let value = reader.optional("seed") { seed = UInt64(try value.int(0...Int.max)) }
    if let value = reader.optional("validation") {
      var v = try value.mapping("validation")
      if let value = v.optional("pairs") { validationPairs = try value.int(0...1 << 20) }
      if let value = v.optional("every") { validationEvery = try value.int(1...1 << 40) }
      if let value = v.optional("best_by") { bestBy = try value.choice("best_by") }
      try v.finish()
    }
    if let value = reader.optional("checkpoint_every") { checkpointEvery = try value.int(1...1 << 40) }
    if let value = reader.optional("checkpoints_kept") { checkpointsKept = try value.int(1...1 << 20) }
    if let value = reader.optional("decontaminate") {
      for name in try value.strings() { decontaminate.append(try existing(name, "decontaminate")) }
    }
  }

  /// The key `distillation`, and whether it goes with the rest.
  private mutating func readDistillation(_ reader: inout YAMLReader, _ path: String) throws(Failure) {
    guard let value = reader.optional("distillation") else {
      if let teacher {
        throw Failure(
          .badData, path, at: "teacher", "names \(teacher), but distillation is not asked for",
          remedy: "add distillation: {weight: 1}, or leave out the teacher")
      }
      if let corpus = data.first(where: { $0.embeddings != nil }) {
        throw Failure(
          .badData, path, at: "data", "names a teacher's rows for \(corpus.path), but distillation is not asked for",
          remedy: "add distillation: {weight: 1}, or leave out the rows")
      }
      return
    }
    var d = try value.mapping("distillation")
    var settings = DistillationSettings()
    if let value = d.optional("weight") { settings.weight = Float(try value.double(1e-6...1e4)) }
    if let value = d.optional("loss") { settings.loss = try value.choice("loss") }
    if let value = d.optional("sides") { settings.sides = try value.choice("sides") }
    if let value = d.optional("ranking") { settings.ranking = Float(try value.double(0...1)) }
    if let value = d.optional("temperature") { settings.temperature = Float(try value.double(1e-4...100)) }
    if let value = d.optional("head") { settings.head = try value.choice("head") }
    if let value = d.optional("projection") {
      settings.keepsProjection = try value.choice("projection") as ProjectionFate == .keep
    }
    try d.finish()
    objectives.distillation = settings
    guard data.contains(where: { takesPart($0, in: .distillation) }) else {
      throw Failure(
        .badData, path, at: value.place, "no corpus has a teacher's rows",
        remedy: "give corpora target_embeddings, or name a teacher")
    }
    if let corpus = data.first(where: {
      $0.objectives?.contains(.distillation) == true && $0.embeddings == nil && teacher == nil
    }) {
      throw Failure(
        .badData, path, at: "data", "\(corpus.path) is to take part in distillation, but has no rows of a teacher",
        remedy: "give it target_embeddings, or name a teacher")
    }
  }

  private enum ProjectionFate: String, CaseIterable { case keep, drop }

  /// Whether a corpus takes part in an objective, apart from the objectives' weights.
  func takesPart(_ corpus: TrainingCorpus, in objective: Objective) -> Bool {
    if corpus.objectives?.contains(objective) == false { return false }
    switch objective {
    case .xtr, .alignment: return corpus.target != nil
    case .distillation: return objectives.distillation != nil && (corpus.embeddings != nil || teacher != nil)
    }
  }

  /// Everything that a run's numbers depend on, as text: a checkpoint of another value of this is another run's.
  public var fingerprint: String {
    var copy = self
    copy.file = ""
    copy.output = ""
    copy.checkpointEvery = 0
    copy.checkpointsKept = 0
    return "\(copy)"
  }
}
