#!/usr/bin/env python3
"""Makes two dumps with known right pairs: hides the pairs of one origin of a parallel corpus among monolingual text.

Of the pairs, 70 % stand on both sides, 15 % only on the source side and 15 % only on the target side. A trial of the loop
on text that the start model has not been trained on; a recipe's `exclude_origins` names such origins.
"""

import argparse
import random
from pathlib import Path

from texts import Failure, lines, run_main, write


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", help="source TAB target TAB origin")
    parser.add_argument("origin", help="the origin whose pairs are hidden")
    parser.add_argument("--source-mono", help="monolingual text to add to the source dump")
    parser.add_argument("--target-mono", help="monolingual text to add to the target dump")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", required=True, help="a folder; gets source.txt, target.txt and truth.tsv")
    arguments = parser.parse_args()
    rows = (line.split("\t") for line in lines(arguments.corpus))
    pairs = [(row[0], row[1]) for row in rows if len(row) > 2 and row[2] == arguments.origin]
    if len(pairs) < 10:
        raise Failure(arguments.corpus, f"has {len(pairs)} pairs of the origin {arguments.origin}", "name another origin")
    generator = random.Random(arguments.seed)
    generator.shuffle(pairs)
    first, second = int(len(pairs) * 0.7), int(len(pairs) * 0.85)
    both, source_only, target_only = pairs[:first], pairs[first:second], pairs[second:]
    source = [a for a, _ in both + source_only] + list(lines(arguments.source_mono) if arguments.source_mono else ())
    target = [b for _, b in both + target_only] + list(lines(arguments.target_mono) if arguments.target_mono else ())
    generator.shuffle(source)
    generator.shuffle(target)
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "source.txt", "".join(f"{line}\n" for line in source))
    write(folder / "target.txt", "".join(f"{line}\n" for line in target))
    write(folder / "truth.tsv", "".join(f"{a}\t{b}\n" for a, b in both))
    print(f"{len(source)} source lines, {len(target)} target lines, {len(both)} pairs in both")


if __name__ == "__main__":
    run_main(main)
