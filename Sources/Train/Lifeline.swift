import Base
import Foundation
import Glibc

/// A TCP connection between rank 0 and every other rank over which nothing is said: when a process dies, however it dies,
/// its system closes it. MPI itself would wait for a dead rank for ever.
final class Lifeline {
  /// Rank r's connection at r - 1 on rank 0; the one to rank 0 on the others.
  private var connections: [Int32] = []
  private let rank: Int

  /// Connects the ranks; all of them call it together.
  ///
  /// - Throws: `Failure` when a rank cannot reach rank 0.
  init(among peers: Peers) throws(Failure) {
    rank = peers.rank
    if peers.size == 1 { return }
    // Whoever does not know the word is not of this run.
    let word = String(UInt64.random(in: .min ... .max), radix: 16)
    var listener: Int32 = -1
    var offer = ""
    if rank == 0 {
      listener = try Self.listen(connections: peers.size)
      offer = "\(try Self.port(of: listener)) \(word) \(Self.addresses().joined(separator: " "))"
    }
    defer { if listener >= 0 { close(listener) } }
    let parts = try peers.gather(offer)[0].split(separator: " ").map(String.init)
    guard parts.count >= 3, let port = UInt16(parts[0]) else {
      throw Failure(.software, "rank \(rank)", "cannot read where rank 0 listens: \(parts)")
    }
    // 8 bytes of rank, and the word.
    func greeting(_ rank: Int) -> [UInt8] {
      Array(String(repeating: "0", count: 8 - String(rank).count).utf8) + Array("\(rank)\(parts[1])".utf8)
    }
    if rank == 0 {
      connections = Array(repeating: -1, count: peers.size - 1)
      let deadline = ContinuousClock.now + .seconds(60)
      while connections.contains(-1), ContinuousClock.now < deadline {
        guard Self.readable(listener, milliseconds: 500) else { continue }
        let connection = accept(listener, nil, nil)
        if connection < 0 { continue }
        let said = Self.read(connection, greeting(0).count)
        let number = Int(String(decoding: said.prefix(8), as: UTF8.self)) ?? 0
        if number > 0, number < peers.size, said == greeting(number), connections[number - 1] < 0 {
          connections[number - 1] = connection
        } else {
          close(connection)
        }
      }
    } else if let connection = Self.connect(Array(parts.dropFirst(2)), port) {
      connections = [connection]
      let bytes = greeting(rank)
      _ = unsafe bytes.withUnsafeBytes {
        unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
    }
    let missing = try peers.gather([connections.isEmpty || connections.contains(-1) ? 1.0 : 0.0]).map { $0[0] }
    if let lost = missing.dropFirst().firstIndex(of: 1) ?? missing.firstIndex(of: 1) {
      throw Failure(
        .io, "rank \(lost)", "cannot connect to rank 0 at \(parts.dropFirst(2).joined(separator: ", ")), port \(port)",
        remedy: "let the machines of the run reach each other by TCP")
    }
  }

  deinit { for connection in connections where connection >= 0 { close(connection) } }

  /// The lowest rank whose process is known to have gone.
  func firstGone() -> Int? {
    guard let i = connections.firstIndex(where: { $0 >= 0 && Self.closed($0) }) else { return nil }
    return rank == 0 ? i + 1 : 0
  }

  /// Tells the others that this rank goes, while it can still see when they do.
  func letGo() { for connection in connections where connection >= 0 { shutdown(connection, Int32(SHUT_WR)) } }

  /// Waits until rank 0 has gone, if this is another.
  ///
  /// - Returns: whether it has.
  func waitForFirst(seconds: Double) -> Bool {
    guard rank != 0, let connection = connections.first else { return false }
    let deadline = ContinuousClock.now + .seconds(seconds)
    while !Self.closed(connection) {
      if ContinuousClock.now >= deadline { return false }
      usleep(10_000)
    }
    return true
  }

  // MARK: sockets

  private static func listen(connections: Int) throws(Failure) -> Int32 {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard listener >= 0 else { throw .system("cannot open a socket", "rank 0", errno: errno) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    let bound = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard bound == 0, Glibc.listen(listener, Int32(connections)) == 0 else {
      let code = errno
      close(listener)
      throw .system("cannot listen on a socket", "rank 0", errno: code)
    }
    return listener
  }

  private static func port(of listener: Int32) throws(Failure) -> UInt16 {
    var address = sockaddr_in(), size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let found = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(listener, $0, &size) }
    }
    guard found == 0 else { throw .system("cannot ask for the port of a socket", "rank 0", errno: errno) }
    return UInt16(bigEndian: address.sin_port)
  }

  /// This machine's IPv4 addresses; the one that leads nowhere else comes last.
  private static func addresses() -> [String] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard unsafe getifaddrs(&list) == 0 else { return ["127.0.0.1"] }
    defer { unsafe freeifaddrs(list) }
    var found: [String] = []
    var next = unsafe list
    while let entry = unsafe next {
      unsafe next = entry.pointee.ifa_next
      guard let address = unsafe entry.pointee.ifa_addr, unsafe address.pointee.sa_family == sa_family_t(AF_INET) else {
        continue
      }
      var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
      unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        _ = unsafe inet_ntop(AF_INET, &$0.pointee.sin_addr, &text, socklen_t(text.count))
      }
      found.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    return found.filter { !$0.hasPrefix("127.") } + ["127.0.0.1"]
  }

  /// A connection to the first address that answers within two seconds.
  private static func connect(_ addresses: [String], _ port: UInt16) -> Int32? {
    for text in addresses {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      guard unsafe inet_pton(AF_INET, text, &address.sin_addr) == 1 else { continue }
      let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
      if connection < 0 { continue }
      let begun = unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe Glibc.connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      var waiting = pollfd(fd: connection, events: Int16(POLLOUT), revents: 0)
      var problem: Int32 = 0, size = socklen_t(MemoryLayout<Int32>.size)
      if begun == 0 || errno == EINPROGRESS, unsafe poll(&waiting, 1, 2000) == 1,
        unsafe getsockopt(connection, SOL_SOCKET, SO_ERROR, &problem, &size) == 0, problem == 0
      {
        // A machine that loses its power says nothing; the system then asks.
        var on: Int32 = 1
        unsafe setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &on, size)
        return connection
      }
      close(connection)
    }
    return nil
  }

  private static func readable(_ file: Int32, milliseconds: Int32) -> Bool {
    var waiting = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&waiting, 1, milliseconds) == 1
  }

  /// Whether the other end has gone.
  private static func closed(_ connection: Int32) -> Bool {
    var byte: UInt8 = 0
    let count = unsafe recv(connection, &byte, 1, Int32(MSG_DONTWAIT))
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
  }

  /// Up to `count` bytes, as many as come within two seconds.
  private static func read(_ connection: Int32, _ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count, readable(connection, milliseconds: 2000) {
      var byte: UInt8 = 0
      guard unsafe recv(connection, &byte, 1, 0) == 1 else { break }
      bytes.append(byte)
    }
    return bytes
  }
}
