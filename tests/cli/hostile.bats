# Model files that lie: exit 2, one line that says what is wrong, and hardly any memory. What each lie in the bytes of a
# GGUF gets is in tests/unit/gguf.c, of a safetensors file in tests/unit/safetensors.c.
# shellcheck disable=SC2154,SC2030,SC2031 # bats assigns stderr, and runs each test in a shell of its own
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  model=$BATS_TEST_TMPDIR/model
  mkdir "$model"
  ln -s "$PWD/corpora/mini/model.safetensors" "$model"
}

# refused TEXT: eq-show and eq-ppl refuse $model in one line that holds TEXT; neither takes 64 MiB beyond what it takes
# for a model that is fine.
refused() {
  local tool line peak
  for tool in eq-show eq-ppl; do
    run -2 --separate-stderr "$tool" -v -m "$model" </dev/null
    line=${stderr_lines[0]}
    if [ "${#stderr_lines[@]}" != 2 ] || [[ $line != "$tool: "*"$1"* ]]; then
      echo "$tool: expected '$1', found: $stderr"
      return 1
    fi
    peak=$(sed -n 's/.* \([0-9]*\)\.[0-9]* MiB peak memory$/\1/p' <<<"$stderr")
    [ "${EQ_SAN:-0}" = 1 ] || [ "$peak" -lt $((64 + $(usual "$tool"))) ] || { echo "$tool: $peak MiB"; return 1; }
  done
}
# usual TOOL: MiB that it takes when nothing is wrong.
usual() {
  "$1" -v -m corpora/mini </dev/null 2>&1 >/dev/null | sed -n 's/.* \([0-9]*\)\.[0-9]* MiB peak memory$/\1/p'
}

# config JQ: corpora/mini's config, changed.
config() { jq "$1" corpora/mini/config.json >"$model/config.json"; }

@test "configs that lie about sizes are refused" {
  config '.n_layer = 1000000000'
  refused "'n_layer' is 1000000000, expected 1 to"
  config '.n_layer = 4096'
  refused "too few for the 4096 layers"
  config '.n_head = 0'
  refused "'n_head' is 0, expected 1 to"
  config 'del(.n_head)'
  refused "is not a multiple of 'n_head' 12"
  config '.n_embd = -128'
  refused "'n_embd' is -128, expected 1 to"
  config '.n_embd = 128.5'
  refused "'n_embd' is a number, expected a whole number"
  config '.vocab_size = 8193'
  refused "has shape [8192,128], expected [8193,128]"
  config '.n_inner = 268435456'
  refused "expected at most"
  config '.model_type = "bloom" | .n_head = 67108864 | .hidden_size = 67108864'
  refused "expected at most 65536"
  config '.layer_norm_epsilon = -1'
  refused "'layer_norm_epsilon' is -1"
}

@test "configs that lie about rotary positions and layers are refused" {
  local llama='{model_type: "llama", hidden_size: 8, num_attention_heads: 2, num_hidden_layers: 2, vocab_size: 9}'
  config "$llama + {rope_theta: -1}"
  refused "'rope_theta' is -1"
  config "$llama + {rope_scaling: {type: \"spiral\"}}"
  refused "'rope_type' is 'spiral': known are"
  config "$llama + {rope_scaling: {type: \"longrope\", short_factor: [1], long_factor: [1]}}"
  refused "'short_factor' is a list of 1, expected a list of 2"
  config "$llama + {rope_scaling: {type: \"linear\", factor: 0}}"
  refused "'factor' is 0"
  config "$llama + {head_dim: 3}"
  refused "rotates 3 of 3 dimensions"
  config "$llama + {num_key_value_heads: 3}"
  refused "2 heads share 3 key-value heads"
  config "$llama + {model_type: \"gemma2\", layer_types: [\"full_attention\"]}"
  refused "has 1 items, expected one a layer: 2"
  config "$llama + {model_type: \"gemma2\", layer_types: \"full_attention\"}"
  refused "'layer_types' is a string, expected a list"
  config "$llama + {model_type: \"mistral\", layer_types: {}}"
  refused "'layer_types' is an object, expected a list"
  config "$llama + {model_type: \"qwen3_moe\", mlp_only_layers: 1}"
  refused "'mlp_only_layers' is a whole number, expected a list"
  config "$llama + {model_type: \"qwen3_moe\", mlp_only_layers: [2]}"
  refused "'mlp_only_layers'"
  config "$llama + {model_type: \"mixtral\", num_local_experts: 2, num_experts_per_tok: 3}"
  refused "expected at most the number of experts"
}

@test "configs that are no configs are refused" {
  printf '{"model_type": "gpt2"' >"$model/config.json"
  refused "config.json:1: "
  printf '' >"$model/config.json"
  refused "config.json:1: "
  printf '{"a": 1, "a": 2}' >"$model/config.json"
  refused "duplicate"
  head -c 100000 /dev/zero | tr '\0' '[' >"$model/config.json"
  refused "config.json:1: "
  { printf '{"a": [1' && yes ',{}' | head -n 200000 && printf ']}'; } | tr -d '\n' >"$model/config.json"
  refused "would take"
}

@test "indices that lie are refused" {
  cp corpora/mini/config.json "$model"
  rm "$model/model.safetensors"
  ln -s "$PWD/corpora/mini/model.safetensors" "$model/one.safetensors"
  local index=$model/model.safetensors.index.json
  printf '{"weight_map": {"a": "../one.safetensors"}}' >"$index"
  refused "puts tensor 'a' into '../one.safetensors'"
  printf '{"weight_map": {"a": "/etc/passwd"}}' >"$index"
  refused "expected a file of the same folder"
  printf '{"weight_map": {"a": "two.safetensors"}}' >"$index"
  refused "two.safetensors: "
  printf '{"weight_map": {"a": "one.safetensors"}}' >"$index"
  refused "tensor 'a' is not in 'one.safetensors'"
  printf '{"weight_map": {"a": 1}}' >"$index"
  refused "(not a string)"
  printf '{"weight_map": {}}' >"$index"
  refused "has no 'weight_map'"
  printf '{"weight_map": {"a": "b", "a": "b"}}' >"$index"
  refused "duplicate"
  printf '[' >"$index"
  refused "index.json:1: "
  { printf '{"a": [1' && yes ',{}' | head -n 200000 && printf ']}'; } | tr -d '\n' >"$index"
  refused "would take"
  ln -s one.safetensors "$model/two.safetensors"
  printf '{"weight_map": {"wte.weight": "one.safetensors", "wpe.weight": "two.safetensors"}}' >"$index"
  refused "is in two files"
}

# The parts of a GGUF file without tensors: its head with the number of keys, a key that is a text, one that is a u32.
u64() { local i; for ((i = 0; i < 64; i += 8)); do printf '%b' "\\x$(printf %x $(($1 >> i & 255)))"; done; }
gguf_head() { printf 'GGUF\3\0\0\0\0\0\0\0\0\0\0\0' && u64 "$1"; }
gguf_text() { u64 "${#1}" && printf %s "$1" && printf '\10\0\0\0' && u64 "${#2}" && printf %s "$2"; }
gguf_number() { u64 "${#1}" && printf %s "$1" && printf '\4\0\0\0' && u64 "$2" | head -c 4; }

@test "GGUF files that are whole but no models are refused" {
  model=$BATS_TEST_TMPDIR/model.gguf
  { gguf_head 0; } >"$model"
  refused "general.architecture '(missing)' is not known: known are gpt2"
  { gguf_head 1 && gguf_text general.architecture abacus; } >"$model"
  refused "'abacus' is not known"
  { gguf_head 1 && gguf_text general.architecture llama; } >"$model"
  refused "expected"
  { gguf_head 2 && gguf_text general.architecture llama && gguf_number llama.block_count 1000000000; } >"$model"
  refused "is 1000000000, expected"
  { gguf_head 2 && gguf_text general.architecture llama && gguf_number split.count 3; } >"$model"
  refused "is part 1 of 3: name the first"
}

@test "each way in which the bytes of a GGUF file can lie is refused in a line" {
  python3 - "$BATS_TEST_TMPDIR" <<'PYTHON'
import struct, sys
MOST = 2**64 - 1
u32, u64 = (lambda x: struct.pack("<I", x)), (lambda x: struct.pack("<Q", x))
text = lambda s: u64(len(s)) + s.encode()
head = lambda tensors, keys, version=3: b"GGUF" + u32(version) + u64(tensors) + u64(keys)
number = lambda name, x: text(name) + u32(4) + u32(x)
tensor = lambda name, dims, kind=0, offset=0: text(name) + u32(len(dims)) + b"".join(map(u64, dims)) + u32(kind) + u64(offset)
data = lambda b, n: b + b"\0" * (-len(b) % 32 + n)
good = open("tests/golden/gguf/llama3.gguf", "rb").read()
def patched(what, by):  # the first occurrence
    at = good.index(what)
    return good[:at] + by + good[at + len(by):]
lies = [
    ("does not begin with GGUF", b"GGML" + good[4:]),
    ("version 1, expected 2 or 3", good[:4] + u32(1) + good[8:]),
    ("big-endian order", good[:4] + struct.pack(">I", 3) + good[8:]),
    ("18446744073709551615 keys", head(0, MOST)),
    ("18446744073709551615 tensors", head(MOST, 0)),
    ("a key has 18446744073709551615 bytes", head(0, 1) + u64(MOST) + b"k" * 40),
    ("a string has 18446744073709551615 bytes", head(0, 1) + text("k") + u32(8) + u64(MOST)),
    ("is an array of arrays", head(0, 1) + text("k") + u32(9) + u32(9) + u64(1)),
    ("elements, but only", head(0, 1) + text("k") + u32(9) + u32(12) + u64(2**61)),
    ("has the type 13", head(0, 1) + text("k") + u32(13)),
    ("key 'k' comes twice", head(0, 2) + number("k", 1) + number("k", 2)),
    ("expected a power of two", head(0, 1) + number("general.alignment", 48)),
    ("general.alignment is 0", head(0, 1) + number("general.alignment", 0)),
    ("has 0 dimensions", head(1, 0) + tensor("t", [])),
    ("has 5 dimensions", head(1, 0) + tensor("t", [1] * 5)),
    ("the unknown type 99", data(head(1, 0) + tensor("t", [2], 99), 64)),
    ("the unknown type 4", data(head(1, 0) + tensor("t", [2], 4), 64)),
    ("a shape whose product overflows", data(head(1, 0) + tensor("t", [2**32, 2**32]), 64)),
    ("a size that overflows", data(head(1, 0) + tensor("t", [2**62]), 64)),
    ("has the offset 8, expected a multiple of 32", data(head(1, 0) + tensor("t", [2], 0, 8), 64)),
    ("bytes at byte 64 of the data", data(head(1, 0) + tensor("t", [2], 0, 64), 64)),
    ("overlap", data(head(2, 0) + tensor("s", [9]) + tensor("t", [1], 0, 32), 64)),
    ("tensor 't' comes twice", data(head(2, 0) + tensor("t", [1]) + tensor("t", [1], 0, 32), 64)),
    ("expected a multiple of 32 for Q4_0", data(head(1, 0) + tensor("t", [33], 2), 64)),
    ("is missing", patched(b"blk.1.attn_q.weight", b"blk.9.attn_q.weight")),
    ("has shape", patched(text("llama.feed_forward_length"), text("llama.feed_forward_lengtx"))),
    ("'num_attention_heads' is 0, expected", patched(text("llama.attention.head_count") + u32(4) + u32(4), text("llama.attention.head_count") + u32(4) + u32(0))),
    ("is missing (llama, 3 layers)", patched(text("llama.block_count") + u32(4) + u32(2), text("llama.block_count") + u32(4) + u32(3))),
]
lies += [("the file ends" if n < 24 else "", good[:n]) for n in (0, 3, 6, 12, 20, 30, 200, 1000, len(good) // 2, len(good) - 1)]
for i, (expected, b) in enumerate(lies):
    open(f"{sys.argv[1]}/{i}.gguf", "wb").write(b)
    open(f"{sys.argv[1]}/{i}.expected", "w").write(expected)
PYTHON
  local n=0
  for model in "$BATS_TEST_TMPDIR"/*.gguf; do
    refused "$(cat "${model%.gguf}.expected")"
    n=$((n + 1))
  done
  [ "$n" = 38 ]
}

@test "each way in which the bytes of a safetensors file can lie is refused in a line" {
  local n=0 size header
  cp corpora/mini/config.json "$model"
  rm "$model/model.safetensors"
  # lie TEXT HEADER [BYTES-OF-DATA [LENGTH]]: a file with this header, as long as it is or as is said
  lie() {
    { u64 "${4:-${#2}}" && printf %s "$2" && head -c "${3:-0}" /dev/zero; } >"$model/model.safetensors"
    refused "$1"
    n=$((n + 1))
  }
  a='"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
  lie 'are allowed' '{}' 0 9223372036854775807
  lie 'bytes follow' '{}' 0 1000
  lie 'not valid JSON' "{$a,}" 4
  lie 'too few' '{}'
  lie "tensor 'a' comes twice" "{$a,${a/0,4/4,8}}" 8
  lie 'overlap' "{$a,${a/\"a\"/\"b\"}}" 4
  lie 'but the file has only 3 bytes' "{$a}" 3
  lie 'belong to none' "{$a}" 9
  lie 'between tensors' "{${a/0,4/4,8}}" 8
  lie 'at most 8 sizes' "{${a/\[1\]/[1,1,1,1,1,1,1,1,1]}}" 4
  lie 'product overflows' "{${a/\[1\]/[4294967296,4294967296]}}" 4
  lie 'expected one of' "{${a/F32/F31}}" 4
  lie 'has no shape' "{${a/\[1\]/-1}}" 4
  lie 'has no data_offsets' "{${a/0,4/-4,0}}" 4
  size=$(stat -c %s corpora/mini/model.safetensors) header=$(od -An -tu8 -N8 corpora/mini/model.safetensors)
  for cut in 0 5 8 100 $((header + 7)) $((header + 8)) $((header + 1000)) $((size - 1)); do
    head -c "$cut" corpora/mini/model.safetensors >"$model/model.safetensors"
    refused 'model.safetensors: '
    n=$((n + 1))
  done
  [ "$n" = 22 ]
}
