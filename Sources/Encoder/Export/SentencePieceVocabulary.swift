import Base

/// What a serialized SentencePiece model holds, as far as another program needs it to cut text in the same way.
struct SentencePieceVocabulary {
  /// What a piece is for.
  enum PieceType: UInt64 {
    case normal = 1
    case unknown = 2
    case control = 3
    case userDefined = 4
    case unused = 5
    case byte = 6
  }

  struct Piece {
    /// UTF-8; U+2581 stands for a space.
    var text: String
    /// The logarithm of its probability (unigram), or how late it was merged, negative (BPE).
    var score: Float
    var type: PieceType
  }

  /// By id.
  var pieces: [Piece] = []
  /// The rules of the normaliser: "nmt_nfkc", "identity", ...
  var rules = ""
  /// The rules themselves in their compiled form; empty for none.
  var charsmap: [UInt8] = []
  var addsDummyPrefix = true
  var removesExtraSpaces = true
  var escapesSpaces = true
  var spacesAreSuffixes = false
  var byteFallback = false

  /// Reads a model that was loaded.
  ///
  /// - Throws: `Failure` when a piece cannot be read.
  init(_ tokenizer: Tokenizer) throws(Failure) {
    try self.init(tokenizer.model, name: tokenizer.name, count: tokenizer.vocabSize)
  }

  /// Reads a serialized model.
  ///
  /// - Parameter count: the number of its pieces, as the library says.
  init(_ model: [UInt8], name: String, count: Int) throws(Failure) {
    func damaged(_ place: String) -> Failure {
      Failure(.badData, name, at: place, "cannot be read", remedy: "check the file, or fetch it again")
    }
    func fields(_ bytes: ArraySlice<UInt8>, _ place: String) throws(Failure) -> [(
      number: UInt64, value: UInt64, content: ArraySlice<UInt8>
    )] {
      guard let fields = Tokenizer.protobufFields(bytes) else { throw damaged(place) }
      return fields
    }
    // The numbers are those of sentencepiece_model.proto; what is left out of a message has the default above.
    for field in try fields(model[...], "model") {
      switch field.number {
      case 1:
        let place = "piece \(pieces.count)"
        var piece = Piece(text: "", score: 0, type: .normal)
        for inner in try fields(field.content, place) {
          switch inner.number {
          case 1: piece.text = String(decoding: inner.content, as: UTF8.self)
          case 2:
            guard inner.content.count == 4 else { throw damaged(place) }
            piece.score = Float(bitPattern: inner.content.reversed().reduce(0) { $0 << 8 | UInt32($1) })
          case 3:
            guard let type = PieceType(rawValue: inner.value) else { throw damaged(place) }
            piece.type = type
          default: break
          }
        }
        guard piece.score.isFinite else { throw damaged(place) }
        pieces.append(piece)
      case 2:
        for inner in try fields(field.content, "trainer_spec") {
          switch inner.number {
          case 24: spacesAreSuffixes = inner.value != 0
          case 35: byteFallback = inner.value != 0
          default: break
          }
        }
      case 3:
        for inner in try fields(field.content, "normalizer_spec") {
          switch inner.number {
          case 1: rules = String(decoding: inner.content, as: UTF8.self)
          case 2: charsmap = Array(inner.content)
          case 3: addsDummyPrefix = inner.value != 0
          case 4: removesExtraSpaces = inner.value != 0
          case 5: escapesSpaces = inner.value != 0
          default: break
          }
        }
      default: break
      }
    }
    guard pieces.count == count else { throw damaged("pieces") }
  }
}
