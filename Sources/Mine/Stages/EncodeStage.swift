import Base
import Encoder
import Kernels
import Work

/// Rows written, tokens encoded, and sentences that were cut at the model's longest.
struct EncodeCounts: StageCounts {
  var rows: Int, tokens: Int, truncated: Int
}

extension PipelineStages {
  /// Encodes the sentences of a shard.
  func encode(_ side: Side, _ shard: Int) -> Stage<EncodeCounts> {
    if let kept = kept(side), shard < kept.embeddings.count { return keep(side, shard, kept.embeddings[shard]) }
    return Stage(
      "encode-\(side)-\(shard)", kind: "encode", outputs: [side.embeddings(shard)],
      inputs: { [self] () throws(Failure) in modelFiles + [.outputs(read(side), only: [side.text])] },
      // The instruction set is part of the settings: another one rounds differently.
      settings: { [self] () throws(Failure) in
        var settings = try languageSettings([side]).merging(
          [
            "type": options.type.rawValue, "simd": Compute().equivalent(in: options.arithmetic ?? .float32),
            "rows": "\(try rows(side, shard))",
          ]) { $1 }
        settings["prompt"] = options.prompt
        settings["compute"] = options.arithmetic?.rawValue
        return settings
      }
    ) { [self] () throws(Failure) in
      let rows = try rows(side, shard)
      let result = try encodeFile(
        input: folder.file(side.text), options: storedText(side), lines: rows,
        from: place(side, row: rows.lowerBound), encoder: loadedEncoder(), language: languageInput(side),
        output: folder.file(side.embeddings(shard)), type: options.type, job: job, subject: "\(side) \(shard)")
      return EncodeCounts(rows: result.rows, tokens: result.tokens, truncated: result.truncatedLines)
    }
  }
}
