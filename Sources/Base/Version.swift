/// The version of ems, as `ems --version` and the records beside results say it.
public enum Version {
  /// Major, minor, patch.
  public static let current = "0.1.0"
}
