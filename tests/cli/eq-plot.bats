# eq-plot on the golden stream; what a script says is checked on the script, that an image appears on the image.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  out=$BATS_TEST_TMPDIR
  damage=$BATS_FILE_TMPDIR/damage.mp
}

setup_file() {
  eq-disparity -q -B 200 -i tests/golden/surprisal.mp -o "$BATS_FILE_TMPDIR/damage.mp"
}

# A stand-in for gnuplot, first on the PATH.
fake_gnuplot() {
  mkdir "$out/bin"
  printf '#!/bin/sh\n%s\n' "$1" >"$out/bin/gnuplot"
  chmod +x "$out/bin/gnuplot"
  PATH=$out/bin:$PATH
}

@test "the name after -o chooses between SVG and PNG" {
  eq-plot -i "$damage" -o "$out/a.svg"
  grep -q '<svg' "$out/a.svg"
  eq-plot -i "$damage" -o "$out/a.png"
  [ "$(head -c 8 "$out/a.png" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]
  eq-plot -f png <"$damage" | head -c 4 | grep -aq PNG
}

@test "a picture has every language by name, every recipe but the base, and the unit" {
  eq-plot -i "$damage" -o "$out/a.svg"
  for text in 'Hebrew (he)' 'Arabic (ar)' 'German (de)' 'Finnish (fi)' 'English (en)' int4/tensor int8/g128 \
    'extra bits of surprisal per segment' '95 % interval' 'model tiny' low high; do
    echo "$text"
    grep -qF "$text" "$out/a.svg"
  done
  ! grep -q '>none<' "$out/a.svg" || false
}

@test "the same stream draws the same bytes, whatever gnuplot's user has set" {
  eq-plot -i "$damage" -o "$out/a.svg"
  echo "set label 'from home' at graph 0.5,0.5" >"$out/.gnuplot"
  HOME=$out eq-plot -i "$damage" -o "$out/b.svg"
  cmp "$out/a.svg" "$out/b.svg"
}

@test "points stand where the records say, on the linear axis" {
  # disparity.tsv has NumPy's numbers
  for measure in delta_segment delta_byte; do
    want=$(awk -F'\t' -v key=$measure '$2 == "int4/tensor" && $3 == "he" && $4 == key { printf "%.5g", $5 }' \
      tests/golden/disparity.tsv)
    eq-plot --script -s linear -m $measure -r int4/tensor -i "$damage" >"$out/script"
    echo "$want"
    grep -q "^$want" "$out/script"
    [ "$(grep -cE '^[0-9.e-]+ [0-9.]+ [0-9.e-]+ [0-9.e-]+$' "$out/script")" -eq 5 ]
  done
  eq-plot --script -s linear -r int4/tensor -i "$damage" | cmp - <(eq-plot --script -s linear -m delta_segment \
    -r int4/tensor -i "$damage")
}

@test "saturated points are hollow, and the legend says so" {
  eq-plot --script -i "$damage" | grep -q 'hollow: worse than a blind guess'
  eq-plot --script -r int4/tensor -i "$damage" >"$out/script"
  ! grep -q hollow "$out/script" || false
}

@test "a recipe may be spelled as people spell it" {
  eq-plot --script -r int4 -r int8 -i "$damage" >"$out/script"
  [ "$(grep -o "title 'int[0-9a-z/]*'" "$out/script" | tr '\n' ' ')" = "title 'int8/g128' title 'int4/g128' " ]
}

@test "rows may stand by group" {
  eq-plot --script --sort group -i "$damage" >"$out/script"
  [ "$(grep -o "^set label '\(low\|high\)'" "$out/script" | uniq | wc -l)" -eq 2 ]
}

@test "a name cannot speak to gnuplot" {
  /usr/bin/env python3 - "$damage" "$out/evil.mp" <<'END'
import sys
data = open(sys.argv[1], "rb").read()
assert b"\xa4tiny" in data
open(sys.argv[2], "wb").write(data[:-40].replace(b"\xa4tiny", b"\xa4'\n!x"))
END
  run --separate-stderr eq-plot --script -i "$out/evil.mp"
  [ "$status" -eq 1 ] # the trailer is cut off
  grep -qF "model '' !x" <<<"$output"
  ! grep -q '^!' <<<"$output" || false
}

@test "no gnuplot, a failing one and a silent one are errors, and no image appears" {
  run env PATH=/nowhere "$(command -v eq-plot)" -i "$damage" -o "$out/a.svg"
  [ "$status" -eq 2 ]
  [[ "$output" == "eq-plot: there is no gnuplot on the PATH: install it"* ]]
  fake_gnuplot 'echo "line 3: unknown terminal" >&2; exit 1'
  run eq-plot -i "$damage" -o "$out/a.svg"
  [ "$status" -eq 2 ]
  [ "$output" = "eq-plot: gnuplot failed (status 1): line 3: unknown terminal" ]
  printf '#!/bin/sh\nexit 0\n' >"$out/bin/gnuplot"
  run eq-plot -i "$damage" -o "$out/a.svg"
  [ "$status" -eq 2 ]
  [[ "$output" == *"it gave no image and no reason" ]]
  [ ! -e "$out/a.svg" ]
}

@test "a stream without damage is a failure, not an empty picture" {
  run eq-plot -i tests/golden/surprisal.mp -o "$out/a.svg"
  [ "$status" -eq 2 ]
  [[ "$output" == *"no damage to draw"* ]]
  [ ! -e "$out/a.svg" ]
  run eq-plot -r int3 -i "$damage" -o "$out/a.svg"
  [ "$status" -eq 2 ]
}

# stream FILE RECORDS: a list of damage records in Python's words.
stream() {
  PYTHONPATH=tests/golden PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$@" <<'END'
import stream, sys
def one(lang, recipe, x, half, flags="", model="m", base="none"):
    values = {"delta_segment": x, "delta_segment_lo": x - half, "delta_segment_hi": x + half}
    values.update({k.replace("segment", "byte"): v / 100 for k, v in values.items()})
    return dict(values, k="damage", model=model, recipe=recipe, base=base, lang=lang, segments=60,
                excluded=0, tokens=5000, bits_segment=400.0, bits_byte=4.0, bits_char=4.0, ppl=30.0, base_ppl=29.0, deg=3.0,
                flags=flags)
stream.write(sys.argv[1], eval(sys.argv[2]), "test")
END
}

@test "a damage that came twice is refused, not drawn twice" {
  stream "$out/twice.mp" '[one("en", "int4", 1, 0.2), one("de", "int4", 1, 0.2), one("en", "int4", 2, 0.2)]'
  run eq-plot -i "$out/twice.mp" -o "$out/a.svg"
  [ "$status" -eq 2 ]
  [[ "$output" == *"the damage of 'int4' to 'en' came twice"* ]]
}

@test "two models or two bases in one picture are refused" {
  stream "$out/models.mp" '[one("en", "int4", 1, 0.2, model="a"), one("en", "int4", 1, 0.2, model="b")]'
  run eq-plot -i "$out/models.mp" -o "$out/a.svg"
  [ "$status" -eq 2 ]
  [[ "$output" == *"2 models, 'a' and 'b' among them: choose one with --model" ]]
  eq-plot --model b -i "$out/models.mp" -o "$out/a.svg"
  stream "$out/bases.mp" '[one("en", "int4", 1, 0.2), one("de", "int4", 1, 0.2, base="int8")]'
  run eq-plot -i "$out/bases.mp" -o "$out/b.svg"
  [ "$status" -eq 2 ]
  [[ "$output" == *"over different bases, 'none' and 'int8'" ]]
}

@test "more recipes than a chart can tell apart are refused" {
  stream "$out/many.mp" '[one("en", "r%d" % i, 1 + i, 0.2) for i in range(15)]'
  run eq-plot -i "$out/many.mp" -o "$out/a.svg"
  [ "$status" -eq 2 ]
  [[ "$output" == *"15 recipes, of which a chart can show 14: choose with --recipe" ]]
}

@test "damages that are all 0 are drawn" {
  stream "$out/zero.mp" '[one(l, "int8", 0.0, 0.0) for l in ("en", "de")]'
  eq-plot -i "$out/zero.mp" -o "$out/a.svg"
  grep -q 'German (de)' "$out/a.svg"
}

@test "a damage without an interval is a point, one without a number is left out and counted" {
  stream "$out/nan.mp" '[one("en", "int4", 1.0, float("nan")), one("fr", "int4", 2.0, float("inf")), one("de", "int4", float("nan"), float("nan"))]'
  run --separate-stderr eq-plot --script -i "$out/nan.mp"
  grep -qE '^1 [0-9.]+ 1 1$' <<<"$output"
  grep -qE '^2 [0-9.]+ 2 2$' <<<"$output"
  ! grep -qi '^nan' <<<"$output" || false
  [ "$stderr" = "eq-plot: left out 1 damages that are not numbers" ]
}

@test "a point is hollow wherever in the flags saturated stands" {
  stream "$out/late.mp" '[one("en", "int2", 900, 9, "little-text,saturated")]'
  eq-plot --script -i "$out/late.mp" | grep -q hollow
  stream "$out/other.mp" '[one("en", "int2", 900, 9, "saturated-not")]'
  eq-plot --script -i "$out/other.mp" >"$out/script"
  ! grep -q hollow "$out/script" || false
}

@test "points without an interval do not stretch the axis" {
  stream "$out/bare.mp" '[one(l, r, x, float("nan") if l == "en" else x / 10) for l in ("en", "de", "fr")
    for r, x in (("int8", 0.1), ("int4", 9.0))]'
  eq-plot --script -s log -i "$out/bare.mp" | grep -qF "set xtics ('0' 0, '0.01' " # the sharpest
}

@test "long recipes stand below each other, and the legend has room for all" {
  stream "$out/long.mp" '[one("en", "int4/tensor;L%d=keep;name:h.*.mlp=keep" % i, 1 + i, 0.2) for i in range(14)]'
  eq-plot --script -i "$out/long.mp" >"$out/script"
  grep -q 'maxcols 1' "$out/script"
  [ "$(sed -n 's/^set terminal .* size 900,\([0-9]*\) .*/\1/p' "$out/script")" -ge $((44 + 90 + 74 + 14 * 20)) ]
}

@test "words that are no choice are refused with the choices" {
  run eq-plot -s sqrt -i "$damage"
  [ "$status" -eq 2 ]
  [ "$output" = "eq-plot: --scale: 'sqrt' is none of auto, linear, log" ]
  run eq-plot -m ppl -i "$damage"
  [[ "$output" == *"'ppl' is none of delta_segment, delta_byte" ]]
  run eq-plot -w 10 -i "$damage"
  [[ "$output" == *"--width: 10 is not in 400-4000" ]]
}

@test "curves have a panel a kind of recipe, and stand at their bits from many to few" {
  stream "$out/bits.mp" '[one(l, "int%d%s" % (b, g), 2.0 ** (8 - b) * (2 if l == "he" else 1), 0.5, "saturated" if b == 2 else "")
    for l in ("en", "he") for g in ("/row", "/g128") for b in (2, 4, 8)] + [one("en", "prune=0.5", 9, 1)]'
  run --separate-stderr eq-plot --curves --script -s linear -i "$out/bits.mp"
  [ "$status" -eq 0 ]
  [ "$stderr" = "eq-plot: left out 1 recipes that name no bits" ]
  [ "$(grep -o "^set title 'int·/[a-z0-9]*'" <<<"$output" | tr '\n' ' ')" = "set title 'int·/row' set title 'int·/g128' " ]
  # Hebrew is damaged most: the first curve, left of English; the last point is hollow
  sed -n '/^\$p1_0 <</,/^END/p' <<<"$output" | sed '1d;$d' >"$out/curve"
  diff <(printf '8.075 2 1.5 2.5 7\n4.075 32 31.5 32.5 7\n2.075 128 127.5 128.5 6\n') "$out/curve"
  eq-plot --curves -i "$out/bits.mp" -q -o "$out/bits.svg"
  for text in 'Hebrew (he)' 'English (en)' 'int·/g128' bits 'hollow: worse than a blind guess' '95 % interval'; do
    echo "$text"
    grep -qF "$text" "$out/bits.svg"
  done
}

@test "curves of nothing, or of more than can be told apart, are refused" {
  stream "$out/none.mp" '[one("en", "prune=0.5", 9, 1), one("en", "L3=keep", 9, 1)]'
  run eq-plot --curves -i "$out/none.mp"
  [ "$status" -eq 2 ]
  [[ "$output" == *"no recipe names bits"* ]]
  stream "$out/many.mp" '[one("x%c" % (97 + i), "int4", 9, 1) for i in range(22)]'
  run eq-plot --curves -i "$out/many.mp"
  [ "$status" -eq 2 ]
  [[ "$output" == *"22 languages, of which curves can show 21"* ]]
  stream "$out/kinds.mp" '[one("en", "int4;L%d=keep" % i, 9, 1) for i in range(13)]'
  run eq-plot --curves -i "$out/kinds.mp"
  [ "$status" -eq 2 ]
  [[ "$output" == *"13 kinds of recipes, of which curves can show 12"* ]]
}

@test "damages of texts that were scored as another program does say so, and are not mixed with others" {
  local way
  for way in llama.cpp:512 lm-eval:64 none; do
    eq-disparity -q -i tests/golden/surprisal.mp | eq-show -f jsonl -k damage |
      jq -c --arg way "$way" 'if $way == "none" then . else .as = $way end' |
      eq-show --from jsonl -f stream -o "$BATS_TEST_TMPDIR/$way"
  done
  eq-plot --script -i "$BATS_TEST_TMPDIR/llama.cpp:512" | grep -q "^set title 'Damage to each language, model .* scored as llama.cpp:512, "
  eq-plot --script -i "$BATS_TEST_TMPDIR/none" >"$BATS_TEST_TMPDIR/script"
  grep -q '^set title ' "$BATS_TEST_TMPDIR/script"
  ! grep 'scored as' "$BATS_TEST_TMPDIR/script" || false
  cat "$BATS_TEST_TMPDIR/llama.cpp:512" "$BATS_TEST_TMPDIR/lm-eval:64" >"$BATS_TEST_TMPDIR/two"
  run -2 --separate-stderr eq-plot -i "$BATS_TEST_TMPDIR/two"
  [[ $stderr == *'scored as llama.cpp:512 and as lm-eval:64: numbers of different ways of scoring do not compare'* ]]
  cat "$BATS_TEST_TMPDIR/none" "$BATS_TEST_TMPDIR/lm-eval:64" >"$BATS_TEST_TMPDIR/two"
  run -2 --separate-stderr eq-plot --curves -i "$BATS_TEST_TMPDIR/two"
  [[ $stderr == *'scored as lm-eval:64 and without --as: numbers'* ]]
  # tables keep the way of each row
  run -0 eq-show -k damage -c lang,recipe,as,deg -i "$BATS_TEST_TMPDIR/two"
  [[ ${lines[0]} == *' as '* && $output == *'lm-eval:64'* ]]
}

@test "what curves leave out does not stretch their axis, and a share is no width" {
  stream "$out/left.mp" '[one("en", r, x, 0.5, "saturated" if x > 99 else "") for r, x in (("int8", 3), ("int4", 5), ("prune=0.9", 9000),
    ("top5%=int4", 7000))]'
  run --separate-stderr eq-plot --curves --script -i "$out/left.mp"
  [ "$stderr" = "eq-plot: left out 2 recipes that name no bits" ]
  grep -qE '^set yrange \[-0.11:5.61\]' <<<"$output"
  ! grep -q hollow <<<"$output" || false
}

# pareto RECORD...: a stream of points in Python's words.
pareto() {
  PYTHONPATH=tests/golden PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$out/pareto.mp" "$@" <<'END'
import stream, sys
def point(overhead, mean, spread=1.0, **more):
    return dict(k="pareto", model="m", recipe=f"r{overhead}-{mean}-{spread}", base="none", over="int4", overhead=overhead * 1e3,
                overhead_percent=float(overhead), delta_mean=mean, worst_minus_best=spread, front="", **more)
stream.write(sys.argv[1], eval(f"({sys.argv[2]})"), "test")
END
}

# block NAME: the rows of a data block of the script.
block() { awk -v name="\$$1" '$1 == name { on = 1; next } $1 == "END" { on = 0 } on' "$out/script"; }

@test "of pareto records the chosen are a line, controls a band of their quantiles, all others dots" {
  pareto '[point(10, m, plan="random") for m in (5.0, 1.0, 3.0, 2.0, 4.0)] + [point(20, 7.0, plan="random")] +
    [{**point(10, 0.5, delta_mean_lo=0.25, delta_mean_hi=0.75), "chosen": "delta_mean"}, {**point(0, 9.0), "chosen": "delta_mean,worst_minus_best"},
     {**point(20, 0.5, 0.125), "chosen": "worst_minus_best"}, {**point(30, 0.125), "chosen": "", "front": "delta_mean"}]'
  eq-plot --pareto --script -i "$out/pareto.mp" >"$out/script"
  diff <(block line0) <(printf '0 9 9 9\n10 0.5 0.25 0.75\n')
  diff <(block line1) <(printf '0 1 1 1\n20 0.125 0.125 0.125\n')
  diff <(block dots0) <(printf '20 0.5 0.5 0.5\n30 0.125 0.125 0.125\n')
  diff <(block band0) <(printf '10 1.2 3 4.8\n20 7 7 7\n')
  eq-plot --pareto -i "$out/pareto.mp" -o "$out/pareto.png"
  [ "$(head -c 4 "$out/pareto.png" | tail -c 3)" = PNG ]
}

@test "without a choice the front itself is the line; what does not compare is not drawn" {
  pareto '[{**point(0, 9.0), "front": "delta_mean"}, point(10, 10.0)]'
  eq-plot --pareto --script -i "$out/pareto.mp" >"$out/script"
  diff <(block line0) <(printf '0 9 9 9\n')
  diff <(block dots0) <(printf '10 10 10 10\n')
  pareto '[point(0, 9.0), {**point(10, 10.0), "model": "other"}]'
  run eq-plot --pareto -i "$out/pareto.mp"
  [ "$status" -eq 2 ]
  [ "$output" = "eq-plot: the stream has several models, 'm' and 'other' among them" ]
  run eq-plot --pareto -i "$damage"
  [ "$status" -eq 2 ]
  [ "$output" = "eq-plot: no pareto record to draw: eq-pareto makes them" ]
  run eq-plot --pareto --curves -i "$damage"
  [ "$status" -eq 2 ]
}
