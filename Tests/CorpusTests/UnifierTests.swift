import Corpus
import Foundation
import Testing

@Suite struct Hash128Tests {
  private func hex(_ hash: Hash128) -> String {
    [hash.low, hash.high].map { String($0, radix: 16) }.map { String(repeating: "0", count: 16 - $0.count) + $0 }
      .joined()
  }

  @Test func publishedValues() {
    func hash(_ text: String) -> String {
      let bytes = Array(text.utf8)
      return hex(Hash128(bytes.span))
    }
    #expect(hash("") == String(repeating: "0", count: 32))
    #expect(hash("The quick brown fox jumps over the lazy dog") == "e34bbc7bbc071b6c7a433ca9c49a9347")
  }

  @Test func piecesAreAsTheWhole() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    for cuts in [[0, 1000], [0, 16, 999], [0, 0, 32, 992, 993], [0, 0], [0, 160, 160, 175]] {
      var stream = Hash128.Stream()
      for (from, to) in zip(cuts, cuts.dropFirst()) { stream.update(bytes.span.extracting(from..<to)) }
      let whole = Hash128(bytes.span.extracting(0..<(cuts.last ?? 0)))
      #expect(stream.hash == whole)
    }
  }

  /// The verification of the SMHasher suite: hashes of the keys (), (0), (0, 1), ... under falling seeds, hashed together.
  @Test func smhasherVerification() {
    var hashes: [UInt8] = []
    for count in 0..<256 {
      let key = (0..<count).map { UInt8($0) }
      let hash = Hash128(key.span, seed: UInt64(256 - count))
      for word in [hash.low, hash.high] { hashes += (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }
    let all = Hash128(hashes.span)
    #expect(UInt32(truncatingIfNeeded: all.low) == 0x6384_BA69)
  }
}

@Suite struct UnifierTests {
  private func insert(_ text: String, into unifier: inout Unifier) throws -> Unifier.Outcome {
    let bytes = Array(text.utf8)
    return try unifier.insert(bytes.span)
  }

  @Test func keepsFirstOccurrencesAndCounts() throws {
    var unifier = Unifier()
    var outcomes: [Unifier.Outcome] = []
    for text in ["a", "b", "a", "", "a", "", "c"] { outcomes.append(try insert(text, into: &unifier)) }
    #expect(outcomes.map(\.row) == [0, 1, 0, 2, 0, 2, 3])
    #expect(outcomes.map(\.isNew) == [true, true, false, true, false, false, true])
    #expect(unifier.lines == 7 && unifier.count == 4)
    #expect((0..<4).map { unifier.multiplicity($0) } == [3, 1, 2, 1])
  }

  @Test func agreesWithADictionary() throws {
    var random = SeededGenerator(state: 6)
    var unifier = Unifier()
    var rows: [Int: Int] = [:]
    var counts: [Int] = []
    // Enough for the table to grow many times and for several segments; few values come very often.
    for i in 0..<400_000 {
      let value = i % 4 == 0 ? Int.random(in: 0..<50, using: &random) : Int.random(in: 0..<150_000, using: &random)
      let outcome = try insert("line \(value)", into: &unifier)
      #expect(outcome.isNew == (rows[value] == nil))
      let row = rows[value] ?? counts.count
      #expect(outcome.row == row)
      if rows[value] == nil {
        rows[value] = row
        counts.append(0)
      }
      counts[row] += 1
    }
    #expect(unifier.count == counts.count && unifier.lines == 400_000)
    #expect(counts.indices.allSatisfy { unifier.multiplicity($0) == counts[$0] })
    #expect(counts.max()! > 1000)
  }

  @Test(arguments: [253, 254, 255, 256, 257, 1000]) func multiplicitiesBeyondAByte(times: Int) throws {
    var unifier = Unifier()
    for _ in 0..<times { _ = try insert("x", into: &unifier) }
    #expect(unifier.multiplicity(0) == times)
  }

  /// Speed and memory with EMS_BENCHMARK_LINES distinct lines.
  static let benchmark = ProcessInfo.processInfo.environment["EMS_BENCHMARK_LINES"].flatMap { Int($0) }

  @Test(.enabled(if: benchmark != nil)) func throughput() throws {
    func resident() throws -> Int {
      let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
      return (Int(fields[1]) ?? 0) * 4096
    }
    let count = Self.benchmark ?? 0
    let before = try resident()
    var unifier = Unifier()
    var line = [UInt8](repeating: 97, count: 100)
    let time = try ContinuousClock().measure {
      for i in 0..<count {
        for k in 0..<8 { line[k] = UInt8(truncatingIfNeeded: i >> (8 * k)) }
        _ = try unifier.insert(line.span)
      }
    }
    print("unifier: \(time / count) a line, \(Double(try resident() - before) / Double(count)) bytes a line")
  }
}
