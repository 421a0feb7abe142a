# Lists of recipes: how many, what each costs, and what results lack.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  out=$BATS_TEST_TMPDIR
  mini=corpora/mini
}

# keys KEY STREAM...: one value a line.
keys() { eq-show -f jsonl -i "$2" | jq -r ".$1"; }

# whole RECIPE: the bytes that eq-quant --dry-run gives for the model under it.
whole() { eq-quant -m "$mini" -r "$1" --dry-run | awk '/^the whole model/ { print $(NF - 1) }'; }

@test "each kind has as many recipes as it must, all canonical, none twice" {
  while read -r kind n; do
    eq-plan -q "$kind" -m "$mini" -o "$out/plan.mp"
    keys recipe "$out/plan.mp" >"$out/recipes"
    echo "$kind"
    [ "$(wc -l <"$out/recipes")" -eq "$n" ]
    [ "$(sort -u "$out/recipes" | wc -l)" -eq "$n" ]
    eq-plan -R "$out/recipes" | eq-show -f jsonl | jq -r .recipe | cmp - "$out/recipes"
  done <<'END'
single 12
pairs 66
triples 220
subsets 4096
prefixes 12
components 8
mlp-by-layer 12
attn-by-layer 12
heads 48
bits 7
END
}

@test "a set of layers has one spelling in every kind" {
  for kind in single pairs triples prefixes; do eq-plan $kind -m "$mini" | eq-show -f jsonl | jq -r .recipe; done | sort -u >"$out/some"
  [ "$(wc -l <"$out/some")" -eq $((12 + 66 + 220 + 12 - 3)) ]
  eq-plan subsets -m "$mini" | eq-show -f jsonl | jq -r .recipe | sort >"$out/all"
  [ "$(comm -23 "$out/some" "$out/all" | wc -l)" -eq 0 ]
}

@test "bytes are those of eq-quant --dry-run, and overheads their differences" {
  [ "$(whole int4)" = 3456512 ]
  {
    eq-plan single -m "$mini"
    eq-plan -q components -m "$mini"
    eq-plan mlp-by-layer -m "$mini" -b 'u3/row;norm=fp16'
    eq-plan bits -m "$mini" -b 'int4;attn=prune=0.5+u4/row'
  } | eq-show -k recipe -f jsonl | jq -r '[.recipe, .base, .bytes, .overhead, .overhead_percent] | @tsv' |
    awk 'NR % 3 == 1' >"$out/rows"
  [ "$(wc -l <"$out/rows")" -eq 13 ]
  while IFS=$'\t' read -r recipe base bytes overhead percent; do
    echo "$recipe"
    [ "$bytes" = "$(whole "$recipe")" ]
    [ "$overhead" = $((bytes - $(whole "$base"))) ]
    jq -en "($percent - 100 * $overhead / ($bytes - $overhead)) | fabs < 1e-9"
  done <"$out/rows"
}

@test "bits changes the width of every integer, and of nothing else" {
  [ "$(eq-plan bits -m "$mini" -b 'int4/tensor;mlp=prune=0.5+u4;norm=fp16;name:*=int*=keep' 2>&1 | head -c 8)" != "" ]
  eq-plan bits -m "$mini" -b 'int4/tensor;mlp=prune=0.5+u4,s16;norm=fp16' | eq-show -f jsonl | jq -r '[.part, .recipe] | @tsv' >"$out/got"
  diff - <(sed -n '1p;$p' "$out/got") <<'END'
8	int8/tensor;mlp=prune=0.5+u8/g128,s16;norm=fp16
2	int2/tensor;mlp=prune=0.5+u2/g128,s16;norm=fp16
END
  run eq-plan bits -m "$mini" -b nf4
  [ "$status" -eq 2 ]
  [ "${lines[0]}" = "eq-plan: bits: the base nf4/g64 rounds to no integers, int2-8 or u2-8" ]
}

@test "random sets cost what they are matched with, differ, and depend on the seed alone" {
  like='int4;L0,L9,L-1=keep'
  eq-plan random -n 60 --like "$like" -m "$mini" -o "$out/a.mp"
  [ "$(keys overhead "$out/a.mp" | sort -u)" = 866304 ]
  [ "$(keys recipe "$out/a.mp" | sort -u | wc -l)" -eq 60 ]
  run grep -cx 'int4/g128;L0,L9,L11=keep' <(eq-plan random -n 219 --like "$like" -m "$mini" | eq-show -f jsonl | jq -r .recipe)
  [ "$output" = 0 ]
  diff <(eq-plan random -n 20 --like "$like" -m "$mini" | eq-show -f jsonl) <(eq-show -f jsonl -i "$out/a.mp" | head -n 20)
  ! diff -q <(eq-plan random -n 60 --seed 1 --like "$like" -m "$mini" | eq-show -f jsonl) <(eq-show -f jsonl -i "$out/a.mp") || false
  # A layer's attention is half its MLP: whole layers, or two attentions for an MLP, within the percent of one block.
  eq-plan random -n 300 --of blocks --like "$like" -m "$mini" | eq-show -f jsonl | jq -r .overhead | sort -u >"$out/costs"
  [ "$(cat "$out/costs")" = 866304 ]
}

@test "that there are not so many sets is counted" {
  run eq-plan random -n 220 --like 'int4;L0,L9,L-1=keep' -m "$mini" -o "$out/none.mp"
  [ "$status" -eq 1 ]
  [[ "$output" == *"of the 220 sets of layers that were asked for there are 219: in all 220 cost the 866304 bytes of"* ]]
  [ ! -e "$out/none.mp" ]
}

@test "what is kept of the untouched model is no study" {
  for kind in single subsets heads "random --like int4"; do
    # shellcheck disable=SC2086 # a kind and its options
    run eq-plan $kind -m "$mini" -b none
    [ "$status" -eq 2 ]
    [ "$output" = "eq-plan: --base none: keeps all there is, and ${kind%% *} varies what is kept" ]
  done
}

@test "a grid is all combinations of its lines, the last the fastest" {
  printf '%s\n' '# widths' 'int{8|4}/{row|tensor}' '' '  {|L0=keep|L0,L-1=keep}  ' >"$out/grid"
  eq-plan grid "$out/grid" -m "$mini" | eq-show -f jsonl | jq -r .recipe >"$out/got"
  for bits in 8 4; do for by in row tensor; do for keep in '' ';L0=keep' ';L0,L-1=keep'; do echo "int$bits/$by$keep"; done; done; done |
    diff - "$out/got"
  echo '{|L0=keep}' >"$out/grid"
  run eq-plan grid "$out/grid" -m "$mini"
  [ "$status" -eq 0 ]
  [ "$(eq-plan grid "$out/grid" -m "$mini" | eq-show -f jsonl | jq -r .recipe | head -n 1)" = none ]
  for bad in 'int{8' 'int8}' 'int{8|{4}}'; do
    echo "$bad" >"$out/grid"
    run eq-plan grid "$out/grid" -m "$mini"
    [ "$status" -eq 2 ]
    [[ "$output" == "eq-plan: $out/grid:1: a "* ]]
  done
  printf 'int{4|bogus}\n' >"$out/grid"
  run eq-plan grid "$out/grid" -m "$mini"
  [ "$status" -eq 2 ]
  [[ "${lines[0]}" == "eq-plan: $out/grid: combination 2: recipe: intbogus"* ]]
}

@test "too many recipes are refused with their number" {
  for _ in 1 2 3 4 5 6; do echo '{L0|L1|L2|L3|L4|L5|L6|L7|L8|L9}=int8'; done >"$out/grid"
  run eq-plan grid "$out/grid" -m "$mini"
  [ "$status" -eq 2 ]
  [ "$output" = "eq-plan: $out/grid: 1000000 combinations, at most 131072 make a plan" ]
}

@test "eq-ppl takes a plan, from a file or a pipe, as it takes lines" {
  eq-text -c corpora/udhr -l en,he --limit 2 | eq-token -m "$mini" -o "$out/tokens.mp"
  eq-plan prefixes -m "$mini" -r none -o "$out/plan.mp"
  keys recipe "$out/plan.mp" | head -n 4 >"$out/lines"
  head -n 4 "$out/lines" | eq-plan -m "$mini" -R - -o "$out/four.mp"
  eq-ppl -q -m "$mini" -R "$out/lines" -i "$out/tokens.mp" | eq-show -f jsonl >"$out/by-lines"
  [ "$(wc -l <"$out/by-lines")" -eq 16 ]
  eq-ppl -q -m "$mini" -R "$out/four.mp" -i "$out/tokens.mp" | eq-show -f jsonl | cmp - "$out/by-lines"
  eq-ppl -q -m "$mini" -R <(cat "$out/four.mp") -i "$out/tokens.mp" | eq-show -f jsonl | cmp - "$out/by-lines"
  eq-ppl -q -m "$mini" -R - -i "$out/tokens.mp" <"$out/four.mp" | eq-show -f jsonl | cmp - "$out/by-lines"
  run eq-ppl -q -m "$mini" -R - <"$out/tokens.mp"
  [ "$status" -eq 2 ]
  [ "$output" = "eq-ppl: -R -: stdin has the tokens: say -i FILE" ]
}

@test "a plan that is not whole, or not a plan, is refused" {
  eq-plan single -m "$mini" -o "$out/plan.mp"
  head -c -21 "$out/plan.mp" >"$out/cut.mp"
  run eq-ppl -m "$mini" -R "$out/cut.mp" </dev/null
  [ "$status" -eq 1 ]
  [[ "$output" == *"cut.mp: stream ends after 12 records without its trailer"* ]]
  head -c 300 "$out/plan.mp" >"$out/cut.mp"
  run eq-plan -R "$out/cut.mp"
  [ "$status" -eq 1 ]
  eq-text -c corpora/udhr -l en --limit 2 -o "$out/text.mp"
  run eq-ppl -m "$mini" -R "$out/text.mp" </dev/null
  [ "$status" -eq 2 ]
  [ "$output" = "eq-ppl: $out/text.mp: holds no recipe" ]
  eq-plan -r int4 | sed 's/int4/intX/g' >"$out/wrong.mp"
  run eq-plan -R "$out/wrong.mp"
  [ "$status" -ne 0 ]
  [[ "${lines[0]}" == *"wrong.mp: record 1: recipe: intX"* ]]
}

@test "what results lack is printed, and the status says whether there is any" {
  eq-text -c corpora/udhr -l en,he --limit 3 | eq-token -m "$mini" -o "$out/tokens.mp"
  eq-plan -m "$mini" -r none -r int4 -r int3 -o "$out/plan.mp"
  eq-ppl -q -m "$mini" -R "$out/plan.mp" -i "$out/tokens.mp" -o "$out/all.mp"
  run --separate-stderr eq-plan -m "$mini" --missing "$out/all.mp" --tokens "$out/tokens.mp" -R "$out/plan.mp" -o "$out/missing.mp"
  [ "$status" -eq 0 ]
  [ "$stderr" = "" ]
  [ "$(eq-show -f jsonl -i "$out/missing.mp" | wc -l)" -eq 0 ]
  # two segments under all, and all segments under none and int4
  eq-shard -n 1 -s 0 -i "$out/tokens.mp" | eq-ppl -q -m "$mini" -r none -r int4 -o "$out/two.mp"
  run --separate-stderr eq-plan -r int8 --missing "$out/two.mp" -R "$out/plan.mp" -o "$out/missing.mp"
  [ "$status" -eq 1 ]
  [ "$stderr" = "eq-plan: 2 of 4 recipes lack 12 of 24 cells" ]
  [ "$(eq-show -f jsonl -i "$out/missing.mp" | jq -c '[.recipe, .missing, .cells]' | tr '\n' ' ')" = '["int8/g128",6,6] ["int3/g128",6,6] ' ]
  # it is a plan again: what it names, measured, completes the results
  eq-ppl -q -m "$mini" -R "$out/missing.mp" -i "$out/tokens.mp" -o "$out/rest.mp"
  eq-plan -r int8 --missing "$out/two.mp" --missing "$out/rest.mp" -R "$out/plan.mp" -o "$out/missing.mp"
  # a result that broke off is used as far as it came; the plan comes on stdin
  size=$(stat -c %s "$out/all.mp")
  head -c $((size - 500)) "$out/all.mp" >"$out/cut.mp"
  run --separate-stderr bash -c "eq-plan --missing '$out/cut.mp' --tokens '$out/tokens.mp' <'$out/plan.mp' -o '$out/missing.mp'"
  [ "$status" -eq 1 ]
  [[ "${stderr_lines[0]}" == *"without its trailer"* ]]
  had=$(eq-show -f jsonl -i "$out/cut.mp" 2>/dev/null | wc -l)
  [ "$(eq-show -f jsonl -i "$out/missing.mp" | jq -s 'map(.missing) | add')" -eq $((18 - had)) ]
}

@test "results of another text are not those that were planned" {
  eq-text -c corpora/udhr -l en,he --limit 3 | eq-token -m "$mini" -o "$out/tokens.mp"
  eq-show -f jsonl -i "$out/tokens.mp" | sed '4s/"ids":\[/&3,/; 4s/"starts":\[/&0,/; 4s/"ends":\[/&0,/' |
    eq-show --from jsonl -f stream >"$out/other.mp"
  eq-ppl -q -m "$mini" -i "$out/other.mp" -o "$out/results.mp"
  run -2 --separate-stderr eq-plan -r none --missing "$out/results.mp" --tokens "$out/tokens.mp"
  [[ "$stderr" == "eq-plan: $out/results.mp: record 4 (surprisal): "*" is of another text than the planned one" ]]
  eq-plan -r none --missing "$out/results.mp" --tokens "$out/other.mp" -o "$out/missing.mp"
  eq-plan -r none --missing "$out/results.mp" -o "$out/missing.mp"
}

@test "results of two models, or of two settings, are refused" {
  run_missing() { run eq-plan -r none --missing "$out/results.mp"; }
  surprisal() {
    PYTHONPATH=tests/golden PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$out/results.mp" "$@" <<'END'
import json, stream, sys
one = dict(k="surprisal", lang="en", id="1", model="m", recipe="none", n_tokens=4, n_scored=3, nll=1.0)
stream.write(sys.argv[1], [{**one, **json.loads(more)} for more in sys.argv[2:]], "test")
END
  }
  surprisal '{}' '{"id": "2", "model": "other"}'
  run_missing
  [ "$status" -eq 2 ]
  [ "$output" = "eq-plan: $out/results.mp: record 2 (surprisal) is of model 'other', those before it of 'm'" ]
  for key in settings as reference; do
    surprisal "{\"$key\": \"x\"}" '{"id": "2"}'
    run_missing
    [ "$status" -eq 2 ]
    [[ "$output" == *"record 2 (surprisal) is of settings '', those before it of '$key x'" ]]
  done
  surprisal '{}' '{"id": "2", "recipe": "int4/g128"}'
  run --separate-stderr eq-plan -r none -m "$mini" --missing "$out/results.mp"
  [ "$status" -eq 2 ]
  [[ "$stderr" == *"the results are of the model 'm', corpora/mini is 'mini@"* ]]
  run_missing
  [ "$status" -eq 1 ]
  [[ "$output" == *"1 of 1 recipes lack 1 of 2 cells" ]]
}
