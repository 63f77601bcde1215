import Base
import Foundation
import Glibc
import TestSupport
import Testing

/// `ems data`, run as a user runs it, against servers on the loopback.
@Suite struct DataTests {
  let folder = TemporaryFolder()
  let content = Array(repeating: Array("a line of text\n".utf8), count: 20_000).flatMap { $0 }

  var output: String { folder.file("out") }

  func manifest(_ files: String..., use: String = "any", name: String = "m.yaml") throws -> String {
    try folder.write(
      name,
      """
      name: small
      version: "1"
      description: A corpus of the tests.
      languages: [de, en]
      licence: Some Licence 1.0
      licence_url: https://example.org/licence
      use: \(use)
      source: https://example.org/corpus
      citation: Nobody. Nothing. 2000.
      unverified: [bytes, lines, sha256, url]
      files:
      \(files.map { "- {compression: none, format: text, bytes: null, lines: null, \($0)}" }.joined(separator: "\n"))

      """)
  }

  /// Runs `ems data` past any proxy of whoever runs the tests.
  func data(_ arguments: String...) throws -> Outcome { try running(arguments).wait() }

  func running(_ arguments: [String]) throws -> Running {
    try Running(["data"] + arguments, environment: ["no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"])
  }

  @Test func lists() throws {
    let listing = try data("list", "\(repository)/data-manifests")
    #expect(listing.status == 0 && listing.output.contains("tatoeba-laser"), "\(listing.error)")
    let lines = listing.output.split(separator: "\n")
    #expect(lines.first { $0.hasPrefix("flores-200") }?.contains("*") == false)
    #expect(lines.first { $0.hasPrefix("news-commentary") }?.contains("* free for research (WMT) (research)") == true)
    let one = try data("list", "\(repository)/data-manifests/tatoeba-laser.yaml", "--languages", "de,en")
    #expect(one.output.contains("tatoeba.deu-eng.deu") && !one.output.contains("fra"), "\(one.output)")
    #expect(one.output.contains("CC BY 2.0 FR (https://tatoeba.org/eng/terms_of_use)"))
    let json = try data("list", "\(repository)/data-manifests", "--json").json()
    let corpora = json["corpora"] as? [[String: Any]] ?? []
    let tatoeba = corpora.first { $0["name"] as? String == "tatoeba-laser" }
    #expect((tatoeba?["files"] as? [Any])?.count == 224 && tatoeba?["use"] as? String == "any")
    expect(try data("list", folder.file("none")), failsWith: 66, says: "no such file or folder")
    let wrong = try manifest("url: \"https://e.org/a\", sha: null")
    expect(try data("list", wrong), failsWith: 65, says: "m.yaml: line 12", "lacks the key sha256")
  }

  @Test func fetchesAndVerifiesWithFileAddresses() throws {
    let source = try folder.write("source.txt", content)
    let path = try manifest("url: \"file://\(source)\", sha256: null")
    let fetched = try data("fetch", path, "--output", output)
    #expect(fetched.status == 0 && fetched.error.contains("small: licence Some Licence 1.0"), "\(fetched.error)")
    #expect(fetched.output.contains("not verified") && fetched.output.contains("1 file: 1 fetched"))
    #expect(try folder.read("out/source.txt") == content)
    let words = fetched.output.split(separator: " ").map(String.init)
    let digest = try #require(words.first { $0.count == 64 })
    let known = try manifest("url: \"file://\(source)\", sha256: \(digest)")
    let verified = try data("verify", known, "--output", output)
    #expect(verified.status == 0 && verified.output.contains("1 verified"), "\(verified.error)")
    let json = try data("fetch", known, "--output", output, "--json", "--quiet")
    #expect(json.error == "" && json.json()["present"] as? Int == 1 && json.json()["verified"] as? Int == 1)
    _ = try folder.write("out/source.txt", "other\n")
    let damaged = try data("verify", known, "--output", output)
    #expect(damaged.status == 65 && damaged.output.contains("1 failed"))
    #expect(damaged.error.contains("source.txt: has the SHA-256") && damaged.error.contains(digest), "\(damaged.error)")
    try FileManager.default.removeItem(atPath: folder.file("out/source.txt"))
    #expect(try data("verify", known, "--output", output).status == 66)
    #expect(try data("verify", known, "--output", folder.file("none")).status == 66)
  }

  @Test func restrictedUseIsToBeAccepted() throws {
    let source = try folder.write("source.txt", content)
    let path = try manifest("url: \"file://\(source)\", sha256: null", use: "non-commercial")
    let refused = try data("fetch", path, "--output", output)
    expect(refused, failsWith: 64, says: "non-commercial", "Some Licence", "--accept-licence")
    #expect(!FileManager.default.fileExists(atPath: output))
    #expect(try data("fetch", path, "--output", output, "--accept-licence").status == 0)
  }

  @Test func wrongUsage() throws {
    let path = try manifest("url: \"https://e.org/a\", sha256: null")
    #expect(try data("fetch", path).status == 64)
    #expect(try data("fetch", path, "--output", output, "--jobs", "0").status == 64)
    #expect(try data("fetch", "--output", output).status == 64)
    expect(
      try data("fetch", path, "--output", output, "--languages", "fr"), failsWith: 64, says: "has no file of these")
    expect(try data("fetch", path, "--output", output, "--languages", "Germn"), failsWith: 64, says: "German")
  }

  @Test func oneFailureOfMany() throws {
    let content = content
    let server = LoopbackServer { request in
      request.target == "/gone" ? LoopbackServer.reply("404 Not Found") : LoopbackServer.reply("200 OK", [:], content)
    }
    defer { server.stop() }
    let path = try manifest("url: \"\(server.url("gone"))\", sha256: null", "url: \"\(server.url("a"))\", sha256: null")
    let outcome = try data("fetch", path, "--output", output, "--json")
    #expect(outcome.status == 66 && outcome.error.contains("404 Not Found"), "\(outcome.error)")
    let files = outcome.json()["files"] as? [[String: Any]] ?? []
    #expect(files.map { $0["state"] as? String } == ["failed", "fetched"])
    #expect(try folder.read("out/a") == content)
  }

  /// Half the file, then silence: until the process is stopped or killed; then the rest.
  @Test(arguments: [SIGTERM, SIGKILL])
  func goesOnAfterASignal(_ signal: Int32) throws {
    let content = content
    let server = LoopbackServer { request in
      if request.number > 0 { return LoopbackServer.file(content, tag: "\"1\"", request) }
      let half = LoopbackServer.reply(
        "200 OK", ["ETag": "\"1\""], Array(content.prefix(150_000)), length: content.count)
      return half + [.wait(30)]
    }
    defer { server.stop() }
    let path = try manifest("url: \"\(server.url("a"))\", sha256: null")
    let first = try running(["fetch", path, "--output", output])
    let part = folder.file("out/.ems-data/a.part")
    let end = ContinuousClock.now + .seconds(20)
    func size() -> Int { (try? FileManager.default.attributesOfItem(atPath: part)[.size] as? Int) ?? 0 }
    while size() < 150_000, ContinuousClock.now < end { Thread.sleep(forTimeInterval: 0.02) }
    kill(first.process.processIdentifier, signal)
    let stopped = try first.wait()
    #expect(stopped.status == (signal == SIGTERM ? 130 : 128 + SIGKILL), "\(stopped.error)")
    if signal == SIGTERM { #expect(stopped.error.contains("what was fetched is kept")) }
    #expect(!FileManager.default.fileExists(atPath: folder.file("out/a")))
    let second = try data("fetch", path, "--output", output, "--json")
    #expect(second.status == 0, "\(second.error)")
    let report = (second.json()["files"] as? [[String: Any]])?.first
    #expect(report?["resumed_from"] as? Int == 150_000)
    #expect(server.requests[1].fields["range"] == "bytes=150000-")
    #expect(try folder.read("out/a") == content)
  }

  @Test func proxyOfTheEnvironment() throws {
    let content = content
    let proxy = LoopbackServer { _ in LoopbackServer.reply("200 OK", [:], content) }
    defer { proxy.stop() }
    let path = try manifest("url: \"http://corpus.invalid/a\", sha256: null")
    let outcome = try Running(
      ["data", "fetch", path, "--output", output],
      environment: ["http_proxy": "http://127.0.0.1:\(proxy.port)", "no_proxy": "", "NO_PROXY": ""]
    ).wait()
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(proxy.requests.map(\.target) == ["http://corpus.invalid/a"])
    #expect(try folder.read("out/a") == content)
  }
}
