/// Words that decide where sentences end, by language. Written for this program; CLDR's own lists come from ICU.
enum SentenceLists {
  struct Lists: Sendable {
    /// Before a name or a number: no sentence ends behind them.
    var titles = ""
    /// Others: a sentence ends behind them only before one of `starters`.
    var abbreviations = ""
    /// Abbreviations that stand before numbers.
    var beforeNumbers = ""
    /// Words that begin sentences.
    var starters = ""
    /// Abbreviations that end a sentence before any capital letter; with a leading `#` only behind a number.
    var enders = ""
    /// Verbs near behind a quotation that is part of a longer sentence.
    var quotations = ""
  }

  static let all: [String: Lists] = [
    "en": Lists(
      titles:
        "Mr Mrs Ms Dr Prof Sr Jr St Mt Ft Gen Col Maj Capt Cpt Lt Sgt Cpl Adm Cmdr Gov Sen Rep Pres Rev Hon Fr Bros Supt Insp Messrs Mme Mlle vs v cf e.g i.e al approx Amb Atty Det Dist Hr Ph Pvt Ald Assn",
      abbreviations:
        "Inc Ltd Co Corp LLC Dept Univ Assn Bros Ave Blvd Rd etc a.m p.m ca Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Wed Thu Fri Sat U.S U.K U.N E.U D.C L.A Ph.D M.D B.A M.A B.C A.D est dept fl viz seq Ariz Calif Colo Conn Del Fla Ga Ill Ind Kan Ky La Mass Md Mich Minn Miss Mo Mont Neb Nev Okla Ore Pa Tenn Tex Va Vt Wash Wis Wyo",
      beforeNumbers: "Art art Sec sec ch Ch par Nos nos op Op ed",
      starters:
        "The A An In On At It Its He She They We You I This That These Those There Here But And Or So If When While As After Before During Since For From With Without By To Of However Although Though Because His Her Their Our My One Some Many Most Both Each Not No Yes What Who Why How Where Which According Since Once Then Thus Also Another Other Such Under Despite"
    ),
    "de": Lists(
      titles:
        "Dr Prof Hr Fr St Hl hl Sr Jr Dipl Ing Mag Mr Mrs Ms Abs Art Bd Nr Nrn S Kap Tel bzw z.B d.h u.a v.a z.T i.d.R ca ggf evtl inkl exkl zzgl vgl sog geb gest verh lat griech engl frz dt amerik österr röm ehem allg bes gem urspr zit hrsg Hrsg Abb Tab Ziff Mio Mrd Tsd Kto Std Min Sek Chr jr sen jun",
      abbreviations:
        "usw etc o.ä u.ä usf Jh Jhd Jhdt Str Pl a.D e.V i.R n.Chr v.Chr Co Corp Inc Ltd GmbH Mon Di Mi Do Sa So Jan Feb Apr Aug Sept Okt Nov Dez U.S",
      beforeNumbers: "Anm Aufl Bl Fol Jg Op",
      starters:
        "Der Die Das Den Dem Des Ein Eine Einen Einem Einer Er Sie Es Ich Wir Ihr Man In Im Am An Auf Aus Bei Beim Mit Nach Von Vom Vor Zu Zum Zur Für Durch Gegen Ohne Um Unter Über Während Wegen Seit Bis Aber Und Oder Doch Denn Sondern Auch Noch Nur Wenn Als Da Weil Obwohl Dass Wie Was Wer Wo Warum Hier Dort Dann Danach Dabei Dazu Damit Dafür Dagegen Daher Darum Diese Dieser Dieses Diesen Diesem Jede Jeder Jedes Alle Viele Einige Mehr Sein Seine Ihre Unser Nicht Kein Keine So Jedoch Trotz Allerdings Außerdem Zudem"
    ),
    "fr": Lists(
      titles:
        "M MM Mme Mmes Mlle Mlles Dr Pr Me Mgr St Ste Sts Cie cf env ex p.ex apr av boul fig hab art chap éd vol",
      abbreviations: "etc janv févr avr juil sept oct nov déc J.-C Inc Co Ltd Corp S.A U.S",
      beforeNumbers: "n nos pl t",
      starters:
        "Le La Les L Un Une Des Du De Il Elle Ils Elles On Je Tu Nous Vous Ce Cet Cette Ces C En Dans À A Au Aux Par Pour Sur Sous Avec Sans Mais Et Ou Or Donc Car Si Quand Lorsque Comme Depuis Pendant Après Avant Selon Son Sa Ses Leur Leurs Notre Nos Tous Toutes Chaque Plusieurs Certains Cependant Toutefois Ainsi Alors Bien Malgré Que Qui Quel Où Pourquoi Comment Même Tout",
      enders: "J.-C J-C"),
    "es": Lists(
      titles:
        "Sr Sra Sres Sras Srta Dr Dra Dres Prof Profa D Dª Dña Ud Uds Vd Vds Lic Ing Arq Gral Cnel Tte Cap Sgto St Sto Sta Mons Excmo Ilmo Hno Hnos Rvdo p.ej ej aprox cf núm art cap pág págs tel vol fig av avda apdo depto ca",
      abbreviations:
        "etc EE.UU EE UU a.C d.C C ene feb mar abr jun jul ago sept oct nov dic Cía S.A Inc Co Ltd Corp Jr U.S",
      beforeNumbers: "N n nº t",
      starters:
        "El La Los Las Lo Un Una Unos Unas Él Ella Ellos Ellas Yo Tú Nosotros Usted Este Esta Estos Estas Ese Esa Esto Eso En De Del A Al Por Para Con Sin Sobre Bajo Desde Hasta Entre Durante Según Tras Ante Pero Y E O Ni Sino Si Cuando Mientras Como Aunque Porque Que Quien Qué Quién Cómo Dónde Su Sus Mi Nuestro No Sí Se También Además Sin Hay Todo Todos Algunos Muchos Después Antes Ahora Entonces",
      enders: "UU EE.UU a.C d.C"),
    "pt": Lists(
      titles:
        "Sr Sra Srs Sras Srta Dr Dra Drs Prof Profa Exmo Exma Eng Arq Gen Cel Ten Cap Sgt D Pe St Sto Sta Av av art cap pág págs p.ex ex aprox cf núm tel vol fig",
      abbreviations:
        "etc a.C d.C jan fev mar abr mai jun jul ago set out nov dez Cia Ltda S.A Inc Co Ltd Corp Jr EUA U.S",
      beforeNumbers: "n nº t",
      starters:
        "O A Os As Um Uma Uns Umas Ele Ela Eles Elas Eu Tu Nós Você Vocês Este Esta Estes Estas Esse Essa Isto Isso Aquele Em No Na Nos Nas De Do Da Dos Das Por Pelo Pela Para Com Sem Sobre Sob Desde Até Entre Durante Segundo Após Mas E Ou Nem Se Quando Enquanto Como Embora Porque Que Quem Qual Onde Seu Sua Seus Suas Meu Nosso Não Sim Também Além Há Todo Todos Alguns Muitos Depois Antes Agora Então"
    ),
    "it": Lists(
      titles:
        "Sig Sigg Sig.ra Sig.na Dott Dott.ssa Dr Prof Prof.ssa Avv Ing Arch Geom Rag On Sen Gen Col Cap Ten Mons Don S St Spett Egr ecc. art cap pag pagg p.es es cfr ca tel vol fig n nn",
      abbreviations:
        "ecc etc a.C d.C gen feb mar apr mag giu lug ago sett ott nov dic S.p.A S.r.l Inc Co Ltd Corp Jr U.S",
      beforeNumbers: "t",
      starters:
        "Il Lo La I Gli Le L Un Uno Una Lui Lei Loro Io Tu Noi Voi Questo Questa Questi Queste Quello Quella Ciò In Nel Nella Nei Nelle A Al Alla Di Del Della Dei Da Dal Dalla Per Con Senza Su Sul Sulla Sotto Tra Fra Durante Secondo Dopo Prima Ma E Ed O Né Se Quando Mentre Come Anche Poiché Perché Che Chi Quale Dove Suo Sua Suoi Mio Nostro Non Sì Si Inoltre Tutti Alcuni Molti Ora Allora Tuttavia"
    ),
    "ru": Lists(
      titles:
        "г ул пр пл пер д стр рис табл им проф акад доц тов св ст гр см ср напр т.е т.к т.н руб коп тыс млн млрд трлн др.-греч лат англ нем франц греч итал исп род ум ок обл р-н с п пп гл изд",
      abbreviations: "мин сек час кг км см мм м",
      beforeNumbers: "№ N т тт ч кн вып",
      starters:
        "В Во На Не Но И А Он Она Они Оно Мы Вы Я Ты Это Этот Эта Эти Тот Та Те То С Со К Ко По При Про От Ото До Для Из Изо За Над Под Перед Между Через После Во Если Когда Пока Хотя Что Чтобы Кто Как Где Куда Почему Однако Также Тоже Кроме Среди Согласно Его Её Их Наш Все Всё Многие Некоторые Каждый Так Там Тогда Теперь Затем Потом",
      enders: "н.э э гг вв т.д т.п др #г #в"),
    "tr": Lists(
      titles:
        "Dr Prof Doç Yrd Av Sn Bay Bn Alb Yzb Tğm Gen Org Müh Öğr Arş Gör Uzm Mr Mrs Ms St Sf sf s bkz örn vb vs yy Cad Sok Mah No Apt krş çev haz der ed",
      abbreviations: "M.Ö M.S MÖ MS Ltd Şti A.Ş Inc Co Corp Jr T.C A.B.D",
      starters:
        "Bu Bir Ve Ama Ancak O Onlar Biz Ben Sen Siz Şu Bunun Buna Bunlar Onun Ne Nasıl Neden Niçin Kim Fakat Çünkü Eğer Daha Çok En Her Hiç Tüm Bütün Bazı Ayrıca Sonra Önce Böylece Yine De Da İlk Son Bunu Ona"
    ),
    "ar": Lists(titles: "د أ م ص ج ه ق ب", abbreviations: "الخ إلخ"),
    "zh": Lists(quotations: "说 說 道 问 問 表示 的 等"),
    "ja": Lists(quotations: "と の を に は が で も など という って とか や"),
  ]

  /// How much speaks for the end of a sentence at a blank, by the word before it and the one behind it. Classes of words stand for
  /// their members: `0` numbers, `A` Latin words; a punctuation mark stands for itself.
  struct Unmarked: Sendable {
    var before: [(weight: Double, words: String)]
    var after: [(weight: Double, words: String)]
  }

  // Weights are the logarithms of odds, rounded: docs/decisions/0006-thai-sentences.md.
  static let unmarked: [String: Unmarked] = [
    "th": Unmarked(
      before: [
        (-5, ","), (-4, "ของ"), (-3.5, "โดย สำหรับ ว่า กับ"), (-3, "ณ ระหว่าง เช่น เท่า จาก"),
        (-2.5, "และ หรือ คือ ใน ซึ่ง บน ละ ยุค ชาว เอ่อ อืม"), (-2, "ที่ จำนวน บริษัท - :"), (-1.5, "ใช้ ให้ มี"), (-1, "ถึง A"),
        (-0.5, "0"), (1, "ไป ขึ้น ได้ เลย แล้ว"), (1.5, "เท่านั้น อย่างไร น้อย เสมอ"),
        (2.5, "ใด อะไร ไหร่ ใคร ครับ ค่ะ คะ นะ จ้ะ จ้า"),
      ],
      after: [
        (-5, "ๆ $"), (-4, "ซึ่ง รวม ค.ศ พ.ศ"), (-3.5, "อยู่ อัน หรือ ได้ จึง ( - /"),
        (
          -3,
          "0 เพราะ เช่น เกี่ยวข้อง นาที ชั่วโมง ไมล์ ฟุต ล้าน พัน ปอนด์ ดอลลาร์ บาท เปอร์เซ็นต์ มกราคม กุมภาพันธ์ มีนาคม เมษายน พฤษภาคม มิถุนายน กรกฎาคม สิงหาคม กันยายน ตุลาคม พฤศจิกายน ธันวาคม"
        ), (-2.5, "คือ ว่า และ"), (-2, "โดย แต่ ต่อ เพื่อ กับ กล่าว ถูก ที่ เนื่องจาก นั้น ให้ จะ \" ["),
        (-1.5, "ของ อาจ แล้ว จาก กำลัง เป็น ดัง"),
        (-1, "ปี ไม่"), (0.5, "มี"), (1, "การ พวก สิ่ง นัก ฉัน เรา ไม่มี"), (1.5, "ใช่ ใคร นี่ นอกจาก ดังนั้น ต่อมา"),
        (2, "อะไร ผู้คน รัฐบาล เด็ก สมาชิก คณะ"),
      ]),
    // The words of the same meaning, with the weights of Thai.
    "lo": Unmarked(
      before: [
        (-5, ","), (-4, "ຂອງ"), (-3.5, "ໂດຍ ສຳລັບ ວ່າ ກັບ"), (-3, "ລະຫວ່າງ ເຊັ່ນ ຈາກ"), (-2.5, "ແລະ ຫຼື ຄື ໃນ ຊຶ່ງ ເຊິ່ງ"),
        (-2, "ທີ່ - :"),
        (-1.5, "ໃຊ້ ໃຫ້ ມີ"), (-1, "A"), (-0.5, "0"), (1, "ໄປ ຂຶ້ນ ໄດ້ ແລ້ວ"), (2.5, "ຫຍັງ ໃຜ"),
      ],
      after: [
        (-5, "ໆ $"), (-4, "ຊຶ່ງ ເຊິ່ງ ລວມ"), (-3.5, "ຢູ່ ຫຼື ໄດ້ ຈຶ່ງ ( - /"), (-3, "0 ເພາະ ເຊັ່ນ"), (-2.5, "ຄື ວ່າ ແລະ"),
        (-2, "ໂດຍ ແຕ່ ເພື່ອ ກັບ ຖືກ ທີ່ ໃຫ້ ຈະ \" ["), (-1.5, "ຂອງ ອາດ ຈາກ ກຳລັງ ເປັນ"), (-1, "ປີ ບໍ່"), (0.5, "ມີ"),
        (1, "ການ ພວກ ສິ່ງ ນັກ"),
        (1.5, "ນອກຈາກ ດັ່ງນັ້ນ"),
      ]),
  ]
}
