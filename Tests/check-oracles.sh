#!/bin/bash
# Figures of the binary beside independent implementations in Python (Tests/Oracles), on the demo's texts with the shipped
# model. PYTHON names an interpreter with the packages of Tests/Oracles/requirements.txt. Usage: Tests/check-oracles.sh EMS
set -euo pipefail
cd "$(dirname "$0")/.."
ems=$(realpath "$1") python=${PYTHON:-python3} model=models/ems-mini
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Aligned texts of the right pairs, and what BUCC takes: ids before the lines.
for side in 1 2; do
  code=$([ $side = 1 ] && echo de || echo en)
  awk -v side=$side 'NR == FNR { line[FNR] = $0; next } { split($0, pair, "\t"); print line[pair[side]] }' \
    "demo-data/$code.txt" demo-data/gold.tsv >"$work/aligned.$code"
  awk -v code=$code '{ print code "-" NR "\t" $0 }' "demo-data/$code.txt" >"$work/bucc.$code"
done
awk -F'\t' '{ print "de-" $1 "\ten-" $2 }' demo-data/gold.tsv >"$work/bucc.gold"
sed 's/[0-9]/7/g; s/ is / is not /' "$work/aligned.en" >"$work/altered"
mkdir "$work/tatoeba"
for pair in deu:1:60 nld:61:120; do
  IFS=: read -r code first last <<<"$pair"
  sed -n "$first,${last}p" "$work/aligned.de" >"$work/tatoeba/tatoeba.$code-eng.$code"
  sed -n "$first,${last}p" "$work/aligned.en" >"$work/tatoeba/tatoeba.$code-eng.eng"
done

# The script says how far the figures are apart; beyond 1e-6 one of them is wrong.
check() {
  "$python" -B Tests/Oracles/check_evaluation.py "$ems" "$model" "$@" >"$work/said"
  cat "$work/said"
  if ! awk '/^largest difference/ { found = 1; if ($3 > 1e-6) exit 1 } END { if (!found) exit 1 }' "$work/said"; then
    echo "failed: check_evaluation.py $*" >&2
    exit 1
  fi
}
echo "oracle: embeddings, in double precision"
"$ems" encode "$work/aligned.de" --model "$model" --language de --output "$work/x.npy" --quiet
"$ems" encode "$work/aligned.en" --model "$model" --language en --output "$work/y.npy" --quiet
"$python" -B Tests/Oracles/reference_encode.py --model "$model" --input "$work/aligned.de" --output "$work/reference.npy"
"$python" -B Tests/Oracles/compare_npy.py "$work/x.npy" "$work/reference.npy"
if "$python" -c "import sentence_transformers" 2>/dev/null; then
  echo "oracle: exported models, by sentence-transformers"
  for arguments in "$model" "- --spm Tests/EncoderTests/Fixtures/tiny.model --languages 5"; do
    # shellcheck disable=SC2086 # a model and its options
    "$python" -B Tests/Oracles/check_export.py "$ems" $arguments --text "$work/aligned.de" "$work/aligned.en" 2>"$work/said" ||
      { cat "$work/said" >&2; exit 1; }
  done
  echo "oracle: encoders of other families, by sentence-transformers"
  "$python" -B Tests/Oracles/check_families.py "$ems" "$work/aligned.de" "$work/aligned.en" --lines 40 2>"$work/said" ||
    { cat "$work/said" >&2; exit 1; }
else
  echo "oracle: exported models and other families: skipped, sentence-transformers is not there"
fi
if "$python" -c "import translate, pyarrow, pandas" 2>/dev/null; then
  echo "oracle: bitexts, by translate-toolkit, pyarrow and pandas"
  "$python" -B Tests/Oracles/check_bitext.py "$ems" "$model"
else
  echo "oracle: bitexts: skipped, translate-toolkit, pyarrow or pandas is not there"
fi
echo "oracle: protocols"
check tatoeba "$work/tatoeba" deu nld
check retrieval "$work/aligned.de" "$work/aligned.en"
check bucc "$work/bucc.de" "$work/bucc.en" "$work/bucc.gold"
check xsim "$work/aligned.de" "$work/aligned.en" "both=$work/altered"
check paracrawl "$work/aligned.de" "$work/aligned.en" 150 100
echo "oracle: index files, by Faiss itself"
"$python" -B Tests/Oracles/check_faiss.py "$ems" "$work/x.npy" "$work/y.npy" Flat IVF4,Flat IVF4,SQfp16
echo "oracles: all agree"
