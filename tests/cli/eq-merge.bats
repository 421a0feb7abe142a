# Merging streams.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  out=$BATS_TEST_TMPDIR
}

# stream FILE RECORDS [PROGRAM]: a list of records in Python's words.
stream() {
  PYTHONPATH=tests/golden PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$@" <<'END'
import stream, sys
def one(id, nll=1.0, recipe="none", **more):
    return dict(k="surprisal", lang="en", id=id, model="m", recipe=recipe, n_tokens=4, n_scored=3, nll=nll, **more)
stream.write(sys.argv[1], eval(sys.argv[2]), *sys.argv[3:] or ["test"])
END
}

@test "scored shards, merged in any order, are the bytes of one run, merged" {
  eq-text -c corpora/udhr -l en,he --limit 6 | eq-token -m corpora/mini -o "$out/all.mp"
  eq-ppl -q -m corpora/mini -r none -r int4 -i "$out/all.mp" | eq-merge -o "$out/one.mp"
  for i in 0 1 2; do
    eq-shard -n 3 -s $i -i "$out/all.mp" | eq-ppl -q -m corpora/mini -r none -r int4 -o "$out/$i.mp"
  done
  cat "$out"/[012].mp | eq-merge -o "$out/merged.mp"
  cmp "$out/one.mp" "$out/merged.mp"
  cat "$out"/{2,0,1}.mp | eq-merge | cmp "$out/one.mp"
  eq-merge -i "$out/one.mp" | cmp "$out/one.mp"
  [ "$(eq-show -f jsonl -i "$out/one.mp" | wc -l)" -eq 24 ]
  [ "$(eq-show -f tsv -c lang,id,recipe -i "$out/one.mp" | sed 1d)" = "$(eq-show -f tsv -c lang,id,recipe -i "$out/one.mp" | sed 1d | LC_ALL=C sort)" ]
}

@test "a record that came again is there once, and is counted" {
  stream "$out/a.mp" '[one("1"), one("2"), dict(k="of-tomorrow", x=1)]'
  stream "$out/b.mp" '[one("2"), one("3"), dict(k="of-tomorrow", x=1), dict(k="of-tomorrow", x=2)]'
  cat "$out"/[ab].mp | eq-merge 2>"$out/said" | eq-show -f jsonl >"$out/got"
  [ "$(jq -c '[.id, .x]' "$out/got" | tr '\n' ' ')" = '["1",null] ["2",null] ["3",null] [null,1] [null,2] ' ]
  [ "$(cat "$out/said")" = "eq-merge: 2 records came again and are there once" ]
}

@test "a conflict is named, and nothing is written" {
  stream "$out/a.mp" '[one("1"), one("2", 5.0)]'
  stream "$out/b.mp" '[one("2", 5.25)]'
  run --separate-stderr bash -c "cat '$out'/[ab].mp | eq-merge -o '$out/merged.mp'"
  [ "$status" -eq 1 ]
  [ "$stderr" = "eq-merge: records 2 and 3 are of the same thing and differ in 'nll': surprisal en 2 m none (were both made with the same model, settings and version?)" ]
  [ ! -e "$out/merged.mp" ]
}

@test "what else tells records apart: how they were scored, and what with" {
  stream "$out/a.mp" '[one("1"), one("1", 2.0, reference="none"), {**one("1", 3.0), "as": "hf:8:4"}, one("1", 4.0, recipe="int4")]'
  [ "$(eq-merge -i "$out/a.mp" | eq-show -f jsonl | wc -l)" -eq 4 ]
}

@test "a key that is a part of another sorts before it, whatever follows" {
  stream "$out/a.mp" '[one("1", recipe="b"), one("1 ", recipe="a"), one("1\0", recipe="a"), one("1", recipe="a"), one("", recipe="c")]'
  [ "$(eq-merge -i "$out/a.mp" | eq-show -f jsonl | jq -c '[.id, .recipe]' | tr '\n' ' ')" = \
    '["","c"] ["1","a"] ["1","b"] ["1\u0000","a"] ["1 ","a"] ' ]
}

@test "all chains of programs stay, each once, whatever came first" {
  stream "$out/a.mp" '[one("1")]' first
  stream "$out/b.mp" '[one("2")]' second
  cat "$out"/{a,b}.mp | eq-merge -o "$out/ab.mp"
  cat "$out"/{b,a,b}.mp | eq-merge -q -o "$out/ba.mp"
  cmp "$out/ab.mp" "$out/ba.mp"
  LC_ALL=C grep -aq first "$out/ab.mp"
  LC_ALL=C grep -aq second "$out/ab.mp"
  eq-merge -i "$out/ab.mp" | cmp "$out/ab.mp"
}

@test "a truncated stream is merged as far as it came, and says so" {
  stream "$out/a.mp" '[one("2"), one("1")]'
  head -c -21 "$out/a.mp" >"$out/cut.mp"
  run --separate-stderr eq-merge -i "$out/cut.mp" -o "$out/merged.mp"
  [ "$status" -eq 1 ]
  [[ "$stderr" == *"without its trailer"* ]]
  run --separate-stderr eq-show -f jsonl -i "$out/merged.mp"
  [ "$status" -eq 1 ]
  [ "$(jq -r .id <<<"$output" | tr '\n' ' ')" = '1 2 ' ]
}

@test "a record without what makes it one is refused" {
  stream "$out/a.mp" '[dict(k="surprisal", lang="en", model="m", recipe="none", n_tokens=4, n_scored=3, nll=1.0)]'
  run eq-merge -i "$out/a.mp"
  [ "$status" -eq 2 ]
  [[ "$output" == *"record 1 (surprisal): 'id' is missing, expected a string" ]]
}

@test "null is absent, and NaN does not differ from NaN" {
  stream "$out/a.mp" '[one("1", reference=None), one("2", float("nan"), excluded="short")]'
  stream "$out/b.mp" '[one("2", float("nan"), excluded="long")]'
  eq-merge -q -i "$out/a.mp" -o "$out/same.mp"
  run --separate-stderr bash -c "cat '$out'/[ab].mp | eq-merge"
  [ "$status" -eq 1 ]
  [[ "$stderr" == *"differ in 'excluded': surprisal en 2 m none"* ]]
}

@test "a source record in other words is provenance all the same" {
  stream "$out/a.mp" '[dict(prog=[{"name": "x"}], k="source"), one("1"), dict(prog=[{"name": "y"}], k="source"), one("2")]'
  eq-merge -i "$out/a.mp" -o "$out/m.mp"
  [ "$(LC_ALL=C grep -ao 'source' "$out/m.mp" | wc -l)" -eq 2 ]
}
