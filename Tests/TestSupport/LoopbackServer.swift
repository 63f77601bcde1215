import Foundation
import Glibc
import Synchronization

/// A small HTTP/1.1 server of our own on 127.0.0.1, which can do everything wrong that servers do. One request for each
/// connection; at most 200 connections; whoever does not send a request within five seconds is cut off.
public final class LoopbackServer: Sendable {
  /// What a client asks.
  public struct Request: Sendable {
    /// The method and the target as they stand in the first line.
    public var method = "", target = ""
    /// Header fields by their lower-case names.
    public var fields: [String: String] = [:]
    /// Which request this is, from 0.
    public var number = 0
  }

  /// What the server does next; after the last step it closes the connection.
  public enum Step: Sendable {
    case send([UInt8])
    /// Seconds; ends early when the server goes.
    case wait(Double)
  }

  /// The port.
  public let port: Int
  private let listener: Int32
  private let answer: @Sendable (Request) -> [Step]
  private let state = Mutex((requests: [Request](), stopped: false))

  /// Starts a server.
  ///
  /// - Parameter answer: what to do with a request; called from several threads.
  public init(_ answer: @escaping @Sendable (Request) -> [Step]) {
    self.answer = answer
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    precondition(listener >= 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let file = listener
    let bound = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        var length = size
        return unsafe bind(file, address, size) == 0 && listen(file, 64) == 0
          && getsockname(file, address, &length) == 0
      }
    }
    precondition(bound, "no port on the loopback")
    port = Int(UInt16(bigEndian: address.sin_port))
    let thread = Thread { [weak self, file] in
      for _ in 0..<200 {
        let connection = accept(file, nil, nil)
        guard connection >= 0, let server = self else {
          if connection >= 0 { close(connection) }
          return
        }
        let handler = Thread { server.serve(connection) }
        handler.start()
      }
    }
    thread.start()
  }

  /// Stops to listen, and wakes who waits.
  public func stop() {
    let first = state.withLock { state in
      defer { state.stopped = true }
      return !state.stopped
    }
    if first {
      shutdown(listener, Int32(SHUT_RDWR))
      close(listener)
    }
  }

  deinit { stop() }

  /// What was asked so far.
  public var requests: [Request] { state.withLock { $0.requests } }

  /// The address of a path.
  public func url(_ path: String) -> String { "http://127.0.0.1:\(port)/\(path)" }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    unsafe setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    unsafe setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    var head: [UInt8] = []
    let end = Array("\r\n\r\n".utf8)
    while head.count < 1 << 16, !head.suffix(4).elementsEqual(end) {
      var byte: UInt8 = 0
      guard unsafe recv(connection, &byte, 1, 0) == 1 else { return }
      head.append(byte)
    }
    var request = Request()
    let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
    let first = lines[0].split(separator: " ").map(String.init)
    guard first.count == 3 else { return }
    (request.method, request.target) = (first[0], first[1])
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      request.fields[line[..<colon].lowercased()] = value
    }
    request.number = state.withLock { state in
      request.number = state.requests.count
      state.requests.append(request)
      return request.number
    }
    for step in answer(request) {
      switch step {
      case .send(let bytes):
        var done = 0
        while done < bytes.count {
          // Without a signal when the client has gone.
          let sent = unsafe bytes[done...].withUnsafeBytes {
            unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
          }
          guard sent > 0 else { return }
          done += sent
        }
      case .wait(let seconds):
        let until = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < until, !state.withLock({ $0.stopped }) { Thread.sleep(forTimeInterval: 0.02) }
      }
    }
    shutdown(connection, Int32(SHUT_WR))
  }

  // MARK: Answers

  /// A response with a length, which may be another than the body's.
  public static func reply(
    _ status: String = "200 OK", _ fields: [String: String] = [:], _ body: [UInt8] = [], length: Int? = nil
  ) -> [Step] {
    var head = "HTTP/1.1 \(status)\r\nConnection: close\r\nContent-Length: \(length ?? body.count)\r\n"
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) { head += "\(name): \(value)\r\n" }
    return [.send(Array((head + "\r\n").utf8) + body)]
  }

  /// A file as a good server gives it: ranges, if If-Range has the tag or is not there.
  public static func file(_ bytes: [UInt8], tag: String, _ request: Request) -> [Step] {
    let fields = ["ETag": tag, "Accept-Ranges": "bytes"]
    guard let range = request.fields["range"], request.fields["if-range"].map({ $0 == tag }) ?? true,
      range.hasPrefix("bytes="), let start = Int(range.dropFirst(6).dropLast())
    else { return reply("200 OK", fields, bytes) }
    guard start < bytes.count else {
      return reply("416 Range Not Satisfiable", ["Content-Range": "bytes */\(bytes.count)"])
    }
    let span = "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"
    return reply("206 Partial Content", fields.merging(["Content-Range": span]) { $1 }, Array(bytes[start...]))
  }
}
