# What recipes cost beside what they hurt.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup_file() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  eq-plan prefixes -m corpora/mini -r none -r int4 -o "$BATS_FILE_TMPDIR/plan.mp"
  eq-text -c corpora/udhr -l en,de,he --limit 3 | eq-token -m corpora/mini |
    eq-ppl -q -m corpora/mini -R "$BATS_FILE_TMPDIR/plan.mp" | eq-disparity -q -B 200 -o "$BATS_FILE_TMPDIR/damage.mp"
}

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  out=$BATS_TEST_TMPDIR
  plan=$BATS_FILE_TMPDIR/plan.mp damage=$BATS_FILE_TMPDIR/damage.mp
}

# fronts MEASURE: of JSON lines of all points, those that no other beats, found by brute force.
fronts() {
  jq -rs --arg m "$1" '. as $all | .[] | . as $p
    | select(all($all[]; (.overhead <= $p.overhead and .[$m] <= $p[$m] and (.overhead < $p.overhead or .[$m] < $p[$m])) | not))
    | .recipe'
}

@test "the front is what no recipe of at most that size beats, by each measure" {
  cat "$plan" "$damage" | eq-pareto -q | eq-show -k pareto -f jsonl >"$out/points"
  [ "$(wc -l <"$out/points")" -eq 14 ]
  for measure in delta_mean worst_minus_best; do
    diff <(fronts $measure <"$out/points") <(jq -r --arg m $measure 'select(.front | split(",") | index($m)) | .recipe' "$out/points")
  done
  diff <(cat "$plan" "$damage" | eq-pareto -q -f | eq-show -k pareto -f jsonl) <(grep -v '"front":""' "$out/points")
}

@test "sizes are the plan's, damages eq-disparity's, whatever the order" {
  cat "$plan" "$damage" | eq-pareto -q | eq-show -k pareto -f jsonl | sort >"$out/points"
  cat "$damage" "$plan" | eq-pareto -q | eq-show -k pareto -f jsonl | sort | cmp - "$out/points"
  diff <(eq-show -f jsonl -i "$plan" | jq -c '[.recipe, .bytes, .overhead]' | sort) <(jq -c '[.recipe, .bytes, .overhead]' "$out/points" | sort)
  diff <(eq-show -k disparity -f jsonl -i "$damage" | jq -c '[.recipe, .delta_mean, .delta_mean_lo, .worst_minus_best, .worst_minus_best_hi]' | sort) \
    <(jq -c '[.recipe, .delta_mean, .delta_mean_lo, .worst_minus_best, .worst_minus_best_hi]' "$out/points" | sort)
}

@test "a range of damages has no interval below 0, also where it is within the noise" {
  eq-show -k disparity -f jsonl -i "$damage" |
    jq -es 'all(.[]; .worst_minus_best_lo >= 0 and .worst_minus_best_lo <= .worst_minus_best) and any(.[]; .worst_minus_best_lo == 0 and .worst_minus_best > 0)'
}

@test "what a plan or a measurement lacks is counted" {
  eq-plan single -m corpora/mini -o "$out/single.mp"
  run --separate-stderr bash -c "cat '$out/single.mp' '$damage' | eq-pareto -o '$out/pareto.mp'"
  [ "$status" -eq 0 ]
  [ "${stderr_lines[0]}" = "eq-pareto: 13 recipes were measured, but no plan says their size: left out" ]
  [ "${stderr_lines[1]}" = "eq-pareto: 11 recipes were planned, but not measured: left out" ]
  run eq-pareto -i "$plan"
  [ "$status" -eq 1 ]
  [[ "$output" == *"no recipe has both a size"* ]]
}

@test "a front is a list of recipes, and what it chose is said of other segments" {
  cat "$plan" "$damage" | eq-pareto -q -f -o "$out/front.mp"
  n=$(eq-show -k pareto -f jsonl -i "$out/front.mp" | wc -l)
  eq-plan -q -R "$out/front.mp" random -n 3 --like 'int4;L0=keep' -m corpora/mini -o "$out/again.mp"
  [ "$(eq-show -f jsonl -i "$out/again.mp" | wc -l)" -eq $((n + 3)) ]
  eq-text -c corpora/udhr -l en,he --limit 2 | eq-token -m corpora/mini |
    eq-ppl -q -m corpora/mini -r none -R "$out/again.mp" | eq-disparity -q -B 200 | cat "$out/again.mp" - |
    eq-pareto -q --chosen "$out/front.mp" | eq-show -k pareto -f jsonl >"$out/points"
  diff <(eq-show -k pareto -f jsonl -i "$out/front.mp" | jq -c '[.recipe, .front]') <(jq -c 'select(.chosen != "") | [.recipe, .chosen]' "$out/points")
  [ "$(jq -r 'select(.plan == "random") | .chosen + .front' "$out/points" | tr -d '\n')" = "" ]
  [ "$(jq -r 'select(.recipe == "int4/g128;L0=keep") | .controls' "$out/points")" = 3 ]
}
