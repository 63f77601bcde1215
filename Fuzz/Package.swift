// swift-tools-version: 6.2
import PackageDescription

// Coverage-guided fuzzing of everything that reads files, apart from the main package. Built by Fuzz/run.
let package = Package(
  name: "Fuzz",
  dependencies: [.package(name: "ems", path: "..")],
  targets: [
    .executableTarget(
      name: "Fuzz", dependencies: [.product(name: "EMS", package: "ems")],
      swiftSettings: [.swiftLanguageMode(.v6)])
  ]
)
