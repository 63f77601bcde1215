"""How well `ems align` finds the pairs of sentences of documents that are aligned by hand.

    python3 Benchmarks/peers/align_sentences.py FOLDER --model models/ems-mini [--ems .build/release/ems] [--only test]

FOLDER holds NAME.de, NAME.fr and NAME.defr (`[rows]:[rows]` a line), as Bleualign's tests are. F1 is strict: a pair counts if both of
its sides are those of the hand-made one. Sentences without a partner do not count.
"""
import argparse
import json
import os
import subprocess
import tempfile


def pairs(path):
    found = []
    for line in open(path, encoding="utf-8"):
        source, target = line.strip().split(":")[:2]
        numbers = tuple(tuple(int(n) for n in side.strip("[]").split(",") if n.strip()) for side in (source, target))
        if numbers[0] and numbers[1]:
            found.append(numbers)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--model", default="models/ems-mini")
    parser.add_argument("--ems", default=".build/release/ems")
    parser.add_argument("--only", default="test", help="the beginning of the names")
    options = parser.parse_args()
    right = given = wanted = 0
    seconds = 0.0
    for name in sorted(n[:-5] for n in os.listdir(options.folder) if n.endswith(".defr") and n.startswith(options.only)):
        base = os.path.join(options.folder, name)
        with tempfile.TemporaryDirectory() as work:
            out = os.path.join(work, "out")
            run = subprocess.run(
                [options.ems, "align", base + ".de", base + ".fr", "--model", options.model, "--source-language", "de",
                 "--target-language", "fr", "--quiet", "--json", "--output", out], capture_output=True, check=True)
            seconds += json.loads(run.stdout)["align_seconds"]
            found, gold = pairs(out), set(pairs(base + ".defr"))
        hits = sum(pair in gold for pair in found)
        print(f"{name}: strict F1 {200 * hits / (len(found) + len(gold)):.1f}")
        right, given, wanted = right + hits, given + len(found), wanted + len(gold)
    print(f"all: precision {100 * right / given:.1f}, recall {100 * right / wanted:.1f}, "
          f"strict F1 {200 * right / (given + wanted):.1f}; aligning took {seconds:.2f} s")


if __name__ == "__main__":
    main()
