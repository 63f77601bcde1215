import Base
import Foundation

/// One line of `metrics.jsonl`.
struct Metrics: Encodable {
  var step: Int
  var loss: Double?, xtr: Double?, alignment: Double?, distillation: Double?
  var learning_rate: Double?, gradient_norm: Double?
  var seconds: Double?
  var validation_loss: Double?, validation_xtr: Double?, validation_alignment: Double?
  var validation_distillation: Double?, validation_accuracy: Double?
}

/// The metrics, a JSON object a line, appended as they come.
struct MetricsFile: ~Copyable {
  private let file: FileHandle?
  private let path: String

  /// - Parameter path: nil for a rank that writes none.
  init(path: String?) throws(Failure) {
    self.path = path ?? ""
    guard let path else {
      file = nil
      return
    }
    if !FileManager.default.fileExists(atPath: path) { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    guard let file = FileHandle(forWritingAtPath: path) else {
      throw Failure(.io, path, "cannot write", remedy: "check the permissions of the run folder")
    }
    self.file = file
    _ = try? file.seekToEnd()
  }

  mutating func append(_ metrics: Metrics) throws(Failure) {
    guard let file else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    do {
      try file.write(contentsOf: encoder.encode(metrics) + Data("\n".utf8))
    } catch {
      throw Failure(.io, path, "cannot write: \(error)", remedy: "free some space")
    }
  }

  deinit { try? file?.close() }
}
