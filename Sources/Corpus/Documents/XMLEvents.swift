import Base
import CXML

/// XML from a source of bytes as a row of events, by libxml2.
///
/// Nothing is known of a document type definition: no entities but XML's own, nothing read from elsewhere.
@safe final class XMLEvents {
  enum Event: Equatable {
    /// An element begins; its name without prefix.
    case start(String)
    /// An element ends.
    case end(String)
    /// Text, which is taken by `appendText`.
    case text
  }

  private let source: any ByteSource
  private let name: String
  private let parser: OpaquePointer
  private var input = [UInt8](repeating: 0, count: 1 << 16)
  private var atEnd = false
  private var failure: Failure?

  /// - Parameter isUTF8: whether the bytes are UTF-8 whatever the XML declaration says.
  init(_ source: any ByteSource, name: String, isUTF8: Bool) throws(Failure) {
    guard let parser = unsafe ems_xml_new(isUTF8 ? 1 : 0) else {
      throw Failure(.io, name, "libxml2 cannot get memory")
    }
    self.source = source
    self.name = name
    unsafe self.parser = parser
  }

  deinit { unsafe ems_xml_delete(parser) }

  var bytesConsumed: Int { source.bytesConsumed }
  var totalBytes: Int? { source.totalBytes }

  /// The next event; nil at the end.
  ///
  /// - Throws: `Failure` where the XML is not well-formed.
  func next() throws(Failure) -> Event? {
    while true {
      switch unsafe ems_xml_next(parser) {
      case Int32(EMS_XML_START): return .start(value())
      case Int32(EMS_XML_END): return .end(value())
      case Int32(EMS_XML_TEXT): return .text
      default: break
      }
      if let failure { throw failure }
      if atEnd { return nil }
      let count = try source.read(into: &input, at: 0)
      atEnd = count == 0
      let code = unsafe input.withUnsafeBytes { unsafe ems_xml_push(parser, $0.baseAddress, count, atEnd ? 1 : 0) }
      if code != 0 {
        var line: Int32 = 0
        let reason = unsafe ems_xml_error(parser, &line).map { unsafe String(cString: $0) } ?? ""
        let isEntity = reason.contains("ntity")
        failure = Failure(
          .badData, name, at: line > 0 ? "line \(line)" : nil, "the XML is not well-formed: \(reason)",
          remedy: isEntity
            ? "entities other than XML's own are never resolved: write the characters themselves"
            : "the file is damaged or cut short: fetch or make it again")
      }
    }
  }

  private func value() -> String {
    var count = 0
    guard let text = unsafe ems_xml_value(parser, &count) else { return "" }
    return unsafe String(cString: text)
  }

  /// Appends the text of the last event.
  func appendText(to bytes: inout [UInt8]) {
    var count = 0
    guard let text = unsafe ems_xml_value(parser, &count) else { return }
    unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: text, count: count))
  }

  /// An attribute of the element that began last.
  func attribute(_ name: String) -> String? {
    unsafe ems_xml_attribute(parser, name).map { unsafe String(cString: $0) }
  }
}
