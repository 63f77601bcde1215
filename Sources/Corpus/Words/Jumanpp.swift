import Base
import Glibc
import Synchronization

/// Cuts Japanese lines into words by the program Juman++ (`jumanpp`), which is asked line by line through its standard input
/// and output. Words are what pyknp's `Juman().analysis(line)` calls `midasi`, which is how the released EMS model's text
/// was cut.
///
/// Several threads may ask at a time; each has a process of its own then, and processes are kept for the next line.
package final class Jumanpp: Sendable {
  private let program: String
  private let idle = Mutex<[Child]>([])

  /// - Parameter program: the path of the program.
  package init(program: String) { self.program = program }

  /// The program on the search path, nil if it is not there.
  static func onPath() -> Jumanpp? {
    guard let path = unsafe getenv("PATH") else { return nil }
    for folder in unsafe String(cString: path).split(separator: ":") {
      let program = "\(folder)/jumanpp"
      var status = stat()
      if FileSystem.stat(program, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
        FileSystem.access(program, X_OK) == 0
      {
        return Jumanpp(program: program)
      }
    }
    return nil
  }

  /// The words of a line, a space between two of them.
  ///
  /// - Parameter text: UTF-8 without a line feed.
  /// - Throws: `Failure` when the program cannot be started, or ends or says nothing for a minute on this line twice.
  package func tokenize(_ text: Span<UInt8>) throws(Failure) -> [UInt8] {
    if text.isEmpty { return [] }
    var line = text.indices.map { text[$0] == 0x0A ? 0x20 : text[$0] }
    // A line that begins so is a comment to the program, and gets no answer.
    if line.starts(with: [UInt8(ascii: "#"), 0x20]) { line.remove(at: 1) }
    line.append(0x0A)
    var problem = ""
    for attempt in 0..<2 {
      // The second time a new one, in case an old one died while it waited.
      let waiting = attempt == 0 ? idle.withLock { $0.popLast() } : nil
      let child: Child
      if let waiting { child = waiting } else { child = try Child(program) }
      switch child.ask(line) {
      case .answer(let lines):
        idle.withLock { $0.append(child) }
        return Self.words(lines)
      case .problem(let text): problem = text
      }
    }
    let shown = String(decoding: line.prefix(200).dropLast(line.count <= 200 ? 1 : 0), as: UTF8.self)
    throw Failure(
      .io, program, "\(problem), twice, when it was asked for the words of: \(shown)",
      remedy: "try the line with the program itself, or take the line out")
  }

  /// The first field of every line that begins a word.
  static func words(_ lines: [[UInt8]]) -> [UInt8] {
    var out: [UInt8] = []
    for line in lines {
      guard let first = line.first else { continue }
      // Comments, and other readings of the word before.
      if first == UInt8(ascii: "#") { continue }
      if first == UInt8(ascii: "@"), !line.starts(with: Array("@ @".utf8)) { continue }
      let word = surface(line)
      if !out.isEmpty { out.append(0x20) }
      out += word
    }
    return out
  }

  /// The word as pyknp reads it: a space is written `\ `, and quotes may hold spaces.
  private static func surface(_ line: [UInt8]) -> [UInt8] {
    if line.starts(with: Array(#"\  \  \  特殊 1 空白 6 * 0 * 0"#.utf8)) { return Array(#"\ "#.utf8) }
    if line.first == 0x20 { return [UInt8(ascii: "\\")] }
    let quote = UInt8(ascii: "\"")
    var word: [UInt8] = []
    var quoted = false
    for byte in line {
      if byte == quote { quoted.toggle() }
      if byte == 0x20, quoted, word == [quote] { quoted = false }
      if byte == 0x20, !quoted, !word.isEmpty { break }
      word.append(byte)
    }
    if word.count > 1, word.first == quote, word.last == quote { return Array(word[1..<word.count - 1]) }
    return word
  }

  private enum Reply {
    case answer([[UInt8]])
    case problem(String)
  }

  /// One process of the program.
  private final class Child: @unchecked Sendable {
    // Sendable to be kept for another thread; one thread uses it at a time.
    private let pid: pid_t
    private let socket: CInt
    private var buffer: [UInt8] = []
    private static let patience: CInt = 60_000
    private static let longestAnswer = 1 << 26

    init(_ program: String) throws(Failure) {
      // One socket for both directions: unlike a pipe it can be written without the risk of a signal.
      var ends: [CInt] = [-1, -1]
      let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
      guard unsafe ends.withUnsafeMutableBufferPointer({ unsafe socketpair(AF_UNIX, kind, 0, $0.baseAddress) }) == 0
      else { throw .system("cannot talk to", program, errno: errno) }
      defer { close(ends[1]) }
      var actions = unsafe posix_spawn_file_actions_t()
      unsafe posix_spawn_file_actions_init(&actions)
      defer { unsafe posix_spawn_file_actions_destroy(&actions) }
      unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
      unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
      var started: pid_t = 0
      let name = unsafe strdup(program)
      defer { unsafe free(name) }
      var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [name, nil]
      let status = unsafe posix_spawn(&started, program, &actions, nil, &arguments, environ)
      guard status == 0 else {
        close(ends[0])
        throw .system("cannot start", program, errno: status)
      }
      pid = started
      socket = ends[0]
    }

    deinit {
      close(socket)
      kill(pid, SIGKILL)
      while waitpid(pid, nil, 0) < 0, errno == EINTR {}
    }

    /// Sends a line and reads the answer's lines, up to the one that says EOS.
    func ask(_ line: [UInt8]) -> Reply {
      var sent = 0
      var lines: [[UInt8]] = []
      var size = 0
      while true {
        while let end = buffer.firstIndex(of: 0x0A) {
          var answer = Array(buffer[..<end])
          buffer.removeSubrange(...end)
          while let last = answer.last, last == 0x20 || (0x09...0x0D).contains(last) { answer.removeLast() }
          if answer == Array("EOS".utf8), sent == line.count { return .answer(lines) }
          size += answer.count
          if size > Self.longestAnswer { return .problem("answers without end") }
          lines.append(answer)
        }
        if buffer.count > Self.longestAnswer { return .problem("answers without end") }
        var state = pollfd(fd: socket, events: Int16(POLLIN) | (sent < line.count ? Int16(POLLOUT) : 0), revents: 0)
        let ready = unsafe poll(&state, 1, Self.patience)
        if ready < 0, errno == EINTR { continue }
        if ready < 0 { return .problem("cannot be talked to (error \(errno))") }
        if ready == 0 { return .problem("said nothing for \(Self.patience / 1000) s") }
        if state.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
          var piece = [UInt8](repeating: 0, count: 1 << 16)
          let count = unsafe piece.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
          if count < 0, errno == EINTR || errno == EAGAIN { continue }
          if count <= 0 { return .problem("ended") }
          buffer += piece[..<count]
        } else if state.revents & Int16(POLLOUT) != 0 {
          let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)
          let count = unsafe line.withUnsafeBytes { bytes in
            unsafe send(socket, bytes.baseAddress.map { unsafe $0 + sent }, line.count - sent, flags)
          }
          if count < 0, errno == EINTR || errno == EAGAIN { continue }
          if count < 0 { return .problem("ended") }
          sent += count
        }
      }
    }
  }
}
