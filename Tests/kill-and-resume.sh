#!/bin/bash
# Kills a training run with SIGKILL at random moments, resumes it every time, and compares the end with an undisturbed
# run's, byte for byte. Usage: Tests/kill-and-resume.sh EMS CONFIG.yaml KILLS [MOST_SECONDS]
# The configuration's output is not touched: two copies are made beside it, with outputs of their own.
set -euo pipefail
ems=$1 config=$2 kills=$3 most=${4:-3}
folder=$(cd "$(dirname "$config")" && pwd)
name=kill-and-resume.$$
for run in whole killed; do
  sed "s|^output:.*|output: $name.$run.run|" "$config" > "$folder/$name.$run.yaml"
done
grep -q '^minutes:' "$config" && { echo "minutes: depends on the machine's speed; use steps" >&2; exit 64; }

"$ems" train "$folder/$name.whole.yaml" --quiet
done_early=0
for ((i = 1; i <= kills; i++)); do
  "$ems" train "$folder/$name.killed.yaml" --resume --quiet &
  pid=$!
  sleep "$(awk -v m="$most" -v s="$RANDOM$i" 'BEGIN { srand(s); print rand() * m }')"
  if kill -KILL "$pid" 2> /dev/null; then
    wait "$pid" 2> /dev/null || true
  else
    wait "$pid"
    done_early=$((done_early + 1))
  fi
  echo "kill $i: $(ls "$folder/$name.killed.run/checkpoints" 2> /dev/null | grep -v tmp | tail -1)"
done
"$ems" train "$folder/$name.killed.yaml" --resume --quiet
status=0
for file in final/model.safetensors best/model.safetensors; do
  cmp "$folder/$name.whole.run/$file" "$folder/$name.killed.run/$file" || status=1
done
last=$(ls "$folder/$name.whole.run/checkpoints" | grep -v tmp | tail -1)
for file in model optimizer; do
  cmp "$folder/$name.whole.run/checkpoints/$last/$file.safetensors" \
    "$folder/$name.killed.run/checkpoints/$last/$file.safetensors" || status=1
done
find "$folder/$name.killed.run" -name '*.tmp' | sed 's/^/left behind: /'
[ $status = 0 ] && echo "$kills kills ($done_early after the end): the same bytes" && rm -r "$folder/$name".*
exit $status
