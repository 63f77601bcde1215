#!/bin/sh
# Exact mining of random unit vectors: ems and a peer (peer_mine.py: faiss-cpu, flat index, both ways) in alternating runs
# on the same files, with the machine's sgemm measured between them; says whether both found the same pairs.
#
#   Benchmarks/mine.sh [ROWS [DIMENSIONS [ROUNDS]]]
#
# PYTHON: an interpreter with numpy, torch and faiss. PEERS: the folder of peer_mine.py and peer_sgemm.py.
set -eu
rows=${1:-30000} dimensions=${2:-256} rounds=${3:-3}
python=${PYTHON:-python3} peers=${PEERS:-../shared/bench} ems=${EMS:-.build/release/ems}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" - "$folder" "$rows" "$dimensions" <<'PY'
import sys, numpy as np
folder, rows, dimensions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random = np.random.default_rng(1)
for side in "xy":
    a = random.standard_normal((rows, dimensions), dtype=np.float32)
    np.save(f"{folder}/{side}.npy", a / np.linalg.norm(a, axis=1, keepdims=True))
PY
uname -m; grep -m1 'model name' /proc/cpuinfo || true; date
for round in $(seq "$rounds"); do
  echo "round $round, load $(cut -d' ' -f1 /proc/loadavg)"
  "$ems" mine --source-embeddings "$folder/x.npy" --target-embeddings "$folder/y.npy" --output "$folder/ems.tsv"
  "$python" "$peers/peer_mine.py" --source "$folder/x.npy" --target "$folder/y.npy" --output "$folder/peer.tsv"
  "$python" "$peers/peer_sgemm.py"
done
cut -f2,3 "$folder/ems.tsv" | sort > "$folder/a"
cut -f2,3 "$folder/peer.tsv" | sort > "$folder/b"
echo "pairs: $(wc -l < "$folder/a"), of which the peer has $(comm -12 "$folder/a" "$folder/b" | wc -l)"
