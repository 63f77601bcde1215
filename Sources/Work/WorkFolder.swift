import Base
import Corpus
import Foundation
import Glibc

/// The folder of a run: the files of its stages, with a manifest for each stage.
///
/// A stage is left out only if its inputs, its settings and the content of its outputs are what the manifest says. Files
/// appear when they are complete, and the manifest after them; so a run that was killed goes on at the stage it was in.
public final class WorkFolder {
  /// What a process does in a folder.
  public enum Use: Sendable, Equatable {
    /// It has the folder alone, and runs all stages.
    case whole
    /// It runs one stage, while other processes may run others.
    case stage(String)
    /// It runs none, and looks at manifests; the folder is neither made nor locked.
    case looking

    /// Whether it may run a stage.
    func runs(_ name: String) -> Bool {
      switch self {
      case .whole: true
      case .stage(let stage): stage == name
      case .looking: false
      }
    }
  }

  /// The folder.
  public let path: String
  /// What this process does in it.
  public let use: Use
  /// Looked at while files are digested, and behind each stage.
  public let job: Job
  private var locks: [FileLock] = []

  /// Opens the folder, making it if there is none, and takes the lock of its use.
  ///
  /// - Parameter job: looked at while files are digested, and behind each stage.
  /// - Throws: `Failure` if it cannot be made or written to, or if another process works in it (or on the stage).
  public init(path: String, use: Use = .whole, job: Job = Job()) throws(Failure) {
    self.path = path
    self.use = use
    self.job = job
    if use == .looking { return }
    let code = FileSystem.makeFolders(path)
    guard code == 0 else { throw Failure.system("cannot make the work folder", path, errno: code).asOutput }
    try lock("lock", exclusive: use == .whole, busy: "another run is working in this folder")
    if case .stage(let stage) = use {
      try lock("\(stage).lock", exclusive: true, busy: "another run is working on \(stage)")
    } else {
      // Nobody else is here: temporary files are what killed runs left.
      for name in FileSystem.names(in: path) ?? [] where name.hasSuffix(".tmp") {
        FileSystem.unlink("\(path)/\(name)")
      }
    }
  }

  private func lock(_ name: String, exclusive: Bool, busy: String) throws(Failure) {
    locks.append(
      try FileLock(
        path: "\(path)/\(name)", exclusive: exclusive,
        busy: Failure(.io, path, busy, remedy: "wait for it, or name another --work")))
  }

  /// The path of a file in the folder; a path with a slash is outside and stays as it is.
  public func file(_ name: String) -> String { name.contains("/") ? name : "\(path)/\(name)" }

  /// The digest of a file's content: MurmurHash3, 128 bits. It tells changes from accidents, not from intent.
  public static func digest(ofFile path: String, job: Job = Job()) throws(Failure) -> String {
    let file = try MappedFile(path: path)
    // In pieces, with the digests of the pieces digested: so that the job can be stopped.
    var text = ""
    var start = 0
    repeat {
      try job.check(path)
      let end = min(start + 1 << 26, file.count)
      var stream = Hash128.Stream()
      for some in stride(from: start, to: end, by: 1 << 22) {
        stream.update(Span<UInt8>(_bytes: file.bytes.extracting(some..<min(some + 1 << 22, end))))
        // What has been read would count as this process's memory, for as long as the digest goes on.
        file.dropFromMemory()
      }
      let hash = stream.hash
      text += String(format: "%016llx%016llx", hash.high, hash.low)
      start += 1 << 26
    } while start < file.count
    if text.utf8.count == 32 { return text }
    let hash = Hash128(Array(text.utf8).span)
    return String(format: "%016llx%016llx", hash.high, hash.low)
  }

  /// Runs a stage, or finds that it has been run.
  ///
  /// - Parameters:
  ///   - inputs, settings: all that the outputs depend on.
  ///   - outputs: names of the files that `body` writes.
  ///   - again: whether to run it even if it has been run.
  ///   - body: writes the outputs under temporary names and commits them; gives the stage's counts.
  /// - Returns: the manifest, whether the stage was left out, and whether it was run because files of an earlier run of the
  ///   same stage were missing, damaged or not to be trusted.
  public func run<Counts: StageCounts>(
    _ stage: String, inputs: [String: String], settings: [String: String], outputs: [String], again: Bool = false,
    _ body: () throws(Failure) -> Counts
  ) throws(Failure) -> (manifest: StageManifest<Counts>, skipped: Bool, wasDamaged: Bool) {
    let path = file("\(stage).json")
    var damaged = again
    if let old: StageManifest<Counts> = read(path), old.stage == stage, old.inputs == inputs, old.settings == settings,
      Set(old.outputs.keys) == Set(outputs)
    {
      for name in outputs where !damaged {
        damaged = FileSystem.access(file(name), R_OK) != 0
        if !damaged { damaged = try Self.digest(ofFile: file(name), job: job) != old.outputs[name] }
      }
      if !damaged { return (old, true, false) }
    }
    let start = ContinuousClock.now
    let counts = try body()
    try job.check(stage)
    var manifest = StageManifest(
      stage: stage, inputs: inputs, settings: settings, outputs: [:], sizes: [:], counts: counts,
      seconds: (ContinuousClock.now - start) / .seconds(1))
    for name in outputs {
      manifest.outputs[name] = try Self.digest(ofFile: file(name), job: job)
      manifest.sizes[name] = Self.size(ofFile: file(name))
    }
    try JSONFile.write(manifest, to: path)
    return (manifest, false, damaged)
  }

  /// The manifest of a stage that an earlier run has finished, perhaps on another machine: its settings and the sizes of its
  /// files are compared, not the digests, since many processes look at the same files. The run that ends the pipeline
  /// compares those.
  ///
  /// - Throws: `Failure` naming the stage if it was not run with these settings, or if a file is missing or incomplete.
  public func finished<Counts: StageCounts>(
    _ stage: String, settings: [String: String], outputs: [String]
  ) throws(Failure) -> StageManifest<Counts> {
    let path = file("\(stage).json")
    guard let manifest: StageManifest<Counts> = read(path) else {
      throw Failure(.missingInput, path, "stage \(stage) has not been run", remedy: "run it first: --only \(stage)")
    }
    guard manifest.stage == stage, manifest.settings == settings, Set(manifest.outputs.keys) == Set(outputs) else {
      throw Failure(
        .badData, path, "stage \(stage) was run with other settings",
        remedy: "run it again with the settings of this run: --only \(stage)")
    }
    for name in outputs where Self.size(ofFile: file(name)) != manifest.sizes[name] {
      throw Failure(
        .badData, file(name), "is missing or not as long as stage \(stage) left it",
        remedy: "run the stage again: --only \(stage)")
    }
    return manifest
  }

  private static func size(ofFile path: String) -> Int? {
    var status = stat()
    return FileSystem.stat(path, &status) == 0 ? Int(status.st_size) : nil
  }

  /// A manifest that cannot be read is as good as none: the stage is run again.
  private func read<Counts>(_ path: String) -> StageManifest<Counts>? {
    try? JSONFile.read(StageManifest<Counts>.self, from: path)
  }
}
