#!/bin/bash
# Speed of eq-token as a whole, by the clock on the wall: records of 100 MB of segments drawn from all of UDHR, with one
# thread and with two in turns, the best of 3. Reading and writing the records overlap with the work, but they too take
# a processor: what threads alone gain is in tokenize.c.
#
#   token_records.sh [MODEL]      (corpora/mini)
set -euo pipefail
export LC_ALL=C
model=${1:-corpora/mini} bytes=100000000
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed -s 's/^[^\t]*\t//' corpora/udhr/*.tsv |
  awk -v bytes=$bytes '{ text[NR] = $0 }
    END { for (x = 1; n < bytes; n += length(line) + 1) {
            x = (x * 16807) % 2147483647 # Park and Miller 1988
            line = text[x % NR + 1]
            print ++id "\t" line } }' >"$folder/mixed.tsv"
bytes=$(wc -c <"$folder/mixed.tsv")
eq-text -c "$folder/mixed.tsv" -l en -o "$folder/mixed.mp"

once() { # threads; microseconds
  local began=${EPOCHREALTIME/./}
  eq-token -m "$model" -t "$1" -i "$folder/mixed.mp" >/dev/null
  echo $((${EPOCHREALTIME/./} - began))
}

best=(0 999999999999 999999999999)
for _ in 1 2 3; do
  for threads in 1 2; do
    took=$(once "$threads")
    ((took >= best[threads])) || best[threads]=$took
  done
done
awk -v bytes="$bytes" -v one="${best[1]}" -v two="${best[2]}" 'BEGIN {
  printf "  %d MB, one thread %.1f MB/s, two %.1f MB/s, %.2f times as much\n", bytes / 1e6, bytes / one, bytes / two, one / two }'
