// libFuzzer over the readers: what it calls, once for each input. EMS_FUZZ names the reader; the input is given to it as a file in memory, so that
// what is tried is what a user's file goes through. A failure that says what is wrong with the data is the right answer; anything
// that ends the process, takes too long or too much memory is found by libFuzzer.
import Corpus
import Encoder
import Formats
import Foundation
import Glibc
import Index
import Kernels
import Train

// glibc has it, but shows it only to C code that asks for extensions.
@_silgen_name("memfd_create")
private func memoryFile(_ name: UnsafePointer<CChar>, _ flags: CUnsignedInt) -> CInt

/// A file in memory that is filled anew for every input, and its name.
private struct MemoryFile {
  let number: Int32
  let path: String

  init() {
    number = memoryFile("input", 0)
    path = "/proc/self/fd/\(number)"
  }

  func fill(_ bytes: UnsafeRawBufferPointer) {
    ftruncate(number, 0)
    if let start = bytes.baseAddress, bytes.count > 0 { pwrite(number, start, bytes.count, 0) }
  }
}

private let file = MemoryFile()
private let target = ProcessInfo.processInfo.environment["EMS_FUZZ"] ?? "npy"
private let folder: String = {
  let path = "/dev/shm/ems-fuzz.\(getpid())"
  mkdir(path, 0o700)
  return path
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  file.fill(UnsafeRawBufferPointer(start: start, count: count))
  do { try read(file.path) } catch {}
  return 0
}

private func read(_ path: String) throws {
  switch target {
  case "npy":
    let rows = try EmbeddingFile(path: path)
    if rows.rows > 0 { _ = rows.floats(rows: 0..<1) }
  case "safetensors":
    let tensors = try SafeTensors(path: path)
    for entry in tensors.entries { _ = try tensors.firstNonFinite(entry.name) }
  case "checkpoint":
    let checkpoint = try Checkpoint(path: path)
    for tensor in checkpoint.tensors where tensor.count < 1 << 16 { _ = try checkpoint.floats(tensor.name) }
  case "faiss":
    let index = try FaissIndex(path: path, mapped: true)
    // Searching an index that passed: what its lists hold is untrusted, too.
    if index.count > 0, index.dimension <= 256 {
      let query = Tensor(rows: 1, columns: index.dimension)
      _ = try index.search(query, k: 2)
    }
  case "sentencepiece":
    let tokenizer = try Tokenizer(path: path)
    _ = try tokenizer.encode("Ein Satz, über den 東京.", lowercase: true, limit: 20)
  case "tokenizer":
    let name = "\(folder)/tokenizer.json"
    unlink(name)
    symlink(path, name)
    let tokenizer = try openTokenizer(in: folder)
    var text = TokenizedText()
    var sentences = SentenceTexts()
    let bytes = Array("Ein Satz, über den 東京.".utf8)
    sentences.append(bytes.span.bytes)
    try tokenizer.encode(sentences, lowercase: false, limit: 20, into: &text)
  case "config": _ = try Configuration(path: path)
  case "yaml": _ = try TrainingConfiguration(path: path)
  case "lines":
    let reader = try LineReader(path: path, options: TextOptions(format: .idAndText, maxLineBytes: 4096))
    var batch = LineBatch()
    while try reader.readBatch(into: &batch) {}
  case "pairs":
    let reader = try PairReader(path: path)
    var batch = PairBatch()
    while try reader.readBatch(into: &batch) {}
  default: fatalError("EMS_FUZZ names no reader: \(target)")
  }
}
