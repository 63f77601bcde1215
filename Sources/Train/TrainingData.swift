import Base
import Corpus
import Encoder
import Foundation
import Kernels

/// The corpora of a run as token ids, the teacher's rows, and how batches are made of them.
final class TrainingData {
  let caches: [TokenCache]
  let teachers: Teachers
  /// Held-out pairs of every corpus that has any, in batches.
  private(set) var validation: [[TrainingBatch]] = []
  /// The held-out pairs' numbers, of every corpus.
  private var reserved: [Set<Int>] = []
  private let configuration: TrainingConfiguration
  private let corpora: [TrainingCorpus]
  /// What each corpus takes part in.
  private let members: [Set<Objective>]
  /// The rows of the language table of each corpus.
  private let languages: [(source: Int32, target: Int32)]
  private let compute: Compute

  /// - Parameters:
  ///   - caches: one a corpus, in the configuration's order
  ///   - compute: for the teacher's rows
  init(_ configuration: TrainingConfiguration, _ caches: [TokenCache], _ teachers: Teachers, on compute: Compute) {
    self.configuration = configuration
    self.caches = caches
    self.teachers = teachers
    self.compute = compute
    corpora = caches.map(\.corpus)
    members = corpora.map { corpus in
      Set(Objective.allCases.filter { configuration.takesPart(corpus, in: $0) })
    }
    func row(_ language: Language?) -> Int32 {
      Int32(language.flatMap { configuration.languages.firstIndex(of: $0.code) } ?? 0)
    }
    languages = corpora.map { (row($0.source), row($0.target)) }
    holdOut()
  }

  /// Reads the corpora of a configuration, or opens what an earlier run has made of them.
  ///
  /// - Parameters:
  ///   - words: what cuts the text into words; nil for nothing
  ///   - folder: the run's cache
  ///   - made: whether another process makes the caches
  static func open(
    _ configuration: TrainingConfiguration, model: Configuration, tokenizer: Tokenizer, words: WordSplitters? = nil,
    folder: String, made: Bool, observer: any TrainingObserver, on compute: Compute, job: Job
  ) throws(Failure) -> TrainingData {
    let forbidden = try ForbiddenSentences(configuration.decontaminate)
    if !forbidden.isEmpty { observer.say("\(forbidden.count) test sentences must not occur in training") }
    var corpora = configuration.data
    if let teacher = configuration.teacher {
      let encoding = TeacherEncoding(
        model: teacher, folder: folder, observer: observer, threads: compute.threads, job: job)
      let wanting = corpora.indices.filter { configuration.takesPart(corpora[$0], in: .distillation) }
      let file = try encoding.rows(of: wanting.map { corpora[$0] }, made: made)
      for i in wanting { corpora[i].embeddings = file }
    }
    let teachers = Teachers(on: compute)
    var caches: [TokenCache] = []
    for corpus in corpora {
      observer.progress("reading \(corpus.path)")
      caches.append(
        try TokenCache.open(
          corpus, tokenizer: tokenizer, configuration: model, words: words, forbidden: forbidden, folder: folder,
          teachers: teachers, threads: compute.threads, made: made))
    }
    for note in words?.missing ?? [] { observer.say(note) }
    let data = TrainingData(configuration, caches, teachers, on: compute)
    var total = PreparationReport()
    for cache in caches { total.add(cache.report) }
    observer.say(
      "\(caches.count) corpora, \(total.lines) lines: \(total.kept) pairs kept (\(total.tokens) tokens), left out: "
        + "\(total.duplicates) duplicates, \(total.contaminated) with a side in the test files, "
        + "\(total.excluded) of excluded origins, \(total.oneSided) one-sided")
    return data
  }

  /// What the numbers of a run depend on.
  var fingerprint: String {
    (teachers.digests + ["data: \(caches.map { "\($0.corpus.path) \($0.digest)" })"]).joined(separator: ", ")
  }

  /// Tokens of a pair, on average.
  var tokensPerPair: Double {
    Double(caches.reduce(0) { $0 + $1.report.tokens }) / Double(max(1, pairs))
  }

  /// Pairs of all corpora.
  var pairs: Int { caches.reduce(0) { $0 + $1.count } }

  /// Draws the run's batches.
  func sampler() -> Sampler {
    // Corpora whose pairs may share a batch have one number.
    var kinds: [[String]] = []
    let numbers = zip(corpora, members).map { corpus, members in
      let kind = [corpus.target == nil ? "alone" : "pairs"] + members.map(\.rawValue).sorted()
      if let known = kinds.firstIndex(of: kind) { return known }
      kinds.append(kind)
      return kinds.count - 1
    }
    let caches = caches
    return Sampler(
      sizes: caches.map(\.count), weights: configuration.data.map(\.weight), exponent: configuration.samplingExponent,
      kinds: numbers, reserved: reserved, seed: configuration.seed, batch: configuration.batchPairs,
      pool: configuration.lengthPool, lengths: { caches[$0].length($1) })
  }

  private func holdOut() {
    for (c, cache) in caches.enumerated() {
      // Sentences alone have no partner to be found.
      let count = corpora[c].target == nil ? 0 : min(configuration.validationPairs, cache.count / 10)
      let order = Permutation(count: cache.count, key: SplitMix64.mix(configuration.seed ^ 0x0a11_da7e))
      let chosen = (0..<count).map { order[$0] }
      reserved.append(Set(chosen))
      if chosen.isEmpty { continue }
      validation.append(
        stride(from: 0, to: count, by: 128).map { start in
          batch(chosen[start..<min(count, start + 128)].map { (c, $0) })
        })
    }
  }

  /// A batch of pairs, all of one kind of corpora.
  func batch(_ pairs: [(corpus: Int, pair: Int)]) -> TrainingBatch {
    let kind = pairs[0].corpus
    var sources: [[Int32]] = [], targets: [[Int32]] = []
    for (corpus, pair) in pairs {
      let (source, target) = caches[corpus].pair(pair)
      sources.append(source)
      targets.append(target)
    }
    let isAlone = corpora[kind].target == nil
    var batch =
      isAlone
      ? TrainingBatch(sentences: sources)
      : TrainingBatch(
        sources: sources, targets: targets, sourceLanguages: pairs.map { languages[$0.corpus].source },
        targetLanguages: pairs.map { languages[$0.corpus].target })
    batch.objectives = members[kind]
    if configuration.objectives.maskDuplicates {
      batch.sourceGroups = groups(sources)
      if !isAlone { batch.targetGroups = groups(targets) }
    }
    if let following = configuration.objectives.distillation, members[kind].contains(.distillation) {
      batch.teacher = teacherRows(pairs, unit: following.loss == .cosine)
    }
    return batch
  }

  private func teacherRows(_ pairs: [(corpus: Int, pair: Int)], unit: Bool) -> Tensor {
    let rows = Tensor(rows: pairs.count, columns: teachers.width ?? 0)
    // Runs of pairs whose rows are in one file.
    var start = 0
    while start < pairs.count {
      let file = corpora[pairs[start].corpus].embeddings
      let end = pairs[start...].firstIndex { corpora[$0.corpus].embeddings != file } ?? pairs.count
      if let file {
        teachers.gather(
          pairs[start..<end].map { caches[$0.corpus].row($0.pair) }, of: file, unit: unit,
          into: rows.rows(start..<end))
      }
      start = end
    }
    return rows
  }

  /// Equal numbers for equal sentences.
  private func groups(_ sentences: [[Int32]]) -> [Int32] {
    var numbers: [[Int32]: Int32] = [:]
    return sentences.map { sentence in
      if let known = numbers[sentence] { return known }
      let next = Int32(numbers.count)
      numbers[sentence] = next
      return next
    }
  }
}

extension PreparationReport {
  mutating func add(_ other: PreparationReport) {
    lines += other.lines
    kept += other.kept
    oneSided += other.oneSided
    duplicates += other.duplicates
    excluded += other.excluded
    contaminated += other.contaminated
    tokens += other.tokens
  }
}
