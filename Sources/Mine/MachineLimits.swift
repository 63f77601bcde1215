import Base
import Foundation
import Glibc

/// What this machine has left.
package struct MachineLimits: Sendable {
  /// Bytes of memory that can be had without swapping: what the kernel calls available, or what the process's control
  /// group leaves, if that is less. Nil where neither is told.
  package var memory: Int?
  /// Bytes that may be written to the disk of a folder. Nil if that cannot be found out.
  package var disk: Int?

  /// Looks at the machine.
  ///
  /// - Parameter folder: where files will be written; need not exist yet.
  package init(folder: String) {
    memory = Self.available("/proc/meminfo")
    for (limit, usage) in [
      ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
      ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ] {
      if let limit = Self.number(limit), let usage = Self.number(usage), limit < 1 << 50 {
        memory = min(memory ?? .max, max(0, limit - usage))
      }
    }
    var path = folder
    var status = statvfs()
    while unsafe statvfs(path, &status) != 0 {
      guard let parent = path.lastIndex(of: "/"), path.count > 1 else {
        disk = unsafe statvfs(".", &status) == 0 ? Int(status.f_bavail) * Int(status.f_frsize) : nil
        return
      }
      path = parent == path.startIndex ? "/" : String(path[..<parent])
    }
    disk = Int(status.f_bavail) * Int(status.f_frsize)
  }

  private static func number(_ path: String) -> Int? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    return Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  private static func available(_ path: String) -> Int? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
      return line.split(separator: " ").compactMap { Int($0) }.first.map { $0 * 1024 }
    }
    return nil
  }
}
