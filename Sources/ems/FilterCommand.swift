import ArgumentParser
import Base
import Corpus
import Foundation
import Mine

struct FilterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "filter",
    abstract: "Trains and applies classifiers of mined pairs.",
    discussion: """
      A filter gives the probability that a pair is right, from its margin, cosine, ranks, gaps to other candidates, lengths, \
      numbers, names, copied words, languages, hubs, and from how far the pieces of each side have a counterpart in the other. \
      `ems mine --filter FILTER` keeps the pairs of at least 0.5. models/ems-mini/filter.json is one for ems-mini and any \
      language.
      """,
    subcommands: [FilterTrain.self, FilterApply.self])
}

struct FilterTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a filter on mined pairs of which it is known whether they are right.",
    discussion: """
      Tables are what `ems mine --all --fields score,source,target,features` wrote, of dumps in which known pairs were hidden. \
      Give as many --known as tables, in their order: all right pairs of the table, as `source TAB target` of sentences; every \
      other pair counts as wrong. --gold is the same with ids, for tables with source-id and target-id. --verdicts are \
      judgements of `ems sample`. From several tables, the probabilities are set straight on tables left out in turn.

      EXAMPLES
        ems mine de.txt en.txt --all --fields score,source,target,features --output de.tsv --model models/ems-mini \\
          --source-language de --target-language en
        ems filter train de.tsv fr.tsv --known de-planted.tsv --known fr-planted.tsv --output filter.json
        ems filter train pairs.tsv --verdicts pairs.verdicts.tsv --output filter.json
      """)

  @Argument(help: "Tables with a column features.", completion: .file())
  var tables: [String]

  @Option(help: "All right pairs of a table: `source TAB target`; one for each table.", completion: .file())
  var known: [String] = []

  @Option(help: "The same as `source-id TAB target-id`.", completion: .file())
  var gold: [String] = []

  @Option(help: "Judgements of `ems sample`; one file for each table.", completion: .file())
  var verdicts: [String] = []

  @Option(name: .shortAndLong, help: "The filter, a JSON file.", completion: .file(extensions: ["json"]))
  var output: String

  @OptionGroup var common: CommonOptions

  func validate() throws {
    let given = [known, gold, verdicts].filter { !$0.isEmpty }
    guard given.count == 1, given[0].count == tables.count else {
      throw ValidationError("Give one of --known, --gold and --verdicts for each table.")
    }
  }

  func run() throws {
    try OutputCheck.check([output], inputs: tables + known + gold + verdicts)
    let console = Console(quiet: common.quiet)
    let job = console.job()
    var labelled: [FilterTraining.Table] = []
    for (i, path) in tables.enumerated() {
      let table = try FilterTable(path: path)
      let labels: PairLabels
      if verdicts.isEmpty {
        labels = try PairLabels(complete: gold.isEmpty ? known[i] : gold[i])
      } else {
        labels = try PairLabels(verdicts: verdicts[i])
      }
      let sources = try table.column(gold.isEmpty ? .source : .sourceID, of: path)
      let targets = try table.column(gold.isEmpty ? .target : .targetID, of: path)
      var found = FilterTraining.Table(features: [], labels: [])
      for (row, features) in table.features.enumerated() {
        guard let label = labels.label(sources[row], targets[row]) else { continue }
        found.features.append(features)
        found.labels.append(label)
      }
      labelled.append(found)
    }
    let filter = try FilterTraining().train(labelled, threads: common.threads, job: job)
    try filter.write(to: output)
    console.finish()
    console.say(
      "\(output): trained on \(Format.count(filter.pairs)) pairs, \(Format.count(filter.right)) of them right")
    if common.json {
      try Console.printJSON(Result(output: output, pairs: filter.pairs, right: filter.right, tables: tables.count))
    }
  }

  private struct Result: Encodable {
    var output: String, pairs: Int, right: Int, tables: Int
  }
}

struct FilterApply: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Writes the probability of each pair of a table before its columns, without the features.",
    discussion: """
      EXAMPLES
        ems filter apply models/ems-mini/filter.json pairs.tsv --threshold 0.5 --output kept.tsv
      """)

  @Argument(help: "A filter.", completion: .file(extensions: ["json"]))
  var filter: String

  @Argument(
    help: "A table with a column features, as `ems mine --fields score,source,target,features` writes it.",
    completion: .file())
  var table: String

  @Option(help: "Lowest probability that is kept.")
  var threshold: Double = 0

  @Option(name: .shortAndLong, help: "Where the pairs go: .zst and .gz are compressed; - is standard output.")
  var output: String

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard 0...1 ~= threshold else { throw ValidationError("--threshold is a probability, 0 to 1.") }
  }

  func run() throws {
    try OutputCheck.check([output], inputs: [filter, table])
    let filter = try PairFilter.read(filter)
    let pairs = try FilterTable(path: table)
    let writer = try TextWriter(path: output)
    var kept = 0
    for (columns, features) in zip(pairs.lines, pairs.features) {
      let probability = filter.probability(features)
      if probability < threshold { continue }
      kept += 1
      let rest = zip(pairs.fields, columns).filter { $0.0 != .features }.map(\.1)
      try writer.writeLine(([decimal(probability, 6)] + rest).joined(separator: "\t"))
    }
    try writer.commit()
    Console(quiet: common.quiet).say(
      "\(output): \(Format.count(kept)) of \(Format.count(pairs.lines.count)) pairs")
    if common.json { try Console.printJSON(["pairs": pairs.lines.count, "kept": kept]) }
  }
}
