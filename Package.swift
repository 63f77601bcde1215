// swift-tools-version: 6.2
import PackageDescription

// Every Swift target is compiled in Swift 6 mode with strict memory safety: code that touches raw memory says
// `unsafe`. Which targets may import which is checked by scripts/check-imports.
let swift: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .strictMemorySafety(), .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
  name: "ems",
  products: [
    .executable(name: "ems", targets: ["ems"]),
    .library(name: "EMS", targets: ["Corpus", "Encoder", "Index", "Kernels", "Train"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // System libraries and C faces.
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CLzma", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
    .systemLibrary(name: "CBzip2", providers: [.apt(["libbz2-dev"])]),
    .systemLibrary(name: "CIconv"),
    .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
    .target(
      name: "CSentencePiece",
      linkerSettings: [.linkedLibrary("sentencepiece"), .linkedLibrary("sentencepiece_train")]),
    .target(name: "CICU", linkerSettings: [.linkedLibrary("icui18n"), .linkedLibrary("icuuc")]),
    .target(name: "CXML", dependencies: ["CLibXML2"]),
    .target(name: "CJSON", linkerSettings: [.linkedLibrary("simdjson")]),
    .target(name: "CKernels"),
    .target(name: "CSystem"),
    .target(name: "CMPI"),
    .target(
      name: "CFaiss",
      linkerSettings: [.linkedLibrary("faiss"), .linkedLibrary("gomp"), .linkedLibrary("openblas")]),

    // Order matters: libcld2_full has only tables, which take the place of libcld2's smaller ones.
    .target(
      name: "CLanguageID",
      linkerSettings: [.linkedLibrary("cld2_full"), .linkedLibrary("cld2"), .linkedLibrary("fasttext")]),

    // The rooms, from the ground up.
    .target(name: "Base", dependencies: ["CCrypto", "CSystem"], swiftSettings: swift),
    .target(name: "Formats", dependencies: ["Base"], swiftSettings: swift),
    .target(name: "YAML", dependencies: ["Base", .product(name: "Yams", package: "Yams")], swiftSettings: swift),
    .target(name: "Report", dependencies: ["Base"], swiftSettings: swift),
    .target(name: "Kernels", dependencies: ["Base", "CKernels"], swiftSettings: swift),
    .target(
      name: "Corpus",
      dependencies: [
        "Base", "CBzip2", "CICU", "CIconv", "CJSON", "CLanguageID", "CLzma", "CXML", "CZlib", "CZstd",
      ],
      swiftSettings: swift),
    .target(
      name: "Encoder", dependencies: ["Base", "Corpus", "Formats", "Kernels", "CICU", "CSentencePiece"],
      swiftSettings: swift),
    .target(name: "Work", dependencies: ["Base", "Corpus"], swiftSettings: swift),
    .target(
      name: "Fetch", dependencies: ["Base", "Corpus", "YAML", "CArchive", "CCurl"], swiftSettings: swift),
    .target(
      name: "Train", dependencies: ["Base", "Formats", "Kernels", "Corpus", "Encoder", "Report", "CMPI", "YAML"],
      swiftSettings: swift),
    .target(name: "Index", dependencies: ["Base", "Formats", "Kernels", "CFaiss"], swiftSettings: swift),
    .target(
      name: "Mine", dependencies: ["Base", "Corpus", "Encoder", "Formats", "Index", "Kernels", "Report", "Work"],
      swiftSettings: swift),
    .target(
      name: "Evaluate",
      dependencies: ["Base", "Corpus", "Encoder", "Formats", "Index", "Kernels", "Mine", "Report", "YAML"],
      swiftSettings: swift),
    .executableTarget(
      name: "ems",
      dependencies: [
        "Base", "Corpus", "Encoder", "Evaluate", "Fetch", "Formats", "Index", "Kernels", "Mine", "Report", "Train",
        "Work",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swift),

    // One test folder a module. The C libraries named here are oracles, not what is shipped.
    .target(name: "TestSupport", dependencies: ["Base"], path: "Tests/TestSupport", swiftSettings: swift),
    .testTarget(name: "BaseTests", dependencies: ["Base", "TestSupport"], swiftSettings: swift),
    .testTarget(name: "FormatsTests", dependencies: ["Formats", "TestSupport"], swiftSettings: swift),
    .testTarget(
      name: "CorpusTests", dependencies: ["Corpus", "TestSupport"], exclude: ["Fixtures"], swiftSettings: swift),
    .testTarget(name: "FetchTests", dependencies: ["Fetch", "TestSupport"], swiftSettings: swift),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels", "COpenBLAS", "TestSupport"], swiftSettings: swift),
    .testTarget(
      name: "EncoderTests", dependencies: ["Encoder", "Corpus", "TestSupport"],
      exclude: ["Oracles"], resources: [.copy("Fixtures")], swiftSettings: swift),
    .testTarget(
      name: "TrainTests", dependencies: ["Train", "Encoder", "TestSupport"], exclude: ["Fixtures"],
      swiftSettings: swift),
    .testTarget(name: "IndexTests", dependencies: ["Index", "Kernels", "TestSupport"], swiftSettings: swift),
    .testTarget(name: "WorkTests", dependencies: ["Work", "TestSupport"], swiftSettings: swift),
    .testTarget(
      name: "MineTests", dependencies: ["Mine", "Base", "Corpus", "Index", "Kernels", "TestSupport", "Work"],
      swiftSettings: swift),
    .testTarget(
      name: "EmsTests", dependencies: ["ems", "Base", "Encoder", "Index", "TestSupport"], swiftSettings: swift),
    .testTarget(name: "ReportTests", dependencies: ["Report"], swiftSettings: swift),
    .testTarget(name: "EvaluateTests", dependencies: ["Evaluate", "Report", "TestSupport"], swiftSettings: swift),
  ],
  cxxLanguageStandard: .cxx17
)
