import Base
import Encoder
import Formats
import TestSupport
import Testing

@Suite struct ConfigurationTests {
  let folder = TemporaryFolder()

  static let released = """
    {"num_hidden_layers": 6, "hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096,
     "vocab_size": 60000, "max_position_embeddings": 120, "hidden_act": "swish", "layer_norm_eps": 1e-12,
     "pooling": "mean", "lowercase": true, "num_languages": 62, "language_size": 128, "languages": [], "other": [1]}
    """

  func read(_ json: String) throws -> Configuration {
    try Configuration(path: folder.write("config.json", Array(json.utf8)))
  }

  @Test func theReleasedModelHasThePublishedNumbersOfParameters() throws {
    let configuration = try read(Self.released)
    #expect((Double(configuration.parameterCount) / 1e5).rounded() == 1371)
    #expect((Double(configuration.parameterCount(.ems)) / 1e5).rounded() == 2088)
  }

  @Test func writingAndReadingGivesTheSame() throws {
    let configuration = Fixture.configuration
    let json = try configuration.json()
    #expect(try read(json) == configuration)
    #expect(json == (try configuration.json()))
    #expect(json.hasPrefix("{\n  \"hidden_act\" : \"swish\",\n  \"hidden_size\" : 8,\n"))
    #expect(json.hasSuffix("}\n"))
  }

  @Test func thePretokenizerIsWrittenWhereThereIsOne() throws {
    var configuration = Fixture.configuration
    #expect(try !configuration.json().contains("pretokenizer"))
    configuration.pretokenizer = .moses
    #expect(try configuration.json().contains("\"pretokenizer\" : \"moses\""))
    #expect(try read(configuration.json()) == configuration)
  }

  @Test func theNamesAreTheReferenceImplementations() throws {
    let file = try SafeTensors(path: Fixture.path("expected.safetensors"))
    var configuration = Fixture.configuration
    configuration.numHiddenLayers = 1
    let shapes = configuration.tensorShapes(.ems)
    #expect(Set(shapes.map(\.name)) == Set(file.entries.map(\.name)))
    for shape in shapes { #expect(file[shape.name]?.shape == shape.shape, "\(shape.name)") }
    #expect(Array(shapes.prefix(20)) == configuration.tensorShapes().prefix(20).map { $0 })
  }

  @Test(arguments: [
    ("\"num_hidden_layers\": 6", "\"num_hidden_layers\": -1", "num_hidden_layers"),
    ("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 97", "from 0 to 96"),
    ("\"num_hidden_layers\": 6", "\"num_hidden_layers\": \"6\"", "num_hidden_layers"),
    ("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 6.5", "num_hidden_layers"),
    ("\"num_hidden_layers\": 6,", "", "num_hidden_layers: the key is missing"),
    ("1024", "9223372036854775808", "hidden_size"),
    ("1024", "-1024", "hidden_size"),
    ("1024", "1000", "does not divide"),
    ("60000", "9223372036854775807", "vocab_size"),
    ("60000", "null", "vocab_size"),
    ("swish", "gelu", "only \"swish\" is supported"),
    ("mean", "cls", "only \"mean\" and \"weighted\" are supported"),
    ("\"swish\"", "\"swish\", \"pretokenizer\": \"spacy\"", "only \"none\" and \"moses\" are supported"),
    ("1e-12", "0", "layer_norm_eps"),
    ("\"languages\": []", "\"languages\": [\"en\", \"de\"]", "lists 2 languages"),
    ("62, \"language_size\": 128, \"languages\": []", "2, \"languages\": [\"en\", \"en\"]", "listed twice"),
    ("62, \"language_size\": 128, \"languages\": []", "1, \"languages\": [\"e n\"]", "not a language code"),
    ("62", "-1", "num_languages"),
    ("[1]}", "[1]", "is not JSON"),
  ])
  func impossibleValuesAreNamed(old: String, new: String, expected: String) {
    let json = Self.released.replacing(old, with: new)
    let failure = failure { _ = try read(json) }
    expect(failure, says: "config.json", expected)
    #expect(failure?.kind == .badData)
  }

  @Test func damagedFilesFailOrRead() throws {
    try damagedCopies(of: Array(Self.released.utf8), flips: 2000) { bytes in
      let path = try folder.write("x.json", bytes)
      toleratingBadData { _ = try Configuration(path: path) }
    }
  }
}
