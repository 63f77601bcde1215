import Base
import Foundation
import Report

/// The page of a training run (`ems train --report`): its losses and accuracy over the steps, from metrics.jsonl.
public enum TrainingReport {
  /// A line of metrics.jsonl as far as the page shows it.
  private struct Line: Decodable {
    var step: Int
    var loss: Double?, xtr: Double?, alignment: Double?, distillation: Double?
    var learning_rate: Double?, gradient_norm: Double?
    var validation_loss: Double?, validation_accuracy: Double?
  }

  /// Points of a curve at most: means of as many steps as that takes.
  private static let points = 300

  /// What the page of a run folder says.
  ///
  /// - Throws: `Failure` for a folder without metrics, naming the line for what is no metrics.
  public static func parts(of folder: String) throws(Failure) -> [ReportPart] {
    let path = "\(folder)/metrics.jsonl"
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Failure(.missingInput, path, "cannot be read", remedy: "name the output folder of a run")
    }
    var lines: [Int: Line] = [:]
    var checks: [Line] = []
    for (number, line) in text.split(separator: "\n").enumerated() {
      guard let value = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)) else {
        throw Failure(.badData, path, at: "line \(number + 1)", "is no metrics", remedy: "remove the line")
      }
      // Steps that a run took again after it had been stopped come twice: the last ones count.
      if value.loss != nil { lines[value.step] = value }
      if value.validation_loss != nil {
        checks.removeAll { $0.step >= value.step }
        checks.append(value)
      }
    }
    let steps = lines.values.sorted { $0.step < $1.step }
    guard let last = steps.last else { return [ReportPart("Training", [.note("No step has been made yet.")])] }
    var sections: [ReportSection] = [.note("\(last.step) steps.")]
    let parts: [(String, (Line) -> Double?)] = [
      ("loss", { $0.loss }), ("XTR", { $0.xtr }), ("alignment", { $0.alignment }),
      ("distillation", { $0.distillation }),
    ]
    let series = parts.map { name, value in ReportSeries(name, curve(steps, value)) }.filter { series in
      series.points.contains { $0.y != 0 }
    }
    sections.append(.lines(title: "Losses of training", series: series))
    if checks.count > 1 {
      for (title, value) in [
        ("Loss on pairs held out", { (line: Line) in line.validation_loss }),
        ("Accuracy on pairs held out", { $0.validation_accuracy }),
      ] {
        let points = checks.compactMap { line in value(line).map { (x: Double(line.step), y: $0) } }
        sections.append(.lines(title: title, series: [ReportSeries("validation", points)]))
      }
    }
    sections.append(
      .lines(title: "Learning rate", series: [ReportSeries("learning rate", curve(steps) { $0.learning_rate })]))
    sections.append(
      .lines(title: "Gradient norm", series: [ReportSeries("gradient norm", curve(steps) { $0.gradient_norm })]))
    if !checks.isEmpty {
      var table = ReportTable(
        "Held out", [("step", .count), ("loss", .number), ("accuracy", .percent)])
      table.marked = (1, false)
      for check in checks {
        table.rows.append([
          .value(Double(check.step)), .value(check.validation_loss), .value(check.validation_accuracy),
        ])
      }
      sections.append(.table(table))
    }
    return [ReportPart("Training", sections)]
  }

  private static func curve(_ lines: [Line], _ value: (Line) -> Double?) -> [(x: Double, y: Double)] {
    let width = max(1, lines.count / points)
    return stride(from: 0, to: lines.count, by: width).compactMap { first in
      let some = lines[first..<min(lines.count, first + width)].compactMap { line in
        value(line).map { (Double(line.step), $0) }
      }
      guard !some.isEmpty else { return nil }
      let count = Double(some.count)
      return (some.reduce(0) { $0 + $1.0 } / count, some.reduce(0) { $0 + $1.1 } / count)
    }
  }
}
