import Base
import Fetch
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// Servers of our own that do what servers do. Nothing but the loopback is used.
@Suite struct FetchTests {
  let place = Workplace()
  let content = someText(200_000)

  /// The first half of the content, under a length that promises all of it.
  func cut(_ fields: [String: String] = [:]) -> [LoopbackServer.Step] {
    LoopbackServer.reply("200 OK", fields, Array(content.prefix(100_000)), length: content.count)
  }

  func expectNothing(_ location: SourceLocation = #_sourceLocation) throws {
    #expect(try place.files() == [], sourceLocation: location)
  }

  @Test func fetchesAndVerifies() throws {
    let content = content
    let server = LoopbackServer { LoopbackServer.file(content, tag: "\"1\"", $0) }
    defer { server.stop() }
    var entry = Entry(server.url("dir/a.txt"), content: content)
    entry.name = "sub/b.txt"
    let report = try place.fetch(entry)[0]
    #expect(report.state == .fetched && report.verified && report.bytes == content.count && report.resumedFrom == nil)
    #expect(try place.read("sub/b.txt") == content && place.unfinished() == [])
    #expect(server.requests.map(\.target) == ["/dir/a.txt"] && server.requests[0].fields["range"] == nil)
    // Once more: it is there, and nobody is asked.
    let again = try place.fetch(entry)[0]
    #expect(again.state == .present && again.verified && again.sha256 == digest(content))
    #expect(server.requests.count == 1)
  }

  @Test func withoutDigestNothingIsVerified() throws {
    let content = content
    let server = LoopbackServer { _ in LoopbackServer.reply("200 OK", [:], content) }
    defer { server.stop() }
    let report = try place.fetch(Entry(server.url("a")))[0]
    #expect(report.state == .fetched && !report.verified && report.sha256 == digest(content))
    let again = try place.fetch(Entry(server.url("a")))[0]
    #expect(again.state == .present && !again.verified && again.sha256 == digest(content))
  }

  @Test func cutConnectionIsGoneOnWith() throws {
    let content = content, cut = cut(["ETag": "\"1\""])
    let server = LoopbackServer { $0.number == 0 ? cut : LoopbackServer.file(content, tag: "\"1\"", $0) }
    defer { server.stop() }
    let report = try place.fetch(Entry(server.url("a"), content: content))[0]
    #expect(report.state == .fetched && report.verified && report.resumedFrom == 100_000, "\(report)")
    #expect(try place.read("a") == content)
    #expect(server.requests.count == 2 && server.requests[1].fields["range"] == "bytes=100000-")
    #expect(server.requests[1].fields["if-range"] == "\"1\"")
  }

  @Test func anotherRunGoesOn() throws {
    let content = content, cut = cut(["Last-Modified": "Sat, 17 Nov 2018 10:00:00 GMT"])
    let server = LoopbackServer { request in
      if request.number == 0 { return cut }
      return LoopbackServer.file(content, tag: "Sat, 17 Nov 2018 10:00:00 GMT", request)
    }
    defer { server.stop() }
    var options = Workplace.options
    options.retries = 0
    let failure = try place.failure(Entry(server.url("a"), content: content), options: options)
    #expect(failure.kind == .io)
    try expectNothing()
    #expect(try place.unfinished() == ["a.part", "a.part.json"])
    let report = try place.fetch(Entry(server.url("a"), content: content))[0]
    #expect(report.resumedFrom == 100_000 && report.verified)
    #expect(server.requests[1].fields["if-range"] == "Sat, 17 Nov 2018 10:00:00 GMT")
    #expect(try place.read("a") == content && place.unfinished() == [])
  }

  @Test func changedFileStartsAgain() throws {
    let old = cut(["ETag": "\"1\""])
    let new = someText(150_000, seed: 1)
    let server = LoopbackServer { $0.number == 0 ? old : LoopbackServer.file(new, tag: "\"2\"", $0) }
    defer { server.stop() }
    let report = try place.fetch(Entry(server.url("a")))[0]
    #expect(report.state == .fetched && report.resumedFrom == nil && report.sha256 == digest(new), "\(report)")
    #expect(server.requests[1].fields["if-range"] == "\"1\"")
    #expect(try place.read("a") == new)
  }

  @Test func partOfAnotherVersionStartsAgain() throws {
    // A server that minds no If-Range: its part has another tag.
    let old = cut(["ETag": "\"1\""])
    let new = someText(content.count, seed: 1)
    let server = LoopbackServer { request in
      if request.number == 0 { return old }
      var request = request
      request.fields["if-range"] = nil
      return LoopbackServer.file(new, tag: "\"2\"", request)
    }
    defer { server.stop() }
    let report = try place.fetch(Entry(server.url("a")))[0]
    #expect(report.state == .fetched && report.resumedFrom == nil, "\(report)")
    #expect(try place.read("a") == new && server.requests.count == 3)
  }

  @Test func mixedVersionsAreFoundByTheDigest() throws {
    // The same, with the same tag: only the digest can tell.
    let old = cut(["ETag": "\"1\""])
    let new = someText(content.count, seed: 1)
    let server = LoopbackServer { $0.number == 0 ? old : LoopbackServer.file(new, tag: "\"1\"", $0) }
    defer { server.stop() }
    let report = try place.fetch(Entry(server.url("a"), content: new))[0]
    #expect(report.state == .fetched && report.verified && report.resumedFrom == nil, "\(report)")
    #expect(try place.read("a") == new && server.requests.count == 3)
  }

  @Test func withoutRangesItStartsAgain() throws {
    let content = content, cut = cut(["ETag": "\"1\""])
    let server = LoopbackServer { $0.number == 0 ? cut : LoopbackServer.reply("200 OK", ["ETag": "\"1\""], content) }
    defer { server.stop() }
    let report = try place.fetch(Entry(server.url("a"), content: content))[0]
    #expect(report.verified && report.resumedFrom == nil && server.requests[1].fields["range"] == "bytes=100000-")
    #expect(try place.read("a") == content)
  }

  @Test(arguments: [[:], ["ETag": "W/\"1\""]])
  func withoutAMarkItStartsAgain(_ fields: [String: String]) throws {
    let content = content, cut = cut(fields)
    let server = LoopbackServer { $0.number == 0 ? cut : LoopbackServer.reply("200 OK", fields, content) }
    defer { server.stop() }
    let report = try place.fetch(Entry(server.url("a"), content: content))[0]
    #expect(report.verified && server.requests.count == 2 && server.requests[1].fields["range"] == nil)
  }

  @Test func wrongPartStartsAgain() throws {
    let content = content, cut = cut(["ETag": "\"1\""])
    let server = LoopbackServer { request in
      switch request.number {
      case 0: cut
      case 1:
        LoopbackServer.reply(
          "206 Partial Content", ["ETag": "\"1\"", "Content-Range": "bytes 0-99999/200000"],
          Array(content.prefix(100_000)))
      case 2: cut
      case 3: LoopbackServer.reply("416 Range Not Satisfiable", [:])
      default: LoopbackServer.file(content, tag: "\"1\"", request)
      }
    }
    defer { server.stop() }
    var options = Workplace.options
    options.retries = 5
    let report = try place.fetch(Entry(server.url("a"), content: content), options: options)[0]
    #expect(server.requests.map { $0.fields["range"] != nil } == [false, true, false, true, false])
    #expect(report.verified && report.resumedFrom == nil, "\(report)")
    #expect(try place.read("a") == content)
  }

  @Test func alwaysCutGivesUp() throws {
    let content = content
    let server = LoopbackServer { _ in LoopbackServer.reply("200 OK", [:], Array(content.prefix(10)), length: 20) }
    defer { server.stop() }
    let failure = try place.failure(Entry(server.url("a")))
    #expect(failure.kind == .io && failure.problem.contains("attempt 3"), "\(failure)")
    // The first attempt got 10 bytes further; then there are two more that get no further.
    #expect(server.requests.count == 3)
    try expectNothing()
  }

  @Test func wrongLengthIsRefusedAtOnce() throws {
    let content = content
    let server = LoopbackServer { _ in LoopbackServer.reply("200 OK", [:], content) }
    defer { server.stop() }
    var entry = Entry(server.url("a"), content: content)
    entry.bytes = 199_999
    let failure = try place.failure(entry)
    #expect(failure.kind == .badData && failure.problem.contains("200000") && failure.problem.contains("199999"))
    #expect(server.requests.count == 1)
    try expectNothing()
    #expect(try place.unfinished() == [])
  }

  @Test func moreThanPromisedIsRefused() throws {
    // Without a length, and without an end.
    let content = content
    let server = LoopbackServer { _ in
      [.send(Array("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".utf8))] + (0..<50).map { _ in .send(content) }
    }
    defer { server.stop() }
    var entry = Entry(server.url("a"))
    entry.bytes = 300_000
    let failure = try place.failure(entry)
    #expect(failure.kind == .badData && failure.problem.contains("more than the 300000 bytes"), "\(failure)")
    entry.bytes = 20_000_000
    let short = try place.failure(entry)
    #expect(short.kind == .badData && short.problem.contains("10000000 of 20000000"), "\(short)")
    try expectNothing()
  }

  @Test func wrongDigestIsRefused() throws {
    let content = content
    let server = LoopbackServer { LoopbackServer.file(content, tag: "\"1\"", $0) }
    defer { server.stop() }
    var entry = Entry(server.url("a"), content: content)
    entry.sha256 = digest([1])
    let failure = try place.failure(entry)
    #expect(failure.kind == .badData && failure.problem.contains(digest(content)), "\(failure)")
    #expect(failure.problem.contains(digest([1])))
    try expectNothing()
    #expect(try place.unfinished() == [] && server.requests.count == 1)
  }

  @Test func wrongLinesAreRefused() throws {
    let text = Array("one\ntwo\n".utf8)
    let server = LoopbackServer { _ in LoopbackServer.reply("200 OK", [:], text) }
    defer { server.stop() }
    var entry = Entry(server.url("a"))
    entry.lines = 3
    let failure = try place.failure(entry)
    #expect(failure.kind == .badData && failure.problem.contains("2 lines, and 3"), "\(failure)")
    try expectNothing()
    entry.lines = 2
    #expect(try place.fetch(entry)[0].state == .fetched)
  }

  @Test func silenceEndsAnAttempt() throws {
    let content = content
    let server = LoopbackServer { request in
      if request.number == 0 {
        return [
          .send(Array("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 200000\r\n\r\n".utf8) + content.prefix(1000)),
          .wait(20),
        ]
      }
      return LoopbackServer.file(content, tag: "\"1\"", request)
    }
    defer { server.stop() }
    var options = Workplace.options
    options.stallSeconds = 1
    let start = ContinuousClock.now
    let report = try place.fetch(Entry(server.url("a"), content: content), options: options)[0]
    #expect(report.verified && report.resumedFrom == 1000, "\(report)")
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  @Test func silenceFromTheStartGivesUp() throws {
    let server = LoopbackServer { _ in [.wait(20)] }
    defer { server.stop() }
    var options = Workplace.options
    (options.stallSeconds, options.retries) = (1, 0)
    #expect(try place.failure(Entry(server.url("a")), options: options).kind == .io)
  }

  @Test func nobodyThere() throws {
    let server = LoopbackServer { _ in [] }
    let url = server.url("a")
    server.stop()
    let failure = try place.failure(Entry(url))
    #expect(failure.kind == .io && failure.subject == url && failure.problem.contains("attempt 3"), "\(failure)")
  }

  @Test func redirects() throws {
    let content = content
    let server = LoopbackServer { request in
      switch request.target {
      case "/once": LoopbackServer.reply("302 Found", ["Location": "/file", "ETag": "\"other\""], Array("<html>".utf8))
      case "/loop": LoopbackServer.reply("302 Found", ["Location": "/loop"])
      default: LoopbackServer.file(content, tag: "\"1\"", request)
      }
    }
    defer { server.stop() }
    #expect(try place.fetch(Entry(server.url("once"), content: content))[0].verified)
    let failure = try place.failure(Entry(server.url("loop")))
    #expect(failure.kind == .badData, "\(failure)")
    #expect(try place.files() == ["once"])
  }

  @Test(arguments: [
    "file:///etc/passwd", "FILE:///etc/passwd", "ftp://127.0.0.1/a", "gopher://127.0.0.1/a", "dict://127.0.0.1/a",
  ])
  func redirectsElsewhereAreRefused(_ target: String) throws {
    let server = LoopbackServer { _ in LoopbackServer.reply("302 Found", ["Location": target]) }
    defer { server.stop() }
    let failure = try place.failure(Entry(server.url("a")))
    #expect(failure.kind == .badData && failure.description.contains("http and https only"), "\(failure)")
    #expect(server.requests.count == 1)
    try expectNothing()
  }

  @Test func pagesAboutErrorsAreFound() throws {
    let page = Array("\u{FEFF} \n<!DOCTYPE HTML><html><body>Not here any more</body></html>".utf8)
    let pageServer = LoopbackServer { _ in LoopbackServer.reply("200 OK", [:], page) }
    defer { pageServer.stop() }
    var entry = Entry(pageServer.url("a"))
    #expect(try place.failure(entry).problem.contains("web page"))
    (entry.compression, entry.format) = ("gzip", "tar")
    let failure = try place.failure(entry)
    #expect(failure.kind == .badData && failure.problem.contains("web page where gzip"), "\(failure)")
    // A page that does not begin like one, but is said to be one.
    let said = LoopbackServer { _ in
      LoopbackServer.reply("200 OK", ["Content-Type": "text/html; charset=utf-8"], Array("gone".utf8))
    }
    defer { said.stop() }
    #expect(try place.failure(Entry(said.url("a"))).problem.contains("text/html"))
    try expectNothing()
    #expect(try place.unfinished() == [])
    // The digest is worth more than what the server says.
    #expect(try place.fetch(Entry(said.url("a"), content: Array("gone".utf8)))[0].verified)
  }

  @Test func contentOfAnotherKindIsFound() throws {
    let gzip: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let server = LoopbackServer { request in
      LoopbackServer.reply("200 OK", [:], request.target == "/gz" ? gzip : Array("text\n".utf8))
    }
    defer { server.stop() }
    for (path, compression, format, part) in [
      ("gz", "none", "text", "is gzip where text"), ("gz", "zstd", "text", "is gzip where zstd"),
      ("txt", "bzip2", "text", "something else where bzip2"), ("txt", "none", "tar", "no tar"),
      ("txt", "none", "zip", "where zip"), ("txt", "xz", "text", "where xz"),
    ] {
      var entry = Entry(server.url(path))
      (entry.compression, entry.format) = (compression, format)
      let failure = try place.failure(entry)
      #expect(failure.kind == .badData && failure.problem.contains(part), "\(failure)")
    }
    var entry = Entry(server.url("gz"))
    entry.compression = "gzip"
    #expect(try place.fetch(entry)[0].state == .fetched)
  }

  @Test func answersThatAreNoFile() throws {
    for (status, kind) in [
      ("404 Not Found", Failure.Kind.missingInput), ("403 Forbidden", .missingInput), ("418 Teapot", .io),
      ("204 No Content", .io),
    ] {
      let server = LoopbackServer { _ in
        LoopbackServer.reply(status, [:], status.hasPrefix("2") ? [] : Array("no".utf8))
      }
      defer { server.stop() }
      let failure = try place.failure(Entry(server.url("a")))
      #expect(failure.kind == kind && failure.problem.contains(status), "\(failure)")
      #expect(failure.remedy?.contains("https://example.org/corpus") == true && server.requests.count == 1)
    }
    try expectNothing()
  }

  @Test func busyServersAreAskedAgain() throws {
    let content = content
    let server = LoopbackServer { request in
      request.number < 2
        ? LoopbackServer.reply("503 Service Unavailable", ["Retry-After": "0"])
        : LoopbackServer.file(content, tag: "\"1\"", request)
    }
    defer { server.stop() }
    #expect(try place.fetch(Entry(server.url("a"), content: content))[0].verified)
    #expect(server.requests.count == 3)
    let busy = LoopbackServer { _ in LoopbackServer.reply("500 Internal Server Error") }
    defer { busy.stop() }
    let failure = try place.failure(Entry(busy.url("b")))
    #expect(failure.kind == .io && failure.problem.contains("500") && busy.requests.count == 3, "\(failure)")
  }

  @Test func localFiles() throws {
    let source = try place.folder.write("source.txt", content)
    let report = try place.fetch(Entry("file://\(source)", content: content))[0]
    #expect(report.state == .fetched && report.verified)
    #expect(try place.read("source.txt") == content)
    #expect(try place.failure(Entry("file:///none/at/all")).kind == .missingInput)
    let empty = try place.folder.write("empty", "")
    #expect(try place.fetch(Entry("file://\(empty)", content: []))[0].verified)
  }

  @Test func oneFailureDoesNotKeepTheOthers() throws {
    let content = content
    let server = LoopbackServer { request in
      request.target == "/b"
        ? LoopbackServer.reply("404 Not Found") : LoopbackServer.file(content, tag: "\"1\"", request)
    }
    defer { server.stop() }
    let reports = try place.fetch(
      Entry(server.url("a"), content: content), Entry(server.url("b")), Entry(server.url("c"), content: content))
    #expect(reports.map(\.name) == ["a", "b", "c"] && reports.map(\.state) == [.fetched, .failed, .fetched])
    #expect(DataSet.failure(reports, output: "o")?.kind == .missingInput)
    #expect(try place.files() == ["a", "c"])
  }

  @Test func filesComeSideBySide() throws {
    // Nobody gets an answer before three have asked.
    let asked = Atomic<Int>(0)
    let server = LoopbackServer { request in
      asked.add(1, ordering: .relaxed)
      let end = ContinuousClock.now + .seconds(5)
      while asked.load(ordering: .relaxed) < 3, ContinuousClock.now < end { Thread.sleep(forTimeInterval: 0.01) }
      return asked.load(ordering: .relaxed) < 3
        ? LoopbackServer.reply("404 Alone") : LoopbackServer.reply("200 OK", [:], Array(request.target.utf8))
    }
    defer { server.stop() }
    var options = Workplace.options
    options.jobs = 3
    let seen = Mutex<[FetchProgress]>([])
    let entries = (0..<7).map { Entry(server.url("file\($0)"), content: Array("/file\($0)".utf8)) }
    let text = Workplace.head + "files:\n" + entries.map(\.yaml).joined()
    let set = try DataSet([try Manifest(path: place.folder.write("m.yaml", text))], output: place.output)
    let reports = try set.fetch(options) { progress in seen.withLock { $0.append(progress) } }
    #expect(reports.allSatisfy(\.verified) && reports.map(\.name) == (0..<7).map { "file\($0)" })
    let last = seen.withLock { $0.max { ($0.done, $0.bytes) < ($1.done, $1.bytes) } }
    #expect(last?.done == 7 && last?.files == 7 && last?.bytes == 42)
  }

  // MARK: The folder

  @Test func otherContentIsNotReplacedUnasked() throws {
    let content = content
    let server = LoopbackServer { LoopbackServer.file(content, tag: "\"1\"", $0) }
    defer { server.stop() }
    try FileManager.default.createDirectory(atPath: place.output, withIntermediateDirectories: true)
    _ = try place.folder.write("out/a", "mine")
    let failure = try place.failure(Entry(server.url("a"), content: content))
    #expect(failure.kind == .badData && failure.remedy?.contains("--replace") == true && server.requests.isEmpty)
    #expect(try place.read("a") == Array("mine".utf8))
    var options = Workplace.options
    options.replace = true
    #expect(try place.fetch(Entry(server.url("a"), content: content), options: options)[0].state == .fetched)
    #expect(try place.read("a") == content)
  }

  @Test func linksAreNotFollowed() throws {
    let content = content
    let server = LoopbackServer { LoopbackServer.file(content, tag: "\"1\"", $0) }
    defer { server.stop() }
    let outside = place.folder.file("outside")
    let files = FileManager.default
    for path in [place.output, outside] { try files.createDirectory(atPath: path, withIntermediateDirectories: true) }
    _ = try place.folder.write("outside/b", "theirs")
    try files.createSymbolicLink(atPath: place.folder.file("out/sub"), withDestinationPath: outside)
    try files.createSymbolicLink(atPath: place.folder.file("out/b"), withDestinationPath: "\(outside)/b")
    var entry = Entry(server.url("a"), content: content)
    for name in ["sub/a", "sub/deep/a", "b"] {
      entry.name = name
      let failure = try place.failure(entry)
      #expect(failure.kind == .io && failure.problem.contains("symbolic link"), "\(failure)")
    }
    #expect(try place.folder.list("outside") == ["b"] && place.folder.read("outside/b") == Array("theirs".utf8))
    // And the folder for what is not complete.
    try files.removeItem(atPath: place.folder.file("out/.ems-data"))
    try files.createSymbolicLink(atPath: place.folder.file("out/.ems-data"), withDestinationPath: outside)
    let failure = #expect(throws: Failure.self) { try place.fetch(entry) }
    #expect(failure?.problem.contains("symbolic link") == true)
    #expect(try place.folder.list("outside") == ["b"] && server.requests.isEmpty)
  }

  @Test func unfinishedFileThatIsALinkIsRefused() throws {
    let content = content
    let server = LoopbackServer { LoopbackServer.file(content, tag: "\"1\"", $0) }
    defer { server.stop() }
    let theirs = try place.folder.write("theirs", "theirs")
    try FileManager.default.createDirectory(
      atPath: place.folder.file("out/.ems-data"), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: place.folder.file("out/.ems-data/a.part"), withDestinationPath: theirs)
    #expect(try place.failure(Entry(server.url("a"), content: content)).kind == .io)
    #expect(try place.folder.read("theirs") == Array("theirs".utf8))
  }

  @Test func damagedRecordStartsAgain() throws {
    let content = content
    let server = LoopbackServer { LoopbackServer.file(content, tag: "\"1\"", $0) }
    defer { server.stop() }
    try FileManager.default.createDirectory(
      atPath: place.folder.file("out/.ems-data"), withIntermediateDirectories: true)
    _ = try place.folder.write("out/.ems-data/a.part", someText(5000, seed: 9))
    for record in [
      "", "{", "{\"url\":\"http://elsewhere/\",\"validator\":\"\\\"1\\\"\"}", "{\"url\":\"\(server.url("a"))\"}",
    ] {
      _ = try place.folder.write("out/.ems-data/a.part.json", record)
      let report = try place.fetch(Entry(server.url("a"), content: content))[0]
      #expect(report.verified && report.resumedFrom == nil, "\(report)")
      try FileManager.default.removeItem(atPath: place.folder.file("out/a"))
      _ = try place.folder.write("out/.ems-data/a.part", someText(5000, seed: 9))
    }
    #expect(server.requests.allSatisfy { $0.fields["range"] == nil })
  }

  @Test func twoRunsDoNotMeet() throws {
    let content = content
    let server = LoopbackServer { request in
      [.wait(1)] + LoopbackServer.file(content, tag: "\"1\"", request)
    }
    defer { server.stop() }
    let manifest = try place.manifest(Entry(server.url("a"), content: content))
    let set = try DataSet([manifest], output: place.output)
    let first = Thread { _ = try? set.fetch(Workplace.options) }
    first.start()
    let end = ContinuousClock.now + .seconds(10)
    while server.requests.isEmpty, ContinuousClock.now < end { Thread.sleep(forTimeInterval: 0.01) }
    let failure = #expect(throws: Failure.self) { try set.fetch(Workplace.options) }
    #expect(failure?.kind == .io && failure?.problem.contains("another run") == true)
    while !first.isFinished, ContinuousClock.now < end { Thread.sleep(forTimeInterval: 0.01) }
    #expect(try place.read("a") == content && server.requests.count == 1)
  }

  @Test func verify() throws {
    try FileManager.default.createDirectory(atPath: place.output, withIntermediateDirectories: true)
    _ = try place.folder.write("out/a", "abc\n")
    _ = try place.folder.write("out/b", "abcd\n")
    _ = try place.folder.write("out/c", "x\n")
    var c = Entry("https://e.org/c")
    c.lines = 1
    let a = Entry("https://e.org/a", content: Array("abc\n".utf8))
    let good = try DataSet([try place.manifest(a, c)], output: place.output).verify()
    #expect(good.map(\.state) == [.present, .present] && good.map(\.verified) == [true, false])
    #expect(DataSet.failure(good, output: "o") == nil)
    let b = Entry("https://e.org/b", content: Array("abcX\n".utf8))
    c.lines = 2
    let bad = try DataSet([try place.manifest(a, b, c, Entry("https://e.org/d"))], output: place.output).verify()
    #expect(bad.map(\.state) == [.present, .failed, .failed, .failed])
    #expect(bad.map { $0.failure?.kind } == [nil, .badData, .badData, .missingInput])
    let failure = DataSet.failure(bad, output: "o")
    #expect(failure?.kind == .badData && failure?.problem.contains("3 of 4 files") == true)
    // Looking leaves nothing behind.
    #expect(try place.folder.list("out") == ["a", "b", "c"])
    let missing = #expect(throws: Failure.self) {
      try DataSet([try place.manifest(a)], output: place.folder.file("none")).verify()
    }
    #expect(missing?.kind == .missingInput)
  }
}
