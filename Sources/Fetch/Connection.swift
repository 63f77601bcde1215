import Base
import CCurl

/// Who takes what a server sends.
protocol Receiver: AnyObject {
  /// One header line, without its end; a line that begins with `HTTP/` begins another response.
  func header(_ line: String)
  /// Bytes of the body. False ends the transfer.
  func body(_ bytes: RawSpan) -> Bool
  /// Whether to end the transfer.
  var wantsStop: Bool { get }
}

/// Gets files one after the other, keeping connections open. For one thread at a time.
@safe final class Connection {
  // Made in init, freed in deinit, used in between by whoever has this object, which is not Sendable.
  private var curl: UnsafeMutableRawPointer

  private static let started: Bool = ems_curl_start() == 0

  /// - Throws: `Failure` when libcurl cannot be started.
  init() throws(Failure) {
    guard Self.started, let curl = unsafe curl_easy_init() else {
      throw Failure(.software, "libcurl", "cannot be started")
    }
    unsafe self.curl = unsafe curl
  }

  deinit { unsafe curl_easy_cleanup(curl) }

  /// What is asked for.
  struct Request {
    var url: String
    /// The first byte wanted, 0 for the whole file.
    var offset = 0
    /// With an offset: the mark that the file must still have, else all of it is sent.
    var validator: String?
    var proxy: String?
    var connectSeconds = 30
    var stallSeconds = 60
  }

  /// Gets a file; blocks until the end.
  ///
  /// - Returns: libcurl's code, and its words for it.
  func get(_ request: Request, _ receiver: any Receiver) -> (code: CURLcode, message: String) {
    let box = Box(receiver)
    var message = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
    let code = unsafe request.url.withCString { url in
      unsafe withOptionalCString(request.offset > 0 ? "\(request.offset)-" : nil) { range in
        unsafe withOptionalCString(request.offset > 0 ? request.validator : nil) { validator in
          unsafe withOptionalCString(request.proxy) { proxy in
            var c = unsafe ems_curl_request(
              url: url, range: range, if_range: validator, proxy: proxy, connect_seconds: request.connectSeconds,
              stall_seconds: request.stallSeconds)
            return unsafe ems_curl_get(
              curl, &c, { unsafe Box.header($0, $1, $2) }, { unsafe Box.body($0, $1, $2) }, { unsafe Box.watch($0) },
              Unmanaged.passUnretained(box).toOpaque(), &message)
          }
        }
      }
    }
    withExtendedLifetime(box) {}
    // A handle whose transfer failed (no such host, for one) may refuse the next one as a bad argument.
    if code != CURLE_OK, let fresh = unsafe curl_easy_init() {
      unsafe curl_easy_cleanup(curl)
      unsafe curl = unsafe fresh
    }
    let words = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    if words.isEmpty { return (code, unsafe String(cString: curl_easy_strerror(code))) }
    return (code, String(decoding: words, as: UTF8.self))
  }

  /// What libcurl is given as context.
  private final class Box {
    let receiver: any Receiver
    init(_ receiver: any Receiver) { self.receiver = receiver }

    static func at(_ context: UnsafeMutableRawPointer?) -> any Receiver {
      guard let context = unsafe context else { preconditionFailure("no context") }
      return unsafe Unmanaged<Box>.fromOpaque(context).takeUnretainedValue().receiver
    }

    static func header(_ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
      let line = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
      unsafe at(context).header(printable(unsafe String(decoding: line, as: UTF8.self)))
      return count
    }

    static func body(_ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
      guard let bytes = unsafe bytes, count > 0 else { return 0 }
      let span = unsafe RawSpan(_unsafeStart: bytes, byteCount: count)
      return unsafe at(context).body(span) ? count : 0
    }

    static func watch(_ context: UnsafeMutableRawPointer?) -> Int32 { unsafe at(context).wantsStop ? 1 : 0 }
  }
}

/// A text from elsewhere without control characters.
func printable(_ text: String) -> String {
  var result = String.UnicodeScalarView()
  for scalar in text.unicodeScalars where scalar.value >= 0x20 && !(0x7F...0x9F ~= scalar.value) {
    result.append(scalar)
  }
  return String(result)
}

private func withOptionalCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
  guard let text else { return body(nil) }
  return unsafe text.withCString { unsafe body($0) }
}
