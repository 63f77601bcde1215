#!/bin/bash
# SIGKILL at random moments over mine, train, index and encode, in turn; a run that was killed is started again. Every run that comes to
# its end must give the bytes of an undisturbed one, and leave no temporary file. Usage: Tests/kills.sh EMS [KILLS=1000]
set -uo pipefail
cd "$(dirname "$0")/.."
ems=$(realpath "$1") wanted=${2:-1000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
model=$PWD/models/ems-mini
awk -F'\t' 'FILENAME ~ /de.txt/ { de[FNR] = $0; next } FILENAME ~ /en.txt/ { en[FNR] = $0; next } { print de[$1] "\t" en[$2] }' \
  demo-data/de.txt demo-data/en.txt demo-data/gold.tsv >"$work/pairs.tsv"
head -300 demo-data/de.txt >"$work/de.txt"
head -300 demo-data/en.txt >"$work/en.txt"
"$ems" encode "$work/de.txt" --model "$model" --language de --output "$work/de.npy" --threads 1 --quiet || exit 1
recipe() {
  cat <<Y
output: $1
tokenizer: $model/sentencepiece.model
model: {num_hidden_layers: 1, hidden_size: 32, num_attention_heads: 2, intermediate_size: 64, language_size: 8, languages: [de, en], max_position_embeddings: 64}
steps: 8
batch_pairs: 16
warmup_steps: 2
learning_rate: 0.001
checkpoint_every: 2
checkpoints_kept: 2
validation: {pairs: 20, every: 4}
data: [{path: $work/pairs.tsv, source_language: de, target_language: en}]
Y
}
command() { # command NAME FOLDER: sets `line`, the command
  case $1 in
    mine) line=("$ems" mine "$work/de.txt" "$work/en.txt" --source-language de --target-language en --model "$model" --index IVF4,Flat
      --output "$2/pairs.tsv" --threads 1 --quiet) ;;
    train) recipe "$2/run" >"$2.yaml"; line=("$ems" train "$2.yaml" --resume --threads 1 --quiet) ;;
    index) line=("$ems" index build "$work/de.npy" --factory IVF4,Flat --output "$2/x.faiss" --threads 1 --quiet) ;;
    encode) line=("$ems" encode "$work/de.txt" --model "$model" --language de --output "$2/x.npy" --threads 1 --quiet) ;;
  esac
}
results() { # what must be the same bytes
  (cd "$1" && find . -type f \( -name '*.tsv' -o -name '*.npy' -o -name '*.faiss' -o -name '*.safetensors' \) ! -path '*.tmp/*' | sort)
}
bad=0 kills=0 inside=0 ends=0
complain() { echo "FAILED: $*" >&2; bad=$((bad + 1)); }
declare -A span
for name in mine train index encode; do
  mkdir "$work/$name.whole" "$work/$name.killed"
  command "$name" "$work/$name.whole"
  start=$(date +%s%N)
  "${line[@]}" || exit 1
  span[$name]=$((($(date +%s%N) - start) / 1000000))
done
finish() { # a run that came to its end
  local name=$1 folder=$work/$1.killed
  ends=$((ends + 1))
  for file in $(results "$work/$name.whole"); do
    cmp -s "$work/$name.whole/$file" "$folder/$file" || complain "$name: other bytes in $file after $kills kills"
  done
  [ "$(results "$folder")" = "$(results "$work/$name.whole")" ] || complain "$name: other files than in an undisturbed run"
  # What a killed encode or index leaves half-written has the killed process's number; runs with a folder remove theirs.
  case $name in mine | train) [ -z "$(find "$folder"/*.work "$folder"/run -name '*.tmp' 2>/dev/null)" ] || complain "$name: left something half-written" ;; esac
  rm -rf "$folder"
  mkdir "$folder"
}
while [ "$kills" -lt "$wanted" ]; do
  for name in mine train index encode; do
    command "$name" "$work/$name.killed"
    "${line[@]}" >/dev/null 2>&1 &
    pid=$!
    # Now and then in the second half too, where the files are written.
    sleep "$(awk -v m="${span[$name]}" -v s="$RANDOM$kills" 'BEGIN { srand(s); printf "%.3f", rand() * m * 1.1 / 1000 }')"
    kill -KILL "$pid" 2>/dev/null && inside=$((inside + 1))
    wait "$pid" 2>/dev/null
    status=$?
    kills=$((kills + 1))
    case $status in
      0) finish "$name" ;;
      137) ;;
      *) complain "$name: status $status" ;;
    esac
  done
  if [ $((kills % 20)) = 0 ]; then echo "$kills kills ($inside inside a run), $ends runs ended with the same bytes, $bad failures"; fi
done
for name in mine train index encode; do
  command "$name" "$work/$name.killed"
  "${line[@]}" || complain "$name: does not come to its end"
  finish "$name"
done
echo "$kills kills ($inside inside a run), $ends runs compared, $bad failures"
[ $bad = 0 ]
