#!/bin/bash
# Made lid-hs.bin and lid-pruned.ftz beside this file, with Debian's package fasttext 0.9.2. Not run by ./test.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
common=(-input lid-sentences.txt -dim 8 -minn 2 -maxn 3 -lr 1 -epoch 200 -thread 1 -verbose 0)
# As lid.176.bin is: dense, with a hierarchical softmax.
fasttext supervised "${common[@]}" -bucket 300 -loss hs -output "$work/hs"
# As lid.176.ftz is: quantized, with only the weightiest n-grams.
fasttext supervised "${common[@]}" -bucket 2000 -loss softmax -output "$work/pruned"
fasttext quantize -input lid-sentences.txt -output "$work/pruned" -cutoff 600 -qnorm -dsub 3 -verbose 0
cp "$work/hs.bin" lid-hs.bin
cp "$work/pruned.ftz" lid-pruned.ftz
rm -r "$work"
