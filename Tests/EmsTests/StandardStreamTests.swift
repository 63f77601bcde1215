import Foundation
import TestSupport
import Testing

/// What becomes of a command whose standard output or standard error cannot be written.
@Suite struct StandardStreamTests {
  let workshop: Workshop

  init() throws { workshop = try Workshop() }

  /// Runs `$ems ARGUMENTS` with a redirection; prints the status.
  func status(_ arguments: String, _ redirection: String) throws -> (status: String, error: String) {
    let outcome = try shell(
      "$ems \(arguments) \(redirection)\necho $? > '\(workshop.folder.file("status"))'\n")
    let status = String(decoding: try workshop.folder.read("status"), as: UTF8.self)
    return (status.trimmingCharacters(in: .newlines), outcome.error)
  }

  static let printing = [
    "--help", "--version", "plan --source-lines 1M --target-lines 1M --model MODEL", "model info MODEL --json",
  ]

  func filled(_ arguments: String) -> String { arguments.replacing("MODEL", with: "'\(workshop.model)'") }

  @Test(arguments: printing) func aLostOutputIsAnError(_ arguments: String) throws {
    for sink in ["> /dev/full", ">&-"] {
      let found = try status(filled(arguments), sink)
      #expect(found.status == "74", "\(arguments) \(sink): \(found)")
      #expect(found.error.contains("ems: error: standard output: cannot be written"), "\(found)")
    }
    #expect(try status(filled(arguments), "> /dev/null").status == "0")
  }

  @Test(arguments: printing) func aReaderThatGoesAwayEndsTheProcessQuietly(_ arguments: String) throws {
    // The reader has gone before the first word.
    let found = try shell("(sleep 0.3; $ems \(filled(arguments)); echo \"status $?\" >&2) | true")
    #expect(found.error == "status 141\n", "\(found)")
  }

  @Test func pairsForAReaderThatGoesAway() throws {
    let text = try workshop.text(4000)
    #expect(try workshop.encode(text).status == 0)
    let rows = workshop.folder.file("x.npy")
    let command = "$ems mine --source-embeddings '\(rows)' --target-embeddings '\(rows)' --output - --quiet"
    let found = try shell("(\(command); echo \"status $?\" >&2) | head -n 1 > /dev/null")
    #expect(found.error == "status 141\n" || found.error == "status 0\n", "\(found)")
    let full = try shell("\(command) > /dev/full")
    expect(full, failsWith: 74, says: "standard output", "No space left on device")
  }

  @Test(arguments: ["2>&-", "2> /dev/full", "2>&1 | true"]) func noRunEndsForItsLog(_ redirection: String) throws {
    let output = workshop.folder.file("x.npy")
    let command = "encode '\(try workshop.text(500))' --model '\(workshop.model)' --language de --output '\(output)'"
    _ = try shell("$ems \(command) \(redirection)")
    #expect(try workshop.folder.read("x.npy").count == 128 + 500 * 36 * 4)
    // A failure still has its status.
    let failed = try shell(
      "$ems encode /nowhere --model '\(workshop.model)' --language de --output '\(output)' \(redirection); exit ${PIPESTATUS[0]}"
    )
    #expect(failed.status == 66, "\(failed)")
  }

  @Test func aClosedStreamIsNotTakenForAFile() throws {
    // What is opened first must not become file 1 or 2, and get messages into it.
    let output = workshop.folder.file("x.npy")
    let text = try workshop.text(50)
    let outcome = try shell(
      "$ems encode '\(text)' --model '\(workshop.model)' --language de --output '\(output)' >&- 2>&- <&-")
    #expect(outcome.status == 0)
    #expect(try workshop.folder.read("x.npy").count == 128 + 50 * 36 * 4)
  }
}
