# What eq-quant writes behaves as eq-ppl measured, is whole or not there, and says what was done.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup() {
  MINI=corpora/mini
  OUT=$BATS_TEST_TMPDIR/out
}

# tokens LANGS: a tokens stream of a few segments.
tokens() { eq-text -c corpora/udhr -l "$1" --limit 4 | eq-token -m "$MINI"; }

# nlls: the surprisals of a stream, to the last bit.
nlls() { eq-show -f tsv -k surprisal -c lang,id,nll; }

# records: of a stream, as JSON lines.
records() { eq-show -f jsonl | jq -c 'select(.k == "quant")'; }

# refused TEXT COMMAND...: exit 2, one line that holds TEXT, nothing named out*.
refused() {
  local text=$1
  shift
  run -2 --separate-stderr "$@"
  if [ "${#stderr_lines[@]}" != 1 ] || [[ ${stderr_lines[0]} != *"$text"* ]]; then
    echo "expected '$text', found: $stderr"
    return 1
  fi
  [ -z "$(find "$BATS_TEST_TMPDIR" -maxdepth 1 -name 'out*')" ] || { ls "$BATS_TEST_TMPDIR" && return 1; }
}

@test "an hf folder scores bit for bit as the recipe on its source" {
  tokens en,he,ja >"$BATS_TEST_TMPDIR/tokens"
  for recipe in none int4 int4/tensor 'int3/row;L0,L-1=keep' seed-w 'fp16;embed=int8/row'; do
    rm -rf "$OUT"
    eq-quant -q -m "$MINI" -r "$recipe" -o "$OUT" >/dev/null
    eq-ppl -m "$OUT" <"$BATS_TEST_TMPDIR/tokens" | nlls >"$BATS_TEST_TMPDIR/exported"
    eq-ppl -q -m "$MINI" -r "$recipe" <"$BATS_TEST_TMPDIR/tokens" | nlls | diff - "$BATS_TEST_TMPDIR/exported"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/exported")" = 13 ]
  done
}

@test "so do folders of other families, of shards, and of layers that others quantized" {
  segment() { echo '{"k":"tokens","lang":"en","id":"0","ids":[3,5,6,9,2,11]}' | eq-show --from jsonl -f stream; }
  for model in llama gemma3 mixtral qwen3 falcon-40b stablelm-parallel llama-gptq gpt2-gptq llama-nf4 bert; do
    source=tests/golden/models/$model
    mask=()
    [ "$model" != bert ] || mask=(--mask-id 1)
    rm -rf "$OUT"
    eq-quant -q -m "$source" -r 'int4/row;L0=keep' -o "$OUT" >/dev/null
    eq-ppl -q -m "$OUT" "${mask[@]}" < <(segment) | nlls >"$BATS_TEST_TMPDIR/exported"
    eq-ppl -q -m "$source" "${mask[@]}" -r 'int4/row;L0=keep' < <(segment) | nlls | diff - "$BATS_TEST_TMPDIR/exported"
  done
}

@test "a GGUF of the embedded model scores bit for bit, with its own vocabulary" {
  for recipe in none int4 'int4/tensor;L0=keep;embed=int8/row'; do
    rm -f "$OUT.gguf"
    eq-quant -q -m "$MINI" -r "$recipe" --format gguf --dtype f32 -o "$OUT.gguf" >/dev/null
    eq-text -c corpora/udhr -l en,he,ja --limit 4 | eq-token -m "$OUT.gguf" | eq-ppl -m "$OUT.gguf" | nlls >"$BATS_TEST_TMPDIR/exported"
    tokens en,he,ja | eq-ppl -q -m "$MINI" -r "$recipe" | nlls | diff - "$BATS_TEST_TMPDIR/exported"
  done
}

@test "a chat template goes along" {
  cp -r "$MINI" "$BATS_TEST_TMPDIR/model"
  jq '.chat_template = "{{ from the config }}"' "$MINI/tokenizer_config.json" >"$BATS_TEST_TMPDIR/model/tokenizer_config.json"
  rm -f "$OUT.gguf"
  eq-quant -q -m "$BATS_TEST_TMPDIR/model" -r none --format gguf -o "$OUT.gguf" >/dev/null
  grep -q 'tokenizer.chat_template.*{{ from the config }}' <(tr '\0' ' ' <"$OUT.gguf")
  echo '{{ from a file }}' >"$BATS_TEST_TMPDIR/model/chat_template.jinja"
  rm -f "$OUT.gguf"
  eq-quant -q -m "$BATS_TEST_TMPDIR/model" -r none --format gguf -o "$OUT.gguf" >/dev/null
  grep -q 'tokenizer.chat_template.*{{ from a file }}' <(tr '\0' ' ' <"$OUT.gguf")
}

# near FILE FILE: the last columns differ by less than a part in 100000.
near() {
  awk -F '\t' 'NR == FNR { nll[FNR] = $NF; next } FNR > 1 { n++; off = $NF / nll[FNR] - 1; if (off < 0) off = -off; bad += !(off < 1e-5) }
    END { exit bad > 0 || n != 1 }' "$1" "$2"
}

@test "blocks of GGML score bit for bit as the recipe, alone and after other steps" {
  tokens en >"$BATS_TEST_TMPDIR/tokens"
  for recipe in q4_0 'q8_0;L0=q4_k;L1=keep' 'prune=0.5+q5_1;embed=q6_k' 'mxfp4;L3.mlp=iq4_nl'; do
    rm -f "$OUT.gguf"
    eq-quant -q -m "$MINI" -r "$recipe" --format gguf -o "$OUT.gguf" >/dev/null
    eq-ppl -q -m "$OUT.gguf" <"$BATS_TEST_TMPDIR/tokens" | nlls >"$BATS_TEST_TMPDIR/exported"
    eq-ppl -q -m "$MINI" -r "$recipe" <"$BATS_TEST_TMPDIR/tokens" | nlls | diff - "$BATS_TEST_TMPDIR/exported"
    eq-quant -m "$MINI" --check "$OUT.gguf"
  done
  rm -f "$OUT.gguf"
  eq-quant -q -m tests/golden/models/llama-nf4 -r q8_0 --format gguf -o "$OUT.gguf" >/dev/null # rows that move
  eq-quant -m tests/golden/models/llama-nf4 --check "$OUT.gguf"
  rm "$OUT.gguf"
  eq-quant -q -m "$MINI" -r 'q4_0;L1=keep;embed=q6_k' --tensor-type-file "$OUT.types" >/dev/null
  grep -qxF '^blk\.0\.attn_qkv\.weight$=q4_0' "$OUT.types"
  grep -qxF '^blk\.1\.ffn_up\.weight$=f16' "$OUT.types"
  grep -qxF '^token_embd\.weight$=q8_0' "$OUT.types" # 256 does not divide its rows
  [ "$(wc -l <"$OUT.types")" = 50 ]
}

@test "steps before codes are done before they are made, and clipping is counted" {
  segment() { echo '{"k":"tokens","lang":"en","id":"0","ids":[3,5,6,9,2,11]}' | eq-show --from jsonl -f stream; }
  for recipe in prune=0.5+int4/tensor prune=2:4+u4/g64; do
    rm -rf "$OUT"
    eq-quant -q -m "$MINI" -r $recipe --format gptq -o "$OUT" >/dev/null
    eq-ppl -q -m "$OUT" < <(segment) | nlls >"$BATS_TEST_TMPDIR/exported"
    eq-ppl -q -m "$MINI" -r $recipe < <(segment) | nlls | diff - "$BATS_TEST_TMPDIR/exported"
  done
  eq-quant -q -m "$MINI" -r int4/row,clip=p99 | records | jq -es 'map(select(.scheme != "keep")) | all(.clipped > 0.008 and .clipped < 0.02)'
  eq-quant -q -m "$MINI" -r 'int4;L0=nf4' | records | jq -es 'all(if .scheme == "int4/g128" then .clipped == 0 elif .scheme == "keep" then true else has("clipped") | not end)'
  run -2 eq-quant -q -m "$MINI" -r int4/row,clip=aciq --format gptq -o "$OUT.no"
  [[ $output == *"cannot hold int4/row,clip=aciq: it has integers with scales, about 0"* ]]
  run -2 eq-quant -q -m "$MINI" -r 'int4;L0.attn.h1=keep' --format gptq -o "$OUT.no"
  eq-quant -q -m "$MINI" -r 'int4;L0.attn.h1=keep;top1%=keep' -o "$OUT.values" >/dev/null # values hold anything
  eq-quant -m "$MINI" --check "$OUT.values"
}

@test "GGUFs of other families score as the recipe on its source" {
  segment() { echo '{"k":"tokens","lang":"en","id":"0","ids":[3,5,6,9,2,11]}' | eq-show --from jsonl -f stream; }
  for model in llama mistral qwen2 qwen3 gemma phi3 gpt_neox falcon-40b mpt mixtral olmo2 llama-gptq; do
    rm -f "$OUT.gguf"
    eq-quant -q -m "tests/golden/models/$model" -r 'int4/row;L0=keep' --format gguf --dtype f32 -o "$OUT.gguf" >/dev/null
    eq-ppl -q -m "$OUT.gguf" --prefix none < <(segment) | nlls >"$BATS_TEST_TMPDIR/exported"
    eq-ppl -q -m "tests/golden/models/$model" --prefix none -r 'int4/row;L0=keep' < <(segment) | nlls >"$BATS_TEST_TMPDIR/source"
    near "$BATS_TEST_TMPDIR/exported" "$BATS_TEST_TMPDIR/source" || { echo "$model" && return 1; }
  done
}

@test "of a GGUF all stays but what the recipe touches" {
  source=tests/golden/gguf/llama3.gguf
  segment() { echo '{"k":"tokens","lang":"en","id":"0","ids":[3,5,6,9,2,11]}' | eq-show --from jsonl -f stream; }
  eq-quant -q -m "$source" -r 'int4/row;L0=keep' --format gguf --dtype f32 -o "$OUT.gguf" >/dev/null
  eq-ppl -q -m "$OUT.gguf" --prefix none < <(segment) | nlls >"$BATS_TEST_TMPDIR/exported"
  eq-ppl -q -m "$source" --prefix none -r 'int4/row;L0=keep' < <(segment) | nlls | diff - "$BATS_TEST_TMPDIR/exported"
  grep -q rope_freqs.weight "$OUT.gguf"
  eq-quant -q -m "$OUT.gguf" -r none --format gguf -o "$OUT.2.gguf" >/dev/null # again: once, and from here on the same
  eq-quant -q -m "$OUT.2.gguf" -r none --format gguf -o "$OUT.3.gguf" >/dev/null
  [ "$(stat -c %s "$OUT.2.gguf")" = "$(stat -c %s "$OUT.3.gguf")" ]
}

@test "what a GGUF cannot hold or say is refused, by the tensor or the config" {
  refused "tensor 'h.0.attn.c_attn.weight': a GGUF cannot hold int4/g128" eq-quant -m "$MINI" -r int4 --format gguf -o "$OUT.gguf"
  refused "llama.cpp does not run models of the family gptj" eq-quant -m tests/golden/models/gptj -r none --format gguf -o "$OUT.gguf"
  refused "llama.cpp's falcon cannot say its positions" eq-quant -m tests/golden/models/falcon-rw -r none --format gguf -o "$OUT.gguf"
  refused "llama.cpp's olmoe cannot say its clipping" eq-quant -m tests/golden/models/olmoe -r none --format gguf -o "$OUT.gguf"
  cp -r tests/golden/models/llama "$BATS_TEST_TMPDIR/model"
  jq '.vocab_size = 17' tests/golden/models/llama/config.json >"$BATS_TEST_TMPDIR/model/config.json"
  echo '{"version":"1.0","model":{"type":"WordLevel","vocab":{"a":0,"b":1},"unk_token":"a"},"pre_tokenizer":{"type":"Whitespace"}}' >"$BATS_TEST_TMPDIR/model/tokenizer.json"
  refused "its tokenizer is neither byte-level BPE nor SentencePiece's BPE" eq-quant -m "$BATS_TEST_TMPDIR/model" -r none --format gguf -o "$OUT.gguf"
  cp tests/golden/gguf/llama3.gguf "$BATS_TEST_TMPDIR/same.gguf"
  refused "same.gguf: is the model that is read" eq-quant -m "$BATS_TEST_TMPDIR/same.gguf" -r none --format gguf -o "$BATS_TEST_TMPDIR/same.gguf"
}

@test "codes of compressed-tensors and GPTQ score bit for bit as the recipe, read back by their readers" {
  segment() { echo '{"k":"tokens","lang":"en","id":"0","ids":[3,5,6,9,2,11]}' | eq-show --from jsonl -f stream; }
  while read -r format model recipe; do
    rm -rf "$OUT"
    eq-quant -q -m "$model" -r "$recipe" --format "$format" -o "$OUT" >"$BATS_TEST_TMPDIR/records"
    eq-ppl -q -m "$OUT" < <(segment) | nlls >"$BATS_TEST_TMPDIR/exported"
    eq-ppl -q -m "$model" -r "$recipe" < <(segment) | nlls | diff - "$BATS_TEST_TMPDIR/exported" || { echo "$format $recipe" && return 1; }
    [[ $(records <"$BATS_TEST_TMPDIR/records" | jq -s 'map(.file_bytes) | add') -lt $(stat -c %s "$OUT/model.safetensors") ]]
    [ "$(jq -r .quantization_config.quant_method "$OUT/config.json")" = "$format" ]
  done <<RECIPES
compressed-tensors tests/golden/models/llama int4/g8
compressed-tensors tests/golden/models/llama u4/g8;L0=keep
compressed-tensors tests/golden/models/qwen3 u3/row;L0.mlp=int8/tensor;L1.mlp=fp16
compressed-tensors tests/golden/models/gemma3 int5/tensor
compressed-tensors tests/golden/models/llama u8/tensor;head=u2/g4
compressed-tensors tests/golden/models/llama int4/g8,clip=mse;L0.mlp=int3/row,clip=p99;L1.mlp=int8/tensor,clip=mse
compressed-tensors tests/golden/models/qwen3 int4/g8,scale=m8;L0=int4/g8,clip=mse,scale=m8
gptq $MINI int4
gptq $MINI u4/g32;L0,L-1=keep
gptq $MINI u3/g64;L0.mlp=int8/tensor;L3=u2/row
gptq $MINI int8/tensor;L2=bf16
gptq $MINI int4,clip=mse;L0=int3/row,clip=p99.5;L-1=prune=0.5+int4/g64,clip=mse
RECIPES
}

@test "codes whose bits no shape tells are of the group that lists the layer, or refused" {
  eq-quant -q -m tests/golden/models/llama -r 'L0=int3/row;L1=int4/row' --format compressed-tensors -o "$OUT" >/dev/null
  eq-quant -m tests/golden/models/llama --check "$OUT"
  jq '.quantization_config.config_groups[].targets = ["Linear"]' "$OUT/config.json" >"$BATS_TEST_TMPDIR/config.json"
  cp "$BATS_TEST_TMPDIR/config.json" "$OUT/config.json"
  run -2 eq-show -m "$OUT"
  [[ $output == *"words a row of 24 inputs, which more than one 'num_bits' of "*"config_groups gives"* ]]
}

@test "configs of codes name their groups, what differs and what is left" {
  eq-quant -q -m tests/golden/models/llama -r 'int4/g8;L1.mlp=u8/row;L0.attn=keep' --format compressed-tensors -o "$OUT" >/dev/null
  jq -e '.quantization_config | .format == "pack-quantized" and (.ignore | length == 5 and .[0] == "model.layers.0.self_attn.q_proj" and .[4] == "lm_head")
    and (.config_groups.group_0.weights | .num_bits == 4 and .symmetric and .strategy == "group" and .group_size == 8)
    and (.config_groups.group_1 | .targets == ["model.layers.1.mlp.gate_proj", "model.layers.1.mlp.up_proj", "model.layers.1.mlp.down_proj"]
      and (.weights | .num_bits == 8 and (.symmetric | not) and .strategy == "channel" and .group_size == null))' "$OUT/config.json"
  rm -rf "$OUT"
  eq-quant -q -m "$MINI" -r 'int4;L1.mlp=int8;L0.attn=keep' --format gptq -o "$OUT" >/dev/null
  jq -e '.quantization_config | .bits == 4 and .group_size == 128 and .sym and (.desc_act | not)
    and .modules_to_not_convert == ["h.0.attn.c_attn", "h.0.attn.c_proj"] and (.dynamic | length == 4
      and .["-:^h\\.0\\.attn\\.c_attn$"] == {} and .["+:^h\\.1\\.mlp\\.c_fc$"].bits == 8)' "$OUT/config.json"
  rm -rf "$OUT"
  eq-quant -q -m "$MINI" -r 'L0=bf16' --format gptq -o "$OUT" >/dev/null # no codes, no quantization
  jq -e 'has("quantization_config") | not' "$OUT/config.json"
}

@test "configs of codes name routers, projections and heads, which have none" {
  eq-quant -q -m tests/golden/models/mixtral -r 'int8/tensor' --format compressed-tensors -o "$OUT" >/dev/null
  jq -e '[.quantization_config.ignore[] | select(endswith("block_sparse_moe.gate"))] | length == 2' "$OUT/config.json"
  rm -rf "$OUT"
  eq-quant -q -m tests/golden/models/mixtral -r 'int8/tensor' --format gptq -o "$OUT" >/dev/null
  jq -e '.quantization_config | ([.modules_to_not_convert[] | select(endswith("block_sparse_moe.gate"))] | length == 2)
    and (.modules_to_not_convert | index("lm_head")) and .dynamic["-:^model\\.layers\\.1\\.block_sparse_moe\\.gate$"] == {}' "$OUT/config.json"
  rm -rf "$OUT"
  eq-quant -q -m tests/golden/models/opt-350m -r int4/row --format compressed-tensors -o "$OUT" >/dev/null
  jq -e '.quantization_config.ignore | length == 3 and (map(endswith("project_in")) | any) and (map(endswith("project_out")) | any)' "$OUT/config.json"
}

@test "a check finds every tensor of every format right, and any bit that is not" {
  while read -r format model recipe; do
    rm -rf "$OUT"
    eq-quant -q -m "$model" -r "$recipe" --format "$format" -o "$OUT" >/dev/null
    run -0 --separate-stderr eq-quant -m "$model" --check "$OUT"
    [[ ${lines[1]} =~ ^kept:\ ([0-9]+)\ of\ ([0-9]+)\ tensors && ${BASH_REMATCH[1]} = "${BASH_REMATCH[2]}" ]]
    [[ ${lines[2]} =~ ^rounded:\ ([0-9]+)\ of\ ([0-9]+)\ are && ${BASH_REMATCH[1]} = "${BASH_REMATCH[2]}" && ${BASH_REMATCH[1]} -gt 0 ]]
  done <<FORMATS
hf $MINI int4;L0=keep
hf tests/golden/models/llama-gptq int4/row;L0=keep
gptq $MINI u4/g32;L0,L-1=keep
compressed-tensors tests/golden/models/llama u3/g8;L0=keep;L1.mlp=bf16
compressed-tensors tests/golden/models/llama int3/g8,clip=mse;L0=keep
hf tests/golden/models/mixtral int8/row
FORMATS
  eq-quant -q -m "$MINI" -r int4 --dtype bf16 -o "$BATS_TEST_TMPDIR/bf16" >/dev/null
  eq-quant -m "$MINI" --check "$BATS_TEST_TMPDIR/bf16"
  for model in models/llama models/gemma models/gpt_neox models/mixtral models/stablelm models/bloom gguf/llama3.gguf; do
    rm -f "$OUT.gguf"
    eq-quant -q -m tests/golden/$model -r 'int4/row;L0=keep' --format gguf --dtype f32 -o "$OUT.gguf" >/dev/null
    eq-quant -m tests/golden/$model --check "$OUT.gguf" >"$BATS_TEST_TMPDIR/said" || { echo "$model"; cat "$BATS_TEST_TMPDIR/said"; return 1; }
  done
  rm -f "$OUT.gguf"
  eq-quant -q -m "$MINI" -r 'int4;L0=keep' --format gguf --dtype f32 -o "$OUT.gguf" >/dev/null
  eq-quant -m "$MINI" --check "$OUT.gguf"
  for tensor in h.0.mlp.c_fc.weight h.1.mlp.c_fc.weight h.1.ln_1.bias; do
    rm -rf "$OUT"
    eq-quant -q -m "$MINI" -r 'int4;L0=keep' -o "$OUT" >/dev/null
    python3 - "$OUT/model.safetensors" $tensor <<'PYTHON'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
size, = struct.unpack("<Q", data[:8])
data[8 + size + json.loads(data[8:8 + size])[sys.argv[2]]["data_offsets"][0]] ^= 1
open(sys.argv[1], "wb").write(data)
PYTHON
    run -1 --separate-stderr eq-quant -m "$MINI" --check "$OUT"
    [[ $stderr == *"out: 1 tensor differs, '$tensor' the first" ]]
  done
  run -1 eq-quant -m "$MINI" --check "$BATS_TEST_TMPDIR/bf16" -r int4/tensor
  run -2 eq-quant -m "$MINI" --check "$MINI"
  [[ $output == *"says no recipe that it was made with: give it with -r" ]]
  run -0 eq-quant -m "$MINI" --check "$MINI" -r none
  run -2 eq-quant -m tests/golden/models/llama --check "$BATS_TEST_TMPDIR/bf16" -r none
  [[ $output == *"it was made of another model" ]]
}

@test "a base and a patch make the protected model, and nothing else" {
  for case in "$MINI int4;L0,L-1=keep" "tests/golden/models/llama u4/g8;L0=keep"; do
    read -r model recipe <<<"$case"
    rm -rf "$OUT" "$OUT.whole" "$OUT.hf"
    eq-quant -q -m "$model" -r "$recipe" --format patch -o "$OUT" >/dev/null
    eq-quant -q -m "$model" --check "$OUT" | grep -q "^${recipe%;*}.* of "
    eq-quant -q -m "$model" --check "$OUT/patch.safetensors" >"$BATS_TEST_TMPDIR/said"
    grep -qE '^protected: ([0-9]+) of \1 tensors are those of the model$' "$BATS_TEST_TMPDIR/said"
    eq-quant -q -m "$OUT" --apply-patch "$OUT/patch.safetensors" -o "$OUT.whole" >/dev/null
    eq-quant -q -m "$model" --check "$OUT.whole" | head -n 1 | grep -q "=keep of "
    eq-quant -q -m "$model" -r "$recipe" -o "$OUT.hf" >/dev/null # but for the signs of zeros, which codes have none of
    diff "$OUT.hf/config.json" "$OUT.whole/config.json"
  done
  eq-quant -q -m "$MINI" -r 'int4;L0=keep' --format patch -o "$BATS_TEST_TMPDIR/other" >/dev/null
  run -2 eq-quant -q -m "$MINI" --check "$OUT/patch.safetensors"
  [[ $output == *"/out/patch.safetensors: is a patch for llama@"*", not for mini@"* ]]
  run -1 eq-quant -q -m "$MINI" --check "$BATS_TEST_TMPDIR/other/patch.safetensors" -r 'int4;L0.attn=keep'
  [[ $output == *"has 'h.0.mlp."*"', which int4/g128;L0.attn=keep does not protect" ]]
  run -1 eq-quant -q -m "$MINI" --check "$BATS_TEST_TMPDIR/other/patch.safetensors" -r 'int4;L0-1=keep'
  [[ $output == *"lacks 'h.1.attn."*"', which int4/g128;L0-1=keep protects" ]]
  cp "$BATS_TEST_TMPDIR/other/patch.safetensors" "$BATS_TEST_TMPDIR/bent.safetensors"
  printf x | dd of="$BATS_TEST_TMPDIR/bent.safetensors" bs=1 seek=50000 conv=notrunc status=none
  run -1 eq-quant -q -m "$MINI" --check "$BATS_TEST_TMPDIR/bent.safetensors"
  [[ $output == *"protected: 3 of 4 tensors are those of the model"*"bent.safetensors: 1 tensor differs, 'h.0."* ]]
  run -2 eq-quant -q -m "$MINI" --check "$MINI/model.safetensors"
  [[ $output == *"is no patch: its metadata do not say what it was made of" ]]
  run -2 eq-quant -q -m "$BATS_TEST_TMPDIR/other" --apply-patch "$OUT/patch.safetensors" -o "$BATS_TEST_TMPDIR/no"
  [[ $output == *"is a patch for the base of llama@"*", but "*"/other is of mini@"* ]]
  eq-quant -q -m tests/golden/models/llama -r 'u4/g4;L0=keep' --format patch -o "$BATS_TEST_TMPDIR/finer" >/dev/null
  run -2 eq-quant -q -m "$BATS_TEST_TMPDIR/finer" --apply-patch "$OUT/patch.safetensors" -o "$BATS_TEST_TMPDIR/no"
  [[ $output == *"is a patch for the base of u4/g8, but "*"/finer is of u4/g4" ]]
  run -2 eq-quant -q -m "$MINI" --apply-patch "$OUT/patch.safetensors" -o "$BATS_TEST_TMPDIR/no"
  run -2 eq-quant -q -m "$OUT" --apply-patch "$MINI/model.safetensors" -o "$BATS_TEST_TMPDIR/no"
  [[ $output == *"is no patch: its metadata do not say what it was made of" ]]
  run -2 eq-quant -q -m "$MINI" -r int4 --format patch -o "$BATS_TEST_TMPDIR/no"
  [[ $output == *"--format patch: the recipe int4/g128 protects nothing that int4/g128 touches" ]]
  [ ! -e "$BATS_TEST_TMPDIR/no" ]
}

@test "a base of values has them where the patch has tensors too" {
  for case in 'int4;L0=keep --dtype f32' 'int4;L0=keep --dtype bf16' 'bf16;L0=keep'; do
    read -r recipe dtype <<<"$case"
    rm -rf "$OUT" "$OUT.whole"
    # shellcheck disable=SC2086 # an option and its value, or none
    eq-quant -q -m "$MINI" -r "$recipe" --format patch $dtype -o "$OUT" >/dev/null
    eq-quant -q -m "$MINI" --check "$OUT" | grep -qx 'rounded: 48 of 48 are as the recipe makes them'
    eq-quant -q -m "$OUT" --apply-patch "$OUT/patch.safetensors" -o "$OUT.whole" >/dev/null
    eq-quant -q -m "$MINI" --check "$OUT.whole"
  done
}

@test "recipes that codes cannot hold are refused by the tensor" {
  llama=tests/golden/models/llama
  compressed() { refused "$1" eq-quant -q -m "$2" -r "$3" --format compressed-tensors -o "$OUT"; }
  gptq() { refused "$1" eq-quant -q -m "$2" -r "$3" --format gptq -o "$OUT"; }
  compressed "'model.layers.0.self_attn.q_proj.weight': cannot hold int4/g5: groups of that size do not divide" $llama int4/g5
  compressed "'model.embed_tokens.weight': cannot hold int8/row: it is no linear layer" $llama embed=int8/row
  compressed "'h.0.attn.c_attn.weight': cannot hold int4/g128: its layer is a Conv1D" "$MINI" int4
  gptq "'h.3.mlp.c_fc.weight': cannot hold int5/g128: it has 2, 3, 4 or 8 bits" "$MINI" 'int4;L3.mlp=int5'
  gptq "'h.0.attn.c_attn.weight': cannot hold int4/g7: groups of that size" "$MINI" int4/g7
  gptq "'lm_head.weight': cannot hold int8/row: it is no linear layer of a block" $llama head=int8/row
  gptq "'model.layers.0.self_attn.q_proj.weight': cannot hold u3/row: its codes do not fill whole words" $llama L0.attn=u3/row
  eq-quant -q -m $llama -r embed=int8/row --format compressed-tensors --dtype f32 -o "$OUT" >/dev/null # as values
}

@test "what is kept is copied byte for byte, and the file says where it comes from" {
  eq-quant -q -m "$MINI" -r 'int4;L0=keep' -o "$OUT" >/dev/null
  python3 - "$MINI/model.safetensors" "$OUT/model.safetensors" <<'PYTHON'
import json, struct, sys
def read(path):
    data = open(path, "rb").read()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    notes = header.pop("__metadata__", {})
    at = lambda e: data[8 + size + e["data_offsets"][0]:8 + size + e["data_offsets"][1]]
    return notes, {k: (e["dtype"], e["shape"], at(e)) for k, e in header.items()}
_, source = read(sys.argv[1])
notes, out = read(sys.argv[2])
assert source.keys() == out.keys()
changed = [k for k in source if source[k] != out[k]]
assert len(changed) == 44 and all(out[k][0] == "F32" and ".0." not in k for k in changed), changed
assert notes["format"] == "pt" and notes["equant.recipe"] == "int4/g128;L0=keep"
assert notes["equant.model"].startswith("mini@")
program, = json.loads(notes["equant.prog"])
assert program["name"] == "eq-quant" and program["argv"][-1] == "int4;L0=keep", program
PYTHON
  diff "$MINI/tokenizer.json" "$OUT/tokenizer.json"
  [ ! -e "$OUT/README.md" ]
  diff <(jq 'del(.torch_dtype)' "$MINI/config.json") <(jq 'del(.torch_dtype)' "$OUT/config.json")
  [ "$(jq -r .torch_dtype "$OUT/config.json")" = float32 ]
}

@test "float16 and bfloat16 round the rounded weights once more" {
  for dtype in f16 bf16; do
    rm -rf "$OUT"
    eq-quant -q -m "$MINI" -r int4 -o "$OUT" --dtype $dtype >/dev/null
    python3 - "$OUT/model.safetensors" $dtype <<'PYTHON'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size, = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + size])
types = {e["dtype"] for k, e in header.items() if k != "__metadata__" and ".c_" in k and "weight" in k}
assert types == {sys.argv[2].upper()}, types
PYTHON
  done
  [ "$(jq -r .torch_dtype "$OUT/config.json")" = float32 ] # what was kept is float16: only float32 holds both
  jq '.torch_dtype' "$OUT/config.json"
}

@test "whatever the threads, records and file are the same bytes" {
  for threads in 1 3; do
    eq-quant -q -t $threads -m "$MINI" -r 'int4;L3=int3/row' -o "$OUT" >"$BATS_TEST_TMPDIR/records$threads"
    mv "$OUT" "$BATS_TEST_TMPDIR/folder$threads"
  done
  cmp "$BATS_TEST_TMPDIR/records1" "$BATS_TEST_TMPDIR/records3"
  diff -r "$BATS_TEST_TMPDIR/folder1" "$BATS_TEST_TMPDIR/folder3"
}

@test "errors are those of the values that were written" {
  eq-quant -q -m "$MINI" -r int4/tensor -o "$OUT" | records >"$BATS_TEST_TMPDIR/records"
  python3 - "$MINI/model.safetensors" "$OUT/model.safetensors" "$BATS_TEST_TMPDIR/records" <<'PYTHON'
import json, math, struct, sys
def read(path):
    data = open(path, "rb").read()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    values = lambda e: [x for x, in struct.iter_unpack("<" + {"F16": "e", "F32": "f"}[e["dtype"]],
                        data[8 + size + e["data_offsets"][0]:8 + size + e["data_offsets"][1]])]
    return {k: values(e) for k, e in header.items()}
source, out = read(sys.argv[1]), read(sys.argv[2])
near = lambda a, b: abs(a - b) <= 1e-9 * abs(b)
n = 0
for line in open(sys.argv[3]):
    r = json.loads(line)
    w, v = source[r["tensor"]], out[r["tensor"]]
    signal, noise = math.fsum(x * x for x in w), math.fsum((x - y) ** 2 for x, y in zip(w, v))
    assert r["weights"] == len(w) and near(r["mse"], noise / len(w)), r
    assert near(r["relative_error"], math.sqrt(noise / signal)), r
    assert abs(r["max_error"] - max(abs(x - y) for x, y in zip(w, v))) < 1e-8, r
    if r["scheme"] != "keep":
        n += 1
        assert near(r["sqnr"], 10 * math.log10(signal / noise)), r
        assert r["bytes"] == len(w) // 2 + 4 and r["file_bytes"] == 4 * len(w), r
assert n == 48
PYTHON
}

@test "a dry run prints what is touched and its sums, and reads no weights" {
  eq-quant -m "$MINI" -r 'int4;L0=keep' --dry-run >"$BATS_TEST_TMPDIR/table"
  [ "$(grep -c int4/g128 "$BATS_TEST_TMPDIR/table")" = 45 ] # 44 tensors and the recipe above
  grep -E '^all that is touched +2162688 +4325376 +1148928 +4.250$' "$BATS_TEST_TMPDIR/table"
  grep -E '^the whole model +3460864 +6921728 +3745280 ' "$BATS_TEST_TMPDIR/table"
}

@test "an output that is there, or cannot be made, is refused and nothing is left" {
  mkdir "$BATS_TEST_TMPDIR/full"
  touch "$BATS_TEST_TMPDIR/full/file"
  refused "full: is there already: name a new folder, or an empty one" eq-quant -m "$MINI" -r int4 -o "$BATS_TEST_TMPDIR/full"
  refused "mini: is there already" eq-quant -m "$MINI" -r int4 -o "$MINI"
  refused "No such file or directory" eq-quant -m "$MINI" -r int4 -o "$BATS_TEST_TMPDIR/none/out"
  mkdir "$BATS_TEST_TMPDIR/empty"
  eq-quant -q -m "$MINI" -r int4 -o "$BATS_TEST_TMPDIR/empty/" >/dev/null
  [ -e "$BATS_TEST_TMPDIR/empty/model.safetensors" ]
}

@test "a file of types comes with its export, or not at all" {
  refused "cannot hold q8_0" eq-quant -q -m "$MINI" -r q8_0 --format gptq -o "$OUT" --tensor-type-file "$OUT.types"
  mixed='fp16;name:*.experts.1.w1.weight=bf16'
  refused "a layer's experts are one tensor there, but" eq-quant -q -m tests/golden/models/mixtral -r "$mixed" --tensor-type-file "$OUT.types"
  eq-quant -q -m "$MINI" -r q8_0 --format gguf -o "$OUT.gguf" --tensor-type-file "$OUT.types" >/dev/null
  [ "$(wc -l <"$OUT.types")" = 50 ]
  rm "$OUT.gguf" "$OUT.types"
  run -2 eq-quant -q -m "$MINI" -r q8_0 --format gguf -o "$OUT.gguf" --tensor-type-file "$OUT.gguf"
  eq-quant -m "$MINI" --check "$OUT.gguf"
  for source in models/mixtral gguf/mixtral.gguf; do
    rm -f "$OUT.types"
    eq-quant -q -m "tests/golden/$source" -r fp16 --tensor-type-file "$OUT.types" >/dev/null
    grep -qxF '^blk\.0\.ffn_up_exps\.weight$=f16' "$OUT.types"
    [ "$(grep -c exps "$OUT.types")" = 6 ]
  done
}

@test "no file is replaced, and nothing is made in the model's folder" {
  cp -r "$MINI" "$BATS_TEST_TMPDIR/model"
  cd "$BATS_TEST_TMPDIR"
  echo precious >file
  refused "file: is there already: name a new file" eq-quant -m model -r q8_0 --format gguf -o file
  refused "file: is there already: name a new file" eq-quant -m model -r q8_0 --tensor-type-file file
  refused "model/model.safetensors: is the model that is read" eq-quant -m model -r q8_0 --tensor-type-file model/model.safetensors
  refused "model/config.json: is in the folder of the model" eq-quant -m model -r q8_0 --format gguf -o model/config.json
  refused "model/config.json: is in the folder of the model" eq-quant -m model -r q8_0 --tensor-type-file model/config.json
  refused "model/new: is in the folder of the model" eq-quant -m model -r int4 -o model/new
  refused "model/new/: is in the folder of the model" eq-quant -m model -r int4 -o model/new/
  refused "new.gguf: is in the folder of the model" eq-quant -m model/ -r q8_0 --format gguf -o "$PWD/model/new.gguf"
  [ "$(cat file)" = precious ]
  diff -r "$OLDPWD/$MINI" model
  eq-quant -q -m model -r q8_0 --format gguf -o model-q8.gguf >/dev/null # beside it
}

@test "an output that does not fit the disk is one line, and nothing is left" {
  limited() { (ulimit -f 5000; trap '' XFSZ; exec eq-quant "$@"); }
  refused "write: File too large" limited -m "$MINI" -r int4 -o "$OUT"
}

@test "weights that are not numbers are refused" {
  cp -r "$MINI" "$BATS_TEST_TMPDIR/model"
  python3 - "$BATS_TEST_TMPDIR/model/model.safetensors" <<'PYTHON'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
size, = struct.unpack("<Q", data[:8])
begin = json.loads(data[8:8 + size])["h.1.mlp.c_fc.weight"]["data_offsets"][0]
data[8 + size + begin:8 + size + begin + 2] = struct.pack("<e", float("inf"))
open(sys.argv[1], "wb").write(data)
PYTHON
  refused "tensor 'h.1.mlp.c_fc.weight' has 1 of 65536 weights that are NaN or infinite" \
    eq-quant -m "$BATS_TEST_TMPDIR/model" -r int4 -o "$OUT"
}

# large SOURCE COPY TENSOR VALUE...: a copy of a model, whose tensor of float32 begins with these.
large() {
  cp -r "$1" "$2"
  python3 - "$2/model.safetensors" "${@:3}" <<'PYTHON'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
size, = struct.unpack("<Q", data[:8])
entry = json.loads(data[8:8 + size])[sys.argv[2]]
assert entry["dtype"] == "F32", entry
begin = 8 + size + entry["data_offsets"][0]
for i, value in enumerate(sys.argv[3:]):
    data[begin + 4 * i:begin + 4 * i + 4] = struct.pack("<f", float(value))
open(sys.argv[1], "wb").write(data)
PYTHON
}

@test "weights that are too large for a recipe or a type are refused, by the tensor" {
  tensor=model.layers.0.mlp.down_proj.weight
  model=$BATS_TEST_TMPDIR/model
  large tests/golden/models/llama "$model" $tensor 1e6
  too_large() { refused "tensor '$tensor': $1 makes NaN or infinite values of it" eq-quant -q -m "$model" -r "$@"; }
  too_large fp16 -o "$OUT"
  too_large fp16 --format gguf -o "$OUT.gguf"
  too_large fp16
  for format in hf gguf; do
    refused "tensor '$tensor' has a weight of 1e+06, which float16 cannot hold: use bf16 or f32" \
      eq-quant -q -m "$model" -r int8/row --format $format --dtype f16 -o "$OUT"
  done
  eq-quant -q -m "$model" -r int8/row --format gguf --dtype bf16 -o "$OUT" >/dev/null
  rm "$OUT"
  model=$BATS_TEST_TMPDIR/larger
  large tests/golden/models/llama "$model" $tensor 3e38 -3e38
  too_large u4/row -o "$OUT"
  too_large u4/row --format compressed-tensors -o "$OUT"
  tensor=h.0.mlp.c_fc.weight
  eq-quant -q -m "$MINI" -r bf16 -o "$BATS_TEST_TMPDIR/mini" >/dev/null
  model=$BATS_TEST_TMPDIR/blocks
  large "$BATS_TEST_TMPDIR/mini" "$model" $tensor 1e6
  too_large q4_0 --format gguf -o "$OUT.gguf"
}

@test "bad usage is one line" {
  refused "-m PATH is missing" eq-quant -r int4
  refused "-r RECIPE is missing" eq-quant -m "$MINI"
  refused "--format: 'onnx': known are hf, gguf, compressed-tensors, gptq, patch" eq-quant -m "$MINI" -r int4 -o "$OUT" --format onnx
  refused "--format: 'onnx': known are" eq-quant -m "$MINI" -r int4 --format onnx
  refused "--dry-run and -o do not go together" eq-quant -m "$MINI" -r int4 --dry-run -o "$OUT"
  refused "--dry-run and --tensor-type-file do not" eq-quant -m "$MINI" -r q8_0 --dry-run --tensor-type-file "$OUT"
  refused "--dry-run and --check do not" eq-quant -m "$MINI" -r q8_0 --dry-run --check "$MINI"
  refused "--check and -o do not go together" eq-quant -m "$MINI" -r none --check "$MINI" -o "$OUT"
  refused "--apply-patch and --dtype do not" eq-quant -m "$MINI" --apply-patch "$MINI" --dtype f16 -o "$OUT"
  refused "--dtype: 'f64': expected f32, f16 or bf16" eq-quant -m "$MINI" -r int4 -o "$OUT" --dtype f64
  refused "is a GGUF file, and --format hf needs a folder" eq-quant -m tests/golden/gguf/llama3.gguf -r int4/row -o "$OUT"
}

@test "a device or a FIFO is not replaced by a file" {
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  for command in "eq-quant -q -m $MINI -r int4 --format gguf -o" "eq-quant -q -m $MINI -r int4 --format patch -o" \
    "eq-quant -q -m $MINI -r q4_0 --tensor-type-file"; do
    echo "$command"
    # shellcheck disable=SC2086 # a command is words
    run --separate-stderr $command "$BATS_TEST_TMPDIR/fifo"
    echo "$stderr"
    [ "$status" -eq 2 ]
    [ -p "$BATS_TEST_TMPDIR/fifo" ]
  done
}

@test "bytes are those of codes, scales and what pruning leaves" {
  while read -r recipe bits; do
    echo "$recipe $bits"
    [ "$(eq-quant -q -m "$MINI" -r "$recipe" --dry-run | sed -n 's/^all that is touched.* //p')" = "$bits" ]
  done <<'END'
int4 4.250
int4/g32,s16 4.500
u4 4.281
prune=0.5 9.000
prune=1:4 5.000
prune=3:4 13.00
prune=0.5+int4/g32 4.000
prune=0.5+q4_0 4.500
prune=0.9+noise=0.1 32.00
prune=0.5+lowrank=8 2.667
lowrank=8 2.667
END
}

@test "laciq rounds by what eq-stats found, the same in eq-quant and eq-ppl" {
  local recipe='int3/tensor,clip=laciq' stats=$BATS_TEST_TMPDIR/stats.mp
  eq-text -c corpora/udhr -l en,he,am --limit 4 | eq-token -m "$MINI" -o "$BATS_TEST_TMPDIR/tokens.mp"
  eq-stats -m "$MINI" -l all -i "$BATS_TEST_TMPDIR/tokens.mp" -o "$stats"
  eq-quant -q -m "$MINI" -r "$recipe;L0=int4/g32,clip=laciq-uniform" --stats "$stats" -o "$OUT" | records >"$BATS_TEST_TMPDIR/quant"
  eq-ppl -q -i "$BATS_TEST_TMPDIR/tokens.mp" -m "$MINI" -r "$recipe;L0=int4/g32,clip=laciq-uniform" --stats "$stats" |
    nlls >"$BATS_TEST_TMPDIR/nlls"
  eq-ppl -q -i "$BATS_TEST_TMPDIR/tokens.mp" -m "$OUT" | nlls | diff - "$BATS_TEST_TMPDIR/nlls"
  eq-quant -m "$MINI" --check "$OUT" --stats "$stats" | grep -F 'rounded: 48 of 48'
  jq -es 'map(select(.scheme | test("laciq"))) | length == 48 and all(.clipped > 0 and .clipped < 0.2)' "$BATS_TEST_TMPDIR/quant"
  run -2 eq-quant -q -m "$MINI" -r "$recipe"
  [ "$output" = 'eq-quant: clip=laciq: needs --stats FILE, what enters the weights in each language: eq-stats -m MODEL -l all < tokens > FILE' ]
  eq-quant -q -m "$MINI" -r "$recipe" --dry-run >"$BATS_TEST_TMPDIR/plan"
  run -2 eq-ppl -q -m "$OUT" -r "$recipe" --stats "$stats" -i "$BATS_TEST_TMPDIR/tokens.mp"
  [[ $output == *"record 1 (layer): model 'mini@"*"', expected "* ]]
  eq-stats -m "$MINI" -o "$stats"
  run -2 eq-quant -q -m "$MINI" -r "$recipe" --stats "$stats"
  [[ $output == *"--stats has nothing of what enters 'h."* ]]
}

@test "no number is infinite: what has no error has no sqnr" {
  eq-quant -q -m "$MINI" -r 'all=fp16;L0=int4;L1=zero' | records >"$BATS_TEST_TMPDIR/quant" # the file is float16
  jq -es 'all(if .mse == 0 then has("sqnr") | not else .sqnr < 200 end)' "$BATS_TEST_TMPDIR/quant"
  jq -es 'map(select(.scheme == "fp16" and .mse == 0 and .relative_error == 0)) | length == 40' "$BATS_TEST_TMPDIR/quant"
}
