import Foundation

/// A number with a fixed count of decimals; what rounds to nought has no sign.
func decimal(_ value: Double, _ digits: Int) -> String {
  let text = String(format: "%.\(digits)f", value)
  return text.hasPrefix("-") && !text.contains { "123456789".contains($0) } ? String(text.dropFirst()) : text
}

/// The mean, and the standard deviation of a sample (divided by n - 1; nil for less than two values).
func meanAndSpread(_ values: [Double]) -> (mean: Double, spread: Double?) {
  let mean = values.reduce(0, +) / Double(values.count)
  if values.count < 2 { return (mean, nil) }
  let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
  return (mean, (squares / Double(values.count - 1)).squareRoot())
}
