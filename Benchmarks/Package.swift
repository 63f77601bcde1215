// swift-tools-version: 6.2
import PackageDescription

// Speed measurements, apart from the main package so that nobody who builds `ems` builds them. See README.md here.
let package = Package(
  name: "Benchmarks",
  dependencies: [.package(name: "ems", path: "..")],
  targets: [
    .executableTarget(
      name: "TrainBenchmark", dependencies: [.product(name: "EMS", package: "ems")],
      swiftSettings: [.swiftLanguageMode(.v6)])
  ]
)
