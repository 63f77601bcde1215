import Foundation

/// A number with a fixed count of decimals; what rounds to nought has no sign.
package func decimal(_ value: Double, _ digits: Int) -> String {
  let text = String(format: "%.\(digits)f", value)
  return text.hasPrefix("-") && !text.contains { "123456789".contains($0) } ? String(text.dropFirst()) : text
}
