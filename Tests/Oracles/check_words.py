#!/usr/bin/env python3
"""Holds the words and ids of `ems tokenizer encode` against sacremoses, jieba and SentencePiece.

Usage: check_words.py EMS MODEL LANGUAGE=TEXT [LANGUAGE=TEXT ...]
MODEL has the pretokenizer moses (and a jieba dictionary for zh, yue, wuu); lines are lower-cased first, as the released EMS
model's inference code does. Prints the differing lines of each text; exits with 1 if there is any."""
import pathlib
import subprocess
import sys
import tempfile

import sentencepiece

ems, model, *texts = sys.argv[1:]
pieces = sentencepiece.SentencePieceProcessor(model_file=f"{model}/sentencepiece.model")


def cutter(language):
    if language in ("zh", "yue", "wuu"):
        import jieba

        jieba.setLogLevel(60)
        return lambda line: " ".join(jieba.cut(line))
    from sacremoses import MosesTokenizer

    tokenizer = MosesTokenizer(language)
    return lambda line: " ".join(tokenizer.tokenize(line, escape=False))


total = wrong = 0
with tempfile.TemporaryDirectory() as folder:
    for text in texts:
        language, path = text.split("=", 1)
        cut = cutter(language)
        # What `ems` reads: a tab becomes a space, a carriage return at the end goes.
        lines = pathlib.Path(path).read_bytes().decode("utf-8", "replace").split("\n")
        if lines[-1] == "":
            lines.pop()
        lines = [line.removesuffix("\r").replace("\t", " ") for line in lines]
        words = [cut(line.lower().strip()) for line in lines]
        ids = [" ".join(map(str, (pieces.encode(line) or [1])[:120])) for line in words]
        for expected, option in ((words, ["--words"]), (ids, [])):
            out = f"{folder}/out"
            subprocess.run(
                [ems, "tokenizer", "encode", path, "--model", model, "--language", language, "--output", out, "--quiet"] + option,
                check=True,
            )
            found = pathlib.Path(out).read_text(encoding="utf-8").split("\n")[:-1]
            assert len(found) == len(expected), f"{path}: {len(found)} lines, {len(expected)} expected"
            for number, (a, b) in enumerate(zip(found, expected), 1):
                if a != b:
                    wrong += 1
                    print(f"{path}: line {number}: {a}\n  expected {b}")
        total += len(lines)
print(f"{len(texts)} texts, {total} lines, {wrong} differences")
sys.exit(wrong > 0)
