import Base
import Encoder
import Work

extension PipelineStages {
  /// Looks from samples of the two texts whether the run fits this machine.
  func checkEstimate() throws(Failure) {
    var texts: [TextEstimate] = []
    for side in sides { texts.append(try TextEstimate(path: side.input, options: side.text)) }
    try check(rows: texts.map(\.lines), bytes: texts.map(\.bytes))
  }

  /// The same from texts that have been read.
  func checkPlan(_ read: [StageManifest<ReadSummary>]) throws(Failure) {
    try check(
      rows: read.map(\.counts.unique), bytes: zip(Side.allCases, read).map { $1.sizes[$0.text] ?? 0 })
  }

  private func check(rows: [Int], bytes: [Int]) throws(Failure) {
    try MiningPlan(
      rows: rows, textBytes: bytes, configuration: configuration(), options: options, threads: threads
    ).check(folder: folder.path)
  }

  /// - Throws: `Failure` when two aligned texts differ in their number of lines.
  func checkAligned(_ read: [StageManifest<ReadSummary>]) throws(Failure) {
    let lines = read.map(\.counts.lines)
    guard lines[0] == lines[1] else {
      throw Failure(
        .badData, sides[1].input, "has \(lines[1]) lines, but \(sides[0].input) has \(lines[0])",
        remedy: "line i of one text must be the translation of line i of the other")
    }
  }
}
