#!/bin/bash
# How long eq-token takes from its start to its end on a stream without texts, with vocabularies as large as the largest
# that people use: the best of 5, and the first time, when the file is not in memory. Promised: a tokenizer.json of
# 17 MB in 0.5 s, a GGUF file with 262,144 tokens and their scores in 0.3 s.
set -euo pipefail
made=${EQ_BUILD:-build/gcc}/bench/vocabularies
if [ ! -e "$made/done" ]; then # a minute; once a build folder
  python3 tests/bench/vocabularies.py "$made"
  touch "$made/done"
fi
eq-text -c corpora/udhr -l en --limit 0 >"$made/empty.mp"

# once PATH: seconds by the clock, and of the processor
once() {
  local TIMEFORMAT='%R %U %S'
  { time eq-token -m "$1" -i "$made/empty.mp" >"$made/out"; } 2>&1 | awk '{ print $1, $2 + $3 }'
}

# row NAME MODEL PROMISED: in seconds, 0 for nothing
row() {
  local file=$2 cold
  [ -d "$file" ] && file=$file/tokenizer.json
  dd if="$file" iflag=nocache count=0 status=none
  cold=$(once "$2")
  for _ in 1 2 3 4 5; do once "$2"; done |
    awk -v name="$1" -v mb="$(stat -c %s "$file")" -v cold="${cold% *}" -v promised="$3" '
      NR == 1 || $1 < best { best = $1 }
      NR == 1 || $2 < cpu { cpu = $2 }
      END {
        printf "  %-46s %5.1f MB  %.3f s (%.3f s of the processor), from the disk %.3f s", name, mb / 1e6, best, cpu, cold
        if (promised) printf ", promised %.1f s", promised
        print ""
      }'
}

row 'tokenizer.json, 250,002 unigram pieces' "$made/unigram" 0.5
row 'tokenizer.json, 256,000 tokens, 500,000 merges' "$made/bpe" 0
row 'GGUF, 262,144 tokens with scores' "$made/spm.gguf" 0.3
row 'GGUF, 262,144 tokens, 500,000 merges' "$made/bpe.gguf" 0
