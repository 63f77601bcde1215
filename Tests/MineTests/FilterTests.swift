import Base
import Foundation
import Mine
import TestSupport
import Testing

@Suite struct FilterTests {
  let folder = TemporaryFolder()

  /// Pairs whose chance to be right rises with the first feature, and is far less where the third is above 1.
  func table(_ count: Int, seed: UInt64) -> FilterTraining.Table {
    var random = SplitMix(seed: seed)
    var table = FilterTraining.Table(features: [], labels: [])
    for _ in 0..<count {
      var features = PairFeatures.names.map { _ in Float.random(in: 0...1, using: &random) }
      features[2] = Float(Int.random(in: 1...4, using: &random))
      table.features.append(features)
      table.labels.append(Float.random(in: 0...1, using: &random) < chance(features))
    }
    return table
  }

  func chance(_ features: [Float]) -> Float { features[2] > 1 ? 0.1 * features[0] : features[0] * features[0] }

  @Test(arguments: [1, 3])
  func probabilitiesAreThoseOfTheData(tables: Int) throws {
    let filter = try FilterTraining().train((0..<tables).map { table(6000 / tables, seed: UInt64($0)) }, threads: 2)
    let test = table(4000, seed: 99)
    var error = 0.0
    for features in test.features { error += abs(filter.probability(features) - Double(chance(features))) }
    #expect(error / 4000 < 0.06)
    // In each fifth of the probabilities, as many are right as they say.
    let rated = zip(test.features.map { filter.probability($0) }, test.labels).sorted { $0.0 < $1.0 }
    for fifth in 0..<5 {
      let part = rated[fifth * 800..<(fifth + 1) * 800]
      let said = part.reduce(0) { $0 + $1.0 } / 800
      #expect(abs(said - Double(part.count { $0.1 }) / 800) < 0.06)
    }
  }

  @Test func filesAreReadAsTheyWereWritten() throws {
    let filter = try FilterTraining().train([table(1500, seed: 5)], threads: 1)
    #expect(try FilterTraining().train([table(1500, seed: 5)], threads: 4) == filter)
    let path = folder.file("filter.json")
    try filter.write(to: path)
    #expect(try PairFilter.read(path) == filter)
    let text = String(decoding: try folder.read("filter.json"), as: UTF8.self)
    for (change, to) in [
      ("\"features\":[\"margin\"", "\"features\":[\"x\""), ("pair filter 1", "pair filter 9"), ("}", ""),
    ] {
      _ = try folder.write("bad.json", text.replacing(change, with: to))
      let failure = #expect(throws: Failure.self) { try PairFilter.read(folder.file("bad.json")) }
      #expect(failure?.kind == .badData)
    }
    _ = try folder.write("loop.json", text.replacing("\"trees\":[[[", with: "\"trees\":[[[0,0.5,0,0,0],["))
    #expect(throws: Failure.self) { try PairFilter.read(folder.file("loop.json")) }
  }

  @Test func aFewLabelsAreTooFew() {
    var few = table(500, seed: 1)
    few.labels = few.labels.indices.map { $0 < 20 }
    let failure = #expect(throws: Failure.self) { try FilterTraining().train([few], threads: 1) }
    #expect(failure?.kind == .badData && failure?.problem.contains("20 right") == true)
  }

  @Test func verdictsSurviveAKill() throws {
    let path = folder.file("v.tsv")
    func entry(_ verdict: Verdicts.Verdict, _ i: Int) -> Verdicts.Entry {
      Verdicts.Entry(verdict: verdict, score: 1.25, source: "Satz \(i)", target: "sentence \(i)")
    }
    try Verdicts.append(entry(.right, 1), to: path)
    try Verdicts.append(entry(.wrong, 2), to: path)
    let whole = try folder.read("v.tsv")
    _ = try folder.write("v.tsv", whole + Array("right\t1.5\thalf a li".utf8))
    #expect(try Verdicts(path: path).all.map(\.verdict) == [.right, .wrong])
    try Verdicts.append(entry(.skip, 3), to: path)
    #expect(try Verdicts(path: path).all.map(\.source) == ["Satz 1", "Satz 2", "Satz 3"])
    _ = try folder.write("bad.tsv", "perhaps\t1\ta\tb\n")
    let failure = #expect(throws: Failure.self) { try Verdicts(path: folder.file("bad.tsv")) }
    #expect(failure?.place == "line 1")
  }

  @Test func aSampleSaysHowManyAreRight() throws {
    let lines = (0..<1000).map { "\(2 - Double($0) / 1000)\tSatz \($0)\tsentence \($0)\n" }
    let path = try folder.write("p.tsv", lines.joined())
    let sample = try PairSample(path: path, bands: 4, drawing: 200, seed: 3)
    #expect(sample.bands.map(\.pairs) == [250, 250, 250, 250] && sample.bands.map(\.drawn.count) == [50, 50, 50, 50])
    #expect(try PairSample(path: path, bands: 4, drawing: 200, seed: 3).order(seed: 3) == sample.order(seed: 3))
    #expect(try PairSample(path: path, bands: 4, drawing: 200, seed: 4).order(seed: 4) != sample.order(seed: 3))
    // The first half is right, and every second one of the third quarter.
    let entries = sample.order(seed: 3).map { row in
      Verdicts.Entry(
        verdict: row < 500 || (row < 750 && row % 2 == 0) ? .right : .wrong, score: sample.pairs[row].score,
        source: sample.pairs[row].source, target: sample.pairs[row].target)
    }
    let points = sample.precision(entries)
    #expect(points.map(\.pairs) == [250, 500, 750, 1000] && points.map(\.judged) == [50, 100, 150, 200])
    #expect(points[1].precision == 1 && points[1].low < 1 && points[1].low > 0.9)
    #expect(abs(points[2].precision - 5.0 / 6) < 0.08 && points[2].low < 5.0 / 6 && points[2].high > 5.0 / 6)
    #expect(sample.precision([]).isEmpty)
  }
}
