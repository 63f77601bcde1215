import Base
import Formats
import Kernels

/// Neighbour lists on disk: `NAME.cosines.npy` (float32) and `NAME.ids.npy` (int32), both of shape (rows, k). A list that
/// an approximate index could not fill ends in ids of -1 with cosines of -infinity.
public enum NeighbourFiles {
  /// The files of lists of this name.
  public static func names(_ name: String) -> [String] { ["\(name).cosines.npy", "\(name).ids.npy"] }

  /// Writes lists.
  ///
  /// - Parameter path: the path without `.cosines.npy` and `.ids.npy`.
  public static func write(_ lists: NeighbourLists, to path: String) throws(Failure) {
    let cosines = try OutputFile(path: "\(path).cosines.npy")
    try unsafe cosines.write(Npy.header(shape: [lists.rows, lists.k], descriptor: "<f4").span.bytes)
    try unsafe cosines.write(lists.scores.span.bytes)
    try Npy.write(lists.ids, shape: [lists.rows, lists.k], to: "\(path).ids.npy")
    try cosines.commit()
  }

  /// Reads lists back.
  ///
  /// - Parameters:
  ///   - count: the rows of the other side (or shard), below which all ids must be.
  ///   - offset: what ids become larger by, for shards of the other side.
  /// - Throws: `Failure` when the files are not what `write` writes.
  public static func read(from path: String, count: Int, offset: Int = 0) throws(Failure) -> NeighbourLists {
    let cosines = try EmbeddingFile(path: "\(path).cosines.npy")
    let (rows, k) = (cosines.rows, cosines.columns)
    let file = "\(path).ids.npy"
    var ids = try Npy.readInt32(from: file, shape: [rows, k])
    for i in ids.indices {
      guard ids[i] >= -1, ids[i] < count else {
        throw Failure(
          .badData, file, at: "row \(i / k)", "names row \(ids[i]) of \(count) rows",
          remedy: "remove the file, so that it is made again")
      }
      if ids[i] >= 0 { ids[i] += Int32(offset) }
    }
    return NeighbourLists(rows: rows, k: k, scores: cosines.floats(rows: 0..<rows), ids: ids)
  }
}
