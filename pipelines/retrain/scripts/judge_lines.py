#!/usr/bin/env python3
"""Which lines of aligned tests a model gets right: the nearest neighbour by cosine of a line's embedding is its partner's.

The same rule as `ems evaluate retrieval`, line by line, for the tests over sentences. The neighbours are those of
`ems mine` with the absolute margin, one for each line, in each direction.
"""

import argparse
import json
import subprocess
import tempfile

from texts import Failure, lines, run_main, write_json


def run(*command):
    """Runs a command that says why it fails."""
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if process.returncode != 0:
        raise Failure(" ".join(command), process.stderr.strip() or "failed", kind=process.returncode)
    return process.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ems", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tests", required=True, type=json.loads, help="a JSON list of {name, source, target}")
    parser.add_argument("--languages", required=True, type=json.loads)
    parser.add_argument("--threads", default="1")
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    common = ("--quiet", "--threads", arguments.threads)
    result = {}
    for test in arguments.tests:
        counts = [sum(1 for _ in lines(test[side])) for side in ("source", "target")]
        if counts[0] != counts[1] or not counts[0]:
            raise Failure(
                test["source"], f"has {counts[0]} lines, {test['target']} has {counts[1]}", "tests are aligned line by line")
        with tempfile.TemporaryDirectory() as folder:
            for side, language in zip(("source", "target"), arguments.languages):
                run(
                    arguments.ems, "encode", test[side], "--model", arguments.model, "--language", language,
                    "--output", f"{folder}/{side}.npy", *common)
            directions = {}
            for direction, own in (("forward", 1), ("backward", 2)):
                found = f"{folder}/{direction}.tsv"
                run(
                    arguments.ems, "mine", "--source-embeddings", f"{folder}/source.npy",
                    "--target-embeddings", f"{folder}/target.npy", "--margin", "absolute", "--k", "1", "--index", "exact",
                    "--retrieval", direction, "--fields", "score,source-row,target-row", "--output", found, *common)
                right = [0] * counts[0]
                for line in lines(found):
                    columns = line.split("\t")
                    right[int(columns[own])] = int(columns[1] == columns[2])
                directions[direction] = right
        result[test["name"]] = directions
    write_json(arguments.output, result)


if __name__ == "__main__":
    run_main(main)
