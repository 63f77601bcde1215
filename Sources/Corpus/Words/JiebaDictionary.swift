import Base
import Glibc

/// Chinese words with their frequencies, and a hidden Markov model for what is no word among them: cuts Chinese text as
/// Python's `jieba.cut(line)` does, word for word.
///
/// Of all ways to cut a run of characters into words of the dictionary the most probable one is taken, a character on its own
/// being allowed anywhere. Where several characters come out one by one that are no word together, the hidden Markov model
/// (each character begins, continues or ends a word, or is one) says where words begin.
public final class JiebaDictionary: Sendable {
  /// The file it was read from, or what failures call it.
  public let name: String
  /// Whether the hidden Markov model's tables are there; without, characters outside words stay alone.
  public var hasModel: Bool { model != nil }
  /// The number of words.
  public let wordCount: Int

  private let tree: PrefixTree
  private let model: MarkovModel?
  private let entries: Entries

  /// What the dictionary is made of, as it is written.
  private struct Entries: Sendable {
    var words: [(text: [UInt8], frequency: Int)] = []
  }

  private static let header = "ems-jieba 1"

  // MARK: reading and writing

  /// Reads jieba's own files: `dict.txt`, or a folder (such as that of the Python package `jieba`) with `dict.txt` and, for the
  /// hidden Markov model, `finalseg/prob_start.py`, `prob_trans.py` and `prob_emit.py`; or what `write(to:)` wrote.
  ///
  /// - Throws: `Failure` for a missing file, and naming the line of a malformed one.
  public convenience init(path: String) throws(Failure) {
    var status = stat()
    guard FileSystem.stat(path, &status) == 0 else { throw .system("cannot open the dictionary", path, errno: errno) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      try self.init(file: path, model: nil)
      return
    }
    let file = "\(path)/dict.txt"
    guard FileSystem.access(file, F_OK) == 0 else {
      throw Failure(
        .missingInput, path, "has no dict.txt",
        remedy: "name jieba's dict.txt, or the folder of the Python package jieba")
    }
    let tables = "\(path)/finalseg"
    let model = FileSystem.access(tables, F_OK) == 0 ? try MarkovModel(folder: tables) : nil
    try self.init(file: file, model: model)
  }

  private init(file path: String, model: MarkovModel?) throws(Failure) {
    let file = try MappedFile(path: path)
    guard file.count <= 1 << 28 else {
      throw Failure(.badData, path, "is \(file.count) bytes long; a dictionary has at most 256 MiB")
    }
    var lines = TableLines(file, path)
    var model = model
    var entries = Entries()
    var wordLines = Int.max
    if file.bytes.byteCount >= Self.header.utf8.count, lines.peek(Self.header) {
      let fields = lines.next()?.split(separator: " ") ?? []
      guard fields.count == 4, let words = Int(fields[2]), let characters = Int(fields[3]), words >= 0, characters >= 0
      else { throw lines.failure("the header is not `\(Self.header) WORDS CHARACTERS`") }
      wordLines = words
      if characters > 0 { model = try MarkovModel(&lines, characters: characters) }
    }
    var tree = PrefixTree()
    var total = 0
    while entries.words.count < wordLines, let line = try lines.nextWord() {
      let (sum, overflow) = total.addingReportingOverflow(line.frequency)
      guard !overflow, line.frequency <= 1 << 53 else { throw lines.failure("the frequency is too large") }
      total = sum
      var i = 0
      var node = PrefixTree.root
      while i < line.text.count { node = tree.insert(nextCharacter(line.text.span, &i), after: node) }
      tree.frequencies[Int(node)] = line.frequency
      entries.words.append(line)
      guard tree.count < 1 << 28 else { throw lines.failure("the dictionary has too many words") }
    }
    guard !entries.words.isEmpty, total > 0 else {
      throw Failure(
        .badData, path, "has no words", remedy: "a dictionary has lines of a word, a space and its frequency")
    }
    guard wordLines == .max || entries.words.count == wordLines else {
      throw lines.failure("the file ends after \(entries.words.count) of \(wordLines) words")
    }
    tree.weigh(total: total)
    name = path
    wordCount = entries.words.count
    self.tree = tree
    self.model = model
    self.entries = entries
  }

  /// Writes the words with their frequencies, and the hidden Markov model's tables, as one text file.
  public func write(to path: String) throws(Failure) {
    let output = try OutputFile(path: path)
    try output.write("\(Self.header) \(wordCount) \(model?.characterCount ?? 0)\n")
    if let model { try output.write(model.text()) }
    var piece: [UInt8] = []
    for (i, word) in entries.words.enumerated() {
      piece += word.text
      piece += Array(" \(word.frequency)\n".utf8)
      if piece.count > 1 << 20 || i + 1 == entries.words.count {
        try output.write(String(decoding: piece, as: UTF8.self))
        piece.removeAll(keepingCapacity: true)
      }
    }
    try output.commit()
  }

  // MARK: cutting

  /// The words of a line, a space between two of them, white space counting as words.
  ///
  /// - Parameter text: UTF-8; bytes that are not count as U+FFFD.
  public func tokenize(_ text: Span<UInt8>) -> [UInt8] {
    var line: [UInt32] = []
    line.reserveCapacity(text.count / 2)
    var i = 0
    while i < text.count { line.append(nextCharacter(text, &i)) }
    var out: [UInt8] = []
    out.reserveCapacity(text.count * 3 / 2)
    func emit(_ range: Range<Int>) {
      if !out.isEmpty { out.append(0x20) }
      for k in range { appendUTF8(line[k], to: &out) }
    }
    var start = 0
    while start < line.count {
      guard Self.isPart(line[start]) else {
        emit(start..<start + 1)
        start += 1
        continue
      }
      var end = start + 1
      while end < line.count, Self.isPart(line[end]) { end += 1 }
      cut(line, start..<end, emit)
      start = end
    }
    return out
  }

  /// Chinese characters, letters and digits of ASCII, and what may stand between them; all else stands alone.
  private static func isPart(_ value: UInt32) -> Bool {
    switch value {
    case 0x4E00...0x9FD5, 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x2B, 0x23, 0x26, 0x2E, 0x5F, 0x25, 0x2D: true
    default: false
    }
  }

  private static func isHan(_ value: UInt32) -> Bool { (0x4E00...0x9FD5).contains(value) }

  private static func isASCIIWord(_ value: UInt32) -> Bool {
    (0x30...0x39).contains(value) || (0x41...0x5A).contains(value) || (0x61...0x7A).contains(value)
  }

  /// Cuts a run of characters.
  private func cut(_ line: [UInt32], _ run: Range<Int>, _ emit: (Range<Int>) -> Void) {
    // From the end: how probable the best way to cut the rest is, and where its first word ends. Of equals the longest word
    // is taken, as the comparison of pairs in Python does.
    var best = [Double](repeating: 0, count: run.count + 1)
    var ends = [Int](repeating: 0, count: run.count + 1)
    for i in stride(from: run.count - 1, through: 0, by: -1) {
      var node = PrefixTree.root
      var found = false
      var j = i
      var (value, end) = (-Double.infinity, i + 1)
      while j < run.count, let next = tree.child(of: node, line[run.lowerBound + j]) {
        node = next
        j += 1
        if tree.isWord(node) {
          let candidate = tree.weights[Int(node)] + best[j]
          if !found || candidate >= value { (value, end) = (candidate, j) }
          found = true
        }
      }
      if !found { value = tree.lone + best[i + 1] }
      best[i] = value
      ends[i] = end
    }
    var loneStart = run.lowerBound
    var i = 0
    while i < run.count {
      let end = ends[i]
      if end - i > 1 {
        cutLone(line, loneStart..<run.lowerBound + i, emit)
        emit(run.lowerBound + i..<run.lowerBound + end)
        loneStart = run.lowerBound + end
      } else if model == nil, !Self.isASCIIWord(line[run.lowerBound + i]) {
        // Without the model only letters and digits of ASCII are gathered.
        cutLone(line, loneStart..<run.lowerBound + i, emit)
        emit(run.lowerBound + i..<run.lowerBound + end)
        loneStart = run.lowerBound + end
      }
      i = end
    }
    cutLone(line, loneStart..<run.upperBound, emit)
  }

  /// Cuts characters that came out one by one.
  private func cutLone(_ line: [UInt32], _ run: Range<Int>, _ emit: (Range<Int>) -> Void) {
    guard let model, run.count > 1 else {
      if !run.isEmpty { emit(run) }
      return
    }
    var node: Int32? = PrefixTree.root
    for i in run { node = node.flatMap { tree.child(of: $0, line[i]) } }
    if let node, tree.isWord(node) {
      for i in run { emit(i..<i + 1) }
      return
    }
    var start = run.lowerBound
    while start < run.upperBound {
      var end = start + 1
      let han = Self.isHan(line[start])
      while end < run.upperBound, Self.isHan(line[end]) == han { end += 1 }
      if han {
        model.cut(line, start..<end, emit)
      } else {
        Self.cutForeign(line, start..<end, emit)
      }
      start = end
    }
  }

  /// Numbers with their decimals and percent sign, words of ASCII, and what is between.
  private static func cutForeign(_ line: [UInt32], _ run: Range<Int>, _ emit: (Range<Int>) -> Void) {
    func isDigit(_ i: Int) -> Bool { i < run.upperBound && (0x30...0x39).contains(line[i]) }
    var start = run.lowerBound
    while start < run.upperBound {
      var end = start
      if isASCIIWord(line[start]) {
        while end < run.upperBound, isASCIIWord(line[end]) { end += 1 }
        if end < run.upperBound, line[end] == 0x2E, isDigit(end + 1) {
          end += 1
          while isDigit(end) { end += 1 }
        }
        if end < run.upperBound, line[end] == 0x25 { end += 1 }
      } else {
        while end < run.upperBound, !isASCIIWord(line[end]) { end += 1 }
      }
      emit(start..<end)
      start = end
    }
  }
}

/// All beginnings of the words, each a node; children are found by hashing.
private struct PrefixTree: Sendable {
  static let root: Int32 = 0

  /// By node: how often it is a word, 0 for a beginning alone.
  var frequencies: [Int] = [0]
  /// By node: the logarithm of the word's probability.
  private(set) var weights: [Double] = []
  /// That of a character that is no word.
  private(set) var lone = 0.0
  private var keys: [UInt64] = Array(repeating: 0, count: 1 << 12)
  private var values: [Int32] = Array(repeating: 0, count: 1 << 12)

  /// The number of nodes.
  var count: Int { frequencies.count }

  private static func key(_ parent: Int32, _ value: UInt32) -> UInt64 {
    (UInt64(UInt32(bitPattern: parent)) + 1) << 32 | UInt64(value)
  }

  /// The place of a key, or the empty place where it would be.
  private func place(_ key: UInt64) -> Int {
    let mask = keys.count - 1
    var i = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while keys[i] != 0, keys[i] != key { i = (i + 1) & mask }
    return i
  }

  mutating func insert(_ value: UInt32, after parent: Int32) -> Int32 {
    let key = Self.key(parent, value)
    var i = place(key)
    if keys[i] == key { return values[i] }
    if 2 * count >= keys.count {
      grow()
      i = place(key)
    }
    let node = Int32(count)
    keys[i] = key
    values[i] = node
    frequencies.append(0)
    return node
  }

  private mutating func grow() {
    let (oldKeys, oldValues) = (keys, values)
    keys = Array(repeating: 0, count: 2 * oldKeys.count)
    values = Array(repeating: 0, count: keys.count)
    for (j, key) in oldKeys.enumerated() where key != 0 {
      let i = place(key)
      keys[i] = key
      values[i] = oldValues[j]
    }
  }

  /// Takes the logarithms once the frequencies' sum is known.
  mutating func weigh(total: Int) {
    let whole = log(Double(total))
    weights = frequencies.map { log(Double(max($0, 1))) - whole }
    lone = 0 - whole
  }

  func child(of parent: Int32, _ value: UInt32) -> Int32? {
    let key = Self.key(parent, value)
    let i = place(key)
    return keys[i] == key ? values[i] : nil
  }

  func isWord(_ node: Int32) -> Bool { frequencies[Int(node)] > 0 }
}

/// The hidden Markov model's tables of log probabilities. States are numbered B 0, E 1, M 2, S 3 (a word begins, ends, goes on,
/// is a single character), in the order of their letters.
private struct MarkovModel: Sendable {
  private static let letters = "BEMS"
  /// jieba's logarithm of zero.
  private static let never = -3.14e100
  /// The states that may come before a state.
  private static let before = [[1, 3], [0, 2], [0, 2], [1, 3]]

  private var start: [Double]
  /// [before][state]
  private var transitions: [[Double]]
  /// By character, from U+4E00 to U+9FD5: four numbers.
  private var emissions: [Double]
  /// The characters that have numbers.
  private var characters: [UInt32]

  var characterCount: Int { characters.count }

  private static let firstHan: UInt32 = 0x4E00, lastHan: UInt32 = 0x9FD5
  private static var noEmissions: [Double] {
    Array(repeating: never, count: 4 * Int(lastHan - firstHan + 1))
  }

  /// Reads `prob_start.py`, `prob_trans.py` and `prob_emit.py`.
  init(folder: String) throws(Failure) {
    func states<Value>(_ table: [String: Value], _ path: String) throws(Failure) -> [Value] {
      var values: [Value] = []
      for letter in Self.letters {
        guard let value = table[String(letter)] else {
          throw Failure(.badData, path, "has no state \(letter)", remedy: "use the files of jieba's folder finalseg")
        }
        values.append(value)
      }
      return values
    }
    let startPath = "\(folder)/prob_start.py", transitionPath = "\(folder)/prob_trans.py"
    let emissionPath = "\(folder)/prob_emit.py"
    start = try states(PythonTable(path: startPath).flat(), startPath)
    transitions = try states(PythonTable(path: transitionPath).nested(), transitionPath).map { row in
      Self.letters.map { row[String($0)] ?? Self.never }
    }
    emissions = Self.noEmissions
    var known = Set<UInt32>()
    for (state, row) in try states(PythonTable(path: emissionPath).nested(), emissionPath).enumerated() {
      for (character, value) in row {
        guard let scalar = character.unicodeScalars.first, character.unicodeScalars.count == 1 else {
          throw Failure(.badData, emissionPath, "has a key of several characters: \(character)")
        }
        // jieba asks for Chinese characters only.
        guard (Self.firstHan...Self.lastHan).contains(scalar.value) else { continue }
        emissions[4 * Int(scalar.value - Self.firstHan) + state] = value
        known.insert(scalar.value)
      }
    }
    characters = known.sorted()
  }

  /// Reads the lines that `text()` makes.
  init(_ lines: inout TableLines, characters count: Int) throws(Failure) {
    var last: Substring = ""
    func numbers(after name: Substring?) throws(Failure) -> [Double] {
      guard let line = lines.next() else { throw lines.failure("the file ends within the model's tables") }
      let fields = line.split(separator: " ")
      let values = fields.dropFirst().compactMap { Double($0) }
      guard fields.count == 5, values.count == 4, values.allSatisfy(\.isFinite), name == nil || fields[0] == name else {
        throw lines.failure("the line does not hold a name and four numbers")
      }
      last = fields[0]
      return values
    }
    start = try numbers(after: "start")
    transitions = []
    for letter in Self.letters { transitions.append(try numbers(after: Substring(String(letter)))) }
    emissions = Self.noEmissions
    characters = []
    for _ in 0..<min(count, 0x10000) {
      let values = try numbers(after: nil)
      guard let scalar = last.unicodeScalars.first, last.unicodeScalars.count == 1,
        (Self.firstHan...Self.lastHan).contains(scalar.value)
      else { throw lines.failure("the line does not begin with a Chinese character") }
      for (state, value) in values.enumerated() { emissions[4 * Int(scalar.value - Self.firstHan) + state] = value }
      characters.append(scalar.value)
    }
  }

  func text() -> String {
    func line(_ name: String, _ values: some Sequence<Double>) -> String {
      name + " " + values.map { "\($0)" }.joined(separator: " ") + "\n"
    }
    var text = line("start", start)
    for (letter, row) in zip(Self.letters, transitions) { text += line(String(letter), row) }
    for value in characters {
      let first = 4 * Int(value - Self.firstHan)
      text += line(Unicode.Scalar(value).map { String(Character($0)) } ?? "", emissions[first..<first + 4])
    }
    return text
  }

  /// Cuts a run of Chinese characters by the most probable states. Of equals the state with the later letter is taken, as the
  /// comparison of pairs in Python does.
  func cut(_ line: [UInt32], _ run: Range<Int>, _ emit: (Range<Int>) -> Void) {
    var values = [Double](repeating: 0, count: 4)
    var from = [Int](repeating: 0, count: 4 * run.count)
    for (t, i) in run.enumerated() {
      let emission = 4 * Int(line[i] - Self.firstHan)
      var next = values
      for state in 0..<4 {
        if t == 0 {
          next[state] = start[state] + emissions[emission + state]
          continue
        }
        var (best, chosen) = (-Double.infinity, -1)
        for before in Self.before[state] {
          let value = values[before] + transitions[before][state] + emissions[emission + state]
          if chosen < 0 || value >= best { (best, chosen) = (value, before) }
        }
        next[state] = best
        from[4 * t + state] = chosen
      }
      values = next
    }
    var states = [Int](repeating: 0, count: run.count)
    var state = values[3] >= values[1] ? 3 : 1
    for t in stride(from: run.count - 1, through: 0, by: -1) {
      states[t] = state
      state = from[4 * t + state]
    }
    var (begin, next) = (0, 0)
    for (t, state) in states.enumerated() {
      switch state {
      case 0: begin = t
      case 1:
        emit(run.lowerBound + begin..<run.lowerBound + t + 1)
        next = t + 1
      case 3:
        emit(run.lowerBound + t..<run.lowerBound + t + 1)
        next = t + 1
      default: break
      }
    }
    if next < run.count { emit(run.lowerBound + next..<run.upperBound) }
  }
}

/// The lines of a text file of tables.
private struct TableLines {
  private let file: MappedFile
  private let path: String
  private var position = 0
  private var number = 0

  init(_ file: MappedFile, _ path: String) {
    self.file = file
    self.path = path
  }

  func failure(_ problem: String) -> Failure {
    Failure(
      .badData, path, at: "line \(max(number, 1))", problem,
      remedy: "name jieba's dict.txt, or the folder of the Python package jieba")
  }

  func peek(_ beginning: String) -> Bool {
    let bytes = Span<UInt8>(_bytes: file.bytes)
    let wanted = Array(beginning.utf8)
    return bytes.count >= wanted.count && wanted.indices.allSatisfy { bytes[$0] == wanted[$0] }
  }

  private mutating func nextRange() -> Range<Int>? {
    let count = file.count
    if position >= count { return nil }
    let start = position
    let end = firstIndex(of: 0x0A, in: Span<UInt8>(_bytes: file.bytes), from: start, to: count) ?? count
    position = end + 1
    number += 1
    return start..<end
  }

  mutating func next() -> String? {
    guard let range = nextRange() else { return nil }
    let bytes = Span<UInt8>(_bytes: file.bytes)
    return String(decoding: range.map { bytes[$0] }, as: UTF8.self)
  }

  /// A word and its frequency; what may follow (jieba's part of speech) is passed over.
  mutating func nextWord() throws(Failure) -> (text: [UInt8], frequency: Int)? {
    guard var range = nextRange() else { return nil }
    let bytes = Span<UInt8>(_bytes: file.bytes)
    if !range.isEmpty, bytes[range.upperBound - 1] == 0x0D { range = range.lowerBound..<range.upperBound - 1 }
    var i = range.lowerBound
    var text: [UInt8] = []
    while i < range.upperBound, bytes[i] != 0x20 {
      text.append(bytes[i])
      i += 1
    }
    i += 1
    let digits = i
    var frequency = 0
    while i < range.upperBound, (0x30...0x39).contains(bytes[i]), frequency < 1 << 54 {
      frequency = 10 * frequency + Int(bytes[i] - 0x30)
      i += 1
    }
    guard !text.isEmpty, i > digits, i >= range.upperBound || bytes[i] == 0x20, firstInvalid(in: text.span) == nil
    else {
      throw failure("is not a word, a space and its frequency")
    }
    return (text, frequency)
  }
}

/// A Python file that assigns one dictionary of numbers, or of such dictionaries, to P: how jieba ships its tables.
private struct PythonTable {
  private let path: String
  private let text: [UInt8]
  private var position = 0

  init(path: String) throws(Failure) {
    let file = try MappedFile(path: path)
    guard file.count <= 1 << 26 else {
      throw Failure(.badData, path, "is \(file.count) bytes long; a table has at most 64 MiB")
    }
    let bytes = Span<UInt8>(_bytes: file.bytes)
    self.path = path
    text = bytes.indices.map { bytes[$0] }
    let start = Array("P={".utf8)
    var i = 0
    while i + start.count <= text.count, !start.indices.allSatisfy({ text[i + $0] == start[$0] }) { i += 1 }
    guard i + start.count <= text.count else { throw failure("there is no `P={`") }
    position = i + 2
  }

  private func failure(_ problem: String) -> Failure {
    let line = 1 + text[..<min(position, text.count)].count { $0 == 0x0A }
    return Failure(
      .badData, path, at: "line \(line)", problem, remedy: "use the files of jieba's folder finalseg")
  }

  func flat() throws(Failure) -> [String: Double] {
    var parser = self
    return try parser.dictionary { (parser: inout PythonTable) throws(Failure) -> Double in try parser.number() }
  }

  func nested() throws(Failure) -> [String: [String: Double]] {
    var parser = self
    return try parser.dictionary { (parser: inout PythonTable) throws(Failure) -> [String: Double] in
      try parser.dictionary { (parser: inout PythonTable) throws(Failure) -> Double in try parser.number() }
    }
  }

  private mutating func skipSpace() {
    while position < text.count, text[position] <= 0x20 { position += 1 }
  }

  /// Whether a character comes next; it is passed over then.
  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < text.count, text[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func dictionary<Value>(
    _ value: (inout PythonTable) throws(Failure) -> Value
  ) throws(Failure) -> [String: Value] {
    guard take(UInt8(ascii: "{")) else { throw failure("`{` is expected") }
    var table: [String: Value] = [:]
    while !take(UInt8(ascii: "}")) {
      let key = try string()
      guard take(UInt8(ascii: ":")) else { throw failure("`:` is expected") }
      table[key] = try value(&self)
      if !take(UInt8(ascii: ",")) {
        guard take(UInt8(ascii: "}")) else { throw failure("`,` or `}` is expected") }
        break
      }
    }
    return table
  }

  private mutating func string() throws(Failure) -> String {
    skipSpace()
    guard take(0x27) || take(0x22) else { throw failure("a key in quotes is expected") }
    let quote = text[position - 1]
    let start = position
    while position < text.count, text[position] != quote, text[position] != 0x0A { position += 1 }
    guard position < text.count, text[position] == quote else { throw failure("a key has no end") }
    let content = text[start..<position]
    position += 1
    guard content.first == UInt8(ascii: "\\") else { return String(decoding: content, as: UTF8.self) }
    let digits = String(decoding: content.dropFirst(2), as: UTF8.self)
    guard content.dropFirst().first == UInt8(ascii: "u"), digits.utf8.count == 4,
      let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init)
    else { throw failure("a key has an escape that is not \\uXXXX") }
    return String(Character(scalar))
  }

  private mutating func number() throws(Failure) -> Double {
    skipSpace()
    let start = position
    while position < text.count, "+-.0123456789eE".utf8.contains(text[position]) { position += 1 }
    guard let value = Double(String(decoding: text[start..<position], as: UTF8.self)), value.isFinite else {
      throw failure("a number is expected")
    }
    return value
  }
}
