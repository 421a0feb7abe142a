#!/bin/bash
# Quantize, prune, or both, at the same size: what each costs fifteen languages, how unevenly, whether the combination is
# worse than the sum of its parts, and what a byte saved buys.
#
#   pipelines/efficiency.sh [-m MODEL] [FOLDER [N]]   a folder or a GGUF file (corpora/mini); results go to FOLDER
#                                                     (build/efficiency); N segments a language (all)
#
# The three recipes take 4.2 or 4.25 bits a linear weight, however the file has it: 4 bits and a scale for 128; a fifth of
# the weights in 16 bits and a bit each to say where they stand; half of them at 6 bits, the scale and that bit. Generating text reads every weight once a
# token, so speed is counted as the model's bytes over those that are left, embeddings and all, as where memory is what
# limits it: it is a model of speed, not a measurement.
set -euo pipefail
model=corpora/mini
if [ "${1:-}" = -m ]; then
  model=$(realpath "${2:?-m needs a model}")
  shift 2
fi
folder=$(realpath -m "${1:-build/efficiency}")
limit=${2:+--limit=$2}
cd "$(dirname "$0")/.."
mkdir -p "$folder"
same_size='int4 prune=0.8+fp16 prune=0.5+int6'

eq-text -c corpora/udhr -l en,de,fr,es,it,ru,zh,ja,ko,tr,fi,hi,ar,he,sw ${limit:+"$limit"} | eq-token -m "$model" |
  eq-ppl -v -m "$model" -r none -r int4 -r prune=0.8+fp16 -r prune=0.5+int6 -r prune=0.5 -r int6 |
  eq-disparity -o "$folder/damage.mp"
for recipe in $same_size; do eq-quant -q -m "$model" -r "$recipe" | eq-show -f jsonl; done >"$folder/tensors.jsonl"

show() { eq-show -i "$folder/damage.mp" "$@"; }

printf '\nExtra bits a segment in each language, with 95 %% intervals\n\n'
show -k damage -c recipe,lang,group,segments,delta_segment,deg,flags
printf '\nHow unequally: mean extra bits a segment in the high and in the low group of languages, and their ratio\n\n'
show -k disparity -c recipe,delta_high,delta_low,ratio,ratio_reason,worst,best,worst_minus_best,flags
printf '\nPruning half and rounding to 6 bits: extra bits a segment of both, less the sum of each alone\n\n'
show -k interaction -c recipe,parts,lang,group,delta,sum,excess,flags

printf '\nWhat a byte saved buys: speed, and speed over the bits a segment between the worst-hit language and the best\n\n'
{
  printf 'recipe\tbits a weight\ttimes as fast\tworst less best\tspeed over that\n'
  jq -rn --slurpfile tensors "$folder/tensors.jsonl" --slurpfile all <(show -f jsonl -k disparity) '
    [$tensors[].recipe] | unique[] as $r | ([$tensors[] | select(.recipe == $r)]) as $t
    | ($t | map(.weights) | add) as $n | ($t | map(.bytes) | add) as $b | ($t | map(.source_bytes) | add) as $s
    | ($all[] | select(.recipe == $r)) as $d
    | [$r, 8 * $b / $n, $s / $b, $d.worst_minus_best, (if ($d.worst_minus_best // 0) == 0 then null else $s / $b / $d.worst_minus_best end)]
    | @tsv' | awk -F'\t' -v OFS='\t' '{ print $1, sprintf("%.3f", $2), sprintf("%.2f", $3), $4 == "" ? "nan" : sprintf("%.4g", $4), $5 == "" ? "nan" : sprintf("%.4g", $5) }'
} | tee "$folder/efficiency.tsv" | column -t -s "$(printf '\t')"

for image in svg png; do
  eq-plot -i "$folder/damage.mp" -r int4 -r prune=0.8+fp16 -r prune=0.5+int6 -o "$folder/efficiency.$image"
done
printf '\nThe picture: %s (and .png). All numbers: eq-show -i %s\n' "$folder/efficiency.svg" "$folder/damage.mp"
