import Base

/// NumPy's `.npy` files of numbers in row order: the header, and int32 tables.
package enum Npy {
  /// The bytes before the numbers; always as many, so that a header can be written over when the shape is known.
  package static let headerSize = 128

  /// A version 1.0 header.
  ///
  /// - Parameters:
  ///   - shape: one or two sizes. Two 19-digit ones leave the header short of 128 bytes, and spaces fill it.
  ///   - descriptor: NumPy's name of the type, such as `<f4`.
  package static func header(shape: [Int], descriptor: String) -> [UInt8] {
    precondition(shape.count == 1 || shape.count == 2)
    let sizes = shape.count == 1 ? "\(shape[0])," : "\(shape[0]), \(shape[1])"
    let text = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(sizes)), }"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(headerSize - 10), 0]
    bytes += text.utf8
    bytes += Array(repeating: UInt8(ascii: " "), count: headerSize - 1 - bytes.count)
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  /// Writes an int32 table; the name appears when the file is complete.
  package static func write(_ numbers: [Int32], shape: [Int], to path: String) throws(Failure) {
    let output = try OutputFile(path: path)
    try unsafe output.write(header(shape: shape, descriptor: "<i4").span.bytes)
    try unsafe output.write(numbers.span.bytes)
    try output.commit()
  }

  /// Reads an int32 table that `write` wrote.
  ///
  /// - Throws: `Failure` when the file holds anything else than numbers of this shape.
  package static func readInt32(from path: String, shape: [Int]) throws(Failure) -> [Int32] {
    let file = try MappedFile(path: path)
    let bytes = file.bytes
    let count = product(shape) ?? .max
    let expected = header(shape: shape, descriptor: "<i4")
    guard count <= file.count / 4, file.count == expected.count + count * 4,
      expected.indices.allSatisfy({ bytes.number(at: $0, as: UInt8.self) == expected[$0] })
    else {
      let size = shape.map(String.init).joined(separator: " x ")
      throw Failure(
        .badData, path, "does not hold \(size) int32", remedy: "remove the file, so that it is made again")
    }
    return (0..<count).map { bytes.number(at: expected.count + $0 * 4, as: Int32.self) }
  }
}
