import Formats
import Foundation
import Index
import TestSupport
import Testing

/// One side that is kept from run to run: `ems index add`, and `ems mine --target-index`.
@Suite struct KeptIndexTests {
  let workshop: Workshop

  init() throws { workshop = try Workshop() }

  func file(_ name: String) -> String { workshop.folder.file(name) }

  /// Rows of clusters, from row `first` of an endless file on.
  @discardableResult
  func rows(_ name: String, _ range: Range<Int>, columns: Int = 12, seed: UInt64 = 1) throws -> String {
    let writer = try EmbeddingFileWriter(path: file(name), columns: columns, type: .float32)
    for row in range {
      var random = SplitMix(seed: seed &* 1_000_003 &+ UInt64(row))
      let values = (0..<columns).map { j in
        Float((row * 7 + j * 3) % 11) - 5 + Float.random(in: -2...2, using: &random)
      }
      try writer.append(values.span)
    }
    try writer.commit()
    return file(name)
  }

  @Test func rowsAreAddedToAnIndex() throws {
    let (whole, first, second, third) = (
      try rows("whole.npy", 0..<400), try rows("a.npy", 0..<150), try rows("b.npy", 150..<160),
      try rows("c.npy", 160..<400)
    )
    for factory in ["IVF8,Flat", "IVF4,SQ8", "Flat"] {
      #expect(
        try ems("index", "train", whole, "--factory", factory, "--output", file("t.faiss"), "--quiet").status == 0)
      for (input, output) in [(whole, "whole.faiss"), (first, "grown.faiss")] {
        let built = try ems("index", "build", input, "--trained", file("t.faiss"), "--output", file(output), "--quiet")
        #expect(built.status == 0, "\(built.error)")
      }
      let before = try workshop.folder.read("grown.faiss")
      let added = try ems(
        "index", "add", file("grown.faiss"), second, third, "--output", file("new.faiss"), "--json")
      #expect(added.status == 0 && added.json()["vectors"] as? Int == 400, "\(added.error)")
      // As one build makes it, with digests behind it, and the old index is what it was.
      #expect(try workshop.folder.read("new.faiss") == workshop.folder.read("whole.faiss"))
      #expect(try workshop.folder.read("grown.faiss") == before)
      // In place.
      for more in [second, third] {
        #expect(try ems("index", "add", file("grown.faiss"), more, "--quiet").status == 0)
      }
      #expect(try workshop.folder.read("grown.faiss") == workshop.folder.read("whole.faiss"))
    }
  }

  @Test func whatCannotBeAddedIsNamed() throws {
    let whole = try rows("whole.npy", 0..<200), index = file("x.faiss")
    #expect(try ems("index", "build", whole, "--factory", "IVF4,Flat", "--output", index, "--quiet").status == 0)
    let before = try workshop.folder.read("x.faiss")
    let narrow = try rows("narrow.npy", 0..<5, columns: 8)
    expect(
      try ems("index", "add", index, narrow), failsWith: 65, says: "narrow.npy", "8 elements", "12", "the model")
    let writer = try EmbeddingFileWriter(path: file("nan.npy"), columns: 12, type: .float32)
    try writer.append(([Float](repeating: 1, count: 17) + [.nan] + [Float](repeating: 1, count: 6)).span)
    try writer.commit()
    expect(try ems("index", "add", index, file("nan.npy")), failsWith: 65, says: "nan.npy", "row 1", "NaN")
    expect(try ems("index", "add", index, file("none.npy")), failsWith: 66, says: "none.npy")
    expect(try ems("index", "add", whole, whole, "--output", file("o")), failsWith: 65, says: "whole.npy")
    expect(try ems("index", "add", index, whole, "--output", index), failsWith: 64, says: "input")
    #expect(try ems("index", "train", whole, "--factory", "IVF4,Flat", "--output", file("t.faiss")).status == 0)
    #expect(try ems("index", "add", file("t.faiss"), whole, "--quiet").status == 0)
    // Lists that lie, bytes that changed, a metric that is another.
    #expect(try workshop.folder.read("x.faiss") == before)
    for (name, change) in [("cut", -9), ("flipped", 2000), ("metric", 33)] {
      var bytes = before
      if change < 0 { bytes.removeLast(-change) } else { bytes[change] ^= 1 }
      let damaged = try workshop.folder.write("\(name).faiss", bytes)
      expect(try ems("index", "add", damaged, whole), failsWith: 65, says: "\(name).faiss")
      #expect(try workshop.folder.read("\(name).faiss") == bytes)
    }
  }

  /// Two dumps of the source side and one of the target, from texts.
  private func texts() throws -> (sources: [String], target: String) {
    let lines = Workshop.lines(420).enumerated().compactMap { i, line in
      line.trimmingCharacters(in: .whitespaces).isEmpty ? nil : "\(i) \(line)"
    }
    func write(_ name: String, _ lines: [String]) throws -> String {
      try workshop.folder.write(name, lines.joined(separator: "\n") + "\n")
    }
    return (
      [try write("monday", Array(lines[..<150])), try write("tuesday", Array(lines[150...]))],
      try write("target", lines.reversed().map { $0 + " x" } + ["\(lines[3]) x"])
    )
  }

  private func mine(_ source: String, _ target: String, _ output: String, _ more: [String]) throws -> Outcome {
    try Running(
      [
        "mine", source, target, "--model", workshop.model, "--source-language", "de", "--target-language", "en",
        "--output", file(output), "--json", "--all",
      ] + more
    ).wait()
  }

  @Test func aKeptTargetGivesThePairsOfARunFromScratch() throws {
    let (sources, target) = try texts()
    for (kind, factory) in [("flat", "IVF4,Flat"), ("codes", "IVF4,SQ8")] {
      let search = ["--index", factory, "--nprobe", "2", "--shards", "2x3"]
      let first = try mine(sources[0], target, "\(kind).monday.tsv", search)
      #expect(first.status == 0, "\(first.error)")
      let scratch = try mine(sources[1], target, "\(kind).scratch.tsv", search)
      #expect(scratch.status == 0, "\(scratch.error)")
      let work = file("\(kind).monday.tsv.work")
      let keptRows = (0..<3).flatMap { ["--target-embeddings", "\(work)/target.\($0).npy"] }
      let kept = search + ["--target-index", "\(work)/target.faiss"] + keptRows
      let second = try mine(sources[1], target, "\(kind).tuesday.tsv", kept)
      #expect(second.status == 0, "\(second.error)")
      #expect(
        try workshop.folder.read("\(kind).tuesday.tsv") == workshop.folder.read("\(kind).scratch.tsv"))
      let stages = try #require(second.json()["stages"] as? [[String: Any]]).compactMap { $0["name"] as? String }
      #expect(stages.contains("keep-target-2") && !stages.contains { $0.hasPrefix("encode-target") }, "\(stages)")
      #expect(
        try !FileManager.default.contentsOfDirectory(atPath: file("\(kind).tuesday.tsv.work")).contains {
          $0.hasPrefix("target.") && ($0.hasSuffix(".npy") && $0 != "target.rows.npy" || $0.hasSuffix(".faiss"))
        })
      // Not done twice, and done again for another index.
      let again = try mine(sources[1], target, "\(kind).tuesday.tsv", kept)
      #expect(try #require(again.json()["stages"] as? [[String: Any]]).allSatisfy { $0["skipped"] as? Bool == true })
      // Faiss's own search of the same index finds the same here.
      let faiss = try mine(sources[1], target, "\(kind).faiss.tsv", kept + ["--engine", "faiss"])
      #expect(faiss.status == 0, "\(faiss.error)")
    }
  }

  @Test func aTargetThatGrewIsEncodedWhereItIsNew() throws {
    let (sources, target) = try texts()
    let old = try Array(String(decoding: workshop.folder.read("target"), as: UTF8.self).split(separator: "\n"))
    let begun = try workshop.folder.write("begun", old[..<200].joined(separator: "\n") + "\n")
    let search = ["--index", "IVF4,Flat", "--nprobe", "4", "--shards", "1"]
    #expect(try mine(sources[0], begun, "begun.tsv", search).status == 0)
    let kept = [
      "--target-index", file("begun.tsv.work/target.faiss"), "--target-embeddings", file("begun.tsv.work/target.0.npy"),
    ]
    let grown = try mine(sources[1], target, "grown.tsv", search + kept)
    #expect(grown.status == 0, "\(grown.error)")
    // All cells are looked into: what trained them has no influence.
    #expect(try mine(sources[1], target, "whole.tsv", search).status == 0)
    #expect(try workshop.folder.read("grown.tsv") == workshop.folder.read("whole.tsv"))
    let names = try FileManager.default.contentsOfDirectory(atPath: file("grown.tsv.work"))
    #expect(names.contains("target.1.npy") && names.contains("target.faiss") && !names.contains("target.0.npy"))
    #expect(try FaissIndex(path: file("grown.tsv.work/target.faiss")).count > 200)
  }

  @Test func whatIsNotTheTargetsIsNamed() throws {
    let (sources, target) = try texts()
    #expect(try mine(sources[0], target, "a.tsv", ["--index", "IVF4,Flat"]).status == 0)
    let index = file("a.tsv.work/target.faiss"), rows = file("a.tsv.work/target.0.npy")
    func run(_ more: String..., output: String = "b.tsv") throws -> Outcome {
      try mine(sources[1], target, output, more)
    }
    expect(try run("--target-index", index), failsWith: 64, says: "--target-embeddings")
    expect(try run("--target-embeddings", rows), failsWith: 64, says: "--target-index")
    expect(
      try run("--target-index", index, "--target-embeddings", rows, "--index", "exact"), failsWith: 64, says: "--index")
    // Rows or an index of another side, another model, other numbers.
    expect(
      try run("--target-index", index, "--target-embeddings", file("a.tsv.work/source.0.npy")), failsWith: 65,
      says: "source.0.npy")
    expect(
      try run("--target-index", index, "--target-embeddings", rows, "--target-embeddings", rows), failsWith: 65,
      says: "different sentences")
    expect(
      try run("--target-index", file("a.tsv.work/source.faiss"), "--target-embeddings", rows), failsWith: 65,
      says: "source.faiss")
    let narrow = try self.rows("narrow.npy", 0..<10)
    expect(try run("--target-index", index, "--target-embeddings", narrow), failsWith: 65, says: "narrow.npy", "36")
    expect(
      try run("--target-index", index, "--target-embeddings", rows, output: "a.tsv.work/target.faiss"), failsWith: 64,
      says: "input")
  }

  @Test func rowsWithAKeptIndex() throws {
    let source = try rows("s.npy", 3..<160, seed: 2)
    let target = try rows("t.npy", 0..<300)
    // The last rows are copies, which an index has and pairs have not.
    let more = try rows("more.npy", 290..<330)
    let search = ["--nprobe", "4", "--all", "--index", "IVF4,Flat"]
    func run(_ output: String, _ arguments: [String]) throws -> Outcome {
      try Running(
        ["mine", "--source-embeddings", source, "--target-embeddings", target, "--output", file(output), "--json"]
          + arguments
      ).wait()
    }
    #expect(try ems("index", "build", target, "--factory", "IVF4,Flat", "--output", file("t.faiss")).status == 0)
    #expect(try run("scratch.tsv", search).status == 0)
    let kept = try run("kept.tsv", search + ["--target-index", file("t.faiss")])
    #expect(kept.status == 0, "\(kept.error)")
    #expect(try workshop.folder.read("kept.tsv") == workshop.folder.read("scratch.tsv"))
    #expect(try ems("index", "add", file("t.faiss"), more, "--quiet").status == 0)
    let both = ["--target-embeddings", more] + search
    let whole = try run("whole.tsv", both)
    #expect(whole.status == 0 && whole.json()["target_unique"] as? Int == 330, "\(whole.error)")
    let grown = try run("grown.tsv", both + ["--target-index", file("t.faiss")])
    #expect(grown.status == 0, "\(grown.error)")
    #expect(try workshop.folder.read("grown.tsv") == workshop.folder.read("whole.tsv"))
    expect(try run("x.tsv", search + ["--target-index", file("t.faiss")]), failsWith: 65, says: "t.faiss", "340")
    // By default the source is compared with every row.
    let automatic = try run("auto.tsv", ["--all", "--nprobe", "4", "--target-index", file("t.faiss")] + both.prefix(2))
    #expect(automatic.status == 0, "\(automatic.error)")
    #expect(try workshop.folder.read("auto.tsv") == workshop.folder.read("whole.tsv"))
  }
}
