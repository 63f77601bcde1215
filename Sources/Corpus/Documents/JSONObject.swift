import Base
import CJSON

/// Looks up strings in JSON objects, by simdjson. One for each thread.
@safe final class JSONObject {
  /// Bytes that must follow the text of an object.
  static let padding = Int(EMS_JSON_PADDING)

  private let json: OpaquePointer

  init() {
    guard let json = unsafe ems_json_new() else { fatalError("no memory for a JSON parser") }
    unsafe self.json = json
  }

  deinit { unsafe ems_json_delete(json) }

  /// Reads an object; the bytes hold `count` of text and the padding.
  ///
  /// - Returns: what is wrong with it, nil if nothing.
  func read(_ bytes: [UInt8], count: Int) -> (reason: String, isEncoding: Bool)? {
    precondition(bytes.count >= count + Self.padding)
    return unsafe bytes.withUnsafeBytes { raw in
      var reason: UnsafePointer<CChar>?
      let text = unsafe raw.baseAddress!.assumingMemoryBound(to: CChar.self)
      let code = unsafe ems_json_parse(json, text, count, &reason)
      if code == Int32(EMS_JSON_OK) { return nil }
      let message = unsafe reason.map { unsafe String(cString: $0) } ?? "it is invalid"
      return (message, code == Int32(EMS_JSON_NOT_UTF8))
    }
  }

  enum Value { case absent, other, text([UInt8]) }

  /// The string (number, array of strings) at a dotted path.
  func find(_ path: String) -> Value {
    var path = path
    return path.withUTF8 { name in
      unsafe name.withMemoryRebound(to: CChar.self) { name in
        var text: UnsafePointer<CChar>?
        var count = 0
        let code = unsafe ems_json_find(json, name.baseAddress, name.count, &text, &count)
        if code == Int32(EMS_JSON_TEXT), let text = unsafe text {
          return .text(unsafe Array(UnsafeRawBufferPointer(start: text, count: count)))
        }
        return code == Int32(EMS_JSON_ABSENT) ? .absent : .other
      }
    }
  }

  /// The names of the fields, with dots, joined by commas.
  var fields: String { unsafe ems_json_fields(json).map { unsafe String(cString: $0) } ?? "" }
}
