import Base
import Testing

/// What `body` fails with.
public func failure(_ body: () throws -> Void, location: SourceLocation = #_sourceLocation) -> Failure? {
  #expect(throws: Failure.self, sourceLocation: location) { try body() }
}

/// Whether a failure says all of this.
public func expect(_ failure: Failure?, says parts: String..., location: SourceLocation = #_sourceLocation) {
  let text = failure?.description ?? ""
  for part in parts { #expect(text.contains(part), "\(text)", sourceLocation: location) }
}

/// Runs what may fail on damaged input, but only in the one way that bad data may.
public func toleratingBadData(_ body: () throws -> Void) {
  do { try body() } catch { #expect((error as? Failure)?.kind == .badData) }
}

/// Writes a file in a helper that cannot throw; trouble becomes the test's issue.
public func written(_ name: String, _ bytes: [UInt8], in folder: TemporaryFolder) -> String {
  do { return try folder.write(name, bytes) } catch {
    Issue.record(error)
    return folder.file(name)
  }
}
