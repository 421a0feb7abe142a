# Models whose layers others quantized, in the tools.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup() { MODEL=tests/golden/models/llama-pack-quantized; }

# segment: a tokens stream of one segment.
segment() { echo '{"k":"tokens","lang":"en","id":"0","ids":[3,5,6,9,2,11]}' | eq-show --from jsonl -f stream; }

# with JQ: a copy of the model whose config went through a jq program.
with() {
  mkdir -p "$BATS_TEST_TMPDIR/model"
  cp "$MODEL/model.safetensors" "$BATS_TEST_TMPDIR/model"
  jq "$1" "$MODEL/config.json" >"$BATS_TEST_TMPDIR/model/config.json"
  echo "$BATS_TEST_TMPDIR/model"
}

@test "recipes round the values of quantized layers again, whatever the threads" {
  recipes=(-r none -r int8/row -r int4/row -r 'int4/row;L0,L1=keep')
  segment | eq-ppl -m "$MODEL" -t 1 "${recipes[@]}" >"$BATS_TEST_TMPDIR/one"
  segment | eq-ppl -m "$MODEL" -t 3 "${recipes[@]}" >"$BATS_TEST_TMPDIR/three"
  eq-show -f jsonl <"$BATS_TEST_TMPDIR/one" | jq -s '[.[] | select(.k == "surprisal") | .nll]' >"$BATS_TEST_TMPDIR/nlls"
  cat "$BATS_TEST_TMPDIR/nlls"
  jq -e 'length == 4 and .[0] == .[3] and .[1] != .[0] and .[2] != .[1]' "$BATS_TEST_TMPDIR/nlls"
  eq-show -f jsonl <"$BATS_TEST_TMPDIR/three" | jq -s '[.[] | select(.k == "surprisal") | .nll]' | cmp - "$BATS_TEST_TMPDIR/nlls"
}

@test "what is shown of a quantized model is how it is stored" {
  run eq-show -m "$MODEL" -f tsv
  [ "$status" = 0 ]
  [[ $output == *"63 tensors"* && $output == *"quant_method compressed-tensors"* && $output == *"I32 28 tensors"* ]]
  [[ $output == *"unused"$'\t'"0"* ]]
}

@test "the digest of a model tells apart what its layers decode to" {
  digest() { segment | eq-ppl -m "$1" | eq-show -f jsonl | jq -r 'select(.k == "surprisal") | .model | split("@")[1]'; }
  model=$(with .)
  before=$(digest "$model")
  [ -n "$before" ]
  python3 - "$model/model.safetensors" <<'PYTHON'
import json, struct, sys
path = sys.argv[1]
data = bytearray(open(path, "rb").read())
size = struct.unpack("<Q", data[:8])[0]
begin = json.loads(data[8:8 + size])["model.layers.1.mlp.up_proj.weight_packed"]["data_offsets"][0]
data[8 + size + begin] ^= 1
open(path, "wb").write(data)
PYTHON
  [ "$(digest "$model")" != "$before" ]
}

@test "a scheme that is not known is refused by its name" {
  model=$(with '.quantization_config.quant_method = "hqq"')
  run --separate-stderr eq-ppl -m "$model" </dev/null
  [ "$status" = 2 ]
  [[ $stderr == *"config.json: 'quant_method' is 'hqq': known are gptq, awq, compressed-tensors, fp8, bitsandbytes" ]]
}
