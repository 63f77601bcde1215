"""What sentence-transformers makes of an exported model, beside `ems`: token ids and rows.

The model is exported and encodes a text in both programs. The text is the lines of --text files (every --step-th different one)
and lines that are hard: empty, blank, very long, odd characters. Ids are compared with libsentencepiece's; --all-ids compares
those of every line. Prints the largest relative difference of a row, and exits with 1 where it is above --tolerance or ids
differ (--ties allows that many lines, see below).

A unigram model's sums are in single precision in libsentencepiece and in double precision in `tokenizers`, so that two ways to
cut a line whose sums are the same but for rounding may be told apart otherwise: 1 line of the 191,155 of Tatoeba and NTREX.

examples:
  check_export.py EMS models/ems-mini --text demo-data/de.txt demo-data/en.txt
  check_export.py EMS models/ems-mini --text DATA/tatoeba/* DATA/ntrex/* --step 300 --all-ids --ties 1
  check_export.py EMS - --spm bpe.model --layers 6 --text demo-data/de.txt      # random weights in the released layout
"""
import argparse, json, os, subprocess, sys, tempfile, unicodedata
import numpy as np
import sentencepiece

HARD = [
    "", " ", "\t", "\u3000\u00a0", "\u0001\u0002", "\u2581", "\u2581\u2581a\u2581", "  many   spaces  ", "x" * 3000,
    "ein sehr langer Satz " * 400, "\u65e5\u672c\u8a9e" * 500, "\u039f \u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3, \u03a3 \u0391\u03a3\u2019\u0391 \u0391\u03a3.", "\u0130stanbul I", "<pad> <unk> <MASK> <mask> <2de> <2en>",
    "\uff76\uff9e\uff77\uff9e \uff8a\uff9f\uff7f\uff7a\uff9d", "\u1112\u1161\u11ab\u1100\u1173\u11af \uac00\u11a8", "e\u0302\u0301 \u00ea\u0301 a\u0302\u0323 \uff45\u0302\u0301", "\u0634\u0651\u0650 \u0634\u0650\u0651", "\u0b95\u0bc7\u0bbe \u0995\u09c7\u09be \u0d95\u0dd9\u0dcf",
    "\u00b2\ufe0f \u00a9\ufe0f 1\ufe0f\u20e3 \U0001f468\u200d\U0001f469\u200d\U0001f467", "a\u200bb\u200cc\u200dd\ufeffe", "\ufb01nd \u2122 \u2460 \u00bd \u212b \ufdfa \u3300", "a\u2028b\u0085", "\u0301abc",
    "\U0001d4d0\U0001d4ec \U00010330 \U0001f642", "....", "...", "aaaaaaaaaaaaaaaaaaa", "'' \u201c\u201d \u2018", "\u0958 \u0915\u093c",
]


def python_text(line):
    """The line as `ems` reads it: a tab, a carriage return at the end and the like come through files, not through here."""
    return line.replace("\t", " ")


def composed_characters():
    """What Unicode takes apart and what can be composed further: the list in HubTokenizer.swift, without Hangul."""
    nfd, nfc = (lambda s: unicodedata.normalize("NFD", s)), (lambda s: unicodedata.normalize("NFC", s))
    every = [chr(c) for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000 and not 0xAC00 <= c < 0xD7A4]
    apart = [c for c in every if len(nfd(c)) > 1]
    marks = sorted({nfd(c)[-1] for c in apart})
    found = [ord(c) for c in apart if nfc(c) == c and any(len(nfc(c + m)) == 1 for m in marks)]
    ranges = []
    for c in found:
        if ranges and c - ranges[-1][1] == 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    return " ".join("-".join(f"{c:x}" for c in sorted(set(r))) for r in ranges)


def random_model(folder, spm, ems, layers, languages):
    """A model in the released layout: six layers, the mean, weights drawn at random."""
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run([sys.executable, "-B", f"{here}/make_released_checkpoint.py", "--layers", str(layers), "--hidden", "128",
                    "--ffn", "256", "--spm", spm, "--languages", str(languages), "--output", f"{folder}/random.pt"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([ems, "model", "convert", f"{folder}/random.pt", "--spm", spm, "--heads", "4", "--output",
                    f"{folder}/random", "--quiet", "--languages", ",".join(f"l{i}" for i in range(languages))], check=True)
    return f"{folder}/random"


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("ems"); a.add_argument("model", help="a model folder, or - for random weights")
    a.add_argument("--text", nargs="+", default=[]); a.add_argument("--step", type=int, default=1)
    a.add_argument("--spm"); a.add_argument("--layers", type=int, default=6); a.add_argument("--dtype", default="float32")
    a.add_argument("--languages", type=int, default=62)
    a.add_argument("--all-ids", action="store_true"); a.add_argument("--ties", type=int, default=0)
    a.add_argument("--tolerance", type=float, default=1e-5); a.add_argument("--composed", action="store_true")
    a = a.parse_args()
    if a.composed:
        print(composed_characters()); return 0
    from sentence_transformers import SentenceTransformer
    work = tempfile.TemporaryDirectory()
    model = a.model if a.model != "-" else random_model(work.name, a.spm, a.ems, a.layers, a.languages)
    out = f"{work.name}/out"
    subprocess.run([a.ems, "model", "export", model, "--format", "sentence-transformers", "--output", out, "--dtype", a.dtype,
                    "--quiet"], check=True)
    lines = set()
    for path in a.text:
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace", newline="\n") as f:
                lines.update(line.rstrip("\n").rstrip("\r") for line in f)
    lines = sorted(map(python_text, lines))
    hard = list(map(python_text, HARD))
    with open(f"{model}/config.json") as f:
        config = json.load(f)
    longest, lower = config["max_position_embeddings"], config["lowercase"]
    st = SentenceTransformer(out, device="cpu")
    spm = sentencepiece.SentencePieceProcessor(model_file=f"{model}/sentencepiece.model")
    st.tokenizer.pad_token_id  # fails where the tokenizer has none
    prompt = st.prompts[st.default_prompt_name]

    some = hard + lines[::a.step]
    checked = hard + (lines if a.all_ids else lines[::a.step])
    differ = 0
    for i in range(0, len(checked), 4096):
        part = checked[i:i + 4096]
        theirs = st.tokenizer([prompt + s for s in part], truncation=True, max_length=longest)["input_ids"]
        for s, ids in zip(part, theirs):
            text = s.strip()
            ours = (spm.encode(text.lower() if lower else text) or [1])[:longest]
            if ours != ids:
                differ += 1
                if differ <= 10:
                    print(f"ids differ: {ascii(s[:60])}")
    with open(f"{work.name}/text", "w", encoding="utf-8", newline="\n") as f:
        f.writelines(s + "\n" for s in some)
    subprocess.run([a.ems, "encode", f"{work.name}/text", "--model", model, "--language", "en", "--output",
                    f"{work.name}/x.npy", "--quiet"], check=True, stderr=subprocess.DEVNULL)
    x = np.load(f"{work.name}/x.npy").astype(np.float64)
    y = st.encode(some, batch_size=32, show_progress_bar=False).astype(np.float64)
    d = np.linalg.norm(x - y, axis=1) / np.linalg.norm(y, axis=1)
    d = np.where(np.isnan(d), np.inf, d)
    print(f"{len(checked)} lines cut into pieces, {differ} differ; {len(some)} rows of {x.shape[1]}, "
          f"largest difference {d.max():.2e}, median {np.median(d):.2e}")
    over = int((d > a.tolerance).sum())
    return int(differ > a.ties or over > a.ties or x.shape != y.shape)


if __name__ == "__main__":
    sys.exit(main())
