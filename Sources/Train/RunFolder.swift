import Base
import Corpus
import Encoder
import Formats
import Foundation
import Kernels

/// A training run on disk: `config.yaml`, `metrics.jsonl`, `cache/`, `checkpoints/`, `best/` and `final/`.
struct RunFolder {
  let path: String

  var cache: String { "\(path)/cache" }
  var checkpoints: String { "\(path)/checkpoints" }
  var best: String { "\(path)/best" }
  var final: String { "\(path)/final" }
  var metrics: String { "\(path)/metrics.jsonl" }

  /// Everything besides the tensors that a checkpoint holds.
  struct State: Codable, Sendable, Equatable {
    /// What the run's numbers depend on; see `TrainingConfiguration.fingerprint`.
    var fingerprint: String
    /// Steps taken, and steps of the whole run.
    var step: Int, totalSteps: Int
    var sampler: SamplerState
    /// The best validation so far.
    var bestValue: Double?, bestStep: Int?
    /// The last step whose model was validated.
    var validated = 0
    /// Seconds trained, over all processes.
    var seconds: Double
    /// Mean losses of the first steps and running mean, to notice divergence.
    var firstLoss: Double?, runningLoss: Double?
  }

  /// Makes the folders, and sees to it that no other process trains into them.
  ///
  /// - Returns: a lock to be held during the run.
  func create() throws(Failure) -> FileLock {
    try make(path)
    let lock = try FileLock(
      path: "\(path)/lock",
      busy: Failure(
        .io, path, "another process is training into this folder", remedy: "wait for it, or name another output"))
    for folder in [path, cache, checkpoints] {
      try make(folder)
      // What a killed process left half-written, NAME.PID.tmp: nobody would ever remove it.
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
        let parts = name.split(separator: ".")
        guard parts.count >= 3, parts.last == "tmp", Int(parts[parts.count - 2]) != nil else { continue }
        try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
      }
    }
    return lock
  }

  private func make(_ folder: String) throws(Failure) {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw Failure(.io, folder, "cannot create the folder", remedy: "check the path of output and its permissions")
    }
  }

  /// The checkpoints there are, the newest last.
  func list() -> [(step: Int, path: String)] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)) else { return nil }
      return (step, "\(checkpoints)/\(name)")
    }.sorted { $0.step < $1.step }
  }

  private static let files = ["model.safetensors", "optimizer.safetensors", "state.json"]

  /// Writes a checkpoint, which has its name only when it is complete, and removes all but the newest `keep`.
  func save(_ state: State, _ model: TrainingModel, _ adam: Adam, keep: Int, threads: Int) throws(Failure) -> String {
    let digits = String(state.step)
    let name = "\(checkpoints)/step-" + String(repeating: "0", count: max(0, 9 - digits.count)) + digits
    if FileManager.default.fileExists(atPath: name) {
      // The process that wrote it may have been killed before it removed the others.
      prune(keep: keep)
      return name
    }
    let folder = try StagedFolder(for: name, files: Set(Self.files + [CheckpointChecksums.name]))
    try write("\(folder.temporary)/model.safetensors", model.parameters.named.map { ($0.description.shape, $0.tensor) })
    try write(
      "\(folder.temporary)/optimizer.safetensors",
      [("mean", adam.mean), ("square", adam.square), ("largest", adam.largest)].map {
        (TensorShape(name: $0.0, shape: [$0.1.count]), $0.1)
      })
    try JSONFile.write(state, to: "\(folder.temporary)/state.json")
    try JSONFile.write(
      CheckpointChecksums(folder.temporary, Self.files, threads: threads),
      to: "\(folder.temporary)/\(CheckpointChecksums.name)")
    try folder.commit(replace: false)
    prune(keep: keep)
    return name
  }

  /// Removes all checkpoints but the newest `keep`.
  func prune(keep: Int) {
    for old in list().dropLast(keep) { try? FileManager.default.removeItem(atPath: old.path) }
  }

  private func write(_ path: String, _ tensors: [(TensorShape, Tensor)]) throws(Failure) {
    let writer = try SafeTensorsWriter(path: path, tensors: tensors.map(\.0))
    for (_, tensor) in tensors { try append(tensor, to: writer) }
    try writer.commit()
  }

  /// Reads the newest checkpoint that is whole into the model and the optimiser. Damaged ones that are newer get another
  /// name, so that the run can write theirs again.
  ///
  /// - Parameter say: told what is damaged, and what is done about it.
  /// - Returns: nil if there is none.
  func restore(
    _ model: TrainingModel, _ adam: inout Adam, fingerprint: String, threads: Int, say: (String) -> Void
  ) throws(Failure) -> State? {
    var damaged: [(path: String, failure: Failure)] = []
    for candidate in list().reversed() {
      let state: State
      do throws(Failure) {
        state = try verified(candidate.path, threads: threads)
      } catch {
        // What may not be read may yet be whole.
        guard error.kind == .badData || error.kind == .missingInput else { throw error }
        damaged.append((candidate.path, error))
        continue
      }
      try read(candidate.path, state, model, &adam, fingerprint: fingerprint)
      for (path, failure) in damaged {
        let aside = "\(path).damaged"
        try? FileManager.default.removeItem(atPath: aside)
        try? FileManager.default.moveItem(atPath: path, toPath: aside)
        say("\(failure); it is kept as \(aside), and the run continues from \(candidate.path)")
      }
      return state
    }
    guard var failure = damaged.first?.failure else { return nil }
    failure.remedy = "there is no older checkpoint that is whole; start again with another output"
    throw failure
  }

  private func verified(_ path: String, threads: Int) throws(Failure) -> State {
    try CheckpointChecksums.verify(path, Self.files, threads: threads)
    guard let json = FileManager.default.contents(atPath: "\(path)/state.json"),
      let state = try? JSONDecoder().decode(State.self, from: json)
    else { throw Failure(.badData, "\(path)/state.json", "cannot be read as a checkpoint's state") }
    return state
  }

  private func read(
    _ path: String, _ state: State, _ model: TrainingModel, _ adam: inout Adam, fingerprint: String
  ) throws(Failure) {
    guard state.fingerprint == fingerprint else {
      let (old, new) = (parts(state.fingerprint), parts(fingerprint))
      let difference = zip(old, new).first { $0 != $1 }
      throw Failure(
        .badData, path,
        "was made with another configuration"
          + (difference.map { ": it has \($0.0), the configuration has \($0.1)" } ?? ""),
        remedy: "restore the configuration, or start a run with another output (initial: can name this run's best/)")
    }
    let weights = try SafeTensors(path: "\(path)/model.safetensors")
    for (description, tensor) in model.parameters.named { try copy(weights, description.name, into: tensor) }
    let moments = try SafeTensors(path: "\(path)/optimizer.safetensors")
    try copy(moments, "mean", into: adam.mean)
    try copy(moments, "square", into: adam.square)
    try copy(moments, "largest", into: adam.largest)
    adam.step = state.step
  }

  private func parts(_ fingerprint: String) -> [Substring] { fingerprint.split(separator: ", ") }

  /// Cuts the metrics back to what the checkpoint knows of.
  func truncateMetrics(after state: State) throws(Failure) {
    guard let data = FileManager.default.contents(atPath: metrics) else { return }
    struct Line: Decodable { let step: Int, validation_loss: Double? }
    let kept = String(decoding: data, as: UTF8.self).split(separator: "\n").filter { text in
      guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8)) else { return false }
      return line.step <= (line.validation_loss == nil ? state.step : state.validated)
    }
    let output = try OutputFile(path: metrics)
    for line in kept { try output.write(line + "\n") }
    try output.commit()
  }
}

func append(_ tensor: Tensor, to writer: SafeTensorsWriter) throws(Failure) {
  var failure: Failure?
  tensor.withElements { elements in
    do throws(Failure) { try writer.append(elements) } catch { failure = error }
  }
  if let failure { throw failure }
}

/// Copies a tensor out of a file, converting it to single precision.
func copy(_ file: SafeTensors, _ name: String, into tensor: Tensor) throws(Failure) {
  var failure: Failure?
  tensor.withMutableElements { elements in
    do throws(Failure) { try file.copyFloats(name, into: &elements) } catch { failure = error }
  }
  if let failure { throw failure }
}
