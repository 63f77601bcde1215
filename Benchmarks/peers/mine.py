#!/usr/bin/env python3
"""Exact mining by faiss-cpu: both directions, ratio margin, each row in one pair, best first. Prints one JSON object."""
import argparse
import json
import time

import faiss
import numpy as np

K = 4


def neighbours(queries, base):
    index = faiss.IndexFlatIP(base.shape[1])
    index.add(base)
    return index.search(queries, K)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("output", help="gets score, source row, target row")
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(arguments.threads)
    source, target = np.load(arguments.source), np.load(arguments.target)
    start = time.perf_counter()
    cosines, rows = neighbours(source, target)
    back_cosines, back_rows = neighbours(target, source)
    seconds = time.perf_counter() - start
    means, back_means = cosines.mean(1), back_cosines.mean(1)
    candidates = {}
    for i, best in enumerate((cosines / (means[:, None] + back_means[rows]) * 2)):
        j = best.argmax()
        candidates[i, int(rows[i, j])] = float(best[j])
    for j, best in enumerate((back_cosines / (back_means[:, None] + means[back_rows]) * 2)):
        i = best.argmax()
        candidates.setdefault((int(back_rows[j, i]), j), float(best[i]))
    taken, pairs = (set(), set()), []
    for (i, j), score in sorted(candidates.items(), key=lambda entry: (-entry[1], entry[0])):
        if i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
            pairs.append(f"{score:.6f}\t{i}\t{j}\n")
    with open(arguments.output, "w", encoding="utf-8") as file:
        file.writelines(pairs)
    print(json.dumps({"peer": f"faiss-cpu {faiss.__version__}, flat", "value": seconds}))


if __name__ == "__main__":
    main()
