import Base
import Work

extension PipelineStages {
  /// The stages that do not depend on what the texts hold.
  var firstStages: [any AnyStage] { [read(.source), read(.target)] }

  /// All stages of the run, each after those that it needs.
  ///
  /// - Throws: `Failure` while the number of shards or the kind of search depends on texts that have not been read.
  func all() throws(Failure) -> [any AnyStage] {
    var stages = firstStages
    for side in Side.allCases { stages += try encodings(side) }
    switch try searchKind() {
    case .exact: stages += try exactSearches()
    case .lists: stages.append(listSearch())
    case .indices:
      for side in Side.allCases {
        if kept(side) == nil, try shards(side) > 1 {
          stages.append(trainIndex(side))
          stages += try indexParts(side)
        }
        stages.append(try index(side))
      }
      for side in Side.allCases { stages += try indexSearches(side) }
    }
    stages.append(neighbours())
    if try searchKind() != .exact { stages.append(recall()) }
    if options.aligned { return stages + [scores()] }
    stages.append(estimate())
    if let calibration = options.calibration { stages.append(calibrate(calibration)) }
    return stages + [pairs()]
  }

  /// The stage of a name.
  ///
  /// - Throws: `Failure(.usage)` for a name that is no stage.
  func stage(named name: String) throws(Failure) -> any AnyStage {
    // Those that begin a run are known before anything has been read.
    if let stage = firstStages.first(where: { $0.name == name }) { return stage }
    let known = try? all()
    if let stage = known?.first(where: { $0.name == name }) { return stage }
    let names =
      known?.map(\.name).joined(separator: ", ")
      ?? firstStages.map(\.name).joined(separator: ", ") + " (others are known after these)"
    throw Failure(.usage, "--only", "\"\(name)\" is no stage of this run", remedy: "the stages are \(names)")
  }
}
