#!/bin/bash
# What `make demo` runs: seven ways of rounding the embedded model, and what each of them costs fifteen languages.
# The paragraphs of the Universal Declaration of Human Rights are parallel, so every comparison is paired.
#
#   pipelines/demo.sh [FOLDER [N]]   results go to FOLDER (build/demo); N segments a language (all)
set -euo pipefail
folder=$(realpath -m "${1:-build/demo}")
limit=${2:+--limit=$2}
cd "$(dirname "$0")/.."
mkdir -p "$folder"

eq-text -c corpora/udhr -l en,de,fr,es,it,ru,zh,ja,ko,tr,fi,hi,ar,he,sw ${limit:+"$limit"} |
  eq-token -m corpora/mini |
  eq-ppl -v -m corpora/mini -r none -r int8 -r int4 -r int4/tensor -r 'int4/tensor;L0=keep' \
    -r 'int4/tensor;L0,L-1=keep' -r 'int4/tensor;L0,L9,L-1=keep' -r seed-w |
  eq-disparity -o "$folder/damage.mp"

show() { eq-show -i "$folder/damage.mp" "$@"; }

printf '\nWhat each recipe costs each language: extra bits a segment, with 95 %% intervals, and percent perplexity\n\n'
show -k damage -c recipe,lang,group,segments,bits_segment,delta_segment,deg,flags

printf '\nHow unequally: mean extra bits a segment in the high and in the low group of languages, and their ratio\n\n'
show -k disparity -c recipe,delta_high,delta_low,ratio,ratio_reason,worst,best,flags

for image in svg png; do eq-plot -i "$folder/damage.mp" -o "$folder/damage.$image"; done
printf '\nThe picture: %s (and .png). All numbers: %s -i %s\n' "$folder/damage.svg" "$(command -v eq-show)" "$folder/damage.mp"
