import Base
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct EmbeddingFileTests {
  let folder = TemporaryFolder()

  func npy(_ header: String, version: UInt8 = 1, data: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version, 0]
    let size = header.utf8.count + 1
    bytes += (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
    return bytes + Array(header.utf8) + [0x0A] + Array(repeating: 0, count: data)
  }

  func problem(_ bytes: [UInt8]) throws -> String {
    let path = try folder.write("x.npy", bytes)
    let failure = #expect(throws: Failure.self) { _ = try EmbeddingFile(path: path) }
    #expect(failure?.kind == .badData)
    #expect(failure?.subject == path)
    return try #require(failure).description
  }

  @Test(arguments: EmbeddingType.allCases)
  func writtenRowsComeBack(type: EmbeddingType) throws {
    let values: [Float] = [0, -1, 0.5, 2, 65504, -0.25, 1e-7, .infinity, 3, 4, 5, 6]
    let writer = try EmbeddingFileWriter(path: folder.file("a.npy"), columns: 3, type: type)
    try writer.append(values.span.extracting(0..<3))
    try writer.append(values.span.extracting(3..<12))
    #expect(try !folder.list().contains("a.npy"))
    try writer.commit()
    let file = try EmbeddingFile(path: folder.file("a.npy"))
    #expect((file.rows, file.columns, file.type, file.dataOffset) == (4, 3, type, 128))
    #expect(file.isAligned)
    let expected = type == .float32 ? values : values.map { Float(Float16($0)) }
    #expect(file.floats(rows: 0..<4) == expected)
    #expect(file.floats(rows: 1..<2) == Array(expected[3..<6]))
    #expect(file.floats(rows: 4..<4) == [])
    #expect(file.bytes(rows: 1..<3).byteCount == 6 * type.size)
    file.dropFromMemory()
    #expect(file.floats(rows: 3..<4) == Array(expected[9...]))
  }

  @Test func anEmptyFileAndAnAnnouncedNumberOfRows() throws {
    let empty = try EmbeddingFileWriter(path: folder.file("e.npy"), columns: 7, type: .float16)
    try empty.commit()
    #expect(try EmbeddingFile(path: folder.file("e.npy")).rows == 0)

    let one = try EmbeddingFileWriter(path: folder.file("1.npy"), columns: 1, type: .float32, expectedRows: 2)
    try append([Float(1)], to: one)
    #expect(throws: Failure.self) { try one.commit() }
  }

  @Test func aValueTooLargeForHalfPrecisionIsRefused() throws {
    let writer = try EmbeddingFileWriter(path: folder.file("h.npy"), columns: 2, type: .float16)
    try append([Float(1), 2], to: writer)
    let failure = #expect(throws: Failure.self) { try append([Float(3), 4, 5, 70000], to: writer) }
    #expect(failure?.place == "row 2")
  }

  @Test func everyHalfConvertsAsTheProcessorDoes() {
    for bits in UInt16.min ... .max {
      let expected = Float(Float16(bitPattern: bits))
      let found = FloatFormat.single(half: bits)
      if expected.isNaN {
        #expect(found.isNaN)
      } else if found.bitPattern != expected.bitPattern {
        Issue.record("half \(bits) became \(found), not \(expected)")
      }
      // And back, together with the neighbours of the half-way points.
      for single in [expected, expected.nextUp, expected.nextDown, expected * 1.00048828125, expected + 0x1p-25] {
        let half = FloatFormat.half(single: single)
        if single.isNaN ? !Float16(bitPattern: half).isNaN : half != Float16(single).bitPattern {
          Issue.record("\(single) became half \(half), not \(Float16(single).bitPattern)")
        }
      }
    }
  }

  @Test func headersOfOtherVersionsAndSpellings() throws {
    let tail = "'fortran_order': False, 'shape': (2, 3), }"
    for (version, header) in [
      (1, "{'descr': '<f4', \(tail)"), (2, "{'descr': '<f4', \(tail)   "), (3, "{\"descr\":\"<f4\",\(tail)"),
      (1, "{'shape':(2,3,),'fortran_order':False,'descr':'<f4'}"),
    ] {
      let path = try folder.write("v.npy", npy(header, version: UInt8(version), data: 24))
      let file = try EmbeddingFile(path: path)
      #expect((file.rows, file.columns) == (2, 3))
      // These headers leave the rows unaligned; they are read all the same.
      #expect(file.floats(rows: 0..<2) == [0, 0, 0, 0, 0, 0])
    }
  }

  @Test(arguments: [
    ("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", "astype('<f4')"),
    ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", "'<f8'"),
    ("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", "ascontiguousarray"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", "shape (6)"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "shape ()"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (6), }", "',' is expected"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0), }", "shape (2, 0)"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }", "24 follow"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", "63 bits"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3), }", "63 bits"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", "more bytes than any file"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387905, 2), }", "more bytes than any file"),
    ("{'descr': '<f4', 'fortran_order': False, }", "missing"),
    ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "comes twice"),
    ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", "string"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x", "something follows"),
    ("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }", "True or False"),
    ("", "'{' is expected"),
  ])
  func otherLayoutsAreExplained(header: String, expected: String) throws {
    let text = try problem(npy(header, data: 24))
    #expect(text.contains(expected), "\(text)")
  }

  @Test func otherFilesAreExplained() throws {
    #expect(try problem(Array(repeating: 1, count: 400)).contains("np.fromfile"))
    #expect(try problem([]).contains("cut short"))
    #expect(try problem(npy("{}", version: 4)).contains("version 4.0"))
    let failure = #expect(throws: Failure.self) { _ = try EmbeddingFile(path: folder.file("none.npy")) }
    #expect(failure?.kind == .missingInput)
  }

  @Test func damagedFilesFailOrRead() throws {
    let writer = try EmbeddingFileWriter(path: folder.file("d.npy"), columns: 3, type: .float16)
    try append([Float](repeating: 1, count: 12), to: writer)
    try writer.commit()
    let whole = try readBytes(folder.file("d.npy"))
    try damagedCopies(of: whole, flips: 3000) { bytes in
      let path = try folder.write("x.npy", bytes)
      do {
        let file = try EmbeddingFile(path: path)
        #expect(bytes.count == whole.count)
        #expect(file.floats(rows: 0..<file.rows).count == file.rows * file.columns)
      } catch {
        #expect((error as? Failure)?.kind == .badData)
      }
    }
  }

  /// Set EMS_PYTHON to a Python with numpy to compare with the format's own implementation.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["EMS_PYTHON"] != nil))
  func numpyReadsWhatIsWritten() throws {
    for type in EmbeddingType.allCases {
      let writer = try EmbeddingFileWriter(path: folder.file("\(type).npy"), columns: 5, type: type)
      try append((0..<35).map { Float($0) / 8 }, to: writer)
      try writer.commit()
      let python = Process()
      python.executableURL = URL(fileURLWithPath: ProcessInfo.processInfo.environment["EMS_PYTHON"] ?? "")
      python.arguments = [
        "-c",
        """
        import numpy as np, sys
        a = np.load(sys.argv[1]); assert a.dtype == sys.argv[2] and a.shape == (7, 5), (a.dtype, a.shape)
        assert (a.astype("f8") == np.arange(35).reshape(7, 5) / 8).all()
        np.save(sys.argv[1], a[2:])
        """, folder.file("\(type).npy"), type.rawValue,
      ]
      try python.run()
      python.waitUntilExit()
      #expect(python.terminationStatus == 0)
      #expect(
        try EmbeddingFile(path: folder.file("\(type).npy")).floats(rows: 0..<5) == (10..<35).map { Float($0) / 8 })
    }
  }
}

/// Appends rows. The array has a name because a span of an unnamed one in a loop crashes the 6.3 optimiser.
func append(_ values: [Float], to writer: EmbeddingFileWriter) throws(Failure) { try writer.append(values.span) }
