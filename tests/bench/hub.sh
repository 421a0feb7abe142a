#!/bin/bash
# The hub's own speed, with one worker whose command is cat, and what a second worker brings eq-ppl, a thread each; the
# median of five runs, one and two workers in turn. Promised: 100,000 units of 200 bytes a second; on two cores that
# nothing else uses, 1.85 times one worker. On a busy machine the processor's time tells more: what the only worker's
# command takes, over what the busier of two takes.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
hub=ipc://$folder/hub

# run INPUT WORKERS COMMAND...: the hub's seconds.
run() {
  local input=$1 workers=$2 i
  shift 2
  for ((i = 0; i < workers; i++)); do eq-work "$hub" -- "$@" & done
  eq-hub -v "$hub" -i "$input" -o /dev/null 2>&1 | sed -n 's/.*: \([0-9.]*\) s wall.*/\1/p'
  wait
}

# processor WORDS: the seconds of the busiest command that said so.
processor() { sed -n 's/^eq-ppl: .* wall, \([0-9.]*\) s CPU.*/\1/p' "$1" | sort -n | tail -n 1; }

# median: of the numbers on stdin.
median() { sort -n | sed -n 3p; }

text=$(printf '%0168d' 0)
seq 300000 | sed "s/.*/{\"k\":\"text\",\"lang\":\"en\",\"id\":\"&\",\"text\":\"$text\"}/" |
  eq-show --from jsonl -f stream >"$folder/units"
seconds=$(for _ in 1 2 3 4 5; do run "$folder/units" 1 cat; done | median)
awk -v s="$seconds" -v bytes="$(stat -c %s "$folder/units")" \
  'BEGIN { printf "hub alone        %.0f units/s of %.0f bytes\n", 300000 / s, bytes / 300000 }'

eq-text -c corpora/udhr -l en,de,he,ar,fr,es | eq-token -m corpora/mini >"$folder/tokens"
for _ in 1 2 3 4 5; do
  for n in 1 2; do
    run "$folder/tokens" $n eq-ppl -v -m corpora/mini -r none -r int4 -t 1 >>"$folder/seconds$n" 2>"$folder/said"
    processor "$folder/said" >>"$folder/processor$n"
  done
done
for kind in seconds processor; do
  awk -v kind=$kind -v one="$(median <"$folder/${kind}1")" -v two="$(median <"$folder/${kind}2")" \
    'BEGIN { printf "eq-ppl %9s one worker %.2f s, two %.2f s: %.2f times\n", kind, one, two, one / two }'
done
