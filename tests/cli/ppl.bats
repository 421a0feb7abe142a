# eq-ppl against other programs' numbers and against itself run otherwise.
bats_require_minimum_version 1.5.0

setup() {
  DEMO_LANGS=en,de,fr,es,it,ru,zh,ja,ko,tr,fi,hi,ar,he,sw
  MINI=corpora/mini
}

# tokens LANGS [eq-text options]: a tokens stream of UDHR.
tokens() {
  local langs=$1
  shift
  eq-text -c corpora/udhr -l "$langs" "$@" | eq-token -m "$MINI"
}

# rows COLUMNS: surprisal records as TSV without its header line.
rows() { eq-show -f tsv -k surprisal -c "$1" | tail -n +2; }

@test "bits and divergence of a segment equal Hugging Face transformers' for every recipe of the demo" {
  tokens "$DEMO_LANGS" | eq-show -f jsonl | grep -E '"id":"(art03.1|art26.1|pre.01)"' | eq-show --from jsonl -f stream |
    eq-ppl -m "$MINI" -r none -r int8 -r int4 -r int4/tensor -r 'int4/tensor;L0=keep' -r 'int4/tensor;L0,L-1=keep' \
      -r 'int4/tensor;L0,L9,L-1=keep' -r seed-w --reference none >"$BATS_TEST_TMPDIR/out"
  rows lang,id,recipe,n_tokens,nll,kl,same_top <"$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/ours"
  awk -F '\t' -v OFS='\t' '
    NR == FNR { key = $1 SUBSEP $2 SUBSEP $3
      tokens[key] = $4; bits[key] = $5 / log(2); kl[key] = $6; top[key] = $7; next }
    /^#/ || $1 == "lang" { next }
    { n++; key = $1 SUBSEP $2 SUBSEP $3
      off = (bits[key] - $5) / $5; if (off < 0) off = -off
      apart = kl[key] - $6; if (apart < 0) apart = -apart
      if (apart > 1e-4 * $6 + 1e-6 * $4 || top[key] != $7) { print "diverges:", $0, kl[key], top[key]; bad++ }
      if (!(key in bits) || tokens[key] != $4 || off > 1e-4) { print "differs:", $0, tokens[key], bits[key]; bad++ } }
    END { print n " compared"; exit bad > 0 || n != 360 }' "$BATS_TEST_TMPDIR/ours" tests/golden/bits.tsv
}

@test "perplexities of the untouched model are those of its card" {
  tokens "$DEMO_LANGS" | eq-ppl -m "$MINI" | rows lang,n_tokens,n_scored,nll,bytes >"$BATS_TEST_TMPDIR/ours"
  awk -F '\t' 'NR == FNR { if ($2 <= 255) { nll[$1] += $4; n[$1] += $3; bytes[$1] += $5 } next }
    /^\| [a-z][a-z] \|/ { split($0, c, "|"); gsub(/ /, "", c[2]); l = c[2]
      ppl = exp(nll[l] / n[l]); bpb = nll[l] / log(2) / bytes[l]
      if (sprintf("%.1f", ppl) + 0 != c[4] + 0 || sprintf("%.3f", bpb) + 0 != c[5] + 0) { print l, ppl, bpb, "card:", c[4], c[5]; bad++ }
      seen++ }
    END { exit bad > 0 || seen != 15 }' "$BATS_TEST_TMPDIR/ours" corpora/mini/README.md
}

@test "one thread and two give the same bytes" {
  tokens en,he,ja --limit 20 >"$BATS_TEST_TMPDIR/tokens"
  eq-ppl -m "$MINI" -r none -r int4 -t 1 <"$BATS_TEST_TMPDIR/tokens" >"$BATS_TEST_TMPDIR/one"
  eq-ppl -m "$MINI" -r none -r int4 -t 2 <"$BATS_TEST_TMPDIR/tokens" >"$BATS_TEST_TMPDIR/two"
  cmp "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
}

# made: segments of 1 to 40 ids below 17 as JSON lines, for the tiny golden models.
made() {
  awk 'BEGIN { for (i = 0; i < 60; i++) { n = i * 7 % 40 + 1; ids = ""
    for (k = 0; k < n; k++) { x = (x * 75 + 74) % 65537; ids = ids (k ? "," : "") (x + i) % 17 }
    printf "{\"k\":\"tokens\",\"lang\":\"%s\",\"id\":\"%d\",\"ids\":[%s]}\n", i % 2 ? "en" : "de", i, ids } }'
}

@test "threads and batches change no byte, whatever a model's blocks are made of" {
  made >"$BATS_TEST_TMPDIR/all"
  split -l 11 "$BATS_TEST_TMPDIR/all" "$BATS_TEST_TMPDIR/part."
  for model in mixtral qwen3_moe bloom falcon-40b gemma2 bert opt-350m cohere-plus llama-pack-quantized gpt2-gptq; do
    run=(eq-ppl -q -m "tests/golden/models/$model" --ctx 12 --per-token --reference none -r none -r int4/row)
    case $model in mixtral | qwen3_moe) run+=(--experts) ;; bert) run+=(--mask-id 3) ;; esac
    for threads in 1 2 5; do
      eq-show --from jsonl -f stream <"$BATS_TEST_TMPDIR/all" | "${run[@]}" -t "$threads" |
        eq-show -f jsonl >"$BATS_TEST_TMPDIR/$threads"
    done
    for part in "$BATS_TEST_TMPDIR"/part.*; do
      eq-show --from jsonl -f stream <"$part" | "${run[@]}" -t 2 | eq-show -f jsonl
    done >"$BATS_TEST_TMPDIR/parts"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/1")" = 120 ]
    for other in 2 5 parts; do cmp "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/$other"; done
  done
}

@test "kept logits give the bytes that the reference beside them gives, in whatever order and parts" {
  made | eq-show --from jsonl -f stream >"$BATS_TEST_TMPDIR/all"
  made | sort -t, -k3 -r | head -n 23 | eq-show --from jsonl -f stream >"$BATS_TEST_TMPDIR/some"
  for model in llama gptj opt-350m cohere gemma2 falcon-40b mixtral bert llama-gptq; do
    run=(eq-ppl -q -m "tests/golden/models/$model" --ctx 12 --stride 5 --per-token)
    case $model in bert) run+=(--mask-id 3) ;; esac
    for reference in none 'int3/row;head=int4/row'; do
      "${run[@]}" -r "$reference" -i "$BATS_TEST_TMPDIR/all" --keep-logits "$BATS_TEST_TMPDIR/kept" >/dev/null
      for part in all some; do
        for how in "$reference" "$BATS_TEST_TMPDIR/kept"; do
          "${run[@]}" --reference "$how" -r none -r int4/row -r embed,head=int3/row -t 2 -i "$BATS_TEST_TMPDIR/$part" |
            eq-show -f jsonl -k surprisal
        done >"$BATS_TEST_TMPDIR/out"
        n=$(($(wc -l <"$BATS_TEST_TMPDIR/out") / 2))
        [ "$n" -gt 60 ]
        cmp <(head -n "$n" "$BATS_TEST_TMPDIR/out") <(tail -n "$n" "$BATS_TEST_TMPDIR/out")
      done
    done
  done
}

@test "one model is compared with what another predicted" {
  made | eq-show --from jsonl -f stream >"$BATS_TEST_TMPDIR/tokens"
  eq-ppl -q -m tests/golden/models/gemma2 --ctx 32 -i "$BATS_TEST_TMPDIR/tokens" --per-token \
    --keep-logits "$BATS_TEST_TMPDIR/kept" | eq-show -f jsonl | jq -c '[.id, .nlls]' >"$BATS_TEST_TMPDIR/theirs"
  eq-ppl -q -m tests/golden/models/phi3-longrope --ctx 32 -i "$BATS_TEST_TMPDIR/tokens" \
    --reference "$BATS_TEST_TMPDIR/kept" | eq-show -f jsonl >"$BATS_TEST_TMPDIR/out"
  jq -es 'length == 60 and all((.reference | startswith("gemma2@") and endswith(" none")) and .kl > 0)' "$BATS_TEST_TMPDIR/out"
  # the model that kept them does not diverge from itself
  eq-ppl -q -m tests/golden/models/gemma2 --ctx 32 -i "$BATS_TEST_TMPDIR/tokens" --reference "$BATS_TEST_TMPDIR/kept" |
    eq-show -f jsonl | jq -es 'all(.kl < 1e-9 and .same_top == .n_scored and .reference == "none")'
}

@test "kept logits that do not fit are refused in a line" {
  local kept=$BATS_TEST_TMPDIR/kept
  tokens en --limit 4 >"$BATS_TEST_TMPDIR/tokens"
  eq-ppl -q -m "$MINI" -i "$BATS_TEST_TMPDIR/tokens" --keep-logits "$kept" >/dev/null
  no() {
    run -2 --separate-stderr eq-ppl -q -m "$MINI" -i "$BATS_TEST_TMPDIR/tokens" "${@:2}"
    # shellcheck disable=SC2154
    [[ $stderr == *"$1"* && ${#stderr_lines[@]} = 1 ]] || { echo "expected '$1', found: $stderr"; return 1; }
  }
  no 'was kept with a context (--ctx) of 256, this run has 64' --reference "$kept" --ctx 64
  no 'was kept with a stride of 128, this run has 7' --reference "$kept" --stride 7
  no 'was kept with a prefix token of 0, this run has -1' --reference "$kept" --prefix none
  no 'is neither a recipe nor a file' --reference "$kept.not"
  no 'is not a file of kept logits' --reference corpora/mini/model.safetensors
  no 'keeps those of one recipe, and there are 2' --keep-logits "$kept.2" -r none -r int4
  [ ! -e "$kept.2" ]
  head -c 100000 "$kept" >"$kept.cut"
  no 'fewer or more than its header says' --reference "$kept.cut"
  head -c 2000 "$BATS_TEST_TMPDIR/tokens" >"$BATS_TEST_TMPDIR/cut"
  run -1 eq-ppl -q -m "$MINI" --keep-logits "$kept.3" -i "$BATS_TEST_TMPDIR/cut" -o /dev/null
  [ ! -e "$kept.3" ]
  run -2 eq-ppl -q -m "$MINI" --keep-logits "$kept.3" -i "$BATS_TEST_TMPDIR/tokens" -o /dev/full
  [ ! -e "$kept.3" ]
  tokens he --limit 1 >"$BATS_TEST_TMPDIR/tokens"
  no "$kept: nothing was kept of these " --reference "$kept"
}

@test "--experts counts which experts work for the scored tokens" {
  made | head -n 9 | eq-show --from jsonl -f stream >"$BATS_TEST_TMPDIR/tokens"
  eq-ppl -m tests/golden/models/qwen3_moe --ctx 8 --stride 5 --prefix none --experts -i "$BATS_TEST_TMPDIR/tokens" |
    eq-show -f jsonl >"$BATS_TEST_TMPDIR/out"
  # 3 layers of 5 experts, 3 a token; the second has an MLP
  jq -es 'map(select(has("excluded") | not)) | length == 8 and
    all(.n_experts == 5 and (.experts | length) == 15 and (.experts[0:5] | add) == 3 * .n_scored and
      (.experts[5:10] | add) == 0 and (.experts[10:15] | add) == 3 * .n_scored)' "$BATS_TEST_TMPDIR/out"
  run -2 --separate-stderr eq-ppl -m "$MINI" --experts </dev/null
  # shellcheck disable=SC2154
  [[ $stderr == *'--experts: mini'*' has none'* ]]
}

@test "two shards concatenated and sorted are the sorted whole, byte for byte" {
  tokens en,he --limit 15 >"$BATS_TEST_TMPDIR/tokens"
  for i in 0 1; do
    eq-shard -n 2 -s "$i" <"$BATS_TEST_TMPDIR/tokens" | eq-ppl -m "$MINI" -r none -r int4 >"$BATS_TEST_TMPDIR/shard$i"
  done
  sorted() { eq-show -k surprisal -s lang,id,recipe -f jsonl; }
  cat "$BATS_TEST_TMPDIR"/shard? | sorted >"$BATS_TEST_TMPDIR/merged"
  eq-ppl -m "$MINI" -r none -r int4 <"$BATS_TEST_TMPDIR/tokens" | sorted >"$BATS_TEST_TMPDIR/whole"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/whole")" = 60 ]
  cmp "$BATS_TEST_TMPDIR/merged" "$BATS_TEST_TMPDIR/whole"
}

@test "a pipe, a file and ZeroMQ give the same bytes" {
  tokens en,he --limit 10 >"$BATS_TEST_TMPDIR/tokens"
  eq-ppl -m "$MINI" -r int4 <"$BATS_TEST_TMPDIR/tokens" >"$BATS_TEST_TMPDIR/pipe"
  eq-ppl -m "$MINI" -r int4 -i "$BATS_TEST_TMPDIR/tokens" -o "$BATS_TEST_TMPDIR/file"
  cmp "$BATS_TEST_TMPDIR/pipe" "$BATS_TEST_TMPDIR/file"
  eq-ppl -m "$MINI" -r int4 -i "ipc://*$BATS_TEST_TMPDIR/socket" >"$BATS_TEST_TMPDIR/ipc" &
  eq-text -c corpora/udhr -l en,he --limit 10 | eq-token -m "$MINI" -o "ipc://$BATS_TEST_TMPDIR/socket"
  wait $!
  cmp "$BATS_TEST_TMPDIR/pipe" "$BATS_TEST_TMPDIR/ipc"
}

@test "records that are not tokens pass through in their place, unknown keys stay" {
  tokens en --limit 2 | eq-show -f jsonl >"$BATS_TEST_TMPDIR/lines"
  { sed -n 1p "$BATS_TEST_TMPDIR/lines" | sed 's/^{/{"domain":"law",/'; echo '{"k":"note","n":7}'; sed -n 2p "$BATS_TEST_TMPDIR/lines"; } |
    eq-show --from jsonl -f stream | eq-ppl -m "$MINI" | eq-show -f jsonl >"$BATS_TEST_TMPDIR/out"
  cat "$BATS_TEST_TMPDIR/out"
  [ "$(sed -n 2p "$BATS_TEST_TMPDIR/out")" = '{"k":"note","n":7}' ]
  sed -n 1p "$BATS_TEST_TMPDIR/out" | grep -q '"domain":"law"'
  ! sed -n 3p "$BATS_TEST_TMPDIR/out" | grep -q domain || false
  ! grep -q '"text"' "$BATS_TEST_TMPDIR/out" || false
}

@test "tokens made by hand need only lang, id and ids" {
  run bash -c "echo '{\"k\":\"tokens\",\"lang\":\"en\",\"id\":\"1\",\"ids\":[5,6,7]}' | eq-show --from jsonl -f stream |
    eq-ppl -m $MINI | eq-show -f jsonl"
  echo "$output"
  [ "$status" = 0 ]
  [[ $output == *'"n_scored":3'* && $output != *'"bytes"'* ]]
}

@test "nlls holds each scored token's surprisal, and they sum to nll" {
  tokens he --limit 3 | eq-ppl -m "$MINI" --per-token | eq-show -f jsonl |
    python3 -c '
import json, sys
records = [json.loads(line) for line in sys.stdin]
assert len(records) == 3
for r in records:
    assert len(r["nlls"]) == r["n_scored"] == r["n_tokens"]
    assert abs(sum(r["nlls"]) - r["nll"]) < 1e-5 * r["nll"]'
}

@test "without a prefix the first token is not scored, nor its bytes counted" {
  tokens en --limit 1 >"$BATS_TEST_TMPDIR/tokens"
  with=$(eq-ppl -m "$MINI" <"$BATS_TEST_TMPDIR/tokens" | rows n_tokens,n_scored,bytes)
  without=$(eq-ppl -m "$MINI" --prefix none <"$BATS_TEST_TMPDIR/tokens" | rows n_tokens,n_scored,bytes)
  echo "$with / $without"
  read -r n1 s1 b1 <<<"$with"
  read -r n2 s2 b2 <<<"$without"
  [ "$n1" = "$n2" ]
  [ "$s1" = "$n1" ]
  [ "$s2" = $((n1 - 1)) ]
  [ "$b2" -lt "$b1" ]
}

@test "a segment that is too short is excluded, counted and says why" {
  run --separate-stderr bash -c "eq-text -c corpora/udhr -l en --limit 3 | eq-token -m $MINI |
    eq-ppl -m $MINI --min-tokens 60 | eq-show -f jsonl"
  [ "$status" = 0 ]
  [[ $stderr == *"measurements excluded"* ]]
  [[ $output == *'scored tokens, --min-tokens is 60'* ]]
}

@test "-v says how many blocks were computed and how many were asked for" {
  run --separate-stderr bash -c "eq-text -c corpora/udhr -l en --limit 3 | eq-token -m $MINI |
    eq-ppl -v -m $MINI -r int4 -r 'int4;L-1=keep' >/dev/null"
  [ "$status" = 0 ]
  [[ $stderr == *"blocks computed 13, asked for 24 (0.54)"* ]]
}

@test "tokens of another tokenizer are refused with the record's name" {
  run --separate-stderr bash -c "echo '{\"k\":\"tokens\",\"lang\":\"en\",\"id\":\"a1\",\"ids\":[9000]}' |
    eq-show --from jsonl -f stream | eq-ppl -m $MINI >/dev/null"
  [ "$status" = 2 ]
  [[ $stderr == *"record 1 (en a1): token id 9000, but mini@"*"has 8192 embeddings"* ]]
}

@test "a recipe that cannot be is refused with a caret under the place" {
  run --separate-stderr eq-ppl -m "$MINI" -r 'int4;L99=keep' </dev/null
  [ "$status" = 2 ]
  [ -z "$output" ]
  [ "${stderr_lines[0]}" = "eq-ppl: recipe: int4;L99=keep" ]
  [ "${stderr_lines[1]}" = "                     ^ the model has layers L0-L11" ]
}

@test "recipes from a file are named by file and line when they are wrong" {
  printf '# a sweep\nnone\n\nint9\n' >"$BATS_TEST_TMPDIR/recipes"
  run --separate-stderr eq-ppl -m "$MINI" -R "$BATS_TEST_TMPDIR/recipes" </dev/null
  [ "$status" = 2 ]
  [[ ${stderr_lines[0]} == *"recipes:4: recipe: int9" ]]
}

@test "options that cannot be are refused in a line" {
  for wrong in '--ctx 257' '--ctx 0' '--stride 0' '--ctx 10 --stride 11' '--prefix maybe' '--kernels abacus' '-t 1025' '-r int4 -m nowhere'; do
    # shellcheck disable=SC2086 # the words of an option
    run --separate-stderr eq-ppl -m "$MINI" $wrong </dev/null
    echo "$wrong: $status $stderr"
    [ "$status" = 2 ]
    [ "${#stderr_lines[@]}" = 1 ]
    [ -z "$output" ]
  done
}

@test "a truncated stream is processed as far as it goes, and the truncation shows in status and output" {
  tokens en --limit 4 | head -c 2000 >"$BATS_TEST_TMPDIR/cut"
  run --separate-stderr bash -c "eq-ppl -m $MINI <$BATS_TEST_TMPDIR/cut >$BATS_TEST_TMPDIR/out"
  [ "$status" = 1 ]
  run --separate-stderr bash -c "eq-show -f jsonl <$BATS_TEST_TMPDIR/out"
  [ "$status" = 1 ]
  [ "${#lines[@]}" -ge 1 ]
}

@test "a lying model costs little memory and leaves no file" {
  mkdir "$BATS_TEST_TMPDIR/model"
  cp corpora/mini/config.json "$BATS_TEST_TMPDIR/model"
  printf '\377\377\377\005\000\000\000\000{' >"$BATS_TEST_TMPDIR/model/model.safetensors"
  run --separate-stderr eq-ppl -m "$BATS_TEST_TMPDIR/model" -o "$BATS_TEST_TMPDIR/out" </dev/null
  [ "$status" = 2 ]
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == *model.safetensors* ]]
  [ ! -e "$BATS_TEST_TMPDIR/out" ]
}

# by_hand IDS...: a tokens stream of segments made by hand, each a JSON list of ids.
by_hand() {
  local i=0 ids
  for ids in "$@"; do
    echo "{\"k\":\"tokens\",\"lang\":\"en\",\"id\":\"$((i++))\",\"ids\":$ids}"
  done | eq-show --from jsonl -f stream
}

# small_model JQ: a copy of a small golden model whose config went through a jq program.
small_model() {
  mkdir -p "$BATS_TEST_TMPDIR/small"
  cp tests/golden/models/gpt2-head4-untied/model.safetensors "$BATS_TEST_TMPDIR/small"
  jq "$1" tests/golden/models/gpt2-head4-untied/config.json >"$BATS_TEST_TMPDIR/small/config.json"
  echo "$BATS_TEST_TMPDIR/small"
}

@test "the prefix is the token that --prefix names: bos, eos, or with auto bos first" {
  model=$(small_model '.bos_token_id = 3 | .eos_token_id = 7')
  nlls() { eq-ppl -m "$model" --per-token "$@" | eq-show -f jsonl | jq -c .nlls; }
  bos=$(by_hand '[5,6,9]' | nlls --prefix bos)
  [ "$bos" = "$(by_hand '[3,5,6,9]' | nlls --prefix none)" ]
  [ "$bos" = "$(by_hand '[5,6,9]' | nlls)" ]
  [ "$(by_hand '[5,6,9]' | nlls --prefix eos)" = "$(by_hand '[7,5,6,9]' | nlls --prefix none)" ]
  [ "$bos" != "$(by_hand '[5,6,9]' | nlls --prefix eos)" ]
}

@test "a bos beyond the vocabulary is not used, and asking for it is an error" {
  model=$(small_model '.bos_token_id = 50256 | .eos_token_id = null')
  run --separate-stderr bash -c "$(declare -f by_hand); by_hand '[5,6]' | eq-ppl -m $model | eq-show -f jsonl"
  [ "$status" = 0 ]
  [[ $output == *'"n_scored":1'* && $stderr == *"no bos or eos token in config.json"* ]]
  run --separate-stderr eq-ppl -m "$model" --prefix bos </dev/null
  [ "$status" = 2 ]
  [[ $stderr == *"names no bos_token_id within the vocabulary"* ]]
}

@test "surprisal that is not finite is excluded and says so, with every implementation" {
  model=$(small_model '.activation_function = "relu"')
  python3 - "$model/model.safetensors" <<'PYTHON'
import json, struct, sys
path = sys.argv[1]
data = bytearray(open(path, "rb").read())
size = struct.unpack("<Q", data[:8])[0]
name, tensor = next((k, v) for k, v in json.loads(data[8:8 + size]).items() if k.endswith("h.0.mlp.c_fc.weight"))
begin, end = (8 + size + o for o in tensor["data_offsets"])
for i, at in enumerate(range(begin, end, 4)):
    data[at:at + 4] = struct.pack("<f", 1e6 if i % 2 else -1e6)
open(path, "wb").write(data)
PYTHON
  for kernels in ref blas; do
    by_hand '[5,6,9]' | eq-ppl -m "$model" --kernels "$kernels" -r 'name:*h.0.mlp.c_fc.weight=fp16' -r none |
      eq-show -f jsonl >"$BATS_TEST_TMPDIR/out"
    cat "$BATS_TEST_TMPDIR/out"
    sed -n 1p "$BATS_TEST_TMPDIR/out" | jq -e '.nll == null and .excluded == "surprisal is not finite" and (has("bytes") | not)'
    sed -n 2p "$BATS_TEST_TMPDIR/out" | jq -e '.nll > 0 and (has("excluded") | not)'
  done
}

@test "a segment with nothing to score is excluded, whatever --min-tokens is" {
  by_hand '[]' '[5]' '[5,6]' | eq-ppl -m "$MINI" --prefix none --min-tokens 0 | eq-show -f jsonl >"$BATS_TEST_TMPDIR/out"
  cat "$BATS_TEST_TMPDIR/out"
  [ "$(jq -c '[.id, .n_scored, .excluded]' "$BATS_TEST_TMPDIR/out" | tr '\n' ' ')" = \
    '["0",0,"no token to score"] ["1",0,"no token to score"] ["2",1,null] ' ]
}

@test "what a user should know of recipes and tensors is said" {
  said() { { by_hand '[5]' | eq-ppl -m "$@" >/dev/null; } 2>&1; }
  [[ $(said "$MINI" -r int4/g48) == *"int4/g48: the last group of 13824 rows is shorter than the rest"* ]]
  [ -z "$(said "$MINI" -r int4/g512)" ] # one group a row is no short group
  [[ $(said "$MINI" -r int4 -r int4/g128) == *"given twice"* ]]
  [[ $(said "$MINI" -r embed=int4) == *"embedding and head are one tensor, wte.weight"* ]]
  [[ $(said "$(small_model .)" -r embed=int4) != *"one tensor"* ]]
  [[ $(said "$(small_model '.n_layer = 1')") == *"tensors of"*"are not used, 'transformer.h.1."* ]]
  printf '\n \t\n  # nothing\n' >"$BATS_TEST_TMPDIR/recipes"
  run --separate-stderr eq-ppl -m "$MINI" -R "$BATS_TEST_TMPDIR/recipes" </dev/null
  [ "$status" = 2 ]
  [[ $stderr == *"recipes: holds no recipe"* ]]
}

@test "what becomes of parts of a model is said" {
  tokens en --limit 2 >"$BATS_TEST_TMPDIR/tokens"
  run --separate-stderr eq-ppl -m "$MINI" -r q4_k -r lowrank=16 <"$BATS_TEST_TMPDIR/tokens"
  [ "$status" -eq 0 ]
  [[ $stderr == *"q4_k: blocks do not divide the rows of 36 tensors: 'h.0.attn.c_attn.weight', the first, becomes Q5_0"* ]]
  [[ $stderr == *"lowrank=16: of no tensor less than "*" % of the energy is kept"* ]]
  run --separate-stderr eq-ppl -m tests/golden/models/gemma -r 'int4;L0.attn.h1=keep' --dry-run </dev/null
  [[ $stderr == *"L0.attn.h1 shares its keys and values with 1 other heads"* ]]
  run --separate-stderr eq-ppl -m "$MINI" -r 'L0.attn.h9=zero' <"$BATS_TEST_TMPDIR/tokens"
  [ "$status" -eq 2 ]
  [[ $stderr == *"^ the model has heads h0-h"* ]]
}

@test "threads change no byte of what is done to parts of a model, and recipes share what they have in common" {
  local recipes=(-r 'prune=0.5,global+int4' -r 'int4/tensor;top5%=keep' -r 'L3.attn.h1=zero' -r 'L3.attn.h1,L9.q=zero'
    -r 'q=nf4,dq;noise=0.1@3' -r 'L9=lowrank=8')
  tokens en,he --limit 3 >"$BATS_TEST_TMPDIR/tokens"
  for t in 1 3; do
    eq-ppl -m "$MINI" "${recipes[@]}" -t $t -v <"$BATS_TEST_TMPDIR/tokens" 2>"$BATS_TEST_TMPDIR/said.$t" |
      eq-show -f jsonl >"$BATS_TEST_TMPDIR/out.$t"
  done
  cmp "$BATS_TEST_TMPDIR/out.1" "$BATS_TEST_TMPDIR/out.3"
  # Of 12 layers the third and the fourth recipe share nine, and the last shares three with them: 4 * 12 + 3 + 9.
  grep -F "blocks computed 60, asked for 72" "$BATS_TEST_TMPDIR/said.1"
}

@test "memory does not grow with what waits behind a segment" {
  ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=8 # or freed memory would count
  export ASAN_OPTIONS
  peak() { { eq-ppl -v -m "$MINI" --min-tokens 3 >/dev/null; } 2>&1 | sed -n 's/.* \([0-9.]*\) MiB peak memory/\1/p'; }
  few=$(by_hand '[5,6,9]' | peak)
  many=$({ by_hand '[5,6,9]' | eq-show -f jsonl; yes '{"k":"note","n":7}' | head -n 200000
    yes '{"k":"tokens","lang":"en","id":"short","ids":[5]}' | head -n 200000; } | eq-show --from jsonl -f stream | peak)
  echo "$few MiB, $many MiB"
  python3 -c "import sys; sys.exit(not $many < $few + 64 * (1 + 3 * ${EQ_SAN:-0}))"
}

@test "a segment scores the same in any batch on processors whose products depend on the row" {
  grep -q avx2 /proc/cpuinfo || skip "no AVX2 here"
  tokens en,he --limit 12 >"$BATS_TEST_TMPDIR/tokens"
  for core in Haswell Zen Sandybridge Nehalem; do
    export OPENBLAS_CORETYPE=$core
    bare() { eq-show -k surprisal -f jsonl; }
    eq-ppl -m "$MINI" -r int4 <"$BATS_TEST_TMPDIR/tokens" | bare | sort >"$BATS_TEST_TMPDIR/whole"
    for i in 0 1 2 3 4; do
      eq-shard -n 5 -s "$i" <"$BATS_TEST_TMPDIR/tokens" | eq-ppl -m "$MINI" -r int4 -t 1 | bare
    done | sort >"$BATS_TEST_TMPDIR/parts"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/whole")" = 24 ]
    cmp "$BATS_TEST_TMPDIR/whole" "$BATS_TEST_TMPDIR/parts"
  done
}

@test "a model whose folder is not named in UTF-8 gives a stream that is" {
  odd=$BATS_TEST_TMPDIR/$'odd\xff'
  cp -r "$MINI" "$odd"
  by_hand '[5]' | eq-ppl -m "$odd" | eq-show -f jsonl | jq -e '.model | startswith("odd\ufffd@")'
}

@test "an encoder wants a mask and scores each token but those of the frame" {
  model=tests/golden/models/bert
  run --separate-stderr eq-ppl -m "$model" </dev/null
  [ "$status" = 2 ]
  [[ $stderr == *"no tokenizer there names the mask: give its id with --mask-id"* ]]
  run --separate-stderr eq-ppl -m "$MINI" --mask-id 3 </dev/null
  [ "$status" = 2 ]
  all=$(by_hand '[2,5,6,9]' | eq-ppl -m "$model" --mask-id 3 --per-token | eq-show -f jsonl | jq -c '.nlls[1:3]')
  echo '{"k":"tokens","lang":"en","id":"0","text":"ab","ids":[2,5,6,9],"starts":[0,0,1,2],"ends":[0,1,2,2]}' |
    eq-show --from jsonl -f stream | eq-ppl -m "$model" --mask-id 3 --per-token | eq-show -f jsonl >"$BATS_TEST_TMPDIR/out"
  [ "$(jq -c .nlls "$BATS_TEST_TMPDIR/out")" = "$all" ]
  [ "$(jq -c '[.n_tokens, .n_scored, .bytes]' "$BATS_TEST_TMPDIR/out")" = '[4,2,2]' ]
}

@test "a family that is not known is refused with those that are" {
  model=$(small_model '.model_type = "abacus"')
  run --separate-stderr eq-ppl -m "$model" </dev/null
  [ "$status" = 2 ]
  [[ $stderr == *"model_type 'abacus' is not known: known are gpt2, "*"llama, "* ]]
}

# ---- as others report it ----

# same_as_golden: our records against tests/golden/conventions.tsv, within 2e-5; as many as it has rows
same_as_golden() {
  python3 - "$1" <<'PY'
import json, math, sys
rows = [line.rstrip("\n").split("\t") for line in open("tests/golden/conventions.tsv", encoding="utf-8")]
golden = {tuple(row[:4]): dict(zip(rows[0][4:], row[4:])) for row in rows[1:]}
seen, bad = set(), []
for line in open(sys.argv[1], encoding="utf-8"):
    key, record = line.rstrip("\n").split("\t")
    record = json.loads(record)
    lang, segments, opening = key.split(",")
    key = (lang, segments, record["as"], opening)
    seen.add(key)
    for name, value in golden[key].items():
        want, ours = float(value), record.get(name, math.nan)
        if math.isnan(want) != math.isnan(ours) or abs(ours - want) > 2e-5 * abs(want):
            bad.append((key, name, ours, want))
print("compared", len(seen), "of", len(golden), "differ:", bad)
sys.exit(bad != [] or seen != set(golden))
PY
}

@test "--as gives what llama.cpp's loop, transformers' guide and lm-eval's windows give" {
  cut -f 1,2,4 tests/golden/conventions.tsv | tail -n +2 | sort -u >"$BATS_TEST_TMPDIR/texts"
  while read -r lang segments opening; do
    tokens "$lang" -n "$segments" --join newline >"$BATS_TEST_TMPDIR/tokens"
    prefix=none
    [ "$opening" = -1 ] || prefix=bos
    {
      for ctx in 256 101; do eq-ppl -m "$MINI" --as llama.cpp --ctx "$ctx" --prefix "$prefix" <"$BATS_TEST_TMPDIR/tokens"; done
      for cut in '256 --stride 128' '256 --stride 256' '100 --stride 99' '100 --stride 37'; do
        # shellcheck disable=SC2086
        eq-ppl -m "$MINI" --as hf --ctx $cut --prefix "$prefix" <"$BATS_TEST_TMPDIR/tokens"
      done
      [ "$opening" != -1 ] || for ctx in 256 100; do eq-ppl -m "$MINI" --as lm-eval --ctx "$ctx" <"$BATS_TEST_TMPDIR/tokens"; done
    } | eq-show -f jsonl -k surprisal | sed "s/^/$lang,$segments,$opening\t/" >>"$BATS_TEST_TMPDIR/ours"
  done <"$BATS_TEST_TMPDIR/texts"
  same_as_golden "$BATS_TEST_TMPDIR/ours"
}

@test "--as takes the opening token from the tokenizer, and does not put it twice" {
  cp -r "$MINI" "$BATS_TEST_TMPDIR/opens"
  python3 - "$BATS_TEST_TMPDIR/opens/tokenizer.json" <<'PY'
import json, sys
t = json.load(open(sys.argv[1], encoding="utf-8"))
bos = next(a["content"] for a in t["added_tokens"] if a["id"] == 0)
t["post_processor"] = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {bos: {"id": bos, "ids": [0], "tokens": [bos]}},
}
json.dump(t, open(sys.argv[1], "w", encoding="utf-8"))
PY
  eq-text -c corpora/udhr -l en -n 14 -j newline >"$BATS_TEST_TMPDIR/text"
  eq-token -m "$MINI" <"$BATS_TEST_TMPDIR/text" >"$BATS_TEST_TMPDIR/bare"
  eq-token -m "$BATS_TEST_TMPDIR/opens" --template <"$BATS_TEST_TMPDIR/text" >"$BATS_TEST_TMPDIR/framed"
  for as in llama.cpp hf; do
    bare=$(eq-ppl -m "$MINI" --as "$as" --ctx 100 <"$BATS_TEST_TMPDIR/bare" | rows ppl,n_scored)
    bos=$(eq-ppl -m "$MINI" --as "$as" --ctx 100 --prefix bos <"$BATS_TEST_TMPDIR/bare" | rows ppl,n_scored)
    opened=$(eq-ppl -m "$BATS_TEST_TMPDIR/opens" --as "$as" --ctx 100 <"$BATS_TEST_TMPDIR/bare" | rows ppl,n_scored)
    framed=$(eq-ppl -m "$BATS_TEST_TMPDIR/opens" --as "$as" --ctx 100 <"$BATS_TEST_TMPDIR/framed" | rows ppl,n_scored)
    echo "$as: $bare / $bos / $opened / $framed"
    [ "$bos" = "$opened" ]
    [ "$bos" = "$framed" ]
    [ "$bos" != "$bare" ]
  done
  bare=$(eq-ppl -m "$MINI" --as lm-eval <"$BATS_TEST_TMPDIR/bare" | rows n_scored)
  opened=$(eq-ppl -m "$BATS_TEST_TMPDIR/opens" --as lm-eval <"$BATS_TEST_TMPDIR/bare" | rows n_scored)
  [ "$opened" = $((bare + 1)) ] # the harness scores the tokenizer's bos
}

@test "bytes of --as llama.cpp are those of the tokens that it scores" {
  tokens he -n 6 --join newline >"$BATS_TEST_TMPDIR/tokens"
  eq-ppl -m "$MINI" --as llama.cpp --ctx 100 <"$BATS_TEST_TMPDIR/tokens" | eq-show -f jsonl >"$BATS_TEST_TMPDIR/ours"
  eq-show -f jsonl <"$BATS_TEST_TMPDIR/tokens" | python3 -c '
import json, sys
ours, t = json.load(open(sys.argv[1])), json.loads(sys.stdin.readline())
n, want, text = len(t["ids"]), 0, t["text"].encode()
starts = t["starts"] + [len(text)]
scored = [c * 100 + i for c in range(n // 100) for i in range(51, 100)]
assert ours["n_scored"] == len(scored), (ours, len(scored))
assert ours["bytes"] == sum(starts[i + 1] - starts[i] for i in scored), ours' "$BATS_TEST_TMPDIR/ours"
}

@test "--as llama.cpp refuses a text of fewer than two chunks with status 1" {
  tokens en -n 1 >"$BATS_TEST_TMPDIR/tokens"
  run --separate-stderr eq-ppl -m "$MINI" --as llama.cpp -i "$BATS_TEST_TMPDIR/tokens" -o "$BATS_TEST_TMPDIR/out"
  echo "$stderr"
  [ "$status" = 1 ]
  [[ $stderr == *"record 1 (en "*"llama-perplexity takes at least 512 with a context of 256"*"eq-text --join"* ]]
}

@test "what --as cannot do is refused in a line" {
  for wrong in '--as gguf' '--as llama.cpp --ctx 2' '--as hf --ctx 1' '--as hf --ctx 10 --stride 11' '--as llama.cpp --stride 8' \
    '--as lm-eval --stride 8' '--as lm-eval --prefix none' '--as lm-eval --ctx 0'; do
    # shellcheck disable=SC2086
    run --separate-stderr eq-ppl -m "$MINI" $wrong </dev/null
    echo "$wrong: $stderr"
    [ "$status" = 2 ]
    [ "${#stderr_lines[@]}" = 1 ]
  done
}

@test "a model whose tokenizer is not there does not say what opens a text" {
  mkdir "$BATS_TEST_TMPDIR/bare"
  cp "$MINI/config.json" "$MINI/model.safetensors" "$BATS_TEST_TMPDIR/bare"
  run --separate-stderr eq-ppl -m "$BATS_TEST_TMPDIR/bare" --as hf </dev/null
  [ "$status" = 2 ]
  [[ $stderr == "eq-ppl: --as hf: does a text begin with bos? Say --prefix bos or none, for $BATS_TEST_TMPDIR/bare"* ]]
  [ "${#stderr_lines[@]}" = 1 ]
}

@test "eq-disparity keeps the way of scoring, and refuses to mix two" {
  tokens en,he -n 14 --join newline >"$BATS_TEST_TMPDIR/tokens"
  eq-ppl -m "$MINI" --as hf -r none -r int4 <"$BATS_TEST_TMPDIR/tokens" >"$BATS_TEST_TMPDIR/hf"
  eq-ppl -m "$MINI" --as hf --stride 64 -r none -r int4 <"$BATS_TEST_TMPDIR/tokens" >"$BATS_TEST_TMPDIR/other"
  eq-ppl -m "$MINI" -r none -r int4 <"$BATS_TEST_TMPDIR/tokens" >"$BATS_TEST_TMPDIR/ours"
  eq-disparity -B 100 <"$BATS_TEST_TMPDIR/hf" | eq-show -f jsonl >"$BATS_TEST_TMPDIR/out"
  [ "$(grep -c '"as":"hf:256:128"' "$BATS_TEST_TMPDIR/out")" = 6 ]
  for other in other ours; do
    run --separate-stderr bash -c "cat '$BATS_TEST_TMPDIR/hf' '$BATS_TEST_TMPDIR/$other' | eq-disparity -B 100"
    [ "$status" = 2 ]
    [[ $stderr == *"different ways of scoring do not compare"* ]]
    run --separate-stderr bash -c "cat '$BATS_TEST_TMPDIR/$other' '$BATS_TEST_TMPDIR/hf' | eq-disparity -B 100"
    [ "$status" = 2 ]
  done
}

@test "eq-disparity refuses to set a recipe in one context beside another in another" {
  tokens en,he -n 5 >"$BATS_TEST_TMPDIR/tokens"
  eq-ppl -m "$MINI" -r none <"$BATS_TEST_TMPDIR/tokens" >"$BATS_TEST_TMPDIR/none"
  eq-ppl -m "$MINI" -r int4 --ctx 16 <"$BATS_TEST_TMPDIR/tokens" >"$BATS_TEST_TMPDIR/int4"
  for order in "none int4" "int4 none"; do
    run --separate-stderr bash -c "cd '$BATS_TEST_TMPDIR' && cat $order | eq-disparity -B 100"
    [ "$status" = 2 ]
    [[ $stderr == *"of mini@"*"with settings 'ctx 16:8, prefix 0' and 'ctx 256:128, prefix 0': numbers of different ways"* ]]
  done
  # Each model has settings of its own.
  eq-show -f jsonl <"$BATS_TEST_TMPDIR/none" | sed 's/"model":"mini@/"model":"other@/; s/ctx 256/ctx 64/' |
    eq-show --from jsonl -f stream >"$BATS_TEST_TMPDIR/other"
  cat "$BATS_TEST_TMPDIR/none" "$BATS_TEST_TMPDIR/other" | eq-disparity -q -B 100 >"$BATS_TEST_TMPDIR/two"
}
