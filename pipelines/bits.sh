#!/bin/bash
# What 8 to 2 bits in every granularity do to fifteen languages: damage with intervals, and a figure of curves.
# The paragraphs of the Universal Declaration of Human Rights are parallel, so every comparison is paired.
#
#   pipelines/bits.sh [-m MODEL] [FOLDER [N]]   a folder or a GGUF file (corpora/mini); results go to FOLDER (build/bits);
#                                               N segments a language (all)
set -euo pipefail
model=corpora/mini
if [ "${1:-}" = -m ]; then
  model=$(realpath "${2:?-m needs a model}")
  shift 2
fi
folder=$(realpath -m "${1:-build/bits}")
limit=${2:+--limit=$2}
cd "$(dirname "$0")/.."
mkdir -p "$folder"

for granularity in tensor row g128; do
  for bits in 8 7 6 5 4 3 2; do echo "int$bits/$granularity"; done
done >"$folder/recipes"

eq-text -c corpora/udhr -l en,de,fr,es,it,ru,zh,ja,ko,tr,fi,hi,ar,he,sw ${limit:+"$limit"} | eq-token -m "$model" |
  eq-ppl -v -m "$model" -r none -R "$folder/recipes" | eq-disparity -o "$folder/damage.mp"

show() { eq-show -i "$folder/damage.mp" "$@"; }

printf '\nExtra bits a segment in each language, with 95 %% intervals\n\n'
show -k damage -c recipe,lang,group,segments,delta_segment,deg,flags
printf '\nHow unequally: mean extra bits a segment in the high and in the low group of languages, and their ratio\n\n'
show -k disparity -c recipe,delta_high,delta_low,ratio,ratio_reason,worst,best,flags

for image in svg png; do eq-plot --curves -i "$folder/damage.mp" -o "$folder/bits.$image"; done
printf '\nThe picture: %s (and .png). All numbers: eq-show -i %s\n' "$folder/bits.svg" "$folder/damage.mp"
