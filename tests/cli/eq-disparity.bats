# eq-disparity on a stream made in Python (tests/golden/disparity.py). That its numbers are right: tests/unit/disparity.c.

export LC_ALL=C # for grep: a stream is not UTF-8
stream=tests/golden/surprisal.mp

@test "a golden stream gives a damage record per recipe and language, and a disparity record per recipe" {
  eq-disparity -q -i $stream -o "$BATS_TEST_TMPDIR/out.mp"
  [ "$(grep -ao 'k.damage' "$BATS_TEST_TMPDIR/out.mp" | wc -l)" -eq 25 ]
  [ "$(grep -ao 'k.disparity' "$BATS_TEST_TMPDIR/out.mp" | wc -l)" -eq 5 ]
}

@test "the same bytes for 1, 2 and 3 threads, through a pipe or a file" {
  eq-disparity -q -t 1 <$stream >"$BATS_TEST_TMPDIR/1.mp"
  eq-disparity -q -t 2 -i $stream -o "$BATS_TEST_TMPDIR/2.mp"
  cat $stream | eq-disparity -q --threads=3 | cat >"$BATS_TEST_TMPDIR/3.mp"
  cmp "$BATS_TEST_TMPDIR/1.mp" "$BATS_TEST_TMPDIR/2.mp"
  cmp "$BATS_TEST_TMPDIR/1.mp" "$BATS_TEST_TMPDIR/3.mp"
}

@test "two shards one after the other give what the whole gives" {
  eq-shard -n 2 -s 0 <$stream >"$BATS_TEST_TMPDIR/0.mp"
  eq-shard -n 2 -s 1 <$stream >"$BATS_TEST_TMPDIR/1.mp"
  eq-disparity -q <$stream | grep -ao 'k.damage.*' >"$BATS_TEST_TMPDIR/whole"
  cat "$BATS_TEST_TMPDIR/1.mp" "$BATS_TEST_TMPDIR/0.mp" | eq-disparity -q >"$BATS_TEST_TMPDIR/joined.mp"
  # headers and digests differ: the chains of programs do
  cmp <(head -c -40 "$BATS_TEST_TMPDIR/whole") <(grep -ao 'k.damage.*' "$BATS_TEST_TMPDIR/joined.mp" | head -c -40)
}

@test "the seed changes the intervals, the estimates stay" {
  eq-disparity -q <$stream >"$BATS_TEST_TMPDIR/0.mp"
  eq-disparity -q --seed 1 <$stream >"$BATS_TEST_TMPDIR/1.mp"
  ! cmp -s "$BATS_TEST_TMPDIR/0.mp" "$BATS_TEST_TMPDIR/1.mp" || false
}

@test "what is left out is counted on stderr, and -q is silent" {
  run --separate-stderr eq-disparity -i $stream -o /dev/null
  [ "$status" -eq 0 ]
  [ "$stderr" = "eq-disparity: model 'tiny': left out 6 segments that were not scored and 2 without a pair: see \`excluded\`" ]
  run --separate-stderr eq-disparity -q -i $stream -o /dev/null
  [ -z "$stderr" ]
}

@test "a base that is not there is an error that names the recipes" {
  run --separate-stderr eq-disparity -b int3 -i $stream -o "$BATS_TEST_TMPDIR/out.mp"
  [ "$status" -eq 2 ]
  [[ "$stderr" == *"no segments under the base recipe 'int3/g128'"*"'int2/g128', 'int4/g128', 'int4/tensor', 'int8/g128', 'none'"* ]]
  [ ! -e "$BATS_TEST_TMPDIR/out.mp" ]
}

@test "the base may be spelled as people spell recipes" {
  eq-disparity -q -b int8 -i $stream -o "$BATS_TEST_TMPDIR/out.mp"
  grep -aq 'base.int8/g128' "$BATS_TEST_TMPDIR/out.mp"
}

@test "a truncated stream is measured as far as it came, and said so" {
  head -c 60000 $stream >"$BATS_TEST_TMPDIR/cut.mp"
  run --separate-stderr eq-disparity -i "$BATS_TEST_TMPDIR/cut.mp" -o "$BATS_TEST_TMPDIR/out.mp"
  [ "$status" -eq 1 ]
  [[ "$stderr" == *"without its trailer"* ]]
  grep -aq 'k.disparity' "$BATS_TEST_TMPDIR/out.mp"
}

@test "a stream without surprisal is a failure, not an empty success" {
  eq-disparity -q -i $stream -o "$BATS_TEST_TMPDIR/damage.mp"
  run --separate-stderr eq-disparity -i "$BATS_TEST_TMPDIR/damage.mp" -o "$BATS_TEST_TMPDIR/out.mp"
  [ "$status" -eq 1 ]
  [[ "$stderr" == *"no surprisal record came in"* ]]
}

@test "groups come from a column, from a file, and from nowhere else" {
  printf '# by hand\nhe\ta\nara\ta\n\nen\tb\r\n' >"$BATS_TEST_TMPDIR/groups.tsv"
  eq-disparity -q -g "$BATS_TEST_TMPDIR/groups.tsv" --low a --high b <$stream >"$BATS_TEST_TMPDIR/file.mp"
  grep -aq 'group.a' "$BATS_TEST_TMPDIR/file.mp"
  ! grep -aq 'no language of the group' "$BATS_TEST_TMPDIR/file.mp" || false
  eq-disparity -q -g script --low Hebr,Arab --high Latn <$stream >"$BATS_TEST_TMPDIR/script.mp"
  ! grep -aq 'no language of the group' "$BATS_TEST_TMPDIR/script.mp" || false
  eq-disparity -q -g script <$stream | grep -aq "no language of the group 'high' in the stream"
  run eq-disparity -g nonsense <$stream
  [ "$status" -eq 2 ]
  [[ "$output" == *"'nonsense' is neither a file nor a column"* ]]
}

@test "a language without a value in the column is in no group" {
  eq-disparity -q <$stream | eq-show -f jsonl -k damage >"$BATS_TEST_TMPDIR/damage.jsonl"
  [ "$(jq -r 'select(.recipe == "none") | .lang + ":" + (.group // "absent")' "$BATS_TEST_TMPDIR/damage.jsonl" |
    tr '\n' ' ')" = "ar:low de:high en:high fi:absent he:low " ]
}

# One model, or two of which the other has other recipes, languages and ids.
two_models() {
  PYTHONPATH=tests/golden PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$@" <<'END'
import stream, sys
def records(model, recipes, langs, first):
    return [{"k": "surprisal", "lang": lang, "id": str(i), "model": model, "recipe": recipe, "n_tokens": 50,
             "n_scored": 50, "nll": 200.0 + r * (i * 7919 % 31), "vocab": 512}
            for r, recipe in enumerate(recipes) for lang in langs for i in range(first, first + 40)]
one, other = records("a", ["none", "int4/g128"], ["en", "he"], 0), records("b", ["int8", "int2", "none"], ["de", "he", "zh"], 20)
stream.write(sys.argv[1], one, "test")
stream.write(sys.argv[2], [r for pair in zip(one, other) for r in pair] + other[len(one):], "test")
END
}

@test "a model's results do not depend on what other models the stream has" {
  two_models "$BATS_TEST_TMPDIR/one.mp" "$BATS_TEST_TMPDIR/two.mp"
  for part in one two; do
    eq-disparity -q -i "$BATS_TEST_TMPDIR/$part.mp" | eq-show -f jsonl | jq -c 'select(.model == "a")' \
      >"$BATS_TEST_TMPDIR/$part.jsonl"
  done
  [ "$(wc -l <"$BATS_TEST_TMPDIR/one.jsonl")" -eq 6 ] # 2 recipes of 2 languages
  cmp "$BATS_TEST_TMPDIR/one.jsonl" "$BATS_TEST_TMPDIR/two.jsonl"
}

@test "a model without the base is an error though another model has it" {
  two_models "$BATS_TEST_TMPDIR/one.mp" "$BATS_TEST_TMPDIR/two.mp"
  run --separate-stderr eq-disparity -q -b int4 -i "$BATS_TEST_TMPDIR/two.mp" -o "$BATS_TEST_TMPDIR/out.mp"
  [ "$status" -eq 2 ]
  [[ "$stderr" == *"model 'b' has no segments under the base recipe 'int4/g128': its recipes are 'int2', 'int8', 'none' "* ]]
  [ ! -e "$BATS_TEST_TMPDIR/out.mp" ]
}

@test "a line of a groups file that says nothing or twice is refused with its number" {
  printf 'he\tlow\nen\n' >"$BATS_TEST_TMPDIR/groups.tsv"
  run eq-disparity -g "$BATS_TEST_TMPDIR/groups.tsv" <$stream
  [ "$status" -eq 2 ]
  [[ "$output" == *"groups.tsv: line 2: expected 'language TAB group'"* ]]
  printf 'he\tlow\tvery\n' >"$BATS_TEST_TMPDIR/groups.tsv"
  run eq-disparity -g "$BATS_TEST_TMPDIR/groups.tsv" <$stream
  [ "$status" -eq 2 ]
  [[ "$output" == *"groups.tsv: line 1: expected 'language TAB group'"* ]]
  printf 'he\tlow\nheb\thigh\n' >"$BATS_TEST_TMPDIR/groups.tsv"
  run eq-disparity -g "$BATS_TEST_TMPDIR/groups.tsv" <$stream
  [ "$status" -eq 2 ]
  [[ "$output" == *"line 2: 'heb' is in the group 'low' already"* ]]
}

@test "a groups file may begin with a byte order mark, and must be UTF-8" {
  printf '\357\273\277he\tlow\nen\thigh\n' >"$BATS_TEST_TMPDIR/groups.tsv"
  eq-disparity -q -g "$BATS_TEST_TMPDIR/groups.tsv" <$stream >"$BATS_TEST_TMPDIR/out.mp"
  ! grep -aq 'no language of the group' "$BATS_TEST_TMPDIR/out.mp" || false
  printf 'en\thigh\nhe\tlow\377\n' >"$BATS_TEST_TMPDIR/groups.tsv"
  run eq-disparity -g "$BATS_TEST_TMPDIR/groups.tsv" <$stream
  [ "$status" -eq 2 ]
  [[ "$output" == *"groups.tsv: line 2: byte 7 is not UTF-8" ]]
}

@test "a language on both sides of the ratio is refused" {
  run --separate-stderr eq-disparity -g joshi --low 3,4 --high 4,5 -i $stream -o "$BATS_TEST_TMPDIR/out.mp"
  [ "$status" -eq 2 ]
  [[ "$stderr" == *"is in the low group '3,4' and in the high group '4,5'" ]]
  [ ! -e "$BATS_TEST_TMPDIR/out.mp" ]
}

@test "replicates out of range are refused" {
  run eq-disparity -B 5 -i $stream
  [ "$status" -eq 2 ]
  [[ "$output" == *"--replicates: 5 is not in 100-1000000"* ]]
}

@test "a combination's excess is what it adds beyond the sum of its parts, with the interval that its segments give" {
  cd "$BATS_TEST_DIRNAME/../.."
  PYTHONPATH=tests/golden PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$BATS_TEST_TMPDIR" <<'END'
import math, random, stream, sys
folder, draw = sys.argv[1], random.Random(3)
def one(recipe, lang, i, nll, **more):
    return dict(k="surprisal", lang=lang, id=str(i), model="m", recipe=recipe, n_tokens=40, n_scored=39, bytes=200, chars=200,
                nll=nll, vocab=512, **more)
raw, summed, mean = [], [], {}
for lang, excess in ("ar", 3.0), ("en", 0.0), ("he", -4.0):
    rows = []
    for i in range(40):
        base = draw.gauss(100, 9)
        a, b = base + draw.gauss(5, 1), base + draw.gauss(3, 1)
        whole = a + b - base + draw.gauss(excess, 2)
        lost = lang == "he" and i == 7  # a segment that one part did not score does not count
        raw += [one("none", lang, i, base), one("mlp=int4/g128", lang, i, b), one("attn=int3/g128;mlp=int4/g128", lang, i, whole)]
        raw += [] if lost else [one("attn=int3/g128", lang, i, a)]
        if not lost:
            summed += [one("none", lang, i, a + b - base), one("attn=int3/g128;mlp=int4/g128", lang, i, whole)]
            rows.append([(whole - base) / math.log(2), (a + b - 2 * base) / math.log(2)])
    mean[lang] = [sum(r[j] for r in rows) / len(rows) for j in (0, 1)]
stream.write(folder + "/raw.mp", raw, "test")
stream.write(folder + "/summed.mp", summed, "test")
open(folder + "/want", "w").writelines(f"{l} {d:.9g} {s:.9g} {d - s:.9g}\n" for l, (d, s) in sorted(mean.items()))
END
  cd "$BATS_TEST_TMPDIR"
  eq-disparity -q -i raw.mp | eq-show -f jsonl -k interaction >got.jsonl
  [ "$(jq -r .parts got.jsonl | uniq)" = 'attn=int3/g128 & mlp=int4/g128' ]
  /usr/bin/python3 - <<'END'
import json
got = [json.loads(line) for line in open("got.jsonl")]
want = {l: tuple(map(float, w)) for l, *w in (line.split() for line in open("want"))}
assert [g.get("lang") for g in got] == ["ar", "en", "he", None, None], got
for g in got[:3]:
    for key, value in zip(("delta", "sum", "excess"), want[g["lang"]]):
        assert abs(g[key] - value) < 1e-7, (g, key, value)
assert [g["segments"] for g in got[:3]] == [40, 40, 39]
assert [g["flags"] for g in got[:3]] == ["worse-than-sum", "", "better-than-sum"], [g["flags"] for g in got]
low, high = got[3:]
assert (low["group"], high["group"]) == ("low", "high")
assert abs(low["sum"] - (want["ar"][1] + want["he"][1]) / 2) < 1e-7 and abs(high["excess"] - want["en"][2]) < 1e-7
END
  # its interval is that of a recipe whose base is the sum
  eq-disparity -q -i summed.mp | eq-show -f jsonl -k damage | jq -c 'select(.recipe != "none") |
    [.lang, (.delta_segment_lo, .delta_segment_hi | . * 1e9 | round)]' >intervals
  jq -c 'select(.lang) | [.lang, (.excess_lo, .excess_hi | . * 1e9 | round)]' got.jsonl | diff - intervals
}

@test "recipes whose parts were not all measured are no combination" {
  eq-disparity -q -i $stream | eq-show -f jsonl >"$BATS_TEST_TMPDIR/all"
  ! grep -q interaction "$BATS_TEST_TMPDIR/all" || false
}

@test "clauses are a combination only where they surely share no weight" {
  cd "$BATS_TEST_DIRNAME/../.."
  PYTHONPATH=tests/golden PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$BATS_TEST_TMPDIR/apart.mp" <<'END'
import stream, sys
parts = ["int4/g128", "L0=int8/g128", "attn=int3/g128", "L1=int2/g128", "L0-2=int4/g128", "L3.attn=int4/g128", "L3.mlp=int3/g128",
         "L-1=int2/g128", "k=int4/g128", "v=int2/g128"]
whole = ["int4/g128;L0=int8/g128", "attn=int3/g128;L1=int2/g128", "L0=int8/g128;L1=int2/g128", "L0-2=int4/g128;L1=int2/g128",
         "L3.attn=int4/g128;L3.mlp=int3/g128", "L0=int8/g128;L-1=int2/g128", "k=int4/g128;v=int2/g128"]
stream.write(sys.argv[1], [dict(k="surprisal", lang="en", id=str(i), model="m", recipe=r, n_tokens=4, n_scored=3, nll=9.0 + n + i * n / 7)
                           for i in range(4) for n, r in enumerate(["none", *parts, *whole])], "test")
END
  eq-disparity -q -B 100 -i "$BATS_TEST_TMPDIR/apart.mp" | eq-show -f jsonl -k interaction >"$BATS_TEST_TMPDIR/got"
  diff - <(jq -r 'select(.lang) | .recipe' "$BATS_TEST_TMPDIR/got") <<'END'
L0=int8/g128;L1=int2/g128
L3.attn=int4/g128;L3.mlp=int3/g128
k=int4/g128;v=int2/g128
END
  [ "$(jq -r '.group // empty' "$BATS_TEST_TMPDIR/got" | sort -u)" = high ]
}
