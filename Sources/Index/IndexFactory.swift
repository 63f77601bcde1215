import Base

extension FaissIndex {
  /// Numbers of a training sample up to which Faiss's rotation (OPQ) is trained: 8192 rows of 256 elements.
  private static let rotatedNumbers = 1 << 21

  /// Sees whether an index can be trained in a reasonable time.
  ///
  /// Faiss finds OPQ's rotation by training fifty product quantisers one after another; its library as Debian compiles it was not
  /// done after 8 minutes with 65,536 rows of 256 elements, where the whole of `IVF1024,PQ32` takes less than a minute and a half.
  ///
  /// - Parameters:
  ///   - factory: a factory string.
  ///   - rows: the training sample.
  /// - Throws: `Failure(.usage)` that says what to take instead.
  public static func checkTraining(_ factory: String, rows: Int, dimension: Int) throws(Failure) {
    let rotates = factory.split(separator: ",").contains { part in
      part.hasPrefix("OPQ") && part.dropFirst(3).first?.isNumber == true
    }
    let (numbers, overflow) = rows.multipliedReportingOverflow(by: dimension)
    guard rotates, overflow || numbers > rotatedNumbers else { return }
    let rest = factory.split(separator: ",").filter { !$0.hasPrefix("OPQ") }.joined(separator: ",")
    throw Failure(
      .usage, "index \(factory)",
      "would train OPQ's rotation on \(rows) rows of \(dimension) elements, which takes Faiss many minutes",
      remedy: """
        take \(rest), or SQ8 in place of PQ; ems index with --train-rows \(max(1, rotatedNumbers / max(1, dimension))); or train it \
        in Python and add the rows with ems index build --trained
        """)
  }
}

/// What is asked of a factory string before Faiss sees it, which divides by a number of nought and allocates by any number.
enum IndexFactory {
  static let remedy =
    "use a factory string such as Flat, IVF1024,Flat or IVF1024,PQ64 (PQ's number must divide the dimension)"

  /// - Throws: `Failure(.usage)` naming what is wrong.
  static func check(_ factory: String) throws(Failure) {
    let subject = "index \(factory)"
    guard !factory.isEmpty, factory.utf8.count <= 200,
      factory.utf8.allSatisfy({ byte in
        0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte || ",_()+x[].-".utf8.contains(byte)
      })
    else { throw Failure(.usage, "index", "is no factory string of Faiss's", remedy: remedy) }
    for part in factory.split(whereSeparator: { !$0.isASCII || !$0.isNumber }) {
      guard let number = Int(part), 1...1 << 24 ~= number else {
        throw Failure(.usage, subject, "has the number \(part); numbers are from 1 to \(1 << 24)", remedy: remedy)
      }
    }
    // PQ16x12: centroids of 2^12 for each of 16 parts.
    for part in factory.split(separator: ",") {
      guard let start = part.firstRange(of: "PQ") else { continue }
      let numbers = part[start.upperBound...].prefix { $0.isNumber || $0 == "x" }.split(separator: "x")
      if numbers.count > 1, let bits = Int(numbers[1]), bits > 16 {
        throw Failure(.usage, subject, "asks for codes of \(bits) bits; 1 to 16 are possible", remedy: remedy)
      }
    }
  }
}
