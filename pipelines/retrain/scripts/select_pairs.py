#!/usr/bin/env python3
"""Chooses which mined pairs go into the training: by score, flags, lengths, novelty and number."""

import argparse
import json
import statistics

from texts import Failure, key, lines, run_main, write, write_json

# Columns of `ems mine --fields` that the workflow asks for.
FIELDS = ("score", "cosine", "source", "target", "flags")


def read_mined(path):
    """The mined pairs, best first, as (score, cosine, source, target, flags)."""
    pairs = []
    for number, line in enumerate(lines(path), 1):
        columns = line.split("\t")
        if len(columns) != len(FIELDS):
            raise Failure(
                path, f"line {number} has {len(columns)} columns; {', '.join(FIELDS)} are expected", "mine again")
        flags = frozenset(columns[4].split(",")) - {""}
        pairs.append((float(columns[0]), float(columns[1]), columns[2], columns[3], flags))
    return pairs


def select(pairs, settings, known=frozenset()):
    """The pairs to keep and, in order, how many each reason took away; a pair goes for the first reason that holds."""
    threshold = settings["threshold"]
    above = [p for p in pairs if p[0] >= threshold]
    # Scripts differ in how many characters they need: a pair's ratio is set against the usual one.
    usual = statistics.median(len(p[3]) / max(1, len(p[2])) for p in above) if above else 1
    dropped = {"below the threshold": len(pairs) - len(above)}
    for flag in settings["drop_flags"]:
        dropped[f"flag: {flag}"] = 0
    for reason in ("length", "length ratio", "the same text on both sides", "in the old data already", "over the limit"):
        dropped[reason] = 0

    def reason(pair):
        _, _, source, target, flags = pair
        for flag in settings["drop_flags"]:
            if flag in flags:
                return f"flag: {flag}"
        if not all(settings["min_characters"] <= len(t) <= settings["max_characters"] for t in (source, target)):
            return "length"
        ratio = len(target) / max(1, len(source)) / usual
        if max(ratio, 1 / ratio) > settings["length_ratio"]:
            return "length ratio"
        keys = (key(source), key(target))
        if keys[0] == keys[1]:
            return "the same text on both sides"
        if keys in known:
            return "in the old data already"
        return "over the limit" if settings["limit"] and len(kept) >= settings["limit"] else None

    kept = []
    for pair in above:
        why = reason(pair)
        if why is None:
            kept.append(pair)
        else:
            dropped[why] += 1
    return kept, dropped, usual


def known_pairs(corpora):
    """Keys of the old data's pairs of the two mined languages; `turned` corpora have the sides the other way round."""
    known = set()
    for corpus in corpora:
        for line in lines(corpus["path"]):
            columns = line.split("\t")
            if len(columns) < 2 or (len(columns) > 2 and columns[2] in corpus["exclude_origins"]):
                continue
            source, target = key(columns[0]), key(columns[1])
            known.add((target, source) if corpus["turned"] else (source, target))
    return known


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", help="what `ems mine` wrote")
    parser.add_argument("--settings", required=True, type=json.loads, help="the section `select` of the configuration")
    parser.add_argument("--old", default=[], type=json.loads, help="corpora whose pairs are not new")
    parser.add_argument("--output", required=True, help="gets score, source, target")
    parser.add_argument("--report", required=True)
    arguments = parser.parse_args()
    pairs = read_mined(arguments.pairs)
    kept, dropped, usual = select(pairs, arguments.settings, known_pairs(arguments.old))
    if not kept:
        raise Failure(
            arguments.pairs, f"none of its {len(pairs)} pairs is kept: {dropped}", "lower select.threshold, or mine more")
    write(arguments.output, "".join(f"{p[0]}\t{p[2]}\t{p[3]}\n" for p in kept))
    write_json(arguments.report, {
        "mined": len(pairs), "dropped": dropped, "kept": len(kept), "usual_length_ratio": usual,
        "lowest_score": kept[-1][0], "highest_score": kept[0][0],
    })


if __name__ == "__main__":
    run_main(main)
