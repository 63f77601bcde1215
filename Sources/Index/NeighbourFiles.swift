import Base
import Kernels

/// Neighbour lists on disk: `NAME.cosines.npy` (float32) and `NAME.ids.npy` (int32), both of shape (rows, k).
public enum NeighbourFiles {
  /// The files of lists of this name.
  public static func names(_ name: String) -> [String] { ["\(name).cosines.npy", "\(name).ids.npy"] }

  /// Writes lists.
  ///
  /// - Parameter path: the path without `.cosines.npy` and `.ids.npy`.
  public static func write(_ lists: NeighbourLists, to path: String) throws(Failure) {
    let cosines = try OutputFile(path: "\(path).cosines.npy")
    try unsafe cosines.write(header(lists.rows, lists.k, "<f4").span.bytes)
    try unsafe cosines.write(lists.scores.span.bytes)
    let ids = try OutputFile(path: "\(path).ids.npy")
    try unsafe ids.write(header(lists.rows, lists.k, "<i4").span.bytes)
    try unsafe ids.write(lists.ids.span.bytes)
    try cosines.commit()
    try ids.commit()
  }

  /// Reads lists back.
  ///
  /// - Parameter count: the rows of the other side, below which all ids must be.
  /// - Throws: `Failure` when the files are not what `write` writes.
  public static func read(from path: String, count: Int) throws(Failure) -> NeighbourLists {
    let cosines = try EmbeddingFile(path: "\(path).cosines.npy")
    let file = try MappedFile(path: "\(path).ids.npy")
    let (rows, k) = (cosines.rows, cosines.columns)
    let expected = header(rows, k, "<i4")
    let bytes = file.bytes
    let remedy = "remove the file, so that it is made again"
    guard file.count == expected.count + rows * k * 4,
      expected.indices.allSatisfy({ bytes.number(at: $0, as: UInt8.self) == expected[$0] })
    else {
      throw Failure(.badData, file.path, "does not hold \(rows) x \(k) int32 as \(cosines.path) says", remedy: remedy)
    }
    var ids: [Int32] = []
    ids.reserveCapacity(rows * k)
    for i in 0..<rows * k {
      let id = bytes.number(at: expected.count + i * 4, as: Int32.self)
      guard id >= 0, id < count else {
        throw Failure(
          .badData, file.path, at: "row \(i / k)", "names row \(id) of \(count) rows", remedy: remedy)
      }
      ids.append(id)
    }
    return NeighbourLists(rows: rows, k: k, scores: cosines.floats(rows: 0..<rows), ids: ids)
  }

  private static func header(_ rows: Int, _ columns: Int, _ descriptor: String) -> [UInt8] {
    EmbeddingFileWriter.header(rows: rows, columns: columns, descriptor: descriptor)
  }
}
