#!/usr/bin/env python3
"""Takes out the pairs of which a side occurs in a test file, and says which and where.

`ems train` gets the same list of test files and looks again with its own normaliser; this stage is what makes it visible.
"""

import argparse
import json
from pathlib import Path

from texts import MISSING, Failure, key, lines, run_main, write, write_json


def test_files(paths):
    """The files of a list of files and folders; a folder stands for everything in it, at any depth."""
    files = []
    for path in map(Path, paths):
        if path.is_dir():
            files += sorted(p for p in path.rglob("*") if p.is_file())
        elif path.is_file():
            files.append(path)
        else:
            raise Failure(path, "no such file or folder", "check decontaminate, tests and suite", MISSING)
    return files


def forbidden_keys(files):
    """The key of every sentence, with the file where it stands first. Columns of a line are sentences of their own."""
    where = {}
    for file in files:
        for line in lines(file):
            for column in line.split("\t"):
                where.setdefault(key(column), file)
    where.pop("", None)
    return where


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", help="score, source, target a line")
    parser.add_argument("--against", required=True, type=json.loads, help="a JSON list of test files and folders")
    parser.add_argument("--truth", help="known right pairs, source TAB target: tells how many of the pairs are right")
    parser.add_argument("--output", required=True, help="gets source, target and the origin `mined`")
    parser.add_argument("--removed", required=True, help="gets file, source, target of what was taken out")
    parser.add_argument("--report", required=True)
    arguments = parser.parse_args()

    files = test_files(arguments.against)
    where = forbidden_keys(files)
    kept, removed, by_file = [], [], {}
    for line in lines(arguments.pairs):
        score, source, target = line.split("\t")
        file = where.get(key(source)) or where.get(key(target))
        if file is None:
            kept.append((float(score), source, target))
        else:
            removed.append(f"{file}\t{source}\t{target}\n")
            by_file[str(file)] = by_file.get(str(file), 0) + 1
    if not kept:
        raise Failure(arguments.pairs, f"all {len(removed)} pairs hold test sentences", "mine other dumps")
    write(arguments.output, "".join(f"{source}\t{target}\tmined\n" for _, source, target in kept))
    write(arguments.removed, "".join(removed))

    # One pair of every tenth of the ranking: what a person looks at before believing the rest.
    samples = [kept[i * (len(kept) - 1) // 9] for i in range(10)] if len(kept) >= 10 else kept
    report = {
        "files": len(files), "sentences": len(where), "removed": len(removed), "kept": len(kept),
        "removed_by_file": dict(sorted(by_file.items(), key=lambda item: -item[1])),
        "samples": [{"score": s, "source": a, "target": b} for s, a, b in samples],
    }
    if arguments.truth:
        report["truth"] = judge(kept, arguments.truth)
    write_json(arguments.report, report)


def judge(kept, path):
    """How many of the pairs are among the known right ones."""
    known = set()
    for number, line in enumerate(lines(path), 1):
        columns = line.split("\t")
        if len(columns) < 2:
            raise Failure(path, f"line {number} is not `source TAB target`", "check truth")
        known.add((key(columns[0]), key(columns[1])))
    right = sum((key(source), key(target)) in known for _, source, target in kept)
    return {"right": right, "known": len(known), "precision": right / len(kept), "recall": right / max(1, len(known))}


if __name__ == "__main__":
    run_main(main)
