"""How well programs find the ends of sentences, on text whose sentences are known.

    python3 Benchmarks/peers/split_sentences.py FOLDER --ems .build/release/ems [--only de,en] [--errors]

FOLDER holds LANG.tsv.zst (or .tsv): lines of `document TAB sentence id TAB sentence`, such as the Parallel Universal Dependencies
make them. The sentences of a document are joined by a blank, in Chinese and Japanese by nothing, and each program is asked
where it would cut. F1 counts the boundaries within documents, by their offset among the characters that are not white space.

Needs: pip install pysbd sentence-splitter PyICU; what is not there is left out.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time


def read(path):
    if path.endswith(".zst"):
        text = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout.decode()
    else:
        text = open(path, encoding="utf-8").read()
    documents = {}
    for line in text.split("\n"):
        columns = line.split("\t")
        if len(columns) >= 3:
            documents.setdefault(columns[0], []).append(columns[2].strip())
    return list(documents.values())


def boundaries(sentences):
    """Offsets of the inner boundaries, counted in characters that are not white space."""
    places, place = set(), 0
    for sentence in sentences:
        place += len(re.sub(r"\s", "", sentence))
        places.add(place)
    places.discard(place)
    return places


def with_ems(ems, language, texts):
    run = subprocess.run([ems, "split", "-", "--language", language, "--format", "jsonl", "--output", "-", "--quiet"],
                         input="".join(json.dumps({"id": str(i), "text": t}) + "\n" for i, t in enumerate(texts)).encode(),
                         capture_output=True, check=True)
    found = [[] for _ in texts]
    for line in run.stdout.decode().split("\n")[:-1]:
        name, sentence = line.split("\t", 1)
        found[int(name.rpartition(":")[0])].append(sentence)
    return found


def with_pysbd(language, texts):
    import pysbd
    segmenter = pysbd.Segmenter(language=language, clean=False)
    return [segmenter.segment(text) for text in texts]


def with_sentence_splitter(language, texts):
    from sentence_splitter import SentenceSplitter
    splitter = SentenceSplitter(language=language)
    return [splitter.split(text) for text in texts]


def with_icu(language, texts):
    import icu
    iterator = icu.BreakIterator.createSentenceInstance(icu.Locale(language))
    found = []
    for text in texts:
        string = icu.UnicodeString(text)
        iterator.setText(string)
        places = [0] + list(iterator)
        found.append([str(string[a:b]) for a, b in zip(places, places[1:])])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--ems", default=".build/release/ems")
    parser.add_argument("--only", help="languages, comma-separated")
    parser.add_argument("--errors", action="store_true", help="print where ems is wrong")
    options = parser.parse_args()
    names = sorted(name.split(".")[0] for name in os.listdir(options.folder) if ".tsv" in name)
    if options.only:
        names = [name for name in names if name in options.only.split(",")]
    programs = {"ems": lambda l, t: with_ems(options.ems, l, t), "pysbd": with_pysbd,
                "sentence-splitter": with_sentence_splitter, "ICU": with_icu}
    sums = {name: [] for name in programs}
    for language in names:
        path = next(os.path.join(options.folder, language + end) for end in (".tsv.zst", ".tsv")
                    if os.path.exists(os.path.join(options.folder, language + end)))
        documents = read(path)
        joiner = "" if language in ("zh", "ja") else " "
        texts = [joiner.join(document) for document in documents]
        gold = [boundaries(document) for document in documents]
        cells = []
        for name, program in programs.items():
            begin = time.perf_counter()
            try:
                found = program(language, texts)
            except Exception as error:  # a language that it does not have, or not installed
                cells.append(f"{name} - ({type(error).__name__})")
                continue
            seconds = time.perf_counter() - begin
            right = wrong = missed = 0
            for document, text, wanted, cut in zip(documents, texts, gold, found):
                got = boundaries(cut)
                right += len(got & wanted)
                wrong += len(got - wanted)
                missed += len(wanted - got)
                if name == "ems" and options.errors and got != wanted:
                    solid = re.sub(r"\s", "", text)
                    for place in sorted(got - wanted):
                        print("  wrong ", solid[max(0, place - 25):place], "|", solid[place:place + 25])
                    for place in sorted(wanted - got):
                        print("  missed", solid[max(0, place - 25):place], "|", solid[place:place + 25])
            f1 = 2 * right / (2 * right + wrong + missed)
            if language != "th":
                sums[name].append(f1)
            cells.append(f"{name} {f1:.4f} (wrong {wrong}, missed {missed}, {seconds:.2f} s)")
        print(f"{language}: " + "; ".join(cells), flush=True)
    for name, values in sums.items():
        if values:
            print(f"{name}: mean of {len(values)} languages other than Thai: {sum(values) / len(values):.4f}")


if __name__ == "__main__":
    sys.exit(main())
