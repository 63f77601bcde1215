/// Byte strings with numbers, in a double array: a step along a string is one look-up.
struct ByteTrie: Sendable {
  private struct Unit {
    /// The children of a node lie at `base ^ byte`.
    var base: Int32 = 0
    /// The parent; -1 for a free unit.
    var parent: Int32 = -1
    /// The number of the string that ends here, or -1.
    var value: Int32 = -1
  }

  private var units: [Unit]

  /// The node of the empty string.
  static let root: Int32 = 0

  /// - Parameters:
  ///   - keys: in any order; of equal ones the last counts.
  ///   - values: at least 0, one for each key.
  init(_ keys: [[UInt8]], _ values: [Int32]) {
    precondition(keys.count == values.count)
    var order = Array(keys.indices)
    order.sort { a, b in
      keys[a].lexicographicallyPrecedes(keys[b]) || (keys[a] == keys[b] && a < b)
    }
    var builder = Builder()
    var work: [(node: Int32, range: Range<Int>, depth: Int)] = [(Self.root, order.indices, 0)]
    var labels: [UInt8] = []
    var starts: [Int] = []
    while let (node, range, depth) = work.popLast() {
      var at = range.lowerBound
      while at < range.upperBound, keys[order[at]].count == depth {
        builder.units[Int(node)].value = values[order[at]]
        at += 1
      }
      if at == range.upperBound { continue }
      labels.removeAll(keepingCapacity: true)
      starts.removeAll(keepingCapacity: true)
      for i in at..<range.upperBound {
        let label = keys[order[i]][depth]
        if labels.last != label {
          labels.append(label)
          starts.append(i)
        }
      }
      starts.append(range.upperBound)
      let base = builder.place(labels, parent: node)
      for (i, label) in labels.enumerated() {
        work.append((base ^ Int32(label), starts[i]..<starts[i + 1], depth + 1))
      }
    }
    units = builder.units
  }

  /// Finds room for the children of nodes, in blocks of 256 units.
  private struct Builder {
    var units: [Unit] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []
    private var head: Int32 = -1
    private var tail: Int32 = -1
    /// Free units before are not looked at any more: they are few, and looking takes long.
    private var closed = 0

    init() {
      addBlock()
      take(ByteTrie.root)
      units[0].parent = -2
    }

    mutating func addBlock() {
      let start = units.count
      if units.count - closed > 16 * 256 {
        for i in closed..<closed + 256 where units[i].parent == -1 { remove(Int32(i)) }
        closed += 256
      }
      for i in start..<start + 256 {
        units.append(Unit())
        previous.append(tail)
        next.append(-1)
        if tail >= 0 { next[Int(tail)] = Int32(i) } else { head = Int32(i) }
        tail = Int32(i)
      }
    }

    private mutating func remove(_ i: Int32) {
      let (before, after) = (previous[Int(i)], next[Int(i)])
      if before >= 0 { next[Int(before)] = after } else { head = after }
      if after >= 0 { previous[Int(after)] = before } else { tail = before }
    }

    private mutating func take(_ i: Int32) { remove(i) }

    mutating func place(_ labels: [UInt8], parent: Int32) -> Int32 {
      var free = head
      search: while true {
        if free < 0 {
          free = Int32(units.count)
          addBlock()
        }
        let base = free ^ Int32(labels[0])
        // Node 0 is the root, and 0 is the base of nodes without children, whose "children" must not be found.
        for label in labels where units[Int(base ^ Int32(label))].parent != -1 {
          free = next[Int(free)]
          continue search
        }
        for label in labels {
          let child = base ^ Int32(label)
          take(child)
          units[Int(child)].parent = parent
        }
        units[Int(parent)].base = base
        return base
      }
    }
  }

  /// The node behind a byte, or -1.
  @inline(__always)
  func child(_ node: Int32, _ byte: UInt8) -> Int32 {
    let next = units[Int(node)].base ^ Int32(byte)
    return units[Int(next)].parent == node ? next : -1
  }

  /// The number of the string that ends at a node, or -1.
  @inline(__always)
  func value(_ node: Int32) -> Int32 { units[Int(node)].value }

  /// The node of a stretch of bytes, or -1.
  func node(_ bytes: Span<UInt8>, _ range: Range<Int>, from start: Int32 = root) -> Int32 {
    var node = start
    for i in range {
      node = child(node, bytes[i])
      if node < 0 { return -1 }
    }
    return node
  }

  /// The number of a stretch of bytes, or -1.
  func find(_ bytes: Span<UInt8>, _ range: Range<Int>, from start: Int32 = root) -> Int32 {
    let node = node(bytes, range, from: start)
    return node < 0 ? -1 : value(node)
  }

  /// The number of a string, or -1.
  func find(_ key: [UInt8]) -> Int32 { find(key.span, 0..<key.count) }
}
