import Base
import CXML

/// The paragraphs of an HTML page without what surrounds them.
///
/// libxml2 gives the blocks of a page. A block whose text lies in links, or that carries a copyright sign, is furniture; one
/// that is long is content; a short one goes with its neighbours, and a heading with what follows it.
enum HTMLText {
  /// - Returns: the paragraphs, a line each, and how many blocks were left out; nil for what is no page.
  static func paragraphs(of bytes: [UInt8], encoding: String?) -> (text: [UInt8], left: Int)? {
    var blocks: UnsafePointer<ems_html_block>?
    var text: UnsafePointer<CChar>?
    var count = 0
    let code = unsafe bytes.withUnsafeBytes {
      unsafe ems_html_blocks($0.baseAddress, $0.count, encoding, &blocks, &count, &text)
    }
    guard code == 0 else { return nil }
    var kinds: [Kind] = []
    var headings: [Bool] = []
    for i in 0..<count {
      let block = unsafe blocks![i]
      let bytes = unsafe UnsafeRawBufferPointer(start: text! + block.start, count: block.count)
      kinds.append(kind(block, unsafe Array(bytes)))
      headings.append(block.heading > 0)
    }
    var result: [UInt8] = []
    var left = 0
    for i in 0..<count {
      guard isKept(i, kinds, headings) else {
        left += 1
        continue
      }
      let block = unsafe blocks![i]
      unsafe result.append(contentsOf: UnsafeRawBufferPointer(start: text! + block.start, count: block.count))
      result.append(UInt8(ascii: "\n"))
    }
    return (result, left)
  }

  enum Kind { case good, short, bad }

  private static func kind(_ block: ems_html_block, _ text: [UInt8]) -> Kind {
    if block.linked * 3 > block.characters { return .bad }
    let isDense = text.count > 2 * block.characters
    // A character of Chinese says as much as several letters.
    if block.characters >= (isDense ? 25 : 60) { return .good }
    let isCopyright = text.indices.contains { $0 + 1 < text.count && text[$0] == 0xC2 && text[$0 + 1] == 0xA9 }
    return isCopyright ? .bad : .short
  }

  private static func isKept(_ i: Int, _ kinds: [Kind], _ headings: [Bool]) -> Bool {
    switch kinds[i] {
    case .good: return true
    case .bad: return false
    case .short:
      let next = kinds[(i + 1)...].prefix(4).first { $0 != .short }
      if headings[i] { return next == .good }
      let before = kinds[..<i].suffix(4).last { $0 != .short }
      return next == .good && before == .good
    }
  }
}
