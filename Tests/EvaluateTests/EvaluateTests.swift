import Base
import Evaluate
import Foundation
import Mine
import TestSupport
import Testing

/// Embedding files by hand: figures that can be worked out on paper.
@Suite struct EvaluateTests {
  let folder = TemporaryFolder()

  private var evaluator: Evaluator { .withoutModel }

  @Test func countsByIndexAndByText() throws {
    // Rows 1 and 2 of the target are the same sentence, so by index only the first of them is found.
    let x = try folder.write("x.npy", rows: [(1, 0), (0, 1), (0, 2)])
    let y = try folder.write("y.npy", rows: [(3, 0), (0, 1), (0, 1)])
    let source = try folder.write("x.txt", ["a", "b", "c"])
    let target = try folder.write("y.txt", ["A", "B", "B"])
    let result = try evaluator.retrieval(
      source: source, target: target, sourceEmbeddings: x, targetEmbeddings: y, MarginOptions(k: 1))
    #expect(result.scores.n == 3)
    #expect(result.scores.cosine.forward == 2.0 / 3)
    #expect(result.scores.cosine.backward == 2.0 / 3)
    #expect(result.scores.cosineText?.forward == 1)
    #expect(result.scores.cosineText?.backward == 2.0 / 3)
    #expect(abs(result.scores.xsimError - 1.0 / 3) < 1e-12)
    // The targets found are 0, 1 and 1: F1 of target 0 is 1, of target 1 with a precision of 1/2 it is 2/3, of target 2 it is 0.
    #expect(abs(result.scores.mtebF1 - 5.0 / 9) < 1e-12)
    #expect(result.scores.outcomes?.hits["forward"] == [[true, true, false]])
    #expect(result.scores.outcomes?.hits["forward_text"] == [[true, true, true]])
  }

  @Test func buccFindsTheBestCut() throws {
    // The first three partners have a cosine of 1; that of the fourth, which is not in the gold, is cos 0.4 = 0.921.
    func rows(_ angles: [Double]) -> [(Float, Float)] { angles.map { (Float(cos($0)), Float(sin($0))) } }
    let x = try folder.write("x.npy", rows: rows([0, 1, 2, 3]))
    let y = try folder.write("y.npy", rows: rows([0, 1, 2, 3.4]))
    let source = try folder.write("x.txt", ["s1\ta", "s2\tb", "s3\tc", "s4\td"])
    let target = try folder.write("y.txt", ["t1\tA", "t2\tB", "t3\tC", "t4\tD"])
    let gold = try folder.write("gold", ["s1\tt1", "s2\tt2", "s3\tt3"])
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

  @Test func noThresholdCutsBetweenEqualScores() throws {
    // All three candidates have a cosine of 1, and one of them is right: a threshold takes all or none.
    let rows = try folder.write("rows.npy", rows: [(1, 0), (0, 1), (-1, 0)])
    let source = try folder.write("x.txt", ["s1\ta", "s2\tb", "s3\tc"])
    let target = try folder.write("y.txt", ["t1\tA", "t2\tB", "t3\tC"])
    let gold = try folder.write("gold", ["s1\tt1"])
    let files = BuccFiles(source: source, target: target, gold: gold, sourceEmbeddings: rows, targetEmbeddings: rows)
    var options = MiningOptions()
    options.margin = .absolute
    let output = folder.file("pairs")
    let result = try evaluator.bucc(training: files, options: options, outputPairs: output)
    #expect(result.training.extracted == 3 && result.training.correct == 1 && result.training.f1 == 0.5)
    #expect(try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n").count == 3)
    #expect(result.training.outcomes?.extracted.sorted() == [0, 1, 2])
  }

  @Test func alterationsAreCountedOnceAndChecked() throws {
    let target = try EvaluationText(path: try folder.write("target", ["one 1", "two"]))
    var alterations = Alterations()
    try alterations.read("number=" + (try folder.write("numbers", ["one 2", "two"])), of: target)
    try alterations.read(try folder.write("list", ["2\tnegation\tnot two"]), of: target)
    #expect(alterations.kinds == ["number", "negation"])
    #expect(alterations.lines == [0, 1])
    let far = try folder.write("far", ["3\tnegation\tx"])
    #expect(failure { try alterations.read(far, of: target) }?.place == "line 1")
  }

  @Test func suitesNameWhatIsWrong() throws {
    let unknownKey = try folder.write("a.yaml", ["evaluations:", "  - {protocol: tatoeba, folder: t, colour: red}"])
    #expect(failure { _ = try Suite(path: unknownKey) }?.problem.contains("colour") == true)
    let unknown = try folder.write("b.yaml", ["evaluations:", "  - {protocol: guess}"])
    #expect(failure { _ = try Suite(path: unknown) }?.problem.contains("guess") == true)
    let twice = try folder.write(
      "c.yaml", ["evaluations:", "  - {protocol: tatoeba, folder: t}", "  - {protocol: tatoeba, folder: u}"])
    #expect(failure { _ = try Suite(path: twice) }?.place == "line 3, evaluation 2")
    let retrieval = try folder.write(
      "d.yaml", ["evaluations:", "  - {protocol: bucc, source: s, target: t, gold: g, retrieval: best}"])
    #expect(failure { _ = try Suite(path: retrieval) }?.problem.contains("retrieval") == true)
    let test = try folder.write("e.yaml", ["evaluations:", "  - {protocol: classify, train: t, dev: d, test: [x]}"])
    #expect(failure { _ = try Suite(path: test) }?.problem.contains("LANGUAGE=FILE") == true)
    let number = try folder.write(
      "f.yaml", ["evaluations:", "  - {protocol: paracrawl, source: s, target: t,", "     keys: many}"])
    #expect(at(failure { _ = try Suite(path: number) }, number, "line 3, keys"))
    let misspelt = try folder.write(
      "g.yaml", ["evaluations:", "  - protocol: tatoeba", "    folder: t", "    langauges: [de]"])
    let spelling = failure { _ = try Suite(path: misspelt) }
    #expect(spelling?.place == "line 4, langauges" && spelling?.remedy?.contains("languages") == true)
    let broken = try folder.write("h.yaml", ["evaluations:", "  - {protocol: tatoeba"])
    #expect(failure { _ = try Suite(path: broken) }?.place?.hasPrefix("line 3") == true)
  }

  @Test func suitesRunFromEmbeddingsAndLookForTheirFilesFirst() throws {
    let rows = try folder.write("rows.npy", rows: [(1, 0), (0, 1)])
    let text = [
      "evaluations:", "  - {protocol: retrieval, source_embeddings: rows.npy, target_embeddings: \(rows)}",
      "  - {protocol: xsim, name: errors, source_embeddings: rows.npy, target_embeddings: rows.npy}",
      "  - {protocol: bucc, source: ids, target: ids, gold: gold, source_embeddings: rows.npy, target_embeddings: rows.npy,",
      "     retrieval: intersect, margin: absolute, output_pairs: pairs}",
    ]
    _ = try folder.write("ids", ["a\tone", "b\ttwo"])
    _ = try folder.write("gold", ["a\ta", "b\tb"])
    let suite = try Suite(path: folder.write("suite.yaml", text))
    let result = try evaluator.run(suite)
    #expect(result.results.map(\.name) == ["retrieval", "errors", "bucc"])
    #expect((result.results[1].result as? RetrievalResult)?.scores.xsimError == 0)
    #expect((result.results[2].result as? BuccResult)?.options.retrieval == .intersect)
    #expect(try folder.list().contains("pairs"))

    let absent = try Suite(path: folder.write("absent.yaml", text + ["  - {protocol: tatoeba, folder: none}"]))
    try FileManager.default.removeItem(atPath: folder.file("pairs"))
    let missing = failure { _ = try evaluator.run(absent) }
    #expect(missing?.kind == .missingInput && missing?.subject.hasSuffix("/none") == true)
    #expect(try !folder.list().contains("pairs"))
  }

  @Test func pagesHoldNoMarkupOfTheirInputs() throws {
    let rows: [(Float, Float)] = [(1, 0), (0, 1)]
    let x = try folder.write("x<b>.npy", rows: rows)
    let result = try evaluator.retrieval(source: nil, target: nil, sourceEmbeddings: x, targetEmbeddings: x)
    let page = result.page(facts: [("model", "<script>")]).html
    #expect(!page.contains("<b>") && !page.contains("<script>"))
    #expect(page.contains("&lt;script&gt;"))
  }
}
