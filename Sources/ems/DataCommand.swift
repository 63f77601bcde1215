import ArgumentParser
import Base
import Corpus
import Fetch
import Foundation

struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Lists, fetches and verifies public corpora by their manifests.",
    discussion: """
      A manifest says where a corpus comes from, under which licence, and which files with which digests it has; those that \
      come with ems lie in data-manifests.

      EXAMPLES
        ems data list
        ems data list data-manifests/paracrawl-4.yaml
        ems data fetch data-manifests/tatoeba-laser.yaml --languages de,en --output data/tatoeba
        ems data verify data-manifests/tatoeba-laser.yaml --languages de,en --output data/tatoeba
      """,
    subcommands: [List.self, Fetch.self, Verify.self])

  /// Options of all three.
  struct Common: ParsableArguments {
    @Flag(help: "Say nothing but errors and results.")
    var quiet = false

    @Flag(help: "Print the result as one JSON object on standard output.")
    var json = false
  }

  /// Which files.
  struct Choice: ParsableArguments {
    @Option(
      help: """
        Languages, with commas between: files in one or two languages are taken if all of them are named, files in more if \
        one is.
        """)
    var languages: String?

    @Option(help: ArgumentHelp("A shell pattern for file names; may be given again.", valueName: "glob"))
    var files: [String] = []

    func parsed() throws(Failure) -> [Language]? {
      guard let languages else { return nil }
      var result: [Language] = []
      for code in languages.split(separator: ",") { result.append(try Language(parsing: String(code))) }
      return result
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows manifests: corpora, or the files of one.",
      discussion: """
        A star before the licence: the corpus is not for any use, or its publisher does not say. `fetch` wants \
        --accept-licence for those.

        EXAMPLES
          ems data list
          ems data list data-manifests/paracrawl-4.yaml --languages de,en
          ems data list --json
        """)

    @Argument(help: "A manifest, or a folder of them.", completion: .file(extensions: ["yaml"]))
    var manifests = "data-manifests"

    @OptionGroup var choice: Choice
    @OptionGroup var common: Common

    func run() throws {
      let all = try Manifest.all(at: manifests)
      let languages = try choice.parsed()
      if common.json {
        return try Console.printJSON([
          "corpora": all.map { Entry($0, $0.files(languages: languages, patterns: choice.files)) }
        ])
      }
      if all.count == 1, !isFolder { return show(all[0], all[0].files(languages: languages, patterns: choice.files)) }
      var rows = [["NAME", "VERSION", "LANGUAGES", "FILES", "SIZE", "  LICENCE"]]
      for manifest in all {
        let files = manifest.files(languages: languages, patterns: choice.files)
        if files.isEmpty { continue }
        rows.append([
          manifest.name, manifest.version, Self.shown(manifest.languages), "\(files.count)", Self.size(files),
          "\(manifest.use == .any ? " " : "*") \(manifest.licence)\(manifest.use == .any ? "" : " (\(manifest.use.rawValue))")",
        ])
      }
      Self.printTable(rows)
    }

    private var isFolder: Bool {
      var isFolder: ObjCBool = false
      return unsafe FileManager.default.fileExists(atPath: manifests, isDirectory: &isFolder) && isFolder.boolValue
    }

    private func show(_ manifest: Manifest, _ files: [ManifestFile]) {
      print("\(manifest.name) \(manifest.version): \(manifest.description)")
      print("licence     \(manifest.licence)\(manifest.licenceURL.map { " (\($0))" } ?? "")")
      print("use         \(manifest.use.rawValue)")
      print("source      \(manifest.source)")
      print("citation    \(manifest.citation)")
      if let notes = manifest.notes { print("notes       \(notes)") }
      print("unverified  \(manifest.unverified.isEmpty ? "nothing" : manifest.unverified.joined(separator: ", "))\n")
      var rows = [["FILE", "LANGUAGES", "SIZE", "LINES", "SHA-256"]]
      for file in files {
        rows.append([
          file.name, Self.shown(file.languages), file.bytes.map(Format.bytes) ?? "?",
          file.lines.map(Format.count) ?? "?",
          file.sha256.map { String($0.prefix(12)) + "..." } ?? "?",
        ])
      }
      Self.printTable(rows)
    }

    private static func shown(_ languages: [Language]) -> String {
      languages.count <= 3 ? languages.map(\.code).joined(separator: " ") : "\(languages.count)"
    }

    private static func size(_ files: [ManifestFile]) -> String {
      let known = files.compactMap(\.bytes)
      if known.isEmpty { return "?" }
      return (known.count < files.count ? "> " : "") + Format.bytes(known.reduce(0, +))
    }

    private static func printTable(_ rows: [[String]]) {
      let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
      for row in rows {
        let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
        print(cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
      }
    }

    private struct Entry: Encodable {
      let name: String, version: String, description: String, languages: [String], licence: String, licence_url: String?
      let use: Use, source: String, citation: String, notes: String?, unverified: [String], files: [File]

      struct File: Encodable {
        let name: String, url: String, languages: [String], compression: Compression, format: FileFormat
        let bytes: Int?, sha256: String?, lines: Int?
      }

      init(_ m: Manifest, _ chosen: [ManifestFile]) {
        (name, version, description, languages) = (m.name, m.version, m.description, m.languages.map(\.code))
        (licence, licence_url, use, source) = (m.licence, m.licenceURL, m.use, m.source)
        (citation, notes, unverified) = (m.citation, m.notes, m.unverified)
        files = chosen.map {
          File(
            name: $0.name, url: $0.url, languages: $0.languages.map(\.code), compression: $0.compression,
            format: $0.format, bytes: $0.bytes, sha256: $0.sha256, lines: $0.lines)
        }
      }
    }
  }

  struct Fetch: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fetches the files of manifests.",
      discussion: """
        A fetch that was stopped goes on where it was when the same command is run again, if the server still has the same \
        file. Sizes and digests are compared with the manifest; where it has no digest, the one found is shown and the file \
        counts as not verified. Proxies are taken from http_proxy, https_proxy and no_proxy.

        EXAMPLES
          ems data fetch data-manifests/tatoeba-laser.yaml --languages de,en --output data/tatoeba
          ems data fetch data-manifests/flores-200.yaml --output data/flores --extract
          ems data fetch data-manifests/opus-100.yaml --files '*-de-en-*' --accept-licence --output data/opus
        """)

    @Argument(help: "Manifests.", completion: .file(extensions: ["yaml"]))
    var manifests: [String]

    @Option(name: .shortAndLong, help: "The folder to fetch into.", completion: .directory)
    var output: String

    @OptionGroup var choice: Choice

    @Option(help: "Files on their way at a time.")
    var jobs = 4

    @Option(help: "Attempts that may fail in a row before a file is given up.")
    var retries = 5

    @Option(help: "Seconds without data (under 100 bytes a second) after which an attempt ends.")
    var timeout = 60

    @Flag(help: "Fetch data that are not for any use, or whose publisher does not say.")
    var acceptLicence = false

    @Flag(help: "Replace files that are there with another content than the manifest says.")
    var replace = false

    @Flag(help: "Unpack tar and zip archives beside themselves.")
    var extract = false

    @OptionGroup var common: Common

    func validate() throws {
      guard !manifests.isEmpty else { throw ValidationError("Name at least one manifest.") }
      guard 1...64 ~= jobs else { throw ValidationError("--jobs must be from 1 to 64.") }
      guard 0...100 ~= retries else { throw ValidationError("--retries must be from 0 to 100.") }
      guard 1...3600 ~= timeout else { throw ValidationError("--timeout must be from 1 to 3600.") }
    }

    func run() throws {
      let console = Console(quiet: common.quiet)
      var all: [Manifest] = []
      for path in manifests { all += try Manifest.all(at: path) }
      let set = try DataSet(all, output: output, languages: try choice.parsed(), patterns: choice.files)
      for manifest in all {
        console.say(
          "\(manifest.name): licence \(manifest.licence)\(manifest.licenceURL.map { " (\($0))" } ?? ""), use: \(manifest.use.rawValue)"
        )
        guard manifest.use == .any || acceptLicence else {
          throw Failure(
            .usage, manifest.path,
            "is for \(manifest.use == .unclear ? "a use that its publisher does not state" : "\(manifest.use.rawValue) use"): \(manifest.licence)",
            remedy: "look at \(manifest.licenceURL ?? manifest.source), and give --accept-licence if that suits you")
        }
      }
      var options = FetchOptions()
      (options.jobs, options.retries, options.stallSeconds, options.replace) = (jobs, retries, timeout, replace)
      options.extract = extract
      let start = ContinuousClock.now
      let reports = try set.fetch(options, job: console.job()) { progress in
        let seconds = max(0.001, (ContinuousClock.now - start) / .seconds(1))
        console.progress(
          "file \(progress.done) of \(progress.files), \(Format.bytes(progress.bytes)), "
            + "\(Format.bytes(Int(Double(progress.bytes) / seconds)))/s")
      }
      console.finish()
      try finish(reports, output: output, json: common.json)
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Compares the files in a folder with their manifest.",
      discussion: """
        Sizes and digests are compared; lines are counted where the manifest has them and no digest. The status is 0 if \
        every file is there and nothing differs.

        EXAMPLES
          ems data verify data-manifests/tatoeba-laser.yaml --output data/tatoeba
        """)

    @Argument(help: "A manifest.", completion: .file(extensions: ["yaml"]))
    var manifest: String

    @Option(name: .shortAndLong, help: "The folder that it was fetched into.", completion: .directory)
    var output: String

    @OptionGroup var choice: Choice
    @OptionGroup var common: Common

    func run() throws {
      let console = Console(quiet: common.quiet)
      let set = try DataSet(
        [try Manifest(path: manifest)], output: output, languages: try choice.parsed(), patterns: choice.files)
      let reports = try set.verify(job: console.job()) { progress in
        console.progress("file \(progress.done) of \(progress.files), \(Format.bytes(progress.bytes))")
      }
      console.finish()
      try finish(reports, output: output, json: common.json)
    }
  }

  /// Prints what became of the files, and fails if any failed.
  private static func finish(_ reports: [FileReport], output: String, json: Bool) throws {
    func count(_ state: FileReport.State) -> Int { reports.count { $0.state == state } }
    let verified = reports.count(where: \.verified)
    let failed = count(.failed)
    if json {
      struct Result: Encodable {
        let files: [FileReport], fetched: Int, present: Int, failed: Int, verified: Int
      }
      try Console.printJSON(
        Result(
          files: reports, fetched: count(.fetched), present: count(.present), failed: failed, verified: verified))
    } else {
      for report in reports where report.state != .failed && !report.verified {
        print("not verified  \(report.sha256 ?? "?")  \(report.name)")
      }
      for report in reports { if let folder = report.extracted { print("extracted     \(folder)") } }
      let bytes = reports.compactMap(\.bytes).reduce(0, +)
      print(
        "\(reports.count) \(reports.count == 1 ? "file" : "files"): \(count(.fetched)) fetched, \(count(.present)) present, \(failed) failed; "
          + "\(verified) verified, \(reports.count - verified - failed) not verified; \(Format.bytes(bytes))")
    }
    if reports.count(where: { $0.state == .failed }) > 1 {
      for failure in reports.compactMap(\.failure) { Console.error(failure) }
    }
    if let failure = DataSet.failure(reports, output: output) { throw failure }
  }
}
