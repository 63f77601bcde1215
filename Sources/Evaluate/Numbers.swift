/// The mean, and the standard deviation of a sample (divided by n - 1; nil for less than two values).
func meanAndSpread(_ values: [Double]) -> (mean: Double, spread: Double?) {
  let mean = values.reduce(0, +) / Double(values.count)
  if values.count < 2 { return (mean, nil) }
  let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
  return (mean, (squares / Double(values.count - 1)).squareRoot())
}
