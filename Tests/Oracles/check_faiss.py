"""Opens index files that ems wrote with Python's faiss and compares its answers with those of `ems index search`.

usage: check_faiss.py EMS VECTORS.npy QUERIES.npy FACTORY [FACTORY ...]
"""
import subprocess
import sys
import tempfile

import faiss
import numpy as np

ems, vectors, queries = sys.argv[1:4]
q = np.load(queries).astype(np.float32)
faiss.normalize_L2(q)
bad = 0
for factory in sys.argv[4:]:
    with tempfile.TemporaryDirectory() as folder:
        index_path, found_path = f"{folder}/x.faiss", f"{folder}/found.tsv"
        subprocess.run([ems, "index", "build", vectors, "--factory", factory, "--output", index_path, "--quiet"], check=True)
        subprocess.run([ems, "index", "search", index_path, queries, "--k", "4", "--output", found_path, "--quiet"], check=True)
        found = np.loadtxt(found_path)
        scores, ids = faiss.read_index(index_path).search(q, 4)
        ours = np.full(ids.shape, -1)
        ours_scores = np.zeros(scores.shape)
        for row, rank, ident, score in found:
            ours[int(row), int(rank) - 1], ours_scores[int(row), int(rank) - 1] = ident, score
        # Ranks of equal scores may differ: compare ids as sets and the scores in order.
        same = np.mean([set(a) == set(b) for a, b in zip(ours, ids)])
        difference = np.abs(ours_scores - scores).max()
        print(f"{factory}: same neighbours for {100 * same:.2f}% of {len(q)} queries, scores within {difference:.1e}")
        bad += same < 0.999 or difference > 2e-6
sys.exit(int(bad > 0))
