/// A model's card with the metadata by which the Hub and sentence-transformers know what it is.
enum HubCard {
  private static let replaced: Set<String> = ["library_name", "pipeline_tag", "tags", "language"]
  private static let ownTags = ["sentence-transformers", "sentence-similarity", "feature-extraction"]

  /// The text of `README.md`.
  ///
  /// - Parameters:
  ///   - card: the model's own card, which is kept but for the keys that say what kind of model this is; may be empty.
  ///   - configuration: names the languages where the card does not.
  static func text(_ card: String, _ configuration: Configuration) -> String {
    var (header, body) = parts(of: card)
    let tags = ownTags + listed("tags", in: header).filter { !ownTags.contains($0) }
    var languages = listed("language", in: header)
    if languages.isEmpty {
      // The Hub takes codes of ISO 639 alone.
      languages = configuration.languages.filter { code in
        (2...3).contains(code.utf8.count)
          && code.utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
      }
    }
    header.removeAll { replaced.contains($0.key) }
    var text = "---\nlibrary_name: sentence-transformers\npipeline_tag: sentence-similarity\n"
    text += "tags: [\(tags.joined(separator: ", "))]\n"
    // YAML takes a bare `no` for false.
    if !languages.isEmpty {
      text += "language: [\(languages.map { $0 == "no" ? "\"no\"" : $0 }.joined(separator: ", "))]\n"
    }
    for entry in header { text += entry.lines.joined(separator: "\n") + "\n" }
    while body.first == "\n" { body.removeFirst() }
    while body.last?.isWhitespace == true { body.removeLast() }
    if body.isEmpty {
      body = """
        # A multilingual sentence encoder

        An EMS encoder (Mao, Chu, Kurohashi, arXiv 2205.15744) with \(configuration.numHiddenLayers) layers of \
        \(configuration.hiddenSize).
        """
    }
    return text + "---\n" + body + "\n\n" + usage(configuration)
  }

  private static func usage(_ configuration: Configuration) -> String {
    """
    ## Use with sentence-transformers

    ```python
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer("path/or/name/of/this/model")
    embeddings = model.encode(["A sentence.", "Noch ein Satz."])  # \(configuration.embeddingSize) elements a row
    ```

    Rows are not of unit length; compare them by cosine. Sentences of more than \(configuration.maxPositionEmbeddings) tokens are \
    cut. The prompt in the settings is a mark
    that the tokenizer takes away again: with it, an empty line has an embedding, too. `ems model export --format \
    sentence-transformers` wrote this folder.

    """
  }

  private struct Entry {
    var key: String
    var lines: [Substring]
  }

  /// The keys at the top of a card, each with the lines that belong to it, and what stands below them.
  private static func parts(of card: String) -> (header: [Entry], body: String) {
    let lines = card.split(separator: "\n", omittingEmptySubsequences: false)
    func isFence(_ line: Substring) -> Bool { line == "---" || line == "---\r" }
    guard let first = lines.first, isFence(first), let end = lines.dropFirst().firstIndex(where: isFence) else {
      return ([], card)
    }
    var entries: [Entry] = []
    for line in lines[1..<end] {
      // A key begins a line; what is indented, an item or a comment belongs to the one before.
      if let first = line.first, !first.isWhitespace, first != "-", first != "#", first != "]", first != "}",
        let colon = line.firstIndex(of: ":")
      {
        entries.append(Entry(key: String(line[..<colon]), lines: [line]))
      } else if let last = entries.indices.last {
        entries[last].lines.append(line)
      }
    }
    return (entries, lines[(end + 1)...].joined(separator: "\n"))
  }

  /// The items of a key's list, in either of YAML's forms; plain words only.
  private static func listed(_ key: String, in header: [Entry]) -> [String] {
    guard let entry = header.first(where: { $0.key == key }) else { return [] }
    let text = entry.lines.joined(separator: "\n").dropFirst(key.count + 1)
    return text.split(whereSeparator: { "[],\n\r".contains($0) }).compactMap { item in
      var word = item.drop { $0 == " " || $0 == "-" }
      while word.last == " " { word.removeLast() }
      if let quote = word.first, quote == "\"" || quote == "'", word.last == quote, word.count >= 2 {
        word = word.dropFirst().dropLast()
      }
      let isPlain =
        !word.isEmpty && word.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !#"#:"'{}&*!|>%@`"#.utf8.contains($0) }
      return isPlain ? String(word) : nil
    }
  }
}
