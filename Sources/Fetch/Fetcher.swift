import Base
import Corpus
import Foundation
import Synchronization

/// How to fetch.
public struct FetchOptions: Sendable {
  /// Files on their way at a time, from 1.
  public var jobs = 4
  /// Attempts that may fail in a row before a file is given up, besides the first.
  public var retries = 5
  /// Seconds to connect.
  public var connectSeconds = 30
  /// Seconds below 100 bytes a second after which an attempt ends.
  public var stallSeconds = 60
  /// Whether files are replaced that are there with other content than the manifest says.
  public var replace = false
  /// Whether tar and zip archives are unpacked into folders beside them.
  public var extract = false
  /// Seconds before the second attempt; doubled for each further one, up to a minute.
  package var backoff = 1.0
  /// A proxy; "" for none, nil for the environment's.
  package var proxy: String?

  /// The defaults.
  public init() {}
}

/// What became of one file.
public struct FileReport: Sendable, Codable, Equatable {
  /// How a file fared.
  public enum State: String, Sendable, Codable {
    /// Fetched in this run.
    case fetched
    /// There before, as the manifest says.
    case present
    /// Not there, or not as the manifest says.
    case failed
  }

  /// The manifest's name.
  public var corpus: String
  /// The path below the output folder.
  public var name: String
  /// How it fared.
  public var state: State
  /// The size in bytes.
  public var bytes: Int?
  /// The SHA-256 digest of what is there.
  public var sha256: String?
  /// Whether the manifest has a digest, and it is this one.
  public var verified = false
  /// The bytes that an earlier run or attempt had left, if it was gone on with.
  public var resumedFrom: Int?
  /// The folder below the output folder that it was unpacked to.
  public var extracted: String?
  /// Why it failed.
  public var problem: String?
  /// The failure itself.
  public var failure: Failure? = nil

  private enum CodingKeys: String, CodingKey {
    case corpus, name, state, bytes, sha256, verified
    case resumedFrom = "resumed_from"
    case problem, extracted
  }

  init(_ item: FetchItem, _ state: State) {
    corpus = item.corpus
    name = item.file.name
    self.state = state
  }

  init(_ item: FetchItem, _ failure: Failure) {
    self.init(item, .failed)
    self.failure = failure
    problem = failure.description
  }
}

/// How far a fetch is.
public struct FetchProgress: Sendable {
  /// Files done and files in all.
  public var done = 0, files = 0
  /// Bytes fetched in this run.
  public var bytes = 0
}

/// A file to fetch or to look at, with what messages say about it.
struct FetchItem: Sendable {
  var corpus: String
  var source: String
  var file: ManifestFile
}

/// Files of manifests in one output folder.
public struct DataSet: Sendable {
  /// The folder.
  public let output: String
  let items: [FetchItem]

  /// The chosen files of some manifests.
  ///
  /// - Parameters:
  ///   - languages, patterns: see `Manifest.files(languages:patterns:)`.
  /// - Throws: `Failure(.usage)` when nothing is chosen, or when two files have one name.
  public init(
    _ manifests: [Manifest], output: String, languages: [Language]? = nil, patterns: [String] = []
  ) throws(Failure) {
    self.output = output
    var items: [FetchItem] = []
    var owners: [String: String] = [:]
    for manifest in manifests {
      for file in manifest.files(languages: languages, patterns: patterns) {
        if let other = owners.updateValue(manifest.path, forKey: file.name) {
          throw Failure(
            .usage, "\(other) and \(manifest.path)", "both have a file \(file.name)",
            remedy: "fetch them into different folders")
        }
        items.append(FetchItem(corpus: manifest.name, source: manifest.source, file: file))
      }
    }
    guard !items.isEmpty else {
      throw Failure(
        .usage, manifests.map(\.path).joined(separator: ", "), "has no file of these languages and names",
        remedy: "`ems data list MANIFEST` shows the files")
    }
    self.items = items
  }

  /// How many files are chosen.
  public var count: Int { items.count }

  /// Looks at every file in the folder: whether it is there, and its size, digest and, if there is no digest to compare,
  /// its lines.
  ///
  /// - Returns: a report for each file, in order; `present` are those that are as the manifests say.
  /// - Throws: `Failure` when there is no such folder, and when the job is cancelled.
  public func verify(
    job: Job = Job(), _ observe: (FetchProgress) -> Void = { _ in }
  ) throws(Failure) -> [FileReport] {
    let folder = try DataFolder(reading: output)
    var reports: [FileReport] = []
    var progress = FetchProgress(files: items.count)
    for item in items {
      do throws(Failure) {
        guard let report = try inspect(item, in: folder, job: job) else {
          throw Failure(.missingInput, folder.shown(item.file.name), "is not there", remedy: "`ems data fetch` gets it")
        }
        progress.bytes += report.bytes ?? 0
        reports.append(report)
      } catch {
        if error.kind == .interrupted { throw error }
        reports.append(FileReport(item, error))
      }
      progress.done += 1
      observe(progress)
    }
    return reports
  }

  /// Fetches what is missing. A file that fails does not keep the others from being fetched.
  ///
  /// - Parameters:
  ///   - job: says whether to stop.
  ///   - observe: told about the progress, from several threads.
  /// - Returns: a report for each file, in order.
  /// - Throws: `Failure` when the folder cannot be written to or another run works in it, and when the job is cancelled;
  ///   what was fetched is kept then.
  public func fetch(
    _ options: FetchOptions = FetchOptions(), job: Job = Job(),
    observe: @escaping @Sendable (FetchProgress) -> Void = { _ in }
  ) throws(Failure) -> [FileReport] {
    let folder = try DataFolder(writing: output)
    let state = Mutex((reports: [FileReport?](repeating: nil, count: items.count), next: 0))
    let progress = Progress(FetchProgress(files: items.count), observe)
    let items = items
    onThreads(min(options.jobs, items.count)) {
      var connection: Connection?
      while true {
        let i = state.withLock { state in
          state.next += 1
          return state.next - 1
        }
        if i >= items.count || job.isCancelled { return }
        var report: FileReport
        do throws(Failure) {
          let open: Connection
          if let connection { open = connection } else { open = try Connection() }
          connection = open
          let fetch = FileFetch(item: items[i], folder: folder, options: options, job: job, progress: progress)
          report = try fetch.run(on: open)
          if options.extract {
            report.extracted = try unpack(items[i].file, fetched: report.state == .fetched, in: folder, job: job)
          }
        } catch {
          report = FileReport(items[i], error)
        }
        state.withLock { $0.reports[i] = report }
        progress.finished()
      }
    }
    if job.isCancelled { throw interrupted(output) }
    return state.withLock { $0.reports.compactMap { $0 } }
  }

  /// The one failure that stands for those of the reports, nil if there is none: the first, and how many there are.
  public static func failure(_ reports: [FileReport], output: String) -> Failure? {
    let failures = reports.compactMap(\.failure)
    guard let first = failures.first else { return nil }
    if failures.count == 1 { return first }
    // Data that are not what they should be are worse news than data that are not there.
    let kind = failures.contains { $0.kind == .badData } ? .badData : first.kind
    return Failure(
      kind, output, "\(failures.count) of \(reports.count) files failed; the first: \(first)")
  }
}

/// Counts what several threads fetch.
final class Progress: Sendable {
  private let state: Mutex<FetchProgress>
  private let observe: @Sendable (FetchProgress) -> Void

  init(_ start: FetchProgress, _ observe: @escaping @Sendable (FetchProgress) -> Void) {
    state = Mutex(start)
    self.observe = observe
  }

  func add(_ bytes: Int) { change { $0.bytes += bytes } }
  func finished() { change { $0.done += 1 } }

  private func change(_ body: (inout FetchProgress) -> Void) {
    let now = state.withLock { state in
      body(&state)
      return state
    }
    observe(now)
  }
}

/// Runs a body on threads of its own until all have returned. Transfers wait for most of their time, so these are not
/// the threads that there is one of for each processor.
private func onThreads(_ count: Int, _ body: @escaping @Sendable () -> Void) {
  let done = DispatchSemaphore(value: 0)
  for _ in 0..<count {
    let thread = Thread {
      body()
      done.signal()
    }
    thread.stackSize = 1 << 20
    thread.start()
  }
  for _ in 0..<count { done.wait() }
}

/// What is in the folder under a file's name; nil if nothing is.
///
/// - Throws: `Failure(.badData)` when it is not what the manifest says.
func inspect(_ item: FetchItem, in folder: DataFolder, job: Job) throws(Failure) -> FileReport? {
  let shown = folder.shown(item.file.name)
  guard let file = try folder.file(item.file.name) else { return nil }
  let size = Int(try status(file, shown).st_size)
  if let wanted = item.file.bytes, size != wanted {
    throw Failure(.badData, shown, "has \(size) bytes, and \(wanted) in the manifest", remedy: differs)
  }
  let digest = SHA256()
  try readAll(file, shown, job: job) { digest.add($0) }
  var report = FileReport(item, .present)
  report.bytes = size
  report.sha256 = digest.finish()
  report.verified = try agrees(item.file, digest: report.sha256, shown: shown, path: shown, job: job)
  return report
}

private let differs = "it was changed or damaged: remove it and fetch it again, or use --replace"

/// Compares a digest with the manifest's, or if there is none the lines.
///
/// - Returns: whether there was a digest to compare with.
/// - Throws: `Failure(.badData)` when they differ.
func agrees(_ file: ManifestFile, digest: String?, shown: String, path: String, job: Job) throws(Failure) -> Bool {
  if let wanted = file.sha256 {
    guard digest == wanted else {
      throw Failure(
        .badData, shown, "has the SHA-256 \(digest ?? "?"), and \(wanted) in the manifest", remedy: differs)
    }
    return true
  }
  guard let wanted = file.lines, file.format == .text || file.format == .tsv,
    [.none, .gzip, .zstd].contains(file.compression)
  else { return false }
  let reader = try LineReader(path: path)
  var batch = LineBatch()
  while try reader.readBatch(into: &batch) {
    if job.isCancelled { throw interrupted(shown) }
  }
  guard reader.report.lines == wanted else {
    throw Failure(
      .badData, shown, "has \(reader.report.lines) lines, and \(wanted) in the manifest", remedy: differs)
  }
  return false
}

/// The way of one file.
struct FileFetch {
  let item: FetchItem
  let folder: DataFolder
  let options: FetchOptions
  let job: Job
  let progress: Progress

  private var file: ManifestFile { item.file }

  func run(on connection: Connection) throws(Failure) -> FileReport {
    do throws(Failure) {
      if let report = try inspect(item, in: folder, job: job) { return report }
    } catch {
      guard error.kind == .badData, options.replace else { throw error }
    }
    try folder.prepare(file.name)
    let part = try PartFile(of: file.name, from: file.url, in: folder, job: job)
    var farthest = part.count
    var failures = 0
    var startedAgain = false
    while true {
      if job.isCancelled { throw interrupted(file.url) }
      part.kept = part.count
      // All bytes may be there already, if the process was killed before the file got its name.
      let transfer = Transfer(of: file, to: part, source: item.source, job: job, onBytes: progress.add)
      let end = part.count > 0 && part.count == part.total ? .complete : transfer.run(on: connection, options)
      let failure: Failure
      var pause: Double?
      switch end {
      case .complete:
        do throws(Failure) {
          return try finish(part, transfer)
        } catch {
          guard error.kind == .badData else { throw error }
          // What was kept may be what is wrong, whatever the server said; once.
          let mayBeMixed = part.kept > 0 && !startedAgain
          try part.restart()
          if mayBeMixed {
            startedAgain = true
            continue
          }
          part.discard()
          throw error
        }
      case .startAgain(let reason):
        try part.restart()
        failure = reason
        pause = 0
      case .again(let reason, let after):
        failure = reason
        pause = after
        // Without a mark nothing tells whether the server will still have this version.
        if part.validator == nil, part.count > 0 {
          farthest = max(farthest, part.count)
          try part.restart()
        }
      case .failed(let reason):
        if reason.kind == .badData { part.discard() }
        throw reason
      }
      failures = part.count > farthest ? 1 : failures + 1
      farthest = max(farthest, part.count)
      guard failures <= options.retries else {
        throw Failure(failure.kind, failure.subject, failure.problem + " (attempt \(failures))", remedy: failure.remedy)
      }
      try wait(pause ?? min(60, options.backoff * pow(2, Double(failures - 1))))
    }
  }

  private func finish(_ part: PartFile, _ transfer: Transfer) throws(Failure) -> FileReport {
    if let wanted = file.bytes ?? part.total, part.count != wanted {
      throw Failure(.badData, file.url, "sent \(part.count) of \(wanted) bytes", remedy: "see \(item.source)")
    }
    try transfer.checkHead()
    var report = FileReport(item, .fetched)
    report.bytes = part.count
    report.sha256 = part.finishDigest()
    report.resumedFrom = part.kept > 0 ? part.kept : nil
    report.verified = try agrees(file, digest: report.sha256, shown: file.url, path: part.path, job: job)
    try part.publish(as: file.name)
    return report
  }

  private func wait(_ seconds: Double) throws(Failure) {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      if job.isCancelled { throw interrupted(file.url) }
      Thread.sleep(forTimeInterval: min(0.1, seconds))
    }
  }
}
