#!/bin/bash
# Encoding speed beside a peer's, in alternating runs on the same lines. Prints one line a run and the medians.
#
# usage: encode.sh MODEL_DIR TEXT [ROUNDS=3] [THREADS=2]
#
# The peer is the command in PEER, called with --config, --spm, --input, --threads, --rounds and --limit appended, which has to
# print "... N tokens/s ..."; without PEER only ems is timed. User time is shown too: on a shared machine it says more than the clock.
set -euo pipefail

model=$1 text=$2 rounds=${3:-3} threads=${4:-2}
ems=${EMS:-$(dirname "$0")/../.build/release/ems}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
lines=$(wc -l <"$text")

for round in $(seq "$rounds"); do
  TIMEFORMAT='%U'
  { time "$ems" encode "$text" --model "$model" --language en --output "$work/x.npy" --threads "$threads" --quiet --json \
    >"$work/json"; } 2>"$work/user"
  sed -E 's/.*"tokens_per_second":([0-9.]+).*/\1/' "$work/json" >>"$work/ems"
  echo "round $round: ems $(tail -1 "$work/ems") tokens/s, user $(cat "$work/user") s, $(sed -E 's/.*"gflops":([0-9.]+).*/\1/' "$work/json") GFLOP/s"
  if [ -n "${PEER:-}" ]; then
    $PEER --config "$model/config.json" --spm "$model/sentencepiece.model" --input "$text" --threads "$threads" --rounds 1 \
      --limit "$lines" >"$work/out"
    sed -E 's/.* ([0-9.]+) tokens\/s.*/\1/' "$work/out" >>"$work/peer"
    echo "round $round: peer $(cat "$work/out")"
  fi
done
median() { sort -g "$1" | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'; }
echo "median: ems $(median "$work/ems") tokens/s"
if [ -n "${PEER:-}" ]; then
  echo "median: peer $(median "$work/peer") tokens/s, ratio $(awk -v a="$(median "$work/ems")" -v b="$(median "$work/peer")" 'BEGIN { printf "%.2f", a / b }')"
fi
