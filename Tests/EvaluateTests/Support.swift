import Base
import Evaluate
import Foundation
import TestSupport

extension TemporaryFolder {
  /// Writes lines, each with its end.
  func write(_ name: String, _ lines: [String]) throws -> String {
    try write(name, lines.map { $0 + "\n" }.joined())
  }

  /// Writes a `.npy` file of two columns.
  func write(_ name: String, rows: [(Float, Float)]) throws -> String {
    var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows.count), 2), }"
    while (text.utf8.count + 11) % 64 != 0 { text += " " }
    text += "\n"
    var bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8)]
    bytes += Array(text.utf8)
    for row in rows {
      for value in [row.0, row.1] {
        for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(shift))) }
      }
    }
    return try write(name, bytes)
  }
}

extension Evaluator {
  /// Takes embeddings from files; whatever must be encoded fails.
  static var withoutModel: Evaluator { Evaluator(encoder: nil, threads: 2) }
}

/// The failure that `body` throws.
func failure(_ body: () throws -> Void) -> Failure? {
  do {
    try body()
    return nil
  } catch {
    return error as? Failure
  }
}

/// Whether a failure names this file and place.
func at(_ failure: Failure?, _ path: String, _ place: String?) -> Bool {
  failure?.subject == path && failure?.place == place && failure?.kind == .badData
}
