#!/bin/bash
# Kills a mining run with SIGKILL at random moments, starts it again every time, and compares the end with an undisturbed
# run's, byte for byte. Usage: Tests/kill-mine.sh KILLS MOST_SECONDS EMS mine SOURCE TARGET ARGUMENTS (all but --output and --work)
set -euo pipefail
kills=$1 most=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$@" --output "$folder/whole.tsv" --quiet
inside=0
for ((i = 1; i <= kills; i++)); do
  "$@" --output "$folder/killed.tsv" --quiet &
  pid=$!
  sleep "$(awk -v m="$most" -v s="$RANDOM$i" 'BEGIN { srand(s); print rand() * m }')"
  if kill -KILL "$pid" 2> /dev/null; then inside=$((inside + 1)); fi
  wait "$pid" 2> /dev/null || true
  echo "kill $i: $(ls "$folder/killed.tsv.work" | grep -c json$ || true) stages done"
  # A run that came to its end begins anew, so that every kill falls inside one.
  if [ -e "$folder/killed.tsv" ]; then
    cmp "$folder/whole.tsv" "$folder/killed.tsv"
    rm -r "$folder"/killed.tsv*
  fi
done
"$@" --output "$folder/killed.tsv" --quiet
for file in tsv tsv.json; do cmp "$folder/whole.$file" "$folder/killed.$file"; done
find "$folder/killed.tsv.work" -name '*.tmp' | sed 's/^/left behind: /'
echo "$kills kills ($inside inside a run): the same bytes"
