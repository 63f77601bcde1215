#!/bin/bash
# Runs commands with their Nth call on a file failing, for every N until none is left: full disk (ENOSPC), failing disk (EIO),
# signal in a call (EINTR), short write. Tests/Faults/faults.c, a preloaded library, makes them fail.
# After each: the status is 0 or a documented one, an output under its final name is byte for byte what an undisturbed run
# writes, a run that says 0 has written it, and the same command without fault then gives the same bytes.
# Usage: Tests/faults.sh EMS [MOST=0] [COMMAND...]   MOST: about so many points of each command and kind, spread; 0 for all
set -uo pipefail
cd "$(dirname "$0")/.."
ems=$(realpath "$1") most=${2:-0}
shift; shift || true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O1 -shared -fPIC -o "$work/faults.so" Tests/Faults/faults.c -ldl || exit 1
model=$PWD/models/ems-mini
head -60 demo-data/de.txt >"$work/de.txt"
head -60 demo-data/en.txt >"$work/en.txt"
paste "$work/de.txt" "$work/en.txt" >"$work/pairs.tsv"
seq 1 300 | sed 's/$/ is a number, and this is a sentence with it/' >"$work/many.txt"
"$ems" encode "$work/many.txt" --model "$model" --language en --output "$work/many.npy" --quiet || exit 1
"$ems" index train "$work/many.npy" --factory IVF4,Flat --output "$work/trained.faiss" --threads 1 --quiet || exit 1
mkdir "$work/files" && cp "$work/de.txt" "$work/files/"
tar -cf "$work/files/a.tar" -C "$work" de.txt en.txt
cat >"$work/manifest.yaml" <<Y
name: here
version: "1"
description: two files
licence: CC0-1.0
licence_url: null
use: any
source: https://example.org
citation: none
languages: [de, en]
unverified: [licence_url, sha256, lines]
files:
  - {name: de.txt, url: "file://$work/files/de.txt", languages: [de], compression: none, format: text, bytes: $(stat -c %s "$work/files/de.txt"), sha256: null, lines: null}
  - {name: a.tar, url: "file://$work/files/a.tar", languages: [de, en], compression: none, format: tar, bytes: $(stat -c %s "$work/files/a.tar"), sha256: null, lines: null}
Y
recipe() { # recipe OUTPUT
  cat <<Y
output: $1
tokenizer: $model/sentencepiece.model
model: {num_hidden_layers: 1, hidden_size: 16, num_attention_heads: 2, intermediate_size: 16, language_size: 4, languages: [de, en], max_position_embeddings: 32}
steps: 2
batch_pairs: 4
warmup_steps: 1
learning_rate: 0.001
checkpoint_every: 1
validation: {pairs: 4, every: 1}
data: [{path: $work/pairs.tsv, source_language: de, target_language: en}]
Y
}

# What each command runs in a folder of its own ($1), and the names of what it makes there.
run() {
  local name=$1 folder=$2
  case $name in
    encode) "$ems" encode "$work/de.txt" --model "$model" --language de --output "$folder/x.npy" --threads 1 --quiet ;;
    mine) "$ems" mine "$work/de.txt" "$work/en.txt" --source-language de --target-language en --model "$model" \
      --work "$folder/work" --output "$folder/pairs.tsv" --threads 1 --quiet ;;
    mine-index) "$ems" mine "$work/many.txt" "$work/en.txt" --source-language de --target-language en --model "$model" \
      --index IVF4,Flat --work "$folder/work" --output "$folder/pairs.tsv" --threads 1 --quiet ;;
    mine-embeddings) "$ems" mine --source-embeddings "$work/many.npy" --target-embeddings "$work/many.npy" \
      --output "$folder/pairs.tsv" --threads 1 --quiet ;;
    index) "$ems" index build "$work/many.npy" --factory IVF4,Flat --output "$folder/x.faiss" --threads 1 --quiet ;;
    index-merge) "$ems" index merge "$work/trained.faiss" "$work/trained.faiss" --output "$folder/x.faiss" --threads 1 --quiet ;;
    search) "$ems" index search "$work/trained.full.faiss" "$work/many.npy" --k 2 --output "$folder/x.tsv" --threads 1 --quiet ;;
    tokenizer) "$ems" tokenizer train "$work/many.txt" --vocab-size 60 --output "$folder/t" --quiet --threads 1 ;;
    train) [ -e "$folder.yaml" ] || recipe "$folder/run" >"$folder.yaml"
      "$ems" train "$folder.yaml" --resume --threads 1 --quiet ;;
    export) "$ems" model export "$model" --output "$folder/m" --replace --quiet ;;
    fetch) "$ems" data fetch "$work/manifest.yaml" --output "$folder/data" --extract --quiet --retries 0 ;;
  esac
}
# The files that must be whole under their names: everything but what may differ from run to run (times, paths, logs).
results() {
  (cd "$1" && find . -type f ! -name '*.tmp' ! -name lock ! -path '*/.ems-data/*' ! -name '*.json' ! -name metrics.jsonl \
    ! -name config.yaml ! -path '*.tmp/*' ! -name state.json ! -path '*.damaged/*' | sort)
}
"$ems" index build "$work/many.npy" --trained "$work/trained.faiss" --output "$work/trained.full.faiss" --threads 1 --quiet || exit 1

# Those that have but one content in the middle of a run, too: best/ is the best model so far.
always() { results "$1" | grep -v /best/; }

bad=0 points=0
complain() { echo "FAILED: $*" >&2; bad=$((bad + 1)); }
for name in ${*:-encode mine mine-index mine-embeddings index index-merge search tokenizer train export fetch}; do
  whole=$work/$name.whole
  mkdir "$whole"
  run "$name" "$whole" >"$work/log" 2>&1 || { cat "$work/log" >&2; complain "$name: without any fault"; continue; }
  here=0
  for kind in ENOSPC EIO EINTR SHORT; do
    trial=$work/$name.$kind
    # How many calls there are.
    mkdir "$trial"
    EMS_FAULT_ROOT=$trial EMS_FAULT_AT=0 EMS_FAULT_LOG=$work/calls LD_PRELOAD=$work/faults.so run "$name" "$trial" >"$work/log" 2>&1
    calls=$(cat "$work/calls" 2>/dev/null || echo 0)
    step=1
    if [ "$most" -gt 0 ] && [ "$calls" -gt "$most" ]; then step=$(((calls + most - 1) / most)); fi
    for ((n = 1; n <= calls; n += step)); do
      rm -rf "$trial"; mkdir "$trial"
      EMS_FAULT_ROOT=$trial EMS_FAULT_AT=$n EMS_FAULT_KIND=$kind LD_PRELOAD=$work/faults.so \
        timeout 60 bash -c "$(declare -f run recipe); $(declare -p ems model work name trial); run \$name \$trial" >"$work/log" 2>&1
      status=$?
      here=$((here + 1))
      case $status in
        0 | 65 | 66 | 74) ;;
        *) complain "$name, $kind at $n of $calls: status $status: $(tail -c 400 "$work/log")" ;;
      esac
      [ $status = 0 ] || grep -q 'ems: error: ' "$work/log" || complain "$name, $kind at $n: status $status without a word"
      for file in $(always "$trial"); do
        cmp -s "$whole/$file" "$trial/$file" || complain "$name, $kind at $n: $file is there, but not what it must be"
      done
      if [ $status = 0 ]; then
        [ "$(results "$trial")" = "$(results "$whole")" ] || complain "$name, $kind at $n: status 0, but not all is there"
      else
        run "$name" "$trial" >"$work/log" 2>&1 || complain "$name, $kind at $n: does not run afterwards: $(tail -c 400 "$work/log")"
        for file in $(results "$whole"); do
          cmp -s "$whole/$file" "$trial/$file" || complain "$name, $kind at $n: another $file afterwards"
        done
      fi
    done
    rm -rf "$trial" "$trial.yaml"
  done
  points=$((points + here))
  echo "$name: $here points"
done
echo "$points points, $bad failures"
[ $bad = 0 ]
