#!/bin/bash
# Tokens a second of eq-ppl beside llama-perplexity: the same GGUF file, text, context and threads, whole processes by the
# clock on the wall and by the processor's time, in turns; the median of 3. Ours decodes the weights and multiplies in
# float32; llama.cpp rounds the activations to 8 bits and multiplies integers.
#
#   LLAMA_CPP=FOLDER perplexity.sh MODEL.gguf...     FOLDER: that of llama-perplexity
set -euo pipefail
export LC_ALL=C TIMEFORMAT='%R %U %S'
threads=$(nproc)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
eq-text -c corpora/udhr -l en --join newline >"$folder/text.mp"
eq-show -i "$folder/text.mp" -f jsonl | jq -rj .text >"$folder/text.txt"

# timed COMMAND...: seconds on the wall, and of the processor
timed() {
  { time "$@" >"$folder/out" 2>"$folder/err"; } 2>&1 | awk '{ print $1, $2 + $3 }'
}
ours() { timed eq-ppl -t "$threads" -m "$1" --as llama.cpp -i "$folder/tokens.mp"; }
theirs() { timed "$LLAMA_CPP/llama-perplexity" -t "$threads" -c 512 -m "$1" -f "$folder/text.txt"; }
median() { sort -n | sed -n 2p; }

for model; do
  eq-token -m "$model" -i "$folder/text.mp" -o "$folder/tokens.mp"
  for _ in 1 2 3; do
    ours "$model" >>"$folder/ours"
    theirs "$model" >>"$folder/theirs"
  done
  chunks=$(sed -n 's/.* over \([0-9]*\) chunks.*/\1/p' "$folder/err" "$folder/out" | tail -n 1)
  awk -v name="$(basename "$model")" -v chunks="${chunks:?llama-perplexity printed no number of chunks}" \
    -v wall="$(cut -d' ' -f1 "$folder/ours" | median)" -v their_wall="$(cut -d' ' -f1 "$folder/theirs" | median)" \
    -v cpu="$(cut -d' ' -f2 "$folder/ours" | median)" -v their_cpu="$(cut -d' ' -f2 "$folder/theirs" | median)" 'BEGIN {
    n = chunks * 512
    printf "  %-16s %d tokens: %.0f a second, llama.cpp %.0f: %.2f times as many (%.2f by the processor\x27s time)\n",
      name, n, n / wall, n / their_wall, their_wall / wall, their_cpu / cpu }'
  rm "$folder/ours" "$folder/theirs"
done
