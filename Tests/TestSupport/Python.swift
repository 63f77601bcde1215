import Foundation
import Testing

/// Runs the Python of EMS_PYTHON and gives what it prints.
public func runPython(_ arguments: String...) throws -> String { try runPython(arguments) }

/// Runs the Python of EMS_PYTHON and gives what it prints.
public func runPython(_ arguments: [String]) throws -> String {
  let python = Process()
  let output = Pipe()
  python.executableURL = URL(fileURLWithPath: ProcessInfo.processInfo.environment["EMS_PYTHON"] ?? "")
  python.arguments = arguments
  python.standardOutput = output
  try python.run()
  let text = output.fileHandleForReading.readDataToEndOfFile()
  python.waitUntilExit()
  #expect(python.terminationStatus == 0)
  return String(decoding: text, as: UTF8.self)
}
