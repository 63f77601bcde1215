#!/usr/bin/env python3
"""Writes the fixtures of the tests that cut text into words: Tests/CorpusTests/Fixtures/words.tsv (language, lower-cased line,
words as sacremoses cuts it), and jieba/ beside it: a dictionary and tables that hold only what the Chinese lines here need, taken from
the Python package jieba, with the words that jieba itself makes of the lines with them (words.tsv there, without the
hidden Markov model words-plain.tsv). Needs sacremoses==0.2.0 and jieba==0.42.1."""
import pathlib
import tempfile

import jieba
import jieba.finalseg
from sacremoses import MosesTokenizer

jieba.setLogLevel(60)
fixtures = pathlib.Path(__file__).parent.parent / "CorpusTests/Fixtures"

# One line for each rule, and what lies at its edges.
general = """
Mr. Brown paid 5,300 euros, i.e. a lot ... and left.
Commas: a,b,,c 1,2 1,,2 ,5 x,, 3,½ 7,
Dots..two, three... four.... end..
'So am I,' she said; 'it isn't Jim's 1970's coat.'
L'homme qu'il a vu n'est pas d'ici, c'est l'oncle.'
Dell'arte, po' poco; all'80' l'anno.
Nr. 5 and nr. x, str. 12 i str. dwa, art. 7 No. 9 no. ten
The U.S. is big. so it is, v.2. is out. a.b.
(brackets) [square] {curly} <angle> "quoted" `ticks` ``two``
50% of $3 & €4 #tag @home under_score dash-ed -- http://example.org/a?b=c
No\u00a0break\u2009thin\u3000wide\x0btab \u0001control\u0007s
EU:ssa on 20:een ja USA:n, kl. 12.30.
हिन्दी में क्‍या है? ज़रूर। तमिழ் నమస్తే বাংলা
日本語と漢字、한국어 문장입니다. 中文,混合。
Ελληνικά· «ναι» κ.λπ. και π.χ. αυτό; Άρης.
Дом № 5, ул. Ленина. т.е. да…
İstanbul'da 3'te ΣΊΣΥΦΟΣ ẞ ǅ 🙂👍🏽 𝒜bc
.
..
'
,
a.'
...'
""".strip("\n").split("\n")
languages = "en fr it de fi sv pl lt sl ru el es pt cs hi bn ta te ko ar he tr ca ga is nl xx".split()

with open(fixtures / "words.tsv", "w", encoding="utf-8", newline="\n") as out:
    for language in languages:
        tokenizer = MosesTokenizer(language)
        for line in general:
            line = line.lower().strip()
            cut = " ".join(tokenizer.tokenize(line, escape=False))
            # A tab separates the columns, so that in a line it is written \t.
            out.write(f"{language}\t{line.replace(chr(9), chr(92) + 't')}\t{cut}\n")

chinese = """
我们昨天在图书馆读了三本书。
小明硕士毕业于北京大学,后来去了上海。
她说:“今天天气真好!”然后出门了
这款手机卖1999.5元,打折20%,型号是C3-X_2。
乔峰和段誉结拜为兄弟 , 虚竹也来了
a b  c+d 龘龘的字
研究生命的起源
""".strip("\n").split("\n")

folder = fixtures / "jieba"
(folder / "finalseg").mkdir(parents=True, exist_ok=True)
jieba.initialize()
runs = {line[i:j] for line in (c.lower() for c in chinese) for i in range(len(line)) for j in range(i + 1, min(len(line), i + 8) + 1)}
words = sorted(w for w in runs if jieba.dt.FREQ.get(w))
with open(folder / "dict.txt", "w", encoding="utf-8", newline="\n") as out:
    for word in words:
        out.write(f"{word} {jieba.dt.FREQ[word]} n\n")
    # The sum of the frequencies is that of the whole dictionary.
    out.write(f"其余其余其余 {jieba.dt.total - sum(jieba.dt.FREQ[w] for w in words)} x\n")
characters = {c for line in chinese for c in line}


def python(table):
    return "{" + ",\n ".join(f"{key!a}: {value!r}" for key, value in sorted(table.items())) + "}"


model = jieba.finalseg
emissions = {state: {c: v for c, v in row.items() if c in characters} for state, row in model.emit_P.items()}
(folder / "finalseg/prob_start.py").write_text(f"P={python(model.start_P)}\n")
(folder / "finalseg/prob_trans.py").write_text(
    "P={" + ",\n ".join(f"{s!r}: {python(r)}" for s, r in sorted(model.trans_P.items())) + "}\n"
)
(folder / "finalseg/prob_emit.py").write_text(
    "P={" + ",\n ".join(f"{s!r}: {python(r)}" for s, r in sorted(emissions.items())) + "}\n"
)
model.emit_P = emissions
with tempfile.TemporaryDirectory() as cache:
    tokenizer = jieba.Tokenizer(str(folder / "dict.txt"))
    tokenizer.tmp_dir = cache
    for name, hmm in (("words.tsv", True), ("words-plain.tsv", False)):
        with open(folder / name, "w", encoding="utf-8", newline="\n") as out:
            for line in chinese:
                line = line.lower().strip()
                out.write(f"{line}\t{' '.join(tokenizer.cut(line, HMM=hmm))}\n")
