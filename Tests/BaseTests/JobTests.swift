import Base
import Testing

@Suite struct JobTests {
  @Test func aJobStopsWhenItIsCancelledOrItsOwnerSaysSo() throws {
    let (one, other) = (Job(), Job())
    try one.check("work")
    one.cancel()
    #expect(one.isCancelled && !other.isCancelled)
    let failure = #expect(throws: Failure.self) { try one.check("work") }
    #expect(failure?.kind == .interrupted && failure?.subject == "work")
    #expect(Job(stopped: { true }).isCancelled)
  }
}
