import Base
import Evaluate
import Foundation
import Mine
import TestSupport
import Testing

/// Embedding files by hand: figures that can be worked out on paper.
@Suite struct EvaluateTests {
  let folder = TemporaryFolder()

  private func write(_ name: String, _ lines: [String]) throws -> String {
    let path = folder.path + "/" + name
    try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  /// A `.npy` file of two columns.
  private func write(_ name: String, rows: [(Float, Float)]) throws -> String {
    let path = folder.path + "/" + name
    var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows.count), 2), }"
    while (text.utf8.count + 11) % 64 != 0 { text += " " }
    text += "\n"
    var bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8)]
    bytes += Array(text.utf8)
    for row in rows {
      for value in [row.0, row.1] {
        for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(shift))) }
      }
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  private var evaluator: Evaluator { Evaluator(encoder: nil, threads: 2) }

  /// The message of the failure that `body` throws, and its kind.
  private func failure(_ body: () throws -> Void) -> Failure? {
    do {
      try body()
      return nil
    } catch {
      return error as? Failure
    }
  }

  @Test func countsByIndexAndByText() throws {
    // Rows 1 and 2 of the target are the same sentence, so by index only the first of them is found.
    let x = try write("x.npy", rows: [(1, 0), (0, 1), (0, 2)])
    let y = try write("y.npy", rows: [(3, 0), (0, 1), (0, 1)])
    let source = try write("x.txt", ["a", "b", "c"])
    let target = try write("y.txt", ["A", "B", "B"])
    let result = try evaluator.retrieval(
      source: source, target: target, sourceEmbeddings: x, targetEmbeddings: y, MarginOptions(k: 1))
    #expect(result.scores.n == 3)
    #expect(result.scores.cosine.forward == 2.0 / 3)
    #expect(result.scores.cosine.backward == 2.0 / 3)
    #expect(result.scores.cosineText?.forward == 1)
    #expect(result.scores.cosineText?.backward == 2.0 / 3)
    #expect(abs(result.scores.xsimError - 1.0 / 3) < 1e-12)
  }

  @Test func buccFindsTheBestCut() throws {
    // The first three partners have a cosine of 1; that of the fourth, which is not in the gold, is cos 0.4 = 0.921.
    func rows(_ angles: [Double]) -> [(Float, Float)] { angles.map { (Float(cos($0)), Float(sin($0))) } }
    let x = try write("x.npy", rows: rows([0, 1, 2, 3]))
    let y = try write("y.npy", rows: rows([0, 1, 2, 3.4]))
    let source = try write("x.txt", ["s1\ta", "s2\tb", "s3\tc", "s4\td"])
    let target = try write("y.txt", ["t1\tA", "t2\tB", "t3\tC", "t4\tD"])
    let gold = try write("gold", ["s1\tt1", "s2\tt2", "s3\tt3"])
    let files = BuccFiles(source: source, target: target, gold: gold, sourceEmbeddings: x, targetEmbeddings: y)
    let output = folder.path + "/pairs"
    var options = MiningOptions()
    options.margin = .absolute
    let result = try evaluator.bucc(training: files, test: files, options: options, outputPairs: output)
    #expect(result.training.f1 == 1 && result.training.extracted == 3)
    #expect(abs(result.training.threshold - (1 + cos(0.4)) / 2) < 1e-6)
    #expect(result.training.correct == 3)
    #expect(result.mteb.f1 == 1)
    #expect(result.test?.f1 == result.training.f1)
    let pairs = try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n")
    #expect(pairs.count == result.training.extracted)
    #expect(pairs.contains("s1\tt1"))
  }

  @Test func badFilesAreNamedWithTheLine() throws {
    let three = try write("three", ["a", "b", "c"])
    let two = try write("two", ["a", "b"])
    let unequal = failure { _ = try evaluator.retrieval(source: three, target: two) }
    #expect(unequal?.subject == three && unequal?.place == "line 3" && unequal?.kind == .badData)

    let gap = try write("gap", ["a", " ", "c"])
    let empty = failure { _ = try evaluator.retrieval(source: three, target: gap) }
    #expect(empty?.subject == gap && empty?.place == "line 2")

    let ids = try write("ids", ["s1\ta", "s2\tb"])
    let twice = try write("twice", ["t1\ta", "t1\tb"])
    let gold = try write("gold", ["s1\tt1"])
    let duplicate = failure { _ = try evaluator.bucc(training: BuccFiles(source: ids, target: twice, gold: gold)) }
    #expect(duplicate?.subject == twice && duplicate?.place == "line 2")

    let targets = try write("targets", ["t1\ta", "t2\tb"])
    let wrong = try write("wrong", ["s1\tt1", "s9\tt2"])
    let unknown = failure { _ = try evaluator.bucc(training: BuccFiles(source: ids, target: targets, gold: wrong)) }
    #expect(unknown?.subject == wrong && unknown?.place == "line 2")

    let again = try write("again", ["s1\tt1", "s1\tt1"])
    let repeated = failure { _ = try evaluator.bucc(training: BuccFiles(source: ids, target: targets, gold: again)) }
    #expect(repeated?.subject == again && repeated?.place == "line 2")

    #expect(failure { _ = try evaluator.retrieval(source: three, target: three) }?.kind == .usage)
    #expect(failure { _ = try evaluator.tatoeba(folder: folder.path + "/none") }?.kind == .missingInput)
    #expect(failure { _ = try evaluator.tatoeba(folder: folder.path) }?.kind == .missingInput)
  }

  @Test func unknownLabelsAreNamedWithTheLine() throws {
    let train = try write("train", ["sport\ta", "politics\tb\tc"])
    let dev = try write("dev", ["sport\td"])
    let test = try write("test", ["sport\te", "weather\tf"])
    let files = ClassificationFiles(language: "en", train: train, dev: dev, tests: [("de", test)])
    let unknown = failure { _ = try evaluator.classify(files) }
    #expect(unknown?.subject == test && unknown?.place == "line 2")

    let bare = try write("bare", ["sport\td", "no tab"])
    let broken = ClassificationFiles(language: "en", train: train, dev: bare, tests: [])
    #expect(failure { _ = try evaluator.classify(broken) }?.place == "line 2")
  }

  @Test func alterationsAreCountedOnceAndChecked() throws {
    let target = try EvaluationText(path: try write("target", ["one 1", "two"]))
    var alterations = Alterations()
    try alterations.read("number=" + (try write("numbers", ["one 2", "two"])), of: target)
    try alterations.read(try write("list", ["2\tnegation\tnot two"]), of: target)
    #expect(alterations.kinds == ["number", "negation"])
    #expect(alterations.lines == [0, 1])
    let far = try write("far", ["3\tnegation\tx"])
    #expect(failure { try alterations.read(far, of: target) }?.place == "line 1")
  }

  @Test func suitesNameWhatIsWrong() throws {
    let unknownKey = try write("a.yaml", ["evaluations:", "  - {protocol: tatoeba, folder: t, colour: red}"])
    #expect(failure { _ = try Suite(path: unknownKey) }?.problem.contains("colour") == true)
    let unknown = try write("b.yaml", ["evaluations:", "  - {protocol: guess}"])
    #expect(failure { _ = try Suite(path: unknown) }?.problem.contains("guess") == true)
    let twice = try write(
      "c.yaml", ["evaluations:", "  - {protocol: tatoeba, folder: t}", "  - {protocol: tatoeba, folder: u}"])
    #expect(failure { _ = try Suite(path: twice) }?.place == "evaluation 2")
  }

  @Test func comparisonsPairLanguages() throws {
    let old = try write(
      "old.json", [#"{"mean":0.5,"n":3,"languages":{"de":{"mean":0.4},"fr":{"mean":0.5},"ja":{"mean":0.6}}}"#])
    let new = #"{"mean":0.6,"n":4,"languages":{"de":{"mean":0.5},"fr":{"mean":0.6},"ja":{"mean":0.7}}}"#
    let comparison = try Comparison(old: old, new: Data(new.utf8))
    #expect(comparison.figures.map(\.name) == ["mean"])
    #expect(comparison.paired.count == 1)
    #expect(comparison.paired.first?.higher == 3)
    // All three higher: 2 * (1/2)^3.
    #expect(abs((comparison.paired.first?.signTest ?? 0) - 0.25) < 1e-12)
    #expect(abs((comparison.paired.first?.low ?? 0) - 0.1) < 1e-9)
  }

  @Test func pagesHoldNoMarkupOfTheirInputs() throws {
    let rows: [(Float, Float)] = [(1, 0), (0, 1)]
    let x = try write("x<b>.npy", rows: rows)
    let result = try evaluator.retrieval(source: nil, target: nil, sourceEmbeddings: x, targetEmbeddings: x)
    let page = ReportPage.html([result], facts: [("model", "<script>")])
    #expect(!page.contains("<b>") && !page.contains("<script>"))
    #expect(page.contains("&lt;script&gt;"))
  }
}
