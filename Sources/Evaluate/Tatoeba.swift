import Base
import Corpus
import Foundation
import Report

/// The figures of a folder of Tatoeba test sets (Artetxe and Schwenk 2019; Hu et al. 2020 for the group of 36).
public struct TatoebaResult: EvaluationResult {
  /// A set of languages and the unweighted means over it.
  public struct Group: Sendable, Encodable {
    /// How many languages of the group there are in the folder.
    public var languages: Int { codes.count }
    /// Their codes, sorted.
    public var codes: [String]
    /// The means; `n` is the sum. nil for no language.
    public var scores: AlignedScores?

    /// One object: the number of languages, their codes, and the scores.
    public func encode(to encoder: any Encoder) throws {
      try encoder.add(["languages": languages, "codes": codes, "scores": scores])
    }
  }

  /// The figures by the code in the file's name. Forward is from that language to English.
  public var languages: [String: AlignedScores]
  /// All languages that were evaluated.
  public var all: Group
  /// Those that the model was trained on; nil if the model does not name its languages.
  public var modelLanguages: Group?
  /// Those of XTREME's 36.
  public var xtreme36: Group
  /// Sentences encoded, and the seconds that it all took.
  public var sentences: Int
  /// Seconds from the first file read to the last figure.
  public var seconds: Double
  /// The margin that was used.
  public var options: MarginOptions
  var known: Set<String>
  var margins: (right: [Double], wrong: [Double])

  /// The languages of XTREME's Tatoeba figure, by canonical code.
  public static let xtreme36Codes: Set<String> = Set(
    """
    af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr nl pt ru sw ta te th tl tr ur vi zh
    """.split(separator: " ").map(String.init))

  /// `mean`, `model_languages_mean` and `xtreme_36_mean` are by cosine and index, over both directions; `xtreme_36_forward`
  /// is what XTREME itself shows; `groups` has every variant. XTREME's are left out unless all 36 languages are there.
  public func encode(to encoder: any Encoder) throws {
    let xtreme = xtreme36.languages == Self.xtreme36Codes.count ? xtreme36.scores : nil
    var groups = ["all": all, "xtreme_36": xtreme36]
    groups["model_languages"] = modelLanguages
    try encoder.add([
      "languages": languages, "mean": all.scores?.cosine.mean, "text_mean": all.scores?.cosineText?.mean,
      "margin_mean": all.scores?.margin.mean, "mteb_f1": all.scores?.mtebF1,
      "model_languages_mean": modelLanguages?.scores?.cosine.mean, "xtreme_36_mean": xtreme?.cosine.mean,
      "xtreme_36_forward": xtreme?.cosine.forward, "groups": groups, "sentences": sentences, "seconds": seconds,
      "k": options.k, "margin": options.margin, "ties": "the lowest row among equal cosines",
    ])
  }

  /// The means by cosine and index.
  public var headlines: [(name: String, value: Double)] {
    [("Tatoeba", all.scores), ("Tatoeba, model's languages", modelLanguages?.scores)].compactMap { name, scores in
      scores.map { (name, $0.cosine.mean) }
    }
  }

  /// The heading.
  public var title: String { "Tatoeba, \(languages.count) languages" }

  /// The table by language, bars, and the margins of right and wrong pairs.
  public var sections: [ReportSection] {
    var table = ReportTable(
      "Accuracy in percent, sorted by the mean by cosine and index; + marks the model's languages",
      [
        ("language", .text), ("", .text), ("n", .count), ("xxx>eng", .percent), ("eng>xxx", .percent),
        ("mean", .percent), ("by text", .percent), ("margin", .percent), ("margin, text", .percent),
      ])
    table.marked = (5, true)
    let sorted = languages.sorted { ($1.value.cosine.mean, $0.key) < ($0.value.cosine.mean, $1.key) }
    func cells(_ scores: AlignedScores?) -> [ReportTable.Cell] {
      [
        .value(scores.map { Double($0.n) }), .value(scores?.cosine.forward), .value(scores?.cosine.backward),
        .value(scores?.cosine.mean), .value(scores?.cosineText?.mean), .value(scores?.margin.mean),
        .value(scores?.marginText?.mean),
      ]
    }
    for (code, scores) in sorted {
      table.rows.append([.text(code), .text(known.contains(code) ? "+" : "")] + cells(scores))
    }
    if let modelLanguages {
      table.footer.append([.text("model's \(modelLanguages.languages)"), .text("")] + cells(modelLanguages.scores))
    }
    table.footer.append([.text("XTREME's \(xtreme36.languages) of 36"), .text("")] + cells(xtreme36.scores))
    table.footer.append([.text("all \(all.languages)"), .text("")] + cells(all.scores))
    var sections: [ReportSection] = [
      .table(table),
      .bars(
        title: "Mean of both directions, by cosine and index; dark bars are the model's languages",
        bars: sorted.map { ($0.key, $0.value.cosine.mean, known.contains($0.key)) }),
    ]
    if let bins = ScoreBins(right: margins.right, wrong: margins.wrong) {
      sections.append(
        .histogram(title: "Margin of what was found for each sentence, into English", bins, threshold: nil))
    }
    return sections
  }
}

extension Evaluator {
  /// LASER's folder of Tatoeba test sets: files `tatoeba.xxx-eng.xxx` and `tatoeba.xxx-eng.eng`, aligned by line.
  ///
  /// - Parameters:
  ///   - languages: which of them, by any code of theirs; nil for all.
  /// - Throws: `Failure` for a folder without such files, a language that is not there, files of unequal length, and
  ///   lines without a sentence.
  public func tatoeba(
    folder: String, languages: [String]? = nil, _ options: MarginOptions = MarginOptions()
  ) throws(Failure) -> TatoebaResult {
    let start = ContinuousClock.now
    let sets = try Self.choose(languages, from: Self.tatoebaFiles(folder), folder: folder)
    let trained = encoder.map { $0.model.configuration.languages.map(Self.canonical) } ?? []

    var results: [String: AlignedScores] = [:]
    var margins: (right: [Double], wrong: [Double]) = ([], [])
    var sentences = 0
    for (number, set) in sets.enumerated() {
      tell("\(set.code), \(number + 1) of \(sets.count)", Double(number) / Double(sets.count))
      let source = try EvaluationText(path: set.source, language: set.code)
      let target = try EvaluationText(path: set.target, language: "eng")
      try EvaluationText.checkAligned(source, target)
      let sides = try sides([source, target], subject: "\(set.code), \(number + 1) of \(sets.count)")
      let outcome = try aligned(sides[0], sides[1], sourceText: source, targetText: target, options)
      results[set.code] = outcome.scores
      sentences += source.count + target.count
      for found in outcome.found {
        if found.right { margins.right.append(found.score) } else { margins.wrong.append(found.score) }
      }
    }
    func group(_ codes: [String]) -> TatoebaResult.Group {
      TatoebaResult.Group(codes: codes.sorted(), scores: AlignedScores.mean(codes.sorted().compactMap { results[$0] }))
    }
    let codes = sets.map(\.code)
    let known = Set(codes.filter { trained.contains(Self.canonical($0)) })
    return TatoebaResult(
      languages: results, all: group(codes), modelLanguages: trained.isEmpty ? nil : group(Array(known)),
      xtreme36: group(codes.filter { TatoebaResult.xtreme36Codes.contains(Self.canonical($0)) }), sentences: sentences,
      seconds: (ContinuousClock.now - start) / .seconds(1), options: options, known: known, margins: margins)
  }

  /// The canonical code of a language, or the code itself if nobody knows it.
  static func canonical(_ code: String) -> String { (try? Language(parsing: code))?.code ?? code }

  private struct TatoebaFiles { var code: String, source: String, target: String }

  private static func tatoebaFiles(_ folder: String) throws(Failure) -> [TatoebaFiles] {
    let names = Set(try fileNames(in: folder))
    var sets: [TatoebaFiles] = []
    for name in names.sorted() {
      var parts = name.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count >= 3, parts[0] == "tatoeba" else { continue }
      let packed = parts.count == 4 && ["zst", "gz"].contains(parts[3])
      if packed { parts.removeLast() }
      guard parts.count == 3, parts[1] == parts[2] + "-eng", parts[2] != "eng" else { continue }
      let stem = "tatoeba.\(parts[1]).eng"
      guard let partner = [stem, stem + ".zst", stem + ".gz"].first(where: { names.contains($0) }) else {
        throw Failure(
          .missingInput, "\(folder)/\(stem)", "is not there, but \(name) is", remedy: "each language has two files")
      }
      sets.append(
        TatoebaFiles(code: String(parts[2]), source: "\(folder)/\(name)", target: "\(folder)/\(partner)"))
    }
    guard !sets.isEmpty else {
      throw Failure(
        .missingInput, folder, "holds no files of Tatoeba test sets",
        remedy: "names are tatoeba.deu-eng.deu and tatoeba.deu-eng.eng, as in LASER's data/tatoeba/v1")
    }
    return sets
  }

  private static func choose(
    _ wanted: [String]?, from sets: [TatoebaFiles], folder: String
  ) throws(Failure) -> [TatoebaFiles] {
    guard let wanted else { return sets }
    let indices = try selectLanguages(wanted, from: sets.map(\.code), folder: folder)
    return indices.map { sets[$0] }
  }

  /// The places of the wanted languages in a list of codes: by the very code, else by the language that it means.
  static func selectLanguages(
    _ wanted: [String], from codes: [String], folder: String
  ) throws(Failure) -> [Int] {
    var chosen: [Int] = []
    for name in wanted {
      let place: Int?
      if let exact = codes.firstIndex(of: name) {
        place = exact
      } else {
        let language = try Language(parsing: name).code
        place = codes.firstIndex { canonical($0) == language }
      }
      guard let place else {
        throw Failure(
          .missingInput, folder, "has no files for the language \"\(name)\"",
          remedy: "there are \(codes.joined(separator: ", "))")
      }
      if !chosen.contains(place) { chosen.append(place) }
    }
    return chosen
  }

  /// The names of the files in a folder.
  static func fileNames(in folder: String) throws(Failure) -> [String] {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) else {
      throw Failure(.missingInput, folder, "is not there", remedy: "name a folder of test files")
    }
    guard isFolder.boolValue else {
      throw Failure(.missingInput, folder, "is not a folder", remedy: "name the folder that holds the test files")
    }
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw Failure(.io, folder, "cannot be read: \(error.localizedDescription)", remedy: "check its permissions")
    }
  }
}
