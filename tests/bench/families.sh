#!/bin/bash
# Tokenizers of every family: MB/s of one thread over all UDHR, warm, and in its slowest script; and seconds for 1 MB of
# the worst text. Promised: 15 MB/s with a unigram model, a second for the worst text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# row NAME MODEL
row() {
  "$EQ_BUILD/bench/tokenize" --scripts "$2" | awk -v name="$1" '
    NF == 7 && length($1) == 4 { speed[$1] = $7 }
    $1 == "slowest" { slowest = $2 }
    $1 == "all" { all = $7 }
    /1 MB,/ && $(NF - 1) > worst { worst = $(NF - 1) }
    END { printf "  %-16s %6.1f MB/s, slowest %s %6.1f MB/s, worst text %.3f s\n", name, all, slowest, speed[slowest], worst }'
}

for name in llama3 roberta llama2 gemma clip xlmr t5 bert_cased bert_uncased; do
  mkdir "$folder/$name"
  cp "tests/golden/trained/$name.json" "$folder/$name/tokenizer.json"
  row "$name" "$folder/$name"
done
for name in bpe llama unigram; do row "$name.model" "tests/golden/pieces/$name.model"; done
cp tests/golden/pieces/ranks.tiktoken "$folder/cl100k_base.tiktoken"
row tiktoken "$folder/cl100k_base.tiktoken"
