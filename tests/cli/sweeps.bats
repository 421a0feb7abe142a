# Studies that sweep, on a segment or two: with GNU parallel, with make, and the one that chooses what to protect.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  out=$BATS_TEST_TMPDIR
}

# ids STREAM LANG: the segments that a stream has in a language.
ids() { eq-show -f jsonl -i "$1" | jq -r --arg l "$2" 'select(.lang == $l) | .id' | sort -u; }

@test "GNU parallel's shards are the bytes of one run, and a shard that is there is not measured again" {
  command -v parallel >/dev/null || skip "GNU parallel is not installed"
  folder="$out/a folder's"
  run --separate-stderr pipelines/parallel.sh "$folder" 1
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(grep -c '^int4/g128;L[0-9]*=keep ' <<<"$output")" -eq 12 ]
  eq-ppl -q -m corpora/mini -R "$folder/plan.mp" -i "$folder/tokens.mp" | eq-merge | eq-show -f jsonl >"$out/one"
  eq-show -f jsonl -i "$folder/result.mp" | cmp - "$out/one"
  rm "$folder/shard-1.mp"
  touch -d 2000-01-01 "$folder"/shard-*.mp
  run --separate-stderr pipelines/parallel.sh "$folder" 1 -- -j 1
  [ "$status" -eq 0 ]
  [ "$(find "$folder" -name 'shard-*.mp' -newermt 2010-01-01 | wc -l)" -eq 1 ]
  eq-show -f jsonl -i "$folder/result.mp" | cmp - "$out/one"
}

@test "a job that fails ends GNU parallel's sweep" {
  command -v parallel >/dev/null || skip "GNU parallel is not installed"
  mkdir "$out/bin"
  printf '#!/bin/sh\nexit 3\n' >"$out/bin/eq-shard"
  chmod +x "$out/bin/eq-shard"
  PATH=$out/bin:$PATH run pipelines/parallel.sh "$out/sweep" 1
  [ "$status" -ne 0 ]
  [ ! -e "$out/sweep/result.mp" ]
}

sweep() { make -s -f pipelines/sweep.mk -j2 OUT="$out/sweep" LIMIT=1 PLAN=prefixes "$@"; }

@test "make scores a language that is new, and nothing where nothing changed" {
  sweep LANGS='en he' >"$out/table"
  [ "$(grep -c '^int4/g128;' "$out/table")" -eq 12 ]
  find "$out/sweep" -type f -exec touch -d 2000-01-01 {} +
  sweep LANGS='en he' | cmp - "$out/table"
  # the sources are newer than 2000: the tokens are made again, and all that follows; then nothing is
  sweep LANGS='en he' >"$out/again"
  find "$out/sweep" -type f -printf '%P %T@\n' | sort >"$out/before"
  sweep LANGS='en he' >"$out/again"
  find "$out/sweep" -type f -printf '%P %T@\n' | sort | cmp - "$out/before"
  cmp "$out/table" "$out/again"
  sweep LANGS='en he de' >/dev/null
  diff <(grep -E '^lang/(en|he)' "$out/before") <(find "$out/sweep" -type f -printf '%P %T@\n' | sort | grep -E '^lang/(en|he)')
  [ "$(eq-show -f jsonl -i "$out/sweep/result.mp" | jq -r '.lang // empty' | sort -u | tr '\n' ' ')" = 'de en he ' ]
}

@test "make does not keep what another limit, or another model, made" {
  sweep LANGS=en PLAN=components >"$out/one"
  sweep LANGS=en PLAN=components LIMIT=2 >"$out/two"
  [ "$(ids "$out/sweep/result.mp" en | wc -l)" = 2 ]
  ! cmp -s "$out/one" "$out/two" || false
  eq-quant -q -m corpora/mini -r int3 -o "$out/mini" >"$out/quant"
  cp corpora/mini/{tokenizer,tokenizer_config}.json "$out/mini"
  sweep LANGS=en PLAN=components LIMIT=2 MODEL="$out/mini" >"$out/other"
  eq-ppl -q -m "$out/mini" -R "$out/sweep/plan.mp" -i "$out/sweep/lang/en.tokens" | eq-show -f jsonl | sort >"$out/wanted"
  eq-merge -i "$out/sweep/result.mp" | eq-show -f jsonl | sort | cmp - "$out/wanted"
}

@test "make stops where a language fails, and leaves no half of it" {
  run sweep LANGS='en xx-none'
  [ "$status" -ne 0 ]
  [ ! -e "$out/sweep/lang/xx-none.tokens" ]
  [ ! -e "$out/sweep/result.mp" ]
}

study() { pipelines/pareto.sh --plan prefixes --segments 2 --report 3 --controls 14 --shards 2 "$out/pareto"; }

@test "the study of protection reports on segments that chose nothing, beside controls of the same sizes" {
  run --separate-stderr study
  echo "$output"
  [ "$status" -eq 0 ]
  cd "$out/pareto"
  for lang in en sw; do
    [ "$(ids choose.tokens $lang | wc -l)" -eq 2 ]
    [ "$(ids report.tokens $lang | wc -l)" -eq 3 ]
    [ "$(comm -12 <(ids choose.tokens $lang) <(ids report.tokens $lang) | wc -l)" -eq 0 ]
    diff <(ids report.tokens en) <(ids report.tokens $lang)
  done
  eq-show -k pareto -f jsonl -i pareto.mp >points
  [ "$(jq -r 'select(.chosen != "" and .plan != "random") | .recipe' points | sort)" = "$(eq-show -k pareto -f jsonl -i front.mp | jq -r .recipe | sort)" ]
  [ "$(jq -r 'select(.plan == "random") | .recipe' points | wc -l)" -eq 14 ]
  # every control has the size of something that was chosen
  [ "$(comm -13 <(eq-show -k pareto -f jsonl -i front.mp | jq .overhead | sort -u) \
    <(jq 'select(.plan == "random") | .overhead' points | sort -u) | wc -l)" -eq 0 ]
  # p is (1 + no worse) / (1 + controls)
  [ "$(awk -F '\t' 'FNR > 1 && $11 != "-" && ($11 - (1 + $10) / (1 + $6)) ^ 2 > 1e-6' delta_mean.tsv worst_minus_best.tsv | wc -l)" -eq 0 ]
  [ "$(tail -n +2 delta_mean.tsv | wc -l)" -eq "$(jq -r 'select(.chosen | contains("delta_mean")) | .recipe' points | wc -l)" ]
  grep -q 'chosen on other segments' pareto.svg
  [ "$(head -c 4 pareto.png | tail -c 3)" = PNG ]
}

@test "the study of protection goes on where it was, and measures nothing twice" {
  study >"$out/first" 2>/dev/null
  mkdir "$out/bin"
  printf '#!/bin/sh\ncase "$*" in *-h*) exec %s/eq-ppl -h;; esac; exit 3\n' "$EQ_BIN" >"$out/bin/eq-ppl"
  chmod +x "$out/bin/eq-ppl"
  PATH=$out/bin:$PATH study 2>/dev/null | cmp - "$out/first"
}

@test "the study of protection is the same on a Slurm of two nodes" {
  local tool
  for tool in slurmctld slurmd munged sbatch; do
    PATH=$PATH:/usr/sbin command -v $tool >/dev/null || skip "$tool is not installed"
  done
  [ "${EQ_SAN:-0}" = 0 ] || skip 'under sanitizers'
  small=(--plan prefixes --segments 1 --report 2 --controls 6 --shards 2)
  pipelines/pareto.sh "${small[@]}" "$out/here" 2>/dev/null
  slurm/test-cluster run -- pipelines/pareto.sh "${small[@]}" --on slurm "$out/there"
  eq-show -k pareto -f jsonl -i "$out/here/pareto.mp" >"$out/pareto"
  [ "$(grep -c '"plan":"random"' "$out/pareto")" -eq 6 ]
  eq-show -k pareto -f jsonl -i "$out/there/pareto.mp" | diff - "$out/pareto"
}
