import Base
import CCurl
import Foundation
import Glibc

/// The header of a response, as far as it matters here.
struct ResponseHeader {
  var status = 0
  var reason = ""
  private var fields: [String: String] = [:]

  /// Takes one line; a status line begins anew.
  mutating func add(_ line: String) {
    if line.hasPrefix("HTTP/") {
      let parts = line.split(separator: " ", maxSplits: 2)
      self = ResponseHeader()
      status = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
      reason = parts.count > 2 ? String(parts[2]) : ""
    } else if let colon = line.firstIndex(of: ":") {
      fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
  }

  subscript(name: String) -> String? { fields[name] }

  /// The size of the body, nil if it is not said.
  var contentLength: Int? { fields["content-length"].flatMap(Int.init).flatMap { $0 >= 0 ? $0 : nil } }

  /// `bytes 5-9/10`: where the body begins in the file, and the file's size; `bytes */10` has no beginning.
  var contentRange: (start: Int?, total: Int?)? {
    guard let text = fields["content-range"], text.hasPrefix("bytes "), let slash = text.firstIndex(of: "/") else {
      return nil
    }
    let range = text[text.index(text.startIndex, offsetBy: 6)..<slash]
    return (range.split(separator: "-").first.flatMap { Int($0) }, Int(text[text.index(after: slash)...]))
  }

  /// What tells this version of the file from others: an ETag, unless it is a weak one, which may stay the same when bytes
  /// change, else the date of the last change.
  var validator: String? {
    if let tag = fields["etag"], tag.hasPrefix("\""), tag.count > 2 { return tag }
    return fields["last-modified"].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Seconds that the server asks to wait, at most two minutes.
  var retryAfter: Double? { fields["retry-after"].flatMap(Int.init).map { Double(min(max($0, 0), 120)) } }
}

/// One attempt to get what is missing of a file.
final class Transfer: Receiver {
  /// How an attempt ended.
  enum End {
    /// All bytes are there, as far as the server said.
    case complete
    /// The bytes so far do not belong to what the server has now.
    case startAgain(Failure)
    /// It may go better later.
    case again(Failure, after: Double?)
    /// It will not go better.
    case failed(Failure)
  }

  private let file: ManifestFile
  private let part: PartFile
  private let source: String
  private let job: Job
  private let onBytes: (Int) -> Void
  private let offset: Int
  private var header = ResponseHeader()
  private var begun = false
  private var end: End?

  /// - Parameters:
  ///   - source: the publisher's page, for remedies.
  ///   - job: says whether to stop.
  ///   - onBytes: told of every piece, with its size.
  init(of file: ManifestFile, to part: PartFile, source: String, job: Job, onBytes: @escaping (Int) -> Void) {
    self.file = file
    self.part = part
    self.source = source
    self.job = job
    self.onBytes = onBytes
    offset = part.count
  }

  private var isLocal: Bool { file.url.hasPrefix("file:") }

  func run(on connection: Connection, _ options: FetchOptions) -> End {
    // libcurl takes a folder for an empty file, and waits at a pipe for ever.
    if isLocal, let path = URL(string: file.url)?.path(percentEncoded: false) {
      var status = stat()
      if FileSystem.stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
        return .failed(
          Failure(.missingInput, file.url, "is not a regular file", remedy: "name a file, not a folder or a pipe"))
      }
    }
    let request = Connection.Request(
      url: file.url, offset: offset, validator: part.validator, proxy: options.proxy,
      connectSeconds: options.connectSeconds, stallSeconds: options.stallSeconds)
    let (code, message) = connection.get(request, self)
    if let end { return end }
    if job.isCancelled { return .failed(interrupted(file.url)) }
    switch code {
    case CURLE_OK:
      // Without a body nothing was called so far.
      if !begun, !begin(), let end { return end }
      return .complete
    case CURLE_UNSUPPORTED_PROTOCOL:
      return .failed(
        refused("is refused: \(message)", "an address may lead to http and https only, and not from https to http"))
    case CURLE_TOO_MANY_REDIRECTS: return .failed(refused("leads on and on: \(message)"))
    case CURLE_URL_MALFORMAT: return .failed(refused("is no address: \(message)"))
    case CURLE_FILE_COULDNT_READ_FILE:
      return .failed(Failure(.missingInput, file.url, "cannot be read", remedy: "check the path"))
    case CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_PARTIAL_FILE,
      CURLE_OPERATION_TIMEDOUT, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SSL_CONNECT_ERROR,
      CURLE_HTTP2, CURLE_HTTP2_STREAM:
      return .again(Failure(.io, file.url, message, remedy: "run the same command again to go on"), after: nil)
    default: return .failed(Failure(.io, file.url, message))
    }
  }

  private func refused(_ problem: String, _ remedy: String? = nil) -> Failure {
    Failure(.badData, file.url, problem, remedy: remedy ?? "see \(source)")
  }

  // MARK: Receiver

  func header(_ line: String) { header.add(line) }

  var wantsStop: Bool { job.isCancelled }

  func body(_ bytes: RawSpan) -> Bool {
    if !begun, !begin() { return false }
    do throws(Failure) {
      let before = part.count
      if let limit = file.bytes ?? part.total, before + bytes.byteCount > limit {
        throw Failure(.badData, file.url, "sends more than the \(limit) bytes it should have", remedy: "see \(source)")
      }
      try part.append(bytes)
      onBytes(bytes.byteCount)
      // As early as can be: so that no error page of gigabytes is fetched.
      if before < Content.headSize, part.count >= Content.headSize { try checkHead() }
      return true
    } catch {
      end = .failed(error)
      return false
    }
  }

  /// Looks at the first bytes, and at what kind the server says they are.
  func checkHead() throws(Failure) {
    if let problem = Content.problem(part.head(), compression: file.compression, format: file.format) {
      throw Failure(.badData, file.url, problem, remedy: "see \(source) whether the file has moved")
    }
    if file.sha256 == nil, file.format != .xml, header["content-type"]?.lowercased().hasPrefix("text/html") == true {
      throw Failure(
        .badData, file.url, "is sent as a web page (text/html)", remedy: "see \(source) whether the file has moved")
    }
  }

  /// Judges the header of the last response. False, with `end` set, if its body is not wanted.
  private func begin() -> Bool {
    begun = true
    do throws(Failure) {
      if let other = try judge() {
        end = other
        return false
      }
      return true
    } catch {
      end = .failed(error)
      return false
    }
  }

  private func judge() throws(Failure) -> End? {
    if isLocal {
      if offset > 0 { try part.restart() }
      try part.begin(validator: nil, total: nil)
      return nil
    }
    switch header.status {
    case 200:
      // Also the answer to a range, where the server knows none or the file has changed.
      if part.count > 0 { try part.restart() }
      try checkSize(header.contentLength)
      try part.begin(validator: header.validator, total: header.contentLength)
      return nil
    case 206:
      guard offset > 0, let range = header.contentRange, range.start == offset,
        part.total == nil || range.total == part.total
      else {
        return .startAgain(Failure(.badData, file.url, "sends another part of the file than it was asked for"))
      }
      if let tag = header["etag"], let validator = part.validator, validator.hasPrefix("\""), tag != validator {
        return .startAgain(Failure(.badData, file.url, "sends a part of another version of the file"))
      }
      try checkSize(range.total)
      return nil
    case 416 where offset > 0:
      return .startAgain(Failure(.badData, file.url, "has no byte \(offset)"))
    case 408, 425, 429, 500, 502, 503, 504:
      return .again(Failure(.io, file.url, answer, remedy: "try again later"), after: header.retryAfter)
    case 401, 403, 404, 410, 451:
      throw Failure(.missingInput, file.url, answer, remedy: "see \(source) whether the file has moved")
    default:
      throw Failure(.io, file.url, answer, remedy: "see \(source)")
    }
  }

  private var answer: String {
    "the server answers \(header.status)\(header.reason.isEmpty ? "" : " \(header.reason)")"
  }

  private func checkSize(_ size: Int?) throws(Failure) {
    if let size, let wanted = file.bytes, size != wanted {
      throw Failure(
        .badData, file.url, "has \(size) bytes at the server, and \(wanted) in the manifest",
        remedy: "the file has changed, or this is something else: see \(source)")
    }
  }
}
