#!/bin/bash
# How long eq-quant takes for int4/g128 of a model of GPT-2's size, 124 million weights in float32, when its file is in
# the cache: the best of 5. Promised: 0.5 s for the records. Where LLAMA_CPP names the folder of llama-quantize, beside
# Q4_0 of the same model there, in turns, and for the file of these blocks from eq-quant.
set -euo pipefail
made=${EQ_BUILD:-build/gcc}/bench/quant
if [ ! -e "$made/gpt2/config.json" ]; then
  mkdir -p "$made/gpt2"
  python3 - "$made/gpt2" <<'PYTHON'
import array, json, random, struct, sys
width, shapes = 768, {"wte.weight": (50257, 768), "wpe.weight": (1024, 768), "ln_f.weight": (768,), "ln_f.bias": (768,)}
for layer in range(12):
    for name, out in (("attn.c_attn", 3), ("attn.c_proj", 1), ("mlp.c_fc", 4), ("mlp.c_proj", 1)):
        into = 4 if name == "mlp.c_proj" else 1
        shapes |= {f"h.{layer}.{name}.weight": (into * width, out * width), f"h.{layer}.{name}.bias": (out * width,)}
    for norm in "ln_1", "ln_2":
        shapes |= {f"h.{layer}.{norm}.weight": (width,), f"h.{layer}.{norm}.bias": (width,)}
header, at = {}, 0
for name, shape in shapes.items():
    size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
    at += size
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
draw = random.Random(1)
block = array.array("f", (draw.gauss(0, 0.02) for _ in range(1 << 18))).tobytes()
with open(f"{sys.argv[1]}/model.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text)
    for begin in range(0, at, len(block)):
        f.write(block[:at - begin])
config = {"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024, "vocab_size": 50257}
open(f"{sys.argv[1]}/config.json", "w").write(json.dumps(config))
PYTHON
fi
cat "$made/gpt2/model.safetensors" >"$made/out"

# once COMMAND...: seconds by the clock, and of the processor
once() {
  local TIMEFORMAT='%R %U %S'
  { time "$@" >"$made/out" 2>&1; } 2>&1 | awk '{ print $1, $2 + $3 }'
}
row() {
  sort -n "$2" | awk -v name="$1" 'NR == 1 { printf "  %-46s %.3f s (%.3f s of the processor)\n", name, $1, $2 }'
  rm "$2"
}

if [ "${LLAMA_CPP:-}" ] && [ ! -e "$made/f32.gguf" ]; then
  eq-quant -q -m "$made/gpt2" -r none --format gguf -o "$made/f32.gguf" >"$made/out"
fi
for _ in 1 2 3 4 5; do
  once eq-quant -q -m "$made/gpt2" -r int4 >>"$made/int4"
  [ "${LLAMA_CPP:-}" ] || continue
  once "$LLAMA_CPP/llama-quantize" "$made/f32.gguf" "$made/theirs.gguf" Q4_0 >>"$made/theirs"
  rm -f "$made/ours.gguf"
  once eq-quant -q -m "$made/f32.gguf" -r 'all=q4_0;embed=q6_k' --format gguf -o "$made/ours.gguf" >>"$made/ours"
done
row 'int4/g128, records (promised 0.5 s)' "$made/int4"
if [ "${LLAMA_CPP:-}" ]; then
  row 'Q4_0 and a Q6_K embedding, llama-quantize' "$made/theirs"
  row 'the same types, eq-quant --format gguf' "$made/ours"
fi
rm -f "$made/out" "$made/theirs.gguf" "$made/ours.gguf"
