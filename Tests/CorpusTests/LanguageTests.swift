import Base
import Corpus
import Foundation
import Testing

@Suite struct LanguageTests {
  private func code(_ text: String) -> String? { try? Language(parsing: text).code }

  @Test(arguments: [
    "de": "de deu ger DE deu_Latn deu-Latn de-DE de_AT German german de-Latn-CH",
    "zh": "zh zho chi cmn zh-CN zho-CN zho_Hans zh-Hans-CN cmn_Hans Chinese Mandarin zh-SG",
    "zh-Hant": "zho_Hant zh-Hant zh-TW zho-TW zh_HK zh-Hant-MO ZHO-HANT",
    "ar": "ar ara arb arb_Arab ar-EG", "ar-Latn": "arb_Latn", "arz": "arz arz_Arab",
    "fa": "fa fas per pes pes_Arab Farsi",
    "ms": "ms msa may zsm zsm_Latn", "nb": "nb no nor nob nob_Latn Norwegian", "nn": "nn nno",
    "et": "et est ekk est_Latn",
    "lv": "lv lav lvs lvs_Latn", "ltg": "ltg", "sq": "sq sqi alb als als_Latn", "mn": "mn mon khk khk_Cyrl",
    "mn-Mong": "mn-Mong", "uz": "uz uzb uzn", "sw": "sw swa swh swh_Latn", "az": "az aze azj azj_Latn",
    "azb": "azb azb_Arab",
    "tl": "tl tgl fil fil_Latn Filipino Tagalog", "sr": "sr srp srp_Cyrl srp-Cyrl sr-RS",
    "sr-Latn": "srp_Latn sr-Latn-RS",
    "hbs": "hbs sh Serbo-Croatian", "bs": "bs bos", "hr": "hr hrv", "pt": "pt por por-BR pt_PT",
    "es": "es spa spa-MX es-419",
    "he": "he heb iw heb_Hebr", "ku": "ku kur kmr kmr_Latn", "ckb": "ckb ckb-Arab", "yue": "yue yue_Hant", "wuu": "wuu",
    "ko": "ko kor_Hang kor_Kore", "or": "or ori ory ory_Orya", "min-Arab": "min_Arab", "ht": "ht hat Haitian",
    "en": "en eng ENG eng_Latn en-GB eng-IN English", "el": "el ell gre",
  ])
  func everyNameHasOneCode(code: String, names: String) {
    for name in names.split(separator: " ") { #expect(self.code(String(name)) == code, "\(name)") }
  }

  @Test func whatALanguageSays() throws {
    let german = try Language(parsing: "deu_Latn")
    #expect(german.code == "de" && german.name == "German" && german.iso3 == "deu" && german.script == "Latn")
    #expect(german.aliases == ["de", "deu", "ger"] && german.description == "de")
    let chinese = try Language(parsing: "zho_Hant")
    #expect(chinese.name == "Chinese (Hant)" && chinese.iso3 == "zho" && chinese.script == "Hant")
    #expect(try chinese != Language(parsing: "zh") && Language(parsing: "zho") == Language(parsing: "cmn"))
    #expect(try Language(parsing: "Norwegian Bokmål").code == "nb" && Language(parsing: "old english").code == "ang")
    #expect(try Language(parsing: "arz").iso3 == "arz" && Language(parsing: "hbs").iso3 == "hbs")
  }

  @Test func theTableIsConsistent() throws {
    var seen = Set<String>()
    for language in Language.all {
      #expect(seen.insert(language.code).inserted)
      for alias in language.aliases {
        #expect(try Language(parsing: alias) == language)
        #expect(try Language(parsing: "\(alias)_\(language.script)") == language)
        #expect(alias.utf8.count == 2 || alias.utf8.count == 3)
      }
      #expect(try Language(parsing: language.code) == language && Language(parsing: language.name) == language)
      #expect(language.iso3.utf8.count == 3)
    }
    // All 183 codes of ISO 639-1 in use, but for the macrolanguage no, which means nb.
    #expect(Language.all.count { $0.code.utf8.count == 2 } == 182)
  }

  @Test func testSetsAndModelsAreCovered() throws {
    for name in tatoebaCodes + emsCodes + floresCodes + ntrexCodes { #expect(code(name) != nil, "\(name)") }
    #expect(tatoebaCodes.count == 112 && emsCodes.count == 62 && floresCodes.count == 204)
    // Files of one test set, and rows of the language embedding, never fall together.
    for codes in [tatoebaCodes, emsCodes, floresCodes] { #expect(Set(codes.compactMap(code)).count == codes.count) }
  }

  @Test(arguments: [
    ("ge", "de (German)"), ("germn", "de (German)"), ("deutch", "nl (Dutch)"), ("enn", "en (English)"),
    ("Portugese", "pt (Portuguese)"), ("ukranian", "uk (Ukrainian)"), ("jp", "ja (Japanese)"),
    ("zhh_Hans", "zh (Chinese)"),
    ("vietnam", "vi (Vietnamese)"),
  ])
  func unknownNamesListNearMatches(text: String, near: String) throws {
    let thrown = #expect(throws: Failure.self) { try Language(parsing: text) }
    #expect(thrown?.kind == .usage && thrown?.subject.contains(text) == true)
    let remedy = thrown?.remedy ?? ""
    // Two letters have more than five neighbours; the list is bounded, and ordered by distance.
    #expect(remedy.contains("did you mean") && remedy.split(separator: ",").count <= 5, "\(remedy)")
    if text.utf8.count > 2 { #expect(remedy.contains(near), "\(remedy)") }
  }

  @Test(arguments: [
    "", "x", "de-", "de_Xxxx", "de-Latn-Latn", "de_Latn_DE_x", "-", "__label__de", "中文", "q@#$%^&*()", "zzzzzz",
  ])
  func nonsenseIsRefused(text: String) {
    let thrown = #expect(throws: Failure.self) { try Language(parsing: text) }
    #expect(thrown?.kind == .usage && thrown?.remedy != nil)
  }

  @Test func aLongNameDoesNotTakeLong() {
    #expect(throws: Failure.self) { try Language(parsing: String(repeating: "x", count: 1_000_000)) }
  }
}

private func words(_ text: String) -> [String] { text.split { $0 == " " || $0 == "\n" }.map(String.init) }

private let tatoebaCodes = words(
  """
  afr amh ang ara arq arz ast awa aze bel ben ber bos bre bul cat cbk ceb ces cha cmn cor csb cym dan deu dsb dtp ell
  epo est eus fao fin fra fry gla gle glg gsw heb hin hrv hsb hun hye ido ile ina ind isl ita jav jpn kab kat kaz khm
  kor kur kzj lat lfn lit lvs mal mar max mhr mkd mon nds nld nno nob nov oci orv pam pes pms pol por ron rus slk slv
  spa sqi srp swe swg swh tam tat tel tgl tha tuk tur tzl uig ukr urd uzb vie war wuu xho yid yue zsm
  """)

private let emsCodes = words(
  """
  en af ar bg bn ca cs da de el eo es et eu fa fi fr gl gu he hi hr hu hy id it ja jv ka kk ko ku lt lv ml mr ms mk mn my nl
  nb pl pt ro ru sk sl sq sr sv sw ta te th tl tr uk ur vi yo zh
  """)

private let ntrexCodes = words(
  """
  arb bul cat ces dan deu ell fas fin fra heb hin hrv hun ind ita jpn kor nld nob pol por-BR ron rus slk spa srp-Cyrl
  swe tur ukr vie zho-CN eng eng-GB eng-IN eng-US afr amh azb bak bel bem ben bod bos ckb-Arab cym div dzo ewe fao fil
  fra-CA fuc gle glg guj hau hmn hye ibo isl kan kat kaz khm kin kir kmr lao lav lit ltz mal mar mey mkd mlg mlt mon
  mri msa mya nde nep nno nso nya orm pan por prs pus shi sin slv smo sna-Latn snd-Arab som spa-MX sqi srp-Latn ssw
  swa tah tam tat tel tgk-Cyrl tha tir ton tsn tuk uig urd uzb ven wol xho yor yue zho-TW zul
  """)

private let floresCodes = words(
  """
  ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn als_Latn amh_Ethi apc_Arab arb_Arab arb_Latn
  ars_Arab ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl bam_Latn ban_Latn bel_Cyrl
  bem_Latn ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn
  ckb_Arab crh_Latn cym_Latn dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn
  ewe_Latn fao_Latn fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gaz_Latn gla_Latn gle_Latn glg_Latn grn_Latn
  guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn
  ita_Latn jav_Latn jpn_Jpan kab_Latn kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor kaz_Cyrl kbp_Latn kea_Latn
  khk_Cyrl khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn kmr_Latn knc_Arab knc_Latn kon_Latn kor_Hang lao_Laoo lij_Latn
  lim_Latn lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn lug_Latn luo_Latn lus_Latn lvs_Latn mag_Deva mai_Deva
  mal_Mlym mar_Deva min_Arab min_Latn mkd_Cyrl mlt_Latn mni_Beng mos_Latn mri_Latn mya_Mymr nld_Latn nno_Latn nob_Latn
  npi_Deva nso_Latn nus_Latn nya_Latn oci_Latn ory_Orya pag_Latn pan_Guru pap_Latn pbt_Arab pes_Arab plt_Latn pol_Latn
  por_Latn prs_Arab quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Olck scn_Latn shn_Mymr sin_Sinh slk_Latn
  slv_Latn smo_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn
  szl_Latn tam_Taml taq_Latn taq_Tfng tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi tpi_Latn tsn_Latn tso_Latn
  tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab uzn_Latn vec_Latn vie_Latn war_Latn
  wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans zho_Hant zsm_Latn zul_Latn
  """)
