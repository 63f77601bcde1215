"""Prints the ids that Python's sentencepiece gives for every line of the files: token_ids.py MODEL FILE..."""
import sys
import sentencepiece as spm

sp = spm.SentencePieceProcessor(sys.argv[1])
for path in sys.argv[2:]:
    with open(path, encoding="utf-8", newline="\n") as f:
        for line in f:
            print(" ".join(map(str, sp.encode(line.strip().lower())[:120] or [1])))
