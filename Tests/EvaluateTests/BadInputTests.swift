import Base
import Evaluate
import Foundation
import Mine
import TestSupport
import Testing

/// What is wrong is named with its file and line, before anything is encoded: there is no model here.
@Suite struct BadInputTests {
  let folder = TemporaryFolder()
  private var evaluator: Evaluator { .withoutModel }

  private func write(_ name: String, _ lines: String...) throws -> String { try folder.write(name, lines) }

  @Test func unequalLengths() throws {
    let three = try write("three", "a", "b", "c"), two = try write("two", "a", "b")
    #expect(at(failure { _ = try evaluator.retrieval(source: three, target: two) }, three, "line 3"))
    #expect(at(failure { _ = try evaluator.paraCrawl(source: two, target: three) }, three, "line 3"))
    #expect(at(failure { _ = try evaluator.xsimPlus(source: three, target: two, altered: [three]) }, three, "line 3"))

    _ = try write("deu_Latn.dev", "a", "b")
    let longer = try write("eng_Latn.dev", "a", "b", "c")
    #expect(at(failure { _ = try evaluator.matrix(folder: folder.path) }, longer, "line 3"))
    _ = try write("tatoeba.deu-eng.deu", "a")
    let english = try write("tatoeba.deu-eng.eng", "a", "b")
    let tatoeba = failure { _ = try evaluator.tatoeba(folder: folder.path) }
    #expect(tatoeba?.place == "line 2" && tatoeba?.subject.hasSuffix((english as NSString).lastPathComponent) == true)
  }

  @Test func embeddingsOfAnotherText() throws {
    let text = try write("text", "a", "b", "c")
    let rows = try folder.write("x.npy", rows: [(1, 0), (0, 1)])
    let wrong = failure {
      _ = try evaluator.retrieval(source: text, target: text, sourceEmbeddings: rows, targetEmbeddings: rows)
    }
    #expect(wrong?.subject == rows && wrong?.problem.contains("2 rows") == true)
    let ids = try write("ids", "s1\ta", "s2\tb", "s3\tc")
    let gold = try write("gold", "s1\ts1")
    let files = BuccFiles(source: ids, target: ids, gold: gold, sourceEmbeddings: rows, targetEmbeddings: rows)
    #expect(failure { _ = try evaluator.bucc(training: files) }?.subject == rows)
  }

  @Test func linesWithoutASentence() throws {
    let three = try write("three", "a", "b", "c"), gap = try write("gap", "a", " ", "c")
    #expect(at(failure { _ = try evaluator.retrieval(source: three, target: gap) }, gap, "line 2"))
    #expect(at(failure { _ = try evaluator.paraCrawl(source: gap, target: three) }, gap, "line 2"))
    let ids = try write("ids", "s1\ta", "s2\t"), gold = try write("gold", "s1\ts1")
    #expect(
      at(failure { _ = try evaluator.bucc(training: BuccFiles(source: ids, target: ids, gold: gold)) }, ids, "line 2"))
    let nothing = try folder.write("nothing", "")
    #expect(at(failure { _ = try evaluator.retrieval(source: nothing, target: nothing) }, nothing, nil))
  }

  @Test func idsAndGold() throws {
    let source = try write("source", "s1\ta", "s2\tb"), target = try write("target", "t1\ta", "t2\tb")
    func bucc(_ source: String, _ target: String, _ gold: String...) throws -> Failure? {
      let path = try folder.write("gold", gold)
      return failure { _ = try evaluator.bucc(training: BuccFiles(source: source, target: target, gold: path)) }
    }
    let gold = folder.file("gold")
    let twice = try write("twice", "t1\ta", "t1\tb")
    #expect(at(try bucc(source, twice, "s1\tt1"), twice, "line 2"))
    let unnamed = try write("unnamed", "t1\ta", "\tb")
    #expect(at(try bucc(source, unnamed, "s1\tt1"), unnamed, "line 2"))
    #expect(at(try bucc(source, target, "s1\tt1", "s9\tt2"), gold, "line 2"))
    #expect(at(try bucc(source, target, "s1\tt1", "s2\tt9"), gold, "line 2"))
    #expect(at(try bucc(source, target, "s1\tt1", "s1\tt1"), gold, "line 2"))
    #expect(at(try bucc(source, target, "s1\tt1\t0.9"), gold, "line 1"))
    #expect(at(try bucc(source, target), gold, nil))
    #expect(
      failure { _ = try evaluator.bucc(training: BuccFiles(source: source, target: target, gold: nil)) }?.kind == .usage
    )
  }

  @Test func missingLanguagesAndFiles() throws {
    #expect(failure { _ = try evaluator.tatoeba(folder: folder.file("none")) }?.kind == .missingInput)
    #expect(failure { _ = try evaluator.tatoeba(folder: folder.path) }?.kind == .missingInput)
    let alone = try write("tatoeba.deu-eng.deu", "a")
    #expect(failure { _ = try evaluator.tatoeba(folder: alone) }?.problem == "is not a folder")
    let partner = failure { _ = try evaluator.tatoeba(folder: folder.path) }
    #expect(partner?.kind == .missingInput && partner?.subject.hasSuffix("tatoeba.deu-eng.eng") == true)
    _ = try write("tatoeba.deu-eng.eng", "a")
    let other = failure { _ = try evaluator.tatoeba(folder: folder.path, languages: ["fr"]) }
    #expect(
      other?.kind == .missingInput && other?.problem.contains("\"fr\"") == true
        && other?.remedy?.contains("deu") == true)

    #expect(failure { _ = try evaluator.matrix(folder: folder.path) }?.kind == .missingInput)
    _ = try write("newstest2019-ref.deu.txt", "a")
    #expect(failure { _ = try evaluator.matrix(folder: folder.path) }?.kind == .usage)
    #expect(failure { _ = try evaluator.matrix(folder: folder.path, split: "devtest") }?.kind == .missingInput)
    _ = try write("newstest2019-src.eng.txt", "a")
    let absent = failure { _ = try evaluator.matrix(folder: folder.path, languages: ["deu", "jpn"]) }
    #expect(absent?.kind == .missingInput && absent?.problem.contains("\"jpn\"") == true)

    #expect(failure { _ = try ClassificationFiles(folder: folder.path, language: "en") }?.kind == .missingInput)
    _ = try write("eng_Latn.test.tsv", "a\tb")
    let train = failure { _ = try ClassificationFiles(folder: folder.path, language: "en") }
    #expect(train?.kind == .missingInput && train?.problem.contains("\"en\"") == true)
    #expect(failure { _ = try evaluator.retrieval(source: folder.file("none"), target: alone) }?.kind == .missingInput)
    #expect(failure { _ = try evaluator.retrieval(source: alone, target: alone) }?.kind == .usage)
  }

  @Test func fewPairs() throws {
    let nine = try folder.write("nine", (1...9).map { "sentence \($0)" } + ["sentence 1"])
    let few = failure { _ = try evaluator.paraCrawl(source: nine, target: nine) }
    #expect(few?.kind == .badData && few?.problem.contains("9 distinct pairs") == true)
  }

  @Test func labelsAndDocuments() throws {
    let train = try write("train", "sport\ta", "politics\tb\tc"), dev = try write("dev", "sport\td")
    func classify(_ train: String, _ dev: String, _ test: String) -> Failure? {
      failure {
        _ = try evaluator.classify(ClassificationFiles(language: "en", train: train, dev: dev, tests: [("de", test)]))
      }
    }
    let unseen = try write("unseen", "sport\te", "weather\tf")
    #expect(at(classify(train, dev, unseen), unseen, "line 2"))
    #expect(at(classify(train, unseen, dev), unseen, "line 2"))
    let bare = try write("bare", "sport\td", "no tab")
    #expect(at(classify(train, bare, dev), bare, "line 2"))
    let unlabelled = try write("unlabelled", "\td")
    #expect(at(classify(train, unlabelled, dev), unlabelled, "line 1"))
    let blank = try write("blank", "sport\td", "sport\t ")
    #expect(at(classify(train, blank, dev), blank, "line 2"))
    #expect(at(classify(dev, dev, dev), dev, nil))
    let sib = try write("sib", "index_id\tcategory\ttext", "1\tsport\ta", "2\tsport")
    #expect(at(classify(sib, dev, dev), sib, "line 3"))
    let heading = try write("heading", "index_id\tcategory\ttext")
    #expect(at(classify(heading, dev, dev), heading, nil))
  }

  @Test func alterations() throws {
    let target = try EvaluationText(path: try write("target", "one 1", "two"))
    var copies = Alterations()
    func read(_ file: String) -> Failure? { failure { try copies.read(file, of: target) } }
    let far = try write("far", "1\tnegation\tx", "3\tnegation\tx")
    #expect(at(read(far), far, "line 2"))
    let columns = try write("columns", "1\tnegation")
    #expect(at(read(columns), columns, "line 1"))
    let blank = try write("blank", "1\tnegation\t ")
    #expect(at(read(blank), blank, "line 1"))
    let short = try write("short", "one 2")
    #expect(at(read("number=" + short), short, "line 2"))
  }
}
