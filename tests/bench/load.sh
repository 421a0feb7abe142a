#!/bin/bash
# How long eq-token takes from its start to its end on a stream without texts, with vocabularies as large as the largest
# that people use: the best of 5, and the first time, when the file is not in memory. Promised: a tokenizer.json of
# 17 MB in 0.5 s, a GGUF file with 262,144 tokens and their scores in 0.3 s. And how long eq-ppl takes on a stream without
# tokens with a model of GPT-2's size, 124 million weights in float32: 0.3 s warm.
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

# The weights are zeros, a hole in the file: what reading them takes does not depend on them.
if [ ! -e "$made/gpt2/config.json" ]; then
  mkdir -p "$made/gpt2"
  python3 - "$made/gpt2" <<'PYTHON'
import json, os, struct, sys
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
with open(f"{sys.argv[1]}/model.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text)
    f.truncate(8 + len(text) + at)
config = {"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024, "vocab_size": 50257}
open(f"{sys.argv[1]}/config.json", "w").write(json.dumps(config))
PYTHON
fi
for _ in 0 1 2 3 4 5; do
  TIMEFORMAT='%R %U %S'
  { time eq-ppl -q -m "$made/gpt2" -i "$made/empty.mp" -o /dev/null; } 2>&1 | awk '{ print $1, $2 + $3 }'
done | awk 'NR > 1 { if (!best || $1 < best) best = $1; if (!cpu || $2 < cpu) cpu = $2 }
  END { printf "  %-46s  498 MB  %.3f s (%.3f s of the processor), promised 0.3 s\n", "eq-ppl, GPT-2 124M in float32, warm", best, cpu }'
