import Base
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct SafeTensorsTests {
  let folder = TemporaryFolder()

  func file(_ header: String, data: [UInt8] = [], size: UInt64? = nil) -> [UInt8] {
    let size = size ?? UInt64(header.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * UInt64($0))) } + Array(header.utf8) + data
  }

  func problem(_ bytes: [UInt8]) throws -> Failure? {
    let path = try folder.write("x.safetensors", bytes)
    let failure = failure { _ = try SafeTensors(path: path) }
    #expect(failure?.kind == .badData)
    return failure
  }

  @Test func headersThatReadersTakeDifferentlyAreRefused() throws {
    let one = #"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#
    let good = #"{"a":\#(one)}"#
    #expect(throws: Never.self) { try SafeTensors(path: folder.write("x", file(good, data: [0, 0, 0, 0]))) }
    expect(try problem(file(#"{"a":\#(one),"a":\#(one)}"#, data: [0, 0, 0, 0])), says: "a", "twice")
    // The same name by an escape.
    expect(try problem(file(#"{"a":\#(one),"\u0061":\#(one)}"#, data: [0, 0, 0, 0])), says: "a", "twice")
    expect(
      try problem(file(#"{"a":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}"#, data: [0, 0, 0, 0])),
      says: "dtype", "twice")
    let wide: [UInt8] = good.utf8.flatMap { [$0, 0] as [UInt8] }
    let size: [UInt8] = (0..<8).map { UInt8(truncatingIfNeeded: wide.count >> (8 * $0)) }
    let bytes = size + wide + [0, 0, 0, 0]
    expect(try problem(bytes), says: "not UTF-8")
  }

  @Test(arguments: [ElementType.float32, .float16])
  func writtenTensorsComeBack(type: ElementType) throws {
    let shapes = [
      TensorShape(name: "b \"quoted\" \\ \u{1}ü", shape: [2, 3]), TensorShape(name: "empty", shape: [0, 5]),
      TensorShape(name: "a", shape: []), TensorShape(name: "c", shape: [4]),
    ]
    let values: [Float] = (0..<11).map { Float($0) / 4 - 1 }
    for name in ["1", "2"] {
      let writer = try SafeTensorsWriter(
        path: folder.file(name), tensors: shapes, type: type, metadata: ["z": "1", "a\n": "2"])
      try writer.append(values.span.extracting(0..<4))
      try writer.append(values.span.extracting(4..<6))
      try writer.append(values.span.extracting(6..<7))
      try writer.append(values.span.extracting(7..<11))
      try writer.commit()
    }
    #expect(try readBytes(folder.file("1")) == readBytes(folder.file("2")))
    let read = try SafeTensors(path: folder.file("1"))
    #expect(read.metadata == ["z": "1", "a\n": "2"])
    #expect(read.entries.map(\.name) == [shapes[0].name, "empty", "a", "c"])
    #expect(try read.floats(shapes[0].name) == Array(values[0..<6]))
    #expect(try read.floats("a") == [values[6]])
    #expect(try read.floats("empty") == [])
    #expect(read["c"]?.shape == [4])
    #expect(read["c"]?.type == type)
    #expect(try read.firstNonFinite("c") == nil)
    let entry = try read.entry("c")
    #expect(read.isAligned(entry))
    #expect(read.bytes(of: entry).byteCount == 4 * type.size)
    var small = [Float](repeating: 0, count: 3)
    expect(
      failure {
        var span = small.mutableSpan
        try read.copyFloats("c", into: &span)
      }, says: "has 4 elements; 3 are expected")
    expect(failure { _ = try read.floats("none") }, says: "no tensor none")
  }

  @Test func aWriterWantsEveryElementOnce() throws {
    let shapes = [TensorShape(name: "a", shape: [2]), TensorShape(name: "b", shape: [1])]
    func writer(_ type: ElementType = .float32) throws -> SafeTensorsWriter {
      try SafeTensorsWriter(path: folder.file("w"), tensors: shapes, type: type)
    }
    let early = try writer()
    try append([Float(1)], to: early)
    expect(failure { try early.commit() }, says: "tensor a", "not all")
    expect(failure { try append([Float(1), 2], to: early) }, says: "more elements")
    expect(failure { try append([Float(1), 1e6], to: writer(.float16)) }, says: "element 1", "float16")
    expect(failure { _ = try writer(.int64) }, says: "cannot be written as I64")
    expect(
      failure { _ = try SafeTensorsWriter(path: folder.file("w"), tensors: [shapes[0], shapes[0]]) }, says: "twice")
    expect(
      failure {
        _ = try SafeTensorsWriter(path: folder.file("w"), tensors: [TensorShape(name: "a", shape: [1 << 40, 1 << 40])])
      }, says: "impossible shape")
    #expect(try folder.list() == [])
  }

  @Test func everyElementTypeIsRead() throws {
    let header = """
      {"d":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]},\
      "h":{"dtype":"F16","shape":[3],"data_offsets":[18,24]},"i":{"dtype":"I32","shape":[1],"data_offsets":[24,28]},\
      "l":{"dtype":"I64","shape":[2],"data_offsets":[28,44]}}
      """
    func little(_ value: some FixedWidthInteger) -> [UInt8] {
      (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    var data = little((0.1).bitPattern) + little(Double.infinity.bitPattern) + [0x80, 0x3F]
    data += [Float16(1.5), .leastNonzeroMagnitude, -.infinity].flatMap { little($0.bitPattern) }
    data += little(Int32(-5)) + little(Int64(-7)) + little(Int64.max)
    let read = try SafeTensors(path: folder.write("types", file(header, data: data)))
    #expect(try read.floats("d") == [0.1, .infinity])
    #expect(try read.firstNonFinite("d") == 1)
    #expect(try read.floats("b") == [1])
    #expect(try read.floats("h") == [1.5, Float(Float16.leastNonzeroMagnitude), -.infinity])
    #expect(try read.firstNonFinite("h") == 2)
    #expect(try read.integers("i") == [-5])
    expect(failure { _ = try read.integers("l") }, says: "element 1 does not fit")
    expect(failure { _ = try read.floats("i") }, says: "integer type I32")
    expect(failure { _ = try read.integers("d") }, says: "not integer")
  }

  @Test(arguments: [
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "takes 8"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "lies at bytes [4, 8]"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", "lies at"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", "lies at"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", "lies at"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", "impossible shape"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", "no file can hold"),
    ("{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", "no file can hold"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551616],\"data_offsets\":[0,4]}}", "header"),
    ("{\"a\":{\"dtype\":\"F8\",\"shape\":[1],\"data_offsets\":[0,4]}}", "supported are F32"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "header"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", "header, a"),
    ("{\"a\":1}", "header, a"),
    ("{\"__metadata__\":{\"a\":1}}", "header"),
    ("{}", "4 bytes follow"),
    ("[]", "does not start with {"),
    ("", "does not start with {"),
    ("{", "header"),
    (
      "{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}",
      "shares bytes"
    ),
    ("{\"b\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[2,4]}}", "2 unused bytes"),
  ])
  func badHeadersAreExplained(header: String, expected: String) throws {
    expect(try problem(file(header, data: [0, 0, 0, 0])), says: "x.safetensors", expected)
  }

  @Test func badLengthsAreExplained() throws {
    for size in [UInt64.max, 1 << 63, 100_000_001] {
      expect(try problem(file("{}", size: size)), says: "at most 100000000")
    }
    expect(try problem(file("{}", size: 3)), says: "cut short")
    expect(try problem([0, 0]), says: "at least 8")
    expect(failure { _ = try SafeTensors(path: folder.file("none")) }, says: "none")
    // Nesting far deeper than any parser's stack.
    expect(try problem(file("{\"a\":" + String(repeating: "[", count: 1 << 20))), says: "header")
  }

  @Test func damagedFilesFailOrRead() throws {
    let header = """
      {"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},\
      "b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}
      """
    try damagedCopies(of: file(header, data: Array(repeating: 1, count: 12)), flips: 4000) { bytes in
      let path = try folder.write("x", bytes)
      toleratingBadData {
        let read = try SafeTensors(path: path)
        for entry in read.entries where entry.type.isFloat { _ = try read.floats(entry.name) }
      }
    }
  }

  /// Set EMS_PYTHON to a Python with safetensors to compare with the format's own implementation.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["EMS_PYTHON"] != nil))
  func theOriginalLibraryReadsWhatIsWritten() throws {
    let shapes = [TensorShape(name: "b\"ü", shape: [2, 3]), TensorShape(name: "a", shape: [2])]
    for type in [ElementType.float32, .float16] {
      let path = folder.file("\(type)")
      let writer = try SafeTensorsWriter(path: path, tensors: shapes, type: type, metadata: ["format": "pt"])
      try append((0..<6).map { Float($0) }, to: writer)
      try append((6..<8).map { Float($0) }, to: writer)
      try writer.commit()
      #expect(
        try runPython(
          "-c",
          """
          import sys, numpy as np
          from safetensors.numpy import load_file
          t = load_file(sys.argv[1])
          assert (t['b"ü'] == np.arange(6).reshape(2, 3)).all() and (t["a"] == [6, 7]).all() and t["a"].dtype == sys.argv[2]
          print("same")
          """, path, "\(type)") == "same\n")
    }
  }
}
