import Base
import Encoder
import Index
import Kernels
import Work

extension PipelineStages {
  /// Sentences that are encoded to see whether kept rows are theirs, and rows that are looked for in a kept index.
  private static let keptSample = 16, keptQueries = 64
  /// The least cosine of a kept row and its sentence's: other arithmetic and half floats change less.
  private static let keptCosine: Float = 0.9

  /// Takes the rows of a shard from a file that was made before.
  func keep(_ side: Side, _ shard: Int, _ path: String) -> Stage<EncodeCounts> {
    Stage(
      "keep-\(side)-\(shard)", kind: "encode", outputs: [],
      inputs: { [self] () throws(Failure) in
        modelFiles + [.outputs(read(side), only: [side.text]), .file(path, name: side.embeddings(shard))]
      },
      settings: { [self] () throws(Failure) in
        try languageSettings([side]).merging(["rows": "\(try rows(side, shard))"]) { $1 }
      }
    ) { [self] () throws(Failure) in
      job.report("looking at \(path)")
      let compute = Compute(threads: threads)
      let (range, rows) = (try rows(side, shard), try EmbeddingSide(embeddings(side, shard), on: compute))
      let places = (0..<min(Self.keptSample, range.count)).map { $0 * range.count / min(Self.keptSample, range.count) }
      let text = try TextTable(mapping: folder.file(side.text))
      let encoded = try loadedEncoder().encode(
        places.map { String(decoding: text.line(range.lowerBound + $0), as: UTF8.self) }, input: languageInput(side),
        job: job, subject: "sentences of \(path)")
      let cosines = Tensor(rows: places.count, columns: 1)
      let own = try EmbeddingSide(encoded, name: "sentences of \(path)", on: compute)
      compute.rowProducts(
        compute.unit(rows.unitRows, places), compute.unit(own.unitRows, Array(places.indices)), into: cosines)
      for (i, place) in places.enumerated() where cosines[i, 0] < Self.keptCosine {
        // Rows of zeros are those of sentences without any token that the model knows.
        if rows.unitRows.factors[place] == 0, own.unitRows.factors[i] == 0 { continue }
        throw Failure(
          .badData, path, at: "row \(place)",
          "is not the row of sentence \(range.lowerBound + place) of \(sides[side.number].input) (cosine \(cosines[i, 0]))",
          remedy: "name the text and the model that the rows were made from, with the same filters")
      }
      return EncodeCounts(rows: range.count, tokens: 0, truncated: 0)
    }
  }

  /// Takes the index over a side that was made before. Where the side's text has grown since, its new rows are added to a copy.
  func keepIndex(_ side: Side, _ kept: KeptSide) throws(Failure) -> Stage<RowCount> {
    let grows = try grows(side)
    return Stage(
      "index-\(side)", kind: "index", outputs: grows ? [side.index] : [],
      inputs: { [self] () throws(Failure) in
        [.counts(read(side)), .file(kept.index, name: Self.keptIndex)] + (try rowInputs(side))
      },
      settings: { [self] () throws(Failure) in try indexSettings(side) }
    ) { [self] () throws(Failure) in
      let compute = Compute(threads: threads)
      let index = try FaissIndex(path: kept.index, mapped: !grows, threads: threads)
      let files = try keptFiles(side)
      let rows = try EmbeddingSide(written: files)
      try index.check(isOver: rows, sample: Self.keptQueries, on: compute)
      if grows {
        try index.add(
          EmbeddingSide(written: [embeddings(side, files.count)]), on: compute, job: job,
          subject: "adding to the index over \(side)")
        try index.write(to: folder.file(side.index))
      }
      return RowCount(rows: index.count)
    }
  }
}
