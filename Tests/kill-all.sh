#!/bin/bash
# Training and mining, killed at random moments and started again, on the demo's texts: Tests/kill-and-resume.sh and
# Tests/kill-mine.sh with settings that take minutes. Usage: Tests/kill-all.sh EMS [KILLS=6]
set -euo pipefail
cd "$(dirname "$0")/.."
ems=$(realpath "$1") kills=${2:-6}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -F'\t' 'FILENAME ~ /de.txt/ { de[FNR] = $0; next } FILENAME ~ /en.txt/ { en[FNR] = $0; next } { print de[$1] "\t" en[$2] }' \
  demo-data/de.txt demo-data/en.txt demo-data/gold.tsv >"$work/pairs.tsv"
cat >"$work/recipe.yaml" <<Y
output: run
tokenizer: $PWD/models/ems-mini/sentencepiece.model
model: {num_hidden_layers: 1, hidden_size: 32, num_attention_heads: 2, intermediate_size: 64, language_size: 8, languages: [de, en], max_position_embeddings: 64}
steps: 60
batch_pairs: 16
warmup_steps: 5
learning_rate: 0.001
checkpoint_every: 10
mask_duplicates: true
validation: {pairs: 20, every: 20}
data: [{path: pairs.tsv, source_language: de, target_language: en}]
Y
Tests/kill-and-resume.sh "$ems" "$work/recipe.yaml" "$kills" 2
Tests/kill-mine.sh "$kills" 1 "$ems" mine demo-data/de.txt demo-data/en.txt --source-language de --target-language en \
  --model models/ems-mini
