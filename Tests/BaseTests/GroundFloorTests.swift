import Base
import Glibc
import Synchronization
import TestSupport
import Testing

/// Failures, system calls, threads, digests, numbers.
@Suite struct GroundFloorTests {
  @Test func failuresReadInOneLine() {
    let full = Failure(.badData, "x.tsv", at: "line 3", "has 1 column", remedy: "check the file")
    #expect(full.description == "x.tsv: line 3: has 1 column; check the file")
    #expect(Failure(.io, "y", "is gone").description == "y: is gone")
    let kinds: [Failure.Kind] = [.usage, .badData, .missingInput, .software, .io, .interrupted]
    #expect(kinds.map(\.rawValue) == [64, 65, 66, 70, 74, 130])
  }

  @Test func systemFailuresAdvise() {
    let absent = Failure.system("cannot open", "f", errno: ENOENT)
    #expect(
      absent.kind == .missingInput && absent.description.contains("No such file") && absent.remedy == "check the path")
    #expect(Failure.system("cannot write", "f", errno: ENOSPC).remedy?.contains("free some space") == true)
    #expect(Failure.system("cannot write", "f", errno: EACCES, remedy: "ask").remedy == "ask")
    #expect(Failure.system("cannot write", "f", errno: EIO).kind == .io)
  }

  @Test func interruptedCallsAreMadeAgain() {
    var calls = 0
    let (result, code) = retryingInterrupts { () -> Int in
      calls += 1
      errno = calls < 3 ? EINTR : EBADF
      return -1
    }
    #expect(calls == 3 && result == -1 && code == EBADF)
    #expect(retryingInterrupts { 7 }.result == 7)
  }

  @Test(arguments: [1, 2, 5, 100]) func mapsKeepTheirOrder(threads: Int) throws {
    #expect(try concurrentMap(50, threads: threads) { $0 * $0 } == (0..<50).map { $0 * $0 })
    #expect(try concurrentMap(0, threads: threads) { $0 }.isEmpty)
  }

  @Test(arguments: [1, 4]) func theFirstFailureOfAMapIsThrown(threads: Int) {
    let begun = Atomic<Int>(0)
    let thrown = failure {
      _ = try concurrentMap(10_000, threads: threads) { (i) throws(Failure) -> Int in
        begun.wrappingAdd(1, ordering: .relaxed)
        if i >= 3 { throw Failure(.badData, "\(i)", "is bad") }
        return i
      }
    }
    #expect(thrown?.subject == "3")
    #expect(begun.load(ordering: .relaxed) < 100)
  }

  @Test func digestsAreThoseOfTheStandard() {
    // FIPS 180-2, appendix B, and the empty message.
    let digest = SHA256()
    #expect(digest.finish() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    let parts = [Array("a".utf8), Array("bc".utf8)]
    for part in parts { unsafe digest.add(part.span.bytes) }
    #expect(digest.finish() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let letter = parts[0]
    unsafe digest.add(letter.span.bytes)
    digest.reset()
    let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
    unsafe digest.add(million.span.bytes)
    #expect(digest.finish() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func theGeneratorIsSplitMix64() {
    // The reference implementation's first numbers for the seed 1234567 (Vigna, splitmix64.c).
    var random = SplitMix64(seed: 1_234_567)
    #expect(
      [random.next(), random.next(), random.next()] == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      ])
    random = SplitMix64(seed: 1_234_567, skipping: 2)
    #expect(random.next() == 9_817_491_932_198_370_423 && SplitMix64.mix(1_234_567) == 6_457_827_717_110_365_317)
    random = SplitMix64(seed: 3)
    let drawn = (0..<10_000).map { _ in random.next(below: 7) }
    #expect(Set(drawn) == Set(0..<7))
    #expect((0..<1000).allSatisfy { _ in (0..<1).contains(random.unit()) })
    let normal = (0..<30_000).map { _ in random.normal() }
    #expect(normal.allSatisfy(\.isFinite) && abs(normal.reduce(0, +) / 30_000) < 0.03)
    #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / 30_000 - 1) < 0.05)
    var values = Array(0..<100)
    random.shuffle(&values)
    #expect(values != Array(0..<100) && values.sorted() == Array(0..<100))
  }

  @Test func numbersForPeople() {
    #expect(decimal(0.125, 2) == "0.12" && decimal(-0.004, 2) == "0.00" && decimal(-0.005001, 2) == "-0.01")
    #expect(decimal(1234.5, 0) == "1234" && decimal(2, 3) == "2.000")
  }

  @Test func distancesOfWords() {
    let distance = { (a: String, b: String) in editDistance(Array(a.utf8), Array(b.utf8)) }
    #expect(distance("kitten", "sitting") == 3 && distance("", "abc") == 3 && distance("same", "same") == 0)
  }
}
