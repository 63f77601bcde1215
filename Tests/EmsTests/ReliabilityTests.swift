import Base
import Foundation
import Glibc
import TestSupport
import Testing

/// What hostile files, options and machines do to the program: a message and a documented status, never more.
@Suite struct ReliabilityTests {
  let workshop: Workshop

  init() throws { workshop = try Workshop() }

  func npy(_ name: String, shape: String, bytes: Int) throws -> String {
    var header = Array("{'descr': '<f4', 'fortran_order': False, 'shape': \(shape), }".utf8)
    header += Array(repeating: 0x20, count: 117 - header.count) + [0x0A]
    let path = try workshop.folder.write(name, [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + header)
    #expect(unsafe truncate(path, 128 + bytes) == 0)
    return path
  }

  // MARK: numbers

  @Test func numbersThatOverflow() throws {
    for options in [
      ["plan", "--model", workshop.model, "--source-lines", "1000000000B", "--target-lines", "1B"],
      [
        "plan", "--model", workshop.model, "--source-lines", "1B", "--target-lines", "1B", "--line-bytes",
        "9223372036854775807",
      ],
      [
        "plan", "--model", workshop.model, "--source-lines", "1B", "--target-lines", "1B", "--machines",
        "9223372036854775807",
      ],
      ["mine", "--source-embeddings", "a", "--target-embeddings", "b", "--k", "9223372036854775807", "--output", "-"],
    ] {
      let outcome = try Running(options).wait()
      expect(outcome, failsWith: 64)
    }
    let plan = try ems(
      "plan", "--model", workshop.model, "--source-lines", "1000B", "--target-lines", "1000B", "--k", "65536",
      "--line-bytes", "1048576")
    #expect(plan.status == 65, "\(plan.error)")
    #expect(plan.error.contains("too large"))
  }

  @Test func shapesThatNoMemoryHolds() throws {
    for (shape, bytes, says) in [
      ("(0, 9223372036854775807)", 0, "at most 65536"), ("(9223372036854775807, 65536)", 0, "more bytes than any file"),
      ("(1, 1000000000)", 4_000_000_000, "at most 65536"), ("(0, 4)", 0, "no rows"),
    ] {
      let path = try npy("x.npy", shape: shape, bytes: bytes)
      let outcome = try ems("mine", "--source-embeddings", path, "--target-embeddings", path, "--output", "-")
      expect(outcome, failsWith: 65, says: "x.npy", says)
    }
  }

  @Test func aLimitOnMemory() throws {
    let text = try workshop.text(50)
    for limit in [300_000, 500_000] {
      let outcome = try shell(
        "ulimit -v \(limit); exec timeout -s KILL 60 $ems encode $1 --model $2 --language de --output $3 --threads 2",
        text,
        workshop.model, workshop.folder.file("x.npy"))
      #expect(outcome.status == 0 || outcome.status == 74, "\(limit): \(outcome)")
      if outcome.status == 74 { #expect(outcome.error.contains("memory")) }
    }
  }

  @Test func kernelsThatAreNotThere() throws {
    let outcome = try ems("--version", environment: ["EMS_SIMD": "avx1024"])
    expect(outcome, failsWith: 64, says: "EMS_SIMD", "avx1024", "generic")
    #expect(try ems("--version", environment: ["EMS_SIMD": "generic"]).status == 0)
  }

  // MARK: texts

  @Test(arguments: ["\u{12000}", "\u{FDFA}"]) func aMegabyteOfOneCharacter(_ character: String) throws {
    let text = try workshop.folder.write(
      "text", String(repeating: character, count: (1 << 20) / character.utf8.count) + "\nb\n")
    // A quarter of what it once took; processor time, so that other work on the machine does not count.
    let outcome = try shell(
      "ulimit -t 4; exec $ems encode $1 --model $2 --language de --output $3 --threads 1", text, workshop.model,
      workshop.folder.file("x.npy"))
    #expect(outcome.status == 0, "\(outcome.error)")
  }

  @Test func aTextThatChangesWhileItIsRead() throws {
    // The pipe holds the program up in the middle: it reads ahead by some windows only.
    let text = try workshop.folder.write("text", String(repeating: "a line and another\n", count: 400_000))
    for change in ["truncate -s 4000000", "sh -c 'echo more >> $0'"] {
      _ = try workshop.folder.write("text", String(repeating: "a line and another\n", count: 400_000))
      let script = """
        $ems encode $1 --model $2 --language de --output $3 --threads 1 & pid=$!
        until [ -e $3.$pid.tmp ]; do sleep 0.01; done
        kill -STOP $pid; \(change) "$1"; kill -CONT $pid; wait $pid
        """
      let outcome = try shell(script, text, workshop.model, workshop.folder.file("x.npy"))
      expect(outcome, failsWith: 74, says: "text", "changed while it was read")
      #expect(try workshop.others("text") == [])
    }
  }

  @Test func aMappedFileThatShrinks() throws {
    let path = workshop.folder.file("rows.npy")
    let script = """
      $ems encode $1 --model $2 --language de --output $3 --quiet
      cp $3 $4
      $ems mine --source-embeddings $3 --target-embeddings $4 --index exact --k 64 --output $5 & pid=$!
      for i in $(seq 500); do [ -e $5.$pid.tmp ] && break; sleep 0.01; done
      kill -STOP $pid; truncate -s 5000 $3; truncate -s 5000 $4; kill -CONT $pid; wait $pid
      """
    let outcome = try shell(
      script, workshop.text(6000), workshop.model, path, workshop.folder.file("other.npy"),
      workshop.folder.file("p.tsv"))
    #expect([0, 65, 74].contains(outcome.status), "\(outcome)")
    if outcome.status == 74 { #expect(outcome.error.contains("was cut short while it was in use"), "\(outcome)") }
    #expect(try workshop.folder.list().filter { $0.hasSuffix(".tmp") } == [])
  }

  // MARK: names and messages

  @Test func namesThatAreNoUTF8() throws {
    let script = """
      cp $1 $4/$'caf\\xe9.txt'
      $ems encode $4/$'caf\\xe9.txt' --model $2 --language de --output $4/$'caf\\xe9.npy'
      cmp $3 $4/$'caf\\xe9.npy'
      """
    #expect(try workshop.encode(workshop.text(20)).status == 0)
    let outcome = try shell(
      script, workshop.text(20), workshop.model, workshop.folder.file("x.npy"), workshop.folder.path)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains("caf\\xE9.npy"))
    let missing = try shell("exec $ems encode $'/no\\xe9' --model $1 --language de --output x", workshop.model)
    expect(missing, failsWith: 66, says: "/no\\xE9")
  }

  @Test func controlCharactersAreShown() throws {
    let red = "\u{1B}[31m\u{202E}"
    for arguments in [
      [red], ["encode", "/nowhere/" + red, "--model", workshop.model, "--language", "de", "--output", "x"],
      ["encode", "/dev/null", "--model", red, "--language", red, "--output", red], ["plan", "--margin", red],
      ["index", "build", red, "--factory", red, "--output", "x"], ["data", "list", "/nowhere" + red],
    ] {
      let outcome = try Running(arguments).wait()
      #expect([64, 65, 66].contains(outcome.status), "\(arguments): \(outcome)")
      for text in [outcome.error, outcome.output] {
        #expect(!text.contains("\u{1B}") && !text.unicodeScalars.contains("\u{202E}"), "\(arguments)")
      }
    }
  }

  @Test func messagesFitAScreen() throws {
    let long = String(repeating: "x", count: 100_000)
    for arguments in [
      [long], ["encode", long, "--model", long, "--language", "de", "--output", "x"],
      ["index", "build", "x", "--factory", long, "--output", "x"], ["evaluate", "all", "--suite", long],
    ] {
      let outcome = try Running(arguments).wait()
      #expect(outcome.status != 0)
      #expect(outcome.error.utf8.count < 8000)
    }
  }

  @Test func yamlThatUnfolds() throws {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for i in 1..<12 {
      text += "a\(i): &a\(i) [\(Array(repeating: "*a\(i - 1)", count: 10).joined(separator: ", "))]\n"
    }
    for (end, says) in [("evaluations: *a11\n", "mapping"), ("? *a11\n: x\nevaluations: []\n", "key")] {
      let suite = try workshop.folder.write("suite.yaml", text + end)
      let outcome = try shell(
        "ulimit -t 10; ulimit -v 4000000; exec $ems evaluate all --suite $1 --model $2", suite, workshop.model)
      expect(outcome, failsWith: 65, says: "suite.yaml", says)
    }
  }

  // MARK: signals and kills

  @Test(arguments: [SIGINT, SIGTERM]) func trainingAnIndexStops(signal: Int32) throws {
    let rows = workshop.folder.file("rows.npy")
    #expect(try workshop.encode(workshop.text(6000), output: "rows.npy").status == 0)
    let running = try Running([
      "index", "train", rows, "--factory", "OPQ36,IVF64,PQ36", "--output", workshop.folder.file("x.faiss"), "--threads",
      "1",
    ])
    usleep(700_000)
    kill(running.process.processIdentifier, signal)
    let outcome = try running.wait()
    expect(outcome, failsWith: 130, says: "stopped by a signal")
    #expect(try workshop.others("text", "rows.npy") == [])
  }

  @Test func indicesThatAreCutOrChanged() throws {
    #expect(try workshop.encode(workshop.text(300)).status == 0)
    let index = workshop.folder.file("i.faiss"), rows = workshop.folder.file("x.npy")
    #expect(try ems("index", "build", rows, "--factory", "IVF4,Flat", "--output", index, "--quiet").status == 0)
    let whole = try workshop.folder.read("i.faiss")
    for size in [10, whole.count / 2, whole.count - 1] {
      _ = try workshop.folder.write("i.faiss", Array(whole.prefix(size)))
      expect(try ems("index", "info", index), failsWith: 65, says: "i.faiss")
      expect(
        try ems("index", "search", index, rows, "--output", workshop.folder.file("s.tsv")), failsWith: 65,
        says: "i.faiss")
    }
    var changed = whole
    changed[whole.count / 2] ^= 16
    _ = try workshop.folder.write("i.faiss", changed)
    expect(try ems("index", "info", index), failsWith: 65, says: "not what was written")
    // OPQ's training is silent, too.
    let quiet = try ems("index", "build", rows, "--factory", "OPQ2,IVF2,PQ2", "--output", index, "--quiet")
    #expect(quiet.status == 0 && quiet.error == "" && quiet.output == "", "\(quiet.error.prefix(500))")
  }

  @Test func aModelsDigests() throws {
    #expect(try ems("model", "verify", workshop.model).status == 0)
    let card = try workshop.folder.read("model/README.md")
    _ = try workshop.folder.write("model/README.md", card + Array("Edited.\n".utf8))
    #expect(try ems("model", "verify", workshop.model).status == 0)
    // A last bit of a weight: everything else about the model stays right.
    var weights = try workshop.folder.read("model/model.safetensors")
    weights[weights.count - 40] ^= 1
    _ = try workshop.folder.write("model/model.safetensors", weights)
    expect(try ems("model", "verify", workshop.model), failsWith: 65, says: "model.safetensors", "SHA256SUMS")
    let sums = try workshop.folder.read("model/SHA256SUMS")
    _ = try workshop.folder.write("model/SHA256SUMS", "rubbish\n")
    expect(try ems("model", "info", workshop.model), failsWith: 65, says: "SHA256SUMS", "line 1")
    _ = try workshop.folder.write("model/SHA256SUMS", sums)
    let checked = try shell("cd $1 && sha256sum -c SHA256SUMS --ignore-missing 2>&1 | grep -v OK", workshop.model)
    #expect(checked.output.contains("model.safetensors: FAILED"), "\(checked)")
  }
}
