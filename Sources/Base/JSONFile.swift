import Foundation

/// JSON files for people and programs: keys sorted, one to a line.
package enum JSONFile {
  /// Writes a value; the name appears when the file is complete.
  ///
  /// - Throws: `Failure(.software)` for a number that is not finite, and as `OutputFile` does.
  package static func write(_ value: some Encodable, to path: String) throws(Failure) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(value) else {
      throw Failure(.software, path, "holds a number that is not finite")
    }
    let output = try OutputFile(path: path)
    try output.write(String(decoding: data, as: UTF8.self) + "\n")
    try output.commit()
  }

  /// Reads a value.
  ///
  /// - Throws: `Failure` for a missing file or one that holds something else.
  package static func read<Value: Decodable>(_ type: Value.Type, from path: String) throws(Failure) -> Value {
    let file = try MappedFile(path: path)
    let data = unsafe file.bytes.withUnsafeBytes { unsafe Data($0) }
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw Failure(
        .badData, path, "is not the JSON that is expected here: \(error)", remedy: "remove it, so that it is made again"
      )
    }
  }
}
