// Made by scripts/make-moses-tables from sacremoses; do not edit.

/// Facts that the Moses tokenizer rests on, as sacremoses ships them: characters by class, frozen at an old version of
/// Unicode and without most letters beyond U+FFFF, and abbreviations that keep their full stop.
enum MosesTables {
  /// IsAlnum, with the signs of Indic scripts that kill or change a letter's sound: ranges of code points in hexadecimal.
  static let letterOrDigit = """
    30-39 41-5A 61-7A AA B5 BA C0-D6 D8-F6 F8-2C1 2C6-2D1
    2E0-2E4 2EC 2EE 345 370-374 376-377 37A-37D 37F 386 388-38A
    38C 38E-3A1 3A3-3F5 3F7-481 48A-52F 531-556 559 561-587 5B0-5BD 5BF
    5C1-5C2 5C4-5C5 5C7 5D0-5EA 5F0-5F2 610-61A 620-657 659-669 66E-6D3 6D5-6DC
    6E1-6E8 6ED-6FC 6FF 710-73F 74D-7B1 7C0-7EA 7F4-7F5 7FA 800-817 81A-82C
    840-858 8A0-8B2 8E4-8E9 8F0-950 955-963 966-96F 971-983 985-98C 98F-990 993-9A8
    9AA-9B0 9B2 9B6-9B9 9BC-9C4 9C7-9C8 9CB-9CE 9D7 9DC-9DD 9DF-9E3 9E6-9F1
    A01-A03 A05-A0A A0F-A10 A13-A28 A2A-A30 A32-A33 A35-A36 A38-A39 A3C A3E-A42
    A47-A48 A4B-A4D A51 A59-A5C A5E A66-A75 A81-A83 A85-A8D A8F-A91 A93-AA8
    AAA-AB0 AB2-AB3 AB5-AB9 ABC-AC5 AC7-AC9 ACB-ACD AD0 AE0-AE3 AE6-AEF AFD-AFF
    B01-B03 B05-B0C B0F-B10 B13-B28 B2A-B30 B32-B33 B35-B39 B3C-B44 B47-B48 B4B-B4D
    B56-B57 B5C-B5D B5F-B63 B66-B6F B71 B82-B83 B85-B8A B8E-B90 B92-B95 B99-B9A
    B9C B9E-B9F BA3-BA4 BA8-BAA BAE-BB9 BBE-BC2 BC6-BC8 BCA-BCD BD0 BD7
    BE6-BEF C00-C03 C05-C0C C0E-C10 C12-C28 C2A-C39 C3D-C44 C46-C48 C4A-C4D C55-C56
    C58-C59 C60-C63 C66-C6F C81-C83 C85-C8C C8E-C90 C92-CA8 CAA-CB3 CB5-CB9 CBC-CC4
    CC6-CC8 CCA-CCD CD5-CD6 CDE CE0-CE3 CE6-CEF CF1-CF2 D01-D03 D05-D0C D0E-D10
    D12-D44 D46-D48 D4A-D4E D57 D60-D63 D66-D6F D7A-D7F D82-D83 D85-D96 D9A-DB1
    DB3-DBB DBD DC0-DC6 DCA DCF-DD4 DD6 DD8-DDF DE6-DEF DF2-DF3 E01-E3A
    E40-E46 E4D E50-E59 E81-E82 E84 E87-E88 E8A E8D E94-E97 E99-E9F
    EA1-EA3 EA5 EA7 EAA-EAB EAD-EBD EC0-EC4 EC6 ECD ED0-ED9 EDC-EDF
    F00 F20-F29 F40-F47 F49-F6C F71-F81 F88-F97 F99-FBC 1000-1036 1038-1039 103B-1049
    1050-1062 1065-1068 106E-1086 108E 1090-1099 109C-109D 10A0-10C5 10C7 10CD 10D0-10FA
    10FC-1248 124A-124D 1250-1256 1258 125A-125D 1260-1288 128A-128D 1290-12B0 12B2-12B5 12B8-12BE
    12C0 12C2-12C5 12C8-12D6 12D8-1310 1312-1315 1318-135A 135F 1380-138F 13A0-13F4 1401-166C
    166F-167F 1681-169A 16A0-16EA 16EE-16F8 1700-170C 170E-1714 1720-1733 1740-1753 1760-176C 176E-1770
    1772-1773 1780-17B3 17B6-17C8 17D7 17DC 17E0-17E9 1810-1819 1820-1877 1880-18AA 18B0-18F5
    1900-191E 1920-192B 1930-1938 1946-196D 1970-1974 1980-19AB 19B0-19C9 19D0-19D9 1A00-1A1B 1A20-1A5E
    1A61-1A74 1A80-1A89 1A90-1A99 1AA7 1B00-1B33 1B35-1B43 1B45-1B4B 1B50-1B59 1B80-1BA9 1BAB-1BE5
    1BE7-1BF1 1C00-1C35 1C37 1C40-1C49 1C4D-1C7D 1CE9-1CEC 1CEE-1CF3 1CF5-1CF6 1D00-1DBF 1DE7-1DF4
    1E00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4
    1FB6-1FBC 1FBE 1FC2-1FC4 1FC6-1FCC 1FD0-1FD3 1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2071
    207F 2090-209C 2102 2107 210A-2113 2115 2119-211D 2124 2126 2128
    212A-212D 212F-2139 213C-213F 2145-2149 214E 2160-2188 24B6-24E9 25CC 2C00-2C2E 2C30-2C5E
    2C60-2CE4 2CEB-2CEE 2CF2-2CF3 2D00-2D25 2D27 2D2D 2D30-2D67 2D6F 2D80-2D96 2DA0-2DA6
    2DA8-2DAE 2DB0-2DB6 2DB8-2DBE 2DC0-2DC6 2DC8-2DCE 2DD0-2DD6 2DD8-2DDE 2DE0-2DFF 2E2F 3006
    3031-3035 303C 3041-3096 309D-309F 30A1-30FA 30FC-30FF 3105-312D 3131-318E 31A0-31BA 31F0-31FF
    A000-A48C A4D0-A4FD A500-A60C A610-A62B A640-A66E A674-A67B A67F-A69D A69F-A6EF A717-A71F A722-A788
    A78B-A78E A790-A7AD A7B0-A7B1 A7F7-A801 A803-A805 A807-A80A A80C-A827 A840-A873 A880-A8C4 A8D0-A8D9
    A8F2-A8F7 A8FB A900-A92A A930-A953 A960-A97C A980-A9B2 A9B4-A9BF A9CF-A9D9 A9E0-A9E4 A9E6-A9FE
    AA00-AA36 AA40-AA4D AA50-AA59 AA60-AA76 AA7A AA7E-AABE AAC0 AAC2 AADB-AADD AAE0-AAEF
    AAF2-AAF6 AB01-AB06 AB09-AB0E AB11-AB16 AB20-AB26 AB28-AB2E AB30-AB5A AB5C-AB5F AB64-AB65 ABC0-ABEA
    ABF0-ABF9 D7B0-D7C6 D7CB-D7FB FB00-FB06 FB13-FB17 FB1D-FB28 FB2A-FB36 FB38-FB3C FB3E FB40-FB41
    FB43-FB44 FB46-FBB1 FBD3-FD3D FD50-FD8F FD92-FDC7 FDF0-FDFB FE70-FE74 FE76-FEFC FF10-FF19 FF21-FF3A
    FF41-FF5A FF66-FFBE FFC2-FFC7 FFCA-FFCF FFD2-FFD7 FFDA-FFDC 10A3F 11046 110B9-110BA 11133
    11173 111C0 111CA 11235-11236 112E9-112EA 1133C 1134D 11442 11446 114C2-114C3
    115BF-115C0 1163F 116B6-116B7 11839-1183A 119E0 11A34 11C3F 11D42 11D45 11D97
    1E94A
    """

  /// IsAlpha, with the same signs: ranges of code points in hexadecimal.
  static let letter = """
    41-5A 61-7A AA B5 BA C0-D6 D8-F6 F8-2C1 2C6-2D1 2E0-2E4
    2EC 2EE 345 370-374 376-377 37A-37D 37F 386 388-38A 38C
    38E-3A1 3A3-3F5 3F7-481 48A-52F 531-556 559 561-587 5B0-5BD 5BF 5C1-5C2
    5C4-5C5 5C7 5D0-5EA 5F0-5F2 610-61A 620-657 659-65F 66E-6D3 6D5-6DC 6E1-6E8
    6ED-6EF 6FA-6FC 6FF 710-73F 74D-7B1 7CA-7EA 7F4-7F5 7FA 800-817 81A-82C
    840-858 8A0-8B2 8E4-8E9 8F0-950 955-963 971-983 985-98C 98F-990 993-9A8 9AA-9B0
    9B2 9B6-9B9 9BC-9C4 9C7-9C8 9CB-9CE 9D7 9DC-9DD 9DF-9E3 9F0-9F1 A01-A03
    A05-A0A A0F-A10 A13-A28 A2A-A30 A32-A33 A35-A36 A38-A39 A3C A3E-A42 A47-A48
    A4B-A4D A51 A59-A5C A5E A70-A75 A81-A83 A85-A8D A8F-A91 A93-AA8 AAA-AB0
    AB2-AB3 AB5-AB9 ABC-AC5 AC7-AC9 ACB-ACD AD0 AE0-AE3 AFD-AFF B01-B03 B05-B0C
    B0F-B10 B13-B28 B2A-B30 B32-B33 B35-B39 B3C-B44 B47-B48 B4B-B4D B56-B57 B5C-B5D
    B5F-B63 B71 B82-B83 B85-B8A B8E-B90 B92-B95 B99-B9A B9C B9E-B9F BA3-BA4
    BA8-BAA BAE-BB9 BBE-BC2 BC6-BC8 BCA-BCD BD0 BD7 C00-C03 C05-C0C C0E-C10
    C12-C28 C2A-C39 C3D-C44 C46-C48 C4A-C4D C55-C56 C58-C59 C60-C63 C81-C83 C85-C8C
    C8E-C90 C92-CA8 CAA-CB3 CB5-CB9 CBC-CC4 CC6-CC8 CCA-CCD CD5-CD6 CDE CE0-CE3
    CF1-CF2 D01-D03 D05-D0C D0E-D10 D12-D44 D46-D48 D4A-D4E D57 D60-D63 D7A-D7F
    D82-D83 D85-D96 D9A-DB1 DB3-DBB DBD DC0-DC6 DCA DCF-DD4 DD6 DD8-DDF
    DF2-DF3 E01-E3A E40-E46 E4D E81-E82 E84 E87-E88 E8A E8D E94-E97
    E99-E9F EA1-EA3 EA5 EA7 EAA-EAB EAD-EBD EC0-EC4 EC6 ECD EDC-EDF
    F00 F40-F47 F49-F6C F71-F81 F88-F97 F99-FBC 1000-1036 1038-1039 103B-103F 1050-1062
    1065-1068 106E-1086 108E 109C-109D 10A0-10C5 10C7 10CD 10D0-10FA 10FC-1248 124A-124D
    1250-1256 1258 125A-125D 1260-1288 128A-128D 1290-12B0 12B2-12B5 12B8-12BE 12C0 12C2-12C5
    12C8-12D6 12D8-1310 1312-1315 1318-135A 135F 1380-138F 13A0-13F4 1401-166C 166F-167F 1681-169A
    16A0-16EA 16EE-16F8 1700-170C 170E-1714 1720-1733 1740-1753 1760-176C 176E-1770 1772-1773 1780-17B3
    17B6-17C8 17D7 17DC 1820-1877 1880-18AA 18B0-18F5 1900-191E 1920-192B 1930-1938 1950-196D
    1970-1974 1980-19AB 19B0-19C9 1A00-1A1B 1A20-1A5E 1A61-1A74 1AA7 1B00-1B33 1B35-1B43 1B45-1B4B
    1B80-1BA9 1BAB-1BAF 1BBA-1BE5 1BE7-1BF1 1C00-1C35 1C37 1C4D-1C4F 1C5A-1C7D 1CE9-1CEC 1CEE-1CF3
    1CF5-1CF6 1D00-1DBF 1DE7-1DF4 1E00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B
    1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 1FC6-1FCC 1FD0-1FD3 1FD6-1FDB 1FE0-1FEC
    1FF2-1FF4 1FF6-1FFC 2071 207F 2090-209C 2102 2107 210A-2113 2115 2119-211D
    2124 2126 2128 212A-212D 212F-2139 213C-213F 2145-2149 214E 2160-2188 24B6-24E9
    25CC 2C00-2C2E 2C30-2C5E 2C60-2CE4 2CEB-2CEE 2CF2-2CF3 2D00-2D25 2D27 2D2D 2D30-2D67
    2D6F 2D80-2D96 2DA0-2DA6 2DA8-2DAE 2DB0-2DB6 2DB8-2DBE 2DC0-2DC6 2DC8-2DCE 2DD0-2DD6 2DD8-2DDE
    2DE0-2DFF 2E2F 3006 3031-3035 303C 3041-3096 309D-309F 30A1-30FA 30FC-30FF 3105-312D
    3131-318E 31A0-31BA 31F0-31FF A000-A48C A4D0-A4FD A500-A60C A610-A61F A62A-A62B A640-A66E A674-A67B
    A67F-A69D A69F-A6EF A717-A71F A722-A788 A78B-A78E A790-A7AD A7B0-A7B1 A7F7-A801 A803-A805 A807-A80A
    A80C-A827 A840-A873 A880-A8C4 A8F2-A8F7 A8FB A90A-A92A A930-A953 A960-A97C A980-A9B2 A9B4-A9BF
    A9CF A9E0-A9E4 A9E6-A9EF A9FA-A9FE AA00-AA36 AA40-AA4D AA60-AA76 AA7A AA7E-AABE AAC0
    AAC2 AADB-AADD AAE0-AAEF AAF2-AAF6 AB01-AB06 AB09-AB0E AB11-AB16 AB20-AB26 AB28-AB2E AB30-AB5A
    AB5C-AB5F AB64-AB65 ABC0-ABEA D7B0-D7C6 D7CB-D7FB FB00-FB06 FB13-FB17 FB1D-FB28 FB2A-FB36 FB38-FB3C
    FB3E FB40-FB41 FB43-FB44 FB46-FBB1 FBD3-FD3D FD50-FD8F FD92-FDC7 FDF0-FDFB FE70-FE74 FE76-FEFC
    FF21-FF3A FF41-FF5A FF66-FFBE FFC2-FFC7 FFCA-FFCF FFD2-FFD7 FFDA-FFDC 10A3F 11046 110B9-110BA
    11133 11173 111C0 111CA 11235-11236 112E9-112EA 1133C 1134D 11442 11446
    114C2-114C3 115BF-115C0 1163F 116B6-116B7 11839-1183A 119E0 11A34 11C3F 11D42 11D45
    11D97 1E94A
    """

  /// IsN: ranges of code points in hexadecimal.
  static let number = """
    30-39 B2-B3 B9 BC-BE 660-669 6F0-6F9 7C0-7C9 966-96F 9E6-9EF 9F4-9F9
    A66-A6F AE6-AEF B66-B6F B72-B77 BE6-BF2 C66-C6F C78-C7E CE6-CEF D66-D75 DE6-DEF
    E50-E59 ED0-ED9 F20-F33 1040-1049 1090-1099 1369-137C 16EE-16F0 17E0-17E9 17F0-17F9 1810-1819
    1946-194F 19D0-19DA 1A80-1A89 1A90-1A99 1B50-1B59 1BB0-1BB9 1C40-1C49 1C50-1C59 2070 2074-2079
    2080-2089 2150-2182 2185-2189 2460-249B 24EA-24FF 2776-2793 2CFD 3192-3195 3220-3229 3248-324F
    3251-325F 3280-3289 32B1-32BF A620-A629 A6E6-A6EF A830-A835 A8D0-A8D9 A900-A909 A9D0-A9D9 A9F0-A9F9
    AA50-AA59 ABF0-ABF9 FF10-FF19
    """

  /// IsLower: ranges of code points in hexadecimal.
  static let lower = """
    61-7A AA B5 BA DF-F6 F8-FF 101 103 105 107
    109 10B 10D 10F 111 113 115 117 119 11B
    11D 11F 121 123 125 127 129 12B 12D 12F
    131 133 135 137-138 13A 13C 13E 140 142 144
    146 148-149 14B 14D 14F 151 153 155 157 159
    15B 15D 15F 161 163 165 167 169 16B 16D
    16F 171 173 175 177 17A 17C 17E-180 183 185
    188 18C-18D 192 195 199-19B 19E 1A1 1A3 1A5 1A8
    1AA-1AB 1AD 1B0 1B4 1B6 1B9-1BA 1BD-1BF 1C6 1C9 1CC
    1CE 1D0 1D2 1D4 1D6 1D8 1DA 1DC-1DD 1DF 1E1
    1E3 1E5 1E7 1E9 1EB 1ED 1EF-1F0 1F3 1F5 1F9
    1FB 1FD 1FF 201 203 205 207 209 20B 20D
    20F 211 213 215 217 219 21B 21D 21F 221
    223 225 227 229 22B 22D 22F 231 233-239 23C
    23F-240 242 247 249 24B 24D 24F-293 295-2B8 2C0-2C1 2E0-2E4
    345 371 373 377 37A-37D 390 3AC-3CE 3D0-3D1 3D5-3D7 3D9
    3DB 3DD 3DF 3E1 3E3 3E5 3E7 3E9 3EB 3ED
    3EF-3F3 3F5 3F8 3FB-3FC 430-45F 461 463 465 467 469
    46B 46D 46F 471 473 475 477 479 47B 47D
    47F 481 48B 48D 48F 491 493 495 497 499
    49B 49D 49F 4A1 4A3 4A5 4A7 4A9 4AB 4AD
    4AF 4B1 4B3 4B5 4B7 4B9 4BB 4BD 4BF 4C2
    4C4 4C6 4C8 4CA 4CC 4CE-4CF 4D1 4D3 4D5 4D7
    4D9 4DB 4DD 4DF 4E1 4E3 4E5 4E7 4E9 4EB
    4ED 4EF 4F1 4F3 4F5 4F7 4F9 4FB 4FD 4FF
    501 503 505 507 509 50B 50D 50F 511 513
    515 517 519 51B 51D 51F 521 523 525 527
    529 52B 52D 52F 561-587 13F8-13FD 1C80-1C88 1D00-1DBF 1E01 1E03
    1E05 1E07 1E09 1E0B 1E0D 1E0F 1E11 1E13 1E15 1E17
    1E19 1E1B 1E1D 1E1F 1E21 1E23 1E25 1E27 1E29 1E2B
    1E2D 1E2F 1E31 1E33 1E35 1E37 1E39 1E3B 1E3D 1E3F
    1E41 1E43 1E45 1E47 1E49 1E4B 1E4D 1E4F 1E51 1E53
    1E55 1E57 1E59 1E5B 1E5D 1E5F 1E61 1E63 1E65 1E67
    1E69 1E6B 1E6D 1E6F 1E71 1E73 1E75 1E77 1E79 1E7B
    1E7D 1E7F 1E81 1E83 1E85 1E87 1E89 1E8B 1E8D 1E8F
    1E91 1E93 1E95-1E9D 1E9F 1EA1 1EA3 1EA5 1EA7 1EA9 1EAB
    1EAD 1EAF 1EB1 1EB3 1EB5 1EB7 1EB9 1EBB 1EBD 1EBF
    1EC1 1EC3 1EC5 1EC7 1EC9 1ECB 1ECD 1ECF 1ED1 1ED3
    1ED5 1ED7 1ED9 1EDB 1EDD 1EDF 1EE1 1EE3 1EE5 1EE7
    1EE9 1EEB 1EED 1EEF 1EF1 1EF3 1EF5 1EF7 1EF9 1EFB
    1EFD 1EFF-1F07 1F10-1F15 1F20-1F27 1F30-1F37 1F40-1F45 1F50-1F57 1F60-1F67 1F70-1F7D 1F80-1F87
    1F90-1F97 1FA0-1FA7 1FB0-1FB4 1FB6-1FB7 1FBE 1FC2-1FC4 1FC6-1FC7 1FD0-1FD3 1FD6-1FD7 1FE0-1FE7
    1FF2-1FF4 1FF6-1FF7 2071 207F 2090-209C 210A 210E-210F 2113 212F 2134
    2139 213C-213D 2146-2149 214E 2170-217F 2184 24D0-24E9 25CC 2C30-2C5E 2C61
    2C65-2C66 2C68 2C6A 2C6C 2C71 2C73-2C74 2C76-2C7D 2C81 2C83 2C85
    2C87 2C89 2C8B 2C8D 2C8F 2C91 2C93 2C95 2C97 2C99
    2C9B 2C9D 2C9F 2CA1 2CA3 2CA5 2CA7 2CA9 2CAB 2CAD
    2CAF 2CB1 2CB3 2CB5 2CB7 2CB9 2CBB 2CBD 2CBF 2CC1
    2CC3 2CC5 2CC7 2CC9 2CCB 2CCD 2CCF 2CD1 2CD3 2CD5
    2CD7 2CD9 2CDB 2CDD 2CDF 2CE1 2CE3-2CE4 2CEC 2CEE 2CF3
    2D00-2D25 2D27 2D2D A641 A643 A645 A647 A649 A64B A64D
    A64F A651 A653 A655 A657 A659 A65B A65D A65F A661
    A663 A665 A667 A669 A66B A66D A681 A683 A685 A687
    A689 A68B A68D A68F A691 A693 A695 A697 A699 A69B-A69D
    A723 A725 A727 A729 A72B A72D A72F-A731 A733 A735 A737
    A739 A73B A73D A73F A741 A743 A745 A747 A749 A74B
    A74D A74F A751 A753 A755 A757 A759 A75B A75D A75F
    A761 A763 A765 A767 A769 A76B A76D A76F-A778 A77A A77C
    A77F A781 A783 A785 A787 A78C A78E A791 A793-A795 A797
    A799 A79B A79D A79F A7A1 A7A3 A7A5 A7A7 A7A9 A7B5
    A7B7 A7F8-A7FA AB30-AB5A AB5C-AB65 AB70-ABBF FB00-FB06 FB13-FB17 FF41-FF5A 10428-1044F 104D8-104FB
    10CC0-10CF2 118C0-118DF 1D41A-1D433 1D44E-1D454 1D456-1D467 1D482-1D49B 1D4B6-1D4B9 1D4BB 1D4BD-1D4C3 1D4C5-1D4CF
    1D4EA-1D503 1D51E-1D537 1D552-1D56B 1D586-1D59F 1D5BA-1D5D3 1D5EE-1D607 1D622-1D63B 1D656-1D66F 1D68A-1D6A5 1D6C2-1D6DA
    1D6DC-1D6E1 1D6FC-1D714 1D716-1D71B 1D736-1D74E 1D750-1D755 1D770-1D788 1D78A-1D78F 1D7AA-1D7C2 1D7C4-1D7C9 1D7CB
    1E922-1E943
    """

  /// Hangul: ranges of code points in hexadecimal.
  static let hangul = """
    1100-11FF 3001-3003 3008-3011 3013-301F 302E-3030 3037 30FB 3131-318E 3200-321E 3260-327E
    A960-A97C AC00-D7A3 D7B0-D7C6 D7CB-D7FB FE45-FE46 FF61-FF65 FFA0-FFBE FFC2-FFC7 FFCA-FFCF FFD2-FFD7
    FFDA-FFDC
    """

  /// Han: ranges of code points in hexadecimal.
  static let han = """
    25CC 2E80-2E99 2E9B-2EF3 2F00-2FD5 3001-3003 3005-3011 3013-301F 3021-302D 3030 3037-303F
    30FB 3190-319F 31C0-31E3 3220-3247 3280-32B0 32C0-32CB 3358-3370 337B-337F 33E0-33FE 3400-4DB5
    4E00-9FD5 F900-FA6D FA70-FAD9 FE45-FE46 FF61-FF65 1D360-1D371 1F250-1F251 20000-2A6D6 2A700-2B734 2B740-2B81D
    2B820-2CEA1 2F800-2FA1D
    """

  /// Hiragana and Katakana: ranges of code points in hexadecimal.
  static let kana = """
    25CC 3001-3003 3008-3011 3013-301F 3030-3035 3037 303C-303D 3041-3096 3099-30FF 31F0-31FF
    32D0-32FE 3300-3357 FE45-FE46 FF61-FF9F 1B000-1B001 1F200
    """

  /// Abbreviations by language, `#` after the code for those that keep their full stop before a number only.
  static let prefixes = #"""
    as: আম আর ই ইউ এ এইচ এক্স এন এফ এম এল এস ওয়াই কিউ কে জি জে জেড টি ড ডব্লু ডি পি বি ভি সি হে
    bn: আম আর ই ইউ এ এইচ এক্স এন এফ এম এল এস ওয়াই কিউ কে জি জে জেড টি ড ডব্লু ডি পি বি ভি সি হে
    ca: A B C D Dr Dra E Emm Excma F G H I J K L M N O P Prof Q R S S.A S.L Sr Sra St Sta T U V W X Y Z adm admdor admdora al angl aprox av c ca cast dc dept dg dir dj dl ds dt dv ed entl espf esq fra i.e maj màx n nre núm p p.e pl pta ptes pàg smin tel
    cs: Bc BcA CSc DiS Dr DrSc Ing Ing.arch JUDr MUDr MVDr MgA Mgr PaedDr Ph.D PhDr PhMr PharmDr RNDr RSDr S.O.S Th.D ThDr ThLic a.i abl absol abt ad adj adv aj ak akt alch amer anat angl anglosas anon ap apod arab arch archit arg astr astrol atd atp att aut b.m b.p b.r bd belg bibl biogr biol boh bot br bulh bás c.k cca chcsl chem cit cizojaz col csl círk dat dep dial dl doc dol dop dopr dosl dór děj dět ed ekon epic etnonym eufem ev event f facs fam fasc fem fil film fol form fot fr franc fut fyz gen geogr geol geom germ gram h.c hebr herald hist hl hod hor horn hovor hrsg hud hut ibid ie il imp impf ind indoevr inf instr interj inv.č iron it ión jap jhdt jv kanad katalán kl klas kniž koed kol komp konj konkr korej kr krit kuch kř lat les lid lit liturg log lok lék m m.a mat maď meteor metr mj ml mld mod mp ms mysl n n.p n.s např neklas nepubl nesklon než no nom nprap nr náb námoř násl něm ob obch obr obyč odd odp ojed okr opr opt orig p part pas pejor pers pf phil pl plpf pokrač pol pomn popř port pozn prep prof práv pseud pt př.kr př.n.l předl přel přeprac přivl příl r rcsl red refl reg repr resp revid rkp roz rozš roč rum rus s samohl samost sect sest seš sg sign sl slang slov souhl spec sport srov srv st stfr stol stsl střv subj subst superl sv sz t.č tab tech telev teol tis tj trans typogr tzn tzv táz tř univ uspoř var vedl verb vl.jm voj vok vol vs vulg vyd vyobr vztaž výtv vč vůb zahr zal zast zejm zeměd zkr zprac zvl zájm zř č čas čes čj čp čín ř řec šk šk.ro špan švýc
    de: 1 10 11 12 13 14 15 16 17 18 19 2 20 21 22 23 24 25 26 27 28 29 3 30 31 32 33 34 35 36 37 38 39 4 40 41 42 43 44 45 46 47 48 49 5 50 51 52 53 54 55 56 57 58 59 6 60 61 62 63 64 65 66 67 68 69 7 70 71 72 73 74 75 76 77 78 79 8 80 81 82 83 84 85 86 87 88 89 9 90 91 92 93 94 95 96 97 98 99 A Adj Adm Adv Art Asst B BSE Bart Bldg Brig Bros Buchst C Ca Capt Chr Cmdr Co Col Comdr Con Corp Cpl D D.h DR Dkr Dr E Ens F G Gen Gov H Hon Hosp I I.F II III IV IX Insp J K L Lt Ltd M MM MR MRS MS Maj Messrs Mio Mlle Mme Mr Mrd Mrs Ms Msgr MwSt N No Nos Nr O Op Ord P Pfc Ph Prof Pvt Q R Rep Reps Res Rev Rt S SA Sen Sens Sfc Sgt Sr St Std Supt Surg T U V VI VII VIII W X XI XII XIII XIV XIX XV XVI XVII XVIII XX Y Z Zt a b b.A bzgl bzw c c.-à-d ca d d.J d.h dergl dgl e etc evtl f ff g g.U g.g.A ggf h i i.H.v ii iii iv ix j jun k k.o l m m.E n o o.ä p pp q r s s.p.a sen sog sogen spp t u u.E u.U u.a u.s.w u.ä usf usw v vgl vi vii viii vs w x xi xii xiii xiv xix xv xvi xvii xviii xx y z z.B z.T z.Zt zzt
    el: 1Βσ 1Εσ 1Θσ 1Ιν 1Κρ 1Μκ 1Πρ 1Πτ 1Τμ 2Βσ 2Εσ 2Θσ 2Ιν 2Κρ 2Μκ 2Πρ 2Πτ 2Τμ 3Βσ 3Ιν 3Μκ 4Βσ Άθαν Έγχρ Έκθ Έλεγχ Έσδ Έφ Όμ Α Α.Β Α.Β.Α Α.Ε Α.Εγχ.Π Α.Κ.΄Υδρας Α.Κ.Τ.Ο Α΄Έσδ Α΄Έσδρ Α΄Βασ Α΄Θεσ Α΄Ιω Α΄Κορ Α΄Κορινθ Α΄Μακ Α΄Μακκ Α΄Πέτ Α΄Πέτρ Α΄Παραλ Α΄Πε Α΄Σαμ Α΄Τιμ Α΄Χρ Α΄Χρον Αέθλ Αέτ Αίλ.Δ Αίλ.Τακτ Αίσ Αβ Αββακ Αβυδ Αγ.Γρ Αγάκλ Αγάπ Αγάπ.Αμαρτ.Σ Αγάπ.Γεωπ Αγαθ Αγαθ.Ιστ Αγαθάγγ Αγαθήμ Αγαθιν Αγαθοκλ Αγαθρχ Αγαλλ Αγαπητ Αγγ Αγησ Αγλ Αγορ.Κ Αγρ.Εξ Αγρ.Κ Αγρο.Κωδ Αδρ Αδριαν Αετ Αθ Αθ.Αρχ Αθάν Αθήν Αθήν.Επιγρ Αθήν.Επιτ Αθήν.Ιατρ Αθήν.Μηχ Αθαν Αθανάσ Αθηνί Αθηναγ Αθηνόδ Αιλ Αιλ.Επιστ Αιλ.ΖΙ Αιλ.ΠΙ Αιλ.απ Αιμιλ Αιν.Γαζ Αιν.Τακτ Αισχ Αισχ.Αγ Αισχ.Αγαμ Αισχ.Αλ Αισχ.Ελεγ Αισχ.Επτ.Θ Αισχ.Ευμ Αισχ.Ικ Αισχ.Ικέτ Αισχ.Περσ Αισχ.Πρ Αισχ.Προμ.Δεσμ Αισχ.Χο Αισχ.Χοηφ Αισχ.απ Αισχίν Αισχίν.Επιστ Αιτ ΑιτΕ Αλκ Αλχιας Αμ. Αμ.Π.Ο Αμβ Αμμών Αν Αν.Πειθ.Συμβ.Δικ Ανακ Ανακρ Αναμν.Τόμ Αναπλ Ανδ Ανθλγος Ανθστης Αντισθ Ανχης Απ Απ.Δαπ Απ.Διατ Απ.Επιστ Αποκ Απρ Απόδ Απόφ Απόφ.Νομ Αρ Αρ.Φορ.Μητρ Αριθ Αριστ Αριστ.Αθ.Πολ Αριστ.Αισθ Αριστ.Αν.Πρ Αριστ.Ζ.Ι Αριστ.Ηθ.Ευδ Αριστ.Ηθ.Νικ Αριστ.Κατ Αριστ.Μετ Αριστ.Πολ Αριστ.Ρητ Αριστ.Φυσ Αριστ.Φυσιογν Αριστ.Ψυχ Αριστοτ Αριστοφ Αριστοφ.Όρν Αριστοφ.Αχ Αριστοφ.Βάτρ Αριστοφ.Ειρ Αριστοφ.Εκκλ Αριστοφ.Θεσμ Αριστοφ.Ιππ Αριστοφ.Λυσ Αριστοφ.Νεφ Αριστοφ.Πλ Αριστοφ.Σφ Αρμ Αρμεν Αρχ.Εκ.Καν.Δ Αρχ.Ευβ.Μελ Αρχ.Ιδ.Δ Αρχ.Ν Αρχ.Νομ Αρχ.Π.Ε Ασ Ασμ Ασμ.ασμ Αστ.Δ Αστ.Χρον Ατομ.Γνωμ Αυγ Αφρ Αχ.Νομ Β Β.Ι.Π.Ε Β.Κ.Τ Β.Κ.Ψ.Β Β.Μ Β.Ο.Α Β.Ο.Α.Κ Β.Ο.Δ Β΄Έσδ Β΄Έσδρ Β΄Βασ Β΄Θεσ Β΄Ιω Β΄Κορ Β΄Κορινθ Β΄Μακ Β΄Μακκ Β΄Πέ Β΄Πέτ Β΄Πέτρ Β΄Παραλ Β΄Σαμ Β΄Τιμ Β΄Χρ Β΄Χρον Βίβλ Βαρ ΒεΘ Βι.Περ Βιπερ Βιργ Βλγ Βούλ Βρ Γ Γ.Ν Γ΄Βασ Γ΄Μακκ ΓΕΝμλ Γέν Γαλ Γεν Γλ Γν Γν.Ν.Σ.Κρ Γνωμ Γράμμ Γρηγ.Ναζ Γρηγ.Νύσ Δ Δ.Β Δ.Δίκ Δ.Δίκη Δ.Ε.Σ Δ.Ε.Φ Δ.Ε.Φ.Α Δ.Εργ.Ν Δ.Περ Δ.Στρ Δ.κ.Π Δ.τ.Α Δ΄Βασ Δαμ Δαμ.μνημ.έργ Δαν Δασ.Κ Δεκ Δελτ.Δικ.Ε.Τ.Ε Δελτ.Νομ Δελτ.Συνδ.Α.Ε Δερμ Δευτ Δεύτ Δημοσθ Δημόκρ Δι.Δικ Διάτ Διαιτ Διαιτ.Απ Διαρκ.Στρατ Δικ Διοίκ.Πρωτ Διοικ.Εφ ΔιοικΔνη Διον.Αρ Διόρθ.Λαθ Δν Δνη Δογμ.Όρος Δρ Δτ ΔωδΝομ Ε Ε.Φ.Ε.Τ Ε.Φ.Ι Ε.Φ.Ο.Επ.Α ΕΔΠολ ΕΕυρΚ ΕΙΣ ΕΝαυτΔ ΕΣΑμΕΑ ΕΣΘ ΕΣυγκΔ ΕΤρΑξΧρΔ Εβδ Εβρ Εγκ Εγκύκλ.Επιστ Εε.Αιγ Εθν Εθν.Κ.Τ Ειδ.Δικ.Αγ.Κακ Εικ Ειρ Ειρ.Αθ Ειρην Ειρην.Αθ Εισ Εισ.Α.Π Εισ.Ε Εισ.Ν.Α.Κ Εισ.Ν.Κ.Πολ.Δ Εισ.Πρωτ Εισηγ.Έκθ Εκ Εκκ Εκκλ Ελλ.Δνη Εν.Ε Εξ Επ.Αν Επ.Εργ.Δ Επ.Εφ Επ.Ι Επ.Ιρ Επ.Κυπ.Δ Επ.Μεσ.Αρχ Επ.Νομ Επίκ Επίκτ Επι.Δ.Ε Επιθ.Ναυτ.Δικ Επικ Επισκ.Ε.Δ Επισκ.Εμπ.Δικ Επιστ.Επετ Επιστ.Επετ.Αρμ Επιστ.Ιερ Επιτρ.Προστ.Συνδ.Στελ Επιφάν Επτ.Εφ Εργ.Ασφ.Νομ Ερμ.Α.Κ Ερμη.Σ Εσθ Εσπερ Ετρ.Δ Ευκλ Ευρ.Άλκ Ευρ.Ανδρομ Ευρ.Βάκχ Ευρ.Δ.Δ.Α Ευρ.Εκ Ευρ.Ελ Ευρ.Ηλ Ευρ.Ηρ Ευρ.Ηρ.Μαιν Ευρ.Ηρακ Ευρ.Ι.Τ Ευρ.Ικέτ Ευρ.Ιππόλ Ευρ.Ιφ.Α Ευρ.Ιφ.Τ Ευρ.Κύκλ Ευρ.Μήδ Ευρ.Ορ Ευρ.Ρήσ Ευρ.Σ.Δ.Α Ευρ.ΣτΕ Ευρ.Τρωάδ Ευρ.Φοίν Ευρατόμ Εφ Εφ.Αθ Εφ.Εν Εφ.Επ Εφ.Θ Εφ.Θρ Εφ.Ι Εφ.Κερ Εφ.Κρ Εφ.Λ Εφ.Ν Εφ.Πατ Εφ.Πειρ Εφαρμ Εφαρμ.Δ.Δ Εφεσ Εφημ Ζ Ζαχ Ζιγ Ζυ Ζχ Η Η.Ε.Γ ΗΕ.Δ Ημερ Ηράκλ Ηροδ Ησ Ησίοδ Θ ΘΗΣ ΘΡ Θαλ Θεοδ Θεοφ Θεσ Θεόδ.Μοψ Θεόκρ Θεόφιλ Θουκ Θρ Θρ.Ε Θρ.Ιερ Θρ.Ιρ Ι Ιακ Ιαν Ιβ Ιδ Ιδθ Ιεζ Ιερ Ιζ Ιησ Ιησ.Ν Ικ Ιλ Ιν Ιουδ Ιουστ Ιούδα Ιούλ Ιούν Ιπποκρ Ιππόλ Ιρ Ισ.Ν Ισίδ.Πηλ Ισοκρ Ιω Ιωβ Ιωλ Ιων Κ ΚΟ.ΜΕ.ΚΟΝ ΚΟΣ ΚΠοινΔ ΚΠολΔ ΚαΒ Καλ Καλ.Τέχν Καν.Διαδ ΚανΒ Κατάργ Κλ ΚοινΔ Κολ Κολσ Κον Κορ Κος Κρ Κριτ ΚριτΕ ΚριτΕπιθ ΚτΒ ΚτΕ ΚτΠ Κυβ Κυπρ Κύριλ.Αλεξ Κύριλ.Ιερ Λ Λ1 Λ2 Λεβ Λεξ.Σουίδα Λευ Λευϊτ Λκ Λογ Λουκ. Λουκ.Έρωτ Λουκ.Αλ Λουκ.Ε.Δ Λουκ.Ενάλ.Διάλ Λουκ.Ερμ Λουκ.Εταιρ.Διάλ Λουκ.Θε.Δ Λουκ.Ικ. Λουκ.Ιππ Λουκ.Λεξιφ Λουκ.Μεν Λουκ.Μισθ.Συν Λουκ.Ορχ Λουκ.Περ Λουκ.Συρ Λουκ.Τοξ Λουκ.Τυρ Λουκ.Φιλ Λουκ.Φιλοψ Λουκ.Χάρ ΛουκΑμ Λουκιαν Λοχ Λυδ Λυκ Λυσ Λωζ Μ Μ.Βασ Μ.Πλ ΜΟΕφ Μάρκ Μέν Μα Μαλ Ματθ Μιχ Μκ Μλ Μμ Μον Μον.Δ.Π Μον.Πρωτ Μρ Μτ Μχ Ν Ν1 Ν2 Ν3 Ν4 Νtot ΝΑ Να Ναυτ.Χρον Νδικ Νε Νεεμ Νικ ΝκΦ Νμ ΝοΒ Νομ Νομ.Δελτ Νομ.Δελτ.Τρ.Ελ Νομ.Διεύθ Νομ.Σ.Κ Νομ.Χρ Νοσ Ντ Νόσων Ξ Ξεν Ξεν.Ανάβ Ξεν.Απολ Ξεν.Απομ Ξεν.Απομν Ξεν.Ελλ Ξεν.Ιέρ Ξεν.Ιππ Ξεν.Ιππαρχ Ξεν.Κ.Π Ξεν.Κυρ.Αν Ξεν.Κύρ.Παιδ Ξεν.Λακ.Πολ Ξεν.Οικ Ξεν.Προσ Ξεν.Συμπ Ξεν.Συμπόσ Ξενοφ Ο Ο΄ Οβ Οβδ Οικ Οικ.Πατρ Οικ.Σύν.Βατ ΟικΕ Ολ Ολ.Α.Π Ολομ Ομ.Ιλ Ομ.Οδ ΟπΤοιχ Οράτ Ορθ Π Π.Δ Π.Δ.Άσμ ΠΡΟ.ΠΟ Πίνδ Πίνδ.Ι Πίνδ.Ν Πίνδ.Νεμ Πίνδ.Ολ Πίνδ.Π Πίνδ.Παθ Πίνδ.Πυθ ΠαγΝμλγ Παν Παρ Παρμ Παροιμ Παυσ Πειθ.Συμβ ΠειρΝ Πελ Πεντ Πεντ.Εφ ΠεντΣτρ Περ.Γεν.Νοσ ΠερΔικ Πετ Πλ Πλάτ Πλάτ.Αλκ Πλάτ.Αντ Πλάτ.Αξίοχ Πλάτ.Απόλ Πλάτ.Γοργ Πλάτ.Ευθ Πλάτ.Θεαίτ Πλάτ.Κρατ Πλάτ.Κριτ Πλάτ.Λύσ Πλάτ.Μεν Πλάτ.Νόμ Πλάτ.Πολ Πλάτ.Πολιτ Πλάτ.Πρωτ Πλάτ.Σοφ. Πλάτ.Συμπ Πλάτ.Τίμ Πλάτ.Φαίδρ Πλάτ.Φιλ Πλημ Πλούτ Πλούτ.Άρατ Πλούτ.Αιμ Πλούτ.Αλέξ Πλούτ.Αλκ Πλούτ.Αντ Πλούτ.Αρτ Πλούτ.Ηθ Πλούτ.Θεμ Πλούτ.Κ Πλούτ.Κάμ Πλούτ.Καίσ Πλούτ.Κικ Πλούτ.Κράσ Πλούτ.Λυκ Πλούτ.Μάρ Πλούτ.Μάρκ Πλούτ.Περ Πλούτ.Ρωμ Πλούτ.Σύλλ Πλούτ.Φλαμ Ποιν.Δ Ποιν.Δικ Ποιν.Ν Ποιν.Χρ Ποιν.Χρον Πολ Πολ.Δ Πολ.Μ Πολ.Μηχ Πολ.Πρωτ Πρ Πρ.Αν Πρ.Λογ Πρακτ.Αναθ Πρακτ.Ολ Πραξ Πρμ Πρξ Πρωτ Πταισμ Πυρ.Καλ Πόλη Ρ ΡΜ.Ε Ρθ Ρμ Ρωμ Σ Σ.Πληρ Σ.τ.Ε Σ.τ.Π ΣΠλημ Σαπφ Σειρ Σολ Σοφ Σοφ.Αντ Σοφ.Αντιγ Σοφ.Απ Σοφ.Αποσ Σοφ.Ηλ Σοφ.Ηλέκ Σοφ.Ο.Τ Σοφ.Οιδ.Κολ Σοφ.Οιδ.Τύρ Σοφ.Σειρ Σοφ.Σολ Σοφ.Τραχ Σοφ.Φιλοκτ Σρ Στ.Ευρ Στρ.Π.Κ Συζήτ Συλ.Νομ Συλλ.Νομολ ΣυμβΕπιθ Συμπ.Ν Συνθ.Αμ Συνθ.Ε.Ε Συνθ.Ε.Κ Συνθ.Ν Σφ Σφ.Σλ Σφν Σχ.Πολ.Δ Σχ.Συντ.Ε Σωσ Σύντ Τ Τ.τ.Ε ΤΘ ΤΣ.Δ Τίτ Τβ Τελ.Ενημ Τελ.Κ Τερτυλ Τιμ Τοπ.Α Τρ.Ο Τρ.Π.Δ Τρ.Πλημ Τριμ Τριμ.Πλ Ττ Τωβ Υ Υ.Γ Υγ Υπ Υπερ Φ Φιλ Φιλήμ Φιλιπ Φλ Φλμ Φορ.Β Φορ.Δ Φορ.Δ.Ε Φορ.Δνη Φορ.Επ Φώτ Χ Χρ.Ι.Δ Χρ.Ιδ.Δ Χρ.Ο Χρυσ Ψ Ψήφ Ψαλ Ψαλμ Ψλ Ω Ω.Ρ.Λ Ωριγ Ωσ ά άγ άγν άγν.ετυμολ άκλ άνθρ άπ άρ άρθρ άρν άτ άψ έ.α έκδ έκφρ έμψ ένθ.αν έτ ίδ α.α α/α α0 αβεστ αβησσ αγγ αγγλ αδημ αερον αεροναυτ αεροπ αθλ αθλητ αθροιστ αι αιγ αιγυπτ αιτ αιτιολ ακαδ ακκαδ αλβ αλλ αλφαβητ αμ αμα αμερ αμερικ αμετάβ αμτβ αμφ αμφιβ αμφισβ ανάλ ανάπτ ανάτ ανα.ε αναβ αναδαν αναδιπλ αναδιπλασ αναδρ αναλ αναν ανασυλλ ανατ ανατολ ανατομ ανατυπ αναφ αναφορ ανδρων ανθ ανθρωπ ανθρωπολ ανομ αντ αντίτ αντδ αντιγρ αντιθ αντικ αντιμετάθ αντων ανωτ ανόργ ανών αορ απαρ απαρέμφ απαρφ απαρχ απλολ απλοπ αποβ αποηχηροπ αποθ αποκρυφ αποφ απρμφ απρφ απρόσ απόδ απόλ απόσπ απόφ αρ αρ.μετρ αρ.φ αραβ αραβοτουρκ αραμ αρβαν αργκ αριθ αριθμ αριθμτ αρκ αρκτικόλ αρμ αρμεν αρνητ αρσ αρχ αρχαιολ αρχιτ αρχιτεκτ αρχκ αρωμ αρωμουν ασσυρ αστρολ αστρον αστροναυτ αττ αυστραλ αυτ αυτοπ αφγαν αφηρ αφομ αφρικ αχώρ αόρ βαθ βαθμ βαπτ βασκ βεβ βεβαιωτ βεδ βεν βενετ βερβερ βιβλγρ βιολ βιομ βιοχ βιοχημ βλ βλ.λ βλάχ βοτ βοταν βουλγ βουλγαρ βούλ βραζιλ βρετον βόρ γαλλ γεν γενικότ γενοβ γερμ γερμαν γεωγρ γεωλ γεωμ γεωμετρ γεωπ γεωργ γλ γλυπτ γλωσσ γλωσσολ γνμ γνμδ γνωμ γοτθ γρ γραμ γραμμ γρμ γυμν δ δίδες δίκ δίφθ δαν δεικτ δεκατ δηλ δημ δημογρ δημοτ δημώδ διάγρ διάκρ διάλ διάλεξ διάσπ διαλεκτ διατρ διαφ διαχ διδα διεθ διεθν δικον δισ διστ δισύλλ διφθογγοπ δογμ δολ δοτ δρ(α) δρμ δρχ δωρ ε.α ε/υ ε0 εβρ εγκλπ εδ εθν εθνολ ειδ ειδ.β ειδικότ εικ ειρ εισ εκ εκατ εκατοστ εκατοστμ εκατστ.2 εκατστ.3 εκδ εκκλ εκκλησ ελλ ελλην ελνστ ελπ εμβ εμφ εν εναλλ ενδ ενεργ ενεστ ενικ ενν εξ εξέλ εξακολ εξομάλ εο επ επέκτ επίδρ επίθ επίρρ επίσ επαγγελμ επανάλ επανέκδ επιθ επικ επιμ επιρρ επιστ επιτατ επιφ επών εργ ερμ ερρινοπ ερωτ ετ ετρουσκ ετυμ ευφ ευχετ εφ εύχρ ζωγρ ζωολ η ηθ ηθικ ηλεκτρ ηλεκτρολ ηλεκτρον ημίτ ημίφ ημιφ ηχ ηχηρ ηχηροπ ηχομιμ θ θέατρ θεολ θετ θηλ θρακ θρησκ θρησκειολ ιαπων ιατρ ιδ ιδιωμ ινδ ιραν ισπαν ιστ ιστορ ισχυροπ ιταλ ιχθυολ ιων κ κ.ά κ.ά.π κ.α κ.ε κ.εξ κ.επ κ.λ.π κ.λπ κ.ο.κ κ.ού.κ κ.τ.λ κ.τ.τ κ.τ.ό κάτ κα καθ κακοσ καν καρ κατ κατάλ κατατ κατωτ κελτ κεφ κινεζ κινημ κλ κλητ κλιτ κλπ κν κοινων κοινωνιολ κοπτ κουτσοβλ κουτσοβλαχ κπ κρ.γν κτ κτγ κτην κτητ κτλ κυρ κυριολ κύρ λ λ.χ λέξ λαογρ λαπ λατ λατιν λαϊκ λαϊκότρ λετ λιθ λογ λογιστ λογοτ λουβ λυδ λόγ μ μ.ε μ.μ μ.π.ε μ.π.π μ0 μέλλ μέσ μαθ μαθημ μαιευτ μαλαισ μαλτ μαμμων μεγεθ μεε μειωτ μελ μεξ μεσν μεσογ μεσοπαθ μεσοφ μετ μετάθ μεταβ μεταβτ μετακ μεταπλ μεταπτωτ μεταρ μεταφορ μετβ μετεπιθ μετεπιρρ μετεωρ μετεωρολ μετον μετουσ μετοχ μετρ μητρων μηχ μηχανολ μικροβιολ μογγολ μορφολ μουσ μπενελούξ μσν μσνλατ μτβ μτγ μτγν μτφ μτφρ μτφρδ μτχ μυθ μυκ μυκην μφ ν ναυτ νεοελλ νεολ νεολατ νεολατιν νεότ νλατ νομ νορβ νοσ νότ ξ.λ οικ οικοδ οικολ οικον ολλ ολλανδ ομηρ ομόρρ ον ονομ οπτ ορ ορθ ορθογρ οριστ ορυκτ ορυκτολ οσετ οσκ ουαλ ουγγρ ουδ ουσ ουσιαστ ουσιαστικοπ π π.Χ π.μ π.χ πίν παθ παθητ παθολ παιδ παλ παλαιοντ παλαιότ παππων παρ παρ.φρ παράγ παράγρ παράλ παράλλ παραγ παρακ παραλ παραπ παρατ παρβ παρετυμ παροξ παρων παρωχ πατριδων πατρων πβ περ περιθ περιλ περιφρ περσ πιθ πληθ πληροφ ποδ ποιητ πολ πολιτ πολλαπλ πορτ πορτογαλ ποσ πρ πρ.Εφ πρακριτ πρβ πρβλ πργ πρκ πρκμ πρλ προέλ προβηγκ προελλ προηγ προθεμ προπαραλ προπαροξ προπερισπ προσ προσαρμ προσηγορ προστ προσταχτ προσφών προτ.Εισ προτακτ προφ προχωρ πρτ πρόθ πρόσ πρόσθ πρότ πτ πυ ρ ρήμ ρίζ ρηματ ρητορ ριν ρουμ ρωμ ρωσ σ σ.π σ/β σανσκρ σαξ σελ σερβ σερβοκρ σημ σημασιολ σημδ σημειολ σημερ σημιτ σκανδ σκυθ σκωπτ σλαβ σλοβ σουηδ σουμερ σουπ σπ σπάν σπανιότ σσ στ στατ στερ στιγμ στιχ στρέμ στρατ στρατιωτ συγγ συγκ συγκρ συμπερ συμπλ συμπλεκτ συμπροφ συμφ συμφυρ συν συνήθ συνίζ συναίρ συναισθ συνδ συνδετ συνεκδ συνηρ συνθ συνθετ συνοπτ συντ συντελ συντομογρ συρ σχ σχημ σύγκρ σύμπλ σύμφ σύνδ σύνθ σύντ σύντμ τ τ.μ τ.χλμ τακτ τελ τετρ τετρ.μ τεχν τεχνλ τεχνολ τεύχ τηλεπικ τηλεόρ τιμ τιμ.τομ τοΣ τον τοπ τοπογρ τοπων τοσκ τουρκ τοχ τριτοπρόσ τροπ τροποπ τσεχ τσιγγ ττ τυπ τόμ τόνν υβρ υπ υπερ υπερθ υπερσ υπεύθ υποθ υποκ υποκορ υποσημ υποτ υποφ υποχωρ υπόλ υπόχρ υστλατ υψ υψόμ φ φ.τ.μ φάκ φαρμ φαρμακολ φιλολ φιλοσ φιλοτ φινλ φοινικ φρ φράγκ φρανκον φριζ φυλλ φυσ φυσιολ φων φωνηεντ φωνητ φωνολ φωτογρ χ.ε χ.κ χ.ο χ.σ χ.τ χ.χ χαμιτ χαρτ χαρτόσ χασμ χαϊδ χγφ χειλ χεττ χημ χιλ χλ χλγ χλγρ χλμ χλμ.2 χλμ.3 χλσγρ χλστγρ χλστμ χλστμ.2 χλστμ.3 χρ χργρ χρημ χρον χφ ψευδ ψυχ ψυχαν ψυχιατρ ψυχολ ωκεαν ό.π όμ όν όπ.π όπ.παρ ύψ
    en: A Adj Adm Adv Apr Asst Aug B Bart Bldg Brig Bros C Capt Cmdr Col Comdr Con Corp Cpl D DR Dec Dr Drs E Ens F Feb G Gen Gov H Hon Hosp Hr I Insp J Jan Jul Jun K L Lt M MM MR MRS MS Maj Mar Messrs Mlle Mme Mr Mrs Ms Msgr N Nos Nov Nr O Oct Op Ord P Pfc Ph Prof Pvt Q R Rep Reps Res Rev Rs Rt S Sen Sens Sep Sfc Sgt Sr St Supt Surg T U V W X Y Z e.g i.e rev v vs
    en#: Art No pp
    es: A A.C Apdo Av B Bco C CC.AA D Da Dep Dn Dr Dra E EE.UU Excmo F FF.CC Fil G Gral H I J J.C K L Let Lic M N N.B O P P.D P.V.P Prof Pts Q R Rte S S.A S.A.R S.E S.L S.R.C Sr Sra Srta Sta Sto T T.V.E Tel U Ud Uds V V.B V.E Vd Vds W X Y Z a/c adj admón afmo apdo av c c.f c.g cap cm cta dcha doc ej entlo esq etc f.c gr grs izq kg km mg mm nÃºm núm p p.a p.ej ptas pÃ¡g pÃ¡gs pág págs q.e.g.e q.e.s.m s s.s.s vid vol
    et: A B C D E F G H I J K L M M.Sc Mr Mrs Ms N O P Ph.D Q R S T U V W X Y Z alik alil amir apul apul.prof arkkit ass assist dipl dipl.arkkit dipl.ekon dipl.ins dipl.kielenk dipl.kirjeenv dipl.kosm dipl.urk dos e.g ent erikoiseläinl erikoishammasl erikoisl erikoist esim ev.luutn evp fil ft hallinton hallintot hammaslääket huom i.e ilm jatk jääk kansaned kapt kapt.luutn kenr kenr.luutn kenr.maj kers kirjeenv kom kom.kapt komm konst korpr l luutn maist maj mm myöh neuv nimim nk nyk par po prof puh.joht pääll res san siht suom sähköp säv t toht toim toim.apul toim.joht toim.siht tuom ups v vänr vääp ye.ups ylik ylil ylim ylimatr yliop yliopp ylip yliv Ä Å Ö
    fi: A B C D E F G H I J K L M M.Sc Mr Mrs Ms N O P Ph.D Q R S T U V W X Y Z alik alil amir apul apul.prof arkkit ass assist dipl dipl.arkkit dipl.ekon dipl.ins dipl.kielenk dipl.kirjeenv dipl.kosm dipl.urk dos e.g ent erikoiseläinl erikoishammasl erikoisl erikoist esim ev.luutn evp fil ft hallinton hallintot hammaslääket huom i.e ilm jatk jääk kansaned kapt kapt.luutn kenr kenr.luutn kenr.maj kers kirjeenv kom kom.kapt komm konst korpr l luutn maist maj mm myöh neuv nimim nk nyk par po prof puh.joht pääll res san siht suom sähköp säv t toht toim toim.apul toim.joht toim.siht tuom ups v vänr vääp ye.ups ylik ylil ylim ylimatr yliop yliopp ylip yliv Ä Å Ö
    fr: A A.C.N A.M B B.P C C.N C.N.S C.P.I C.Q.F.D C.S D E E.V F G H I J K L L.D LL.AA LL.AA.II LL.AA.RR LL.AA.SS LL.EE LL.MM LL.MM.II.RR M MM N N.B N.D N.D.A N.D.L.R N.D.T N.P.A.I N.S NN.SS O P P.S Q R R.-V R.A.S R.I.P R.P S S.A S.A.I S.A.R S.A.S S.E S.M S.M.I.R S.S SS T T.S.V.P U V W X X.O Y Z Z.I al ann apr art auj av b boul c c.-à-d ca cf ch.-l chap contr d dir e e.g env etc ex f fasc fig fr fém g h hab i i.e ibid id inf j k l lib loc.cit m masc ms n n/réf o p p.c.c p.ex p.j pl pp q r s sec sect sing sq sqq suiv sup suppl t tél u v vb vol vs w x y z éd
    ga: .i A B B.Arch C Cf Chr Co D Dr E F G H I J K L M N O P Q R S T U Uacht V W X Y Z cf i.e m.sh r Á É Í Ó Ú
    ga#: lch lgh uimh
    gu: આઈ આર ઇ એ એક્સ એચ એન એફ એમ એલ એસ ઓ ક કે ક્યૂ ખ ગ ઘ ઙ ચ છ જ જી જે ઝ ઝેડ ઞ ટ ટી ઠ ડ ડબલ્યુ ડી ડૉ ડો ઢ ણ ત થ દ ધ ન પ પી ફ બ બી ભ મ ય યુ ર રૂ લ ળ વ વાય વી શ શ્રી ષ સ સી હ
    hi: आइ आर ई ए एक्स एच एन एफ एम एल एस ऐ ऐक्स ऐच ऐन ऐफ ऐम ऐल ऐस ओ क के क्यू ख ग घ ङ च छ ज ज़ैड जी जे झ ञ ट टी टीवी ठ ड डब्ल्यू डा डी डॉ ढ ण त थ द ध न प पी फ ब बी भ म य यू र रु ल व वाई वाय वी श श्री ष स सी ह
    hu: A B C Ca D De Dr Du E F G H I J K Kb L M Max Min N O P Pl Prof Q R S St Szt T U V Vö W X Y Z ca de dr du kb max min pl prof vö Á É Í Ó Ö Ú Ún Ü ún Ő Ű
    hu#: Aug Dec Fax Feb Jan Júl Jún Máj Márc Nov Okt Szept Tel aug dec fax feb jan júl jún máj márc nov okt szept tel Ápr ápr
    is: 8vo A B C D E F G H Hos I J K Khöfn L M N O P PR Q R Ritstj Rvk Rvík S T U V Vf Vl W X Y Z ^ a a.fn ab.fn afs al alg alm andh ao ath aths atr au aukaf b bh bls c d dr e e.Kr e.st ef efn eink end ennfr erl et f f.Kr f.hl fh fl fn fo forl frb frh frl frt fs fsh fsk fskj fsl fst ft fv fyrrn fyrrv fél físl g germ gm gr h hdl hdr hf hk hl hljsk hljv hljóðv hlsk holl hr hrl hv hvk höf i j k kaf kap kg kgúrsk kk kl klst km kr kt kvk l leturbr lh lh.nt lh.þt lo ltr m m.fl mgr millj miðm mlja mljó mm mms mst mín n nf nh nhm nk nl nmgr no nt núv o o.fl o.m.fl o.s.frv o.áfr ohf p pfn pr q r s s.hl s.st samb samhlj samn samþ sbr sek sf sfn sh shlj sign sk skv skál sl sn so ss.us st st.s stk sérn sþ t tbl teg tfn till tl to tvt tvíhlj u uh umr uppl us v vb vh vkf vl vlf vmf vsk vth w x y z á áfn áhrl.s áhrs ákv ákv.gr æ í ísl ó ób ófn óákv óákv.gr útg þf þgf þjs þlt þm þml þolm þt þýð
    is#: NR No Nr nR no nr
    it: A Adj Adm Adv Amn Arch Asst Avv B Bart Bcc Bldg Brig Bros C C.A.P C.P Capt Cc Cmdr Co Col Comdr Con Corp Cpl D DR Dott Dr Drs E Egr Ens F G Gen Geom Gov H Hon Hosp Hr I Id Ing Insp J K L Lt M MM MR MRS MS Maj Messrs Mlle Mme Mo Mons Mr Mrs Ms Msgr N N.B Nos Nr O Op Ord P P.S P.T Pfc Ph Prof Pvt Q R RP RSVP Rag Rep Reps Res Rev Rif Rt S S.A S.B.F S.P.M S.p.A S.r.l Sen Sens Sfc Sgt Sig Sigg Soc Spett Sr St Supt Surg T U V V.P W X Y Z a.c acc all banc c.a c.c.p c.m c.p c.s c.v corr dott e.g e.p.c ecc es fatt gg i.e int lett ogg on p.c p.c.c p.es p.f p.r p.v post pp racc rev ric s.n.c seg sgg ss tel u.s v v.r v.s vs
    it#: Art No pp
    kn: ಆರ್ ಇ ಎ ಎಂ ಎಕ್ಸ್ ಎಚ್‌ ಎನ್ ಎಫ್ ಎಲ್ ಎಸ್ ಐ ಒ ಕೆ ಕ್ಯೂ ಜಿ ಜೆ ಜೆಡ್ ಟಿ ಡಬ್ಲ್ಯೂ ಡಾ ಡಿ ಪಿ ಬಿ ಯು ರೂ ವಿ ವೈ ಶ್ರೀ ಸಿ ಹೆಚ್
    lt: A A.V Antr B Bal Birž C D Dr Dz Dž E Em. F G Geg Gerb Gruod H I Inž J Just K Ketv Kov Kr L Lapkr Liep M N Nr O P Penkt Pirm Pn Pr Prof Q R Rugpj Rugs S Saus Sekm Spal T Treč U V Vas Vt W X Y Z a a.d a.k adv air akad aklg akt al amer anat angl aps apskr apyg arab archeol archit asist asm asm.k asmv astr atsak atsisk austral aut av avd b b.k bažn bdv bibl biol bkl bot brt brus bt buh buv chem col con conj d dab dail dek dgs dial dipl dir dirig dktv doc dr drp dėst dš džn e egz eil ekon el esam etc euf ež fak faks fam farm filol filos fin fiz fiziol flk fon fot g gen geod geogr geol geom gerb gim glžk gr gram gv gyd habil her hidr ind insp inž iron isp ist istor it jap juok jūr k k.a kalb kand kar kas kat kin kl klaus kln kn knyg kom komp koresp kosm kpt kr kt kul kun kuop kyš l l.e.p lingv lit log lot ltn m m.e m.m malon mat maž med medž men menk metal meteor mgnt mgr min mit mjr mln mlrd mok moksl mokyt mot ms mst mstl muz mėn n neig neol niek nkt nr ntk ofic opt orig p p.d p.m.e pan parl pat pav pavad paž pirm pl plg plk poet poez poligr polit ppr pr pr.Kr pranc prek priet prk prof prok prot prs psich psn pss pvz pšt r rad red reikšm rel ret rus rš sav saviv sekr sen sk skg skv skyr sl sov sp spec sport sr st stat str stud sudurt sutr suv sąs sąsk t t.p t.t t.y teatr tech techn teig teis tekst tel teol tir tūkst up upl v vad vaik vart ved vet vid virš vksm vlsč vns vok vs vt vtv vulg vv vyr vyresn zool Ā Č Ē Ģ Ī Įn įl įv įv.reikšm Ķ Ļ Ņ Š Šešt š š.m šach šiaur škot šnek Ū ū Ž ž ž.ū žml žr
    lt#: No
    lv: A Akad B C D Dr E F Folkl G Galv H Hum I Inv Inž Ist.loc J K Kor.loc L M Māksl Mūz N O P Prof Pārb Q R S Sertif Sk Soc Spec T U V Vad Vec Vienk Vietn Virz W X Y Z a.l akad dr folkl galv hum inv inž ist.loc kor.loc med māksl mūz prof pārb sertif sk soc spec t.p v.i vad vec vienk vietn virz Ā Č Ē Ģ Ī Ķ Ļ Ņ Š Ū Ž
    lv#: Nr
    ml: ആർ ഇ എ എം എക്സ് എച്ച് എഫ് എസ് എൻ എൽ ഐ ഒ കെ ക്യൂ ജി ജെ ടി ഡബ്ല്യു ഡി ഡോ പി ബി യു വി വൈ ശ്രീ സി സെഡ്
    mni: আম আর ই ইউ এ এইচ এক্স এন এফ এম এল এস ওয়াই কিউ কে জি জে জেড টি ডব্লু ডি দা পি বি ভি সি হে
    mr: आइ आर ई ए एक्स एच एन एफ एम एल एस ऐ ऐक्स ऐच ऐन ऐफ ऐम ऐल ऐस ओ क के क्यू ख ग घ ङ च छ ज ज़ैड जी जे झ ञ ट टी ठ ड डब्ल्यू डा डी डॉ ढ ण त थ द ध न प पी फ ब बी भ म य यू र रु ल व वाई वाय वी श श्री ष स सी ह
    nl: A B C D E F Fa G H I J K L Lt M Mej Mme Mw N Nrs O P Q R S T U V Vz W X Y Z Z.D Z.D.H Z.E Z.Em Z.H Z.K.H Z.K.M Z.M a.g.v bacc bc bgen bijv bijz bv c.i d.w.z dhr dr dr.h.c drs ds e.c e.g e.k eint ev fa fam gen genm i.p.v i.s.m i.t.t i.v.m ing ir jhr jkvr jr kand kol lgen lkol m.a.w m.b.t m.b.v m.h.o m.i m.i.v maj mevr mr nrs o.b.s plv prof ritm tint v.w.t z.v
    nl#: Nr nr
    or: କ ଖ ଗ ଘ ଙ ଚ ଛ ଜ ଝ ଞ ଟ ଠ ଡ ଢ ଣ ତ ଥ ଦ ଧ ନ ପ ଫ ବ ଭ ମ ଯ ର ରୀ ଲ ଳ ଵ ଶ ଷ ସ ହ ୟ ୱ
    pa: ਆਈ ਆਰ ਈ ਏ ਐਕ੍ਸ ਐਚ ਐਲ ਐੱਨ ਐੱਫ ਐੱਮ ਐੱਸ ਓ ਕ ਕੀਓ ਕੇ ਖ ਗ ਘ ਙ ਚ ਛ ਜ ਜੀ ਜੇ ਝ ਞ ਟ ਟੀ ਠ ਡ ਡਬਲਿਊ ਡਾ ਡੀ ਢ ਣ ਤ ਥ ਦ ਧ ਨ ਪ ਪੀ ਪ੍ਰੋ ਫ ਬ ਬੀ ਭ ਮ ਯ ਯੂ ਰ ਲ ਵ ਵਾਈ ਵੀ ਸ ਸੀ ਸ੍ਰੀ ਹ ਜ਼ੈਡ ੜ
    pl: A Adw Al Art B C Cd D Dh Doc Dr Dyr Dyw Dz E F G Gen H Hr I Inż J K Ks L Lek M Mec Mgr N Nadkom Najśw Nb Np O OO Oo P Podkom Por Prof Prok Przyp Ps Pt Płk Q R Red Reż Ryc Rys S Sp Spółdz Stow Stoł Szer T Tow Tzw U V W X Y Z adw afr akad al am amer ang arch art artyst astr austr bałt bdb bm bp br bryg bryt bł c.k c.o cd cdn centr ces chem chir chiń cyg cyt cyw czes czw czyt daw dcn dekl demokr det dh diec dn doc dol dop dost dosł dot dr ds dst duszp dypl dyr dyw dł egz ekol ekon elektr em ew fab farm fot fr gastr gat gen geogr geol gimn gm godz gosp gr gram górn głęb h.c hab hist hiszp hot hr id im in inż iron jn jw k k.k k.p.a k.p.c k.r k.r.o kard kat katol kk kl kol kpc kpt kr krak kryt ks kult laic lek m.in mec med mgr n nadkom najśw nb niem np o oO oo p pl pn podkom pok pol por pow poz prof prok przyp ps pt pw płk red reż ryc rys sp społ spółdz spółgł st stow stoł szer tel tj tow tzn tzw ub ul ur woj ww wyst wył wł zach zagr zak zakł zal zam zast zaw zazw zał zdr zew zewn zm zn zob Ć ćw ćwicz łac Ś ŚW Śp Św śW śp św Ź Ż żarg żyd żyw
    pl#: Nr Tab l nr par pkt r s str tab ust
    pt: A Adj Adm Adv Art B C Ca Capt Cmdr Col Comdr Con Corp Cpl D DR DRA Dr Dra Dras Drs E Eng Enga Engas Engos Ex Exmo Exo F Fig G Gen H Hosp I II III IV IX Insp J K L Lda M MM MR MRS MS Maj Mrs Ms Msgr N Nos Nr O Op Ord P Pfc Ph Prof Pvt Q R Rep Reps Res Rev Rt S Sen Sens Sfc Sgt Sr Sra Sras Srs Sto Supt Surg T U V VI VII VIII W X XI XII XIII XIV XIX XV XVI XVII XVIII XX Y Z a adj adm adv art b c cit col con corp cpl d dr dra dras drs e e.g eng enga engas engos ex exmo exo f fig g h i i.e ii iii iv ix j k l m n o op p prof q r rev s sr sra sras srs sto t u v vi vii viii vs w x xi xii xiii xiv xix xv xvi xvii xviii xx y z
    pt#: Art No p pp
    ro: A B C D D-na Dl Dvs E F G H I J K L M M.Ap.N N O P Pt Q R S T U V W X Y Z d-na dl dpdv dvs etc pt șamd
    ru: 0г 0га 0гг 0дм 0кг 0км 0л 0м 0мг 0мм 0см 0т 1г 1га 1гг 1дм 1кг 1км 1л 1м 1мг 1мм 1см 1т 2г 2га 2гг 2дм 2кг 2км 2л 2м 2мг 2мм 2см 2т 3г 3га 3гг 3дм 3кг 3км 3л 3м 3мг 3мм 3см 3т 4г 4га 4гг 4дм 4кг 4км 4л 4м 4мг 4мм 4см 4т 5г 5га 5гг 5дм 5кг 5км 5л 5м 5мг 5мм 5см 5т 6г 6га 6гг 6дм 6кг 6км 6л 6м 6мг 6мм 6см 6т 7г 7га 7гг 7дм 7кг 7км 7л 7м 7мг 7мм 7см 7т 8г 8га 8гг 8дм 8кг 8км 8л 8м 8мг 8мм 8см 8т 9г 9га 9гг 9дм 9кг 9км 9л 9м 9мг 9мм 9см 9т A B C Cв Cвв D E F G H I Iв Iвв J K L Lв Lвв M Mв Mвв N O P Q R S T U V Vв Vвв W X Xв Xвв Y Z А Б В Г Д Е Ж З И Исп Й К Л М Н О П Р С Т Тел У Ф Х Ц Ч Ш Щ Ъ Ы Ь Э Ю Я бульв в вв г га гг гл гос д дм доп др е ед зам и инд исп к кап кв кг кл км кол комн коп куб л лиц лл м макс мг мин мл млн млрд мм н наб нач неуд ном о обл обр общ ок ост отл п пер перераб пл пос пр просп проф р ред руб с сб св см соч ср ст стр т тел тех тт туп тыс уд ул уч физ х хор ч чел шт э экз
    sk: A Adr Angl ArtD Austr B Bc Belg Bibl C CSs D Dr DrSc E Európ F Fr Franc G Gr Gréc H I Ing J JUDr Jap K Kanad Kr L M MDDr MUDr MVDr Max Maď Mgr Mil Min N Nar Nem O Obr Okr P P.f PaedDr Pf PhD PhDr PharmDr Plk Priezv Q R RNDr Roč S Sloven Spol T Tal Tel ThDr ThLic U Ul V W X Y Z Zn absol adj admin adr adv advok afr ak akad akc akuz al alch amer anat angl anglosas anorg ap apod arch archeol archit arg art astr astrol astron atp atď austr aut belg bibl biol bot bud bás býv cest chem cirk csl dat dep det dial diaľ dipl distrib dokl dopr dosl dram duš dv dvojčl dór ekol ekon el elektr elektrotech energet epic est et etc etonym eufem európ ev evid expr fa fak fam farm fem feud fi fil filat filoz fon form fot fr franc fraz fut fyz fyziol garb gen genet genpor geod geogr geol geom germ gr gréc gréckokat hebr herald hist hlav hosp hromad hud hypok i.e ident imp impf indoeur inf inform instr int interj inšt inštr iron jap jaz jedn juhoamer juhových juhozáp juž kanad kanc kapit kart katastr knih kniž komp konj konkr kozmet kpt krajč kresť kt kuch lat latinskoamer lek lex lingv lit litur log lok max maď medzinár mest metr mil min miner ml mld mn mod mytol napr nar nasl nedok neg negat neklas nem neodb neos neskl nesklon nespis nespráv neved než niekt niž nom náb nákl námor nár obch obj obr obv obyč obč občian odb odd ods ojed okr opt opyt org os osob ot ovoc p.f p.n.l par part pejor pers pf pl pnl pod podst pokl polit politol polygr pomn popl por porad porov posch potrav použ poz pozit poľ poľno poľnohosp poľov pošt pož pr prac predl pren prep preuk priezv privl prof práv príd príj prík príp prír prísl príslov príč psych publ pís písm pôv refl reg rep resp rozk rozlič rozpráv roč ryb rádiotech rím s.r.o samohl semest sev severoamer severových severozáp sg skr skup sl soc soch sociol sp spol spoloč spoluhl správ spôs st star starogréc starorím stol stor str stredoamer stredoškol subj subst superl sv sz súkr súp súvzť tal tech tel telef teles telev teol trans turist tuzem typogr tzn tzv ukaz ul umel univ ust ved vedľ verb veter vin viď vl vod vodohosp vulg vyj vys vysokoškol vzťaž vôb vých výd výrob výsk výsl výtv výtvar význ včel vš všeob zahr zar zariad zast zastar zastaráv zb zdravot združ zjemn zlat zn zool zr zried zv záhr zák zákl zám záp západoeur zázn územ účt Č Čes Čs č čast čes čl čs čísl živ
    sl: A Apr Avg B C Cf D Dec Dr E F Feb G Gl H I J Jan Jul Jun K L M Mar N Nov Npr O Okt Op Oz P Prim Q R S Sep Sept Sl T Tj U V W X Y Z apr avg cf d dec dipl dr feb gl ing itd itn jan jul jun mar nov npr okt op oz prev prim sep sept sl tj
    sl#: Št št
    sv: A AB B C D E F G H I J K L M N O P Q R S T U V VG W X Y Z adv apr aug d d.v.s dec dvs etc f feb fil fr.o.m from i.a.f iaf jan jfr jul jun jur kand kl kr lic m.a.o m.fl m.h.a m.m mag mao mar mfl mha mm nov o.s.v okt osv p.g.a pga prop s sep t.ex t.o.m tex tom vol vs Ä Å Ö
    ta: ஆர் ஈ எஃப் எக்ஸ் எச் என் எம் எல் எஸ் ஏ ஐ ஓ கியூ கே சீ செட் ஜீ ஜே ஜை டபிள்-யூ டீ ட்டீ திரு பீ ப்பீ யூ ர வீ வை ஹெச் ூ
    tdt: A Adj Adm Adv Art B C Ca Capt Cmdr Col Comdr Con Corp Cpl D DR DRA Dr Dra Dras Drs E Eng Enga Engas Engos Ex Exmo Exo F Fig G Gen H Hosp I II III IV IX Insp J K L Lda M MM MR MRS MS Maj Mrs Ms Msgr N Nos Nr O Op Ord P Pfc Ph Prof Pvt Q R Rep Reps Res Rev Rt S Sen Sens Sfc Sgt Sr Sra Sras Srs Sto Supt Surg T U V VI VII VIII W X XI XII XIII XIV XIX XV XVI XVII XVIII XX Y Z a adj adm adv art b c cit col con corp cpl d dr dra dras drs e e.g eng enga engas engos ex exmo exo f fig g h i i.e ii iii iv ix j k l m n o op p prof q r rev s sr sra sras srs sto t u v vi vii viii vs w x xi xii xiii xiv xix xv xvi xvii xviii xx y z
    tdt#: Art No p pp
    te: ఆర్ ఇ ఎ ఎం ఎక్స్ ఎన్ ఎఫ్ ఎమ్ ఎల్ ఎస్ ఐ ఓ కె క్యూ జి జె జెడ్ టి డబ్ల్యూ డి పి బి యు ర వి వై శ్రీ సి హెచ్‌ ూ
    yue: A B C D E F G H I J K L M N O P Q R S T U V W X Y Z Ā Č Ē Ģ Ī Ķ Ļ Ņ Š Ū Ž
    yue#: No Nr
    zh: A B C D E F G H I J K L M N O P Q R S T U V W X Y Z Ā Č Ē Ģ Ī Ķ Ļ Ņ Š Ū Ž
    zh#: No Nr
    """#
}
