import Base
import Corpus
import Foundation
import Synchronization
import TestSupport
import Testing

/// Where the small fastText models are; made by Fixtures/make-lid.sh.
private func fixture(_ name: String) -> String {
  URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)").path()
}

private let models = ["lid-hs.bin", "lid-pruned.ftz"]

/// What loading a file with these bytes fails with; nil if it loads.
private func failure(loading bytes: [UInt8], in folder: TemporaryFolder) throws -> Failure? {
  let path = try folder.write("model", bytes)
  do {
    _ = try LanguageIdentifier(fastText: path)
    return nil
  } catch { return error }
}

@Suite struct CLD2Tests {
  private let identifier = LanguageIdentifier()

  private func identify(_ text: [UInt8]) -> Identification? { identifier.identify(text.span) }

  static let sentences: [(code: String, text: String)] = [
    ("de", "Am Abend saßen wir lange auf der Terrasse und erzählten uns Geschichten aus der Schulzeit."),
    ("en", "In the evening we sat on the terrace for hours and told each other stories from school."),
    ("fr", "Le soir, nous sommes restés longtemps sur la terrasse à nous raconter des histoires d'école."),
    ("es", "Por la noche nos quedamos mucho tiempo en la terraza y nos contamos historias del colegio."),
    ("pl", "Wieczorem długo siedzieliśmy na tarasie i opowiadaliśmy sobie historie ze szkolnych lat."),
    ("fi", "Illalla istuimme pitkään terassilla ja kerroimme toisillemme tarinoita kouluajoilta."),
    ("hu", "Este sokáig ültünk a teraszon, és iskolai történeteket meséltünk egymásnak."),
    ("tr", "Akşam uzun süre terasta oturduk ve birbirimize okul yıllarından hikâyeler anlattık."),
    ("ru", "Вечером мы долго сидели на террасе и рассказывали друг другу школьные истории."),
    ("uk", "Увечері ми довго сиділи на терасі й розповідали одне одному шкільні історії."),
    ("el", "Το βράδυ καθίσαμε πολλή ώρα στη βεράντα και λέγαμε ιστορίες από το σχολείο."),
    ("ar", "جلسنا في المساء طويلا على الشرفة وحكينا قصصا من أيام المدرسة."),
    ("he", "בערב ישבנו זמן רב במרפסת וסיפרנו זה לזה סיפורים מימי בית הספר."),
    ("hi", "शाम को हम देर तक बरामदे में बैठे रहे और एक दूसरे को स्कूल के दिनों की कहानियाँ सुनाते रहे।"),
    ("ja", "夕方、私たちは長い間テラスに座って、学校時代の話をしました。"),
    ("ko", "저녁에 우리는 테라스에 오래 앉아 학창 시절 이야기를 나누었다."),
    ("zh", "晚上我们在阳台上坐了很久，互相讲学校里的故事。"),
    ("zh-Hant", "晚上我們在陽臺上坐了很久，互相講學校裡的故事。"),
    ("th", "ตอนเย็นเรานั่งที่ระเบียงเป็นเวลานานและเล่าเรื่องสมัยเรียนให้กันฟัง"),
    ("ka", "საღამოს დიდხანს ვისხედით აივანზე და ერთმანეთს სკოლის ამბებს ვუყვებოდით."),
    // Only in the tables of libcld2_full, which must have taken the place of the smaller ones.
    ("eo", "Vespere ni longe sidis sur la teraso kaj rakontis unu al la alia historiojn pri la lernejo."),
    ("tt", "Кичен без террасада озак утырдык һәм бер-беребезгә мәктәп елларындагы хәлләрне сөйләдек."),
  ]

  @Test(arguments: sentences) func findsLanguage(code: String, text: String) throws {
    let found = try #require(identifier.identify(text))
    #expect(found.language == (try Language(parsing: code)), "\(found)")
    #expect(found.reliable)
    #expect(0.9...1 ~= found.confidence)
  }

  @Test(arguments: ["", "   ", "12 345,67", "?!… — «»", "😀😀", "\u{0}\u{1}\u{7F}"])
  func saysNothingWithoutLetters(text: String) {
    #expect(identifier.identify(text) == nil)
  }

  @Test func mixedScriptsHaveTheShareOfTheLargest() throws {
    let greek = "Το βράδυ καθίσαμε πολλή ώρα στη βεράντα και λέγαμε ιστορίες από το σχολείο."
    let found = try #require(identifier.identify("\(greek) \(greek) In the evening we told each other stories."))
    #expect(found.code == "el")
    #expect(0.6...0.95 ~= found.confidence, "\(found)")
  }

  /// CLD2 itself refuses such text as a whole.
  @Test func invalidBytesAndControlsCountAsSpaces() throws {
    let text = Array(Self.sentences[0].text.utf8)
    let expected = try #require(identify(text))
    for noise: [UInt8] in [
      [0xFF], [0x00], [0x1B], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC2, 0x85],
      [0xEF, 0xBF, 0xBF], [0xEF, 0xB7, 0x90], [0xF0, 0x9F, 0xBF, 0xBE],
    ] {
      for bytes in [noise + text, text + noise, text + [32] + noise + [32] + text] {
        let found = identify(bytes)
        #expect(
          found?.language == expected.language && found?.reliable == true, "\(noise): \(String(describing: found))")
      }
    }
  }

  @Test func everyCharacterCanOccur() {
    // 16 in a row, in a text long enough that letters of another script do not make it unsure.
    let text = """
      Am Abend saßen wir lange auf der Terrasse und erzählten uns Geschichten aus der Schulzeit. Der Nachbar brachte eine
      Schüssel mit Erdbeeren herüber, die seine Frau am Nachmittag im eigenen Garten gepflückt hatte. Niemand dachte daran,
      dass am nächsten Morgen schon um sechs der Wecker klingeln würde. Erst als ein Gewitter aufzog, trugen wir Stühle und
      Gläser ins Haus und schlossen die Fenster.
      """
    var silent: [Int] = []
    for start in stride(from: 0, to: 0x11_0000, by: 16) {
      var some = String.UnicodeScalarView()
      for value in start..<start + 16 { if let scalar = Unicode.Scalar(UInt32(value)) { some.append(scalar) } }
      if identifier.identify(text + String(some))?.code != "de" { silent.append(start) }
    }
    #expect(silent.isEmpty, "\(silent.prefix(20).map { String($0, radix: 16) })")
  }

  @Test func longLinesAreJudgedByTheirBeginning() throws {
    let german = String(repeating: "\(Self.sentences[0].text) ", count: 400)
    let greek = String(repeating: "\(Self.sentences[10].text) ", count: 4000)
    #expect(german.utf8.count > LanguageIdentifier.maxBytes)
    #expect(identifier.identify(german + greek)?.code == "de")
    #expect(identifier.identify(german + greek) == identifier.identify(german))
    // No space to cut at, and characters across the limit.
    for shift in 0..<3 {
      let line = String(repeating: "a", count: shift) + String(repeating: Self.sentences[16].text, count: 2000)
      #expect(identifier.identify(line)?.code == "zh")
    }
  }

  @Test func knowsLanguagesOfTablesAndScripts() throws {
    for code in ["de", "zh", "zh-Hant", "ja", "ko", "ka", "th", "eo", "he", "no", "ckb", "bho"] {
      #expect(identifier.knows(try Language(parsing: code)), "\(code)")
    }
    for code in ["kab", "gsw", "vec", "ku"] { #expect(!identifier.knows(try Language(parsing: code)), "\(code)") }
  }

  @Test(arguments: ["cld2"] + models) func threadsAgree(name: String) throws {
    let identifier = name == "cld2" ? identifier : try LanguageIdentifier(fastText: fixture(name))
    let expected = Self.sentences.map { identifier.identify($0.text) }
    let wrong = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<50 where Self.sentences.map({ identifier.identify($0.text) }) != expected {
        wrong.withLock { $0 += 1 }
      }
    }
    #expect(wrong.withLock { $0 } == 0)
  }
}

@Suite struct FastTextTests {
  /// Checked against `fasttext predict-prob`.
  @Test(arguments: [
    ("lid-hs.bin", "Das Haus ist alt und klein.", "deu_Latn", "de", 0.481416),
    ("lid-hs.bin", "The house is old.", "eng_Latn", "en", 0.998003),
    ("lid-hs.bin", "Моя книга", "rus_Cyrl", "ru", 0.992094),
    ("lid-hs.bin", "I ha geschter gwüsst", "als", "gsw", 0.944784),
    ("lid-pruned.ftz", "Das Haus ist alt und klein.", "deu_Latn", "de", 0.749781),
    ("lid-pruned.ftz", "The house is old.", "eng_Latn", "en", 0.999562),
    ("lid-pruned.ftz", "Моя книга", "rus_Cyrl", "ru", 0.998024),
    ("lid-pruned.ftz", "I ha geschter gwüsst", "als", "gsw", 0.953134),
  ])
  func agreesWithTheTool(model: String, text: String, label: String, code: String, probability: Double) throws {
    let found = try #require(try LanguageIdentifier(fastText: fixture(model)).identify(text))
    #expect(found.code == label)
    #expect(found.language == (try Language(parsing: code)))
    #expect(abs(found.confidence - probability) < 2e-6)
    #expect(found.reliable == (probability >= 0.5))
  }

  @Test func labelsThatAreNoLanguagesStayAsTheyAre() throws {
    let identifier = try LanguageIdentifier(fastText: fixture(models[0]))
    let found = try #require(identifier.identify("Bakulo temi rasu, winolo katemi bu surala."))
    #expect(found.code == "qqz")
    #expect(found.language == nil)
    #expect(identifier.knows(try Language(parsing: "de-AT")))
    #expect(!identifier.knows(try Language(parsing: "es")))
  }

  @Test func thresholdDecidesWhatIsReliable() throws {
    let text = "Das Haus ist alt und klein."
    for (threshold, reliable) in [(0, true), (0.48, true), (0.49, false), (1, false)] {
      let identifier = try LanguageIdentifier(fastText: fixture(models[0]), threshold: threshold)
      #expect(identifier.identify(text)?.reliable == reliable)
    }
    for threshold in [-0.1, 1.1, .nan] {
      #expect(throws: Failure.self) { try LanguageIdentifier(fastText: fixture(models[0]), threshold: threshold) }
    }
  }

  @Test(arguments: models) func oddTextsAreNoTrouble(model: String) throws {
    let identifier = try LanguageIdentifier(fastText: fixture(model))
    for text in ["", " ", "12"] { #expect(identifier.identify(text) == nil) }
    #expect(identifier.identify("The house\nis old.") == identifier.identify("The house is old."))
    #expect(identifier.identify("__label__deu_Latn The house is old.")?.code == "eng_Latn")
    #expect(identifier.identify(String(repeating: "x", count: 1 << 22)) != nil)
    let noise: [UInt8] = [0x80, 0xFF] + Array("The house is old.".utf8) + [0xE2]
    let found = identifier.identify(noise.span)
    #expect(found?.code == "eng_Latn")
  }

  @Test(arguments: models) func everyCutFileIsRefused(model: String) throws {
    let folder = TemporaryFolder()
    let bytes = try readBytes(fixture(model))
    for count in stride(from: 0, to: bytes.count, by: 37) {
      let failure = try failure(loading: Array(bytes.prefix(count)), in: folder)
      #expect(failure?.kind == .badData, "\(count) bytes")
    }
    #expect(try failure(loading: bytes + [0], in: folder)?.kind == .badData)
    #expect(try failure(loading: bytes, in: folder) == nil)
  }

  /// Whatever is changed: a failure, or a model that answers.
  @Test(arguments: models) func changedFilesDoNoHarm(model: String) throws {
    let folder = TemporaryFolder()
    let bytes = try readBytes(fixture(model))
    let texts = CLD2Tests.sentences.map(\.text) + ["I ha geschter gwüsst", "Моя книга", "ab"]
    var (refused, loaded) = (0, 0)
    // Most bytes are weights; the ones that lead to other places are at the beginning.
    for head in [120, bytes.count / 3, bytes.count] {
      try damagedCopies(of: Array(bytes.prefix(head)), prefixes: head + 1, flips: 300) { copy in
        let path = try folder.write("model", copy + bytes[head...])
        do {
          let identifier = try LanguageIdentifier(fastText: path)
          loaded += 1
          for text in texts {
            if let found = identifier.identify(text) { #expect(0...1 ~= found.confidence) }
          }
        } catch {
          #expect((error as? Failure)?.kind == .badData)
          refused += 1
        }
      }
    }
    #expect(refused > 100 && loaded > 50, "\(refused) refused, \(loaded) loaded")
  }

  @Test func sizesBeyondTheFileAreRefusedAtTheirPlace() throws {
    let folder = TemporaryFolder()
    let bytes = try readBytes(fixture(models[0]))
    // dim, bucket, maxn, entries of the dictionary: each as large as can be.
    for (offset, name) in [(8, "dim"), (40, "bucket"), (48, "maxn"), (64, "dictionary")] {
      var copy = bytes
      for (k, byte) in [UInt8(0xFF), 0xFF, 0xFF, 0x7F].enumerated() { copy[offset + k] = byte }
      let failure = try failure(loading: copy, in: folder)
      #expect(failure?.kind == .badData)
      // A bucket count comes to light where the matrix has too few rows for it.
      #expect(
        failure?.description.contains(name == "bucket" ? "input matrix" : name) == true,
        "\(String(describing: failure))")
    }
    // The last weight not a number, then infinite, then huge.
    for weight: Float in [.nan, .infinity, 1e30] {
      let number = (0..<4).map { UInt8(truncatingIfNeeded: weight.bitPattern >> (8 * $0)) }
      #expect(try failure(loading: bytes.dropLast(4) + number, in: folder)?.description.contains("weight") == true)
    }
  }

  @Test func otherFilesAreRefused() throws {
    let folder = TemporaryFolder()
    var random = SplitMix(seed: 3)
    let junk = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    #expect(try failure(loading: junk, in: folder)?.description.contains("is not a fastText model") == true)
    #expect(try failure(loading: [], in: folder)?.kind == .badData)
    let start = Array(try readBytes(fixture(models[0])).prefix(8))
    for size in [0, 100, 50_000] {
      #expect(try failure(loading: start + junk.prefix(size), in: folder)?.kind == .badData)
      #expect(try failure(loading: start + [UInt8](repeating: 0, count: size), in: folder)?.kind == .badData)
    }
    var newer = try readBytes(fixture(models[0]))
    newer[4] = 13
    #expect(try failure(loading: newer, in: folder)?.description.contains("version 13") == true)
    var vectors = try readBytes(fixture(models[0]))
    vectors[36] = 2
    #expect(try failure(loading: vectors, in: folder)?.description.contains("word vectors") == true)
    do {
      _ = try LanguageIdentifier(fastText: folder.file("missing"))
      Issue.record("loaded what is not there")
    } catch { #expect(error.kind == .missingInput) }
  }
}
