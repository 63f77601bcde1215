import Base
import Formats
import Glibc

/// How one tensor of a model is made from those of another layout.
enum TensorRecipe: Sendable {
  /// As it is.
  case stored(String)
  /// Every element times a number.
  case scaled(String, Float)
  /// Two of the same shape, added.
  case sum(String, String)
  /// A table of positions: a row of zeros for padding, then the rows of `table` from `first` on, each with the first row of
  /// `types` added.
  case positions(table: String, tableRows: Int, first: Int, types: String?, typeRows: Int)
  /// The same with rows that are sines and cosines.
  case sinusoids(first: Int)

  /// The tensors that it takes, with the shapes that they must have.
  ///
  /// - Parameter shape: that of what is made.
  func sources(for shape: [Int]) -> [(name: String, shape: [Int])] {
    switch self {
    case .stored(let name), .scaled(let name, _): [(name, shape)]
    case .sum(let a, let b): [(a, shape), (b, shape)]
    case .positions(let table, let rows, _, let types, let typeRows):
      [(table, [rows, shape[1]])] + (types.map { [($0, [typeRows, shape[1]])] } ?? [])
    case .sinusoids: []
    }
  }

  /// Appends the elements of the tensor.
  func write(_ shape: TensorShape, from weights: WeightFiles, to writer: SafeTensorsWriter) throws(Failure) {
    switch self {
    case .stored(let name):
      try weights.forEachPiece(of: name) { (piece) throws(Failure) in try writer.append(piece) }
    case .scaled(let name, let factor):
      try weights.forEachPiece(of: name) { (piece) throws(Failure) in
        var scaled = [Float](repeating: 0, count: piece.count)
        for i in piece.indices { scaled[i] = piece[i] * factor }
        try writer.append(scaled.span)
      }
    case .sum(let a, let b):
      var sum = try weights.floats(a)
      let other = try weights.floats(b)
      for i in sum.indices { sum[i] += other[i] }
      try writer.append(sum.span)
    case .positions(let table, _, let first, let types, _):
      let (rows, width) = (shape.shape[0], shape.shape[1])
      let values = try weights.floats(table)
      let type = try types.map { (name) throws(Failure) in try weights.floats(name) }
      var row = [Float](repeating: 0, count: width)
      try writer.append(row.span)
      for i in 0..<rows - 1 {
        let start = (first + i) * width
        for j in 0..<width { row[j] = values[start + j] + (type?[j] ?? 0) }
        try writer.append(row.span)
      }
    case .sinusoids(let first):
      let (rows, width) = (shape.shape[0], shape.shape[1])
      let half = width / 2
      // In single precision, as the model was trained with.
      let step = Float(log(10000.0) / Double(max(half - 1, 1)))
      let rates = (0..<half).map { expf(Float($0) * -step) }
      var row = [Float](repeating: 0, count: width)
      try writer.append(row.span)
      for i in 0..<rows - 1 {
        for j in 0..<half {
          let angle = Float(first + i) * rates[j]
          row[j] = sinf(angle)
          row[half + j] = cosf(angle)
        }
        try writer.append(row.span)
      }
    }
  }
}
