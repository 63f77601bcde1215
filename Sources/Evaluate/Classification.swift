import Base
import Corpus
import Foundation
import Kernels
import Mine
import Report

/// Labelled documents.
struct LabelledDocuments: Sendable {
  let path: String
  private(set) var labels: [String] = []
  /// The line of each document, from 1.
  private(set) var lines: [Int] = []
  private(set) var sentences: [[UInt8]] = []
  /// Where each document's sentences begin, and at last the end.
  private(set) var starts = [0]

  var count: Int { labels.count }

  /// Of the documents, their labels and their order.
  var fingerprint: String {
    var fingerprint = Fingerprint()
    for i in 0..<count {
      fingerprint.add(Array(labels[i].utf8))
      for sentence in sentences[starts[i]..<starts[i + 1]] { fingerprint.add(sentence) }
    }
    return fingerprint.text
  }

  /// Lines of `label TAB sentence [TAB sentence ...]`; or SIB-200's, told by their heading `index_id TAB category TAB text`.
  init(path: String) throws(Failure) {
    self.path = path
    let table = try TextTable(path: path, options: TextOptions(format: .raw))
    let tab = UInt8(ascii: "\t")
    let sib = table.count > 0 && table.line(0) == Array("index_id\tcategory\ttext".utf8)
    for i in (sib ? 1 : 0)..<max(table.count, sib ? 1 : 0) {
      var parts = table.line(i).split(separator: tab, omittingEmptySubsequences: false)
      let place = "line \(i + 1)"
      if sib {
        guard parts.count == 3 else {
          throw Failure(.badData, path, at: place, "has \(parts.count) columns, the heading has 3")
        }
        parts.removeFirst()
      }
      guard parts.count >= 2 else {
        throw Failure(
          .badData, path, at: place, "has no tab, `label TAB text` is expected",
          remedy: "the sentences of a document follow its label, each after a tab")
      }
      guard !parts[0].isEmpty else { throw Failure(.badData, path, at: place, "has an empty label") }
      let texts = parts.dropFirst().filter { !$0.allSatisfy { $0 == UInt8(ascii: " ") } }
      guard !texts.isEmpty else {
        throw Failure(.badData, path, at: place, "holds no sentence", remedy: "remove the line")
      }
      labels.append(String(decoding: parts[0], as: UTF8.self))
      lines.append(i + 1)
      for text in texts { sentences.append(Array(text)) }
      starts.append(sentences.count)
    }
    guard !labels.isEmpty else {
      throw Failure(.badData, path, "has no documents", remedy: "`label TAB text` is expected, one document a line")
    }
  }

  /// The number of each label in a list.
  ///
  /// - Throws: `Failure` naming the line of a label that is not in it.
  func classes(_ known: [String], trainedOn: String) throws(Failure) -> [Int] {
    var numbers: [String: Int] = [:]
    for (i, label) in known.enumerated() { numbers[label] = i }
    var classes: [Int] = []
    for (i, label) in labels.enumerated() {
      guard let number = numbers[label] else {
        throw Failure(
          .badData, path, at: "line \(lines[i])", "the label \"\(label)\" does not occur in \(trainedOn)",
          remedy: "the labels are \(known.joined(separator: ", "))")
      }
      classes.append(number)
    }
    return classes
  }
}

/// The figures of zero-shot classification.
public struct ClassificationResult: EvaluationResult {
  /// Accuracy on one test set.
  public struct Accuracy: Sendable, Equatable, Encodable {
    /// Documents.
    public var n: Int
    /// The mean over the seeds, 0 to 1.
    public var accuracy: Double
    /// The standard deviation over the seeds; nil for one.
    public var spread: Double?
    /// One accuracy a seed.
    public var seeds: [Double]

    /// The answers, for each seed.
    public var outcomes: Outcomes

    /// - Parameters:
    ///   - hits: for each seed whether each document was classed rightly.
    init(_ documents: LabelledDocuments, _ hits: [[Bool]]) {
      n = documents.count
      seeds = hits.map { Double($0.count { $0 }) / Double($0.count) }
      outcomes = Outcomes(unit: "documents", data: documents.fingerprint, n: n, hits: ["accuracy": hits])
      (accuracy, spread) = meanAndSpread(seeds)
    }

    /// One object.
    public func encode(to encoder: any Encoder) throws {
      try encoder.add(["n": n, "accuracy": accuracy, "spread": spread, "by_seed": seeds, "outcomes": outcomes])
    }
  }

  /// By the test set's language or file.
  public var languages: [String: Accuracy]
  /// The language trained on, as in the file's name.
  public var trainedOn: String
  /// Accuracy on the development set at the chosen epochs.
  public var dev: Accuracy
  /// The chosen epoch of each seed, from 1.
  public var epochs: [Int]
  /// The seeds.
  public var seeds: [UInt64]
  /// The labels, sorted.
  public var labels: [String]
  /// Training documents.
  public var trainingDocuments: Int
  /// The classifier.
  public var options: ClassifierOptions

  /// The unweighted mean over all test sets, and over those of other languages than the trained one (nil if there are none).
  public var mean: Double { languages.values.reduce(0) { $0 + $1.accuracy } / Double(max(languages.count, 1)) }
  /// The mean over the languages that were not trained on.
  public var zeroShotMean: Double? {
    let others = languages.filter { $0.key != trainedOn }.values
    return others.isEmpty ? nil : others.reduce(0) { $0 + $1.accuracy } / Double(others.count)
  }

  /// One object.
  public func encode(to encoder: any Encoder) throws {
    try encoder.add([
      "languages": languages, "mean": mean, "zero_shot_mean": zeroShotMean, "trained_on": trainedOn,
      "training_documents": trainingDocuments, "dev": dev, "epochs": epochs, "seeds": seeds, "labels": labels,
      "classifier": options,
    ])
  }

  /// The mean accuracies.
  public var headlines: [(name: String, value: Double)] {
    [("accuracy", mean)] + (zeroShotMean.map { [("zero-shot", $0)] } ?? [])
  }

  /// The heading.
  public var title: String { "Classification, trained on \(trainedOn), \(languages.count) test sets" }

  /// Accuracies and bars.
  public var sections: [ReportSection] {
    var table = ReportTable(
      "Accuracy in percent, mean and spread of \(seeds.count) seeds; + marks the language trained on",
      [("language", .text), ("", .text), ("n", .count), ("accuracy", .percent), ("spread", .percent)])
    table.marked = (3, true)
    let sorted = languages.sorted { ($1.value.accuracy, $0.key) < ($0.value.accuracy, $1.key) }
    func row(_ name: String, _ mark: String, _ a: Accuracy) -> [ReportTable.Cell] {
      [.text(name), .text(mark), .value(Double(a.n)), .value(a.accuracy), .value(a.spread)]
    }
    for (code, accuracy) in sorted { table.rows.append(row(code, code == trainedOn ? "+" : "", accuracy)) }
    table.footer.append(row("\(trainedOn), dev", "", dev))
    if let zeroShotMean {
      table.footer.append([.text("other languages"), .text(""), .value(nil), .value(zeroShotMean), .value(nil)])
    }
    table.footer.append([.text("all"), .text(""), .value(nil), .value(mean), .value(nil)])
    return [
      .table(table),
      .note(
        "\(trainingDocuments) training documents of \(labels.count) labels; epochs chosen on dev: "
          + epochs.map(String.init).joined(separator: ", ") + "."),
      .bars(title: "Accuracy by language", bars: sorted.map { ($0.key, $0.value.accuracy, $0.key == trainedOn) }),
    ]
  }
}

/// The files of a classification task.
public struct ClassificationFiles: Sendable {
  /// The language that is trained on, and its files.
  public var language: String, train: String, dev: String
  /// Test files by language.
  public var tests: [(language: String, path: String)]

  /// Files that are named one by one.
  public init(language: String, train: String, dev: String, tests: [(language: String, path: String)]) {
    self.language = language
    self.train = train
    self.dev = dev
    self.tests = tests
  }

  /// A folder in SIB-200's layout: `deu_Latn.train.tsv`, `deu_Latn.dev.tsv`, `deu_Latn.test.tsv`.
  ///
  /// - Parameters:
  ///   - language: the one to train on.
  ///   - tests: the ones to test on; nil for all.
  /// - Throws: `Failure` for a language that is not there.
  public init(folder: String, language: String, tests: [String]? = nil) throws(Failure) {
    let names = try Evaluator.fileNames(in: folder)
    func codes(_ split: String) -> [String] {
      names.filter { $0.hasSuffix(".\(split).tsv") }.map { String($0.dropLast(split.count + 5)) }.sorted()
    }
    guard !codes("test").isEmpty else {
      throw Failure(
        .missingInput, folder, "holds no files of a classification task",
        remedy:
          "names are deu_Latn.train.tsv, deu_Latn.dev.tsv and deu_Latn.test.tsv; or give --train, --dev and --test")
    }
    func find(_ wanted: [String], _ split: String) throws(Failure) -> [String] {
      let all = codes(split)
      return try Evaluator.selectLanguages(wanted, from: all, folder: folder).map { all[$0] }
    }
    let code = try find([language], "train")[0]
    _ = try find([code], "dev")
    let chosen = if let tests { try find(tests, "test") } else { codes("test") }
    self.init(
      language: code, train: "\(folder)/\(code).train.tsv", dev: "\(folder)/\(code).dev.tsv",
      tests: chosen.map { ($0, "\(folder)/\($0).test.tsv") })
  }
}

extension Evaluator {
  /// Zero-shot classification: a classifier on frozen embeddings is trained on one language and tested on many.
  ///
  /// A document's embedding is the mean of its sentences'. The epoch is the one with the best accuracy on the development
  /// set; of equal ones the last. Every seed is a run of its own, and its result follows from the seed alone.
  ///
  /// - Throws: `Failure` naming file and line for a label that training does not have, and for lines that are no documents.
  public func classify(
    _ files: ClassificationFiles, seeds: [UInt64] = [1], _ options: ClassifierOptions = ClassifierOptions()
  ) throws(Failure) -> ClassificationResult {
    precondition(!seeds.isEmpty && options.epochs >= 1 && options.batch >= 1)
    let train = try LabelledDocuments(path: files.train)
    let labels = Set(train.labels).sorted()
    guard labels.count >= 2 else {
      throw Failure(.badData, files.train, "has one label only, \"\(labels[0])\"", remedy: "classes need two or more")
    }
    let dev = try LabelledDocuments(path: files.dev)
    let trainClasses = try train.classes(labels, trainedOn: files.train)
    let devClasses = try dev.classes(labels, trainedOn: files.train)
    var tests: [(documents: LabelledDocuments, classes: [Int])] = []
    for test in files.tests {
      let documents = try LabelledDocuments(path: test.path)
      tests.append((documents, try documents.classes(labels, trainedOn: files.train)))
    }
    let trainRows = try embed(train, files.language)
    let devRows = try embed(dev, files.language)
    var testRows: [Tensor] = []
    for (test, file) in zip(tests, files.tests) { testRows.append(try embed(test.documents, file.language)) }

    @Sendable func hits(_ found: [Int], _ right: [Int]) -> [Bool] { zip(found, right).map { $0 == $1 } }
    struct Run: Sendable { var epoch: Int, dev: [Bool], tests: [[Bool]] }
    let (rows, sets) = (testRows, tests)
    let runs = try concurrentMap(seeds.count, threads: compute.threads) { (number: Int) throws(Failure) -> Run in
      let classifier = Classifier(
        inputs: trainRows.columns, classes: labels.count, options: options, seed: seeds[number])
      var best = (epoch: 0, right: -1, dev: [Bool](), weights: [Float]())
      for epoch in 1...options.epochs {
        try job.check(files.train)
        classifier.train(trainRows, trainClasses)
        let reached = hits(classifier.classify(devRows), devClasses)
        let right = reached.count { $0 }
        if right >= best.right { best = (epoch, right, reached, classifier.weights) }
        tell("training, seed \(seeds[number])", Double(epoch) / Double(options.epochs))
      }
      classifier.weights = best.weights
      return Run(
        epoch: best.epoch, dev: best.dev, tests: zip(rows, sets).map { hits(classifier.classify($0), $1.classes) })
    }
    var languages: [String: ClassificationResult.Accuracy] = [:]
    for (i, test) in files.tests.enumerated() {
      languages[test.language] = ClassificationResult.Accuracy(tests[i].documents, runs.map { $0.tests[i] })
    }
    return ClassificationResult(
      languages: languages, trainedOn: files.language,
      dev: ClassificationResult.Accuracy(dev, runs.map(\.dev)), epochs: runs.map(\.epoch), seeds: seeds,
      labels: labels, trainingDocuments: train.count, options: options)
  }

  private func embed(_ documents: LabelledDocuments, _ language: String) throws(Failure) -> Tensor {
    let code = Self.canonical(language)
    let sentences = try encode(documents.path, count: documents.sentences.count, language: code) {
      documents.sentences[$0]
    }
    let result = Tensor(rows: documents.count, columns: sentences.columns)
    for i in 0..<documents.count {
      let range = documents.starts[i]..<documents.starts[i + 1]
      let row = result.rows(i..<i + 1)
      for sentence in range { compute.add(sentences.rows(sentence..<sentence + 1), to: row) }
      compute.scale(row, by: 1 / Float(range.count))
    }
    return result
  }
}
