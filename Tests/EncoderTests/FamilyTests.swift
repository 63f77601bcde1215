import Base
import Encoder
import Formats
import Kernels
import TestSupport
import Testing

/// Models of other families: the fixtures of Tests/Oracles/make_families.py, whose rows are PyTorch's.
@Suite struct FamilyTests {
  let folder = TemporaryFolder()

  static let families = Fixture.path("families")

  /// The sentences' ids and the rows that PyTorch gives for them.
  static func expected(_ name: String) throws -> (ids: [[Int32]], rows: [Float]) {
    let file = try SafeTensors(path: "\(families)/expected.safetensors")
    let all = try file.integers("\(name).ids")
    var ids: [[Int32]] = []
    var start = 0
    for length in try file.integers("\(name).lengths") {
      ids.append(Array(all[start..<start + Int(length)]))
      start += Int(length)
    }
    return (ids, try file.floats("\(name).rows"))
  }

  /// The largest distance of a row from the expected one, as a share of that one's length.
  static func distance(_ rows: [Float], _ expected: [Float], count: Int) -> Double {
    #expect(rows.count == expected.count)
    let width = rows.count / count
    return (0..<count).map { i in
      var (difference, length) = (0.0, 0.0)
      for j in i * width..<(i + 1) * width {
        difference += (Double(rows[j]) - Double(expected[j])) * (Double(rows[j]) - Double(expected[j]))
        length += Double(expected[j]) * Double(expected[j])
      }
      return (difference / length).squareRoot()
    }.max() ?? .infinity
  }

  func weights(
    _ made: ModelImport, _ arithmetic: Arithmetic = .float32, on compute: Compute
  ) throws -> InferenceWeights {
    let path = folder.file("weights.safetensors")
    try made.writeWeights(to: path)
    return try InferenceWeights(made.configuration, SafeTensors(path: path), arithmetic: arithmetic, on: compute)
  }

  func rows(_ ids: [[Int32]], _ weights: InferenceWeights, _ width: Int, on compute: Compute) -> [Float] {
    let pass = InferencePass(weights, capacity: ids.reduce(0) { $0 + $1.count }, on: compute)
    let u = Tensor(rows: ids.count, columns: width)
    pass.encode(TokenBatch(ids), into: u)
    return u.array
  }

  @Test(
    arguments: [
      ("bert", "bert", nil), ("roberta", "roberta", nil), ("distilbert", "distilbert", nil),
      ("m2m_100", "m2m_100", nil), ("laser2", "laser2", nil), ("xlm-roberta", "xlm-roberta/mean", nil),
      ("xlm-roberta", "xlm-roberta/cls", .cls), ("xlm-roberta", "xlm-roberta/max", .max),
      ("xlm-roberta", "xlm-roberta/mean_sqrt_len_tokens", .meanSqrtLength),
      ("xlm-roberta", "xlm-roberta/weightedmean", .weightedMean), ("xlm-roberta", "xlm-roberta/lasttoken", .last),
    ] as [(String, String, EncoderLayout.TokenPooling?)])
  func rowsAreThoseOfPyTorch(family: String, name: String, pooling: EncoderLayout.TokenPooling?) throws {
    var options = ModelImport.Options()
    options.pooling = pooling
    let made = try ModelImport("\(Self.families)/\(family)", options)
    let (ids, expected) = try Self.expected(name)
    let width = made.configuration.embeddingSize
    for simd in ["generic", "avx2", "avx512", "amx"] {
      guard let compute = Compute(threads: 1, simd: simd), let two = Compute(threads: 2, simd: simd) else { continue }
      let weights = try weights(made, on: compute)
      let together = rows(ids, weights, width, on: compute)
      #expect(Self.distance(together, expected, count: ids.count) < 1e-5, "\(name), \(simd)")
      // Neither neighbours nor their order nor threads change a bit.
      let alone = ids.flatMap { rows([$0], weights, width, on: two) }
      #expect(alone.map(\.bitPattern) == together.map(\.bitPattern), "\(name), \(simd)")
      let turned = rows(ids.reversed(), weights, width, on: two)
      let back = (0..<ids.count).reversed().flatMap { turned[$0 * width..<($0 + 1) * width] }
      #expect(back.map(\.bitPattern) == together.map(\.bitPattern), "\(name), \(simd)")
    }
  }

  @Test(arguments: ["bert", "roberta", "distilbert", "m2m_100", "laser2"])
  func wholeNumbersAreNear(family: String) throws {
    let made = try ModelImport("\(Self.families)/\(family)")
    let (ids, expected) = try Self.expected(family)
    let width = made.configuration.embeddingSize
    for arithmetic in [Arithmetic.int8, .bfloat16] {
      for simd in ["generic", "avx2", "avx512", "amx"] {
        guard let compute = Compute(threads: 1, simd: simd), let two = Compute(threads: 2, simd: simd),
          compute.supports(arithmetic)
        else { continue }
        let weights = try weights(made, arithmetic, on: compute)
        let together = rows(ids, weights, width, on: compute)
        let distance = Self.distance(together, expected, count: ids.count)
        #expect(distance > 1e-6 && distance < 0.1, "\(family), \(simd), \(arithmetic): \(distance)")
        let alone = ids.reversed().flatMap { rows([$0], weights, width, on: two) }
        let back = (0..<ids.count).reversed().flatMap { alone[$0 * width..<($0 + 1) * width] }
        #expect(back.map(\.bitPattern) == together.map(\.bitPattern), "\(family), \(simd), \(arithmetic)")
      }
    }
  }

  @Test func whatAFolderSaysIsKept() throws {
    let c = try ModelImport("\(Self.families)/bert").configuration
    #expect(c.layout.family == .bert && c.layout.activation == .gelu && c.layout.unitLength && c.lowercase)
    #expect(c.layout.poolings == [.cls, .mean] && c.embeddingSize == 7 && c.maxPositionEmbeddings == 13)
    #expect(c.layout.dense == [EncoderLayout.DenseLayer(size: 7, activation: .tanh)])
    #expect(c.layout.prompts == ["query": "query: ", "passage": ""] && c.layout.defaultPrompt == "query")
    #expect(c.layout.licence == "apache-2.0")
    // Through the file and back.
    let path = try folder.write("config.json", Array(c.json().utf8))
    #expect(try Configuration(path: path) == c)
    let laser = try ModelImport("\(Self.families)/laser2").configuration
    #expect(laser.layout.lstmInputSize == 6 && laser.hiddenSize == 10 && laser.numHiddenLayers == 3)
    #expect(try Configuration(path: folder.write("config.json", Array(laser.json().utf8))) == laser)
  }
}
