/// What a stage counts: kept in its manifest as one JSON object of whole numbers.
public typealias StageCounts = Codable & Sendable

/// What a stage was made from and what it made: kept as JSON beside its files.
public struct StageManifest<Counts: StageCounts>: Sendable, Codable {
  /// The stage's name.
  public var stage: String
  /// Digests of what the stage reads.
  public var inputs: [String: String]
  /// Everything else that decides what it writes.
  public var settings: [String: String]
  /// Digests of the files it wrote, by their names.
  public var outputs: [String: String]
  /// Sizes of these files in bytes.
  public var sizes: [String: Int]
  /// Numbers for the summary: lines, rows, pairs.
  public var counts: Counts
  /// How long it took.
  public var seconds: Double
}

/// The manifest of a stage, whatever the stage counts.
public protocol AnyStageManifest: Encodable, Sendable {
  /// Digests of the files that the stage wrote, by their names.
  var outputs: [String: String] { get }
  /// How long it took.
  var seconds: Double { get }
}

extension StageManifest: AnyStageManifest {}

/// The counts of a stage that counts nothing.
public struct NoCounts: StageCounts {
  /// Nothing.
  public init() {}
}

/// A key that is a number or a word of the run: a threshold, the reason of a filter.
public struct NamedCount: CodingKey {
  /// The key as it stands in the file.
  public let stringValue: String
  /// Never one: keys are texts.
  public var intValue: Int? { nil }

  /// A key.
  public init(stringValue: String) { self.stringValue = stringValue }
  /// No key is a number.
  public init?(intValue: Int) { nil }
}
