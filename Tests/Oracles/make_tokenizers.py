#!/usr/bin/env python3
"""make_tokenizers.py OUT [--texts FILE... --vocab N]: tokenizers of every kind, and the ids that the reference gives.

Without --texts it makes the fixtures of HubTokenizerTests (Tests/EncoderTests/Fixtures/tokenizers): small vocabularies, and
hard strings in many scripts. With --texts it trains on those files and takes all of their lines, for a run of the same test over
real text: EMS_TOKENIZERS=OUT swift test --filter HubTokenizerTests. --also FOLDER adds a tokenizer that exists.

OUT/texts.txt holds a text a line; OUT/NAME the tokenizer as others publish it; OUT/NAME/ids.txt the ids of each text.
Needs tokenizers, transformers, sentencepiece, protobuf, sacremoses.
"""
import argparse, json, os, random, re, shutil, unicodedata
import sentencepiece
from sacremoses import MosesPunctNormalizer
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

arguments = argparse.ArgumentParser()
arguments.add_argument("out")
arguments.add_argument("--texts", nargs="*", default=[])
arguments.add_argument("--also", nargs="*", default=[])
arguments.add_argument("--vocab", type=int, default=320)
arguments = arguments.parse_args()
out, vocab = arguments.out, arguments.vocab
os.makedirs(out, exist_ok=True)
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# Own sentences; each script has a few words that come back.
TRAIN = """The old bridge was closed, so we walked along the river until the evening. Don't wait for us, we'll be late: it's 12:30!
The river was high; the bridge wasn't open before 1998. They've asked, I'd answer, you're right, we'll see, I'm sure.
Die alte Brücke war gesperrt, also gingen wir bis zum Abend am Fluss entlang. Der Fluß war hoch, größer als früher.
Le vieux pont était fermé ; nous avons marché le long de la rivière jusqu’au soir. « L’été », dit-elle, « n’est pas fini ».
Старый мост был закрыт, поэтому мы шли вдоль реки до вечера. Река была высокая, и мост не открыли.
Η παλιά γέφυρα ήταν κλειστή, οπότε περπατήσαμε δίπλα στο ποτάμι ως το βράδυ. Ο ΠΟΤΑΜΟΣ ΗΤΑΝ ΨΗΛΟΣ.
旧桥关闭了，所以我们沿着河走到晚上。河水很高，桥没有开。 古い橋は閉まっていたので、夕方まで川沿いを歩きました。カワはタカイ。
오래된 다리가 닫혀 있어서 우리는 저녁까지 강을 따라 걸었다. كان الجسر القديم مغلقا، فمشينا على طول النهر حتى المساء.
पुराना पुल बंद था, इसलिए हम शाम तक नदी के किनारे चले। הגשר הישן היה סגור, אז הלכנו לאורך הנהר עד הערב.
สะพานเก่าปิด เราจึงเดินไปตามแม่น้ำจนถึงเย็น Cây cầu cũ đã đóng, nên chúng tôi đi dọc bờ sông đến tối. İstanbul'da ığdır.""".split("\n")
POOL = ("bridge|river|the|The|we'll|don't|İ|ß|Σ|ς|ﬁ|①|½|中|河|か|が|ｶﾞ|ー|강|ᄒ|ᅡ|क|्|षि|ไ|e\u0301|é|É|a\u0300\u0316|\u200d|\u200b|\u00a0|\u3000|"
        "\u2581|👍|👍🏽|👨\u200d👩\u200d👧|🇩🇪|<s>|</s>|<mask>|[SEP]|[MASK]|<unk>|123|3.14|1998|٣|Ⅷ|₂|!?|…|—|«\u00a0|\u00a0»|’|'s|'|\u0001|\ufffd|\u2028|"
        "\u0085|\r|\t|ǅ|ŉ|Å|ﷺ|שָׁ|ا\u064b|𝔸|𠀀|\ue000|\u0378|##|Ġ|<0x41>|_|-|(|) .|100 %|nº\u00a0|5\u00a05|`|''|\",|  | | | | ").split("|")


def texts():
    random.seed(11)
    lines = [""," ", "   ", "a" * 120, "river" * 30, "中" * 40, "e" + "\u0301" * 12] + [l for l in TRAIN]
    lines += ["".join(random.choice(POOL) for _ in range(random.randint(1, 12))) for _ in range(300)]
    return [l for l in lines if "\n" not in l]


if arguments.texts:
    lines = [l for f in arguments.texts for l in open(f, encoding="utf-8", newline="\n").read().split("\n")[:-1]]
    train = lines[::6]
else:
    lines, train = texts(), TRAIN * 3
with open(f"{out}/texts.txt", "w", encoding="utf-8", newline="\n") as f:
    f.writelines(l + "\n" for l in lines)
with open(f"{out}/train.tmp", "w", encoding="utf-8", newline="\n") as f:
    f.writelines(l + "\n" for l in train)


def write(name, text):
    with open(f"{out}/{name}", "w", encoding="utf-8", newline="\n") as f:
        f.write(text if isinstance(text, str) else json.dumps(text, ensure_ascii=False) + "\n")


def expect(name, ids):
    assert len(ids) == len(lines)
    write(f"{name}/ids.txt", "".join(" ".join(map(str, i)) + "\n" for i in ids))
    print(name, sum(map(len, ids)), "ids")


def library(name, tokenizer):
    """The ids of the tokenizers library for what was saved."""
    os.makedirs(f"{out}/{name}", exist_ok=True)
    if isinstance(tokenizer, Tokenizer):
        tokenizer = json.loads(tokenizer.to_str())
    write(f"{name}/tokenizer.json", tokenizer)
    saved = Tokenizer.from_file(f"{out}/{name}/tokenizer.json")
    saved.no_truncation()
    expect(name, [e.ids for i in range(0, len(lines), 4096) for e in saved.encode_batch(lines[i:i + 4096])])
    return tokenizer


def transformers(name):
    """The ids of transformers for older files."""
    tokenizer = AutoTokenizer.from_pretrained(f"{out}/{name}")
    expect(name, [x for i in range(0, len(lines), 4096) for x in tokenizer(lines[i:i + 4096], verbose=False)["input_ids"]])
    return tokenizer


def part(x):
    return json.loads(x.__getstate__())


def changed(base, added=(), **changes):
    base = json.loads(json.dumps(base))
    model = changes.pop("model", {})
    base.update({k: part(v) for k, v in changes.items()})
    base["model"].update(model)
    for content, options in added:
        known = base["model"]["vocab"].get(content) if isinstance(base["model"]["vocab"], dict) else None
        number = known if known is not None else max(
            max(t["id"] for t in base["added_tokens"]), len(base["model"]["vocab"]) - 1) + 1
        base["added_tokens"].append(dict(dict(id=number, content=content, single_word=False, lstrip=False, rstrip=False,
                                              normalized=False, special=True), **options))
    return base


# BERT
special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
wordpieces = {}
for name, lower in (("wordpiece-uncased", True), ("wordpiece-cased", False)):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(train, trainers.WordPieceTrainer(vocab_size=vocab, special_tokens=special, show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                     special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    wordpieces[name] = library(name, t)
os.makedirs(f"{out}/bert-files", exist_ok=True)
cased = wordpieces["wordpiece-cased"]["model"]["vocab"]
write("bert-files/vocab.txt", "".join(t + "\n" for t in sorted(cased, key=cased.get)))
write("bert-files/tokenizer_config.json", dict(tokenizer_class="BertTokenizer", do_lower_case=False, strip_accents=True))
transformers("bert-files")

# RoBERTa
t = Tokenizer(models.BPE())
t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
t.train_from_iterator(train, trainers.BpeTrainer(
    vocab_size=max(vocab, 360), special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
roberta = library("bpe-bytes", t)
os.makedirs(f"{out}/roberta-files", exist_ok=True)
write("roberta-files/vocab.json", roberta["model"]["vocab"])
write("roberta-files/merges.txt", "#version: 0.2\n" + "".join(
    (m if isinstance(m, str) else " ".join(m)) + "\n" for m in roberta["model"]["merges"]))
write("roberta-files/tokenizer_config.json", dict(tokenizer_class="RobertaTokenizer", add_prefix_space=True))
write("roberta-files/config.json", dict(model_type="roberta"))
transformers("roberta-files")

# SentencePiece. The whole map of NFKC is large; a fixture takes a few of its rules.
rules = {}
if not arguments.texts:
    with open(f"{out}/rules.tmp", "w", encoding="utf-8") as f:
        for source, target in (("\u3000", " "), ("\u00a0", " "), ("\t", " "), ("ﬁ", "fi"), ("①", "1"), ("e\u0301", "é"), ("ｶﾞ", "ガ"),
                               ("İ", "I"), ("\u0001", ""), ("ﷺ", "صلى الله"), ("שָׁ", "ש"), ("½", "1⁄2"), ("\u200b", " ")):
            f.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
    rules = dict(normalization_rule_tsv=f"{out}/rules.tmp")


def pieces(kind, path):
    sentencepiece.SentencePieceTrainer.train(
        input=f"{out}/train.tmp", model_prefix=f"{out}/spm", model_type=kind, vocab_size=vocab, minloglevel=2,
        character_coverage=0.9995 if arguments.texts else 0.98, hard_vocab_limit=False, num_threads=1,
        **(rules or dict(normalization_rule_name="nmt_nfkc")))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.move(f"{out}/spm.model", path)
    os.remove(f"{out}/spm.vocab")


pieces("unigram", f"{out}/xlmr-files/sentencepiece.bpe.model")
write("xlmr-files/tokenizer_config.json", dict(tokenizer_class="XLMRobertaTokenizer"))
write("xlmr-files/config.json", dict(model_type="xlm-roberta"))
tokenizer = transformers("xlmr-files")
unigram = library("unigram", json.loads(tokenizer.backend_tokenizer.to_str()))

# NLLB: languages behind the pieces, then the mask. Python puts languages that are not in the file behind the mask, so the
# expected ids come from a tokenizer.json of the published layout.
pieces("bpe", f"{out}/nllb-files/sentencepiece.bpe.model")
write("nllb-files/tokenizer_config.json", dict(tokenizer_class="NllbTokenizer", src_lang="fra_Latn"))
write("nllb-files/config.json", dict(model_type="m2m_100"))
nllb = json.loads(AutoTokenizer.from_pretrained(f"{out}/nllb-files").backend_tokenizer.to_str())
table = nllb["model"]["vocab"]
mask = table.pop("<mask>", None) or next(t["id"] for t in nllb["added_tokens"] if t["content"] == "<mask>")
codes = ["eng_Latn", "fra_Latn"]
for code in codes + ["<mask>"]:
    table[code] = max(table.values()) + 1
nllb["added_tokens"] = [dict(id=table[c], content=c, single_word=False, lstrip=False, rstrip=False, normalized=False,
                             special=True) for c in ["<s>", "<pad>", "</s>", "<unk>"] + codes + ["<mask>"]]
nllb["post_processor"] = part(processors.TemplateProcessing(
    single="fra_Latn $A </s>", pair="fra_Latn $A $B </s>", special_tokens=[("fra_Latn", table["fra_Latn"]), ("</s>", 2)]))
library("bpe-pieces", nllb)
write("nllb-files/tokenizer_config.json", dict(tokenizer_class="NllbTokenizer", src_lang="fra_Latn", additional_special_tokens=codes))
shutil.copy(f"{out}/bpe-pieces/ids.txt", f"{out}/nllb-files/ids.txt")

# LASER2: cleaned text, pieces, a dictionary without the rarest of them.
pieces("bpe", f"{out}/laser/laser2.spm")
model = sentencepiece.SentencePieceProcessor(model_file=f"{out}/laser/laser2.spm")
names = [model.id_to_piece(i) for i in range(3, len(model))][::-1][10:]
write("laser/laser2.cvocab", "".join(f"{p} {i + 1}\n" for i, p in enumerate(names)))
numbers = {p: i + 4 for i, p in enumerate(names)}
punctuation = MosesPunctNormalizer("en", perl_parity=True)
punctuation.substitutions[21] = ("‘", r'"')
punctuation.substitutions[22] = ("‚", r'"')


def laser(line):
    line = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in line)
    line = punctuation.normalize(line).lower()
    tokens = re.sub(r"\s+", " ", " ".join(model.encode(line, out_type=str))).strip().split()
    return [numbers.get(t, 3) for t in tokens] + [2]


expect("laser", [laser(l) for l in lines])

# The parts that are seldom used.
w, P, N = wordpieces["wordpiece-uncased"], pre_tokenizers, normalizers
library("parts-1", changed(w, normalizer=N.Sequence([N.NFC(), N.Lowercase(), N.StripAccents(), N.Strip()]),
                           pre_tokenizer=P.Sequence([P.Whitespace(), P.Digits(individual_digits=True), P.Punctuation("contiguous")])))
library("parts-2", changed(w, normalizer=N.Sequence([N.NFKD(), N.Nmt(), N.Replace("a", "bb"), N.Replace(Regex(r"\s+"), " "), N.Prepend("the ")]),
                           pre_tokenizer=P.Sequence([P.WhitespaceSplit(), P.Punctuation("merged_with_previous"), P.Digits(False)])))
library("parts-3", changed(unigram, normalizer=N.Sequence([N.NFD(), N.NFKC(), N.Replace(Regex(" {2,}"), " ")]),
                           pre_tokenizer=P.Sequence([P.UnicodeScripts(), P.Metaspace(prepend_scheme="first")])))
split = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
library("parts-4", changed(roberta, model=dict(ignore_merges=True), pre_tokenizer=P.Sequence(
    [P.Split(Regex(split), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)])))
library("parts-5", changed(nllb, pre_tokenizer=P.Metaspace(prepend_scheme="first", split=False), model=dict(fuse_unk=False)))
for name, base in (("fallback-unigram", unigram), ("fallback-bpe", nllb)):
    base = changed(base, model=dict(byte_fallback=True))
    for byte in range(256):
        if isinstance(base["model"]["vocab"], list):
            base["model"]["vocab"].append([f"<0x{byte:02X}>", -20.0])
        else:
            base["model"]["vocab"][f"<0x{byte:02X}>"] = max(base["model"]["vocab"].values()) + 1
    library(name, base)
library("added", changed(w, added=[
    ("the", dict(single_word=True, special=False, normalized=True)), ("river", dict(lstrip=True, rstrip=True)),
    ("É", dict(normalized=True, special=False)), ("[MA", dict(rstrip=True)), ("don't", dict(lstrip=True, single_word=True))]))
t = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##", end_of_word_suffix="</w>", fuse_unk=True))
t.normalizer, t.pre_tokenizer = N.NFC(), P.BertPreTokenizer()
t.train_from_iterator(train, trainers.BpeTrainer(vocab_size=max(vocab, 900), special_tokens=["[UNK]", "<s>"], show_progress=False,
                                                 continuing_subword_prefix="##", end_of_word_suffix="</w>", limit_alphabet=100))
library("parts-6", t)

for folder in arguments.also:
    library(os.path.basename(folder.rstrip("/")), json.load(open(f"{folder}/tokenizer.json", encoding="utf-8")))
for name in ("train.tmp", "rules.tmp"):
    if os.path.exists(f"{out}/{name}"):
        os.remove(f"{out}/{name}")
