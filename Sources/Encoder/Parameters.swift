import Base
import Kernels

/// The weight [M, K] and bias [1, M] of y = x Wᵀ + b.
public struct LinearParameters: Sendable {
  /// [M, K], M outputs of K inputs, and [1, M].
  public let weight: Tensor, bias: Tensor
}

/// The gain and bias of a layer normalisation, each [1, D].
public struct NormParameters: Sendable {
  /// [1, D].
  public let gain: Tensor, bias: Tensor
}

/// One Transformer layer.
public struct LayerParameters: Sendable {
  /// Query, key and value stacked: [3D, D].
  public let queryKeyValue: LinearParameters
  /// [D, D].
  public let attentionOutput: LinearParameters
  /// After the attention's residual, [1, D].
  public let attentionNorm: NormParameters
  /// [F, D].
  public let up: LinearParameters
  /// [D, F].
  public let down: LinearParameters
  /// After the feed-forward's residual, [1, D].
  public let outputNorm: NormParameters
}

/// What only training needs: the heads for token reconstruction and for contrastive alignment.
public struct HeadParameters: Sendable {
  /// [n, E], n languages.
  public let languages: Tensor
  /// Of the language embedding, [1, E].
  public let languageNorm: NormParameters
  /// [D+E, D+E].
  public let transform: LinearParameters
  /// After the transform, [1, D+E].
  public let transformNorm: NormParameters
  /// [V, D+E].
  public let decoder: Tensor
  /// [D, D] and [128, D].
  public let project1: LinearParameters, project2: LinearParameters
}

/// All parameters of a model, or the gradients of all: views of one block, so that the optimiser is one flat loop.
///
/// Every tensor starts at a multiple of 16 floats; the few floats between them stay zero.
public struct Parameters: Sendable {
  /// The sizes.
  public let configuration: Configuration
  /// [1, everything].
  public let block: Tensor
  /// [V, D].
  public let words: Tensor
  /// [P+1, D]; row 0 is padding's.
  public let positions: Tensor
  /// Of the sum of word and position, [1, D].
  public let embeddingNorm: NormParameters
  /// The first layer first.
  public let layers: [LayerParameters]
  /// Nil when made without them.
  public let heads: HeadParameters?
  /// Every tensor by the released checkpoint's name, in the order of the file.
  public let named: [(name: String, shape: [Int], tensor: Tensor)]

  /// All zero.
  ///
  /// - Parameters:
  ///   - configuration: checked
  ///   - heads: whether the training heads are part of the block
  public init(_ configuration: Configuration, heads withHeads: Bool) {
    let (d, f, e) = (configuration.hiddenSize, configuration.intermediateSize, configuration.languageSize)
    let v = configuration.vocabSize

    // Two rounds over the same list: the first measures, the second hands out views.
    func build(_ take: (Int, Int) -> Tensor) -> (Tensor, Tensor, NormParameters, [LayerParameters], HeadParameters?) {
      func linear(_ outputs: Int, _ inputs: Int) -> LinearParameters {
        LinearParameters(weight: take(outputs, inputs), bias: take(1, outputs))
      }
      func norm(_ width: Int) -> NormParameters { NormParameters(gain: take(1, width), bias: take(1, width)) }
      let words = take(v, d)
      let positions = take(configuration.maxPositionEmbeddings + 1, d)
      let embeddingNorm = norm(d)
      let layers = (0..<configuration.numHiddenLayers).map { _ in
        LayerParameters(
          queryKeyValue: linear(3 * d, d), attentionOutput: linear(d, d), attentionNorm: norm(d), up: linear(f, d),
          down: linear(d, f), outputNorm: norm(d))
      }
      let heads =
        withHeads
        ? HeadParameters(
          languages: take(configuration.numLanguages, e), languageNorm: norm(e), transform: linear(d + e, d + e),
          transformNorm: norm(d + e), decoder: take(v, d + e), project1: linear(d, d),
          project2: linear(Configuration.alignmentSize, d)) : nil
      return (words, positions, embeddingNorm, layers, heads)
    }

    var total = 0
    let nothing = Tensor(rows: 0, columns: 0)
    _ = build { rows, columns in
      total += (rows * columns + 15) / 16 * 16
      return nothing
    }
    let block = Tensor(rows: 1, columns: total)
    var offset = 0
    (words, positions, embeddingNorm, layers, heads) = build { rows, columns in
      defer { offset += (rows * columns + 15) / 16 * 16 }
      return block.slice(from: offset, rows: rows, columns: columns)
    }
    self.block = block
    self.configuration = configuration
    named = Self.names(words, positions, embeddingNorm, layers, heads, d)
  }

  private static func names(
    _ words: Tensor, _ positions: Tensor, _ embeddingNorm: NormParameters, _ layers: [LayerParameters],
    _ heads: HeadParameters?, _ d: Int
  ) -> [(name: String, shape: [Int], tensor: Tensor)] {
    var all: [(name: String, shape: [Int], tensor: Tensor)] = []
    func matrix(_ name: String, _ t: Tensor) { all.append((name, [t.rows, t.columns], t)) }
    func vector(_ name: String, _ t: Tensor) { all.append((name, [t.columns], t)) }
    func linear(_ name: String, _ p: LinearParameters) {
      matrix(name + ".weight", p.weight)
      vector(name + ".bias", p.bias)
    }
    func norm(_ name: String, _ p: NormParameters) {
      vector(name + ".weight", p.gain)
      vector(name + ".bias", p.bias)
    }
    matrix("model.bert.embedding.word_embedding.embedding.weight", words)
    matrix("model.bert.embedding.position_embedding.position_embeddings.weight", positions)
    norm("model.bert.embedding.layer_norm", embeddingNorm)
    for (i, layer) in layers.enumerated() {
      let prefix = "model.bert.encoder.layer.\(i)."
      for (j, part) in ["query", "key", "value"].enumerated() {
        matrix("\(prefix)attention.self_attention.\(part).weight", layer.queryKeyValue.weight.rows(j * d..<(j + 1) * d))
        vector(
          "\(prefix)attention.self_attention.\(part).bias",
          layer.queryKeyValue.bias.slice(from: j * d, rows: 1, columns: d))
      }
      linear(prefix + "attention.output.dense", layer.attentionOutput)
      norm(prefix + "attention.output.LayerNorm", layer.attentionNorm)
      linear(prefix + "intermediate.dense", layer.up)
      linear(prefix + "output.dense", layer.down)
      norm(prefix + "output.LayerNorm", layer.outputNorm)
    }
    if let heads {
      matrix("model.la_tag_linear.embedding.weight", heads.languages)
      norm("model.la_tag_linear.layer_norm", heads.languageNorm)
      linear("model.transform.dense", heads.transform)
      norm("model.transform.LayerNorm", heads.transformNorm)
      matrix("model.decoder.decoder.weight", heads.decoder)
      linear("alignproj.0", heads.project1)
      linear("alignproj.3", heads.project2)
    }
    return all
  }
}
