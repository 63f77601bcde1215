import Base
import Corpus
import Encoder
import Index
import Work

/// Candidates and pairs. At a threshold, those of the pairs that are not below it.
struct PairCounts: StageCounts {
  var candidates: Int, pairs: Int
  var atThreshold: [Double: Int] = [:]
  /// Pairs that were left out for a flag, by the first flag that was not wanted.
  var dropped: [String: Int] = [:]

  private enum CodingKeys: String, CodingKey { case candidates, pairs }

  init(candidates: Int, pairs: Int) { (self.candidates, self.pairs) = (candidates, pairs) }

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    candidates = try values.decode(Int.self, forKey: .candidates)
    pairs = try values.decode(Int.self, forKey: .pairs)
    atThreshold = try decoder.thresholdCounts()
    dropped = try decoder.droppedCounts()
  }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(candidates, forKey: .candidates)
    try values.encode(pairs, forKey: .pairs)
    try encoder.encode(thresholdCounts: atThreshold)
    try encoder.encode(droppedCounts: dropped)
  }
}

extension PipelineStages {
  /// Scores candidates, chooses pairs and writes them.
  func pairs() -> Stage<PairCounts> {
    Stage(
      "pairs", kind: "pairs", outputs: [output],
      inputs: { [self] () throws(Failure) in
        var inputs: [StageInput] = [.outputs(neighbours()), .outputs(read(.source)), .outputs(read(.target))]
        if options.mining.threshold == nil, options.precision != nil { inputs.append(.outputs(estimate())) }
        if let filter = options.filter { inputs.append(.file(filter, name: "filter")) }
        if options.wantsFeatures { inputs += modelFiles }
        return inputs
      },
      settings: { [self] () throws(Failure) in
        [
          "margin": options.mining.margin.rawValue, "retrieval": options.mining.retrieval.rawValue,
          "threshold": options.mining.threshold.map { "\($0)" } ?? options.precision.map { "precision \($0.value)" }
            ?? "none",
          "limit": options.mining.limit.map { "\($0)" } ?? "none",
          "fields": options.fields.map(\.rawValue).joined(separator: ","),
        ].merging(self.flagSettings) { $1 }.merging(self.filterSettings) { $1 }
      }
    ) { [self] () throws(Failure) in
      job.report("scoring")
      let mining = try cut().applied(to: options.mining)
      let found = try storedNeighbours()
      let (source, target) = (try pairSide(.source), try pairSide(.target))
      let writer = try PairWriter(fields: options.fields, source: source, target: target, neighbours: found)
      var (pairs, candidates) = PairMiner(found).pairs(mining)
      try job.check(folder.path)
      var counts = PairCounts(candidates: candidates, pairs: pairs.count)
      var (features, probabilities) = try features(of: pairs, found, source, target)
      if options.filter != nil, let all = probabilities, let values = features {
        let kept = kept(pairs, all)
        counts.dropped["filter"] = pairs.count - kept.count
        (pairs, features, probabilities) = (kept.map { pairs[$0] }, kept.map { values[$0] }, kept.map { all[$0] })
        counts.pairs = pairs.count
      }
      var flags: [[PairFlag]]?
      if options.wantsFlags {
        job.report("looking for odd pairs")
        let flagger = PairFlagger(
          source: source, target: target, neighbours: found, languages: flagLanguages, pairs: pairs)
        let all = try flagger.flags(of: pairs, threads: threads, job: job)
        let drop = FlagDrop(options.dropped)
        let kept = pairs.indices.filter { drop.reason(all[$0]) == nil }
        for flags in all { if let reason = drop.reason(flags) { counts.dropped[reason.rawValue, default: 0] += 1 } }
        flags = kept.map { all[$0] }
        if let values = features { features = kept.map { values[$0] } }
        if let values = probabilities { probabilities = kept.map { values[$0] } }
        pairs = kept.map { pairs[$0] }
        counts.pairs = pairs.count
      }
      try writer.write(pairs, flags: flags, features: features, probabilities: probabilities, to: output)
      for threshold in thresholds where threshold >= mining.threshold ?? -.infinity {
        counts.atThreshold[threshold] = pairs.count { $0.score >= threshold }
      }
      return counts
    }
  }
}

extension PipelineStages {
  /// What decides which pairs are flagged and left out, as settings of a stage; empty where no flags are asked for.
  var flagSettings: [String: String] {
    guard options.wantsFlags else { return [:] }
    return [
      // To be raised when flags change what they mean.
      "flags": "2", "drop": options.dropped.map(\.rawValue).sorted().joined(separator: ","),
      "languages": sides.map { $0.language?.code ?? "" }.joined(separator: " "),
      "identifier": flagLanguages.identifier.digest ?? flagLanguages.identifier.name,
    ]
  }

  /// What decides which pairs a filter keeps, as settings of a stage.
  var filterSettings: [String: String] {
    guard options.wantsFeatures else { return [:] }
    return [
      "features": PairFilter.format, "least probability": options.leastProbability.map { "\($0)" } ?? "by precision",
      "languages": sides.map { $0.language?.code ?? "" }.joined(separator: " "),
    ]
  }

  /// The features of pairs, and their probabilities where there is a filter; nil where nobody asks for them.
  func features(
    of pairs: [MinedPair], _ found: TwoWayNeighbours, _ source: PairSide, _ target: PairSide
  ) throws(Failure) -> ([[Float]]?, [Double]?) {
    guard options.wantsFeatures else { return (nil, nil) }
    job.report("features of pairs")
    let filter = try options.filter.map { path throws(Failure) in try PairFilter.read(path) }
    let encoder = try loadedEncoder()
    defer { unloadEncoder() }
    let lexicon = try Lexicon(
      encoder, source: source, target: target, rows: (found.forward.rows, found.backward.rows),
      inputs: (languageInput(.source), languageInput(.target)), threads: threads, job: job)
    let flagger = PairFlagger(
      source: source, target: target, neighbours: found, languages: flagLanguages, pairs: pairs)
    let features = try PairFeatures(
      source: source, target: target, miner: PairMiner(found), margin: options.mining.margin, flagger: flagger,
      lexicon: lexicon
    ).values(of: pairs, threads: threads, job: job)
    return (features, filter.map { filter in features.map { filter.probability($0) } })
  }

  /// The pairs that the filter keeps: of at least the least probability, or as many as leave the precision that is wanted, which
  /// is the mean of their probabilities.
  func kept(_ pairs: [MinedPair], _ probabilities: [Double]) -> [Int] {
    if let least = options.leastProbability { return pairs.indices.filter { probabilities[$0] >= least } }
    let goal = options.precision?.value ?? 0
    let order = pairs.indices.sorted { (probabilities[$1], $0) < (probabilities[$0], $1) }
    var (sum, count) = (0.0, 0)
    for (place, pair) in order.enumerated() {
      sum += probabilities[pair]
      if sum >= goal * Double(place + 1) { count = place + 1 }
    }
    return order.prefix(count).sorted()
  }

  /// The languages of the sides, and who tells them.
  var flagLanguages: PairFlagger.Languages {
    PairFlagger.Languages(
      source: sides[0].language, target: sides[1].language,
      identifier: options.sourceFilter?.identifier ?? options.targetFilter?.identifier)
  }
}

/// Leaves out pairs by their flags.
struct FlagDrop {
  let unwanted: Set<PairFlag>

  init(_ unwanted: Set<PairFlag>) { self.unwanted = unwanted }

  /// The first flag for which a pair goes; nil if it stays.
  func reason(_ flags: [PairFlag]) -> PairFlag? { unwanted.isEmpty ? nil : flags.first { unwanted.contains($0) } }

  /// Leaves the pairs that stay.
  ///
  /// - Returns: their flags, and how many went for which flag.
  func keep(_ pairs: inout [MinedPair], _ flags: [[PairFlag]]) -> (flags: [[PairFlag]], dropped: [String: Int]) {
    if unwanted.isEmpty { return (flags, [:]) }
    var (kept, keptFlags, dropped): ([MinedPair], [[PairFlag]], [String: Int]) = ([], [], [:])
    for (pair, flags) in zip(pairs, flags) {
      if let reason = reason(flags) {
        dropped[reason.rawValue, default: 0] += 1
      } else {
        kept.append(pair)
        keptFlags.append(flags)
      }
    }
    pairs = kept
    return (keptFlags, dropped)
  }
}

extension Decoder {
  private static var droppedPrefix: String { "dropped_" }

  /// The counts of a manifest whose keys begin with `dropped_`.
  func droppedCounts() throws -> [String: Int] {
    let values = try container(keyedBy: NamedCount.self)
    var counts: [String: Int] = [:]
    for key in values.allKeys where key.stringValue.hasPrefix(Self.droppedPrefix) {
      counts[String(key.stringValue.dropFirst(Self.droppedPrefix.count))] = try values.decode(Int.self, forKey: key)
    }
    return counts
  }
}

extension Encoder {
  /// Writes counts by reason beside others.
  func encode(droppedCounts counts: [String: Int]) throws {
    var values = container(keyedBy: NamedCount.self)
    for (reason, count) in counts { try values.encode(count, forKey: NamedCount(stringValue: "dropped_" + reason)) }
  }
}

extension Decoder {
  /// The counts of a manifest whose keys are numbers: thresholds, as `1.06`.
  func thresholdCounts() throws -> [Double: Int] {
    let values = try container(keyedBy: NamedCount.self)
    var counts: [Double: Int] = [:]
    for key in values.allKeys {
      if let threshold = Double(key.stringValue) { counts[threshold] = try values.decode(Int.self, forKey: key) }
    }
    return counts
  }
}

extension Encoder {
  /// Writes counts at thresholds beside others.
  func encode(thresholdCounts counts: [Double: Int]) throws {
    var values = container(keyedBy: NamedCount.self)
    for (threshold, count) in counts { try values.encode(count, forKey: NamedCount(stringValue: "\(threshold)")) }
  }
}
