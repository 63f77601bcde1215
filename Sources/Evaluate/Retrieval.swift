import Base
import Corpus
import Index
import Report

/// The figures of two aligned texts.
public struct RetrievalResult: EvaluationResult {
  /// The names of the two sides.
  public var source: String, target: String
  /// The accuracies.
  public var scores: AlignedScores
  /// The margin that was used.
  public var options: MarginOptions
  /// Whether the error rate is what was asked for.
  public var asErrors: Bool
  var found: [(row: Int, score: Double, right: Bool)]

  /// One flat object: the fields of `AlignedScores`, the names of the sides and the margin.
  public func encode(to encoder: any Encoder) throws {
    try scores.encode(to: encoder)
    try encoder.add(["source": source, "target": target, "k": options.k, "margin": options.margin])
  }

  /// The mean accuracy by cosine, or the error rate.
  public var headlines: [(name: String, value: Double)] {
    asErrors ? [("xsim error", 1 - scores.margin.mean)] : [("accuracy", scores.cosine.mean)]
  }

  /// The heading.
  public var title: String {
    (asErrors ? "xsim, " : "Retrieval, ") + "\(headingNames(source, target)), \(scores.n) lines"
  }

  /// The accuracies or error rates of all variants.
  public var sections: [ReportSection] {
    var table = ReportTable(
      asErrors ? "Error rates in percent" : "Accuracy in percent",
      [("", .text), ("forward", .percent), ("backward", .percent), ("mean", .percent)])
    func add(_ name: String, _ values: AlignedScores.Directions?) {
      guard let v = values else { return }
      let all = [v.forward, v.backward, v.mean].map { asErrors ? 1 - $0 : $0 }
      table.rows.append([.text(name)] + all.map { .value($0) })
    }
    let margin = "\(options.margin.rawValue) margin, k \(options.k)"
    if asErrors {
      add(margin, scores.margin)
      add(margin + ", by text", scores.marginText)
      add("cosine", scores.cosine)
      add("cosine, by text", scores.cosineText)
    } else {
      add("cosine", scores.cosine)
      add("cosine, by text", scores.cosineText)
      add(margin, scores.margin)
      add(margin + ", by text", scores.marginText)
      table.footer.append([
        .text("xsim error rate"), .value(1 - scores.margin.forward), .value(1 - scores.margin.backward),
        .value(1 - scores.margin.mean),
      ])
    }
    var sections: [ReportSection] = [.table(table)]
    if let bins = ScoreBins(
      right: found.filter(\.right).map(\.score), wrong: found.filter { !$0.right }.map(\.score))
    {
      sections.append(.histogram(title: "Margin of what was found for each line", bins, threshold: nil))
    }
    return sections
  }
}

/// The figures of every language with every other one in a folder of texts that are all aligned by line.
public struct MatrixResult: EvaluationResult {
  /// The codes of the languages; rows and columns of the matrices.
  public var languages: [String]
  /// Lines of each text.
  public var n: Int
  /// By cosine and index: `accuracy[i][j]` is the share of lines of language i whose partner in j is found; nil where i = j.
  public var accuracy: [[Double?]]
  /// xsim's error rate from i to j; nil where i = j.
  public var xsimError: [[Double?]]
  /// By the code: into English and out of English; empty without English. In both, forward is into English.
  public var english: [String: AlignedScores]
  /// Means over all directions.
  public var mean: Double, xsimMean: Double
  /// Seconds of it all.
  public var seconds: Double
  /// The margin that was used.
  public var options: MarginOptions

  /// One object; the diagonals of the matrices are null.
  public func encode(to encoder: any Encoder) throws {
    let means = AlignedScores.mean(english.keys.sorted().compactMap { english[$0] })
    try encoder.add([
      "languages": languages, "n": n, "accuracy": accuracy, "xsim_error": xsimError, "mean": mean,
      "xsim_error_mean": xsimMean, "english": english, "to_english_mean": means?.cosine.forward,
      "from_english_mean": means?.cosine.backward, "k": options.k, "margin": options.margin, "seconds": seconds,
    ])
  }

  /// The means over all pairs of languages.
  public var headlines: [(name: String, value: Double)] {
    [("accuracy", mean), ("xsim error", xsimMean)]
  }

  /// The heading.
  public var title: String { "Retrieval, \(languages.count) languages x \(n) lines" }

  /// The matrix, means by language, and the pairs with English.
  public var sections: [ReportSection] {
    var matrix = ReportTable(
      "Accuracy in percent by cosine and index, from the row's language to the column's",
      [("", .text)] + languages.map { ($0, .percent) } + [("mean", .percent)])
    matrix.marked = (languages.count + 1, true)
    let means = accuracy.map { row in
      let known = row.compactMap { $0 }
      return known.reduce(0, +) / Double(max(known.count, 1))
    }
    let order = languages.indices.sorted { (means[$1], languages[$0]) < (means[$0], languages[$1]) }
    for i in order {
      matrix.rows.append([.text(languages[i])] + accuracy[i].map { .value($0) } + [.value(means[i])])
    }
    var sections: [ReportSection] = [.table(matrix)]
    if !english.isEmpty {
      var table = ReportTable(
        "With English, in percent",
        [
          ("language", .text), ("xxx>eng", .percent), ("eng>xxx", .percent), ("mean", .percent), ("margin", .percent),
          ("xsim error", .percent),
        ])
      table.marked = (3, true)
      func cells(_ s: AlignedScores) -> [ReportTable.Cell] {
        [s.cosine.forward, s.cosine.backward, s.cosine.mean, s.margin.mean, s.xsimError].map { .value($0) }
      }
      let sorted = english.sorted { ($1.value.cosine.mean, $0.key) < ($0.value.cosine.mean, $1.key) }
      for (code, scores) in sorted { table.rows.append([.text(code)] + cells(scores)) }
      if let mean = AlignedScores.mean(sorted.map(\.value)) { table.footer.append([.text("mean")] + cells(mean)) }
      sections.append(.table(table))
      sections.append(
        .bars(title: "With English, mean of both directions", bars: sorted.map { ($0.key, $0.value.cosine.mean, true) })
      )
    }
    return sections
  }
}

extension Evaluator {
  /// Accuracies of two texts that are aligned by line.
  ///
  /// - Parameters:
  ///   - source, target: the texts; nil where only embeddings are known.
  ///   - sourceEmbeddings, targetEmbeddings: `.npy` files made before; nil to encode.
  ///   - languages: those of the texts, for a model that must know them.
  ///   - asErrors: whether people shall be shown error rates (xsim).
  /// - Throws: `Failure` for unequal lengths, lines without a sentence, and a side with neither text nor embeddings.
  public func retrieval(
    source: String?, target: String?, sourceEmbeddings: String? = nil, targetEmbeddings: String? = nil,
    languages: TextLanguages = TextLanguages(), asErrors: Bool = false, _ options: MarginOptions = MarginOptions()
  ) throws(Failure) -> RetrievalResult {
    let sourceText = try Self.text(source, languages.source)
    let targetText = try Self.text(target, languages.target)
    if let sourceText, let targetText { try EvaluationText.checkAligned(sourceText, targetText) }
    let sides: [EmbeddingSide]
    if let sourceText, let targetText, sourceEmbeddings == nil, targetEmbeddings == nil {
      sides = try self.sides([sourceText, targetText])
    } else {
      sides = [try side(sourceText, sourceEmbeddings, "source"), try side(targetText, targetEmbeddings, "target")]
    }
    let outcome = try aligned(sides[0], sides[1], sourceText: sourceText, targetText: targetText, options)
    return RetrievalResult(
      source: source ?? sides[0].name, target: target ?? sides[1].name, scores: outcome.scores, options: options,
      asErrors: asErrors, found: outcome.found)
  }

  private static func text(_ path: String?, _ language: String?) throws(Failure) -> EvaluationText? {
    guard let path else { return nil }
    return try EvaluationText(path: path, language: language)
  }

  private func side(
    _ text: EvaluationText?, _ embeddings: String?, _ name: String
  ) throws(Failure) -> EmbeddingSide {
    if let text { return try side(text, embeddings: embeddings) }
    if let embeddings { return try side(embeddings: embeddings) }
    throw Failure(.usage, name, "is not given", remedy: "name a text, or embeddings with --\(name)-embeddings")
  }

  /// Every language with every other one, in a folder of texts that are aligned by line.
  ///
  /// Known layouts: Flores (`deu_Latn.dev`, `deu_Latn.devtest`) and NTREX (`newstest2019-ref.deu.txt`,
  /// `newstest2019-src.eng.txt`). All embeddings are in memory at once.
  ///
  /// - Parameters:
  ///   - split: `dev` or `devtest`, where the folder holds both; nil for the one that is there, `devtest` if both.
  /// - Throws: `Failure` for an unknown layout, a language that is not there, and texts of unequal length.
  public func matrix(
    folder: String, languages: [String]? = nil, split: String? = nil, _ options: MarginOptions = MarginOptions()
  ) throws(Failure) -> MatrixResult {
    let start = ContinuousClock.now
    var files = try Self.multiParallel(folder, split: split)
    if let languages {
      let places = try Self.selectLanguages(languages, from: files.map(\.code), folder: folder)
      files = places.map { files[$0] }
    }
    guard files.count >= 2 else {
      throw Failure(.usage, folder, "one language cannot be compared", remedy: "choose two languages or more")
    }
    var texts: [EvaluationText] = []
    for file in files {
      let text = try EvaluationText(path: file.path, language: file.code)
      if let first = texts.first { try EvaluationText.checkAligned(first, text) }
      texts.append(text)
    }
    var sides: [EmbeddingSide] = []
    for (number, text) in texts.enumerated() {
      sides += try self.sides([text], subject: "\(files[number].code), \(number + 1) of \(texts.count)")
    }
    let count = files.count
    var accuracy = [[Double?]](repeating: Array(repeating: nil, count: count), count: count)
    var errors = accuracy
    var english: [String: AlignedScores] = [:]
    let englishPlace = files.firstIndex { Self.canonical($0.code) == "en" }
    for i in 0..<count {
      for j in i + 1..<max(count, i + 1) {
        // English is always the second of the two, so that forward means into English.
        let (a, b) = i == englishPlace ? (j, i) : (i, j)
        let scores = try aligned(sides[a], sides[b], sourceText: texts[a], targetText: texts[b], options).scores
        (accuracy[a][b], accuracy[b][a]) = (scores.cosine.forward, scores.cosine.backward)
        (errors[a][b], errors[b][a]) = (1 - scores.margin.forward, 1 - scores.margin.backward)
        if b == englishPlace { english[files[a].code] = scores }
      }
    }
    func mean(_ matrix: [[Double?]]) -> Double {
      matrix.joined().compactMap { $0 }.reduce(0, +) / Double(count * (count - 1))
    }
    return MatrixResult(
      languages: files.map(\.code), n: texts[0].count, accuracy: accuracy, xsimError: errors, english: english,
      mean: mean(accuracy), xsimMean: mean(errors), seconds: (ContinuousClock.now - start) / .seconds(1),
      options: options)
  }

  private static func multiParallel(
    _ folder: String, split: String?
  ) throws(Failure) -> [(code: String, path: String)] {
    let names = try fileNames(in: folder).sorted()
    var bySplit: [String: [(code: String, path: String)]] = [:]
    for name in names {
      var base = name[...]
      for ending in [".zst", ".gz"] where base.hasSuffix(ending) { base = base.dropLast(ending.count) }
      let parts = base.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      if parts.count == 3, parts[0].hasSuffix("-ref") || parts[0].hasSuffix("-src"), parts[2] == "txt" {
        bySplit["", default: []].append((parts[1], "\(folder)/\(name)"))
      } else if parts.count == 2, ["dev", "devtest", "test"].contains(parts[1]) {
        bySplit[parts[1], default: []].append((parts[0], "\(folder)/\(name)"))
      }
    }
    let chosen = split ?? ["devtest", "dev", "test", ""].first { bySplit[$0] != nil }
    guard let chosen, let files = bySplit[chosen] else {
      throw Failure(
        .missingInput, folder, split.map { "holds no files of the split \"\($0)\"" } ?? "has no layout known here",
        remedy: "names are deu_Latn.devtest (Flores), or newstest2019-ref.deu.txt and newstest2019-src.eng.txt (NTREX)")
    }
    return files.sorted { $0.code < $1.code }
  }
}
