import Corpus
import Testing

/// Numbers of two sentences: which agree, and which do not.
@Suite struct NumberAgreementTests {
  static func agree(_ a: String, _ b: String, _ source: String? = nil, _ target: String? = "en") -> Bool {
    let languages = [source, target].map { code in code.flatMap { try? Language(parsing: $0) } }
    return NumberAgreement(source: languages[0], target: languages[1]).agree(Array(a.utf8), Array(b.utf8))
  }

  @Test(arguments: [
    ("Es kostet 1.234,5 Euro.", "It costs 1,234.5 euros.", "de"),
    ("Il y en a 12\u{202F}345\u{A0}678.", "There are 12,345,678 of them.", "fr"),
    ("Zürich zählt 434’736 Einwohner.", "Zurich has 434,736 inhabitants.", "de"),
    ("यह 12,34,567 रुपये है।", "It is 1,234,567 rupees.", "hi"), ("यह ₹१२,३४,५६७ है।", "It is ₹1,234,567.", "hi"),
    ("سعر ۱۲۳۴ تومان", "a price of 1,234 tomans", "fa"), ("عام ٢٠١٩", "the year 2019", "ar"),
    ("２０１９年に始まった。", "It began in 2019.", "ja"), ("Zimmer 06", "Room 6", "de"),
    ("am 24.12.2018", "on December 24, 2018", "de"), ("2018年12月24日", "on December 24, 2018", "zh"),
    ("um 15:30 Uhr", "at 3:30 p.m.", "de"), ("à 7h45", "at 7.45 am", "fr"), ("в 18:00", "at 6pm", "ru"),
    ("drei Hunde", "3 dogs", "de"), ("3 Hunde", "three dogs", "de"), ("有2500万人", "There are 25 million people.", "zh"),
    ("1億2,000万円", "120 million yen", "ja"), ("2,5 Mio. Euro", "2.5 million euros", "de"),
    ("2 लाख लोग", "200,000 people", "hi"), ("in den 90er Jahren", "in the 1990s", "de"),
    ("mit 137 km/h", "at 85 mph", "de"), ("27 Grad", "80 degrees", "de"), ("25 cm Regen", "10 inches of rain", "de"),
    ("Sie gewann mit ,5 Punkten.", "She won by 0.5 points.", "de"), ("siehe www.x.de/2017", "see it online", "de"),
    ("二十五人", "25 people", "zh"), ("twenty-five people", "25 Leute", "en"), ("Version 3.2.1", "version 3.2.1", "de"),
    ("ohne Zahlen", "no numbers", "de"), ("", "", "de"),
  ])
  func right(_ source: String, _ target: String, _ language: String) {
    #expect(Self.agree(source, target, language))
    #expect(Self.agree(target, source, "en", language))
  }

  @Test(arguments: [
    ("Es kostet 1.234,5 Euro.", "It costs 1,243.5 euros.", "de"), ("عام ٢٠١٩", "the year 2016", "ar"),
    ("3 Hunde", "4 dogs", "de"), ("7 Hunde", "three dogs", "de"), ("am 24.12.2018", "on December 23, 2018", "de"),
    ("um 15:30 Uhr", "at 3:20 p.m.", "de"), ("Es waren 347 Leute.", "There were people.", "de"),
    ("有2500万人", "There are 26 million people.", "zh"), ("5月に", "in June", "ja"),
    ("mit 137 km/h", "at 45 mph", "de"), ("यह 12,34,567 रुपये है।", "It is 1,234,576 rupees.", "hi"),
    ("19 Punkte und 20 Tore", "19 points and 21 goals", "de"),
  ])
  func wrong(_ source: String, _ target: String, _ language: String) {
    #expect(!Self.agree(source, target, language))
    #expect(!Self.agree(target, source, "en", language))
  }

  @Test func numbersWithoutEndAreNoTrouble() {
    let long = String(repeating: "9", count: 100_000)
    #expect(Self.agree(long, long))
    #expect(!Self.agree(long, long.dropLast() + "8"))
    #expect(Self.agree("0000", "0"))
    #expect(Self.agree(String(repeating: "1.", count: 1000), String(repeating: "1.", count: 1000)))
  }
}
