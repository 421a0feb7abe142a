# How much memory eq-ppl says it will take, and takes.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup_file() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  export tokens=$BATS_FILE_TMPDIR/tokens.mp
  eq-text -c corpora/udhr -l ar,de,en,fr,he,ru,hi,zh | eq-token -m corpora/mini -o "$tokens"
}

# peak: MiB of the line that -v ends with. foretold: of the one before.
peak() { sed -n 's/.* \([0-9.]*\) MiB peak memory$/\1/p' <<<"$stderr"; }
foretold() { sed -n 's/.*peak memory will be about \([0-9.]*\) MiB$/\1/p' <<<"$stderr"; }

@test "--dry-run foretells the peak within 20 %, and reads nothing" {
  [ "${EQ_SAN:-0}" = 0 ] || skip "the sanitizer takes memory of its own"
  run -0 --separate-stderr eq-ppl -m corpora/mini --dry-run -i /dev/null
  dry=$(foretold)
  run -0 --separate-stderr eq-ppl -m corpora/mini -v -i "$tokens" -o /dev/null
  echo "foretold $dry and $(foretold), took $(peak)"
  awk -v a="$dry" -v b="$(peak)" 'BEGIN { exit !(a > 0 && b > 0 && a < 1.2 * b && a > b / 1.2) }'
}

@test "--max-memory holds, and results are the same bytes" {
  [ "${EQ_SAN:-0}" = 0 ] || skip "the sanitizer takes memory of its own"
  eq-ppl -m corpora/mini -r int4 -i "$tokens" -o "$BATS_TEST_TMPDIR/free.mp"
  run -0 --separate-stderr eq-ppl -m corpora/mini -r int4 --max-memory 50M -v -i "$tokens" -o "$BATS_TEST_TMPDIR/held.mp"
  awk -v b="$(peak)" 'BEGIN { exit !(b > 0 && b < 50) }'
  cmp "$BATS_TEST_TMPDIR/free.mp" "$BATS_TEST_TMPDIR/held.mp"
}

@test "a limit that cannot be held is refused, saying what would do" {
  run -1 --separate-stderr eq-ppl -m corpora/mini --max-memory 10M -i "$tokens" -o /dev/null
  [[ $stderr == *'a run takes at least '*' MiB'* || $stderr == *'the program itself takes'* ]]
  run -2 --separate-stderr eq-ppl -m corpora/mini --max-memory 8X </dev/null
  [[ $stderr == *"--max-memory: '8X': expected bytes"* ]]
}

# holds EQ-PPL-OPTIONS: the peak is at most what is foretold, and that at most 20 % and 20 MiB (of buffers that a short
# text leaves untouched) more than the peak.
holds() {
  run -0 --separate-stderr eq-ppl -v -o /dev/null "$@"
  echo "$*: foretold $(foretold), took $(peak)"
  awk -v a="$(foretold)" -v b="$(peak)" 'BEGIN { exit !(a > 0 && b > 0 && b <= a && a < 1.2 * b + 20) }'
}

@test "the peak stays at or below what is foretold, whatever is run" {
  [ "${EQ_SAN:-0}" = 0 ] || skip "the sanitizer takes memory of its own"
  local small=$BATS_TEST_TMPDIR/small.mp kept=$BATS_TEST_TMPDIR/kept full=$BATS_TEST_TMPDIR/full.mp model
  eq-text -c corpora/udhr -l hi,he,ar | eq-token -m corpora/mini -o "$full" # more than a batch
  awk 'BEGIN { for (i = 0; i < 400; i++) { n = i * 7 % 120 + 1; ids = ""
    for (k = 0; k < n; k++) { x = (x * 75 + 74) % 65537; ids = ids (k ? "," : "") (x + i) % 17 }
    printf "{\"k\":\"tokens\",\"lang\":\"en\",\"id\":\"%d\",\"ids\":[%s]}\n", i, ids } }' |
    eq-show --from jsonl -f stream -o "$small"
  holds -m corpora/mini -i "$full" -r none -r L9=int4 -r 'int4;L6=keep' --per-token
  holds -m corpora/mini -i "$full" -r int4 --reference none
  holds -m corpora/mini -i "$full" --keep-logits "$kept"
  holds -m corpora/mini -i "$full" -r int4 --reference "$kept"
  holds -m corpora/mini -i "$full" -r int4 --reference "$kept" --max-memory 50M
  # a file of more than the limit
  eq-ppl -q -m corpora/mini -i "$tokens" --keep-logits "$kept" -o /dev/null
  [ "$(stat -c %s "$kept")" -gt 20000000 ]
  holds -m corpora/mini -i "$full" --reference "$kept" --max-memory 30M -t 1
  awk -v b="$(peak)" 'BEGIN { exit !(b < 30) }'
  holds -m corpora/mini -i "$full" -t 8
  for model in models/bert gguf/mixtral.gguf gguf/llama3.gguf models/bloom models/llama-pack-quantized; do
    local run=(-m "tests/golden/$model" --ctx 32 -i "$small")
    case $model in *bert) run+=(--mask-id 3) ;; *mixtral*) run+=(--experts) ;; esac
    holds "${run[@]}"
    holds "${run[@]}" -r int4/row --reference none
  done
}

@test "a model that promises 100 million positions takes no memory for them" {
  [ "${EQ_SAN:-0}" = 0 ] || skip "the sanitizer takes memory of its own"
  local model one=$BATS_TEST_TMPDIR/one.mp
  echo '{"k":"tokens","lang":"en","id":"0","ids":[3,5,6]}' | eq-show --from jsonl -f stream -o "$one"
  for model in llama phi3-longrope; do
    mkdir -p "$BATS_TEST_TMPDIR/$model"
    cp "tests/golden/models/$model/model.safetensors" "$BATS_TEST_TMPDIR/$model"
    jq '.max_position_embeddings = 100000000' "tests/golden/models/$model/config.json" >"$BATS_TEST_TMPDIR/$model/config.json"
    run -0 --separate-stderr eq-ppl -v -m "$BATS_TEST_TMPDIR/$model" -i "$one" -o /dev/null
    [[ $stderr == *'the context is 2048 of the model'*'100000000 positions'* ]]
    awk -v b="$(peak)" 'BEGIN { exit !(b > 0 && b < 40) }'
  done
  # who asks for all of them is told what would do
  run -2 --separate-stderr eq-ppl -m "$BATS_TEST_TMPDIR/llama" --as hf --prefix none -i "$one"
  [[ $stderr == *'out of memory ('*'try a smaller --ctx or fewer --threads)' && ${#stderr_lines[@]} = 1 ]]
}
