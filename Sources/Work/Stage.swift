import Base

/// What a stage is made from.
public enum StageInput {
  /// Files that another stage writes: all of them, or those that are named.
  case outputs(any AnyStage, only: [String]? = nil)
  /// A file from outside the run, and the name that its digest has in the manifest.
  case file(String, name: String)
  /// What another stage counts. That decides settings, so that it does not count as an input in the manifest.
  case counts(any AnyStage)
}

/// A step of a run, declared: what it is called, what it is made from, what it writes, and how.
///
/// Nothing happens until a `StageRun` is asked for its result. Inputs and settings are functions, since they may depend on
/// what earlier stages count (the number of shards, the kind of search).
public struct Stage<Counts: StageCounts>: AnyStage {
  /// See `AnyStage`.
  public let name: String
  /// See `AnyStage`.
  public let kind: String
  /// See `AnyStage`.
  public let outputs: [String]
  let givenInputs: () throws(Failure) -> [StageInput]
  let settings: () throws(Failure) -> [String: String]
  let body: () throws(Failure) -> Counts

  /// Declares a stage.
  ///
  /// - Parameters:
  ///   - name: its own in the run; its manifest is NAME.json.
  ///   - kind: what it has in common with the stages of other sides and shards.
  ///   - outputs: names of the files that `body` writes; a name with a slash is a path outside the work folder.
  ///   - inputs: all that it reads. The stages among them are run before it, in this order.
  ///   - settings: everything else that decides what it writes.
  ///   - body: writes the outputs under temporary names and commits them.
  public init(
    _ name: String, kind: String, outputs: [String], inputs: @escaping () throws(Failure) -> [StageInput],
    settings: @escaping () throws(Failure) -> [String: String], body: @escaping () throws(Failure) -> Counts
  ) {
    self.name = name
    self.kind = kind
    self.outputs = outputs
    givenInputs = inputs
    self.settings = settings
    self.body = body
  }

  /// See `AnyStage`.
  public func inputs() throws(Failure) -> [StageInput] { try givenInputs() }

  /// See `AnyStage`.
  public func result(in run: StageRun) throws(Failure) -> any AnyStageManifest { try run.result(of: self) }
}

/// A stage, whatever it counts.
public protocol AnyStage {
  /// Its own in the run.
  var name: String { get }
  /// What it has in common with the stages of other sides and shards.
  var kind: String { get }
  /// Names of the files that it writes; a name with a slash is a path outside the work folder.
  var outputs: [String] { get }
  /// What it is made from.
  ///
  /// - Throws: `Failure` while that depends on stages that have not been run.
  func inputs() throws(Failure) -> [StageInput]
  /// Runs it in a run, or finds that it has been run.
  func result(in run: StageRun) throws(Failure) -> any AnyStageManifest
}

/// The stages of a run as others see them: what a workflow engine needs to know to run them.
public struct StageGraph: Codable, Sendable {
  /// A stage.
  public struct Node: Codable, Sendable {
    /// As `--only` takes it.
    public var name: String
    /// What it has in common with the stages of other sides and shards.
    public var kind: String
    /// Names of the stages that must be run before it.
    public var needs: [String]
    /// Paths of files from outside the run that it reads.
    public var files: [String]
    /// Names of the files that it writes into the work folder beside its manifest, NAME.json; with a slash, paths outside.
    public var outputs: [String]
  }

  /// The stages, each after those that it needs.
  public var stages: [Node] = []

  /// Describes stages.
  ///
  /// - Throws: `Failure` while their inputs depend on stages that have not been run.
  public init(_ stages: [any AnyStage]) throws(Failure) {
    for stage in stages {
      var node = Node(name: stage.name, kind: stage.kind, needs: [], files: [], outputs: stage.outputs)
      for input in try stage.inputs() {
        switch input {
        case .outputs(let other, _), .counts(let other):
          if !node.needs.contains(other.name) { node.needs.append(other.name) }
        case .file(let path, _): node.files.append(path)
        }
      }
      self.stages.append(node)
    }
  }
}
