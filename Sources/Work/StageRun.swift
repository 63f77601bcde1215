import Base

/// A stage of a run and how long it took.
public struct StageTiming: Sendable, Codable {
  /// Its name, as `--only` takes it.
  public var name: String
  /// Wall-clock time; 0 if it was left out.
  public var seconds: Double
  /// Whether an earlier run had done it.
  public var skipped: Bool
}

/// Runs stages in a work folder: asked for the result of one, it runs those before it or finds that they have been run.
public final class StageRun {
  /// Where the stages' files are.
  public let folder: WorkFolder
  /// The stages so far, in the order in which they came to their end.
  public private(set) var timings: [StageTiming] = []

  private var manifests: [String: any AnyStageManifest] = [:]
  private var digests: [String: String] = [:]
  /// Files that were not what their manifests say, and were made again: what had been made from them must be, too, since
  /// its manifest may say that it was made from the right ones.
  private var mended: Set<String> = []

  /// Stages whose files another stage could not read.
  private var rejected: Set<String> = []

  /// A run in a folder, which says which stages may be run.
  public init(in folder: WorkFolder) { self.folder = folder }

  /// Runs a stage, finds that it has been run, or (where only another stage is to be run) that it is there.
  ///
  /// - Throws: what the stage or one before it fails with; in a folder that is not open for the stage, `Failure` naming the
  ///   stage that must be run before.
  public func result<Counts>(of stage: Stage<Counts>) throws(Failure) -> StageManifest<Counts> {
    if let known = manifests[stage.name] as? StageManifest<Counts> { return known }
    let settings = try stage.settings()
    guard folder.use.runs(stage.name) else {
      let manifest: StageManifest<Counts> = try folder.finished(stage.name, settings: settings, outputs: stage.outputs)
      manifests[stage.name] = manifest
      return manifest
    }
    let inputs = try inputs(of: stage)
    let (manifest, skipped, wasDamaged): (StageManifest<Counts>, Bool, Bool)
    do throws(Failure) {
      (manifest, skipped, wasDamaged) = try folder.run(
        stage.name, inputs: inputs, settings: settings, outputs: stage.outputs,
        again: rejected.contains(stage.name) || inputs.keys.contains { mended.contains($0) }, stage.body)
    } catch {
      // A file of an earlier stage has the digest in its manifest, and yet cannot be read: that stage is run once more.
      guard let maker = try maker(of: error, among: stage), rejected.insert(maker).inserted else { throw error }
      manifests[maker] = nil
      return try result(of: stage)
    }
    if wasDamaged { mended.formUnion(stage.outputs) }
    manifests[stage.name] = manifest
    timings.append(StageTiming(name: stage.name, seconds: skipped ? 0 : manifest.seconds, skipped: skipped))
    return manifest
  }

  /// The stage that wrote the file that a failure is about; nil if that is none that may be run here.
  private func maker(of failure: Failure, among stage: any AnyStage) throws(Failure) -> String? {
    guard failure.kind == .badData else { return nil }
    for input in try stage.inputs() {
      switch input {
      case .outputs(let other, _), .counts(let other):
        if folder.use.runs(other.name), other.outputs.contains(where: { folder.file($0) == failure.subject }) {
          return other.name
        }
        if let found = try maker(of: failure, among: other) { return found }
      case .file: break
      }
    }
    return nil
  }

  /// What a stage counts; it is run if it has not been.
  public func counts<Counts>(of stage: Stage<Counts>) throws(Failure) -> Counts { try result(of: stage).counts }

  /// The digests of all that a stage reads, by the names in its manifest.
  private func inputs(of stage: any AnyStage) throws(Failure) -> [String: String] {
    var inputs: [String: String] = [:]
    for input in try stage.inputs() {
      switch input {
      case .outputs(let other, let names):
        for (name, digest) in try other.result(in: self).outputs where names?.contains(name) ?? true {
          inputs[name] = digest
        }
      case .file(let path, let name): inputs[name] = try digest(ofFile: path)
      case .counts(let other): _ = try other.result(in: self)
      }
    }
    return inputs
  }

  /// The digest of a file from outside, which is read once in a run.
  public func digest(ofFile path: String) throws(Failure) -> String {
    if let known = digests[path] { return known }
    let digest = try WorkFolder.digest(ofFile: path, job: folder.job)
    digests[path] = digest
    return digest
  }
}
