import Base
import Formats
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

/// What only token reconstruction needs.
public struct ReconstructionParameters: Sendable {
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
}

/// What only contrastive alignment needs.
public struct AlignmentParameters: Sendable {
  /// [D, D] and [128, D].
  public let project1: LinearParameters, project2: LinearParameters
}

/// All parameters of a model, or the gradients of all: views of one block, so that the optimiser is one flat loop.
///
/// Every slot starts at a multiple of 16 floats; the few floats between them stay zero. What training leaves as it is
/// comes last.
public struct Parameters: Sendable {
  /// The sizes.
  public let configuration: Configuration
  /// The heads that are there.
  public let heads: TrainingHeads
  /// [1, everything].
  public let block: Tensor
  /// The part of the block that training changes, from its start on.
  public let trained: Tensor
  /// [V, D].
  public let words: Tensor
  /// [P+1, D]; row 0 is padding's.
  public let positions: Tensor
  /// Of the sum of word and position, [1, D].
  public let embeddingNorm: NormParameters
  /// The first layer first.
  public let layers: [LayerParameters]
  /// [1, V]: the logarithm of every piece's weight in the mean of a sentence; nil where all weigh the same.
  public let poolingWeight: Tensor?
  /// To the teacher's width T: [T, D]. A head of training, or a part of the encoder.
  public let projection: LinearParameters?
  /// Nil when made without them.
  public let reconstruction: ReconstructionParameters?
  /// Nil when made without them.
  public let alignment: AlignmentParameters?
  /// Every tensor of the schema, in its order.
  public let named: [(description: ModelTensor, tensor: Tensor)]

  /// All zero.
  ///
  /// - Parameters:
  ///   - configuration: checked
  ///   - heads: the training heads that are part of the block
  public init(_ configuration: Configuration, heads: TrainingHeads = .none) {
    let schema = configuration.schema(heads)
    let block = Block(schema)
    self.configuration = configuration
    self.heads = heads
    self.block = block.tensor
    trained = block.tensor.slice(from: 0, rows: 1, columns: block.trained)
    words = block.tensor(ModelName.words)
    positions = block.tensor(ModelName.positions)
    embeddingNorm = block.norm(ModelName.embeddingNorm)
    layers = (0..<configuration.numHiddenLayers).map { block.layer($0) }
    poolingWeight = configuration.pooling == .weighted ? block.tensor(ModelName.poolingWeight) : nil
    projection =
      configuration.projectionSize ?? heads.teacherWidth == nil ? nil : block.linear(ModelName.projection)
    reconstruction =
      heads.reconstruction
      ? ReconstructionParameters(
        languages: block.tensor(ModelName.languages), languageNorm: block.norm(ModelName.languageNorm),
        transform: block.linear(ModelName.transform), transformNorm: block.norm(ModelName.transformNorm),
        decoder: block.tensor("\(ModelName.decoder).weight")) : nil
    alignment =
      heads.alignment
      ? AlignmentParameters(
        project1: block.linear(ModelName.project1), project2: block.linear(ModelName.project2)) : nil
    named = zip(schema, block.members).map { ($0, $1) }
  }

  /// The tensors of a schema in one piece of memory.
  private struct Block: TensorSource {
    let tensor: Tensor
    /// Floats that training changes.
    let trained: Int
    /// One for each of the schema's tensors.
    let members: [Tensor]
    private var slots: [String: Tensor] = [:]

    init(_ schema: [ModelTensor]) {
      // The slots in the order in which their first tensors come, those that training changes before the others.
      var names: [String] = []
      var tensors: [String: [ModelTensor]] = [:]
      for entry in schema.filter({ !$0.isFrozen }) + schema.filter({ $0.isFrozen }) {
        if tensors[entry.slot] == nil { names.append(entry.slot) }
        tensors[entry.slot, default: []].append(entry)
      }
      var total = 0, trained = 0
      var places: [String: Int] = [:]
      for name in names {
        let inside = tensors[name] ?? []
        places[name] = total
        total += (inside.reduce(0) { $0 + $1.shape.count } + 15) / 16 * 16
        if inside.allSatisfy({ !$0.isFrozen }) { trained = total }
      }
      tensor = Tensor(rows: 1, columns: total)
      self.trained = trained
      var members: [String: Tensor] = [:]
      for name in names {
        let inside = tensors[name] ?? []
        guard let place = places[name], let first = inside.first else { continue }
        let columns = first.shape.shape.last ?? 1
        let isVector = first.shape.shape.count == 1
        var offset = place
        for entry in inside {
          members[entry.name] = tensor.slice(
            from: offset, rows: isVector ? 1 : entry.shape.shape[0], columns: columns)
          offset += entry.shape.count
        }
        slots[name] =
          isVector
          ? tensor.slice(from: place, rows: 1, columns: offset - place)
          : tensor.slice(from: place, rows: columns == 0 ? 0 : (offset - place) / columns, columns: columns)
      }
      self.members = schema.map { members[$0.name] ?? Tensor(rows: 0, columns: 0) }
    }

    func tensor(_ slot: String) -> Tensor {
      guard let found = slots[slot] else { preconditionFailure("the schema has no slot \(slot)") }
      return found
    }
  }
}
