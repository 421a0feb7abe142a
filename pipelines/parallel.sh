#!/bin/bash
# A sweep with GNU parallel: each layer protected alone, one job a shard, on this machine or on others.
#
#   pipelines/parallel.sh [FOLDER [N]] [-- OPTION...]   results go to FOLDER (build/parallel); N segments a language (all);
#                                                       options for parallel: -- -S host1,host2 --workdir "$PWD"
#
# The same line again goes on where it was stopped: a shard's results are kept in its file as they come (--resume), and
# parallel's own log is not needed. Other machines need equant, and this folder where it is here.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=build/parallel limit=
if [ $# -gt 0 ] && [ "$1" != -- ]; then folder=$(cd "${OLDPWD:-.}" && realpath -m "$1") && shift; fi
if [ $# -gt 0 ] && [ "$1" != -- ]; then limit=--limit=$1 && shift; fi
[ "${1:-}" != -- ] || shift
model=corpora/mini shards=8
mkdir -p "$folder"

eq-text -c corpora/udhr -l en,de,fi,ar,he,sw ${limit:+"$limit"} | eq-token -m $model -o "$folder/tokens.mp"
eq-plan single -m $model -r none -r int4 -o "$folder/plan.mp"

# One job a processor, so each has one thread. A shell reads the command once more, so the folder is quoted for it.
printf -v in %q "$folder"
parallel --halt now,fail=1 "$@" \
  "eq-shard -n $shards -s {} -i $in/tokens.mp | eq-ppl -q -t 1 -m $model -R $in/plan.mp --resume $in/shard-{}.mp" \
  ::: $(seq 0 $((shards - 1)))

# The shards together are the bytes of one run, and nothing may lack.
cat "$folder"/shard-*.mp | eq-merge -o "$folder/result.mp"
eq-plan -q -R "$folder/plan.mp" --tokens "$folder/tokens.mp" --missing "$folder/result.mp" -o "$folder/missing.mp"

eq-disparity -q -i "$folder/result.mp" -o "$folder/damage.mp"
cat "$folder/plan.mp" "$folder/damage.mp" | eq-pareto -q | eq-show -k pareto -c recipe,overhead_percent,delta_mean,worst_minus_best,front
